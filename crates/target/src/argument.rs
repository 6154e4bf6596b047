//! Arguments of a launch, and the one check that they stay inside their buffers.

use crate::Buffer;

/// What a launch passes for one parameter.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    /// Elements of a buffer.
    Tensor(Region<'a>),
    /// A run-time number, rounded to the parameter's dtype.
    Scalar(f64),
}

/// Where the elements of a tensor lie in a buffer.
#[derive(Clone, Copy)]
pub struct Region<'a> {
    /// The memory.
    pub buffer: &'a dyn Buffer,
    /// Position of element `[0, 0, ..]`, in elements.
    pub offset: usize,
    /// Distance between neighbours along each axis of the *caller's* shape ([`tilewright_ir::Bindings::shapes`]), in
    /// elements; `None` for row-major contiguous.
    pub strides: Option<&'a [isize]>,
}

impl<'a> Region<'a> {
    /// The whole of `buffer`, row-major.
    pub fn whole(buffer: &'a dyn Buffer) -> Self {
        Region { buffer, offset: 0, strides: None }
    }

    /// Checks that every element of `shape` lies inside the buffer.
    ///
    /// # Errors
    /// In words, without the parameter's name: a wrong number of strides, or elements outside.
    pub fn check(&self, shape: &[usize], element: usize) -> Result<(), String> {
        if shape.contains(&0) {
            return Ok(());
        }
        let (mut lowest, mut highest) = (self.offset as i128, self.offset as i128);
        match self.strides {
            None => {
                let count = shape.iter().fold(1i128, |n, &d| n.saturating_mul(d as i128));
                highest += count - 1;
            }
            Some(strides) if strides.len() != shape.len() => {
                return Err(format!("has rank {} but {} strides", shape.len(), strides.len()));
            }
            Some(strides) => {
                for (&extent, &stride) in shape.iter().zip(strides) {
                    let reach = (extent as i128 - 1) * stride as i128;
                    lowest += reach.min(0);
                    highest += reach.max(0);
                }
            }
        }
        let held = (self.buffer.size() / element) as i128;
        if lowest < 0 || highest >= held {
            return Err(format!(
                "reaches elements {lowest}..={highest} of a buffer that holds {held}"
            ));
        }
        Ok(())
    }
}

/// Row-major strides, in elements.
pub fn contiguous_strides(shape: &[usize]) -> Vec<isize> {
    (0..shape.len()).map(|axis| contiguous_stride(shape, axis)).collect()
}

/// The one of [`contiguous_strides`] of an axis.
pub fn contiguous_stride(shape: &[usize], axis: usize) -> isize {
    let within = shape[axis + 1..].iter().map(|&extent| extent.max(1) as isize);
    within.fold(1, isize::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostBuffer;

    #[test]
    fn a_region_must_stay_inside_its_buffer() {
        let buffer = HostBuffer::new(24 * 4).unwrap();
        let region = |offset, strides| Region { buffer: &buffer, offset, strides };
        assert!(region(0, None).check(&[4, 6], 4).is_ok());
        assert!(region(1, None).check(&[4, 6], 4).is_err());
        assert!(region(0, Some(&[1, 4])).check(&[4, 6], 4).is_ok());
        assert!(region(0, Some(&[1, 5])).check(&[4, 6], 4).is_err());
        assert!(region(23, Some(&[-6, -1])).check(&[4, 6], 4).is_ok());
        assert!(region(22, Some(&[-6, -1])).check(&[4, 6], 4).is_err());
        assert!(region(99, None).check(&[0, 6], 4).is_ok());
        assert!(region(0, Some(&[1])).check(&[4, 6], 4).is_err());
    }

    #[test]
    fn strides_of_a_contiguous_shape() {
        assert_eq!(contiguous_strides(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(contiguous_strides(&[]), [0isize; 0]);
    }
}
