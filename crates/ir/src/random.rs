//! Random valid programs, to test targets against the interpreter. Test support, not for production.
//! [`mutate`] draws from the neighbours of programs that somebody wrote.
//!
//! [`random_program`] draws a program over the whole language: several grids, loads and stores of all kinds, maps,
//! reductions, scans, top-k, gathers, loops with variables, conditions, combine functions, matrix products, integer
//! and bit operations, atomics, every storage type, sizes like 1, 17 and 257. The same seed draws the same program.
//!
//! A target's floats differ from the interpreter's by roundings, so a program must not amplify those without bound or
//! let them decide anything. While drawing, every value carries [`bounds`](self): its range, and the *scale* against
//! which its error counts. By induction over the ops, an error is at most [`Tolerance::absolute`] times the scale:
//! an op `f` turns the scale `s` of its operand into `s * max |f'|` plus the magnitude of its own result, which it
//! rounds. Exact values (inputs, integers, and what ops without rounding make of them) have scale 0; comparisons,
//! floors, arg-reductions and conversions to integers are applied to such values only. Values whose range or scale
//! grows too large are not used.

mod arguments;
mod bounds;
mod builder;
mod combine;
mod frame;
mod mutate;
mod operations;
mod shrink;
mod statements;

use crate::{Argument, DType, Program, Tolerance};

pub use arguments::{cropped, random_arguments, relaid};
pub use mutate::mutate;
pub use shrink::shrink;

/// What [`random_program`] may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Expressions to draw, about.
    pub length: usize,
    /// Inputs may have any strides: transposed, padded, negative.
    pub strided: bool,
    /// Some programs compute in f16 and bf16.
    pub half_arithmetic: bool,
    /// Some programs compute in i8 and u8.
    pub byte_arithmetic: bool,
    /// Some programs store atomically.
    pub atomics: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            length: 24,
            strided: true,
            half_arithmetic: true,
            byte_arithmetic: true,
            atomics: true,
        }
    }
}

/// A program with arguments to run it on.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it was drawn from.
    pub seed: u64,
    /// The program.
    pub program: Program,
    /// Its arguments; outputs hold garbage.
    pub arguments: Vec<Argument>,
    /// By parameter, the scale against which errors of its elements count; 0 for exact ones.
    pub scales: Vec<f64>,
    /// Values of the program's sizes.
    pub dims: Vec<usize>,
}

impl Case {
    /// Compares what a target has made of the arguments with what the interpreter has.
    ///
    /// # Errors
    /// Names the first output that differs, its element, and the seed.
    pub fn check(&self, results: &[Argument], references: &[Argument]) -> Result<(), String> {
        for (number, param) in crate::bind::outputs(&self.program) {
            let pair = (results.get(number), references.get(number));
            let (Some(Argument::Tensor(result)), Some(Argument::Tensor(reference))) = pair else {
                return Err(format!("`{}` is missing", param.name));
            };
            let tolerance = Tolerance::of(&self.program, &self.dims, reference.dtype);
            let scale = self.scales[number];
            let (result, reference) = (result.values(), reference.values());
            for (element, (&got, &right)) in result.iter().zip(&reference).enumerate() {
                if !tolerance.allows(got, right, scale) {
                    let allowed = tolerance.allowed(right, scale);
                    return Err(format!(
                        "seed {}: element {element} of `{}` is {got:e}, expected {right:e} within \
                         {allowed:e}",
                        self.seed, param.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Draws a valid program and arguments that run without a fault.
pub fn random_program(seed: u64, options: &Options) -> Case {
    let mut random = Random::new(seed);
    let half = options.half_arithmetic && random.chance(0.1);
    let mut builder = builder::Builder::new(random, options, half);
    builder.open();
    let length = builder.random.between(options.length / 3, options.length);
    builder.steps(length);
    builder.close();
    let (program, scales, dims, mut random) = builder.finish();
    let arguments = random_arguments(&program, &dims, options.strided, &mut random);
    Case { seed, program, arguments, scales, dims }
}

/// A small generator of random numbers (SplitMix64): the same everywhere, for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of that seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    /// A number from `least` to `greatest`.
    pub fn between(&mut self, least: usize, greatest: usize) -> usize {
        least + self.below((greatest + 1).saturating_sub(least))
    }

    /// A number from -1 to 1.
    pub fn signed(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// True with that probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        (self.bits() >> 11) as f64 / ((1u64 << 53) as f64) < probability
    }

    /// One of a list, which is not empty.
    pub fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// The storage types of tensors; f64 is no device's.
const STORAGE: [DType; 8] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::I32,
    DType::U32,
    DType::U8,
    DType::I8,
    DType::Bool,
];
