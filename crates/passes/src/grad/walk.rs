//! The statements of the first stage: the forward program recomputed and walked in reverse.

use super::adjoint::{Adjoint, Sweep, Ties};
use super::gather::Scattered;
use super::stage::{Grid, Sink, Stage};
use super::windows::Windowed;
use super::{GradError, Sharing, gradient_name, shift};
use crate::emit::{Emitter, Merge};
use tilewright_ir::infer::place_type;
use tilewright_ir::{
    Axis, BinaryOp, ExprId, ExprKind, Extent, Literal, ParamId, Place, Program, StoreMode,
};

/// The inside of a first stage.
pub(super) struct Walk<'a> {
    pub stage: &'a Stage<'a>,
    pub grid: &'a Grid,
    /// The cotangent of each parameter that has one.
    pub cotangents: &'a [Option<ParamId>],
    /// Where what is kept lies.
    pub kept: &'a [ParamId],
}

/// The loop over the programs of a chunk.
struct Looped {
    index: ExprId,
    start: ExprId,
    end: ExprId,
    /// The number of the program of the forward grid, which is the index unless only those of one remainder are added up.
    number: ExprId,
}

/// What each expression of the forward program became.
type Map = Vec<Option<ExprId>>;

impl Walk<'_> {
    /// Emits the statements. Gives the names of the temporaries that hold scattered adjoints.
    pub fn emit(&self, out: &mut Emitter, sinks: &mut [Sink]) -> Result<Vec<String>, GradError> {
        let order = &self.stage.forward.order;
        let mut map: Map = vec![None; self.program().exprs.len()];
        let looped = match self.grid.chunked {
            Some(axis) => {
                // What does not change round the loop stands before it.
                self.give_residue(out, &mut map);
                let varies = self.varying(axis);
                for &id in order.iter().filter(|id| !varies[id.index()]) {
                    if map[id.index()].is_none() {
                        self.recompute(out, id, &mut map);
                    }
                }
                self.declare_sums(out, sinks);
                Some(self.open_loop(out, axis, &mut map))
            }
            None => None,
        };
        for &id in order {
            if map[id.index()].is_none() {
                self.recompute(out, id, &mut map);
            }
        }
        let number = looped.as_ref().map(|looped| looped.number);
        let temporaries = self.reverse(out, &map, number, sinks)?;
        if let Some(Looped { index, start, end, .. }) = looped {
            out.at = None;
            out.end_loop(index, start, end);
        }
        self.store_sums(out, &map, sinks);
        Ok(temporaries)
    }

    fn program(&self) -> &Program {
        &self.stage.forward.program
    }

    /// The remainder of the programs that this one adds up: its number along the last axis of the grid.
    fn residue_index(&self, out: &mut Emitter) -> ExprId {
        out.program_index(out.program.grid.len() - 1)
    }

    /// Makes the remainders of the forward program that of the programs which are added up.
    fn give_residue(&self, out: &mut Emitter, map: &mut Map) {
        let Some(residue) = self.stage.group.residue else { return };
        for &id in &self.stage.forward.order {
            if residue.is(self.program(), id) {
                map[id.index()] = Some(self.residue_index(out));
            }
        }
    }

    /// Opens the loop over the programs of a chunk.
    fn open_loop(&self, out: &mut Emitter, axis: usize, map: &mut Map) -> Looped {
        let chunk = out.program_index(axis);
        out.name(chunk, "chunk");
        let mut count = out.size(self.grid.counts[axis]);
        if let Some(residue) = self.stage.group.residue {
            let first = self.residue_index(out);
            count = residue.turns(out, first, count);
        }
        let length = match self.grid.chunk {
            Some(length) => out.index(length),
            None => {
                // Rounded up, by sums alone: what is never negative is seen to be so.
                let (parts, one) = (out.size(out.program.grid[axis].extent), out.index(1));
                let whole = out.binary(BinaryOp::Div, count, parts);
                let rest = out.binary(BinaryOp::Rem, count, parts);
                let rest = out.binary(BinaryOp::Min, rest, one);
                out.add(whole, rest)
            }
        };
        let start = out.mul(chunk, length);
        let end = out.add(start, length);
        let end = out.binary(BinaryOp::Min, end, count);
        let name = loop_name(self.program(), axis);
        let (index, number) = match self.stage.group.residue {
            None => {
                let index = out.begin_loop(&name);
                (index, index)
            }
            Some(residue) => {
                let first = self.residue_index(out);
                let index = out.begin_loop("turn");
                let number = residue.number(out, first, index);
                out.name(number, name);
                (index, number)
            }
        };
        for &id in &self.stage.forward.order {
            if self.program().expr(id).kind == ExprKind::Program(axis) {
                map[id.index()] = Some(number);
            }
        }
        Looped { index, start, end, number }
    }

    /// The expressions that depend on the program's index along `axis`.
    fn varying(&self, axis: usize) -> Vec<bool> {
        let residue = self.stage.group.residue;
        let mut varies = vec![false; self.program().exprs.len()];
        for &id in &self.stage.forward.order {
            let kind = &self.program().expr(id).kind;
            let mut found = *kind == ExprKind::Program(axis);
            kind.operands(|operand| found |= varies[operand.index()]);
            found &= !residue.is_some_and(|residue| residue.is(self.program(), id));
            varies[id.index()] = found;
        }
        varies
    }

    /// Emits a forward expression into the gradient.
    fn recompute(&self, out: &mut Emitter, id: ExprId, map: &mut Map) {
        let expr = self.program().expr(id);
        let kept = self.kept_place(id, map);
        let mut kind = match &kept {
            Some(place) if self.stage.number > 0 => {
                ExprKind::Load { place: place.clone(), fill: Literal::Float(0.0) }
            }
            _ => {
                let mut kind = expr.kind.clone();
                kind.map_operands(|operand| map[operand.index()].unwrap_or(operand));
                kind
            }
        };
        if let ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } = &mut kind {
            *combine = out
                .copy_combine(self.program(), combine, |outer| map[outer.index()].unwrap_or(outer));
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
        if let Some(place) = kept.filter(|_| self.stage.number == 0) {
            out.store(place, new);
        }
    }

    /// Where a value is kept, if it is.
    fn kept_place(&self, id: ExprId, map: &Map) -> Option<Place> {
        let number = self.stage.kept.iter().position(|kept| kept.value == id)?;
        let mut place = self.stage.kept[number].place.clone();
        place.map_operands(|operand| map[operand.index()].unwrap_or(operand));
        Some(Place { param: self.kept[number], ..place })
    }

    /// The loads of a parameter, in order, the first of each place: loads may differ in what they give past the end of a
    /// range only.
    fn loads(&self, param: usize) -> Vec<(ExprId, &Place)> {
        let mut loads: Vec<(ExprId, &Place)> = Vec::new();
        for &id in &self.stage.forward.order {
            if let ExprKind::Load { place, .. } = &self.program().expr(id).kind
                && place.param.index() == param
                && !loads.iter().any(|(_, known)| *known == place)
            {
                loads.push((id, place));
            }
        }
        loads
    }

    /// Declares a sum for each load of each shared input, zero before the loop.
    fn declare_sums(&self, out: &mut Emitter, sinks: &mut [Sink]) {
        for (member, sink) in self.stage.group.members.iter().zip(sinks) {
            let Sink::Shared { sums, .. } = sink else { continue };
            for (load, _) in self.loads(member.input) {
                let ty = self.program().expr(load).ty.clone();
                let zero = out.constant(Sweep::dtype(ty.dtype), 0.0);
                let zeros = out.broadcast(zero, &ty.shape);
                let name = gradient_name(self.program(), member.input);
                sums.push((load, out.variable(name, zeros)));
            }
        }
    }

    /// Stores the sums to the partial results.
    fn store_sums(&self, out: &mut Emitter, map: &Map, sinks: &[Sink]) {
        for (member, sink) in self.stage.group.members.iter().zip(sinks) {
            let (Sink::Shared { partial, sums }, Sharing::Along(axes) | Sharing::Residues(axes, _)) =
                (sink, &member.sharing)
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
        let program = self.program();
        // Nothing depends on a free shift.
        let free = shift::free_shifts(self.stage.forward);
        let mut active = vec![false; free.len()];
        for &id in &self.stage.forward.order {
            let expr = program.expr(id);
            let mut reached = match &expr.kind {
                ExprKind::Load { place, .. } => {
                    self.stage.group.members.iter().any(|m| m.input == place.param.index())
                }
                _ => false,
            };
            expr.kind.operands(|operand| reached |= active[operand.index()]);
            // Bits of a float that come back as a float do depend on it; the rule for bit casts then objects.
            let bits = matches!(expr.kind, ExprKind::Bitcast(_))
                || reinterpreted(program, &expr.kind, &active);
            // Of several results any may be the float.
            let several = matches!(expr.kind, ExprKind::ScanBy { .. } | ExprKind::ReduceBy { .. });
            let carries = expr.ty.dtype.is_float() || bits || several;
            active[id.index()] = reached && carries && !free[id.index()];
        }
        active
    }

    /// Walks the forward program in reverse and hands the adjoints of loads to their sinks.
    fn reverse(
        &self,
        out: &mut Emitter,
        map: &Map,
        index: Option<ExprId>,
        sinks: &mut [Sink],
    ) -> Result<Vec<String>, GradError> {
        let source = self.program();
        let active = self.active();
        let mut sweep = Sweep::new(self.stage.forward, out, map, &active, Ties::Shared);
        self.seed(&mut sweep)?;
        let mut temporaries = Vec::new();
        for &id in self.stage.forward.order.iter().rev().filter(|id| active[id.index()]) {
            let expr = source.expr(id);
            sweep.out.at = expr.at.clone();
            let adjoint = sweep.take(id);
            let result = match (&expr.kind, adjoint) {
                (ExprKind::Load { place, .. }, adjoint) => {
                    let input = place.param.index();
                    let members = &self.stage.group.members;
                    // The first load of a place hands over what belongs to all of them.
                    let first = self.loads(input).into_iter().find(|(_, known)| *known == place);
                    if let Some((first, _)) = first.filter(|(first, _)| *first != id) {
                        if let Some(adjoint) = adjoint {
                            sweep.send(first, adjoint, &expr.ty.shape);
                        }
                        continue;
                    }
                    match members.iter().position(|m| m.input == input) {
                        Some(member) => {
                            let sink = &mut sinks[member];
                            self.deliver(&mut sweep, id, adjoint, index, sink, &mut temporaries)
                        }
                        None => Ok(()),
                    }
                }
                (_, Some(adjoint)) => sweep.propagate(id, adjoint),
                (_, None) => Ok(()),
            };
            result.map_err(|what| GradError::new(source, what, expr.at.clone()))?;
        }
        Ok(temporaries)
    }

    /// Hands the adjoint of a load to its sink.
    fn deliver(
        &self,
        sweep: &mut Sweep<'_>,
        load: ExprId,
        adjoint: Option<Adjoint>,
        index: Option<ExprId>,
        sink: &mut Sink,
        temporaries: &mut Vec<String>,
    ) -> Result<(), String> {
        let source = self.program();
        let ExprKind::Load { place: read, .. } = &source.expr(load).kind else { return Ok(()) };
        let name = gradient_name(source, read.param.index());
        let mut place = read.clone();
        place.map_operands(|id| sweep.map[id.index()].unwrap_or(id));
        match (sink, adjoint) {
            (Sink::Own(gradient), adjoint) => {
                let value = match adjoint {
                    Some(adjoint) => sweep.plain(adjoint),
                    None => sweep.out.constant(Sweep::dtype(sweep.dtype_of(load)), 0.0),
                };
                sweep.out.name(value, name);
                sweep.out.store(Place { param: *gradient, ..place }, value);
            }
            (Sink::Shared { sums, .. }, Some(adjoint)) => {
                if let Some((_, sum)) = sums.iter().find(|(summed, _)| *summed == load) {
                    let value = sweep.plain(adjoint);
                    let before = sweep.out.get(*sum);
                    let after = sweep.out.add(before, value);
                    sweep.out.set(*sum, after);
                }
            }
            (Sink::Windows(list), Some(adjoint)) => {
                let value = sweep.plain(adjoint);
                let programs = self.programs(sweep.out, index);
                let name = format!("{name}{}", suffix(list.len()));
                let programs = (programs.as_slice(), self.grid.counts.as_slice());
                let (windowed, made) =
                    Windowed::store(sweep.out, &name, (source, read), value, programs, list)?;
                temporaries.extend(made);
                list.push(windowed);
            }
            (Sink::Scattered(list), Some(adjoint)) => {
                let value = sweep.plain(adjoint);
                let programs = self.programs(sweep.out, index);
                let name = format!("{name}{}", suffix(list.len()));
                let counts = &self.grid.counts;
                let (scattered, names) =
                    Scattered::store(sweep.out, &name, &place, value, &programs, counts)?;
                temporaries.extend(names);
                list.push(scattered);
            }
            (Sink::Shared { .. } | Sink::Windows(_) | Sink::Scattered(_), None) => {}
        }
        Ok(())
    }

    /// The forward program's indices along the axes of its grid; `index` is that of the loop over a chunk.
    fn programs(&self, out: &mut Emitter, index: Option<ExprId>) -> Vec<ExprId> {
        (0..self.grid.counts.len())
            .map(|axis| match index {
                Some(index) if self.grid.chunked == Some(axis) => index,
                _ => out.program_index(axis),
            })
            .collect()
    }

    /// Gives the stored values their cotangents.
    fn seed(&self, sweep: &mut Sweep<'_>) -> Result<(), GradError> {
        let source = self.program();
        // By what masks later stores replace what is at a place.
        let mut overwritten: Vec<(&Place, Option<ExprId>)> = Vec::new();
        for store in self.stage.forward.stores.iter().rev() {
            let param = store.place.param;
            let active = sweep.active[store.value.index()];
            let later = overwritten.iter().filter(|(place, _)| **place == store.place);
            let later: Vec<Option<ExprId>> = later.map(|(_, mask)| *mask).collect();
            let hidden = later.contains(&None);
            if store.mode == StoreMode::Set {
                overwritten.push((&store.place, store.mask));
            }
            let (Some(cotangent), true) = (self.cotangents[param.index()], active && !hidden)
            else {
                continue;
            };
            if !self.stage.outputs.contains(&param.index()) {
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
            let mut adjoint = Adjoint::of(sweep.out.cast(loaded, dtype));
            if let Some(mask) = store.mask {
                let mask = sweep.recomputed(mask);
                adjoint = sweep.kept(adjoint, mask);
            }
            for mask in later.into_iter().flatten() {
                let mask = sweep.recomputed(mask);
                adjoint = sweep.dropped(adjoint, mask);
            }
            sweep.send(store.value, adjoint, &shape);
        }
        Ok(())
    }
}

/// True for an op on the bits of an active float.
fn reinterpreted(program: &Program, kind: &ExprKind, active: &[bool]) -> bool {
    let mut found = false;
    kind.operands(|id| {
        let expr = program.expr(id);
        found |= active[id.index()] && !expr.ty.dtype.is_float() && expr.kind.combine().is_none();
    });
    found
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
