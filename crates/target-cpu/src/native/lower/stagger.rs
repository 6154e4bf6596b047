//! Rows whose sweeps go on side by side: while one sweep is at a row, the next one is at the row before.
//!
//! A row is read by its first sweep and written by its last. In between, the memory has nothing to do, and at both ends
//! the arithmetic waits for it. So one loop does a vector of every sweep, the last one first, each of a row of its own:
//! memory is read and written all the time, and sweeps that are bound by different parts of the core fill each other's
//! gaps. (Emerald Rapids, 64 MB of f32, rows of 512 to 8192: softmax takes 0.72 to 0.84 of the time of one sweep after the
//! other, logsumexp 0.73 to 0.81, rmsnorm 0.83 to 0.97; rows of 256 gain nothing.)
//!
//! A CPU that follows streams by itself gains where a sweep computes much, if it is led meanwhile. (Zen 4: cross-entropy and
//! its gradient over rows of 32000 take 0.62, without asking for what comes 1.0, softmax over rows of 512 to 32000 0.69 to
//! 0.93; rmsnorm and layernorm 0.8 to 1.15, so they stay as they are.)
//!
//! What is the same for a row is kept once for each sweep, and handed on from the row that has been in a sweep to where
//! the next sweep finds it. A value that is kept from one sweep for the next lies in one place for all rows: the later
//! sweep reads a vector of the earlier row just before the earlier sweep writes the later row's there.
//!
//! The first and the last turns, in which some sweeps have no row, and those in which a row is not as usual, do one sweep
//! after the other.

use super::super::fetch::is_busy;
use super::*;
use crate::simd::Level;

/// Bytes of a row from which on it is worth it: what is the same for a row is handed on in each turn.
const LONG_ROW: usize = 2 << 10;

/// True where sweeps over rows of so many elements may be worth it: a schedule then looks whether they are.
pub fn may_stagger(level: Level, len: usize) -> bool {
    // AVX2 has too few registers.
    is_long(len) && level == Level::Avx512
}

fn is_long(len: usize) -> bool {
    len.saturating_mul(4) >= LONG_ROW
}

impl Lowering<'_> {
    /// True where there are several long rows, and sweeps to be done side by side.
    pub(super) fn worth_staggering(&self) -> bool {
        let swept = (0..self.sweeps).filter(|&sweep| !self.steps(sweep, true).is_empty()).count();
        let long = self.chain.rows >= self.sweeps && is_long(self.chain.len);
        let gains = || !self.graph.follows || (0..self.sweeps).any(|k| self.computes_much(k));
        long && swept > 1 && !self.graph.narrow && gains() && self.handed_on()
    }

    /// True for a sweep that computes more than it reads.
    fn computes_much(&self, sweep: usize) -> bool {
        let steps = self.steps(sweep, true);
        let reads = |step: &&Do| match **step {
            Do::Compute(value) => matches!(self.graph.node(value).op, Op::Load(_)),
            Do::Reload(..) => true,
            _ => false,
        };
        is_busy(&steps, steps.iter().filter(reads).count())
    }

    /// True when what is kept from sweep to sweep is read by the next one only.
    fn handed_on(&self) -> bool {
        let mut kept = self.kept.iter();
        kept.all(|(value, spot)| {
            let reads = |sweep: usize, usual| {
                let steps = self.steps(sweep, usual);
                steps.iter().any(|step| matches!(step, Do::Reload(_, from) if from == spot))
            };
            (self.sweep[value.index()] + 2..self.sweeps)
                .all(|sweep| !reads(sweep, true) && !reads(sweep, false))
        })
    }

    /// Chooses registers for the rows that each sweep goes through; false where they do not suffice.
    pub(super) fn point_behind(&mut self) -> bool {
        let mut registers = POINTERS.into_iter();
        let count = self.chain.operands.len();
        let behind = |k: usize, rows: usize| match rows {
            0 => Pointer::Memory(operand_at(k)),
            rows => Pointer::Behind { at: operand_at(k), row: operand_row(k), rows },
        };
        let mut pointers: Vec<Vec<Pointer>> =
            (0..self.sweeps).map(|rows| (0..count).map(|k| behind(k, rows)).collect()).collect();
        for k in (0..count).filter(|&k| !self.chain.operands[k].uniform) {
            let mut shared = None;
            for sweep in 0..self.sweeps {
                if !self.goes_through(sweep, k) {
                    continue;
                }
                let register = match shared {
                    Some(register) => register,
                    None => match registers.next() {
                        Some(register) => register,
                        None => return false,
                    },
                };
                // All rows are kept in one place.
                shared = self.kept.values().any(|&spot| spot == k).then_some(register);
                pointers[sweep][k] = Pointer::Register(register);
            }
        }
        self.pointers = pointers;
        true
    }

    /// True where a sweep reads or writes vectors of an operand.
    fn goes_through(&self, sweep: usize, operand: usize) -> bool {
        [true, false].into_iter().flat_map(|usual| self.steps(sweep, usual)).any(
            |step| match step {
                Do::Compute(value) => self.graph.node(value).op == Op::Load(operand),
                Do::Reload(_, from) => from == operand,
                Do::Store(_, to) => to == operand,
                _ => false,
            },
        )
    }

    /// The code, in turns: in each, every sweep is at the row before that of the sweep before it.
    pub(super) fn stagger(mut self) -> Result<Vec<u8>, Full> {
        let turn = argument(offset_of!(Arguments, turn));
        let rows = argument(offset_of!(Arguments, rows));
        let saved = self.begin()?;
        let handed = self.take_homes()?;
        let top = self.out.here();
        let mut loaded = Vec::new();
        for row in 0..self.sweeps {
            for k in 0..self.pointers[row].len() {
                let Pointer::Register(register) = self.pointers[row][k] else { continue };
                if loaded.contains(&register) {
                    continue;
                }
                loaded.push(register);
                self.out.load(register, operand_at(k));
                if !self.kept.values().any(|&spot| spot == k) {
                    (0..row).for_each(|_| self.out.subtract(register, operand_row(k)));
                }
            }
        }
        for sweep in (0..self.sweeps).rev() {
            for &(_, from, to) in handed.iter().filter(|(to, ..)| *to == sweep) {
                self.out.copy_word(from, to);
            }
            let none = self.jump_if_idle(sweep);
            if sweep == 0 {
                self.load_uniform()?;
            }
            self.of_row(sweep)?;
            self.out.land(none);
        }
        let swept: Vec<usize> =
            (0..self.sweeps).rev().filter(|&k| !self.steps(k, true).is_empty()).collect();
        let mut apart = vec![self.jump_if_idle(0), self.jump_if_idle(self.sweeps - 1)];
        for &sweep in &swept {
            apart.extend(self.jump_if_unusual(sweep)?);
        }
        let parts: Vec<(usize, Vec<Do>)> =
            swept.iter().map(|&sweep| (sweep, self.steps(sweep, true))).collect();
        self.loops(&parts, true)?;
        let done = self.out.jump(When::Always);
        apart.into_iter().for_each(|jump| self.out.land(jump));
        for &sweep in &swept {
            let none = self.jump_if_idle(sweep);
            self.sweep(sweep)?;
            self.out.land(none);
        }
        self.out.land(done);
        self.next_rows();
        self.out.load(SCRATCH, turn);
        self.out.add(1);
        self.out.store(SCRATCH, turn);
        self.out.add(1 - self.sweeps as i8);
        // Not yet as many turns as sweeps are less than none.
        self.out.compare_scratch(rows);
        self.out.back(When::Less, top);
        Ok(self.end(&saved))
    }

    /// A jump that is taken where a sweep has no row in this turn.
    fn jump_if_idle(&mut self, sweep: usize) -> Jump {
        self.out.load(SCRATCH, argument(offset_of!(Arguments, turn)));
        self.out.add(-(sweep as i8));
        self.out.compare_scratch(argument(offset_of!(Arguments, rows)));
        self.out.jump(When::NotBelow)
    }

    /// Words of the operands that have one for each row.
    fn load_uniform(&mut self) -> Result<(), Full> {
        for k in 0..self.graph.nodes.len() {
            if let (Op::Uniform(operand), Place::Word(home)) =
                (self.graph.nodes[k].op, self.given[0][k])
            {
                self.out.load(SCRATCH, operand_at(operand));
                self.out.copy_word(Memory::At(SCRATCH, 0), home);
            }
        }
        Ok(())
    }

    /// Homes of what is the same for a row, for each sweep from the one that it is made in; and what is handed on: the
    /// sweep to which, from where and to where.
    fn take_homes(&mut self) -> Result<Vec<(usize, Memory, Memory)>, Full> {
        let mut handed = Vec::new();
        let once: Vec<Vec<Value>> = (0..self.sweeps).map(|k| self.computed_once(k)).collect();
        for k in 0..self.graph.nodes.len() {
            let value = Value(k as u32);
            let first = match self.graph.nodes[k].op {
                Op::Uniform(_) => Some(0),
                // It is made at the end of the sweep before.
                Op::Folded(_) => self.sweep[k].checked_sub(1),
                _ => (0..self.sweeps).find(|&sweep| once[sweep].contains(&value)),
            };
            let Some(first) = first else { continue };
            let mut before = None;
            for sweep in first..self.sweeps {
                let home = self.home()?;
                self.given[sweep][k] = self.place_of_value(value, home);
                handed.extend(before.map(|from| (sweep, from, home)));
                before = Some(home);
            }
        }
        Ok(handed)
    }
}
