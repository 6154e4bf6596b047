//! `tilewright bench`: how long kernels take, and how that compares with a copy.

use super::test::kernels;
use crate::call::device;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::table::Table;
use crate::timing::{CopyRates, Timed};
use clap::ArgMatches;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tilewright_formats::replace_file;
use tilewright_ir::DType;
use tilewright_kernels::{Case, Entry};
use tilewright_proof::{Bench, Budget, Outputs};
use tilewright_runtime::DeviceKind;

/// Enough runs to see the spread, without making the catalog take all day.
const BUDGET: Budget = Budget { runs: 5, time: Duration::from_millis(500) };

/// Times every benchmark case of the kernels that were named.
///
/// # Errors
/// For an unknown name or device, and when a kernel does not run.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let runtime = device(matches)?;
    if matches!(runtime.caps().kind, DeviceKind::Interpreter | DeviceKind::Emulator) {
        return Err(Failure::usage(
            format!("the {} is for checking; its times mean nothing", runtime.target()),
            "leave --device out to time the CPU",
        ));
    }
    let work: Vec<(&'static Entry, &'static Case)> = kernels(matches)?
        .into_iter()
        .flat_map(|entry| entry.cases.iter().filter(|case| case.bench).map(move |c| (entry, c)))
        .collect();
    let progress = Progress::new(work.len());
    let mut rates = CopyRates::default();
    let mut rows: Vec<Timed> = Vec::new();
    for (entry, case) in work {
        progress.begin(entry.name);
        let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
        let mut clock = Bench::new(&runtime, entry, case, dtype, Outputs::Preallocated)?;
        let timing = clock.time(BUDGET)?;
        rows.push(Timed::of(clock.row(timing, None), &mut rates));
        progress.step();
    }
    drop(progress);
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        let rows = rows.iter().map(|row| row.to_json(runtime.target())).collect();
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    writeln!(out, "{} ({})\n", runtime.target(), runtime.caps().name)?;
    print(&rows, out)?;
    writeln!(
        out,
        "\nms is the median, SPREAD its quartiles apart. GB/s counts each tensor once. OF COPY compares with a\n\
         plain copy of as many bytes on all cores."
    )?;
    Ok(())
}

/// Prints times as a table.
///
/// # Errors
/// Those of `out`.
pub fn print(rows: &[Timed], out: &mut dyn Write) -> Result<(), Failure> {
    let mut headings = vec!["KERNEL", "CASE", "DTYPE", ">MS", ">SPREAD", ">GB/S", ">OF COPY"];
    if rows.iter().any(|row| row.gigaflops.is_some()) {
        headings.push(">GFLOP/S");
    }
    let mut table = Table::new(&headings);
    for row in rows {
        table.row([
            row.kernel.clone(),
            row.case.clone(),
            row.dtype.to_string(),
            format!("{:.3}", row.timing.median),
            format!("{:.0} %", row.timing.spread * 100.0),
            format!("{:.1}", row.gigabytes()),
            format!("{:.0} %", row.share() * 100.0),
            row.gigaflops.map_or(String::new(), |rate| format!("{rate:.0}")),
        ]);
    }
    Ok(table.print(out)?)
}
