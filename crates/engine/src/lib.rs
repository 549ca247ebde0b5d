//! Text in, vectors out: the models of Companion, run on the CPU.
//!
//! The engine opens a model folder, checks every byte of it that could hurt at the door, and turns
//! texts into sentence vectors. It never sees the journal, never opens a socket, never logs or keeps a
//! text, and needs no async runtime.
//!
//! ```no_run
//! use engine::encoder::{Encoder, EncoderOptions};
//!
//! let encoder = Encoder::open("models/minilm-int8".as_ref(), &EncoderOptions::default())?;
//! let embeddings = encoder.embed(&["a quiet day by the sea"]);
//! assert_eq!(embeddings[0].vector.len(), encoder.dim());
//! # Ok::<(), engine::Error>(())
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

pub mod batch;
pub mod chat;
pub mod decoder;
pub mod encoder;
mod error;
pub mod generate;
pub mod kernel;
pub mod kv_cache;
mod measure;
mod memory;
pub mod model;
pub mod pool;
pub mod quant;
mod read;
pub mod speed;
pub mod store;
pub mod synth;
pub mod text;
pub mod tokenizer;
pub mod weights;

pub use error::{Error, Result};
