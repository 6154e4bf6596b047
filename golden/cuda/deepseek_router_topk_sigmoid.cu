// deepseek_router_topk_sigmoid, f32, tokens = 4096

struct deepseek_router_topk_sigmoid_arguments {
    long long x_stride0;
    long long weights_stride0;
    long long indices_stride0;
    int tokens;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_deepseek_router_topk_sigmoid(const float* __restrict__ x, const float* __restrict__ bias, float* weights, unsigned int* indices, const deepseek_router_topk_sigmoid_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[12960];
    float* tile0 = (float*)(shared_memory + 0);
    float* best1 = (float*)(shared_memory + 4096);
    unsigned int* best2 = (unsigned int*)(shared_memory + 4352);
    float* tile3 = (float*)(shared_memory + 4608);
    unsigned char* tile4 = (unsigned char*)(shared_memory + 4736);
    float* tile5 = (float*)(shared_memory + 4768);
    float* tile6 = (float*)(shared_memory + 8864);
    const int thread_2 = (int)threadIdx.x & 31;
    const int team = (int)threadIdx.x >> 5;
    const int program = ((int)blockIdx.x * 4) + team;
    const int program_2 = min(program, (arguments.tokens + (-1)));
    const int at = thread_2 * 4;
    const int at_2 = thread_2 >> 3;
    const int at_3 = (thread_2 & 7) * 4;
    const int at_5 = (thread_2 >> 1) & 7;
    const int at_6 = thread_2 & 1;
    const int at_7 = thread_2 & 7;
    const int at_9 = thread_2 & 3;
    const int at_11 = thread_2 >> 2;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float sigmoid_x[8];
    float tile[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        sigmoid_x[i] = tw_sigmoid(x_in[i]);
        tile[i] = tw_sigmoid(x[((long long)(program_2) * arguments.x_stride0) + (long long)((((at_2 + (((i >> 2) & 1) * 4)) * 32) + (at_3 + (i & 3))))]) + bias[(long long)((((at_2 + (((i >> 2) & 1) * 4)) * 32) + (at_3 + (i & 3))))];
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile0[(team * 256) + (((at_2 + (((i >> 2) & 1) * 4)) * 32) + (at_3 + (i & 3)))] = tile[i];
    }
    __syncwarp();
    const int lines = 8;
    for (int line = thread_2; line < lines; line += 32) {
        const int first = line * 32;
        float best;
        unsigned int best_2;
        float won;
        unsigned int won_2;
        for (int round = 0; round < 2; round += 1) {
            best = -TW_INFINITY;
            best_2 = 4294967295u;
            for (int k = 0; k < 32; k += 1) {
                const float x_2 = tile0[(team * 256) + (first + k)];
                const unsigned int at_4 = (unsigned int)(k);
                if (((round == 0) || (((won > x_2) || ((won != won) && (!(x_2 != x_2)))) || (((won == x_2) || ((won != won) && (x_2 != x_2))) && (won_2 < at_4)))) && (((x_2 > best) || ((x_2 != x_2) && (!(best != best)))) || (((x_2 == best) || ((x_2 != x_2) && (best != best))) && (at_4 < best_2)))) {
                    best = x_2;
                    best_2 = at_4;
                }
            }
            won = best;
            best1[(team * 16) + (((first / 32) * 2) + round)] = best;
            won_2 = best_2;
            best2[(team * 16) + (((first / 32) * 2) + round)] = best_2;
        }
    }
    __syncwarp();
    const float top = best1[(team * 16) + ((at_5 * 2) + at_6)];
    float total = 0.0f;
    total = total + top;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    if ((thread_2 & 17) == 0) {
        tile3[(team * 8) + at_5] = total;
    }
    __syncwarp();
    const float tile_2 = tile3[(team * 8) + at_7];
    const float x_3 = tile_2;
    const int key = (x_3 != x_3) ? 2147483647 : (__float_as_int(((x_3 == 0.0f) ? 0.0f : x_3)) ^ ((__float_as_int(((x_3 == 0.0f) ? 0.0f : x_3)) >> 31) & 2147483647));
    int own;
    unsigned int own_at;
    int won_3;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    const unsigned int at_8 = (unsigned int)(at_7);
    if (key > own) {
        own = key;
        own_at = at_8;
    }
    unsigned int top_index;
    for (int round_2 = 0; round_2 < 4; round_2 += 1) {
        won_3 = own;
        won_at = own_at;
        const int other_2 = __shfl_xor_sync(0xffffffffu, won_3, 1);
        const unsigned int other_3 = __shfl_xor_sync(0xffffffffu, won_at, 1);
        const bool better = (other_2 > won_3) || ((other_2 == won_3) && (other_3 < won_at));
        const int value = better ? other_2 : won_3;
        const unsigned int position = better ? other_3 : won_at;
        won_3 = value;
        won_at = position;
        const int other_4 = __shfl_xor_sync(0xffffffffu, won_3, 2);
        const unsigned int other_5 = __shfl_xor_sync(0xffffffffu, won_at, 2);
        const bool better_2 = (other_4 > won_3) || ((other_4 == won_3) && (other_5 < won_at));
        const int value_2 = better_2 ? other_4 : won_3;
        const unsigned int position_2 = better_2 ? other_5 : won_at;
        won_3 = value_2;
        won_at = position_2;
        const int other_6 = __shfl_xor_sync(0xffffffffu, won_3, 4);
        const unsigned int other_7 = __shfl_xor_sync(0xffffffffu, won_at, 4);
        const bool better_3 = (other_6 > won_3) || ((other_6 == won_3) && (other_7 < won_at));
        const int value_3 = better_3 ? other_6 : won_3;
        const unsigned int position_3 = better_3 ? other_7 : won_at;
        won_3 = value_3;
        won_at = position_3;
        if (at_9 == round_2) {
            top_index = won_at;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            const unsigned int at_10 = (unsigned int)(at_7);
            if ((key > own) && ((won_3 > key) || ((won_3 == key) && (won_at < at_10)))) {
                own = key;
                own_at = at_10;
            }
        }
    }
    const bool test = (unsigned int)(at_11) == top_index;
    bool reduced = false;
    reduced = reduced || test;
    const bool other_8 = __shfl_xor_sync(0xffffffffu, (int)reduced, 1);
    reduced = reduced || other_8;
    const bool other_9 = __shfl_xor_sync(0xffffffffu, (int)reduced, 2);
    reduced = reduced || other_9;
    if ((thread_2 & 3) == 0) {
        tile4[(team * 8) + at_11] = reduced;
    }
    __syncwarp();
    bool reduced_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        reduced_2[i] = tile4[(team * 8) + (at_2 + ((i & 1) * 4))] != 0;
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float chosen = reduced_2[(i >> 2) & 1] ? tile[i] : 0.0f;
        tile5[(team * 256) + (((at_2 + (((i >> 2) & 1) * 4)) * 32) + (at_3 + (i & 3)))] = chosen;
    }
    __syncwarp();
    int key_2[8];
    int own_2;
    unsigned int own_at_2;
    int won_4;
    unsigned int won_at_2;
    own_2 = -2147483647 - 1;
    own_at_2 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float tile_4 = tile5[(team * 256) + (at + ((i & 3) + (((i >> 2) & 1) * 128)))];
        const float x_4 = tile_4;
        key_2[i] = (x_4 != x_4) ? 2147483647 : (__float_as_int(((x_4 == 0.0f) ? 0.0f : x_4)) ^ ((__float_as_int(((x_4 == 0.0f) ? 0.0f : x_4)) >> 31) & 2147483647));
        const unsigned int at_12 = (unsigned int)((at + ((i & 3) + (((i >> 2) & 1) * 128))));
        if (key_2[i] > own_2) {
            own_2 = key_2[i];
            own_at_2 = at_12;
        }
    }
    unsigned int top_index_2;
    for (int round_3 = 0; round_3 < 8; round_3 += 1) {
        won_4 = own_2;
        won_at_2 = own_at_2;
        const int other_10 = __shfl_xor_sync(0xffffffffu, won_4, 1);
        const unsigned int other_11 = __shfl_xor_sync(0xffffffffu, won_at_2, 1);
        const bool better_4 = (other_10 > won_4) || ((other_10 == won_4) && (other_11 < won_at_2));
        const int value_4 = better_4 ? other_10 : won_4;
        const unsigned int position_4 = better_4 ? other_11 : won_at_2;
        won_4 = value_4;
        won_at_2 = position_4;
        const int other_12 = __shfl_xor_sync(0xffffffffu, won_4, 2);
        const unsigned int other_13 = __shfl_xor_sync(0xffffffffu, won_at_2, 2);
        const bool better_5 = (other_12 > won_4) || ((other_12 == won_4) && (other_13 < won_at_2));
        const int value_5 = better_5 ? other_12 : won_4;
        const unsigned int position_5 = better_5 ? other_13 : won_at_2;
        won_4 = value_5;
        won_at_2 = position_5;
        const int other_14 = __shfl_xor_sync(0xffffffffu, won_4, 4);
        const unsigned int other_15 = __shfl_xor_sync(0xffffffffu, won_at_2, 4);
        const bool better_6 = (other_14 > won_4) || ((other_14 == won_4) && (other_15 < won_at_2));
        const int value_6 = better_6 ? other_14 : won_4;
        const unsigned int position_6 = better_6 ? other_15 : won_at_2;
        won_4 = value_6;
        won_at_2 = position_6;
        const int other_16 = __shfl_xor_sync(0xffffffffu, won_4, 8);
        const unsigned int other_17 = __shfl_xor_sync(0xffffffffu, won_at_2, 8);
        const bool better_7 = (other_16 > won_4) || ((other_16 == won_4) && (other_17 < won_at_2));
        const int value_7 = better_7 ? other_16 : won_4;
        const unsigned int position_7 = better_7 ? other_17 : won_at_2;
        won_4 = value_7;
        won_at_2 = position_7;
        const int other_18 = __shfl_xor_sync(0xffffffffu, won_4, 16);
        const unsigned int other_19 = __shfl_xor_sync(0xffffffffu, won_at_2, 16);
        const bool better_8 = (other_18 > won_4) || ((other_18 == won_4) && (other_19 < won_at_2));
        const int value_8 = better_8 ? other_18 : won_4;
        const unsigned int position_8 = better_8 ? other_19 : won_at_2;
        won_4 = value_8;
        won_at_2 = position_8;
        if (at_7 == round_3) {
            top_index_2 = won_at_2;
        }
        if (own_at_2 == won_at_2) {
            own_2 = -2147483647 - 1;
            own_at_2 = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                const unsigned int at_13 = (unsigned int)((at + ((i & 3) + (((i >> 2) & 1) * 128))));
                if ((key_2[i] > own_2) && ((won_4 > key_2[i]) || ((won_4 == key_2[i]) && (won_at_2 < at_13)))) {
                    own_2 = key_2[i];
                    own_at_2 = at_13;
                }
            }
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile6[(team * 256) + (at + ((i & 3) + (((i >> 2) & 1) * 128)))] = sigmoid_x[i];
    }
    __syncwarp();
    const float picked = tile6[(team * 256) + tw_checked((int)(top_index_2), 256, faults, 0)];
    float total_2 = 0.0f;
    total_2 = total_2 + picked;
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    const float quotient = picked / total_2;
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        weights[((long long)(program_2) * arguments.weights_stride0) + (long long)(at_7)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        indices[((long long)(program_2) * arguments.indices_stride0) + (long long)(at_7)] = top_index_2;
    }
}
