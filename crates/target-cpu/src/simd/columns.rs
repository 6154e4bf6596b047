//! Reductions of columns: what lies below one another is joined, row by row from the first, and the totals of a few
//! vectors stay in registers meanwhile.

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::reduce::{Fold, Folded, SumProduct, nan_or, of_op};
use tilewright_ir::{DType, ReduceOp};

/// Vectors whose totals are kept at a time.
const TOGETHER: usize = 4;

/// # Safety
/// Inputs 0 (and 1 for pairs): `rows` rows of `len` elements. Output: `len` elements.
#[inline(always)]
unsafe fn fold_columns<S: Simd, O: Fold>(s: S, call: &Call) {
    let mut at = 0;
    // SAFETY: the caller's promise, for the elements from `at` on that are inside the rows.
    unsafe {
        while at + TOGETHER * LANES <= call.len {
            fold_some::<S, O, TOGETHER>(s, call, at);
            at += TOGETHER * LANES;
        }
        while at + LANES <= call.len {
            fold_some::<S, O, 1>(s, call, at);
            at += LANES;
        }
        if at < call.len {
            let n = call.len - at;
            let mut total = s.float(s.i(O::IDENTITY));
            for r in 0..call.rows {
                let x = s.load_part(call.inputs[0].row::<f32>(r).add(at), n);
                let y = match O::PAIR {
                    true => s.load_part(call.inputs[1].row::<f32>(r).add(at), n),
                    false => x,
                };
                total = nan_or(s, O::NAN_WINS, x, O::fold(s, total, x, y));
            }
            s.store_part(call.out.row::<f32>(0).add(at), total, n);
        }
    }
}

/// Folds the columns of `N` vectors.
///
/// # Safety
/// As [`fold_columns`]; the vectors from element `at` on are inside the rows.
#[inline(always)]
unsafe fn fold_some<S: Simd, O: Fold, const N: usize>(s: S, call: &Call, at: usize) {
    let ahead = !call.prefetch.at.is_null();
    let mut totals = [s.float(s.i(O::IDENTITY)); N];
    for r in 0..call.rows {
        // SAFETY: the caller's promise; prefetching is safe at any address.
        unsafe {
            let x = call.inputs[0].row::<f32>(r).add(at);
            let y = if O::PAIR { call.inputs[1].row::<f32>(r).add(at) } else { x };
            let next: *const u8 = call.prefetch.row::<u8>(r).wrapping_add(at * 4);
            let mut k = 0;
            while k < N {
                if ahead {
                    prefetch(next.wrapping_add(k * LANES * 4));
                }
                let a = s.load(x.add(k * LANES));
                let b = if O::PAIR { s.load(y.add(k * LANES)) } else { a };
                totals[k] = nan_or(s, O::NAN_WINS, a, O::fold(s, totals[k], a, b));
                k += 1;
            }
        }
    }
    for (k, total) in totals.into_iter().enumerate() {
        // SAFETY: as above.
        unsafe { s.store(call.out.row::<f32>(0).add(at + k * LANES), total) };
    }
}

primitive! {
    fn fold_primitive<O: Fold; > = fold_columns
}

/// The reduction of columns of `dtype`. Bytes still have to be narrowed.
pub fn reduce(op: ReduceOp, dtype: DType, level: Level) -> Primitive {
    struct Columns(Level);
    impl Folded for Columns {
        type Result = Primitive;
        fn by<O: Fold>(self) -> Primitive {
            fold_primitive::<O>(self.0)
        }
    }
    of_op(op, dtype, Columns(level))
}

/// Sums over the columns of input 0 times input 1.
pub fn sum_of_products(level: Level) -> Primitive {
    fold_primitive::<SumProduct>(level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::call::Operand;

    /// Columns of `rows` rows of `len` lanes that lie `apart` lanes apart.
    fn fold(
        primitive: Primitive,
        inputs: [&[f32]; 2],
        rows: usize,
        len: usize,
        apart: usize,
    ) -> Vec<f32> {
        let mut out = vec![f32::NAN; len + 1];
        let mut call = Call::new(rows, len);
        call.out.at = out.as_mut_ptr().cast();
        for (to, from) in call.inputs.iter_mut().zip(inputs) {
            *to = Operand { at: from.as_ptr().cast_mut().cast(), row: (apart * 4) as isize };
        }
        // SAFETY: the inputs have `rows` rows, the output one.
        unsafe { primitive.call(&call) };
        assert!(out.pop().unwrap().is_nan(), "written past the end");
        out
    }

    #[test]
    fn columns_are_joined_from_the_first_row_on() {
        let apart = 150;
        let value = |k: usize| ((k * 2_654_435_761) % 2003) as f32 / 400.0 - 2.5;
        let mut x: Vec<f32> = (0..9 * apart).map(value).collect();
        let y: Vec<f32> = (0..9 * apart).map(|k| value(k + 71)).collect();
        x[3 * apart + 5] = f32::NAN;
        for level in Level::all() {
            for (rows, len) in [(2, 1), (9, 16), (5, 48), (9, 64), (7, 147), (3, 100)] {
                let row = |of: &[f32], r: usize, j: usize| of[r * apart + j];
                let sums =
                    fold(reduce(ReduceOp::Sum, DType::F32, level), [&x, &y], rows, len, apart);
                let products = fold(sum_of_products(level), [&x, &y], rows, len, apart);
                let most =
                    fold(reduce(ReduceOp::Max, DType::F32, level), [&x, &y], rows, len, apart);
                for j in 0..len {
                    let sum = (0..rows).fold(0f32, |sum, r| sum + row(&x, r, j));
                    let of_products =
                        (0..rows).fold(0f32, |sum, r| row(&x, r, j).mul_add(row(&y, r, j), sum));
                    let nan = (0..rows).any(|r| row(&x, r, j).is_nan());
                    let greatest = (0..rows).fold(f32::MIN, |most, r| most.max(row(&x, r, j)));
                    let greatest = if nan { f32::NAN } else { greatest };
                    let pairs = [(sums[j], sum), (products[j], of_products), (most[j], greatest)];
                    for (found, expected) in pairs {
                        let both = found.is_nan() && expected.is_nan();
                        assert!(both || found == expected, "{level:?} {rows} x {len}, {j}");
                    }
                }
            }
        }
    }
}
