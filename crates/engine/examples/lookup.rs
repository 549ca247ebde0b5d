//! What looking up saves, and what it costs where nothing is found.
//!
//!     cargo run --release -p companion-engine --example lookup -- MODEL_DIR [--vocabulary ../shared/data/tokenizers/ggml-vocab-qwen2.gguf] [--rounds 5]
//!
//! The replies are given: whatever the model would say, the tokens chosen are those of a text written here. Everything else is as
//! in `generate`: what is looked up, the passes with and without drafts, a choice among all logits for each token. So a model
//! of random weights can be timed on replies as people read them. A model without a tokenizer (`companion model synth`) needs
//! the file's. Replies are written with and without looking up in turns, the prompt being in the cache; one round is not counted.

#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions};
use engine::generate::{Drafted, Lookup, write};
use engine::tokenizer::{DecoderTokenizer, gguf};
use engine::weights::Source;
use serde_json::json;

const ENTRY: &str = "I woke before six again and lay there listening to the bins being emptied, going over what I said to \
    Martin on Thursday. By the time I had made coffee I had decided to ring him, and by the time I had drunk it I had decided \
    not to. Work was slow. Priya is still off sick, so I took her two meetings as well as my own, and in the second one nobody \
    had read the draft that we were meant to be talking about. I did not say anything, which is not like me. At lunch I walked \
    down to the canal instead of eating at my desk, and a heron was standing on the lock gate as if it had been put there to \
    be looked at. I watched it for ten minutes. That was the best part of the day by some way. In the evening I rang my mother, \
    who told me the story of the broken fence again, and halfway through I noticed that I was enjoying it. Then I wrote a \
    message to Martin, three lines, no excuses, and sent it before I could think about it. He has not answered yet. I keep \
    looking at the phone. I said I would be asleep by eleven and it is nearly midnight now, but I feel lighter than I have all \
    week, and I would like to remember that tomorrow.";

/// What stands between marks is in the entry, word for word.
const QUOTING: &str = "The day begins with something unfinished: you lay awake \"going over what I said to Martin on Thursday\", \
    and it ends with that same thing half done. Between the two there is a change of mood that you describe yourself. Work took \
    more than it gave, since \"Priya is still off sick, so I took her two meetings as well as my own\", and your silence there \
    surprised you. What helped was small and outdoors. You saw that \"a heron was standing on the lock gate as if it had been put \
    there to be looked at\", and you call those minutes the high point. Later you enjoyed a story you had heard before, which \
    suggests that you were less tense than in the morning. The message took courage: \"three lines, no excuses, and sent it before \
    I could think about it\". No reply has come so far. Even so, your closing words are hopeful, because \"I feel lighter than I have \
    all week\". Perhaps the question for the next page is whether this ease came from being heard or from having spoken at all.";

/// About something else.
const FREE: &str = "Sourdough needs patience more than skill. Mix flour with water the night before, cover the bowl loosely, \
    leave it somewhere cool. Next morning stir in salt plus a spoonful of active starter; dough should feel sticky yet hold together \
    when folded. Every half hour stretch one side upward, turn, repeat four times. After several rounds bubbles appear beneath \
    the skin. Shape gently, dust a basket using rice flour, chill until dinner. Heat your heaviest iron pot as hot as possible, score \
    deep across top, bake under its lid for twenty minutes, then without until crust turns chestnut brown. Cooling matters: steam \
    trapped inside keeps finishing crumb long after removal. Resist cutting early. Store wrapped in linen, never plastic, slice \
    thinly, toast whatever remains on day three. Failures teach plenty: dense loaves usually mean sluggish yeast, pale ones an \
    impatient oven, while flat discs point toward too much moisture or overlong proofing during warm summer weather.";

struct Case {
    name: &'static str,
    prompt: Vec<u32>,
    reply: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or("the folder of a model")?;
    let (mut vocabulary, mut rounds) = (None, 5);
    while let Some(flag) = args.next() {
        let value = args.next().ok_or("a flag without its value")?;
        match flag.as_str() {
            "--vocabulary" => vocabulary = Some(value),
            "--rounds" => rounds = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let decoder = Decoder::open(Path::new(&model), &DecoderOptions::default())?;
    let from_file = match &vocabulary {
        Some(file) => Some(tokenizer(Path::new(file))?),
        None => None,
    };
    let words = match &from_file {
        Some(tokenizer) => tokenizer,
        None => decoder.tokenizer()?,
    };
    let mut lines = serde_json::Map::new();
    for case in cases(words)? {
        lines.insert(case.name.to_owned(), measure(&decoder, &case, rounds)?);
    }
    let told = json!({"model": decoder.model_id(), "kernel": decoder.kernel_name(), "threads": decoder.threads(), "cases": lines});
    println!("{told:#}");
    Ok(())
}

fn tokenizer(file: &Path) -> Result<DecoderTokenizer, Box<dyn Error>> {
    let source = Source::open(file)?;
    let json = gguf::tokenizer_json(source.gguf().ok_or("not a GGUF file")?)?;
    Ok(DecoderTokenizer::from_json(json.as_bytes())?)
}

fn cases(words: &DecoderTokenizer) -> Result<Vec<Case>, Box<dyn Error>> {
    let mut quoted = QUOTING.split('"').skip(1).step_by(2);
    if let Some(wrong) = quoted.find(|quote| !ENTRY.contains(quote)) {
        return Err(format!("the entry does not say {wrong:?}").into());
    }
    let prompt = words.encode(ENTRY);
    let mut reply = words.encode(FREE);
    // As many as leave room for three of each in the context of companion-tiny.
    reply.truncate(240);
    // Each pair of tokens of the reply stands in the prompt, with another token behind it.
    let misleading = (reply.windows(2).zip(reply.iter().rev()))
        .flat_map(|(pair, other)| [pair[0], pair[1], *other])
        .collect();
    Ok(vec![
        Case {
            name: "quoting",
            prompt: prompt.clone(),
            reply: words.encode(QUOTING),
        },
        Case {
            name: "free",
            prompt,
            reply: reply.clone(),
        },
        Case {
            name: "misleading",
            prompt: misleading,
            reply,
        },
    ])
}

/// Tokens a second with and without looking up.
fn measure(
    decoder: &Decoder,
    case: &Case,
    rounds: usize,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut speeds = [Vec::new(), Vec::new()];
    let mut drafted = Drafted::default();
    for round in 0..=rounds {
        // Each goes first as often as the other.
        let mut order = [Lookup::WhereItPays, Lookup::Never];
        order.rotate_left(round % 2);
        for lookup in order {
            let (seconds, what) = once(decoder, case, lookup)?;
            let place = usize::from(lookup == Lookup::Never);
            if round > 0 {
                speeds[place].push(case.reply.len() as f64 / seconds);
            }
            if lookup == Lookup::WhereItPays {
                drafted = what;
            }
        }
    }
    let [with, without] = speeds.map(|mut speeds| {
        speeds.sort_by(f64::total_cmp);
        let median = (speeds[(speeds.len() - 1) / 2] + speeds[speeds.len() / 2]) / 2.0;
        json!({"median": median, "min": speeds[0], "max": speeds[speeds.len() - 1]})
    });
    let median = |of: &serde_json::Value| of["median"].as_f64().unwrap_or(f64::NAN);
    Ok(json!({
        "ratio": median(&with) / median(&without), "n": rounds,
        "with": with, "without": without,
        "prompt_tokens": case.prompt.len(), "reply_tokens": case.reply.len(),
        // Of the last reply.
        "passes": drafted.passes, "drafted": drafted.tokens, "right": drafted.right,
    }))
}

/// Seconds for the reply, and what came of drafts.
fn once(decoder: &Decoder, case: &Case, lookup: Lookup) -> engine::Result<(f64, Drafted)> {
    let mut sequence = decoder.start(&case.prompt)?;
    let (most, mut chosen) = (case.reply.len(), 0);
    let never = AtomicBool::new(false);
    let mut choose = |logits: &mut [f32]| {
        black_box(decoder.argmax(logits));
        chosen += 1;
        Ok((chosen < most).then(|| case.reply[chosen - 1]))
    };
    let begun = Instant::now();
    let prompt = &case.prompt;
    let drafted = write(
        decoder,
        &mut sequence,
        prompt,
        most,
        lookup,
        &never,
        &mut choose,
    )?;
    Ok((begun.elapsed().as_secs_f64(), drafted))
}
