//! Rust types that a tensor can hold.

use half::{bf16, f16};
use tilewright_ir::DType;
use tilewright_runtime::Element;

/// A Rust type with a [`DType`].
pub trait Scalar: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// Its dtype.
    const DTYPE: DType;
    /// The plain number of the same size that memory holds.
    type Stored: Element;
    /// This value as memory holds it.
    fn store(self) -> Self::Stored;
    /// The value that memory holds.
    fn restore(stored: Self::Stored) -> Self;
}

macro_rules! scalars { ($($T:ident $DTYPE:ident $Stored:ident $store:expr, $restore:expr;)*) => { $(
    impl Scalar for $T {
        const DTYPE: DType = DType::$DTYPE;
        type Stored = $Stored;
        fn store(self) -> $Stored { $store(self) }
        fn restore(stored: $Stored) -> $T { $restore(stored) }
    }
)* } }

scalars! {
    bool Bool u8 u8::from, |byte| byte != 0;
    i8 I8 i8 same, same;
    u8 U8 u8 same, same;
    i32 I32 i32 same, same;
    u32 U32 u32 same, same;
    f16 F16 u16 f16::to_bits, f16::from_bits;
    bf16 BF16 u16 bf16::to_bits, bf16::from_bits;
    f32 F32 f32 same, same;
    f64 F64 f64 same, same;
}

fn same<T>(value: T) -> T {
    value
}
