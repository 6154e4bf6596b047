//! Which rows of weights are multiplied together.

/// Up to eight rows of weights that are multiplied together: those from one on or, where memory is read at several places,
/// the same few rows of each.
///
/// A core of an Emerald Rapids fetches some twenty lines ahead in each page of memory that it reads on from, and what is
/// asked for explicitly takes buffers that loads wait for: with four places by turns two threads multiply 24.7 GB/s of
/// 4-bit weights where one place gives 22, and memory 26.
#[derive(Clone, Copy, Debug)]
pub struct Eight {
    /// The first row, of each place.
    pub first: usize,
    /// Rows in all.
    pub count: usize,
    /// Places, as a power of two.
    pub log: u32,
    /// Rows from place to place: as many as there are of each.
    pub apart: usize,
    /// Sums from place to place.
    pub sums: usize,
}

impl Eight {
    /// The `k`-th row.
    #[inline(always)]
    pub fn row(&self, k: usize) -> usize {
        self.place(k) * self.apart + self.inside(k)
    }

    /// Where its sum goes, in sums.
    #[inline(always)]
    pub fn sum(&self, k: usize) -> usize {
        self.place(k) * self.sums + self.inside(k)
    }

    /// Which row of its place it is.
    #[inline(always)]
    pub fn inside(&self, k: usize) -> usize {
        self.first + (k >> self.log)
    }

    /// The place of the `k`-th row.
    #[inline(always)]
    fn place(&self, k: usize) -> usize {
        k & ((1 << self.log) - 1)
    }
}

/// All of so many rows, read at so many places, a power of two up to eight; the sums lie in the order of the rows.
pub fn all(rows: usize, streams: usize) -> impl Iterator<Item = Eight> {
    let apart = rows / streams;
    of_pieces(rows, streams, apart)
}

/// The same of rows that are part of others, `apart` from place to place; the sums of each place lie side by side.
pub fn of_pieces(rows: usize, streams: usize, apart: usize) -> impl Iterator<Item = Eight> {
    let log = streams.trailing_zeros();
    let each = 8 >> log;
    (0..rows.div_ceil(8)).map(move |k| {
        let count = 8.min(rows - 8 * k);
        Eight { first: k * each, count, log, apart, sums: rows >> log }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_taken_once_and_its_sum_has_a_place() {
        for (rows, streams) in [(19, 1), (8, 1), (64, 4), (192, 4), (64, 8)] {
            let apart = rows / streams + 5;
            let mut taken: Vec<[usize; 2]> = of_pieces(rows, streams, apart)
                .flat_map(|eight| (0..eight.count).map(move |k| [eight.sum(k), eight.row(k)]))
                .collect();
            taken.sort_unstable();
            let piece = rows / streams;
            let row =
                |sum: usize| if streams == 1 { sum } else { sum / piece * apart + sum % piece };
            let all: Vec<[usize; 2]> = (0..rows).map(|sum| [sum, row(sum)]).collect();
            assert_eq!(taken, all, "{rows} {streams}");
        }
    }
}
