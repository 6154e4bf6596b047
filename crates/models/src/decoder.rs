//! What the families differ in, and the model that follows from it.
//!
//! All are decoders with rotary positions, RMSNorm and gated feed-forward layers, so a family is data: sizes, which
//! projections have a bias, where the norms stand, how a layer's feed-forward part is made and named.

use crate::{
    AttentionStyle, ConvStyle, Experts, FeedForward, LatentStyle, Names, Normed, Norms,
    SharedExperts,
};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::{
    Attention, AttentionShape, Block, Branch, CacheShape, ExpertNames, Gate, GatedMlp, Kernels,
    Latent, LatentShape, Model, ModelShape, Module, Moe, PackedGatedMlp, Part, Projections,
    QueryKeyNorms, Result, Rope, Router, Routing, Shared, ShortConv, ShortConvShape, Slot,
    StateShape, Weights,
};

/// What the norms of shared vectors add to the mean square, whatever a configuration says of others.
const LATENT_EPS: f64 = 1e-6;

/// A decoder, described.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Token ids are below this.
    pub vocabulary: usize,
    /// Features of a token between the blocks.
    pub hidden: usize,
    /// The most tokens of a sequence.
    pub context: usize,
    /// Attention, alike in all layers but for its window.
    pub attention: AttentionStyle,
    /// How many tokens a token sees in each layer, itself included; all before it when `None`.
    pub windows: Vec<Option<usize>>,
    /// The convolutions of the layers that mix tokens by one in place of attention; none past the end of the list.
    pub convolutions: Vec<Option<ConvStyle>>,
    /// The feed-forward part of each layer.
    pub feed_forward: Vec<FeedForward>,
    /// Where the norms stand, and how.
    pub norms: Norms,
    /// What a checkpoint calls the modules whose names differ between families.
    pub names: &'static Names,
    /// The ways in which positions turn queries and keys; all of as many features.
    pub ropes: Vec<Rope>,
    /// Which of them turns those of each layer.
    pub turned_by: Vec<usize>,
    /// What embeddings are multiplied with.
    pub embedding_scale: Option<f64>,
    /// What a branch of a layer is multiplied with before it is added.
    pub branch_factor: Option<f64>,
    /// What the logits are multiplied with.
    pub logit_factor: Option<f64>,
    /// The bound of the logits.
    pub softcap: Option<f64>,
    /// The head's weight is the embedding's.
    pub tied: bool,
}

impl Decoder {
    /// Checks what every decoder must fulfil.
    ///
    /// # Errors
    /// Naming the field that does not.
    pub(crate) fn check(&self, config: &Config) -> std::result::Result<(), FormatError> {
        let AttentionStyle { heads, kv_heads, head_dim, .. } = self.attention;
        if heads % kv_heads != 0 {
            let what = format!("is {heads}, no multiple of the {kv_heads} of num_key_value_heads");
            return Err(config.error(
                "num_attention_heads",
                &what,
                "heads of queries share those of keys",
            ));
        }
        // Recordings of attention hold a block of heads of this size.
        if !head_dim.is_multiple_of(2) || head_dim > 512 {
            let next = "heads have an even number of features, 512 at most";
            return Err(config.error("head_dim", &format!("is {head_dim}"), next));
        }
        let (rotary, most) = (self.rotary(), head_dim);
        if rotary == 0 || rotary > most {
            let what = format!("makes {rotary} of the {most} features of a head turn");
            return Err(config.error(
                "partial_rotary_factor",
                &what,
                "it must be above 0 and at most 1",
            ));
        }
        for part in &self.feed_forward {
            let FeedForward::Experts(experts) = part else { continue };
            let shape = &experts.shape;
            if shape.per_token == 0 || shape.per_token > shape.experts.min(64) {
                let what = format!("is {} of {} experts", shape.per_token, shape.experts);
                let next = "a token takes at least one expert, and at most all of them or 64";
                return Err(config.error("num_experts_per_tok", &what, next));
            }
            if let Routing::Sigmoid { groups, top_groups, .. } = shape.routing {
                let (all, next) = (shape.experts, "experts come in groups of one size");
                if groups == 0 || !all.is_multiple_of(groups) {
                    return Err(config.error("n_group", &format!("is {groups} of {all}"), next));
                }
                if top_groups == 0 || top_groups > groups {
                    let (what, next) = (format!("is {top_groups} of {groups}"), "it is 1 to all");
                    return Err(config.error("topk_group", &what, next));
                }
            }
        }
        Ok(())
    }

    /// Features of a head that turn.
    fn rotary(&self) -> usize {
        self.ropes.first().map_or(0, Rope::features)
    }

    /// Builds the model of these weights.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit, or the device has no memory for it.
    pub fn build(&self, weights: Weights<'_>) -> Result<Model> {
        Ok(self.build_listed(weights)?.0)
    }

    /// As [`build`](Self::build), with the list of the modules that have weights.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_listed(&self, weights: Weights<'_>) -> Result<(Model, Vec<Part>)> {
        let (embedding, blocks, ends) = self.modules(&weights)?;
        let AttentionStyle { kv_heads, head_dim, .. } = self.attention;
        let shape = ModelShape {
            vocabulary: self.vocabulary,
            context: self.context,
            layers: vec![
                CacheShape { kv_heads, head_dim };
                self.attending(self.feed_forward.len())
            ],
            states: self.states(),
            ropes: self.ropes.clone(),
            logit_factor: self.logit_factor,
            softcap: self.softcap,
            dtype: weights.dtype(),
            mixture: self.feed_forward.iter().any(|part| matches!(part, FeedForward::Experts(_))),
        };
        let parts = weights.parts();
        Ok((Model::new(weights.into_kernels(), shape, embedding, blocks, ends)?, parts))
    }

    /// The modules that have weights, and the tensors of the checkpoint that none of them needs.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn list(&self, weights: &Weights<'_>) -> Result<(Vec<Part>, Vec<String>)> {
        self.modules(weights)?;
        Ok((weights.parts(), weights.unused()))
    }

    /// Embedding, blocks, and the norm and head at the end.
    fn modules(&self, weights: &Weights<'_>) -> Result<(Slot, Vec<Slot>, [Slot; 2])> {
        let table = [self.vocabulary, self.hidden];
        let embedding = weights.embedding("model.embed_tokens", table, self.embedding_scale)?;
        let blocks = (0..self.feed_forward.len()).map(|layer| self.block(weights, layer));
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        let head = if self.tied { "model.embed_tokens" } else { "lm_head" };
        let norm = self.norm(weights, self.names.norm, self.hidden)?;
        Ok((embedding, blocks, [norm, weights.linear(head, table, false)?]))
    }

    /// The convolution of a layer, if it has one.
    fn convolution(&self, layer: usize) -> Option<ConvStyle> {
        self.convolutions.get(layer).copied().flatten()
    }

    /// How many of the first `count` layers attend.
    fn attending(&self, count: usize) -> usize {
        (0..count).filter(|layer| self.convolution(*layer).is_none()).count()
    }

    /// What the layers with convolutions keep.
    fn states(&self) -> Vec<StateShape> {
        let layers = (0..self.feed_forward.len()).filter_map(|layer| self.convolution(layer));
        layers.map(|conv| StateShape { channels: self.hidden, taps: conv.taps }).collect()
    }

    fn block(&self, weights: &Weights<'_>, layer: usize) -> Result<Slot> {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        let (mixer, mixing) = match self.convolution(layer) {
            Some(conv) => ("conv", self.short_conv(weights, layer, conv, &at("conv"))?),
            None => ("self_attn", self.attention(weights, layer, &at("self_attn"))?),
        };
        let mlp = self.feed_forward(weights, &self.feed_forward[layer], &at(""))?;
        let branch = |[before, after]: [Option<&'static str>; 2], name, module| -> Result<Branch> {
            let norm = |name: &str| self.norm(weights, &at(name), self.hidden);
            let mut branch = Branch::new();
            if let Some(before) = before {
                branch.push((before, norm(before)?));
            }
            branch.push((name, module));
            if let Some(after) = after {
                branch.push((after, norm(after)?));
            }
            Ok(branch)
        };
        let [before, after, before_mlp, after_mlp] = self.norms.places;
        let branches = [
            branch([before, after], mixer, mixing)?,
            branch([before_mlp, after_mlp], self.names.feed_forward, mlp)?,
        ];
        Ok(Box::new(Block::new(weights.kernels(), branches, self.branch_factor)?))
    }

    fn norm(&self, weights: &Weights<'_>, path: &str, features: usize) -> Result<Slot> {
        weights.rms_norm(path, features, self.norms.eps, self.norms.offset)
    }

    fn short_conv(
        &self,
        weights: &Weights<'_>,
        layer: usize,
        ConvStyle { taps, bias }: ConvStyle,
        path: &str,
    ) -> Result<Slot> {
        let channels = self.hidden;
        let linear = |name: &str, columns: usize| {
            weights.linear(&format!("{path}.{name}"), [columns, channels], bias)
        };
        let projections = [linear("in_proj", 3 * channels)?, linear("out_proj", channels)?];
        let conv = weights.short_conv(&format!("{path}.conv"), [taps, channels], bias)?;
        let shape = ShortConvShape { channels, taps, layer: layer - self.attending(layer) };
        Ok(Box::new(ShortConv::new(weights.kernels(), shape, projections, conv)?))
    }

    fn attention(&self, weights: &Weights<'_>, layer: usize, path: &str) -> Result<Slot> {
        let AttentionStyle { heads, kv_heads, head_dim, latent, output_bias, .. } = self.attention;
        let (projections, norms) = match &latent {
            Some(latent) => (self.latent(weights, latent, path)?, None),
            None => (self.projections(weights, path)?, self.query_key_norms(weights, path)?),
        };
        let value_dim = latent.map_or(head_dim, |latent| latent.value_dim);
        let back = [self.hidden, heads * value_dim];
        let [_, _, name] = self.names.attention;
        let back = weights.linear(&format!("{path}.{name}"), back, output_bias)?;
        let shape = AttentionShape {
            heads,
            kv_heads,
            head_dim,
            rotary: self.rotary(),
            scale: self.attention.scale,
            softcap: self.attention.softcap,
            window: self.windows[layer],
            layer: self.attending(layer),
            rope: self.turned_by[layer],
        };
        Ok(Box::new(Attention::new(weights.kernels(), shape, projections, norms, back)?))
    }

    /// The way in by projections to queries, keys and values.
    fn projections(&self, weights: &Weights<'_>, path: &str) -> Result<Projections> {
        let AttentionStyle { heads, kv_heads, head_dim, bias, .. } = self.attention;
        let project = |name: &str, heads: usize| {
            weights.linear(&format!("{path}.{name}"), [heads * head_dim, self.hidden], bias)
        };
        // Scores do not change when queries and keys change places alike.
        let of_head: Vec<usize> =
            self.turning().into_iter().chain(self.rotary()..head_dim).collect();
        let turned = |name: &str, heads: usize| match self.attention.interleaved {
            true => {
                let (path, shape) = (format!("{path}.{name}"), [heads * head_dim, self.hidden]);
                weights.linear_ordered(&path, shape, bias, &|row| head_rows(&of_head, row))
            }
            false => project(name, heads),
        };
        Ok(match self.attention.fused {
            true => Projections::Fused(project("qkv_proj", heads + 2 * kv_heads)?),
            false => Projections::Split([
                turned("q_proj", heads)?,
                turned("k_proj", kv_heads)?,
                project("v_proj", kv_heads)?,
            ]),
        })
    }

    fn query_key_norms(&self, weights: &Weights<'_>, path: &str) -> Result<Option<QueryKeyNorms>> {
        let AttentionStyle { heads, kv_heads, head_dim, norms, .. } = self.attention;
        let norm = |name: &str, features| self.norm(weights, &format!("{path}.{name}"), features);
        let [q, k, _] = self.names.attention;
        Ok(match norms {
            Some(Normed::Heads) => {
                Some(QueryKeyNorms::Heads([norm(q, head_dim)?, norm(k, head_dim)?]))
            }
            Some(Normed::Rows) => Some(QueryKeyNorms::Rows([
                norm(q, heads * head_dim)?,
                norm(k, kv_heads * head_dim)?,
            ])),
            None => None,
        })
    }

    /// The way in by vectors that all heads share. Features that turn are put before those that do not.
    fn latent(
        &self,
        weights: &Weights<'_>,
        latent: &LatentStyle,
        path: &str,
    ) -> Result<Projections> {
        let AttentionStyle { heads, head_dim, bias, .. } = self.attention;
        let (LatentStyle { query_rank, rank, value_dim }, rotary) = (*latent, self.rotary());
        let at = |name: &str| format!("{path}.{name}");
        let norm = |name: &str, features| weights.rms_norm(&at(name), features, LATENT_EPS, 0.0);
        let plain = head_dim - rotary;
        let turning = self.turning();
        let of_head: Vec<usize> = turning.iter().map(|i| plain + i).chain(0..plain).collect();
        let order = |row: usize| head_rows(&of_head, row);
        let to_queries = |name: &str, depth| {
            weights.linear_ordered(&at(name), [heads * head_dim, depth], false, &order)
        };
        let queries = match query_rank {
            Some(query_rank) => vec![
                ("q_a_proj", weights.linear(&at("q_a_proj"), [query_rank, self.hidden], bias)?),
                ("q_a_layernorm", norm("q_a_layernorm", query_rank)?),
                ("q_b_proj", to_queries("q_b_proj", query_rank)?),
            ],
            None => vec![("q_proj", to_queries("q_proj", self.hidden)?)],
        };
        let shared = |row: usize| match row.checked_sub(rank) {
            Some(turns) => rank + turning.get(turns).copied().unwrap_or(turns),
            None => row,
        };
        let into = [rank + rotary, self.hidden];
        let both = [
            weights.linear_ordered(&at("kv_a_proj_with_mqa"), into, bias, &shared)?,
            norm("kv_a_layernorm", rank)?,
            weights.latent_heads(path, heads, [plain, value_dim], rank)?,
        ];
        let shape = LatentShape { heads, head_dim, rotary, value_dim, rank };
        Ok(Projections::Latent(Box::new(Latent::new(weights.kernels(), shape, queries, both)?)))
    }

    /// The features that turn, in the order in which the kernels turn them: where they are stored in pairs, the first of
    /// each pair, then the second of each.
    fn turning(&self) -> Vec<usize> {
        let rotary = self.rotary();
        match self.attention.interleaved {
            true => (0..rotary).step_by(2).chain((1..rotary).step_by(2)).collect(),
            false => (0..rotary).collect(),
        }
    }

    /// The feed-forward part of a layer; `prefix` is the layer's path with its last dot.
    fn feed_forward(
        &self,
        weights: &Weights<'_>,
        part: &FeedForward,
        prefix: &str,
    ) -> Result<Slot> {
        let (hidden, kernels): (usize, &Kernels) = (self.hidden, weights.kernels());
        let path = format!("{prefix}{}", self.names.feed_forward);
        let linear = |name: &str, shape: [usize; 2], bias: bool| {
            weights.linear(&format!("{path}.{name}"), shape, bias)
        };
        let module: Box<dyn Module> = match part {
            FeedForward::Gated { intermediate, gate, bias } => {
                return self.gated(weights, &path, *intermediate, *gate, *bias);
            }
            FeedForward::Packed { intermediate, gate } => {
                let projections = [
                    linear("gate_up_proj", [2 * intermediate, hidden], false)?,
                    linear("down_proj", [hidden, *intermediate], false)?,
                ];
                Box::new(PackedGatedMlp::new(kernels, *gate, projections)?)
            }
            FeedForward::Experts(experts) => self.experts(weights, experts, prefix)?,
        };
        Ok(module)
    }

    /// A gated layer of three projections at `path`.
    fn gated(
        &self,
        weights: &Weights<'_>,
        path: &str,
        intermediate: usize,
        gate: Gate,
        bias: bool,
    ) -> Result<Slot> {
        let linear = |[name, other]: [&str; 2], shape| {
            let [own, other] = [name, other].map(|name| format!("{path}.{name}"));
            let is_other = weights.contains(&format!("{other}.weight"));
            let stored = if is_other { &other } else { &own };
            weights.linear_at(&own, stored, shape, bias)
        };
        let (into, back) = ([intermediate, self.hidden], [self.hidden, intermediate]);
        let [gate_proj, up_proj, down_proj] = self.names.gated;
        let projections =
            [linear(gate_proj, into)?, linear(up_proj, into)?, linear(down_proj, back)?];
        Ok(Box::new(GatedMlp::new(weights.kernels(), gate, projections)?))
    }

    fn experts(&self, weights: &Weights<'_>, experts: &Experts, prefix: &str) -> Result<Slot> {
        let Experts { shape, intermediate, module, projections, shared, .. } = experts;
        let path = format!("{prefix}{module}");
        let inner = format!("{prefix}{}", self.names.feed_forward);
        let own = format!("{path}.gate");
        let stored = match weights.contains(&format!("{own}.weight")) {
            true => own.clone(),
            false => match format!("{inner}.gate") {
                other if weights.contains(&format!("{other}.weight")) => other,
                _ => own.clone(),
            },
        };
        let router = weights.linear_at(&own, &stored, [shape.experts, self.hidden], false)?;
        let beside = stored.strip_suffix(".gate").unwrap_or(&stored);
        let steering = match experts.steering {
            Some(name) => Some((name, weights.vector(&format!("{beside}.{name}"), shape.experts)?)),
            None => None,
        };
        let router = Router::new(weights.kernels(), shape, router, steering)?;
        // Where mlx-lm has put the experts together, they have names of its own.
        let project = |stacked: &str,
                       one: &str,
                       fused: (&str, usize, usize),
                       [columns, depth]: [usize; 2]| {
            let (tensor, rows, first) = fused;
            let names = ExpertNames {
                stacked: &format!("{path}.{}.{stacked}", experts.stacked),
                fused: (&format!("{inner}.experts.{tensor}"), rows, first),
                each: &|expert| format!("{path}.experts.{expert}.{one}"),
            };
            weights.experts(&names, [shape.experts, columns, depth], shape.per_token)
        };
        let [gate, up, down] = projections;
        let (inside, hidden) = (*intermediate, self.hidden);
        let both = 2 * inside;
        let projections = [
            project("gate_proj", gate, ("gate_up_proj", both, 0), [inside, hidden])?,
            project("up_proj", up, ("gate_up_proj", both, inside), [inside, hidden])?,
            project("down_proj", down, ("down_proj", hidden, 0), [hidden, inside])?,
        ];
        let mixture = Moe::new(weights.kernels(), *shape, router, projections)?;
        let Some(SharedExperts { name, intermediate, gate }) = *shared else {
            return Ok(Box::new(mixture));
        };
        let layer =
            self.gated(weights, &format!("{path}.{name}"), intermediate, shape.gate, false)?;
        let gate = match gate {
            Some(name) => {
                Some((name, weights.linear(&format!("{path}.{name}"), [1, hidden], false)?))
            }
            None => None,
        };
        Ok(Box::new(mixture.beside(Shared::new(weights.kernels(), name, layer, gate)?)))
    }
}

/// The stored row of row `row`, where the rows of each head are `of_head`.
fn head_rows(of_head: &[usize], row: usize) -> usize {
    let (head, feature) = (row / of_head.len().max(1), row % of_head.len().max(1));
    head * of_head.len() + of_head.get(feature).copied().unwrap_or(feature)
}
