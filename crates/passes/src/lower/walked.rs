//! Programs that add to elements of a sum in loops, one of which walks along an axis of the sum: each of its turns adds to
//! elements of its own, so it becomes a program of its own. What is added to an element is added in the order that it was.
//!
//! Gradients of what is gathered are such: of an expert's weights those of each column are added by themselves. On an H200
//! one program that walked along the 768 columns of 8 experts, 2 x 6144 rows of 32, took 4.3 ms.

use super::shares::{Nest, nests};
use crate::lines::MOST_GRID_AXES;
use tilewright_ir::validate::validate_rewritten;
use tilewright_ir::{Access, Axis, ExprId, ExprKind, Extent, GridAxis, ParamKind, Program, Stmt};

/// Gives the turns of loops that walk along the sum to programs. Other programs stay as they are. An axis of the grid is left
/// for [`share`](super::shares::share).
pub fn walk(program: &mut Program) {
    while program.grid.len() + 1 < MOST_GRID_AXES
        && let Some(walked) = walked(program)
    {
        *program = walked;
    }
}

/// `program` with one loop less in each nest.
fn walked(program: &Program) -> Option<Program> {
    let (sum, nests) = nests(program)?;
    if writes(program) != 1 {
        return None;
    }
    let (_, shape) = program.tensor(sum)?;
    let (extent, own) = shape.iter().enumerate().find_map(|(axis, &extent)| {
        let own: Option<Vec<ExprId>> = nests.iter().map(|nest| along(nest, axis, extent)).collect();
        Some((extent, own?))
    })?;
    let mut walked = program.clone();
    let axis = walked.grid.len();
    walked.grid.push(GridAxis { extent, block: 1 });
    for &index in &own {
        walked.exprs[index.index()].kind = ExprKind::Program(axis);
    }
    let body = std::mem::take(&mut walked.body);
    walked.body = without(body, &own);
    validate_rewritten(&walked).is_ok().then_some(walked)
}

/// The index of the loop that is the position along an axis of the sum, of that extent.
fn along(nest: &Nest<'_>, axis: usize, extent: Extent) -> Option<ExprId> {
    let Axis::At(id) = *nest.place.axes.get(axis)? else { return None };
    nest.loops.iter().any(|(index, count, _)| (*index, *count) == (id, extent)).then_some(id)
}

/// Tensors that the program may write.
fn writes(program: &Program) -> usize {
    let written = |kind: &ParamKind| {
        matches!(kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. })
    };
    program.params.iter().filter(|param| written(&param.kind)).count()
}

/// `body` without the loops over these indices, which are known instead.
fn without(body: Vec<Stmt>, indices: &[ExprId]) -> Vec<Stmt> {
    let mut out = Vec::with_capacity(body.len());
    for statement in body {
        match statement {
            Stmt::For { index, body, .. } if indices.contains(&index) => {
                out.push(Stmt::Let(index));
                out.extend(without(body, indices));
            }
            Stmt::For { index, start, end, step, body } => {
                let body = without(body, indices);
                out.push(Stmt::For { index, start, end, step, body });
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::text::{parse, print};

    /// A sum `[experts, columns, 8]` of what lies in `values`, at places that `axes` says.
    fn sum(axes: &str, more: &str) -> Program {
        let text = format!(
            "dims tokens, experts, columns\n\
             kernel add(at: in i32[tokens, columns], values: in f32[tokens, columns, 8], \
             sum: inout f32[experts, columns, 8])\n\
             %0: i32 = const 0\n%1: i32 = size tokens\n%2: i32 = size columns\n\
             for %3 in %0..%1 {{\n for %4 in %0..%2 {{\n  %5: i32 = load at[%3, %4]\n\
             %6: f32[8] = load values[%3, %4, :]\n  %7: f32[8] = load sum[{axes}, :]\n\
             %8: f32[8] = add %7, %6\n  store sum[{axes}, :] = %8\n }}\n}}\n{more}"
        );
        parse(&text).unwrap()
    }

    #[test]
    fn a_loop_along_the_sum_becomes_programs() {
        let mut program = sum("%5, %4", "");
        walk(&mut program);
        assert_eq!(program.grid.len(), 1);
        let text = print(&program.compact());
        assert!(text.contains("grid columns\n"), "{text}");
        assert_eq!(text.matches("for ").count(), 1, "{text}");
    }

    #[test]
    fn other_loops_stay() {
        let nest = "for %9 in %0..%1 {\n for %10 in %0..%2 {\n  %11: i32 = load at[%9, %10]\n\
                    %12: f32[8] = load values[%9, %10, :]\n  store sum[%10, %11, :] = %12\n }\n}\n";
        // The columns are data; the loop over columns walks along the experts, of which there may be fewer; one nest walks
        // along another axis than the other; a value is read of what is added to.
        for (axes, more) in [("%4, %5", ""), ("%5, %5", ""), ("%5, %4", nest)] {
            let before = sum(axes, more);
            let mut program = before.clone();
            walk(&mut program);
            assert_eq!(program, before, "{axes}");
        }
    }
}
