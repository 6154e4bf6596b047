//! Short rows: a part of a subgroup takes each, one vector a thread. A subgroup to a row of 16 would leave most of its threads
//! without work, and those of a row of 64 with accesses of a few bytes.
//!
//! On an H200, a subgroup to a row and as here: `grpo_advantage_norm` of 8 M rows of 16 in f32 1.268 and 0.249 ms, in bf16 1.264
//! and 0.127; `apply_rope` of 1 M rows of 64 pairs in bf16 0.170 and 0.131, in f32 0.256 and 0.251; `merge_heads` of 128 features
//! in bf16 0.084 and 0.069. Two vectors a thread instead of one take `apply_rope` 0.150, and `grpo_advantage_norm` in f32,
//! four of them, 0.385; rows of which every second element is taken, so that there are no vectors, 0.440 for 0.178.

use super::order::stored;
use super::schedule::{Schedule, is_straight, teams_fit, widest_vector};
use super::spread::is_elementwise;
use super::{SUBGROUP, stored_shapes};
use tilewright_ir::{Axis, DType, ExprKind, Extent, Place, Program, Shape};

/// log2 of the threads of a row, fewer than a subgroup; `None` where rows are longer, or threads may have to wait for each
/// other.
pub(super) fn team(program: &Program, schedule: &Schedule) -> Option<u32> {
    if schedule.linear || !is_straight(program) || !teams_fit(program) {
        return None;
    }
    let mut shapes: Vec<Shape> = program.exprs.iter().map(|e| e.ty.shape.clone()).collect();
    stored_shapes(program, &program.body, &mut shapes);
    let axes = |shape: &Shape| shape.iter().filter(|e| **e != Extent::Const(1)).count();
    if shapes.iter().any(|shape| axes(shape) > 1) {
        return None;
    }
    let longest = shapes.iter().flatten().map(|e| schedule.capacity_of(*e)).max().unwrap_or(0);
    // What a row adds up to is joined in the order of a subgroup's threads that have an element each, see `squares`.
    let own = program.exprs.iter().all(|expr| match expr.kind {
        ExprKind::Reduce(_, of, _) => {
            longest <= SUBGROUP && program.expr(of).ty.dtype == DType::F32
        }
        ref kind => is_elementwise(kind),
    });
    let team = longest.saturating_sub(widest_vector(program));
    (own && team < SUBGROUP && lie_side_by_side(program)).then_some(team)
}

/// True where the elements of every row lie side by side.
fn lie_side_by_side(program: &Program) -> bool {
    let dense = |place: &Place| {
        let Some((last, others)) = place.axes.split_last() else { return true };
        let one = |axis: &Axis| matches!(axis, Axis::At(_));
        let row = one(last) || matches!(last, Axis::All | Axis::Range { step: 1, .. });
        row && others.iter().all(one)
    };
    let mut places = Vec::new();
    stored(&program.body, &mut places);
    places.extend(program.exprs.iter().filter_map(|expr| match &expr.kind {
        ExprKind::Load { place, .. } => Some(place),
        _ => None,
    }));
    places.into_iter().all(dense)
}
