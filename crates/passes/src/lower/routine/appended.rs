//! What attention over a cache does before its loop: it appends a row to the caches, and makes its queries.

use super::{closure, depends, indices, is_input};
use tilewright_ir::table::HashSet;
use tilewright_ir::{Axis, DType, ExprId, ExprKind, ParamId, Place, Program, Stmt, StoreMode};

/// The rows of keys and values that a program writes before its loop, at one position.
pub(super) struct Appended<'a> {
    pub position: ExprId,
    /// The key and the value.
    pub values: [ExprId; 2],
    /// Where they go.
    pub places: [&'a Place; 2],
}

impl<'a> Appended<'a> {
    /// `Some(None)` where the caches are inputs, `None` where something else is written.
    pub fn of(
        program: &Program,
        before: &'a [Stmt],
        caches: [&Place; 2],
    ) -> Option<Option<Appended<'a>>> {
        let mut found = [None; 2];
        for statement in before {
            let Stmt::Store { place, value, mask, mode, .. } = statement else { continue };
            let cache = caches.iter().position(|cache| cache.param == place.param)?;
            let [outer @ .., Axis::At(position), Axis::All] = &place.axes[..] else { return None };
            let same = caches[cache].axes.starts_with(outer) && *mode == StoreMode::Set;
            if !same || mask.is_some() || found[cache].is_some() {
                return None;
            }
            found[cache] = Some((*position, *value, place));
        }
        match found {
            [None, None] => {
                let inputs = caches.iter().all(|cache| is_input(program, cache));
                inputs.then_some(None)
            }
            [Some((position, key, keys)), Some((other, value, values))] => {
                let (appended, places) = ([key, value], [keys, values]);
                let all = Appended { position, values: appended, places };
                (position == other).then_some(Some(all))
            }
            _ => None,
        }
    }
}

/// The tensor that an expression loads.
pub(super) fn loaded(program: &Program, id: ExprId) -> Option<ParamId> {
    match &program.expr(id).kind {
        ExprKind::Load { place, .. } => Some(place.param),
        _ => None,
    }
}

/// True for what need not wait for the launch before: it is not computed from rows of half floats that belong to the
/// program, which that launch may have made. What is early is checked where launches are joined.
pub(super) fn is_early(program: &Program, id: ExprId) -> bool {
    let mut all = HashSet::default();
    closure(program, id, &mut all);
    let own_row = |place: &Place| {
        let half = matches!(program.tensor(place.param), Some((DType::F16 | DType::BF16, _)));
        half && indices(place)
            .any(|(_, id)| (0..program.grid.len()).any(|axis| depends(program, id, axis)))
    };
    !all.iter().any(|id| match &program.expr(*id).kind {
        ExprKind::Load { place, .. } => own_row(place),
        ExprKind::Get(_) => true,
        _ => false,
    })
}

/// What stores before the loop, and the tile of the queries, are computed from.
pub(super) fn needed(program: &Program, before: &[Stmt], tile: Option<ExprId>) -> HashSet<ExprId> {
    let mut all = HashSet::default();
    tile.into_iter().for_each(|id| closure(program, id, &mut all));
    for statement in before {
        if let Stmt::Store { place, value, mask, .. } = statement {
            let places = indices(place).map(|(_, id)| id);
            let read = places.chain([*value]).chain(*mask);
            read.for_each(|id| closure(program, id, &mut all));
        }
    }
    all
}
