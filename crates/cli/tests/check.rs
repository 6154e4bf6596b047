//! `test`: the runner from the command line.

mod support;

use support::{directory, tilewright, tilewright_in};

#[test]
fn kernels_are_checked_and_reported() {
    let here = directory("test-report");
    let args = ["test", "mish", "topk", "--report", "report.json"];
    let table = tilewright_in(&here, &args).ok();
    assert!(table.contains("\nmish ") && table.contains(" 0 failed"), "{table}");
    let text = std::fs::read_to_string(here.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = report.as_array().unwrap();
    for check in ["forward", "strided", "gradient", "varies"] {
        let of = |row: &&serde_json::Value| row["kernel"] == "mish" && row["check"] == check;
        assert!(rows.iter().filter(of).any(|row| row["outcome"] == "pass"), "{check}");
    }
    assert!(rows.iter().all(|row| row["outcome"] != "fail" && row["case"].is_string()));
}

#[test]
fn one_device_can_be_chosen() {
    let table = tilewright(&["test", "relu", "--device", "interpreter"]).ok();
    assert!(table.contains("1 kernel on interpreter: "), "{table}");
    tilewright(&["test", "relu", "--device", "metal"]).fails(1, "Metal: this is no Mac");
}

#[test]
fn random_programs_are_run_and_reported() {
    let here = directory("test-random");
    let args = ["test", "--random", "6", "--seed", "40", "--device", "cpu", "--report", "r.json"];
    let told = tilewright_in(&here, &args).ok();
    let all = "6 random programs from seed 40 on cpu: 6 agree with the interpreter, 0 do not\n";
    assert_eq!(told, all);
    let text = std::fs::read_to_string(here.join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seeds: Vec<_> = report.as_array().unwrap().iter().map(|row| &row["seed"]).collect();
    assert_eq!(seeds, [40, 41, 42, 43, 44, 45]);
    tilewright(&["test", "softmax", "--random", "6"]).fails(2, "--random");
    tilewright(&["test", "--seed", "6"]).fails(2, "--random");
    for count in ["0", "-2", "many"] {
        tilewright(&["test", "--random", count]).fails(2, "it is a whole number from 1 on");
    }
}

#[test]
fn mutants_are_run_and_reported() {
    let here = directory("test-mutants");
    let args =
        ["test", "--mutants", "12", "--seed", "40", "--device", "emulator", "--report", "r.json"];
    let told = tilewright_in(&here, &args).ok();
    assert!(told.starts_with("12 mutants from seed 40 on emulator: "), "{told}");
    assert!(told.contains(" agree with the interpreter, 0 do not"), "{told}");
    let text = std::fs::read_to_string(here.join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report.as_array().unwrap().len(), 12);
    tilewright(&["test", "--mutants", "6", "--random", "6"]).fails(2, "--random");
}

#[test]
fn wrong_use_names_the_fault() {
    tilewright(&["test", "softmaks"]).fails(2, "did you mean `softmax`?");
    tilewright(&["test", "relu", "--report", "no/such/file"]).fails(1, "no/such/file: cannot");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_work() {
    let here = directory("report-nowhere");
    for command in [&["test", "--report"][..], &["bench", "--json"]] {
        // All of the catalog, which takes minutes.
        let started = std::time::Instant::now();
        tilewright_in(&here, &[command, &["nowhere/r.json"]].concat())
            .fails(1, "nowhere/r.json: cannot write it");
        assert!(started.elapsed().as_secs() < 10);
    }
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
}
