//! How a primitive is called: sizes, operands and options, the same for all.

/// A primitive: one function pointer of an instruction.
///
/// # Safety
/// Of calling one: every operand covers `rows` rows of `len` elements as the primitive's documentation says, the
/// output overlaps an input only where both have the same address and stride, and the CPU has the level's features.
pub type Primitive = unsafe fn(&Call);

/// The arguments of a primitive.
///
/// A primitive works on `rows` rows of `len` elements of 32 bits, each row contiguous unless its documentation says
/// otherwise. Which operands it reads, and what `extra` holds, is the primitive's affair.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
    /// First output.
    pub out: Operand,
    /// Inputs, or a second output in the last place.
    pub inputs: [Operand; 4],
    /// Write past the caches: for outputs too large to stay in them. Ignored where a row is not aligned.
    pub stream: bool,
    /// Where the next rows' data lies; one line of it is fetched for each vector of work, `row` apart for each row.
    pub prefetch: Operand,
    /// Constants of the primitive.
    pub extra: [u64; 2],
}

/// The address of an operand and the distance between its rows, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// First element of the first row.
    pub at: *mut u8,
    /// Bytes to the next row.
    pub row: isize,
}

impl Operand {
    /// No operand.
    pub const NONE: Operand = Operand { at: std::ptr::null_mut(), row: 0 };

    /// Row `r` as elements of type `T`.
    #[inline(always)]
    pub fn row<T>(&self, r: usize) -> *mut T {
        self.at.wrapping_offset(self.row * r as isize).cast()
    }
}

// SAFETY: addresses without meaning until a primitive is called, whose contract covers them.
unsafe impl Send for Operand {}
// SAFETY: as above.
unsafe impl Sync for Operand {}

impl Call {
    /// A call with nothing but its size.
    pub fn new(rows: usize, len: usize) -> Self {
        Call {
            rows,
            len,
            out: Operand::NONE,
            inputs: [Operand::NONE; 4],
            stream: false,
            prefetch: Operand::NONE,
            extra: [0; 2],
        }
    }
}

/// Instantiates a primitive, written once as a generic function of a level's token, for every level.
///
/// `primitive!(name<params>(args) = body_function)` gives `fn name<params>(level: Level) -> Primitive`.
macro_rules! primitive {
    ($(#[$doc:meta])* $vis:vis fn $name:ident<$($P:ident: $B:ident),* ; $(const $C:ident: $K:ty),*> = $generic:ident) => {
        $(#[$doc])*
        $vis fn $name<$($P: $B,)* $(const $C: $K),*>(level: $crate::simd::Level) -> $crate::simd::call::Primitive {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
            unsafe fn avx512<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call) {
                // SAFETY: reached through `Level::Avx512` only; the rest is the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::avx512::Avx512::assume(), call) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call) {
                // SAFETY: reached through `Level::Avx2` only; the rest is the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::avx2::Avx2::assume(), call) }
            }
            unsafe fn portable<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call) {
                // SAFETY: the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::portable::Portable, call) }
            }
            match level {
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => avx512::<$($P,)* $($C),*>,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => avx2::<$($P,)* $($C),*>,
                _ => portable::<$($P,)* $($C),*>,
            }
        }
    };
}
pub(crate) use primitive;
