//! Values that rearrange elements: most are only another view of the same lanes.

use super::emit::Rows;
use super::tile::Tile;
use super::*;
use crate::simd::{LANES, unpack};

impl<'a> Binder<'a> {
    pub(super) fn broadcast(&mut self, id: ExprId, a: ExprId) -> Tile {
        let a = self.value(a);
        let (shape, main) = self.shape(id);
        let shape: Vec<usize> = std::iter::once(a.shape[0]).chain(shape).collect();
        let strides = a.strides_in(&shape);
        Tile { main, ..a.view(shape, strides) }
    }

    pub(super) fn reshape(&mut self, id: ExprId, a: ExprId) -> Tile {
        let mut a = self.value(a);
        let inner = |tile: &Tile| {
            let plain = Tile::row_major(&tile.shape[1..]);
            (1..tile.shape.len()).all(|k| tile.shape[k] == 1 || tile.strides[k] == plain[k - 1])
        };
        if !inner(&a) {
            a = self.contiguous(&a);
        }
        let (shape, main) = self.shape(id);
        let strides: Vec<isize> =
            std::iter::once(a.strides[0]).chain(Tile::row_major(&shape)).collect();
        let shape: Vec<usize> = std::iter::once(a.shape[0]).chain(shape).collect();
        Tile { main, ..a.view(shape, strides) }
    }

    pub(super) fn transpose(&mut self, a: ExprId, order: &[usize]) -> Tile {
        let a = self.value(a);
        permuted(&a, order)
    }

    pub(super) fn slice(&mut self, id: ExprId, of: ExprId, axis: usize, start: Extent) -> Tile {
        let of = self.value(of);
        let (shape, _) = self.shape(id);
        let start = start.value(self.request.dims) as isize;
        let mut view = of.clone();
        view.shape[axis + 1] = shape[axis];
        if !shape.contains(&0) {
            view.at.offset += start * of.strides[axis + 1];
        }
        view
    }

    pub(super) fn concat(&mut self, id: ExprId, parts: &[ExprId], axis: usize) -> Tile {
        let (shape, main) = self.shape(id);
        let tiles: Vec<Tile> = parts.iter().map(|&part| self.value(part)).collect();
        let hoisted = self.hoists(id, &tiles.iter().collect::<Vec<_>>());
        let out = self.new_tile(self.dtype(id), &shape, main, hoisted);
        let mut start = 0;
        for tile in &tiles {
            let mut place = out.clone();
            place.shape[axis + 1] = tile.shape[axis + 1];
            place.at.offset += start as isize * out.strides[axis + 1];
            self.copy_into(tile, &place);
            start += tile.shape[axis + 1];
        }
        out
    }

    /// Copies into part of a tile, whose last axis may be shorter than its stride tells.
    fn copy_into(&mut self, from: &Tile, to: &Tile) {
        let (from, hoisted) = (from.clone(), to.hoisted);
        self.copy(&from, to, hoisted);
    }

    pub(super) fn pick(&mut self, id: ExprId, of: ExprId, indices: ExprId) -> Tile {
        let last = self.request.program.expr(of).ty.shape.len().saturating_sub(1);
        let (name, axis) = self.request.program.axis_name(of, last);
        let of = match super::blocks::picked_place(&self.request, of) {
            Some((place, fill)) => {
                // The whole row, whichever block is present.
                let main = self.request.main.take();
                let row = self.load(of, place, fill);
                self.request.main = main;
                row
            }
            None => self.value(of),
        };
        let rank = of.shape.len();
        let extent = of.shape[rank - 1];
        let fits = self.stays_below(indices, extent);
        let indices = self.value(indices);
        let (shape, main) = self.shape(id);
        // The indices of every program are checked, so they are laid out for every program.
        let indices = self.spread(&indices, &indices.shape[1..], main);
        if !fits {
            self.check(&indices, extent, name, axis);
        }
        let out = self.new_tile(self.dtype(id), &shape, main, false);
        let mut nest: super::tile::Nest = Vec::new();
        let of_strides = of.strides_in(&of.shape);
        for k in 0..rank - 1 {
            let strides = [out.strides[k], of_strides[k], indices.strides[k], 0, 0];
            nest.push((out.shape[k], strides));
        }
        self.rows(Rows {
            name: "pick",
            primitive: match extent <= LANES && of.strides[rank - 1] == 4 {
                true => memory::pick_of_few(self.level()),
                false => memory::gather(DType::U32, self.level()),
            },
            nest,
            len: out.shape[rank - 1],
            out: out.at,
            inputs: &[of.at, indices.at],
            extra: [of.strides[rank - 1] as u64, extent as u64],
            block: if main { BlockRole::Plain } else { BlockRole::Fixed },
            hoisted: false,
        });
        out
    }

    /// True for indices of so few bits that they stay below `extent`.
    fn stays_below(&self, indices: ExprId, extent: usize) -> bool {
        let kind = &self.request.program.expr(indices).kind;
        matches!(kind, ExprKind::Unpack { bits, .. } if *bits < 32 && 1usize << bits <= extent)
    }

    /// Emits a check that indices, a contiguous tile, stay below `extent`.
    pub(super) fn check(&mut self, indices: &Tile, extent: usize, tensor: String, axis: usize) {
        let len = indices.shape.last().copied().unwrap_or(1);
        let rows = indices.lanes().checked_div(len).unwrap_or(0);
        let check = Check {
            primitive: memory::check_indices(self.level()),
            at: indices.at,
            rows,
            len,
            rows_of_program: rows / indices.shape[0].max(1),
            extent,
            signed: indices.dtype == DType::I32,
            tensor,
            axis,
            block: if indices.main { BlockRole::Plain } else { BlockRole::Fixed },
        };
        self.push(Step::Check(Box::new(check)), false);
    }

    pub(super) fn unpack(&mut self, id: ExprId, of: ExprId, bits: u32) -> Tile {
        let of = self.value(of);
        let width = of.dtype.size() as u64 * 8;
        let words = if of.inner_stride() == 4 { of } else { self.contiguous(&of) };
        let hoisted = self.hoists(id, &[&words]);
        let out = self.result(id, hoisted);
        let rank = out.shape.len();
        let strides = words.strides_in(&words.shape);
        let nest =
            (0..rank - 1).map(|k| (out.shape[k], [out.strides[k], strides[k], 0, 0, 0])).collect();
        self.rows(Rows {
            name: "unpack",
            primitive: unpack::unpack(self.level()),
            nest,
            len: out.shape[rank - 1],
            out: out.at,
            inputs: &[words.at],
            extra: [bits as u64, width],
            block: BlockRole::Fixed,
            hoisted: out.hoisted,
        });
        out
    }
}

/// A tile with its axes (the batch's apart) reordered: axis `i` of the result is axis `order[i]`.
pub(super) fn permuted(tile: &Tile, order: &[usize]) -> Tile {
    let pick = |from: &[usize]| -> Vec<usize> {
        std::iter::once(from[0]).chain(order.iter().map(|&k| from[k + 1])).collect()
    };
    let shape = pick(&tile.shape);
    let strides = std::iter::once(tile.strides[0])
        .chain(order.iter().map(|&k| tile.strides[k + 1]))
        .collect();
    tile.view(shape, strides)
}
