//! A short list without a heap allocation, so that a call of a kernel makes none.

use std::ops::{Deref, DerefMut};

/// Entries that fit on the stack; kernels with more parameters allocate.
const FEW: usize = 12;

/// A list of fixed length.
pub(crate) struct Inline<T> {
    few: [T; FEW],
    many: Vec<T>,
    len: usize,
}

impl<T> Inline<T> {
    /// `len` entries.
    pub fn new(len: usize, mut entry: impl FnMut() -> T) -> Self {
        let many = if len > FEW { (0..len).map(|_| entry()).collect() } else { Vec::new() };
        Inline { few: std::array::from_fn(|_| entry()), many, len }
    }
}

impl<T> Deref for Inline<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        if self.len > FEW { &self.many } else { &self.few[..self.len] }
    }
}

impl<T> DerefMut for Inline<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.len > FEW { &mut self.many } else { &mut self.few[..self.len] }
    }
}
