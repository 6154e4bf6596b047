//! Tiles of several lines that are scanned, one line at a time: a loop over the lines, in which all threads of a team
//! scan one. What is computed of the lines is computed in the loop, and what is reduced over them is gathered round it, so
//! that registers, shared memory and text are those of one line.
//!
//! Each reduction over the lines that others need ends a loop; maps and scans are computed anew in the next one, as for
//! rows that are longer than registers hold; those get their lines one after the other as text, which their loops can cut.

mod apart;
mod axes;
mod blocks;
mod sinks;

pub use apart::{by_inner_program, by_program};

use crate::dead::remove_dead;
use axes::{Axes, Reach, axis_of_place, is_input};
use blocks::{block_at, bound_before, count_stores, lines_in, used_in};
use sinks::Sink;
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Axis, BinaryOp, Combine, DType, Expr, ExprId, ExprKind, Extent, GridAxis, Literal, Place,
    Program, Stmt, Type, VarId, Variable, infer,
};

/// log2 of the capacity of the shortest line that is worth a turn of a loop: shorter ones lie beside each other.
pub const LONG_LINE: u32 = 7;

/// log2 of the longest row that is held in registers.
pub(crate) const RESIDENT: u32 = 14;

/// The most axes of a grid that lines become one of: as many as a GPU's has.
pub(crate) const MOST_GRID_AXES: usize = 3;

/// The most lines that become text, where a loop cannot hold them.
const AS_TEXT: usize = 64;

/// `program` with its scanned lines in loops; `None` where it has no tile of several long lines that are scanned along the
/// last axis, or does with them what one line at a time cannot do. `capacity` gives log2 of what a target holds of an
/// extent.
pub fn by_line(program: &Program, capacity: impl Fn(Extent) -> u32) -> Option<Program> {
    lines_in(program, &program.body, &capacity)?;
    let mut program = program.clone();
    // One axis of lines at a time, the outermost first.
    while let Some(path) = lines_in(&program, &program.body, &capacity) {
        let shape = &program.expr(path.scan).ty.shape;
        let (row, extent) = (*shape.last()?, shape[path.axis]);
        let turns = match (capacity(row) > RESIDENT, extent) {
            (false, _) => None,
            (true, Extent::Const(count)) if count <= AS_TEXT => Some(count),
            (true, _) => return None,
        };
        // The loop over the lines goes around as little as it can.
        let depths = (0..=path.blocks.len()).rev();
        program = depths.into_iter().find_map(|depth| {
            let mut program = program.clone();
            let blocks = &path.blocks[..depth];
            let before = bound_before(&program, blocks);
            let body = std::mem::take(block_at(&mut program.body, blocks)?);
            let axes = Axes::of(&program, &body, &before, path.scan, path.axis, Reach::Axes)?;
            let known = program.exprs.len();
            let body = Lines::new(&mut program, axes, extent, turns).rewritten(body)?;
            *block_at(&mut program.body, blocks)? = body;
            if blocks.is_empty() {
                spread(&mut program, extent, known);
            }
            Some(program)
        })?;
    }
    remove_dead(&mut program);
    tilewright_ir::validate::validate_rewritten(&program).is_ok().then_some(program)
}

/// Gives each line a program of its own, where the loop over them, whose index is no expression `known` before, is all that
/// a program does.
fn spread(program: &mut Program, extent: Extent, known: usize) {
    let alone = match program.body.split_last() {
        Some((Stmt::For { index, .. }, before)) => {
            index.index() >= known && before.iter().all(|s| matches!(s, Stmt::Let(_)))
        }
        _ => false,
    };
    if !alone || program.grid.len() + 1 > MOST_GRID_AXES {
        return;
    }
    if let Some(Stmt::For { index, body, .. }) = program.body.pop() {
        program.exprs[index.index()].kind = ExprKind::Program(program.grid.len());
        program.grid.push(GridAxis { extent, block: 1 });
        program.body.push(Stmt::Let(index));
        program.body.extend(body);
    }
}

/// What a statement is to lines, with what it needs.
enum Role {
    /// It works on whole tiles.
    Whole(Vec<ExprId>),
    /// It works on lines, and may give something to what does not.
    Line(Vec<ExprId>, Option<Sink>),
}

/// What the loop over the lines does, in order.
enum Item {
    Statement(Stmt),
    Sink(Sink),
}

/// The rewriting of a block.
struct Lines<'a> {
    program: &'a mut Program,
    axes: Axes,
    /// How many lines.
    extent: Extent,
    /// The same, where each is to be text of its own.
    turns: Option<usize>,
    /// The expressions that are made of lines, as they were.
    of_lines: HashMap<ExprId, Expr>,
    /// The variables of one line.
    vars: HashMap<VarId, VarId>,
}

impl<'a> Lines<'a> {
    fn new(
        program: &'a mut Program,
        axes: Axes,
        extent: Extent,
        turns: Option<usize>,
    ) -> Lines<'a> {
        let all = (0..program.exprs.len()).map(|i| ExprId(i as u32));
        let of_lines = all.filter(|id| axes.has(*id)).map(|id| (id, program.expr(id).clone()));
        let of_lines = of_lines.collect();
        let mut vars = HashMap::default();
        for var in axes.vars() {
            let mut own = program.vars[var.index()].clone();
            if let Some(axis) = axes.of_var(var) {
                own.ty.shape[axis] = Extent::Const(1);
            }
            vars.insert(var, VarId(program.vars.len() as u32));
            program.vars.push(own);
        }
        Lines { program, axes, extent, turns, of_lines, vars }
    }

    /// The block with loops over the lines in place of the tiles.
    fn rewritten(mut self, body: Vec<Stmt>) -> Option<Vec<Stmt>> {
        self.check_stores(&body, &body)?;
        let mut out = Vec::with_capacity(body.len());
        let before = self.axes.before.iter().map(|&id| Item::Statement(Stmt::Let(id)));
        // All that is made of lines so far, and what comes after the loop that is being gathered.
        let (mut items, mut later): (Vec<Item>, Vec<Stmt>) = (before.collect(), Vec::new());
        // What is known only after it.
        let (mut pending, mut unknown) = (false, HashSet::default());
        for statement in body {
            match self.role(&statement) {
                Role::Whole(operands) => {
                    let waits = operands.iter().any(|id| unknown.contains(id));
                    let ordered = match &statement {
                        Stmt::Let(id) => self.program.expr(*id).kind.is_ordered(),
                        _ => true,
                    };
                    if !waits && (!ordered || later.is_empty()) {
                        out.push(statement);
                        continue;
                    }
                    if let Stmt::Let(id) = statement {
                        unknown.insert(id);
                    }
                    later.push(statement);
                }
                Role::Line(operands, sink) => {
                    // What others are computed from waits where they are used.
                    let used = sink.is_some() || !matches!(statement, Stmt::Let(_));
                    if used && self.waits(&operands, &unknown) {
                        self.flush(&items, &mut out)?;
                        // What a variable holds between statements of lines is gone.
                        if !self.vars.is_empty() {
                            return None;
                        }
                        out.append(&mut later);
                        items.retain(|item| matches!(item, Item::Statement(Stmt::Let(_))));
                        unknown.clear();
                    }
                    pending |= used;
                    if !matches!(sink, Some(Sink::Reduced(_))) {
                        items.push(Item::Statement(statement));
                    }
                    if let Some(sink) = sink {
                        unknown.insert(sink.of());
                        items.push(Item::Sink(sink));
                    }
                }
            }
        }
        if pending {
            self.flush(&items, &mut out)?;
        }
        out.append(&mut later);
        Some(out)
    }

    /// Whether a statement is one of lines, with what it needs.
    fn role(&self, statement: &Stmt) -> Role {
        let mut operands = Vec::new();
        match statement {
            Stmt::Let(id) if self.axes.has(*id) => {
                let collected = self.axes.collected.contains(id);
                return Role::Line(vec![*id], collected.then_some(Sink::Collected(*id)));
            }
            Stmt::Let(id) => match &self.program.expr(*id).kind {
                ExprKind::Reduce(_, of, _)
                    if self.axes.has(*of) && !self.axes.collected.contains(of) =>
                {
                    return Role::Line(vec![*of], Some(Sink::Reduced(*id)));
                }
                kind => kind.operands(|a| operands.push(a)),
            },
            statement => {
                used_in(self.program, statement, &mut operands);
                let is_line = match statement {
                    Stmt::Store { value, mask, .. } => {
                        self.axes.is_line_store(self.program, *value, *mask)
                    }
                    statement => self.has_lines(std::slice::from_ref(statement)),
                };
                if is_line {
                    return Role::Line(operands, None);
                }
            }
        }
        Role::Whole(operands)
    }

    /// True when a block has anything of lines.
    fn has_lines(&self, body: &[Stmt]) -> bool {
        body.iter().any(|statement| match statement {
            Stmt::Let(id) => self.axes.has(*id),
            Stmt::Set(var, _) => self.axes.of_var(*var).is_some(),
            Stmt::Store { value, .. } => self.axes.has(*value),
            Stmt::For { body, .. } | Stmt::When { body, .. } => self.has_lines(body),
        })
    }

    /// Stores of lines change places with other statements, so nothing else may touch what they write.
    fn check_stores(&self, all: &[Stmt], body: &[Stmt]) -> Option<()> {
        for statement in body {
            match statement {
                Stmt::Store { place, value, mask, .. }
                    if self.axes.is_line_store(self.program, *value, *mask) =>
                {
                    let mut stores = 0;
                    count_stores(&self.program.body, place, &mut stores);
                    count_stores(all, place, &mut stores);
                    let read = self.program.exprs.iter().any(|e| match &e.kind {
                        ExprKind::Load { place: other, .. } => other.param == place.param,
                        _ => false,
                    });
                    if stores > 1 || read {
                        return None;
                    }
                }
                Stmt::For { body, .. } | Stmt::When { body, .. } => self.check_stores(all, body)?,
                _ => {}
            }
        }
        Some(())
    }

    /// True when one of these, or of what the lines among them are computed from, is known only after the loop that is
    /// being gathered.
    fn waits(&self, operands: &[ExprId], unknown: &HashSet<ExprId>) -> bool {
        let (mut open, mut seen) = (operands.to_vec(), HashSet::default());
        while let Some(id) = open.pop() {
            if !self.axes.has(id) {
                if unknown.contains(&id) {
                    return true;
                }
            } else if seen.insert(id) {
                self.of_lines[&id].kind.operands(|a| open.push(a));
            }
        }
        false
    }

    /// Emits the loop that does `items`.
    fn flush(&mut self, items: &[Item], out: &mut Vec<Stmt>) -> Option<()> {
        let needed = self.needed(items);
        let sinks: Vec<Sink> = items
            .iter()
            .filter_map(|item| match item {
                Item::Sink(sink) => Some(*sink),
                Item::Statement(_) => None,
            })
            .collect();
        let mut vars = HashMap::default();
        for sink in &sinks {
            let start = self.start(*sink, out);
            vars.insert(sink.of(), start);
        }
        if let Some(turns) = self.turns {
            let mut totals = vars;
            for turn in 0..turns {
                let index = self.index(turn, out);
                let known = self.line(
                    items,
                    &needed,
                    index,
                    &mut |lines, sink, known, out| {
                        let before = totals[&sink.of()];
                        let total = lines.gathered(sink, before, index, known, out)?;
                        totals.insert(sink.of(), total);
                        Some(())
                    },
                    out,
                );
                known?;
            }
            for sink in sinks {
                self.conclude(sink, totals[&sink.of()], out);
            }
            return Some(());
        }
        let mut carried = HashMap::default();
        for sink in &sinks {
            let start = vars[&sink.of()];
            let ty = self.program.expr(start).ty.clone();
            let expr = self.program.expr(sink.of());
            let (name, at) = (expr.name.clone().or(Some("total".into())), expr.at.clone());
            self.program.vars.push(Variable { ty, at, name });
            let var = VarId(self.program.vars.len() as u32 - 1);
            out.push(Stmt::Set(var, start));
            carried.insert(sink.of(), var);
        }
        let start = self.index(0, out);
        let end = match self.extent {
            Extent::Const(count) => self.index(count, out),
            extent => self.emit(ExprKind::Size(extent), integer(), out),
        };
        let index = self.program.push(ExprKind::LoopIndex, integer(), None);
        self.program.exprs[index.index()].name = Some("line".into());
        let mut body = Vec::new();
        self.line(
            items,
            &needed,
            index,
            &mut |lines, sink, known, out| {
                let var = carried[&sink.of()];
                let before = lines.read(var, out);
                let total = lines.gathered(sink, before, index, known, out)?;
                out.push(Stmt::Set(var, total));
                Some(())
            },
            &mut body,
        )?;
        out.push(Stmt::For { index, start, end, step: 1, body });
        for sink in sinks {
            let total = self.read(carried[&sink.of()], out);
            self.conclude(sink, total, out);
        }
        Some(())
    }

    /// The lines that the statements and sinks among `items` are computed from.
    fn needed(&self, items: &[Item]) -> HashSet<ExprId> {
        let (mut open, mut found) = (Vec::new(), HashSet::default());
        for item in items {
            match item {
                Item::Sink(Sink::Reduced(id)) => {
                    self.program.expr(*id).kind.operands(|a| open.push(a));
                }
                Item::Sink(Sink::Collected(id)) => open.push(*id),
                Item::Statement(Stmt::Let(_)) => {}
                Item::Statement(statement) => used_in(self.program, statement, &mut open),
            }
        }
        while let Some(id) = open.pop() {
            if self.axes.has(id) && found.insert(id) {
                self.of_lines[&id].kind.operands(|a| open.push(a));
            }
        }
        found
    }

    /// Does `items` for one line.
    fn line(
        &mut self,
        items: &[Item],
        needed: &HashSet<ExprId>,
        index: ExprId,
        gather: &mut Gather<'_, 'a>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let mut known = HashMap::default();
        for item in items {
            match item {
                Item::Statement(Stmt::Let(id)) if !needed.contains(id) => {}
                Item::Statement(statement) => self.statement(statement, index, &mut known, out)?,
                Item::Sink(sink) => gather(self, *sink, &known, out)?,
            }
        }
        Some(())
    }

    /// A statement of lines for one of them.
    fn statement(
        &mut self,
        statement: &Stmt,
        index: ExprId,
        known: &mut HashMap<ExprId, ExprId>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        match statement {
            Stmt::Let(id) if self.axes.has(*id) => self.expression(*id, index, known, out)?,
            Stmt::Let(id) => {
                // It comes later than it did.
                let stays = match &self.program.expr(*id).kind {
                    ExprKind::Get(_) => false,
                    ExprKind::Load { place, .. } => is_input(self.program, place),
                    _ => true,
                };
                if !stays {
                    return None;
                }
                out.push(Stmt::Let(*id));
            }
            Stmt::Set(var, value) => {
                out.push(Stmt::Set(*self.vars.get(var)?, *known.get(value)?));
            }
            Stmt::Store { value, mask, .. } => {
                // Another line would store it again.
                let line = self.axes.has(*value) || mask.is_some_and(|mask| self.axes.has(mask));
                if !line {
                    return None;
                }
                self.store(statement, index, known, out)?;
            }
            Stmt::For { index: own, start, end, step, body } => {
                let mut inner = Vec::with_capacity(body.len());
                for statement in body {
                    self.statement(statement, index, known, &mut inner)?;
                }
                let (index, start, end, step) = (*own, *start, *end, *step);
                out.push(Stmt::For { index, start, end, step, body: inner });
            }
            Stmt::When { condition, body } => {
                let mut inner = Vec::with_capacity(body.len());
                for statement in body {
                    self.statement(statement, index, known, &mut inner)?;
                }
                out.push(Stmt::When { condition: *condition, body: inner });
            }
        }
        Some(())
    }

    /// One line of an expression.
    fn expression(
        &mut self,
        id: ExprId,
        index: ExprId,
        known: &mut HashMap<ExprId, ExprId>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let axis = self.axes.get(id)?;
        let mut expr = self.of_lines.get(&id)?.clone();
        let each = self.axes.each(self.program, id)?;
        expr.ty.shape[axis] = Extent::Const(each);
        expr.kind.map_operands(|a| known.get(&a).copied().unwrap_or(a));
        match &mut expr.kind {
            ExprKind::Load { place, .. } => self.narrow(place, (axis, each), index, out)?,
            ExprKind::Iota(_) => expr.kind = ExprKind::Broadcast(index),
            ExprKind::Get(var) => *var = *self.vars.get(var)?,
            ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => {
                *combine = self.copied(combine);
            }
            _ => {}
        }
        let new = ExprId(self.program.exprs.len() as u32);
        self.program.exprs.push(expr);
        out.push(Stmt::Let(new));
        known.insert(id, new);
        Some(())
    }

    /// Narrows a place, whose tile has its lines along `axis`, with so many elements each there, to one of them.
    fn narrow(
        &mut self,
        place: &mut Place,
        (axis, each): (usize, usize),
        index: ExprId,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let axis = axis_of_place(place, axis)?;
        let len = Extent::Const(each);
        place.axes[axis] = match place.axes[axis] {
            Axis::All => Axis::Range { start: self.times(index, each, out), len, step: 1 },
            Axis::Range { start, step, .. } => {
                let distance = self.times(index, each.checked_mul(step)?, out);
                let sum = ExprKind::Binary(BinaryOp::Add, start, distance);
                Axis::Range { start: self.emit(sum, integer(), out), len, step }
            }
            Axis::At(_) | Axis::Gather(_) => return None,
        };
        Some(())
    }

    fn times(&mut self, index: ExprId, n: usize, out: &mut Vec<Stmt>) -> ExprId {
        if n == 1 {
            return index;
        }
        let n = self.index(n, out);
        self.emit(ExprKind::Binary(BinaryOp::Mul, index, n), integer(), out)
    }

    /// A function with arguments of its own.
    fn copied(&mut self, combine: &Combine) -> Combine {
        let mut known: HashMap<ExprId, ExprId> = HashMap::default();
        for &id in combine.left.iter().chain(&combine.right).chain(&combine.body) {
            let mut expr = self.program.expr(id).clone();
            expr.kind.map_operands(|a| known.get(&a).copied().unwrap_or(a));
            known.insert(id, ExprId(self.program.exprs.len() as u32));
            self.program.exprs.push(expr);
        }
        let all = |ids: &[ExprId]| {
            ids.iter().map(|id| known.get(id).copied().unwrap_or(*id)).collect::<Vec<_>>()
        };
        Combine {
            left: all(&combine.left),
            right: all(&combine.right),
            body: all(&combine.body),
            results: all(&combine.results),
        }
    }

    /// Stores one line.
    fn store(
        &mut self,
        store: &Stmt,
        index: ExprId,
        known: &HashMap<ExprId, ExprId>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        let Stmt::Store { place, value, mask, mode, at } = store else { return None };
        let rank = infer::place_type(self.program, place).ok()?.shape.len();
        let lined = [Some(*value), *mask].into_iter().flatten().find(|id| self.axes.has(*id))?;
        let own = self.program.expr(lined).ty.shape.len();
        let axis = self.axes.get(lined)? + rank - own;
        let each = self.axes.each(self.program, lined)?;
        let mut place = place.clone();
        self.narrow(&mut place, (axis, each), index, out)?;
        let line = |id: ExprId| known.get(&id).copied().unwrap_or(id);
        let (value, mask) = (line(*value), mask.map(line));
        out.push(Stmt::Store { place, value, mask, mode: *mode, at: at.clone() });
        Some(())
    }

    fn index(&mut self, value: usize, out: &mut Vec<Stmt>) -> ExprId {
        self.emit(ExprKind::Const(Literal::Int(value as i64)), integer(), out)
    }

    fn emit(&mut self, kind: ExprKind, ty: Type, out: &mut Vec<Stmt>) -> ExprId {
        let id = self.program.push(kind, ty, None);
        out.push(Stmt::Let(id));
        id
    }
}

/// Gives a sink what it needs of the lines that are known.
type Gather<'g, 'a> =
    dyn FnMut(&mut Lines<'a>, Sink, &HashMap<ExprId, ExprId>, &mut Vec<Stmt>) -> Option<()> + 'g;

fn integer() -> Type {
    Type { dtype: DType::I32, shape: Vec::new() }
}

#[cfg(test)]
mod tests;
