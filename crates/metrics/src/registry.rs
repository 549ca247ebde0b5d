//! What this process has recorded and nobody has taken yet.
//!
//! One lock a distribution: who records waits for nobody but another who records the same, for some 20 ns.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Count, Histogram, Measure, Measured, process};

/// How long what was recorded waits in a process that goes on working.
const PERIOD: Duration = Duration::from_secs(15);

/// How far apart samples of memory are at least, so that they cost nothing and their mean is one over time.
const MEMORY_PERIOD: Duration = Duration::from_millis(100);

static HISTOGRAMS: [Mutex<Option<Histogram>>; Measure::ALL.len()] =
    [const { Mutex::new(None) }; Measure::ALL.len()];
static COUNTS: [AtomicU64; Count::ALL.len()] = [const { AtomicU64::new(0) }; Count::ALL.len()];

/// When this process began to measure, and when it was last looked at; microseconds since the first.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static SAMPLED: AtomicU64 = AtomicU64::new(0);

/// Records one number of a distribution, in the measure's own [unit](Measure::unit).
pub fn record(measure: Measure, value: u64) {
    let mut cell = HISTOGRAMS[measure as usize]
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    cell.get_or_insert_default().record(value);
}

/// Records a time.
pub fn time(measure: Measure, took: Duration) {
    record(measure, micros(took));
}

/// Adds to a sum.
pub fn add(count: Count, more: u64) {
    COUNTS[count as usize].fetch_add(more, Ordering::Relaxed);
}

/// Adds a time to a sum of microseconds.
pub fn add_time(count: Count, took: Duration) {
    add(count, micros(took));
}

/// Samples the memory of the process, unless that was done a moment ago. For whoever just did something large.
pub(crate) fn sample_memory() {
    let now = micros(BEGUN.elapsed()).max(1);
    let last = SAMPLED.load(Ordering::Relaxed);
    let due = last == 0 || now.saturating_sub(last) >= micros(MEMORY_PERIOD);
    // Of several threads that find it due, one samples.
    let mine = || {
        SAMPLED
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    };
    if due
        && mine()
        && let Some(bytes) = process::resident()
    {
        record(Measure::Resident, bytes);
    }
}

/// Whether something has waited so long that whoever can keep it should [take] it now.
pub fn is_due() -> bool {
    let waited = micros(BEGUN.elapsed()).saturating_sub(TAKEN.load(Ordering::Relaxed));
    waited >= micros(PERIOD)
}

/// What was recorded since it was last taken.
pub fn take() -> Measured {
    TAKEN.store(micros(BEGUN.elapsed()), Ordering::Relaxed);
    let mut measured = Measured::default();
    for measure in Measure::ALL {
        let taken = HISTOGRAMS[*measure as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(histogram) = taken {
            measured.put(*measure, &histogram);
        }
    }
    for count in Count::ALL {
        let sum = COUNTS[*count as usize].swap(0, Ordering::Relaxed);
        if sum > 0 {
            measured.add(*count, sum);
        }
    }
    measured
}

/// Puts back what was taken and could not be kept; it comes with the next.
pub fn give_back(measured: &Measured) {
    for (measure, histogram) in measured.histograms() {
        let mut cell = HISTOGRAMS[measure as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cell.get_or_insert_default().merge(histogram);
    }
    for (count, sum) in measured.counts() {
        add(count, sum);
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
