//! Constant folding, by the interpreter's own meaning of each op.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{Expr, ExprId, meaning};

pub(crate) static RULES: &[Rule] =
    &[Rule { name: "fold", law: "an op of literals is a literal", apply: fold }];

fn fold(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let mut values = [0.0; 3];
    let mut count = 0;
    let mut known = true;
    let mut from = e.ty.dtype;
    e.kind.operands(|id| {
        match (values.get_mut(count), r.splat(id)) {
            (Some(value), Some(constant)) => *value = constant,
            _ => known = false,
        }
        from = r.ty(id).dtype;
        count += 1;
    });
    if !known || count == 0 {
        return None;
    }
    let value = meaning::elementwise(&e.kind, from, e.ty.dtype, values)?;
    Some(r.filled(value, e))
}
