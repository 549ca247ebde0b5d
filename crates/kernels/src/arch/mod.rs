//! What each instruction set can do, in one shape.

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;
