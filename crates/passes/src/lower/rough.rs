//! What rounding to 16 bits allows.
//!
//! Values that reach memory only through such a rounding, by arithmetic that keeps relative errors small, need not be as
//! exact as f32. An exponential, a logarithm, a quotient or a normal distribution among them may take the device's fast one, which errs by a few units of f32,
//! where the rounding to come errs by thousands. Partial sums of the gradients of 16-bit tensors are such values too: the
//! program that adds them up rounds.

use tilewright_ir::table::HashSet;
use tilewright_ir::{
    Access, BinaryOp, DType, DimRule, ExprId, ExprKind, Extent, ParamId, ParamKind, Program,
    ReduceOp, Stmt, TernaryOp, UnaryOp,
};

/// The expressions of `program` that may be computed fast.
pub(super) fn rough(program: &Program) -> HashSet<ExprId> {
    let ids = (0..program.exprs.len() as u32).map(ExprId);
    let mut rough: HashSet<ExprId> =
        ids.filter(|id| program.expr(*id).ty.dtype == DType::F32).collect();
    stored(program, &program.body, &mut rough);
    // What is used where it must be exact is exact, and so is all that leads to it.
    loop {
        let before = rough.len();
        // Users come after what they use.
        for (number, expr) in program.exprs.iter().enumerate().rev() {
            let user = ExprId(number as u32);
            let is_rough = rough.contains(&user);
            expr.kind.operands(|a| {
                if !forgives(program, user, a, is_rough) {
                    rough.remove(&a);
                }
            });
            if let ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } =
                &expr.kind
            {
                for id in combine.left.iter().chain(&combine.right).chain(&combine.body) {
                    rough.remove(id);
                }
            }
            if let (ExprKind::Get(var), false) = (&expr.kind, is_rough) {
                set_exactly(&program.body, *var, &mut rough);
            }
        }
        if rough.len() == before {
            break;
        }
    }
    let spread = spread(program);
    rough.retain(|id| gains(program, *id) && !spread.contains(id));
    rough
}

/// Powers that may be 0 below all normal numbers, of distances from the greatest element so far. Powers of two, where that
/// element is finite: they are summed beside a 1, which such a one does not change. Exponentials, where they are `rough`: shares of
/// a sum that is not below 1, which 16 bits hold as 0 or, in bf16, as numbers below all normal ones.
pub(super) fn flushed(program: &Program, rough: &HashSet<ExprId>) -> HashSet<ExprId> {
    let kind = |id: ExprId| &program.expr(id).kind;
    let flushes = |id: &ExprId| match *kind(*id) {
        ExprKind::Unary(UnaryOp::Exp2, exponent) => match *kind(exponent) {
            ExprKind::Binary(BinaryOp::Mul, distance, factor) => {
                let reference = subtracted(program, distance);
                program.constant(factor).is_some()
                    && reference.is_some_and(|id| is_finite_greatest(program, id))
            }
            _ => false,
        },
        ExprKind::Unary(UnaryOp::Exp, distance) if rough.contains(id) => {
            let greatest = |id| matches!(kind(id), ExprKind::Reduce(ReduceOp::Max, ..));
            subtracted(program, distance)
                .is_some_and(|id| greatest(id) || is_finite_greatest(program, id))
        }
        _ => false,
    };
    (0..program.exprs.len() as u32).map(ExprId).filter(flushes).collect()
}

/// True for the sum of exponentials that the passes over a long row gather beside its greatest element: no less than 1, and no
/// more than there are elements, as long as all are finite. (In such a program there are no other variables.)
pub(super) fn is_sum_of_shares(program: &Program, id: ExprId) -> bool {
    let kind = |id: ExprId| &program.expr(id).kind;
    let ExprKind::Reduce(ReduceOp::Sum, terms, _) = *kind(single(program, id)) else {
        return false;
    };
    let ExprKind::Binary(BinaryOp::Mul, sums, scale) = *kind(terms) else { return false };
    let ExprKind::Unary(UnaryOp::Exp, distance) = *kind(scale) else { return false };
    let ExprKind::Binary(BinaryOp::Sub, maxima, _) = *kind(distance) else { return false };
    let Some(mut greatest) = subtracted(program, distance) else { return false };
    if let ExprKind::Ternary(TernaryOp::Select, [_, of, _]) = *kind(greatest)
        && is_finite_greatest(program, greatest)
    {
        greatest = of;
    }
    let ExprKind::Reduce(ReduceOp::Max, of, _) = *kind(single(program, greatest)) else {
        return false;
    };
    matches!(kind(sums), ExprKind::Get(_))
        && matches!(kind(maxima), ExprKind::Get(_))
        && kind(of) == kind(maxima)
}

/// What is subtracted in a difference, before it is made longer.
fn subtracted(program: &Program, difference: ExprId) -> Option<ExprId> {
    match program.expr(difference).kind {
        ExprKind::Binary(BinaryOp::Sub, _, of) => Some(single(program, of)),
        _ => None,
    }
}

/// What was made longer, or given another shape, to be `id`.
fn single(program: &Program, id: ExprId) -> ExprId {
    match program.expr(id).kind {
        ExprKind::Broadcast(of) | ExprKind::Reshape(of) => single(program, of),
        _ => id,
    }
}

/// True for something that is 0 where it would not be finite.
fn is_finite_greatest(program: &Program, id: ExprId) -> bool {
    let kind = |id: ExprId| &program.expr(id).kind;
    let ExprKind::Ternary(TernaryOp::Select, [finite, greatest, other]) = *kind(id) else {
        return false;
    };
    let ExprKind::Binary(BinaryOp::Lt, size, end) = *kind(finite) else { return false };
    *kind(size) == ExprKind::Unary(UnaryOp::Abs, greatest)
        && program.constant(end) == Some(f64::INFINITY)
        && program.constant(other) == Some(0.0)
}

/// What is made longer, itself or by way of ops on as many elements: a row of a tile of rows has one of it.
fn spread(program: &Program) -> HashSet<ExprId> {
    let is_one = |extent: Option<&Extent>| extent.is_none_or(|e| *e == Extent::Const(1));
    let mut spread = HashSet::default();
    for (number, expr) in program.exprs.iter().enumerate().rev() {
        use ExprKind::*;
        if !matches!(expr.kind, Unary(..) | Binary(..) | Ternary(..) | Broadcast(_) | Reshape(_)) {
            continue;
        }
        let is_spread = spread.contains(&ExprId(number as u32));
        let longer = |id: ExprId| {
            let mut of = program.expr(id).ty.shape.iter().rev().fuse();
            let mut to = expr.ty.shape.iter().rev();
            !matches!(expr.kind, Reshape(_))
                && to.any(|to| is_one(of.next()) && *to != Extent::Const(1))
        };
        expr.kind.operands(|a| {
            if is_spread || longer(a) {
                spread.insert(a);
            }
        });
    }
    spread
}

/// True for ops that have a fast form, on more than one element: what is stored alone is exact. A gate is as fast on one,
/// since a product that it is fused with has one element a program, and is to give the bits of kernels of their own.
fn gains(program: &Program, id: ExprId) -> bool {
    let expr = program.expr(id);
    if matches!(expr.kind, ExprKind::Unary(UnaryOp::Sigmoid, _)) {
        return true;
    }
    if one_and_erf(program, id).is_some() {
        return true;
    }
    let fast = matches!(
        expr.kind,
        ExprKind::Unary(UnaryOp::Exp | UnaryOp::Exp2 | UnaryOp::Recip, _)
            | ExprKind::Unary(UnaryOp::Expm1 | UnaryOp::Log | UnaryOp::Softplus | UnaryOp::Tanh, _)
            | ExprKind::Binary(BinaryOp::Div, ..)
    );
    fast && expr.ty.shape.iter().any(|e| *e != Extent::Const(1))
}

/// What the error function is of, where `id` adds 1 to one: half of that is the share of a normal distribution, which one
/// exponential gives. The function by itself, near 0, would need another form.
pub(super) fn one_and_erf(program: &Program, id: ExprId) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Add, a, b) = program.expr(id).kind else { return None };
    let (erf, one) = if program.constant(b).is_some() { (a, b) } else { (b, a) };
    match program.expr(erf).kind {
        ExprKind::Unary(UnaryOp::Erf, of) if program.constant(one) == Some(1.0) => Some(of),
        _ => None,
    }
}

/// True when `user`, itself rough or not, takes an operand with a small relative error.
fn forgives(program: &Program, user: ExprId, operand: ExprId, is_rough: bool) -> bool {
    use ExprKind::*;
    let expr = program.expr(user);
    match &expr.kind {
        Cast(_) => matches!(expr.ty.dtype, DType::F16 | DType::BF16),
        // The hyperbolic tangent makes no relative error greater.
        Unary(UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::Tanh, _)
        | Unary(UnaryOp::Rsqrt | UnaryOp::Recip, _)
        | Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, ..)
        | Binary(BinaryOp::Div | BinaryOp::Max | BinaryOp::Min, ..)
        | Ternary(TernaryOp::Fma, _)
        | Broadcast(_)
        | Reshape(_)
        | Transpose(..)
        | Reduce(ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min, ..) => is_rough,
        Ternary(TernaryOp::Select, [condition, ..]) => *condition != operand && is_rough,
        _ => false,
    }
}

/// True for partial sums of a gradient, one of each chunk of rows, where all that it can be the gradient of has 16 bits.
fn is_partial(program: &Program, param: ParamId) -> bool {
    let ParamKind::Tensor { dtype: DType::F32, access: Access::Out, shape, .. } =
        &program.param(param).kind
    else {
        return false;
    };
    let Some(Extent::Dim { dim, times: 1 }) = shape.first() else { return false };
    let chunks = program.dims[dim.index()].rule != DimRule::Free;
    let exact = |kind: &ParamKind| match kind {
        ParamKind::Tensor { dtype, access, .. } => {
            *access != Access::Out && matches!(dtype, DType::F32 | DType::F64)
        }
        ParamKind::Scalar { .. } => false,
    };
    chunks && !program.params.iter().any(|param| exact(&param.kind))
}

/// Removes what is stored as it is.
fn stored(program: &Program, body: &[Stmt], rough: &mut HashSet<ExprId>) {
    for statement in body {
        match statement {
            Stmt::Store { place, value, mask, .. } => {
                if !is_partial(program, place.param) {
                    rough.remove(value);
                }
                if let Some(mask) = mask {
                    rough.remove(mask);
                }
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => stored(program, body, rough),
            Stmt::Let(_) | Stmt::Set(..) => {}
        }
    }
}

/// Removes what a variable is set to.
fn set_exactly(body: &[Stmt], var: tilewright_ir::VarId, rough: &mut HashSet<ExprId>) {
    for statement in body {
        match statement {
            Stmt::Set(set, value) if *set == var => {
                rough.remove(value);
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => set_exactly(body, var, rough),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::text;

    fn of(source: &str) -> Vec<usize> {
        let mut found: Vec<usize> =
            rough(&text::parse(source).unwrap()).into_iter().map(ExprId::index).collect();
        found.sort();
        found
    }

    #[test]
    fn softmax_is_fast_in_16_bits_and_exact_in_32() {
        let source = |dtype: &str| {
            let head = format!(
                "kernel t(x: in {dtype}[rows, cols], y: out {dtype}[rows, cols])\ngrid rows\n"
            );
            let body = "%2: f32[1] = reduce_max %1 axis 0\n%3: f32[cols] = sub %1, %2\n\
                        %4: f32[cols] = exp %3\n%5: f32[1] = reduce_sum %4 axis 0\n\
                        %6: f32[cols] = div %4, %5\n";
            (head, body)
        };
        let (head, body) = source("bf16");
        let narrow = format!(
            "{head}%0: i32 = program 0\n%7: bf16[cols] = load x[%0, :]\n%1: f32[cols] = cast %7\n\
             {body}%8: bf16[cols] = cast %6\nstore y[%0, :] = %8\n"
        );
        assert_eq!(of(&narrow).len(), 2);
        let (head, body) = source("f32");
        let wide = format!(
            "{head}%0: i32 = program 0\n%1: f32[cols] = load x[%0, :]\n{body}\
             store y[%0, :] = %6\n"
        );
        assert!(of(&wide).is_empty());
    }

    #[test]
    fn a_gate_is_the_same_on_one_element_as_on_many() {
        let source = |shape: &str, place: &str| {
            format!(
                "kernel t(x: in f32[n], y: out bf16[n])\ngrid n\n%0: i32 = program 0\n\
                 %1: f32[{shape}] = load x[{place}]\n%2: f32[{shape}] = sigmoid %1\n\
                 %3: f32[{shape}] = exp %1\n%4: f32[{shape}] = mul %2, %3\n\
                 %5: bf16[{shape}] = cast %4\nstore y[{place}] = %5\n"
            )
        };
        assert_eq!(of(&source("n", ":")), [2, 3]);
        assert_eq!(of(&source("", "%0")), [2]);
    }

    #[test]
    fn a_capped_quotient_is_fast_and_what_a_logarithm_is_of_is_not() {
        let source = |op: &str| {
            format!(
                "kernel t(x: in f32[n], c: in f32[n], y: out bf16[n])\n%0: f32[n] = load x[:]\n\
                 %1: f32[n] = load c[:]\n%2: f32[n] = div %0, %1\n%3: f32[n] = {op} %2\n\
                 %4: bf16[n] = cast %3\nstore y[:] = %4\n"
            )
        };
        assert_eq!(of(&source("tanh")), [2, 3]);
        for op in ["log", "softplus", "expm1"] {
            assert_eq!(of(&source(op)), [3], "{op}");
        }
    }

    #[test]
    fn an_error_function_is_fast_where_1_is_added() {
        let source = |one: &str| {
            format!(
                "kernel t(x: in f32[n], y: out bf16[n])\n%0: f32[n] = load x[:]\n\
                 %1: f32[n] = erf %0\n%2: f32 = const {one}\n%3: f32[n] = add %2, %1\n\
                 %4: bf16[n] = cast %3\nstore y[:] = %4\n"
            )
        };
        assert_eq!(of(&source("1")), [3]);
        // Near 0 the function is as small as its operand.
        assert!(of(&source("0.5")).is_empty());
    }

    #[test]
    fn powers_of_two_of_distances_from_the_greatest_may_be_flushed() {
        let source = |other: &str| {
            format!(
                "kernel t(x: in f32[n], y: out f32[1])\n%0: f32[n] = load x[:]\n\
                 %1: f32[1] = reduce_max %0 axis 0\n%2: f32[1] = abs %1\n%3: f32 = const inf\n\
                 %4: bool[1] = lt %2, %3\n%5: f32 = const {other}\n\
                 %6: f32[1] = select %4, %1, %5\n%7: f32[n] = sub %0, %6\n\
                 %8: f32 = const 1.442695\n%9: f32[n] = mul %7, %8\n%10: f32[n] = exp2 %9\n\
                 %11: f32[1] = reduce_sum %10 axis 0\nstore y[:] = %11\n"
            )
        };
        let of = |source: String| flushed(&text::parse(&source).unwrap(), &HashSet::default());
        assert_eq!(of(source("0.0")).into_iter().collect::<Vec<_>>(), [ExprId(10)]);
        assert!(of(source("1.0")).is_empty());
    }

    #[test]
    fn shares_of_a_row_may_be_flushed_where_16_bits_hold_them() {
        let source = |dtype: &str| {
            format!(
                "kernel t(x: in f32[n], y: out {dtype}[n])\n%0: f32[n] = load x[:]\n\
                 %1: f32[1] = reduce_max %0 axis 0\n%2: f32[n] = sub %0, %1\n\
                 %3: f32[n] = exp %2\n%4: f32[1] = reduce_sum %3 axis 0\n\
                 %5: f32[n] = div %3, %4\n%6: f32[n] = exp %0\n%7: f32[n] = add %5, %6\n\
                 %8: {dtype}[n] = cast %7\nstore y[:] = %8\n"
            )
        };
        let of = |source: String| {
            let program = text::parse(&source).unwrap();
            flushed(&program, &rough(&program)).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(of(source("bf16")), [ExprId(3)]);
        assert!(of(source("f32")).is_empty());
    }

    #[test]
    fn what_each_row_has_one_of_is_exact() {
        // The mean of each row of a tile, and the row divided by it.
        let source = "kernel t(x: in f32[n, 8], y: out bf16[n, 8])\ngrid 1\n\
                      %0: f32[n, 8] = load x[:, :]\n%1: f32[n, 1] = reduce_sum %0 axis 1\n\
                      %2: f32 = const 8\n%3: f32[n, 1] = div %1, %2\n\
                      %4: f32[n, 8] = div %0, %3\n%5: bf16[n, 8] = cast %4\nstore y[:, :] = %5\n";
        assert_eq!(of(source), [4]);
    }

    #[test]
    fn terms_of_partial_sums_for_16_bits_are_fast() {
        let source = |chunks: &str, dtype: &str| {
            format!(
                "dims rows, n, {chunks}\nkernel t(x: in {dtype}[rows, n], partial: out f32[chunks, n])\n\
                 grid chunks\nvar $0 sum: f32[n]\n%0: i32 = program 0\n%1: {dtype}[n] = load x[%0, :]\n\
                 %2: f32[n] = cast %1\n%3: f32[n] = exp %2\nset $0 = %3\n%4: f32[n] = get $0\n\
                 store partial[%0, :] = %4\n"
            )
        };
        let (sums, others) = ("chunks = ceil(rows / 64)", "chunks");
        assert_eq!(of(&source(sums, "bf16")), [3]);
        assert!(of(&source(sums, "f32")).is_empty());
        assert!(of(&source(others, "bf16")).is_empty());
    }

    #[test]
    fn what_an_exact_store_needs_is_exact() {
        let source = "kernel t(x: in f32[n], y: out bf16[n], z: out f32[n])\n\
                      %0: f32[n] = load x[:]\n%1: f32[n] = exp %0\n%2: f32[n] = exp %1\n\
                      %3: f32[n] = exp %0\n%4: bf16[n] = cast %2\n%5: f32[n] = add %3, %0\n\
                      store y[:] = %4\nstore z[:] = %5\n";
        // The second is rough; the first is raised to a power of e, which makes much of its error.
        assert_eq!(of(source), [2]);
    }
}
