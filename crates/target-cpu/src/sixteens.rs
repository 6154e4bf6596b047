//! Rows that lie by sixteens: of each sixteen the first elements side by side, then the second ones, and so on to their ends.
//!
//! So do packed weights that a few rows are multiplied with. A vector of words is then a word of each of sixteen rows, each
//! lane sums a row of its own, and nothing is added up across lanes but once a row: from the second cache a core of an
//! Emerald Rapids multiplies 38 GB/s of 4-bit weights so, 19 where rows lie one after the other; from memory two of them
//! multiply as fast as they read. Sums are the same bits.

/// How many rows lie side by side.
pub const SIDE_BY_SIDE: usize = 16;

/// Such rows at the beginning of some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sixteens {
    /// Rows in all.
    pub rows: usize,
    /// Elements of a row.
    pub row: usize,
    /// Bytes of an element.
    pub element: usize,
}

impl Sixteens {
    /// So many rows of so many elements of so many bytes, in that much memory; `None` where they are no whole sixteens.
    pub fn new([rows, row]: [usize; 2], element: usize, memory: usize) -> Option<Sixteens> {
        let bytes = rows.checked_mul(row)?.checked_mul(element)?;
        let whole = rows.is_multiple_of(SIDE_BY_SIDE) && matches!(element, 2 | 4);
        (whole && bytes > 0 && bytes <= memory).then_some(Sixteens { rows, row, element })
    }

    /// True for a tensor of such rows, from that element on, that begins and ends with whole sixteens of them.
    pub fn holds(&self, first: usize, shape: &[usize]) -> bool {
        let [.., rows, row] = *shape else { return false };
        let elements = shape.iter().try_fold(1usize, |all, extent| all.checked_mul(*extent));
        let end = elements.and_then(|elements| first.checked_add(elements));
        row == self.row
            && rows.is_multiple_of(SIDE_BY_SIDE)
            && first.is_multiple_of(SIDE_BY_SIDE * row)
            && end.is_some_and(|end| end <= self.rows * row)
    }

    /// Rows and their elements, the last two of a tensor's axes, as they lie, in bytes.
    pub fn split(&self, axes: &mut [Vec<(usize, isize)>]) {
        if let [.., rows, row] = axes {
            let blocks = rows.iter().map(|part| part.0).product::<usize>() / SIDE_BY_SIDE;
            let [side, element] = [SIDE_BY_SIDE, self.element].map(|size| size as isize);
            *rows = vec![(blocks, side * self.row_bytes() as isize), (SIDE_BY_SIDE, element)];
            *row = vec![(self.row, side * element)];
        }
    }

    /// Bytes of a row of elements of that size, if axes lie as [`split`](Self::split) has them.
    pub fn row_of(
        rows: &[(usize, isize)],
        row: &[(usize, isize)],
        element: usize,
    ) -> Option<isize> {
        let &[(count, step)] = row else { return None };
        let (side, element) = (SIDE_BY_SIDE as isize, element as isize);
        let bytes = element * count as isize;
        let lies = match *rows {
            [(_, block), (SIDE_BY_SIDE, one)] => one == element && block == side * bytes,
            // Of one sixteen alone.
            [(SIDE_BY_SIDE, one)] => one == element,
            _ => false,
        };
        (lies && step == side * element).then_some(bytes)
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.row * self.element
    }

    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.rows * self.row_bytes()
    }

    /// Where the byte lies that is at `at` where rows lie one after the other.
    fn place(&self, at: usize) -> usize {
        if at >= self.bytes() {
            return at;
        }
        let (row, inside) = (at / self.row_bytes(), at % self.row_bytes());
        let (element, byte) = (inside / self.element, inside % self.element);
        let first = row / SIDE_BY_SIDE * SIDE_BY_SIDE * self.row_bytes();
        first + (element * SIDE_BY_SIDE + row % SIDE_BY_SIDE) * self.element + byte
    }

    /// Copies what is at `at` where rows lie one after the other out of memory where they lie by sixteens.
    pub fn read(&self, memory: &[u8], at: usize, into: &mut [u8]) {
        let element = self.element;
        let whole = at.is_multiple_of(element) && into.len().is_multiple_of(element);
        let step = if whole { element } else { 1 };
        for (k, to) in into.chunks_exact_mut(step).enumerate() {
            let from = self.place(at + k * step);
            to.copy_from_slice(&memory[from..from + step]);
        }
    }

    /// Lays rows that lie one after the other by sixteens, or back.
    pub fn lay(&self, memory: &mut [u8], by_sixteens: bool) {
        let block = SIDE_BY_SIDE * self.row_bytes();
        let sizes = match by_sixteens {
            true => [SIDE_BY_SIDE, self.row],
            false => [self.row, SIDE_BY_SIDE],
        };
        let mut was = vec![0; block];
        for memory in memory[..self.bytes()].chunks_exact_mut(block) {
            was.copy_from_slice(memory);
            match self.element {
                2 => turn::<2>(&was, memory, sizes),
                _ => turn::<4>(&was, memory, sizes),
            }
        }
    }
}

/// Rows of elements of `SIZE` bytes as columns.
fn turn<const SIZE: usize>(from: &[u8], to: &mut [u8], [rows, columns]: [usize; 2]) {
    let (from, _) = from.as_chunks::<SIZE>();
    let (to, _) = to.as_chunks_mut::<SIZE>();
    for (column, to) in to.chunks_exact_mut(rows).enumerate() {
        for (to, from) in to.iter_mut().zip(from[column..].iter().step_by(columns)) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_by_sixteens_is_read_as_before() {
        for (rows, row, element) in [(16, 1, 4), (32, 24, 4), (48, 5, 2)] {
            let bytes = rows * row * element;
            let plain: Vec<u8> = (0..bytes + 24).map(|k| (k * 7 + k / 251) as u8).collect();
            let laid = Sixteens::new([rows, row], element, plain.len()).unwrap();
            let mut memory = plain.clone();
            laid.lay(&mut memory, true);
            assert!(row == 1 || memory != plain);
            for (at, len) in [(0, plain.len()), (element, bytes), (3, 17), (bytes - 1, 9)] {
                let mut read = vec![0; len];
                laid.read(&memory, at, &mut read);
                assert_eq!(read, plain[at..at + len]);
            }
            laid.lay(&mut memory, false);
            assert_eq!(memory, plain);
        }
        assert_eq!(Sixteens::new([8, 4], 4, 1 << 10), None);
        assert_eq!(Sixteens::new([16, 4], 4, 255), None);
        assert_eq!(Sixteens::new([usize::MAX / 16 * 16, 4], 4, usize::MAX), None);
    }
}
