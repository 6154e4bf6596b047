//! Primitives that work on whole rows, against the obvious loops, at every length round a vector.

use super::call::{Call, Operand, Primitive};
use super::reduce::{FIRST, LAST, STATE};
use super::{Level, arg, dot, memory, random, reduce, scan, topk, unpack};
use tilewright_ir::{DType, ReduceOp, meaning};

const LENGTHS: [usize; 16] =
    [0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 257, 1000, 1024, 4099];

fn operand<T>(data: &[T], row: usize) -> Operand {
    Operand { at: data.as_ptr() as *mut u8, row: (row * size_of::<T>()) as isize }
}

fn operand_mut<T>(data: &mut [T], row: usize) -> Operand {
    Operand { at: data.as_mut_ptr().cast(), row: (row * size_of::<T>()) as isize }
}

/// Numbers with ties, outliers and signs.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| {
            let bits = meaning::philox(i, seed, 0);
            let x = (bits >> 8) as f32 / 8_388_608.0 - 1.0;
            if bits & 63 == 0 { (x * 3.0).round() } else { x }
        })
        .collect()
}

fn run(primitive: Primitive, call: &Call) {
    // SAFETY: each test gives operands of the sizes that the primitive documents.
    unsafe { primitive.call(call) }
}

fn reduce_row(primitive: Primitive, x: &[f32], block: usize) -> f32 {
    let (mut out, mut state) = ([9f32], [0f32; STATE]);
    let blocks = x.len().div_ceil(block).max(1);
    for b in 0..blocks {
        let part = &x[b * block..x.len().min((b + 1) * block)];
        let mut call = Call::new(1, part.len());
        call.inputs[0] = operand(part, 0);
        call.inputs[1] = operand(part, 0);
        call.inputs[3] = operand_mut(&mut state, 0);
        call.out = operand_mut(&mut out, 0);
        call.extra[0] = (b == 0) as u64 * FIRST + (b + 1 == blocks) as u64 * LAST;
        run(primitive, &call);
    }
    out[0]
}

#[test]
fn a_sum_does_not_depend_on_blocks_or_levels() {
    for n in LENGTHS {
        let x = noise(n, 1);
        let whole =
            reduce_row(reduce::reduce(ReduceOp::Sum, DType::F32, Level::Portable), &x, 1 << 20);
        let exact: f64 = x.iter().map(|&x| x as f64).sum();
        assert!((whole as f64 - exact).abs() <= 1e-6 * n as f64, "{n}: {whole} {exact}");
        for level in Level::all() {
            for block in [64, 128, 1024, 1 << 20] {
                let sum = reduce_row(reduce::reduce(ReduceOp::Sum, DType::F32, level), &x, block);
                assert_eq!(sum.to_bits(), whole.to_bits(), "{level:?} {n} {block}");
            }
            let squares = reduce_row(reduce::sum_of_products(level), &x, 64);
            let exact: f64 = x.iter().map(|&x| x as f64 * x as f64).sum();
            assert!((squares as f64 - exact).abs() <= 1e-6 * n as f64);
        }
    }
}

#[test]
fn extrema_and_products_of_rows() {
    for level in Level::all() {
        for n in LENGTHS {
            let x = noise(n, 2);
            for (op, exact) in [
                (ReduceOp::Max, x.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
                (ReduceOp::Min, x.iter().copied().fold(f32::INFINITY, f32::min)),
            ] {
                assert_eq!(reduce_row(reduce::reduce(op, DType::F32, level), &x, 64), exact, "{n}");
                for at in 0..n.min(70) {
                    let mut x = x.clone();
                    x[at] = f32::NAN;
                    assert!(reduce_row(reduce::reduce(op, DType::F32, level), &x, 64).is_nan());
                }
            }
            let ints: Vec<f32> =
                x.iter().map(|x| f32::from_bits((x * 100.0) as i32 as u32)).collect();
            let values = || ints.iter().map(|x| x.to_bits());
            let got = |op, dtype| reduce_row(reduce::reduce(op, dtype, level), &ints, 64).to_bits();
            assert_eq!(got(ReduceOp::Sum, DType::I32), values().fold(0, u32::wrapping_add));
            assert_eq!(got(ReduceOp::Prod, DType::I32), values().fold(1, u32::wrapping_mul));
            assert_eq!(got(ReduceOp::Max, DType::U32), values().fold(0, u32::max));
            assert_eq!(
                got(ReduceOp::Min, DType::I32) as i32,
                values().map(|x| x as i32).fold(i32::MAX, i32::min)
            );
            assert_eq!(got(ReduceOp::All, DType::U32), values().fold(u32::MAX, |a, b| a & b));
            assert_eq!(got(ReduceOp::Any, DType::U32), values().fold(0, |a, b| a | b));
        }
    }
}

fn descending(x: &[f32], sign: f32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..x.len() as u32).collect();
    let key = |i: u32| (x[i as usize].is_nan(), sign * x[i as usize]);
    order.sort_by(|&a, &b| {
        let (a, b) = (key(a), key(b));
        b.0.cmp(&a.0).then(b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal))
    });
    order
}

#[test]
fn positions_of_extrema() {
    for level in Level::all() {
        for n in LENGTHS.into_iter().filter(|&n| n > 0) {
            for seed in 0..7 {
                let mut x = noise(n, seed);
                x[n / 2] = [0.5, f32::NAN, f32::NEG_INFINITY, -0.0, 0.5, 0.5, 0.5][seed as usize];
                match seed {
                    3 => x.iter_mut().for_each(|x| *x = if *x > 0.0 { 0.0 } else { -0.0 }),
                    // The best in many lanes and vectors, and nothing that is better than none.
                    4 => x.iter_mut().for_each(|x| *x = x.signum()),
                    5 => x.fill(f32::NEG_INFINITY),
                    6 => x.fill(f32::INFINITY),
                    _ => {}
                }
                for (max, sign) in [(true, 1.0), (false, -1.0)] {
                    let primitive = arg::arg_reduce(max, DType::F32, level);
                    let want = descending(&x, sign)[0];
                    for block in [64, 1 << 20] {
                        let mut out = [9u32];
                        let mut state = [0i32; 2];
                        let blocks = n.div_ceil(block);
                        for b in 0..blocks {
                            let part = &x[b * block..n.min((b + 1) * block)];
                            let mut call = Call::new(1, part.len());
                            call.inputs[0] = operand(part, 0);
                            call.inputs[3] = operand_mut(&mut state, 0);
                            call.out = operand_mut(&mut out, 0);
                            let last = (b + 1 == blocks) as u64 * LAST;
                            call.extra = [(b == 0) as u64 * FIRST + last, (b * block) as u64];
                            run(primitive, &call);
                        }
                        assert_eq!(out[0], want, "{level:?} {n} seed {seed} max {max}");
                    }
                }
            }
        }
    }
}

#[test]
fn top_k_orders_by_value_then_position() {
    for level in Level::all() {
        for n in LENGTHS.into_iter().filter(|&n| n > 0) {
            for k in [1, 2, 7, 8, 16, 17, 32, 33, 100, n] {
                if k > n {
                    continue;
                }
                let mut x = noise(2 * n, k as u32);
                x[0] = f32::INFINITY;
                x[n - 1] = f32::NAN;
                x[n / 3] = f32::NEG_INFINITY;
                let mut values = vec![0f32; 2 * k];
                let mut positions = vec![0u32; 2 * k];
                let mut scratch = vec![0u64; n];
                let mut call = Call::new(2, n);
                call.inputs[0] = operand(&x, n);
                call.inputs[1] = operand_mut(&mut positions, k);
                call.inputs[3] = operand_mut(&mut scratch, 0);
                call.out = operand_mut(&mut values, k);
                call.extra[0] = k as u64;
                run(topk::top_k(DType::F32, level), &call);
                for row in 0..2 {
                    let x = &x[row * n..(row + 1) * n];
                    let order = descending(x, 1.0);
                    assert_eq!(
                        positions[row * k..(row + 1) * k],
                        order[..k],
                        "{level:?} n {n} k {k}"
                    );
                    for (value, &at) in values[row * k..(row + 1) * k].iter().zip(&order) {
                        assert_eq!(value.to_bits(), x[at as usize].to_bits());
                    }
                }
            }
        }
    }
}

/// As many rows as any level works on together, some of which are like no others.
#[test]
fn top_k_of_many_rows() {
    for n in [3, 9, 16, 17, 31, 60, 64, 100, 127, 128, 129, 200, 256, 257, 1000] {
        let rows = 37;
        let mut x = noise(rows * n, n as u32);
        for (r, row) in x.chunks_exact_mut(n).enumerate() {
            match r % 9 {
                1 => row[n / 2] = f32::NAN,
                2 => row.fill(1.5),
                3 => row.iter_mut().enumerate().for_each(|(i, x)| *x = [0.0, -0.0][i % 2]),
                4 => row.fill(f32::NEG_INFINITY),
                5 => (row[0], row[n - 1]) = (f32::NEG_INFINITY, f32::INFINITY),
                6 => row.iter_mut().for_each(|x| *x = (*x * 20.0).round()),
                7 => row.sort_by(f32::total_cmp),
                _ => {}
            }
        }
        for (k, level) in (1..10.min(n)).flat_map(|k| Level::all().map(move |level| (k, level))) {
            let mut values = vec![7f32; rows * k];
            let mut positions = vec![7u32; rows * k];
            let mut call = Call::new(rows, n);
            call.inputs[0] = operand(&x, n);
            call.inputs[1] = operand_mut(&mut positions, k);
            call.out = operand_mut(&mut values, k);
            call.extra[0] = k as u64;
            run(topk::top_k(DType::F32, level), &call);
            for (r, x) in x.chunks_exact(n).enumerate() {
                let order = descending(x, 1.0);
                assert_eq!(positions[r * k..][..k], order[..k], "{level:?} n {n} k {k} row {r}");
                for (value, &at) in values[r * k..][..k].iter().zip(&order) {
                    assert_eq!(value.to_bits(), x[at as usize].to_bits(), "n {n} k {k} row {r}");
                }
            }
        }
    }
}

#[test]
fn equal_elements_come_in_order() {
    for level in Level::all() {
        // More of them than candidates, and zeros of both signs.
        for n in [20, 60, 300] {
            let x: Vec<f32> = (0..n).map(|i| if i % 3 == 0 { 0.0 } else { -0.0 }).collect();
            let (mut values, mut positions) = ([9f32; 8], [9u32; 8]);
            let mut call = Call::new(1, n);
            call.inputs[0] = operand(&x, 0);
            call.inputs[1] = operand_mut(&mut positions, 0);
            call.out = operand_mut(&mut values, 0);
            call.extra[0] = 8;
            run(topk::top_k(DType::F32, level), &call);
            assert_eq!(positions, [0, 1, 2, 3, 4, 5, 6, 7], "{level:?} {n}");
            assert_eq!(values.map(f32::to_bits), std::array::from_fn(|i| x[i].to_bits()));
        }
    }
}

#[test]
fn scans_agree_with_loops() {
    for level in Level::all() {
        for n in LENGTHS {
            let x = noise(n, 5);
            for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)]
            {
                let mut out = vec![0f32; n];
                let mut call = Call::new(1, n);
                call.inputs[0] = operand(&x, 0);
                call.out = operand_mut(&mut out, 0);
                call.extra[0] =
                    FIRST + exclusive as u64 * scan::EXCLUSIVE + reverse as u64 * scan::REVERSE;
                run(scan::scan(ReduceOp::Sum, DType::F32, level), &call);
                let mut total = 0f64;
                for i in 0..n {
                    let at = if reverse { n - 1 - i } else { i };
                    let before = total;
                    total += x[at] as f64;
                    let want = if exclusive { before } else { total };
                    assert!(
                        (out[at] as f64 - want).abs() < 1e-6 * (i + 2) as f64,
                        "{level:?} {n} {at}"
                    );
                }
                run(scan::scan(ReduceOp::Max, DType::F32, level), &call);
                let mut most = f32::NEG_INFINITY;
                for i in 0..n {
                    let at = if reverse { n - 1 - i } else { i };
                    let before = most;
                    most = most.max(x[at]);
                    assert_eq!(out[at], if exclusive { before } else { most });
                }
            }
        }
    }
}

#[test]
fn philox_is_that_of_the_ir() {
    for level in Level::all() {
        for (start, n) in [(0u32, 300), (4, 128), (5, 130), (u32::MAX - 70, 71)] {
            let positions: Vec<u32> = (0..n).map(|i| start.wrapping_add(i)).collect();
            let (seed, stream) = ([77u32], [3u32]);
            let mut out = vec![0u32; n as usize];
            let mut call = Call::new(1, n as usize);
            call.inputs[0] = operand(&positions, 0);
            call.inputs[1] = operand(&seed, 0);
            call.inputs[2] = operand(&stream, 0);
            call.out = operand_mut(&mut out, 0);
            call.extra = [0, 6];
            run(random::philox(level), &call);
            let want: Vec<u32> = positions.iter().map(|&p| meaning::philox(p, 77, 3)).collect();
            assert_eq!(out, want, "{level:?} from {start}");
            out.fill(0);
            call.inputs[0] = Operand::NONE;
            call.extra = [start as u64, random::COUNTED | 6];
            run(random::philox(level), &call);
            assert_eq!(out, want, "{level:?} counted from {start}");
        }
    }
}

#[test]
fn numbers_of_positions_that_count_from_one_of_each_row() {
    for level in Level::all() {
        let (seed, stream) = ([77u32], [3u32]);
        for first in [0u32, 3, 64, u32::MAX - 40] {
            let starts = [first, first.wrapping_add(130)];
            let mut out = vec![0u32; 2 * 130];
            let mut call = Call::new(2, 130);
            call.inputs[0] = operand(&starts, 1);
            call.inputs[1] = operand(&seed, 0);
            call.inputs[2] = operand(&stream, 0);
            call.out = operand_mut(&mut out, 130);
            call.extra = [0, random::COUNTED | random::FROM | 0b110];
            run(random::philox(level), &call);
            for (i, &got) in out.iter().enumerate() {
                assert_eq!(got, meaning::philox(first.wrapping_add(i as u32), 77, 3), "{level:?}");
            }
        }
    }
}

#[test]
fn elements_are_dropped_by_the_numbers_of_the_ir() {
    for level in Level::all() {
        for (start, n) in [(0u32, 300), (4, 64), (8, 95), (5, 130), (u32::MAX - 70, 71), (12, 7)] {
            for p in [0.0, 0.1, 0.5, 1.0, -1.0, 2.0, 1e-8, 1e-45, f32::NAN, f32::INFINITY] {
                let x: Vec<f32> = (0..n).map(|i| i as f32 - 50.0).collect();
                // Where positions count from is told in two places.
                let first = start / 3;
                let numbers = [p, 1.5f32, f32::from_bits(first)];
                let (seed, stream) = ([77u32], [3u32]);
                let mut out = vec![f32::NAN; n as usize + 1];
                let mut call = Call::new(1, n as usize);
                call.inputs[0] = operand(&x, 0);
                call.inputs[1] = operand(&seed, 0);
                call.inputs[2] = operand(&stream, 0);
                call.inputs[3] = operand(&numbers, 0);
                call.out = operand_mut(&mut out, 0);
                call.extra = [(start - first) as u64, 0];
                run(random::drop_out(level), &call);
                assert!(out.pop().is_some_and(f32::is_nan), "{level:?} past the end");
                for (i, (&got, &x)) in out.iter().zip(&x).enumerate() {
                    let word = meaning::philox(start.wrapping_add(i as u32), 77, 3);
                    let kept = (word >> 8) as f32 / 16_777_216.0 >= p;
                    let want = if kept { x * 1.5 } else { 0.0 };
                    assert_eq!(got.to_bits(), want.to_bits(), "{level:?} {start} {i} of {n}, {p}");
                }
            }
        }
    }
}

#[test]
fn columns_become_rows() {
    for level in Level::all() {
        for (rows, len) in [(1, 1), (16, 16), (15, 40), (33, 47), (64, 64)] {
            // `len` rows of memory, whose columns are wanted; each is a little longer than needed.
            let x: Vec<u32> = (0..(rows + 3) * len).map(|i| i as u32 * 7).collect();
            let mut out = vec![u32::MAX; rows * len];
            let mut call = Call::new(rows, len);
            call.inputs[0] = operand(&x, 1);
            call.out = operand_mut(&mut out, len);
            call.extra[0] = (rows as u64 + 3) * 4;
            run(memory::load(DType::U32, level), &call);
            for (i, &y) in out.iter().enumerate() {
                assert_eq!(y, x[i % len * (rows + 3) + i / len], "{level:?} {rows} x {len}");
            }
        }
    }
}

#[test]
fn rows_in_turn_and_elements_of_short_tables() {
    for level in Level::all() {
        for n in LENGTHS {
            let (even, odd) = (noise(n, 3), noise(n, 4));
            let mut out = vec![f32::NAN; 2 * n + 1];
            let mut call = Call::new(1, n);
            call.inputs[0] = operand(&even, 0);
            call.inputs[1] = operand(&odd, 0);
            call.out = operand_mut(&mut out, 0);
            run(memory::interleave(level), &call);
            assert!(out.pop().is_some_and(f32::is_nan), "{level:?} past the end");
            let want = even.iter().zip(&odd).flat_map(|(a, b)| [a.to_bits(), b.to_bits()]);
            assert!(out.iter().map(|y| y.to_bits()).eq(want), "{level:?} {n}");
            for extent in [1u32, 5, 16] {
                let table: Vec<u32> = (0..extent).map(|k| k * 1_000_003).collect();
                let index: Vec<u32> =
                    (0..n as u32).map(|i| meaning::philox(i, 9, 0) % extent).collect();
                let mut out = vec![u32::MAX; n + 1];
                let mut call = Call::new(1, n);
                call.inputs[0] = operand(&table, 0);
                call.inputs[1] = operand(&index, 0);
                call.out = operand_mut(&mut out, 0);
                call.extra = [4, extent as u64];
                run(memory::pick_of_few(level), &call);
                assert_eq!(out.pop(), Some(u32::MAX), "{level:?} past the end");
                let want: Vec<u32> = index.iter().map(|&k| k * 1_000_003).collect();
                assert_eq!(out, want, "{level:?} {n} of {extent}");
            }
        }
    }
}

#[test]
fn packed_integers_of_every_width() {
    for level in Level::all() {
        for width in [8usize, 32] {
            for bits in [1usize, 2, 3, 4, 5, 6, 7, 8] {
                let words: Vec<u32> = (0..bits * 8)
                    .map(|i| meaning::philox(i as u32, 1, 0) >> (32 - width))
                    .collect();
                let n = words.len() * width / bits;
                let mut out = vec![0u32; n];
                let mut call = Call::new(1, n);
                call.inputs[0] = operand(&words, 0);
                call.out = operand_mut(&mut out, 0);
                call.extra = [bits as u64, width as u64];
                run(unpack::unpack(level), &call);
                for (j, &got) in out.iter().enumerate() {
                    let bit = |b: usize| words[b / width] >> (b % width) & 1;
                    let want = (0..bits).fold(0, |v, i| v | bit(j * bits + i) << i);
                    assert_eq!(got, want, "{level:?} {width} {bits} {j}");
                }
            }
        }
    }
}

#[test]
fn memory_formats_convert_both_ways() {
    for level in Level::all() {
        for dtype in
            [DType::Bool, DType::I8, DType::U8, DType::I32, DType::F16, DType::BF16, DType::F32]
        {
            for n in [1usize, 16, 37, 64] {
                for step in [1usize, 3, 8 / dtype.size()] {
                    let values: Vec<f64> =
                        noise(n, 8).iter().map(|&x| dtype.round(x as f64 * 90.0)).collect();
                    let mut bytes = vec![0u8; n * step * dtype.size()];
                    for (i, v) in values.iter().enumerate() {
                        dtype.write(*v, &mut bytes[i * step * dtype.size()..]);
                    }
                    let mut lanes = vec![0u32; n];
                    let mut call = Call::new(1, n);
                    call.inputs[0] = operand(&bytes, 0);
                    call.out = operand_mut(&mut lanes, 0);
                    call.extra[0] = (step * dtype.size()) as u64;
                    run(memory::load(dtype, level), &call);
                    let want: Vec<u32> =
                        values.iter().map(|&v| super::tests::lane(dtype, v)).collect();
                    assert_eq!(lanes, want, "{dtype} {level:?}");
                    let mut back = vec![0u8; bytes.len()];
                    call.inputs[0] = operand(&lanes, 0);
                    call.out = operand_mut(&mut back, 0);
                    run(memory::store(dtype, level), &call);
                    assert_eq!(back, bytes, "{dtype} {level:?}");
                }
            }
        }
    }
}

#[test]
fn matrix_products() {
    for level in Level::all() {
        for (m, k, n) in [(1, 1, 1), (1, 64, 64), (7, 5, 70), (12, 33, 17), (13, 16, 128)] {
            let (a, b) = (noise(m * k, 1), noise(k * n, 2));
            let mut out = vec![1f32; m * n];
            let mut call = Call::new(m, n);
            call.inputs[0] = operand(&a, k);
            call.inputs[1] = operand(&b, n);
            call.out = operand_mut(&mut out, n);
            call.extra = [k as u64, 1];
            run(dot::dot(false, level), &call);
            for i in 0..m {
                for j in 0..n {
                    let want: f64 = 1.0
                        + (0..k).map(|l| a[i * k + l] as f64 * b[l * n + j] as f64).sum::<f64>();
                    assert!((out[i * n + j] as f64 - want).abs() < 1e-5, "{level:?} {m} {k} {n}");
                }
            }
        }
    }
}

#[test]
fn bad_indices_are_found() {
    for level in Level::all() {
        for bad in [0usize, 5, 16, 36] {
            let mut index: Vec<u32> = (0..37).collect();
            index[bad] = if bad == 5 { -1i32 as u32 } else { 37 };
            let mut found = [-1i64];
            let mut call = Call::new(1, index.len());
            call.inputs[0] = operand(&index, 0);
            call.out = operand_mut(&mut found, 0);
            call.extra = [37, 1];
            run(memory::check_indices(level), &call);
            assert_eq!(found[0], bad as i64);
        }
    }
}

#[test]
fn bits_of_a_stream_become_bytes() {
    let stream: Vec<u8> = (0..64u32).map(|k| (k * 37 + 11) as u8).collect();
    for level in Level::all() {
        for (from, len) in [(0, 0), (0, 1), (8, 63), (0, 64), (16, 65), (24, 200), (0, 512)] {
            let mut out = vec![7u8; len + 1];
            let mut call = Call::new(1, len);
            call.out = operand_mut(&mut out, 0);
            call.inputs[0] = operand(&stream, 0);
            call.extra = [from as u64, 1 | (stream.len() as u64) << 8];
            run(unpack::bits_to_bytes(level), &call);
            let bit = |at: usize| stream[at / 8] >> (at % 8) & 1;
            let want: Vec<u8> = (from..from + len).map(bit).chain([7]).collect();
            assert_eq!(out, want, "{level:?}, {len} from {from}");
        }
    }
}

#[test]
fn bytes_become_bits() {
    let bytes: Vec<u8> = (0..800u32).map(|k| if k % 3 == 1 { k as u8 } else { 0 }).collect();
    for level in Level::all() {
        for len in [0, 1, 7, 8, 9, 64, 100] {
            let mut out = vec![7u8; len + 1];
            let mut call = Call::new(1, len);
            call.out = operand_mut(&mut out, 0);
            call.inputs[0] = operand(&bytes, 0);
            run(unpack::bytes_to_bits(level), &call);
            let bit = |at: usize, j: usize| ((bytes[8 * at + j] != 0) as u8) << j;
            let byte = |at: usize| (0..8).map(|j| bit(at, j)).sum();
            assert_eq!(out, (0..len).map(byte).chain([7]).collect::<Vec<u8>>(), "{level:?}, {len}");
        }
    }
}
