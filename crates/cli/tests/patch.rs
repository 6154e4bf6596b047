//! Patched models on the command line: validate, and generate with `--patch`.

mod support;

use std::path::Path;
use support::tilewright;

fn story() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models/fairytale-moe-4bit")
        .display()
        .to_string()
}

const PROMPT: &str = "Once upon a time there was a king";

fn validate(more: &[&str]) -> support::Run {
    let model = story();
    let mut args = vec!["validate", "--model", &model, "--prompt", PROMPT, "--max-tokens", "24"];
    args.extend(["--runs", "1"]);
    args.extend(more);
    tilewright(&args)
}

#[test]
fn the_story_is_the_same_with_every_pattern() {
    let text = validate(&["--patterns", "all"]).ok();
    for part in [
        "VALIDATION REPORT",
        "moe_mlp (6)",
        "residual_norm (6)",
        "qkv_rope_cache (6)",
        "FIDELITY: 24/24 tokens identical  [PASS]",
        "Decode (tok/s)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = validate(&["--json"]).json();
    assert_eq!((&json["pass"], &json["identical"]), (&true.into(), &24.into()));
    assert_eq!(json["pattern_counts"]["attention"], 6);
    assert_eq!(json["baseline_tokens"], json["patched_tokens"]);
    let json = validate(&["--json", "--patterns", "none"]).json();
    assert_eq!((&json["patched_count"], &json["pass"]), (&0.into(), &true.into()));
    let json = validate(&["--json", "--patterns", "moe_mlp,rmsnorm"]).json();
    assert_eq!(json["patched_count"], 6 + 6 * 4 + 1);
}

#[test]
fn patterns_and_modes_that_do_not_exist_are_named() {
    let unknown = "Unknown patch pattern: 'x'. Available: ['swiglu_mlp', ";
    validate(&["--patterns", "x"]).fails(2, unknown);
    validate(&["--patterns", "rms_norm"]).fails(2, "help: did you mean `rmsnorm`?");
    validate(&["--mode", "bogus"]).fails(2, "Unknown mode 'bogus'. Expected one of: inference, ");
    validate(&["--mode", "inference", "--patterns", "softmax"]).fails(2, "cannot be used with");
    let model = story();
    let none = ["validate", "--model", &model, "--prompt", PROMPT, "--runs", "0"];
    tilewright(&none).fails(2, "there are no runs");
}

#[test]
fn generate_patches_on_request() {
    let model = story();
    let tell = |which: &str| {
        let args = ["generate", "--model", &model, "--prompt", PROMPT, "--max-tokens", "16"];
        tilewright(&[&args[..], &["--patch", which]].concat())
    };
    let plain = tell("none").ok();
    assert_eq!(tell("default").ok(), plain);
    assert_eq!(tell("all").ok(), plain);
    assert_eq!(tell("training").ok(), plain);
    assert_eq!(tell("moe_mlp,rmsnorm").ok(), plain);
    let smart = tell("smart");
    assert_eq!((smart.status, &smart.stdout), (0, &plain));
    assert!(smart.stderr.starts_with("[smart_patch] Baseline: "), "{}", smart.stderr);
    assert!(smart.stderr.contains("  softmax: no matches (skipped)"), "{}", smart.stderr);
    tell("some").fails(2, "Unknown patch pattern: 'some'");
    tell("moe_mlp,moe-mlp").fails(2, "did you mean `moe_mlp`?");
}
