//! Room in the frame: while binding every tile has a slot of its own; afterwards slots whose lives do not overlap
//! share bytes.

use crate::step::*;
use tilewright_ir::table::HashMap;

/// Bits of an address' offset that count bytes inside a slot; those above number the slot.
const INSIDE: u32 = 36;

/// The slots of a program.
#[derive(Default)]
pub struct Slots {
    sizes: Vec<usize>,
    /// Slots that keep their content from one round of a loop to the next.
    sticky: Vec<bool>,
    /// For a slot: one that may hand its bytes over, if the step that fills this slot is that one's last use.
    heirs: Vec<Option<usize>>,
}

impl Slots {
    /// A new slot of so many bytes.
    pub fn add(&mut self, bytes: usize, sticky: bool) -> Address {
        self.sizes.push(bytes.next_multiple_of(64).max(64));
        self.sticky.push(sticky);
        self.heirs.push(None);
        Address { register: FRAME, offset: ((self.sizes.len() - 1) as isize) << INSIDE }
    }

    /// Leaves the slot of an address no more than so many bytes.
    pub fn shrink(&mut self, address: Address, bytes: usize) {
        if let Some(slot) = Self::of(address) {
            self.sizes[slot] = self.sizes[slot].min(bytes.next_multiple_of(64).max(64));
        }
    }

    /// Keeps the slot of an address from taking over bytes and from handing them over.
    pub fn disinherit(&mut self, address: Address) {
        let Some(slot) = Self::of(address) else { return };
        self.heirs[slot] = None;
        for heir in self.heirs.iter_mut().filter(|heir| **heir == Some(slot)) {
            *heir = None;
        }
    }

    /// The slot of an address in the frame.
    pub fn of(address: Address) -> Option<usize> {
        (address.register == FRAME).then_some((address.offset >> INSIDE) as usize)
    }

    /// True when two addresses lie in one slot.
    pub fn share(a: Address, b: Address) -> bool {
        Self::of(a).is_some() && Self::of(a) == Self::of(b)
    }

    /// Lets `to` take over the bytes of `from`: every element is read before it is written.
    pub fn inherit(&mut self, from: Address, to: Address) {
        let inside = |a: Address| a.offset & ((1 << INSIDE) - 1);
        if let (Some(from_slot), Some(to_slot)) = (Self::of(from), Self::of(to))
            && inside(from) == 0
            && self.sizes[from_slot] == self.sizes[to_slot]
        {
            self.heirs[to_slot] = Some(from_slot);
        }
    }

    /// Gives every slot its bytes, rewrites all addresses, and returns the size of the frame.
    pub fn settle(self, bound: &mut Bound) -> usize {
        let mut lives = vec![Life::NONE; self.sizes.len()];
        let mut clock = 0;
        for (address, _) in &mut bound.words {
            touch(&mut lives, *address, 0, true);
        }
        for step in &mut bound.prologue {
            visit(step, &mut |address| touch(&mut lives, *address, 0, true));
        }
        for register in &mut bound.registers[1..] {
            if register.param.is_none() {
                let at = Address { register: FRAME, offset: register.offset };
                touch(&mut lives, at, 0, true);
            }
        }
        let repeated = bound.main.1 < bound.main.0;
        for pass in &mut bound.passes {
            let start = clock;
            self.block(&mut pass.blocks, &mut clock, &mut lives);
            if repeated {
                self.extend(start, clock, &mut lives);
            }
            self.block(&mut pass.after, &mut clock, &mut lives);
        }
        let (offsets, frame) = self.place(&lives);
        let rewrite = |address: &mut Address| {
            if let Some(slot) = Self::of(*address) {
                address.offset = (address.offset & ((1 << INSIDE) - 1)) + offsets[slot] as isize;
            }
        };
        for register in &mut bound.registers[1..] {
            if register.param.is_none() {
                let mut at = Address { register: FRAME, offset: register.offset };
                rewrite(&mut at);
                register.offset = at.offset;
            }
        }
        bound.words.iter_mut().for_each(|(address, _)| rewrite(address));
        bound.prologue.iter_mut().for_each(|step| visit(step, &mut { rewrite }));
        for pass in &mut bound.passes {
            let steps = pass.blocks.iter_mut().chain(&mut pass.after);
            steps.for_each(|step| visit(step, &mut { rewrite }));
        }
        frame
    }

    fn block(&self, steps: &mut [Step], clock: &mut usize, lives: &mut [Life]) {
        for step in steps {
            let now = *clock;
            step.addresses(|address| touch(lives, *address, now, false));
            *clock += 1;
            if let Some((body, repeated)) = step.body() {
                self.block(body, clock, lives);
                if repeated {
                    self.extend(now, *clock, lives);
                }
            }
        }
    }

    /// What a loop reads in each round must stay to its end; what it carries, also from its start.
    fn extend(&self, start: usize, end: usize, lives: &mut [Life]) {
        for (life, &sticky) in lives.iter_mut().zip(&self.sticky) {
            let inside = life.first < end && life.last >= start && life.first != usize::MAX;
            if inside && (life.first < start || sticky) {
                life.first = life.first.min(start);
                life.last = life.last.max(end - 1);
            }
        }
    }

    /// First fit by start of life.
    fn place(&self, lives: &[Life]) -> (Vec<usize>, usize) {
        let mut offsets = vec![0; lives.len()];
        let mut order: Vec<usize> = (0..lives.len()).collect();
        order.sort_by_key(|&slot| (!lives[slot].permanent, lives[slot].first));
        let mut placed: Vec<usize> = Vec::new();
        let mut frame = 0;
        for slot in order {
            let life = lives[slot];
            if life.first == usize::MAX {
                continue;
            }
            if let Some(from) = self.heirs[slot]
                && lives[from].last == life.first
                && !lives[from].permanent
                && !placed.iter().any(|&other| {
                    other != from
                        && lives[other].overlaps(life)
                        && offsets[other] < offsets[from] + self.sizes[from]
                        && offsets[from] < offsets[other] + self.sizes[other]
                })
            {
                offsets[slot] = offsets[from];
                placed.push(slot);
                continue;
            }
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(|&&other| lives[other].overlaps(life))
                .map(|&other| (offsets[other], offsets[other] + self.sizes[other]))
                .collect();
            taken.sort_unstable();
            let mut at = 0;
            for (start, end) in taken {
                if start >= at + self.sizes[slot] {
                    break;
                }
                at = at.max(end);
            }
            offsets[slot] = at;
            frame = frame.max(at + self.sizes[slot]);
            placed.push(slot);
        }
        (offsets, frame)
    }
}

/// The steps from the first to the last that touch a slot.
#[derive(Clone, Copy)]
struct Life {
    first: usize,
    last: usize,
    permanent: bool,
}

impl Life {
    const NONE: Life = Life { first: usize::MAX, last: 0, permanent: false };

    fn overlaps(self, other: Life) -> bool {
        self.permanent || other.permanent || self.first <= other.last && other.first <= self.last
    }
}

fn touch(lives: &mut [Life], address: Address, now: usize, permanent: bool) {
    if let Some(slot) = Slots::of(address) {
        let life = &mut lives[slot];
        life.first = life.first.min(now);
        life.last = life.last.max(now);
        life.permanent |= permanent;
    }
}

/// Visits the addresses of a step and of those inside it.
pub fn visit(step: &mut Step, go: &mut impl FnMut(&mut Address)) {
    step.addresses(&mut *go);
    if let Some((body, _)) = step.body() {
        body.iter_mut().for_each(|step| visit(step, go));
    }
}

/// How often the whole program names each slot of the frame.
pub(super) fn visits(bound: &mut Bound) -> HashMap<usize, usize> {
    let mut visits: HashMap<usize, usize> = HashMap::default();
    let mut count = |address: &mut Address| {
        if let Some(slot) = Slots::of(*address) {
            *visits.entry(slot).or_default() += 1;
        }
    };
    bound.words.iter_mut().for_each(|(address, _)| count(address));
    let passes = bound.passes.iter_mut();
    let steps = passes.flat_map(|pass| pass.blocks.iter_mut().chain(&mut pass.after));
    bound.prologue.iter_mut().chain(steps).for_each(|step| visit(step, &mut count));
    for register in bound.registers.iter().skip(1).filter(|register| register.param.is_none()) {
        count(&mut Address { register: FRAME, offset: register.offset });
    }
    visits
}
