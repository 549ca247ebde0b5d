//! The networks, as forward passes that read like their papers.

mod config;
pub(crate) mod linear;
pub mod minilm;
