//! Models of random numbers in real shapes, to measure speed and memory where no model can be fetched.
//!
//! Weights are normally distributed with a variance that keeps activations in their range; a few channels of the
//! residual stream are many times as large as the others, as they are in trained models. What such a model
//! says means nothing, and everything that Companion prints about one says `synthetic weights: speed only`.

mod numbers;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};

use kernels::PANEL;

use crate::generate::SplitMix64;
use crate::model::qwen2::{Config, FORMAT};
use crate::pool::{self, Pool};
use crate::quant::decoder::{EMBEDDINGS, GROUP, HEAD, Place, Target, What, shape_of, unmeasured};
use crate::store::{ModelInfo, ModelStore, SYNTHETIC, WEIGHTS};
use crate::weights::{Dtype, PlannedTensor, StreamWriter};
use crate::{Error, Result};
use numbers::{Kind, Numbers, code_deviation, outliers};

/// The shapes that can be made.
pub const SHAPES: [&str; 4] = ["qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-3b", "qwen2.5-7b"];

/// The types of weights that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthQuant {
    /// Floats.
    F32,
    /// 8 bits, in the groups that quantizing gives them.
    Int8,
    /// 4 bits, in the groups that quantizing gives them.
    Int4,
    /// 4 bits, and 8 for as many matrices as quantizing gives them to.
    Mixed,
}

impl SynthQuant {
    /// Its name in commands and manifests.
    pub fn word(self) -> &'static str {
        self.target().map_or("f32", Target::name)
    }

    /// What quantizing calls it; none for floats.
    fn target(self) -> Option<Target> {
        match self {
            SynthQuant::F32 => None,
            SynthQuant::Int8 => Some(Target::Int8),
            SynthQuant::Int4 => Some(Target::Int4),
            SynthQuant::Mixed => Some(Target::Mixed),
        }
    }
}

/// Numbers that a task makes.
const PIECE: usize = 1 << 20;

/// The sizes of `arch`, as published.
pub fn config_of(arch: &str) -> Result<Config> {
    let (hidden, layers, heads, kv, inner, vocab, tied) = match arch {
        "qwen2.5-0.5b" => (896, 24, 14, 2, 4864, 151_936, true),
        "qwen2.5-1.5b" => (1536, 28, 12, 2, 8960, 151_936, true),
        "qwen2.5-3b" => (2048, 36, 16, 2, 11_008, 151_936, true),
        "qwen2.5-7b" => (3584, 28, 28, 4, 18_944, 152_064, false),
        _ => {
            return Err(Error::Unsupported(format!(
                "no shape {arch:?} to make; there are {}",
                SHAPES.join(", ")
            )));
        }
    };
    Ok(Config {
        model_type: "qwen2".into(),
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kv,
        head_dim: hidden / heads,
        intermediate_size: inner,
        vocab_size: vocab,
        max_position_embeddings: 32_768,
        rms_norm_eps: 1e-6,
        rope_theta: 1e6,
        rope_scaling: None,
        tie_word_embeddings: tied,
        eos_token_ids: vec![151_645],
    })
}

/// Makes a model of the shape `arch` and installs it as `ARCH-QUANT-synth`. The same `seed` gives the same weights.
/// `progress` gets (done, total) bytes.
pub fn synthesize(
    store: &ModelStore,
    arch: &str,
    quant: SynthQuant,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ModelInfo> {
    let config = config_of(arch)?;
    let name = format!("{arch}-{}-synth", quant.word());
    let staging = store.stage(&name)?;
    let path = staging.path.join(WEIGHTS);
    let file = File::create(&path).map_err(|e| Error::io("write", &path, e))?;
    write(
        BufWriter::with_capacity(1 << 20, file),
        &config,
        quant,
        seed,
        progress,
    )
    .map_err(|e| Error::io("write", &path, e))?;
    store.finish(staging, &name, SYNTHETIC)
}

/// A tensor to make.
struct Part {
    name: String,
    shape: Vec<usize>,
    kind: Kind,
}

impl Part {
    fn dtype(&self) -> Dtype {
        match self.kind {
            Kind::Floats(_) | Kind::Norm => Dtype::F32,
            Kind::Codes(_) => Dtype::U8,
            Kind::Scales(_) => Dtype::F16,
        }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn bytes(&self) -> u64 {
        (self.len() * self.dtype().size_bytes()) as u64
    }
}

/// Every tensor of a model, in the order of a forward pass.
fn parts(config: &Config, quant: SynthQuant) -> Vec<Part> {
    let (h, inner) = (config.hidden_size, config.intermediate_size);
    let heads = config.num_attention_heads * config.head_dim;
    let kv = config.num_key_value_heads * config.head_dim;
    let mut parts = Vec::new();
    let planned = quant.target().map(|to| unmeasured(config, to));
    let matrix = |parts: &mut Vec<Part>, what: What, name: &str, n: usize, k: usize| {
        let deviation = 1.0 / (k as f32).sqrt();
        let Some(planned) = &planned else {
            parts.push(Part {
                name: format!("{name}.weight"),
                shape: vec![n, k],
                kind: Kind::Floats(deviation),
            });
            return;
        };
        let shape = shape_of(planned, what);
        let step = 32 / shape.bits as usize;
        parts.push(Part {
            name: format!("{name}.codes"),
            shape: vec![shape.panels(), shape.padded_k() / step, PANEL, 4],
            kind: Kind::Codes(shape.bits),
        });
        parts.push(Part {
            name: format!("{name}.scales"),
            shape: vec![shape.panels(), shape.groups(), PANEL],
            kind: Kind::Scales(deviation / code_deviation(shape.bits)),
        });
    };
    let float = |name: String, n: usize, kind: Kind| Part {
        name,
        shape: vec![n],
        kind,
    };
    let table = config.vocab_size;
    matrix(&mut parts, What::Embeddings, EMBEDDINGS, table, h);
    for l in 0..config.num_hidden_layers {
        let at = |part: &str| format!("model.layers.{l}.{part}");
        let place = |place| What::Layer(l, place);
        parts.push(float(at("input_layernorm.weight"), h, Kind::Norm));
        if quant == SynthQuant::F32 {
            for (part, n) in [("q", heads), ("k", kv), ("v", kv)] {
                let name = at(&format!("self_attn.{part}_proj"));
                matrix(&mut parts, place(Place::Qkv), &name, n, h);
                parts.push(float(format!("{name}.bias"), n, Kind::Floats(1.0)));
            }
        } else {
            let name = at("self_attn.qkv_proj");
            matrix(&mut parts, place(Place::Qkv), &name, heads + 2 * kv, h);
            let name = at("self_attn.qkv_proj.bias");
            parts.push(float(name, heads + 2 * kv, Kind::Floats(1.0)));
        }
        let name = at("self_attn.o_proj");
        matrix(&mut parts, place(Place::Output), &name, h, heads);
        parts.push(float(at("post_attention_layernorm.weight"), h, Kind::Norm));
        if quant == SynthQuant::F32 {
            for part in ["gate", "up"] {
                let name = at(&format!("mlp.{part}_proj"));
                matrix(&mut parts, place(Place::GateUp), &name, inner, h);
            }
        } else {
            let name = at("mlp.gate_up_proj");
            matrix(&mut parts, place(Place::GateUp), &name, 2 * inner, h);
        }
        let name = at("mlp.down_proj");
        matrix(&mut parts, place(Place::Down), &name, h, inner);
    }
    parts.push(float("model.norm.weight".into(), h, Kind::Norm));
    if !config.tie_word_embeddings {
        matrix(&mut parts, What::Head, HEAD, table, h);
    }
    parts
}

fn write(
    to: BufWriter<File>,
    config: &Config,
    quant: SynthQuant,
    seed: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let parts = parts(config, quant);
    let metadata = metadata(config, quant)?;
    let planned: Vec<PlannedTensor> = parts
        .iter()
        .map(|part| PlannedTensor::new(&part.name, part.dtype(), &part.shape))
        .collect();
    let total = parts.iter().map(Part::bytes).sum();
    let mut writer = StreamWriter::new(to, &metadata, planned)?;
    let pool = Pool::new(pool::thread_count(None).map_err(io::Error::other)?);
    let outliers = outliers(config.hidden_size, seed);
    let mut done = 0;
    for (index, part) in parts.iter().enumerate() {
        // A few pieces at a time: never the whole model, nor a whole table, in memory.
        let pieces: Vec<usize> = (0..part.len()).step_by(PIECE).collect();
        for batch in pieces.chunks(4 * pool.threads()) {
            let mut made: Vec<Numbers> = batch.iter().map(|_| Numbers::default()).collect();
            let tasks = batch.iter().zip(&mut made).collect();
            pool.for_each(tasks, |(from, numbers): (&usize, &mut Numbers)| {
                let count = PIECE.min(part.len() - from);
                let seed = seed ^ ((index as u64) << 32) ^ (*from / PIECE) as u64;
                numbers.fill(
                    &part.kind,
                    count,
                    SplitMix64(SplitMix64(seed).next()),
                    &outliers,
                );
            });
            for numbers in made {
                match part.kind {
                    Kind::Floats(_) | Kind::Norm => writer.write(&numbers.floats)?,
                    Kind::Codes(_) => writer.write(&numbers.bytes)?,
                    Kind::Scales(_) => writer.write(&numbers.halves)?,
                }
            }
        }
        done += part.bytes();
        progress(done, total);
    }
    writer.finish().map(|_| ())
}

/// What the file says of itself.
fn metadata(config: &Config, quant: SynthQuant) -> io::Result<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::from([
        (
            "companion.config".to_owned(),
            serde_json::to_string(config).map_err(io::Error::other)?,
        ),
        ("companion.synthetic".to_owned(), "true".to_owned()),
        ("licence".to_owned(), "CC0-1.0".to_owned()),
    ]);
    if quant != SynthQuant::F32 {
        metadata.insert("companion.quant".into(), quant.word().into());
        metadata.insert("companion.format".into(), FORMAT.into());
        metadata.insert("companion.group".into(), GROUP.to_string());
    }
    Ok(metadata)
}

/// Bytes of the numbers of a model of these sizes; its header is a few kilobytes more.
pub(crate) fn file_bytes(config: &Config, quant: SynthQuant) -> u64 {
    parts(config, quant).iter().map(Part::bytes).sum()
}

/// Bytes of the embeddings.
pub(crate) fn table_bytes(config: &Config, quant: SynthQuant) -> u64 {
    let parts = parts(config, quant);
    let table = parts
        .iter()
        .filter(|part| part.name.starts_with("model.embed_tokens"));
    table.map(Part::bytes).sum()
}

/// A model whose numbers repeat themselves every [`PIECE`]: made as fast as the disk takes it, good for timing only.
pub(crate) fn write_repeated(
    to: BufWriter<File>,
    config: &Config,
    quant: SynthQuant,
) -> io::Result<()> {
    let parts = parts(config, quant);
    let planned = parts
        .iter()
        .map(|part| PlannedTensor::new(&part.name, part.dtype(), &part.shape))
        .collect();
    let mut writer = StreamWriter::new(to, &metadata(config, quant)?, planned)?;
    let mut codes = Numbers::default();
    for part in &parts {
        let mut numbers = Numbers::default();
        // The codes of all matrices are alike, and most of the file.
        let numbers = match part.kind {
            Kind::Codes(_) if codes.bytes.is_empty() => {
                codes.fill(&part.kind, PIECE, SplitMix64(1), &[]);
                &codes
            }
            Kind::Codes(_) => &codes,
            _ => {
                numbers.fill(&part.kind, PIECE.min(part.len()), SplitMix64(2), &[]);
                &numbers
            }
        };
        for from in (0..part.len()).step_by(PIECE) {
            let count = PIECE.min(part.len() - from);
            match part.kind {
                Kind::Floats(_) | Kind::Norm => writer.write(&numbers.floats[..count])?,
                Kind::Codes(_) => writer.write(&numbers.bytes[..count])?,
                Kind::Scales(_) => writer.write(&numbers.halves[..count])?,
            }
        }
    }
    writer.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use kernels::Kernels;

    use super::*;
    use crate::model::qwen2::Qwen2;
    use crate::pool::Team;
    use crate::quant::decoder::{DecoderQuant, Hands, mixed_bytes, write_quantized};
    use crate::store::CONFIG;
    use crate::weights::{Source, Weights};

    #[test]
    fn shapes_have_the_published_number_of_parameters() {
        for (arch, parameters) in [
            ("qwen2.5-0.5b", 494_032_768),
            ("qwen2.5-1.5b", 1_543_714_304),
            ("qwen2.5-3b", 3_085_938_688),
            ("qwen2.5-7b", 7_615_616_512),
        ] {
            assert_eq!(config_of(arch).expect("a shape").parameters(), parameters);
        }
        assert!(config_of("qwen2.5-14b").is_err());
    }
    #[test]
    fn mixed_fills_the_budget_of_every_shape_and_goes_no_further() {
        for arch in SHAPES {
            let config = config_of(arch).expect("a shape");
            let (size, budget) = (file_bytes(&config, SynthQuant::Mixed), mixed_bytes(&config));
            assert!(size <= budget, "{arch}: {size} of {budget}");
            assert!(
                size as f64 > 0.99 * budget as f64,
                "{arch}: {size} of {budget}"
            );
        }
        let config = config_of("qwen2.5-1.5b").expect("a shape");
        assert!(file_bytes(&config, SynthQuant::Mixed) <= 950_000_000);
        let planned = unmeasured(&config, Target::Mixed);
        assert_eq!(shape_of(&planned, What::Embeddings).bits, 8);
    }

    #[test]
    fn mixed_is_as_large_as_what_quantizing_the_same_shape_writes() {
        let config = Config {
            hidden_size: 128,
            num_hidden_layers: 12,
            num_attention_heads: 4,
            num_key_value_heads: 1,
            head_dim: 32,
            intermediate_size: 384,
            vocab_size: 512,
            ..config_of("qwen2.5-0.5b").expect("a shape")
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let to = |name: &str| BufWriter::new(File::create(path(name)).expect("a file"));
        for (name, quant) in [(WEIGHTS, SynthQuant::F32), ("synth", SynthQuant::Mixed)] {
            write(to(name), &config, quant, 1, &mut |_, _| {}).expect("it is written");
        }
        let json = serde_json::to_vec(&config).expect("it is JSON");
        std::fs::write(path(CONFIG), json).expect("it is written");
        let pool = Pool::new(2);
        let hands = Hands {
            kernels: Kernels::from_env().expect("a kernel"),
            team: Team::All(&pool),
        };
        let options = DecoderQuant {
            to: Target::Mixed,
            group: None,
            budget_bytes: None,
        };
        write_quantized(
            hands,
            &Source::open(folder.path()).expect("the floats open"),
            &config,
            &[(0..200).collect()],
            &options,
            &metadata(&config, SynthQuant::Mixed).expect("metadata"),
            (to("quantized"), &path("quantized")),
            &mut |_, _| {},
        )
        .expect("it is quantized");
        let size = |name: &str| std::fs::metadata(path(name)).expect("it is there").len() as f64;
        let ratio = size("synth") / size("quantized");
        assert!((ratio - 1.0).abs() < 0.01, "{ratio}");
        std::fs::rename(path("synth"), path(WEIGHTS)).expect("it is renamed");
        let weights = Weights::open(&path(WEIGHTS)).expect("it opens");
        Qwen2::load(&weights, &config, false).expect("it is a model");
    }
}
