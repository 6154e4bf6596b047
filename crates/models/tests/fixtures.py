#!/usr/bin/env python3
"""Writes the checkpoints that the tests compare with, and what the peers make of them.

A folder each under fixtures/: a tiny seeded checkpoint, and expected.safetensors with the prompt (`tokens`), the
logits after each of its tokens (`logits`), and the 64 tokens that follow greedily (`greedy`). Floats are run by
transformers in f32, quantized weights by mlx-lm in f32. A test tool only: nothing that ships needs Python.

    python fixtures.py [--out DIR] [NAME...]      needs torch, transformers, mlx-lm, safetensors
"""

import argparse
import json
import pathlib
import shutil

import numpy
import transformers
from safetensors.numpy import save_file

SHAPE = dict(
    vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=512, tie_word_embeddings=False, bos_token_id=None,
    eos_token_id=None, pad_token_id=None,
)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
LONG = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.2, 1.3],
            long_factor=[1.5, 2.0, 3.0, 4.0])
LATENT = dict(kv_lora_rank=32, qk_rope_head_dim=4, qk_nope_head_dim=8, num_key_value_heads=4, head_dim=4)
DEEP = dict(rope_type="yarn", rope_theta=10000.0, original_max_position_embeddings=64, beta_fast=32, beta_slow=1)
EXPERTS = dict(num_experts_per_tok=2, moe_intermediate_size=32)

# Name, class of the configuration, and what it differs in.
MODELS = {
    "llama": ("LlamaConfig", dict(rope_parameters=LLAMA3)),
    "llama-bias": ("LlamaConfig", dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                                       rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=5000.0))),
    "mistral": ("MistralConfig", dict(sliding_window=8)),
    "mixtral": ("MixtralConfig", dict(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)),
    "qwen2": ("Qwen2Config", dict(tie_word_embeddings=True, use_sliding_window=False)),
    "qwen3": ("Qwen3Config", dict(head_dim=16)),
    "qwen3-yarn": ("Qwen3Config", dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, rope_theta=10000.0, original_max_position_embeddings=64))),
    "qwen3_moe": ("Qwen3MoeConfig", dict(num_experts=4, norm_topk_prob=True, mlp_only_layers=[1], **EXPERTS)),
    "qwen3_types": ("Qwen3Config", dict(
        use_sliding_window=True, sliding_window=6, max_window_layers=2,
        layer_types=["sliding_attention", "full_attention"])),
    "qwen3_yarn": ("Qwen3Config", dict(rope_parameters=dict(
        rope_type="yarn", factor=8.0, rope_theta=10000.0, original_max_position_embeddings=64, mscale=1.2,
        mscale_all_dim=0.6, truncate=False))),
    "gemma": ("GemmaConfig", dict(num_key_value_heads=1, head_dim=16, hidden_act="gelu_pytorch_tanh",
                                  hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=True)),
    "gemma2": ("Gemma2Config", dict(sliding_window=8, query_pre_attn_scalar=12, attn_logit_softcapping=5.0,
                                    final_logit_softcapping=6.0, tie_word_embeddings=True)),
    "gemma3_text": ("Gemma3TextConfig", dict(
        num_hidden_layers=3, head_dim=16, sliding_window=6, query_pre_attn_scalar=12, tie_word_embeddings=True,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=dict(full_attention=dict(rope_type="linear", factor=4.0, rope_theta=100000.0),
                             sliding_attention=dict(rope_type="default", rope_theta=1000.0)))),
    "smollm3": ("SmolLM3Config", dict(num_hidden_layers=3, no_rope_layers=[1, 0, 1], tie_word_embeddings=True)),
    "olmo2": ("Olmo2Config", dict(num_key_value_heads=4)),
    "olmo3": ("Olmo3Config", dict(
        num_hidden_layers=3, sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=dict(sliding_attention=dict(rope_type="default", rope_theta=50000.0),
                             full_attention=dict(rope_type="yarn", factor=4.0, rope_theta=50000.0,
                                                 original_max_position_embeddings=64)))),
    "olmoe": ("OlmoeConfig", dict(num_experts=4, num_experts_per_tok=2)),
    "exaone4": ("Exaone4Config", dict(
        num_hidden_layers=3, sliding_window=6, sliding_window_pattern=3,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"])),
    "granite": ("GraniteConfig", dict(embedding_multiplier=6.0, attention_multiplier=0.2, residual_multiplier=0.6,
                                      logits_scaling=4.0, tie_word_embeddings=True)),
    "glm": ("GlmConfig", dict(attention_bias=True, head_dim=16)),
    "glm4": ("Glm4Config", dict(attention_bias=True, head_dim=16)),
    "ernie4_5": ("Ernie4_5Config", dict(use_bias=True)),
    "helium": ("HeliumConfig", dict()),
    "seed_oss": ("SeedOssConfig", dict(attention_bias=True, attention_out_bias=False, head_dim=16)),
    "qwen2_moe": ("Qwen2MoeConfig", dict(num_experts=4, shared_expert_intermediate_size=64, **EXPERTS)),
    "glm4_moe": ("Glm4MoeConfig", dict(
        num_hidden_layers=3, attention_bias=True, use_qk_norm=True, head_dim=16, n_routed_experts=8, n_shared_experts=2,
        routed_scaling_factor=1.5, first_k_dense_replace=1, num_nextn_predict_layers=0, **EXPERTS)),
    "dots1": ("Dots1Config", dict(
        head_dim=16, n_routed_experts=8, n_shared_experts=1, n_group=4, topk_group=2, norm_topk_prob=True,
        routed_scaling_factor=2.5, first_k_dense_replace=1, **EXPERTS)),
    "deepseek_v2": ("DeepseekV2Config", LATENT | dict(
        q_lora_rank=None, v_head_dim=12, n_routed_experts=8, n_shared_experts=2, first_k_dense_replace=1,
        topk_method="greedy", routed_scaling_factor=1.5, rope_parameters=dict(
            factor=8.0, mscale=0.7, mscale_all_dim=0.7, **DEEP), **EXPERTS)),
    "deepseek_v3": ("DeepseekV3Config", LATENT | dict(
        q_lora_rank=32, v_head_dim=8, n_routed_experts=8, n_shared_experts=1, n_group=4, topk_group=2,
        first_k_dense_replace=1, routed_scaling_factor=2.5, rope_parameters=dict(
            factor=4.0, mscale=1.0, mscale_all_dim=1.0, **DEEP), **EXPERTS)),
    "glm4_moe_lite": ("Glm4MoeLiteConfig", LATENT | dict(
        q_lora_rank=16, v_head_dim=8, n_routed_experts=8, n_shared_experts=1, routed_scaling_factor=1.8,
        attention_bias=True, **EXPERTS)),
    "lfm2": ("Lfm2Config", dict(
        num_hidden_layers=4, layer_types=["conv", "conv", "full_attention", "conv"], intermediate_size=40,
        block_multiple_of=32, block_ffn_dim_multiplier=1.3, tie_word_embeddings=True)),
    "lfm2-bias": ("Lfm2Config", dict(
        num_hidden_layers=3, full_attn_idxs=[1], conv_bias=True, conv_L_cache=5, block_auto_adjust_ff_dim=False,
        tie_word_embeddings=True)),
    "lfm2_moe": ("Lfm2MoeConfig", dict(
        num_hidden_layers=3, layer_types=["conv", "full_attention", "conv"], num_experts=5, num_dense_layers=1,
        hidden_size=64, head_dim=16, routed_scaling_factor=1.5, tie_word_embeddings=True, **EXPERTS)),
    "phi3": ("Phi3Config", dict(original_max_position_embeddings=16, rope_parameters=LONG)),
    "phi3-partial": ("Phi3Config", dict(
        partial_rotary_factor=0.5, sliding_window=8,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5))),
}

# The seed of each is its place: the first came in the order of the alphabet, later ones after them.
LATER = ["smollm3", "gemma3_text", "olmo2", "olmo3", "exaone4", "granite", "glm", "glm4", "ernie4_5", "helium",
         "seed_oss", "olmoe", "qwen2_moe", "glm4_moe", "dots1", "deepseek_v2", "deepseek_v3",
         "glm4_moe_lite", "lfm2", "lfm2-bias", "lfm2_moe"]
SEEDS = {name: 1 + place for place, name in enumerate([*sorted(MODELS.keys() - LATER), *LATER])}

# Name, and the model that it is, its experts stored as transformers holds them: gates and ups of all in one tensor.
FUSED = {"mixtral_fused": "mixtral", "qwen3_moe_fused": "qwen3_moe"}

# Name, classes of configuration and model, and the text model inside: checkpoints that take images too.
IMAGES = {"gemma3_images": ("Gemma3Config", "Gemma3ForConditionalGeneration", "gemma3_text")}

# Name, the model that it is made of, what mlx_lm.convert is asked for, and what differs for its sake.
WIDE = dict(hidden_size=64, head_dim=16)  # for groups of 64, which routers are always packed in
QUANTIZED = {
    "llama-4bit": ("llama", dict(q_bits=4, q_group_size=32), {}),
    "qwen2-3bit": ("qwen2", dict(q_bits=3, q_group_size=32), {}),
    "qwen3-mixed": ("qwen3", dict(q_bits=4, q_group_size=64, mixed=True), WIDE | dict(intermediate_size=64)),
    "qwen3_moe-4bit": ("qwen3_moe", dict(q_bits=4, q_group_size=32), WIDE),
    "mixtral-4bit": ("mixtral", dict(q_bits=4, q_group_size=32), WIDE),
    "gemma-8bit": ("gemma", dict(q_bits=8, q_group_size=32), dict(hidden_act="gelu", hidden_activation="gelu")),
    "gemma3_text-4bit": ("gemma3_text", dict(q_bits=4, q_group_size=32), {}),
    "smollm3-4bit": ("smollm3", dict(q_bits=4, q_group_size=32), {}),
    "olmo2-4bit": ("olmo2", dict(q_bits=4, q_group_size=32), {}),
    "olmoe-4bit": ("olmoe", dict(q_bits=4, q_group_size=32), WIDE),
    "granite-4bit": ("granite", dict(q_bits=4, q_group_size=32), {}),
    "glm4-4bit": ("glm4", dict(q_bits=4, q_group_size=32), {}),
    "helium-4bit": ("helium", dict(q_bits=4, q_group_size=32), {}),
    "qwen2_moe-4bit": ("qwen2_moe", dict(q_bits=4, q_group_size=32), {}),
    "glm4_moe-4bit": ("glm4_moe", dict(q_bits=4, q_group_size=32), {}),
    "deepseek_v2-4bit": ("deepseek_v2", dict(q_bits=4, q_group_size=32), {}),
    "deepseek_v3-4bit": ("deepseek_v3", dict(q_bits=4, q_group_size=32), {}),
    "glm4_moe_lite-4bit": ("glm4_moe_lite", dict(q_bits=4, q_group_size=32), dict(q_lora_rank=32, qk_nope_head_dim=32)),
    "lfm2-4bit": ("lfm2", dict(q_bits=4, q_group_size=32), {}),
    # mlx-lm before 0.30 chooses these experts by a softmax.
    "lfm2_moe-4bit": ("lfm2_moe", dict(q_bits=4, q_group_size=32), {}),
    "phi3-4bit": ("phi3", dict(q_bits=4, q_group_size=32), {}),
    # mlx-lm attends to everything in these families, so that a window is wider than the text.
    "mistral-4bit": ("mistral", dict(q_bits=4, q_group_size=32), dict(sliding_window=512)),
    "gemma2-6bit": ("gemma2", dict(q_bits=6, q_group_size=32), dict(sliding_window=512)),
}


def randomize(model, seed):
    """Weights whose logits spread, so that the greatest is no matter of rounding."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    tied = model.config.tie_word_embeddings
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            centre = 0.0 if name.endswith("bias") or "gemma" in model.config.model_type else 1.0
            # Where the head is the embedding, layers must outweigh the token itself, or it repeats for ever: here by the
            # norms at their ends.
            if "gemma3" in model.config.model_type and ".post_" in name:
                centre = 3.0
            value = centre + 0.2 * noise
        else:
            spread = parameter.shape[-1] ** -0.5
            # Likewise by what leads out of them.
            if tied and any(part in name for part in ("o_proj", "out_proj", "down_proj", "w2")):
                spread *= 3
            value = 1.5 * spread * noise
        parameter.data = value.to(torch.bfloat16).to(parameter.dtype)
    for name, buffer in model.named_buffers():
        if name.endswith(("e_score_correction_bias", "expert_bias")):  # what steers the choice of experts
            buffer.copy_((0.3 * torch.randn(buffer.shape, generator=generator)).to(torch.bfloat16))


def make(folder, name, extra):
    import torch
    if name in IMAGES:
        return with_images(folder, *IMAGES[name])
    original, name = name not in FUSED, FUSED.get(name, name)
    kind, differences = MODELS[name]
    config = getattr(transformers, kind)(**(SHAPE | differences | extra))
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config)
    randomize(model, SEEDS[name])
    model.to(torch.bfloat16).save_pretrained(folder, save_original_format=original)
    (folder / "generation_config.json").unlink(missing_ok=True)


def with_images(folder, config, model, text):
    import torch
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=28,
                  patch_size=14)
    config = getattr(transformers, config)(text_config=SHAPE | MODELS[text][1], vision_config=vision,
                                           mm_tokens_per_image=4)
    model = getattr(transformers, model)(config)
    model.config.tie_word_embeddings = True
    randomize(model, SEEDS[text])
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def prompt(vocabulary, count=24):
    return numpy.random.default_rng(7).integers(0, vocabulary, count).astype(numpy.int32)


def greedy(step, tokens, count=64):
    """The tokens that follow, each from a run over all before it."""
    tokens = tokens.tolist()
    for _ in range(count):
        tokens.append(int(step(tokens)[-1].argmax()))
    return numpy.array(tokens[-count:], dtype=numpy.int32)


def expect(folder, tokens, step):
    logits = step(tokens.tolist()).astype(numpy.float32)
    ranked = numpy.sort(logits, axis=-1)
    margin = (ranked[:, -1] - ranked[:, -2]).min()
    arrays = dict(tokens=tokens, logits=logits, greedy=greedy(step, tokens))
    save_file({k: numpy.ascontiguousarray(v) for k, v in arrays.items()}, folder / "expected.safetensors")
    print(f"{folder.name}: logits {logits.std():.2f}, least margin {margin:.4f}, greedy {arrays['greedy'][:8]}")


def with_transformers(folder, name):
    import torch
    make(folder, name, {})
    # Read again: a model that once was bf16 keeps rounded frequencies.
    read = transformers.AutoModelForCausalLM
    if name in IMAGES:
        read = getattr(transformers, IMAGES[name][1])
    model = read.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")

    def step(tokens):
        with torch.no_grad():
            return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()

    expect(folder, prompt(SHAPE["vocab_size"]), step)


def with_mlx(folder, name):
    import mlx.core as mx
    from mlx_lm import convert, load

    base, options, extra = QUANTIZED[name]
    floats = folder.with_name(folder.name + ".floats")
    shutil.rmtree(folder)
    make(floats, base, extra)
    older(floats)
    tokenizer(floats)
    options = dict(options)
    if options.pop("mixed", False):
        def predicate(path, module):
            for part, bits in [("o_proj", 6), ("down_proj", 5), ("up_proj", 2), ("k_proj", 3)]:
                if path.endswith(part):
                    return dict(bits=bits, group_size=32)
            return "lm_head" not in path
        options["quant_predicate"] = predicate
    convert(str(floats), str(folder), quantize=True, dtype="float32", **options)
    for path in folder.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    tokenizer(folder)
    model, _ = load(str(folder))

    def step(tokens):
        return numpy.array(model(mx.array([tokens]))[0].astype(mx.float32))

    expect(folder, prompt(64), step)
    shutil.rmtree(floats)
    for path in folder.glob("tokenizer*"):
        path.unlink()


def older(folder):
    """Ropes and experts as configurations before transformers 5 describe them, which mlx-lm reads."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    if local := rope.get("sliding_attention"):
        rope = rope["full_attention"]
        if config["model_type"] == "gemma3_text":
            config["rope_local_base_freq"] = local["rope_theta"]
            config["sliding_window_pattern"] = 1 + config.pop("layer_types").index("full_attention")
    config["rope_theta"] = rope.pop("rope_theta")
    if (share := rope.pop("partial_rotary_factor", None)) is not None:
        config["partial_rotary_factor"] = share
    if rope["rope_type"] != "default":
        config["rope_scaling"] = rope | dict(type=rope["rope_type"])
    elif config["model_type"] == "exaone4":
        letters = dict(sliding_attention="L", full_attention="G")
        config["sliding_window_pattern"] = "".join(letters[kind] for kind in config["layer_types"])
        config["rope_scaling"] = None
    elif config["model_type"] == "glm4_moe":
        config["rope_scaling"] = None
    if config["model_type"] == "lfm2":
        config |= dict(block_dim=config["hidden_size"], block_ff_dim=config["intermediate_size"])
    if config["model_type"] in ("qwen2_moe", "qwen3_moe") and "num_local_experts" in config:
        config["num_experts"] = config.pop("num_local_experts")
    path.write_text(json.dumps(config))


def tokenizer(folder):
    """mlx_lm.load insists on one."""
    from tokenizers import Tokenizer, models
    words = {f"t{i}": i for i in range(64)}
    plain = Tokenizer(models.WordLevel(words, unk_token="t0"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=plain).save_pretrained(folder)


def tidy(folder):
    """Configurations as they are published: no defaults that nobody reads."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for field in ("transformers_version", "_name_or_path", "architectures"):
        config.pop(field, None)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which; all when none is named")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures")
    arguments = parser.parse_args()
    for name in arguments.names or [*MODELS, *FUSED, *IMAGES, *QUANTIZED]:
        folder = arguments.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (with_mlx if name in QUANTIZED else with_transformers)(folder, name)
        tidy(folder)


if __name__ == "__main__":
    main()
