// rope_decode_attention, f32, batch = 1, kv_heads = 8, max_len = 1024, length = 1024
// refused: rope_decode_attention: needs 33808 bytes of threadgroup memory, Metal has 32768
