//! Routines: what all threads of a group do together by text that a device has of its own.
//!
//! Lowering puts one in place of a piece of the tile program that it recognizes, where the schedule allows it; the tile
//! program stays its specification, [`emulate()`](super::emulate()) gives it its meaning.

use super::{RegisterId, SharedId, Value};
use crate::{DType, ParamId};

/// Rows of a tensor, each contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The tensor.
    pub param: ParamId,
    /// 64-bit offset of the first row.
    pub offset: Value,
    /// 64-bit distance of two rows.
    pub stride: Value,
}

/// One product of rows with columns in MLX's affine format.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineProduct {
    /// The rows that are multiplied, in a half type.
    pub x: Rows,
    /// The columns' packed integers.
    pub w: Rows,
    /// The scale of each group of a column.
    pub scales: Rows,
    /// The same for what is added.
    pub biases: Rows,
}

/// What becomes of a row before it is multiplied: `x / sqrt(mean x² + eps) weight`, rounded to the type of x.
#[derive(Clone, Debug, PartialEq)]
pub struct Normed {
    /// The weight of the norm.
    pub weight: Rows,
    /// What is added to the mean, f32.
    pub eps: Value,
}

/// Room for the one row of each product, made ready for the group once.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Distinct rows: one that all products share, or one each.
    pub rows: usize,
    /// Room for the elements of one.
    pub len: usize,
    /// The rows, [`BYTES`](Self::BYTES) an element, as the target multiplies them.
    pub row: SharedId,
    /// [`SUMS`](Self::SUMS) numbers for each of their groups.
    pub sums: SharedId,
}

impl Ready {
    /// Bytes of an element: three digits of an integer.
    pub const BYTES: usize = 3;
    /// What one is worth in a group, and the group's sum.
    pub const SUMS: usize = 2;
}

/// Weights on their way to shared memory, by asynchronous copies: rounds that each subgroup has to itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    /// Room for them.
    pub room: SharedId,
    /// How many a subgroup has under way.
    pub slots: usize,
    /// Subgroups, the first, that make the row ready while the others begin to ask for weights.
    pub makers: usize,
}

/// Products of some rows with some columns of weights:
/// `result[product][row][column] = Σ_l x[row, l] (q[column, l] scales[column, l / group] + biases[column, l / group])`.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineProducts {
    /// Bits of an integer.
    pub bits: u32,
    /// Integers that share a scale.
    pub group: usize,
    /// The half type of x, scales and biases.
    pub dtype: DType,
    /// Capacity for rows, in tiles of `8 group / 128`.
    pub tiles: usize,
    /// Capacity for columns, a multiple of [`AffineProducts::COLUMNS`].
    pub width: usize,
    /// Steps of 128 weights of a column that a subgroup takes at a time.
    pub steps: usize,
    /// Subgroups that should run on a multiprocessor at a time: how many registers each may have.
    pub beside: usize,
    /// Rows of every tensor start at multiples of 16 bytes.
    pub aligned: bool,
    /// Nothing before the routine reads a tensor, and where the weights lie depends on no tensor: they may be asked for
    /// while what comes before the program in a graph still runs, unless it writes them.
    pub early: bool,
    /// Room for the only row; absent where there may be several.
    pub ready: Option<Ready>,
    /// Where the weights go through shared memory, as groups stay on their multiprocessors.
    pub ring: Option<Ring>,
    /// The norm of the only row, if it is normed.
    pub normed: Option<Normed>,
    /// What the thread of a column reads after the routine, the first thread that of the first column: each a tensor and a
    /// 64-bit offset. It may be asked for early, once the launch before is waited for.
    pub finished_with: Vec<(ParamId, Value)>,
    /// Which products.
    pub products: Vec<AffineProduct>,
    /// Groups of a column, i32.
    pub groups: Value,
    /// Rows from the first on that are there, i32; more than the capacity count as that.
    pub rows: Value,
    /// Columns likewise.
    pub columns: Value,
    /// Where the results go, f32.
    pub result: SharedId,
    /// Room for parts of the results.
    pub partial: SharedId,
    /// How many parts of each result: each [`UNIT`](Self::UNIT) of depth is summed by itself, so
    /// that a product does not depend on how many subgroups share it. Where rows are not made ready, units go to the slots
    /// in turn.
    pub slots: usize,
}

impl AffineProducts {
    /// Weights of a column that are summed by themselves.
    pub const UNIT: usize = 256;
    /// Columns of a subgroup.
    pub const COLUMNS: usize = 16;

    /// Capacity for rows.
    pub fn capacity(&self) -> usize {
        self.tiles * 8 * self.group / 128
    }
}

/// Where the queries of [`Attend`] are.
#[derive(Clone, Debug, PartialEq)]
pub enum Queries {
    /// Rows of a tensor.
    Rows(Rows),
    /// Shared memory, `[queries][head_dim]`, which all threads have met to read.
    Shared(SharedId),
}

impl Queries {
    fn rows(&self) -> Option<&Rows> {
        match self {
            Queries::Rows(rows) => Some(rows),
            Queries::Shared(_) => None,
        }
    }

    fn rows_mut(&mut self) -> Option<&mut Rows> {
        match self {
            Queries::Rows(rows) => Some(rows),
            Queries::Shared(_) => None,
        }
    }
}

/// The keys and values that a program attends over.
#[derive(Clone, Debug, PartialEq)]
pub struct Cached {
    /// Elements of a query, key or value.
    pub head_dim: usize,
    /// The keys.
    pub keys: Rows,
    /// The values.
    pub values: Rows,
    /// First position of the keys, i32.
    pub first: Value,
    /// End of the positions, i32.
    pub end: Value,
    /// Rows of keys and values: what lies past them counts as zeros.
    pub extent: Value,
    /// The position that `keep`, and the score of a product, read, i32.
    pub position: RegisterId,
    /// False for values that count as zeros.
    pub keep: Value,
}

/// A softmax-weighted sum over keys and values for the queries that share them. `state` gets for each query the
/// greatest score, the sum of e^(score - greatest), and the values weighted with these.
#[derive(Clone, Debug, PartialEq)]
pub struct Attend {
    /// The keys and values.
    pub cached: Cached,
    /// How many queries.
    pub queries: usize,
    /// The half type of all.
    pub dtype: DType,
    /// The queries.
    pub q: Queries,
    /// A factor of the products, f32.
    pub scale: Value,
    /// The scaled product that `score` reads, f32.
    pub product: RegisterId,
    /// The score of a product, f32.
    pub score: Value,
    /// The weighted values, `[queries][head_dim]`; the greatest scores; the sums; see [`Attend::state_len`].
    pub state: SharedId,
    /// Room for a state of each subgroup and for [`Split::MOST`](super::Split::MOST) numbers a query.
    pub partial: SharedId,
    /// A row of the caches that the program has just written; then an [`Ahead`] comes before it.
    pub fresh: Option<Fresh>,
    /// Room for [`parts_len`](Attend::parts_len) numbers, where what follows makes each thread take the elements of the
    /// weighted values after those of the thread before, and meets nobody: then each of the groups that share may finish a
    /// part of them.
    pub parted: Option<SharedId>,
}

/// A key and a value that the program has written to the caches, and that all threads have met to read from shared
/// memory: whoever read the caches before may have missed them.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// Their position, i32.
    pub position: Value,
    /// The key, in the half type.
    pub key: SharedId,
    /// The value.
    pub value: SharedId,
}

/// Asks for the first keys and values of an [`Attend`] while what comes before the program in a graph still runs, and
/// waits for that. What the [`Attend`] calls fresh may be missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Ahead {
    /// The keys and values, as in the [`Attend`].
    pub cached: Cached,
    /// What is read before the wait, besides keys and values.
    pub early: Vec<ParamId>,
    /// The heads that turn after the wait, if it is these.
    pub turned: Option<Turned>,
}

/// The heads of one token: queries and key turn, `(a cos - b sin, a sin + b cos)` of the halves a and b of a head, normed
/// before that where they have norms; the key and the value enter the caches.
#[derive(Clone, Debug, PartialEq)]
pub struct Turned {
    /// The half type of heads, weights and caches.
    pub dtype: DType,
    /// Elements of a head.
    pub head_dim: usize,
    /// How many queries.
    pub queries: usize,
    /// The queries.
    pub q: Rows,
    /// The key.
    pub key: Rows,
    /// The value.
    pub value: Rows,
    /// The norms.
    pub norms: Option<HeadNorms>,
    /// The cosines of half a head, f32.
    pub cos: Rows,
    /// The sines.
    pub sin: Rows,
    /// Where queries, key and value go.
    pub to: [SharedId; 3],
    /// The rows of the caches where key and value go.
    pub caches: [Rows; 2],
}

/// Root mean square norms of heads, rounded to their type.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadNorms {
    /// The weight of queries.
    pub queries: Rows,
    /// That of keys.
    pub key: Rows,
    /// What is added to the mean, f32.
    pub eps: Value,
}

impl Turned {
    fn values(&self) -> Vec<&Value> {
        let rows = [&self.q, &self.key, &self.value, &self.cos, &self.sin];
        let rows = rows.into_iter().chain(&self.caches);
        let norms = self.norms.iter();
        let rows = rows.chain(norms.clone().flat_map(|n| [&n.queries, &n.key]));
        rows.flat_map(Rows::values).chain(norms.map(|n| &n.eps)).collect()
    }

    fn values_mut(&mut self) -> Vec<&mut Value> {
        let rows = [&mut self.q, &mut self.key, &mut self.value, &mut self.cos, &mut self.sin];
        let mut all: Vec<&mut Value> = Vec::new();
        all.extend(rows.into_iter().chain(&mut self.caches).flat_map(Rows::values_mut));
        if let Some(norms) = &mut self.norms {
            all.extend([&mut norms.queries, &mut norms.key].into_iter().flat_map(Rows::values_mut));
            all.push(&mut norms.eps);
        }
        all
    }
}

impl Attend {
    /// Floats of a state.
    pub fn state_len(head_dim: usize, queries: usize) -> usize {
        (queries * (head_dim + 2)).next_multiple_of(4)
    }

    /// Floats that a group has of eight that share: from each an eighth of the weighted values, and the greatest score and the
    /// sum of each of the two queries that it may be of.
    pub fn parts_len(head_dim: usize, queries: usize) -> usize {
        queries * head_dim + 8 * 2 * 2
    }
}

/// The k greatest of a row of logits, descending, the lower position first of equal ones, and the softmax of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Choose {
    /// The row.
    pub logits: Rows,
    /// Its half type.
    pub dtype: DType,
    /// How many logits.
    pub experts: usize,
    /// How many are chosen.
    pub k: usize,
    /// The softmax is that of the chosen alone, not of all.
    pub normalize: bool,
    /// The launch before the last, or one before that, made the logits: they may be read while the last one runs, unless
    /// that writes them.
    pub early: bool,
    /// Where the positions go, u32.
    pub positions: SharedId,
    /// Where the weights go, f32.
    pub weights: SharedId,
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub enum Routine {
    /// The choice of experts.
    Choose(Box<Choose>),
    /// Products with quantized weights.
    AffineProducts(Box<AffineProducts>),
    /// The beginning of attention over a cache.
    Ahead(Box<Ahead>),
    /// Attention over a cache. Groups may share it: then all but the last end here.
    Attend(Box<Attend>),
}

impl Rows {
    fn values(&self) -> [&Value; 2] {
        [&self.offset, &self.stride]
    }

    fn values_mut(&mut self) -> [&mut Value; 2] {
        [&mut self.offset, &mut self.stride]
    }
}

impl Normed {
    fn values(&self) -> impl Iterator<Item = &Value> {
        self.weight.values().into_iter().chain([&self.eps])
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.weight.values_mut().into_iter().chain([&mut self.eps])
    }
}

impl AffineProduct {
    /// Its operands.
    pub fn rows(&self) -> [&Rows; 4] {
        [&self.x, &self.w, &self.scales, &self.biases]
    }
}

impl Routine {
    /// The values that it reads.
    pub fn values(&self) -> Vec<&Value> {
        match self {
            Routine::Choose(r) => r.logits.values().into(),
            Routine::AffineProducts(r) => {
                let rows = r.products.iter().flat_map(|p| p.rows());
                let own = [&r.groups, &r.rows, &r.columns];
                let normed = r.normed.iter().flat_map(Normed::values);
                let later = r.finished_with.iter().map(|(_, offset)| offset);
                rows.flat_map(Rows::values).chain(own).chain(normed).chain(later).collect()
            }
            Routine::Attend(r) => {
                let rows = r.q.rows().into_iter().chain([&r.cached.keys, &r.cached.values]);
                let rows = rows.flat_map(Rows::values);
                let own = [
                    &r.scale,
                    &r.cached.first,
                    &r.cached.end,
                    &r.cached.extent,
                    &r.score,
                    &r.cached.keep,
                ];
                rows.chain(own).chain(r.fresh.iter().map(|fresh| &fresh.position)).collect()
            }
            Routine::Ahead(r) => {
                let rows = [&r.cached.keys, &r.cached.values].into_iter().flat_map(Rows::values);
                let own = [&r.cached.first, &r.cached.end, &r.cached.extent, &r.cached.keep];
                rows.chain(own).chain(r.turned.iter().flat_map(Turned::values)).collect()
            }
        }
    }

    /// The registers that it declares for itself.
    pub fn named_mut(&mut self) -> Vec<&mut RegisterId> {
        match self {
            Routine::Choose(_) | Routine::AffineProducts(_) => Vec::new(),
            Routine::Ahead(r) => vec![&mut r.cached.position],
            Routine::Attend(r) => vec![&mut r.product, &mut r.cached.position],
        }
    }

    /// As [`values`](Self::values), to change them.
    pub fn values_mut(&mut self) -> Vec<&mut Value> {
        match self {
            Routine::Choose(r) => r.logits.values_mut().into(),
            Routine::AffineProducts(r) => {
                let rows = r
                    .products
                    .iter_mut()
                    .flat_map(|p| [&mut p.x, &mut p.w, &mut p.scales, &mut p.biases]);
                let own = [&mut r.groups, &mut r.rows, &mut r.columns];
                let normed = r.normed.iter_mut().flat_map(Normed::values_mut);
                let later = r.finished_with.iter_mut().map(|(_, offset)| offset);
                rows.flat_map(Rows::values_mut).chain(own).chain(normed).chain(later).collect()
            }
            Routine::Attend(r) => {
                let rows =
                    r.q.rows_mut().into_iter().chain([&mut r.cached.keys, &mut r.cached.values]);
                let own =
                    [&mut r.scale, &mut r.cached.first, &mut r.cached.end, &mut r.cached.extent];
                rows.flat_map(Rows::values_mut)
                    .chain(own)
                    .chain([&mut r.score, &mut r.cached.keep])
                    .chain(r.fresh.iter_mut().map(|fresh| &mut fresh.position))
                    .collect()
            }
            Routine::Ahead(r) => {
                let rows = [&mut r.cached.keys, &mut r.cached.values]
                    .into_iter()
                    .flat_map(Rows::values_mut);
                let own = [
                    &mut r.cached.first,
                    &mut r.cached.end,
                    &mut r.cached.extent,
                    &mut r.cached.keep,
                ];
                rows.chain(own).chain(r.turned.iter_mut().flat_map(Turned::values_mut)).collect()
            }
        }
    }
}
