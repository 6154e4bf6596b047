//! Which elements of an input each program reads, and so how its gradient is gathered.
//!
//! - *Own*: no two programs read one element, so each stores the adjoint of what it read.
//! - *Shared*: some grid axes do not occur in the place, so all programs along them read the same elements (a
//!   norm's weight); their adjoints are summed.
//! - *Residues*: programs whose numbers leave the same remainder read the same elements (a table of positions that repeat
//!   over the rows); their adjoints are summed, each remainder's by programs of its own.
//! - *Windows*: programs beside each other read elements beside each other, or one program reads its row in shifted windows
//!   (a convolution's taps), so an element's adjoints are where the shift says.
//! - *Scattered*: which elements a program reads depends on data or on the program in a way that is not followed
//!   here (an embedding's rows), so adjoints are added where they belong, one after the other.

use super::windows::all_windows;
use crate::emit::Emitter;
use crate::extent;
use crate::lines::MOST_GRID_AXES;
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, GridAxis, ParamKind, Place, Program,
};

/// How the programs of a grid share the elements of one input.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sharing {
    /// Programs along these grid axes read the same elements; none: every program has its own.
    Along(Vec<usize>),
    /// As along these axes, of which one is the residue's: along it programs read the same elements where their numbers leave
    /// the same remainder.
    Residues(Vec<usize>, Residue),
    /// An element is read by programs that lie a shift apart, each a load of its own.
    Windows,
    /// Elements are read by programs that cannot be told.
    Scattered,
}

/// The remainder of a program's number along a grid axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Residue {
    pub grid: usize,
    /// What it is divided by.
    pub period: Extent,
}

impl Residue {
    /// That which `id` is, if it is one.
    pub fn of(program: &Program, id: ExprId) -> Option<Residue> {
        let ExprKind::Binary(BinaryOp::Rem, number, period) = program.expr(id).kind else {
            return None;
        };
        let ExprKind::Program(grid) = program.expr(number).kind else { return None };
        let period = match program.expr(period).kind {
            ExprKind::Size(period) => period,
            ExprKind::Const(period) => Extent::Const(period.value() as usize),
            _ => return None,
        };
        let own = program.grid[grid];
        let told = matches!(own.extent, Extent::Dim { times: 1, .. }) && own.block == 1;
        // The programs of the gradient have an axis more.
        let room = program.grid.len() < MOST_GRID_AXES && period != Extent::Const(0);
        (told && room).then_some(Residue { grid, period })
    }

    /// How many of `count` programs leave the remainder `first`.
    pub fn turns(self, out: &mut Emitter, first: ExprId, count: ExprId) -> ExprId {
        let period = out.size(self.period);
        let whole = out.binary(BinaryOp::Div, count, period);
        let rest = out.binary(BinaryOp::Rem, count, period);
        let more = out.binary(BinaryOp::Lt, first, rest);
        let more = out.cast(more, DType::I32);
        out.add(whole, more)
    }

    /// The number of that one of them which comes after `turn` others.
    pub fn number(self, out: &mut Emitter, first: ExprId, turn: ExprId) -> ExprId {
        let period = out.size(self.period);
        let before = out.mul(turn, period);
        out.add(before, first)
    }

    /// True where `id` is this.
    pub fn is(self, program: &Program, id: ExprId) -> bool {
        Residue::of(program, id) == Some(self)
    }
}

/// How one axis of a place depends on the program.
#[derive(Clone, Debug, PartialEq)]
enum Dependence {
    /// Not at all.
    Fixed,
    /// Each program along this grid axis has positions of its own.
    Own(usize),
    /// The position is the remainder of a program's number.
    Residue(Residue),
    /// In a way that is not followed.
    Unknown,
}

/// `constant + Σ factor * atom`, as far as a position can be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Linear {
    constant: i64,
    /// Sizes and program indices with their factors.
    terms: Vec<(Atom, i64)>,
}

/// `shift`, or `program + shift`, of a grid axis.
pub(super) struct Step {
    pub program: Option<usize>,
    pub shift: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Atom {
    Size(u32),
    Program(usize),
}

impl Linear {
    pub fn of(program: &Program, id: ExprId) -> Option<Linear> {
        let atom = |atom, factor| Linear { constant: 0, terms: vec![(atom, factor)] };
        match program.expr(id).kind {
            ExprKind::Const(literal) => {
                Some(Linear { constant: literal.value() as i64, terms: Vec::new() })
            }
            ExprKind::Size(Extent::Const(n)) => {
                Some(Linear { constant: n as i64, terms: Vec::new() })
            }
            ExprKind::Size(Extent::Dim { dim, times }) => {
                Some(atom(Atom::Size(dim.0), times as i64))
            }
            ExprKind::Program(axis) => Some(atom(Atom::Program(axis), 1)),
            ExprKind::Binary(BinaryOp::Add, a, b) => {
                Some(Linear::of(program, a)?.plus(&Linear::of(program, b)?, 1))
            }
            ExprKind::Binary(BinaryOp::Sub, a, b) => {
                Some(Linear::of(program, a)?.plus(&Linear::of(program, b)?, -1))
            }
            ExprKind::Binary(BinaryOp::Mul, a, b) => {
                let (a, b) = (Linear::of(program, a)?, Linear::of(program, b)?);
                match (a.terms.is_empty(), b.terms.is_empty()) {
                    (true, _) => Some(Linear::default().plus(&b, a.constant)),
                    (_, true) => Some(Linear::default().plus(&a, b.constant)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn plus(mut self, other: &Linear, factor: i64) -> Linear {
        self.constant = self.constant.saturating_add(other.constant.saturating_mul(factor));
        for &(atom, f) in &other.terms {
            let f = f.saturating_mul(factor);
            match self.terms.iter_mut().find(|(a, _)| *a == atom) {
                Some((_, sum)) => *sum = sum.saturating_add(f),
                None => self.terms.push((atom, f)),
            }
        }
        self.terms.retain(|(_, f)| *f != 0);
        self
    }

    /// The grid axis and its factor, when one program index occurs and nothing else varies.
    fn program(&self) -> Option<(usize, i64)> {
        let mut programs = self.terms.iter().filter_map(|&(atom, factor)| match atom {
            Atom::Program(axis) => Some((axis, factor)),
            Atom::Size(_) => None,
        });
        let first = programs.next()?;
        programs.next().is_none().then_some(first)
    }

    /// The form as a step, when it is one.
    pub fn step(&self) -> Option<Step> {
        let program = match self.terms[..] {
            [] => None,
            [(Atom::Program(axis), 1)] => Some(axis),
            _ => return None,
        };
        // Turned round it has to be a number too.
        let shift = i32::try_from(self.constant).ok().filter(|&shift| shift > i32::MIN)?;
        Some(Step { program, shift: shift.into() })
    }

    /// The form as an extent, when it is one.
    fn extent(&self) -> Option<Extent> {
        match self.terms[..] {
            [] => Some(Extent::Const(usize::try_from(self.constant).ok()?)),
            [(Atom::Size(dim), factor)] if self.constant == 0 => Some(Extent::Dim {
                dim: tilewright_ir::DimId(dim),
                times: usize::try_from(factor).ok()?,
            }),
            _ => None,
        }
    }
}

/// The places at which a program reads one input.
pub(super) struct Reads<'a> {
    pub program: &'a Program,
    pub places: Vec<&'a Place>,
}

impl Reads<'_> {
    /// How the grid's programs share the elements.
    pub fn sharing(&self) -> Sharing {
        match self.own() {
            Some((along, None)) => Sharing::Along(along),
            Some((along, Some(residue))) => Sharing::Residues(along, residue),
            None if all_windows(self.program, &self.places) => Sharing::Windows,
            None => Sharing::Scattered,
        }
    }

    /// The grid axes along which programs read the same elements, where the others have their own; and the axis of these
    /// along which only those of one remainder do.
    fn own(&self) -> Option<(Vec<usize>, Option<Residue>)> {
        let mut own: Option<(Vec<usize>, Option<Residue>)> = None;
        for place in &self.places {
            let (mut axes, mut residue) = (Vec::new(), None);
            for axis in &place.axes {
                match self.dependence(*axis) {
                    Dependence::Fixed => {}
                    Dependence::Own(grid) => axes.push(grid),
                    Dependence::Residue(found) => {
                        if *residue.get_or_insert(found) != found {
                            return None;
                        }
                    }
                    Dependence::Unknown => return None,
                }
            }
            axes.sort_unstable();
            axes.dedup();
            // Who has a number of its own has its remainder with it.
            residue = residue.filter(|residue| !axes.contains(&residue.grid));
            let found = (axes, residue);
            if *own.get_or_insert_with(|| found.clone()) != found {
                return None;
            }
        }
        if !self.are_disjoint() {
            return None;
        }
        let (own, residue) = own.unwrap_or_default();
        let along = (0..self.program.grid.len()).filter(|axis| !own.contains(axis)).collect();
        Some((along, residue))
    }

    fn dependence(&self, axis: Axis) -> Dependence {
        let (position, reach) = match axis {
            Axis::All => return Dependence::Fixed,
            Axis::Gather(id) => {
                // Other lists of positions may name one twice.
                return match is_iota(self.program, id) {
                    true => Dependence::Fixed,
                    false => Dependence::Unknown,
                };
            }
            Axis::At(id) => (id, Some(1)),
            Axis::Range { start, len, step } => {
                (start, len.constant().map(|n| n.saturating_sub(1).saturating_mul(step) + 1))
            }
        };
        if !depends_on_program(self.program, position) {
            return match reads_memory(self.program, position) {
                true => Dependence::Unknown,
                false => Dependence::Fixed,
            };
        }
        if let (Axis::At(id), Some(residue)) = (axis, Residue::of(self.program, position)) {
            debug_assert_eq!(id, position);
            return Dependence::Residue(residue);
        }
        let linear = Linear::of(self.program, position);
        match (linear.and_then(|l| l.program()), reach) {
            // Neighbours are at least as far apart as a program reaches.
            (Some((grid, factor)), Some(reach)) if factor >= reach as i64 => Dependence::Own(grid),
            _ => Dependence::Unknown,
        }
    }

    /// True when no two of the places share an element, whichever programs read them.
    pub fn are_disjoint(&self) -> bool {
        self.places.iter().enumerate().all(|(i, a)| {
            self.places[..i].iter().all(|b| {
                let pairs = || a.axes.iter().zip(&b.axes);
                // What depends on the program must do so alike, or one program may read another's elements.
                let alike = pairs().all(|(x, y)| {
                    let fixed = |axis: &Axis| self.dependence(*axis) == Dependence::Fixed;
                    (fixed(x) && fixed(y)) || self.same_positions(*x, *y)
                });
                alike && pairs().any(|(x, y)| self.apart(*x, *y))
            })
        })
    }

    fn same_positions(&self, a: Axis, b: Axis) -> bool {
        let same = |x, y| {
            x == y || {
                let (x, y) = (Linear::of(self.program, x), Linear::of(self.program, y));
                x.is_some() && x == y
            }
        };
        match (a, b) {
            (Axis::At(x), Axis::At(y)) => same(x, y),
            (
                Axis::Range { start: x, len: l, step: s },
                Axis::Range { start: y, len: m, step: t },
            ) => same(x, y) && l == m && s == t,
            (Axis::All, Axis::All) => true,
            _ => false,
        }
    }

    /// True when two axes of places have no position in common.
    fn apart(&self, a: Axis, b: Axis) -> bool {
        let (Some((x, x_len, x_step)), Some((y, y_len, y_step))) = (self.span(a), self.span(b))
        else {
            return false;
        };
        if x_step == y_step && x_step > 1 {
            // Interleaved positions with different remainders.
            let difference = y.clone().plus(&x, -1);
            if difference.terms.is_empty() && difference.constant % x_step as i64 != 0 {
                return true;
            }
        }
        let after = |low: &Linear, len: Extent, step: usize, high: &Linear| {
            let distance = high.clone().plus(low, -1).extent();
            let reach = extent::scale(len, step);
            distance.is_some_and(|d| extent::subtract(d, reach).is_some())
        };
        after(&x, x_len, x_step, &y) || after(&y, y_len, y_step, &x)
    }

    /// Start, length and step of the positions of an axis.
    fn span(&self, axis: Axis) -> Option<(Linear, Extent, usize)> {
        match axis {
            Axis::At(id) => Some((Linear::of(self.program, id)?, Extent::Const(1), 1)),
            Axis::Range { start, len, step } => Some((Linear::of(self.program, start)?, len, step)),
            Axis::All | Axis::Gather(_) => None,
        }
    }

    /// True when the places of all programs together are every element of the input.
    pub fn cover(&self) -> bool {
        self.cover_with(false)
    }

    /// The same where there are programs for every remainder, whether or not there is a number that leaves it.
    pub fn residues_cover(&self) -> bool {
        self.cover_with(true)
    }

    fn cover_with(&self, residues: bool) -> bool {
        let Some(first) = self.places.first() else { return false };
        let ParamKind::Tensor { shape, .. } = &self.program.param(first.param).kind else {
            return false;
        };
        let mut varying = (0..shape.len()).filter(|&i| {
            self.places.iter().any(|p| !self.same_positions(p.axes[i], first.axes[i]))
        });
        let varies = varying.next();
        if varying.next().is_some() {
            return false;
        }
        shape.iter().enumerate().all(|(i, &extent)| match varies == Some(i) {
            true => self.parts_cover(i, extent),
            false => match self.dependence(first.axes[i]) {
                Dependence::Residue(residue) => residues && residue.period == extent,
                _ => self.covers(first.axes[i], extent),
            },
        })
    }

    /// True when one axis, over all programs, is every position below `extent`.
    fn covers(&self, axis: Axis, extent: Extent) -> bool {
        if let Dependence::Own(grid) = self.dependence(axis) {
            let own = GridAxis { extent, block: 1 };
            let (block, position) = match axis {
                Axis::At(id) => (1, id),
                Axis::Range { start, len: Extent::Const(len), step: 1 } => (len, start),
                _ => return false,
            };
            let linear = Linear::of(self.program, position).unwrap_or_default();
            return self.program.grid[grid] == GridAxis { block, ..own }
                && linear
                    == Linear { constant: 0, terms: vec![(Atom::Program(grid), block as i64)] };
        }
        match axis {
            Axis::All => true,
            Axis::Gather(id) => {
                is_iota(self.program, id) && self.program.expr(id).ty.shape == [extent]
            }
            Axis::At(_) | Axis::Range { .. } => match self.span(axis) {
                Some((start, len, step)) => {
                    start == Linear::default()
                        && len == extent
                        && (step == 1 || len == Extent::Const(1))
                }
                None => false,
            },
        }
    }

    /// True when axis `i` of the places is together every position below `extent`.
    fn parts_cover(&self, i: usize, extent: Extent) -> bool {
        let spans: Option<Vec<_>> = self.places.iter().map(|p| self.span(p.axes[i])).collect();
        let Some(spans) = spans else { return false };
        let step = spans[0].2;
        if step > 1 {
            // Every remainder once, each over the whole axis.
            let remainders = (0..step as i64).all(|r| {
                let start = Linear { constant: r, terms: Vec::new() };
                spans.iter().any(|(s, ..)| *s == start)
            });
            let whole = |len: Extent| extent::scale(len, step) == extent;
            return remainders && spans.iter().all(|(_, len, s)| *s == step && whole(*len));
        }
        let mut end = Extent::Const(0);
        while end != extent {
            let next =
                spans.iter().find(|(start, _, step)| *step == 1 && start.extent() == Some(end));
            match next.and_then(|(_, len, _)| extent::add(end, *len)) {
                Some(after) if after != end => end = after,
                _ => return false,
            }
        }
        true
    }
}

/// True when `id` is 0, 1, 2, ...
fn is_iota(program: &Program, id: ExprId) -> bool {
    match program.expr(id).kind {
        ExprKind::Iota(_) => true,
        ExprKind::Cast(a) => is_iota(program, a),
        _ => false,
    }
}

/// True when the value of `id` depends on a program index.
pub(super) fn depends_on_program(program: &Program, id: ExprId) -> bool {
    any(program, id, &|kind| matches!(kind, ExprKind::Program(_)))
}

/// True when the value of `id` depends on memory.
fn reads_memory(program: &Program, id: ExprId) -> bool {
    any(program, id, &|kind| matches!(kind, ExprKind::Load { .. }))
}

/// True when `test` holds for `id` or anything that it is computed from.
fn any(program: &Program, id: ExprId, test: &dyn Fn(&ExprKind) -> bool) -> bool {
    let mut seen = vec![false; program.exprs.len()];
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let kind = &program.expr(id).kind;
        if test(kind) {
            return true;
        }
        kind.operands(|operand| open.push(operand));
    }
    false
}
