//! Attention of many queries with heads of 64, 128 or 256 features on warpgroup products: `attention.cu` is what the tile
//! program [`CausalAttention`] becomes on architecture 9.0.

use crate::launch::Placed;
use crate::specified::{OwnText, Taken, Work};
use tilewright_ir::{Bindings, DType, Program};
use tilewright_passes::specification::CausalAttention;
use tilewright_target::Argument;

/// The architecture that has these products; the text is compiled with all that is its own.
const ARCHITECTURE: &str = "sm_90";

/// Queries of a group of threads, and the threads.
const QUERIES: usize = 128;
const THREADS: u32 = 256;

/// For each number of features of a head, the keys of a round, and the groups that a multiprocessor runs at a time:
/// registers hold the scores and the sum.
const SHAPES: [(usize, usize, usize); 3] = [(64, 128, 2), (128, 64, 2), (256, 64, 1)];

/// What a program that is such an attention needs to run so.
pub(crate) struct Attention {
    /// The heads of a query lie side by side in the result.
    merged: bool,
    pub text: OwnText,
}

impl Attention {
    /// How `program`, which is optimized, runs if it is one and `architecture` has the products.
    pub fn of(program: &Program, architecture: &str) -> Option<Attention> {
        if architecture != ARCHITECTURE {
            return None;
        }
        let CausalAttention { dtype, head_dim: features, merged, .. } =
            CausalAttention::of(program)?;
        let (_, keys, beside) = *SHAPES.iter().find(|(known, ..)| *known == features)?;
        let kernel = format!(
            "extern \"C\" __global__ void __launch_bounds__({THREADS}, {beside}) tw_attend_many(const \
             __grid_constant__ tw_attention of) {{\n    tw_attention_many<{features}, {keys}, {}>(of);\n}}\n",
            dtype == DType::BF16,
        );
        let source = [include_str!("prelude.cu"), include_str!("attention.cu"), &kernel].concat();
        // Queries, two rounds of keys and of values, and room to begin at a multiple of 1024.
        let shared = (QUERIES + 4 * keys) * features * 2 + 1024;
        let text = OwnText::new("tw_attend_many", source, format!("{ARCHITECTURE}a"), shared);
        Some(Attention { merged, text })
    }

    /// The launch for tensors that lie so.
    pub fn take(
        &self,
        tensors: &[Option<Placed>],
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Option<Taken> {
        let [Some(q), Some(keys), Some(values), None, None, Some(out)] = tensors else {
            return None;
        };
        let &[_, _, _, Argument::Scalar(scale), Argument::Scalar(window), _] = arguments else {
            return None;
        };
        let placed = [(q, 8), (keys, 8), (values, 8), (out, 2)];
        let aligned = placed.iter().all(|(tensor, lanes)| {
            tensor.address.is_multiple_of(2 * *lanes as u64)
                && tensor.strides.iter().take(3).all(|stride| stride % lanes == 0)
        });
        let scale = scale as f32;
        let shapes = &bindings.kernel_shapes;
        let ([batch, heads, queries, _], [_, kv_heads, length, _]) =
            (shapes[0].as_slice(), shapes[1].as_slice())
        else {
            return None;
        };
        let blocks = queries.div_ceil(QUERIES);
        // Positions are counted in i32, and blocks along an axis of a launch in 16 bits.
        let counted = *length <= 1 << 29 && blocks <= 65535;
        if !(aligned && counted && scale > 0.0 && scale.is_finite()) {
            return None;
        }
        if batch * heads * queries == 0 {
            return Some(Taken::Nothing);
        }
        // The fields of `tw_attention`, in its order; two ints a word.
        let mut words: Vec<u64> = placed.iter().map(|(tensor, _)| tensor.address).collect();
        for (number, (tensor, _)) in placed.iter().enumerate() {
            let [batch, second, third] = [0, 1, 2].map(|axis| tensor.strides[axis] as u64);
            let merged = number == 3 && self.merged;
            words.extend(if merged { [batch, third, second] } else { [batch, second, third] });
        }
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        words.extend([
            pair(*heads as u32, (heads / kv_heads.max(&1)) as u32),
            pair(*queries as u32, *length as u32),
            pair(window as i32 as u32, scale.to_bits()),
        ]);
        let grid = ((batch * heads) as u32, blocks as u32);
        Some(Taken::Work(Work { grid, threads: THREADS, arguments: vec![words] }))
    }
}
