// grouped_linear, f32, blocks = 64, experts = 16, columns = 768, depth = 2048
// refused: grouped_linear: needs 49152 bytes of threadgroup memory, Metal has 32768
