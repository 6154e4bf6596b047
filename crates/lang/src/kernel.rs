//! The recording itself: parameters, program indices, loops, variables.

use crate::recorder::{At, POISON, RecordError, ViewData, recording, with};
use crate::signature::{Declared, Signature, Specialization};
use crate::tile::{Operand, Tile, Var};
use crate::view::{POISON_VIEW, Size, View, without_ones};
use std::collections::HashMap;
use std::ops::Index;
use std::panic::Location;
use tilewright_ir::{
    Access, Axis, DType, ExprKind, Extent, GridAxis, Param, ParamId, ParamKind, Place, Program,
    Stmt, Type,
};

/// The kernel being recorded.
#[derive(Debug)]
pub struct Kernel {
    _private: (),
}

/// The parameters of a kernel by name, as its signature declares them.
///
/// `args["x"]` is a tensor's [`View`]; a name that the signature lacks is reported as a mistake of the recording.
#[derive(Debug)]
pub struct Args {
    views: HashMap<String, View>,
    scalars: HashMap<String, Tile>,
    specialization: Specialization,
}

impl Index<&str> for Args {
    type Output = View;

    #[track_caller]
    fn index(&self, name: &str) -> &View {
        let at = Location::caller();
        self.views.get(name).unwrap_or_else(|| {
            with(Some(at), |r| r.mistake(at, format!("the signature declares no tensor `{name}`")));
            &POISON_VIEW
        })
    }
}

impl Args {
    /// The scalar parameter of that name.
    #[track_caller]
    pub fn scalar(&self, name: &str) -> Tile {
        let at = Location::caller();
        self.scalars.get(name).copied().unwrap_or_else(|| {
            with(Some(at), |r| r.mistake(at, format!("the signature declares no scalar `{name}`")));
            Tile(POISON)
        })
    }

    /// A size that this recording is specialized for, as the `k` of top-k.
    #[track_caller]
    pub fn constant(&self, name: &str) -> usize {
        let at = Location::caller();
        self.specialization.constant(name).unwrap_or_else(|| {
            with(Some(at), |r| {
                r.mistake(at, format!("`{name}` has no value; pass it as a constant"))
            });
            1
        })
    }
}

/// Records a kernel: declares the parameters of `signature` (see [`Signature`]), runs `build` once, validates.
///
/// # Errors
/// Every mistake that was made, each with the author's file and line.
pub fn record(
    name: &str,
    signature: &str,
    specialization: &Specialization,
    build: impl FnOnce(&mut Kernel, &Args),
) -> Result<Program, RecordError> {
    let parsed =
        Signature::parse(signature).and_then(|s| s.declare(specialization)).map_err(|e| {
            let text = e.to_string();
            RecordError {
                kernel: name.into(),
                mistakes: vec![crate::recorder::Mistake { text, at: None }],
            }
        })?;
    record_declared(name, &parsed, specialization, build)
}

/// As [`record`], with the signature already specialized.
pub(crate) fn record_declared(
    name: &str,
    declared: &[Declared],
    specialization: &Specialization,
    build: impl FnOnce(&mut Kernel, &Args),
) -> Result<Program, RecordError> {
    let program = Program { name: name.into(), ..Program::default() };
    recording(program, || {
        let mut kernel = Kernel { _private: () };
        let mut args = Args {
            views: HashMap::new(),
            scalars: HashMap::new(),
            specialization: specialization.clone(),
        };
        for parameter in declared {
            match parameter {
                Declared::Tensor { name, dtype, shape, leading, access } => {
                    let shape = shape
                        .iter()
                        .map(|(times, dim)| match dim {
                            None => Extent::Const(*times),
                            Some(dim) => (*times * kernel.dim(dim)).0,
                        })
                        .collect();
                    let view = kernel.tensor(name, *dtype, shape, *leading, *access);
                    args.views.insert(name.clone(), view);
                }
                Declared::Scalar { name, dtype, default } => {
                    let tile = kernel.scalar(name, *dtype, *default);
                    args.scalars.insert(name.clone(), tile);
                }
            }
        }
        build(&mut kernel, &args);
    })
}

impl Kernel {
    /// The size named `name`, bound at launch.
    pub fn dim(&self, name: &str) -> Size {
        with(None, |r| Size(Extent::Dim { dim: r.dim(name), times: 1 }))
    }

    /// Reports a mistake of the recording, at the caller's line, unless `holds`: what constants must fulfil.
    #[track_caller]
    pub fn require(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let at = Location::caller();
            with(Some(at), |r| r.mistake(at, otherwise()));
        }
    }

    /// Declares an input tensor.
    #[track_caller]
    pub fn input<const N: usize>(&self, name: &str, dtype: DType, shape: [Size; N]) -> View {
        self.tensor(name, dtype, shape.map(|s| s.0).to_vec(), false, Access::In)
    }

    /// Declares an output tensor; every element must be written.
    #[track_caller]
    pub fn output<const N: usize>(&self, name: &str, dtype: DType, shape: [Size; N]) -> View {
        self.tensor(name, dtype, shape.map(|s| s.0).to_vec(), false, Access::Out)
    }

    /// Declares a run-time scalar; a new value compiles nothing.
    #[track_caller]
    pub fn scalar(&self, name: &str, dtype: DType, default: Option<f64>) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| {
            let kind = ParamKind::Scalar { dtype, default };
            r.program.params.push(Param { name: name.into(), kind });
            let id = ParamId(r.program.params.len() as u32 - 1);
            r.emit(ExprKind::Scalar(id), None, at)
        }))
    }

    pub(crate) fn tensor(
        &self,
        name: &str,
        dtype: DType,
        shape: Vec<Extent>,
        leading: bool,
        access: Access,
    ) -> View {
        with(None, |r| {
            let axes = vec![Axis::All; shape.len()];
            let kind = ParamKind::Tensor { dtype, shape, leading, access };
            r.program.params.push(Param { name: name.into(), kind });
            let param = ParamId(r.program.params.len() as u32 - 1);
            r.views.push(ViewData { place: Place { param, axes } });
            View(r.views.len() - 1)
        })
    }

    /// The index of this program along a new grid axis. How many programs run follows from the axis that
    /// [`View::row`] picks with it first.
    #[track_caller]
    pub fn program(&self) -> Tile {
        self.program_axis(None, Location::caller())
    }

    /// The index of this program among `count`, along a new grid axis.
    #[track_caller]
    pub fn programs(&self, count: impl Into<Size>) -> Tile {
        let axis = GridAxis { extent: count.into().0, block: 1 };
        self.program_axis(Some(axis), Location::caller())
    }

    /// The first position of this program's block, along a new grid axis of `ceil(extent / block)` programs.
    #[track_caller]
    pub fn blocks(&self, extent: impl Into<Size>, block: usize) -> Tile {
        let at = Location::caller();
        if block == 0 {
            return Tile(with(Some(at), |r| {
                r.mistake(at, "blocks: a block has at least one element")
            }));
        }
        let axis = GridAxis { extent: extent.into().0, block };
        let index = self.program_axis(Some(axis), at);
        crate::tile::binary(tilewright_ir::BinaryOp::Mul, index, block, at)
    }

    fn program_axis(&self, axis: Option<GridAxis>, at: At) -> Tile {
        Tile(with(Some(at), |r| {
            r.grid.push(axis);
            let number = r.grid.len() - 1;
            if number >= 3 {
                return r.mistake(at, "a grid has at most 3 axes");
            }
            r.emit(ExprKind::Program(number), None, at)
        }))
    }

    /// 0, 1, 2, ... as i32, shape `[len]`.
    #[track_caller]
    pub fn iota(&self, len: impl Into<Size>) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| r.emit(ExprKind::Iota(len.into().0), None, at)))
    }

    /// A tile of one value.
    #[track_caller]
    pub fn full(&self, dtype: DType, shape: &[Size], value: impl Operand) -> Tile {
        let at = Location::caller();
        let value = value.tile_of(dtype, at);
        let shape: Vec<Extent> = shape.iter().map(|s| s.0).collect();
        Tile(with(Some(at), |r| {
            if shape.is_empty() || value.0 == POISON {
                return value.0;
            }
            r.emit(ExprKind::Broadcast(value.0), Some(Type { dtype, shape }), at)
        }))
    }

    /// A variable that starts as `value`; declare it before the loop that changes it.
    #[track_caller]
    pub fn var(&self, value: Tile) -> Var {
        let at = Location::caller();
        Var(with(Some(at), |r| match r.ty(value.0).cloned() {
            Some(ty) => {
                let id = r.variable(ty, at);
                r.statement(Stmt::Set(id, value.0));
                id
            }
            None => tilewright_ir::VarId(u32::MAX),
        }))
    }

    /// A loop of the device over `range`: `for i in k.range(0, n) { ... }` records its body once.
    #[track_caller]
    pub fn range(&self, start: impl Operand, end: impl Operand) -> Range {
        self.range_step(start, end, 1)
    }

    /// A loop of the device over `start`, `start + step`, ... below `end`.
    #[track_caller]
    pub fn range_step(&self, start: impl Operand, end: impl Operand, step: usize) -> Range {
        let at = Location::caller();
        let (start, end) = (start.tile_of(DType::I32, at), end.tile_of(DType::I32, at));
        let [start, end] =
            [start, end].map(|bound| Tile(with(Some(at), |r| without_ones(r, bound.0, &[], at))));
        if step == 0 {
            with(Some(at), |r| r.mistake(at, "range: the step is at least 1"));
        }
        Range { start, end, step: step.max(1), index: POISON, state: LoopState::New, at }
    }

    /// Records `body` to run only where `condition`, a bool scalar, is true. For values prefer [`Tile::select`].
    #[track_caller]
    pub fn when(&self, condition: Tile, body: impl FnOnce()) {
        let at = Location::caller();
        with(Some(at), |r| r.blocks.push(Vec::new()));
        body();
        with(Some(at), |r| {
            let body = r.blocks.pop().unwrap_or_default();
            let condition = without_ones(r, condition.0, &[], at);
            if condition != POISON {
                r.statement(Stmt::When { condition, body });
            }
        });
    }
}

/// A loop of the device, as an iterator that yields its index once.
#[derive(Debug)]
pub struct Range {
    start: Tile,
    end: Tile,
    step: usize,
    index: tilewright_ir::ExprId,
    state: LoopState,
    at: At,
}

#[derive(Debug, PartialEq)]
enum LoopState {
    New,
    Open,
    Closed,
}

impl Iterator for Range {
    type Item = Tile;

    fn next(&mut self) -> Option<Tile> {
        with(Some(self.at), |r| match self.state {
            LoopState::New => {
                self.state = LoopState::Open;
                let hint = Type { dtype: DType::I32, shape: vec![] };
                self.index = r.emit_as(ExprKind::LoopIndex, Some(hint), self.at, false);
                r.blocks.push(Vec::new());
                Some(Tile(self.index))
            }
            LoopState::Open => {
                self.state = LoopState::Closed;
                let body = r.blocks.pop().unwrap_or_default();
                let (index, start, end, step) = (self.index, self.start.0, self.end.0, self.step);
                if start != POISON && end != POISON && index != POISON {
                    r.statement(Stmt::For { index, start, end, step, body });
                }
                None
            }
            LoopState::Closed => None,
        })
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // An unwinding author's function is not a second mistake.
        if self.state == LoopState::Open && !std::thread::panicking() {
            with(Some(self.at), |r| {
                r.blocks.pop();
                r.mistake(
                    self.at,
                    "a device loop was left by `break` or `return`; it must run to its end",
                );
            });
        }
    }
}
