//! From the tree to tiles, through the recorder.
//!
//! Types follow C: bool and small integers become i32, i32 meets u32 as u32, an integer meets a float as the
//! float. That float is f32 whatever the storage type, or f64 when a variable is f64.

use super::Formula;
use super::error::{Fault, Span};
use super::forms::{Form, form};
use super::functions::Apply;
use super::syntax::{Infix, Node, NodeId, Prefix, ScalarType};
use super::words::bits_of;
use crate::recorder::with;
use crate::tile::Tile;
use tilewright_ir::DType;

/// Whole exponents up to this become products, which are exact for integers and keep the gradient at 0.
const LARGEST_PRODUCT: i64 = 16;

/// A value while recording: a number of the text stays one as long as it can.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// A whole number and its type, i32 or u32.
    Int(i64, DType),
    Float(f64),
    Tile(Tile),
}

type Valued<T = Value> = Result<T, Fault>;

struct Evaluator<'a> {
    formula: &'a Formula,
    /// The float of arithmetic.
    float: DType,
    /// What `T` means.
    template: DType,
    values: Vec<Option<Value>>,
}

/// Records the value of `formula`, whose variable `i` is `variables[i]`.
pub(super) fn evaluate(formula: &Formula, variables: &[Tile]) -> Valued<Tile> {
    let dtypes: Vec<DType> = variables.iter().map(|t| t.dtype()).collect();
    let float = if dtypes.contains(&DType::F64) { DType::F64 } else { DType::F32 };
    let template = match dtypes.iter().all(|d| !d.is_float()) {
        true => dtypes.iter().copied().map(promoted).reduce(common).unwrap_or(float),
        false => float,
    };
    let tree = &formula.tree;
    let mut needed = vec![None; tree.nodes.len()];
    needed[tree.root.0] = Some(Form::Written);
    for index in (0..tree.nodes.len()).rev() {
        if needed[index].is_some() {
            let chosen = form(tree, NodeId(index));
            needed[index] = Some(chosen);
            chosen.operands(&tree.nodes[index].0, |id| needed[id.0] = Some(Form::Written));
        }
    }
    let values = vec![None; tree.nodes.len()];
    let mut evaluator = Evaluator { formula, float, template, values };
    let mut loaded: Vec<Option<Tile>> = vec![None; variables.len()];
    for (index, needed) in needed.iter().enumerate() {
        let Some(chosen) = *needed else { continue };
        let value = match &tree.nodes[index].0 {
            // Converted once, however often it is used.
            Node::Variable(v) => {
                let tile = *loaded[*v].get_or_insert_with(|| evaluator.entered(variables[*v]));
                Value::Tile(tile)
            }
            node => evaluator.value(NodeId(index), node, chosen)?,
        };
        evaluator.values[index] = Some(value);
    }
    let root = evaluator.of(tree.root);
    let dtype = evaluator.dtype(root);
    Ok(evaluator.tile(root, dtype))
}

/// C's integer promotion: what is smaller than i32 becomes i32.
fn promoted(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::U8 => DType::I32,
        other => other,
    }
}

/// C's usual conversion of two promoted types, of which at most one kind is a float.
fn common(a: DType, b: DType) -> DType {
    match (a.is_float(), b.is_float()) {
        (true, _) => a,
        (_, true) => b,
        _ if a == DType::U32 || b == DType::U32 => DType::U32,
        _ => DType::I32,
    }
}

impl Evaluator<'_> {
    fn of(&self, id: NodeId) -> Value {
        // Operands come before the nodes that use them, so there always is one.
        self.values[id.0].unwrap_or(Value::Int(0, DType::I32))
    }

    fn span(&self, id: NodeId) -> Span {
        self.formula.tree.span(id)
    }

    /// A variable as arithmetic sees it.
    fn entered(&self, tile: Tile) -> Tile {
        match tile.dtype() {
            DType::I8 | DType::U8 => tile.to(DType::I32),
            dtype if dtype.is_float() => tile.to(self.float),
            _ => tile,
        }
    }

    fn dtype(&self, value: Value) -> DType {
        match value {
            Value::Int(_, dtype) => dtype,
            Value::Float(_) => self.float,
            Value::Tile(tile) => tile.dtype(),
        }
    }

    fn tile(&self, value: Value, dtype: DType) -> Tile {
        match value {
            Value::Tile(tile) => converted(tile, dtype),
            Value::Int(number, _) => literal(wrapped(number, dtype), dtype),
            Value::Float(number) if dtype == self.float => literal(number, dtype),
            Value::Float(number) => literal(dtype.round(number), dtype),
        }
    }

    fn float(&self, id: NodeId) -> Tile {
        self.tile(self.of(id), self.float)
    }

    fn truth(&self, id: NodeId) -> Tile {
        let value = self.of(id);
        match self.dtype(value) {
            DType::Bool => self.tile(value, DType::Bool),
            dtype => self.tile(value, dtype).ne(0),
        }
    }

    fn value(&self, id: NodeId, node: &Node, form: Form) -> Valued {
        let written = match form {
            Form::Softplus(of) => return Ok(Value::Tile(self.float(of).softplus())),
            Form::Log1p(of) => return Ok(Value::Tile(self.float(of).log1p())),
            Form::LogAddExp(a, b) => {
                return Ok(Value::Tile(self.float(a).log_add_exp(self.float(b))));
            }
            Form::Expm1(of) => return Ok(Value::Tile(self.float(of).expm1())),
            Form::Sigmoid { over, of, negated } => {
                let of = self.float(of);
                let sigmoid = if negated { -of } else { of }.sigmoid();
                return Ok(Value::Tile(match over {
                    Some(over) => self.float(over) * sigmoid,
                    None => sigmoid,
                }));
            }
            Form::Written => node,
        };
        match written {
            Node::Int(number, dtype) => Ok(Value::Int(*number, *dtype)),
            Node::Float(number) => Ok(Value::Float(*number)),
            Node::Bool(truth) => Ok(Value::Tile(literal(*truth as u8 as f64, DType::Bool))),
            Node::Variable(_) => Ok(self.of(id)),
            Node::Local(of) => Ok(self.of(*of)),
            Node::Prefix(prefix, of) => self.prefix(*prefix, *of),
            Node::Infix(infix, a, b) => self.infix(id, *infix, *a, *b),
            Node::Conditional(condition, yes, no) => Ok(self.choice(*condition, *yes, *no)),
            Node::Convert(ty, of) => Ok(self.convert(*ty, self.of(*of))),
            Node::Reinterpret(ty, of) => self.reinterpret(id, *ty, *of),
            Node::Call(function, arguments) => self.call(id, function.apply, arguments),
        }
    }

    fn prefix(&self, prefix: Prefix, of: NodeId) -> Valued {
        let value = self.of(of);
        let dtype = promoted(self.dtype(value));
        Ok(match (prefix, value) {
            (Prefix::Plus, Value::Tile(tile)) => Value::Tile(tile.to(dtype)),
            (Prefix::Plus, number) => number,
            (Prefix::Minus, Value::Float(number)) => Value::Float(-number),
            (Prefix::Minus, Value::Int(number, DType::I32)) if number != i32::MIN as i64 => {
                Value::Int(-number, DType::I32)
            }
            (Prefix::Minus, value) => Value::Tile(-self.tile(value, dtype)),
            (Prefix::Not, _) => Value::Tile(!self.truth(of)),
            (Prefix::Complement, _) if dtype.is_float() => {
                return Err(Fault::new(self.span(of), "`~` works on integers, this is a float"));
            }
            (Prefix::Complement, value) => Value::Tile(!self.tile(value, dtype)),
        })
    }

    /// Both operands in the type that C gives them.
    fn pair(&self, a: NodeId, b: NodeId) -> (Tile, Tile) {
        let (a, b) = (self.of(a), self.of(b));
        let dtype = common(promoted(self.dtype(a)), promoted(self.dtype(b)));
        (self.tile(a, dtype), self.tile(b, dtype))
    }

    fn infix(&self, id: NodeId, infix: Infix, a: NodeId, b: NodeId) -> Valued {
        if let Some(number) = self.folded(id, infix, a, b)? {
            return Ok(number);
        }
        if infix == Infix::Power {
            return self.power(a, b);
        }
        if matches!(infix, Infix::And | Infix::Or) {
            let (a, b) = (self.truth(a), self.truth(b));
            return Ok(Value::Tile(if infix == Infix::And { a & b } else { a | b }));
        }
        let both_bool = [a, b].iter().all(|id| self.dtype(self.of(*id)) == DType::Bool);
        let keeps_bool = infix.is_bitwise() || infix.is_comparison();
        let (left, right) = match both_bool && keeps_bool {
            true => (self.tile(self.of(a), DType::Bool), self.tile(self.of(b), DType::Bool)),
            false => self.pair(a, b),
        };
        let shift = matches!(infix, Infix::ShiftLeft | Infix::ShiftRight);
        if (infix.is_bitwise() || shift) && left.dtype().is_float() {
            let culprit = if self.dtype(self.of(a)).is_float() { a } else { b };
            let fault = Fault::new(self.span(culprit), "this is a float; bits are of integers");
            return Err(match infix {
                Infix::BitXor => fault.hint("a power is written `x ** 2` or `pow(x, 2)`"),
                _ => fault.hint("convert it with `(int)`, or its bits with `as_type<int>(..)`"),
            });
        }
        if shift {
            // A shift has the type of what is shifted.
            let dtype = promoted(self.dtype(self.of(a)));
            let (left, right) = (left.to(dtype), right.to(dtype));
            return Ok(Value::Tile(match infix {
                Infix::ShiftLeft => left << right,
                _ => left >> right,
            }));
        }
        Ok(Value::Tile(match infix {
            Infix::Add => left + right,
            Infix::Subtract => left - right,
            Infix::Multiply => left * right,
            Infix::Divide => left / right,
            Infix::Remainder => left % right,
            Infix::BitAnd => left & right,
            Infix::BitOr => left | right,
            Infix::BitXor => left ^ right,
            Infix::Equal => left.eq(right),
            Infix::Unequal => left.ne(right),
            Infix::Less => left.lt(right),
            Infix::LessOrEqual => left.le(right),
            Infix::Greater => left.gt(right),
            Infix::GreaterOrEqual => left.ge(right),
            // Handled above.
            Infix::Power | Infix::And | Infix::Or | Infix::ShiftLeft | Infix::ShiftRight => left,
        }))
    }

    /// The sum, difference, product or quotient of two numbers of the text.
    fn folded(&self, id: NodeId, infix: Infix, a: NodeId, b: NodeId) -> Valued<Option<Value>> {
        Ok(match (self.of(a), self.of(b)) {
            (Value::Tile(_), _) | (_, Value::Tile(_)) => None,
            (Value::Int(a, DType::I32), Value::Int(b, DType::I32)) => {
                let result = match infix {
                    Infix::Add => Some(a + b),
                    Infix::Subtract => Some(a - b),
                    Infix::Multiply => Some(a * b),
                    Infix::Divide if b == 0 => {
                        return Err(Fault::new(self.span(id), "division by zero"));
                    }
                    Infix::Divide if a % b != 0 => {
                        let message =
                            format!("{a} / {b} is {} in C and a fraction in Python", a / b);
                        return Err(Fault::new(self.span(id), message)
                            .hint(format!("write `{a}.0 / {b}.0` for the fraction")));
                    }
                    Infix::Divide => Some(a / b),
                    _ => None,
                };
                let fits = |n: &i64| DType::I32.round(*n as f64) == *n as f64;
                result.filter(fits).map(|n| Value::Int(n, DType::I32))
            }
            // u32 wraps: left to the op.
            (Value::Int(..), Value::Int(..)) => None,
            (a, b) => {
                let (a, b) = (number(a), number(b));
                let result = match infix {
                    Infix::Add => Some(a + b),
                    Infix::Subtract => Some(a - b),
                    Infix::Multiply => Some(a * b),
                    Infix::Divide => Some(a / b),
                    _ => None,
                };
                result.map(|x| Value::Float(self.float.round(x)))
            }
        })
    }

    fn power(&self, base: NodeId, exponent: NodeId) -> Valued {
        let value = self.of(base);
        let dtype = promoted(self.dtype(value));
        let whole = match self.of(exponent) {
            Value::Int(n, _) => Some(n),
            Value::Float(x) if dtype.is_float() && x.fract() == 0.0 => Some(x as i64),
            _ => None,
        };
        let base = match whole {
            Some(n) if dtype.is_float() && n.abs() <= LARGEST_PRODUCT => self.tile(value, dtype),
            Some(n) if !dtype.is_float() && (0..=LARGEST_PRODUCT).contains(&n) => {
                self.tile(value, dtype)
            }
            _ => {
                let power = self.float(base).pow(self.float(exponent));
                return Ok(Value::Tile(power));
            }
        };
        let n = whole.unwrap_or(1);
        let product = product(base, n.unsigned_abs());
        Ok(match (product, n < 0) {
            // 0 times: 1, as for pow, also of NaN.
            (None, _) if dtype.is_float() => Value::Float(1.0),
            (None, _) => Value::Int(1, dtype),
            (Some(tile), false) => Value::Tile(tile),
            (Some(tile), true) => Value::Tile(tile.recip()),
        })
    }

    fn choice(&self, condition: NodeId, yes: NodeId, no: NodeId) -> Value {
        let condition = self.truth(condition);
        let both_bool = [yes, no].iter().all(|id| self.dtype(self.of(*id)) == DType::Bool);
        let (yes, no) = match both_bool {
            true => (self.tile(self.of(yes), DType::Bool), self.tile(self.of(no), DType::Bool)),
            false => self.pair(yes, no),
        };
        Value::Tile(condition.select(yes, no))
    }

    fn convert(&self, ty: ScalarType, value: Value) -> Value {
        let to = match ty {
            ScalarType::Template => self.template,
            ScalarType::Float => self.float,
            ScalarType::Rounded(dtype) | ScalarType::Exact(dtype) => dtype,
        };
        match (value, to) {
            (Value::Int(n, _), to) if to == self.float => Value::Float(self.float.round(n as f64)),
            (Value::Int(n, _), DType::I32 | DType::U32) => Value::Int(wrapped(n, to) as i64, to),
            (Value::Float(x), to) if to.is_float() => Value::Float(to.round(x)),
            (value, DType::Bool) => Value::Tile(match self.dtype(value) {
                DType::Bool => self.tile(value, DType::Bool),
                dtype => self.tile(value, dtype).ne(0),
            }),
            (value, to) => {
                let exact = converted(self.tile(value, self.dtype(value)), to);
                Value::Tile(self.entered(exact))
            }
        }
    }

    fn reinterpret(&self, id: NodeId, ty: ScalarType, of: NodeId) -> Valued {
        let value = self.of(of);
        let Some(to) = bits_of(ty) else {
            return Err(Fault::new(self.span(id), "bits are read as float, half, int or uint"));
        };
        let from = match self.dtype(value) {
            dtype if dtype.is_float() && to.size() == 2 => to,
            dtype if dtype.is_float() => DType::F32,
            DType::Bool => {
                return Err(Fault::new(self.span(of), "a truth value has no bits to read"));
            }
            dtype => dtype,
        };
        if from.size() != to.size() {
            let message = format!("{from} has {} bytes and {to} has {}", from.size(), to.size());
            return Err(Fault::new(self.span(id), message).hint("bits keep their number"));
        }
        Ok(Value::Tile(self.entered(self.tile(value, from).bitcast(to))))
    }

    fn call(&self, id: NodeId, apply: Apply, arguments: &[NodeId]) -> Valued {
        match apply {
            Apply::Float(f) => {
                let tiles: Vec<Tile> = arguments.iter().map(|a| self.float(*a)).collect();
                Ok(Value::Tile(f(&tiles)))
            }
            Apply::Number(f) => {
                let values = arguments.iter().map(|a| self.of(*a));
                let dtypes = values.clone().map(|v| promoted(self.dtype(v)));
                let dtype = dtypes.reduce(common).unwrap_or(self.float);
                let tiles: Vec<Tile> = values.map(|v| self.tile(v, dtype)).collect();
                Ok(Value::Tile(f(&tiles)))
            }
            Apply::Power => self.power(arguments[0], arguments[1]),
            Apply::Choose => {
                // NumPy and C-like `select(condition, a, b)` put the condition first, Metal's `select(b, a,
                // condition)` last. It is the one of the two that is a truth value.
                let [first, second, third] = [arguments[0], arguments[1], arguments[2]];
                let is_bool = |id: NodeId| self.dtype(self.of(id)) == DType::Bool;
                match (is_bool(first), is_bool(third)) {
                    (true, false) => Ok(self.choice(first, second, third)),
                    (false, true) => Ok(self.choice(third, second, first)),
                    (true, true) => {
                        Err(Fault::new(self.span(id), "the first and the last are truth values")
                            .hint("write `condition ? a : b`"))
                    }
                    (false, false) => {
                        Err(Fault::new(self.span(id), "no condition among the arguments")
                            .hint("one of them is a comparison, as `where(x > 0, a, b)`"))
                    }
                }
            }
        }
    }
}

fn literal(value: f64, dtype: DType) -> Tile {
    let at = std::panic::Location::caller();
    Tile(with(Some(at), |r| r.literal(value, dtype, at)))
}

/// A value in another type as C converts it: an integer keeps the bits that there is room for, where a cast goes as far as
/// the type does.
pub(crate) fn converted(tile: Tile, to: DType) -> Tile {
    match (tile.dtype(), to) {
        (DType::I32, DType::U32) | (DType::U32, DType::I32) => tile.bitcast(to),
        (DType::I32 | DType::U32, DType::U8) => (tile & 0xff).to(to),
        (DType::I32, DType::I8) => ((tile << 24) >> 24).to(to),
        (DType::U32, DType::I8) => converted(tile.bitcast(DType::I32), to),
        _ => tile.to(to),
    }
}

/// A whole number in an integer type wraps, as C's conversions do.
fn wrapped(number: i64, dtype: DType) -> f64 {
    match dtype {
        DType::U32 => number as u32 as f64,
        DType::I32 => number as i32 as f64,
        DType::U8 => number as u8 as f64,
        DType::I8 => number as i8 as f64,
        _ => dtype.round(number as f64),
    }
}

fn number(value: Value) -> f64 {
    match value {
        Value::Int(number, _) => number as f64,
        Value::Float(number) => number,
        Value::Tile(_) => f64::NAN,
    }
}

/// `base` to a power, by repeated squaring; nothing for 0.
fn product(base: Tile, mut times: u64) -> Option<Tile> {
    let (mut square, mut result) = (base, None);
    while times > 0 {
        if times % 2 == 1 {
            result = Some(result.map_or(square, |r: Tile| r * square));
        }
        times /= 2;
        if times > 0 {
            square = square * square;
        }
    }
    result
}
