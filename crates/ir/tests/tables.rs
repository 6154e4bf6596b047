//! The op tables: names are unique and come back, every row is documented.

use std::collections::HashSet;
use tilewright_ir::op::{BINARY, REDUCE, TERNARY, UNARY};
use tilewright_ir::{BinaryOp, DType, ReduceOp, TernaryOp, UnaryOp, meaning};

#[test]
fn names_are_unique_and_come_back() {
    let mut names = HashSet::new();
    let mut take = |name: &'static str, doc: &str| {
        assert!(names.insert(name), "two ops are named {name}");
        assert!(tilewright_ir::validate::is_word(name), "{name} is no word");
        assert!(doc.len() >= 3, "{name} has no doc");
    };
    for row in UNARY {
        take(row.name, row.doc);
        assert_eq!(UnaryOp::parse(row.name), Some(row.op));
        assert_eq!(row.op.row().name, row.name);
    }
    for row in BINARY {
        take(row.name, row.doc);
        assert_eq!(BinaryOp::parse(row.name), Some(row.op));
        assert_eq!(row.op.row().name, row.name);
    }
    for row in TERNARY {
        take(row.name, row.doc);
        assert_eq!(TernaryOp::parse(row.name), Some(row.op));
        assert_eq!(row.op.row().name, row.name);
    }
    // Reductions are printed with a prefix, so `max` may be one too.
    let mut reductions = HashSet::new();
    for row in REDUCE {
        assert!(reductions.insert(row.name) && row.doc.len() >= 3);
        assert_eq!(ReduceOp::parse(row.name), Some(row.op));
        assert_eq!(row.op.row().name, row.name);
    }
    assert_eq!(UnaryOp::parse("no_such_op"), None);
}

#[test]
fn dtypes_come_back_by_name() {
    for dtype in DType::ALL {
        assert_eq!(DType::parse(dtype.name()), Some(dtype));
    }
    assert_eq!(DType::parse("float"), None);
}

#[test]
fn an_identity_leaves_every_value_unchanged() {
    for row in REDUCE {
        for dtype in DType::ALL.into_iter().filter(|d| row.types.accepts(*d)) {
            let identity = row.op.identity(dtype);
            for value in [-3.0, 0.0, 1.0, 77.0] {
                let value = dtype.round(value);
                let joined = meaning::binary(row.op.combine(), dtype, identity, value);
                assert_eq!(joined, value, "{} of {dtype}", row.name);
            }
        }
    }
}

#[test]
fn every_meaning_gives_a_value_of_its_type() {
    let values = [-1e30, -300.7, -1.0, -0.0, 0.5, 1.0, 2.0, 255.0, 1e10, f64::INFINITY, f64::NAN];
    for dtype in DType::ALL {
        let inside =
            |result: DType, x: f64| x.is_nan() && result.is_float() || result.round(x) == x;
        for a in values.map(|x| dtype.round(x)) {
            for row in UNARY.iter().filter(|row| row.types.accepts(dtype)) {
                let x = meaning::unary(row.op, dtype, a);
                assert!(inside(row.types.result(dtype), x), "{} {dtype} {a} = {x}", row.name);
            }
            for b in values.map(|x| dtype.round(x)) {
                for row in BINARY.iter().filter(|row| row.types.accepts(dtype)) {
                    let x = meaning::binary(row.op, dtype, a, b);
                    let good = inside(row.types.result(dtype), x);
                    assert!(good, "{} {dtype} {a} {b} = {x}", row.name);
                }
            }
        }
    }
}
