//! Runs bound programs on one thread.

mod combine;
mod prefix;
#[cfg(test)]
mod strips;
mod transfer;

use crate::native::Arguments;
use crate::schedule::NEIGHBOURS;
use crate::simd::call::Operand;
use crate::simd::reduce::{FIRST, LAST};
use crate::step::*;

/// Elements of several rows that native code goes through before those beside them: windows of neighbouring rows that it
/// reads stay in the first cache meanwhile.
const STRIP: usize = 512;

/// What a thread keeps from launch to launch for one bound program.
#[derive(Default)]
pub struct Scratch {
    registers: Vec<*mut u8>,
    origins: Vec<*mut u8>,
    offsets: [Vec<Option<isize>>; 4],
    values: Vec<f64>,
    wide: Vec<combine::Wide<f64>>,
    narrow: Vec<combine::Wide<f32>>,
    blocks: Vec<prefix::Lines>,
    places: Vec<*mut u32>,
}

// SAFETY: the addresses are written anew in each launch before they are followed.
unsafe impl Send for Scratch {}

/// What all threads of a launch share.
pub struct Launch<'a> {
    /// Programs along each grid axis.
    pub grid: &'a [usize],
    /// First element of each tensor; null for scalars.
    pub tensors: &'a [*mut u8],
    /// Value of each scalar parameter.
    pub scalars: &'a [f64],
}

// SAFETY: the tensors' memory is the launch's for its duration (`Executable::launch`).
unsafe impl Sync for Launch<'_> {}

/// An index left its axis.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The parameter, or a tile's name.
    pub tensor: Tensor,
    /// Which axis.
    pub axis: usize,
    /// The index.
    pub index: i64,
    /// The axis' extent.
    pub extent: usize,
    /// The program.
    pub at: Vec<usize>,
}

/// What a [`Fault`] is about.
#[derive(Clone, Debug)]
pub enum Tensor {
    /// A parameter by number.
    Param(usize),
    /// By name.
    Named(String),
}

type Outcome = Result<(), Box<Fault>>;

/// A thread at work on a bound program.
pub struct Machine<'a> {
    bound: &'a Bound,
    launch: &'a Launch<'a>,
    scratch: &'a mut Scratch,
    frame: *mut u8,
    /// The first program of the batch.
    instance: [usize; GRID_AXES],
    /// The block of a long row: its first element and its length.
    block: (usize, usize),
    flags: u64,
}

impl<'a> Machine<'a> {
    /// Prepares a thread: clears nothing, computes what is the same for all programs.
    ///
    /// # Safety
    /// The launch's tensors are those that `bound` was made for: every element that its strides reach exists, and
    /// nobody else writes them. The frame has `bound.frame` bytes, aligned to 64, and is nobody
    /// else's.
    ///
    /// # Errors
    /// A fault of the prologue.
    pub unsafe fn new(
        bound: &'a Bound,
        launch: &'a Launch<'a>,
        scratch: &'a mut Scratch,
        frame: *mut u8,
    ) -> Result<Self, Box<Fault>> {
        scratch.registers.clear();
        scratch.registers.resize(bound.registers.len(), frame);
        scratch.origins.clear();
        scratch.origins.resize(bound.registers.len(), frame);
        let instance = [0; GRID_AXES];
        let main = bound.main;
        let block = (0, main.1.min(main.0));
        let flags = FIRST | LAST;
        let mut machine = Machine { bound, launch, scratch, frame, instance, block, flags };
        for &(to, word) in &bound.words {
            let bits = match word {
                Word::Bits(bits) => bits,
                Word::Scalar(param, dtype) => lane(dtype, launch.scalars[param]),
            };
            // SAFETY: an address in the frame.
            unsafe { machine.at(to).cast::<u32>().write(bits) };
        }
        machine.point_registers();
        machine.steps(&bound.prologue)?;
        Ok(machine)
    }

    /// Runs the batch that starts at the program of that number, the last grid axis running fastest.
    ///
    /// # Errors
    /// The first fault, in program order.
    pub fn run(&mut self, mut number: usize) -> Outcome {
        let grid = self.launch.grid;
        for axis in (0..grid.len()).rev() {
            self.instance[axis] = number % grid[axis];
            number /= grid[axis];
        }
        self.point_registers();
        let bound = self.bound;
        let (total, len) = bound.main;
        let blocks = if len == 0 { 1 } else { total.div_ceil(len).max(1) };
        for pass in &bound.passes {
            for block in 0..blocks {
                self.run_block(pass, block, block == 0, block + 1 == blocks)?;
            }
            self.steps(&pass.after)?;
        }
        Ok(())
    }

    /// Runs one block of the only pass of a program that keeps no state from block to block.
    ///
    /// # Errors
    /// A fault.
    pub fn run_alone(&mut self, block: usize) -> Outcome {
        match self.bound.passes.first() {
            Some(pass) => self.run_block(pass, block, true, true),
            None => Ok(()),
        }
    }

    fn run_block(&mut self, pass: &'a Pass, block: usize, first: bool, last: bool) -> Outcome {
        let (total, len) = self.bound.main;
        self.block = (block * len, len.min(total - (block * len).min(total)));
        self.flags = (first as u64 * FIRST) | (last as u64 * LAST);
        if len < total {
            for (k, register) in self.bound.registers.iter().enumerate() {
                let ahead = register.advance * self.block.0 as isize;
                self.scratch.registers[k] = self.scratch.origins[k].wrapping_offset(ahead);
            }
        }
        self.steps(&pass.blocks)
    }

    fn point_registers(&mut self) {
        for (k, register) in self.bound.registers.iter().enumerate() {
            let base = match register.param {
                Some(param) => self.launch.tensors[param],
                None => self.frame,
            };
            let mut offset = register.offset;
            for (per_program, &index) in register.grid.iter().zip(&self.instance) {
                offset = offset.wrapping_add(per_program.wrapping_mul(index as isize));
            }
            self.scratch.origins[k] = base.wrapping_offset(offset);
            self.scratch.registers[k] = self.scratch.origins[k];
        }
    }

    #[inline(always)]
    fn at(&self, address: Address) -> *mut u8 {
        match address.register {
            u32::MAX => std::ptr::null_mut(),
            register => self.scratch.registers[register as usize].wrapping_offset(address.offset),
        }
    }

    /// An i32 of the frame.
    fn word(&self, address: Address) -> i32 {
        // SAFETY: the address of a scalar tile.
        unsafe { self.at(address).cast::<i32>().read() }
    }

    fn steps(&mut self, steps: &'a [Step]) -> Outcome {
        for step in steps {
            match step {
                Step::Invoke(invoke) => self.invoke(invoke),
                Step::Native(native) => self.native(native),
                Step::Locate(locate) => self.locate(locate)?,
                Step::Transfer(transfer) => self.transfer(transfer)?,
                Step::LookUp(look_up) => self.look_up(look_up)?,
                Step::Check(check) => self.check(check)?,
                Step::Program { axis, to } => {
                    let last = axis + 1 == self.launch.grid.len();
                    for program in 0..self.bound.batch {
                        let index = self.instance[*axis] + if last { program } else { 0 };
                        // SAFETY: a scalar tile of each program.
                        unsafe { self.at(*to).cast::<i32>().add(program).write(index as i32) };
                    }
                }
                Step::Combine(combining) => self.combine(combining),
                Step::For { index, start, end, step, turns, body } => {
                    let (mut i, end) = (self.word(*start) as i64, self.word(*end) as i64);
                    let others = *turns as i64 - 1;
                    while i + others < end {
                        // SAFETY: a scalar tile.
                        unsafe { self.at(*index).cast::<i32>().write(i as i32) };
                        self.steps(body)?;
                        i = i.saturating_add_unsigned(*step as u64);
                    }
                    if others > 0 {
                        // SAFETY: as above.
                        unsafe { self.at(*index).cast::<i32>().write(i as i32) };
                    }
                }
                Step::When { condition, body } => {
                    if self.word(*condition) != 0 {
                        self.steps(body)?;
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn invoke(&mut self, invoke: &Invoke) {
        let mut call = invoke.call;
        match invoke.block {
            BlockRole::Fixed => {}
            BlockRole::Plain => call.len = self.block.1,
            BlockRole::Stateful => {
                call.len = self.block.1;
                call.extra = [call.extra[0] | self.flags, self.block.0 as u64];
            }
            BlockRole::Counting => {
                call.len = self.block.1;
                call.extra[0] = call.extra[0].wrapping_add(self.block.0 as u64);
            }
        }
        call.out.at = self.at(invoke.out);
        for (operand, address) in call.inputs.iter_mut().zip(invoke.inputs) {
            operand.at = self.at(address);
        }
        call.prefetch.at = self.at(invoke.prefetch);
        if invoke.outer.is_empty() {
            // SAFETY: the binder made every operand cover the call's rows; see `Machine::new` for the tensors.
            unsafe { invoke.primitive.call(&call) };
            return;
        }
        self.invoke_nested(invoke, call);
    }

    fn native(&mut self, native: &Native) {
        let (first, len) = match native.block {
            BlockRole::Fixed => (0, native.len),
            _ => self.block,
        };
        if native.rows == 0 || len == 0 {
            return;
        }
        let many = native.rows >= NEIGHBOURS && !native.steps.is_empty();
        let cut = if many { STRIP } else { len.max(1) };
        for from in (0..len).step_by(cut) {
            let part = cut.min(len - from);
            let mut arguments = Arguments::new(native.rows, part, (first + from) as u32);
            let mut aligned = true;
            for (k, &(address, row)) in native.operands.iter().enumerate() {
                let step = native.steps.get(k).copied().unwrap_or(0);
                let at = self.at(address).wrapping_add(step * from);
                aligned &= !native.streamed[k] || (at as usize | row as usize).is_multiple_of(64);
                arguments.operands[k].write(Operand { at, row });
            }
            let code = native.streaming.as_ref().filter(|_| aligned).unwrap_or(&native.code);
            // SAFETY: the code was compiled for these operands; each covers the rows as it did in the primitives' calls,
            // which the binder made to. What is written meets what is read only where both are the same place, and the
            // level is the chain's (`Request::native`).
            unsafe { code.run(&mut arguments) };
        }
    }

    /// Calls the primitive for every position of the outer axes.
    fn invoke_nested(&mut self, invoke: &Invoke, base: crate::simd::call::Call) {
        let mut position = [0usize; 8];
        loop {
            let mut call = base;
            for (k, (_, strides)) in invoke.outer.iter().enumerate() {
                let shift = |operand: &mut Operand, stride: isize| {
                    operand.at = operand.at.wrapping_offset(stride * position[k] as isize);
                };
                shift(&mut call.out, strides[0]);
                for (operand, &stride) in call.inputs.iter_mut().zip(&strides[1..]) {
                    shift(operand, stride);
                }
            }
            // SAFETY: as in `invoke`.
            unsafe { invoke.primitive.call(&call) };
            let advanced = (0..invoke.outer.len()).rev().find(|&k| {
                position[k] += 1;
                let more = position[k] < invoke.outer[k].0;
                if !more {
                    position[k] = 0;
                }
                more
            });
            if advanced.is_none() {
                return;
            }
        }
    }

    fn check(&mut self, check: &Check) -> Outcome {
        let len = if check.block == BlockRole::Fixed { check.len } else { self.block.1 };
        let mut found = -1i64;
        let mut call = crate::simd::call::Call::new(check.rows, len);
        call.inputs[0] = Operand { at: self.at(check.at), row: (check.len * 4) as isize };
        call.out.at = (&raw mut found).cast();
        call.extra = [check.extent as u64, check.signed as u64];
        // SAFETY: the indices are a contiguous tile; the output is an i64.
        unsafe { check.primitive.call(&call) };
        if found < 0 {
            return Ok(());
        }
        let place = found as usize;
        // SAFETY: the place of one of the indices.
        let bits = unsafe { self.at(check.at).cast::<u32>().add(place).read() };
        let index = if check.signed { bits as i32 as i64 } else { bits as i64 };
        let program = place / len.max(1) / check.rows_of_program.max(1);
        let tensor = Tensor::Named(check.tensor.clone());
        Err(self.fault(tensor, check.axis, index, check.extent, program))
    }

    fn fault(
        &self,
        tensor: Tensor,
        axis: usize,
        index: i64,
        extent: usize,
        program: usize,
    ) -> Box<Fault> {
        let mut at = self.instance[..self.launch.grid.len()].to_vec();
        if let Some(last) = at.last_mut() {
            *last += program;
        }
        Box::new(Fault { tensor, axis, index, extent, at })
    }
}

/// The bits that hold `value` of `dtype` in a lane.
pub fn lane(dtype: tilewright_ir::DType, value: f64) -> u32 {
    use tilewright_ir::DType::*;
    let value = dtype.round(value);
    match dtype {
        Bool | U8 | U32 => value as u32,
        I8 | I32 => value as i32 as u32,
        F16 | BF16 | F32 | F64 => (value as f32).to_bits(),
    }
}

/// The value that the bits of a lane hold.
pub fn lane_value(dtype: tilewright_ir::DType, bits: u32) -> f64 {
    use tilewright_ir::DType::*;
    match dtype {
        Bool | U8 | U32 => bits as f64,
        I8 | I32 => bits as i32 as f64,
        F16 | BF16 | F32 | F64 => f32::from_bits(bits) as f64,
    }
}
