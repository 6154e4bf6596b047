//! Adjoints in the making: what each value of the forward program owes to the stores after it.
//!
//! An adjoint may have a smaller shape than its value (then it is the same along the axes it lacks), which keeps
//! the gradient of a row reduction a scalar. It may also be kept as a quotient `value / over` until it is used:
//! the quotient rule divides two terms by the same denominator, and waiting lets `g / s - Σ g y / s`, times the
//! numerator `e`, become `y (g - Σ g y)`, as one would write the gradient of softmax by hand.
//!
//! What a choice keeps from an operand is a mask beside the value, not a zero in it: the slope of the branch that was
//! not taken may be infinite, and 0 times infinity is no number. The mask is applied at the end, when all slopes are
//! multiplied, or where elements of different masks are added.

use super::straight::Straight;
use crate::emit::Emitter;
use crate::extent;
use tilewright_ir::table::HashMap;
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, ReduceOp, Shape, UnaryOp};

/// A (partial) adjoint: `value`, or `value / over`, where the mask lets it through; zero elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adjoint {
    pub value: ExprId,
    pub over: Option<ExprId>,
    pub mask: Option<Mask>,
}

/// Where an adjoint may differ from zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    allows: ExprId,
    /// The value is zero elsewhere as it is.
    applied: bool,
}

impl Adjoint {
    /// A value.
    pub fn of(value: ExprId) -> Adjoint {
        Adjoint { value, over: None, mask: None }
    }

    /// The same with another numerator, which may be anything where the mask lets nothing through.
    fn with(self, value: ExprId) -> Adjoint {
        let mask = self.mask.map(|mask| Mask { applied: false, ..mask });
        Adjoint { value, mask, ..self }
    }

    fn allows(self) -> Option<ExprId> {
        self.mask.map(|mask| mask.allows)
    }
}

/// A contribution to the adjoint of a value.
#[derive(Clone, Copy, Debug)]
enum Contribution {
    Whole(Adjoint),
    /// To positions `start .. start + len` of `axis`.
    Slice {
        axis: usize,
        start: Extent,
        len: Extent,
        value: ExprId,
    },
}

/// Who has the slope of `max` and `min` where both operands are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ties {
    /// Each a half.
    Shared,
    /// The first operand.
    First,
}

/// Reverse mode over a straight program, into the program under construction.
pub(super) struct Sweep<'a> {
    pub forward: &'a Straight,
    pub out: &'a mut Emitter,
    /// What each expression of the forward program became.
    pub map: &'a [Option<ExprId>],
    /// The expressions whose adjoint is wanted.
    pub active: &'a [bool],
    pub ties: Ties,
    /// The expressions that depend on a float input, wanted or not.
    varies: Vec<bool>,
    pending: Vec<Vec<Contribution>>,
    /// Adjoints of further results, by the expression that has them.
    parts: HashMap<(ExprId, usize), Adjoint>,
    /// Quotients that the forward program computes, by numerator and denominator.
    quotients: HashMap<(ExprId, ExprId), ExprId>,
}

impl<'a> Sweep<'a> {
    pub fn new(
        forward: &'a Straight,
        out: &'a mut Emitter,
        map: &'a [Option<ExprId>],
        active: &'a [bool],
        ties: Ties,
    ) -> Self {
        let mut quotients = HashMap::default();
        let mut varies = vec![false; forward.program.exprs.len()];
        for &id in &forward.order {
            let expr = forward.program.expr(id);
            let mut found = matches!(expr.kind, ExprKind::Load { .. });
            expr.kind.operands(|of| {
                found |= varies[of.index()] || forward.program.expr(of).kind == ExprKind::Argument;
            });
            varies[id.index()] = found && expr.ty.dtype.is_float();
            if let ExprKind::Binary(BinaryOp::Div, a, b) = forward.program.expr(id).kind
                && let (Some(a), Some(b), Some(q)) =
                    (map[a.index()], map[b.index()], map[id.index()])
            {
                quotients.insert((a, b), q);
            }
        }
        let pending = vec![Vec::new(); forward.program.exprs.len()];
        let parts = HashMap::default();
        Sweep { forward, out, map, active, ties, varies, pending, parts, quotients }
    }

    /// True for what depends on a float input, whether its gradient is wanted or not.
    pub fn differentiable(&self, id: ExprId) -> bool {
        self.varies[id.index()] || self.forward.program.expr(id).kind == ExprKind::Argument
    }

    /// The type that adjoints of a value of `dtype` have.
    pub fn dtype(dtype: DType) -> DType {
        if dtype == DType::F64 { DType::F64 } else { DType::F32 }
    }

    /// The recomputed value of a forward expression, in the type of its adjoint.
    pub fn value(&mut self, id: ExprId) -> ExprId {
        let value = self.recomputed(id);
        let dtype = self.out.ty(value).dtype;
        match dtype.is_float() {
            true => self.out.cast(value, Self::dtype(dtype)),
            false => value,
        }
    }

    /// The recomputed value of a forward expression, as it is.
    pub fn recomputed(&mut self, id: ExprId) -> ExprId {
        match self.map[id.index()] {
            Some(value) => value,
            None => {
                self.out.fail(format!("%{} of the forward program was not recomputed", id.0));
                self.out.index(0)
            }
        }
    }

    /// The shape of a forward expression.
    pub fn shape(&self, id: ExprId) -> Shape {
        self.forward.program.expr(id).ty.shape.clone()
    }

    /// Adds to the adjoint of `to`. `adjoint` belongs to a value of shape `from`, to which `to` was broadcast.
    pub fn send(&mut self, to: ExprId, adjoint: Adjoint, from: &[Extent]) {
        if !self.active[to.index()] {
            return;
        }
        let target = self.shape(to);
        let adjoint = self.unbroadcast(adjoint, from, &target);
        self.pending[to.index()].push(Contribution::Whole(adjoint));
    }

    /// As [`Sweep::send`], of the negative, which is taken after what can be summed is summed.
    pub fn send_negative(&mut self, to: ExprId, adjoint: Adjoint, from: &[Extent]) {
        if !self.active[to.index()] {
            return;
        }
        let target = self.shape(to);
        let adjoint = self.unbroadcast(adjoint, from, &target);
        let value = self.out.neg(adjoint.value);
        self.pending[to.index()].push(Contribution::Whole(Adjoint { value, ..adjoint }));
    }

    /// `adjoint * factor`, one multiplication with a factor that it already has.
    pub fn scale(&mut self, adjoint: Adjoint, factor: f64) -> Adjoint {
        let (mut value, mut factor) = (adjoint.value, factor);
        if let Some((a, b)) = self.out.operands_of(BinaryOp::Mul, value)
            && let Some(known) = self.out.splat(b)
        {
            (value, factor) = (a, factor * known);
        }
        Adjoint { value: self.out.scale(value, factor), ..adjoint }
    }

    /// As [`Sweep::send`], for a plain adjoint.
    pub fn send_value(&mut self, to: ExprId, value: ExprId, from: &[Extent]) {
        self.send(to, Adjoint::of(value), from);
    }

    /// Adds to the adjoint of some positions of `to` along `axis`.
    pub fn send_slice(
        &mut self,
        to: ExprId,
        axis: usize,
        start: Extent,
        len: Extent,
        value: ExprId,
    ) {
        if self.active[to.index()] {
            self.pending[to.index()].push(Contribution::Slice { axis, start, len, value });
        }
    }

    /// `adjoint` as one expression.
    pub fn plain(&mut self, adjoint: Adjoint) -> ExprId {
        let value = self.quotient(adjoint);
        match adjoint.mask {
            Some(Mask { allows, applied: false }) => self.out.keep_where(allows, value),
            _ => value,
        }
    }

    /// As [`Sweep::plain`], before the mask.
    fn quotient(&mut self, adjoint: Adjoint) -> ExprId {
        match adjoint.over {
            Some(over) => self.out.div(adjoint.value, over),
            None => adjoint.value,
        }
    }

    /// `adjoint * factor`, using the quotient of `factor` and the adjoint's denominator where the forward program
    /// has it.
    pub fn times(&mut self, adjoint: Adjoint, factor: ExprId) -> Adjoint {
        let value = match adjoint.over.and_then(|over| self.quotients.get(&(factor, over))) {
            Some(&quotient) => self.out.mul(adjoint.value, quotient),
            None => {
                let value = self.quotient(adjoint);
                self.out.mul(value, factor)
            }
        };
        Adjoint { over: None, ..adjoint.with(value) }
    }

    /// `adjoint / over`.
    pub fn divided(&mut self, adjoint: Adjoint, over: ExprId) -> Adjoint {
        let value = self.quotient(adjoint);
        Adjoint { over: Some(over), ..adjoint.with(value) }
    }

    /// `adjoint` where the condition holds, nothing elsewhere.
    pub fn kept(&mut self, adjoint: Adjoint, condition: ExprId) -> Adjoint {
        let allows = match adjoint.mask {
            Some(mask) => self.out.binary(BinaryOp::And, mask.allows, condition),
            None => condition,
        };
        Adjoint { mask: Some(Mask { allows, applied: false }), ..adjoint }
    }

    /// `adjoint` where the condition does not hold, nothing elsewhere.
    pub fn dropped(&mut self, adjoint: Adjoint, condition: ExprId) -> Adjoint {
        let condition = self.out.unary(UnaryOp::Not, condition);
        self.kept(adjoint, condition)
    }

    /// An adjoint of shape `shape` whose elements `movement` puts elsewhere: its value and its mask.
    pub fn moved(
        &mut self,
        adjoint: Adjoint,
        shape: &[Extent],
        movement: impl Fn(&mut Emitter, ExprId) -> ExprId,
    ) -> Adjoint {
        let put = |sweep: &mut Self, tile: ExprId| {
            let tile = sweep.full(tile, shape);
            movement(sweep.out, tile)
        };
        let value = self.quotient(adjoint);
        let value = put(self, value);
        let mask = adjoint.mask.map(|mask| Mask { allows: put(self, mask.allows), ..mask });
        Adjoint { value, over: None, mask }
    }

    /// An expression as a tile of the full shape of the value it belongs to.
    pub fn full(&mut self, value: ExprId, shape: &[Extent]) -> ExprId {
        self.out.broadcast(value, shape)
    }

    /// Sums an adjoint over the axes along which its value, of shape `from`, repeats one of shape `to`.
    fn unbroadcast(&mut self, adjoint: Adjoint, from: &[Extent], to: &[Extent]) -> Adjoint {
        let extent = |shape: &[Extent], axis: usize| {
            (axis + shape.len()).checked_sub(from.len()).map_or(Extent::Const(1), |i| shape[i])
        };
        let repeated: Vec<usize> =
            (0..from.len()).filter(|&axis| extent(to, axis) != from[axis]).collect();
        let Adjoint { mut value, mut over, mut mask } = adjoint;
        // A denominator or a mask that varies along a summed axis belongs inside the sum.
        let varies = |out: &Emitter, id: ExprId| {
            repeated.iter().any(|&axis| extent(out.shape(id), axis) != Extent::Const(1))
        };
        if over.is_some_and(|id| varies(self.out, id)) {
            (value, over) = (self.quotient(adjoint), None);
        }
        if let Some(Mask { allows, applied }) = mask
            && varies(self.out, allows)
        {
            mask = None;
            if !applied {
                value = self.out.keep_where(allows, value);
            }
        }
        for axis in repeated {
            let held = extent(self.out.shape(value), axis);
            if held == from[axis] {
                let inner = axis + self.out.shape(value).len() - from.len();
                value = self.out.reduce(ReduceOp::Sum, value, inner);
            } else {
                // The same along the axis: the sum is a multiple.
                let count = self.out.size(from[axis]);
                let count = self.out.cast(count, self.out.ty(value).dtype);
                value = self.out.mul(value, count);
            }
        }
        let mut fit = |id: ExprId| {
            let shape = self.out.shape(id);
            let surplus = shape.len().saturating_sub(to.len());
            let shape = shape[surplus..].to_vec();
            self.out.reshape(id, shape)
        };
        let mask = mask.map(|mask| Mask { allows: fit(mask.allows), ..mask });
        Adjoint { value: fit(value), over: over.map(&mut fit), mask }
    }

    /// The adjoint of a value once everything after it has contributed; `None` when nothing has.
    pub fn take(&mut self, id: ExprId) -> Option<Adjoint> {
        let contributions = std::mem::take(&mut self.pending[id.index()]);
        let mut sums: Vec<Adjoint> = Vec::new();
        let mut slices = Vec::new();
        for contribution in contributions {
            match contribution {
                Contribution::Whole(adjoint) => {
                    let alike = |sum: &&mut Adjoint| {
                        sum.over == adjoint.over && sum.allows() == adjoint.allows()
                    };
                    match sums.iter_mut().find(alike) {
                        Some(sum) => *sum = sum.with(self.out.add(sum.value, adjoint.value)),
                        None => sums.push(adjoint),
                    }
                }
                Contribution::Slice { axis, start, len, value } => {
                    slices.push((axis, start, len, value));
                }
            }
        }
        while let Some(&(axis, ..)) = slices.first() {
            let (along, rest) = slices.into_iter().partition(|&(a, ..)| a == axis);
            slices = rest;
            let value = self.assemble(id, axis, along);
            sums.push(Adjoint::of(value));
        }
        let total = match sums[..] {
            // Only further results have adjoints: the first has a zero one.
            [] if self.has_parts(id) => {
                let dtype = Self::dtype(self.dtype_of(id));
                return Some(Adjoint::of(self.out.constant(dtype, 0.0)));
            }
            [] => return None,
            [one] => one,
            [first, ..] => self.joined(first, &sums[1..]),
        };
        if let Some(name) = &self.forward.program.expr(id).name {
            self.out.name(total.value, format!("d_{name}"));
        }
        Some(total)
    }

    /// The sum of `first` and `others`, which may differ in denominator and mask.
    fn joined(&mut self, first: Adjoint, others: &[Adjoint]) -> Adjoint {
        let one_mask = others.iter().all(|other| other.allows() == first.allows());
        let part = |sweep: &mut Self, adjoint| match one_mask {
            true => sweep.quotient(adjoint),
            false => sweep.plain(adjoint),
        };
        let mut value = part(self, first);
        for &other in others {
            let term = part(self, other);
            value = self.out.add(value, term);
        }
        if one_mask {
            return Adjoint { over: None, ..first.with(value) };
        }
        let mut allows = first.allows();
        for other in others {
            allows = match (allows, other.allows()) {
                (Some(a), Some(b)) => self.either(a, b),
                _ => None,
            };
        }
        let mask = allows.map(|allows| Mask { allows, applied: true });
        Adjoint { value, over: None, mask }
    }

    /// Where one of two masks lets something through; `None` where that is everywhere.
    fn either(&mut self, a: ExprId, b: ExprId) -> Option<ExprId> {
        let negated = |of, mask| self.out.operand_of(UnaryOp::Not, mask) == Some(of);
        if negated(a, b) || negated(b, a) {
            return None;
        }
        Some(self.out.binary(BinaryOp::Or, a, b))
    }

    /// Keeps the adjoint of result `part` of `of` until `of` is reached.
    pub fn keep_part(&mut self, of: ExprId, part: usize, adjoint: Adjoint) {
        self.parts.insert((of, part), adjoint);
    }

    /// The adjoints of the `count` results of `id`, of which `first` is the first.
    pub fn take_parts(
        &mut self,
        id: ExprId,
        count: usize,
        first: Option<Adjoint>,
    ) -> Vec<Option<Adjoint>> {
        let rest = (1..count).map(|part| self.parts.remove(&(id, part)));
        std::iter::once(first).chain(rest).collect()
    }

    /// True when a further result of `id` has an adjoint.
    pub fn has_parts(&self, id: ExprId) -> bool {
        self.parts.keys().any(|(of, _)| *of == id)
    }

    /// A tile of the shape of `id` from values for some of its positions along `axis`, zero elsewhere.
    fn assemble(
        &mut self,
        id: ExprId,
        axis: usize,
        slices: Vec<(usize, Extent, Extent, ExprId)>,
    ) -> ExprId {
        let shape = self.shape(id);
        let mut parts: Vec<(Extent, Extent, ExprId)> = Vec::new();
        for (_, start, len, value) in slices {
            match parts.iter_mut().find(|(s, l, _)| *s == start && *l == len) {
                Some((_, _, sum)) => *sum = self.out.add(*sum, value),
                None => parts.push((start, len, value)),
            }
        }
        // Parts that follow on each other make one tile; what is left over starts another.
        let mut total: Option<ExprId> = None;
        while !parts.is_empty() {
            let mut row = Vec::new();
            let mut end = Extent::Const(0);
            while end != shape[axis] {
                let next = parts.iter().position(|(start, ..)| *start == end);
                let (len, value) = match next {
                    Some(i) => {
                        let (_, len, value) = parts.swap_remove(i);
                        (Some(len), Some(value))
                    }
                    None => (self.gap(end, shape[axis], &parts), None),
                };
                let Some((len, after)) = len.and_then(|l| Some((l, extent::add(end, l)?))) else {
                    let what = "slices whose sizes are multiples of different sizes";
                    self.out.fail(format!("{what} cannot be joined to one gradient"));
                    return self.recomputed(id);
                };
                let mut part = shape.clone();
                part[axis] = len;
                let value = match value {
                    Some(value) => value,
                    None => self.out.constant(Self::dtype(self.dtype_of(id)), 0.0),
                };
                row.push(self.out.broadcast(value, &part));
                end = after;
            }
            let tile = match row[..] {
                [one] => one,
                _ => self.out.emit(ExprKind::Concat(row, axis), None),
            };
            total = Some(match total {
                Some(sum) => self.out.add(sum, tile),
                None => tile,
            });
        }
        total.unwrap_or_else(|| self.recomputed(id))
    }

    /// The distance from `end` to the nearest part that starts after it, or to the end of the axis.
    fn gap(&self, end: Extent, axis: Extent, parts: &[(Extent, Extent, ExprId)]) -> Option<Extent> {
        let starts = parts.iter().map(|(start, ..)| *start).chain([axis]);
        let gaps = starts.filter_map(|start| extent::subtract(start, end));
        gaps.filter(|gap| *gap != Extent::Const(0)).min_by_key(|gap| match gap {
            Extent::Const(n) => *n,
            Extent::Dim { times, .. } => *times,
        })
    }

    pub fn dtype_of(&self, id: ExprId) -> DType {
        self.forward.program.expr(id).ty.dtype
    }
}
