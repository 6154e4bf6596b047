//! What a kernel author writes: Kernel, Tile, View, Var, operators and formula strings.
