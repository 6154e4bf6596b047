//! Binding: from a program and the sizes and strides of a call to steps on registers.
//!
//! Every value gets a [`Tile`]: lanes in the frame, or elements of a tensor where they lie as lanes already. Programs
//! along the last grid axis may run as a *batch*, which is one more axis of every tile. Values that are the same for
//! all programs are computed in a prologue.

mod access;
mod affine;
mod ahead;
mod alike;
mod bits;
mod blocks;
mod chains;
mod early;
mod emit;
mod look_up;
mod packed;
mod pairs;
mod reductions;
mod shapes;
mod sharing;
mod slots;
mod tile;
mod turns;

pub use alike::loops_alike;
pub use tile::Tile;

use crate::analysis::{Analysis, Fusion};
use crate::execute::lane;
use crate::simd::{Level, divide, memory, ops, random};
use crate::step::*;
pub use affine::Scalars;
use blocks::BlockPlan;
use sharing::Sharing;
use slots::Slots;
use tilewright_ir::table::HashMap;
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, Extent, Program, Stmt, StoreMode, TernaryOp,
};

/// Where a tensor's elements lie: for each axis as the kernel sees it, the extents and strides (bytes) of the caller's
/// axes that make it up, joined where they can be.
pub type TensorLayout = Vec<Vec<(usize, isize)>>;

/// What a program is bound to.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The program.
    pub program: &'a Program,
    /// What was found out about it.
    pub analysis: &'a Analysis,
    /// Which instances of the primitives.
    pub level: Level,
    /// Values of the sizes.
    pub dims: &'a [usize],
    /// Programs along each grid axis.
    pub grid: &'a [usize],
    /// Layout of each parameter; empty for scalars.
    pub tensors: &'a [TensorLayout],
    /// Parameters whose memory is both read and written in this call.
    pub careful: &'a [bool],
    /// Parameters whose memory overlaps another's in this call.
    pub overlapping: &'a [bool],
    /// Outputs are written past the caches.
    pub stream: bool,
    /// Chains of maps become native code.
    pub native: bool,
    /// Programs of a batch.
    pub batch: usize,
    /// Length of the main axis and of its blocks, where rows come in blocks.
    pub main: Option<(usize, usize)>,
}

/// Binds a program; `None` when it cannot run in blocks as requested.
pub fn bind(request: Request<'_>) -> Option<Bound> {
    let plan = match request.main {
        Some((total, _)) => Some(BlockPlan::of(&request, total)?),
        None => None,
    };
    let mut binder = Binder {
        request,
        scalars: Scalars::new(request.program, request.dims, request.grid),
        slots: Slots::default(),
        registers: vec![Register { param: None, offset: 0, grid: [0; GRID_AXES], advance: 0 }],
        located: Vec::new(),
        words: Vec::new(),
        constants: HashMap::default(),
        prologue: Vec::new(),
        steps: Vec::new(),
        values: vec![Vec::new(); request.program.exprs.len()],
        vars: vec![None; request.program.vars.len()],
        targets: HashMap::default(),
        sharing: Sharing::of(&request),
        together: None,
    };
    if plan.as_ref().is_some_and(|plan| plan.sweeps() > 1) {
        // A later sweep would read what an earlier one has written.
        binder.sharing.early = false;
    }
    let passes = match plan {
        Some(plan) => binder.in_blocks(&plan)?,
        None => {
            let blocks = binder.block(&request.program.body);
            vec![Pass { blocks, after: Vec::new() }]
        }
    };
    let mut bound = Bound {
        batch: request.batch,
        frame: 0,
        registers: binder.registers,
        words: binder.words,
        prologue: binder.prologue,
        passes,
        main: request.main.unwrap_or((1, 1)),
    };
    bits::join(&mut bound, &binder.located, &request);
    if request.native {
        let turns = early::locate_early(&mut bound);
        chains::join(&mut bound, &mut binder.slots, &request, turns);
    }
    pairs::store_together(&mut bound, &binder.located, request.level);
    look_up::read_in_place(&mut bound, &request);
    ahead::fetch_ahead(&mut bound, &request);
    bound.frame = binder.slots.settle(&mut bound);
    Some(bound)
}

struct Binder<'a> {
    request: Request<'a>,
    scalars: Scalars<'a>,
    slots: Slots,
    registers: Vec<Register>,
    /// Those that a step moves while a program runs: they look like one at a tensor's start, and are not.
    located: Vec<u32>,
    words: Vec<(Address, Word)>,
    /// Constants by their bits.
    constants: HashMap<u32, Address>,
    prologue: Vec<Step>,
    /// The statement lists being bound, innermost last.
    steps: Vec<Vec<Step>>,
    /// By expression: its results.
    values: Vec<Vec<Tile>>,
    vars: Vec<Option<Tile>>,
    /// Values that are computed straight into an output, by expression.
    targets: HashMap<ExprId, Tile>,
    sharing: Sharing,
    /// The loop whose turns are bound together.
    together: Option<turns::Together>,
}

impl<'a> Binder<'a> {
    fn level(&self) -> Level {
        self.request.level
    }

    /// The run-time value of an extent, a block's length for the main axis.
    fn extent(&self, extent: Extent) -> usize {
        let value = extent.value(self.request.dims);
        match self.request.main {
            Some((total, len)) if value == total => len,
            _ => value,
        }
    }

    /// The shape of a value's tile for one program, and whether it has the main axis.
    fn shape(&self, id: ExprId) -> (Vec<usize>, bool) {
        let shape = &self.request.program.expr(id).ty.shape;
        let main = self.request.main.is_some_and(|(total, _)| {
            shape.iter().any(|extent| extent.value(self.request.dims) == total)
        });
        (shape.iter().map(|&extent| self.extent(extent)).collect(), main)
    }

    fn dtype(&self, id: ExprId) -> DType {
        self.request.program.expr(id).ty.dtype
    }

    fn push(&mut self, step: Step, hoisted: bool) {
        match self.steps.last_mut() {
            Some(steps) if !hoisted => steps.push(step),
            _ => self.prologue.push(step),
        }
    }

    /// A new contiguous tile in the frame.
    fn new_tile(&mut self, dtype: DType, shape: &[usize], main: bool, hoisted: bool) -> Tile {
        let batch = if hoisted { 1 } else { self.request.batch };
        let shape: Vec<usize> = std::iter::once(batch).chain(shape.iter().copied()).collect();
        let bytes = shape.iter().fold(4usize, |n, &extent| n.saturating_mul(extent));
        let at = self.slots.add(bytes, false);
        Tile { dtype, strides: Tile::row_major(&shape), shape, at, main, hoisted }
    }

    /// The tile for a value's result: the output's memory where the value goes straight there.
    fn result(&mut self, id: ExprId, hoisted: bool) -> Tile {
        // What is computed once for all programs is still stored by each.
        if !hoisted && let Some(target) = self.targets.get(&id) {
            return target.clone();
        }
        let (shape, main) = self.shape(id);
        self.new_tile(self.dtype(id), &shape, main, hoisted)
    }

    fn value(&self, id: ExprId) -> Tile {
        match self.values[id.index()].first() {
            Some(tile) => tile.clone(),
            // Validation has made sure that operands come first; absorbed values have no users.
            None => unreachable!("%{} is used before it is computed", id.0),
        }
    }

    /// True when a value that depends on `operands` alone belongs into the prologue.
    fn hoists(&self, id: ExprId, operands: &[&Tile]) -> bool {
        let (shape, main) = self.shape(id);
        let alone = self.request.grid.iter().product::<usize>() <= 1;
        // Threads that share the work of the only program each run the prologue.
        let few = shape.iter().product::<usize>() <= crate::simd::LANES;
        !self.request.analysis.varies[id.index()]
            && operands.iter().all(|tile| tile.hoisted)
            && !main
            && (!alone || few)
    }

    /// A list of statements.
    fn block(&mut self, body: &'a [Stmt]) -> Vec<Step> {
        self.steps.push(Vec::new());
        self.find_targets(body);
        for (k, stmt) in body.iter().enumerate() {
            self.stmt(stmt, &body[k + 1..]);
        }
        self.steps.pop().unwrap_or_default()
    }

    fn stmt(&mut self, stmt: &'a Stmt, rest: &'a [Stmt]) {
        match stmt {
            Stmt::Let(id) => {
                if !self.request.analysis.absorbed[id.index()] {
                    self.values[id.index()] = match self.is_repeated(*id) {
                        true => self.compute_once(*id, rest),
                        false => self.compute(*id, rest),
                    };
                }
            }
            Stmt::Set(var, value) => self.set(*var, *value),
            Stmt::Store { place, value, mask, mode, .. } => {
                self.store(place, *value, *mask, *mode);
            }
            Stmt::For { index, start, end, step, body } => {
                let together = match step {
                    1 => self.turns_together(*index, [*start, *end], body),
                    _ => None,
                };
                let (start, end) = (self.value(*start).at, self.value(*end).at);
                let start = together.unwrap_or(start);
                let tile = self.new_tile(DType::I32, &[], false, false);
                // All programs of a batch are in the same turn.
                self.values[index.index()] = vec![match self.request.batch {
                    1 => tile.clone(),
                    batch => tile.view(vec![batch], vec![0]),
                }];
                let body = self.block(body);
                let step = Step::For { index: tile.at, start, end, step: *step, turns: 1, body };
                self.push(step, false);
            }
            Stmt::When { condition, body } => {
                let condition = self.value(*condition).at;
                let body = self.block(body);
                self.push(Step::When { condition, body }, false);
            }
        }
    }

    fn set(&mut self, var: tilewright_ir::VarId, value: ExprId) {
        let value = self.value(value);
        let tile = match &self.vars[var.index()] {
            Some(tile) => tile.clone(),
            None => {
                let mut tile = self.new_tile(value.dtype, &value.shape[1..], false, false);
                let bytes = tile.lanes() * 4;
                tile.at = self.slots.add(bytes, true);
                self.vars[var.index()] = Some(tile.clone());
                tile
            }
        };
        self.copy(&value, &tile, false);
    }

    /// The value of a variable. It is read in place if nothing sets the variable while the value is in use.
    fn get(&mut self, id: ExprId, var: tilewright_ir::VarId, rest: &[Stmt]) -> Tile {
        let Some(tile) = self.vars[var.index()].clone() else {
            unreachable!("variable ${} is read before it is set", var.0)
        };
        let mut uses = self.request.analysis.uses[id.index()];
        for stmt in rest {
            match stmt {
                Stmt::Set(set, value) if *set == var => {
                    uses -= (*value == id) as u32;
                    if uses > 0 {
                        break;
                    }
                    return tile;
                }
                Stmt::For { .. } | Stmt::When { .. } => break,
                _ => uses -= self.uses_in(stmt, id).min(uses),
            }
            if uses == 0 {
                return tile;
            }
        }
        let copy = self.new_tile(tile.dtype, &tile.shape[1..], false, false);
        self.copy(&tile, &copy, false);
        copy
    }

    /// How often a statement uses a value. Views of the value do not count as its last use, so they count for ever.
    fn uses_in(&self, stmt: &Stmt, id: ExprId) -> u32 {
        let mut count = 0;
        let mut go = |operand: ExprId| count += (operand == id) as u32;
        match stmt {
            Stmt::Let(other) if !self.request.analysis.absorbed[other.index()] => {
                match &self.request.analysis.fused[other.index()] {
                    Some((_, operands)) => operands.iter().copied().for_each(go),
                    None => match &self.request.program.expr(*other).kind {
                        ExprKind::Broadcast(_)
                        | ExprKind::Reshape(_)
                        | ExprKind::Transpose(..)
                        | ExprKind::Slice { .. }
                        | ExprKind::Cast(_)
                        | ExprKind::Bitcast(_) => {}
                        kind => kind.operands(go),
                    },
                }
            }
            Stmt::Store { place, value, mask, .. } => {
                place.operands(&mut go);
                go(*value);
                mask.iter().copied().for_each(go);
            }
            Stmt::Set(_, value) => go(*value),
            _ => {}
        }
        count
    }

    /// True for a value of operands that all programs of the batch see alike.
    fn is_repeated(&self, id: ExprId) -> bool {
        let pure = match &self.request.analysis.fused[id.index()] {
            Some((fusion, _)) => matches!(fusion, Fusion::Map(_) | Fusion::SumOfProducts(_)),
            None => matches!(
                self.request.program.expr(id).kind,
                ExprKind::Unary(..)
                    | ExprKind::Binary(..)
                    | ExprKind::Cast(_)
                    | ExprKind::Reduce(..)
            ),
        };
        if self.request.batch == 1 || !pure || self.targets.contains_key(&id) {
            return false;
        }
        let operands = blocks::operands_of(&self.request, id);
        let tiles = || operands.iter().map(|operand| self.value(*operand));
        tiles().all(|tile| tile.shape[0] == 1 || tile.strides[0] == 0)
            && tiles().any(|tile| tile.shape[0] > 1)
    }

    /// Computes a value once for all programs of the batch, each of which then sees the same.
    fn compute_once(&mut self, id: ExprId, rest: &[Stmt]) -> Vec<Tile> {
        let operands = blocks::operands_of(&self.request, id);
        let whole: Vec<Tile> = operands.iter().map(|operand| self.value(*operand)).collect();
        for (operand, tile) in operands.iter().zip(&whole) {
            let (mut one, mut strides) = (tile.shape.clone(), tile.strides.clone());
            (one[0], strides[0]) = (1, 0);
            self.values[operand.index()][0] = tile.view(one, strides);
        }
        let batch = std::mem::replace(&mut self.request.batch, 1);
        let found = self.compute(id, rest);
        self.request.batch = batch;
        for (operand, tile) in operands.iter().zip(whole) {
            self.values[operand.index()][0] = tile;
        }
        let seen = |mut tile: Tile| {
            (tile.shape[0], tile.strides[0]) = (batch, 0);
            tile
        };
        found.into_iter().map(seen).collect()
    }

    /// Emits what computes a value; its results.
    fn compute(&mut self, id: ExprId, rest: &[Stmt]) -> Vec<Tile> {
        if let Some((fusion, operands)) = self.request.analysis.fused[id.index()].clone() {
            return vec![self.fused(id, fusion, &operands)];
        }
        let program = self.request.program;
        let expr = program.expr(id);
        let tile = match &expr.kind {
            ExprKind::Const(literal) => {
                let bits = lane(expr.ty.dtype, literal.value());
                self.constant(expr.ty.dtype, bits)
            }
            ExprKind::Scalar(param) => {
                let tile = self.new_tile(expr.ty.dtype, &[], false, true);
                self.words.push((tile.at, Word::Scalar(param.index(), expr.ty.dtype)));
                tile
            }
            ExprKind::Size(extent) => {
                let value = extent.value(self.request.dims) as f64;
                self.constant(DType::I32, lane(DType::I32, value))
            }
            ExprKind::Program(axis) => {
                let tile = self.new_tile(DType::I32, &[], false, false);
                self.push(Step::Program { axis: *axis, to: tile.at }, false);
                tile
            }
            // Bound by their loop and function.
            ExprKind::LoopIndex | ExprKind::Argument => return self.values[id.index()].clone(),
            ExprKind::Iota(_) => {
                // Once for all programs, even where a row of numbers takes room in the second cache: counting in the
                // chain that needs them takes longer than reading them (gradient of cross-entropy 35 ms instead of 33).
                let hoisted = self.hoists(id, &[]);
                let out = self.result(id, hoisted);
                self.count(&out);
                out
            }
            ExprKind::Unary(op, a) => self.unary(id, *op, *a),
            ExprKind::Binary(op, a, b) => self.binary(id, *op, *a, *b),
            ExprKind::Ternary(op, operands) => self.ternary(id, *op, *operands),
            ExprKind::Cast(a) => {
                let steps = ops::cast(self.dtype(*a), expr.ty.dtype, self.level());
                self.chain(id, *a, &steps)
            }
            ExprKind::Bitcast(a) => {
                let step = ops::bitcast(self.dtype(*a), expr.ty.dtype, self.level());
                self.chain(id, *a, step.as_slice())
            }
            ExprKind::Broadcast(a) => self.broadcast(id, *a),
            ExprKind::Reshape(a) => self.reshape(id, *a),
            ExprKind::Transpose(a, order) => self.transpose(*a, order),
            ExprKind::Slice { of, axis, start } => self.slice(id, *of, *axis, *start),
            ExprKind::Concat(parts, axis) => self.concat(id, parts, *axis),
            ExprKind::Pick { of, indices } => self.pick(id, *of, *indices),
            ExprKind::Reduce(op, of, axis) => self.reduce(id, *op, *of, *axis),
            ExprKind::ArgReduce { max, of, axis } => self.arg_reduce(id, *max, *of, *axis),
            ExprKind::Scan { op, of, axis, exclusive, reverse } => {
                self.scan(id, *op, *of, *axis, *exclusive, *reverse)
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                let whole = Joined::Whole(self.numbers(identity));
                return self.combine(of, *axis, combine, whole);
            }
            ExprKind::ScanBy { of, axis, combine, exclusive, reverse } => {
                let first = exclusive.as_ref().map(|first| self.numbers(first));
                let running = Joined::Running { first, reverse: *reverse };
                return self.combine(of, *axis, combine, running);
            }
            ExprKind::TopK { of, k } => return self.top_k(*of, *k),
            ExprKind::Part(of, part) => self.values[of.index()][*part].clone(),
            ExprKind::Dot(a, b) => self.dot(id, *a, *b),
            ExprKind::Unpack { of, bits } => self.unpack(id, *of, *bits),
            ExprKind::Get(var) => self.get(id, *var, rest),
            ExprKind::Load { place, fill } => self.load(id, place, *fill),
        };
        vec![tile]
    }

    /// A constant scalar.
    fn constant(&mut self, dtype: DType, bits: u32) -> Tile {
        let at = match self.constants.get(&bits) {
            Some(at) => *at,
            None => {
                let at = self.slots.add(4, false);
                self.words.push((at, Word::Bits(bits)));
                self.constants.insert(bits, at);
                at
            }
        };
        Tile { dtype, shape: vec![1], strides: vec![0], at, main: false, hoisted: true }
    }
}
