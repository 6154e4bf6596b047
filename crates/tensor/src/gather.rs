//! Copying strided elements.

/// Copies the elements of a strided view, `size` bytes each, to `into` in row-major order.
///
/// `from` holds the whole memory; the caller has checked that the view stays inside.
pub(crate) fn gather(
    from: &[u8],
    size: usize,
    shape: &[usize],
    strides: &[isize],
    offset: usize,
    into: &mut [u8],
) {
    if into.is_empty() {
        return;
    }
    let (&last, outer) = shape.split_last().unwrap_or((&1, &[]));
    let step = strides.last().copied().unwrap_or(1);
    let mut index = vec![0usize; outer.len()];
    let mut start = offset as isize;
    for row in into.chunks_exact_mut(last * size) {
        let begin = start as usize * size;
        match (step, size) {
            (1, _) => row.copy_from_slice(&from[begin..begin + row.len()]),
            (_, 4) => gather_row::<4>(from, start, step, row),
            (_, 2) => gather_row::<2>(from, start, step, row),
            (_, 1) => gather_row::<1>(from, start, step, row),
            _ => gather_row::<8>(from, start, step, row),
        }
        for axis in (0..outer.len()).rev() {
            index[axis] += 1;
            start += strides[axis];
            if index[axis] < outer[axis] {
                break;
            }
            start -= strides[axis] * outer[axis] as isize;
            index[axis] = 0;
        }
    }
}

/// One row of elements of `SIZE` bytes, `step` elements apart.
fn gather_row<const SIZE: usize>(from: &[u8], start: isize, step: isize, row: &mut [u8]) {
    let mut at = start;
    for element in row.chunks_exact_mut(SIZE) {
        let begin = at as usize * SIZE;
        element.copy_from_slice(&from[begin..begin + SIZE]);
        at += step;
    }
}
