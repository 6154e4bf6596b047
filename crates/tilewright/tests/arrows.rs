//! The walls between the crates, read from the manifests and the sources. See ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crates below the runtime or beside it, whose results depend on their arguments alone.
const PURE: &[&str] = &[
    "ir",
    "formats",
    "lang",
    "passes",
    "target",
    "target-cpu",
    "target-cuda",
    "target-metal",
    "kernels",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What each crate may depend on among ours, by the table of ARCHITECTURE.md. Tests may use more: they look from outside.
fn allowed(architecture: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let rows: Vec<(&str, &str)> = architecture
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
        .filter_map(|line| Some((line.split_once('`')?.0, line.rsplit_once(" | ")?.1)))
        .collect();
    let all = || rows.iter().map(|(name, _)| *name);
    rows.iter()
        .map(|&(name, may)| {
            let mut allowed: BTreeSet<&str> = match may.strip_prefix("any") {
                Some(but) => all().filter(|other| !quoted(but).any(|not| not == *other)).collect(),
                None => quoted(may).collect(),
            };
            if may.contains("the targets") {
                allowed.extend(all().filter(|other| other.starts_with("target-")));
            }
            if name != "formats" && name != "ir" {
                allowed.insert("ir");
            }
            (name, allowed)
        })
        .collect()
}

/// Our crates among the dependencies of a manifest, those of tests and build scripts left out.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut counts = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            counts = section.trim_end_matches(']').ends_with("dependencies")
                && !section.contains("dev-")
                && !section.contains("build-");
        } else if counts && let Some(rest) = line.strip_prefix("tilewright-") {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            found.insert(rest[..end.unwrap_or(rest.len())].to_string());
        }
    }
    found
}

/// Every Rust file under a crate's `src`, without its tests.
fn sources(of: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![crates().join(of).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !is_test(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                files.push((path, code.to_string()));
            }
        }
    }
    files
}

/// True for modules that only tests are built with, by the name that such files have here.
fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
}

/// The lines of code that hold one of `words`; comments may say what they like.
fn uses(of: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(of) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    found
}

#[test]
fn crates_depend_on_what_they_may() {
    let architecture = std::fs::read_to_string(crates().join("../ARCHITECTURE.md")).unwrap();
    let allowed = allowed(&architecture);
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(crates()).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let Ok(manifest) = std::fs::read_to_string(folder.path().join("Cargo.toml")) else {
            continue;
        };
        let Some(allowed) = allowed.get(name.as_str()) else {
            panic!("crate `{name}` has no row in ARCHITECTURE.md: say what it may depend on");
        };
        for dependency in dependencies(&manifest) {
            assert!(
                allowed.contains(dependency.as_str()),
                "`{name}` depends on `{dependency}`, which ARCHITECTURE.md does not allow"
            );
        }
        seen.insert(name);
    }
    for name in allowed.keys() {
        assert!(seen.contains(*name), "ARCHITECTURE.md has a row for `{name}`, which is no crate");
    }
}

#[test]
fn the_table_is_read_right() {
    let table = "| Crate | Holds | May use |\n|---|---|---|\n| `ir` | `Program` as data | nothing |\n\
                 | `formats` | bytes | nothing |\n| `passes` | one file a pass | `ir` |\n\
                 | `target-x` | a backend | `passes` |\n| `runtime` | `targets.rs` | `passes`, the targets |\n\
                 | `cli` | prints | any but `formats` |\n";
    let read = allowed(table);
    let of = |name: &str| read[name].iter().copied().collect::<Vec<_>>().join(" ");
    assert_eq!(read.len(), 6);
    assert_eq!([of("ir"), of("formats"), of("passes")], ["", "", "ir"]);
    assert_eq!([of("target-x"), of("runtime")], ["ir passes", "ir passes target-x"]);
    assert_eq!(of("cli"), "cli ir passes runtime target-x");
}

#[test]
fn manifests_are_read_right() {
    let manifest = "[package]\nname = \"tilewright-x\"\n[dependencies]\ntilewright-target-cpu = 1\n\
                    [dev-dependencies]\ntilewright-kernels = 1\n\
                    [target.'cfg(unix)'.dependencies]\ntilewright-ir = 1\n";
    let found: Vec<String> = dependencies(manifest).into_iter().collect();
    assert_eq!(found, ["ir", "target-cpu"]);
}

#[test]
fn nothing_below_the_runtime_reads_the_environment_or_a_clock() {
    for name in PURE {
        let found = uses(
            name,
            &["env::var", "env::temp_dir", "env::home_dir", "Instant::now", "SystemTime::now"],
        );
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn a_kernel_names_no_backend_and_a_backend_no_kernel() {
    let found =
        uses("kernels", &["cuda", "Cuda", "metal", "Metal", "target_cpu", "target_feature"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for backend in ["target-cpu", "target-cuda", "target-metal"] {
        let found = uses(backend, &["tilewright_kernels", "tilewright_tensor", "tilewright_lang"]);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// The names of devices that a model would run on, and of what calls kernels.
#[test]
fn a_model_names_no_device_and_no_kernel() {
    for name in ["nn", "models"] {
        let found =
            uses(name, &["\"cpu\"", "\"cuda\"", "\"metal\"", "Runtime::open", "target_cpu"]);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
    let found = uses("engine", &["tokenizers", "tilewright_text", "Callable"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let found = uses("models", &["Callable", "tilewright_tensor", "kernel(", "kernels.get"]);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
