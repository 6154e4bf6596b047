//! Products by blocks against f64, on every level, with any number of threads and whatever rows come together.

use super::drive::{Resources, run};
use super::{Factor, Matrix, Problem, Product, Weight, product};
use crate::ahead::Order;
use crate::memory::Block;
use crate::pool::Pool;
use crate::simd::Level;
use crate::simd::amx::Amx;
use std::sync::Mutex;
use tilewright_ir::{DType, text::parse};

mod sixteens;

struct Random(u32);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Numbers of which some are much larger than the rest.
    fn tensor(&mut self, count: usize, dtype: DType) -> Tensor {
        let mut one = |i: usize| {
            let x = f64::from(self.word()) / f64::from(u32::MAX) - 0.5;
            dtype.round(x * if i % 101 == 7 { 20.0 } else { 1.0 })
        };
        Tensor::of((0..count).map(&mut one).collect(), dtype)
    }
}

/// A tensor's values, and its bytes.
struct Tensor {
    values: Vec<f64>,
    bytes: Vec<u32>,
    dtype: DType,
}

impl Tensor {
    fn of(values: Vec<f64>, dtype: DType) -> Tensor {
        let mut bytes = vec![0u32; values.len()];
        for (i, value) in values.iter().enumerate() {
            match dtype {
                DType::F32 => bytes[i] = (*value as f32).to_bits(),
                DType::BF16 => {
                    bytes[i / 2] |= ((*value as f32).to_bits() >> 16) << (16 * (i % 2));
                }
                _ => bytes[i] = *value as u32,
            }
        }
        Tensor { values, bytes, dtype }
    }

    fn matrix(&self, columns: usize) -> Matrix {
        let element = self.dtype.size() as isize;
        let at = self.bytes.as_ptr().cast_mut().cast();
        Matrix { at, row: element * columns as isize, element, dtype: self.dtype }
    }
}

/// The levels of this CPU, and the best with matrix tiles where there are any.
pub fn levels() -> impl Iterator<Item = (Level, Option<Amx>)> {
    let tiles = Amx::detect().map(|tiles| (Level::best(), Some(tiles)));
    Level::all().map(|level| (level, None)).chain(tiles)
}

/// Calls `work` with threads of a level that nobody else has.
pub fn with_tiles(
    (level, tiles): (Level, Option<Amx>),
    threads: usize,
    work: impl FnOnce(&Resources<'_>),
) {
    let pool = Pool::new(threads, 1 << 16);
    let own: Vec<Mutex<Option<Block>>> = (0..threads).map(|_| Mutex::default()).collect();
    let shared = Mutex::default();
    let with = |worker: usize, work: &mut dyn FnMut(&mut Option<Block>)| {
        work(&mut own[worker].lock().unwrap());
    };
    let order = &Order::default();
    let resources = Resources { pool: &pool, level, order, tiles, shared: &shared, own: &with };
    work(&resources);
}

/// Runs a problem and gives y as bits.
fn results(
    mut problem: Problem,
    rows: usize,
    level: (Level, Option<Amx>),
    threads: usize,
) -> Vec<u32> {
    let mut y = vec![f32::NAN.to_bits(); rows * problem.columns];
    problem.y = Matrix {
        at: y.as_mut_ptr().cast(),
        row: 4 * problem.columns as isize,
        element: 4,
        dtype: DType::F32,
    };
    // SAFETY: the tensors of the tests hold every element, and y is this function's.
    with_tiles(level, threads, |resources| unsafe { run(&problem, resources) }.unwrap());
    y
}

fn check(y: &[u32], exact: &[(f64, f64)], share: f64, what: &str) {
    assert_eq!(y.len(), exact.len());
    for (i, (y, (exact, size))) in y.iter().zip(exact).enumerate() {
        let error = (f64::from(f32::from_bits(*y)) - exact).abs();
        assert!(error <= share * size, "{what}: element {i} is {error} off {exact}");
    }
}

/// Σ x w of every row and column, and the product of the norms of x and w.
fn products(
    x: &[f64],
    depth: usize,
    w: impl Fn(usize, usize) -> f64,
    columns: usize,
) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    for x in x.chunks(depth) {
        for j in 0..columns {
            let terms = x.iter().enumerate().map(|(l, x)| (*x, w(l, j)));
            let [sum, xx, ww] =
                terms.fold([0.0; 3], |[sum, xx, ww], (x, w)| [sum + x * w, xx + x * x, ww + w * w]);
            all.push((sum, (xx * ww).sqrt()));
        }
    }
    all
}

fn in_order(rows: usize) -> (Vec<(u32, u32)>, Vec<(usize, usize)>) {
    ((0..rows as u32).map(|row| (row, row)).collect(), vec![(0, rows)])
}

#[test]
fn floats_in_either_layout() {
    let mut random = Random(3);
    for (rows, depth, columns) in
        [(1, 1, 1), (5, 67, 33), (13, 300, 17), (600, 40, 70), (40, 1101, 50)]
    {
        for (dtype, turned) in [(DType::F32, true), (DType::BF16, false), (DType::BF16, true)] {
            let x = random.tensor(rows * depth, dtype);
            let w = random.tensor(depth * columns, dtype);
            let at = |l: usize, j: usize| if turned { j * depth + l } else { l * columns + j };
            let exact = products(&x.values, depth, |l, j| w.values[at(l, j)], columns);
            let matrix = match turned {
                true => w.matrix(depth),
                false => {
                    let plain = w.matrix(columns);
                    Matrix { row: plain.element, element: plain.row, ..plain }
                }
            };
            let (list, ends) = in_order(rows);
            let problem = Problem {
                x: x.matrix(depth),
                y: x.matrix(depth),
                factor: Factor::Floats(matrix),
                experts: [0; 3],
                depth,
                columns,
                rows: list,
                ends,
                by_sixteens: false,
            };
            for level in levels() {
                let y = results(problem.clone(), rows, level, 2);
                check(&y, &exact, 1e-6, &format!("{level:?} {rows} {depth} {columns} {dtype:?}"));
                assert_eq!(y, results(problem.clone(), rows, level, 3));
            }
        }
    }
}

#[test]
fn packed_weights_of_experts_in_every_width() {
    let mut random = Random(5);
    for (bits, group, groups) in
        [(4, 64, 9), (4, 32, 3), (2, 128, 2), (8, 64, 11), (3, 32, 5), (6, 64, 1)]
    {
        for dtype in [DType::BF16, DType::F32] {
            let (rows, columns, experts, slots) = (23, 37, 3, 2);
            let depth = group * groups;
            let x = random.tensor(rows * depth, dtype);
            let scales = random.tensor(experts * columns * groups, dtype);
            let biases = random.tensor(experts * columns * groups, dtype);
            let of_row = depth * bits / 32;
            let words: Vec<u32> = (0..experts * columns * of_row).map(|_| random.word()).collect();
            let weight = |expert: usize, l: usize, j: usize| {
                let row = &words[(expert * columns + j) * of_row..][..of_row];
                let bit = |i: usize| row[i / 32] >> (i % 32) & 1;
                let q = (0..bits).fold(0, |q, k| q | bit(l * bits + k) << k);
                let of = (expert * columns + j) * groups + l / group;
                f64::from(q) * scales.values[of] + biases.values[of]
            };
            let chosen: Vec<usize> = (0..rows * slots).map(|i| (i * 7 + i / 5) % experts).collect();
            let mut exact = Vec::new();
            for (number, expert) in chosen.iter().enumerate() {
                let row = &x.values[number / slots * depth..][..depth];
                exact.extend(products(row, depth, |l, j| weight(*expert, l, j), columns));
            }
            let mut list = Vec::new();
            let mut ends = Vec::new();
            for expert in 0..experts {
                let of = (0..rows * slots).filter(|number| chosen[*number] == expert);
                list.extend(of.map(|number| ((number / slots) as u32, number as u32)));
                ends.push((expert, list.len()));
            }
            let matrix = |at: *const u32, row: usize, dtype: DType| {
                let element = dtype.size() as isize;
                Matrix { at: at.cast_mut().cast(), row: row as isize * element, element, dtype }
            };
            let problem = Problem {
                x: x.matrix(depth),
                y: x.matrix(depth),
                factor: Factor::Affine {
                    words: matrix(words.as_ptr(), of_row, DType::U32),
                    scales: scales.matrix(groups),
                    biases: biases.matrix(groups),
                    bits: bits as u32,
                    group,
                },
                experts: [
                    (columns * of_row * 4) as isize,
                    (columns * groups * dtype.size()) as isize,
                    (columns * groups * dtype.size()) as isize,
                ],
                depth,
                columns,
                rows: list,
                ends,
                by_sixteens: false,
            };
            let mut found = Vec::new();
            for level in levels() {
                let y = results(problem.clone(), rows * slots, level, 2);
                check(
                    &y,
                    &exact,
                    2f64.powi(-16),
                    &format!("{level:?}, {bits} bits, groups of {group}, {dtype:?}"),
                );
                assert_eq!(y, results(problem.clone(), rows * slots, level, 1));
                // What tiles give is as exact, not the same.
                if level.1.is_none() {
                    found.push(y);
                }
            }
            if dtype == DType::BF16 {
                assert!(found.windows(2).all(|two| two[0] == two[1]), "levels differ");
                // A row alone is read where it lies.
                let mut alone = problem.clone();
                alone.rows = vec![problem.rows[0]];
                alone.ends = vec![(problem.ends[0].0, 1)];
                let y = results(alone, rows * slots, (Level::best(), None), 1);
                let at = problem.rows[0].1 as usize * columns;
                let row = at..at + columns;
                check(&y[row.clone()], &exact[row], 2f64.powi(-16), "a row alone");
            }
        }
    }
}

#[test]
fn what_is_not_finite_stays_so() {
    let depth = 64;
    let mut values = vec![1.0; 2 * depth];
    values[5] = f64::INFINITY;
    let x = Tensor::of(values, DType::BF16);
    let (scales, biases) = (Tensor::of(vec![1.0], DType::BF16), Tensor::of(vec![0.5], DType::BF16));
    let words = [u32::MAX; 8];
    let (rows, ends) = in_order(2);
    let matrix =
        Matrix { at: words.as_ptr().cast_mut().cast(), row: 32, element: 4, dtype: DType::U32 };
    let problem = Problem {
        x: x.matrix(depth),
        y: x.matrix(depth),
        factor: Factor::Affine {
            words: matrix,
            scales: scales.matrix(1),
            biases: biases.matrix(1),
            bits: 4,
            group: 64,
        },
        experts: [0; 3],
        depth,
        columns: 1,
        rows,
        ends,
        by_sixteens: false,
    };
    for level in levels() {
        let y = results(problem.clone(), 2, level, 1);
        assert_eq!(y, [f32::INFINITY, 64.0 * 15.5].map(f32::to_bits));
    }
}

#[test]
fn what_tiles_do_not_hold_is_computed_without_them() {
    let Some(tiles) = Amx::detect() else { return };
    let (rows, depth, columns) = (20, 128, 33);
    let mut random = Random(9);
    let scales = random.tensor(columns * 2, DType::BF16);
    let biases = random.tensor(columns * 2, DType::BF16);
    let words: Vec<u32> = (0..columns * depth / 8).map(|_| random.word()).collect();
    let plain = random.tensor(rows * depth, DType::BF16).values;
    // One element, or all of a row so many times smaller.
    let elements = [f64::INFINITY, f64::NAN, 1e38].map(|x| (Some(x), 1.0));
    for (element, times) in elements.into_iter().chain([(None, 1e-30), (None, 1e-39)]) {
        let mut values = plain.clone();
        let row = &mut values[7 * depth..][..depth];
        row.iter_mut().for_each(|x| *x *= times);
        row[3] = element.unwrap_or(row[3]);
        let values = values.iter().map(|x| DType::BF16.round(*x)).collect();
        let x = Tensor::of(values, DType::BF16);
        let (list, ends) = in_order(rows);
        let row = depth as isize / 2;
        let at = words.as_ptr().cast_mut().cast();
        let problem = Problem {
            x: x.matrix(depth),
            y: x.matrix(depth),
            factor: Factor::Affine {
                words: Matrix { at, row, element: 4, dtype: DType::U32 },
                scales: scales.matrix(2),
                biases: biases.matrix(2),
                bits: 4,
                group: 64,
            },
            experts: [0; 3],
            depth,
            columns,
            rows: list,
            ends,
            by_sixteens: false,
        };
        let found = [None, Some(tiles)]
            .map(|tiles| results(problem.clone(), rows, (Level::best(), tiles), 2));
        assert_eq!(found[0], found[1], "{element:?} {times}");
    }
}

/// A blocked product with packed weights as it is recorded, with `step` for the places of words in a round.
fn blocked(step: usize) -> String {
    format!(
        "kernel k(x: in bf16[*rows, 64*groups], w: in u32[columns, 8*groups], \
            scales: in bf16[columns, groups], biases: in bf16[columns, groups], \
            y: out bf16[*rows, columns])
        grid rows / 64, columns / 64
        var $0: f32[64, 64]
        %0: i32 = program 0
        %1: i32 = const 64
        %2: i32 = mul %0, %1
        %3: i32 = program 1
        %4: i32 = const 64
        %5: i32 = mul %3, %4
        %6: f32 = const 0.0
        %7: f32[64, 64] = broadcast %6
        set $0 = %7
        %8: i32 = const 0
        %9: i32 = size groups
        for %10 in %8..%9 {{
          %11: i32 = const 64
          %12: i32 = mul %10, %11
          %13: i32 = const {step}
          %14: i32 = mul %10, %13
          %15: bf16[64, 64] = load x[%2..+64, %12..+64]
          %16: f32[64, 64] = cast %15
          %17: bf16[64, 1] = load scales[%5..+64, %10..+1]
          %18: f32[64, 1] = cast %17
          %19: f32[64, 1, 1] = reshape %18
          %20: u32[64, 8] = load w[%5..+64, %14..+8]
          %21: u32[64, 64] = unpack %20 bits 4
          %22: f32[64, 64] = cast %21
          %23: f32[64, 1, 64] = reshape %22
          %24: f32[64, 1, 64] = mul %23, %19
          %25: bf16[64, 1] = load biases[%5..+64, %10..+1]
          %26: f32[64, 1] = cast %25
          %27: f32[64, 1, 1] = reshape %26
          %28: f32[64, 1, 64] = add %24, %27
          %29: f32[64, 64] = reshape %28
          %30: f32[64, 64] = transpose %29 [1, 0]
          %31: f32[64, 64] = dot %16, %30
          %32: f32[64, 64] = get $0
          %33: f32[64, 64] = add %32, %31
          set $0 = %33
        }}
        %34: f32[64, 64] = get $0
        %35: bf16[64, 64] = cast %34
        store y[%2..+64, %5..+64] = %35"
    )
}

#[test]
fn products_are_seen_by_what_they_are() {
    let found = product(&parse(&blocked(8)).unwrap()).unwrap();
    let Product { weight: Weight::Affine { bits, group, .. }, indices, by_element, .. } = found
    else {
        panic!("{found:?}")
    };
    assert_eq!((bits, group, indices, by_element), (4, 64, None, false));
    assert_eq!(product(&parse(&blocked(9)).unwrap()), None, "other words");
    let squared = blocked(8).replace("add %32, %31", "mul %32, %31");
    assert_eq!(product(&parse(&squared).unwrap()), None);
}
