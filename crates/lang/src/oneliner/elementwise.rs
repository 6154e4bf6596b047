//! Maps: each element of the output from the elements of the inputs at its place.

use super::{Closure, Common, Layout, OUTPUT, OneLinerError, Scalar, common_methods, fresh};
use crate::formula::{Formula, FormulaError, converted};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::view::{Size, View};
use std::panic::Location;
use std::sync::Arc;
use tilewright_ir::infer::MAX_RANK;
use tilewright_ir::validate::MAX_GRID_AXES;
use tilewright_ir::{Access, DType, Extent, Program};

/// An elementwise kernel: `out = f(x, ..)` for each element, with NumPy broadcasting.
///
/// ```
/// use tilewright_lang::DType::{F16, F32};
/// use tilewright_lang::oneliner::{Broadcast, Elementwise};
///
/// let swish = Elementwise::formula("x * sigmoid(a * x)")?.scalar("a", Some(1.0));
/// assert_eq!(swish.inputs(), ["x"]);
///
/// let biased = Elementwise::binary(|x, bias| (x + bias).gelu_tanh());
/// let call = Broadcast::of(&[(&[32, 64, 256], None), (&[256], None)]).unwrap();
/// let program = biased.program(&[F16, F32], &call.layout)?;
/// assert_eq!(program.params.len(), 3);
/// # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Elementwise {
    common: Common,
    inputs: Vec<String>,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Body {
    Formula(Formula),
    Closure(Closure),
}

impl Elementwise {
    /// The map that a formula says. Its free names are the inputs, in order of first appearance; names that
    /// [`scalar`](Self::scalar) declares later are taken out of them.
    ///
    /// # Errors
    /// The first fault of the text, with its place.
    #[track_caller]
    pub fn formula(text: &str) -> Result<Elementwise, FormulaError> {
        Ok(Elementwise::from_formula(Formula::parse(text)?))
    }

    /// As [`formula`](Self::formula), parsed before.
    #[track_caller]
    pub fn from_formula(formula: Formula) -> Elementwise {
        Elementwise {
            common: Common::new("elementwise", Location::caller()),
            inputs: formula.variables().map(str::to_string).collect(),
            body: Body::Formula(formula),
        }
    }

    /// The map that a function of one tile records; its input is `x`.
    #[track_caller]
    pub fn unary(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> Elementwise {
        Elementwise::closure(["x"], move |[x]| f(x))
    }

    /// The map that a function of two tiles records; its inputs are `a` and `b`.
    #[track_caller]
    pub fn binary(f: impl Fn(Tile, Tile) -> Tile + Send + Sync + 'static) -> Elementwise {
        Elementwise::closure(["a", "b"], move |[a, b]| f(a, b))
    }

    /// The map that a function of `N` tiles records. Names that [`scalar`](Self::scalar) declares later are run-time
    /// scalars instead of inputs.
    ///
    /// ```
    /// # use tilewright_lang::{oneliner::{Elementwise, Layout}, DType::F32};
    /// let axpy = Elementwise::closure(["a", "x", "y"], |[a, x, y]| a * x + y).scalar("a", None);
    /// assert_eq!(axpy.inputs(), ["x", "y"]);
    /// assert!(axpy.program(&[F32, F32], &Layout::flat(2)).is_ok());
    /// ```
    #[track_caller]
    pub fn closure<const N: usize>(
        names: [&str; N],
        f: impl Fn([Tile; N]) -> Tile + Send + Sync + 'static,
    ) -> Elementwise {
        let whole = move |tiles: &[Tile]| f(std::array::from_fn(|i| tiles[i]));
        Elementwise {
            common: Common::new("elementwise", Location::caller()),
            inputs: names.map(str::to_string).to_vec(),
            body: Body::Closure(Closure(Arc::new(whole))),
        }
    }

    common_methods!();

    /// The names of the input tensors in order.
    pub fn inputs(&self) -> Vec<&str> {
        let is_scalar = |name: &str| self.common.scalars.iter().any(|s| s.name == name);
        self.inputs.iter().map(String::as_str).filter(|name| !is_scalar(name)).collect()
    }

    /// The formula's text; nothing for a closure.
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Formula(formula) => Some(formula.text()),
            Body::Closure(_) => None,
        }
    }

    /// Records the kernel for inputs of these dtypes, in the order of [`inputs`](Self::inputs), that lie as `layout`
    /// says.
    ///
    /// Parameters are the inputs, the scalars, and `out`, whose dtype is the inputs' own unless
    /// [`output`](Self::output) said otherwise (integers alone whose result is a float give f32). With
    /// [`Layout::flat`] they are `[*n]` and take any shape; otherwise an axis is `n0`, `n1`, .. or 1.
    ///
    /// # Errors
    /// When the counts do not fit, a name is taken twice, the layout has more than 7 axes, or an operator does not
    /// take its operands.
    pub fn program(&self, dtypes: &[DType], layout: &Layout) -> Result<Program, OneLinerError> {
        let inputs = self.inputs();
        check(&self.common, &inputs, dtypes, layout)?;
        self.common.record(|k| {
            let axes = Axes::new(layout, &self.taken());
            let declare = |(i, (name, dtype)): (usize, (&&str, &DType))| {
                axes.tensor(k, name, *dtype, layout.axes(i), Access::In)
            };
            let views: Vec<View> = inputs.iter().zip(dtypes).enumerate().map(declare).collect();
            let mut variables = self.common.declare_scalars(k);
            let programs = axes.programs(k);
            for (i, (name, view)) in inputs.iter().zip(views).enumerate() {
                variables.push((name, axes.pick(view, layout.axes(i), &programs).load()));
            }
            let result = self.value(&variables)?;
            let dtype = self.common.output_dtype(dtypes, result.dtype());
            let all = vec![true; layout.rank()];
            let out = axes.tensor(k, OUTPUT, dtype, &all, Access::Out);
            let result = match &self.body {
                Body::Formula(_) => converted(result, dtype),
                Body::Closure(_) => result.to(dtype),
            };
            axes.pick(out, &all, &programs).store(result);
            Ok(())
        })
    }

    /// The result for these inputs and scalars, by name.
    pub(super) fn value(&self, variables: &[(&str, Tile)]) -> Result<Tile, FormulaError> {
        match &self.body {
            Body::Formula(formula) => formula.record_at(variables, self.common.at),
            Body::Closure(f) => {
                let find = |name: &String| variables.iter().find(|(n, _)| n == name);
                let named = self.inputs.iter().filter_map(find);
                Ok((f.0)(&named.map(|(_, tile)| arithmetic(*tile)).collect::<Vec<_>>()))
            }
        }
    }

    fn taken(&self) -> Vec<&str> {
        let scalars = self.common.scalars.iter().map(|s| s.name.as_str());
        self.inputs.iter().map(String::as_str).chain(scalars).chain([OUTPUT]).collect()
    }
}

/// A loaded tile in the type of arithmetic: floats as f32, unless they are f64.
pub(super) fn arithmetic(tile: Tile) -> Tile {
    match tile.dtype() {
        DType::F16 | DType::BF16 => tile.to(DType::F32),
        _ => tile,
    }
}

/// Checks what a call says against the specification.
pub(super) fn check(
    common: &Common,
    inputs: &[&str],
    dtypes: &[DType],
    layout: &Layout,
) -> Result<(), OneLinerError> {
    let fail = |text: String| Err(OneLinerError::Call(format!("{}: {text}", common.name)));
    if inputs.is_empty() {
        return fail("the formula has no input, so nothing tells the output's shape".into());
    }
    if dtypes.len() != inputs.len() || layout.inputs() != inputs.len() {
        let (count, names) = (inputs.len(), inputs.join("`, `"));
        let (got, laid) = (dtypes.len(), layout.inputs());
        return fail(format!(
            "takes {count} inputs (`{names}`), got {got} dtypes and a layout of {laid}"
        ));
    }
    if inputs.contains(&OUTPUT) {
        return fail(format!("the output is named `{OUTPUT}`; give the input another name"));
    }
    let most = MAX_RANK + MAX_GRID_AXES;
    if layout.rank() > most {
        return fail(format!("broadcasting of {} axes, at most {most}", layout.rank()));
    }
    Ok(())
}

/// The axes of a layout: the last of them make the tile, those beyond its rank are shared out among programs.
pub(super) struct Axes {
    names: Vec<String>,
    flat: bool,
}

impl Axes {
    pub(super) fn new(layout: &Layout, taken: &[&str]) -> Axes {
        let name = |axis: usize| match layout.is_flat() {
            true => "n".to_string(),
            false => format!("n{axis}"),
        };
        let names = (0..layout.rank()).map(|axis| fresh(&name(axis), taken)).collect();
        Axes { names, flat: layout.is_flat() }
    }

    /// Declares a tensor that has the axes of `full`, and 1 elsewhere.
    pub(super) fn tensor(
        &self,
        k: &Kernel,
        name: &str,
        dtype: DType,
        full: &[bool],
        access: Access,
    ) -> View {
        let axes = self.names.iter().zip(full);
        let shape = axes.map(|(n, full)| if *full { k.dim(n).0 } else { Extent::Const(1) });
        k.tensor(name, dtype, shape.collect(), self.flat, access)
    }

    /// One program index for each axis that the tile has no room for.
    pub(super) fn programs(&self, k: &Kernel) -> Vec<Tile> {
        let outer = self.names.len().saturating_sub(MAX_RANK);
        self.names[..outer].iter().map(|n| k.programs(k.dim(n))).collect()
    }

    /// The extents of a result that has every axis.
    pub(super) fn sizes(&self, k: &Kernel) -> Vec<Size> {
        self.names.iter().map(|n| k.dim(n)).collect()
    }

    /// The part of `view` that belongs to these programs.
    pub(super) fn pick(&self, view: View, full: &[bool], programs: &[Tile]) -> View {
        programs.iter().zip(full).fold(view, |view, (program, full)| match full {
            true => view.row(*program),
            false => view.row(0),
        })
    }
}
