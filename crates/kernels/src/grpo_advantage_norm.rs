//! Advantages of group relative policy optimization (Shao et al., 2024): the rewards of each group of answers to one
//! prompt, shifted to mean 0 and scaled to variance 1.
//!
//! ```text
//! y = (r - mean r) / sqrt(var r + eps)
//! ```
//! rewards, y: `[*groups, members]`. eps stands inside the root, so that a group of equal rewards gives zeros.

use crate::layernorm::{standardized, standardized_f64};
use crate::{Case, Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row.
pub static GRPO_ADVANTAGE_NORM: Entry = Entry {
    name: "grpo_advantage_norm",
    family: Family::Norm,
    summary: "rewards of each group, shifted to mean 0 and scaled to variance 1",
    formula: "y = (r - mean r) / sqrt(var r + eps)",
    signature: "rewards: T[*groups, members], eps: f32 = 1e-6 -> y: T[*groups, members]",
    build: |k, a| grpo_advantage_norm(k, a["rewards"], a.scalar("eps"), a["y"]),
    reference: |a| {
        let groups = a.rows("rewards", a.size("members"));
        vec![groups.flat_map(|group| standardized_f64(group, a.scalar("eps"))).collect()]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("groups", 1), ("members", 1)]),
        Case::of(&[("groups", 7), ("members", 4)]),
        Case::of(&[("groups", 5), ("members", 31)]),
        Case::of(&[("groups", 3), ("members", 257)]),
        Case::of(&[("groups", 0), ("members", 8)]),
        Case::of(&[("groups", 65536), ("members", 16)]).bench(),
    ],
    flops: None,
};

/// One program a group.
pub fn grpo_advantage_norm(k: &mut Kernel, rewards: View, eps: Tile, y: View) {
    let group = k.program();
    let r = rewards.row(group).load().to(F32); // [members]
    y.row(group).store(standardized(r, eps));
}
