//! One-liners: what they record.

use tilewright_ir::{Access, ExprKind, ParamKind, Program, ReduceOp, Stmt};
use tilewright_lang::DType::{self, BF16, Bool, F16, F32, F64, I32, U8};
use tilewright_lang::oneliner::{
    Backward, Broadcast, Elementwise, Layout, MapReduce, OneLinerError, Pass, Reduce, Strategy,
};

/// Parameters as `name: dtype[axes]`.
fn signature(program: &Program) -> String {
    let show = |p: &tilewright_ir::Param| match &p.kind {
        ParamKind::Tensor { dtype, access, .. } => {
            let arrow = if *access == Access::Out { "-> " } else { "" };
            let axes = tilewright_ir::bind::show_declared(program, p);
            format!("{arrow}{}: {dtype}{axes}", p.name)
        }
        ParamKind::Scalar { dtype, default: Some(value) } => {
            format!("{}: {dtype} = {value}", p.name)
        }
        ParamKind::Scalar { dtype, default: None } => format!("{}: {dtype}", p.name),
    };
    program.params.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn loops(program: &Program) -> usize {
    program.body.iter().filter(|s| matches!(s, Stmt::For { .. })).count()
}

fn reductions(program: &Program) -> Vec<ReduceOp> {
    let op = |e: &tilewright_ir::Expr| match &e.kind {
        ExprKind::Reduce(op, ..) => Some(*op),
        _ => None,
    };
    program.exprs.iter().filter_map(op).collect()
}

fn map(text: &str, dtypes: &[DType]) -> Program {
    let e = Elementwise::formula(text).unwrap_or_else(|e| panic!("{e}"));
    e.program(dtypes, &Layout::flat(dtypes.len())).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn an_elementwise_formula_becomes_one_flat_axis() {
    let program = map("x * tanh(log(1 + exp(x)))", &[F16]);
    assert_eq!(signature(&program), "x: f16[*n] -> out: f16[*n]");
    assert!(program.grid.is_empty());
    assert_eq!(
        signature(&map("w * x + b", &[F32; 3])),
        "w: f32[*n] x: f32[*n] b: f32[*n] -> out: f32[*n]"
    );
    // An input may have the name of the axis.
    assert_eq!(signature(&map("n & 7", &[I32])), "n: i32[*n_] -> out: i32[*n_]");
}

#[test]
fn the_output_has_the_inputs_dtype() {
    for (text, dtypes, output) in [
        ("x > 0", vec![F32], F32),
        ("x + y", vec![F16, BF16], F32),
        ("x + y", vec![F16, I32], F16),
        ("x + y", vec![F32, F64], F64),
        ("n / 2", vec![I32], I32),
        ("exp(n)", vec![I32], F32),
        ("n * 2", vec![U8], U8),
        ("b ? 1 : 0", vec![Bool], I32),
        ("!b", vec![Bool], Bool),
    ] {
        let program = map(text, &dtypes);
        let Some(ParamKind::Tensor { dtype, .. }) = program.params.last().map(|p| &p.kind) else {
            panic!("{text}")
        };
        assert_eq!(*dtype, output, "{text} of {dtypes:?}");
    }
    let e = Elementwise::formula("x > 0").unwrap().output(Bool);
    assert_eq!(
        signature(&e.program(&[F32], &Layout::flat(1)).unwrap()),
        "x: f32[*n] -> out: bool[*n]"
    );
}

#[test]
fn scalars_are_not_inputs() {
    let e = Elementwise::formula("x * sigmoid(a * x)").unwrap().scalar("a", Some(1.5));
    assert_eq!(e.inputs(), ["x"]);
    let program = e.program(&[F32], &Layout::flat(1)).unwrap();
    assert_eq!(signature(&program), "x: f32[*n] a: f32 = 1.5 -> out: f32[*n]");
}

#[test]
fn broadcasting_declares_axes_of_one() {
    let call = Broadcast::of(&[(&[2, 3, 8], None), (&[3, 1], None)]).unwrap();
    let e = Elementwise::binary(|a, b| a * b);
    let program = e.program(&[F32, F32], &call.layout).unwrap();
    assert_eq!(signature(&program), "a: f32[n0, n1, n2] b: f32[1, n1, 1] -> out: f32[n0, n1, n2]");
    assert!(program.grid.is_empty());
    // More axes than a tile has become programs.
    let alternate = [true, false, true, false, true, false];
    let other = alternate.map(|b| !b);
    let layout = Layout::new(vec![alternate.to_vec(), other.to_vec()]).unwrap();
    let program = e.program(&[F32, F32], &layout).unwrap();
    assert_eq!(program.grid.len(), 2);
    let layout =
        Layout::new(vec![[alternate, other].concat(), [other, alternate].concat()]).unwrap();
    let error = e.program(&[F32, F32], &layout).unwrap_err();
    assert!(error.to_string().contains("12 axes, at most 7"), "{error}");
}

#[test]
fn closures_are_maps_too() {
    let program =
        Elementwise::unary(|x| x * x.sigmoid()).program(&[BF16], &Layout::flat(1)).unwrap();
    assert_eq!(signature(&program), "x: bf16[*n] -> out: bf16[*n]");
    let muladd = Elementwise::closure(["x", "y", "s"], |[x, y, s]| x * y + s).scalar("s", None);
    let program = muladd.program(&[F32, F32], &Layout::flat(2)).unwrap();
    assert_eq!(signature(&program), "x: f32[*n] y: f32[*n] s: f32 -> out: f32[*n]");
    // A mistake in a closure is reported with the line of its one-liner.
    let wrong = Elementwise::unary(|x| x & x).program(&[F32], &Layout::flat(1)).unwrap_err();
    assert!(wrong.to_string().contains("tests/oneliner.rs:"), "{wrong}");
}

#[test]
fn reductions_show_their_op() {
    let sum = Reduce::formulas("0.0f", "acc + v").unwrap().named("row_sum");
    let program = sum.program(F16).unwrap();
    assert_eq!(signature(&program), "x: f16[*rows, cols] -> out: f16[*rows]");
    assert_eq!(reductions(&program), [ReduceOp::Sum]);
    for (init, update, op) in [
        ("-INFINITY", "max(acc, v)", ReduceOp::Max),
        ("INFINITY", "min(acc, abs(v))", ReduceOp::Min),
        ("1", "acc * v", ReduceOp::Prod),
        ("0", "acc + v * v", ReduceOp::Sum),
        ("0", "acc || v > 0", ReduceOp::Any),
        ("1", "acc && isfinite(v)", ReduceOp::All),
        ("0", "acc + 1", ReduceOp::Sum),
        ("5", "acc + (v > 0)", ReduceOp::Sum),
    ] {
        let reduce = Reduce::formulas(init, update).unwrap();
        assert_eq!(reduce.strategy(), Some(Strategy::Reduce(op)), "{update}");
        for dtype in [F32, BF16, I32, U8, Bool] {
            let program =
                reduce.program(dtype).unwrap_or_else(|e| panic!("{update} of {dtype}: {e}"));
            assert_eq!(reductions(&program), [op], "{update}");
        }
    }
    // The initial value is joined once where it is not the identity.
    let count =
        |init: &str| Reduce::formulas(init, "acc + v").unwrap().program(F32).unwrap().exprs.len();
    assert_eq!(count("1.5") - count("0"), 2);
}

#[test]
fn other_updates_need_a_combine_or_a_loop() {
    let largest = Reduce::formulas("-INFINITY", "acc > v ? acc : v").unwrap();
    assert_eq!(largest.strategy(), Some(Strategy::Sequential));
    let program = largest.program(F32).unwrap();
    assert_eq!(loops(&program), 1);
    let fast = largest.combine("max(a, b)").unwrap();
    assert_eq!(reductions(&fast.program(F32).unwrap()), [ReduceOp::Max]);
    let custom =
        Reduce::formulas("0", "acc + v + acc * v").unwrap().combine("a + b + a * b").unwrap();
    let program = custom.program(F16).unwrap();
    assert!(program.exprs.iter().any(|e| matches!(e.kind, ExprKind::ReduceBy { .. })));
    // A scalar is no constant identity.
    let by_scalar =
        Reduce::formulas("s", "acc + v + acc * v").unwrap().combine("a + b + a * b").unwrap();
    assert_eq!(by_scalar.scalar("s", None).strategy(), Some(Strategy::Sequential));
}

#[test]
fn finalize_knows_the_length() {
    let mean = Reduce::formulas("0", "acc + v").unwrap().finalize("acc / D").unwrap();
    let program = mean.program(F32).unwrap();
    assert!(program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Size(_))));
    let error = Reduce::formulas("0", "acc + v").unwrap().finalize("s / 2").unwrap().program(F32);
    assert_eq!(
        error.unwrap_err().to_string(),
        "finalize: unknown name `s`\n  s / 2\n  ^ the names here are `acc`, `D`"
    );
    let error = Reduce::formulas("0", "acc + x").unwrap().program(F32).unwrap_err();
    assert!(error.to_string().starts_with("update: unknown name `x`"), "{error}");
}

fn softmax() -> MapReduce {
    MapReduce::formulas(
        Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
        Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
        "exp(x - s1) / s2",
    )
    .unwrap()
}

#[test]
fn the_softmax_of_the_seed_is_two_vector_reductions() {
    let softmax = softmax();
    let program = softmax.program(F16).unwrap();
    assert_eq!(signature(&program), "x: f16[*rows, cols] -> out: f16[*rows, cols]");
    assert_eq!(reductions(&program), [ReduceOp::Max, ReduceOp::Sum]);
    assert_eq!(loops(&program), 0);
    let loads = program.exprs.iter().filter(|e| matches!(e.kind, ExprKind::Load { .. })).count();
    assert_eq!(loads, 1);
    // Written by hand it is as long, but for the exponential that the formulas ask for twice.
    let by_hand = MapReduce::row(|row| {
        let e = (row - row.row_max()).exp();
        e / e.row_sum()
    });
    assert_eq!(program.exprs.len(), by_hand.program(F16).unwrap().exprs.len() + 2);
}

#[test]
fn a_pass_may_be_sequential() {
    let odd = MapReduce::formulas(
        Pass { init: "0", update: "acc1 * 0.5f + x", reduce: "" },
        Pass { init: "s1", update: "acc2 * s1 + x", reduce: "" },
        "x - s1 - s2 * D / TG",
    )
    .unwrap()
    .threadgroup(128);
    assert_eq!(odd.strategies(), [Strategy::Sequential; 2]);
    assert_eq!(loops(&odd.program(F32).unwrap()), 2);
    let mixed = MapReduce::formulas(
        Pass { init: "0", update: "acc1 + x", reduce: "a + b" },
        Pass { init: "0", update: "acc2 * 0.5f + x - s1", reduce: "" },
        "x - s2",
    )
    .unwrap();
    assert_eq!(loops(&mixed.program(F32).unwrap()), 1);
}

#[test]
fn contradictions_and_unknown_names_are_faults() {
    let fault = |pass1: Pass, pass2: Pass, write: &str| {
        MapReduce::formulas(pass1, pass2, write).unwrap().program(F32).unwrap_err().to_string()
    };
    let max = Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" };
    let sum = Pass { init: "0", update: "acc2 + x", reduce: "a + b" };
    let text = fault(Pass { reduce: "a + b", ..max }, sum, "x");
    assert!(text.contains("pass 1, `max(acc1, x)` is a fold by `max`"), "{text}");
    let text = fault(Pass { update: "max(acc1, s1)", ..max }, sum, "x");
    assert!(text.starts_with("pass 1, update: unknown name `s1`"), "{text}");
    let text = fault(max, Pass { reduce: "a + c", ..sum }, "x");
    assert!(text.starts_with("pass 2, reduce: unknown name `c`"), "{text}");
    let text = fault(max, sum, "x - s3");
    assert!(
        text.starts_with("write: unknown name `s3`") && text.contains("did you mean `s"),
        "{text}"
    );
    let text = softmax().scalar("s1", None).program(F32).unwrap_err().to_string();
    assert!(text.contains("takes a name"), "{text}");
}

#[test]
fn a_gradient_by_formula_reads_what_it_uses() {
    let mul = Elementwise::formula("a * b").unwrap().named("safe_mul");
    let gradient = Backward::of(&mul, "", &[("a", "g * b"), ("b", "g * a")]).unwrap();
    let layout = Layout::new(vec![vec![true, true], vec![false, true]]).unwrap();
    let program = gradient.program(&[F16, F32], F32, &layout).unwrap();
    assert_eq!(program.name, "safe_mul_grad");
    assert_eq!(
        signature(&program),
        "a: f16[n0, n1] b: f32[1, n1] d_out: f32[n0, n1] -> d_a: f16[n0, n1] -> d_b: f32[1, n1]"
    );
    let error = Backward::of(&mul, "", &[("x", "g")]).unwrap_err();
    assert!(error.to_string().contains("the inputs are `a`, `b`"), "{error}");
    let error = Backward::of(&mul, "", &[("a", "g * c")]).unwrap_err();
    assert!(error.to_string().starts_with("gradient of `a`: unknown name `c`"), "{error}");
}

#[test]
fn specifications_are_keys() {
    use std::collections::HashSet;
    let mut keys = HashSet::new();
    let key = |text: &str| (Elementwise::formula(text).unwrap(), vec![F32], Layout::flat(1));
    assert!(keys.insert(key("x + 1")));
    assert!(!keys.insert(key("x + 1")));
    assert!(keys.insert(key("x + 2")));
    let (named, dtypes, layout) = key("x + 1");
    assert!(keys.insert((named.named("other"), dtypes, layout)));
    let closure = Elementwise::unary(|x| x + 1.0);
    assert_eq!(closure.clone(), closure);
    assert_ne!(closure, Elementwise::unary(|x| x + 1.0));
    let scalar = |default| Elementwise::formula("a * x").unwrap().scalar("a", Some(default));
    assert_ne!(scalar(1.0), scalar(2.0));
    assert_eq!(scalar(f64::NAN), scalar(f64::NAN));
    assert_eq!(softmax(), softmax());
}

#[test]
fn calls_that_do_not_fit_say_so() {
    let e = Elementwise::formula("a * x").unwrap();
    let text = e.program(&[F32], &Layout::flat(1)).unwrap_err().to_string();
    assert!(text.contains("takes 2 inputs (`a`, `x`), got 1 dtypes"), "{text}");
    let none = Elementwise::formula("1.5").unwrap().program(&[], &Layout::flat(0)).unwrap_err();
    assert!(none.to_string().contains("has no input"), "{none}");
    let taken =
        Elementwise::formula("out + 1").unwrap().program(&[F32], &Layout::flat(1)).unwrap_err();
    assert!(matches!(taken, OneLinerError::Call(_)), "{taken}");
    let bad = e.clone().named("not a name").program(&[F32, F32], &Layout::flat(2)).unwrap_err();
    assert!(bad.to_string().contains("is no name for a kernel"), "{bad}");
    let twice = e.named("k").scalar("q", None).scalar("q", Some(1.0));
    assert!(twice.program(&[F32, F32], &Layout::flat(2)).is_ok());
}
