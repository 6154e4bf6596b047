//! `bench`: the clock from the command line.

mod support;

use support::{directory, tilewright, tilewright_in};

#[test]
fn a_kernel_is_not_taken_for_the_file_of_a_report() {
    let here = directory("bench-kernel-for-file");
    let fault = "--json takes the file to write, and was given the kernel relu";
    tilewright_in(&here, &["bench", "--json", "relu"]).fails(2, fault);
    assert!(!here.join("relu").exists());
}

#[test]
fn a_kernel_is_timed_and_reported() {
    let here = directory("bench-report");
    let table = tilewright_in(&here, &["bench", "topk_gating_softmax", "--json", "out.json"]).ok();
    assert!(table.contains("\ntopk_gating_softmax  tokens=4096  f32 "), "{table}");
    let text = std::fs::read_to_string(here.join("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let row = &report[0];
    // 4096 rows of 128 experts in f32; 8 weights and 8 indices of each.
    assert_eq!(row["bytes"], 4096 * (128 + 8 + 8) * 4);
    assert_eq!(row["device"], "cpu");
    for number in ["ms", "least_ms", "gigabytes_per_second", "share_of_copy", "runs"] {
        assert!(row[number].as_f64().is_some_and(|x| x > 0.0), "{number} in {row}");
    }
}

#[test]
fn fresh_outputs_are_reported_as_such() {
    let here = directory("bench-fresh");
    let table =
        tilewright_in(&here, &["bench", "topk_gating_softmax", "--fresh", "--json", "out.json"])
            .ok();
    assert!(table.contains("Outputs are fresh"), "{table}");
    let text = std::fs::read_to_string(here.join("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report[0]["outputs"], "fresh");
}

#[test]
fn the_way_to_a_first_result_is_timed() {
    let here = directory("bench-compile");
    let table =
        tilewright_in(&here, &["bench", "--compile", "softmax", "relu", "--json", "out.json"]).ok();
    assert!(table.contains("FIRST CALL MS") && table.contains("\nsoftmax "), "{table}");
    let text = std::fs::read_to_string(here.join("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let row = &report[0];
    let part = |name: &str| row[name].as_f64().unwrap();
    assert!(part("record_ms") > 0.0 && part("compile_ms") > 0.0 && part("first_call_ms") > 0.0);
    assert!(part("total_ms") > part("compile_ms"));
    tilewright(&["bench", "--compile", "--fresh"]).fails(2, "cannot be used with");
}

#[test]
fn wrong_use_names_the_fault() {
    tilewright(&["bench", "--dtype", "f64"]).fails(2, "no kernel is made for f64");
    tilewright(&["bench", "softmaks"]).fails(2, "did you mean `softmax`?");
    tilewright(&["bench", "relu", "--device", "interpreter"]).fails(2, "the interpreter");
    tilewright(&["bench", "relu", "--device", "metal"]).fails(1, "Metal: this is no Mac");
}

#[test]
fn sizes_dtype_and_gradient_can_be_chosen() {
    let chosen = ["--set", "rows=64", "--set", "cols=100", "--dtype", "bf16"];
    let table = tilewright(&[&["bench", "rmsnorm"][..], &chosen].concat()).ok();
    let row = table.lines().find(|line| line.starts_with("rmsnorm ")).unwrap();
    assert!(row.contains("rows=64 cols=100") && row.contains("bf16"), "{table}");
    let table = tilewright(&[&["bench", "rmsnorm", "--grad"][..], &chosen].concat()).ok();
    assert!(table.contains("\nrmsnorm gradient "), "{table}");
    tilewright(&["bench", "rmsnorm", "--set", "columns=3"]).fails(2, "it has eps, rows, cols");
    tilewright(&["bench", "argmax", "--grad"]).fails(2, "cannot be differentiated");
}

#[test]
fn what_moves_on_in_place_is_timed_from_the_same_position() {
    tilewright(&["bench", "next_token", "--set", "max_len=4", "--set", "vocabulary=9"]).ok();
}

#[test]
fn formulas_are_timed_and_tuned_as_kernels_are() {
    let here = directory("bench-formula");
    let formula = ["--expr", "x * sigmoid(a*x) + row", "--set", "a=1.702"];
    let shapes = ["--shape", "x=64x1000", "--shape", "row=1000", "--dtype", "f16"];
    let asked = |command: &str, more: &[&'static str]| {
        let words = [&[command], &formula[..], &shapes, more].concat();
        tilewright_in(&here, &words)
    };
    asked("bench", &["--json", "out.json"]).ok();
    asked("bench", &["--grad", "--json", "gradient.json"]).ok();
    let report = |name: &str| {
        let text = std::fs::read_to_string(here.join(name)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()[0].clone()
    };
    let row = report("out.json");
    assert_eq!((&row["kernel"], &row["dtype"]), (&"x * sigmoid(a*x) + row".into(), &"f16".into()));
    assert_eq!(row["bytes"], (2 * 64 * 1000 + 1000) * 2);
    assert_eq!(row["case"], "x=[64, 1000] row=[1000]");
    // x and d_out are read; d_x has the size of either, d_row that of its own.
    assert_eq!(report("gradient.json")["bytes"], (3 * 64 * 1000 + 1000) * 2);
    asked("tune", &[]).fails(2, "kernels have one schedule on cpu");
    // An input without a shape of its own has the longest.
    tilewright(&["bench", "--expr", "a + b", "--shape", "b=3x5"]).ok();
    tilewright(&["bench", "--expr", "x + y"]).fails(2, "--shape");
    tilewright(&["bench", "--expr", "x +", "--shape", "x=3"]).fails(2, "formulas are C-like");
    tilewright(&["bench", "--expr", "x", "--shape", "y=3"]).fails(2, "has no input `y`");
    let words = ["bench", "--expr", "x + y", "--shape", "x=3", "--shape", "y=4"];
    tilewright(&words).fails(2, "inputs broadcast");
    tilewright(&["tune", "softmax", "--expr", "x"]).fails(2, "cannot be used with");
    tilewright(&["bench", "softmax", "--shape", "x=3"]).fails(2, "cannot be used with");
    tilewright(&["tune", "--shape", "x=3"]).fails(2, "--expr");
}

#[test]
fn what_memory_does_not_hold_is_told_before_it_is_filled() {
    // 40 TB twice; the second count leaves 64 bits.
    for shape in ["x=10000000000000", "x=4294967296x4294967296"] {
        let refused = tilewright(&["bench", "--expr", "x + 1", "--shape", shape]);
        refused.fails(1, "GB of memory");
        let gradient = tilewright(&["bench", "--expr", "x * x", "--grad", "--shape", shape]);
        gradient.fails(1, "ask for less: smaller sizes");
    }
    let sizes = ["--set", "rows=100000000", "--set", "cols=100000"];
    let kernel = tilewright(&[&["bench", "softmax"][..], &sizes].concat());
    kernel.fails(1, "this takes 80000.0 GB of memory");
    // Nothing is filled where there is nothing to choose.
    tilewright(&["tune", "--expr", "x+1", "--shape", "x=3000000000"])
        .fails(2, "one schedule on cpu");
}
