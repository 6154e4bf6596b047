//! Bits that are bytes on one side: a stream of which each becomes a byte, and bytes of which eight become one. In one step,
//! of 64 of them at once, rather than through a lane of 32 bits for each.

use super::Request;
use super::packed::UNPACK_STREAM;
use super::slots::{self, Slots};
use crate::simd::call::{Call, Meaning};
use crate::simd::{Level, unpack};
use crate::step::*;
use tilewright_ir::table::HashMap;

/// Joins an unpacking of single bits with the cast and the store behind it, and the steps that make one byte of eight
/// truth values. Registers that are `located` point elsewhere than they tell.
pub(super) fn join(bound: &mut Bound, located: &[u32], request: &Request<'_>) {
    let (overlapping, level) = (request.overlapping, request.level);
    let visits = slots::visits(bound);
    let words = bound.words.iter().filter_map(|&(at, word)| match word {
        Word::Bits(bits) => Some(((at.register, at.offset), bits)),
        Word::Scalar(..) => None,
    });
    let (words, registers) = (words.collect(), &bound.registers);
    let joiner = Joiner { visits, words, registers, located, overlapping, level };
    for pass in &mut bound.passes {
        for steps in [&mut pass.blocks, &mut pass.after] {
            joiner.go(steps);
        }
    }
}

/// What is known of the program.
struct Joiner<'a> {
    /// How often all steps name each slot.
    visits: HashMap<usize, usize>,
    /// Constants in the frame.
    words: HashMap<(u32, isize), u32>,
    registers: &'a [Register],
    located: &'a [u32],
    /// Parameters whose memory overlaps another's.
    overlapping: &'a [bool],
    level: Level,
}

impl Joiner<'_> {
    fn go(&self, steps: &mut Vec<Step>) {
        let mut number = 0;
        while number < steps.len() {
            if let Some((body, _)) = steps[number].body() {
                self.go(body);
            }
            let rest = &steps[number..];
            if let Some((all, count)) = self.unpacking(rest).or_else(|| self.packing(rest)) {
                steps.splice(number..number + count, [Step::Invoke(Box::new(all))]);
            }
            number += 1;
        }
    }

    /// True where nothing but these steps names what they write in the frame.
    fn is_alone(&self, steps: &[&Invoke]) -> bool {
        let named = |slot: usize| {
            let places = steps.iter().flat_map(|step| [step.out].into_iter().chain(step.inputs));
            places.filter(|place| Slots::of(*place) == Some(slot)).count()
        };
        let mut written = steps.iter().filter_map(|step| Slots::of(step.out));
        written.all(|slot| self.visits.get(&slot) == Some(&named(slot)))
    }

    /// True where what is stored may be what is read later.
    fn overlaps(&self, store: &Invoke) -> bool {
        let register = self.registers.get(store.out.register as usize);
        register.and_then(|register| register.param).is_none_or(|param| self.overlapping[param])
    }

    /// Whether all take so many elements in one row, and follow the blocks of a long row as the first does.
    fn are_alike(steps: &[&Invoke]) -> bool {
        let [first, others @ ..] = steps else { return false };
        let block = match first.block {
            BlockRole::Counting => BlockRole::Plain,
            block => block,
        };
        let plain = |step: &Invoke| step.call.rows == 1 && step.outer.is_empty();
        let alike =
            |step: &&Invoke| plain(step) && step.call.len == first.call.len && step.block == block;
        plain(first) && block != BlockRole::Stateful && others.iter().all(alike)
    }

    /// An unpacking of single bits, a cast and a store of bytes as one step, and how many they were.
    fn unpacking(&self, steps: &[Step]) -> Option<(Invoke, usize)> {
        let [Step::Invoke(unpack), Step::Invoke(cast), Step::Invoke(store), ..] = steps else {
            return None;
        };
        let all: [&Invoke; 3] = [unpack, cast, store];
        // 0 and 1 are the same in all types of a byte.
        let fits = unpack.name == UNPACK_STREAM
            && unpack.call.extra[1] % 256 == 1
            && cast.name == "cast"
            && cast.inputs[0] == unpack.out
            && is_store_of_bytes(store, cast.out);
        if !fits || !Self::are_alike(&all) || !self.is_alone(&all) || self.overlaps(store) {
            return None;
        }
        let step = Invoke {
            primitive: unpack::bits_to_bytes(self.level),
            call: Call { out: store.call.out, stream: store.call.stream, ..unpack.call },
            out: store.out,
            name: "unpack_bytes",
            ..(**unpack).clone()
        };
        Some((step, 3))
    }

    /// Of eight neighbouring bytes, whether they are not zero, as the bits of one: the loads of every eighth, comparisons,
    /// shifts, unions and the store as one step, and how many they were.
    fn packing(&self, steps: &[Step]) -> Option<(Invoke, usize)> {
        let mut all: Vec<&Invoke> = Vec::new();
        let mut byte = NOWHERE;
        for bit in 0..8u32 {
            let load = named(steps, &mut all, "load")?;
            let bytes = matches!(load.primitive.meaning, Meaning::Load(dtype) if dtype.size() == 1);
            if !bytes || load.call.extra[0] != 8 || !self.are_apart(all[0], load, bit as isize) {
                return None;
            }
            let ne = named(steps, &mut all, "ne")?;
            if ne.inputs[0] != load.out || self.same_for_all(ne) != Some(0) {
                return None;
            }
            if bit == 0 {
                byte = ne.out;
                continue;
            }
            let shl = named(steps, &mut all, "shl")?;
            let narrow = named(steps, &mut all, "narrow")?;
            let or = named(steps, &mut all, "or")?;
            let follows = shl.inputs[0] == ne.out
                && self.same_for_all(shl) == Some(bit)
                && narrow.inputs[0] == shl.out
                && or.inputs[..2] == [byte, narrow.out];
            if !follows || !or.primitive.goes_along() {
                return None;
            }
            byte = or.out;
        }
        let store = named(steps, &mut all, "store")?;
        let fits = is_store_of_bytes(store, byte) && !self.overlaps(store);
        if !fits || !Self::are_alike(&all) || !self.is_alone(&all) {
            return None;
        }
        let step = Invoke {
            primitive: unpack::bytes_to_bits(self.level),
            inputs: all[0].inputs,
            name: "pack_bytes",
            call: Call { inputs: all[0].call.inputs, ..store.call },
            ..store.clone()
        };
        Some((step, all.len()))
    }

    /// The bits of a step's second operand, if that is a constant.
    fn same_for_all(&self, step: &Invoke) -> Option<u32> {
        let Meaning::Map { uniform: 0b10, .. } = step.primitive.meaning else { return None };
        self.words.get(&(step.inputs[1].register, step.inputs[1].offset)).copied()
    }

    /// Whether a load reads so many bytes behind another, of the same tensor.
    fn are_apart(&self, from: &Invoke, to: &Invoke, bytes: isize) -> bool {
        let [from, to] = [from, to].map(|load| load.inputs[0]);
        let [Some(a), Some(b)] = [from, to].map(|at| self.registers.get(at.register as usize))
        else {
            return false;
        };
        let located = [from, to].iter().any(|at| self.located.contains(&at.register));
        a.param.is_some()
            && !located
            && (a.param, a.grid, a.advance) == (b.param, b.grid, b.advance)
            && a.offset + from.offset + bytes == b.offset + to.offset
    }
}

/// The step behind those that were found, if it has that name; it is one of them then.
fn named<'a>(steps: &'a [Step], found: &mut Vec<&'a Invoke>, name: &str) -> Option<&'a Invoke> {
    match steps.get(found.len()) {
        Some(Step::Invoke(step)) if step.name == name => {
            found.push(step);
            Some(step)
        }
        _ => None,
    }
}

fn is_store_of_bytes(store: &Invoke, of: Address) -> bool {
    matches!(store.primitive.meaning, Meaning::Store(dtype) if dtype.size() == 1)
        && store.call.extra[0] == 1
        && store.inputs[0] == of
}
