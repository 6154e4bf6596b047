//! Programs that round worse: every float op is off by one unit, up or down at random.
//!
//! What a result moves by then is how far rounding alone can move it, cancellation inside the program included. The
//! method is that of stochastic arithmetic (Vignes, "A stochastic arithmetic for reliable scientific computation",
//! 1993), with one draw for an op rather than for an element.

use crate::judge::UNIT;
use crate::random::Random;
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, Literal, Program, Stmt, Type};

/// `program`, which works in f64, with the result of each float op multiplied by `1 ± UNIT`.
pub(crate) fn shaken(program: &Program, random: &mut Random) -> Program {
    let mut shaken = program.clone();
    let mut shaker =
        Shaker { moved: (0..program.exprs.len() as u32).map(ExprId).collect(), random };
    let body = std::mem::take(&mut shaken.body);
    shaken.body = shaker.block(&mut shaken, body);
    shaken
}

struct Shaker<'a> {
    /// What stands for each expression.
    moved: Vec<ExprId>,
    random: &'a mut Random,
}

impl Shaker<'_> {
    fn block(&mut self, program: &mut Program, body: Vec<Stmt>) -> Vec<Stmt> {
        let mut result = Vec::with_capacity(2 * body.len());
        for mut statement in body {
            match &mut statement {
                Stmt::Let(id) => {
                    let id = *id;
                    let moved = &self.moved;
                    program.exprs[id.index()].kind.map_operands(|of| moved[of.index()]);
                    result.push(statement);
                    self.shake(program, id, &mut result);
                    continue;
                }
                Stmt::Set(_, value) => *value = self.moved[value.index()],
                Stmt::Store { place, value, mask, .. } => {
                    place.map_operands(|of| self.moved[of.index()]);
                    *value = self.moved[value.index()];
                    if let Some(mask) = mask {
                        *mask = self.moved[mask.index()];
                    }
                }
                Stmt::For { start, end, body, .. } => {
                    *start = self.moved[start.index()];
                    *end = self.moved[end.index()];
                    *body = self.block(program, std::mem::take(body));
                }
                Stmt::When { condition, body } => {
                    *condition = self.moved[condition.index()];
                    *body = self.block(program, std::mem::take(body));
                }
            }
            result.push(statement);
        }
        result
    }

    fn shake(&mut self, program: &mut Program, id: ExprId, into: &mut Vec<Stmt>) {
        let Expr { kind, ty, .. } = program.expr(id);
        let rounds = matches!(
            kind,
            ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::Ternary(..)
                | ExprKind::Reduce(..)
                | ExprKind::Scan { .. }
                | ExprKind::Dot(..)
        );
        if ty.dtype != DType::F64 || !rounds {
            return;
        }
        let ty = ty.clone();
        let factor = Literal::Float(1.0 + self.random.sign() * UNIT);
        let scalar = Type { dtype: DType::F64, shape: Vec::new() };
        let factor = program.push(ExprKind::Const(factor), scalar, None);
        let product = program.push(ExprKind::Binary(BinaryOp::Mul, id, factor), ty, None);
        into.extend([Stmt::Let(factor), Stmt::Let(product)]);
        self.moved[id.index()] = product;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_kernels::find;
    use tilewright_passes::precision::to_f64;

    #[test]
    fn shaken_programs_are_valid_and_differ_a_little() {
        for name in ["softmax", "rmsnorm", "decode_attention", "matmul"] {
            let entry = find(name).unwrap();
            let specialization = entry.specialization(DType::F32, entry.cases[0].constants);
            let program = to_f64(&entry.record(&specialization).unwrap()).unwrap();
            let moved = shaken(&program, &mut Random::new(1));
            assert!(moved.exprs.len() > program.exprs.len());
            tilewright_ir::validate(&moved).unwrap_or_else(|m| panic!("{name}: {}", m[0]));
        }
    }
}
