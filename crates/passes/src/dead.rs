//! Dead code: what no store depends on.

use crate::rewrite::{Keep, rewrite_kept};
use tilewright_ir::{ExprId, ExprKind, Place, Program, Stmt};

/// Removes expressions, variables, loops and conditions that no store depends on, and everything in the arena
/// that no statement mentions. Parameters and sizes stay: they are the kernel's signature.
pub fn remove_dead(program: &mut Program) {
    let mut live = Live {
        program,
        exprs: vec![false; program.exprs.len()],
        vars: vec![false; program.vars.len()],
    };
    // A variable that is found to be read makes its `Set`s live, and those may read other variables.
    loop {
        let before = live.vars.clone();
        live.block(&program.body);
        if live.vars == before {
            break;
        }
    }
    let Live { exprs, vars, .. } = live;
    let keep = Keep { expr: &|id| exprs[id.index()], var: &|var| vars[var.index()] };
    rewrite_kept(program, &[], &keep);
}

struct Live<'a> {
    program: &'a Program,
    exprs: Vec<bool>,
    vars: Vec<bool>,
}

impl Live<'_> {
    /// Marks what the effects of a block need. True when it has any.
    fn block(&mut self, body: &[Stmt]) -> bool {
        let mut effect = false;
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(var, value) => {
                    if self.vars[var.index()] {
                        self.mark(*value);
                        effect = true;
                    }
                }
                Stmt::Store { place, value, mask, .. } => {
                    self.place(place);
                    self.mark(*value);
                    if let Some(mask) = mask {
                        self.mark(*mask);
                    }
                    effect = true;
                }
                Stmt::For { index, start, end, body, .. } => {
                    if self.block(body) {
                        for id in [*index, *start, *end] {
                            self.mark(id);
                        }
                        effect = true;
                    }
                }
                Stmt::When { condition, body } => {
                    if self.block(body) {
                        self.mark(*condition);
                        effect = true;
                    }
                }
            }
        }
        effect
    }

    fn place(&mut self, place: &Place) {
        place.operands(&mut |id| self.mark(id));
    }

    fn mark(&mut self, id: ExprId) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut self.exprs[id.index()], true) {
                continue;
            }
            let kind = &self.program.expr(id).kind;
            match kind {
                ExprKind::Get(var) => self.vars[var.index()] = true,
                ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => {
                    open.extend(combine.body.iter().chain(&combine.results));
                }
                _ => {}
            }
            kind.operands(|operand| open.push(operand));
        }
    }
}
