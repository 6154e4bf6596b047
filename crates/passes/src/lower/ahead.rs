//! Loads a turn ahead: where each turn of a loop reads a row and its threads meet over it, the next turn's row is asked
//! for before, so that memory works while the threads wait for each other; and where each turn stores a row and adds to sums, so
//! that it works while they compute (H200, 65536 rows of 2048 in bf16: the gradient of bias_silu takes 0.225 ms instead of 0.241,
//! bias_swiglu 0.378 instead of 0.427; parts of a row too: bias_geglu 0.608 instead of 0.505).
//!
//! Rows of 16-bit elements only: a wider row held twice costs more threads than the wait is worth. Not where several lines are
//! scanned: these go line by line, which what a loop carries would forbid, and all lines at once take more shared memory than
//! there is.

use super::Schedule;
use super::schedule::LARGEST_TEAM;
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, ParamKind, Place, Program,
    Stmt, Type, VarId, Variable,
};

/// Moves loads of loops whose threads meet a turn ahead.
pub fn ahead(program: &mut Program) {
    if program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Dot(..))) {
        return;
    }
    let body = std::mem::take(&mut program.body);
    program.body = block(program, body);
}

fn block(program: &mut Program, body: Vec<Stmt>) -> Vec<Stmt> {
    let mut out = Vec::with_capacity(body.len());
    for statement in body {
        match statement {
            Stmt::For { index, start, end, step, body } => {
                let body = block(program, body);
                let body = match adds_up(program, index, &body) {
                    true => stores_last(program, body),
                    false => body,
                };
                let loads = rows_of_turn(program, index, &body);
                let whole = !reads_parts(program, &body);
                let waits = meets(program, &body) || (whole && adds_up(program, index, &body));
                let once = has_one_turn(program, start, end);
                let body = match step == 1 && waits && !once && !loads.is_empty() {
                    true => one_turn_ahead(program, [index, start, end], &loads, body, &mut out),
                    false => body,
                };
                out.push(Stmt::For { index, start, end, step, body });
            }
            Stmt::When { condition, body } => {
                let body = block(program, body);
                out.push(Stmt::When { condition, body });
            }
            statement => out.push(statement),
        }
    }
    out
}

/// True for loops from a number to the next, at most.
fn has_one_turn(program: &Program, start: ExprId, end: ExprId) -> bool {
    let is_next = |id: ExprId| match program.expr(id).kind {
        ExprKind::Binary(BinaryOp::Add, a, b) => {
            let one = |id: ExprId| program.constant(id) == Some(1.0);
            (a == start && one(b)) || (b == start && one(a))
        }
        _ => false,
    };
    match program.expr(end).kind {
        ExprKind::Binary(BinaryOp::Min, a, b) => is_next(a) || is_next(b),
        _ => is_next(end),
    }
}

/// True when threads meet in each turn over what it reads, and nothing runs inside it again.
fn meets(program: &Program, body: &[Stmt]) -> bool {
    let reduces = |s: &Stmt| match s {
        Stmt::Let(id) => matches!(program.expr(*id).kind, ExprKind::Reduce(..)),
        _ => false,
    };
    let nested = |s: &Stmt| matches!(s, Stmt::For { .. } | Stmt::When { .. });
    body.iter().any(reduces) && !body.iter().any(|s| nested(s) || scans_lines(program, s))
}

/// True for maps of rows in a loop that adds to sums, one row a turn.
pub(super) fn sums_maps(program: &Program) -> bool {
    let sums = |s: &Stmt| match s {
        Stmt::For { index, body, .. } => adds_up(program, *index, body),
        _ => false,
    };
    super::spread::is_row_of_maps(program) && program.body.iter().any(sums)
}

/// Groups that a multiprocessor should have room for where rows of maps are summed, see [`ThreadProgram::resident`]: as many as
/// leave a thread 64 registers, if what it holds allows that. The compiler then uses these, and the programs of a gradient
/// run at once. H200, 65536 rows of 2048 in bf16: the gradient of bias_silu takes 0.2035 ms instead of 0.2077, that of
/// bias_gelu_tanh 0.2099 instead of 0.2220.
///
/// [`ThreadProgram::resident`]: tilewright_ir::thread::ThreadProgram::resident
pub(super) fn resident_groups(program: &Program, schedule: &Schedule) -> usize {
    if schedule.teams > 0 || !sums_maps(program) || held_a_thread(program, schedule) > MOST_HELD {
        return 0;
    }
    1 << LARGEST_TEAM.saturating_sub(schedule.team)
}

/// Registers for what a thread holds of rows around and in a turn, beside which 64 leave room for arithmetic. What holds 44, as the
/// gradients of bias_swiglu and bias_geglu in bf16, takes 0.368 and 0.377 ms in 64, for what is spilled, and 0.349 and 0.350 as the
/// compiler likes.
const MOST_HELD: usize = 40;

/// Registers that a thread takes for rows: as floats outside of loops, as they are in memory within.
fn held_a_thread(program: &Program, schedule: &Schedule) -> usize {
    let bytes = |ty: &Type, size: usize| {
        let capacity: u32 = ty.shape.iter().map(|e| schedule.capacity_of(*e)).sum();
        match ty.shape.iter().all(|e| *e == Extent::Const(1)) {
            true => 0,
            false => size << capacity.saturating_sub(schedule.team),
        }
    };
    let loaded = |s: &Stmt, outside: bool| match s {
        Stmt::Let(id) if matches!(program.expr(*id).kind, ExprKind::Load { .. }) => {
            let ty = &program.expr(*id).ty;
            bytes(ty, if outside { 4 } else { ty.dtype.size() })
        }
        _ => 0,
    };
    let vars = program.vars.iter().map(|var| bytes(&var.ty, var.ty.dtype.size()));
    let rows = program.body.iter().map(|s| match s {
        Stmt::For { body, .. } => body.iter().map(|s| loaded(s, false)).sum(),
        s => loaded(s, true),
    });
    (vars.sum::<usize>() + rows.sum::<usize>()) / 4
}

/// True when each turn stores a row of its own and adds to what is carried on, and nothing runs inside it again: a thread does
/// little between what it asks for and what it stores.
fn adds_up(program: &Program, index: ExprId, body: &[Stmt]) -> bool {
    let row = |s: &Stmt| match s {
        Stmt::Store { place, .. } => place.axes.contains(&Axis::At(index)),
        _ => false,
    };
    let sum = |s: &Stmt| match s {
        Stmt::Set(var, _) => !program.vars[var.index()].ty.shape.is_empty(),
        _ => false,
    };
    let plain = |s: &Stmt| match s {
        Stmt::Let(id) => !is_scan(&program.expr(*id).kind),
        Stmt::For { .. } | Stmt::When { .. } => false,
        Stmt::Set(..) | Stmt::Store { .. } => true,
    };
    body.iter().any(row) && body.iter().any(sum) && body.iter().all(plain)
}

/// The statements of a turn, its stores after all others where it reads nothing of what it stores: what several of them store is then
/// computed element by element together, and what is used for all is not held for whole rows.
fn stores_last(program: &Program, body: Vec<Stmt>) -> Vec<Stmt> {
    let read = |s: &Stmt| match s {
        Stmt::Let(id) => match &program.expr(*id).kind {
            ExprKind::Load { place, .. } => !matches!(
                program.param(place.param).kind,
                ParamKind::Tensor { access: Access::In, .. }
            ),
            _ => false,
        },
        _ => false,
    };
    if body.iter().any(read) {
        return body;
    }
    let (stores, mut others): (Vec<Stmt>, Vec<Stmt>) =
        body.into_iter().partition(|s| matches!(s, Stmt::Store { .. }));
    others.extend(stores);
    others
}

/// True where a turn reads parts of rows, which are not asked for ahead: what is, alone, takes registers and gains nothing. H200,
/// 65536 rows of 2048 in bf16: the gradients of bias_swiglu and bias_geglu take 0.338 and 0.340 ms without sums of partial sums,
/// with one of three rows ahead 0.362 and 0.362.
fn reads_parts(program: &Program, body: &[Stmt]) -> bool {
    let part = |axis: &Axis| matches!(axis, Axis::Range { .. });
    body.iter().any(|s| match s {
        Stmt::Let(id) => match &program.expr(*id).kind {
            ExprKind::Load { place, .. } => place.axes.iter().any(part),
            _ => false,
        },
        _ => false,
    })
}

/// True for a scan of several lines, which is to go line by line.
fn scans_lines(program: &Program, statement: &Stmt) -> bool {
    let Stmt::Let(id) = statement else { return false };
    let expr = program.expr(*id);
    let several = expr.ty.shape.iter().filter(|e| **e != Extent::Const(1)).count() > 1;
    several && matches!(expr.kind, ExprKind::Scan { .. } | ExprKind::ScanBy { .. })
}

fn is_scan(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Scan { .. } | ExprKind::ScanBy { .. } | ExprKind::TopK { .. })
}

/// The loads of 16-bit rows whose place the turn alone decides.
fn rows_of_turn(program: &Program, index: ExprId, body: &[Stmt]) -> Vec<ExprId> {
    let bound: Vec<ExprId> = (body.iter())
        .filter_map(|s| match s {
            Stmt::Let(id) => Some(*id),
            _ => None,
        })
        .collect();
    let turns = |place: &Place| {
        let mut known = true;
        let mut turning = false;
        for axis in &place.axes {
            match axis {
                Axis::At(id) if *id == index => turning = true,
                Axis::At(id) => known &= !bound.contains(id),
                Axis::All => {}
                Axis::Gather(_) | Axis::Range { .. } => known = false,
            }
        }
        known && turning
    };
    let is_row = |id: &ExprId| {
        let expr = program.expr(*id);
        let ExprKind::Load { place, .. } = &expr.kind else { return false };
        let kind = &program.param(place.param).kind;
        matches!(kind, ParamKind::Tensor { access: Access::In, .. })
            && matches!(expr.ty.dtype, DType::F16 | DType::BF16)
            && !expr.ty.shape.is_empty()
            && turns(place)
    };
    bound.iter().copied().filter(is_row).collect()
}

/// The body of the loop with `loads` a turn ahead; what comes before it goes to `before`.
fn one_turn_ahead(
    program: &mut Program,
    [index, start, end]: [ExprId; 3],
    loads: &[ExprId],
    body: Vec<Stmt>,
    before: &mut Vec<Stmt>,
) -> Vec<Stmt> {
    let scalar = |dtype| Type { dtype, shape: Vec::new() };
    let push = |program: &mut Program, kind, ty: Type, to: &mut Vec<Stmt>| {
        let id = program.push(kind, ty, None);
        to.push(Stmt::Let(id));
        id
    };
    let any = ExprKind::Binary(BinaryOp::Lt, start, end);
    let any = push(program, any, scalar(DType::Bool), before);
    let one = push(program, ExprKind::Const(Literal::Int(1)), scalar(DType::I32), before);
    let last = ExprKind::Binary(BinaryOp::Sub, end, one);
    let last = push(program, last, scalar(DType::I32), before);
    let mut first = Vec::new();
    let (mut held, mut next) = (Vec::new(), Vec::new());
    let following = ExprKind::Binary(BinaryOp::Add, index, one);
    let following = push(program, following, scalar(DType::I32), &mut next);
    // The last turn reads its own row again, from a cache.
    let following = ExprKind::Binary(BinaryOp::Min, following, last);
    let following = push(program, following, scalar(DType::I32), &mut next);
    for &load in loads {
        let expr = program.expr(load).clone();
        let ExprKind::Load { place, fill } = &expr.kind else { continue };
        let var = VarId(program.vars.len() as u32);
        let name = Some(format!("next_{}", program.param(place.param).name));
        program.vars.push(Variable { ty: expr.ty.clone(), at: expr.at.clone(), name });
        let zero = ExprKind::Const(Literal::Float(0.0));
        let zero = push(program, zero, scalar(expr.ty.dtype), before);
        let zeros = push(program, ExprKind::Broadcast(zero), expr.ty.clone(), before);
        before.push(Stmt::Set(var, zeros));
        let at = |turn: ExprId| ExprKind::Load { place: moved(place, index, turn), fill: *fill };
        let row = push(program, at(start), expr.ty.clone(), &mut first);
        first.push(Stmt::Set(var, row));
        let row = push(program, at(following), expr.ty.clone(), &mut next);
        next.push(Stmt::Set(var, row));
        program.exprs[load.index()].kind = ExprKind::Get(var);
        held.push(Stmt::Let(load));
    }
    before.push(Stmt::When { condition: any, body: first });
    let own = |s: &Stmt| !matches!(s, Stmt::Let(id) if loads.contains(id));
    held.into_iter().chain(next).chain(body.into_iter().filter(own)).collect()
}

/// The place of another turn.
fn moved(place: &Place, index: ExprId, turn: ExprId) -> Place {
    let mut place = place.clone();
    place.map_operands(|id| if id == index { turn } else { id });
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::text;

    fn program(dtype: &str) -> Program {
        let source = format!(
            "kernel t(x: in {dtype}[rows, cols], y: out f32[rows])\n%0: i32 = const 0\n\
             %1: i32 = size rows\nfor %2 row in %0..%1 {{\n  %3: {dtype}[cols] = load x[%2, :]\n  \
             %4: f32[cols] = cast %3\n  %5: f32[1] = reduce_sum %4 axis 0\n  \
             %6: f32 = reshape %5\n  store y[%2] = %6\n}}\n"
        );
        text::parse(&source).unwrap()
    }

    #[test]
    fn a_turn_works_on_the_row_that_the_last_one_asked_for() {
        for dtype in ["bf16", "f16"] {
            let mut program = program(dtype);
            ahead(&mut program);
            assert!(tilewright_ir::validate::validate(&program).is_ok());
            assert!(matches!(program.expr(ExprId(3)).kind, ExprKind::Get(_)));
            assert_eq!(program.vars.len(), 1);
        }
    }

    /// As [`program`], with a scan of `lines` lines of each row.
    fn scanning(lines: &str) -> Program {
        let ty = format!("f32[{lines}cols]");
        let axis = usize::from(!lines.is_empty());
        let source = format!(
            "kernel t(x: in bf16[rows, cols], y: out f32[rows])\n%0: i32 = const 0\n\
             %1: i32 = size rows\nfor %2 row in %0..%1 {{\n  %3: bf16[cols] = load x[%2, :]\n  \
             %4: f32[cols] = cast %3\n  %5: {ty} = broadcast %4\n  \
             %6: {ty} = scan_sum %5 axis {axis}\n  %7: f32[cols] = mul %4, %4\n  \
             %8: f32[1] = reduce_sum %7 axis 0\n  %9: f32 = reshape %8\n  store y[%2] = %9\n}}\n"
        );
        text::parse(&source).unwrap()
    }

    #[test]
    fn rows_of_which_several_lines_are_scanned_are_held_once() {
        for (lines, vars) in [("16, ", 0), ("1, ", 1), ("", 1)] {
            let mut program = scanning(lines);
            ahead(&mut program);
            assert_eq!(program.vars.len(), vars, "lines [{lines}cols]");
        }
    }

    /// As [`program`], a map of a row or of both halves of one, with sums.
    fn summing(halves: bool) -> Program {
        let [all, first, second] = match halves {
            false => [":", ":", ":"],
            true => ["2 * cols", "%0..+cols", "%5..+cols"],
        };
        let wide = if halves { all } else { "cols" };
        let load = |id: usize, part: &str| format!("  %{id}: bf16[cols] = load x[%2, {part}]\n");
        let source = format!(
            "kernel t(x: in bf16[rows, {wide}], y: out bf16[rows, {wide}], z: out f32[cols])\n\
             var $0 s: f32[cols]\n%0: i32 = const 0\n%1: i32 = size rows\n%5: i32 = size cols\n\
             %6: f32 = const 0.0\n%7: f32[cols] = broadcast %6\nset $0 = %7\n\
             for %2 row in %0..%1 {{\n{}{}  store y[%2, {first}] = %3\n  %8: f32[cols] = cast %4\n  \
             %9: f32[cols] = get $0\n  %10: f32[cols] = add %9, %8\n  set $0 = %10\n  \
             store y[%2, {second}] = %4\n}}\n%11: f32[cols] = get $0\nstore z[:] = %11\n",
            load(3, first),
            load(4, second)
        );
        text::parse(&source).unwrap()
    }

    #[test]
    fn stores_of_turns_that_add_up_come_last() {
        for (halves, vars) in [(false, 3), (true, 1)] {
            let mut program = summing(halves);
            ahead(&mut program);
            assert!(tilewright_ir::validate::validate(&program).is_ok());
            assert!(sums_maps(&program));
            assert_eq!(program.vars.len(), vars, "rows ahead");
            let turn = program.body.iter().find_map(|s| match s {
                Stmt::For { body, .. } => Some(body),
                _ => None,
            });
            let stores = |s: &Stmt| matches!(s, Stmt::Store { .. });
            let turn = turn.unwrap();
            assert_eq!(turn.iter().rev().take_while(|s| stores(s)).count(), 2);
        }
    }

    #[test]
    fn wide_rows_are_held_once() {
        let mut wide = program("f32");
        ahead(&mut wide);
        assert!(wide.vars.is_empty());
    }
}
