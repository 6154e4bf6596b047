//! What is found of whole arrays of 16-bit floats.

use super::{Lanes, Machine, Step};
use crate::thread::Code;
use crate::{BinaryOp, DType, meaning};

impl Machine<'_> {
    /// A step that looks at the elements of an array of 16-bit floats.
    pub(super) fn halves(&mut self, code: &Code, active: &[bool]) -> Step<()> {
        match code {
            Code::ExtremeHalf { max, into, of } => {
                let elements = &self.registers[of.0 as usize];
                let (op, none) = match max {
                    true => (BinaryOp::Max, f64::NEG_INFINITY),
                    false => (BinaryOp::Min, f64::INFINITY),
                };
                let further = |a, b| meaning::binary(op, DType::F32, a, b);
                let extreme = |t: usize| elements.iter().map(|e| e.at(t)).fold(none, further);
                let extreme = Lanes::Each((0..active.len()).map(extreme).collect());
                self.assign(*into, &Lanes::Same(0.0), extreme, active)
            }
            Code::MarkHalves { into, of, from, bound } => {
                let bound = self.value(bound, active)?;
                let elements = self.registers[of.0 as usize].iter().skip(*from).take(32);
                let elements: Vec<&Lanes> = elements.collect();
                let marks = |t: usize| {
                    let bound = f32::from_bits((bound.at(t) as f32).to_bits() & 0xffff_0000);
                    let below = |e: &Lanes| e.at(t) < f64::from(bound);
                    let marked = elements.iter().enumerate().filter(|(_, e)| !below(e));
                    let marks =
                        marked.fold(0u32, |marks, (at, _)| marks | 1 << (at / 2 + at % 2 * 16));
                    f64::from(marks as i32)
                };
                let marks = Lanes::Each((0..active.len()).map(marks).collect());
                self.assign(*into, &Lanes::Same(0.0), marks, active)
            }
            _ => Ok(()),
        }
    }
}
