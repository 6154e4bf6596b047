#!/usr/bin/env python3
"""Writes tiny.gguf: a random Llama whose matrices are blocks of several kinds, with a SentencePiece tokenizer.

    python tiny.py            needs gguf
    python tiny.py FLOATS     the same numbers as floats, which llama.cpp computes with as they are: it rounds what
                              it multiplies blocks with to 8 bits, which changes tokens
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
WIDTH, INNER, HEADS, KV_HEADS, LAYERS = 32, 64, 4, 2, 2


def main():
    floats = sys.argv[1] if len(sys.argv) > 1 else None
    path = floats or str(pathlib.Path(__file__).parent / "tiny.gguf")
    random = numpy.random.default_rng(5)
    tokens = SPECIAL + PIECES + list(LETTERS)
    own = len(tokens) - len(SPECIAL)
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny")
    out.add_context_length(256)
    out.add_block_count(LAYERS)
    out.add_embedding_length(WIDTH)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores([0.0] * len(SPECIAL) + [-float(i) for i in range(own)])
    out.add_token_types([2, 3, 3] + [6] * 256 + [1] * own)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)

    def matrix(name, rows, columns, scale, kind):
        data = (random.standard_normal((rows, columns)) * scale).astype(numpy.float32)
        blocks = gguf.quants.quantize(data, kind)
        if floats:
            out.add_tensor(name, gguf.quants.dequantize(blocks, kind).astype(numpy.float32))
        else:
            out.add_tensor(name, blocks, raw_dtype=kind)

    def norm(name):
        out.add_tensor(name, random.uniform(0.5, 1.5, WIDTH).astype(numpy.float32))

    matrix("token_embd.weight", len(tokens), WIDTH, 1.0, Kind.Q8_0)
    norm("output_norm.weight")
    matrix("output.weight", len(tokens), WIDTH, 1.0, Kind.Q8_0)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        norm(block + "ffn_norm.weight")
        matrix(block + "attn_q.weight", WIDTH, WIDTH, 0.3, Kind.Q8_0)
        matrix(block + "attn_k.weight", WIDTH // HEADS * KV_HEADS, WIDTH, 0.3, Kind.Q5_0)
        matrix(block + "attn_v.weight", WIDTH // HEADS * KV_HEADS, WIDTH, 0.3, Kind.Q5_1)
        matrix(block + "attn_output.weight", WIDTH, WIDTH, 0.3, Kind.Q4_1)
        matrix(block + "ffn_gate.weight", INNER, WIDTH, 0.3, Kind.Q4_0)
        matrix(block + "ffn_up.weight", INNER, WIDTH, 0.3, Kind.F16)
        matrix(block + "ffn_down.weight", WIDTH, INNER, 0.3, Kind.Q8_0)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
