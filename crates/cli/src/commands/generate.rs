//! `companion generate`: a language model's reply to a prompt. No journal is opened, but with `--cache`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use assistant::cache::{Computed, Context as Guards, Request, Task};
use engine::chat::Message;
use engine::decoder::{Decoder, DecoderOptions, KvKind};
use engine::generate::{
    Finish, GenerateOptions, Lookup, Reply, Sampling, SchemaCompiler, generate,
};
use engine::store::{ModelInfo, ModelStore};
use serde::Serialize;

use crate::cache::{self, CacheArgs, Kept};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::interrupt;
use crate::messages;
use crate::output::escape;

/// What to say, to which model, and how it answers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The reply is written to stdout as it comes; Ctrl-C ends it within a step. With --json it comes \
    whole, with its tokens and times. A prompt that leaves no room for the reply is refused, never cut. \
    With --schema the reply is JSON that the schema in FILE allows, always.\n\
    With --cache the reply is kept encrypted in the journal, and serves again where the same is asked: the model is not even opened."
)]
pub(crate) struct Args {
    /// The prompt, - for stdin
    prompt: String,
    /// A language model of `companion model list` [default: the only one]
    #[arg(short, long, value_name = "NAME")]
    model: Option<String>,
    /// Instructions that come before the prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Give the model the prompt as it is, without its chat template
    #[arg(long)]
    raw: bool,
    /// A JSON Schema that the reply has to follow
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Tokens that the reply may have
    #[arg(long, value_name = "N", default_value_t = 256)]
    max_tokens: usize,
    /// How much chance there is; 0 takes the likeliest token always
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    temperature: f32,
    /// Choose among the N likeliest tokens only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    top_k: usize,
    /// Choose among the likeliest tokens that together have this probability
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f32,
    /// Choose among tokens with this share of the likeliest one's probability
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f32,
    /// Make what was said already less likely; 1 does nothing
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    repetition_penalty: f32,
    /// Where chance begins: the same seed gives the same reply
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// End the reply before this text; may be given several times. Not with --schema, whose JSON it would cut
    #[arg(long, value_name = "TEXT", conflicts_with = "schema")]
    stop: Vec<String>,
    /// Do not look up in the text what may follow; the reply is the same, and slower where it quotes
    #[arg(long)]
    no_lookup: bool,
    /// The same reply on every machine, also with float weights
    #[arg(long)]
    exact: bool,
    /// Type of the cached keys and values: f16, u8 or f32
    #[arg(long, value_name = "TYPE", default_value_t = KvKind::F16)]
    kv: KvKind,
    /// Memory for them in MB [default: enough for as long a text as the model reads, where there is so much]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    kv_mb: Option<u32>,
    /// Threads [default: COMPANION_THREADS, else all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Look for the reply to the same request in the journal's cache, and keep it there
    #[arg(long, conflicts_with = "no_cache")]
    cache: bool,
    #[command(flatten)]
    kept: CacheArgs,
}

/// A reply and what it took.
#[derive(Serialize)]
struct Generated {
    #[serde(flatten)]
    reply: Reply,
    model: String,
    kernel: &'static str,
    threads: usize,
    /// From the start of the program's work to the first text.
    first_ms: f64,
    total_ms: f64,
    /// Why it is over.
    #[serde(skip)]
    finish: Finish,
}

/// A reply that was kept.
#[derive(Serialize)]
struct KeptReply<'a> {
    text: &'a str,
    model: &'a str,
    kept: Kept,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let store = ModelStore::new(context.models_dir());
    let info = model(&store, args.model.as_deref())?;
    if info.is_synthetic() {
        return Err(Failure::usage(format!(
            "{} has {} and no tokenizer; it can only be measured: `companion benchmark --inference -m {}`",
            info.name, info.origin, info.name
        ))
        .into());
    }
    let words = std::slice::from_ref(&args.prompt);
    let prompt = input::entry_text(words)?.unwrap_or_default();
    let finish = match args.cache || args.kept.is_refresh() {
        true => kept_or_new(context, args, &store, &info, &prompt)?,
        false => Some(anew(context, args, &store, &info, &prompt)?.finish),
    };
    if finish == Some(Finish::MaxTokens) && !context.out.is_json() {
        let limit = messages::counted(args.max_tokens, "token", "tokens");
        context
            .out
            .note(format!("the reply was ended at {limit} (--max-tokens)"));
    }
    Ok(match finish {
        Some(Finish::Cancelled) => Exit::Interrupted,
        _ => Exit::Success,
    })
}

/// Writes the reply that is kept for a request that means the same, with the same model, instructions and parameters; else
/// a new one, which is kept. Tells why a new one is over.
fn kept_or_new(
    context: &Context,
    args: &Args,
    store: &ModelStore,
    info: &ModelInfo,
    prompt: &str,
) -> anyhow::Result<Option<Finish>> {
    let journal = context.journal()?;
    let encoder = context.encoder()?;
    let cache = cache::open(context, &journal, encoder.as_ref())?;
    let schema = match &args.schema {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the schema {}", path.display()))?,
        None => String::new(),
    };
    let parameters = format!(
        "{:?}",
        (
            (&args.system, args.raw, schema, &args.stop, args.max_tokens),
            (args.temperature, args.top_k, args.top_p, args.min_p),
            (args.repetition_penalty, args.seed, args.exact, args.kv),
        )
    );
    let id = info.id();
    let request = Request {
        task: Task::Generate,
        intent: prompt,
        context: Guards {
            user: journal.uid().to_owned(),
            model: id.clone(),
            prompt_version: env!("CARGO_PKG_VERSION").to_owned(),
            parameters,
            ..Guards::default()
        },
    };
    let mut finish = None;
    let served = cache.get_or_compute(
        &request,
        args.kept.mode(),
        || -> anyhow::Result<Computed> {
            let made = anew(context, args, store, info, prompt)?;
            finish = Some(made.finish);
            Ok(Computed {
                answers: vec![made.reply.text],
                fleeting: made.finish == Finish::Cancelled,
                ..Computed::default()
            })
        },
    )?;
    if let Some(kept) = Kept::of(&cache, &served) {
        let out = &context.out;
        if out.is_json() {
            out.json(&KeptReply {
                text: &served.answer,
                model: &id,
                kept,
            })?;
        } else {
            out.bytes(escape::lines(&served.answer).as_bytes())?;
            out.blank()?;
            kept.tell(out);
        }
    }
    Ok(finish)
}

/// Opens the model and writes its reply, as it comes.
fn anew(
    context: &Context,
    args: &Args,
    store: &ModelStore,
    info: &ModelInfo,
    prompt: &str,
) -> anyhow::Result<Generated> {
    let decoder = Decoder::open(
        &store.path(&info.name),
        &DecoderOptions {
            threads: args.threads,
            kv: args.kv,
            kv_bytes: args.kv_mb.map(|mb| mb as usize * 1_000_000),
            exact: args.exact,
            ..DecoderOptions::default()
        },
    )?;
    let tokens = tokens(&decoder, args, prompt)?;
    let options = options(&decoder, args)?;
    let cancel = Arc::new(AtomicBool::new(false));
    let phase = interrupt::noted(&cancel)?;
    let start = Instant::now();
    let mut first_ms = None;
    let mut said = Ok(());
    let reply = generate(
        &decoder,
        decoder.tokenizer()?,
        &tokens,
        options,
        &cancel,
        &mut |text| {
            first_ms.get_or_insert_with(|| start.elapsed().as_secs_f64() * 1e3);
            if !context.out.is_json() && said.is_ok() {
                said = context.out.bytes(escape::lines(text).as_bytes());
                if said.is_err() {
                    cancel.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
        },
    )?;
    drop(phase);
    said?;
    let total_ms = start.elapsed().as_secs_f64() * 1e3;
    let made = Generated {
        finish: reply.finish,
        reply,
        model: decoder.model_id().to_owned(),
        kernel: decoder.kernel_name(),
        threads: decoder.threads(),
        first_ms: first_ms.unwrap_or(total_ms),
        total_ms,
    };
    match context.out.is_json() {
        true => context.out.json(&made)?,
        false => context.out.blank()?,
    }
    Ok(made)
}

/// The language model `name`, or the only one there is.
fn model(store: &ModelStore, name: Option<&str>) -> anyhow::Result<ModelInfo> {
    if let Some(name) = name {
        let info = store.get(name)?;
        info.decoder_config()?;
        return Ok(info);
    }
    let decoders = store.list()?.into_iter();
    let mut decoders: Vec<ModelInfo> = decoders
        .filter(|info| info.kind == "decoder" && !info.is_synthetic())
        .collect();
    match decoders.len() {
        1 => Ok(decoders.remove(0)),
        0 => Err(Failure::not_found(
            "no language model is installed; `companion model pull qwen2.5-1.5b` fetches one"
                .to_owned(),
        )
        .into()),
        _ => {
            let names: Vec<_> = decoders.iter().map(|info| info.name.as_str()).collect();
            Err(Failure::usage(format!(
                "which language model? -m takes one of {}",
                names.join(", ")
            ))
            .into())
        }
    }
}

fn tokens(decoder: &Decoder, args: &Args, prompt: &str) -> anyhow::Result<Vec<u32>> {
    if args.raw || !decoder.has_chat_template() {
        let tokenizer = decoder.tokenizer()?;
        let mut tokens = tokenizer.prefix().to_vec();
        tokens.extend(tokenizer.encode(prompt));
        return Ok(tokens);
    }
    let system = args
        .system
        .iter()
        .map(|text| Message::new("system", text.as_str()));
    let messages: Vec<Message> = system.chain([Message::new("user", prompt)]).collect();
    Ok(decoder.chat_prompt(&messages)?)
}

fn options(decoder: &Decoder, args: &Args) -> anyhow::Result<GenerateOptions> {
    let schema = match &args.schema {
        None => None,
        Some(path) => Some(schema(decoder, path)?),
    };
    Ok(GenerateOptions {
        sampling: Sampling {
            temperature: args.temperature,
            top_k: args.top_k,
            top_p: args.top_p,
            min_p: args.min_p,
            repetition_penalty: args.repetition_penalty,
            seed: args.seed,
        },
        max_tokens: args.max_tokens,
        stop: args.stop.clone(),
        end_tokens: decoder.end_tokens().to_vec(),
        schema,
        lookup: match args.no_lookup {
            true => Lookup::Never,
            false => Lookup::WhereItPays,
        },
    })
}

fn schema(decoder: &Decoder, path: &Path) -> anyhow::Result<engine::generate::Schema> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the schema {}", path.display()))?;
    let json =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let compiler: Arc<SchemaCompiler> = decoder.schema_compiler()?;
    Ok(compiler.compile(&json)?)
}
