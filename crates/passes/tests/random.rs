//! Passes keep the meaning of random programs.

use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::{
    Argument, Axis, BinaryOp, ExprKind, Extent, Program, ReduceOp, UnaryOp, bind_arguments,
    interpret, validate,
};
use tilewright_passes::pipeline::{PASSES, Pass};

const CASES: u64 = 2000;

fn interpreted(case: &Case) -> Result<Vec<Argument>, String> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(&case.program, &arguments).map_err(|e| e.to_string())?;
    interpret(&case.program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
    Ok(arguments)
}

/// What is wrong after `passes`, if anything is.
fn difference(case: &Case, passes: &[Pass]) -> Option<String> {
    let right = interpreted(case).ok()?;
    let mut changed = case.clone();
    for pass in passes {
        (pass.run)(&mut changed.program);
        if let Err(mistakes) = validate(&changed.program) {
            return Some(format!("{} leaves it invalid: {}", pass.name, mistakes[0]));
        }
    }
    match interpreted(&changed) {
        Ok(results) => case.check(&results, &right).err(),
        Err(fault) => Some(fault),
    }
}

#[test]
fn passes_keep_what_random_programs_compute() {
    for seed in 0..CASES {
        let case = random_program(seed, &Options::default());
        // All in their order; which of them is to blame is told by their number when shrunk.
        if difference(&case, PASSES).is_none() {
            continue;
        }
        let small = shrink(&case, |case| difference(case, PASSES).is_some());
        let count = (1..=PASSES.len()).find(|&n| difference(&small, &PASSES[..n]).is_some());
        let count = count.unwrap_or(PASSES.len());
        let text = difference(&small, &PASSES[..count]).unwrap_or_default();
        let mut after = small.program.clone();
        PASSES[..count].iter().for_each(|pass| (pass.run)(&mut after));
        panic!(
            "after pass `{}`: {text}\nsizes {:?}\n{}\nbecame\n{after}",
            PASSES[count - 1].name,
            small.dims,
            small.program.compact()
        );
    }
}

/// Changes every expression of a program.
fn each(program: &mut Program, change: impl Fn(&mut ExprKind)) {
    program.exprs.iter_mut().for_each(|expr| change(&mut expr.kind));
}

/// Passes with a mistake that a person could make.
const BROKEN: [Pass; 8] = [
    Pass {
        name: "swap-difference",
        doc: "takes subtraction for commutative",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Binary(BinaryOp::Sub, a, b) = kind {
                    std::mem::swap(a, b);
                }
            });
        },
    },
    Pass {
        name: "forget-exclusive",
        doc: "makes every scan inclusive",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Scan { exclusive, .. } = kind {
                    *exclusive = false;
                }
            });
        },
    },
    Pass {
        name: "least-for-greatest",
        doc: "reduces to the minimum",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Reduce(op @ ReduceOp::Max, ..) = kind {
                    *op = ReduceOp::Min;
                }
            });
        },
    },
    Pass {
        name: "round-away",
        doc: "rounds up what lies between",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Unary(op @ (UnaryOp::Round | UnaryOp::Floor), _) = kind {
                    *op = UnaryOp::Ceil;
                }
            });
        },
    },
    Pass {
        name: "forget-step",
        doc: "loads neighbours in place of every other element",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Load { place, .. } = kind {
                    for axis in &mut place.axes {
                        if let Axis::Range { step, .. } = axis {
                            *step = 1;
                        }
                    }
                }
            });
        },
    },
    Pass {
        name: "forget-fill",
        doc: "fills with what is twice too much",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Load { fill, .. } = kind
                    && let tilewright_ir::Literal::Float(x) = fill
                {
                    *x = 2.0 * *x + 1.0;
                }
            });
        },
    },
    Pass {
        name: "slice-from-the-start",
        doc: "ignores where a slice starts",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::Slice { start, .. } = kind {
                    *start = Extent::Const(0);
                }
            });
        },
    },
    Pass {
        name: "other-extreme",
        doc: "takes argmin for argmax",
        run: |program| {
            each(program, |kind| {
                if let ExprKind::ArgReduce { max, .. } = kind {
                    *max = !*max;
                }
            });
        },
    },
];

#[test]
fn a_broken_pass_is_noticed() {
    for pass in &BROKEN {
        let noticed = (0..CASES).find(|&seed| {
            let case = random_program(seed, &Options::default());
            difference(&case, std::slice::from_ref(pass)).is_some()
        });
        assert!(noticed.is_some(), "`{}`, which {}, goes unnoticed", pass.name, pass.doc);
    }
}
