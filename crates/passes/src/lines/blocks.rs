//! Where in a program's blocks lines are scanned, and what statements use and store.

use super::LONG_LINE;
use tilewright_ir::{ExprId, ExprKind, Extent, Place, Program, Stmt};

/// What the blocks around a block compute before it, in order.
pub(super) fn bound_before(program: &Program, path: &[usize]) -> Vec<ExprId> {
    let (mut body, mut found) = (&program.body, Vec::new());
    for &number in path {
        found.extend(body[..number].iter().filter_map(|s| match s {
            Stmt::Let(id) => Some(*id),
            _ => None,
        }));
        match &body[number] {
            Stmt::For { body: inner, .. } | Stmt::When { body: inner, .. } => body = inner,
            _ => break,
        }
    }
    found
}

/// A scan of several lines.
pub(super) struct Path {
    /// The block that computes it: the number of a statement in each block around it.
    pub(super) blocks: Vec<usize>,
    pub(super) scan: ExprId,
    /// The outermost axis along which there are several.
    pub(super) axis: usize,
}

/// The first scan of several long lines along the last axis.
pub(super) fn lines_in(
    program: &Program,
    body: &[Stmt],
    capacity: &impl Fn(Extent) -> u32,
) -> Option<Path> {
    for (number, statement) in body.iter().enumerate() {
        match statement {
            Stmt::Let(id) => {
                let (ExprKind::Scan { axis, .. } | ExprKind::ScanBy { axis, .. }) =
                    program.expr(*id).kind
                else {
                    continue;
                };
                let shape = &program.expr(*id).ty.shape;
                let (row, leading) = shape.split_last()?;
                let lines = leading.iter().position(|e| *e != Extent::Const(1));
                if let Some(lines) = lines
                    && axis + 1 == shape.len()
                    && capacity(*row) >= LONG_LINE
                {
                    return Some(Path { blocks: Vec::new(), scan: *id, axis: lines });
                }
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => {
                if let Some(mut path) = lines_in(program, body, capacity) {
                    path.blocks.insert(0, number);
                    return Some(path);
                }
            }
            Stmt::Set(..) | Stmt::Store { .. } => {}
        }
    }
    None
}

/// The block at a path.
pub(super) fn block_at<'a>(body: &'a mut Vec<Stmt>, path: &[usize]) -> Option<&'a mut Vec<Stmt>> {
    let Some((&first, rest)) = path.split_first() else { return Some(body) };
    match body.get_mut(first)? {
        Stmt::For { body, .. } | Stmt::When { body, .. } => block_at(body, rest),
        _ => None,
    }
}

/// Adds what a statement uses.
pub(super) fn used_in(program: &Program, statement: &Stmt, used: &mut Vec<ExprId>) {
    match statement {
        Stmt::Let(id) => program.expr(*id).kind.operands(|a| used.push(a)),
        Stmt::Set(_, value) => used.push(*value),
        Stmt::Store { place, value, mask, .. } => {
            place.operands(&mut |id| used.push(id));
            used.push(*value);
            used.extend(mask);
        }
        Stmt::For { start, end, body, .. } => {
            used.extend([*start, *end]);
            body.iter().for_each(|statement| used_in(program, statement, used));
        }
        Stmt::When { condition, body } => {
            used.push(*condition);
            body.iter().for_each(|statement| used_in(program, statement, used));
        }
    }
}

/// Adds how often a block and those in it store to a tensor.
pub(super) fn count_stores(body: &[Stmt], of: &Place, count: &mut usize) {
    for statement in body {
        match statement {
            Stmt::Store { place, .. } => *count += usize::from(place.param == of.param),
            Stmt::For { body, .. } | Stmt::When { body, .. } => count_stores(body, of, count),
            Stmt::Let(_) | Stmt::Set(..) => {}
        }
    }
}
