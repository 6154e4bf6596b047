// A softmax-weighted sum over a cache of keys and values in half floats, for the few queries that share it, on tensor
// cores (flash-decoding: https://pytorch.org/blog/flash-decoding). Groups share the cache by their number `split`; the
// warps of a group take 16 keys at a time in turn, each with a running maximum, sum and weighted sum of its own, so that
// nobody waits for anybody until the end. Then the group's warps are merged, and the last group that is done merges the
// groups, always in the same order. Where 8 groups are a cluster (TW_CLUSTER), the first reads the states of the others from
// their shared memory, which takes 2 us less on an H100 (4.5 instead of 7.2 for 8 heads of 64 and 576 keys); where each
// group finishes a part, they write to each other, which takes another 0.9 us less.
//
// Queries are rows 0 to 7 of the left operand. In the product with the values, rows 8 to 15 hold what rounding the weights
// to half floats has lost, so that they count with 16 bits or more.
//
// Tried and slower on an H100, 32768 keys of 8 heads for 32 queries (49.9 us so): keys that are asked for when they are
// needed (53.9, with a slower join); twice as many splits, whose states take longer to join (58.8); groups of four warps (53.6).
// Asking meanwhile for the weights that the next products read, into the second cache: the products gain what this loses (444
// instead of 450 tokens a second of 8 billion weights); before the queries come, all lose (430).

template <bool BF16> __device__ __forceinline__ unsigned int tw_two_halves(float low, float high) {
    return BF16 ? tw_to_bf16(low) | (unsigned int)tw_to_bf16(high) << 16 : tw_to_f16(low) | (unsigned int)tw_to_f16(high) << 16;
}
// Where the operands lie: the rows of q, and the caches of this key head. `scale` is a factor of q.
struct tw_cache {
    const unsigned short* q;
    const unsigned short* keys;
    const unsigned short* values;
    long long q_stride, keys_stride, values_stride;
    float scale;
    int first, end, extent; // positions of the keys: from, to, and rows of the caches
    // The row of the caches that may have been read before it was written, and what is there now.
    int fresh;
    const unsigned short* fresh_key;
    const unsigned short* fresh_value;
};

// A part of a row of a cache, which the kernel may also write.
__device__ __forceinline__ uint4 tw_cached(const uint4* p) {
    uint4 v;
    asm volatile("ld.global.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}

// The 16 keys and values that a warp takes at a time, as the fragments of the right operands take them.
template <int D, int WARPS> struct tw_tile {
    static constexpr int CHUNKS = D / 8, K = (CHUNKS + 3) / 4, V = (CHUNKS + 7) / 8;
    uint4 keys[2][K], values[4][V];
    int tile, last;

    __device__ __forceinline__ void load_keys(const tw_cache& of) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        _Pragma("unroll") for (int h = 0; h < 2; h++) {
            const int key = of.first + tile * 16 + 8 * h + g;
            const uint4* p = (const uint4*)(of.keys + key * of.keys_stride);
            _Pragma("unroll") for (int i = 0; i < K; i++) keys[h][i] = key < of.extent && i * 4 + t < CHUNKS ? tw_cached(p + i * 4 + t) : make_uint4(0u, 0u, 0u, 0u);
        }
    }
    template <class Keep> __device__ __forceinline__ void load_values(const tw_cache& of, const Keep& keep) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
        _Pragma("unroll") for (int h = 0; h < 4; h++) {
            const int key = of.first + tile * 16 + 2 * t + (h & 1) + (h & 2) * 4;
            const bool on = key < of.extent && keep(key);
            const uint4* p = (const uint4*)(of.values + key * of.values_stride);
            _Pragma("unroll") for (int i = 0; i < V; i++) values[h][i] = on && i * 8 + g < CHUNKS ? tw_cached(p + i * 8 + g) : make_uint4(0u, 0u, 0u, 0u);
        }
    }
    // Puts the row that was missed in its place.
    template <class Keep> __device__ __forceinline__ void refresh(const tw_cache& of, const Keep& keep) {
        const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, at = of.fresh - of.first - tile * 16;
        if (at < 0 || at >= 16) return;
        _Pragma("unroll") for (int h = 0; h < 2; h++)
            if (at == 8 * h + g)
                _Pragma("unroll") for (int i = 0; i < K; i++)
                    if (i * 4 + t < CHUNKS) keys[h][i] = ((const uint4*)of.fresh_key)[i * 4 + t];
        _Pragma("unroll") for (int h = 0; h < 4; h++)
            if (at == 2 * t + (h & 1) + (h & 2) * 4 && keep(of.fresh))
                _Pragma("unroll") for (int i = 0; i < V; i++)
                    if (i * 8 + g < CHUNKS) values[h][i] = ((const uint4*)of.fresh_value)[i * 8 + g];
    }
    // The first tile of this warp in its group's share.
    template <class Keep> __device__ __forceinline__ void load(const tw_cache& of, const Keep& keep, int split, int splits) {
        const int tiles = max(of.end - of.first + 15, 0) / 16, share = (tiles + splits - 1) / splits;
        last = min(tiles, (split + 1) * share);
        tile = split * share + (threadIdx.x >> 5);
        if (tile < last) load_keys(of), load_values(of, keep);
    }
};

// A sum of what weights make as halves and what their rounding has lost, which is of either sign or 0: an infinite value makes
// NaN of both together, where the weight itself would keep it infinite.
__device__ __forceinline__ float tw_with_lost(float rounded, float lost) { return fabsf(rounded) < TW_INFINITY ? rounded + lost : rounded; }

// e^(x - base), 0 where x is -inf.
__device__ __forceinline__ float tw_weight(float x, float base) { return __expf(x - base); }

// A state: the values weighted with e^(score - greatest), [QUERIES][D]; the greatest scores; the sums of the weights.
template <int D, int QUERIES> __device__ constexpr int tw_state_size() { return (QUERIES * (D + 2) + 3) / 4 * 4; }

// Where four features of a query lie in a warp's state: such that lanes which write the same features of different queries
// do so to different banks.
template <int D> __device__ __forceinline__ int tw_feature(int query, int four) { return query * (D / 4) + (D % 32 == 0 ? four ^ (query & 7) : four); }

// `to` gets the state of all that `count` states stand for, by all threads of the group; OF_WARPS tells that they are
// those of warps. `factors` has room for QUERIES a state.
template <int D, int QUERIES, int THREADS, bool OF_WARPS>
__device__ __forceinline__ void tw_merge(float* to, const float* from, int count, float* factors) {
    constexpr int SIZE = tw_state_size<D, QUERIES>(), FEATURES = QUERIES * D;
    for (int query = threadIdx.x >> 5; query < QUERIES; query += THREADS / 32) {
        const int lane = threadIdx.x & 31;
        float greatest = -TW_INFINITY, sum = 0.0f;
        for (int i = lane; i < count; i += 32) greatest = tw_max(greatest, from[i * SIZE + FEATURES + query]);
        _Pragma("unroll") for (int by = 16; by > 0; by /= 2) greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, by));
        const float base = greatest == -TW_INFINITY ? 0.0f : greatest;
        for (int i = lane; i < count; i += 32) {
            const float factor = tw_weight(from[i * SIZE + FEATURES + query], base);
            factors[i * QUERIES + query] = factor;
            sum = fmaf(factor, from[i * SIZE + FEATURES + QUERIES + query], sum);
        }
        _Pragma("unroll") for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
        if (lane == 0) to[FEATURES + query] = greatest, to[FEATURES + QUERIES + query] = sum;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < FEATURES / 4; i += THREADS) {
        float4 total = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        _Pragma("unroll 16") for (int j = 0; j < count; j++) {
            const float4 one = *(const float4*)(from + j * SIZE + 4 * (OF_WARPS ? tw_feature<D>(i / (D / 4), i % (D / 4)) : i));
            const float factor = factors[j * QUERIES + i / (D / 4)];
            total.x = fmaf(one.x, factor, total.x), total.y = fmaf(one.y, factor, total.y);
            total.z = fmaf(one.z, factor, total.z), total.w = fmaf(one.w, factor, total.w);
        }
        *(float4*)(to + 4 * i) = total;
    }
}

#ifdef TW_CLUSTER
__device__ __forceinline__ void tw_cluster_barrier() { asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory"); }

// Group 0 of a cluster of 8 gets in `state` what the groups' states in `own`, each in its shared memory, stand for.
template <int D, int QUERIES, int WARPS>
__device__ __forceinline__ void tw_join_cluster(float* state, const float* own_state, float* factors, int split) {
    const int lane = threadIdx.x & 31;
    tw_cluster_barrier();
    if (split == 0) {
        constexpr int PARTS = (QUERIES * D / 4 + WARPS * 32 - 1) / (WARPS * 32);
        const unsigned int own = (unsigned int)__cvta_generic_to_shared(own_state);
        const auto remote = [&](int rank) { unsigned int at; asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(at) : "r"(own), "r"(rank)); return at; };
        float4 parts[PARTS][8];
        _Pragma("unroll") for (int j = 0; j < 8; j++) {
            const unsigned int from = remote(j);
            _Pragma("unroll") for (int i = 0; i < PARTS; i++) {
                const int at = threadIdx.x + i * WARPS * 32;
                if (at < QUERIES * D / 4) asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(parts[i][j].x), "=f"(parts[i][j].y), "=f"(parts[i][j].z), "=f"(parts[i][j].w) : "r"(from + 16 * at));
            }
        }
        for (int query = threadIdx.x >> 5; query < QUERIES; query += WARPS) {
            const unsigned int from = remote(lane & 7) + 4 * (QUERIES * D + query);
            float top, total;
            asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(top) : "r"(from));
            asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(total) : "r"(from + 4 * QUERIES));
            float most = top;
            _Pragma("unroll") for (int by = 4; by > 0; by /= 2) most = tw_max(most, __shfl_xor_sync(0xffffffffu, most, by));
            const float factor = tw_weight(top, most == -TW_INFINITY ? 0.0f : most);
            if (lane < 8) factors[lane * QUERIES + query] = factor;
            total *= factor;
            _Pragma("unroll") for (int by = 4; by > 0; by /= 2) total += __shfl_xor_sync(0xffffffffu, total, by);
            if (lane == 0) state[QUERIES * D + query] = most, state[QUERIES * D + QUERIES + query] = total;
        }
        __syncthreads();
        _Pragma("unroll") for (int i = 0; i < PARTS; i++) {
            const int at = threadIdx.x + i * WARPS * 32;
            if (at < QUERIES * D / 4) {
                float4 all = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
                _Pragma("unroll") for (int j = 0; j < 8; j++) {
                    const float factor = factors[j * QUERIES + at / (D / 4)];
                    all.x = fmaf(parts[i][j].x, factor, all.x), all.y = fmaf(parts[i][j].y, factor, all.y);
                    all.z = fmaf(parts[i][j].z, factor, all.z), all.w = fmaf(parts[i][j].w, factor, all.w);
                }
                *(float4*)(state + 4 * at) = all;
            }
        }
        __syncthreads();
    }
    // Nobody leaves while his state is read.
    tw_cluster_barrier();
}

// What the warps' states in `warps` stand for goes to the groups of a cluster of 8, each of which gets in `state` the part
// that warp `split` takes, of as many elements each thread after those of the thread before; true for the threads of that
// warp. A group writes to the others' `inbox`, so that there is one barrier and nobody waits for what he reads: room for a
// part of each, then for the greatest scores and the sums of the two queries that a part may have. Of 8 warps and groups each,
// which have met since the groups began.
template <int D, int QUERIES>
__device__ __forceinline__ bool tw_join_parts(float* state, float* inbox, const float* warps, int split) {
    constexpr int SIZE = tw_state_size<D, QUERIES>(), FEATURES = QUERIES * D, OWN = FEATURES / 256 > 0 ? FEATURES / 256 : 1, PART = 32 * OWN;
    const unsigned int own = (unsigned int)__cvta_generic_to_shared(inbox);
    for (int i = threadIdx.x; i < FEATURES / 4; i += 256) {
        const int query = i / (D / 4), rank = 4 * i / PART;
        float top[8], total[8];
        float4 parts[8];
        _Pragma("unroll") for (int j = 0; j < 8; j++) {
            const float* from = warps + j * SIZE;
            top[j] = from[FEATURES + query], total[j] = from[FEATURES + QUERIES + query];
            parts[j] = *(const float4*)(from + 4 * tw_feature<D>(query, i % (D / 4)));
        }
        float most = top[0];
        _Pragma("unroll") for (int j = 1; j < 8; j++) most = tw_max(most, top[j]);
        const float base = most == -TW_INFINITY ? 0.0f : most;
        float4 all = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        _Pragma("unroll") for (int j = 0; j < 8; j++) {
            const float factor = tw_weight(top[j], base);
            total[j] *= factor;
            all.x = fmaf(parts[j].x, factor, all.x), all.y = fmaf(parts[j].y, factor, all.y);
            all.z = fmaf(parts[j].z, factor, all.z), all.w = fmaf(parts[j].w, factor, all.w);
        }
        _Pragma("unroll") for (int by = 4; by > 0; by /= 2)
            _Pragma("unroll") for (int j = 0; j < by; j++) total[j] += total[j + by];
        unsigned int to;
        asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(to) : "r"(own), "r"(rank));
        asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" :: "r"(to + 4 * (split * PART + 4 * i % PART)), "f"(all.x), "f"(all.y), "f"(all.z), "f"(all.w) : "memory");
        // One thread for each query that the part has elements of.
        if (4 * i % PART == 0 || i % (D / 4) == 0) {
            const unsigned int at = to + 4 * (8 * PART + 2 * split + query - rank * PART / D);
            asm volatile("st.shared::cluster.f32 [%0], %1;" :: "r"(at), "f"(most) : "memory");
            asm volatile("st.shared::cluster.f32 [%0], %1;" :: "r"(at + 64), "f"(total[0]) : "memory");
        }
    }
    tw_cluster_barrier();
    if ((int)(threadIdx.x >> 5) != split) return false;
    const int first = threadIdx.x * OWN, query = first / D;
    const float* from = inbox + (threadIdx.x & 31) * OWN;
    const float* tops = inbox + 8 * PART + query - split * PART / D;
    float most = tops[0];
    _Pragma("unroll") for (int j = 1; j < 8; j++) most = tw_max(most, tops[2 * j]);
    const float base = most == -TW_INFINITY ? 0.0f : most;
    float all[OWN], total[8];
    _Pragma("unroll") for (int i = 0; i < OWN; i++) all[i] = 0.0f;
    _Pragma("unroll") for (int j = 0; j < 8; j++) {
        const float factor = tw_weight(tops[2 * j], base);
        total[j] = tops[2 * j + 16] * factor;
        _Pragma("unroll") for (int i = 0; i < OWN; i++) all[i] = fmaf(from[j * PART + i], factor, all[i]);
    }
    _Pragma("unroll") for (int by = 4; by > 0; by /= 2)
        _Pragma("unroll") for (int j = 0; j < by; j++) total[j] += total[j + by];
    _Pragma("unroll") for (int i = 0; i < OWN; i++) state[first + i] = all[i];
    // One thread for each query that the warp has elements of.
    if ((threadIdx.x & 31) == 0 || first % D == 0) state[FEATURES + query] = most, state[FEATURES + QUERIES + query] = total[0];
    __syncwarp();
    return true;
}
#endif

// `state` gets the state of all keys; false for groups that are not the last of `splits`. `score(s, position)` makes the
// score of a scaled product, `keep(position)` says whether a value counts. `warps` has room for WARPS states and a factor
// a query of `splits` or WARPS states, `groups` for a state of each split. With PARTED, groups of a cluster may each get a part
// of the state: it is true for the threads that have one, and `own` has room for what comes of it from all of them.
template <int D, int QUERIES, bool BF16, int WARPS, bool FRESH, bool PARTED, class Score, class Keep>
__device__ __forceinline__ bool tw_attend(float* state, float* own, float* warps, const tw_cache& of, tw_tile<D, WARPS>& now, const Score& score, const Keep& keep, int split, int splits, float* groups, unsigned int* arrived) {
    constexpr int CHUNKS = D / 8, K = (CHUNKS + 3) / 4, V = (CHUNKS + 7) / 8, SIZE = tw_state_size<D, QUERIES>();
#ifdef TW_CLUSTER
    // Nobody writes to a group that has not begun.
    constexpr bool IN_PARTS = PARTED && WARPS == 8 && QUERIES * D % 256 == 0;
    if (IN_PARTS) asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, warp = threadIdx.x >> 5;
    const uint4 zero = make_uint4(0u, 0u, 0u, 0u);
    uint4 q[K];
    _Pragma("unroll") for (int i = 0; i < K; i++)
        q[i] = g < QUERIES && i * 4 + t < CHUNKS ? *(const uint4*)(of.q + g * of.q_stride + (i * 4 + t) * 8) : zero;
    float greatest = -TW_INFINITY, sum = 0.0f;
    float mixed[V * 8][4];
    _Pragma("unroll") for (int i = 0; i < V * 8; i++)
        _Pragma("unroll") for (int j = 0; j < 4; j++) mixed[i][j] = 0.0f;
    uint4 (&keys)[2][K] = now.keys;
    uint4 (&values)[4][V] = now.values;
    _Pragma("unroll 1") while (now.tile < now.last) {
        const int key0 = of.first + now.tile * 16;
        if (FRESH) now.refresh(of, keep);
        float s[2][4];
        _Pragma("unroll") for (int h = 0; h < 2; h++) {
            _Pragma("unroll") for (int j = 0; j < 4; j++) s[h][j] = 0.0f;
            _Pragma("unroll") for (int i = 0; i < K; i++) {
                const unsigned int low[4] = {q[i].x, 0u, q[i].y, 0u}, high[4] = {q[i].z, 0u, q[i].w, 0u};
                tw_mma<BF16>(s[h], low, keys[h][i].x, keys[h][i].y);
                tw_mma<BF16>(s[h], high, keys[h][i].z, keys[h][i].w);
            }
            _Pragma("unroll") for (int j = 0; j < 2; j++) s[h][j] = score(s[h][j] * of.scale, key0 + 8 * h + 2 * t + j);
        }
        // The next keys are under way while this tile's values are summed.
        now.tile += WARPS;
        if (now.tile < now.last) now.load_keys(of);
        float found = tw_max(tw_max(s[0][0], s[0][1]), tw_max(s[1][0], s[1][1]));
        found = tw_max(found, __shfl_xor_sync(0xffffffffu, found, 1));
        found = tw_max(tw_max(found, __shfl_xor_sync(0xffffffffu, found, 2)), greatest);
        const float base = found == -TW_INFINITY ? 0.0f : found;
        const float shrink = tw_weight(greatest, base);
        greatest = found;
        if (__any_sync(0xffffffffu, shrink != 1.0f)) {
            sum *= shrink;
            _Pragma("unroll") for (int i = 0; i < V * 8; i++)
                _Pragma("unroll") for (int j = 0; j < 4; j++) mixed[i][j] *= shrink;
        }
        unsigned int a[4];
        _Pragma("unroll") for (int h = 0; h < 2; h++) {
            const float w0 = tw_weight(s[h][0], base), w1 = tw_weight(s[h][1], base);
            sum += w0 + w1;
            a[2 * h] = tw_two_halves<BF16>(w0, w1);
            const float lost0 = w0 - tw_half<BF16>((unsigned short)a[2 * h]), lost1 = w1 - tw_half<BF16>((unsigned short)(a[2 * h] >> 16));
            a[2 * h + 1] = tw_two_halves<BF16>(lost0, lost1);
        }
        _Pragma("unroll") for (int i = 0; i < V; i++) {
            const unsigned int* v[4] = {&values[0][i].x, &values[1][i].x, &values[2][i].x, &values[3][i].x};
            _Pragma("unroll") for (int e = 0; e < 8; e++) {
                const unsigned int half = e & 1 ? 0x7632 : 0x5410;
                tw_mma<BF16>(mixed[i * 8 + e], a, __byte_perm(v[0][e / 2], v[1][e / 2], half), __byte_perm(v[2][e / 2], v[3][e / 2], half));
            }
        }
        if (now.tile < now.last) now.load_values(of, keep);
    }
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    if (g < QUERIES) {
        float* of_warp = warps + warp * SIZE;
        if (t == 0) of_warp[QUERIES * D + g] = greatest, of_warp[QUERIES * D + QUERIES + g] = sum;
        _Pragma("unroll") for (int i = 0; i < V; i++)
            _Pragma("unroll") for (int j = 0; j < 2; j++) {
                const int chunk = i * 8 + 2 * t + j;
                if (chunk < CHUNKS)
                    _Pragma("unroll") for (int e = 0; e < 2; e++) {
                        const float(*m)[4] = &mixed[i * 8 + 4 * e];
                        ((float4*)of_warp)[tw_feature<D>(g, chunk * 2 + e)] = make_float4(tw_with_lost(m[0][j], m[0][j + 2]), tw_with_lost(m[1][j], m[1][j + 2]), tw_with_lost(m[2][j], m[2][j + 2]), tw_with_lost(m[3][j], m[3][j + 2]));
                    }
            }
    }
    float* factors = warps + WARPS * SIZE;
    __syncthreads();
    if (splits == 1) {
        tw_merge<D, QUERIES, WARPS * 32, true>(state, warps, WARPS, factors);
        __syncthreads();
        return true;
    }
#ifdef TW_CLUSTER
    if (IN_PARTS) {
        asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
        return tw_join_parts<D, QUERIES>(state, own, warps, split);
    }
    tw_merge<D, QUERIES, WARPS * 32, true>(state, warps, WARPS, factors);
    tw_join_cluster<D, QUERIES, WARPS>(state, state, factors, split);
    return split == 0;
#else
    tw_merge<D, QUERIES, WARPS * 32, true>(groups + split * SIZE, warps, WARPS, factors);
    __threadfence();
    __syncthreads();
    unsigned int* last = (unsigned int*)warps;
    if (threadIdx.x == 0) {
        *last = atomicAdd(arrived, 1u);
        if (*last == splits - 1) *arrived = 0u;
    }
    __syncthreads();
    if (*last != splits - 1) return false;
    __threadfence();
    tw_merge<D, QUERIES, WARPS * 32, false>(state, groups, splits, factors);
    __syncthreads();
    return true;
#endif
}
