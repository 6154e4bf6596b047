//! Native code against the primitives: the same bits, NaN for NaN.

use super::lower::Compiled;
use super::*;
use crate::simd::call::{Call, Meaning, Operand as Row, Primitive};
use crate::simd::reduce::{FIRST, LAST};
use crate::simd::{Level, divide, memory, ops, reduce};
use tilewright_ir::{BinaryOp, DType, ReduceOp, TernaryOp, UnaryOp};

const WORD: Operand = Operand {
    uniform: false,
    format: Format::Word,
    ahead: 0,
    apart: 0,
    next: 0,
    joined: 1,
    stream: false,
};

/// The levels whose native code can run here.
fn levels() -> impl Iterator<Item = Level> {
    Level::all().filter(|&level| runs_here(level) && cfg!(target_os = "linux"))
}

/// A repeatable source of words.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// Mostly moderate numbers; now and then any bits at all.
    fn float(&mut self) -> f32 {
        match self.below(8) {
            0 => f32::from_bits(self.next() << 1 | self.next() & 1),
            1 => {
                [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, -1.0][self.below(7)]
            }
            _ => (self.next() as f32 / 2.0f32.powi(30) - 1.0) * 20.0,
        }
    }
}

/// Bits, with one pattern for all NaN.
fn same(a: u32, b: u32) -> bool {
    a == b || f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan()
}

/// Runs code on operands of `rows` rows, each so many words or one.
fn run(code: &[u8], rows: usize, len: usize, operands: &mut [(&mut [u32], bool)]) {
    let code = Code::new(code).expect("executable memory");
    let mut arguments = Arguments::new(rows, len, 0);
    for (to, (words, uniform)) in arguments.operands.iter_mut().zip(operands) {
        let row = if *uniform { 4 } else { 4 * len as isize };
        to.write(Row { at: words.as_mut_ptr().cast(), row });
    }
    // SAFETY: every operand has `rows` rows of `len` words, or of one.
    unsafe { code.run(&mut arguments) };
}

/// The code of one map, its inputs being the first operands and its output the last.
fn code_of(record: Record, operands: usize, uniform: u8, level: Level) -> Vec<u8> {
    let mut chain = Chain::new(level);
    let mut values = [Value::NONE; 3];
    for (k, value) in values.iter_mut().enumerate().take(operands) {
        let one = uniform >> k & 1 == 1;
        *value = chain.recorder().leaf(if one { Op::Uniform(k) } else { Op::Load(k) });
        chain.operands.push(Operand { uniform: one, ..WORD });
    }
    let result = record(chain.recorder(), values);
    chain.operands.push(WORD);
    chain.sinks.push(Sink { operand: operands, value: result, after: result });
    compile(&chain)
        .unwrap_or_else(|| panic!("one map fits: {:?}", chain.graph.borrow().nodes.len()))
        .code
}

/// Compares a primitive with its native code on rows of every length round a vector.
fn compare(name: &str, primitive: Primitive, level: Level, inputs: &dyn Fn(&mut Noise) -> u32) {
    let Meaning::Map { record, operands, uniform } = primitive.meaning else { return };
    let name = &format!("{name} on {level:?}");
    let code = code_of(record, operands, uniform, level);
    let mut noise = Noise(7);
    for len in [1, 15, 16, 17, 33, 48, 1000] {
        let rows = 3;
        let mut words: Vec<Vec<u32>> =
            (0..operands).map(|_| (0..rows * len).map(|_| inputs(&mut noise)).collect()).collect();
        let mut expected = vec![1u32; rows * len];
        let mut call = Call::new(rows, len);
        call.out = Row { at: expected.as_mut_ptr().cast(), row: 4 * len as isize };
        for (k, (to, words)) in call.inputs.iter_mut().zip(&mut words).enumerate() {
            let row = if uniform >> k & 1 == 1 { 4 } else { 4 * len as isize };
            *to = Row { at: words.as_mut_ptr().cast(), row };
        }
        // SAFETY: as in `run`.
        unsafe { primitive.call(&call) };
        let mut found = vec![2u32; rows * len];
        let mut places: Vec<(&mut [u32], bool)> = (words.iter_mut().enumerate())
            .map(|(k, words)| (&mut words[..], uniform >> k & 1 == 1))
            .collect();
        places.push((&mut found, false));
        run(&code, rows, len, &mut places);
        for k in 0..rows * len {
            let (a, b) = (found[k], expected[k]);
            assert!(same(a, b), "{name} [{len}] at {k}: {a:08x} is not {b:08x}");
        }
    }
}

#[test]
fn every_map_gives_the_bits_of_its_primitive() {
    levels().for_each(every_map);
}

fn every_map(level: Level) {
    let float = |noise: &mut Noise| noise.float().to_bits();
    let int = |noise: &mut Noise| noise.next() >> noise.below(32);
    let truth = |noise: &mut Noise| noise.next() & 1;
    for op in tilewright_ir::op::UNARY.iter().map(|row| row.op) {
        for dtype in [DType::F32, DType::I32, DType::U32] {
            let name = format!("{op:?} of {dtype:?}");
            compare(&name, ops::unary(op, dtype, level), level, &float);
            compare(&name, ops::unary(op, dtype, level), level, &int);
        }
    }
    for op in tilewright_ir::op::BINARY.iter().map(|row| row.op) {
        for uniform in 0..3 {
            for dtype in [DType::F32, DType::I32, DType::U32, DType::U8, DType::I8] {
                let name = format!("{op:?} of {dtype:?}, uniform {uniform}");
                compare(&name, ops::binary(op, dtype, uniform, level), level, &float);
                compare(&name, ops::binary(op, dtype, uniform, level), level, &int);
            }
        }
    }
    for uniform in 0..7 {
        for op in [TernaryOp::Select, TernaryOp::Fma] {
            let Some(primitive) = ops::ternary(op, uniform, level) else { continue };
            compare(&format!("{op:?} {uniform}"), primitive, level, &float);
            compare(&format!("{op:?} {uniform}"), primitive, level, &truth);
        }
    }
    for from in DType::ALL {
        for to in DType::ALL {
            let steps = ops::cast(from, to, level).into_iter().chain(ops::bitcast(from, to, level));
            for step in steps.chain(ops::narrow(to, level)) {
                compare(&format!("cast of {from:?} to {to:?}"), step, level, &float);
                compare(&format!("cast of {from:?} to {to:?}"), step, level, &int);
            }
        }
    }
    for fused in [ops::Fused::Silu, ops::Fused::TanhSoftplus, ops::Fused::Mish, ops::Fused::Copy] {
        compare(fused.name(), ops::fused(fused, 0, level), level, &float);
    }
    for fused in [ops::Fused::ExpSub, ops::Fused::ExpBelow, ops::Fused::SiluMul] {
        compare(fused.name(), ops::fused(fused, 2, level), level, &float);
    }
}

#[test]
fn what_a_row_chooses_holds_for_the_row() {
    use ops::Fused::{ExpBelow, ExpBelowOrZero, ExpSub};
    for level in levels() {
        let mut noise = Noise(11);
        compare("parts", divide::parts(level), level, &|noise| noise.float().to_bits());
        let (rows, len) = (4, 37);
        let mut greatest = [0.0f32, 2.5, -0.0, -1e4].map(f32::to_bits);
        let below = |k: usize, x: f32| {
            if k.is_multiple_of(2) { x } else { -x.abs() - 1e4 * (k == 3) as u32 as f32 }
        };
        let mut x: Vec<u32> =
            (0..rows * len).map(|i| below(i / len, noise.float()).to_bits()).collect();
        let mut expected = vec![0u32; rows * len];
        for k in 0..rows {
            let primitive =
                ops::fused(if k.is_multiple_of(2) { ExpSub } else { ExpBelow }, 2, level);
            let mut call = Call::new(1, len);
            call.inputs[0] = Row { at: x[k * len..].as_mut_ptr().cast(), row: 0 };
            call.inputs[1] = Row { at: (&raw mut greatest[k]).cast(), row: 0 };
            call.out = Row { at: expected[k * len..].as_mut_ptr().cast(), row: 0 };
            // SAFETY: one row of `len` words, and one word.
            unsafe { primitive.call(&call) };
        }
        let chosen = ops::fused(ExpBelowOrZero, 2, level);
        let Meaning::Map { record, operands, uniform } = chosen.meaning else { panic!("is a map") };
        let code = code_of(record, operands, uniform, level);
        let mut found = vec![1u32; rows * len];
        run(&code, rows, len, &mut [(&mut x, false), (&mut greatest, true), (&mut found, false)]);
        for (k, (&a, &b)) in found.iter().zip(&expected).enumerate() {
            assert!(same(a, b), "{level:?} at {k}: {a:08x} is not {b:08x}");
        }
    }
}

#[test]
fn folds_give_the_bits_of_their_primitive() {
    for level in levels() {
        for op in [ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod] {
            for dtype in [DType::F32, DType::I32, DType::U32] {
                let name = format!("{op:?} of {dtype:?} on {level:?}");
                fold(&name, reduce::reduce(op, dtype, level), level);
            }
        }
        fold("sum of products", reduce::sum_of_products(level), level);
    }
}

fn fold(name: &str, primitive: Primitive, level: Level) {
    let Meaning::Fold(folding) = primitive.meaning else { panic!("{name} is a fold") };
    let mut noise = Noise(3);
    let mut chain = Chain::new(level);
    let (s, rows) = (chain.recorder(), 2);
    let (x, y) = (s.leaf(Op::Load(0)), s.leaf(Op::Load(1)));
    let folded = s.folded(folding, x, y);
    chain.operands = vec![WORD, WORD, Operand { uniform: true, ..WORD }];
    chain.sinks.push(Sink { operand: 2, value: folded, after: folded });
    let code = compile(&chain).expect("a fold fits").code;
    for len in (1..200).chain([1024, 1500]) {
        let mut x: Vec<u32> = (0..rows * len)
            .map(|_| (noise.next() as f32 / 2.0f32.powi(29) - 1.7).to_bits())
            .collect();
        let mut y: Vec<u32> = x.iter().rev().copied().collect();
        let mut expected = [1u32; 2];
        let mut call = Call::new(rows, len);
        call.out = Row { at: expected.as_mut_ptr().cast(), row: 4 };
        call.inputs[0] = Row { at: x.as_mut_ptr().cast(), row: 4 * len as isize };
        call.inputs[1] = Row { at: y.as_mut_ptr().cast(), row: 4 * len as isize };
        call.extra[0] = FIRST | LAST;
        // SAFETY: as in `run`.
        unsafe { primitive.call(&call) };
        let mut found = [2u32; 2];
        let places = &mut [(&mut x[..], false), (&mut y[..], false), (&mut found[..], true)];
        run(&code, rows, len, places);
        assert!(same(found[0], expected[0]), "{name} [{len}]: {found:x?} is not {expected:x?}");
        assert!(same(found[1], expected[1]), "{name} [{len}]: {found:x?} is not {expected:x?}");
    }
}

/// Rows that share a vector, on every level: each lane holds what the primitive gives its row.
#[test]
fn rows_that_share_a_vector_are_folded_like_others() {
    for level in levels() {
        for op in [ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::Any] {
            for dtype in [DType::F32, DType::I32, DType::U32] {
                if op == ReduceOp::Any && dtype.is_float() {
                    continue;
                }
                let name = format!("{op:?} of {dtype:?} on {level:?}");
                fold_apart(&name, reduce::reduce(op, dtype, level), level);
            }
        }
        fold_apart("sum of products", reduce::sum_of_products(level), level);
    }
}

fn fold_apart(name: &str, primitive: Primitive, level: Level) {
    let Meaning::Fold(folding) = primitive.meaning else { panic!("{name} is a fold") };
    let lengths: &[usize] = if level == Level::Avx2 { &[2, 4, 8] } else { &[2, 4, 8, 16] };
    for &len in lengths {
        let mut chain = Chain::new(level);
        let s = chain.recorder();
        let (x, y) = (s.leaf(Op::Load(0)), s.leaf(Op::Load(1)));
        let folded = s.folded_apart(folding, x, y, len);
        chain.operands = vec![WORD; 3];
        chain.sinks.push(Sink { operand: 2, value: folded, after: folded });
        let code = compile(&chain).expect("a fold fits").code;
        for rows in [1, 2, 5, 33, 100] {
            let mut noise = Noise(rows as u64);
            let mut x: Vec<u32> = (0..rows * len).map(|_| noise.float().to_bits()).collect();
            let mut y: Vec<u32> = x.iter().rev().copied().collect();
            let mut expected = vec![1u32; rows];
            let mut call = Call::new(rows, len);
            call.out = Row { at: expected.as_mut_ptr().cast(), row: 4 };
            call.inputs[0] = Row { at: x.as_mut_ptr().cast(), row: 4 * len as isize };
            call.inputs[1] = Row { at: y.as_mut_ptr().cast(), row: 4 * len as isize };
            call.extra[0] = FIRST | LAST;
            // SAFETY: as in `run`.
            unsafe { primitive.call(&call) };
            let mut found = vec![2u32; rows * len];
            let places = &mut [(&mut x[..], false), (&mut y[..], false), (&mut found[..], false)];
            run(&code, 1, rows * len, places);
            for (k, &found) in found.iter().enumerate() {
                let expected = expected[k / len];
                assert!(same(found, expected), "{name} [{len}] at {k}: {found:x} for {expected:x}");
            }
        }
    }
}

/// Chains of random maps over a few inputs, each intermediate computed by primitives beside them.
#[test]
fn random_chains_give_the_bits_of_their_primitives() {
    levels().for_each(random_chains);
}

fn random_chains(level: Level) {
    let unary =
        [UnaryOp::Neg, UnaryOp::Sqrt, UnaryOp::Exp, UnaryOp::Tanh, UnaryOp::Log, UnaryOp::Erf];
    let binary = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Max];
    let mut fitted = 0;
    for seed in 0..120 {
        let mut noise = Noise(seed);
        let (rows, len) = (2, 1 + noise.below(100));
        let mut chain = Chain::new(level);
        let inputs = 1 + noise.below(4);
        let mut values: Vec<(Value, Vec<u32>)> = Vec::new();
        for k in 0..inputs {
            let words = (0..rows * len).map(|_| noise.float().to_bits()).collect();
            values.push((chain.recorder().leaf(Op::Load(k)), words));
            chain.operands.push(WORD);
        }
        for _ in 0..1 + noise.below(14) {
            let picks: [usize; 3] = std::array::from_fn(|_| noise.below(values.len()));
            let primitive = match noise.below(3) {
                0 => ops::unary(unary[noise.below(6)], DType::F32, level),
                1 => ops::binary(binary[noise.below(5)], DType::F32, 0, level),
                _ => ops::ternary(TernaryOp::Fma, 0, level).expect("a map"),
            };
            let Meaning::Map { record, .. } = primitive.meaning else { panic!("a map") };
            let value = record(chain.recorder(), picks.map(|k| values[k].0));
            let mut out = vec![0u32; rows * len];
            let mut call = Call::new(1, rows * len);
            call.out = Row { at: out.as_mut_ptr().cast(), row: 0 };
            for (to, &k) in call.inputs.iter_mut().zip(&picks) {
                *to = Row { at: values[k].1.as_ptr() as *mut u8, row: 0 };
            }
            // SAFETY: as in `run`.
            unsafe { primitive.call(&call) };
            values.push((value, out));
        }
        // The last value and one from the middle are written.
        let outputs = [values.len() - 1, values.len() / 2];
        for &k in &outputs {
            let value = values[k].0;
            let after = values[values.len() - 1].0.max(value);
            chain.sinks.push(Sink { operand: chain.operands.len(), value, after });
            chain.operands.push(WORD);
        }
        let Some(Compiled { code, .. }) = compile(&chain) else { continue };
        fitted += 1;
        let mut found = [vec![0u32; rows * len], vec![0u32; rows * len]];
        let mut words: Vec<Vec<u32>> =
            values[..inputs].iter().map(|(_, words)| words.clone()).collect();
        let mut places: Vec<(&mut [u32], bool)> =
            words.iter_mut().chain(&mut found).map(|words| (&mut words[..], false)).collect();
        run(&code, rows, len, &mut places);
        for (found, &k) in found.iter().zip(&outputs) {
            for (i, (&a, &b)) in found.iter().zip(&values[k].1).enumerate() {
                assert!(same(a, b), "chain {seed}, value {k} at {i}: {a:08x} is not {b:08x}");
            }
        }
    }
    assert!(fitted > 100, "only {fitted} of 120 chains fit into the registers");
}

/// Elements of every format, on rows of every length round a vector: what is loaded and stored again is the same.
#[test]
fn formats_come_and_go_unchanged() {
    for level in levels() {
        for dtype in [DType::F16, DType::BF16, DType::U8, DType::I8, DType::F32] {
            for len in (1..40).chain([64, 100]) {
                let rows = 2;
                let format = match dtype {
                    DType::F16 => Format::Half,
                    DType::BF16 => Format::Brain,
                    DType::U8 => Format::Byte,
                    DType::I8 => Format::SignedByte,
                    _ => Format::Word,
                };
                let mut chain = Chain::new(level);
                let operand = Operand { format, ..WORD };
                let s = chain.recorder();
                let value = s.stored(s.leaf(Op::Load(0)), dtype);
                chain.operands = vec![operand, operand];
                chain.sinks.push(Sink { operand: 1, value, after: value });
                let code = Code::new(&compile(&chain).expect("a copy fits").code).expect("memory");
                let size = format.size();
                // Halves of moderate size, so that none is NaN; what lies past the rows must stay.
                let from: Vec<u8> = (0..rows * len * size).map(|k| (k * 7 % 113) as u8).collect();
                let mut to = vec![0xeeu8; rows * len * size + 64];
                let mut arguments = Arguments::new(rows, len, 0);
                let row = (len * size) as isize;
                arguments.operands[0].write(Row { at: from.as_ptr() as *mut u8, row });
                arguments.operands[1].write(Row { at: to.as_mut_ptr(), row });
                // SAFETY: both have `rows` rows of `len` elements.
                unsafe { code.run(&mut arguments) };
                assert_eq!(to[..from.len()], from, "{dtype} [{len}] on {level:?}");
                assert!(
                    to[from.len()..].iter().all(|&x| x == 0xee),
                    "{dtype} [{len}] on {level:?}"
                );
            }
        }
    }
}

/// Storing rounds to 16 bits as a cast does, also what a cast has rounded before.
#[test]
fn what_is_stored_is_rounded_once() {
    let mut noise = Noise(11);
    for level in levels() {
        for (dtype, brain) in [(DType::F16, true), (DType::BF16, true), (DType::BF16, false)] {
            for (rounded, stream) in [(false, false), (true, false), (false, true), (true, true)] {
                for len in [1, 15, 16, 37, 64, 1000] {
                    let mut chain = Chain::new(level);
                    chain.graph.get_mut().brain &= brain;
                    let [cast] = ops::cast(DType::F32, dtype, level)[..] else { unreachable!() };
                    let Meaning::Map { record, .. } = cast.meaning else { unreachable!() };
                    let s = chain.recorder();
                    let loaded = s.leaf(Op::Load(0));
                    let exact = if rounded {
                        record(s, [loaded, Value::NONE, Value::NONE])
                    } else {
                        loaded
                    };
                    let value = s.stored(exact, dtype);
                    let format = if dtype == DType::F16 { Format::Half } else { Format::Brain };
                    chain.operands = vec![WORD, Operand { format, stream, ..WORD }];
                    chain.sinks.push(Sink { operand: 1, value, after: value });
                    let code = Code::new(&compile(&chain).expect("it fits").code).expect("memory");
                    // Denormals of f32 too, alone and several in a vector.
                    let from: Vec<f32> = (0..len)
                        .map(|k| match k % 5 {
                            0 => f32::from_bits(noise.next() & 0x80ff_ffff),
                            _ => noise.float(),
                        })
                        .collect();
                    // What goes past the caches begins with a line.
                    let mut room = vec![0xeeeeu16; len + 64];
                    let line = room.as_ptr().align_offset(64);
                    let to = &mut room[line..line + len + 32];
                    let mut arguments = Arguments::new(1, len, 0);
                    arguments.operands[0].write(Row { at: from.as_ptr() as *mut u8, row: 0 });
                    arguments.operands[1].write(Row { at: to.as_mut_ptr().cast(), row: 0 });
                    // SAFETY: both have a row of `len` elements.
                    unsafe { code.run(&mut arguments) };
                    let mut expected = vec![0xeeeeu16; len + 32];
                    let mut call = Call::new(1, len);
                    call.inputs[0] = Row { at: from.as_ptr() as *mut u8, row: 0 };
                    call.out = Row { at: expected.as_mut_ptr().cast(), row: 0 };
                    call.extra[0] = 2;
                    // SAFETY: as before.
                    unsafe { memory::store(dtype, level).call(&call) };
                    assert_eq!(to, expected, "{dtype} [{len}] on {level:?}");
                }
            }
        }
    }
}
