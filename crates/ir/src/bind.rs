//! Binding: from the shapes of a caller's tensors to the values of a program's sizes.

use crate::pieces::divisible;
use crate::{Access, ExprKind, Extent, Param, ParamKind, Program, Stmt};

/// The greatest size: indices inside a kernel are i32. Maps of more elements go in [pieces](crate::pieces).
pub const MOST: usize = i32::MAX as usize;

/// The sizes of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bindings {
    /// Value of each [`crate::Dim`], in order.
    pub dims: Vec<usize>,
    /// Shape of each parameter as the caller sees it (leading axes not flattened); empty for scalars.
    pub shapes: Vec<Vec<usize>>,
    /// Shape of each parameter as the kernel sees it; empty for scalars.
    pub kernel_shapes: Vec<Vec<usize>>,
}

impl Bindings {
    /// Programs along each grid axis.
    pub fn grid(&self, program: &Program) -> Vec<usize> {
        program.grid.iter().map(|axis| axis.programs(&self.dims)).collect()
    }
}

/// Why a call's shapes do not fit the kernel; the message names the tensor and the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError(pub String);

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

/// Writes a shape as `[4, 8]`.
pub fn show_shape(shape: &[usize]) -> String {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", axes.join(", "))
}

/// Writes a parameter's declared shape as `[*rows, 2*cols]`.
pub fn show_declared(program: &Program, param: &Param) -> String {
    let ParamKind::Tensor { shape, leading, .. } = &param.kind else {
        return "a scalar".into();
    };
    let axes: Vec<String> = shape
        .iter()
        .enumerate()
        .map(|(i, e)| {
            format!("{}{}", if i == 0 && *leading { "*" } else { "" }, show_extent(program, *e))
        })
        .collect();
    format!("[{}]", axes.join(", "))
}

/// Writes an extent as `4`, `cols` or `2*cols`.
pub fn show_extent(program: &Program, extent: Extent) -> String {
    match extent {
        Extent::Const(n) => n.to_string(),
        Extent::Dim { dim, times } => {
            let name = program.dims.get(dim.index()).map_or("?", |d| d.name.as_str());
            if times == 1 { name.to_string() } else { format!("{times}*{name}") }
        }
    }
}

/// Binds the sizes of `program` for one call.
///
/// `shapes` has one entry a parameter: the caller's shape, or `None` for scalars and for outputs still to be
/// made, whose shapes follow. `named` gives sizes by name, for those that no input's shape tells.
///
/// # Errors
/// When a rank, an axis or a repeated size does not fit, when an element count overflows, or when a size stays
/// unknown.
pub fn bind(
    program: &Program,
    shapes: &[Option<Vec<usize>>],
    named: &[(&str, usize)],
) -> Result<Bindings, BindError> {
    let fail = |text: String| Err(BindError(format!("{}: {text}", program.name)));
    let mut values: Vec<Option<usize>> = vec![None; program.dims.len()];
    let mut told_by: Vec<String> = vec![String::new(); program.dims.len()];
    for (name, value) in named {
        let Some(i) = program.dims.iter().position(|d| d.name == *name) else {
            return fail(format!("there is no size named `{name}`"));
        };
        values[i] = Some(*value);
        told_by[i] = "the caller".into();
    }
    let mut leading_axes: Vec<(Extent, Vec<usize>)> = Vec::new();
    for (param, given) in program.params.iter().zip(shapes) {
        let (ParamKind::Tensor { shape, leading, .. }, Some(given)) = (&param.kind, given) else {
            continue;
        };
        let declared = show_declared(program, param);
        let mismatch = |why: String| {
            let given = show_shape(given);
            BindError(format!(
                "{}: `{}` has shape {given}, expected {declared}: {why}",
                program.name, param.name
            ))
        };
        let seen = kernel_shape(given, shape.len(), *leading)
            .ok_or_else(|| mismatch(format!("rank {} does not fit", given.len())))?;
        if *leading && !shape.is_empty() {
            let axes = given[..given.len() + 1 - shape.len()].to_vec();
            leading_axes.push((shape[0], axes));
        }
        for (axis, (&extent, &size)) in shape.iter().zip(&seen).enumerate() {
            match extent {
                Extent::Const(n) if n == size => {}
                Extent::Const(n) => {
                    return Err(mismatch(format!("axis {axis} must be {n}, got {size}")));
                }
                Extent::Dim { dim, times } => {
                    if size % times != 0 {
                        return Err(mismatch(format!(
                            "axis {axis} must be a multiple of {times}, got {size}"
                        )));
                    }
                    let value = size / times;
                    let known = &mut values[dim.index()];
                    match *known {
                        None => {
                            *known = Some(value);
                            told_by[dim.index()] = format!("`{}`", param.name);
                        }
                        Some(before) if before == value => {}
                        Some(before) => {
                            let name = &program.dims[dim.index()].name;
                            return Err(mismatch(format!(
                                "axis {axis} makes {name} = {value}, but {} makes it {before}",
                                told_by[dim.index()]
                            )));
                        }
                    }
                }
            }
        }
    }
    let mut dims = Vec::with_capacity(values.len());
    for (dim, value) in program.dims.iter().zip(values) {
        let known = dim.rule.of().all(|of| of.index() < dims.len());
        let follows = if known { dim.rule.value(|of| dims[of.index()]) } else { None };
        match follows.or(value) {
            Some(value) => dims.push(value),
            _ => {
                return fail(format!(
                    "the size `{}` is not told by any input; pass it by name",
                    dim.name
                ));
            }
        }
    }
    let too_long = |(i, size): &(usize, &usize)| {
        **size > MOST && divisible(program).is_none_or(|dim| dim.index() != *i)
    };
    if let Some((i, size)) = dims.iter().enumerate().find(too_long) {
        let name = &program.dims[i].name;
        return fail(format!(
            "the size `{name}` is {size}, more than the {MOST} that a kernel counts along an axis"
        ));
    }
    // Told here in the caller's terms, before a device meets a position that is not there.
    if let Some((k, row)) = short_row(program, &program.body, &dims) {
        return fail(format!("the {k} greatest of {row} elements are asked for"));
    }
    let mut bound = Bindings { dims, shapes: Vec::new(), kernel_shapes: Vec::new() };
    for (param, given) in program.params.iter().zip(shapes) {
        let ParamKind::Tensor { shape, leading, dtype, .. } = &param.kind else {
            bound.shapes.push(Vec::new());
            bound.kernel_shapes.push(Vec::new());
            continue;
        };
        let kernel: Vec<usize> = shape.iter().map(|e| e.value(&bound.dims)).collect();
        let bytes = kernel.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        if bytes.is_none_or(|n| n > isize::MAX as usize) {
            return fail(format!("`{}` of shape {} is too large", param.name, show_shape(&kernel)));
        }
        let caller = match given {
            Some(given) => given.clone(),
            None => match leading_axes.iter().find(|(extent, _)| *leading && *extent == shape[0]) {
                Some((_, axes)) => axes.iter().chain(&kernel[1..]).copied().collect(),
                None => kernel.clone(),
            },
        };
        bound.shapes.push(caller);
        bound.kernel_shapes.push(kernel);
    }
    Ok(bound)
}

/// The first top-k in `body` that asks for more elements than its row has, and both numbers.
fn short_row(program: &Program, body: &[Stmt], dims: &[usize]) -> Option<(usize, usize)> {
    body.iter().find_map(|statement| match statement {
        Stmt::Let(id) => {
            let ExprKind::TopK { of, k } = program.expr(*id).kind else { return None };
            let row = program.expr(of).ty.shape.last().map_or(1, |extent| extent.value(dims));
            (row < k).then_some((k, row))
        }
        Stmt::For { body, .. } | Stmt::When { body, .. } => short_row(program, body, dims),
        Stmt::Set(..) | Stmt::Store { .. } => None,
    })
}

/// The caller's shape as the kernel sees it: leading axes flattened to one (of extent 1 when there are none).
fn kernel_shape(given: &[usize], rank: usize, leading: bool) -> Option<Vec<usize>> {
    if !leading {
        return (given.len() == rank).then(|| given.to_vec());
    }
    if given.len() + 1 < rank {
        return None;
    }
    let (outer, inner) = given.split_at(given.len() + 1 - rank);
    let rows = outer.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    Some(std::iter::once(rows).chain(inner.iter().copied()).collect())
}

/// The parameters that a kernel writes, in order.
pub fn outputs(program: &Program) -> impl Iterator<Item = (usize, &Param)> {
    program.params.iter().enumerate().filter(|(_, p)| {
        matches!(p.kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. })
    })
}

/// The parameters that a kernel reads, scalars included, in order.
pub fn inputs(program: &Program) -> impl Iterator<Item = (usize, &Param)> {
    program
        .params
        .iter()
        .enumerate()
        .filter(|(_, p)| !matches!(p.kind, ParamKind::Tensor { access: Access::Out, .. }))
}
