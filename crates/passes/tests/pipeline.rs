//! The pipeline keeps what programs mean, and is fast.

use std::time::{Duration, Instant};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, ParamKind, Program, Stmt, TernaryOp, UnaryOp, bind,
};
use tilewright_kernels::{CATALOG, Fill};
use tilewright_lang::{Kernel, Specialization, Tile, record};
use tilewright_passes::check::{Arguments, run};
use tilewright_passes::optimize;
use tilewright_passes::pipeline::{self, PASSES};

/// A deterministic sequence of integers below a bound.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 24) as f64 / (1 << 24) as f64
    }
}

/// Values for which careless algebra goes wrong.
const HOSTILE: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.0,
    3.0,
    1e-45,
    -1e-40,
    1e38,
    -3e38,
    1e-20,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    88.5,
];

/// A random expression of `x` and of literals, as people and other passes write them.
fn random_tile(random: &mut Sequence, x: Tile, depth: usize) -> Tile {
    if depth == 0 || random.below(8) == 0 {
        return x;
    }
    let literal = [0.0, -0.0, 1.0, -1.0, 2.0, 0.25, 3.0, 4.0][random.below(8)];
    let a = |random: &mut Sequence| random_tile(random, x, depth - 1);
    match random.below(24) {
        0 => -a(random),
        1 => a(random).abs(),
        2 => a(random) + literal,
        3 => a(random) - literal,
        4 => a(random) * literal,
        5 => a(random) / literal,
        6 => literal - a(random),
        7 => literal / a(random),
        8 => a(random) + a(random),
        9 => a(random) - a(random),
        10 => a(random) * a(random),
        11 => a(random) / a(random),
        12 => a(random).max(literal),
        13 => a(random).min(a(random)),
        14 => a(random).gt(literal).select(a(random), literal),
        15 => (!a(random).le(a(random))).select(a(random), a(random)),
        16 => (!a(random).eq(literal)).select(literal, a(random)),
        17 => a(random).to(DType::F64).to(DType::F32),
        18 => a(random).to(DType::F16).to(DType::F32),
        19 => a(random).cos(),
        20 => a(random).fma(literal, a(random)),
        21 => a(random).pow(literal.abs().min(1.0)),
        22 => a(random).row_max() + literal,
        _ => (a(random) * literal).floor(),
    }
}

#[test]
fn simplification_is_exact_for_hostile_values() {
    let x = Tensor::from_values(DType::F32, &[1, HOSTILE.len()], &HOSTILE);
    let inputs = Arguments::from([("x".into(), Argument::Tensor(x))]);
    for seed in 0..2000 {
        let mut random = Sequence(seed * 77 + 5);
        let build = |k: &mut Kernel, a: &tilewright_lang::Args| {
            let row = k.program();
            let x = a["x"].row(row).load();
            a["y"].row(row).store(random_tile(&mut random, x, 4));
        };
        let signature = "x: f32[*rows, cols] -> y: f32[*rows, cols]";
        let program = record("random", signature, &Specialization::default(), build).unwrap();
        let mut simple = program.clone();
        let exact = [PASSES[0], *PASSES.iter().find(|p| p.name == "merge").unwrap()];
        pipeline::run(&mut simple, &exact, |_, _| {});
        let [before, after] =
            [&program, &simple].map(|p| run(p, &inputs, &[]).unwrap()["y"].values());
        for (i, (b, a)) in before.iter().zip(&after).enumerate() {
            let same = (b.is_nan() && a.is_nan()) || b.to_bits() == a.to_bits();
            assert!(
                same,
                "seed {seed}, x = {:?}: {b:?} became {a:?}\n{program}\n{simple}",
                HOSTILE[i]
            );
        }
    }
}

fn arguments(
    program: &Program,
    bits: bool,
    index: Option<usize>,
    sizes: &[(&str, usize)],
) -> Option<Arguments> {
    let bindings = bind(program, &vec![None; program.params.len()], sizes).ok()?;
    let mut random = Sequence(3);
    let mut all = Arguments::new();
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        match param.kind {
            ParamKind::Tensor { dtype, .. } => {
                let elements: usize = shape.iter().product();
                if elements > 20_000 {
                    return None;
                }
                let values: Vec<f64> = (0..elements)
                    .map(|_| match dtype.is_float() {
                        true => 6.0 * random.unit() - 3.0,
                        false if bits => random.below(256) as f64,
                        false => random.below(index.unwrap_or(1).max(1)) as f64,
                    })
                    .collect();
                let tensor = Tensor::from_values(dtype, shape, &values);
                all.insert(param.name.clone(), Argument::Tensor(tensor));
            }
            ParamKind::Scalar { default, .. } => {
                all.insert(param.name.clone(), Argument::Scalar(default.unwrap_or(1.0)));
            }
        }
    }
    Some(all)
}

#[test]
fn optimized_kernels_of_the_catalog_give_the_same_results() {
    let mut compared = 0;
    for entry in CATALOG {
        for case in entry.cases {
            let specialization = entry.specialization(DType::F32, case.constants);
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
            let bits = entry.fills.iter().any(|(_, fill)| *fill == Fill::Bits);
            let index = entry.fills.iter().find_map(|(_, fill)| match fill {
                Fill::Index(name) => {
                    let known = case.sizes.iter().chain(case.constants).chain(entry.constants);
                    known.clone().find(|(n, _)| n == name).map(|(_, size)| *size)
                }
                _ => None,
            });
            let Some(inputs) = arguments(&program, bits, index, case.sizes) else { continue };
            // Inputs made here may not suit a kernel; then there is nothing to compare.
            let Ok(before) = run(&program, &inputs, case.sizes) else { continue };
            let mut optimized = program.clone();
            optimize(&mut optimized);
            let after = run(&optimized, &inputs, case.sizes).unwrap_or_else(|e| panic!("{e}"));
            for (name, tensor) in &before {
                let scale = tensor.values().iter().fold(1.0, |m: f64, v| m.max(v.abs()));
                for (b, a) in tensor.values().iter().zip(after[name].values()) {
                    let same = b == &a || (b.is_nan() && a.is_nan());
                    let close = (b - a).abs() <= 1e-5 * scale;
                    assert!(same || close, "{} {name}: {b} became {a}\n{optimized}", entry.name);
                }
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} cases were compared");
}

#[test]
fn the_pipeline_takes_well_under_a_millisecond_a_kernel() {
    let programs: Vec<Program> = CATALOG
        .iter()
        .map(|entry| entry.record(&entry.specialization(DType::F16, &[])).unwrap())
        .collect();
    let start = Instant::now();
    for program in &programs {
        let mut program = program.clone();
        for pass in PASSES {
            (pass.run)(&mut program);
        }
    }
    let each = start.elapsed() / programs.len() as u32;
    // Unoptimized and on a busy machine; release builds take a tenth.
    assert!(each < Duration::from_millis(10), "{each:?} a kernel");
}

#[test]
fn stations_are_shown_in_order() {
    let program = record("copy", "x: f32[n] -> y: f32[n]", &Specialization::default(), |_, a| {
        a["y"].store(a["x"].load() * 1.0);
    });
    let mut names = Vec::new();
    pipeline::run(&mut program.unwrap(), PASSES, |pass, _| names.push(pass.name));
    assert_eq!(names, ["simplify", "hoist", "merge", "remove-dead"]);
    assert!(PASSES.iter().all(|pass| !pass.doc.is_empty()));
}

#[test]
fn what_does_not_change_round_a_loop_is_computed_before_it() {
    let signature = "x: f32[n, cols], w: f32[cols] -> y: f32[cols]";
    let mut program = record("sum", signature, &Specialization::default(), |k, a| {
        let w = a["w"].load();
        let mut sum = k.var(w * 0.0);
        for i in k.range(0, a["x"].size(0)) {
            for j in k.range(0, 3) {
                sum += a["x"].row(i).load() * w.exp() + (i * 2 + j).to(DType::F32);
            }
        }
        a["y"].store(sum.get());
    })
    .unwrap();
    optimize(&mut program);
    let loops = |body: &[Stmt]| -> Vec<Stmt> {
        body.iter()
            .find_map(|s| if let Stmt::For { body, .. } = s { Some(body.clone()) } else { None })
            .unwrap()
    };
    let has = |body: &[Stmt], test: &dyn Fn(&ExprKind) -> bool| {
        body.iter().any(|s| matches!(s, Stmt::Let(id) if test(&program.expr(*id).kind)))
    };
    let (outer, inner) = (loops(&program.body), loops(&loops(&program.body)));
    let exp = |k: &ExprKind| matches!(k, ExprKind::Unary(UnaryOp::Exp, _));
    let times =
        |k: &ExprKind| matches!(k, ExprKind::Binary(BinaryOp::Mul, a, _) if is_index(&program, *a));
    assert!(has(&program.body, &exp) && !has(&inner, &exp));
    assert!(has(&outer, &times) && !has(&inner, &times));
    assert!(has(&inner, &|k| matches!(k, ExprKind::Load { .. })));
}

fn is_index(program: &Program, id: ExprId) -> bool {
    matches!(program.expr(id).kind, ExprKind::LoopIndex)
}

#[test]
fn ops_of_literals_fold_as_the_interpreter_computes() {
    let mut program =
        record("fold", "x: f32[n] -> y: f32[n]", &Specialization::default(), |k, a| {
            let third = k.full(DType::F32, &[], 1.0) / 3.0;
            a["y"].store(a["x"].load() * third.exp().fma(third, 0.1).sigmoid());
        })
        .unwrap();
    let x = Tensor::from_values(DType::F32, &[3], &[1.0, -2.5, 1e-30]);
    let inputs = Arguments::from([("x".into(), Argument::Tensor(x))]);
    let before = run(&program, &inputs, &[]).unwrap();
    optimize(&mut program);
    assert_eq!(run(&program, &inputs, &[]).unwrap(), before);
    let arithmetic = program.exprs.iter().filter(|e| {
        matches!(
            e.kind,
            ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::Ternary(TernaryOp::Fma, _)
        )
    });
    assert_eq!(arithmetic.count(), 1);
}
