//! Gradients by the way in which programs share their inputs, against finite differences.

mod finite;

use finite::{checked, count, inputs, recorded};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{ExprKind, Program, ReduceOp, UnaryOp};
use tilewright_lang::DType::*;
use tilewright_passes::check::run_backward;
use tilewright_passes::{GradOptions, grad};

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

/// The names of the programs of a gradient, without that of the kernel.
fn programs(program: &Program) -> Vec<String> {
    let backward = grad(program, &GradOptions::default()).unwrap();
    let name = |p: &Program| p.name.strip_prefix("test_grad").unwrap_or(&p.name).to_string();
    backward.programs.iter().map(name).collect()
}

#[test]
fn rows_of_a_table_that_repeats_are_summed_by_programs_of_their_own() {
    // Fewer rows than the table has, as many, more, not a multiple, and several chunks.
    let sizes = [(0usize, 3usize), (2, 5), (5, 5), (11, 4), (40, 2), (50, 1)];
    let signature = "x: f32[*rows, cols], w: f32[cols], t: f32[period, cols], u: f32[long, cols] \
                     -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, place) = (a["x"].row(row).load(), row % a["t"].size(0));
        let (t, u) = (a["t"].row(place).load(), a["u"].row(row % 3).load());
        a["y"].row(row).store((x * t).tanh() * u.exp() * a["w"].load());
    });
    for (rows, period) in sizes {
        // What the table has beyond its period nobody reads.
        checked(&program, &[("rows", rows), ("period", period), ("long", 4), ("cols", 3)]);
    }
    let program = recorded("x: f32[*rows, cols], t: f32[period, cols] -> y: f32[*rows, cols]", {
        |k, a| {
            let row = k.program();
            let t = a["t"].row(row % a["t"].size(0)).load();
            a["y"].row(row).store(a["x"].row(row).load() * t);
        }
    });
    assert_eq!(programs(&program), ["", "_sum"]);
    for (rows, period) in sizes {
        checked(&program, &[("rows", rows), ("period", period), ("cols", 3)]);
    }
    // Many elements for each of the table's: the sums of single programs are summed.
    let signature = "x: f32[*rows, m, cols], t: f32[period, cols] -> y: f32[*rows, m, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let t = a["t"].row(row % a["t"].size(0)).load();
        a["y"].row(row).store(a["x"].row(row).load() * (t * t));
    });
    assert_eq!(programs(&program), ["", "_sum_d_t"]);
    for (rows, period) in sizes {
        checked(&program, &[("rows", rows), ("period", period), ("m", 2), ("cols", 3)]);
    }
    // Along another axis of the grid besides, and beside a remainder that is none of the program's number.
    let signature = "x: f32[rows, m, cols], t: f32[period, cols], u: f32[period, cols] \
                     -> y: f32[rows, m, cols]";
    let program = recorded(signature, |k, a| {
        let (row, column) = (k.program(), k.program());
        let period = a["t"].size(0);
        let t = a["t"].row(row % period).load();
        let u = a["u"].row((row + 1) % period).load();
        a["y"].row(row).row(column).store(a["x"].row(row).row(column).load() * t * u);
    });
    for (rows, period) in sizes {
        checked(&program, &[("rows", rows), ("period", period), ("m", 2), ("cols", 3)]);
    }
}

#[test]
fn what_is_stored_where_a_remainder_says_does_not_replace_all() {
    let signature = "x: f32[*rows, cols], y: &f32[period, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let place = row % a["y"].size(0);
        a["y"].row(place).store(a["x"].row(row).load() + a["y"].row(place).load());
    });
    assert!(grad(&program, &GradOptions::default()).is_err());
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

#[test]
fn programs_that_add_up_a_tile_each_have_a_partial_sum_each() {
    let partial = |tile: bool| {
        let signature = "x: f32[h, w, c], by: f32[c] -> y: f32[h, w, c]";
        let program = recorded(signature, |k, a| {
            let i = k.program();
            let (x, y) = match tile {
                true => (a["x"].row(i), a["y"].row(i)),
                false => {
                    let j = k.programs(a["x"].size(1));
                    (a["x"].row(i).row(j), a["y"].row(i).row(j))
                }
            };
            y.store(x.load() * a["by"].load());
        });
        checked(&program, &[("h", 3), ("w", 67), ("c", 5)]);
        let backward = grad(&program, &GradOptions::default()).unwrap();
        let found = backward.programs.iter().find_map(|p| {
            let text = p.to_string();
            let from = text.split("partial_d_by: out ").nth(1)?;
            Some(from[..=from.find(']')?].to_string())
        });
        found.unwrap()
    };
    assert_eq!(partial(true), "f32[h, c]");
    assert_eq!(partial(false), "f32[h, w_parts, c]");
}

#[test]
fn what_takes_long_is_computed_once_for_both_stages() {
    let signature = "x: f32[batch, channels, time], bias: f32[channels], b: f32[batch, 3, time] -> y: f32[batch, channels, time]";
    let program = recorded(signature, |k, a| {
        let (batch, channel) = (k.program(), k.programs(a["x"].size(1)));
        let x = a["x"].row(batch).row(channel).load() + a["bias"].at(channel).load();
        let each = a["b"].row(batch).load() * x.softplus();
        let y = each.tanh().reduce(ReduceOp::Sum, 0).reshape(&[a["x"].size(2)]);
        a["y"].row(batch).row(channel).store(y);
    });
    for sizes in
        [[("batch", 1), ("channels", 1), ("time", 1)], [("batch", 2), ("channels", 5), ("time", 3)]]
    {
        checked(&program, &sizes);
    }
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let softplus =
        |program: &Program| count(program, |k| matches!(k, ExprKind::Unary(UnaryOp::Softplus, _)));
    let counts: Vec<usize> = backward.programs.iter().map(softplus).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1, "{counts:?}");
    assert_eq!(backward.temporaries.iter().filter(|name| *name == "kept_0").count(), 1);
}
