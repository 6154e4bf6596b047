//! One-liners as callables: a formula or a closure becomes a kernel.

use crate::Result;
use crate::callable::{Callable, Recipe, Recording};
use crate::frame::Arrange;
use crate::map::Map;
use crate::rows::Rows;
use tilewright_ir::{DType, Program};
use tilewright_lang::oneliner::{
    Backward, Elementwise, Layout, MapReduce, OUTPUT, OneLinerError, Pass, Reduce,
};
use tilewright_lang::{Specialization, Tile};
use tilewright_passes::Backward as Programs;

/// An elementwise kernel from a formula; its free names are the inputs, in order of first appearance. Inputs
/// broadcast as in NumPy; the output `out` has their dtype.
///
/// ```
/// use tilewright_tensor::{elementwise, Tensor};
///
/// let mish = elementwise("x * tanh(log(1 + exp(x)))")?;
/// let x = Tensor::from([-1.0f32, 1.0]);
/// let y = mish.call(&[&x])?.to_vec::<f32>()?;
/// assert!((y[0] + 0.3034015).abs() < 1e-6 && (y[1] - 0.8650984).abs() < 1e-6);
///
/// // The gradient follows from the recording.
/// let dx = mish.grad()?.call(&[&x, &Tensor::from([1.0f32, 1.0])])?;
/// assert!((dx.to_vec::<f32>()?[1] - 1.0490363).abs() < 1e-6);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
///
/// # Errors
/// A fault of the formula, shown with a caret under it and the nearest known name.
#[track_caller]
pub fn elementwise(formula: &str) -> Result<Callable> {
    Elementwise::formula(formula)?.callable()
}

/// An elementwise kernel of one input `x` from a function of tiles: `elementwise_with(|x| x * x.sigmoid())`.
///
/// # Errors
/// Every mistake that the function makes, with its line.
#[track_caller]
pub fn elementwise_with(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> Result<Callable> {
    Elementwise::unary(f).callable()
}

/// One value a row of `x` (over the last axis), from formulas: `reduce("0.0f", "acc + v")` sums. For more, other axes among
/// it, make a [`Reduce`] and call [`OneLiner::callable`].
///
/// ```
/// use tilewright_tensor::{OneLiner, Reduce, Tensor};
///
/// let sum = Reduce::formulas("0.0f", "acc + v").expect("formulas").axes(&[0, -1]).keepdims().callable()?;
/// let x = Tensor::from(vec![1.0f32; 24]).reshape(&[2, 3, 4])?;
/// assert_eq!(sum.call(&[&x])?.shape(), [1, 3, 1]);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
///
/// The result has the shape of `x` without its last axis, so one row alone gives a tensor of no axes, as NumPy's
/// `x.sum(-1)` does; `reshape(&[1])` it for one of shape `[1]`.
///
/// # Errors
/// A fault of a formula.
#[track_caller]
pub fn reduce(init: &str, update: &str) -> Result<Callable> {
    Reduce::formulas(init, update)?.callable()
}

/// One value a row of `x` from a function of the row: `reduce_with(|row| row.square().row_mean())`.
///
/// # Errors
/// Every mistake that the function makes, with its line.
#[track_caller]
pub fn reduce_with(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> Result<Callable> {
    Reduce::row(f).callable()
}

/// A row from a row of `x` and two reductions of it, from formulas.
///
/// ```
/// use tilewright_tensor::{map_reduce, Pass, Tensor};
///
/// let softmax = map_reduce(
///     Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
///     Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
///     "exp(x - s1) / s2",
/// )?;
/// let y = softmax.call(&[&Tensor::from([[3.0f32, 3.0]])])?;
/// assert_eq!(y.to_vec::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
///
/// # Errors
/// A fault of a formula.
#[track_caller]
pub fn map_reduce(pass1: Pass<'_>, pass2: Pass<'_>, write: &str) -> Result<Callable> {
    let spec = MapReduce::formulas(pass1, pass2, write);
    spec?.callable()
}

/// A row from a row of `x`, from a function of the row.
///
/// # Errors
/// Every mistake that the function makes, with its line.
#[track_caller]
pub fn map_reduce_with(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> Result<Callable> {
    MapReduce::row(f).callable()
}

/// An elementwise kernel whose gradient its author gives as formulas, each as `(input, formula)`: of the cotangent
/// `g`, the inputs, the output `y`, and what `prelude` declares. Never needed: [`Callable::grad`] differentiates the
/// recording.
///
/// ```
/// use tilewright_tensor::{elementwise_with_gradient, Elementwise, Tensor};
///
/// let silu = Elementwise::formula("kk_silu(x)").expect("a formula");
/// let gradient = [("x", "g * (s + x * s * ((T)1 - s))")];
/// let silu = elementwise_with_gradient(silu, "T s = kk_sigmoid(x);", &gradient)?;
/// let (x, g) = (Tensor::from([0.0f32]), Tensor::from([2.0f32]));
/// assert_eq!(silu.grad()?.call(&[&x, &g])?.to_vec::<f32>()?, [1.0]);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
///
/// # Errors
/// A fault of a formula, or an unknown input or name.
#[track_caller]
pub fn elementwise_with_gradient(
    forward: Elementwise,
    prelude: &str,
    formulas: &[(&str, &str)],
) -> Result<Callable> {
    let backward = Backward::of(&forward, prelude, formulas)?;
    let mut recipe = recipe_of(forward.clone());
    recipe.by_hand = Some(Box::new(move |specialization, layout| {
        let inputs = forward.inputs();
        let (dtypes, layout) = choice(&inputs, specialization, layout);
        let program = forward.program(&dtypes, &layout)?;
        let output = output_dtype(&program);
        let gradient = backward.program(&dtypes, output, &layout)?;
        Ok(Programs::by_hand(&program, vec![gradient]))
    }));
    Callable::new(recipe)
}

/// What becomes a callable: the specifications of [`tilewright_lang::oneliner`].
pub trait OneLiner {
    /// The kernel as a function of tensors.
    ///
    /// # Errors
    /// Names that do not fit, or every mistake of a closure.
    fn callable(self) -> Result<Callable>;
}

impl OneLiner for Elementwise {
    fn callable(self) -> Result<Callable> {
        Callable::new(recipe_of(self))
    }
}

impl OneLiner for Reduce {
    fn callable(self) -> Result<Callable> {
        let name = self.name().to_string();
        let rows = Rows { over: self.over().clone(), whole: false };
        of_rows(&name, rows, move |dtype| self.program(dtype))
    }
}

impl OneLiner for MapReduce {
    fn callable(self) -> Result<Callable> {
        let name = self.name().to_string();
        let rows = Rows { over: self.over().clone(), whole: true };
        of_rows(&name, rows, move |dtype| self.program(dtype))
    }
}

fn of_rows(
    name: &str,
    rows: Rows,
    program: impl Fn(DType) -> std::result::Result<Program, OneLinerError> + Send + Sync + 'static,
) -> Result<Callable> {
    // Of floats, unless the row is one of bits.
    let probed = [DType::F32, DType::I32].into_iter().find(|dtype| program(*dtype).is_ok());
    Callable::new(Recipe {
        name: name.into(),
        variables: ["x", OUTPUT].map(|p| (p.into(), "T".into())).to_vec(),
        base: Specialization::of(probed.unwrap_or(DType::F32)),
        arrange: Some(Arrange::Rows(rows)),
        record: Box::new(move |specialization, _| {
            let dtype = specialization.dtype("T").unwrap_or(DType::F32);
            Ok(program(dtype)?.into())
        }),
        ..Recipe::default()
    })
}

/// Each input has a type variable of its own.
fn recipe_of(spec: Elementwise) -> Recipe {
    let inputs: Vec<String> = spec.inputs().into_iter().map(String::from).collect();
    let variables: Vec<(String, String)> =
        inputs.iter().enumerate().map(|(i, name)| (name.clone(), format!("T{i}"))).collect();
    let base = probed(&spec, &variables);
    Recipe {
        name: spec.text().unwrap_or(spec.name()).into(),
        variables,
        base,
        arrange: Some(Arrange::Map(Map { inputs })),
        record: Box::new(move |specialization, layout| {
            let (dtypes, layout) = choice(&spec.inputs(), specialization, layout);
            let program = spec.program(&dtypes, &layout)?;
            Ok(Recording::from(program))
        }),
        ..Recipe::default()
    }
}

/// Dtypes that a formula takes, to learn from it what it takes and gives: floats, but for inputs of which it wants bits.
fn probed(spec: &Elementwise, variables: &[(String, String)]) -> Specialization {
    let count = variables.len();
    let flat = Layout::flat(count.max(1));
    let dtypes_of = |whole: usize| -> Vec<DType> {
        let is_whole = |i: usize| i < usize::BITS as usize && whole >> i & 1 == 1;
        (0..count).map(|i| if is_whole(i) { DType::I32 } else { DType::F32 }).collect()
    };
    // As few integers as will do; of many inputs, all or none.
    let mut choices: Vec<usize> = match count {
        0..=MOST_PROBED => (0..1 << count).collect(),
        _ => vec![0, usize::MAX],
    };
    choices.sort_by_key(|whole| whole.count_ones());
    let fits = |whole: &usize| spec.program(&dtypes_of(*whole), &flat).is_ok();
    let dtypes = dtypes_of(choices.into_iter().find(fits).unwrap_or(0));
    variables.iter().zip(dtypes).fold(Specialization::default(), |base, ((_, variable), dtype)| {
        base.with_dtype(variable, dtype)
    })
}

/// Inputs whose dtypes are tried in every combination.
const MOST_PROBED: usize = 6;

/// The dtypes and the layout of an elementwise call.
fn choice(
    inputs: &[&str],
    specialization: &Specialization,
    layout: Option<&Layout>,
) -> (Vec<DType>, Layout) {
    let dtype = |i: usize| specialization.dtype(&format!("T{i}")).unwrap_or(DType::F32);
    let dtypes = (0..inputs.len()).map(dtype).collect();
    (dtypes, layout.cloned().unwrap_or_else(|| Layout::flat(inputs.len())))
}

fn output_dtype(program: &Program) -> DType {
    let output = tilewright_ir::bind::outputs(program).next();
    match output.map(|(_, param)| &param.kind) {
        Some(tilewright_ir::ParamKind::Tensor { dtype, .. }) => *dtype,
        _ => DType::F32,
    }
}
