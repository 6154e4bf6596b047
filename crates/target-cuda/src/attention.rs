//! Attention of many queries with heads of 128 features on warpgroup products: `attention_128.cu` is what the tile
//! program in `attention_128.ir` becomes on architecture 9.0.

use crate::driver::{Function, Shape};
use crate::launch::CudaExecutable;
use crate::specified::says;
use std::ffi::c_void;
use std::sync::{Arc, OnceLock};
use tilewright_ir::{Bindings, DType, Extent, ParamId, Program};
use tilewright_target::{Argument, TargetError};

/// The tile program, for `GROUP` query heads a key head and halves of the type `TYPE`, whose result lies as `LAID` and
/// is stored at `PLACED`.
const SPECIFICATION: &str = include_str!("attention_128.ir");

/// The architecture that has these products; the text is compiled with all that is its own.
const ARCHITECTURE: &str = "sm_90";

/// Queries of a group of threads, and the threads.
const QUERIES: usize = 128;
const THREADS: u32 = 256;

/// Bytes of shared memory: queries, two rounds of keys and of values, and room to begin at a multiple of 1024.
const SHARED: usize = 5 * (128 * 128 * 2) + 1024;

/// What a program that is such an attention needs to run so.
pub(crate) struct Attention {
    bf16: bool,
    /// The heads of a query lie side by side in the result.
    merged: bool,
    function: OnceLock<Option<Arc<Function>>>,
}

impl Attention {
    /// How `program`, which is optimized, runs if it is one and `architecture` has the products.
    pub fn of(program: &Program, architecture: &str) -> Option<Attention> {
        if program.params.len() != 6 || architecture != ARCHITECTURE {
            return None;
        }
        let (dtype, shape) = program.tensor(ParamId(0))?;
        let [_, Extent::Dim { times: group, .. }, queries, Extent::Const(128)] = *shape else {
            return None;
        };
        let half = matches!(dtype, DType::F16 | DType::BF16);
        if !half {
            return None;
        }
        let merged = program.tensor(ParamId(5))?.1.get(1) == Some(&queries);
        let (laid, placed) = match merged {
            false => ("batch, GROUP*kv_heads, queries", "%2, %3, %6..+64"),
            true => ("batch, queries, GROUP*kv_heads", "%2, %6..+64, %3"),
        };
        let group = group.to_string();
        let words = [("TYPE", dtype.name()), ("LAID", laid), ("PLACED", placed), ("GROUP", &group)];
        let fits = says(program, SPECIFICATION, &words);
        fits.then(|| Attention { bf16: dtype == DType::BF16, merged, function: OnceLock::new() })
    }

    /// Its CUDA C.
    pub fn source(&self) -> String {
        let parts = [include_str!("prelude.cu"), include_str!("attention_128.cu")];
        let kernel = format!(
            "extern \"C\" __global__ void __launch_bounds__({THREADS}) tw_attend_128(const __grid_constant__ \
             tw_attention of) {{\n    tw_attention_128<{}>(of);\n}}\n",
            self.bf16,
        );
        [&parts.concat(), kernel.as_str()].concat()
    }
}

impl CudaExecutable {
    /// Attends by that text; false where tensors lie as it cannot take them.
    pub fn attend(
        &self,
        attention: &Attention,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<bool, TargetError> {
        let [
            Argument::Tensor(q),
            Argument::Tensor(keys),
            Argument::Tensor(values),
            Argument::Scalar(scale),
            Argument::Scalar(window),
            Argument::Tensor(out),
        ] = arguments
        else {
            return Ok(false);
        };
        let mut placed = Vec::with_capacity(4);
        for (number, region) in [(0, q), (1, keys), (2, values), (5, out)] {
            let overwritten = number < 5 && self.is_overwritten(region, arguments);
            let tensor = self.place(number, region, bindings, overwritten)?;
            let lanes = if number < 5 { 8 } else { 2 };
            let aligned = tensor.address.is_multiple_of(2 * lanes as u64)
                && tensor.strides.iter().take(3).all(|stride| stride % lanes == 0);
            if tensor.stand_in.is_some() || !aligned {
                return Ok(false);
            }
            placed.push(tensor);
        }
        let scale = *scale as f32;
        let shapes = &bindings.kernel_shapes;
        let ([batch, heads, queries, _], [_, kv_heads, length, _]) =
            (shapes[0].as_slice(), shapes[1].as_slice())
        else {
            return Ok(false);
        };
        let blocks = queries.div_ceil(QUERIES);
        // Positions are counted in i32, and blocks along an axis of a launch in 16 bits.
        if !(scale > 0.0 && scale.is_finite()) || *length > 1 << 29 || blocks > 65535 {
            return Ok(false);
        }
        if batch * heads * queries == 0 {
            return Ok(true);
        }
        let function = attention.function.get_or_init(|| {
            let architecture = format!("{ARCHITECTURE}a");
            let text = attention.source();
            let function = self.gpu.source_for(&text, "tw_attend_128", &architecture).ok()?;
            function.allow_shared(SHARED).ok()?;
            Some(function)
        });
        let Some(function) = function else { return Ok(false) };
        // The fields of `tw_attention`, in its order; two ints a word.
        let mut words: Vec<u64> = placed.iter().map(|tensor| tensor.address).collect();
        for (number, tensor) in placed.iter().enumerate() {
            let [batch, second, third] = [0, 1, 2].map(|axis| tensor.strides[axis] as u64);
            let merged = number == 3 && attention.merged;
            words.extend(if merged { [batch, third, second] } else { [batch, second, third] });
        }
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        words.extend([
            pair(*heads as u32, (heads / kv_heads.max(&1)) as u32),
            pair(*queries as u32, *length as u32),
            pair(*window as i32 as u32, scale.to_bits()),
        ]);
        let shape = Shape {
            grid: ((batch * heads) as u32, blocks as u32, 1),
            threads: (THREADS, 1, 1),
            shared: SHARED,
        };
        let mut pointers: [*mut c_void; 1] = [words.as_mut_ptr().cast()];
        // SAFETY: `place` checked that each tensor lies in its buffer, and the caller keeps the memory alive; sizes and
        // strides are those of the tensors.
        unsafe { function.launch(shape, &mut pointers) }?;
        Ok(true)
    }
}
