//! Golden text: what every kernel of the catalog looks like as CUDA C and as MSL, under `golden/`, one file a kernel and
//! target, for the kernel's first dtype and its timed case. A change of the compiler shows there, to be read.
//!
//! `GOLDEN=write cargo test -p tilewright-target-metal --test golden` rewrites the files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tilewright_ir::{DType, Program};
use tilewright_kernels::{CATALOG, Case, Entry};
use tilewright_passes::lower::{LowerError, Typical, Units, lower_for};
use tilewright_target::c::{self, Dialect};

/// A target, the end of its files' names, its dialect, and how it lowers for sizes.
type Target = (
    &'static str,
    &'static str,
    &'static dyn Dialect,
    fn(&Program, &dyn Fn(&str) -> usize) -> Result<Typical, LowerError>,
);

const TARGETS: [Target; 2] = [
    ("cuda", "cu", &tilewright_target_cuda::CudaC, |program, size| {
        lower_for(program, Units::Half, size)
    }),
    ("metal", "metal", &tilewright_target_metal::Msl, |program, size| {
        tilewright_target_metal::typical(program, size)
    }),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden")
}

/// The case that is timed, else the last.
fn typical_case(entry: &Entry) -> Option<&'static Case> {
    entry.cases.iter().find(|case| case.bench).or(entry.cases.last())
}

/// The text of a kernel without the helpers that stand before every one, which are files of their targets.
fn text(entry: &Entry, case: &Case, (_, _, dialect, lower): &Target) -> String {
    let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
    let sizes: Vec<String> = case.sizes.iter().map(|(name, n)| format!("{name} = {n}")).collect();
    let head = format!("// {}, {dtype}, {}\n", entry.name, sizes.join(", "));
    let program = match entry.record(&entry.specialization(dtype, case.constants)) {
        Ok(program) => program,
        Err(error) => return format!("{head}// {error}\n"),
    };
    let size = |name: &str| case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, n)| *n);
    match lower(&program, &size) {
        Ok(typical) => {
            let text = c::source(&typical.threads, *dialect);
            let own = text.strip_prefix(dialect.prelude()).unwrap_or(&text);
            format!("{head}{own}")
        }
        Err(refused) => format!("{head}// refused: {refused}\n"),
    }
}

#[test]
fn every_kernel_reads_as_its_golden_text() {
    let write = std::env::var("GOLDEN").is_ok_and(|asked| asked == "write");
    let mut changed = Vec::new();
    for target in &TARGETS {
        let (name, end, ..) = target;
        let folder = folder().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut expected = BTreeSet::new();
        for entry in CATALOG {
            let Some(case) = typical_case(entry) else { continue };
            let file = format!("{}.{end}", entry.name);
            let (path, now) = (folder.join(&file), text(entry, case, target));
            expected.insert(file);
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            if now == before {
                continue;
            }
            if write {
                std::fs::write(&path, &now).unwrap();
                continue;
            }
            let line = now.lines().zip(before.lines()).take_while(|(a, b)| a == b).count();
            let of = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").trim().to_string();
            changed.push(format!(
                "golden/{name}/{}.{end}, line {}:\n  was {}\n  is  {}",
                entry.name,
                line + 1,
                of(&before),
                of(&now)
            ));
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            if !expected.contains(&name) {
                match write {
                    true => std::fs::remove_file(file.path()).unwrap(),
                    false => changed.push(format!("{name} is of no kernel")),
                }
            }
        }
    }
    assert!(
        changed.is_empty(),
        "{} golden texts have changed; read the difference, then GOLDEN=write cargo test -p tilewright-target-metal --test golden\n{}",
        changed.len(),
        changed.join("\n")
    );
}
