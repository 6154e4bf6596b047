//! Which kernels of the catalog are seen as attention, and what it gives on every level against f64.

use super::*;
use crate::product::tests::{levels, with_tiles};
use crate::simd::Level;

fn found(name: &str, dtype: DType, head_dim: usize, group: usize) -> Option<Kind> {
    let entry = tilewright_kernels::find(name).unwrap();
    let constants = [("head_dim", head_dim), ("group", group)];
    let mut program = entry.record(&entry.specialization(dtype, &constants)).unwrap();
    tilewright_passes::pipeline::optimize(&mut program);
    Attention::of(&program).map(|attention| {
        assert_eq!((attention.group, attention.dtype), (group, dtype));
        attention.kind
    })
}

#[test]
fn kernels_are_seen_by_what_they_say() {
    for dtype in [DType::BF16, DType::F16] {
        for (dim, group) in [(64, 1), (128, 4), (80, 5), (128, 64), (16, 2)] {
            let seen = |name| found(name, dtype, dim, group);
            assert_eq!(seen("decode_attention"), Some(Kind::Decode), "{dim} {group}");
            assert_eq!(seen("attention"), Some(Kind::Prefill { merged: false }), "{dim} {group}");
            let merged = Some(Kind::Prefill { merged: true });
            assert_eq!(seen("attention_merged"), merged, "{dim} {group}");
            assert_eq!(seen("decode_attention_softcap"), None);
            assert_eq!(seen("attention_softcap"), None);
        }
        assert_eq!(found("decode_attention", dtype, 24, 2), None, "features that are no vectors");
    }
    assert_eq!(found("decode_attention", DType::F32, 128, 2), None);
    assert_eq!(found("attention", DType::F32, 128, 2), None);
}

struct Random(u32);

impl Random {
    /// bf16, and what they stand for.
    fn tensor(&mut self, count: usize) -> (Vec<u16>, Vec<f64>) {
        let mut one = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            ((self.0 as f32 / u32::MAX as f32 * 4.0 - 2.0).to_bits() >> 16) as u16
        };
        let bits: Vec<u16> = (0..count).map(|_| one()).collect();
        let values = bits.iter().map(|x| f64::from(f32::from_bits(u32::from(*x) << 16))).collect();
        (bits, values)
    }
}

fn run_with(bound: &Bound, level: (Level, Option<Amx>), threads: usize) {
    // SAFETY: the tensors of the tests hold every element, and out is the test's.
    with_tiles(level, threads, |resources| unsafe { run(bound, resources) }.unwrap());
}

/// Batch, key heads, group, queries, keys of the cache, features, window; the lengths that count for one query a head.
type Sizes = ([usize; 6], i32, Option<[i32; 2]>);

fn check((sizes, window, lens): Sizes) {
    let [batch, kv_heads, group, queries, length, dim] = sizes;
    let heads = group * kv_heads;
    let mut random = Random(11);
    let (q, q_values) = random.tensor(batch * heads * queries * dim);
    let (keys, key_values) = random.tensor(batch * kv_heads * length * dim);
    let (mut values, value_values) = random.tensor(batch * kv_heads * length * dim);
    let window_of = i64::from(window);
    let range = |b: usize, query: usize| {
        let end = match lens {
            Some(lens) => i64::from(lens[b]).min(length as i64),
            None => (query + length + 1) as i64 - queries as i64,
        };
        (end - window_of).max(0) as usize..end.clamp(0, length as i64) as usize
    };
    if lens.is_some() {
        // What lies past the end counts for nothing, whatever it is.
        for b in 0..batch {
            for t in range(b, 0).end..length {
                values[((b * kv_heads) * length + t) * dim..][..dim].fill(0x7fc0);
            }
        }
    }
    let mut exact = Vec::new();
    for row in 0..batch * heads * queries {
        let (b, head, query) = (row / queries / heads, row / queries % heads, row % queries);
        let first = (b * kv_heads + head / group) * length;
        let dot = |t: usize| {
            let key = &key_values[(first + t) * dim..][..dim];
            let q = &q_values[row * dim..][..dim];
            q.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() * 0.125
        };
        let scores: Vec<f64> = range(b, query).map(dot).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - max).exp()).sum();
        for d in 0..dim {
            let mixed = range(b, query)
                .zip(&scores)
                .map(|(t, score)| (score - max).exp() / sum * value_values[(first + t) * dim + d]);
            let [sum, size] = mixed.fold([0.0; 2], |[sum, size], x| [sum + x, size + x.abs()]);
            exact.push((sum, size));
        }
    }
    let strided = |at: *mut u8, heads: usize, rows: usize| Strided {
        at,
        strides: [heads * rows, rows, 1].map(|rows| (2 * rows * dim) as isize),
    };
    let mut first = None;
    for level in levels() {
        for threads in [1, 3] {
            let mut out = vec![0x7fc0u16; q.len()];
            run_with(
                &Bound {
                    q: strided(q.as_ptr().cast_mut().cast(), heads, queries),
                    out: strided(out.as_mut_ptr().cast(), heads, queries),
                    keys: strided(keys.as_ptr().cast_mut().cast(), kv_heads, length),
                    values: strided(values.as_ptr().cast_mut().cast(), kv_heads, length),
                    batch,
                    kv_heads,
                    group,
                    queries,
                    dim,
                    scale: 0.125,
                    dtype: DType::BF16,
                    seen: match lens {
                        Some(_) => Seen::Ranges(
                            (0..batch).map(|b| range(b, 0)).map(|r| [r.start, r.end]).collect(),
                        ),
                        None => Seen::Causal { length, window },
                    },
                },
                level,
                threads,
            );
            // Tiles multiply weights that are rounded to bf16.
            let least = |size: f64| if level.1.is_some() { size * 2f64.powi(-9) } else { 0.0 };
            for (i, (y, (exact, size))) in out.iter().zip(&exact).enumerate() {
                let y = f64::from(f32::from_bits(u32::from(*y) << 16));
                let error = (y - exact).abs();
                assert!(
                    error <= 0.004 * exact.abs() + 1e-5 + least(*size),
                    "{level:?} {sizes:?} {i}: {y} {exact}"
                );
            }
            let before = first.get_or_insert_with(|| (level, out.clone()));
            if before.0.0 == level.0 && before.0.1.is_some() == level.1.is_some() {
                assert_eq!(before.1, out, "threads count");
            }
            *before = (level, out);
        }
    }
}

#[test]
fn one_query_a_head_on_every_level() {
    const ALL: i32 = i32::MAX;
    check(([1, 1, 1, 1, 1, 16], ALL, Some([1, 1])));
    check(([2, 2, 5, 1, 200, 48], ALL, Some([200, 77])));
    check(([2, 1, 7, 1, 130, 64], 40, Some([130, 3])));
    check(([2, 3, 2, 1, 65, 128], ALL, Some([0, 65])));
    check(([1, 4, 4, 1, 300, 128], 256, Some([290, 0])));
}

#[test]
fn blocks_of_queries_on_every_level() {
    const ALL: i32 = 1 << 30;
    check(([1, 1, 1, 1, 1, 16], ALL, None));
    check(([2, 2, 3, 67, 67, 48], ALL, None));
    check(([1, 2, 2, 70, 200, 64], 90, None));
    check(([1, 1, 5, 130, 130, 128], 1, None));
    check(([1, 1, 2, 80, 50, 32], ALL, None));
}
