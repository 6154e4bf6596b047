//! Sends random text through the formula parser and recorder until a count or a time is reached.
//!
//! `cargo run --release -p tilewright-lang --example fuzz_formula -- [COUNT] [MINUTES] [SEED]`, by default ten million
//! formulas or ten minutes, whichever comes first. A panic shows the text that caused it.

#[path = "../tests/fuzz/mod.rs"]
mod fuzz;

use fuzz::{Generator, Outcome, Random, check};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| match arguments.next().map(|a| a.parse()) {
        None => Some(default),
        Some(parsed) => parsed.ok(),
    };
    let (Some(count), Some(minutes), Some(seed)) = (number(10_000_000), number(10), number(1))
    else {
        eprintln!("usage: fuzz_formula [COUNT] [MINUTES] [SEED]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let limit = Duration::from_secs(minutes.saturating_mul(60));
    let mut generator = Generator::new(seed);
    let mut counts = [0u64; 3];
    let mut slowest = (Duration::ZERO, String::new());
    let mut done = 0;
    while done < count && start.elapsed() < limit {
        let text = generator.formula();
        let state = generator.random.0;
        let before = Instant::now();
        let checked = catch_unwind(AssertUnwindSafe(|| check(&text, &mut generator.random)));
        let mut took = before.elapsed();
        let Ok(outcome) = checked else {
            eprintln!("formula {done} of seed {seed}:\n{text:?}");
            return ExitCode::FAILURE;
        };
        if took > slowest.0 {
            // Once more, since the machine may have been busy with something else.
            let before = Instant::now();
            check(&text, &mut Random(state));
            took = took.min(before.elapsed());
        }
        if took > slowest.0 {
            slowest = (took, text.clone());
        }
        counts[outcome as usize] += 1;
        if outcome != Outcome::Refused {
            generator.keep(&text);
        }
        done += 1;
    }
    let [refused, mistyped, recorded] = counts;
    println!("{done} formulas in {:.0?}, seed {seed}: no panic", start.elapsed());
    println!("{recorded} recorded, {mistyped} with types that do not fit, {refused} refused");
    println!("slowest: {:.2?} for {} bytes: {:.200?}", slowest.0, slowest.1.len(), slowest.1);
    ExitCode::SUCCESS
}
