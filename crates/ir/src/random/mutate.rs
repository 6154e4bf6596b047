//! Mutants: programs that somebody wrote, changed at random.
//!
//! A random program is of the shape that its generator thought of. One that a person wrote is not, and neither are its
//! neighbours: [`mutate`] changes an op, an operand, a place, a number, an element type, a loop, the order of the
//! statements or the grid, mends the types around it and keeps what is valid. Nothing bounds what such a program computes,
//! so who compares results has to measure how far rounding moves them, and to ask the interpreter first whether it may
//! be run at all.

mod repair;

use super::statements::{count, each, each_mut, edit, lets};
use super::{Random, STORAGE};
use crate::op::{BINARY, REDUCE, UNARY};
use crate::{
    Axis, DType, ExprId, ExprKind, Extent, Literal, ParamId, ParamKind, Place, Program, Stmt, Type,
    validate,
};

/// Changes that are tried before a program is given up.
const TRIES: usize = 40;

/// The program with one change that leaves it valid; `None` when none was found.
pub fn mutate(program: &Program, random: &mut Random) -> Option<Program> {
    (0..TRIES).find_map(|_| {
        let mut mutant = program.clone();
        change(&mut mutant, random)?;
        repair::repair(&mut mutant).ok()?;
        // Names and lines tell nothing of what it computes.
        (mutant != *program && validate(&mutant).is_ok()).then_some(mutant)
    })
}

/// One change, which may leave types that do not fit.
fn change(program: &mut Program, random: &mut Random) -> Option<()> {
    match random.below(20) {
        0..4 => op(program, random),
        4..8 => operand(program, random),
        8..10 => number(program, random),
        10..13 => place(program, random),
        13..15 => dtype(program, random),
        15..17 => bounds(program, random),
        17..19 => statement(program, random),
        _ => grid(program, random),
    }
}

/// One of a list, if there is any.
fn pick<T: Copy>(list: &[T], random: &mut Random) -> Option<T> {
    (!list.is_empty()).then(|| random.of(list))
}

/// A value that the body computes.
fn some_let(
    program: &Program,
    random: &mut Random,
    wanted: impl Fn(&ExprKind) -> bool,
) -> Option<ExprId> {
    let mut found = lets(program);
    found.retain(|id| wanted(&program.expr(*id).kind));
    pick(&found, random)
}

/// Another op in the place of one, or another variant of it.
fn op(program: &mut Program, random: &mut Random) -> Option<()> {
    use ExprKind::*;
    let id = some_let(program, random, |kind| {
        matches!(
            kind,
            Unary(..)
                | Binary(..)
                | Reduce(..)
                | Scan { .. }
                | ArgReduce { .. }
                | TopK { .. }
                | Transpose(..)
                | Slice { .. }
                | Concat(..)
                | Dot(..)
                | Unpack { .. }
                | Cast(_)
                | Part(..)
        )
    })?;
    let mut kind = program.expr(id).kind.clone();
    let rank = |of: ExprId| program.expr(of).ty.shape.len();
    match &mut kind {
        Unary(op, _) => *op = UNARY[random.below(UNARY.len())].op,
        Binary(op, a, b) => match random.chance(0.2) {
            true => std::mem::swap(a, b),
            false => *op = BINARY[random.below(BINARY.len())].op,
        },
        Reduce(op, of, axis) => match random.below(4) {
            0 => *axis = random.below(rank(*of)),
            1 => kind = ArgReduce { max: random.chance(0.5), of: *of, axis: *axis },
            _ => *op = REDUCE[random.below(REDUCE.len())].op,
        },
        Scan { op, of, axis, exclusive, reverse } => match random.below(4) {
            0 => *axis = random.below(rank(*of)),
            1 => *exclusive = !*exclusive,
            2 => *reverse = !*reverse,
            _ => *op = REDUCE[random.below(REDUCE.len())].op,
        },
        ArgReduce { max, of, axis } => match random.chance(0.3) {
            true => *axis = random.below(rank(*of)),
            false => *max = !*max,
        },
        TopK { k, .. } => *k = random.between(1, *k + 1),
        Transpose(_, order) => {
            let (a, b) = (random.below(order.len()), random.below(order.len()));
            order.swap(a, b);
        }
        Slice { axis, start, .. } => match random.chance(0.3) {
            true => *axis = random.below(4),
            false => *start = Extent::Const(random.below(9)),
        },
        Concat(parts, axis) => match random.chance(0.3) {
            true => *axis = random.below(4),
            false => parts.reverse(),
        },
        Dot(a, b) => std::mem::swap(a, b),
        Unpack { bits, .. } => *bits = random.between(1, 8) as u32,
        Part(_, part) => *part = random.below(3),
        // Without the conversion, or with the bits as they are; those of a float are what rounding makes of them.
        Cast(of) => match random.chance(0.7) || program.expr(*of).ty.dtype.is_float() {
            true => kind = Binary(crate::BinaryOp::Max, *of, *of),
            false => kind = Bitcast(*of),
        },
        _ => return None,
    }
    program.exprs[id.index()].kind = kind;
    Some(())
}

/// Another value in the place of an operand.
fn operand(program: &mut Program, random: &mut Random) -> Option<()> {
    let id = some_let(program, random, |kind| {
        let mut any = false;
        kind.operands(|_| any = true);
        any
    })?;
    let mut operands = Vec::new();
    program.expr(id).kind.operands(|of| operands.push(of));
    let number = random.below(operands.len());
    let by = alike(program, operands[number], random)?;
    let mut at = 0;
    program.exprs[id.index()].kind.map_operands(|of| {
        at += 1;
        if at == number + 1 { by } else { of }
    });
    Some(())
}

/// Another value of the same type, or, at times, of the same rank or element type.
fn alike(program: &Program, of: ExprId, random: &mut Random) -> Option<ExprId> {
    let Type { dtype, shape } = &program.expr(of).ty;
    let strictness = random.below(4);
    let mut others = lets(program);
    each(&program.body, &mut |stmt| {
        if let Stmt::For { index, .. } = stmt {
            others.push(*index);
        }
    });
    others.retain(|&other| {
        let ty = &program.expr(other).ty;
        other != of
            && match strictness {
                0 | 1 => ty.dtype == *dtype && ty.shape == *shape,
                2 => ty.dtype == *dtype,
                _ => ty.shape.len() == shape.len(),
            }
    });
    pick(&others, random)
}

/// Another number in the place of one.
fn number(program: &mut Program, random: &mut Random) -> Option<()> {
    let id = some_let(program, random, |kind| {
        matches!(kind, ExprKind::Const(_) | ExprKind::Size(_) | ExprKind::Load { .. })
    })?;
    let dtype = program.expr(id).ty.dtype;
    let dims = program.dims.len();
    match &mut program.exprs[id.index()].kind {
        ExprKind::Const(literal) => *literal = other(*literal, dtype, random),
        ExprKind::Size(extent) => *extent = other_extent(*extent, dims, random),
        ExprKind::Load { fill, .. } => *fill = other(*fill, dtype, random),
        _ => return None,
    }
    Some(())
}

fn other(literal: Literal, dtype: DType, random: &mut Random) -> Literal {
    let old = literal.value();
    let float = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 1e-3, 100.0, -old, 2.0 * old, old + 1.0];
    let int = [0.0, 1.0, 2.0, 3.0, 7.0, 8.0, 31.0, 32.0, 33.0, -1.0, old + 1.0, old - 1.0, -old];
    match dtype {
        DType::Bool => Literal::Bool(old == 0.0),
        _ if dtype.is_float() => Literal::Float(dtype.round(random.of(&float))),
        _ => Literal::Int(dtype.round(random.of(&int)) as i64),
    }
}

fn other_extent(extent: Extent, dims: usize, random: &mut Random) -> Extent {
    match (extent, random.below(4)) {
        (Extent::Const(n), 0) => Extent::Const(n + 1),
        (Extent::Const(n), 1) => Extent::Const(n.saturating_sub(1).max(1)),
        (Extent::Dim { dim, times }, 0) => Extent::Dim { dim, times: times % 3 + 1 },
        (_, 2) if dims > 0 => {
            Extent::Dim { dim: crate::DimId(random.below(dims) as u32), times: 1 }
        }
        _ => Extent::Const(random.of(&[1, 2, 3, 4, 5, 7, 8, 16, 17, 33])),
    }
}

/// Other elements of a tensor, or those of another one.
fn place(program: &mut Program, random: &mut Random) -> Option<()> {
    let (dims, params) = (program.dims.len(), program.params.clone());
    let mut places = 0;
    each_place(program, &mut |_| places += 1);
    let (number, mut at, mut chosen) = (random.below(places), 0, None);
    each_place(program, &mut |place| {
        if at == number {
            chosen = Some(place.clone());
        }
        at += 1;
    });
    let mut chosen = chosen?;
    if random.chance(0.2) {
        let rank = |param: &crate::Param| match &param.kind {
            ParamKind::Tensor { shape, .. } => shape.len(),
            ParamKind::Scalar { .. } => usize::MAX,
        };
        let others = (0..params.len()).filter(|&i| rank(&params[i]) == chosen.axes.len());
        let others: Vec<usize> = others.collect();
        chosen.param = ParamId(pick(&others, random)? as u32);
    } else if chosen.axes.len() > 1 && random.chance(0.2) {
        let (a, b) = (random.below(chosen.axes.len()), random.below(chosen.axes.len()));
        chosen.axes.swap(a, b);
    } else {
        let axis = random.below(chosen.axes.len());
        let tiles = lets(program);
        let index = |rank: usize, random: &mut Random| {
            let fits = |id: &&ExprId| {
                let ty = &program.expr(**id).ty;
                ty.shape.len() == rank && ty.dtype.is_int()
            };
            pick(&tiles.iter().filter(fits).copied().collect::<Vec<_>>(), random)
        };
        let axis = chosen.axes.get_mut(axis)?;
        *axis = match (*axis, random.below(5)) {
            (Axis::Range { start, len, step }, 0) => {
                Axis::Range { start, len: other_extent(len, dims, random), step }
            }
            (Axis::Range { start, len, step }, 1) => Axis::Range { start, len, step: step % 3 + 1 },
            (Axis::Range { start, .. }, 2) => Axis::At(start),
            (Axis::Range { len, step, .. }, _) => {
                Axis::Range { start: index(0, random)?, len, step }
            }
            (Axis::At(start), 0) => {
                Axis::Range { start, len: other_extent(Extent::Const(1), dims, random), step: 1 }
            }
            (_, 1) => Axis::Gather(index(1, random)?),
            (Axis::Gather(_), 2) => Axis::All,
            _ => Axis::At(index(0, random)?),
        };
    }
    let mut at = 0;
    each_place(program, &mut |place| {
        if at == number {
            *place = chosen.clone();
        }
        at += 1;
    });
    Some(())
}

/// Visits the places that the body loads from and stores to.
fn each_place(program: &mut Program, visit: &mut impl FnMut(&mut Place)) {
    for id in lets(program) {
        if let ExprKind::Load { place, .. } = &mut program.exprs[id.index()].kind {
            visit(place);
        }
    }
    each_mut(&mut program.body, &mut |stmt| {
        if let Stmt::Store { place, .. } = stmt {
            visit(place);
        }
    });
}

/// Another element type of a tensor, a scalar, or a conversion.
fn dtype(program: &mut Program, random: &mut Random) -> Option<()> {
    let to = random.of(&STORAGE);
    if random.chance(0.4) {
        let id = some_let(program, random, |kind| matches!(kind, ExprKind::Cast(_)))?;
        program.exprs[id.index()].ty.dtype = to;
        return Some(());
    }
    let number = random.below(program.params.len());
    match &mut program.params.get_mut(number)?.kind {
        ParamKind::Scalar { dtype, .. } => *dtype = to,
        // Indices that became floats would be none.
        ParamKind::Tensor { dtype, .. } if dtype.is_float() == to.is_float() => *dtype = to,
        ParamKind::Tensor { .. } => return None,
    }
    Some(())
}

/// Another start, end or step of a loop, or another condition.
fn bounds(program: &mut Program, random: &mut Random) -> Option<()> {
    let mut blocks = Vec::new();
    let mut at = 0;
    each(&program.body, &mut |stmt| {
        match stmt {
            Stmt::For { start, end, .. } => blocks.push((at, *start, *end)),
            Stmt::When { condition, .. } => blocks.push((at, *condition, *condition)),
            _ => {}
        }
        at += 1;
    });
    let (number, first, last) = pick(&blocks, random)?;
    let which = random.below(3);
    let by = alike(program, if which == 0 { first } else { last }, random)?;
    let steps = random.between(1, 4);
    edit(&mut program.body, number, &mut |block, at| match &mut block[at] {
        Stmt::For { start, .. } if which == 0 => *start = by,
        Stmt::For { end, .. } if which == 1 => *end = by,
        Stmt::For { step, .. } => *step = steps,
        Stmt::When { condition, .. } => *condition = by,
        _ => {}
    });
    Some(())
}

/// Statements in another order, twice, not at all, under a condition or in a loop; another value stored, or otherwise.
fn statement(program: &mut Program, random: &mut Random) -> Option<()> {
    let number = random.below(count(&program.body));
    let conditions: Vec<ExprId> = lets(program)
        .into_iter()
        .filter(|id| program.expr(*id).ty == Type { dtype: DType::Bool, shape: Vec::new() })
        .collect();
    let condition = pick(&conditions, random);
    let masks: Vec<ExprId> =
        lets(program).into_iter().filter(|id| program.expr(*id).ty.dtype == DType::Bool).collect();
    let mask_by = pick(&masks, random);
    let way = random.below(8);
    let mode_by = random.of(&[
        crate::StoreMode::Set,
        crate::StoreMode::AtomicAdd,
        crate::StoreMode::AtomicMax,
        crate::StoreMode::AtomicMin,
    ]);
    let mut stored = None;
    edit(&mut program.body, number, &mut |block, at| {
        if let Stmt::Store { value, .. } | Stmt::Set(_, value) = &block[at] {
            stored = Some(*value);
        }
    });
    let value_by = match stored {
        Some(value) => alike(program, value, random),
        None => None,
    };
    let mut done = false;
    edit(&mut program.body, number, &mut |block, at| {
        let (next, end) = (at + 1, block.len());
        done = match (way, &mut block[at]) {
            (0, Stmt::Store { .. } | Stmt::Set(..)) => {
                block.remove(at);
                true
            }
            (1, Stmt::Store { .. } | Stmt::Set(..)) => {
                let twice = block[at].clone();
                block.push(twice);
                true
            }
            (2, Stmt::Store { mask, .. }) => {
                *mask = if mask.is_some() { None } else { mask_by };
                true
            }
            (3, Stmt::Store { mode, .. }) => {
                *mode = mode_by;
                true
            }
            (4 | 5, Stmt::Store { value, .. } | Stmt::Set(_, value)) => match value_by {
                Some(by) => {
                    *value = by;
                    true
                }
                None => false,
            },
            (6, Stmt::Store { .. } | Stmt::Set(..) | Stmt::For { .. }) => match condition {
                Some(condition) => {
                    let body = vec![block.remove(at)];
                    block.insert(at, Stmt::When { condition, body });
                    true
                }
                None => false,
            },
            (_, Stmt::When { body, .. }) => {
                let body = std::mem::take(body);
                block.splice(at..=at, body);
                true
            }
            _ if next < end => {
                block.swap(at, next);
                true
            }
            _ => false,
        };
    });
    done.then_some(())
}

/// Another number of programs.
fn grid(program: &mut Program, random: &mut Random) -> Option<()> {
    let (dims, axes) = (program.dims.len(), program.grid.len());
    let axis = program.grid.get_mut(random.below(axes))?;
    match random.below(3) {
        0 => axis.block = random.between(1, 4),
        1 => axis.extent = other_extent(axis.extent, dims, random),
        _ => {
            let (a, b) = (random.below(axes), random.below(axes));
            program.grid.swap(a, b);
        }
    }
    Some(())
}
