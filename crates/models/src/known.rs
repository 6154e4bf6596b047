//! Architectures by name: the configurations that their authors published, for models made of random weights.

use crate::{Decoder, describe};
use std::path::Path;
use tilewright_formats::{Config, FormatError};

/// An architecture.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The name on the command line.
    pub name: &'static str,
    /// Where its configuration was published; the fields that speed does not depend on are left out.
    pub source: &'static str,
    /// What of `config.json` counts.
    pub config: &'static str,
}

impl Known {
    /// What the configuration says.
    ///
    /// # Errors
    /// When its family cannot read it.
    pub fn decoder(&self) -> Result<Decoder, FormatError> {
        describe(&Config::parse(Path::new(self.name), self.config)?)
    }
}

/// The architecture of that name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// Every architecture that has a name here, by family and size.
pub static KNOWN: &[Known] = &[
    Known {
        name: "llama-1b",
        source: "meta-llama/Llama-3.2-1B",
        config: r#"{"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5,
            "vocab_size": 128256, "rope_theta": 500000.0, "tie_word_embeddings": true,
            "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 32.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}"#,
    },
    Known {
        name: "llama-8b",
        source: "meta-llama/Llama-3.1-8B",
        config: r#"{"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336,
            "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "vocab_size": 128256,
            "rope_theta": 500000.0, "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3",
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192}}"#,
    },
    Known {
        name: "mistral-7b",
        source: "mistralai/Mistral-7B-v0.1",
        config: r#"{"model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
            "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
            "vocab_size": 32000, "rope_theta": 10000.0, "sliding_window": 4096, "max_position_embeddings": 32768}"#,
    },
    Known {
        name: "mixtral-8x7b",
        source: "mistralai/Mixtral-8x7B-v0.1",
        config: r#"{"model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32,
            "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
            "vocab_size": 32000, "rope_theta": 1000000.0, "num_local_experts": 8, "num_experts_per_tok": 2,
            "max_position_embeddings": 32768}"#,
    },
    Known {
        name: "qwen2-0.5b",
        source: "Qwen/Qwen2.5-0.5B",
        config: r#"{"model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864,
            "num_attention_heads": 14, "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "vocab_size": 151936,
            "rope_theta": 1000000.0, "tie_word_embeddings": true, "max_position_embeddings": 32768}"#,
    },
    Known {
        name: "qwen2-7b",
        source: "Qwen/Qwen2.5-7B",
        config: r#"{"model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "intermediate_size": 18944,
            "num_attention_heads": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-6, "vocab_size": 152064,
            "rope_theta": 1000000.0, "max_position_embeddings": 131072}"#,
    },
    Known {
        name: "qwen3-0.6b",
        source: "Qwen/Qwen3-0.6B",
        config: r#"{"model_type": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28, "intermediate_size": 3072,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-6,
            "vocab_size": 151936, "rope_theta": 1000000.0, "tie_word_embeddings": true,
            "max_position_embeddings": 40960}"#,
    },
    Known {
        name: "qwen3-8b",
        source: "Qwen/Qwen3-8B",
        config: r#"{"model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "intermediate_size": 12288,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-6,
            "vocab_size": 151936, "rope_theta": 1000000.0, "max_position_embeddings": 40960}"#,
    },
    Known {
        name: "qwen3-32b",
        source: "Qwen/Qwen3-32B",
        config: r#"{"model_type": "qwen3", "hidden_size": 5120, "num_hidden_layers": 64, "intermediate_size": 25600,
            "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-6,
            "vocab_size": 151936, "rope_theta": 1000000.0, "max_position_embeddings": 40960}"#,
    },
    Known {
        name: "qwen3-30b-a3b",
        source: "Qwen/Qwen3-30B-A3B",
        config: r#"{"model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48,
            "intermediate_size": 6144, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
            "rms_norm_eps": 1e-6, "vocab_size": 151936, "rope_theta": 1000000.0, "max_position_embeddings": 40960,
            "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [],
            "moe_intermediate_size": 768, "norm_topk_prob": true}"#,
    },
    Known {
        name: "qwen3-moe-small",
        source: "nobody: a mixture of experts in the manner of Qwen3-30B-A3B that a small machine can hold",
        config: r#"{"model_type": "qwen3_moe", "hidden_size": 1024, "num_hidden_layers": 12,
            "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
            "rms_norm_eps": 1e-6, "vocab_size": 151936, "rope_theta": 1000000.0, "tie_word_embeddings": true,
            "max_position_embeddings": 40960, "num_experts": 64, "num_experts_per_tok": 8,
            "decoder_sparse_step": 1, "mlp_only_layers": [], "moe_intermediate_size": 384,
            "norm_topk_prob": true}"#,
    },
    Known {
        name: "qwen1.5-moe-a2.7b",
        source: "Qwen/Qwen1.5-MoE-A2.7B",
        config: r#"{"model_type": "qwen2_moe", "hidden_size": 2048, "num_hidden_layers": 24, "intermediate_size": 5632,
            "num_attention_heads": 16, "num_key_value_heads": 16, "rms_norm_eps": 1e-6, "vocab_size": 151936,
            "rope_theta": 1000000.0, "max_position_embeddings": 8192, "num_experts": 60, "num_experts_per_tok": 4,
            "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632, "norm_topk_prob": false}"#,
    },
    Known {
        name: "deepseek-v2-lite",
        source: "deepseek-ai/DeepSeek-V2-Lite",
        config: r#"{"model_type": "deepseek_v2", "hidden_size": 2048, "num_hidden_layers": 27,
            "intermediate_size": 10944, "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": null,
            "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
            "rms_norm_eps": 1e-6, "vocab_size": 102400, "rope_theta": 10000.0, "max_position_embeddings": 163840,
            "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1408,
            "first_k_dense_replace": 1, "topk_method": "greedy", "routed_scaling_factor": 1.0,
            "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707, "beta_fast": 32,
            "beta_slow": 1, "original_max_position_embeddings": 4096}}"#,
    },
    Known {
        name: "glm-4.7-flash",
        source: "zai-org/GLM-4.7-Flash",
        config: r#"{"model_type": "glm4_moe_lite", "hidden_size": 2048, "num_hidden_layers": 47,
            "intermediate_size": 10240, "num_attention_heads": 20, "num_key_value_heads": 20, "q_lora_rank": 768,
            "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
            "rms_norm_eps": 1e-5, "vocab_size": 154880, "rope_theta": 1000000.0, "max_position_embeddings": 202752,
            "n_routed_experts": 64, "n_shared_experts": 1, "num_experts_per_tok": 4, "moe_intermediate_size": 1536,
            "first_k_dense_replace": 1, "routed_scaling_factor": 1.8, "norm_topk_prob": true}"#,
    },
    Known {
        name: "gemma-2b",
        source: "google/gemma-2b",
        config: r#"{"model_type": "gemma", "hidden_size": 2048, "num_hidden_layers": 18, "intermediate_size": 16384,
            "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "rms_norm_eps": 1e-6,
            "vocab_size": 256000, "rope_theta": 10000.0, "hidden_act": "gelu_pytorch_tanh",
            "max_position_embeddings": 8192}"#,
    },
    Known {
        name: "gemma2-2b",
        source: "google/gemma-2-2b",
        config: r#"{"model_type": "gemma2", "hidden_size": 2304, "num_hidden_layers": 26, "intermediate_size": 9216,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "rms_norm_eps": 1e-6,
            "vocab_size": 256000, "rope_theta": 10000.0, "hidden_activation": "gelu_pytorch_tanh",
            "sliding_window": 4096, "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0, "max_position_embeddings": 8192}"#,
    },
    Known {
        name: "gemma3-1b",
        source: "google/gemma-3-1b-it",
        config: r#"{"model_type": "gemma3_text", "hidden_size": 1152, "num_hidden_layers": 26, "intermediate_size": 6912,
            "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "rms_norm_eps": 1e-6,
            "vocab_size": 262144, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
            "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 512, "sliding_window_pattern": 6,
            "query_pre_attn_scalar": 256, "max_position_embeddings": 32768}"#,
    },
    Known {
        name: "lfm2-350m",
        source: "LiquidAI/LFM2-350M",
        config: r#"{"model_type": "lfm2", "hidden_size": 1024, "num_hidden_layers": 16, "block_ff_dim": 6656,
            "num_attention_heads": 16, "num_key_value_heads": 8, "norm_eps": 1e-5, "vocab_size": 65536,
            "rope_theta": 1000000.0, "tie_embedding": true, "max_position_embeddings": 128000, "conv_L_cache": 3,
            "conv_bias": false, "block_multiple_of": 256, "block_ffn_dim_multiplier": 1.0,
            "block_auto_adjust_ff_dim": true, "full_attn_idxs": [2, 5, 8, 10, 12, 14]}"#,
    },
    Known {
        name: "lfm2-1.2b",
        source: "LiquidAI/LFM2-1.2B",
        config: r#"{"model_type": "lfm2", "hidden_size": 2048, "num_hidden_layers": 16, "block_ff_dim": 12288,
            "num_attention_heads": 32, "num_key_value_heads": 8, "norm_eps": 1e-5, "vocab_size": 65536,
            "rope_theta": 1000000.0, "tie_embedding": true, "max_position_embeddings": 128000, "conv_L_cache": 3,
            "conv_bias": false, "block_multiple_of": 256, "block_ffn_dim_multiplier": 1.0,
            "block_auto_adjust_ff_dim": true, "full_attn_idxs": [2, 5, 8, 10, 12, 14]}"#,
    },
    Known {
        name: "lfm2-8b-a1b",
        source: "LiquidAI/LFM2-8B-A1B",
        config: r#"{"model_type": "lfm2_moe", "hidden_size": 2048, "num_hidden_layers": 24, "intermediate_size": 7168,
            "num_attention_heads": 32, "num_key_value_heads": 8, "norm_eps": 1e-5, "vocab_size": 65536,
            "rope_theta": 1000000.0, "tie_embedding": true, "max_position_embeddings": 128000, "conv_L_cache": 3,
            "conv_bias": false, "full_attn_idxs": [2, 6, 10, 14, 18, 21], "moe_intermediate_size": 1792,
            "num_experts": 32, "num_experts_per_tok": 4, "num_dense_layers": 2, "norm_topk_prob": true,
            "use_expert_bias": true, "routed_scaling_factor": 1.0}"#,
    },
    Known {
        name: "smollm3-3b",
        source: "HuggingFaceTB/SmolLM3-3B",
        config: r#"{"model_type": "smollm3", "hidden_size": 2048, "num_hidden_layers": 36, "intermediate_size": 11008,
            "num_attention_heads": 16, "num_key_value_heads": 4, "rms_norm_eps": 1e-6, "vocab_size": 128256,
            "rope_theta": 5000000.0, "max_position_embeddings": 65536}"#,
    },
    Known {
        name: "phi3-mini",
        source: "microsoft/Phi-3-mini-4k-instruct",
        config: r#"{"model_type": "phi3", "hidden_size": 3072, "num_hidden_layers": 32, "intermediate_size": 8192,
            "num_attention_heads": 32, "num_key_value_heads": 32, "rms_norm_eps": 1e-5, "vocab_size": 32064,
            "rope_theta": 10000.0, "sliding_window": 2047, "max_position_embeddings": 4096}"#,
    },
    Known {
        name: "olmo2-1b",
        source: "allenai/OLMo-2-0425-1B",
        config: r#"{"model_type": "olmo2", "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192,
            "num_attention_heads": 16, "num_key_value_heads": 16, "rms_norm_eps": 1e-6, "vocab_size": 100352,
            "rope_theta": 500000.0, "max_position_embeddings": 4096}"#,
    },
    Known {
        name: "olmoe-1b-7b",
        source: "allenai/OLMoE-1B-7B-0924",
        config: r#"{"model_type": "olmoe", "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 1024,
            "num_attention_heads": 16, "num_key_value_heads": 16, "rms_norm_eps": 1e-5, "vocab_size": 50304,
            "rope_theta": 10000.0, "max_position_embeddings": 4096, "num_experts": 64, "num_experts_per_tok": 8,
            "norm_topk_prob": false}"#,
    },
    Known {
        name: "granite-2b",
        source: "ibm-granite/granite-3.3-2b-instruct",
        config: r#"{"model_type": "granite", "hidden_size": 2048, "num_hidden_layers": 40, "intermediate_size": 8192,
            "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "vocab_size": 49159,
            "rope_theta": 10000000.0, "tie_word_embeddings": true, "max_position_embeddings": 131072,
            "embedding_multiplier": 12.0, "attention_multiplier": 0.015625, "residual_multiplier": 0.22,
            "logits_scaling": 8.0}"#,
    },
    Known {
        name: "glm4-9b",
        source: "zai-org/GLM-4-9B-0414",
        config: r#"{"model_type": "glm4", "hidden_size": 4096, "num_hidden_layers": 40, "intermediate_size": 13696,
            "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128, "rms_norm_eps": 1e-5,
            "vocab_size": 151552, "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "attention_bias": true,
            "max_position_embeddings": 32768}"#,
    },
    Known {
        name: "ernie-0.3b",
        source: "baidu/ERNIE-4.5-0.3B-PT",
        config: r#"{"model_type": "ernie4_5", "hidden_size": 1024, "num_hidden_layers": 18, "intermediate_size": 3072,
            "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128, "rms_norm_eps": 1e-5,
            "vocab_size": 103424, "rope_theta": 500000.0, "tie_word_embeddings": true,
            "max_position_embeddings": 131072}"#,
    },
    Known {
        name: "exaone4-1.2b",
        source: "LGAI-EXAONE/EXAONE-4.0-1.2B",
        config: r#"{"model_type": "exaone4", "hidden_size": 2048, "num_hidden_layers": 30, "intermediate_size": 4096,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5,
            "vocab_size": 102400, "rope_theta": 1000000.0, "tie_word_embeddings": true, "sliding_window": null,
            "max_position_embeddings": 65536, "rope_scaling": {"rope_type": "llama3", "factor": 16.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}"#,
    },
    Known {
        name: "seed-oss-36b",
        source: "ByteDance-Seed/Seed-OSS-36B-Instruct",
        config: r#"{"model_type": "seed_oss", "hidden_size": 5120, "num_hidden_layers": 64, "intermediate_size": 27648,
            "num_attention_heads": 80, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-6,
            "vocab_size": 155136, "rope_theta": 10000000.0, "max_position_embeddings": 524288}"#,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeedForward;

    /// The weights of matrices, a tied head counted once.
    fn weights(decoder: &Decoder) -> usize {
        let (hidden, attention) = (decoder.hidden, decoder.attention);
        let (heads, head_dim) = (attention.heads, attention.head_dim);
        let of_attention = match attention.latent {
            None => (2 * heads + 2 * attention.kv_heads) * head_dim * hidden,
            Some(latent) => {
                let rotary = decoder.ropes[0].features();
                let queries = match latent.query_rank {
                    Some(rank) => rank * (hidden + heads * head_dim),
                    None => hidden * heads * head_dim,
                };
                let out_of_shared = heads * (head_dim - rotary + latent.value_dim);
                let shared = hidden * (latent.rank + rotary) + latent.rank * out_of_shared;
                queries + shared + heads * latent.value_dim * hidden
            }
        };
        let mut all = decoder.vocabulary * hidden * if decoder.tied { 1 } else { 2 };
        for (layer, part) in decoder.feed_forward.iter().enumerate() {
            all += match decoder.convolutions.get(layer).copied().flatten() {
                Some(conv) => (4 * hidden + conv.taps) * hidden,
                None => of_attention,
            };
            all += match part {
                FeedForward::Gated { intermediate, .. }
                | FeedForward::Packed { intermediate, .. } => 3 * intermediate * hidden,
                FeedForward::Experts(experts) => {
                    let (count, inside) = (experts.shape.experts, experts.intermediate);
                    let shared = experts.shared.map_or(0, |shared| shared.intermediate);
                    (3 * (count * inside + shared) + count) * hidden
                }
            };
        }
        all
    }

    #[test]
    fn each_has_the_size_that_its_name_says() {
        // In 10^7 weights, as the model cards say; that of nobody's own architecture by hand.
        for (name, expected) in [
            ("llama-1b", 124),
            ("llama-8b", 803),
            ("mistral-7b", 724),
            ("mixtral-8x7b", 4670),
            ("qwen2-0.5b", 49),
            ("qwen2-7b", 761),
            ("qwen3-0.6b", 60),
            ("qwen3-8b", 819),
            ("qwen3-32b", 3276),
            ("qwen3-30b-a3b", 3053),
            ("qwen3-moe-small", 114),
            ("gemma-2b", 251),
            ("gemma2-2b", 261),
            ("phi3-mini", 382),
            ("olmo2-1b", 148),
            ("olmoe-1b-7b", 692),
            ("granite-2b", 253),
            ("glm4-9b", 940),
            ("ernie-0.3b", 36),
            ("exaone4-1.2b", 128),
            ("seed-oss-36b", 3615),
            ("qwen1.5-moe-a2.7b", 1432),
            ("deepseek-v2-lite", 1571),
            ("glm-4.7-flash", 2994),
            ("lfm2-350m", 35),
            ("lfm2-1.2b", 117),
            ("lfm2-8b-a1b", 834),
        ] {
            let decoder = known(name).unwrap().decoder().unwrap_or_else(|e| panic!("{e}"));
            let found = weights(&decoder) as f64 / 1e7;
            assert!((found - expected as f64).abs() < 1.0, "{name} has {found:.1}");
        }
        assert!(KNOWN.iter().all(|known| known.decoder().is_ok() && !known.source.is_empty()));
    }
}
