//! A forward program as a straight line: expressions in order and the stores at its end.
//!
//! Variables that are set and read in one block are names for values and vanish here, as do reads of what the
//! program itself has stored. What remains has no state, which is what reverse mode needs.

use super::GradError;
use tilewright_ir::infer::place_type;
use tilewright_ir::{
    Access, ExprId, ExprKind, Location, ParamKind, Place, Program, Stmt, StoreMode, Type,
};

/// One store of the forward program.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub place: Place,
    pub value: ExprId,
    pub mask: Option<ExprId>,
    pub mode: StoreMode,
    pub at: Option<Location>,
}

/// The forward program without variables.
pub(super) struct Straight {
    /// The program; operands of its expressions refer to values, never to reads of variables.
    pub program: Program,
    /// The expressions in order of evaluation.
    pub order: Vec<ExprId>,
    /// The stores in order.
    pub stores: Vec<Store>,
}

impl Straight {
    /// Straightens `program`.
    ///
    /// # Errors
    /// When it loops or branches, naming the line.
    pub fn of(program: &Program) -> Result<Straight, GradError> {
        let mut straight = Straight { program: program.clone(), order: vec![], stores: vec![] };
        let mut alias: Vec<ExprId> = (0..program.exprs.len() as u32).map(ExprId).collect();
        let mut vars = vec![None; program.vars.len()];
        for statement in &program.body {
            match statement {
                Stmt::Let(id) => straight.bind(*id, &mut alias, &vars)?,
                Stmt::Set(var, value) => vars[var.index()] = Some(alias[value.index()]),
                Stmt::Store { place, value, mask, mode, at } => {
                    let mut place = place.clone();
                    place.map_operands(|id| alias[id.index()]);
                    straight.stores.push(Store {
                        place,
                        value: alias[value.index()],
                        mask: mask.map(|m| alias[m.index()]),
                        mode: *mode,
                        at: at.clone(),
                    });
                }
                Stmt::For { index, .. } => {
                    let at = program.expr(*index).at.clone();
                    return Err(GradError::new(program, "a device loop", at));
                }
                Stmt::When { condition, .. } => {
                    let at = program.expr(*condition).at.clone();
                    return Err(GradError::new(program, "a conditional block", at));
                }
            }
        }
        Ok(straight)
    }

    fn bind(
        &mut self,
        id: ExprId,
        alias: &mut [ExprId],
        vars: &[Option<ExprId>],
    ) -> Result<(), GradError> {
        let expr = &mut self.program.exprs[id.index()];
        expr.kind.map_operands(|operand| alias[operand.index()]);
        match &expr.kind {
            ExprKind::Get(var) => {
                let value = vars[var.index()];
                alias[id.index()] = value.ok_or_else(|| {
                    GradError::new(&self.program, "a variable that has no value", None)
                })?;
                return Ok(());
            }
            ExprKind::Load { place, .. } => {
                let (place, at) = (place.clone(), expr.at.clone());
                if let Some(value) = self.stored(&place, at)? {
                    alias[id.index()] = value;
                    return Ok(());
                }
            }
            _ => {}
        }
        self.order.push(id);
        Ok(())
    }

    /// The value that the program itself has stored at `place`; `None` when it has stored nothing there.
    fn stored(&mut self, place: &Place, at: Option<Location>) -> Result<Option<ExprId>, GradError> {
        let Some(last) = self.stores.iter().rev().find(|s| s.place.param == place.param) else {
            return Ok(None);
        };
        if last.place != *place || last.mask.is_some() || last.mode != StoreMode::Set {
            let name = &self.program.param(place.param).name;
            let what = format!("a read of `{name}` after a write to other elements of it");
            return Err(GradError::new(&self.program, what, at));
        }
        let value = last.value;
        let shape = place_type(&self.program, place)
            .map_err(|text| GradError::new(&self.program, text, at.clone()))?
            .shape;
        let ty = self.program.expr(value).ty.clone();
        if ty.shape == shape {
            return Ok(Some(value));
        }
        let wide =
            self.program.push(ExprKind::Broadcast(value), Type { dtype: ty.dtype, shape }, at);
        self.order.push(wide);
        Ok(Some(wide))
    }

    /// The tensor parameters that the program reads before it writes them, and so depends on.
    pub fn reads(&self) -> Vec<usize> {
        let mut reads: Vec<usize> = self
            .order
            .iter()
            .filter_map(|id| match &self.program.expr(*id).kind {
                ExprKind::Load { place, .. } => Some(place.param.index()),
                _ => None,
            })
            .collect();
        reads.sort_unstable();
        reads.dedup();
        reads
    }

    /// The float outputs, in the caller's order.
    pub fn float_outputs(&self) -> impl Iterator<Item = usize> {
        self.program.params.iter().enumerate().filter_map(|(i, p)| match p.kind {
            ParamKind::Tensor { dtype, access: Access::Out | Access::InOut, .. } => {
                dtype.is_float().then_some(i)
            }
            _ => None,
        })
    }
}
