//! Eight lanes: AVX2 and FMA.

use std::arch::x86_64::*;

use super::Avx2;
use crate::arch::{Op, Simd};

/// Runs `op` with AVX2 enabled.
pub(crate) fn run<O: Op>(simd: Avx2, op: O) -> O::Out {
    #[target_feature(enable = "avx2,fma,f16c")]
    fn enabled<O: Op>(simd: Avx2, op: O) -> O::Out {
        op.run(simd)
    }
    // SAFETY: `Avx2` exists only if detection found AVX2, FMA and F16C.
    unsafe { enabled(simd, op) }
}

/// Eight words, the first `n` of them -1: the mask of the first `n` lanes.
#[inline(always)]
fn mask(n: usize) -> __m256i {
    const WORDS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let words = &WORDS[8 - n.min(8)..][..8];
    // SAFETY: `words` has eight elements, and the caller holds `Avx2`.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

// SAFETY (of every block below): `Avx2` exists only if detection found AVX2, FMA and F16C; what touches
// memory checks the slice's length first.
#[allow(clippy::undocumented_unsafe_blocks)] // One reason for all of them, stated above.
impl Simd for Avx2 {
    const LANES: usize = 8;
    type F = __m256;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> __m256 {
        let from = &from[..8];
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn load_some(self, from: &[f32]) -> __m256 {
        unsafe { _mm256_maskload_ps(from.as_ptr(), mask(from.len())) }
    }
    #[inline(always)]
    fn store(self, v: __m256, to: &mut [f32]) {
        let to = &mut to[..8];
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
    }
    #[inline(always)]
    fn store_some(self, v: __m256, to: &mut [f32]) {
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), mask(to.len()), v) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn fused(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        self.fma(a, b, c)
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn split_power(self, x: __m256) -> (__m256, __m256) {
        // Near 1.5 · 2^23 there is no room for a fraction, and the low bits are the integer.
        let rounder = self.splat(12_582_912.0);
        let power = self.add(x, rounder);
        (self.sub(x, self.sub(power, rounder)), power)
    }
    #[inline(always)]
    fn times_power(self, a: __m256, power: __m256) -> __m256 {
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(power));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
        }
    }
    #[inline(always)]
    fn swap<const DISTANCE: usize>(self, a: __m256) -> __m256 {
        unsafe {
            match DISTANCE {
                1 => _mm256_permute_ps::<0b10_11_00_01>(a),
                2 => _mm256_permute_ps::<0b01_00_11_10>(a),
                4 => _mm256_permute2f128_ps::<1>(a, a),
                _ => unreachable!("there are eight lanes"),
            }
        }
    }
    #[inline(always)]
    fn sum_lanes(self, a: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn max_lane(self, a: __m256) -> f32 {
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn store_signed_bytes(self, v: __m256, to: &mut [i8]) {
        let to = &mut to[..8];
        unsafe {
            let words = _mm256_cvtps_epi32(v);
            let (low, high) = (
                _mm256_castsi256_si128(words),
                _mm256_extracti128_si256::<1>(words),
            );
            let halves = _mm_packs_epi32(low, high);
            _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packs_epi16(halves, halves));
        }
    }
    #[inline(always)]
    fn load_signed_bytes(self, from: &[i8]) -> __m256 {
        let from = &from[..8];
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.as_ptr().cast()))) }
    }
    #[inline(always)]
    fn load_halves(self, from: &[u16]) -> __m256 {
        let from = &from[..8];
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn store_halves(self, v: __m256, to: &mut [u16]) {
        let to = &mut to[..8];
        unsafe {
            let halves = _mm256_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT }>(v);
            _mm_storeu_si128(to.as_mut_ptr().cast(), halves);
        }
    }
}
