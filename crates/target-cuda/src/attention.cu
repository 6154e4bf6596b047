// Attention of many queries over many keys with heads of 64, 128 or 256 features, on warpgroup products (sm_90a): 128
// queries a group of threads, 64 of each of its two warpgroups, and KEYS keys a round. Queries, keys and values lie in
// shared memory in panels of 64 features, 128 bytes a row, chunks turned by the row as the hardware's 128-byte swizzle
// turns them; keys and values come in a ring of two. Scores and the sum stay in registers, and only rounds at the edge of
// what a query sees are masked. Causal, 4096 queries of 32 heads, 8 of keys, on an H100: 128 features with 64 keys a round
// and two groups a multiprocessor 0.273 ms, 503 TFLOP/s (with 128 keys and one group 0.322), 64 features 0.164, 256
// features 0.565; the generic lowering, whose warps compute addresses for longer than they multiply, takes 0.776 for 128.

struct tw_attention {
    const unsigned short *q, *keys, *values;
    unsigned short* out;
    long long q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row, out_batch, out_head, out_row;
    int heads, group, queries, length, window;
    float scale;
};

__device__ __forceinline__ void tw_attention_copy(unsigned int to, const void* from, bool on) {
    const int bytes = on ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

// ROWS rows of DIM features, zeros past `rows`, as panels of 64 features.
template <int ROWS, int DIM> __device__ __forceinline__ void tw_attention_fetch(unsigned int to, const unsigned short* from, long long stride, int rows) {
    // A multiple of 8 rows at a time, so that a thread's chunks are all turned alike.
    constexpr int CHUNKS = DIM / 8, STEP = 256 / CHUNKS;
    const int row = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
    const unsigned int place = to + (chunk >> 3) * (ROWS * 128) + row * 128 + (((chunk & 7) ^ (row & 7)) << 4);
    const unsigned short* at = from + row * stride + chunk * 8;
    _Pragma("unroll") for (int i = 0; i < ROWS / STEP; i++) {
        const bool on = row + i * STEP < rows;
        tw_attention_copy(place + i * STEP * 128, on ? at : from, on);
        at += STEP * stride;
    }
}

__device__ __forceinline__ unsigned long long tw_attention_matrix(unsigned int at, int leading) {
    return (unsigned long long)((at & 0x3ffff) >> 4) | (unsigned long long)(leading >> 4) << 16 | (unsigned long long)(1024 >> 4) << 32 | 1ull << 62;
}

#define TW_SUMS32(d) \
    "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), \
    "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define TW_SUMS64(d) \
    TW_SUMS32(d), \
    "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), \
    "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
#define TW_NAMES32 "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}"
#define TW_NAMES64 \
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31," \
    "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}"

// Products of 64 rows with N columns, of which a thread holds COUNT sums; A to E name the operands after them.
#define TW_WGMMA(N, TYPE) "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." TYPE "." TYPE " "
#define TW_ATTENTION_PRODUCT(N, COUNT, NAMES, SUMS, A, B, C, D, E) \
    template <> struct tw_attention_product<N> { \
        /* d (+)= a b with both in shared memory, rows of features. */ \
        template <bool BF16> static __device__ __forceinline__ void scores(float (&d)[COUNT], unsigned long long a, unsigned long long b, int add) { \
            if (BF16) \
                asm volatile("{.reg .pred p; setp.ne.b32 p, " C ", 0; " TW_WGMMA(N, "bf16") NAMES ", " A ", " B ", p, 1, 1, 0, 0;}" : SUMS(d) : "l"(a), "l"(b), "r"(add)); \
            else \
                asm volatile("{.reg .pred p; setp.ne.b32 p, " C ", 0; " TW_WGMMA(N, "f16") NAMES ", " A ", " B ", p, 1, 1, 0, 0;}" : SUMS(d) : "l"(a), "l"(b), "r"(add)); \
        } \
        /* d += a b with a in registers and b in shared memory, a row a summed position. */ \
        template <bool BF16> static __device__ __forceinline__ void mix(float (&d)[COUNT], const unsigned int (&a)[4], unsigned long long b) { \
            if (BF16) \
                asm volatile(TW_WGMMA(N, "bf16") NAMES ", {" A "," B "," C "," D "}, " E ", 1, 1, 1, 1;" : SUMS(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)); \
            else \
                asm volatile(TW_WGMMA(N, "f16") NAMES ", {" A "," B "," C "," D "}, " E ", 1, 1, 1, 1;" : SUMS(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)); \
        } \
    };
template <int N> struct tw_attention_product;
TW_ATTENTION_PRODUCT(64, 32, TW_NAMES32, TW_SUMS32, "%32", "%33", "%34", "%35", "%36")
TW_ATTENTION_PRODUCT(128, 64, TW_NAMES64, TW_SUMS64, "%64", "%65", "%66", "%67", "%68")

__device__ __forceinline__ float tw_attention_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

template <bool BF16> __device__ __forceinline__ unsigned int tw_attention_pack(float low, float high) {
    unsigned int both;
    if (BF16) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    else asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

template <int DIM, int KEYS, bool BF16> __device__ __forceinline__ void tw_attention_many(const tw_attention& of) {
    // The sum is in parts of as many features as one product gives.
    constexpr int ROWS = 128, PANEL = KEYS * 128, TILE = KEYS * DIM * 2, PART = DIM < 128 ? DIM : 128, PARTS = DIM / PART;
    extern __shared__ __align__(1024) char tw_shared[];
    const unsigned int shared = ((unsigned int)__cvta_generic_to_shared(tw_shared) + 1023u) & ~1023u;
    const unsigned int qs = shared, ks = shared + ROWS * DIM * 2, vs = ks + 2 * TILE;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int head = blockIdx.x % of.heads, batch = blockIdx.x / of.heads;
    // The blocks that see most come first.
    const int first = (gridDim.y - 1 - blockIdx.y) * ROWS;
    const unsigned short* q = of.q + batch * of.q_batch + head * of.q_head + first * of.q_row;
    const unsigned short* keys = of.keys + batch * of.k_batch + head / of.group * of.k_head;
    const unsigned short* values = of.values + batch * of.v_batch + head / of.group * of.v_head;
    const int offset = of.length - of.queries, window = min(of.window, 1 << 30);
    // The keys that some query of the block sees.
    const int end = min(of.length, first + offset + ROWS), start = max(first + offset - window + 1, 0) / KEYS * KEYS;
    const int row0 = first + (warp >> 2) * 64 + (warp & 3) * 16 + g, position = row0 + offset; // of the lane's first row

    float sum[PARTS][PART / 2], total[2] = {0.0f, 0.0f}, greatest[2] = {-TW_INFINITY, -TW_INFINITY};
    _Pragma("unroll") for (int p = 0; p < PARTS; p++)
        _Pragma("unroll") for (int i = 0; i < PART / 2; i++) sum[p][i] = 0.0f;
    const float scale = of.scale * 1.4426950408889634f;

    tw_attention_fetch<ROWS, DIM>(qs, q, of.q_row, of.queries - first);
    if (start < end) {
        tw_attention_fetch<KEYS, DIM>(ks, keys + start * of.k_row, of.k_row, of.length - start);
        tw_attention_fetch<KEYS, DIM>(vs, values + start * of.v_row, of.v_row, of.length - start);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
    int slot = 0;
    for (int key = start; key < end; key += KEYS) {
        asm volatile("cp.async.wait_group 0;" ::: "memory");
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncthreads();
        const int next = key + KEYS;
        const auto fetch_next = [&]() {
            if (next < end) {
                tw_attention_fetch<KEYS, DIM>(ks + (slot ^ 1) * TILE, keys + next * of.k_row, of.k_row, of.length - next);
                tw_attention_fetch<KEYS, DIM>(vs + (slot ^ 1) * TILE, values + next * of.v_row, of.v_row, of.length - next);
            }
            asm volatile("cp.async.commit_group;" ::: "memory");
        };
        // Places are computed while the scores are: 0.273 for 0.278 ms. With 256 features, where registers are short, 0.577
        // for 0.559.
        if (DIM > 128) fetch_next();

        float scores[KEYS / 2];
        const unsigned int own = qs + (warp >> 2) * 8192;
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
        _Pragma("unroll") for (int k = 0; k < DIM / 16; k++) {
            const unsigned int q_at = own + (k >> 2) * (ROWS * 128) + (k & 3) * 32, k_at = ks + slot * TILE + (k >> 2) * PANEL + (k & 3) * 32;
            tw_attention_product<KEYS>::template scores<BF16>(scores, tw_attention_matrix(q_at, 16), tw_attention_matrix(k_at, 16), k);
        }
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        if (DIM <= 128) fetch_next();
        asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
        // Whole rounds are seen by every query of the block.
        const bool whole = next <= of.length && next <= first + offset + 1 && first + offset + ROWS - 1 - key < window;
        if (!whole) {
            _Pragma("unroll") for (int i = 0; i < KEYS / 2; i++) {
                const int at = key + (i >> 2) * 8 + 2 * t + (i & 1), from = position + ((i >> 1) & 1) * 8;
                const bool seen = at < of.length && at <= from && from - at < window;
                scores[i] = seen ? scores[i] : -TW_INFINITY;
            }
        }
        float shift[2];
        _Pragma("unroll") for (int h = 0; h < 2; h++) {
            float most = greatest[h];
            _Pragma("unroll") for (int i = 0; i < KEYS / 4; i++) most = fmaxf(most, scores[(i >> 1) * 4 + 2 * h + (i & 1)]);
            most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
            most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
            shift[h] = most == -TW_INFINITY ? 0.0f : most * scale;
            const float kept = tw_attention_exp2(greatest[h] * scale - shift[h]);
            greatest[h] = most;
            total[h] *= kept;
            _Pragma("unroll") for (int p = 0; p < PARTS; p++)
                _Pragma("unroll") for (int i = 0; i < PART / 4; i++) sum[p][(i >> 1) * 4 + 2 * h + (i & 1)] *= kept;
        }
        unsigned int weights[KEYS / 16][4];
        _Pragma("unroll") for (int i = 0; i < KEYS / 4; i++) {
            const int h = i & 1;
            const float low = tw_attention_exp2(fmaf(scores[2 * i], scale, -shift[h])), high = tw_attention_exp2(fmaf(scores[2 * i + 1], scale, -shift[h]));
            total[h] += low + high;
            weights[i >> 2][i & 3] = tw_attention_pack<BF16>(low, high);
        }
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
        _Pragma("unroll") for (int k = 0; k < KEYS / 16; k++)
            _Pragma("unroll") for (int p = 0; p < PARTS; p++)
                tw_attention_product<PART>::template mix<BF16>(sum[p], weights[k], tw_attention_matrix(vs + slot * TILE + p * 2 * PANEL + k * 2048, PANEL));
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
        slot ^= 1;
    }
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    _Pragma("unroll") for (int h = 0; h < 2; h++) {
        float all = total[h];
        all += __shfl_xor_sync(0xffffffffu, all, 1);
        all += __shfl_xor_sync(0xffffffffu, all, 2);
        const float by = 1.0f / all;
        const int row = row0 + 8 * h;
        if (row < of.queries) {
            unsigned short* to = of.out + batch * of.out_batch + head * of.out_head + row * of.out_row + 2 * t;
            _Pragma("unroll") for (int p = 0; p < PARTS; p++)
                _Pragma("unroll") for (int n = 0; n < PART / 8; n++)
                    *(unsigned int*)(to + p * PART + n * 8) = all > 0.0f ? tw_attention_pack<BF16>(sum[p][4 * n + 2 * h] * by, sum[p][4 * n + 2 * h + 1] * by) : 0u;
        }
    }
}
