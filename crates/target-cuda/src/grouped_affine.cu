// Blocks of ROWS rows of half floats, each with the 4-bit affine weight of the expert that owns it, on tensor cores: a
// warp takes all rows and 32 columns. Rows and packed weights come to shared memory in a ring; a lane makes the integers
// that its fragment needs half floats in registers, exactly by setting the bits of their fraction, and scales them with
// one rounding. On an H100, 128 experts of 768 columns of 2048 weights, 36864 rows in blocks of 64: 0.44 ms, 264 TFLOP/s;
// 40960 rows in blocks of 128: 0.40 ms, 321. The weights made floats first cost 0.27 ms and a product of 0.45 or more.
// Stages make no difference: 3 or 5 within 1 %, 6 for blocks of 64 lose 6 %.

__device__ __forceinline__ void tw_grouped_copy(void* to, const void* from, bool on) {
    const unsigned int at = (unsigned int)__cvta_generic_to_shared(to);
    const int bytes = on ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}

// Two neighbouring integers, from bit 8 t of the word on, as half floats.
template <bool BF16> __device__ __forceinline__ unsigned int tw_grouped_pair(unsigned int word, int shift) {
    const unsigned int low = word >> shift, high = low << 12;
    const unsigned int both = ((low & 0xffffu) | (high & 0xffff0000u)) & 0x000f000fu;
    const unsigned int magic = both | (BF16 ? 0x43004300u : 0x64006400u);
    unsigned int q;
    if (BF16) asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(q) : "r"(magic), "r"(0x3f803f80u), "r"(0xc300c300u));
    else asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(q) : "r"(magic), "r"(0x3c003c00u), "r"(0xe400e400u));
    return q;
}

template <bool BF16> __device__ __forceinline__ unsigned int tw_grouped_scaled(unsigned int q, unsigned int s, unsigned int b) {
    unsigned int w;
    if (BF16) asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(w) : "r"(q), "r"(s), "r"(b));
    else asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(w) : "r"(q), "r"(s), "r"(b));
    return w;
}

struct tw_grouped {
    const unsigned short* x;
    const unsigned int* owners;
    const unsigned int* w;
    const unsigned short* scales;
    const unsigned short* biases;
    unsigned short* y;
    long long x_stride, y_stride;
    int experts, columns, depth;
};

template <int GROUP, int ROWS, bool BF16, int STAGES> __device__ __forceinline__ void tw_grouped_affine(const tw_grouped& of) {
    constexpr int COLUMNS = 128, DEPTH = 64, WORDS = DEPTH / 8, TILES = ROWS / 16;
    constexpr int GROUPS = GROUP < DEPTH ? DEPTH / GROUP : 1; // of a round
    extern __shared__ __align__(128) char tw_shared[];
    unsigned short* xs = (unsigned short*)tw_shared;                          // [STAGES][ROWS][DEPTH], chunks turned
    unsigned int* ws = (unsigned int*)(tw_shared + STAGES * ROWS * DEPTH * 2); // [STAGES][COLUMNS][WORDS]
    const int thread = threadIdx.x, warp = thread >> 5, lane = thread & 31, g = lane >> 2, t = lane & 3;
    const int column0 = blockIdx.x * COLUMNS;
    const long long row0 = (long long)blockIdx.y * ROWS;
    const unsigned int owner = of.owners[blockIdx.y];
    const bool owned = owner < (unsigned int)of.experts;
    const int rounds = owned ? of.depth / DEPTH : 0, groups = of.depth / GROUP;
    const long long first = (long long)(owned ? owner : 0) * of.columns + column0; // column of all experts
    float sums[TILES][4][4];
    _Pragma("unroll") for (int m = 0; m < TILES; m++)
        _Pragma("unroll") for (int n = 0; n < 4; n++)
            _Pragma("unroll") for (int i = 0; i < 4; i++) sums[m][n][i] = 0.0f;

    const auto fetch = [&](int round, int slot) {
        _Pragma("unroll") for (int i = 0; i < ROWS * 8 / 128; i++) {
            const int at = thread + i * 128, row = at >> 3, chunk = at & 7;
            tw_grouped_copy(xs + (slot * ROWS + row) * DEPTH + ((chunk ^ (row & 7)) << 3), of.x + (row0 + row) * of.x_stride + round * DEPTH + chunk * 8, true);
        }
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            const int at = thread + i * 128, column = at >> 1, chunk = at & 1;
            const bool on = column0 + column < of.columns;
            tw_grouped_copy(ws + (slot * COLUMNS + column) * WORDS + chunk * 4, of.w + (first + (on ? column : 0)) * (of.depth / 8) + round * WORDS + chunk * 4, on);
        }
    };
    // Scales and biases of a lane's columns, asked for a round ahead.
    unsigned int scales[GROUPS][4], biases[GROUPS][4];
    const auto ask = [&](int round) {
        _Pragma("unroll") for (int n = 0; n < 4; n++) {
            const int column = warp * 32 + n * 8 + g;
            const long long at = (first + (column0 + column < of.columns ? column : 0)) * groups + round * DEPTH / GROUP;
            _Pragma("unroll") for (int i = 0; i < GROUPS; i++) {
                scales[i][n] = __ldg(of.scales + at + i);
                biases[i][n] = __ldg(of.biases + at + i);
            }
        }
    };
    _Pragma("unroll") for (int s = 0; s < STAGES - 1; s++) {
        if (s < rounds) fetch(s, s);
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    if (rounds > 0) ask(0);
    int slot = 0, free = STAGES - 1;
    for (int round = 0; round < rounds; round++) {
        asm volatile("cp.async.wait_group %0;" ::"n"(STAGES - 2) : "memory");
        __syncthreads();
        if (round + STAGES - 1 < rounds) fetch(round + STAGES - 1, free);
        asm volatile("cp.async.commit_group;" ::: "memory");
        unsigned int s2[GROUPS][4], b2[GROUPS][4];
        _Pragma("unroll") for (int i = 0; i < GROUPS; i++)
            _Pragma("unroll") for (int n = 0; n < 4; n++) {
                s2[i][n] = scales[i][n] * 0x10001u;
                b2[i][n] = biases[i][n] * 0x10001u;
            }
        if (round + 1 < rounds) ask(round + 1);
        unsigned int words[4][WORDS];
        _Pragma("unroll") for (int n = 0; n < 4; n++)
            _Pragma("unroll") for (int i = 0; i < WORDS; i += 4) {
                const uint4 v = *(const uint4*)(ws + (slot * COLUMNS + warp * 32 + n * 8 + g) * WORDS + i);
                words[n][i] = v.x, words[n][i + 1] = v.y, words[n][i + 2] = v.z, words[n][i + 3] = v.w;
            }
        _Pragma("unroll") for (int k = 0; k < DEPTH / 16; k++) {
            unsigned int b[4][2];
            constexpr int EACH = DEPTH / GROUPS;
            _Pragma("unroll") for (int n = 0; n < 4; n++)
                _Pragma("unroll") for (int h = 0; h < 2; h++)
                    b[n][h] = tw_grouped_scaled<BF16>(tw_grouped_pair<BF16>(words[n][2 * k + h], 8 * t), s2[k * 16 / EACH][n], b2[k * 16 / EACH][n]);
            _Pragma("unroll") for (int m = 0; m < TILES; m++) {
                unsigned int a[4];
                const int row = m * 16 + (lane & 15), chunk = 2 * k + (lane >> 4);
                const unsigned int at = (unsigned int)__cvta_generic_to_shared(xs + (slot * ROWS + row) * DEPTH + ((chunk ^ (row & 7)) << 3));
                asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(at));
                _Pragma("unroll") for (int n = 0; n < 4; n++) tw_mma<BF16>(sums[m][n], a, b[n][0], b[n][1]);
            }
        }
        free = slot;
        slot = slot + 1 == STAGES ? 0 : slot + 1;
    }
    _Pragma("unroll") for (int m = 0; m < TILES; m++)
        _Pragma("unroll") for (int n = 0; n < 4; n++)
            _Pragma("unroll") for (int h = 0; h < 2; h++) {
                const int column = column0 + warp * 32 + n * 8 + 2 * t;
                unsigned short* to = of.y + (row0 + m * 16 + h * 8 + g) * of.y_stride + column;
                const float p = sums[m][n][2 * h], q = sums[m][n][2 * h + 1];
                const unsigned short lo = BF16 ? tw_to_bf16(p) : tw_to_f16(p), hi = BF16 ? tw_to_bf16(q) : tw_to_f16(q);
                if (column + 1 < of.columns && (of.y_stride & 1) == 0) *(unsigned int*)to = lo | (unsigned int)hi << 16;
                else {
                    if (column < of.columns) to[0] = lo;
                    if (column + 1 < of.columns) to[1] = hi;
                }
            }
}
