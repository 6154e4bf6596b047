//! Signatures of generated programs: only the parameters and sizes that a program needs.

use tilewright_ir::{
    Access, Axis, DimId, DimRule, ExprKind, Extent, GridAxis, Param, ParamId, ParamKind, Place,
    Program, Shape, Stmt,
};

/// Drops parameters and sizes that `program` does not use.
///
/// An unused input stays when it alone tells a size; inputs are preferred in their order.
pub(super) fn trim(program: &mut Program) {
    let mut params = vec![false; program.params.len()];
    let mut dims = vec![false; program.dims.len()];
    mark_used(program, &mut params, &mut dims);
    // An input that is kept for one size may bring another.
    loop {
        let before = dims.clone();
        tell_sizes(program, &mut params, &mut dims);
        if dims == before {
            break;
        }
    }
    renumber(program, &params, &dims);
}

fn mark_extent(extent: Extent, dims: &mut [bool]) {
    if let Extent::Dim { dim, .. } = extent {
        dims[dim.index()] = true;
    }
}

fn mark_used(program: &Program, params: &mut [bool], dims: &mut [bool]) {
    for expr in &program.exprs {
        expr.ty.shape.iter().for_each(|e| mark_extent(*e, dims));
        match &expr.kind {
            ExprKind::Scalar(param) => params[param.index()] = true,
            ExprKind::Load { place, .. } => params[place.param.index()] = true,
            ExprKind::Size(extent) | ExprKind::Iota(extent) => mark_extent(*extent, dims),
            _ => {}
        }
    }
    mark_stores(&program.body, params, dims);
    for axis in &program.grid {
        mark_extent(axis.extent, dims);
    }
    for (param, used) in program.params.iter().zip(params) {
        // An output that nothing stores to is reported by the validator rather than hidden here.
        *used |=
            matches!(param.kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. });
        if *used {
            shape(param).iter().for_each(|e| mark_extent(*e, dims));
        }
    }
}

fn mark_stores(body: &[Stmt], params: &mut [bool], dims: &mut [bool]) {
    for statement in body {
        match statement {
            Stmt::Store { place, .. } => {
                params[place.param.index()] = true;
                for axis in &place.axes {
                    if let Axis::Range { len, .. } = axis {
                        mark_extent(*len, dims);
                    }
                }
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => mark_stores(body, params, dims),
            _ => {}
        }
    }
}

fn shape(param: &Param) -> &[Extent] {
    match &param.kind {
        ParamKind::Tensor { shape, .. } => shape,
        ParamKind::Scalar { .. } => &[],
    }
}

/// Keeps inputs until every size is told, by an input's shape or by its rule.
fn tell_sizes(program: &mut Program, params: &mut [bool], dims: &mut [bool]) {
    for i in (0..dims.len()).rev() {
        if !dims[i] {
            continue;
        }
        let mentions = |param: &Param| {
            let input =
                matches!(param.kind, ParamKind::Tensor { access: Access::In | Access::InOut, .. });
            let here = Extent::Dim { dim: DimId(i as u32), times: 1 };
            let same = |e: &Extent| match (*e, here) {
                (Extent::Dim { dim: a, .. }, Extent::Dim { dim: b, .. }) => a == b,
                _ => false,
            };
            input && shape(param).iter().any(same)
        };
        if program.params.iter().zip(params.iter()).any(|(p, used)| *used && mentions(p)) {
            program.dims[i].rule = DimRule::Free;
            continue;
        }
        match program.dims[i].rule {
            DimRule::Free => {
                if let Some(found) = program.params.iter().position(mentions) {
                    params[found] = true;
                    shape(&program.params[found]).iter().for_each(|e| mark_extent(*e, dims));
                }
            }
            // Rules refer to earlier sizes, which this loop has still to reach.
            rule => rule.of().for_each(|of| dims[of.index()] = true),
        }
    }
}

fn renumber(program: &mut Program, params: &[bool], dims: &[bool]) {
    let number = |kept: &[bool]| -> Vec<u32> {
        kept.iter()
            .scan(0, |next, &kept| {
                let number = *next;
                *next += kept as u32;
                Some(number)
            })
            .collect()
    };
    let (param_ids, dim_ids) = (number(params), number(dims));
    let extent = |e: &mut Extent| {
        if let Extent::Dim { dim, .. } = e {
            *dim = DimId(dim_ids[dim.index()]);
        }
    };
    let all = |s: &mut Shape| s.iter_mut().for_each(extent);
    let param = |id: &mut ParamId| *id = ParamId(param_ids[id.index()]);
    for expr in &mut program.exprs {
        all(&mut expr.ty.shape);
        match &mut expr.kind {
            ExprKind::Scalar(id) => param(id),
            ExprKind::Size(e) | ExprKind::Iota(e) | ExprKind::Slice { start: e, .. } => extent(e),
            ExprKind::Load { place, .. } => place_ids(place, &param, &extent),
            _ => {}
        }
    }
    program.vars.iter_mut().for_each(|v| all(&mut v.ty.shape));
    program.grid.iter_mut().for_each(|GridAxis { extent: e, .. }| extent(e));
    for p in &mut program.params {
        if let ParamKind::Tensor { shape, .. } = &mut p.kind {
            all(shape);
        }
    }
    for dim in &mut program.dims {
        let new = |dim: &mut DimId| *dim = DimId(dim_ids[dim.index()]);
        match &mut dim.rule {
            DimRule::Free => {}
            DimRule::CeilDiv { dim, .. } => new(dim),
            DimRule::Quotient { dim, by } => [dim, by].into_iter().for_each(new),
        }
    }
    renumber_stores(&mut program.body, &param, &extent);
    let mut kept = params.iter();
    program.params.retain(|_| *kept.next().unwrap_or(&true));
    let mut kept = dims.iter();
    program.dims.retain(|_| *kept.next().unwrap_or(&true));
}

fn place_ids(place: &mut Place, param: &impl Fn(&mut ParamId), extent: &impl Fn(&mut Extent)) {
    param(&mut place.param);
    for axis in &mut place.axes {
        if let Axis::Range { len, .. } = axis {
            extent(len);
        }
    }
}

fn renumber_stores(
    body: &mut [Stmt],
    param: &impl Fn(&mut ParamId),
    extent: &impl Fn(&mut Extent),
) {
    for statement in body {
        match statement {
            Stmt::Store { place, .. } => place_ids(place, param, extent),
            Stmt::For { body, .. } | Stmt::When { body, .. } => {
                renumber_stores(body, param, extent)
            }
            _ => {}
        }
    }
}
