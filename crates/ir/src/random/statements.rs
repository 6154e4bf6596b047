//! Walking over the statements of a body, which are numbered in the order of the text.

use crate::{ExprId, Program, Stmt};

/// How many there are.
pub fn count(body: &[Stmt]) -> usize {
    let mut count = 0;
    each(body, &mut |_| count += 1);
    count
}

/// The values that the body computes, in order.
pub fn lets(program: &Program) -> Vec<ExprId> {
    let mut found = Vec::new();
    each(&program.body, &mut |stmt| {
        if let Stmt::Let(id) = stmt {
            found.push(*id);
        }
    });
    found
}

/// Visits every statement.
pub fn each(body: &[Stmt], visit: &mut impl FnMut(&Stmt)) {
    for stmt in body {
        visit(stmt);
        if let Stmt::For { body, .. } | Stmt::When { body, .. } = stmt {
            each(body, visit);
        }
    }
}

/// As [`each`], to change it.
pub fn each_mut(body: &mut [Stmt], visit: &mut impl FnMut(&mut Stmt)) {
    for stmt in body {
        visit(stmt);
        if let Stmt::For { body, .. } | Stmt::When { body, .. } = stmt {
            each_mut(body, visit);
        }
    }
}

/// Gives `change` the block of statement `number`, and where in it that stands. The number of those after it otherwise.
pub fn edit(
    body: &mut Vec<Stmt>,
    mut number: usize,
    change: &mut impl FnMut(&mut Vec<Stmt>, usize),
) -> Option<usize> {
    for at in 0..body.len() {
        if number == 0 {
            change(body, at);
            return None;
        }
        number -= 1;
        if let Stmt::For { body, .. } | Stmt::When { body, .. } = &mut body[at] {
            number = edit(body, number, change)?;
        }
    }
    Some(number)
}
