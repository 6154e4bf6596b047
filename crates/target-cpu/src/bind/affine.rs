//! Scalar index arithmetic that is known before a program runs: as a function of its place in the grid, and as an
//! interval.

use crate::step::{GRID_AXES, Index};
use tilewright_ir::{BinaryOp, ExprId, ExprKind, Literal, Program, Stmt};

/// constant + sum of grid[a] * (program index along a)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The constant.
    pub constant: i64,
    /// Factor of each grid axis.
    pub grid: [i64; GRID_AXES],
}

impl Affine {
    fn constant(constant: i64) -> Affine {
        Affine { constant, grid: [0; GRID_AXES] }
    }

    fn fixed(self) -> Option<i64> {
        (self.grid == [0; GRID_AXES]).then_some(self.constant)
    }

    fn zip(self, other: Affine, op: impl Fn(i64, i64) -> i64) -> Affine {
        let mut grid = self.grid;
        grid.iter_mut().zip(other.grid).for_each(|(a, b)| *a = op(*a, b));
        Affine { constant: op(self.constant, other.constant), grid }
    }

    fn times(self, factor: i64) -> Affine {
        Affine {
            constant: self.constant.saturating_mul(factor),
            grid: self.grid.map(|g| g.saturating_mul(factor)),
        }
    }

    /// As an index of an access.
    pub fn index(self) -> Index {
        Index::Affine { constant: self.constant, grid: self.grid }
    }
}

/// Least and greatest value.
pub type Interval = (i64, i64);

/// Finds out about the scalar expressions of a program for given sizes.
pub struct Scalars<'a> {
    program: &'a Program,
    dims: &'a [usize],
    grid: &'a [usize],
    /// By expression: the interval of each loop index.
    loops: Vec<Option<Interval>>,
}

const ANY: Interval = (i32::MIN as i64, i32::MAX as i64);

impl<'a> Scalars<'a> {
    /// Reads the loops of a program.
    pub fn new(program: &'a Program, dims: &'a [usize], grid: &'a [usize]) -> Self {
        let mut scalars = Scalars { program, dims, grid, loops: vec![None; program.exprs.len()] };
        scalars.read(&program.body);
        scalars
    }

    fn read(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::For { index, start, end, step, body } => {
                    let (least, most) = (self.interval(*start), self.interval(*end));
                    // The last index is a whole number of steps past the start, where that is known.
                    let mut last = most.1 - 1;
                    if least.0 == least.1 && last >= least.0 {
                        last -= (last - least.0) % *step as i64;
                    }
                    self.loops[index.index()] = Some((least.0, last.max(least.0)));
                    self.read(body);
                }
                Stmt::When { body, .. } => self.read(body),
                _ => {}
            }
        }
    }

    fn size(&self, extent: tilewright_ir::Extent) -> i64 {
        extent.value(self.dims).min(i32::MAX as usize) as i64
    }

    /// The value as a function of the program's place in the grid; `None` when it depends on more, or may wrap.
    pub fn affine(&self, id: ExprId) -> Option<Affine> {
        let found = match &self.program.expr(id).kind {
            ExprKind::Const(Literal::Int(i)) => Affine::constant(*i),
            ExprKind::Size(extent) => Affine::constant(self.size(*extent)),
            ExprKind::Program(axis) => {
                let mut grid = [0; GRID_AXES];
                *grid.get_mut(*axis)? = 1;
                Affine { constant: 0, grid }
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.affine(*a)?, self.affine(*b)?);
                match op {
                    BinaryOp::Add => a.zip(b, i64::saturating_add),
                    BinaryOp::Sub => a.zip(b, i64::saturating_sub),
                    BinaryOp::Mul => match (a.fixed(), b.fixed()) {
                        (_, Some(factor)) => a.times(factor),
                        (Some(factor), _) => b.times(factor),
                        _ => return None,
                    },
                    BinaryOp::Div | BinaryOp::Rem => match (a.fixed(), b.fixed()) {
                        (Some(a), Some(b)) if a >= 0 && b > 0 => {
                            Affine::constant(if *op == BinaryOp::Div { a / b } else { a % b })
                        }
                        _ => return None,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        };
        let (least, most) = self.range(found);
        (least >= ANY.0 && most <= ANY.1).then_some(found)
    }

    /// The value where it is one number for all programs.
    pub fn constant(&self, id: ExprId) -> Option<i64> {
        self.affine(id)?.fixed()
    }

    /// By how much the value grows from one program to the next along the last axis of the grid, in the same turn of every loop
    /// around; `None` where that is not the same for all of them.
    pub fn step(&self, id: ExprId) -> Option<i64> {
        if let Some(affine) = self.affine(id) {
            return Some(affine.grid[self.grid.len().checked_sub(1)?]);
        }
        match self.program.expr(id).kind {
            ExprKind::LoopIndex => Some(0),
            ExprKind::Cast(a) => self.step(a).filter(|&step| step == 0),
            ExprKind::Binary(op, a, b) => {
                if op == BinaryOp::Lt {
                    // All programs find the same where the least of one is beyond the greatest of the other.
                    let (a, b) = (self.interval(a), self.interval(b));
                    if a.0 >= b.1 || a.1 < b.0 {
                        return Some(0);
                    }
                }
                let (first, second) = (self.step(a)?, self.step(b)?);
                match op {
                    _ if first == 0 && second == 0 => Some(0),
                    BinaryOp::Add => first.checked_add(second),
                    BinaryOp::Sub => first.checked_sub(second),
                    BinaryOp::Mul => match (self.constant(a), self.constant(b)) {
                        (_, Some(factor)) => first.checked_mul(factor),
                        (Some(factor), _) => second.checked_mul(factor),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn range(&self, affine: Affine) -> Interval {
        let mut range = (affine.constant, affine.constant);
        for (&factor, &programs) in affine.grid.iter().zip(self.grid) {
            let reach = factor.saturating_mul(programs.saturating_sub(1) as i64);
            range = (range.0.saturating_add(reach.min(0)), range.1.saturating_add(reach.max(0)));
        }
        range
    }

    /// Bounds of a value.
    pub fn interval(&self, id: ExprId) -> Interval {
        if let Some(affine) = self.affine(id) {
            return self.range(affine);
        }
        let found = match &self.program.expr(id).kind {
            ExprKind::LoopIndex => self.loops[id.index()].unwrap_or(ANY),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.interval(*a), self.interval(*b));
                let product = |x: i64, y: i64| x.saturating_mul(y);
                match op {
                    BinaryOp::Add => (a.0 + b.0, a.1 + b.1),
                    BinaryOp::Sub => (a.0 - b.1, a.1 - b.0),
                    BinaryOp::Mul => {
                        let corners = [
                            product(a.0, b.0),
                            product(a.0, b.1),
                            product(a.1, b.0),
                            product(a.1, b.1),
                        ];
                        let least = corners.into_iter().fold(i64::MAX, i64::min);
                        (least, corners.into_iter().fold(i64::MIN, i64::max))
                    }
                    BinaryOp::Min => (a.0.min(b.0), a.1.min(b.1)),
                    BinaryOp::Max => (a.0.max(b.0), a.1.max(b.1)),
                    BinaryOp::Div if a.0 >= 0 && b.0 > 0 => (a.0 / b.1, a.1 / b.0),
                    BinaryOp::Rem if a.0 >= 0 && b.0 > 0 => (0, a.1.min(b.1 - 1)),
                    _ => ANY,
                }
            }
            _ => ANY,
        };
        // What leaves i32 wraps to anywhere.
        if found.0 < ANY.0 || found.1 > ANY.1 { ANY } else { found }
    }
}
