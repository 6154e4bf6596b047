//! Weights of convolutions along the time.

use super::{Origin, Weights, nothing, size};
use crate::{PartKind, Result, Tensor};

impl Weights<'_> {
    /// The weight of a causal convolution of `taps` tokens, each of `channels` by itself, as kernels read it, `[taps,
    /// channels]`, and its bias, zeros where it has none. Checkpoints of transformers hold `<path>.weight` as
    /// `[channels, 1, taps]`, those of MLX as `[channels, taps, 1]`.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn short_conv(
        &self,
        path: &str,
        [taps, channels]: [usize; 2],
        bias: bool,
    ) -> Result<[Tensor; 2]> {
        let (name, runtime) = (format!("{path}.weight"), self.kernels.runtime());
        let mlx = [channels, taps, 1];
        let turned = [channels, 1, taps];
        let is_turned = |shape: &[usize]| taps > 1 && shape == turned;
        let stored = self.checkpoint().and_then(|checkpoint| checkpoint.tensor(&name).ok());
        let shape = if stored.is_some_and(|s| is_turned(&s.shape)) { turned } else { mlx };
        let weight = match self.source {
            Origin::Listed(_) => {
                self.stored(&name, &shape)?;
                nothing(self.dtype)?
            }
            _ => {
                let weight = self.floats(&name, &shape)?.reshape(&[channels, taps])?;
                let values = weight.to_f64()?;
                let tap = |tap: usize| values.iter().skip(tap).step_by(taps.max(1)).copied();
                let rows: Vec<f64> = (0..taps).flat_map(tap).collect();
                Tensor::from_f64(self.dtype, &[taps, channels], &rows)?.on(runtime)?
            }
        };
        let own = match bias {
            true => self.floats(&format!("{path}.bias"), &[channels])?,
            false => Tensor::zeros(self.dtype, &[channels])?.on(runtime)?,
        };
        let bytes = size(&weight) + if bias { size(&own) } else { 0 };
        self.made(path, path, PartKind::Conv, &mlx, bytes);
        if let (true, Some(part)) = (bias, self.parts.borrow_mut().last_mut()) {
            part.bias = true;
        }
        Ok([weight, own])
    }
}
