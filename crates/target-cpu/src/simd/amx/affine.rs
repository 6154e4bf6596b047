//! Blocks of products of bf16 with packed weights: c += scale Σ x q + bias Σ x, group after group, where q are small
//! integers, which bf16 hold exactly.

use super::*;
use crate::simd::blocks::COLUMNS;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Rows of a block: two tiles.
pub const BLOCK: usize = 2 * ROWS;

/// What a block of [`BLOCK`] rows, or of half as many, and [`COLUMNS`] columns is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Tiles of x of each half of the rows, along the summed axis.
    pub x: [*const u8; 2],
    /// `[steps][COLUMNS]` pairs of bf16.
    pub w: *const u32,
    /// `[groups][ROWS]` of each half: the sums of x.
    pub sums: [*const f32; 2],
    /// `[groups][COLUMNS]`
    pub scales: *const f32,
    /// `[groups][COLUMNS]`
    pub biases: *const f32,
    /// `[rows][COLUMNS]`
    pub c: *mut f32,
    /// Groups, at least one.
    pub groups: usize,
    /// Tiles of a group: 1, 2 or 4.
    pub tiles: usize,
    /// `c` holds nothing yet.
    pub first: bool,
}

/// Bytes from a row of columns to the next.
const APART: usize = COLUMNS * 4;

/// Sums of a group, tile after tile, of which there may be two.
#[repr(C, align(64))]
struct Sums([[MaybeUninit<f32>; BLOCK * COLUMNS]; 2]);

/// What the sums of a group become.
#[derive(Clone, Copy)]
struct Numbers {
    scales: [__m512; 2],
    biases: [__m512; 2],
    sums: [*const f32; 2],
}

impl Numbers {
    /// # Safety
    /// There is the group; AVX-512.
    #[inline(always)]
    unsafe fn of(block: &Block, group: usize) -> Numbers {
        // SAFETY: the caller's promise.
        unsafe {
            let two = |of: *const f32| {
                let at = of.add(group * COLUMNS);
                [_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(16))]
            };
            Numbers {
                scales: two(block.scales),
                biases: two(block.biases),
                sums: block.sums.map(|sums| sums.wrapping_add(group * ROWS)),
            }
        }
    }

    /// Adds part `part` of four of a tile's rows, of both tiles beside each other, to c.
    ///
    /// # Safety
    /// The sums and c are there; AVX-512.
    #[inline(always)]
    unsafe fn add(&self, half: usize, part: usize, sums: *const f32, c: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            for row in 4 * part..4 * part + 4 {
                let sum = _mm512_set1_ps(*self.sums[half].add(row));
                let at = sums.add(half * ROWS * COLUMNS + row * 16);
                let c = c.add((half * ROWS + row) * COLUMNS);
                for v in 0..2 {
                    let to = c.add(16 * v);
                    let of_tile = _mm512_load_ps(at.add(v * 16 * ROWS));
                    let with = _mm512_fmadd_ps(of_tile, self.scales[v], _mm512_loadu_ps(to));
                    _mm512_storeu_ps(to, _mm512_fmadd_ps(self.biases[v], sum, with));
                }
            }
        }
    }
}

/// What is left to be done of the group before.
type Before = Option<(Numbers, *const f32)>;

/// Adds what belongs beside product `place` of tile `tile` of a group: a part of each half of the rows, in the first two
/// tiles, or of both in the only one.
///
/// # Safety
/// As [`Numbers::add`].
#[inline(always)]
unsafe fn beside<const HALVES: usize, const TILES: usize>(
    before: Before,
    [tile, place]: [usize; 2],
    c: *mut f32,
) {
    let Some((numbers, sums)) = before else { return };
    for half in 0..HALVES {
        if TILES == 1 || half == tile {
            // SAFETY: the caller's promise.
            unsafe { numbers.add(half, place, sums, c) };
        }
    }
}

/// Computes a block of `HALVES` halves. The sums of one group are scaled and added to c while the next are multiplied.
///
/// # Safety
/// As [`affine`].
#[inline(always)]
unsafe fn groups<const HALVES: usize, const TILES: usize>(block: &Block) {
    let mut room = MaybeUninit::<Sums>::uninit();
    let room: *mut f32 = room.as_mut_ptr().cast();
    let Block { x: [mut x0, mut x1], mut w, c, .. } = *block;
    // SAFETY: the caller's promise.
    unsafe {
        if block.first {
            c.write_bytes(0, HALVES * ROWS * COLUMNS);
        }
        let mut before: Before = None;
        for group in 0..block.groups {
            zero!(0);
            zero!(1);
            if HALVES == 2 {
                zero!(2);
                zero!(3);
            }
            for tile in 0..TILES {
                load!(4, x0, 64usize);
                load!(6, w, APART);
                multiply!(0 += 4 * 6);
                beside::<HALVES, TILES>(before, [tile, 0], c);
                load!(7, w.add(16), APART);
                multiply!(1 += 4 * 7);
                beside::<HALVES, TILES>(before, [tile, 1], c);
                if HALVES == 2 {
                    load!(5, x1, 64usize);
                    multiply!(2 += 5 * 6);
                }
                beside::<HALVES, TILES>(before, [tile, 2], c);
                if HALVES == 2 {
                    multiply!(3 += 5 * 7);
                }
                beside::<HALVES, TILES>(before, [tile, 3], c);
                (x0, x1) = (x0.wrapping_add(BYTES), x1.wrapping_add(BYTES));
                w = w.wrapping_add(DEPTH / 2 * COLUMNS);
            }
            let sums = room.wrapping_add(group % 2 * BLOCK * COLUMNS);
            store!(0, sums, 64usize);
            store!(1, sums.add(16 * ROWS), 64usize);
            if HALVES == 2 {
                store!(2, sums.add(2 * 16 * ROWS), 64usize);
                store!(3, sums.add(3 * 16 * ROWS), 64usize);
            }
            before = Some((Numbers::of(block, group), sums));
        }
        for place in 0..4 {
            beside::<HALVES, 1>(before, [0, place], c);
        }
    }
}

/// Computes a block of one half or two.
///
/// # Safety
/// All that the block names is there; this thread's tiles are [`Configured`], and the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn affine(halves: usize, block: &Block) {
    // SAFETY: the caller's promise.
    unsafe {
        match (halves, block.tiles) {
            (1, 1) => groups::<1, 1>(block),
            (1, 2) => groups::<1, 2>(block),
            (1, _) => groups::<1, 4>(block),
            (_, 1) => groups::<2, 1>(block),
            (_, 2) => groups::<2, 2>(block),
            (_, _) => groups::<2, 4>(block),
        }
    }
}
