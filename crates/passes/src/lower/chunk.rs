//! Maps of one long line whose tiles change their shape on the way: bytes that become nibbles, a line cut into blocks
//! that share a scale. Nothing there joins far elements, so the line is cut into chunks, one a program; [`spread`] does
//! the same where all shapes are one.
//!
//! [`spread`]: super::spread

use tilewright_ir::{
    Axis, BinaryOp, DType, DimId, ExprId, ExprKind, Extent, GridAxis, Literal, Place, Program,
    Stmt, StoreMode, Type,
};

/// Bytes that a chunk stores of its widest tile, about: fewer, and starting groups takes longer than they run.
const CHUNK: usize = 8192;

/// Cuts the line of a program without a grid into chunks and gives each to a program of its own. Other programs, and
/// those that [`spread`](super::spread::spread) takes, stay as they are.
pub fn chunk(program: &mut Program) {
    if !program.grid.is_empty() || super::spread::is_whole(program) {
        return;
    }
    let Some(line) = line(program) else { return };
    let units = (CHUNK / stored_bytes(program) / widest(program)).next_power_of_two();
    let index = Type { dtype: DType::I32, shape: Vec::new() };
    let mut lets = Vec::new();
    let mut push = |program: &mut Program, kind: ExprKind| {
        let id = program.push(kind, index.clone(), None);
        lets.push(Stmt::Let(id));
        id
    };
    program.grid.push(GridAxis { extent: Extent::Dim { dim: line, times: 1 }, block: units });
    let number = push(program, ExprKind::Program(0));
    // The first element of the chunk where the line has `times` elements a unit.
    let mut starts: Vec<(usize, ExprId)> = Vec::new();
    let mut start = |program: &mut Program, times: usize| {
        if let Some((_, id)) = starts.iter().find(|(t, _)| *t == times) {
            return *id;
        }
        let length = push(program, ExprKind::Const(Literal::Int((units * times) as i64)));
        let id = push(program, ExprKind::Binary(BinaryOp::Mul, number, length));
        starts.push((times, id));
        id
    };
    for i in 0..program.exprs.len() {
        let leading = program.exprs[i].ty.shape.first().copied();
        let Some(Extent::Dim { times, .. }) = leading else { continue };
        program.exprs[i].ty.shape[0] = Extent::Const(units * times);
        if matches!(program.exprs[i].kind, ExprKind::Load { .. }) {
            let first = start(program, times);
            if let ExprKind::Load { place, .. } = &mut program.exprs[i].kind {
                narrow(place, first, units * times);
            }
        }
    }
    for i in 0..program.body.len() {
        let Stmt::Store { place, .. } = &program.body[i] else { continue };
        let Some(Extent::Dim { times, .. }) = leading(program, place) else { continue };
        let first = start(program, times);
        if let Stmt::Store { place, .. } = &mut program.body[i] {
            narrow(place, first, units * times);
        }
    }
    lets.append(&mut program.body);
    program.body = lets;
}

/// Narrows a place to `len` positions of its first whole axis.
fn narrow(place: &mut Place, start: ExprId, len: usize) {
    if let Some(axis) = place.axes.iter_mut().find(|axis| matches!(axis, Axis::All)) {
        *axis = Axis::Range { start, len: Extent::Const(len), step: 1 };
    }
}

/// The extent of the first whole axis of a place, if all others are single positions before it or whole ones after it.
fn leading(program: &Program, place: &Place) -> Option<Extent> {
    let first = place.axes.iter().position(|axis| matches!(axis, Axis::All))?;
    let (before, after) = place.axes.split_at(first);
    let one = before.iter().all(|axis| matches!(axis, Axis::At(_)));
    let whole = after.iter().all(|axis| matches!(axis, Axis::All));
    let (_, shape) = program.tensor(place.param)?;
    (one && whole).then(|| shape[first])
}

/// The named size along which a program is a line: the leading extent of every store, and of every value that is not
/// the same in all chunks. `None` where some op joins or moves elements across chunks.
fn line(program: &Program) -> Option<DimId> {
    let mut line = None;
    for statement in &program.body {
        match statement {
            Stmt::Let(_) => {}
            Stmt::Store { place, mode: StoreMode::Set, .. } => {
                let Extent::Dim { dim, .. } = leading(program, place)? else { return None };
                if *line.get_or_insert(dim) != dim {
                    return None;
                }
            }
            _ => return None,
        }
    }
    let line = line?;
    let along = |extent: &Extent| matches!(extent, Extent::Dim { dim, .. } if *dim == line);
    let fits = |id: ExprId| {
        let expr = program.expr(id);
        let Some((first, rest)) = expr.ty.shape.split_first() else { return true };
        rest.iter().all(|e| e.constant().is_some()) && (along(first) || first.constant().is_some())
    };
    let is_long = |id: ExprId| program.expr(id).ty.shape.first().is_some_and(along);
    let ids =
        || program.body.iter().filter_map(|s| if let Stmt::Let(id) = s { Some(*id) } else { None });
    let holds = ids().all(|id| fits(id) && (!is_long(id) || stays_in_chunk(program, id, &is_long)));
    holds.then_some(line)
}

/// True when an element of the long value `id` depends on the same chunk of its operands alone.
fn stays_in_chunk(program: &Program, id: ExprId, is_long: &impl Fn(ExprId) -> bool) -> bool {
    use ExprKind::*;
    let rank = |id: ExprId| program.expr(id).ty.shape.len();
    // An operand of broadcasting has its line in the same place, or none.
    let aligned = |of: &ExprId| !is_long(*of) || rank(*of) == rank(id);
    match &program.expr(id).kind {
        Unary(_, a) | Cast(a) | Bitcast(a) | Broadcast(a) => aligned(a),
        Binary(_, a, b) => aligned(a) && aligned(b),
        Ternary(_, operands) => operands.iter().all(aligned),
        // Row-major order keeps a chunk together, whatever its rows are.
        Reshape(of) | Unpack { of, .. } => is_long(*of),
        Pick { of, indices } => !is_long(*of) && is_long(*indices),
        Load { place, .. } => leading(program, place).is_some(),
        _ => false,
    }
}

/// Bytes of an element of the widest type that is stored.
fn stored_bytes(program: &Program) -> usize {
    let stored = program.body.iter().filter_map(|statement| match statement {
        Stmt::Store { place, .. } => program.tensor(place.param),
        _ => None,
    });
    stored.map(|(dtype, _)| dtype.size()).max().unwrap_or(4)
}

/// Elements that the widest value, stored or computed, has for one of the line.
fn widest(program: &Program) -> usize {
    let elements = |ty: &Type| match ty.shape.split_first() {
        Some((Extent::Dim { times, .. }, rest)) => {
            rest.iter().filter_map(|e| e.constant()).fold(*times, usize::saturating_mul)
        }
        _ => 1,
    };
    program.exprs.iter().map(|e| elements(&e.ty)).max().unwrap_or(1).max(1)
}
