//! Numbers that repeat, and packed weights of them.

use tilewright_nn::{DType, Tensor};

/// A linear congruence.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    pub(super) fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    fn between(&mut self, [low, high]: [f32; 2]) -> f32 {
        low + (high - low) * (self.word() as f32 / u32::MAX as f32)
    }

    pub(super) fn tensor(&mut self, dtype: DType, shape: &[usize], range: [f32; 2]) -> Tensor {
        let values = (0..shape.iter().product()).map(|_| self.between(range)).collect();
        Tensor::new::<f32>(values, shape).unwrap().to(dtype).unwrap()
    }

    pub(super) fn words(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.word()).collect()
    }

    /// For each token, k numbers of experts, all different.
    pub(super) fn choices(&mut self, tokens: usize, k: usize, experts: usize) -> Tensor {
        let mut all = Vec::new();
        for _ in 0..tokens {
            let mut left: Vec<u32> = (0..experts as u32).collect();
            for _ in 0..k {
                let at = self.word() as usize % left.len();
                all.push(left.swap_remove(at));
            }
        }
        Tensor::new::<u32>(all, &[tokens, k]).unwrap()
    }
}

/// How weights are packed, in whichever shape: `[.., columns, depth]`.
#[derive(Clone, Copy)]
pub(super) struct Format {
    pub(super) bits: usize,
    pub(super) group: usize,
}

impl Format {
    pub(super) fn constants(self) -> [(&'static str, usize); 2] {
        [("bits", self.bits), ("group", self.group)]
    }
}

/// A row, and what makes the products of rows: groups in another order with another sign, so that the exact product with a
/// weight whose groups repeat in that order is nothing.
pub(super) fn cancelling(groups: usize) -> Vec<(usize, f32)> {
    let half = groups / 2;
    let first = (0..half).map(|g| (g, 1.0));
    let second = (0..half).map(|g| ((g * 5 + 3) % half, -1.0));
    // Five may divide the number of groups.
    let fair = !half.is_multiple_of(5);
    let second = second.zip(0..half).map(|((g, sign), own)| (if fair { g } else { own }, sign));
    let rest = (2 * half..groups).map(|g| (g, 0.0));
    first.chain(second).chain(rest).collect()
}
