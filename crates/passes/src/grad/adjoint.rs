//! Adjoints in the making: what each value of the forward program owes to the stores after it.
//!
//! An adjoint may have a smaller shape than its value (then it is the same along the axes it lacks), which keeps
//! the gradient of a row reduction a scalar. It may also be kept as a quotient `value / over` until it is used:
//! the quotient rule divides two terms by the same denominator, and waiting lets `g / s - Σ g y / s`, times the
//! numerator `e`, become `y (g - Σ g y)`, as one would write the gradient of softmax by hand.

use super::straight::Straight;
use crate::emit::Emitter;
use crate::extent;
use tilewright_ir::table::HashMap;
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, ReduceOp, Shape};

/// A (partial) adjoint: `value`, or `value / over`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adjoint {
    pub value: ExprId,
    pub over: Option<ExprId>,
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

/// Reverse mode over a straight program, into the program under construction.
pub(super) struct Sweep<'a> {
    pub forward: &'a Straight,
    pub out: &'a mut Emitter,
    /// What each expression of the forward program became.
    pub map: &'a [Option<ExprId>],
    /// The expressions whose adjoint is wanted.
    pub active: &'a [bool],
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
    ) -> Self {
        let mut quotients = HashMap::default();
        for &id in &forward.order {
            if let ExprKind::Binary(BinaryOp::Div, a, b) = forward.program.expr(id).kind
                && let (Some(a), Some(b), Some(q)) =
                    (map[a.index()], map[b.index()], map[id.index()])
            {
                quotients.insert((a, b), q);
            }
        }
        let pending = vec![Vec::new(); forward.program.exprs.len()];
        Sweep { forward, out, map, active, pending, parts: HashMap::default(), quotients }
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
        let Adjoint { value, over } = self.unbroadcast(adjoint, from, &target);
        let value = self.out.neg(value);
        self.pending[to.index()].push(Contribution::Whole(Adjoint { value, over }));
    }

    /// `adjoint * factor`, one multiplication with a factor that it already has.
    pub fn scale(&mut self, adjoint: Adjoint, factor: f64) -> Adjoint {
        let (mut value, mut factor) = (adjoint.value, factor);
        if let Some((a, b)) = self.out.operands_of(BinaryOp::Mul, value)
            && let Some(known) = self.out.splat(b)
        {
            (value, factor) = (a, factor * known);
        }
        Adjoint { value: self.out.scale(value, factor), over: adjoint.over }
    }

    /// As [`Sweep::send`], for a plain adjoint.
    pub fn send_value(&mut self, to: ExprId, value: ExprId, from: &[Extent]) {
        self.send(to, Adjoint { value, over: None }, from);
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
        match adjoint.over {
            Some(over) => self.out.div(adjoint.value, over),
            None => adjoint.value,
        }
    }

    /// `adjoint * factor`, using the quotient of `factor` and the adjoint's denominator where the forward program
    /// has it.
    pub fn times(&mut self, adjoint: Adjoint, factor: ExprId) -> ExprId {
        if let Some(over) = adjoint.over
            && let Some(&quotient) = self.quotients.get(&(factor, over))
        {
            return self.out.mul(adjoint.value, quotient);
        }
        let plain = self.plain(adjoint);
        self.out.mul(plain, factor)
    }

    /// An expression as a tile of the full shape of the value it belongs to.
    pub fn full(&mut self, value: ExprId, shape: &[Extent]) -> ExprId {
        self.out.broadcast(value, shape)
    }

    /// An expression with axes of extent 1 put in front until it has `rank` axes.
    pub fn ranked(&mut self, value: ExprId, rank: usize) -> ExprId {
        let shape = self.out.shape(value);
        if shape.len() >= rank {
            return value;
        }
        let missing = vec![Extent::Const(1); rank - shape.len()];
        let shape = missing.into_iter().chain(shape.iter().copied()).collect();
        self.out.reshape(value, shape)
    }

    /// Sums an adjoint over the axes along which its value, of shape `from`, repeats one of shape `to`.
    fn unbroadcast(&mut self, adjoint: Adjoint, from: &[Extent], to: &[Extent]) -> Adjoint {
        let extent = |shape: &[Extent], axis: usize| {
            (axis + shape.len()).checked_sub(from.len()).map_or(Extent::Const(1), |i| shape[i])
        };
        let repeated: Vec<usize> =
            (0..from.len()).filter(|&axis| extent(to, axis) != from[axis]).collect();
        let (mut value, mut over) = (adjoint.value, adjoint.over);
        // A denominator that varies along a summed axis belongs inside the sum.
        let varies = |out: &Emitter, id: ExprId| {
            repeated.iter().any(|&axis| extent(out.shape(id), axis) != Extent::Const(1))
        };
        if over.is_some_and(|id| varies(self.out, id)) {
            (value, over) = (self.plain(adjoint), None);
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
        Adjoint { value: fit(value), over: over.map(&mut fit) }
    }

    /// The adjoint of a value once everything after it has contributed; `None` when nothing has.
    pub fn take(&mut self, id: ExprId) -> Option<Adjoint> {
        let contributions = std::mem::take(&mut self.pending[id.index()]);
        let mut sums: Vec<Adjoint> = Vec::new();
        let mut slices = Vec::new();
        for contribution in contributions {
            match contribution {
                Contribution::Whole(adjoint) => {
                    match sums.iter_mut().find(|sum| sum.over == adjoint.over) {
                        Some(sum) => sum.value = self.out.add(sum.value, adjoint.value),
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
            sums.push(Adjoint { value, over: None });
        }
        let total = match sums[..] {
            // Only further results have adjoints: the first has a zero one.
            [] if self.has_parts(id) => {
                let dtype = Self::dtype(self.dtype_of(id));
                return Some(Adjoint { value: self.out.constant(dtype, 0.0), over: None });
            }
            [] => return None,
            [one] => one,
            _ => {
                let mut values = sums.into_iter().map(|sum| self.plain(sum)).collect::<Vec<_>>();
                let first = values.remove(0);
                let value = values.into_iter().fold(first, |sum, value| self.out.add(sum, value));
                Adjoint { value, over: None }
            }
        };
        if let Some(name) = &self.forward.program.expr(id).name {
            self.out.name(total.value, format!("d_{name}"));
        }
        Some(total)
    }

    /// Keeps the adjoint of result `part` of `of` until `of` is reached.
    pub fn keep_part(&mut self, of: ExprId, part: usize, adjoint: Adjoint) -> Result<(), String> {
        if let ExprKind::ScanBy { .. } = self.forward.program.expr(of).kind {
            return Err("a user-defined scan of several components".into());
        }
        self.parts.insert((of, part), adjoint);
        Ok(())
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
