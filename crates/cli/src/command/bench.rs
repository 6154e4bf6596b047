//! `tilewright bench`: how long kernels take, and how that compares with a copy.

use super::test::kernels;
use super::{dtype, kernel_dtype, settings, specialize, whole};
use crate::args::Setting;
use crate::call::device;
use crate::failure::Failure;
use crate::formula;
use crate::progress::{Busy, Progress};
use crate::table::Table;
use crate::timing::{CopyRates, Timed};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tilewright_formats::replace_file;
use tilewright_ir::DType;
use tilewright_kernels::{Case, Entry, Grad};
use tilewright_proof::{
    Bench, Budget, Compilation, Outputs, Timing, time_compilation, time_launches,
};
use tilewright_runtime::{DeviceKind, Runtime};

/// Enough runs to see the spread, without making the catalog take all day.
const BUDGET: Budget = Budget { runs: 5, time: Duration::from_millis(500) };
/// The same for compilations, which are short.
const COMPILATION: Budget = Budget { runs: 9, time: Duration::from_millis(50) };

/// Times every benchmark case of the kernels that were named, or a formula.
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
    if matches.get_flag("launch") {
        return launch(&runtime, matches, out);
    }
    if matches.get_flag("compile") {
        return compilation(&runtime, &timed_kernels(matches)?, matches, out);
    }
    let outputs = match (matches.get_flag("fresh"), matches.get_flag("recorded")) {
        (true, _) => Outputs::Fresh,
        (_, true) => Outputs::Recorded,
        _ => Outputs::Preallocated,
    };
    let mut rates = CopyRates::new(&runtime);
    let mut rows: Vec<Timed> = Vec::new();
    let mut failed = Vec::new();
    let mut work: Vec<(&'static Entry, Case, DType)> = Vec::new();
    if let Some(text) = matches.get_one::<String>("expr") {
        let mut clock = formula::bench(text, matches, &runtime, outputs)?;
        let busy = Busy::with("timing");
        let timed = Timed::of(&mut clock, BUDGET, &mut rates)?;
        drop(busy);
        rows.push(timed);
    } else {
        let (asked, settings) = (dtype(matches)?, settings(matches)?);
        for entry in timed_kernels(matches)? {
            let dtype = kernel_dtype(entry, asked)?;
            for case in entry.cases.iter().filter(|case| case.bench) {
                work.push((entry, changed(entry, case, dtype, &settings)?, dtype));
            }
        }
    }
    let progress = Progress::new(work.len());
    for (entry, case, dtype) in &work {
        progress.begin(entry.name);
        let prepare = if matches.get_flag("grad") { Bench::gradient } else { Bench::new };
        let prepare = || prepare(&runtime, entry, case, *dtype, outputs);
        let timed = match outputs {
            Outputs::Recorded => recorded(prepare, &mut rates),
            _ => prepare()
                .map_err(Failure::from)
                .and_then(|mut clock| Timed::of(&mut clock, BUDGET, &mut rates)),
        };
        match timed {
            Ok(timed) => rows.push(timed),
            Err(error) => failed.push(error),
        }
        progress.step();
    }
    drop(progress);
    // The figures of the others are not lost with one that does not run.
    if rows.is_empty() && !failed.is_empty() {
        return Err(failed.swap_remove(0));
    }
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        let rows = rows.iter().map(|row| row.to_json(runtime.target())).collect();
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    writeln!(out, "{} ({})\n", runtime.target(), runtime.caps().name)?;
    print(&rows, out)?;
    writeln!(
        out,
        "\nms is the median, SPREAD its quartiles apart. GB/s counts each tensor once. OF COPY compares with a\n\
         long copy on all cores, the median of some before and behind. {}.",
        match outputs {
            Outputs::Recorded => "Calls were recorded, and ran one behind the other".into(),
            _ => format!("Outputs are {}", outputs.name()),
        }
    )?;
    let mut failed = failed.into_iter();
    let Some(first) = failed.next() else { return Ok(()) };
    if failed.len() > 0 {
        writeln!(out, "\n{} more cases did not run than the first that failed:", failed.len())?;
    }
    Err(first)
}

/// Times recorded calls of what `prepare` makes, beside a copy.
fn recorded(
    prepare: impl FnMut() -> tilewright_proof::Result<Bench>,
    rates: &mut CopyRates,
) -> Result<Timed, Failure> {
    let ((clock, timing), copy) = rates.beside(|| Bench::time_recorded(prepare, BUDGET))?;
    Ok(Timed::beside(clock.row(timing, None), copy))
}

/// The kernels that were named; if none was, all that have the dtype and the gradient that were asked for.
///
/// # Errors
/// For an unknown name or dtype.
pub fn timed_kernels(matches: &ArgMatches) -> Result<Vec<&'static Entry>, Failure> {
    let (mut found, asked) = (kernels(matches)?, dtype(matches)?);
    if !matches.contains_id("names") {
        found.retain(|entry| asked.is_none_or(|asked| entry.dtypes.contains(&asked)));
        found.retain(|entry| !matches.get_flag("grad") || !matches!(entry.grad, Grad::None(_)));
    }
    if let (true, Some(asked)) = (found.is_empty(), asked) {
        return Err(Failure::usage(
            format!("no kernel is made for {asked}"),
            "name a kernel, or another --dtype: `tilewright kernels NAME` tells which it has",
        ));
    }
    Ok(found)
}

/// The case with the sizes, constants and scalars that were set.
///
/// # Errors
/// For a name that cannot be set.
pub fn changed(
    entry: &Entry,
    case: &Case,
    dtype: DType,
    settings: &[Setting],
) -> Result<Case, Failure> {
    if settings.is_empty() {
        return Ok(*case);
    }
    // Tells what cannot be set.
    let specialized = specialize(entry, dtype, settings)?;
    let (mut sizes, mut constants) = (case.sizes.to_vec(), case.constants.to_vec());
    let mut scalars = case.scalars.to_vec();
    for setting in settings {
        // A case holds static names, which live as long as this process does anyway.
        let name: &'static str = setting.name.clone().leak();
        if specialized.sizes.iter().any(|(size, _)| size == name) {
            replace(&mut sizes, name, whole(setting)?);
        } else if entry.constants.iter().any(|(constant, _)| *constant == name) {
            replace(&mut constants, name, whole(setting)?);
        } else {
            replace(&mut scalars, name, setting.value);
        }
    }
    Ok(Case { sizes: sizes.leak(), constants: constants.leak(), scalars: scalars.leak(), ..*case })
}

/// Sets the value of `name`.
fn replace<T>(values: &mut Vec<(&'static str, T)>, name: &'static str, value: T) {
    values.retain(|(known, _)| *known != name);
    values.push((name, value));
}

/// Times what comes before the second call of each kernel.
fn compilation(
    runtime: &Runtime,
    entries: &[&'static Entry],
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let progress = Progress::new(entries.len());
    let asked = dtype(matches)?;
    let mut rows: Vec<Compilation> = Vec::new();
    for entry in entries {
        progress.begin(entry.name);
        let dtype = kernel_dtype(entry, asked)?;
        rows.extend(time_compilation(runtime, entry, dtype, COMPILATION)?);
        progress.step();
    }
    drop(progress);
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        let row = |row: &Compilation| {
            json!({
                "kernel": row.kernel,
                "device": runtime.target(),
                "record_ms": row.record.median,
                "compile_ms": row.compile.median,
                "first_call_ms": row.first_call.median,
                "total_ms": row.total.median,
                "spread": row.total.spread,
                "runs": row.total.runs,
            })
        };
        let rows = rows.iter().map(row).collect();
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    let mut table = Table::new(&[
        "KERNEL",
        ">RECORD MS",
        ">COMPILE MS",
        ">FIRST CALL MS",
        ">TOTAL MS",
        ">SPREAD",
    ]);
    for row in &rows {
        let stations = [&row.record, &row.compile, &row.first_call, &row.total];
        let [record, compile, call, total] = stations.map(|took| format!("{:.3}", took.median));
        let spread = format!("{:.0} %", row.total.spread * 100.0);
        table.row([row.kernel.to_string(), record, compile, call, total, spread]);
    }
    writeln!(out, "{} ({})\n", runtime.target(), runtime.caps().name)?;
    table.print(out)?;
    writeln!(
        out,
        "\nMedians, each run with nothing kept in memory; what a GPU's compiler made is kept on disk from the\n\
         first run on. The first call is of the kernel's smallest case, and includes what the device does once\n\
         it knows sizes."
    )?;
    let slowest = rows.iter().max_by(|a, b| a.total.median.total_cmp(&b.total.median));
    if let (Some(slowest), true) = (slowest, rows.len() > 1) {
        writeln!(out, "The slowest is {}: {:.3} ms.", slowest.kernel, slowest.total.median)?;
    }
    Ok(())
}

/// Times what it costs to start a kernel.
fn launch(
    runtime: &Arc<Runtime>,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let cost = time_launches(runtime, BUDGET)?;
    let recorded = match cost.is_captured {
        true => "a captured graph",
        false => "launches one by one",
    };
    let rows: [(&str, Timing); 5] = [
        ("starting one kernel, on the host", cost.launch),
        ("starting one kernel and waiting for it", cost.call),
        ("one kernel of a recording, all of it", cost.recorded),
        ("starting the recording, on the host", cost.start),
        ("changing one number of it, on the host", cost.change),
    ];
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        let row = |(what, timing): &(&str, Timing)| {
            json!({
                "what": what,
                "device": runtime.target(),
                "microseconds": timing.median,
                "least_microseconds": timing.least,
                "spread": timing.spread,
                "runs": timing.runs,
                "kernels": cost.kernels,
                "captured": cost.is_captured,
            })
        };
        let rows = rows.iter().map(row).collect();
        replace_file(path, |file| writeln!(file, "{:#}", Value::Array(rows)))?;
    }
    let mut table = Table::new(&["COST", ">MICROSECONDS", ">LEAST", ">SPREAD"]);
    for (what, timing) in rows {
        let spread = format!("{:.0} %", timing.spread * 100.0);
        let [median, least] = [timing.median, timing.least].map(|took| format!("{took:.2}"));
        table.row([what.into(), median, least, spread]);
    }
    writeln!(out, "{} ({})\n", runtime.target(), runtime.caps().name)?;
    table.print(out)?;
    writeln!(
        out,
        "\nMedians; the kernel is softcap of 256 elements. The recording has {} of it, as {recorded}.",
        cost.kernels
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
