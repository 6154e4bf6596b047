//! Fused kernels against the kernels that they stand for, bit for bit: where two tokens are as probable as each other but
//! for rounding, which is not rare in bf16, a patched model says what the plain one says only if every sum is the same and
//! rounded at the same places. Every device that is present is held to it; one that is not says so.
//!
//! Numbers of one size hide the order of their sum from a result of 16 bits, so that products come a second time with rows
//! that cancel out: what is left is rounding alone.

mod between;
mod experts;
mod numbers;
mod products;

use numbers::Numbers;
use std::collections::BTreeMap;
use tilewright_nn::{DType, Kernels, Runtime, Tensor};

/// A device and what was found there.
struct Bench {
    kernels: Kernels,
    dtype: DType,
    numbers: Numbers,
    /// It has routines for products of few rows, so that models run the kernels around them.
    routines: bool,
    /// Why nothing is compared here.
    unused: Option<&'static str>,
    checks: usize,
    /// By what was compared: how often it was another, and the first time.
    wrong: BTreeMap<String, (usize, String)>,
}

impl Bench {
    /// A kernel's one output.
    fn call(&self, name: &str, constants: &[(&str, usize)], inputs: &[&[Tensor]]) -> Tensor {
        let inputs: Vec<&Tensor> = inputs.iter().flat_map(|list| list.iter()).collect();
        self.kernels.get(name, constants).unwrap().call(&inputs).unwrap()
    }

    /// Numbers between two, in the device's memory.
    fn tensor(&mut self, shape: &[usize], range: [f32; 2]) -> Tensor {
        let tensor = self.numbers.tensor(self.dtype, shape, range);
        self.own(tensor)
    }

    fn own(&self, tensor: Tensor) -> Tensor {
        tensor.own(self.kernels.runtime()).unwrap()
    }

    /// True where models run the kernels around products, which they do where there are routines, in half floats.
    fn runs_around(&mut self) -> bool {
        let runs = self.routines && self.dtype != DType::F32;
        if !runs {
            self.unused = Some("models run these kernels in half floats where there are routines");
        }
        runs
    }

    /// Holds two results to be the same.
    fn same(&mut self, what: &str, fused: &Tensor, plain: &Tensor) {
        let bits = |tensor: &Tensor| tensor.to(DType::F32).unwrap().to_vec::<f32>().unwrap();
        let (fused, plain) = (bits(fused), bits(plain));
        assert_eq!(fused.len(), plain.len(), "{what}");
        self.checks += 1;
        let differs = |at: &usize| fused[*at].to_bits() != plain[*at].to_bits();
        let apart: Vec<usize> = (0..plain.len()).filter(differs).collect();
        let Some(&first) = apart.first() else { return };
        let (count, all) = (apart.len(), plain.len());
        let (a, b) = (fused[first], plain[first]);
        let found = format!("{count} of {all} elements, element {first} is {a}, not {b}");
        self.wrong.entry(what.into()).or_insert((0, found)).0 += 1;
    }
}

/// Runs checks on a device in one dtype, if it is there.
fn on(device: &str, dtype: DType, checks: fn(&mut Bench)) {
    let runtime = match Runtime::open(device) {
        Ok(runtime) => runtime,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let routines = runtime.caps().routines;
    let kernels = Kernels::new(runtime);
    let (numbers, wrong) = (Numbers::new(7), BTreeMap::new());
    let (unused, checked) = (None, 0);
    let mut bench = Bench { kernels, dtype, numbers, routines, unused, checks: checked, wrong };
    checks(&mut bench);
    let Bench { checks, wrong, unused, .. } = bench;
    if let Some(why) = unused {
        return println!("skipped on {device}: {why}");
    }
    assert!(checks > 0, "nothing was compared");
    let times: usize = wrong.values().map(|(times, _)| times).sum();
    println!("{device}, {dtype}: {} of {checks} the same", checks - times);
    let lines =
        wrong.iter().map(|(what, (times, first))| format!("{what}: {times} times; {first}"));
    let lines: Vec<String> = lines.collect();
    assert!(lines.is_empty(), "{times} of {checks} differ:\n{}", lines.join("\n"));
}

macro_rules! on_devices {
    ($($name:ident: $checks:path;)*) => {
        mod cpu {
            $(mod $name {
                use tilewright_nn::DType;
                #[test]
                fn bf16() { crate::on("cpu", DType::BF16, $checks); }
                #[test]
                fn f16() { crate::on("cpu", DType::F16, $checks); }
                #[test]
                fn f32() { crate::on("cpu", DType::F32, $checks); }
            })*
        }
        mod cuda {
            $(mod $name {
                use tilewright_nn::DType;
                #[test]
                fn bf16() { crate::on("cuda", DType::BF16, $checks); }
                #[test]
                fn f16() { crate::on("cuda", DType::F16, $checks); }
                #[test]
                fn f32() { crate::on("cuda", DType::F32, $checks); }
            })*
        }
    };
}

on_devices! {
    gated: crate::products::gated;
    dense: crate::products::dense;
    normed: crate::products::normed;
    added: crate::products::added;
    mixtures: crate::experts::few;
    routed: crate::experts::routed;
    sums_and_norms: crate::between::residual;
    sandwiches: crate::between::sandwich;
    turned: crate::between::turned;
    attended: crate::between::attended;
    decoded: crate::between::decoded;
}
