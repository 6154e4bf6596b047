//! Roundings that storing does by itself.

use tilewright_ir::table::HashSet;
use tilewright_ir::{DType, ExprId, ExprKind, Program, Stmt, StoreMode};

/// The conversions from f32 to a half type whose results are stored and not used otherwise.
pub(super) fn only_stored(program: &Program) -> HashSet<ExprId> {
    let halves = |id: &ExprId| {
        let expr = program.expr(*id);
        matches!(expr.kind, ExprKind::Cast(a) if program.expr(a).ty.dtype == DType::F32)
            && matches!(expr.ty.dtype, DType::F16 | DType::BF16)
    };
    let ids = (0..program.exprs.len() as u32).map(ExprId);
    let mut found: HashSet<ExprId> = ids.filter(halves).collect();
    for expr in &program.exprs {
        expr.kind.operands(|a| {
            found.remove(&a);
        });
    }
    used_beside(&program.body, &mut found);
    found
}

/// Removes what `body` uses in another way than storing it plainly.
fn used_beside(body: &[Stmt], found: &mut HashSet<ExprId>) {
    for statement in body {
        match statement {
            Stmt::Set(_, value) => {
                found.remove(value);
            }
            Stmt::Store { value, mode, .. } if *mode != StoreMode::Set => {
                found.remove(value);
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => used_beside(body, found),
            Stmt::Let(_) | Stmt::Store { .. } => {}
        }
    }
}
