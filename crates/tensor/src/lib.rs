//! Tensors on a device, the one-liners, and the tape.
