// sample_candidates, f32, batch = 1, vocabulary = 151936, parts = 149

struct sample_candidates_arguments {
    long long logits_stride0;
    long long seen_stride0;
    long long values_stride0;
    long long tokens_stride0;
    long long masses_stride0;
    int batch;
    int vocabulary;
    int parts;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_sample_candidates(const float* __restrict__ logits, const unsigned char* __restrict__ seen, const float* __restrict__ penalty, const float* __restrict__ temperature, float* values, unsigned int* tokens, float* masses, const sample_candidates_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.parts + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 * 2;
    const int product = program_2 * 1024;
    float logits_in[32];
    unsigned char seen_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        logits_in[i * 4] = -TW_INFINITY;
        logits_in[(i * 4) + 1] = -TW_INFINITY;
        logits_in[(i * 4) + 2] = -TW_INFINITY;
        logits_in[(i * 4) + 3] = -TW_INFINITY;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 128))) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(logits + (((long long)((int)blockIdx.y) * arguments.logits_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 7) * 128))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
        }
        seen_in[i * 4] = 0;
        seen_in[(i * 4) + 1] = 0;
        seen_in[(i * 4) + 2] = 0;
        seen_in[(i * 4) + 3] = 0;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 128))) < arguments.vocabulary) {
            {
                union { unsigned int all; unsigned char lane[4]; } vector;
                vector.all = *(const unsigned int*)(seen + (((long long)((int)blockIdx.y) * arguments.seen_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 7) * 128))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) seen_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const float penalty_in = penalty[(long long)((int)blockIdx.y)];
    const float temperature_in = temperature[(long long)((int)blockIdx.y)];
    float chosen_2[32];
    float top[2];
    unsigned int top_index[2];
    int key[32];
    int own;
    unsigned int own_at;
    int won;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const int rounded = (int)(seen_in[i]);
        const bool test = rounded > 0;
        const bool test_2 = logits_in[i] >= 0.0f;
        const float quotient = logits_in[i] / penalty_in;
        const float product_2 = logits_in[i] * penalty_in;
        const float chosen = test_2 ? quotient : product_2;
        chosen_2[i] = test ? chosen : logits_in[i];
        const float x = chosen_2[i];
        key[i] = (x != x) ? 2147483647 : (__float_as_int(x) ^ ((__float_as_int(x) >> 31) & 2147483647));
        const int x_2 = (key[i] == (-1)) ? 0 : key[i];
        const unsigned int at_2 = ((unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128)))) + (unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128))))) | ((key[i] == (-1)) ? 1u : 0u);
        if (x_2 > own) {
            own = x_2;
            own_at = at_2;
        }
    }
    for (int round = 0; round < 64; round += 1) {
        won = own;
        won_at = own_at;
        won = __reduce_max_sync(0xffffffffu, won);
        won_at = (own == won) ? own_at : 4294967295u;
        won_at = __reduce_min_sync(0xffffffffu, won_at);
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((at_3 + (i & 1)) == round) {
                top[i] = __int_as_float(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
                top_index[i] = won_at >> 1u;
            }
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                const int x_3 = (key[i] == (-1)) ? 0 : key[i];
                const unsigned int at_4 = ((unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128)))) + (unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128))))) | ((key[i] == (-1)) ? 1u : 0u);
                if ((x_3 > own) && ((won > x_3) || ((won == x_3) && (won_at < at_4)))) {
                    own = x_3;
                    own_at = at_4;
                }
            }
        }
    }
    float greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, chosen_2[i]);
    }
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
    const float abs_x = fabsf(greatest);
    const bool test_3 = abs_x < TW_INFINITY;
    const float chosen_3 = test_3 ? greatest : 0.0f;
    const bool test_4 = temperature_in > 0.0f;
    const float recip_x = 1.0f / temperature_in;
    const float chosen_4 = test_4 ? recip_x : 0.0f;
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float difference = chosen_2[i] - chosen_3;
        const bool test_5 = difference > (-TW_INFINITY);
        const float product_3 = difference * chosen_4;
        const float exp_x = expf(product_3);
        total = total + (test_5 ? exp_x : 0.0f);
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    const int product_4 = program_2 * 64;
    if (program < arguments.parts) {
        if ((product_4 + at_3) < (64 * arguments.parts)) {
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = top[l];
                *(uint2*)(values + (((long long)((int)blockIdx.y) * arguments.values_stride0) + (long long)((product_4 + at_3)))) = vector.all;
            }
        }
    }
    const unsigned int rounded_2 = (unsigned int)max(product, 0);
    unsigned int added[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        added[i] = top_index[i] + rounded_2;
    }
    if (program < arguments.parts) {
        if ((product_4 + at_3) < (64 * arguments.parts)) {
            {
                union { uint2 all; unsigned int lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = added[l];
                *(uint2*)(tokens + (((long long)((int)blockIdx.y) * arguments.tokens_stride0) + (long long)((product_4 + at_3)))) = vector.all;
            }
        }
    }
    if ((program < arguments.parts) && ((thread_2 & 31) == 0)) {
        masses[((long long)((int)blockIdx.y) * arguments.masses_stride0) + (long long)(program_2)] = total;
    }
}
