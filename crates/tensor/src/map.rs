//! Elementwise calls: broadcasting, and the joining of axes that lie one behind the other.

use crate::call::Slot;
use crate::interface::Interface;
use crate::{Error, Result, Tensor};
use tilewright_ir::bind::show_shape;
use tilewright_lang::oneliner::{Broadcast, Layout, OUTPUT};

/// What a callable says of itself when it is elementwise, or the gradient of such a one.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// The names of the forward inputs in order.
    pub inputs: Vec<String>,
}

/// The shapes of one call that is not simply contiguous tensors of one shape.
pub(crate) struct Frame {
    pub layout: Layout,
    /// By slot, the shape that the kernel sees.
    pub joined: Vec<Option<Vec<usize>>>,
    /// By slot, the shape that the caller sees.
    pub outer: Vec<Option<Vec<usize>>>,
}

impl Map {
    /// Finds how the tensors of a call lie against each other, and replaces those that are read by views of the
    /// joined axes. `None` when all are contiguous and of one shape: then they pass as they are.
    pub fn frame(&self, interface: &Interface, slots: &mut [Slot<'_>]) -> Result<Option<Frame>> {
        if Map::is_plain(slots) {
            return Ok(None);
        }
        let position = |name: &str| interface.slots.iter().position(|s| s.param.name == name);
        let cotangent = position(&format!("d_{OUTPUT}")).filter(|&i| slots[i].tensor().is_some());
        let fallback = cotangent.and_then(|i| slots[i].tensor()).map(|t| t.shape().to_vec());
        let mut tensors: Vec<(Vec<usize>, Option<Vec<isize>>)> = Vec::new();
        for name in &self.inputs {
            let given = position(name).and_then(|i| slots[i].tensor());
            tensors.push(match (given, &fallback) {
                (Some(tensor), _) => (tensor.shape().to_vec(), Some(tensor.strides().to_vec())),
                (None, Some(shape)) => (shape.clone(), None),
                (None, None) => {
                    return Err(Error::usage(format!("{}: `{name}` is missing", interface.name)));
                }
            });
        }
        let shown: Vec<_> = tensors.iter().map(|(s, t)| (s.as_slice(), t.as_deref())).collect();
        let broadcast =
            Broadcast::of(&shown).map_err(|e| Error::usage(format!("{}: {e}", interface.name)))?;
        let (mut joined, mut outer) = (vec![None; slots.len()], vec![None; slots.len()]);
        for (i, name) in self.inputs.iter().enumerate() {
            if let Some(slot) = position(name) {
                if let Slot::In(tensor) = slots[slot] {
                    let strides = broadcast.strides[i].as_deref();
                    slots[slot] = Slot::Made(tensor.viewed(&broadcast.inputs[i], strides));
                }
                joined[slot] = Some(broadcast.inputs[i].clone());
            }
            if let Some(slot) = position(&format!("d_{name}")) {
                joined[slot] = Some(broadcast.inputs[i].clone());
                outer[slot] = Some(tensors[i].0.clone());
            }
        }
        if let Some(slot) = position(OUTPUT) {
            joined[slot] = Some(broadcast.extents.clone());
            outer[slot] = Some(broadcast.shape.clone());
        }
        if let Some(slot) = cotangent {
            if let Slot::In(tensor) = slots[slot] {
                if tensor.shape() != broadcast.shape {
                    let (given, shape) = (show_shape(tensor.shape()), show_shape(&broadcast.shape));
                    let what = format!("`d_{OUTPUT}` has shape {given}, expected {shape}");
                    return Err(Error::usage(format!("{}: {what}", interface.name)));
                }
                slots[slot] = Slot::Made(tensor.contiguous()?.viewed(&broadcast.extents, None));
            }
            joined[slot] = Some(broadcast.extents.clone());
        }
        Ok(Some(Frame { layout: broadcast.layout, joined, outer }))
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

impl Frame {
    /// What a call made for `slot`, as the caller sees it: axes apart again.
    pub fn finish(&self, slot: usize, tensor: Tensor) -> Result<Tensor> {
        match &self.outer[slot] {
            None => Ok(tensor),
            Some(shape) => tensor.reshape(shape),
        }
    }
}
