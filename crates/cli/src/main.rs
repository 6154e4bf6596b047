//! The tilewright binary.
fn main() {}
