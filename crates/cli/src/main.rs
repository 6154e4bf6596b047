//! The `tilewright` binary: parse, call, print.
//!
//! Results go to stdout: tables for people, JSON where `--json` asks for it. Errors go to stderr, one line for what
//! happened and one for what to do. The exit status is 0, 1 for a failure, 2 for wrong use; a reader that closes the
//! pipe early is neither.

mod args;
mod call;
mod command;
mod failure;
mod files;
mod formula;
mod hub;
mod imported;
mod interrupt;
mod memory;
mod model;
mod patching;
mod progress;
mod table;
mod timing;

use failure::Failure;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use tilewright_text::Counting;

/// What chat templates may hold is counted.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    interrupt::listen();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let result = args::parse().and_then(|matches| command::run(&matches, &mut out));
    let result = result.and_then(|()| out.flush().map_err(Failure::from));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was printed before the fault stays in order with the message.
            let _ = out.flush();
            failure.report()
        }
    }
}
