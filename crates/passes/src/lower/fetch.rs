//! Loads before arithmetic: a load waits for memory for as long as hundreds of steps take, so all that a program will
//! need is asked for before it computes, and the waits overlap. What every program reads alike (a weight) is in a cache
//! by the second one; its load stays where it is, so that no register holds it meanwhile. Nor are there registers for all that a
//! block reads where that is much: it is then read where it is used.

use tilewright_ir::{Access, Axis, ExprId, ExprKind, ParamKind, Place, Program, Stmt};

/// So many tiles of a block are much. On an H200, the gradient of `depthwise_conv_3x3` reads nine windows of an image in each turn,
/// 144 registers of each of 512 threads.
const MANY: usize = 8;

/// Moves loads of inputs up to where their indices are known, inside their block. Matrix products have ways of their own.
pub fn fetch(program: &mut Program) {
    if program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Dot(..))) {
        return;
    }
    let mut body = std::mem::take(&mut program.body);
    block(program, &mut body);
    program.body = body;
}

fn block(program: &Program, body: &mut Vec<Stmt>) {
    let is_tile = |statement: &&Stmt| match statement {
        Stmt::Let(id) => program.expr(*id).ty.shape.len() > 1 && moves(program, *id),
        _ => false,
    };
    if body.iter().filter(is_tile).count() >= MANY {
        for statement in body.iter_mut() {
            if let Stmt::For { body, .. } | Stmt::When { body, .. } = statement {
                block(program, body);
            }
        }
        sink(program, body);
        return;
    }
    let mut out: Vec<Stmt> = Vec::with_capacity(body.len());
    for mut statement in body.drain(..) {
        match &mut statement {
            Stmt::For { body, .. } | Stmt::When { body, .. } => block(program, body),
            Stmt::Let(id) if moves(program, *id) => {
                let at = earliest(program, &out, *id);
                out.insert(at, statement);
                continue;
            }
            _ => {}
        }
        out.push(statement);
    }
    *body = out;
}

/// Moves loads of inputs, and what only gives them another form, down to where they are used first.
fn sink(program: &Program, body: &mut Vec<Stmt>) {
    for at in (0..body.len()).rev() {
        let Stmt::Let(id) = body[at] else { continue };
        let sinks = match program.expr(id).kind {
            ExprKind::Reshape(_) | ExprKind::Cast(_) => true,
            _ => moves(program, id),
        };
        let used = body[at + 1..].iter().position(|statement| uses(program, statement, id));
        if let Some(distance) = used.filter(|distance| sinks && *distance > 0) {
            let statement = body.remove(at);
            body.insert(at + distance, statement);
        }
    }
}

/// True where a statement may need a value.
fn uses(program: &Program, statement: &Stmt, id: ExprId) -> bool {
    let mut found = false;
    match statement {
        Stmt::Let(of) => program.expr(*of).kind.operands(|a| found |= a == id),
        Stmt::Set(_, value) => found = *value == id,
        Stmt::Store { place, value, mask, .. } => {
            place.operands(&mut |a| found |= a == id);
            found |= *value == id || *mask == Some(id);
        }
        Stmt::For { .. } | Stmt::When { .. } => found = true,
    }
    found
}

/// The first place in `before` where everything that a load needs is known, behind the loads that are there.
fn earliest(program: &Program, before: &[Stmt], load: ExprId) -> usize {
    let mut operands = Vec::new();
    program.expr(load).kind.operands(|a| operands.push(a));
    let holds = |statement: &Stmt| match statement {
        Stmt::Let(id) => operands.contains(id),
        // What a loop holds in registers it needs for itself.
        Stmt::For { .. } | Stmt::When { .. } => true,
        Stmt::Set(..) | Stmt::Store { .. } => false,
    };
    let known = before.iter().rposition(holds).map_or(0, |at| at + 1);
    let is_light = |statement: &&Stmt| match statement {
        Stmt::Let(id) => {
            let expr = program.expr(*id);
            matches!(expr.kind, ExprKind::Load { .. }) || expr.ty.shape.is_empty()
        }
        _ => false,
    };
    known + before[known..].iter().take_while(is_light).count()
}

/// True for a load of an input that differs from program to program or from turn to turn.
fn moves(program: &Program, id: ExprId) -> bool {
    let ExprKind::Load { place, .. } = &program.expr(id).kind else { return false };
    let kind = &program.param(place.param).kind;
    matches!(kind, ParamKind::Tensor { access: Access::In, .. })
        && (program.grid.is_empty() || varies(program, place))
}

fn varies(program: &Program, place: &Place) -> bool {
    place.axes.iter().any(|axis| match axis {
        Axis::All => false,
        Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => {
            !matches!(program.expr(*id).kind, ExprKind::Const(_) | ExprKind::Size(_))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::text;

    #[test]
    fn a_cotangent_is_asked_for_before_the_first_meeting() {
        let source = "kernel t(x: in f32[rows, cols], w: in f32[cols], d: in f32[rows, cols], \
                      y: out f32[rows, cols])\ngrid rows\n%0: i32 = program 0\n\
                      %1: f32[cols] = load x[%0, :]\n%2: f32[1] = reduce_sum %1 axis 0\n\
                      %3: f32[cols] = load w[:]\n%4: f32[cols] = load d[%0, :]\n\
                      %5: f32[cols] = mul %4, %3\n%6: f32[cols] = add %5, %2\n\
                      store y[%0, :] = %6\n";
        let mut program = text::parse(source).unwrap();
        fetch(&mut program);
        let order: Vec<usize> = (program.body.iter())
            .filter_map(|s| match s {
                Stmt::Let(id) => Some(id.index()),
                _ => None,
            })
            .collect();
        assert_eq!(order, [0, 1, 4, 2, 3, 5, 6]);
        assert!(tilewright_ir::validate::validate(&program).is_ok());
    }
}
