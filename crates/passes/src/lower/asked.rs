//! Rows asked for two turns ahead, in shared memory.
//!
//! Where [`ahead`](super::ahead) holds the next turn's rows in registers, a device that copies to shared memory beside its
//! threads needs none for them: a thread asks for its own part of the row after next, into the place of the row that it has
//! just taken from there. No thread reads what another asked for, so none waits.
//!
//! H200, prototypes of the gradient of rmsnorm of 65536 rows of 2048 in bf16, without the sums of partial sums: 0.2127 ms with
//! the next rows in registers, 0.2091 in shared memory, 0.2075 two turns ahead; of layernorm 0.2128 and 0.2052 a turn and two
//! turns ahead. Clusters, which wait for each other, take longer so: rmsnorm of 8192 rows of 65536 1.592 instead of 1.507.

use super::kept::EXCHANGED;
use super::map::{aligned, both};
use super::{Held, LowerError, Lowering, add, binary, int, shift_left};
use tilewright_ir::table::HashMap;
use tilewright_ir::thread::{Code, SharedId, Value};
use tilewright_ir::{Axis, BinaryOp, DType, ExprId, ExprKind, Place, Program, Stmt, VarId};

/// Rows of a loop that are under way or there: that of this turn's parity, and the other.
const PLACES: i64 = 2;

/// What is asked for ahead.
#[derive(Default)]
pub(super) struct AskedRows {
    /// Where the rows of each variable lie.
    at: HashMap<VarId, Rows>,
    /// The loads that ask.
    loads: HashMap<ExprId, Ask>,
    /// The loops that take them, with how many there are.
    loops: HashMap<ExprId, usize>,
}

/// Two rows in shared memory.
#[derive(Clone, Copy)]
struct Rows {
    array: SharedId,
    /// Elements of a place.
    len: usize,
    /// Elements of a copy.
    lanes: usize,
    /// How many variables its loop has.
    beside: usize,
}

/// One load that asks.
#[derive(Clone, Copy)]
struct Ask {
    var: VarId,
    /// What says which row: the first of the loop, or the next.
    row: ExprId,
    /// The last row.
    last: ExprId,
    /// The loop's index, for what is asked for in its turns.
    turn: Option<ExprId>,
}

/// A variable that holds the next turn's row.
struct Found {
    var: VarId,
    asks: [(ExprId, Ask); 2],
}

/// The variables of the loop `index` from `start` to `end` that hold its next row, filled under `first` before it.
fn found(
    program: &Program,
    (index, start): (ExprId, ExprId),
    first: &[Stmt],
    body: &[Stmt],
) -> Vec<Found> {
    let mut all = Vec::new();
    for statement in first {
        let Stmt::Set(var, before) = *statement else { continue };
        let later = body.iter().filter_map(|s| match s {
            Stmt::Set(v, value) if *v == var => Some(*value),
            _ => None,
        });
        let [next] = later.collect::<Vec<_>>()[..] else { continue };
        let (Some(rows_before), Some(rows_next)) = (rows(program, before), rows(program, next))
        else {
            continue;
        };
        let after_this = rows_next.iter().find_map(|id| match program.expr(*id).kind {
            ExprKind::Binary(BinaryOp::Min, after, last) => Some((*id, after, last)),
            _ => None,
        });
        let Some((next_row, after, last)) = after_this else { continue };
        let ExprKind::Binary(BinaryOp::Add, of, one) = program.expr(after).kind else { continue };
        let is_next = of == index && program.constant(one) == Some(1.0);
        if !rows_before.contains(&start) || !is_next {
            continue;
        }
        let ask = |row, turn| Ask { var, row, last, turn };
        let asks = [(before, ask(start, None)), (next, ask(next_row, Some(index)))];
        all.push(Found { var, asks });
    }
    all
}

/// The single positions of what a load reads, zeros beyond it.
fn rows(program: &Program, load: ExprId) -> Option<Vec<ExprId>> {
    let ExprKind::Load { place, fill } = &program.expr(load).kind else { return None };
    let single = place.axes.iter().filter_map(|axis| match axis {
        Axis::At(id) => Some(*id),
        _ => None,
    });
    (fill.value() == 0.0).then(|| single.collect())
}

/// How often a variable is read in all.
fn reads(program: &Program, body: &[Stmt], var: VarId) -> usize {
    let of = |s: &Stmt| match s {
        Stmt::Let(id) => usize::from(program.expr(*id).kind == ExprKind::Get(var)),
        Stmt::For { body, .. } | Stmt::When { body, .. } => reads(program, body, var),
        Stmt::Set(..) | Stmt::Store { .. } => 0,
    };
    body.iter().map(of).sum()
}

impl Lowering<'_> {
    /// Finds what is asked for ahead, where there is room for it.
    pub(super) fn find_asked(&mut self) {
        let program = self.program;
        // What a cluster waits for is the others.
        if super::cluster::groups_of(self.schedule.team) > 0 {
            return;
        }
        for pair in program.body.windows(2) {
            let [
                Stmt::When { condition, body: first },
                Stmt::For { index, start, end, step: 1, body },
            ] = pair
            else {
                continue;
            };
            // What the variables hold before is for loops without a turn.
            if program.expr(*condition).kind != ExprKind::Binary(BinaryOp::Lt, *start, *end) {
                continue;
            }
            let all: Vec<Found> = found(program, (*index, *start), first, body)
                .into_iter()
                .filter(|f| {
                    reads(program, body, f.var) == 1 && reads(program, &program.body, f.var) == 1
                })
                .collect();
            let lanes: Option<Vec<usize>> = all.iter().map(|f| self.lanes_of(&f.asks)).collect();
            let Some(lanes) = lanes else { continue };
            let of = |f: &Found| &program.vars[f.var.index()].ty;
            let lens: Vec<usize> = all
                .iter()
                .map(|f| self.layout(&of(f).shape).registers() << self.schedule.team)
                .collect();
            let bytes = all.iter().zip(&lens).map(|(f, len)| of(f).dtype.size() * len);
            let bytes = bytes.sum::<usize>() * PLACES as usize;
            if bytes << self.schedule.teams > self.schedule.keep.saturating_sub(EXCHANGED) {
                continue;
            }
            let beside = all.len();
            for ((f, lanes), len) in all.into_iter().zip(lanes).zip(lens) {
                let dtype = program.vars[f.var.index()].ty.dtype;
                let array = self.shared("ahead", dtype, PLACES as usize * len);
                self.asked.at.insert(f.var, Rows { array, len, lanes, beside });
                self.asked.loads.extend(f.asks);
            }
            self.asked.loops.insert(*index, beside);
        }
    }

    /// The elements of one copy of two loads alike; `None` where they cannot be copied.
    fn lanes_of(&self, asks: &[(ExprId, Ask); 2]) -> Option<usize> {
        let lanes = |(load, _): &(ExprId, Ask)| match &self.program.expr(*load).kind {
            ExprKind::Load { place, .. } => self.copied(*load, place),
            _ => None,
        };
        let [a, b] = [lanes(&asks[0])?, lanes(&asks[1])?];
        (a == b).then_some(a)
    }

    /// Where this thread's copy `number` lies in a place.
    fn own_copy(&self, rows: &Rows, place: Value, number: Value) -> Value {
        let copy = add(shift_left(number, self.schedule.team), self.thread.clone());
        let at = shift_left(copy, rows.lanes.trailing_zeros());
        let place = binary(BinaryOp::Mul, place, int(rows.len as i64));
        self.place_in_team(PLACES as usize * rows.len, add(place, at))
    }

    /// Asks for rows, if `load` does: the first two of a loop, or the one after next.
    pub(super) fn asks(&mut self, load: ExprId) -> Result<bool, LowerError> {
        let Some(ask) = self.asked.loads.get(&load).copied() else { return Ok(false) };
        let program = self.program;
        let ExprKind::Load { place, .. } = &program.expr(load).kind else { return Ok(false) };
        let last = self.scalar(ask.last)?;
        let (rows, first) = match ask.turn {
            None => {
                let start = self.scalar(ask.row)?;
                let next = binary(BinaryOp::Min, add(start.clone(), int(1)), last);
                let after = add(start.clone(), int(1));
                (vec![(start.clone(), start), (next, after)], true)
            }
            Some(turn) => {
                let turn = self.scalar(turn)?;
                let row = binary(BinaryOp::Min, add(turn.clone(), int(PLACES)), last);
                (vec![(row, turn)], false)
            }
        };
        for (row, number) in rows {
            let parity = binary(BinaryOp::And, number, int(PLACES - 1));
            self.ask_for_row(load, place, &ask, (row, parity))?;
        }
        if first {
            self.code(Code::CopyCommit);
        }
        Ok(true)
    }

    /// Begins to copy this thread's part of a row.
    fn ask_for_row(
        &mut self,
        load: ExprId,
        place: &Place,
        ask: &Ask,
        (row, parity): (Value, Value),
    ) -> Result<(), LowerError> {
        let program = self.program;
        let shape = &program.expr(load).ty.shape;
        let (layout, rows) = (self.layout(shape), self.asked.at[&ask.var]);
        let row = self.let_value("row", DType::I32, row);
        self.checked_indices.clear();
        for (axis, how) in place.axes.iter().enumerate() {
            if let Axis::At(id) = how {
                let index = match *id == ask.row {
                    true => self.check(place, axis, *id, row.clone()),
                    false => match self.checked_index(place, axis, *id) {
                        Some(index) => index,
                        None => continue,
                    },
                };
                let index = self.let_value("index", DType::I32, index);
                self.checked_indices.insert((place.param, axis), (*id, index));
            }
        }
        let parity = self.let_value("parity", DType::I32, parity);
        let lanes = rows.lanes;
        let result = self.unroll(layout.registers() / lanes, |l, i| {
            let first = shift_left(i.clone(), lanes.trailing_zeros());
            let positions = l.positions(&layout, shape.len(), &first);
            let valid = l.valid(&layout, &aligned(shape, &layout), &first);
            let valid = both(valid, l.inside(place, &positions));
            let missing = || LowerError("an index of a row is spread over threads".into());
            let offset = l.offset(place, &positions).ok_or_else(missing)?;
            let index = l.own_copy(&rows, parity.clone(), i);
            let (to, param) = (rows.array, place.param);
            l.code(Code::CopyAsync { to, index, param, offset, lanes, valid });
            Ok(())
        });
        self.checked_indices.clear();
        result
    }

    /// Makes a group of what was asked for, where `var` is in shared memory; true if it is.
    pub(super) fn is_asked(&mut self, var: VarId, value: ExprId) -> bool {
        if !self.asked.at.contains_key(&var) {
            return false;
        }
        if self.asked.loads.get(&value).is_some_and(|ask| ask.turn.is_some()) {
            self.code(Code::CopyCommit);
        }
        true
    }

    /// Waits, before a loop, for the first rows that it takes, and after it for those that it asked for in vain.
    pub(super) fn await_asked(&mut self, index: ExprId) {
        if self.asked.loops.contains_key(&index) {
            self.code(Code::CopyWait(0));
        }
    }

    /// Takes this turn's row of a variable, if it is in shared memory.
    pub(super) fn takes_asked(&mut self, id: ExprId, var: VarId, name: &str) -> bool {
        let Some(rows) = self.asked.at.get(&var).copied() else { return false };
        let Some((counter, _)) = self.turns.last().copied() else { return false };
        let ty = &self.program.vars[var.index()].ty;
        let layout = self.layout(&ty.shape);
        // The groups that the turn before asked for may still be under way.
        self.code(Code::CopyWait(rows.beside));
        let register = self.register(name, ty.dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        let parity = binary(BinaryOp::And, Value::Get(counter), int(PLACES - 1));
        let lanes = rows.lanes;
        self.unroll(layout.registers() / lanes, |l, i| {
            let index = shift_left(i.clone(), lanes.trailing_zeros());
            let at = l.own_copy(&rows, parity.clone(), i);
            l.code(Code::LoadShared { into: register, index, from: rows.array, at, lanes });
        });
        self.hold(id, Held { register, layout });
        true
    }
}
