//! What lines give to what is not made of lines, gathered one line after the other.

use super::Lines;
use tilewright_ir::table::HashMap;
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, Literal, ReduceOp, Stmt, TernaryOp, Type, VarId,
};

/// What one line gives to what is not made of lines.
#[derive(Clone, Copy)]
pub(super) enum Sink {
    /// A reduction over the lines.
    Reduced(ExprId),
    /// Elements, one a line, that are needed as a whole.
    Collected(ExprId),
}

impl Sink {
    /// The expression that takes it.
    pub(super) fn of(self) -> ExprId {
        let (Sink::Reduced(id) | Sink::Collected(id)) = self;
        id
    }
}

impl Lines<'_> {
    /// What a sink has gathered after another line.
    pub(super) fn gathered(
        &mut self,
        sink: Sink,
        before: ExprId,
        index: ExprId,
        known: &HashMap<ExprId, ExprId>,
        out: &mut Vec<Stmt>,
    ) -> Option<ExprId> {
        let ty = self.program.expr(before).ty.clone();
        match sink {
            Sink::Reduced(id) => {
                let ExprKind::Reduce(op, of, _) = self.program.expr(id).kind else { return None };
                let mut x = *known.get(&of)?;
                if self.program.expr(x).ty.dtype != ty.dtype {
                    x = self.emit(ExprKind::Cast(x), ty.clone(), out);
                }
                Some(self.emit(ExprKind::Binary(op.combine(), before, x), ty, out))
            }
            Sink::Collected(id) => {
                let axis = self.axes.get(id)?;
                let one = vec![self.extent];
                let whole = ty.shape.clone();
                let of = |dtype, shape| Type { dtype, shape };
                let places = self.emit(ExprKind::Iota(self.extent), of(DType::I32, one), out);
                let places =
                    self.emit(ExprKind::Reshape(places), of(DType::I32, whole.clone()), out);
                let here = ExprKind::Binary(BinaryOp::Eq, places, index);
                let here = self.emit(here, of(DType::Bool, whole), out);
                debug_assert_eq!(ty.shape[axis], self.extent);
                let own = *known.get(&id)?;
                let chosen = ExprKind::Ternary(TernaryOp::Select, [here, own, before]);
                Some(self.emit(chosen, ty, out))
            }
        }
    }

    /// What a sink has before the first line. Sums of halves are not rounded at each step.
    pub(super) fn start(&mut self, sink: Sink, out: &mut Vec<Stmt>) -> ExprId {
        let mut ty = self.program.expr(sink.of()).ty.clone();
        let mut value = 0.0;
        if let ExprKind::Reduce(op, ..) = self.program.expr(sink.of()).kind
            && let Sink::Reduced(_) = sink
        {
            let rounds = matches!(op, ReduceOp::Sum | ReduceOp::Prod);
            if rounds && matches!(ty.dtype, DType::F16 | DType::BF16) {
                ty.dtype = DType::F32;
            }
            value = op.identity(ty.dtype);
        }
        let literal = match ty.dtype {
            DType::Bool => Literal::Bool(value != 0.0),
            dtype if dtype.is_int() => Literal::Int(value as i64),
            _ => Literal::Float(value),
        };
        let scalar = Type { dtype: ty.dtype, shape: Vec::new() };
        let value = self.emit(ExprKind::Const(literal), scalar, out);
        self.emit(ExprKind::Broadcast(value), ty, out)
    }

    /// Makes a sink what it gathered.
    pub(super) fn conclude(&mut self, sink: Sink, total: ExprId, out: &mut Vec<Stmt>) {
        let id = sink.of();
        let same = self.program.expr(total).ty.dtype == self.program.expr(id).ty.dtype;
        let kind = if same { ExprKind::Broadcast(total) } else { ExprKind::Cast(total) };
        self.program.exprs[id.index()].kind = kind;
        out.push(Stmt::Let(id));
    }

    pub(super) fn read(&mut self, var: VarId, out: &mut Vec<Stmt>) -> ExprId {
        let ty = self.program.vars[var.index()].ty.clone();
        self.emit(ExprKind::Get(var), ty, out)
    }
}
