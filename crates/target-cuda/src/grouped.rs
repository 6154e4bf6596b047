//! Products of blocks of rows with the packed weights of the experts that own them, by text of this target's own:
//! `grouped_affine.cu` is what the tile program in `grouped_affine.ir` becomes here.

use crate::driver::{Function, Shape};
use crate::launch::CudaExecutable;
use crate::specified::says;
use std::ffi::c_void;
use std::sync::{Arc, OnceLock};
use tilewright_ir::{Bindings, DType, Extent, ParamId, Program};
use tilewright_target::{Argument, TargetError, contiguous_strides};

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
    /// Rows of a block.
    rows: usize,
    bf16: bool,
    function: OnceLock<Option<Arc<Function>>>,
}

impl Grouped {
    /// How `program`, which is optimized, runs if it is one.
    pub fn of(program: &Program) -> Option<Grouped> {
        if program.params.len() != 6 {
            return None;
        }
        let (dtype, shape) = program.tensor(ParamId(0))?;
        let [Extent::Dim { times: rows @ (64 | 128), .. }, _] = *shape else { return None };
        let words = [("TYPE", dtype.name()), ("BLOCK", &rows.to_string())];
        let fits =
            matches!(dtype, DType::F16 | DType::BF16) && says(program, SPECIFICATION, &words);
        fits.then(|| Grouped { rows, bf16: dtype == DType::BF16, function: OnceLock::new() })
    }

    /// Its CUDA C.
    pub fn source(&self) -> String {
        let parts = [
            include_str!("prelude.cu"),
            include_str!("fragments.cu"),
            include_str!("grouped_affine.cu"),
        ];
        let kernel = format!(
            "extern \"C\" __global__ void __launch_bounds__({COLUMNS}) tw_grouped(const unsigned short* x, \
             const unsigned int* owners, const unsigned int* w, const unsigned short* scales, \
             const unsigned short* biases, unsigned short* y, long long x_stride, long long y_stride, \
             int experts, int columns, int depth) {{\n    tw_grouped_affine<{DEPTH}, {}, {}, {STAGES}>({{x, \
             owners, w, scales, biases, y, x_stride, y_stride, experts, columns, depth}});\n}}\n",
            self.rows, self.bf16,
        );
        [&parts.concat(), kernel.as_str()].concat()
    }

    /// Bytes of shared memory of a group: the ring of rows and of packed weights.
    fn shared(&self) -> usize {
        STAGES * DEPTH * (2 * self.rows + COLUMNS / 2)
    }
}

impl CudaExecutable {
    /// Multiplies by that text; false where tensors lie as it cannot take them.
    pub fn multiply_grouped(
        &self,
        grouped: &Grouped,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<bool, TargetError> {
        let mut placed = Vec::with_capacity(6);
        for (number, argument) in arguments.iter().enumerate() {
            let Argument::Tensor(region) = argument else { return Ok(false) };
            let overwritten = number < 5 && self.is_overwritten(region, arguments);
            let tensor = self.place(number, region, bindings, overwritten)?;
            if tensor.stand_in.is_some() {
                return Ok(false);
            }
            placed.push(tensor);
        }
        let shapes = &bindings.kernel_shapes;
        let [x, owners, w, scales, biases, y] = placed.as_slice() else { return Ok(false) };
        let ([blocks], [experts, columns, words]) = (shapes[1].as_slice(), shapes[2].as_slice())
        else {
            return Ok(false);
        };
        let depth = words * 8;
        let whole = |number: usize| {
            let outer = shapes[number].len() - 1;
            placed[number].strides[..outer] == contiguous_strides(&shapes[number])[..outer]
        };
        let aligned = x.address.is_multiple_of(16)
            && w.address.is_multiple_of(16)
            && x.strides[0] % 8 == 0
            && y.address.is_multiple_of(4);
        if !aligned || !(2..5).all(whole) || *blocks > MOST_BLOCKS {
            return Ok(false);
        }
        if *blocks == 0 || *columns == 0 {
            return Ok(true);
        }
        let function = grouped.function.get_or_init(|| {
            let function = self.gpu.source(&grouped.source(), "tw_grouped").ok()?;
            function.allow_shared(grouped.shared()).ok()?;
            Some(function)
        });
        let Some(function) = function else { return Ok(false) };
        let mut words = [
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
        // The machine counts bytes from the lowest: an int is the front of its word.
        let mut pointers: Vec<*mut c_void> =
            words.iter_mut().map(|word| (word as *mut u64).cast()).collect();
        let shape = Shape {
            grid: (columns.div_ceil(COLUMNS) as u32, *blocks as u32, 1),
            threads: (COLUMNS as u32, 1, 1),
            shared: grouped.shared(),
        };
        // SAFETY: `place` checked that each tensor lies in its buffer, and the caller keeps the memory alive; sizes and
        // strides are those of the tensors.
        unsafe { function.launch(shape, &mut pointers) }?;
        Ok(true)
    }
}
