//! Ropes as configurations describe them: `rope_theta` and `rope_scaling`, or `rope_parameters` since transformers 5.

use tilewright_formats::{Config, FormatError};
use tilewright_nn::Rope;

/// The greatest factor and base that a sane configuration has; infinities and NaN are no JSON.
const GREATEST: f64 = 1e12;

/// The rope of `features` features that a configuration describes, for a model of `context` tokens.
///
/// # Errors
/// When a field is missing or wrong, or the kind of scaling is not known.
pub fn rope(config: &Config, features: usize, context: usize) -> Result<Rope, FormatError> {
    let (field, scaling) = told(config)?;
    let own_base = match &scaling {
        Some(scaling) => scaling.number("rope_theta")?,
        None => None,
    };
    let base = own_base.or(config.number("rope_theta")?).unwrap_or(10000.0);
    if !(1.0..=GREATEST).contains(&base) {
        return Err(config.error("rope_theta", &format!("is {base}"), "it must be at least 1"));
    }
    let plain = Rope::new(features, base);
    let Some(scaling) = scaling else { return Ok(plain) };
    let kind = match scaling.text("rope_type")? {
        Some(kind) => kind,
        None => scaling.text("type")?.unwrap_or("default"),
    };
    let original = || -> Result<usize, FormatError> {
        let name = "original_max_position_embeddings";
        match scaling.size(name)? {
            Some(original) => Ok(original),
            None => Ok(config.size(name)?.unwrap_or(context)),
        }
    };
    match kind {
        "default" => Ok(plain),
        "dynamic" => {
            positive(&scaling, "factor", None)?;
            Ok(plain.dynamic(context))
        }
        "linear" => Ok(plain.linear(positive(&scaling, "factor", None)?)),
        "llama3" => {
            let factor = positive(&scaling, "factor", None)?;
            let low = positive(&scaling, "low_freq_factor", Some(1.0))?;
            let high = positive(&scaling, "high_freq_factor", Some(4.0))?;
            if low >= high {
                let next = "it must be less than `high_freq_factor`";
                return Err(scaling.error("low_freq_factor", &format!("is {low}"), next));
            }
            Ok(plain.llama3(factor, low, high, original()?))
        }
        "longrope" | "su" => {
            let (short, long) = (
                factors(&scaling, "short_factor", features)?,
                factors(&scaling, "long_factor", features)?,
            );
            let original = original()?.max(2);
            let ratio = match scaling.number("factor")? {
                Some(factor) => factor,
                None => context as f64 / original as f64,
            };
            let told = scaling.number("attention_factor")?;
            let by_ratio = (1.0 + ratio.max(1.0).ln() / (original as f64).ln()).sqrt();
            Ok(plain.longrope(&short, &long, original, told.unwrap_or(by_ratio)))
        }
        "yarn" => {
            let original = original()?.max(1);
            let ratio = context as f64 / original as f64;
            let factor = positive(&scaling, "factor", Some(ratio))?;
            let fast = positive(&scaling, "beta_fast", Some(32.0))?;
            let slow = positive(&scaling, "beta_slow", Some(1.0))?;
            let whole = scaling.flag("truncate")?.unwrap_or(true);
            let by_factor = |share: f64| magnitude(share, factor);
            let share = |field| Ok(scaling.number(field)?.filter(|share| *share != 0.0));
            let by = match scaling.number("attention_factor")? {
                Some(told) => told,
                None => match (share("mscale")?, share("mscale_all_dim")?) {
                    (Some(share), Some(of_all)) => by_factor(share) / by_factor(of_all),
                    _ => by_factor(1.0),
                },
            };
            Ok(plain.yarn(base, factor, [fast, slow], original, whole, by))
        }
        other => {
            let next = "ropes are default, dynamic, linear, llama3, longrope and yarn";
            Err(config.error(
                field,
                &format!("is of the kind `{other}`, which is not supported"),
                next,
            ))
        }
    }
}

/// What yarn multiplies the scores with, beside what its rope does, where a configuration has `mscale_all_dim` as
/// DeepSeek's do: the square of what it would multiply queries and keys with.
///
/// # Errors
/// When a field is wrong.
pub fn yarn_scale(config: &Config) -> Result<f64, FormatError> {
    let (_, scaling) = told(config)?;
    let Some(scaling) = scaling else { return Ok(1.0) };
    let share = scaling.number("mscale_all_dim")?.unwrap_or(0.0);
    let factor = positive(&scaling, "factor", Some(1.0))?;
    let by = magnitude(share, factor);
    if !(by > 0.0 && by <= GREATEST) {
        let next = "0.1 of it, times the logarithm of `factor`, plus 1 must be above 0";
        return Err(scaling.error("mscale_all_dim", &format!("is {share}"), next));
    }
    Ok(by * by)
}

/// The ropes of layers that see everything and of those that slide: one for each kind since transformers 5; before, only
/// the former's base and scaling have the usual names, and `local` is the base of the latter.
///
/// # Errors
/// As [`rope`].
pub fn ropes(
    config: &Config,
    features: usize,
    context: usize,
    local: f64,
) -> Result<[Rope; 2], FormatError> {
    let plain = config.clone().without("rope_parameters").without("rope_scaling");
    let of_kind = |kind: &str, otherwise: Config| {
        let told = match config.object("rope_parameters")? {
            Some(kinds) => kinds.value(kind).cloned(),
            None => None,
        };
        let config = match told {
            Some(told) => otherwise.with("rope_parameters", told),
            None => otherwise,
        };
        rope(&config, features, context)
    };
    Ok([
        of_kind("full_attention", config.clone())?,
        of_kind("sliding_attention", plain.with("rope_theta", local.into()))?,
    ])
}

/// The object that describes scaling, if there is one, and its field.
fn told(config: &Config) -> Result<(&'static str, Option<Config>), FormatError> {
    Ok(match config.object("rope_parameters")? {
        Some(parameters) => ("rope_parameters", Some(parameters)),
        None => ("rope_scaling", config.object("rope_scaling")?),
    })
}

/// What yarn multiplies with for a context `factor` times as long, by that share of the logarithm.
fn magnitude(share: f64, factor: f64) -> f64 {
    0.1 * share * factor.max(1.0).ln() + 1.0
}

/// A number above 0, or `default` where there is none.
fn positive(scaling: &Config, field: &str, default: Option<f64>) -> Result<f64, FormatError> {
    match scaling.number(field)?.or(default) {
        Some(value) if value > 0.0 && value <= GREATEST => Ok(value),
        Some(value) => Err(scaling.error(field, &format!("is {value}"), "it must be above 0")),
        None => Err(scaling.missing(field)),
    }
}

/// A divisor above 0 for each pair of features.
fn factors(scaling: &Config, field: &str, features: usize) -> Result<Vec<f64>, FormatError> {
    let list = scaling.numbers(field)?.ok_or_else(|| scaling.missing(field))?;
    let pairs = features / 2;
    if list.len() != pairs {
        let what = format!("has {} numbers", list.len());
        return Err(scaling.error(
            field,
            &what,
            format!("it must have {pairs}, one a pair of features"),
        ));
    }
    match list.iter().find(|value| !(**value > 0.0 && **value <= GREATEST)) {
        Some(value) => {
            Err(scaling.error(field, &format!("holds {value}"), "its numbers must be above 0"))
        }
        None => Ok(list),
    }
}
