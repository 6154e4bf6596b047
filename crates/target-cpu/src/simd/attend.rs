//! The inner loops of attention, on rows of keys and values as they lie in a cache: for one query a head, where reading
//! them is all there is to do, and for blocks of queries, where products are.
//!
//! Both go through the keys by [`KEYS`], as the tile programs do, and hold of those so far the greatest score, the sum of
//! e^(score - greatest), and the values weighted with these.

use super::Level;
use super::lanes::{LANES, Simd};
use super::math::exp_low;
use super::portable::Portable;
use product::{Left, Product, Right, product};

mod product;

/// Keys of a round.
pub const KEYS: usize = 64;
/// Heads whose queries are taken together, at most.
pub const HEADS: usize = 4;

/// Keys and values of a head, from the first of the cache on.
#[derive(Clone, Copy, Debug)]
pub struct Cached {
    /// The first key, and bytes from one to the next.
    pub keys: (*const u8, isize),
    /// The same of values.
    pub values: (*const u8, isize),
    /// Features of each, a multiple of [`LANES`].
    pub dim: usize,
    /// They are bf16, else f16.
    pub bf16: bool,
    /// Which of them count: the first, and the one past the last.
    pub range: [usize; 2],
}

/// One query of each of some heads that share a cache.
#[derive(Clone, Copy, Debug)]
pub struct Few {
    /// What they see, all of them the same.
    pub cached: Cached,
    /// `[heads][dim]`, scaled.
    pub q: *const f32,
    /// Heads.
    pub heads: usize,
    /// `[heads][dim]`: the weighted means of the values.
    pub out: *mut f32,
}

/// A block of queries of some heads that share a cache.
#[derive(Clone, Copy, Debug)]
pub struct Many {
    /// What some of them see.
    pub cached: Cached,
    /// Queries of all heads: `columns / LANES` panels of `[dim][LANES]`.
    pub q: *const f32,
    /// Queries of a head, a multiple of [`LANES`].
    pub rows: usize,
    /// Queries of all heads.
    pub columns: usize,
    /// The place of the first query of each head among the keys.
    pub position: i32,
    /// Keys that a query sees, itself included.
    pub window: i32,
    /// What scores are multiplied with.
    pub scale: f32,
    /// `[columns][dim]`: the weighted means of the values.
    pub out: *mut f32,
    /// [`Many::room`] f32.
    pub own: *mut f32,
}

impl Many {
    /// The f32 that so many queries need besides: keys, values, scores, and three numbers a query.
    pub const fn room(columns: usize, dim: usize) -> usize {
        2 * KEYS * dim + KEYS * Self::pitch(columns) + 3 * columns
    }

    /// From the scores of one key to those of the next: not a multiple of what caches are cut into.
    pub const fn pitch(columns: usize) -> usize {
        columns + LANES
    }
}

/// The code of a level.
#[derive(Clone, Copy, Debug)]
pub struct Attends {
    /// One query a head.
    ///
    /// # Safety
    /// All that the argument names exists, and the CPU has the level's features.
    pub few: unsafe fn(&Few),
    /// A block of queries.
    ///
    /// # Safety
    /// As above.
    pub many: unsafe fn(&Many),
}

/// How floats are stored.
trait Stored: 'static {
    /// Vector number `v` of a row.
    ///
    /// # Safety
    /// It can be read.
    unsafe fn load<S: Simd>(s: S, row: *const u8, v: usize) -> S::F;
}

struct Bf16;
struct F16;

impl Stored for Bf16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, row: *const u8, v: usize) -> S::F {
        // SAFETY: the caller's promise.
        s.float(s.shl::<16>(unsafe { s.load_u16(row.cast::<u16>().add(v * LANES)) }))
    }
}

impl Stored for F16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, row: *const u8, v: usize) -> S::F {
        // SAFETY: the caller's promise.
        s.half_to_float(unsafe { s.load_u16(row.cast::<u16>().add(v * LANES)) })
    }
}

/// Vector number `v` of a row of bf16 or f16.
///
/// # Safety
/// It can be read.
#[inline(always)]
unsafe fn load<S: Simd>(s: S, bf16: bool, row: *const u8, v: usize) -> S::F {
    // SAFETY: the caller's promise.
    unsafe { if bf16 { Bf16::load(s, row, v) } else { F16::load(s, row, v) } }
}

/// What is held of the keys so far, for one query.
#[derive(Clone, Copy)]
struct State {
    greatest: f32,
    sum: f32,
}

/// # Safety
/// As [`Attends::few`].
#[inline(always)]
unsafe fn few<S: Simd, T: Stored>(s: S, of: &Few, absorb: Absorb) {
    let [from, to] = of.cached.range;
    // SAFETY: the caller's promise.
    unsafe {
        std::slice::from_raw_parts_mut(of.out, of.heads * of.cached.dim).fill(0.0);
        let mut head = 0;
        while head < of.heads {
            let mut states = [State { greatest: f32::NEG_INFINITY, sum: 0.0 }; HEADS];
            let count = match of.heads - head {
                1 => 1,
                2 | 3 => 2,
                _ => 4,
            };
            let mut start = from / KEYS * KEYS;
            while start < to {
                let first = start.max(from);
                let keys = [first, to.min(start + KEYS) - first];
                match count {
                    1 => few_keys::<S, T, 1, 4>(s, (of, absorb), head, keys, &mut states),
                    2 => few_keys::<S, T, 2, 2>(s, (of, absorb), head, keys, &mut states),
                    _ => few_keys::<S, T, 4, 1>(s, (of, absorb), head, keys, &mut states),
                }
                start += KEYS;
            }
            for k in 0..count {
                let row = of.out.add((head + k) * of.cached.dim);
                let row = std::slice::from_raw_parts_mut(row, of.cached.dim);
                let sum = states[k].sum;
                row.iter_mut().for_each(|x| *x = mean(*x, sum));
            }
            head += count;
        }
    }
}

/// 0 where no key counted.
#[inline(always)]
pub fn mean(mixed: f32, sum: f32) -> f32 {
    if sum == 0.0 { 0.0 } else { mixed / sum }
}

/// A round of keys for M heads, K keys at a time: four sums together.
///
/// # Safety
/// As [`Attends::few`]; there are the heads and the keys.
#[inline(always)]
unsafe fn few_keys<S: Simd, T: Stored, const M: usize, const K: usize>(
    s: S,
    (of, absorb): (&Few, Absorb),
    head: usize,
    [first, count]: [usize; 2],
    states: &mut [State; HEADS],
) {
    let Cached { keys, values, dim, .. } = of.cached;
    let mut weights = [[f32::NEG_INFINITY; KEYS]; M];
    let q = of.q.wrapping_add(head * dim);
    let mut t = 0;
    while t < count {
        let mut rows = [keys.0; K];
        for k in 0..K {
            // A key past the end is the last.
            let key = first + (t + k).min(count - 1);
            rows[k] = keys.0.wrapping_offset(keys.1 * key as isize);
        }
        let mut totals = [s.f(0.0); 4];
        // SAFETY: the caller's promise.
        unsafe {
            for v in 0..dim / LANES {
                for k in 0..K {
                    let x = T::load(s, rows[k], v);
                    for m in 0..M {
                        let q = s.load(q.add(m * dim + v * LANES));
                        totals[k * M + m] = s.fma(x, q, totals[k * M + m]);
                    }
                }
            }
        }
        let [a, b, c, d] = totals;
        let [a, b, c, d] = s.interleave4([s.bits(a), s.bits(b), s.bits(c), s.bits(d)]);
        let low = s.add(s.float(a), s.float(b));
        let lanes = s.f_array(s.add(low, s.add(s.float(c), s.float(d))));
        for k in 0..K.min(count - t) {
            for m in 0..M {
                let i = k * M + m;
                weights[m][t + k] = (lanes[i] + lanes[i + 4]) + (lanes[i + 8] + lanes[i + 12]);
            }
        }
        t += K;
    }
    let mut shrinks = [0.0; M];
    for m in 0..M {
        // SAFETY: the caller's promise.
        shrinks[m] = unsafe { absorb(&mut weights[m], count, &mut states[m]) };
    }
    let vectors = dim / LANES;
    let out = of.out.wrapping_add(head * dim);
    let values = (values.0.wrapping_offset(values.1 * first as isize), values.1);
    let mut v = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while v + K <= vectors {
            mix::<S, T, M, K>(s, values, (&weights, count), &shrinks, out, [v, dim]);
            v += K;
        }
        if const { K > 1 } {
            while v < vectors {
                mix::<S, T, M, 1>(s, values, (&weights, count), &shrinks, out, [v, dim]);
                v += 1;
            }
        }
    }
}

/// Scores of so many keys become weights; what the sums so far shrink by. A function that is called, not one in the place
/// of each head's call.
type Absorb = unsafe fn(&mut [f32; KEYS], usize, &mut State) -> f32;

/// # Safety
/// There are no more keys than scores.
#[inline(always)]
unsafe fn absorb<S: Simd>(s: S, scores: &mut [f32; KEYS], count: usize, state: &mut State) -> f32 {
    let at = scores.as_mut_ptr();
    let vectors = count.div_ceil(LANES);
    let mut greatest = s.f(state.greatest);
    for v in 0..vectors {
        // SAFETY: inside the array.
        greatest = s.max(greatest, unsafe { s.load(at.add(v * LANES)) });
    }
    let lanes = s.f_array(greatest);
    let mut greatest = lanes[0];
    for lane in lanes {
        greatest = if lane > greatest || lane.is_nan() { lane } else { greatest };
    }
    let base = if greatest == f32::NEG_INFINITY { 0.0 } else { greatest };
    let shrink = s.f_array(exp_low(s, s.f(state.greatest - base)))[0];
    let mut sum = s.f(0.0);
    for v in 0..vectors {
        // SAFETY: as above.
        unsafe {
            let weight = exp_low(s, s.sub(s.load(at.add(v * LANES)), s.f(base)));
            sum = s.add(sum, weight);
            s.store(at.add(v * LANES), weight);
        }
    }
    let sum = s.f_array(sum).into_iter().sum::<f32>();
    *state = State { greatest, sum: state.sum * shrink + sum };
    shrink
}

/// C vectors of what M heads have mixed of the values.
///
/// # Safety
/// There are the values and the vectors.
#[inline(always)]
unsafe fn mix<S: Simd, T: Stored, const M: usize, const C: usize>(
    s: S,
    (values, row): (*const u8, isize),
    (weights, count): (&[[f32; KEYS]; M], usize),
    shrinks: &[f32; M],
    out: *mut f32,
    [v, dim]: [usize; 2],
) {
    let mut totals = [[s.f(0.0); C]; M];
    // SAFETY: the caller's promise.
    unsafe {
        for m in 0..M {
            for c in 0..C {
                let held = s.load(out.add(m * dim + (v + c) * LANES));
                totals[m][c] = s.mul(held, s.f(shrinks[m]));
            }
        }
        for t in 0..count {
            let row = values.wrapping_offset(row * t as isize);
            for c in 0..C {
                let x = T::load(s, row, v + c);
                for m in 0..M {
                    totals[m][c] = s.fma(x, s.f(weights[m][t]), totals[m][c]);
                }
            }
        }
        for m in 0..M {
            for c in 0..C {
                s.store(out.add(m * dim + (v + c) * LANES), totals[m][c]);
            }
        }
    }
}

/// # Safety
/// As [`Attends::many`].
#[inline(always)]
unsafe fn many<S: Simd>(s: S, of: &Many, product: Product) {
    let Cached { keys, values, dim, bf16, range: [from, to] } = of.cached;

    let (columns, pitch) = (of.columns, Many::pitch(of.columns));
    let (panels, vectors) = (columns / LANES, dim / LANES);
    let key_rows = of.own;
    let value_panels = key_rows.wrapping_add(KEYS * dim);
    let scores = value_panels.wrapping_add(KEYS * dim);
    let numbers = scores.wrapping_add(KEYS * pitch);
    let [greatest, sums, shrinks] = [0, 1, 2].map(|k| numbers.wrapping_add(k * columns));
    // SAFETY: the caller's promise.
    unsafe {
        for j in 0..panels {
            s.store(greatest.add(j * LANES), s.f(f32::NEG_INFINITY));
            s.store(sums.add(j * LANES), s.f(0.0));
        }
        let mut start = from / KEYS * KEYS;
        let mut first = true;
        while start < to {
            let count = KEYS.min(to - start);
            for t in 0..count {
                let key = keys.0.wrapping_offset(keys.1 * (start + t) as isize);
                let value = values.0.wrapping_offset(values.1 * (start + t) as isize);
                for v in 0..vectors {
                    s.store(key_rows.add(t * dim + v * LANES), load(s, bf16, key, v));
                    s.store(value_panels.add((v * KEYS + t) * LANES), load(s, bf16, value, v));
                }
            }
            let x = Left { at: key_rows, row: dim, step: 1 };
            let w = Right { at: of.q, panel: dim * LANES };
            product((x, w), dim, [count, panels], (scores, pitch), false);
            for j in 0..panels {
                let at = j * LANES;
                let row = (at % of.rows) as i32;
                let numbers = [greatest.add(at), sums.add(at), shrinks.add(at)];
                absorb_panel(s, of, (scores.add(at), count), start as i32, row, numbers);
            }
            if !first {
                for q in 0..columns {
                    let shrink = *shrinks.add(q);
                    if shrink != 1.0 {
                        for v in 0..vectors {
                            let to = of.out.add(q * dim + v * LANES);
                            s.store(to, s.mul(s.load(to), s.f(shrink)));
                        }
                    }
                }
            }
            let x = Left { at: scores, row: 1, step: pitch };
            let w = Right { at: value_panels, panel: KEYS * LANES };
            product((x, w), count, [columns, vectors], (of.out, dim), !first);
            first = false;
            start += KEYS;
        }
        for q in 0..columns {
            let row = std::slice::from_raw_parts_mut(of.out.add(q * dim), dim);
            let sum = if first { 0.0 } else { *sums.add(q) };
            row.iter_mut().for_each(|x| *x = mean(if first { 0.0 } else { *x }, sum));
        }
    }
}

/// Scores of a panel of queries become weights.
///
/// # Safety
/// The scores of `count` keys and the numbers exist.
#[inline(always)]
pub unsafe fn absorb_panel<S: Simd>(
    s: S,
    of: &Many,
    (scores, count): (*mut f32, usize),
    start: i32,
    row: i32,
    [greatest_at, sum_at, shrink_at]: [*mut f32; 3],
) {
    let pitch = Many::pitch(of.columns);
    let position = of.position + row;
    // Some query of the panel may not see some key.
    let last = start + count as i32 - 1;
    let masked = last > position || position + LANES as i32 - 1 - start >= of.window;
    let lane = s.iadd(s.i_from(super::arg::COUNT), s.i(position as u32));
    let least = s.isub(lane, s.i(of.window as u32));
    // SAFETY: the caller's promise.
    unsafe {
        let before = s.load(greatest_at);
        let mut greatest = before;
        for t in 0..count {
            let at = scores.add(t * pitch);
            let mut score = s.mul(s.load(at), s.f(of.scale));
            if masked {
                let key = s.i((start + t as i32) as u32);
                let seen = s.mand(s.mnot(s.igt(key, lane)), s.igt(key, least));
                score = s.select(seen, score, s.f(f32::NEG_INFINITY));
            }
            s.store(at, score);
            greatest = s.max(greatest, score);
        }
        let none = s.eq(greatest, s.f(f32::NEG_INFINITY));
        let base = s.select(none, s.f(0.0), greatest);
        let shrink = exp_low(s, s.sub(before, base));
        let mut sum = s.mul(s.load(sum_at), shrink);
        for t in 0..count {
            let at = scores.add(t * pitch);
            let weight = exp_low(s, s.sub(s.load(at), base));
            s.store(at, weight);
            sum = s.add(sum, weight);
        }
        s.store(greatest_at, greatest);
        s.store(sum_at, sum);
        s.store(shrink_at, shrink);
    }
}

/// The functions of a level, compiled for its features.
macro_rules! attends {
    ($name:ident, $token:expr $(, $features:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn few_queries(of: &Few) {
                // SAFETY: the caller's promise.
                unsafe {
                    match of.cached.bf16 {
                        true => few::<_, Bf16>($token, of, absorbed),
                        false => few::<_, F16>($token, of, absorbed),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn absorbed(scores: &mut [f32; KEYS], count: usize, of: &mut State) -> f32 {
                // SAFETY: the caller's promise.
                unsafe { absorb($token, scores, count, of) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn many_queries(of: &Many) {
                // SAFETY: the caller's promise.
                unsafe { many($token, of, products) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn products(
                factors: (Left, Right),
                terms: usize,
                size: [usize; 2],
                out: (*mut f32, usize),
                more: bool,
            ) {
                // SAFETY: the caller's promise.
                unsafe { product($token, factors, terms, size, out, more) }
            }

            pub const ATTENDS: Attends = Attends { few: few_queries, many: many_queries };
        }
    };
}

attends!(portable, Portable);
#[cfg(target_arch = "x86_64")]
attends!(avx2, crate::simd::avx2::Avx2::assume(), "avx2,fma,f16c");
#[cfg(target_arch = "x86_64")]
attends!(
    avx512,
    crate::simd::avx512::Avx512::assume(),
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
);

impl Attends {
    /// Those of a level.
    pub fn of(level: Level) -> Attends {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::ATTENDS,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::ATTENDS,
            _ => portable::ATTENDS,
        }
    }
}
