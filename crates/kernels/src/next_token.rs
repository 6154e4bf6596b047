//! The greedy end of a decode step, in place: each sequence gets its most probable next token and is one longer.
//!
//! ```text
//! where lens[b] > 0:  id = the lowest i with logits[b, i] = max logits[b]
//!                     history[b, lens[b]] = id if the greatest logit is finite, else 2^32 - 1
//!                     ids[b] = id, positions[b] += 1, lens[b] += 1
//! ```
//! logits: `[batch, vocabulary]`; history: `[batch, max_len]`; ids, positions, lens: `[batch]`. The next step reads ids,
//! positions and lens from the device, so that a captured step runs again and again with no word from the host; the
//! host reads the history when it wants to. Sequences of length 0 take no part.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32, U32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static NEXT_TOKEN: Entry = Entry {
    name: "next_token",
    family: Family::Indexing,
    summary: "the most probable next token of each sequence, fed back on the device, in place",
    formula: "where lens[b] > 0: ids[b] = history[b, lens[b]] = the lowest i with logits[b, i] = max logits[b]; \
              positions[b] += 1; lens[b] += 1",
    signature: "logits: T[batch, vocabulary], history: &u32[batch, max_len], ids: &u32[batch], \
                positions: &i32[batch], lens: &i32[batch]",
    build: next_token,
    reference: next_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[
        ("history", Fill::Index("vocabulary")),
        ("ids", Fill::Index("vocabulary")),
        ("positions", Fill::Index("max_len")),
        ("lens", Fill::Index("max_len")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("vocabulary", 1), ("max_len", 1)]),
        Case::of(&[("batch", 7), ("vocabulary", 31), ("max_len", 3)]),
        Case::of(&[("batch", 5), ("vocabulary", 257), ("max_len", 9)]),
        Case::of(&[("batch", 2), ("vocabulary", 128256), ("max_len", 17)]),
        Case::of(&[("batch", 0), ("vocabulary", 8), ("max_len", 4)]),
        Case::of(&[("batch", 1), ("vocabulary", 151936), ("max_len", 1024)]).bench(),
    ],
    flops: None,
};

/// The catalog's row for logits that were cut into parts, of which each told its greatest.
pub static NEXT_TOKEN_OF_PARTS: Entry = Entry {
    name: "next_token_of_parts",
    summary: "the same from the greatest logit of each part of the vocabulary, and where it stands there",
    formula: "where lens[b] > 0: p = the lowest part with greatest[b, p] = max greatest[b]; \
              ids[b] = history[b, lens[b]] = width p + position[b, p]; positions[b] += 1; lens[b] += 1",
    signature: "greatest: f32[batch, parts], position: u32[batch, parts], width: i32, \
                history: &u32[batch, max_len], ids: &u32[batch], \
                positions: &i32[batch], lens: &i32[batch]",
    build: next_token_of_parts,
    reference: |a| {
        let (parts, width) = (a.size("parts"), a.scalar("width"));
        let found = a.tensor("position");
        next_of_f64(a, "greatest", parts, |b, best| best as f64 * width + found[b * parts + best])
    },
    dtypes: &[],
    fills: &[
        ("position", Fill::Index("parts")),
        ("history", Fill::Index("parts")),
        ("ids", Fill::Index("parts")),
        ("positions", Fill::Index("max_len")),
        ("lens", Fill::Index("max_len")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("parts", 1), ("max_len", 1)]).scalars(&[("width", 1.0)]),
        Case::of(&[("batch", 7), ("parts", 31), ("max_len", 3)]).scalars(&[("width", 40.0)]),
        Case::of(&[("batch", 0), ("parts", 8), ("max_len", 4)]).scalars(&[("width", 8.0)]),
        Case::of(&[("batch", 1), ("parts", 128), ("max_len", 1024)])
            .scalars(&[("width", 1187.0)])
            .bench(),
    ],
    ..NEXT_TOKEN
};

/// What the host reads where the logits of a sequence were no numbers.
const BROKEN: f64 = u32::MAX as f64;

/// The update in f64.
fn next_f64(a: &Inputs) -> Vec<Vec<f64>> {
    next_of_f64(a, "logits", a.size("vocabulary"), |_, best| best as f64)
}

/// The update by rows of `len` values of an input; `id` is the token of a sequence whose greatest value stands there.
fn next_of_f64(
    a: &Inputs,
    values: &str,
    len: usize,
    id: impl Fn(usize, usize) -> f64,
) -> Vec<Vec<f64>> {
    let max_len = a.size("max_len");
    let copy = |name: &str| a.tensor(name).to_vec();
    let (mut history, mut ids) = (copy("history"), copy("ids"));
    let (mut positions, mut lens) = (copy("positions"), copy("lens"));
    for (b, row) in a.rows(values, len).enumerate() {
        if lens[b] == 0.0 {
            continue;
        }
        let mut best = 0;
        for (i, x) in row.iter().enumerate() {
            if (x.is_nan() && !row[best].is_nan()) || *x > row[best] {
                best = i;
            }
        }
        let id = id(b, best);
        let told = if row[best].is_finite() { id } else { BROKEN };
        history[b * max_len + lens[b] as usize] = told;
        ids[b] = id;
        positions[b] += 1.0;
        lens[b] += 1.0;
    }
    vec![history, ids, positions, lens]
}

/// One program a sequence.
pub fn next_token(k: &mut Kernel, a: &Args) {
    let row = k.program();
    let best = a["logits"].row(row).load().to(F32).row_argmax().reshape(&[]); // []
    // NaN counts as greatest, so the value there tells whether all are numbers.
    let greatest = a["logits"].row(row).at(best.to(I32)).load().to(F32);
    append(k, a, row, best, greatest);
}

/// One program a sequence.
pub fn next_token_of_parts(k: &mut Kernel, a: &Args) {
    let row = k.program();
    let part = a["greatest"].row(row).load().row_argmax().reshape(&[]).to(I32); // []
    let position = a["position"].row(row).at(part).load().to(I32);
    let best = (part * a.scalar("width") + position).to(U32);
    append(k, a, row, best, a["greatest"].row(row).at(part).load());
}

/// Makes `best`, whose logit is `greatest`, the next token of a sequence.
fn append(k: &mut Kernel, a: &Args, row: Tile, best: Tile, greatest: Tile) {
    let (len, position) = (a["lens"].at(row).load(), a["positions"].at(row).load());
    let told = greatest.is_finite().select(best, BROKEN);
    k.when(len.gt(0.0), || {
        a["history"].row(row).at(len).store(told);
        a["ids"].at(row).store(best);
        a["positions"].at(row).store(position + 1.0);
        a["lens"].at(row).store(len + 1.0);
    });
}
