//! Reductions of the last axis, `[*rows, cols] -> [*rows]`: sum, mean, greatest, least, variance and its root.
//!
//! Sums are taken in f32 whatever the storage type. A NaN in a row makes its result NaN, also for `max` and `min`. The
//! sum of no elements is 0, their mean NaN, their greatest -∞ and their least ∞. Of equal extremes the
//! first gets the gradient.

use crate::cases::ROWS;
use crate::{Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// y = Σ x.
pub static SUM: Entry = reduction(
    "sum",
    "sum over the last axis",
    "y = Σ x",
    |k, a| reduce(k, a, |x| x.row_sum()),
    |a| each_row(a, |row| row.iter().sum()),
);

/// y = Σ x / cols.
pub static MEAN: Entry = reduction(
    "mean",
    "mean over the last axis",
    "y = Σ x / cols",
    |k, a| reduce(k, a, |x| x.row_mean()),
    |a| each_row(a, |row| row.iter().sum::<f64>() / row.len() as f64),
);

/// y = greatest x.
pub static MAX: Entry = Entry {
    fills: &[("x", Fill::Distinct)],
    ..reduction(
        "max",
        "greatest over the last axis",
        "y = max x",
        |k, a| reduce(k, a, |x| x.row_max()),
        |a| each_row(a, |row| first_of(row, |x, best| x > best)),
    )
};

/// y = least x.
pub static MIN: Entry = Entry {
    fills: &[("x", Fill::Distinct)],
    ..reduction(
        "min",
        "least over the last axis",
        "y = min x",
        |k, a| reduce(k, a, |x| x.row_min()),
        |a| each_row(a, |row| first_of(row, |x, best| x < best)),
    )
};

/// y = mean (x - mean x)², the variance of a population. The mean is subtracted first: mean x² - (mean x)² cancels
/// where the mean is large.
pub static VAR: Entry = reduction(
    "var",
    "variance over the last axis",
    "y = mean (x - mean x)²",
    |k, a| reduce(k, a, variance),
    |a| each_row(a, variance_f64),
);

/// y = sqrt(var x + eps): of equal elements, sqrt(eps) and not 0, so that the gradient is finite.
pub static STD: Entry = Entry {
    signature: "x: T[*rows, cols], eps: f32 = 1e-6 -> y: T[*rows]",
    ..reduction(
        "std",
        "standard deviation over the last axis",
        "y = sqrt(mean (x - mean x)² + eps)",
        |k, a| reduce(k, a, |x| (variance(x) + a.scalar("eps")).sqrt()),
        |a| each_row(a, |row| (variance_f64(row) + a.scalar("eps")).sqrt()),
    )
};

/// What all of them have in common.
const fn reduction(
    name: &'static str,
    summary: &'static str,
    formula: &'static str,
    build: fn(&mut Kernel, &Args),
    reference: fn(&Inputs) -> Vec<Vec<f64>>,
) -> Entry {
    Entry {
        name,
        family: Family::Reduction,
        summary,
        formula,
        signature: "x: T[*rows, cols] -> y: T[*rows]",
        build,
        reference,
        grad: Grad::Auto,
        dtypes: &[F32, F16, BF16],
        constants: &[],
        fills: &[],
        cases: ROWS,
        flops: None,
    }
}

/// One program a row.
fn reduce(k: &mut Kernel, a: &Args, reduction: impl FnOnce(Tile) -> Tile) {
    let row = k.program();
    let x = a["x"].row(row).load().to(F32); // [cols]
    a["y"].row(row).store(reduction(x));
}

/// Variance over the last axis.
fn variance(x: Tile) -> Tile {
    (x - x.row_mean()).square().row_mean()
}

fn each_row(a: &Inputs, reduction: impl Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
    vec![a.rows("x", a.size("cols")).map(reduction).collect()]
}

/// The element that is `better` than all others; NaN if there is one.
fn first_of(row: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let pick = |best: f64, &x: &f64| if x.is_nan() || better(x, best) { x } else { best };
    row.iter().fold(row[0], pick)
}

fn variance_f64(row: &[f64]) -> f64 {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64
}
