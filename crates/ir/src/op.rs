//! The op table: one row an op, with its name, operand and result types, and meaning.
//!
//! A primitive op lives here, in the C printer and in the CPU executor, and nowhere else; what can be written
//! with these (`silu`, `gelu`, `mean`) is a composite in `tilewright-lang`. The gradient rule of each op is
//! the matching arm of `tilewright-passes`' `grad`.

use crate::DType;

/// Which element types an op takes, and what it gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Types {
    /// Floats to the same float.
    Float,
    /// Any number (float or integer) to the same type.
    Number,
    /// Integers to the same integer.
    Int,
    /// Integers or bool to the same type.
    Bits,
    /// Any type, bool included, to bool.
    AnyToBool,
    /// Floats to bool.
    FloatToBool,
}

impl Types {
    /// True when operands of `dtype` are accepted.
    pub fn accepts(self, dtype: DType) -> bool {
        match self {
            Types::Float | Types::FloatToBool => dtype.is_float(),
            Types::Number => dtype.is_float() || dtype.is_int(),
            Types::Int => dtype.is_int(),
            Types::Bits => dtype.is_int() || dtype == DType::Bool,
            Types::AnyToBool => true,
        }
    }

    /// The result type for operands of `dtype`.
    pub fn result(self, dtype: DType) -> DType {
        match self {
            Types::AnyToBool | Types::FloatToBool => DType::Bool,
            _ => dtype,
        }
    }

    /// The accepted types in words, for error messages.
    pub fn describe(self) -> &'static str {
        match self {
            Types::Float | Types::FloatToBool => "a float type",
            Types::Number => "a number",
            Types::Int => "an integer type",
            Types::Bits => "an integer type or bool",
            Types::AnyToBool => "any type",
        }
    }
}

/// One row of the op table.
#[derive(Clone, Copy, Debug)]
pub struct Row<Op: 'static> {
    /// The op.
    pub op: Op,
    /// Its name in text form and messages.
    pub name: &'static str,
    /// What it takes and gives.
    pub types: Types,
    /// What it means, in one line.
    pub doc: &'static str,
}

macro_rules! ops {
    ($(#[$doc:meta])* $Enum:ident $TABLE:ident { $($Op:ident $name:literal $types:ident $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Enum { $(#[doc = $text] $Op,)* }

        /// The table of these ops, in declaration order.
        pub static $TABLE: &[Row<$Enum>] = &[
            $(Row { op: $Enum::$Op, name: $name, types: Types::$types, doc: $text },)*
        ];

        impl $Enum {
            /// The op's row in the table.
            pub fn row(self) -> &'static Row<$Enum> { &$TABLE[self as usize] }
            /// The op's name in text form.
            pub fn name(self) -> &'static str { self.row().name }
            /// The op of that name, if there is one.
            pub fn parse(name: &str) -> Option<$Enum> {
                $TABLE.iter().find(|row| row.name == name).map(|row| row.op)
            }
        }
    };
}

ops! {
    /// Ops of one operand, applied to each element.
    UnaryOp UNARY {
        Neg "neg" Number "-a; integers wrap";
        Abs "abs" Number "|a|";
        Sign "sign" Number "-1, 0 or 1; NaN stays NaN, -0 gives -0";
        Floor "floor" Float "greatest integer <= a";
        Ceil "ceil" Float "least integer >= a";
        Round "round" Float "nearest integer, ties to even";
        Trunc "trunc" Float "integer part of a";
        Sqrt "sqrt" Float "square root";
        Rsqrt "rsqrt" Float "1 / sqrt(a)";
        Recip "recip" Float "1 / a";
        Exp "exp" Float "e^a";
        Exp2 "exp2" Float "2^a";
        Expm1 "expm1" Float "e^a - 1, accurate near 0";
        Log "log" Float "natural logarithm";
        Log2 "log2" Float "base-2 logarithm";
        Log1p "log1p" Float "log(1 + a), accurate near 0";
        Sin "sin" Float "sine of radians";
        Cos "cos" Float "cosine of radians";
        Tanh "tanh" Float "hyperbolic tangent";
        Sigmoid "sigmoid" Float "1 / (1 + e^-a), without overflow";
        Softplus "softplus" Float "log(1 + e^a), without overflow";
        Erf "erf" Float "error function";
        Not "not" Bits "bitwise complement; logical for bool";
        IsNan "is_nan" FloatToBool "true for NaN";
    }
}

ops! {
    /// Ops of two operands of one dtype, applied to each pair after broadcasting.
    BinaryOp BINARY {
        Add "add" Number "a + b; integers wrap";
        Sub "sub" Number "a - b; integers wrap";
        Mul "mul" Number "a * b; integers wrap";
        Div "div" Number "a / b; integers truncate toward zero, x / 0 is 0";
        Rem "rem" Number "a - b * trunc(a / b), sign of a; integers: x % 0 is 0";
        Pow "pow" Float "a^b as C's pow";
        Max "max" Number "greater of both; NaN if either is";
        Min "min" Number "lesser of both; NaN if either is";
        And "and" Bits "bitwise and; logical for bool";
        Or "or" Bits "bitwise or; logical for bool";
        Xor "xor" Bits "bitwise exclusive or; logical for bool";
        Shl "shl" Int "a << b, b taken modulo the width";
        Shr "shr" Int "a >> b, b taken modulo the width; arithmetic when signed";
        Eq "eq" AnyToBool "a == b";
        Ne "ne" AnyToBool "a != b; true for NaN";
        Lt "lt" AnyToBool "a < b";
        Le "le" AnyToBool "a <= b";
        Gt "gt" AnyToBool "a > b";
        Ge "ge" AnyToBool "a >= b";
    }
}

ops! {
    /// Ops of three operands.
    TernaryOp TERNARY {
        Select "select" AnyToBool "a ? b : c; a is bool, b and c share the result's dtype";
        Fma "fma" Float "a * b + c, rounded once";
        Philox "philox" Int "word a % 4 of Philox4x32-10 with counter (a / 4, 0, c, 0) and key (b, 0); all u32";
    }
}

ops! {
    /// Associative ops of reductions and scans.
    ReduceOp REDUCE {
        Sum "sum" Number "sum; identity 0";
        Prod "prod" Number "product; identity 1";
        Max "max" Number "greatest, NaN if any is; identity -inf or the least integer";
        Min "min" Number "least, NaN if any is; identity +inf or the greatest integer";
        All "all" Bits "and of all; identity all ones";
        Any "any" Bits "or of all; identity 0";
    }
}

impl ReduceOp {
    /// The binary op that joins two partial results.
    pub fn combine(self) -> BinaryOp {
        match self {
            ReduceOp::Sum => BinaryOp::Add,
            ReduceOp::Prod => BinaryOp::Mul,
            ReduceOp::Max => BinaryOp::Max,
            ReduceOp::Min => BinaryOp::Min,
            ReduceOp::All => BinaryOp::And,
            ReduceOp::Any => BinaryOp::Or,
        }
    }

    /// The value that leaves any other unchanged; also the result over zero elements.
    pub fn identity(self, dtype: DType) -> f64 {
        let (least, greatest) = match dtype {
            DType::Bool => (0.0, 1.0),
            DType::I8 => (i8::MIN as f64, i8::MAX as f64),
            DType::U8 => (0.0, u8::MAX as f64),
            DType::I32 => (i32::MIN as f64, i32::MAX as f64),
            DType::U32 => (0.0, u32::MAX as f64),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        match self {
            ReduceOp::Sum | ReduceOp::Any => 0.0,
            ReduceOp::Prod => 1.0,
            ReduceOp::Max => least,
            ReduceOp::Min => greatest,
            ReduceOp::All if dtype.is_signed() => -1.0,
            ReduceOp::All => greatest,
        }
    }
}
