//! Memory that a program both reads and writes.
//!
//! Loads from it are copied where they stand, so that no store can change them; unless all their uses come before
//! the first store. Then they may be read where they lie, and the last of their users may write straight over them.

use super::*;
use tilewright_ir::{Axis, Place};

/// When the loads from shared memory are used for the last time.
pub(super) struct Sharing {
    /// By expression: the number of the last statement that uses it, views of it included.
    last_use: Vec<usize>,
    /// All loads from shared memory are done with before anything is stored there.
    pub early: bool,
}

impl Sharing {
    /// Reads a program without loops and conditions; with them nothing is early.
    pub(super) fn of(request: &Request<'_>) -> Sharing {
        let (program, analysis) = (request.program, request.analysis);
        let mut last_use = vec![0; program.exprs.len()];
        if analysis.control {
            return Sharing { last_use, early: false };
        }
        for (position, stmt) in program.body.iter().enumerate().rev() {
            match stmt {
                Stmt::Let(id) if !analysis.absorbed[id.index()] => {
                    let kind = &program.expr(*id).kind;
                    let view = matches!(
                        kind,
                        ExprKind::Broadcast(_)
                            | ExprKind::Reshape(_)
                            | ExprKind::Transpose(..)
                            | ExprKind::Slice { .. }
                            | ExprKind::Cast(_)
                            | ExprKind::Bitcast(_)
                    ) && analysis.fused[id.index()].is_none();
                    let until = if view { last_use[id.index()].max(position) } else { position };
                    for operand in blocks::operands_of(request, *id) {
                        let last = &mut last_use[operand.index()];
                        *last = (*last).max(until);
                    }
                }
                Stmt::Store { value, mask, place, .. } => {
                    let mut go = |id: ExprId| {
                        last_use[id.index()] = last_use[id.index()].max(position);
                    };
                    go(*value);
                    mask.iter().copied().for_each(&mut go);
                    place.operands(&mut go);
                }
                _ => {}
            }
        }
        let stored = program.body.iter().position(|stmt| {
            matches!(stmt, Stmt::Store { place, .. } if request.careful[place.param.index()])
        });
        let first = stored.unwrap_or(usize::MAX);
        let early = shared_loads(request).all(|(id, _)| last_use[id.index()] < first)
            && !program.body.iter().any(
                |stmt| matches!(stmt, Stmt::Let(id) if super::packed::reads_shared(request, *id)),
            );
        Sharing { last_use, early }
    }

    /// True when the value `id`, computed by statement number `stmt`, may be written straight to `place`: what it
    /// still reads of shared memory are the same elements, each as it is written.
    pub(super) fn allows(
        &self,
        request: &Request<'_>,
        id: ExprId,
        stmt: usize,
        place: &Place,
    ) -> bool {
        let elementwise = match &request.analysis.fused[id.index()] {
            Some((fusion, _)) => matches!(fusion, Fusion::Map(_)),
            None => matches!(
                request.program.expr(id).kind,
                ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::Ternary(..)
            ),
        };
        let rearranged = |operand: &ExprId| match request.program.expr(*operand).kind {
            ExprKind::Broadcast(of)
            | ExprKind::Reshape(of)
            | ExprKind::Transpose(of, ..)
            | ExprKind::Slice { of, .. } => self.last_use[of.index()] >= stmt,
            _ => false,
        };
        self.early
            && elementwise
            && !blocks::operands_of(request, id).iter().any(rearranged)
            && shared_loads(request).all(|(id, loaded)| {
                let last = self.last_use[id.index()];
                last < stmt || last == stmt && same_places(&loaded.axes, &place.axes)
            })
    }
}

/// Loads from memory that is also written.
fn shared_loads<'a>(request: &'a Request<'_>) -> impl Iterator<Item = (ExprId, &'a Place)> {
    request.program.body.iter().filter_map(|stmt| {
        let Stmt::Let(id) = stmt else { return None };
        match &request.program.expr(*id).kind {
            ExprKind::Load { place, .. }
                if request.careful[place.param.index()]
                    && !request.analysis.absorbed[id.index()] =>
            {
                Some((*id, place))
            }
            _ => None,
        }
    })
}

fn same_places(a: &[Axis], b: &[Axis]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}
