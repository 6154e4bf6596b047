//! Between memory and lanes: conversions, strides, indices, and packed integers.
//!
//! In lanes every element takes 32 bits: floats of any width as f32, signed integers sign-extended, unsigned ones and
//! truth values (0 or 1) zero-extended.

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Meaning, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::ops::to_bf16;
use tilewright_ir::{DType, StoreMode};

/// How elements of a dtype lie in memory.
pub trait Format: 'static {
    /// Bytes of one.
    const SIZE: usize;
    /// 16 neighbours, widened.
    /// # Safety
    /// 16 readable elements.
    unsafe fn load<S: Simd>(s: S, p: *const u8) -> S::I;
    /// 16 neighbours, narrowed.
    /// # Safety
    /// 16 writable elements.
    unsafe fn store<S: Simd>(s: S, p: *mut u8, a: S::I);
    /// Elements in the lowest bits of each lane, widened; anything may lie above them.
    fn widen<S: Simd>(s: S, a: S::I) -> S::I;
    /// One element, widened.
    /// # Safety
    /// A readable element.
    unsafe fn get(p: *const u8) -> u32;
    /// One element, narrowed.
    /// # Safety
    /// A writable element.
    unsafe fn set(p: *mut u8, a: u32);
}

macro_rules! formats {
    ($($Format:ident $size:literal
        load($s:ident, $p:ident) $load:expr; widen($v:ident) $widen:expr; store($a:ident) $store:expr;
        get $get:expr; set($one:ident) $set:expr;)*) => { $(
        /// See [`Format`].
        pub struct $Format;
        impl Format for $Format {
            const SIZE: usize = $size;
            #[inline(always)]
            unsafe fn load<S: Simd>($s: S, $p: *const u8) -> S::I {
                // SAFETY: the caller's promise.
                unsafe { $load }
            }
            #[inline(always)]
            fn widen<S: Simd>($s: S, $v: S::I) -> S::I {
                let _ = $s;
                $widen
            }
            #[inline(always)]
            unsafe fn store<S: Simd>($s: S, $p: *mut u8, $a: S::I) {
                // SAFETY: the caller's promise.
                unsafe { $store }
            }
            #[inline(always)]
            unsafe fn get($p: *const u8) -> u32 {
                // SAFETY: the caller's promise.
                unsafe { $get }
            }
            #[inline(always)]
            unsafe fn set($p: *mut u8, $one: u32) {
                // SAFETY: the caller's promise.
                unsafe { $set }
            }
        }
    )* };
}

formats! {
    Word 4
        load(s, p) s.iload(p.cast());
        widen(v) v;
        store(a) s.istore(p.cast(), a);
        get p.cast::<u32>().read_unaligned();
        set(x) p.cast::<u32>().write_unaligned(x);
    Half 2
        load(s, p) s.bits(s.half_to_float(s.load_u16(p.cast())));
        widen(v) s.bits(s.half_to_float(s.and(v, s.i(0xffff))));
        store(a) s.store_u16(p.cast(), s.float_to_half(s.float(a)));
        get super::portable::widen_f16(p.cast::<u16>().read_unaligned()).to_bits();
        set(x) p.cast::<u16>().write_unaligned(super::portable::narrow_f16(f32::from_bits(x)));
    Brain 2
        load(s, p) s.shl::<16>(s.load_u16(p.cast()));
        widen(v) s.shl::<16>(v);
        store(a) s.store_u16(p.cast(), to_bf16(s, s.float(a)));
        get (p.cast::<u16>().read_unaligned() as u32) << 16;
        set(x) p.cast::<u16>().write_unaligned(brain(x));
    Byte 1
        load(s, p) s.load_u8(p);
        widen(v) s.and(v, s.i(0xff));
        store(a) s.store_u8(p, a);
        get *p as u32;
        set(x) *p = x as u8;
    SignedByte 1
        load(s, p) s.sar::<24>(s.shl::<24>(s.load_u8(p)));
        widen(v) s.sar::<24>(s.shl::<24>(v));
        store(a) s.store_u8(p, a);
        get *p as i8 as u32;
        set(x) *p = x as u8;
    Truth 1
        load(s, p) s.one_if(s.truth(s.load_u8(p)));
        widen(v) s.one_if(s.truth(s.and(v, s.i(0xff))));
        store(a) s.store_u8(p, a);
        get (*p != 0) as u32;
        set(x) *p = x as u8;
}

/// The upper half of an f32, ties to even.
fn brain(bits: u32) -> u16 {
    if f32::from_bits(bits).is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// # Safety
/// Input 0: `len` elements of the format a row, `extra[0]` bytes apart. Output: `len` lanes a row.
#[inline(always)]
unsafe fn load_rows<S: Simd, F: Format>(s: S, call: &Call) {
    let stride = call.extra[0] as isize;
    // Rows that lie side by side are columns of what is copied.
    let side_by_side = call.inputs[0].row == F::SIZE as isize && stride != F::SIZE as isize;
    let (rows, columns) = match side_by_side {
        // SAFETY: the caller's promise.
        true => unsafe { load_blocks::<S, F>(s, call) },
        false => (0, 0),
    };
    for r in 0..call.rows {
        let (from, out): (*const u8, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let next: *const u8 = call.prefetch.row(r);
        let mut at = if r < rows { columns } else { 0 };
        // SAFETY: `at` stays below `len` in both rows. Prefetching is safe at any address.
        unsafe {
            if stride == F::SIZE as isize {
                while at + LANES <= call.len {
                    if !next.is_null() {
                        prefetch(next.wrapping_add(at * F::SIZE));
                    }
                    s.istore(out.add(at), F::load(s, from.add(at * F::SIZE)));
                    at += LANES;
                }
            }
            if stride == 8 {
                // One more than a vector remains, so that two whole ones end before the last element. What lies between
                // the elements may be another thread's; it is not used.
                while at + LANES < call.len {
                    if !next.is_null() {
                        prefetch(next.wrapping_add(at * 8));
                        prefetch(next.wrapping_add(at * 8 + 64));
                    }
                    let v = every_other(s, from.add(at * 8).cast());
                    s.istore(out.add(at), F::widen(s, v));
                    at += LANES;
                }
            }
            while at < call.len {
                *out.add(at) = F::get(from.wrapping_offset(at as isize * stride));
                at += 1;
            }
        }
    }
}

/// The even ones of 32 neighbours.
///
/// # Safety
/// There are so many.
#[inline(always)]
unsafe fn every_other<S: Simd>(s: S, p: *const u32) -> S::I {
    let place = s.shl::<1>(s.i_from(COUNT));
    // SAFETY: the caller's promise.
    let [low, high] = unsafe { [s.iload(p), s.iload(p.add(LANES))] };
    let upper = s.igt(s.i_from(COUNT), s.i(LANES as u32 / 2 - 1));
    s.iselect(upper, s.permute(high, place), s.permute(low, place))
}

/// # Safety
/// Inputs 0 and 1: `len` lanes a row. Output: twice as many, taken from them in turn.
#[inline(always)]
unsafe fn interleave_rows<S: Simd>(s: S, call: &Call) {
    for r in 0..call.rows {
        let (even, odd): (*const u32, *const u32) = (call.inputs[0].row(r), call.inputs[1].row(r));
        let out: *mut u32 = call.out.row(r);
        let stream = call.stream && (out as usize).is_multiple_of(64);
        let half = s.shr::<1>(s.i_from(COUNT));
        let upper = s.iadd(half, s.i(LANES as u32 / 2));
        let is_odd = s.truth(s.and(s.i_from(COUNT), s.i(1)));
        let mut at = 0;
        // SAFETY: a vector of each input and two of the output remain, or single elements.
        unsafe {
            while at + LANES <= call.len {
                let (a, b) = (s.iload(even.add(at)), s.iload(odd.add(at)));
                for (k, place) in [half, upper].into_iter().enumerate() {
                    let y = s.iselect(is_odd, s.permute(b, place), s.permute(a, place));
                    let to = out.add(2 * at + k * LANES);
                    match stream {
                        true => s.stream(to.cast(), s.float(y)),
                        false => s.istore(to, y),
                    }
                }
                at += LANES;
            }
            while at < call.len {
                *out.add(2 * at) = *even.add(at);
                *out.add(2 * at + 1) = *odd.add(at);
                at += 1;
            }
        }
    }
}

/// Sixteen vectors whose lanes are those of all sixteen in turn: rows as columns.
#[inline(always)]
fn transposed<S: Simd>(s: S, v: [S::I; LANES]) -> [S::I; LANES] {
    // Lanes taken in turn from every fourth vector, and from four of those, are lanes of all sixteen.
    let mut w = [[s.i(0); 4]; 4];
    for (g, w) in w.iter_mut().enumerate() {
        *w = s.interleave4([v[g], v[g + 4], v[g + 8], v[g + 12]]);
    }
    let mut out = [s.i(0); LANES];
    for q in 0..4 {
        let four = s.interleave4([w[0][q], w[1][q], w[2][q], w[3][q]]);
        out[4 * q..4 * q + 4].copy_from_slice(&four);
    }
    out
}

/// Loads the whole blocks of 16 rows by 16 elements; how many rows and elements of each they cover.
///
/// # Safety
/// As [`load_rows`], with rows of the input that lie side by side.
#[inline(always)]
unsafe fn load_blocks<S: Simd, F: Format>(s: S, call: &Call) -> (usize, usize) {
    let stride = call.extra[0] as isize;
    let (rows, columns) = (call.rows / LANES * LANES, call.len / LANES * LANES);
    for row in (0..rows).step_by(LANES) {
        let from: *const u8 = call.inputs[0].row(row);
        for column in (0..columns).step_by(LANES) {
            let mut v = [s.i(0); LANES];
            for (k, v) in v.iter_mut().enumerate() {
                // SAFETY: element `column + k` of 16 rows.
                *v = unsafe { F::load(s, from.wrapping_offset((column + k) as isize * stride)) };
            }
            for (k, lanes) in transposed(s, v).into_iter().enumerate() {
                let out: *mut u32 = call.out.row(row + k);
                // SAFETY: 16 elements from `column` on.
                unsafe { s.istore(out.add(column), lanes) };
            }
        }
    }
    (rows, columns)
}

/// Stores the whole blocks of 16 rows by 16 elements; how many rows and elements of each they cover.
///
/// # Safety
/// As [`store_rows`], with rows of the output that lie side by side.
#[inline(always)]
unsafe fn store_blocks<S: Simd, F: Format>(s: S, call: &Call) -> (usize, usize) {
    let stride = call.extra[0] as isize;
    let (rows, columns) = (call.rows / LANES * LANES, call.len / LANES * LANES);
    for row in (0..rows).step_by(LANES) {
        let out: *mut u8 = call.out.row(row);
        for column in (0..columns).step_by(LANES) {
            let mut v = [s.i(0); LANES];
            for (k, v) in v.iter_mut().enumerate() {
                let from: *const u32 = call.inputs[0].row(row + k);
                // SAFETY: 16 elements from `column` on.
                *v = unsafe { s.iload(from.add(column)) };
            }
            for (k, lanes) in transposed(s, v).into_iter().enumerate() {
                // SAFETY: element `column + k` of 16 rows.
                unsafe { F::store(s, out.wrapping_offset((column + k) as isize * stride), lanes) };
            }
        }
    }
    (rows, columns)
}

/// # Safety
/// Input 0: `len` lanes a row. Output: `len` elements of the format a row, `extra[0]` bytes apart.
#[inline(always)]
unsafe fn store_rows<S: Simd, F: Format>(s: S, call: &Call) {
    let stride = call.extra[0] as isize;
    let side_by_side = call.out.row == F::SIZE as isize && stride != F::SIZE as isize;
    let (rows, columns) = match side_by_side {
        // SAFETY: the caller's promise.
        true => unsafe { store_blocks::<S, F>(s, call) },
        false => (0, 0),
    };
    for r in 0..call.rows {
        let (from, out): (*const u32, *mut u8) = (call.inputs[0].row(r), call.out.row(r));
        let stream = F::SIZE == 4 && call.stream && (out as usize).is_multiple_of(64);
        let mut at = if r < rows { columns } else { 0 };
        // SAFETY: `at` stays below `len` in both rows.
        unsafe {
            if stride == F::SIZE as isize {
                while at + LANES <= call.len {
                    let lanes = s.iload(from.add(at));
                    match stream {
                        true => s.stream(out.add(at * 4).cast(), s.float(lanes)),
                        false => F::store(s, out.add(at * F::SIZE), lanes),
                    }
                    at += LANES;
                }
            }
            while at < call.len {
                F::set(out.wrapping_offset(at as isize * stride), *from.add(at));
                at += 1;
            }
        }
    }
}

/// # Safety
/// Input 0: elements of the format, `extra[0]` bytes apart. Input 1: `len` indices a row that stay inside input 0's
/// row. Output: `len` lanes a row.
#[inline(always)]
unsafe fn gather_rows<S: Simd, F: Format>(s: S, call: &Call) {
    let stride = call.extra[0] as isize;
    for r in 0..call.rows {
        let (from, index): (*const u8, *const u32) = (call.inputs[0].row(r), call.inputs[1].row(r));
        let out: *mut u32 = call.out.row(r);
        let mut at = 0;
        // SAFETY: the indices are inside, by the caller's promise.
        unsafe {
            if F::SIZE == 4 && stride == 4 {
                while at + LANES <= call.len {
                    let v = s.gather(from.cast(), s.iload(index.add(at)));
                    s.store(out.add(at).cast(), v);
                    at += LANES;
                }
            }
            while at < call.len {
                *out.add(at) = F::get(from.wrapping_offset(*index.add(at) as isize * stride));
                at += 1;
            }
        }
    }
}

/// # Safety
/// Input 0: a row of `extra[1]` lanes, at most 16. Input 1: `len` indices a row, below that. Output: `len` lanes a row.
#[inline(always)]
unsafe fn pick_rows<S: Simd>(s: S, call: &Call) {
    for r in 0..call.rows {
        let (from, index): (*const u32, *const u32) =
            (call.inputs[0].row(r), call.inputs[1].row(r));
        let out: *mut u32 = call.out.row(r);
        // SAFETY: so many lanes; `n` indices remain, and as many elements of the output.
        unsafe {
            let table = s.bits(s.load_part(from.cast(), call.extra[1] as usize));
            let mut at = 0;
            while at + LANES <= call.len {
                s.istore(out.add(at), s.permute(table, s.iload(index.add(at))));
                at += LANES;
            }
            if at < call.len {
                let n = call.len - at;
                let index = s.bits(s.load_part(index.add(at).cast(), n));
                s.store_part(out.add(at).cast(), s.float(s.permute(table, index)), n);
            }
        }
    }
}

/// # Safety
/// Input 0: `len` lanes a row. Output: elements of the format, `extra[0]` bytes apart. Input 1, unless null: `len`
/// positions a row that stay inside the output's row (else 0, 1, ...). Input 2, unless null: `len` truth values a
/// row; false elements are not written. `extra[1]`: see [`Joining`].
#[inline(always)]
unsafe fn scatter_rows<F: Format>(call: &Call) {
    let stride = call.extra[0] as isize;
    for r in 0..call.rows {
        let (from, index): (*const u32, *const u32) =
            (call.inputs[0].row(r), call.inputs[1].row(r));
        let (mask, out): (*const u32, *mut u8) = (call.inputs[2].row(r), call.out.row(r));
        let masked = !call.inputs[2].at.is_null();
        let indexed = !call.inputs[1].at.is_null();
        for at in 0..call.len {
            // SAFETY: the caller's promise.
            unsafe {
                if masked && *mask.add(at) == 0 {
                    continue;
                }
                let to = if indexed { *index.add(at) as isize } else { at as isize };
                let to = out.wrapping_offset(to * stride);
                let value = *from.add(at);
                let value =
                    if call.extra[1] == 0 { value } else { join(call.extra[1], F::get(to), value) };
                F::set(to, value);
            }
        }
    }
}

/// How a scattered element meets what is there: a store mode and the class of the dtype, as `extra[1]` of [`scatter`].
pub struct Joining;

impl Joining {
    /// The code of a mode for elements of `dtype`.
    pub fn code(mode: StoreMode, dtype: DType) -> u64 {
        let class = match dtype {
            d if d.is_float() => 0,
            DType::I8 | DType::I32 => 1,
            _ => 2,
        };
        match mode {
            StoreMode::Set => 0,
            StoreMode::AtomicAdd => 1 + class,
            StoreMode::AtomicMax => 4 + class,
            StoreMode::AtomicMin => 7 + class,
        }
    }
}

/// Joins an element with what is there, by a code of [`Joining`].
pub fn join(code: u64, old: u32, new: u32) -> u32 {
    let (a, b) = (f32::from_bits(old), f32::from_bits(new));
    match code {
        1 => (a + b).to_bits(),
        2 | 3 => old.wrapping_add(new),
        4 => {
            if a >= b || a.is_nan() {
                old
            } else {
                new
            }
        }
        5 => (old as i32).max(new as i32) as u32,
        6 => old.max(new),
        7 => {
            if a <= b || a.is_nan() {
                old
            } else {
                new
            }
        }
        8 => (old as i32).min(new as i32) as u32,
        9 => old.min(new),
        _ => new,
    }
}

/// # Safety
/// Input 0: `len` indices a row. Output: one i64, which receives the place (row * len + column) of the first index
/// outside `0..extra[0]`, or stays as it is. `extra[1]` is 1 for signed indices.
#[inline(always)]
unsafe fn check_rows<S: Simd>(s: S, call: &Call) {
    let extent = call.extra[0].min(u32::MAX as u64) as u32;
    for r in 0..call.rows {
        let index: *const u32 = call.inputs[0].row(r);
        let mut at = 0;
        while at < call.len {
            let n = (call.len - at).min(LANES);
            // SAFETY: `n` indices remain. A negative index is a huge unsigned one.
            let v = s.bits(unsafe { s.load_part(index.add(at).cast(), n) });
            let inside = s.mask_bits(s.ugt(s.i(extent), v)) | u32::MAX << n;
            if inside != u32::MAX {
                let place = r * call.len + at + inside.trailing_ones() as usize;
                // SAFETY: the output holds an i64.
                unsafe { *call.out.at.cast::<i64>() = place as i64 };
                return;
            }
            at += LANES;
        }
    }
}

/// # Safety
/// Output: `len` lanes a row, set to `extra[0] + row * extra[1] + column`.
#[inline(always)]
unsafe fn iota_rows<S: Simd>(s: S, call: &Call) {
    for r in 0..call.rows {
        let out: *mut u32 = call.out.row(r);
        let start =
            (call.extra[0] as u32).wrapping_add((call.extra[1] as u32).wrapping_mul(r as u32));
        let mut lanes = s.iadd(s.i_from(std::array::from_fn(|k| k as u32)), s.i(start));
        let mut at = 0;
        while at < call.len {
            // SAFETY: inside the row.
            unsafe {
                if at + LANES <= call.len {
                    s.istore(out.add(at), lanes);
                } else {
                    s.store_part(out.add(at).cast(), s.float(lanes), call.len - at);
                }
            }
            lanes = s.iadd(lanes, s.i(LANES as u32));
            at += LANES;
        }
    }
}

primitive! { fn load_format<F: Format; > = load_rows }
primitive! { fn store_format<F: Format; > = store_rows }
primitive! { fn gather_format<F: Format; > = gather_rows }
primitive! { once fn scatter_format<F: Format> = scatter_rows }
primitive! {
    /// From a row of at most 16 lanes, at given positions.
    pub fn pick_of_few<; > = pick_rows
}
primitive! {
    /// Two rows of lanes to one of neighbours in turn.
    pub fn interleave<; > = interleave_rows
}
primitive! {
    /// Finds the first index outside an extent.
    pub fn check_indices<; > = check_rows
}
primitive! {
    fn iota_primitive<; > = iota_rows
}

/// Counts.
pub fn iota(level: Level) -> Primitive {
    iota_primitive(level).that(Meaning::Iota)
}

macro_rules! by_format {
    ($dtype:expr, $level:expr, $f:ident) => {
        match $dtype {
            DType::F16 => $f::<Half>($level),
            DType::BF16 => $f::<Brain>($level),
            DType::U8 => $f::<Byte>($level),
            DType::I8 => $f::<SignedByte>($level),
            DType::Bool => $f::<Truth>($level),
            _ => $f::<Word>($level),
        }
    };
}

/// From memory of `dtype` to lanes.
pub fn load(dtype: DType, level: Level) -> Primitive {
    by_format!(dtype, level, load_format).that(Meaning::Load(dtype))
}

/// From lanes to memory of `dtype`.
pub fn store(dtype: DType, level: Level) -> Primitive {
    by_format!(dtype, level, store_format).that(Meaning::Store(dtype))
}

/// From memory of `dtype` at given positions to lanes.
pub fn gather(dtype: DType, level: Level) -> Primitive {
    by_format!(dtype, level, gather_format)
}

/// From lanes to memory of `dtype`: at given positions, some only, joined with what is there.
pub fn scatter(dtype: DType, level: Level) -> Primitive {
    by_format!(dtype, level, scatter_format)
}

/// One element of memory of `dtype`, widened.
///
/// # Safety
/// A readable element.
pub unsafe fn get(dtype: DType, at: *const u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::F16 => Half::get(at),
            DType::BF16 => Brain::get(at),
            DType::U8 => Byte::get(at),
            DType::I8 => SignedByte::get(at),
            DType::Bool => Truth::get(at),
            _ => Word::get(at),
        }
    }
}

/// Writes one element of memory of `dtype`, narrowed.
///
/// # Safety
/// A writable element.
pub unsafe fn set(dtype: DType, at: *mut u8, lane: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        match dtype {
            DType::F16 => Half::set(at, lane),
            DType::BF16 => Brain::set(at, lane),
            DType::U8 => Byte::set(at, lane),
            DType::I8 => SignedByte::set(at, lane),
            DType::Bool => Truth::set(at, lane),
            _ => Word::set(at, lane),
        }
    }
}
