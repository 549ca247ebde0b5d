//! Models at work: a language model at one size (`point`), any model at texts of 50, 200 and 500 words with its memory and
//! its use of the processor (`suite`), and any model as it is opened (`load`).

mod lengths;
pub(crate) mod load;
mod memory;
mod point;
pub(crate) mod reply;
pub(crate) mod table;

use engine::decoder::{Decoder, DecoderOptions};
use engine::encoder::{Encoder, EncoderOptions};
use engine::store::{ModelInfo, ModelStore};
use serde::Serialize;

use crate::system::{CpuFigures, CpuWatch};
use crate::{Options, Result};

pub use lengths::LengthFigures;
pub(crate) use lengths::SMALL;
pub use load::LoadFigures;
pub use memory::MemoryFigures;
pub use point::{InferenceFigures, InferenceOptions, Spread, measure_inference};

/// One model at work.
#[derive(Debug, Clone, Serialize)]
pub struct ModelFigures {
    /// Name and digest.
    pub model: String,
    /// `encoder` or `decoder`.
    pub kind: String,
    /// The type of its weights.
    pub quant: String,
    /// The kernels that ran.
    pub kernel: &'static str,
    /// The threads that ran.
    pub threads: usize,
    /// Bytes of the weight file.
    pub weights_bytes: u64,
    /// Weights of the network.
    pub parameters: u64,
    /// Bytes of weights and scales that each step of a decoder reads.
    pub step_bytes: Option<usize>,
    /// Whether a model without a tokenizer read random tokens, 1.3 a word, or other than text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// By length of the text.
    pub lengths: Vec<LengthFigures>,
    /// Where the memory is, with the encoder open beside a decoder.
    pub memory: Option<MemoryFigures>,
    /// The processor while the texts were read.
    pub cpu: Option<CpuFigures>,
}

/// What is opened: both kinds answer a text, one with a vector, one with a first token and more.
enum Model {
    Encoder(Encoder),
    Decoder(Box<Decoder>),
}

impl Model {
    fn open(store: &ModelStore, info: &ModelInfo, options: &Options) -> Result<Model> {
        let folder = store.path(&info.name);
        if info.kind == "encoder" {
            let with = EncoderOptions {
                threads: options.threads,
                ..EncoderOptions::default()
            };
            return Ok(Model::Encoder(Encoder::open(&folder, &with)?));
        }
        let with = DecoderOptions {
            threads: options.threads,
            ..DecoderOptions::default()
        };
        Ok(Model::Decoder(Box::new(Decoder::open(&folder, &with)?)))
    }

    fn kernel_and_threads(&self) -> (&'static str, usize) {
        match self {
            Model::Encoder(encoder) => (encoder.kernel_name(), encoder.threads()),
            Model::Decoder(decoder) => (decoder.kernel_name(), decoder.threads()),
        }
    }
}

/// Measures every model that `options` name.
pub(crate) fn suite(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<Vec<ModelFigures>> {
    let store = ModelStore::new(options.models_dir.clone());
    let mut all = Vec::new();
    for name in options.models() {
        let info = match store.get(name) {
            // The encoder is left out where it is not there; whoever runs the suites tells.
            Err(_) if *name == options.model => continue,
            found => found?,
        };
        all.push(measure(&store, &info, options, on_step)?);
    }
    Ok(all)
}

fn measure(
    store: &ModelStore,
    info: &ModelInfo,
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<ModelFigures> {
    // First, so that what others leave in the allocator does not count.
    on_step(&format!("inference: {}, memory", info.name));
    let memory = memory::measure(store, info, options)?;
    let model = Model::open(store, info, options)?;
    let watch = CpuWatch::start();
    let lengths = lengths::measure(&model, info, options, on_step)?;
    let cpu = watch.and_then(CpuWatch::stop);
    let (kernel, threads) = model.kernel_and_threads();
    Ok(ModelFigures {
        model: info.id(),
        kind: info.kind.clone(),
        quant: info.quant.clone(),
        kernel,
        threads,
        weights_bytes: info.bytes,
        parameters: info.parameters,
        step_bytes: match &model {
            Model::Decoder(decoder) => Some(decoder.step_bytes()),
            Model::Encoder(_) => None,
        },
        note: info
            .is_synthetic()
            .then_some("synthetic weights: speed only; random tokens, 1.3 a word"),
        lengths,
        memory,
        cpu,
    })
}
