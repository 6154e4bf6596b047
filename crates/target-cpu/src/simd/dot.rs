//! Matrix products of tiles.
//!
//! A block of the result stays in registers over the whole inner extent: each step loads a few vectors of the right
//! row and multiplies them by one element of each left row.

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};

/// # Safety
/// Output: `rows` x `len`. Input 0: `rows` x k, input 1: k x `len`, with k = `extra[0]`. Rows are contiguous. The result
/// is added to the output if `extra[1]` is 1.
#[inline(always)]
unsafe fn dot_rows<S: Simd>(s: S, call: &Call) {
    let mut row = 0;
    // SAFETY: blocks stay inside the matrices.
    unsafe {
        while row + 6 <= call.rows {
            columns::<S, 6>(s, call, row);
            row += 6;
        }
        match call.rows - row {
            1 => columns::<S, 1>(s, call, row),
            2 => columns::<S, 2>(s, call, row),
            3 => columns::<S, 3>(s, call, row),
            4 => columns::<S, 4>(s, call, row),
            5 => columns::<S, 5>(s, call, row),
            _ => {}
        }
    }
}

/// # Safety
/// As [`dot_rows`]; rows `row .. row + M` exist.
#[inline(always)]
unsafe fn columns<S: Simd, const M: usize>(s: S, call: &Call, row: usize) {
    let mut column = 0;
    // SAFETY: `column + n <= len`.
    unsafe {
        // Six rows of four vectors are 24 registers of AVX-512. Other levels hold six rows of one.
        if const { S::MANY_REGISTERS } {
            while column + 4 * LANES <= call.len {
                block::<S, M, 4>(s, call, row, column, LANES);
                column += 4 * LANES;
            }
        }
        while column + LANES <= call.len {
            block::<S, M, 1>(s, call, row, column, LANES);
            column += LANES;
        }
        if column < call.len {
            block::<S, M, 1>(s, call, row, column, call.len - column);
        }
    }
}

/// # Safety
/// As [`dot_rows`]; rows `row .. row + M`, and N vectors of columns from `column` on, the last with `n` lanes, exist.
#[inline(always)]
unsafe fn block<S: Simd, const M: usize, const N: usize>(
    s: S,
    call: &Call,
    row: usize,
    column: usize,
    n: usize,
) {
    let part = n < LANES;
    let left: [*const f32; M] = std::array::from_fn(|i| call.inputs[0].row(row + i) as *const f32);
    let out: [*mut f32; M] =
        std::array::from_fn(|i| call.out.row::<f32>(row + i).wrapping_add(column));
    let mut total = [[s.f(0.0); N]; M];
    // SAFETY: the caller's promise.
    unsafe {
        for k in 0..call.extra[0] as usize {
            let right: *const f32 = call.inputs[1].row::<f32>(k).wrapping_add(column);
            let mut vectors = [s.f(0.0); N];
            for (j, vector) in vectors.iter_mut().enumerate() {
                let at = right.add(j * LANES);
                *vector = if part { s.load_part(at, n) } else { s.load(at) };
            }
            for i in 0..M {
                let x = s.f(*left[i].add(k));
                for j in 0..N {
                    total[i][j] = s.fma(x, vectors[j], total[i][j]);
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                let to = out[i].add(j * LANES);
                let mut y = total[i][j];
                if call.extra[1] == 1 {
                    y = s.add(if part { s.load_part(to, n) } else { s.load(to) }, y);
                }
                if part { s.store_part(to, y, n) } else { s.store(to, y) }
            }
        }
    }
}

/// # Safety
/// As [`dot_rows`], of 32-bit integers that wrap.
#[inline(always)]
unsafe fn integer_rows(call: &Call) {
    for r in 0..call.rows {
        let (left, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        for column in 0..call.len {
            // SAFETY: the caller's promise.
            unsafe {
                let mut total = if call.extra[1] == 1 { *out.add(column) } else { 0 };
                for k in 0..call.extra[0] as usize {
                    let right: *const u32 = call.inputs[1].row(k);
                    total = total.wrapping_add((*left.add(k)).wrapping_mul(*right.add(column)));
                }
                *out.add(column) = total;
            }
        }
    }
}

primitive! { fn float_dot<; > = dot_rows }
primitive! { once fn integer_dot<> = integer_rows }

/// The matrix product of f32 or, with `integers`, of 32-bit integers.
pub fn dot(integers: bool, level: Level) -> Primitive {
    if integers { integer_dot(level) } else { float_dot(level) }
}
