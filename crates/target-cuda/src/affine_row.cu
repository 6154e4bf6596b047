// Products of one row: it is made ready once a group of threads, as the fragments of the right operand take it, with the
// sum of each of its groups beside it, so that a step of a warp is little more than unpacking its weights.
//
// Tried and slower on an H100, for the four products of a layer of a model of 8 billion weights, one after the other (52 us
// so, 36 by bytes): bulk copies of whole blocks of columns to shared memory (8.5 us for 6144x4096, 24.9 for 2x12288x4096; but
// 116 instead of 119 for 151936x4096), groups that stay, with a ring of such blocks (60 to 74 for the four), two rounds under
// way at once before the wait, which the row then waits behind (53 instead of 52), launching the next kernel before the wait.
// Of a whole step (tokens a second): two under way all the time where that takes 4 groups of 8 warps with steps of 2 for
// 14336x4096 (456 instead of 467), 4 warps for 6144x4096 (460) or for 2x8192x2048 (2104 instead of 2144). One group of 8 warps
// a multiprocessor that takes several blocks of columns, with three rounds of each warp under way, so that the next launch's
// group is there and has asked for its own (324 instead of 466 of 8 billion weights, 1765 instead of 2128 of llama-1b; 298 with
// 16 warps of 64 registers): a round is some 350 instructions that depend on each other, which 8 warps do not hide.

// Where element i of a lane's 32 goes, in the order of the pairs.
template <int BITS> __device__ __forceinline__ int tw_place(int i) {
    constexpr int APART = tw_pair_distance<BITS>();
    return i / (2 * APART) * (2 * APART) + i % APART * 2 + i / APART % 2;
}

// A part of a row. An OLDER one may have been made while this multiprocessor ran the launch before that which it has not
// waited for yet: the first cache may not know of it.
template <bool OLDER> __device__ __forceinline__ uint4 tw_row_part(const unsigned short* p) {
    if (!OLDER) return *(const uint4*)tw_after_wait(p);
    uint4 v;
    asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

// What a thread takes of ROWS rows with room for LEN elements, 8 elements at a time, of which BATCH are under way at once.
template <int LEN, int ROWS, int WARPS> struct tw_parts {
    static constexpr int THREADS = WARPS * 32, EACH = (ROWS * LEN / 8 + THREADS - 1) / THREADS, BATCH = EACH < 4 ? EACH : 4, BATCHES = (EACH + BATCH - 1) / BATCH;
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

// Makes ready ROWS rows of `length` elements, `row_of(i)`; zeros up to `padded`, LEN at most. With NORM, the root mean
// square norm of the only one, with a weight, of which `weights` are the first parts; its squares are added in the order in
// which a norm's own kernel adds them: neighbours of 256 elements, and these one after the other. LOADED tells that `x` are
// those of the rows. By all threads of the group; `scratch` has room for a number for each 256 elements. What is read is asked
// for together: each time costs as much as some rounds of weights.
template <int BITS, int GROUP, bool BF16, int WARPS, bool NORM, int ROWS, int LEN, bool LOADED, bool OLDER, class RowOf>
__device__ __forceinline__ void tw_ready_rows(unsigned int* ready, float* sums, int own_row, int own_sums, float* scratch, const RowOf& row_of, tw_parts<LEN, ROWS, WARPS>& x, tw_parts<LEN, ROWS, WARPS>& weights, const unsigned short* weight, float eps, int length, int padded) {
    typedef tw_parts<LEN, ROWS, WARPS> Parts;
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
        __syncthreads();
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
            float sum = 0.0f;
            _Pragma("unroll") for (int j = 0; j < 4; j++) {
                float low = tw_half<BF16>((unsigned short)words[j]), high = tw_half<BF16>((unsigned short)(words[j] >> 16));
                if (NORM) {
                    low = low * factor * tw_half<BF16>((unsigned short)factors[j]);
                    high = high * factor * tw_half<BF16>((unsigned short)(factors[j] >> 16));
                    words[j] = BF16 ? tw_pack_bf16(low, high) : tw_pack_f16(low, high);
                    low = tw_half<BF16>((unsigned short)words[j]), high = tw_half<BF16>((unsigned short)(words[j] >> 16));
                }
                sum += low + high;
            }
            _Pragma("unroll") for (int by = 1; by < GROUP / 8; by *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
            if (number >= ROWS || part >= parts) continue;
            if (i % GROUP == 0) sums[number * own_sums + i / GROUP] = sum;
            unsigned int* to = ready + number * own_row + part / 4 * 16;
            if (BITS == 4) {
                // Four pairs of elements that are four apart.
                *(uint4*)(to + part % 4 * 4) = make_uint4(__byte_perm(words[0], words[2], 0x5410), __byte_perm(words[0], words[2], 0x7632), __byte_perm(words[1], words[3], 0x5410), __byte_perm(words[1], words[3], 0x7632));
            } else {
                _Pragma("unroll") for (int e = 0; e < 8; e++) ((unsigned short*)to)[tw_place<BITS>(part % 4 * 8 + e)] = (unsigned short)(words[e / 2] >> e % 2 * 16);
            }
        }
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
template <int BITS, int GROUP, bool BF16, bool ALIGNED, int PRODUCTS, int WARPS, int STEPS, int ROUNDS, int UNITS, class Operands, class Begin, class Make>
__device__ __forceinline__ void tw_affine_row(float* result, int apart, float* partial, const unsigned int* row, const float* row_sums, int own_row, int own_sums, const Operands& operands, int groups, int columns, const Begin& begin, const Make& make) {
    typedef tw_affine_shape<GROUP> Shape;
    typedef tw_affine_warp<BITS, GROUP, 1, BF16, ALIGNED, STEPS> Warp;
    constexpr int GROUPS = Shape::GROUPS, PLANES = Warp::PLANES, EACH = Shape::EACH;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int rounds = (groups + GROUPS * STEPS - 1) / (GROUPS * STEPS), all = rounds * PRODUCTS;
    const unsigned int exponent = tw_exponent<BITS, BF16>();
    const bool holds = g == t * GROUPS / 4;
    const auto product_of = [&](int at) { return PRODUCTS == 1 ? 0 : PRODUCTS == 2 ? (int)(at >= rounds) : at / rounds; };
    const auto fetch = [&](Warp& into, int at) {
        if (at >= all) return;
        const int product = product_of(at);
        const tw_affine of = operands(product);
        into.fetch(of, (at - product * rounds) * STEPS, groups, columns, tw_scale_vectors(of, groups));
    };
    Warp even, odd;
    fetch(even, warp);
    if (ROUNDS == 2 || ROUNDS == 4) fetch(odd, warp + WARPS);
    begin();
    if (ROUNDS == 5) fetch(odd, warp + WARPS);
    make();
    const int units = (groups + 2 * GROUPS - 1) / (2 * GROUPS);
    unsigned int x[16];
    _Pragma("unroll") for (int i = 0; i < 16; i++) x[i] = 0u;
    float total[2] = {0.0f, 0.0f};
    // There is room for all of the last round. Many products do without the comparison, which holds `units`: 8 took 124
    // registers with it and 116 without, where the next launch of a graph fits beside. One and two lost by that: 2 % of
    // the decode of qwen3-0.6b.
    const auto keep = [&](int product, int unit) {
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            if (GROUPS == 4) total[i] += __shfl_xor_sync(0xffffffffu, total[i], 1);
            if (t == 0 && (PRODUCTS > 2 || unit < units)) partial[(product * UNITS + unit) * 16 + g + 8 * i] = total[i];
            total[i] = 0.0f;
        }
    };
    const auto take = [&](const Warp& weights, int at) {
        if (at >= all) return;
        const int product = product_of(at), round = at - product * rounds;
        _Pragma("unroll") for (int s = 0; s < STEPS; s++) {
            const int step = round * STEPS + s;
            if (holds) {
                const uint4* from = (const uint4*)(row + product * own_row + (step * 4 + t) * 16);
                _Pragma("unroll") for (int j = 0; j < 4; j++) {
                    const uint4 v = from[j];
                    x[4 * j] = v.x, x[4 * j + 1] = v.y, x[4 * j + 2] = v.z, x[4 * j + 3] = v.w;
                }
            }
            float c[2][PLANES][4];
            _Pragma("unroll") for (int h = 0; h < 2; h++)
                _Pragma("unroll") for (int p = 0; p < PLANES; p++)
                    _Pragma("unroll") for (int j = 0; j < 4; j++) c[h][p][j] = 0.0f;
            _Pragma("unroll") for (int k = 0; k < 8; k++)
                _Pragma("unroll") for (int p = 0; p < PLANES; p++) {
                    unsigned int a[4];
                    _Pragma("unroll") for (int j = 0; j < 4; j++) a[j] = tw_halves<BITS, BF16>(weights.w[s][j & 1], 2 * k + j / 2, p, exponent);
                    tw_mma<BF16>(c[k % 2][p], a, x[2 * k], x[2 * k + 1]);
                }
            const float added = BITS == 8 ? 272.0f : (float)(1 << BITS);
            _Pragma("unroll") for (int j = 0; j < (GROUPS == 1 ? 1 : 2); j++) {
                const float ones = row_sums[product * own_sums + step * GROUPS + (GROUPS == 4 ? (t & 1) * 2 + j : j)];
                _Pragma("unroll") for (int i = 0; i < 2; i++) {
                    const int group = s * EACH + (EACH == 2 ? j : 0);
                    const float scale = tw_half<BF16>((unsigned short)(weights.scales[i][group / 2] >> group % 2 * 16));
                    const float bias = tw_half<BF16>((unsigned short)(weights.biases[i][group / 2] >> group % 2 * 16));
                    float q = c[0][0][2 * i + j] + c[1][0][2 * i + j];
                    if (PLANES == 2) q = fmaf(16.0f, c[0][PLANES - 1][2 * i + j] + c[1][PLANES - 1][2 * i + j], q);
                    total[i] = fmaf(scale, fmaf(-added, ones, q), fmaf(bias, ones, total[i]));
                }
            }
            if (s % 2 == 1) keep(product, step / 2);
        }
    };
    if (ROUNDS == 5) {
        _Pragma("unroll 1") for (int at = warp; at < all; at += 2 * WARPS) {
            take(even, at);
            fetch(even, at + 2 * WARPS);
            take(odd, at + WARPS);
            fetch(odd, at + 3 * WARPS);
        }
    } else if (ROUNDS != 3) {
        take(even, warp);
        if (ROUNDS != 1) take(odd, warp + WARPS);
    }
    if (ROUNDS == 3 || ROUNDS == 4) {
        constexpr int BEFORE = ROUNDS == 4 ? 2 : 0;
        _Pragma("unroll 1") for (int at = warp + BEFORE * WARPS; at < all; at += WARPS) {
            if (at != warp) fetch(even, at);
            take(even, at);
        }
    }
    __syncthreads();
    // Four threads a column.
    _Pragma("unroll 1") for (int i = threadIdx.x; i < PRODUCTS * 64; i += WARPS * 32) {
        const int product = i / 64, column = i / 4 % 16, first = i % 4;
        const float* own = partial + product * UNITS * 16 + column;
        float sum = 0.0f;
        _Pragma("unroll 4") for (int j = 0; j < (UNITS + 3) / 4; j++)
            if (first + 4 * j < units) sum += own[(first + 4 * j) * 16];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        if (first == 0) result[product * apart + column] = sum;
    }
    __syncthreads();
}
