//! Elementwise values: maps over tiles of any layout.

use super::tile::{Nest, Tile, collapse};
use super::*;
use crate::simd::call::{Call, Operand, Primitive};
use tilewright_ir::UnaryOp;

impl<'a> Binder<'a> {
    /// Emits a primitive that works on rows of `len` elements, once for each position of `nest` (axes outside the
    /// rows; strides of the output, then the inputs).
    pub(super) fn rows(&mut self, call: Rows<'_>) {
        let mut nest = collapse(&call.nest);
        if nest.iter().any(|(extent, _)| *extent == 0) {
            return;
        }
        let (rows, strides) = nest.pop().unwrap_or((1, [0; 5]));
        let mut template = Call::new(rows, call.len);
        template.out = Operand { at: std::ptr::null_mut(), row: strides[0] };
        for (operand, &row) in template.inputs.iter_mut().zip(&strides[1..]) {
            operand.row = row;
        }
        template.extra = call.extra;
        template.stream = self.streams(call.out);
        let mut inputs = [NOWHERE; 4];
        for (to, from) in inputs.iter_mut().zip(call.inputs) {
            *to = *from;
        }
        let invoke = Invoke {
            primitive: call.primitive,
            call: template,
            out: call.out,
            inputs,
            prefetch: NOWHERE,
            outer: nest,
            block: call.block,
            name: call.name,
        };
        self.push(Step::Invoke(Box::new(invoke)), call.hoisted);
    }

    /// True for large outputs. What was read from the same place lies in the caches already, and past them would be a
    /// detour.
    fn streams(&self, out: Address) -> bool {
        let register = self.registers.get(out.register as usize);
        let param = register.and_then(|register| register.param);
        self.request.stream && param.is_some_and(|param| !self.request.careful[param])
    }

    /// Emits a map of `inputs`, broadcast, into `out`, whose innermost elements are neighbours. `choose` gives the
    /// instance for a mask of uniform operands.
    pub(super) fn map(
        &mut self,
        name: &'static str,
        choose: &dyn Fn(u8) -> Primitive,
        inputs: &[&Tile],
        out: &Tile,
        extra: [u64; 2],
    ) {
        if out.shape.contains(&0) {
            return;
        }
        let mut inputs: Vec<Tile> = inputs.iter().map(|&tile| tile.clone()).collect();
        let (nest, len, uniform) = loop {
            let mut nest = collapse(&nest_of(out, &inputs));
            let (len, inner) = nest.pop().unwrap_or((1, [4; 5]));
            let odd = (0..inputs.len()).find(|&k| inner[k + 1] != 4 && inner[k + 1] != 0);
            match odd {
                Some(k) => inputs[k] = self.contiguous(&inputs[k]),
                None => {
                    let uniform = |k: usize| ((inner[k + 1] == 0 && len > 1) as u8) << k;
                    let mask = (0..inputs.len()).fold(0, |mask, k| mask | uniform(k));
                    if mask + 1 < 1 << inputs.len() {
                        break (nest, len, mask);
                    }
                    // There is no instance without any operand that goes along.
                    inputs[0] = self.laid_out(&inputs[0], out);
                }
            }
        };
        // The result may take the bytes of an operand that is read element by element as it is written, unless
        // another operand sees the same bytes otherwise.
        let aligned = |tile: &Tile| tile.shape == out.shape && tile.is_contiguous();
        for input in inputs.iter().filter(|tile| aligned(tile) && out.is_contiguous()) {
            let shared = |other: &&Tile| Slots::share(other.at, input.at);
            if inputs.iter().filter(shared).all(|other| aligned(other) && other.at == input.at) {
                self.slots.inherit(input.at, out.at);
            }
        }
        let addresses: Vec<Address> = inputs.iter().map(|tile| tile.at).collect();
        let extra = if name == PHILOX { [0, uniform as u64] } else { extra };
        self.rows(Rows {
            name,
            primitive: choose(uniform),
            nest,
            len,
            out: out.at,
            inputs: &addresses,
            extra,
            block: if out.main { BlockRole::Plain } else { BlockRole::Fixed },
            hoisted: out.hoisted,
        });
    }

    /// The same elements as neighbours, in the frame.
    pub(super) fn contiguous(&mut self, tile: &Tile) -> Tile {
        if tile.is_contiguous() {
            return tile.clone();
        }
        let shape = tile.shape[1..].to_vec();
        let out = self.new_tile(tile.dtype, &shape, tile.main, tile.hoisted);
        self.copy(tile, &out, tile.hoisted);
        out
    }

    /// The elements repeated for every element of `like`.
    fn laid_out(&mut self, tile: &Tile, like: &Tile) -> Tile {
        let out = self.new_tile(tile.dtype, &like.shape[1..], like.main, like.hoisted);
        self.copy(tile, &out, like.hoisted);
        out
    }

    /// The elements broadcast to a shape and laid out as neighbours.
    pub(super) fn spread(&mut self, tile: &Tile, shape: &[usize], main: bool) -> Tile {
        let whole = tile.shape[0] == self.request.batch || self.request.batch == 1;
        if whole && &tile.shape[1..] == shape && tile.is_contiguous() {
            return tile.clone();
        }
        let out = self.new_tile(tile.dtype, shape, main, false);
        self.copy(tile, &out, false);
        out
    }

    /// Copies lanes, broadcasting.
    pub(super) fn copy(&mut self, from: &Tile, to: &Tile, hoisted: bool) {
        if to.shape.contains(&0) {
            return;
        }
        let level = self.level();
        let mut nest = collapse(&nest_of(to, std::slice::from_ref(from)));
        let (mut len, mut inner) = nest.pop().unwrap_or((1, [4; 5]));
        if inner[0] != 4 {
            // Part of a tile of which single elements lie apart.
            nest.push((len, inner));
            (len, inner) = (1, [4; 5]);
        }
        let uniform = (inner[1] == 0 && len > 1) as u8;
        let (primitive, extra) = match inner[1] {
            4 | 0 => (ops::fused(ops::Fused::Copy, uniform, level), [0; 2]),
            stride => (memory::load(DType::U32, level), [stride as u64, 0]),
        };
        let block = if to.main { BlockRole::Plain } else { BlockRole::Fixed };
        let name = "copy";
        let (out, inputs) = (to.at, &[from.at][..]);
        self.rows(Rows { name, primitive, nest, len, out, inputs, extra, block, hoisted });
    }

    /// 0, 1, 2, ...
    pub(super) fn count(&mut self, out: &Tile) {
        let len = out.shape[1];
        self.rows(Rows {
            name: "iota",
            primitive: memory::iota(self.level()),
            nest: vec![(out.shape[0], [out.strides[0], 0, 0, 0, 0])],
            len,
            out: out.at,
            inputs: &[],
            extra: [0; 2],
            block: if out.main { BlockRole::Counting } else { BlockRole::Fixed },
            hoisted: out.hoisted,
        });
    }

    /// Brings an exact result into a narrow dtype's range, in place.
    pub(super) fn narrow(&mut self, tile: &Tile) {
        if let Some(primitive) = ops::narrow(tile.dtype, self.level()) {
            self.map("narrow", &|_| primitive, &[tile], tile, [0; 2]);
        }
    }

    /// An elementwise value of one operand, computed on as many elements as the operand really has.
    fn map_one(
        &mut self,
        id: ExprId,
        name: &'static str,
        a: Tile,
        choose: &dyn Fn(u8) -> Primitive,
    ) -> Tile {
        let repeated = |k: usize| a.shape[k] > 1 && a.strides[k] == 0;
        let hoisted = self.hoists(id, &[&a]);
        if !(0..a.shape.len()).any(repeated) {
            let out = self.result(id, hoisted);
            self.map(name, choose, &[&a], &out, [0; 2]);
            return out;
        }
        let single = |k: usize| if repeated(k) { 1 } else { a.shape[k] };
        let shape: Vec<usize> = (0..a.shape.len()).map(single).collect();
        let mut out = self.new_tile(self.dtype(id), &shape[1..], a.main, hoisted);
        out.shape[0] = out.shape[0].min(shape[0]);
        let few = a.view(shape, a.strides.clone());
        self.map(name, choose, &[&few], &out, [0; 2]);
        self.narrow(&out);
        let strides = out.strides_in(&out.shape);
        let mut whole = a.shape.clone();
        if hoisted {
            whole[0] = 1;
        }
        out.view(whole, strides)
    }

    pub(super) fn unary(&mut self, id: ExprId, op: UnaryOp, a: ExprId) -> Tile {
        let (a, level) = (self.value(a), self.level());
        let primitive = ops::unary(op, a.dtype, level);
        let out = self.map_one(id, op.name(), a, &|_| primitive);
        if out.dtype != DType::Bool {
            self.narrow_once(&out);
        }
        out
    }

    /// As `narrow`, unless the tile repeats elements, which are narrow already.
    fn narrow_once(&mut self, out: &Tile) {
        if out.is_contiguous() {
            self.narrow(out);
        }
    }

    pub(super) fn binary(&mut self, id: ExprId, op: BinaryOp, a: ExprId, b: ExprId) -> Tile {
        let (mut a, mut b) = (self.value(a), self.value(b));
        if matches!(op, BinaryOp::Gt | BinaryOp::Ge) {
            std::mem::swap(&mut a, &mut b);
        }
        let (dtype, level) = (a.dtype, self.level());
        let hoisted = self.hoists(id, &[&a, &b]);
        let out = self.result(id, hoisted);
        let part = self.request.analysis.parts[id.index()] && dtype == DType::F32;
        let choose = |mask| match part && mask == 0b10 {
            true => divide::parts(level),
            false => ops::binary(op, dtype, mask, level),
        };
        self.map(op.name(), &choose, &[&a, &b], &out, [0; 2]);
        let exact = matches!(
            op,
            BinaryOp::Max | BinaryOp::Min | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor
        );
        if !exact && out.dtype == dtype {
            self.narrow(&out);
        }
        out
    }

    pub(super) fn ternary(&mut self, id: ExprId, op: TernaryOp, operands: [ExprId; 3]) -> Tile {
        let [mut a, b, c] = operands.map(|operand| self.value(operand));
        let level = self.level();
        let hoisted = self.hoists(id, &[&a, &b, &c]);
        let out = self.result(id, hoisted);
        match op {
            TernaryOp::Philox => {
                // Positions are told apart one by one, so they are no uniform operand.
                if a.inner_stride() == 0 || a.shape.len() < out.shape.len() {
                    a = self.spread(&a, &out.shape[1..], out.main);
                }
                let primitive = random::philox(level);
                self.map(PHILOX, &|_| primitive, &[&a, &b, &c], &out, [0; 2]);
            }
            _ => {
                let copy = ops::fused(ops::Fused::Copy, 0, level);
                let choose = |mask| ops::ternary(op, mask, level).unwrap_or(copy);
                self.map(op.name(), &choose, &[&a, &b, &c], &out, [0; 2]);
                if op == TernaryOp::Fma {
                    self.narrow(&out);
                }
            }
        }
        out
    }

    /// Maps one after the other; none at all where the lanes stay as they are.
    pub(super) fn chain(&mut self, id: ExprId, a: ExprId, steps: &[Primitive]) -> Tile {
        let a = self.value(a);
        let dtype = self.dtype(id);
        let Some((first, others)) = steps.split_first() else {
            return Tile { dtype, ..a };
        };
        let out = self.map_one(id, "cast", a, &|_| *first);
        for step in others {
            if out.is_contiguous() {
                self.map("cast", &|_| *step, &[&out], &out, [0; 2]);
            }
        }
        out
    }

    pub(super) fn fused(&mut self, id: ExprId, fusion: Fusion, operands: &[ExprId]) -> Tile {
        let tiles: Vec<Tile> = operands.iter().map(|&operand| self.value(operand)).collect();
        let level = self.level();
        match (fusion, &tiles[..]) {
            (Fusion::Map(fused), [a]) => {
                let primitive = ops::fused(fused, 0, level);
                self.map_one(id, fused.name(), a.clone(), &|_| primitive)
            }
            (Fusion::Map(fused), tiles) => {
                let inputs: Vec<&Tile> = tiles.iter().collect();
                let hoisted = self.hoists(id, &inputs);
                let out = self.result(id, hoisted);
                self.map(
                    fused.name(),
                    &|mask| ops::fused(fused, mask, level),
                    &inputs,
                    &out,
                    [0; 2],
                );
                out
            }
            (Fusion::CountedPhilox { from }, tiles) => {
                let hoisted = self.hoists(id, &tiles.iter().collect::<Vec<_>>());
                let out = self.result(id, hoisted);
                let apart = |tile: &Tile| tile.strides_in(&out.shape)[0];
                let first = tiles.get(2);
                let row = first.map_or(0, apart);
                let strides = [out.strides[0], row, apart(&tiles[0]), apart(&tiles[1]), 0];
                let counted = random::COUNTED | if from { random::FROM } else { 0 };
                self.rows(Rows {
                    name: PHILOX,
                    primitive: random::philox(level),
                    nest: vec![(out.shape[0], strides)],
                    len: out.shape[1],
                    out: out.at,
                    inputs: &[first.map_or(NOWHERE, |tile| tile.at), tiles[0].at, tiles[1].at],
                    extra: [0, counted | 0b110],
                    block: if out.main { BlockRole::Counting } else { BlockRole::Fixed },
                    hoisted: out.hoisted,
                });
                out
            }
            (Fusion::DropOut { scaled, from }, tiles) => self.drop_out(id, scaled, from, tiles),
            (Fusion::Unpacked, _) => self.unpacked(id),
            (Fusion::PackedSum { bits, group, short }, tiles) => {
                self.packed_sum(id, (bits, group, short), tiles)
            }
            (Fusion::SumOfProducts(axis), tiles) => {
                self.sum_of_products(id, &tiles[0], &tiles[1], axis)
            }
        }
    }

    /// Elements that a random number each lets pass; `tiles` are the elements, seed, stream, probability and, if there
    /// are any, scale and first position.
    fn drop_out(&mut self, id: ExprId, scaled: bool, from: bool, tiles: &[Tile]) -> Tile {
        let one = self.constant(DType::F32, 1f32.to_bits());
        let zero = self.constant(DType::U32, 0);
        let scale = if scaled { &tiles[4] } else { &one };
        let first = if from { &tiles[4 + scaled as usize] } else { &zero };
        let x = self.contiguous(&tiles[0]);
        // All numbers of a program in one operand.
        let each = [&tiles[3], scale, first];
        let hoisted = each.iter().all(|tile| tile.hoisted);
        let numbers = self.new_tile(DType::F32, &[3], false, hoisted);
        for (k, from) in each.into_iter().enumerate() {
            let mut to = numbers.view(vec![numbers.shape[0]], vec![numbers.strides[0]]);
            to.at.offset += 4 * k as isize;
            self.copy(from, &to, numbers.hoisted);
        }
        let hoisted = self.hoists(id, &[&x, &tiles[1], &tiles[2], &numbers]);
        let out = self.result(id, hoisted);
        let apart = |tile: &Tile| tile.strides_in(&out.shape)[0];
        let strides =
            [out.strides[0], apart(&x), apart(&tiles[1]), apart(&tiles[2]), apart(&numbers)];
        self.rows(Rows {
            name: "drop_out",
            primitive: random::drop_out(self.level()),
            nest: vec![(out.shape[0], strides)],
            len: out.shape[1],
            out: out.at,
            inputs: &[x.at, tiles[1].at, tiles[2].at, numbers.at],
            extra: [0, 0],
            block: if out.main { BlockRole::Counting } else { BlockRole::Fixed },
            hoisted: out.hoisted,
        });
        out
    }
}

/// The map whose primitive takes the mask of uniform operands as a constant.
const PHILOX: &str = "philox";

/// What [`Binder::rows`] emits.
pub(super) struct Rows<'r> {
    pub name: &'static str,
    pub primitive: Primitive,
    pub nest: Nest,
    pub len: usize,
    pub out: Address,
    pub inputs: &'r [Address],
    pub extra: [u64; 2],
    pub block: BlockRole,
    pub hoisted: bool,
}

/// The loops of a map: the axes of `out`, with the strides of all operands.
pub(super) fn nest_of(out: &Tile, inputs: &[Tile]) -> Nest {
    let mut nest: Nest = (out.shape.iter().zip(&out.strides))
        .map(|(&extent, &stride)| (extent, [stride, 0, 0, 0, 0]))
        .collect();
    for (k, input) in inputs.iter().enumerate() {
        for (axis, stride) in input.strides_in(&out.shape).into_iter().enumerate() {
            nest[axis].1[k + 1] = stride;
        }
    }
    nest
}
