//! Checks of loads and stores.

use super::Checker;
use crate::infer::{broadcast, place_type, show_tile_shape};
use crate::{Access, Axis, DType, ExprId, Literal, ParamId, ParamKind, Place, Stmt, StoreMode};

impl<'a> Checker<'a> {
    fn access(&self, param: ParamId) -> Option<Access> {
        match self.program.params.get(param.index())?.kind {
            ParamKind::Tensor { access, .. } => Some(access),
            ParamKind::Scalar { .. } => None,
        }
    }

    pub(super) fn loadable(&mut self, place: &Place) {
        let stored = self.rewritten || self.stored[place.param.index()];
        if self.access(place.param) == Some(Access::Out) && !stored {
            let name = &self.program.param(place.param).name;
            self.mistake(format!(
                "the output `{name}` is loaded before anything is stored to it: declare it in-out, \
                 or store first"
            ));
        }
    }

    /// A literal position must lie inside its axis. Those of ranges may lie outside.
    pub(super) fn constant_positions(&mut self, place: &Place) {
        if self.rewritten {
            return;
        }
        let Some(ParamKind::Tensor { shape, .. }) =
            self.program.params.get(place.param.index()).map(|p| &p.kind)
        else {
            return;
        };
        let name = &self.program.param(place.param).name;
        for (number, (extent, axis)) in shape.iter().zip(&place.axes).enumerate() {
            let Axis::At(id) = axis else { continue };
            let Some(Literal::Int(position)) = self.literal(*id) else { continue };
            let past = extent.constant().is_some_and(|n| position as i128 >= n as i128);
            if position < 0 || past {
                let shown = show_tile_shape(self.program, shape);
                self.mistake(format!(
                    "position {position} is outside axis {number} of `{name}`, {shown}"
                ));
            }
        }
    }

    pub(super) fn storable(
        &mut self,
        place: &Place,
        value: ExprId,
        mask: Option<ExprId>,
        mode: StoreMode,
    ) {
        let target = match place_type(self.program, place) {
            Ok(target) => target,
            Err(text) => return self.mistake(text),
        };
        let name = &self.program.param(place.param).name;
        match (self.access(place.param), mode) {
            (Some(Access::In), _) => {
                self.mistake(format!("the input `{name}` is stored to: declare it out or in-out"));
            }
            (Some(Access::Out), mode) if mode != StoreMode::Set => self.mistake(format!(
                "an atomic store joins with what is in `{name}`, and an output holds nothing yet: \
                 declare it in-out"
            )),
            _ => {}
        }
        if mode != StoreMode::Set && !matches!(target.dtype, DType::F32 | DType::I32 | DType::U32) {
            self.mistake(format!(
                "atomic stores take f32, i32 or u32; `{name}` is {}",
                target.dtype
            ));
        }
        let fits = |shape: &[_]| {
            broadcast(self.program, shape, &target.shape).is_ok_and(|s| s == target.shape)
        };
        if let Some(expr) = self.program.exprs.get(value.index()) {
            if expr.ty.dtype != target.dtype {
                self.mistake(format!(
                    "a value of type {} is stored to `{name}`, which is {}: convert it first",
                    expr.ty.dtype, target.dtype
                ));
            }
            if !fits(&expr.ty.shape) {
                let (value, place) = (self.show(&expr.ty), self.show(&target));
                self.mistake(format!("{value} is stored to a place of `{name}` that is {place}"));
            }
        }
        if let Some(expr) = mask.and_then(|id| self.program.exprs.get(id.index()))
            && (expr.ty.dtype != DType::Bool || !fits(&expr.ty.shape))
        {
            let (mask, place) = (self.show(&expr.ty), show_tile_shape(self.program, &target.shape));
            self.mistake(format!(
                "the mask of a store is bool and broadcasts to {place}, not {mask}"
            ));
        }
    }

    /// Marks the parameters that `body` stores to.
    pub(super) fn note_stores(&mut self, body: &'a [Stmt]) {
        let mut open = vec![body];
        while let Some(block) = open.pop() {
            for stmt in block {
                match stmt {
                    Stmt::Store { place, .. } => {
                        if let Some(stored) = self.stored.get_mut(place.param.index()) {
                            *stored = true;
                        }
                    }
                    Stmt::For { body, .. } | Stmt::When { body, .. } => open.push(body),
                    Stmt::Let(_) | Stmt::Set(..) => {}
                }
            }
        }
    }
}
