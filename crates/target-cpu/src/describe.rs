//! A schedule as text.

use crate::schedule::{Cut, Schedule};
use crate::step::*;
use std::fmt::Write;
use tilewright_ir::Program;

/// The schedule and its steps, for people.
pub fn describe(program: &Program, schedule: &Schedule) -> String {
    let bound = &schedule.bound;
    let mut text = format!("{}: grid {:?}, ", program.name, schedule.grid);
    let _ = match schedule.cut {
        Cut::Blocks => write!(text, "one row of {} in blocks of {}", bound.main.0, bound.main.1),
        Cut::Whole => write!(text, "one thread"),
        Cut::Programs if bound.main.0 > bound.main.1 => {
            write!(text, "rows of {} in blocks of {}", bound.main.0, bound.main.1)
        }
        Cut::Programs => write!(text, "batches of {}", bound.batch),
    };
    let _ = writeln!(text, ", frame {} bytes", bound.frame);
    program_text(&mut text, bound);
    if let Some(single) = &schedule.single {
        let _ = writeln!(text, "  for each of the remaining {}:", schedule.units_along_last().1);
        program_text(&mut text, single);
    }
    text
}

fn program_text(text: &mut String, bound: &Bound) {
    steps(text, &bound.prologue, 1, "once");
    for (number, pass) in bound.passes.iter().enumerate() {
        steps(text, &pass.blocks, 1, &format!("sweep {number}"));
        steps(text, &pass.after, 1, "after it");
    }
}

/// The inputs of a call; one of them may be rows of a tensor, read where they lie.
fn inputs(invoke: &Invoke, looked_up: Option<(usize, usize)>) -> String {
    let inputs = invoke.inputs.iter().enumerate().filter_map(|(k, &address)| match looked_up {
        Some((operand, param)) if operand == k => Some(format!("rows of tensor {param}")),
        _ => (address != NOWHERE).then(|| place(address)),
    });
    inputs.collect::<Vec<_>>().join(", ")
}

fn steps(text: &mut String, list: &[Step], depth: usize, title: &str) {
    let indent = "  ".repeat(depth);
    if !list.is_empty() {
        let _ = writeln!(text, "{indent}{title}:");
    }
    for step in list {
        let _ = match step {
            Step::Invoke(invoke) => {
                let call = &invoke.call;
                let outer: Vec<usize> = invoke.outer.iter().map(|axis| axis.0).collect();
                let stream = if call.stream { " past the caches" } else { "" };
                let inputs = inputs(invoke, None);
                let ahead = match invoke.prefetch {
                    NOWHERE => String::new(),
                    next => format!(", fetching {}", place(next)),
                };
                writeln!(
                    text,
                    "{indent}  {} = {} {} [{} x {}]{}{stream}{ahead}",
                    place(invoke.out),
                    invoke.name,
                    inputs,
                    call.rows,
                    call.len,
                    if outer.is_empty() { String::new() } else { format!(" for {outer:?}") },
                )
            }
            Step::Native(native) => {
                let places: Vec<String> =
                    native.operands.iter().map(|(address, _)| place(*address)).collect();
                let stream = if native.streaming.is_some() { " past the caches" } else { "" };
                let stagger = if native.staggered { " side by side" } else { "" };
                let (names, places) = (native.names.join(", "), places.join(", "));
                let size = (native.rows, native.len);
                writeln!(
                    text,
                    "{indent}  native on {places} [{} x {}]{stagger}{stream}: {names}",
                    size.0, size.1
                )
            }
            Step::Locate(locate) => {
                writeln!(text, "{indent}  r{} = locate in tensor {}", locate.register, locate.param)
            }
            Step::Transfer(transfer) => {
                let verb = match transfer.kind {
                    TransferKind::Load { .. } => "load",
                    TransferKind::Store { .. } => "store",
                };
                let (tile, param) = (place(transfer.tile), transfer.param);
                let window =
                    transfer.window.map_or(String::new(), |r| format!("r{r} = window, or "));
                writeln!(text, "{indent}  {window}checked {verb} of {tile}, tensor {param}")
            }
            Step::LookUp(look_up) => {
                let LookUp { load, invoke, operand } = &**look_up;
                let inputs = inputs(invoke, Some((*operand, load.param)));
                let stream = if invoke.call.stream { " past the caches" } else { "" };
                let (out, name) = (place(invoke.out), invoke.name);
                let size = (load.batch, load.elements);
                writeln!(
                    text,
                    "{indent}  {out} = {name} {inputs} [{} x {}]{stream}",
                    size.0, size.1
                )
            }
            Step::Check(check) => {
                writeln!(text, "{indent}  check {} below {}", place(check.at), check.extent)
            }
            Step::Program { axis, to } => {
                writeln!(text, "{indent}  {} = program {axis}", place(*to))
            }
            Step::Combine(combining) => {
                writeln!(text, "{indent}  combine {} x {}", combining.rows, combining.len)
            }
            Step::For { body, step, .. } => {
                steps(text, body, depth + 1, &format!("for, by {step}"));
                Ok(())
            }
            Step::When { body, .. } => {
                steps(text, body, depth + 1, "when");
                Ok(())
            }
        };
    }
}

fn place(address: Address) -> String {
    format!("r{}+{}", address.register, address.offset)
}
