//! One call of a catalog kernel on chosen numbers, in f32, on the interpreter and as its reference.

// Each test binary uses its own part of this module.
#![allow(dead_code)]

use std::collections::BTreeMap;
use tilewright_ir::interpret::{Argument, Tensor, interpret};
use tilewright_ir::{Access, DType, ParamKind, bind};
use tilewright_kernels::{Entry, Inputs, find};

/// A call under construction.
pub struct Call {
    entry: &'static Entry,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    scalars: Vec<(&'static str, f64)>,
    constants: Vec<(&'static str, usize)>,
    sizes: Vec<(&'static str, usize)>,
}

/// What a call gave: each output by name, from the interpreter and from the reference.
pub struct Outcome {
    kernel: &'static str,
    outputs: BTreeMap<String, [Vec<f64>; 2]>,
}

/// A call of the catalog's kernel of that name.
pub fn call(name: &str) -> Call {
    let entry = find(name).unwrap_or_else(|| panic!("the catalog has no {name}"));
    let (tensors, scalars, constants, sizes) = Default::default();
    Call { entry, tensors, scalars, constants, sizes }
}

impl Call {
    /// Gives an input, or what an in-out tensor holds before.
    pub fn tensor(mut self, name: &str, shape: &[usize], elements: &[f64]) -> Call {
        assert_eq!(shape.iter().product::<usize>(), elements.len(), "{name}");
        self.tensors.insert(name.into(), (shape.to_vec(), elements.to_vec()));
        self
    }

    /// Gives a vector.
    pub fn vector(self, name: &str, elements: &[f64]) -> Call {
        self.tensor(name, &[elements.len()], elements)
    }

    /// Gives a scalar other than its default.
    pub fn scalar(mut self, name: &'static str, value: f64) -> Call {
        self.scalars.push((name, value));
        self
    }

    /// Gives a constant other than its default.
    pub fn constant(mut self, name: &'static str, value: usize) -> Call {
        self.constants.push((name, value));
        self
    }

    /// Gives a size that no input tells.
    pub fn size(mut self, name: &'static str, value: usize) -> Call {
        self.sizes.push((name, value));
        self
    }

    /// Runs it.
    pub fn run(self) -> Outcome {
        let name = self.entry.name;
        let specialization = self.entry.specialization(DType::F32, &self.constants);
        let program = self.entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
        let given = |p: &tilewright_ir::Param| self.tensors.get(&p.name);
        let shapes: Vec<_> = program.params.iter().map(|p| given(p).map(|t| t.0.clone())).collect();
        let bound = bind(&program, &shapes, &self.sizes).unwrap_or_else(|e| panic!("{e}"));

        let mut inputs = Inputs::default();
        let names = program.dims.iter().map(|dim| dim.name.clone());
        inputs.sizes.extend(names.zip(bound.dims.iter().copied()));
        let constants = specialization.constants().iter().cloned();
        inputs.sizes.extend(constants);
        let mut arguments = Vec::new();
        for (param, shape) in program.params.iter().zip(&bound.shapes) {
            arguments.push(match &param.kind {
                ParamKind::Scalar { default, .. } => {
                    let set = self.scalars.iter().find(|(scalar, _)| *scalar == param.name);
                    let value = set.map(|(_, value)| *value).or(*default);
                    let value =
                        value.unwrap_or_else(|| panic!("{name}: {} is not set", param.name));
                    inputs.scalars.insert(param.name.clone(), value);
                    Argument::Scalar(value)
                }
                ParamKind::Tensor { dtype, access: Access::Out, .. } => {
                    Argument::Tensor(Tensor::zeros(*dtype, shape))
                }
                ParamKind::Tensor { dtype, .. } => {
                    let (_, elements) =
                        given(param).unwrap_or_else(|| panic!("{name}: {} is missing", param.name));
                    let tensor = Tensor::from_values(*dtype, shape, elements);
                    inputs.tensors.insert(param.name.clone(), tensor.values());
                    Argument::Tensor(tensor)
                }
            });
        }
        let reference = (self.entry.reference)(&inputs);
        interpret(&program, &mut arguments, &bound).unwrap_or_else(|e| panic!("{e}"));
        let outputs = tilewright_ir::bind::outputs(&program).zip(reference).map(
            |((number, param), reference)| {
                let results = arguments[number].tensor().map(Tensor::values).unwrap_or_default();
                (param.name.clone(), [results, reference])
            },
        );
        Outcome { kernel: name, outputs: outputs.collect() }
    }

    /// Runs it; what the interpreter gives for its first output.
    pub fn values(self) -> Vec<f64> {
        self.run().outputs.into_values().next().map(|[results, _]| results).unwrap_or_default()
    }

    /// Runs it and checks its only output.
    pub fn gives(self, expected: &[f64]) {
        let outcome = self.run();
        assert_eq!(outcome.outputs.len(), 1, "{} has several outputs", outcome.kernel);
        let output = outcome.outputs.keys().next().cloned().unwrap_or_default();
        outcome.gives(&output, expected);
    }
}

impl Outcome {
    /// Checks one output, of interpreter and reference, to the digits that the vectors are printed with.
    pub fn gives(self, output: &str, expected: &[f64]) -> Outcome {
        let kernel = self.kernel;
        let both = self.outputs.get(output).unwrap_or_else(|| panic!("{kernel} gives no {output}"));
        for (which, results) in ["interpreter", "reference"].iter().zip(both) {
            let close = |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= 1e-6 * b.abs().max(1.0);
            let fits = results.len() == expected.len() && results.iter().zip(expected).all(close);
            assert!(fits, "{kernel}, {which}: {output} is {results:?}, expected {expected:?}");
        }
        self
    }

    /// Checks that interpreter and reference agree in every output: NaN with NaN, infinities of one sign.
    pub fn agrees(self) {
        for (output, [results, reference]) in &self.outputs {
            assert_eq!(results.len(), reference.len(), "{}: {output}", self.kernel);
            let close = |a: f64, b: f64| {
                let b = DType::F32.round(b);
                let near = b.is_finite() && (a - b).abs() <= 1e-5 * b.abs().max(1.0);
                near || a == b || (a.is_nan() && b.is_nan())
            };
            let miss = results.iter().zip(reference).position(|(a, b)| !close(*a, *b));
            assert!(
                miss.is_none(),
                "{}: element {miss:?} of {output} is {results:?}, expected {reference:?}",
                self.kernel
            );
        }
    }
}
