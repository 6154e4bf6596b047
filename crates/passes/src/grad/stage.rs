//! The first stage of a gradient: the forward program recomputed and walked in reverse.
//!
//! Without shared inputs it runs on the forward program's grid. With them, one grid axis counts chunks of
//! [`CHUNK`] programs of the forward grid instead; a loop inside goes through the chunk and adds up what the shared
//! inputs get, while everything else is stored as it comes, so that every input is read once.

use super::adjoint::{Adjoint, Sweep};
use super::gather::{Scattered, Target, sum_partials};
use super::straight::Straight;
use super::{Backward, GradError, Group, Sharing, cotangent_name, gradient_name, shift};
use crate::emit::{Emitter, Merge};
use tilewright_ir::infer::place_type;
use tilewright_ir::{
    Access, Axis, BinaryOp, Dim, DimId, DimRule, ExprId, ExprKind, Extent, GridAxis, Param,
    ParamId, ParamKind, Place, Program, Stmt, StoreMode, VarId,
};

/// Programs of the forward grid that one program of a two-stage reduction adds up. Fixed, so that the sum depends
/// on the shapes alone; small enough that a few thousand rows occupy a GPU, large enough that the partial sums are a
/// small part of what is read.
pub(super) const CHUNK: usize = 64;

/// One first-stage program in the making.
pub(super) struct Stage<'a> {
    pub forward: &'a Straight,
    /// The outputs that have cotangents.
    pub outputs: &'a [usize],
    pub group: &'a Group,
    /// Which of the first-stage programs this is.
    pub number: usize,
}

/// How the adjoints of one input leave the first stage.
enum Sink {
    /// Stored where they were read.
    Own(ParamId),
    /// Added to variables (one for each load), whose final values are stored at their places in the partial sums.
    Shared { partial: ParamId, sums: Vec<(ExprId, VarId)> },
    /// Stored with their positions, for a later program to add up.
    Scattered(Vec<Scattered>),
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
        let chunked = self.group.along.last().copied();
        let counts = self.program_counts(&mut out.program)?;
        if let Some(axis) = chunked {
            let times = match source.grid[axis].extent {
                Extent::Dim { times, .. } => times,
                Extent::Const(_) => 1,
            };
            let chunks = quotient(&mut out.program, counts[axis], CHUNK * times)
                .ok_or_else(|| fail("a grid axis that cannot be divided into chunks".into()))?;
            out.program.grid[axis] = GridAxis { extent: chunks, block: 1 };
        }
        let mut targets = Vec::new();
        let mut sinks = Vec::new();
        for member in &self.group.members {
            let target = Target::of(source, member.input);
            let (dtype, shape, leading) = (target.dtype, target.shape.clone(), target.leading);
            let wide = Sweep::dtype(dtype);
            let sink = match &member.sharing {
                Sharing::Along(axes) if axes.is_empty() => {
                    let access = if member.covered { Access::Out } else { Access::InOut };
                    if !member.covered {
                        backward.programs.push(target.zeros(source, &target.name, dtype));
                    }
                    let kind = ParamKind::Tensor { dtype, shape, leading, access };
                    Sink::Own(declare(&mut out.program, target.name.clone(), kind))
                }
                Sharing::Along(axes) => {
                    let lead = axes.iter().map(|&a| {
                        if Some(a) == chunked { out.program.grid[a].extent } else { counts[a] }
                    });
                    let partial = lead.chain(shape).collect::<Vec<_>>();
                    let name = format!("partial_{}", target.name);
                    let access = if member.covered { Access::Out } else { Access::InOut };
                    if !member.covered {
                        let zeros = Target {
                            kernel: source.name.clone(),
                            name: name.clone(),
                            dtype: wide,
                            shape: partial.clone(),
                            leading: false,
                        };
                        backward.programs.push(zeros.zeros(&out.program, &zeros.name, wide));
                    }
                    let shape = partial;
                    let kind = ParamKind::Tensor { dtype: wide, shape, leading: false, access };
                    let partial = declare(&mut out.program, name.clone(), kind);
                    backward.temporaries.push(name);
                    Sink::Shared { partial, sums: Vec::new() }
                }
                Sharing::Scattered => Sink::Scattered(Vec::new()),
            };
            targets.push(target);
            sinks.push(sink);
        }
        self.body(&mut out, &counts, chunked, &cotangents, &mut sinks, backward)?;
        let program = out.finish().map_err(fail)?;
        let stage = program.clone();
        // What is scattered may need nothing but the inputs.
        if stores(&program.body) {
            backward.programs.push(program);
        }
        let mut partials: Vec<(&Target, ParamId)> = Vec::new();
        for (target, sink) in targets.iter().zip(&sinks) {
            match sink {
                Sink::Own(_) => {}
                Sink::Shared { partial, .. } => partials.push((target, *partial)),
                Sink::Scattered(scattered) => {
                    let programs = target.add_scattered(&stage, scattered);
                    let (programs, temporaries) = programs.map_err(fail)?;
                    backward.programs.extend(programs);
                    backward.temporaries.extend(temporaries);
                }
            }
        }
        // Gradients of one shape are summed by one program.
        while let Some(&(first, _)) = partials.first() {
            let (alike, rest) = partials.into_iter().partition(|(t, _)| t.shape == first.shape);
            partials = rest;
            let mut program = sum_partials(&stage, &alike, self.group.along.len()).map_err(fail)?;
            if !partials.is_empty() || self.number > 0 {
                program.name = format!("{}_{}", program.name, first.name);
            }
            backward.programs.push(program);
        }
        Ok(())
    }

    /// The number of programs along each axis of the forward grid.
    fn program_counts(&self, program: &mut Program) -> Result<Vec<Extent>, GradError> {
        let grid = self.forward.program.grid.clone();
        let count = |axis: &GridAxis| match axis.block {
            1 => Some(axis.extent),
            block => quotient(program, axis.extent, block),
        };
        let counts: Option<Vec<Extent>> = grid.iter().map(count).collect();
        counts.ok_or_else(|| {
            let what = "a grid whose blocks do not divide a multiple of a size";
            GradError::new(&self.forward.program, what, None)
        })
    }

    /// The statements of the first stage.
    fn body(
        &self,
        out: &mut Emitter,
        counts: &[Extent],
        chunked: Option<usize>,
        cotangents: &[Option<ParamId>],
        sinks: &mut [Sink],
        backward: &mut Backward,
    ) -> Result<(), GradError> {
        let source = &self.forward.program;
        let mut map: Vec<Option<ExprId>> = vec![None; source.exprs.len()];
        let mut looped = None;
        if let Some(axis) = chunked {
            // What does not change round the loop stands before it.
            for &id in &self.forward.order {
                if !self.varies_with(id, axis) {
                    self.recompute(out, id, &mut map);
                }
            }
            self.declare_sums(out, sinks);
            let times = match source.grid[axis].extent {
                Extent::Dim { times, .. } => times,
                Extent::Const(_) => 1,
            };
            let chunk = out.program_index(axis);
            out.name(chunk, "chunk");
            let (length, count) = (out.index(CHUNK * times), out.size(counts[axis]));
            let start = out.mul(chunk, length);
            let end = out.add(start, length);
            let end = out.binary(BinaryOp::Min, end, count);
            let index = out.begin_loop(&loop_name(source, axis));
            for &id in &self.forward.order {
                if matches!(source.expr(id).kind, ExprKind::Program(a) if a == axis) {
                    map[id.index()] = Some(index);
                }
            }
            looped = Some((index, start, end));
        }
        for &id in &self.forward.order {
            if map[id.index()].is_none() {
                self.recompute(out, id, &mut map);
            }
        }
        self.reverse(
            out,
            &map,
            looped.map(|(index, ..)| index),
            chunked,
            counts,
            cotangents,
            sinks,
            backward,
        )?;
        if let Some((index, start, end)) = looped {
            out.at = None;
            out.end_loop(index, start, end);
        }
        self.store_sums(out, &map, sinks);
        Ok(())
    }

    /// True when the value of `id` depends on the program's index along `axis`.
    fn varies_with(&self, id: ExprId, axis: usize) -> bool {
        let program = &self.forward.program;
        let mut open = vec![id];
        let mut seen = vec![false; program.exprs.len()];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let kind = &program.expr(id).kind;
            if *kind == ExprKind::Program(axis) {
                return true;
            }
            kind.operands(|operand| open.push(operand));
        }
        false
    }

    /// Emits a forward expression into the gradient.
    fn recompute(&self, out: &mut Emitter, id: ExprId, map: &mut [Option<ExprId>]) {
        let expr = self.forward.program.expr(id);
        let mut kind = expr.kind.clone();
        kind.map_operands(|operand| map[operand.index()].unwrap_or(operand));
        if let ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } = &mut kind {
            *combine = out.copy_combine(&self.forward.program, combine, |outer| {
                map[outer.index()].unwrap_or(outer)
            });
        }
        out.at = expr.at.clone();
        let new = out.push(kind.clone(), expr.ty.clone(), Merge::Equal);
        match (&expr.name, &kind) {
            (Some(name), _) => out.name(new, name.clone()),
            (None, ExprKind::Load { place, .. }) => {
                let name = out.program.param(place.param).name.clone();
                out.name(new, name);
            }
            _ => {}
        }
        map[id.index()] = Some(new);
    }

    /// The loads of a parameter, in order.
    fn loads(&self, param: usize) -> impl Iterator<Item = (ExprId, &Place)> {
        self.forward.order.iter().filter_map(move |&id| match &self.forward.program.expr(id).kind {
            ExprKind::Load { place, .. } if place.param.index() == param => Some((id, place)),
            _ => None,
        })
    }

    /// Declares a sum for each load of each shared input, zero before the loop.
    fn declare_sums(&self, out: &mut Emitter, sinks: &mut [Sink]) {
        for (member, sink) in self.group.members.iter().zip(sinks) {
            let Sink::Shared { sums, .. } = sink else { continue };
            for (load, _) in self.loads(member.input) {
                let ty = self.forward.program.expr(load).ty.clone();
                let zero = out.constant(Sweep::dtype(ty.dtype), 0.0);
                let zeros = out.broadcast(zero, &ty.shape);
                let name = gradient_name(&self.forward.program, member.input);
                sums.push((load, out.variable(name, zeros)));
            }
        }
    }

    /// Stores the sums to the partial results.
    fn store_sums(&self, out: &mut Emitter, map: &[Option<ExprId>], sinks: &[Sink]) {
        for (member, sink) in self.group.members.iter().zip(sinks) {
            let (Sink::Shared { partial, sums }, Sharing::Along(axes)) = (sink, &member.sharing)
            else {
                continue;
            };
            for (load, place) in self.loads(member.input) {
                let Some((_, sum)) = sums.iter().find(|(l, _)| *l == load) else { continue };
                let mut place = place.clone();
                place.map_operands(|id| map[id.index()].unwrap_or(id));
                let mut lead: Vec<Axis> = Vec::new();
                for &axis in axes {
                    lead.push(Axis::At(out.program_index(axis)));
                }
                let axes = lead.into_iter().chain(place.axes).collect();
                let value = out.get(*sum);
                out.store(Place { param: *partial, axes }, value);
            }
        }
    }

    /// The expressions whose adjoints lead to a wanted input.
    fn active(&self) -> Vec<bool> {
        let program = &self.forward.program;
        let mut active = shift::free_shifts(self.forward);
        // Nothing depends on a free shift.
        let free = active.clone();
        active.fill(false);
        for &id in &self.forward.order {
            let expr = program.expr(id);
            let mut reached = match &expr.kind {
                ExprKind::Load { place, .. } => {
                    self.group.members.iter().any(|m| m.input == place.param.index())
                }
                _ => false,
            };
            expr.kind.operands(|operand| reached |= active[operand.index()]);
            // Bits of a float that come back as a float do depend on it; the rule for bit casts then objects.
            let bits = matches!(expr.kind, ExprKind::Bitcast(_))
                || reinterpreted(program, &expr.kind, &active);
            let carries = expr.ty.dtype.is_float() || bits;
            active[id.index()] = reached && carries && !free[id.index()];
        }
        active
    }

    /// Walks the forward program in reverse and hands the adjoints of loads to their sinks.
    fn reverse(
        &self,
        out: &mut Emitter,
        map: &[Option<ExprId>],
        index: Option<ExprId>,
        chunked: Option<usize>,
        counts: &[Extent],
        cotangents: &[Option<ParamId>],
        sinks: &mut [Sink],
        backward: &mut Backward,
    ) -> Result<(), GradError> {
        let source = &self.forward.program;
        let active = self.active();
        let mut sweep = Sweep::new(self.forward, out, map, &active);
        self.seed(&mut sweep, cotangents)?;
        for &id in self.forward.order.iter().rev() {
            if !active[id.index()] {
                continue;
            }
            let expr = source.expr(id);
            sweep.out.at = expr.at.clone();
            let adjoint = sweep.take(id);
            let ExprKind::Load { place, .. } = &expr.kind else {
                if let Some(adjoint) = adjoint {
                    sweep
                        .propagate(id, adjoint)
                        .map_err(|what| GradError::new(source, what, expr.at.clone()))?;
                }
                continue;
            };
            let found = self.group.members.iter().position(|m| m.input == place.param.index());
            let Some(which) = found else { continue };
            let mut place = place.clone();
            place.map_operands(|id| map[id.index()].unwrap_or(id));
            let name = gradient_name(source, self.group.members[which].input);
            match &mut sinks[which] {
                Sink::Own(gradient) => {
                    let value = match adjoint {
                        Some(adjoint) => sweep.plain(adjoint),
                        None => sweep.out.constant(Sweep::dtype(expr.ty.dtype), 0.0),
                    };
                    sweep.out.name(value, name);
                    sweep.out.store(Place { param: *gradient, ..place }, value);
                }
                Sink::Shared { sums, .. } => {
                    let (Some(adjoint), Some((_, sum))) =
                        (adjoint, sums.iter().find(|(load, _)| *load == id))
                    else {
                        continue;
                    };
                    let value = sweep.plain(adjoint);
                    let before = sweep.out.get(*sum);
                    let after = sweep.out.add(before, value);
                    sweep.out.set(*sum, after);
                }
                Sink::Scattered(list) => {
                    let Some(adjoint) = adjoint else { continue };
                    let value = sweep.plain(adjoint);
                    let programs: Vec<ExprId> = (0..counts.len())
                        .map(|axis| match index {
                            Some(index) if Some(axis) == chunked => index,
                            _ => sweep.out.program_index(axis),
                        })
                        .collect();
                    let scattered = Scattered::store(
                        sweep.out,
                        &format!("{name}{}", suffix(list.len())),
                        &place,
                        value,
                        &programs,
                        counts,
                    );
                    let (scattered, names) =
                        scattered.map_err(|what| GradError::new(source, what, expr.at.clone()))?;
                    backward.temporaries.extend(names);
                    list.push(scattered);
                }
            }
        }
        Ok(())
    }

    /// Gives the stored values their cotangents.
    fn seed(&self, sweep: &mut Sweep<'_>, cotangents: &[Option<ParamId>]) -> Result<(), GradError> {
        let source = &self.forward.program;
        let mut overwritten: Vec<&Place> = Vec::new();
        for store in self.forward.stores.iter().rev() {
            let param = store.place.param;
            let active = sweep.active[store.value.index()];
            let hidden = overwritten.contains(&&store.place);
            if store.mode == StoreMode::Set && store.mask.is_none() {
                overwritten.push(&store.place);
            }
            let (Some(cotangent), true) = (cotangents[param.index()], active && !hidden) else {
                continue;
            };
            if !self.outputs.contains(&param.index()) {
                continue;
            }
            sweep.out.at = store.at.clone();
            match store.mode {
                StoreMode::Set | StoreMode::AtomicAdd => {}
                StoreMode::AtomicMax | StoreMode::AtomicMin => {
                    let at = store.at.clone();
                    return Err(GradError::new(source, "an atomic maximum or minimum", at));
                }
            }
            let shape = place_type(source, &store.place)
                .map_err(|what| GradError::new(source, what, store.at.clone()))?
                .shape;
            let mut place = store.place.clone();
            place.param = cotangent;
            place.map_operands(|id| sweep.map[id.index()].unwrap_or(id));
            let loaded = sweep.out.load(place);
            let dtype = Sweep::dtype(sweep.dtype_of(store.value));
            let mut value = sweep.out.cast(loaded, dtype);
            if let Some(mask) = store.mask {
                let mask = sweep.recomputed(mask);
                value = sweep.out.keep_where(mask, value);
            }
            sweep.send(store.value, Adjoint { value, over: None }, &shape);
        }
        Ok(())
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

/// True for an op on the bits of an active float.
fn reinterpreted(program: &Program, kind: &ExprKind, active: &[bool]) -> bool {
    let mut found = false;
    kind.operands(|id| found |= active[id.index()] && !program.expr(id).ty.dtype.is_float());
    found
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

/// `ceil(extent / by)`, as a new size where it is not a constant.
fn quotient(program: &mut Program, extent: Extent, by: usize) -> Option<Extent> {
    let (dim, by) = match extent {
        Extent::Const(n) => return Some(Extent::Const(n.div_ceil(by))),
        Extent::Dim { times, .. } if times == 0 || !by.is_multiple_of(times) => return None,
        Extent::Dim { dim, times } => (dim, by / times),
    };
    let rule = DimRule::CeilDiv { dim, by };
    if let Some(known) = program.dims.iter().position(|d| d.rule == rule) {
        return Some(Extent::Dim { dim: DimId(known as u32), times: 1 });
    }
    let name = format!("{}_{by}", program.dims[dim.index()].name);
    program.dims.push(Dim { name, rule });
    Some(Extent::Dim { dim: DimId(program.dims.len() as u32 - 1), times: 1 })
}

/// What the index of a loop over a grid axis is called: `row` for `rows`.
fn loop_name(program: &Program, axis: usize) -> String {
    match program.grid[axis].extent {
        Extent::Dim { dim, .. } => {
            let name = &program.dims[dim.index()].name;
            match name.strip_suffix('s') {
                Some(one) if !one.is_empty() => one.to_string(),
                _ => "i".into(),
            }
        }
        Extent::Const(_) => "i".into(),
    }
}

/// Tells the second and later of several things of one name apart.
fn suffix(number: usize) -> String {
    if number == 0 { String::new() } else { format!("_{}", number + 1) }
}
