//! Where the elements of a tensor lie.

use tilewright_target::{Region, contiguous_strides};

/// The position of each element of a region in its buffer, in row-major order.
pub(crate) fn elements(shape: &[usize], region: &Region<'_>) -> Vec<usize> {
    let strides = region.strides.map_or_else(|| contiguous_strides(shape), <[isize]>::to_vec);
    let count = shape.iter().product();
    let position = |number: usize| {
        let (mut at, mut rest) = (region.offset as isize, number);
        for (&extent, &stride) in shape.iter().zip(&strides).rev() {
            at += (rest % extent) as isize * stride;
            rest /= extent;
        }
        at.max(0) as usize
    };
    (0..count).map(position).collect()
}
