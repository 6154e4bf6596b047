//! The greatest floats of sixteen rows together, on AVX-512: what is a step of a sort in one row is a step of sixteen
//! sorts, a lane a row, and no branch depends on the data.
//!
//! The k-th greatest of the sixteen lanes' maxima of a row is its floor ([`floors`]). Elements that reach it are little
//! more than k, and their numbers are packed as bytes ([`pack`]), which reach to 256. What is found becomes keys of 64
//! bits, the order of an element and its place, and the greatest keys come from a network of comparisons, a lane a row
//! again ([`order`]).
//!
//! A Zen 4 takes for the eight greatest of 128 elements that lie in the first cache 100 cycles a row so, and 270 row by
//! row. Packing elements themselves took 150 (a compression is two instructions inside the CPU, and bytes need one for
//! 64 elements where words need four), gathering instead of looking up in registers 110.
//!
//! Tried for rows of 1024 that come from memory, and slower (2.0 to 2.9 ms for 16384 of them, which take 1.7 to 1.9 row by
//! row): only the order together; or the maxima of classes of four elements kept from the first sweep, those classes
//! packed that reach the floor, and their elements looked at again, for sixteen, four or one row at a time. Computing is
//! done sooner then (500 cycles instead of 580), but less of it goes on while the memory brings the next row.

use super::super::arg::fetch;
use super::super::call::Call;
use super::LANES;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Rows that are worked on together.
pub const TOGETHER: usize = 16;
/// The most elements that are wanted: half of a row's lanes.
pub const MOST_WANTED: usize = 8;
/// The longest rows: a byte holds the number of each element.
pub const LONGEST: usize = 256;
/// Room for elements that reach a row's floor. In random rows 10.6 elements are at least as great as the
/// eighth of sixteen maxima; one row in 250 has more than there is room for.
const ROOM: usize = 16;

/// What a row's greatest are among; so many of the first are meant.
#[repr(align(64))]
struct Found {
    values: [[f32; 2 * ROOM]; TOGETHER],
    places: [[u32; 2 * ROOM]; TOGETHER],
    count: [usize; TOGETHER],
}

/// True where the CPU has what this file needs beyond [`Level::Avx512`](super::Level).
pub fn available() -> bool {
    std::is_x86_feature_detected!("avx512vbmi2") && std::is_x86_feature_detected!("popcnt")
}

/// Writes the `k` greatest elements of rows `first .. first + TOGETHER` and their positions, but of those rows whose bit is
/// set in the result: they have a NaN, or more equal elements than there is room for.
///
/// # Safety
/// The CPU has AVX-512 and is [`available`], the rows are those of a call of [`top_rows`](super::top_rows), with
/// `1 <= k <= MOST_WANTED` and `k < len <= LONGEST`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt")]
pub unsafe fn top_of_rows(call: &Call, first: usize, k: usize) -> u32 {
    let len = call.len;
    let row = |r: usize| -> *const f32 { call.inputs[0].row(first + r) };
    let mut found = MaybeUninit::<Found>::uninit();
    let found = found.as_mut_ptr();
    let mut left = 0;
    // SAFETY: the caller's promise; of what is found, what is read was written.
    unsafe {
        let mut maxima = [_mm512_setzero_ps(); TOGETHER];
        for (r, maxima) in maxima.iter_mut().enumerate() {
            let (greatest, nan) = greatest(row(r), len);
            *maxima = greatest;
            left |= (nan as u32) << r;
        }
        let mut packed = [[0; 2 * ROOM]; TOGETHER];
        for (r, floor) in floors(maxima, k).into_iter().enumerate() {
            let count = pack(row(r), len, floor, packed[r].as_mut_ptr());
            left |= ((count > ROOM) as u32) << r;
            (*found).count[r] = count.min(ROOM);
            fetch(call.row_after(first + r, TOGETHER), len);
        }
        for (r, packed) in packed.iter().enumerate() {
            look_up(row(r), len, packed.as_ptr(), found, r);
        }
        order(call, first, &*found, 0, k);
        order(call, first, &*found, TOGETHER / 2, k);
    }
    left
}

/// The lanes `0 .. n`.
fn lanes(n: usize) -> __mmask16 {
    ((1u32 << n.min(LANES)) - 1) as __mmask16
}

/// The vector at `at` of a row, -∞ past its end.
///
/// # Safety
/// `x` has `len` elements.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn vector(x: *const f32, at: usize, len: usize) -> __m512 {
    let lowest = _mm512_set1_ps(f32::NEG_INFINITY);
    // SAFETY: the caller's promise; masked lanes are not read.
    unsafe { _mm512_mask_loadu_ps(lowest, lanes(len.saturating_sub(at)), x.wrapping_add(at)) }
}

/// The greatest element of each lane, and whether there is a NaN.
///
/// # Safety
/// `x` has `len` elements.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn greatest(x: *const f32, len: usize) -> (__m512, bool) {
    let mut greatest = [_mm512_set1_ps(f32::NEG_INFINITY); 2];
    // Truth is collected where it is made: taking it to another register takes longer than making it.
    let mut numbers = lanes(LANES);
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + 4 * LANES <= len {
            let [a, b, c, d] = [0, 1, 2, 3].map(|k| _mm512_loadu_ps(x.add(at + k * LANES)));
            numbers = _mm512_mask_cmp_ps_mask::<_CMP_ORD_Q>(numbers, a, b);
            numbers = _mm512_mask_cmp_ps_mask::<_CMP_ORD_Q>(numbers, c, d);
            greatest[0] = _mm512_max_ps(_mm512_max_ps(a, b), greatest[0]);
            greatest[1] = _mm512_max_ps(_mm512_max_ps(c, d), greatest[1]);
            at += 4 * LANES;
        }
        while at < len {
            let a = vector(x, at, len);
            numbers = _mm512_mask_cmp_ps_mask::<_CMP_ORD_Q>(numbers, a, a);
            greatest[0] = _mm512_max_ps(a, greatest[0]);
            at += LANES;
        }
    }
    (_mm512_max_ps(greatest[0], greatest[1]), numbers != lanes(LANES))
}

/// The k-th greatest lane of each of sixteen vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn floors(vectors: [__m512; TOGETHER], k: usize) -> [f32; TOGETHER] {
    // Within fours of vectors, parts of four lanes are turned; then the parts.
    let mut turned = vectors;
    for four in turned.chunks_exact_mut(4) {
        let [a, b, c, d] = [four[0], four[1], four[2], four[3]];
        let double = |a, b| (_mm512_castps_pd(a), _mm512_castps_pd(b));
        let (low_a, low_c) = double(_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
        let (high_a, high_c) = double(_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
        four[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low_a, low_c));
        four[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low_a, low_c));
        four[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high_a, high_c));
        four[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high_a, high_c));
    }
    let mut v = [_mm512_setzero_ps(); TOGETHER];
    for k in 0..4 {
        let [a, b, c, d] = [turned[k], turned[4 + k], turned[8 + k], turned[12 + k]];
        let (even_a, odd_a) =
            (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (even_c, odd_c) =
            (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
        v[k] = _mm512_shuffle_f32x4::<0x88>(even_a, even_c);
        v[4 + k] = _mm512_shuffle_f32x4::<0x88>(odd_a, odd_c);
        v[8 + k] = _mm512_shuffle_f32x4::<0xdd>(even_a, even_c);
        v[12 + k] = _mm512_shuffle_f32x4::<0xdd>(odd_a, odd_c);
    }
    macro_rules! compare { ($($a:literal-$b:literal)*) => { $(
        (v[$a], v[$b]) = (_mm512_max_ps(v[$a], v[$b]), _mm512_min_ps(v[$a], v[$b]));
    )* } }
    // Green's network of 60 comparisons.
    compare!(0-1 2-3 4-5 6-7 8-9 10-11 12-13 14-15);
    compare!(0-2 1-3 4-6 5-7 8-10 9-11 12-14 13-15);
    compare!(0-4 1-5 2-6 3-7 8-12 9-13 10-14 11-15);
    compare!(0-8 1-9 2-10 3-11 4-12 5-13 6-14 7-15);
    compare!(5-10 6-9 3-12 13-14 4-8 7-11 1-2);
    compare!(1-4 7-13 2-8 11-14);
    compare!(2-4 5-6 9-10 11-13 3-8 7-12);
    compare!(6-8 10-12 3-5 7-9);
    compare!(3-4 5-6 7-8 9-10 11-12);
    compare!(6-7 8-9);
    // SAFETY: sixteen floats.
    unsafe { std::mem::transmute::<__m512, [f32; TOGETHER]>(v[k - 1]) }
}

/// Writes the numbers of the elements that reach the floor, `ROOM` of them at most; how many do.
///
/// # Safety
/// `x` has `len <= LONGEST` elements, `packed` room for twice `ROOM` bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
unsafe fn pack(x: *const f32, len: usize, floor: f32, packed: *mut u8) -> usize {
    const COUNT: [u8; 64] = {
        let mut count = [0; 64];
        let mut k = 0;
        while k < 64 {
            count[k] = k as u8;
            k += 1;
        }
        count
    };
    let floor = _mm512_set1_ps(floor);
    let mut count = 0;
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let mut numbers = _mm512_loadu_si512(COUNT.as_ptr().cast());
        while at < len {
            let mut reach = 0u64;
            if at + 4 * LANES <= len {
                let [a, b, c, d] = [0, 1, 2, 3].map(|k| {
                    let x = _mm512_loadu_ps(x.add(at + k * LANES));
                    _mm512_cmp_ps_mask::<_CMP_LE_OQ>(floor, x)
                });
                let low = _mm512_kunpackw(b as u32, a as u32);
                let high = _mm512_kunpackw(d as u32, c as u32);
                reach = _mm512_kunpackd(high as u64, low as u64);
            } else {
                for k in 0..4 {
                    let here = at + k * LANES;
                    let there = lanes(len.saturating_sub(here));
                    let x = vector(x, here, len);
                    let reaches = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(there, floor, x);
                    reach |= (reaches as u64) << (k * LANES);
                }
            }
            let bytes = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(reach, numbers));
            _mm_storeu_si128(packed.add(count.min(ROOM)).cast(), bytes);
            count += reach.count_ones() as usize;
            numbers = _mm512_add_epi8(numbers, _mm512_set1_epi8(64));
            at += 4 * LANES;
        }
    }
    count
}

/// The packed numbers of row `r`, and which of them are meant.
///
/// # Safety
/// `packed` has `ROOM` bytes.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn numbers(packed: *const u8, found: *const Found, r: usize) -> (__m512i, __mmask16) {
    // SAFETY: the caller's promise; the count has been written.
    unsafe {
        let there = lanes((*found).count[r]);
        (_mm512_maskz_cvtepu8_epi32(there, _mm_loadu_si128(packed.cast())), there)
    }
}

/// Finds the elements of a row whose places are packed.
///
/// # Safety
/// `x` has `len` elements, among them those of the places.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn look_up(x: *const f32, len: usize, packed: *const u8, found: *mut Found, r: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let (places, there) = numbers(packed, found, r);
        let values = if len == 8 * LANES {
            let pair = |k: usize| {
                let two = [k, k + 1].map(|k| _mm512_loadu_ps(x.add(k * LANES)));
                _mm512_permutex2var_ps(two[0], places, two[1])
            };
            let odd_pair = _mm512_test_epi32_mask(places, _mm512_set1_epi32(32));
            let upper = _mm512_test_epi32_mask(places, _mm512_set1_epi32(64));
            let low = _mm512_mask_blend_ps(odd_pair, pair(0), pair(2));
            let high = _mm512_mask_blend_ps(odd_pair, pair(4), pair(6));
            _mm512_mask_blend_ps(upper, low, high)
        } else {
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), there, places, x)
        };
        _mm512_store_ps((&raw mut (*found).values[r]).cast(), values);
        _mm512_store_si512((&raw mut (*found).places[r]).cast(), places);
    }
}

/// Keys of what was found in row `r`, greatest for what comes first: the order of the value, then the place, whose lowest
/// bit tells -0 from the +0 that it equals.
#[inline]
#[target_feature(enable = "avx512f")]
fn keys(found: &Found, r: usize) -> [__m512i; 2] {
    let there = lanes(found.count[r]);
    // SAFETY: whole vectors of the room.
    let (x, place) = unsafe {
        (
            _mm512_load_ps(found.values[r].as_ptr()),
            _mm512_load_si512(found.places[r].as_ptr().cast()),
        )
    };
    let lowest = _mm512_set1_epi32(i32::MIN);
    let minus = _mm512_cmpeq_epi32_mask(_mm512_castps_si512(x), lowest);
    let bits = _mm512_castps_si512(_mm512_add_ps(x, _mm512_setzero_ps()));
    let high = _mm512_mask_blend_epi32(there, lowest, flipped(bits));
    let low = _mm512_xor_si512(_mm512_add_epi32(place, place), _mm512_set1_epi32(-2));
    let low = _mm512_mask_add_epi32(low, minus, low, _mm512_set1_epi32(1));
    [_mm512_unpacklo_epi32(low, high), _mm512_unpackhi_epi32(low, high)]
}

/// Bits of floats to integers of their order, or back.
#[inline]
#[target_feature(enable = "avx512f")]
fn flipped(bits: __m512i) -> __m512i {
    _mm512_xor_si512(bits, _mm512_srli_epi32::<1>(_mm512_srai_epi32::<31>(bits)))
}

macro_rules! compare { ($v:ident: $($a:literal-$b:literal)*) => { $(
    ($v[$a], $v[$b]) = (_mm512_max_epi64($v[$a], $v[$b]), _mm512_min_epi64($v[$a], $v[$b]));
)* } }

/// Eight vectors in descending order in each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn sorted(mut v: [__m512i; 8]) -> [__m512i; 8] {
    compare!(v: 0-2 1-3 4-6 5-7);
    compare!(v: 0-4 1-5 2-6 3-7);
    compare!(v: 0-1 2-3 4-5 6-7);
    compare!(v: 2-4 3-5);
    compare!(v: 1-4 3-6);
    compare!(v: 1-2 3-4 5-6);
    v
}

/// The eight greatest of sixteen vectors in each lane, descending.
#[inline]
#[target_feature(enable = "avx512f")]
fn greatest_of(a: [__m512i; 8], b: [__m512i; 8]) -> [__m512i; 8] {
    let (a, b) = (sorted(a), sorted(b));
    // Against each other, two orders have the greatest; these rise and then fall.
    let mut v = a;
    for k in 0..8 {
        v[k] = _mm512_max_epi64(a[k], b[7 - k]);
    }
    compare!(v: 0-4 1-5 2-6 3-7);
    compare!(v: 0-2 1-3 4-6 5-7);
    compare!(v: 0-1 2-3 4-5 6-7);
    v
}

/// Lane i of vector k becomes lane k of vector i.
#[inline]
#[target_feature(enable = "avx512f")]
fn turned(v: [__m512i; 8]) -> [__m512i; 8] {
    let even = [0, 2, 4, 6].map(|k| _mm512_unpacklo_epi64(v[k], v[k + 1]));
    let odd = [0, 2, 4, 6].map(|k| _mm512_unpackhi_epi64(v[k], v[k + 1]));
    let parts = |[a, b, c, d]: [__m512i; 4]| {
        let (first_a, second_a) =
            (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b));
        let (first_c, second_c) =
            (_mm512_shuffle_i64x2::<0x88>(c, d), _mm512_shuffle_i64x2::<0xdd>(c, d));
        [
            _mm512_shuffle_i64x2::<0x88>(first_a, first_c),
            _mm512_shuffle_i64x2::<0x88>(second_a, second_c),
            _mm512_shuffle_i64x2::<0xdd>(first_a, first_c),
            _mm512_shuffle_i64x2::<0xdd>(second_a, second_c),
        ]
    };
    let ([a, c, e, g], [b, d, f, h]) = (parts(even), parts(odd));
    [a, b, c, d, e, f, g, h]
}

/// Writes the `k` first of what was found in eight rows from `half` on.
///
/// # Safety
/// As [`top_of_rows`]; at least `k` were found in each row whose result matters.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn order(call: &Call, first: usize, found: &Found, half: usize, k: usize) {
    let zero = _mm512_setzero_si512();
    let (mut a, mut b) = ([zero; 8], [zero; 8]);
    for r in 0..8 {
        [a[r], b[r]] = keys(found, half + r);
    }
    let best = turned(greatest_of(turned(a), turned(b)));
    let low = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let high = _mm512_add_epi32(low, _mm512_set1_epi32(1));
    let wanted = lanes(k) as __mmask8;
    for r in (0..8).step_by(2) {
        let place = _mm512_permutex2var_epi32(best[r], low, best[r + 1]);
        let value = flipped(_mm512_permutex2var_epi32(best[r], high, best[r + 1]));
        let minus = _mm512_test_epi32_mask(place, _mm512_set1_epi32(1));
        let value = _mm512_mask_mov_epi32(value, minus, _mm512_set1_epi32(i32::MIN));
        let place = _mm512_srli_epi32::<1>(_mm512_xor_si512(place, _mm512_set1_epi32(-1)));
        let halves = |x| [_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x)];
        for (of, [value, place]) in
            [0, 1].map(|of| (first + half + r + of, [halves(value)[of], halves(place)[of]]))
        {
            let (values, places) = (call.out.row::<i32>(of), call.inputs[1].row::<i32>(of));
            // SAFETY: the caller's promise; masked lanes are not written.
            unsafe {
                if k == 8 {
                    _mm256_storeu_si256(values.cast(), value);
                    _mm256_storeu_si256(places.cast(), place);
                } else {
                    _mm256_mask_storeu_epi32(values, wanted, value);
                    _mm256_mask_storeu_epi32(places, wanted, place);
                }
            }
        }
    }
}
