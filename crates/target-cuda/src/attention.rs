//! Attention of many queries with heads of 64, 128 or 256 features on warpgroup products: `attention.cu` is what the tile
//! program [`CausalAttention`] becomes on architecture 9.0.

use crate::launch::Placed;
use crate::map::{Tiles, map};
use crate::prepared::Words;
use crate::specified::{OwnText, Taken, Work};
use std::f32::consts::LOG2_E;
use tilewright_ir::{Bindings, DType, Program};
use tilewright_passes::specification::CausalAttention;
use tilewright_target::Argument;

/// The architecture that has these products; the text is compiled with all that is its own.
const ARCHITECTURE: &str = "sm_90";

/// Queries of a warpgroup.
const QUERIES: usize = 64;

/// How a text is cut: keys of a round, rounds of keys and of values in shared memory, warpgroups that compute.
#[derive(Clone, Copy)]
struct Shape {
    keys: usize,
    stages: usize,
    teams: usize,
    /// The warpgroups share their queries.
    split: bool,
}

/// For each number of features of a head, the shape for many queries and that for few.
const SHAPES: [(usize, [Shape; 2]); 3] = [
    (64, [whole(128, 2), split(128, 4)]),
    (128, [whole(128, 2), split(64, 4)]),
    (256, [whole(80, 2), split(64, 3)]),
];

/// Of heads of 256 features with capped scores, which take more registers.
const CAPPED_256: Shape = whole(64, 2);

const fn whole(keys: usize, stages: usize) -> Shape {
    Shape { keys, stages, teams: 2, split: false }
}

const fn split(keys: usize, stages: usize) -> Shape {
    Shape { keys, stages, teams: 2, split: true }
}

impl Shape {
    /// Queries of a group of threads.
    fn queries(self) -> usize {
        if self.split { QUERIES } else { self.teams * QUERIES }
    }

    /// A warpgroup asks for tiles.
    fn threads(self) -> usize {
        (self.teams + 1) * 128
    }

    /// Queries, the rings, their barriers, and room to begin at a multiple of 1024.
    fn shared(self, features: usize) -> usize {
        (self.queries() + 2 * self.stages * self.keys) * features * 2 + 16 + 32 * self.stages + 1024
    }
}

/// What a program that is such an attention needs to run so.
pub(crate) struct Attention {
    is: CausalAttention,
    shapes: [Shape; 2],
    /// For many queries, and for few.
    pub texts: [OwnText; 2],
}

impl Attention {
    /// How `program`, which is optimized, runs if it is one and `architecture` has the products.
    pub fn of(program: &Program, architecture: &str) -> Option<Attention> {
        if architecture != ARCHITECTURE {
            return None;
        }
        let is = CausalAttention::of(program)?;
        let (features, mut shapes) = *SHAPES.iter().find(|(known, ..)| *known == is.head_dim)?;
        if features == 256 && is.capped {
            shapes[0] = CAPPED_256;
        }
        let texts = shapes.map(|shape| {
            let Shape { keys, stages, teams, split } = shape;
            let kernel = format!(
                "extern \"C\" __global__ void __launch_bounds__({}, 1) tw_attend_many(const __grid_constant__ \
                 tw_attention of) {{\n    tw_attention_many<{}, {keys}, {stages}, {teams}, {split}, {}, {}>(of);\n}}\n",
                shape.threads(),
                is.head_dim,
                is.dtype == DType::BF16,
                is.capped,
            );
            let source =
                [include_str!("prelude.cu"), include_str!("attention.cu"), &kernel].concat();
            let shared = shape.shared(is.head_dim);
            OwnText::new("tw_attend_many", source, format!("{ARCHITECTURE}a"), shared)
        });
        Some(Attention { is, shapes, texts })
    }

    /// The launch for tensors that lie so, on a GPU that runs `places` groups at a time.
    pub fn take(
        &self,
        tensors: &[Option<Placed>],
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        places: usize,
    ) -> Option<Taken<Work>> {
        let (Some(q), Some(keys), Some(values), Some(Some(out))) =
            (tensors[0].as_ref(), tensors[1].as_ref(), tensors[2].as_ref(), tensors.last())
        else {
            return None;
        };
        let scalars = arguments.iter().filter_map(|argument| match argument {
            Argument::Scalar(value) => Some(*value),
            Argument::Tensor(_) => None,
        });
        let scalars: Vec<f64> = scalars.collect();
        // The text counts in powers of two.
        let (scale, cap, window) = match (scalars.as_slice(), self.is.capped) {
            (&[scale, window], false) => (scale as f32 * LOG2_E, 1.0, window),
            (&[scale, cap, window], true) => {
                (2.0 * scale as f32 / cap as f32 * LOG2_E, cap as f32 * LOG2_E, window)
            }
            _ => return None,
        };
        let placed = [(q, 8), (keys, 8), (values, 8), (out, 2)];
        let aligned = placed.iter().all(|(tensor, lanes)| {
            tensor.address.is_multiple_of(2 * *lanes as u64)
                && tensor.strides.iter().take(3).all(|stride| stride % lanes == 0)
        });
        let shapes = &bindings.kernel_shapes;
        let ([batch, heads, queries, features], [_, kv_heads, length, _]) =
            (shapes[0].as_slice(), shapes[1].as_slice())
        else {
            return None;
        };
        // Few tiles do not fill the GPU: then more groups of threads take fewer queries each.
        let tiles_of = |shape: Shape| queries.div_ceil(shape.queries()) * batch * heads;
        let text = usize::from(8 * tiles_of(self.shapes[0]) <= 7 * places);
        let shape = self.shapes[text];
        let tiles = tiles_of(shape);
        // Positions are counted in i32, and so are tiles, past the last of which groups look once.
        let counted = *length <= 1 << 29 && *queries <= 1 << 29 && tiles <= 1 << 29;
        let is_number = |x: f32| x > 0.0 && x.is_finite();
        if !(aligned && counted && is_number(scale) && is_number(cap)) {
            return None;
        }
        if tiles == 0 {
            return Some(Taken::Nothing);
        }
        let tiles_in = |tensor: &Placed, extents: [usize; 4], rows: usize| {
            map(&Tiles { dtype: self.is.dtype, tensor, extents, rows })
        };
        let in_memory = [*batch, *kv_heads, *length, *features];
        // The fields of `tw_attention`, in its order; two ints a word.
        let mut words = Vec::with_capacity(56);
        words.extend(tiles_in(q, [*batch, *heads, *queries, *features], shape.queries())?);
        words.extend(tiles_in(keys, in_memory, shape.keys)?);
        words.extend(tiles_in(values, in_memory, shape.keys)?);
        words.push(out.address);
        let [of_batch, second, third] = [0, 1, 2].map(|axis| out.strides[axis] as u64);
        words.extend(match self.is.merged {
            true => [of_batch, third, second],
            false => [of_batch, second, third],
        });
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        words.extend([
            pair(*heads as u32, (heads / kv_heads.max(&1)) as u32),
            pair(*queries as u32, *length as u32),
            pair(window as i32 as u32, tiles as u32),
            pair(scale.to_bits(), cap.to_bits()),
        ]);
        let groups = if shape.split { tiles } else { tiles.min(places) };
        let (grid, threads) = ((groups as u32, 1), shape.threads() as u32);
        let mut arguments = Words::default();
        arguments.push(words);
        Some(Taken::Work(Work { text, grid, threads, arguments }))
    }
}
