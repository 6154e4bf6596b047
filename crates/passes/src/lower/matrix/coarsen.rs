//! Joining neighbouring programs: one program that does the blocks of several along an axis of the grid, as if the author
//! had written larger blocks.
//!
//! That is the same program when every tile axis that spans the block only ever meets itself: it is loaded from, mapped,
//! multiplied along, stored to, but not reduced or rearranged.

use super::plan::{Operand, Uses};
use tilewright_ir::table::HashMap;
use tilewright_ir::{
    Axis, BinaryOp, ExprId, ExprKind, Extent, Literal, Place, Program, Shape, Stmt, VarId,
};

/// The axes of the grid along which the rows and the columns of every dot lie, if programs can be joined along both.
pub(in crate::lower) fn axes(
    program: &Program,
    dots: &HashMap<ExprId, [Operand; 2]>,
) -> Option<[usize; 2]> {
    let spans = Spans::of(program);
    let along = |id: ExprId, axis: usize| {
        let class = spans.find(spans.exprs[id.index()] + axis);
        (0..program.grid.len()).find(|g| spans.labels[*g].iter().any(|n| spans.find(*n) == class))
    };
    let mut found: Option<[usize; 2]> = None;
    for &dot in dots.keys() {
        let own = [along(dot, 0)?, along(dot, 1)?];
        if found.is_some_and(|known| known != own) {
            return None;
        }
        found = Some(own);
    }
    let [rows, columns] = found?;
    (rows != columns && spans.joins(rows) && spans.joins(columns)).then_some([rows, columns])
}

/// Joins `2^factors[g]` programs along each axis `g` of the grid.
pub(in crate::lower) fn coarsen(program: &mut Program, factors: &[u32]) {
    if factors.iter().all(|f| *f == 0) {
        return;
    }
    let spans = Spans::of(program);
    for (g, &factor) in factors.iter().enumerate().filter(|(_, f)| **f > 0) {
        if !spans.joins(g) {
            continue;
        }
        let block = program.grid[g].block << factor;
        let wide = Extent::Const(block);
        let inside = |node: usize| {
            let class = spans.find(node);
            spans.labels[g].iter().any(|n| spans.find(*n) == class)
        };
        for (expr, &first) in program.exprs.iter_mut().zip(&spans.exprs) {
            for (axis, extent) in expr.ty.shape.iter_mut().enumerate() {
                if inside(first + axis) {
                    *extent = wide;
                }
            }
            match &mut expr.kind {
                ExprKind::Iota(extent) if inside(first) => *extent = wide,
                ExprKind::Load { place, .. } => widen(place, |axis| inside(first + axis), wide),
                _ => {}
            }
        }
        for (number, var) in program.vars.iter_mut().enumerate() {
            for (axis, extent) in var.ty.shape.iter_mut().enumerate() {
                if inside(spans.vars[number] + axis) {
                    *extent = wide;
                }
            }
        }
        let mut body = std::mem::take(&mut program.body);
        let mut number = 0;
        each_store(&mut body, &mut |place, _, _| {
            let first = spans.stores[number];
            widen(place, |axis| inside(first + axis), wide);
            number += 1;
        });
        program.body = body;
        let ty = tilewright_ir::Type { dtype: tilewright_ir::DType::I32, shape: Shape::new() };
        let constant = program.push(ExprKind::Const(Literal::Int(block as i64)), ty, None);
        for start in &spans.starts[g] {
            let ExprKind::Binary(_, a, b) = program.expr(*start).kind else { continue };
            let index = if matches!(program.expr(a).kind, ExprKind::Program(_)) { a } else { b };
            program.exprs[start.index()].kind = ExprKind::Binary(BinaryOp::Mul, index, constant);
        }
        program.grid[g].block = block;
    }
}

/// Gives the ranges of a place along the axes of its tile that pass the test another length.
fn widen(place: &mut Place, inside: impl Fn(usize) -> bool, wide: Extent) {
    let mut tile = 0;
    for axis in &mut place.axes {
        if let Axis::Range { len, .. } = axis
            && inside(tile)
        {
            *len = wide;
        }
        tile += usize::from(!matches!(axis, Axis::At(_)));
    }
}

/// Visits the stores in order.
fn each_store(body: &mut [Stmt], visit: &mut dyn FnMut(&mut Place, ExprId, Option<ExprId>)) {
    for statement in body {
        match statement {
            Stmt::Store { place, value, mask, .. } => visit(place, *value, *mask),
            Stmt::For { body, .. } | Stmt::When { body, .. } => each_store(body, visit),
            Stmt::Let(_) | Stmt::Set(..) => {}
        }
    }
}

/// Which axes of tiles span the same positions, and which of these are the blocks of a grid axis.
struct Spans {
    /// The first node of each expression, variable and store: one node an axis.
    exprs: Vec<usize>,
    vars: Vec<usize>,
    stores: Vec<usize>,
    /// A node of the same class, itself for one of each class.
    parent: Vec<usize>,
    extents: Vec<Extent>,
    /// Nodes whose length matters beyond their elements.
    fixed: Vec<usize>,
    /// For each grid axis, the nodes that are its blocks.
    labels: Vec<Vec<usize>>,
    /// For each grid axis, the expressions that are the first position of its block.
    starts: Vec<Vec<ExprId>>,
    /// The grid axes whose index is used in another way.
    kept: Vec<bool>,
    blocks: Vec<usize>,
}

impl Spans {
    fn of(program: &Program) -> Spans {
        let axes = program.grid.len();
        let mut spans = Spans {
            exprs: Vec::new(),
            vars: Vec::new(),
            stores: Vec::new(),
            parent: Vec::new(),
            extents: Vec::new(),
            fixed: Vec::new(),
            labels: vec![Vec::new(); axes],
            starts: vec![Vec::new(); axes],
            kept: vec![false; axes],
            blocks: program.grid.iter().map(|g| g.block).collect(),
        };
        for expr in &program.exprs {
            let first = spans.nodes(&expr.ty.shape);
            spans.exprs.push(first);
        }
        for var in &program.vars {
            let first = spans.nodes(&var.ty.shape);
            spans.vars.push(first);
        }
        spans.find_starts(program);
        for number in 0..program.exprs.len() {
            spans.expression(program, ExprId(number as u32));
        }
        spans.body(program, &program.body);
        spans
    }

    fn nodes(&mut self, shape: &[Extent]) -> usize {
        let first = self.parent.len();
        self.parent.extend(first..first + shape.len());
        self.extents.extend_from_slice(shape);
        first
    }

    fn find(&self, mut node: usize) -> usize {
        while self.parent[node] != node {
            node = self.parent[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        if self.extents[a] == self.extents[b] {
            let (a, b) = (self.find(a), self.find(b));
            self.parent[a] = b;
        }
    }

    /// The axes of a tile of `a_rank` axes and of one that it broadcasts to.
    fn broadcast(&mut self, (a, a_rank): (usize, usize), (b, b_rank): (usize, usize)) {
        for back in 1..=a_rank.min(b_rank) {
            self.join(a + a_rank - back, b + b_rank - back);
        }
    }

    fn find_starts(&mut self, program: &Program) {
        let uses = Uses::of(program);
        for (number, expr) in program.exprs.iter().enumerate() {
            let ExprKind::Program(g) = expr.kind else { continue };
            let block = self.blocks[g];
            let id = ExprId(number as u32);
            self.kept[g] |= block < 2 || uses.in_statements.contains(&id);
            for &user in &uses.by[number] {
                let by_block = match program.expr(user).kind {
                    ExprKind::Binary(BinaryOp::Mul, a, b) => {
                        let other = if a == id { b } else { a };
                        matches!(program.expr(other).kind,
                            ExprKind::Const(Literal::Int(n)) if n == block as i64)
                    }
                    _ => false,
                };
                match by_block {
                    true => self.starts[g].push(user),
                    false => self.kept[g] = true,
                }
            }
        }
        for g in 0..self.starts.len() {
            for start in self.starts[g].clone() {
                for user in &uses.by[start.index()] {
                    let fits = match &program.expr(*user).kind {
                        ExprKind::Load { .. } => true,
                        ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, a, b) => {
                            let other = if *a == start { b } else { a };
                            !program.expr(*other).ty.shape.is_empty()
                        }
                        _ => false,
                    };
                    self.kept[g] |= !fits;
                }
            }
        }
    }

    fn place(&mut self, place: &Place, first: usize) {
        let mut tile = first;
        for axis in &place.axes {
            let start_of = |id: &ExprId| self.starts.iter().position(|starts| starts.contains(id));
            match axis {
                Axis::Range { start, len, step } => {
                    if let Some(g) = start_of(start) {
                        let whole = *len == Extent::Const(self.blocks[g]) && *step == 1;
                        self.labels[g].push(tile);
                        self.kept[g] |= !whole;
                    }
                }
                Axis::At(id) | Axis::Gather(id) => {
                    if let Some(g) = start_of(id) {
                        self.kept[g] = true;
                    }
                }
                Axis::All => {}
            }
            tile += usize::from(!matches!(axis, Axis::At(_)));
        }
    }

    fn expression(&mut self, program: &Program, id: ExprId) {
        let expr = program.expr(id);
        let (own, rank) = (self.exprs[id.index()], expr.ty.shape.len());
        let first =
            |spans: &Spans, a: ExprId| (spans.exprs[a.index()], program.expr(a).ty.shape.len());
        match &expr.kind {
            ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_)
            | ExprKind::Broadcast(_) => {
                let mut operands = Vec::new();
                expr.kind.operands(|a| operands.push(a));
                for a in operands {
                    self.broadcast(first(self, a), (own, rank));
                }
            }
            ExprKind::Transpose(a, order) => {
                let (a, _) = first(self, *a);
                order.iter().enumerate().for_each(|(i, &axis)| self.join(own + i, a + axis));
            }
            ExprKind::Dot(a, b) => {
                let (a, b) = (first(self, *a).0, first(self, *b).0);
                self.join(own, a);
                self.join(own + 1, b + 1);
                self.join(a + 1, b);
            }
            ExprKind::Reduce(_, a, along) => {
                let (a, a_rank) = first(self, *a);
                self.fixed.push(a + along);
                (0..a_rank).filter(|axis| axis != along).for_each(|axis| {
                    self.join(own + axis, a + axis);
                });
            }
            ExprKind::Get(VarId(var)) => {
                self.broadcast((self.vars[*var as usize], rank), (own, rank));
            }
            ExprKind::Load { place, .. } => self.place(place, own),
            ExprKind::Const(_)
            | ExprKind::Scalar(_)
            | ExprKind::Size(_)
            | ExprKind::Program(_)
            | ExprKind::LoopIndex
            | ExprKind::Argument
            | ExprKind::Iota(_) => {}
            kind => {
                self.fixed.extend(own..own + rank);
                kind.operands(|a| {
                    let (a, rank) = (self.exprs[a.index()], program.expr(a).ty.shape.len());
                    self.fixed.extend(a..a + rank);
                });
            }
        }
    }

    fn body(&mut self, program: &Program, body: &[Stmt]) {
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(var, value) => {
                    let rank = program.expr(*value).ty.shape.len();
                    let (var, value) = (self.vars[var.index()], self.exprs[value.index()]);
                    self.broadcast((value, rank), (var, rank));
                    self.used(statement);
                }
                Stmt::Store { place, value, mask, .. } => {
                    let shape = tilewright_ir::infer::place_type(program, place)
                        .map(|ty| ty.shape)
                        .unwrap_or_default();
                    let first = self.nodes(&shape);
                    self.stores.push(first);
                    self.place(place, first);
                    for id in std::iter::once(value).chain(mask) {
                        let rank = program.expr(*id).ty.shape.len();
                        self.broadcast((self.exprs[id.index()], rank), (first, shape.len()));
                    }
                    self.used(statement);
                }
                Stmt::For { body, .. } | Stmt::When { body, .. } => {
                    self.used(statement);
                    self.body(program, body);
                }
            }
        }
    }

    /// Keeps the axes whose block's first position is a value, a bound or a condition.
    fn used(&mut self, statement: &Stmt) {
        let values: Vec<ExprId> = match statement {
            Stmt::Set(_, id) => vec![*id],
            Stmt::Store { value, mask, .. } => std::iter::once(*value).chain(*mask).collect(),
            Stmt::For { start, end, .. } => vec![*start, *end],
            Stmt::When { condition, .. } => vec![*condition],
            Stmt::Let(_) => Vec::new(),
        };
        for g in 0..self.starts.len() {
            self.kept[g] |= self.starts[g].iter().any(|start| values.contains(start));
        }
    }

    /// True when programs can be joined along a grid axis.
    fn joins(&self, g: usize) -> bool {
        let classes: Vec<usize> = self.labels[g].iter().map(|n| self.find(*n)).collect();
        let block = Extent::Const(self.blocks[g]);
        let own = |node: &usize| classes.contains(&self.find(*node));
        let others = (0..self.labels.len()).filter(|other| *other != g);
        !self.kept[g]
            && !classes.is_empty()
            && classes.iter().all(|class| self.extents[*class] == block)
            && !self.fixed.iter().any(own)
            && !others.flat_map(|other| &self.labels[other]).any(own)
    }
}
