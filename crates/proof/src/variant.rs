//! Variants of a case: the same kernel on inputs that a wrong one is more likely to get wrong.

use crate::call::Call;
use crate::execute::Layout;
use crate::row::Check;
use tilewright_ir::interpret::Argument;
use tilewright_ir::{Access, ExprKind, ParamKind, Program};
use tilewright_kernels::{Case, Entry, Fill};

/// Variants are checked for tensors of up to this many elements; larger ones would show nothing more.
const LARGEST: usize = 1 << 17;

/// How much great inputs are greater: e^100 overflows f32, 6000 fits f16.
const GREAT: f64 = 100.0;
/// How much small inputs are smaller: their squares are about the usual eps.
const SMALL: f64 = 1.0 / 1024.0;

/// A call to check, and how its inputs may lie in memory.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it checks.
    pub check: Check,
    /// The call.
    pub call: Call,
    /// The layouts to run it in.
    pub layouts: &'static [Layout],
}

/// The variants of a call of a case, itself first.
pub fn variants(entry: &Entry, case: &Case, call: Call) -> Vec<Variant> {
    let contiguous = |check, call| Variant { check, call, layouts: &[Layout::Contiguous] };
    let mut variants = Vec::new();
    if (1..=LARGEST).contains(&call.largest()) {
        let layouts = &[Layout::Padded, Layout::ColumnMajor];
        variants.push(Variant { check: Check::Strided, call: call.clone(), layouts });
        variants.extend(aliased(&call).map(|call| contiguous(Check::Aliased, call)));
        for (check, factor) in [(Check::Great, GREAT), (Check::Small, SMALL)] {
            let changed = mapped(entry, case, &call, &[Fill::Normal], |x| x * factor);
            variants.extend(changed.map(|call| contiguous(check, call)));
        }
        if selects(&call.program) {
            let fills = [Fill::Normal, Fill::Distinct];
            let few = |x: f64| x.rem_euclid(3.0).floor();
            let changed = mapped(entry, case, &call, &fills, few);
            variants.extend(changed.map(|call| contiguous(Check::Ties, call)));
        }
    }
    variants.insert(0, contiguous(Check::Forward, call));
    variants
}

/// The call with `map` applied to the float inputs that are filled in one of these ways; `None` if there are none.
fn mapped(
    entry: &Entry,
    case: &Case,
    call: &Call,
    fills: &[Fill],
    map: impl Fn(f64) -> f64,
) -> Option<Call> {
    let mut changed = call.clone();
    let mut any = false;
    for i in call.input_tensors() {
        let fill = entry.fill(case, &call.program.params[i].name);
        let Some(tensor) = call.arguments[i].tensor() else { continue };
        if tensor.dtype.is_float() && fills.contains(&fill) {
            let values: Vec<f64> = tensor.values().into_iter().map(&map).collect();
            changed.set(i, &values);
            any = true;
        }
    }
    any.then_some(changed)
}

/// True when the program picks elements by their order, so that ties need a rule.
fn selects(program: &Program) -> bool {
    let kinds = program.exprs.iter().map(|e| &e.kind);
    kinds.into_iter().any(|k| matches!(k, ExprKind::ArgReduce { .. } | ExprKind::TopK { .. }))
}

/// The call with one memory for the first two read tensors that could share it; `None` when no two can.
fn aliased(call: &Call) -> Option<Call> {
    let mut tensors = Vec::new();
    for (i, param) in call.program.params.iter().enumerate() {
        if let (ParamKind::Tensor { access: Access::In, dtype, .. }, Argument::Tensor(tensor)) =
            (&param.kind, &call.arguments[i])
            && dtype.is_float()
        {
            tensors.push((i, tensor));
        }
    }
    for (number, (i, a)) in tensors.iter().enumerate() {
        for (j, b) in &tensors[number + 1..] {
            if a.dtype == b.dtype && a.shape == b.shape {
                let mut shared = call.clone();
                shared.set(*j, &a.values());
                shared.same_memory = Some((*i, *j));
                return Some(shared);
            }
        }
    }
    None
}
