//! Which programs are a product and nothing else.
//!
//! They come in two forms: a program for each block of the result, which adds up products of tiles round a loop; and a
//! program for each element, which sums one row. The second may choose the weight by an index in memory.

use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, ParamId, ParamKind, Place, Program,
    ReduceOp, Stmt, StoreMode, VarId,
};

/// `y[i, j] = Σ_l x[i, l] w[l, j]`, rounded once; with indices, `y[t, k, j] = Σ_l x[t, l] w[indices[t, k], l, j]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// `[rows, depth]`
    pub x: ParamId,
    /// The other factor.
    pub weight: Weight,
    /// `[rows, slots]`, u32.
    pub indices: Option<ParamId>,
    /// `[rows, columns]`, or `[rows, slots, columns]`.
    pub y: ParamId,
    /// Rows of x.
    pub rows: Extent,
    /// Terms of each sum.
    pub depth: Extent,
    /// Columns of y.
    pub columns: Extent,
    /// A program an element: each reads all of its weights.
    pub by_element: bool,
}

/// The factor that is not x, with leading axis of experts where there are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Floats, `[depth, columns]`, or `[columns, depth]` where they are turned.
    Floats { w: ParamId, turned: bool },
    /// `[columns, ..]` packed words, scales, biases.
    Affine { w: ParamId, scales: ParamId, biases: ParamId, bits: u32, group: usize },
}

/// The product that `program` is, if it is one.
pub fn product(program: &Program) -> Option<Product> {
    let of = Match { program };
    of.blocked().or_else(|| of.element())
}

#[derive(Clone, Copy)]
struct Match<'a> {
    program: &'a Program,
}

/// Where a tile begins along an axis, and how long it is.
#[derive(Clone, Copy)]
enum Side {
    /// At this program's index times the block of that grid axis.
    Block { axis: usize, len: usize },
    /// At the index of the loop times `times`.
    Loop { index: ExprId, times: usize, len: usize },
}

/// Affine weights and the places that they come from.
struct Affine<'a> {
    w: &'a Place,
    scales: &'a Place,
    biases: &'a Place,
    bits: u32,
    group: usize,
    groups: Extent,
}

impl<'a> Match<'a> {
    fn kind(self, id: ExprId) -> &'a ExprKind {
        &self.program.expr(id).kind
    }

    fn shape(self, id: ExprId) -> &'a [Extent] {
        &self.program.expr(id).ty.shape
    }

    fn constant(self, id: ExprId) -> Option<f64> {
        match self.kind(id) {
            ExprKind::Const(Literal::Int(n)) => Some(*n as f64),
            ExprKind::Const(Literal::Float(x)) => Some(*x),
            ExprKind::Broadcast(of) => self.constant(*of),
            _ => None,
        }
    }

    fn tensor(self, param: ParamId) -> Option<(DType, &'a [Extent])> {
        match &self.program.param(param).kind {
            ParamKind::Tensor { dtype, shape, .. } => Some((*dtype, shape)),
            ParamKind::Scalar { .. } => None,
        }
    }

    /// The expression under changes of shape.
    fn under_shapes(self, mut id: ExprId) -> ExprId {
        while let ExprKind::Reshape(of) | ExprKind::Broadcast(of) = *self.kind(id) {
            id = of;
        }
        id
    }

    /// A loaded tile of floats, widened or not, with zeros outside.
    fn floats(self, id: ExprId) -> Option<(&'a Place, ExprId)> {
        let (id, widened) = match *self.kind(id) {
            ExprKind::Cast(of) => (of, self.program.expr(id).ty.dtype == DType::F32),
            _ => (id, true),
        };
        let ExprKind::Load { place, fill } = self.kind(id) else { return None };
        let float = matches!(self.tensor(place.param)?.0, DType::F32 | DType::F16 | DType::BF16);
        (float && widened && fill.value() == 0.0).then_some((place, id))
    }

    fn affine(self, id: ExprId) -> Option<Affine<'a>> {
        let sum = self.under_shapes(id);
        let &[.., groups, Extent::Const(group)] = self.shape(sum) else { return None };
        let ExprKind::Binary(BinaryOp::Add, a, b) = *self.kind(sum) else { return None };
        let both = |product: ExprId, biases: ExprId| {
            let ExprKind::Binary(BinaryOp::Mul, a, b) = *self.kind(self.under_shapes(product))
            else {
                return None;
            };
            let both = |q: ExprId, scales: ExprId| {
                let ExprKind::Cast(q) = *self.kind(self.under_shapes(q)) else { return None };
                let ExprKind::Unpack { of, bits } = *self.kind(q) else { return None };
                let ExprKind::Load { place: w, .. } = self.kind(of) else { return None };
                let (scales, scale) = self.floats(self.under_shapes(scales))?;
                let (biases, bias) = self.floats(self.under_shapes(biases))?;
                // One number for each group of each column.
                let per_group = |id: ExprId| self.shape(id).last() == Some(&groups);
                let words = self.tensor(w.param)?.0 == DType::U32;
                (words && per_group(scale) && per_group(bias)).then_some(Affine {
                    w,
                    scales,
                    biases,
                    bits,
                    group,
                    groups,
                })
            };
            both(a, b).or_else(|| both(b, a))
        };
        let found = both(a, b).or_else(|| both(b, a))?;
        let known = matches!(found.bits, 2 | 3 | 4 | 5 | 6 | 8);
        (known && matches!(found.group, 32 | 64 | 128)).then_some(found)
    }

    /// The form with a program for each block.
    fn blocked(self) -> Option<Product> {
        let [row_axis, column_axis] = self.program.grid.as_slice() else { return None };
        let (mut variable, mut looped, mut stored) = (None, None, None);
        for statement in &self.program.body {
            match statement {
                Stmt::Let(id) => {
                    let memory = matches!(self.kind(*id), ExprKind::Load { .. });
                    (!memory && !matches!(self.kind(*id), ExprKind::Dot(..))).then_some(())?;
                }
                Stmt::Set(var, value) if variable.is_none() && looped.is_none() => {
                    (self.constant(*value)? == 0.0).then_some(())?;
                    variable = Some(*var);
                }
                Stmt::For { .. } if looped.is_none() && stored.is_none() => {
                    looped = Some(statement)
                }
                Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. }
                    if stored.is_none() && looped.is_some() =>
                {
                    stored = Some((place, *value));
                }
                _ => return None,
            }
        }
        let (sum, (y, value)) = (variable?, stored?);
        let Some(Stmt::For { index, start, end, step, body }) = looped else { return None };
        let ExprKind::Size(end) = *self.kind(*end) else { return None };
        (self.constant(*start)? == 0.0 && self.is_sum(value, sum)).then_some(())?;
        let (x, weights) = self.sum_of_dots(body, sum)?;
        let (x, _) = self.floats(x)?;
        let row = Side::Block { axis: 0, len: row_axis.block };
        let column = Side::Block { axis: 1, len: column_axis.block };
        let along = |times: usize| Side::Loop { index: *index, times, len: *step * times };
        self.lies(y, [row, column])?;
        let found = |weight, depth, x: &Place| Product {
            x: x.param,
            weight,
            indices: None,
            y: y.param,
            rows: row_axis.extent,
            depth,
            columns: column_axis.extent,
            by_element: false,
        };
        if let Some((w, turned)) = self.block(weights) {
            self.lies(x, [row, along(1)])?;
            self.lies(w, if turned { [column, along(1)] } else { [along(1), column] })?;
            let weight = Weight::Floats { w: w.param, turned };
            return self.fits(found(weight, end, x));
        }
        let ExprKind::Transpose(affine, order) = self.kind(weights) else { return None };
        (order.as_slice() == [1, 0]).then_some(())?;
        let affine = self.affine(*affine)?;
        self.lies(x, [row, along(affine.group)])?;
        self.lies(affine.w, [column, along(affine.bits as usize * affine.group / 32)])?;
        self.lies(affine.scales, [column, along(1)])?;
        self.lies(affine.biases, [column, along(1)])?;
        self.fits(found(affine.weight(), times(end, affine.group)?, x))
    }

    /// The operands of the dot that the body of the loop adds to `sum`, if it does nothing else.
    fn sum_of_dots(self, body: &[Stmt], sum: VarId) -> Option<(ExprId, ExprId)> {
        let mut dot = None;
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(var, value) if *var == sum && dot.is_none() => {
                    let ExprKind::Binary(BinaryOp::Add, a, b) = *self.kind(*value) else {
                        return None;
                    };
                    dot = match (self.kind(a), self.kind(b)) {
                        (ExprKind::Get(var), ExprKind::Dot(x, y))
                        | (ExprKind::Dot(x, y), ExprKind::Get(var))
                            if *var == sum =>
                        {
                            Some((*x, *y))
                        }
                        _ => return None,
                    };
                }
                _ => return None,
            }
        }
        dot
    }

    /// The place of a block of floats, and whether it was transposed.
    fn block(self, id: ExprId) -> Option<(&'a Place, bool)> {
        match self.kind(id) {
            ExprKind::Transpose(of, order) if order.as_slice() == [1, 0] => {
                Some((self.floats(*of)?.0, true))
            }
            _ => Some((self.floats(id)?.0, false)),
        }
    }

    fn lies(self, place: &Place, sides: [Side; 2]) -> Option<()> {
        let [a, b] = place.axes.as_slice() else { return None };
        (self.begins(a, sides[0]) && self.begins(b, sides[1])).then_some(())
    }

    fn begins(self, axis: &Axis, side: Side) -> bool {
        let Axis::Range { start, len: Extent::Const(len), step: 1 } = *axis else { return false };
        let product = |is: &dyn Fn(ExprId) -> bool, times: usize| match *self.kind(start) {
            ExprKind::Binary(BinaryOp::Mul, a, b) => {
                let of = |a, b| is(a) && self.constant(b) == Some(times as f64);
                of(a, b) || of(b, a)
            }
            _ => false,
        };
        match side {
            Side::Loop { index, times, len: round } => {
                let is = |id| id == index;
                len == round && (times == 1 && start == index || product(&is, times))
            }
            Side::Block { axis, len: block } => {
                let is = |id| *self.kind(id) == ExprKind::Program(axis);
                len == block && (block == 1 && is(start) || product(&is, block))
            }
        }
    }

    /// True for the variable's last value, rounded or not.
    fn is_sum(self, id: ExprId, sum: VarId) -> bool {
        match *self.kind(id) {
            ExprKind::Cast(of) => matches!(*self.kind(of), ExprKind::Get(var) if var == sum),
            ExprKind::Get(var) => var == sum,
            _ => false,
        }
    }

    /// The form with a program for each element.
    fn element(self) -> Option<Product> {
        let grid = self.program.grid.as_slice();
        let (column_axis, others) = grid.split_last()?;
        if grid.iter().any(|axis| axis.block != 1) || !matches!(others.len(), 1 | 2) {
            return None;
        }
        let mut stored = None;
        for statement in &self.program.body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. }
                    if stored.is_none() =>
                {
                    stored = Some((place, *value));
                }
                _ => return None,
            }
        }
        let (y, value) = stored?;
        let mut sum = self.under_shapes(value);
        if let ExprKind::Cast(of) = *self.kind(sum) {
            sum = self.under_shapes(of);
        }
        let ExprKind::Reduce(ReduceOp::Sum, of, 0) = *self.kind(sum) else { return None };
        let ExprKind::Binary(BinaryOp::Mul, a, b) = *self.kind(of) else { return None };
        let both = |x: ExprId, weights: ExprId| Some((self.floats(x)?.0, self.affine(weights)?));
        let (x, affine) = both(a, b).or_else(|| both(b, a))?;
        let column = grid.len() - 1;
        let numbers: Vec<Option<usize>> = y.axes.iter().map(|axis| self.program_of(axis)).collect();
        let in_order = numbers.iter().enumerate().all(|(k, number)| *number == Some(k));
        let [row, Axis::All] = x.axes.as_slice() else { return None };
        let rows = in_order && numbers.len() == grid.len() && self.program_of(row) == Some(0);
        let places = [affine.w, affine.scales, affine.biases];
        let mut indices = None;
        for (number, place) in places.into_iter().enumerate() {
            let (expert, of_column) = match place.axes.as_slice() {
                [column, Axis::All] if others.len() == 1 => (None, column),
                [Axis::At(expert), column, Axis::All] if others.len() == 2 => {
                    (Some(self.index(*expert)?), column)
                }
                _ => return None,
            };
            if self.program_of(of_column) != Some(column) || number > 0 && expert != indices {
                return None;
            }
            indices = expert;
        }
        let found = Product {
            x: x.param,
            weight: affine.weight(),
            indices,
            y: y.param,
            rows: others[0].extent,
            depth: times(affine.groups, affine.group)?,
            columns: column_axis.extent,
            by_element: true,
        };
        rows.then_some(found).and_then(|found| self.fits(found))
    }

    /// The grid axis whose index an axis is.
    fn program_of(self, axis: &Axis) -> Option<usize> {
        match axis {
            Axis::At(id) => match self.kind(*id) {
                ExprKind::Program(axis) => Some(*axis),
                _ => None,
            },
            _ => None,
        }
    }

    /// The tensor whose element at the first two grid axes an index is.
    fn index(self, id: ExprId) -> Option<ParamId> {
        let ExprKind::Cast(of) = *self.kind(self.under_shapes(id)) else { return None };
        let ExprKind::Load { place, .. } = self.kind(self.under_shapes(of)) else { return None };
        let [a, b] = place.axes.as_slice() else { return None };
        let both = self.program_of(a) == Some(0) && self.program_of(b) == Some(1);
        (both && self.tensor(place.param)?.0 == DType::U32).then_some(place.param)
    }

    /// `found`, if its tensors are as long as they should be and there are no others.
    fn fits(self, found: Product) -> Option<Product> {
        let Product { rows, depth, columns, .. } = found;
        let shape = |param: ParamId| Some(self.tensor(param)?.1);
        let slots = found.indices.and_then(shape);
        let y = match slots {
            None => vec![rows, columns],
            Some([_, slots]) => vec![rows, *slots, columns],
            Some(_) => return None,
        };
        let mut params = 2 + usize::from(slots.is_some());
        let weights = match found.weight {
            Weight::Floats { w, turned } => {
                params += 1;
                let both = if turned { [columns, depth] } else { [depth, columns] };
                shape(w)? == both
            }
            Weight::Affine { w, scales, biases, bits, group } => {
                params += 3;
                let groups = shape(scales)?.last().copied()?;
                let words = times(groups, bits as usize * group / 32)?;
                let ends = |param: ParamId, last: Extent| {
                    shape(param).is_some_and(|shape| shape.ends_with(&[columns, last]))
                };
                let alike = self.tensor(scales)?.0 == self.tensor(biases)?.0;
                let long = depth == times(groups, group)?;
                alike && long && ends(w, words) && ends(scales, groups) && ends(biases, groups)
            }
        };
        let float = matches!(self.tensor(found.y)?.0, DType::F32 | DType::F16 | DType::BF16);
        let fits = shape(found.x)? == [rows, depth] && shape(found.y)? == y && float && weights;
        (fits && params == self.program.params.len()).then_some(found)
    }
}

impl Affine<'_> {
    fn weight(&self) -> Weight {
        Weight::Affine {
            w: self.w.param,
            scales: self.scales.param,
            biases: self.biases.param,
            bits: self.bits,
            group: self.group,
        }
    }
}

/// `factor` times an extent; `None` past all numbers.
fn times(extent: Extent, factor: usize) -> Option<Extent> {
    Some(match extent {
        Extent::Const(n) => Extent::Const(n.checked_mul(factor)?),
        Extent::Dim { dim, times } => Extent::Dim { dim, times: times.checked_mul(factor)? },
    })
}
