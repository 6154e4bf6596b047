//! Packed integers of fewer than 32 bits to lanes.

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};

/// # Safety
/// Input 0: packed words of `extra[1]` bits (8 or 32), one a lane. Output: `len` integers of `extra[0]` bits a row.
#[inline(always)]
unsafe fn unpack_rows<S: Simd>(s: S, call: &Call) {
    let (bits, width) = (call.extra[0] as usize, call.extra[1] as usize);
    // SAFETY: the caller's promise.
    unsafe {
        let done = match (bits, width) {
            (1, 8) => rows::<S, 1, 8>(s, call),
            (2, 8) => rows::<S, 2, 8>(s, call),
            (4, 8) => rows::<S, 4, 8>(s, call),
            (1, 32) => rows::<S, 1, 32>(s, call),
            (2, 32) => rows::<S, 2, 32>(s, call),
            (3, 32) => rows::<S, 3, 32>(s, call),
            (4, 32) => rows::<S, 4, 32>(s, call),
            (6, 32) => rows::<S, 6, 32>(s, call),
            (8, 32) if cfg!(target_endian = "little") => bytes(s, call),
            _ => 0,
        };
        for r in 0..call.rows {
            one_by_one(call, r, done, bits, width);
        }
    }
}

/// The whole vectors of all rows; how many elements they hold in each.
///
/// # Safety
/// As [`unpack_rows`].
#[inline(always)]
unsafe fn rows<S: Simd, const BITS: usize, const WIDTH: usize>(s: S, call: &Call) -> usize {
    let words_of_row = (call.len * BITS).div_ceil(WIDTH);
    // Vectors begin at the start of a word, or every other one does. So what each lane takes is known once for all.
    let phases = if (LANES * BITS).is_multiple_of(WIDTH) { 1 } else { 2 };
    let mut lanes = [Taken { index: s.i(0), shift: s.i(0) }; 2];
    let mut k = 0;
    while k < phases {
        let start = (k * LANES * BITS % WIDTH) as u32;
        let bit = s.iadd(s.imul(s.i_from(COUNT), s.i(BITS as u32)), s.i(start));
        lanes[k].index = s.shrv(bit, s.i(WIDTH.ilog2()));
        lanes[k].shift = s.and(bit, s.i(WIDTH as u32 - 1));
        k += 1;
    }
    for r in 0..call.rows {
        let (words, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let mut at = 0;
        while at + LANES <= call.len {
            let mut k = 0;
            while k < phases && at + LANES <= call.len {
                let word = at * BITS / WIDTH;
                // SAFETY: the words of elements `at .. at + 16` are inside the row, and these elements of the output.
                unsafe {
                    let left = words_of_row - word;
                    let v = vector::<S, BITS, WIDTH>(s, words.add(word), left, lanes[k]);
                    s.istore(out.add(at), v);
                }
                at += LANES;
                k += 1;
            }
        }
    }
    call.len / LANES * LANES
}

/// Which word each lane takes, and from which bit on.
#[derive(Clone, Copy)]
struct Taken<I> {
    index: I,
    shift: I,
}

/// 16 elements: they take at most 16 words. Of these each lane takes one, and the next where it crosses over.
///
/// # Safety
/// There are `left` words, and in them 16 elements.
#[inline(always)]
unsafe fn vector<S: Simd, const BITS: usize, const WIDTH: usize>(
    s: S,
    words: *const u32,
    left: usize,
    Taken { index, shift }: Taken<S::I>,
) -> S::I {
    if WIDTH.is_multiple_of(LANES * BITS) {
        // All of one word; a stream may begin at any byte.
        // SAFETY: the caller's promise.
        let word = unsafe { words.read_unaligned() };
        return s.and(s.shrv(s.i(word), shift), s.i((1 << BITS) - 1));
    }
    // SAFETY: the caller's promise.
    let table = s.bits(unsafe {
        match LANES <= left {
            true => s.load(words.cast()),
            false => s.load_part(words.cast(), left),
        }
    });
    let mut v = s.shrv(s.permute(table, index), shift);
    if !WIDTH.is_multiple_of(BITS) {
        // In two steps, because a shift by the whole width is none.
        let next = s.permute(table, s.iadd(index, s.i(1)));
        let up = s.isub(s.i(WIDTH as u32 - 1), shift);
        v = s.or(v, s.shlv(s.shl::<1>(next), up));
    }
    s.and(v, s.i((1 << BITS) - 1))
}

/// Bytes of words: the whole vectors of all rows, and how many elements they hold in each.
///
/// # Safety
/// As [`unpack_rows`].
#[inline(always)]
unsafe fn bytes<S: Simd>(s: S, call: &Call) -> usize {
    for r in 0..call.rows {
        let (words, out): (*const u8, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let mut at = 0;
        while at + LANES <= call.len {
            // SAFETY: inside the row.
            unsafe { s.istore(out.add(at), s.load_u8(words.add(at))) };
            at += LANES;
        }
    }
    call.len / LANES * LANES
}

/// The elements of row `r` from `at` on.
///
/// # Safety
/// As [`unpack_rows`].
#[inline(always)]
unsafe fn one_by_one(call: &Call, r: usize, at: usize, bits: usize, width: usize) {
    let (words, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
    for at in at..call.len {
        let (word, offset) = (at * bits / width, at * bits % width);
        // SAFETY: element `at` lies in this word and perhaps the next, all inside the row.
        unsafe {
            let low = *words.add(word) >> offset;
            let high = match offset + bits > width {
                true => *words.add(word + 1) << (width - offset),
                false => 0,
            };
            *out.add(at) = (low | high) & ((1u32 << bits) - 1);
        }
    }
}

/// # Safety
/// Input 0: a stream of bits of `extra[1] / 256` bytes, `extra[1] % 256` bits an element. Output: one row of `len`
/// integers, from element `extra[0]` of the stream on, which starts a byte.
#[inline(always)]
unsafe fn stream_row<S: Simd>(s: S, call: &Call) {
    let (bits, bytes) = ((call.extra[1] % 256) as usize, (call.extra[1] / 256) as usize);
    let skipped = call.extra[0] as usize * bits / 8;
    let from = call.inputs[0].at.wrapping_add(skipped);
    // Whole words as above; the last elements byte by byte.
    let words = bytes.saturating_sub(skipped) / 4;
    let whole = (words * 32 / bits).min(call.len) / LANES * LANES;
    let mut head = Call { rows: 1, len: whole, ..*call };
    head.inputs[0].at = from;
    let out: *mut u32 = call.out.row(0);
    // SAFETY: the caller's promise; `whole` elements lie in `words` words.
    unsafe {
        let done = match bits {
            _ if cfg!(target_endian = "big") => 0,
            1 => rows::<S, 1, 32>(s, &head),
            2 => rows::<S, 2, 32>(s, &head),
            3 => rows::<S, 3, 32>(s, &head),
            4 => rows::<S, 4, 32>(s, &head),
            6 => rows::<S, 6, 32>(s, &head),
            _ => 0,
        };
        for at in done..call.len {
            let (byte, offset) = (at * bits / 8, at * bits % 8);
            let low = *from.add(byte) as u32 >> offset;
            let high = match offset + bits > 8 {
                true => (*from.add(byte + 1) as u32) << (8 - offset),
                false => 0,
            };
            *out.add(at) = (low | high) & ((1 << bits) - 1);
        }
    }
}

primitive! {
    /// Widens a stretch of a stream of packed integers.
    pub fn unpack_stream<; > = stream_row
}
primitive! {
    /// Widens packed sub-byte integers, LSB first.
    pub fn unpack<; > = unpack_rows
}

/// Single bits of a stream (as for [`unpack_stream`]) to bytes: output, `len` bytes in one row.
pub fn bits_to_bytes(level: Level) -> Primitive {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn avx512(call: &Call, _: u8) {
        use std::arch::x86_64::*;
        let ones = _mm512_set1_epi8(1);
        let stream = call.stream && (call.out.at as usize).is_multiple_of(64);
        // SAFETY: the caller's promise; `bytes_of_bits` calls it with 64 bytes of the output.
        unsafe {
            bytes_of_bits(call, |bits, out| {
                let bytes = _mm512_maskz_mov_epi8(bits, ones);
                match stream {
                    true => _mm512_stream_si512(out.cast(), bytes),
                    false => _mm512_storeu_si512(out.cast(), bytes),
                }
            })
        }
    }
    unsafe fn plain(call: &Call, _: u8) {
        let eight = |bits: u8| {
            // Byte j has bit j, if any; adding 127 moves what there is to the highest one.
            let apart = (bits as u64 * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
            (apart + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101
        };
        // SAFETY: the caller's promise; `bytes_of_bits` calls it with 64 bytes of the output.
        unsafe {
            bytes_of_bits(call, |bits, out| {
                for (k, bits) in bits.to_le_bytes().into_iter().enumerate() {
                    out.add(8 * k).cast::<[u8; 8]>().write_unaligned(eight(bits).to_le_bytes());
                }
            })
        }
    }
    Primitive::opaque(match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512,
        _ => plain,
    })
}

/// # Safety
/// As [`bits_to_bytes`]; `whole` may write 64 bytes.
#[inline(always)]
unsafe fn bytes_of_bits(call: &Call, whole: impl Fn(u64, *mut u8)) {
    let from: *const u8 = call.inputs[0].at.wrapping_add((call.extra[0] / 8) as usize);
    let out: *mut u8 = call.out.at;
    // SAFETY: the stream has `len` bits from there on, and the output as many bytes.
    unsafe {
        for k in 0..call.len / 64 {
            let bits = from.add(8 * k).cast::<[u8; 8]>().read_unaligned();
            whole(u64::from_le_bytes(bits), out.add(64 * k));
        }
        for at in call.len / 64 * 64..call.len {
            *out.add(at) = *from.add(at / 8) >> (at % 8) & 1;
        }
    }
}

/// Whether bytes are zero, as bits: input 0, eight bytes for each byte of the output, `len` of these in one row.
pub fn bytes_to_bits(level: Level) -> Primitive {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn avx512(call: &Call, _: u8) {
        use std::arch::x86_64::*;
        let (from, out): (*const u8, *mut u8) = (call.inputs[0].at, call.out.at);
        for k in 0..call.len / 8 {
            // SAFETY: eight bytes of the output, and the 64 of the input that they are made of.
            unsafe {
                let bytes = _mm512_loadu_si512(from.add(64 * k).cast());
                let bits = _mm512_test_epi8_mask(bytes, bytes);
                out.add(8 * k).cast::<[u8; 8]>().write_unaligned(bits.to_le_bytes());
            }
        }
        // SAFETY: the caller's promise.
        unsafe { bits_of_bytes(call, call.len / 8 * 8) }
    }
    unsafe fn plain(call: &Call, _: u8) {
        // SAFETY: the caller's promise.
        unsafe { bits_of_bytes(call, 0) }
    }
    Primitive::opaque(match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512,
        _ => plain,
    })
}

/// # Safety
/// As [`bytes_to_bits`], of the bytes of the output from `at` on.
#[inline(always)]
unsafe fn bits_of_bytes(call: &Call, at: usize) {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let (from, out): (*const u8, *mut u8) = (call.inputs[0].at, call.out.at);
    for k in at..call.len {
        // SAFETY: a byte of the output, and the eight of the input that it is made of.
        unsafe {
            let bytes = u64::from_le_bytes(from.add(8 * k).cast::<[u8; 8]>().read_unaligned());
            // The highest bit of each byte that is not zero; then byte j's goes to bit 56 + j.
            let set = (((bytes & LOW) + LOW) | bytes) >> 7 & 0x0101_0101_0101_0101;
            *out.add(k) = (set.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        }
    }
}
