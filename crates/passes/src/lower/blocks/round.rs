//! One pass over a long row: a loop over its blocks that computes what it needs of the row and feeds it to the sinks.

use super::super::extrema::{NOWHERE, first_extremum};
use super::{Blocks, Sink, is_map};
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, ReduceOp, Shape, Stmt, UnaryOp, VarId,
};

/// The body of the loop in the making.
pub(super) struct Round {
    /// Number of the block, from the first that is visited, i32 scalar.
    pub(super) number: ExprId,
    /// Position of its first element, i32 scalar.
    start: ExprId,
    /// Which elements of the block lie in the row, bool `[BLOCK]`.
    pub(super) inside: ExprId,
    /// What became of the rows.
    known: HashMap<ExprId, ExprId>,
    /// The components of those that have several.
    parts: HashMap<ExprId, Vec<ExprId>>,
    /// What the row has past its end, where the only sink reads it as it is.
    beyond: Option<f64>,
    /// The variables that the loop carries, made before it.
    pub(super) vars: HashMap<ExprId, Vec<VarId>>,
}

impl Blocks<'_> {
    /// Emits the pass that the pending sinks wait for.
    pub(super) fn flush(&mut self) -> Option<()> {
        let sinks = std::mem::take(&mut self.pending);
        self.unknown.clear();
        if sinks.is_empty() {
            return Some(());
        }
        let (scans, mut reverse) = self.scans(&sinks)?;
        // What an earlier pass read last is still in the cache: a pass whose order matters to nobody begins there.
        let only_stores = sinks.iter().all(|sink| matches!(sink, Sink::Store(_)));
        reverse |= self.passes % 2 == 1 && scans.is_empty() && only_stores;
        self.passes += 1;
        let mut vars = HashMap::default();
        for &id in &scans {
            vars.insert(id, self.carries(id)?);
        }
        for sink in &sinks {
            if let Sink::Whole(id) = sink {
                let made = self.accumulators(*id)?;
                vars.insert(*id, made);
            }
        }
        let size = self.out.size(self.row);
        let (first, last) = (self.out.index(0), self.out.index(1));
        let block = self.out.index(1 << self.block);
        let rounded = self.out.index((1 << self.block) - 1);
        let rounded = self.out.add(size, rounded);
        let count = self.out.binary(BinaryOp::Div, rounded, block);
        let number = self.out.begin_loop("block");
        let turn = match reverse {
            false => number,
            true => {
                let greatest = self.out.sub(count, last);
                let left = self.out.sub(greatest, number);
                // It is anyway; said so that no index made of it is checked.
                self.out.binary(BinaryOp::Max, left, first)
            }
        };
        let start = self.out.mul(turn, block);
        let within = self.out.emit(ExprKind::Iota(self.block_extent()), None);
        let position = self.out.add(within, start);
        let inside = self.out.binary(BinaryOp::Lt, position, size);
        let (known, parts) = (HashMap::default(), HashMap::default());
        let mut round = Round { number, start, inside, known, parts, beyond: None, vars };
        if let [Sink::Whole(id)] = sinks[..]
            && let ExprKind::Reduce(op, of, _) = self.program.expr(id).kind
            && self.is_loaded(of)
        {
            round.beyond = Some(op.identity(DType::F32));
        }
        for sink in &sinks {
            match sink {
                Sink::Whole(id) => self.feed(*id, &mut round)?,
                Sink::Store(statement) => self.store(statement, &mut round)?,
            }
        }
        self.out.end_loop(number, first, count);
        for sink in &sinks {
            if let Sink::Whole(id) = sink {
                self.conclude(*id, &round.vars[id])?;
            }
        }
        Some(())
    }

    /// True for what is read of floats that end with the row, as it is or widened.
    fn is_loaded(&self, id: ExprId) -> bool {
        let expr = self.program.expr(id);
        match &expr.kind {
            ExprKind::Cast(of) => expr.ty.dtype == DType::F32 && self.is_loaded(*of),
            ExprKind::Load { place, .. } => {
                expr.ty.dtype.is_float() && matches!(place.axes.last(), Some(Axis::All))
            }
            _ => false,
        }
    }

    /// The scans that the sinks need, and whether they run from the end to the start; `None` if only some do.
    fn scans(&self, sinks: &[Sink<'_>]) -> Option<(Vec<ExprId>, bool)> {
        let mut open = Vec::new();
        for sink in sinks {
            match sink {
                Sink::Whole(id) => self.program.expr(*id).kind.operands(|a| open.push(a)),
                Sink::Store(Stmt::Store { place, value, mask, .. }) => {
                    open.push(*value);
                    open.extend(mask);
                    place.operands(&mut |id| open.push(id));
                }
                Sink::Store(_) => return None,
            }
        }
        let (mut found, mut seen) = (Vec::new(), HashSet::default());
        let (mut forward, mut backward) = (false, false);
        while let Some(id) = open.pop() {
            if !self.is_row(id) || !seen.insert(id) {
                continue;
            }
            let kind = &self.program.expr(id).kind;
            match kind {
                ExprKind::Scan { reverse: true, .. } | ExprKind::ScanBy { reverse: true, .. } => {
                    backward = true;
                }
                ExprKind::Scan { .. } | ExprKind::ScanBy { .. } => forward = true,
                _ => {}
            }
            if matches!(kind, ExprKind::Scan { .. } | ExprKind::ScanBy { .. }) {
                found.push(id);
            }
            kind.operands(|a| open.push(a));
        }
        // In the order of the program, so that its text does not depend on chance.
        found.sort();
        (!(forward && backward)).then_some((found, backward))
    }

    /// The variables in which a scan keeps the total of the blocks before.
    fn carries(&mut self, id: ExprId) -> Option<Vec<VarId>> {
        match &self.program.expr(id).kind {
            ExprKind::Scan { op, of, .. } => {
                let ty = &self.program.expr(*of).ty;
                let shape = vec![Extent::Const(1); ty.shape.len()];
                Some(vec![self.filled("carry", ty.dtype, op.identity(ty.dtype), &shape)])
            }
            ExprKind::ScanBy { of, .. } => {
                let mut vars = Vec::new();
                for of in of {
                    let ty = &self.program.expr(*of).ty;
                    let shape = vec![Extent::Const(1); ty.shape.len()];
                    vars.push(self.filled("carry", ty.dtype, 0.0, &shape));
                }
                Some(vars)
            }
            _ => None,
        }
    }

    /// A new variable whose elements all are `value`.
    fn filled(&mut self, name: &str, dtype: DType, value: f64, shape: &[Extent]) -> VarId {
        let value = self.out.constant(dtype, value);
        let value = self.out.broadcast(value, shape);
        self.out.variable(name.into(), value)
    }

    /// The variables in which a sink gathers what it gets of each block.
    fn accumulators(&mut self, id: ExprId) -> Option<Vec<VarId>> {
        let program = self.program;
        let expr = program.expr(id);
        let name = expr.name.clone().unwrap_or("total".into());
        let extent = self.block_extent();
        let block = |of: ExprId| narrowed(&program.expr(of).ty.shape, extent);
        Some(match &expr.kind {
            ExprKind::Reduce(op, of, axis) if *axis + 1 == block(*of).len() => {
                let dtype = summed_in(*op, expr.ty.dtype);
                let identity = op.identity(dtype);
                if self.with_sum.contains_key(&id) {
                    let [_, one] = self.in_vectors();
                    let greatest = self.filled(&name, dtype, identity, &one);
                    return Some(vec![greatest, self.filled("exponentials", dtype, 0.0, &one)]);
                }
                vec![self.filled(&name, dtype, identity, &block(*of))]
            }
            ExprKind::ArgReduce { max, of, axis } if *axis + 1 == block(*of).len() => {
                let dtype = program.expr(*of).ty.dtype;
                let worst = if *max { ReduceOp::Max } else { ReduceOp::Min }.identity(dtype);
                let best = self.filled("best", dtype, worst, &block(*of));
                vec![best, self.filled(&name, DType::U32, NOWHERE, &block(*of))]
            }
            ExprKind::ReduceBy { of, axis, identity, .. } if *axis + 1 == block(of[0]).len() => {
                let mut vars = Vec::new();
                for (&of, identity) in of.iter().zip(identity) {
                    let identity = *self.known.get(identity)?;
                    let one = narrowed(&program.expr(of).ty.shape, Extent::Const(1));
                    let value = self.out.broadcast(identity, &one);
                    vars.push(self.out.variable(name.clone(), value));
                }
                vars
            }
            ExprKind::TopK { of, k } if *k <= 1 << self.block => {
                let dtype = program.expr(*of).ty.dtype;
                let best = self.filled(&name, dtype, 0.0, &expr.ty.shape);
                vec![best, self.filled("position", DType::U32, 0.0, &expr.ty.shape)]
            }
            _ => return None,
        })
    }

    /// Gives a sink its part of the block.
    fn feed(&mut self, id: ExprId, round: &mut Round) -> Option<()> {
        let program = self.program;
        let expr = program.expr(id);
        let vars = round.vars[&id].clone();
        match &expr.kind {
            ExprKind::Reduce(op, of, _) => {
                let x = self.row(*of, round)?;
                let dtype = summed_in(*op, expr.ty.dtype);
                let x = self.out.cast(x, dtype);
                let x = match round.beyond {
                    Some(_) => x,
                    None => self.or_identity(x, op.identity(dtype), round),
                };
                if let [greatest, sums] = vars[..] {
                    self.gather_exponentials([greatest, sums], x);
                    return Some(());
                }
                let before = self.out.get(vars[0]);
                let joined = self.out.binary(op.combine(), before, x);
                self.out.set(vars[0], joined);
            }
            ExprKind::ArgReduce { max, of, .. } => {
                let x = self.row(*of, round)?;
                let position = self.positions(round);
                let shape = self.out.shape(x).to_vec();
                let position = self.out.broadcast(position, &shape);
                let (best, at) = (self.out.get(vars[0]), self.out.get(vars[1]));
                let order = if *max { BinaryOp::Gt } else { BinaryOp::Lt };
                let mut better = self.out.binary(order, x, best);
                if self.out.ty(x).dtype.is_float() {
                    let nan = self.out.unary(UnaryOp::IsNan, x);
                    let was_nan = self.out.unary(UnaryOp::IsNan, best);
                    let number = self.out.unary(UnaryOp::Not, was_nan);
                    let first_nan = self.out.binary(BinaryOp::And, nan, number);
                    better = self.out.binary(BinaryOp::Or, better, first_nan);
                }
                // Blocks come in order, so of equal elements the one that is there is the earlier.
                let nowhere = self.out.constant(DType::U32, NOWHERE);
                let empty = self.out.binary(BinaryOp::Eq, at, nowhere);
                better = self.out.binary(BinaryOp::Or, better, empty);
                better = self.out.binary(BinaryOp::And, better, round.inside);
                let (x, position) =
                    (self.out.select(better, x, best), self.out.select(better, position, at));
                self.out.set(vars[0], x);
                self.out.set(vars[1], position);
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                let mut rows = Vec::new();
                for (&of, identity) in of.iter().zip(identity) {
                    let x = self.row(of, round)?;
                    let identity = *self.known.get(identity)?;
                    rows.push(self.out.select(round.inside, x, identity));
                }
                let identity: Option<Vec<ExprId>> =
                    identity.iter().map(|i| self.known.get(i).copied()).collect();
                let (axis, identity) = (*axis, identity?);
                let known = &self.known;
                let copied = self
                    .out
                    .copy_combine(program, combine, |o| known.get(&o).copied().unwrap_or(o));
                let kind = ExprKind::ReduceBy { of: rows, axis, combine: copied, identity };
                let own = self.out.emit(kind, None);
                let own = self.components(own, vars.len());
                let before: Vec<ExprId> = vars.iter().map(|&v| self.out.get(v)).collect();
                let joined = self.joined(combine, &before, &own)?;
                for (&var, value) in vars.iter().zip(joined) {
                    self.out.set(var, value);
                }
            }
            ExprKind::TopK { of, k } => {
                let x = self.row(*of, round)?;
                let worst = ReduceOp::Max.identity(self.out.ty(x).dtype);
                let x = self.or_identity(x, worst, round);
                let own = self.out.emit(ExprKind::TopK { of: x, k: *k }, None);
                let own = self.components(own, 2);
                let start = self.out.cast(round.start, DType::U32);
                let position = self.out.add(own[1], start);
                let before = [self.out.get(vars[0]), self.out.get(vars[1])];
                let last = self.out.shape(own[0]).len() - 1;
                let mut join = |a, b| self.out.emit(ExprKind::Concat(vec![a, b], last), None);
                let values = join(before[0], own[0]);
                let places = join(before[1], position);
                let top = self.out.emit(ExprKind::TopK { of: values, k: *k }, None);
                let top = self.components(top, 2);
                let places = self.out.emit(ExprKind::Pick { of: places, indices: top[1] }, None);
                // The first block is full, so from the second on each earlier winner is an element of the row.
                let zero = self.out.index(0);
                let first = self.out.binary(BinaryOp::Eq, round.number, zero);
                let values = self.out.select(first, own[0], top[0]);
                let places = self.out.select(first, position, places);
                self.out.set(vars[0], values);
                self.out.set(vars[1], places);
            }
            _ => return None,
        }
        Some(())
    }

    /// Computes a sink's expression from what it gathered.
    fn conclude(&mut self, id: ExprId, vars: &[VarId]) -> Option<()> {
        let expr = self.program.expr(id);
        let gathered: Vec<ExprId> = vars.iter().map(|&v| self.out.get(v)).collect();
        let value = match expr.kind {
            ExprKind::Reduce(op, _, axis) => {
                if let (Some(with), Some(&sums)) = (self.with_sum.get(&id), gathered.get(1)) {
                    self.gathered.insert(with.sum, (gathered[0], sums));
                    let whole = self.out.reduce(op, gathered[0], 0);
                    self.out.reshape(whole, expr.ty.shape.clone())
                } else {
                    let whole = self.out.reduce(op, gathered[0], axis);
                    self.out.cast(whole, expr.ty.dtype)
                }
            }
            ExprKind::ArgReduce { max, axis, .. } => {
                first_extremum(&mut self.out, (max, gathered[0], axis), |_| gathered[1], true)
            }
            _ => {
                self.parts.insert(id, gathered.clone());
                gathered[0]
            }
        };
        if let Some(name) = &expr.name {
            self.out.name(value, name.clone());
        }
        self.known.insert(id, value);
        Some(())
    }

    /// Stores a row's block.
    fn store(&mut self, statement: &Stmt, round: &mut Round) -> Option<()> {
        let Stmt::Store { place, value, mask, mode, at } = statement else { return None };
        let mut place = place.clone();
        let ends = self.place_of_block(&mut place, round)?;
        let value = self.operand(*value, round)?;
        let mut mask = match mask {
            Some(mask) => Some(self.operand(*mask, round)?),
            None => None,
        };
        if !ends {
            mask = Some(match mask {
                None => round.inside,
                Some(mask) => self.out.binary(BinaryOp::And, mask, round.inside),
            });
        }
        self.out.statement(Stmt::Store { place, value, mask, mode: *mode, at: at.clone() });
        Some(())
    }

    /// Narrows a row's place to the block. True when it ends where its tensor does.
    fn place_of_block(
        &mut self,
        place: &mut tilewright_ir::Place,
        round: &mut Round,
    ) -> Option<bool> {
        let last = place.axes.iter().rposition(|axis| !matches!(axis, Axis::At(_)))?;
        let mut ends = false;
        for (number, axis) in place.axes.iter_mut().enumerate() {
            match axis {
                Axis::All if number == last => {
                    ends = true;
                    *axis = Axis::Range { start: round.start, len: self.block_extent(), step: 1 };
                }
                Axis::Range { start, len, step } if number == last => {
                    let first = *self.known.get(start)?;
                    let distance = self.out.index(*step);
                    let offset = self.out.mul(round.start, distance);
                    *start = self.out.add(first, offset);
                    *len = self.block_extent();
                }
                Axis::Gather(indices) if number == last => {
                    let own = self.operand(*indices, round)?;
                    *indices = self.or_identity(own, 0.0, round);
                }
                Axis::All => {}
                Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => {
                    *id = *self.known.get(id)?;
                }
            }
        }
        Some(ends)
    }

    /// An operand in the loop: a row's block, or what is known before.
    fn operand(&mut self, id: ExprId, round: &mut Round) -> Option<ExprId> {
        match self.is_row(id) {
            true => self.row(id, round),
            false => self.known.get(&id).copied(),
        }
    }

    /// The block of a row.
    pub(super) fn row(&mut self, id: ExprId, round: &mut Round) -> Option<ExprId> {
        if let Some(&known) = round.known.get(&id) {
            return Some(known);
        }
        let program = self.program;
        let expr = program.expr(id);
        let mut kind = expr.kind.clone();
        let shape = narrowed(&expr.ty.shape, self.block_extent());
        let value = match &mut kind {
            ExprKind::Load { place, fill } => {
                self.place_of_block(place, round)?;
                if let Some(beyond) = round.beyond {
                    *fill = Literal::Float(beyond);
                }
                self.emit(id, kind, shape)
            }
            ExprKind::Iota(_) => {
                let within = self.out.emit(ExprKind::Iota(self.block_extent()), None);
                self.out.add(within, round.start)
            }
            ExprKind::Reshape(of) if self.is_row(*of) => {
                let of = self.row(*of, round)?;
                self.emit(id, ExprKind::Reshape(of), shape)
            }
            ExprKind::Pick { of, indices } if !self.is_row(*of) => {
                let of = *self.known.get(of)?;
                let indices = self.row(*indices, round)?;
                let indices = self.or_identity(indices, 0.0, round);
                self.emit(id, ExprKind::Pick { of, indices }, shape)
            }
            ExprKind::Scan { op, of, axis, .. } if *axis + 1 == shape.len() => {
                let (op, axis) = (*op, *axis);
                let x = self.row(*of, round)?;
                let x = self.or_identity(x, op.identity(expr.ty.dtype), round);
                *of = x;
                let own = self.emit(id, kind, shape);
                let carry = round.vars[&id][0];
                let before = self.out.get(carry);
                let value = self.out.binary(op.combine(), before, own);
                let total = self.out.reduce(op, x, axis);
                let total = self.out.binary(op.combine(), before, total);
                self.out.set(carry, total);
                value
            }
            ExprKind::ScanBy { axis, .. } if *axis + 1 == shape.len() => {
                let parts = self.scan_by(id, round)?;
                let value = parts[0];
                round.parts.insert(id, parts);
                value
            }
            ExprKind::Part(of, part) => {
                self.row(*of, round)?;
                *round.parts.get(of)?.get(*part)?
            }
            kind if is_map(kind) => {
                let mut operands = HashMap::default();
                let mut all = Vec::new();
                kind.operands(|a| all.push(a));
                for a in all {
                    operands.insert(a, self.operand(a, round)?);
                }
                kind.map_operands(|a| operands[&a]);
                self.emit(id, kind.clone(), shape)
            }
            _ => return None,
        };
        round.known.insert(id, value);
        Some(value)
    }

    /// `count` components of an expression.
    pub(super) fn components(&mut self, of: ExprId, count: usize) -> Vec<ExprId> {
        let rest = (1..count).map(|part| self.out.emit(ExprKind::Part(of, part), None));
        std::iter::once(of).chain(rest.collect::<Vec<_>>()).collect()
    }

    /// The positions of the block's elements in the row, u32.
    fn positions(&mut self, round: &Round) -> ExprId {
        let within = self.out.emit(ExprKind::Iota(self.block_extent()), None);
        let position = self.out.add(within, round.start);
        self.out.cast(position, DType::U32)
    }

    /// A block with `value` past the end of the row.
    fn or_identity(&mut self, block: ExprId, value: f64, round: &Round) -> ExprId {
        let value = self.out.constant(self.out.ty(block).dtype, value);
        self.out.select(round.inside, block, value)
    }
}

/// A row's shape with another extent in its place.
pub(super) fn narrowed(shape: &[Extent], to: Extent) -> Shape {
    let mut shape = shape.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = to;
    }
    shape
}

/// The type in which the elements of a row are joined: sums of halves are not rounded at each step.
fn summed_in(op: ReduceOp, dtype: DType) -> DType {
    let rounds = matches!(op, ReduceOp::Sum | ReduceOp::Prod);
    if rounds && matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}
