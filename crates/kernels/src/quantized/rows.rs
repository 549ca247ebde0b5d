//! Activations as signed bytes: quantized row by row, when they are needed, to what the row holds.

use std::marker::PhantomData;
use std::ops::Range;

use super::ACTIVATION_MAX;
use super::turn::turn_group;
use crate::Kernels;
use crate::arch::{Op, Simd};
use crate::rows::steps;

/// Quantized rows: `value ≈ scale · code`, a scale for each row and group.
///
/// It is made for matrices of one `k` and `group`, and kept from one product to the next for its memory.
#[derive(Debug, Default, Clone)]
pub struct QRows {
    k: usize,
    group: usize,
    /// `[rows, padded_k]`, zeros behind `k`, between room to begin on a line of the cache.
    room: Vec<i8>,
    /// Where they are in `room`.
    codes: Range<usize>,
    /// `[rows, groups]`.
    scales: Vec<f32>,
    /// `[rows, groups]`: sums of codes.
    sums: Vec<i32>,
}

/// Bytes of a line of the cache. A row of a tile that lies across two lines takes twice as long to load, and rows are
/// whole lines where groups are.
const LINE: usize = 64;

/// A part of a [`QRows`], to be filled: some rows of some groups.
#[derive(Debug)]
pub struct QRowsMut<'a> {
    rows: usize,
    k: usize,
    group: usize,
    /// Groups from one row to the next.
    stride: usize,
    codes: *mut i8,
    scales: *mut f32,
    sums: *mut i32,
    lifetime: PhantomData<&'a mut QRows>,
}

// SAFETY: a view owns its elements as `&mut QRows` does, and no two views share one.
unsafe impl Send for QRowsMut<'_> {}

impl QRows {
    /// Makes room for `rows` rows of `k` inputs in groups of `group`; what they hold is unspecified.
    ///
    /// # Panics
    /// If `k` is zero or `group` is not 32, 64 or 128.
    pub fn reset(&mut self, rows: usize, k: usize, group: usize) {
        assert!(
            k > 0 && matches!(group, 32 | 64 | 128),
            "{k} inputs in groups of {group}"
        );
        (self.k, self.group) = (k, group);
        let groups = k.div_ceil(group);
        let count = rows * groups * group;
        self.room.resize(count + LINE - 1, 0);
        let start = self.room.as_ptr().align_offset(LINE).min(LINE - 1);
        self.codes = start..start + count;
        self.scales.resize(rows * groups, 0.0);
        self.sums.resize(rows * groups, 0);
    }

    /// Rows there are.
    pub fn rows(&self) -> usize {
        self.scales.len().checked_div(self.groups()).unwrap_or(0)
    }

    /// Inputs of a row, without padding.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Inputs that share a scale.
    pub fn group(&self) -> usize {
        self.group
    }

    /// All rows, to be filled by [`Kernels::quantize_rows`].
    pub fn as_mut(&mut self) -> QRowsMut<'_> {
        QRowsMut {
            rows: self.rows(),
            k: self.k,
            group: self.group,
            stride: self.groups(),
            codes: self.room[self.codes.clone()].as_mut_ptr(),
            scales: self.scales.as_mut_ptr(),
            sums: self.sums.as_mut_ptr(),
            lifetime: PhantomData,
        }
    }

    /// Scales of a row.
    pub(crate) fn groups(&self) -> usize {
        self.k.div_ceil(self.group.max(1))
    }

    pub(crate) fn codes(&self) -> &[i8] {
        &self.room[self.codes.clone()]
    }

    pub(crate) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(crate) fn sums(&self) -> &[i32] {
        &self.sums
    }

    /// The value at `row` and `input`, as a float.
    pub fn value(&self, row: usize, input: usize) -> f32 {
        let code = self.codes()[row * self.groups() * self.group + input];
        f32::from(code) * self.scales[row * self.groups() + input / self.group]
    }
}

impl<'a> QRowsMut<'a> {
    /// Rows in view.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The first `rows` rows, and the others.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn split_rows(self, rows: usize) -> (QRowsMut<'a>, QRowsMut<'a>) {
        assert!(rows <= self.rows, "{rows} of {} rows", self.rows);
        let rest = self.part(rows..self.rows, 0..self.k);
        (self.part(0..rows, 0..self.k), rest)
    }

    /// The first `k` inputs of each row, and the others.
    ///
    /// # Panics
    /// If there are fewer inputs, or they end within a group.
    pub fn split_inputs(self, k: usize) -> (QRowsMut<'a>, QRowsMut<'a>) {
        assert!(
            k == self.k || k < self.k && k.is_multiple_of(self.group),
            "{k} of {} inputs in groups of {}",
            self.k,
            self.group
        );
        let rest = self.part(0..self.rows, k..self.k);
        (self.part(0..self.rows, 0..k), rest)
    }

    /// A view of a part; the callers take `self` and give out each part once.
    fn part(&self, rows: Range<usize>, inputs: Range<usize>) -> QRowsMut<'a> {
        let first = rows.start * self.stride + inputs.start.div_ceil(self.group.max(1));
        QRowsMut {
            rows: rows.len(),
            k: inputs.len(),
            // `wrapping_add`: the part may be empty and begin past the end.
            codes: self.codes.wrapping_add(first * self.group),
            scales: self.scales.wrapping_add(first),
            sums: self.sums.wrapping_add(first),
            ..*self
        }
    }

    /// Codes, scales and sums of a row.
    #[inline]
    fn row(&mut self, row: usize) -> (&mut [i8], &mut [f32], &mut [i32]) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let (first, groups) = (row * self.stride, self.k.div_ceil(self.group));
        // SAFETY: the row is in view, its groups belong to this view alone, and the borrow of `self` keeps it that way.
        unsafe {
            let codes = self.codes.add(first * self.group);
            (
                std::slice::from_raw_parts_mut(codes, groups * self.group),
                std::slice::from_raw_parts_mut(self.scales.add(first), groups),
                std::slice::from_raw_parts_mut(self.sums.add(first), groups),
            )
        }
    }
}

/// What becomes of a row before it is quantized.
#[derive(Debug, Default, Clone, Copy)]
pub struct Transform<'a> {
    /// `[k]`: what each input is multiplied with.
    pub smooth: Option<&'a [f32]>,
    /// Whether its groups are turned then, as those of the weights: see [`Kernels::turn_weights`].
    pub turned: bool,
}

impl Kernels {
    /// Quantizes the rows of `x` (`[rows, k]`) after `transform`.
    ///
    /// The scale of a row's group is its largest magnitude over 127; codes are the nearest, ties to even. A
    /// group without a magnitude of at least 1e-30 becomes zeros. What a group with a value that is not finite, or overflows as it is turned,
    /// becomes is unspecified.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub fn quantize_rows(self, x: &[f32], transform: Transform<'_>, to: QRowsMut<'_>) {
        assert_eq!(x.len(), to.rows * to.k, "inputs");
        assert!(
            (transform.smooth).is_none_or(|smooth| smooth.len() == to.k),
            "factors of {} inputs",
            to.k
        );
        self.run(QuantizeRows { x, transform, to });
    }
}

struct QuantizeRows<'a> {
    x: &'a [f32],
    transform: Transform<'a>,
    to: QRowsMut<'a>,
}

impl Op for QuantizeRows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Sizes that the compiler knows: a group stays in registers.
        match self.to.group {
            32 => quantize_rows::<S, 32>(s, self),
            64 => quantize_rows::<S, 64>(s, self),
            _ => quantize_rows::<S, 128>(s, self),
        }
    }
}

#[inline(always)]
fn quantize_rows<S: Simd, const GROUP: usize>(s: S, task: QuantizeRows<'_>) {
    let QuantizeRows {
        x,
        transform: Transform { smooth, turned },
        mut to,
    } = task;
    let k = to.k;
    for row in 0..to.rows {
        let x = &x[row * k..][..k];
        let (codes, scales, sums) = to.row(row);
        let marks = scales.iter_mut().zip(sums);
        for (g, (codes, (scale, sum))) in codes.as_chunks_mut().0.iter_mut().zip(marks).enumerate()
        {
            let x = &x[g * GROUP..];
            let smooth = smooth.map(|smooth| &smooth[g * GROUP..]);
            (*scale, *sum) = match (x.first_chunk::<GROUP>(), smooth) {
                (Some(x), None) if !turned => quantize_group(s, x, codes),
                (Some(x), smooth) => {
                    let mut values = *x;
                    if let Some(smooth) = smooth {
                        multiply(s, &mut values, smooth);
                    }
                    if turned {
                        turn_group(s, &mut values);
                    }
                    quantize_group(s, &values, codes)
                }
                (None, smooth) => {
                    let mut values = [0.0; GROUP];
                    values[..x.len()].copy_from_slice(x);
                    if let Some(smooth) = smooth {
                        multiply(s, &mut values[..x.len()], smooth);
                    }
                    quantize_group(s, &values, codes)
                }
            };
        }
    }
}

/// `values *= factors`, of which there are as many or more. By registers: as a plain loop it made the encoder 5 % slower.
#[inline(always)]
fn multiply<S: Simd>(s: S, values: &mut [f32], factors: &[f32]) {
    let (whole, rest) = steps(s, values.len());
    for i in whole {
        let v = s.mul(s.load(&values[i..]), s.load(&factors[i..]));
        s.store(v, &mut values[i..]);
    }
    for i in rest..values.len() {
        values[i] *= factors[i];
    }
}

/// Fills `codes` from `x`; gives the scale and the sum of codes.
#[inline(always)]
fn quantize_group<S: Simd, const GROUP: usize>(
    s: S,
    x: &[f32; GROUP],
    codes: &mut [i8; GROUP],
) -> (f32, i32) {
    let zero = s.splat(0.0);
    // Several, so that none waits for the one before.
    let (mut high, mut low, mut sum) = ([zero; 2], [zero; 2], [zero; 2]);
    for i in (0..GROUP).step_by(S::LANES) {
        let (v, of) = (s.load(&x[i..]), i / S::LANES % 2);
        high[of] = s.max(high[of], v);
        low[of] = s.min(low[of], v);
    }
    let (high, low) = (s.max(high[0], high[1]), s.min(low[0], low[1]));
    let largest = s.max_lane(s.max(high, s.sub(zero, low)));
    // A NaN is in no range and ends here as well.
    if !(1e-30..=f32::MAX).contains(&largest) {
        codes.fill(0);
        return (0.0, 0);
    }
    let inverse = s.splat(ACTIVATION_MAX / largest);
    for i in (0..GROUP).step_by(S::LANES) {
        let (code, of) = (s.round(s.mul(s.load(&x[i..]), inverse)), i / S::LANES % 2);
        // Integers below 2^14: their sum in floats is exact.
        sum[of] = s.add(sum[of], code);
        s.store_signed_bytes(code, &mut codes[i..]);
    }
    let sum = s.sum_lanes(s.add(sum[0], sum[1]));
    (largest / ACTIVATION_MAX, sum as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, every_kernel};

    fn quantized(kernels: Kernels, x: &[f32], k: usize, group: usize, smooth: bool) -> QRows {
        let smooth = smooth.then(|| Random::new(9).floats(k));
        let mut rows = QRows::default();
        rows.reset(x.len() / k, k, group);
        let transform = Transform {
            smooth: smooth.as_deref(),
            turned: false,
        };
        kernels.quantize_rows(x, transform, rows.as_mut());
        rows
    }

    #[test]
    fn turned_groups_are_those_that_were_turned_before() {
        for (kernels, k) in every_kernel([32, 100, 384]) {
            for group in [32, 64, 128] {
                let x = Random::new(k as u64).floats(2 * k);
                let mut got = QRows::default();
                got.reset(2, k, group);
                let transform = Transform {
                    turned: true,
                    ..Transform::default()
                };
                kernels.quantize_rows(&x, transform, got.as_mut());
                let mut turned = x;
                Kernels::scalar().turn_inputs(&mut turned, k, group);
                let want = quantized(Kernels::scalar(), &turned, k, group, false);
                assert_eq!(got.codes(), want.codes(), "{kernels:?} {k} {group}");
                assert_eq!(got.scales, want.scales, "{kernels:?} {k} {group}");
                assert_eq!(got.sums, want.sums, "{kernels:?} {k} {group}");
            }
        }
    }

    #[test]
    fn every_kernel_gives_the_same_codes_scales_and_sums() {
        for (kernels, k) in every_kernel([1, 7, 31, 32, 33, 64, 100, 128, 200, 384]) {
            for group in [32, 64, 128] {
                for smooth in [false, true] {
                    let x = Random::new(k as u64).floats(3 * k);
                    let got = quantized(kernels, &x, k, group, smooth);
                    let want = quantized(Kernels::scalar(), &x, k, group, smooth);
                    assert_eq!(got.codes(), want.codes(), "{kernels:?} {k} {group}");
                    assert_eq!(got.scales, want.scales, "{kernels:?} {k} {group}");
                    assert_eq!(got.sums, want.sums, "{kernels:?} {k} {group}");
                    assert_eq!((got.rows(), got.k(), got.group()), (3, k, group));
                }
            }
        }
    }

    #[test]
    fn values_are_within_half_a_step_and_sums_are_sums() {
        for (kernels, k) in every_kernel([5, 64, 130]) {
            let x = Random::new(1).floats(2 * k);
            let rows = quantized(kernels, &x, k, 64, false);
            for (i, x) in x.iter().enumerate() {
                let (row, input) = (i / k, i % k);
                let step = rows.scales()[row * rows.groups() + input / 64];
                assert!((rows.value(row, input) - x).abs() <= 0.5001 * step);
            }
            for (codes, sum) in rows.codes().chunks(64).zip(rows.sums()) {
                assert_eq!(codes.iter().map(|c| i32::from(*c)).sum::<i32>(), *sum);
                assert!(codes.iter().all(|c| *c > -128));
            }
        }
    }

    #[test]
    fn rows_begin_on_a_line_of_the_cache() {
        let mut rows = QRows::default();
        for count in [1, 3, 200, 2] {
            rows.reset(count, 1536, 64);
            assert!(rows.codes().as_ptr().addr().is_multiple_of(LINE));
            assert_eq!(rows.codes().len(), count * 1536);
        }
    }

    #[test]
    fn groups_of_nothing_become_zeros() {
        for (kernels, _) in every_kernel([0]) {
            for value in [0.0, 1e-38, f32::NAN, f32::INFINITY] {
                let mut x = [1.0; 128];
                x[..64].fill(value);
                let rows = quantized(kernels, &x, 128, 64, false);
                assert!(rows.codes()[..64].iter().all(|c| *c == 0), "{value}");
                assert_eq!((rows.scales()[0], rows.sums()[0]), (0.0, 0));
                assert!(rows.codes()[64..].iter().all(|c| *c == 127));
            }
        }
    }

    #[test]
    fn rows_split_for_several_threads() {
        let (k, kernels) = (70, Kernels::detect());
        let x = Random::new(4).floats(5 * k);
        let whole = quantized(kernels, &x, k, 32, false);
        let mut parts = QRows::default();
        parts.reset(5, k, 32);
        let (first, others) = parts.as_mut().split_rows(2);
        kernels.quantize_rows(&x[..2 * k], Transform::default(), first);
        kernels.quantize_rows(&x[2 * k..], Transform::default(), others);
        assert_eq!(parts.codes(), whole.codes());
        assert_eq!(parts.scales, whole.scales);
    }

    #[test]
    fn inputs_split_at_groups() {
        let (k, kernels) = (70, Kernels::detect());
        let x = Random::new(5).floats(3 * k);
        let whole = quantized(kernels, &x, k, 32, false);
        let mut parts = QRows::default();
        parts.reset(3, k, 32);
        let (first, others) = parts.as_mut().split_inputs(32);
        for (inputs, part) in [(0..32, first), (32..k, others)] {
            let rows = x.chunks_exact(k);
            let x: Vec<f32> = rows.flat_map(|row| row[inputs.clone()].to_vec()).collect();
            kernels.quantize_rows(&x, Transform::default(), part);
        }
        assert_eq!(parts.codes(), whole.codes());
        assert_eq!((parts.scales, parts.sums), (whole.scales, whole.sums));
    }

    #[test]
    #[should_panic(expected = "40 of 70 inputs in groups of 32")]
    fn inputs_of_a_group_stay_together() {
        let mut rows = QRows::default();
        rows.reset(1, 70, 32);
        let _ = rows.as_mut().split_inputs(40);
    }
}
