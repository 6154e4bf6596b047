//! Running reductions by a function of the author's over the blocks of a long row.

use super::Blocks;
use super::round::{Round, narrowed};
use tilewright_ir::table::HashMap;
use tilewright_ir::{
    BinaryOp, Combine, DType, ExprId, ExprKind, Extent, Literal, Shape, TernaryOp, Type,
};

impl Blocks<'_> {
    /// The components of a block of a running reduction by a function, with what came before.
    pub(super) fn scan_by(&mut self, id: ExprId, round: &mut Round) -> Option<Vec<ExprId>> {
        let program = self.program;
        let ExprKind::ScanBy { of, axis, combine, exclusive, reverse } = &program.expr(id).kind
        else {
            return None;
        };
        let (axis, reverse) = (*axis, *reverse);
        let mut rows = Vec::new();
        for &of in of {
            rows.push(self.row(of, round)?);
        }
        let count = rows.len();
        let first = match exclusive {
            Some(first) => {
                let first = first.iter().map(|f| self.known.get(f).copied());
                Some(first.collect::<Option<Vec<ExprId>>>()?)
            }
            None => None,
        };
        let known = &self.known;
        let mut copied =
            self.out.copy_combine(program, combine, |o| known.get(&o).copied().unwrap_or(o));
        let (mut of, mut begins) = (rows.clone(), first.clone());
        if reverse {
            // What comes after the row's end would come first: a further component tells whether anything has been joined.
            let inside = self.out.cast(round.inside, DType::I32);
            let shape = self.out.shape(rows[0]).to_vec();
            of.push(self.out.broadcast(inside, &shape));
            copied = self.of_those_inside(copied);
            if let Some(begins) = &mut begins {
                begins.push(self.out.constant(DType::I32, 0.0));
            }
        }
        let parts = of.len();
        let kind = ExprKind::ScanBy { of, axis, combine: copied, exclusive: begins, reverse };
        let own = self.out.emit(kind, None);
        let own = self.components(own, parts);
        let carries = round.vars[&id].clone();
        let before: Vec<ExprId> = carries.iter().map(|&v| self.out.get(v)).collect();
        let joined = self.joined(combine, &before, &own[..count])?;
        let zero = self.out.index(0);
        let is_first = self.out.binary(BinaryOp::Eq, round.number, zero);
        let mut results = Vec::new();
        for (&own, joined) in own.iter().zip(joined) {
            results.push(self.out.select(is_first, own, joined));
        }
        // The last in order: what comes after the row's end is of no use to a later block, for there is none.
        let end = if reverse { 0 } else { (1 << self.block) - 1 };
        let Some(first) = first else {
            for (&carry, &result) in carries.iter().zip(&results) {
                let end = self.element(result, end);
                self.out.set(carry, end);
            }
            return Some(results);
        };
        let any = match own.get(count) {
            Some(&joined) => self.out.binary(BinaryOp::Ne, joined, zero),
            None => {
                let within = self.out.emit(ExprKind::Iota(self.block_extent()), None);
                self.out.binary(BinaryOp::Gt, within, zero)
            }
        };
        for (result, (&carry, first)) in results.iter_mut().zip(before.iter().zip(first)) {
            let start = self.out.select(is_first, first, carry);
            *result = self.out.select(any, *result, start);
        }
        let mut ends = Vec::new();
        for &tile in results.iter().chain(&rows) {
            ends.push(self.element(tile, end));
        }
        let (before, last) = ends.split_at(count);
        let joined = self.joined(combine, before, last)?;
        // In a block whose only element is the row's last there is nothing to join it with.
        let any = self.element(any, end);
        let is_later = self.out.binary(BinaryOp::Gt, round.number, zero);
        let any = self.out.binary(BinaryOp::Or, any, is_later);
        for ((&carry, joined), &last) in carries.iter().zip(joined).zip(last) {
            let value = self.out.select(any, joined, last);
            self.out.set(carry, value);
        }
        Some(results)
    }

    /// One element of each line of a block.
    fn element(&mut self, tile: ExprId, number: usize) -> ExprId {
        let shape = narrowed(self.out.shape(tile), Extent::Const(1));
        let ty = Type { dtype: self.out.ty(tile).dtype, shape };
        let (axis, start) = (ty.shape.len() - 1, Extent::Const(number));
        let kind = ExprKind::Slice { of: tile, axis, start };
        self.out.emit(kind, Some(ty))
    }

    /// A function with a further component, an i32 that is 0 where nothing has been joined: what is on the left is joined
    /// only where there is anything.
    fn of_those_inside(&mut self, combine: Combine) -> Combine {
        let program = &mut self.out.program;
        let scalar = |dtype| Type { dtype, shape: Shape::new() };
        let Combine { mut left, mut right, mut body, results } = combine;
        for arguments in [&mut left, &mut right] {
            arguments.push(program.push(ExprKind::Argument, scalar(DType::I32), None));
        }
        let count = results.len();
        let mut push = |kind, dtype| {
            let id = program.push(kind, scalar(dtype), None);
            body.push(id);
            id
        };
        let zero = push(ExprKind::Const(Literal::Int(0)), DType::I32);
        let any = push(ExprKind::Binary(BinaryOp::Ne, left[count], zero), DType::Bool);
        let either = push(ExprKind::Binary(BinaryOp::Or, left[count], right[count]), DType::I32);
        let dtypes: Vec<DType> = right.iter().map(|&r| program.expr(r).ty.dtype).collect();
        let mut chosen = Vec::new();
        for ((result, &own), &dtype) in results.into_iter().zip(&right).zip(&dtypes) {
            let kind = ExprKind::Ternary(TernaryOp::Select, [any, result, own]);
            let id = program.push(kind, scalar(dtype), None);
            body.push(id);
            chosen.push(id);
        }
        chosen.push(either);
        Combine { left, right, body, results: chosen }
    }

    /// A user-defined function of the elements of tiles.
    pub(super) fn joined(
        &mut self,
        combine: &Combine,
        left: &[ExprId],
        right: &[ExprId],
    ) -> Option<Vec<ExprId>> {
        let arguments = combine.left.iter().chain(&combine.right).copied();
        let mut known: HashMap<ExprId, ExprId> =
            arguments.zip(left.iter().chain(right).copied()).collect();
        for &id in &combine.body {
            let expr = self.program.expr(id);
            let mut kind = expr.kind.clone();
            let mut all = true;
            kind.map_operands(|a| {
                let found = known.get(&a).or_else(|| self.known.get(&a)).copied();
                all &= found.is_some();
                found.unwrap_or(a)
            });
            if !all {
                return None;
            }
            let mut shape = Shape::new();
            kind.operands(|a| {
                if self.out.shape(a).len() > shape.len()
                    || shape.iter().all(|e| *e == Extent::Const(1))
                {
                    shape = self.out.shape(a).to_vec();
                }
            });
            let ty = Type { dtype: expr.ty.dtype, shape };
            known.insert(id, self.out.emit(kind, Some(ty)));
        }
        combine
            .results
            .iter()
            .map(|r| known.get(r).or_else(|| self.known.get(r)).copied())
            .collect()
    }
}
