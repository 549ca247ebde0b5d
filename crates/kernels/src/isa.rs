//! Which instruction set runs: detected once, named, and possible to force.

use std::fmt;
use std::str::FromStr;

use crate::arch::Op;
use crate::arch::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use crate::arch::x86_64::{Amx, Avx2, Avx512Vnni, AvxVnni};

/// An instruction set that this crate has kernels for, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust, on any machine: the readable definition of every answer.
    Scalar,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// The same with the INT8 dot products of AVX-VNNI: laptops without AVX-512, of Intel since Alder Lake.
    AvxVnni,
    /// x86-64 with AVX-512 (F, BW, DQ, VL) and its INT8 dot products (VNNI).
    Avx512Vnni,
    /// The same with AMX, whose tiles take over the INT8 and INT4 products of several rows.
    Amx,
}

impl Isa {
    /// Every instruction set, slowest first, whether this machine has it or not.
    pub const ALL: [Isa; 5] = [
        Isa::Scalar,
        Isa::Avx2,
        Isa::AvxVnni,
        Isa::Avx512Vnni,
        Isa::Amx,
    ];

    /// The word that `COMPANION_KERNEL` uses for it.
    pub fn word(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::AvxVnni => "avxvnni",
            Isa::Avx512Vnni => "avx512vnni",
            Isa::Amx => "amx",
        }
    }

    /// Whether this machine (CPU and operating system) can run it.
    pub fn is_available(self) -> bool {
        Proof::of(self).is_some()
    }

    /// The fastest one that this machine can run.
    pub fn detect() -> Isa {
        Isa::ALL
            .into_iter()
            .rev()
            .find(|isa| isa.is_available())
            .unwrap_or(Isa::Scalar)
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(word: &str) -> Result<Isa, IsaError> {
        Isa::ALL
            .into_iter()
            .find(|isa| isa.word() == word)
            .ok_or_else(|| IsaError::Unknown(word.to_owned()))
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a forced instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IsaError {
    /// The word names no instruction set.
    Unknown(String),
    /// This machine lacks the instruction set.
    Unavailable(Isa),
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Unknown(word) => write!(
                f,
                "unknown kernel {word:?}; use scalar, avx2, avxvnni, avx512vnni or amx, or leave COMPANION_KERNEL unset"
            ),
            IsaError::Unavailable(isa) => write!(
                f,
                "this machine cannot run the {isa} kernel; the fastest it can run is {}",
                Isa::detect()
            ),
        }
    }
}

impl std::error::Error for IsaError {}

/// The operations, bound to one instruction set that this machine is known to have.
///
/// It is a small value to pass around. Only [`Kernels::new`] makes one for a wider instruction set,
/// and only after detection, which is what lets the operations be safe to call.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) proof: Proof,
}

/// The proof that this machine can run the instruction set.
#[derive(Clone, Copy)]
pub(crate) enum Proof {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    Amx(Amx),
}

impl Proof {
    fn of(isa: Isa) -> Option<Proof> {
        match isa {
            Isa::Scalar => Some(Proof::Scalar),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::detect().map(Proof::Avx2),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => AvxVnni::detect().map(Proof::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => Avx512Vnni::detect().map(Proof::Avx512Vnni),
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => Amx::detect().map(Proof::Amx),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({})", self.name())
    }
}

impl Kernels {
    /// The kernels of `isa`, if this machine can run them.
    pub fn new(isa: Isa) -> Result<Kernels, IsaError> {
        let proof = Proof::of(isa).ok_or(IsaError::Unavailable(isa))?;
        Ok(Kernels { proof })
    }

    /// The fastest kernels that this machine can run.
    pub fn detect() -> Kernels {
        Kernels::new(Isa::detect()).unwrap_or(Kernels::scalar())
    }

    /// What `COMPANION_KERNEL` forces, else what is detected.
    pub fn from_env() -> Result<Kernels, IsaError> {
        match std::env::var("COMPANION_KERNEL") {
            Ok(word) if !word.is_empty() => Kernels::new(word.parse()?),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(Kernels::detect()),
            Err(std::env::VarError::NotUnicode(word)) => {
                Err(IsaError::Unknown(word.to_string_lossy().into_owned()))
            }
        }
    }

    /// The readable definition of every answer.
    pub const fn scalar() -> Kernels {
        Kernels {
            proof: Proof::Scalar,
        }
    }

    /// Runs `op` on the registers of this instruction set.
    #[inline]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Out {
        match self.proof {
            Proof::Scalar => op.run(Scalar),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx2(simd) => crate::arch::x86_64::run_avx2(simd, op),
            #[cfg(target_arch = "x86_64")]
            Proof::AvxVnni(simd) => crate::arch::x86_64::run_avx2(simd.avx2(), op),
            #[cfg(target_arch = "x86_64")]
            Proof::Avx512Vnni(simd) => crate::arch::x86_64::run_avx512(simd, op),
            #[cfg(target_arch = "x86_64")]
            Proof::Amx(simd) => crate::arch::x86_64::run_avx512(simd.avx512(), op),
        }
    }

    /// The instruction set in use.
    pub fn isa(self) -> Isa {
        match self.proof {
            Proof::Scalar => Isa::Scalar,
            #[cfg(target_arch = "x86_64")]
            Proof::Avx2(_) => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            Proof::AvxVnni(_) => Isa::AvxVnni,
            #[cfg(target_arch = "x86_64")]
            Proof::Avx512Vnni(_) => Isa::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Proof::Amx(_) => Isa::Amx,
        }
    }

    /// The name of the INT8 kernels in use, as `arch-type-variant`; `scalar` where there is none.
    pub fn name(self) -> &'static str {
        self.name_for(WeightType::Int8)
    }

    /// The same of those that multiply by weights of this type.
    pub fn name_for(self, weights: WeightType) -> &'static str {
        use WeightType::{F32, Int4, Int8, Mixed};
        match (self.isa(), weights) {
            (Isa::Scalar, _) => "scalar",
            // Floats need no integer products.
            (Isa::Avx2 | Isa::AvxVnni, F32) => "x86_64-f32-avx2",
            (Isa::Avx2, Int8) => "x86_64-int8-avx2",
            (Isa::Avx2, Int4) => "x86_64-int4-avx2",
            (Isa::Avx2, Mixed) => "x86_64-mixed-avx2",
            (Isa::AvxVnni, Int8) => "x86_64-int8-avxvnni",
            (Isa::AvxVnni, Int4) => "x86_64-int4-avxvnni",
            (Isa::AvxVnni, Mixed) => "x86_64-mixed-avxvnni",
            // Floats need neither the integer products nor the tiles.
            (Isa::Avx512Vnni | Isa::Amx, F32) => "x86_64-f32-avx512",
            (Isa::Avx512Vnni, Int8) => "x86_64-int8-avx512vnni",
            (Isa::Avx512Vnni, Int4) => "x86_64-int4-avx512vnni",
            (Isa::Avx512Vnni, Mixed) => "x86_64-mixed-avx512vnni",
            (Isa::Amx, Int8) => "x86_64-int8-amx",
            (Isa::Amx, Int4) => "x86_64-int4-amx",
            (Isa::Amx, Mixed) => "x86_64-mixed-amx",
        }
    }
}

/// What the weights of a network are multiplied as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightType {
    /// 32-bit floats, however they were stored.
    F32,
    /// Codes of 8 bits.
    Int8,
    /// Codes of 4 bits.
    Int4,
    /// Some of 8 bits, some of 4.
    Mixed,
}
