//! Reductions and scans by an associative function of the author's.

use crate::recorder::{At, with};
use crate::tile::Tile;
use std::panic::Location;
use tilewright_ir::{Combine, ExprId, ExprKind, Stmt, Type};

/// Reduces the components `of` together over their last axis (which stays with extent 1) by an associative function
/// of the author's: `combine(left, right)` joins two partial results, `identity` leaves any other unchanged.
///
/// The function may use scalar ops, literals, sizes and scalar parameters.
#[track_caller]
pub fn reduce_by<const N: usize>(
    of: [Tile; N],
    identity: [f64; N],
    combine: impl FnOnce([Tile; N], [Tile; N]) -> [Tile; N],
) -> [Tile; N] {
    let at = Location::caller();
    let axis = of.first().map_or(0, |t| t.rank().saturating_sub(1));
    let combine = record_combine(of, combine, at);
    let first = with(Some(at), |r| {
        let dtypes = of.map(|t| r.dtype(t.0));
        let mut identities = Vec::new();
        for (value, dtype) in identity.into_iter().zip(dtypes) {
            identities.push(r.literal(value, dtype, at));
        }
        let of = of.iter().map(|t| t.0).collect();
        r.emit(ExprKind::ReduceBy { of, axis, combine, identity: identities }, None, at)
    });
    parts(first, at)
}

/// Running reduction of the components `of` along their last axis by an associative function of the author's.
///
/// The recurrence `h[i] = a[i] h[i-1] + b[i]` is one of pairs: `scan_by([a, b], |[a, b], [c, d]| [a * c, b * c + d])`.
#[track_caller]
pub fn scan_by<const N: usize>(
    of: [Tile; N],
    combine: impl FnOnce([Tile; N], [Tile; N]) -> [Tile; N],
) -> [Tile; N] {
    let at = Location::caller();
    let axis = of.first().map_or(0, |t| t.rank().saturating_sub(1));
    let combine = record_combine(of, combine, at);
    let first = with(Some(at), |r| {
        let of = of.iter().map(|t| t.0).collect();
        r.emit(ExprKind::ScanBy { of, axis, combine }, None, at)
    });
    parts(first, at)
}

/// How a scan goes along its row: forward, with each place's own element, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Along<const N: usize> {
    /// From the end to the start. What the function gets on its left comes before in the order of the scan: later elements.
    pub reverse: bool,
    /// Each place gets what is joined before it, without its own element; the first in order gets these numbers.
    pub exclusive: Option<[f64; N]>,
}

/// As [`scan_by`], along the row in another way: elements are moved before it and after it. A GPU moves them through its
/// shared memory, and refuses rows for which that is too small.
///
/// The recurrence `h[i] = a[i] h[i+1] + b[i]` from the end is
/// `scan_by_along([a, b], Along { reverse: true, exclusive: None }, |[a, b], [c, d]| [a * c, b * c + d])`.
#[track_caller]
pub fn scan_by_along<const N: usize>(
    of: [Tile; N],
    along: Along<N>,
    combine: impl FnOnce([Tile; N], [Tile; N]) -> [Tile; N],
) -> [Tile; N] {
    let Some(&one) = of.first().filter(|_| along != Along { reverse: false, exclusive: None })
    else {
        return scan_by(of, combine);
    };
    let last = one.rank().saturating_sub(1);
    let length = one.size(last);
    let at = Location::caller();
    let positions = Tile(with(Some(at), |r| r.emit(ExprKind::Iota(length.0), None, at)));
    let turned = (positions - length) * -1 - 1;
    let mut elements = of;
    if along.reverse {
        for element in &mut elements {
            *element = element.pick(turned.broadcast_to(&element.shape()));
        }
    }
    let mut results = scan_by(elements, combine);
    // Where in the scan a place finds its result, and whether it is the first in order.
    let order = if along.reverse { turned } else { positions };
    let from = match along.exclusive {
        Some(_) => (order - 1).max(0),
        None => order,
    };
    for (part, result) in results.iter_mut().enumerate() {
        let shape = result.shape();
        *result = result.pick(from.broadcast_to(&shape));
        if let Some(first) = along.exclusive {
            *result = order.eq(0).broadcast_to(&shape).select(first[part], *result);
        }
    }
    results
}

fn parts<const N: usize>(first: ExprId, at: At) -> [Tile; N] {
    std::array::from_fn(|i| match i {
        0 => Tile(first),
        _ => Tile(with(Some(at), |r| r.emit(ExprKind::Part(first, i), None, at))),
    })
}

/// Records the body of a combine function apart from the kernel's own statements.
fn record_combine<const N: usize>(
    of: [Tile; N],
    combine: impl FnOnce([Tile; N], [Tile; N]) -> [Tile; N],
    at: At,
) -> Combine {
    let arguments = || {
        of.map(|t| {
            Tile(with(Some(at), |r| {
                let hint = Type { dtype: r.dtype(t.0), shape: vec![] };
                r.emit_as(ExprKind::Argument, Some(hint), at, false)
            }))
        })
    };
    let (left, right) = (arguments(), arguments());
    with(Some(at), |r| r.blocks.push(Vec::new()));
    let results = combine(left, right);
    let ids = |tiles: [Tile; N]| tiles.iter().map(|t| t.0).collect::<Vec<_>>();
    let block = with(Some(at), |r| {
        let block = r.blocks.pop().unwrap_or_default();
        if block.iter().any(|s| !matches!(s, Stmt::Let(_))) {
            r.mistake(at, "a combine function may only compute; it cannot store, set or loop");
        }
        block
    });
    let body =
        block.iter().filter_map(|s| if let Stmt::Let(id) = s { Some(*id) } else { None }).collect();
    Combine { left: ids(left), right: ids(right), body, results: ids(results) }
}
