"""Writes a GGUF file of a known architecture with random Q4_0 weights (4.5 bits a weight, as MLX's 4 bits in groups
of 64), for llama.cpp beside `tilewright bench-model --synthetic`. Speed does not depend on the values.

    random_gguf.py NAME OUT.gguf     (needs the `gguf` package)
"""

import sys

import gguf
import numpy as np

ARCHITECTURES = {
    "qwen3-0.6b": dict(arch="qwen3", layers=28, width=1024, ff=3072, heads=16, kv=8, head=128, vocab=151936, tied=True, theta=1e6),
    "llama-1b": dict(arch="llama", layers=16, width=2048, ff=8192, heads=32, kv=8, head=64, vocab=128256, tied=True, theta=5e5),
    "qwen3-8b": dict(arch="qwen3", layers=36, width=4096, ff=12288, heads=32, kv=8, head=128, vocab=151936, tied=False, theta=1e6),
    "qwen3-moe-small": dict(arch="qwen3moe", layers=12, width=1024, ff=3072, heads=16, kv=8, head=128, vocab=151936, tied=True, theta=1e6, experts=64, used=8, expert_ff=384),
    "qwen3-30b-a3b": dict(arch="qwen3moe", layers=48, width=2048, ff=6144, heads=32, kv=4, head=128, vocab=151936, tied=False, theta=1e6, experts=128, used=8, expert_ff=768),
}
BLOCK_BYTES, BLOCK = 18, 32

if len(sys.argv) != 3 or sys.argv[1] not in ARCHITECTURES:
    sys.exit(f"random_gguf.py NAME OUT.gguf, where NAME is one of {', '.join(ARCHITECTURES)}")
a = ARCHITECTURES[sys.argv[1]]
rng = np.random.default_rng(0)
blocks = rng.integers(0, 256, (1 << 21, BLOCK_BYTES), dtype=np.uint8)
# Sane scales: logits stay finite through all layers.
blocks[:, :2] = np.frombuffer(np.float16(0.004).tobytes(), np.uint8)
pool = blocks.reshape(-1)

out = gguf.GGUFWriter(sys.argv[2], a["arch"])
out.add_context_length(40960)
out.add_block_count(a["layers"])
out.add_embedding_length(a["width"])
out.add_feed_forward_length(a["ff"])
out.add_head_count(a["heads"])
out.add_head_count_kv(a["kv"])
out.add_key_length(a["head"])
out.add_value_length(a["head"])
out.add_rope_dimension_count(a["head"])
out.add_rope_freq_base(a["theta"])
out.add_layer_norm_rms_eps(1e-6)
out.add_vocab_size(a["vocab"])
out.add_tokenizer_model("none")
out.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
if "experts" in a:
    out.add_expert_count(a["experts"])
    out.add_expert_used_count(a["used"])
    out.add_expert_feed_forward_length(a["expert_ff"])


def weights(name, *shape):
    row = shape[-1] // BLOCK * BLOCK_BYTES
    size = int(np.prod(shape[:-1])) * row
    start = int(rng.integers(0, 1000)) * BLOCK_BYTES
    out.add_tensor(
        name, np.resize(pool[start:], size).reshape(*shape[:-1], row), raw_dtype=gguf.GGMLQuantizationType.Q4_0
    )


def floats(name, values):
    out.add_tensor(name, values.astype(np.float32))


width, query, key = a["width"], a["heads"] * a["head"], a["kv"] * a["head"]
weights("token_embd.weight", a["vocab"], width)
floats("output_norm.weight", np.ones(width))
if not a["tied"]:
    weights("output.weight", a["vocab"], width)
for layer in range(a["layers"]):
    block = f"blk.{layer}."
    floats(block + "attn_norm.weight", np.ones(width))
    floats(block + "ffn_norm.weight", np.ones(width))
    weights(block + "attn_q.weight", query, width)
    weights(block + "attn_k.weight", key, width)
    weights(block + "attn_v.weight", key, width)
    weights(block + "attn_output.weight", width, query)
    if a["arch"] != "llama":
        floats(block + "attn_q_norm.weight", np.ones(a["head"]))
        floats(block + "attn_k_norm.weight", np.ones(a["head"]))
    if "experts" in a:
        floats(block + "ffn_gate_inp.weight", rng.standard_normal((a["experts"], width)) * 0.02)
        weights(block + "ffn_gate_exps.weight", a["experts"], a["expert_ff"], width)
        weights(block + "ffn_up_exps.weight", a["experts"], a["expert_ff"], width)
        weights(block + "ffn_down_exps.weight", a["experts"], width, a["expert_ff"])
    else:
        weights(block + "ffn_gate.weight", a["ff"], width)
        weights(block + "ffn_up.weight", a["ff"], width)
        weights(block + "ffn_down.weight", width, a["ff"])
out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()
