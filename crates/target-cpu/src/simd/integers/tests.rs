//! Integers against the halves that they stand for, and sums against f64.

use super::whole::Whole;
use super::*;
use crate::simd::call::Operand;
use crate::simd::portable::Portable;

/// The next of a stream of words.
fn random(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

fn halves(count: usize, state: &mut u32) -> Vec<f32> {
    let mut one = |i: usize| {
        let x = random(state) as f32 / u32::MAX as f32 - 0.5;
        let x = x * if i.is_multiple_of(97) { 20.0 } else { 1.0 };
        f32::from_bits(x.to_bits() & 0xffff_0000)
    };
    (0..count).map(&mut one).collect()
}

/// The sums of each row of packed weights with `x` on a level; scales and biases are floats or, of two bytes, bf16.
fn sums<N>(
    level: Level,
    (bits, group): (u32, usize),
    x: &[f32],
    words: &[u32],
    [scales, biases]: [&[N]; 2],
) -> Vec<f32> {
    let (len, size) = (x.len(), size_of::<N>());
    let in_row = len * bits as usize / 32;
    let rows = words.len() / in_row;
    let mut out = vec![f32::NAN; rows];
    let operand = |at: *const u8, row: usize| Operand { at: at.cast_mut(), row: row as isize };
    let mut call = Call::new(rows, len);
    call.out = operand(out.as_mut_ptr().cast(), 4);
    call.inputs = [
        operand(x.as_ptr().cast(), 0),
        operand(words.as_ptr().cast(), in_row * 4),
        operand(scales.as_ptr().cast(), len / group * size),
        operand(biases.as_ptr().cast(), len / group * size),
    ];
    let dtype = if size == 4 { DType::F32 } else { DType::BF16 };
    call.extra = quantized::options((bits, group, dtype), [size as isize; 2]);
    // SAFETY: the operands are as long as the primitive asks.
    unsafe { sum_of_products(level).call(&call) };
    out
}

fn integers_of(x: &[f32; 32], out: &mut [u16; 32]) -> Option<Whole> {
    // SAFETY: equally long.
    unsafe { integers(Portable, x, out) }
}

#[test]
fn halves_are_exact_unless_small_and_odd_ones_are_refused() {
    let (mut out, mut more) = ([0; 32], [0; 32]);
    let mut x = [0.0f32; 32];
    x[3] = -1.9921875;
    x[4] = 0.015625;
    x[5] = 1.5 * 2f32.powi(-20);
    let whole = integers_of(&x, &mut out).unwrap();
    let unit = whole.unit;
    assert_eq!(unit, 2f32.powi(-14));
    let back = |i: usize| f32::from(out[i] as i16) * unit;
    assert_eq!([back(3), back(4), back(0)], [x[3], x[4], 0.0]);
    assert_eq!((back(5), whole.sum), (0.0, x[3] + x[4]), "far below the rest");
    let squares = |x: &[f32]| x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    assert_eq!(whole.left, squares(&x[5..]));
    assert!((whole.all / squares(&x) - 1.0).abs() < 1e-6);
    x[5..].fill(2f32.powi(-11) + 2f32.powi(-16));
    let whole = integers_of(&x, &mut out).unwrap();
    // SAFETY: equally long.
    let sum = whole.sum + unsafe { rest(Portable, &x, unit, FINER, &mut more) };
    let more = |i: usize| f32::from(more[i] as i16) * unit * FINER;
    assert_eq!(f32::from(out[9] as i16) * unit + more(9), x[9]);
    assert_eq!(sum, x.iter().sum());
    let nothing = integers_of(&[0.0; 32], &mut out);
    assert_eq!(nothing, Some(Whole { unit: 1.0, sum: 0.0, left: 0.0, all: 0.0 }));
    for odd in [f32::NAN, f32::INFINITY, 1e-38] {
        x[3] = odd;
        x[4] = 0.0;
        x[5..].fill(0.0);
        assert_eq!(integers_of(&x, &mut out), None);
    }
}

#[test]
fn groups_that_leave_most_count_until_the_others_are_negligible() {
    let of = |lefts: &[f64], all: f64| {
        let mut leftovers = Leftovers::of(lefts.len());
        let all = all / lefts.len() as f64;
        lefts.iter().for_each(|&left| {
            leftovers.push(&Whole { unit: 1.0, sum: 0.0, left, all });
        });
        leftovers.that_count(0.01).collect::<Vec<_>>()
    };
    assert_eq!(of(&[1.0, 8.0, 2.0, 8.0, 4.0], 2300.0), []);
    assert_eq!(of(&[1.0, 8.0, 2.0, 8.0, 4.0], 1500.0), [1]);
    assert_eq!(of(&[1.0, 8.0, 2.0, 8.0, 4.0], 600.0), [1, 3, 4]);
    assert_eq!(of(&[1.0, 0.0], 0.0), [0]);
}

#[test]
fn sums_are_those_of_the_definition_on_every_level_alike() {
    let mut state = 7;
    for (bits, len, group, rows) in [
        (4, 64, 64, 1),
        (4, 128, 32, 3),
        (4, 128, 64, 2),
        (4, 1024, 128, 7),
        (4, 1280, 64, 8),
        (4, 4096 + 128, 128, 9),
        (4, 8192 + 64, 32, 17),
        (8, 32, 32, 5),
        (8, 192, 64, 8),
        (8, 4096 + 256, 128, 10),
        (2, 32, 32, 5),
        (2, 4096 + 128, 128, 3),
        (3, 192, 64, 8),
        (3, 4096 + 32, 32, 17),
        (5, 128, 32, 9),
        (5, 256, 128, 1),
        (6, 96, 32, 3),
        (6, 4096 + 256, 64, 10),
    ] {
        let x = halves(len, &mut state);
        let scales = halves(rows * len / group, &mut state);
        let biases = halves(rows * len / group, &mut state);
        let in_row = len * bits as usize / 32;
        let words: Vec<u32> = (0..rows * in_row).map(|_| random(&mut state)).collect();
        let mut found: Vec<Vec<u32>> = Vec::new();
        for level in Level::all() {
            let out = sums(level, (bits, group), &x, &words, [&scales, &biases]);
            for (r, y) in out.iter().enumerate() {
                let (mut exact, mut size) = (0.0, 0.0);
                for i in 0..len {
                    let at = r * len + i;
                    // Rows are whole words, so that bits are counted through them.
                    let bit = |k: usize| {
                        words[(at * bits as usize + k) / 32] >> ((at * bits as usize + k) % 32) & 1
                    };
                    let q: u32 = (0..bits as usize).map(|k| bit(k) << k).sum();
                    let (s, b) = (scales[at / group] as f64, biases[at / group] as f64);
                    exact += x[i] as f64 * (q as f64 * s + b);
                    size += (x[i] as f64).abs() * (q as f64 * s.abs() + b.abs());
                }
                let error = (*y as f64 - exact).abs() / size;
                assert!(error < 4e-6, "{level:?} {bits} {len} {group}: {y} for {exact}");
            }
            found.push(out.iter().map(|y| y.to_bits()).collect());
        }
        assert!(found.windows(2).all(|two| two[0] == two[1]), "{bits} {len} {group}");
    }
}

/// Eight products of a nibble and a byte are added up in sixteen bits on the way, which the greatest have to fit.
#[test]
fn the_greatest_sums_are_exact() {
    let (len, rows) = (1024, 3);
    for group in [32, 64, 128] {
        // Both bytes as great as they become, either sign, and as much left as there may be.
        for greatest in [32767.0f32, -32767.0, 32766.5, -32766.5, 255.0, 254.5] {
            let mut x = vec![greatest / 16384.0; len];
            // It sets the unit.
            x.iter_mut().step_by(group).for_each(|x| *x = 32767.0 / 16384.0);
            let words = vec![u32::MAX; rows * len / 8];
            let numbers = vec![1.0f32; rows * len / group];
            let exact: f64 = x.iter().map(|x| f64::from(*x) * 16.0).sum();
            for level in Level::all() {
                for y in &sums(level, (4, group), &x, &words, [&numbers; 2]) {
                    // As much may be left out as is negligible.
                    let error = (f64::from(*y) - exact).abs() / exact.abs();
                    assert!(error < 1e-5, "{level:?} {group} {greatest}: {y} for {exact}");
                }
            }
        }
    }
}

/// Scales and biases may be halves as they lie in memory, whether x is integers or not.
#[test]
fn numbers_of_either_type_give_the_same_sums() {
    let (len, group, rows) = (4096 + 512, 64, 9);
    let mut state = 3;
    let [scales, biases] = [0; 2].map(|_| halves(rows * len / group, &mut state));
    let words: Vec<u32> = (0..rows * len / 8).map(|_| random(&mut state)).collect();
    let short = |of: &[f32]| of.iter().map(|x| (x.to_bits() >> 16) as u16).collect::<Vec<_>>();
    let (short_scales, short_biases) = (short(&scales), short(&biases));
    for odd in [false, true] {
        let mut x = halves(len, &mut state);
        if odd {
            x[4100] = f32::INFINITY;
        }
        for level in Level::all() {
            let of_floats = sums(level, (4, group), &x, &words, [&scales, &biases]);
            let of_halves = sums(level, (4, group), &x, &words, [&short_scales, &short_biases]);
            let bits = |of: Vec<f32>| of.iter().map(|y| y.to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(of_floats), bits(of_halves), "{level:?} odd {odd}");
        }
    }
}
