//! A walk over the whole catalog: what every entry must have, whatever it computes.

use std::collections::BTreeSet;
use std::time::Instant;
use tilewright_ir::{Access, DType, Extent, ParamKind, bind, validate};
use tilewright_kernels::{CATALOG, Case, Entry, Fill, Grad, Inputs, find};
use tilewright_lang::{Declared, Signature, Specialization};

/// Every specialization that an entry's dtypes and cases ask for.
fn specializations(entry: &Entry) -> Vec<Specialization> {
    let dtypes = if entry.dtypes.is_empty() { &[DType::F32][..] } else { entry.dtypes };
    let mut all = Vec::new();
    for case in entry.cases {
        for &dtype in dtypes {
            let specialization = entry.specialization(dtype, case.constants);
            if !all.contains(&specialization) {
                all.push(specialization);
            }
        }
    }
    all
}

fn declared(entry: &Entry, specialization: &Specialization) -> Vec<Declared> {
    let signature =
        Signature::parse(entry.signature).unwrap_or_else(|e| panic!("{}: {e}", entry.name));
    signature.declare(specialization).unwrap_or_else(|e| panic!("{}: {e}", entry.name))
}

/// The names of the sizes that a case must give.
fn sizes(declared: &[Declared]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for parameter in declared {
        if let Declared::Tensor { shape, .. } = parameter {
            names.extend(shape.iter().filter_map(|(_, size)| size.as_deref()));
        }
    }
    names
}

#[test]
fn every_entry_is_named_described_and_found() {
    let mut names = BTreeSet::new();
    for entry in CATALOG {
        let name = entry.name;
        assert!(names.insert(name), "{name} is listed twice");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain), "{name} is not a plain name");
        for text in [entry.summary, entry.formula] {
            assert!(!text.is_empty() && text.trim() == text, "{name}: a text is empty or ragged");
        }
        assert!(!entry.summary.ends_with('.'), "{name}: the summary is a phrase, not a sentence");
        if let Grad::None(reason) = entry.grad {
            assert!(reason.len() > 10, "{name}: why has it no gradient?");
        }
        assert!(std::ptr::eq(find(name).unwrap(), *entry));
    }
    assert!(find("no_such_kernel").is_none());
    let families: Vec<_> = CATALOG.iter().map(|entry| entry.family).collect();
    assert!(families.is_sorted(), "the catalog is listed by family");
}

#[test]
fn cases_fit_their_signatures() {
    for entry in CATALOG {
        let name = entry.name;
        let constants: BTreeSet<&str> = entry.constants.iter().map(|(n, _)| *n).collect();
        for case in entry.cases {
            let specialization = entry.specialization(DType::F32, case.constants);
            let parameters = declared(entry, &specialization);
            let given: BTreeSet<&str> = case.sizes.iter().map(|(n, _)| *n).collect();
            assert_eq!(given, sizes(&parameters), "{name}: sizes of {case:?}");
            assert_eq!(given.len(), case.sizes.len(), "{name}: a size twice in {case:?}");
            for (constant, _) in case.constants {
                assert!(constants.contains(constant), "{name}: no constant {constant}");
            }
            for (scalar, _) in case.scalars {
                let declares =
                    |p: &Declared| matches!(p, Declared::Scalar { name, .. } if name == scalar);
                assert!(parameters.iter().any(declares), "{name}: no scalar {scalar}");
            }
            for (tensor, fill) in entry.fills.iter().chain(case.fills) {
                let declares = |p: &Declared| {
                    matches!(p, Declared::Tensor { name, access, .. }
                        if name == tensor && *access != Access::Out)
                };
                assert!(parameters.iter().any(declares), "{name}: no input {tensor} to fill");
                if let Fill::Index(size) | Fill::Size(size) = fill {
                    let known = given.contains(size) || constants.contains(size);
                    assert!(known, "{name}: {tensor} indexes the unknown size {size}");
                }
            }
        }
    }
}

#[test]
fn every_input_of_a_case_has_a_value() {
    for entry in CATALOG {
        for parameter in declared(entry, &entry.specialization(DType::F32, &[])) {
            for case in entry.cases {
                match &parameter {
                    Declared::Scalar { name, default: None, .. } => {
                        let given = case.scalars.iter().any(|(scalar, _)| scalar == name);
                        assert!(given, "{}: {case:?} gives no `{name}`", entry.name);
                    }
                    Declared::Tensor { name, dtype, access, .. }
                        if !dtype.is_float() && *access != Access::Out =>
                    {
                        let fill = entry.fill(case, name);
                        assert_ne!(fill, Fill::Normal, "{}: fill of `{name}`", entry.name);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn cases_are_hard_enough() {
    for entry in CATALOG {
        let name = entry.name;
        let any = |wanted: fn(usize) -> bool| {
            entry.cases.iter().any(|case| case.sizes.iter().any(|(_, size)| wanted(*size)))
        };
        assert!(any(|size| size == 0), "{name}: no empty case");
        assert!(any(|size| size == 1), "{name}: no case of size 1");
        assert!(any(|size| size % 2 == 1 && size > 2), "{name}: no odd case");
        assert!(entry.cases.iter().any(|case| case.bench), "{name}: no case is timed");
    }
}

#[test]
fn every_kernel_records_at_every_claim() {
    for entry in CATALOG {
        assert_eq!(
            Signature::parse(entry.signature).unwrap().type_variables(),
            if entry.dtypes.is_empty() { vec![] } else { vec!["T"] },
            "{}: `dtypes` says what the type variable T may be",
            entry.name
        );
        for specialization in specializations(entry) {
            let start = Instant::now();
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
            let took = start.elapsed();
            // Unoptimized and on a busy machine; the promise of 2 ms is measured in release.
            assert!(took.as_millis() < 100, "{} takes {took:?} to record", entry.name);
            if let Err(mistakes) = validate::validate(&program) {
                panic!("{}: {}", entry.name, mistakes[0]);
            }
            assert_eq!(program.name, entry.name);
        }
    }
}

/// Elements of a parameter's shape.
fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The inputs of a case: small numbers, whole where integers are asked for.
fn inputs(entry: &Entry, case: &Case, parameters: &[Declared]) -> Inputs {
    let mut inputs = Inputs::default();
    let sizes = case.sizes.iter().chain(entry.constants).chain(case.constants);
    inputs.sizes.extend(sizes.map(|(name, size)| (name.to_string(), *size)));
    for parameter in parameters {
        match parameter {
            Declared::Scalar { name, default, .. } => {
                inputs.scalars.insert(name.clone(), default.unwrap_or(1.0));
            }
            Declared::Tensor { name, dtype, shape, access, .. } if *access != Access::Out => {
                let axis = |(times, size): &(usize, Option<String>)| {
                    times * size.as_ref().map_or(1, |size| inputs.sizes[size])
                };
                let count: usize = shape.iter().map(axis).product();
                let value = |i: usize| match dtype.is_float() {
                    true => ((i * 37 % 101) as f64 - 50.0) / 16.0,
                    false => 0.0,
                };
                inputs.tensors.insert(name.clone(), (0..count).map(value).collect());
            }
            Declared::Tensor { .. } => {}
        }
    }
    inputs.scalars.extend(case.scalars.iter().map(|(name, value)| (name.to_string(), *value)));
    inputs
}

#[test]
fn references_give_outputs_of_the_declared_sizes() {
    for entry in CATALOG {
        for case in entry.cases {
            let specialization = entry.specialization(DType::F32, case.constants);
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
            let shapes = vec![None; program.params.len()];
            let bound = bind(&program, &shapes, case.sizes).unwrap_or_else(|e| panic!("{e}"));
            if bound.kernel_shapes.iter().any(|shape| elements(shape) > 10_000) {
                continue;
            }
            let inputs = inputs(entry, case, &declared(entry, &specialization));
            let got: Vec<usize> = (entry.reference)(&inputs).iter().map(Vec::len).collect();
            let outputs = tilewright_ir::bind::outputs(&program);
            let expected: Vec<usize> =
                outputs.map(|(i, _)| elements(&bound.kernel_shapes[i])).collect();
            assert_eq!(got, expected, "{}: {case:?}", entry.name);
        }
    }
}

/// What a newcomer reads first must be the mathematics: no masks, blocks or threads in these kernels' code.
#[test]
fn row_kernels_read_as_their_formulas() {
    let sources = [
        ("softmax", include_str!("../src/softmax.rs")),
        ("swiglu", include_str!("../src/swiglu.rs")),
        ("rmsnorm_residual", include_str!("../src/rmsnorm_residual.rs")),
        ("topk_gating_softmax", include_str!("../src/topk_gating_softmax.rs")),
    ];
    for (name, source) in sources {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        for word in ["mask", "block", "thread", "lane", "pad", ".range("] {
            let found = code.clone().find(|line| line.to_lowercase().contains(word));
            assert!(found.is_none(), "{name} speaks of `{word}`: {found:?}");
        }
    }
}

#[test]
fn every_kernel_comes_back_from_its_text_form() {
    use tilewright_ir::text::{parse, print};
    for entry in CATALOG {
        for specialization in specializations(entry) {
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}")).compact();
            let text = print(&program);
            let again = parse(&text).unwrap_or_else(|e| panic!("{}: {e}", entry.name));
            assert!(again == program, "{} comes back as\n{again}from\n{text}", entry.name);
        }
    }
}

#[test]
fn constants_of_any_value_record_or_are_refused() {
    const VALUES: [usize; 7] = [0, 1, 3, 7, 64, 129, 1000];
    for entry in CATALOG {
        // Each constant takes every value, the others those of another turn.
        for turn in 0..VALUES.len() * entry.constants.len() {
            let mut constants = Vec::new();
            for (i, (name, _)) in entry.constants.iter().enumerate() {
                if turn % entry.constants.len() == i || turn % 3 == 0 {
                    constants.push((*name, VALUES[(turn + 5 * i) % VALUES.len()]));
                }
            }
            // A mistake comes back as one; nothing panics.
            let specialization = entry.specialization(DType::F32, &constants);
            let _ = entry.record(&specialization);
            if let Grad::By(kernels) = entry.grad {
                for kernel in kernels {
                    let _ = kernel.record(&specialization);
                }
            }
        }
    }
}

/// Who calls a gradient passes inputs and cotangents, which have to tell every size: only that of an output of the forward
/// kernel that no input tells is known by name there.
#[test]
fn inputs_tell_the_sizes_of_gradients_written_by_hand() {
    for entry in CATALOG {
        let Grad::By(kernels) = entry.grad else { continue };
        for kernel in kernels {
            let program = kernel.record(&specializations(entry)[0]).unwrap();
            let mut told = BTreeSet::new();
            for param in &program.params {
                if let ParamKind::Tensor { shape, access: Access::In, .. } = &param.kind {
                    told.extend(shape.iter().filter_map(|extent| match extent {
                        Extent::Dim { dim, .. } => Some(dim.index()),
                        Extent::Const(_) => None,
                    }));
                }
            }
            for (i, dim) in program.dims.iter().enumerate() {
                assert!(told.contains(&i), "{}: no input tells `{}`", kernel.name, dim.name);
            }
        }
    }
}
