//! Small i32 arithmetic on values, folded where it is constant.

use super::layout::Run;
use tilewright_ir::thread::Value;
use tilewright_ir::{BinaryOp, DType, Extent, Literal};

/// An extent as an i32.
pub(super) fn size(extent: Extent) -> Value {
    match extent {
        Extent::Const(n) => int(n as i64),
        extent => Value::Size(extent),
    }
}

pub(super) fn int(n: i64) -> Value {
    Value::Const(Literal::Int(n), DType::I32)
}

pub(super) fn constant(value: &Value) -> Option<i64> {
    match value {
        Value::Const(Literal::Int(n), DType::I32) => Some(*n),
        _ => None,
    }
}

pub(super) fn binary(op: BinaryOp, a: Value, b: Value) -> Value {
    Value::Binary(op, DType::I32, Box::new(a), Box::new(b))
}

pub(super) fn add(a: Value, b: Value) -> Value {
    match (constant(&a), constant(&b)) {
        (Some(x), Some(y)) => int(x + y),
        (Some(0), None) => b,
        (None, Some(0)) => a,
        _ => binary(BinaryOp::Add, a, b),
    }
}

pub(super) fn shift_left(a: Value, by: u32) -> Value {
    match constant(&a) {
        _ if by == 0 => a,
        Some(n) => int(n << by),
        None => binary(BinaryOp::Mul, a, int(1 << by)),
    }
}

pub(super) fn shift_right(a: Value, by: u32) -> Value {
    match constant(&a) {
        _ if by == 0 => a,
        Some(n) => int(n >> by),
        None => binary(BinaryOp::Shr, a, int(by as i64)),
    }
}

/// `((index >> from) & mask) << to`
pub(super) fn run(run: Run, index: Value) -> Value {
    let mask = (1i64 << run.count) - 1;
    let shifted = shift_right(index, run.from);
    let masked = match constant(&shifted) {
        Some(n) => int(n & mask),
        None => binary(BinaryOp::And, shifted, int(mask)),
    };
    shift_left(masked, run.to)
}

/// The row-major index of an element of a tile of `shape`.
pub(super) fn linear(shape: &[Extent], positions: &[Value]) -> Value {
    shape.iter().zip(positions).fold(int(0), |at, (&extent, position)| {
        let scaled = match (constant(&at), extent) {
            (Some(0), _) | (_, Extent::Const(1)) => at,
            (_, Extent::Const(n)) if n.is_power_of_two() => shift_left(at, n.trailing_zeros()),
            _ => binary(BinaryOp::Mul, at, size(extent)),
        };
        match extent {
            Extent::Const(1) => scaled,
            _ => add(scaled, position.clone()),
        }
    })
}

/// Quotient and remainder of an index that is not negative.
pub(super) fn divided(index: Value, by: Extent) -> (Value, Value) {
    match (constant(&index), by) {
        (Some(n), Extent::Const(by)) if by > 0 => (int(n / by as i64), int(n % by as i64)),
        (None, Extent::Const(by)) if by.is_power_of_two() => {
            let rest = binary(BinaryOp::And, index.clone(), int(by as i64 - 1));
            (shift_right(index, by.trailing_zeros()), rest)
        }
        _ => {
            let rest = binary(BinaryOp::Rem, index.clone(), size(by));
            (binary(BinaryOp::Div, index, size(by)), rest)
        }
    }
}
