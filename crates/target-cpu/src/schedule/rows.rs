//! What a program's rows are: how long, and how they lie.

use crate::analysis::{Analysis, Fusion};
use crate::bind::{Request, Scalars};
use crate::simd::LANES;
use crate::step::Index;
use tilewright_ir::{Axis, ExprKind, ParamId, Place, Program, Stmt};

/// How much longer than all that is made of them rows are that a batch counts as only reading.
const MADE_LITTLE: usize = 8;
/// Elements of a value of several axes up to which programs run in batches as if it were a row.
const SHORT_TILE: usize = 512;
/// The longest rows of those.
const RANKED: usize = 256;

/// The rows of a program whose every value is a row, a scalar or little more.
#[derive(Default)]
pub(super) struct Rows {
    /// The longest; `None` when some value is much more than a row.
    pub(super) length: Option<usize>,
    /// Rows are only read, for sums of products with packed weights.
    pub(super) packed: bool,
    /// A row's place depends on what is loaded.
    pub(super) looked_up: bool,
    /// The greatest of a short row are looked for.
    pub(super) ranked: bool,
    /// Rows are only read, and lie as lanes; what is made of them is little.
    pub(super) in_place: bool,
    /// A program reads rows that programs beside it read, too.
    pub(super) neighbours: bool,
    /// Rows that are read lie side by side: an element of the next program's row is the neighbour in memory.
    pub(super) side_by_side: bool,
}

impl Rows {
    pub(super) fn of(request: &Request<'_>) -> Rows {
        let (mut length, mut packed, mut only_read, mut looked_up) = (1, false, true, false);
        let mut made = 0;
        let mut moving: Vec<(ParamId, Vec<i64>)> = Vec::new();
        let (mut neighbours, mut side_by_side, mut ranked) = (false, false, false);
        let scalars = Scalars::new(request.program, request.dims, request.grid);
        for id in lets(request.program, request.analysis) {
            let expr = request.program.expr(id);
            let extents = expr.ty.shape.iter().map(|extent| extent.value(request.dims));
            let long: Vec<usize> = extents.filter(|&extent| extent != 1).collect();
            let lanes = long.iter().fold(1usize, |n, &extent| n.saturating_mul(extent));
            let first = (!long.is_empty()).then_some(lanes);
            let alone = matches!(expr.kind, ExprKind::Dot(..));
            // Values of several axes run in batches like rows of as many elements, where these are short.
            if alone || long.len() > 1 && lanes > SHORT_TILE {
                return Rows::default();
            }
            let fused = request.analysis.fused[id.index()].as_ref();
            packed |= matches!(fused, Some((Fusion::PackedSum { .. }, _)));
            let moved = matches!(
                expr.kind,
                ExprKind::Load { .. } | ExprKind::Cast(_) | ExprKind::Reshape(_)
            );
            ranked |= matches!(expr.kind, ExprKind::TopK { of, .. }
            if request.program.expr(of).ty.shape.last().is_some_and(|extent| {
                (LANES + 1..=RANKED).contains(&extent.value(request.dims))
            }));
            // What the programs share is computed once.
            only_read &= first.is_none() || moved || !request.analysis.apart[id.index()];
            if !matches!(expr.kind, ExprKind::Load { .. }) || expr.ty.dtype.size() != 4 {
                made = made.max(first.unwrap_or(0));
            }
            if let ExprKind::Load { place, .. } = &expr.kind
                && first.is_some()
            {
                side_by_side |= lies_beside(request, &scalars, place, expr.ty.dtype.size());
                let unknown =
                    |axis: &Axis| matches!(axis, Axis::At(id) if scalars.affine(*id).is_none());
                looked_up |= place.axes.iter().any(unknown);
                let starts = place.axes.iter().map(|axis| match axis {
                    Axis::At(id) | Axis::Range { start: id, .. } => scalars.affine(*id),
                    Axis::All | Axis::Gather(_) => None,
                });
                let starts: Vec<_> = starts.flatten().map(|affine| affine.index()).collect();
                let along = |index: &Index| match *index {
                    Index::Affine { constant, grid } => {
                        (grid[request.grid.len().wrapping_sub(1).min(2)] != 0).then_some(constant)
                    }
                    Index::At { .. } => None,
                };
                let at: Vec<i64> = starts.iter().filter_map(along).collect();
                if !at.is_empty() {
                    neighbours |= moving.iter().any(|(p, other)| *p == place.param && *other != at);
                    moving.push((place.param, at));
                }
            }
            length = length.max(first.unwrap_or(1));
        }
        Rows {
            length: Some(length),
            packed: packed && only_read,
            looked_up,
            ranked,
            in_place: made.saturating_mul(MADE_LITTLE) <= length && !looked_up && length > 1,
            neighbours,
            side_by_side,
        }
    }
}

/// True for a row whose elements lie apart, and beside each those of the next program's row.
fn lies_beside(request: &Request<'_>, scalars: &Scalars<'_>, place: &Place, size: usize) -> bool {
    let last = request.grid.len().wrapping_sub(1);
    let (mut apart, mut next) = (None, 0);
    for (axis, parts) in place.axes.iter().zip(&request.tensors[place.param.index()]) {
        let Some(&(extent, stride)) = parts.last() else { continue };
        let (start, len) = match *axis {
            Axis::At(id) => (Some(id), 1),
            Axis::Range { start, len, .. } => (Some(start), len.value(request.dims)),
            Axis::All if parts.len() == 1 => (None, extent),
            Axis::All => (None, usize::MAX),
            Axis::Gather(_) => return false,
        };
        if let Some(id) = start {
            let Some(affine) = scalars.affine(id) else { return false };
            let Index::Affine { grid, .. } = affine.index() else { return false };
            next += grid.get(last).map_or(0, |along| *along as isize * stride);
        }
        if len != 1 {
            apart = Some(stride);
        }
    }
    next == size as isize && apart.is_some_and(|apart| apart.unsigned_abs() >= LANES * size)
}

/// The values that are computed at the top level.
fn lets<'a>(
    program: &'a Program,
    analysis: &'a Analysis,
) -> impl Iterator<Item = tilewright_ir::ExprId> + 'a {
    program.body.iter().filter_map(|stmt| match stmt {
        Stmt::Let(id) if !analysis.absorbed[id.index()] => Some(*id),
        _ => None,
    })
}
