//! A matrix to write to, in pieces that several threads may fill at once.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable view of `[rows, cols]` floats whose rows lie `stride` apart.
///
/// It splits into disjoint views by rows and by columns, which is what lets safe code hand the tiles of
/// one matrix to several threads.
pub struct MatMut<'a> {
    data: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a view owns its elements as `&mut [f32]` does, and no two views share one.
unsafe impl Send for MatMut<'_> {}

impl<'a> MatMut<'a> {
    /// A view of the whole of `data`, `cols` to a row.
    ///
    /// # Panics
    /// If `data` does not hold whole rows.
    pub fn new(data: &'a mut [f32], cols: usize) -> MatMut<'a> {
        assert!(
            cols > 0 && data.len().is_multiple_of(cols),
            "{} floats, rows of {cols}",
            data.len()
        );
        MatMut {
            rows: data.len() / cols,
            cols,
            stride: cols,
            data: data.as_mut_ptr(),
            lifetime: PhantomData,
        }
    }

    /// Rows in view.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns in view.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The elements of one row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: `row` is in view, its `cols` elements belong to this view alone, and the borrow of
        // `self` keeps it that way.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(row * self.stride), self.cols) }
    }

    /// The views of the first `rows` rows, and of the others.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn split_rows(self, rows: usize) -> (MatMut<'a>, MatMut<'a>) {
        assert!(rows <= self.rows, "{rows} of {} rows", self.rows);
        let rest = self.part(rows..self.rows, 0..self.cols);
        (self.part(0..rows, 0..self.cols), rest)
    }

    /// The views of the first `cols` columns, and of the others.
    ///
    /// # Panics
    /// If there are fewer columns.
    pub fn split_cols(self, cols: usize) -> (MatMut<'a>, MatMut<'a>) {
        assert!(cols <= self.cols, "{cols} of {} columns", self.cols);
        let rest = self.part(0..self.rows, cols..self.cols);
        (self.part(0..self.rows, 0..cols), rest)
    }

    /// A view of a part; the callers take `self` and give out each part once.
    fn part(&self, rows: Range<usize>, cols: Range<usize>) -> MatMut<'a> {
        MatMut {
            // `wrapping_add`: the part may be empty and begin past the end.
            data: self
                .data
                .wrapping_add(rows.start * self.stride + cols.start),
            rows: rows.len(),
            cols: cols.len(),
            stride: self.stride,
            lifetime: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_into_disjoint_tiles() {
        let mut data = vec![0.0; 12];
        let (top, bottom) = MatMut::new(&mut data, 4).split_rows(1);
        let (mut left, mut right) = bottom.split_cols(3);
        assert_eq!((top.rows(), top.cols()), (1, 4));
        std::thread::scope(|scope| {
            scope.spawn(move || (0..2).for_each(|r| left.row(r).fill(1.0)));
            scope.spawn(move || (0..2).for_each(|r| right.row(r).fill(2.0)));
        });
        assert_eq!(data, [0., 0., 0., 0., 1., 1., 1., 2., 1., 1., 1., 2.]);
    }
}
