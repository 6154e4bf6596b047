//! Patched models against themselves unpatched, for the tiny checkpoint of every family.

use std::path::{Path, PathBuf};
use std::time::Duration;
use tilewright_formats::Checkpoint;
use tilewright_models::load;
use tilewright_nn::patch::{
    PATTERNS, Pattern, Patterns, Replacement, SmartOptions, attention_reports, patch,
    patched_counts, set_attention_thresholds, smart_patch, unpatch,
};
use tilewright_nn::{
    DType, Kernels, Logits, Model, Module, Result, Runtime, Slot, Step, Tensor, Thresholds,
    named_modules, replace,
};

/// Largest difference over largest value. Fused kernels round where the plain ones do, so that only the order of sums
/// differs.
const CLOSE: f32 = 2e-5;

const PROMPT: [u32; 24] =
    [3, 41, 7, 7, 60, 12, 33, 1, 0, 63, 20, 5, 18, 44, 2, 9, 27, 31, 8, 8, 50, 14, 6, 39];

/// Tokens that follow greedily.
const ANSWER: usize = 24;

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn model(folder: &Path, dtype: DType) -> Model {
    let checkpoint = Checkpoint::open(folder).unwrap_or_else(|e| panic!("{e}"));
    load(&checkpoint, Runtime::open("cpu").unwrap(), Some(dtype)).unwrap_or_else(|e| panic!("{e}"))
}

fn named(name: &str) -> Model {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    model(&root.join(name), DType::F32)
}

/// Thresholds that send everything to the fast kernels.
fn everything() -> Thresholds {
    let least = Thresholds::default();
    let least = ["min_seq_len", "min_head_dim", "min_heads", "gqa_ratio_min", "mha_heads_min"]
        .iter()
        .fold(least, |thresholds, name| thresholds.with(name, 1).unwrap());
    least.with("max_head_dim", 4096).unwrap()
}

/// The logits of a prompt in two chunks, and of greedy steps in a batch of two, of which one sequence is shorter.
fn run(model: &Model) -> (Vec<f32>, Vec<u32>) {
    let mut cache = model.cache(2, PROMPT.len() + ANSWER).unwrap();
    let mut all = Vec::new();
    let mut prefill = |slot: usize, ids: &[u32]| {
        let logits = model.prefill(&mut cache, slot, ids, Logits::All).unwrap().unwrap();
        all.extend(logits.to_vec::<f32>().unwrap());
    };
    prefill(0, &PROMPT[..19]);
    prefill(0, &PROMPT[19..]);
    prefill(1, &PROMPT[..5]);
    let vocabulary = model.shape().vocabulary;
    let best = |row: &[f32]| {
        (0..row.len()).rev().max_by(|&i, &j| row[i].total_cmp(&row[j])).unwrap() as u32
    };
    let end = PROMPT.len() * vocabulary;
    let mut tokens = vec![best(&all[end - vocabulary..end])];
    while tokens.len() < ANSWER {
        let ids = [tokens.last().copied(), Some(PROMPT[tokens.len()])];
        let logits = model.decode(&mut cache, &ids).unwrap().to_vec::<f32>().unwrap();
        tokens.push(best(&logits[..vocabulary]));
        all.extend(logits);
    }
    (all, tokens)
}

#[track_caller]
fn close(name: &str, found: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let greatest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    let difference = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
    let worst = difference.fold(0f32, f32::max) / greatest;
    assert!(worst < bound, "{name}: logits differ by {worst:.2e}");
}

fn kinds(model: &Model) -> Vec<(String, &'static str)> {
    named_modules(model).into_iter().map(|(path, module)| (path, module.kind())).collect()
}

#[test]
fn patched_gives_what_unpatched_gives_and_unpatch_restores_every_bit() {
    let mut used = std::collections::BTreeSet::new();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut model = model(&folder, DType::F32);
        let (before, plain, greedy) = (kinds(&model), run(&model).0, run(&model).1);
        let alone = PATTERNS.iter().map(|pattern| Patterns::named(&[pattern.name]).unwrap());
        for patterns in alone.chain([Patterns::inference(), Patterns::all()]) {
            let matching = |pattern: &&'static Pattern| {
                let modules = named_modules(&model).into_iter();
                modules.filter(|(_, module)| (pattern.matches)(*module)).count()
            };
            let expected: usize = patterns.iter().map(|pattern| matching(&pattern)).sum();
            let result = patch(&mut model, &patterns);
            let name = format!("{name} with {:?}", patterns.names());
            assert_eq!((result.patched_count, result.skipped.len()), (expected, 0), "{name}");
            used.extend(result.pattern_counts.iter().map(|(pattern, _)| *pattern));
            set_attention_thresholds(&mut model, everything());
            let (patched, tokens) = run(&model);
            close(&name, &patched, &plain, CLOSE);
            assert_eq!(tokens, greedy, "{name}");
            for report in attention_reports(&model) {
                let stats = &report.stats;
                // The prompt by the fast kernel; the steps by the plain one, which is the fast one there.
                assert!(stats.optimized_calls > 0 && stats.plain_calls > 0, "{name}: {report:?}");
                assert_eq!(stats.fallback_calls, 0, "{name}: {report:?}");
            }
            assert_eq!(unpatch(&mut model), expected, "{name}");
            assert_eq!(kinds(&model), before, "{name}");
            let restored = run(&model).0;
            assert!(restored.iter().zip(&plain).all(|(r, p)| r.to_bits() == p.to_bits()), "{name}");
        }
    }
    // No family has a layer norm or a softmax of its own.
    let missing = PATTERNS.iter().map(|p| p.name).filter(|name| !used.contains(name));
    assert_eq!(missing.collect::<Vec<_>>(), ["layernorm", "softmax"]);
}

#[test]
fn half_precision_stays_as_near() {
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut model = model(&folder, DType::BF16);
        let prefill = |model: &Model| {
            let mut cache = model.cache(1, PROMPT.len()).unwrap();
            let logits = model.prefill(&mut cache, 0, &PROMPT[..8], Logits::All).unwrap().unwrap();
            logits.to_vec::<f32>().unwrap()
        };
        let plain = prefill(&model);
        patch(&mut model, &Patterns::all());
        set_attention_thresholds(&mut model, everything());
        close(&name, &prefill(&model), &plain, 2f32.powi(-7));
    }
}

/// The logits of some steps of one sequence on the lowering of GPUs, and the launches of a greedy step.
fn steps_of(model: &Model) -> (Vec<f32>, usize) {
    let mut cache = model.cache(1, 16).unwrap();
    model.prefill(&mut cache, 0, &PROMPT[..5], Logits::None).unwrap();
    let mut logits = Vec::new();
    for id in &PROMPT[5..8] {
        logits.extend(model.decode(&mut cache, &[Some(*id)]).unwrap().to_vec::<f32>().unwrap());
    }
    let mut greedy = model.greedy(&mut cache, &[Some(3)]).unwrap().recording(true);
    greedy.step().unwrap();
    greedy.step().unwrap();
    let (launches, _) = greedy.launches().unwrap();
    (logits, launches)
}

/// Where few rows are multiplied by routines, a step takes few launches: of a layer two products round its attention, which
/// rotates and appends too, or its convolution, and two products of the feed-forward layer, three kernels of a mixture; the embedding, the last
/// norm, the head and two for the next token. Where branches end with a norm, this, their sum and the next norm are a kernel;
/// what the last branch gave is normed and added at the end, and what the embedding gave is scaled.
#[test]
fn a_row_passes_through_few_kernels_where_products_are_routines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let sandwiches = 7 * 3 + 3 + 5;
    let convolutions = 3 * 5 + 5 + 5;
    // Sigmoids choose experts by a kernel of their own, and one more multiplies their weights.
    let sigmoids = 5 + 2 * (3 + 5) + 5;
    for (name, launches) in [
        ("llama-4bit", 5 + 5 + 5),
        ("qwen3_moe-4bit", 5 + 6 + 5),
        ("gemma3_text-4bit", sandwiches),
        ("lfm2-4bit", convolutions),
        ("lfm2_moe-4bit", sigmoids),
    ] {
        let checkpoint = Checkpoint::open(&root.join(name)).unwrap();
        let runtime = Runtime::open("emulator").unwrap();
        let mut model = load(&checkpoint, runtime, Some(DType::BF16)).unwrap();
        let (plain, before) = steps_of(&model);
        patch(&mut model, &Patterns::inference());
        let (patched, after) = steps_of(&model);
        close(name, &patched, &plain, 2f32.powi(-6));
        assert!(before > 2 * launches, "{name}: {before} launches");
        assert_eq!(after, launches, "{name}");
    }
}

#[test]
fn patching_again_changes_nothing_and_is_undone_at_once() {
    let mut model = named("qwen3_moe-4bit");
    let plain = run(&model).0;
    let first = patch(&mut model, &Patterns::inference());
    let kinds_then = kinds(&model);
    assert_eq!(patch(&mut model, &Patterns::inference()).patched_count, 0);
    assert_eq!(kinds(&model), kinds_then);
    // More patterns reach what is under patched modules.
    let more = patch(&mut model, &Patterns::all());
    assert!(more.count_of("rmsnorm") > 0 && more.count_of("moe_mlp") == 0, "{more:?}");
    close("twice", &run(&model).0, &plain, CLOSE);
    assert_eq!(
        patched_counts(&model).iter().map(|(_, count)| count).sum::<usize>(),
        first.patched_count + more.patched_count
    );
    assert_eq!(unpatch(&mut model), first.patched_count + more.patched_count);
    assert_eq!(run(&model).0, plain);
    assert_eq!(unpatch(&mut model), 0);
}

#[test]
fn attention_says_why_it_falls_back() {
    let mut model = named("qwen3");
    patch(&mut model, &Patterns::named(&["attention"]).unwrap());
    run(&model);
    let reports = attention_reports(&model);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].path, "model.layers.0.self_attn.attend");
    for report in reports {
        assert_eq!((report.pattern.as_str(), report.stats.optimized_calls), ("GQA-2:1", 0));
        assert_eq!(report.stats.total_calls, 3 + ANSWER as u64 - 1);
        let (reason, _) = &report.stats.fallback_reasons[0];
        assert_eq!(reason, "Sequence length 19 below threshold 64");
    }
    // A decode step has one query, but as many keys as the sequence has tokens.
    set_attention_thresholds(&mut model, everything().with("min_seq_len", 25).unwrap());
    run(&model);
    let stats = attention_reports(&model).remove(0).stats;
    assert_eq!((stats.total_calls, stats.fallback_calls), (26, 3));
    assert_eq!((stats.plain_calls, stats.optimized_calls), (23, 0));
    assert_eq!(stats.optimization_rate(), 0.0);
}

/// A pattern that is right, and slow.
static SLOW: Pattern = Pattern {
    name: "slow",
    doc: "waits",
    matches: |module| module.kind() == "GatedMlp",
    replace: |_, _| Ok(Box::new(Slow)),
};

struct Slow;

impl Replacement for Slow {
    fn kind(&self) -> &'static str {
        "Slow"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        std::thread::sleep(Duration::from_millis(20));
        original.forward(x, step)
    }
}

/// One that fits nothing here, and one that cannot be made.
static ABSENT: Pattern =
    Pattern { name: "absent", doc: "", matches: |_| false, replace: |_, _| Ok(Box::new(Slow)) };
static BROKEN: Pattern = Pattern {
    name: "broken",
    doc: "",
    matches: |module| module.kind() == "Attention",
    replace: |_, kernels: &Kernels| kernels.get("nonsense", &[]).map(|_| Box::new(Slow) as _),
};

#[test]
fn smart_patch_takes_off_what_is_slow() {
    let mut model = named("llama-4bit");
    let plain = run(&model).0;
    let mut lines = Vec::new();
    // With a threshold this low a pattern that computes the same is kept whatever else the machine does.
    let rows = Patterns::named(&["rmsnorm"]).unwrap();
    let patterns: Vec<&'static Pattern> = [&SLOW, &ABSENT].into_iter().chain(rows.iter()).collect();
    let options =
        SmartOptions { patterns: Patterns::of(&patterns), threshold: 0.2, warmup: 1, iters: 3 };
    let sample = |model: &Model| {
        let mut cache = model.cache(1, 2)?;
        model.decode(&mut cache, &[Some(1)]).map(|_| Vec::new())
    };
    let result = smart_patch(&mut model, &options, sample, |line| lines.push(line.to_string()));
    let result = result.unwrap();
    assert!(lines[0].starts_with("[smart_patch] Baseline: "), "{lines:?}");
    assert!(lines[1].starts_with("  slow: 0."), "{lines:?}");
    assert!(lines[1].ends_with("x -> REVERT (below 0.2 threshold)"), "{lines:?}");
    assert_eq!(lines[2], "  absent: no matches (skipped)");
    assert!(lines[3].ends_with("x -> KEEP (5 modules)"), "{lines:?}");
    assert!(lines[4].starts_with("[smart_patch] Result: "), "{lines:?}");
    assert_eq!(result.pattern_counts, [("rmsnorm", 5)]);
    assert_eq!(patched_counts(&model), [("rmsnorm", 5)]);
    assert!(result.speeds[0].0 == "slow" && result.speeds[0].1 < 0.2, "{result:?}");
    assert!(result.summary().starts_with("Patched 5 modules:\n  rmsnorm: 5 ("), "{result:?}");
    unpatch(&mut model);
    assert_eq!(run(&model).0, plain);
}

/// A pattern that is fast, and wrong.
static WRONG: Pattern = Pattern {
    name: "wrong",
    doc: "gives what it got",
    matches: |module| module.kind() == "GatedMlp",
    replace: |_, _| Ok(Box::new(Wrong)),
};

struct Wrong;

impl Replacement for Wrong {
    fn kind(&self) -> &'static str {
        "Wrong"
    }

    fn forward(&self, _: &dyn Module, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        Ok(x.clone())
    }
}

#[test]
fn smart_patch_takes_off_what_changes_tokens() {
    let mut model = named("llama-4bit");
    let plain = run(&model);
    let mut lines = Vec::new();
    let patterns = Patterns::of(&[&WRONG]);
    let options = SmartOptions { patterns, threshold: 0.0, warmup: 0, iters: 1 };
    let sample = |model: &Model| Ok(run(model).1);
    let result = smart_patch(&mut model, &options, sample, |line| lines.push(line.to_string()));
    assert_eq!(lines[1], "  wrong: other tokens -> REVERT");
    assert_eq!(result.unwrap().patched_count, 0);
    assert_eq!(run(&model), plain);
}

#[test]
fn what_cannot_be_patched_is_told_and_left() {
    let mut model = named("llama");
    let result = patch(&mut model, &Patterns::of(&[&BROKEN]));
    assert_eq!((result.patched_count, result.skipped.len()), (0, 2));
    assert_eq!(result.skipped[0].0, "model.layers.0.self_attn");
    assert!(result.summary().ends_with("Skipped: 2"), "{}", result.summary());
    assert!(patched_counts(&model).is_empty());
}

/// A block and a factor, as somebody may put over it who knows nothing of sums that wait.
struct Scaled(Slot);

impl Module for Scaled {
    fn kind(&self) -> &'static str {
        "Scaled"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let y = self.0.forward(x, step)?;
        Tensor::new(y.to_vec::<f32>()?.iter().map(|y| y * 0.5).collect(), y.shape())
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        vec![("inner", &self.0)]
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        vec![("inner", &mut self.0)]
    }
}

#[test]
fn a_module_over_a_patched_block_gets_the_whole_sum() {
    for name in ["llama", "gemma2", "qwen3_moe-4bit"] {
        let mut model = named(name);
        for path in ["model.layers.0", "model.layers.1"] {
            let block = replace(&mut model, path, Box::new(Itself)).unwrap();
            replace(&mut model, path, Box::new(Scaled(block))).unwrap();
        }
        let (plain, tokens) = run(&model);
        let result = patch(&mut model, &Patterns::named(&["residual_norm"]).unwrap());
        assert_eq!(result.count_of("residual_norm"), 2, "{name}");
        let (patched, same) = run(&model);
        close(name, &patched, &plain, CLOSE);
        assert_eq!(same, tokens, "{name}");
    }
}

/// What it is given.
struct Itself;

impl Module for Itself {
    fn kind(&self) -> &'static str {
        "Itself"
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        Ok(x.clone())
    }
}

#[test]
fn a_sample_that_fails_leaves_no_pattern_behind() {
    let mut model = named("llama");
    let mut calls = 0;
    let options = SmartOptions::default();
    let result = smart_patch(
        &mut model,
        &options,
        |_| {
            calls += 1;
            // After the baseline, while the first pattern is timed.
            if calls > 12 { Err(tilewright_nn::Error::failure("no more")) } else { Ok(vec![1]) }
        },
        |_| {},
    );
    assert!(result.unwrap_err().to_string().contains("no more"));
    assert_eq!(patched_counts(&model), []);
}
