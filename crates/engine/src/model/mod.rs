//! The networks, as forward passes that read like their papers.

pub mod adapter;
mod by_groups;
mod config;
pub(crate) mod linear;
pub mod minilm;
pub mod qwen2;
