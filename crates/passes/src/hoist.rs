//! Loop-invariant code: what has the same value in every round is computed once, before the loop.

use tilewright_ir::table::HashSet;
use tilewright_ir::{ExprId, ExprKind, Program, Stmt};

/// Moves expressions that do not depend on a loop in front of it.
///
/// Reads stay where they are, since memory and variables may change round the loop, and so do picks and
/// user-defined functions: the first may be out of range where the loop never runs, the second are costly there.
pub fn hoist(program: &mut Program) {
    let mut body = std::mem::take(&mut program.body);
    block(program, &mut body);
    program.body = body;
}

/// Moves what it can out of each loop of a block, inner loops first, so that one walk moves it all the way.
fn block(program: &Program, body: &mut Vec<Stmt>) {
    let mut result = Vec::with_capacity(body.len());
    for mut statement in body.drain(..) {
        match &mut statement {
            Stmt::For { index, body, .. } => {
                block(program, body);
                let mut inside = HashSet::from_iter([*index]);
                let mut kept = Vec::with_capacity(body.len());
                for inner in body.drain(..) {
                    match inner {
                        Stmt::Let(id) if is_invariant(program, id, &inside) => {
                            result.push(Stmt::Let(id));
                        }
                        inner => {
                            if let Stmt::Let(id) = inner {
                                inside.insert(id);
                            }
                            kept.push(inner);
                        }
                    }
                }
                *body = kept;
            }
            Stmt::When { body, .. } => block(program, body),
            _ => {}
        }
        result.push(statement);
    }
    *body = result;
}

/// True when `id` may be computed before a loop that computes `inside`.
fn is_invariant(program: &Program, id: ExprId, inside: &HashSet<ExprId>) -> bool {
    let kind = &program.expr(id).kind;
    let stays = matches!(
        kind,
        ExprKind::Get(_)
            | ExprKind::Load { .. }
            | ExprKind::Pick { .. }
            | ExprKind::ReduceBy { .. }
            | ExprKind::ScanBy { .. }
    );
    let mut outside = true;
    kind.operands(|operand| outside &= !inside.contains(&operand));
    outside && !stays
}
