//! The last station of lowering: the same thread program, as a person would have written it.
//!
//! Lowering makes a loop of each map and an array of each tile. Here loops of one turn lose their heads, arrays of one
//! element become scalars, copies vanish, neighbouring loops over the same elements become one, and what then lives
//! within a single turn is a scalar of it. The compilers behind would find most of this themselves; people who read the
//! code, and the golden texts, would not.

mod fold;
mod merge;

use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::thread::{Code, Register, RegisterId, ThreadProgram, Value};
use tilewright_ir::{BinaryOp, DType, Literal};

/// Tidies a program.
pub(super) fn tidy(program: &mut ThreadProgram) {
    let mut body = std::mem::take(&mut program.body);
    single_turns(&mut body);
    let mut counts = HashSet::default();
    fold::counting(&body, &mut counts);
    let mut fold = |value: &mut Value| fold::fold(value, &counts);
    body.iter_mut().for_each(|code| code.rewrite_values(&mut fold));
    scalars(program, &mut body);
    copies(program, &mut body);
    fills(program, &mut body);
    // Joining loops leaves arrays that nobody else sees, whose removal may bring loops together that were apart.
    let registers = program.registers.len();
    for _ in 0..ROUNDS {
        let mut changed = merge::loops(&mut body);
        changed |= merge::arrays(program, &mut body);
        changed |= once(&mut body);
        changed |= unused(&mut body, registers);
        if !changed {
            break;
        }
    }
    counters(&mut body, &[], &mut Vec::new());
    program.body = body;
    compact(program);
}

/// More change nothing in any kernel of the catalog.
const ROUNDS: usize = 3;

/// Replaces loops of one turn by their bodies.
fn single_turns(body: &mut Vec<Code>) {
    let mut flat = Vec::with_capacity(body.len());
    for mut code in body.drain(..) {
        if let Some(inner) = code.body_mut() {
            single_turns(inner);
        }
        match code {
            Code::Unroll(counter, 1, mut inner) => {
                inner.iter_mut().for_each(|code| replace(code, counter, &int(0)));
                flat.append(&mut inner);
            }
            code => flat.push(code),
        }
    }
    *body = flat;
}

fn int(value: i64) -> Value {
    Value::Const(Literal::Int(value), DType::I32)
}

/// Puts `by` where a scalar register is read.
fn replace(code: &mut Code, register: RegisterId, by: &Value) {
    code.rewrite_values(&mut |value| {
        if *value == Value::Get(register) {
            *value = by.clone();
        }
    });
}

/// Makes scalars of arrays of one element.
fn scalars(program: &mut ThreadProgram, body: &mut [Code]) {
    let mut single: Vec<bool> = program.registers.iter().map(|r| r.len == Some(1)).collect();
    for code in body.iter() {
        code.visit(&mut |code| match code {
            Code::LoadVector { into: r, .. }
            | Code::LoadShared { into: r, .. }
            | Code::LoadMatrix { into: r, .. }
            | Code::Philox { into: r, .. } => {
                single[r.0 as usize] = false;
            }
            code => code.taken().for_each(|r| single[r.0 as usize] = false),
        });
    }
    for (register, single) in program.registers.iter_mut().zip(&single) {
        if *single {
            register.len = None;
        }
    }
    let single = |register: &RegisterId| single[register.0 as usize];
    each(body, &mut |code| {
        if let Code::SetElement(register, _, value) = code
            && single(register)
        {
            *code = Code::Set(*register, std::mem::replace(value, int(0)));
        }
    });
    body.iter_mut().for_each(|code| {
        code.rewrite_values(&mut |value| {
            if let Value::Element(register, _) = value
                && single(register)
            {
                *value = Value::Get(*register);
            }
        });
    });
}

/// Changes every step, the inner ones first.
fn each(body: &mut [Code], change: &mut dyn FnMut(&mut Code)) {
    for code in body {
        if let Some(inner) = code.body_mut() {
            each(inner, change);
        }
        change(code);
    }
}

/// How a body uses a register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uses {
    /// Steps that write it.
    writes: usize,
    /// Values and steps that read it.
    reads: usize,
}

fn uses(body: &[Code], register: RegisterId) -> Uses {
    let mut uses = Uses::default();
    for code in body {
        code.visit(&mut |code| {
            uses.writes += usize::from(code.written() == Some(register));
            uses.reads += code.taken().filter(|taken| *taken == register).count();
            for value in code.values() {
                value.visit(&mut |value| match value {
                    Value::Get(r) | Value::Element(r, _) => {
                        uses.reads += usize::from(*r == register);
                    }
                    _ => {}
                });
            }
        });
    }
    uses
}

/// How a body uses each of its registers, and where: what [`uses`] tells, of all at once.
#[derive(Default)]
struct Index {
    of: HashMap<RegisterId, Used>,
}

/// How a body uses a register, and the first and the last of its steps that do, or that hold steps which do.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    uses: Uses,
    first: usize,
    last: usize,
    /// The last that writes it, if one does.
    last_write: usize,
}

impl Index {
    fn of(body: &[Code]) -> Index {
        let mut index = Index::default();
        for (at, code) in body.iter().enumerate() {
            code.visit(&mut |code| {
                if let Some(register) = code.written() {
                    let used = index.note(register, at);
                    used.uses.writes += 1;
                    used.last_write = at;
                }
                code.taken().for_each(|r| index.note(r, at).uses.reads += 1);
                for value in code.values() {
                    value.visit(&mut |value| {
                        if let Value::Get(r) | Value::Element(r, _) = value {
                            index.note(*r, at).uses.reads += 1;
                        }
                    });
                }
            });
        }
        index
    }

    fn note(&mut self, register: RegisterId, at: usize) -> &mut Used {
        let used = self.of.entry(register).or_insert(Used { first: at, ..Used::default() });
        used.last = at;
        used
    }

    fn get(&self, register: RegisterId) -> Used {
        self.of.get(&register).copied().unwrap_or_default()
    }
}

/// The register, and the place in it, that a value only repeats.
fn repeated(value: &Value) -> Option<(RegisterId, Value)> {
    match value {
        Value::Element(from, index) => Some((*from, (**index).clone())),
        Value::Get(from) => Some((*from, int(0))),
        // Half types are kept as the f32 that they widen to.
        Value::Cast { from: DType::F16 | DType::BF16, to: DType::F32, of } => match **of {
            Value::Element(..) | Value::Get(_) => repeated(of),
            _ => None,
        },
        _ => None,
    }
}

/// The register that the first steps of a body copy to another, and how many steps these are.
fn copied(program: &ThreadProgram, body: &[Code]) -> Option<(RegisterId, RegisterId, usize)> {
    match body.first()? {
        Code::Set(to, value) => {
            repeated(value).filter(|(_, at)| *at == int(0)).map(|(from, _)| (from, *to, 1))
        }
        Code::Unroll(counter, _, inner) => match inner.as_slice() {
            [Code::SetElement(to, index, value)] if *index == Value::Get(*counter) => {
                let (from, at) = repeated(value)?;
                (at == *index).then_some((from, *to, 1))
            }
            _ => None,
        },
        Code::SetElement(to, _, value) => {
            let (from, _) = repeated(value)?;
            let len = program.registers[to.0 as usize].len?;
            let all = body.len() >= len
                && program.registers[from.0 as usize].len == Some(len)
                && (0..len).all(|i| match &body[i] {
                    Code::SetElement(register, index, value) => {
                        *register == *to
                            && *index == int(i as i64)
                            && repeated(value) == Some((from, int(i as i64)))
                    }
                    _ => false,
                });
            all.then_some((from, *to, len))
        }
        _ => None,
    }
}

/// Reads the original where an array or scalar is a copy, of something that does not change afterwards.
fn copies(program: &ThreadProgram, body: &mut Vec<Code>) {
    for code in body.iter_mut() {
        if let Some(inner) = code.body_mut() {
            copies(program, inner);
        }
    }
    let mut at = 0;
    // Steps that are gone were all before; what reads the original instead changes no register that is looked up later.
    let (mut index, mut gone) = (None, 0);
    while at < body.len() {
        let Some((from, to, steps)) = copied(program, &body[at..]) else {
            at += 1;
            continue;
        };
        let index = index.get_or_insert_with(|| Index::of(body));
        let Used { uses: all, first, last, .. } = index.get(to);
        let original = index.get(from);
        let never_again = original.uses.writes == 0 || original.last_write < at + gone + steps;
        let is_copy = first == at + gone
            && never_again
            && uses(&body[at..at + steps], to).writes == all.writes
            && body[..at].contains(&Code::Declare(to));
        if !is_copy {
            at += 1;
            continue;
        }
        body.drain(at..at + steps);
        gone += steps;
        // Behind its last use there is nothing to change.
        let end = (last + 1).saturating_sub(gone).clamp(at, body.len());
        for code in &mut body[at..end] {
            code.rewrite_values(&mut |value| match value {
                Value::Get(register) | Value::Element(register, _) if *register == to => {
                    *register = from;
                }
                _ => {}
            });
            each(std::slice::from_mut(code), &mut |code| {
                // What the copy alone is read by; nothing writes it here.
                for register in code.named_mut() {
                    if *register == to {
                        *register = from;
                    }
                }
            });
        }
    }
}

/// Makes loops of steps that give every element of an array the same constant.
fn fills(program: &mut ThreadProgram, body: &mut Vec<Code>) {
    let mut at = 0;
    while at < body.len() {
        if let Some(inner) = body[at].body_mut() {
            fills(program, inner);
        }
        let filled = match &body[at] {
            Code::SetElement(array, _, value @ Value::Const(..)) => {
                let len = program.registers[array.0 as usize].len.unwrap_or(0);
                let all = len > 1
                    && (0..len).all(|i| {
                        let step = Code::SetElement(*array, int(i as i64), value.clone());
                        body.get(at + i) == Some(&step)
                    });
                all.then(|| (*array, value.clone(), len))
            }
            _ => None,
        };
        if let Some((array, value, len)) = filled {
            let counter = RegisterId(program.registers.len() as u32);
            let name = format!("i_{}", counter.0);
            program.registers.push(Register { name, dtype: DType::I32, len: None });
            let step = Code::SetElement(array, Value::Get(counter), value);
            body.splice(at..at + len, [Code::Unroll(counter, len, vec![step])]);
        }
        at += 1;
    }
}

/// Puts a value that the next step alone reads, as one side of its own operation, where it is read; makes a value of a
/// register that is set once, right after it is declared. True if it found one.
fn once(body: &mut Vec<Code>) -> bool {
    let mut changed = false;
    for code in body.iter_mut() {
        if let Some(inner) = code.body_mut() {
            changed |= once(inner);
        }
    }
    // A value that moves is read as often as before.
    let mut index = None;
    let mut at = 0;
    while at + 1 < body.len() {
        if let (Code::Let(register, value), next) = (&body[at], &body[at + 1])
            && let Code::Set(_, result) | Code::Let(_, result) | Code::SetElement(_, _, result) =
                next
            && let Value::Binary(op, _, a, b) = result
            && is_called(*op)
            && (**a == Value::Get(*register)) != (**b == Value::Get(*register))
            && index.get_or_insert_with(|| Index::of(body)).get(*register).uses.reads == 1
        {
            let (register, value) = (*register, value.clone());
            replace(&mut body[at + 1], register, &value);
            body.remove(at);
            changed = true;
            continue;
        }
        at += 1;
    }
    changed | declared_once(body)
}

/// True for operations whose operands are each printed, and so computed, once and always; a conjunction of truth values
/// may stop at the first.
fn is_called(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Add | Sub | Mul | Max | Min | Xor)
}

/// `T x; x = v;` becomes `const T x = v;` where nothing else writes x; true if there was one.
fn declared_once(body: &mut Vec<Code>) -> bool {
    if !body.iter().any(|code| matches!(code, Code::Set(..))) {
        return false;
    }
    // Neither change nor removal of a declaration changes what uses a register, or in which order.
    let index = Index::of(body);
    let mut removed = vec![false; body.len()];
    for at in 0..body.len() {
        if let Code::Set(register, value) = &body[at]
            && let Used { uses: Uses { writes: 1, .. }, first, .. } = index.get(*register)
            && first == at
            && !value.any(&|v| *v == Value::Get(*register))
            && let Some(declared) =
                body[..at].iter().position(|code| *code == Code::Declare(*register))
        {
            body[at] = Code::Let(*register, value.clone());
            removed[declared] = true;
        }
    }
    let before = body.len();
    let mut removed = removed.into_iter();
    body.retain(|_| !removed.next().unwrap_or(false));
    body.len() < before
}

/// Removes what nobody reads of so many registers, inside out until nothing is left to remove; true if there was such.
pub(super) fn unused(body: &mut Vec<Code>, registers: usize) -> bool {
    let mut changed = false;
    loop {
        let (mut read, mut written) = (vec![false; registers], vec![false; registers]);
        for code in body.iter() {
            code.visit(&mut |code| {
                code.written().iter().for_each(|r| written[r.0 as usize] = true);
                code.taken().for_each(|r| read[r.0 as usize] = true);
                for value in code.values() {
                    value.visit(&mut |value| {
                        if let Value::Get(r) | Value::Element(r, _) = value {
                            read[r.0 as usize] = true;
                        }
                    });
                }
            });
        }
        let is_read = |register: &RegisterId| read[register.0 as usize];
        if !remove(body, &|code| match code {
            Code::Declare(register) => !is_read(register) && !written[register.0 as usize],
            Code::Let(register, value)
            | Code::Set(register, value)
            | Code::SetElement(register, _, value) => !is_read(register) && value.is_pure(),
            Code::LoadVector { into, offset, .. } => !is_read(into) && offset.is_pure(),
            Code::LoadShared { into, at, .. } => !is_read(into) && at.is_pure(),
            Code::Philox { into, .. } => !is_read(into) && code.values().all(Value::is_pure),
            Code::Unroll(_, _, inner) | Code::If(_, inner) | Code::For { body: inner, .. } => {
                inner.is_empty() && code.values().all(Value::is_pure)
            }
            _ => false,
        }) {
            return changed;
        }
        changed = true;
    }
}

/// Removes the steps that pass the test; true if there were any.
fn remove(body: &mut Vec<Code>, test: &dyn Fn(&Code) -> bool) -> bool {
    let before = body.len();
    let mut removed = false;
    for code in body.iter_mut() {
        if let Some(inner) = code.body_mut() {
            removed |= remove(inner, test);
        }
    }
    body.retain(|code| !test(code));
    removed || body.len() < before
}

/// Lets unrolled loops share counters, as one would write `i` again and again; `around` are in use, `known` were used before.
fn counters(body: &mut [Code], around: &[RegisterId], known: &mut Vec<RegisterId>) {
    for code in body {
        let mut inside = around.to_vec();
        if let Code::Unroll(counter, _, inner) = code {
            let free = known.iter().find(|register| !around.contains(register)).copied();
            let chosen = free.unwrap_or(*counter);
            if free.is_none() {
                known.push(chosen);
            }
            inner.iter_mut().for_each(|code| replace(code, *counter, &Value::Get(chosen)));
            *counter = chosen;
            inside.push(chosen);
        }
        if let Some(inner) = code.body_mut() {
            counters(inner, &inside, known);
        }
    }
}

/// Forgets registers that the body does not name.
fn compact(program: &mut ThreadProgram) {
    let mut named = vec![false; program.registers.len()];
    each(&mut program.body, &mut |code| {
        code.named_mut().iter().for_each(|r| named[r.0 as usize] = true);
        for value in code.values() {
            value.visit(&mut |value| {
                if let Value::Get(r) | Value::Element(r, _) = value {
                    named[r.0 as usize] = true;
                }
            });
        }
    });
    let mut next = 0;
    let moved: Vec<RegisterId> = (named.iter())
        .map(|&named| {
            let id = RegisterId(next);
            next += u32::from(named);
            id
        })
        .collect();
    let mut keep = named.iter();
    program.registers.retain(|_| keep.next().copied().unwrap_or(false));
    let go = |register: &mut RegisterId| *register = moved[register.0 as usize];
    each(&mut program.body, &mut |code| code.named_mut().into_iter().for_each(go));
    for code in &mut program.body {
        code.rewrite_values(&mut |value| {
            if let Value::Get(r) | Value::Element(r, _) = value {
                go(r);
            }
        });
    }
}
