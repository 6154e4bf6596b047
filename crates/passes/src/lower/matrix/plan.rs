//! Which dots run on matrix units, and what becomes of their operands.

use super::TILE;
use crate::lower::schedule::ceil_log2;
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, ParamKind, Place, Program, Stmt,
};

/// An operand of a dot: a tile, as it is or transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lower) struct Operand {
    /// The tile.
    pub tile: ExprId,
    /// True when the operand is its transpose.
    pub transposed: bool,
}

/// What a program's dots do on matrix units. Empty when there are none.
#[derive(Clone, Debug, Default)]
pub(in crate::lower) struct Plan {
    /// Left and right operand of each dot.
    pub dots: HashMap<ExprId, [Operand; 2]>,
    /// Expressions that only dots need: they are never in registers of their own.
    pub consumed: HashSet<ExprId>,
    /// Those among them that are loads, copied to shared memory as they are.
    pub staged: HashSet<ExprId>,
    /// The same where they are not copied but read from the tensors.
    pub direct: HashSet<ExprId>,
    /// Sums of a dot, used nowhere else, and another tile: the dot begins with it.
    pub sums: HashMap<ExprId, (ExprId, ExprId)>,
    /// The dots of `sums`.
    pub summed: HashSet<ExprId>,
    /// For the index of each loop, the loads of its body whose places are known a round ahead.
    pub ahead: HashMap<ExprId, Vec<ExprId>>,
}

/// The dots of floats that can be done block by block: of constant extents of 16 or more. A half type widened to f32
/// counts as it was; what else is f32 stays on exact multiplications.
pub(in crate::lower) fn dots(program: &Program) -> HashMap<ExprId, [Operand; 2]> {
    let mut found = HashMap::default();
    each_let(&program.body, &mut |id, _| {
        let expr = program.expr(id);
        if let ExprKind::Dot(a, b) = expr.kind
            && let (Some(a), Some(b)) = (operand(program, a), operand(program, b))
            && expr.ty.dtype == DType::F32
        {
            found.insert(id, [a, b]);
        }
    });
    found
}

/// True when all operands are of one half type, so that tensor cores multiply them exactly.
pub(super) fn of_one_half(program: &Program, dots: &HashMap<ExprId, [Operand; 2]>) -> bool {
    let mut types = dots.values().flatten().map(|o| program.expr(o.tile).ty.dtype);
    let first = types.next();
    matches!(first, Some(DType::F16 | DType::BF16)) && types.all(|dtype| Some(dtype) == first)
}

fn operand(program: &Program, mut id: ExprId) -> Option<Operand> {
    let half = |id: ExprId| matches!(program.expr(id).ty.dtype, DType::F16 | DType::BF16);
    let mut transposed = false;
    loop {
        match &program.expr(id).kind {
            ExprKind::Cast(a) if half(*a) && program.expr(id).ty.dtype == DType::F32 => id = *a,
            ExprKind::Transpose(a, order) if *order == [1, 0] => {
                (id, transposed) = (*a, !transposed);
            }
            _ => break,
        }
    }
    let ty = &program.expr(id).ty;
    let large = |e: &Extent| e.constant().is_some_and(|n| ceil_log2(n) >= TILE);
    let fits = (half(id) || ty.dtype == DType::F32) && ty.shape.len() == 2;
    (fits && ty.shape.iter().all(large)).then_some(Operand { tile: id, transposed })
}

/// True when the program has one dot whose sum is only mapped and stored.
pub(in crate::lower) fn alone(program: &Program, dots: &HashMap<ExprId, [Operand; 2]>) -> bool {
    let mut others = false;
    each_let(&program.body, &mut |id, _| {
        let expr = program.expr(id);
        match &expr.kind {
            ExprKind::Reduce(_, of, _) => {
                let shape = &program.expr(*of).ty.shape;
                others |= dots.keys().any(|dot| program.expr(*dot).ty.shape == *shape);
            }
            ExprKind::Dot(..) => others |= !dots.contains_key(&id),
            _ => {}
        }
    });
    dots.len() == 1 && !others
}

/// Bytes of the operands of a round of a lone dot, if its sum is of that size.
pub(in crate::lower) fn staged_bytes(
    program: &Program,
    dots: &HashMap<ExprId, [Operand; 2]>,
    rows: u32,
    columns: u32,
) -> usize {
    let depth = |operands: &[Operand; 2]| {
        let shape = &program.expr(operands[0].tile).ty.shape;
        shape[usize::from(!operands[0].transposed)].constant().map_or(0, ceil_log2)
    };
    let size = |o: &Operand| program.expr(o.tile).ty.dtype.size();
    let bytes = |o: &[Operand; 2]| ((size(&o[0]) << rows) + (size(&o[1]) << columns)) << depth(o);
    dots.values().map(bytes).max().unwrap_or(0)
}

/// Bytes of all operands of a program that are in shared memory, with `stages` blocks of each that runs ahead.
pub(super) fn bytes(program: &Program, stages: usize, direct: bool) -> usize {
    let plan = Plan::of(program, direct);
    let tiles = plan.dots.values().flatten().map(|o| o.tile);
    let tiles: HashSet<ExprId> = tiles.filter(|tile| !plan.direct.contains(tile)).collect();
    let of = |id: &ExprId| {
        let ty = &program.expr(*id).ty;
        let elements: u32 = ty.shape.iter().map(|e| e.constant().map_or(0, ceil_log2)).sum();
        let ahead = plan.ahead.values().any(|ids| ids.contains(id));
        (ty.dtype.size() << elements) * if ahead { stages } else { 1 }
    };
    tiles.iter().map(of).sum()
}

impl Plan {
    /// The plan for `program`, with or without loads that are read from the tensors.
    pub fn of(program: &Program, direct: bool) -> Plan {
        let dots = dots(program);
        let mut plan = Plan { dots, ..Plan::default() };
        if plan.dots.is_empty() {
            return plan;
        }
        let uses = Uses::of(program);
        let mut chains: Vec<ExprId> = Vec::new();
        for (dot, operands) in &plan.dots {
            let ExprKind::Dot(a, b) = program.expr(*dot).kind else { continue };
            for (mut id, operand) in [a, b].into_iter().zip(operands) {
                chains.push(id);
                while id != operand.tile {
                    let inner = match &program.expr(id).kind {
                        ExprKind::Cast(a) | ExprKind::Transpose(a, _) => *a,
                        _ => break,
                    };
                    id = inner;
                    chains.push(id);
                }
            }
        }
        // Users come after what they use.
        chains.sort();
        chains.dedup();
        for &id in chains.iter().rev() {
            let only = uses.by[id.index()]
                .iter()
                .all(|user| plan.dots.contains_key(user) || plan.consumed.contains(user));
            let kept = match &program.expr(id).kind {
                ExprKind::Load { place, fill } => {
                    fill.value() == 0.0 && is_input(program, place) && is_block(place)
                }
                ExprKind::Cast(a) => {
                    program.expr(*a).ty.dtype == DType::F32
                        || program.expr(id).ty.dtype == DType::F32
                }
                ExprKind::Transpose(..) => true,
                _ => false,
            };
            if only && kept && !uses.in_statements.contains(&id) {
                plan.consumed.insert(id);
                if matches!(program.expr(id).kind, ExprKind::Load { .. }) {
                    plan.staged.insert(id);
                }
            }
        }
        let mut blocks: HashMap<ExprId, usize> = HashMap::default();
        each_let(&program.body, &mut |id, block| {
            blocks.insert(id, block);
        });
        for (number, expr) in program.exprs.iter().enumerate() {
            let add = ExprId(number as u32);
            let ExprKind::Binary(BinaryOp::Add, a, b) = expr.kind else { continue };
            for (other, dot) in [(a, b), (b, a)] {
                let once = uses.by[dot.index()] == [add] && !uses.in_statements.contains(&dot);
                let same = blocks.get(&dot).is_some_and(|block| blocks.get(&add) == Some(block));
                if once
                    && same
                    && other != dot
                    && plan.dots.contains_key(&dot)
                    && expr.ty == program.expr(dot).ty
                {
                    plan.sums.insert(add, (other, dot));
                    plan.summed.insert(dot);
                    break;
                }
            }
        }
        if direct {
            plan.direct = std::mem::take(&mut plan.staged);
        }
        plan.look_ahead(program, &program.body);
        plan
    }

    fn look_ahead(&mut self, program: &Program, body: &[Stmt]) {
        for statement in body {
            match statement {
                Stmt::For { index, body, .. } => {
                    let mut inside = HashSet::from_iter([*index]);
                    each_let(body, &mut |id, _| {
                        inside.insert(id);
                    });
                    let known = |id: &ExprId| {
                        let ExprKind::Load { place, .. } = &program.expr(*id).kind else {
                            return false;
                        };
                        self.staged.contains(id)
                            && indices(place)
                                .into_iter()
                                .all(|i| ahead(program, &inside, *index, i))
                    };
                    let found: Vec<ExprId> = body
                        .iter()
                        .filter_map(|s| match s {
                            Stmt::Let(id) if known(id) => Some(*id),
                            _ => None,
                        })
                        .collect();
                    if !found.is_empty() {
                        self.ahead.insert(*index, found);
                    }
                    self.look_ahead(program, body);
                }
                Stmt::When { body, .. } => self.look_ahead(program, body),
                _ => {}
            }
        }
    }
}

/// The expressions that say where a place is.
fn indices(place: &Place) -> Vec<ExprId> {
    place
        .axes
        .iter()
        .filter_map(|axis| match axis {
            Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => Some(*id),
            Axis::All => None,
        })
        .collect()
}

/// True when an index can be computed for another round of the loop than the one that runs.
fn ahead(program: &Program, inside: &HashSet<ExprId>, index: ExprId, id: ExprId) -> bool {
    let expr = program.expr(id);
    if id == index || (!inside.contains(&id) && !matches!(expr.kind, ExprKind::Get(_))) {
        return true;
    }
    match &expr.kind {
        ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Ternary(..)
        | ExprKind::Cast(_)
        | ExprKind::Const(_)
        | ExprKind::Scalar(_)
        | ExprKind::Size(_)
        | ExprKind::Program(_) => {
            let mut all = true;
            expr.kind.operands(|a| all &= ahead(program, inside, index, a));
            all
        }
        _ => false,
    }
}

fn is_input(program: &Program, place: &Place) -> bool {
    matches!(program.param(place.param).kind, ParamKind::Tensor { access: Access::In, .. })
}

/// True for places whose rows are runs of neighbours.
fn is_block(place: &Place) -> bool {
    match place.axes.last() {
        Some(Axis::All) => true,
        Some(Axis::Range { step, .. }) => *step == 1,
        _ => false,
    }
}

/// Visits every `Let` with the number of the block that it stands in.
pub(super) fn each_let(body: &[Stmt], visit: &mut dyn FnMut(ExprId, usize)) {
    fn walk(body: &[Stmt], next: &mut usize, visit: &mut dyn FnMut(ExprId, usize)) {
        let own = *next;
        for statement in body {
            match statement {
                Stmt::Let(id) => visit(*id, own),
                Stmt::For { body, .. } | Stmt::When { body, .. } => {
                    *next += 1;
                    walk(body, next, visit);
                }
                Stmt::Set(..) | Stmt::Store { .. } => {}
            }
        }
    }
    walk(body, &mut 0, visit);
}

/// Who uses each expression.
pub(super) struct Uses {
    /// The expressions that do.
    pub by: Vec<Vec<ExprId>>,
    /// Those that statements use.
    pub in_statements: HashSet<ExprId>,
}

impl Uses {
    pub fn of(program: &Program) -> Uses {
        let mut by = vec![Vec::new(); program.exprs.len()];
        for (number, expr) in program.exprs.iter().enumerate() {
            expr.kind.operands(|a| by[a.index()].push(ExprId(number as u32)));
        }
        let mut in_statements = HashSet::default();
        statements(&program.body, &mut in_statements);
        Uses { by, in_statements }
    }
}

fn statements(body: &[Stmt], used: &mut HashSet<ExprId>) {
    for statement in body {
        match statement {
            Stmt::Let(_) => {}
            Stmt::Set(_, id) => {
                used.insert(*id);
            }
            Stmt::Store { place, value, mask, .. } => {
                used.extend(indices(place));
                used.insert(*value);
                used.extend(mask);
            }
            Stmt::For { start, end, body, .. } => {
                used.extend([*start, *end]);
                statements(body, used);
            }
            Stmt::When { condition, body } => {
                used.insert(*condition);
                statements(body, used);
            }
        }
    }
}
