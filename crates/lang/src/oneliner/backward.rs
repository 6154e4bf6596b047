//! Gradients of elementwise kernels by their author's own formulas.

use super::elementwise::{Axes, Elementwise, check};
use super::{Common, Layout, OUTPUT, OneLinerError};
use crate::formula::{Formula, FormulaError};
use crate::tile::Tile;
use crate::view::{Size, View};
use std::panic::Location;
use tilewright_ir::infer::MAX_RANK;
use tilewright_ir::{Access, DType, Program, ReduceOp};

/// The vector-Jacobian product of an [`Elementwise`] by formulas: never needed, since recordings are differentiated
/// automatically, but a closed form may be faster or more accurate.
///
/// A formula may use the cotangent `g`, the inputs, the output `y` (unless an input has that name; it is computed
/// again from the inputs, which costs no memory traffic), the scalars, and the names that a prelude declares.
///
/// ```
/// use tilewright_lang::DType::F32;
/// use tilewright_lang::oneliner::{Backward, Elementwise, Layout};
///
/// let silu = Elementwise::formula("kk_silu(x)")?.named("silu");
/// let gradient = Backward::of(
///     &silu,
///     "T s = kk_sigmoid(x);",
///     &[("x", "g * (s + x * s * ((T)1 - s))")],
/// )?;
/// let program = gradient.program(&[F32], F32, &Layout::flat(1))?;
/// let names: Vec<&str> = program.params.iter().map(|p| p.name.as_str()).collect();
/// assert_eq!(names, ["x", "d_out", "d_x"]);
///
/// let by_output = Backward::of(&Elementwise::formula("exp(x)")?, "", &[("x", "g * y")])?;
/// let program = by_output.program(&[F32], F32, &Layout::flat(1))?;
/// let names: Vec<&str> = program.params.iter().map(|p| p.name.as_str()).collect();
/// assert_eq!(names, ["x", "d_out", "d_x"]);
/// # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backward {
    common: Common,
    forward: Elementwise,
    /// Each with the input whose gradient it is.
    formulas: Vec<(String, Formula)>,
}

/// The cotangent's name in formulas.
const COTANGENT: &str = "g";
/// The output's name in formulas.
const RESULT: &str = "y";

impl Backward {
    /// The gradients of some inputs of `forward`, each as `(input, formula)`; `prelude` declares names for all of
    /// them.
    ///
    /// # Errors
    /// A fault of a text, an unknown input or name.
    #[track_caller]
    pub fn of(
        forward: &Elementwise,
        prelude: &str,
        formulas: &[(&str, &str)],
    ) -> Result<Backward, OneLinerError> {
        let mut common = Common::new(&format!("{}_grad", forward.name()), Location::caller());
        common.scalars = forward.scalars().to_vec();
        let inputs: Vec<String> = forward.inputs().into_iter().map(str::to_string).collect();
        let mut known: Vec<&str> = inputs.iter().map(String::as_str).collect();
        if known.contains(&COTANGENT) {
            return fail(format!(
                "an input is named `{COTANGENT}`, which is the cotangent's name here"
            ));
        }
        known.extend(common.scalars.iter().map(|s| s.name.as_str()));
        known.extend([COTANGENT, RESULT]);
        let mut parsed = Vec::new();
        for (input, text) in formulas {
            if !inputs.iter().any(|i| i == input) {
                let names = inputs.join("`, `");
                return fail(format!("gradient of `{input}`: the inputs are `{names}`"));
            }
            let role = |e: FormulaError| e.of(&format!("gradient of `{input}`"));
            let formula = Formula::with_prelude(prelude, text).map_err(role)?;
            formula.expect(&known).map_err(role)?;
            parsed.push((input.to_string(), formula));
        }
        match parsed.is_empty() {
            true => fail("no gradient is given".into()),
            false => Ok(Backward { common, forward: forward.clone(), formulas: parsed }),
        }
    }

    /// The inputs that have a gradient.
    pub fn gradients(&self) -> impl Iterator<Item = &str> {
        self.formulas.iter().map(|(input, _)| input.as_str())
    }

    /// Records the backward kernel of a forward call with these dtypes, that output dtype and that layout.
    ///
    /// Parameters: the inputs that the formulas use, the scalars, the cotangent `d_out`; then `d_<input>` for each
    /// gradient, of the input's own dtype and shape: where it was broadcast, the gradient is the sum over those axes.
    ///
    /// # Errors
    /// As for [`Elementwise::program`]; and when a gradient would be summed in a layout of more than 4 axes.
    pub fn program(
        &self,
        dtypes: &[DType],
        output: DType,
        layout: &Layout,
    ) -> Result<Program, OneLinerError> {
        let inputs = self.forward.inputs();
        check(&self.common, &inputs, dtypes, layout)?;
        let index_of = |input: &str| inputs.iter().position(|i| *i == input).unwrap_or_default();
        let broadcast = |input: &str| layout.axes(index_of(input)).contains(&false);
        if layout.rank() > MAX_RANK
            && let Some(input) = self.gradients().find(|input| broadcast(input))
        {
            return fail(format!(
                "gradient of `{input}`: it is summed over some of more than {MAX_RANK} axes; leave it to \
                 the recording"
            ));
        }
        let cotangent = format!("d_{OUTPUT}");
        let gradients: Vec<String> = self.gradients().map(|i| format!("d_{i}")).collect();
        let scalars = self.common.scalars.iter().map(|s| s.name.as_str());
        let made = gradients.iter().map(String::as_str);
        let taken: Vec<&str> =
            inputs.iter().copied().chain(scalars).chain([cotangent.as_str()]).chain(made).collect();
        let uses = |name: &str| self.formulas.iter().any(|(_, f)| f.uses(name));
        let uses_result = uses(RESULT) && !inputs.contains(&RESULT);
        self.common.record(|k| {
            let axes = Axes::new(layout, &taken);
            let all = vec![true; layout.rank()];
            let mut views: Vec<(&str, View, &[bool])> = Vec::new();
            for (i, (name, dtype)) in inputs.iter().zip(dtypes).enumerate() {
                if uses_result || uses(name) {
                    let full = layout.axes(i);
                    views.push((name, axes.tensor(k, name, *dtype, full, Access::In), full));
                }
            }
            let mut variables = self.common.declare_scalars(k);
            let g = axes.tensor(k, &cotangent, output, &all, Access::In);
            views.push((COTANGENT, g, &all));
            let programs = axes.programs(k);
            for (name, view, full) in views {
                variables.push((name, axes.pick(view, full, &programs).load()));
            }
            if uses_result {
                variables.push((RESULT, self.forward.value(&variables)?));
            }
            for ((input, formula), name) in self.formulas.iter().zip(&gradients) {
                let (dtype, full) = (dtypes[index_of(input)], layout.axes(index_of(input)));
                let value = formula.record_at(&variables, self.common.at)?;
                let value = summed(value, full, &axes.sizes(k));
                let out = axes.tensor(k, name, dtype, full, Access::Out);
                axes.pick(out, full, &programs).store(value.to(dtype));
            }
            Ok(())
        })
    }
}

/// The sum over the axes that an input does not have in full, which stay with extent 1.
fn summed(value: Tile, full: &[bool], sizes: &[Size]) -> Tile {
    if !full.contains(&false) {
        return value;
    }
    let whole = if value.shape() == sizes { value } else { value.broadcast_to(sizes) };
    let axes = full.iter().enumerate().filter(|(_, full)| !**full);
    axes.fold(whole, |value, (axis, _)| value.reduce(ReduceOp::Sum, axis))
}

fn fail<T>(text: String) -> Result<T, OneLinerError> {
    Err(OneLinerError::Call(text))
}
