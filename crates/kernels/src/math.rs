//! Functions of one number, for whole registers, with their errors stated.

use crate::arch::Simd;

/// `2^x` for `x <= 127`, relative error below 3e-6; never less than about 2^-125, because what lies below
/// 2^-126 takes the hardware a hundred times as long.
///
/// A weight of attention needs no more: the error is a hundredth of what INT8 does to the scores, and in an f32
/// network it moves no component of a vector by more than 1e-6.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(x, s.splat(-125.0));
    let (fraction, power) = s.split_power(x);
    // Minimax of 2^f on [-0.5, 0.5].
    let mut p = s.splat(9.560_51e-3);
    for c in [5.591_704e-2, 2.402_498_1e-1, 6.931_22e-1, 9.999_992e-1] {
        p = s.fma(p, fraction, s.splat(c));
    }
    s.times_power(p, power)
}

/// `2^x` for `x` in `-125..=127` (what lies below counts as -125), relative error below 3e-7, and the same bits on
/// every machine: the language models' softmax and SiLU.
#[inline(always)]
pub(crate) fn exp2_fused<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(x, s.splat(-125.0));
    let (fraction, power) = s.split_power(x);
    // Cephes' polynomial for exp2f on [-0.5, 0.5].
    let mut p = s.splat(1.535_336_2e-4);
    for c in [
        1.339_887_4e-3,
        9.618_437e-3,
        5.550_332_6e-2,
        2.402_264_8e-1,
        6.931_472e-1,
        1.0,
    ] {
        p = s.fused(p, fraction, s.splat(c));
    }
    s.times_power(p, power)
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

/// `x · Φ(x)` without a division, absolute error below 1e-4: for results that become bytes at once, whose
/// steps are a hundred times as large.
///
/// Φ(x) - 1/2 is odd: x times a polynomial in x², fitted up to 4.2, where it is held at 1/2.
#[inline(always)]
pub(crate) fn gelu_for_bytes<S: Simd>(s: S, x: S::F) -> S::F {
    const END: f32 = 4.2;
    let inner = s.max(s.min(x, s.splat(END)), s.splat(-END));
    let u = s.mul(inner, s.mul(inner, s.splat(1.0 / (END * END))));
    let mut p = s.splat(-4.792_906e-1);
    for c in [
        2.392_768_2,
        -5.188_971,
        6.476_886,
        -5.218_227,
        2.893_334_4,
        -1.155_918_3,
        3.984_659e-1,
    ] {
        p = s.fma(p, u, s.splat(c));
    }
    s.mul(x, s.fma(inner, p, s.splat(0.5)))
}

#[cfg(test)]
mod tests {
    use crate::arch::{Op, Simd};
    use crate::testing::every_kernel;

    /// The largest error of both functions on a fine grid.
    struct Errors;
    impl Op for Errors {
        type Out = (f64, f64, f64);
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> (f64, f64, f64) {
            let (mut exp2, mut fused, mut gelu) = (0.0_f64, 0.0_f64, 0.0_f64);
            for step in -60_000..60_000 {
                let x = step as f32 / 4000.0;
                let mut lanes = [0.0; 16];
                s.store(super::exp2(s, s.splat(x)), &mut lanes);
                exp2 = exp2.max((f64::from(lanes[0]) / f64::from(x).exp2() - 1.0).abs());
                s.store(super::exp2_fused(s, s.splat(x)), &mut lanes);
                fused = fused.max((f64::from(lanes[0]) / f64::from(x).exp2() - 1.0).abs());
                s.store(super::gelu_for_bytes(s, s.splat(x)), &mut lanes);
                gelu = gelu.max((f64::from(lanes[0]) - crate::testing::gelu(f64::from(x))).abs());
            }
            (exp2, fused, gelu)
        }
    }

    #[test]
    fn approximations_are_within_their_stated_errors() {
        for (kernels, _) in every_kernel([0]) {
            let (exp2, fused, gelu) = kernels.run(Errors);
            assert!(
                exp2 < 3e-6 && fused < 3e-7 && gelu < 1e-4,
                "{kernels:?}: {exp2} {fused} {gelu}"
            );
        }
    }
}
