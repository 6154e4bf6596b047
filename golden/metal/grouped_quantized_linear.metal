// grouped_quantized_linear, f32, blocks = 64, experts = 16, columns = 768, groups = 32
// refused: grouped_quantized_linear: needs 49152 bytes of threadgroup memory, Metal has 32768
