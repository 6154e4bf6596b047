#!/usr/bin/env python3
"""Perplexity of a text by mlx-lm, in the checkpoint's type and in f32, and how far each of its products is from f32.

    python perplexity_peer.py MODEL TEXT        needs mlx-lm; `tilewright perplexity` gives ours

What is printed for an operation is the norm of its error over the norm of its result, of bf16 inputs: one rounding to
bf16 is 0.0024 or less. What is above rounds more often than once.
"""

import argparse
import pathlib

import mlx.core as mx
import numpy
from mlx_lm import load


def surprises(model, tokens):
    logits = model(mx.array([tokens]))[0].astype(mx.float32)
    logits = logits - mx.logsumexp(logits, -1, keepdims=True)
    chosen = mx.take_along_axis(logits[:-1], mx.array(tokens[1:])[:, None], -1)[:, 0]
    return -numpy.array(chosen).astype(numpy.float64)


def errors(narrow, wide, tokens):
    """Products and norms of the first layer on the same inputs in both types."""
    def show(name, found, expected):
        found, expected = (numpy.array(x.astype(mx.float32)) for x in (found, expected))
        error = numpy.linalg.norm(found - expected) / numpy.linalg.norm(expected)
        print(f"  {name:24} {error:.4f}")

    x = narrow.model.embed_tokens(mx.array([tokens]))
    first, reference = narrow.model.layers[0], wide.model.layers[0]
    y = first.input_layernorm(x)
    show("input_layernorm", y, reference.input_layernorm(x.astype(mx.float32)))
    for name in ("q_proj", "k_proj", "v_proj"):
        product = getattr(first.self_attn, name)(y)
        show(name, product, getattr(reference.self_attn, name)(y.astype(mx.float32)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text", type=pathlib.Path)
    arguments = parser.parse_args()
    wide, tokenizer = load(arguments.model)
    wide.set_dtype(mx.float32)
    tokens = tokenizer.encode(arguments.text.read_text())
    plain = surprises(wide, tokens)
    print(f"f32: perplexity {numpy.exp(plain.mean()):.4f} over {len(plain)} tokens")
    narrow, _ = load(arguments.model)
    try:
        found = surprises(narrow, tokens)
    except RuntimeError as error:
        print(f"as it is: mlx says {error}")
        return
    print(f"as it is: perplexity {numpy.exp(found.mean()):.4f}; a token differs by {abs(found - plain).mean():.4f} nats")
    errors(narrow, wide, tokens)


if __name__ == "__main__":
    main()
