//! Registers are pointed where they will be needed as early as can be: what stands between a load and the arithmetic
//! before it would end a chain there, and every chain writes what the next one reads.

use super::slots::Slots;
use crate::step::*;
use tilewright_ir::table::HashMap;

/// Moves the steps that locate something before those that compute, in every list of steps. Gives for each register that
/// goes along with a loop the bytes from turn to turn.
pub(super) fn locate_early(bound: &mut Bound) -> HashMap<u32, isize> {
    let mut turns = HashMap::default();
    for pass in &mut bound.passes {
        list(&mut pass.blocks, None, &mut turns);
        list(&mut pass.after, None, &mut turns);
    }
    turns
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

/// True when a step that computes has nothing to do with what a later one looks at.
fn is_apart(step: &Step, locate: &mut Step) -> bool {
    let Step::Invoke(invoke) = step else { return false };
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
    use crate::step::Step;

    #[test]
    fn the_rows_of_a_loop_are_one_chain() {
        let level = Level::best();
        if !runs_here(level) {
            return;
        }
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
        let program = tilewright_ir::text::parse(text).unwrap();
        let analysis = Analysis::of(&program);
        let rows = vec![vec![(50, 4096)], vec![(1024, 4)]];
        let request = Request {
            program: &program,
            analysis: &analysis,
            level,
            dims: &[50, 1024],
            grid: &[],
            tensors: &[rows.clone(), rows.clone(), rows],
            careful: &[false; 3],
            overlapping: &[false; 3],
            stream: true,
            native: true,
            batch: 1,
            main: None,
        };
        let mut bound = bind(request).unwrap();
        let steps = &mut bound.passes[0].blocks;
        let body = steps.iter_mut().find_map(|step| step.body()).unwrap().0;
        let located = body.iter().take_while(|step| matches!(step, Step::Locate(_))).count();
        assert_eq!(located, 3, "{body:?}");
        assert!(matches!(&body[3..], [Step::Native(_)]), "{body:?}");
    }
}
