//! NaN, infinities, negative zero, denormals and huge numbers, one a row, through every kernel of maps and rows: the
//! interpreter must give what the f64 reference gives, in that row and in its neighbours.

mod call;

use call::call;
use tilewright_ir::DType;
use tilewright_kernels::{CATALOG, Entry, Family};
use tilewright_lang::{Declared, Signature};

const SPECIAL: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-45, -1e-40];
const HUGE: [f64; 3] = [1e38, -1e38, 1.5e38];
const COLS: usize = 9;

/// Families whose kernels work on rows or elements of a first input.
fn concerned(entry: &Entry) -> bool {
    entry.family <= Family::Random
}

/// Kernels that square in f32, which 1e38 overflows in theirs as in any framework's.
fn squares(entry: &Entry) -> bool {
    let squaring = ["square", "relu2", "var", "std", "fused_recurrent_step"];
    let norm = entry.family == Family::Norm || entry.name.contains("norm_dropout");
    squaring.contains(&entry.name) || norm
}

/// Runs a kernel on rows of small numbers with a value of `hostile` in the middle of each.
fn survive(entry: &'static Entry, hostile: &[f64]) {
    let rows = hostile.len();
    let size = |name: &str| match name {
        "rows" | "groups" => rows,
        "cols" | "members" | "classes" => COLS,
        "n" => rows * COLS,
        other => panic!("{}: what is the size {other}?", entry.name),
    };
    let specialization = entry.specialization(DType::F32, &[]);
    let declared = Signature::parse(entry.signature).and_then(|s| s.declare(&specialization));
    let mut run = call(entry.name);
    let mut first = true;
    for parameter in declared.unwrap_or_default() {
        let Declared::Tensor { name, dtype, shape, access, .. } = parameter else { continue };
        if access == tilewright_ir::Access::Out {
            continue;
        }
        let shape: Vec<usize> = shape
            .iter()
            .map(|(times, name)| times * name.as_ref().map_or(1, |name| size(name)))
            .collect();
        let count: usize = shape.iter().product();
        let mut elements: Vec<f64> = (0..count).map(|i| (i * 7 % 11) as f64 / 4.0 - 1.0).collect();
        if !dtype.is_float() {
            elements.fill(1.0);
        } else if first {
            first = false;
            let width = count / rows;
            for (row, value) in elements.chunks_mut(width).zip(hostile) {
                row[width / 2] = *value;
                row[0] = *value;
            }
        }
        run = run.tensor(&name, &shape, &elements);
    }
    run.run().agrees();
}

#[test]
fn special_values() {
    for entry in CATALOG.iter().filter(|entry| concerned(entry)) {
        survive(entry, &SPECIAL);
    }
}

#[test]
fn huge_values() {
    for entry in CATALOG.iter().filter(|entry| concerned(entry) && !squares(entry)) {
        survive(entry, &HUGE);
    }
}
