//! Elementwise calls: broadcasting, and the joining of axes that lie one behind the other.

use crate::call::Slot;
use crate::frame::{After, Frame};
use crate::interface::Interface;
use crate::{Error, Result};
use tilewright_ir::bind::show_shape;
use tilewright_ir::infer::MAX_RANK;
use tilewright_ir::validate::MAX_GRID_AXES;
use tilewright_lang::oneliner::{Broadcast, OUTPUT};

/// What a callable says of itself when it is elementwise, or the gradient of such a one.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// The names of the forward inputs in order.
    pub inputs: Vec<String>,
}

impl Map {
    /// Finds how the tensors of a call lie against each other, and replaces those that are read by views of the
    /// joined axes. `None` when all are contiguous and of one shape: then they pass as they are.
    ///
    /// Where more axes are left than a kernel takes, tensors are copied into row-major order, and if that is not enough,
    /// to the shape of the result.
    pub fn frame(&self, interface: &Interface, slots: &mut [Slot<'_>]) -> Result<Option<Frame>> {
        if Map::is_plain(slots) {
            return Ok(None);
        }
        let wrong = |what: String| Error::usage(format!("{}: {what}", interface.name));
        let position = |name: &str| interface.slots.iter().position(|s| s.param.name == name);
        // An input may be named like either.
        let is_input = |name: &str| self.inputs.iter().any(|input| input == name);
        let beside = |name: String| position(&name).filter(|_| !is_input(&name));
        let gradient = |name: &str| beside(format!("d_{name}"));
        let cotangent = gradient(OUTPUT).filter(|&i| slots[i].tensor().is_some());
        let fallback = cotangent.and_then(|i| slots[i].tensor()).map(|t| t.shape().to_vec());
        let mut tensors: Vec<(Vec<usize>, Option<Vec<isize>>)> = Vec::new();
        for name in &self.inputs {
            let given = position(name).and_then(|i| slots[i].tensor());
            tensors.push(match (given, &fallback) {
                (Some(tensor), _) => (tensor.shape().to_vec(), Some(tensor.strides().to_vec())),
                (None, Some(shape)) => (shape.clone(), None),
                (None, None) => return Err(wrong(format!("`{name}` is missing"))),
            });
        }
        let own: Vec<Vec<usize>> = tensors.iter().map(|(shape, _)| shape.clone()).collect();
        let broadcast_of = |tensors: &[(Vec<usize>, Option<Vec<isize>>)]| {
            let shown: Vec<_> = tensors.iter().map(|(s, t)| (s.as_slice(), t.as_deref())).collect();
            Broadcast::of(&shown).map_err(wrong)
        };
        let mut broadcast = broadcast_of(&tensors)?;
        let is_sum = |name: &String| gradient(name).is_some();
        let sums = self.inputs.iter().any(is_sum);
        for whole in [false, true] {
            let repeats = (0..tensors.len()).any(|i| broadcast.layout.axes(i).contains(&false));
            let most = if sums && repeats { MAX_RANK } else { MAX_RANK + MAX_GRID_AXES };
            if broadcast.layout.rank() <= most {
                break;
            }
            for (name, (shape, strides)) in self.inputs.iter().zip(&mut tensors) {
                if whole {
                    shape.clone_from(&broadcast.shape);
                }
                let given = position(name).and_then(|i| Some((i, slots[i].tensor()?)));
                if let Some((i, tensor)) = given {
                    slots[i] = Slot::Made(tensor.broadcast_to(shape)?.contiguous()?);
                }
                *strides = None;
            }
            broadcast = broadcast_of(&tensors)?;
        }
        let mut frame = Frame::new(slots.len());
        for (i, name) in self.inputs.iter().enumerate() {
            if let Some(slot) = position(name) {
                if let Slot::In(_) | Slot::Made(_) = &slots[slot]
                    && let Some(tensor) = slots[slot].tensor()
                {
                    let strides = broadcast.strides[i].as_deref();
                    slots[slot] = Slot::Made(tensor.viewed(&broadcast.inputs[i], strides));
                }
                frame.joined[slot] = Some(broadcast.inputs[i].clone());
            }
            if let Some(slot) = gradient(name) {
                frame.joined[slot] = Some(broadcast.inputs[i].clone());
                if own[i] != tensors[i].0 {
                    frame.after[slot] = After::Summed(broadcast.shape.clone());
                }
                frame.outer[slot] = Some(own[i].clone());
            }
        }
        if let Some(slot) = position(OUTPUT) {
            frame.joined[slot] = Some(broadcast.extents.clone());
            frame.outer[slot] = Some(broadcast.shape.clone());
        }
        if let Some(slot) = cotangent {
            if let Slot::In(tensor) = slots[slot] {
                if tensor.shape() != broadcast.shape {
                    let (given, shape) = (show_shape(tensor.shape()), show_shape(&broadcast.shape));
                    let what = format!("`d_{OUTPUT}` has shape {given}, expected {shape}");
                    return Err(wrong(what));
                }
                slots[slot] = Slot::Made(tensor.contiguous()?.viewed(&broadcast.extents, None));
            }
            frame.joined[slot] = Some(broadcast.extents.clone());
        }
        frame.layout = Some(broadcast.layout);
        Ok(Some(frame))
    }

    /// True when every tensor that is read is contiguous and of one shape.
    fn is_plain(slots: &[Slot<'_>]) -> bool {
        let mut shape: Option<&[usize]> = None;
        for slot in slots {
            let Slot::In(tensor) = slot else { continue };
            if !tensor.is_contiguous() || shape.is_some_and(|s| s != tensor.shape()) {
                return false;
            }
            shape = Some(tensor.shape());
        }
        shape.is_some()
    }
}
