//! Which instruction set the engine computes with.

pub use kernels::Isa;
use kernels::Kernels;

use crate::Result;

/// The instruction set that models opened now compute with: the one that `COMPANION_KERNEL` names, else the fastest
/// of this machine. A name that is none, or that this machine lacks, is an error.
pub fn in_use() -> Result<Isa> {
    Ok(Kernels::from_env()?.isa())
}
