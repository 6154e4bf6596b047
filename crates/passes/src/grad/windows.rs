//! Gradients of inputs that neighbouring programs read in windows: a causal convolution, a stencil.
//!
//! Where a load moves with the program, `x[t + c]`, element `p` is what program `p - c` has read. Each program of the
//! first stage stores the adjoints of its loads as they come, and a later program gives element `p` the sum of those at
//! `p - c`, each read through a window that is shifted the other way: what it covers outside the programs is 0, as nobody
//! has read it from there. So every element is written once, by a program of its own.
//!
//! An adjoint is often a product whose one factor is the same for all programs: the weight of a tap. Then the other is
//! stored, which all taps share and an input may hold already, and the later program multiplies. A causal convolution of
//! four taps moves four arrays so, and else eleven.

use super::gather::{OWN, Target, keep};
use super::places::{Linear, Step};
use super::stage::{declare, root};
use crate::emit::Emitter;
use tilewright_ir::infer::place_type;
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, GridAxis, ParamKind, Place, Program,
    Shape,
};

/// Elements that one program takes of an input that has no other axis.
const BLOCK: usize = 1024;

/// How the positions of a load along one axis of its input follow from the program.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Window {
    /// Every position, for all programs.
    Whole,
    /// A run of the tile that begins at `shift`, for all programs.
    Tile { shift: i64 },
    /// Position `program + shift` along a grid axis.
    Program { grid: usize, shift: i64 },
}

/// How the positions of a load follow from the program; `None` where they do so in another way, or where programs along
/// a grid axis read the same elements.
fn windows(program: &Program, place: &Place) -> Option<Vec<Window>> {
    let step = |id: ExprId| Linear::of(program, id)?.step();
    let windows: Option<Vec<Window>> = (place.axes.iter())
        .map(|axis| match *axis {
            Axis::All => Some(Window::Whole),
            Axis::At(id) => match step(id)? {
                Step { program: Some(grid), shift } => Some(Window::Program { grid, shift }),
                Step { program: None, .. } => None,
            },
            Axis::Range { start, len, step: 1 } => match step(start)? {
                Step { program: Some(grid), shift } => {
                    (len == Extent::Const(1)).then_some(Window::Program { grid, shift })
                }
                Step { program: None, shift } => Some(Window::Tile { shift }),
            },
            Axis::Range { .. } | Axis::Gather(_) => None,
        })
        .collect();
    let windows = windows?;
    let mut grids: Vec<usize> = (windows.iter())
        .filter_map(|window| match window {
            Window::Program { grid, .. } => Some(*grid),
            Window::Whole | Window::Tile { .. } => None,
        })
        .collect();
    grids.sort_unstable();
    let each = grids.iter().copied().eq(0..program.grid.len());
    let single = program.grid.iter().all(|axis| axis.block == 1);
    (each && single).then_some(windows)
}

/// True when all places of an input are windows.
pub(super) fn all_windows(program: &Program, places: &[&Place]) -> bool {
    let few = places.iter().all(|place| (1..=OWN + 1).contains(&place.axes.len()));
    few && places.iter().all(|place| windows(program, place).is_some())
}

/// Adjoints of a load that the first stage has stored: `[programs.., tile..]`.
pub(super) struct Windowed {
    values: String,
    windows: Vec<Window>,
    /// What was stored is to be multiplied with this.
    factor: Option<Factor>,
    /// The expression that was stored, and the shape of a program's part.
    stored: (ExprId, Shape),
}

/// A row of an input, or one element, that is the same for all programs.
struct Factor {
    param: String,
    /// A position in each axis; `None` for all of them.
    axes: Vec<Option<f64>>,
}

impl Factor {
    /// That of `id`, a value of a program of [`Access::In`] parameters, where it goes along the last axis of a tile alone.
    fn of(out: &Emitter, id: ExprId, tile: &[Extent]) -> Option<Factor> {
        let loaded = root(&out.program, id);
        let ExprKind::Load { place, .. } = out.kind(loaded) else { return None };
        let axes: Option<Vec<Option<f64>>> = (place.axes.iter())
            .map(|axis| match *axis {
                Axis::All => Some(None),
                Axis::At(id) => out.splat(id).map(Some),
                Axis::Range { .. } | Axis::Gather(_) => None,
            })
            .collect();
        let param = out.program.param(place.param);
        let read = matches!(param.kind, ParamKind::Tensor { access: Access::In, .. });
        let along = match *out.shape(loaded) {
            [] => true,
            [only] => tile.last() == Some(&only) && out.shape(id).last() == Some(&only),
            _ => false,
        };
        (read && along).then(|| axes.map(|axes| Factor { param: param.name.clone(), axes }))?
    }

    /// It in a later program.
    fn load(&self, out: &mut Emitter, dtype: DType) -> Result<ExprId, String> {
        let param = out.program.find_param(&self.param);
        let param = param.ok_or_else(|| format!("`{}` is lost", self.param))?;
        let axes = (self.axes.iter())
            .map(|position| match position {
                Some(position) => Axis::At(out.constant(DType::I32, *position)),
                None => Axis::All,
            })
            .collect();
        let value = out.load(Place { param, axes });
        Ok(out.cast(value, dtype))
    }
}

impl Windowed {
    /// Stores the adjoint `value` of the forward program's load at `place`, or what it is a multiple of, unless one of those
    /// `before` did so; gives the name of the temporary, if it takes one.
    pub fn store(
        out: &mut Emitter,
        name: &str,
        (forward, place): (&Program, &Place),
        value: ExprId,
        (programs, counts): (&[ExprId], &[Extent]),
        before: &[Windowed],
    ) -> Result<(Windowed, Option<String>), String> {
        let windows = windows(forward, place).ok_or("a load that is no window")?;
        // The one position that a program has along an axis is no axis of what it stores.
        let of_axis = place.axes.iter().zip(&windows);
        let kept = of_axis.filter(|(axis, _)| !matches!(axis, Axis::At(_)));
        let tile: Shape = (place_type(forward, place)?.shape.into_iter().zip(kept))
            .filter_map(|(extent, (_, window))| window.has_tile().then_some(extent))
            .collect();
        let (value, factor) = match Windowed::product(out, value, &windows, &tile) {
            Some((value, factor)) => (value, Some(factor)),
            None => (out.reshape(value, tile.clone()), None),
        };
        let stored = (value, tile);
        if let Some(same) = before.iter().find(|other| other.stored == stored) {
            let values = same.values.clone();
            return Ok((Windowed { values, windows, factor, stored }, None));
        }
        let name = format!("windowed_{name}");
        let (values, made) = keep(out, name, value, &stored.1, (programs, counts));
        Ok((Windowed { values, windows, factor, stored }, made))
    }

    /// The factors of an adjoint of which one is the same for all programs, where the last axis of the tile is whole.
    fn product(
        out: &Emitter,
        mut value: ExprId,
        windows: &[Window],
        tile: &[Extent],
    ) -> Option<(ExprId, Factor)> {
        while let ExprKind::Reshape(of) = *out.kind(value) {
            value = of;
        }
        let several = windows.len() > 1 && windows.len() <= OWN + 1;
        let whole = several && windows.last() == Some(&Window::Whole) && out.shape(value) == tile;
        let (a, b) = out.operands_of(BinaryOp::Mul, value).filter(|_| whole)?;
        let one = |a: ExprId, b: ExprId| {
            let factor = Factor::of(out, b, tile)?;
            (out.shape(a) == tile && Factor::of(out, a, tile).is_none()).then_some((a, factor))
        };
        one(a, b).or_else(|| one(b, a))
    }
}

/// What a program takes of one axis of a gradient.
#[derive(Clone, Copy)]
enum Part {
    One(ExprId),
    /// So many positions from one on.
    Block(ExprId, usize),
    Whole(Extent),
}

impl Part {
    /// Its positions less `shift`; `alike` when they are of an axis of the same extent.
    fn shifted(self, out: &mut Emitter, shift: i64, alike: bool) -> Axis {
        let (start, len) = match self {
            Part::One(at) if alike && shift == 0 => return Axis::At(at),
            Part::Whole(_) if alike && shift == 0 => return Axis::All,
            Part::One(at) => (Some(at), Extent::Const(1)),
            Part::Block(at, len) => (Some(at), Extent::Const(len)),
            Part::Whole(extent) => (None, extent),
        };
        let moved = out.constant(DType::I32, -shift as f64);
        let start = match start {
            Some(start) if shift == 0 => start,
            Some(start) => out.add(start, moved),
            None => moved,
        };
        Axis::Range { start, len, step: 1 }
    }
}

impl Target {
    /// The program that gives each element the sum of the adjoints of the loads that have read it.
    pub fn add_windowed(&self, stage: &Program, windowed: &[Windowed]) -> Result<Program, String> {
        if windowed.is_empty() {
            return Ok(self.zeros(stage, &self.name, self.dtype));
        }
        let mut grid = self.rows();
        grid.truncate(self.tiled_from(windowed));
        let own = grid.len();
        let block = (self.shape.len() == 1).then_some(BLOCK);
        grid.extend(block.map(|block| GridAxis { extent: self.shape[0], block }));
        let mut out = self.program(stage, "windows", grid);
        let to = declare(&mut out.program, self.name.clone(), self.kind(Access::Out));
        let mut parts = Vec::new();
        for (axis, &extent) in self.shape.iter().enumerate() {
            parts.push(match block {
                _ if axis < own => Part::One(out.program_index(axis)),
                Some(block) => {
                    let (index, length) = (out.program_index(0), out.index(block));
                    Part::Block(out.mul(index, length), block)
                }
                None => Part::Whole(extent),
            });
        }
        let axes = parts.iter().map(|part| part.shifted(&mut out, 0, true)).collect();
        let place = Place { param: to, axes };
        let shape = place_type(&out.program, &place)?.shape;
        let mut sum = None;
        for one in windowed {
            let value = one.load(&mut out, &self.shape, &parts)?;
            let value = out.reshape(value, shape.clone());
            sum = Some(match sum {
                None => value,
                Some(before) => out.add(before, value),
            });
        }
        let sum = sum.ok_or("a sum of nothing")?;
        let sum = out.cast(sum, self.dtype);
        out.store(place, sum);
        out.finish()
    }
}

impl Target {
    /// How many axes the programs of a window share out: where each of the forward ones read a tile of rows, as those of a row of an
    /// image, a tile is taken here as well, and positions are told once for many elements. On an H200 that of `depthwise_conv_3x3`,
    /// 64 channels of 4 x 112 x 112, took 27 us by one program a pixel.
    fn tiled_from(&self, windowed: &[Windowed]) -> usize {
        let last = self.shape.len().saturating_sub(1);
        let shifted = |axis: usize| {
            let tile =
                |w: &Windowed| matches!(w.windows[axis], Window::Tile { .. } | Window::Whole);
            let moves = |w: &Windowed| matches!(w.windows[axis], Window::Tile { .. });
            windowed.iter().all(tile) && windowed.iter().any(moves)
        };
        (1..last).find(|&axis| shifted(axis)).unwrap_or(last)
    }
}

impl Windowed {
    /// What the first stage has stored for the elements of `parts` of a tensor of `shape`, 0 where nobody has read them.
    fn load(&self, out: &mut Emitter, shape: &[Extent], parts: &[Part]) -> Result<ExprId, String> {
        let param = out.program.find_param(&self.values);
        let param = param.ok_or_else(|| format!("`{}` is lost", self.values))?;
        let ParamKind::Tensor { shape: stored, .. } = out.program.param(param).kind.clone() else {
            return Err("adjoints that are no tensor".into());
        };
        let mut axes = vec![Axis::All; stored.len()];
        let mut tile = stored.len() - self.windows.iter().filter(|w| w.has_tile()).count();
        for ((window, part), extent) in self.windows.iter().zip(parts).zip(shape) {
            let (axis, shift) = match *window {
                Window::Whole => (tile, 0),
                Window::Tile { shift } => (tile, shift),
                Window::Program { grid, shift } => (grid, shift),
            };
            axes[axis] = part.shifted(out, shift, stored[axis] == *extent);
            tile += usize::from(window.has_tile());
        }
        // An axis that one position of was picked is gone, as one of extent 1 is for a reshape.
        let value = out.load(Place { param, axes });
        let Some(factor) = &self.factor else { return Ok(value) };
        let wide = super::adjoint::Sweep::dtype(out.ty(value).dtype);
        let value = out.cast(value, wide);
        let mut factor = factor.load(out, wide)?;
        // What is outside is no product: 0 times a weight that is infinite would be a number that nobody has read.
        if let Some(inside) = self.inside(out, shape, parts, &stored) {
            factor = out.keep_where(inside, factor);
        }
        Ok(out.mul(value, factor))
    }

    /// Whether a program has read what is loaded; `None` where each surely has.
    fn inside(
        &self,
        out: &mut Emitter,
        shape: &[Extent],
        parts: &[Part],
        stored: &[Extent],
    ) -> Option<ExprId> {
        let mut tile = stored.len() - self.windows.iter().filter(|w| w.has_tile()).count();
        let mut all = None;
        for (number, ((window, part), extent)) in
            self.windows.iter().zip(parts).zip(shape).enumerate()
        {
            let (axis, shift) = match *window {
                Window::Whole => (tile, 0),
                Window::Tile { shift } => (tile, shift),
                Window::Program { grid, shift } => (grid, shift),
            };
            tile += usize::from(window.has_tile());
            if shift == 0 && stored[axis] == *extent {
                continue;
            }
            let at = match *part {
                Part::One(at) => at,
                Part::Whole(extent) => out.positions(extent, 0, shape.len() - number),
                Part::Block(..) => continue,
            };
            let (moved, zero) = (out.constant(DType::I32, -shift as f64), out.index(0));
            let (at, end) = (out.add(at, moved), out.size(stored[axis]));
            let from = out.binary(BinaryOp::Ge, at, zero);
            let to = out.binary(BinaryOp::Lt, at, end);
            let both = out.binary(BinaryOp::And, from, to);
            all = Some(match all {
                None => both,
                Some(before) => out.binary(BinaryOp::And, before, both),
            });
        }
        all
    }
}

impl Window {
    /// True when the tile has an axis for it.
    fn has_tile(self) -> bool {
        !matches!(self, Window::Program { .. })
    }
}
