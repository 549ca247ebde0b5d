//! Where the engine's times are taken: numbers and the names of a closed set, never a text.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics::{Count, Measure, process};

/// Disk reads below this are those of small files beside the weights.
const COLD_BYTES: u64 = 64 * 1024;

/// Tokens that a reply needs after its first before its speed says something.
const SPEED_TOKENS: usize = 4;

/// The opening of a model, from its beginning.
pub(crate) struct Opening {
    begun: Instant,
    disk: Option<process::Disk>,
}

impl Opening {
    pub(crate) fn begin() -> Opening {
        Opening {
            begun: Instant::now(),
            disk: process::disk(),
        }
    }

    /// Records it as one from the disk or one from memory; nothing where the system does not tell which it was.
    pub(crate) fn end(self, cold: Measure, warm: Measure) {
        let took = self.begun.elapsed();
        if let (Some(before), Some(after)) = (self.disk, process::disk()) {
            let read = after.read.saturating_sub(before.read);
            metrics::time(if read >= COLD_BYTES { cold } else { warm }, took);
        }
        process::sample();
    }
}

/// One call of the encoder over `texts`, begun at `begun`.
pub(crate) fn encoded(texts: usize, begun: Instant) {
    let took = begun.elapsed();
    if texts == 1 {
        metrics::time(Measure::EncoderCall, took);
    }
    metrics::record(Measure::EncoderBatch, texts as u64);
    metrics::add(Count::EncoderTexts, texts as u64);
    metrics::add_time(Count::EncoderMicros, took);
    process::sample();
}

/// The times of one reply.
#[derive(Debug)]
pub(crate) struct Clock {
    asked: Instant,
    /// When it was first given a slot, and what was known of its prompt then.
    begun: Option<(Instant, usize)>,
    first: Option<Instant>,
    last: Option<Instant>,
    written: usize,
}

impl Clock {
    /// Of a request that came at `asked`.
    pub(crate) fn new(asked: Instant) -> Clock {
        Clock {
            asked,
            begun: None,
            first: None,
            last: None,
            written: 0,
        }
    }

    /// It begins to be read; `known` tokens are known from before. Only the first time counts.
    pub(crate) fn begin(&mut self, known: usize) {
        if self.begun.is_none() {
            let now = Instant::now();
            self.begun = Some((now, known));
            metrics::time(Measure::QueueWait, now - self.asked);
        }
    }

    /// Its prompt of `tokens` is read.
    pub(crate) fn read(&mut self, tokens: usize) {
        let Some((begun, known)) = self.begun.filter(|_| self.first.is_none()) else {
            return;
        };
        let now = Instant::now();
        self.first = Some(now);
        let read = tokens.saturating_sub(known);
        metrics::add(Count::Replies, 1);
        metrics::add(Count::TokensRead, read as u64);
        metrics::add(Count::TokensReused, known as u64);
        rate(Measure::PrefillRate, read, now - begun);
    }

    /// A token was chosen.
    pub(crate) fn token(&mut self) {
        /// Whether this process has answered before.
        static WARM: AtomicBool = AtomicBool::new(false);
        let now = Instant::now();
        match self.last.replace(now) {
            Some(before) => metrics::time(Measure::InterToken, now - before),
            None => {
                let measure = match WARM.swap(true, Ordering::Relaxed) {
                    true => Measure::FirstToken,
                    false => Measure::FirstTokenOfProcess,
                };
                metrics::time(measure, now - self.asked);
                self.first = Some(now);
            }
        }
        self.written += 1;
        metrics::add(Count::TokensWritten, 1);
    }

    /// It is over; `kv_bytes` are what keys and values take now.
    pub(crate) fn end(&self, kv_bytes: Option<usize>) {
        if let (Some(first), Some(last)) = (self.first, self.last)
            && self.written > SPEED_TOKENS
        {
            rate(Measure::DecodeRate, self.written - 1, last - first);
        }
        if let Some(bytes) = kv_bytes {
            metrics::record(Measure::KvCache, bytes as u64);
        }
        process::sample();
    }
}

fn rate(measure: Measure, tokens: usize, took: Duration) {
    let seconds = took.as_secs_f64();
    if tokens > 0 && seconds > 0.0 {
        metrics::record(measure, (tokens as f64 * 1e3 / seconds) as u64);
    }
}
