//! The seam between the compiler and the machines: devices, programs, buffers, capabilities.
