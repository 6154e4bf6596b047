#!/usr/bin/env python3
"""Writes tiny.gguf, and tiny-NAME.gguf for other architectures: random models whose matrices are blocks of several
kinds, with SentencePiece tokenizers.

    python tiny.py            needs gguf
    python tiny.py FOLDER     the same numbers as floats, which llama.cpp computes with as they are: it rounds what
                              it multiplies blocks with to 8 bits, which changes tokens
    python tiny.py --say FOLDER   what llama.cpp makes of those: needs llama-cpp-python
"""

import pathlib
import sys

import gguf
import numpy
from gguf import GGMLQuantizationType as Kind

LETTERS = "▁etaoinshrgkdlu"
PIECES = (
    "▁t he ▁the in er ▁a on re ▁s at ▁in is or it an es ▁an en ar ing the ▁to her ▁k ▁king".split()
)
SPECIAL = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
LAYERS = 2
PROMPTS = ["the king", "It's a king's  ring, ünd", " the  king\n"]
CHAT = "<|user|>\n the king<|end|>\n<|assistant|>\n"

# Width, features inside, heads of queries and of keys, features of a head.
SHAPES = {
    "llama": (32, 64, 4, 2, 8),
    "gemma": (32, 64, 2, 1, 32),
    "gemma2": (64, 32, 4, 2, 16),
    "phi3": (96, 64, 4, 2, 24),
    "mixtral": (64, 32, 4, 2, 16),
}


def main():
    if sys.argv[1:2] == ["--say"]:
        return say(pathlib.Path(sys.argv[2]))
    floats = len(sys.argv) > 1
    folder = pathlib.Path(sys.argv[1] if floats else pathlib.Path(__file__).parent)
    for name in SHAPES:
        write(folder / ("tiny.gguf" if name == "llama" else f"tiny-{name}.gguf"), name, floats)


def write(path, name, floats):
    width, inner, heads, kv_heads, head_dim = SHAPES[name]
    random = numpy.random.default_rng(5)
    extra = ["<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"] if name == "phi3" else []
    tokens = SPECIAL + PIECES + list(LETTERS) + extra
    own = len(tokens) - len(SPECIAL) - len(extra)
    out = gguf.GGUFWriter(str(path), "llama" if name == "mixtral" else name)
    # By which llama.cpp knows the tokenizer of Phi 3.
    out.add_name({"llama": "tiny", "phi3": "phi-3"}.get(name, name))
    out.add_context_length(256)
    out.add_block_count(LAYERS)
    out.add_embedding_length(width)
    out.add_feed_forward_length(inner)
    out.add_head_count(heads)
    out.add_head_count_kv(kv_heads)
    turning = {"phi3": 12}.get(name, head_dim)
    out.add_rope_dimension_count(turning)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores([0.0] * len(SPECIAL) + [-float(i) for i in range(own)] + [-1000.0] * len(extra))
    out.add_token_types([2, 3, 3] + [6] * 256 + [1] * own + [3] * len(extra))
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)
    is_gemma = name.startswith("gemma")
    if is_gemma:
        out.add_key_length(head_dim)
        out.add_value_length(head_dim)
        out.add_add_space_prefix(False)
    if name == "gemma2":
        out.add_attn_logit_softcapping(2.0)
        out.add_final_logit_softcapping(3.0)
        out.add_sliding_window(6)
    if name == "phi3":
        out.add_sliding_window(0)
        out.add_rope_scaling_attn_factors(1.25)
        out.add_rope_scaling_orig_ctx_len(512)
    if name == "mixtral":
        out.add_expert_count(4)
        out.add_expert_used_count(2)
        out.add_rope_freq_base(1e6)

    def blocks(tensor, shape, scale, kind):
        data = (random.standard_normal(shape) * scale).astype(numpy.float32)
        packed = gguf.quants.quantize(data, kind)
        if floats:
            out.add_tensor(tensor, gguf.quants.dequantize(packed, kind).astype(numpy.float32))
        else:
            out.add_tensor(tensor, packed, raw_dtype=kind)

    def matrix(tensor, rows, columns, scale, kind):
        blocks(tensor, (rows, columns), scale, kind)

    def norm(tensor):
        out.add_tensor(tensor, random.uniform(0.5, 1.5, width).astype(numpy.float32))

    def factors(tensor, low, high):
        out.add_tensor(tensor, numpy.linspace(low, high, turning // 2).astype(numpy.float32))

    matrix("token_embd.weight", len(tokens), width, 0.03 if name == "gemma2" else 1.0, Kind.Q8_0)
    norm("output_norm.weight")
    if not is_gemma:
        matrix("output.weight", len(tokens), width, 1.0, Kind.Q8_0)
    if name == "phi3":
        factors("rope_factors_short.weight", 1.0, 2.0)
        factors("rope_factors_long.weight", 3.0, 9.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        norm(block + "ffn_norm.weight")
        if name == "gemma2":
            norm(block + "post_attention_norm.weight")
            norm(block + "post_ffw_norm.weight")
        q, k = heads * head_dim, kv_heads * head_dim
        # Tied models would say the last token again if layers did not outweigh it.
        scale = 1.0 if is_gemma else 0.3
        if name == "phi3":
            matrix(block + "attn_qkv.weight", q + 2 * k, width, 0.2, Kind.Q5_1)
        else:
            matrix(block + "attn_q.weight", q, width, 0.3, Kind.Q8_0)
            matrix(block + "attn_k.weight", k, width, 0.3, Kind.Q5_0)
            matrix(block + "attn_v.weight", k, width, 0.3, Kind.Q5_1)
        matrix(block + "attn_output.weight", width, q, scale, Kind.Q4_1)
        if name == "phi3":
            matrix(block + "ffn_up.weight", 2 * inner, width, 0.3, Kind.Q4_0)
        elif name == "mixtral":
            matrix(block + "ffn_gate_inp.weight", 4, width, 0.5, Kind.F32)
            blocks(block + "ffn_gate_exps.weight", (4, inner, width), 0.3, Kind.Q4_0)
            blocks(block + "ffn_up_exps.weight", (4, inner, width), 0.3, Kind.Q8_0)
            blocks(block + "ffn_down_exps.weight", (4, width, inner), 0.3, Kind.Q5_0)
            continue
        else:
            matrix(block + "ffn_gate.weight", inner, width, 0.3, Kind.Q4_0)
            matrix(block + "ffn_up.weight", inner, width, 0.3, Kind.F16)
        matrix(block + "ffn_down.weight", width, inner, scale, Kind.Q8_0)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def say(folder):
    from llama_cpp import Llama

    for path in sorted(folder.glob("tiny*.gguf")):
        model = Llama(str(path), n_ctx=256, verbose=False, logits_all=True)
        for prompt in PROMPTS + ([CHAT] if "phi3" in path.name else []):
            tokens = model.tokenize(prompt.encode(), special=prompt == CHAT)
            model.reset()
            said = []
            for token in model.generate(tokens, temp=0.0, repeat_penalty=1.0):
                said.append(token)
                if len(said) == 20:
                    break
            ranked = numpy.sort(model.scores[len(tokens) - 1:len(tokens) + 19], axis=-1)
            margin = (ranked[:, -1] - ranked[:, -2]).min()
            print(f"{path.stem}: {prompt!r}\n    {tokens}\n    {said}\n    least margin {margin:.4f}")


if __name__ == "__main__":
    main()
