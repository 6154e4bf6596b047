//! Write a GPU kernel once, as a tile program in plain Rust or a one-line formula; get CPU, CUDA and Metal code, its gradient, tests and docs from that one recording.
