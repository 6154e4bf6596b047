// decode_attention_softcap, f32, batch = 1, kv_heads = 8, max_len = 4096
// refused: decode_attention_softcap: needs 34816 bytes of threadgroup memory, Metal has 32768
