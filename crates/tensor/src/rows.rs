//! Reductions and row maps over other axes than the last: the row is brought there.

use crate::call::Slot;
use crate::frame::{After, Frame};
use crate::interface::Interface;
use crate::{Error, Result, Tensor};
use tilewright_ir::bind::show_shape;
use tilewright_lang::oneliner::{INPUT, OUTPUT, Over};

/// What a callable says of itself when it works on rows of `x`, or is the gradient of such a one.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// The axes that are a row.
    pub over: Over,
    /// Whether the result is a row, too.
    pub whole: bool,
}

impl Rows {
    /// Brings the axes of a row together, behind the others. `None` when the row is the last axis, and no other is wanted.
    pub fn frame(&self, interface: &Interface, slots: &mut [Slot<'_>]) -> Result<Option<Frame>> {
        if self.over == Over::default() {
            return Ok(None);
        }
        let wrong = |what: String| Error::usage(format!("{}: {what}", interface.name));
        let position = |name: &str| interface.slots.iter().position(|s| s.param.name == name);
        let place = position(INPUT).filter(|&i| slots[i].tensor().is_some());
        let missing = || wrong(format!("`{INPUT}` is missing"));
        let x = place.and_then(|i| slots[i].tensor()).ok_or_else(missing)?;
        let outer = x.shape().to_vec();
        let (stay, row) = self.over.of(outer.len()).map_err(wrong)?;
        let order: Vec<usize> = stay.iter().chain(&row).copied().collect();
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
        let turned: Vec<usize> = order.iter().map(|&axis| outer[axis]).collect();
        let rows = turned[..stay.len()].to_vec();
        let view = |tensor: &Tensor| tensor.permute(&order)?.joined(stay.len());
        let seen = view(x)?;
        let joined = seen.shape().to_vec();

        let mut frame = Frame::new(slots.len());
        let whole = |frame: &mut Frame, slot: usize| {
            frame.joined[slot] = Some(joined.clone());
            frame.outer[slot] = Some(outer.clone());
            frame.after[slot] = After::Turned(turned.clone(), back.clone());
        };
        if let Some(slot) = position(&format!("d_{INPUT}")) {
            whole(&mut frame, slot);
        }
        let kept = |axis: usize| if row.contains(&axis) { 1 } else { outer[axis] };
        let result: Vec<usize> = match (self.whole, self.over.keeps()) {
            (true, _) => outer.clone(),
            (false, true) => (0..outer.len()).map(kept).collect(),
            (false, false) => rows.clone(),
        };
        if let Some(slot) = position(OUTPUT) {
            match self.whole {
                true => whole(&mut frame, slot),
                false => {
                    frame.joined[slot] = Some(rows.clone());
                    frame.outer[slot] = Some(result.clone());
                }
            }
        }
        if let Some(slot) = position(&format!("d_{OUTPUT}"))
            && let Slot::In(cotangent) = slots[slot]
        {
            if cotangent.shape() != result {
                let (given, shape) = (show_shape(cotangent.shape()), show_shape(&result));
                return Err(wrong(format!("`d_{OUTPUT}` has shape {given}, expected {shape}")));
            }
            slots[slot] = Slot::Made(match self.whole {
                true => view(cotangent)?,
                false => cotangent.reshape(&rows)?,
            });
        }
        if let Some(slot) = place {
            slots[slot] = Slot::Made(seen);
        }
        Ok(Some(frame))
    }
}
