// Helpers of Tilewright's MSL. Compile without fast math: NaN and infinities keep their meaning.
#include <metal_stdlib>
using namespace metal;

// NaN if either is.
static inline float tw_max(float a, float b) { return a > b || a != a ? a : b; }
static inline float tw_min(float a, float b) { return a < b || a != a ? a : b; }
static inline float tw_sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
// Kahan's forms: the errors of 1 + x and of e^x cancel.
static inline float tw_log1p(float x) {
    const float u = 1.0f + x;
    return u == 1.0f ? x : u > 3.4e38f ? u : precise::log(u) * (x / (u - 1.0f));
}
static inline float tw_expm1(float x) {
    const float u = precise::exp(x), m = u - 1.0f;
    return m == 0.0f ? x : m == -1.0f ? -1.0f : u > 3.4e38f ? u : m * (x / precise::log(u));
}
// By the exponential that does not overflow, so that small results are not lost.
static inline float tw_sigmoid(float x) {
    const float e = precise::exp(-fabs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
static inline float tw_softplus(float x) { return tw_max(x, 0.0f) + tw_log1p(precise::exp(-fabs(x))); }
// Minimax: erf(x) / x in x^2 up to 0.9277, from there 1 - e^(-t + t polynomial).
static inline float tw_erf(float x) {
    const float t = fabs(x), z = x * x;
    const float near = fma(fma(fma(fma(fma(fma(-5.964118e-4f, z, 4.987979e-3f), z, -2.6763108e-2f), z,
        1.128172e-1f), z, -3.7612486e-1f), z, 1.2837915e-1f), x, x);
    const float far = fma(fma(fma(fma(fma(fma(fma(-1.1526995e-5f, t, 3.257661e-4f), t, -3.654515e-3f), t,
        2.3787588e-2f), t, -1.0626654e-1f), t, -6.3513339e-1f), t, -1.2865292e-1f), t, -t);
    const float tail = 1.0f - precise::exp(t > 4.0f ? -20.0f : far);
    return t > 0.9277344f ? copysign(tail, x) : near;
}
// Integers from floats: toward zero, saturating, NaN to 0.
static inline int tw_to_i32(float x) {
    return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x <= -2147483648.0f ? -2147483647 - 1 : (int)x;
}
static inline uint tw_to_u32(float x) { return !(x > 0.0f) ? 0u : x >= 4294967296.0f ? 4294967295u : (uint)x; }
static inline char tw_to_i8(float x) { return (char)max(-128, min(127, tw_to_i32(x))); }
static inline uchar tw_to_u8(float x) { return (uchar)max(0, min(255, tw_to_i32(x))); }
static inline char tw_i32_to_i8(int x) { return (char)max(-128, min(127, x)); }
static inline uchar tw_i32_to_u8(int x) { return (uchar)max(0, min(255, x)); }
static inline char tw_u32_to_i8(uint x) { return (char)min(127u, x); }
static inline uchar tw_u32_to_u8(uint x) { return (uchar)min(255u, x); }
static inline uchar tw_i8_to_u8(char x) { return (uchar)(x < 0 ? 0 : x); }
static inline char tw_u8_to_i8(uchar x) { return (char)(x > 127 ? 127 : x); }
// The words of the block of Philox4x32-10 (Salmon et al., 2011) that holds word `index`: that with counter
// (index / 4, 0, offset, 0) and key (seed, 0).
struct tw_words {
    uint word[4];
};
static inline tw_words tw_philox_block(uint index, uint seed, uint offset) {
    uint c0 = index >> 2, c1 = 0, c2 = offset, c3 = 0, k0 = seed, k1 = 0;
    for (int round = 0; round < 10; round++) {
        const uint h0 = mulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
        const uint h1 = mulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
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
static inline uint tw_philox(uint index, uint seed, uint offset) {
    const tw_words words = tw_philox_block(index, seed, offset);
    const uint low = index & 1 ? words.word[1] : words.word[0];
    const uint high = index & 1 ? words.word[3] : words.word[2];
    return index & 2 ? high : low;
}
// The index, if it is below the extent and not negative; else 0, and the fault is noted for the host.
static inline int tw_checked(int index, int extent, device uint* faults, uint check) {
    if ((uint)index < (uint)extent) return index;
    faults[0] = 1;
    faults[1] = check;
    faults[2] = (uint)index;
    return 0;
}
// Atomic maximum and minimum of floats; NaN wins.
static inline void tw_atomic_max(device atomic_uint* to, float x) {
    uint seen = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &seen, as_type<uint>(tw_max(as_type<float>(seen), x)),
        memory_order_relaxed, memory_order_relaxed)) {}
}
static inline void tw_atomic_min(device atomic_uint* to, float x) {
    uint seen = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &seen, as_type<uint>(tw_min(as_type<float>(seen), x)),
        memory_order_relaxed, memory_order_relaxed)) {}
}
// Adds the product of two 8 by 8 matrices, of which each lane of a simdgroup holds two neighbours of a row.
static inline void tw_multiply_f32(thread float* into, const thread float* a, const thread float* b) {
    simdgroup_matrix<float, 8, 8> left, right, sum;
    reinterpret_cast<thread float2&>(left.thread_elements()) = float2(a[0], a[1]);
    reinterpret_cast<thread float2&>(right.thread_elements()) = float2(b[0], b[1]);
    reinterpret_cast<thread float2&>(sum.thread_elements()) = float2(into[0], into[1]);
    simdgroup_multiply_accumulate(sum, left, right, sum);
    const float2 result = reinterpret_cast<thread float2&>(sum.thread_elements());
    into[0] = result[0];
    into[1] = result[1];
}
