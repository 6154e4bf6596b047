//! Recognizes programs that are a plain matrix product and nothing else, for targets with a library of those.

use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, ParamId, ParamKind, Place, Program,
    Stmt, StoreMode, VarId,
};

/// `out[i, j] = Σ_l left[i, l] right[l, j]`, accumulated in f32 and rounded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// `[rows, depth]`, or `[depth, rows]` where it is turned.
    pub left: ParamId,
    /// True when `left` lies as `[depth, rows]`.
    pub left_turned: bool,
    /// `[depth, columns]`, or `[columns, depth]` where it is turned.
    pub right: ParamId,
    /// True when `right` lies as `[columns, depth]`.
    pub right_turned: bool,
    /// `[rows, columns]`.
    pub out: ParamId,
    /// The type of all three.
    pub dtype: DType,
    /// Rows of the result.
    pub rows: Extent,
    /// Terms of each sum.
    pub depth: Extent,
    /// Columns of the result.
    pub columns: Extent,
}

/// The product that `program` is, if it is one: a grid of blocks of the result, a loop over the summed axis that adds the
/// dot of two blocks to a variable, and a store of that.
pub fn product(program: &Program) -> Option<Product> {
    let match_ = Match { program };
    let [row_axis, column_axis] = program.grid.as_slice() else { return None };
    let (mut variable, mut looped, mut stored) = (None, None, None);
    for statement in &program.body {
        match statement {
            Stmt::Let(id) if match_.is_harmless(*id) => {}
            Stmt::Set(var, value) if variable.is_none() && looped.is_none() => {
                match_.is_zero(*value).then_some(())?;
                variable = Some(*var);
            }
            Stmt::For { .. } if looped.is_none() && stored.is_none() => looped = Some(statement),
            Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. }
                if stored.is_none() && looped.is_some() =>
            {
                stored = Some((place, *value));
            }
            _ => return None,
        }
    }
    let (sum, (place, value)) = (variable?, stored?);
    let Some(Stmt::For { index, start, end, step, body }) = looped else { return None };
    (match_.constant(*start)? == 0.0).then_some(())?;
    let ExprKind::Size(depth) = program.expr(*end).kind else { return None };
    let dot = match_.sum_of_dots(body, sum)?;
    let (left, right) = dot;
    let (left, left_turned) = match_.block(left)?;
    let (right, right_turned) = match_.block(right)?;
    let turned = |axes: [Side; 2], turned: bool| if turned { [axes[1], axes[0]] } else { axes };
    let row = Side::Program { axis: 0, block: row_axis.block };
    let column = Side::Program { axis: 1, block: column_axis.block };
    let inner = Side::Loop { index: *index, step: *step };
    match_.lies(left, turned([row, inner], left_turned))?;
    match_.lies(right, turned([inner, column], right_turned))?;
    match_.lies(place, [row, column])?;
    match_.is_sum(value, sum).then_some(())?;
    let product = Product {
        left: left.param,
        left_turned,
        right: right.param,
        right_turned,
        out: place.param,
        dtype: match_.tensor(place.param)?.0,
        rows: row_axis.extent,
        depth,
        columns: column_axis.extent,
    };
    let shapes = [
        (product.left, turned_extents([product.rows, depth], left_turned)),
        (product.right, turned_extents([depth, product.columns], right_turned)),
        (product.out, [product.rows, product.columns]),
    ];
    let fits = shapes.iter().all(|(param, shape)| {
        match_.tensor(*param).is_some_and(|(dtype, s)| dtype == product.dtype && s == shape)
    });
    let multiplied = matches!(product.dtype, DType::F32 | DType::F16 | DType::BF16);
    (fits && multiplied && program.params.len() == 3).then_some(product)
}

fn turned_extents(shape: [Extent; 2], turned: bool) -> [Extent; 2] {
    if turned { [shape[1], shape[0]] } else { shape }
}

/// Where a block begins along an axis, and how long it is.
#[derive(Clone, Copy)]
enum Side {
    /// At this program's index times the block of that grid axis.
    Program { axis: usize, block: usize },
    /// At the index of the loop, a step long.
    Loop { index: ExprId, step: usize },
}

struct Match<'a> {
    program: &'a Program,
}

impl<'a> Match<'a> {
    fn kind(&self, id: ExprId) -> &'a ExprKind {
        &self.program.expr(id).kind
    }

    fn constant(&self, id: ExprId) -> Option<f64> {
        match self.kind(id) {
            ExprKind::Const(Literal::Int(n)) => Some(*n as f64),
            ExprKind::Const(Literal::Float(x)) => Some(*x),
            _ => None,
        }
    }

    /// True for what computes positions and tiles only, without a load.
    fn is_harmless(&self, id: ExprId) -> bool {
        !matches!(self.kind(id), ExprKind::Load { .. } | ExprKind::Dot(..))
    }

    fn is_zero(&self, id: ExprId) -> bool {
        match self.kind(id) {
            ExprKind::Broadcast(of) => self.is_zero(*of),
            _ => self.constant(id) == Some(0.0),
        }
    }

    /// The operands of the dot that the body of the loop adds to `sum`, if it does nothing else.
    fn sum_of_dots(&self, body: &[Stmt], sum: VarId) -> Option<(ExprId, ExprId)> {
        let mut dot = None;
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(var, value) if *var == sum && dot.is_none() => {
                    let ExprKind::Binary(BinaryOp::Add, a, b) = self.kind(*value) else {
                        return None;
                    };
                    dot = match (self.kind(*a), self.kind(*b)) {
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

    /// The place of a loaded block, and whether it was transposed.
    fn block(&self, id: ExprId) -> Option<(&'a Place, bool)> {
        match self.kind(id) {
            ExprKind::Load { place, fill } if fill.value() == 0.0 => Some((place, false)),
            ExprKind::Transpose(of, order) if order.as_slice() == [1, 0] => match self.kind(*of) {
                ExprKind::Load { place, fill } if fill.value() == 0.0 => Some((place, true)),
                _ => None,
            },
            _ => None,
        }
    }

    fn lies(&self, place: &Place, sides: [Side; 2]) -> Option<()> {
        let [a, b] = place.axes.as_slice() else { return None };
        (self.begins(a, sides[0]) && self.begins(b, sides[1])).then_some(())
    }

    fn begins(&self, axis: &Axis, side: Side) -> bool {
        let Axis::Range { start, len: Extent::Const(len), step: 1 } = axis else { return false };
        match side {
            Side::Loop { index, step } => *start == index && *len == step,
            Side::Program { axis, block } => {
                *len == block
                    && match self.kind(*start) {
                        ExprKind::Binary(BinaryOp::Mul, a, b) => {
                            let of = |program: ExprId, times: ExprId| {
                                matches!(self.kind(program), ExprKind::Program(i) if *i == axis)
                                    && self.constant(times) == Some(block as f64)
                            };
                            of(*a, *b) || of(*b, *a)
                        }
                        _ => false,
                    }
            }
        }
    }

    /// True for the variable's last value, rounded or not.
    fn is_sum(&self, id: ExprId, sum: VarId) -> bool {
        match self.kind(id) {
            ExprKind::Cast(of) => matches!(self.kind(*of), ExprKind::Get(var) if *var == sum),
            ExprKind::Get(var) => *var == sum,
            _ => false,
        }
    }

    fn tensor(&self, param: ParamId) -> Option<(DType, &'a [Extent])> {
        match &self.program.param(param).kind {
            ParamKind::Tensor { dtype, shape, .. } => Some((*dtype, shape.as_slice())),
            ParamKind::Scalar { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, dtype: DType) -> Option<Product> {
        let entry = tilewright_kernels::find(name).unwrap();
        let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
        crate::pipeline::optimize(&mut program);
        product(&program)
    }

    #[test]
    fn products_are_seen_by_what_they_are() {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let product = of("matmul", dtype).unwrap();
            assert_eq!((product.left_turned, product.right_turned), (false, false));
            assert_eq!(
                (product.left.index(), product.right.index(), product.out.index()),
                (0, 1, 2)
            );
            let linear = of("linear", dtype).unwrap();
            assert_eq!((linear.left_turned, linear.right_turned), (false, true));
            assert_eq!(linear.dtype, dtype);
        }
        // The gradient of a weight, whose left factor is turned.
        let entry = tilewright_kernels::find("matmul").unwrap();
        let tilewright_kernels::Grad::By(backward) = entry.grad else { panic!("{:?}", entry.name) };
        let turned = backward.iter().find(|kernel| kernel.name == "matmul_d_w").unwrap();
        let specialization = entry.specialization(DType::F32, &[]);
        let mut program =
            tilewright_lang::record(turned.name, turned.signature, &specialization, turned.build)
                .unwrap();
        crate::pipeline::optimize(&mut program);
        let product = product(&program).unwrap();
        assert_eq!((product.left_turned, product.right_turned), (true, false));
    }

    #[test]
    fn what_does_more_is_no_product() {
        for name in
            ["fused_linear_bias_silu", "attention", "quantized_matmul", "softmax", "gather_mm"]
        {
            let entry = tilewright_kernels::find(name).unwrap();
            let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
            assert_eq!(of(name, dtype), None, "{name}");
        }
    }
}
