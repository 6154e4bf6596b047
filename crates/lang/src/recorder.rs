//! The recording in progress: one a thread, reached by every [`crate::Tile`] through a thread-local.
//!
//! Invariant: a mistake never panics. It is noted with its place, the operation yields the poison tile, and
//! operations on poison are silent, so that one mistake gives one message.

use std::cell::RefCell;
use std::panic::Location as Caller;
use tilewright_ir::infer::infer;
use tilewright_ir::{
    Axis, DType, Dim, Expr, ExprId, ExprKind, Extent, GridAxis, Literal, Location, Place, Program,
    Shape, Stmt, Type, VarId,
};

/// The author's place in their source.
pub(crate) type At = &'static Caller<'static>;

/// The id of every value that a mistake made meaningless.
pub(crate) const POISON: ExprId = ExprId(u32::MAX);

/// More expressions than this means a Rust loop that should have been a device loop.
const UNROLLED_LIMIT: usize = 32_768;

/// One thing wrong with a recording.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mistake {
    pub text: String,
    pub at: Option<Location>,
}

/// Everything that was wrong with a recording, each with its place in the author's source.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordError {
    pub(crate) kernel: String,
    pub(crate) mistakes: Vec<Mistake>,
}

impl RecordError {
    /// The messages, without their places.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.mistakes.iter().map(|m| m.text.as_str())
    }
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}kernel `{}`: {}", self.kernel, mistake.text)?;
            if let Some(at) = &mistake.at {
                write!(f, "\n  --> {at}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for RecordError {}

impl From<RecordError> for tilewright_ir::Error {
    fn from(error: RecordError) -> Self {
        tilewright_ir::Error::usage(error.to_string())
    }
}

/// A view under construction: which elements of a parameter.
#[derive(Clone)]
pub(crate) struct ViewData {
    pub place: Place,
}

pub(crate) struct Recorder {
    pub program: Program,
    /// Grid axes in order of `k.program()` calls; `None` until a use tells the extent.
    pub grid: Vec<Option<GridAxis>>,
    /// Open blocks, outermost first.
    pub blocks: Vec<Vec<Stmt>>,
    pub views: Vec<ViewData>,
    pub mistakes: Vec<Mistake>,
    /// The place of all that is recorded now, when it is not the caller's own.
    place: Option<At>,
    unrolled_noted: bool,
}

thread_local! {
    /// A stack, since a build function may itself record another kernel.
    static RECORDERS: RefCell<Vec<Recorder>> = const { RefCell::new(Vec::new()) };
}

/// Removes the recorder even if the author's function panics.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        RECORDERS.with_borrow_mut(|stack| stack.pop());
    }
}

/// Runs `build` with `program` as the recording in progress and returns what it became.
pub(crate) fn recording(program: Program, build: impl FnOnce()) -> Result<Program, RecordError> {
    let kernel = program.name.clone();
    RECORDERS.with_borrow_mut(|stack| stack.push(Recorder::new(program)));
    let guard = Guard;
    build();
    let (program, mistakes) = with(None, |r| r.finish());
    drop(guard);
    if mistakes.is_empty() { Ok(program) } else { Err(RecordError { kernel, mistakes }) }
}

/// Runs `f` on the recording in progress.
///
/// # Panics
/// With no recording in progress: a tile was used outside the function that recorded it. That is an error of the
/// Rust program, like indexing past the end, and cannot come from data.
pub(crate) fn with<R>(at: Option<At>, f: impl FnOnce(&mut Recorder) -> R) -> R {
    RECORDERS.with_borrow_mut(|stack| match stack.last_mut() {
        Some(recorder) => f(recorder),
        None => panic!(
            "a Tile or View was used outside of its recording{}",
            at.map(|a| format!(" at {a}")).unwrap_or_default()
        ),
    })
}

/// Runs `f`; all that it records has the place `at`. For what an author's line makes at a distance: a formula.
pub(crate) fn placed<R>(at: At, f: impl FnOnce() -> R) -> R {
    let outer = with(Some(at), |r| r.place.replace(at));
    let result = f();
    with(Some(at), |r| r.place = outer);
    result
}

impl Recorder {
    fn new(program: Program) -> Self {
        Recorder {
            program,
            grid: Vec::new(),
            blocks: vec![Vec::new()],
            views: Vec::new(),
            mistakes: Vec::new(),
            place: None,
            unrolled_noted: false,
        }
    }

    fn finish(&mut self) -> (Program, Vec<Mistake>) {
        let mut program = std::mem::take(&mut self.program);
        let mut mistakes = std::mem::take(&mut self.mistakes);
        program.body = self.blocks.drain(..).next().unwrap_or_default();
        for (axis, grid) in self.grid.iter().enumerate() {
            match grid {
                Some(grid) => program.grid.push(*grid),
                None => mistakes.push(Mistake {
                    text: format!(
                        "program axis {axis} is never used to pick a row, so its number is unknown; \
                         use `k.programs(size)`"
                    ),
                    at: None,
                }),
            }
        }
        if mistakes.is_empty()
            && let Err(found) = tilewright_ir::validate::validate(&program)
        {
            mistakes.extend(found.into_iter().map(|m| Mistake { text: m.text, at: m.at }));
        }
        (program, mistakes)
    }

    /// Notes a mistake and gives the poison value.
    pub fn mistake(&mut self, at: At, text: impl Into<String>) -> ExprId {
        let at = self.place.unwrap_or(at);
        self.mistakes.push(Mistake { text: text.into(), at: Some(at.into()) });
        POISON
    }

    /// Appends a statement to the innermost open block.
    pub fn statement(&mut self, statement: Stmt) {
        if let Some(block) = self.blocks.last_mut() {
            block.push(statement);
        }
    }

    /// Records an expression whose type follows from its operands and `hint`, and its `Let`.
    pub fn emit(&mut self, kind: ExprKind, hint: Option<Type>, at: At) -> ExprId {
        self.emit_as(kind, hint, at, true)
    }

    /// As [`emit`](Self::emit); without `bound` the expression gets no `Let` (loop indices, arguments).
    pub fn emit_as(&mut self, kind: ExprKind, hint: Option<Type>, at: At, bound: bool) -> ExprId {
        let mut poisoned = false;
        kind.operands(|id| poisoned |= id == POISON);
        if poisoned {
            return POISON;
        }
        let ty = match infer(&self.program, &kind, hint.as_ref()) {
            Ok(ty) => ty,
            Err(text) => return self.mistake(at, text),
        };
        if self.program.exprs.len() >= UNROLLED_LIMIT {
            if !self.unrolled_noted {
                self.unrolled_noted = true;
                self.mistake(
                    at,
                    format!("{UNROLLED_LIMIT} ops unrolled here; did you mean `k.range`?"),
                );
            }
            return POISON;
        }
        let at = self.place.unwrap_or(at).into();
        self.program.exprs.push(Expr { kind, ty, at: Some(at), name: None });
        let id = ExprId(self.program.exprs.len() as u32 - 1);
        if bound {
            self.statement(Stmt::Let(id));
        }
        id
    }

    /// A scalar literal of `dtype`.
    pub fn literal(&mut self, value: f64, dtype: DType, at: At) -> ExprId {
        let literal = match dtype {
            DType::Bool => Literal::Bool(value != 0.0),
            d if d.is_int() => {
                if value.fract() != 0.0 || d.round(value) != value {
                    return self.mistake(at, format!("the literal {value} is not a value of {d}"));
                }
                Literal::Int(value as i64)
            }
            _ => Literal::Float(value),
        };
        self.emit(ExprKind::Const(literal), Some(Type { dtype, shape: vec![] }), at)
    }

    pub fn ty(&self, id: ExprId) -> Option<&Type> {
        self.program.exprs.get(id.index()).map(|e| &e.ty)
    }

    pub fn dtype(&self, id: ExprId) -> DType {
        self.ty(id).map_or(DType::F32, |t| t.dtype)
    }

    pub fn shape(&self, id: ExprId) -> Shape {
        self.ty(id).map(|t| t.shape.clone()).unwrap_or_default()
    }

    /// When `index` is a program index whose number is still unknown, it is the `extent` that it picks from.
    ///
    /// Gives the extent of that program axis if it is another one, which is a mistake of the author.
    pub fn tell_grid(&mut self, index: ExprId, extent: Extent) -> Option<Extent> {
        let ExprKind::Program(axis) = self.program.exprs.get(index.index())?.kind else {
            return None;
        };
        match self.grid.get_mut(axis)? {
            slot @ None => {
                *slot = Some(GridAxis { extent, block: 1 });
                None
            }
            Some(known) => (known.block == 1 && known.extent != extent).then_some(known.extent),
        }
    }

    /// The named size, made on first use.
    pub fn dim(&mut self, name: &str) -> tilewright_ir::DimId {
        let dims = &mut self.program.dims;
        let at = dims.iter().position(|d| d.name == name).unwrap_or_else(|| {
            dims.push(Dim { name: name.into(), rule: tilewright_ir::DimRule::Free });
            dims.len() - 1
        });
        tilewright_ir::DimId(at as u32)
    }

    pub fn variable(&mut self, ty: Type, at: At) -> VarId {
        self.program.vars.push(tilewright_ir::Variable { ty, at: Some(at.into()), name: None });
        VarId(self.program.vars.len() as u32 - 1)
    }

    /// The first axis of the view that is still whole, and its extent.
    pub fn open_axis(&self, place: &Place, from_end: usize) -> Option<(usize, Extent)> {
        let tilewright_ir::ParamKind::Tensor { shape, .. } = &self.program.param(place.param).kind
        else {
            return None;
        };
        let mut open =
            place.axes.iter().zip(shape).enumerate().filter(|(_, (a, _))| matches!(a, Axis::All));
        let found = if from_end > 0 { open.nth_back(from_end - 1) } else { open.next() };
        found.map(|(i, (_, extent))| (i, *extent))
    }
}
