//! Weight files from outside that mean harm, each with what is said of it.
#![allow(dead_code, unreachable_pub)] // Each test binary uses its own part.

pub mod gguf;
pub mod safetensors;

/// What is wrong with a file, its bytes, and what the reader says.
pub type Case = (&'static str, Vec<u8>, &'static str);
