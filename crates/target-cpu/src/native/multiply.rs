//! Instructions of three sources, one of which they overwrite: multiplication with addition, whose three encodings differ
//! in which, and the choice of bits.

use super::assemble::*;
use super::graph::Value;
use super::registers::{Full, Place, Run};

impl Run<'_> {
    /// a * b + c (or c - a * b): overwrites an operand that is not needed any more, or a copy.
    pub(super) fn multiply_add(
        &mut self,
        negative: bool,
        [mut a, mut b, c]: [Value; 3],
        into: Option<Vector>,
        temporary: &mut u32,
    ) -> Result<Vector, Full> {
        let pick = |positive, negated| if negative { negated } else { positive };
        let (last_adds, last_multiplies, first_adds) =
            (pick(FMA_213, FNMA_213), pick(FMA_231, FNMA_231), pick(FMA_132, FNMA_132));
        let plain = Masked::default();
        let width = self.out.width();
        let in_register = |run: &Self, v| matches!(run.source(v), Source::Register(_));
        // The second factor is the one that may come from memory.
        if !in_register(self, a) {
            std::mem::swap(&mut a, &mut b);
        }
        // An operand whose register the sum may take. A total is only ever the addend.
        let sum = match (into, self.source(c)) {
            (Some(total), Source::Register(register)) if total == register => Some(total),
            (Some(_), _) => None,
            _ if c != a && c != b => self.dying(c),
            _ => None,
        };
        if let Some(to) = sum {
            let first = self.register(a, temporary)?;
            let last = if a == b { Source::Register(first) } else { self.source(b) };
            self.out.vector(last_multiplies, to, first, last, width, plain);
            return Ok(to);
        }
        if into.is_none() && a != b {
            for (factor, other) in [(a, b), (b, a)] {
                let Some(to) = self.dying(factor).filter(|_| factor != c) else { continue };
                match (self.source(other), self.source(c)) {
                    (Source::Register(other), last) => {
                        self.out.vector(last_adds, to, other, last, width, plain);
                    }
                    (last, Source::Register(c)) => {
                        self.out.vector(first_adds, to, c, last, width, plain);
                    }
                    (_, last) => {
                        let other = self.register(other, temporary)?;
                        self.out.vector(last_adds, to, other, last, width, plain);
                    }
                }
                return Ok(to);
            }
        }
        let first = self.register(a, temporary)?;
        let last = if a == b { Source::Register(first) } else { self.source(b) };
        let to = match into {
            Some(total) => total,
            None => self.vector()?,
        };
        let addend = self.source(c);
        self.fill(to, addend, plain);
        self.out.vector(last_multiplies, to, first, last, width, plain);
        Ok(to)
    }

    /// a, and the bits of b where those of c are set: overwrites `a` if it is not needed any more, or a copy.
    pub(super) fn copy_bits(
        &mut self,
        value: Value,
        [a, b, c]: [Value; 3],
        into: Option<Vector>,
    ) -> Result<(), Full> {
        let (plain, mut temporary) = (Masked::default(), 0);
        let from = self.register(b, &mut temporary)?;
        let to = match self.dying(a).filter(|_| a != b && a != c) {
            Some(to) => {
                self.places[a.index()] = Place::Nowhere;
                to
            }
            None => {
                let to = self.vector()?;
                let source = self.source(a);
                self.fill(to, source, plain);
                to
            }
        };
        let (last, width) = (self.source(c), self.out.width());
        self.out.vector(COPY_BITS, to, from, last, width, plain);
        self.release(&[a, b, c]);
        self.vectors |= temporary;
        self.settle(value, to, into);
        Ok(())
    }
}
