//! Products of blocks of rows with the packed weights of the experts that own them, by text of this target's own:
//! `grouped_affine.cu` is what the tile program in `grouped_affine.ir` becomes here.

use crate::launch::Placed;
use crate::prepared::Words;
use crate::specified::{OwnText, Taken, Work};
use tilewright_ir::{Bindings, DType, Extent, ParamId, Program};
use tilewright_passes::specification::says;
use tilewright_target::contiguous_strides;

/// The tile program, for blocks of `BLOCK` rows of halves of the type `TYPE`.
const SPECIFICATION: &str = include_str!("grouped_affine.ir");

/// Columns that a group of threads computes, and the threads.
const COLUMNS: usize = 128;

/// Rounds of the loop whose operands are in shared memory.
const STAGES: usize = 4;

/// Weights of a column that a round takes.
const DEPTH: usize = 64;

/// The most groups of threads along the second axis of a launch.
const MOST_BLOCKS: usize = 65535;

/// What a program that is such a product needs to run so.
pub(crate) struct Grouped {
    pub text: OwnText,
}

impl Grouped {
    /// How `program`, which is optimized, runs if it is one.
    pub fn of(program: &Program, architecture: &str) -> Option<Grouped> {
        if program.params.len() != 6 {
            return None;
        }
        let (dtype, shape) = program.tensor(ParamId(0))?;
        let [Extent::Dim { times: rows @ (32 | 48 | 64 | 128), .. }, _] = *shape else {
            return None;
        };
        let words = [("TYPE", dtype.name()), ("BLOCK", &rows.to_string())];
        if !matches!(dtype, DType::F16 | DType::BF16) || !says(program, SPECIFICATION, &words) {
            return None;
        }
        let kernel = format!(
            "extern \"C\" __global__ void __launch_bounds__({COLUMNS}) tw_grouped(const unsigned short* x, \
             const unsigned int* owners, const unsigned int* w, const unsigned short* scales, \
             const unsigned short* biases, unsigned short* y, long long x_stride, long long y_stride, \
             int experts, int columns, int depth) {{\n    tw_grouped_affine<{DEPTH}, {rows}, {}, {STAGES}>({{x, \
             owners, w, scales, biases, y, x_stride, y_stride, experts, columns, depth}});\n}}\n",
            dtype == DType::BF16,
        );
        let parts = [
            include_str!("prelude.cu"),
            include_str!("fragments.cu"),
            include_str!("grouped_affine.cu"),
            &kernel,
        ];
        // The ring of rows and of packed weights.
        let shared = STAGES * DEPTH * (2 * rows + COLUMNS / 2);
        let text = OwnText::new("tw_grouped", parts.concat(), architecture.into(), shared);
        Some(Grouped { text })
    }

    /// The launch for tensors that lie so.
    pub fn take(&self, tensors: &[Option<Placed>], bindings: &Bindings) -> Option<Taken<Work>> {
        let [Some(x), Some(owners), Some(w), Some(scales), Some(biases), Some(y)] = tensors else {
            return None;
        };
        let shapes = &bindings.kernel_shapes;
        let ([blocks], [experts, columns, words]) = (shapes[1].as_slice(), shapes[2].as_slice())
        else {
            return None;
        };
        let depth = words * 8;
        let mut weights = [w, scales, biases].into_iter().zip(&shapes[2..]);
        let whole = weights.all(|(tensor, shape)| {
            let outer = shape.len() - 1;
            tensor.strides[..outer] == contiguous_strides(shape)[..outer]
        });
        let aligned = x.address.is_multiple_of(16)
            && w.address.is_multiple_of(16)
            && x.strides[0] % 8 == 0
            && y.address.is_multiple_of(4);
        if !aligned || !whole || *blocks > MOST_BLOCKS {
            return None;
        }
        if *blocks == 0 || *columns == 0 {
            return Some(Taken::Nothing);
        }
        let words = [
            x.address,
            owners.address,
            w.address,
            scales.address,
            biases.address,
            y.address,
            x.strides[0] as u64,
            y.strides[0] as u64,
            *experts as u64,
            *columns as u64,
            depth as u64,
        ];
        let grid = (columns.div_ceil(COLUMNS) as u32, *blocks as u32);
        let mut arguments = Words::default();
        words.into_iter().for_each(|word| arguments.push([word]));
        Some(Taken::Work(Work { text: 0, grid, threads: COLUMNS as u32, arguments }))
    }
}
