//! Making a model small.

use crate::store::{ModelInfo, ModelStore};
use crate::weights::Weights;
use crate::{Error, Result};

/// What quantization did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct QuantReport {
    /// The new model.
    pub model: ModelInfo,
    /// Size of the file it was made from.
    pub bytes_before: u64,
    /// Size of the new file.
    pub bytes_after: u64,
    /// Error of each quantized tensor.
    pub tensors: Vec<TensorReport>,
}

/// How far a tensor's quantized values are from the original ones.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// Root of the mean squared error over the root mean square of the values.
    pub relative_error: f32,
}

/// Quantizes the encoder `from` to INT8 and installs it as `to_name`. `progress` gets (done, total) weights.
pub fn quantize_encoder(
    store: &ModelStore,
    from: &str,
    to_name: &str,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<QuantReport> {
    let (_, _) = (store.get(from)?, progress);
    Err(Error::Unsupported(format!(
        "cannot quantize to {to_name:?} yet"
    )))
}

/// `f32` or `int8`, by what the file says of itself.
pub(crate) fn kind_of(weights: &Weights) -> &'static str {
    if weights.metadata().contains_key("companion.quant") {
        "int8"
    } else {
        "f32"
    }
}
