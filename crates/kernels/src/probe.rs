//! What the machine's memory can do: the yardstick for products of one row.

use crate::Kernels;
use crate::arch::{Op, Simd};

/// Places that are read side by side: the hardware fetches ahead for each, which doubles the speed of a thread.
const STREAMS: usize = 8;

/// Lines that are asked for ahead in each stream.
const AHEAD: usize = 32;

impl Kernels {
    /// Reads all of `bytes` once, as fast as one thread can, and gives a value that depends on each of its whole
    /// blocks of 512 bytes. Timed over a buffer larger than the caches it is the bandwidth that a decoder could use.
    pub fn read_through(self, bytes: &[u8]) -> u64 {
        struct Read<'a>(&'a [u8]);
        impl Op for Read<'_> {
            type Out = u64;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> u64 {
                let part = self.0.len() / STREAMS / 64 * 64;
                let streams: [&[[u8; 64]]; STREAMS] =
                    std::array::from_fn(|i| self.0[i * part..][..part].as_chunks().0);
                let mut folded = [[0_u64; 8]; STREAMS];
                for line in 0..part / 64 {
                    // A line at a time: compilers would rather gather a word of each of eight lines, which reads slower.
                    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
                    for (stream, folded) in streams.iter().zip(&mut folded) {
                        soon(stream, line);
                        let words = stream[line].as_chunks::<8>().0;
                        for (folded, word) in folded.iter_mut().zip(words) {
                            *folded ^= u64::from_le_bytes(*word);
                        }
                    }
                }
                let words = folded.as_flattened().iter();
                words.fold(0, |all, word| all.rotate_left(1) ^ word)
            }
        }
        self.run(Read(bytes))
    }
}

/// Asks for what will be read a little later, as the kernels do that read weights.
#[inline(always)]
fn soon(stream: &[[u8; 64]], line: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: any address may be asked for, and every such processor has SSE.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(stream.as_ptr().wrapping_add(line + AHEAD).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (stream, line);
}

#[cfg(test)]
mod tests {
    use crate::testing::every_kernel;

    #[test]
    fn every_byte_of_a_whole_block_counts() {
        for (kernels, _) in every_kernel([0]) {
            let mut bytes = vec![7_u8; 2048 + 13];
            let before = kernels.read_through(&bytes);
            for at in 0..2048 {
                bytes[at] ^= 1;
                assert_ne!(kernels.read_through(&bytes), before, "{kernels:?} {at}");
                bytes[at] ^= 1;
            }
        }
    }
}
