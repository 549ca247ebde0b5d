//! Functions of one number, for whole registers, with their errors stated.

use crate::arch::Simd;

/// `2^x` for `x <= 127`, relative error below 3e-7; below -126 the result is 0 or next to it.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(x, s.splat(-126.0));
    let n = s.round(x);
    let f = s.sub(x, n);
    // Minimax of 2^f on [-0.5, 0.5].
    let mut p = s.splat(1.326_697e-3);
    for c in [
        9.675_46e-3,
        5.550_742_6e-2,
        2.402_212_2e-1,
        6.931_469_5e-1,
        1.000_000_1,
    ] {
        p = s.fma(p, f, s.splat(c));
    }
    s.scale_by_power(p, n)
}

/// The error function, absolute error below 3e-7.
///
/// The rational approximation that Eigen uses: odd of degree 13 over even of degree 8, argument
/// clamped to where the result is 1 in single precision.
#[inline(always)]
pub(crate) fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(s.min(x, s.splat(4.0)), s.splat(-4.0));
    let x2 = s.mul(x, x);
    let mut p = s.splat(-2.726_142_4e-10);
    for c in [
        2.770_681_5e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        p = s.fma(p, x2, s.splat(c));
    }
    let mut q = s.splat(-1.456_607_2e-5);
    for c in [
        -2.133_740_5e-4,
        -1.682_827e-3,
        -7.373_329e-3,
        -1.426_473_9e-2,
    ] {
        q = s.fma(q, x2, s.splat(c));
    }
    s.div(s.mul(x, p), q)
}

/// `x · Φ(x)`, the exact (erf) form that BERT was trained with.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    let half = s.mul(x, s.splat(0.5));
    let e = erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2)));
    s.fma(half, e, half)
}
