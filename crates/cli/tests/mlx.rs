//! What `emit --mlx` prints for Metal, run as MLX runs it: its header and body under MLX's signature, on a host without Metal,
//! where an access that is not aligned is told.

mod support;

use support::tilewright;
use tilewright_ir::DType;
use tilewright_tensor::{Runtime, SourceCall, Tensor, source_kernel};

/// The last function of a text.
struct Emitted {
    text: String,
}

impl Emitted {
    fn of(args: &[&str]) -> Emitted {
        let words = [&["emit"], args, &["--target", "metal", "--mlx"]].concat();
        Emitted { text: tilewright(&words).ok() }
    }

    /// What stands between the last `from` and what follows it.
    fn between(&self, from: &str, to: &str) -> &str {
        let at = self.text.rfind(from).unwrap_or_else(|| panic!("{from} is not in {}", self.text));
        let rest = &self.text[at + from.len()..];
        &rest[..rest.find(to).unwrap()]
    }

    fn names(&self, of: &str) -> Vec<String> {
        let list = self.between(&format!("{of}=["), "]");
        list.split(", ").map(|name| name.trim_matches('"').to_string()).collect()
    }

    /// The threads along each axis, each a product of sizes and of quotients that are rounded up.
    fn threads(&self, sizes: &[(&str, usize)]) -> [usize; 3] {
        let number = |word: &str| {
            let size = sizes.iter().find(|(name, _)| *name == word).map(|(_, size)| *size);
            size.unwrap_or_else(|| word.parse().unwrap())
        };
        let factor = |factor: &str| match factor.strip_prefix("-(-") {
            Some(quotient) => {
                let (a, b) = quotient.trim_end_matches(')').split_once(" // ").unwrap();
                number(a).div_ceil(number(b))
            }
            None => number(factor),
        };
        let axes = self.between("grid=(", "),\n").split(", ");
        let axes: Vec<usize> = axes.map(|axis| axis.split(" * ").map(factor).product()).collect();
        axes.try_into().unwrap()
    }

    /// Runs it; `None` without a C++ compiler.
    fn run(
        &self,
        sizes: &[(&str, usize)],
        inputs: &[&Tensor],
        outputs: &[(DType, &[usize])],
    ) -> Option<Vec<Tensor>> {
        let runtime = Runtime::open("msl-host")
            .inspect_err(|missing| eprintln!("skipped: {missing}"))
            .ok()?;
        let (read, written) = (self.names("input_names"), self.names("output_names"));
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        // The host knows no address spaces, and sees the same function twice.
        let header = self.between("HEADER = r\"\"\"", "\"\"\"");
        let twice = "template <typename V, typename T> inline V tw_vector(const constant";
        let header = &header[..header.find(twice).expect("both stand at the header's end")];
        let kernel = source_kernel("emitted", &read, &written)
            .metal_header(header)
            .metal(self.between("SOURCE = r\"\"\"", "\"\"\""))
            .on(&runtime);
        let group = self.between("threadgroup=(", ",").parse().unwrap();
        let zeros = self.between("output_dtypes=", "return").contains("init_value=0");
        let call = SourceCall {
            template: &[],
            grid: self.threads(sizes),
            threadgroup: [group, 1, 1],
            outputs,
            init_value: zeros.then_some(0.0),
        };
        // SAFETY: the host checks every access.
        Some(unsafe { kernel.call(inputs, &call) }.unwrap())
    }
}

fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i * 7 % 19) as f64 / 8.0 - 1.0).collect()
}

#[test]
fn a_slice_may_begin_at_any_element() {
    for (dtype, name) in [(DType::F32, "f32"), (DType::F16, "f16"), (DType::BF16, "bf16")] {
        let emitted = Emitted::of(&["softmax", "--dtype", name, "--shape", "x=3x1000"]);
        for skipped in [0, 1, 3] {
            let whole = Tensor::from_f64(dtype, &[3000 + skipped], &numbers(3000 + skipped));
            let x = whole.unwrap().narrow(0, skipped, 3000).unwrap().reshape(&[3, 1000]).unwrap();
            let sizes = [("rows", 3), ("cols", 1000)];
            let Some(y) = emitted.run(&sizes, &[&x], &[(dtype, &[3, 1000])]) else { return };
            let (x, y) = (x.to_f64().unwrap(), y[0].to_f64().unwrap());
            for (x, y) in x.chunks(1000).zip(y.chunks(1000)) {
                let sum: f64 = x.iter().map(|x| x.exp()).sum();
                for (x, y) in x.iter().zip(y) {
                    assert!((y * sum / x.exp() - 1.0).abs() < 0.01, "{name}, {skipped} skipped");
                }
            }
        }
    }
}

#[test]
fn what_a_gradient_adds_to_begins_as_zeros() {
    let shapes = ["--shape", "source=9x24", "--shape", "index=5"];
    let emitted = Emitted::of(&[&["gather", "--grad", "--dtype", "f32"], &shapes[..]].concat());
    assert_eq!(emitted.names("output_names"), ["d_source", "faults"]);
    let rows = [3usize, 0, 3, 8, 3];
    let index = Tensor::from_f64(DType::U32, &[5], &rows.map(|row| row as f64)).unwrap();
    let d_y = numbers(5 * 24);
    let cotangent = Tensor::from_f64(DType::F32, &[5, 24], &d_y).unwrap();
    let entries = Tensor::from_f64(DType::I32, &[1], &[9.0]).unwrap();
    let outputs: [(DType, &[usize]); 2] = [(DType::F32, &[9, 24]), (DType::U32, &[4])];
    let sizes = [("rows", 5), ("cols", 24), ("entries", 9)];
    let Some(out) = emitted.run(&sizes, &[&index, &cotangent, &entries], &outputs) else { return };
    let mut right = vec![0.0; 9 * 24];
    for (row, d_y) in rows.iter().zip(d_y.chunks(24)) {
        right[row * 24..][..24].iter_mut().zip(d_y).for_each(|(sum, d)| *sum += d);
    }
    assert_eq!(out[0].to_f64().unwrap(), right);
    assert_eq!(out[1].to_f64().unwrap(), [0.0; 4]);
}

/// MLX's signature bounds no threads, so that the compiler may take more registers than a large group finds.
#[test]
fn large_groups_say_how_many_threads_they_have() {
    let of = |args: &[&str]| {
        let words = [&["emit"], args, &["--target", "cuda", "--mlx", "--dtype", "f32"]].concat();
        tilewright(&words).ok()
    };
    let large = of(&["selective_scan", "--set", "time=4096"]);
    assert!(large.contains("threadgroup=(512, 1, 1)") && large.contains("__launch_bounds__(512)"));
    assert!(!of(&["softmax"]).contains("__launch_bounds__"));
}
