//! Attention that goes to the fast kernels where they pay, says why where not, and counts.

use super::{Patched, Replacement, of_type};
use crate::cache::Tokens;
use crate::{
    Attend, AttentionConfig, AttentionStats, Error, Kernels, Model, Module, Result, Step, Tensor,
    Thresholds,
};
use std::any::Any;
use std::sync::{Mutex, PoisonError};
use tilewright_tensor::Callable;

pub(super) fn matches(module: &dyn Module) -> bool {
    of_type::<Attend>(module).is_some()
}

pub(super) fn dispatch(module: &dyn Module, kernels: &Kernels) -> Result<Box<dyn Replacement>> {
    let attend = of_type::<Attend>(module);
    let shape = attend.ok_or_else(|| Error::failure("it is no attention"))?.shape();
    let prefill = match shape.softcap {
        None => "attention_merged",
        Some(_) => "attention_merged_softcap",
    };
    let constants = [("head_dim", shape.head_dim), ("group", shape.group())];
    Ok(Box::new(Dispatch {
        prefill: kernels.get(prefill, &constants)?,
        thresholds: Thresholds::default(),
        stats: Mutex::default(),
    }))
}

/// The choice between the fast kernels and the plain ones.
struct Dispatch {
    prefill: Callable,
    thresholds: Thresholds,
    stats: Mutex<AttentionStats>,
}

impl Dispatch {
    /// Whether a call goes to a kernel that the plain one would not have run; `plain` where there is none.
    fn decide(&self, config: &AttentionConfig, plain: bool) -> bool {
        let decision = self.thresholds.should_optimize(config);
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).count(&decision, plain);
        decision.0 && !plain
    }
}

/// Counts a call of attention, if a dispatcher stands over it, that another kernel does in its place: one query a sequence,
/// for which the dispatcher would have left the plain kernel as it is.
pub(super) fn count_plain(attend: &dyn Module, step: &Step<'_>) {
    let any: Option<&dyn Any> = super::patched(attend).map(|p| p.replacement.as_ref() as _);
    let dispatch = any.and_then(|any| any.downcast_ref::<Dispatch>());
    let (Some(dispatch), Some(attend)) = (dispatch, of_type::<Attend>(attend)) else { return };
    dispatch.decide(&config(attend, step, step.positions.shape()[0]), true);
}

/// What a call is to the dispatcher.
fn config(attend: &Attend, step: &Step<'_>, tokens: usize) -> AttentionConfig {
    let shape = attend.shape();
    let (seq_len, batch_size) = match &step.tokens {
        Tokens::Of { end, .. } => (*end, 1),
        Tokens::Each { longest, .. } => (*longest, tokens),
    };
    AttentionConfig {
        num_heads: shape.heads,
        num_kv_heads: shape.kv_heads,
        head_dim: shape.head_dim,
        seq_len,
        batch_size,
    }
}

impl Replacement for Dispatch {
    fn kind(&self) -> &'static str {
        "AttentionDispatch"
    }

    fn forward(&self, original: &dyn Module, q: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let attend = of_type::<Attend>(original);
        let attend = attend.ok_or_else(|| Error::failure("it is no attention"))?;
        let shape = attend.shape();
        let (tokens, cache) = (q.shape()[0], &step.cache.layers[shape.layer]);
        let config = config(attend, step, tokens);
        // One query a sequence: the plain kernel reads the cache once for all heads of a group already, and targets that
        // can split it over programs do.
        let plain = matches!(step.tokens, Tokens::Each { .. });
        let fast = self.decide(&config, plain);
        match &step.tokens {
            Tokens::Of { slot, end } if fast => {
                let q = q.reshape(&[1, tokens, shape.heads, shape.head_dim])?;
                let q = q.permute(&[0, 2, 1, 3])?;
                let held = |cache: &Tensor| cache.narrow(0, *slot, 1)?.narrow(2, 0, *end);
                let (keys, values) = (held(&cache.keys)?, held(&cache.values)?);
                let call = self.prefill.bind().input("q", &q);
                let call = call.input("keys", &keys).input("values", &values);
                let mixed = shape.scalars(call).run()?.single()?;
                mixed.reshape(&[tokens, shape.heads * shape.head_dim])
            }
            _ => original.forward(q, step),
        }
    }
}

/// What an attention dispatcher has done.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionReport {
    /// The path of the module.
    pub path: String,
    /// Its heads by name: `GQA-5:1`.
    pub pattern: String,
    /// Its calls.
    pub stats: AttentionStats,
}

/// What every attention dispatcher of a model has done.
pub fn attention_reports(model: &Model) -> Vec<AttentionReport> {
    let report = |(path, module): (String, &dyn Module)| {
        let shape = of_type::<Attend>(module)?.shape();
        let any: &dyn Any = super::patched(module)?.replacement.as_ref();
        let dispatch = any.downcast_ref::<Dispatch>()?;
        let config = AttentionConfig {
            num_heads: shape.heads,
            num_kv_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            seq_len: 0,
            batch_size: 1,
        };
        let stats = dispatch.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(AttentionReport { path, pattern: config.attention_pattern(), stats })
    };
    crate::named_modules(model).into_iter().filter_map(report).collect()
}

/// Gives every attention dispatcher of a model other thresholds, and forgets what they counted; tells how many there are.
pub fn set_attention_thresholds(model: &mut Model, thresholds: Thresholds) -> usize {
    set(model, thresholds)
}

fn set(module: &mut dyn Module, thresholds: Thresholds) -> usize {
    let mut count = 0;
    for (_, slot) in module.children_mut() {
        count += set(slot.as_mut(), thresholds);
        let any: &mut dyn Any = slot.as_mut();
        let Some(patched) = any.downcast_mut::<Patched>() else { continue };
        let any: &mut dyn Any = patched.replacement.as_mut();
        if let Some(dispatch) = any.downcast_mut::<Dispatch>() {
            dispatch.thresholds = thresholds;
            dispatch.stats = Mutex::default();
            count += 1;
        }
    }
    count
}
