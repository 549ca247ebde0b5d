//! One distribution: whole numbers in buckets whose width grows with the number (HDR), and the form that is stored.
//!
//! Stored form, version 1: a byte `1`, then for each bucket that holds anything, ascending, two LEB128 numbers: the
//! bucket's highest value less that of the bucket before (0 before the first), and how many values it holds. Two stored
//! histograms are merged by recording the buckets of the one in the other, which loses nothing: the buckets are the same.

use std::fmt;

/// What a percentile may be off by, relative to the exact one: two significant digits, buckets of 1/128 at most.
pub const STATED_ERROR: f64 = 0.01;

/// Significant digits of a bucket. Three would cost eight times the memory to tell apart what noise does not.
const DIGITS: u8 = 2;

/// The first byte of the stored form.
const VERSION: u8 = 1;

/// Samples from which on a percentile says something: one in a hundred of the samples has to lie beyond it, several times.
const ENOUGH: [(f64, u64); 3] = [(0.5, 1), (0.95, 100), (0.99, 1000)];

/// Whether `n` samples are enough for the quantile `q`: one for the median, 100 up to 0.95, 1000 above; and as many for
/// their mirrors below.
pub fn enough(q: f64, n: u64) -> bool {
    let q = q.max(1.0 - q);
    // 1 - 0.05 is a little more than 0.95.
    let needed = ENOUGH.iter().find(|(most, _)| q <= *most + 1e-9);
    n >= needed.map_or(1000, |(_, needed)| *needed)
}

/// A stored histogram that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored histogram is damaged")
    }
}

impl std::error::Error for Damaged {}

/// A distribution of whole numbers. Its number, sum and largest are exact, percentiles within [`STATED_ERROR`].
#[derive(Clone)]
pub struct Histogram {
    buckets: hdrhistogram::Histogram<u64>,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let buckets = hdrhistogram::Histogram::new(DIGITS);
        Histogram {
            // It grows as far as what is recorded demands: to 15 KB for an hour in microseconds.
            buckets: buckets.expect("two digits are allowed"),
            sum: 0,
            max: 0,
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram(n {}, sum {})", self.n(), self.sum)
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Histogram) -> bool {
        (self.sum, self.max) == (other.sum, other.max) && self.buckets == other.buckets
    }
}

impl Histogram {
    /// Adds one number.
    pub fn record(&mut self, value: u64) {
        self.put_in(value, 1);
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// How many numbers were recorded.
    pub fn n(&self) -> u64 {
        self.buckets.len()
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest; 0 where there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Their mean; `None` where there is none.
    pub fn mean(&self) -> Option<f64> {
        (self.n() > 0).then(|| self.sum as f64 / self.n() as f64)
    }

    /// The quantile `q` (0.95 is the 95th percentile); `None` where there are not [`enough`] numbers for it.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        enough(q, self.n()).then(|| self.buckets.value_at_quantile(q).min(self.max))
    }

    /// How many numbers are `most` at most, to the width of a bucket.
    pub fn up_to(&self, most: u64) -> u64 {
        match self.max <= most {
            true => self.n(),
            false => self.buckets.count_between(0, most),
        }
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Histogram) {
        for bucket in other.buckets.iter_recorded() {
            self.put_in(bucket.value_iterated_to(), bucket.count_at_value());
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    fn put_in(&mut self, value: u64, count: u64) {
        let done = self.buckets.record_n(value, count);
        // It grows by itself, so nothing is out of its range.
        debug_assert!(done.is_ok(), "{value} was not recorded");
    }

    /// The buckets in the stored form. [`Histogram::sum`] and [`Histogram::max`] are stored beside them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut before = 0;
        for bucket in self.buckets.iter_recorded() {
            let value = bucket.value_iterated_to();
            put(&mut bytes, value - before);
            put(&mut bytes, bucket.count_at_value());
            before = value;
        }
        bytes
    }

    /// The histogram with these stored buckets, sum and largest number.
    pub fn from_bytes(bytes: &[u8], sum: u64, max: u64) -> Result<Histogram, Damaged> {
        let (version, mut rest) = bytes.split_first().ok_or(Damaged)?;
        if *version != VERSION {
            return Err(Damaged);
        }
        let mut histogram = Histogram {
            sum,
            max,
            ..Histogram::default()
        };
        let mut value = 0u64;
        while !rest.is_empty() {
            value = value.checked_add(get(&mut rest)?).ok_or(Damaged)?;
            let count = get(&mut rest)?;
            histogram.put_in(value, count);
        }
        Ok(histogram)
    }
}

/// Appends `value` as LEB128.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a LEB128 number from the front of `rest`.
fn get(rest: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, others) = rest.split_first().ok_or(Damaged)?;
        *rest = others;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return Err(Damaged);
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Long tails and clusters, as latencies have: the exponential of a sum of uniform numbers.
    fn latencies(count: usize) -> Vec<u64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..count)
            .map(|_| (4.0 + 3.0 * (uniform() + uniform() + uniform())).exp() as u64)
            .collect()
    }

    #[test]
    fn percentiles_of_a_million_samples_are_within_the_stated_error_of_exact_ones() {
        let mut exact = latencies(1_000_000);
        let mut histogram = Histogram::default();
        exact.iter().for_each(|value| histogram.record(*value));
        exact.sort_unstable();
        for q in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let rank = (q * exact.len() as f64).ceil() as usize - 1;
            let (want, got) = (exact[rank] as f64, histogram.quantile(q).unwrap() as f64);
            let error = (got - want).abs() / want;
            assert!(
                error <= STATED_ERROR,
                "{q}: {got} for {want}, off by {error:.4}"
            );
        }
        assert_eq!(histogram.n(), 1_000_000);
        assert_eq!(histogram.sum(), exact.iter().sum::<u64>());
        assert_eq!(histogram.max(), *exact.last().unwrap());
    }

    #[test]
    fn a_percentile_without_enough_samples_is_not_told() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for n in 1..=1000u64 {
            histogram.record(n);
            assert_eq!(histogram.quantile(0.5).is_some(), n >= 1);
            assert_eq!(histogram.quantile(0.95).is_some(), n >= 100);
            assert_eq!(histogram.quantile(0.99).is_some(), n >= 1000);
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_what_was_recorded(values in prop::collection::vec(any::<u64>(), 0..60)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.record(*value >> (value % 64)));
            let read = Histogram::from_bytes(&histogram.to_bytes(), histogram.sum(), histogram.max()).unwrap();
            prop_assert_eq!(read, histogram);
        }

        #[test]
        fn merging_is_recording_all(a in prop::collection::vec(0u64..1 << 40, 0..60), b in prop::collection::vec(0u64..1 << 40, 0..60)) {
            let (mut left, mut right, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
            a.iter().for_each(|v| left.record(*v));
            b.iter().for_each(|v| right.record(*v));
            a.iter().chain(&b).for_each(|v| both.record(*v));
            left.merge(&right);
            prop_assert_eq!(left, both);
        }

        #[test]
        fn bytes_that_are_no_histogram_are_refused_or_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Histogram::from_bytes(&bytes, 0, 0);
        }
    }
}
