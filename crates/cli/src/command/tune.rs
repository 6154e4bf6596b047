//! `tilewright tune`: the fastest schedule of each kernel, by measuring.

use super::bench::{changed, timed_kernels};
use super::{dtype, kernel_dtype, settings};
use crate::call::device;
use crate::failure::Failure;
use crate::formula;
use crate::progress::{Busy, Progress};
use crate::table::Table;
use clap::ArgMatches;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tilewright_formats::replace_file;
use tilewright_ir::DType;
use tilewright_kernels::{Case, Entry};
use tilewright_proof::{Bench, Budget, Dropped, Outputs, tune};
use tilewright_runtime::DeviceKind;
use tilewright_runtime::tuned::{Row, text};

/// Of each schedule, beside the run that compiles it.
const BUDGET: Budget = Budget { runs: 15, time: Duration::from_millis(200) };

/// Tunes every benchmark case of the kernels that were named, or a formula.
///
/// # Errors
/// For an unknown name or device, a device whose kernels have one schedule, and when a kernel does not run.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let runtime = device(matches)?;
    let (mut rows, mut dropped): (Vec<Row>, Vec<Dropped>) = Default::default();
    let mut file = None;
    let mut tuned = |mut bench: Bench| {
        let tuning = tune(&runtime, &mut bench, BUDGET)?;
        file = tuning.keep()?.or(file.take());
        rows.extend(tuning.rows);
        dropped.extend(tuning.dropped);
        Ok::<(), Failure>(())
    };
    let one = || {
        Failure::usage(
            format!("kernels have one schedule on {}", runtime.target()),
            "tune on a GPU: --device cuda",
        )
    };
    if runtime.caps().kind == DeviceKind::Cpu {
        return Err(one());
    }
    if let Some(text) = matches.get_one::<String>("expr") {
        let bench = formula::bench(text, matches, &runtime, Outputs::Preallocated)?;
        let _busy = Busy::with("tuning");
        tuned(bench)?;
    } else {
        let work = work(matches)?;
        let progress = Progress::new(work.len());
        for (entry, case, dtype) in &work {
            progress.begin(entry.name);
            let prepare = if matches.get_flag("grad") { Bench::gradient } else { Bench::new };
            tuned(prepare(&runtime, entry, case, *dtype, Outputs::Preallocated)?)?;
            progress.step();
        }
    }
    if rows.is_empty() {
        return Err(one());
    }
    if let Some(path) = matches.get_one::<PathBuf>("out") {
        replace_file(path, |file| file.write_all(text(&rows).as_bytes()))?;
    }
    writeln!(out, "{} ({})\n", runtime.target(), runtime.caps().name)?;
    print(&rows, out)?;
    if !dropped.is_empty() {
        writeln!(
            out,
            "\nNot kept, whatever they take: schedules whose results are not the default's."
        )?;
        print_dropped(&dropped, out)?;
    }
    if let Some(file) = file {
        writeln!(out, "\nKept in {}.", file.display())?;
    }
    Ok(())
}

/// Every benchmark case of the kernels that were named, in each dtype or in the one that was asked for.
fn work(matches: &ArgMatches) -> Result<Vec<(&'static Entry, Case, DType)>, Failure> {
    let (asked, settings) = (dtype(matches)?, settings(matches)?);
    let mut work = Vec::new();
    for entry in timed_kernels(matches)? {
        let first = kernel_dtype(entry, asked)?;
        let dtypes =
            if asked.is_none() && !entry.dtypes.is_empty() { entry.dtypes } else { &[first] };
        for &dtype in dtypes {
            for case in entry.cases.iter().filter(|case| case.bench) {
                work.push((entry, changed(entry, case, dtype, &settings)?, dtype));
            }
        }
    }
    Ok(work)
}

fn print(rows: &[Row], out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new(&["KERNEL AND SIZES", ">DEFAULT MS", ">BEST MS", ">OF", "KEPT"]);
    for row in rows {
        let default = row.timings.first().map_or(f64::NAN, |default| default.median);
        let kept = row.timings.iter().find(|timing| timing.schedule == row.schedule);
        let switched = row.timings.first().is_some_and(|default| default.schedule != row.schedule);
        table.row([
            row.bucket.clone(),
            format!("{default:.4}"),
            format!("{:.4}", kept.map_or(default, |kept| kept.median)),
            row.timings.len().to_string(),
            if switched { row.schedule.clone() } else { "the default".into() },
        ]);
    }
    Ok(table.print(out)?)
}

fn print_dropped(dropped: &[Dropped], out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new(&["KERNEL AND SIZES", "SCHEDULE", "WHY"]);
    for Dropped { bucket, schedule, why } in dropped {
        table.row([bucket.clone(), schedule.clone(), why.clone()]);
    }
    Ok(table.print(out)?)
}
