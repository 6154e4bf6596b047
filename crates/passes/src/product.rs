//! Recognizes programs that are a plain matrix product and nothing else, for targets with a library of those.

use tilewright_ir::recognize::{BlockedProduct, Side};
use tilewright_ir::{DType, ExprId, ExprKind, Extent, ParamId, Place, Program};

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
    let blocked = BlockedProduct::of(program)?;
    let (left, left_turned) = block(program, blocked.left)?;
    let (right, right_turned) = block(program, blocked.right)?;
    let along = Side::Loop(1);
    let lies = blocked.lies(left, turned([Side::Rows, along], left_turned))
        && blocked.lies(right, turned([along, Side::Columns], right_turned));
    let product = Product {
        left: left.param,
        left_turned,
        right: right.param,
        right_turned,
        out: blocked.out.param,
        dtype: program.tensor(blocked.out.param)?.0,
        rows: blocked.rows.extent,
        depth: blocked.end,
        columns: blocked.columns.extent,
    };
    let shapes = [
        (product.left, turned([product.rows, product.depth], left_turned)),
        (product.right, turned([product.depth, product.columns], right_turned)),
        (product.out, [product.rows, product.columns]),
    ];
    let fits = shapes.iter().all(|(param, shape)| {
        program.tensor(*param).is_some_and(|(dtype, s)| dtype == product.dtype && s == shape)
    });
    let multiplied = matches!(product.dtype, DType::F32 | DType::F16 | DType::BF16);
    (lies && fits && multiplied && program.params.len() == 3).then_some(product)
}

fn turned<T: Copy>(axes: [T; 2], turned: bool) -> [T; 2] {
    if turned { [axes[1], axes[0]] } else { axes }
}

/// The place of a loaded block, and whether it was transposed.
fn block(program: &Program, id: ExprId) -> Option<(&Place, bool)> {
    let load = |id: ExprId| match &program.expr(id).kind {
        ExprKind::Load { place, fill } if fill.value() == 0.0 => Some(place),
        _ => None,
    };
    match &program.expr(id).kind {
        ExprKind::Transpose(of, order) if order.as_slice() == [1, 0] => Some((load(*of)?, true)),
        _ => Some((load(id)?, false)),
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
