//! Simplification: laws that hold for every value, NaN, infinities and the sign of zero included.
//!
//! The stable forms, which replace arithmetic by more accurate arithmetic, are laws apart; [`stabilize`] applies both in
//! one walk, which leaves what two would: operands are rewritten before what uses them.

pub(crate) mod algebra;
pub(crate) mod casts;
pub(crate) mod fold;
pub(crate) mod shapes;
pub(crate) mod stable;

use crate::rewrite::{Rule, rewrite};
use tilewright_ir::Program;

/// The laws of [`simplify`], in the order in which they are tried.
pub static RULES: &[&[Rule]] = &[fold::RULES, algebra::RULES, casts::RULES, shapes::RULES];

/// The laws of [`stabilize`], tried before those of [`simplify`].
pub static STABLE_RULES: &[&[Rule]] =
    &[stable::RULES, fold::RULES, algebra::RULES, casts::RULES, shapes::RULES];

/// Folds constants and applies exact identities.
pub fn simplify(program: &mut Program) {
    rewrite(program, RULES);
}

/// Replaces formulas that overflow or cancel by the ops that do not.
pub fn stabilize(program: &mut Program) {
    rewrite(program, STABLE_RULES);
}

/// Merges equal expressions that are in sight of each other.
///
/// An expression is in sight from its `Let` to the end of its block. Reads of variables and of tensors that the
/// kernel writes are never merged.
pub fn merge(program: &mut Program) {
    rewrite(program, &[]);
}
