//! Packed weights back to half floats, by text of this target's own: `unpacked.cu` is what the tile program in `unpacked.ir`
//! becomes here. The generic lowering reads a word, a scale and a bias for each integer, which costs more than the memory:
//! 73 us for 12288 rows of 4096 weights on an H100, where this takes 50, 86 % of a copy.

use crate::launch::Placed;
use crate::prepared::Words;
use crate::specified::{OwnText, Taken, Work};
use tilewright_ir::{Bindings, DType, Extent, ParamId, Program};
use tilewright_passes::specification::says;
use tilewright_target::contiguous_strides;

/// The tile program, for weights of `BITS` bits in groups of `GROUP`, of which `WORDS` words hold one, as halves of the type
/// `TYPE`.
const SPECIFICATION: &str = include_str!("unpacked.ir");

/// Threads of a group.
const THREADS: usize = 256;

/// Words that a thread takes.
const ROUNDS: usize = 4;

/// What a program that unpacks weights needs to run so.
pub(crate) struct Unpacked {
    pub text: OwnText,
}

impl Unpacked {
    /// How `program`, which is optimized, runs if it is one.
    pub fn of(program: &Program, architecture: &str) -> Option<Unpacked> {
        if program.params.len() != 4 {
            return None;
        }
        let (_, words) = program.tensor(ParamId(0))?;
        let (dtype, values) = program.tensor(ParamId(3))?;
        let ([_, Extent::Dim { times: words, .. }], [_, Extent::Dim { times: group, .. }]) =
            (words, values)
        else {
            return None;
        };
        let bits = 32 * words / group;
        let put = [
            ("TYPE", dtype.name()),
            ("WORDS", &words.to_string()),
            ("GROUP", &group.to_string()),
            ("BITS", &bits.to_string()),
        ];
        let halves = matches!(dtype, DType::F16 | DType::BF16);
        if !halves || !matches!(bits, 2 | 4 | 8) || !says(program, SPECIFICATION, &put) {
            return None;
        }
        let kernel = format!(
            "extern \"C\" __global__ void __launch_bounds__({THREADS}) tw_unpacked(const unsigned int* __restrict__ w, \
             const unsigned short* __restrict__ scales, const unsigned short* __restrict__ biases, \
             unsigned short* __restrict__ y, long long words) {{\n    \
             tw_unpack<{bits}, {group}, {}, {THREADS}, {ROUNDS}>(w, scales, biases, y, words);\n}}\n",
            dtype == DType::BF16,
        );
        let parts = [include_str!("prelude.cu"), include_str!("unpacked.cu"), &kernel];
        let text = OwnText::new("tw_unpacked", parts.concat(), architecture.into(), 0);
        Some(Unpacked { text })
    }

    /// The launch for tensors that lie so.
    pub fn take(&self, tensors: &[Option<Placed>], bindings: &Bindings) -> Option<Taken<Work>> {
        let [Some(w), Some(scales), Some(biases), Some(y)] = tensors else { return None };
        let whole = [w, scales, biases, y].into_iter().zip(&bindings.kernel_shapes).all(
            |(tensor, shape)| shape[0] <= 1 || tensor.strides[0] == contiguous_strides(shape)[0],
        );
        if !whole || !w.address.is_multiple_of(4) || !y.address.is_multiple_of(16) {
            return None;
        }
        let words: usize = bindings.kernel_shapes[0].iter().product();
        if words == 0 {
            return Some(Taken::Nothing);
        }
        let grid = (u32::try_from(words.div_ceil(THREADS * ROUNDS)).ok()?, 1);
        let mut arguments = Words::default();
        [w.address, scales.address, biases.address, y.address, words as u64]
            .into_iter()
            .for_each(|word| arguments.push([word]));
        Some(Taken::Work(Work { text: 0, grid, threads: THREADS as u32, arguments }))
    }
}
