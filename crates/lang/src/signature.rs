//! Signatures: a kernel's parameters in one line of text, from which docs, files and the command line follow.
//!
//! ```text
//! x: T[*rows, cols], weight: T[cols], p: &f32[n], eps: f32 = 1e-6 -> y: T[*rows, cols], index: u32[*rows, k]
//! ```
//!
//! Inputs, an arrow, outputs. A tensor is `name: dtype[axes]`, `&` before the dtype means read and written in
//! place. A dtype is one of [`DType`], or a capital letter that a [`Specialization`] gives. An axis is a product of
//! numbers and sizes (`2*cols`, `bits*group/32*groups`); at most one size of it is bound at launch, the others
//! are constants of the specialization. `*` before the first axis lets it stand for any number of leading axes. A scalar is
//! `name: dtype`, with a default after `=`, and after `in` the values that a caller may give: `p: f32 = 0.1 in 0..1`
//! from 0 to below 1.

use std::fmt;
use std::ops::Range;
use tilewright_ir::{Access, DType};

/// A parsed signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its parameters in order.
    pub params: Vec<SignatureParam>,
}

/// One parameter as written.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureParam {
    /// Its name.
    pub name: String,
    /// A dtype's name or a type variable.
    pub dtype: String,
    /// The axes of a tensor, as written, without the leading `*`; `None` for a scalar.
    pub axes: Option<Vec<String>>,
    /// The first axis stands for any number of leading ones.
    pub leading: bool,
    /// What the kernel may do with a tensor.
    pub access: Access,
    /// The default of a scalar.
    pub default: Option<f64>,
    /// The values that a scalar may have, if not any.
    pub range: Option<Range<f64>>,
}

/// One parameter of a specialized kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Declared {
    /// A tensor.
    Tensor {
        /// Its name.
        name: String,
        /// Element type.
        dtype: DType,
        /// A constant factor and the size it multiplies, for each axis.
        shape: Vec<(usize, Option<String>)>,
        /// The first axis stands for any number of leading ones.
        leading: bool,
        /// What the kernel may do with it.
        access: Access,
    },
    /// A run-time scalar.
    Scalar {
        /// Its name.
        name: String,
        /// Its type.
        dtype: DType,
        /// The value when the caller gives none.
        default: Option<f64>,
    },
}

/// What a recording is specialized for: dtypes of type variables, and sizes that the author asks to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Specialization {
    dtypes: Vec<(String, DType)>,
    constants: Vec<(String, usize)>,
}

impl Specialization {
    /// `T` is `dtype`, nothing else.
    pub fn of(dtype: DType) -> Self {
        Self::default().with_dtype("T", dtype)
    }

    /// Gives a type variable its dtype.
    pub fn with_dtype(mut self, variable: &str, dtype: DType) -> Self {
        self.dtypes.retain(|(name, _)| name != variable);
        self.dtypes.push((variable.into(), dtype));
        self
    }

    /// Gives a constant its value.
    pub fn with(mut self, name: &str, value: usize) -> Self {
        self.constants.retain(|(n, _)| n != name);
        self.constants.push((name.into(), value));
        self
    }

    /// The value of a constant.
    pub fn constant(&self, name: &str) -> Option<usize> {
        self.constants.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// The dtype of a type variable, or of a dtype's own name.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.dtypes.iter().find(|(n, _)| n == name).map(|(_, d)| *d).or_else(|| DType::parse(name))
    }

    /// The constants in order.
    pub fn constants(&self) -> &[(String, usize)] {
        &self.constants
    }

    /// The type variables in order.
    pub fn dtypes(&self) -> &[(String, DType)] {
        &self.dtypes
    }
}

/// What is wrong with a signature, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError(pub String);

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignatureError {}

fn fail<T>(text: impl Into<String>) -> Result<T, SignatureError> {
    Err(SignatureError(text.into()))
}

impl Signature {
    /// Parses a signature.
    ///
    /// # Errors
    /// With the part of the text that does not fit.
    pub fn parse(text: &str) -> Result<Signature, SignatureError> {
        let Some((inputs, outputs)) = text.split_once("->") else {
            // Kernels that only work in place have no outputs beside them.
            let params = parse_list(text, Access::In)?;
            if !params.iter().any(|p| p.access == Access::InOut) {
                return fail(format!(
                    "signature `{text}` has no output: expected `inputs -> outputs`"
                ));
            }
            return Signature { params }.checked();
        };
        let mut params = parse_list(inputs, Access::In)?;
        params.extend(parse_list(outputs, Access::Out)?);
        Signature { params }.checked()
    }

    fn checked(self) -> Result<Signature, SignatureError> {
        for (i, param) in self.params.iter().enumerate() {
            if self.params[..i].iter().any(|p| p.name == param.name) {
                return fail(format!("signature: `{}` is declared twice", param.name));
            }
        }
        Ok(self)
    }

    /// The parameters with their dtypes and constant factors.
    ///
    /// # Errors
    /// When a type variable or a constant has no value.
    pub fn declare(
        &self,
        specialization: &Specialization,
    ) -> Result<Vec<Declared>, SignatureError> {
        self.params.iter().map(|p| p.declare(specialization)).collect()
    }

    /// The type variables, each once, in order of appearance.
    pub fn type_variables(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for param in &self.params {
            if DType::parse(&param.dtype).is_none() && !found.contains(&param.dtype.as_str()) {
                found.push(&param.dtype);
            }
        }
        found
    }
}

impl SignatureParam {
    fn declare(&self, specialization: &Specialization) -> Result<Declared, SignatureError> {
        let Some(dtype) = specialization.dtype(&self.dtype) else {
            return fail(format!("`{}`: type variable {} has no dtype", self.name, self.dtype));
        };
        let name = self.name.clone();
        let Some(axes) = &self.axes else {
            return Ok(Declared::Scalar { name, dtype, default: self.default });
        };
        let shape = axes
            .iter()
            .map(|axis| declare_axis(axis, specialization))
            .collect::<Result<_, _>>()
            .map_err(|e| SignatureError(format!("`{name}`: {e}")))?;
        Ok(Declared::Tensor { name, dtype, shape, leading: self.leading, access: self.access })
    }
}

/// `bits*group/32*groups` as a constant factor and the one size bound at launch.
fn declare_axis(
    text: &str,
    specialization: &Specialization,
) -> Result<(usize, Option<String>), SignatureError> {
    if text.starts_with('*') {
        return fail(format!(
            "axis `{text}`: only the first axis of a tensor stands for any number of axes"
        ));
    }
    let (mut over, mut under, mut size) = (1usize, 1usize, None);
    for (divide, factor) in factors(text) {
        let constant = match factor.parse::<usize>() {
            Ok(n) => Some(n),
            Err(_) => specialization.constant(factor),
        };
        match constant {
            Some(n) if divide => under = under.saturating_mul(n),
            Some(n) => over = over.saturating_mul(n),
            None if !is_name(factor) => {
                return fail(format!("axis `{text}`: `{factor}` is not a size"));
            }
            None if divide || size.is_some() => {
                return fail(format!(
                    "axis `{text}`: `{factor}` must be a constant; pass its value"
                ));
            }
            None => size = Some(factor.to_string()),
        }
    }
    if under == 0 || over % under != 0 {
        return fail(format!("axis `{text}`: {over} / {under} is not a whole number"));
    }
    Ok((over / under, size))
}

/// The factors of an axis, and whether each divides.
pub(crate) fn factors(axis: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = Some((false, axis));
    std::iter::from_fn(move || {
        let (divides, text) = rest?;
        let end = text.find(['*', '/']).unwrap_or(text.len());
        let (factor, tail) = text.split_at(end);
        rest = tail.chars().next().map(|operator| (operator == '/', &tail[1..]));
        Some((divides, factor.trim()))
    })
}

/// The parameters of one side of the arrow.
fn parse_list(text: &str, access: Access) -> Result<Vec<SignatureParam>, SignatureError> {
    let mut params = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (i, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 || i == text.len() => {
                let part = text[start..i].trim();
                start = i + 1;
                if !part.is_empty() {
                    params.push(parse_param(part, access)?);
                } else if i < text.len() {
                    return fail(format!("signature: empty parameter in `{}`", text.trim()));
                }
            }
            _ => {}
        }
    }
    Ok(params)
}

fn parse_param(text: &str, access: Access) -> Result<SignatureParam, SignatureError> {
    let Some((name, ty)) = text.split_once(':') else {
        return fail(format!("signature: `{text}` lacks its type; expected `name: dtype[axes]`"));
    };
    let (name, ty) = (name.trim(), ty.trim());
    if !is_name(name) {
        return fail(format!("signature: `{name}` is not a name"));
    }
    let (ty, range) = match ty.split_once(" in ") {
        None => (ty, None),
        Some((ty, text)) => match parse_range(text) {
            Some(range) => (ty.trim(), Some(range)),
            None => {
                let text = text.trim();
                return fail(format!("signature: `{name}`: `{text}` is no range such as 0..1"));
            }
        },
    };
    let (ty, default) = match ty.split_once('=') {
        None => (ty, None),
        Some((ty, value)) => match value.trim().parse::<f64>() {
            Ok(value) => (ty.trim(), Some(value)),
            Err(_) => {
                return fail(format!(
                    "signature: default `{}` of `{name}` is not a number",
                    value.trim()
                ));
            }
        },
    };
    let (ty, access) = match ty.strip_prefix('&') {
        Some(ty) if access == Access::In => (ty.trim(), Access::InOut),
        Some(_) => return fail(format!("signature: `{name}`: `&` belongs on an input")),
        None => (ty, access),
    };
    let (dtype, axes) = match ty.split_once('[') {
        None => (ty, None),
        Some((dtype, axes)) => match axes.trim_end().strip_suffix(']') {
            Some(axes) => (dtype.trim(), Some(axes)),
            None => {
                return fail(match axes.split_once(']') {
                    None => format!("signature: `{text}` lacks `]`"),
                    Some((axes, rest)) => format!(
                        "signature: `{name}`: unexpected `{}` after the shape; a tensor that the kernel changes in \
                         place is `{name}: &{}[{axes}]`",
                        rest.trim(),
                        dtype.trim()
                    ),
                });
            }
        },
    };
    let variable = dtype.len() == 1 && dtype.chars().all(|c| c.is_ascii_uppercase());
    if DType::parse(dtype).is_none() && !variable {
        if let (Some((_, own)), Some(axes)) = (dtype.rsplit_once(' '), axes) {
            return fail(format!(
                "signature: `{name}`: `{dtype}` is more than a dtype; a tensor that the kernel changes in place is \
                 `{name}: &{own}[{axes}]`"
            ));
        }
        return fail(format!(
            "signature: `{name}`: `{dtype}` is neither a dtype nor a capital letter"
        ));
    }
    if axes.is_none() && access != Access::In {
        return fail(format!(
            "signature: the output `{name}` must be a tensor, as `{name}: {dtype}[n]`"
        ));
    }
    if axes.is_some() && range.is_some() {
        return fail(format!("signature: `{name}`: only a number has a range"));
    }
    let mut leading = false;
    let axes = axes.map(|axes| {
        let axes = axes.trim();
        leading = axes.starts_with('*');
        let axes = axes.trim_start_matches('*');
        if axes.is_empty() {
            vec![]
        } else {
            axes.split(',').map(|a| a.trim().to_string()).collect()
        }
    });
    let (name, dtype) = (name.into(), dtype.into());
    Ok(SignatureParam { name, dtype, axes, leading, access, default, range })
}

/// `0..1`: from the first to below the last.
fn parse_range(text: &str) -> Option<Range<f64>> {
    let (start, end) = text.split_once("..")?;
    let range = start.trim().parse().ok()?..end.trim().parse().ok()?;
    (range.start < range.end).then_some(range)
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form() {
        let text = "x: T[*rows, 2*cols], p: &f32[n], eps: f32 = 1e-6 -> y: T[*rows, cols], i: u32[*rows, k]";
        let signature = Signature::parse(text).unwrap();
        assert_eq!(signature.type_variables(), ["T"]);
        let declared = signature.declare(&Specialization::of(DType::F16).with("k", 8)).unwrap();
        assert_eq!(
            declared[0],
            Declared::Tensor {
                name: "x".into(),
                dtype: DType::F16,
                shape: vec![(1, Some("rows".into())), (2, Some("cols".into()))],
                leading: true,
                access: Access::In,
            }
        );
        assert!(matches!(&declared[1], Declared::Tensor { access: Access::InOut, .. }));
        assert_eq!(
            declared[2],
            Declared::Scalar { name: "eps".into(), dtype: DType::F32, default: Some(1e-6) }
        );
        assert_eq!(signature.params[2].range, None);
        let signature = Signature::parse("x: T[n], p: f32 = 0.1 in 0..1 -> y: T[n]").unwrap();
        let p = &signature.params[1];
        assert_eq!(
            (p.dtype.as_str(), p.default, p.range.clone()),
            ("f32", Some(0.1), Some(0.0..1.0))
        );
        assert!(matches!(&declared[4], Declared::Tensor { shape, .. } if shape[1] == (8, None)));
    }

    #[test]
    fn axes_multiply_and_divide_constants() {
        let constants = Specialization::default().with("bits", 4).with("group", 64);
        assert_eq!(
            declare_axis("bits*group/32*groups", &constants),
            Ok((8, Some("groups".into())))
        );
        assert!(
            declare_axis("rows*cols", &constants).unwrap_err().0.contains("must be a constant")
        );
        assert!(declare_axis("*n", &constants).unwrap_err().0.contains("only the first axis"));
        assert!(declare_axis("bits/32*n", &constants).unwrap_err().0.contains("whole number"));
    }

    #[test]
    fn errors_name_the_part() {
        for (text, part) in [
            ("x: T[n]", "no output"),
            ("x T[n] -> y: T[n]", "`x T[n]`"),
            ("x: T[n], x: T[n] -> y: T[n]", "declared twice"),
            ("x: float[n] -> y: T[n]", "`float`"),
            ("x: T[n -> y: T[n]", "lacks `]`"),
            (
                "x: T[n] inout -> y: T[n]",
                "unexpected `inout` after the shape; a tensor that the kernel changes in place is `x: &T[n]`",
            ),
            ("h: inout u32[n], x: T[n] -> y: T[n]", "changes in place is `h: &u32[n]`"),
            ("e: f32 = q, x: T[n] -> y: T[n]", "`q`"),
            ("x: T[n] -> y: T", "must be a tensor"),
            ("x: T[n], p: f32 = 0.1 in 1..0 -> y: T[n]", "`1..0` is no range"),
            ("x: T[n] in 0..1 -> y: T[n]", "only a number has a range"),
        ] {
            let error = Signature::parse(text).unwrap_err().0;
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
