//! Loads and stores: in place where elements lie as lanes, converted or copied where they do not, with checks where
//! nothing rules out an index past the end.

use super::emit::Rows;
use super::tile::{Tile, collapse};
use super::*;
use crate::simd::memory::Joining;
use tilewright_ir::{Axis, Literal, ParamKind, Place};

/// What is known of an access.
struct Access {
    axes: Vec<TensorAxis>,
    /// Extents and strides of the tile's axes in memory.
    tile: Vec<(usize, isize)>,
    /// Every element is inside the tensor and every axis has one stride.
    inside: bool,
    /// The place in the grid tells where it starts.
    fixed: bool,
    /// Depends on the program.
    varies: bool,
    main: bool,
    /// The axis along which turns that run together follow one another, or programs in a loop.
    turns: Option<usize>,
}

impl<'a> Binder<'a> {
    fn access(&self, place: &Place) -> Access {
        let layout = &self.request.tensors[place.param.index()];
        let mut found = Access {
            axes: Vec::new(),
            tile: Vec::new(),
            inside: true,
            fixed: true,
            varies: false,
            main: false,
            turns: None,
        };
        for (axis, parts) in place.axes.iter().zip(layout) {
            let extent = parts.iter().fold(1usize, |n, part| n.saturating_mul(part.0));
            let single = parts.len() == 1;
            let stride = parts.last().map_or(0, |part| part.1);
            let turns = match *axis {
                Axis::At(id) => self.run_of_turns(id).or_else(|| self.run_of_programs(id)),
                _ => None,
            };
            if let Some(positions) = turns {
                found.turns = Some(found.axes.len());
                (found.fixed, found.varies) = (false, true);
                found.axes.push(TensorAxis { extent, parts: parts.clone(), positions });
                continue;
            }
            let positions = match *axis {
                Axis::At(id) => {
                    let (least, most) = self.scalars.interval(id);
                    let index = self.index(id, &mut found);
                    let known = matches!(index, Index::Affine { .. });
                    // An index that is read when the program runs is checked then.
                    found.inside &= !known || least >= 0 && most < extent as i64;
                    found.fixed &= known && single;
                    Positions::One(index)
                }
                Axis::Range { start, len, step } => {
                    let (least, most) = self.scalars.interval(start);
                    let index = self.index(start, &mut found);
                    let (whole, len) = (len.value(self.request.dims), self.extent(len));
                    let last = most.saturating_add((whole.saturating_sub(1) * step) as i64);
                    found.inside &= single && least >= 0 && (whole == 0 || last < extent as i64);
                    found.fixed &= matches!(index, Index::Affine { .. });
                    found.main |= self.is_main(whole);
                    found.tile.push((len, stride * step as isize));
                    Positions::Run { start: index, len, step }
                }
                Axis::All => {
                    found.inside &= single;
                    found.main |= self.is_main(extent);
                    let start = Index::Affine { constant: 0, grid: [0; GRID_AXES] };
                    let len = if self.is_main(extent) { self.extent_of_main() } else { extent };
                    found.tile.push((len, stride));
                    Positions::Run { start, len, step: 1 }
                }
                Axis::Gather(id) => {
                    let indices = self.value(id);
                    found.inside = false;
                    found.varies = true;
                    found.tile.push((indices.shape[1], stride));
                    let len = indices.shape[1];
                    Positions::List { at: indices.at, batch: 0, len }
                }
            };
            found.axes.push(TensorAxis { extent, parts: parts.clone(), positions });
        }
        found
    }

    fn is_main(&self, extent: usize) -> bool {
        self.request.main.is_some_and(|(total, _)| total == extent)
    }

    fn extent_of_main(&self) -> usize {
        self.request.main.map_or(0, |(_, len)| len)
    }

    /// An index as the access finds it when it runs.
    fn index(&self, id: ExprId, found: &mut Access) -> Index {
        match self.scalars.affine(id) {
            Some(affine) => {
                found.varies |= affine.grid != [0; GRID_AXES];
                affine.index()
            }
            None => {
                found.varies = true;
                let tile = self.value(id);
                Index::At { at: tile.at, batch: tile.strides_in(&tile.shape)[0] }
            }
        }
    }

    /// The elements of a place where they lie, as lanes of their memory's own size; `None` when only a copy will do.
    fn in_place(&mut self, place: &Place, access: &Access, dtype: DType) -> Option<Tile> {
        if !access.inside {
            return None;
        }
        let param = place.param.index();
        let mut register =
            Register { param: Some(param), offset: 0, grid: [0; GRID_AXES], advance: 0 };
        let mut batch = 0;
        if access.fixed {
            for axis in &access.axes {
                let stride = axis.parts.last().map_or(0, |part| part.1);
                let start = match axis.positions {
                    Positions::One(index) | Positions::Run { start: index, .. } => index,
                    Positions::List { .. } => return None,
                };
                let Index::Affine { constant, grid } = start else { return None };
                register.offset += constant as isize * stride;
                for (to, from) in register.grid.iter_mut().zip(grid) {
                    *to += from as isize * stride;
                }
            }
            if let Some(last) = self.request.grid.len().checked_sub(1) {
                batch = register.grid[last];
            }
        } else if self.request.batch > 1 {
            // Where what is read from memory is the same for the programs of a batch, they lie a stride apart.
            let last = self.request.grid.len().wrapping_sub(1);
            for (number, axis) in access.axes.iter().enumerate() {
                let start = match axis.positions {
                    Positions::One(index) | Positions::Run { start: index, .. } => index,
                    Positions::List { .. } => return None,
                };
                let [(_, stride)] = axis.parts[..] else { return None };
                let step = match axis.positions {
                    Positions::Run { step, .. } => step as isize,
                    _ => 1,
                };
                match start {
                    _ if access.turns == Some(number) => batch += stride * step,
                    Index::Affine { grid, .. } => {
                        batch += grid.get(last).map_or(0, |along| *along as isize) * stride;
                    }
                    Index::At { batch: 0, .. } => {}
                    Index::At { .. } => return None,
                }
            }
        }
        if access.main {
            let strides: Vec<isize> =
                access.tile.iter().filter(|axis| axis.0 != 1).map(|axis| axis.1).collect();
            let [stride] = strides[..] else { return None };
            register.advance = stride;
        }
        let number = self.register(register, access.fixed);
        if !access.fixed {
            self.located.push(number);
            let axes = access.axes.clone();
            let locate = Locate { register: number, param, axes };
            self.push(Step::Locate(Box::new(locate)), false);
        }
        let hoisted = !access.varies;
        let programs = if hoisted { 1 } else { self.request.batch };
        let shape =
            std::iter::once(programs).chain(access.tile.iter().map(|axis| axis.0)).collect();
        let first = if programs == 1 { 0 } else { batch };
        let strides = std::iter::once(first).chain(access.tile.iter().map(|axis| axis.1)).collect();
        let at = Address { register: number, offset: 0 };
        Some(Tile { dtype, shape, strides, at, main: access.main, hoisted })
    }

    /// A register; one that is there already if it is the same.
    pub(super) fn register(&mut self, register: Register, shared: bool) -> u32 {
        let same = |other: &Register| {
            other.param == register.param
                && other.offset == register.offset
                && other.grid == register.grid
                && other.advance == register.advance
        };
        let mut known = (0..).zip(&self.registers).skip(1);
        let found = known.find(|(k, other)| same(other) && !self.located.contains(k));
        if let Some((number, _)) = found.filter(|_| shared) {
            return number;
        }
        self.registers.push(register);
        self.registers.len() as u32 - 1
    }

    /// A tile as a nest of loops without its innermost axis, whose extent and strides come apart.
    fn copy_rows(&mut self, name: &'static str, from: &Tile, to: &Tile, primitive: CopyOf) {
        let out_axes = |tile: &Tile| tile.strides_in(&to.shape);
        let (o, i) = (out_axes(to), out_axes(from));
        let nest = (0..to.shape.len()).map(|k| (to.shape[k], [o[k], i[k], 0, 0, 0])).collect();
        let mut nest = collapse(&nest);
        let size = primitive.dtype().size() as isize;
        let (len, strides) = nest.pop().unwrap_or((1, [4, 4, 0, 0, 0]));
        let single = to.shape.iter().all(|&extent| extent == 1);
        let stride = match primitive {
            _ if single => size,
            CopyOf::Load(_) => strides[1],
            CopyOf::Store(_) => strides[0],
        };
        self.rows(Rows {
            name,
            primitive: match primitive {
                CopyOf::Load(dtype) => memory::load(dtype, self.level()),
                CopyOf::Store(dtype) => memory::store(dtype, self.level()),
            },
            nest,
            len,
            out: to.at,
            inputs: &[from.at],
            extra: [stride as u64, 0],
            block: if to.main { BlockRole::Plain } else { BlockRole::Fixed },
            hoisted: to.hoisted,
        });
    }

    /// What lies in memory, of its own type, as lanes.
    pub(super) fn lanes_of(&mut self, memory: &Tile) -> Tile {
        let out = self.new_tile(memory.dtype, &memory.shape[1..], memory.main, false);
        self.copy_rows("load", memory, &out, CopyOf::Load(memory.dtype));
        out
    }

    pub(super) fn load(&mut self, id: ExprId, place: &Place, fill: Literal) -> Tile {
        let param = place.param.index();
        let dtype = self.dtype(id);
        let careful = self.request.careful[param] && !self.sharing.early;
        let access = self.access(place);
        if let Some(memory) = self.in_place(place, &access, dtype) {
            let lanes = dtype.size() == 4 && !careful && matches!(memory.inner_stride(), 4 | 0);
            let raw = self.request.analysis.raw[id.index()] && !careful;
            if lanes || raw && memory.shape[1] > 1 && memory.strides[1] == dtype.size() as isize {
                return memory;
            }
            // A careful load happens here, not in the prologue.
            let hoisted = memory.hoisted && !careful && self.hoists(id, &[]);
            // The batch of a load that is the same for all programs is 1, whatever the tile's.
            let mut from = Tile { hoisted, ..memory };
            let whole = from.shape.clone();
            // What is the same for all programs of this batch is loaded once, in room for one, and seen by each.
            let repeats = whole[0] > 1 && from.strides[0] == 0 && !careful && !from.main;
            let mut out = self.new_tile(dtype, &whole[1..], from.main, hoisted || repeats);
            out.hoisted = hoisted;
            if repeats {
                from.shape[0] = 1;
            }
            self.copy_rows("load", &from, &out, CopyOf::Load(dtype));
            if repeats {
                let strides = out.strides_in(&out.shape);
                return out.view(whole, strides);
            }
            return out;
        }
        let (shape, main) = self.shape(id);
        let out = self.new_tile(dtype, &shape, main, false);
        let kind = TransferKind::Load { fill: lane(dtype, fill.value()) };
        // A chain must not take memory that it writes for the tile of a window.
        let kept = !self.request.careful[param] && dtype.size() == 4;
        let window = match kept && self.is_window(&access, &out) {
            true => Some(self.window_register(&access, &out)),
            false => None,
        };
        self.transfer(place, access, &out, None, kind, window);
        match window {
            Some(register) => Tile { at: Address { register, offset: 0 }, ..out },
            None => out,
        }
    }

    /// True for elements that lie as they would in a tile of the frame, wherever that is inside the tensor.
    fn is_window(&self, access: &Access, tile: &Tile) -> bool {
        let mut behind = 4;
        let dense = access.tile.iter().rev().all(|&(extent, stride)| {
            let fits = extent == 1 || stride == behind;
            behind = behind.saturating_mul(extent as isize);
            fits
        });
        let plain = access
            .axes
            .iter()
            .all(|axis| axis.parts.len() == 1 && !matches!(axis.positions, Positions::List { .. }));
        let programs = self.request.batch;
        // One index that is read when the program runs may choose rows one after the other.
        let mut looked_up = access.axes.iter().filter(|axis| {
            use Positions::{One, Run};
            !matches!(
                axis.positions,
                One(Index::Affine { .. }) | Run { start: Index::Affine { .. }, .. }
            )
        });
        let follow = programs == 1
            || match (looked_up.next(), looked_up.next()) {
                (None, _) => self.program_stride(access) == behind,
                (Some(axis), None) => {
                    matches!(axis.positions, Positions::One(Index::At { batch, .. }) if batch != 0)
                        && axis.parts[..] == [(axis.extent, behind)]
                        && self.program_stride(access) == 0
                }
                _ => false,
            };
        !tile.main && !access.main && dense && plain && follow && tile.lanes() > 0
    }

    /// Bytes from what one program accesses to what the next does, where the place in the grid tells.
    fn program_stride(&self, access: &Access) -> isize {
        let Some(last) = self.request.grid.len().checked_sub(1) else { return 0 };
        let of = |axis: &TensorAxis| match axis.positions {
            Positions::One(Index::Affine { grid, .. })
            | Positions::Run { start: Index::Affine { grid, .. }, .. } => {
                grid[last] as isize * axis.parts.last().map_or(0, |part| part.1)
            }
            _ => 0,
        };
        access.axes.iter().map(of).sum()
    }

    /// A register for a window. It counts as one of the frame, whose tile keeps its place.
    fn window_register(&mut self, access: &Access, tile: &Tile) -> u32 {
        let mut grid = [0; GRID_AXES];
        if let Some(last) = self.request.grid.len().checked_sub(1) {
            // What it points at is told when it is; this is for those who fetch ahead.
            grid[last] = self.program_stride(access);
        }
        let register = Register { param: None, offset: tile.at.offset, grid, advance: 0 };
        self.register(register, false)
    }

    /// Emits a copy with every check. `tile` is contiguous and has the batch.
    fn transfer(
        &mut self,
        place: &Place,
        mut access: Access,
        tile: &Tile,
        mask: Option<&Tile>,
        kind: TransferKind,
        window: Option<u32>,
    ) {
        let program = self.request.program;
        let param = program.param(place.param);
        let ParamKind::Tensor { dtype, .. } = param.kind else { return };
        for (number, (axis, found)) in place.axes.iter().zip(&mut access.axes).enumerate() {
            let (Axis::Gather(id), Positions::List { at, batch, len }) =
                (axis, &mut found.positions)
            else {
                continue;
            };
            let indices = self.value(*id);
            let indices = self.spread(&indices, &indices.shape[1..], indices.main);
            self.check(&indices, found.extent, param.name.clone(), number);
            (*at, *len) = (indices.at, indices.shape[1]);
            *batch = indices.strides_in(&indices.shape)[0];
        }
        let level = self.level();
        let (primitive, kind) = match kind {
            TransferKind::Load { .. } => (memory::load(dtype, level), kind),
            TransferKind::Store { joining, .. } => {
                let mask = mask.map_or(NOWHERE, |mask| mask.at);
                let plain = mask == NOWHERE && joining == 0;
                let primitive =
                    if plain { memory::store(dtype, level) } else { memory::scatter(dtype, level) };
                (primitive, TransferKind::Store { mask, joining })
            }
        };
        let transfer = Transfer {
            param: place.param.index(),
            dtype,
            axes: joined(access.axes, tile.main),
            tile: tile.at,
            batch: self.request.batch,
            elements: tile.shape[1..].iter().product(),
            primitive,
            kind,
            block: if tile.main { BlockRole::Plain } else { BlockRole::Fixed },
            window,
        };
        self.push(Step::Transfer(Box::new(transfer)), false);
    }

    pub(super) fn store(
        &mut self,
        place: &Place,
        value: ExprId,
        mask: Option<ExprId>,
        mode: StoreMode,
    ) {
        let program = self.request.program;
        let ParamKind::Tensor { dtype, .. } = program.param(place.param).kind else { return };
        let access = self.access(place);
        let tile = self.value(value);
        if mask.is_none()
            && mode == StoreMode::Set
            && let Some(mut memory) = self.in_place(place, &access, dtype)
        {
            if tile.at == memory.at && self.targets.contains_key(&value) {
                return;
            }
            // A place that is the same for all programs is written by each of them.
            memory.hoisted = false;
            if dtype.size() == 4 && memory.inner_stride() == 4 {
                self.copy(&tile, &memory, false);
            } else {
                let lanes = match tile.shape == memory.shape && tile.is_contiguous() {
                    true => tile,
                    false => self.spread(&tile, &memory.shape[1..], memory.main),
                };
                self.copy_rows("store", &lanes, &memory, CopyOf::Store(dtype));
            }
            return;
        }
        let shape: Vec<usize> = access.tile.iter().map(|axis| axis.0).collect();
        let main = access.main;
        let lanes = self.spread(&tile, &shape, main);
        let mask = mask.map(|mask| {
            let mask = self.value(mask);
            self.spread(&mask, &shape, main)
        });
        let joining = Joining::code(mode, dtype);
        let kind = TransferKind::Store { mask: NOWHERE, joining };
        self.transfer(place, access, &lanes, mask.as_ref(), kind, None);
    }

    /// Finds values of a list of statements that can be computed straight into an output: used by one plain store in
    /// the same list, to a place known beforehand that lies as lanes.
    pub(super) fn find_targets(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            let Stmt::Store { place, value, mask: None, mode: StoreMode::Set, .. } = stmt else {
                continue;
            };
            let made = body.iter().position(|s| matches!(s, Stmt::Let(id) if id == value));
            let ParamKind::Tensor { dtype, .. } = self.request.program.param(place.param).kind
            else {
                continue;
            };
            // Of several stores to one tensor the order is that of the stores.
            let shared = self.request.careful[place.param.index()];
            let several = self.request.analysis.stores[place.param.index()] > 1;
            let Some(made) = made else { continue };
            let careful =
                several || shared && !self.sharing.allows(&self.request, *value, made, place);
            let once = self.request.analysis.uses[value.index()] == 1;
            if careful || !once || dtype.size() != 4 || !self.computes_lanes(*value) {
                continue;
            }
            // Gathered places and run-time indices have no values yet.
            let known = place.axes.iter().all(|axis| match axis {
                Axis::At(id) | Axis::Range { start: id, .. } => self.scalars.affine(*id).is_some(),
                Axis::All => true,
                Axis::Gather(_) => false,
            });
            if !known {
                continue;
            }
            let access = self.access(place);
            let (shape, main) = self.shape(*value);
            let same = access.tile.iter().map(|axis| axis.0).eq(shape.iter().copied());
            if !same || main != access.main {
                continue;
            }
            if let Some(memory) = self.in_place(place, &access, dtype)
                && memory.inner_stride() == 4
                && memory.shape[0] == self.request.batch
            {
                let tile = Tile { hoisted: false, ..memory };
                self.targets.insert(*value, tile);
            }
        }
    }

    /// True for values that [`Binder::result`] places.
    pub(super) fn computes_lanes(&self, id: ExprId) -> bool {
        if self.request.analysis.fused[id.index()].is_some() {
            let fused = &self.request.analysis.fused[id.index()];
            return matches!(
                fused,
                Some((Fusion::Map(_) | Fusion::CountedPhilox { .. } | Fusion::DropOut { .. }, _))
            );
        }
        matches!(
            self.request.program.expr(id).kind,
            ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::Ternary(..)
                | ExprKind::Iota(_)
                | ExprKind::Scan { .. }
                | ExprKind::Unpack { .. }
                | ExprKind::Dot(..)
        )
    }
}

/// Joins the last axes where one is a run and those after it are whole and lie behind one another: the longer what is
/// copied at once, the better.
fn joined(mut axes: Vec<TensorAxis>, in_blocks: bool) -> Vec<TensorAxis> {
    let start = Index::Affine { constant: 0, grid: [0; GRID_AXES] };
    while !in_blocks && let [.., outer, inner] = &axes[..] {
        let (Positions::Run { start: from, len, step: 1 }, [(_, apart)]) =
            (&outer.positions, &outer.parts[..])
        else {
            break;
        };
        let (Index::Affine { constant, grid }, [(_, stride)]) = (*from, &inner.parts[..]) else {
            break;
        };
        let extent = inner.extent;
        let whole = matches!(inner.positions, Positions::Run { start: s, len, step: 1 }
            if s == start && len == extent);
        let all = outer.extent.checked_mul(extent);
        let (Some(all), Some(lanes)) = (all, len.checked_mul(extent)) else { break };
        if !whole || extent == 0 || *apart != stride * extent as isize {
            break;
        }
        let times = |index: i64| index.saturating_mul(extent as i64);
        let start = Index::Affine { constant: times(constant), grid: grid.map(times) };
        let positions = Positions::Run { start, len: lanes, step: 1 };
        let parts = vec![(all, *stride)];
        axes.truncate(axes.len() - 2);
        axes.push(TensorAxis { extent: all, parts, positions });
    }
    axes
}

/// Between memory of a dtype and lanes.
#[derive(Clone, Copy)]
enum CopyOf {
    Load(DType),
    Store(DType),
}

impl CopyOf {
    fn dtype(self) -> DType {
        match self {
            CopyOf::Load(dtype) | CopyOf::Store(dtype) => dtype,
        }
    }
}
