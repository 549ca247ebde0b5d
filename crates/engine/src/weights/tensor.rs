//! A tensor's elements: a view into the mapped file, or numbers in memory.

use std::ops::{Deref, Range};
use std::sync::Arc;

use super::header::Dtype;
use super::map::{self, Bytes};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u16 {}
    impl Sealed for u8 {}
    impl Sealed for i8 {}
    impl Sealed for i32 {}
    impl Sealed for i64 {}
}

/// A number type that tensors are made of.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Its name in weight files.
    const DTYPE: Dtype;
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
/// The bits of a half: the kernels take scales as they are stored.
impl Element for u16 {
    const DTYPE: Dtype = Dtype::F16;
}
impl Element for u8 {
    const DTYPE: Dtype = Dtype::U8;
}
impl Element for i8 {
    const DTYPE: Dtype = Dtype::I8;
}
impl Element for i32 {
    const DTYPE: Dtype = Dtype::I32;
}
impl Element for i64 {
    const DTYPE: Dtype = Dtype::I64;
}

/// The elements of one tensor, row-major. Cloning shares them.
#[derive(Clone)]
pub struct Tensor<T> {
    source: Source<T>,
}

#[derive(Clone)]
enum Source<T> {
    Mapped(Arc<Bytes>, Range<usize>),
    Owned(Arc<[T]>),
}

impl<T: Element> Tensor<T> {
    /// A view of `range` of `bytes`, or `None` where it is not aligned for `T`.
    pub(super) fn mapped(bytes: &Arc<Bytes>, range: Range<usize>) -> Option<Tensor<T>> {
        map::cast::<T>(&bytes.as_slice()[range.clone()])?;
        Some(Tensor {
            source: Source::Mapped(Arc::clone(bytes), range),
        })
    }

    /// Its elements as they lie in memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        map::bytes_of(self)
    }
}

impl<T> From<Vec<T>> for Tensor<T> {
    fn from(elements: Vec<T>) -> Tensor<T> {
        Tensor {
            source: Source::Owned(elements.into()),
        }
    }
}

impl<T: Element> Deref for Tensor<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.source {
            Source::Mapped(bytes, range) => map::cast(&bytes.as_slice()[range.clone()])
                .expect("alignment and length were checked when the view was made"),
            Source::Owned(elements) => elements,
        }
    }
}
