// Attention of many queries over many keys with heads of 64, 128 or 256 features, on warpgroup products (sm_90a). A group
// of threads is a warpgroup that asks for tiles of queries, keys and values, and warpgroups that compute, of 64 queries
// each. Tiles lie in shared memory in panels of 64 features, 128 bytes a row, turned as the hardware's 128-byte swizzle
// turns them, and come by tensor maps, whose rows past the end are zeros; keys and values have rings of their own. The
// scores of a round are multiplied while the weights of the round before meet its values, and what one warpgroup computes
// between its products hides behind the products of the other. Only rounds at the edge of what a query sees are masked.
//
// SPLIT: where there are fewer tiles than multiprocessors, both warpgroups take the same 64 queries, and every second round
// each; their sums are joined at the end.
//
// Causal, bf16, 4096 queries of 32 heads, 8 of keys, on an H100: 64 features 0.171 ms, 128 features 0.237 (580 TFLOP/s), 256
// features 0.417 (658). Slower: no turns (128 features 0.259 for 0.246, 256 features 0.497 for 0.440), rounds of 64 keys for
// 256 features (0.469), two groups a multiprocessor for 64 features (0.202: registers run short, and products wait for one
// another). Three warpgroups for 64 features take the same there, and longer where queries are few (1000: 22 us for 17).

struct __align__(64) tw_map {
    unsigned long long words[16];
};
struct tw_attention {
    tw_map q, keys, values;
    unsigned short* out;
    long long out_batch, out_head, out_row;
    int heads, group, queries, length, window, tiles;
    // In powers of two. Capped scores are cap tanh(s scale / 2), with all in powers of two.
    float scale, cap;
};

__device__ __forceinline__ void tw_barrier_init(unsigned int barrier, int count) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory"); }
__device__ __forceinline__ void tw_barrier_expect(unsigned int barrier, int bytes) { asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory"); }
__device__ __forceinline__ void tw_barrier_arrive(unsigned int barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory"); }
__device__ __forceinline__ void tw_barrier_wait(unsigned int barrier, unsigned int parity) {
    unsigned int done;
    do
        asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}" : "=r"(done) : "r"(barrier), "r"(parity) : "memory");
    while (!done);
}
__device__ __forceinline__ void tw_prefetch(const tw_map& map) { asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory"); }
// ROWS rows from `row` on of a head, as panels of 64 features.
template <int ROWS, int DIM> __device__ __forceinline__ void tw_attention_fetch(unsigned int to, const tw_map& map, unsigned int barrier, int row, int head, int batch) {
    tw_barrier_expect(barrier, ROWS * DIM * 2);
    _Pragma("unroll") for (int i = 0; i < DIM / 64; i++)
        asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(to + i * ROWS * 128), "l"(&map), "r"(i * 64), "r"(row), "r"(head), "r"(batch), "r"(barrier) : "memory");
}

__device__ __forceinline__ unsigned long long tw_attention_matrix(unsigned int at, int leading) {
    return (unsigned long long)((at & 0x3ffff) >> 4) | (unsigned long long)(leading >> 4) << 16 | (unsigned long long)(1024 >> 4) << 32 | 1ull << 62;
}

// The operands of a product, by tens: a thread's sums.
#define TW_SUM8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define TW_SUMS32(d) TW_SUM8(d, 0), TW_SUM8(d, 8), TW_SUM8(d, 16), TW_SUM8(d, 24)
#define TW_SUMS40(d) TW_SUMS32(d), TW_SUM8(d, 32)
#define TW_SUMS64(d) TW_SUMS40(d), TW_SUM8(d, 40), TW_SUM8(d, 48), TW_SUM8(d, 56)
#define TW_SUMS128(d) \
    TW_SUMS64(d), TW_SUM8(d, 64), TW_SUM8(d, 72), TW_SUM8(d, 80), TW_SUM8(d, 88), TW_SUM8(d, 96), TW_SUM8(d, 104), TW_SUM8(d, 112), TW_SUM8(d, 120)
#define TW_LIST32 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define TW_LIST40 TW_LIST32 ",%32,%33,%34,%35,%36,%37,%38,%39"
#define TW_LIST64 TW_LIST40 ",%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define TW_LIST128 \
    TW_LIST64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95," \
              "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

// Products of 64 rows with N columns, of which a thread holds COUNT sums; A to E name the operands after them.
#define TW_WGMMA(N, TYPE) "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." TYPE "." TYPE " "
#define TW_ATTENTION_PRODUCT(N, COUNT, A, B, C, D, E) \
    template <> struct tw_attention_product<N> { \
        /* d (+)= a b with both in shared memory, rows of features. */ \
        template <bool BF16> static __device__ __forceinline__ void scores(float (&d)[COUNT], unsigned long long a, unsigned long long b, int add) { \
            if (BF16) \
                asm volatile("{.reg .pred p; setp.ne.b32 p, " C ", 0; " TW_WGMMA(N, "bf16") "{" TW_LIST##COUNT "}, " A ", " B ", p, 1, 1, 0, 0;}" : TW_SUMS##COUNT(d) : "l"(a), "l"(b), "r"(add)); \
            else \
                asm volatile("{.reg .pred p; setp.ne.b32 p, " C ", 0; " TW_WGMMA(N, "f16") "{" TW_LIST##COUNT "}, " A ", " B ", p, 1, 1, 0, 0;}" : TW_SUMS##COUNT(d) : "l"(a), "l"(b), "r"(add)); \
        } \
        /* d += a b with a in registers and b in shared memory, a row a summed position. */ \
        template <bool BF16> static __device__ __forceinline__ void mix(float (&d)[COUNT], const unsigned int (&a)[4], unsigned long long b) { \
            if (BF16) \
                asm volatile(TW_WGMMA(N, "bf16") "{" TW_LIST##COUNT "}, {" A "," B "," C "," D "}, " E ", 1, 1, 1, 1;" : TW_SUMS##COUNT(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)); \
            else \
                asm volatile(TW_WGMMA(N, "f16") "{" TW_LIST##COUNT "}, {" A "," B "," C "," D "}, " E ", 1, 1, 1, 1;" : TW_SUMS##COUNT(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)); \
        } \
    };
template <int N> struct tw_attention_product;
TW_ATTENTION_PRODUCT(64, 32, "%32", "%33", "%34", "%35", "%36")
TW_ATTENTION_PRODUCT(80, 40, "%40", "%41", "%42", "%43", "%44")
TW_ATTENTION_PRODUCT(128, 64, "%64", "%65", "%66", "%67", "%68")
TW_ATTENTION_PRODUCT(256, 128, "%128", "%129", "%130", "%131", "%132")

__device__ __forceinline__ void tw_products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void tw_products_end() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most PENDING products are under way; `d` are sums of one that is done.
template <int PENDING, int COUNT> __device__ __forceinline__ void tw_products_wait(float (&d)[COUNT]) {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
    _Pragma("unroll") for (int i = 0; i < COUNT; i++) asm volatile("" : "+f"(d[i])::"memory");
}

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

// Numbers of the thread and its group, read when they are asked for: registers are short.
#define TW_NUMBER(NAME, REGISTER) \
    __device__ __forceinline__ int NAME() { \
        int number; \
        asm volatile("mov.u32 %0, %" REGISTER ";" : "=r"(number)); \
        return number; \
    }
TW_NUMBER(tw_thread, "%tid.x")
TW_NUMBER(tw_group, "%ctaid.x")
TW_NUMBER(tw_groups, "%nctaid.x")

// Turns the square of four words of each of four lanes: lane t gets word t of each.
__device__ __forceinline__ void tw_attention_turn(unsigned int (&word)[4], int t) {
    _Pragma("unroll") for (int by = 1; by <= 2; by *= 2) {
        const bool upper = t & by;
        _Pragma("unroll") for (int i = 0; i < 4; i++)
            if (!(i & by)) {
                const unsigned int given = upper ? word[i] : word[i + by], got = __shfl_xor_sync(0xffffffffu, given, by);
                if (upper) word[i] = got;
                else word[i + by] = got;
            }
    }
}

// The place in a ring of STAGES tiles that the tile of a number takes, and the parity of how often the ring was round.
template <int STAGES> __device__ __forceinline__ unsigned int tw_stage(unsigned int number) { return number % STAGES; }
template <int STAGES> __device__ __forceinline__ unsigned int tw_turns(unsigned int number) { return number / STAGES & 1; }

// What a tile of queries is, and the rounds of keys that its queries see.
template <int ROWS, int KEYS> struct tw_tile_of {
    int head, batch, first, offset, low, high;
    // The tiles that see most come first; every second sweep of the groups goes back.
    __device__ __forceinline__ tw_tile_of(const tw_attention& of, int sweep) {
        const int groups = tw_groups(), group = tw_group(), number = sweep * groups + (sweep & 1 ? groups - 1 - group : group);
        const int blocks = (of.queries + ROWS - 1) / ROWS, heads = of.tiles / blocks;
        const int rank = number / heads, which = number - rank * heads;
        batch = which / of.heads, head = which - batch * of.heads;
        first = number < of.tiles ? (blocks - 1 - rank) * ROWS : -1;
        offset = of.length - of.queries;
        low = seen_from(of, first), high = seen_to(of, first, ROWS);
        if (first < 0) low = high = 0;
    }
    __device__ __forceinline__ int seen_from(const tw_attention& of, int row) const { return max(row + offset - min(of.window, 1 << 30) + 1, 0) / KEYS; }
    __device__ __forceinline__ int seen_to(const tw_attention& of, int row, int rows) const { return (max(min(of.length, row + offset + rows), 0) + KEYS - 1) / KEYS; }
};

template <int DIM, int KEYS, int STAGES, int TEAMS, bool SPLIT, bool BF16, bool CAPPED> __device__ __forceinline__ void tw_attention_many(const tw_attention& of) {
    constexpr int ROWS = SPLIT ? 64 : 64 * TEAMS, TILE = KEYS * DIM * 2, PANEL = KEYS * 128;
    extern __shared__ __align__(1024) char tw_shared[];
    const unsigned int shared = ((unsigned int)__cvta_generic_to_shared(tw_shared) + 1023u) & ~1023u;
    const unsigned int qs = shared, ks = qs + ROWS * DIM * 2, vs = ks + STAGES * TILE, barriers = vs + STAGES * TILE;
    const unsigned int q_full = barriers, q_empty = barriers + 8, k_full = barriers + 16, k_empty = k_full + 8 * STAGES, v_full = k_empty + 8 * STAGES, v_empty = v_full + 8 * STAGES;
    const int team = (int)(threadIdx.x >> 7) - 1;
    if (threadIdx.x == 0) {
        tw_prefetch(of.q), tw_prefetch(of.keys), tw_prefetch(of.values);
        tw_barrier_init(q_full, 1), tw_barrier_init(q_empty, 4 * TEAMS);
        for (int i = 0; i < STAGES; i++) {
            tw_barrier_init(k_full + 8 * i, 1), tw_barrier_init(k_empty + 8 * i, SPLIT ? 4 : 4 * TEAMS);
            tw_barrier_init(v_full + 8 * i, 1), tw_barrier_init(v_empty + 8 * i, SPLIT ? 4 : 4 * TEAMS);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    typedef tw_tile_of<ROWS, KEYS> tile_of;
    if (team < 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(TEAMS == 2 ? 24 : 32));
        if (threadIdx.x == 0) {
            unsigned int k = 0, v = 0;
            for (int sweep = 0;; sweep++) {
                const tile_of tile(of, sweep);
                if (tile.first < 0) break;
                tw_barrier_wait(q_empty, (sweep & 1) ^ 1);
                tw_attention_fetch<ROWS, DIM>(qs, of.q, q_full, tile.first, tile.head, tile.batch);
                const int head = tile.head / of.group;
                for (int round = tile.low; round <= tile.high; round++) {
                    if (round < tile.high) {
                        const unsigned int at = tw_stage<STAGES>(k);
                        tw_barrier_wait(k_empty + 8 * at, tw_turns<STAGES>(k++) ^ 1);
                        tw_attention_fetch<KEYS, DIM>(ks + at * TILE, of.keys, k_full + 8 * at, round * KEYS, head, tile.batch);
                    }
                    if (round > tile.low) {
                        const unsigned int at = tw_stage<STAGES>(v);
                        tw_barrier_wait(v_empty + 8 * at, tw_turns<STAGES>(v++) ^ 1);
                        tw_attention_fetch<KEYS, DIM>(vs + at * TILE, of.values, v_full + 8 * at, (round - 1) * KEYS, head, tile.batch);
                    }
                }
            }
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(TEAMS == 2 ? 240 : 160));
        const bool first_lane = (threadIdx.x & 31) == 0;
        const auto done_with = [&](unsigned int barrier) { if (first_lane) tw_barrier_arrive(barrier); };
        // The warpgroups take turns to start products.
        const auto turn = [&]() {
            if (!SPLIT) asm volatile("bar.sync %0, 256;" ::"r"(tw_thread() >> 7) : "memory");
        };
        const auto pass = [&]() {
            if (!SPLIT) asm volatile("bar.arrive %0, 256;" ::"r"((tw_thread() >> 7) % TEAMS + 1) : "memory");
        };
        if (!SPLIT && team == TEAMS - 1) pass();
        // The number of the tile of keys that is next; every EVERY is the warpgroup's.
        constexpr int EVERY = SPLIT ? 2 : 1;
        unsigned int next_tile = SPLIT ? team : 0;
        const auto await = [&](unsigned int barrier, unsigned int number) { tw_barrier_wait(barrier + 8 * tw_stage<STAGES>(number), tw_turns<STAGES>(number)); };
        const auto release = [&](unsigned int barrier, unsigned int number) { done_with(barrier + 8 * tw_stage<STAGES>(number)); };
        const float scale = CAPPED ? 1.0f : of.scale;
        for (int sweep = 0;; sweep++) {
            const tile_of tile(of, sweep);
            if (tile.first < 0) break;
            const int own = tile.first + (SPLIT ? 0 : team * 64);
            // The rounds that queries of the warpgroup see.
            int low = max(tile.low, tile.seen_from(of, own)), high = min(tile.high, tile.seen_to(of, own, 64));
            if (SPLIT) low = tile.low + team, high = tile.high;
            const auto skip = [&]() {
                turn(), pass();
                await(k_full, next_tile), release(k_empty, next_tile);
                await(v_full, next_tile), release(v_empty, next_tile++);
            };
            float sum[DIM / 2], total[2] = {0.0f, 0.0f}, greatest[2] = {-TW_INFINITY, -TW_INFINITY}, kept[2];
            float scores[KEYS / 2];
            unsigned int weights[KEYS / 16][4];
            _Pragma("unroll") for (int i = 0; i < DIM / 2; i++) sum[i] = 0.0f;
            const auto multiply = [&]() {
                const unsigned int q_own = qs + (SPLIT ? 0 : team * 8192), k_own = ks + tw_stage<STAGES>(next_tile) * TILE;
                _Pragma("unroll") for (int i = 0; i < DIM / 16; i++)
                    tw_attention_product<KEYS>::template scores<BF16>(scores, tw_attention_matrix(q_own + (i >> 2) * (ROWS * 128) + (i & 3) * 32, 16), tw_attention_matrix(k_own + (i >> 2) * PANEL + (i & 3) * 32, 16), i);
                tw_products_end();
            };
            // Values are those of the round before.
            const auto mix = [&]() {
                const unsigned int v_own = vs + tw_stage<STAGES>(next_tile - EVERY) * TILE;
                _Pragma("unroll") for (int i = 0; i < KEYS / 16; i++)
                    tw_attention_product<DIM>::template mix<BF16>(sum, weights[i], tw_attention_matrix(v_own + i * 2048, PANEL));
                tw_products_end();
            };
            // The scores of a round become weights, and what was summed before is to be multiplied by `kept`.
            const auto weigh = [&](int round) {
                const int key = round * KEYS, next = key + KEYS;
                if (CAPPED)
                    _Pragma("unroll") for (int i = 0; i < KEYS / 2; i++) scores[i] = of.cap - __fdividef(2.0f * of.cap, 1.0f + tw_attention_exp2(scores[i] * of.scale));
                // Whole rounds are seen by every query of the warpgroup.
                const int window = min(of.window, 1 << 30), from0 = own + tile.offset;
                const bool whole = next <= of.length && next <= from0 + 1 && from0 + 63 - key < window;
                if (!whole) {
                    const int lane = tw_thread() & 127, t = lane & 3, position = from0 + (lane >> 5) * 16 + ((lane >> 2) & 7);
                    _Pragma("unroll") for (int i = 0; i < KEYS / 2; i++) {
                        const int at = key + (i >> 2) * 8 + 2 * t + (i & 1), from = position + ((i >> 1) & 1) * 8;
                        const bool seen = at < of.length && at <= from && from - at < window;
                        scores[i] = seen ? scores[i] : -TW_INFINITY;
                    }
                }
                _Pragma("unroll") for (int h = 0; h < 2; h++) {
                    float most = greatest[h];
                    _Pragma("unroll") for (int i = 0; i < KEYS / 4; i++) most = fmaxf(most, scores[(i >> 1) * 4 + 2 * h + (i & 1)]);
                    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
                    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
                    const float shift = most == -TW_INFINITY ? 0.0f : most * scale;
                    kept[h] = tw_attention_exp2(greatest[h] * scale - shift);
                    greatest[h] = most;
                    total[h] *= kept[h];
                    _Pragma("unroll") for (int i = 0; i < KEYS / 4; i++) {
                        float& score = scores[(i >> 1) * 4 + 2 * h + (i & 1)];
                        score = tw_attention_exp2(fmaf(score, scale, -shift));
                        total[h] += score;
                    }
                }
            };
            const auto pack = [&]() {
                _Pragma("unroll") for (int i = 0; i < KEYS / 4; i++) weights[i >> 2][i & 3] = tw_attention_pack<BF16>(scores[2 * i], scores[2 * i + 1]);
            };
            int done = tile.low;
            if (!SPLIT)
                for (; done < min(low, tile.high); done++) skip();
            tw_barrier_wait(q_full, sweep & 1);
            if (low < high) {
                await(k_full, next_tile);
                turn();
                tw_products_begin();
                multiply();
                pass();
                tw_products_wait<0>(scores);
                release(k_empty, next_tile), next_tile += EVERY;
                weigh(low);
                pack();
                _Pragma("unroll 1") for (done = low + (SPLIT ? 2 : 1); done < high; done += SPLIT ? 2 : 1) {
                    await(k_full, next_tile);
                    turn();
                    tw_products_begin();
                    multiply();
                    await(v_full, next_tile - EVERY);
                    mix();
                    pass();
                    tw_products_wait<1>(scores);
                    release(k_empty, next_tile);
                    weigh(done);
                    tw_products_wait<0>(sum);
                    release(v_empty, next_tile - EVERY), next_tile += EVERY;
                    pack();
                    _Pragma("unroll") for (int i = 0; i < DIM / 2; i++) sum[i] *= kept[(i >> 1) & 1];
                }
                done_with(q_empty);
                await(v_full, next_tile - EVERY);
                tw_products_begin();
                mix();
                tw_products_wait<0>(sum);
                release(v_empty, next_tile - EVERY);
            } else {
                done_with(q_empty);
            }
            // What the tile is is computed again: registers were short meanwhile.
            int again = sweep;
            asm volatile("" : "+r"(again));
            const tile_of to(of, again);
            if (!SPLIT)
                for (; done < to.high; done++) skip();
            if (SPLIT) {
                // Shared memory is free once both are done: the second leaves what it has there for the first.
                asm volatile("bar.sync 1, 256;" ::: "memory");
                float* left = (float*)(tw_shared + (shared - (unsigned int)__cvta_generic_to_shared(tw_shared))) + (threadIdx.x & 127);
                if (team == 1) {
                    _Pragma("unroll") for (int i = 0; i < DIM / 2; i++) left[i * 128] = sum[i];
                    _Pragma("unroll") for (int h = 0; h < 2; h++) left[(DIM / 2 + h) * 128] = total[h], left[(DIM / 2 + 2 + h) * 128] = greatest[h];
                }
                asm volatile("bar.sync 1, 256;" ::: "memory");
                if (team == 1) break;
                float other[2];
                _Pragma("unroll") for (int h = 0; h < 2; h++) {
                    const float theirs = left[(DIM / 2 + 2 + h) * 128], most = fmaxf(greatest[h], theirs), shift = most == -TW_INFINITY ? 0.0f : most * scale;
                    kept[h] = tw_attention_exp2(greatest[h] * scale - shift), other[h] = tw_attention_exp2(theirs * scale - shift);
                    total[h] = total[h] * kept[h] + left[(DIM / 2 + h) * 128] * other[h];
                }
                _Pragma("unroll") for (int i = 0; i < DIM / 2; i++) sum[i] = sum[i] * kept[(i >> 1) & 1] + left[i * 128] * other[(i >> 1) & 1];
            }
            const int place = tw_thread() & 127, t = place & 3, row0 = to.first + (SPLIT ? 0 : team * 64) + (place >> 5) * 16 + ((place >> 2) & 7);
            _Pragma("unroll") for (int h = 0; h < 2; h++) {
                float all = total[h];
                all += __shfl_xor_sync(0xffffffffu, all, 1);
                all += __shfl_xor_sync(0xffffffffu, all, 2);
                const float by = 1.0f / all;
                unsigned short* const row = of.out + to.batch * of.out_batch + to.head * of.out_head + (row0 + 8 * h) * of.out_row + 8 * t;
                // Four lanes hold two of every eight features: each gets eight of its own.
                _Pragma("unroll") for (int n = 0; n < DIM / 8; n += 4) {
                    unsigned int own[4];
                    _Pragma("unroll") for (int i = 0; i < 4; i++) own[i] = all == 0.0f ? 0u : tw_attention_pack<BF16>(sum[4 * (n + i) + 2 * h] * by, sum[4 * (n + i) + 2 * h + 1] * by);
                    tw_attention_turn(own, t);
                    if (row0 + 8 * h < of.queries) *(uint4*)(row + n * 8) = make_uint4(own[0], own[1], own[2], own[3]);
                }
            }
            if (SPLIT) break;
        }
    }
}
