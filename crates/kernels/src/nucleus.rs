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

    /// The integer of the cut above which the sums of `measure` are not yet `needed`, and the sum above it.
    fn search(&self, needed: Tile, measure: impl Fn(Tile) -> Tile) -> [Tile; 2] {
        let (k, parts) = (self.k, self.a["masses"].size(1).tile());
        let low = k.var(k.full(I32, &[], LOWEST));
        let high = k.var(k.full(I32, &[], i32::MAX as f64));
        let above = k.var(k.full(F32, &[], 0.0));
        for _ in k.range(0, TURNS) {
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
        [high.get(), above.get()]
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
        let lowest = || k.var(k.full(I32, &[], LOWEST));
        let (limited, shared) = (asked & top_k.gt(0), asked & top_p.lt(1.0));
        // By top_k, the integer and how much of what equals it is kept, and the mass of it all; the same by top_p of that.
        let (key, ties, total) = (lowest(), k.var(k.full(F32, &[], 0.0)), k.var(all));
        let (key_of_mass, ties_of_mass) = (lowest(), k.var(k.full(F32, &[], 0.0)));
        let number = |n: usize| k.full(I32, &[], n);
        let end = shared.select(number(2), limited.select(number(1), 0));
        for stage in k.range(limited.select(number(0), 1), end) {
            let by_count = stage.eq(0);
            let needed = by_count.select(top_k.to(F32), top_p * total.get());
            let [cut, before] = self.search(needed, |w| by_count.select(1.0, w));
            let mass = k.var(k.full(F32, &[], 0.0));
            let parts = self.a["masses"].size(1).tile();
            for part in k.range(0, by_count.select(parts, 0)) {
                let (x, w) = self.part(part);
                let w = ordered(x).gt(cut).select(w, 0.0);
                mass.set(mass.get() + w.row_sum().reshape(&[]));
            }
            let (equal, weight) = (needed - before, self.weight_of(cut));
            key.set(by_count.select(cut, key.get()));
            ties.set(by_count.select(equal, ties.get()));
            total.set(by_count.select(mass.get() + equal * weight, total.get()));
            key_of_mass.set(by_count.select(key_of_mass.get(), cut));
            ties_of_mass.set((equal / weight).ceil().max(1.0));
        }
        let (by_count, by_mass) = (key.get(), key_of_mass.get());
        let fewer = ties.get().min(ties_of_mass.get());
        let greater = by_mass.gt(by_count).select(ties_of_mass.get(), ties.get());
        Cut {
            key: by_count.max(by_mass),
            ties: by_count.eq(by_mass).select(fewer, greater),
            least: asked.select(min_p, 0.0),
        }
    }

    /// The part in which the token lies that `uniform` draws of what is kept, how much of the sum is left before it, and
    /// how many of what equals the cut are still missing. The part is -1 where not `asked`, or where rounding leaves none.
    pub(crate) fn draw(&self, asked: Tile, cut: &Cut, uniform: Tile) -> [Tile; 3] {
        let k = self.k;
        let parts = self.a["masses"].size(1).tile();
        let nothing = || k.var(k.full(F32, &[], 0.0));
        let at_cut = self.weight_of(cut.key);
        let of_ties = |count: Tile| count.gt(0.0).select(count.min(cut.ties) * at_cut, 0.0);
        let (found, rest, missing) = (k.var(k.full(I32, &[], -1.0)), nothing(), nothing());
        // The first round finds the sum, the second the part.
        let bound = k.var(k.full(F32, &[], f64::INFINITY));
        for _ in k.range(0, asked.select(k.full(I32, &[], 2), 0)) {
            let (mut sum, mut equal) = (nothing(), nothing());
            for part in k.range(0, parts) {
                let [above, ties] = self.sums(part, cut);
                let before = sum.get() + of_ties(equal.get());
                let after = sum.get() + above + of_ties(equal.get() + ties);
                let takes = found.get().lt(0) & after.gt(bound.get());
                rest.set(takes.select(bound.get() - before, rest.get()));
                missing.set(takes.select(cut.ties - equal.get(), missing.get()));
                found.set(takes.select(part, found.get()));
                sum += above;
                equal += ties;
            }
            bound.set(uniform * (sum.get() + of_ties(equal.get())));
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
