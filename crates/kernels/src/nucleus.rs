//! Which tokens top-k, top-p and min-p keep where they are more than the candidates that [`sample_token`](crate::sample_token)
//! sorts, and which of them is drawn: without a sort, by sums over the vocabulary.
//!
//! ```text
//! cut: the greatest x above which less than top_k tokens lie, or less than top_p of the mass; the greater of both
//! kept: x > cut, and of x = cut the lowest ids that are still missing; of them those with w >= min_p
//! id = the first kept token, in the order of ids, at which the running sum of w exceeds u Σ w
//! ```
//! The cut is found by halving twice in a turn what it may be, as an integer in the order of floats. Each turn reads the
//! vocabulary once, part by part, and no turn is taken where the candidates decide.

use crate::sample_candidates::{PART, penalized, weight};
use tilewright_ir::DType::{F32, I32};
use tilewright_ir::ReduceOp;
use tilewright_lang::{Args, Kernel, Tile, Var};

/// Turns after which 2^32 integers are one, however they are rounded.
const TURNS: usize = 17;
/// All bits of a float but its sign.
const MASK: i32 = i32::MAX;
/// What lies below every number that is one.
const LOWEST: f64 = i32::MIN as f64;

/// Integers in the order of the floats that they stand for.
fn ordered(x: Tile) -> Tile {
    // The two zeros are one number.
    let bits = x.ne(0.0).select(x, 0.0).bitcast(I32);
    bits.ge(0).select(bits, bits ^ MASK)
}

/// The float that [`ordered`] gave an integer.
fn float(key: Tile) -> Tile {
    key.ge(0).select(key, key ^ MASK).bitcast(F32)
}

/// Between two integers, without their difference, which may be too large.
fn middle(a: Tile, b: Tile) -> Tile {
    (a >> 1) + (b >> 1) + (a & b & 1)
}

/// The logits of a sequence and what makes weights of them.
pub(crate) struct Row<'a> {
    pub(crate) k: &'a Kernel,
    pub(crate) a: &'a Args,
    /// The sequence.
    pub(crate) row: Tile,
    /// The greatest logit.
    pub(crate) base: Tile,
    /// What logits are multiplied with.
    pub(crate) inverse: Tile,
}

/// What is kept.
pub(crate) struct Cut {
    /// Everything above this is, as integers.
    key: Tile,
    /// And so many of what equals it.
    ties: Tile,
    /// Of that, what weighs at least so much.
    least: Tile,
}

impl Row<'_> {
    /// The logits of a part, and their weights. Nothing exceeds the greatest, unless the candidates are those of other logits.
    fn part(&self, part: Tile) -> (Tile, Tile) {
        let x = penalized(self.a, self.row, part * PART);
        (x, weight((x - self.base).min(0.0), self.inverse))
    }

    /// The weight of what an integer stands for.
    fn weight_of(&self, key: Tile) -> Tile {
        weight((float(key) - self.base).min(0.0), self.inverse)
    }

    /// The integer of the cut above which the sums of `measure` are not yet `needed`, and the sum above it; the lowest and
    /// 0 where not `asked`.
    fn search(&self, asked: Tile, needed: Tile, measure: impl Fn(Tile) -> Tile) -> (Tile, Tile) {
        let (k, parts) = (self.k, self.a["masses"].size(1).tile());
        let low = k.var(k.full(I32, &[], LOWEST));
        let high = k.var(asked.select(k.full(I32, &[], i32::MAX as f64), LOWEST));
        let above = k.var(k.full(F32, &[], 0.0));
        for _ in k.range(0, asked.select(k.full(I32, &[], TURNS), 0)) {
            let half = middle(low.get(), high.get());
            let bounds = [middle(low.get(), half), half, middle(half, high.get())];
            let mut sums = bounds.map(|_| k.var(k.full(F32, &[PART.into()], 0.0)));
            for part in k.range(0, parts) {
                let (x, w) = self.part(part);
                let (key, measure) = (ordered(x), measure(w));
                for (sum, bound) in sums.iter_mut().zip(bounds) {
                    *sum += key.gt(bound).select(measure, 0.0);
                }
            }
            let [first, second, third] = sums.map(|sum: Var| sum.get().row_sum().reshape(&[]));
            let [one, two, three] = [first, second, third].map(|sum| sum.ge(needed));
            let by = |none: Tile, values: [Tile; 3]| {
                three.select(values[2], two.select(values[1], one.select(values[0], none)))
            };
            let next = by(first, [second, third, above.get()]);
            let end = by(bounds[0], [bounds[1], bounds[2], high.get()]);
            low.set(by(low.get(), bounds));
            high.set(end);
            above.set(next);
        }
        (high.get(), above.get())
    }

    /// The sum of the weights above the cut in a part, and how many equal it.
    fn sums(&self, part: Tile, cut: &Cut) -> [Tile; 2] {
        let (x, w) = self.part(part);
        let (key, enough) = (ordered(x), w.ge(cut.least));
        let above = (key.gt(cut.key) & enough).select(w, 0.0);
        let equal = (key.eq(cut.key) & enough).select(1.0, 0.0);
        [above, equal].map(|values| values.row_sum().reshape(&[]))
    }

    /// What the filters keep of a sequence that is `asked` for; everything where it is not. `all` is the mass of everything.
    pub(crate) fn cut(&self, asked: Tile, all: Tile, [top_k, top_p, min_p]: [Tile; 3]) -> Cut {
        let k = self.k;
        let count = top_k.to(F32);
        let limited = asked & top_k.gt(0);
        let (by_count, before) = self.search(limited, count, |w| w.ge(0.0).select(1.0, 0.0));
        let equal = count - before;
        let mass = k.var(k.full(F32, &[], 0.0));
        let parts = self.a["masses"].size(1).tile();
        for part in k.range(0, limited.select(parts, 0)) {
            let (x, w) = self.part(part);
            let w = ordered(x).gt(by_count).select(w, 0.0);
            mass.set(mass.get() + w.row_sum().reshape(&[]));
        }
        let total = limited.select(mass.get() + equal * self.weight_of(by_count), all);
        let needed = top_p * total;
        let (by_mass, before) = self.search(asked & top_p.lt(1.0), needed, |w| w);
        let enough = ((needed - before) / self.weight_of(by_mass)).ceil().max(1.0);
        let key = by_count.max(by_mass);
        let ties = by_count
            .eq(by_mass)
            .select(equal.min(enough), by_mass.gt(by_count).select(enough, equal));
        Cut { key, ties, least: asked.select(min_p, 0.0) }
    }

    /// The part in which the token lies that `uniform` draws of what is kept, how much of the sum is left before it, and
    /// how many of what equals the cut are still missing. The part is -1 where not `asked`, or where rounding leaves none.
    pub(crate) fn draw(&self, asked: Tile, cut: &Cut, uniform: Tile) -> [Tile; 3] {
        let k = self.k;
        let parts = asked.select(self.a["masses"].size(1).tile(), 0);
        let nothing = || k.var(k.full(F32, &[], 0.0));
        let at_cut = self.weight_of(cut.key);
        let of_ties = |count: Tile| count.gt(0.0).select(count.min(cut.ties) * at_cut, 0.0);
        let (mut sum, mut equal) = (nothing(), nothing());
        for part in k.range(0, parts) {
            let [above, ties] = self.sums(part, cut);
            sum += above;
            equal += ties;
        }
        let bound = uniform * (sum.get() + of_ties(equal.get()));
        let (mut sum, mut equal) = (nothing(), nothing());
        let found = k.var(k.full(I32, &[], -1.0));
        let (rest, missing) = (nothing(), nothing());
        for part in k.range(0, parts) {
            let [above, ties] = self.sums(part, cut);
            let before = sum.get() + of_ties(equal.get());
            let after = sum.get() + above + of_ties(equal.get() + ties);
            let takes = found.get().lt(0) & after.gt(bound);
            rest.set(takes.select(bound - before, rest.get()));
            missing.set(takes.select(cut.ties - equal.get(), missing.get()));
            found.set(takes.select(part, found.get()));
            sum += above;
            equal += ties;
        }
        [found.get(), rest.get(), missing.get()]
    }

    /// The weights of what is kept of a part, of what equals the cut only the first `missing`.
    pub(crate) fn kept(&self, part: Tile, cut: &Cut, missing: Tile) -> [Tile; 2] {
        let (x, w) = self.part(part);
        let key = ordered(x);
        let equal = key.eq(cut.key);
        let before = equal.select(1.0, 0.0).scan(ReduceOp::Sum, true, false);
        let kept = (key.gt(cut.key) | equal & before.lt(missing)) & w.ge(cut.least);
        [x, kept.select(w, 0.0)]
    }
}

/// Which of `x` the filters keep, with their weights, in the order of ids. `all` is the mass of everything.
pub(crate) fn kept_f64(
    x: &[f64],
    weights: &[f64],
    all: f64,
    [top_k, top_p, min_p]: [f64; 3],
) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| (x[j] + 0.0).total_cmp(&(x[i] + 0.0)));
    let mut total = all;
    if top_k > 0.0 {
        order.truncate(top_k as usize);
        total = order.iter().map(|&i| weights[i]).sum();
    }
    let (mut kept, mut before) = (vec![0.0; x.len()], 0.0);
    for i in order {
        if top_p < 1.0 && before >= top_p * total {
            break;
        }
        before += weights[i];
        if weights[i] >= min_p {
            kept[i] = weights[i];
        }
    }
    kept
}
