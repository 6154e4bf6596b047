//! Dots on matrix units, shown right by stepping through every thread.

use tilewright_ir::thread::{Code, ThreadProgram, emulate};
use tilewright_ir::{Argument, DType, Program, Tensor};
use tilewright_lang::{Specialization, record};
use tilewright_passes::lower::{Matrix, PASSES, Schedule, Units, Way, lower};
use tilewright_passes::pipeline;

/// y = x w + bias in blocks of 64 x 64, or with the operands as their transposes.
fn product(x_transposed: bool, w_transposed: bool) -> Program {
    let turned = |shape: [&str; 2], turn: bool| match turn {
        false => format!("{}, {}", shape[0], shape[1]),
        true => format!("{}, {}", shape[1], shape[0]),
    };
    let signature = format!(
        "x: T[{}], w: T[{}], bias: T[columns] -> y: T[rows, columns]",
        turned(["rows", "depth"], x_transposed),
        turned(["depth", "columns"], w_transposed)
    );
    record("product", &signature, &Specialization::of(DType::BF16), |k, a| {
        let (x, w, y) = (a["x"], a["w"], a["y"]);
        let (i, j) = (k.blocks(y.size(0), 64), k.blocks(y.size(1), 64));
        let mut sum = k.var(k.full(DType::F32, &[64.into(), 64.into()], 0.0));
        for l in k.range_step(0, x.size(usize::from(!x_transposed)), 64) {
            let x = match x_transposed {
                false => x.block([i, l], [64, 64]).load(),
                true => x.block([l, i], [64, 64]).load().transpose(),
            };
            let w = match w_transposed {
                false => w.block([l, j], [64, 64]).load(),
                true => w.block([j, l], [64, 64]).load().transpose(),
            };
            sum += x.dot(w);
        }
        let bias = a["bias"].range(j, 64).load().to(DType::F32);
        y.block([i, j], [64, 64]).store(sum.get() + bias);
    })
    .unwrap()
}

/// The programs of `product` for these sizes, as `change` would have the schedule.
fn lowered(program: &Program, dims: &[usize], change: impl Fn(&mut Schedule)) -> ThreadProgram {
    let mut program = program.clone();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    let mut schedule = Schedule::default_for(&program, dims, Units::Half);
    change(&mut schedule);
    lower(&program, &schedule).unwrap()
}

/// Runs it on small integers, of which every sum is exact in f32, and compares with the product in integers.
fn check(
    threads: &ThreadProgram,
    [rows, depth, columns]: [usize; 3],
    [x_transposed, w_transposed]: [bool; 2],
) -> Result<(), String> {
    let x = |i: usize, l: usize| ((i * 7 + l * 3) % 5) as f64 - 2.0;
    let w = |l: usize, j: usize| ((l * 5 + j * 11) % 7) as f64 - 3.0;
    let bias = |j: usize| (j % 3) as f64;
    let tile = |r: usize, c: usize, of: &dyn Fn(usize, usize) -> f64| -> Argument {
        let values: Vec<f64> = (0..r * c).map(|n| of(n / c, n % c)).collect();
        Argument::Tensor(Tensor::from_values(DType::BF16, &[r, c], &values))
    };
    let x_tensor = match x_transposed {
        false => tile(rows, depth, &x),
        true => tile(depth, rows, &|l, i| x(i, l)),
    };
    let w_tensor = match w_transposed {
        false => tile(depth, columns, &w),
        true => tile(columns, depth, &|j, l| w(l, j)),
    };
    let biases: Vec<f64> = (0..columns).map(bias).collect();
    let biases = Argument::Tensor(Tensor::from_values(DType::BF16, &[columns], &biases));
    let mut arguments = [x_tensor, w_tensor, biases, tile(rows, columns, &|_, _| 77.0)];
    let dims: Vec<usize> = threads
        .dims
        .iter()
        .map(|dim| match dim.name.as_str() {
            "rows" => rows,
            "depth" => depth,
            _ => columns,
        })
        .collect();
    emulate(threads, &dims, &mut arguments)?;
    let y = arguments[3].tensor().map(Tensor::values).unwrap_or_default();
    for (n, y) in y.iter().enumerate() {
        let (i, j) = (n / columns, n % columns);
        let exact: f64 = (0..depth).map(|l| x(i, l) * w(l, j)).sum::<f64>() + bias(j);
        let exact = DType::BF16.round(exact);
        if *y != exact {
            return Err(format!("element {i}, {j} is {y}, not {exact}"));
        }
    }
    Ok(())
}

fn sizes(program: &Program, [rows, depth, columns]: [usize; 3]) -> Vec<usize> {
    let size = |name: &str| match name {
        "rows" => rows,
        "depth" => depth,
        _ => columns,
    };
    program.dims.iter().map(|dim| size(&dim.name)).collect()
}

#[test]
fn operands_of_every_orientation_and_size_are_multiplied() {
    for turned in [[false, false], [false, true], [true, false], [true, true]] {
        let program = product(turned[0], turned[1]);
        for shape in [[64, 64, 64], [72, 200, 40], [3, 67, 129], [65, 0, 8]] {
            let threads = lowered(&program, &sizes(&program, shape), |_| {});
            check(&threads, shape, turned).unwrap_or_else(|e| panic!("{turned:?} {shape:?}: {e}"));
        }
    }
}

#[test]
fn neighbouring_programs_are_joined() {
    let matrix = |down, right, columns, stages| Matrix {
        way: Way::Half,
        coarsen: vec![down, right],
        columns,
        stages,
        square: 2,
        direct: false,
    };
    for (matrix, team) in
        [(matrix(1, 1, 1, 3), 7), (matrix(0, 1, 1, 2), 7), (matrix(1, 2, 2, 4), 8)]
    {
        for turned in [[false, false], [false, true], [true, false]] {
            let (program, shape) = (product(turned[0], turned[1]), [136, 200, 264]);
            let threads = lowered(&program, &sizes(&program, shape), |schedule| {
                schedule.matrix = Some(matrix.clone());
                schedule.team = team;
            });
            let blocks: Vec<usize> = threads.grid.iter().map(|axis| axis.per_group).collect();
            let right = 64 << matrix.coarsen[1];
            assert_eq!(blocks, [right, 64 << matrix.coarsen[0]]);
            check(&threads, shape, turned).unwrap_or_else(|e| panic!("{matrix:?}: {e}"));
        }
    }
}

/// A float product whose operands have no room in shared memory, here for the asking.
#[test]
fn operands_may_be_read_where_they_lie() {
    for turned in [[false, false], [false, true], [true, false], [true, true]] {
        let program = product(turned[0], turned[1]);
        for shape in [[64, 64, 64], [3, 67, 129], [65, 0, 8]] {
            let threads = lowered(&program, &sizes(&program, shape), |schedule| {
                let (way, coarsen) = (Way::Float, vec![0, 0]);
                let direct =
                    Matrix { way, coarsen, columns: 1, stages: 1, square: 1, direct: true };
                schedule.matrix = Some(direct);
                schedule.team = 7;
            });
            assert_eq!(threads.shared_bytes(), 0, "{:?}", threads.shared);
            check(&threads, shape, turned).unwrap_or_else(|e| panic!("{turned:?} {shape:?}: {e}"));
        }
    }
}

#[test]
fn a_missing_wait_or_barrier_is_caught() {
    fn without(body: &mut Vec<Code>, what: &dyn Fn(&Code) -> bool) {
        body.retain(|code| !what(code));
        body.iter_mut().filter_map(Code::body_mut).for_each(|inner| without(inner, what));
    }
    let (program, shape) = (product(false, true), [64, 256, 64]);
    let threads = lowered(&program, &sizes(&program, shape), |_| {});
    assert_eq!(check(&threads, shape, [false, true]), Ok(()));
    let mut broken = threads.clone();
    without(&mut broken.body, &|code| matches!(code, Code::CopyWait(_)));
    let fault = check(&broken, shape, [false, true]).unwrap_err();
    assert!(fault.contains("before its copy is waited for"), "{fault}");
    let mut broken = threads.clone();
    without(&mut broken.body, &|code| *code == Code::Barrier);
    let fault = check(&broken, shape, [false, true]).unwrap_err();
    assert!(fault.contains("race"), "{fault}");
}
