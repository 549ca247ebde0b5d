//! The networks, as forward passes that read like their papers.

mod config;
pub mod minilm;
