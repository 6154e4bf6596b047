//! Cross entropy of softmax, over the last axis.
//!
//! ```text
//! softmax_cross_entropy:      loss = log Σ exp(x) - x[target]
//! softmax_cross_entropy_grad: the same loss, and dlogits = scale (exp(x) / Σ exp(x) - onehot(target))
//! ```
//! x = logits, dlogits: `[*rows, classes]`; target, loss: `[*rows]`. A row whose target is `ignore_index` gives 0 in
//! both; any other target must be a class. The loss is f32 whatever the type of the logits.
//!
//! The second kernel is for training: one reading of the logits gives loss and gradient, with `scale` the share of
//! a row in the total (1 / rows for a mean).

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The loss alone.
pub static SOFTMAX_CROSS_ENTROPY: Entry = Entry {
    name: "softmax_cross_entropy",
    family: Family::Loss,
    summary: "cross entropy of softmax, a loss a row",
    formula: "loss = log Σ exp(logits) - logits[target]",
    signature: "logits: T[*rows, classes], target: i32[*rows], ignore_index: i32 = -100 \
                -> loss: f32[*rows]",
    build: |k, a| {
        softmax_cross_entropy(k, a["logits"], a["target"], a.scalar("ignore_index"), a["loss"]);
    },
    reference: |a| vec![cross_entropy_f64(a).0],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("target", Fill::Index("classes"))],
    cases: &[
        Case::of(&[("rows", 1), ("classes", 1)]),
        Case::of(&[("rows", 31), ("classes", 3)]).scalars(&[("ignore_index", 1.0)]),
        Case::of(&[("rows", 5), ("classes", 31)]),
        Case::of(&[("rows", 3), ("classes", 257)]),
        Case::of(&[("rows", 5), ("classes", 1024)]),
        // Too long to be held, short enough to be emulated.
        Case::of(&[("rows", 1), ("classes", 17001)]),
        Case::of(&[("rows", 2), ("classes", 128256)]),
        Case::of(&[("rows", 0), ("classes", 8)]),
        Case::of(&[("rows", 4096), ("classes", 32000)]).bench(),
    ],
    flops: None,
};

/// The loss and its gradient.
pub static SOFTMAX_CROSS_ENTROPY_GRAD: Entry = Entry {
    name: "softmax_cross_entropy_grad",
    summary: "cross entropy of softmax and its gradient, in one pass",
    formula: "loss = log Σ exp(logits) - logits[target]; dlogits = scale (softmax(logits) - onehot(target))",
    signature: "logits: T[*rows, classes], target: i32[*rows], scale: f32 = 1, \
                ignore_index: i32 = -100 -> loss: f32[*rows], dlogits: T[*rows, classes]",
    build: |k, a| {
        let (scale, ignore) = (a.scalar("scale"), a.scalar("ignore_index"));
        let (logits, target) = (a["logits"], a["target"]);
        softmax_cross_entropy_grad(k, logits, target, scale, ignore, a["loss"], a["dlogits"]);
    },
    reference: |a| {
        let (loss, dlogits) = cross_entropy_f64(a);
        vec![loss, dlogits]
    },
    grad: Grad::None("it gives a gradient itself; differentiate softmax_cross_entropy"),
    ..SOFTMAX_CROSS_ENTROPY
};

/// Loss and gradient of each row. Without a scale, the gradient is that of the loss.
fn cross_entropy_f64(a: &Inputs) -> (Vec<f64>, Vec<f64>) {
    let (mut loss, mut dlogits) = (Vec::new(), Vec::new());
    for (row, &target) in a.rows("logits", a.size("classes")).zip(a.tensor("target")) {
        if target == a.scalar("ignore_index") {
            loss.push(0.0);
            dlogits.extend(row.iter().map(|_| 0.0));
            continue;
        }
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shift = if max.is_finite() { max } else { 0.0 };
        let e: Vec<f64> = row.iter().map(|x| (x - shift).exp()).collect();
        let sum: f64 = e.iter().sum();
        loss.push(shift + sum.ln() - row[target as usize]);
        dlogits.extend(e.iter().enumerate().map(|(class, e)| {
            let onehot = if class == target as usize { 1.0 } else { 0.0 };
            a.scalar("scale") * (e / sum - onehot)
        }));
    }
    (loss, dlogits)
}

/// One program a row.
pub fn softmax_cross_entropy(
    k: &mut Kernel,
    logits: View,
    target: View,
    ignore_index: Tile,
    loss: View,
) {
    let row = k.program();
    let x = logits.row(row).load().to(F32); // [classes]
    let target = target.row(row).load();
    let kept = target.ne(ignore_index);
    loss.row(row).store(kept.select(x.logsumexp() - x_at(x, kept, target), 0.0));
}

/// One program a row.
pub fn softmax_cross_entropy_grad(
    k: &mut Kernel,
    logits: View,
    target: View,
    scale: Tile,
    ignore_index: Tile,
    loss: View,
    dlogits: View,
) {
    let row = k.program();
    let x = logits.row(row).load().to(F32); // [classes]
    let target = target.row(row).load();
    let kept = target.ne(ignore_index);
    let max = x.row_max();
    // Beside an infinite logit the loss is infinite; subtracting that maximum would make it NaN.
    let shift = max.abs().lt(f64::INFINITY).select(max, 0.0);
    let e = (x - shift).exp(); // [classes]
    let sum = e.row_sum();
    loss.row(row).store(kept.select(sum.log() + shift - x_at(x, kept, target), 0.0));
    // One product an element, of what is computed once a row.
    let share = e * (scale / sum); // [classes]
    let onehot = k.iota(logits.size(1)).eq(target); // [classes]
    let dx = onehot.select(share - scale, share); // [classes]
    dlogits.row(row).store(kept.select(dx, 0.0));
}

/// `x[target]`, as a tile `[1]`. An ignored target need not be a class; `x[0]` stands in for it.
fn x_at(x: Tile, kept: Tile, target: Tile) -> Tile {
    x.pick(kept.select(target, 0).column())
}
