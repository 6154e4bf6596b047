//! Recording: what a kernel author's mistakes look like, and what good kernels become.

use tilewright_lang::{DType, Kernel, RecordError, Specialization, View, record};

fn f32() -> Specialization {
    Specialization::of(DType::F32)
}

fn softmax(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(DType::F32);
    let e = (t - t.row_max()).exp();
    y.row(row).store(e / e.row_sum());
}

#[test]
fn softmax_becomes_one_line_an_op() {
    let signature = "x: T[*rows, cols] -> y: T[*rows, cols]";
    let program = record("softmax", signature, &f32(), |k, a| softmax(k, a["x"], a["y"])).unwrap();
    assert_eq!(program.exprs.len(), 7);
    assert_eq!(program.body.len(), 8);
    let half = Specialization::of(DType::F16);
    let program = record("softmax", signature, &half, |k, a| softmax(k, a["x"], a["y"])).unwrap();
    assert_eq!(program.exprs.len(), 9, "two casts more");
}

fn mistakes(
    signature: &str,
    build: impl FnOnce(&mut Kernel, &tilewright_lang::Args),
) -> RecordError {
    record("k", signature, &f32(), build).unwrap_err()
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let error = mistakes("x: T[rows, cols], w: f16[cols] -> y: T[rows, cols]", |k, a| {
        let row = k.program();
        let t = a["x"].row(row).load();
        let scaled = t * a["w"].load(); // f32 * f16
        let _ = scaled.exp(); // no second message about the same thing
        let _ = t.pick(k.iota(4).to(DType::F32));
        a["y"].row(row).store(t);
    });
    let text = error.to_string();
    assert_eq!(error.messages().count(), 2, "{text}");
    assert!(text.contains("record.rs:"), "{text}");
}

#[test]
fn a_row_of_another_size_is_a_mistake() {
    let error = mistakes("x: T[rows, cols], w: T[other, cols] -> y: T[rows, cols]", |k, a| {
        let row = k.program();
        let t = a["x"].row(row).load();
        a["y"].row(row).store(t + a["w"].row(row).load());
    });
    assert!(
        error.to_string().contains("has other positions, but the program index counts rows"),
        "{error}"
    );
}

#[test]
#[allow(clippy::never_loop)] // leaving the loop is the mistake
fn a_loop_left_early_is_a_mistake() {
    let error = mistakes("x: T[n] -> y: T[n]", |k, a| {
        #[allow(clippy::never_loop)]
        for _ in k.range(0, 4) {
            break;
        }
        a["y"].store(a["x"].load());
    });
    assert!(error.to_string().contains("left by `break`"), "{error}");
}

#[test]
fn unknown_names_and_grids_are_mistakes() {
    let error = mistakes("x: T[n] -> y: T[n]", |k, a| {
        k.program();
        a["y"].store(a["z"].load());
    });
    let text = error.to_string();
    assert!(text.contains("no tensor `z`") && text.contains("k.programs"), "{text}");
}

#[test]
fn a_row_sum_is_stored_to_one_element() {
    let program = record("sum", "x: T[*rows, cols] -> y: T[*rows]", &f32(), |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load().row_sum());
    });
    assert!(program.is_ok(), "{}", program.unwrap_err());
    let error = mistakes("x: T[rows, cols] -> y: T[rows]", |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load());
    });
    assert!(error.to_string().contains("stored to a place of `y`"), "{error}");
}

#[test]
fn a_mean_goes_over_any_axis_and_a_program_counts_what_is_drawn() {
    let signature = "x: f32[*rows, m, n], seed: u32 -> y: f32[*rows, 1, n], drawn: u32[*rows]";
    let program = record("k", signature, &f32(), |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load().mean(0));
        a["drawn"].at(row).store(row.philox(a.scalar("seed"), 0));
    });
    let text = program.unwrap().to_string();
    assert!(text.contains("reduce_sum %2 axis 0\n%4: i32 = size m"), "{text}");
    assert!(text.contains("%8: u32 = cast %1\n%9: u32 = philox %8"), "{text}");
}

#[test]
fn what_a_reduction_leaves_of_a_row_is_a_scalar_where_one_is_wanted() {
    let signature = "x: f32[n], starts: i32[m], y: &f32[n], top: f32[]";
    let program = record("k", &format!("{signature} -> z: f32[n]"), &f32(), |k, a| {
        let (first, end) = (a["starts"].load().row_min(), a["starts"].load().row_max());
        let greatest = k.var(k.full(DType::F32, &[], 0.0));
        let mut sum = k.var(a["top"].load());
        for at in k.range_step(first, end, 8) {
            greatest.set(greatest.get().max(a["x"].range(at, 8).load().row_max()));
            sum += a["x"].range(at, 8).load().row_sum();
        }
        k.when(end.gt(first), || a["y"].at(end).store(greatest.get()));
        a["z"].store(a["x"].range(first, a["x"].size(0)).load() * sum.get());
    });
    assert!(program.is_ok(), "{}", program.unwrap_err());
    let error = mistakes("x: f32[m, n] -> y: f32[n]", |k, a| {
        let sum = k.var(k.full(DType::F32, &[], 0.0));
        sum.set(a["x"].row(0).load());
        a["y"].store(sum.get());
    });
    assert!(error.to_string().contains("does not broadcast to []"), "{error}");
    let error = mistakes("x: T[n] -> y: T[n]", |k, a| {
        let held = k.var(k.full(DType::F32, &[], 0.0));
        held.set(a["x"].at(0).load().to(DType::F16));
        a["y"].store(a["x"].load());
    });
    assert!(error.to_string().contains("convert it with `.to(f32)`"), "{error}");
}
