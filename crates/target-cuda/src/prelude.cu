// Helpers of Tilewright's CUDA C. No header is needed: half types are 16-bit words in memory and floats in registers.
#define TW_INFINITY __int_as_float(0x7f800000)
#define TW_NAN __int_as_float(0x7fffffff)

__device__ __forceinline__ float tw_from_f16(unsigned short x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
}
__device__ __forceinline__ unsigned short tw_to_f16(float x) {
    unsigned short y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
__device__ __forceinline__ float tw_from_bf16(unsigned short x) { return __uint_as_float((unsigned int)x << 16); }
// The low one of two in a word, or the high one.
__device__ __forceinline__ float tw_from_bf16_pair(unsigned int x, int high) { return __uint_as_float(high ? x & 0xffff0000u : x << 16); }
// The low half of a word or the high one, and such a half put into another word.
__device__ __forceinline__ unsigned int tw_half(unsigned int x, int high) { return high ? x >> 16 : x & 0xffffu; }
__device__ __forceinline__ void tw_put_half(unsigned int& x, int high, unsigned int half) {
    x = high ? (x & 0xffffu) | (half << 16) : (x & 0xffff0000u) | half;
}
__device__ __forceinline__ unsigned short tw_to_bf16(float x) {
    unsigned short y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
// NaN if either is.
__device__ __forceinline__ float tw_max(float a, float b) {
    float y;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}
__device__ __forceinline__ float tw_min(float a, float b) {
    float y;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}
__device__ __forceinline__ float tw_sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
// By the exponential that does not overflow, so that small results are not lost. The divisor is between 1 and 2, and its reciprocal
// corrected once; a division looks for special cases, which takes longer than all else.
__device__ __forceinline__ float tw_sigmoid(float x) {
    const float e = expf(-fabsf(x)), d = 1.0f + e;
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(d));
    return (x < 0.0f ? e : 1.0f) * fmaf(fmaf(-d, y, 1.0f), y, y);
}
__device__ __forceinline__ float tw_softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))) + (x != x ? x : 0.0f); }
// Fast forms, for values that are rounded to 16 bits later: they err by a few units of f32. Subnormals stay: a product
// with something great may follow.
__device__ __forceinline__ float tw_fast_exp2(float x) {
    float y;
    asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
// As exact as exp2f, but for results below all normal numbers, which are 0.
__device__ __forceinline__ float tw_flushed_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
__device__ __forceinline__ float tw_fast_exp(float x) { return tw_fast_exp2(x * 1.4426950408889634f); }
// The exponential of -x by 2^-24 of it, so that neither it nor the reciprocal leaves the normal numbers where the result is less than
// the least of them; below 2^-102 it is nothing beside 1.
__device__ __forceinline__ float tw_fast_sigmoid(float x) {
    const float scale = 5.9604644775390625e-8f;
    float e, y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(fmaf(x, -1.4426950408889634f, -24.0f)));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(e + scale));
    return y * scale;
}
// log(1 + e^x): the logarithm of 1 and a number up to 1 is that number times a polynomial, minimax over all of these.
__device__ __forceinline__ float tw_fast_softplus(float x) {
    float e;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(fmaf(fabsf(x), -1.4426950408889634f, 24.0f)));
    e *= 5.9604644775390625e-8f;
    float p = fmaf(-8.5391989e-3f, e, 4.40895967e-2f);
    p = fmaf(p, e, -1.07681662e-1f);
    p = fmaf(p, e, 1.77452385e-1f);
    p = fmaf(p, e, -2.44954616e-1f);
    p = fmaf(p, e, 3.32754791e-1f);
    p = fmaf(p, e, -4.99974042e-1f);
    p = fmaf(p, e, 9.99999821e-1f);
    return fmaf(e, p, fmaxf(x, 0.0f));
}
// Beside 1, where the logarithm to base 2 is exact beside 1 only, the distance from there times a polynomial.
__device__ __forceinline__ float tw_fast_log(float x) {
    const float d = x - 1.0f;
    float y;
    asm("lg2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    float p = fmaf(1.57574236e-1f, d, -1.81272581e-1f);
    p = fmaf(p, d, 1.99423835e-1f);
    p = fmaf(p, d, -2.49533549e-1f);
    p = fmaf(p, d, 3.33340377e-1f);
    p = fmaf(p, d, -5.00003695e-1f);
    p = fmaf(p, d, 1.0f);
    return fabsf(d) < 0.25f ? d * p : y * 0.69314718055994531f;
}
// e^x - 1, near 0 by a polynomial.
__device__ __forceinline__ float tw_fast_expm1(float x) {
    float e;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(x * 1.4426950408889634f));
    float p = fmaf(1.38888194e-3f, x, 8.40768311e-3f);
    p = fmaf(p, x, 4.16687019e-2f);
    p = fmaf(p, x, 1.66659743e-1f);
    p = fmaf(p, x, 4.99999821e-1f);
    p = fmaf(p, x, 1.00000012f);
    return fabsf(x) < 0.5f ? x * p : e - 1.0f;
}
// 1 - 2 / (1 + e^2x), near 0 by a polynomial.
__device__ __forceinline__ float tw_fast_tanh(float x) {
    const float s = x * x;
    float e, r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(fabsf(x) * 2.8853900817779268f));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(e + 1.0f));
    float p = fmaf(1.54754268e-2f, s, -5.2101478e-2f);
    p = fmaf(p, s, 1.33101732e-1f);
    p = fmaf(p, s, -3.33323091e-1f);
    p = fmaf(p, s, 9.9999994e-1f);
    return fabsf(x) < 0.6f ? x * p : copysignf(fmaf(-2.0f, r, 1.0f), x);
}
// 1 + erf(x), as exact as erff beside 1: erfc(t) is a power of two whose exponent is t times a polynomial, minimax up to
// t = 3.8, where erfc is lost beside 1; from there on it falls without end.
__device__ __forceinline__ float tw_fast_one_and_erf(float x) {
    const float t = fabsf(x);
    float p = fmaf(-1.482564039179124e-5f, t, 1.796231226762757e-4f);
    p = fmaf(p, t, -5.878795054741204e-4f);
    p = fmaf(p, t, -2.288469346240163e-3f);
    p = fmaf(p, t, 2.958308532834053e-2f);
    p = fmaf(p, t, -1.490739285945892e-1f);
    p = fmaf(p, t, -9.18298065662384e-1f);
    p = fmaf(p, t, -1.6279160976409912f);
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(p * t));
    return x < 0.0f ? y : 2.0f - y;
}
// Over the full range of divisors.
__device__ __forceinline__ float tw_fast_quotient(float a, float b) {
    float y;
    asm("div.full.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}
// A vector of a tensor larger than the second-level cache, which keeps it longer than what is written: results then leave
// early and in long runs, between which memory turns from reading to writing less often.
__device__ __forceinline__ uint4 tw_read_passing(const uint4* from) {
#if __CUDA_ARCH__ >= 800
    unsigned long long policy;
    uint4 v;
    asm("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
    asm("ld.global.nc.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], %5;"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(from), "l"(policy));
    return v;
#else
    return *from;
#endif
}
// A vector that is read once: past the first-level cache.
__device__ __forceinline__ uint4 tw_read_once(const uint4* from) {
    uint4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(from));
    return v;
}
// Integers from floats: toward zero, saturating, NaN to 0.
__device__ __forceinline__ int tw_to_i32(float x) { return x != x ? 0 : __float2int_rz(x); }
__device__ __forceinline__ unsigned int tw_to_u32(float x) { return x != x ? 0u : __float2uint_rz(x); }
__device__ __forceinline__ signed char tw_to_i8(float x) { return (signed char)max(-128, min(127, tw_to_i32(x))); }
__device__ __forceinline__ unsigned char tw_to_u8(float x) { return (unsigned char)max(0, min(255, tw_to_i32(x))); }
__device__ __forceinline__ signed char tw_i32_to_i8(int x) { return (signed char)max(-128, min(127, x)); }
__device__ __forceinline__ unsigned char tw_i32_to_u8(int x) { return (unsigned char)max(0, min(255, x)); }
__device__ __forceinline__ signed char tw_u32_to_i8(unsigned int x) { return (signed char)min(127u, x); }
__device__ __forceinline__ unsigned char tw_u32_to_u8(unsigned int x) { return (unsigned char)min(255u, x); }
__device__ __forceinline__ unsigned char tw_i8_to_u8(signed char x) { return x < 0 ? 0 : x; }
__device__ __forceinline__ signed char tw_u8_to_i8(unsigned char x) { return x > 127 ? 127 : x; }
// The high and the low word of a product by one instruction: compilers that see two ops make two of them.
__device__ __forceinline__ void tw_wide_product(unsigned int a, unsigned int b, unsigned int& high, unsigned int& low) {
    asm("{ .reg .u64 t; mul.wide.u32 t, %2, %3; mov.b64 {%0, %1}, t; }" : "=r"(low), "=r"(high) : "r"(a), "r"(b));
}
// The words of the block of Philox4x32-10 (Salmon et al., 2011) that holds word `index`: that with counter
// (index / 4, 0, offset, 0) and key (seed, 0).
struct tw_words {
    unsigned int word[4];
};
__device__ __forceinline__ tw_words tw_philox_block(unsigned int index, unsigned int seed, unsigned int offset) {
    unsigned int c0 = index >> 2, c1 = 0, c2 = offset, c3 = 0, k0 = seed, k1 = 0;
    _Pragma("unroll") for (int round = 0; round < 10; round++) {
        unsigned int h0, l0, h1, l1;
        tw_wide_product(0xD2511F53u, c0, h0, l0);
        tw_wide_product(0xCD9E8D57u, c2, h1, l1);
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    tw_words words;
    words.word[0] = c0;
    words.word[1] = c1;
    words.word[2] = c2;
    words.word[3] = c3;
    return words;
}
// Word index % 4 of it.
__device__ __forceinline__ unsigned int tw_philox(unsigned int index, unsigned int seed, unsigned int offset) {
    const tw_words words = tw_philox_block(index, seed, offset);
    const unsigned int low = index & 1 ? words.word[1] : words.word[0];
    const unsigned int high = index & 1 ? words.word[3] : words.word[2];
    return index & 2 ? high : low;
}
// The index, if it is below the extent and not negative; else 0, and the fault is noted for the host.
__device__ __forceinline__ int tw_checked(int index, int extent, uint4* faults, unsigned int check) {
    if ((unsigned int)index < (unsigned int)extent) return index;
    *faults = make_uint4(1u, check, (unsigned int)index, blockIdx.x);
    return 0;
}
// Atomic maximum and minimum of floats; NaN wins.
__device__ __forceinline__ void tw_atomic_max(float* to, float x) {
    int old = __float_as_int(*to), seen;
    do {
        seen = old;
        old = atomicCAS((int*)to, seen, __float_as_int(tw_max(__int_as_float(seen), x)));
    } while (old != seen);
}
__device__ __forceinline__ void tw_atomic_min(float* to, float x) {
    int old = __float_as_int(*to), seen;
    do {
        seen = old;
        old = atomicCAS((int*)to, seen, __float_as_int(tw_min(__int_as_float(seen), x)));
    } while (old != seen);
}
// Copies to shared memory that run beside the thread; zeros where there is nothing to copy.
template <int bytes> __device__ __forceinline__ void tw_copy_async(void* to, const void* from, bool valid) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(to);
    const int size = valid ? bytes : 0;
    if (bytes == 16)
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(size) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from), "n"(bytes), "r"(size) : "memory");
}
__device__ __forceinline__ void tw_copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int left> __device__ __forceinline__ void tw_copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory"); }
// Four 8x8 blocks of 16-bit elements; each lane gives the address of a row.
__device__ __forceinline__ void tw_load_matrix(unsigned int* into, const unsigned short* from) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(from);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3]) : "r"(address) : "memory");
}
__device__ __forceinline__ void tw_load_matrix_transposed(unsigned int* into, const unsigned short* from) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(from);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(into[0]), "=r"(into[1]), "=r"(into[2]), "=r"(into[3]) : "r"(address) : "memory");
}
// 16x16 times 16x8, summed in f32.
__device__ __forceinline__ void tw_multiply_bf16(float* into, const unsigned int* a, const unsigned int* b) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(into[0]), "+f"(into[1]), "+f"(into[2]), "+f"(into[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void tw_multiply_f16(float* into, const unsigned int* a, const unsigned int* b) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(into[0]), "+f"(into[1]), "+f"(into[2]), "+f"(into[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ unsigned int tw_pack_bf16(float low, float high) {
    unsigned int y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}
__device__ __forceinline__ unsigned int tw_pack_f16(float low, float high) {
    unsigned int y;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}
