//! `tilewright devices`: what can run kernels here, with its features and limits.

use super::show_dtypes;
use crate::failure::Failure;
use crate::table::{Table, show_bytes};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::io::Write;
use tilewright_runtime::Runtime;
use tilewright_runtime::targets::{Role, TARGETS};

/// Lists every target that computes, why others are not to be had here, and those that only check the code of others.
///
/// # Errors
/// Only those of writing: a device that does not open is a row that says why.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    if matches.get_flag("json") {
        let mut rows: Vec<Value> = Vec::new();
        for target in TARGETS.iter().filter(|t| t.role != Role::Idles) {
            rows.push(match Runtime::open(target.name) {
                Ok(runtime) => {
                    let caps = runtime.caps();
                    json!({
                        "device": target.name,
                        "available": true,
                        "checks_only": target.role == Role::Checks,
                        "name": caps.name,
                        "parallelism": caps.parallelism,
                        "memory_bytes": if caps.memory > 0 { json!(caps.memory) } else { json!(null) },
                        "features": caps.features,
                        "dtypes": caps.dtypes.iter().map(|d| d.name()).collect::<Vec<_>>(),
                    })
                }
                Err(e) => json!({
                    "device": target.name,
                    "available": false,
                    "checks_only": target.role == Role::Checks,
                    "reason": e.what(),
                }),
            });
        }
        writeln!(out, "{:#}", Value::Array(rows))?;
        return Ok(());
    }
    let mut table = Table::new(&["DEVICE", "NAME", ">PARALLEL", ">MEMORY", "DTYPES", "FEATURES"]);
    let mut missing: Vec<(&str, String)> = Vec::new();
    for target in TARGETS.iter().filter(|t| t.role == Role::Computes) {
        match Runtime::open(target.name) {
            Ok(runtime) => {
                let caps = runtime.caps();
                let memory = if caps.memory > 0 { show_bytes(caps.memory) } else { "-".into() };
                table.row([
                    target.name.into(),
                    caps.name.clone(),
                    caps.parallelism.to_string(),
                    memory,
                    show_dtypes(&caps.dtypes),
                    caps.features.join(" "),
                ]);
            }
            Err(e) => missing.push((target.name, e.what().to_string())),
        }
    }
    table.print(out)?;
    writeln!(out, "\nnot available:")?;
    for (name, why) in missing {
        writeln!(out, "    {name}: {why}")?;
    }
    writeln!(out, "\nto check code for GPUs with, not for speed:")?;
    for target in TARGETS.iter().filter(|t| t.role == Role::Checks) {
        let missing = Runtime::open(target.name).err().map(|e| format!(" ({})", e.what()));
        writeln!(out, "    {}: {}{}", target.name, target.doc, missing.unwrap_or_default())?;
    }
    Ok(())
}
