//! Compile cache, launch, memory pool; the list of targets.
