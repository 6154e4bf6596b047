//! Two stores to every other element, one of the even and one of the odd ones, as a single store of neighbours: each line of
//! memory is written once and whole, so that it can go past the caches.

use crate::simd::call::Meaning;
use crate::simd::{Level, memory};
use crate::step::*;

/// Joins such stores where one follows the other. Registers that are `located` point elsewhere than they tell.
pub(super) fn store_together(bound: &mut Bound, located: &[u32], level: Level) {
    let registers = &bound.registers;
    for pass in &mut bound.passes {
        for steps in [&mut pass.blocks, &mut pass.after] {
            go(steps, registers, located, level);
        }
    }
}

fn go(steps: &mut Vec<Step>, registers: &[Register], located: &[u32], level: Level) {
    let mut number = 0;
    while number < steps.len() {
        if let Some((body, _)) = steps[number].body() {
            go(body, registers, located, level);
        }
        if let [Step::Invoke(even), Step::Invoke(odd), ..] = &steps[number..]
            && let Some(both) = joined(even, odd, registers, located, level)
        {
            steps.splice(number..number + 2, [Step::Invoke(Box::new(both))]);
        }
        number += 1;
    }
}

/// Both stores as one, if the second writes right behind each element of the first.
fn joined(
    even: &Invoke,
    odd: &Invoke,
    registers: &[Register],
    located: &[u32],
    level: Level,
) -> Option<Invoke> {
    let of_words = |invoke: &Invoke| {
        matches!(invoke.primitive.meaning, Meaning::Store(dtype) if dtype.size() == 4)
            && invoke.call.extra[0] == 8
            && invoke.inputs[0].register == FRAME
            && !located.contains(&invoke.out.register)
    };
    let [first, second] = [even, odd].map(|invoke| &registers[invoke.out.register as usize]);
    let place = |register: &Register, invoke: &Invoke| register.offset + invoke.out.offset;
    let neighbours = first.param.is_some()
        && first.param == second.param
        && (first.grid, first.advance) == (second.grid, second.advance)
        && place(first, even) + 4 == place(second, odd);
    let outer = |invoke: &Invoke| -> Vec<(usize, isize)> {
        invoke.outer.iter().map(|axis| (axis.0, axis.1[0])).collect()
    };
    let size = |invoke: &Invoke| (invoke.call.rows, invoke.call.len, invoke.call.out.row);
    let alike = size(even) == size(odd) && outer(even) == outer(odd) && even.block == odd.block;
    if !of_words(even) || !of_words(odd) || !neighbours || !alike {
        return None;
    }
    let mut both =
        Invoke { primitive: memory::interleave(level), name: "interleave", ..even.clone() };
    both.inputs[1] = odd.inputs[0];
    both.call.inputs[1] = odd.call.inputs[0];
    for (axis, of_odd) in both.outer.iter_mut().zip(&odd.outer) {
        axis.1[2] = of_odd.1[1];
    }
    Some(both)
}
