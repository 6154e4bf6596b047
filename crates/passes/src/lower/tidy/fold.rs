//! Arithmetic on indices that is known already.

use super::int;
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{Code, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, Literal};

/// Replaces an i32 operation by its result or a simpler one, its operands being folded.
pub(super) fn fold(value: &mut Value, counts: &HashSet<RegisterId>) {
    if let Value::Cast { from: DType::I32, to: DType::U32, of } = value
        && never_negative(of, counts)
    {
        // Nothing saturates, so what the compiler knows of the bits holds beyond the conversion.
        *value = Value::Bitcast { from: DType::I32, to: DType::U32, of: of.clone() };
        return;
    }
    let Value::Binary(op, DType::I32, a, b) = value else { return };
    let (left, right) = (constant(a), constant(b));
    let pure = a.is_pure() && b.is_pure();
    let simpler = match (*op, left, right) {
        (op, Some(x), Some(y)) => known(op, x, y).map(int),
        (BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor, Some(0), _) => Some((**b).clone()),
        (
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr,
            _,
            Some(0),
        ) => Some((**a).clone()),
        (BinaryOp::Mul, Some(1), _) => Some((**b).clone()),
        (BinaryOp::Mul | BinaryOp::Div, _, Some(1)) => Some((**a).clone()),
        (BinaryOp::Mul | BinaryOp::And, Some(0), _)
        | (BinaryOp::Mul | BinaryOp::And, _, Some(0))
            if pure && !a.is_wide() && !b.is_wide() =>
        {
            Some(int(0))
        }
        (BinaryOp::And, _, Some(mask)) if pure && low_zeros(a) >= bits(mask) => Some(int(0)),
        _ => None,
    };
    if let Some(simpler) = simpler {
        *value = simpler;
    }
}

/// Adds the registers of a body that count up from 0, or are made of such.
pub(super) fn counting(body: &[Code], counts: &mut HashSet<RegisterId>) {
    for code in body {
        match code {
            Code::Unroll(counter, ..) => {
                counts.insert(*counter);
            }
            Code::For { counter, start, .. } if never_negative(start, counts) => {
                counts.insert(*counter);
            }
            Code::Let(register, value) if never_negative(value, counts) => {
                counts.insert(*register);
            }
            _ => {}
        }
        counting(code.body(), counts);
    }
}

/// True for indices made of what counts up from 0.
fn never_negative(value: &Value, counts: &HashSet<RegisterId>) -> bool {
    let known = |value| never_negative(value, counts);
    match value {
        Value::Get(register) => counts.contains(register),
        Value::Const(Literal::Int(n), _) => *n >= 0,
        Value::Builtin(_) | Value::Size(_) => true,
        Value::Binary(BinaryOp::And, DType::I32, a, b) => known(a) || known(b),
        Value::Binary(
            BinaryOp::Add
            | BinaryOp::Mul
            | BinaryOp::Or
            | BinaryOp::Shl
            | BinaryOp::Shr
            | BinaryOp::Min
            | BinaryOp::Div,
            DType::I32,
            a,
            b,
        ) => known(a) && known(b),
        _ => false,
    }
}

fn constant(value: &Value) -> Option<i64> {
    match value {
        Value::Const(Literal::Int(n), DType::I32) => Some(*n),
        _ => None,
    }
}

/// The result, where it is an i32 and defined.
fn known(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a.checked_mul(b)?,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl if (0..31).contains(&b) => a << b,
        BinaryOp::Shr if (0..31).contains(&b) => a >> b,
        BinaryOp::Div if b > 0 => a / b,
        BinaryOp::Rem if b > 0 => a % b,
        _ => return None,
    };
    i32::try_from(result).ok().map(i64::from)
}

/// How many of the lowest bits are zero whatever the rest.
fn low_zeros(value: &Value) -> u32 {
    match value {
        Value::Const(Literal::Int(n), DType::I32) => n.trailing_zeros().min(31),
        Value::Binary(BinaryOp::Mul, DType::I32, a, b) => (low_zeros(a) + low_zeros(b)).min(31),
        Value::Binary(BinaryOp::Shl, DType::I32, a, b) => match constant(b) {
            Some(by @ 0..31) => (low_zeros(a) + by as u32).min(31),
            _ => 0,
        },
        Value::Binary(BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor, DType::I32, a, b) => {
            low_zeros(a).min(low_zeros(b))
        }
        Value::Binary(BinaryOp::And, DType::I32, a, b) => low_zeros(a).max(low_zeros(b)),
        _ => 0,
    }
}

/// How many bits a mask of low ones has at most; 32 for a negative one.
fn bits(mask: i64) -> u32 {
    if mask < 0 { 32 } else { 64 - mask.leading_zeros() }
}
