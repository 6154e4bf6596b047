//! Programs that are two products of the same rows and what is made of each two of their elements: the ways into a gated
//! layer. As products they read their weights from one end to the other, in larger pieces than batches of such programs do.

use super::recognize::{Match, Product};
use tilewright_ir::validate::validate_rewritten;
use tilewright_ir::{
    Access, Axis, ExprId, ExprKind, Literal, Param, ParamId, ParamKind, Place, Program, Stmt, Type,
};
use tilewright_passes::dead::remove_dead;

/// See the [module](self).
pub struct Pair {
    /// The products, rounded as y is.
    pub products: [Product; 2],
    /// The program with elements of two more parameters, which follow its own, in the products' stead.
    pub rest: Program,
}

/// The pair that `program` is, if it is one.
pub fn pair(program: &Program) -> Option<Pair> {
    let of = Match { program };
    let (y, _) = of.stored()?;
    let ParamKind::Tensor { dtype, ref shape, leading, .. } = program.param(y.param).kind else {
        return None;
    };
    let all = (0..program.exprs.len()).map(|number| ExprId(number as u32));
    let rounded = all.filter_map(|id| {
        let ExprKind::Cast(sum) = *of.kind(id) else { return None };
        (program.expr(id).ty.dtype == dtype).then_some((id, of.row_sum(y, sum)?))
    });
    let &[(first, a), (second, b)] = &rounded.collect::<Vec<_>>()[..] else { return None };
    let sizes = |of: &Product| (of.x, of.rows, of.depth, of.columns);
    let alike = sizes(&a) == sizes(&b) && a.indices.is_none() && b.indices.is_none();
    if !alike || of.tensors(&a).is_none() || of.tensors(&b).is_none() {
        return None;
    }
    let mut rest = program.clone();
    for (number, id) in [first, second].into_iter().enumerate() {
        let param = ParamId(rest.params.len() as u32);
        let kind = ParamKind::Tensor { dtype, shape: shape.clone(), leading, access: Access::In };
        rest.params.push(Param { name: format!("product_{number}"), kind });
        let place = Place { param, axes: y.axes.clone() };
        let load = ExprKind::Load { place, fill: Literal::Float(0.0) };
        let load = rest.push(load, Type { dtype, shape: Vec::new() }, None);
        rest.exprs[id.index()].kind = ExprKind::Reshape(load);
        let own = |statement: &Stmt| matches!(statement, Stmt::Let(other) if *other == id);
        let place = rest.body.iter().position(own)?;
        rest.body.insert(place, Stmt::Let(load));
    }
    remove_dead(&mut rest);
    let rest = in_rows(rest)?;
    Some(Pair { products: [a, b], rest })
}

/// A program of single elements as one of whole rows; `None` where it does more than compute element by element on what lies
/// in the rows of its tensors.
fn in_rows(mut program: Program) -> Option<Program> {
    let column = program.grid.pop()?.extent;
    let axis = program.grid.len();
    // What stands for each value in rows, by its number; what is the same along rows stays as it is.
    let mut rows: Vec<Option<ExprId>> = vec![None; program.exprs.len()];
    let is_column =
        |program: &Program, id: ExprId| program.expr(id).kind == ExprKind::Program(axis);
    for number in 0..program.exprs.len() {
        let mut kind = program.exprs[number].kind.clone();
        if kind == ExprKind::Program(axis) {
            continue;
        }
        let mut own = false;
        match &mut kind {
            ExprKind::Load { place, .. } => {
                own = is_column(&program, *place.axes.last().and_then(index)?);
                if own {
                    let (_, shape) = program.tensor(place.param)?;
                    (shape.last() == Some(&column)).then_some(())?;
                    *place.axes.last_mut()? = Axis::All;
                }
            }
            ExprKind::Reshape(of) | ExprKind::Broadcast(of) if rows[of.index()].is_some() => {
                rows[number] = rows[of.index()];
                continue;
            }
            ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::Ternary(..) => {}
            ExprKind::Cast(_) | ExprKind::Bitcast(_) => {}
            ExprKind::Const(_) | ExprKind::Scalar(_) | ExprKind::Size(_) | ExprKind::Program(_) => {
            }
            _ => return None,
        }
        let mut known = true;
        kind.operands(|id| known &= !is_column(&program, id));
        known.then_some(())?;
        kind.map_operands(|id| match rows[id.index()] {
            Some(row) => {
                own = true;
                row
            }
            None => id,
        });
        if own {
            rows[number] = Some(ExprId(number as u32));
            program.exprs[number].ty.shape = vec![column];
        }
        program.exprs[number].kind = kind;
    }
    let columns: Vec<bool> =
        program.exprs.iter().map(|expr| expr.kind == ExprKind::Program(axis)).collect();
    program.body.retain(|statement| !matches!(statement, Stmt::Let(id) if columns[id.index()]));
    for statement in &mut program.body {
        if let Stmt::Store { place, value, .. } = statement {
            let last = place.axes.last_mut()?;
            columns[index(last)?.index()].then_some(())?;
            *last = Axis::All;
            *value = rows[value.index()]?;
        }
    }
    remove_dead(&mut program);
    validate_rewritten(&program).is_ok().then_some(program)
}

/// The index of a single position.
fn index(axis: &Axis) -> Option<&ExprId> {
    match axis {
        Axis::At(id) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::{DType, text};

    #[test]
    fn what_is_left_of_a_pair_works_on_rows() {
        let entry = tilewright_kernels::find("fused_quantized_swiglu_gemv").unwrap();
        let constants = [("bits", 4), ("group", 64)];
        let mut program = entry.record(&entry.specialization(DType::BF16, &constants)).unwrap();
        tilewright_passes::pipeline::optimize(&mut program);
        let found = pair(&program).unwrap();
        let body = text::print(&found.rest);
        let (_, body) = body.split_once("grid").unwrap();
        let asked = "rows
            %0: i32 = program 0
            %1: bf16[columns] = load product_0[%0, :]
            %2: f32[columns] = cast %1
            %3: bf16[columns] = load product_1[%0, :]
            %4: f32[columns] = cast %3
            %5: f32[columns] = sigmoid %2
            %6: f32[columns] = mul %2, %5
            %7: f32[columns] = mul %6, %4
            %8: bf16[columns] = cast %7
            store y[%0, :] = %8";
        assert!(body.split_whitespace().eq(asked.split_whitespace()), "{body}");
    }
}
