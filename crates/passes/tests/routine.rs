//! Which programs become routines: those that multiply affine weights in half types, and attention over a cache. That a
//! routine computes what its program does, the catalog's tests on the emulator show.

use tilewright_ir::thread::{AffineProducts, Code, Routine, ThreadProgram, emulate};
use tilewright_ir::{Argument, DType, ParamKind, Program, Tensor, bind, interpret};
use tilewright_kernels::dequantize_affine::{Affine, affine};
use tilewright_kernels::{CATALOG, Entry};
use tilewright_lang::{Specialization, record};
use tilewright_passes::lower::{Multiprocessors, PASSES, Schedule, Stay, Units, lower};
use tilewright_passes::pipeline;

const ROUTINES: &[&str] = &[
    "decode_attention",
    "decode_attention_softcap",
    "fused_quantized_swiglu_gemv",
    "gather_qmm",
    "gather_qmm_combine_quantized",
    "gather_qmm_swiglu",
    "norm_quantized_geglu_gemv",
    "norm_quantized_matvec",
    "norm_quantized_swiglu_gemv",
    "norm_rope_decode_attention",
    "norm_routed_qmm_swiglu",
    "quantized_matvec",
    "quantized_matvec_residual",
    "rope_decode_attention",
    "routed_qmm_combine_residual",
];

fn lowered(program: &Program, routines: bool) -> Option<ThreadProgram> {
    let mut program = program.clone();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    lowered_for(&program, &vec![64; program.dims.len()], routines)
}

/// `program` went through the passes.
fn lowered_for(program: &Program, dims: &[usize], routines: bool) -> Option<ThreadProgram> {
    let mut schedule = Schedule::default_for(program, dims, Units::Half);
    schedule.routines = routines;
    lower(program, &schedule).ok()
}

fn routine(program: &Program, routines: bool) -> Option<Routine> {
    let mut found = None;
    for code in &lowered(program, routines)?.body {
        code.visit(&mut |code| {
            if let Code::Routine(routine) = code {
                found = Some(routine.clone());
            }
        });
    }
    found
}

fn recorded(entry: &Entry, dtype: DType) -> Program {
    entry.record(&entry.specialization(dtype, &[])).unwrap()
}

#[test]
fn half_types_take_routines_where_a_device_has_them() {
    for name in ROUTINES {
        let entry = CATALOG.iter().find(|entry| entry.name == *name).unwrap();
        assert!(routine(&recorded(entry, DType::BF16), true).is_some(), "{name} in bf16");
        assert!(routine(&recorded(entry, DType::F16), true).is_some(), "{name} in f16");
        assert!(routine(&recorded(entry, DType::F32), true).is_none(), "{name} in f32");
        assert!(routine(&recorded(entry, DType::BF16), false).is_none(), "{name} without");
    }
}

const SIGNATURE: &str = "x: T[*rows, 64*groups], w: u32[columns, 8*groups], scales: T[columns, groups], \
                         biases: T[columns, groups], r: T[*rows, columns] -> y: T[*rows, columns]";

#[test]
fn what_follows_a_product_joins_it() {
    let half = Specialization::of(DType::BF16);
    let program = record("residual", SIGNATURE, &half, |k, a| {
        let (row, column) = (k.program(), k.program());
        let format = Affine { bits: 4, group: 64 };
        let part = |name: &str| a[name].row(column);
        let x = a["x"].row(row).load().to(DType::F32);
        let sum = (x * affine(part("w"), part("scales"), part("biases"), format)).row_sum();
        let before = a["r"].row(row).at(column).load().to(DType::F32);
        a["y"].row(row).at(column).store(sum + before);
    });
    assert!(matches!(routine(&program.unwrap(), true), Some(Routine::AffineProducts(_))));
}

#[test]
fn a_row_that_is_needed_otherwise_takes_the_generic_way() {
    let half = Specialization::of(DType::BF16);
    let program = record("greatest", SIGNATURE, &half, |k, a| {
        let (row, column) = (k.program(), k.program());
        let format = Affine { bits: 4, group: 64 };
        let part = |name: &str| a[name].row(column);
        let x = a["x"].row(row).load().to(DType::F32);
        let sum = (x * affine(part("w"), part("scales"), part("biases"), format)).row_sum();
        a["y"].row(row).at(column).store(sum / x.row_max());
    });
    assert!(routine(&program.unwrap(), true).is_none());
}

#[test]
fn rows_and_columns_past_the_blocks_come_out_right() {
    let blocks = |name, sizes, stay| {
        let threads = right_on_the_emulator(name, sizes, stay);
        let routine = products_of(&threads).unwrap();
        (routine.width / AffineProducts::COLUMNS, routine.ring.is_some())
    };
    let (one, two) = ("quantized_matvec", "fused_quantized_swiglu_gemv");
    let few = [(one, 1, 1, 1), (one, 3, 17, 3), (one, 9, 40, 5), (one, 21, 16, 2), (two, 1, 17, 3)];
    // Of many columns, a group takes two blocks of each product; the last has half of its second.
    for (name, rows, columns, groups) in few.into_iter().chain([(two, 1, 8216, 1)]) {
        let found = blocks(name, [rows, columns, groups], None);
        assert_eq!(found, (if columns > 8192 { 2 } else { 1 }, false), "{name} of {columns}");
    }
    // Where three multiprocessors share the columns, a group takes all that is for one; the last has less.
    for (name, columns, wide) in [(one, 48, 1), (one, 130, 3), (two, 240, 5), (two, 230, 5)] {
        let found = blocks(name, [1, columns, 16], Some([3, 232_448, 48]));
        assert_eq!(found, (wide, true), "{name} of {columns}");
    }
    // More subgroups make long rows ready.
    for (groups, makers) in [(16, 8), (144, 12)] {
        let threads = right_on_the_emulator(one, [1, 48, groups], Some([3, 232_448, 48]));
        let routine = products_of(&threads).unwrap();
        let ring = routine.ring.as_ref().unwrap();
        assert_eq!((ring.makers, threads.threads), (makers, (makers + 8) * 32), "{groups} groups");
    }
    // Not where a third has nothing to do, where rows are several or do not lie at multiples of 16 bytes, without room, or
    // with too few columns or weights of each.
    for (rows, columns, groups, shared, least) in [
        (1, 64, 16, 232_448, 1),
        (2, 48, 16, 232_448, 1),
        (1, 48, 15, 232_448, 1),
        (1, 48, 16, 32 << 10, 1),
        (1, 48, 16, 232_448, 49),
        (1, 768, 8, 232_448, 513),
    ] {
        let (_, stays) = blocks(one, [rows, columns, groups], Some([3, shared, least]));
        assert!(!stays, "{rows} x {columns} x {groups}");
    }
}

fn products_of(threads: &ThreadProgram) -> Option<&AffineProducts> {
    threads.body.iter().find_map(|code| match code {
        Code::Routine(Routine::AffineProducts(routine)) => Some(&**routine),
        _ => None,
    })
}

/// A kernel's program of threads for so many rows, columns and groups, once the emulator has found what the interpreter does.
fn right_on_the_emulator(
    name: &str,
    [rows, columns, groups]: [usize; 3],
    stay: Option<[usize; 3]>,
) -> ThreadProgram {
    let sizes = [("rows", rows), ("columns", columns), ("groups", groups)];
    let entry = CATALOG.iter().find(|entry| entry.name == name).unwrap();
    let mut program = recorded(entry, DType::BF16);
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    let bindings = bind(&program, &vec![None; program.params.len()], &sizes).unwrap();
    let filled = |what: fn(usize) -> f64| -> Vec<Argument> {
        let params = program.params.iter().zip(&bindings.kernel_shapes);
        params
            .map(|(param, shape)| {
                let ParamKind::Tensor { dtype, .. } = param.kind else { panic!("no scalars") };
                let values: Vec<f64> = (0..shape.iter().product()).map(what).collect();
                Argument::Tensor(Tensor::from_values(dtype, shape, &values))
            })
            .collect()
    };
    let inputs = |i: usize| (i * 37 % 101) as f64;
    let (mut right, mut found) = (filled(inputs), filled(inputs));
    interpret(&program, &mut right, &bindings).unwrap();
    let dims = &bindings.dims;
    let mut schedule = Schedule::default_for(&program, dims, Units::Half);
    schedule.routines = true;
    schedule.stay = stay.and_then(|[count, shared, least]| {
        Stay::of(&program, dims, Multiprocessors { count, shared, least })
    });
    for (aligned, (param, shape)) in
        schedule.aligned.iter_mut().zip(program.params.iter().zip(&bindings.kernel_shapes))
    {
        let ParamKind::Tensor { dtype, .. } = param.kind else { continue };
        *aligned = (shape[shape.len() - 1] * dtype.size()).is_multiple_of(16);
    }
    let threads = lower(&program, &schedule).unwrap();
    emulate(&threads, dims, &mut found).unwrap();
    let last = |all: &[Argument]| all.last().and_then(Argument::tensor).map(Tensor::values);
    let values = |all: &[Argument]| last(all).unwrap();
    for (a, b) in values(&right).iter().zip(values(&found)) {
        assert!((a - b).abs() <= a.abs() / 100.0 + 1.0, "{rows} x {columns}: {b} is not {a}");
    }
    threads
}

#[test]
fn no_two_subgroups_keep_sums_of_several_rows_in_one_slot() {
    for (columns, groups) in
        [(64, 192), (1024, 64), (4096, 64), (4096, 192), (6144, 64), (16384, 64)]
    {
        let entry = CATALOG.iter().find(|entry| entry.name == "quantized_matvec").unwrap();
        let mut program = recorded(entry, DType::BF16);
        pipeline::optimize(&mut program);
        pipeline::run(&mut program, PASSES, |_, _| {});
        let sizes = [("rows", 3), ("columns", columns), ("groups", groups)];
        let bindings = bind(&program, &vec![None; program.params.len()], &sizes).unwrap();
        let threads = lowered_for(&program, &bindings.dims, true).unwrap();
        let routines = threads.body.iter().filter_map(|code| match code {
            Code::Routine(Routine::AffineProducts(routine)) => Some(routine),
            _ => None,
        });
        for r in routines {
            // A turn of all subgroups takes so many sums, which go to the slots one after the other.
            let sums = threads.threads / 32 * r.steps * 128 / AffineProducts::UNIT;
            let there = (groups * r.group).div_ceil(AffineProducts::UNIT);
            let alone = r.ready.is_some() || sums.min(there) <= r.slots;
            assert!(alone, "{columns} x {groups}: {sums} sums to {} slots", r.slots);
        }
    }
}
