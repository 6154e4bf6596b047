//! Tensor maps: how the hardware of architecture 9.0 finds the tiles of a tensor that it is asked for by their place.

use crate::launch::Placed;
use cudarc::driver::sys;
use tilewright_ir::DType;

/// Elements of a row of a tile: 128 bytes, which the map turns by the row.
const PANEL: u32 = 64;

/// A tensor of halves by its axes, and the tiles that it is read in: [`PANEL`] elements of so many rows, zeros past the end.
pub(crate) struct Tiles<'a> {
    pub dtype: DType,
    /// Where it lies; its elements along the last axis side by side.
    pub tensor: &'a Placed,
    /// Of its axes, outermost first.
    pub extents: [usize; 4],
    /// Along the last axis but one.
    pub rows: usize,
}

/// The map, as a kernel takes it; `None` where the hardware cannot read a tensor that lies so.
pub(crate) fn map(tiles: &Tiles<'_>) -> Option<[u64; 16]> {
    use sys::CUtensorMapDataType_enum::*;
    let dtype = match tiles.dtype {
        DType::F16 => CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
        DType::BF16 => CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
        _ => return None,
    };
    let [outer, heads, rows, columns] = tiles.extents;
    // Nothing is asked of an empty tensor, but its map must be one.
    let extents = [columns, rows, heads, outer].map(|extent| extent.max(1) as u64);
    let mut strides = [0; 3];
    for (number, stride) in strides.iter_mut().enumerate() {
        let elements = *tiles.tensor.strides.get(2 - number)?;
        *stride = match elements {
            // Never taken.
            _ if extents[number + 1] == 1 => u64::from(PANEL) * 2,
            1.. => elements as u64 * 2,
            _ => return None,
        };
    }
    let (sides, every) = ([PANEL, u32::try_from(tiles.rows).ok()?, 1, 1], [1; 4]);
    let mut map = std::mem::MaybeUninit::<sys::CUtensorMap>::zeroed();
    // SAFETY: the arrays have an element an axis, strides one less; the map has room and the alignment of its type.
    let made = unsafe {
        sys::cuTensorMapEncodeTiled(
            map.as_mut_ptr(),
            dtype,
            4,
            tiles.tensor.address as *mut std::ffi::c_void,
            extents.as_ptr(),
            strides.as_ptr(),
            sides.as_ptr(),
            every.as_ptr(),
            sys::CUtensorMapInterleave_enum::CU_TENSOR_MAP_INTERLEAVE_NONE,
            sys::CUtensorMapSwizzle_enum::CU_TENSOR_MAP_SWIZZLE_128B,
            sys::CUtensorMapL2promotion_enum::CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
            sys::CUtensorMapFloatOOBfill_enum::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
        )
    };
    made.result().ok()?;
    // SAFETY: the driver wrote it, and any words are a map.
    Some(unsafe { map.assume_init() }.opaque)
}
