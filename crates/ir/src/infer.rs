//! The types of expressions: what each kind takes and gives.
//!
//! [`infer`] is the one statement of the typing rules. The recorder and the text parser call it to find the type
//! of a new expression; [`crate::validate()`] calls it to check the type that an expression carries.

mod shape;

use crate::bind::show_extent;
use crate::{
    Axis, BinaryOp, Combine, DType, Expr, ExprId, ExprKind, Extent, Literal, ParamKind, Place,
    Program, Shape, TernaryOp, Type, UnaryOp,
};

/// The greatest number of axes of a tile.
pub const MAX_RANK: usize = 4;

/// The greatest product of the constant extents of a tile. Larger work is divided among programs or loops.
pub const MAX_TILE_ELEMENTS: usize = 1 << 24;

/// Writes a type as `f32[rows, 2*cols]`, a scalar as `f32`.
pub fn show_type(program: &Program, ty: &Type) -> String {
    let mut shown = String::from(ty.dtype.name());
    if !ty.shape.is_empty() {
        shown.push_str(&show_tile_shape(program, &ty.shape));
    }
    shown
}

/// Writes a shape as `[rows, 2*cols]`.
pub fn show_tile_shape(program: &Program, shape: &[Extent]) -> String {
    let mut shown = String::from("[");
    for (axis, &extent) in shape.iter().enumerate() {
        shown.push_str(if axis > 0 { ", " } else { "" });
        shown.push_str(&show_extent(program, extent));
    }
    shown.push(']');
    shown
}

/// The shape of `a` and `b` after NumPy broadcasting: axes are aligned at the right, equal extents stay, and a
/// constant 1 stretches. A named size equals only itself, since other values are known at launch at the earliest.
///
/// # Errors
/// When an axis does not fit; the message shows both shapes.
pub fn broadcast(program: &Program, a: &[Extent], b: &[Extent]) -> Result<Shape, String> {
    let rank = a.len().max(b.len());
    let at = |shape: &[Extent], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(Extent::Const(1), |i| shape[i])
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Ok(x),
            (Extent::Const(1), other) | (other, Extent::Const(1)) => Ok(other),
            (x, y) => Err(format!(
                "shapes {} and {} do not broadcast: {} is neither {} nor 1",
                show_tile_shape(program, a),
                show_tile_shape(program, b),
                show_extent(program, x),
                show_extent(program, y)
            )),
        })
        .collect()
}

/// The type of an expression of this kind.
///
/// For most kinds it follows from the operands. `hint` tells the rest: the dtype of `Const` (default bool, i32 or
/// f32 by the literal), `Cast`, `Bitcast`, `Unpack` (default i32) and `Argument`, and the shape of `Broadcast`,
/// `Reshape` and `Slice`. A hint for any other kind is ignored.
///
/// Rules that depend on where the expression stands (scope, loops, the number of grid axes) are
/// [`crate::validate()`]'s.
///
/// # Errors
/// A sentence for the author of the kernel: what does not fit, and what would.
pub fn infer(program: &Program, kind: &ExprKind, hint: Option<&Type>) -> Result<Type, String> {
    let ty = Inference { program, hint }.kind(kind)?;
    check_tile(program, &ty)?;
    Ok(ty)
}

/// Checks what holds for every tile: its rank, its size and its extents.
pub(crate) fn check_tile(program: &Program, ty: &Type) -> Result<(), String> {
    let rank = ty.shape.len();
    if rank > MAX_RANK {
        let shown = show_type(program, ty);
        return Err(format!("{shown} has {rank} axes, a tile has at most {MAX_RANK}"));
    }
    let mut elements = 1usize;
    for &extent in &ty.shape {
        match extent {
            Extent::Const(n) => elements = elements.saturating_mul(n),
            Extent::Dim { dim, .. } if dim.index() >= program.dims.len() => {
                return Err(format!("the size with index {} does not exist", dim.0));
            }
            Extent::Dim { times: 0, .. } => {
                return Err("a named size is multiplied by 0; the factor is at least 1".into());
            }
            Extent::Dim { .. } => {}
        }
    }
    if elements > MAX_TILE_ELEMENTS {
        let shown = show_type(program, ty);
        return Err(format!(
            "{shown} has {elements} elements, more than the {MAX_TILE_ELEMENTS} of one tile: \
             divide it among programs or a loop"
        ));
    }
    Ok(())
}

/// Checks that a literal can be a value of `dtype`.
pub(crate) fn check_literal(literal: Literal, dtype: DType) -> Result<(), String> {
    let fits = match literal {
        Literal::Bool(_) => dtype == DType::Bool,
        Literal::Int(i) => match dtype {
            DType::Bool => i == 0 || i == 1,
            _ if dtype.is_float() => true,
            _ => dtype.round(i as f64) == i as f64,
        },
        Literal::Float(_) => dtype.is_float(),
    };
    match fits {
        true => Ok(()),
        false => Err(format!("the literal {} is no {dtype}", show_literal(literal))),
    }
}

fn show_literal(literal: Literal) -> String {
    match literal {
        Literal::Bool(b) => b.to_string(),
        Literal::Int(i) => i.to_string(),
        Literal::Float(x) => format!("{x:?}"),
    }
}

struct Inference<'a> {
    program: &'a Program,
    hint: Option<&'a Type>,
}

impl Inference<'_> {
    fn kind(&self, kind: &ExprKind) -> Result<Type, String> {
        let index = Type { dtype: DType::I32, shape: Vec::new() };
        match kind {
            ExprKind::Const(literal) => self.literal(*literal),
            ExprKind::Scalar(param) => match self.program.params.get(param.index()) {
                Some(p) => match &p.kind {
                    ParamKind::Scalar { dtype, .. } => Ok(scalar(*dtype)),
                    ParamKind::Tensor { .. } => {
                        Err(format!("`{}` is a tensor: load it with a place", p.name))
                    }
                },
                None => Err(format!("the parameter with index {} does not exist", param.0)),
            },
            ExprKind::Size(extent) => {
                check_tile(self.program, &Type { dtype: DType::I32, shape: vec![*extent] })?;
                Ok(index)
            }
            ExprKind::Program(_) | ExprKind::LoopIndex => Ok(index),
            ExprKind::Argument => Ok(scalar(self.hinted("an argument")?.dtype)),
            ExprKind::Iota(len) => Ok(Type { dtype: DType::I32, shape: vec![*len] }),
            ExprKind::Unary(op, a) => self.unary(*op, *a),
            ExprKind::Binary(op, a, b) => self.binary(*op, *a, *b),
            ExprKind::Ternary(op, operands) => self.ternary(*op, operands),
            ExprKind::Cast(a) => {
                Ok(Type { dtype: self.hinted("a cast")?.dtype, shape: self.of(*a)?.shape.clone() })
            }
            ExprKind::Bitcast(a) => self.bitcast(*a),
            ExprKind::Broadcast(a) => self.broadcast(*a),
            ExprKind::Reshape(a) => self.reshape(*a),
            ExprKind::Transpose(a, order) => self.transpose(*a, order),
            ExprKind::Slice { of, axis, start } => self.slice(*of, *axis, *start),
            ExprKind::Concat(parts, axis) => self.concat(parts, *axis),
            ExprKind::Pick { of, indices } => self.pick(*of, *indices),
            ExprKind::Reduce(op, of, axis) => {
                let row = op.row();
                let ty = self.accepted(*of, row.name, row.types)?;
                self.reduced(ty, *axis, row.name)
            }
            ExprKind::ArgReduce { max, of, axis } => {
                let name = if *max { "argmax" } else { "argmin" };
                let ty = self.accepted(*of, name, crate::op::Types::Number)?;
                Ok(Type { dtype: DType::U32, ..self.reduced(ty, *axis, name)? })
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                let ty = self.components(of, combine, "reduce_by")?;
                self.constants(of, identity, ["reduce_by", "identities", "an identity"])?;
                self.reduced(ty, *axis, "reduce_by")
            }
            ExprKind::Scan { op, of, axis, .. } => {
                let row = op.row();
                let ty = self.accepted(*of, row.name, row.types)?;
                self.axis(ty, *axis, row.name)?;
                Ok(ty.clone())
            }
            ExprKind::ScanBy { of, axis, combine, exclusive, .. } => {
                let ty = self.components(of, combine, "scan_by")?;
                if let Some(first) = exclusive {
                    self.constants(of, first, ["scan_by", "first results", "a first result"])?;
                }
                self.axis(ty, *axis, "scan_by")?;
                Ok(ty.clone())
            }
            ExprKind::TopK { of, k } => self.top_k(*of, *k),
            ExprKind::Part(of, part) => self.part(*of, *part),
            ExprKind::Dot(a, b) => self.dot(*a, *b),
            ExprKind::Unpack { of, bits } => self.unpack(*of, *bits),
            ExprKind::Get(var) => match self.program.vars.get(var.index()) {
                Some(variable) => Ok(variable.ty.clone()),
                None => Err(format!("the variable with index {} does not exist", var.0)),
            },
            ExprKind::Load { place, fill } => {
                let ty = place_type(self.program, place)?;
                check_literal(*fill, ty.dtype).map_err(|e| format!("fill value: {e}"))?;
                Ok(ty)
            }
        }
    }

    fn expr(&self, id: ExprId) -> Result<&Expr, String> {
        let missing = || format!("the value %{} does not exist", id.0);
        self.program.exprs.get(id.index()).ok_or_else(missing)
    }

    fn of(&self, id: ExprId) -> Result<&Type, String> {
        Ok(&self.expr(id)?.ty)
    }

    fn hinted(&self, what: &str) -> Result<&Type, String> {
        self.hint.ok_or_else(|| format!("{what} does not tell its own type"))
    }

    fn show(&self, ty: &Type) -> String {
        show_type(self.program, ty)
    }

    fn literal(&self, literal: Literal) -> Result<Type, String> {
        let dtype = match (self.hint, literal) {
            (Some(hint), _) => hint.dtype,
            (None, Literal::Bool(_)) => DType::Bool,
            (None, Literal::Int(_)) => DType::I32,
            (None, Literal::Float(_)) => DType::F32,
        };
        check_literal(literal, dtype)?;
        Ok(scalar(dtype))
    }

    /// The type of operand `id`, if an op named `name` takes it.
    fn accepted(&self, id: ExprId, name: &str, types: crate::op::Types) -> Result<&Type, String> {
        let ty = self.of(id)?;
        match types.accepts(ty.dtype) {
            true => Ok(ty),
            false => Err(format!(
                "`{name}` takes {}, not {}: convert it first",
                types.describe(),
                self.show(ty)
            )),
        }
    }

    /// The common dtype and the joined shape of the operands of an op named `name`.
    fn joined(&self, operands: &[ExprId], name: &str) -> Result<Type, String> {
        let mut joined = self.of(operands[0])?.clone();
        for &id in &operands[1..] {
            let ty = self.of(id)?;
            if ty.dtype != joined.dtype {
                return Err(format!(
                    "`{name}` needs operands of one type, got {} and {}: convert one of them",
                    self.show(&joined),
                    self.show(ty)
                ));
            }
            joined.shape = broadcast(self.program, &joined.shape, &ty.shape)
                .map_err(|e| format!("`{name}`: {e}"))?;
        }
        Ok(joined)
    }

    fn unary(&self, op: UnaryOp, a: ExprId) -> Result<Type, String> {
        let row = op.row();
        let ty = self.accepted(a, row.name, row.types)?;
        Ok(Type { dtype: row.types.result(ty.dtype), shape: ty.shape.clone() })
    }

    fn binary(&self, op: BinaryOp, a: ExprId, b: ExprId) -> Result<Type, String> {
        let row = op.row();
        self.accepted(a, row.name, row.types)?;
        let ty = self.joined(&[a, b], row.name)?;
        Ok(Type { dtype: row.types.result(ty.dtype), ..ty })
    }

    fn ternary(&self, op: TernaryOp, operands: &[ExprId; 3]) -> Result<Type, String> {
        let [a, b, c] = *operands;
        let name = op.name();
        match op {
            TernaryOp::Select => {
                let condition = self.of(a)?;
                if condition.dtype != DType::Bool {
                    return Err(format!(
                        "`select` needs a bool condition, got {}: compare it with something",
                        self.show(condition)
                    ));
                }
                let ty = self.joined(&[b, c], name)?;
                let shape = broadcast(self.program, &condition.shape, &ty.shape)
                    .map_err(|e| format!("`select`: {e}"))?;
                Ok(Type { dtype: ty.dtype, shape })
            }
            TernaryOp::Fma => {
                self.accepted(a, name, op.row().types)?;
                self.joined(operands, name)
            }
            TernaryOp::Philox => {
                let ty = self.joined(operands, name)?;
                match ty.dtype {
                    DType::U32 => Ok(ty),
                    _ => {
                        Err(format!("`philox` takes u32, not {}: convert it first", self.show(&ty)))
                    }
                }
            }
        }
    }

    fn bitcast(&self, a: ExprId) -> Result<Type, String> {
        let (from, to) = (self.of(a)?, self.hinted("a bit cast")?.dtype);
        if from.dtype.size() != to.size() {
            return Err(format!(
                "a bit cast keeps the size: {} has {} bytes, {to} has {}",
                from.dtype,
                from.dtype.size(),
                to.size()
            ));
        }
        if (from.dtype == DType::Bool) != (to == DType::Bool) {
            return Err("bool has no bits to reinterpret: convert it with a cast".into());
        }
        Ok(Type { dtype: to, shape: from.shape.clone() })
    }

    /// The extent of `axis` of `ty`, which an op named `name` works along.
    fn axis(&self, ty: &Type, axis: usize, name: &str) -> Result<Extent, String> {
        ty.shape.get(axis).copied().ok_or_else(|| {
            format!("`{name}` works along axis {axis}, which {} does not have", self.show(ty))
        })
    }

    fn reduced(&self, ty: &Type, axis: usize, name: &str) -> Result<Type, String> {
        self.axis(ty, axis, name)?;
        let mut shape = ty.shape.clone();
        shape[axis] = Extent::Const(1);
        Ok(Type { dtype: ty.dtype, shape })
    }

    /// Checks a user-defined reduction or scan; its first component's type.
    fn components(&self, of: &[ExprId], combine: &Combine, name: &str) -> Result<&Type, String> {
        let Some(&first) = of.first() else {
            return Err(format!("`{name}` needs at least one component"));
        };
        let shape = &self.of(first)?.shape;
        for (part, list) in
            [("left", &combine.left), ("right", &combine.right), ("result", &combine.results)]
        {
            if list.len() != of.len() {
                return Err(format!(
                    "`{name}` has {} components but its function has {} {part} values",
                    of.len(),
                    list.len()
                ));
            }
            for (&component, &value) in of.iter().zip(list) {
                let (component, value) = (self.of(component)?, self.of(value)?);
                if *value != scalar(component.dtype) {
                    return Err(format!(
                        "a {part} value of `{name}`'s function is {}, expected {}",
                        self.show(value),
                        component.dtype
                    ));
                }
            }
        }
        for &id in of {
            let ty = self.of(id)?;
            if ty.shape != *shape {
                return Err(format!(
                    "the components of `{name}` have one shape, got {} and {}",
                    show_tile_shape(self.program, shape),
                    show_tile_shape(self.program, &ty.shape)
                ));
            }
        }
        self.of(first)
    }

    fn top_k(&self, of: ExprId, k: usize) -> Result<Type, String> {
        let ty = self.accepted(of, "topk", crate::op::Types::Number)?;
        let Some((&extent, leading)) = ty.shape.split_last() else {
            return Err("`topk` works along the last axis, which a scalar does not have".into());
        };
        if k == 0 {
            return Err("`topk` takes at least one element: k is 0".into());
        }
        if extent.constant().is_some_and(|n| k > n) {
            return Err(format!(
                "`topk` cannot take {k} of the {} elements along the last axis",
                show_extent(self.program, extent)
            ));
        }
        let shape = leading.iter().copied().chain([Extent::Const(k)]).collect();
        Ok(Type { dtype: ty.dtype, shape })
    }

    /// Checks the constants that stand for nothing joined, one a component.
    fn constants(
        &self,
        of: &[ExprId],
        constants: &[ExprId],
        [name, several, one]: [&str; 3],
    ) -> Result<(), String> {
        if constants.len() != of.len() {
            let (n, m) = (of.len(), constants.len());
            return Err(format!("`{name}` has {n} components but {m} {several}"));
        }
        for (&part, &constant) in of.iter().zip(constants) {
            let (part, constant) = (self.of(part)?, self.expr(constant)?);
            let is_constant = matches!(constant.kind, ExprKind::Const(_));
            if !is_constant || constant.ty != scalar(part.dtype) {
                let (part, found) = (part.dtype, self.show(&constant.ty));
                return Err(format!("{one} of `{name}` is a constant {part}, not {found}"));
            }
        }
        Ok(())
    }

    fn part(&self, of: ExprId, part: usize) -> Result<Type, String> {
        let expr = self.expr(of)?;
        let dtype = match &expr.kind {
            ExprKind::TopK { .. } if part == 1 => Some(DType::U32),
            ExprKind::ReduceBy { of, .. } | ExprKind::ScanBy { of, .. } if part > 0 => {
                of.get(part).map(|&id| self.of(id).map(|ty| ty.dtype)).transpose()?
            }
            _ => None,
        };
        match dtype {
            Some(dtype) => Ok(Type { dtype, shape: expr.ty.shape.clone() }),
            None => Err(format!("%{} has no result number {part}", of.0)),
        }
    }

    fn dot(&self, a: ExprId, b: ExprId) -> Result<Type, String> {
        let (left, right) = (self.of(a)?, self.of(b)?);
        let both = || format!("got {} and {}", self.show(left), self.show(right));
        if left.dtype != right.dtype || left.dtype == DType::Bool {
            return Err(format!("`dot` takes two tiles of one number type, {}", both()));
        }
        let ([m, k], [inner, n]) = (&left.shape[..], &right.shape[..]) else {
            return Err(format!("`dot` takes tiles [m, k] and [k, n], {}", both()));
        };
        if k != inner {
            return Err(format!("`dot` takes tiles [m, k] and [k, n] of one k, {}", both()));
        }
        let dtype = match left.dtype {
            DType::F64 => DType::F64,
            float if float.is_float() => DType::F32,
            _ => DType::I32,
        };
        Ok(Type { dtype, shape: vec![*m, *n] })
    }
}

/// The type of the tile at a place: the parameter's dtype, an axis for each that is not `At`.
///
/// # Errors
/// When the parameter is no tensor, or an index has the wrong type or number.
pub fn place_type(program: &Program, place: &Place) -> Result<Type, String> {
    let Some(param) = program.params.get(place.param.index()) else {
        return Err(format!("the parameter with index {} does not exist", place.param.0));
    };
    let ParamKind::Tensor { dtype, shape, .. } = &param.kind else {
        return Err(format!("`{}` is a scalar and has no elements to load or store", param.name));
    };
    if shape.len() != place.axes.len() {
        return Err(format!(
            "`{}` has {} axes, {}; the place names {}",
            param.name,
            shape.len(),
            show_tile_shape(program, shape),
            place.axes.len()
        ));
    }
    let index = |id: ExprId, number: usize| -> Result<&Type, String> {
        let ty = program.exprs.get(id.index()).map(|e| &e.ty);
        ty.ok_or_else(|| format!("the index %{} of axis {number} does not exist", id.0))
    };
    let position = |id: ExprId, number: usize| -> Result<(), String> {
        let ty = index(id, number)?;
        if *ty == scalar(DType::I32) {
            return Ok(());
        }
        let shown = show_type(program, ty);
        Err(format!("axis {number} of `{}` is indexed by {shown}, expected i32", param.name))
    };
    let mut tile = Vec::new();
    for (number, (&extent, &axis)) in shape.iter().zip(&place.axes).enumerate() {
        match axis {
            Axis::At(id) => position(id, number)?,
            Axis::Range { start, len, step } => {
                position(start, number)?;
                if step == 0 {
                    return Err(format!(
                        "the range of axis {number} of `{}` has step 0",
                        param.name
                    ));
                }
                tile.push(len);
            }
            Axis::All => tile.push(extent),
            Axis::Gather(id) => {
                let ty = index(id, number)?;
                let ([len], DType::I32 | DType::U32) = (&ty.shape[..], ty.dtype) else {
                    return Err(format!(
                        "axis {number} of `{}` is gathered by {}, expected a tile i32[n] or u32[n]",
                        param.name,
                        show_type(program, ty)
                    ));
                };
                tile.push(*len);
            }
        }
    }
    Ok(Type { dtype: *dtype, shape: tile })
}

fn scalar(dtype: DType) -> Type {
    Type { dtype, shape: Vec::new() }
}
