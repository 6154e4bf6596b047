//! Checks of the functions of user-defined reductions and scans.

use super::{Checker, Seen};
use crate::{Combine, ExprId, ExprKind};

impl Checker<'_> {
    /// Checks that a function is pure scalar arithmetic. Its values are visible inside it only.
    pub(super) fn combine(&mut self, combine: &Combine) {
        let outside = self.here.clone();
        let mut inside = Vec::new();
        for &argument in combine.left.iter().chain(&combine.right) {
            if self.fresh(argument, |kind| matches!(kind, ExprKind::Argument)) {
                self.exprs[argument.index()] = Seen::Visible;
                inside.push(argument);
                self.carried_type(argument);
            }
        }
        for &id in &combine.body {
            let Some(expr) = self.program.exprs.get(id.index()) else {
                self.mistake(format!("the value %{} does not exist", id.0));
                continue;
            };
            self.here = expr.at.clone().or_else(|| outside.clone());
            let pure = |kind: &ExprKind| !matches!(kind, ExprKind::LoopIndex | ExprKind::Argument);
            if !self.fresh(id, pure) {
                continue;
            }
            if !is_scalar_op(&expr.kind) || !expr.ty.shape.is_empty() {
                let name = self.name(id);
                self.mistake(format!(
                    "{name} is not pure scalar arithmetic: a combine function may use only that, \
                     on its arguments, constants, sizes and scalar parameters"
                ));
            }
            expr.kind.operands(|operand| self.combine_operand(operand, &inside));
            self.carried_type(id);
            self.exprs[id.index()] = Seen::Visible;
            inside.push(id);
        }
        self.here = outside;
        for &result in &combine.results {
            self.combine_operand(result, &inside);
        }
        for id in inside {
            self.exprs[id.index()] = Seen::Gone;
        }
    }

    /// Values from outside are run-time data that a target could not inline, unless they are constants.
    fn combine_operand(&mut self, id: ExprId, inside: &[ExprId]) {
        self.operand(id);
        let Some(expr) = self.program.exprs.get(id.index()) else { return };
        let constant =
            matches!(expr.kind, ExprKind::Const(_) | ExprKind::Scalar(_) | ExprKind::Size(_));
        if !constant && self.exprs[id.index()] == Seen::Visible && !inside.contains(&id) {
            let name = self.name(id);
            self.mistake(format!(
                "a combine function uses {name} from outside: it may use only its arguments, \
                 constants, sizes and scalar parameters; reduce one more component instead"
            ));
        }
    }
}

fn is_scalar_op(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::Const(_)
            | ExprKind::Scalar(_)
            | ExprKind::Size(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_)
    )
}
