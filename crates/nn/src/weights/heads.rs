//! The way from vectors that all heads share to keys and values, in either form that checkpoints have it.

use super::{Origin, Weight, Weights, nothing, size};
use crate::unpacked::dequantize;
use crate::{DType, DenseLinear, PartKind, Result, Slot, Tensor};

impl Weights<'_> {
    /// The projection `<path>.kv_b_proj` from vectors of `rank` features to `heads` heads, each of `plain` features of
    /// keys and `value` features of values. MLX's checkpoints of 2026 hold it turned and in two, `<path>.embed_q`
    /// `[heads, rank, plain]` and `<path>.unembed_out` `[heads, value, rank]`; out of these it is made in floats.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn latent_heads(
        &self,
        path: &str,
        heads: usize,
        [plain, value]: [usize; 2],
        rank: usize,
    ) -> Result<Slot> {
        let (whole, columns) = (format!("{path}.kv_b_proj"), heads * (plain + value));
        let [into, out_of] = ["embed_q", "unembed_out"].map(|name| format!("{path}.{name}"));
        if !self.contains(&format!("{into}.weight")) {
            return self.linear(&whole, [columns, rank], false);
        }
        let keys = self.unpacked(&into, &[heads, rank, plain])?;
        let values = self.unpacked(&out_of, &[heads, value, rank])?;
        let weight = match self.source {
            Origin::Listed(_) => nothing(self.dtype)?,
            _ => {
                let (keys, values) = (keys.to_vec::<f32>()?, values.to_vec::<f32>()?);
                let mut rows: Vec<f32> = Vec::with_capacity(columns * rank);
                let of_heads =
                    keys.chunks((rank * plain).max(1)).zip(values.chunks((value * rank).max(1)));
                for (keys, values) in of_heads {
                    for feature in 0..plain {
                        rows.extend(keys.iter().skip(feature).step_by(plain));
                    }
                    rows.extend(values);
                }
                let rows = Tensor::new(rows, &[columns, rank])?.to(self.dtype)?;
                rows.on(self.kernels.runtime())?
            }
        };
        self.made(&whole, &whole, PartKind::Linear, &[columns, rank], size(&weight));
        Ok(Box::new(DenseLinear::new(&self.kernels, weight, None)?))
    }

    /// A weight in f32, whatever it is in its file.
    fn unpacked(&self, path: &str, shape: &[usize]) -> Result<Tensor> {
        match (self.weight(path, shape, None)?, &self.source) {
            (_, Origin::Listed(_)) => nothing(DType::F32),
            (Weight::Dense(floats), _) => floats.to(DType::F32),
            (Weight::Packed(packed, format), _) => {
                let packed: Vec<&Tensor> = packed.iter().collect();
                dequantize(&self.kernels, format)?.call(&packed)?.to(DType::F32)
            }
        }
    }
}
