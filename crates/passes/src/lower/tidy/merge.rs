//! Loops over the same elements that become one, and the arrays that this leaves to a single turn.

use super::{Index, Used, Uses, each, replace, uses};
use tilewright_ir::StoreMode;
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{Code, RegisterId, ThreadProgram, Value};

/// What a loop's turns touch.
#[derive(Default)]
struct Touched {
    /// Registers read and written at no place that the counter alone names.
    read: HashSet<RegisterId>,
    written: HashSet<RegisterId>,
    /// Arrays read and written at the counter's own place.
    read_here: HashSet<RegisterId>,
    written_here: HashSet<RegisterId>,
    reads_memory: bool,
    writes_memory: bool,
    waits: bool,
}

impl Touched {
    fn of(counter: Option<RegisterId>, body: &[Code]) -> Touched {
        let mut touched = Touched::default();
        let here = |index: &Value| counter.is_some_and(|counter| *index == Value::Get(counter));
        for code in body {
            code.visit(&mut |code| {
                match code {
                    Code::SetElement(register, index, _) if here(index) => {
                        touched.written_here.insert(*register);
                    }
                    Code::Barrier | Code::SubgroupBarrier => touched.waits = true,
                    Code::Store { mode, .. } => {
                        touched.writes_memory = true;
                        touched.reads_memory |= *mode != StoreMode::Set;
                    }
                    Code::StoreVector { from, .. } => {
                        touched.writes_memory = true;
                        touched.read.insert(*from);
                    }
                    Code::StoreShared(..) | Code::CopyAsync { .. } => touched.writes_memory = true,
                    Code::CopyCommit | Code::CopyWait(_) => touched.waits = true,
                    Code::LoadMatrix { into, .. } => {
                        touched.reads_memory = true;
                        touched.written.insert(*into);
                    }
                    Code::LoadVector { into, .. } | Code::LoadShared { into, .. } => {
                        touched.reads_memory = true;
                        touched.written.insert(*into);
                    }
                    code => {
                        touched.written.extend(code.written());
                        touched.read.extend(code.taken());
                    }
                }
                for value in code.values() {
                    value.visit(&mut |value| match value {
                        Value::Element(register, index) if here(index) => {
                            touched.read_here.insert(*register);
                        }
                        Value::Element(register, _) | Value::Get(register) => {
                            touched.read.insert(*register);
                        }
                        Value::Load { .. } | Value::Shared(..) => touched.reads_memory = true,
                        _ => {}
                    });
                }
            });
        }
        touched
    }

    fn names(&self, register: RegisterId) -> bool {
        let sets = [&self.read, &self.written, &self.read_here, &self.written_here];
        sets.iter().any(|set| set.contains(&register))
    }

    /// True when turns of `self` and of a later `other` may take turns: no turn of the one sees another turn of the other.
    fn may_join(&self, other: &Touched) -> bool {
        let clash =
            |a: &HashSet<RegisterId>, b: &HashSet<RegisterId>| a.iter().any(|r| b.contains(r));
        let registers = clash(&self.written, &other.read)
            || clash(&self.written, &other.written)
            || clash(&self.read, &other.written)
            || clash(&self.written, &other.read_here)
            || clash(&self.written, &other.written_here)
            || clash(&self.read, &other.written_here)
            || clash(&self.written_here, &other.read)
            || clash(&self.written_here, &other.written)
            || clash(&self.read_here, &other.written);
        // Memory of two tensors may be the same, so what is read first stays first.
        let memory = self.writes_memory && (other.reads_memory || other.writes_memory)
            || self.reads_memory && other.writes_memory;
        !(registers || memory || self.waits || other.waits)
    }
}

/// Joins neighbouring unrolled loops of as many turns; true if there were such. Declarations between them move up.
pub(super) fn loops(body: &mut Vec<Code>) -> bool {
    let mut changed = false;
    for code in body.iter_mut() {
        if let Some(inner) = code.body_mut() {
            changed |= loops(inner);
        }
    }
    let mut at = 0;
    while at < body.len() {
        let Code::Unroll(counter, count, first) = &body[at] else {
            at += 1;
            continue;
        };
        let (counter, count) = (*counter, *count);
        let touched = Touched::of(Some(counter), first);
        // The next loop, past declarations and values that do not depend on this one.
        let mut next = at + 1;
        while next < body.len() && moves_up(&body[next], &touched) {
            next += 1;
        }
        let Some(Code::Unroll(other, turns, second)) = body.get(next) else {
            at += 1;
            continue;
        };
        let other = *other;
        if *turns != count || !touched.may_join(&Touched::of(Some(other), second)) {
            at += 1;
            continue;
        }
        let Code::Unroll(_, _, mut second) = body.remove(next) else { return changed };
        changed = true;
        second.iter_mut().for_each(|code| replace(code, other, &Value::Get(counter)));
        if let Code::Unroll(_, _, first) = &mut body[at] {
            first.append(&mut second);
        }
        // What stood between goes before the loop.
        body[at..next].rotate_left(1);
        at += next - 1 - at;
    }
    changed
}

/// True for a step that may as well come before a loop that touches this.
fn moves_up(code: &Code, touched: &Touched) -> bool {
    match code {
        Code::Declare(_) => true,
        Code::Set(register, _) if touched.names(*register) => false,
        Code::Let(_, value) | Code::Set(_, value) => {
            value.is_pure()
                && !value.any(&|v| match v {
                    Value::Get(r) | Value::Element(r, _) => {
                        touched.written.contains(r) || touched.written_here.contains(r)
                    }
                    Value::Load { .. } | Value::Shared(..) => touched.writes_memory,
                    _ => false,
                })
        }
        _ => false,
    }
}

/// Makes scalars of arrays that one loop alone uses, each turn its own element, which it writes first; true if there
/// were such.
pub(super) fn arrays(program: &mut ThreadProgram, body: &mut Vec<Code>) -> bool {
    let declared: Vec<RegisterId> = body
        .iter()
        .filter_map(|code| match code {
            Code::Declare(r) if program.registers[r.0 as usize].len.is_some() => Some(*r),
            _ => None,
        })
        .collect();
    // What becomes of an array changes neither how often nor where it is used.
    let index = if declared.is_empty() { Index::default() } else { Index::of(body) };
    let mut moved = HashSet::default();
    for array in declared {
        let Used { uses: all, first, last, .. } = index.get(array);
        if all == Uses::default() || first != last {
            continue;
        }
        let Code::Unroll(counter, _, inner) = &mut body[first] else { continue };
        let counter = Value::Get(*counter);
        if !only_here(inner, array, &counter) {
            continue;
        }
        let first = inner
            .iter()
            .position(|code| uses(std::slice::from_ref(code), array) != Uses::default());
        let Some(first) = first else { continue };
        let Code::SetElement(_, _, value) = &inner[first] else { continue };
        if value.any(&|v| matches!(v, Value::Element(r, _) if *r == array)) {
            continue;
        }
        let single = all.writes == 1;
        each(inner, &mut |code| {
            if let Code::SetElement(register, _, value) = code
                && *register == array
            {
                let value = value.clone();
                *code = if single { Code::Let(array, value) } else { Code::Set(array, value) };
            }
        });
        inner.iter_mut().for_each(|code| {
            code.rewrite_values(&mut |value| {
                if matches!(value, Value::Element(register, _) if *register == array) {
                    *value = Value::Get(array);
                }
            });
        });
        if !single {
            inner.insert(first, Code::Declare(array));
        }
        program.registers[array.0 as usize].len = None;
        moved.insert(array);
    }
    let mut changed = !moved.is_empty();
    if changed {
        body.retain(|code| !matches!(code, Code::Declare(array) if moved.contains(array)));
    }
    for code in body.iter_mut() {
        if let Some(inner) = code.body_mut() {
            changed |= arrays(program, inner);
        }
    }
    changed
}

/// True if an array is used at one index only, and by no vector access.
fn only_here(body: &[Code], array: RegisterId, index: &Value) -> bool {
    let mut only = true;
    for code in body {
        code.visit(&mut |code| {
            only &= match code {
                Code::SetElement(register, at, _) if *register == array => at == index,
                Code::LoadVector { into: r, .. }
                | Code::LoadShared { into: r, .. }
                | Code::StoreVector { from: r, .. }
                | Code::Philox { into: r, .. } => *r != array,
                Code::Set(r, _) | Code::Let(r, _) => *r != array,
                Code::LoadMatrix { into: r, .. } => *r != array,
                code => !code.taken().any(|taken| taken == array),
            };
            for value in code.values() {
                value.visit(&mut |value| {
                    if let Value::Element(register, at) = value
                        && *register == array
                    {
                        only &= **at == *index;
                    }
                });
            }
        });
    }
    only
}
