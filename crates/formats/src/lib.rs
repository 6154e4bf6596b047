//! Checkpoint and tensor files: bytes and names, no device.
