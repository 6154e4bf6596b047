//! The greatest elements of rows that a subgroup holds, by their candidates, stepped through on the host.

mod stepped;

use stepped::{lowered, prepared};
use tilewright_ir::thread::{Code, emulate};
use tilewright_ir::{Argument, DType, Tensor};

const K: usize = 8;

/// The positions of the greatest elements: NaN first, then greater ones, of equal ones the first.
fn greatest(row: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&i, &j| {
        let nan = row[j].is_nan().cmp(&row[i].is_nan());
        nan.then(row[j].partial_cmp(&row[i]).unwrap_or(std::cmp::Ordering::Equal))
    });
    order[..K].iter().map(|&i| i as f64).collect()
}

#[test]
fn candidates_are_found_wherever_they_lie() {
    for dtype in [DType::F32, DType::BF16] {
        let program = prepared("topk", dtype);
        for cols in [256, 300, 512, 1024, 1500, 2048] {
            let infinity = f64::INFINITY;
            let mixed = move |i: usize| ((i * 7919) % 251) as f64 - 100.0;
            // Without order, all in one thread, one to each word of a thread's marks, many equal ones, sorted, infinite, none.
            let rows: [&dyn Fn(usize) -> f64; 11] = [
                &mixed,
                &|i| {
                    if i % 128 < 4 && i / 128 % 2 == 1 {
                        200.0 + (i / 128) as f64
                    } else {
                        mixed(i)
                    }
                },
                &|i| if [0, cols - 1, cols / 2].contains(&i) { 300.0 } else { mixed(i) },
                &|i| if i % 5 == 0 { 1.0 } else { 0.0 },
                &|i| i as f64,
                &|i| if i % 97 == 3 { infinity } else { -infinity },
                &|i| if i == cols - 2 || i == 5 { f64::NAN } else { mixed(i) },
                &|i| if i % 2 == 0 { 0.0 } else { -0.0 },
                // Below zero, less than the least normal number of f32, not a number anywhere.
                &|i| -mixed(i).abs() - 1.0,
                &|i| mixed(i) * 1e-40,
                &|_| f64::NAN,
            ];
            let values: Vec<f64> = rows.iter().flat_map(|row| (0..cols).map(row)).collect();
            let x = Tensor::from_values(dtype, &[rows.len(), cols], &values);
            let values = x.values();
            let (threads, dims) = lowered(&program, rows.len(), cols);
            let mut pairs = 0;
            let marks =
                &mut |code: &Code| pairs += usize::from(matches!(code, Code::MarkHalves { .. }));
            threads.body.iter().for_each(|code| code.visit(marks));
            let whole = dtype == DType::BF16 && cols.is_power_of_two();
            assert_eq!(pairs, if whole { (cols / 1024).max(1) } else { 0 }, "{dtype} {cols}");
            let out = |dtype| {
                Argument::Tensor(Tensor::from_values(dtype, &[rows.len(), K], &[77.0; 11 * K]))
            };
            let mut arguments = [Argument::Tensor(x), out(dtype), out(DType::U32)];
            emulate(&threads, &dims, &mut arguments).unwrap();
            let found = [1, 2].map(|i: usize| arguments[i].tensor().unwrap().values());
            for (number, row) in values.chunks(cols).enumerate() {
                let right = greatest(row);
                let own = number * K..(number + 1) * K;
                assert_eq!(found[1][own.clone()], right, "{dtype} {cols}, row {number}");
                for (value, at) in found[0][own].iter().zip(&right) {
                    let right = row[*at as usize];
                    assert!(*value == right || (value.is_nan() && right.is_nan()), "{number}");
                }
            }
        }
    }
}
