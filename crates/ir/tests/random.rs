//! Random programs: valid, free of faults, of finite values, the whole language among them; they come back from
//! text, and shrink to what makes them fail.

use std::collections::HashMap;
use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::text::{parse, print};
use tilewright_ir::{
    Argument, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, Program, Stmt, Type,
    bind_arguments, interpret, validate,
};

const CASES: u64 = 600;

fn run(case: &Case) -> Vec<Argument> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(&case.program, &arguments)
        .unwrap_or_else(|e| panic!("seed {}: {e}\n{}", case.seed, case.program));
    assert_eq!(bindings.dims, case.dims, "seed {}", case.seed);
    interpret(&case.program, &mut arguments, &bindings)
        .unwrap_or_else(|e| panic!("seed {}: {e}\n{}", case.seed, case.program));
    arguments
}

#[test]
fn every_program_is_valid_runs_and_comes_back_from_text() {
    for seed in 0..CASES {
        let case = random_program(seed, &Options::default());
        if let Err(mistakes) = validate(&case.program) {
            panic!("seed {seed}: {mistakes:#?}\n{}", case.program);
        }
        let results = run(&case);
        for (param, result) in case.program.params.iter().zip(&results) {
            let finite = result.tensor().is_none_or(|t| t.values().iter().all(|x| x.is_finite()));
            assert!(finite, "seed {seed}: `{}` is not finite\n{}", param.name, case.program);
        }
        case.check(&results, &results).unwrap();
        let compact = case.program.compact();
        let again = parse(&print(&compact)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert_eq!(again, compact, "seed {seed}");
    }
}

#[test]
fn the_same_seed_draws_the_same_case() {
    for seed in [3, 77] {
        let [a, b] = [0; 2].map(|_| random_program(seed, &Options::default()));
        assert_eq!(a.program, b.program);
        assert_eq!(a.arguments, b.arguments);
    }
}

/// The kind of an expression without its operands.
fn kind_name(kind: &ExprKind) -> String {
    let op = match kind {
        ExprKind::Unary(op, _) => op.name(),
        ExprKind::Binary(op, ..) => op.name(),
        ExprKind::Ternary(op, _) => op.name(),
        ExprKind::Reduce(op, ..) | ExprKind::Scan { op, .. } => op.name(),
        _ => "",
    };
    let debug = format!("{kind:?}");
    let variant = debug.split(['(', ' ', '{']).next().unwrap_or_default();
    format!("{variant} {op}")
}

#[test]
fn the_whole_language_is_drawn() {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut statements = HashMap::new();
    for seed in 0..CASES {
        let case = random_program(seed, &Options::default());
        let mut open = vec![&case.program.body];
        while let Some(body) = open.pop() {
            for stmt in body {
                let name = match stmt {
                    Stmt::Let(id) => {
                        let kind = kind_name(&case.program.expr(*id).kind);
                        *seen.entry(kind).or_default() += 1;
                        continue;
                    }
                    Stmt::Set(..) => "set".to_string(),
                    Stmt::Store { mode, mask, .. } => format!("{mode:?} {}", mask.is_some()),
                    Stmt::For { body, .. } => {
                        open.push(body);
                        "for".into()
                    }
                    Stmt::When { body, .. } => {
                        open.push(body);
                        "when".into()
                    }
                };
                *statements.entry(name).or_insert(0usize) += 1;
            }
        }
    }
    use tilewright_ir::op::{BINARY, REDUCE, TERNARY, UNARY};
    let mut expected: Vec<String> = Vec::new();
    expected.extend(UNARY.iter().map(|row| format!("Unary {}", row.name)));
    expected.extend(BINARY.iter().map(|row| format!("Binary {}", row.name)));
    expected.extend(TERNARY.iter().map(|row| format!("Ternary {}", row.name)));
    expected.extend(REDUCE.iter().map(|row| format!("Reduce {}", row.name)));
    expected.extend(REDUCE.iter().map(|row| format!("Scan {}", row.name)));
    expected.extend(
        [
            "Const",
            "Scalar",
            "Size",
            "Program",
            "Iota",
            "Cast",
            "Bitcast",
            "Broadcast",
            "Reshape",
            "Transpose",
            "Slice",
            "Concat",
            "Pick",
            "ArgReduce",
            "ReduceBy",
            "ScanBy",
            "TopK",
            "Part",
            "Dot",
            "Unpack",
            "Get",
            "Load",
        ]
        .map(|kind| format!("{kind} ")),
    );
    let missing: Vec<&String> = expected.iter().filter(|kind| !seen.contains_key(*kind)).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    for name in
        ["set", "for", "when", "Set false", "Set true", "AtomicAdd false", "AtomicMax false"]
    {
        assert!(statements.contains_key(name), "no {name} among {statements:?}");
    }
}

#[test]
fn a_failing_program_shrinks_to_its_cause() {
    // A stand-in for a broken target: it fails on every program that takes an exponential.
    let has_exp = |case: &Case| {
        let mut arguments = case.arguments.clone();
        let bindings = bind_arguments(&case.program, &arguments).unwrap();
        // What is left may be out of bounds, and no target is to blame for that.
        if interpret(&case.program, &mut arguments, &bindings).is_err() {
            return false;
        }
        let mut found = false;
        let mut open = vec![&case.program.body];
        while let Some(body) = open.pop() {
            for stmt in body {
                match stmt {
                    Stmt::Let(id) => {
                        let kind = &case.program.expr(*id).kind;
                        found |= kind_name(kind) == "Unary exp";
                    }
                    Stmt::For { body, .. } | Stmt::When { body, .. } => open.push(body),
                    _ => {}
                }
            }
        }
        found
    };
    let cases = (0..).map(|seed| random_program(seed, &Options::default()));
    let (mut before, mut after) = (0, 0);
    for case in cases.filter(|case| has_exp(case)).take(10) {
        let small = shrink(&case, has_exp);
        run(&small);
        assert!(has_exp(&small));
        before += case.program.compact().exprs.len();
        after += small.program.compact().exprs.len();
    }
    assert!(after * 3 < before, "from {before} expressions to {after}");
}

#[test]
fn a_wrong_result_is_told() {
    let case = (0..).map(|seed| random_program(seed, &Options::default())).find(|case| {
        run(case).iter().any(|a| a.tensor().is_some_and(|t| t.elements() > 0))
            && !case.dims.contains(&0)
    });
    let case = case.unwrap();
    let right = run(&case);
    let output = case.program.params.len() - 1;
    let mut wrong = right.clone();
    let Argument::Tensor(tensor) = &mut wrong[output] else { panic!("no tensor") };
    tensor.bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    let text = case.check(&wrong, &right).unwrap_err();
    assert!(text.contains(&format!("seed {}", case.seed)), "{text}");
}

/// The program as a target would run it whose functions err by `units` of the type they compute in.
fn perturbed(program: &Program, units: f64) -> Program {
    let mut copy = program.clone();
    let body = std::mem::take(&mut copy.body);
    let mut moved = HashMap::new();
    copy.body = perturb(&mut copy, body, units, &mut moved);
    copy
}

fn perturb(
    program: &mut Program,
    body: Vec<Stmt>,
    units: f64,
    moved: &mut HashMap<ExprId, ExprId>,
) -> Vec<Stmt> {
    let mut result = Vec::new();
    for mut stmt in body {
        let to = |moved: &HashMap<ExprId, ExprId>, id: ExprId| *moved.get(&id).unwrap_or(&id);
        match &mut stmt {
            Stmt::Let(id) => {
                let id = *id;
                program.exprs[id.index()].kind.map_operands(|operand| to(moved, operand));
                result.push(stmt);
                let expr = program.expr(id).clone();
                let errs = match expr.kind {
                    ExprKind::Unary(op, _) => {
                        use tilewright_ir::UnaryOp::*;
                        matches!(
                            op,
                            Exp | Exp2
                                | Expm1
                                | Log
                                | Log2
                                | Log1p
                                | Tanh
                                | Sigmoid
                                | Softplus
                                | Erf
                                | Sin
                                | Cos
                                | Rsqrt
                        )
                    }
                    ExprKind::Binary(op, ..) => op == BinaryOp::Div || op == BinaryOp::Pow,
                    _ => false,
                };
                if errs && expr.ty.dtype.is_float() {
                    let dtype = expr.ty.dtype;
                    let factor = 1.0 + units * dtype.epsilon();
                    let scalar = Type { dtype, shape: Vec::new() };
                    let kind = ExprKind::Const(Literal::Float(factor));
                    let by = program.push(kind, scalar, None);
                    let kind = ExprKind::Binary(BinaryOp::Mul, id, by);
                    let product = program.push(kind, expr.ty, None);
                    result.extend([Stmt::Let(by), Stmt::Let(product)]);
                    moved.insert(id, product);
                }
                continue;
            }
            Stmt::Set(_, value) => *value = to(moved, *value),
            Stmt::Store { place, value, mask, .. } => {
                *value = to(moved, *value);
                *mask = mask.map(|mask| to(moved, mask));
                place.map_operands(|id| to(moved, id));
            }
            Stmt::For { start, end, body, .. } => {
                (*start, *end) = (to(moved, *start), to(moved, *end));
                *body = perturb(program, std::mem::take(body), units, moved);
            }
            Stmt::When { condition, body } => {
                *condition = to(moved, *condition);
                *body = perturb(program, std::mem::take(body), units, moved);
            }
        }
        result.push(stmt);
    }
    result
}

#[test]
fn tolerances_hold_for_small_errors_and_not_for_large_ones() {
    let (mut touched, mut refused) = (0, 0);
    for seed in 0..CASES {
        let case = random_program(seed, &Options::default());
        let right = run(&case);
        let other = |units: f64| {
            let program = perturbed(&case.program, units);
            run(&Case { program, ..case.clone() })
        };
        for units in [4.0, -4.0] {
            let results = other(units);
            case.check(&results, &right).unwrap_or_else(|e| panic!("{e}\n{}", case.program));
        }
        // Errors of 2 % in f32.
        let results = other(0.02 / DType::F32.epsilon());
        if results != right {
            touched += 1;
            refused += case.check(&results, &right).is_err() as usize;
        }
    }
    assert!(touched > CASES as usize / 5, "{touched} programs call a function");
    assert!(refused * 10 > touched * 9, "{refused} of {touched} programs notice an error of 2 %");
}

/// Programs with operands exchanged and ops replaced: what the validator lets through runs or faults, and never
/// panics.
#[test]
fn what_is_valid_is_safe_to_interpret() {
    use tilewright_ir::op::{BINARY, REDUCE, UNARY};
    use tilewright_ir::random::{Random, random_arguments};
    let mut random = Random::new(11);
    let (mut valid, mut faults) = (0, 0);
    for seed in 0..3 * CASES {
        let mut case = random_program(seed, &Options { length: 12, ..Options::default() });
        for _ in 0..random.between(1, 3) {
            let count = case.program.exprs.len();
            let victim = random.below(count);
            let other = ExprId(random.below(count) as u32);
            let expr = &mut case.program.exprs[victim];
            match &mut expr.kind {
                ExprKind::Unary(op, _) if random.chance(0.5) => {
                    *op = UNARY[random.below(UNARY.len())].op;
                }
                ExprKind::Binary(op, ..) if random.chance(0.5) => {
                    *op = BINARY[random.below(BINARY.len())].op;
                }
                ExprKind::Reduce(op, ..) => *op = REDUCE[random.below(REDUCE.len())].op,
                ExprKind::TopK { k, .. } => *k = random.below(40),
                ExprKind::Slice { start, .. } => *start = Extent::Const(random.below(4)),
                ExprKind::Const(Literal::Int(x)) => *x = random.below(60) as i64 - 20,
                kind => {
                    let chosen = random.below(3);
                    let mut number = 0;
                    kind.map_operands(|id| {
                        number += 1;
                        if number == chosen + 1 { other } else { id }
                    });
                }
            }
        }
        if validate(&case.program).is_err() {
            continue;
        }
        valid += 1;
        let mut arguments = random_arguments(&case.program, &case.dims, true, &mut random);
        let bindings = bind_arguments(&case.program, &arguments).unwrap();
        faults += interpret(&case.program, &mut arguments, &bindings).is_err() as usize;
    }
    assert!(valid > 200 && faults > 10, "{valid} programs were valid, {faults} of them faulted");
}
