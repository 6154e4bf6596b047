//! Products of many rows: blocks of both factors lie in panels in the order in which they are used, and a tile of the
//! result stays in registers while they go by.
//!
//! A panel of x holds, step after step, one word for each of [`Kernels::rows`] rows; one of w a word for each of
//! [`Kernels::columns`] columns. A word is an f32, or two 16-bit integers whose products are added
//! ([`super::integers`]).

use super::Level;
use super::integers::whole::{self, Whole};
use super::integers::{FINER, distance};
use super::lanes::{LANES, Lanes, Simd};
use super::portable::Portable;

/// Columns that are computed together, in one tile or several: those of a row of the result are a line of the cache.
pub const COLUMNS: usize = 2 * LANES;

/// What a tile is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// `[steps][rows]` words.
    pub x: *const u32,
    /// The same of what is left of integers, for the groups and rows where it counts.
    pub rest: *const u32,
    /// By group: the rows in which it does, a bit each.
    pub rests: *const u16,
    /// `[groups][rows]`: the steps of the group whose words of what is left are not 0, a bit each; they are few.
    pub places: *const u64,
    /// `[steps][columns]` words.
    pub w: *const u32,
    /// `[groups][rows]` and `[groups][columns]`: the products of neighbours, where sums are [`crossed`].
    pub crossed: Option<(*const u32, *const u32)>,
    /// `[rows]` of [`COLUMNS`] f32, of which these are the tile's.
    pub c: *mut f32,
    /// Rows that are used.
    pub rows: usize,
    /// Steps, of one group where there are several.
    pub steps: usize,
    /// Groups, of integers.
    pub groups: usize,
    /// The unit of each row, for each group of integers.
    pub units: *const f32,
    /// The sum of each row, for each group of integers.
    pub sums: *const f32,
    /// The scale of each column, for each group of integers.
    pub scales: *const f32,
    /// The bias of each column, for each group of integers.
    pub biases: *const f32,
    /// `c` holds nothing yet; otherwise what it holds is added to.
    pub first: bool,
}

/// The code for tiles of a level.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// Whose.
    pub level: Level,
    /// Tiles side by side that are computed together, so that x is fetched once for them: [`COLUMNS`].
    pub beside: usize,
    /// Rows of a tile.
    pub rows: usize,
    /// Columns of a tile.
    pub columns: usize,
    /// c += Σ x w.
    ///
    /// # Safety
    /// Panels and tile are as their documentation says, and the CPU has the level's features.
    pub floats: unsafe fn(&Tile),
    /// c += scale unit Σ n q + bias sum, group after group.
    ///
    /// # Safety
    /// As above.
    pub integers: unsafe fn(&Tile),
    /// [`whole::integers`].
    ///
    /// # Safety
    /// As its own, and the features as above.
    pub whole: unsafe fn(&[f32], &mut [u16]) -> Option<Whole>,
    /// [`whole::rest`] of a group of a unit, in [`FINER`] parts.
    ///
    /// # Safety
    /// As its own, and the features as above.
    pub rest: unsafe fn(&[f32], f32, &mut [u16]) -> f32,
    /// Words of weights, one row for each column, as a panel of pairs: bits, words of a row, their rows, the panel.
    ///
    /// # Safety
    /// Each row has the words, and the panel room for `distance` steps a word; the features as above.
    pub pairs: unsafe fn(u32, usize, &[*const u32], *mut u32),
    /// Sums of weights that [`crossed`] fits are computed so, if their panels' products of neighbours are there.
    pub crossed: bool,
    /// [`crossed::of_row`].
    ///
    /// # Safety
    /// As its own, and the features as above.
    pub of_row: unsafe fn(&[u16]) -> u32,
    /// [`crossed::of_columns`].
    ///
    /// # Safety
    /// As its own, and the features as above.
    pub of_columns: unsafe fn(*const u32, (usize, usize), *mut u32),
}

/// A level's way to multiply pairs, and the tile that its registers hold.
trait Tiles: Copy {
    type S: Simd;
    const ROWS: usize;
    const VECTORS: usize;
    /// Sums are [`crossed`] where they can be.
    const CROSSED: bool = false;
    fn simd(self) -> Self::S;
    /// c + the sum of the products of both 16-bit integers, in each lane.
    fn multiply(
        self,
        x: <Self::S as Lanes>::I,
        w: <Self::S as Lanes>::I,
        c: <Self::S as Lanes>::I,
    ) -> <Self::S as Lanes>::I;
    /// a + b, wrapping, in both halves of each lane.
    #[inline(always)]
    fn add_halves(
        self,
        a: <Self::S as Lanes>::I,
        b: <Self::S as Lanes>::I,
    ) -> <Self::S as Lanes>::I {
        let s = self.simd();
        // Without the highest bits nothing is carried from half to half.
        let rest = s.i(0x7fff_7fff);
        let highest = s.and(s.xor(a, b), s.i(0x8000_8000));
        s.xor(s.iadd(s.and(a, rest), s.and(b, rest)), highest)
    }
    /// Eight words from each of sixteen rows, as columns.
    ///
    /// # Safety
    /// They can be read.
    #[inline(always)]
    unsafe fn turned(self, rows: [*const u32; LANES]) -> [<Self::S as Lanes>::I; 8] {
        let mut out = [self.simd().i(0); 8];
        for (word, out) in out.iter_mut().enumerate() {
            let mut column = [0; LANES];
            for (to, row) in column.iter_mut().zip(rows) {
                // SAFETY: the caller's promise.
                *to = unsafe { *row.add(word) };
            }
            *out = self.simd().i_from(column);
        }
        out
    }
}

#[derive(Clone, Copy)]
struct OnPortable;

impl Tiles for OnPortable {
    type S = Portable;
    const ROWS: usize = 4;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn simd(self) -> Portable {
        Portable
    }

    #[inline(always)]
    fn multiply(self, x: [u32; LANES], w: [u32; LANES], mut c: [u32; LANES]) -> [u32; LANES] {
        for i in 0..LANES {
            let low = i32::from(x[i] as i16) * i32::from(w[i] as i16);
            let high = i32::from((x[i] >> 16) as i16) * i32::from((w[i] >> 16) as i16);
            c[i] = c[i].wrapping_add((low + high) as u32);
        }
        c
    }
}

/// # Safety
/// As [`Kernels::floats`], for the first M rows.
#[inline(always)]
unsafe fn float_tile<T: Tiles, const M: usize, const V: usize>(t: T, tile: &Tile) {
    let s = t.simd();
    let mut total = [[s.f(0.0); V]; M];
    let (mut x, mut w) = (tile.x.cast::<f32>(), tile.w.cast::<f32>());
    // SAFETY: the panels have so many steps.
    unsafe {
        for _ in 0..tile.steps {
            let mut vectors = [s.f(0.0); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = s.load(w.add(v * LANES));
            }
            for i in 0..M {
                let one = s.f(*x.add(i));
                for v in 0..V {
                    total[i][v] = s.fma(one, vectors[v], total[i][v]);
                }
            }
            x = x.add(T::ROWS);
            w = w.add(V * LANES);
        }
        for i in 0..M {
            for v in 0..V {
                let to = tile.c.add(i * COLUMNS + v * LANES);
                let sum = total[i][v];
                s.store(to, if tile.first { sum } else { s.add(s.load(to), sum) });
            }
        }
    }
}

/// A block for each row of a tile below M, its number a constant: written out, so that sums that are told apart by it stay
/// in registers.
macro_rules! each_row {
    ($row:ident < $count:ident, $block:block) => {
        each_row!(@ $row $count $block 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $row:ident $count:ident $block:block $($number:literal)*) => {$({
        const $row: usize = $number;
        if $row < $count $block
    })*};
}

/// # Safety
/// As [`Kernels::integers`], for the first M rows.
#[inline(always)]
unsafe fn integer_tile<T: Tiles, const M: usize, const V: usize>(t: T, tile: &Tile) {
    const { assert!(M <= 12) };
    let s = t.simd();
    // SAFETY: the panels have so many steps, the numbers so many groups.
    unsafe {
        if tile.first {
            for i in 0..M {
                for v in 0..V {
                    s.store(tile.c.add(i * COLUMNS + v * LANES), s.f(0.0));
                }
            }
        }
        for g in 0..tile.groups {
            let first = g * tile.steps;
            let w = tile.w.add(first * V * LANES);
            let number = |of: *const f32, v: usize| s.load(of.add((g * V + v) * LANES));
            let x = tile.x.add(first * T::ROWS);
            let total = match tile.crossed {
                Some((rows, columns)) if T::CROSSED => {
                    let x = (x, rows.add(g * T::ROWS));
                    let w = (w, columns.add(g * V * LANES));
                    crossed::sums::<T, M, V>(t, x, w, tile.steps)
                }
                _ => sums::<T, M, V>(t, x, w, tile.steps),
            };
            each_row!(ROW < M, {
                let unit = s.f(*tile.units.add(g * T::ROWS + ROW));
                let sum = s.f(*tile.sums.add(g * T::ROWS + ROW));
                for v in 0..V {
                    let to = tile.c.add(ROW * COLUMNS + v * LANES);
                    let scale = s.mul(number(tile.scales, v), unit);
                    let c = s.fma(s.to_float(total[ROW][v]), scale, s.load(to));
                    s.store(to, s.fma(number(tile.biases, v), sum, c));
                }
            });
            let mut rows = u32::from(*tile.rests.add(g)) & ((1 << M) - 1);
            while rows != 0 {
                let i = rows.trailing_zeros() as usize;
                rows &= rows - 1;
                let x = tile.rest.add(first * T::ROWS + i);
                let mut places = *tile.places.add(g * T::ROWS + i);
                let mut total = [s.i(0); V];
                while places != 0 {
                    let step = places.trailing_zeros() as usize;
                    places &= places - 1;
                    let one = s.i(*x.add(step * T::ROWS));
                    for (v, total) in total.iter_mut().enumerate() {
                        let w = s.iload(w.add((step * V + v) * LANES));
                        *total = t.multiply(one, w, *total);
                    }
                }
                let unit = s.f(*tile.units.add(g * T::ROWS + i) * FINER);
                for v in 0..V {
                    let to = tile.c.add(i * COLUMNS + v * LANES);
                    let scale = s.mul(number(tile.scales, v), unit);
                    s.store(to, s.fma(s.to_float(total[v]), scale, s.load(to)));
                }
            }
        }
    }
}

/// Σ of the products of pairs.
///
/// # Safety
/// Both panels have so many steps.
#[inline(always)]
unsafe fn sums<T: Tiles, const M: usize, const V: usize>(
    t: T,
    mut x: *const u32,
    mut w: *const u32,
    steps: usize,
) -> [[<T::S as Lanes>::I; V]; M] {
    let s = t.simd();
    let mut total = [[s.i(0); V]; M];
    for _ in 0..steps {
        // SAFETY: the caller's promise. (Several steps a turn need more registers than there are.)
        unsafe {
            let mut vectors = [s.i(0); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = s.iload(w.add(v * LANES));
            }
            for i in 0..M {
                let one = s.i(*x.add(i));
                for v in 0..V {
                    total[i][v] = t.multiply(one, vectors[v], total[i][v]);
                }
            }
            x = x.add(T::ROWS);
            w = w.add(V * LANES);
        }
    }
    total
}

/// # Safety
/// As [`Kernels::pairs`].
#[inline(always)]
unsafe fn pair_panel<T: Tiles, const V: usize>(
    t: T,
    bits: u32,
    words: usize,
    rows: &[*const u32],
    out: *mut u32,
) {
    match bits {
        // SAFETY: the caller's promise.
        2 => unsafe { shifted_pairs::<T, V, 2>(t, words, rows, out) },
        // SAFETY: the caller's promise.
        4 => unsafe { shifted_pairs::<T, V, 4>(t, words, rows, out) },
        // SAFETY: the caller's promise.
        8 => unsafe { shifted_pairs::<T, V, 8>(t, words, rows, out) },
        // SAFETY: the caller's promise.
        _ => unsafe { stream_pairs::<V>(bits, words, rows, out) },
    }
}

/// # Safety
/// As [`Kernels::pairs`].
#[inline(always)]
unsafe fn shifted_pairs<T: Tiles, const V: usize, const BITS: u32>(
    t: T,
    words: usize,
    rows: &[*const u32],
    mut out: *mut u32,
) {
    let s = t.simd();
    let mask = (1u32 << BITS) - 1;
    let mask = s.i(mask | mask << 16);
    let mut word = 0;
    while word < words {
        let count = if word + 8 <= words { 8 } else { 1 };
        for v in 0..V {
            let mut of_vector = [std::ptr::null(); LANES];
            for (to, row) in of_vector.iter_mut().zip(rows.iter().skip(v * LANES)) {
                *to = row.wrapping_add(word);
            }
            let mut turned = [s.i(0); 8];
            if count == 8 {
                // SAFETY: inside the rows.
                turned = unsafe { t.turned(of_vector) };
            } else {
                let mut column = [0; LANES];
                for (to, row) in column.iter_mut().zip(of_vector) {
                    // SAFETY: inside the row.
                    *to = unsafe { *row };
                }
                turned[0] = s.i_from(column);
            }
            for (k, q) in turned.iter().enumerate().take(count) {
                let mut q = *q;
                for place in 0..distance(BITS) {
                    let step = k * distance(BITS) + place;
                    // SAFETY: the panel has room for the steps of each word.
                    unsafe { s.istore(out.add((step * V + v) * LANES), s.and(q, mask)) };
                    q = match BITS {
                        2 => s.shr::<2>(q),
                        4 => s.shr::<4>(q),
                        _ => s.shr::<8>(q),
                    };
                }
            }
        }
        out = out.wrapping_add(count * distance(BITS) * V * LANES);
        word += count;
    }
}

/// The same for integers that straddle words, two neighbours a pair.
///
/// # Safety
/// As [`Kernels::pairs`].
unsafe fn stream_pairs<const V: usize>(
    bits: u32,
    words: usize,
    rows: &[*const u32],
    out: *mut u32,
) {
    let mask = (1u64 << bits) - 1;
    for (column, row) in rows.iter().enumerate() {
        // SAFETY: inside the row.
        let word = |k: usize| if k < words { u64::from(unsafe { *row.add(k) }) } else { 0 };
        for step in 0..words * 32 / (2 * bits as usize) {
            let one = |i: usize| {
                let (at, shift) = (i * bits as usize / 32, i * bits as usize % 32);
                ((word(at) | word(at + 1) << 32) >> shift & mask) as u32
            };
            let pair = one(2 * step) | one(2 * step + 1) << 16;
            // SAFETY: the panel has room for the steps.
            unsafe { *out.add(step * V * LANES + column) = pair };
        }
    }
}

/// Calls a tile of as few rows as do.
macro_rules! by_rows {
    ($tile:ident, $of:ty, $token:expr, $call:expr) => {{
        const ROWS: usize = <$of as Tiles>::ROWS;
        const VECTORS: usize = <$of as Tiles>::VECTORS;
        // SAFETY: the caller's promise.
        unsafe {
            match $call.rows {
                rows if rows <= ROWS / 4 => {
                    $tile::<$of, { ROWS / 4 }, VECTORS>($token, $call);
                }
                rows if rows <= ROWS / 2 => {
                    $tile::<$of, { ROWS / 2 }, VECTORS>($token, $call);
                }
                _ => $tile::<$of, ROWS, VECTORS>($token, $call),
            }
        }
    }};
}

/// The functions of a level, compiled for its features.
macro_rules! kernels {
    ($name:ident, $level:ident, $of:ty, $token:expr $(, $features:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn floats(tile: &Tile) {
                by_rows!(float_tile, $of, $token, tile)
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn integer_tiles(tile: &Tile) {
                by_rows!(integer_tile, $of, $token, tile)
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn whole(x: &[f32], out: &mut [u16]) -> Option<Whole> {
                // SAFETY: the caller's promise.
                unsafe { whole::integers($token.simd(), x, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn rest(x: &[f32], unit: f32, out: &mut [u16]) -> f32 {
                // SAFETY: the caller's promise.
                unsafe { whole::rest($token.simd(), x, unit, FINER, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn pairs(bits: u32, words: usize, rows: &[*const u32], out: *mut u32) {
                // SAFETY: the caller's promise.
                unsafe {
                    pair_panel::<$of, { <$of as Tiles>::VECTORS }>($token, bits, words, rows, out)
                }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn of_row(x: &[u16]) -> u32 {
                // SAFETY: the caller's promise.
                unsafe { crossed::of_row($token.simd(), x) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn of_columns(panel: *const u32, sizes: (usize, usize), out: *mut u32) {
                // SAFETY: the caller's promise.
                unsafe {
                    crossed::of_columns::<$of, { <$of as Tiles>::VECTORS }>(
                        $token, panel, sizes, out,
                    )
                }
            }

            pub const KERNELS: Kernels = Kernels {
                level: Level::$level,
                beside: COLUMNS / (<$of as Tiles>::VECTORS * LANES),
                rows: <$of as Tiles>::ROWS,
                columns: <$of as Tiles>::VECTORS * LANES,
                floats,
                integers: integer_tiles,
                whole,
                rest,
                pairs,
                crossed: <$of as Tiles>::CROSSED,
                of_row,
                of_columns,
            };
        }
    };
}

pub mod crossed;

kernels!(portable_tiles, Portable, OnPortable, OnPortable);

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
kernels!(
    avx2_tiles,
    Avx2,
    x86::OnAvx2,
    x86::OnAvx2(crate::simd::avx2::Avx2::assume()),
    "avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    avx512_tiles,
    Avx512,
    x86::OnAvx512,
    x86::OnAvx512(crate::simd::avx512::Avx512::assume()),
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    vnni_tiles,
    Avx512,
    x86::OnVnni<false>,
    x86::OnVnni::<false>(crate::simd::avx512::Avx512::assume()),
    "avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);
#[cfg(target_arch = "x86_64")]
kernels!(
    crossed_tiles,
    Avx512,
    x86::OnVnni<true>,
    x86::OnVnni::<true>(crate::simd::avx512::Avx512::assume()),
    "avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);

impl Kernels {
    /// Those of a level; the best of them where this CPU has more than the level asks.
    pub fn of(level: Level) -> Kernels {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if std::is_x86_feature_detected!("avx512vnni") => match crossed::pays() {
                true => crossed_tiles::KERNELS,
                false => vnni_tiles::KERNELS,
            },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512_tiles::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2_tiles::KERNELS,
            _ => portable_tiles::KERNELS,
        }
    }
}
