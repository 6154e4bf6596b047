//! Rows that run-time indices choose, read where they lie: a load of whole rows that one map alone reads copies nothing.
//!
//! The rows of a batch lie anywhere, so the map is called for each program, and fetches the next one's row meanwhile.

use super::Request;
use super::slots::Slots;
use crate::step::*;

/// Joins each such load with its reader.
pub(super) fn read_in_place(bound: &mut Bound, request: &Request<'_>) {
    if bound.main.1 < bound.main.0 || request.analysis.control {
        return;
    }
    for pass in &mut bound.passes {
        let mut number = 0;
        while number + 1 < pass.blocks.len() {
            if let Some(joined) = joined(&mut pass.blocks, number, request) {
                pass.blocks.splice(number..number + 2, [Step::LookUp(Box::new(joined))]);
            }
            number += 1;
        }
    }
}

/// The load at `number` and the call after it as one.
fn joined(steps: &mut [Step], number: usize, request: &Request<'_>) -> Option<LookUp> {
    let Step::Transfer(load) = &steps[number] else { return None };
    let Step::Invoke(invoke) = &steps[number + 1] else { return None };
    let (mut load, mut invoke) = (Transfer::clone(load), Invoke::clone(invoke));
    let written = request.careful[load.param] || request.overlapping[load.param];
    let mut rows = load.axes.iter().filter(|axis| !matches!(axis.positions, Positions::One(_)));
    let row = rows.next().filter(|_| rows.next().is_none())?;
    let start = Index::Affine { constant: 0, grid: [0; GRID_AXES] };
    let whole = matches!(row.positions, Positions::Run { start: s, len, step: 1 }
        if s == start && len == row.extent && len == load.elements);
    let lanes = load.dtype.size() == 4 && row.parts[..] == [(row.extent, 4)];
    let is_load = matches!(load.kind, TransferKind::Load { .. });
    if written || !whole || !lanes || !is_load || load.block != BlockRole::Fixed {
        return None;
    }
    // One row of everything, element by element.
    let is_map = matches!(invoke.primitive.meaning, crate::simd::call::Meaning::Map { .. });
    let all = invoke.call.rows == 1 && invoke.call.len == load.batch * load.elements;
    let plain = invoke.outer.is_empty() && invoke.primitive.goes_along();
    if !is_map || !all || !plain || invoke.block != BlockRole::Fixed {
        return None;
    }
    // Where the readers look for a window, which may be elsewhere than in the tile.
    let window = load.window.map(|register| Address { register, offset: 0 });
    let operand = invoke.inputs.iter().position(|input| *input == window.unwrap_or(load.tile))?;
    let mut uses = 0;
    let mut count = |step: &mut Step| {
        step.addresses(|address| {
            let same = Slots::share(*address, load.tile) || load.window == Some(address.register);
            uses += same as usize;
        });
    };
    for step in steps {
        count(step);
        if step.body().is_some() {
            return None;
        }
    }
    // The load, and this one input.
    if uses != 2 {
        return None;
    }
    load.window = None;
    invoke.inputs[operand] = NOWHERE;
    Some(LookUp { load, invoke, operand })
}
