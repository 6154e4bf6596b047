//! Copying a program expression by expression, with rules applied on the way.

use crate::emit::{Emitter, Merge};
use std::ops::{Deref, DerefMut};
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, Program, Stmt, Type, UnaryOp, VarId};

/// One law of arithmetic as a rewrite.
pub struct Rule {
    /// Its name in messages and docs.
    pub name: &'static str,
    /// What equals what.
    pub law: &'static str,
    /// Gives the replacement of an expression that the left side of the law matches.
    ///
    /// The operands of the expression are already rewritten. The replacement has the expression's type.
    pub(crate) apply: fn(&mut Rewriter<'_>, &Expr) -> Option<ExprId>,
}

/// An [`Emitter`] that applies rules to what it emits.
pub(crate) struct Rewriter<'a> {
    emitter: Emitter,
    rules: &'a [&'a [Rule]],
}

impl Deref for Rewriter<'_> {
    type Target = Emitter;
    fn deref(&self) -> &Emitter {
        &self.emitter
    }
}

impl DerefMut for Rewriter<'_> {
    fn deref_mut(&mut self) -> &mut Emitter {
        &mut self.emitter
    }
}

/// What becomes of a program's statements and values.
pub(crate) struct Keep<'a> {
    /// Expressions that stay.
    pub expr: &'a dyn Fn(ExprId) -> bool,
    /// Variables that stay.
    pub var: &'a dyn Fn(VarId) -> bool,
}

/// Rewrites `program` by `rules`, each tried at every expression, operands first. A program whose expressions do
/// not type is left as it is.
pub(crate) fn rewrite(program: &mut Program, rules: &[&[Rule]]) {
    rewrite_kept(program, rules, &Keep { expr: &|_| true, var: &|_| true });
}

/// As [`rewrite`], for the expressions and variables in `keep`; loops and conditions left empty go too.
pub(crate) fn rewrite_kept(program: &mut Program, rules: &[&[Rule]], keep: &Keep<'_>) {
    let mut rewriter = Rewriter { emitter: Emitter::like(program), rules };
    let mut vars = vec![None; program.vars.len()];
    rewriter.program.vars.clear();
    for (i, variable) in program.vars.iter().enumerate() {
        if (keep.var)(VarId(i as u32)) {
            vars[i] = Some(VarId(rewriter.program.vars.len() as u32));
            rewriter.program.vars.push(variable.clone());
        }
    }
    let mut copy = Copy { source: program, keep, vars, map: vec![None; program.exprs.len()] };
    copy.block(&mut rewriter, &program.body);
    if let Ok(rewritten) = rewriter.emitter.finish() {
        *program = rewritten;
    }
}

/// The state of one rewrite: what each expression and variable of the source became.
struct Copy<'a> {
    source: &'a Program,
    keep: &'a Keep<'a>,
    vars: Vec<Option<VarId>>,
    map: Vec<Option<ExprId>>,
}

impl Copy<'_> {
    fn block(&mut self, to: &mut Rewriter<'_>, body: &[Stmt]) {
        for statement in body {
            match statement {
                Stmt::Let(id) => self.bind(to, *id),
                Stmt::Set(var, value) => {
                    if let (Some(var), Some(value)) = (self.vars[var.index()], self.get(*value)) {
                        to.statement(Stmt::Set(var, value));
                    }
                }
                Stmt::Store { place, value, mask, mode, at } => {
                    let mut place = place.clone();
                    place.map_operands(|id| self.get(id).unwrap_or(id));
                    let Some(value) = self.get(*value) else { continue };
                    let mask = match mask.and_then(|m| self.get(m)) {
                        // A mask that is always true is no mask; one that is always false stores nothing.
                        Some(mask) => match to.splat(mask) {
                            Some(0.0) => continue,
                            Some(_) => None,
                            None => Some(mask),
                        },
                        None => None,
                    };
                    to.statement(Stmt::Store { place, value, mask, mode: *mode, at: at.clone() });
                }
                Stmt::For { index, start, end, step, body } => {
                    let (Some(start), Some(end)) = (self.get(*start), self.get(*end)) else {
                        continue;
                    };
                    to.open();
                    let expr = self.source.expr(*index);
                    to.at = expr.at.clone();
                    let new = to.push(ExprKind::LoopIndex, expr.ty.clone(), Merge::Never);
                    if let Some(name) = &expr.name {
                        to.name(new, name.clone());
                    }
                    self.map[index.index()] = Some(new);
                    self.block(to, body);
                    let body = to.close();
                    if !body.is_empty() {
                        to.statement(Stmt::For { index: new, start, end, step: *step, body });
                    }
                }
                Stmt::When { condition, body } => {
                    let Some(condition) = self.get(*condition) else { continue };
                    match to.splat(condition) {
                        Some(0.0) => {}
                        Some(_) => self.block(to, body),
                        None => {
                            to.open();
                            self.block(to, body);
                            let body = to.close();
                            if !body.is_empty() {
                                to.statement(Stmt::When { condition, body });
                            }
                        }
                    }
                }
            }
        }
    }

    fn get(&self, id: ExprId) -> Option<ExprId> {
        self.map[id.index()]
    }

    fn bind(&mut self, to: &mut Rewriter<'_>, id: ExprId) {
        if !(self.keep.expr)(id) {
            return;
        }
        let source = self.source.expr(id);
        let (kind, ty, at) = (source.kind.clone(), source.ty.clone(), source.at.clone());
        let mut expr = Expr { kind, ty, at, name: None };
        expr.kind.map_operands(|operand| self.get(operand).unwrap_or(operand));
        match &mut expr.kind {
            ExprKind::Get(var) => match self.vars[var.index()] {
                Some(new) => *var = new,
                None => return,
            },
            ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => {
                let source = self.source;
                let map = &self.map;
                *combine = to.copy_combine(source, combine, |o| map[o.index()].unwrap_or(o));
            }
            _ => {}
        }
        to.at = expr.at.clone();
        let new = to.apply(expr);
        if let Some(name) = &source.name {
            to.name(new, name);
        }
        self.map[id.index()] = Some(new);
    }
}

impl Rewriter<'_> {
    /// Emits an expression, or what the first rule that matches makes of it.
    pub fn apply(&mut self, expr: Expr) -> ExprId {
        for rules in self.rules {
            for rule in *rules {
                if let Some(id) = (rule.apply)(self, &expr) {
                    debug_assert_eq!(self.ty(id), &expr.ty, "rule {} changed the type", rule.name);
                    return id;
                }
            }
        }
        self.push(expr.kind, expr.ty, Merge::Equal)
    }

    /// Emits an expression of a type like that of `like`, under the rules.
    pub fn make(&mut self, kind: ExprKind, ty: Type) -> ExprId {
        let at = self.at.clone();
        self.apply(Expr { kind, ty, at, name: None })
    }

    /// `op a`, of the same type as `a`, under the rules.
    pub fn make_unary(&mut self, op: UnaryOp, a: ExprId) -> ExprId {
        let ty = self.ty(a).clone();
        self.make(ExprKind::Unary(op, a), ty)
    }

    /// `a op b` of type `ty`, under the rules.
    pub fn make_binary(&mut self, op: BinaryOp, a: ExprId, b: ExprId, ty: &Type) -> ExprId {
        self.make(ExprKind::Binary(op, a, b), ty.clone())
    }

    /// `id`, if it has the type of `expr`.
    pub fn as_is(&self, id: ExprId, expr: &Expr) -> Option<ExprId> {
        (*self.ty(id) == expr.ty).then_some(id)
    }

    /// `value` in every element of the type of `expr`.
    pub fn filled(&mut self, value: f64, expr: &Expr) -> ExprId {
        let scalar = self.constant(expr.ty.dtype, value);
        self.broadcast(scalar, &expr.ty.shape)
    }

    /// The operand of `id` that is not `value` everywhere, when the other is, for a commutative op.
    pub fn beside(&self, value: f64, a: ExprId, b: ExprId) -> Option<ExprId> {
        if self.is(a, value) {
            Some(b)
        } else if self.is(b, value) {
            Some(a)
        } else {
            None
        }
    }

    /// True when every element of `id` is `value`, the sign of zero included.
    pub fn is(&self, id: ExprId, value: f64) -> bool {
        self.splat(id).is_some_and(|v| v.to_bits() == value.to_bits())
    }

    /// True for the float types.
    pub fn is_float(&self, id: ExprId) -> bool {
        self.ty(id).dtype.is_float()
    }

    /// True for bool.
    pub fn is_bool(&self, id: ExprId) -> bool {
        self.ty(id).dtype == DType::Bool
    }
}
