//! Every small case of the catalog on the interpreter, which also finds races, stray indices and unwritten elements,
//! against the f64 references.

use tilewright_ir::interpret::{Argument, Tensor, interpret};
use tilewright_ir::tolerance::Tolerance;
use tilewright_ir::{Access, Bindings, DType, Param, ParamKind, Program, bind};
use tilewright_kernels::{CATALOG, Case, Entry, Fill, Inputs, find};

/// More elements than this in one tensor are left to the targets, which are faster.
const LARGEST: usize = 20_000;

/// Random numbers by a 64-bit mixing function (SplitMix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.uniform()).ln()).sqrt(), self.uniform());
        let outlier = if self.uniform() < 0.01 { 20.0 } else { 1.0 };
        radius * (std::f64::consts::TAU * angle).cos() * outlier
    }

    fn fill(&mut self, fill: Fill, count: usize, size: impl Fn(&str) -> usize) -> Vec<f64> {
        let mut shuffled: Vec<f64> =
            (0..count).map(|i| (i as f64 - count as f64 / 2.0) / 32.0).collect();
        for i in (1..count).rev() {
            shuffled.swap(i, (self.bits() % (i as u64 + 1)) as usize);
        }
        (0..count)
            .map(|i| match fill {
                Fill::Normal => self.normal(),
                Fill::Distinct => shuffled[i],
                Fill::Uniform(low, high) => low + (high - low) * self.uniform(),
                Fill::Index(name) => (self.uniform() * size(name) as f64).floor(),
                Fill::Integer(high) => (self.uniform() * (high as f64 + 1.0)).floor(),
                Fill::Size(name) => size(name) as f64,
                Fill::Bits => self.bits() as u32 as f64,
                Fill::Chance(p) => (self.uniform() < p) as u8 as f64,
            })
            .collect()
    }
}

/// One call: the program, its sizes, what goes in, and the same for the reference.
struct Call {
    program: Program,
    bindings: Bindings,
    arguments: Vec<Argument>,
    inputs: Inputs,
}

impl Call {
    /// A case with random inputs; nothing if it is too large.
    fn new(entry: &Entry, case: &Case, dtype: DType, seed: u64) -> Option<Call> {
        let specialization = entry.specialization(dtype, case.constants);
        let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
        let unknown = vec![None; program.params.len()];
        let bindings = bind(&program, &unknown, case.sizes).unwrap_or_else(|e| panic!("{e}"));
        let count = |shape: &Vec<usize>| shape.iter().product::<usize>();
        if bindings.kernel_shapes.iter().any(|shape| count(shape) > LARGEST) {
            return None;
        }
        let mut inputs = Inputs::default();
        let sizes = case
            .sizes
            .iter()
            .copied()
            .chain(specialization.constants().iter().map(|(n, v)| (n.as_str(), *v)));
        inputs.sizes.extend(sizes.map(|(name, value)| (name.to_string(), value)));
        let mut random = Random(seed);
        let mut arguments = Vec::new();
        for (param, shape) in program.params.iter().zip(&bindings.kernel_shapes) {
            let argument = argument(entry, case, param, shape, &inputs, &mut random);
            match &argument {
                Argument::Scalar(value) => {
                    inputs.scalars.insert(param.name.clone(), *value).is_some()
                }
                Argument::Tensor(t) => {
                    inputs.tensors.insert(param.name.clone(), t.values()).is_some()
                }
            };
            arguments.push(argument);
        }
        Some(Call { program, bindings, arguments, inputs })
    }

    /// Runs the kernel and its reference and compares every output.
    fn check(&mut self, entry: &Entry) -> Result<(), String> {
        interpret(&self.program, &mut self.arguments, &self.bindings).map_err(|f| f.to_string())?;
        let references = (entry.reference)(&self.inputs);
        let outputs = tilewright_ir::bind::outputs(&self.program);
        for ((i, param), reference) in outputs.zip(references) {
            let Some(tensor) = self.arguments[i].tensor() else { continue };
            let tolerance = Tolerance::of(&self.program, &self.bindings.dims, tensor.dtype);
            let stored: Vec<f64> = reference.iter().map(|x| tensor.dtype.round(*x)).collect();
            tolerance
                .check(&tensor.values(), &stored)
                .map_err(|miss| format!("`{}`: {miss}", param.name))?;
        }
        Ok(())
    }
}

fn argument(
    entry: &Entry,
    case: &Case,
    param: &Param,
    shape: &[usize],
    inputs: &Inputs,
    random: &mut Random,
) -> Argument {
    match &param.kind {
        ParamKind::Scalar { dtype, default } => {
            let given = case.scalars.iter().find(|(name, _)| *name == param.name);
            let value = given.map(|(_, value)| *value).or(*default);
            Argument::Scalar(dtype.round(value.unwrap_or(f64::NAN)))
        }
        ParamKind::Tensor { dtype, access: Access::Out, .. } => {
            Argument::Tensor(Tensor::zeros(*dtype, shape))
        }
        ParamKind::Tensor { dtype, .. } => {
            let count = shape.iter().product();
            let mut values =
                random.fill(entry.fill(case, &param.name), count, |name| inputs.size(name));
            if entry.fill(case, &param.name) == Fill::Bits && dtype.size() == 1 {
                let sign = if dtype.is_signed() { 128.0 } else { 0.0 };
                values.iter_mut().for_each(|x| *x = x.rem_euclid(256.0) - sign);
            }
            Argument::Tensor(Tensor::from_values(*dtype, shape, &values))
        }
    }
}

#[test]
fn every_small_case_agrees_with_its_reference() {
    let mut failures = Vec::new();
    for entry in CATALOG {
        let mut ran = 0;
        for (number, case) in entry.cases.iter().enumerate() {
            for &dtype in if entry.dtypes.is_empty() { &[DType::F32][..] } else { entry.dtypes } {
                let Some(mut call) = Call::new(entry, case, dtype, number as u64) else { continue };
                ran += 1;
                if let Err(text) = call.check(entry) {
                    failures.push(format!("{} {dtype} {:?}: {text}", entry.name, case.sizes));
                }
            }
        }
        assert!(ran > 1, "{}: only {ran} cases are small enough", entry.name);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The caches hold NaN past each length; nothing of it may reach the result.
#[test]
fn attention_never_uses_what_lies_past_the_length() {
    let entry = find("decode_attention").unwrap();
    let mut call = Call::new(entry, &entry.cases[1], DType::F32, 7).unwrap();
    let [batch, kv_heads, max_len, head_dim] =
        ["batch", "kv_heads", "max_len", "head_dim"].map(|n| call.inputs.size(n));
    let lens = [0, 65, max_len];
    assert_eq!(lens.len(), batch);
    let position = |name: &str| call.program.find_param(name).unwrap().index();
    let (keys, values, lengths) = (position("keys"), position("values"), position("lens"));
    for cache in [keys, values] {
        let Argument::Tensor(tensor) = &mut call.arguments[cache] else { panic!() };
        let mut elements = tensor.values();
        for (i, element) in elements.iter_mut().enumerate() {
            let row = i / head_dim;
            if row % max_len >= lens[row / max_len / kv_heads] {
                *element = f64::NAN;
            }
        }
        *tensor = Tensor::from_values(tensor.dtype, &tensor.shape, &elements);
    }
    let lens = lens.map(|l| l as f64);
    call.arguments[lengths] = Argument::Tensor(Tensor::from_values(DType::I32, &[batch], &lens));
    call.inputs = call.inputs.clone().with_tensor("lens", &lens);
    call.check(entry).unwrap();
    let out = call.arguments.last().and_then(Argument::tensor).unwrap().values();
    assert!(out[..out.len() / batch].iter().all(|x| *x == 0.0), "length 0 gives zeros");
}

/// k equal to the number of experts, all logits equal: every expert once, in order.
#[test]
fn gating_breaks_ties_by_the_lower_index() {
    let entry = find("topk_gating_softmax").unwrap();
    let mut call = Call::new(entry, &entry.cases[1], DType::F32, 1).unwrap();
    let experts = call.inputs.size("experts");
    let tokens = call.inputs.size("tokens");
    let equal = Tensor::from_values(DType::F32, &[tokens, experts], &vec![2.0; tokens * experts]);
    call.inputs = call.inputs.clone().with_tensor("x", &equal.values());
    call.arguments[0] = Argument::Tensor(equal);
    call.check(entry).unwrap();
    let indices = call.arguments[2].tensor().unwrap().values();
    assert!(indices.iter().enumerate().all(|(i, index)| *index == (i % experts) as f64));
}
