//! A quantized matrix, borrowed or owned.

use std::ops::Range;

use super::{QError, QShape, f16_to_f32};
use crate::PANEL;

/// A quantized matrix, its sizes checked; the layout is that of this module's own documentation.
///
/// Every code is a weight, so bytes from a file need no other check. A scale that is not finite gives
/// results that are not.
#[derive(Debug, Clone, Copy)]
pub struct QMatrix<'a> {
    shape: QShape,
    codes: &'a [u8],
    scales: &'a [u16],
}

impl<'a> QMatrix<'a> {
    /// The matrix of these codes and half-precision scales.
    pub fn new(shape: QShape, codes: &'a [u8], scales: &'a [u16]) -> Result<QMatrix<'a>, QError> {
        shape.check()?;
        for (part, expected, found) in [
            ("bytes of codes", shape.code_bytes(), codes.len()),
            ("scales", shape.scale_count(), scales.len()),
        ] {
            if expected != found {
                return Err(QError::Length {
                    part,
                    expected,
                    found,
                });
            }
        }
        Ok(QMatrix {
            shape,
            codes,
            scales,
        })
    }

    /// Its sizes.
    pub fn shape(&self) -> QShape {
        self.shape
    }

    /// Bytes that a product reads: codes and scales.
    pub fn bytes(&self) -> usize {
        self.codes.len() + 2 * self.scales.len()
    }

    /// The codes of some panels.
    pub(crate) fn codes(&self, panels: Range<usize>) -> &'a [u8] {
        let bytes = self.shape.panel_bytes();
        &self.codes[panels.start * bytes..panels.end * bytes]
    }

    /// The scales of some panels, as half-precision bits.
    pub(crate) fn scales(&self, panels: Range<usize>) -> &'a [u16] {
        let count = self.shape.groups() * PANEL;
        &self.scales[panels.start * count..panels.end * count]
    }

    /// The weight of `column` and `input` as an integer.
    ///
    /// # Panics
    /// If there is no such weight.
    pub fn code(&self, column: usize, input: usize) -> i32 {
        assert!(
            column < self.shape.n && input < self.shape.padded_k(),
            "weight {column}, {input} of {:?}",
            self.shape
        );
        let (byte, shift) = place(&self.shape, column, input);
        let code = i32::from(self.codes[byte]) >> shift;
        if self.shape.bits == 8 {
            code - 128
        } else {
            (code & 15) - 8
        }
    }

    /// The scale of `column` and `group`.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn scale(&self, column: usize, group: usize) -> f32 {
        f16_to_f32(self.scales[mark(&self.shape, column, group)])
    }

    /// The weights of one column as floats: a row of an embedding table. `to` has an element for each input.
    ///
    /// # Panics
    /// If there is no such column, or `to` has another length.
    pub fn dequantize_column(&self, column: usize, to: &mut [f32]) {
        assert!(column < self.shape.n, "column {column} of {}", self.shape.n);
        assert_eq!(to.len(), self.shape.k, "inputs");
        let panel = self.codes(column / PANEL..column / PANEL + 1);
        let lane = 4 * (column % PANEL);
        for (group, to) in to.chunks_mut(self.shape.group).enumerate() {
            let scale = self.scale(column, group);
            let first = group * self.shape.group;
            if self.shape.bits == 8 {
                for (j, to) in to.chunks_mut(4).enumerate() {
                    let four = &panel[(first / 4 + j) * 64 + lane..][..4];
                    for (to, code) in to.iter_mut().zip(four) {
                        *to = (i32::from(*code) - 128) as f32 * scale;
                    }
                }
            } else {
                for (j, to) in to.chunks_mut(8).enumerate() {
                    let four = &panel[(first / 8 + j) * 64 + lane..][..4];
                    for (i, to) in to.iter_mut().enumerate() {
                        let code = i32::from(four[i % 4]) >> (i / 4 * 4);
                        *to = ((code & 15) - 8) as f32 * scale;
                    }
                }
            }
        }
    }
}

/// Where the code of `column` and `input` is: byte, and bits below it.
fn place(shape: &QShape, column: usize, input: usize) -> (usize, u32) {
    let (panel, lane) = (column / PANEL, column % PANEL);
    let start = panel * shape.panel_bytes();
    if shape.bits == 8 {
        (start + input / 4 * 64 + lane * 4 + input % 4, 0)
    } else {
        let shift = if input % 8 < 4 { 0 } else { 4 };
        (start + input / 8 * 64 + lane * 4 + input % 4, shift)
    }
}

/// Where the scale of `column` and `group` is.
fn mark(shape: &QShape, column: usize, group: usize) -> usize {
    assert!(column < shape.n && group < shape.groups());
    (column / PANEL * shape.groups() + group) * PANEL + column % PANEL
}

/// A quantized matrix with its memory. Matrices whose `n` is a multiple of 16 lie behind one another as
/// one: their codes and their scales can simply be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedQ {
    /// Its sizes.
    pub shape: QShape,
    /// The codes in their layout.
    pub codes: Vec<u8>,
    /// The scales in their layout, as half-precision bits.
    pub scales: Vec<u16>,
}

impl PackedQ {
    /// A matrix of zeros.
    pub fn zeros(shape: QShape) -> Result<PackedQ, QError> {
        shape.check()?;
        let zero = if shape.bits == 8 { 128 } else { 0x88 };
        Ok(PackedQ {
            shape,
            codes: vec![zero; shape.code_bytes()],
            scales: vec![0; shape.scale_count()],
        })
    }

    /// The view that kernels work on.
    ///
    /// # Panics
    /// If the parts were changed to other lengths than the shape's.
    pub fn view(&self) -> QMatrix<'_> {
        QMatrix::new(self.shape, &self.codes, &self.scales).expect("the parts have their lengths")
    }

    /// Sets one group of a column: its scale as half-precision bits, and its weights, as many as the group
    /// has inputs (fewer in the last one). A weight beyond the range of the bits is clamped to it.
    ///
    /// # Panics
    /// If there is no such group, or it has another number of inputs.
    pub fn set_group(&mut self, column: usize, group: usize, scale: u16, weights: &[i8]) {
        let shape = self.shape;
        let first = group * shape.group;
        assert_eq!(
            weights.len(),
            shape.group.min(shape.k - first),
            "inputs of group {group}"
        );
        self.scales[mark(&shape, column, group)] = scale;
        let (low, high) = shape.range();
        for (input, weight) in (first..).zip(weights) {
            let code = i32::from(*weight).clamp(low, high) + shape.bias();
            let (byte, shift) = place(&shape, column, input);
            let mask = if shape.bits == 8 { 0 } else { 0xf0 >> shift };
            self.codes[byte] = self.codes[byte] & mask | (code as u8) << shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::f32_to_f16;
    use crate::testing::Random;

    #[test]
    fn what_is_set_is_read_back_and_the_padding_is_zero() {
        for bits in [4, 8] {
            for (n, k, group) in [(1, 1, 32), (17, 70, 64), (40, 128, 128), (16, 37, 32)] {
                let shape = QShape::new(n, k, group, bits).expect("a shape that is known");
                let mut packed = PackedQ::zeros(shape).expect("a shape that is known");
                let mut random = Random::new(n as u64);
                let (low, high) = shape.range();
                let width = (high - low + 1) as u64;
                let weights: Vec<i8> = (0..n * k)
                    .map(|_| ((random.next() % width) as i32 + low) as i8)
                    .collect();
                for column in 0..n {
                    for g in 0..shape.groups() {
                        let inputs = g * group..((g + 1) * group).min(k);
                        let scale = f32_to_f16((column + g) as f32);
                        let weights = &weights[column * k..][inputs];
                        packed.set_group(column, g, scale, weights);
                    }
                }
                let view = packed.view();
                let mut column_of_floats = vec![0.0; k];
                for column in 0..n {
                    view.dequantize_column(column, &mut column_of_floats);
                    for input in 0..shape.padded_k() {
                        let want = if input < k {
                            i32::from(weights[column * k + input])
                        } else {
                            0
                        };
                        assert_eq!(view.code(column, input), want, "{shape:?} {column} {input}");
                        if input < k {
                            let scale = (column + input / group) as f32;
                            assert_eq!(column_of_floats[input], want as f32 * scale);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let eight = QShape::new(20, 40, 32, 8).expect("known");
        assert_eq!(
            (eight.panels(), eight.padded_k(), eight.groups()),
            (2, 64, 2)
        );
        assert_eq!(eight.code_bytes(), 2 * 64 * 16);
        assert_eq!(place(&eight, 0, 0), (0, 0));
        assert_eq!(place(&eight, 1, 2), (6, 0));
        assert_eq!(place(&eight, 17, 5), (1024 + 64 + 5, 0));
        let four = QShape::new(20, 40, 32, 4).expect("known");
        assert_eq!(four.code_bytes(), 1024);
        assert_eq!(place(&four, 1, 2), (6, 0));
        assert_eq!(place(&four, 1, 6), (6, 4));
        assert_eq!(place(&four, 17, 9), (512 + 64 + 5, 0));
        assert_eq!(mark(&four, 17, 1), (2 + 1) * 16 + 1);
    }

    #[test]
    fn refuses_shapes_without_a_kernel_and_parts_that_do_not_fit() {
        for (n, k, group, bits) in [
            (0, 8, 32, 8),
            (8, 0, 32, 8),
            (8, 8, 16, 8),
            (8, 8, 64, 2),
            (usize::MAX, 8, 64, 8),
            (1 << 40, 1 << 40, 64, 4),
            (8, usize::MAX - 3, 64, 4),
        ] {
            let shape = QShape { n, k, group, bits };
            assert_eq!(shape.check(), Err(QError::Shape(shape)));
            assert!(QMatrix::new(shape, &[], &[]).is_err());
        }
        let shape = QShape::new(16, 32, 32, 8).expect("known");
        assert_eq!(
            QMatrix::new(shape, &[0; 511], &[0; 16]).err(),
            Some(QError::Length {
                part: "bytes of codes",
                expected: 512,
                found: 511
            })
        );
        assert!(QMatrix::new(shape, &[0; 512], &[0; 17]).is_err());
    }
}
