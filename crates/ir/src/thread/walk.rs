//! Visiting and rewriting thread programs.

use super::{Code, RegisterId, Value};

impl Value {
    /// The values that this one is made of: three at most. Programs are walked often, and nothing is allocated for it.
    fn operands(&self) -> impl Iterator<Item = &Value> {
        let found: [Option<&Value>; 3] = match self {
            Value::Element(_, a)
            | Value::Unary(_, _, a)
            | Value::Wide(a)
            | Value::Rough(a)
            | Value::Flushed(a)
            | Value::Shared(_, a)
            | Value::Shuffle(_, _, a)
            | Value::Extreme { of: a, .. }
            | Value::Checked(_, a)
            | Value::Cast { of: a, .. }
            | Value::Bitcast { of: a, .. }
            | Value::Load { offset: a, .. } => [Some(a), None, None],
            Value::Binary(_, _, a, b) => [Some(a), Some(b), None],
            Value::Ternary(_, _, abc) => abc.each_ref().map(Some),
            Value::Pack(_, ab) | Value::Apart(ab) => {
                let [a, b] = ab.each_ref();
                [Some(a), Some(b), None]
            }
            Value::Const(..)
            | Value::Get(_)
            | Value::Builtin(_)
            | Value::Size(_)
            | Value::Scalar(_)
            | Value::Stride(..) => [None, None, None],
        };
        found.into_iter().flatten()
    }

    fn operands_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let found: [Option<&mut Value>; 3] = match self {
            Value::Element(_, a)
            | Value::Unary(_, _, a)
            | Value::Wide(a)
            | Value::Rough(a)
            | Value::Flushed(a)
            | Value::Shared(_, a)
            | Value::Shuffle(_, _, a)
            | Value::Extreme { of: a, .. }
            | Value::Checked(_, a)
            | Value::Cast { of: a, .. }
            | Value::Bitcast { of: a, .. }
            | Value::Load { offset: a, .. } => [Some(a), None, None],
            Value::Binary(_, _, a, b) => [Some(a), Some(b), None],
            Value::Ternary(_, _, abc) => abc.each_mut().map(Some),
            Value::Pack(_, ab) | Value::Apart(ab) => {
                let [a, b] = ab.each_mut();
                [Some(a), Some(b), None]
            }
            Value::Const(..)
            | Value::Get(_)
            | Value::Builtin(_)
            | Value::Size(_)
            | Value::Scalar(_)
            | Value::Stride(..) => [None, None, None],
        };
        found.into_iter().flatten()
    }

    /// Visits this value and all inside it, outermost first.
    pub fn visit(&self, visit: &mut dyn FnMut(&Value)) {
        visit(self);
        for operand in self.operands() {
            operand.visit(visit);
        }
    }

    /// Rewrites all inside this value, then itself.
    pub fn rewrite(&mut self, rule: &mut dyn FnMut(&mut Value)) {
        for operand in self.operands_mut() {
            operand.rewrite(rule);
        }
        rule(self);
    }

    /// True if the value or one inside it is such.
    pub fn any(&self, test: &dyn Fn(&Value) -> bool) -> bool {
        test(self) || self.operands().any(|operand| operand.any(test))
    }

    /// True when computing it, or not, is noticed by nobody: no exchange between lanes, no note of a fault.
    pub fn is_pure(&self) -> bool {
        !self.any(&|v| matches!(v, Value::Shuffle(..) | Value::Extreme { .. } | Value::Checked(..)))
    }
}

impl Code {
    /// The values of this step, without those of the steps inside it. Only for a routine is anything allocated.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let mut routine = Vec::new();
        let found: [Option<&Value>; 4] = match self {
            Code::Declare(_) | Code::Barrier | Code::SubgroupBarrier | Code::Unroll(..) => {
                [None; 4]
            }
            Code::CopyCommit | Code::CopyWait(_) | Code::ExtremeHalf { .. } => [None; 4],
            Code::MarkHalves { bound, .. } => [Some(bound), None, None, None],
            Code::CopyAsync { index, offset, valid, .. } => {
                [Some(index), Some(offset), valid.as_ref(), None]
            }
            Code::LoadMatrix { index, at, .. } | Code::LoadShared { index, at, .. } => {
                [Some(index), Some(at), None, None]
            }
            Code::MatrixMultiply { index, a, b, .. } => [Some(index), Some(&a.1), Some(&b.1), None],
            Code::Let(_, a) | Code::Set(_, a) | Code::If(a, _) => [Some(a), None, None, None],
            Code::SetElement(_, a, b) | Code::StoreShared(_, a, b) => {
                [Some(a), Some(b), None, None]
            }
            Code::LoadVector { index, offset, .. } | Code::StoreVector { index, offset, .. } => {
                [Some(index), Some(offset), None, None]
            }
            Code::Store { offset, value, .. } => [Some(offset), Some(value), None, None],
            Code::Philox { index, position, seed, stream, .. } => {
                [index, position, seed, stream].map(Some)
            }
            Code::For { start, end, step, .. } => [Some(start), Some(end), Some(step), None],
            Code::Routine(r) => {
                routine = r.values();
                [None; 4]
            }
        };
        found.into_iter().flatten().chain(routine)
    }

    /// As [`values`](Self::values), to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let mut routine = Vec::new();
        let found: [Option<&mut Value>; 4] = match self {
            Code::Declare(_) | Code::Barrier | Code::SubgroupBarrier | Code::Unroll(..) => {
                [None, None, None, None]
            }
            Code::CopyCommit | Code::CopyWait(_) | Code::ExtremeHalf { .. } => {
                [None, None, None, None]
            }
            Code::MarkHalves { bound, .. } => [Some(bound), None, None, None],
            Code::CopyAsync { index, offset, valid, .. } => {
                [Some(index), Some(offset), valid.as_mut(), None]
            }
            Code::LoadMatrix { index, at, .. } | Code::LoadShared { index, at, .. } => {
                [Some(index), Some(at), None, None]
            }
            Code::MatrixMultiply { index, a, b, .. } => {
                [Some(index), Some(&mut a.1), Some(&mut b.1), None]
            }
            Code::Let(_, a) | Code::Set(_, a) | Code::If(a, _) => [Some(a), None, None, None],
            Code::SetElement(_, a, b) | Code::StoreShared(_, a, b) => {
                [Some(a), Some(b), None, None]
            }
            Code::LoadVector { index, offset, .. } | Code::StoreVector { index, offset, .. } => {
                [Some(index), Some(offset), None, None]
            }
            Code::Store { offset, value, .. } => [Some(offset), Some(value), None, None],
            Code::Philox { index, position, seed, stream, .. } => {
                [index, position, seed, stream].map(Some)
            }
            Code::For { start, end, step, .. } => [Some(start), Some(end), Some(step), None],
            Code::Routine(r) => {
                routine = r.values_mut();
                [None, None, None, None]
            }
        };
        found.into_iter().flatten().chain(routine)
    }

    /// The steps inside this one.
    pub fn body(&self) -> &[Code] {
        match self {
            Code::Unroll(_, _, body) | Code::If(_, body) | Code::For { body, .. } => body,
            _ => &[],
        }
    }

    /// As [`body`](Self::body), to change them; `None` for steps that hold none.
    pub fn body_mut(&mut self) -> Option<&mut Vec<Code>> {
        match self {
            Code::Unroll(_, _, body) | Code::If(_, body) | Code::For { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Visits this step and all inside it, in order.
    pub fn visit(&self, visit: &mut dyn FnMut(&Code)) {
        visit(self);
        for code in self.body() {
            code.visit(visit);
        }
    }

    /// Rewrites every value of this step and of those inside it.
    pub fn rewrite_values(&mut self, rule: &mut dyn FnMut(&mut Value)) {
        for value in self.values_mut() {
            value.rewrite(rule);
        }
        if let Some(body) = self.body_mut() {
            body.iter_mut().for_each(|code| code.rewrite_values(rule));
        }
    }

    /// The register that this step itself writes, counters of loops not among them.
    pub fn written(&self) -> Option<RegisterId> {
        match self {
            Code::Let(register, _)
            | Code::Set(register, _)
            | Code::SetElement(register, ..)
            | Code::LoadMatrix { into: register, .. }
            | Code::MatrixMultiply { into: register, .. }
            | Code::LoadVector { into: register, .. }
            | Code::LoadShared { into: register, .. }
            | Code::ExtremeHalf { into: register, .. }
            | Code::MarkHalves { into: register, .. }
            | Code::Philox { into: register, .. } => Some(*register),
            _ => None,
        }
    }

    /// The arrays that this step itself reads, those that its values read not among them.
    pub fn taken(&self) -> impl Iterator<Item = RegisterId> + use<> {
        let found = match self {
            Code::StoreVector { from, .. } => [Some(*from), None, None],
            Code::ExtremeHalf { of, .. } | Code::MarkHalves { of, .. } => [Some(*of), None, None],
            Code::MatrixMultiply { into, a, b, .. } => [Some(*into), Some(a.0), Some(b.0)],
            _ => [None; 3],
        };
        found.into_iter().flatten()
    }

    /// The registers that this step names itself, to change them: written, taken, declared or counted with.
    pub fn named_mut(&mut self) -> Vec<&mut RegisterId> {
        match self {
            Code::Declare(r)
            | Code::Let(r, _)
            | Code::Set(r, _)
            | Code::SetElement(r, ..)
            | Code::LoadVector { into: r, .. }
            | Code::LoadShared { into: r, .. }
            | Code::LoadMatrix { into: r, .. }
            | Code::Philox { into: r, .. }
            | Code::StoreVector { from: r, .. }
            | Code::Unroll(r, ..)
            | Code::For { counter: r, .. } => vec![r],
            Code::MatrixMultiply { into, a, b, .. } => vec![into, &mut a.0, &mut b.0],
            Code::ExtremeHalf { into, of, .. } | Code::MarkHalves { into, of, .. } => {
                vec![into, of]
            }
            Code::Routine(routine) => routine.named_mut(),
            Code::CopyAsync { .. }
            | Code::CopyCommit
            | Code::CopyWait(_)
            | Code::Store { .. }
            | Code::StoreShared(..)
            | Code::Barrier
            | Code::SubgroupBarrier
            | Code::If(..) => Vec::new(),
        }
    }
}
