//! The only program of a kernel as many: where it does with lines of tiles what each can do by itself, each line gets a
//! program of its own, so that lines are spread over threads and stay in caches.

use super::axes::{Axes, Reach};
use super::{Lines, MOST_GRID_AXES, spread};
use crate::dead::remove_dead;
use tilewright_ir::validate::validate_rewritten;
use tilewright_ir::{Expr, ExprId, ExprKind, Extent, Program, Stmt};

/// `program`, the only one of a kernel, as many, one for each line of its tiles of several lines; `None` where it has no such
/// tile, or does with lines what none can do by itself.
pub fn by_program(program: &Program) -> Option<Program> {
    if !program.grid.is_empty() {
        return None;
    }
    let mut program = next_apart(program)?;
    while program.grid.len() < MOST_GRID_AXES
        && let Some(apart) = next_apart(&program)
    {
        program = apart;
    }
    remove_dead(&mut program);
    validate_rewritten(&program).is_ok().then_some(program)
}

/// `program`, the only one of a kernel, as many, one for each line along an inner axis of its tiles: what reduces over the
/// outermost one does with lines along it what none can do by itself. For targets that must hold what a program works on.
pub fn by_inner_program(program: &Program) -> Option<Program> {
    if !program.grid.is_empty() {
        return None;
    }
    let (tile, rank) = program.body.iter().find_map(|statement| {
        let Stmt::Let(id) = statement else { return None };
        let shape = &program.expr(*id).ty.shape;
        let long = shape.iter().filter(|e| **e != Extent::Const(1)).count();
        (long > 1).then_some((*id, shape.len()))
    })?;
    let mut program = (1..rank).find_map(|axis| along(program, tile, axis))?;
    remove_dead(&mut program);
    validate_rewritten(&program).is_ok().then_some(program)
}

/// The program with its outermost axis of lines as an axis of the grid.
pub(super) fn next_apart(program: &Program) -> Option<Program> {
    let (tile, axis) = program.body.iter().find_map(|statement| {
        let Stmt::Let(id) = statement else { return None };
        let shape = &program.expr(*id).ty.shape;
        let mut long = (0..shape.len()).filter(|&axis| shape[axis] != Extent::Const(1));
        long.next().filter(|_| long.next().is_some()).map(|axis| (*id, axis))
    })?;
    along(program, tile, axis)
}

/// The program with this axis of a tile as an axis of the grid.
fn along(program: &Program, tile: ExprId, axis: usize) -> Option<Program> {
    let plain = |statement: &Stmt| matches!(statement, Stmt::Let(_) | Stmt::Store { .. });
    // Lines that are read along another axis than they are written come together in tiles.
    let turns = |expr: &Expr| matches!(expr.kind, ExprKind::Transpose(..));
    if !program.body.iter().all(plain) || program.exprs.iter().any(turns) {
        return None;
    }
    let extent = program.expr(tile).ty.shape[axis];
    let axes = Axes::of(program, &program.body, &[], tile, axis, Reach::Flat)?;
    let mut program = program.clone();
    let body = std::mem::take(&mut program.body);
    let (known, grid) = (program.exprs.len(), program.grid.len());
    program.body = Lines::new(&mut program, axes, extent, None).rewritten(body)?;
    spread(&mut program, extent, known);
    (program.grid.len() > grid).then_some(program)
}
