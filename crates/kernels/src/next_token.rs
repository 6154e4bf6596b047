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
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel};

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

/// What the host reads where the logits of a sequence were no numbers.
const BROKEN: f64 = u32::MAX as f64;

/// The update in f64.
fn next_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (vocabulary, max_len) = (a.size("vocabulary"), a.size("max_len"));
    let copy = |name: &str| a.tensor(name).to_vec();
    let (mut history, mut ids) = (copy("history"), copy("ids"));
    let (mut positions, mut lens) = (copy("positions"), copy("lens"));
    for (b, row) in a.rows("logits", vocabulary).enumerate() {
        if lens[b] == 0.0 {
            continue;
        }
        let mut best = 0;
        for (i, x) in row.iter().enumerate() {
            if (x.is_nan() && !row[best].is_nan()) || *x > row[best] {
                best = i;
            }
        }
        let told = if row[best].is_finite() { best as f64 } else { BROKEN };
        history[b * max_len + lens[b] as usize] = told;
        ids[b] = best as f64;
        positions[b] += 1.0;
        lens[b] += 1.0;
    }
    vec![history, ids, positions, lens]
}

/// One program a sequence.
pub fn next_token(k: &mut Kernel, a: &Args) {
    let row = k.program();
    let (len, position) = (a["lens"].at(row).load(), a["positions"].at(row).load());
    let best = a["logits"].row(row).load().to(F32).row_argmax().reshape(&[]); // []
    // NaN counts as greatest, so the value there tells whether all are numbers.
    let greatest = a["logits"].row(row).at(best.to(I32)).load().to(F32);
    let told = greatest.is_finite().select(best, BROKEN);
    k.when(len.gt(0.0), || {
        a["history"].row(row).at(len).store(told);
        a["ids"].at(row).store(best);
        a["positions"].at(row).store(position + 1.0);
        a["lens"].at(row).store(len + 1.0);
    });
}
