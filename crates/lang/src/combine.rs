//! Reductions and scans by an associative function of the author's.

use crate::recorder::{At, Recorder, with};
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
        let identity = constants(r, of, identity, at);
        let of = of.iter().map(|t| t.0).collect();
        r.emit(ExprKind::ReduceBy { of, axis, combine, identity }, None, at)
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
    scan_by_along(of, Along { reverse: false, exclusive: None }, combine)
}

/// How a scan goes along its row: forward, with each place's own element, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Along<const N: usize> {
    /// From the end to the start. What the function gets on its left comes before in the order of the scan: later elements.
    pub reverse: bool,
    /// Each place gets what is joined before it, without its own element; the first in order gets these numbers.
    pub exclusive: Option<[f64; N]>,
}

/// As [`scan_by`], along the row in another way.
///
/// The recurrence `h[i] = a[i] h[i+1] + b[i]` from the end is
/// `scan_by_along([a, b], Along { reverse: true, exclusive: None }, |[a, b], [c, d]| [a * c, b * c + d])`.
#[track_caller]
pub fn scan_by_along<const N: usize>(
    of: [Tile; N],
    along: Along<N>,
    combine: impl FnOnce([Tile; N], [Tile; N]) -> [Tile; N],
) -> [Tile; N] {
    let at = Location::caller();
    let axis = of.first().map_or(0, |t| t.rank().saturating_sub(1));
    let combine = record_combine(of, combine, at);
    let first = with(Some(at), |r| {
        let exclusive = along.exclusive.map(|first| constants(r, of, first, at));
        let of = of.iter().map(|t| t.0).collect();
        let kind = ExprKind::ScanBy { of, axis, combine, exclusive, reverse: along.reverse };
        r.emit(kind, None, at)
    });
    parts(first, at)
}

/// One number a component, of its type.
fn constants<const N: usize>(
    r: &mut Recorder,
    of: [Tile; N],
    numbers: [f64; N],
    at: At,
) -> Vec<ExprId> {
    let dtypes = of.map(|t| r.dtype(t.0));
    numbers.into_iter().zip(dtypes).map(|(number, dtype)| r.literal(number, dtype, at)).collect()
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
