use std::collections::BTreeMap;

use super::*;
use crate::store::CONFIG;
use crate::weights::{NewTensor, write_safetensors};

const CONFIG_JSON: &str = r#"{"model_type": "qwen2", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 112, "vocab_size": 300,
    "max_position_embeddings": 700, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": false}"#;

/// Numbers in `-1..1` from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0 >> 33
    }

    fn floats(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| (self.next() as f32 / (1_u64 << 30) as f32 - 1.0) * scale)
            .collect()
    }

    fn tokens(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| (self.next() % 300) as u32).collect()
    }
}

/// A small random float model in a folder of its own.
fn tiny() -> tempfile::TempDir {
    let config = Config::parse(CONFIG_JSON.as_bytes()).expect("a config");
    let (h, inner) = (config.hidden_size, config.intermediate_size);
    let heads = config.num_attention_heads * config.head_dim;
    let kv = config.num_key_value_heads * config.head_dim;
    let mut shapes = vec![
        (
            "model.embed_tokens.weight".to_owned(),
            vec![config.vocab_size, h],
        ),
        ("lm_head.weight".to_owned(), vec![config.vocab_size, h]),
        ("model.norm.weight".to_owned(), vec![h]),
    ];
    for l in 0..config.num_hidden_layers {
        for (name, shape) in [
            ("input_layernorm.weight", vec![h]),
            ("post_attention_layernorm.weight", vec![h]),
            ("self_attn.q_proj.weight", vec![heads, h]),
            ("self_attn.k_proj.weight", vec![kv, h]),
            ("self_attn.v_proj.weight", vec![kv, h]),
            ("self_attn.q_proj.bias", vec![heads]),
            ("self_attn.k_proj.bias", vec![kv]),
            ("self_attn.v_proj.bias", vec![kv]),
            ("self_attn.o_proj.weight", vec![h, heads]),
            ("mlp.gate_proj.weight", vec![inner, h]),
            ("mlp.up_proj.weight", vec![inner, h]),
            ("mlp.down_proj.weight", vec![h, inner]),
        ] {
            shapes.push((format!("model.layers.{l}.{name}"), shape));
        }
    }
    let mut random = Random(11);
    let data: Vec<Vec<f32>> = shapes
        .iter()
        .map(|(_, shape)| random.floats(shape.iter().product(), 0.3))
        .collect();
    let tensors: Vec<_> = shapes
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| NewTensor::new(name, shape, data))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut file = std::fs::File::create(folder.path().join(WEIGHTS)).expect("a file");
    write_safetensors(&mut file, &BTreeMap::new(), &tensors).expect("it is written");
    std::fs::write(folder.path().join(CONFIG), CONFIG_JSON).expect("it is written");
    folder
}

fn open(folder: &Path, options: DecoderOptions) -> Decoder {
    Decoder::open(folder, &options).expect("the model opens")
}

fn options(kv: KvKind) -> DecoderOptions {
    DecoderOptions {
        threads: Some(1),
        kv,
        ..DecoderOptions::default()
    }
}

/// The logits after `tokens`, read `step` at a time by a new sequence; and the sequence.
fn read(decoder: &Decoder, tokens: &[u32], step: usize) -> (Sequence, Vec<f32>) {
    let mut sequence = decoder.start(tokens).expect("it fits");
    let rest = &tokens[sequence.len()..];
    let mut logits = None;
    for part in rest.chunks(step) {
        let mut work = [Work {
            sequence: &mut sequence,
            tokens: part,
            logits: true,
        }];
        logits = decoder.forward(&mut work).expect("it fits").remove(0);
    }
    (sequence, logits.expect("logits were asked for"))
}

#[test]
fn logits_are_the_same_alone_in_company_in_pieces_on_any_thread_count_and_from_the_cache() {
    let folder = tiny();
    let mut random = Random(5);
    let texts: Vec<Vec<u32>> = [1, 2, 31, 32, 33, 100, 300]
        .map(|n| random.tokens(n))
        .into();
    for kv in KvKind::ALL {
        let decoder = open(folder.path(), options(kv));
        let alone: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| {
                decoder.clear_kv();
                read(&decoder, text, 1000).1
            })
            .collect();
        for threads in [1, 3] {
            let decoder = open(
                folder.path(),
                DecoderOptions {
                    threads: Some(threads),
                    ..options(kv)
                },
            );
            for (text, want) in texts.iter().zip(&alone) {
                for step in [1, 7, 64] {
                    decoder.clear_kv();
                    assert_eq!(
                        read(&decoder, text, step).1,
                        *want,
                        "{kv} {} {step}",
                        text.len()
                    );
                    // Once more, from the pages that the first time left.
                    let (sequence, logits) = read(&decoder, text, step);
                    assert_eq!(logits, *want, "{kv} {} {step}: hit", text.len());
                    assert_eq!(sequence.len(), text.len());
                }
            }
            decoder.clear_kv();
            let mut sequences: Vec<_> = texts
                .iter()
                .map(|text| decoder.start(text).expect("it fits"))
                .collect();
            let mut work: Vec<_> = sequences
                .iter_mut()
                .zip(&texts)
                .map(|(sequence, tokens)| Work {
                    sequence,
                    tokens,
                    logits: true,
                })
                .collect();
            let together = decoder.forward(&mut work).expect("it fits");
            for (got, want) in together.iter().zip(&alone) {
                assert_eq!(got.as_ref(), Some(want), "{kv}");
            }
        }
    }
}

#[test]
fn forks_continue_as_if_they_had_read_all_of_it() {
    let folder = tiny();
    let decoder = open(folder.path(), options(KvKind::F16));
    let text = Random(6).tokens(45);
    let (mut origin, _) = read(&decoder, &text, 100);
    let ends = [[1, 2, 3], [4, 5, 6], [1, 2, 9]];
    let mut sequences = [origin.fork(), origin.fork()];
    let [a, b] = &mut sequences;
    let readers = [a, b, &mut origin];
    let mut together: Vec<Work<'_>> = readers
        .into_iter()
        .zip(&ends)
        .map(|(sequence, tokens)| Work {
            sequence,
            tokens,
            logits: true,
        })
        .collect();
    let got = decoder.forward(&mut together).expect("it fits");
    for (got, end) in got.iter().zip(ends) {
        let other = open(folder.path(), options(KvKind::F16));
        let whole = [&text[..], &end].concat();
        assert_eq!(got.as_ref(), Some(&read(&other, &whole, 100).1));
    }
}

#[test]
fn a_truncated_sequence_goes_on_from_there() {
    let folder = tiny();
    let decoder = open(folder.path(), options(KvKind::U8));
    let text = Random(7).tokens(80);
    let (mut sequence, _) = read(&decoder, &text, 100);
    sequence.truncate(50);
    let mut work = [Work {
        sequence: &mut sequence,
        tokens: &[3, 4],
        logits: true,
    }];
    let got = decoder.forward(&mut work).expect("it fits").remove(0);
    let other = open(folder.path(), options(KvKind::U8));
    let whole = [&text[..50], &[3, 4]].concat();
    assert_eq!(got, Some(read(&other, &whole, 100).1));
}

#[test]
fn every_machine_and_every_kind_of_cache_is_near_the_others() {
    let folder = tiny();
    let text = Random(8).tokens(90);
    let logits = |isa: Isa, kv: KvKind| {
        let options = DecoderOptions {
            kernel: Some(isa),
            ..options(kv)
        };
        read(&open(folder.path(), options), &text, 100).1
    };
    let want = logits(Isa::Scalar, KvKind::F32);
    let scale = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for (kv, most) in [(KvKind::F32, 1e-5), (KvKind::F16, 2e-3), (KvKind::U8, 2e-2)] {
            let got = logits(isa, kv);
            let worst = (got.iter().zip(&want)).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst < most * scale, "{isa} {kv}: {worst} of {scale}");
            assert!(worst > 0.0 || (isa == Isa::Scalar && kv == KvKind::F32));
        }
    }
}

#[test]
fn exact_floats_give_the_same_bits_on_every_machine() {
    let folder = tiny();
    let text = Random(9).tokens(70);
    for kv in KvKind::ALL {
        let logits = |isa: Isa, threads: usize| {
            let options = DecoderOptions {
                kernel: Some(isa),
                threads: Some(threads),
                exact: true,
                ..options(kv)
            };
            read(&open(folder.path(), options), &text, 40).1
        };
        let want = logits(Isa::Scalar, 1);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for threads in [1, 2, 3] {
                assert_eq!(logits(isa, threads), want, "{isa} {kv} {threads}");
            }
        }
    }
}

#[test]
fn refuses_what_does_not_fit_and_changes_nothing() {
    let folder = tiny();
    let decoder = open(folder.path(), options(KvKind::F16));
    assert!(matches!(
        decoder.start(&vec![1; 701]),
        Err(Error::Context {
            needed: 701,
            prompt: 701,
            reply: 0,
            context: 700
        })
    ));
    assert_eq!(decoder.plan(600, 100).expect("it fits").room(), 600);
    assert!(decoder.plan(601, 100).is_err());
    assert!(decoder.start(&[300]).is_err());
    let page = decoder.kv_stats().limit_bytes / (decoder.inner.kv.capacity() / 32);
    let small = open(
        folder.path(),
        DecoderOptions {
            kv_bytes: Some(3 * page),
            ..options(KvKind::F16)
        },
    );
    assert_eq!(small.context(), 96);
    let error = small.plan(90, 7).expect_err("the cache holds 96");
    assert!(
        error.to_string().contains("KV cache hold 96 of the 700"),
        "{error}"
    );
    let (mut one, _) = read(&small, &[1; 60], 100);
    let (mut two, _) = read(&small, &[2; 20], 100);
    let mut work = [
        Work {
            sequence: &mut two,
            tokens: &[1],
            logits: true,
        },
        Work {
            sequence: &mut one,
            tokens: &[1; 10],
            logits: true,
        },
    ];
    let error = small
        .forward(&mut work)
        .expect_err("there is no fourth page");
    assert!(matches!(error, Error::KvFull { tokens: 70, .. }), "{error}");
    assert_eq!((one.len(), two.len()), (60, 20));
    drop(two);
    let mut work = [Work {
        sequence: &mut one,
        tokens: &[1; 10],
        logits: true,
    }];
    small.forward(&mut work).expect("there is room now");
}

#[test]
fn passes_are_few_and_of_one_size() {
    for tokens in 1..5 * MAX_ROWS {
        let rows = rows_together(tokens);
        assert!(rows <= MAX_ROWS);
        let passes = tokens.div_ceil(rows);
        assert_eq!(passes, tokens.div_ceil(MAX_ROWS), "{tokens}");
        let last = tokens - (passes - 1) * rows;
        assert!(rows - last < passes, "{tokens}: {rows} and at last {last}");
    }
    assert_eq!(rows_together(0), 0);
}
