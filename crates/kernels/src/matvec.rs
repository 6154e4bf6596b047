//! [`crate::linear`] for few rows of x, as in decoding, where reading w is the whole cost: one program an element of y
//! reads its row of w once.

use crate::linear::{LINEAR, linear_f64};
use crate::{Case, Entry, Grad};
use tilewright_ir::DType::F32;
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static MATVEC: Entry = Entry {
    name: "matvec",
    summary: "linear layer of a few rows",
    build: |k, a| matvec(k, a["x"], a["w"], a["y"]),
    reference: |a| linear_f64(a, |sum| sum),
    grad: Grad::Auto,
    cases: &[
        Case::of(&[("rows", 1), ("depth", 1), ("columns", 1)]),
        Case::of(&[("rows", 1), ("depth", 257), ("columns", 33)]),
        Case::of(&[("rows", 3), ("depth", 67), ("columns", 129)]),
        Case::of(&[("rows", 2), ("depth", 0), ("columns", 3)]),
        Case::of(&[("rows", 0), ("depth", 8), ("columns", 3)]),
        Case::of(&[("rows", 1), ("depth", 4096), ("columns", 4096)]).bench(),
    ],
    ..LINEAR
};

/// One program an element of y.
pub fn matvec(k: &mut Kernel, x: View, w: View, y: View) {
    let (row, column) = (k.program(), k.program());
    let (x, w) = (x.row(row).load().to(F32), w.row(column).load().to(F32)); // [depth]
    y.row(row).at(column).store((x * w).row_sum());
}
