// The greatest or the least of two numbers, NaN if one is.
template <bool greatest> __device__ __forceinline__ float tw_further(float a, float b) {
    return greatest ? tw_max(a, b) : tw_min(a, b);
}
// Of so many bf16 numbers, two a word or one a float: the greatest or the least, NaN if one is.
template <bool greatest, int count> __device__ __forceinline__ float tw_extreme_half(const unsigned int* x) {
    unsigned int y = x[0];
    _Pragma("unroll") for (int i = 1; i < count / 2; i++) {
#if __CUDA_ARCH__ >= 800
        if (greatest) asm("max.NaN.bf16x2 %0, %0, %1;" : "+r"(y) : "r"(x[i]));
        else asm("min.NaN.bf16x2 %0, %0, %1;" : "+r"(y) : "r"(x[i]));
#else
        const float low = tw_further<greatest>(tw_from_bf16_pair(y, 0), tw_from_bf16_pair(x[i], 0));
        const float high = tw_further<greatest>(tw_from_bf16_pair(y, 1), tw_from_bf16_pair(x[i], 1));
        y = (__float_as_uint(high) & 0xffff0000u) | __float_as_uint(low) >> 16;
#endif
    }
    return tw_further<greatest>(tw_from_bf16_pair(y, 0), tw_from_bf16_pair(y, 1));
}
template <bool greatest, int count> __device__ __forceinline__ float tw_extreme_half(const float* x) {
    float y = x[0];
    _Pragma("unroll") for (int i = 1; i < count; i++) y = tw_further<greatest>(y, x[i]);
    return y;
}
// A bit for each that is not below the upper half of a bound: bits 0 to 15 for those at even places, the others for odd ones.
template <int count> __device__ __forceinline__ int tw_mark_halves(const unsigned int* x, float bound) {
    const unsigned int high = __float_as_uint(bound) & 0xffff0000u, both = high | high >> 16;
    unsigned int marks = 0;
    _Pragma("unroll") for (int i = 0; i < count / 2; i++) {
        unsigned int open;
#if __CUDA_ARCH__ >= 900
        asm("set.geu.u32.bf16x2 %0, %1, %2;" : "=r"(open) : "r"(x[i]), "r"(both));
#else
        const float least = __uint_as_float(high);
        open = (tw_from_bf16_pair(x[i], 0) < least ? 0u : 0xffffu) | (tw_from_bf16_pair(x[i], 1) < least ? 0u : 0xffff0000u);
#endif
        marks |= open & (0x00010001u << i);
    }
    return (int)marks;
}
template <int count> __device__ __forceinline__ int tw_mark_halves(const float* x, float bound) {
    const float least = __uint_as_float(__float_as_uint(bound) & 0xffff0000u);
    unsigned int marks = 0;
    _Pragma("unroll") for (int i = 0; i < count; i++) marks |= x[i] < least ? 0u : 1u << ((i >> 1) + (i & 1) * 16);
    return (int)marks;
}
