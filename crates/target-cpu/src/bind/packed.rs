//! Packed integers: unpacked straight from their tensor, and sums of products with packed weights in one step.

use super::emit::Rows;
use super::tile::Tile;
use super::*;
use crate::simd::{integers, quantized, unpack};
use tilewright_ir::{Axis, Literal, ParamKind, Place};

/// What a fused unpacking reads.
fn source<'a>(request: &Request<'a>, id: ExprId) -> (ExprId, u32, &'a Place, Literal) {
    let program = request.program;
    if let ExprKind::Unpack { of, bits } = program.expr(id).kind
        && let ExprKind::Load { place, fill } = &program.expr(of).kind
    {
        return (of, bits, place, *fill);
    }
    unreachable!("fused as an unpacking of a load")
}

/// True for a fused unpacking of memory that is also written, of whose load nobody else knows.
pub(super) fn reads_shared(request: &Request<'_>, id: ExprId) -> bool {
    let fused = &request.analysis.fused[id.index()];
    matches!(fused, Some((Fusion::Unpacked, _)))
        && request.careful[source(request, id).2.param.index()]
}

/// The bytes of the tensor that a fused unpacking reads as one stream of bits, if it is one.
pub(super) fn stream_of(request: &Request<'_>, id: ExprId) -> Option<usize> {
    let (_, _, place, _) = source(request, id);
    let param = place.param.index();
    let ParamKind::Tensor { dtype, .. } = request.program.param(place.param).kind else {
        return None;
    };
    let whole = matches!(place.axes[..], [Axis::All]) && !request.careful[param];
    let [parts] = &request.tensors[param][..] else { return None };
    let &[(extent, stride)] = &parts[..] else { return None };
    let dense = stride == dtype.size() as isize && cfg!(target_endian = "little");
    (whole && dense).then_some(extent * dtype.size())
}

/// The name of unpacking a stream.
pub(super) const UNPACK_STREAM: &str = "unpack_stream";

/// The name of sums of products with packed weights.
pub(super) const PACKED_SUM: &str = "sum_packed";

impl<'a> Binder<'a> {
    /// Integers that are unpacked from a tensor: as a stream where that is all of it.
    pub(super) fn unpacked(&mut self, id: ExprId) -> Tile {
        let (of, bits, place, fill) = source(&self.request, id);
        let (shape, main) = self.shape(id);
        let alone = self.request.batch == 1;
        let (true, Some(bytes)) = (main || alone, stream_of(&self.request, id)) else {
            self.values[of.index()] = vec![self.load(of, place, fill)];
            return self.unpack(id, of, bits);
        };
        let param = Some(place.param.index());
        let register = Register { param, offset: 0, grid: [0; GRID_AXES], advance: 0 };
        let register = self.register(register, true);
        let out = self.result(id, false);
        self.rows(Rows {
            name: UNPACK_STREAM,
            primitive: unpack::unpack_stream(self.level()),
            nest: Vec::new(),
            len: shape.iter().product(),
            out: out.at,
            inputs: &[Address { register, offset: 0 }],
            extra: [0, bits as u64 | (bytes as u64) << 8],
            block: if main { BlockRole::Counting } else { BlockRole::Fixed },
            hoisted: false,
        });
        out
    }

    /// Emits Σ x (q s + b); `tiles` are x `[n]`, the words, and a scale and a bias for each group of n.
    pub(super) fn packed_sum(
        &mut self,
        id: ExprId,
        (bits, group, short): (u32, usize, bool),
        tiles: &[Tile],
    ) -> Tile {
        let operands: Vec<&Tile> = tiles.iter().collect();
        let out = self.reduced(id, &operands);
        // Halves are taken as they lie where x is prepared for all rows.
        let raw = |tile: &Tile| tile.shape[1] > 1 && tile.strides[1] == 2;
        let shared = tiles[0].strides_in(&tiles[0].shape)[0] == 0;
        let takes = short && shared && integers::fits(bits, group, tiles[0].shape[1]);
        let halves = takes && raw(&tiles[2]) && raw(&tiles[3]);
        let mut tiles = tiles.to_vec();
        for tile in &mut tiles[2..] {
            if raw(tile) && !halves {
                *tile = self.lanes_of(tile);
            }
        }
        let numbers = if halves { tiles[2].dtype } else { DType::F32 };
        // Scales and biases may be as far apart as the options can say.
        let fits = |k: usize| match tiles[k].strides[1] {
            _ if tiles[k].shape[1] <= 1 => true,
            stride if k < 2 => stride == 4,
            stride => i32::try_from(stride).is_ok(),
        };
        let inputs = [0, 1, 2, 3].map(|k| match fits(k) {
            true => tiles[k].clone(),
            false => self.contiguous(&tiles[k]),
        });
        let [x, _, scales, biases] = &inputs;
        let mut strides = [out.strides_in(&out.shape)[0], 0, 0, 0, 0];
        for (to, tile) in strides[1..].iter_mut().zip(&inputs) {
            *to = tile.strides_in(&tile.shape)[0];
        }
        self.rows(Rows {
            name: PACKED_SUM,
            primitive: match short {
                true => integers::sum_of_products(self.level()),
                false => quantized::sum_of_products(bits, self.level()),
            },
            nest: vec![(out.shape[0], strides)],
            len: x.shape[1],
            out: out.at,
            inputs: &[0, 1, 2, 3].map(|k: usize| inputs[k].at),
            extra: quantized::options(
                (bits, group, numbers),
                [scales.strides[1], biases.strides[1]],
            ),
            block: BlockRole::Fixed,
            hoisted: out.hoisted,
        });
        out
    }
}
