// The heads of a token, each by a warp: its queries and its key turn, the key and the value enter the caches.
struct tw_heads {
    const unsigned short* q;
    const unsigned short* key;
    const unsigned short* value;
    long long q_stride;
    const unsigned short* q_weight;
    const unsigned short* key_weight;
    const float* cos;
    const float* sin;
    float eps;
    unsigned short* to_q; // in shared memory, as the next two
    unsigned short* to_key;
    unsigned short* to_value;
    unsigned short* key_cache;
    unsigned short* value_cache;
};

// COUNT pairs of half floats, aligned to their size together.
template <int COUNT> struct tw_pairs {
    unsigned int of[COUNT];

    __device__ __forceinline__ void load(const unsigned short* p) {
        if (COUNT % 4 == 0) {
            const uint4 v = *(const uint4*)p;
            of[0] = v.x, of[1 % COUNT] = v.y, of[2 % COUNT] = v.z, of[3 % COUNT] = v.w;
        } else if (COUNT % 2 == 0) {
            const uint2 v = *(const uint2*)p;
            of[0] = v.x, of[1 % COUNT] = v.y;
        } else {
            of[0] = *(const unsigned int*)p;
        }
    }
    __device__ __forceinline__ void store(unsigned short* p) const {
        if (COUNT % 4 == 0) *(uint4*)p = make_uint4(of[0], of[1 % COUNT], of[2 % COUNT], of[3 % COUNT]);
        else if (COUNT % 2 == 0) *(uint2*)p = make_uint2(of[0], of[1 % COUNT]);
        else *(unsigned int*)p = of[0];
    }
    template <bool BF16> __device__ __forceinline__ float at(int i) const { return tw_half<BF16>((unsigned short)(of[i / 2] >> i % 2 * 16)); }
};

// A lane holds neighbours of a head; those that turn with them are half a warp away.
template <int D, int QUERIES, int WARPS, bool BF16, bool NORM> struct tw_turning {
    static constexpr int OWN = D / 32, ROWS = (QUERIES + 2 + WARPS - 1) / WARPS;
    float cos[OWN], sin[OWN];
    tw_pairs<OWN / 2> q_weight, key_weight;

    // What does not depend on the token's heads.
    __device__ __forceinline__ void load(const tw_heads& of) {
        const int lane = threadIdx.x & 31, at = lane * OWN;
        _Pragma("unroll") for (int i = 0; i < OWN; i++) cos[i] = of.cos[(lane & 15) * OWN + i], sin[i] = of.sin[(lane & 15) * OWN + i];
        if (NORM) q_weight.load(of.q_weight + at), key_weight.load(of.key_weight + at);
    }

    __device__ __forceinline__ void turn(const tw_heads& of) {
        const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, at = lane * OWN;
        // After the queries the key, after that the value.
        tw_pairs<OWN / 2> heads[ROWS];
        _Pragma("unroll") for (int r = 0; r < ROWS; r++) {
            const int row = warp + r * WARPS;
            if (row < QUERIES + 2) heads[r].load((row < QUERIES ? of.q + row * of.q_stride : row == QUERIES ? of.key : of.value) + at);
        }
        _Pragma("unroll") for (int r = 0; r < ROWS; r++) {
            const int row = warp + r * WARPS;
            if (row >= QUERIES + 2) continue;
            if (row <= QUERIES) {
                float x[OWN];
                _Pragma("unroll") for (int i = 0; i < OWN; i++) x[i] = heads[r].template at<BF16>(i);
                if (NORM) {
                    // In the order in which a norm's own kernel adds them: neighbours first.
                    float squares[OWN];
                    _Pragma("unroll") for (int i = 0; i < OWN; i++) squares[i] = __fmul_rn(x[i], x[i]);
                    _Pragma("unroll") for (int by = 1; by < OWN; by *= 2)
                        _Pragma("unroll") for (int i = 0; i < OWN; i += 2 * by) squares[i] = __fadd_rn(squares[i], squares[i + by]);
                    float sum = squares[0];
                    _Pragma("unroll") for (int by = 1; by < 32; by *= 2) sum = __fadd_rn(sum, __shfl_xor_sync(0xffffffffu, sum, by));
                    const float factor = rsqrtf(sum / (float)D + of.eps);
                    _Pragma("unroll") for (int i = 0; i < OWN; i++) {
                        const float weight = row < QUERIES ? q_weight.template at<BF16>(i) : key_weight.template at<BF16>(i);
                        x[i] = tw_half<BF16>((unsigned short)tw_two_halves<BF16>(x[i] * factor * weight, 0.0f));
                    }
                }
                float turned[OWN];
                _Pragma("unroll") for (int i = 0; i < OWN; i++) {
                    const float other = __shfl_xor_sync(0xffffffffu, x[i], 16);
                    turned[i] = lane < 16 ? fmaf(x[i], cos[i], -(other * sin[i])) : fmaf(other, sin[i], x[i] * cos[i]);
                }
                _Pragma("unroll") for (int i = 0; i < OWN / 2; i++) heads[r].of[i] = tw_two_halves<BF16>(turned[2 * i], turned[2 * i + 1]);
            }
            heads[r].store((row < QUERIES ? of.to_q + row * D : row == QUERIES ? of.to_key : of.to_value) + at);
            // Groups that share the keys have the same ones.
            if (row >= QUERIES && blockIdx.z == 0) heads[r].store((row == QUERIES ? of.key_cache : of.value_cache) + at);
        }
    }
};
