//! Quantizing the tiny models of `tools/fixtures/decoder`, whose widths are no multiples of any group.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kernels::{Kernels, QMatrix, QShape, pack_q};

use super::pass::Pass;
use super::write::{embed, read_layer};
use super::{DecoderQuant, Hands, MatrixReport, Target, plan, write_quantized};
use crate::decoder::{Decoder, DecoderOptions, KvKind};
use crate::model::qwen2::{Config, FORMAT};
use crate::pool::{Pool, Team};
use crate::weights::{Source, Tensor, Weights};

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/fixtures/decoder");
    root.join(name)
}

fn open(name: &str) -> (Source, Config) {
    let source = Source::open(&fixture(name)).expect("the fixture opens");
    let json = source.config_json().expect("it has a config");
    let config = Config::parse(json.as_bytes()).expect("it is a config");
    (source, config)
}

/// Token ids and logits of the sequence `at`.
fn reference(name: &str, at: usize, vocabulary: usize) -> (Vec<u32>, Vec<f32>) {
    let file = Weights::open(&fixture(name).join("reference.safetensors")).expect("it opens");
    let count = file.tensors()[&format!("ids.{at}")].shape[0];
    let ids = file.tensor::<i32>(&format!("ids.{at}"), &[count]);
    let ids = ids.expect("ids").iter().map(|id| *id as u32).collect();
    let logits = file.tensor::<f32>(&format!("logits.{at}"), &[count, vocabulary]);
    (ids, logits.expect("logits").to_vec())
}

/// The logits after every token, by the pass that calibrates.
fn logits_of_pass(source: &Source, config: &Config, ids: &[u32]) -> Vec<f32> {
    let pool = Pool::new(2);
    let pass = Pass {
        kernels: Kernels::from_env().expect("a kernel"),
        team: Team::All(&pool),
        config,
    };
    // A second text behind it must not change the first.
    let texts = [ids.to_vec(), vec![5, 4, 3]];
    let mut states = embed(source, config, &texts).expect("ids are in the table");
    for l in 0..config.num_hidden_layers {
        let layer = read_layer(source, config, l).expect("the layer is there");
        pass.layer(&layer, &mut states, &mut |_, _| {});
    }
    let h = config.hidden_size;
    let floats = |name: &str, shape: &[usize]| source.floats(name, shape).expect("it is there");
    let normed = pass.norm(
        &states.rows[..ids.len() * h],
        &floats("model.norm.weight", &[h]),
    );
    let head = match config.tie_word_embeddings {
        true => "model.embed_tokens.weight",
        false => "lm_head.weight",
    };
    let head = floats(head, &[config.vocab_size, h]);
    pass.product(&normed, &head, &vec![0.0; config.vocab_size], h)
}

/// The quantized form of a fixture in a folder of its own, and what was reported.
fn quantize(
    name: &str,
    options: &DecoderQuant,
    texts: &[Vec<u32>],
) -> (tempfile::TempDir, Vec<MatrixReport>) {
    let (source, config) = open(name);
    let pool = Pool::new(2);
    let hands = Hands {
        kernels: Kernels::from_env().expect("a kernel"),
        team: Team::All(&pool),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let metadata = BTreeMap::from([
        ("companion.quant".to_owned(), options.to.name().to_owned()),
        ("companion.format".to_owned(), FORMAT.to_owned()),
        (
            "companion.config".to_owned(),
            serde_json::to_string(&config).expect("it is JSON"),
        ),
    ]);
    let file = std::fs::File::create(&path).expect("a file");
    let to = (std::io::BufWriter::new(file), path.as_path());
    let mut last = (0, 0);
    let reports = write_quantized(
        hands,
        &source,
        &config,
        texts,
        options,
        &metadata,
        to,
        &mut |done, total| {
            assert!(last.0 <= done && done <= total, "{done} of {total}");
            last = (done, total);
        },
    );
    assert_eq!(last, (config.parameters(), config.parameters()));
    (folder, reports.expect("it is quantized"))
}

fn texts(name: &str, vocabulary: usize) -> Vec<Vec<u32>> {
    (0..4).map(|at| reference(name, at, vocabulary).0).collect()
}

/// Root of the mean squared difference of the logits, over their root mean square.
fn apart(folder: &Path, name: &str) -> f64 {
    let options = DecoderOptions {
        threads: Some(1),
        kv: KvKind::F32,
        ..DecoderOptions::default()
    };
    let decoder = Decoder::open(folder, &options).expect("the quantized model opens");
    let (ids, want) = reference(name, 3, decoder.config().vocab_size);
    let mut sequence = decoder.start(&ids).expect("it fits");
    let got = decoder.read_all(&mut sequence, &ids).expect("it is read");
    let square = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|v| f64::from(v).powi(2)).sum()
    };
    let error = square(&mut got.iter().zip(&want).map(|(a, b)| a - b));
    (error / square(&mut want.iter().copied())).sqrt()
}

const OPTIONS: DecoderQuant = DecoderQuant {
    to: Target::Int8,
    group: None,
    budget_bytes: None,
};

#[test]
fn the_pass_that_calibrates_is_the_forward_pass() {
    for name in [
        "qwen2-tied",
        "qwen2-untied",
        "qwen2-bf16",
        "qwen2-sharded",
        "llama",
        "linear-rope",
        "llama3-rope",
        "yarn-rope",
    ] {
        let (source, config) = open(name);
        for at in 0..4 {
            let (ids, want) = reference(name, at, config.vocab_size);
            let got = logits_of_pass(&source, &config, &ids);
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-4, "{name}: {got} {want}");
            }
        }
    }
}

#[test]
fn quantized_models_open_and_say_nearly_the_same() {
    for name in [
        "qwen2-tied",
        "qwen2-untied",
        "qwen2-bf16",
        "qwen2-sharded",
        "llama",
    ] {
        let (_, config) = open(name);
        let texts = texts(name, config.vocab_size);
        for (to, group, most) in [
            (Target::Int8, Some(32), 0.03),
            (Target::Int8, Some(64), 0.03),
            (Target::Int8, Some(128), 0.04),
            (Target::Int8, None, 0.03),
            (Target::Int4, Some(32), 0.35),
            (Target::Int4, Some(64), 0.4),
            (Target::Int4, None, 0.4),
        ] {
            let options = DecoderQuant {
                to,
                group,
                ..OPTIONS
            };
            let (folder, reports) = quantize(name, &options, &texts);
            let apart = apart(folder.path(), name);
            assert!(apart < most, "{name} {to:?} {group:?}: {apart}");
            let tables = if config.tie_word_embeddings { 1 } else { 2 };
            assert_eq!(reports.len(), 4 * config.num_hidden_layers + tables);
            let bytes: u64 = reports.iter().map(|report| report.bytes).sum();
            let file = std::fs::metadata(folder.path().join("model.safetensors"));
            assert!(bytes < file.expect("it is there").len());
        }
    }
}

#[test]
fn a_file_says_whether_it_is_turned() {
    let name = "qwen2-tied";
    let (folder, _) = quantize(name, &OPTIONS, &[]);
    let turned = apart(folder.path(), name);
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("the file");
    let of = |version: &str| format!(r#""companion.format":"{version}""#).into_bytes();
    let from = of(FORMAT);
    let at = bytes.windows(from.len()).position(|w| w == from);
    // Read as the version before it would be, whose inputs are not turned, the same weights say something else.
    let mut changed = bytes;
    changed[at.expect("its format")..][..from.len()].copy_from_slice(&of("2"));
    std::fs::write(&path, changed).expect("it is written");
    let unturned = apart(folder.path(), name);
    assert!(
        turned < 0.04 && unturned > 4.0 * turned,
        "{turned} {unturned}"
    );
}

#[test]
fn a_file_of_the_version_before_says_the_same() {
    let name = "qwen2-tied";
    let (folder, _) = quantize(name, &OPTIONS, &[]);
    let path = folder.path().join("model.safetensors");
    let file = Weights::open(&path).expect("it opens");
    let mut bytes = std::fs::read(&path).expect("the file");
    let mut replace = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|w| w == from);
        bytes[at.expect("it is there")..][..from.len()].copy_from_slice(to);
    };
    let version = |version: &str| format!(r#""companion.format":"{version}""#);
    replace(version(FORMAT).as_bytes(), version("2").as_bytes());
    // The same weights, turned back.
    let (_, config) = open(name);
    let (n, k, group) = (config.hidden_size, config.intermediate_size, 128);
    let shape = QShape::new(n, k, group, 8).expect("a shape");
    for l in 0..config.num_hidden_layers {
        let part = |part: &str| format!("model.layers.{l}.mlp.down_proj.{part}");
        let of = |part: &str| file.tensors()[part].shape.clone();
        let [codes_name, scales_name] = [part("codes"), part("scales")];
        let codes = file.tensor::<u8>(&codes_name, &of(&codes_name));
        let scales = file.tensor::<u16>(&scales_name, &of(&scales_name));
        let (codes, scales) = (codes.expect("codes"), scales.expect("scales"));
        let matrix = QMatrix::new(shape, &codes, &scales).expect("it is that matrix");
        let mut weights = vec![0.0; n * k];
        for (column, row) in weights.chunks_exact_mut(k).enumerate() {
            matrix.dequantize_column(column, row);
        }
        Kernels::scalar().turn_inputs(&mut weights, k, group);
        let unturned = pack_q(&weights, n, k, group, 8, None).expect("a shape");
        replace(codes.bytes(), &unturned.codes);
        replace(scales.bytes(), Tensor::from(unturned.scales).bytes());
    }
    drop(file);
    std::fs::remove_file(&path).expect("it is there");
    std::fs::write(&path, bytes).expect("it is written");
    let apart = apart(folder.path(), name);
    assert!(apart < 0.04, "{apart}");
}

#[test]
fn texts_make_the_outputs_better_than_none() {
    let name = "qwen2-untied";
    let options = DecoderQuant {
        to: Target::Int4,
        ..OPTIONS
    };
    let (_, config) = open(name);
    let with = quantize(name, &options, &texts(name, config.vocab_size));
    let without = quantize(name, &options, &[]);
    assert!(without.1.iter().all(|report| report.output_error.is_none()));
    let (with, without) = (apart(with.0.path(), name), apart(without.0.path(), name));
    assert!(with < without, "{with} {without}");
}

#[test]
fn mixed_keeps_its_budget_and_loses_less_than_int4() {
    let name = "qwen2-untied";
    let (_, config) = open(name);
    let texts = texts(name, config.vocab_size);
    let four = DecoderQuant {
        to: Target::Int4,
        ..OPTIONS
    };
    let sizes = |to| -> u64 {
        let planned = plan::matrices(&config, &DecoderQuant { to, ..OPTIONS });
        planned
            .iter()
            .map(|planned| plan::bytes(planned.shape))
            .sum()
    };
    let budget = (sizes(Target::Int4) + sizes(Target::Int8)) / 2 + 20_000;
    let mixed = DecoderQuant {
        to: Target::Mixed,
        budget_bytes: Some(budget),
        ..OPTIONS
    };
    let (four, _) = quantize(name, &four, &texts);
    let (folder, reports) = quantize(name, &mixed, &texts);
    let size = std::fs::metadata(folder.path().join("model.safetensors"));
    assert!(size.expect("it is there").len() <= budget);
    let eight = reports.iter().filter(|report| report.bits == 8).count();
    assert!(eight > 0 && eight < reports.len(), "{eight}");
    assert!(apart(folder.path(), name) < apart(four.path(), name));
}
