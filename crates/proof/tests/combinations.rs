//! Kernels as an author writes them, of parts that the catalog does not put together: what they compute is known, and every
//! target computes it.

mod agree;

use agree::{agree, counted};
use tilewright_ir::{DType, Program, ReduceOp};
use tilewright_lang::{Args, Kernel, Specialization, record, scan_by};

fn recorded(signature: &str, build: impl Fn(&mut Kernel, &Args)) -> Program {
    record("combination", signature, &Specialization::default(), build).unwrap()
}

/// What is left of a whole number in an integer type.
fn wrapped(x: i64, dtype: DType) -> i64 {
    match dtype {
        DType::I8 => x as i8 as i64,
        DType::U8 => x as u8 as i64,
        DType::I32 => x as i32 as i64,
        _ => x as u32 as i64,
    }
}

#[test]
fn integers_wrap_and_divide_by_nothing() {
    for (dtype, width) in [(DType::I8, 8), (DType::U8, 8), (DType::I32, 32), (DType::U32, 32)] {
        let name = dtype.name();
        let of = |x: i64| wrapped(x, dtype);
        let (least, greatest) = match dtype.is_signed() {
            true => (of(1 << (width - 1)), of((1 << (width - 1)) - 1)),
            false => (0, of(-1)),
        };
        let edges = [least, least + 1, of(-33), of(-8), of(-1), 0, 1, 2, 7, 8, 31, 32, 33];
        let edges: Vec<i64> = edges.into_iter().chain([greatest - 1, greatest]).collect();
        let pairs: Vec<(i64, i64)> =
            edges.iter().flat_map(|&a| edges.iter().map(move |&b| (a, b))).collect();
        let binary: [(&str, fn(i64, i64, i64) -> i64); 12] = [
            ("add", |a, b, _| a + b),
            ("sub", |a, b, _| a - b),
            ("mul", |a, b, _| a.wrapping_mul(b)),
            ("div", |a, b, _| if b == 0 { 0 } else { a / b }),
            ("rem", |a, b, _| if b == 0 { 0 } else { a % b }),
            ("max", |a, b, _| a.max(b)),
            ("min", |a, b, _| a.min(b)),
            ("and", |a, b, _| a & b),
            ("or", |a, b, _| a | b),
            ("xor", |a, b, _| a ^ b),
            ("shl", |a, b, width| a << (b & (width - 1))),
            ("shr", |a, b, width| a >> (b & (width - 1))),
        ];
        let signature = format!("a: {name}[n], b: {name}[n] -> y: {name}[12, n], z: {name}[4, n]");
        let program = recorded(&signature, |_, v| {
            let (a, b) = (v["a"].load(), v["b"].load());
            let made = [
                a + b,
                a - b,
                a * b,
                a / b,
                a % b,
                a.max(b),
                a.min(b),
                a & b,
                a | b,
                a ^ b,
                a << b,
                a >> b,
            ];
            made.into_iter().enumerate().for_each(|(i, made)| v["y"].row(i).store(made));
            let made = [-a, a.abs(), a.sign(), !a];
            made.into_iter().enumerate().for_each(|(i, made)| v["z"].row(i).store(made));
        });
        let side = |pick: fn(&(i64, i64)) -> i64| -> Vec<f64> {
            pairs.iter().map(|pair| pick(pair) as f64).collect()
        };
        let made = agree(&program, &[&side(|p| p.0), &side(|p| p.1)], &[pairs.len()]);
        for (i, (op, meaning)) in binary.iter().enumerate() {
            for (j, &(a, b)) in pairs.iter().enumerate() {
                let expected = of(meaning(a, b, width)) as f64;
                assert_eq!(made[0][i * pairs.len() + j], expected, "{op}({a}, {b}) in {name}");
            }
        }
        let unary: [fn(i64) -> i64; 4] = [|a| -a, |a| a.abs(), |a| a.signum(), |a| !a];
        for (i, meaning) in unary.iter().enumerate() {
            for (j, &(a, _)) in pairs.iter().enumerate() {
                assert_eq!(
                    made[1][i * pairs.len() + j],
                    of(meaning(a)) as f64,
                    "{i}({a}) in {name}"
                );
            }
        }
    }
}

/// The nearest number with so many bits after its first, even where two are.
fn rounded(x: f64, bits: i32, least: i32, greatest: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let unit = 2f64.powi((x.abs().log2().floor() as i32).max(least) - bits);
    let near = (x / unit).round_ties_even() * unit;
    if near.abs() > greatest { f64::INFINITY.copysign(x) } else { near }
}

#[test]
fn conversions_end_at_the_ends_of_their_types() {
    let inf = f64::INFINITY;
    let floats = [
        f64::NAN,
        inf,
        -inf,
        0.0,
        -0.0,
        0.5,
        -0.5,
        -0.99,
        1.5,
        2.5,
        127.0,
        127.5,
        128.0,
        -128.5,
        -129.0,
        255.9,
        256.0,
        1e5,
        65519.0,
        65520.0,
        2147483520.0,
        2147483648.0,
        4294967040.0,
        4294967296.0,
        -2147483648.0,
        -3e9,
        1e30,
        1e-7,
        6e-8,
        2.9e-8,
        1e-40,
        1.00048828125,
        1.0039062500,
        1.01171875,
    ];
    let floats: Vec<f64> = floats.into_iter().map(|x| x as f32 as f64).collect();
    let signature = "x: f32[n] -> a: i8[n], b: u8[n], c: i32[n], d: u32[n], e: bool[n], f: f16[n], \
                     g: bf16[n], h: i32[n], i: f32[n]";
    let program = recorded(signature, |_, v| {
        let x = v["x"].load();
        let types =
            [DType::I8, DType::U8, DType::I32, DType::U32, DType::Bool, DType::F16, DType::BF16];
        for (name, dtype) in ["a", "b", "c", "d", "e", "f", "g"].into_iter().zip(types) {
            v[name].store(x.to(dtype));
        }
        v["h"].store(x.bitcast(DType::I32));
        // Negative zero and the bits of a number come back.
        v["i"].store((x.bitcast(DType::U32) ^ 0x8000_0000u32).bitcast(DType::F32));
    });
    let made = agree(&program, &[&floats], &[floats.len()]);
    for (j, &x) in floats.iter().enumerate() {
        let x = x as f32;
        let expected = [
            x as i8 as f64,
            x as u8 as f64,
            x as i32 as f64,
            x as u32 as f64,
            (x != 0.0) as u8 as f64,
            rounded(x as f64, 10, -14, 65504.0),
            rounded(x as f64, 7, -126, 3.4e38),
        ];
        for (i, expected) in expected.into_iter().enumerate() {
            let found = made[i][j];
            assert!(
                found == expected || found.is_nan() && x.is_nan(),
                "{i}: {x} is {found}, not {expected}"
            );
        }
        if !x.is_nan() {
            assert_eq!(made[7][j] as i32, x.to_bits() as i32);
            assert_eq!((made[8][j] as f32).to_bits(), (-x).to_bits());
        }
    }
    let signature = "x: u32[n] -> a: i8[n], b: u8[n], c: i32[n], d: bool[n]";
    let program = recorded(signature, |_, v| {
        let x = v["x"].load();
        let types = [DType::I8, DType::U8, DType::I32, DType::Bool];
        for (name, dtype) in ["a", "b", "c", "d"].into_iter().zip(types) {
            v[name].store(x.to(dtype));
        }
    });
    let great = [0.0, 127.0, 128.0, 255.0, 256.0, 2147483647.0, 2147483648.0, 4294967295.0];
    let made = agree(&program, &[&great], &[great.len()]);
    for (j, x) in great.into_iter().enumerate() {
        let expected = [x.min(127.0), x.min(255.0), x.min(2147483647.0), (x != 0.0) as u8 as f64];
        assert_eq!([made[0][j], made[1][j], made[2][j], made[3][j]], expected);
    }
}

#[test]
fn recurrences_of_rows_that_data_name_are_carried_round_a_loop() {
    let signature = "a: f32[rows, 19], b: f32[rows, 19], order: i32[steps] -> y: f32[steps, 19]";
    let program = recorded(signature, |k, v| {
        let carried = k.var(k.full(DType::F32, &[19.into()], 1.0));
        for j in k.range(0, v["order"].size(0)) {
            let row = v["order"].at(j).load();
            let pair = [v["a"].row(row).load(), v["b"].row(row).load() + carried.get()];
            let [_, h] = scan_by(pair, |[a, b], [c, d]| [a * c, b * c + d]);
            k.when(row.gt(0), || carried.set(h));
            v["y"].row(j).store(h - carried.get().row_max());
        }
    });
    // Of halves and ones, so that all is exact.
    let a: Vec<f64> = (0..57).map(|i| [0.0, 1.0, -1.0, 0.5][i % 4]).collect();
    let (b, order) = (counted(57), [2.0, 0.0, 1.0, 1.0, 0.0]);
    let made = agree(&program, &[&a, &b, &order], &[3, 5]);
    let mut carried = [1.0; 19];
    for (j, row) in order.into_iter().enumerate() {
        let mut h = [0.0; 19];
        for i in 0..19 {
            let at = row as usize * 19 + i;
            h[i] = if i == 0 { 0.0 } else { h[i - 1] } * a[at] + (b[at] + carried[i]);
        }
        if row > 0.0 {
            carried = h;
        }
        let most = carried.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let expected: Vec<f64> = h.iter().map(|x| x - most).collect();
        assert_eq!(&made[0][j * 19..][..19], expected, "step {j}");
    }
}

#[test]
fn blocks_are_turned_cut_and_joined() {
    let signature = "x: f32[m, 7] -> y: f32[7, m], sums: f32[7], top: u32[m], runs: f32[m, 7]";
    let program = recorded(signature, |k, v| {
        let first = k.blocks(v["x"].size(0), 3);
        let x = v["x"].rows(first, 3).load();
        let left = k.full(DType::I32, &[], 0);
        v["y"].block([left, first], [7, 3]).store(x.transpose());
        k.when(first.eq(0), || {
            let all = v["x"].rows(0, 11).load();
            v["sums"].store(all.reduce(ReduceOp::Sum, 0).reshape(&[7.into()]));
        });
        v["top"].range(first, 3).store(x.row_argmin().reshape(&[3.into()]));
        let joined = x.slice(1, 4, 3).concat(x.slice(1, 0, 4));
        v["runs"].rows(first, 3).store(joined.cumsum());
    });
    for m in [1, 10] {
        let x = counted(7 * m);
        let made = agree(&program, &[&x], &[m]);
        for i in 0..m {
            let row = &x[7 * i..][..7];
            let least = row.iter().copied().fold(f64::INFINITY, f64::min);
            assert_eq!(made[2][i] as usize, row.iter().position(|x| *x == least).unwrap());
            let mut run = 0.0;
            for j in 0..7 {
                assert_eq!(made[0][j * m + i], row[j]);
                run += row[(j + 4) % 7];
                assert_eq!(made[3][7 * i + j], run);
            }
        }
        let sum = |j: usize| x.iter().skip(j).step_by(7).sum::<f64>();
        assert_eq!(made[1], (0..7).map(sum).collect::<Vec<_>>());
    }
}

#[test]
fn products_of_odd_blocks() {
    for (dtype, name) in
        [(DType::F32, "f32"), (DType::F16, "f16"), (DType::I8, "i8"), (DType::U32, "u32")]
    {
        let signature = format!(
            "a: {name}[m, 5], b: {name}[7, 5] -> y: {}[m, 7]",
            match dtype {
                DType::I8 | DType::U32 => "i32",
                _ => "f32",
            }
        );
        let program = recorded(&signature, |k, v| {
            let first = k.blocks(v["a"].size(0), 3);
            let (a, b) = (v["a"].rows(first, 3).load(), v["b"].load());
            v["y"].rows(first, 3).store(a.dot(b.transpose()));
        });
        let positive = |x: Vec<f64>| -> Vec<f64> {
            x.into_iter().map(|x| if dtype == DType::U32 { x.abs() } else { x }).collect()
        };
        let (a, b) = (positive(counted(40)), positive(counted(35)));
        let made = agree(&program, &[&a, &b], &[8]);
        for i in 0..8 {
            for j in 0..7 {
                let expected: f64 = (0..5).map(|l| a[i * 5 + l] * b[j * 5 + l]).sum();
                assert_eq!(made[0][i * 7 + j], expected, "{name} {i} {j}");
            }
        }
    }
}

#[test]
fn programs_join_what_they_have_atomically() {
    let signature =
        "i: i32[*rows, 6], x: i32[*rows, 6], sums: &i32[9], most: &u32[9], least: &f32[9]";
    let program = recorded(signature, |k, v| {
        let row = k.program();
        let (i, x) = (v["i"].row(row).load(), v["x"].row(row).load());
        v["sums"].gather(i).atomic_add(x);
        v["most"].gather(i).atomic_max(x.to(DType::U32) + 0x8000_0000u32);
        v["least"].gather(i).atomic_min(x.to(DType::F32) * 0.5);
    });
    // No place twice in one row.
    let i: Vec<f64> = (0..60).map(|i| ((i % 6) * 5 + i / 6) as f64 % 9.0).collect();
    let distinct = |row: &[f64]| (1..6).all(|k| !row[..k].contains(&row[k]));
    let kept: Vec<usize> = (0..10).filter(|r| distinct(&i[r * 6..][..6])).collect();
    assert!(kept.len() > 3);
    let i: Vec<f64> = kept.iter().flat_map(|r| i[r * 6..][..6].to_vec()).collect();
    let x = counted(i.len());
    let (mut sums, mut most, mut least) = ([100.0; 9], [5.0; 9], [-0.5f64; 9]);
    let made = agree(&program, &[&i, &x, &sums, &most, &least], &[kept.len()]);
    for (&i, &x) in i.iter().zip(&x) {
        let i = i as usize;
        sums[i] += x;
        most[i] = f64::max(most[i], x.max(0.0) + 2f64.powi(31));
        least[i] = least[i].min(x * 0.5);
    }
    assert_eq!(made, [sums.to_vec(), most.to_vec(), least.to_vec()]);
}

#[test]
fn integers_of_every_width_are_unpacked() {
    for bits in 1..=8usize {
        for (name, width) in [("u8", 8usize), ("u32", 32)] {
            let words = bits;
            let count = words * width / bits;
            let signature =
                format!("x: {name}[*rows, {words}] -> y: u32[*rows, {count}], s: f32[*rows]");
            let program = recorded(&signature, |k, v| {
                let row = k.program();
                let q = v["x"].row(row).load().unpack(bits as u32);
                v["y"].row(row).store(q);
                v["s"].at(row).store(q.to(DType::F32).row_sum());
            });
            let word =
                |i: usize| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - width);
            let x: Vec<f64> = (0..3 * words).map(|i| word(i) as f64).collect();
            let made = agree(&program, &[&x], &[3]);
            for row in 0..3 {
                let bytes: Vec<u8> = x[row * words..][..words]
                    .iter()
                    .flat_map(|w| (*w as u32).to_le_bytes()[..width / 8].to_vec())
                    .collect();
                let bit = |i: usize| bytes[i / 8] >> (i % 8) & 1;
                for j in 0..count {
                    let q: u32 = (0..bits).map(|b| (bit(j * bits + b) as u32) << b).sum();
                    assert_eq!(made[0][row * count + j], q as f64, "{bits} bits of {name}, {j}");
                }
            }
        }
    }
}

/// Adds up `d_x` of a gradient that has one program, for cotangents of ones.
fn gradient(text: &str, x: &[f64], dims: &[usize]) -> Vec<f64> {
    let forward = tilewright_ir::text::parse(text).unwrap();
    let backward = tilewright_passes::grad(&forward, &Default::default()).unwrap();
    let [program] = &backward.programs[..] else { panic!("{:?}", backward.gradients) };
    let ones = vec![1.0; x.len()];
    let inputs = program.params.iter().filter(|param| match param.kind {
        tilewright_ir::ParamKind::Tensor { access, .. } => access != tilewright_ir::Access::Out,
        _ => true,
    });
    let inputs = inputs.map(|param| if param.name == "x" { x } else { &ones[..] });
    agree(program, &inputs.collect::<Vec<_>>(), dims).remove(0)
}

#[test]
fn gradients_of_what_is_read_twice_and_stored_twice() {
    // What a load gives past the end makes it no other place.
    let square = "kernel k(x: in f32[n], y: out f32[n])
        %0: f32[n] = load x[:]
        %1: f32[n] = load x[:] fill 0.5
        %2: f32[n] = mul %0, %1
        store y[:] = %2";
    assert_eq!(gradient(square, &[3.0, -1.0], &[2]), [6.0, -2.0]);
    let blocks = "kernel k(x: in f32[n], y: out f32[n])
        grid n / 4
        %0: i32 = program 0
        %1: i32 = const 4
        %2: i32 = mul %0, %1
        %3: f32[4] = load x[%2..+4]
        %4: f32[4] = load x[%2..+4] fill -inf
        %5: f32[4] = mul %3, %3
        %6: f32[4] = add %5, %4
        store y[%2..+4] = %6";
    assert_eq!(
        gradient(blocks, &[3.0, -1.0, 0.0, 0.5, 2.0, 7.0], &[6]),
        [7.0, -1.0, 1.0, 2.0, 5.0, 15.0]
    );
    // Negative elements are replaced, and depend on what replaced them alone.
    let replaced = "kernel k(x: in f32[n], y: out f32[n])
        %0: f32[n] = load x[:]
        %1: f32 = const 0.0
        %2: bool[n] = lt %0, %1
        %3: f32[n] = mul %0, %0
        store y[:] = %0
        store y[:] = %3 if %2";
    assert_eq!(gradient(replaced, &[3.0, -4.0], &[2]), [1.0, -8.0]);
    let shared = "kernel k(x: in f32[n], y: out f32[n])
        grid n
        %0: i32 = program 0
        %1: f32 = load x[%0]
        store y[%0] = %1
        %2: i32 = const 0
        store y[%2..+1] = %1";
    let forward = tilewright_ir::text::parse(shared).unwrap();
    let error = tilewright_passes::grad(&forward, &Default::default()).unwrap_err().to_string();
    assert!(error.contains("two stores to `y` that may share elements"), "{error}");
}
