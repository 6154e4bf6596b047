//! Reductions, scans, top-k and matrix products.

use super::tile::Tile;
use crate::{DType, ReduceOp, meaning};
use std::cmp::Ordering;

/// A running reduction. Float sums and products stay in f64 until [`Accumulator::result`] rounds; sums carry what f64
/// itself loses (Neumaier).
struct Accumulator {
    op: ReduceOp,
    dtype: DType,
    value: f64,
    lost: f64,
}

impl Accumulator {
    fn new(op: ReduceOp, dtype: DType) -> Self {
        Accumulator { op, dtype, value: op.identity(dtype), lost: 0.0 }
    }

    fn add(&mut self, x: f64) {
        match (self.dtype.is_float(), self.op) {
            (true, ReduceOp::Sum) => {
                let sum = self.value + x;
                self.lost += match self.value.abs() >= x.abs() {
                    true => (self.value - sum) + x,
                    false => (x - sum) + self.value,
                };
                self.value = sum;
            }
            (true, ReduceOp::Prod) => self.value *= x,
            _ => self.value = meaning::binary(self.op.combine(), self.dtype, self.value, x),
        }
    }

    fn result(&self) -> f64 {
        // Infinite sums lose "inf - inf"; they are right as they are.
        // Extrema lose nothing, and adding that nothing would take the sign of -0.
        let exact = match self.op {
            ReduceOp::Sum if self.value.is_finite() => self.value + self.lost,
            _ => self.value,
        };
        self.dtype.round(exact)
    }
}

pub(super) fn reduce(op: ReduceOp, dtype: DType, tile: &Tile, axis: usize) -> Tile {
    let (outer, extent, inner) = tile.lanes(axis);
    let mut data = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for j in 0..inner {
            let mut total = Accumulator::new(op, dtype);
            let lane = tile.data()[o * extent * inner..(o + 1) * extent * inner].iter();
            lane.skip(j).step_by(inner).for_each(|&x| total.add(x));
            data.push(total.result());
        }
    }
    reduced(tile, axis, data)
}

fn reduced(tile: &Tile, axis: usize, data: Vec<f64>) -> Tile {
    let mut shape = tile.shape().to_vec();
    shape[axis] = 1;
    Tile::new(shape, data)
}

pub(super) fn scan(
    op: ReduceOp,
    dtype: DType,
    tile: &Tile,
    axis: usize,
    exclusive: bool,
    reverse: bool,
) -> Tile {
    let (outer, extent, inner) = tile.lanes(axis);
    let mut data = vec![0.0; tile.data().len()];
    for o in 0..outer {
        for j in 0..inner {
            let mut total = Accumulator::new(op, dtype);
            for i in 0..extent {
                let i = if reverse { extent - 1 - i } else { i };
                let at = (o * extent + i) * inner + j;
                if exclusive {
                    data[at] = total.result();
                }
                total.add(tile.data()[at]);
                if !exclusive {
                    data[at] = total.result();
                }
            }
        }
    }
    Tile::new(tile.shape().to_vec(), data)
}

/// Orders elements as arg-reductions and top-k do: NaN first, then the greater, and the lower position of equals.
fn descending(a: (f64, usize), b: (f64, usize)) -> Ordering {
    let by_value = match (a.0.is_nan(), b.0.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal),
    };
    by_value.then(a.1.cmp(&b.1))
}

pub(super) fn arg_reduce(max: bool, tile: &Tile, axis: usize) -> Tile {
    let (outer, extent, inner) = tile.lanes(axis);
    let sign = if max { 1.0 } else { -1.0 };
    let mut data = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for j in 0..inner {
            let key = |i: usize| (sign * tile.data()[(o * extent + i) * inner + j], i);
            let first = (0..extent).min_by(|&a, &b| descending(key(a), key(b)));
            data.push(first.unwrap_or(0) as f64);
        }
    }
    reduced(tile, axis, data)
}

/// The caller has checked that `k` is at most the extent of the last axis.
pub(super) fn top_k(tile: &Tile, k: usize, shape: Vec<usize>) -> Tile {
    let n = tile.last_extent();
    let (mut values, mut positions) = (Vec::new(), Vec::new());
    for row in tile.data().chunks_exact(n.max(1)) {
        let mut keys: Vec<(f64, usize)> = row.iter().copied().zip(0..).collect();
        if k < n {
            keys.select_nth_unstable_by(k, |&a, &b| descending(a, b));
            keys.truncate(k);
        }
        keys.sort_unstable_by(|&a, &b| descending(a, b));
        values.extend(keys.iter().map(|key| key.0));
        positions.extend(keys.iter().map(|key| key.1 as f64));
    }
    Tile::new(shape.clone(), values).with_parts(vec![Tile::new(shape, positions)])
}

pub(super) fn dot(dtype: DType, a: &Tile, b: &Tile) -> Tile {
    let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    let mut data = vec![0.0; m * n];
    let mut integers = vec![0i64; if dtype.is_float() { 0 } else { n }];
    for row in 0..m {
        let sums = &mut data[row * n..(row + 1) * n];
        integers.fill(0);
        for inner in 0..k {
            let left = a.data()[row * k + inner];
            let right = &b.data()[inner * n..(inner + 1) * n];
            if dtype.is_float() {
                sums.iter_mut().zip(right).for_each(|(sum, &x)| *sum += left * x);
            } else {
                for (sum, &x) in integers.iter_mut().zip(right) {
                    *sum = sum.wrapping_add((left as i64).wrapping_mul(x as i64));
                }
            }
        }
        match dtype.is_float() {
            true => sums.iter_mut().for_each(|sum| *sum = dtype.round(*sum)),
            false => sums
                .iter_mut()
                .zip(&integers)
                .for_each(|(sum, &total)| *sum = meaning::wrap(dtype, total)),
        }
    }
    Tile::new(vec![m, n], data)
}
