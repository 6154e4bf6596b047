// Weights of 2, 4 or 8 bits as half floats: q scale + bias, with one scale and one bias a group. Rows lie one after the
// other, so that a row's end is none: a thread takes some words, each with all its integers, as far apart as the threads of
// its group are many. The product of an integer and a half float is exact in f32, so that it does not matter whether it is
// fused with the sum.
template <int BITS, int GROUP, bool BF16, int THREADS, int ROUNDS>
__device__ __forceinline__ void tw_unpack(const unsigned int* w, const unsigned short* scales, const unsigned short* biases, unsigned short* y, long long words) {
    constexpr int COUNT = 32 / BITS, SHARE = GROUP / COUNT;
    const auto wide = [](unsigned short x) { return BF16 ? tw_from_bf16(x) : tw_from_f16(x); };
    const auto half = [](float x) { return (unsigned int)(BF16 ? tw_to_bf16(x) : tw_to_f16(x)); };
    const long long first = (long long)blockIdx.x * (THREADS * ROUNDS) + threadIdx.x;
    unsigned int word[ROUNDS];
    unsigned short scale[ROUNDS], bias[ROUNDS];
    _Pragma("unroll") for (int r = 0; r < ROUNDS; r++) {
        const long long at = min(first + r * THREADS, words - 1);
        word[r] = __ldcs(w + at);
        scale[r] = scales[at / SHARE], bias[r] = biases[at / SHARE];
    }
    _Pragma("unroll") for (int r = 0; r < ROUNDS; r++) {
        const long long at = first + r * THREADS;
        if (at >= words) return;
        const float by = wide(scale[r]), plus = wide(bias[r]);
        const auto value = [&](int i) { return half(fmaf((float)(word[r] >> i * BITS & (1u << BITS) - 1), by, plus)); };
        unsigned int pairs[COUNT / 2];
        _Pragma("unroll") for (int i = 0; i < COUNT / 2; i++) pairs[i] = value(2 * i) | value(2 * i + 1) << 16;
        unsigned int* to = (unsigned int*)(y + at * COUNT);
        if (COUNT == 4) *(uint2*)to = make_uint2(pairs[0], pairs[1]);
        _Pragma("unroll") for (int i = 0; i + 4 <= COUNT / 2; i += 4) *(uint4*)(to + i) = make_uint4(pairs[i], pairs[i + 1], pairs[i + 2], pairs[i + 3]);
    }
}
