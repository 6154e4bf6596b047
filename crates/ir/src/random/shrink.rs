//! Making a failing program smaller while it still fails.

use super::statements::{count, each, each_mut};
use super::{Case, cropped};
use crate::{Axis, ExprId, ExprKind, ParamId, ParamKind, Place, Program, Stmt, VarId, validate};
use std::collections::HashSet;

/// The smallest case found by leaving out statements, with what depends on them or without, and by halving sizes, for
/// which `fails` still holds. `fails` must not panic; it is called for valid programs, in which the interpreter may find a
/// fault all the same.
pub fn shrink(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    loop {
        let before = (count(&best.program.body), best.dims.clone());
        // From the end, where the stores are: most of a program goes with the store that needs it.
        for victim in (0..count(&best.program.body)).rev() {
            if let Some(smaller) = without(&best, victim)
                && fails(&smaller)
            {
                best = smaller;
            }
        }
        // An operand in the place of what is made of it.
        for victim in (0..count(&best.program.body)).rev() {
            let found = bypassed(&best, victim).into_iter().find(|smaller| fails(smaller));
            best = found.unwrap_or(best);
        }
        for dim in 0..best.dims.len() {
            let mut dims = best.dims.clone();
            dims[dim] /= 2;
            if let Some(smaller) = resized(&best, dims)
                && smaller.dims != best.dims
                && fails(&smaller)
            {
                best = smaller;
            }
        }
        if (count(&best.program.body), best.dims.clone()) == before {
            return best;
        }
    }
}

/// The same program on the first of its data, one after the other in memory.
fn resized(case: &Case, mut dims: Vec<usize>) -> Option<Case> {
    case.program.derive(&mut dims);
    let arguments = cropped(&case.program, &dims, &case.arguments);
    (!dims.contains(&0)).then(|| Case { dims, arguments, ..case.clone() })
}

/// The case without statement number `victim`, in the order of the text, and without what needs it.
fn without(case: &Case, victim: usize) -> Option<Case> {
    let mut pruning = Pruning { known: HashSet::new(), vars: HashSet::new(), victim, number: 0 };
    let mut program = case.program.clone();
    let body = std::mem::take(&mut program.body);
    program.body = pruning.block(&program, body);
    let unused = drop_unused_params(&mut program);
    let keep = |index: &usize| !unused.contains(index);
    let kept: Vec<usize> = (0..case.arguments.len()).filter(keep).collect();
    let smaller = Case {
        arguments: kept.iter().map(|&i| case.arguments[i].clone()).collect(),
        scales: kept.iter().map(|&i| case.scales[i]).collect(),
        program,
        ..case.clone()
    };
    // Sizes that no parameter tells any more make the case useless.
    let bound = crate::bind_arguments(&smaller.program, &smaller.arguments).is_ok();
    (bound && validate(&smaller.program).is_ok()).then_some(smaller)
}

/// The cases without the value that statement number `victim` computes, in which one of its operands of the same type stands
/// for it.
fn bypassed(case: &Case, victim: usize) -> Vec<Case> {
    let (mut number, mut value) = (0, None);
    each(&case.program.body, &mut |stmt| {
        if let (Stmt::Let(id), true) = (stmt, number == victim) {
            value = Some(*id);
        }
        number += 1;
    });
    let Some(value) = value else { return Vec::new() };
    let mut operands = Vec::new();
    case.program.expr(value).kind.operands(|of| {
        if case.program.expr(of).ty == case.program.expr(value).ty {
            operands.push(of);
        }
    });
    operands.dedup();
    let smaller = operands.into_iter().filter_map(|by| {
        let mut case = case.clone();
        let other = |id: ExprId| if id == value { by } else { id };
        case.program.exprs.iter_mut().for_each(|expr| expr.kind.map_operands(other));
        each_mut(&mut case.program.body, &mut |stmt| match stmt {
            Stmt::Set(_, of) => *of = other(*of),
            Stmt::Store { place, value, mask, .. } => {
                place.map_operands(other);
                *value = other(*value);
                *mask = mask.map(other);
            }
            Stmt::For { start, end, .. } => (*start, *end) = (other(*start), other(*end)),
            Stmt::When { condition, .. } => *condition = other(*condition),
            Stmt::Let(_) => {}
        });
        without(&case, victim)
    });
    smaller.collect()
}

struct Pruning {
    /// Values and variables that are still computed.
    known: HashSet<ExprId>,
    vars: HashSet<VarId>,
    victim: usize,
    number: usize,
}

impl Pruning {
    fn block(&mut self, program: &Program, body: Vec<Stmt>) -> Vec<Stmt> {
        body.into_iter().filter_map(|stmt| self.stmt(program, stmt)).collect()
    }

    fn has(&self, id: ExprId) -> bool {
        self.known.contains(&id)
    }

    fn place(&self, place: &Place) -> bool {
        place.axes.iter().all(|axis| match axis {
            Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => self.has(*id),
            Axis::All => true,
        })
    }

    fn stmt(&mut self, program: &Program, stmt: Stmt) -> Option<Stmt> {
        let is_victim = self.number == self.victim;
        self.number += 1;
        match stmt {
            Stmt::For { index, start, end, step, body } => {
                self.known.insert(index);
                let keep = !is_victim && self.has(start) && self.has(end);
                let body = self.block(program, body);
                keep.then_some(Stmt::For { index, start, end, step, body })
            }
            Stmt::When { condition, body } => {
                let body = self.block(program, body);
                let keep = !is_victim && self.has(condition);
                keep.then_some(Stmt::When { condition, body })
            }
            _ if is_victim => None,
            Stmt::Let(id) => {
                let kind = &program.expr(id).kind;
                let mut computed = match kind {
                    ExprKind::Get(var) => self.vars.contains(var),
                    _ => true,
                };
                kind.operands(|operand| computed &= self.has(operand));
                computed.then(|| {
                    self.known.insert(id);
                    stmt
                })
            }
            Stmt::Set(var, value) => self.has(value).then(|| {
                self.vars.insert(var);
                stmt
            }),
            Stmt::Store { ref place, value, mask, .. } => {
                let keep = self.has(value) && self.place(place) && mask.is_none_or(|m| self.has(m));
                keep.then_some(stmt)
            }
        }
    }
}

/// Drops the parameters that the body does not use; their numbers before.
fn drop_unused_params(program: &mut Program) -> Vec<usize> {
    let mut used = HashSet::new();
    let exprs = program.exprs.clone();
    each(&program.body, &mut |stmt| match stmt {
        Stmt::Let(id) => match &exprs[id.index()].kind {
            ExprKind::Load { place, .. } => drop(used.insert(place.param)),
            ExprKind::Scalar(param) => drop(used.insert(*param)),
            _ => {}
        },
        Stmt::Store { place, .. } => drop(used.insert(place.param)),
        _ => {}
    });
    // A tensor may tell a size, but only one that is needed is worth keeping; binding decides.
    let unused: Vec<usize> = (0..program.params.len())
        .filter(|&i| {
            let scalar = matches!(program.params[i].kind, ParamKind::Scalar { .. });
            !used.contains(&ParamId(i as u32)) && (scalar || !tells_a_size(program, i, &used))
        })
        .collect();
    let kept: Vec<usize> = (0..program.params.len()).filter(|i| !unused.contains(i)).collect();
    let renumber = |param: &mut ParamId| {
        let at = kept.iter().position(|&i| i == param.index());
        *param = ParamId(at.unwrap_or(0) as u32);
    };
    for expr in &mut program.exprs {
        match &mut expr.kind {
            ExprKind::Load { place, .. } => renumber(&mut place.param),
            ExprKind::Scalar(param) => renumber(param),
            _ => {}
        }
    }
    each_mut(&mut program.body, &mut |stmt| {
        if let Stmt::Store { place, .. } = stmt {
            renumber(&mut place.param);
        }
    });
    let params = std::mem::take(&mut program.params);
    program.params = kept.iter().map(|&i| params[i].clone()).collect();
    unused
}

/// True when an input is the only one to tell a size.
fn tells_a_size(program: &Program, number: usize, used: &HashSet<ParamId>) -> bool {
    let dims_of = |i: usize| -> Vec<crate::DimId> {
        let ParamKind::Tensor { shape, .. } = &program.params[i].kind else { return Vec::new() };
        let dim = |extent: &crate::Extent| match extent {
            crate::Extent::Dim { dim, .. } => Some(*dim),
            crate::Extent::Const(_) => None,
        };
        shape.iter().filter_map(dim).collect()
    };
    let is_input =
        matches!(program.params[number].kind, ParamKind::Tensor { access: crate::Access::In, .. });
    is_input
        && dims_of(number).into_iter().any(|dim| {
            (0..program.params.len())
                .filter(|&i| i < number || used.contains(&ParamId(i as u32)))
                .filter(|&i| i != number)
                .all(|i| !dims_of(i).contains(&dim))
        })
}
