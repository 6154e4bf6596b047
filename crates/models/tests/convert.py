#!/usr/bin/env python3
"""Writes convert.tsv: what mlx_lm.convert and mx.quantize make, as digests, for the test of `Conversion`.

A line a tensor: model, bits, group, dtype, tensor, element type, shape, FNV-1a of its bytes. Models are the folders of
floats under fixtures/, and convert/qwen3_moe, which is written first: routers are packed in groups of 64, so its rows
are that long. Lines of the model `numbers` are mx.quantize on numbers that the test makes too.

    python convert.py       needs transformers, mlx-lm
"""

import json
import pathlib
import shutil
import tempfile

import mlx.core as mx
import numpy
from mlx_lm import convert

import fixtures

HERE = pathlib.Path(__file__).parent
ASKED = [("llama", 4, 32, None), ("llama-bias", 8, 32, "float16"), ("mistral", 2, 32, None), ("mixtral", 4, 32, None),
         ("qwen2", 3, 32, "float32"), ("qwen3", 5, 64, None), ("qwen3_moe", 4, 64, None), ("qwen3_moe", 6, 32, None),
         ("gemma", 6, 32, None), ("gemma2", 4, 32, "float32"), ("phi3", 4, 32, None),
         ("gemma3_text", 4, 32, None), ("smollm3", 6, 32, None), ("olmo2", 4, 32, None), ("olmo3", 8, 32, None),
         ("exaone4", 4, 32, None), ("granite", 5, 32, None), ("glm", 4, 32, None), ("glm4", 3, 32, "float16"),
         ("ernie4_5", 4, 32, None), ("helium", 4, 32, None), ("seed_oss", 4, 32, None),
         ("olmoe", 4, 32, None), ("glm4_moe", 4, 32, None), ("dots1", 6, 32, None),
         ("qwen2_moe", 4, 32, None), ("deepseek_v2", 4, 32, None), ("deepseek_v3", 4, 32, None),
         ("lfm2", 4, 32, None), ("lfm2-bias", 6, 32, "float16"), ("lfm2_moe", 4, 32, None)]


def digest(data):
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return f"{found:016x}"


def line(model, bits, group, dtype, name, array):
    kind = {"uint32": "u32", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}[str(array.dtype).split(".")[-1]]
    data = numpy.array(array.view(mx.uint8)).tobytes() if array.size else b""
    shape = "x".join(map(str, array.shape))
    return f"{model}\t{bits}\t{group}\t{dtype}\t{name}\t{kind}\t{shape}\t{digest(data)}\n"


def numbers():
    """-1 .. 1 by a linear congruential generator, with rows of zeros, of one value, and of large ones."""
    state, values = 1, []
    for i in range(16 * 256):
        state = (state * 1664525 + 1013904223) % 2**32
        row, value = i // 256, numpy.float32(state >> 8) / numpy.float32(2**23) - numpy.float32(1)
        values.append({3: 0.0, 5: 0.25, 7: float(value) * 1000.0}.get(row, float(value)))
    return mx.array(values, dtype=mx.float32).reshape(16, 256)


def folder(model):
    return HERE / ("convert" if model == "qwen3_moe" else "fixtures") / model


def experts(folder):
    """A layer of Qwen3's form with four experts, its rows as long as groups of routers."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = dict(model_type="qwen3_moe", vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1,
                  num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6, rope_theta=10000.0,
                  max_position_embeddings=512, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64,
                  norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[], tie_word_embeddings=False,
                  torch_dtype="bfloat16")
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    layer = "model.layers.0."
    shapes = {"model.embed_tokens": (64, 64), "lm_head": (64, 64), "model.norm": (64,),
              layer + "input_layernorm": (64,), layer + "post_attention_layernorm": (64,),
              layer + "self_attn.q_proj": (64, 64), layer + "self_attn.k_proj": (32, 64),
              layer + "self_attn.v_proj": (32, 64), layer + "self_attn.o_proj": (64, 64),
              layer + "self_attn.q_norm": (16,), layer + "self_attn.k_norm": (16,), layer + "mlp.gate": (4, 64)}
    for expert in range(4):
        for part in ("gate_proj", "up_proj", "down_proj"):
            shapes[f"{layer}mlp.experts.{expert}.{part}"] = (64, 64)
    draw = numpy.random.default_rng(5)
    arrays = {f"{name}.weight": mx.array(draw.normal(size=shape).astype(numpy.float32)).astype(mx.bfloat16)
              for name, shape in shapes.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), arrays)


def main():
    experts(HERE / "convert" / "qwen3_moe")
    lines = []
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            for dtype in ("float32", "bfloat16", "float16"):
                packed = mx.quantize(numbers().astype(getattr(mx, dtype)), group, bits)
                for name, array in zip(("weight", "scales", "biases"), packed):
                    lines.append(line("numbers", bits, group, dtype, name, array))
    for model, bits, group, dtype in ASKED:
        with tempfile.TemporaryDirectory() as scratch:
            floats, packed = pathlib.Path(scratch) / "floats", pathlib.Path(scratch) / "packed"
            shutil.copytree(folder(model), floats)
            config = json.loads((floats / "config.json").read_text())
            if "rope_parameters" in config:
                fixtures.older(floats)
            fixtures.tokenizer(floats)
            convert(str(floats), str(packed), quantize=True, q_bits=bits, q_group_size=group, dtype=dtype)
            for name, array in sorted(mx.load(str(packed / "model.safetensors")).items()):
                lines.append(line(model, bits, group, dtype or "-", name, array))
            config = json.loads((packed / "config.json").read_text())
            told = json.dumps(config["quantization"], sort_keys=True)
            lines.append(f"{model}\t{bits}\t{group}\t{dtype or '-'}\tconfig.json\t-\t-\t{told}\n")
    (HERE / "convert.tsv").write_text("".join(lines))


if __name__ == "__main__":
    main()
