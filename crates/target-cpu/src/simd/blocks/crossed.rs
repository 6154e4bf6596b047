//! Sums of products with half as many multiplications (S. Winograd, "A New Algorithm for Inner Product", 1968): for two
//! neighbours of a sum
//!
//! x1 w1 + x2 w2 = (x1 + w2) (x2 + w1) - x1 x2 - w1 w2,
//!
//! and the last two products are of a row alone and of a column alone, once for all tiles. Two multiplications in
//! registers become one, and two additions of 16-bit integers. That pays where additions have vector units of their own
//! beside those that multiply, as on AMD's cores: four registers' products in 1.5 cycles instead of two on Zen 4. Sums are of
//! 32 bits that wrap, and end within them.
//!
//! Neighbours are those of two steps of a panel: of nibbles, element 2i and element 2i + 1 ([`distance`]). The greatest
//! integer of a half has its eleven bits at the top of fifteen, so that a nibble more does not overflow.

use super::*;

/// True for the weights whose sums may be crossed.
pub fn fits(bits: u32) -> bool {
    bits == 4
}

/// True for a CPU that adds vectors beside multiplying them.
#[cfg(target_arch = "x86_64")]
pub fn pays() -> bool {
    crate::simd::made_by_amd()
}

/// [`sums`] of an even number of steps, with the products of neighbours of each row and each column.
///
/// # Safety
/// As there; the products can be read.
#[inline(always)]
pub(super) unsafe fn sums<T: Tiles, const M: usize, const V: usize>(
    t: T,
    (mut x, of_rows): (*const u32, *const u32),
    (mut w, of_columns): (*const u32, *const u32),
    steps: usize,
) -> [[<T::S as Lanes>::I; V]; M] {
    let s = t.simd();
    let mut total = [[s.i(0); V]; M];
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..V {
            let of_column = s.isub(s.i(0), s.iload(of_columns.add(v * LANES)));
            for i in 0..M {
                total[i][v] = s.isub(of_column, s.i(*of_rows.add(i)));
            }
        }
        for _ in 0..steps / 2 {
            let mut vectors = [[s.i(0); V]; 2];
            for (step, vectors) in vectors.iter_mut().enumerate() {
                for (v, vector) in vectors.iter_mut().enumerate() {
                    *vector = s.iload(w.add((step * V + v) * LANES));
                }
            }
            for i in 0..M {
                let (first, second) = (s.i(*x.add(i)), s.i(*x.add(T::ROWS + i)));
                for v in 0..V {
                    let a = t.add_halves(first, vectors[1][v]);
                    let b = t.add_halves(second, vectors[0][v]);
                    total[i][v] = t.multiply(a, b, total[i][v]);
                }
            }
            x = x.add(2 * T::ROWS);
            w = w.add(2 * V * LANES);
        }
    }
    total
}

/// The products of neighbours of a group of a row, which lie in natural order.
///
/// # Safety
/// A multiple of 32.
#[inline(always)]
pub(super) unsafe fn of_row<S: Simd>(s: S, x: &[u16]) -> u32 {
    let mut sum = s.i(0);
    for v in 0..x.len() / (2 * LANES) {
        // SAFETY: inside x.
        let pairs = unsafe { s.iload(x.as_ptr().add(2 * v * LANES).cast()) };
        let (even, odd) = (s.sar::<16>(s.shl::<16>(pairs)), s.sar::<16>(pairs));
        sum = s.iadd(sum, s.imul(even, odd));
    }
    whole::halved(s.i_array(sum), u32::wrapping_add)
}

/// The products of neighbours of each group and column of a panel: `[groups][columns]`.
///
/// # Safety
/// The panel has so many groups of so many steps, and there is room.
#[inline(always)]
pub(super) unsafe fn of_columns<T: Tiles, const V: usize>(
    t: T,
    panel: *const u32,
    (steps, groups): (usize, usize),
    out: *mut u32,
) {
    let s = t.simd();
    for g in 0..groups {
        for v in 0..V {
            let mut sum = s.i(0);
            for step in (g * steps..(g + 1) * steps).step_by(2) {
                // SAFETY: the caller's promise.
                let at = |step: usize| unsafe { s.iload(panel.add((step * V + v) * LANES)) };
                sum = t.multiply(at(step), at(step + 1), sum);
            }
            // SAFETY: the caller's promise.
            unsafe { s.istore(out.add((g * V + v) * LANES), sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 32;
    const GROUPS: usize = 2;

    /// Pairs of integers up to the greatest of halves, and of nibbles.
    fn panels(rows: usize, columns: usize) -> [Vec<u32>; 2] {
        let mut state = 7u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut x = || match random() % 8 {
            0 => 2047i32 * 16,
            1 => -2047 * 16,
            _ => random() as i32 % 4094 * 16 - 2047 * 16,
        };
        let x = (0..STEPS * GROUPS * rows).map(|_| x() as u16 as u32 | (x() as u32) << 16);
        let x = x.collect();
        let mut q = || if random() % 4 == 0 { 15 } else { random() % 16 };
        let w = (0..STEPS * GROUPS * columns).map(|_| q() | q() << 16).collect();
        [x, w]
    }

    /// The products of neighbours of every group and row of a panel of x, as [`of_row`] has them.
    fn of_rows(x: &[u32], rows: usize) -> Vec<u32> {
        let mut all = Vec::new();
        for group in x.chunks(STEPS * rows) {
            for row in 0..rows {
                let mut natural = vec![0u16; 2 * STEPS];
                for step in 0..STEPS {
                    let (word, place) = (step / 4, step % 4);
                    let pair = group[step * rows + row];
                    natural[8 * word + place] = pair as u16;
                    natural[8 * word + place + 4] = (pair >> 16) as u16;
                }
                // SAFETY: 64 of them.
                all.push(unsafe { of_row(Portable, &natural) });
            }
        }
        all
    }

    #[test]
    fn crossed_sums_are_the_sums() {
        const ROWS: usize = <OnPortable as Tiles>::ROWS;
        let [x, w] = panels(ROWS, LANES);
        let of_rows = of_rows(&x, ROWS);
        let mut of_columns = vec![0; GROUPS * LANES];
        // SAFETY: the panels have so many groups of so many steps.
        unsafe {
            super::of_columns::<_, 1>(
                OnPortable,
                w.as_ptr(),
                (STEPS, GROUPS),
                of_columns.as_mut_ptr(),
            );
            for g in 0..GROUPS {
                let x = x[g * STEPS * ROWS..].as_ptr();
                let w = w[g * STEPS * LANES..].as_ptr();
                let plain = super::super::sums::<_, ROWS, 1>(OnPortable, x, w, STEPS);
                let x = (x, of_rows[g * ROWS..].as_ptr());
                let w = (w, of_columns[g * LANES..].as_ptr());
                assert_eq!(sums::<_, ROWS, 1>(OnPortable, x, w, STEPS), plain);
            }
        }
    }

    /// Whether they pay here or not.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn crossed_tiles_are_the_tiles() {
        if Level::best() != Level::Avx512 || !std::is_x86_feature_detected!("avx512vnni") {
            return;
        }
        let (plain, crossed) = (vnni_tiles::KERNELS, crossed_tiles::KERNELS);
        assert!(crossed.crossed && !plain.crossed);
        let (rows, columns) = (plain.rows, plain.columns);
        let [x, w] = panels(rows, columns);
        let of_rows = of_rows(&x, rows);
        let floats = |count: usize| -> Vec<f32> { (1..=count).map(|i| i as f32 / 64.0).collect() };
        let (of_x, of_w) = (floats(GROUPS * rows), floats(GROUPS * columns));
        let (rests, places) = (vec![0u16; GROUPS], vec![0u64; GROUPS * rows]);
        for used in 1..=rows {
            let of = |kernels: &Kernels| {
                let mut c = vec![f32::NAN; rows * COLUMNS];
                let mut of_columns = vec![0; GROUPS * columns];
                // SAFETY: the features are there, and the panel has so many groups.
                unsafe {
                    (kernels.of_columns)(w.as_ptr(), (STEPS, GROUPS), of_columns.as_mut_ptr());
                }
                let tile = Tile {
                    x: x.as_ptr(),
                    rest: x.as_ptr(),
                    rests: rests.as_ptr(),
                    places: places.as_ptr(),
                    w: w.as_ptr(),
                    crossed: Some((of_rows.as_ptr(), of_columns.as_ptr())),
                    c: c.as_mut_ptr(),
                    rows: used,
                    steps: STEPS,
                    groups: GROUPS,
                    units: of_x.as_ptr(),
                    sums: of_x.as_ptr(),
                    scales: of_w.as_ptr(),
                    biases: of_w.as_ptr(),
                    first: true,
                };
                // SAFETY: as above; the panels are as they are described.
                unsafe { (kernels.integers)(&tile) };
                c.truncate(used * COLUMNS);
                c
            };
            assert_eq!(of(&plain), of(&crossed), "{used} rows");
        }
    }
}
