//! What a launch on any GPU needs: the struct of run-time numbers as [`crate::c::argument_fields`] declares it, and the
//! strides that a kernel can take.

use crate::contiguous_strides;
use tilewright_ir::DType;

/// The bytes of the argument struct, by C's rules of alignment.
pub struct ArgumentBlock(Vec<u8>);

impl Default for ArgumentBlock {
    /// With room for what most kernels take.
    fn default() -> ArgumentBlock {
        ArgumentBlock(Vec::with_capacity(128))
    }
}

impl ArgumentBlock {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// A 64-bit stride.
    pub fn wide(&mut self, value: i64) {
        self.align(8);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A size.
    pub fn word(&mut self, value: u32) {
        self.align(4);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    /// A run-time number, rounded to its type.
    pub fn scalar(&mut self, dtype: DType, value: f64) {
        let value = dtype.round(value);
        match dtype {
            DType::I32 => self.word(value as i32 as u32),
            DType::U32 => self.word(value as u32),
            dtype if dtype.is_float() => self.word((value as f32).to_bits()),
            _ => self.byte(value as i64 as u8),
        }
    }

    /// The whole, of 8 bytes at least.
    pub fn finish(mut self) -> Vec<u8> {
        self.align(8);
        if self.0.is_empty() {
            self.0.resize(8, 0);
        }
        self.0
    }
}

/// Strides of the axes that the kernel sees, from those of the caller's. `None` where a kernel cannot take them: the last
/// axis must be contiguous and leading axes must merge into one.
pub fn kernel_strides(
    strides: Option<&[isize]>,
    caller: &[usize],
    kernel: &[usize],
) -> Option<Vec<isize>> {
    let Some(given) = strides else { return Some(contiguous_strides(kernel)) };
    if caller.contains(&0) {
        return Some(contiguous_strides(kernel));
    }
    let merged = (caller.len() + 1).checked_sub(kernel.len()).filter(|_| !kernel.is_empty());
    let Some(merged) = merged else { return Some(Vec::new()) };
    let (leading, rest) = given.split_at(merged);
    let first = match leading {
        // The caller has no leading axes: the kernel's is 1 long.
        [] => 0,
        [.., last] => {
            let mut outer: Option<(isize, usize)> = None;
            for axis in (0..merged).rev().filter(|&axis| caller[axis] > 1) {
                if outer.is_some_and(|(stride, extent)| leading[axis] != stride * extent as isize) {
                    return None;
                }
                outer = Some((leading[axis], caller[axis]));
            }
            inner_stride(leading, caller).unwrap_or(*last)
        }
    };
    let strides: Vec<isize> = std::iter::once(first).chain(rest.iter().copied()).collect();
    match (strides.last(), kernel.last()) {
        (Some(&stride), Some(&extent)) if stride != 1 && extent > 1 => None,
        _ => Some(strides),
    }
}

/// The stride of the innermost of merged axes that is longer than 1.
fn inner_stride(leading: &[isize], caller: &[usize]) -> Option<isize> {
    leading.iter().zip(caller).rev().find(|(_, extent)| **extent > 1).map(|(stride, _)| *stride)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_axes_merge_where_they_can() {
        let merge = |strides: &[isize], caller: &[usize], kernel: &[usize]| {
            kernel_strides(Some(strides), caller, kernel)
        };
        assert_eq!(merge(&[15, 5, 1], &[2, 3, 5], &[6, 5]), Some(vec![5, 1]));
        assert_eq!(merge(&[24, 8, 1], &[2, 3, 5], &[6, 5]), Some(vec![8, 1]));
        assert_eq!(merge(&[40, 8, 1], &[2, 3, 5], &[6, 5]), None, "a gap between the axes");
        assert_eq!(merge(&[99, 8, 1], &[1, 3, 5], &[3, 5]), Some(vec![8, 1]));
        assert_eq!(merge(&[8, 99, 1], &[3, 1, 5], &[3, 5]), Some(vec![8, 1]));
        assert_eq!(merge(&[1], &[5], &[1, 5]), Some(vec![0, 1]));
        assert_eq!(merge(&[1, 4], &[4, 5], &[4, 5]), None, "the last axis has gaps");
        assert_eq!(merge(&[0, 1], &[4, 5], &[4, 5]), Some(vec![0, 1]), "broadcast rows");
        assert_eq!(merge(&[3, 7, 1], &[0, 3, 5], &[0, 5]), Some(vec![5, 1]));
    }

    #[test]
    fn arguments_are_laid_out_as_c_does() {
        let mut block = ArgumentBlock::default();
        block.byte(1);
        block.word(2);
        block.wide(3);
        let bytes = block.finish();
        assert_eq!(bytes, [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    }
}
