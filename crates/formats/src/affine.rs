//! MLX's affine quantization: which modules of a checkpoint have it, and the three tensors that make a weight.
//!
//! `config.json` says `"quantization": {"group_size": 64, "bits": 4, "model.layers.0.mlp.gate": {"group_size": 64,
//! "bits": 8}, "lm_head": false}`: a default, and modules that differ. A module with the tensor `<module>.scales` is
//! quantized. Its weight holds `bits` bits an element, the lowest first, in u32 words.

use crate::{Config, ElementType, FormatError, StoredTensor};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How the weights of a row are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// Bits of one integer: 2, 3, 4, 5, 6 or 8.
    pub bits: usize,
    /// Weights that share a scale and a bias: 32, 64 or 128.
    pub group: usize,
}

impl Affine {
    /// The widths of integers that there are.
    pub const BITS: [usize; 6] = [2, 3, 4, 5, 6, 8];
    /// The sizes of groups that there are.
    pub const GROUPS: [usize; 3] = [32, 64, 128];
}

/// The quantization that a configuration declares.
#[derive(Clone, Debug)]
pub struct Quantization {
    default: Affine,
    /// Modules that differ; `None` for those that stay floats.
    modules: BTreeMap<String, Option<Affine>>,
}

impl Quantization {
    /// What `config` declares; `None` for floats.
    ///
    /// # Errors
    /// When it declares another method than MLX's affine one, or other bits and groups than there are.
    pub fn of(config: &Config) -> Result<Option<Quantization>, FormatError> {
        // Hugging Face's field of that name describes other methods, unless MLX wrote it as well.
        let (field, object) = match config.object("quantization")? {
            Some(object) => ("quantization", object),
            None => match config.object("quantization_config")? {
                Some(object) => ("quantization_config", object),
                None => return Ok(None),
            },
        };
        let affine_only = "use a checkpoint of bf16, f16 or f32, or of MLX's affine bits: mlx_lm.convert without --q-mode";
        if let Some(method) = object.text("quant_method")? {
            let what = format!("declares the method `{method}`, which is not supported");
            return Err(config.error(field, &what, affine_only));
        }
        let default = format_of(object.clone(), affine_only)?;
        let mut modules = BTreeMap::new();
        for name in object.names().filter(|n| !["bits", "group_size", "mode"].contains(n)) {
            let own = match object.value(name).and_then(|value| value.as_bool()) {
                Some(false) => None,
                Some(true) => Some(default),
                None => match object.object(name)? {
                    Some(own) => Some(format_of(with_defaults(own), affine_only)?),
                    None => continue,
                },
            };
            modules.insert(name.to_string(), own);
        }
        Ok(Some(Quantization { default, modules }))
    }

    /// The text of a `config.json` as mlx_lm.convert writes it for weights that it packs: the fields of `config` in
    /// alphabetical order, without those that nobody reads, and the quantization under both of its names.
    pub fn declare(config: &Config, default: Affine, differing: &[(String, Affine)]) -> String {
        let mut quantization = Map::new();
        quantization.insert("group_size".into(), default.group.into());
        quantization.insert("bits".into(), default.bits.into());
        quantization.insert("mode".into(), "affine".into());
        for (module, own) in differing {
            let own = json!({"group_size": own.group, "bits": own.bits});
            quantization.insert(module.clone(), own);
        }
        let quantization = Value::Object(quantization);
        let unread = ["_name_or_path", "vision_config"];
        let config = unread.iter().fold(config.clone(), |config, field| config.without(field));
        config
            .with("quantization", quantization.clone())
            .with("quantization_config", quantization)
            .to_text()
    }

    /// The format of most modules.
    pub fn default_format(&self) -> Affine {
        self.default
    }

    /// The format of a module, `None` for one that the configuration keeps as floats.
    pub fn format(&self, module: &str) -> Option<Affine> {
        self.modules.get(module).copied().unwrap_or(Some(self.default))
    }

    /// The modules that differ from the default.
    pub fn differing(&self) -> impl Iterator<Item = (&str, Option<Affine>)> {
        self.modules.iter().map(|(name, format)| (name.as_str(), *format))
    }
}

/// What a module's own object leaves out or gives as null, which mlx-lm's mixed recipes do, is MLX's default, whatever
/// most modules have.
fn with_defaults(object: Config) -> Config {
    [("group_size", 64), ("bits", 4)].into_iter().fold(object, |object, (field, default)| {
        match object.value(field) {
            Some(_) => object,
            None => object.with(field, default.into()),
        }
    })
}

/// The format that an object describes.
fn format_of(object: Config, affine_only: &str) -> Result<Affine, FormatError> {
    if let Some(mode) = object.text("mode")?.filter(|mode| *mode != "affine") {
        let what = format!("is `{mode}`, which is not supported");
        return Err(object.error("mode", &what, affine_only));
    }
    let one_of = |field: &str, known: &[usize]| {
        let value = object.positive(field)?;
        let list: Vec<String> = known.iter().map(usize::to_string).collect();
        let next = format!("it must be one of {}", list.join(", "));
        match known.contains(&value) {
            true => Ok(value),
            false => Err(object.error(field, &format!("is {value}"), next)),
        }
    };
    Ok(Affine {
        bits: one_of("bits", &Affine::BITS)?,
        group: one_of("group_size", &Affine::GROUPS)?,
    })
}

/// A quantized weight, its three tensors checked against each other.
#[derive(Clone, Debug)]
pub struct AffineWeight {
    /// Integers, `u32[.., rows, bits*columns/32]`.
    pub weight: StoredTensor,
    /// What an integer step is worth, `[.., rows, columns/group]`.
    pub scales: StoredTensor,
    /// The value of the integer 0, of the shape and type of `scales`.
    pub biases: StoredTensor,
    /// How the integers are packed.
    pub format: Affine,
}

impl AffineWeight {
    /// Checks the three tensors of a weight of that `shape`, whose last axis is the packed one.
    ///
    /// # Errors
    /// In words, without the file: which tensor does not fit.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<(), String> {
        let AffineWeight { weight, scales, biases, format } = self;
        let (columns, rows) = shape.split_last().map_or((1, shape), |(last, rest)| (*last, rest));
        let axes = |last: usize| [rows, &[last]].concat();
        if columns % format.group != 0 {
            let group = format.group;
            return Err(format!(
                "`{}` has {columns} columns, no multiple of its group_size {group}",
                weight.name
            ));
        }
        let expected = [
            (weight, axes(columns / 32 * format.bits)),
            (scales, axes(columns / format.group)),
            (biases, axes(columns / format.group)),
        ];
        for (tensor, shape) in expected {
            if tensor.shape != shape {
                return Err(format!(
                    "`{}` has shape {:?}, but {} bits in groups of {} make it {shape:?}",
                    tensor.name, tensor.shape, format.bits, format.group
                ));
            }
        }
        if weight.dtype != ElementType::U32 {
            return Err(format!("`{}` is of type {}, not u32", weight.name, weight.dtype));
        }
        if !scales.dtype.is_float() || scales.dtype != biases.dtype {
            return Err(format!(
                "`{}` is of type {} and `{}` of {}: both must be the same kind of float",
                scales.name, scales.dtype, biases.name, biases.dtype
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(quantization: &str) -> Result<Option<Quantization>, FormatError> {
        let text = format!("{{\"quantization\": {quantization}}}");
        Quantization::of(&Config::parse(Path::new("config.json"), &text)?)
    }

    #[test]
    fn modules_may_differ() {
        let text = r#"{"group_size": 64, "bits": 4, "mode": "affine", "a.gate": {"group_size": 32, "bits": 8},
                       "lm_head": false, "b": true, "c": {"bits": 3, "group_size": null, "mode": "affine"},
                       "d": {"group_size": 128}}"#;
        let quantization = parse(text).unwrap().unwrap();
        let default = Affine { bits: 4, group: 64 };
        assert_eq!(quantization.format("a.gate"), Some(Affine { bits: 8, group: 32 }));
        assert_eq!(quantization.format("lm_head"), None);
        assert_eq!(quantization.format("b"), Some(default));
        assert_eq!(quantization.format("c"), Some(Affine { bits: 3, group: 64 }));
        assert_eq!(quantization.format("d"), Some(Affine { bits: 4, group: 128 }));
        assert_eq!(quantization.format("anything"), Some(default));
        assert!(parse("null").unwrap().is_none());
    }

    #[test]
    fn other_methods_are_refused_by_name() {
        for (text, fault) in [
            (r#"{"group_size": 64, "bits": 7}"#, "`quantization.bits` is 7"),
            (r#"{"group_size": 48, "bits": 4}"#, "`quantization.group_size` is 48"),
            (r#"{"bits": 4}"#, "`quantization.group_size` is missing"),
            (r#"{"group_size": 32, "bits": 4, "mode": "mxfp4"}"#, "`mxfp4`"),
            (r#"{"quant_method": "gptq"}"#, "`gptq`"),
            (r#"{"group_size": 64, "bits": 4, "x": {"bits": 9}}"#, "`quantization.x.bits` is 9"),
            (r#"{"group_size": 64, "bits": 4, "x": 4}"#, "`quantization.x` is 4"),
            ("4", "`quantization` is 4"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(fault), "{text}: {error}");
        }
    }
}
