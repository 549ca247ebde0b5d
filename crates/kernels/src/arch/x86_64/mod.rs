//! x86-64: proofs that the CPU has what a kernel needs.

mod amx;
mod avx2;
mod avx512;
mod q_amx;
mod q_avx2;
mod q_avx512;
mod q_avx512_many;
mod q_avx_vnni;
mod q_tile;

pub(crate) use amx::Amx;
pub(crate) use avx2::run as run_avx2;
pub(crate) use avx512::run as run_avx512;
pub(crate) use q_amx::matmul as matmul_q_amx;
pub(crate) use q_avx_vnni::matmul as matmul_q_avx_vnni;
pub(crate) use q_avx2::matmul as matmul_q_avx2;
pub(crate) use q_avx512::matmul as matmul_q_avx512;

/// What the sums of a group start with where sixteen lanes are summed: the bits of 1.5 · 2^23, so that a sum `D` is, read as
/// a float, `1.5 · 2^23 + D`. One fused multiply-add then takes that away and scales, rounded as the product alone would
/// be, where converting and multiplying are two.
const STARTED: f32 = 12_582_912.0;

// The largest sum of a group, of unsigned codes, does not reach the exponent.
#[expect(clippy::assertions_on_constants, reason = "true is what it is to be")]
const _: () = assert!(128 * 255 * 127 < 1 << 22);

/// Proof that this machine has AVX2, FMA and F16C (which every CPU with AVX2 has).
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Avx2> {
        (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c"))
        .then_some(Avx2(()))
    }
}

/// Proof that this machine has AVX-VNNI (INT8 dot products without AVX-512), besides [`Avx2`].
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni(Avx2);

impl AvxVnni {
    pub(crate) fn detect() -> Option<AvxVnni> {
        let avx2 = Avx2::detect()?;
        is_x86_feature_detected!("avxvnni").then_some(AvxVnni(avx2))
    }

    /// Floats are worked on as there.
    pub(crate) fn avx2(self) -> Avx2 {
        self.0
    }
}

/// Proof that this machine has AVX-512 F, BW, DQ, VL and VNNI, besides [`Avx2`].
#[derive(Clone, Copy)]
pub(crate) struct Avx512Vnni(());

impl Avx512Vnni {
    pub(crate) fn detect() -> Option<Avx512Vnni> {
        (Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni"))
        .then_some(Avx512Vnni(()))
    }
}
