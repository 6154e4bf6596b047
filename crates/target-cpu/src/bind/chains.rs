//! Chains: maps and folds that follow one another over the same rows become one step of native code.
//!
//! A chain goes through its steps row by row where the primitives go step by step. That changes no result as long as
//! a row's steps read what the same row's earlier steps wrote, element for element, or what no step of the chain
//! writes; [`Builder`] refuses everything else. What only the chain itself reads is not written at all.

mod build;

use super::slots::Slots;
use super::*;
use crate::native::{Chain, Format};
use crate::simd::LANES;
use crate::simd::call::Meaning;
use build::Builder;

/// The most steps of a chain; a longer one is cut.
const MOST_STEPS: usize = 64;

/// So many instructions of a map wait for one another that a CPU does not see the next vector's early enough.
const MANY_INSTRUCTIONS: usize = 12;

/// Replaces steps by chains where native code can take them.
///
/// `turns`: for registers that go along with a loop the bytes from turn to turn.
pub(super) fn join(
    bound: &mut Bound,
    slots: &mut Slots,
    request: &Request<'_>,
    turns: HashMap<u32, isize>,
) {
    let (overlapping, level, grid) = (request.overlapping, request.level, request.grid.len());
    let visits = slots::visits(bound);
    let words = bound.words.iter().filter_map(|&(address, word)| match word {
        Word::Bits(bits) => Some((address, bits)),
        Word::Scalar(..) => None,
    });
    let words = words.map(|(address, bits)| ((address.register, address.offset), bits)).collect();
    let counts = bound.prologue.iter().filter_map(counted).collect();
    let (registers, batch) = (&bound.registers, request.batch);
    let joiner =
        Joiner { level, registers, grid, batch, overlapping, words, counts, visits, turns };
    for pass in &mut bound.passes {
        joiner.list(&mut pass.blocks, slots);
        joiner.list(&mut pass.after, slots);
    }
    let visits = slots::visits(bound);
    bound.prologue.retain(|step| match (counted(step), step) {
        (Some(_), Step::Invoke(invoke)) => visits.get(&slot(invoke.out)) != Some(&1),
        _ => true,
    });
}

/// Where a step counts the elements of one row, how many they are, and the first.
fn counted(step: &Step) -> Option<((u32, isize), (usize, u32))> {
    let Step::Invoke(invoke) = step else { return None };
    let Invoke { primitive, call, out, .. } = &**invoke;
    let plain = invoke.outer.is_empty() && call.rows == 1 && out.register == FRAME;
    let counts = matches!(primitive.meaning, Meaning::Iota) && plain && call.extra[1] == 0;
    counts.then(|| ((out.register, out.offset), (call.len, call.extra[0] as u32)))
}

/// What is known of the program while its chains are looked for.
struct Joiner<'a> {
    level: Level,
    registers: &'a [Register],
    /// Axes of the grid.
    grid: usize,
    /// Programs of a batch.
    batch: usize,
    /// For registers that go along with a loop: bytes from turn to turn.
    turns: HashMap<u32, isize>,
    /// Parameters whose memory overlaps another's.
    overlapping: &'a [bool],
    /// Constants in the frame.
    words: HashMap<(u32, isize), u32>,
    /// Rows in the frame whose elements count: their length, and the first element.
    counts: HashMap<(u32, isize), (usize, u32)>,
    /// How often all steps name each slot.
    visits: HashMap<usize, usize>,
}

/// A tensor, or a slot of the frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Region {
    Slot(usize),
    Param(usize),
}

/// A place that goes along with the rows.
#[derive(Clone, Copy, PartialEq)]
struct Spot {
    address: Address,
    /// Bytes from row to row.
    row: isize,
    uniform: bool,
    format: Format,
}

/// A step does not fit into the chain.
struct Refused;

impl Joiner<'_> {
    fn list(&self, steps: &mut Vec<Step>, slots: &mut Slots) {
        let mut old = std::mem::take(steps);
        let mut at = 0;
        while at < old.len() {
            match self.chain(&mut old[at..]) {
                Some((native, kept, taken)) => {
                    for (address, _) in &native.operands {
                        slots.disinherit(*address);
                    }
                    // What rows keep for themselves has room for one.
                    kept.iter().for_each(|address| slots.shrink(*address, 4 * native.len));
                    steps.push(Step::Native(Box::new(native)));
                    at += taken;
                }
                None => {
                    let step = &mut old[at];
                    if let Some((body, _)) = step.body() {
                        self.list(body, slots);
                    }
                    steps.push(step.clone());
                    at += 1;
                }
            }
        }
    }

    /// The longest chain that the steps start with, where it keeps what only a row itself needs, and how many steps they
    /// are.
    fn chain(&self, steps: &mut [Step]) -> Option<(Native, Vec<Address>, usize)> {
        let most = steps.len().min(MOST_STEPS);
        let known = |step: &Step| {
            matches!(step, Step::Invoke(invoke) if invoke.outer.is_empty()
                && !matches!(invoke.primitive.meaning, Meaning::Opaque))
        };
        let end = steps[..most].iter().position(|step| !known(step)).unwrap_or(most);
        let least = if end > 0 && self.is_worth_alone(&steps[0]) { 1 } else { 2 };
        if end < least {
            return None;
        }
        let vector = if self.level == Level::Avx2 { LANES / 2 } else { LANES };
        let sizes = steps[..end].iter().filter_map(|step| match step {
            Step::Invoke(invoke) => Some((invoke.call.rows, invoke.call.len)),
            _ => None,
        });
        let sizes: Vec<(usize, usize)> = sizes.collect();
        // Short rows of which a whole number fills a vector lie there side by side; others of less than a vector are left
        // to the primitives.
        let packs = |&(rows, len): &(usize, usize)| {
            rows > 1 && len > 1 && len <= vector && len.is_power_of_two()
        };
        let packed = sizes.iter().copied().find(packs);
        let mut long = sizes.iter().copied().filter(|&(_, len)| len >= vector);
        let first = long.next();
        let rows = first.filter(|&(rows, _)| rows > 1).or(long.find(|&(rows, _)| rows > 1));
        let rows = rows.or(first);
        let tried = [
            packed.map(|size| (size, true)),
            rows.map(|size| (size, false)),
            first.filter(|_| first != rows).map(|size| (size, false)),
        ];
        for ((rows, len), packed) in tried.into_iter().flatten() {
            let mut limit = end;
            while limit >= least {
                let mut builder = Builder::new(self, rows, len, packed);
                let taken = builder.take(&steps[..limit]);
                if taken < least {
                    break;
                }
                if let Some((native, kept)) = builder.finish(&mut steps[..taken]) {
                    return Some((native, kept, taken));
                }
                limit = taken / 2;
            }
        }
        None
    }

    /// True for a map that takes many instructions, several vectors of which native code does at once, and for one that
    /// nothing else fetches ahead for: its rows do not follow one another, so the CPU does not.
    fn is_worth_alone(&self, step: &Step) -> bool {
        let Step::Invoke(invoke) = step else { return false };
        let Invoke { primitive, call, inputs, .. } = &**invoke;
        let Meaning::Map { record, operands, uniform } = primitive.meaning else { return false };
        let many = || Chain::new(self.level).instructions(record) >= MANY_INSTRUCTIONS;
        if self.level == Level::Avx512 && many() {
            return true;
        }
        let apart = |k: usize| {
            let (address, row, format) = (inputs[k], call.inputs[k].row, Format::Word);
            self.apart(Spot { address, row, uniform: false, format }, call.len) != 0
        };
        self.level.follows_streams() && (0..operands).any(|k| uniform >> k & 1 == 0 && apart(k))
    }

    fn region(&self, address: Address) -> Region {
        match self.registers.get(address.register as usize) {
            Some(Register { param: Some(param), .. }) => Region::Param(*param),
            Some(register) if address.register != FRAME => {
                Region::Slot(slot(Address { register: FRAME, offset: register.offset }))
            }
            _ => Region::Slot(slot(address)),
        }
    }

    /// True for what lies in a tensor unless it reaches beyond it.
    fn is_window(&self, address: Address) -> bool {
        let register = self.registers.get(address.register as usize);
        address.register != FRAME && register.is_some_and(|register| register.param.is_none())
    }

    /// Bytes from a row of `len` elements to the next of a tensor, where that is not the row's length.
    fn apart(&self, spot: Spot, len: usize) -> i32 {
        let register = self.registers.get(spot.address.register as usize);
        let rows = register.zip(self.grid.checked_sub(1)).map_or(0, |(r, last)| r.grid[last]);
        match rows.unsigned_abs() > len * spot.format.size() {
            true => i32::try_from(rows).unwrap_or(0),
            false => 0,
        }
    }

    /// Bytes from a row to the one that is read after it, where that is known; `rows` are those of a chain.
    fn next(&self, spot: Spot, rows: usize) -> i32 {
        let register = spot.address.register;
        let step = || {
            let program = self.registers.get(register as usize).zip(self.grid.checked_sub(1));
            let program = program.map_or(0, |(r, last)| r.grid[last] * self.batch as isize);
            self.turns.get(&register).copied().unwrap_or(program)
        };
        let bytes = if rows > 1 { spot.row } else { step() };
        i32::try_from(bytes).unwrap_or(0)
    }

    /// True when two places may share bytes.
    fn meet(&self, a: Address, b: Address) -> bool {
        match (self.region(a), self.region(b)) {
            (Region::Param(a), Region::Param(b)) => {
                a == b || self.overlapping[a] && self.overlapping[b]
            }
            (a, b) => a == b,
        }
    }
}

fn slot(address: Address) -> usize {
    Slots::of(address).unwrap_or(usize::MAX)
}
