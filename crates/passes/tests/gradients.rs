//! Gradients of small kernels, op by op, against finite differences.

mod finite;

use finite::{check_row, check_row_between, checked, count, inputs, recorded};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{ExprKind, ReduceOp};
use tilewright_lang::{Along, DType::*, Tile, reduce_by, scan_by, scan_by_along};
use tilewright_passes::check::{Arguments, CheckOptions, finite_difference_check};
use tilewright_passes::{GradOptions, grad};

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
fn user_defined_scans_either_way() {
    // Of two components, so that a wrong order shows.
    for exclusive in [None, Some([0.5, 2.0])] {
        for reverse in [false, true] {
            check_row(|x, w| {
                let along = Along { reverse, exclusive };
                let [_, h] =
                    scan_by_along([x.sigmoid(), x], along, |[a, b], [c, d]| [a * c, b * c + d]);
                h * w
            });
        }
    }
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
