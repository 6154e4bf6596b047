//! The functions that formulas know: one row a function.

use crate::tile::Tile;
use std::ops::RangeInclusive;

/// A function of formulas.
#[derive(Debug)]
pub struct Function {
    /// Its name, then the other spellings it is known by.
    pub names: &'static [&'static str],
    /// How it is called.
    pub form: &'static str,
    /// What it gives, in one line.
    pub doc: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) apply: Apply,
}

/// How a function treats its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) enum Apply {
    /// Converts them to the float of arithmetic.
    Float(fn(&[Tile]) -> Tile),
    /// Converts them to the type they have in common, bool to i32.
    Number(fn(&[Tile]) -> Tile),
    /// `pow`: a small whole exponent becomes products.
    Power,
    /// `where` and `select`: one argument is a condition.
    Choose,
}

macro_rules! functions {
    ($($kind:ident $arguments:tt [$($name:literal)+] $form:literal $doc:literal, $apply:expr;)*) => {
        /// Every function, in the order that documentation lists them.
        pub static FUNCTIONS: &[Function] = &[$(Function {
            names: &[$($name),+],
            form: $form,
            doc: $doc,
            arguments: functions!(@arity $arguments),
            apply: functions!(@apply $kind $apply),
        }),*];
    };
    (@arity 1) => { 1..=1 };
    (@arity 2) => { 2..=2 };
    (@arity 3) => { 3..=3 };
    (@arity many) => { 2..=64 };
    (@arity optional) => { 1..=2 };
    (@apply float $apply:expr) => { Apply::Float($apply) };
    (@apply number $apply:expr) => { Apply::Number($apply) };
    (@apply special $apply:expr) => { $apply };
}

functions! {
    // Exponentials and logarithms.
    float 1 ["exp" "expf" "__expf"] "exp(x)" "e^x", |a| a[0].exp();
    float 1 ["exp2" "exp2f"] "exp2(x)" "2^x", |a| a[0].exp2();
    float 1 ["expm1" "expm1f"] "expm1(x)" "e^x - 1, accurate near 0", |a| a[0].expm1();
    float 1 ["log" "ln" "logf" "__logf"] "log(x)" "natural logarithm", |a| a[0].log();
    float 1 ["log2" "log2f"] "log2(x)" "base-2 logarithm", |a| a[0].log2();
    float 1 ["log10" "log10f"] "log10(x)" "base-10 logarithm", |a| a[0].log10();
    float 1 ["log1p" "log1pf"] "log1p(x)" "log(1 + x), accurate near 0", |a| a[0].log1p();
    float 2 ["logaddexp"] "logaddexp(a, b)" "log(e^a + e^b), without overflow", |a| a[0].log_add_exp(a[1]);
    // Powers.
    special 2 ["pow" "powf" "powr" "power"] "pow(x, y)" "x^y, as `x ** y`", Apply::Power;
    number 1 ["square"] "square(x)" "x * x", |a| a[0].square();
    float 1 ["sqrt" "sqrtf"] "sqrt(x)" "square root", |a| a[0].sqrt();
    float 1 ["rsqrt" "rsqrtf"] "rsqrt(x)" "1 / sqrt(x)", |a| a[0].rsqrt();
    float 1 ["recip" "reciprocal"] "recip(x)" "1 / x", |a| a[0].recip();
    // Circular and hyperbolic functions.
    float 1 ["sin" "sinf"] "sin(x)" "sine of radians", |a| a[0].sin();
    float 1 ["cos" "cosf"] "cos(x)" "cosine of radians", |a| a[0].cos();
    float 1 ["tan" "tanf"] "tan(x)" "tangent of radians", |a| a[0].tan();
    float 1 ["asin" "asinf" "arcsin"] "asin(x)" "angle whose sine is x", |a| a[0].asin();
    float 1 ["acos" "acosf" "arccos"] "acos(x)" "angle whose cosine is x", |a| a[0].acos();
    float 1 ["atan" "atanf" "arctan"] "atan(x)" "angle whose tangent is x", |a| a[0].atan();
    float 1 ["asinh" "asinhf" "arcsinh"] "asinh(x)" "inverse of sinh", |a| a[0].asinh();
    float 1 ["acosh" "acoshf" "arccosh"] "acosh(x)" "inverse of cosh", |a| a[0].acosh();
    float 1 ["atanh" "atanhf" "arctanh"] "atanh(x)" "inverse of tanh", |a| a[0].atanh();
    float 1 ["sinh" "sinhf"] "sinh(x)" "hyperbolic sine", |a| a[0].sinh();
    float 1 ["cosh" "coshf"] "cosh(x)" "hyperbolic cosine", |a| a[0].cosh();
    float 1 ["tanh" "tanhf"] "tanh(x)" "hyperbolic tangent", |a| a[0].tanh();
    float 1 ["erf" "erff"] "erf(x)" "error function", |a| a[0].erf();
    // Activations.
    float 1 ["sigmoid" "kk_sigmoid" "logistic" "expit"] "sigmoid(x)" "1 / (1 + e^-x)", |a| a[0].sigmoid();
    float 1 ["silu" "kk_silu" "swish"] "silu(x)" "x * sigmoid(x)", |a| a[0].silu();
    float 1 ["gelu_tanh" "kk_gelu_tanh" "gelu_approx"] "gelu_tanh(x)" "x Φ(x), in its tanh form", |a| a[0].gelu_tanh();
    float 1 ["gelu"] "gelu(x)" "x Φ(x), exactly", |a| a[0].gelu();
    float 1 ["relu"] "relu(x)" "max(x, 0)", |a| a[0].relu();
    float 1 ["relu2"] "relu2(x)" "max(x, 0)^2", |a| a[0].relu().square();
    float 1 ["relu6"] "relu6(x)" "x between 0 and 6", |a| a[0].clamp(0.0, 6.0);
    float optional ["leaky_relu"] "leaky_relu(x, slope = 0.01)" "x > 0 ? x : slope x", |a| match a.get(1) {
        Some(slope) => a[0].leaky_relu(*slope),
        None => a[0].leaky_relu(0.01),
    };
    float optional ["elu"] "elu(x, alpha = 1)" "x > 0 ? x : alpha (e^x - 1)", |a| match a.get(1) {
        Some(alpha) => a[0].elu(*alpha),
        None => a[0].elu(1.0),
    };
    float 1 ["selu"] "selu(x)" "scaled ELU", |a| a[0].selu();
    float 1 ["mish"] "mish(x)" "x tanh(softplus(x))", |a| a[0].mish();
    float 1 ["softplus"] "softplus(x)" "log(1 + e^x), without overflow", |a| a[0].softplus();
    float 1 ["softsign"] "softsign(x)" "x / (1 + |x|)", |a| a[0].softsign();
    float 1 ["hard_sigmoid" "hardsigmoid"] "hard_sigmoid(x)" "x/6 + 1/2, from 0 to 1", |a| a[0].hard_sigmoid();
    float 1 ["hard_swish" "hardswish"] "hard_swish(x)" "x * hard_sigmoid(x)", |a| a[0].hard_swish();
    float 1 ["log_sigmoid" "logsigmoid"] "log_sigmoid(x)" "log(sigmoid(x)), without underflow", |a| a[0].log_sigmoid();
    // Rounding and sign.
    number 1 ["abs" "fabs" "fabsf" "absolute"] "abs(x)" "|x|", |a| a[0].abs();
    number 1 ["sign"] "sign(x)" "-1, 0 or 1; NaN stays", |a| a[0].sign();
    float 1 ["floor" "floorf"] "floor(x)" "greatest whole number <= x", |a| a[0].floor();
    float 1 ["ceil" "ceilf"] "ceil(x)" "least whole number >= x", |a| a[0].ceil();
    float 1 ["round" "rint" "rintf" "nearbyint"] "round(x)" "nearest whole number, ties to even", |a| a[0].round();
    float 1 ["trunc" "truncf"] "trunc(x)" "whole part of x", |a| a[0].trunc();
    float 1 ["fract"] "fract(x)" "x - floor(x)", |a| a[0] - a[0].floor();
    number 2 ["fmod" "fmodf"] "fmod(a, b)" "a - b trunc(a / b), as `a % b`", |a| a[0] % a[1];
    // Choices.
    number many ["max" "fmax" "fmaxf" "maximum"] "max(a, b, ..)" "the greatest; NaN if any is", |a| {
        a[1..].iter().fold(a[0], |most, &x| most.max(x))
    };
    number many ["min" "fmin" "fminf" "minimum"] "min(a, b, ..)" "the least; NaN if any is", |a| {
        a[1..].iter().fold(a[0], |least, &x| least.min(x))
    };
    number 3 ["clamp" "clip"] "clamp(x, low, high)" "x, at least low and at most high", |a| a[0].clamp(a[1], a[2]);
    float 1 ["saturate" "__saturatef"] "saturate(x)" "x between 0 and 1", |a| a[0].clamp(0.0, 1.0);
    special 3 ["where"] "where(condition, a, b)" "condition ? a : b", Apply::Choose;
    special 3 ["select"] "select(b, a, condition)" "condition ? a : b, the condition first or last", Apply::Choose;
    float 3 ["fma" "fmaf" "mad"] "fma(a, b, c)" "a * b + c, rounded once", |a| a[0].fma(a[1], a[2]);
    float 3 ["mix" "lerp"] "mix(a, b, t)" "a + (b - a) t", |a| a[0] + (a[1] - a[0]) * a[2];
    float 2 ["step"] "step(edge, x)" "x >= edge ? 1 : 0", |a| a[1].ge(a[0]).to(a[1].dtype());
    float 3 ["smoothstep"] "smoothstep(low, high, x)" "0 to 1 between low and high, smoothly", |a| {
        let t = ((a[2] - a[0]) / (a[1] - a[0])).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    float 2 ["divide" "fdividef" "__fdividef"] "divide(a, b)" "a / b as floats", |a| a[0] / a[1];
    // Questions.
    float 1 ["isnan" "is_nan"] "isnan(x)" "true for NaN", |a| a[0].is_nan();
    float 1 ["isinf" "is_inf"] "isinf(x)" "true for +inf and -inf", |a| a[0].is_inf();
    float 1 ["isfinite" "is_finite"] "isfinite(x)" "true for what is neither infinite nor NaN", |a| a[0].is_finite();
}

/// The function of that name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.names.contains(&name))
}

/// Functions that other languages have and nothing here computes, with what to do.
pub(super) fn missing(name: &str) -> Option<&'static str> {
    Some(match name {
        "atan2" | "arctan2" => "where x > 0 it is `atan(y / x)`",
        "sum" | "mean" | "softmax" | "argmax" | "any" | "all" | "cumsum" | "logsumexp" => {
            "a formula works on one element at a time; use `reduce`, `map_reduce` or a row kernel"
        }
        "rand" | "random" => "random numbers need a kernel with `philox`",
        _ => return None,
    })
}

impl Function {
    /// Its one name.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_op_has_a_function_and_no_name_is_taken_twice() {
        use tilewright_ir::op::{UNARY, UnaryOp};
        for row in UNARY.iter().filter(|r| !matches!(r.op, UnaryOp::Neg | UnaryOp::Not)) {
            assert!(function(row.name).is_some(), "no function for the op `{}`", row.name);
        }
        let mut names: Vec<&str> = FUNCTIONS.iter().flat_map(|f| f.names).copied().collect();
        names.extend(super::super::names::constants());
        names.extend(super::super::names::types());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let (docs, _) = include_str!("../formula.rs").split_once("**Casts**").unwrap();
        for f in FUNCTIONS {
            let listed = docs.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            assert!(
                listed.into_iter().any(|word| word == f.name()),
                "`{}` is in no table",
                f.name()
            );
            assert!(f.form.starts_with(f.name()) && !f.doc.is_empty(), "{}", f.form);
        }
    }
}
