//! Each law of `simplify` and `stabilize`, on recorded programs.

use tilewright_ir::{ExprKind, Program, Stmt, UnaryOp};
use tilewright_lang::{DType::*, Specialization, Tile, record};
use tilewright_passes::optimize;

/// The elementwise kernel `y = f(x)` after the pipeline, on rows of f32.
fn optimized(f: impl FnOnce(Tile) -> Tile) -> Program {
    let signature = "x: f32[*rows, cols] -> y: f32[*rows, cols]";
    let mut program = record("test", signature, &Specialization::default(), |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store(f(x));
    })
    .unwrap_or_else(|e| panic!("{e}"));
    optimize(&mut program);
    program
}

/// The arithmetic that is left: op names in order, with literals as numbers and the load as `x`.
fn formula(f: impl FnOnce(Tile) -> Tile) -> String {
    let program = optimized(f);
    let Some(Stmt::Store { value, .. }) = program.body.last() else { panic!("no store") };
    show(&program, *value)
}

fn show(program: &Program, id: tilewright_ir::ExprId) -> String {
    let list = |name: &str, ids: &[tilewright_ir::ExprId]| {
        let operands: Vec<String> = ids.iter().map(|&i| show(program, i)).collect();
        format!("{name}({})", operands.join(", "))
    };
    match &program.expr(id).kind {
        ExprKind::Const(literal) => format!("{:?}", literal.value()),
        ExprKind::Load { .. } => "x".into(),
        ExprKind::Unary(op, a) => list(op.name(), &[*a]),
        ExprKind::Binary(op, a, b) => list(op.name(), &[*a, *b]),
        ExprKind::Ternary(op, abc) => list(op.name(), abc),
        ExprKind::Cast(a) => list(program.expr(id).ty.dtype.name(), &[*a]),
        ExprKind::Broadcast(a) => list("broadcast", &[*a]),
        ExprKind::Reduce(op, a, _) => list(op.name(), &[*a]),
        other => format!("{other:?}"),
    }
}

#[test]
fn stable_forms_replace_the_formulas_people_write() {
    assert_eq!(formula(|x| (1.0 + x.exp()).log()), "softplus(x)");
    assert_eq!(formula(|x| (x.exp() + 1.0).log()), "softplus(x)");
    assert_eq!(formula(|x| 1.0 / (1.0 + (-x).exp())), "sigmoid(x)");
    assert_eq!(formula(|x| 1.0 / ((0.0 - x).exp() + 1.0)), "sigmoid(x)");
    assert_eq!(formula(|x| (1.0 + (-1.0 * x).exp()).recip()), "sigmoid(x)");
    assert_eq!(formula(|x| x / (1.0 + (-x).exp())), "mul(x, sigmoid(x))");
    assert_eq!(formula(|x| x.exp() / (1.0 + x.exp())), "sigmoid(x)");
    assert_eq!(formula(|x| x.exp() - 1.0), "expm1(x)");
    assert_eq!(
        formula(|x| (x.exp() + (x * x).exp()).log()),
        formula(|x| x.log_add_exp(x * x)),
        "log of a sum of powers"
    );
    assert_eq!(formula(|x| (1.0 + x).log()), "log1p(x)");
    assert_eq!(formula(|x| (1.0 - x).log()), "log1p(neg(x))");
    let n = "mul(exp(min(x, 20.0)), add(exp(min(x, 20.0)), 2.0))";
    assert_eq!(formula(|x| x.softplus().tanh()), format!("div({n}, add({n}, 2.0))"));
    assert_eq!(formula(|x| 1.0 / x.sqrt()), "rsqrt(x)");
    assert_eq!(formula(|x| x.sigmoid().log()), "neg(softplus(neg(x)))");
    assert_eq!(formula(|x| (1.0 - x.sigmoid()).log()), "neg(softplus(x))");
    assert_eq!(formula(|x| (x * x).sqrt()), "abs(x)");
    // mish, as the formula strings of users spell it.
    assert_eq!(
        formula(|x| x * (1.0 + x.exp()).log().tanh()),
        format!("mul(x, div({n}, add({n}, 2.0)))")
    );
}

#[test]
fn the_logarithm_of_a_softmax_does_not_underflow() {
    let program = optimized(|x| x.softmax().log());
    let logs =
        |op| program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Unary(o, _) if o == op));
    assert!(logs(UnaryOp::Log));
    let divisions = program
        .exprs
        .iter()
        .filter(|e| matches!(e.kind, ExprKind::Binary(tilewright_ir::BinaryOp::Div, ..)));
    assert_eq!(divisions.count(), 0);
}

#[test]
fn identities_are_exact() {
    assert_eq!(formula(|x| x * 1.0), "x");
    assert_eq!(formula(|x| x - 0.0), "x");
    assert_eq!(formula(|x| x + -0.0), "x");
    assert_eq!(formula(|x| -(-x)), "x");
    assert_eq!(formula(|x| x * -1.0), "neg(x)");
    assert_eq!(formula(|x| x / 4.0), "mul(x, 0.25)");
    assert_eq!(formula(|x| x.pow(2.0)), "mul(x, x)");
    assert_eq!(formula(|x| x.to(F64).to(F32)), "x");
    assert_eq!(formula(|x| x.gt(0.0).select(x, x)), "x");
    assert_eq!(formula(|x| (!x.eq(1.0)).select(x, 2.0)), "select(ne(x, 1.0), x, 2.0)");
}

#[test]
fn laws_that_fail_for_some_value_are_not_used() {
    // -0 + 0 is +0.
    assert_eq!(formula(|x| x + 0.0), "add(x, 0.0)");
    // inf * 0 and NaN * 0 are NaN; inf - inf and NaN - NaN too.
    assert_eq!(formula(|x| x * 0.0), "mul(x, 0.0)");
    assert_eq!(formula(|x| x - x), "sub(x, x)");
    // 1 / 3 is not a float.
    assert_eq!(formula(|x| x / 3.0), "div(x, 3.0)");
    // f16 does not hold every f32.
    assert_eq!(formula(|x| x.to(F16).to(F32)), "f32(f16(x))");
    // A NaN compares false both ways.
    assert_eq!(formula(|x| (!x.lt(0.0)).select(x, 1.0)), "select(lt(x, 0.0), 1.0, x)");
    // A sum starts from +0.
    assert_eq!(formula(|x| x.row_sum().row_sum()), "sum(sum(x))");
    // |-a| is not a where -a wraps.
    assert_eq!(formula(|x| (-x.to(U32)).abs().to(F32)), "f32(abs(neg(u32(x))))");
}

#[test]
fn constants_fold_in_the_dtype_of_the_op() {
    assert_eq!(
        formula(|x| x * (x.dtype_one() / 3.0)),
        format!("mul(x, {:?})", (1f32 / 3.0) as f64)
    );
}

trait One {
    fn dtype_one(self) -> Tile;
}

impl One for Tile {
    /// A literal 1 of the tile's dtype, as a tile.
    fn dtype_one(self) -> Tile {
        self.gt(0.0).select(self, 1.0).is_nan().select(1.0, 1.0)
    }
}

#[test]
fn equal_expressions_are_computed_once_and_dead_ones_never() {
    let program = optimized(|x| {
        let _unused = x.exp();
        x.tanh() * x.tanh() + x.sin().cos()
    });
    let count = |op| {
        program.exprs.iter().filter(|e| matches!(e.kind, ExprKind::Unary(o, _) if o == op)).count()
    };
    assert_eq!(count(UnaryOp::Tanh), 1);
    assert_eq!(count(UnaryOp::Exp), 0);
    assert_eq!(count(UnaryOp::Cos), 1);
}
