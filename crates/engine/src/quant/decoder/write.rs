//! From a source of float tensors to a quantized file, layer by layer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use kernels::{PackedQ, QShape};

use super::balance::balance;
use super::moments::Moments;
use super::pass::{LayerWeights, Pass, Place, States};
use super::plan::{self, Planned, What};
use super::rounding::{Inputs, Loss, Rounded, round_matrix};
use super::{DecoderQuant, Hands, MatrixReport, Target, worth};
use crate::model::qwen2::Config;
use crate::weights::{Dtype, PlannedTensor, Source, StreamWriter};
use crate::{Error, Result};

/// Rows of a table that are in memory as floats; a multiple of a panel.
const TABLE_ROWS: usize = 4096;

/// Rows of the embeddings that tell how large outputs are for their weights.
const FLOOR_ROWS: usize = 1024;

/// Quantizes the decoder in `source` as `options` say and writes it to `to`, which errors call `path`. `texts` are
/// token ids to calibrate with; without any, every input of a matrix counts alike. `progress` gets (done, total)
/// weights.
#[allow(clippy::too_many_arguments)] // Each is another kind of thing, and there is one caller.
pub(crate) fn write_quantized<W: Write>(
    hands: Hands<'_>,
    source: &Source,
    config: &Config,
    texts: &[Vec<u32>],
    options: &DecoderQuant,
    metadata: &BTreeMap<String, String>,
    (to, path): (W, &Path),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<MatrixReport>> {
    let mut planned = plan::matrices(config, options);
    if options.to == Target::Mixed {
        worth::spend_bits(hands, source, config, texts, options, &mut planned)?;
    }
    let failed = |e| Error::io("write", path, e);
    let mut out = Output {
        stream: StreamWriter::new(to, metadata, tensors(config, &planned)).map_err(failed)?,
        path,
        reports: Vec::new(),
        done: 0,
        total: config.parameters(),
        progress,
    };
    (out.progress)(0, out.total);
    let mut states = embed(source, config, texts)?;
    let pass = Pass {
        kernels: hands.kernels,
        team: hands.team,
        config,
    };
    let squares = |rows: &[f32]| f64::from(hands.kernels.dot(rows, rows));
    // How much of the rows behind the first layer is what was looked up.
    let mut embedded = squares(&states.rows);
    let mut matrices = planned.iter();
    for l in 0..config.num_hidden_layers {
        let mut layer = read_layer(source, config, l)?;
        let shape_of = |place| plan::shape_of(&planned, What::Layer(l, place));
        balance(hands, pass, &mut layer, &states, shape_of);
        let mut inputs = observe(hands, pass, &layer, &states, shape_of);
        out.floats(&layer.attention_norm)?;
        for place in Place::ALL {
            let planned = matrices.next().expect("every layer has four matrices");
            if place == Place::GateUp {
                out.floats(&layer.mlp_norm)?;
            }
            let inputs = inputs.remove(&place);
            let QShape { k, group, .. } = planned.shape;
            let weights = layer.matrix(place);
            if place.is_turned() {
                hands.kernels.turn_weights(weights, k, group);
            }
            let rounded = round_matrix(
                hands.kernels,
                hands.team,
                weights,
                planned.shape,
                inputs.as_ref(),
            );
            out.matrix(planned, &rounded)?;
            if place == Place::Qkv && config.has_qkv_bias() {
                out.floats(&layer.qkv_bias)?;
            }
            dequantize(&rounded.packed, layer.matrix(place));
            if place.is_turned() {
                hands.kernels.turn_inputs(layer.matrix(place), k, group);
            }
        }
        // What the texts look like behind the layer as it is now: the layers to come make up for it.
        pass.layer(&layer, &mut states, &mut |_, _| {});
        if l == 0 {
            embedded /= squares(&states.rows).max(f64::MIN_POSITIVE);
        }
    }
    let norm = source.floats("model.norm.weight", &[config.hidden_size])?;
    out.floats(&norm)?;
    let mut last = Moments::new(config.hidden_size);
    for rows in states.rows.chunks(TABLE_ROWS * config.hidden_size) {
        last.add(hands.kernels, hands.team, &pass.norm(rows, &norm));
    }
    let last = match (states.rows.is_empty(), config.tie_word_embeddings) {
        (true, _) => None,
        (false, false) => Some(Inputs::new(last, hands.team)),
        (false, true) => {
            let floor = lookup_floor(hands, source, config, &last)? * embedded;
            Some(Inputs::with_floor(last, hands.team, floor))
        }
    };
    for planned in matrices {
        // Embeddings that are not the head are only looked up.
        let is_head = planned.what == What::Head || config.tie_word_embeddings;
        let inputs = last.as_ref().filter(|_| is_head);
        out.table(hands, source, planned, inputs)?;
    }
    out.stream.finish().map_err(failed)?;
    (out.progress)(out.total, out.total);
    Ok(out.reports)
}

/// The tensors of the new file, in its order.
fn tensors(config: &Config, planned: &[Planned]) -> Vec<PlannedTensor> {
    let mut tensors = Vec::new();
    let floats = |name: String, count| PlannedTensor::new(&name, Dtype::F32, &[count]);
    let mut norm_written = false;
    for planned in planned {
        match planned.what {
            What::Layer(l, Place::Qkv) => tensors.push(floats(
                format!("model.layers.{l}.input_layernorm.weight"),
                config.hidden_size,
            )),
            What::Layer(l, Place::GateUp) => tensors.push(floats(
                format!("model.layers.{l}.post_attention_layernorm.weight"),
                config.hidden_size,
            )),
            What::Embeddings | What::Head if !norm_written => {
                norm_written = true;
                tensors.push(floats("model.norm.weight".into(), config.hidden_size));
            }
            _ => {}
        }
        let (name, shape) = (&planned.name, planned.shape);
        let panels = shape.panels();
        tensors.push(PlannedTensor::new(
            &format!("{name}.codes"),
            Dtype::U8,
            &[panels, shape.panel_bytes()],
        ));
        tensors.push(PlannedTensor::new(
            &format!("{name}.scales"),
            Dtype::F16,
            &[panels, shape.groups(), kernels::PANEL],
        ));
        if matches!(planned.what, What::Layer(_, Place::Qkv)) && config.has_qkv_bias() {
            tensors.push(floats(format!("{name}.bias"), config.qkv_size()));
        }
    }
    tensors
}

/// The rows of all texts before the first layer.
pub(crate) fn embed(source: &Source, config: &Config, texts: &[Vec<u32>]) -> Result<States> {
    let h = config.hidden_size;
    let shape = [config.vocab_size, h];
    let name = format!("{}.weight", plan::EMBEDDINGS);
    let mut rows = vec![0.0; texts.iter().map(Vec::len).sum::<usize>() * h];
    for (row, id) in rows.chunks_exact_mut(h).zip(texts.iter().flatten()) {
        let id = *id as usize;
        source.rows(&name, &shape, id..id + 1, row)?;
    }
    Ok(States {
        rows,
        lengths: texts.iter().map(Vec::len).collect(),
    })
}

/// What every matrix of `layer`, of the shape `shape` of its place, sees of the texts; nothing where there are none.
pub(crate) fn observe(
    hands: Hands<'_>,
    pass: Pass<'_>,
    layer: &LayerWeights,
    states: &States,
    shape: impl Fn(Place) -> QShape,
) -> BTreeMap<Place, Inputs> {
    let mut moments: BTreeMap<Place, Moments> = BTreeMap::new();
    let mut states = States {
        rows: states.rows.clone(),
        lengths: states.lengths.clone(),
    };
    pass.layer(layer, &mut states, &mut |place, rows| {
        let QShape { k, group, .. } = shape(place);
        let mut rows = Cow::Borrowed(rows);
        if place.is_turned() {
            hands.kernels.turn_inputs(rows.to_mut(), k, group);
        }
        (moments.entry(place).or_insert_with(|| Moments::new(k))).add(
            hands.kernels,
            hands.team,
            &rows,
        );
    });
    let of = |(place, moments)| (place, Inputs::new(moments, hands.team));
    moments.into_iter().map(of).collect()
}

/// The float weights of layer `l`.
pub(crate) fn read_layer(source: &Source, config: &Config, l: usize) -> Result<LayerWeights> {
    let (h, inner) = (config.hidden_size, config.intermediate_size);
    let heads = config.num_attention_heads * config.head_dim;
    let kv = config.num_key_value_heads * config.head_dim;
    let at = |part: &str| format!("model.layers.{l}.{part}");
    let stacked = |parts: &[(&str, usize)], k: usize| -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(parts.iter().map(|(_, n)| n * k).sum());
        for (part, n) in parts {
            all.extend(source.floats(&at(&format!("{part}.weight")), &[*n, k])?);
        }
        Ok(all)
    };
    let qkv = ["q", "k", "v"].map(|part| format!("self_attn.{part}_proj"));
    let sizes = [heads, kv, kv];
    let mut qkv_bias = vec![0.0; config.qkv_size()];
    if config.has_qkv_bias() {
        qkv_bias.clear();
        for (part, n) in qkv.iter().zip(sizes) {
            qkv_bias.extend(source.floats(&at(&format!("{part}.bias")), &[n])?);
        }
    }
    let qkv: Vec<(&str, usize)> = qkv.iter().map(String::as_str).zip(sizes).collect();
    Ok(LayerWeights {
        attention_norm: source.floats(&at("input_layernorm.weight"), &[h])?,
        qkv: stacked(&qkv, h)?,
        qkv_bias,
        output: stacked(&[("self_attn.o_proj", h)], heads)?,
        mlp_norm: source.floats(&at("post_attention_layernorm.weight"), &[h])?,
        gate_up: stacked(&[("mlp.gate_proj", inner), ("mlp.up_proj", inner)], h)?,
        down: stacked(&[("mlp.down_proj", h)], inner)?,
    })
}

/// What is to be added to the mean square of the head's inputs, so that a part of its weights lost counts as much as
/// the same part of its outputs: the embeddings are looked up as well.
fn lookup_floor(
    hands: Hands<'_>,
    source: &Source,
    config: &Config,
    moments: &Moments,
) -> Result<f64> {
    let (n, h) = (config.vocab_size, config.hidden_size);
    let mut rows = vec![0.0; n.min(FLOOR_ROWS) * h];
    let name = format!("{}.weight", plan::EMBEDDINGS);
    source.rows(&name, &[n, h], 0..rows.len() / h, &mut rows)?;
    let outputs = rows
        .chunks_exact(h)
        .map(|w| moments.energy(hands.kernels, w));
    let weights = f64::from(hands.kernels.dot(&rows, &rows));
    Ok(outputs.sum::<f64>() / weights.max(f64::MIN_POSITIVE))
}

/// The values that `packed` stands for, `[n, k]`.
fn dequantize(packed: &PackedQ, to: &mut [f32]) {
    let view = packed.view();
    for (column, row) in to.chunks_exact_mut(packed.shape.k).enumerate() {
        view.dequantize_column(column, row);
    }
}

/// The file in the making.
struct Output<'a, W> {
    stream: StreamWriter<W>,
    path: &'a Path,
    reports: Vec<MatrixReport>,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<W: Write> Output<'_, W> {
    fn floats(&mut self, values: &[f32]) -> Result<()> {
        (self.stream.write(values)).map_err(|e| Error::io("write", self.path, e))
    }

    fn matrix(&mut self, planned: &Planned, rounded: &Rounded) -> Result<()> {
        let PackedQ { codes, scales, .. } = &rounded.packed;
        (self.stream.write(codes))
            .and_then(|()| self.stream.write(scales))
            .map_err(|e| Error::io("write", self.path, e))?;
        self.report(planned, rounded.loss);
        Ok(())
    }

    /// Quantizes and writes a table of as many rows as there are tokens, some at a time.
    fn table(
        &mut self,
        hands: Hands<'_>,
        source: &Source,
        planned: &Planned,
        inputs: Option<&Inputs>,
    ) -> Result<()> {
        let QShape { n, k, .. } = planned.shape;
        let name = format!("{}.weight", planned.name);
        let mut scales = Vec::with_capacity(planned.shape.scale_count());
        let mut loss = Loss::default();
        let mut rows = vec![0.0; TABLE_ROWS.min(n) * k];
        for first in (0..n).step_by(TABLE_ROWS) {
            let count = TABLE_ROWS.min(n - first);
            let rows = &mut rows[..count * k];
            source.rows(&name, &[n, k], first..first + count, rows)?;
            let shape = QShape {
                n: count,
                ..planned.shape
            };
            let part = round_matrix(hands.kernels, hands.team, rows, shape, inputs);
            (self.stream.write(&part.packed.codes))
                .map_err(|e| Error::io("write", self.path, e))?;
            scales.extend(part.packed.scales);
            loss.merge(part.loss);
            (self.progress)(self.done + ((first + count) * k) as u64, self.total);
        }
        (self.stream.write(&scales)).map_err(|e| Error::io("write", self.path, e))?;
        self.report(planned, loss);
        Ok(())
    }

    fn report(&mut self, planned: &Planned, loss: Loss) {
        let QShape { n, k, group, bits } = planned.shape;
        self.done += (n * k) as u64;
        (self.progress)(self.done.min(self.total), self.total);
        self.reports.push(MatrixReport {
            name: planned.name.clone(),
            bits,
            group,
            bytes: plan::bytes(planned.shape),
            relative_error: loss.weights.relative(),
            output_error: loss.outputs.measured(),
        });
    }
}
