//! Elementwise programs: any element can be computed anywhere, so the leading axes become the grid's, and the last
//! axis is split among groups.

use super::padded;
use tilewright_ir::{
    Axis, DType, ExprId, ExprKind, Extent, GridAxis, Place, Program, Shape, Stmt, Type, infer,
};

/// log2 of the shortest row that several groups split, where a grid gives each group a row.
const LONG_ROW: u32 = 13;

/// Turns the leading axes of an elementwise program without a grid into grid axes: each program then computes one row.
/// Other programs stay as they are.
pub fn spread(program: &mut Program) {
    if !program.grid.is_empty() {
        return;
    }
    let Some(whole) = whole_shape(program) else { return };
    let leading = whole.len().saturating_sub(1);
    if whole[..leading].iter().all(|e| *e == Extent::Const(1)) || !axes_align(program) {
        return;
    }
    let mut indices: Vec<Option<ExprId>> = vec![None; leading];
    let mut lets = Vec::new();
    for (axis, &extent) in whole[..leading].iter().enumerate() {
        if extent != Extent::Const(1) {
            let ty = Type { dtype: DType::I32, shape: Vec::new() };
            let index = program.push(ExprKind::Program(program.grid.len()), ty, None);
            program.grid.push(GridAxis { extent, block: 1 });
            indices[axis] = Some(index);
            lets.push(Stmt::Let(index));
        }
    }
    let rank = whole.len();
    for expr in &mut program.exprs {
        if let ExprKind::Load { place, .. } = &mut expr.kind {
            one_row(place, &expr.ty.shape, rank, &indices);
        }
        let outer = rank - expr.ty.shape.len();
        for (axis, extent) in expr.ty.shape.iter_mut().enumerate() {
            if indices.get(outer + axis).is_some_and(Option::is_some) {
                *extent = Extent::Const(1);
            }
        }
    }
    for statement in &mut program.body {
        if let Stmt::Store { place, .. } = statement {
            one_row(place, &whole, rank, &indices);
        }
    }
    lets.append(&mut program.body);
    program.body = lets;
}

/// Narrows a place, whose tile has `shape`, to the row of this program.
fn one_row(place: &mut Place, shape: &[Extent], rank: usize, indices: &[Option<ExprId>]) {
    let mut tile_axis = rank - shape.len();
    for axis in &mut place.axes {
        if matches!(axis, Axis::At(_)) {
            continue;
        }
        let extent = shape[tile_axis + shape.len() - rank];
        if let (Some(Some(index)), true) = (indices.get(tile_axis), extent != Extent::Const(1)) {
            *axis = Axis::Range { start: *index, len: Extent::Const(1), step: 1 };
        }
        tile_axis += 1;
    }
}

/// True for elementwise programs.
pub(super) fn is_whole(program: &Program) -> bool {
    whole_shape(program).is_some()
}

/// The shape of every store of an elementwise program, which every value broadcasts to; `None` for other programs.
fn whole_shape(program: &Program) -> Option<Shape> {
    let mut whole: Option<Shape> = None;
    for statement in &program.body {
        match statement {
            Stmt::Let(id) if is_elementwise(&program.expr(*id).kind) => {}
            Stmt::Store { place, .. } => {
                let shape = infer::place_type(program, place).ok()?.shape;
                if whole.as_ref().is_some_and(|w| *w != shape) {
                    return None;
                }
                whole = Some(shape);
            }
            _ => return None,
        }
    }
    let whole = whole?;
    let fits = |shape: &Shape| {
        shape.len() <= whole.len()
            && padded(shape, whole.len())
                .iter()
                .zip(&whole)
                .all(|(e, w)| e == w || *e == Extent::Const(1))
    };
    program.exprs.iter().all(|e| fits(&e.ty.shape)).then_some(whole)
}

/// True when each axis of a place is the tile's axis in the same position from the right, and can be narrowed.
fn axes_align(program: &Program) -> bool {
    let narrows = |place: &Place| {
        let tile = place.axes.iter().filter(|a| !matches!(a, Axis::At(_)));
        tile.rev().skip(1).all(|axis| matches!(axis, Axis::All))
    };
    let loads = program.exprs.iter().all(|e| match &e.kind {
        ExprKind::Load { place, .. } => narrows(place),
        _ => true,
    });
    let stores = program.body.iter().all(|s| match s {
        Stmt::Store { place, .. } => narrows(place),
        _ => true,
    });
    loads && stores
}

/// Ops whose elements depend on those at the same position alone.
pub(super) fn is_elementwise(kind: &ExprKind) -> bool {
    use ExprKind::*;
    matches!(
        kind,
        Const(_)
            | Scalar(_)
            | Size(_)
            | Program(_)
            | Iota(_)
            | Unary(..)
            | Binary(..)
            | Ternary(..)
            | Cast(_)
            | Bitcast(_)
            | Broadcast(_)
            | Load { .. }
    )
}

/// True for programs of which each element of a row is a program of its own, loops and variables among them.
pub(super) fn is_row_of_maps(program: &Program) -> bool {
    let long = |shape: &[Extent]| shape.iter().filter(|e| **e != Extent::Const(1)).count();
    program.exprs.iter().all(|expr| {
        let own = match expr.kind {
            ExprKind::Get(_) | ExprKind::LoopIndex => true,
            ExprKind::Reshape(of) => long(&expr.ty.shape) == long(&program.expr(of).ty.shape),
            ref kind => is_elementwise(kind),
        };
        own && long(&expr.ty.shape) <= 1
    })
}

/// The axis that groups split, if no other is longer than 1 and it is long or all there is.
pub(super) fn split_axis(program: &Program, capacity: impl Fn(Extent) -> u32) -> Option<Extent> {
    let whole = whole_shape(program)?;
    let (&last, leading) = whole.split_last()?;
    let one_axis = leading.iter().all(|e| *e == Extent::Const(1));
    let long = program.grid.is_empty() || capacity(last) >= LONG_ROW;
    (one_axis && long && last != Extent::Const(1)).then_some(last)
}
