//! Programs in double precision, as references for themselves.

use tilewright_ir::{DType, ExprKind, ParamKind, Program};

/// The same program with every float in f64: storage, arithmetic, scalars and variables. Integers stay.
///
/// # Errors
/// When the program reinterprets the bits of a float, which have no counterpart in f64.
pub fn to_f64(program: &Program) -> Result<Program, String> {
    let wide = |dtype: &mut DType| {
        if dtype.is_float() {
            *dtype = DType::F64;
        }
    };
    let mut result = program.clone();
    for expr in &mut result.exprs {
        if let ExprKind::Bitcast(a) = expr.kind {
            let float = expr.ty.dtype.is_float() || program.expr(a).ty.dtype.is_float();
            if float {
                let name = &program.name;
                return Err(format!("kernel `{name}` has no f64 form: it reinterprets float bits"));
            }
        }
        wide(&mut expr.ty.dtype);
    }
    result.vars.iter_mut().for_each(|var| wide(&mut var.ty.dtype));
    for param in &mut result.params {
        match &mut param.kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => wide(dtype),
        }
    }
    Ok(result)
}
