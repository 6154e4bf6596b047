//! The interpreter: the meaning of a program, and the oracle that every target is tested against.
//!
//! Each op is computed in f64 and rounded once to the expression's dtype ([`crate::meaning`]); sums, products, scans
//! and matrix products accumulate in f64 and round once at the end, so that the answer is the exact one for the
//! tolerances of [`crate::tolerance`]. In particular an intermediate sum does not overflow f32 here.
//!
//! Programs run one after the other, and their accesses are recorded per element. That finds what no order of
//! execution would show by itself: a [`Fault`] names tensor, element and program for an access out of bounds, a read
//! of memory that nothing has written, an output element left unwritten, and a race, where one program writes what
//! another reads or writes without atomics.

mod argument;
mod elementwise;
mod memory;
mod reduction;
mod tile;
mod trial;

pub use argument::{Argument, Tensor, bind_arguments};
pub use trial::Trial;

use crate::interpret::memory::Memory;
use crate::interpret::tile::Tile;
use crate::{
    Bindings, DType, Expr, ExprId, ExprKind, Extent, Location, Program, Stmt, Type,
    validate::validate_rewritten,
};

/// What a [`Fault`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The program is not valid, or the arguments do not fit it.
    Argument,
    /// An index left its axis.
    OutOfBounds,
    /// An element was read that nothing had written.
    UnwrittenRead,
    /// An output element was never written.
    UnwrittenOutput,
    /// Two programs used one element, at least one of them writing it without atomics.
    Race,
    /// One store wrote an element twice.
    RepeatedWrite,
    /// A [`Trial`] stopped it.
    Trial,
}

/// Why a program cannot be run to its end, or must not be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The kernel.
    pub kernel: String,
    /// The tensor (or the tile, for positions inside one), where one is concerned.
    pub tensor: Option<String>,
    /// The element, as the kernel indexes the tensor. Out of bounds, it holds the offending position.
    pub index: Vec<i64>,
    /// The program instance: its index along each grid axis.
    pub program: Option<Vec<usize>>,
    /// The author's line.
    pub at: Option<Location>,
    /// What happened, in words.
    pub text: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}: {}", self.kernel, self.text)?;
        match &self.program {
            Some(program) => write!(f, " (in program {program:?})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// Runs a program on its arguments, which hold its outputs afterwards.
///
/// `arguments` has one entry a parameter; tensors have the caller's shapes in `bindings`. What an `out` tensor
/// holds before the call is ignored.
///
/// # Errors
/// A [`Fault`] for an invalid program, arguments that do not fit, or any of the run-time errors above. The contents
/// of the outputs are then unspecified.
pub fn interpret(
    program: &Program,
    arguments: &mut [Argument],
    bindings: &Bindings,
) -> Result<(), Box<Fault>> {
    run(program, arguments, bindings, None)
}

/// As [`interpret`], of a program that nobody has read.
///
/// # Errors
/// As [`interpret`]; also when the trial stops it.
pub fn interpret_trial(
    program: &Program,
    arguments: &mut [Argument],
    bindings: &Bindings,
    trial: Trial,
) -> Result<(), Box<Fault>> {
    run(program, arguments, bindings, Some(trial))
}

fn run(
    program: &Program,
    arguments: &mut [Argument],
    bindings: &Bindings,
    trial: Option<Trial>,
) -> Result<(), Box<Fault>> {
    let fault = |text: String| {
        Box::new(Fault {
            kind: FaultKind::Argument,
            kernel: program.name.clone(),
            tensor: None,
            index: Vec::new(),
            program: None,
            at: None,
            text,
        })
    };
    validate_rewritten(program).map_err(|mistakes| {
        let texts: Vec<String> = mistakes.iter().map(|m| m.to_string()).collect();
        fault(format!("the program is not valid: {}", texts.join("; ")))
    })?;
    if bindings.dims.len() != program.dims.len() {
        return Err(fault("the bindings belong to another program".into()));
    }
    let (memory, scalars) = Memory::new(program, arguments, bindings).map_err(fault)?;
    let grid = bindings.grid(program);
    let mut machine = Machine {
        program,
        dims: &bindings.dims,
        scalars,
        memory,
        values: vec![None; program.exprs.len()],
        vars: vec![None; program.vars.len()],
        instance: vec![0; grid.len()],
        number: 0,
        trial,
    };
    if !grid.contains(&0) {
        machine.every_program(&grid)?;
    }
    machine.memory.first_unwritten().map_or(Ok(()), |(param, index, count)| {
        let name = &program.params[param].name;
        Err(Box::new(Fault {
            kind: FaultKind::UnwrittenOutput,
            tensor: Some(name.clone()),
            text: format!("{count} elements of `{name}` were never written, first {index:?}"),
            index,
            ..*fault(String::new())
        }))
    })
}

/// What a step of the machine can report; [`Machine::fault`] adds where it happened.
struct Problem {
    kind: FaultKind,
    tensor: Option<String>,
    index: Vec<i64>,
    text: String,
}

struct Machine<'a> {
    program: &'a Program,
    dims: &'a [usize],
    /// By parameter.
    scalars: Vec<f64>,
    memory: Memory<'a>,
    values: Vec<Option<Tile>>,
    vars: Vec<Option<Tile>>,
    /// The running program: its index along each grid axis.
    instance: Vec<usize>,
    /// The same as one number.
    number: u32,
    /// What is left of it.
    trial: Option<Trial>,
}

impl<'a> Machine<'a> {
    fn every_program(&mut self, grid: &[usize]) -> Result<(), Box<Fault>> {
        loop {
            self.values.fill(None);
            self.vars.fill(None);
            self.spend(1).map_err(|p| self.fault(p, None))?;
            self.body(&self.program.body)?;
            // The last axis runs fastest.
            let Some(axis) = (0..grid.len()).rev().find(|&i| self.instance[i] + 1 < grid[i]) else {
                return Ok(());
            };
            self.instance[axis] += 1;
            self.instance[axis + 1..].fill(0);
            self.number += 1;
        }
    }

    fn fault(&self, problem: Problem, at: Option<&Location>) -> Box<Fault> {
        Box::new(Fault {
            kind: problem.kind,
            kernel: self.program.name.clone(),
            tensor: problem.tensor,
            index: problem.index,
            program: Some(self.instance.clone()),
            at: at.cloned(),
            text: problem.text,
        })
    }

    fn body(&mut self, body: &'a [Stmt]) -> Result<(), Box<Fault>> {
        for stmt in body {
            match stmt {
                Stmt::Let(id) => {
                    let expr = self.program.expr(*id);
                    let tile = self.evaluate(*id).map_err(|p| self.fault(p, expr.at.as_ref()))?;
                    self.values[id.index()] = Some(tile);
                }
                Stmt::Set(var, value) => self.vars[var.index()] = Some(self.value(*value).clone()),
                Stmt::Store { place, value, mask, mode, at } => {
                    let axes = self.positions(place).map_err(|p| self.fault(p, at.as_ref()))?;
                    let value = self.value(*value).clone();
                    let mask = mask.map(|mask| self.value(mask).clone());
                    self.memory
                        .store(place, &axes, &value, mask.as_ref(), *mode, self.number)
                        .map_err(|p| self.fault(p, at.as_ref()))?;
                }
                Stmt::For { index, start, end, step, body } => {
                    let (start, end) = (self.integer(*start), self.integer(*end));
                    let mut i = start;
                    while i < end {
                        self.spend(1).map_err(|p| self.fault(p, None))?;
                        self.values[index.index()] = Some(Tile::scalar(i as f64));
                        self.body(body)?;
                        i = i.saturating_add_unsigned(*step as u64);
                    }
                }
                Stmt::When { condition, body } => {
                    if self.integer(*condition) != 0 {
                        self.body(body)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The value of an operand. Validation has made sure that there is one.
    fn value(&self, id: ExprId) -> &Tile {
        const NOTHING: &Tile = &Tile::NOTHING;
        self.values[id.index()].as_ref().unwrap_or(NOTHING)
    }

    fn integer(&self, id: ExprId) -> i64 {
        self.value(id).data().first().map_or(0, |&x| x as i64)
    }

    fn extent(&self, extent: Extent) -> usize {
        extent.value(self.dims)
    }

    /// The shape of an expression with this call's sizes.
    ///
    /// # Errors
    /// When the tile is too large to be materialized.
    fn shape(&self, ty: &Type) -> Result<Vec<usize>, Problem> {
        let shape: Vec<usize> = ty.shape.iter().map(|&e| self.extent(e)).collect();
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        match elements.is_some_and(|n| n <= 1 << 31) {
            true => Ok(shape),
            false => Err(Problem {
                kind: FaultKind::Argument,
                tensor: None,
                index: Vec::new(),
                text: format!("a tile of shape {shape:?} is too large for the interpreter"),
            }),
        }
    }

    fn out_of_bounds(&self, tensor: &str, axis: usize, position: i64, extent: usize) -> Problem {
        Problem {
            kind: FaultKind::OutOfBounds,
            tensor: Some(tensor.into()),
            index: vec![position],
            text: format!(
                "position {position} is outside axis {axis} of `{tensor}`, which has extent {extent}"
            ),
        }
    }

    fn evaluate(&mut self, id: ExprId) -> Result<Tile, Problem> {
        let program = self.program;
        let Expr { kind, ty, .. } = program.expr(id);
        let shape = self.shape(ty)?;
        self.spend(shape.iter().product())?;
        let tile = match kind {
            ExprKind::Const(literal) => Tile::scalar(ty.dtype.round(literal.value())),
            ExprKind::Scalar(param) => Tile::scalar(self.scalars[param.index()]),
            ExprKind::Size(extent) => Tile::scalar(DType::I32.round(self.extent(*extent) as f64)),
            ExprKind::Program(axis) => Tile::scalar(self.instance[*axis] as f64),
            // Bound by loops and combine functions; the validator admits no `Let` of them.
            ExprKind::LoopIndex | ExprKind::Argument => self.value(id).clone(),
            ExprKind::Iota(len) => {
                Tile::new(shape, (0..self.extent(*len)).map(|i| i as f64).collect())
            }
            ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_) => self.elementwise(kind, ty.dtype, shape),
            ExprKind::Broadcast(of) => self.value(*of).broadcast(&shape),
            ExprKind::Reshape(of) => self.value(*of).reshape(shape),
            ExprKind::Transpose(of, order) => self.value(*of).transpose(order),
            ExprKind::Slice { of, axis, start } => {
                self.value(*of).slice(*axis, self.extent(*start), shape)
            }
            ExprKind::Concat(parts, axis) => {
                let parts: Vec<&Tile> = parts.iter().map(|&part| self.value(part)).collect();
                Tile::concat(&parts, *axis, shape)
            }
            ExprKind::Pick { of, indices } => {
                let (tile, n) = (self.value(*of), self.value(*of).last_extent());
                tile.pick(self.value(*indices), shape).map_err(|position| {
                    let (name, axis) = program.axis_name(*of, tile.shape().len() - 1);
                    self.out_of_bounds(&name, axis, position, n)
                })?
            }
            ExprKind::Reduce(op, of, axis) => {
                reduction::reduce(*op, ty.dtype, self.value(*of), *axis)
            }
            ExprKind::ArgReduce { max, of, axis } => {
                reduction::arg_reduce(*max, self.value(*of), *axis)
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                self.reduce_by(of, *axis, combine, identity)
            }
            ExprKind::Scan { op, of, axis, exclusive, reverse } => {
                reduction::scan(*op, ty.dtype, self.value(*of), *axis, *exclusive, *reverse)
            }
            ExprKind::ScanBy { of, axis, combine, exclusive, reverse } => {
                self.scan_by(of, *axis, combine, exclusive.as_deref(), *reverse)
            }
            ExprKind::TopK { of, k } => {
                let (tile, n) = (self.value(*of), self.value(*of).last_extent());
                if *k > n {
                    let (name, axis) = program.axis_name(*of, tile.shape().len() - 1);
                    return Err(self.out_of_bounds(&name, axis, *k as i64 - 1, n));
                }
                reduction::top_k(tile, *k, shape)
            }
            ExprKind::Part(of, part) => self.value(*of).part(*part),
            ExprKind::Dot(a, b) => reduction::dot(ty.dtype, self.value(*a), self.value(*b)),
            ExprKind::Unpack { of, bits } => {
                let word = program.expr(*of).ty.dtype.size();
                self.value(*of).unpack(word, *bits, shape)
            }
            ExprKind::Get(var) => self.vars[var.index()].clone().unwrap_or(Tile::NOTHING),
            ExprKind::Load { place, fill } => {
                let axes = self.positions(place)?;
                let fill = ty.dtype.round(fill.value());
                self.memory.load(place, &axes, fill, shape, self.number)?
            }
        };
        self.tried(kind, ty.dtype, tile)
    }
}
