//! Rows added to rows that a list chooses.

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::memory::{Brain, Format, Half, Word};
use tilewright_ir::DType;

/// An item of a list: the row that is added in the lower half, the row that it is added to in the upper.
pub fn entry(item: u32, row: u32) -> u64 {
    u64::from(row) << 32 | u64::from(item)
}

/// # Safety
/// Input 0: `rows` entries ([`entry`]). Input 1: rows of `len` elements of the format. Output: rows of `len` f32. Both
/// have every row that an entry names.
#[inline(always)]
unsafe fn add_rows<S: Simd, F: Format>(s: S, call: &Call) {
    let entries: *const u64 = call.inputs[0].at.cast();
    let (whole, rest) = (call.len / LANES * LANES, call.len % LANES);
    for r in 0..call.rows {
        // SAFETY: the caller's promise; prefetching is safe at any address.
        unsafe {
            let entry = entries.add(r).read();
            let from: *const u8 = call.inputs[1].row(entry as u32 as usize);
            let to: *mut f32 = call.out.row((entry >> 32) as usize);
            let next: *const u8 = match r + 1 < call.rows {
                true => call.inputs[1].row(entries.add(r + 1).read() as u32 as usize),
                false => std::ptr::null(),
            };
            for at in (0..whole).step_by(LANES) {
                // What an item adds lies anywhere.
                prefetch(next.wrapping_add(at * F::SIZE));
                let x = s.float(F::load(s, from.add(at * F::SIZE)));
                s.store(to.add(at), s.add(s.load(to.add(at)), x));
            }
            if F::SIZE == 4 && rest > 0 {
                let x = s.load_part(from.cast::<f32>().add(whole), rest);
                let sum = s.add(s.load_part(to.add(whole), rest), x);
                s.store_part(to.add(whole), sum, rest);
            } else {
                for at in whole..call.len {
                    *to.add(at) += f32::from_bits(F::get(from.add(at * F::SIZE)));
                }
            }
        }
    }
}

primitive! { fn add_format<F: Format; > = add_rows }

/// Adds rows of a dtype of floats to rows of f32.
pub fn add(dtype: DType, level: Level) -> Primitive {
    match dtype {
        DType::F16 => add_format::<Half>(level),
        DType::BF16 => add_format::<Brain>(level),
        _ => add_format::<Word>(level),
    }
}
