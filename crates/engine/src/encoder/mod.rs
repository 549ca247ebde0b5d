//! The instant tier's model: texts in, sentence vectors out.

mod adapted;
mod batch;
mod chunks;
mod pairs;
mod windows;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kernels::{Isa, Kernels, WeightType};
use metrics::Measure;

use crate::measure;
use crate::model::minilm::{Config, MiniLm};
use crate::pool::{self, Pool};
use crate::store::{MANIFEST, ModelInfo, TOKENIZER, WEIGHTS};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::{Error, Result};

pub use adapted::{AdaptedEncoder, InContext, Sentences};
pub use pairs::{PairEncoder, PairStates};

/// How an encoder runs. The default asks the environment, then the machine.
#[derive(Debug, Clone, Default)]
pub struct EncoderOptions {
    /// Threads, the caller's included; `None`: `COMPANION_THREADS`, else what the system offers.
    pub threads: Option<usize>,
    /// Instruction set; `None`: `COMPANION_KERNEL`, else the fastest.
    pub kernel: Option<Isa>,
}

/// The kernels that an INT8 model with default options would run on here, `x86_64-int8-amx`.
///
/// # Errors
/// Where `COMPANION_KERNEL` names kernels that this processor cannot run.
pub fn default_kernel_name() -> Result<&'static str> {
    Ok(Kernels::from_env()?.name())
}

/// A text's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Of length one, with [`Encoder::dim`] components.
    pub vector: Vec<f32>,
    /// Word pieces in the text, without the special ones.
    pub tokens: usize,
    /// Pieces that the text was read in; more than one means that it was longer than the model reads at once.
    pub chunks: usize,
}

/// An open encoder. Cloning is cheap and shares it; it can be used from several threads.
#[derive(Clone)]
pub struct Encoder {
    inner: Arc<Inner>,
}

struct Inner {
    model: MiniLm,
    tokenizer: Tokenizer,
    kernels: Kernels,
    pool: Pool,
    id: String,
    /// The id of the float weights that these were made from; of these themselves where they are float.
    made_from: String,
    config: Config,
    weights: WeightType,
    dim: usize,
}

impl Encoder {
    /// Opens the model in the folder `model_dir`, f32 or INT8 by its manifest. The weights are mapped.
    pub fn open(model_dir: &Path, options: &EncoderOptions) -> Result<Encoder> {
        let opening = measure::Opening::begin();
        let info = ModelInfo::read(&model_dir.join(MANIFEST))?;
        let kernels = match options.kernel {
            Some(isa) => Kernels::new(isa)?,
            None => Kernels::from_env()?,
        };
        let threads = pool::thread_count(options.threads)?;
        let config = info.encoder_config()?.clone();
        let (model, tokenizer) = load(model_dir, &info)?;
        opening.end(Measure::EncoderLoadCold, Measure::EncoderLoadWarm);
        Ok(Encoder {
            inner: Arc::new(Inner {
                model,
                tokenizer,
                kernels,
                pool: Pool::new(threads),
                id: info.id(),
                made_from: info.made_from(),
                weights: info.weight_type(),
                config,
                dim: info.dim,
            }),
        })
    }

    /// What stands beside every vector: the model's name and the first 12 digits of its weights' sha256.
    pub fn model_id(&self) -> &str {
        &self.inner.id
    }

    /// The first 12 digits of the sha256 of the float weights that this encoder is, or was quantized from; what
    /// was trained on top of those weights fits this encoder. Empty where the manifest does not know.
    pub fn made_from(&self) -> &str {
        &self.inner.made_from
    }

    /// Components of a vector.
    pub fn dim(&self) -> usize {
        self.inner.dim
    }

    /// The kernels in use, as logs and benchmark tables name them.
    pub fn kernel_name(&self) -> &'static str {
        self.inner.kernels.name_for(self.inner.weights)
    }

    /// Threads in use, the caller's included.
    pub fn threads(&self) -> usize {
        self.inner.pool.threads()
    }

    /// Word pieces in `text`, without the special ones.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.inner.tokenizer.encode(text).len()
    }

    /// The vectors of `texts`, in their order. See [`Encoder::embed_with_progress`].
    pub fn embed(&self, texts: &[&str]) -> Vec<Embedding> {
        self.embed_with_progress(texts, &mut |_| ())
    }

    /// The vectors of `texts`, in their order; `on_done` hears how many are done so far.
    ///
    /// Any text has a vector, an empty one too. A text of more than 254 word pieces is read in overlapping
    /// chunks, whose means are pooled by the pieces that each has to itself. A text's vector does not
    /// depend on what else is in `texts`, to the bit.
    pub fn embed_with_progress(
        &self,
        texts: &[&str],
        on_done: &mut dyn FnMut(usize),
    ) -> Vec<Embedding> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for window in texts.chunks(batch::WINDOW) {
            let begun = Instant::now();
            self.inner.pool.wake();
            embeddings.extend(batch::embed(&self.inner, window));
            measure::encoded(window.len(), begun);
            on_done(embeddings.len());
        }
        embeddings
    }
}

/// Loads model and tokenizer, and checks that they belong together.
fn load(model_dir: &Path, info: &ModelInfo) -> Result<(MiniLm, Tokenizer)> {
    let config = info.encoder_config()?;
    let path = model_dir.join(WEIGHTS);
    let weights = Weights::open(&path)?;
    let model = MiniLm::load(&weights, config).map_err(|source| Error::Weights { path, source })?;
    let path = model_dir.join(TOKENIZER);
    let tokenizer = Tokenizer::open(&path)?;
    if tokenizer.vocabulary() > config.vocab_size {
        return Err(Error::Tokenizer {
            path,
            reason: format!(
                "it has {} word pieces, the model knows {}",
                tokenizer.vocabulary(),
                config.vocab_size
            ),
        });
    }
    Ok((model, tokenizer))
}

/// Whether the files in `model_dir` make a working encoder.
pub(crate) fn check(model_dir: &Path, info: &ModelInfo) -> Result<()> {
    load(model_dir, info).map(|_| ())
}
