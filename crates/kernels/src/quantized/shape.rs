//! The sizes of a quantized matrix, and what can be wrong with them.

use std::fmt;

use crate::PANEL;

/// The sizes of a quantized matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QShape {
    /// Outputs.
    pub n: usize,
    /// Inputs, without the padding.
    pub k: usize,
    /// Inputs of a column that share a scale: 32, 64 or 128.
    pub group: usize,
    /// Bits of a code: 8 or 4.
    pub bits: u32,
}

impl QShape {
    /// The shape, if it is one that the kernels know.
    pub fn new(n: usize, k: usize, group: usize, bits: u32) -> Result<QShape, QError> {
        let shape = QShape { n, k, group, bits };
        shape.check()?;
        Ok(shape)
    }

    /// Whether the kernels know this shape, and its sizes fit into memory.
    pub fn check(&self) -> Result<(), QError> {
        let known = matches!(self.group, 32 | 64 | 128) && matches!(self.bits, 4 | 8);
        let round = |size: usize, to: usize| size.checked_next_multiple_of(to);
        let fits = || {
            let codes = round(self.n, PANEL)?.checked_mul(round(self.k, self.group)?)?;
            (codes <= isize::MAX as usize).then_some(())
        };
        if known && self.n > 0 && self.k > 0 && fits().is_some() {
            Ok(())
        } else {
            Err(QError::Shape(*self))
        }
    }

    /// Panels of 16 columns.
    pub fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// Inputs with the padding.
    pub fn padded_k(&self) -> usize {
        self.k.next_multiple_of(self.group)
    }

    /// Groups of a column.
    pub fn groups(&self) -> usize {
        self.k.div_ceil(self.group)
    }

    /// Bytes of one panel's codes.
    pub fn panel_bytes(&self) -> usize {
        self.padded_k() * PANEL * self.bits as usize / 8
    }

    /// Bytes of all codes.
    pub fn code_bytes(&self) -> usize {
        self.panels() * self.panel_bytes()
    }

    /// Scales there are, those of padding columns included.
    pub fn scale_count(&self) -> usize {
        self.panels() * self.groups() * PANEL
    }

    /// What a code is more than its weight: 128 or 8.
    pub fn bias(&self) -> i32 {
        if self.bits == 8 { 128 } else { 8 }
    }

    /// The smallest and the largest weight that is packed. 8 bits leave out -128, so that a matrix and its
    /// negative lose the same.
    pub fn range(&self) -> (i32, i32) {
        if self.bits == 8 { (-127, 127) } else { (-8, 7) }
    }
}

/// Why something is no quantized matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QError {
    /// No kernel works with such sizes.
    Shape(QShape),
    /// A part has another length than the shape says.
    Length {
        /// Which part.
        part: &'static str,
        /// What it should have.
        expected: usize,
        /// What it has.
        found: usize,
    },
}

impl fmt::Display for QError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QError::Shape(shape) => write!(
                f,
                "no kernel for {} x {} weights of {} bits in groups of {}; bits are 4 or 8, groups 32, 64 or 128",
                shape.n, shape.k, shape.bits, shape.group
            ),
            QError::Length {
                part,
                expected,
                found,
            } => write!(f, "{found} {part}, expected {expected}"),
        }
    }
}

impl std::error::Error for QError {}
