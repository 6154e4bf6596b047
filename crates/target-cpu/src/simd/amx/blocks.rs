//! Blocks of one or two tiles by one or two, and what turns words about.

use super::*;
use std::arch::x86_64::*;

/// A factor: up to two tiles beside each other, bytes from row to row, and from a step of the summed axis to the next.
#[derive(Clone, Copy)]
pub struct Factor {
    pub at: [*const u8; 2],
    pub row: usize,
    pub step: usize,
}

/// Where sums go: those of x's rows follow each other, so many bytes apart, those of w's columns lie beside each other.
#[derive(Clone, Copy)]
pub struct Sums {
    pub at: *mut f32,
    pub row: usize,
    /// They are added to what is there.
    pub more: bool,
}

/// The product of up to two tiles of x and up to two of w, over so many steps.
///
/// # Safety
/// The tiles are there, and so are the sums; this thread's tiles are [`Configured`].
#[inline(always)]
pub unsafe fn product([m, n]: [usize; 2], x: Factor, w: Factor, steps: usize, out: Sums) {
    // SAFETY: the caller's promise.
    unsafe {
        match (m, n) {
            (1, 1) => block::<1, 1>(x, w, steps, out),
            (1, _) => block::<1, 2>(x, w, steps, out),
            (_, 1) => block::<2, 1>(x, w, steps, out),
            (_, _) => block::<2, 2>(x, w, steps, out),
        }
    }
}

/// # Safety
/// As [`product`].
#[inline(always)]
unsafe fn block<const M: usize, const N: usize>(
    mut x: Factor,
    mut w: Factor,
    steps: usize,
    Sums { at, row, more }: Sums,
) {
    let (beside, below) = (at.wrapping_add(ROWS), at.wrapping_byte_add(ROWS * row));
    let corner = below.wrapping_add(ROWS);
    // SAFETY: the caller's promise.
    unsafe {
        if more {
            load!(0, at, row);
            if N == 2 {
                load!(1, beside, row);
            }
            if M == 2 {
                load!(2, below, row);
            }
            if M == 2 && N == 2 {
                load!(3, corner, row);
            }
        } else {
            zero!(0);
            zero!(1);
            zero!(2);
            zero!(3);
        }
        for _ in 0..steps {
            load!(4, x.at[0], x.row);
            load!(6, w.at[0], w.row);
            multiply!(0 += 4 * 6);
            if N == 2 {
                load!(7, w.at[1], w.row);
                multiply!(1 += 4 * 7);
            }
            if M == 2 {
                load!(5, x.at[1], x.row);
                multiply!(2 += 5 * 6);
            }
            if M == 2 && N == 2 {
                multiply!(3 += 5 * 7);
            }
            x.at = x.at.map(|at| at.wrapping_add(x.step));
            w.at = w.at.map(|at| at.wrapping_add(w.step));
        }
        store!(0, at, row);
        if N == 2 {
            store!(1, beside, row);
        }
        if M == 2 {
            store!(2, below, row);
        }
        if M == 2 && N == 2 {
            store!(3, corner, row);
        }
    }
}

/// Sixteen words of each of sixteen rows, as columns; rows are so many bytes apart on either side.
///
/// # Safety
/// They can be read and written; the CPU has AVX-512.
#[inline(always)]
pub unsafe fn turn((from, from_row): (*const u8, usize), (to, to_row): (*mut u8, usize)) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut r = [_mm512_setzero_si512(); 16];
        for (k, row) in r.iter_mut().enumerate() {
            *row = _mm512_loadu_si512(from.wrapping_add(k.wrapping_mul(from_row)).cast());
        }
        // Of four rows each: quarter l of vector 4 g + j is column 4 l + j of rows 4 g and on.
        let mut fours = r;
        for g in 0..4 {
            let [a, b, c, d] = [r[4 * g], r[4 * g + 1], r[4 * g + 2], r[4 * g + 3]];
            let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low2, high2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            fours[4 * g] = _mm512_unpacklo_epi64(low, low2);
            fours[4 * g + 1] = _mm512_unpackhi_epi64(low, low2);
            fours[4 * g + 2] = _mm512_unpacklo_epi64(high, high2);
            fours[4 * g + 3] = _mm512_unpackhi_epi64(high, high2);
        }
        for j in 0..4 {
            let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
            let first = _mm512_shuffle_i32x4::<0x44>(a, b);
            let second = _mm512_shuffle_i32x4::<0xee>(a, b);
            let third = _mm512_shuffle_i32x4::<0x44>(c, d);
            let fourth = _mm512_shuffle_i32x4::<0xee>(c, d);
            let columns = [
                _mm512_shuffle_i32x4::<0x88>(first, third),
                _mm512_shuffle_i32x4::<0xdd>(first, third),
                _mm512_shuffle_i32x4::<0x88>(second, fourth),
                _mm512_shuffle_i32x4::<0xdd>(second, fourth),
            ];
            for (quarter, column) in columns.into_iter().enumerate() {
                _mm512_storeu_si512(to.add((4 * quarter + j) * to_row).cast(), column);
            }
        }
    }
}

/// Elements of two rows of bf16 beside each other, as pairs: 32 of each row.
///
/// # Safety
/// They can be read and written; the CPU has AVX-512 BW.
#[inline(always)]
pub unsafe fn pairs([a, b]: [*const u8; 2], to: *mut u32) {
    const ORDERS: [[u16; 32]; 2] = {
        let mut all = [[0; 32]; 2];
        let mut k = 0;
        while k < 32 {
            let element = (k / 2 + 32 * (k % 2)) as u16;
            all[0][k] = element;
            all[1][k] = element + 16;
            k += 1;
        }
        all
    };
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) = (_mm512_loadu_si512(a.cast()), _mm512_loadu_si512(b.cast()));
        for (k, order) in ORDERS.iter().enumerate() {
            let order = _mm512_loadu_si512(order.as_ptr().cast());
            let both = _mm512_permutex2var_epi16(a, order, b);
            _mm512_storeu_si512(to.add(16 * k).cast(), both);
        }
    }
}
