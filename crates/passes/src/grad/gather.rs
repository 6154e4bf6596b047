//! The programs around the first stage: zeros before it, sums of partial results and of scattered rows after it.

use super::places::Residue;
use super::stage::declare;
use crate::emit::Emitter;
use tilewright_ir::infer::place_type;
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, Dim, DimId, DimRule, ExprId, ExprKind, Extent, GridAxis,
    ParamId, ParamKind, Place, Program, ReduceOp, Shape, VarId,
};

/// Columns of a gradient that one program of a later stage sums. A multiple of what a GPU's programs and a CPU's
/// cache lines take, and few enough that a row of a few thousand occupies a device.
const COLUMNS: usize = 256;

/// Columns of a gradient that one program adds partial results of: a few, so that there are many programs. On an H100
/// 16 or 8 of them make no difference (65536 rows of 2048 in bf16: layernorm 0.300 for 0.302 ms, rmsnorm 0.295 for 0.293), and on
/// an H200 a prototype adds 1024 partial results in 4.2 us by 16, in 5.1 by 32 and in 4.6 by 8.
const SUMMED_COLUMNS: usize = 16;

/// Partial results that are added side by side before these are added up: as many loads are in flight at once.
const SIDE_BY_SIDE: usize = 512;

/// The same for matrices of weights, whose size is not known beforehand: their elements are work enough for a device,
/// there are few partial results of something so large, and a place beside them that holds none costs as much as one that
/// does. On two threads of a Zen 4 the gradient of matvec, 4096 x 4096 and one row, took 1,380 ms with 256, and 19 so.
const FEW_SIDE_BY_SIDE: usize = 4;

/// Axes that a grid has.
pub(super) const OWN: usize = 3;

/// A gradient that later programs finish.
#[derive(Clone)]
pub(super) struct Target {
    /// The kernel that is differentiated.
    pub kernel: String,
    pub name: String,
    pub dtype: DType,
    pub shape: Shape,
    pub leading: bool,
}

impl Target {
    /// The gradient of an input.
    pub fn of(program: &Program, input: usize) -> Target {
        let (kernel, name) = (program.name.clone(), super::gradient_name(program, input));
        let (dtype, shape, leading) = match &program.params[input].kind {
            ParamKind::Tensor { dtype, shape, leading, .. } => (*dtype, shape.clone(), *leading),
            ParamKind::Scalar { dtype, .. } => (*dtype, Vec::new(), false),
        };
        Target { kernel, name, dtype, shape, leading }
    }

    /// It as a parameter.
    pub fn kind(&self, access: Access) -> ParamKind {
        ParamKind::Tensor {
            dtype: self.dtype,
            shape: self.shape.clone(),
            leading: self.leading,
            access,
        }
    }

    /// An empty program with the sizes and parameters of `stage`, all of them inputs, on a grid of its own.
    pub fn program(&self, stage: &Program, what: &str, grid: Vec<GridAxis>) -> Emitter {
        let mut out = Emitter::like(stage);
        out.program.vars.clear();
        out.program.grid = grid;
        out.program.name = format!("{}_grad_{what}", self.kernel);
        for param in &mut out.program.params {
            if let ParamKind::Tensor { access, .. } = &mut param.kind {
                *access = Access::In;
            }
        }
        out.program.params.retain(|p| p.name != self.name);
        out
    }

    /// A grid of the first axes, up to [`OWN`] of them but not the last: a row is one tile.
    pub fn rows(&self) -> Vec<GridAxis> {
        let own = self.shape.len().saturating_sub(1).min(OWN);
        self.shape[..own].iter().map(|&extent| GridAxis { extent, block: 1 }).collect()
    }

    /// Where the row of a program of that grid lies.
    fn row_axes(&self, out: &mut Emitter) -> Vec<Axis> {
        let own = out.program.grid.len();
        (0..self.shape.len())
            .map(|axis| match axis < own {
                true => Axis::At(out.program_index(axis)),
                false => Axis::All,
            })
            .collect()
    }

    /// A program that fills a tensor of this shape with zeros.
    pub fn zeros(&self, stage: &Program, name: &str, dtype: DType) -> Program {
        let mut out = self.program(stage, &format!("zero_{name}"), self.rows());
        let kind = ParamKind::Tensor {
            dtype,
            shape: self.shape.clone(),
            leading: self.leading,
            access: Access::Out,
        };
        let param = declare(&mut out.program, name.into(), kind);
        let axes = self.row_axes(&mut out);
        let zero = out.constant(dtype, 0.0);
        out.store(Place { param, axes }, zero);
        // Only literals, indices and one store: nothing here can fail to type.
        out.finish().unwrap_or_default()
    }

    /// Programs that add scattered adjoints where they belong, in the order of the programs that made them; and the
    /// names of the temporaries between them.
    pub fn add_scattered(
        &self,
        stage: &Program,
        scattered: &[Scattered],
    ) -> Result<(Vec<Program>, Vec<String>), String> {
        if let Some(program) = self.sum_residues(stage, scattered)? {
            return Ok((vec![program], Vec::new()));
        }
        let wide = super::adjoint::Sweep::dtype(self.dtype);
        // Sums are kept in the wide type: narrow ones would round at every step.
        let sum = match self.dtype == wide {
            true => self.name.clone(),
            false => format!("sum_{}", self.name),
        };
        let mut programs = vec![self.zeros(stage, &sum, wide)];
        let rank = self.shape.len();
        // Programs may share the work along the last axis when every adjoint has all of it.
        let split =
            rank > 0 && scattered.iter().all(|s| matches!(s.axes.last(), Some(Position::All)));
        let grid = match split {
            true => vec![GridAxis { extent: self.shape[rank - 1], block: COLUMNS }],
            false => Vec::new(),
        };
        let mut out = self.program(stage, &format!("scatter_{}", self.name), grid);
        let kind = ParamKind::Tensor {
            dtype: wide,
            shape: self.shape.clone(),
            leading: self.leading,
            access: Access::InOut,
        };
        let param = declare(&mut out.program, sum.clone(), kind);
        for one in scattered {
            one.add(&mut out, param, split)?;
        }
        if !scattered.is_empty() {
            programs.push(out.finish()?);
        }
        if self.dtype == wide {
            return Ok((programs, Vec::new()));
        }
        programs.push(self.convert(stage, &sum, wide)?);
        Ok((programs, vec![sum]))
    }

    /// A program that gives each row the sum of the adjoints of the programs whose numbers leave it as their remainder; `None` where
    /// not all of them are of such programs, each for a whole row.
    fn sum_residues(
        &self,
        stage: &Program,
        scattered: &[Scattered],
    ) -> Result<Option<Program>, String> {
        let rows = |one: &Scattered| match &one.axes[..] {
            [Position::Residue(residue), rest @ ..] if !rest.is_empty() => {
                let whole = rest.iter().all(|position| matches!(position, Position::All));
                (whole && one.counts.len() == 1 && residue.period == self.shape[0])
                    .then_some((*residue, one.counts[0]))
            }
            _ => None,
        };
        let rows: Option<Vec<(Residue, Extent)>> = scattered.iter().map(rows).collect();
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { return Ok(None) };
        let mut out = self.program(stage, &format!("sum_{}", self.name), self.rows());
        let param = declare(&mut out.program, self.name.clone(), self.kind(Access::Out));
        let place = Place { param, axes: self.row_axes(&mut out) };
        let tile = place_type(&out.program, &place)?.shape;
        let zero = out.constant(super::adjoint::Sweep::dtype(self.dtype), 0.0);
        let zeros = out.broadcast(zero, &tile);
        let sum = out.variable(self.name.clone(), zeros);
        let (first, start) = (out.program_index(0), out.index(0));
        for (one, (residue, count)) in scattered.iter().zip(rows) {
            let values = out.program.find_param(&one.values);
            let values = values.ok_or_else(|| format!("`{}` is lost", one.values))?;
            let count = out.size(count);
            let end = residue.turns(&mut out, first, count);
            let turn = out.begin_loop("turn");
            let mut axes = place.axes.clone();
            axes[0] = Axis::At(residue.number(&mut out, first, turn));
            let value = out.load(Place { param: values, axes });
            let before = out.get(sum);
            let value = out.cast(value, out.ty(before).dtype);
            let after = out.add(before, value);
            out.set(sum, after);
            out.end_loop(turn, start, end);
        }
        let total = out.get(sum);
        out.store(place, total);
        out.finish().map(Some)
    }

    /// A program that converts a sum in the wide type to the gradient's.
    fn convert(&self, stage: &Program, sum: &str, wide: DType) -> Result<Program, String> {
        let mut out = self.program(stage, &format!("round_{}", self.name), self.rows());
        let kind = ParamKind::Tensor {
            dtype: wide,
            shape: self.shape.clone(),
            leading: self.leading,
            access: Access::In,
        };
        let from = declare(&mut out.program, sum.into(), kind);
        let to = declare(&mut out.program, self.name.clone(), self.kind(Access::Out));
        let axes = self.row_axes(&mut out);
        let value = out.load(Place { param: from, axes: axes.clone() });
        out.store(Place { param: to, axes }, value);
        out.finish()
    }
}

/// A program that adds partial results along their first `lead` axes, in an order that the sizes alone decide. The
/// gradients have one shape; each comes with its partial results.
///
/// Several such axes count as one. Along it [`SIDE_BY_SIDE`] partial results (of matrices [`FEW_SIDE_BY_SIDE`]) are added
/// side by side, one loop for all, and their sums at the end: a loop over single ones would wait for memory at each.
pub(super) fn sum_partials(
    stage: &Program,
    gradients: &[(&Target, ParamId)],
    lead: usize,
) -> Result<Program, String> {
    let Some((target, first_partial)) = gradients.first() else {
        return Err("there are no partial sums".into());
    };
    let counts = match &stage.param(*first_partial).kind {
        ParamKind::Tensor { shape, .. } => shape[..lead].to_vec(),
        ParamKind::Scalar { .. } => Vec::new(),
    };
    let Some(&side) = counts.last() else {
        return Err("partial sums along no axis".into());
    };
    let rank = target.shape.len();
    // Up to two outer axes and blocks of the last one.
    let first = rank.saturating_sub(3);
    let unknown = |n: &Extent| n.constant().is_none();
    let matrix = !target.leading && rank > 1 && target.shape[first..rank - 1].iter().any(unknown);
    let (side_by_side, columns) = match matrix {
        true => (FEW_SIDE_BY_SIDE, COLUMNS),
        false => (SIDE_BY_SIDE, SUMMED_COLUMNS),
    };
    let block = |axis| if axis + 1 == rank { columns } else { 1 };
    let grid =
        (first..rank).map(|axis| GridAxis { extent: target.shape[axis], block: block(axis) });
    let mut out = target.program(stage, "sum", grid.collect());
    let names: Vec<&String> = gradients.iter().map(|(target, _)| &target.name).collect();
    out.program.params.retain(|p| !names.contains(&&p.name));
    let mut axes = vec![Axis::All; rank];
    for (grid, (axis, &extent)) in axes[first..].iter_mut().zip(&target.shape[first..]).enumerate()
    {
        let index = out.program_index(grid);
        *axis = match first + grid + 1 == rank {
            true => block_of(&mut out, index, extent, columns),
            false => Axis::At(index),
        };
    }
    let start = out.index(0);
    let side = match lead {
        1 => side,
        _ => as_one_axis(&mut out.program, stage, gradients, lead),
    };
    let few = side.constant().is_some_and(|n| n <= side_by_side);
    let beside = if few { side } else { Extent::Const(side_by_side) };
    let sums = begin_sums(&mut out, stage, gradients, (&axes, Some(beside)))?;
    let chunk = (!few).then(|| {
        let (length, last) = (out.index(side_by_side), out.index(side_by_side - 1));
        let size = out.size(side);
        let rounded = out.add(size, last);
        let end = out.binary(BinaryOp::Div, rounded, length);
        let index = out.begin_loop("chunk");
        (index, end, out.mul(index, length))
    });
    let lead_axis = match chunk {
        None => Axis::All,
        // What lies beyond the end adds nothing.
        Some((.., start)) => Axis::Range { start, len: Extent::Const(side_by_side), step: 1 },
    };
    add_parts(&mut out, &sums, lead_axis);
    if let Some((index, end, _)) = chunk {
        out.end_loop(index, start, end);
    }
    for PartialSum { sum, place, .. } in sums {
        let tile = place_type(&out.program, &place)?.shape;
        let beside = out.get(sum);
        let value = out.reduce(ReduceOp::Sum, beside, 0);
        let value = out.reshape(value, tile);
        out.store(place, value);
    }
    out.finish()
}

/// A gradient that is the sum of partial results.
struct PartialSum {
    sum: VarId,
    partial: ParamId,
    place: Place,
}

/// Begins the sums of these gradients at `axes` with zeros, of so many partial results side by side, if any are.
fn begin_sums(
    out: &mut Emitter,
    stage: &Program,
    gradients: &[(&Target, ParamId)],
    (axes, beside): (&[Axis], Option<Extent>),
) -> Result<Vec<PartialSum>, String> {
    let begin = |(target, partial): &(&Target, ParamId)| {
        let param = declare(&mut out.program, target.name.clone(), target.kind(Access::Out));
        let place = Place { param, axes: axes.to_vec() };
        let tile = place_type(&out.program, &place)?.shape;
        let tile: Shape = beside.into_iter().chain(tile).collect();
        let zero = out.constant(super::adjoint::Sweep::dtype(target.dtype), 0.0);
        let zeros = out.broadcast(zero, &tile);
        let sum = out.variable(target.name.clone(), zeros);
        let name = &stage.param(*partial).name;
        let partial = out.program.find_param(name).ok_or_else(|| format!("`{name}` is lost"))?;
        Ok(PartialSum { sum, partial, place })
    };
    gradients.iter().map(begin).collect()
}

/// Adds to each sum its partial results at `lead`.
fn add_parts(out: &mut Emitter, sums: &[PartialSum], lead: Axis) {
    for PartialSum { sum, partial, place } in sums {
        let axes = std::iter::once(lead).chain(place.axes.iter().copied()).collect();
        let part = out.load(Place { param: *partial, axes });
        let before = out.get(*sum);
        let after = out.add(before, part);
        out.set(*sum, after);
    }
}

/// As [`sum_partials`], where what is summed is a table of which few partial results each were made: a program a row adds those
/// of its row one after the other.
pub(super) fn sum_tables(
    stage: &Program,
    gradients: &[(&Target, ParamId)],
    lead: usize,
) -> Result<Program, String> {
    let Some((target, first_partial)) = gradients.first() else {
        return Err("there are no partial sums".into());
    };
    let mut out = target.program(stage, "sum", target.rows());
    let names: Vec<&String> = gradients.iter().map(|(target, _)| &target.name).collect();
    out.program.params.retain(|p| !names.contains(&&p.name));
    let axes = target.row_axes(&mut out);
    let side = match (lead, &stage.param(*first_partial).kind) {
        (1, ParamKind::Tensor { shape, .. }) => shape[0],
        _ => as_one_axis(&mut out.program, stage, gradients, lead),
    };
    let sums = begin_sums(&mut out, stage, gradients, (&axes, None))?;
    let (start, end) = (out.index(0), out.size(side));
    let chunk = out.begin_loop("chunk");
    add_parts(&mut out, &sums, Axis::At(chunk));
    out.end_loop(chunk, start, end);
    for PartialSum { sum, place, .. } in sums {
        let value = out.get(sum);
        out.store(place, value);
    }
    out.finish()
}

/// Makes the first `lead` axes of all partial results one, and gives its extent: a size of its own, which they tell.
fn as_one_axis(
    program: &mut Program,
    stage: &Program,
    gradients: &[(&Target, ParamId)],
    lead: usize,
) -> Extent {
    let mut name = String::from("partials");
    while program.dims.iter().any(|dim| dim.name == name) {
        name.push('_');
    }
    let extent = Extent::Dim { dim: DimId(program.dims.len() as u32), times: 1 };
    program.dims.push(Dim { name, rule: DimRule::Free });
    for (_, partial) in gradients {
        let Some(param) = program.find_param(&stage.param(*partial).name) else { continue };
        let kind = &mut program.params[param.index()].kind;
        if let ParamKind::Tensor { shape, leading, .. } = kind {
            shape.splice(..lead, [extent]);
            *leading = true;
        }
    }
    extent
}

/// Block `index` of `columns` positions of an axis.
fn block_of(out: &mut Emitter, index: ExprId, extent: Extent, columns: usize) -> Axis {
    if extent.constant().is_some_and(|n| n <= columns) {
        return Axis::All;
    }
    let len = Extent::Const(columns);
    let columns = out.index(columns);
    let start = out.mul(index, columns);
    Axis::Range { start, len, step: 1 }
}

/// Adjoints that the first stage has stored with their positions.
pub(super) struct Scattered {
    /// The temporary or input that holds them: `[programs.., tile..]`.
    values: String,
    /// Programs along each grid axis of the forward program.
    counts: Vec<Extent>,
    /// For each axis of the input, where they belong.
    axes: Vec<Position>,
}

/// Where adjoints belong along one axis.
enum Position {
    /// The whole axis.
    All,
    /// The number of the program along this axis of the forward grid.
    Own(usize),
    /// The remainder of that number.
    Residue(Residue),
    /// One position, from a tensor `[programs..]`.
    At(String),
    /// A range whose start is in a tensor `[programs..]`.
    Range { start: String, len: Extent, step: usize },
    /// Positions from a tensor `[programs.., n]`.
    Gather(String, Extent),
}

impl Scattered {
    /// Stores the adjoint `value` of a load at `place` and its positions; also gives the names of the temporaries.
    pub fn store(
        out: &mut Emitter,
        name: &str,
        place: &Place,
        value: ExprId,
        programs: &[ExprId],
        counts: &[Extent],
    ) -> Result<(Scattered, Vec<String>), String> {
        let tile = place_type(&out.program, place)?.shape;
        let mut names = Vec::new();
        let mut keep = |out: &mut Emitter, name: String, value: ExprId, tile: &[Extent]| {
            let (name, made) = keep(out, name, value, tile, (programs, counts));
            names.extend(made);
            name
        };
        let values = keep(out, format!("scattered_{name}"), value, &tile);
        let own = |out: &Emitter, id: ExprId| {
            let is_it = |p: &ExprId| *p == id || is_one_program(out, [*p, id]);
            programs.iter().position(is_it)
        };
        // The numbers of the forward programs are those of these.
        let own_grid = programs.iter().all(|p| matches!(out.kind(*p), ExprKind::Program(_)));
        let mut axes = Vec::new();
        for (number, axis) in place.axes.iter().enumerate() {
            let at = format!("scattered_{name}_at_{number}");
            axes.push(match *axis {
                Axis::All => Position::All,
                Axis::At(id) => match own(out, id) {
                    Some(axis) => Position::Own(axis),
                    None => match Residue::of(&out.program, id) {
                        Some(residue) if own_grid => Position::Residue(residue),
                        _ => Position::At(keep(out, at, id, &[])),
                    },
                },
                Axis::Range { start, len, step } => {
                    Position::Range { start: keep(out, at, start, &[]), len, step }
                }
                Axis::Gather(id) => {
                    let shape = out.shape(id).to_vec();
                    Position::Gather(keep(out, at, id, &shape), shape[0])
                }
            });
        }
        Ok((Scattered { values, counts: counts.to_vec(), axes }, names))
    }

    /// Adds the adjoints to `sum`, those of one program after those of another.
    fn add(&self, out: &mut Emitter, sum: ParamId, split: bool) -> Result<(), String> {
        let find = |out: &Emitter, name: &str| {
            out.program.find_param(name).ok_or_else(|| format!("`{name}` is lost"))
        };
        let start = out.index(0);
        let mut loops = Vec::new();
        let begin = |out: &mut Emitter, count: Extent, loops: &mut Vec<(ExprId, ExprId)>| {
            let end = out.size(count);
            let index = out.begin_loop("i");
            loops.push((index, end));
            index
        };
        let mut programs = Vec::new();
        for &count in &self.counts {
            programs.push(Axis::At(begin(out, count, &mut loops)));
        }
        let (mut to, mut from) = (Vec::new(), programs.clone());
        for (number, position) in self.axes.iter().enumerate() {
            let last = number + 1 == self.axes.len();
            match position {
                Position::All if last && split => {
                    let index = out.program_index(0);
                    let ParamKind::Tensor { shape, .. } = &out.program.param(sum).kind else {
                        return Err("a sum that is no tensor".into());
                    };
                    let block = block_of(out, index, shape[number], COLUMNS);
                    to.push(block);
                    from.push(block);
                }
                Position::All => {
                    to.push(Axis::All);
                    from.push(Axis::All);
                }
                Position::Own(axis) => to.push(programs[*axis]),
                Position::Residue(residue) => {
                    let (number, _) = loops[residue.grid];
                    let period = out.size(residue.period);
                    to.push(Axis::At(out.binary(BinaryOp::Rem, number, period)));
                }
                Position::At(name) => {
                    let param = find(out, name)?;
                    let index = out.load(Place { param, axes: programs.clone() });
                    let index = out.cast(index, DType::I32);
                    to.push(Axis::At(index));
                }
                Position::Range { start, len, step } => {
                    let param = find(out, start)?;
                    let start = out.load(Place { param, axes: programs.clone() });
                    let start = out.cast(start, DType::I32);
                    to.push(Axis::Range { start, len: *len, step: *step });
                    from.push(Axis::All);
                }
                Position::Gather(name, count) => {
                    let param = find(out, name)?;
                    let j = begin(out, *count, &mut loops);
                    let axes = programs.iter().copied().chain([Axis::At(j)]).collect();
                    let index = out.load(Place { param, axes });
                    let index = out.cast(index, DType::I32);
                    to.push(Axis::At(index));
                    from.push(Axis::At(j));
                }
            }
        }
        let param = find(out, &self.values)?;
        let value = out.load(Place { param, axes: from });
        let place = Place { param: sum, axes: to };
        let before = out.load(place.clone());
        let value = out.cast(value, out.ty(before).dtype);
        let after = out.add(before, value);
        out.store(place, after);
        for (index, end) in loops.into_iter().rev() {
            out.end_loop(index, start, end);
        }
        Ok(())
    }
}

/// True for two that are the program's number along one axis of the grid.
fn is_one_program(out: &Emitter, [a, b]: [ExprId; 2]) -> bool {
    matches!((out.kind(a), out.kind(b)), (ExprKind::Program(a), ExprKind::Program(b)) if a == b)
}

/// Keeps a `tile` of each of so many programs for a later program: the name of the temporary, or input, that has them,
/// and that of the temporary that was made for it.
pub(super) fn keep(
    out: &mut Emitter,
    name: String,
    value: ExprId,
    tile: &[Extent],
    (programs, counts): (&[ExprId], &[Extent]),
) -> (String, Option<String>) {
    let shape: Shape = counts.iter().chain(tile).copied().collect();
    if let Some(held) = held(out, value, programs, &shape) {
        return (held, None);
    }
    let dtype = out.ty(value).dtype;
    let kind = ParamKind::Tensor { dtype, shape, leading: false, access: Access::Out };
    let param = declare(&mut out.program, name.clone(), kind);
    let mut axes: Vec<Axis> = programs.iter().map(|&index| Axis::At(index)).collect();
    axes.extend(tile.iter().map(|_| Axis::All));
    out.store(Place { param, axes }, value);
    (name.clone(), Some(name))
}

/// The input that already holds what a temporary of `value` would: each program has loaded its own part of it.
fn held(out: &Emitter, value: ExprId, programs: &[ExprId], shape: &[Extent]) -> Option<String> {
    // The later program repeats the conversion.
    let loaded = match *out.kind(value) {
        ExprKind::Cast(a) => a,
        _ => value,
    };
    let ExprKind::Load { place, .. } = out.kind(loaded) else { return None };
    let param = out.program.param(place.param);
    let ParamKind::Tensor { shape: held, access: Access::In, .. } = &param.kind else {
        return None;
    };
    let own = place.axes.iter().enumerate().all(|(i, axis)| match programs.get(i) {
        Some(&index) => *axis == Axis::At(index),
        None => *axis == Axis::All,
    });
    (own && *held == shape).then(|| param.name.clone())
}
