//! Building programs: expressions are typed, merged with equal ones that are in sight, and given their `Let`.
//!
//! Every pass writes its result through an [`Emitter`], so common subexpressions vanish wherever a pass creates
//! them, and an expression that does not type is a reported fault instead of a broken program.

use std::hash::{Hash, Hasher};
use tilewright_ir::infer::infer;
use tilewright_ir::table::HashMap;
use tilewright_ir::table::Quick;
use tilewright_ir::{
    Access, BinaryOp, Combine, DType, ExprId, ExprKind, Extent, Literal, Location, ParamKind,
    Place, Program, ReduceOp, Shape, Stmt, StoreMode, TernaryOp, Type, UnaryOp, VarId, Variable,
};

/// A program under construction.
pub(crate) struct Emitter {
    /// The program so far; its body is put in place by [`Emitter::finish`].
    pub program: Program,
    /// The author's line that new expressions are attributed to.
    pub at: Option<Location>,
    /// Open blocks, outermost first.
    blocks: Vec<Block>,
    /// The first expression that did not type, in words.
    fault: Option<String>,
}

/// A block of statements and the expressions that it makes visible, by fingerprint; one whose fingerprint is taken by
/// another has the next number that is free.
#[derive(Default)]
struct Block {
    body: Vec<Stmt>,
    visible: HashMap<u64, ExprId>,
}

impl Block {
    /// The first visible expression of that fingerprint that passes the test.
    fn find(&self, mut fingerprint: u64, is_it: impl Fn(ExprId) -> bool) -> Option<ExprId> {
        while let Some(&id) = self.visible.get(&fingerprint) {
            if is_it(id) {
                return Some(id);
            }
            fingerprint = fingerprint.wrapping_add(1);
        }
        None
    }

    fn show(&mut self, mut fingerprint: u64, id: ExprId) {
        while self.visible.contains_key(&fingerprint) {
            fingerprint = fingerprint.wrapping_add(1);
        }
        self.visible.insert(fingerprint, id);
    }
}

/// What an emitted expression may be merged with.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Merge {
    /// An equal expression in sight.
    Equal,
    /// Nothing.
    Never,
}

impl Emitter {
    /// An empty program with the name, sizes, parameters, grid and variables of `program`.
    pub fn like(program: &Program) -> Emitter {
        // Field by field: what a pass is to write anew is not copied.
        let header = Program {
            name: program.name.clone(),
            dims: program.dims.clone(),
            params: program.params.clone(),
            grid: program.grid.clone(),
            exprs: Vec::with_capacity(program.exprs.len()),
            vars: program.vars.clone(),
            body: Vec::new(),
        };
        let mut block = Block::default();
        block.visible.reserve(program.exprs.len());
        Emitter { program: header, at: None, blocks: vec![block], fault: None }
    }

    /// The finished program.
    ///
    /// # Errors
    /// When an expression did not type, in words.
    pub fn finish(mut self) -> Result<Program, String> {
        self.program.body = self.close();
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.program),
        }
    }

    /// Opens a block: what follows is emitted into it.
    pub fn open(&mut self) {
        self.blocks.push(Block::default());
    }

    /// Closes the innermost block and returns its statements.
    pub fn close(&mut self) -> Vec<Stmt> {
        self.blocks.pop().unwrap_or_default().body
    }

    /// Appends a statement to the innermost block.
    pub fn statement(&mut self, statement: Stmt) {
        if let Some(block) = self.blocks.last_mut() {
            block.body.push(statement);
        }
    }

    /// Notes that the program cannot be built; the first note is the one reported.
    pub fn fail(&mut self, why: String) {
        self.fault.get_or_insert(why);
    }

    /// Adds an expression with its `Let`, or finds an equal one in sight.
    pub fn push(&mut self, kind: ExprKind, ty: Type, merge: Merge) -> ExprId {
        let mergeable = merge == Merge::Equal && self.mergeable(&kind);
        let fingerprint = if mergeable { fingerprint(&kind, &ty) } else { 0 };
        if mergeable {
            let equal = |id: ExprId| {
                let expr = self.program.expr(id);
                expr.ty == ty && same(&expr.kind, &kind)
            };
            for block in &self.blocks {
                if let Some(known) = block.find(fingerprint, equal) {
                    return known;
                }
            }
        }
        let bound = !matches!(kind, ExprKind::LoopIndex | ExprKind::Argument);
        let id = self.program.push(kind, ty, self.at.clone());
        if let Some(block) = self.blocks.last_mut() {
            if bound {
                block.body.push(Stmt::Let(id));
            }
            if mergeable {
                block.show(fingerprint, id);
            }
        }
        id
    }

    /// True when an equal expression has the same value wherever it stands.
    fn mergeable(&self, kind: &ExprKind) -> bool {
        match kind {
            ExprKind::Load { place, .. } => matches!(
                self.program.param(place.param).kind,
                ParamKind::Tensor { access: Access::In, .. }
            ),
            // The functions of two reductions differ at least in their arguments' names.
            ExprKind::ReduceBy { .. } | ExprKind::ScanBy { .. } => false,
            ExprKind::Get(_) | ExprKind::LoopIndex | ExprKind::Argument => false,
            _ => true,
        }
    }

    /// Emits an expression of the type that follows from its operands; see [`infer`] for `hint`.
    pub fn emit(&mut self, kind: ExprKind, hint: Option<Type>) -> ExprId {
        let ty = match infer(&self.program, &kind, hint.as_ref()) {
            Ok(ty) => ty,
            Err(why) => {
                self.fail(why);
                hint.unwrap_or(Type { dtype: DType::F32, shape: Vec::new() })
            }
        };
        self.push(kind, ty, Merge::Equal)
    }

    /// The type of an expression.
    pub fn ty(&self, id: ExprId) -> &Type {
        &self.program.expr(id).ty
    }

    /// The shape of an expression.
    pub fn shape(&self, id: ExprId) -> &[Extent] {
        &self.program.expr(id).ty.shape
    }

    /// What an expression computes.
    pub fn kind(&self, id: ExprId) -> &ExprKind {
        &self.program.expr(id).kind
    }

    /// Names an expression that has no name yet.
    pub fn name(&mut self, id: ExprId, name: impl Into<String>) {
        if let Some(expr) = self.program.exprs.get_mut(id.index()) {
            expr.name.get_or_insert_with(|| name.into());
        }
    }

    /// The value that every element of an expression has, where that is known.
    pub fn splat(&self, id: ExprId) -> Option<f64> {
        match self.kind(id) {
            ExprKind::Const(literal) => Some(literal.value()),
            ExprKind::Broadcast(a) | ExprKind::Reshape(a) => self.splat(*a),
            _ => None,
        }
    }

    /// The operand, when `id` applies `op` to one.
    pub fn operand_of(&self, op: UnaryOp, id: ExprId) -> Option<ExprId> {
        match *self.kind(id) {
            ExprKind::Unary(found, a) if found == op => Some(a),
            _ => None,
        }
    }

    /// The operands, when `id` applies `op` to two.
    pub fn operands_of(&self, op: BinaryOp, id: ExprId) -> Option<(ExprId, ExprId)> {
        match *self.kind(id) {
            ExprKind::Binary(found, a, b) if found == op => Some((a, b)),
            _ => None,
        }
    }

    /// A literal scalar: `value` rounded to `dtype`.
    pub fn constant(&mut self, dtype: DType, value: f64) -> ExprId {
        let value = dtype.round(value);
        let literal = match dtype {
            DType::Bool => Literal::Bool(value != 0.0),
            dtype if dtype.is_int() => Literal::Int(value as i64),
            _ => Literal::Float(value),
        };
        self.emit(ExprKind::Const(literal), Some(Type { dtype, shape: Vec::new() }))
    }

    /// An i32 scalar.
    pub fn index(&mut self, value: usize) -> ExprId {
        self.constant(DType::I32, value as f64)
    }

    /// The value of an extent, i32 scalar.
    pub fn size(&mut self, extent: Extent) -> ExprId {
        match extent {
            Extent::Const(n) => self.index(n),
            _ => self.emit(ExprKind::Size(extent), None),
        }
    }

    /// The index of this program along a grid axis.
    pub fn program_index(&mut self, axis: usize) -> ExprId {
        self.emit(ExprKind::Program(axis), None)
    }

    /// An op of one operand.
    pub fn unary(&mut self, op: UnaryOp, a: ExprId) -> ExprId {
        self.emit(ExprKind::Unary(op, a), None)
    }

    /// An op of two operands.
    pub fn binary(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> ExprId {
        self.emit(ExprKind::Binary(op, a, b), None)
    }

    /// a + b
    pub fn add(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryOp::Add, a, b)
    }

    /// a - b
    pub fn sub(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryOp::Sub, a, b)
    }

    /// a * b
    pub fn mul(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryOp::Mul, a, b)
    }

    /// a / b
    pub fn div(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.binary(BinaryOp::Div, a, b)
    }

    /// -a
    pub fn neg(&mut self, a: ExprId) -> ExprId {
        self.unary(UnaryOp::Neg, a)
    }

    /// value * a
    pub fn scale(&mut self, a: ExprId, value: f64) -> ExprId {
        let value = self.constant(self.ty(a).dtype, value);
        self.mul(a, value)
    }

    /// value op a, as `1 - a`
    pub fn constant_op(&mut self, op: BinaryOp, value: f64, a: ExprId) -> ExprId {
        let value = self.constant(self.ty(a).dtype, value);
        self.binary(op, value, a)
    }

    /// condition ? yes : no
    pub fn select(&mut self, condition: ExprId, yes: ExprId, no: ExprId) -> ExprId {
        self.emit(ExprKind::Ternary(TernaryOp::Select, [condition, yes, no]), None)
    }

    /// `condition ? yes : 0`
    pub fn keep_where(&mut self, condition: ExprId, yes: ExprId) -> ExprId {
        let zero = self.constant(self.ty(yes).dtype, 0.0);
        self.select(condition, yes, zero)
    }

    /// `condition ? 0 : no`
    pub fn drop_where(&mut self, condition: ExprId, no: ExprId) -> ExprId {
        let zero = self.constant(self.ty(no).dtype, 0.0);
        self.select(condition, zero, no)
    }

    /// Conversion to `dtype`; nothing when it has it.
    pub fn cast(&mut self, a: ExprId, dtype: DType) -> ExprId {
        if self.ty(a).dtype == dtype {
            return a;
        }
        let ty = Type { dtype, shape: self.shape(a).to_vec() };
        self.emit(ExprKind::Cast(a), Some(ty))
    }

    /// Broadcasting to `shape`; nothing when it has it.
    pub fn broadcast(&mut self, a: ExprId, shape: &[Extent]) -> ExprId {
        if self.shape(a) == shape {
            return a;
        }
        let ty = Type { dtype: self.ty(a).dtype, shape: shape.to_vec() };
        self.emit(ExprKind::Broadcast(a), Some(ty))
    }

    /// The elements under another shape; nothing when it has it.
    pub fn reshape(&mut self, a: ExprId, shape: Shape) -> ExprId {
        if self.shape(a) == shape {
            return a;
        }
        let ty = Type { dtype: self.ty(a).dtype, shape };
        self.emit(ExprKind::Reshape(a), Some(ty))
    }

    /// A reduction over `axis`.
    pub fn reduce(&mut self, op: ReduceOp, a: ExprId, axis: usize) -> ExprId {
        self.emit(ExprKind::Reduce(op, a, axis), None)
    }

    /// 0, 1, 2, ... along `axis` of a tile of rank `rank`, i32, with extent 1 along the other axes.
    pub fn positions(&mut self, len: Extent, axis: usize, rank: usize) -> ExprId {
        let iota = self.emit(ExprKind::Iota(len), None);
        let shape = (0..rank).map(|i| if i == axis { len } else { Extent::Const(1) }).collect();
        self.reshape(iota, shape)
    }

    /// The elements at a place, 0 past the end of its ranges.
    pub fn load(&mut self, place: Place) -> ExprId {
        let fill = match &self.program.param(place.param).kind {
            ParamKind::Tensor { dtype: DType::Bool, .. } => Literal::Bool(false),
            ParamKind::Tensor { dtype, .. } if dtype.is_int() => Literal::Int(0),
            _ => Literal::Float(0.0),
        };
        let name = self.program.param(place.param).name.clone();
        let id = self.emit(ExprKind::Load { place, fill }, None);
        self.name(id, name);
        id
    }

    /// Writes a tile, converted to the parameter's dtype.
    pub fn store(&mut self, place: Place, value: ExprId) {
        let value = match self.program.param(place.param).kind {
            ParamKind::Tensor { dtype, .. } => self.cast(value, dtype),
            ParamKind::Scalar { .. } => value,
        };
        let at = self.at.clone();
        self.statement(Stmt::Store { place, value, mask: None, mode: StoreMode::Set, at });
    }

    /// A new variable of the type of `value`, which it starts with.
    pub fn variable(&mut self, name: String, value: ExprId) -> VarId {
        let ty = self.ty(value).clone();
        self.program.vars.push(Variable { ty, at: self.at.clone(), name: Some(name) });
        let var = VarId(self.program.vars.len() as u32 - 1);
        self.statement(Stmt::Set(var, value));
        var
    }

    /// Gives a variable a value.
    pub fn set(&mut self, var: VarId, value: ExprId) {
        self.statement(Stmt::Set(var, value));
    }

    /// The value of a variable at this point.
    pub fn get(&mut self, var: VarId) -> ExprId {
        let ty = self.program.vars[var.index()].ty.clone();
        self.push(ExprKind::Get(var), ty, Merge::Never)
    }

    /// Opens a loop over `start .. end`; returns its index, to be passed to [`Emitter::end_loop`].
    pub fn begin_loop(&mut self, name: &str) -> ExprId {
        self.open();
        let ty = Type { dtype: DType::I32, shape: Vec::new() };
        let index = self.push(ExprKind::LoopIndex, ty, Merge::Never);
        self.name(index, name);
        index
    }

    /// Closes the loop of `index`.
    pub fn end_loop(&mut self, index: ExprId, start: ExprId, end: ExprId) {
        let body = self.close();
        self.statement(Stmt::For { index, start, end, step: 1, body });
    }

    /// Copies a function of scalars from `program`; `map` gives the outer values that it uses.
    pub fn copy_combine(
        &mut self,
        program: &Program,
        combine: &Combine,
        map: impl Fn(ExprId) -> ExprId,
    ) -> Combine {
        let mut inner: HashMap<ExprId, ExprId> = HashMap::default();
        let mut copy = |ids: &[ExprId]| -> Vec<ExprId> {
            let mut copied = Vec::with_capacity(ids.len());
            for &id in ids {
                let new = match inner.get(&id) {
                    Some(&known) => known,
                    None => {
                        let mut expr = program.expr(id).clone();
                        expr.kind
                            .map_operands(|o| inner.get(&o).copied().unwrap_or_else(|| map(o)));
                        self.program.exprs.push(expr);
                        ExprId(self.program.exprs.len() as u32 - 1)
                    }
                };
                inner.insert(id, new);
                copied.push(new);
            }
            copied
        };
        let (left, right) = (copy(&combine.left), copy(&combine.right));
        let body = copy(&combine.body);
        // A result is an argument, an expression of the body, or a value from outside.
        let results = combine
            .results
            .iter()
            .map(|r| inner.get(r).copied().unwrap_or_else(|| map(*r)))
            .collect();
        Combine { left, right, body, results }
    }
}

/// A hash that equal expressions share.
fn fingerprint(kind: &ExprKind, ty: &Type) -> u64 {
    let mut hasher = Quick::default();
    std::mem::discriminant(kind).hash(&mut hasher);
    ty.hash(&mut hasher);
    match kind {
        ExprKind::Const(literal) => literal.value().to_bits().hash(&mut hasher),
        ExprKind::Unary(op, _) => op.hash(&mut hasher),
        ExprKind::Binary(op, ..) => op.hash(&mut hasher),
        ExprKind::Load { place, .. } => place.param.hash(&mut hasher),
        _ => {}
    }
    kind.operands(|id| id.hash(&mut hasher));
    hasher.finish()
}

/// True when two expressions of one type have the same value. Zeros of different sign differ.
fn same(a: &ExprKind, b: &ExprKind) -> bool {
    let bits = |kind: &ExprKind| match kind {
        ExprKind::Const(literal) => Some(literal.value().to_bits()),
        ExprKind::Load { fill, .. } => Some(fill.value().to_bits()),
        _ => None,
    };
    match (a, b) {
        (ExprKind::Const(_), ExprKind::Const(_)) => bits(a) == bits(b),
        _ => a == b && bits(a) == bits(b),
    }
}
