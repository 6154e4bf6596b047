//! Registers are pointed where they will be needed, and indices checked, as early as can be: what stands between a load
//! and the arithmetic before it would end a chain there, and every chain writes what the next one reads.

use super::slots::Slots;
use crate::simd::call::Meaning;
use crate::step::*;
use tilewright_ir::table::HashMap;

/// Moves the steps that locate something before those that compute, in every list of steps. Gives for each register that
/// goes along with a loop the bytes from turn to turn.
pub(super) fn locate_early(bound: &mut Bound) -> HashMap<u32, isize> {
    let mut turns = HashMap::default();
    for pass in &mut bound.passes {
        check_early(&mut pass.blocks, bound.batch);
        check_early(&mut pass.after, bound.batch);
        list(&mut pass.blocks, None, &mut turns);
        list(&mut pass.after, None, &mut turns);
    }
    turns
}

/// Moves the checks of indices before the rows that have nothing to do with them; with each go the numbers that it is made
/// of, and what it guards.
fn check_early(steps: &mut [Step], batch: usize) {
    let few = |step: &Step| match step {
        Step::Invoke(invoke) => {
            let call = &invoke.call;
            let frame = invoke.out.register == FRAME && invoke.outer.is_empty();
            frame && call.rows * call.len <= batch && invoke.block == BlockRole::Fixed
        }
        _ => false,
    };
    for place in 0..steps.len() {
        let Step::Check(check) = &steps[place] else { continue };
        let mut wanted = vec![check.at];
        let mut first = Vec::new();
        for (before, step) in steps[..place].iter().enumerate().rev() {
            if let Step::Invoke(invoke) = step
                && wanted.iter().any(|at| Slots::share(*at, invoke.out))
            {
                wanted.extend(invoke.inputs);
                first.push(before);
            }
        }
        if !first.iter().all(|&before| few(&steps[before])) {
            continue;
        }
        first.iter().rev().for_each(|&before| advance(steps, before));
        advance(steps, place);
        if steps.get(place + 1).is_some_and(few) {
            advance(steps, place + 1);
        }
    }
}

/// `turning` is the index of the innermost loop round the steps, and its step.
fn list(steps: &mut [Step], turning: Option<(Address, usize)>, turns: &mut HashMap<u32, isize>) {
    for place in 0..steps.len() {
        match &mut steps[place] {
            Step::For { index, step, body, .. } => list(body, Some((*index, *step)), turns),
            Step::When { body, .. } => list(body, None, turns),
            Step::Locate(locate) => {
                let by = turning.and_then(|(index, step)| turn(locate, index, step));
                if let Some(by) = by {
                    turns.insert(locate.register, by);
                }
                advance(steps, place);
            }
            Step::Transfer(transfer) if transfer.window.is_some() => advance(steps, place),
            _ => {}
        }
    }
}

/// Moves a step before those that have nothing to do with it.
fn advance(steps: &mut [Step], place: usize) {
    let (before, from) = steps.split_at_mut(place);
    let free = |step: &&mut Step| is_apart(step, &mut from[0]);
    let over = before.iter_mut().rev().take_while(free).count();
    steps[place - over..=place].rotate_right(1);
}

/// True when a step that computes has nothing to do with what a later one looks at or writes.
fn is_apart(step: &Step, locate: &mut Step) -> bool {
    let Step::Invoke(invoke) = step else { return false };
    // What is not known to write its output alone may write where it reads.
    let known = |invoke: &Invoke| !matches!(invoke.primitive.meaning, Meaning::Opaque);
    if let Step::Invoke(moved) = locate {
        let meets = |a: Address, b: Address| a == b || Slots::share(a, b);
        let in_frame = |at: &Address| *at == NOWHERE || at.register == FRAME;
        let inputs = moved.inputs.iter().filter(|_| !known(moved));
        return known(invoke)
            && (in_frame(&invoke.out) || moved.inputs.iter().all(in_frame))
            && !moved.inputs.iter().chain([&moved.out]).any(|at| meets(*at, invoke.out))
            && !invoke.inputs.iter().any(|at| *at != NOWHERE && meets(*at, moved.out))
            && !inputs.into_iter().any(|at| invoke.inputs.iter().any(|b| Slots::share(*at, *b)));
    }
    let named = [invoke.out].into_iter().chain(invoke.inputs);
    let mut apart = true;
    for named in named {
        locate.addresses(|index| apart &= !Slots::share(*index, named));
    }
    apart
}

/// Bytes from turn to turn of what is located by the loop's index along one axis, and by places in the grid along others.
fn turn(locate: &Locate, index: Address, step: usize) -> Option<isize> {
    let mut bytes = None;
    for axis in &locate.axes {
        match axis.positions {
            Positions::One(Index::Affine { .. }) => {}
            Positions::Run { start: Index::Affine { .. }, .. } => {}
            Positions::One(Index::At { at, .. }) if at == index && bytes.is_none() => {
                let [(_, stride)] = axis.parts[..] else { return None };
                bytes = Some(stride.checked_mul(isize::try_from(step).ok()?)?);
            }
            _ => return None,
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use crate::analysis::Analysis;
    use crate::bind::{Request, bind};
    use crate::native::runs_here;
    use crate::simd::Level;
    use crate::step::{Bound, Step};

    /// A program bound for native code, if this CPU runs any.
    fn bound(
        text: &str,
        dims: &[usize],
        grid: &[usize],
        tensors: &[Vec<Vec<(usize, isize)>>],
    ) -> Option<Bound> {
        let level = Level::best();
        let program = tilewright_ir::text::parse(text).unwrap();
        let analysis = Analysis::of(&program);
        let request = Request {
            program: &program,
            analysis: &analysis,
            level,
            dims,
            grid,
            tensors,
            careful: &[false; 3],
            overlapping: &[false; 3],
            stream: true,
            native: true,
            batch: 1,
            main: None,
        };
        if runs_here(level) { bind(request) } else { None }
    }

    #[test]
    fn the_rows_of_a_loop_are_one_chain() {
        let text = "kernel looped(x: in f32[rows, n], g: in f32[rows, n], y: out f32[rows, n])
            %0: i32 = const 0
            %1: i32 = size rows
            for %2 row in %0..%1 {
              %3: f32[n] = load x[%2, :]
              %4: f32[n] = mul %3, %3
              %5: f32[1] = reduce_sum %4 axis 0
              %6: f32[n] = load g[%2, :]
              %7: f32[n] = mul %6, %5
              store y[%2, :] = %7
            }";
        let rows = vec![vec![(50, 4096)], vec![(1024, 4)]];
        let tensors = [rows.clone(), rows.clone(), rows];
        let Some(mut bound) = bound(text, &[50, 1024], &[], &tensors) else { return };
        let steps = &mut bound.passes[0].blocks;
        let body = steps.iter_mut().find_map(|step| step.body()).unwrap().0;
        let located = body.iter().take_while(|step| matches!(step, Step::Locate(_))).count();
        assert_eq!(located, 3, "{body:?}");
        assert!(matches!(&body[3..], [Step::Native(_)]), "{body:?}");
    }

    #[test]
    fn indices_are_checked_before_the_row_that_they_are_made_without() {
        let text = "kernel picked(x: in f32[rows, n], at: in i32[rows], y: out f32[rows, n])
            grid rows
            %0: i32 = program 0
            %1: f32[n] = load x[%0, :]
            %2: f32[1] = reduce_sum %1 axis 0
            %3: i32 = load at[%0]
            %4: i32 = abs %3
            %5: i32[1] = reshape %4
            %6: f32[1] = pick %1, %5
            %7: f32[1] = div %6, %2
            %8: f32[n] = mul %1, %7
            store y[%0, :] = %8";
        let rows = vec![vec![(50, 4096)], vec![(1024, 4)]];
        let tensors = [rows.clone(), vec![vec![(50, 4)]], rows];
        let Some(bound) = bound(text, &[50, 1024], &[50], &tensors) else { return };
        let steps = &bound.passes[0].blocks;
        let chains = steps.iter().filter(|step| matches!(step, Step::Native(_))).count();
        let last = steps.last();
        assert!(chains == 1 && matches!(last, Some(Step::Native(_))), "{steps:?}");
    }
}
