//! Which attention goes to the fast kernels: patterns of heads, thresholds, and the reason for each decision.

use crate::{Error, Result};

/// One attention call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Heads of queries.
    pub num_heads: usize,
    /// Heads of keys and values.
    pub num_kv_heads: usize,
    /// Features of a head.
    pub head_dim: usize,
    /// Keys that the last query may see. Not the number of queries: decoding has one, and is what gains most.
    pub seq_len: usize,
    /// Sequences.
    pub batch_size: usize,
}

impl AttentionConfig {
    /// Some query heads share a key head, and there are several of those.
    pub fn is_gqa(&self) -> bool {
        self.num_heads > self.num_kv_heads && self.num_kv_heads > 1 && self.divides()
    }

    /// All query heads share one key head.
    pub fn is_mqa(&self) -> bool {
        self.num_kv_heads == 1 && self.num_heads > 0
    }

    /// Each query head has a key head.
    pub fn is_mha(&self) -> bool {
        self.num_heads == self.num_kv_heads && self.num_heads > 0
    }

    /// Query heads of a key head; 0 where they cannot be shared out.
    pub fn heads_per_kv(&self) -> usize {
        if self.divides() { self.num_heads / self.num_kv_heads } else { 0 }
    }

    fn divides(&self) -> bool {
        self.num_kv_heads > 0 && self.num_heads.is_multiple_of(self.num_kv_heads)
    }

    /// The pattern by name: `GQA-5:1`, `MQA`, `MHA`, or `UNKNOWN` for heads that cannot be shared out.
    pub fn attention_pattern(&self) -> String {
        match self {
            _ if self.is_gqa() => format!("GQA-{}:1", self.heads_per_kv()),
            _ if self.is_mqa() => "MQA".into(),
            _ if self.is_mha() => "MHA".into(),
            _ => "UNKNOWN".into(),
        }
    }
}

/// When the fast kernels are used. Bounds are inclusive. Each dispatcher has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// The fewest keys.
    pub min_seq_len: usize,
    /// The most keys; the kernels themselves have no bound.
    pub max_seq_len: usize,
    /// The fewest features of a head.
    pub min_head_dim: usize,
    /// The most features of a head.
    pub max_head_dim: usize,
    /// The fewest heads of queries.
    pub min_heads: usize,
    /// The fewest query heads of a key head for which sharing pays.
    pub gqa_ratio_min: usize,
    /// The fewest heads without sharing.
    pub mha_heads_min: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            min_seq_len: 64,
            max_seq_len: usize::MAX,
            min_head_dim: 64,
            max_head_dim: 256,
            min_heads: 8,
            gqa_ratio_min: 2,
            mha_heads_min: 16,
        }
    }
}

impl Thresholds {
    /// The names of the fields.
    pub const NAMES: [&'static str; 7] = [
        "min_seq_len",
        "max_seq_len",
        "min_head_dim",
        "max_head_dim",
        "min_heads",
        "gqa_ratio_min",
        "mha_heads_min",
    ];

    /// These, with one changed by its name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn with(mut self, name: &str, value: usize) -> Result<Thresholds> {
        let field = match name {
            "min_seq_len" => &mut self.min_seq_len,
            "max_seq_len" => &mut self.max_seq_len,
            "min_head_dim" => &mut self.min_head_dim,
            "max_head_dim" => &mut self.max_head_dim,
            "min_heads" => &mut self.min_heads,
            "gqa_ratio_min" => &mut self.gqa_ratio_min,
            "mha_heads_min" => &mut self.mha_heads_min,
            _ => {
                let known = Thresholds::NAMES.join(", ");
                let error = Error::usage(format!("there is no attention threshold `{name}`"));
                return Err(error.help(format!("the thresholds are {known}")));
            }
        };
        *field = value;
        Ok(self)
    }

    /// Whether a call goes to the fast kernels, and why.
    pub fn should_optimize(&self, config: &AttentionConfig) -> (bool, String) {
        let AttentionConfig { num_heads, head_dim, seq_len, .. } = *config;
        let no = |reason: String| (false, reason);
        if seq_len < self.min_seq_len {
            return no(format!("Sequence length {seq_len} below threshold {}", self.min_seq_len));
        }
        if seq_len > self.max_seq_len {
            let most = self.max_seq_len;
            return no(format!("Sequence length {seq_len} above supported limit {most}"));
        }
        if head_dim < self.min_head_dim {
            let least = self.min_head_dim;
            return no(format!("Head dimension {head_dim} below vectorization threshold {least}"));
        }
        if head_dim > self.max_head_dim {
            let most = self.max_head_dim;
            return no(format!("Head dimension {head_dim} above supported limit {most}"));
        }
        if num_heads < self.min_heads {
            let least = self.min_heads;
            return no(format!("Number of heads {num_heads} below optimization threshold {least}"));
        }
        let ratio = config.heads_per_kv();
        if config.is_gqa() && ratio >= self.gqa_ratio_min {
            let reason = format!("GQA pattern with {ratio}:1 ratio benefits from custom kernel");
            return (true, reason);
        }
        if config.is_mqa() {
            return (true, "MQA pattern benefits from specialized kernel".into());
        }
        if config.is_mha() && num_heads >= self.mha_heads_min {
            return (true, "Large MHA benefits from vectorized implementation".into());
        }
        let pattern = config.attention_pattern();
        no(format!("Attention pattern {pattern} not optimized for this configuration"))
    }
}

/// Reasons that are kept: a sequence that grows meets a new length, and so a new reason, at each step.
const MOST_REASONS: usize = 64;

/// How often a dispatcher chose what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionStats {
    /// Calls.
    pub total_calls: u64,
    /// Those that went to a fast kernel in place of the plain one.
    pub optimized_calls: u64,
    /// Those that the thresholds admit and that the plain kernel runs, being the fast one already: one query a sequence,
    /// for which it reads the cache once for all heads of a group.
    pub plain_calls: u64,
    /// Those that the thresholds refuse.
    pub fallback_calls: u64,
    /// Each reason for not going there, and how often it was met.
    pub fallback_reasons: Vec<(String, u64)>,
}

impl AttentionStats {
    /// The share of the calls that went to a fast kernel in place of the plain one; 0 when there were none.
    pub fn optimization_rate(&self) -> f64 {
        self.optimized_calls as f64 / self.total_calls.max(1) as f64
    }

    /// Counts a decision of the thresholds; `plain` where the plain kernel is the fast one already.
    pub(crate) fn count(&mut self, (admitted, reason): &(bool, String), plain: bool) {
        self.total_calls += 1;
        match (*admitted, plain) {
            (true, true) => self.plain_calls += 1,
            (true, false) => self.optimized_calls += 1,
            (false, _) => self.fall_back(reason),
        }
    }

    fn fall_back(&mut self, reason: &String) {
        self.fallback_calls += 1;
        if let Some((_, count)) =
            self.fallback_reasons.iter_mut().find(|(known, _)| known == reason)
        {
            *count += 1;
        } else if self.fallback_reasons.len() < MOST_REASONS {
            self.fallback_reasons.push((reason.clone(), 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(num_heads: usize, num_kv_heads: usize) -> AttentionConfig {
        AttentionConfig { num_heads, num_kv_heads, head_dim: 128, seq_len: 512, batch_size: 1 }
    }

    #[test]
    fn patterns_have_names() {
        let pattern = |heads, kv| config(heads, kv).attention_pattern();
        assert_eq!(pattern(40, 8), "GQA-5:1");
        assert_eq!(pattern(8, 1), "MQA");
        assert_eq!(pattern(1, 1), "MQA");
        assert_eq!(pattern(24, 24), "MHA");
        // 7 heads cannot share 2.
        assert_eq!(pattern(7, 2), "UNKNOWN");
        assert_eq!(pattern(8, 0), "UNKNOWN");
        assert_eq!(config(8, 0).heads_per_kv(), 0);
    }

    #[test]
    fn bounds_are_inclusive_and_reasons_are_told_in_order() {
        let thresholds = Thresholds::default().with("max_seq_len", 4096).unwrap();
        let reason = |change: &dyn Fn(&mut AttentionConfig)| {
            let mut config = config(40, 8);
            change(&mut config);
            thresholds.should_optimize(&config)
        };
        let yes = (true, "GQA pattern with 5:1 ratio benefits from custom kernel".to_string());
        for seq_len in [64, 4096] {
            assert_eq!(reason(&|c| c.seq_len = seq_len), yes);
        }
        for head_dim in [64, 256] {
            assert_eq!(reason(&|c| c.head_dim = head_dim), yes);
        }
        let no = |text: &str| (false, text.to_string());
        assert_eq!(reason(&|c| c.seq_len = 32), no("Sequence length 32 below threshold 64"));
        assert_eq!(
            reason(&|c| (c.seq_len, c.head_dim) = (4097, 1)),
            no("Sequence length 4097 above supported limit 4096")
        );
        assert_eq!(
            reason(&|c| c.head_dim = 63),
            no("Head dimension 63 below vectorization threshold 64")
        );
        assert_eq!(
            reason(&|c| c.head_dim = 257),
            no("Head dimension 257 above supported limit 256")
        );
        assert_eq!(
            reason(&|c| (c.num_heads, c.num_kv_heads) = (7, 1)),
            no("Number of heads 7 below optimization threshold 8")
        );
        assert_eq!(
            reason(&|c| c.num_kv_heads = 1),
            (true, "MQA pattern benefits from specialized kernel".into())
        );
        assert_eq!(
            reason(&|c| c.num_kv_heads = 40),
            (true, "Large MHA benefits from vectorized implementation".into())
        );
        assert_eq!(
            reason(&|c| (c.num_heads, c.num_kv_heads) = (8, 8)),
            no("Attention pattern MHA not optimized for this configuration")
        );
    }

    #[test]
    fn thresholds_are_those_of_one_instance_and_unknown_ones_are_errors() {
        let loose = Thresholds::default().with("min_seq_len", 1).unwrap();
        assert_eq!((loose.min_seq_len, Thresholds::default().min_seq_len), (1, 64));
        for (value, name) in Thresholds::NAMES.iter().enumerate() {
            assert_ne!(loose.with(name, 77 + value).unwrap(), loose, "{name}");
        }
        let error = loose.with("memory_efficiency_threshold", 1).unwrap_err();
        assert!(error.to_string().contains("no attention threshold `memory_efficiency"), "{error}");
        assert!(error.next_step().is_some_and(|next| next.contains("gqa_ratio_min")));
    }

    #[test]
    fn statistics_of_no_calls_have_a_rate() {
        let mut stats = AttentionStats::default();
        assert_eq!(stats.optimization_rate(), 0.0);
        stats.count(&(true, String::new()), false);
        stats.count(&(true, String::new()), true);
        stats.count(&(false, "short".into()), false);
        stats.count(&(false, "short".into()), true);
        assert_eq!((stats.total_calls, stats.fallback_calls), (4, 2));
        assert_eq!((stats.optimized_calls, stats.plain_calls), (1, 1));
        assert_eq!(stats.fallback_reasons, [("short".to_string(), 2)]);
        assert_eq!(stats.optimization_rate(), 0.25);
    }
}
