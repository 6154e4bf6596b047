//! Composites: ops that are written with others, so that every target and every gradient has them at once.

use crate::tile::{Operand, Tile};
use tilewright_ir::DType;

/// sqrt(2 / pi), of the tanh form of GELU.
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
/// The cubic coefficient of the tanh form of GELU (Hendrycks and Gimpel, 2016).
const GELU_CUBIC: f64 = 0.044715;

/// Where `e^x` may soon overflow, and `e^-x` is long lost beside it.
const NEAR_OVERFLOW: f64 = 80.0;
/// What is taken off where `x` is greater than that.
const FAR: f64 = 64.0;

/// (atan z / z - 1) / z², in powers of z², fitted up to z = tan π/8: the arctangent errs by 7e-10 of itself.
const ARCTANGENT: [f64; 5] = [
    -0.333_333_164_453_506_47,
    0.199_984_714_388_847_35,
    -0.142_435_312_271_118_16,
    0.105_938_039_720_058_44,
    -0.060_781_992_971_897_125,
];

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

    /// a > 0 ? a : slope a.
    #[track_caller]
    pub fn leaky_relu(self, slope: impl Operand) -> Tile {
        let slope = slope.tile_of(self.dtype(), std::panic::Location::caller());
        self.gt(0.0).select(self, self * slope)
    }

    /// Scaled ELU, which keeps mean 0 and variance 1 (Klambauer et al., 2017).
    #[track_caller]
    pub fn selu(self) -> Tile {
        self.elu(1.673_263_242_354_377_2) * 1.050_700_987_355_480_5
    }

    /// a / 6 + 1/2, between 0 and 1.
    #[track_caller]
    pub fn hard_sigmoid(self) -> Tile {
        (self * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0)
    }

    /// a * hard_sigmoid(a).
    #[track_caller]
    pub fn hard_swish(self) -> Tile {
        self * self.hard_sigmoid()
    }

    /// a / (1 + |a|).
    #[track_caller]
    pub fn softsign(self) -> Tile {
        self / (self.abs() + 1.0)
    }

    /// log(sigmoid(a)), without underflow.
    #[track_caller]
    pub fn log_sigmoid(self) -> Tile {
        -(-self).softplus()
    }

    /// log(e^a + e^b), without overflow.
    #[track_caller]
    pub fn log_add_exp(self, right: impl Operand) -> Tile {
        let right = right.tile_of(self.dtype(), std::panic::Location::caller());
        // By choice, not by max and abs, which have kinks where this has none: where both are equal.
        let first = self.ge(right);
        let (greater, less) = (first.select(self, right), first.select(right, self));
        // Of two equal infinities the difference is NaN; they are 0 apart.
        let infinite = greater.is_inf() & less.eq(greater);
        greater + infinite.select(0.0, less - greater).softplus()
    }

    /// Base-10 logarithm.
    #[track_caller]
    pub fn log10(self) -> Tile {
        self.log2() * std::f64::consts::LOG10_2
    }

    /// Tangent of radians.
    #[track_caller]
    pub fn tan(self) -> Tile {
        self.sin() / self.cos()
    }

    /// Hyperbolic sine, accurate near 0.
    #[track_caller]
    pub fn sinh(self) -> Tile {
        let plain = (self.expm1() - (-self).expm1()) * 0.5;
        self.abs().gt(NEAR_OVERFLOW).select(self.sign() * self.half_exp_of_magnitude(), plain)
    }

    /// Hyperbolic cosine.
    #[track_caller]
    pub fn cosh(self) -> Tile {
        let plain = (self.exp() + (-self).exp()) * 0.5;
        self.abs().gt(NEAR_OVERFLOW).select(self.half_exp_of_magnitude(), plain)
    }

    /// `e^|x| / 2`, which is finite a little longer than `e^|x|`.
    fn half_exp_of_magnitude(self) -> Tile {
        // The difference is exact, and neither factor overflows, nor does its gradient.
        (self.abs() - FAR).exp() * (0.5 * FAR.exp())
    }

    /// Angle in radians whose tangent this is, from -π/2 to π/2.
    #[track_caller]
    pub fn atan(self) -> Tile {
        // atan t = π/2 - atan 1/t, and π/4 + atan (t - 1)/(t + 1): what is left lies within tan π/8 of 0.
        let t = self.abs();
        let beyond = t.gt(1.0);
        let within = beyond.select(t.recip(), t);
        let far = within.gt(std::f64::consts::SQRT_2 - 1.0);
        let near = far.select((within - 1.0) / (within + 1.0), within);
        let square = near * near;
        let series = ARCTANGENT.iter().rev().fold(square * 0.0, |sum, &c| sum * square + c);
        let angle = near + near * square * series;
        let angle = far.select(angle + std::f64::consts::FRAC_PI_4, angle);
        self.odd(beyond.select(std::f64::consts::FRAC_PI_2 - angle, angle))
    }

    /// Angle in radians whose sine this is; NaN outside [-1, 1].
    #[track_caller]
    pub fn asin(self) -> Tile {
        (self / ((1.0 - self) * (1.0 + self)).sqrt()).atan()
    }

    /// Angle in radians whose cosine this is, from 0 to π; NaN outside [-1, 1].
    #[track_caller]
    pub fn acos(self) -> Tile {
        ((1.0 - self) / (1.0 + self)).sqrt().atan() * 2.0
    }

    /// Inverse of the hyperbolic sine.
    #[track_caller]
    pub fn asinh(self) -> Tile {
        let t = self.abs();
        let square = t * t;
        let plain = (t + square / (1.0 + (square + 1.0).sqrt())).log1p();
        // Where squares may overflow, 1 is long lost beside them.
        self.odd(t.gt(1e10).select(t.log() + std::f64::consts::LN_2, plain))
    }

    /// Inverse of the hyperbolic cosine, from 0; NaN below 1.
    #[track_caller]
    pub fn acosh(self) -> Tile {
        let over = self - 1.0;
        (over + over.sqrt() * (self + 1.0).sqrt()).log1p()
    }

    /// Inverse of the hyperbolic tangent; NaN outside [-1, 1].
    #[track_caller]
    pub fn atanh(self) -> Tile {
        let t = self.abs();
        self.odd((t * 2.0 / (1.0 - t)).log1p() * 0.5)
    }

    /// What a function that mirrors its argument's sign, and is the argument near 0, makes of it, from what it makes of the
    /// magnitude.
    fn odd(self, of_magnitude: Tile) -> Tile {
        let signed = self.lt(0.0).select(-of_magnitude, of_magnitude);
        self.abs().lt(1e-4).select(self, signed)
    }

    /// The value, but at least `low` and at most `high`; NaN stays.
    #[track_caller]
    pub fn clamp(self, low: impl Operand, high: impl Operand) -> Tile {
        self.max(low).min(high)
    }

    /// True where +inf or -inf.
    #[track_caller]
    pub fn is_inf(self) -> Tile {
        self.abs().eq(f64::INFINITY)
    }

    /// True where neither infinite nor NaN.
    #[track_caller]
    pub fn is_finite(self) -> Tile {
        self.abs().lt(f64::INFINITY)
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
