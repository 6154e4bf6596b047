//! The kernel catalog: one file a kernel.
