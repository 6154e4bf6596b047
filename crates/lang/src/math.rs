//! Composites: ops that are written with others, so that every target and every gradient has them at once.

use crate::tile::{Operand, Tile};
use tilewright_ir::DType;

/// sqrt(2 / pi), of the tanh form of GELU.
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
/// The cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel, 2016).
const GELU_CUBIC: f64 = 0.044715;

impl Tile {
    /// max(a, 0); its gradient at 0 is 0. NaN stays NaN.
    #[track_caller]
    pub fn relu(self) -> Tile {
        self.le(0.0).select(0.0, self)
    }

    /// a * sigmoid(a).
    #[track_caller]
    pub fn silu(self) -> Tile {
        self * self.sigmoid()
    }

    /// 0.5 a (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))), as a * sigmoid(2 sqrt(2/pi) (a + 0.044715 a^3)), which does
    /// not cancel for large negative a.
    #[track_caller]
    pub fn gelu_tanh(self) -> Tile {
        let inner = self * ((2.0 * GELU_SCALE * GELU_CUBIC) * (self * self) + 2.0 * GELU_SCALE);
        self * inner.sigmoid()
    }

    /// 0.5 a (1 + erf(a / sqrt(2))).
    #[track_caller]
    pub fn gelu(self) -> Tile {
        0.5 * self * ((self * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0)
    }

    /// a * tanh(softplus(a)) (Misra, 2019).
    #[track_caller]
    pub fn mish(self) -> Tile {
        self * self.softplus().tanh()
    }

    /// a > 0 ? a : alpha (e^a - 1).
    #[track_caller]
    pub fn elu(self, alpha: impl Operand) -> Tile {
        // Unlike `min`, this choice has the gradient of the left side at 0.
        let negative = self.gt(0.0).select(0.0, self).expm1();
        let negative = negative * alpha.tile_of(self.dtype(), std::panic::Location::caller());
        self.gt(0.0).select(self, negative)
    }

    /// a * a.
    #[track_caller]
    pub fn square(self) -> Tile {
        self * self
    }

    /// Softmax over the last axis.
    #[track_caller]
    pub fn softmax(self) -> Tile {
        let e = (self - self.row_max()).exp();
        e / e.row_sum()
    }

    /// a - logsumexp(a) over the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Tile {
        let shifted = self - self.row_max();
        shifted - shifted.exp().row_sum().log()
    }

    /// log Σ e^a over the last axis, which stays with extent 1; -inf for a row of -inf.
    #[track_caller]
    pub fn logsumexp(self) -> Tile {
        let max = self.row_max();
        // An infinite maximum is itself the result; subtracting it would give NaN.
        let finite = max.abs().lt(f64::INFINITY).select(max, 0.0);
        (self - finite).exp().row_sum().log() + finite
    }

    /// Random bits (u32) to a float in [0, 1), of 24 bits.
    #[track_caller]
    pub fn to_uniform(self) -> Tile {
        (self >> 8u32).to(DType::F32) * (1.0 / 16_777_216.0)
    }
}
