//! What each instruction set can do, in one shape: the algorithms above are written once.

pub(crate) mod scalar;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

/// A register of floats and what can be done with it.
///
/// A value of an implementing type is the proof that the machine can run it. Every method is inlined
/// into a function that has the instruction set enabled ([`Kernels::run`](crate::Kernels)).
pub(crate) trait Simd: Copy {
    /// Floats in a register.
    const LANES: usize;
    /// The register.
    type F: Copy;

    fn splat(self, x: f32) -> Self::F;
    /// The `LANES` floats at `from`.
    ///
    /// # Safety
    /// `from` is valid for reads of `LANES` floats.
    unsafe fn load_at(self, from: *const f32) -> Self::F;
    /// The first `LANES` of `from`, which has that many.
    fn load(self, from: &[f32]) -> Self::F;
    /// All of `from`, which has fewer than `LANES`; zeros behind.
    fn load_some(self, from: &[f32]) -> Self::F;
    /// Writes the first `LANES` of `to`, which has that many.
    fn store(self, v: Self::F, to: &mut [f32]);
    /// Fills `to`, which has fewer than `LANES`.
    fn store_some(self, v: Self::F, to: &mut [f32]);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`; fused where the instruction set has it.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a * b + c` with one rounding on every machine: for what must be equal bit for bit on all of them.
    fn fused(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// To the nearest integer, ties to even, for magnitudes below 2^22.
    fn round(self, a: Self::F) -> Self::F;
    /// `x`, in `-126..=127`, as its distance to the nearest integer and that integer in a form for
    /// [`times_power`](Simd::times_power).
    fn split_power(self, x: Self::F) -> (Self::F, Self::F);
    /// `a` times two to the `power` that [`split_power`](Simd::split_power) gave, for `a` in `0.5..2`.
    fn times_power(self, a: Self::F, power: Self::F) -> Self::F;
    /// Each lane for the one `DISTANCE` from it, a power of two below `LANES`: the neighbour, the neighbour but one, and so on.
    fn swap<const DISTANCE: usize>(self, a: Self::F) -> Self::F;
    fn sum_lanes(self, a: Self::F) -> f32;
    fn max_lane(self, a: Self::F) -> f32;
    /// Writes integral values in `-128..=127` as bytes to the first `LANES` of `to`.
    fn store_signed_bytes(self, v: Self::F, to: &mut [i8]);
    /// The first `LANES` of `from` as floats.
    fn load_signed_bytes(self, from: &[i8]) -> Self::F;
    /// The first `LANES` of `from`, which are f16, as floats.
    fn load_halves(self, from: &[u16]) -> Self::F;
    /// Writes f16 to the first `LANES` of `to`, rounded to nearest, ties to even.
    fn store_halves(self, v: Self::F, to: &mut [u16]);
}

/// An operation that is written once for all instruction sets. `run` must be `#[inline(always)]`.
pub(crate) trait Op {
    type Out;
    fn run<S: Simd>(self, simd: S) -> Self::Out;
}
