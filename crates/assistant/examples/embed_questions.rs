//! Makes `assets/questions.safetensors`: the embeddings of the question bank, i8 with one scale a question, so that
//! choosing a question never has to embed the bank.
//!
//! `cargo run --release -p companion-assistant --example embed_questions -- MODEL_DIR [OUT]`

use std::collections::HashMap;
use std::path::PathBuf;

use assistant::prompt;
use engine::encoder::{Encoder, EncoderOptions};
use safetensors::{Dtype, View};

type Failure = Box<dyn std::error::Error>;

/// A tensor as the writer wants it.
struct Tensor(Dtype, Vec<usize>, Vec<u8>);

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.0
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.2.as_slice().into()
    }
    fn data_len(&self) -> usize {
        self.2.len()
    }
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let model = PathBuf::from(
        args.next()
            .ok_or("usage: embed_questions MODEL_DIR [OUT]")?,
    );
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/questions.safetensors");
    let out = args.next().map_or_else(|| default.into(), PathBuf::from);

    let encoder = Encoder::open(&model, &EncoderOptions::default())?;
    let texts: Vec<String> = prompt::bank().iter().map(prompt::embedded_text).collect();
    let embeddings = encoder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let (mut values, mut scales) = (Vec::new(), Vec::new());
    for e in &embeddings {
        let scale = e.vector.iter().fold(0.0_f32, |m, v| m.max(v.abs())) / 127.0;
        values.extend(e.vector.iter().map(|v| (v / scale).round() as i8 as u8));
        scales.extend(scale.to_le_bytes());
    }
    let tensors = [
        (
            "vectors",
            Tensor(Dtype::I8, vec![texts.len(), encoder.dim()], values),
        ),
        ("scales", Tensor(Dtype::F32, vec![texts.len()], scales)),
    ];
    let family = encoder
        .model_id()
        .split(['@', '-'])
        .next()
        .unwrap_or_default();
    let notes = HashMap::from([
        ("bank".to_owned(), prompt::bank_digest()),
        ("encoder".to_owned(), family.to_owned()),
        ("made_with".to_owned(), encoder.model_id().to_owned()),
    ]);
    let bytes = safetensors::serialize(tensors.iter().map(|(name, t)| (*name, t)), Some(notes))?;
    std::fs::write(out, bytes)?;
    Ok(())
}
