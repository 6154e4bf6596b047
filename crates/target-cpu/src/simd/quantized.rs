//! Sums of products with weights that are packed integers with a scale and a bias for each group of them:
//! Σ x (q s + b), the weights never leaving their registers.
//!
//! Where every row has weights of its own, element `i` goes to lane `i % 64`, and the lanes are joined as in
//! [`super::reduce`]. Where rows of four-bit weights share x, as the columns of a matrix do, x is turned once for all of
//! them so that the nibbles of a word need not be put in order: see [`Turned`].

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::reduce::join_sums;
use tilewright_ir::DType;

/// Constants of the primitive: bits, the type of scales and biases, and elements of a group in the first word, the bytes
/// between scales and between biases in the second.
pub fn options(
    (bits, group, numbers): (u32, usize, DType),
    [scales, biases]: [isize; 2],
) -> [u64; 2] {
    let steps = (scales as i32 as u32 as u64) | (biases as i32 as u32 as u64) << 32;
    let numbers = match numbers {
        DType::BF16 => 1,
        DType::F16 => 2,
        _ => 0,
    };
    [bits as u64 | numbers << 8 | (group as u64) << 32, steps]
}

/// Bits of a weight.
pub(super) fn bits(call: &Call) -> u32 {
    (call.extra[0] & 0xff) as u32
}

/// Elements of a group.
#[inline(always)]
pub(super) fn group(call: &Call) -> usize {
    (call.extra[0] >> 32) as usize
}

/// The type of scales and biases.
pub(super) fn numbers(call: &Call) -> DType {
    match call.extra[0] >> 8 & 3 {
        1 => DType::BF16,
        2 => DType::F16,
        _ => DType::F32,
    }
}

/// # Safety
/// Input 0: `len` elements a row, a multiple of the group. Input 1: their weights in 32-bit words. Inputs 2 and 3: a
/// scale and a bias for each group, as far apart as the options say. Output: one element a row. Groups are of
/// 32 or a multiple of 64.
#[inline(always)]
unsafe fn sum_rows<S: Simd, W: Weights>(s: S, call: &Call) {
    let group = group(call);
    // The rows that share x are one call or several, whatever the threads; which way is taken follows from the layout.
    if W::NIBBLES && call.inputs[0].row == 0 && Turned::fits(group, call.len) {
        // SAFETY: the caller's promise.
        return unsafe { shared_rows(s, call, group) };
    }
    let (scale_step, bias_step) = steps(call);
    for r in 0..call.rows {
        let (x, words): (*const f32, *const u32) = (call.inputs[0].row(r), call.inputs[1].row(r));
        let (scales, biases): (*const u8, *const u8) =
            (call.inputs[2].row(r), call.inputs[3].row(r));
        let mut total = [s.f(0.0); 4];
        let mut at = 0;
        let mut number = 0;
        while at < call.len {
            // SAFETY: group `number` is inside the row.
            unsafe {
                let scale = s.f(*scales.wrapping_offset(scale_step * number).cast::<f32>());
                let bias = s.f(*biases.wrapping_offset(bias_step * number).cast::<f32>());
                let prepared = W::prepare(s, scale, bias);
                let mut done = 0;
                // 64 elements at a time keep the lanes in fixed registers; a group of 32 alternates between halves.
                while done + 4 * LANES <= group {
                    let mut k = 0;
                    while k < 4 {
                        let here = at + done + k * LANES;
                        let w = W::weights(s, &prepared, words, here);
                        total[k] = s.fma(s.load(x.add(here)), w, total[k]);
                        k += 1;
                    }
                    done += 4 * LANES;
                }
                while done < group {
                    let here = at + done;
                    let w = W::weights(s, &prepared, words, here);
                    let k = here / LANES % 4;
                    let sum = s.fma(s.load(x.add(here)), w, pick(total, k));
                    total = put(total, k, sum);
                    done += LANES;
                }
            }
            at += group;
            number += 1;
        }
        // SAFETY: one element a row.
        unsafe { *call.out.row::<f32>(r) = join_sums(s, total) };
    }
}

/// The bytes between scales and between biases.
#[inline(always)]
pub(super) fn steps(call: &Call) -> (isize, isize) {
    (call.extra[1] as i32 as isize, (call.extra[1] >> 32) as i32 as isize)
}

/// Elements of x that eight vectors hold, and the words of whose weights are one vector.
const TURN: usize = 8 * LANES;
/// Elements that are turned before they are used: they stay in the first cache.
const CHUNK: usize = 8 * TURN;

/// Rows from that whose weights are multiplied to that whose are fetched.
const AHEAD: usize = 4;

/// Part of x in the order in which nibbles lie in words: vector `j` of a turn holds the elements whose weights are
/// nibble `j` of each word. They are divided by 16^j, so that nibbles can be multiplied where they stand: a word masked
/// to nibble j is q 16^j, which f32 holds exactly, and so is every quotient by a power of two that is no denormal. The
/// last nibble, whose place is the sign's, is moved down instead.
struct Turned {
    x: [f32; CHUNK],
    /// The sum of the eight elements of each word.
    sums: [f32; CHUNK / 8],
}

impl Turned {
    /// True for groups of which whole vectors of words consist, or that consist of whole ones.
    fn fits(group: usize, len: usize) -> bool {
        let whole = group == 32 || group == 64 || group.is_multiple_of(TURN) && group > 0;
        whole && len.is_multiple_of(TURN) && len > 0
    }

    /// # Safety
    /// `len <= CHUNK`, a multiple of a turn, elements at `x`.
    #[inline(always)]
    unsafe fn fill(&mut self, x: *const f32, len: usize) {
        let mut at = 0;
        while at < len {
            for word in 0..LANES {
                let mut sum = 0.0;
                let mut part = 1.0;
                for nibble in 0..8 {
                    // SAFETY: the caller's promise.
                    let value = unsafe { *x.add(at + word * 8 + nibble) };
                    sum += value;
                    self.x[at + nibble * LANES + word] =
                        if nibble < 7 { value * part } else { value };
                    part *= 1.0 / 16.0;
                }
                self.sums[at / 8 + word] = sum;
            }
            at += TURN;
        }
    }
}

/// # Safety
/// As [`sum_rows`], for four bits, one x for all rows, and a length and group that fit.
#[inline(always)]
unsafe fn shared_rows<S: Simd>(s: S, call: &Call, group: usize) {
    let (scale_step, bias_step) = steps(call);
    let x: *const f32 = call.inputs[0].row(0);
    let mut turned = Turned { x: [0.0; CHUNK], sums: [0.0; CHUNK / 8] };
    let mut at = 0;
    while at < call.len {
        let len = CHUNK.min(call.len - at);
        // SAFETY: the elements are inside x.
        unsafe { turned.fill(x.add(at), len) };
        for r in 0..call.rows {
            let words: *const u32 = call.inputs[1].row(r);
            let (scales, biases): (*const u8, *const u8) =
                (call.inputs[2].row(r), call.inputs[3].row(r));
            // Rows lie apart, so that the memory does not know by itself which comes next.
            let next: *const u32 = call.inputs[1].row(r + AHEAD);
            for (numbers, step) in [(2, scale_step), (3, bias_step)] {
                let numbers: *const u8 = call.inputs[numbers].row(r + AHEAD);
                for group in [at / group, (at + len - 1) / group] {
                    prefetch(numbers.wrapping_offset(step * group as isize));
                }
            }
            let mut total = [s.f(0.0); 2];
            let mut done = 0;
            while done < len {
                let first = (at + done) / group;
                prefetch(next.wrapping_add((at + done) / 8).cast());
                // SAFETY: the words, and the groups from `first` on that they belong to, are inside the row.
                unsafe {
                    let all = s.iload(words.add((at + done) / 8));
                    let x = turned.x.as_ptr().add(done);
                    let nibble = |j: usize| s.to_float(s.and(all, s.i(15 << (4 * j))));
                    let mut even = s.mul(nibble(0), s.load(x));
                    let mut odd = s.mul(nibble(1), s.load(x.add(LANES)));
                    even = s.fma(nibble(2), s.load(x.add(2 * LANES)), even);
                    odd = s.fma(nibble(3), s.load(x.add(3 * LANES)), odd);
                    even = s.fma(nibble(4), s.load(x.add(4 * LANES)), even);
                    odd = s.fma(nibble(5), s.load(x.add(5 * LANES)), odd);
                    even = s.fma(nibble(6), s.load(x.add(6 * LANES)), even);
                    let last = s.to_float(s.shr::<28>(all));
                    odd = s.fma(last, s.load(x.add(7 * LANES)), odd);
                    let sums = s.load(turned.sums.as_ptr().add(done / 8));
                    let scale = of_groups(s, scales, scale_step, first, group);
                    let bias = of_groups(s, biases, bias_step, first, group);
                    total[0] = s.fma(s.add(even, odd), scale, total[0]);
                    total[1] = s.fma(sums, bias, total[1]);
                }
                done += TURN;
            }
            let sum = join_sums(s, [total[0], total[1], s.f(0.0), s.f(0.0)]);
            // SAFETY: one element a row.
            unsafe {
                let out = call.out.row::<f32>(r);
                *out = if at == 0 { sum } else { *out + sum };
            }
        }
        at += len;
    }
}

/// The number of its group for each lane's word, from group `first` on.
///
/// # Safety
/// The numbers of the groups of 16 words can be read, `step` bytes apart.
#[inline(always)]
unsafe fn of_groups<S: Simd>(
    s: S,
    numbers: *const u8,
    step: isize,
    first: usize,
    group: usize,
) -> S::F {
    // SAFETY: the caller's promise.
    let number = |k: usize| unsafe {
        s.f(*numbers.wrapping_offset(step * (first + k) as isize).cast::<f32>())
    };
    let lane = s.i_from(COUNT);
    match group {
        32 => {
            let low = s.select(s.igt(lane, s.i(3)), number(1), number(0));
            let high = s.select(s.igt(lane, s.i(11)), number(3), number(2));
            s.select(s.igt(lane, s.i(7)), high, low)
        }
        64 => s.select(s.igt(lane, s.i(7)), number(1), number(0)),
        _ => number(0),
    }
}

/// `all[k]`, in registers.
#[inline(always)]
fn pick<T: Copy>(all: [T; 4], k: usize) -> T {
    match k {
        0 => all[0],
        1 => all[1],
        2 => all[2],
        _ => all[3],
    }
}

/// `all` with `all[k]` replaced, in registers.
#[inline(always)]
fn put<T: Copy>(mut all: [T; 4], k: usize, one: T) -> [T; 4] {
    match k {
        0 => all[0] = one,
        1 => all[1] = one,
        2 => all[2] = one,
        _ => all[3] = one,
    }
    all
}

/// A width of packed integers.
trait Weights: 'static {
    /// They are the nibbles of their words.
    const NIBBLES: bool = false;
    /// What a group's scale and bias are turned into.
    type Prepared<S: Simd>;
    /// For a new group.
    fn prepare<S: Simd>(s: S, scale: S::F, bias: S::F) -> Self::Prepared<S>;
    /// 16 weights from number `at` of the row on.
    ///
    /// # Safety
    /// The words of these weights can be read.
    unsafe fn weights<S: Simd>(
        s: S,
        prepared: &Self::Prepared<S>,
        words: *const u32,
        at: usize,
    ) -> S::F;
}

/// The sixteen values of four bits lie in a register, and their bits choose.
struct Four;

impl Weights for Four {
    const NIBBLES: bool = true;
    type Prepared<S: Simd> = S::I;

    #[inline(always)]
    fn prepare<S: Simd>(s: S, scale: S::F, bias: S::F) -> S::I {
        s.bits(s.add(s.mul(s.to_float(s.i_from(COUNT)), scale), bias))
    }

    #[inline(always)]
    unsafe fn weights<S: Simd>(s: S, table: &S::I, words: *const u32, at: usize) -> S::F {
        const SHIFT: [u32; LANES] = [0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28];
        // SAFETY: the caller's promise.
        let (low, high) = unsafe { (*words.add(at / 8), *words.add(at / 8 + 1)) };
        let second = s.igt(s.i_from(COUNT), s.i(7));
        let both = s.iselect(second, s.i(high), s.i(low));
        s.float(s.permute(*table, s.shrv(both, s.i_from(SHIFT))))
    }
}

/// Integers that are spread out to lanes, and scaled there.
trait Spread: 'static {
    /// 16 of them from number `at` of the row on.
    ///
    /// # Safety
    /// Their words can be read.
    unsafe fn integers<S: Simd>(s: S, words: *const u32, at: usize) -> S::I;
}

impl<T: Spread> Weights for T {
    type Prepared<S: Simd> = (S::F, S::F);

    #[inline(always)]
    fn prepare<S: Simd>(_: S, scale: S::F, bias: S::F) -> (S::F, S::F) {
        (scale, bias)
    }

    #[inline(always)]
    unsafe fn weights<S: Simd>(
        s: S,
        &(scale, bias): &(S::F, S::F),
        words: *const u32,
        at: usize,
    ) -> S::F {
        // SAFETY: the caller's promise.
        let q = unsafe { T::integers(s, words, at) };
        s.add(s.mul(s.to_float(q), scale), bias)
    }
}

/// Bytes.
struct Eight;

impl Spread for Eight {
    #[inline(always)]
    unsafe fn integers<S: Simd>(s: S, words: *const u32, at: usize) -> S::I {
        // SAFETY: the caller's promise.
        unsafe { s.load_u8(words.cast::<u8>().add(at)) }
    }
}

/// Weights of any width, one by one: for x that are no numbers, which integers cannot stand for.
struct Any<const BITS: usize>;

impl<const BITS: usize> Spread for Any<BITS> {
    #[inline(always)]
    unsafe fn integers<S: Simd>(s: S, words: *const u32, at: usize) -> S::I {
        let one = |lane: usize| {
            let (word, shift) = ((at + lane) * BITS / 32, (at + lane) * BITS % 32);
            // SAFETY: the caller's promise; a weight that lies across two words has both.
            unsafe {
                let low = *words.add(word) >> shift;
                let high = match shift + BITS > 32 {
                    true => *words.add(word + 1) << (32 - shift),
                    false => 0,
                };
                (low | high) & ((1 << BITS) - 1)
            }
        };
        s.i_from(std::array::from_fn(one))
    }
}

primitive! { fn sum<W: Weights; > = sum_rows }

/// True for the widths that are multiplied with floats as fast as with [`super::integers`].
pub fn has(bits: u32) -> bool {
    bits == 4 || bits == 8 && cfg!(target_endian = "little")
}

/// The sum of products with weights of so many bits.
pub fn sum_of_products(bits: u32, level: Level) -> Primitive {
    match bits {
        2 => sum::<Any<2>>(level),
        3 => sum::<Any<3>>(level),
        5 => sum::<Any<5>>(level),
        6 => sum::<Any<6>>(level),
        8 => sum::<Eight>(level),
        _ => sum::<Four>(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::call::Operand;

    /// Rows that share x give what the definition says, on every level alike, through chunks and at every group.
    #[test]
    fn shared_rows_are_the_sums_of_the_definition() {
        const ROWS: usize = 3;
        let mut state = 1u32;
        let mut word = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        for (len, group) in [(128, 32), (128, 64), (1280, 64), (2304, 128), (2560, 1280), (192, 64)]
        {
            let mut float = || word() as f32 / u32::MAX as f32 - 0.5;
            let x: Vec<f32> =
                (0..len).map(|i| float() * if i % 97 == 0 { 20.0 } else { 1.0 }).collect();
            let scales: Vec<f32> = (0..ROWS * len / group).map(|_| float()).collect();
            let biases: Vec<f32> = (0..ROWS * len / group).map(|_| float()).collect();
            let words: Vec<u32> = (0..ROWS * len / 8).map(|_| word()).collect();
            let mut found: Vec<Vec<u32>> = Vec::new();
            for level in Level::all() {
                let mut out = [f32::NAN; ROWS];
                let operand =
                    |at: *const u8, row: usize| Operand { at: at.cast_mut(), row: row as isize };
                let mut call = Call::new(ROWS, len);
                call.out = operand(out.as_mut_ptr().cast(), 4);
                call.inputs = [
                    operand(x.as_ptr().cast(), 0),
                    operand(words.as_ptr().cast(), len / 2),
                    operand(scales.as_ptr().cast(), len / group * 4),
                    operand(biases.as_ptr().cast(), len / group * 4),
                ];
                call.extra = options((4, group, DType::F32), [4; 2]);
                // SAFETY: the operands are as long as the primitive asks.
                unsafe { sum_of_products(4, level).call(&call) };
                for (r, y) in out.iter().enumerate() {
                    let (mut exact, mut size) = (0.0, 0.0);
                    for i in 0..len {
                        let q = words[(r * len + i) / 8] >> (4 * (i % 8)) & 15;
                        let of = (r * len + i) / group;
                        let (s, b) = (scales[of] as f64, biases[of] as f64);
                        exact += x[i] as f64 * (q as f64 * s + b);
                        size += (x[i] as f64).abs() * (q as f64 * s.abs() + b.abs());
                    }
                    let error = (*y as f64 - exact).abs() / size;
                    assert!(error < 1e-6, "{level:?}, {len} in groups of {group}: {y} for {exact}");
                }
                found.push(out.map(f32::to_bits).to_vec());
            }
            assert!(found.windows(2).all(|two| two[0] == two[1]), "{len} in groups of {group}");
        }
    }
}
