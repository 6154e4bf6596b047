//! The greatest and the least elements of rows of bf16, two elements at a time, stepped through on the host.

mod stepped;

use stepped::{lowered, prepared};
use tilewright_ir::thread::{Code, emulate};
use tilewright_ir::{Argument, DType, Tensor};

/// The first extremum, NaN before all: its position and value.
fn extremum(row: &[f64], max: bool) -> (usize, f64) {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        let further = if max { *value > row[best] } else { *value < row[best] };
        if !row[best].is_nan() && (further || value.is_nan()) {
            best = at;
        }
    }
    (best, row[best])
}

#[test]
fn extrema_of_pairs_are_those_of_elements() {
    for (name, max, is_place) in [
        ("argmax", true, true),
        ("argmin", false, true),
        ("max", true, false),
        ("min", false, false),
    ] {
        for (dtype, cols) in [
            (DType::BF16, 256),
            (DType::BF16, 300),
            (DType::BF16, 2048),
            (DType::BF16, 4096),
            (DType::F16, 2048),
        ] {
            let program = prepared(name, dtype);
            let infinity = f64::INFINITY;
            let mixed = move |i: usize| ((i * 7919) % 251) as f64 - 100.0;
            // Without order, ties of neighbours, one at an odd place, infinite, NaN among greater and smaller ones, zeros of both
            // signs, below all normal numbers, not a number anywhere.
            let rows: [&dyn Fn(usize) -> f64; 9] = [
                &mixed,
                &|i| if i / 2 % 3 == 1 { 7.0 } else { -7.0 },
                &|i| if i == cols - 1 { 300.0 } else { -mixed(i).abs() - 1.0 },
                &|i| if i % 97 == 3 { infinity } else { -infinity },
                &|i| if i == cols - 2 || i == 5 { f64::NAN } else { mixed(i) },
                &|i| if i == 7 { f64::NAN } else { infinity },
                &|i| if i % 2 == 0 { 0.0 } else { -0.0 },
                &|i| mixed(i) * 1e-40,
                &|_| f64::NAN,
            ];
            let values: Vec<f64> = rows.iter().flat_map(|row| (0..cols).map(row)).collect();
            let x = Tensor::from_values(dtype, &[rows.len(), cols], &values);
            let values = x.values();
            let (threads, dims) = lowered(&program, rows.len(), cols);
            let mut pairs = 0;
            let mut count =
                |code: &Code| pairs += usize::from(matches!(code, Code::ExtremeHalf { .. }));
            threads.body.iter().for_each(|code| code.visit(&mut count));
            let whole = dtype == DType::BF16 && cols.is_power_of_two();
            assert_eq!(pairs, usize::from(whole), "{name} {dtype} {cols}");
            let out = if is_place { DType::U32 } else { dtype };
            let out = Argument::Tensor(Tensor::from_values(out, &[rows.len()], &[77.0; 9]));
            let mut arguments = [Argument::Tensor(x), out];
            emulate(&threads, &dims, &mut arguments).unwrap();
            let found = arguments[1].tensor().unwrap().values();
            for (number, row) in values.chunks(cols).enumerate() {
                let (at, value) = extremum(row, max);
                let right = if is_place { at as f64 } else { value };
                let same = found[number] == right || (found[number].is_nan() && right.is_nan());
                assert!(same, "{name} {dtype} {cols}, row {number}: {} {right}", found[number]);
            }
        }
    }
}
