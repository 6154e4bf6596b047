//! What rows of certain kernels are made of, and that it gives what it should.

mod staggered;

use crate::{CpuDevice, CpuOptions};
use tilewright_ir::bind::{Bindings, bind};
use tilewright_ir::{Program, meaning, text::parse};
use tilewright_target::{Argument, Buffer, Device, Region, TargetError};

/// A launch: bytes of each tensor in, bytes of each tensor and the schedule out.
fn launch_bytes(
    program: &Program,
    bindings: &Bindings,
    contents: &[Vec<u8>],
    scalars: &[f64],
    options: CpuOptions,
) -> Result<(Vec<Vec<u8>>, String), TargetError> {
    let device = CpuDevice::with(options);
    let mut buffers: Vec<Box<dyn Buffer>> = Vec::new();
    for content in contents {
        let mut buffer = device.allocate(content.len())?;
        buffer.write(0, content)?;
        buffers.push(buffer);
    }
    let whole = buffers.iter().map(|buffer| Region::whole(&**buffer));
    let mut arguments: Vec<Argument<'_>> = whole.map(Argument::Tensor).collect();
    arguments.extend(scalars.iter().map(|&scalar| Argument::Scalar(scalar)));
    let executable = device.compile(program)?;
    // SAFETY: the buffers are this function's.
    unsafe { executable.launch(bindings, &arguments) }?;
    let mut found = Vec::new();
    for buffer in &buffers {
        let mut content = vec![0; buffer.size()];
        buffer.read(0, &mut content)?;
        found.push(content);
    }
    Ok((found, executable.describe()))
}

/// A launch on 2 threads: words of each tensor in, words of each tensor and the schedule out.
fn launch(
    program: &Program,
    tensors: &[(&[usize], Vec<u32>)],
    scalars: &[f64],
) -> Result<(Vec<Vec<u32>>, String), TargetError> {
    let mut shapes: Vec<Option<Vec<usize>>> = Vec::new();
    let mut contents: Vec<Vec<u8>> = Vec::new();
    for (shape, words) in tensors {
        contents.push(words.iter().flat_map(|word| word.to_le_bytes()).collect());
        shapes.push(Some(shape.to_vec()));
    }
    shapes.extend(scalars.iter().map(|_| None));
    let bindings = bind(program, &shapes, &[]).unwrap();
    let options = CpuOptions { threads: 2, ..CpuOptions::default() };
    let (found, schedule) = launch_bytes(program, &bindings, &contents, scalars, options)?;
    let words = found.iter().map(|bytes| {
        bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect()
    });
    Ok((words.collect(), schedule))
}

fn floats(count: usize) -> Vec<u32> {
    (0..count).map(|i| (i as f32 * 0.25 - 9.0).to_bits()).collect()
}

fn float(bits: u32) -> f32 {
    f32::from_bits(bits)
}

#[test]
fn every_other_element_is_stored_with_its_neighbour() {
    let text = "kernel turned(x: in f32[rows, 2*half], y: out f32[rows, 2*half])
        grid rows
        %0: i32 = program 0
        %1: i32 = const 0
        %2: i32 = const 1
        %3: f32[half] = load x[%0, %1..+half step 2]
        %4: f32[half] = load x[%0, %2..+half step 2]
        %5: f32[half] = neg %4
        store y[%0, %1..+half step 2] = %5
        store y[%0, %2..+half step 2] = %3";
    for (rows, half) in [(70, 64), (3, 21), (1, 1)] {
        let shape: &[usize] = &[rows, 2 * half];
        let tensors = [(shape, floats(rows * 2 * half)), (shape, vec![!0; rows * 2 * half])];
        let (found, schedule) = launch(&parse(text).unwrap(), &tensors, &[]).unwrap();
        for (pair, of) in found[1].chunks_exact(2).zip(found[0].chunks_exact(2)) {
            assert_eq!([float(pair[0]), float(pair[1])], [-float(of[1]), float(of[0])]);
        }
        assert!(half == 1 || schedule.contains("= interleave"), "{schedule}");
    }
}

#[test]
fn long_rows_of_a_table_come_in_blocks_and_short_numbers_need_no_check() {
    let text = |extent: usize| {
        format!(
            "kernel looked_up(table: in f32[{extent}], x: in u32[n], y: out f32[8*n])
            %0: f32[{extent}] = load table[:]
            %1: u32[n] = load x[:]
            %2: u32[8*n] = unpack %1 bits 4
            %3: f32[8*n] = pick %0, %2
            store y[:] = %3"
        )
    };
    let n = 5001;
    let packed: Vec<u32> = (0..n as u32).map(|i| meaning::philox(i, 5, 0)).collect();
    for extent in [16, 20, 15] {
        let tensors: [(&[usize], _); 3] =
            [(&[extent], floats(extent)), (&[n], packed.clone()), (&[8 * n], vec![!0; 8 * n])];
        let found = launch(&parse(&text(extent)).unwrap(), &tensors, &[]);
        if extent < 16 {
            assert!(matches!(found, Err(TargetError::OutOfRange { .. })));
            continue;
        }
        let (found, schedule) = found.unwrap();
        for (i, &y) in found[2].iter().enumerate() {
            assert_eq!(y, found[0][(packed[i / 8] >> (4 * (i % 8)) & 15) as usize], "{i}");
        }
        assert!(schedule.contains("in blocks of") && !schedule.contains("check"), "{schedule}");
    }
}

#[test]
fn positions_that_count_from_a_row_on_are_never_written_down() {
    let text =
        "kernel dropped(x: in f32[rows, n], y: out f32[rows, n], p: scalar f32, seed: scalar u32)
        grid rows
        %0: i32 = program 0
        %1: f32[n] = load x[%0, :]
        %2: u32 = cast %0
        %3: i32 = size n
        %4: u32 = cast %3
        %5: u32 = mul %2, %4
        %6: i32[n] = iota n
        %7: u32[n] = cast %6
        %8: u32[n] = add %5, %7
        %9: u32 = scalar seed
        %10: u32 = const 0
        %11: u32[n] = philox %8, %9, %10
        %12: u32 = const 8
        %13: u32[n] = shr %11, %12
        %14: f32[n] = cast %13
        %15: f32 = const 5.960464477539063e-8
        %16: f32[n] = mul %14, %15
        %17: f32 = scalar p
        %18: bool[n] = ge %16, %17
        %19: f32 = const 0.0
        %20: f32[n] = select %18, %1, %19
        store y[%0, :] = %20";
    for (rows, n) in [(9, 301), (40, 128), (2, 20_001)] {
        let shape: &[usize] = &[rows, n];
        let tensors = [(shape, floats(rows * n)), (shape, vec![!0; rows * n])];
        let (found, schedule) = launch(&parse(text).unwrap(), &tensors, &[0.25, 7.0]).unwrap();
        let mut dropped = 0;
        for (i, (&x, &y)) in found[0].iter().zip(&found[1]).enumerate() {
            let kept = (meaning::philox(i as u32, 7, 0) >> 8) as f32 / 16_777_216.0 >= 0.25;
            assert_eq!(y, if kept { x } else { 0 }, "{i} of {rows} x {n}");
            dropped += !kept as usize;
        }
        assert!(dropped > rows * n / 8);
        assert!(schedule.contains("drop_out") && !schedule.contains("iota"), "{schedule}");
    }
}

#[test]
fn rows_that_are_looked_up_stay_inside_their_tensor() {
    let text =
        "kernel looked_up(table: in f32[entries, 2*n], at: in i32[rows], y: out f32[rows, n])
        grid rows
        %0: i32 = program 0
        %1: i32 = load at[%0]
        %2: i32 = const 1
        %3: f32[n] = load table[%1, %2..+n]
        %4: f32[n] = neg %3
        %5: f32[n] = mul %3, %4
        store y[%0, :] = %5";
    let (entries, rows, n) = (50, 40, 48);
    let run = |places: Vec<u32>| {
        let tensors: [(&[usize], _); 3] = [
            (&[entries, 2 * n], floats(entries * 2 * n)),
            (&[rows], places),
            (&[rows, n], vec![!0; rows * n]),
        ];
        launch(&parse(text).unwrap(), &tensors, &[])
    };
    let places: Vec<u32> = (0..rows as u32).map(|i| i * 7 % entries as u32).collect();
    let (found, _) = run(places.clone()).unwrap();
    for (i, &y) in found[2].iter().enumerate() {
        let x = float(found[0][places[i / n] as usize * 2 * n + 1 + i % n]);
        assert_eq!(float(y), x * -x, "{i}");
    }
    for bad in [entries as u32, u32::MAX] {
        let mut places = places.clone();
        places[33] = bad;
        match run(places).unwrap_err() {
            TargetError::OutOfRange { tensor, axis, index, .. } => {
                assert_eq!((&*tensor, axis, index), ("table", 0, bad as i32 as i64));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn programs_of_short_tiles_run_in_batches() {
    let text = "kernel grouped(x: in f32[rows, 64], y: out f32[rows, 8])
        grid rows
        %0: i32 = program 0
        %1: f32[64] = load x[%0, :]
        %2: f32[8, 8] = reshape %1
        %3: f32[8, 1] = reduce_max %2 axis 1
        %4: f32[8] = reshape %3
        store y[%0, :] = %4";
    let rows = 103;
    let tensors: [(&[usize], _); 2] =
        [(&[rows, 64], floats(rows * 64)), (&[rows, 8], vec![!0; rows * 8])];
    let (found, schedule) = launch(&parse(text).unwrap(), &tensors, &[]).unwrap();
    for (y, x) in found[1].iter().zip(found[0].chunks_exact(8)) {
        assert_eq!(*y, x[7]);
    }
    assert!(schedule.contains("batches of 32"), "{schedule}");
}

/// A chunk of rows, of which each gives a row of its own and its part of a sum.
fn summed(term: &str) -> String {
    format!(
        "dims rows, n, rows_40 = ceil(rows / 40)
        kernel summed(x: in f32[rows, n], y: out f32[rows, n], total: out f32[rows_40, n])
        grid rows_40
        var $0 sum: f32[n]
        %0: f32 = const 0.0
        %1: f32[n] = broadcast %0
        set $0 = %1
        %2: i32 = program 0
        %3: i32 = const 40
        %4: i32 = mul %2, %3
        %5: i32 = add %4, %3
        %6: i32 = size rows
        %7: i32 = min %5, %6
        for %8 row in %4..%7 {{
          %9: f32[n] = load x[%8, :]
          %10: f32 = cast %8
          %11: f32[n] = mul %9, %10
          store y[%8, :] = %11
          %12: f32[n] = get $0
          {term}
          set $0 = %14
        }}
        %15: f32[n] = get $0
        store total[%2, :] = %15"
    )
}

#[test]
fn turns_of_a_loop_that_add_up_run_together() {
    // A sum whose term is a value of its own, one that is made as it is added, and what is no sum.
    let terms: [(&str, bool, fn(f32, f32, f32) -> f32); 3] = [
        ("%13: f32[n] = neg %9\n%14: f32[n] = add %13, %12", true, |sum, x, _| sum - x),
        ("%13: f32[n] = mul %11, %9\n%14: f32[n] = add %12, %13", true, |sum, x, row| {
            sum + x * row * x
        }),
        ("%13: f32[n] = neg %12\n%14: f32[n] = add %13, %9", false, |sum, x, _| x - sum),
    ];
    for (term, together, then) in terms {
        let program = parse(&summed(term)).unwrap();
        for (rows, n) in [(200usize, 24), (97, 5), (40, 64), (3, 16), (90, 100)] {
            let small = (0..rows * n).map(|i| ((i * 7 % 11) as f32 - 5.0).to_bits()).collect();
            let chunks = rows.div_ceil(40);
            let tensors: [(&[usize], Vec<u32>); 3] = [
                (&[rows, n], small),
                (&[rows, n], vec![!0; rows * n]),
                (&[chunks, n], vec![!0; chunks * n]),
            ];
            let (found, schedule) = launch(&program, &tensors, &[]).unwrap();
            let x = |row: usize, k: usize| float(found[0][row * n + k]);
            for row in 0..rows {
                for k in 0..n {
                    assert_eq!(float(found[1][row * n + k]), x(row, k) * row as f32);
                }
            }
            for chunk in 0..chunks {
                for k in 0..n {
                    let own = 40 * chunk..rows.min(40 * chunk + 40);
                    let sum = own.fold(0.0, |sum, row| then(sum, x(row, k), row as f32));
                    assert_eq!(float(found[2][chunk * n + k]), sum, "{k} of {chunk}, {rows} x {n}");
                }
            }
            let several = schedule.contains("for, by 32");
            assert_eq!(several, together && n <= 64, "{rows} x {n}: {schedule}");
        }
    }
}

#[test]
fn programs_whose_loops_are_alike_are_a_batch() {
    // Rows that leave the same remainder are added up, and stored in two parts.
    let text = "dims rows, n, period, rows_16 = ceil(rows / 16), chunks = ceil(rows_16 / period)
        kernel summed(x: in f32[rows, n], y: out f32[rows, 2*n], total: out f32[chunks, period, n])
        grid chunks, period
        var $0 sum: f32[n]
        %0: f32 = const 0.0
        %1: f32[n] = broadcast %0
        set $0 = %1
        %2: i32 = program 0
        %3: i32 = program 1
        %4: i32 = const 16
        %5: i32 = size rows
        %6: i32 = size period
        %7: i32 = div %5, %6
        %8: i32 = rem %5, %6
        %9: bool = lt %3, %8
        %10: i32 = cast %9
        %11: i32 = add %7, %10
        %12: i32 = mul %2, %4
        %13: i32 = add %12, %4
        %14: i32 = min %13, %11
        %15: i32 = const 0
        %16: i32 = size n
        for %17 turn in %12..%14 {
          %18: i32 = mul %17, %6
          %19: i32 = add %18, %3
          %20: f32[n] = load x[%19, :]
          %21: f32[n] = neg %20
          store y[%19, %15..+n] = %20
          store y[%19, %16..+n] = %21
          %22: f32[n] = get $0
          %23: f32[n] = add %22, %20
          set $0 = %23
        }
        %24: f32[n] = get $0
        store total[%2, %3, :] = %24";
    let program = parse(text).unwrap();
    for (rows, period, n) in [(640usize, 32, 24), (96, 3, 5), (70, 3, 5), (700, 32, 24), (5, 9, 4)]
    {
        let chunks = rows.div_ceil(16).div_ceil(period);
        let small = (0..rows * n).map(|i| ((i * 7 % 11) as f32 - 5.0).to_bits()).collect();
        let tensors: [(&[usize], Vec<u32>); 3] = [
            (&[rows, n], small),
            (&[rows, 2 * n], vec![!0; rows * 2 * n]),
            (&[chunks, period, n], vec![!0; chunks * period * n]),
        ];
        let (found, schedule) = launch(&program, &tensors, &[]).unwrap();
        let x = |row: usize, k: usize| float(found[0][row * n + k]);
        for (row, k) in (0..rows).flat_map(|row| (0..n).map(move |k| (row, k))) {
            assert_eq!(float(found[1][row * 2 * n + k]), x(row, k));
            assert_eq!(float(found[1][row * 2 * n + n + k]), -x(row, k));
        }
        for chunk in 0..chunks {
            for (first, k) in (0..period).flat_map(|first| (0..n).map(move |k| (first, k))) {
                let own = (16 * chunk..16 * chunk + 16).map(|turn| turn * period + first);
                let sum: f32 = own.filter(|&row| row < rows).map(|row| x(row, k)).sum();
                let at = (chunk * period + first) * n + k;
                assert_eq!(float(found[2][at]), sum, "{k} of {first}, {rows} by {period}");
            }
        }
        // Where some have a turn more than others, each takes turns of its own together.
        let alike = rows.is_multiple_of(period);
        assert_eq!(!schedule.contains("batches of 1,"), alike, "{rows} by {period}: {schedule}");
        assert_eq!(schedule.contains("for, by 16"), !alike, "{rows} by {period}: {schedule}");
    }
}

#[test]
fn a_long_row_that_one_step_updates_comes_in_long_blocks() {
    let text = |body: &str| {
        format!(
            "kernel along(x: inout f32[n])
            %0: f32[n] = load x[:]
            %1: f32[n] = mul %0, %0
            {body}"
        )
    };
    let n = 3_000_001;
    let start: Vec<u32> = (0..n).map(|i| ((i % 100) as f32).to_bits()).collect();
    let tensors: [(&[usize], _); 1] = [(&[n], start)];
    let run = |body: &str| launch(&parse(&text(body)).unwrap(), &tensors, &[]).unwrap();
    let (found, schedule) = run("%2: f32[n] = add %1, %0\nstore x[:] = %2");
    for (i, &y) in found[0].iter().enumerate() {
        let x = (i % 100) as f32;
        assert_eq!(float(y), x * x + x, "{i}");
    }
    let native = schedule.contains("native");
    assert_eq!(schedule.contains("in blocks of 32768"), native, "{schedule}");
    // A sum is carried from block to block.
    let (_, schedule) =
        run("%2: f32[1] = reduce_sum %1 axis 0\n%3: f32[n] = sub %0, %2\nstore x[:] = %3");
    assert!(schedule.contains("in blocks of 2048"), "{schedule}");
}
