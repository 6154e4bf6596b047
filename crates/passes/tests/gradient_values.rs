//! Gradients where finite differences cannot judge them: at ties, beside branches that overflow, and those of scans of
//! several components, against values worked out by hand.

use tilewright_ir::Program;
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_lang::oneliner::{Elementwise, Layout};
use tilewright_lang::{Args, DType::*, Kernel, Specialization, Tile, record, reduce_by, scan_by};
use tilewright_passes::check::{Arguments, CheckOptions, finite_difference_check, run_backward};
use tilewright_passes::{GradOptions, grad};

fn recorded(signature: &str, build: impl FnOnce(&mut Kernel, &Args)) -> Program {
    record("test", signature, &Specialization::default(), build).unwrap_or_else(|e| panic!("{e}"))
}

/// The gradients `d_<input>` of a program of vectors of one length, by name, for cotangents of 1.
fn slopes(program: &Program, inputs: &[(&str, &[f64])], output: usize) -> Arguments {
    let backward = grad(program, &GradOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let vector =
        |values: &[f64]| Argument::Tensor(Tensor::from_values(F32, &[values.len()], values));
    let mut known: Arguments =
        inputs.iter().map(|(name, values)| (name.to_string(), vector(values))).collect();
    for name in &backward.cotangents {
        known.insert(name.clone(), vector(&vec![1.0; output]));
    }
    run_backward(&backward, &mut known, &[]).unwrap_or_else(|e| panic!("{e}"));
    known
}

fn values(all: &Arguments, name: &str) -> Vec<f64> {
    all[name].tensor().unwrap().values().to_vec()
}

/// The slope of a formula of `x`, and of `y` where it has one.
fn of_formula(text: &str, inputs: &[(&str, &[f64])], wanted: &str) -> Vec<f64> {
    let formula = Elementwise::formula(text).unwrap_or_else(|e| panic!("{e}"));
    let count = formula.inputs().len();
    let program = formula.program(&vec![F32; count], &Layout::flat(count)).unwrap();
    values(&slopes(&program, inputs, inputs[0].1.len()), wanted)
}

/// The slope of a row program of `x: f32[n]` with one row of results.
fn of_row(f: impl Fn(Tile) -> Tile, x: &[f64]) -> Vec<f64> {
    let program = recorded("x: f32[n] -> y: f32[n]", |_, a| a["y"].store(f(a["x"].load())));
    values(&slopes(&program, &[("x", x)], x.len()), "d_x")
}

#[test]
fn a_branch_that_is_not_taken_has_no_part_in_the_slope() {
    let x = &[-200.0, 0.0, 2.0, 100.0, 300.0][..];
    let exp2 = 2f64.exp();
    for (text, expected) in [
        ("x < 80 ? exp(x) : x", [0.0, 1.0, exp2, 1.0, 1.0]),
        ("x < 80 ? exp(x) * x : 3 * x", [0.0, 1.0, 3.0 * exp2, 3.0, 3.0]),
        ("x > 0 ? log(x) : x", [1.0, 1.0, 0.5, 0.01, 1.0 / 300.0]),
        ("x > 0 ? sqrt(x) : 0", [0.0, 0.0, 0.353_553_39, 0.05, 0.028_867_513]),
        ("x > 0 ? 1 / x : 0", [0.0, 0.0, -0.25, -1e-4, -1.0 / 9e4]),
        ("x > 0 ? pow(x, 0.5) : 0", [0.0, 0.0, 0.353_553_39, 0.05, 0.028_867_513]),
        ("min(exp(x), 10)", [0.0, 1.0, exp2, 0.0, 0.0]),
        ("clamp(exp(x * x), 0, 2)", [0.0, 0.0, 0.0, 0.0, 0.0]),
        // Chosen twice, from different sides.
        ("x < 1 ? exp(x) : x < 80 ? exp(x) * 2 : 7", [0.0, 1.0, 2.0 * exp2, 0.0, 0.0]),
        ("x < 80 ? (x > -10 ? exp(x) : 5) : 6", [0.0, 1.0, exp2, 0.0, 0.0]),
        // What is chosen from differs, and is the same function of x in both.
        ("where(isinf(exp(x)), x, log1p(exp(x) * exp(x)))", [0.0, 1.0, 1.964_027_58, 1.0, 1.0]),
    ] {
        let found = of_formula(text, &[("x", x)], "d_x");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs(),
                "{text}: {found} of {expected}"
            );
        }
    }
}

#[test]
fn nor_has_it_in_rows() {
    let x = &[1.0, -1.0, 100.0, 2.0][..];
    let [e1, e2] = [1f64.exp(), 2f64.exp()];
    let expected = [4.0 * e1, 0.0, 0.0, 4.0 * e2];
    let close = |found: Vec<f64>, expected: [f64; 4]| {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} of {expected}");
        }
    };
    // Each is in the sum once, and the sum in four results.
    let inside = |x: Tile| x.gt(0.0) & x.lt(80.0);
    close(of_row(|x| inside(x).select(x.exp(), 0.0).row_sum(), x), expected);
    // A row whose sum is not taken at all.
    let never = |x: Tile| x.exp().row_sum();
    close(of_row(|x| never(x).lt(50.0).select(never(x), x), x), [1.0; 4]);
    // Moved between the choice and the slope.
    let turned = |x: Tile| {
        let row = x.exp();
        inside(x).select(row, 0.0).cumsum()
    };
    close(of_row(turned, x), [4.0 * e1, 0.0, 0.0, e2]);
}

#[test]
fn a_masked_store_has_no_part_in_the_slope_either() {
    let program = recorded("x: f32[n], m: bool[n], y: &f32[n] -> z: f32[n]", |_, a| {
        let x = a["x"].load();
        a["z"].store(x);
        a["y"].store_where(x.lt(80.0), x.exp());
    });
    // Some elements of `y` alone are replaced; that of `x` is asked for.
    let options = GradOptions { inputs: Some(vec!["x".into()]), outputs: Some(vec!["y".into()]) };
    let backward = grad(&program, &options).unwrap_or_else(|e| panic!("{e}"));
    let vector = |values: &[f64]| Argument::Tensor(Tensor::from_values(F32, &[2], values));
    let mut known: Arguments = [("x", [0.0, 100.0]), ("d_y", [1.0, 1.0]), ("y", [0.0, 0.0])]
        .map(|(name, values)| (name.to_string(), vector(&values)))
        .into();
    run_backward(&backward, &mut known, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(values(&known, "d_x"), [1.0, 0.0]);
}

#[test]
fn two_equal_operands_share_the_slope() {
    let (x, y) = (&[1.0, 2.0, 3.0][..], &[2.0, 2.0, 2.0][..]);
    for (text, d_x, d_y) in [
        ("max(x, y)", [0.0, 0.5, 1.0], [1.0, 0.5, 0.0]),
        ("min(x, y)", [1.0, 0.5, 0.0], [0.0, 0.5, 1.0]),
        ("max(x, y) * 3", [0.0, 1.5, 3.0], [3.0, 1.5, 0.0]),
    ] {
        let inputs = [("x", x), ("y", y)];
        assert_eq!(of_formula(text, &inputs, "d_x"), d_x, "{text}");
        assert_eq!(of_formula(text, &inputs, "d_y"), d_y, "{text}");
    }
    // The same when only one is asked for.
    let program = recorded("x: f32[n], y: f32[n] -> z: f32[n]", |_, a| {
        a["z"].store(a["x"].load().max(a["y"].load()));
    });
    let options = GradOptions { inputs: Some(vec!["x".into()]), ..GradOptions::default() };
    let backward = grad(&program, &options).unwrap();
    let vector = |values: &[f64]| Argument::Tensor(Tensor::from_values(F32, &[3], values));
    let mut known: Arguments = [("x", x), ("y", y), ("d_z", &[1.0; 3])]
        .map(|(name, values)| (name.to_string(), vector(values)))
        .into();
    run_backward(&backward, &mut known, &[]).unwrap();
    assert_eq!(values(&known, "d_x"), [0.0, 0.5, 1.0]);
}

#[test]
fn against_a_constant_only_what_lies_beyond_it_counts() {
    let x = &[-1.0, 0.0, 1.0, 2.0][..];
    for (text, expected) in [
        ("max(x, 0)", [0.0, 0.0, 1.0, 1.0]),
        ("max(0, x)", [0.0, 0.0, 1.0, 1.0]),
        ("relu(x)", [0.0, 0.0, 1.0, 1.0]),
        ("min(x, 1)", [1.0, 1.0, 0.0, 0.0]),
        ("clamp(x, 0, 1)", [0.0, 0.0, 0.0, 0.0]),
        ("abs(x)", [-1.0, 0.0, 1.0, 1.0]),
    ] {
        assert_eq!(of_formula(text, &[("x", x)], "d_x"), expected, "{text}");
    }
}

#[test]
fn the_greatest_of_a_row_share_its_slope() {
    let four = |values: [f64; 4]| values.map(|share| share * 4.0);
    assert_eq!(of_row(Tile::row_max, &[3.0, 1.0, 3.0, 2.0]), four([0.5, 0.0, 0.5, 0.0]));
    assert_eq!(of_row(Tile::row_min, &[1.0, 1.0, 1.0, 1.0]), four([0.25; 4]));
    assert_eq!(of_row(Tile::row_max, &[3.0, 1.0, 4.0, 2.0]), four([0.0, 0.0, 1.0, 0.0]));
    // By a function of one's own the first has it, however the parts join.
    let by_hand = |x: Tile| {
        let [max] = reduce_by([x], [f64::NEG_INFINITY], |[a], [b]| [a.max(b)]);
        max
    };
    assert_eq!(of_row(by_hand, &[1.0, 3.0, 3.0, 3.0]), four([0.0, 1.0, 0.0, 0.0]));
    let running = |x: Tile| x.scan(tilewright_ir::ReduceOp::Max, false, false);
    assert_eq!(of_row(running, &[1.0, 3.0, 3.0, 2.0]), [1.0, 3.0, 0.0, 0.0]);
}

const RECURRENCE: &str = "a: f32[n], b: f32[n] -> h: f32[n]";

/// `h[i] = a[i] h[i-1] + b[i]`.
fn linear(a: Tile, b: Tile) -> Tile {
    let [_, h] = scan_by([a, b], |[a, b], [c, d]| [a * c, b * c + d]);
    h
}

#[test]
fn a_linear_recurrence_has_the_gradient_of_its_reverse() {
    let program = recorded(RECURRENCE, |_, v| v["h"].store(linear(v["a"].load(), v["b"].load())));
    let (a, b) = (&[7.0, 2.0, 0.5, 3.0][..], &[1.0, -1.0, 4.0, 2.0][..]);
    // h = 1, 1, 4.5, 15.5; s[3] = 1, s[2] = 1 + 3, s[1] = 1 + 0.5 * 4, s[0] = 1 + 2 * 3.
    let found = slopes(&program, &[("a", a), ("b", b)], 4);
    assert_eq!(values(&found, "d_b"), [7.0, 3.0, 4.0, 1.0]);
    // s[i] h[i-1]; the first is multiplied with nothing.
    assert_eq!(values(&found, "d_a"), [0.0, 3.0, 4.0, 4.5]);
    // One slope and one sum are carried, as one would by hand.
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let scanned: Vec<usize> = backward.programs[0]
        .exprs
        .iter()
        .filter_map(|e| match &e.kind {
            tilewright_ir::ExprKind::ScanBy { of, .. } => Some(of.len()),
            _ => None,
        })
        .collect();
    assert_eq!(scanned, [2, 2], "{}", backward.programs[0]);
}

fn checked(signature: &str, sizes: &[(&str, usize)], build: impl Fn(&mut Kernel, &Args)) {
    let program = recorded(signature, build);
    let bound = tilewright_ir::bind(&program, &vec![None; program.params.len()], sizes).unwrap();
    let mut number = 0usize;
    let mut all = Arguments::new();
    for (param, shape) in program.params.iter().zip(&bound.shapes) {
        if let tilewright_ir::ParamKind::Tensor { dtype, access, .. } = param.kind
            && access == tilewright_ir::Access::In
        {
            let values: Vec<f64> = (0..shape.iter().product())
                .map(|_| {
                    number += 1;
                    match dtype.is_float() {
                        true => -1.5 + 3.0 * (number as f64 * 0.618_033_988_749_895).fract(),
                        false => (number * 7 % 3 / 2) as f64,
                    }
                })
                .collect();
            let tensor = Tensor::from_values(dtype, shape, &values);
            all.insert(param.name.clone(), Argument::Tensor(tensor));
        }
    }
    let report = finite_difference_check(&program, &all, sizes, &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{e}\n{program}"));
    let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
    assert!(failures.is_empty(), "{}\n{program}", failures.join("\n"));
    // Of a row of one element there is no recurrence.
    let some = |g: &Tensor| g.values().iter().any(|&x| x != 0.0);
    assert!(sizes.contains(&("n", 1)) || report.gradients.values().all(some));
}

#[test]
fn scans_of_several_components() {
    let rows = "a: f32[*rows, n], b: f32[*rows, n], w: f32[n] -> y: f32[*rows, n]";
    for n in [1, 2, 7, 33] {
        let sizes = [("rows", 3), ("n", n)];
        let row = |k: &mut Kernel, v: &Args, f: &dyn Fn(Tile, Tile) -> Tile| {
            let row = k.program();
            let (a, b) = (v["a"].row(row).load(), v["b"].row(row).load());
            v["y"].row(row).store(f(a, b) * v["w"].load());
        };
        checked(rows, &sizes, |k, v| row(k, v, &linear));
        // Gated, as a state space layer has it; both results are read.
        checked(rows, &sizes, |k, v| {
            row(k, v, &|a, b| {
                let (keep, gain) = (a.sigmoid(), b.tanh());
                let [p, h] = scan_by([keep, gain], |[a, b], [c, d]| [a * c, b * c + d]);
                h * p + h
            })
        });
        // Products of 2 x 2 matrices: every entry depends on every other.
        checked(rows, &sizes, |k, v| {
            row(k, v, &|a, b| {
                let elements = [a, b * 0.5, b, a * 0.25 + 0.5];
                let [p, q, r, s] = scan_by(elements, |[a, b, c, d], [e, f, g, h]| {
                    [e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d]
                });
                p + q * 0.5 - r * s
            })
        });
        // Running mean and sum of squared distances, joined as Chan et al. (1979) do.
        checked(rows, &sizes, |k, v| {
            row(k, v, &|a, b| {
                let one = a * 0.0 + 1.0;
                let [_, mean, m2] = scan_by([one, a, a * 0.0], |[n, m, s], [o, p, t]| {
                    let count = n + o;
                    let delta = p - m;
                    [count, m + delta * o / count, s + t + delta * delta * n * o / count]
                });
                mean * b + m2
            })
        });
    }
}

#[test]
fn a_component_that_is_no_float_may_stand_first() {
    // A sum that starts anew where the flag is set.
    let signature = "start: i32[n], x: f32[n] -> y: f32[n]";
    let segmented = |v: &Args| {
        let flags = [v["start"].load(), v["x"].load()];
        let [_, sum] = scan_by(flags, |[f, a], [g, b]| [f | g, g.ne(0).select(b, a + b)]);
        sum
    };
    for n in [1, 9] {
        checked(signature, &[("n", n)], |_, v| v["y"].store(segmented(v)));
    }
    // The value at the greatest key: its position alone tells which.
    checked("key: i32[n], x: f32[n] -> y: f32[1]", &[("n", 9)], |_, v| {
        let [_, best] =
            reduce_by([v["key"].load(), v["x"].load()], [-1.0, 0.0], |[f, a], [g, b]| {
                let first = f.ge(g);
                [first.select(f, g), first.select(a, b)]
            });
        v["y"].store(best);
    });
}

#[test]
fn windows_that_overlap_give_each_element_what_was_read_of_it() {
    // A tensor of one axis, in several blocks.
    checked("x: f32[n] -> y: f32[n]", &[("n", 2500)], |_, a| {
        let window = |shift: i32| a["x"].range(shift, a["x"].size(0)).load();
        a["y"].store(window(-2) * window(0) + window(3).sin());
    });
    // Rows in windows of their own; what lies outside is 1.
    checked("x: f32[rows, n] -> y: f32[rows, n]", &[("rows", 3), ("n", 7)], |k, a| {
        let row = k.program();
        let window = |shift: i32| a["x"].row(row).range(shift, a["x"].size(1)).load_or(1.0);
        a["y"].row(row).store(window(-1) * window(1));
    });
    // Neighbours along two axes of programs.
    checked("x: f32[h, w, n] -> y: f32[h, w, n]", &[("h", 4), ("w", 3), ("n", 5)], |k, a| {
        let (i, j) = (k.program(), k.programs(a["x"].size(1)));
        let row = [a["x"].size(2)];
        let at = |di: i32, dj: i32| a["x"].rows(i + di, 1).rows(j + dj, 1).load().reshape(&row);
        a["y"].row(i).row(j).store(at(-1, 1) * at(0, 0) + at(2, 0) * at(0, -1));
    });
    // Fewer programs than positions, and a tensor beside them that each has an element of.
    let signature = "x: f32[m, n], by: f32[t] -> y: f32[t, n]";
    checked(signature, &[("m", 9), ("n", 4), ("t", 5)], |k, a| {
        let t = k.programs(a["y"].size(0));
        let columns = [a["x"].size(1)];
        let row = |shift: i32| a["x"].rows(t + shift, 1).load().reshape(&columns);
        a["y"].row(t).store(row(-3) * a["by"].at(t).load() + row(2).exp());
    });
    // Taps with weights that all programs share, of a row and of one number, and of rows that lie further on than there are
    // programs: what is left of a product is stored once.
    let signature = "x: f32[m, t, n], w: f32[4, n], one: f32[1] -> y: f32[b, t, n]";
    let sizes = [("m", 4), ("t", 6), ("n", 5), ("b", 3)];
    checked(signature, &sizes, |k, a| {
        let (b, t) = (k.programs(a["y"].size(0)), k.programs(a["x"].size(1)));
        let row = [a["x"].size(2)];
        let at = |db: i32, dt: i32| a["x"].rows(b + db, 1).rows(t + dt, 1).load().reshape(&row);
        let tap = |number: i32| a["w"].row(number).load();
        let sum = at(0, -2) * tap(0) + tap(1) * at(1, 0) + at(0, 1) * tap(3);
        a["y"].row(b).row(t).store((sum + at(-1, 0) * a["one"].at(0).load()).sin());
    });
    // Rows shifted along an axis of the tile.
    let signature = "x: f32[h, w, n], taps: f32[3, 3, n] -> y: f32[h, w, n]";
    checked(signature, &[("h", 4), ("w", 5), ("n", 3)], |k, a| {
        let i = k.program();
        let (width, row) = (a["x"].size(1), [a["x"].size(1), a["x"].size(2)]);
        let at = |di: i32, dj: i32| a["x"].rows(i + di, 1).rows(dj, width).load().reshape(&row);
        let tap = |i: i32, j: i32| a["taps"].row(i).row(j).load();
        a["y"].row(i).store(at(-1, -1) * tap(0, 0) + at(0, 1) * tap(1, 2) + at(1, 0) * tap(2, 1));
    });
}

#[test]
fn a_weight_that_all_programs_share_is_multiplied_where_the_windows_are_added() {
    let text = "kernel taps(x: in f32[time, n], w: in f32[2, n], y: out f32[time, n])
        grid time
        %0: i32 = program 0
        %1: i32 = const -1
        %2: i32 = add %0, %1
        %3: f32[1, n] = load x[%2..+1, :]
        %4: f32[n] = reshape %3
        %5: i32 = const 0
        %6: f32[n] = load w[%5, :]
        %7: f32[n] = mul %4, %6
        %8: f32[n] = load x[%0, :]
        %9: i32 = const 1
        %10: f32[n] = load w[%9, :]
        %11: f32[n] = fma %8, %10, %7
        store y[%0, :] = %11";
    let program = tilewright_ir::text::parse(text).unwrap();
    let backward = tilewright_passes::grad(&program, &GradOptions::default()).unwrap();
    let windowed = backward.temporaries.iter().filter(|name| name.starts_with("windowed"));
    assert_eq!(windowed.count(), 0, "{:?}", backward.temporaries);
}
