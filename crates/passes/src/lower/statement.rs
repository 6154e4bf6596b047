//! Statements of the tile program, one after the other, as statements of a thread.

use super::layout::Layout;
use super::{Held, LowerError, Lowering, cluster, int, names, padded, whole};
use tilewright_ir::thread::{Code, Value};
use tilewright_ir::{DType, ExprId, ExprKind, Extent, Stmt, TernaryOp, VarId};

impl Lowering<'_> {
    pub(super) fn block(&mut self, body: &[Stmt]) -> Result<(), LowerError> {
        if cluster::groups_of(self.schedule.team) == 0 {
            return body.iter().try_for_each(|statement| self.statement(statement));
        }
        let mut rest = body;
        while let Some((statement, others)) = rest.split_first() {
            let run = self.meeting(rest);
            match run {
                0 | 1 => {
                    self.statement(statement)?;
                    rest = others;
                }
                run => {
                    self.meeting = Some(Vec::new());
                    rest[..run].iter().try_for_each(|statement| self.statement(statement))?;
                    let exchanges = self.meeting.take().unwrap_or_default();
                    self.exchange(&exchanges);
                    rest = &rest[run..];
                }
            }
        }
        Ok(())
    }

    /// How many reductions `body` begins with that do not need each other.
    fn meeting(&self, body: &[Stmt]) -> usize {
        let program = self.program;
        let mut run = Vec::new();
        for statement in body.iter().take_while(|s| cluster::is_meeting(program, s)) {
            let Stmt::Let(id) = statement else { break };
            let mut needs = false;
            program.expr(*id).kind.operands(|a| needs |= run.contains(&a));
            if needs {
                break;
            }
            run.push(*id);
        }
        run.len()
    }

    pub(super) fn statement(&mut self, statement: &Stmt) -> Result<(), LowerError> {
        match statement {
            Stmt::Let(id) => self.bind(*id),
            Stmt::Set(var, value) => self.set(*var, *value),
            Stmt::Store { place, value, mask, mode, .. } => self.store(place, *value, *mask, *mode),
            Stmt::For { index, start, end, step, .. } => {
                self.steps.insert(*index, (*start, *end, *step));
                let ahead = self.plan.ahead.get(index).cloned();
                if let Some(loads) = ahead {
                    if self.stays_inside(*start, Extent::Const(0), true) {
                        self.counts_up.push(*index);
                    }
                    return self.pipelined(statement, &loads);
                }
                if self.stays_inside(*start, Extent::Const(0), true) {
                    self.counts_up.push(*index);
                }
                self.ask_for_kept(*index)?;
                if self.is_blocked
                    && self.loops == 0
                    && let Some(pass) = whole::Pass::of(self.program, statement)
                {
                    return self.two_loops(statement, pass);
                }
                let (start, end) = (self.scalar(*start)?, self.scalar(*end)?);
                let late = self.late_sums(statement);
                self.late.extend(&late);
                self.run_loop(statement, start, end)?;
                self.join_late(&late);
                Ok(())
            }
            Stmt::When { condition, body } => {
                let condition = self.scalar(*condition)?;
                self.conditions += 1;
                let (body, result) = self.scope(|l| l.block(body));
                self.conditions -= 1;
                self.code(Code::If(condition, body));
                result
            }
        }
    }

    /// Lowers turns of a loop.
    pub(super) fn run_loop(
        &mut self,
        statement: &Stmt,
        start: Value,
        end: Value,
    ) -> Result<(), LowerError> {
        let Stmt::For { index, step, body, .. } = statement else { return Ok(()) };
        let counter = self.register("j", DType::I32, None);
        let layout = self.layout(&[]);
        self.hold(*index, Held { register: counter, layout });
        let asked = self.is_first_of_kept(*index);
        for statement in body {
            if let Stmt::Let(id) = statement {
                let layout = self.layout(&self.program.expr(*id).ty.shape);
                self.find_reciprocal(*id, &layout)?;
            }
        }
        self.loops += 1;
        self.turns.push((counter, *step));
        let before = self.in_last_pass;
        self.in_last_pass |= self.last_pass == Some(*index);
        let (body, result) = self.scope(|l| {
            if l.order.carried(l.program, statement) {
                l.ordered = true;
                l.barrier();
            }
            if asked {
                l.await_kept(counter);
            }
            l.block(body)
        });
        self.loops -= 1;
        self.turns.pop();
        self.in_last_pass = before;
        let step = int(*step as i64);
        self.code(Code::For { counter, start, end, step, body });
        result
    }

    /// A block that may not run: what it declares ends with it, and its barriers are not relied on after it.
    pub(super) fn scope<R>(&mut self, body: impl FnOnce(&mut Self) -> R) -> (Vec<Code>, R) {
        let (held, parts) = (self.held.clone(), self.parts.clone());
        let order = self.order.clone();
        let result = self.nested(body);
        (self.held, self.parts) = (held, parts);
        self.order.join(order);
        result
    }

    pub(super) fn set(&mut self, var: VarId, value: ExprId) -> Result<(), LowerError> {
        let held = match self.vars.get(&var) {
            Some(held) => held.clone(),
            None => {
                let variable = &self.program.vars[var.index()];
                let known = self.held.get(&value).and_then(|h| h.first());
                let layout =
                    known.map_or_else(|| self.layout(&variable.ty.shape), |h| h.layout.clone());
                let name = variable.name.clone().unwrap_or("v".into());
                let register = self.register(&name, variable.ty.dtype, Some(layout.registers()));
                self.code(Code::Declare(register));
                let held = Held { register, layout };
                self.vars.insert(var, held.clone());
                held
            }
        };
        self.bring_near(value, &held.layout)?;
        self.unroll(held.layout.registers(), |l, i| {
            let value = l.element(value, &held.layout, &i)?;
            l.code(Code::SetElement(held.register, i, value));
            Ok(())
        })
    }

    /// The value of a scalar expression, the same in every thread of the team.
    pub(super) fn scalar(&mut self, id: ExprId) -> Result<Value, LowerError> {
        let layout = self.layout(&[]);
        self.element(id, &layout, &int(0))
    }

    /// Lowers the expression of a `Let`.
    pub(super) fn bind(&mut self, id: ExprId) -> Result<(), LowerError> {
        let expr = self.program.expr(id);
        let layout = self.layout(&expr.ty.shape);
        let name = names::of_expr(self.program, id);
        if self.plan.consumed.contains(&id) {
            return if self.plan.staged.contains(&id) { self.stage(id) } else { Ok(()) };
        }
        if self.bind_sum(id, &name)? {
            return Ok(());
        }
        if self.is_true(id) {
            return Ok(());
        }
        match &expr.kind {
            // Spelled where they are used.
            ExprKind::Const(_) | ExprKind::Scalar(_) | ExprKind::Size(_) | ExprKind::Iota(_) => {
                Ok(())
            }
            ExprKind::Program(_) => Ok(()),
            ExprKind::Cast(_) if self.only_stored.contains(&id) => Ok(()),
            ExprKind::Load { place, fill } => self.load(id, &name, place, *fill),
            kind if is_collective(kind) => self.collective(id, &name),
            kind => {
                let mut operands = Vec::new();
                match self.beside_true(id) {
                    Some(of) => operands.push(of),
                    None => kind.operands(|a| operands.push(a)),
                }
                let layout = self.layout_like(id, &operands).unwrap_or(layout);
                operands.into_iter().try_for_each(|a| self.bring_near(a, &layout))?;
                self.map(id, &name, layout)
            }
        }
    }

    /// The layout of a value that an elementwise expression can take over, so that nothing moves.
    pub(super) fn layout_like(&self, id: ExprId, operands: &[ExprId]) -> Option<Layout> {
        if let ExprKind::Get(var) = self.program.expr(id).kind {
            return self.vars.get(&var).map(|held| held.layout.clone());
        }
        let shape = |id: ExprId| padded(&self.program.expr(id).ty.shape, self.rank);
        let same =
            operands.iter().find(|&&a| shape(a) == shape(id) && self.held.contains_key(&a))?;
        Some(self.held[same].first()?.layout.clone())
    }

    /// Lowers an elementwise expression whose operands are near.
    pub(super) fn map(&mut self, id: ExprId, name: &str, layout: Layout) -> Result<(), LowerError> {
        let expr = self.program.expr(id);
        if let ExprKind::Ternary(TernaryOp::Philox, [position, seed, stream]) = expr.kind
            && self.is_four_by_four(position, &layout)
        {
            return self.random_blocks(id, name, layout, [position, seed, stream]);
        }
        match layout.registers() {
            1 => {
                let value = self.compute(id, &layout, &int(0))?;
                let register = self.register(name, expr.ty.dtype, None);
                self.code(Code::Let(register, value));
                self.hold(id, Held { register, layout });
                Ok(())
            }
            registers => {
                self.find_reciprocal(id, &layout)?;
                let register = self.register(name, expr.ty.dtype, Some(registers));
                self.code(Code::Declare(register));
                self.hold(id, Held { register, layout: layout.clone() });
                self.unroll(registers, |l, i| {
                    let value = l.compute(id, &layout, &i)?;
                    l.code(Code::SetElement(register, i, value));
                    Ok(())
                })
            }
        }
    }
}

/// Ops whose result depends on elements of other registers or threads.
fn is_collective(kind: &ExprKind) -> bool {
    use ExprKind::*;
    matches!(
        kind,
        Reduce(..)
            | ArgReduce { .. }
            | ReduceBy { .. }
            | Scan { .. }
            | ScanBy { .. }
            | TopK { .. }
            | Part(..)
            | Reshape(_)
            | Transpose(..)
            | Slice { .. }
            | Concat(..)
            | Pick { .. }
            | Dot(..)
            | Unpack { .. }
    )
}
