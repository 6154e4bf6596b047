//! `tilewright test`: every case of every kernel against its reference, on every device.

use super::find;
use crate::call::chosen_device;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::table::Table;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use tilewright_formats::replace_file;
use tilewright_kernels::{CATALOG, Entry};
use tilewright_proof::{Outcome, Row, Selection, Verdict, check_mutant, check_random_program};
use tilewright_runtime::Device;

/// Runs the checks, prints a row a kernel and the failures, writes the report.
///
/// # Errors
/// For an unknown name; [`Failure::Told`] when a check failed.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    for (name, kind) in [("random", Drawn::Random), ("mutants", Drawn::Mutants)] {
        if let Some(&programs) = matches.get_one::<u64>(name) {
            return drawn(kind, matches, programs, out);
        }
    }
    let mut selection = Selection::new(kernels(matches)?);
    if matches.get_flag("full") {
        selection = selection.full();
    }
    if let Some(&limit) = matches.get_one::<usize>("limit") {
        selection = selection.limited(limit);
    }
    if let Some(runtime) = chosen_device(matches)? {
        selection.runtimes = vec![runtime];
    }
    let progress = Progress::new(selection.jobs().len());
    let rows = selection.run(|job| progress.begin(job.entry().name), |_| progress.step());
    drop(progress);
    if let Some(path) = matches.get_one::<PathBuf>("report") {
        let report = Value::Array(rows.iter().map(to_json).collect());
        replace_file(path, |file| writeln!(file, "{report:#}"))?;
    }
    print(&selection, &rows, out)
}

/// Programs that somebody or something draws by a seed.
#[derive(Clone, Copy)]
enum Drawn {
    Random,
    Mutants,
}

impl Drawn {
    fn plural(self) -> &'static str {
        match self {
            Drawn::Random => "random programs",
            Drawn::Mutants => "mutants",
        }
    }

    fn check(self, device: &dyn Device, seed: u64) -> Verdict {
        match self {
            Drawn::Mutants => check_mutant(device, seed),
            Drawn::Random => check_random_program(device, seed),
        }
    }
}

/// Runs programs that are drawn on every device, or the one that was chosen, and prints those that differ.
///
/// # Errors
/// [`Failure::Told`] when one does.
fn drawn(
    drawn: Drawn,
    matches: &ArgMatches,
    programs: u64,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let first = matches.get_one::<u64>("seed").copied().unwrap_or(0);
    let runtimes = match chosen_device(matches)? {
        Some(runtime) => vec![runtime],
        None => Selection::new(Vec::new()).runtimes,
    };
    let progress = Progress::new(runtimes.len() * programs as usize);
    let mut rows = Vec::new();
    let (mut failed, mut counts) = (false, String::new());
    for runtime in &runtimes {
        let (mut agree, mut differ) = (0, 0);
        for seed in (0..programs).map(|number| first.wrapping_add(number)) {
            progress.begin(runtime.target());
            let found = drawn.check(&**runtime.device(), seed);
            let device = runtime.target();
            let (outcome, reason) = match &found {
                Verdict::Agrees => ("pass", None),
                Verdict::Refused => ("skip", Some("it cannot be run".to_string())),
                Verdict::Differs(found) => ("fail", Some(found.what.clone())),
            };
            rows.push(json!({
                "seed": seed, "device": device, "outcome": outcome, "reason": reason,
            }));
            match found {
                Verdict::Agrees => agree += 1,
                Verdict::Refused => {}
                Verdict::Differs(found) => {
                    writeln!(out, "{device}, {found}\n")?;
                    differ += 1;
                }
            }
            progress.step();
        }
        failed |= differ > 0;
        let refused = match programs - agree - differ {
            0 => String::new(),
            refused => format!(", {refused} cannot be run"),
        };
        counts += &format!(
            "{programs} {} from seed {first} on {}: {agree} agree with the interpreter, {differ} do not{refused}\n",
            drawn.plural(),
            runtime.target(),
        );
    }
    drop(progress);
    if let Some(path) = matches.get_one::<PathBuf>("report") {
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    out.write_all(counts.as_bytes())?;
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// The kernels that were named, or all.
///
/// # Errors
/// For an unknown name.
pub fn kernels(matches: &ArgMatches) -> Result<Vec<&'static Entry>, Failure> {
    match matches.get_many::<String>("names") {
        None => Ok(CATALOG.to_vec()),
        Some(names) => names.map(|name| find(name)).collect(),
    }
}

fn print(selection: &Selection, rows: &[Row], out: &mut dyn Write) -> Result<(), Failure> {
    let mut table =
        Table::new(&["KERNEL", ">PASSED", ">FAILED", ">SKIPPED", ">OF TOLERANCE", ">SECONDS"]);
    for entry in &selection.kernels {
        let own = || rows.iter().filter(|row| row.kernel == entry.name);
        let count = |wanted: &str| own().filter(|r| r.outcome.name() == wanted).count().to_string();
        let worst = own().map(|row| row.worst.share()).fold(0.0, f64::max);
        table.row([
            entry.name.into(),
            count("pass"),
            count("fail"),
            count("skip"),
            format!("{:.0} %", worst * 100.0),
            format!("{:.1}", own().map(|row| row.seconds).sum::<f64>()),
        ]);
    }
    table.print(out)?;
    let failed: Vec<&Row> = rows.iter().filter(|r| matches!(r.outcome, Outcome::Fail(_))).collect();
    for row in &failed {
        writeln!(out, "\n{row}")?;
    }
    let devices: Vec<&str> = selection.runtimes.iter().map(|r| r.target()).collect();
    let skipped = rows.iter().filter(|r| matches!(r.outcome, Outcome::Skip(_))).count();
    writeln!(
        out,
        "\n{} on {}: {} checks passed, {} failed, {skipped} skipped",
        match selection.kernels.len() {
            1 => "1 kernel".to_string(),
            n => format!("{n} kernels"),
        },
        devices.join(" and "),
        rows.len() - failed.len() - skipped,
        failed.len(),
    )?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

fn to_json(row: &Row) -> Value {
    json!({
        "kernel": row.kernel,
        "check": row.check.name(),
        "case": row.case,
        "dtype": row.dtype.name(),
        "device": row.target,
        "outcome": row.outcome.name(),
        "reason": row.outcome.reason(),
        "error": row.worst.error,
        "allowed": row.worst.allowed,
        "seconds": row.seconds,
    })
}
