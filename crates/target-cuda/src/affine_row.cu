// Products of one row, in integers: of each of its groups the elements are scaled by a power of two, so that the greatest has
// its first bit at 2^20, and rounded to integers of three digits to the base of 256, -128 to 127 each. A digit of a group is a
// column of the right operand, the weights' integers are bytes of the left one, and the sums are exact. What a group of
// threads makes of the row once is these digits, as the fragments take them, and for each group of elements what one is worth
// and their sum, so that a step of a warp is little more than to mask its weights: 190 instructions for two steps, of which
// some 60 take the pipe of logic, shifts and comparisons, which runs at half speed; 350 and 165 with half floats.
//
// Tried and slower on an H100. Tokens a second of a model of 8 billion weights, 499 so: weights asked for ahead into the second
// cache, as memory does nothing while groups end and a row is made ready: 8, 16 or 24 MB of the launches behind, by bulk
// prefetches at the end of each group (427, 413, 413) or at its start (434); the rounds to come of a warp by lines (433). Of the
// half floats (467 so): whole blocks by bulk prefetches at the start of a group 403; two rounds under way all the time where that
// takes 4 groups of 8 warps with steps of 2 for 14336x4096 456, 4 warps for 6144x4096 460; one group of 8 warps a multiprocessor
// that takes several blocks of columns, with three rounds of each warp under way, 324, 298 with 16 warps of 64 registers. For the
// four products of its layer, one after the other (52 us of half floats, 36 by bytes): bulk copies of whole blocks of columns to
// shared memory (8.5 us for 6144x4096, 24.9 for 2x12288x4096; but 116 instead of 119 for 151936x4096), groups that stay, with a
// ring of such blocks (60 to 74 for the four), two rounds under way at once before the wait, which the row then waits behind (53),
// launching the next kernel before the wait.
//
// Of these integers (514 tokens a second; alone, with cold caches, 20.2 us for 14336x4096 and 23.7 for 4096x14336, of which reading
// takes 16.8, as measure/cuda_cold.cu shows): steps of 2 with two rounds under way for 4096x12288 503, though 21.9 us alone for
// 4096x14336; one group a multiprocessor that takes all of its columns, with two or three rounds of 16 warps in registers, 20.7 to
// 21.0 and 22.0 us alone; as much shared memory, and as little first cache, as a multiprocessor can have for all kernels 366. What
// kernels ask of that split keeps them from running beside each other: of the four products in a graph (48.7 us), one that asks for
// 200 KB among three that ask for little makes 59.
//
// In small models a row comes behind the weights that were asked for before it: of qwen3-30b-a3b's way out (5.3 us) it is ready
// 2.8 us after the wait, of llama-1b's (6.8 us) 4.1, where it takes 1.1 with nothing under way. Bulk copies of rows to shared memory
// pass the weights, and take longer themselves: 718 tokens a second of qwen3-30b-a3b instead of 725, 2166 instead of 2197 of
// qwen3-0.6b; 2243 instead of 2200 of llama-1b, for its rows of 8192 (2221 with these alone).
//
// In a graph, groups that stay do better, see affine_ring.cu.

// Zeros behind a row that some of the threads make ready, and then where these meet.
constexpr int TW_ZEROS = 4;

// A part of a row. An OLDER one may have been made while this multiprocessor ran the launch before that which it has not
// waited for yet: the first cache may not know of it.
template <bool OLDER> __device__ __forceinline__ uint4 tw_row_part(const unsigned short* p) {
    if (!OLDER) return *(const uint4*)tw_after_wait(p);
    uint4 v;
    asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

// Where some threads of a group meet once, that many, for whom all threads have made it ready: a barrier in memory, as from one of
// the group's numbered barriers that not all threads pass racecheck no longer follows the others (measure/cuda_racecheck.cu).
__device__ __forceinline__ void tw_meeting(unsigned int* at, int threads) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"((unsigned int)__cvta_generic_to_shared(at)), "r"(threads) : "memory");
}
__device__ __forceinline__ void tw_meet(unsigned int* at) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(at);
    asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared.b64 state, [%0];\n}" ::"r"(address) : "memory");
    unsigned int met = 0u;
    while (met == 0u) asm volatile("{\n.reg .pred met;\nmbarrier.test_wait.parity.shared.b64 met, [%1], 0;\nselp.u32 %0, 1, 0, met;\n}" : "=r"(met) : "r"(address) : "memory");
}

// What a thread takes of ROWS rows with room for LEN elements, 8 elements at a time, of which BATCH are under way at once: each
// time costs as much as a round of weights.
template <int LEN, int ROWS, int WARPS, int MOST> struct tw_parts {
    static constexpr int THREADS = WARPS * 32, EACH = (ROWS * LEN / 8 + THREADS - 1) / THREADS, BATCH = EACH <= MOST ? EACH : 4, BATCHES = (EACH + BATCH - 1) / BATCH;
    uint4 of[BATCH];

    static __device__ __forceinline__ int at(int batch, int j) { return (batch * BATCH + j) * THREADS + threadIdx.x; }

    // Asks for those of one row.
    __device__ __forceinline__ void load(const unsigned short* row, int length, int batch) {
        _Pragma("unroll") for (int j = 0; j < BATCH; j++) of[j] = at(batch, j) * 8 < length ? *(const uint4*)(row + at(batch, j) * 8) : make_uint4(0u, 0u, 0u, 0u);
    }
    // Asks for those of all rows, `parts` 8s each.
    template <bool OLDER, class RowOf> __device__ __forceinline__ void load_rows(const RowOf& row_of, int length, int parts, int batch) {
        _Pragma("unroll") for (int j = 0; j < BATCH; j++) {
            const int number = ROWS == 1 ? 0 : at(batch, j) / parts, i = (at(batch, j) - number * parts) * 8;
            of[j] = number < ROWS && i < length ? tw_row_part<OLDER>(row_of(number) + i) : make_uint4(0u, 0u, 0u, 0u);
        }
    }
};

// The greatest magnitude of eight half floats, NaN if any is.
template <bool BF16> __device__ __forceinline__ float tw_greatest(const unsigned int (&words)[4]) {
    unsigned int most = words[0] & 0x7fff7fffu;
    _Pragma("unroll") for (int i = 1; i < 4; i++) {
        const unsigned int other = words[i] & 0x7fff7fffu;
        if (BF16) asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(most) : "r"(most), "r"(other));
        else asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(most) : "r"(most), "r"(other));
    }
    return tw_max(tw_half<BF16>((unsigned short)most), tw_half<BF16>((unsigned short)(most >> 16)));
}

// How many planes of a word's bits are multiplied each by itself.
template <int BITS> __device__ constexpr int tw_planes() { return BITS == 4 ? 2 : BITS == 2 ? 4 : 1; }

// Makes ready ROWS rows of `length` elements, `row_of(i)`; zeros up to `padded`, LEN at most. With NORM, the root mean
// square norm of the only one, with a weight, of which `weights` are the first parts; its squares are added in the order in
// which a norm's own kernel adds them: neighbours of 256 elements, and these one after the other. LOADED tells that `x` are
// those of the rows. By all threads of the group, or by its first WARPS as MAKERS, which the others meet later; `scratch` has room
// for a number for each 256 elements. What is read is asked for together: each time costs as much as some rounds of weights.
template <int BITS, int GROUP, bool BF16, int WARPS, bool NORM, int ROWS, int LEN, int MOST, bool LOADED, bool OLDER, bool MAKERS, class RowOf>
__device__ __forceinline__ void tw_ready_rows(unsigned int* ready, float* sums, int own_row, int own_sums, float* scratch, const RowOf& row_of, tw_parts<LEN, ROWS, WARPS, MOST>& x, tw_parts<LEN, ROWS, WARPS, MOST>& weights, const unsigned short* weight, float eps, int length, int padded) {
    typedef tw_parts<LEN, ROWS, WARPS, MOST> Parts;
    const int parts = padded / 8;
    float factor = 1.0f;
    if (NORM) {
        _Pragma("unroll") for (int batch = 0; batch < Parts::BATCHES; batch++) {
            if (!LOADED || batch > 0) x.template load_rows<OLDER>(row_of, length, parts, batch);
            _Pragma("unroll") for (int k = 0; k < Parts::BATCH; k++) {
                const unsigned int words[4] = {x.of[k].x, x.of[k].y, x.of[k].z, x.of[k].w};
                float pairs[4];
                _Pragma("unroll") for (int j = 0; j < 4; j++) {
                    const float low = tw_half<BF16>((unsigned short)words[j]), high = tw_half<BF16>((unsigned short)(words[j] >> 16));
                    pairs[j] = __fadd_rn(__fmul_rn(low, low), __fmul_rn(high, high));
                }
                float sum = __fadd_rn(__fadd_rn(pairs[0], pairs[1]), __fadd_rn(pairs[2], pairs[3]));
                _Pragma("unroll") for (int by = 1; by < 32; by *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
                const int at = Parts::at(batch, k);
                if (at % 32 == 0 && at < parts) scratch[at / 32] = sum;
            }
        }
        if (MAKERS) tw_meet(ready + ROWS * LEN / 4 * 3 + TW_ZEROS);
        else __syncthreads();
        float sum = 0.0f;
        _Pragma("unroll 16") for (int i = 0; i < (LEN + 255) / 256; i++) sum += i * 32 < parts ? scratch[i] : 0.0f;
        factor = rsqrtf(sum / (float)length + eps);
    }
    // A part is a quarter of what a lane holds in a step.
    _Pragma("unroll 1") for (int batch = 0; batch < Parts::BATCHES; batch++) {
        // With a norm, those of the last batch are there; else, where they were asked for before, those of the first.
        if (NORM ? Parts::BATCHES > 1 : !LOADED || batch > 0) x.template load_rows<OLDER>(row_of, length, parts, batch);
        if (NORM && batch > 0) weights.load(weight, length, batch);
        _Pragma("unroll") for (int k = 0; k < Parts::BATCH; k++) {
            const int at = Parts::at(batch, k), number = ROWS == 1 ? 0 : at / parts, part = at - number * parts, i = part * 8;
            unsigned int words[4] = {x.of[k].x, x.of[k].y, x.of[k].z, x.of[k].w};
            const unsigned int factors[4] = {weights.of[k].x, weights.of[k].y, weights.of[k].z, weights.of[k].w};
            float v[8], sum = 0.0f;
            _Pragma("unroll") for (int j = 0; j < 4; j++) {
                float low = tw_half<BF16>((unsigned short)words[j]), high = tw_half<BF16>((unsigned short)(words[j] >> 16));
                if (NORM) {
                    low = low * factor * tw_half<BF16>((unsigned short)factors[j]);
                    high = high * factor * tw_half<BF16>((unsigned short)(factors[j] >> 16));
                    words[j] = BF16 ? tw_pack_bf16(low, high) : tw_pack_f16(low, high);
                    low = tw_half<BF16>((unsigned short)words[j]), high = tw_half<BF16>((unsigned short)(words[j] >> 16));
                }
                v[2 * j] = low, v[2 * j + 1] = high;
                sum += low + high;
            }
            float most = tw_greatest<BF16>(words);
            _Pragma("unroll") for (int by = 1; by < GROUP / 8; by *= 2) {
                sum += __shfl_xor_sync(0xffffffffu, sum, by);
                most = tw_max(most, __shfl_xor_sync(0xffffffffu, most, by));
            }
            if (number >= ROWS || part >= parts) continue;
            const int exponent = (int)(__float_as_uint(most) >> 23), up = min(274 - exponent, 253);
            if (i % GROUP == 0) *(float2*)(sums + number * own_sums + i / GROUP * 2) = make_float2(exponent == 255 ? TW_NAN : __int_as_float((254 - up) << 23), sum);
            unsigned int d[8], w[3][2];
            // 1.5 2^23, whose fraction takes the integer, and half a digit for each of the two lower ones.
            _Pragma("unroll") for (int j = 0; j < 8; j++) d[j] = __float_as_uint(fmaf(v[j], __int_as_float(up << 23), 12582912.0f + 32896.0f));
            _Pragma("unroll") for (int j = 0; j < 2; j++) {
                constexpr int APART = BITS == 4 ? 2 : BITS == 2 ? 4 : 1;
                const int e0 = BITS == 4 ? j : BITS == 2 ? 2 * j : 4 * j, e1 = e0 + APART, e2 = BITS == 2 ? e0 + 1 : e1 + APART, e3 = e2 + APART;
                const unsigned int low = __byte_perm(d[e0], d[e1], 0x5140), high = __byte_perm(d[e2], d[e3], 0x5140);
                const unsigned int top = __byte_perm(__byte_perm(d[e0], d[e1], 0x0062), __byte_perm(d[e2], d[e3], 0x0062), 0x5410);
                w[0][j] = __byte_perm(low, high, 0x5410) ^ 0x80808080u;
                w[1][j] = __byte_perm(low, high, 0x7632) ^ 0x80808080u;
                w[2][j] = ((top | 0x80808080u) - 0x40404040u) ^ 0x80808080u;
            }
            _Pragma("unroll") for (int p = 0; p < 3; p++) {
                unsigned int* to = ready + number * own_row + part / 16 * 96 + p * 32 + (part % 16 / 2 ^ p & 1) * 4;
                // Planes are multiplied each by itself: its words lie together.
                if (tw_planes<BITS>() > 1) to[part % 2] = w[p][0], to[part % 2 + 2] = w[p][1];
                else *(uint2*)(to + part % 2 * 2) = make_uint2(w[p][0], w[p][1]);
            }
        }
    }
    if (!MAKERS) __syncthreads();
}

__device__ __forceinline__ void tw_mma_integers(int (&c)[4], unsigned int a0, unsigned int a1, unsigned int a2, unsigned int a3, unsigned int b0, unsigned int b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// Four weights as bytes: of product k of four in a step, half h.
template <int BITS> __device__ __forceinline__ unsigned int tw_bytes(const unsigned int (&w)[BITS], int k, int h) {
    if (BITS == 8) return w[(2 * k + h) % BITS];
    if (BITS == 4) return w[(k % 2 * 2 + h) % BITS] & 0x0f0f0f0fu << k / 2 * 4;
    if (BITS == 2) return w[h] & 0x03030303u << k * 2;
    constexpr unsigned int MASK = (1u << BITS) - 1u;
    const int bit = (2 * k + h) * 4 * BITS, word = bit / 32, shift = bit % 32;
    const unsigned int q = shift + 4 * BITS > 32 ? __funnelshift_r(w[word], w[word + 1 < BITS ? word + 1 : word], shift) : w[word] >> shift;
    return (q & MASK) | (q << (8 - BITS) & MASK << 8) | (q << 2 * (8 - BITS) & MASK << 16) | (q << 3 * (8 - BITS) & MASK << 24);
}

// What a warp has of its weights in a round, and where those lie.
template <int BITS, int GROUP, bool ALIGNED, int STEPS> struct tw_row_weights {
    // Of four groups in a step, a lane takes the two that its own is one of.
    static constexpr int GROUPS = tw_affine_shape<GROUP>::GROUPS, COUNT = GROUPS == 4 ? 2 : STEPS * GROUPS, WORDS = STEPS * (GROUPS == 4 ? 2 : GROUPS) / 2;
    unsigned int w[STEPS][2][BITS], scales[2][WORDS], biases[2][WORDS];
};
template <int BITS, int GROUP, bool ALIGNED, int STEPS> struct tw_row_places {
    typedef tw_row_weights<BITS, GROUP, ALIGNED, STEPS> Weights;
    static constexpr int GROUPS = Weights::GROUPS, COUNT = Weights::COUNT, VECTORS = COUNT % 8 == 0 ? 2 : 1;
    const unsigned int* w[2];
    const unsigned short* scales[2];
    const unsigned short* biases[2];
    bool wide;

    __device__ __forceinline__ void find(const tw_affine& of, int groups, int columns, int lane) {
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            // Past the last column, that one's.
            const int column = min((lane >> 2) + 8 * i, columns - 1);
            w[i] = of.w + column * of.w_stride + (lane & 3) * BITS;
            scales[i] = of.scales + column * of.scales_stride;
            biases[i] = of.biases + column * of.biases_stride;
            // Addresses, not what they are made of, are what is kept.
            asm volatile("" : "+l"(w[i]), "+l"(scales[i]), "+l"(biases[i]));
        }
        wide = tw_scale_vectors(of, groups) >= VECTORS;
    }
    // Asks for a round.
    __device__ __forceinline__ void fetch(Weights& into, int step0, int groups, int lane) const {
        const bool inside = (step0 + STEPS) * GROUPS <= groups;
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            const unsigned int* p = w[i] + (unsigned int)(step0 * 4 * BITS);
            if (inside) {
                _Pragma("unroll") for (int s = 0; s < STEPS; s++) tw_load_weights<BITS, ALIGNED>(into.w[s][i], p + s * 4 * BITS, true);
            } else {
                _Pragma("unroll") for (int s = 0; s < STEPS; s++) tw_load_weights<BITS, ALIGNED>(into.w[s][i], p + s * 4 * BITS, (step0 + s) * GROUPS + (lane & 3) * GROUPS / 4 < groups);
            }
        }
        if (wide && inside) load<VECTORS>(into, step0, groups, lane);
        else load<0>(into, step0, groups, lane);
    }
    template <int VECTORS> __device__ __forceinline__ void load(Weights& into, int step0, int groups, int lane) const {
        _Pragma("unroll") for (int i = 0; i < 2; i++)
            _Pragma("unroll") for (int s = 0; s < (GROUPS == 4 ? STEPS : 1); s++) {
                const int first = (step0 + s) * GROUPS + (GROUPS == 4 ? lane & 2 : 0);
                unsigned int own[(COUNT + 1) / 2];
                const int from = VECTORS > 0 ? 0 : first, to = VECTORS > 0 ? COUNT : groups;
                tw_load_scales<COUNT, VECTORS>(own, scales[i] + (unsigned int)(first - from), from, to);
                _Pragma("unroll") for (int j = 0; j < (COUNT + 1) / 2; j++) into.scales[i][s + j] = own[j];
                tw_load_scales<COUNT, VECTORS>(own, biases[i] + (unsigned int)(first - from), from, to);
                _Pragma("unroll") for (int j = 0; j < (COUNT + 1) / 2; j++) into.biases[i][s + j] = own[j];
            }
    }
};

// The scale of a lane's group in step s of a round, zero if not `on`.
template <bool BF16, int GROUPS, int WORDS> __device__ __forceinline__ float tw_scale(const unsigned int (&words)[WORDS], int s, int t, bool on) {
    unsigned int half;
    if (GROUPS == 1) half = __byte_perm(words[s / 2], 0u, !on ? 0x4444u : s % 2 ? 0x3244u : 0x1044u);
    else if (GROUPS == 2) half = __byte_perm(words[s % WORDS], 0u, !on ? 0x4444u : t & 2 ? 0x3244u : 0x1044u);
    else half = __byte_perm(words[s % WORDS], 0u, !on ? 0x4444u : t & 1 ? 0x3244u : 0x1044u);
    return BF16 ? __uint_as_float(half) : tw_from_f16((unsigned short)(half >> 16));
}

// What a lane makes of a step: the sums of two of its warp's 16 columns so far.
template <int BITS, int GROUP, bool BF16, bool ZEROS> struct tw_row_step {
    static constexpr int GROUPS = tw_affine_shape<GROUP>::GROUPS, PLANES = tw_planes<BITS>(), SETS = GROUPS == 4 ? 2 : 1;
    // Lanes of even t sum the lower two digits, those of odd t the third.
    static constexpr float DOWN = BITS == 4 ? 0.0625f : BITS == 2 ? 0.015625f : 1.0f;
    int g, t, group, other;
    bool holds[2], biased;
    float worth, total[2];
    unsigned int x[SETS][8];
    // Words from the row on, and from step to step.
    int own[2], apart[2];

    // With ZEROS, four of them lie `zeros` words from the row on.
    __device__ __forceinline__ void start(int lane, int zeros) {
        g = lane >> 2, t = lane & 3;
        // Columns of the right operand are groups, and digits of each: of the 8, 8, 4 or 2 each; lanes t whose group it is not
        // have zeros there. Of 2 each, the third digit is a set of its own.
        const int digit = g % (8 / GROUPS), odd = digit & 1;
        group = t * GROUPS / 4;
        holds[0] = g / (8 / GROUPS) == group && digit < 3, holds[1] = GROUPS == 4 && g / 2 == group && digit == 0;
        other = 4 - odd * 8;
        _Pragma("unroll") for (int h = 0; h < SETS; h++) {
            own[h] = t * 8 + odd * 4 + digit * 32 + h * 64, apart[h] = 96;
            if (ZEROS && !holds[h]) own[h] = zeros, apart[h] = 0;
            _Pragma("unroll") for (int i = 0; i < 8; i++) x[h][i] = 0u;
        }
        worth = GROUPS < 4 && (t & 1) ? 65536.0f * DOWN : DOWN;
        biased = GROUPS == 4 || (GROUPS == 2 ? (t & 1) == 0 : t == 0);
        total[0] = total[1] = 0.0f;
    }

    // Takes step `at` of the row, which is step s of a round whose scales these are.
    template <int WORDS> __device__ __forceinline__ void take(const unsigned int (&w)[2][BITS], const unsigned int* row, const float* row_sums, int at, const unsigned int (&scales)[2][WORDS], const unsigned int (&biases)[2][WORDS], int s) {
        _Pragma("unroll") for (int h = 0; h < SETS; h++)
            if (ZEROS || holds[h]) {
                const unsigned int* p = row + at * apart[h] + own[h];
                const uint4 low = *(const uint4*)p, high = *(const uint4*)(p + (ZEROS && !holds[h] ? 0 : other));
                x[h][0] = low.x, x[h][1] = low.y, x[h][2] = low.z, x[h][3] = low.w;
                x[h][4] = high.x, x[h][5] = high.y, x[h][6] = high.z, x[h][7] = high.w;
            }
        const float2 factor = *(const float2*)(row_sums + (at * GROUPS + group) * 2);
        int c[SETS][PLANES][4];
        _Pragma("unroll") for (int h = 0; h < SETS; h++)
            _Pragma("unroll") for (int p = 0; p < PLANES; p++)
                _Pragma("unroll") for (int j = 0; j < 4; j++) c[h][p][j] = 0;
        _Pragma("unroll") for (int k = 0; k < 4; k++) {
            unsigned int a[4];
            _Pragma("unroll") for (int j = 0; j < 4; j++) a[j] = tw_bytes<BITS>(w[j & 1], k, j / 2);
            _Pragma("unroll") for (int h = 0; h < SETS; h++) {
                unsigned int b[2];
                _Pragma("unroll") for (int j = 0; j < 2; j++)
                    b[j] = BITS == 4 ? x[h][k % 2 * 4 + k / 2 * 2 + j] : BITS == 2 ? __byte_perm(x[h][j * 4 + k / 2 * 2], x[h][j * 4 + k / 2 * 2 + 1], k % 2 ? 0x7632 : 0x5410) : x[h][2 * k + j];
                tw_mma_integers(c[h][k / (4 / PLANES)], a[0], a[1], a[2], a[3], b[0], b[1]);
            }
        }
        const float by = factor.x * worth;
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            // Of the planes, each is worth as many times the one before as its bits lie higher.
            const auto sum = [&](int h, int j) {
                int q = c[h][0][j];
                _Pragma("unroll") for (int p = 1; p < PLANES; p++) q = q * (1 << BITS) + c[h][p][j];
                return q;
            };
            float q = (float)(sum(0, 2 * i + 1) * 256 + sum(0, 2 * i));
            if (SETS == 2) q = fmaf(65536.0f, (float)sum(SETS - 1, 2 * i), q);
            const float scale = tw_scale<BF16, GROUPS>(scales[i], s, t, true), bias = tw_scale<BF16, GROUPS>(biases[i], s, t, biased);
            total[i] = fmaf(scale, q * by, fmaf(bias, factor.y, total[i]));
        }
    }

    // Keeps the sums of a unit, if there is one.
    __device__ __forceinline__ void keep(float* to, bool there) {
        // Lanes of even t take column g, those of odd t column g + 8.
        float sum = t & 1 ? total[1] : total[0];
        sum += __shfl_xor_sync(0xffffffffu, t & 1 ? total[0] : total[1], 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        if (t < 2 && there) to[g + 8 * t] = sum;
        total[0] = total[1] = 0.0f;
    }
};

// The sums of all units of the columns in `blocks` of BLOCKS blocks of each product, by all threads of the group.
template <int PRODUCTS, int BLOCKS, int WARPS, int UNITS> __device__ __forceinline__ void tw_row_sums(float* result, int apart, const float* partial, int units, int blocks) {
    // Four threads a column.
    _Pragma("unroll 1") for (int i = threadIdx.x; i < PRODUCTS * 64; i += WARPS * 32) {
        const int product = i / 64, column = i / 4 % 16, first = i % 4;
        const float* own = partial + product * UNITS * 16 + column;
        float sum = 0.0f;
        _Pragma("unroll 4") for (int j = 0; j < (UNITS + 3) / 4; j++)
            if (first + 4 * j < units && product % BLOCKS < blocks) sum += own[(first + 4 * j) * 16];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        if (first == 0) result[product / BLOCKS * apart + product % BLOCKS * 16 + column] = sum;
    }
    __syncthreads();
}

// `result[product * apart + column]`: the products of a row with 16 columns, by all warps of the group, which share the
// rounds of all products: one each, two at once, one after the other (3), two at once and then one after the other (4), or
// two under way all the time (5), as ROUNDS says. When the first weights are under way, `begin()` asks for what the row is
// made of, and `make()` makes it ready; the second of ROUNDS 5 are asked for between, that the row does not wait behind them;
// where products have rows of their own, these are `own_row` words and
// `own_sums` sums apart. `partial` has room for 16 sums of every product and 256 elements of its row, of which there are
// UNITS at most: what these are does not depend on the warps that share them, nor does the order in which they are added.
template <int BITS, int GROUP, bool BF16, bool ALIGNED, int PRODUCTS, int BLOCKS, int WARPS, int STEPS, int ROUNDS, int UNITS, class Operands, class Begin, class Make>
__device__ __forceinline__ void tw_affine_row(float* result, int apart, float* partial, const unsigned int* row, const float* row_sums, int own_row, int own_sums, const Operands& operands, int groups, int columns, const Begin& begin, const Make& make) {
    typedef tw_row_weights<BITS, GROUP, ALIGNED, STEPS> Weights;
    constexpr int GROUPS = Weights::GROUPS;
    // Kept, as to read them again and again takes longer.
    int warp, lane;
    asm volatile("mov.u32 %0, %1;" : "=r"(warp) : "r"(threadIdx.x >> 5));
    asm volatile("mov.u32 %0, %1;" : "=r"(lane) : "r"(threadIdx.x & 31));
    const int rounds = (groups + GROUPS * STEPS - 1) / (GROUPS * STEPS);
    // A warp stays with one product, if as many take each.
    constexpr bool STAYS = WARPS % PRODUCTS == 0;
    constexpr int APART = STAYS ? WARPS / PRODUCTS : WARPS;
    const int first = STAYS ? warp / PRODUCTS : warp, all = STAYS ? rounds : rounds * PRODUCTS;
    const auto product_of = [&](int at) { return PRODUCTS == 1 ? 0 : STAYS ? warp % PRODUCTS : PRODUCTS == 2 ? (int)(at >= rounds) : at / rounds; };
    tw_row_places<BITS, GROUP, ALIGNED, STEPS> places;
    int placed = -1;
    const auto find = [&](int product) {
        tw_affine of = operands(product / BLOCKS);
        const int block = product % BLOCKS * 16;
        if (BLOCKS > 1) of.w += block * of.w_stride, of.scales += block * of.scales_stride, of.biases += block * of.biases_stride;
        places.find(of, groups, columns - block, lane);
    };
    if (STAYS) find(product_of(0));
    const auto fetch = [&](Weights& into, int at) {
        if (at >= all) return;
        const int product = product_of(at);
        if (!STAYS && product != placed) {
            find(product);
            placed = product;
        }
        places.fetch(into, (STAYS ? at : at - product * rounds) * STEPS, groups, lane);
    };
    Weights even, odd;
    fetch(even, first);
    if (ROUNDS == 2 || ROUNDS == 4) fetch(odd, first + APART);
    begin();
    if (ROUNDS == 5) fetch(odd, first + APART);
    make();
    const int units = (groups + 2 * GROUPS - 1) / (2 * GROUPS);
    tw_row_step<BITS, GROUP, BF16, false> step;
    step.start(lane, 0);
    const auto take = [&](const Weights& weights, int at) {
        if (at >= all) return;
        const int product = product_of(at), round = STAYS ? at : at - product * rounds;
        const unsigned int* own = row + product / BLOCKS * own_row;
        const float* sums = row_sums + product / BLOCKS * own_sums;
        _Pragma("unroll") for (int s = 0; s < STEPS; s++) {
            step.take(weights.w[s], own, sums, round * STEPS + s, weights.scales, weights.biases, s);
            const int unit = (round * STEPS + s) / 2;
            if (s % 2 == 1) step.keep(partial + (product * UNITS + unit) * 16, PRODUCTS > 2 || unit < units);
        }
    };
    if (ROUNDS == 5) {
        _Pragma("unroll 1") for (int at = first; at < all; at += 2 * APART) {
            take(even, at);
            fetch(even, at + 2 * APART);
            take(odd, at + APART);
            fetch(odd, at + 3 * APART);
        }
    } else if (ROUNDS != 3) {
        take(even, first);
        if (ROUNDS != 1) take(odd, first + APART);
    }
    if (ROUNDS == 3 || ROUNDS == 4) {
        int at = first + (ROUNDS == 4 ? 2 * APART : 0);
        if (ROUNDS == 4) fetch(even, at);
        _Pragma("unroll 1") while (at < all) {
            take(even, at);
            at += APART;
            fetch(even, at);
        }
    }
    __syncthreads();
    tw_row_sums<PRODUCTS, BLOCKS, WARPS, UNITS>(result, apart, partial, units, BLOCKS);
}
