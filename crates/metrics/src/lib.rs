//! What Companion measures about itself while it works: times, rates, sizes and counts, in this process.
//!
//! A [`Measure`] is a distribution, a [`Count`] is a sum, a [`Gauge`] is told as it is now, and all are closed sets: there is no label, no name that a
//! caller makes, and no argument that could carry a text. Recording takes well under a microsecond
//! (`cargo run --release --example overhead`). What was recorded waits in this process until somebody
//! [takes](take) it; the journal adds it to what other processes and days have left, encrypted.
//!
//! What it never does: it opens no file but the kernel's own accounts in `/proc` and `/sys` ([`process`]), starts no
//! thread, and knows neither models nor entries.
//!
//! ```
//! use std::time::Duration;
//! use metrics::{Count, Measure};
//!
//! metrics::time(Measure::FirstToken, Duration::from_millis(480));
//! metrics::add(Count::Replies, 1);
//! let measured = metrics::take();
//! assert_eq!(measured.count(Count::Replies), 1);
//! let first = measured.histogram(Measure::FirstToken).expect("it was recorded");
//! assert_eq!((first.n(), first.sum()), (1, 480_000));
//! ```
//!
//! A text is not a name, and not a value:
//!
//! ```compile_fail
//! metrics::record("a word of an entry", 1);
//! ```
//! ```compile_fail
//! metrics::record(metrics::Measure::Save, "a word of an entry");
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod count;
mod energy;
mod gauge;
mod histogram;
mod measure;
mod measured;
mod names;
pub mod process;
mod prometheus;
mod registry;

pub use count::Count;
pub use gauge::Gauge;
pub use histogram::{Damaged, Histogram, STATED_ERROR, enough};
pub use measure::{Measure, Unit};
pub use measured::Measured;
pub use prometheus::prometheus;
pub use registry::{add, add_time, give_back, is_due, record, take, time};
