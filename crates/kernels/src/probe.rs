//! What the machine's memory can do: the yardstick for products of one row.

use crate::Kernels;
use crate::arch::{Op, Simd};

impl Kernels {
    /// Reads all of `bytes` once, as fast as one thread can, and gives a value that depends on each whole 256
    /// of them. Timed over a buffer larger than the caches it is the bandwidth that a decoder could use.
    pub fn read_through(self, bytes: &[u8]) -> u64 {
        struct Read<'a>(&'a [u8]);
        impl Op for Read<'_> {
            type Out = u64;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> u64 {
                let mut folded = [0_u64; 32];
                for chunk in self.0.as_chunks::<256>().0 {
                    for (folded, word) in folded.iter_mut().zip(chunk.as_chunks::<8>().0) {
                        *folded ^= u64::from_le_bytes(*word);
                    }
                }
                folded.iter().fold(0, |all, word| all.rotate_left(1) ^ word)
            }
        }
        self.run(Read(bytes))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::every_kernel;

    #[test]
    fn every_byte_of_a_whole_block_counts() {
        for (kernels, _) in every_kernel([0]) {
            let mut bytes = vec![7_u8; 1024 + 13];
            let before = kernels.read_through(&bytes);
            for at in 0..1024 {
                bytes[at] ^= 1;
                assert_ne!(kernels.read_through(&bytes), before, "{kernels:?} {at}");
                bytes[at] ^= 1;
            }
        }
    }
}
