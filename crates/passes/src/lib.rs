//! IR to IR, one file a pass.
