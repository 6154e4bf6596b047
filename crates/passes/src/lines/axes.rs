//! What of a block is made of lines: the expressions and variables that hang together with a scan of several lines, and the
//! axis along which each has them.

use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Access, Axis, ExprId, ExprKind, Extent, ParamKind, Place, Program, Stmt, VarId,
};

/// Which expressions and variables are made of lines, and along which axis.
#[derive(Default)]
pub(super) struct Axes {
    exprs: HashMap<ExprId, usize>,
    vars: HashMap<VarId, usize>,
    /// Those of one element a line that something needs as a whole.
    pub collected: HashSet<ExprId>,
    /// Those from before the block, in order: each line computes its own.
    pub before: Vec<ExprId>,
}

/// What uses what in a block and those in it.
#[derive(Default)]
struct Survey {
    /// Where each expression is bound: false for the block itself, true for those in it.
    nested: HashMap<ExprId, bool>,
    users: HashMap<ExprId, Vec<ExprId>>,
    /// The values that each variable is given, and those that are read of it.
    sets: HashMap<VarId, Vec<ExprId>>,
    gets: HashMap<VarId, Vec<ExprId>>,
    /// The variables that each value is given to.
    given: HashMap<ExprId, Vec<VarId>>,
    /// Used as an index, a bound or a condition.
    scalars: HashSet<ExprId>,
    /// Values and masks of stores.
    stored: HashSet<ExprId>,
    /// The mask that each value is stored with, and the other way round.
    beside: HashMap<ExprId, Vec<ExprId>>,
}

impl Survey {
    fn block(&mut self, program: &Program, body: &[Stmt], nested: bool) {
        for statement in body {
            match statement {
                Stmt::Let(id) => {
                    self.nested.insert(*id, nested);
                    let kind = &program.expr(*id).kind;
                    kind.operands(|a| self.users.entry(a).or_default().push(*id));
                    if let ExprKind::Get(var) = kind {
                        self.gets.entry(*var).or_default().push(*id);
                    }
                }
                Stmt::Set(var, value) => {
                    self.sets.entry(*var).or_default().push(*value);
                    self.given.entry(*value).or_default().push(*var);
                }
                Stmt::Store { place, value, mask, .. } => {
                    place.operands(&mut |id| {
                        self.scalars.insert(id);
                    });
                    self.stored.insert(*value);
                    self.stored.extend(mask);
                    if let Some(mask) = mask {
                        self.beside.entry(*value).or_default().push(*mask);
                        self.beside.entry(*mask).or_default().push(*value);
                    }
                }
                Stmt::For { start, end, body, .. } => {
                    self.scalars.extend([*start, *end]);
                    self.block(program, body, true);
                }
                Stmt::When { condition, body } => {
                    self.scalars.insert(*condition);
                    self.block(program, body, true);
                }
            }
        }
    }
}

impl Axes {
    /// What hangs together with `scan`, whose lines lie along `axis`, in the block `body`: what it is computed from, and
    /// what is computed from it. `before` has what the blocks around compute before it. `None` where that is more than
    /// one line at a time can do.
    pub fn of(
        program: &Program,
        body: &[Stmt],
        before: &[ExprId],
        scan: ExprId,
        axis: usize,
    ) -> Option<Axes> {
        let (mut survey, mut everywhere) = (Survey::default(), Survey::default());
        survey.block(program, body, false);
        everywhere.block(program, &program.body, false);
        let mut axes = Axes::default();
        let lines = program.expr(scan).ty.shape[axis];
        let mut open = vec![(scan, axis)];
        while let Some((id, axis)) = open.pop() {
            match axes.get(id) {
                Some(known) if known == axis => continue,
                Some(_) => return None,
                None => axes.exprs.insert(id, axis),
            };
            // What looks for the greatest line needs all of them.
            if program.expr(id).ty.shape[axis] != lines {
                return None;
            }
            operands_of_lines(program, id, axis, &mut open)?;
            if !survey.nested.contains_key(&id) {
                let kind = &program.expr(id).kind;
                let anew = is_map(kind)
                    || matches!(
                        kind,
                        ExprKind::Load { .. } | ExprKind::Iota(_) | ExprKind::Reshape(_)
                    );
                if !anew || !before.contains(&id) {
                    return None;
                }
                continue;
            }
            let alone = is_one(program, id);
            let mut vars = Vec::new();
            if let ExprKind::Get(var) = program.expr(id).kind {
                vars.push(var);
            }
            if !alone {
                vars.extend(survey.given.get(&id).into_iter().flatten());
            }
            for var in vars {
                // Nothing around the block may know of it.
                if everywhere.sets.contains_key(&var) || everywhere.gets.contains_key(&var) {
                    return None;
                }
                if axes.vars.insert(var, axis).is_none() {
                    let own = survey.sets.get(&var).into_iter().chain(survey.gets.get(&var));
                    open.extend(own.flatten().map(|&id| (id, axis)));
                }
            }
            // A line is stored with its line of the mask.
            for &other in survey.beside.get(&id).into_iter().flatten() {
                let (own, theirs) = (&program.expr(id).ty.shape, &program.expr(other).ty.shape);
                let there = (axis + theirs.len()).checked_sub(own.len());
                let there = there.filter(|&there| theirs[there] != Extent::Const(1));
                if let Some(there) = there.filter(|_| !(alone && is_one(program, other))) {
                    open.push((other, there));
                }
            }
            for &user in survey.users.get(&id).into_iter().flatten() {
                if !(alone && is_one(program, user)) {
                    open.extend(axis_in_user(program, user, id, axis)?.map(|axis| (user, axis)));
                }
            }
        }
        axes.collect(program, &survey)?;
        axes.before = before
            .iter()
            .copied()
            .filter(|id| axes.has(*id) && !survey.nested.contains_key(id))
            .collect();
        Some(axes)
    }

    pub fn get(&self, id: ExprId) -> Option<usize> {
        self.exprs.get(&id).copied()
    }

    pub fn has(&self, id: ExprId) -> bool {
        self.exprs.contains_key(&id)
    }

    pub fn of_var(&self, var: VarId) -> Option<usize> {
        self.vars.get(&var).copied()
    }

    /// The variables that have lines, in order.
    pub fn vars(&self) -> Vec<VarId> {
        let mut vars: Vec<VarId> = self.vars.keys().copied().collect();
        vars.sort();
        vars
    }

    /// True for a store that each line does for itself.
    pub fn is_line_store(&self, program: &Program, value: ExprId, mask: Option<ExprId>) -> bool {
        [Some(value), mask].into_iter().flatten().any(|id| self.has(id) && !is_one(program, id))
    }

    /// Finds what has one element a line and is needed as a whole; `None` where that is so of longer lines, or inside
    /// another loop.
    fn collect(&mut self, program: &Program, survey: &Survey) -> Option<()> {
        let own = self.exprs.iter().filter(|(id, _)| survey.nested.contains_key(id));
        for (&id, &axis) in own {
            let whole = |&user: &ExprId| {
                let reduces = matches!(program.expr(user).kind, ExprKind::Reduce(_, _, along) if along == axis);
                let by_line = self.has(user) || (reduces && !is_one(program, id));
                !by_line || (reduces && survey.nested[&user])
            };
            let mut users = survey.users.get(&id).into_iter().flatten();
            let mut vars = survey.given.get(&id).into_iter().flatten();
            let needed = survey.scalars.contains(&id)
                || users.any(whole)
                || vars.any(|var| !self.vars.contains_key(var))
                || (survey.stored.contains(&id) && is_one(program, id));
            if !needed {
                continue;
            }
            if !is_one(program, id) || survey.nested[&id] {
                return None;
            }
            self.collected.insert(id);
        }
        Some(())
    }
}

/// True for a tile that has at most one axis longer than one element.
fn is_one(program: &Program, id: ExprId) -> bool {
    program.expr(id).ty.shape.iter().filter(|e| **e != Extent::Const(1)).count() <= 1
}

/// The operands of `id`, whose lines lie along `axis`, that have the lines too, with their axes.
fn operands_of_lines(
    program: &Program,
    id: ExprId,
    axis: usize,
    open: &mut Vec<(ExprId, usize)>,
) -> Option<()> {
    let expr = program.expr(id);
    let rank = expr.ty.shape.len();
    let is_last = axis + 1 == rank;
    let long = |a: ExprId, axis: usize| program.expr(a).ty.shape[axis] != Extent::Const(1);
    match &expr.kind {
        kind if is_map(kind) => kind.operands(|a| {
            let own = program.expr(a).ty.shape.len();
            if let Some(axis) = (axis + own).checked_sub(rank).filter(|&axis| long(a, axis)) {
                open.push((a, axis));
            }
        }),
        ExprKind::Iota(_) | ExprKind::Get(_) => {}
        ExprKind::Reshape(a) => {
            let from = &program.expr(*a).ty.shape;
            open.push((*a, axis_of_long(&expr.ty.shape, axis, from)?));
        }
        ExprKind::Transpose(a, order) => open.push((*a, order[axis])),
        ExprKind::Pick { of, indices } => {
            if !is_last {
                open.push((*of, axis));
            }
            open.push((*indices, axis));
        }
        ExprKind::Reduce(..) | ExprKind::ArgReduce { .. } | ExprKind::Part(..) => {
            expr.kind.operands(|a| open.push((a, axis)));
        }
        ExprKind::Slice { of, axis: along, .. } if *along != axis => open.push((*of, axis)),
        ExprKind::Concat(parts, along) if *along != axis => {
            open.extend(parts.iter().map(|&part| (part, axis)));
        }
        ExprKind::Scan { of, axis: along, .. } if *along != axis => open.push((*of, axis)),
        ExprKind::ScanBy { of, axis: along, .. } | ExprKind::ReduceBy { of, axis: along, .. }
            if *along != axis =>
        {
            open.extend(of.iter().map(|&of| (of, axis)));
        }
        ExprKind::TopK { of, .. } | ExprKind::Unpack { of, .. } if !is_last => {
            open.push((*of, axis));
        }
        ExprKind::Load { place, .. } => {
            let along = &place.axes[axis_of_place(place, axis)?];
            let moves = matches!(along, Axis::All | Axis::Range { .. });
            return (is_input(program, place) && moves).then_some(());
        }
        _ => return None,
    }
    Some(())
}

/// The axis along which the lines of `id`, there along `axis`, lie in `user`: `Some(None)` where it reduces them.
fn axis_in_user(program: &Program, user: ExprId, id: ExprId, axis: usize) -> Option<Option<usize>> {
    let of = &program.expr(id).ty.shape;
    let expr = program.expr(user);
    let is_last = axis + 1 == of.len();
    let there = match &expr.kind {
        kind if is_map(kind) => axis + expr.ty.shape.len() - of.len(),
        ExprKind::Reshape(_) => axis_of_long(of, axis, &expr.ty.shape)?,
        ExprKind::Transpose(_, order) => order.iter().position(|&from| from == axis)?,
        ExprKind::Pick { of, indices } => {
            if *of == id && is_last || *indices != id && *of != id {
                return None;
            }
            axis
        }
        ExprKind::Reduce(_, _, along) if *along == axis => return Some(None),
        ExprKind::Load { .. } => return None,
        // What it asks of its operands, this one among them, says whether that is right.
        _ => axis,
    };
    Some(Some(there))
}

/// The axis of `to` that is axis `axis` of `from`, where only axes of extent 1 come or go.
fn axis_of_long(from: &[Extent], axis: usize, to: &[Extent]) -> Option<usize> {
    let long = |shape: &[Extent]| -> Vec<usize> {
        (0..shape.len()).filter(|&i| shape[i] != Extent::Const(1)).collect()
    };
    let (own, other) = (long(from), long(to));
    let same = own.iter().map(|&i| from[i]).eq(other.iter().map(|&i| to[i]));
    let number = own.iter().position(|&i| i == axis)?;
    same.then(|| other[number])
}

/// True where nothing is written.
pub(super) fn is_input(program: &Program, place: &Place) -> bool {
    let kind = &program.param(place.param).kind;
    matches!(kind, ParamKind::Tensor { access: Access::In, .. })
}

/// The axis of a place that is axis `axis` of its tile.
pub(super) fn axis_of_place(place: &Place, axis: usize) -> Option<usize> {
    let of_tile = place.axes.iter().enumerate().filter(|(_, a)| !matches!(a, Axis::At(_)));
    of_tile.map(|(number, _)| number).nth(axis)
}

/// Ops whose elements depend on those at the same position alone.
pub(super) fn is_map(kind: &ExprKind) -> bool {
    use ExprKind::*;
    matches!(kind, Unary(..) | Binary(..) | Ternary(..) | Cast(_) | Bitcast(_) | Broadcast(_))
}
