//! Any machine: four lanes in plain Rust, which compilers turn into SSE2 or NEON.

use super::Simd;

/// Needs nothing, so anyone may have one.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

/// Adding and taking away 1.5 · 2^23 leaves no room for a fraction. What is rounded here is below 2^22;
/// `round_ties_even` would be a call into the C library on x86-64 without SSE4.1.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Scalar {
    const LANES: usize = 4;
    type F = [f32; 4];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> Self::F {
        // SAFETY: the caller says that four floats are there; `[f32; 4]` is aligned as `f32` is.
        unsafe { from.cast::<[f32; 4]>().read() }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::F {
        std::array::from_fn(|i| from[i])
    }
    #[inline(always)]
    fn load_some(self, from: &[f32]) -> Self::F {
        std::array::from_fn(|i| from.get(i).copied().unwrap_or(0.0))
    }
    #[inline(always)]
    fn store(self, v: Self::F, to: &mut [f32]) {
        to[..4].copy_from_slice(&v);
    }
    #[inline(always)]
    fn store_some(self, v: Self::F, to: &mut [f32]) {
        to.copy_from_slice(&v[..to.len()]);
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Not `mul_add`: without the instruction that is a call into the C library.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn fused(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        a.map(|x| (x + ROUNDER) - ROUNDER)
    }
    #[inline(always)]
    fn split_power(self, x: Self::F) -> (Self::F, Self::F) {
        let power = x.map(|x| x + ROUNDER);
        (zip(x, power, |x, power| x - (power - ROUNDER)), power)
    }
    #[inline(always)]
    fn times_power(self, a: Self::F, power: Self::F) -> Self::F {
        // The low bits of a float near 1.5 · 2^23 are its integer, and belong into the exponent.
        zip(a, power, |a, power| {
            f32::from_bits(a.to_bits().wrapping_add(power.to_bits() << 23))
        })
    }
    #[inline(always)]
    fn swap<const DISTANCE: usize>(self, a: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i ^ DISTANCE])
    }
    #[inline(always)]
    fn sum_lanes(self, a: Self::F) -> f32 {
        (a[0] + a[2]) + (a[1] + a[3])
    }
    #[inline(always)]
    fn max_lane(self, a: Self::F) -> f32 {
        a[0].max(a[2]).max(a[1].max(a[3]))
    }
    #[inline(always)]
    fn store_signed_bytes(self, v: Self::F, to: &mut [i8]) {
        to[..4].copy_from_slice(&v.map(|x| x as i8));
    }
    #[inline(always)]
    fn load_signed_bytes(self, from: &[i8]) -> Self::F {
        std::array::from_fn(|i| f32::from(from[i]))
    }
    #[inline(always)]
    fn load_halves(self, from: &[u16]) -> Self::F {
        std::array::from_fn(|i| crate::f16_to_f32(from[i]))
    }
    #[inline(always)]
    fn store_halves(self, v: Self::F, to: &mut [u16]) {
        to[..4].copy_from_slice(&v.map(crate::f32_to_f16));
    }
}
