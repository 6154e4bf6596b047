//! The tensor: shared memory, seen with a dtype, a shape and strides.

mod views;

use crate::element::Scalar;
use crate::gather::gather;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_ir::bind::show_shape;
use tilewright_runtime::{
    Element, Error, Memory, Result, Runtime, TensorMut, TensorRef, contiguous_strides,
};

/// An array of numbers of one dtype and any rank.
///
/// Cloning, reshaping, transposing, slicing and broadcasting share memory. A tensor is a value nevertheless: writing
/// into one never changes another, since memory that is shared is copied first.
#[derive(Clone)]
pub struct Tensor {
    pub(crate) memory: Arc<Memory>,
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<isize>,
    offset: usize,
}

impl Tensor {
    /// A tensor of `values` in row-major order; takes over their memory.
    ///
    /// # Errors
    /// When the number of values is not that of `shape`.
    pub fn new<E: Scalar>(values: Vec<E>, shape: &[usize]) -> Result<Tensor> {
        let count = element_count(E::DTYPE, shape)?;
        if values.len() != count {
            let (given, shape) = (values.len(), show_shape(shape));
            return Err(Error::usage(format!(
                "{given} values for shape {shape}, which has {count}"
            )));
        }
        let stored: Vec<E::Stored> = values.into_iter().map(E::store).collect();
        Ok(Tensor::adopt(Memory::of_vec(stored), E::DTYPE, shape))
    }

    /// A tensor of the numbers that little-endian `bytes` hold in row-major order, as files do.
    ///
    /// # Errors
    /// When the number of bytes is not that of `shape`, or memory runs out.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Tensor> {
        let mut memory = host_memory(byte_count(dtype, shape, bytes.len())?)?;
        memory.buffer_mut().write(0, bytes)?;
        Ok(Tensor::adopt(memory, dtype, shape))
    }

    /// A tensor of the numbers that little-endian `pieces` hold, one after the other: in `runtime`'s memory, or the
    /// host's where there is none. `copied` hears of each part of a piece that is no longer used.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn copied_from(
        runtime: Option<&Runtime>,
        dtype: DType,
        shape: &[usize],
        pieces: &[&[u8]],
        copied: &mut dyn FnMut(usize, Range<usize>),
    ) -> Result<Tensor> {
        const PART: usize = 4 << 20;
        let bytes = byte_count(dtype, shape, pieces.iter().map(|piece| piece.len()).sum())?;
        let mut memory = match runtime {
            Some(runtime) => runtime.allocate(bytes)?,
            None => host_memory(bytes)?,
        };
        let mut at = 0;
        for (number, piece) in pieces.iter().enumerate() {
            for (part, bytes) in piece.chunks(PART).enumerate() {
                memory.buffer_mut().write(at, bytes)?;
                at += bytes.len();
                copied(number, part * PART..part * PART + bytes.len());
            }
        }
        Ok(Tensor::adopt(memory, dtype, shape))
    }

    /// A tensor over bytes that somebody shares, such as part of a mapped file, without a copy. Bytes that do not lie
    /// at a multiple of the dtype's size are copied.
    ///
    /// # Safety
    /// As long as a tensor over them lives, `owner` gives the same bytes and nobody changes them.
    ///
    /// # Errors
    /// When the range leaves the bytes, or has not as many as the shape.
    pub unsafe fn from_shared(
        dtype: DType,
        shape: &[usize],
        owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
        range: Range<usize>,
    ) -> Result<Tensor> {
        let outside = || Error::usage(format!("bytes {range:?} leave those that are shared"));
        let part = (*owner).as_ref().get(range.clone()).ok_or_else(outside)?;
        let aligned = (part.as_ptr() as usize).is_multiple_of(dtype.size());
        if !aligned || part.len() != element_count(dtype, shape)? * dtype.size() {
            return Tensor::from_bytes(dtype, shape, part);
        }
        // SAFETY: the caller's promise.
        let memory = unsafe { Memory::of_shared(owner.clone(), range.clone()) };
        Ok(Tensor::adopt(memory.ok_or_else(outside)?, dtype, shape))
    }

    /// A tensor of `values`, each converted to `dtype` as [`DType::round`] says.
    ///
    /// # Errors
    /// When the number of values is not that of `shape`, or memory runs out.
    pub fn from_f64(dtype: DType, shape: &[usize], values: &[f64]) -> Result<Tensor> {
        let mut bytes = vec![0; values.len() * dtype.size()];
        for (element, value) in bytes.chunks_exact_mut(dtype.size()).zip(values) {
            dtype.write(*value, element);
        }
        Tensor::from_bytes(dtype, shape, &bytes)
    }

    /// A tensor whose elements are all `value`, converted to `dtype`.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn full(dtype: DType, shape: &[usize], value: f64) -> Result<Tensor> {
        let mut memory = host_memory(element_count(dtype, shape)? * dtype.size())?;
        let mut element = [0; 8];
        dtype.write(value, &mut element);
        let bytes = element[..dtype.size()].repeat(4096);
        let len = element_count(dtype, shape)? * dtype.size();
        for start in (0..len).step_by(bytes.len()) {
            memory.buffer_mut().write(start, &bytes[..bytes.len().min(len - start)])?;
        }
        Ok(Tensor::adopt(memory, dtype, shape))
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Tensor> {
        Tensor::full(dtype, shape, 0.0)
    }

    /// A tensor of unspecified content in `runtime`'s memory: an output to be.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn empty(runtime: &Runtime, dtype: DType, shape: &[usize]) -> Result<Tensor> {
        let bytes = element_count(dtype, shape)? * dtype.size();
        Ok(Tensor::adopt(runtime.allocate(bytes)?, dtype, shape))
    }

    /// A tensor in `runtime`'s memory that holds the elements of `block` again and again, from its element `start` on.
    ///
    /// # Errors
    /// When the block holds no element, or memory runs out.
    pub fn repeated(
        runtime: &Runtime,
        dtype: DType,
        shape: &[usize],
        block: &[u8],
        start: usize,
    ) -> Result<Tensor> {
        let whole = block.len() / dtype.size() * dtype.size();
        if whole == 0 {
            return Err(Error::usage("a block of no elements cannot be repeated"));
        }
        let len = element_count(dtype, shape)? * dtype.size();
        let mut memory = runtime.allocate(len)?;
        let (mut at, mut from) = (0, start * dtype.size() % whole);
        while at < len {
            let piece = &block[from..whole.min(from + len - at)];
            memory.buffer_mut().write(at, piece)?;
            (at, from) = (at + piece.len(), 0);
        }
        Ok(Tensor::adopt(memory, dtype, shape))
    }

    fn adopt(memory: Memory, dtype: DType, shape: &[usize]) -> Tensor {
        let (shape, strides) = (shape.to_vec(), contiguous_strides(shape));
        Tensor { memory: Arc::new(memory), dtype, shape, strides, offset: 0 }
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its axes, outermost first; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The distance between neighbours along each axis, in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when it has no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// True when its elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1isize;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if extent != 1 && stride != expected {
                return self.is_empty();
            }
            expected = expected.saturating_mul(extent as isize);
        }
        true
    }

    /// The same elements in row-major order without gaps; itself when they already are.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn contiguous(&self) -> Result<Tensor> {
        match self.is_contiguous() {
            true => Ok(self.clone()),
            false => Tensor::from_bytes(self.dtype, &self.shape, &self.bytes()?),
        }
    }

    /// The elements in row-major order as little-endian bytes, as files hold them.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let size = self.dtype.size();
        let mut bytes = vec![0; self.len() * size];
        if self.is_contiguous() {
            self.memory.buffer().read(self.offset * size, &mut bytes)?;
        } else {
            let memory = self.memory_bytes()?;
            gather(&memory, size, &self.shape, &self.strides, self.offset, &mut bytes);
        }
        Ok(bytes)
    }

    /// As [`to_bytes`](Self::to_bytes), in place where they are contiguous and the host can address them.
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>> {
        match self.in_place()? {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => self.to_bytes().map(Cow::Owned),
        }
    }

    /// The bytes of the elements, where they are contiguous and the host can address them.
    fn in_place(&self) -> Result<Option<&[u8]>> {
        let memory = self.addressed()?.filter(|_| self.is_contiguous());
        let (start, len) = (self.offset * self.dtype.size(), self.len() * self.dtype.size());
        Ok(memory.and_then(|memory| memory.get(start..start + len)))
    }

    /// The whole memory where the host can address it, once the device has done what writes it.
    fn addressed(&self) -> Result<Option<&[u8]>> {
        let buffer = self.memory.buffer();
        let Some(base) = buffer.host() else { return Ok(None) };
        // An address alone waits for nothing; a read does.
        buffer.read(0, &mut [])?;
        // SAFETY: so many bytes are behind it, and nobody writes memory that a tensor shares, as writing one that is not
        // shared needs it `&mut`.
        Ok(Some(unsafe { std::slice::from_raw_parts(base.as_ptr(), buffer.size()) }))
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// When `E` is not the tensor's dtype.
    pub fn to_vec<E: Scalar>(&self) -> Result<Vec<E>> {
        if E::DTYPE != self.dtype {
            let what = format!("a tensor of {} has no elements of type {}", self.dtype, E::DTYPE);
            return Err(
                Error::usage(what).help(format!("convert it first: .to(DType::{:?})", E::DTYPE))
            );
        }
        let mut stored = vec![zero::<E::Stored>(); self.len()];
        let bytes = self.bytes()?;
        // SAFETY: both hold `len` elements of the dtype's size, and any bit pattern is a `Stored`.
        unsafe {
            let into = stored.as_mut_ptr().cast::<u8>();
            into.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Ok(stored.into_iter().map(E::restore).collect())
    }

    /// The elements in row-major order, as f64 (exact for every dtype).
    ///
    /// # Errors
    /// When the device cannot be read.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        let bytes = self.bytes()?;
        Ok(bytes.chunks_exact(self.dtype.size()).map(|b| self.dtype.read(b)).collect())
    }

    /// The only element.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn item(&self) -> Result<f64> {
        match self.to_f64()?.as_slice() {
            [value] => Ok(*value),
            values => Err(Error::usage(format!(
                "a tensor of {} elements is no single number",
                values.len()
            ))),
        }
    }

    /// The elements in place, when they are contiguous and the host can address them.
    pub fn as_slice<E: Scalar<Stored = E> + Element>(&self) -> Option<&[E]> {
        if E::DTYPE != self.dtype || !self.is_contiguous() {
            return None;
        }
        if self.is_empty() {
            return Some(&[]);
        }
        let bytes = self.in_place().ok()??;
        // SAFETY: these are the bytes of `len` elements, aligned since buffers are and offsets count elements.
        Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), self.len()) })
    }

    /// The same numbers in another dtype, each converted as [`DType::round`] says.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn to(&self, dtype: DType) -> Result<Tensor> {
        match dtype == self.dtype {
            true => Ok(self.clone()),
            // Logits and weights: what happens at every token or to every weight.
            false if dtype == DType::F32 && self.dtype == DType::BF16 => {
                let wide = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                let values: Vec<f32> = self.bytes()?.as_chunks().0.iter().map(wide).collect();
                Tensor::new(values, &self.shape)
            }
            false => Tensor::from_f64(dtype, &self.shape, &self.to_f64()?),
        }
    }

    /// What a launch reads.
    pub(crate) fn reference(&self) -> TensorRef<'_> {
        let strides = (!self.is_contiguous()).then_some(self.strides.as_slice());
        TensorRef {
            buffer: self.memory.buffer(),
            dtype: self.dtype,
            shape: &self.shape,
            strides,
            offset: self.offset,
        }
    }

    /// True when no other tensor shares its memory and it is contiguous from the start: it can be written.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.offset == 0
            && self.is_contiguous()
            && Arc::strong_count(&self.memory) == 1
            && self.memory.buffer().writable()
    }

    /// What a launch writes, under `shape` if that is not its own; `None` when another tensor shares the memory.
    pub(crate) fn writable<'a>(&'a mut self, shape: Option<&'a [usize]>) -> Option<TensorMut<'a>> {
        if !self.is_exclusive() {
            return None;
        }
        let (dtype, shape) = (self.dtype, shape.unwrap_or(&self.shape));
        let buffer = Arc::get_mut(&mut self.memory)?.buffer_mut();
        Some(TensorMut { buffer, dtype, shape })
    }

    /// The same elements where `runtime`'s device reads them best: itself for a device that reads the host's memory.
    ///
    /// # Errors
    /// When the device has no such memory.
    pub fn on(&self, runtime: &Runtime) -> Result<Tensor> {
        match runtime.caps().host_visible {
            true => Ok(self.clone()),
            false => self.copied(runtime),
        }
    }

    /// The same elements in memory of `runtime` that no other tensor shares: to be updated in place.
    ///
    /// # Errors
    /// When the device has no such memory.
    pub fn own(&self, runtime: &Runtime) -> Result<Tensor> {
        self.copied(runtime)
    }

    /// Tells the device that these are factors of products, the last two axes rows and their elements, and stay as they
    /// are: it may lay them out as its products read them best, and they can no longer be overwritten. Of memory that another
    /// tensor shares nothing is told, and of all or none.
    pub fn settle(all: &mut [&mut Tensor]) {
        let own = |tensor: &mut &mut Tensor| {
            let whole = tensor.offset == 0 && tensor.is_contiguous() && tensor.rank() > 1;
            whole && Arc::get_mut(&mut tensor.memory).is_some()
        };
        if !all.iter_mut().all(own) {
            return;
        }
        for tensor in all {
            let row = tensor.shape.last().copied().unwrap_or(1);
            let (rows, size) = (tensor.len() / row.max(1), tensor.dtype.size());
            if let Some(memory) = Arc::get_mut(&mut tensor.memory) {
                memory.buffer_mut().settle([rows, row], size);
            }
        }
    }

    /// Takes the elements of `values`, of the same type and shape, in the memory that it has.
    ///
    /// # Errors
    /// When type or shape differ, another tensor shares the memory, or the device fails.
    pub fn overwrite(&mut self, values: &Tensor) -> Result<()> {
        let told = |tensor: &Tensor| format!("{}{:?}", tensor.dtype, tensor.shape);
        if (self.dtype, &self.shape) != (values.dtype, &values.shape) {
            let what = format!("{} cannot take the elements of {}", told(self), told(values));
            return Err(Error::usage(what));
        }
        let bytes = values.bytes()?;
        match self.writable(None) {
            Some(own) => Ok(own.buffer.write(0, &bytes)?),
            None => Err(Error::usage("a tensor whose memory is shared cannot be overwritten")),
        }
    }

    /// The same elements in memory of their own, from `runtime`.
    pub(crate) fn copied(&self, runtime: &Runtime) -> Result<Tensor> {
        let mut copy = Tensor::empty(runtime, self.dtype, &self.shape)?;
        copy.overwrite(self)?;
        Ok(copy)
    }

    /// The whole memory as bytes, without a copy where the host can address it.
    fn memory_bytes(&self) -> Result<Cow<'_, [u8]>> {
        if let Some(bytes) = self.addressed()? {
            return Ok(Cow::Borrowed(bytes));
        }
        let buffer = self.memory.buffer();
        let mut bytes = vec![0; buffer.size()];
        buffer.read(0, &mut bytes)?;
        Ok(Cow::Owned(bytes))
    }
}

impl<E: Scalar> From<Vec<E>> for Tensor {
    fn from(values: Vec<E>) -> Tensor {
        let shape = [values.len()];
        let stored: Vec<E::Stored> = values.into_iter().map(E::store).collect();
        Tensor::adopt(Memory::of_vec(stored), E::DTYPE, &shape)
    }
}

impl<E: Scalar, const N: usize> From<[E; N]> for Tensor {
    fn from(values: [E; N]) -> Tensor {
        values.to_vec().into()
    }
}

impl<E: Scalar, const N: usize, const M: usize> From<[[E; N]; M]> for Tensor {
    fn from(rows: [[E; N]; M]) -> Tensor {
        let flat: Tensor = rows.concat().into();
        Tensor { shape: vec![M, N], strides: contiguous_strides(&[M, N]), ..flat }
    }
}

/// The bytes of a tensor, which are to be as many as were given.
fn byte_count(dtype: DType, shape: &[usize], given: usize) -> Result<usize> {
    let expected = element_count(dtype, shape)? * dtype.size();
    match given == expected {
        true => Ok(expected),
        false => {
            let shape = show_shape(shape);
            let what = format!("{given} bytes for {dtype}{shape}, which has {expected}");
            Err(Error::usage(what))
        }
    }
}

/// The elements of a shape.
///
/// # Errors
/// When their bytes cannot be counted.
pub(crate) fn element_count(dtype: DType, shape: &[usize]) -> Result<usize> {
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    count
        .filter(|n| n.checked_mul(dtype.size()).is_some_and(|b| b <= isize::MAX as usize))
        .ok_or_else(|| Error::usage(format!("a tensor {dtype}{} is too large", show_shape(shape))))
}

/// Memory of the host's own pool-less allocator, aligned for every dtype.
fn host_memory(bytes: usize) -> Result<Memory> {
    Ok(Memory::adopt(Box::new(tilewright_runtime::HostBuffer::new(bytes)?)))
}

fn zero<E: Element>() -> E {
    // SAFETY: every bit pattern is an `Element`, so zero bytes are one.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::any::Any;
    use std::ptr::NonNull;
    use tilewright_runtime::{Buffer, HostBuffer, TargetError};

    /// Memory that the host sees, of a device whose work is done when somebody reads.
    struct Late(HostBuffer);

    // SAFETY: as for the buffer inside.
    unsafe impl Buffer for Late {
        fn size(&self) -> usize {
            self.0.size()
        }

        fn host(&self) -> Option<NonNull<u8>> {
            self.0.host()
        }

        fn read(&self, offset: usize, into: &mut [u8]) -> std::result::Result<(), TargetError> {
            // SAFETY: nobody else looks at the test's memory meanwhile.
            unsafe { self.0.host().unwrap().write_bytes(7, self.0.size()) };
            self.0.read(offset, into)
        }

        fn write(&mut self, offset: usize, from: &[u8]) -> std::result::Result<(), TargetError> {
            self.0.write(offset, from)
        }

        fn as_any(&self) -> Option<&dyn Any> {
            None
        }
    }

    #[test]
    fn elements_in_place_are_those_that_the_device_has_written() {
        let late = || {
            let memory = Memory::adopt(Box::new(Late(HostBuffer::new(4).unwrap())));
            Tensor::adopt(memory, DType::U8, &[4])
        };
        assert_eq!(*late().bytes().unwrap(), [7; 4]);
        assert_eq!(late().as_slice::<u8>().unwrap(), [7; 4]);
        assert_eq!(late().to_vec::<u8>().unwrap(), [7; 4]);
        assert_eq!(late().every(0, 2).unwrap().to_vec::<u8>().unwrap(), [7; 2]);
    }
}
