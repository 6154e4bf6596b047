//! Attention over a cache: a loop over blocks of keys that carries, for a few queries, the greatest score, the sum of
//! e^(score - greatest), and the values weighted with these.

use super::appended::{Appended, is_early, loaded, needed};
use super::attended::{Loop, Query};
use super::is_scalar;
use super::turned::Turning;
use crate::lower::layout::Bit;
use crate::lower::map::arithmetic;
use crate::lower::{Held, Lowering, Schedule, add, binary, int, padded, size};
use tilewright_ir::thread::{
    Ahead, Attend, Cached, Code, Fresh, Queries, RegisterId, Routine, Rows, Split, ThreadProgram,
    Value,
};
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, Extent, ParamId, ParamKind, Place, Program, Stmt, VarId,
};

/// log2 of the threads of a group.
const TEAM: u32 = 8;

/// Bytes of shared memory that the states of all subgroups may take.
const STATES: usize = 40 << 10;

pub(super) fn lower(program: &Program, schedule: &Schedule) -> Option<ThreadProgram> {
    // The third axis of the grid is for the groups that share.
    if program.grid.len() > 2 || program.grid.iter().any(|axis| axis.block != 1) {
        return None;
    }
    let at = program.body.iter().position(|s| matches!(s, Stmt::For { .. }))?;
    let (before, rest) = program.body.split_at(at);
    let (the_loop, after) = rest.split_first()?;
    let found = Loop::of(program, the_loop)?;
    let caches = [found.keys.param, found.values.param];
    let straight = |s: &Stmt| match s {
        Stmt::Let(_) => true,
        Stmt::Store { place, .. } => !caches.contains(&place.param),
        _ => false,
    };
    if !after.iter().all(straight) || !found.starts_empty(program, before) {
        return None;
    }
    around(program, schedule, &found, before, after)
}

impl Lowering<'_> {
    /// The value that an elementwise expression of the loop has for one product and position.
    fn for_one(
        &mut self,
        of: &Loop<'_>,
        id: ExprId,
        product: RegisterId,
        position: RegisterId,
    ) -> Option<Value> {
        if id == of.product {
            return Some(Value::Get(product));
        }
        let program = self.program;
        let expr = program.expr(id);
        let is_iota =
            |id: ExprId| matches!(program.expr(program.under_shapes(id)).kind, ExprKind::Iota(_));
        if let ExprKind::Binary(BinaryOp::Add, a, b) = expr.kind
            && (is_iota(a) && b == of.index || is_iota(b) && a == of.index)
        {
            return Some(Value::Get(position));
        }
        if is_scalar(program, id) && !in_loop(program, id, of) {
            return self.known(id);
        }
        // Its axes are the queries' and the positions', or the positions' alone.
        let positions = Extent::Const(of.block);
        let one = Extent::Const(1);
        let shape = &expr.ty.shape[..];
        let ours = shape.iter().all(|e| *e == one)
            || shape == [positions]
            || shape == [one, positions]
            || shape == [positions, one]
            || shape == [Extent::Const(of.queries), positions];
        if !ours {
            return None;
        }
        let dtype = expr.ty.dtype;
        let mut one = |a: ExprId| self.for_one(of, a, product, position);
        Some(match expr.kind {
            ExprKind::Unary(op, a) => Value::Unary(op, program.expr(a).ty.dtype, Box::new(one(a)?)),
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (one(a)?, one(b)?);
                arithmetic(op, &program.expr(a).ty, x, y)
            }
            ExprKind::Ternary(op, [a, b, c]) => {
                Value::Ternary(op, dtype, Box::new([one(a)?, one(b)?, one(c)?]))
            }
            ExprKind::Cast(a) => {
                Value::Cast { from: program.expr(a).ty.dtype, to: dtype, of: Box::new(one(a)?) }
            }
            ExprKind::Reshape(a) | ExprKind::Broadcast(a) => one(a)?,
            _ => return None,
        })
    }
}

/// True when an expression changes round the loop.
fn in_loop(program: &Program, id: ExprId, of: &Loop<'_>) -> bool {
    let kind = &program.expr(id).kind;
    let mut found = id == of.index || matches!(kind, ExprKind::Get(_));
    kind.operands(|a| found = found || in_loop(program, a, of));
    found
}

fn around(
    program: &Program,
    schedule: &Schedule,
    of: &Loop<'_>,
    before: &[Stmt],
    after: &[Stmt],
) -> Option<ThreadProgram> {
    let rows = match of.q {
        Query::Rows(q) => vec![of.keys, of.values, q],
        Query::Tile(_) => vec![of.keys, of.values],
    };
    if rows.iter().any(|place| !schedule.aligned[place.param.index()]) {
        return None;
    }
    let state_len = Attend::state_len(of.head_dim, of.queries);
    let factors = Split::MOST * of.queries;
    // As many subgroups as their states have room.
    let mut team = TEAM;
    while team > 5 && ((state_len << (team - 5)) + factors) * 4 > STATES {
        team -= 1;
    }
    let own = Schedule { team, teams: 0, matrix: None, ..schedule.clone() };
    let mut l = Lowering::new(program, &own);
    let state = l.shared("state", DType::F32, state_len);
    let partial = l.shared("partial", DType::F32, (state_len << (team - 5)) + factors);
    let tile = match of.q {
        Query::Rows(_) => None,
        Query::Tile(tile) => Some(tile),
    };
    let appended = Appended::of(program, before, [of.keys, of.values])?;
    let is_ahead = tile.is_some() && appended.is_some();
    let needed = needed(program, before, tile);
    let lets = |early: bool| {
        before.iter().filter_map(move |statement| match statement {
            Stmt::Let(id) if early == (is_ahead && is_early(program, *id)) => Some(*id),
            _ => None,
        })
    };
    let turning = match (tile, &appended) {
        (Some(tile), Some(appended)) => Turning::of(program, schedule, tile, appended),
        _ => None,
    };
    if turning.is_some() {
        // Where halves of heads are nowhere else, what there is one of a query lies as the sums' rows do.
        let mixed = padded(&program.vars[of.mixed.index()].ty.shape, l.rank);
        l.masters.sort_by_key(|master| *master != mixed);
    }
    let turns = |id: &ExprId| turning.as_ref().is_some_and(|turning| turning.computes(*id));
    let needs = |id: &ExprId| (is_scalar(program, *id) || needed.contains(id)) && !turns(id);
    let late: Vec<ExprId> = lets(false).filter(needs).collect();
    for id in lets(is_ahead).filter(needs) {
        l.bind(id).ok()?;
    }
    let first = l.known(of.start)?;
    let first = l.let_value("first", DType::I32, first);
    let end = l.known(of.end)?;
    let block = int(of.block as i64);
    let count = add(binary(BinaryOp::Sub, end, first.clone()), int(of.block as i64 - 1));
    let whole = binary(BinaryOp::Mul, binary(BinaryOp::Div, count, block.clone()), block);
    let end = l.let_value("end", DType::I32, add(first.clone(), whole));

    // The rows of the caches are counted from the first.
    let zero = l.register("row", DType::I32, None);
    l.code(Code::Let(zero, int(0)));
    let layout = l.layout(&[]);
    l.hold(of.index, Held { register: zero, layout });
    l.counts_up.push(of.index);
    let mut operands = Vec::new();
    for place in rows {
        let offset = l.offset(place, &[int(0), int(0)])?;
        let stride = Value::Stride(place.param, place.axes.len() - 2);
        operands.push(Rows { param: place.param, offset, stride });
    }
    l.held.remove(&of.index);
    let mut operands = operands.into_iter();
    let (keys, values) = (operands.next()?, operands.next()?);
    let product = l.register("product", DType::F32, None);
    let position = l.register("position", DType::I32, None);
    let keep = match of.keep {
        None => Value::Const(tilewright_ir::Literal::Bool(true), DType::Bool),
        Some(keep) => l.for_one(of, keep, product, position)?,
    };
    let extent = |place: &Place| match &program.param(place.param).kind {
        ParamKind::Tensor { shape, .. } => Some(shape[shape.len() - 2]),
        ParamKind::Scalar { .. } => None,
    };
    let positions = extent(of.keys)?;
    if extent(of.values)? != positions {
        return None;
    }
    let (head_dim, queries, dtype) = (of.head_dim, of.queries, of.dtype);
    let extent = size(positions);
    let cached = Cached { head_dim, keys, values, first, end, extent, position, keep };
    let mut arrays = None;
    if is_ahead {
        let lets = lets(true).filter(|id| needs(id));
        let mut early: Vec<ParamId> = lets.filter_map(|id| loaded(program, id)).collect();
        let mut turned = None;
        if let Some(turning) = &turning {
            early.extend(turning.early());
            let (heads, to) = turning.lowered(&mut l, queries)?;
            (turned, arrays) = (Some(heads), Some(to));
        }
        l.routine(Routine::Ahead(Box::new(Ahead { cached: cached.clone(), early, turned })));
        // All that is left to read is asked for together.
        let read = |id: &ExprId| matches!(program.expr(*id).kind, ExprKind::Load { .. });
        for id in late.iter().filter(|id| read(id)) {
            l.bind(*id).ok()?;
        }
        for statement in before {
            match statement {
                Stmt::Let(id) if late.contains(id) && !read(id) => l.bind(*id).ok()?,
                Stmt::Store { .. } if arrays.is_none() => l.statement(statement).ok()?,
                _ => {}
            }
        }
    }
    let (q, fresh) = match (tile, &appended) {
        (None, _) => (Queries::Rows(operands.next()?), None),
        (Some(_), None) => return None,
        (Some(tile), Some(appended)) => {
            let [q, key, value] = match arrays {
                Some(arrays) => arrays,
                None => {
                    let shared = [tile, appended.values[0], appended.values[1]];
                    let [q, key, value] = shared.map(|id| l.share_without_waiting(id).ok());
                    [q?.array, key?.array, value?.array]
                }
            };
            let position = l.known(appended.position)?;
            l.barrier();
            (Queries::Shared(q), Some(Fresh { position, key, value }))
        }
    };
    let score = l.for_one(of, of.scores, product, position)?;
    let one = Value::Const(tilewright_ir::Literal::Float(1.0), DType::F32);
    let scale = match of.scale {
        None => one,
        Some(scale) => l.known(scale)?,
    };
    let features = queries * head_dim;
    let is_flat = l.takes_flat(program, of.mixed, 1 << team);
    let (end, finished) = l.nested(|l| {
        l.take(program, of.mixed, state, 0, head_dim);
        l.take(program, of.greatest, state, features, 1);
        l.take(program, of.sum, state, features + queries, 1);
        after.iter().try_for_each(|statement| l.statement(statement).ok())
    });
    finished?;
    let parted = match is_flat && !meets(&end) {
        true => Some(l.shared("own", DType::F32, Attend::parts_len(head_dim, queries))),
        false => None,
    };
    l.routine(Routine::Attend(Box::new(Attend {
        cached,
        queries,
        dtype,
        q,
        scale,
        product,
        score,
        state,
        partial,
        fresh,
        parted,
    })));
    end.into_iter().for_each(|code| l.code(code));
    let split = Split { positions, state: state_len };
    Some(l.finish_routine(1 << team, Some(split)))
}

/// True when threads wait for others, or take what others hold.
fn meets(body: &[Code]) -> bool {
    let mut found = false;
    for code in body {
        code.visit(&mut |code| {
            let exchange = |v: &Value| matches!(v, Value::Shuffle(..) | Value::Extreme { .. });
            found |= matches!(code, Code::Barrier | Code::SubgroupBarrier | Code::StoreShared(..))
                || code.values().any(|value| value.any(&exchange));
        });
    }
    found
}

impl Lowering<'_> {
    /// True when each of `threads` threads holds as many elements of a variable's tile, after those of the thread before.
    fn takes_flat(&self, program: &Program, var: VarId, threads: usize) -> bool {
        let layout = self.layout(&program.vars[var.index()].ty.shape);
        let columns = layout.capacity.last().copied().unwrap_or(0);
        let last = layout.capacity.len().wrapping_sub(1);
        let flat = |bit: &Bit| if bit.axis == last { bit.bit } else { columns + bit.bit };
        let rows_at = last.wrapping_sub(1);
        let bits = layout.register.iter().map(Some).chain(layout.thread.iter().map(Option::as_ref));
        let in_order = bits
            .enumerate()
            .all(|(i, bit)| bit.is_some_and(|bit| bit.axis >= rows_at && flat(bit) == i as u32));
        in_order && 1 << layout.thread.len() == threads
    }

    /// A variable's tile of `[rows, columns]` from shared memory, row-major from the element `from` on.
    fn take(
        &mut self,
        program: &Program,
        var: VarId,
        state: tilewright_ir::thread::SharedId,
        from: usize,
        columns: usize,
    ) {
        let variable = &program.vars[var.index()];
        let shape = variable.ty.shape.clone();
        let layout = self.layout(&shape);
        let name = variable.name.clone().unwrap_or("v".into());
        let register = self.register(&name, DType::F32, Some(layout.registers()));
        self.code(Code::Declare(register));
        let rank = layout.capacity.len();
        self.unroll(layout.registers(), |l, i| {
            let row = l.position(&layout, rank - 2, &i);
            let column = l.position(&layout, rank - 1, &i);
            let at = add(binary(BinaryOp::Mul, row, int(columns as i64)), column);
            let value = Value::Shared(state, Box::new(add(at, int(from as i64))));
            let nothing = Value::Const(tilewright_ir::Literal::Float(0.0), DType::F32);
            match l.valid(&layout, &shape, &i) {
                None => l.code(Code::SetElement(register, i, value)),
                Some(valid) => {
                    l.code(Code::SetElement(register, i.clone(), nothing));
                    l.code(Code::If(valid, vec![Code::SetElement(register, i, value)]));
                }
            }
        });
        self.vars.insert(var, Held { register, layout });
    }
}
