//! Gradients of elementwise kernels by their author's own formulas.

use super::elementwise::{Axes, Elementwise, check};
use super::{Common, Layout, OUTPUT, OneLinerError};
use crate::formula::{Formula, FormulaError};
use crate::tile::Tile;
use crate::view::View;
use std::panic::Location;
use tilewright_ir::{Access, DType, Program};

/// The vector-Jacobian product of an [`Elementwise`] by formulas: never needed, since recordings are differentiated
/// automatically, but a closed form may be faster or more accurate.
///
/// A formula may use the cotangent `g`, the inputs, the output `y` (unless an input has that name), the scalars, and
/// the names that a prelude declares.
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
/// assert_eq!(names, ["out", "d_out", "d_x"]);
/// # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backward {
    common: Common,
    inputs: Vec<String>,
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
            false => Ok(Backward { common, inputs, formulas: parsed }),
        }
    }

    /// The inputs that have a gradient.
    pub fn gradients(&self) -> impl Iterator<Item = &str> {
        self.formulas.iter().map(|(input, _)| input.as_str())
    }

    /// Records the backward kernel of a forward call with these dtypes, that output dtype and that layout.
    ///
    /// Parameters: the inputs that the formulas use, `out` if they use `y`, the scalars, the cotangent `d_out`; then
    /// `d_<input>` for each gradient, of the input's dtype and the *output's* shape: where the input was broadcast,
    /// the caller sums over those axes.
    ///
    /// # Errors
    /// As for [`Elementwise::program`].
    pub fn program(
        &self,
        dtypes: &[DType],
        output: DType,
        layout: &Layout,
    ) -> Result<Program, OneLinerError> {
        let inputs: Vec<&str> = self.inputs.iter().map(String::as_str).collect();
        check(&self.common, &inputs, dtypes, layout)?;
        let cotangent = format!("d_{OUTPUT}");
        let gradients: Vec<String> = self.gradients().map(|i| format!("d_{i}")).collect();
        let scalars = self.common.scalars.iter().map(|s| s.name.as_str());
        let taken: Vec<&str> = inputs
            .iter()
            .copied()
            .chain(scalars)
            .chain([OUTPUT, &cotangent])
            .chain(gradients.iter().map(String::as_str))
            .collect();
        self.common.record(|k| {
            let axes = Axes::new(layout, &taken);
            let all = vec![true; layout.rank()];
            let uses = |name: &str| self.formulas.iter().any(|(_, f)| f.uses(name));
            let mut views: Vec<(&str, View, &[bool])> = Vec::new();
            for (i, (name, dtype)) in inputs.iter().zip(dtypes).enumerate() {
                if uses(name) {
                    let full = layout.axes(i);
                    views.push((name, axes.tensor(k, name, *dtype, full, Access::In), full));
                }
            }
            if uses(RESULT) && !inputs.contains(&RESULT) {
                views.push((RESULT, axes.tensor(k, OUTPUT, output, &all, Access::In), &all));
            }
            let scalars = self.common.declare_scalars(k);
            let g = axes.tensor(k, &cotangent, output, &all, Access::In);
            views.push((COTANGENT, g, &all));
            let programs = axes.programs(k);
            let mut variables: Vec<(&str, Tile)> = views
                .iter()
                .map(|(name, view, full)| (*name, axes.pick(*view, full, &programs).load()))
                .collect();
            variables.extend(scalars);
            for ((input, formula), name) in self.formulas.iter().zip(&gradients) {
                let value = formula.record_at(&variables, self.common.at)?;
                let index = inputs.iter().position(|i| i == input).unwrap_or_default();
                let dtype = dtypes[index];
                let out = axes.tensor(k, name, dtype, &all, Access::Out);
                axes.pick(out, &all, &programs).store(value.to(dtype));
            }
            Ok(())
        })
    }
}

fn fail<T>(text: String) -> Result<T, OneLinerError> {
    Err(OneLinerError::Call(text))
}
