//! The words that formulas know beside functions: constants, types, namespaces, keywords.

use super::syntax::ScalarType;
use tilewright_ir::DType;

/// What a constant is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Constant {
    Float(f64),
    Int(i64, DType),
    Bool(bool),
}

use Constant::{Bool, Float, Int};
use std::f64::consts;

/// Names of constants: C and Metal first, then Python's.
static CONSTANTS: &[(&str, Constant)] = &[
    ("INFINITY", Float(f64::INFINITY)),
    ("HUGE_VALF", Float(f64::INFINITY)),
    ("NAN", Float(f64::NAN)),
    ("FLT_MAX", Float(f32::MAX as f64)),
    ("FLT_MIN", Float(f32::MIN_POSITIVE as f64)),
    ("FLT_EPSILON", Float(f32::EPSILON as f64)),
    ("HALF_MAX", Float(65504.0)),
    ("INT_MAX", Int(i32::MAX as i64, DType::I32)),
    ("INT_MIN", Int(i32::MIN as i64, DType::I32)),
    ("UINT_MAX", Int(u32::MAX as i64, DType::U32)),
    ("true", Bool(true)),
    ("false", Bool(false)),
    ("M_E_F", Float(consts::E)),
    ("M_LOG2E_F", Float(consts::LOG2_E)),
    ("M_LOG10E_F", Float(consts::LOG10_E)),
    ("M_LN2_F", Float(consts::LN_2)),
    ("M_LN10_F", Float(consts::LN_10)),
    ("M_PI_F", Float(consts::PI)),
    ("M_PI_2_F", Float(consts::FRAC_PI_2)),
    ("M_PI_4_F", Float(consts::FRAC_PI_4)),
    ("M_1_PI_F", Float(consts::FRAC_1_PI)),
    ("M_2_PI_F", Float(consts::FRAC_2_PI)),
    ("M_2_SQRTPI_F", Float(consts::FRAC_2_SQRT_PI)),
    ("M_SQRT2_F", Float(consts::SQRT_2)),
    ("M_SQRT1_2_F", Float(consts::FRAC_1_SQRT_2)),
    ("pi", Float(consts::PI)),
    ("inf", Float(f64::INFINITY)),
    ("nan", Float(f64::NAN)),
    ("True", Bool(true)),
    ("False", Bool(false)),
];

/// The constant of that name. Each `M_.._F` is also known without the `_F`.
pub(super) fn constant(name: &str) -> Option<Constant> {
    let find = |name: &str| CONSTANTS.iter().find(|(n, _)| *n == name).map(|(_, c)| *c);
    find(name).or_else(|| {
        let short = name.starts_with("M_") && !name.ends_with("_F");
        if short { find(&format!("{name}_F")) } else { None }
    })
}

/// The names of all constants.
pub(super) fn constants() -> impl Iterator<Item = &'static str> {
    CONSTANTS.iter().map(|(name, _)| *name)
}

use ScalarType::{Exact, Rounded, Template};

/// Names of types, as C, Metal, CUDA, MLX and this crate spell them.
static TYPES: &[(&str, ScalarType)] = &[
    ("T", Template),
    ("float", ScalarType::Float),
    ("double", ScalarType::Float),
    ("f32", ScalarType::Float),
    ("float32", ScalarType::Float),
    ("half", Rounded(DType::F16)),
    ("f16", Rounded(DType::F16)),
    ("float16", Rounded(DType::F16)),
    ("float16_t", Rounded(DType::F16)),
    ("bfloat", Rounded(DType::BF16)),
    ("bf16", Rounded(DType::BF16)),
    ("bfloat16", Rounded(DType::BF16)),
    ("bfloat16_t", Rounded(DType::BF16)),
    ("int", Exact(DType::I32)),
    ("signed", Exact(DType::I32)),
    ("i32", Exact(DType::I32)),
    ("int32", Exact(DType::I32)),
    ("int32_t", Exact(DType::I32)),
    ("uint", Exact(DType::U32)),
    ("unsigned", Exact(DType::U32)),
    ("u32", Exact(DType::U32)),
    ("uint32", Exact(DType::U32)),
    ("uint32_t", Exact(DType::U32)),
    ("char", Exact(DType::I8)),
    ("i8", Exact(DType::I8)),
    ("int8", Exact(DType::I8)),
    ("int8_t", Exact(DType::I8)),
    ("uchar", Exact(DType::U8)),
    ("u8", Exact(DType::U8)),
    ("uint8", Exact(DType::U8)),
    ("uint8_t", Exact(DType::U8)),
    ("bool", Exact(DType::Bool)),
];

/// The type of that name.
pub(super) fn scalar_type(name: &str) -> Option<ScalarType> {
    TYPES.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
}

/// The names of all types.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name)
}

/// What may stand before `::` or `.` and a function or constant. All mean the same, accurate, function.
static NAMESPACES: &[&str] =
    &["metal", "precise", "fast", "std", "mx", "np", "numpy", "jnp", "torch", "math", "msl"];

pub(super) fn is_namespace(name: &str) -> bool {
    NAMESPACES.contains(&name)
}

pub(super) fn namespaces() -> impl Iterator<Item = &'static str> {
    NAMESPACES.iter().copied()
}

/// Why a word of C or Python has no place in a formula; `None` for other words.
pub(super) fn refused(word: &str) -> Option<&'static str> {
    Some(match word {
        "for" | "while" | "do" | "switch" | "case" | "goto" | "break" | "continue" => {
            "a formula has no loops or jumps; record a kernel for those"
        }
        "if" | "else" | "elif" => "write a choice as `condition ? a : b`",
        "long" | "size_t" | "ulong" | "int64_t" | "uint64_t" => "integers have 32 bits here",
        "short" | "ushort" | "int16_t" | "uint16_t" => "integers have 8 or 32 bits here",
        "lambda" | "def" | "struct" | "import" | "in" | "is" => "a formula is one expression",
        "sizeof" | "threadgroup" => "a formula works on values, not on memory",
        _ => return None,
    })
}
