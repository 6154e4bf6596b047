//! Turns of a loop that run together, as the programs of a batch do.
//!
//! A gradient of what all rows share goes through a chunk of rows and adds up what each gives. Where rows are short, a turn
//! of the loop is little but the overhead of its steps. So several turns are taken at once, as one more axis of every tile;
//! what they add to a variable is added up over that axis first. The turns that are left run one by one.

use super::emit::Rows;
use super::tile::Tile;
use super::*;
use crate::simd::columns;
use tilewright_ir::{Axis, Place, ReduceOp, VarId};

/// Lanes of a value of all turns that run together: enough that a step's overhead is little, few enough that the live tiles
/// stay in the first cache.
const LANES_TOGETHER: usize = 2048;
/// Fewer turns are not worth it: long rows keep the steps busy.
const LEAST_TURNS: usize = 4;
/// The most.
const MOST_TURNS: usize = 32;
/// Elements of a row up to which it is shorter than the code around it. (Zen 4, 16M elements: gradients of rmsnorm and layernorm
/// of rows of 32 take 0.64 and 0.69 of the time, of 64 1.01 and 0.88, of 128 1.06 and 0.85.) Where rows are sorted or scanned,
/// turns that follow one another wait for one another, so that they may be longer.
const SHORT_ROW: usize = 64;

/// A sum that is carried from turn to turn: `set var = add(get var, term)`.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    var: VarId,
    get: ExprId,
    add: ExprId,
    term: ExprId,
}

/// A loop that is bound for several turns at once.
#[derive(Clone)]
pub(super) struct Together {
    index: ExprId,
    /// The index of the first turn.
    word: Address,
    turns: usize,
    sums: Vec<Sum>,
}

impl<'a> Binder<'a> {
    /// Emits the loop for as many turns at once as are worth it, and gives the word that holds the index of the first turn
    /// that is left; `None` where turns have to follow one another, or rows are long.
    pub(super) fn turns_together(
        &mut self,
        index: ExprId,
        [start, end]: [ExprId; 2],
        body: &'a [Stmt],
    ) -> Option<Address> {
        let longest = self.most_turns(start, end);
        let bounds = [start, end].map(|bound| self.value(bound).at);
        let sums = self.apart_but_for_sums(index, body)?;
        let lanes = body.iter().filter_map(|stmt| match stmt {
            Stmt::Let(id) => Some(self.shape(*id).0.iter().product::<usize>()),
            _ => None,
        });
        let row = lanes.max()?.max(1);
        let turns = (LANES_TOGETHER / row).min(MOST_TURNS).min(longest);
        let waits = body.iter().any(|stmt| match stmt {
            Stmt::Let(id) => waits(&self.request.program.expr(*id).kind),
            _ => false,
        });
        if turns < LEAST_TURNS || row > SHORT_ROW && !waits {
            return None;
        }
        let word = self.new_tile(DType::I32, &[], false, false);
        let kept = (self.values.clone(), self.targets.clone());
        for seen in self.values.iter_mut().flatten().filter(|tile| !tile.hoisted) {
            (seen.shape[0], seen.strides[0]) = (turns, 0);
        }
        self.request.batch = turns;
        self.together = Some(Together { index, word: word.at, turns, sums });
        self.steps.push(Vec::new());
        self.values[index.index()] = vec![self.indices(index, &word, turns, body)];
        self.find_targets(body);
        for (k, stmt) in body.iter().enumerate() {
            self.turn(stmt, &body[k + 1..]);
        }
        let steps = self.steps.pop().unwrap_or_default();
        self.together = None;
        self.request.batch = 1;
        (self.values, self.targets) = kept;
        let [start, end] = bounds;
        let step = Step::For { index: word.at, start, end, step: turns, turns, body: steps };
        self.push(step, false);
        Some(word.at)
    }

    /// The most turns that a loop can have: what is added to its start for its end, where that is how it is told.
    fn most_turns(&self, start: ExprId, end: ExprId) -> usize {
        let program = self.request.program;
        let added = |id: ExprId| match program.expr(id).kind {
            ExprKind::Binary(BinaryOp::Add, a, b) if a == start => self.scalars.constant(b),
            ExprKind::Binary(BinaryOp::Add, a, b) if b == start => self.scalars.constant(a),
            _ => None,
        };
        let most = match program.expr(end).kind {
            ExprKind::Binary(BinaryOp::Min, a, b) => added(a).or_else(|| added(b)),
            _ => added(end),
        };
        most.map_or(usize::MAX, |most| most.max(0) as usize)
    }

    /// The positions of all turns that run together, if an index is that of their loop, or goes along with it.
    pub(super) fn run_of_turns(&self, id: ExprId) -> Option<Positions> {
        let together = self.together.as_ref()?;
        let step = self.step_of(together.index, id)?;
        let at = if id == together.index { together.word } else { self.value(id).at };
        Some(Positions::Run { start: Index::At { at, batch: 0 }, len: together.turns, step })
    }

    /// By how much `id` grows from turn to turn, where it is a multiple of the loop's index and what the program's place in the
    /// grid tells.
    fn step_of(&self, index: ExprId, id: ExprId) -> Option<usize> {
        if id == index {
            return Some(1);
        }
        let either = |a, b, with: &dyn Fn(usize, ExprId) -> Option<usize>| {
            let one = |a, b| self.step_of(index, a).and_then(|step| with(step, b));
            one(a, b).or_else(|| one(b, a))
        };
        match self.request.program.expr(id).kind {
            ExprKind::Binary(BinaryOp::Add, a, b) => {
                either(a, b, &|step, other| self.scalars.affine(other).map(|_| step))
            }
            ExprKind::Binary(BinaryOp::Mul, a, b) => either(a, b, &|step, other| {
                let factor = self.scalars.constant(other).filter(|&factor| factor > 0)?;
                step.checked_mul(usize::try_from(factor).ok()?)
            }),
            _ => None,
        }
    }

    /// The index of each turn, or that of the first where only accesses need it.
    fn indices(&mut self, index: ExprId, word: &Tile, turns: usize, body: &[Stmt]) -> Tile {
        let program = self.request.program;
        let mut computed = false;
        for stmt in body {
            match stmt {
                Stmt::Let(id) if !matches!(program.expr(*id).kind, ExprKind::Load { .. }) => {
                    program.expr(*id).kind.operands(|operand| computed |= operand == index);
                }
                Stmt::Store { value, .. } => computed |= *value == index,
                _ => {}
            }
        }
        let first = word.view(vec![turns], vec![0]);
        if !computed {
            return first;
        }
        let mut count = self.new_tile(DType::I32, &[turns], false, true);
        self.count(&count);
        (count.shape, count.strides) = (vec![turns], vec![4]);
        let out = self.new_tile(DType::I32, &[], false, false);
        let level = self.level();
        let add = |mask| ops::binary(BinaryOp::Add, DType::I32, mask, level);
        self.map("add", &add, &[&count, &first], &out, [0; 2]);
        out
    }

    /// A statement of all turns.
    fn turn(&mut self, stmt: &'a Stmt, rest: &'a [Stmt]) {
        let sums = self.together.as_ref().map_or(Vec::new(), |together| together.sums.clone());
        match stmt {
            Stmt::Let(id) if sums.iter().any(|sum| [sum.get, sum.add].contains(id)) => {}
            Stmt::Set(var, _) => {
                if let Some(sum) = sums.into_iter().find(|sum| sum.var == *var) {
                    self.add_up(sum, rest);
                }
            }
            _ => self.stmt(stmt, rest),
        }
    }

    /// Adds to a variable what all turns give.
    fn add_up(&mut self, sum: Sum, rest: &'a [Stmt]) {
        if self.request.analysis.absorbed[sum.term.index()] {
            // It would have been computed as it is added.
            self.values[sum.term.index()] = self.compute(sum.term, rest);
        }
        let Some(total) = self.vars[sum.var.index()].clone() else {
            unreachable!("variable ${} is read before it is set", sum.var.0)
        };
        let shape = total.shape[1..].to_vec();
        let terms = self.spread(&self.value(sum.term), &shape, false);
        let turns = std::mem::replace(&mut self.request.batch, 1);
        let joined = self.new_tile(DType::F32, &shape, false, false);
        let len = joined.lanes();
        let (name, level) = ("fold_columns", self.level());
        self.rows(Rows {
            name,
            primitive: columns::reduce(ReduceOp::Sum, DType::F32, level),
            nest: vec![(turns, [0, 4 * len as isize, 0, 0, 0])],
            len,
            out: joined.at,
            inputs: &[terms.at],
            extra: [0; 2],
            block: BlockRole::Fixed,
            hoisted: false,
        });
        let add = |mask| ops::binary(BinaryOp::Add, DType::F32, mask, level);
        self.map("add", &add, &[&total, &joined], &total, [0; 2]);
        self.request.batch = turns;
    }

    /// The sums that a loop's turns carry, where they have nothing else to do with one another and each reads and writes
    /// rows of its own.
    fn apart_but_for_sums(&self, index: ExprId, body: &[Stmt]) -> Option<Vec<Sum>> {
        let Request { program, analysis, batch, main, careful, overlapping, .. } = self.request;
        if batch != 1 || main.is_some() {
            return None;
        }
        let (mut gets, mut sets) = (Vec::new(), Vec::new());
        for stmt in body {
            match stmt {
                Stmt::Let(id) => match &program.expr(*id).kind {
                    ExprKind::Get(var) => gets.push((*var, *id)),
                    ExprKind::Load { place, .. } => {
                        self.is_apart(index, place, false).then_some(())?;
                    }
                    kind if side_by_side(kind) => {}
                    _ => return None,
                },
                Stmt::Store { place, mask: None, mode: StoreMode::Set, .. } => {
                    let param = place.param.index();
                    // Parts of a row are stored one after the other in each turn.
                    let here = body.iter().filter(|stmt| match stmt {
                        Stmt::Store { place: other, .. } => self.same_row(index, place, other),
                        _ => false,
                    });
                    let alone = here.count() == analysis.stores[param] as usize;
                    (alone && !careful[param] && !overlapping[param]).then_some(())?;
                    self.is_apart(index, place, true).then_some(())?;
                }
                Stmt::Set(var, value) => sets.push((*var, *value)),
                _ => return None,
            }
        }
        let once = |id: ExprId| analysis.uses[id.index()] == 1;
        let sum = |&(var, add): &(VarId, ExprId)| {
            let ExprKind::Binary(BinaryOp::Add, a, b) = program.expr(add).kind else { return None };
            let mut own = gets.iter().filter(|(of, _)| *of == var).map(|(_, get)| *get);
            let get = own.next().filter(|_| own.next().is_none())?;
            let term = if a == get { b } else { a };
            let fits = (a == get) != (b == get)
                && once(get)
                && once(add)
                && self.dtype(add) == DType::F32
                && sets.iter().filter(|(of, _)| *of == var).count() == 1;
            fits.then_some(Sum { var, get, add, term })
        };
        let sums: Vec<Sum> = sets.iter().map(sum).collect::<Option<_>>()?;
        (sums.len() == gets.len() && !sums.is_empty()).then_some(sums)
    }

    /// True for places in one row of one tensor, that of the turn.
    fn same_row(&self, index: ExprId, a: &Place, b: &Place) -> bool {
        let mut axes = a.axes.iter().zip(&b.axes);
        let of_turn = |a: &Axis, b: &Axis| match (a, b) {
            (Axis::At(a), Axis::At(b)) => a == b && self.step_of(index, *a).is_some(),
            _ => false,
        };
        a.param == b.param && axes.any(|(a, b)| of_turn(a, b))
    }

    /// True for a place inside its tensor that is a row of the turn's own, or, unless it is `own`, the same for all turns and
    /// programs.
    fn is_apart(&self, index: ExprId, place: &Place, own: bool) -> bool {
        let layout = &self.request.tensors[place.param.index()];
        let mut rows = 0;
        let known = place.axes.iter().zip(layout).all(|(axis, parts)| {
            let extent = parts.iter().map(|part| part.0).product::<usize>() as i64;
            let constant = |id: ExprId, last: i64| {
                let fixed = self.scalars.affine(id).filter(|at| at.grid == [0; GRID_AXES]);
                fixed.is_some_and(|at| at.constant >= 0 && at.constant + last < extent)
            };
            let inside = match *axis {
                Axis::At(id) if id == index => {
                    rows += 1;
                    let (least, most) = self.scalars.interval(id);
                    least >= 0 && most < extent
                }
                // It is checked when it is located.
                Axis::At(id) if self.step_of(index, id).is_some() => {
                    rows += 1;
                    true
                }
                Axis::At(id) => constant(id, 0),
                Axis::Range { start, len, step } => {
                    let reach = len.value(self.request.dims).saturating_sub(1) * step;
                    constant(start, reach as i64)
                }
                Axis::All => true,
                Axis::Gather(_) => false,
            };
            inside && parts.len() == 1
        });
        known && (rows == 1 || rows == 0 && !own)
    }
}

/// True for what takes rows side by side faster than one by one.
fn waits(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::TopK { .. } | ExprKind::Scan { .. } | ExprKind::ArgReduce { .. })
}

/// True for values whose steps take a batch, and of which each turn's depends on its own operands alone.
pub(super) fn side_by_side(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::Const(_)
            | ExprKind::Scalar(_)
            | ExprKind::Size(_)
            | ExprKind::Iota(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_)
            | ExprKind::Broadcast(_)
            | ExprKind::Reshape(_)
            | ExprKind::Transpose(..)
            | ExprKind::Slice { .. }
            | ExprKind::Concat(..)
            | ExprKind::Reduce(..)
            | ExprKind::ArgReduce { .. }
            | ExprKind::Scan { .. }
            | ExprKind::TopK { .. }
            | ExprKind::Part(..)
    )
}
