//! How a primitive is called: sizes, operands and options, the same for all.

use crate::native::Record;
use tilewright_ir::DType;

/// A primitive: a function, and what native code can know of it.
#[derive(Clone, Copy, Debug)]
pub struct Primitive {
    entry: unsafe fn(&Call, u8),
    /// Bit `k` says that operand `k` has one value a row, where the primitive leaves the choice.
    uniform: u8,
    /// What it computes.
    pub meaning: Meaning,
}

/// What a primitive computes, where [native code](crate::native) can do the same.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// Something of its own.
    Opaque,
    /// A function of elements; bit `k` of `uniform` says that operand `k` has one value a row.
    Map { record: Record, operands: usize, uniform: u8 },
    /// Lanes from neighbours in memory, `extra[0]` bytes apart.
    Load(DType),
    /// Lanes to neighbours in memory, `extra[0]` bytes apart.
    Store(DType),
    /// A fold of each row.
    Fold(Folding),
    /// 0, 1, 2, ... from `extra[0]` on.
    Iota,
}

/// The parts of a fold; see [`super::reduce`].
#[derive(Clone, Copy, Debug)]
pub struct Folding {
    /// Bits of the identity.
    pub identity: u32,
    /// It folds products of two operands.
    pub pair: bool,
    /// (total, x, y) to the next total.
    pub fold: Record,
    /// Two totals (and nothing) to one.
    pub join: Record,
}

impl Primitive {
    /// A primitive that native code knows nothing of.
    pub fn opaque(entry: unsafe fn(&Call, u8)) -> Self {
        Primitive { entry, uniform: 0, meaning: Meaning::Opaque }
    }

    /// The same for operands that have one value a row where their bit is set.
    pub fn with_uniform(self, uniform: u8) -> Self {
        Primitive { uniform, ..self }
    }

    /// True when no operand has one value a row.
    pub fn goes_along(&self) -> bool {
        self.uniform == 0
    }

    /// The same with a meaning.
    pub fn that(self, meaning: Meaning) -> Self {
        Primitive { meaning, ..self }
    }

    /// Calls it.
    ///
    /// # Safety
    /// Every operand covers `rows` rows of `len` elements as the primitive's documentation says, the output overlaps
    /// an input only where both have the same address and stride, and the CPU has the level's features.
    #[inline(always)]
    pub unsafe fn call(&self, call: &Call) {
        // SAFETY: the caller's promise.
        unsafe { (self.entry)(call, self.uniform) }
    }
}

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

    /// The same call from row `r` on.
    pub fn starting_at(mut self, r: usize) -> Self {
        for operand in self.inputs.iter_mut().chain([&mut self.out]) {
            operand.at = operand.row(r);
        }
        self
    }

    /// Where the row begins that is read of input 0 `by` rows after row `r`; null where it need not be fetched.
    #[inline(always)]
    pub fn row_after(&self, r: usize, by: usize) -> *const u8 {
        match self.prefetch.at.is_null() {
            true => std::ptr::null(),
            false if r + by < self.rows => self.inputs[0].row(r + by),
            false => self.prefetch.row(r + by - self.rows),
        }
    }
}

/// Instantiates a primitive, written once as a generic function of a level's token, for every level; or, after `once`,
/// for all levels together, where none has anything to do it with. Each instance costs time to compile: what can be
/// an argument is no parameter.
///
/// `primitive!(fn name<params> = body_function)` gives `fn name<params>(level: Level) -> Primitive`.
macro_rules! primitive {
    ($(#[$doc:meta])* $vis:vis fn $name:ident<$($P:ident: $B:ident),* ; $(const $C:ident: $K:ty),*> = $generic:ident) => {
        $(#[$doc])*
        $vis fn $name<$($P: $B,)* $(const $C: $K),*>(level: $crate::simd::Level) -> $crate::simd::call::Primitive {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
            unsafe fn avx512<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call, _: u8) {
                // SAFETY: reached through `Level::Avx512` only; the rest is the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::avx512::Avx512::assume(), call) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call, _: u8) {
                // SAFETY: reached through `Level::Avx2` only; the rest is the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::avx2::Avx2::assume(), call) }
            }
            unsafe fn portable<$($P: $B,)* $(const $C: $K),*>(call: &$crate::simd::call::Call, _: u8) {
                // SAFETY: the caller's promise.
                unsafe { $generic::<_, $($P,)* $($C),*>($crate::simd::portable::Portable, call) }
            }
            $crate::simd::call::Primitive::opaque(match level {
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512 => avx512::<$($P,)* $($C),*>,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2 => avx2::<$($P,)* $($C),*>,
                _ => portable::<$($P,)* $($C),*>,
            })
        }
    };
    ($(#[$doc:meta])* $vis:vis once fn $name:ident<$($P:ident: $B:ident),*> = $generic:ident) => {
        $(#[$doc])*
        $vis fn $name<$($P: $B),*>(_: $crate::simd::Level) -> $crate::simd::call::Primitive {
            unsafe fn any<$($P: $B),*>(call: &$crate::simd::call::Call, _: u8) {
                // SAFETY: the caller's promise.
                unsafe { $generic::<$($P),*>(call) }
            }
            $crate::simd::call::Primitive::opaque(any::<$($P),*>)
        }
    };
}
pub(crate) use primitive;
