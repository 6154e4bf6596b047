//! Copies between tensors and tiles with every check, and registers that depend on run-time indices.

use super::{Fault, Machine, Outcome, Tensor};
use crate::simd::call::{Call, Operand};
use crate::simd::{LANES, memory};
use crate::step::*;
use tilewright_ir::Covered;

impl Machine<'_> {
    /// The value of an index for program `program` of the batch.
    fn index(&self, index: Index, program: usize) -> i64 {
        match index {
            Index::Affine { constant, grid } => {
                let last = self.launch.grid.len().wrapping_sub(1);
                let at = |axis: usize| self.instance[axis] + if axis == last { program } else { 0 };
                (0..GRID_AXES).fold(constant, |sum, axis| sum + grid[axis] * at(axis) as i64)
            }
            Index::At { at, batch } => {
                let at = Address { offset: at.offset + batch * program as isize, ..at };
                self.word(at) as i64
            }
        }
    }

    /// Byte offset of position `index` of an axis.
    fn along(axis: &TensorAxis, mut index: usize) -> isize {
        if let [(_, stride)] = axis.parts[..] {
            return index as isize * stride;
        }
        let mut offset = 0;
        for &(extent, stride) in axis.parts.iter().rev() {
            offset += (index % extent.max(1)) as isize * stride;
            index /= extent.max(1);
        }
        offset
    }

    fn outside(
        &self,
        param: usize,
        axis: usize,
        index: i64,
        extent: usize,
        program: usize,
    ) -> Box<Fault> {
        self.fault(Tensor::Param(param), axis, index, extent, program)
    }

    pub(super) fn locate(&mut self, locate: &Locate) -> Outcome {
        let at = self.located(locate.param, &locate.axes, 0)?;
        self.scratch.registers[locate.register as usize] = at;
        self.scratch.origins[locate.register as usize] = at;
        Ok(())
    }

    /// Where the elements begin that `axes` choose for a program of the batch, all of them inside the tensor.
    fn located(
        &self,
        param: usize,
        axes: &[TensorAxis],
        program: usize,
    ) -> Result<*mut u8, Box<Fault>> {
        let mut at = self.launch.tensors[param];
        for (number, axis) in axes.iter().enumerate() {
            let (index, last) = match axis.positions {
                Positions::One(index) => (self.index(index, program), 0),
                Positions::Run { len: 0, .. } => continue,
                Positions::Run { start, len, step } => {
                    (self.index(start, program), (len - 1) * step)
                }
                Positions::List { .. } => continue,
            };
            if index < 0 || index as usize + last >= axis.extent {
                return Err(self.outside(param, number, index, axis.extent, program));
            }
            at = at.wrapping_offset(Self::along(axis, index as usize));
        }
        Ok(at)
    }

    pub(super) fn look_up(&mut self, look_up: &LookUp) -> Outcome {
        let LookUp { load, invoke, operand } = look_up;
        let mut call = invoke.call;
        (call.rows, call.len) = (1, load.elements);
        for program in 0..load.batch {
            let shift = (load.elements * 4 * program) as isize;
            call.out.at = self.at(invoke.out).wrapping_offset(shift);
            for (input, &address) in call.inputs.iter_mut().zip(&invoke.inputs) {
                input.at = self.at(address).wrapping_offset(shift);
            }
            call.inputs[*operand].at = self.located(load.param, &load.axes, program)?;
            call.prefetch.at = match program + 1 < load.batch {
                true => self.start(load, program + 1).cast_mut(),
                false => std::ptr::null_mut(),
            };
            // SAFETY: each operand has a row of these elements for each program, the one that is looked up inside its
            // tensor; the others as in `Machine::invoke`.
            unsafe { invoke.primitive.call(&call) };
        }
        Ok(())
    }

    /// Which of the `len` positions of an axis are at hand, the first and how many: those of the block, where the axis is
    /// the row's. Beside it only axes of one position are.
    fn part(&self, block: BlockRole, len: usize) -> (usize, usize) {
        match block {
            BlockRole::Fixed => (0, len),
            _ if len == 1 => (0, 1),
            _ => self.block,
        }
    }

    /// Where the run begins that a load copies for a program of the batch: to be fetched, so nothing is checked.
    fn start(&self, transfer: &Transfer, program: usize) -> *const u8 {
        let mut at = self.launch.tensors[transfer.param];
        for axis in &transfer.axes {
            let (index, first) = match axis.positions {
                Positions::One(index) => (index, 0),
                Positions::Run { start, len, step } => {
                    (start, step * self.part(transfer.block, len).0)
                }
                Positions::List { .. } => return std::ptr::null(),
            };
            // Before the axis nothing is read: near its beginning will do.
            let index = self.index(index, program).max(0) as usize;
            at = at.wrapping_offset(Self::along(axis, index + first));
        }
        at
    }

    /// Where the elements of a window lie if all of them are inside the tensor, for all programs of the batch.
    fn window(&self, transfer: &Transfer) -> Option<*mut u8> {
        for axis in &transfer.axes {
            let (start, reach) = match axis.positions {
                Positions::One(index) => (index, 0),
                Positions::Run { start, len, step } => (start, (len.checked_sub(1)? * step) as i64),
                Positions::List { .. } => return None,
            };
            if let Index::At { batch, .. } = start
                && batch != 0
            {
                let first = self.index(start, 0);
                let follows = |program| self.index(start, program) == first + program as i64;
                if !(1..transfer.batch).all(follows) {
                    return None;
                }
            }
            // Between the first program and the last they move one way.
            for program in [0, transfer.batch - 1] {
                let first = self.index(start, program);
                if first < 0 || first.saturating_add(reach) >= axis.extent as i64 {
                    return None;
                }
            }
        }
        self.located(transfer.param, &transfer.axes, 0).ok()
    }

    pub(super) fn transfer(&mut self, transfer: &Transfer) -> Outcome {
        if let Some(register) = transfer.window {
            let inside = self.window(transfer);
            let at = inside.unwrap_or_else(|| self.at(transfer.tile));
            self.scratch.registers[register as usize] = at;
            self.scratch.origins[register as usize] = at;
            if inside.is_some() {
                return Ok(());
            }
        }
        if transfer.is_run() {
            return self.runs(transfer);
        }
        // Byte offsets along each axis of the tile, `None` where a run is outside it.
        let mut lists = std::mem::take(&mut self.scratch.offsets);
        let mut outcome = Ok(());
        for program in 0..transfer.batch {
            let next = match transfer.kind {
                TransferKind::Load { .. } if program + 1 < transfer.batch => {
                    self.start(transfer, program + 1)
                }
                _ => std::ptr::null(),
            };
            outcome = self.transfer_one(transfer, program, next, &mut lists);
            if outcome.is_err() {
                break;
            }
        }
        self.scratch.offsets = lists;
        outcome
    }

    /// Copies tiles that are one run each.
    fn runs(&self, transfer: &Transfer) -> Outcome {
        if let Some((base, number, stride)) = self.listed(transfer) {
            return self.rows_of_list(transfer, base, number, stride);
        }
        let loads = matches!(transfer.kind, TransferKind::Load { .. });
        let mut next = self.run_of(transfer, 0);
        let mut copied = 0;
        for program in 0..transfer.batch {
            if program < copied {
                continue;
            }
            let (at, line) = next?;
            let beside = self.beside(transfer, program, at, line)?;
            if beside > 1 {
                copied = program + beside;
                // SAFETY: as below, of so many programs.
                unsafe {
                    self.cursor(transfer, program, std::ptr::null())
                        .lines(transfer, at, line, beside)
                };
                next = match copied < transfer.batch {
                    true => self.run_of(transfer, copied),
                    false => Ok((std::ptr::null_mut(), line)),
                };
                continue;
            }
            next = match program + 1 < transfer.batch {
                true => self.run_of(transfer, program + 1),
                false => Ok((std::ptr::null_mut(), line)),
            };
            let fetched = match &next {
                Ok((next, _)) if loads => next.cast_const(),
                _ => std::ptr::null(),
            };
            // SAFETY: the cursor is at the program's tile; the run is inside the tensor.
            unsafe { self.cursor(transfer, program, fetched).line(transfer, Some(at), line) };
        }
        Ok(())
    }

    /// How many programs from `program` on load runs that lie side by side, wholly inside the tensor and apart along
    /// themselves; 1 where not even a vector of them does.
    fn beside(
        &self,
        transfer: &Transfer,
        program: usize,
        at: *mut u8,
        line: Line,
    ) -> Result<usize, Box<Fault>> {
        let size = transfer.dtype.size();
        let whole = line.before == 0 && line.valid == line.len && line.len == transfer.elements;
        let apart = line.stride.unsigned_abs() >= LANES * size;
        let loads = matches!(transfer.kind, TransferKind::Load { .. });
        if !(loads && whole && apart && program + LANES <= transfer.batch) {
            return Ok(1);
        }
        let mut count = 1;
        while program + count < transfer.batch {
            let (next, other) = self.run_of(transfer, program + count)?;
            if next != at.wrapping_add(count * size) || other != line {
                break;
            }
            count += 1;
        }
        Ok(if count < LANES { 1 } else { count })
    }

    /// For loads of runs that lie wholly inside the tensor and differ in one index alone, which is read when the program
    /// runs: where the runs of index 0 begin, the number of that index's axis, and bytes from one index to the next.
    fn listed(&self, transfer: &Transfer) -> Option<(*mut u8, usize, isize)> {
        if !matches!(transfer.kind, TransferKind::Load { .. }) || transfer.block != BlockRole::Fixed
        {
            return None;
        }
        let last = self.launch.grid.len().wrapping_sub(1);
        let mut base = self.launch.tensors[transfer.param];
        let mut chosen = None;
        for (number, axis) in transfer.axes.iter().enumerate() {
            let [(_, stride)] = axis.parts[..] else { return None };
            let (index, reach) = match axis.positions {
                Positions::One(Index::At { batch, .. }) if batch != 0 && chosen.is_none() => {
                    chosen = Some((number, stride));
                    continue;
                }
                Positions::One(index) => (index, 0),
                Positions::Run { start, len, step } => (start, len.checked_sub(1)? * step),
                Positions::List { .. } => return None,
            };
            let Index::Affine { grid, .. } = index else { return None };
            let first = self.index(index, 0);
            let inside = first >= 0 && first as usize + reach < axis.extent;
            if !inside || grid.get(last).is_some_and(|&along| along != 0) {
                return None;
            }
            base = base.wrapping_offset(first as isize * stride);
        }
        chosen.map(|(number, stride)| (base, number, stride))
    }

    /// Copies the runs that an index each chooses along axis `number`.
    fn rows_of_list(
        &self,
        transfer: &Transfer,
        base: *mut u8,
        number: usize,
        stride: isize,
    ) -> Outcome {
        let axis = &transfer.axes[number];
        let Positions::One(index) = axis.positions else { return Ok(()) };
        let run = transfer.axes.iter().find_map(|axis| match axis.positions {
            Positions::Run { step, .. } => Some(axis.parts[0].1 * step as isize),
            _ => None,
        });
        let mut call = Call::new(1, transfer.elements);
        call.extra[0] = run.unwrap_or(0) as u64;
        let place = |program: usize| {
            // To be fetched, it may be outside.
            base.wrapping_offset((self.index(index, program) as isize).wrapping_mul(stride))
        };
        let tile = self.at(transfer.tile);
        let mut at = place(0);
        for program in 0..transfer.batch {
            let row = self.index(index, program);
            if row < 0 || row as usize >= axis.extent {
                return Err(self.outside(transfer.param, number, row, axis.extent, program));
            }
            let next = match program + 1 < transfer.batch {
                true => place(program + 1),
                false => std::ptr::null_mut(),
            };
            call.inputs[0].at = at;
            call.out.at = tile.wrapping_add(transfer.elements * 4 * program);
            call.prefetch.at = next;
            // SAFETY: the run is inside the tensor; the tile has so many lanes for each program.
            unsafe { transfer.primitive.call(&call) };
            at = next;
        }
        Ok(())
    }

    /// Where a program's tile lies that is one run.
    fn run_of(&self, transfer: &Transfer, program: usize) -> Result<(*mut u8, Line), Box<Fault>> {
        let mut at = self.launch.tensors[transfer.param];
        let mut line = Line { len: 1, before: 0, valid: 1, stride: 0 };
        for (number, axis) in transfer.axes.iter().enumerate() {
            let first = match axis.positions {
                Positions::One(index) => self.single(transfer, number, index, program)?,
                Positions::Run { start, len, step } => {
                    let (start, len) = self.at_hand(transfer, start, len, step, program);
                    let stride = axis.parts.last().map_or(0, |part| part.1);
                    let (run, first) = Line::of(start, step, len, axis.extent, stride);
                    line = run;
                    first
                }
                Positions::List { .. } => 0,
            };
            at = at.wrapping_offset(Self::along(axis, first));
        }
        Ok((at, line))
    }

    /// The position of axis `number` of a transfer that has but one there, inside the tensor.
    fn single(
        &self,
        transfer: &Transfer,
        number: usize,
        index: Index,
        program: usize,
    ) -> Result<usize, Box<Fault>> {
        let (index, extent) = (self.index(index, program), transfer.axes[number].extent);
        match index < 0 || index as usize >= extent {
            true => Err(self.outside(transfer.param, number, index, extent, program)),
            false => Ok(index as usize),
        }
    }

    /// Where the part of a run begins that is at hand, and how long it is.
    fn at_hand(
        &self,
        transfer: &Transfer,
        start: Index,
        len: usize,
        step: usize,
        program: usize,
    ) -> (i64, usize) {
        let (first, len) = self.part(transfer.block, len);
        (self.index(start, program) + (first * step) as i64, len)
    }

    /// At the tile of a program, and its mask.
    fn cursor(&self, transfer: &Transfer, program: usize, next: *const u8) -> Cursor {
        let shift = (transfer.elements * 4 * program) as isize;
        Cursor {
            next,
            tile: self.at(transfer.tile).wrapping_offset(shift).cast(),
            mask: match transfer.kind {
                TransferKind::Store { mask, .. } if mask != NOWHERE => {
                    self.at(mask).wrapping_offset(shift).cast()
                }
                _ => std::ptr::null_mut(),
            },
        }
    }

    fn transfer_one(
        &mut self,
        transfer: &Transfer,
        program: usize,
        next: *const u8,
        lists: &mut [Vec<Option<isize>>; 4],
    ) -> Outcome {
        let mut base = self.launch.tensors[transfer.param];
        let tile_axes = |axis: &&TensorAxis| !matches!(axis.positions, Positions::One(_));
        let rank = transfer.axes.iter().filter(tile_axes).count();
        let mut line = Some(Line { len: 1, before: 0, valid: 1, stride: 0 });
        let mut done = 0;
        for list in lists.iter_mut() {
            list.clear();
        }
        for (number, axis) in transfer.axes.iter().enumerate() {
            // Outer axes take the first lists; the innermost is the line, unless it is no plain run.
            let innermost = done + 1 == rank;
            let list = if innermost { 3 } else { done };
            match axis.positions {
                Positions::One(index) => {
                    let index = self.single(transfer, number, index, program)?;
                    base = base.wrapping_offset(Self::along(axis, index));
                    continue;
                }
                Positions::Run { start, len, step } => {
                    let (start, len) = self.at_hand(transfer, start, len, step, program);
                    if innermost && axis.parts.len() == 1 {
                        let stride = axis.parts[0].1;
                        let (run, first) = Line::of(start, step, len, axis.extent, stride);
                        line = Some(run);
                        base = base.wrapping_offset(first as isize * stride);
                    } else {
                        line = if innermost { None } else { line };
                        lists[list].extend((0..len).map(|i| {
                            let position = usize::try_from(start + (i * step) as i64).ok()?;
                            (position < axis.extent).then(|| Self::along(axis, position))
                        }));
                    }
                }
                Positions::List { at, batch, len } => {
                    let at = Address { offset: at.offset + batch * program as isize, ..at };
                    let (_, len) = self.part(transfer.block, len);
                    line = if innermost { None } else { line };
                    // The binder has put a check of the indices before this step.
                    lists[list].extend((0..len).map(|i| {
                        let at = Address { offset: at.offset + 4 * i as isize, ..at };
                        Some(Self::along(axis, self.word(at) as u32 as usize))
                    }));
                }
            }
            done += 1;
        }
        for list in &mut lists[done.saturating_sub(1)..3] {
            list.push(Some(0));
        }
        let mut cursor = self.cursor(transfer, program, next);
        for &a in &lists[0] {
            for &b in &lists[1] {
                for &c in &lists[2] {
                    let outer = match (a, b, c) {
                        (Some(a), Some(b), Some(c)) => Some(base.wrapping_offset(a + b + c)),
                        _ => None,
                    };
                    // SAFETY: the cursor counts the tile's lanes; offsets are of positions inside the tensor.
                    unsafe {
                        match line {
                            Some(line) => cursor.line(transfer, outer, line),
                            None => cursor.scattered(transfer, outer, &lists[3]),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A run along the innermost axis: lanes, how many of them lie before the tensor and then inside it, and bytes between.
#[derive(Clone, Copy, PartialEq)]
struct Line {
    len: usize,
    before: usize,
    valid: usize,
    stride: isize,
}

impl Line {
    /// That of `len` positions from `start` on, so many bytes apart along an axis, and the first of them that is inside.
    fn of(start: i64, step: usize, len: usize, extent: usize, stride: isize) -> (Line, usize) {
        let Covered { before, first, inside } = Covered::of(start, step, len, extent);
        (Line { len, before, valid: inside, stride: stride * step as isize }, first)
    }
}

/// The next lanes of a tile and its mask, and what the next program will load, if that is to be fetched meanwhile.
struct Cursor {
    next: *const u8,
    tile: *mut u32,
    mask: *mut u32,
}

impl Cursor {
    /// Copies a run.
    ///
    /// # Safety
    /// The tile (and the mask, unless null) has `line.len` more lanes; `line.valid` elements from `outer` on are
    /// inside the tensor, those of the lanes after the first `line.before`.
    unsafe fn line(&mut self, transfer: &Transfer, outer: Option<*mut u8>, line: Line) {
        let (before, valid) = if outer.is_some() { (line.before, line.valid) } else { (0, 0) };
        let place = Operand { at: outer.unwrap_or(std::ptr::null_mut()), row: 0 };
        let tile = Operand { at: self.tile.wrapping_add(before).cast(), row: 0 };
        let mut call = Call::new(1, valid);
        call.extra[0] = line.stride as u64;
        // SAFETY: the caller's promise.
        unsafe {
            match transfer.kind {
                TransferKind::Load { fill } => {
                    if valid > 0 {
                        (call.inputs[0], call.out) = (place, tile);
                        call.prefetch.at = self.next.cast_mut();
                        transfer.primitive.call(&call);
                    }
                    let fill_up = |lanes: std::ops::Range<usize>| {
                        std::slice::from_raw_parts_mut(self.tile.add(lanes.start), lanes.len())
                            .fill(fill);
                    };
                    fill_up(0..before);
                    fill_up(before + valid..line.len);
                }
                TransferKind::Store { joining, .. } => {
                    (call.inputs[0], call.out) = (tile, place);
                    let mask = match self.mask.is_null() {
                        true => self.mask,
                        false => self.mask.wrapping_add(before),
                    };
                    call.inputs[2] = Operand { at: mask.cast(), row: 0 };
                    call.extra[1] = joining;
                    transfer.primitive.call(&call);
                }
            }
        }
        self.advance(line.len);
    }

    /// Loads the runs of `programs` programs, the first of them at `at`, the others beside it.
    ///
    /// # Safety
    /// The tile has `line.len` lanes for each program, and every run is inside the tensor.
    unsafe fn lines(&mut self, transfer: &Transfer, at: *mut u8, line: Line, programs: usize) {
        let mut call = Call::new(programs, line.len);
        call.extra[0] = line.stride as u64;
        call.inputs[0] = Operand { at, row: transfer.dtype.size() as isize };
        call.out = Operand { at: self.tile.cast(), row: (line.len * 4) as isize };
        // SAFETY: the caller's promise.
        unsafe { transfer.primitive.call(&call) };
    }

    /// Copies single elements.
    ///
    /// # Safety
    /// The tile (and the mask, unless null) has a lane for each of `offsets`; each offset from `outer` is an element
    /// of the tensor.
    unsafe fn scattered(
        &mut self,
        transfer: &Transfer,
        outer: Option<*mut u8>,
        offsets: &[Option<isize>],
    ) {
        for (i, &offset) in offsets.iter().enumerate() {
            let place = outer.zip(offset).map(|(outer, offset)| outer.wrapping_offset(offset));
            // SAFETY: the caller's promise.
            unsafe {
                match (transfer.kind, place) {
                    (TransferKind::Load { .. }, Some(place)) => {
                        *self.tile.add(i) = memory::get(transfer.dtype, place);
                    }
                    (TransferKind::Load { fill }, None) => *self.tile.add(i) = fill,
                    (TransferKind::Store { joining, .. }, Some(place)) => {
                        if self.mask.is_null() || *self.mask.add(i) != 0 {
                            let mut lane = *self.tile.add(i);
                            if joining != 0 {
                                lane =
                                    memory::join(joining, memory::get(transfer.dtype, place), lane);
                            }
                            memory::set(transfer.dtype, place, lane);
                        }
                    }
                    (TransferKind::Store { .. }, None) => {}
                }
            }
        }
        self.advance(offsets.len());
    }

    fn advance(&mut self, lanes: usize) {
        self.tile = self.tile.wrapping_add(lanes);
        if !self.mask.is_null() {
            self.mask = self.mask.wrapping_add(lanes);
        }
    }
}
