//! Which programs are a product and nothing else.
//!
//! They come in two forms: a program for each block of the result, which adds up products of tiles round a loop; and a
//! program for each element, which sums one row. The second may choose the weight by an index in memory.

use tilewright_ir::recognize::{AffineWeights, BlockedProduct, Side};
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, ParamId, Place, Program, ReduceOp, Stmt,
    StoreMode,
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
pub(super) struct Match<'a> {
    pub program: &'a Program,
}

/// Affine weights and the places that their floats come from.
struct Affine<'a> {
    found: AffineWeights<'a>,
    scales: &'a Place,
    biases: &'a Place,
}

impl<'a> Match<'a> {
    pub fn kind(self, id: ExprId) -> &'a ExprKind {
        &self.program.expr(id).kind
    }

    fn shape(self, id: ExprId) -> &'a [Extent] {
        &self.program.expr(id).ty.shape
    }

    /// A loaded tile of floats, widened or not, with zeros outside.
    fn floats(self, id: ExprId) -> Option<(&'a Place, ExprId)> {
        let (id, widened) = match *self.kind(id) {
            ExprKind::Cast(of) => (of, self.program.expr(id).ty.dtype == DType::F32),
            _ => (id, true),
        };
        let ExprKind::Load { place, fill } = self.kind(id) else { return None };
        let float =
            matches!(self.program.tensor(place.param)?.0, DType::F32 | DType::F16 | DType::BF16);
        (float && widened && fill.value() == 0.0).then_some((place, id))
    }

    /// Affine weights in memory, with one scale and bias for each group of each column.
    fn affine(self, id: ExprId) -> Option<Affine<'a>> {
        let found = AffineWeights::of(self.program, id)?;
        let per_group = |id: ExprId| {
            let (place, load) = self.floats(self.program.under_shapes(id))?;
            (self.shape(load).last() == Some(&found.groups)).then_some(place)
        };
        let (scales, biases) = (per_group(found.scales)?, per_group(found.biases)?);
        Some(Affine { found, scales, biases })
    }

    /// The form with a program for each block.
    fn blocked(self) -> Option<Product> {
        let blocked = BlockedProduct::of(self.program)?;
        let (x, _) = self.floats(blocked.left)?;
        let lies = |place, sides| blocked.lies(place, sides).then_some(());
        let found = |weight, depth| Product {
            x: x.param,
            weight,
            indices: None,
            y: blocked.out.param,
            rows: blocked.rows.extent,
            depth,
            columns: blocked.columns.extent,
            by_element: false,
        };
        let along = Side::Loop;
        if let Some((w, turned)) = self.block(blocked.right) {
            lies(x, [Side::Rows, along(1)])?;
            lies(w, if turned { [Side::Columns, along(1)] } else { [along(1), Side::Columns] })?;
            let weight = Weight::Floats { w: w.param, turned };
            return self.fits(found(weight, blocked.end));
        }
        let ExprKind::Transpose(affine, order) = self.kind(blocked.right) else { return None };
        (order.as_slice() == [1, 0]).then_some(())?;
        let affine = self.affine(*affine)?;
        let AffineWeights { words, bits, group, .. } = affine.found;
        lies(x, [Side::Rows, along(group)])?;
        lies(words, [Side::Columns, along(bits as usize * group / 32)])?;
        lies(affine.scales, [Side::Columns, along(1)])?;
        lies(affine.biases, [Side::Columns, along(1)])?;
        self.fits(found(affine.weight(), times(blocked.end, group)?))
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

    /// The form with a program for each element.
    fn element(self) -> Option<Product> {
        let (y, value) = self.stored()?;
        let mut sum = self.program.under_shapes(value);
        if let ExprKind::Cast(of) = *self.kind(sum) {
            sum = self.program.under_shapes(of);
        }
        self.fits(self.row_sum(y, sum)?)
    }

    /// A sum that is the element of `y` of a program, if it is that of a product.
    pub fn row_sum(self, y: &Place, sum: ExprId) -> Option<Product> {
        let grid = self.program.grid.as_slice();
        let (column_axis, others) = grid.split_last()?;
        let ExprKind::Reduce(ReduceOp::Sum, of, 0) = *self.kind(sum) else { return None };
        let ExprKind::Binary(BinaryOp::Mul, a, b) = *self.kind(of) else { return None };
        let both = |x: ExprId, weights: ExprId| Some((self.floats(x)?.0, self.affine(weights)?));
        let (x, affine) = both(a, b).or_else(|| both(b, a))?;
        let column = grid.len() - 1;
        let numbers: Vec<Option<usize>> = y.axes.iter().map(|axis| self.program_of(axis)).collect();
        let in_order = numbers.iter().enumerate().all(|(k, number)| *number == Some(k));
        let [row, Axis::All] = x.axes.as_slice() else { return None };
        let rows = in_order && numbers.len() == grid.len() && self.program_of(row) == Some(0);
        let places = [affine.found.words, affine.scales, affine.biases];
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
            depth: times(affine.found.groups, affine.found.group)?,
            columns: column_axis.extent,
            by_element: true,
        };
        rows.then_some(found)
    }

    /// What the only store of a program of single elements writes, and where.
    pub fn stored(self) -> Option<(&'a Place, ExprId)> {
        let grid = self.program.grid.as_slice();
        if grid.iter().any(|axis| axis.block != 1) || !matches!(grid.len(), 2 | 3) {
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
        stored
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
        let ExprKind::Cast(of) = *self.kind(self.program.under_shapes(id)) else { return None };
        let ExprKind::Load { place, .. } = self.kind(self.program.under_shapes(of)) else {
            return None;
        };
        let [a, b] = place.axes.as_slice() else { return None };
        let both = self.program_of(a) == Some(0) && self.program_of(b) == Some(1);
        (both && self.program.tensor(place.param)?.0 == DType::U32).then_some(place.param)
    }

    /// `found`, if its tensors are as long as they should be and there are no others.
    fn fits(self, found: Product) -> Option<Product> {
        (self.tensors(&found)? == self.program.params.len()).then_some(found)
    }

    /// How many tensors a product has, if they are as long as they should be.
    pub fn tensors(self, found: &Product) -> Option<usize> {
        let Product { rows, depth, columns, .. } = *found;
        let shape = |param: ParamId| Some(self.program.tensor(param)?.1);
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
                let alike = self.program.tensor(scales)?.0 == self.program.tensor(biases)?.0;
                let long = depth == times(groups, group)?;
                alike && long && ends(w, words) && ends(scales, groups) && ends(biases, groups)
            }
        };
        let float =
            matches!(self.program.tensor(found.y)?.0, DType::F32 | DType::F16 | DType::BF16);
        let fits = shape(found.x)? == [rows, depth] && shape(found.y)? == y && float && weights;
        fits.then_some(params)
    }
}

impl Affine<'_> {
    fn weight(&self) -> Weight {
        let AffineWeights { words, bits, group, .. } = self.found;
        let (scales, biases) = (self.scales.param, self.biases.param);
        Weight::Affine { w: words.param, scales, biases, bits, group }
    }
}

/// `factor` times an extent; `None` past all numbers.
fn times(extent: Extent, factor: usize) -> Option<Extent> {
    Some(match extent {
        Extent::Const(n) => Extent::Const(n.checked_mul(factor)?),
        Extent::Dim { dim, times } => Extent::Dim { dim, times: times.checked_mul(factor)? },
    })
}
