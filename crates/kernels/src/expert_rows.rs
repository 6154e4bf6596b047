//! Where the tokens of each expert go, so that a product meets the rows of one expert side by side.
//!
//! A slot is one expert of one token; `slots` counts all of them. The rows of an expert fill whole blocks of `block`
//! rows, those of expert 0 first, each expert's in the order of its slots; the last rows of an expert's last block may
//! be no slot's. Two kernels, as a program cannot know what the others have counted:
//!
//! ```text
//! expert_counts: counts[e] = how many slots name expert e
//! expert_rows:   rows[s]   = the row of slot s
//!                owners[b] = the expert whose rows block b holds, or `experts` past the last
//! ```
//! `blocks` is at least Σ_e ⌈`counts[e]` / block⌉; min(slots, ⌊slots / block⌋ + experts) always is. An index past the last
//! expert counts as the last.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{I32, U32};
use tilewright_lang::{Args, Kernel, Tile};

/// The row of the counts.
pub static EXPERT_COUNTS: Entry = Entry {
    name: "expert_counts",
    family: Family::Moe,
    summary: "how many slots name each expert",
    formula: "counts[e] = |{s: indices[s] = e}|",
    signature: "indices: u32[*slots] -> counts: u32[experts]",
    build: expert_counts,
    reference: |a| vec![counts_f64(a).into_iter().map(|count| count as f64).collect()],
    grad: Grad::None("its results are integers"),
    dtypes: &[],
    constants: &[],
    fills: &[("indices", Fill::Index("experts"))],
    cases: &[
        Case::of(&[("slots", 1), ("experts", 1)]),
        Case::of(&[("slots", 67), ("experts", 5)]),
        Case::of(&[("slots", 3), ("experts", 31)]),
        Case::of(&[("slots", 0), ("experts", 3)]),
        Case::of(&[("slots", 17001), ("experts", 3)]),
        Case::of(&[("slots", 32768), ("experts", 128)]).bench(),
    ],
    flops: None,
};

/// The row of the places.
pub static EXPERT_ROWS: Entry = Entry {
    name: "expert_rows",
    summary: "the row of each slot among those of its expert, in whole blocks of rows",
    formula: "rows[s] = block Σ_{e < indices[s]} ⌈counts[e] / block⌉ + |{r < s: indices[r] = indices[s]}|",
    signature: "indices: u32[*slots], counts: u32[experts] -> rows: u32[*slots], owners: u32[blocks]",
    build: expert_rows,
    reference: rows_f64,
    constants: &[("block", 64)],
    // As if every expert had all slots, so that there is room whatever the indices are.
    fills: &[("indices", Fill::Index("experts")), ("counts", Fill::Size("slots"))],
    cases: &[
        Case::of(&[("slots", 1), ("experts", 1), ("blocks", 1)]),
        Case::of(&[("slots", 67), ("experts", 5), ("blocks", 11)]),
        Case::of(&[("slots", 67), ("experts", 3), ("blocks", 27)]).with(&[("block", 8)]),
        Case::of(&[("slots", 0), ("experts", 3), ("blocks", 0)]),
        Case::of(&[("slots", 17001), ("experts", 3), ("blocks", 800)]),
        // Some experts without a slot, and blocks past the last.
        Case::of(&[("slots", 3), ("experts", 7), ("blocks", 40)]).with(&[("block", 2)]),
        Case::of(&[("slots", 4096), ("experts", 128), ("blocks", 8192)]).bench(),
    ],
    ..EXPERT_COUNTS
};

fn counts_f64(a: &Inputs) -> Vec<usize> {
    let mut counts = vec![0; a.size("experts")];
    named_f64(a).for_each(|expert| counts[expert] += 1);
    counts
}

/// The expert of each slot.
fn named_f64(a: &Inputs) -> impl Iterator<Item = usize> {
    let last = a.size("experts").saturating_sub(1);
    a.tensor("indices").iter().map(move |index| (*index as usize).min(last))
}

/// Slot after slot, each to the next row of its expert.
fn rows_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (block, experts) = (a.size("block"), a.size("experts"));
    let (mut next, mut owners) = (Vec::new(), Vec::new());
    for (expert, count) in a.tensor("counts").iter().enumerate() {
        next.push((owners.len() * block) as f64);
        owners.resize(owners.len() + (*count as usize).div_ceil(block), expert as f64);
    }
    owners.resize(a.size("blocks"), experts as f64);
    let row = |expert: usize| {
        next[expert] += 1.0;
        next[expert] - 1.0
    };
    vec![named_f64(a).map(row).collect(), owners]
}

/// One program an expert.
pub fn expert_counts(k: &mut Kernel, a: &Args) {
    let expert = k.program();
    a["counts"].at(expert).store(slots_of(a, expert).to(I32).row_sum().to(U32));
}

/// Which slots name an expert, bool[slots].
fn slots_of(a: &Args, expert: Tile) -> Tile {
    let last = a["counts"].size(0).tile() - 1;
    a["indices"].load().to(I32).min(last).eq(expert)
}

/// One program an expert: it writes the rows of its slots, and owns its blocks. The last one owns those past its own too.
pub fn expert_rows(k: &mut Kernel, a: &Args) {
    let block = a.constant("block").max(1) as i32;
    let experts = a["counts"].size(0);
    let expert = k.programs(experts);
    let blocks = (a["counts"].load().to(I32) + (block - 1)) / block; // [experts]
    let number = k.iota(experts);
    let first = number.lt(expert).select(blocks, 0).row_sum(); // the own first block
    let own = number.eq(expert).select(blocks, 0).row_sum();
    let mine = slots_of(a, expert);
    let row = mine.to(I32).cumsum() + (first * block - 1);
    a["rows"].store_where(mine, row.to(U32));
    let at = k.iota(a["owners"].size(0)); // [blocks]
    let last = expert.eq(experts.tile() - 1);
    let inside = at.ge(first) & (at.lt(first + own) | last);
    let owner = at.lt(first + own).select(expert, experts.tile());
    a["owners"].store_where(inside, owner.to(U32));
}
