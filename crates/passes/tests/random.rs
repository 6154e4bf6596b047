//! Passes keep the meaning of random programs.

use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::{Argument, bind_arguments, interpret, validate};
use tilewright_passes::pipeline::{PASSES, Pass};

const CASES: u64 = 2000;

fn interpreted(case: &Case) -> Result<Vec<Argument>, String> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(&case.program, &arguments).map_err(|e| e.to_string())?;
    interpret(&case.program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
    Ok(arguments)
}

/// What is wrong after `passes`, if anything is.
fn difference(case: &Case, passes: &[Pass]) -> Option<String> {
    let right = interpreted(case).ok()?;
    let mut changed = case.clone();
    for pass in passes {
        (pass.run)(&mut changed.program);
        if let Err(mistakes) = validate(&changed.program) {
            return Some(format!("{} leaves it invalid: {}", pass.name, mistakes[0]));
        }
    }
    match interpreted(&changed) {
        Ok(results) => case.check(&results, &right).err(),
        Err(fault) => Some(fault),
    }
}

#[test]
fn passes_keep_what_random_programs_compute() {
    for seed in 0..CASES {
        let case = random_program(seed, &Options::default());
        // All in their order; which of them is to blame is told by their number when shrunk.
        if difference(&case, PASSES).is_none() {
            continue;
        }
        let small = shrink(&case, |case| difference(case, PASSES).is_some());
        let count = (1..=PASSES.len()).find(|&n| difference(&small, &PASSES[..n]).is_some());
        let count = count.unwrap_or(PASSES.len());
        let text = difference(&small, &PASSES[..count]).unwrap_or_default();
        let mut after = small.program.clone();
        PASSES[..count].iter().for_each(|pass| (pass.run)(&mut after));
        panic!(
            "after pass `{}`: {text}\nsizes {:?}\n{}\nbecame\n{after}",
            PASSES[count - 1].name,
            small.dims,
            small.program.compact()
        );
    }
}
