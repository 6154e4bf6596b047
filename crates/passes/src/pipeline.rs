//! The list of passes, in the order in which they run.

use crate::{dead, hoist, simplify};
use tilewright_ir::Program;

/// A transformation of programs that keeps their meaning.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name, as `SHOW=passes` prints it.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// Transforms a program in place.
    pub run: fn(&mut Program),
}

/// Every pass that all targets share.
pub static PASSES: &[Pass] = &[
    Pass {
        name: "simplify",
        doc: "folds constants, applies identities that hold for every value, and replaces formulas that overflow or \
              cancel: log(1 + e^x) becomes softplus(x)",
        run: simplify::stabilize,
    },
    Pass {
        name: "hoist",
        doc: "computes before a loop what does not change round it",
        run: hoist::hoist,
    },
    Pass { name: "merge", doc: "computes equal expressions once", run: simplify::merge },
    Pass { name: "remove-dead", doc: "removes what no store depends on", run: dead::remove_dead },
];

/// Runs [`PASSES`] on `program`.
pub fn optimize(program: &mut Program) {
    run(program, PASSES, |_, _| {});
}

/// Runs `passes` on `program` and shows `station` the program after each, with the pass that ran.
///
/// Debug builds validate the program after each pass, so that a pass that breaks a program is named.
pub fn run(program: &mut Program, passes: &[Pass], mut station: impl FnMut(&Pass, &Program)) {
    for pass in passes {
        let valid_before = cfg!(debug_assertions) && is_valid(program);
        (pass.run)(program);
        debug_assert!(
            !valid_before || is_valid(program),
            "pass `{}` broke `{}`",
            pass.name,
            program.name
        );
        station(pass, program);
    }
}

fn is_valid(program: &Program) -> bool {
    tilewright_ir::validate::validate_rewritten(program).is_ok()
}
