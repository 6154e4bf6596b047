//! Long rows in blocks: which values exist in which sweep over the row.
//!
//! A value that depends on a reduction of the row exists one sweep after it. A value that a later sweep needs again is
//! read again if it lies in a tensor, computed again if that is cheap, and kept for the whole row otherwise.

use super::tile::Tile;
use super::*;
use tilewright_ir::{Axis, Literal, Place, UnaryOp};

/// What a long row needs.
pub(super) struct BlockPlan {
    /// By expression: it has the main axis.
    main: Vec<bool>,
    /// By expression: the first sweep in which it exists; for others the sweep after which they do (-1: before all).
    pass: Vec<i32>,
    /// Number of sweeps.
    passes: i32,
}

/// The most bytes of rows that are kept between sweeps.
const KEPT_BYTES: usize = 3 << 19;
/// Values that cost more than so many simple maps are kept rather than computed again.
const CHEAP: u32 = 4;

impl BlockPlan {
    /// The plan for rows of `total` elements, if every value is either one such row or none of it.
    pub(super) fn of(request: &Request<'_>, total: usize) -> Option<BlockPlan> {
        let program = request.program;
        let analysis = request.analysis;
        if !analysis.is_plain() || request.batch != 1 {
            return None;
        }
        let count = program.exprs.len();
        let mut plan = BlockPlan { main: vec![false; count], pass: vec![-1; count], passes: 1 };
        for stmt in &program.body {
            match stmt {
                Stmt::Let(id) if !analysis.absorbed[id.index()] => {
                    plan.value(request, *id, total)?
                }
                Stmt::Let(_) => {}
                Stmt::Store { place, value, mask, .. } => {
                    let axes = tile_axes(request, place);
                    let covers = axes.contains(&total);
                    let single = axes.iter().filter(|&&extent| extent != 1).count() <= 1;
                    let gathers = place.axes.iter().any(|axis| matches!(axis, Axis::Gather(_)));
                    let has =
                        plan.main[value.index()] || mask.is_some_and(|m| plan.main[m.index()]);
                    if has && !covers || covers && (!single || gathers) {
                        return None;
                    }
                    let pass = plan.store_pass(place, *value, *mask, covers);
                    plan.passes = plan.passes.max(pass + 1);
                }
                _ => return None,
            }
        }
        Some(plan)
    }

    /// Number of sweeps over the row.
    pub(super) fn sweeps(&self) -> i32 {
        self.passes
    }

    fn value(&mut self, request: &Request<'_>, id: ExprId, total: usize) -> Option<()> {
        let program = request.program;
        let expr = program.expr(id);
        let extents: Vec<usize> =
            expr.ty.shape.iter().map(|extent| extent.value(request.dims)).collect();
        let main = extents.contains(&total);
        if main && extents.iter().filter(|&&extent| extent != 1).count() != 1 {
            return None;
        }
        let operands = operands_of(request, id);
        let from_main = operands.iter().any(|operand| self.main[operand.index()]);
        let axis_is_main =
            |of: ExprId, axis: usize| program.expr(of).ty.shape[axis].value(request.dims) == total;
        let fused = &request.analysis.fused[id.index()];
        let possible = match (&expr.kind, fused) {
            _ if !main && !from_main => true,
            (
                _,
                Some((Fusion::Map(_) | Fusion::CountedPhilox { .. } | Fusion::DropOut { .. }, _)),
            ) => main,
            (_, Some((Fusion::Unpacked, _))) => {
                main && super::packed::stream_of(request, id).is_some()
            }
            (_, Some((Fusion::SumOfProducts(axis), operands))) => axis_is_main(operands[0], *axis),
            (
                ExprKind::Iota(_)
                | ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::Ternary(..)
                | ExprKind::Cast(_)
                | ExprKind::Bitcast(_)
                | ExprKind::Broadcast(_)
                | ExprKind::Reshape(_),
                None,
            ) => main,
            (ExprKind::Load { place, .. }, None) => {
                let gathers = place.axes.iter().any(|axis| matches!(axis, Axis::Gather(_)));
                main && !gathers
            }
            (ExprKind::Reduce(_, of, axis) | ExprKind::ArgReduce { of, axis, .. }, None) => {
                !main && axis_is_main(*of, *axis)
            }
            (ExprKind::Scan { of, axis, reverse: false, .. }, None) => axis_is_main(*of, *axis),
            // Elements of a table, of which there is one for all blocks.
            (ExprKind::Pick { of, .. }, None) => main && !self.main[of.index()],
            _ => false,
        };
        if !possible {
            return None;
        }
        self.main[id.index()] = main;
        let mut pass = if main { 0 } else { -1 };
        for operand in operands {
            let of = self.pass[operand.index()];
            let step = (main && !self.main[operand.index()]) as i32;
            pass = pass.max(of + step);
        }
        self.pass[id.index()] = pass;
        self.passes = self.passes.max(pass + 1);
        Some(())
    }

    fn store_pass(&self, place: &Place, value: ExprId, mask: Option<ExprId>, main: bool) -> i32 {
        let mut pass = if main { 0 } else { -1 };
        let mut go = |id: ExprId| {
            let step = (main && !self.main[id.index()]) as i32;
            pass = pass.max(self.pass[id.index()] + step);
        };
        go(value);
        mask.into_iter().for_each(&mut go);
        place.operands(&mut go);
        pass
    }
}

/// Extents of the axes of a place's tile.
fn tile_axes(request: &Request<'_>, place: &Place) -> Vec<usize> {
    let layout = &request.tensors[place.param.index()];
    let extents = place.axes.iter().zip(layout).filter_map(|(axis, parts)| match axis {
        Axis::At(_) => None,
        Axis::All => Some(parts.iter().map(|part| part.0).product()),
        Axis::Range { len, .. } => Some(len.value(request.dims)),
        // Its own extent is that of the indices, which are no main row.
        Axis::Gather(_) => Some(0),
    });
    extents.collect()
}

/// What a value is computed from, fusion taken into account.
pub(super) fn operands_of(request: &Request<'_>, id: ExprId) -> Vec<ExprId> {
    if let Some((_, operands)) = &request.analysis.fused[id.index()] {
        return operands.clone();
    }
    let kind = &request.program.expr(id).kind;
    if let ExprKind::Pick { of, indices } = kind
        && picked_place(request, *of).is_some()
    {
        return vec![*indices];
    }
    let mut operands = Vec::new();
    kind.operands(|operand| operands.push(operand));
    operands
}

/// Where a row lies of which elements are picked, if it is a row in blocks that nothing writes: then elements are
/// picked from the tensor, whatever block is present.
pub(super) fn picked_place<'a>(request: &Request<'a>, of: ExprId) -> Option<(&'a Place, Literal)> {
    let total = request.main?.0;
    let expr = request.program.expr(of);
    let ExprKind::Load { place, fill } = &expr.kind else { return None };
    let main = expr.ty.shape.iter().any(|extent| extent.value(request.dims) == total);
    (main && !request.careful[place.param.index()]).then_some((place, *fill))
}

impl<'a> Binder<'a> {
    /// Emits the sweeps of a plan.
    pub(super) fn in_blocks(&mut self, plan: &BlockPlan) -> Option<Vec<Pass>> {
        let body = &self.request.program.body;
        self.find_targets(body);
        let kept = self.kept(plan);
        let mut passes = Vec::new();
        // What comes before all sweeps and cannot go into the prologue is done in the first.
        self.steps.push(Vec::new());
        for stmt in body {
            if let Stmt::Let(id) = stmt
                && self.emits(*id)
                && !plan.main[id.index()]
                && plan.pass[id.index()] < 0
            {
                self.values[id.index()] = self.compute(*id, &[]);
            }
        }
        let before = self.steps.pop().unwrap_or_default();
        for pass in 0..plan.passes {
            self.steps.push(Vec::new());
            let mut fresh: Vec<bool> = vec![false; self.values.len()];
            for stmt in body {
                match stmt {
                    Stmt::Let(id) if self.emits(*id) && plan.pass[id.index()] == pass => {
                        // Other rows are computed where something in a sweep uses them.
                        let row_is_read = operands_of(&self.request, *id)
                            .iter()
                            .any(|operand| plan.main[operand.index()]);
                        if kept[id.index()] || !plan.main[id.index()] && row_is_read {
                            self.refresh(plan, *id, pass, &kept, &mut fresh);
                        }
                    }
                    Stmt::Store { place, value, mask, mode, .. } => {
                        let main = plan.main[value.index()]
                            || mask.is_some_and(|mask| plan.main[mask.index()])
                            || tile_axes(&self.request, place)
                                .contains(&self.request.main.map_or(0, |main| main.0));
                        if main && plan.store_pass(place, *value, *mask, true) == pass {
                            for id in [Some(*value), *mask].into_iter().flatten() {
                                if plan.main[id.index()] {
                                    self.refresh(plan, id, pass, &kept, &mut fresh);
                                }
                            }
                            self.store(place, *value, *mask, *mode);
                        }
                    }
                    _ => {}
                }
            }
            let mut blocks = self.steps.pop().unwrap_or_default();
            self.steps.push(Vec::new());
            for stmt in body {
                match stmt {
                    Stmt::Let(id)
                        if self.emits(*id)
                            && !plan.main[id.index()]
                            && plan.pass[id.index()] == pass
                            && self.values[id.index()].is_empty() =>
                    {
                        self.values[id.index()] = self.compute(*id, &[]);
                    }
                    Stmt::Store { place, value, mask, mode, .. } => {
                        let main = plan.main[value.index()]
                            || tile_axes(&self.request, place)
                                .contains(&self.request.main.map_or(0, |main| main.0));
                        let due = plan.store_pass(place, *value, *mask, false).max(0) == pass;
                        if !main && due {
                            self.store(place, *value, *mask, *mode);
                        }
                    }
                    _ => {}
                }
            }
            let after = self.steps.pop().unwrap_or_default();
            if pass == 0 && !before.is_empty() {
                // Scalars of the program: a sweep of their own that has nothing to sweep.
                passes.push(Pass { blocks: Vec::new(), after: before.clone() });
            }
            blocks.shrink_to_fit();
            passes.push(Pass { blocks, after });
        }
        Some(passes)
    }

    fn emits(&self, id: ExprId) -> bool {
        !self.request.analysis.absorbed[id.index()]
    }

    /// Makes a value of the row exist in this sweep, and what it is computed from.
    fn refresh(
        &mut self,
        plan: &BlockPlan,
        id: ExprId,
        pass: i32,
        kept: &[bool],
        fresh: &mut [bool],
    ) {
        if fresh[id.index()] || !plan.main[id.index()] && !self.values[id.index()].is_empty() {
            return;
        }
        fresh[id.index()] = true;
        let earlier = plan.pass[id.index()] < pass;
        if earlier && (kept[id.index()] || self.lies_in_memory(id)) {
            return;
        }
        for operand in operands_of(&self.request, id) {
            if plan.main[operand.index()] {
                self.refresh(plan, operand, pass, kept, fresh);
            }
        }
        let keep = kept[id.index()] && !earlier;
        let direct = keep && self.computes_lanes(id) && !self.targets.contains_key(&id);
        let row = direct.then(|| self.kept_row(id));
        if let Some(row) = &row {
            // Computed straight into the room for the row.
            self.targets.insert(id, row.clone());
        }
        let mut tiles = self.compute(id, &[]);
        if let Some(row) = row {
            self.targets.remove(&id);
            if tiles[0].at != row.at {
                self.copy(&tiles[0], &row, false);
                tiles = vec![row];
            }
        } else if keep {
            tiles = tiles.iter().map(|tile| self.keep(id, tile)).collect();
        }
        self.values[id.index()] = tiles;
    }

    /// True when the value is a view of a tensor that nothing writes.
    fn lies_in_memory(&self, id: ExprId) -> bool {
        let tiles = &self.values[id.index()];
        !tiles.is_empty()
            && tiles.iter().all(|tile| tile.at.register != FRAME)
            && !self.targets.contains_key(&id)
    }

    /// Room for a value's whole row, and the present block in it.
    fn kept_row(&mut self, id: ExprId) -> Tile {
        let total = self.request.main.map_or(0, |main| main.0);
        let slot = self.slots.add(total.saturating_mul(4), false);
        self.registers.push(Register {
            param: None,
            offset: slot.offset,
            grid: [0; GRID_AXES],
            advance: 4,
        });
        let at = Address { register: self.registers.len() as u32 - 1, offset: 0 };
        let shape: Vec<usize> = std::iter::once(1).chain(self.shape(id).0).collect();
        let strides = Tile::row_major(&shape);
        Tile { dtype: self.dtype(id), shape, strides, at, main: true, hoisted: false }
    }

    /// Copies a block of a row into the room for the whole row.
    fn keep(&mut self, id: ExprId, tile: &Tile) -> Tile {
        let row = self.kept_row(id);
        self.copy(tile, &row, false);
        row
    }

    /// Which values of the row are kept for later sweeps.
    fn kept(&self, plan: &BlockPlan) -> Vec<bool> {
        let program = self.request.program;
        let count = program.exprs.len();
        let total = self.request.main.map_or(0, |main| main.0);
        let mut last_use = plan.pass.clone();
        let mut cost = vec![0u32; count];
        let mut kept = vec![false; count];
        let mut lets = Vec::new();
        for stmt in &program.body {
            match stmt {
                Stmt::Let(id) if self.emits(*id) => {
                    lets.push(*id);
                    for operand in operands_of(&self.request, *id) {
                        let pass = plan.pass[id.index()];
                        last_use[operand.index()] = last_use[operand.index()].max(pass);
                    }
                }
                Stmt::Store { place, value, mask, .. } => {
                    let pass = plan.store_pass(place, *value, *mask, plan.main[value.index()]);
                    for id in [Some(*value), *mask].into_iter().flatten() {
                        last_use[id.index()] = last_use[id.index()].max(pass);
                    }
                }
                _ => {}
            }
        }
        let mut bytes = 0;
        for id in lets {
            let k = id.index();
            if !plan.main[k] {
                continue;
            }
            let kind = &program.expr(id).kind;
            let careful = matches!(kind, ExprKind::Load { place, .. }
                if self.request.careful[place.param.index()] && !self.sharing.early);
            let scan = matches!(kind, ExprKind::Scan { .. });
            cost[k] = weight(kind)
                + operands_of(&self.request, id)
                    .iter()
                    .filter(|operand| plan.main[operand.index()] && !kept[operand.index()])
                    .map(|operand| cost[operand.index()])
                    .sum::<u32>();
            if last_use[k] > plan.pass[k] {
                let room = bytes + total * 4 <= KEPT_BYTES;
                if careful || scan || cost[k] > CHEAP && room {
                    kept[k] = true;
                    bytes += total * 4;
                }
            }
        }
        kept
    }
}

/// What a value costs in simple maps.
fn weight(kind: &ExprKind) -> u32 {
    match kind {
        ExprKind::Unary(op, _) => match op {
            UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Not | UnaryOp::IsNan | UnaryOp::Sign => 1,
            UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => 1,
            _ => 6,
        },
        ExprKind::Binary(BinaryOp::Pow | BinaryOp::Rem, ..) => 12,
        ExprKind::Ternary(TernaryOp::Philox, _) => 12,
        ExprKind::Load { .. } | ExprKind::Broadcast(_) | ExprKind::Reshape(_) => 0,
        ExprKind::Scan { .. } => 6,
        _ => 1,
    }
}
