//! Checks of what stands above the body: names, sizes, parameters, the grid.

use super::Checker;
use crate::infer::{check_literal, check_tile};
use crate::{Access, DType, DimRule, Literal, ParamKind, Type};
use std::collections::HashSet;

/// The greatest number of grid axes: what GPUs have.
pub const MAX_GRID_AXES: usize = 3;

/// The greatest number of axes of a tensor. A place reduces them to a tile's.
pub const MAX_TENSOR_RANK: usize = 8;

/// True for a name that text form and emitted code can use as it is.
pub fn is_word(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl Checker<'_> {
    pub(super) fn declarations(&mut self) {
        self.names();
        self.dims();
        for param in &self.program.params {
            match &param.kind {
                ParamKind::Tensor { dtype, shape, leading, .. } => {
                    if *leading && shape.is_empty() {
                        self.mistake(format!(
                            "`{}` has no axis that could stand for leading axes",
                            param.name
                        ));
                    }
                    if shape.len() > MAX_TENSOR_RANK {
                        let rank = shape.len();
                        self.mistake(format!(
                            "`{}` has {rank} axes, a tensor has at most {MAX_TENSOR_RANK}",
                            param.name
                        ));
                    }
                    for &extent in shape {
                        // Only the extent is checked: the size of a tensor has no cap.
                        let one = Type { dtype: *dtype, shape: vec![extent] };
                        if extent.constant().is_none()
                            && let Err(text) = check_tile(self.program, &one)
                        {
                            self.mistake(format!("`{}`: {text}", param.name));
                        }
                    }
                }
                ParamKind::Scalar { dtype, default: Some(value) } => {
                    if let Err(text) = check_default(*value, *dtype) {
                        self.mistake(format!("default of `{}`: {text}", param.name));
                    }
                }
                ParamKind::Scalar { default: None, .. } => {}
            }
        }
        if self.program.grid.len() > MAX_GRID_AXES {
            let axes = self.program.grid.len();
            self.mistake(format!("the grid has {axes} axes; it has at most {MAX_GRID_AXES}"));
        }
        for (number, axis) in self.program.grid.iter().enumerate() {
            if axis.block == 0 {
                self.mistake(format!("the block of grid axis {number} is 0; it is at least 1"));
            }
            let one = Type { dtype: DType::I32, shape: vec![axis.extent] };
            if axis.extent.constant().is_none()
                && let Err(text) = check_tile(self.program, &one)
            {
                self.mistake(format!("grid axis {number}: {text}"));
            }
        }
    }

    fn names(&mut self) {
        let program = self.program;
        let mut taken = HashSet::new();
        let params = program.params.iter().map(|p| ("parameter", p.name.as_str()));
        let dims = program.dims.iter().map(|d| ("size", d.name.as_str()));
        if !is_word(&program.name) {
            self.mistake(format!(
                "`{}` is no name for a kernel: use letters, digits and _, not first a digit",
                program.name
            ));
        }
        for (what, name) in params.chain(dims) {
            if !is_word(name) {
                self.mistake(format!(
                    "`{name}` is no name for a {what}: use letters, digits and _, not first a digit"
                ));
            }
            if !taken.insert(name) {
                self.mistake(format!("the name `{name}` is used for two parameters or sizes"));
            }
        }
    }

    fn dims(&mut self) {
        for (position, dim) in self.program.dims.iter().enumerate() {
            if dim.rule.of().any(|of| of.index() >= position) {
                self.mistake(format!(
                    "the size `{}` is derived from a size that is not declared before it",
                    dim.name
                ));
            }
            let DimRule::CeilDiv { by, most, .. } = dim.rule else { continue };
            if by == 0 {
                self.mistake(format!("the size `{}` is divided by 0", dim.name));
            }
            if most == Some(0) {
                self.mistake(format!("the size `{}` is at most 0", dim.name));
            }
        }
    }

    pub(super) fn every_output_is_stored(&mut self) {
        self.here = None;
        if self.rewritten {
            return;
        }
        for (param, stored) in self.program.params.iter().zip(self.stored.clone()) {
            let is_out = matches!(param.kind, ParamKind::Tensor { access: Access::Out, .. });
            if is_out && !stored {
                self.mistake(format!("the output `{}` is never stored", param.name));
            }
        }
    }
}

fn check_default(value: f64, dtype: DType) -> Result<(), String> {
    let whole = value.fract() == 0.0 && value.abs() <= u32::MAX as f64;
    let literal = match whole && !dtype.is_float() {
        true => Literal::Int(value as i64),
        false => Literal::Float(value),
    };
    check_literal(literal, dtype)
}
