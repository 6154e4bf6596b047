//! How many cycles the primitives take for a vector of 16 elements that lie in the first cache. Not a check but a
//! table to read: `cargo test --release -p tilewright-target-cpu cycle_tests -- --ignored --nocapture`.

use super::call::{Call, Operand, Primitive};
use super::ops::{self, Fused};
use super::reduce::{FIRST, LAST};
use super::{LANES, Level, arg, memory, quantized, random, reduce, scan, topk, unpack};
use std::time::Instant;
use tilewright_ir::{BinaryOp, DType, ReduceOp, TernaryOp, UnaryOp};

/// Elements of an operand: four of them fit the first cache.
const LEN: usize = 2048;

/// Rows of data that decide about branches.
const FORGOTTEN: usize = 64;

/// Seconds of a cycle, by a chain of additions of which each waits for the last.
fn cycle() -> f64 {
    const STEPS: u64 = 4_000_000;
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        let mut x = std::hint::black_box(1u64);
        for _ in 0..STEPS / 4 {
            // Rotations by an unknown amount are not folded.
            x = x.rotate_left(1) ^ 1;
            x = x.rotate_left(1) ^ 1;
        }
        std::hint::black_box(x);
        best = best.min(start.elapsed().as_secs_f64() / STEPS as f64);
    }
    best
}

/// Cycles for 16 elements.
fn time(primitive: Primitive, call: &Call, cycle: f64) -> f64 {
    let elements = (call.rows * call.len) as f64;
    let rounds = (4_000_000.0 / elements).max(1.0) as usize;
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..rounds {
            // SAFETY: the operands of `Table::call`.
            unsafe { primitive.call(call) };
        }
        best = best.min(start.elapsed().as_secs_f64() / rounds as f64);
    }
    best / cycle / elements * LANES as f64
}

/// Operands, and what was printed.
struct Table {
    level: Level,
    cycle: f64,
    data: Vec<Vec<f32>>,
}

impl Table {
    fn call(&mut self) -> Call {
        let mut call = Call::new(1, LEN);
        let at = |data: &mut Vec<f32>| {
            let skip = data.as_ptr().align_offset(64);
            data[skip..].as_mut_ptr()
        };
        call.out = Operand { at: at(&mut self.data[0]).cast(), row: 0 };
        for k in 0..4 {
            call.inputs[k] = Operand { at: at(&mut self.data[k + 1]).cast(), row: 0 };
        }
        call
    }

    fn line(&mut self, name: &str, primitive: Primitive) {
        let call = self.call();
        self.show(name, primitive, &call);
    }

    fn show(&self, name: &str, primitive: Primitive, call: &Call) {
        println!("{:10} {name:24} {:7.2}", self.level.name(), time(primitive, call, self.cycle));
    }
}

#[test]
#[ignore = "a table for people"]
fn cycles_of_primitives() {
    let cycle = cycle();
    println!("{:.2} GHz; cycles for 16 elements", 1e-9 / cycle);
    for level in Level::all() {
        let mut data: Vec<Vec<f32>> = (0..5)
            .map(|k| {
                let value = |i: usize| ((i * 7919 + k * 104_729) % 8191) as f32 / 1024.0 - 4.0;
                // Apart by more than a page, so that no address hides another.
                (0..LEN + 64 + 160 * k).map(value).collect()
            })
            .collect();
        data[4].iter_mut().for_each(|x| *x = x.abs() + 0.5);
        let mut table = Table { level, cycle, data };
        for op in tilewright_ir::op::UNARY.iter().map(|row| row.op) {
            if op != UnaryOp::Not {
                table.line(op.name(), ops::unary(op, DType::F32, level));
            }
        }
        use BinaryOp as B;
        for op in [B::Add, B::Mul, B::Div, B::Max, B::Min, B::Lt, B::Pow, B::Rem] {
            table.line(op.name(), ops::binary(op, DType::F32, 0, level));
        }
        table.line("mul uniform", ops::binary(B::Mul, DType::F32, 2, level));
        table.line("div uniform", ops::binary(B::Div, DType::F32, 2, level));
        for op in [TernaryOp::Select, TernaryOp::Fma] {
            if let Some(primitive) = ops::ternary(op, 0, level) {
                table.line(op.name(), primitive);
            }
        }
        for op in [Fused::Copy, Fused::Silu, Fused::TanhSoftplus, Fused::Mish, Fused::SiluMul] {
            table.line(op.name(), ops::fused(op, 0, level));
        }
        table.line("exp_sub uniform", ops::fused(Fused::ExpSub, 2, level));
        for from in [DType::F16, DType::BF16, DType::U8] {
            let mut call = table.call();
            call.extra = [from.size() as u64, 0];
            table.show(&format!("load {from}"), memory::load(from, level), &call);
            table.show(&format!("store {from}"), memory::store(from, level), &call);
        }
        for bits in [1, 2, 3, 4, 8] {
            let mut call = table.call();
            call.extra = [bits, 32];
            table.show(&format!("unpack {bits} of 32"), unpack::unpack(level), &call);
        }
        let mut call = table.call();
        call.extra = [1, 8];
        table.show("unpack 1 of 8", unpack::unpack(level), &call);
        call.extra = [0, 0];
        table.show("iota", memory::iota(level), &call);
        let counts: Vec<u32> = (0..LEN as u32).collect();
        let mut call = table.call();
        call.inputs[0].at = counts.as_ptr().cast_mut().cast();
        call.extra = [0, 6];
        table.show("philox", random::philox(level), &call);
        let mut call = table.call();
        let (seed, stream, pair) = ([7u32], [3u32], [0.3f32, 1.5, 0.0]);
        for (k, at) in [(1, seed.as_ptr().cast()), (2, stream.as_ptr().cast()), (3, pair.as_ptr())]
        {
            call.inputs[k] = Operand { at: at.cast_mut().cast(), row: 0 };
        }
        table.show("dropout", random::drop_out(level), &call);
        for len in [128, 1024, LEN] {
            let mut call = table.call();
            (call.rows, call.len) = (LEN / len, len);
            call.inputs[0].row = len as isize * 4;
            call.inputs[1].row = len as isize * 4;
            call.out.row = 4;
            call.extra = [FIRST | LAST, 0];
            for op in [ReduceOp::Sum, ReduceOp::Max] {
                let name = format!("reduce {} of {len}", op.row().name);
                table.show(&name, reduce::reduce(op, DType::F32, level), &call);
            }
            table.show(&format!("sum of products {len}"), reduce::sum_of_products(level), &call);
            call.out.row = len as isize * 4;
            call.inputs[3] = Operand::NONE;
            table.show(
                &format!("cumsum of {len}"),
                scan::scan(ReduceOp::Sum, DType::F32, level),
                &call,
            );
            // Rows of their own, and so many that the CPU does not learn where in each the greatest are.
            let mut seed = 1u32;
            let mut rows: Vec<f32> = Vec::new();
            rows.resize_with(FORGOTTEN * len, || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32
            });
            call.rows = FORGOTTEN;
            call.inputs[0] = Operand { at: rows.as_mut_ptr().cast(), row: len as isize * 4 };
            call.out.row = 4;
            table.show(
                &format!("argmax of {len}"),
                arg::arg_reduce(true, DType::F32, level),
                &call,
            );
            // Positions, which would be denormals in an operand of the others.
            let mut positions = vec![0u32; FORGOTTEN * 8];
            call.inputs[1] = Operand { at: positions.as_mut_ptr().cast(), row: 32 };
            call.out.row = 32;
            call.extra = [8, 0];
            table.show(&format!("top 8 of {len}"), topk::top_k(DType::F32, level), &call);
        }
        // 32 columns of a matrix in groups of 64.
        let (rows, len) = (32, LEN / 2);
        let mut words: Vec<u32> = (0..rows * len / 8).map(|i| i as u32 * 0x9e37_79b9).collect();
        let mut numbers = vec![0.01f32; rows * len / 64];
        for (name, row) in [("packed sum, x shared", 0), ("packed sum", 4)] {
            let mut call = table.call();
            (call.rows, call.len) = (rows, len);
            call.inputs[0].row = row;
            call.inputs[1] = Operand { at: words.as_mut_ptr().cast(), row: len as isize / 2 };
            let number = Operand { at: numbers.as_mut_ptr().cast(), row: len as isize / 16 };
            (call.inputs[2], call.inputs[3]) = (number, number);
            call.out.row = 4;
            call.extra = quantized::options((4, 64, tilewright_ir::DType::F32), [4; 2]);
            table.show(name, quantized::sum_of_products(4, level), &call);
        }
    }
}
