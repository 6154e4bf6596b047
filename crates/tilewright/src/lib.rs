//! Write a kernel once, as a tile program in plain Rust or a one-line formula; run it, differentiate it, test it.
//!
//! This crate only re-exports what users name. [`kernel`] and [`tile_kernel`] give callables of [`Tensor`]s; what a
//! kernel's author writes is [`Kernel`], [`Tile`] and [`View`]. The program itself, with its text form and its
//! interpreter, is in [`ir`]; the kernels that come with it are in [`catalog`].

pub use tilewright_ir as ir;
pub use tilewright_kernels as catalog;
pub use tilewright_lang::{
    Args, DType, Kernel, Operand, ReduceOp, Specialization, Tile, Var, View, record, reduce_by,
    scan_by,
};
pub use tilewright_tensor::{
    Call, Callable, Error, Outputs, Result, Runtime, Tensor, kernel, kernel_with, of_entry,
    tile_kernel, tile_kernel_with,
};

/// The code blocks of `docs/tutorial` are tests.
#[cfg(doctest)]
mod tutorial {
    macro_rules! pages {
        ($($module:ident $file:literal;)*) => {$(
            #[doc = include_str!(concat!("../../../docs/tutorial/", $file))]
            mod $module {}
        )*};
    }
    pages! {
        first_row_kernel "02-first-row-kernel.md";
        gradients "03-gradients.md";
        reductions "04-reductions.md";
        loops_and_blocks "05-loops-and-blocks.md";
        reading_the_ir "07-reading-the-ir.md";
        adding_to_the_catalog "08-adding-to-the-catalog.md";
    }
}
