//! The decoder against what transformers computed (`tools/fixtures/decoder`).

use std::path::{Path, PathBuf};

use engine::decoder::{Decoder, DecoderOptions, KvKind};
use engine::weights::Weights;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tools/fixtures/decoder")
        .join(name)
}

/// The largest error of a logit, and the largest logit, over all texts of a fixture.
fn worst(name: &str, kv: KvKind) -> (f32, f32) {
    let options = DecoderOptions {
        threads: Some(2),
        kv,
        ..DecoderOptions::default()
    };
    let decoder = Decoder::open(&folder(name), &options).expect("the fixture opens");
    let reference =
        Weights::open(&folder(name).join("reference.safetensors")).expect("the reference opens");
    let (mut error, mut largest) = (0.0_f32, 0.0_f32);
    for text in 0.. {
        let Some(info) = reference.tensors().get(&format!("ids.{text}")) else {
            assert!(text >= 4, "{name} has texts");
            break;
        };
        let ids = reference
            .tensor::<i32>(&format!("ids.{text}"), &info.shape)
            .expect("ids");
        let ids: Vec<u32> = ids.iter().map(|id| *id as u32).collect();
        let vocabulary = decoder.config().vocab_size;
        let want = reference
            .tensor::<f32>(&format!("logits.{text}"), &[ids.len(), vocabulary])
            .expect("logits");
        decoder.clear_kv();
        let mut sequence = decoder.start(&ids).expect("it fits");
        let got = decoder.read_all(&mut sequence, &ids).expect("it fits");
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want.iter()) {
            error = error.max((got - want).abs());
            largest = largest.max(want.abs());
        }
    }
    (error, largest)
}

#[test]
fn logits_are_those_of_transformers() {
    for name in ["qwen2-tied", "qwen2-untied", "llama"] {
        let (error, largest) = worst(name, KvKind::F32);
        println!("{name}: {error:.1e}, logits up to {largest:.1}");
        assert!(error <= 1e-4, "{name}: {error}");
    }
}

#[test]
fn smaller_caches_stay_near() {
    for (kv, most) in [(KvKind::F16, 1e-2), (KvKind::U8, 1e-1)] {
        let (error, largest) = worst("qwen2-tied", kv);
        println!("{kv}: {error:.1e}, logits up to {largest:.1}");
        assert!(
            error > 0.0 && error < most * largest.max(1.0),
            "{kv}: {error}"
        );
    }
}
