// attention_merged_softcap, f32, batch = 1, kv_heads = 8, queries = 1024, length = 1024
// refused: attention_merged_softcap: needs 65536 bytes of threadgroup memory, Metal has 32768
