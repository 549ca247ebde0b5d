//! A decoder's tensors, out of a weight file.

use kernels::{QMatrix, QShape};

use super::matrix::{F32Part, Matrix, Quantized};
use super::{Config, Layer, Qwen2, Rotation};
use crate::weights::{Source, Tensor, TensorInfo, WeightError, Weights};

/// The version of the layout of quantized decoders: the groups of `down_proj`'s inputs are turned.
pub(crate) const FORMAT: &str = "3";

/// The version before, which differs in that nothing is turned. Every other one is refused.
const UNTURNED_FORMAT: &str = "2";

impl Qwen2 {
    /// Takes the tensors out of `weights`: floats under their published names, or quantized ones. `exact`: floats
    /// are summed in one order on every machine, as quantized ones are anyway.
    pub(crate) fn load(
        weights: &Weights,
        config: &Config,
        exact: bool,
    ) -> Result<Qwen2, WeightError> {
        match weights.metadata().get("companion.quant") {
            None => Qwen2::load_f32(&|name, shape| weights.tensor(name, shape), config, exact),
            Some(_) => Qwen2::load_quantized(weights, config),
        }
    }

    /// Reads the floats of `source` into memory, whatever their precision and wherever they lie.
    pub(crate) fn load_source(
        source: &Source,
        config: &Config,
        exact: bool,
    ) -> crate::Result<Qwen2> {
        let read = |name: &str, shape: &[usize]| source.floats(name, shape).map(Tensor::from);
        Qwen2::load_f32(&read, config, exact)
    }

    /// Reads every tensor of `source` that a model of these sizes needs through, and keeps none: whether
    /// [`load_source`](Qwen2::load_source) would succeed, without its memory.
    pub(crate) fn check_source(source: &Source, config: &Config) -> crate::Result<()> {
        let check = |name: &str, shape: &[usize]| {
            source.check(name, shape).map(|()| Tensor::from(Vec::new()))
        };
        Qwen2::load_f32(&check, config, false).map(|_| ())
    }

    fn load_quantized(weights: &Weights, config: &Config) -> Result<Qwen2, WeightError> {
        let found = weights.metadata().get("companion.format");
        let turned = match found.map(String::as_str) {
            Some(FORMAT) => true,
            Some(UNTURNED_FORMAT) => false,
            _ => {
                return Err(WeightError::BadMetadata {
                    key: "companion.format".into(),
                    found: found.cloned().unwrap_or_default(),
                    expected: format!("{FORMAT:?}; quantize the model again"),
                });
            }
        };
        let (h, inner) = (config.hidden_size, config.intermediate_size);
        let heads = config.num_attention_heads * config.head_dim;
        let norm = |name: &str| weights.tensor::<f32>(name, &[h]);
        let layers = (0..config.num_hidden_layers)
            .map(|l| {
                let at = |part: &str| format!("model.layers.{l}.{part}");
                let matrix = |name: &str, n, k| quantized(weights, &at(name), n, k);
                let mut qkv = matrix("self_attn.qkv_proj", config.qkv_size(), h)?;
                if config.has_qkv_bias() {
                    let name = at("self_attn.qkv_proj.bias");
                    qkv.bias = Some(weights.tensor(&name, &[config.qkv_size()])?);
                }
                let mut down = matrix("mlp.down_proj", h, inner)?;
                down.turned = turned;
                let boxed = |q| Matrix::Quantized(Box::new(q));
                Ok(Layer {
                    attention_norm: norm(&at("input_layernorm.weight"))?,
                    qkv: boxed(qkv),
                    output: boxed(matrix("self_attn.o_proj", h, heads)?),
                    mlp_norm: norm(&at("post_attention_layernorm.weight"))?,
                    gate_up: boxed(matrix("mlp.gate_up_proj", 2 * inner, h)?),
                    down: boxed(down),
                })
            })
            .collect::<Result<_, WeightError>>()?;
        let table = |name: &str| {
            quantized(weights, name, config.vocab_size, h).map(|q| Matrix::Quantized(Box::new(q)))
        };
        Ok(Qwen2 {
            embeddings: table("model.embed_tokens")?,
            layers,
            norm: norm("model.norm.weight")?,
            head: match config.tie_word_embeddings {
                true => None,
                false => Some(table("lm_head")?),
            },
            rotation: Rotation::of(config),
            config: config.clone(),
        })
    }

    /// Floats under their published names, each from `tensor`, which is asked for a name and a shape.
    fn load_f32<E>(
        tensor: &impl Fn(&str, &[usize]) -> Result<Tensor<f32>, E>,
        config: &Config,
        exact: bool,
    ) -> Result<Qwen2, E> {
        let side_by_side = |parts| Matrix::F32 { parts, exact };
        let (h, inner) = (config.hidden_size, config.intermediate_size);
        let heads = config.num_attention_heads * config.head_dim;
        let kv = config.num_key_value_heads * config.head_dim;
        let norm = |name: &str| tensor(name, &[h]);
        let layers = (0..config.num_hidden_layers)
            .map(|l| {
                let at = |part: &str| format!("model.layers.{l}.{part}");
                let attention = |part: &str| at(&format!("self_attn.{part}_proj"));
                let mlp = |part: &str| at(&format!("mlp.{part}_proj"));
                let bias = config.has_qkv_bias();
                Ok(Layer {
                    attention_norm: norm(&at("input_layernorm.weight"))?,
                    qkv: side_by_side(vec![
                        f32_part(tensor, &attention("q"), heads, h, bias)?,
                        f32_part(tensor, &attention("k"), kv, h, bias)?,
                        f32_part(tensor, &attention("v"), kv, h, bias)?,
                    ]),
                    output: side_by_side(vec![f32_part(tensor, &attention("o"), h, heads, false)?]),
                    mlp_norm: norm(&at("post_attention_layernorm.weight"))?,
                    gate_up: side_by_side(vec![
                        f32_part(tensor, &mlp("gate"), inner, h, false)?,
                        f32_part(tensor, &mlp("up"), inner, h, false)?,
                    ]),
                    down: side_by_side(vec![f32_part(tensor, &mlp("down"), h, inner, false)?]),
                })
            })
            .collect::<Result<_, E>>()?;
        let table = |name: &str| {
            f32_part(tensor, name, config.vocab_size, h, false).map(|part| side_by_side(vec![part]))
        };
        Ok(Qwen2 {
            embeddings: table("model.embed_tokens")?,
            layers,
            norm: norm("model.norm.weight")?,
            head: match config.tie_word_embeddings {
                true => None,
                false => Some(table("lm_head")?),
            },
            rotation: Rotation::of(config),
            config: config.clone(),
        })
    }
}

/// The float matrix `name`, `[outputs, inputs]`.
fn f32_part<E>(
    tensor: &impl Fn(&str, &[usize]) -> Result<Tensor<f32>, E>,
    name: &str,
    outputs: usize,
    inputs: usize,
    bias: bool,
) -> Result<F32Part, E> {
    Ok(F32Part {
        weight: tensor(&format!("{name}.weight"), &[outputs, inputs])?,
        bias: match bias {
            true => tensor(&format!("{name}.bias"), &[outputs])?,
            false => Tensor::from(vec![0.0; outputs]),
        },
    })
}

/// The quantized matrix `name` of `n` outputs and `k` inputs. How many bits and inputs a group has follows
/// from the sizes of its parts, where `companion.group` leaves two readings.
fn quantized(weights: &Weights, name: &str, n: usize, k: usize) -> Result<Quantized, WeightError> {
    let (codes_name, scales_name) = (format!("{name}.codes"), format!("{name}.scales"));
    let info = |name: &str| -> Result<&TensorInfo, WeightError> {
        (weights.tensors().get(name)).ok_or_else(|| WeightError::Missing {
            tensor: name.to_owned(),
        })
    };
    let (codes_shape, scales_shape) = (
        info(&codes_name)?.shape.clone(),
        info(&scales_name)?.shape.clone(),
    );
    let codes: Tensor<u8> = weights.tensor(&codes_name, &codes_shape)?;
    let scales: Tensor<u16> = weights.tensor(&scales_name, &scales_shape)?;
    let stated = weights.metadata().get("companion.group");
    let groups = (stated.and_then(|group| group.parse().ok()).into_iter()).chain([64, 32, 128]);
    let shapes = groups.flat_map(|group| [8, 4].map(|bits| QShape { n, k, group, bits }));
    let fits = |shape: &QShape| QMatrix::new(*shape, &codes, &scales).is_ok();
    let shape = shapes.into_iter().find(fits);
    let shape = shape.ok_or_else(|| WeightError::BadPacking {
        tensor: codes_name.clone(),
        reason: format!(
            "{} bytes of codes and {} scales are no matrix of {n} outputs and {k} inputs in 8 or 4 bits",
            codes.len(),
            scales.len()
        ),
    })?;
    let smooth = format!("{name}.smooth");
    Ok(Quantized {
        shape,
        codes,
        scales,
        bias: None,
        turned: false,
        smooth: match weights.tensors().contains_key(&smooth) {
            true => Some(weights.tensor(&smooth, &[k])?),
            false => None,
        },
    })
}
