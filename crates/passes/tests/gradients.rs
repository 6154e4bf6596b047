//! Gradients of small kernels, op by op and by the way they share their inputs, against finite differences.

use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{
    Access, BinaryOp, ExprKind, ParamKind, Program, ReduceOp, Stmt, UnaryOp, bind,
};
use tilewright_lang::{Args, DType::*, Kernel, Specialization, Tile, record, reduce_by, scan_by};
use tilewright_passes::check::{
    Arguments, CheckOptions, Report, check_backward, finite_difference_check, run_backward,
};
use tilewright_passes::precision::to_f64;
use tilewright_passes::{Backward, GradOptions, grad};

fn recorded(signature: &str, build: impl FnOnce(&mut Kernel, &Args)) -> Program {
    record("test", signature, &Specialization::default(), build).unwrap_or_else(|e| panic!("{e}"))
}

/// Inputs between `low` and `high`, no two alike; integers below 3.
fn inputs(program: &Program, sizes: &[(&str, usize)], low: f64, high: f64) -> Arguments {
    let bindings = bind(program, &vec![None; program.params.len()], sizes).unwrap();
    let mut all = Arguments::new();
    let mut number = 0usize;
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        if let ParamKind::Tensor { dtype, access: Access::In | Access::InOut, .. } = param.kind {
            let mut value = || {
                number += 1;
                match dtype.is_float() {
                    true => low + (high - low) * (number as f64 * 0.618_033_988_749_895).fract(),
                    false => (number * 7 % 3) as f64,
                }
            };
            let values: Vec<f64> = (0..shape.iter().product()).map(|_| value()).collect();
            let tensor = Tensor::from_values(dtype, shape, &values);
            all.insert(param.name.clone(), Argument::Tensor(tensor));
        }
    }
    all
}

fn checked_between(program: &Program, sizes: &[(&str, usize)], low: f64, high: f64) -> Report {
    let inputs = inputs(program, sizes, low, high);
    let report = finite_difference_check(program, &inputs, sizes, &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{e}\n{program}"));
    let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
    assert!(failures.is_empty(), "{}\n{program}", failures.join("\n"));
    report
}

fn checked(program: &Program, sizes: &[(&str, usize)]) -> Report {
    checked_between(program, sizes, -2.0, 2.0)
}

/// Checks `y = f(x, w)` on rows, where `w` is one row for all.
fn check_row(f: impl Fn(Tile, Tile) -> Tile) {
    check_row_between(-2.0, 2.0, f);
}

fn check_row_between(low: f64, high: f64, f: impl Fn(Tile, Tile) -> Tile) {
    let signature = "x: f32[*rows, cols], w: f32[cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, w) = (a["x"].row(row).load(), a["w"].load());
        a["y"].row(row).store(f(x, w));
    });
    for sizes in
        [[("rows", 1), ("cols", 1)], [("rows", 3), ("cols", 7)], [("rows", 130), ("cols", 5)]]
    {
        checked_between(&program, &sizes, low, high);
    }
}

#[test]
fn every_unary_op() {
    let ops: [fn(Tile) -> Tile; 20] = [
        |x| -x,
        Tile::abs,
        Tile::sign,
        Tile::floor,
        Tile::ceil,
        Tile::round,
        Tile::trunc,
        Tile::exp,
        Tile::exp2,
        Tile::expm1,
        Tile::sin,
        Tile::cos,
        Tile::tanh,
        Tile::sigmoid,
        Tile::softplus,
        Tile::erf,
        Tile::relu,
        Tile::gelu,
        Tile::mish,
        |x| x.elu(0.5),
    ];
    for op in ops {
        check_row(|x, w| op(x) * w + op(w));
    }
    let positive: [fn(Tile) -> Tile; 6] =
        [Tile::sqrt, Tile::rsqrt, Tile::recip, Tile::log, Tile::log2, Tile::log1p];
    for op in positive {
        check_row_between(0.5, 3.0, |x, w| op(x) * w + op(w));
    }
}

#[test]
fn every_binary_and_ternary_op() {
    check_row(|x, w| x + w);
    check_row(|x, w| x - w);
    check_row(|x, w| w - x);
    check_row(|x, w| x * w);
    check_row(|x, _| x * x);
    check_row(|x, w| x.max(w));
    check_row(|x, w| w.min(x));
    check_row(|x, w| x.max(0.3) * w.min(-0.2));
    check_row(|x, w| x.fma(w, x * 0.5));
    check_row(|x, w| x.gt(w).select(x * 2.0, w * 3.0));
    check_row_between(0.5, 2.0, |x, w| x / w);
    check_row_between(0.5, 2.0, |x, w| x.pow(w));
    check_row_between(0.5, 2.0, |x, w| x.pow(3.0) + w.pow(-1.5));
    check_row_between(0.5, 2.0, |x, w| (x * 3.0) % w);
}

#[test]
fn every_reduction_and_scan() {
    check_row(|x, w| x * w.row_sum() + x.row_sum());
    check_row(|x, w| x.row_mean() * w);
    check_row(|x, w| x.row_max() * w + x.row_min());
    check_row(|x, w| x.row_prod() * w);
    check_row(|x, w| (x * w).cumsum());
    check_row(|x, w| (x * w).scan(ReduceOp::Sum, true, true));
    check_row(|x, w| x.log_softmax() * w);
    check_row(|x, w| (x * w).logsumexp() * w);
}

#[test]
fn other_scans() {
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
        check_row(|x, w| x.scan(ReduceOp::Prod, exclusive, reverse) * w);
        if !exclusive {
            check_row(|x, w| x.scan(ReduceOp::Max, exclusive, reverse) * w);
            check_row(|x, w| x.scan(ReduceOp::Min, exclusive, reverse) * w);
        }
    }
}

#[test]
fn user_defined_reductions_and_scans() {
    // The mean and the sum of squared distances from it, joined as Chan et al. (1979) do.
    check_row(|x, w| {
        let one = x * 0.0 + 1.0;
        let [_, mean, m2] =
            reduce_by([one, x, x * 0.0], [0.0, 0.0, 0.0], |[n, m, s], [o, p, t]| {
                let count = n + o;
                let delta = p - m;
                let share = o / count.max(1.0);
                [count, m + delta * share, s + t + delta * delta * n * share]
            });
        (x - mean) * w + m2
    });
    // log Σ e^x without a maximum beforehand.
    check_row(|x, w| {
        let one = x * 0.0 + 1.0;
        let [m, s] = reduce_by([x, one], [-1e30, 0.0], |[m, s], [n, t]| {
            let top = m.max(n);
            [top, s * (m - top).exp() + t * (n - top).exp()]
        });
        (m + s.log()) * w
    });
    // A linear recurrence is associative in its products.
    check_row(|x, w| {
        let [y] = scan_by([x], |[a], [b]| [a + b + a * b * 0.5]);
        y * w
    });
}

#[test]
fn the_product_of_a_row_with_zeros_has_a_gradient() {
    let program = recorded("x: f32[n] -> y: f32[1]", |_, a| a["y"].store(a["x"].load().row_prod()));
    let x = Tensor::from_values(F32, &[4], &[2.0, 0.0, 3.0, 4.0]);
    let all = Arguments::from([("x".into(), Argument::Tensor(x))]);
    let report = finite_difference_check(&program, &all, &[], &CheckOptions::default()).unwrap();
    assert!(report.passed());
    // One cotangent scales them all.
    let d_x = report.gradients["d_x"].values();
    assert!(d_x[1] != 0.0 && d_x[0] == 0.0 && d_x[2] == 0.0 && d_x[3] == 0.0, "{d_x:?}");
}

#[test]
fn moved_elements() {
    let signature = "x: f32[*rows, 2*half] -> y: f32[*rows, 2*half]";
    let halves = |swap: fn(Tile, Tile) -> Tile| {
        recorded(signature, |k, a| {
            let row = k.program();
            let x = a["x"].row(row).load();
            let half = a["x"].part(0, 2).size(1);
            let (left, right) = (x.slice(0, 0, half), x.slice(0, half, half));
            a["y"].row(row).store(swap(left, right));
        })
    };
    let sizes = [("rows", 3), ("half", 4)];
    let program = halves(|left, right| (-right).concat(left * right));
    checked(&program, &sizes);
    // Both halves contribute to one row without a padded sum.
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let joins = count(&backward.programs[0], |k| matches!(k, ExprKind::Concat(..)));
    assert_eq!(joins, 1);
    checked(&halves(|left, _| left.concat(left * left)), &sizes);

    let picks = recorded("x: f32[*rows, n], i: u32[*rows, 20] -> y: f32[*rows, 20]", |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store((x * x).pick(a["i"].row(row).load()));
    });
    checked(&picks, &[("rows", 3), ("n", 5)]);

    let top = recorded("x: f32[*rows, n] -> y: f32[*rows, 3]", |k, a| {
        let row = k.program();
        let (best, at) = a["x"].row(row).load().exp().top_k(3);
        a["y"].row(row).store(best * at.to(F32));
    });
    checked(&top, &[("rows", 3), ("n", 5)]);
}

#[test]
fn blocks_with_two_axes() {
    let signature = "a: f32[4, 6], b: f32[6, 5] -> y: f32[4, 5]";
    let product = recorded(signature, |_, a| {
        let (x, b) = (a["a"].load(), a["b"].load());
        let product = x.dot(b);
        a["y"].store(product.tanh() * x.reduce(ReduceOp::Sum, 1) + b.reduce(ReduceOp::Max, 0));
    });
    checked(&product, &[]);
    let turned = recorded("x: f32[4, 6] -> y: f32[6, 4]", |_, a| {
        let x = a["x"].load();
        a["y"].store(x.transpose().exp() * x.reshape(&[6.into(), 4.into()]));
    });
    checked(&turned, &[]);
}

#[test]
fn elementwise_kernels_reduce_what_they_broadcast() {
    // One program for everything.
    let signature = "x: f32[b, s, c], y: f32[s, 1], z: f32[b, 1, c] -> o: f32[b, s, c]";
    let whole = recorded(signature, |_, a| {
        a["o"].store(a["x"].load() * a["y"].load() + a["z"].load().exp());
    });
    let sizes = [("b", 3), ("s", 4), ("c", 5)];
    checked(&whole, &sizes);
    // A grid over two axes; each input is shared along another.
    let signature =
        "x: f32[b, s, c], y: f32[1, s, c], z: f32[b, 1, c], w: f32[c] -> o: f32[b, s, c]";
    let rows = recorded(signature, |k, a| {
        let (b, s) = (k.program(), k.program());
        let x = a["x"].row(b).row(s).load();
        let (y, z) = (a["y"].row(0).row(s).load(), a["z"].row(b).row(0).load());
        a["o"].row(b).row(s).store(x * y + (z * y).sin() * a["w"].load());
    });
    checked(&rows, &sizes);
    checked(&rows, &[("b", 2), ("s", 70), ("c", 3)]);
    let backward = grad(&rows, &GradOptions::default()).unwrap();
    // x and w need no loops but those of w; y is summed over b, z over s, w over both.
    assert_eq!(backward.temporaries.len(), 3);
}

#[test]
fn blocks_of_a_flat_tensor() {
    let signature = "x: f32[n], scale: f32[1] -> y: f32[n]";
    let program = recorded(signature, |k, a| {
        let start = k.blocks(a["x"].size(0), 8);
        let x = a["x"].range(start, 8).load();
        a["y"].range(start, 8).store((x * a["scale"].load()).tanh());
    });
    for n in [1, 8, 9, 1000] {
        checked(&program, &[("n", n)]);
    }
}

#[test]
fn parts_of_an_input_that_nothing_reads_get_zeros() {
    let signature = "x: f32[*rows, 3*third], w: f32[2*third] -> y: f32[*rows, third]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let x = a["x"].row(row);
        a["y"].row(row).store(x.part(0, 3).load() * x.part(2, 3).load() * a["w"].part(1, 2).load());
    });
    let report = checked(&program, &[("rows", 5), ("third", 2)]);
    let d_x = report.gradients["d_x"].values();
    assert!(d_x.chunks(6).all(|row| row[2] == 0.0 && row[3] == 0.0 && row[0] != 0.0));
    assert_eq!(report.gradients["d_w"].values()[..2], [0.0, 0.0]);
}

#[test]
fn interleaved_parts_cover_their_axis() {
    let signature = "x: f32[*rows, 2*half] -> y: f32[*rows, half]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let x = a["x"].row(row);
        a["y"].row(row).store(x.every(2, 0).load() * x.every(2, 1).load());
    });
    checked(&program, &[("rows", 5), ("half", 3)]);
    assert_eq!(grad(&program, &GradOptions::default()).unwrap().programs.len(), 1);
}

#[test]
fn rows_picked_by_data_are_added_up() {
    let signature = "table: f32[entries, cols], i: i32[*rows], w: f32[cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let picked = a["table"].row(a["i"].row(row).load()).load();
        a["y"].row(row).store(picked * picked * a["w"].load());
    });
    checked(&program, &[("entries", 3), ("rows", 70), ("cols", 300)]);
    // A row and its neighbour: two programs read one element.
    let signature = "x: f32[next, cols], d: f32[*rows, cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (here, next) = (a["d"].row(row).load(), a["x"].row(row + 1).load());
        a["y"].row(row).store(here * next * a["x"].row(row * 1).load());
    });
    checked(&program, &[("next", 6), ("rows", 5), ("cols", 3)]);
    // A column gathered by a tile of positions, some of them twice.
    let signature = "x: f32[n], i: u32[m] -> y: f32[m]";
    let program = recorded(signature, |_, a| {
        a["y"].store(a["x"].gather(a["i"].load()).load().exp());
    });
    checked(&program, &[("n", 4), ("m", 9)]);
}

#[test]
fn the_gradient_of_an_embedding_copies_nothing() {
    let signature = "table: f16[entries, cols], i: u32[*rows] -> y: f16[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["table"].row(a["i"].row(row).load().to(I32)).load());
    });
    checked(&program, &[("entries", 3), ("rows", 9), ("cols", 4)]);
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let names: Vec<_> = backward.programs.iter().map(|p| p.name.as_str()).collect();
    let expected = ["zero_sum_d_table", "scatter_d_table", "round_d_table"];
    assert_eq!(names, expected.map(|name| format!("test_grad_{name}")));
}

#[test]
fn what_is_added_atomically_gets_the_gradient_of_where_it_went() {
    let signature = "i: i32[*rows], x: f32[*rows, cols], y: &f32[entries, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(a["i"].row(row).load()).atomic_add(x * x);
    });
    // No device has atomics on f64, so this one is checked against its formula.
    let sizes = [("entries", 3), ("rows", 9), ("cols", 4)];
    let mut all = inputs(&program, &sizes, -2.0, 2.0);
    let d_y: Vec<f64> = (0..12).map(|n| n as f64).collect();
    all.insert("d_y".into(), Argument::Tensor(Tensor::from_values(F32, &[3, 4], &d_y)));
    run_backward(&grad(&program, &GradOptions::default()).unwrap(), &mut all, &sizes).unwrap();
    let [x, i, d_x] = ["x", "i", "d_x"].map(|name| all[name].tensor().unwrap().values());
    for (n, d) in d_x.iter().enumerate() {
        let expected = 2.0 * x[n] * d_y[i[n / 4] as usize * 4 + n % 4];
        assert!((d - expected).abs() < 1e-5);
    }
}

#[test]
fn no_rows_give_weights_a_gradient_of_zero() {
    let program = recorded("x: f32[*rows, cols], w: f32[cols] -> y: f32[*rows, cols]", |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load() * a["w"].load());
    });
    let report = checked(&program, &[("rows", 0), ("cols", 300)]);
    assert!(report.gradients["d_w"].values().iter().all(|d| *d == 0.0));
    assert_eq!(report.gradients["d_w"].elements(), 300);
}

#[test]
fn straight_variables_and_reads_of_own_results_are_followed() {
    let signature = "x: f32[*rows, cols] -> y: f32[*rows, cols], z: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let mut sum = k.var(a["x"].row(row).load());
        sum *= 3.0;
        a["y"].row(row).store(sum.get().exp());
        sum += a["y"].row(row).load();
        a["z"].row(row).store(sum.get().sin());
    });
    checked(&program, &[("rows", 2), ("cols", 3)]);
}

#[test]
fn masked_stores_and_tensors_updated_in_place() {
    let signature = "x: f32[*rows, cols], p: &f32[*rows, cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, p) = (a["x"].row(row).load(), a["p"].row(row).load());
        a["y"].row(row).store(x * p);
        a["p"].row(row).store(p * p + x);
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    assert_eq!(backward.gradients, ["d_x", "d_p_before"]);
    assert_eq!(backward.cotangents, ["d_p", "d_y"]);
    checked(&program, &[("rows", 3), ("cols", 4)]);
}

fn count(program: &Program, what: impl Fn(&ExprKind) -> bool) -> usize {
    program.exprs.iter().filter(|e| what(&e.kind)).count()
}

#[test]
fn the_gradient_of_softmax_is_the_one_written_by_hand() {
    let program = recorded("x: f32[*rows, cols] -> y: f32[*rows, cols]", |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load().softmax());
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let [stage] = &backward.programs[..] else { panic!("one program") };
    // y (g - Σ g y): one division, two products, one difference, no trace of the maximum's own gradient.
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Div, ..))), 1);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Mul, ..))), 2);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Sub, ..))), 2);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Unary(UnaryOp::Neg, _))), 0);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::ArgReduce { .. })), 0);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Load { .. })), 2);
}

#[test]
fn the_gradient_of_a_masked_softmax_has_the_same_form() {
    let signature = "x: f32[*rows, cols], mask: bool[*rows, cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let kept = a["mask"].row(row).load().select(a["x"].row(row).load(), f64::NEG_INFINITY);
        let max = kept.row_max();
        let e = (kept - max.eq(f64::NEG_INFINITY).select(0.0, max)).exp();
        let sum = e.row_sum();
        a["y"].row(row).store(e / sum.eq(0.0).select(1.0, sum));
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let [stage] = &backward.programs[..] else { panic!("one program") };
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Div, ..))), 1, "{stage}");
    assert_eq!(count(stage, |k| matches!(k, ExprKind::ArgReduce { .. })), 0);
    // A row that keeps nothing has zero gradients, not NaN.
    let x = Tensor::from_values(F32, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mask = Tensor::from_values(Bool, &[2, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    let all = [("x".into(), Argument::Tensor(x)), ("mask".into(), Argument::Tensor(mask))];
    let all = Arguments::from(all);
    let report = finite_difference_check(&program, &all, &[], &CheckOptions::default()).unwrap();
    assert!(report.passed());
    assert_eq!(report.gradients["d_x"].values()[..3], [0.0; 3]);
}

#[test]
fn a_maximum_that_is_no_shift_keeps_its_gradient() {
    let program = recorded("x: f32[*rows, cols] -> y: f32[*rows, cols]", |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store((x - x.row_max()).exp());
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let ties = |k: &ExprKind| matches!(k, ExprKind::Binary(BinaryOp::Eq, ..));
    assert_eq!(count(&backward.programs[0], ties), 1);
    checked(&program, &[("rows", 3), ("cols", 5)]);
}

#[test]
fn weight_gradients_read_each_input_once() {
    let signature = "x: f16[*rows, cols], w: f16[cols] -> y: f16[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load().to(F32);
        a["y"].row(row).store(x * (x * x).row_mean().rsqrt() * a["w"].load().to(F32));
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    assert_eq!(backward.programs.len(), 2);
    let stage = &backward.programs[0];
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Load { .. })), 3);
    // The weight is read before the loop.
    let before = stage.body.iter().filter(
        |s| matches!(s, Stmt::Let(id) if matches!(stage.expr(*id).kind, ExprKind::Load { .. })),
    );
    assert_eq!(before.count(), 1);
}

#[test]
fn only_what_is_wanted_is_computed() {
    let signature = "x: f32[*rows, cols], w: f32[cols] -> y: f32[*rows, cols], z: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, w) = (a["x"].row(row).load(), a["w"].load());
        a["y"].row(row).store(x * w);
        a["z"].row(row).store(x.exp() * w);
    });
    let names = |list: &[&str]| Some(list.iter().map(|s| s.to_string()).collect());
    let options = GradOptions { inputs: names(&["x"]), outputs: names(&["y"]) };
    let backward = grad(&program, &options).unwrap();
    assert_eq!((backward.programs.len(), backward.cotangents.len()), (1, 1));
    let inputs: Vec<_> = backward.programs[0].params.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(inputs, ["w", "d_y", "d_x"]);
    let wrong = GradOptions { inputs: names(&["q"]), outputs: None };
    assert!(grad(&program, &wrong).unwrap_err().to_string().contains("`q`"));
    let wrong = GradOptions { inputs: None, outputs: names(&["x"]) };
    assert!(grad(&program, &wrong).unwrap_err().to_string().contains("`x`"));
}

#[test]
fn what_has_no_gradient_says_which_op_and_where() {
    let error = |signature: &str, build: &dyn Fn(&mut Kernel, &Args)| {
        let program = recorded(signature, build);
        grad(&program, &GradOptions::default()).unwrap_err()
    };
    let looped = error("x: f32[n] -> y: f32[1]", &|k, a| {
        let mut sum = k.var(k.full(F32, &[], 0.0));
        for i in k.range(0, a["x"].size(0)) {
            sum += a["x"].at(i).load();
        }
        a["y"].at(0).store(sum.get());
    });
    assert!(looped.what.contains("loop"), "{looped}");
    assert!(looped.at.as_ref().is_some_and(|at| at.file.ends_with("gradients.rs")), "{looped}");
    let bits = error("x: f32[n] -> y: f32[n]", &|_, a| {
        a["y"].store((a["x"].load().bitcast(I32) + 1).bitcast(F32));
    });
    assert!(bits.what.contains("bit cast"), "{bits}");
    let integers =
        error("x: f32[n] -> y: u32[1]", &|_, a| a["y"].store(a["x"].load().row_argmax()));
    assert!(integers.to_string().contains("float outputs"), "{integers}");
    let atomic = error("x: f32[n], i: i32[n], y: &f32[m] -> z: f32[n]", &|k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["z"].row(row).store(x);
        a["y"].row(a["i"].row(row).load()).atomic_max(x);
    });
    assert!(atomic.what.contains("atomic"), "{atomic}");
    let partial = error("p: &f32[n], m: bool[n]", &|_, a| {
        a["p"].store_where(a["m"].load(), a["p"].load().exp());
    });
    assert!(partial.what.contains("`p`"), "{partial}");
    let doubled = error("x: f32[n], d_x: f32[n] -> y: f32[n]", &|_, a| {
        a["y"].store(a["x"].load() * a["d_x"].load());
    });
    assert!(doubled.what.contains("d_x"), "{doubled}");
}

#[test]
fn bits_that_come_back_unchanged_are_the_value() {
    let program = recorded("x: f32[n] -> y: f32[n]", |_, a| {
        a["y"].store(a["x"].load().bitcast(I32).bitcast(F32));
    });
    assert!(grad(&program, &GradOptions::default()).is_ok());
}

#[test]
fn the_check_notices_a_wrong_gradient() {
    let kernel = |f: fn(Tile) -> Tile| {
        recorded("x: f32[n] -> y: f32[n]", |_, a| a["y"].store(f(a["x"].load())))
    };
    let (program, other) = (kernel(Tile::tanh), kernel(|x| x.tanh() * 1.001));
    let wrong: Backward = grad(&to_f64(&other).unwrap(), &GradOptions::default()).unwrap();
    let inputs = inputs(&program, &[("n", 9)], -2.0, 2.0);
    let report = check_backward(&program, &wrong, &inputs, &[], &CheckOptions::default()).unwrap();
    assert!(report.failures().count() >= 4);
}

/// A deterministic sequence of integers below a bound.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

/// A random row kernel: every value stays of moderate size, so that differences are sharp.
fn random_row(random: &mut Sequence, leaves: &mut Vec<Tile>, depth: usize) -> Tile {
    if depth == 0 {
        return leaves[random.below(leaves.len())];
    }
    let mut a = || random_row(random, leaves, depth - 1);
    let (a, b) = (a(), a());
    let positive = b * b + 0.5;
    let made = match random.below(24) {
        0 => a + b,
        1 => a - b,
        2 => a * b.tanh(),
        3 => a / positive,
        4 => a.tanh() / (b.exp().min(9.0) + 1.0),
        5 => a.sigmoid() - b.softplus(),
        6 => (positive.log() + a).sin(),
        7 => a.cos() * positive.rsqrt(),
        8 => a.tanh().exp() * positive.sqrt().recip(),
        9 => a.softmax() * b,
        10 => a.log_softmax() - b,
        11 => a.logsumexp() * b.tanh(),
        12 => a - a.row_mean(),
        13 => a * (b * b).row_mean().rsqrt().min(3.0),
        14 => a.row_max() - b,
        15 => a.max(b),
        16 => a.gt(b).select(a * 0.5, b),
        17 => a.tanh().cumsum() * 0.3,
        18 => (a.tanh() * 0.2 + 1.0).scan(ReduceOp::Prod, false, true).tanh() + b,
        19 => a.abs() - b.erf(),
        20 => -(a * 0.5).fma(b, a),
        21 => (a.exp().min(50.0) + 1.0).log() + (b.row_sum() * 0.2).tanh(),
        22 => (a - a.row_max()).exp() / (a - a.row_max()).exp().row_sum() * b,
        _ => (positive.pow(a.tanh())).min(20.0),
    };
    leaves.push(made);
    made
}

#[test]
fn random_row_kernels_have_the_gradients_of_finite_differences() {
    for seed in 0..150 {
        let mut random = Sequence(seed * 31 + 7);
        let signature = "x: f32[*rows, cols], w: f32[cols], z: f32[*rows, cols] \
                         -> y: f32[*rows, cols], s: f32[*rows, 1]";
        let program = recorded(signature, |k, a| {
            let row = k.program();
            let leaves = [a["x"].row(row).load(), a["w"].load(), a["z"].row(row).load()];
            let y = random_row(&mut random, &mut leaves.to_vec(), 3);
            a["y"].row(row).store(y);
            a["s"].row(row).store((y * leaves[0]).row_sum());
        });
        let sizes = [("rows", 1 + seed as usize % 3), ("cols", 1 + seed as usize % 7)];
        let inputs = inputs(&program, &sizes, -1.5, 1.5);
        let options = CheckOptions { seed, directions: 1, elements: 2, ..CheckOptions::default() };
        let report = finite_difference_check(&program, &inputs, &sizes, &options)
            .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{program}"));
        let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
        assert!(failures.is_empty(), "seed {seed}: {}\n{program}", failures.join("\n"));
    }
}
