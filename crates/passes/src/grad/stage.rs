//! The first stage of a gradient: what it stores where, on which grid, and the programs around it.
//!
//! Without shared inputs it runs on the forward program's grid. With them, one grid axis counts chunks of
//! [`CHUNK`] programs of the forward grid instead; a loop inside goes through the chunk and adds up what the shared
//! inputs get, while everything else is stored as it comes, so that every input is read once.

use super::adjoint::Sweep;
use super::gather::{Scattered, Target, sum_partials, sum_tables};
use super::kept::Kept;
use super::straight::Straight;
use super::walk::Walk;
use super::windows::Windowed;
use super::{Backward, GradError, Group, Member, Residue, Sharing, cotangent_name};
use crate::emit::Emitter;
use tilewright_ir::{
    Access, BinaryOp, Dim, DimId, DimRule, ExprId, ExprKind, Extent, GridAxis, Param, ParamId,
    ParamKind, Program, Stmt, TernaryOp, VarId,
};

/// Programs of the forward grid that one program of a two-stage reduction adds up. Fixed, so that the sum depends
/// on the shapes alone; small enough that a few thousand rows occupy a GPU, large enough that the partial sums are a
/// small part of what is read. On an H100, layernorm of 2048 columns in bf16: with 128, 65536 rows take 0.293 ms for
/// 0.302, but 8192 rows 0.124 for 0.073.
const CHUNK: usize = 64;

/// The most programs of such a reduction: as many groups of 128 threads as an H100 or H200 holds at once, nearly. Of more rows each
/// adds up more, so that partial sums stay a small part of what is read and written. On an H200, gradients of 65536 rows of 2048
/// in bf16 with 1024 and with 512: rmsnorm 0.218 and 0.215 ms, layernorm 0.224 and 0.216, add_layernorm 0.368 and 0.346.
const MOST_CHUNKS: usize = 512;

/// The most programs of one remainder that one program adds up: few enough that a table of some thousand rows occupies a device,
/// so many that the row of partial sums that each chunk stores is little beside the rows that it reads. On an H200 the gradient of
/// apply_rope, 65536 rows of 128 in f32 at 2048 positions, takes 0.032 ms, and took 0.464 by a search through all positions.
const RESIDUE_CHUNK: usize = 16;

/// The most rows that a program reads in a turn and sums that it carries, for that.
const MOST_HELD: usize = 5;

/// The most bytes of an element of each row that a map reads, for that.
const MOST_OF_MAPS: usize = 8;

/// The same of programs that search their rows. On an H200 4096 tokens took 0.16 ms by 64 programs with the gradient of a bias,
/// 0.009 without.
const SEARCHED_CHUNK: usize = 16;

/// True for random words.
fn draws(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Ternary(TernaryOp::Philox, _))
}

/// One first-stage program in the making.
pub(super) struct Stage<'a> {
    pub forward: &'a Straight,
    /// The outputs that have cotangents.
    pub outputs: &'a [usize],
    pub group: &'a Group,
    /// Which of the first-stage programs this is.
    pub number: usize,
    /// What the first of them stores for the others.
    pub kept: &'a [Kept],
}

/// How the adjoints of one input leave the first stage.
pub(super) enum Sink {
    /// Stored where they were read.
    Own(ParamId),
    /// Added to variables (one for each load), whose final values are stored at their places in the partial sums.
    Shared { partial: ParamId, sums: Vec<(ExprId, VarId)> },
    /// Stored as they come, for a later program that reads them at the same shifts back.
    Windows(Vec<Windowed>),
    /// Stored with their positions, for a later program to add up.
    Scattered(Vec<Scattered>),
}

/// The programs of the first stage, seen from those of the forward program.
pub(super) struct Grid {
    /// Programs along each axis of the forward grid.
    pub counts: Vec<Extent>,
    /// The axis that counts chunks.
    pub chunked: Option<usize>,
    /// Programs of the forward grid in a chunk; `None` where that follows from how many there are.
    pub chunk: Option<usize>,
}

impl Stage<'_> {
    /// Emits the first stage and the programs that go before and after it.
    pub fn emit(&self, backward: &mut Backward) -> Result<(), GradError> {
        let source = &self.forward.program;
        let fail = |what: String| GradError::new(source, what, None);
        let mut out = Emitter::like(source);
        out.program.vars.clear();
        out.program.name = match self.number {
            0 => format!("{}_grad", source.name),
            n => format!("{}_grad_{}", source.name, n + 1),
        };
        let cotangents = declare_cotangents(&mut out.program);
        let grid = self.grid(&mut out.program)?;
        let targets: Vec<Target> =
            self.group.members.iter().map(|m| Target::of(source, m.input)).collect();
        let mut sinks = Vec::new();
        for (member, target) in self.group.members.iter().zip(&targets) {
            sinks.push(self.sink(&mut out, member, target, &grid, backward));
        }
        let access = if self.number == 0 { Access::Out } else { Access::In };
        let mut kept = Vec::new();
        for value in self.kept {
            let name = value.target.name.clone();
            kept.push(declare(&mut out.program, name.clone(), value.target.kind(access)));
            if self.number == 0 {
                backward.temporaries.push(name);
            }
        }
        let walk = Walk { stage: self, grid: &grid, cotangents: &cotangents, kept: &kept };
        backward.temporaries.extend(walk.emit(&mut out, &mut sinks)?);
        let program = out.finish().map_err(fail)?;
        let stage = program.clone();
        // What is scattered may need nothing but the inputs.
        if stores(&program.body) {
            backward.programs.push(program);
        }
        self.finish(&stage, &targets, &sinks, backward).map_err(fail)
    }

    /// Puts the grid of the first stage in place.
    fn grid(&self, program: &mut Program) -> Result<Grid, GradError> {
        let forward = &self.forward.program;
        let count = |axis: &GridAxis| match axis.block {
            1 => Some(axis.extent),
            block => quotient(program, axis.extent, block, None),
        };
        let counts: Option<Vec<Extent>> = forward.grid.iter().map(count).collect();
        let counts = counts.ok_or_else(|| {
            let what = "a grid whose blocks do not divide a multiple of a size";
            GradError::new(forward, what, None)
        })?;
        let mut chunk = self.chunk();
        let mut grid = Grid { counts, chunked: self.group.along.last().copied(), chunk: None };
        if let Some(Residue { grid: axis, period }) = self.group.residue {
            let turns = chunk.min(RESIDUE_CHUNK);
            let chunks = turns_in_chunks(program, grid.counts[axis], period, turns);
            let chunks = chunks.ok_or_else(|| {
                GradError::new(forward, "a grid axis that cannot be divided into chunks", None)
            })?;
            program.grid[axis] = GridAxis { extent: chunks, block: 1 };
            program.grid.push(GridAxis { extent: period, block: 1 });
            (grid.chunked, grid.chunk) = (Some(axis), Some(turns));
        } else if let Some(axis) = grid.chunked {
            let mut most =
                (chunk == CHUNK && (self.is_norm() || self.is_map())).then_some(MOST_CHUNKS);
            if let Extent::Dim { times, .. } = forward.grid[axis].extent {
                chunk *= times;
                most = most.filter(|_| times == 1);
            }
            most = most.filter(|_| matches!(grid.counts[axis], Extent::Dim { .. }));
            let chunks = quotient(program, grid.counts[axis], chunk, most).ok_or_else(|| {
                GradError::new(forward, "a grid axis that cannot be divided into chunks", None)
            })?;
            program.grid[axis] = GridAxis { extent: chunks, block: 1 };
            grid.chunk = most.is_none().then_some(chunk);
        }
        Ok(grid)
    }

    /// True for programs that reduce their rows and hold one weight and few rows beside them, four groups of which find room on a
    /// multiprocessor. Others are more or fewer, so that [`MOST_CHUNKS`] leave a part of them idle: on an H200, of 65536 rows of
    /// 2048 in bf16, sandwich_norm took 0.439 ms by 1024 programs and 0.543 by 512, layernorm_residual 0.422 and 0.480.
    fn is_norm(&self) -> bool {
        let program = &self.forward.program;
        let members = self.group.members.iter();
        let sums = members.filter(|member| member.is_summed());
        let summed: Vec<usize> = sums.map(|member| member.input).collect();
        let loaded = |id: ExprId, input: usize| match &program.expr(root(program, id)).kind {
            ExprKind::Load { place, .. } => place.param.index() == input,
            _ => false,
        };
        let weighs = |input: usize| {
            self.has(|kind| match *kind {
                ExprKind::Binary(BinaryOp::Mul, a, b) => loaded(a, input) || loaded(b, input),
                _ => false,
            })
        };
        let mut rows: Vec<usize> = Vec::new();
        for expr in &program.exprs {
            if let ExprKind::Load { place, .. } = &expr.kind
                && !expr.ty.shape.is_empty()
                && !summed.contains(&place.param.index())
                && !rows.contains(&place.param.index())
            {
                rows.push(place.param.index());
            }
        }
        let held = rows.len() + self.outputs.len() + summed.len();
        self.has(|kind| matches!(kind, ExprKind::Reduce(..)))
            && !self.has(draws)
            && summed.iter().filter(|input| weighs(**input)).count() == 1
            && held <= MOST_HELD
    }

    /// True for maps of a few rows, of which as many groups find room too: on an H200, of 65536 rows of 2048 in bf16, the gradient
    /// of bias_silu takes 0.2056 ms by 1024 programs and 0.2035 by 512, bias_gelu_tanh 0.2114 and 0.2099, bias_geglu 0.3504 and
    /// 0.3477; but in f32 bias_geglu, whose threads hold more, 0.698 and 0.774.
    fn is_map(&self) -> bool {
        use ExprKind::*;
        let meets = |kind: &ExprKind| {
            matches!(kind, Reduce(..) | ReduceBy { .. } | ArgReduce { .. } | Dot(..))
                || matches!(kind, Scan { .. } | ScanBy { .. } | TopK { .. })
        };
        let program = &self.forward.program;
        let plain = |s: &Stmt| matches!(s, Stmt::Let(_) | Stmt::Store { .. });
        let rows = program.exprs.iter().filter(|e| {
            matches!(e.kind, Load { .. }) && e.ty.shape.iter().any(|e| *e != Extent::Const(1))
        });
        let bytes: usize = rows.map(|e| e.ty.dtype.size()).sum();
        let is_light = bytes <= MOST_OF_MAPS;
        is_light && program.body.iter().all(plain) && !self.has(meets) && !self.has(draws)
    }

    /// True where an expression of the forward program is of that kind.
    fn has(&self, of: impl Fn(&ExprKind) -> bool) -> bool {
        self.forward.program.exprs.iter().any(|e| of(&e.kind))
    }

    /// How many programs of the forward grid are added up by one.
    fn chunk(&self) -> usize {
        let members = || self.group.members.iter();
        let shared = |input: usize| members().any(|m| m.input == input && m.is_summed());
        chunk_of(&self.forward.program, shared)
    }

    /// Declares what the first stage stores for one input, zeroed before it where it does not store every element.
    fn sink(
        &self,
        out: &mut Emitter,
        member: &Member,
        target: &Target,
        grid: &Grid,
        backward: &mut Backward,
    ) -> Sink {
        let axes = match &member.sharing {
            Sharing::Along(axes) | Sharing::Residues(axes, _) => axes,
            Sharing::Windows => return Sink::Windows(Vec::new()),
            Sharing::Scattered => return Sink::Scattered(Vec::new()),
        };
        let stored = match axes.is_empty() {
            true => target.clone(),
            false => {
                let count = |&axis: &usize| match grid.chunked == Some(axis) {
                    true => out.program.grid[axis].extent,
                    false => grid.counts[axis],
                };
                Target {
                    name: format!("partial_{}", target.name),
                    dtype: Sweep::dtype(target.dtype),
                    shape: axes.iter().map(count).chain(target.shape.iter().copied()).collect(),
                    leading: false,
                    ..target.clone()
                }
            }
        };
        if !member.covered {
            backward.programs.push(stored.zeros(&out.program, &stored.name, stored.dtype));
        }
        let access = if member.covered { Access::Out } else { Access::InOut };
        let param = declare(&mut out.program, stored.name.clone(), stored.kind(access));
        match axes.is_empty() {
            true => Sink::Own(param),
            false => {
                backward.temporaries.push(stored.name);
                Sink::Shared { partial: param, sums: Vec::new() }
            }
        }
    }

    /// Adds the programs after the first stage.
    fn finish(
        &self,
        stage: &Program,
        targets: &[Target],
        sinks: &[Sink],
        backward: &mut Backward,
    ) -> Result<(), String> {
        let mut partials: Vec<(&Target, ParamId)> = Vec::new();
        for (target, sink) in targets.iter().zip(sinks) {
            match sink {
                Sink::Own(_) => {}
                Sink::Shared { partial, .. } => partials.push((target, *partial)),
                Sink::Windows(windowed) => {
                    backward.programs.push(target.add_windowed(stage, windowed)?);
                }
                Sink::Scattered(scattered) => {
                    let (programs, temporaries) = target.add_scattered(stage, scattered)?;
                    backward.programs.extend(programs);
                    backward.temporaries.extend(temporaries);
                }
            }
        }
        // Gradients of one shape are summed by one program.
        while let Some(&(first, _)) = partials.first() {
            let (alike, rest) = partials.into_iter().partition(|(t, _)| t.shape == first.shape);
            partials = rest;
            let lead = self.group.along.len();
            let mut program = match self.group.residue {
                Some(_) => sum_tables(stage, &alike, lead)?,
                None => sum_partials(stage, &alike, lead)?,
            };
            if !partials.is_empty() || self.number > 0 {
                program.name = format!("{}_{}", program.name, first.name);
            }
            backward.programs.push(program);
        }
        Ok(())
    }
}

/// How many programs of the forward grid are added up by one for the `shared` inputs. Fewer where each adds up a tile for itself:
/// its sum is then a small part of what it reads, and there are few programs. On an H200, depthwise_conv_3x3 of 4 x 112 x 112 x 64
/// in f32 took 0.995 ms by 8 programs of 64 rows each, and takes 0.142 by one a row. Fewer too where each row is searched for its
/// greatest elements, which takes long beside reading it.
pub(super) fn chunk_of(program: &Program, shared: impl Fn(usize) -> bool) -> usize {
    if program.exprs.iter().any(|e| matches!(e.kind, ExprKind::TopK { .. })) {
        return SEARCHED_CHUNK;
    }
    let has_dots = program.exprs.iter().any(|e| matches!(e.kind, ExprKind::Dot(..)));
    let long = |shape: &[Extent]| -> Vec<Extent> {
        shape.iter().copied().filter(|e| *e != Extent::Const(1)).collect()
    };
    let widest = program.exprs.iter().map(|e| long(&e.ty.shape)).max_by_key(Vec::len);
    let loads = program.exprs.iter().filter_map(|e| match &e.kind {
        ExprKind::Load { place, .. } if shared(place.param.index()) => Some(long(&e.ty.shape)),
        _ => None,
    });
    let loaded = loads.max_by_key(Vec::len);
    let (Some(widest), Some(loaded), false) = (widest, loaded, has_dots) else { return CHUNK };
    if !widest.ends_with(&loaded) {
        return CHUNK;
    }
    // What is not known is taken to be long.
    let added = &widest[..widest.len() - loaded.len()];
    let added = added.iter().map(|e| e.constant().unwrap_or(CHUNK));
    (CHUNK / added.product::<usize>().clamp(1, CHUNK)).max(1)
}

/// What was cast, made longer or given another shape to be `id`.
pub(super) fn root(program: &Program, id: ExprId) -> ExprId {
    match program.expr(id).kind {
        ExprKind::Cast(of) | ExprKind::Broadcast(of) | ExprKind::Reshape(of) => root(program, of),
        _ => id,
    }
}

/// True when a block writes to memory.
fn stores(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Store { .. } => true,
        Stmt::For { body, .. } | Stmt::When { body, .. } => stores(body),
        Stmt::Let(_) | Stmt::Set(..) => false,
    })
}

/// Makes the forward program's outputs into the inputs of its gradient: a float output becomes its own cotangent, a
/// tensor that was updated in place gets one beside it. Gives the cotangent of each output.
fn declare_cotangents(program: &mut Program) -> Vec<Option<ParamId>> {
    let mut cotangents = vec![None; program.params.len()];
    for (i, found) in cotangents.iter_mut().enumerate() {
        let name = cotangent_name(program, i);
        let ParamKind::Tensor { dtype, shape, leading, access } = &mut program.params[i].kind
        else {
            continue;
        };
        match std::mem::replace(access, Access::In) {
            Access::In => {}
            Access::Out => {
                if dtype.is_float() {
                    program.params[i].name = name;
                    *found = Some(ParamId(i as u32));
                }
            }
            Access::InOut => {
                let (dtype, shape, leading) = (*dtype, shape.clone(), *leading);
                if dtype.is_float() {
                    let kind = ParamKind::Tensor { dtype, shape, leading, access: Access::In };
                    *found = Some(declare(program, name, kind));
                }
            }
        }
    }
    cotangents
}

/// Adds a parameter.
pub(super) fn declare(program: &mut Program, name: String, kind: ParamKind) -> ParamId {
    program.params.push(Param { name, kind });
    ParamId(program.params.len() as u32 - 1)
}

/// How many chunks of `turns` programs each there are of those of one remainder: `ceil(extent / (period * turns))`.
fn turns_in_chunks(
    program: &mut Program,
    extent: Extent,
    period: Extent,
    turns: usize,
) -> Option<Extent> {
    let (by, times) = match period {
        Extent::Const(n) => return quotient(program, extent, n.checked_mul(turns)?, None),
        Extent::Dim { dim, times } => (dim, times),
    };
    let Extent::Dim { dim, times: 1 } = quotient(program, extent, times.checked_mul(turns)?, None)?
    else {
        return None;
    };
    let rule = DimRule::Quotient { dim, by };
    let names = [dim, by].map(|dim| program.dims[dim.index()].name.clone());
    Some(derived(program, rule, names.join("_")))
}

/// The size that follows by this rule: a new one of that name where there is none yet.
fn derived(program: &mut Program, rule: DimRule, name: String) -> Extent {
    let known = program.dims.iter().position(|dim| dim.rule == rule);
    let dim = known.unwrap_or_else(|| {
        program.dims.push(Dim { name, rule });
        program.dims.len() - 1
    });
    Extent::Dim { dim: DimId(dim as u32), times: 1 }
}

/// `ceil(extent / by)`, but at most `most`, as a new size where it is neither known nor the extent.
fn quotient(
    program: &mut Program,
    extent: Extent,
    by: usize,
    most: Option<usize>,
) -> Option<Extent> {
    let (dim, by) = match extent {
        whole if by == 1 => return Some(whole),
        Extent::Const(n) => return Some(Extent::Const(n.div_ceil(by))),
        Extent::Dim { times, .. } if times == 0 || !by.is_multiple_of(times) => return None,
        Extent::Dim { dim, times } => (dim, by / times),
    };
    let what = most.map_or_else(|| by.to_string(), |_| "parts".into());
    let name = format!("{}_{what}", program.dims[dim.index()].name);
    Some(derived(program, DimRule::CeilDiv { dim, by, most }, name))
}
