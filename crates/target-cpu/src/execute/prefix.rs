//! Scans by a function of the author's, a block of a row at a time: each element is joined with the one before it, then
//! with the joined two before those, then four, until every element is joined with all before it in its block, and then
//! with what comes before the block; from the end of a row to its start, before is behind. The function is followed operation by operation, each a map of all elements.
//!
//! (Hillis and Steele, Data parallel algorithms, 1986.)

use super::{Machine, lane};
use crate::simd::call::{Call, Operand};
use crate::step::*;

/// Elements of a block: its values stay in the first cache.
const BLOCK: usize = 512;
/// Shorter rows go element by element.
pub(super) const SHORTEST: usize = 4;

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lines(#[allow(dead_code)] [u32; 16]);

/// Elements of a row that are scanned together.
struct Block {
    first: usize,
    count: usize,
    /// Nothing of the row comes before them.
    begins: bool,
    /// From the last to the first.
    reverse: bool,
}

/// Where the values of the function lie, a block each.
struct Values {
    first: *mut u32,
    parts: usize,
}

impl Values {
    fn block(&self, number: usize) -> *mut u32 {
        self.first.wrapping_add(number * BLOCK)
    }

    /// Results, of one join or of the next: both are needed at a time.
    fn result(&self, turn: usize, part: usize) -> *mut u32 {
        self.block((turn % 2) * self.parts + part)
    }

    /// What comes before the block, for each element.
    fn before(&self, part: usize) -> *mut u32 {
        self.block(2 * self.parts + part)
    }

    /// Of an operation.
    fn own(&self, operation: usize) -> *mut u32 {
        self.block(3 * self.parts + operation)
    }
}

impl Machine<'_> {
    /// Scans all rows.
    pub(super) fn prefixes(&mut self, c: &Combining) {
        let parts = c.inputs.len();
        let mut blocks = std::mem::take(&mut self.scratch.blocks);
        let lines = (3 * parts + c.body.len()) * BLOCK / 16;
        blocks.resize(lines.max(blocks.len()), Lines([0; 16]));
        let values = Values { first: blocks.as_mut_ptr().cast(), parts };
        let mut places = std::mem::take(&mut self.scratch.places);
        places.resize((4 * parts).max(places.len()), std::ptr::null_mut());
        for (number, (operation, dtype)) in c.body.iter().enumerate() {
            let same = match operation {
                Operation::Constant(x) => lane(*dtype, *x),
                // SAFETY: a lane of the frame.
                Operation::Word(at) => unsafe { self.at(*at).cast::<u32>().read() },
                Operation::Op { .. } => continue,
            };
            // SAFETY: a block of its own.
            unsafe { fill(values.own(number), BLOCK, same) };
        }
        let reverse = matches!(c.joined, Joined::Running { reverse: true, .. });
        for row in 0..c.rows {
            for at in (0..c.len).step_by(BLOCK) {
                let count = BLOCK.min(c.len - at);
                let first = if reverse { c.len - at - count } else { at };
                let begins = at == 0;
                let block = Block { first: row * c.len + first, count, begins, reverse };
                self.prefix(c, &values, &mut places, block);
            }
            self.exclude(c, row);
        }
        self.scratch.places = places;
        self.scratch.blocks = blocks;
    }

    /// Scans a block; unless it begins a row, the last results before it join in. `places` is room for four addresses a
    /// part.
    fn prefix(&self, c: &Combining, values: &Values, places: &mut [*mut u32], block: Block) {
        let parts = values.parts;
        let Block { first, count, begins, reverse } = block;
        let (joined, places) = places.split_at_mut(parts);
        let (later, places) = places.split_at_mut(parts);
        let (before, places) = places.split_at_mut(parts);
        let outputs = &mut places[..parts];
        let element = |at: &Address| self.at(*at).cast::<u32>().wrapping_add(first);
        for (to, at) in joined.iter_mut().zip(&c.inputs).chain(outputs.iter_mut().zip(&c.outputs)) {
            *to = element(at);
        }
        let (mut apart, mut turn) = (1, 0);
        while apart < count {
            for (later, x) in later.iter_mut().zip(&*joined) {
                *later = x.wrapping_add(apart);
            }
            let alone = match reverse {
                false => {
                    join(c, values, turn, [joined, later], apart, count);
                    0
                }
                true => {
                    join(c, values, turn, [later, joined], 0, count - apart);
                    count - apart
                }
            };
            for (part, x) in joined.iter_mut().enumerate() {
                let to = values.result(turn, part);
                // SAFETY: blocks of their own; these elements have none before them that they are not joined with.
                unsafe {
                    std::ptr::copy_nonoverlapping(x.wrapping_add(alone), to.add(alone), apart);
                }
                *x = to;
            }
            apart *= 2;
            turn += 1;
        }
        if !begins {
            for (part, (to, output)) in before.iter_mut().zip(&*outputs).enumerate() {
                *to = values.before(part);
                // SAFETY: an element of the row before this block, and a block.
                unsafe {
                    let last = if reverse { output.add(count) } else { output.sub(1) };
                    fill(*to, count, last.read());
                }
            }
            join(c, values, turn, [before, joined], 0, count);
            for (part, x) in joined.iter_mut().enumerate() {
                *x = values.result(turn, part);
            }
        }
        for (from, to) in joined.iter().zip(outputs) {
            // SAFETY: a part of a row of the output, which is no input.
            unsafe { std::ptr::copy_nonoverlapping(*from, *to, count) };
        }
    }
}

/// Joins each of the elements of `left` with that of `right`, as elements `from..count` of the results of `turn`.
fn join(
    c: &Combining,
    values: &Values,
    turn: usize,
    [left, right]: [&[*mut u32]; 2],
    from: usize,
    count: usize,
) {
    let parts = values.parts;
    // The first result that an operation is takes it where it is computed.
    let home = |number: usize| c.results.iter().position(|&result| result == 2 * parts + number);
    let place = |number: usize| match number.checked_sub(2 * parts) {
        None if number < parts => left[number],
        None => right[number - parts],
        Some(own) => {
            let block = match (home(own), c.maps[own]) {
                (Some(part), Mapped::Map(..)) => values.result(turn, part),
                _ => values.own(own),
            };
            block.wrapping_add(from)
        }
    };
    let operand = |at: *mut u32| Operand { at: at.cast(), row: 0 };
    for (own, map) in c.maps.iter().enumerate() {
        let Mapped::Map(primitive, operands) = map else { continue };
        let mut call = Call::new(1, count - from);
        call.out = operand(place(2 * parts + own));
        for (input, number) in call.inputs.iter_mut().zip(operands) {
            *input = operand(place(*number));
        }
        // SAFETY: `count - from` elements of the operands and of a block that is none of them.
        unsafe { primitive.call(&call) };
    }
    for (part, &result) in c.results.iter().enumerate() {
        let (own, to) = (place(result), values.result(turn, part).wrapping_add(from));
        if own != to {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(own, to, count - from) };
        }
    }
}

/// # Safety
/// `count` writable elements at `to`.
unsafe fn fill(to: *mut u32, count: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(to, count) }.fill(value);
}
