//! Making an encoder small: f32 weights to the INT8 file that the kernels map straight in.
//!
//! Each linear layer gets the layout of [`kernels::QMatrix`]: 8-bit codes with a scale for 128 inputs of a
//! column, those of the second half of a feed-forward network turned ([`kernels::Kernels::turn_weights`]). Some
//! channels of a BERT's activations are much larger than the rest and would take the range of a byte for themselves,
//! so each input is divided by a factor and its weights are multiplied by it (Xiao et al. 2023, "SmoothQuant"); how
//! much of the range moves into the weights is chosen for each matrix by what loses least on sixty sentences that the
//! project wrote (`assets/calibration.txt`). Word pieces become bytes with a scale for each row. Norms, biases and
//! positions stay f32.

mod calibrate;
pub mod decoder;
pub mod gate;
mod smooth;
mod squared_error;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;

use kernels::{Kernels, PackedQ};

use crate::model::linear::{shape_of, stored_shapes};
use crate::model::minilm::{Config, MiniLm, Place, with_segment};
use crate::pool::{self, Pool, Team};
use crate::store::{ModelInfo, ModelStore, QUANTIZED_FROM, TOKENIZER, WEIGHTS};
use crate::tokenizer::Tokenizer;
pub(crate) use squared_error::SquaredError;

use crate::weights::{NewTensor, Tensor, WeightError, Weights, write_safetensors};
use crate::{Error, Result};

/// What quantization did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct QuantReport {
    /// The new model.
    pub model: ModelInfo,
    /// Size of the weight file it was made from, read from the file.
    pub bytes_before: u64,
    /// Size of the new weight file, read from the file.
    pub bytes_after: u64,
    /// Mean cosine between the old and the new model's vectors of the calibration sentences.
    pub cosine_mean: f32,
    /// The smallest of these cosines.
    pub cosine_min: f32,
    /// Error of each quantized tensor.
    pub tensors: Vec<TensorReport>,
}

/// Name of the file beside a quantized model in which the errors of its tensors stand.
pub const QUANTIZATION: &str = "quantization.json";

/// How far a tensor's quantized values are from the original ones.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TensorReport {
    /// Its name in the new file, without the part.
    pub name: String,
    /// Root of the mean squared error over the root mean square of the values.
    pub relative_error: f32,
    /// How much of the activations' range moved into the weights, from 0 to 1; none for tables.
    pub smoothing: Option<f32>,
}

/// A result below this is not installed: the model is not one that INT8 suits.
const WORST_COSINE: f32 = 0.98;

/// Quantizes the f32 encoder `from` to INT8 and installs it as `to_name`, replacing what has that name.
/// `progress` gets (done, total) weights.
pub fn quantize_encoder(
    store: &ModelStore,
    from: &str,
    to_name: &str,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<QuantReport> {
    let info = store.get(from)?;
    if info.quant != "f32" || info.kind != "encoder" {
        return Err(Error::Unsupported(format!(
            "{from:?} is an {} {}; only f32 encoders can be quantized",
            info.quant, info.kind
        )));
    }
    let config = info.encoder_config()?;
    let folder = store.path(from);
    let path = folder.join(WEIGHTS);
    let named = |source: WeightError| Error::Weights {
        path: path.clone(),
        source,
    };
    let weights = Weights::open(&path)?;
    let model = MiniLm::load(&weights, config).map_err(named)?;
    let tokenizer = Tokenizer::open(&folder.join(TOKENIZER))?;
    let pool = Pool::new(pool::thread_count(None)?);
    let kernels = Kernels::from_env()?;

    let sample = calibrate::sample(&model, &tokenizer, config, kernels, Team::All(&pool));
    let total = config.parameters();
    progress(0, total);
    let parts = quantize(&weights, config, &sample, kernels, &pool, progress).map_err(named)?;

    let staging = store.stage(to_name)?;
    write(&staging.path.join(WEIGHTS), &info, &parts)?;
    let (old, new) = (folder.join(TOKENIZER), staging.path.join(TOKENIZER));
    std::fs::copy(&old, new).map_err(|e| Error::io("copy", &old, e))?;
    let small = Weights::open(&staging.path.join(WEIGHTS))?;
    let small = MiniLm::load(&small, config).map_err(named)?;
    let (cosine_mean, cosine_min) = calibrate::compare(
        &model,
        &small,
        &tokenizer,
        config,
        kernels,
        Team::All(&pool),
    );
    if cosine_min.is_nan() || cosine_min < WORST_COSINE {
        return Err(Error::Unsupported(format!(
            "{from:?} does not survive INT8: the worst cosine is {cosine_min:.4}, at least {WORST_COSINE} is needed"
        )));
    }
    let model = store.finish(staging, to_name, &format!("{QUANTIZED_FROM}{}", info.id()))?;
    progress(total, total);
    Ok(QuantReport {
        bytes_before: info.bytes,
        bytes_after: model.bytes,
        model,
        cosine_mean,
        cosine_min,
        tensors: parts.reports,
    })
}

/// Whether the weight file of the encoder `name` is one that this version reads: not INT8 of another format.
pub fn is_of_this_version(store: &ModelStore, name: &str) -> bool {
    Weights::open(&store.path(name).join(WEIGHTS)).is_ok_and(|weights| kind_of(&weights).is_ok())
}

/// `f32` or `int8`, by what the file says of itself; another type or version of ours is refused.
pub(crate) fn kind_of(weights: &Weights) -> std::result::Result<&'static str, WeightError> {
    let found = |key: &str| weights.metadata().get(key).map(String::as_str);
    let Some(quant) = found("companion.quant") else {
        return Ok("f32");
    };
    let expect = |key: &str, found: Option<&str>, expected: &str| match found {
        Some(found) if found == expected => Ok(()),
        other => Err(WeightError::BadMetadata {
            key: key.to_owned(),
            found: other.unwrap_or_default().to_owned(),
            expected: format!("{expected:?}; quantize the model again"),
        }),
    };
    expect("companion.quant", Some(quant), "int8")?;
    let format = found("companion.format");
    if format != Some(FINE_FORMAT) {
        expect("companion.format", format, FORMAT)?;
    }
    Ok("int8")
}

/// Inputs that share a scale in the INT8 encoder in `weights`, and whether those of the second half of a feed-forward network
/// are turned.
pub(crate) fn layout_of(weights: &Weights) -> (usize, bool) {
    match weights
        .metadata()
        .get("companion.format")
        .map(String::as_str)
    {
        Some(FINE_FORMAT) => (64, false),
        _ => (GROUP, true),
    }
}

/// The tensors of the new file.
#[derive(Default)]
pub(crate) struct Parts {
    floats: Vec<(String, Vec<usize>, Tensor<f32>)>,
    bytes: Vec<(String, Vec<usize>, Vec<i8>)>,
    codes: Vec<(String, Vec<usize>, Vec<u8>)>,
    halves: Vec<(String, Vec<usize>, Vec<u16>)>,
    reports: Vec<TensorReport>,
}

/// Quantizes every tensor.
fn quantize(
    weights: &Weights,
    config: &Config,
    sample: &calibrate::Sample,
    kernels: Kernels,
    pool: &Pool,
    progress: &mut dyn FnMut(u64, u64),
) -> std::result::Result<Parts, WeightError> {
    let (h, i) = (config.hidden_size, config.intermediate_size);
    let mut parts = Parts::default();
    let words = weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, h])?;
    parts.add_words(&words, h);
    let table = |name: &str, rows: usize| {
        weights.tensor::<f32>(&format!("embeddings.{name}_embeddings.weight"), &[rows, h])
    };
    let positions = with_segment(
        &table("position", config.max_position_embeddings)?,
        &table("token_type", config.type_vocab_size)?[..h],
    );
    parts.floats.push((
        "embeddings.positions".into(),
        vec![config.max_position_embeddings, h],
        positions,
    ));
    parts.add_norm(weights, "embeddings.LayerNorm", "embeddings.norm", h)?;
    let mut done = (words.len() + h * config.max_position_embeddings) as u64;
    for l in 0..config.num_hidden_layers {
        let at = |part: &str| format!("encoder.layer.{l}.{part}");
        let qkv = ["query", "key", "value"].map(|part| at(&format!("attention.self.{part}")));
        let layers = [
            ("qkv", Place::Qkv, qkv.to_vec(), h, h),
            (
                "output",
                Place::Output,
                vec![at("attention.output.dense")],
                h,
                h,
            ),
            ("up", Place::Up, vec![at("intermediate.dense")], i, h),
            ("down", Place::Down, vec![at("output.dense")], h, i),
        ];
        let mut tasks = Vec::new();
        for (name, place, sources, outputs, inputs) in layers {
            let (mut weight, mut bias) = (Vec::new(), Vec::new());
            for source in sources {
                weight.extend(
                    &*weights.tensor::<f32>(&format!("{source}.weight"), &[outputs, inputs])?,
                );
                bias.extend(&*weights.tensor::<f32>(&format!("{source}.bias"), &[outputs])?);
            }
            done += weight.len() as u64;
            tasks.push((
                format!("layer.{l}.{name}"),
                place == Place::Down,
                sample.inputs(l, place),
                weight,
                bias,
            ));
        }
        let packed = std::sync::Mutex::new(Vec::new());
        pool.for_each(tasks, |(name, turned, inputs, weight, bias)| {
            let shape = shape_of(bias.len(), weight.len() / bias.len(), GROUP)
                .expect("an encoder's layer is small");
            let shape = (shape, turned);
            let smoothed = smooth::pack_smoothed(kernels, inputs, &weight, shape);
            let mut packed = packed
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            packed.push((name, bias, smoothed));
        });
        let mut packed = packed
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        packed.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, bias, smoothed) in packed {
            parts.add_linear(&name, bias, smoothed);
        }
        parts.add_norm(
            weights,
            &at("attention.output.LayerNorm"),
            &format!("layer.{l}.attention_norm"),
            h,
        )?;
        parts.add_norm(
            weights,
            &at("output.LayerNorm"),
            &format!("layer.{l}.output_norm"),
            h,
        )?;
        progress(done, config.parameters());
    }
    Ok(parts)
}

impl Parts {
    fn add_words(&mut self, words: &[f32], width: usize) {
        let mut codes = Vec::with_capacity(words.len());
        let mut scales = Vec::with_capacity(words.len() / width);
        let mut error = SquaredError::default();
        for row in words.chunks_exact(width) {
            let scale = row.iter().fold(0.0_f32, |m, v| m.max(v.abs())) / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            for value in row {
                let code = (value * inverse).round_ties_even() as i8;
                error.add(*value, f32::from(code) * scale);
                codes.push(code);
            }
            scales.push(scale);
        }
        self.report("embeddings.words", error, None);
        self.bytes.push((
            "embeddings.words.codes".into(),
            vec![scales.len(), width],
            codes,
        ));
        self.floats.push((
            "embeddings.words.scales".into(),
            vec![scales.len()],
            scales.into(),
        ));
    }

    fn add_norm(
        &mut self,
        weights: &Weights,
        from: &str,
        to: &str,
        width: usize,
    ) -> std::result::Result<(), WeightError> {
        for part in ["weight", "bias"] {
            let tensor = weights.tensor::<f32>(&format!("{from}.{part}"), &[width])?;
            self.floats
                .push((format!("{to}.{part}"), vec![width], tensor));
        }
        Ok(())
    }

    fn add_linear(&mut self, name: &str, bias: Vec<f32>, smoothed: smooth::Smoothed) {
        let smooth::Smoothed {
            packed,
            smooth,
            strength,
            error,
        } = smoothed;
        let PackedQ {
            shape,
            codes,
            scales,
        } = packed;
        let [code_shape, scale_shape] = stored_shapes(&shape);
        self.report(name, error, Some(strength));
        self.codes
            .push((format!("{name}.codes"), code_shape, codes));
        self.halves
            .push((format!("{name}.scales"), scale_shape, scales));
        self.floats
            .push((format!("{name}.bias"), vec![shape.n], bias.into()));
        self.floats
            .push((format!("{name}.smooth"), vec![shape.k], smooth.into()));
    }

    fn report(&mut self, name: &str, error: SquaredError, smoothing: Option<f32>) {
        self.reports.push(TensorReport {
            name: name.to_owned(),
            relative_error: error.relative(),
            smoothing,
        });
    }
}

/// Writes the new weight file.
fn write(path: &std::path::Path, info: &ModelInfo, parts: &Parts) -> Result<()> {
    let config =
        serde_json::to_string(&info.config).map_err(|e| Error::manifest(path, e.to_string()))?;
    let metadata = BTreeMap::from([
        ("companion.quant".to_owned(), "int8".to_owned()),
        ("companion.format".to_owned(), FORMAT.to_owned()),
        ("companion.config".to_owned(), config),
        ("companion.source_sha256".to_owned(), info.sha256.clone()),
        ("licence".to_owned(), info.licence.clone()),
    ]);
    let bytes = parts
        .bytes
        .iter()
        .map(|(name, shape, data)| NewTensor::new(name, shape, data));
    let codes = parts
        .codes
        .iter()
        .map(|(name, shape, data)| NewTensor::new(name, shape, data));
    let halves = parts
        .halves
        .iter()
        .map(|(name, shape, data)| NewTensor::new(name, shape, data));
    let floats = parts
        .floats
        .iter()
        .map(|(name, shape, data)| NewTensor::new(name, shape, data));
    let tensors: Vec<_> = bytes.chain(codes).chain(halves).chain(floats).collect();
    let file = File::create(path).map_err(|e| Error::io("write", path, e))?;
    write_safetensors(&mut BufWriter::new(file), &metadata, &tensors)
        .map_err(|e| Error::io("write", path, e))
}

/// The version of the layout.
pub(crate) const FORMAT: &str = "3";

/// The version before, whose groups have 64 inputs, none of which is turned. Every other one is refused.
const FINE_FORMAT: &str = "2";

/// Inputs that share a scale.
const GROUP: usize = 128;
