//! The one test runner, and the clock.
//!
//! [`Selection::run`] runs every case of every selected kernel, in every dtype it claims, on every present target, and
//! compares with the f64 reference within a computed tolerance; it checks gradients against finite differences, and
//! targets against the interpreter on hostile values. Each check is a [`Row`]. `tilewright test` prints them, the test
//! suite asserts them, and a mutation test breaks kernels and passes to see that they fail. [`check_random_program`] holds
//! a device to the interpreter beyond the catalog, and [`check_mutant`] around it.
//!
//! [`Bench`] times a kernel with its inputs in place, and a [`HostCopy`] before and behind it is what its bytes are held against;
//! [`time_compilation`] times the way there.
//!
//! [`matches()`], [`gradient_matches`], [`side_by_side`] and [`tune_call`] do the same for a callable that no catalog holds.

mod bandwidth;
mod bench;
mod call;
mod compare;
mod compile;
mod execute;
mod gradient;
mod hostile;
mod judge;
mod launch;
mod mutants;
mod own;
mod parts;
mod programs;
mod random;
mod row;
mod runner;
mod shake;
mod tune;
mod variant;

pub use bandwidth::{HostCopy, device_copy_bandwidth};
pub use bench::{Bench, BenchRow, Budget, Outputs, PERIOD, Timing, time};
pub use call::Call;
pub use compile::{Compilation, time_compilation};
pub use execute::{Layout, execute, execute_program};
pub use gradient::{check_gradient, gradient_of};
pub use judge::{UNIT, Worst, judge, sensitivities, varies};
pub use launch::{LaunchCost, time_launches};
pub use mutants::{check_gradient_mutant, check_mutant};
pub use own::{SideBySide, gradient_matches, matches, normal, side_by_side};
pub use programs::{Disagreement, Verdict, check_random_program};
pub use random::Random;
pub use row::{Check, Outcome, Row};
pub use runner::{Job, Selection, check_variant};
pub use tilewright_runtime::{Error, Result};
pub use tune::{Dropped, Tuning, tune, tune_call};
pub use variant::{Variant, variants};
