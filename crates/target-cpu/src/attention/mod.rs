//! Programs that are attention over keys and values in halves and nothing else run by code of this target's own
//! ([`crate::simd::attend`]): `decode.ir` and [`CausalAttention`] say what it computes. It reads the keys and values of a head
//! once for all the queries that share them; the generic way spreads each block out several times.
//!
//! Weights stay f32, where the tile program of many queries rounds them to halves for the sake of matrix units; on matrix
//! tiles they are rounded to bf16, too. Work is cut by the shapes alone, so results repeat whatever the number of threads.

#[cfg(test)]
mod tests;

use crate::ahead::{Next, Reads};
use crate::bind::TensorLayout;
use crate::product::{Matrix, Resources, Stopped, room, run_all};
#[cfg(target_arch = "x86_64")]
use crate::simd::amx;
use crate::simd::amx::Amx;
use crate::simd::attend::{Attends, Cached, Few, KEYS, Many};
use crate::simd::{LANES, Level};
use std::sync::atomic::{AtomicBool, Ordering};
use tilewright_ir::{DType, Extent, ParamId, Program};
use tilewright_passes::specification::{CausalAttention, says};

/// Queries of a head that are taken together, and heads of a group.
const QUERIES: usize = 64;
const TOGETHER: usize = 2;
/// Products that are worth waking another thread.
const WORTH_WAKING: usize = 1 << 16;

/// What kind of attention a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    kind: Kind,
    /// Query heads of a key head.
    group: usize,
    dtype: DType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One query a sequence; how much of a cache counts is in memory.
    Decode,
    /// Causal, over all keys. The heads of a query lie side by side in the result, or not.
    Prefill { merged: bool },
}

/// Attention bound to the arguments of a call.
pub struct Bound {
    /// `[batch, heads, queries, dim]`, by strides.
    q: Strided,
    out: Strided,
    keys: Strided,
    values: Strided,
    batch: usize,
    kv_heads: usize,
    group: usize,
    queries: usize,
    dim: usize,
    scale: f32,
    dtype: DType,
    /// The keys that count, by sequence: the first, and the one past the last.
    seen: Seen,
}

enum Seen {
    Ranges(Vec<[usize; 2]>),
    Causal { length: usize, window: i32 },
}

/// A tensor in memory: bytes from batch to batch, from head to head, from row to row; elements lie side by side.
#[derive(Clone, Copy, Debug)]
struct Strided {
    at: *mut u8,
    strides: [isize; 3],
}

// SAFETY: addresses, followed only by `run`, whose contract covers them.
unsafe impl Send for Strided {}
// SAFETY: as above.
unsafe impl Sync for Strided {}

impl Strided {
    fn of(&self, batch: usize, head: usize) -> *mut u8 {
        let [b, h, _] = self.strides;
        self.at.wrapping_offset(b * batch as isize + h * head as isize)
    }

    fn rows(&self, batch: usize, head: usize, dtype: DType) -> Matrix {
        let element = dtype.size() as isize;
        Matrix { at: self.of(batch, head), row: self.strides[2], element, dtype }
    }
}

impl Attention {
    /// What `program`, which is optimized, is, if it is attention that there is code for.
    pub fn of(program: &Program) -> Option<Attention> {
        let (attention, dim) = match CausalAttention::of(program) {
            Some(CausalAttention { dtype, group, head_dim, merged, capped: false }) => {
                (Attention { kind: Kind::Prefill { merged }, group, dtype }, head_dim)
            }
            _ => Attention::of_decoding(program)?,
        };
        (dim.is_multiple_of(LANES) && dim > 0).then_some(attention)
    }

    /// Attention of one query a sequence, and the features of a head.
    fn of_decoding(program: &Program) -> Option<(Attention, usize)> {
        if program.params.len() != 7 {
            return None;
        }
        let (dtype, shape) = program.tensor(ParamId(0))?;
        let [_, Extent::Dim { times: group, .. }, Extent::Const(dim)] = *shape else { return None };
        if !matches!(dtype, DType::F16 | DType::BF16) {
            return None;
        }
        let words =
            [("TYPE", dtype.name()), ("GROUP", &group.to_string()), ("DIM", &dim.to_string())];
        let is_one = says(program, include_str!("decode.ir"), &words);
        is_one.then_some((Attention { kind: Kind::Decode, group, dtype }, dim))
    }

    /// Binds it to the arguments of a call; `None` where tensors are laid out otherwise.
    ///
    /// # Safety
    /// `tensors` and `layouts` are those of the arguments, which hold every element that they reach.
    pub unsafe fn bind(
        &self,
        tensors: &[*mut u8],
        scalars: &[f64],
        layouts: &[TensorLayout],
    ) -> Option<Bound> {
        let size = self.dtype.size() as isize;
        let axes = |param: usize| -> Option<Vec<(usize, isize)>> {
            let single = |parts: &Vec<(usize, isize)>| match parts[..] {
                [axis] => Some(axis),
                _ => None,
            };
            layouts[param].iter().map(single).collect()
        };
        let dense = |axes: &[(usize, isize)]| axes.last().is_some_and(|axis| axis.1 == size);
        let tensor = |param: usize, order: [usize; 3]| {
            let axes = axes(param).filter(|axes| dense(axes))?;
            let stride = |k: usize| axes.get(k).map_or(0, |axis| axis.1);
            Some((Strided { at: tensors[param], strides: order.map(stride) }, axes))
        };
        const NONE: usize = usize::MAX;
        let (keys, held) = tensor(1, [0, 1, 2])?;
        let (values, _) = tensor(2, [0, 1, 2])?;
        let &[(batch, _), (kv_heads, _), (length, _), (dim, _)] = &held[..] else { return None };
        let (order, last) = match self.kind {
            Kind::Decode => ([0, 1, NONE], 6),
            Kind::Prefill { merged: false } => ([0, 1, 2], 5),
            Kind::Prefill { merged: true } => ([0, 2, 1], 5),
        };
        let (q, asked) = tensor(0, if self.kind == Kind::Decode { order } else { [0, 1, 2] })?;
        let (out, _) = tensor(last, order)?;
        let number = |at: usize| scalars[at] as f32;
        let (queries, scale, seen) = match self.kind {
            Kind::Decode => {
                let window = scalars[5] as i32;
                let &[(_, stride)] = &axes(3)?[..] else { return None };
                let range = |b: usize| {
                    let at = tensors[3].wrapping_offset(stride * b as isize).cast::<i32>();
                    // SAFETY: the caller's promise.
                    let len = unsafe { at.read_unaligned() }.min(i32::try_from(length).ok()?);
                    let oldest = len.checked_sub(window)?.max(0);
                    Some([oldest.max(0) as usize, len.max(0) as usize])
                };
                let ranges = (0..batch).map(range).collect::<Option<_>>()?;
                (1, number(4), Seen::Ranges(ranges))
            }
            Kind::Prefill { .. } => {
                let queries = asked.get(2)?.0;
                let most = 1usize << 29;
                let fits = length <= most && queries <= most;
                let window = (scalars[4] as i32).clamp(0, 1 << 30);
                fits.then_some((queries, number(3), Seen::Causal { length, window }))?
            }
        };
        let (group, dtype) = (self.group, self.dtype);
        Some(Bound {
            q,
            out,
            keys,
            values,
            batch,
            kv_heads,
            group,
            queries,
            dim,
            scale,
            dtype,
            seen,
        })
    }
}

/// A block of queries: the sequence, the first head and how many, the first query and how many.
struct Unit {
    batch: usize,
    heads: [usize; 2],
    queries: [usize; 2],
}

/// Attends.
///
/// # Safety
/// The tensors hold every element that the sizes reach, out overlaps nothing, nobody else writes them, and the CPU has the
/// level's features.
///
/// # Errors
/// When there is no memory, or a thread panicked.
pub unsafe fn run(bound: &Bound, resources: &Resources<'_>) -> Result<(), Stopped> {
    let Bound { batch, kv_heads, group, queries, dim, .. } = *bound;
    let together = if matches!(bound.seen, Seen::Ranges(_)) { group } else { TOGETHER };
    let of_group = group.div_ceil(together.max(1));
    let blocks = queries.div_ceil(QUERIES);
    let unit = |number: usize| {
        // The blocks that see most come first.
        let block = blocks - 1 - number / (batch * kv_heads * of_group);
        let rest = number % (batch * kv_heads * of_group);
        let (kv_head, part) = (rest / of_group % kv_heads, rest % of_group);
        let head = kv_head * group + part * together;
        Unit {
            batch: rest / of_group / kv_heads,
            heads: [head, together.min(group - part * together)],
            queries: [block * QUERIES, QUERIES.min(queries - block * QUERIES)],
        }
    };
    let columns = together * queries.min(QUERIES).next_multiple_of(LANES);
    let tiles = bound.tiles(resources);
    let need = 4 * match bound.seen {
        Seen::Ranges(_) => 2 * group * dim,
        #[cfg(target_arch = "x86_64")]
        Seen::Causal { .. } if tiles.is_some() => {
            2 * columns * dim + amx::attend::room(columns, dim)
        }
        Seen::Causal { .. } => 2 * columns * dim + Many::room(columns, dim),
    };
    let seen = match &bound.seen {
        Seen::Ranges(ranges) => ranges.iter().map(|[from, to]| to.saturating_sub(*from)).sum(),
        Seen::Causal { length, .. } => batch.saturating_mul(*length).saturating_mul(queries),
    };
    let heads = kv_heads * group * dim;
    let alone = seen.saturating_mul(heads) < WORTH_WAKING && !resources.pool.is_at_hand();
    let failed = AtomicBool::new(false);
    let work = |worker: usize, number: usize| {
        (resources.own)(worker, &mut |block| match room(block, need) {
            // SAFETY: the caller's promise; the queries of the unit are this call's, and so is the memory.
            Ok(at) => unsafe {
                match bound.seen {
                    Seen::Ranges(_) => few(bound, resources.level, &unit(number), at.cast()),
                    Seen::Causal { .. } => {
                        many(bound, (resources.level, tiles), &unit(number), at.cast());
                    }
                }
            },
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    let units = batch * kv_heads * of_group * blocks;
    let next = match &bound.seen {
        Seen::Ranges(ranges) if units == kv_heads => {
            resources.order.note(&bound.reads(resources.pool.runs(units), ranges[0]))
        }
        _ => Next::default(),
    };
    run_all(resources.pool, units, alone, next, &work)?;
    if failed.load(Ordering::Relaxed) { Err(Stopped::Memory(need)) } else { Ok(()) }
}

impl Bound {
    /// Matrix tiles, where they compute this.
    fn tiles(&self, resources: &Resources<'_>) -> Option<Amx> {
        #[cfg(target_arch = "x86_64")]
        return resources
            .tiles
            .filter(|_| self.dtype == DType::BF16 && amx::attend::fits(self.dim));
        #[cfg(not(target_arch = "x86_64"))]
        return resources.tiles;
    }

    /// What is read of the only sequence's cache, a head a chunk.
    fn reads(&self, runs: usize, [from, to]: [usize; 2]) -> Reads {
        let mut reads = Reads::new(self.keys.at, self.kv_heads, runs);
        for Strided { at, strides: [_, head, row] } in [self.keys, self.values] {
            let first = at.wrapping_offset(row * from as isize);
            reads.push(first, head, row.unsigned_abs() * to.saturating_sub(from));
        }
        reads
    }

    fn cached(&self, unit: &Unit, range: [usize; 2]) -> Cached {
        let kv_head = unit.heads[0] / self.group;
        let rows = |of: &Strided| (of.of(unit.batch, kv_head).cast_const(), of.strides[2]);
        let bf16 = self.dtype == DType::BF16;
        Cached { keys: rows(&self.keys), values: rows(&self.values), dim: self.dim, bf16, range }
    }
}

/// # Safety
/// As [`run`]; `own` has room for two rows a head.
unsafe fn few(bound: &Bound, level: Level, unit: &Unit, own: *mut f32) {
    let Seen::Ranges(ranges) = &bound.seen else { return };
    let ([head, heads], dim) = (unit.heads, bound.dim);
    let out = own.wrapping_add(heads * dim);
    // SAFETY: the caller's promise.
    unsafe {
        let q = std::slice::from_raw_parts_mut(own, heads * dim);
        for (k, row) in q.chunks_exact_mut(dim).enumerate() {
            bound.q.rows(unit.batch, head + k, bound.dtype).widen(level, 0, 0, row);
            row.iter_mut().for_each(|x| *x *= bound.scale);
        }
        let cached = bound.cached(unit, ranges[unit.batch]);
        (Attends::of(level).few)(&Few { cached, q: own, heads, out });
        for k in 0..heads {
            let to = bound.out.rows(unit.batch, head + k, bound.dtype);
            to.narrow(level, [0, 1], [0, dim], (out.add(k * dim).cast_const(), dim));
        }
    }
}

/// # Safety
/// As [`run`]; `own` has room for queries, results and what [`Many::room`] says, or its like for tiles.
unsafe fn many(bound: &Bound, (level, tiles): (Level, Option<Amx>), unit: &Unit, own: *mut f32) {
    let Seen::Causal { length, window } = bound.seen else { return };
    let ([head, heads], [first, count], dim) = (unit.heads, unit.queries, bound.dim);
    let rows = count.next_multiple_of(LANES);
    let columns = heads * rows;
    let out = own.wrapping_add(columns * dim);
    let position = (first + length) as i64 - bound.queries as i64;
    let least = (position - i64::from(window) + 1).max(0) as usize / KEYS * KEYS;
    let end = (length as i64).min(position + QUERIES as i64).max(0) as usize;
    // SAFETY: the caller's promise.
    unsafe {
        let q = std::slice::from_raw_parts_mut(own, columns * dim);
        q.fill(0.0);
        // Results are free yet.
        let row = std::slice::from_raw_parts_mut(out, dim);
        for h in 0..heads {
            let matrix = bound.q.rows(unit.batch, head + h, bound.dtype);
            #[cfg(target_arch = "x86_64")]
            if tiles.is_some() {
                let from = matrix.at.wrapping_offset(matrix.row * first as isize);
                let panels = q[h * rows * dim / 2..].as_mut_ptr();
                amx::attend::queries((from, matrix.row), [count, dim], panels.cast());
                continue;
            }
            for r in 0..count {
                let column = h * rows + r;
                matrix.widen(level, first + r, 0, row);
                let panel = &mut q[column / LANES * LANES * dim..][..LANES * dim];
                for (to, x) in panel[column % LANES..].iter_mut().step_by(LANES).zip(&*row) {
                    *to = *x;
                }
            }
        }
        let many = Many {
            cached: bound.cached(unit, [least, end]),
            q: own,
            rows,
            columns,
            position: position as i32,
            window,
            scale: bound.scale,
            out,
            own: out.add(columns * dim),
        };
        match tiles {
            #[cfg(target_arch = "x86_64")]
            Some(tiles) => {
                let _configured = amx::Configured::new(tiles);
                amx::attend::many(&many);
            }
            _ => (Attends::of(level).many)(&many),
        }
        for h in 0..heads {
            let matrix = bound.out.rows(unit.batch, head + h, bound.dtype);
            let from = (out.add(h * rows * dim).cast_const(), dim);
            matrix.narrow(level, [first, count], [0, dim], from);
        }
    }
}
