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
use tilewright_proof::{Outcome, Row, Selection, check_random_program};

/// Runs the checks, prints a row a kernel and the failures, writes the report.
///
/// # Errors
/// For an unknown name; [`Failure::Told`] when a check failed.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(&programs) = matches.get_one::<u64>("random") {
        return random(matches, programs, out);
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

/// Runs random programs on every device, or the one that was chosen, and prints those that differ.
///
/// # Errors
/// [`Failure::Told`] when one does.
fn random(matches: &ArgMatches, programs: u64, out: &mut dyn Write) -> Result<(), Failure> {
    let first = matches.get_one::<u64>("seed").copied().unwrap_or(0);
    let runtimes = match chosen_device(matches)? {
        Some(runtime) => vec![runtime],
        None => Selection::new(Vec::new()).runtimes,
    };
    let progress = Progress::new(runtimes.len() * programs as usize);
    let mut rows = Vec::new();
    let (mut failed, mut counts) = (0, String::new());
    for runtime in &runtimes {
        let before = failed;
        for seed in (0..programs).map(|number| first.wrapping_add(number)) {
            progress.begin(runtime.target());
            let found = check_random_program(&**runtime.device(), seed);
            let outcome = if found.is_some() { "fail" } else { "pass" };
            let reason = found.as_ref().map(|found| found.what.clone());
            let device = runtime.target();
            rows.push(json!({
                "seed": seed, "device": device, "outcome": outcome, "reason": reason,
            }));
            if let Some(found) = found {
                writeln!(out, "{device}, {found}\n")?;
                failed += 1;
            }
            progress.step();
        }
        let failed = failed - before;
        counts += &format!(
            "{programs} random programs from seed {first} on {}: {} agree with the interpreter, {failed} do not\n",
            runtime.target(),
            programs - failed,
        );
    }
    drop(progress);
    if let Some(path) = matches.get_one::<PathBuf>("report") {
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    out.write_all(counts.as_bytes())?;
    if failed == 0 { Ok(()) } else { Err(Failure::Told) }
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
