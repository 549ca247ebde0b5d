//! Which tensors a quantized decoder has, and how many bits each of them gets.

use kernels::QShape;

use super::pass::Place;
use super::{DecoderQuant, Target};
use crate::model::qwen2::Config;

/// The name of the embeddings, whose part `.codes` is the head too where that is tied.
pub(crate) const EMBEDDINGS: &str = "model.embed_tokens";
/// The name of a head of its own.
pub(crate) const HEAD: &str = "lm_head";

/// A matrix that is going to be quantized.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    /// Its name in the new file, without the part.
    pub(crate) name: String,
    pub(crate) what: What,
    pub(crate) shape: QShape,
}

/// Which matrix it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Embeddings,
    Layer(usize, Place),
    Head,
}

/// Inputs that share a scale where nothing else is said.
pub(crate) const GROUP: usize = 64;

/// Inputs that share one where [`group_of`] finds that 64 lose too much.
const FINE_GROUP: usize = 32;

/// Inputs that share one where it finds that this loses little: every group costs the time of scaling its sums.
const COARSE_GROUP: usize = 128;

/// Inputs that share a scale in the matrix `what` of a model in `to`, where nobody gave a number.
///
/// Layers in 8 bits lose so little that groups of 128 lose no more than llama.cpp's of 32 do, their inputs turned or made even.
/// In 4 bits a table that is both embeddings and head loses as much as all layers. `mixed` spends its bytes on 8 bits.
/// (Measured: docs/quantization.md.)
fn group_of(what: What, to: Target, config: &Config) -> usize {
    match (what, to) {
        (What::Layer(..), to) => layer_group(to),
        (What::Embeddings, Target::Int4) if config.tie_word_embeddings => FINE_GROUP,
        _ => GROUP,
    }
}

/// [`group_of`] the layers.
pub(crate) fn layer_group(to: Target) -> usize {
    match to {
        Target::Int8 => COARSE_GROUP,
        Target::Int4 | Target::Mixed => GROUP,
    }
}

/// Every matrix in the order of the file, with the bits and the groups of `options`; `mixed` begins with 4 bits.
pub(crate) fn matrices(config: &Config, options: &DecoderQuant) -> Vec<Planned> {
    let bits = if options.to == Target::Int8 { 8 } else { 4 };
    let (h, inner) = (config.hidden_size, config.intermediate_size);
    let shape = |what, n, k| QShape {
        n,
        k,
        group: (options.group).unwrap_or_else(|| group_of(what, options.to, config)),
        bits,
    };
    let table = |name: &str, what| Planned {
        name: name.to_owned(),
        what,
        shape: shape(what, config.vocab_size, h),
    };
    let mut planned = Vec::new();
    for l in 0..config.num_hidden_layers {
        for place in Place::ALL {
            let (n, k) = match place {
                Place::Qkv => (config.qkv_size(), h),
                Place::Output => (h, config.num_attention_heads * config.head_dim),
                Place::GateUp => (2 * inner, h),
                Place::Down => (h, inner),
            };
            let what = What::Layer(l, place);
            planned.push(Planned {
                name: format!("model.layers.{l}.{}", place.name()),
                what,
                shape: shape(what, n, k),
            });
        }
    }
    // The tables come last: the head is rounded with what the layers make of the texts.
    planned.push(table(EMBEDDINGS, What::Embeddings));
    if !config.tie_word_embeddings {
        planned.push(table(HEAD, What::Head));
    }
    planned
}

/// What a matrix of `mixed` is rounded to where it gets 8 bits: its groups are then those of `int8`.
pub(crate) fn in_eight_bits(planned: &Planned, options: &DecoderQuant) -> QShape {
    let group = match planned.what {
        What::Layer(..) => options.group.unwrap_or(layer_group(Target::Int8)),
        What::Embeddings | What::Head => planned.shape.group,
    };
    QShape {
        group,
        bits: 8,
        ..planned.shape
    }
}

/// What the matrix `what` is rounded to.
pub(crate) fn shape_of(planned: &[Planned], what: What) -> QShape {
    let found = planned.iter().find(|planned| planned.what == what);
    found.expect("every matrix is planned").shape
}

/// Bytes of codes and scales.
pub(crate) fn bytes(shape: QShape) -> u64 {
    shape.code_bytes() as u64 + 2 * shape.scale_count() as u64
}

/// What 8 bits are worth for a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worth {
    /// How much of the expected error goes away with them.
    pub(crate) gain: f64,
    /// Bytes that they take more.
    pub(crate) bytes: u64,
}

/// Which matrices get 8 bits, so that as much error as possible goes away for at most `spare` bytes: those with
/// the most gain a byte first, as long as they fit.
pub(crate) fn spend(worths: &[Worth], spare: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..worths.len()).collect();
    let rate = |i: &usize| worths[*i].gain / worths[*i].bytes.max(1) as f64;
    order.sort_by(|a, b| rate(b).total_cmp(&rate(a)).then(a.cmp(b)));
    let mut left = spare;
    let mut chosen = Vec::new();
    for i in order {
        if worths[i].gain > 0.0 && worths[i].bytes <= left {
            left -= worths[i].bytes;
            chosen.push(i);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_where_a_byte_does_most_and_never_beyond_the_budget() {
        let worth = |gain, bytes| Worth { gain, bytes };
        let worths = [
            worth(9.0, 100),
            worth(8.0, 10),
            worth(1.0, 1),
            worth(0.0, 1),
        ];
        assert_eq!(spend(&worths, 0), Vec::<usize>::new());
        assert_eq!(spend(&worths, 10), [2]);
        assert_eq!(spend(&worths, 11), [1, 2]);
        assert_eq!(spend(&worths, 110), [1, 2]);
        assert_eq!(spend(&worths, 111), [0, 1, 2]);
    }
}
