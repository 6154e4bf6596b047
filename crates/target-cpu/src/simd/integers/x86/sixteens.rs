//! Sums of nibbles whose rows lie by [sixteens](crate::sixteens): each lane is a row.

use super::*;
use crate::sixteens::SIDE_BY_SIDE;
use std::arch::asm;

/// Rows of weights that lie by sixteens: one sixteen, or one of each of four places that are read by turns.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The first row, of the first place.
    pub first: usize,
    /// Rows from place to place; 0 where there is but one.
    pub apart: usize,
    /// Where the sums of the first place begin, and sums from place to place.
    pub sums: [usize; 2],
}

/// Computes elements from one on, at most [`CHUNK`], for these rows of the call, or adds to what was computed where they are
/// not the first; groups are of so many elements, with scales and biases of that type.
///
/// # Safety
/// As [`ByRows::columns`], for nibbles in groups of 32 or 64 that lie by sixteens, with scales and biases of bf16 or f16; with
/// AVX-512 and VNNI.
#[target_feature(enable = "avx512vnni,avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
pub unsafe fn sixteens(
    call: &Call,
    prepared: &Prepared,
    part: [usize; 2],
    (group, numbers): (usize, DType),
    rows: Rows,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (group, numbers) {
            (32, DType::BF16) => places::<32, true>(call, prepared, part, rows),
            (32, _) => places::<32, false>(call, prepared, part, rows),
            (_, DType::BF16) => places::<64, true>(call, prepared, part, rows),
            _ => places::<64, false>(call, prepared, part, rows),
        }
    }
}

/// # Safety
/// As [`sixteens`].
#[inline(always)]
unsafe fn places<const GROUP: usize, const BF16: bool>(
    call: &Call,
    prepared: &Prepared,
    part: [usize; 2],
    rows: Rows,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match rows.apart {
            0 => by_turns::<GROUP, BF16, 1>(call, prepared, part, rows),
            _ => by_turns::<GROUP, BF16, 4>(call, prepared, part, rows),
        }
    }
}

/// A group of each place by turns: what is read ahead at one comes while the others are multiplied.
///
/// # Safety
/// As [`sixteens`].
#[inline(always)]
unsafe fn by_turns<const GROUP: usize, const BF16: bool, const PLACES: usize>(
    call: &Call,
    prepared: &Prepared,
    part: [usize; 2],
    rows: Rows,
) {
    /// Words of a group, all sixteen rows'.
    const fn words(group: usize) -> usize {
        group / 8 * SIDE_BY_SIDE
    }
    // Ahead of what is multiplied, of each place, in bytes.
    let ahead = if PLACES == 1 { 6144 } else { 2048 };
    let [from, len] = part;
    let (first, groups) = (from / GROUP, len / GROUP);
    let at = |operand: usize, place: usize| {
        call.inputs[operand].row::<u16>(rows.first + place * rows.apart)
    };
    let mut words_at = [std::ptr::null::<u32>(); PLACES];
    let mut scales = [std::ptr::null::<u16>(); PLACES];
    let mut biases = [std::ptr::null::<u16>(); PLACES];
    for place in 0..PLACES {
        words_at[place] = at(1, place).cast::<u32>().wrapping_add(first * words(GROUP));
        scales[place] = at(2, place).wrapping_add(first * SIDE_BY_SIDE);
        biases[place] = at(3, place).wrapping_add(first * SIDE_BY_SIDE);
    }
    // SAFETY: words and numbers of the groups are inside the rows, prepared is what belongs to them, and sums can be written.
    unsafe {
        // By lane of a row's sum.
        let mut totals = [[_mm512_setzero_ps(); GROUPS]; PLACES];
        for g in 0..groups {
            let rests = prepared.rests[g / GROUPS];
            let unit = _mm512_set1_ps(prepared.units[g]);
            let sum = _mm512_set1_ps(prepared.sums[g]);
            for place in 0..PLACES {
                let words = words_at[place].wrapping_add(g * words(GROUP));
                let sums = match rests {
                    false => of_group::<GROUP, false>(words, ahead, prepared, g),
                    true => of_group::<GROUP, true>(words, ahead, prepared, g),
                };
                let scale = halves::<BF16>(scales[place].wrapping_add(g * SIDE_BY_SIDE));
                let bias = halves::<BF16>(biases[place].wrapping_add(g * SIDE_BY_SIDE));
                let total = &mut totals[place][g % GROUPS];
                let of_unit = _mm512_mul_ps(scale, unit);
                *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), of_unit, *total);
                *total = _mm512_fmadd_ps(bias, sum, *total);
            }
        }
        for (place, [a, b, c, d, e, f, g, h]) in totals.into_iter().enumerate() {
            // As rows by themselves are joined.
            let add = |a, b| _mm512_add_ps(a, b);
            let sum = add(add(add(a, e), add(c, g)), add(add(b, f), add(d, h)));
            let out: *mut f32 = call.out.row(rows.sums[0] + place * rows.sums[1]);
            let sum = if from == 0 { sum } else { add(_mm512_loadu_ps(out), sum) };
            _mm512_storeu_ps(out, sum);
        }
    }
}

/// The sums of group `g` of sixteen rows.
///
/// # Safety
/// As [`sixteens`].
#[inline(always)]
unsafe fn of_group<const GROUP: usize, const RESTS: bool>(
    words: *const u32,
    ahead: usize,
    prepared: &Prepared,
    g: usize,
) -> __m512i {
    // A register of x is sixteen words of a row.
    let word = g * (GROUP / 8);
    let (line, inside) = (word / SIDE_BY_SIDE, word % SIDE_BY_SIDE);
    let x: *const i32 = prepared.x.as_ptr().wrapping_add(line * 64 + inside).cast();
    let rest: *const i32 = prepared.rest.as_ptr().wrapping_add(line * 32 + inside).cast();
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); 2]; 3];
        let mut line = Line { words, ahead, x, rest, sums: &mut sums };
        line.add::<0, RESTS>();
        line.add::<1, RESTS>();
        line.add::<2, RESTS>();
        line.add::<3, RESTS>();
        if GROUP == 64 {
            line.add::<4, RESTS>();
            line.add::<5, RESTS>();
            line.add::<6, RESTS>();
            line.add::<7, RESTS>();
        }
        let [h, l, r] = sums.map(|two| _mm512_add_epi32(two[0], two[1]));
        let whole = _mm512_add_epi32(_mm512_slli_epi32::<8>(h), l);
        match RESTS {
            true => _mm512_add_epi32(_mm512_slli_epi32::<6>(whole), r),
            false => whole,
        }
    }
}

/// The words of a group of sixteen rows, what they are multiplied with, and the sums: of upper bytes, of lower bytes, of what
/// is left; each of low and of high nibbles.
struct Line<'a> {
    words: *const u32,
    ahead: usize,
    x: *const i32,
    rest: *const i32,
    sums: &'a mut [[__m512i; 2]; 3],
}

impl Line<'_> {
    /// Adds word `K` of each row.
    ///
    /// # Safety
    /// As [`sixteens`].
    #[inline(always)]
    unsafe fn add<const K: usize, const RESTS: bool>(&mut self) {
        let at = self.words.wrapping_add(K * SIDE_BY_SIDE);
        // SAFETY: the caller's promise; a prefetch may name any address.
        unsafe {
            let mask = _mm512_set1_epi8(15);
            fetch::<STREAMS>(at, self.ahead);
            let q = _mm512_loadu_si512(at.cast());
            let low = _mm512_and_si512(q, mask);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(q), mask);
            let [[h0, h1], [l0, l1], [r0, r1]] = &mut *self.sums;
            // The first factor of bytes has no sign.
            times::<K, 0>(h0, low, self.x);
            times::<K, 2>(h1, high, self.x);
            *l0 = _mm512_dpbusd_epi32(*l0, broadcast::<K, 1>(self.x), low);
            *l1 = _mm512_dpbusd_epi32(*l1, broadcast::<K, 3>(self.x), high);
            if RESTS {
                times::<K, 0>(r0, low, self.rest);
                times::<K, 1>(r1, high, self.rest);
            }
        }
    }
}

/// Adds products with four bytes that all lanes share, those of word `K` in a part of x. Written out, because what is shared
/// by places would be kept for them in more registers than there are: 21 GB/s instead of 38.
///
/// # Safety
/// The bytes can be read; AVX-512 and VNNI.
#[inline]
#[target_feature(enable = "avx512vnni,avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
unsafe fn times<const K: usize, const PART: usize>(sum: &mut __m512i, q: __m512i, x: *const i32) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "vpdpbusd {sum}, {q}, dword ptr [{x} + {offset}]{{1to16}}",
            sum = inout(zmm_reg) *sum,
            q = in(zmm_reg) q,
            x = in(reg) x,
            offset = const 4 * (K + PART * SIDE_BY_SIDE),
            options(readonly, nostack, preserves_flags),
        );
    }
}

/// Four bytes of x in all lanes, likewise.
///
/// # Safety
/// As [`times`].
#[inline]
#[target_feature(enable = "avx512vnni,avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
unsafe fn broadcast<const K: usize, const PART: usize>(x: *const i32) -> __m512i {
    let all: __m512i;
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "vpbroadcastd {all}, dword ptr [{x} + {offset}]",
            all = out(zmm_reg) all,
            x = in(reg) x,
            offset = const 4 * (K + PART * SIDE_BY_SIDE),
            options(readonly, nostack, preserves_flags),
        );
    }
    all
}

/// Sixteen bf16 or f16 as floats.
///
/// # Safety
/// They can be read; AVX-512.
#[inline(always)]
unsafe fn halves<const BF16: bool>(at: *const u16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let all = _mm256_loadu_si256(at.cast());
        match BF16 {
            true => _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(all))),
            false => _mm512_cvtph_ps(all),
        }
    }
}

/// So many words of sixteen rows as pairs of integers, `[steps][width]`: a step for each of the four places in a word. What is
/// `next` is asked for, too.
///
/// # Safety
/// The words can be read and the pairs written; AVX-512.
#[target_feature(enable = "avx512f")]
pub unsafe fn pairs_of_sixteen(
    [words, next]: [*const u32; 2],
    count: usize,
    (to, width): (*mut u32, usize),
) {
    let mask = _mm512_set1_epi32(0x000f_000f);
    for k in 0..count {
        let (at, ahead) = (k * SIDE_BY_SIDE, k * 4 * width);
        // SAFETY: the caller's promise; a prefetch may name any address.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at).cast());
            let q = _mm512_loadu_si512(words.add(at).cast());
            let store = |place: usize, pairs: __m512i| {
                let pairs = _mm512_and_si512(pairs, mask);
                _mm512_storeu_si512(to.add(ahead + place * width).cast(), pairs);
            };
            store(0, q);
            store(1, _mm512_srli_epi32::<4>(q));
            store(2, _mm512_srli_epi32::<8>(q));
            store(3, _mm512_srli_epi32::<12>(q));
        }
    }
}
