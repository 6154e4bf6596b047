//! Types that fit again after a change: conversions where an op, a tensor or a variable takes another element type, and
//! broadcasting where one takes another shape.

use crate::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Literal, ParamKind, Place, Program, Stmt, TernaryOp,
    Type, infer,
};

/// Infers every type of the body anew, with conversions before what needs them.
pub fn repair(program: &mut Program) -> Result<(), String> {
    let body = std::mem::take(&mut program.body);
    program.body = block(program, body)?;
    Ok(())
}

fn block(program: &mut Program, body: Vec<Stmt>) -> Result<Vec<Stmt>, String> {
    let mut out = Vec::with_capacity(body.len());
    for mut stmt in body {
        match &mut stmt {
            Stmt::Let(id) => value(program, *id, &mut out)?,
            Stmt::Set(var, of) => {
                let ty = program.vars.get(var.index()).ok_or("no such variable")?.ty.clone();
                *of = cast(program, *of, ty.dtype, &mut out);
                if program.expr(*of).ty.shape != ty.shape {
                    *of = push(program, ExprKind::Broadcast(*of), ty, &mut out);
                }
            }
            Stmt::Store { place, value, mask, .. } => {
                indices(program, place, &mut out)?;
                if let ParamKind::Tensor { dtype, .. } = program.param(place.param).kind {
                    *value = cast(program, *value, dtype, &mut out);
                }
                if let Some(mask) = mask {
                    *mask = cast(program, *mask, DType::Bool, &mut out);
                }
            }
            Stmt::For { start, end, body, .. } => {
                *start = cast(program, *start, DType::I32, &mut out);
                *end = cast(program, *end, DType::I32, &mut out);
                *body = block(program, std::mem::take(body))?;
            }
            Stmt::When { condition, body } => {
                *condition = cast(program, *condition, DType::Bool, &mut out);
                *body = block(program, std::mem::take(body))?;
            }
        }
        out.push(stmt);
    }
    Ok(out)
}

fn value(program: &mut Program, id: ExprId, out: &mut Vec<Stmt>) -> Result<(), String> {
    let mut kind = program.expr(id).kind.clone();
    let dtype = |of: ExprId, program: &Program| program.expr(of).ty.dtype;
    match &mut kind {
        ExprKind::Const(literal) => *literal = fitting(*literal, program.expr(id).ty.dtype),
        ExprKind::Unary(op, a) => {
            let to = accepted(op.row().types, dtype(*a, program));
            *a = cast(program, *a, to, out);
        }
        ExprKind::Binary(op, a, b) => {
            let to = accepted(op.row().types, dtype(*a, program));
            // Both are numbers where one is: a truth value beside an index is counted.
            let to = match (to, dtype(*b, program), op) {
                (DType::Bool, other, BinaryOp::Eq | BinaryOp::Ne) => other,
                (to, ..) => to,
            };
            *a = cast(program, *a, to, out);
            *b = cast(program, *b, to, out);
        }
        ExprKind::Ternary(TernaryOp::Select, [condition, a, b]) => {
            *condition = cast(program, *condition, DType::Bool, out);
            let to = dtype(*a, program);
            *b = cast(program, *b, to, out);
        }
        ExprKind::Ternary(op, abc) => {
            let first = dtype(abc[0], program);
            let to = match op {
                TernaryOp::Philox => DType::U32,
                _ => accepted(op.row().types, first),
            };
            for operand in abc {
                *operand = cast(program, *operand, to, out);
            }
        }
        ExprKind::Reduce(op, of, _) | ExprKind::Scan { op, of, .. } => {
            let to = accepted(op.row().types, dtype(*of, program));
            *of = cast(program, *of, to, out);
        }
        ExprKind::ReduceBy { of, combine, .. } | ExprKind::ScanBy { of, combine, .. } => {
            for (of, argument) in of.iter_mut().zip(&combine.left) {
                let to = dtype(*argument, program);
                *of = cast(program, *of, to, out);
            }
        }
        ExprKind::Concat(parts, _) => {
            let to = parts.first().map(|of| dtype(*of, program)).ok_or("no parts")?;
            for part in parts {
                *part = cast(program, *part, to, out);
            }
        }
        ExprKind::Pick { indices, .. } if !is_index(dtype(*indices, program)) => {
            *indices = cast(program, *indices, DType::I32, out);
        }
        ExprKind::Dot(a, b) => {
            let to = dtype(*a, program);
            *b = cast(program, *b, to, out);
        }
        ExprKind::Unpack { of, .. } => {
            let to = match dtype(*of, program) {
                DType::U8 | DType::I8 => DType::U8,
                _ => DType::U32,
            };
            *of = cast(program, *of, to, out);
        }
        ExprKind::Load { place, fill } => {
            indices(program, place, out)?;
            let param = program.params.get(place.param.index()).ok_or("no such tensor")?;
            match param.kind {
                ParamKind::Tensor { dtype, .. } => *fill = fitting(*fill, dtype),
                ParamKind::Scalar { .. } => return Err("no tensor".into()),
            }
        }
        _ => {}
    }
    let hint = program.expr(id).ty.clone();
    let ty = infer(program, &kind, Some(&hint))?;
    let expr = &mut program.exprs[id.index()];
    (expr.kind, expr.ty) = (kind, ty);
    Ok(())
}

fn is_index(dtype: DType) -> bool {
    matches!(dtype, DType::I32 | DType::U32)
}

/// Positions as they have to be.
fn indices(program: &mut Program, place: &mut Place, out: &mut Vec<Stmt>) -> Result<(), String> {
    for axis in &mut place.axes {
        match axis {
            Axis::At(id) | Axis::Range { start: id, .. } => {
                *id = cast(program, *id, DType::I32, out);
            }
            Axis::Gather(id) if !is_index(program.expr(*id).ty.dtype) => {
                *id = cast(program, *id, DType::I32, out);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The type nearest to `dtype` that an op takes.
fn accepted(types: crate::op::Types, dtype: DType) -> DType {
    if types.accepts(dtype) {
        dtype
    } else if types.accepts(DType::F32) {
        DType::F32
    } else {
        DType::I32
    }
}

/// A literal as one of that type.
fn fitting(literal: Literal, dtype: DType) -> Literal {
    let value = dtype.round(literal.value());
    match (dtype, literal) {
        (DType::Bool, _) => Literal::Bool(value != 0.0),
        (_, Literal::Int(_)) if dtype.is_float() => literal,
        _ if dtype.is_float() => Literal::Float(literal.value()),
        _ => Literal::Int(value as i64),
    }
}

fn cast(program: &mut Program, of: ExprId, to: DType, out: &mut Vec<Stmt>) -> ExprId {
    let Type { dtype, shape } = &program.expr(of).ty;
    if *dtype == to {
        return of;
    }
    let ty = Type { dtype: to, shape: shape.clone() };
    push(program, ExprKind::Cast(of), ty, out)
}

fn push(program: &mut Program, kind: ExprKind, ty: Type, out: &mut Vec<Stmt>) -> ExprId {
    let id = program.push(kind, ty, None);
    out.push(Stmt::Let(id));
    id
}
