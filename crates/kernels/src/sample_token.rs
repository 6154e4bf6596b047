//! The sampled end of a decode step, in place: each sequence gets a token drawn at random and is one longer.
//!
//! ```text
//! x: the logits of a sequence, repetitions made less probable; w[i] = exp((x[i] - max x) / temperature)
//! kept: the top_k greatest x; of them the fewest whose w sum to top_p of theirs; of them those with w >= min_p
//! id = the first kept token, in descending order of x, at which the running sum of w exceeds u Σ w
//! u = word 0 of Philox4x32-10 with counter (0, 0, lens, 0) and key (seed, 0), as a number in [0, 1)
//! ```
//! values, tokens and masses are what [`sample_candidates`](crate::sample_candidates) made of logits and seen,
//! `[batch, vocabulary]`. top_k 0, top_p 1 and min_p 0 keep everything, and then tokens are drawn in the order of their
//! ids. Temperature 0 takes the greatest x. history: `[batch, max_len]`; all else `[batch]`.
//!
//! Of a part of the vocabulary only its k best tokens are known here, of all parts together the k best. Where tokens beyond
//! them may be kept (top_k above k, or none and the last of the k best is kept), the logits are searched for what is kept
//! (by `nucleus.rs`), and tokens are drawn in the order of their ids too. Logits that are no numbers give 2^32 - 1.
//! The draw depends on the seed and the number of the token alone, never on what else is in the batch or on the device.
//!
//! Tried: noise of its own for each token (the greatest of x / temperature + Gumbel noise), which needs no sums, takes ten
//! rounds of Philox for each of 150 000 tokens, and with 24 bits of noise every hundredth draw is one of the
//! tokens that nobody would ever say.

use crate::nucleus::{Row, kept_f64};
use crate::sample_candidates::{
    PART, base, base_f64, inverse_f64, inverse_temperature, penalized_f64, weight,
};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{self, BF16, F16, F32, I32, U32};
use tilewright_ir::meaning::philox;
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static SAMPLE_TOKEN: Entry = Entry {
    name: "sample_token",
    family: Family::Indexing,
    summary: "a token drawn for each sequence by temperature, top-k, top-p and min-p, fed back on the device, in place",
    formula: "where lens[b] > 0: ids[b] = history[b, lens[b]] = a token drawn with p ~ exp(x / temperature) of those \
              that top_k, top_p and min_p keep; seen[b, ids[b]] = 1; positions[b] += 1; lens[b] += 1",
    signature: "logits: T[batch, vocabulary], values: f32[batch, k*parts], tokens: u32[batch, k*parts], \
                masses: f32[batch, parts], temperature: f32[batch], top_k: i32[batch], top_p: f32[batch], \
                min_p: f32[batch], penalty: f32[batch], seed: u32[batch], seen: &u8[batch, vocabulary], \
                history: &u32[batch, max_len], ids: &u32[batch], positions: &i32[batch], lens: &i32[batch]",
    build: sample_token,
    reference: sample_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 64)],
    fills: &[
        ("values", Fill::Distinct),
        ("tokens", Fill::Index("vocabulary")),
        ("masses", Fill::Uniform(1.0, 9.0)),
        ("temperature", Fill::Uniform(0.5, 2.0)),
        ("top_k", Fill::Integer(64)),
        ("top_p", Fill::Uniform(0.3, 1.3)),
        ("min_p", Fill::Uniform(-0.1, 0.1)),
        ("penalty", Fill::Uniform(0.5, 2.0)),
        ("seed", Fill::Bits),
        ("seen", Fill::Integer(1)),
        ("history", Fill::Index("vocabulary")),
        ("ids", Fill::Index("vocabulary")),
        ("positions", Fill::Index("max_len")),
        ("lens", Fill::Index("max_len")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("vocabulary", 1), ("parts", 1), ("max_len", 2)])
            .with(&[("k", 1)]),
        Case::of(&[("batch", 9), ("vocabulary", 67), ("parts", 1), ("max_len", 5)]),
        // Nothing is kept out: the draw is over the whole vocabulary.
        Case::of(&[("batch", 7), ("vocabulary", 2500), ("parts", 3), ("max_len", 9)]).fills(&[
            ("top_k", Fill::Integer(0)),
            ("top_p", Fill::Uniform(1.0, 1.5)),
            ("min_p", Fill::Uniform(-1.0, 0.0)),
        ]),
        Case::of(&[("batch", 3), ("vocabulary", 2048), ("parts", 2), ("max_len", 3)])
            .fills(&[("temperature", Fill::Integer(0))]),
        // More than is known here, but for some that top_p or min_p decide.
        Case::of(&[("batch", 8), ("vocabulary", 4000), ("parts", 4), ("max_len", 9)])
            .with(&[("k", 8)]),
        // Logits of which many are equal.
        Case::of(&[("batch", 6), ("vocabulary", 1500), ("parts", 2), ("max_len", 9)])
            .with(&[("k", 4)])
            .fills(&[("logits", Fill::Integer(8)), ("masses", Fill::Uniform(200.0, 300.0))]),
        Case::of(&[("batch", 0), ("vocabulary", 8), ("parts", 1), ("max_len", 4)]),
        // A sequence that takes no part, as one that grew with every run would not fit.
        Case::of(&[("batch", 1), ("vocabulary", 151936), ("parts", 149), ("max_len", 1024)])
            .fills(&[("lens", Fill::Integer(0))])
            .bench(),
    ],
    flops: None,
};

/// What the host reads where the logits of a sequence were no numbers.
const BROKEN: f64 = u32::MAX as f64;

/// The first place at which a running sum exceeds `bound`, of those that weigh anything.
fn first_above(weights: &[f64], bound: f64) -> Option<usize> {
    let mut sum = 0.0;
    weights.iter().position(|w| {
        sum += w;
        sum > bound && *w > 0.0
    })
}

/// `exp(shifted * inverse)`, nothing for what was excluded.
fn weight_f64(shifted: f64, inverse: f64) -> f64 {
    if shifted > f64::NEG_INFINITY { (shifted * inverse).exp() } else { 0.0 }
}

/// The update in f64.
fn sample_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (vocabulary, max_len, k) = (a.size("vocabulary"), a.size("max_len"), a.size("k"));
    let parts = a.size("parts");
    let copy = |name: &str| a.tensor(name).to_vec();
    let (mut seen, mut history, mut ids) = (copy("seen"), copy("history"), copy("ids"));
    let (mut positions, mut lens) = (copy("positions"), copy("lens"));
    for (b, values) in a.rows("values", k * parts).enumerate() {
        if lens[b] <= 0.0 {
            continue;
        }
        let of = |name: &str| a.tensor(name)[b];
        let (inverse, (top_k, top_p, min_p)) =
            (inverse_f64(of("temperature")), (of("top_k"), of("top_p"), of("min_p")));
        let mut order: Vec<usize> = (0..k * parts).collect();
        order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
        let token = |i: usize| a.tensor("tokens")[b * k * parts + i];
        let greatest = values[order[0]];
        let base = base_f64(greatest);
        let shares: Vec<f64> = (0..parts)
            .map(|p| weight_f64(values[p * k] - base, inverse) * a.tensor("masses")[b * parts + p])
            .collect();
        let all: f64 = shares.iter().sum();
        let mut weights: Vec<f64> =
            order[..k].iter().map(|&i| weight_f64(values[i] - base, inverse)).collect();
        let limited = top_k > 0.0 && top_k <= k as f64;
        if limited {
            weights[top_k as usize..].fill(0.0);
        }
        let total = if limited { weights.iter().sum() } else { all };
        let mut before = 0.0;
        for w in &mut weights {
            let sum = before;
            before += *w;
            if (top_p < 1.0 && sum >= top_p * total) || *w < min_p {
                *w = 0.0;
            }
        }
        let uniform = (philox(0, of("seed") as u32, lens[b] as u32) >> 8) as f64 / 2f64.powi(24);
        let open = (weights[k - 1] > 0.0 && !limited) || top_k > k as f64;
        let free = top_k <= 0.0 && top_p >= 1.0 && min_p <= 0.0;
        let general = open && !free && inverse > 0.0 && greatest.is_finite();
        let id = if inverse == 0.0 || (open && !free && !general) {
            token(order[0])
        } else if free || general {
            let row = &a.tensor("logits")[b * vocabulary..(b + 1) * vocabulary];
            let seen = &seen[b * vocabulary..];
            // Rounded, as which of them are equal decides what is kept.
            let at = |i: usize| match row.get(i) {
                Some(x) => DType::F32.round(penalized_f64(*x, seen[i] > 0.0, of("penalty"))),
                None => f64::NEG_INFINITY,
            };
            let x: Vec<f64> = (0..parts * PART).map(at).collect();
            let own: Vec<f64> =
                x.iter().map(|x| weight_f64((x - base).min(0.0), inverse)).collect();
            let own = if general { kept_f64(&x, &own, all, [top_k, top_p, min_p]) } else { own };
            // Where nothing is kept out, the parts weigh what their masses say.
            let sums: Vec<f64> = own.chunks(PART).map(|part| part.iter().sum()).collect();
            let shares = if general { sums } else { shares };
            let bound = uniform * if general { shares.iter().sum() } else { all };
            let found = first_above(&shares, bound);
            let part = found.unwrap_or(0);
            let rest = bound - shares[..part].iter().sum::<f64>();
            let part = part * PART..(part + 1) * PART;
            let most = part.clone().rev().max_by(|&i, &j| x[i].total_cmp(&x[j]));
            let chosen = first_above(&own[part.clone()], rest).map(|i| part.start + i);
            match general && found.is_none() {
                true => token(order[0]),
                false => (chosen.or(most).unwrap_or(0) as f64).min(vocabulary as f64 - 1.0),
            }
        } else {
            let sum: f64 = weights.iter().sum();
            token(order[first_above(&weights, uniform * sum).unwrap_or(0)])
        };
        history[b * max_len + lens[b] as usize] = if greatest.is_finite() { id } else { BROKEN };
        seen[b * vocabulary + id as usize] = 1.0;
        ids[b] = id;
        positions[b] += 1.0;
        lens[b] += 1.0;
    }
    vec![seen, history, ids, positions, lens]
}

/// The first place at which the running sum of `weights` exceeds `bound`, of those that weigh anything, and whether there
/// is one: rounding may leave none.
fn first(weights: Tile, bound: Tile) -> (Tile, Tile) {
    let above = weights.cumsum().gt(bound) & weights.gt(0.0);
    (above.select(1.0, 0.0).row_argmax(), above.row_any())
}

/// One program a sequence.
pub fn sample_token(k: &mut Kernel, a: &Args) {
    let row = k.program();
    let count = a.constant("k");
    let one = |name: &str| a[name].at(row).load();
    let (len, position, inverse) = (one("lens"), one("positions"), inverse_temperature(a, row));
    let (top_k, top_p, min_p) = (one("top_k"), one("top_p"), one("min_p"));
    let (best, places) = a["values"].row(row).load().top_k(count); // [k]
    let greatest = best.row_max().reshape(&[]);
    let base = base(greatest);
    // The mass of each part, as if its greatest were that of all.
    let greatest_of_part = a["values"].row(row).every(count, 0).load(); // [parts]
    let shares = weight(greatest_of_part - base, inverse) * a["masses"].row(row).load();
    let all = shares.row_sum().reshape(&[]);

    let place = k.iota(count);
    let limited = top_k.gt(0) & top_k.le(count as f64);
    let inside = !limited | place.lt(top_k);
    let weights = inside.select(weight(best - base, inverse), 0.0);
    let total = limited.select(weights.row_sum().reshape(&[]), all);
    let before = weights.scan(tilewright_ir::ReduceOp::Sum, true, false);
    let kept = (top_p.ge(1.0) | before.lt(top_p * total)) & weights.ge(min_p);
    let kept = kept.select(weights, 0.0); // [k]
    let uniform = k.iota(1).to(U32).philox(one("seed"), len.to(U32)).to_uniform().reshape(&[]);
    let choice = first(kept, uniform * kept.row_sum().reshape(&[])).0.to(I32).reshape(&[]);
    let token = |choice: Tile| {
        // A sum over one: an index must be the same for all threads of a program.
        let at = place.eq(choice).select(places.to(I32), 0).row_sum().reshape(&[]);
        a["tokens"].row(row).at(at).load()
    };
    let drawn = token(choice);
    // What comes after the last candidate has no more than its weight, but some.
    let open = (place.ge(count as f64 - 1.0) & kept.gt(0.0)).row_any().reshape(&[]) & !limited;
    let open = open | top_k.gt(count as f64);

    let free = top_k.le(0) & top_p.ge(1.0) & min_p.le(0.0);
    let frozen = !inverse.gt(0.0);
    let searched = open & !free & !frozen & greatest.is_finite();
    let filtered = Row { k, a, row, base, inverse };
    let cut = filtered.cut(searched, all, [top_k, top_p, min_p]);
    let [part_kept, rest_kept, missing] = filtered.draw(searched, &cut, uniform);

    let bound = uniform * all;
    let part = first(shares, bound).0.to(I32).reshape(&[]);
    let earlier = k.iota(a["masses"].size(1)).lt(part).select(shares, 0.0);
    let rest = bound - earlier.row_sum().reshape(&[]);
    let part = searched.select(part_kept.max(0), part);
    let rest = searched.select(rest_kept, rest);
    let [x, own] = filtered.kept(part, &cut, missing);
    let (own_first, found) = first(own, rest);
    let anywhere = found.select(own_first, x.row_argmax()).to(I32).reshape(&[]) + part * PART;
    let anywhere = anywhere.min(a["logits"].size(1).tile() - 1).to(U32);

    let likeliest = token(place.row_min().reshape(&[]));
    let anywhere = (searched & part_kept.lt(0)).select(likeliest, anywhere);
    let id = (free | searched).select(anywhere, drawn);
    let id = (frozen | open & !free & !searched).select(likeliest, id);
    let told = greatest.is_finite().select(id, BROKEN);
    k.when(len.gt(0), || {
        a["history"].row(row).at(len).store(told);
        a["seen"].row(row).at(id.to(I32)).store(1);
        a["ids"].at(row).store(id);
        a["positions"].at(row).store(position + 1);
        a["lens"].at(row).store(len + 1);
    });
}
