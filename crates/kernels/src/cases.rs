//! Cases that many kernels share.

use crate::Case;

/// For kernels over tensors `[*rows, cols]`: one element, odd, prime, just past a power of two, typical, a
/// vocabulary, no rows;
/// and 16 sequences of 1024 tokens of a model of width 1024, which is timed.
pub(crate) const ROWS: &[Case] = &[
    Case::of(&[("rows", 1), ("cols", 1)]),
    Case::of(&[("rows", 7), ("cols", 3)]),
    Case::of(&[("rows", 5), ("cols", 31)]),
    Case::of(&[("rows", 3), ("cols", 257)]),
    Case::of(&[("rows", 5), ("cols", 1024)]),
    Case::of(&[("rows", 2), ("cols", 128256)]),
    Case::of(&[("rows", 0), ("cols", 8)]),
    Case::of(&[("rows", 16384), ("cols", 1024)]).bench(),
];

/// For kernels over tensors of any shape, element by element: the same, flattened.
pub(crate) const ELEMENTS: &[Case] = &[
    Case::of(&[("n", 1)]),
    Case::of(&[("n", 3)]),
    Case::of(&[("n", 257)]),
    Case::of(&[("n", 4099)]),
    Case::of(&[("n", 128256)]),
    Case::of(&[("n", 0)]),
    Case::of(&[("n", 16 << 20)]).bench(),
];
