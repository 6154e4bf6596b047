//! The validator: every mistake of a program at once, each in words its author understands.
//!
//! What it checks:
//! - names: the kernel, its parameters and sizes are words, and no two of them are the same;
//! - declarations: derived sizes, tensor shapes, scalar defaults, the grid;
//! - types: each expression carries the type that [`crate::infer()`] finds for it;
//! - scope: a value is computed once, before its uses, in their block or one around it; a loop's index stays in
//!   the loop; a variable is set before it is read, always with one type;
//! - combine functions: pure scalar arithmetic on their arguments, constants, sizes and scalar parameters;
//! - places: one entry an axis, constant positions inside the tensor;
//! - stores: shape, dtype, access; every `out` parameter is stored, and is read only after a store.
//!
//! What depends on run-time values (indices, races, elements left unwritten) is [`mod@crate::interpret`]'s.

mod combine;
mod declarations;
mod places;

pub use declarations::{MAX_GRID_AXES, MAX_TENSOR_RANK, is_word};

use crate::infer::{check_tile, show_type};
use crate::{
    DType, ExprId, ExprKind, Literal, Location, Place, Program, Stmt, StoreMode, Type, VarId, infer,
};

/// The greatest depth of loops and conditions inside each other.
pub const MAX_DEPTH: usize = 64;

/// One thing that is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The author's line, when known.
    pub at: Option<Location>,
    /// What is wrong, and what to do.
    pub text: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Mistake {}

/// Checks a program. A valid one can be run by every target that has its dtypes.
///
/// # Errors
/// All mistakes, in the order of the program.
pub fn validate(program: &Program) -> Result<(), Vec<Mistake>> {
    check(program, false)
}

/// As [`validate`], of a program that a pass has rewritten. What is known of its numbers by now is no mistake of anybody's
/// where it is never reached: a position outside its tensor behind a condition, a store whose mask is false and that is gone.
///
/// # Errors
/// As [`validate`].
pub fn validate_rewritten(program: &Program) -> Result<(), Vec<Mistake>> {
    check(program, true)
}

fn check(program: &Program, rewritten: bool) -> Result<(), Vec<Mistake>> {
    let count = program.exprs.len();
    let mut checker = Checker {
        program,
        mistakes: Vec::new(),
        exprs: vec![Seen::Never; count],
        vars: vec![Seen::Never; program.vars.len()],
        blocks: vec![Block::default()],
        stored: vec![false; program.params.len()],
        rewritten,
        here: None,
    };
    checker.declarations();
    checker.body(&program.body);
    checker.every_output_is_stored();
    match checker.mistakes.is_empty() {
        true => Ok(()),
        false => Err(checker.mistakes),
    }
}

/// How far a value or variable has come.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Never,
    Visible,
    /// Its block has ended.
    Gone,
}

/// What becomes invisible when a block ends.
#[derive(Default)]
struct Block {
    exprs: Vec<ExprId>,
    vars: Vec<VarId>,
}

struct Checker<'a> {
    program: &'a Program,
    mistakes: Vec<Mistake>,
    exprs: Vec<Seen>,
    vars: Vec<Seen>,
    blocks: Vec<Block>,
    /// By parameter: whether a store to it may have come before this point.
    stored: Vec<bool>,
    /// Whether a pass has been over it.
    rewritten: bool,
    /// The author's line of the statement under check.
    here: Option<Location>,
}

impl<'a> Checker<'a> {
    fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(Mistake { at: self.here.clone(), text: text.into() });
    }

    fn check(&mut self, result: Result<(), String>) {
        if let Err(text) = result {
            self.mistake(text);
        }
    }

    fn show(&self, ty: &Type) -> String {
        show_type(self.program, ty)
    }

    /// A value as the author knows it: its name, or its number in text form.
    fn name(&self, id: ExprId) -> String {
        match self.program.exprs.get(id.index()).and_then(|e| e.name.as_ref()) {
            Some(name) => format!("`{name}`"),
            None => format!("%{}", id.0),
        }
    }

    fn body(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn block(&mut self, body: &'a [Stmt], index: Option<ExprId>) {
        if self.blocks.len() > MAX_DEPTH {
            self.mistake(format!("loops and conditions are nested more than {MAX_DEPTH} deep"));
            return;
        }
        self.blocks.push(Block::default());
        if let Some(index) = index {
            self.bring(index);
        }
        self.body(body);
        let block = self.blocks.pop().unwrap_or_default();
        for id in block.exprs {
            self.exprs[id.index()] = Seen::Gone;
        }
        for id in block.vars {
            self.vars[id.index()] = Seen::Gone;
        }
    }

    /// Makes a value visible until the innermost block ends.
    fn bring(&mut self, id: ExprId) {
        self.exprs[id.index()] = Seen::Visible;
        if let Some(block) = self.blocks.last_mut() {
            block.exprs.push(id);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Let(id) => self.bind(*id),
            Stmt::Set(var, value) => self.set(*var, *value),
            Stmt::Store { place, value, mask, mode, at } => {
                self.here = at.clone();
                self.store(place, *value, *mask, *mode);
            }
            Stmt::For { index, start, end, step, body } => {
                self.here = self.program.exprs.get(index.index()).and_then(|e| e.at.clone());
                for (what, bound) in [("start", *start), ("end", *end)] {
                    self.scalar_operand(bound, DType::I32, &format!("the {what} of a loop"));
                }
                if *step == 0 {
                    self.mistake("the step of a loop is 0; it is at least 1");
                }
                let fresh = self.fresh(*index, |kind| matches!(kind, ExprKind::LoopIndex));
                // What the body stores late, it may read early in its next round.
                self.note_stores(body);
                self.block(body, fresh.then_some(*index));
            }
            Stmt::When { condition, body } => {
                self.here = self.program.exprs.get(condition.index()).and_then(|e| e.at.clone());
                self.scalar_operand(*condition, DType::Bool, "a condition");
                self.block(body, None);
            }
        }
    }

    /// Checks that an expression exists, is of the right kind for what binds it, and is bound here first.
    fn fresh(&mut self, id: ExprId, kind: impl Fn(&ExprKind) -> bool) -> bool {
        let Some(expr) = self.program.exprs.get(id.index()) else {
            self.mistake(format!("the value %{} does not exist", id.0));
            return false;
        };
        if !kind(&expr.kind) {
            let text = match expr.kind {
                ExprKind::LoopIndex => "is the index of a loop: only the loop gives it a value",
                ExprKind::Argument => {
                    "is an argument of a combine function and has no value outside it"
                }
                _ => "stands where the index of a loop or an argument belongs",
            };
            self.mistake(format!("{} {text}", self.name(id)));
            return false;
        }
        if self.exprs[id.index()] != Seen::Never {
            self.mistake(format!("{} is computed twice", self.name(id)));
            return false;
        }
        true
    }

    fn bind(&mut self, id: ExprId) {
        let Some(expr) = self.program.exprs.get(id.index()) else {
            self.mistake(format!("the value %{} does not exist", id.0));
            return;
        };
        self.here = expr.at.clone();
        let ordinary = |kind: &ExprKind| !matches!(kind, ExprKind::LoopIndex | ExprKind::Argument);
        if !self.fresh(id, ordinary) {
            return;
        }
        expr.kind.operands(|operand| self.operand(operand));
        match &expr.kind {
            ExprKind::Program(axis) if *axis >= self.program.grid.len() => {
                let axes = self.program.grid.len();
                self.mistake(format!("grid axis {axis} does not exist; the grid has {axes}"));
            }
            ExprKind::Get(var) => self.get(*var),
            ExprKind::Load { place, .. } => {
                self.loadable(place);
                self.constant_positions(place);
            }
            ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => {
                self.combine(combine);
            }
            _ => {}
        }
        self.carried_type(id);
        self.bring(id);
    }

    /// Checks that an expression carries the type it has.
    fn carried_type(&mut self, id: ExprId) {
        let expr = self.program.expr(id);
        let checked = infer(self.program, &expr.kind, Some(&expr.ty)).and_then(|found| {
            check_tile(self.program, &expr.ty)?;
            match found == expr.ty {
                true => Ok(()),
                false => Err(format!(
                    "{} is recorded as {} but computes {}",
                    self.name(id),
                    self.show(&expr.ty),
                    self.show(&found)
                )),
            }
        });
        self.check(checked);
    }

    /// Checks that a value can be used here.
    fn operand(&mut self, id: ExprId) {
        let Some(expr) = self.program.exprs.get(id.index()) else {
            self.mistake(format!("the value %{} does not exist", id.0));
            return;
        };
        if self.exprs[id.index()] == Seen::Visible {
            return;
        }
        let name = self.name(id);
        match (self.exprs[id.index()], &expr.kind) {
            (Seen::Visible, _) => {}
            (_, ExprKind::Argument) => self.mistake(format!(
                "{name} is an argument of a combine function and has no value outside it"
            )),
            (_, ExprKind::LoopIndex) => {
                self.mistake(format!("{name} is the index of a loop, used outside that loop"));
            }
            (Seen::Gone, _) => self.mistake(format!(
                "{name} was computed inside a loop or condition and is used after it: carry it out \
                 in a variable (`k.var`)"
            )),
            (Seen::Never, _) => {
                self.mistake(format!("{name} is used before it is computed"));
            }
        }
    }

    /// Checks an operand that must be a scalar of one dtype.
    fn scalar_operand(&mut self, id: ExprId, dtype: DType, what: &str) {
        self.operand(id);
        let Some(expr) = self.program.exprs.get(id.index()) else { return };
        if expr.ty != (Type { dtype, shape: Vec::new() }) {
            let shown = self.show(&expr.ty);
            self.mistake(format!("{what} is {shown}, expected {dtype}"));
        }
    }

    fn var_name(&self, var: VarId) -> String {
        match self.program.vars.get(var.index()).and_then(|v| v.name.as_ref()) {
            Some(name) => format!("`{name}`"),
            None => format!("${}", var.0),
        }
    }

    fn get(&mut self, var: VarId) {
        let text = match self.vars.get(var.index()) {
            // A missing variable is reported by the type check.
            None | Some(Seen::Visible) => return,
            Some(Seen::Never) => "is read before it is set",
            Some(Seen::Gone) => {
                "is read outside the block in which it is first set: set it before that block"
            }
        };
        let name = self.var_name(var);
        self.mistake(format!("variable {name} {text}"));
    }

    fn set(&mut self, var: VarId, value: ExprId) {
        let at = self.program.exprs.get(value.index()).and_then(|e| e.at.clone());
        let Some(variable) = self.program.vars.get(var.index()) else {
            self.here = at;
            self.mistake(format!("the variable ${} does not exist", var.0));
            return;
        };
        self.here = at.or_else(|| variable.at.clone());
        self.operand(value);
        match self.vars[var.index()] {
            Seen::Visible => {}
            Seen::Never => {
                self.vars[var.index()] = Seen::Visible;
                if let Some(block) = self.blocks.last_mut() {
                    block.vars.push(var);
                }
                let checked = check_tile(self.program, &variable.ty);
                self.check(checked);
            }
            Seen::Gone => {
                let name = self.var_name(var);
                self.mistake(format!(
                    "variable {name} is set outside the block in which it is first set: set it \
                     before that block"
                ));
            }
        }
        if let Some(expr) = self.program.exprs.get(value.index())
            && expr.ty != variable.ty
        {
            let (name, has) = (self.var_name(var), self.show(&variable.ty));
            let gets = self.show(&expr.ty);
            self.mistake(format!("variable {name} is {has} but is set to {gets}"));
        }
    }

    /// The value of an operand that is a literal.
    fn literal(&self, id: ExprId) -> Option<Literal> {
        match self.program.exprs.get(id.index())?.kind {
            ExprKind::Const(literal) => Some(literal),
            _ => None,
        }
    }

    fn store(&mut self, place: &'a Place, value: ExprId, mask: Option<ExprId>, mode: StoreMode) {
        let mut indices = place.clone();
        indices.map_operands(|id| {
            self.operand(id);
            id
        });
        self.operand(value);
        if let Some(mask) = mask {
            self.operand(mask);
        }
        self.storable(place, value, mask, mode);
        self.constant_positions(place);
        if let Some(stored) = self.stored.get_mut(place.param.index()) {
            *stored = true;
        }
    }
}
