//! Reductions and scans by functions of an author's, of rows that are joined whole, in segments, and in segments with a
//! rest.

use tilewright_ir::DType::{F32, I32};
use tilewright_lang::{Along, reduce_by, scan_by, scan_by_along};
use tilewright_runtime::Runtime;
use tilewright_tensor::{Tensor, tile_kernel};

const LENGTHS: [usize; 9] = [1, 2, 15, 63, 64, 65, 79, 130, 1000];
const ROWS: usize = 3;

fn numbers(n: usize, salt: usize, low: f64, high: f64) -> Vec<f64> {
    let fraction = |i: usize| ((i + salt) as f64 * 0.618_033_988_749_895).fract();
    (0..ROWS * n).map(|i| (low + (high - low) * fraction(i)) as f32 as f64).collect()
}

fn close(found: &Tensor, expected: &[f64], of: &str) {
    let found = found.to_f64().unwrap();
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = 2e-5 * (1.0 + expected.abs());
        assert!(
            (found - expected).abs() <= allowed,
            "{of}: {found} is not {expected}, element {i}"
        );
    }
}

#[test]
fn recurrences_of_pairs() {
    let signature = "a: f32[*rows, n], b: f32[*rows, n] -> h: f32[*rows, n]";
    let kernel = tile_kernel("recurrence", signature, |k, v| {
        let row = k.program();
        let pair = [v["a"].row(row).load(), v["b"].row(row).load()];
        let [_, h] = scan_by(pair, |[a, b], [c, d]| [a * c, b * c + d]);
        v["h"].row(row).store(h);
    });
    let kernel = kernel.unwrap();
    for n in LENGTHS {
        let (a, b) = (numbers(n, 0, -1.0, 1.0), numbers(n, 7, -1.0, 1.0));
        let mut expected = Vec::new();
        for i in 0..a.len() {
            let before = if i % n == 0 { 0.0 } else { expected[i - 1] };
            expected.push(a[i] * before + b[i]);
        }
        let tensor = |values: &[f64]| Tensor::from_f64(F32, &[ROWS, n], values).unwrap();
        let h = kernel.call(&[&tensor(&a), &tensor(&b)]).unwrap();
        close(&h, &expected, &format!("{n}"));
    }
}

/// A product of 2 x 2 matrices does not commute: parts joined in the wrong order differ.
#[test]
fn products_of_matrices_keep_their_order() {
    let signature = "x: f32[*rows, n] -> whole: f32[*rows, 1], running: f32[*rows, n]";
    let kernel = tile_kernel("matrices", signature, |k, v| {
        let row = k.program();
        let x = v["x"].row(row).load();
        let elements = [x.cos(), x.sin() * 0.9, x * 0.1 - x.sin(), x.cos() + 0.01];
        let [_, q, _, s] = scan_by(elements, |[a, b, c, d], [e, f, g, h]| {
            [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
        });
        v["running"].row(row).store(q + s);
        let unit = [1.0, 0.0, 0.0, 1.0];
        let [_, q, _, s] = reduce_by(elements, unit, |[a, b, c, d], [e, f, g, h]| {
            [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
        });
        v["whole"].row(row).store(q + s);
    });
    let kernel = kernel.unwrap();
    for n in LENGTHS {
        let x = numbers(n, 3, -0.5, 0.5);
        let (mut running, mut whole) = (Vec::new(), Vec::new());
        for row in x.chunks(n) {
            let mut total = [1.0, 0.0, 0.0, 1.0];
            for &x in row {
                let [a, b, c, d]: [f64; 4] = total;
                let [e, f, g, h] = [x.cos(), x.sin() * 0.9, x * 0.1 - x.sin(), x.cos() + 0.01];
                total = [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
                running.push(total[1] + total[3]);
            }
            whole.push(total[1] + total[3]);
        }
        let x = Tensor::from_f64(F32, &[ROWS, n], &x).unwrap();
        let out = kernel.bind().input("x", &x).run().unwrap();
        close(&out["running"], &running, &format!("running product of {n}"));
        close(&out["whole"], &whole, &format!("product of {n}"));
    }
}

#[test]
fn sums_that_start_anew_at_a_flag() {
    let signature =
        "start: i32[*rows, n], x: f32[*rows, n] -> y: f32[*rows, n], any: i32[*rows, n]";
    let kernel = tile_kernel("segmented", signature, |k, v| {
        let row = k.program();
        let pair = [v["start"].row(row).load(), v["x"].row(row).load()];
        let [any, sum] = scan_by(pair, |[f, a], [g, b]| [f | g, g.ne(0).select(b, a + b)]);
        v["y"].row(row).store(sum);
        v["any"].row(row).store(any);
    });
    let kernel = kernel.unwrap();
    for n in LENGTHS {
        let x = numbers(n, 5, -1.0, 1.0);
        let flags: Vec<f64> = (0..x.len()).map(|i| (i % 37 == 20) as u8 as f64).collect();
        let (mut sums, mut any) = (Vec::new(), Vec::new());
        for i in 0..x.len() {
            let anew = i % n == 0 || flags[i] != 0.0;
            sums.push(if anew { x[i] } else { sums[i - 1] + x[i] });
            any.push(flags[i].max(if i % n == 0 { 0.0 } else { any[i - 1] }));
        }
        let x = Tensor::from_f64(F32, &[ROWS, n], &x).unwrap();
        let start = Tensor::from_f64(I32, &[ROWS, n], &flags).unwrap();
        let out = kernel.bind().input("start", &start).input("x", &x).run().unwrap();
        close(&out["y"], &sums, &format!("sums of {n}"));
        assert_eq!(out["any"].to_f64().unwrap(), any);
    }
}

/// Products of 2 x 2 matrices do not commute, so that every form tells its order.
#[test]
fn scans_go_either_way_with_their_own_element_or_without() {
    let signature = "x: f32[*rows, n] -> p: f32[*rows, n], q: f32[*rows, n]";
    let first = [0.5, -1.0, 2.0, 0.25];
    let element = |x: f64| [x.cos(), x.sin() * 0.9, x * 0.1 - x.sin(), x.cos() + 0.01];
    for (reverse, exclusive) in
        [(false, None), (true, None), (false, Some(first)), (true, Some(first))]
    {
        let kernel = tile_kernel("forms", signature, move |k, v| {
            let row = k.program();
            let x = v["x"].row(row).load();
            let elements = [x.cos(), x.sin() * 0.9, x * 0.1 - x.sin(), x.cos() + 0.01];
            let along = Along { reverse, exclusive };
            let [p, q, _, _] = scan_by_along(elements, along, |[a, b, c, d], [e, f, g, h]| {
                [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
            });
            v["p"].row(row).store(p);
            v["q"].row(row).store(q);
        });
        let kernel = kernel.unwrap();
        // The longest goes block by block: two, of which the last has one element, and five.
        for n in LENGTHS.into_iter().chain([700, 8193, 16_385, 40_000]) {
            let x = numbers(n, 3, -1.0, 1.0);
            let (mut p, mut q) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for row in 0..ROWS {
                let mut joined = None;
                for step in 0..n {
                    let at = row * n + if reverse { n - 1 - step } else { step };
                    let own = element(x[at]);
                    let next = joined.map_or(own, |[a, b, c, d]: [f64; 4]| {
                        let [e, f, g, h] = own;
                        [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
                    });
                    let seen = exclusive.map_or(next, |first| joined.unwrap_or(first));
                    (p[at], q[at]) = (seen[0], seen[1]);
                    joined = Some(next);
                }
            }
            let x = Tensor::from_f64(F32, &[ROWS, n], &x).unwrap();
            for target in ["cpu", "emulator", "interpreter", "msl-host", "cuda"] {
                // There may be no C++ compiler; each form is built once.
                let Ok(runtime) = Runtime::open(target) else { continue };
                if target == "msl-host" && n != 130 && n != 40_000 {
                    continue;
                }
                let kernel = kernel.clone().on(&runtime);
                let out = kernel.bind().input("x", &x).run().unwrap();
                let of = format!("{n}, reverse {reverse}, {exclusive:?}, {target}");
                close(&out["p"], &p, &of);
                close(&out["q"], &q, &of);
            }
        }
    }
}

/// A scan of four components whose every entry depends on every other has the widest gradient: sixteen slopes and four
/// sums. The threads of a GPU join them as the CPU does.
#[test]
fn gradients_of_scans_agree_on_threads() {
    let signature = "a: f32[*rows, n], b: f32[*rows, n] -> y: f32[*rows, n]";
    let pairs = tile_kernel("pairs", signature, |k, v| {
        let row = k.program();
        let pair = [v["a"].row(row).load(), v["b"].row(row).load()];
        let [_, h] = scan_by(pair, |[a, b], [c, d]| [a * c, b * c + d]);
        v["y"].row(row).store(h);
    });
    let matrices = tile_kernel("matrices", signature, |k, v| {
        let row = k.program();
        let (x, w) = (v["a"].row(row).load(), v["b"].row(row).load());
        let elements = [x.cos(), w.sin() * 0.9, w * 0.1 - x.sin(), w.cos() + 0.01];
        let [p, q, _, s] = scan_by(elements, |[a, b, c, d], [e, f, g, h]| {
            [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
        });
        v["y"].row(row).store(p * s + q);
    });
    let threads = Runtime::open("emulator").unwrap();
    for kernel in [pairs.unwrap(), matrices.unwrap()] {
        for n in [1, 33, 300] {
            let tensor = |values: &[f64]| Tensor::from_f64(F32, &[ROWS, n], values).unwrap();
            let [a, b, d_y] = [(0, 1.0), (7, 0.5), (9, 1.0)]
                .map(|(salt, high)| tensor(&numbers(n, salt, -0.5, high)));
            let gradients = [kernel.clone(), kernel.on(&threads)].map(|kernel| {
                let gradient = kernel.grad().unwrap();
                gradient.bind().input("a", &a).input("b", &b).input("d_y", &d_y).run().unwrap()
            });
            for name in ["d_a", "d_b"] {
                let expected = gradients[0][name].to_f64().unwrap();
                assert!(n == 1 || expected.iter().any(|&x| x != 0.0));
                close(&gradients[1][name], &expected, &format!("{name} of {n}"));
            }
        }
    }
}

/// `h = a h' + b` in each form, and what it sends back, against loops: rows of one register, of several subgroups, and of
/// more blocks than registers hold.
#[test]
fn gradients_follow_a_scan_either_way() {
    let signature = "a: f32[*rows, n], b: f32[*rows, n] -> h: f32[*rows, n]";
    let first = 0.75;
    for (reverse, exclusive) in [(false, false), (true, false), (false, true), (true, true)] {
        let kernel = tile_kernel("recurrence", signature, move |k, v| {
            let row = k.program();
            let pair = [v["a"].row(row).load(), v["b"].row(row).load()];
            let along = Along { reverse, exclusive: exclusive.then_some([1.0, first]) };
            let [_, h] = scan_by_along(pair, along, |[a, b], [c, d]| [a * c, b * c + d]);
            v["h"].row(row).store(h);
        });
        let gradient = kernel.unwrap().grad().unwrap();
        for n in [1, 2, 13, 79, 700, 8193, 40_000] {
            let (a, b) = (numbers(n, 1, 0.9, 0.999), numbers(n, 7, -1.0, 1.0));
            let d_h = numbers(n, 3, -1.0, 1.0);
            let (mut d_a, mut d_b) = (vec![0.0; ROWS * n], vec![0.0; ROWS * n]);
            for row in 0..ROWS {
                let place = |step: usize| row * n + if reverse { n - 1 - step } else { step };
                let mut states = vec![0.0];
                for step in 0..n {
                    states.push(a[place(step)] * states[step] + b[place(step)]);
                }
                // What reaches each state: from its own result or the next one's, and from the next state.
                let mut reaching = 0.0;
                for step in (0..n).rev() {
                    let next = (step + 1 < n).then(|| place(step + 1));
                    let result = if exclusive { next } else { Some(place(step)) };
                    reaching = result.map_or(0.0, |at| d_h[at])
                        + next.map_or(0.0, |next| a[next] * reaching);
                    d_b[place(step)] = reaching;
                    d_a[place(step)] = reaching * states[step];
                }
            }
            let tensor = |values: &[f64]| Tensor::from_f64(F32, &[ROWS, n], values).unwrap();
            let (a, b, d_h) = (tensor(&a), tensor(&b), tensor(&d_h));
            for target in ["cpu", "emulator", "cuda"] {
                let Ok(runtime) = Runtime::open(target) else { continue };
                let gradient = gradient.clone().on(&runtime);
                let call = gradient.bind().input("a", &a).input("b", &b).input("d_h", &d_h);
                let out = call.run().unwrap();
                let of = format!("{n}, reverse {reverse}, exclusive {exclusive}, {target}");
                close(&out["d_a"], &d_a, &format!("d_a of {of}"));
                close(&out["d_b"], &d_b, &format!("d_b of {of}"));
            }
        }
    }
}
