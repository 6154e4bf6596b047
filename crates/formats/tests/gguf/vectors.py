#!/usr/bin/env python3
"""Writes blocks.safetensors: random blocks of each kind, and the numbers that llama.cpp's `gguf` package makes of them.

    python vectors.py        needs gguf, safetensors
"""

import pathlib

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Kind
from gguf.quants import dequantize
from safetensors.numpy import save_file

BLOCKS = 4
HALVES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ4_NL": [0],
    "IQ4_XS": [0],
}


def main():
    random = numpy.random.default_rng(3)
    arrays = {}
    for name, halves in HALVES.items():
        kind = Kind[name]
        elements, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (BLOCKS, size)).astype(numpy.uint8)
        for at in halves:
            # Random bits would be NaN now and then.
            scales = random.normal(0, 0.1, BLOCKS).astype(numpy.float16)
            blocks[:, at:at + 2] = scales.view(numpy.uint8).reshape(BLOCKS, 2)
        arrays[f"{name}.bytes"] = blocks.reshape(-1)
        arrays[f"{name}.floats"] = dequantize(blocks.reshape(1, -1), kind).reshape(-1).astype(numpy.float32)
    save_file(arrays, pathlib.Path(__file__).parent / "blocks.safetensors")


if __name__ == "__main__":
    main()
