//! Values as expressions of C.

use super::Printer;
use tilewright_ir::thread::Value;
use tilewright_ir::{BinaryOp, DType, DimId, Extent, Literal, TernaryOp, UnaryOp};

impl Printer<'_> {
    pub(super) fn value(&self, value: &Value) -> String {
        let d = self.dialect;
        match value {
            Value::Const(literal, dtype) => self.literal(*literal, *dtype),
            Value::Get(register) => self.name(*register).into(),
            Value::Element(register, index) if self.packed.contains(register) => {
                let (word, half) = self.word_of(*register, index);
                format!("tw_from_bf16_pair({word}, {half})")
            }
            Value::Element(register, index) => {
                match self.program.registers[register.0 as usize].len {
                    Some(_) => format!("{}[{}]", self.name(*register), self.bare(index)),
                    None => self.name(*register).into(),
                }
            }
            Value::Builtin(builtin) => d.builtin(*builtin, self.program),
            Value::Size(Extent::Const(n)) => n.to_string(),
            Value::Size(Extent::Dim { dim, times }) => self.size(*dim, *times),
            Value::Scalar(param) => format!("arguments.{}", self.param(*param).0),
            Value::Unary(op, dtype, a) => self.unary(*op, *dtype, &self.value(a)),
            Value::Binary(op @ (BinaryOp::Div | BinaryOp::Rem), _, a, b) if matches!(**b, Value::Const(Literal::Int(n), _) if n > 0) =>
            {
                let operator = if *op == BinaryOp::Div { '/' } else { '%' };
                format!("({} {operator} {})", self.value(a), self.value(b))
            }
            Value::Binary(op @ (BinaryOp::Shl | BinaryOp::Shr), dtype, a, b) if matches!(**b, Value::Const(Literal::Int(n), _) if (0..dtype.size() as i64 * 8).contains(&n)) =>
            {
                let operator = if *op == BinaryOp::Shl { "<<" } else { ">>" };
                self.narrow(*dtype, format!("({} {operator} {})", self.value(a), self.value(b)))
            }
            Value::Binary(op, dtype, a, b) => {
                self.binary(*op, *dtype, &self.value(a), &self.value(b))
            }
            Value::Ternary(op, _, abc) => {
                let [a, b, c] = abc.as_ref();
                let (a, b, c) = (self.value(a), self.value(b), self.value(c));
                match op {
                    TernaryOp::Select => format!("({a} ? {b} : {c})"),
                    TernaryOp::Fma => format!("fma({a}, {b}, {c})"),
                    TernaryOp::Philox => format!("tw_philox({a}, {b}, {c})"),
                }
            }
            Value::Cast { from, to, of } => self.cast(*from, *to, &self.value(of)),
            Value::Bitcast { from, to, of } => d.bitcast(*from, *to, &self.value(of)),
            Value::Load { param, offset } => {
                let (name, dtype) = self.param(*param);
                d.read_storage(dtype, &format!("{name}[{}]", self.bare(offset)))
            }
            Value::Stride(param, axis) => {
                format!("arguments.{}_stride{axis}", self.param(*param).0)
            }
            Value::Wide(a) => format!("({})({})", d.offset_type(), self.value(a)),
            Value::Flushed(of) => {
                let exact = match of.as_ref() {
                    Value::Rough(of) => of.as_ref(),
                    of => of,
                };
                let fast = match exact {
                    Value::Unary(UnaryOp::Exp2, DType::F32, a) => d.flushed_exp2(&self.bare(a)),
                    Value::Unary(UnaryOp::Exp, DType::F32, a) => {
                        d.flushed_exp2(&format!("{} * 1.4426950408889634f", self.value(a)))
                    }
                    _ => None,
                };
                fast.unwrap_or_else(|| self.value(of))
            }
            Value::Rough(of) => {
                let fast = match of.as_ref() {
                    Value::Unary(op, DType::F32, a) => d.fast_unary(*op, &self.bare(a)),
                    Value::Binary(BinaryOp::Div, DType::F32, a, b) => {
                        d.fast_quotient(&self.bare(a), &self.bare(b))
                    }
                    // Only what adds 1 to an error function is rough, see the lowering.
                    Value::Binary(BinaryOp::Add, DType::F32, a, b) => match (&**a, &**b) {
                        (Value::Unary(UnaryOp::Erf, _, a), Value::Const(..)) => {
                            d.fast_one_and_erf(&self.bare(a))
                        }
                        _ => None,
                    },
                    _ => None,
                };
                fast.unwrap_or_else(|| self.value(of))
            }
            Value::Checked(check, of) => {
                let extent = self.value(&Value::Size(self.program.checks[*check].extent));
                format!("tw_checked({}, {extent}, faults, {check})", self.bare(of))
            }
            Value::Shared(array, index) => {
                let array = &self.program.shared[array.0 as usize];
                let element = format!("{}[{}]", array.name, self.bare(index));
                d.read_storage(array.dtype, &element)
            }
            Value::Apart(ab) => d.apart(&self.bare(&ab[0]), &self.bare(&ab[1])),
            Value::Pack(dtype, ab) => d.pack(*dtype, &self.bare(&ab[0]), &self.bare(&ab[1])),
            Value::Extreme { max, of, .. } => d.extreme(*max, &self.bare(of)),
            Value::Shuffle(shuffle, dtype, a) => d.shuffle(*shuffle, *dtype, &self.value(a)),
        }
    }

    pub(super) fn size(&self, dim: DimId, times: usize) -> String {
        let name = &self.program.dims[dim.index()].name;
        match times {
            1 => format!("arguments.{name}"),
            times => format!("({times} * arguments.{name})"),
        }
    }

    fn literal(&self, literal: Literal, dtype: DType) -> String {
        let (infinity, nan) = self.dialect.special();
        match literal {
            Literal::Bool(b) => b.to_string(),
            Literal::Int(n) if dtype == DType::U32 => format!("{}u", n as u32),
            Literal::Int(n) if n == i32::MIN as i64 => "(-2147483647 - 1)".into(),
            Literal::Int(n) if dtype.is_float() => format!("{n}.0f"),
            Literal::Int(n) if n < 0 => format!("({n})"),
            Literal::Int(n) => n.to_string(),
            Literal::Float(x) if x.is_nan() => nan.into(),
            Literal::Float(x) if x == f64::INFINITY => infinity.into(),
            Literal::Float(x) if x == f64::NEG_INFINITY => format!("(-{infinity})"),
            Literal::Float(x) => {
                let text = format!("{:?}f", x as f32);
                if x.is_sign_negative() { format!("({text})") } else { text }
            }
        }
    }

    fn unary(&self, op: UnaryOp, dtype: DType, a: &str) -> String {
        match op {
            // Unsigned, so that it wraps.
            UnaryOp::Neg if dtype == DType::I32 => format!("(int)(0u - (unsigned int){a})"),
            UnaryOp::Neg => self.narrow(dtype, format!("(-{a})")),
            UnaryOp::Not if dtype == DType::Bool => format!("(!{a})"),
            UnaryOp::Not => self.narrow(dtype, format!("(~{a})")),
            UnaryOp::Abs if !dtype.is_signed() => a.into(),
            UnaryOp::Abs if !dtype.is_float() => self.narrow(dtype, format!("abs((int)({a}))")),
            UnaryOp::Sign if !dtype.is_signed() => self.narrow(dtype, format!("({a} > 0)")),
            UnaryOp::Sign if !dtype.is_float() => format!("(({a} > 0) - ({a} < 0))"),
            _ => self.dialect.unary(op, a),
        }
    }

    fn binary(&self, op: BinaryOp, dtype: DType, a: &str, b: &str) -> String {
        use BinaryOp::*;
        let operator = match op {
            Add => "+",
            Sub => "-",
            Mul => "*",
            Div => "/",
            And if dtype == DType::Bool => "&&",
            Or if dtype == DType::Bool => "||",
            Xor if dtype == DType::Bool => "!=",
            And => "&",
            Or => "|",
            Xor => "^",
            Shl => "<<",
            Shr => ">>",
            Eq => "==",
            Ne => "!=",
            Lt => "<",
            Le => "<=",
            Gt => ">",
            Ge => ">=",
            Max | Min if dtype.is_float() => {
                let name = if op == Max { "tw_max" } else { "tw_min" };
                return format!("{name}({a}, {b})");
            }
            // Of one type: a narrow operand and a literal would not pick the same overload.
            Max | Min => {
                let name = if op == Max { "max" } else { "min" };
                return match dtype.size() {
                    4 => format!("{name}({a}, {b})"),
                    _ => format!("{name}((int)({a}), (int)({b}))"),
                };
            }
            Pow => return format!("{}({a}, {b})", self.dialect.float_call(op)),
            Rem if dtype.is_float() => return format!("{}({a}, {b})", self.dialect.float_call(op)),
            Rem => return format!("({b} == 0 ? 0 : {a} % {b})"),
        };
        if op == Div && !dtype.is_float() {
            return format!("({b} == 0 ? 0 : {a} / {b})");
        }
        match op {
            Shl | Shr => {
                let width = dtype.size() * 8;
                let by = match b.parse::<usize>() {
                    Ok(by) if by < width => b.to_string(),
                    _ => format!("({b} & {})", width - 1),
                };
                self.narrow(dtype, format!("({a} {operator} {by})"))
            }
            Add | Sub | Mul | Div => self.narrow(dtype, format!("({a} {operator} {b})")),
            _ => format!("({a} {operator} {b})"),
        }
    }

    /// The value wrapped to a type narrower than C's int.
    fn narrow(&self, dtype: DType, value: String) -> String {
        match dtype {
            DType::I8 | DType::U8 => format!("({})({value})", self.dialect.register_type(dtype)),
            DType::F16 | DType::BF16 => self.cast(DType::F32, dtype, &value),
            _ => value,
        }
    }

    fn cast(&self, from: DType, to: DType, a: &str) -> String {
        let ty = self.dialect.register_type(to);
        match (from, to) {
            _ if from == to => a.into(),
            (_, DType::Bool) => format!("({a} != 0)"),
            // Half types live in f32 registers: widening changes nothing, narrowing rounds.
            (DType::F16 | DType::BF16, DType::F32) => a.into(),
            (_, DType::F16 | DType::BF16) => {
                let value = if from.is_float() { a.to_string() } else { format!("(float)({a})") };
                self.dialect.read_storage(to, &self.dialect.write_storage(to, &value))
            }
            (_, DType::F32) => format!("(float)({a})"),
            _ if from.is_float() => format!("tw_to_{}({a})", to.name()),
            (DType::Bool, _) => format!("({ty})({a})"),
            (_, DType::I8 | DType::U8) => format!("tw_{}_to_{}({a})", from.name(), to.name()),
            (DType::I8 | DType::I32, DType::U32) => format!("(unsigned int)max({a}, 0)"),
            (DType::U32, DType::I32) => format!("(int)min({a}, 2147483647u)"),
            _ => format!("({ty})({a})"),
        }
    }
}

/// The text without parentheses around the whole.
pub(super) fn stripped(text: String) -> String {
    if encloses(&text) { text[1..text.len() - 1].to_string() } else { text }
}

/// True if the first character is a parenthesis that the last one closes.
fn encloses(text: &str) -> bool {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return c == ')' && at + 1 == text.len();
        }
    }
    false
}
