//! The meaning of a [`ThreadProgram`]: every thread of a group, step by step, on the host.
//!
//! The threads of a group walk the program together, each step for all of them, so that every read and write between
//! two barriers can be compared: [`emulate`] reports two threads that touch one element of shared or written memory
//! with no barrier between them, barriers and shuffles that some threads do not reach, vectors that are not aligned,
//! and elements outside their tensor. It is the oracle for lowering; no GPU is needed.

mod halves;
mod matrix;
mod memory;
mod routine;

use super::{Builtin, Code, RegisterId, Shuffle, ThreadProgram, Value};
use crate::interpret::{Argument, Tensor};
use crate::{BinaryOp, DType, Literal, ParamKind, StoreMode, TernaryOp, meaning};
use memory::{Mark, SharedMemory, Visit, race};

/// What went wrong, in words.
pub type Fault = String;

/// Threads of a subgroup.
const SUBGROUP: usize = 32;

/// What a register holds before it is set: no number that a result could come from by chance.
const GARBAGE: f64 = 1_234_567_891.0;

/// Runs every group of `program` with these sizes. Tensors are row-major, in the shape that the kernel sees.
///
/// # Errors
/// Names the step that no GPU may take.
pub fn emulate(
    program: &ThreadProgram,
    dims: &[usize],
    arguments: &mut [Argument],
) -> Result<(), Fault> {
    let grid = program.groups(dims);
    let written = program.params.iter().map(|param| match &param.kind {
        ParamKind::Tensor { access, .. } => *access != crate::Access::In,
        ParamKind::Scalar { .. } => false,
    });
    let memory: Vec<Memory> = written
        .zip(arguments)
        .map(|(written, argument)| {
            let elements = argument.tensor().map_or(0, Tensor::elements);
            Memory { argument, marks: vec![Mark::default(); if written { elements } else { 0 }] }
        })
        .collect();
    let mut machine = Machine {
        program,
        dims,
        memory,
        group: [0; 3],
        registers: Vec::new(),
        shared: SharedMemory::default(),
        epoch: 0,
        subgroup_epochs: Vec::new(),
        copies: Vec::new(),
    };
    for z in 0..grid[2] {
        for y in 0..grid[1] {
            for x in 0..grid[0] {
                machine
                    .run_group([x, y, z])
                    .map_err(|fault| format!("{}: group {x},{y},{z}: {fault}", program.name))?;
            }
        }
    }
    Ok(())
}

/// One number for each thread.
#[derive(Clone, Debug)]
enum Lanes {
    Same(f64),
    Each(Vec<f64>),
}

impl Lanes {
    fn at(&self, thread: usize) -> f64 {
        match self {
            Lanes::Same(x) => *x,
            Lanes::Each(all) => all[thread],
        }
    }
}

struct Memory<'a> {
    argument: &'a mut Argument,
    /// One an element of a tensor that the program writes.
    marks: Vec<Mark>,
}

struct Machine<'a> {
    program: &'a ThreadProgram,
    dims: &'a [usize],
    memory: Vec<Memory<'a>>,
    group: [usize; 3],
    /// The elements of each register.
    registers: Vec<Vec<Lanes>>,
    shared: SharedMemory,
    /// The interval between barriers; no two groups share one.
    epoch: u64,
    /// The same of each subgroup.
    subgroup_epochs: Vec<u64>,
    /// The copies that each thread began.
    copies: Vec<matrix::Copies>,
}

type Step<T> = Result<T, Fault>;

impl Machine<'_> {
    fn run_group(&mut self, group: [usize; 3]) -> Step<()> {
        self.group = group;
        self.epoch += 1;
        self.subgroup_epochs = vec![0; self.program.threads.div_ceil(SUBGROUP)];
        self.shared = SharedMemory::new(self.program);
        self.copies = vec![matrix::Copies::default(); self.program.threads];
        let registers = self.program.registers.iter();
        self.registers =
            registers.map(|r| vec![Lanes::Same(GARBAGE); r.len.unwrap_or(1)]).collect();
        let all = vec![true; self.program.threads];
        let body = &self.program.body;
        self.block(body, &all)
    }

    fn block(&mut self, body: &[Code], active: &[bool]) -> Step<()> {
        body.iter().try_for_each(|code| self.code(code, active))
    }

    fn code(&mut self, code: &Code, active: &[bool]) -> Step<()> {
        match code {
            Code::Declare(register) => {
                for element in &mut self.registers[register.0 as usize] {
                    *element = Lanes::Same(GARBAGE);
                }
            }
            Code::Let(register, value) | Code::Set(register, value) => {
                let value = self.value(value, active)?;
                self.assign(*register, &Lanes::Same(0.0), value, active)?;
            }
            Code::SetElement(register, index, value) => {
                let index = self.value(index, active)?;
                let value = self.value(value, active)?;
                self.assign(*register, &index, value, active)?;
            }
            Code::LoadVector { into, index, param, offset, lanes, .. } => {
                let index = self.value(index, active)?;
                let offset = self.value(offset, active)?;
                self.aligned(&offset, *lanes, active)?;
                for lane in 0..*lanes {
                    let value = self.load(param.index(), &offset, lane, active)?;
                    self.assign(*into, &plus(&index, lane), value, active)?;
                }
            }
            Code::LoadShared { into, index, from, at, lanes } => {
                let index = self.value(index, active)?;
                let at = self.value(at, active)?;
                self.aligned(&at, *lanes, active)?;
                for lane in 0..*lanes {
                    let value = self.element_of_shared(*from, &plus(&at, lane), active)?;
                    self.assign(*into, &plus(&index, lane), value, active)?;
                }
            }
            Code::StoreVector { param, offset, from, index, lanes, .. } => {
                let index = self.value(index, active)?;
                let offset = self.value(offset, active)?;
                self.aligned(&offset, *lanes, active)?;
                for lane in 0..*lanes {
                    let value = self.element(*from, &plus(&index, lane), active)?;
                    let offset = plus(&offset, lane);
                    self.store(param.index(), &offset, &value, StoreMode::Set, active)?;
                }
            }
            Code::Philox { into, index, position, seed, stream } => {
                let index = self.value(index, active)?;
                let position = self.value(position, active)?;
                let (seed, stream) = (self.value(seed, active)?, self.value(stream, active)?);
                self.aligned(&position, 4, active)?;
                for word in 0..4 {
                    let one = |t: usize| {
                        let at = position.at(t) as u32 + word as u32;
                        f64::from(meaning::philox(at, seed.at(t) as u32, stream.at(t) as u32))
                    };
                    let value = Lanes::Each((0..active.len()).map(one).collect());
                    self.assign(*into, &plus(&index, word), value, active)?;
                }
            }
            Code::Store { param, offset, value, mode } => {
                let offset = self.value(offset, active)?;
                let value = self.value(value, active)?;
                self.store(param.index(), &offset, &value, *mode, active)?;
            }
            Code::StoreShared(array, index, value) => {
                let index = self.value(index, active)?;
                let value = self.value(value, active)?;
                for thread in threads(active) {
                    let visit = self.visit(thread);
                    let declared = &self.program.shared[array.0 as usize];
                    let value = value.at(thread);
                    self.shared.write(*array, declared, index.at(thread), value, visit)?;
                }
            }
            Code::CopyAsync { to, index, param, offset, lanes, valid } => {
                let index = self.value(index, active)?;
                let valid = match valid {
                    Some(valid) => self.value(valid, active)?,
                    None => Lanes::Same(1.0),
                };
                let offset = self.value(offset, active)?;
                let (to, param, lanes) = (*to, param.index(), *lanes);
                let (index, offset, valid) = (&index, &offset, &valid);
                let copy = matrix::AsyncCopy { to, index, param, offset, lanes, valid };
                self.copy_async(&copy, active)?;
            }
            Code::ExtremeHalf { .. } | Code::MarkHalves { .. } => self.halves(code, active)?,
            Code::CopyCommit => self.copy_commit(active),
            Code::CopyWait(left) => self.copy_wait(*left, active)?,
            Code::LoadMatrix { into, index, from, at, transposed } => {
                let index = self.value(index, active)?;
                let at = self.value(at, active)?;
                self.load_matrix((*into, &index), (*from, &at), *transposed, active)?;
            }
            Code::MatrixMultiply { shape, into, index, a, b } => {
                let index = self.value(index, active)?;
                let (a_index, b_index) = (self.value(&a.1, active)?, self.value(&b.1, active)?);
                let operands = [(a.0, &a_index), (b.0, &b_index)];
                self.matrix_multiply(*shape, (*into, &index), operands, active)?;
            }
            Code::Barrier => {
                if active.contains(&false) {
                    return Err("some threads do not reach a barrier".into());
                }
                self.epoch += 1;
            }
            Code::SubgroupBarrier => {
                for (subgroup, lanes) in active.chunks(SUBGROUP).enumerate() {
                    if lanes.contains(&true) && lanes.contains(&false) {
                        return Err("some lanes do not reach a barrier".into());
                    }
                    self.subgroup_epochs[subgroup] += u64::from(lanes[0]);
                }
            }
            Code::Unroll(counter, count, body) => {
                for turn in 0..*count {
                    self.registers[counter.0 as usize][0] = Lanes::Same(turn as f64);
                    self.block(body, active)?;
                }
            }
            Code::For { counter, start, end, step, body } => {
                let start = self.value(start, active)?;
                let step = self.value(step, active)?;
                let mut turn = start;
                loop {
                    let end = self.value(end, active)?;
                    let on: Vec<bool> =
                        (0..active.len()).map(|t| active[t] && turn.at(t) < end.at(t)).collect();
                    if !on.contains(&true) {
                        break;
                    }
                    self.assign(*counter, &Lanes::Same(0.0), turn.clone(), &on)?;
                    self.block(body, &on)?;
                    turn = zip(&turn, &step, |a, b| a + b);
                }
            }
            Code::Routine(routine) => self.routine(routine, active)?,
            Code::If(condition, body) => {
                let condition = self.value(condition, active)?;
                let on = narrowed(active, |t| condition.at(t) != 0.0);
                if on.contains(&true) {
                    self.block(body, &on)?;
                }
            }
        }
        Ok(())
    }

    /// Sets elements of a register, rounded to its type, in the active threads.
    fn assign(
        &mut self,
        register: RegisterId,
        index: &Lanes,
        value: Lanes,
        active: &[bool],
    ) -> Step<()> {
        let declared = &self.program.registers[register.0 as usize];
        let elements = &mut self.registers[register.0 as usize];
        if let (Lanes::Same(at), false) = (index, active.contains(&false)) {
            let Some(element) = elements.get_mut(*at as usize).filter(|_| *at >= 0.0) else {
                return Err(format!("{}[{at}] is outside its registers", declared.name));
            };
            *element = value;
            return Ok(());
        }
        for thread in threads(active) {
            let at = index.at(thread);
            let Some(element) = elements.get_mut(at as usize).filter(|_| at >= 0.0) else {
                return Err(format!("{}[{at}] is outside its registers", declared.name));
            };
            if let Lanes::Same(old) = element {
                *element = Lanes::Each(vec![*old; active.len()]);
            }
            if let Lanes::Each(all) = element {
                all[thread] = value.at(thread);
            }
        }
        Ok(())
    }

    fn element(&self, register: RegisterId, index: &Lanes, active: &[bool]) -> Step<Lanes> {
        let declared = &self.program.registers[register.0 as usize];
        let elements = &self.registers[register.0 as usize];
        let outside = |at: f64| format!("{}[{at}] is outside its registers", declared.name);
        if let Lanes::Same(at) = index {
            let element = elements.get(*at as usize).filter(|_| *at >= 0.0);
            return element.cloned().ok_or_else(|| outside(*at));
        }
        let mut all = vec![GARBAGE; active.len()];
        for thread in threads(active) {
            let at = index.at(thread);
            let element = elements.get(at as usize).filter(|_| at >= 0.0);
            all[thread] = element.ok_or_else(|| outside(at))?.at(thread);
        }
        Ok(Lanes::Each(all))
    }

    fn aligned(&self, offset: &Lanes, lanes: usize, active: &[bool]) -> Step<()> {
        match threads(active).find(|&t| offset.at(t) % lanes as f64 != 0.0) {
            Some(t) => Err(format!("offset {} is not a multiple of {lanes}", offset.at(t))),
            None => Ok(()),
        }
    }

    fn visit(&self, thread: usize) -> Visit {
        let [x, y, z] = self.group.map(|g| g as u64);
        // Far apart, whatever the grid: groups are compared only by equality.
        let group = (x + (y << 24) + (z << 44)).wrapping_mul(self.program.threads as u64);
        Visit {
            thread: 1 + group + thread as u64,
            subgroup: group + (thread / SUBGROUP) as u64,
            epoch: self.epoch,
            subgroup_epoch: self.subgroup_epochs[thread / SUBGROUP],
        }
    }

    fn load(&mut self, param: usize, offset: &Lanes, lane: usize, active: &[bool]) -> Step<Lanes> {
        let name = &self.program.params[param].name;
        let mut all = vec![GARBAGE; active.len()];
        for thread in threads(active) {
            let at = offset.at(thread) + lane as f64;
            let visit = self.visit(thread);
            let memory = &mut self.memory[param];
            let Argument::Tensor(tensor) = &*memory.argument else {
                return Err(format!("`{name}` is no tensor"));
            };
            let size = tensor.dtype.size();
            let bytes =
                tensor.bytes.get(at as usize * size..).filter(|b| at >= 0.0 && b.len() >= size);
            let Some(bytes) = bytes else {
                return Err(format!("thread {thread} reads element {at} of `{name}`, outside it"));
            };
            all[thread] = tensor.dtype.read(bytes);
            if let Some(mark) = memory.marks.get_mut(at as usize)
                && let Some(other) = mark.read(visit)
            {
                return Err(race(name, at, visit.thread, other));
            }
        }
        Ok(Lanes::Each(all))
    }

    fn store(
        &mut self,
        param: usize,
        offset: &Lanes,
        value: &Lanes,
        mode: StoreMode,
        active: &[bool],
    ) -> Step<()> {
        let name = &self.program.params[param].name;
        for thread in threads(active) {
            let (at, value) = (offset.at(thread), value.at(thread));
            let visit = self.visit(thread);
            let memory = &mut self.memory[param];
            let Argument::Tensor(tensor) = &mut *memory.argument else {
                return Err(format!("`{name}` is no tensor"));
            };
            let (dtype, size) = (tensor.dtype, tensor.dtype.size());
            let start = at as usize * size;
            let bytes = tensor.bytes.get_mut(start..start + size).filter(|_| at >= 0.0);
            let Some(bytes) = bytes else {
                return Err(format!("thread {thread} writes element {at} of `{name}`, outside it"));
            };
            let old = dtype.read(bytes);
            let new = match mode {
                StoreMode::Set => value,
                StoreMode::AtomicAdd => meaning::binary(BinaryOp::Add, dtype, old, value),
                StoreMode::AtomicMax => meaning::binary(BinaryOp::Max, dtype, old, value),
                StoreMode::AtomicMin => meaning::binary(BinaryOp::Min, dtype, old, value),
            };
            dtype.write(new, bytes);
            if mode == StoreMode::Set
                && let Some(mark) = memory.marks.get_mut(at as usize)
                && let Some(other) = mark.write(visit)
            {
                return Err(race(name, at, visit.thread, other));
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, active: &[bool]) -> Step<Lanes> {
        Ok(match value {
            Value::Const(Literal::Bool(b), _) => Lanes::Same(*b as u8 as f64),
            Value::Const(literal, dtype) => Lanes::Same(dtype.round(literal.value())),
            Value::Get(register) => self.element(*register, &Lanes::Same(0.0), active)?,
            Value::Element(register, index) => {
                let index = self.value(index, active)?;
                self.element(*register, &index, active)?
            }
            Value::Builtin(builtin) => match builtin {
                Builtin::Thread => each(active.len(), |t| t),
                Builtin::Lane => each(active.len(), |t| t % SUBGROUP),
                Builtin::Subgroup => each(active.len(), |t| t / SUBGROUP),
                Builtin::Group(axis) => Lanes::Same(self.group[*axis] as f64),
            },
            Value::Size(extent) => Lanes::Same(extent.value(self.dims) as f64),
            Value::Scalar(param) => match (
                &*self.memory[param.index()].argument,
                &self.program.params[param.index()].kind,
            ) {
                (Argument::Scalar(x), ParamKind::Scalar { dtype, .. }) => {
                    Lanes::Same(dtype.round(*x))
                }
                _ => return Err("a tensor is used as a number".into()),
            },
            Value::Unary(op, dtype, a) => {
                let a = self.value(a, active)?;
                map(&a, |a| meaning::unary(*op, *dtype, a))
            }
            Value::Binary(op @ (BinaryOp::And | BinaryOp::Or), DType::Bool, a, b) => {
                // As in C, the right side is evaluated only where it decides.
                let a = self.value(a, active)?;
                let decides = *op == BinaryOp::And;
                let on = narrowed(active, |t| (a.at(t) != 0.0) == decides);
                if !on.contains(&true) {
                    return Ok(a);
                }
                let b = self.value(b, &on)?;
                let join = |t: usize| if on[t] { b.at(t) } else { a.at(t) };
                Lanes::Each((0..active.len()).map(join).collect())
            }
            Value::Binary(op, dtype, a, b) => {
                let wide = a.is_wide() || b.is_wide();
                let (a, b) = (self.value(a, active)?, self.value(b, active)?);
                match (wide, op) {
                    (true, BinaryOp::Add) => zip(&a, &b, |a, b| a + b),
                    (true, BinaryOp::Mul) => zip(&a, &b, |a, b| a * b),
                    _ => zip(&a, &b, |a, b| meaning::binary(*op, *dtype, a, b)),
                }
            }
            Value::Ternary(TernaryOp::Select, _, abc) => {
                let condition = self.value(&abc[0], active)?;
                let on = narrowed(active, |t| condition.at(t) != 0.0);
                let off = narrowed(active, |t| condition.at(t) == 0.0);
                let b = if on.contains(&true) {
                    self.value(&abc[1], &on)?
                } else {
                    Lanes::Same(GARBAGE)
                };
                let c = if off.contains(&true) {
                    self.value(&abc[2], &off)?
                } else {
                    Lanes::Same(GARBAGE)
                };
                let pick = |t: usize| if on[t] { b.at(t) } else { c.at(t) };
                Lanes::Each((0..active.len()).map(pick).collect())
            }
            Value::Ternary(op, dtype, abc) => {
                let [a, b, c] = [&abc[0], &abc[1], &abc[2]].map(|v| self.value(v, active));
                let (a, b, c) = (a?, b?, c?);
                let one = |t: usize| meaning::ternary(*op, *dtype, a.at(t), b.at(t), c.at(t));
                Lanes::Each((0..active.len()).map(one).collect())
            }
            Value::Apart(ab) => {
                let [a, b] = [&ab[0], &ab[1]].map(|v| self.value(v, active));
                zip(&a?, &b?, |a, b| meaning::binary(BinaryOp::Add, DType::F32, a, b))
            }
            Value::Pack(dtype, ab) => {
                let [low, high] = [&ab[0], &ab[1]].map(|v| self.value(v, active));
                zip(&low?, &high?, |low, high| matrix::pack(*dtype, low, high))
            }
            Value::Cast { to, of, .. } => map(&self.value(of, active)?, |a| to.round(a)),
            Value::Bitcast { from, to, of } => {
                map(&self.value(of, active)?, |a| meaning::bitcast(*from, *to, a))
            }
            Value::Load { param, offset } => {
                let offset = self.value(offset, active)?;
                self.load(param.index(), &offset, 0, active)?
            }
            Value::Stride(param, axis) => match &*self.memory[param.index()].argument {
                Argument::Tensor(tensor) => Lanes::Same(tensor.strides[*axis] as f64),
                Argument::Scalar(_) => return Err("a number has no strides".into()),
            },
            Value::Wide(a) | Value::Rough(a) | Value::Flushed(a) => self.value(a, active)?,
            Value::Checked(check, of) => {
                let index = self.value(of, active)?;
                let check = &self.program.checks[*check];
                let extent = check.extent.value(self.dims) as f64;
                match threads(active).map(|t| index.at(t)).find(|i| !(0.0..extent).contains(i)) {
                    None => index,
                    Some(at) => return Err(check.fault(at as i64)),
                }
            }
            Value::Shared(array, index) => {
                let index = self.value(index, active)?;
                self.element_of_shared(*array, &index, active)?
            }
            Value::Shuffle(shuffle, _, a) => {
                let a = self.value(a, active)?;
                exchanged(active, |first, lane| a.at(first + shuffle.source(lane)))?
            }
            Value::Extreme { max, of, .. } => {
                let of = self.value(of, active)?;
                let pick = if *max { f64::max } else { f64::min };
                exchanged(active, |first, _| {
                    (first..first + SUBGROUP).map(|t| of.at(t)).fold(of.at(first), pick)
                })?
            }
        })
    }
}

/// What each lane of the subgroups that are active gets: `of` the first thread of its subgroup and its own number.
fn exchanged(active: &[bool], of: impl Fn(usize, usize) -> f64) -> Result<Lanes, String> {
    let mut all = vec![GARBAGE; active.len()];
    for (number, subgroup) in active.chunks(SUBGROUP).enumerate() {
        if subgroup.contains(&true) && subgroup.contains(&false) {
            return Err("some lanes do not reach a shuffle".into());
        }
        let first = number * SUBGROUP;
        for lane in 0..subgroup.len() {
            all[first + lane] = of(first, lane);
        }
    }
    Ok(Lanes::Each(all))
}

impl Shuffle {
    /// The lane whose value `lane` of 32 gets.
    pub fn source(self, lane: usize) -> usize {
        match self {
            Shuffle::Xor(bits) => lane ^ bits,
            Shuffle::Up(by) => lane.checked_sub(by).unwrap_or(lane),
            Shuffle::Down(by) => {
                if lane + by < SUBGROUP {
                    lane + by
                } else {
                    lane
                }
            }
            Shuffle::Last(bits) => lane | ((1 << bits) - 1),
            Shuffle::First(bits) => lane & !((1 << bits) - 1),
        }
    }
}

fn threads(active: &[bool]) -> impl Iterator<Item = usize> + '_ {
    active.iter().enumerate().filter(|(_, on)| **on).map(|(thread, _)| thread)
}

fn narrowed(active: &[bool], keep: impl Fn(usize) -> bool) -> Vec<bool> {
    active.iter().enumerate().map(|(thread, on)| *on && keep(thread)).collect()
}

fn each(count: usize, of: impl Fn(usize) -> usize) -> Lanes {
    Lanes::Each((0..count).map(|t| of(t) as f64).collect())
}

fn map(a: &Lanes, f: impl Fn(f64) -> f64) -> Lanes {
    match a {
        Lanes::Same(x) => Lanes::Same(f(*x)),
        Lanes::Each(all) => Lanes::Each(all.iter().map(|x| f(*x)).collect()),
    }
}

fn zip(a: &Lanes, b: &Lanes, f: impl Fn(f64, f64) -> f64) -> Lanes {
    match (a, b) {
        (Lanes::Same(x), Lanes::Same(y)) => Lanes::Same(f(*x, *y)),
        (Lanes::Each(x), Lanes::Each(y)) => {
            Lanes::Each(x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect())
        }
        (Lanes::Each(x), Lanes::Same(y)) => Lanes::Each(x.iter().map(|x| f(*x, *y)).collect()),
        (Lanes::Same(x), Lanes::Each(y)) => Lanes::Each(y.iter().map(|y| f(*x, *y)).collect()),
    }
}

fn plus(a: &Lanes, by: usize) -> Lanes {
    map(a, |a| a + by as f64)
}
