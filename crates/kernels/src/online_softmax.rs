//! A softmax-weighted sum over blocks of keys that come one after the other (Milakov and Gimelshein, 2018,
//! <https://arxiv.org/abs/1805.02867>; the form of FlashAttention).
//!
//! Of the keys so far it holds, for each query, the greatest score, the sum of e^(score - greatest) and the values
//! weighted with these. A greater score in a later block shrinks both sums by e^(old - new).

use tilewright_ir::DType::F32;
use tilewright_lang::{Kernel, Tile, Var};

/// The running state of some queries: three variables of the loop over the keys.
#[derive(Clone, Copy, Debug)]
pub struct OnlineSoftmax {
    greatest: Var,
    sum: Var,
    mixed: Var,
}

impl OnlineSoftmax {
    /// No keys yet, for `queries` rows of values with `features` each.
    pub fn new(k: &Kernel, queries: usize, features: usize) -> OnlineSoftmax {
        let column = [queries.into(), 1.into()];
        OnlineSoftmax {
            greatest: k.var(k.full(F32, &column, f64::NEG_INFINITY)),
            sum: k.var(k.full(F32, &column, 0.0)),
            mixed: k.var(k.full(F32, &[queries.into(), features.into()], 0.0)),
        }
    }

    /// Takes a block of keys: `scores` `f32[queries, keys]`, -inf for those that do not count, and `values`
    /// `[keys, features]`, finite for all. The weights are rounded to the type of the values, so that a matrix unit can
    /// multiply them; their sum is not.
    pub fn absorb(self, scores: Tile, values: Tile) {
        let before = self.greatest.get();
        let greatest = before.max(scores.row_max()); // [queries, 1]
        // Where no key counted yet, -inf - -inf would be NaN; any finite number makes all weights 0.
        let base = greatest.eq(f64::NEG_INFINITY).select(0.0, greatest);
        let shrink = (before - base).exp();
        let weights = (scores - base).exp(); // [queries, keys]
        self.sum.set(self.sum.get() * shrink + weights.row_sum());
        self.mixed.set(self.mixed.get() * shrink + weights.to(values.dtype()).dot(values));
        self.greatest.set(greatest);
    }

    /// log Σ e^score of each query, `f32[queries, 1]`; 0 if there were no keys, and NaN where a score was.
    pub fn log_sum(self) -> Tile {
        let sum = self.sum.get();
        sum.eq(0.0).select(0.0, sum.log() + self.greatest.get())
    }

    /// The weighted means of the values, `f32[queries, features]`; zeros if there were no keys, and NaN where a score was.
    pub fn mean(self) -> Tile {
        let sum = self.sum.get();
        sum.eq(0.0).select(0.0, self.mixed.get() / sum)
    }
}
