//! How far a target's result may be from the exact one. Every comparison of floats in the project uses this.
//!
//! Let `u` be the unit roundoff ([`DType::epsilon`]) of the type that the kernel computes in, `s` that of the type it
//! stores. A result passes through `ops` roundings one after the other and through sums of `n` terms, in an order
//! that each target chooses. To first order its error is at most the sum of:
//!
//! - `4 u` for each op of the chain: add, multiply and divide err by 1 `u`, a target's exp, log or tanh by up to 4;
//! - `8 sqrt(n) u` for the sums. The worst case is `(n - 1) u`, in any order; but roundings are as good as
//!   independent, and then `λ sqrt(n) u` holds with probability `1 - 2 n exp(-λ²/2)` (Higham and Mary, "A new
//!   approach to probabilistic rounding error analysis", 2019), which for `λ = 8` and `n = 128256` is 1 - 3e-9;
//! - `2 s` for storing the result, and the reference where that is stored too.
//!
//! The last part is relative to the element itself. The others are relative to the values that were added or
//! subtracted on the way, which may cancel (`1 + tanh(x)`, a mean of signed numbers): they count against the
//! *scale*, the greatest magnitude among the results that belong together (a row, a tensor), not against the
//! element. Below the smallest normal number an error of that size is allowed, since targets may flush to zero.
//!
//! Integers and bools have no tolerance.

use crate::{DType, ExprKind, Program, Stmt};

/// Errors that one rounding of the chain may have, in units.
const UNITS_AN_OP: f64 = 4.0;
/// Deviations that a random walk of roundings stays within.
const DEVIATIONS: f64 = 8.0;

/// A bound on `|result - reference|`: `relative * |reference| + absolute * scale + floor`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Share of the element's own magnitude.
    pub relative: f64,
    /// Share of the greatest magnitude that belongs with it.
    pub absolute: f64,
    /// In any case allowed.
    pub floor: f64,
    /// The type of the results.
    pub storage: DType,
}

/// The first element outside its tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Its position.
    pub index: usize,
    /// What was computed.
    pub result: f64,
    /// What is right.
    pub reference: f64,
    /// The greatest error that was allowed.
    pub allowed: f64,
    /// How many elements are outside.
    pub count: usize,
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Miss { index, result, reference, allowed, count } = self;
        let error = (result - reference).abs();
        write!(
            f,
            "element {index} is {result:e}, expected {reference:e}: error {error:.3e}, allowed \
             {allowed:.3e} ({count} elements are outside)"
        )
    }
}

impl std::error::Error for Miss {}

impl Tolerance {
    /// The tolerance of results stored as `storage` and computed in `compute`, with sums of up to `reduction` terms
    /// and up to `ops` roundings one after the other.
    pub fn new(storage: DType, compute: DType, reduction: usize, ops: usize) -> Tolerance {
        if !storage.is_float() {
            return Tolerance { relative: 0.0, absolute: 0.0, floor: 0.0, storage };
        }
        let sums = if reduction > 1 { DEVIATIONS * (reduction as f64).sqrt() } else { 0.0 };
        let absolute = (UNITS_AN_OP * ops.max(1) as f64 + sums) * compute.epsilon();
        let floor = match storage {
            // The smallest subnormal: devices keep those of f16.
            DType::F16 => 2f64.powi(-24),
            DType::F64 => f64::MIN_POSITIVE,
            _ => f32::MIN_POSITIVE as f64,
        };
        Tolerance { relative: 2.0 * storage.epsilon(), absolute, floor, storage }
    }

    /// The tolerance of an output of type `storage` of `program`, whose sizes are `dims`: the chain and the sums are
    /// read off its expressions.
    pub fn of(program: &Program, dims: &[usize], storage: DType) -> Tolerance {
        let work = Work::of(program, dims);
        Tolerance::new(storage, work.compute, work.reduction, work.ops)
    }

    /// The greatest error allowed for an element.
    pub fn allowed(&self, reference: f64, scale: f64) -> f64 {
        self.relative * reference.abs() + self.absolute * scale + self.floor
    }

    /// True when `result` is as good as `reference`. NaN matches NaN, an infinity itself; either may be infinite
    /// where the other is within its tolerance of overflowing.
    pub fn allows(&self, result: f64, reference: f64, scale: f64) -> bool {
        if result == reference || (result.is_nan() && reference.is_nan()) {
            return true;
        }
        // Whether `infinite` is what `x` becomes within its tolerance.
        let overflows = |x: f64, infinite: f64| {
            x.is_finite()
                && self.storage.round(x + self.allowed(x, scale).copysign(infinite)) == infinite
        };
        match (result.is_infinite(), reference.is_infinite()) {
            (true, _) => overflows(reference, result),
            (false, true) => overflows(result, reference),
            (false, false) => (result - reference).abs() <= self.allowed(reference, scale),
        }
    }

    /// Compares results that belong together: their scale is the greatest finite magnitude of the references.
    ///
    /// # Errors
    /// The first [`Miss`]; also when the lengths differ, at the end of the shorter list.
    pub fn check(&self, results: &[f64], references: &[f64]) -> Result<(), Miss> {
        let finite = references.iter().filter(|x| x.is_finite());
        let scale = finite.fold(0.0f64, |scale, x| scale.max(x.abs()));
        let length = results.len().max(references.len());
        let at = |list: &[f64], i: usize| list.get(i).copied();
        let outside = |i: &usize| match (at(results, *i), at(references, *i)) {
            (Some(result), Some(reference)) => !self.allows(result, reference, scale),
            _ => true,
        };
        let Some(index) = (0..length).find(outside) else { return Ok(()) };
        let reference = at(references, index).unwrap_or(f64::NAN);
        Err(Miss {
            index,
            result: at(results, index).unwrap_or(f64::NAN),
            reference,
            allowed: self.allowed(reference, scale),
            count: (index..length).filter(outside).count(),
        })
    }

    /// As [`check`](Self::check), for each run of `row` elements by itself.
    ///
    /// # Errors
    /// The first [`Miss`], by its position in the whole list.
    pub fn check_rows(&self, results: &[f64], references: &[f64], row: usize) -> Result<(), Miss> {
        let row = row.max(1);
        if results.len() != references.len() {
            return self.check(results, references);
        }
        for (number, (a, b)) in results.chunks(row).zip(references.chunks(row)).enumerate() {
            self.check(a, b).map_err(|miss| Miss { index: number * row + miss.index, ..miss })?;
        }
        Ok(())
    }
}

/// What the tolerance of a program depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// The coarsest float type that it rounds to before the result, f32 unless an op says otherwise.
    pub compute: DType,
    /// The number of terms of its longest sum.
    pub reduction: usize,
    /// The length of its longest chain of roundings.
    pub ops: usize,
}

impl Work {
    /// Reads the work off a program. A sum carried round a loop may be as long as the longest axis of a parameter.
    pub fn of(program: &Program, dims: &[usize]) -> Work {
        let mut used = vec![false; program.exprs.len()];
        note_uses(program, &program.body, &mut used);
        let mut reader = WorkReader {
            program,
            dims,
            used,
            depths: vec![0; program.exprs.len()],
            vars: vec![0; program.vars.len()],
            work: Work { compute: DType::F32, reduction: 1, ops: 1 },
        };
        reader.body(&program.body);
        reader.work
    }

    /// That of programs which run one after the other.
    pub fn of_all(each: impl IntoIterator<Item = Work>) -> Work {
        let none = Work { compute: DType::F32, reduction: 1, ops: 0 };
        each.into_iter().fold(none, |all, here| Work {
            compute: match here.compute.epsilon() > all.compute.epsilon() {
                true => here.compute,
                false => all.compute,
            },
            reduction: all.reduction.max(here.reduction),
            ops: all.ops + here.ops,
        })
    }

    /// What results in `storage` may be off by.
    pub fn tolerance(self, storage: DType) -> Tolerance {
        Tolerance::new(storage, self.compute, self.reduction, self.ops)
    }
}

/// Marks the values that something else than a store uses.
fn note_uses(program: &Program, body: &[Stmt], used: &mut [bool]) {
    for stmt in body {
        match stmt {
            Stmt::Let(id) => {
                let Some(expr) = program.exprs.get(id.index()) else { continue };
                expr.kind.operands(|of| {
                    if let Some(used) = used.get_mut(of.index()) {
                        *used = true;
                    }
                });
            }
            Stmt::Set(_, value) => {
                if let Some(used) = used.get_mut(value.index()) {
                    *used = true;
                }
            }
            Stmt::For { body, .. } | Stmt::When { body, .. } => note_uses(program, body, used),
            Stmt::Store { .. } => {}
        }
    }
}

/// True for what rounds its result, if that is a float.
pub(crate) fn rounds(kind: &ExprKind) -> bool {
    use crate::{BinaryOp, ReduceOp, TernaryOp, UnaryOp};
    match kind {
        ExprKind::Unary(op, _) => !matches!(
            op,
            UnaryOp::Neg
                | UnaryOp::Abs
                | UnaryOp::Sign
                | UnaryOp::Floor
                | UnaryOp::Ceil
                | UnaryOp::Round
                | UnaryOp::Trunc
        ),
        ExprKind::Binary(op, ..) => !matches!(op, BinaryOp::Max | BinaryOp::Min),
        ExprKind::Ternary(op, _) => *op != TernaryOp::Select,
        ExprKind::Reduce(op, ..) | ExprKind::Scan { op, .. } => {
            matches!(op, ReduceOp::Sum | ReduceOp::Prod)
        }
        ExprKind::ReduceBy { .. } | ExprKind::ScanBy { .. } | ExprKind::Dot(..) => true,
        _ => false,
    }
}

struct WorkReader<'a> {
    program: &'a Program,
    dims: &'a [usize],
    /// By expression, whether something else than a store uses it.
    used: Vec<bool>,
    /// By expression, the length of the chain that ends there.
    depths: Vec<usize>,
    vars: Vec<usize>,
    work: Work,
}

impl WorkReader<'_> {
    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::Let(id) => self.expr(id.index()),
                Stmt::Set(var, value) => {
                    let depth = self.depths.get(value.index()).copied().unwrap_or(0);
                    if let Some(var) = self.vars.get_mut(var.index()) {
                        *var = (*var).max(depth);
                    }
                }
                Stmt::For { body, .. } => {
                    let longest = self.program.params.iter().flat_map(|param| match &param.kind {
                        crate::ParamKind::Tensor { shape, .. } => &shape[..],
                        crate::ParamKind::Scalar { .. } => &[],
                    });
                    let longest = longest.map(|e| e.value(self.dims)).max().unwrap_or(1);
                    self.work.reduction = self.work.reduction.max(longest);
                    self.body(body);
                }
                Stmt::When { body, .. } => self.body(body),
                Stmt::Store { .. } => {}
            }
        }
    }

    fn expr(&mut self, id: usize) {
        let Some(expr) = self.program.exprs.get(id) else { return };
        let mut depth = 0;
        let depths = &self.depths;
        expr.kind.operands(|of| depth = depth.max(depths.get(of.index()).copied().unwrap_or(0)));
        if let ExprKind::Get(var) = expr.kind {
            depth = self.vars.get(var.index()).copied().unwrap_or(0);
        }
        let rounds = expr.ty.dtype.is_float()
            && match expr.kind {
                // Rounding for storage is part of every tolerance; rounding on the way is an op of that type.
                ExprKind::Cast(of) => {
                    let from = self.program.exprs.get(of.index()).map(|e| e.ty.dtype);
                    let epsilon = expr.ty.dtype.epsilon();
                    self.used[id] && from.is_some_and(|d| d.is_float() && d.epsilon() < epsilon)
                }
                _ => rounds(&expr.kind),
            };
        if rounds {
            depth += 1;
            if expr.ty.dtype.epsilon() > self.work.compute.epsilon() {
                self.work.compute = expr.ty.dtype;
            }
        }
        self.depths[id] = depth;
        self.work.ops = self.work.ops.max(depth);
        if let Some(length) = self.reduced(&expr.kind) {
            self.work.reduction = self.work.reduction.max(length);
        }
    }

    /// The number of terms of each sum that an expression makes.
    fn reduced(&self, kind: &ExprKind) -> Option<usize> {
        let (of, axis) = match kind {
            ExprKind::Reduce(_, of, axis) | ExprKind::Scan { of, axis, .. } => (*of, *axis),
            ExprKind::ReduceBy { of, axis, .. } | ExprKind::ScanBy { of, axis, .. } => {
                (*of.first()?, *axis)
            }
            ExprKind::Dot(a, _) => (*a, 1),
            _ => return None,
        };
        let extent = self.program.exprs.get(of.index())?.ty.shape.get(axis)?;
        Some(extent.value(self.dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse;

    #[test]
    fn grows_with_length_and_coarseness_and_vanishes_for_integers() {
        let of = |storage, n, ops| Tolerance::new(storage, DType::F32, n, ops);
        assert!(of(DType::F32, 100, 3).absolute > of(DType::F32, 10, 3).absolute);
        assert!(of(DType::F32, 10, 4).absolute > of(DType::F32, 10, 3).absolute);
        assert!(of(DType::F16, 10, 3).relative > of(DType::F32, 10, 3).relative);
        let exact = of(DType::I32, 1000, 9);
        assert!(exact.allows(5.0, 5.0, 1e9) && !exact.allows(5.0, 6.0, 1e9));
    }

    #[test]
    fn a_naive_f32_sum_of_a_vocabulary_passes_and_a_dropped_term_does_not() {
        let n = 128_256;
        let term = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 1000.0;
        let exact: f64 = (0..n).map(|i| term(i) as f64).sum();
        let naive: f32 = (0..n).map(term).sum();
        let tolerance = Tolerance::new(DType::F32, DType::F32, n, 1);
        assert!(tolerance.allows(naive as f64, exact, exact), "{naive} {exact}");
        assert!(!tolerance.allows(exact * 0.999, exact, exact));
    }

    #[test]
    fn special_values_match_only_themselves() {
        let t = Tolerance::new(DType::F16, DType::F32, 1, 1);
        assert!(t.allows(f64::NAN, f64::NAN, 1.0));
        assert!(!t.allows(f64::NAN, 1.0, 1.0) && !t.allows(1.0, f64::NAN, 1.0));
        assert!(t.allows(f64::INFINITY, f64::INFINITY, 1.0));
        assert!(!t.allows(f64::NEG_INFINITY, f64::INFINITY, 1.0));
        assert!(!t.allows(f64::INFINITY, 60000.0, 60000.0));
        assert!(t.allows(f64::INFINITY, 65519.0, 65519.0), "half a unit from overflow");
        assert!(!t.allows(1.0, f64::INFINITY, 1.0));
    }

    #[test]
    fn a_check_names_the_first_miss() {
        let t = Tolerance::new(DType::F32, DType::F32, 1, 1);
        assert_eq!(t.check(&[1.0, 2.0], &[1.0, 2.0]), Ok(()));
        let miss = t.check(&[1.0, 2.1, 3.1], &[1.0, 2.0, 3.0]).unwrap_err();
        assert_eq!((miss.index, miss.count), (1, 2));
        assert_eq!(t.check(&[1.0], &[1.0, 2.0]).unwrap_err().index, 1);
        // A small row is not excused by a large one.
        let (result, reference) = ([1e6, 1e6, 1e-3, 2e-3], [1e6, 1e6, 1e-3, 1e-3]);
        assert!(t.check(&result, &reference).is_ok());
        assert_eq!(t.check_rows(&result, &reference, 2).unwrap_err().index, 3);
    }

    #[test]
    fn the_work_of_a_program_is_read_off() {
        let text = "kernel k(x: in f32[rows, cols], y: out f32[rows, cols])
            grid rows
            %0: i32 = program 0
            %1: f32[cols] = load x[%0, :]
            %2: f32[1] = reduce_max %1 axis 0
            %3: f32[cols] = sub %1, %2
            %4: f32[cols] = exp %3
            %5: f32[1] = reduce_sum %4 axis 0
            %6: f32[cols] = div %4, %5
            store y[%0, :] = %6";
        let work = Work::of(&parse(text).unwrap(), &[4, 257]);
        assert_eq!(work, Work { compute: DType::F32, reduction: 257, ops: 4 });
        let text = "kernel k(x: in f32[n], y: out f16[n], z: out f32[n])
            %0: f32[n] = load x[:]
            %1: f16[n] = cast %0
            store y[:] = %1
            %2: f32[n] = cast %1";
        let stored = parse(&format!("{text} store z[:] = %0")).unwrap();
        assert_eq!(Work::of(&stored, &[4]).compute, DType::F16, "%2 goes on with it");
        let stored = parse(&text.replace("%2: f32[n] = cast %1", "store z[:] = %0")).unwrap();
        assert_eq!(Work::of(&stored, &[4]).compute, DType::F32, "rounded for storage only");
    }
}
