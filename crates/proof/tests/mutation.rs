//! The proofs can fail: kernels, gradients and passes broken on purpose, each of which the runner must notice.
//!
//! A mutant is a change of a kernel's text form. One that no longer applies is a failure too.

use std::sync::Arc;
use tilewright_ir::text::parse;
use tilewright_ir::{BinaryOp, DType, ExprKind, Program, ReduceOp, validate};
use tilewright_kernels::{Entry, find};
use tilewright_passes::Backward;
use tilewright_passes::pipeline::{self, PASSES, Pass};
use tilewright_passes::precision::to_f64;
use tilewright_proof::{Call, check_gradient, check_variant, gradient_of, variants};
use tilewright_runtime::Runtime;
use tilewright_runtime::targets::{Role, TARGETS};

/// What is wrong, the kernel, and the change of its text.
type Mutant = (&'static str, &'static str, &'static str, &'static str);

const KERNELS: &[Mutant] = &[
    ("no maximum subtracted", "softmax", "= sub %1, %2", "= max %1, %1"),
    ("minimum instead of maximum", "softmax", "reduce_max", "reduce_min"),
    ("maximum instead of sum", "softmax", "reduce_sum", "reduce_max"),
    ("division the wrong way round", "softmax", "div %4, %5", "div %5, %4"),
    (
        "all rows are the first",
        "softmax",
        "%1: f32[cols] = load x[%0, :]",
        "%9: i32 = const 0\n%1: f32[cols] = load x[%9, :]",
    ),
    ("the loss' sign", "softmax_cross_entropy", "sub %15, %19", "sub %19, %15"),
    (
        "ignored rows are counted",
        "softmax_cross_entropy",
        "select %4, %20, %21",
        "select %4, %20, %20",
    ),
    ("no eps", "rmsnorm", "add %7, %0", "max %7, %7"),
    ("sum instead of mean", "rmsnorm", "div %4, %6", "max %4, %4"),
    ("weight added, not multiplied", "rmsnorm", "mul %10, %11", "add %10, %11"),
    ("centered the wrong way round", "layernorm", "sub %2, %6", "sub %6, %2"),
    ("no bias", "layernorm", "add %17, %18", "max %17, %17"),
    ("the mask's sense", "masked_softmax", "select %2, %1, %3", "select %2, %3, %1"),
    ("gate and value exchanged", "swiglu", "sigmoid %2", "sigmoid %4"),
    (
        "exclusive instead of inclusive",
        "cumsum",
        "scan_sum %1 axis 0",
        "scan_sum %1 axis 0 exclusive",
    ),
    ("every second block of the depth", "matmul", "step 64", "step 128"),
    ("starts one block late", "matmul", "for %10 in %8..%9", "for %10 in %1..%9"),
    ("reads the position past the length", "decode_attention", "lt %26, %9", "le %26, %9"),
    ("forgets the old sum", "decode_attention", "add %51, %52", "max %52, %52"),
    ("the rotation's sense", "apply_rope", "neg %9", "max %9, %9"),
    ("seed and offset exchanged", "dropout", "philox %4, %1, %2", "philox %4, %2, %1"),
    ("keeps at p, not above", "dropout", "ge %11, %0", "lt %11, %0"),
    ("not scaled", "dropout", "mul %5, %15", "max %5, %5"),
    ("not renormalized", "topk_gating_softmax", "reduce_sum %6", "reduce_max %6"),
    ("bias correction of the first moment", "adamw_step", "mul %27, %1", "max %27, %27"),
    ("updates overwrite each other", "scatter_add", "add %13, %12", "max %12, %12"),
    (
        "the last of equal elements wins",
        "argmax",
        "%2: u32[1] = argmax %1 axis 0",
        "%90: i32[cols] = iota cols\n%91: f32[cols] = cast %90\n%92: f32 = const 1e-6\n\
         %93: f32[cols] = mul %91, %92\n%94: f32[cols] = add %1, %93\n\
         %2: u32[1] = argmax %94 axis 0",
    ),
    (
        "the last of equal elements comes first",
        "topk",
        "%2: f32[8] = topk %1 k 8",
        "%90: i32[cols] = iota cols\n%91: f32[cols] = cast %90\n%92: f32 = const 1e-6\n\
         %93: f32[cols] = mul %91, %92\n%94: f32[cols] = add %1, %93\n%2: f32[8] = topk %94 k 8",
    ),
];

const GRADIENTS: &[Mutant] = &[
    ("s (1 - s) becomes s (s - 1)", "silu", "sub %5, %1", "sub %1, %5"),
    ("only one of the product's terms", "silu", "add %3, %8", "max %3, %3"),
    ("the sum of g y is left out", "softmax", "sub %7, %9", "max %7, %7"),
    ("not multiplied by y", "softmax", "mul %10, %6", "max %10, %10"),
    ("the mean of squares counts double", "rmsnorm", "mul %36, %18", "add %36, %36"),
    ("the weight's rows are not added", "rmsnorm", "add %28, %27", "max %27, %27"),
];

/// Elements of the largest tensor of a mutant's case.
const LARGEST: usize = 1 << 19;

fn runtimes() -> Vec<Arc<Runtime>> {
    let computing = TARGETS.iter().filter(|target| target.role == Role::Computes);
    computing.filter_map(|target| Runtime::open(target.name).ok()).collect()
}

/// The complaint of the runner's checks about the kernel as `change` makes it; `None` if it sees nothing. The change
/// tells of each case whether it applied.
fn complaint(
    entry: &Entry,
    runtime: &Runtime,
    change: &dyn Fn(&Program) -> Option<Program>,
) -> Option<String> {
    let mut applied = 0;
    for case in entry.cases {
        let Ok(call) =
            Call::new(entry, case, entry.dtypes.first().copied().unwrap_or(DType::F32), 1)
        else {
            continue;
        };
        if call.largest() > LARGEST {
            continue;
        }
        let Some(changed) = change(&call.program) else { continue };
        if let Err(mistakes) = validate(&changed) {
            panic!("{}: the mutant is not even valid: {}", entry.name, mistakes[0]);
        }
        applied += 1;
        for mut variant in variants(entry, case, call) {
            if let Err(right) = check_variant(entry, &variant, runtime) {
                panic!("{} fails as it is: {right}", entry.name);
            }
            variant.call.program = changed.clone();
            if let Err(text) = check_variant(entry, &variant, runtime) {
                return Some(text);
            }
        }
    }
    assert!(applied > 0, "{}: the mutant applies to no small case", entry.name);
    None
}

fn replaced(program: &Program, from: &str, to: &str) -> Option<Program> {
    let text = program.to_string();
    let changed = text.replacen(from, to, 1);
    (changed != text).then(|| parse(&changed).unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn broken_kernels_are_noticed_on_every_target() {
    let mut unnoticed = Vec::new();
    for runtime in runtimes() {
        for (what, name, from, to) in KERNELS {
            let entry = find(name).unwrap();
            let change = |program: &Program| replaced(program, from, to);
            if complaint(entry, &runtime, &change).is_none() {
                unnoticed.push(format!("{name}: {what}, on {}", runtime.target()));
            }
        }
    }
    assert!(unnoticed.is_empty(), "not noticed:\n{}", unnoticed.join("\n"));
}

#[test]
fn wrong_gradient_rules_are_noticed() {
    for (what, name, from, to) in GRADIENTS {
        let entry = find(name).unwrap();
        let mut applied = false;
        let noticed = entry.cases.iter().any(|case| {
            let call = Call::new(entry, case, DType::F32, 1).unwrap();
            if call.largest() > LARGEST {
                return false;
            }
            let right = gradient_of(entry, case, DType::F32, &call.program, false).unwrap();
            let mut wrong = right.clone();
            for program in &mut wrong.programs {
                if let Some(changed) = replaced(program, from, to) {
                    *program = changed;
                    applied = true;
                    break;
                }
            }
            let check = |backward: Backward| {
                let programs = backward.programs.iter().map(|p| to_f64(p).unwrap()).collect();
                check_gradient(&call, case, &Backward { programs, ..backward })
            };
            if let Err(text) = check(right) {
                panic!("the gradient of {name} fails as it is: {text}");
            }
            check(wrong).is_err()
        });
        assert!(applied, "{name}: {what}: the mutant no longer applies");
        assert!(noticed, "{name}: {what}: not noticed");
    }
}

/// A pass that rewrites every expression that `rule` knows.
fn rewrite(program: &mut Program, rule: impl Fn(&Program, &ExprKind) -> Option<ExprKind>) {
    for i in 0..program.exprs.len() {
        if let Some(kind) = rule(program, &program.exprs[i].kind) {
            program.exprs[i].kind = kind;
        }
    }
}

/// Takes subtraction for commutative, as a careless merging of equal expressions would.
fn commute_subtraction(program: &mut Program) {
    rewrite(program, |_, kind| match kind {
        ExprKind::Binary(BinaryOp::Sub, a, b) if a < b => {
            Some(ExprKind::Binary(BinaryOp::Sub, *b, *a))
        }
        _ => None,
    });
}

/// Takes `x - max x` for `x`, since softmax does not depend on it: in real numbers, not in f32.
fn drop_free_shifts(program: &mut Program) {
    rewrite(program, |program, kind| match kind {
        ExprKind::Binary(BinaryOp::Sub, a, b) => {
            let is_maximum = matches!(program.expr(*b).kind, ExprKind::Reduce(ReduceOp::Max, ..));
            is_maximum.then_some(ExprKind::Binary(BinaryOp::Max, *a, *a))
        }
        _ => None,
    });
}

/// Takes every addition of a scalar parameter for nothing.
fn drop_scalars(program: &mut Program) {
    rewrite(program, |program, kind| match kind {
        ExprKind::Binary(BinaryOp::Add, a, b) => {
            let is_scalar = matches!(program.expr(*b).kind, ExprKind::Scalar(_));
            is_scalar.then_some(ExprKind::Binary(BinaryOp::Max, *a, *a))
        }
        _ => None,
    });
}

/// Computes sums as scans do not: takes an inclusive scan for an exclusive one.
fn shift_scans(program: &mut Program) {
    rewrite(program, |_, kind| match kind.clone() {
        ExprKind::Scan { op, of, axis, exclusive: false, reverse } => {
            Some(ExprKind::Scan { op, of, axis, exclusive: true, reverse })
        }
        _ => None,
    });
}

#[test]
fn wrong_passes_are_noticed_on_every_target() {
    let passes: [(fn(&mut Program), &str); 4] = [
        (commute_subtraction, "layernorm"),
        (drop_free_shifts, "softmax"),
        (drop_scalars, "rmsnorm"),
        (shift_scans, "cumsum"),
    ];
    for runtime in runtimes() {
        for (run, name) in passes {
            let wrong = Pass { name: "wrong", doc: "a pass that changes the meaning", run };
            let change = |program: &Program| {
                let mut optimized = program.clone();
                pipeline::run(&mut optimized, PASSES, |_, _| {});
                let right = optimized.clone();
                pipeline::run(&mut optimized, &[wrong], |_, _| {});
                (optimized != right).then_some(optimized)
            };
            let found = complaint(find(name).unwrap(), &runtime, &change);
            assert!(found.is_some(), "{name} on {}: not noticed", runtime.target());
        }
    }
}
