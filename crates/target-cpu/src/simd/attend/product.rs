//! Products of floats for blocks of queries: scores with keys, and their weights with values.

use crate::simd::lanes::{LANES, Simd};

/// A left factor: f32 from row to row, and from term to term.
#[derive(Clone, Copy)]
pub struct Left {
    pub at: *const f32,
    pub row: usize,
    pub step: usize,
}

/// A right factor: panels of `[terms][LANES]`, so many f32 apart.
#[derive(Clone, Copy)]
pub struct Right {
    pub at: *const f32,
    pub panel: usize,
}

/// `out = x w`, or more to it: factors, terms, rows and panels, `out` with its pitch. A function that is called, since
/// every size of a tile is in it.
pub type Product = unsafe fn((Left, Right), usize, [usize; 2], (*mut f32, usize), bool);

/// # Safety
/// The factors have so many terms, rows and panels, and the result as many.
#[inline(always)]
pub unsafe fn product<S: Simd>(
    s: S,
    (x, w): (Left, Right),
    terms: usize,
    [rows, panels]: [usize; 2],
    (out, pitch): (*mut f32, usize),
    more: bool,
) {
    let mut panel = 0;
    while panel < panels {
        // Six rows of four vectors are 24 registers of AVX-512. Other levels hold six rows of one.
        let wide = S::MANY_REGISTERS && panel + 4 <= panels;
        let w = Right { at: w.at.wrapping_add(panel * w.panel), ..w };
        let to = out.wrapping_add(panel * LANES);
        let mut row = 0;
        while row < rows {
            let x = Left { at: x.at.wrapping_add(row * x.row), ..x };
            let to = (to.wrapping_add(row * pitch), pitch);
            let count = match rows - row {
                1 => 1,
                2 | 3 => 2,
                4 | 5 => 4,
                _ => 6,
            };
            // SAFETY: the caller's promise.
            unsafe {
                match S::MANY_REGISTERS {
                    true if wide => match count {
                        6 => tile::<S, 6, 4>(s, x, w, terms, to, more),
                        4 => tile::<S, 4, 4>(s, x, w, terms, to, more),
                        2 => tile::<S, 2, 4>(s, x, w, terms, to, more),
                        _ => tile::<S, 1, 4>(s, x, w, terms, to, more),
                    },
                    _ => match count {
                        6 => tile::<S, 6, 1>(s, x, w, terms, to, more),
                        4 => tile::<S, 4, 1>(s, x, w, terms, to, more),
                        2 => tile::<S, 2, 1>(s, x, w, terms, to, more),
                        _ => tile::<S, 1, 1>(s, x, w, terms, to, more),
                    },
                }
            }
            row += count;
        }
        panel += if wide { 4 } else { 1 };
    }
}

/// M rows of V panels.
///
/// # Safety
/// As [`product`].
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const V: usize>(
    s: S,
    x: Left,
    w: Right,
    terms: usize,
    (out, pitch): (*mut f32, usize),
    more: bool,
) {
    let mut totals = [[s.f(0.0); V]; M];
    let (mut left, mut right) = (x.at, w.at);
    // SAFETY: the caller's promise.
    unsafe {
        for _ in 0..terms {
            let mut vectors = [s.f(0.0); V];
            for v in 0..V {
                vectors[v] = s.load(right.add(v * w.panel));
            }
            for m in 0..M {
                let one = s.f(*left.add(m * x.row));
                for v in 0..V {
                    totals[m][v] = s.fma(one, vectors[v], totals[m][v]);
                }
            }
            left = left.wrapping_add(x.step);
            right = right.wrapping_add(LANES);
        }
        for m in 0..M {
            for v in 0..V {
                let to = out.add(m * pitch + v * LANES);
                let sum = totals[m][v];
                s.store(to, if more { s.add(s.load(to), sum) } else { sum });
            }
        }
    }
}
