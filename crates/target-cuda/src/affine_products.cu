// Products of a few rows of half floats with MLX affine weights, on tensor cores: the weights' integers, made half floats
// exactly by setting the bits of their fraction, are the left operand and the rows the right one, so that a weight is
// read and unpacked once for all rows. Each group's sum of q x is scaled in f32: s Σ q x + b Σ x.
//
// A warp takes 16 columns and some rounds of STEPS times 128 weights of each, 128 a step: lane (g, t) of the matrix fragments
// holds the 32 weights from 32 t on of columns g and g + 8. As the four lanes t of a fragment lie in different groups, a
// row is as many columns of the right operand as groups in a step, each zero but for the lanes of one group.
//
// Tried and slower on an H100, 14336 columns of 4096 weights (18.0 us so): a ring of weights in shared memory, filled
// asynchronously (24.3), with the rows there too in the order of the fragments (27.5), and with several blocks of columns
// a group (25.5): the first cache is busy with exchanges; 96 registers for a fifth group beside four (19.2).

// The 32 weights of a lane: BITS words, in the widest loads that ALIGNED rows allow; zeros if `on` is false.
template <int BITS, bool ALIGNED> __device__ __forceinline__ void tw_load_weights(unsigned int (&w)[BITS], const unsigned int* p, bool on) {
    if (ALIGNED && BITS % 4 == 0) {
        _Pragma("unroll") for (int i = 0; i < BITS; i += 4) {
            const uint4 v = on ? tw_stream((const uint4*)(p + i)) : make_uint4(0u, 0u, 0u, 0u);
            w[i] = v.x, w[(i + 1) % BITS] = v.y, w[(i + 2) % BITS] = v.z, w[(i + 3) % BITS] = v.w;
        }
    } else if (ALIGNED && BITS % 2 == 0) {
        _Pragma("unroll") for (int i = 0; i < BITS; i += 2) {
            const uint2 v = on ? tw_stream((const uint2*)(p + i)) : make_uint2(0u, 0u);
            w[i] = v.x, w[(i + 1) % BITS] = v.y;
        }
    } else {
        _Pragma("unroll") for (int i = 0; i < BITS; i++) w[i] = on ? tw_stream(p + i) : 0u;
    }
}

// Which two of a lane's 32 weights are pair i: integers whose bits are 16 apart where a word holds whole ones.
template <int BITS> __device__ constexpr int tw_pair(int i) {
    return BITS == 4 ? i / 4 * 8 + i % 4 : BITS == 2 ? i / 8 * 16 + i % 8 : BITS == 8 ? i / 2 * 4 + i % 2 : 2 * i;
}
template <int BITS> __device__ constexpr int tw_pair_distance() { return BITS == 4 ? 4 : BITS == 2 ? 8 : BITS == 8 ? 2 : 1; }

// The exponent of 2^P in both halves of a word; a register's value to the compiler, as no instruction takes two constants.
template <int BITS, bool BF16> __device__ __forceinline__ unsigned int tw_exponent() {
    constexpr int P = BITS == 8 ? 4 : BITS, FRACTION = BF16 ? 7 : 10;
    unsigned int exponent;
    asm volatile("mov.u32 %0, %1;" : "=r"(exponent) : "n"(((unsigned int)((BF16 ? 127 : 15) + P) << FRACTION) * 0x10001u));
    return exponent;
}

// Pair i as half floats q + 2^P, in the top of the fraction; of 8-bit integers the low or the high 4 bits, P = 4.
template <int BITS, bool BF16> __device__ __forceinline__ unsigned int tw_halves(const unsigned int (&w)[BITS], int i, int plane, unsigned int exponent) {
    constexpr int P = BITS == 8 ? 4 : BITS, FRACTION = BF16 ? 7 : 10, TO = FRACTION - P;
    constexpr unsigned int MASK = (((1u << P) - 1u) << TO) * 0x10001u;
    if (BITS == 2 || BITS == 4 || BITS == 8) {
        const int first = tw_pair<BITS>(i), word = first * BITS / 32, bit = first * BITS % 32 + 4 * plane - TO;
        const unsigned int shifted = bit >= 0 ? w[word] >> (bit & 31) : w[word] << (-bit & 31);
        unsigned int halves; // (shifted & MASK) | exponent
        asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(halves) : "r"(shifted), "n"(MASK), "r"(exponent));
        return halves;
    }
    unsigned int q[2];
    _Pragma("unroll") for (int j = 0; j < 2; j++) {
        const int bit = (2 * i + j) * BITS, word = bit / 32, shift = bit % 32;
        q[j] = shift + BITS > 32 ? __funnelshift_r(w[word], w[word + 1 < BITS ? word + 1 : word], shift) : w[word] >> shift;
        q[j] &= (1u << BITS) - 1u;
    }
    return ((q[0] << TO) | (q[1] << (TO + 16))) | exponent;
}

// Where the operands of one product lie: the rows of x, and the first of 16 columns of the weights.
struct tw_affine {
    const unsigned short* x;
    const unsigned int* w;
    const unsigned short* scales;
    const unsigned short* biases;
    long long x_stride, w_stride, scales_stride, biases_stride;
};

// Scales or biases of COUNT groups from `group` on, two a word, zero past the last of `groups`; VECTORS as tw_scale_vectors
// tells.
template <int COUNT, int VECTORS> __device__ __forceinline__ void tw_load_scales(unsigned int (&s)[(COUNT + 1) / 2], const unsigned short* p, int group, int groups) {
    if (COUNT % 8 == 0 && VECTORS > 1) {
        _Pragma("unroll") for (int i = 0; i < COUNT; i += 8) {
            const uint4 v = group + i < groups ? tw_stream((const uint4*)(p + group + i)) : make_uint4(0u, 0u, 0u, 0u);
            constexpr int W = (COUNT + 1) / 2;
            s[i / 2] = v.x, s[(i / 2 + 1) % W] = v.y, s[(i / 2 + 2) % W] = v.z, s[(i / 2 + 3) % W] = v.w;
        }
    } else if (COUNT % 4 == 0 && VECTORS > 0) {
        _Pragma("unroll") for (int i = 0; i < COUNT; i += 4) {
            const uint2 v = group + i < groups ? tw_stream((const uint2*)(p + group + i)) : make_uint2(0u, 0u);
            s[i / 2] = v.x, s[(i / 2 + 1) % ((COUNT + 1) / 2)] = v.y;
        }
    } else if (COUNT % 2 == 0 && VECTORS > 0) {
        _Pragma("unroll") for (int i = 0; i < COUNT; i += 2) s[i / 2] = group + i < groups ? tw_stream((const unsigned int*)(p + group + i)) : 0u;
    } else {
        _Pragma("unroll") for (int i = 0; i < (COUNT + 1) / 2; i++) s[i] = 0u;
        _Pragma("unroll 1") for (int i = 0; i < COUNT; i++) {
            const unsigned int half = group + i < groups ? (unsigned int)p[group + i] << (i & 1) * 16 : 0u;
            _Pragma("unroll") for (int j = 0; j < (COUNT + 1) / 2; j++) s[j] |= j == i / 2 ? half : 0u;
        }
    }
}

template <int GROUP> struct tw_affine_shape {
    static constexpr int GROUPS = 128 / GROUP;                      // of a step
    static constexpr int EACH = GROUPS == 4 ? 2 : GROUPS;           // scales of a step that a lane needs of a column
    static constexpr int ROWS = 8 / GROUPS;                         // of a tile
    static constexpr int OWN = GROUPS == 1 ? 2 : 1;                 // rows of a lane in a tile
};

// The sums of one warp: sums[tile][row of the lane][column g or g + 8].
template <int BITS, int GROUP, int TILES, bool BF16, bool ALIGNED, int STEPS> struct tw_affine_warp {
    typedef tw_affine_shape<GROUP> Shape;
    static constexpr int GROUPS = Shape::GROUPS, EACH = Shape::EACH, OWN = Shape::OWN, PLANES = BITS == 8 ? 2 : 1;
    static constexpr int WORDS = (STEPS * EACH + 1) / 2, SIZE = TILES * Shape::ROWS * 16;
    float sums[TILES][OWN][2];
    // The weights, scales and biases of a round.
    unsigned int w[STEPS][2][BITS], scales[2][WORDS], biases[2][WORDS];

    __device__ __forceinline__ void clear() {
        _Pragma("unroll") for (int i = 0; i < TILES; i++)
            _Pragma("unroll") for (int j = 0; j < OWN; j++) sums[i][j][0] = sums[i][j][1] = 0.0f;
    }

    // The elements of the rows that this lane holds in a step.
    __device__ __forceinline__ void load_rows(unsigned int (&x)[TILES][16], const tw_affine& of, int step, int groups, int rows) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, own_group = t * GROUPS / 4;
        const bool inside = step * GROUPS + own_group < groups && g % GROUPS == own_group;
        _Pragma("unroll") for (int n = 0; n < TILES; n++) {
            const int row = n * Shape::ROWS + g / GROUPS;
            const unsigned short* p = of.x + row * of.x_stride + (step * 4 + t) * 32;
            const bool on = inside && row < rows;
            _Pragma("unroll") for (int j = 0; j < 16; j += 4) {
                if (ALIGNED) {
                    const uint4 v = on ? *(const uint4*)(p + 2 * j) : make_uint4(0u, 0u, 0u, 0u);
                    x[n][j] = v.x, x[n][j + 1] = v.y, x[n][j + 2] = v.z, x[n][j + 3] = v.w;
                } else {
                    _Pragma("unroll") for (int i = j; i < j + 4; i++) x[n][i] = on ? p[2 * i] | (unsigned int)p[2 * i + 1] << 16 : 0u;
                }
            }
        }
    }

    // Pair i of a lane's 32 elements.
    static __device__ __forceinline__ unsigned int pair(const unsigned int (&x)[16], int i) {
        const int first = tw_pair<BITS>(i), second = first + tw_pair_distance<BITS>();
        return tw_pair_distance<BITS>() == 1 ? x[first / 2] : __byte_perm(x[first / 2], x[second / 2], first & 1 ? 0x7632 : 0x5410);
    }

    __device__ __forceinline__ void step(const unsigned int (&w)[2][BITS], const unsigned int (&scales)[2][WORDS], const unsigned int (&biases)[2][WORDS], int s, const unsigned int (&x)[TILES][16], unsigned int exponent) {
        // Two chains of sums, as each waits for its last.
        constexpr int CHAINS = TILES == 1 ? 2 : 1;
        float c[CHAINS][PLANES][TILES][4], ones[TILES][4];
        _Pragma("unroll") for (int n = 0; n < TILES; n++)
            _Pragma("unroll") for (int j = 0; j < 4; j++) {
                ones[n][j] = 0.0f;
                _Pragma("unroll") for (int h = 0; h < CHAINS; h++)
                    _Pragma("unroll") for (int p = 0; p < PLANES; p++) c[h][p][n][j] = 0.0f;
            }
        _Pragma("unroll") for (int k = 0; k < 8; k++) {
            unsigned int a[PLANES][4];
            _Pragma("unroll") for (int p = 0; p < PLANES; p++)
                _Pragma("unroll") for (int j = 0; j < 4; j++) a[p][j] = tw_halves<BITS, BF16>(w[j & 1], 2 * k + j / 2, p, exponent);
            const unsigned int one = BF16 ? 0x3f803f80u : 0x3c003c00u;
            const unsigned int all_ones[4] = {one, one, one, one};
            _Pragma("unroll") for (int n = 0; n < TILES; n++) {
                const unsigned int b0 = pair(x[n], 2 * k), b1 = pair(x[n], 2 * k + 1);
                _Pragma("unroll") for (int p = 0; p < PLANES; p++) tw_mma<BF16>(c[k % CHAINS][p][n], a[p], b0, b1);
                tw_mma<BF16>(ones[n], all_ones, b0, b1);
            }
        }
        // An 8-bit integer is low + 16 high, each with 16 added to it.
        const float added = BITS == 8 ? 272.0f : (float)(1 << BITS);
        _Pragma("unroll") for (int i = 0; i < 2; i++)
            _Pragma("unroll") for (int j = 0; j < 2; j++) {
                const int group = s * EACH + (EACH == 2 ? j : 0);
                const float scale = tw_half<BF16>((unsigned short)(scales[i][group / 2] >> group % 2 * 16));
                const float bias = tw_half<BF16>((unsigned short)(biases[i][group / 2] >> group % 2 * 16));
                const float rest = fmaf(-added, scale, bias);
                _Pragma("unroll") for (int n = 0; n < TILES; n++) {
                    float& sum = sums[n][OWN == 2 ? j : 0][i];
                    float q[PLANES];
                    _Pragma("unroll") for (int p = 0; p < PLANES; p++) q[p] = CHAINS == 2 ? c[0][p][n][2 * i + j] + c[CHAINS - 1][p][n][2 * i + j] : c[0][p][n][2 * i + j];
                    sum = fmaf(scale, PLANES == 2 ? fmaf(16.0f, q[PLANES - 1], q[0]) : q[0], fmaf(rest, ones[n][j], sum));
                }
            }
    }

    // Asks for the scales and biases of the groups whose sums this lane gets.
    template <int VECTORS> __device__ __forceinline__ void fetch_scales(const tw_affine& of, int step0, int groups, int columns) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            const int known = g + 8 * i < columns ? groups : 0;
            const unsigned short* p = of.scales + (g + 8 * i) * of.scales_stride;
            const unsigned short* b = of.biases + (g + 8 * i) * of.biases_stride;
            if (GROUPS < 4) {
                tw_load_scales<STEPS * EACH, VECTORS>(scales[i], p, step0 * GROUPS, known);
                tw_load_scales<STEPS * EACH, VECTORS>(biases[i], b, step0 * GROUPS, known);
            } else {
                _Pragma("unroll") for (int j = 0; j < STEPS; j++) {
                    unsigned int own[1];
                    tw_load_scales<2, VECTORS>(own, p, (step0 + j) * 4 + (t & 1) * 2, known);
                    scales[i][j] = own[0];
                    tw_load_scales<2, VECTORS>(own, b, (step0 + j) * 4 + (t & 1) * 2, known);
                    biases[i][j] = own[0];
                }
            }
        }
    }

    // Asks for the weights of a round.
    __device__ __forceinline__ void fetch(const tw_affine& of, int step0, int groups, int columns, int vectors) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            const unsigned int* p = of.w + (g + 8 * i) * of.w_stride + (step0 * 4 + t) * BITS;
            _Pragma("unroll") for (int s = 0; s < STEPS; s++) {
                const bool on = g + 8 * i < columns && (step0 + s) * GROUPS + t * GROUPS / 4 < groups;
                tw_load_weights<BITS, ALIGNED>(w[s][i], p + s * 4 * BITS, on);
            }
        }
        if (vectors > 1) fetch_scales<2>(of, step0, groups, columns);
        else if (vectors == 1) fetch_scales<1>(of, step0, groups, columns);
        else fetch_scales<0>(of, step0, groups, columns);
    }

    // Adds their products to what `partial` has, two steps to one of its SLOTS arrays in turn; the first to each is all there.
    template <int SLOTS> __device__ __forceinline__ void multiply(float* partial, const tw_affine& of, int step0, int groups, int rows, unsigned int exponent) {
        unsigned int x[2][TILES][16];
        load_rows(x[0], of, step0, groups, rows);
        _Pragma("unroll") for (int s = 0; s < STEPS; s++) {
            const int unit = (step0 + s) / 2;
            float* own = partial + unit % SLOTS * SIZE;
            if (s % 2 == 0) {
                if (unit < SLOTS) clear();
                else resume(own);
            }
            if (s + 1 < STEPS) load_rows(x[(s + 1) & 1], of, step0 + s + 1, groups, rows);
            step(w[s], scales, biases, s, x[s & 1], exponent);
            if (s % 2 == 1) keep(own);
        }
    }

    // Where a sum of this lane belongs in [row][16 columns].
    static __device__ __forceinline__ int place(int n, int j, int i) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        const int row = n * Shape::ROWS + (GROUPS == 1 ? 2 * t + j : GROUPS == 2 ? t : t / 2);
        return row * 16 + g + 8 * i;
    }

    // Goes on with sums that this warp has kept.
    __device__ __forceinline__ void resume(const float* partial) {
        _Pragma("unroll") for (int n = 0; n < TILES; n++)
            _Pragma("unroll") for (int j = 0; j < OWN; j++)
                _Pragma("unroll") for (int i = 0; i < 2; i++) sums[n][j][i] = GROUPS < 4 || (threadIdx.x & 1) == 0 ? partial[place(n, j, i)] : 0.0f;
    }

    // Writes the warp's sums to [row][16 columns].
    __device__ __forceinline__ void keep(float* partial) {
        _Pragma("unroll") for (int n = 0; n < TILES; n++)
            _Pragma("unroll") for (int j = 0; j < OWN; j++)
                _Pragma("unroll") for (int i = 0; i < 2; i++) {
                    float sum = sums[n][j][i];
                    if (GROUPS == 4) sum += __shfl_xor_sync(0xffffffffu, sum, 1);
                    if (GROUPS < 4 || (threadIdx.x & 1) == 0) partial[place(n, j, i)] = sum;
                }
    }
};

// Scales are read 8 (2), 4 (1) or one (0) at a time, as they are aligned.
__device__ __forceinline__ int tw_scale_vectors(const tw_affine& of, int groups) {
    const unsigned int start = (unsigned int)(size_t)of.scales | (unsigned int)(size_t)of.biases, apart = (unsigned int)(of.scales_stride | of.biases_stride | groups);
    return ((start & 15) | (apart & 7)) == 0 ? 2 : ((start & 7) | (apart & 3)) == 0 ? 1 : 0;
}

// `result[product][row][16]`: the products of up to TILES * 8 / (128 / GROUP) rows with 16 columns, by all warps of the
// group, which share the rounds of all products; `operands(i)` says where those of product i lie. `partial` has room for
// SLOTS results of each: sums of 256 elements, which go to them in turn, whichever warp has them. A multiple of the warps'
// steps for each slot keeps it to one warp. `begin()` runs when the first weights are under way, before the rows are read.
template <int BITS, int GROUP, int TILES, bool BF16, bool ALIGNED, int PRODUCTS, int WARPS, int STEPS, int SLOTS, class Operands, class Begin>
__device__ __forceinline__ void tw_affine_products(float* result, float* partial, const Operands& operands, int groups, int rows, int columns, const Begin& begin) {
    typedef tw_affine_shape<GROUP> Shape;
    constexpr int SIZE = TILES * Shape::ROWS * 16;
    const int warp = threadIdx.x >> 5;
    const int rounds = (groups + Shape::GROUPS * STEPS - 1) / (Shape::GROUPS * STEPS);
    const unsigned int exponent = tw_exponent<BITS, BF16>();
    tw_affine_warp<BITS, GROUP, TILES, BF16, ALIGNED, STEPS> sums;
    {
        int product = 0, round = warp;
        if (PRODUCTS > 1) while (round >= rounds && product + 1 < PRODUCTS) round -= rounds, product++;
        const tw_affine of = operands(product);
        if (round < rounds) sums.fetch(of, round * STEPS, groups, columns, tw_scale_vectors(of, groups));
    }
    bool fetched = true;
    begin();
    _Pragma("unroll 1") for (int product = 0, first = warp; product < PRODUCTS; product++) {
        tw_affine of = operands(product);
        of.x = tw_after_wait(of.x);
        const int vectors = tw_scale_vectors(of, groups);
        // The rounds of all products are dealt out in turn.
        int round = first;
        _Pragma("unroll 1") for (; round < rounds; round += WARPS) {
            if (!fetched) sums.fetch(of, round * STEPS, groups, columns, vectors);
            fetched = false;
            sums.template multiply<SLOTS>(partial + product * SLOTS * SIZE, of, round * STEPS, groups, rows, exponent);
        }
        first = round - rounds;
    }
    __syncthreads();
    const int units = min((groups + 2 * Shape::GROUPS - 1) / (2 * Shape::GROUPS), SLOTS);
    const int used = min(rows, TILES * Shape::ROWS) * 16;
    _Pragma("unroll") for (int product = 0; product < PRODUCTS; product++)
        _Pragma("unroll 1") for (int i = threadIdx.x; i < used; i += WARPS * 32) {
            const float* own = partial + product * SLOTS * SIZE + i;
            float sum = own[0];
            _Pragma("unroll 4") for (int slot = 1; slot < units; slot++) sum += own[slot * SIZE];
            result[product * SIZE + i] = sum;
        }
    __syncthreads();
}
