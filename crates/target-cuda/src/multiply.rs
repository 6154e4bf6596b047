//! Programs that are a plain matrix product: when the library runs them, and how their tensors become its matrices.

use crate::capture::Capture;
use crate::launch::{CudaExecutable, Placed, Way, lock};
use crate::library::{Matrix, Multiplication};
use tilewright_ir::Bindings;
use tilewright_passes::lower::bucket;
use tilewright_target::tuned::hash;
use tilewright_target::{Argument, Region, TargetError};

/// The word for a product by the library, and what is hashed as its source.
pub(crate) const LIBRARY: &str = "cuBLASLt";

/// Multiplications from which on the library is taken without having been measured.
const LIBRARY_FROM: usize = 1 << 22;

/// Rows from which on it is: fewer are read faster by kernels that know that there are few.
const LIBRARY_ROWS: usize = 32;

/// A tensor by its number, the memory that it was given in, and where it is taken from.
type Lying<'a> = (usize, &'a Region<'a>, Placed);

impl CudaExecutable {
    /// True when the library multiplies for sizes that nobody measured.
    pub fn library_by_default(&self, dims: &[usize]) -> bool {
        self.product.is_some_and(|product| {
            let [rows, depth, columns] =
                [product.rows, product.depth, product.columns].map(|extent| extent.value(dims));
            rows >= LIBRARY_ROWS
                && rows.saturating_mul(depth).saturating_mul(columns) >= LIBRARY_FROM
        })
    }

    /// True when the library is to multiply.
    pub fn by_library(&self, dims: &[usize]) -> bool {
        if self.product.is_none() {
            return false;
        }
        let mut known = lock(&self.by_library);
        if let Some(known) = known.get(dims) {
            return *known;
        }
        let bucket = bucket(&self.program, dims);
        let wanted = match lock(&self.chosen).get(&bucket) {
            Some(way) => matches!(way, Way::Library),
            None => match self.gpu.tuned.find(&self.gpu.name, &bucket) {
                Some(found) if found.schedule == LIBRARY => found.source == hash(LIBRARY),
                Some(found) if self.is_tuned(dims, &found) => false,
                _ => self.library_by_default(dims),
            },
        };
        let answer = wanted && self.gpu.library().is_some();
        if known.len() >= 1024 {
            known.clear();
        }
        known.insert(dims.to_vec(), answer);
        answer
    }

    /// Lets the library multiply; false when it cannot.
    pub fn multiply(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<bool, TargetError> {
        let Some((multiplication, placed)) = self.multiplication(bindings, arguments)? else {
            return Ok(false);
        };
        let Some(library) = self.gpu.library() else { return Ok(false) };
        // SAFETY: `place` checked that each matrix lies in its buffer; the caller keeps the memory alive, and stand-ins are
        // freed on the same stream after the work.
        if !unsafe { library.multiply(&multiplication, self.gpu.context.stream) }? {
            return Ok(false);
        }
        let [_, _, (number, region, placed)] = &placed;
        if let Some(stand_in) = &placed.stand_in {
            self.take_back(*number, region, &bindings.shapes[*number], stand_in)?;
        }
        Ok(true)
    }

    /// What the library runs to multiply, to be run again and again; `None` when it cannot, or when a matrix needs a copy.
    pub fn multiply_later(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<Option<Capture>, TargetError> {
        let Some((multiplication, placed)) = self.multiplication(bindings, arguments)? else {
            return Ok(None);
        };
        let Some(library) = self.gpu.library() else { return Ok(None) };
        if placed.iter().any(|(_, _, placed)| placed.stand_in.is_some()) {
            return Ok(None);
        }
        // SAFETY: as in `multiply`, for as long as whoever recorded promised.
        Capture::of(&self.gpu.context, |stream| unsafe {
            library.multiply(&multiplication, stream)
        })
    }

    /// The product in the library's terms, and where its two factors and its result lie.
    fn multiplication<'a>(
        &self,
        bindings: &Bindings,
        arguments: &'a [Argument<'a>],
    ) -> Result<Option<(Multiplication, [Lying<'a>; 3])>, TargetError> {
        let Some(product) = &self.product else { return Ok(None) };
        let [rows, depth, columns] =
            [product.rows, product.depth, product.columns].map(|e| e.value(&bindings.dims));
        if rows * depth * columns == 0 {
            return Ok(None);
        }
        let mut placed = Vec::with_capacity(3);
        for param in [product.left, product.right, product.out] {
            let number = param.index();
            let Some(Argument::Tensor(region)) = arguments.get(number) else { return Ok(None) };
            let overwritten = param != product.out && self.is_overwritten(region, arguments);
            placed.push((number, region, self.place(number, region, bindings, overwritten)?));
        }
        let Ok(placed) = <[Lying<'a>; 3]>::try_from(placed) else { return Ok(None) };
        let matrix = |(number, _, placed): &Lying<'_>, turned| {
            let shape = &bindings.kernel_shapes[*number];
            let inner = shape.last().copied().unwrap_or(1) as isize;
            let stride = placed.strides.first().copied().unwrap_or(inner);
            // One row is as far from the next as is convenient.
            let stride = if shape.first() == Some(&1) { inner } else { stride };
            (stride >= inner).then_some(Matrix {
                address: placed.address,
                stride: stride as i64,
                turned,
            })
        };
        let (Some(left), Some(right), Some(out)) = (
            matrix(&placed[0], product.left_turned),
            matrix(&placed[1], product.right_turned),
            matrix(&placed[2], false),
        ) else {
            return Ok(None);
        };
        let dtype = product.dtype;
        Ok(Some((Multiplication { left, right, out, dtype, rows, depth, columns }, placed)))
    }
}
