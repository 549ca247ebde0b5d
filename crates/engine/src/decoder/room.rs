//! How much memory the cached keys and values of a decoder may take.

use crate::kv_cache::{PageShape, Room};

/// Bytes of cached keys and values that are kept for later texts where nobody says: about 19,000 tokens of Qwen2.5-1.5B in
/// f16. A longer text may take more.
pub const DEFAULT_KV_BYTES: usize = 512 << 20;

/// The room in the cache of a model that reads `context` tokens and whose weights have `weights` bytes.
///
/// `asked` bytes, if somebody asked. Else as many as one text takes that is as long as the model reads, where that is more
/// than [`DEFAULT_KV_BYTES`] and where the machine has them `available` beside the weights. Pages are made when they are
/// needed, so room costs nothing; what a long text took is given back when it ends.
pub(super) fn room(
    asked: Option<usize>,
    shape: PageShape,
    context: usize,
    weights: usize,
    available: Option<u64>,
) -> Room {
    if let Some(bytes) = asked {
        return Room::of(bytes);
    }
    let kept_bytes = DEFAULT_KV_BYTES.max(shape.bytes());
    // Mapped weights count as available, and every step reads them.
    let free = available.map_or(0, |bytes| bytes.saturating_sub(weights as u64));
    let free = usize::try_from(free).unwrap_or(usize::MAX);
    Room {
        bytes: shape.bytes_for(context).min(free).max(kept_bytes),
        kept_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv_cache::KvKind;
    use crate::model::qwen2;
    use crate::synth::config_of;

    #[test]
    fn a_text_as_long_as_the_model_reads_fits_where_the_machine_has_the_memory() {
        let of = |arch: &str, asked, available| {
            let config = config_of(arch).expect("a shape");
            let shape = qwen2::page_shape(&config, KvKind::F16);
            let room = room(
                asked,
                shape,
                config.max_position_embeddings,
                1_600_000_000,
                available,
            );
            (room.bytes, room.kept_bytes)
        };
        let (mb, whole) = (1 << 20, 32_768 * 28_672);
        let arch = "qwen2.5-1.5b";
        assert_eq!(of(arch, None, Some(8 << 30)), (whole, 512 * mb));
        assert_eq!(of(arch, None, Some(2_400_000_000)), (800_000_000, 512 * mb));
        assert_eq!(of(arch, None, Some(1 << 30)), (512 * mb, 512 * mb));
        assert_eq!(of(arch, None, None), (512 * mb, 512 * mb));
        assert_eq!(of(arch, Some(5 * mb), Some(8 << 30)), (5 * mb, 5 * mb));
        // A whole context of the small one takes less than is kept anyway.
        assert_eq!(
            of("qwen2.5-0.5b", None, Some(8 << 30)),
            (512 * mb, 512 * mb)
        );
    }
}
