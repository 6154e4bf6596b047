// routed_qmm_combine_residual, f32, tokens = 1, columns = 2048, groups = 12

struct routed_qmm_combine_residual_arguments {
    long long act_stride0;
    long long act_stride1;
    long long w_stride0;
    long long w_stride1;
    long long scales_stride0;
    long long scales_stride1;
    long long biases_stride0;
    long long biases_stride1;
    long long logits_stride0;
    long long residual_stride0;
    long long y_stride0;
    int tokens;
    int groups;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_routed_qmm_combine_residual(const float* __restrict__ act, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, const float* __restrict__ logits, const float* __restrict__ residual, float* y, const routed_qmm_combine_residual_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[2048];
    unsigned int* tile0 = (unsigned int*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 128);
    unsigned int* tile2 = (unsigned int*)(shared_memory + 256);
    float* tile3 = (float*)(shared_memory + 384);
    unsigned int* tile4 = (unsigned int*)(shared_memory + 512);
    float* tile5 = (float*)(shared_memory + 640);
    unsigned int* tile6 = (unsigned int*)(shared_memory + 768);
    float* tile7 = (float*)(shared_memory + 896);
    unsigned int* tile8 = (unsigned int*)(shared_memory + 1024);
    float* tile9 = (float*)(shared_memory + 1152);
    unsigned int* tile10 = (unsigned int*)(shared_memory + 1280);
    float* tile11 = (float*)(shared_memory + 1408);
    unsigned int* tile12 = (unsigned int*)(shared_memory + 1536);
    float* tile13 = (float*)(shared_memory + 1664);
    unsigned int* tile14 = (unsigned int*)(shared_memory + 1792);
    float* tile15 = (float*)(shared_memory + 1920);
    const int thread_2 = (int)threadIdx.x & 31;
    const int team = (int)threadIdx.x >> 5;
    const int program = ((int)blockIdx.x * 4) + team;
    const int program_2 = min(program, (arguments.columns + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    const int at_6 = thread_2 >> 4;
    float logits_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(logits + (((long long)((int)blockIdx.y) * arguments.logits_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
    }
    const float residual_in = residual[((long long)((int)blockIdx.y) * arguments.residual_stride0) + (long long)(program_2)];
    float top;
    unsigned int top_index;
    int key[4];
    int own;
    unsigned int own_at;
    int won;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float x = logits_in[i];
        key[i] = (x != x) ? 2147483647 : (__float_as_int(x) ^ ((__float_as_int(x) >> 31) & 2147483647));
        const int x_2 = (key[i] == (-1)) ? 0 : key[i];
        const unsigned int at_2 = ((unsigned int)((at + (i & 3))) + (unsigned int)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
        if (x_2 > own) {
            own = x_2;
            own_at = at_2;
        }
    }
    for (int round = 0; round < 8; round += 1) {
        won = own;
        won_at = own_at;
        won = __reduce_max_sync(0xffffffffu, won);
        won_at = (own == won) ? own_at : 4294967295u;
        won_at = __reduce_min_sync(0xffffffffu, won_at);
        if (at_3 == round) {
            top = __int_as_float(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int x_3 = (key[i] == (-1)) ? 0 : key[i];
                const unsigned int at_4 = ((unsigned int)((at + (i & 3))) + (unsigned int)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
                if ((x_3 > own) && ((won > x_3) || ((won == x_3) && (won_at < at_4)))) {
                    own = x_3;
                    own_at = at_4;
                }
            }
        }
    }
    float greatest = -TW_INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    const float difference = top - greatest;
    const float exp_x = expf(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    const float quotient = exp_x / total;
    float act_in[32];
    const int tile = 0;
    float act_in_2[32];
    const int tile_2 = 1;
    float act_in_3[32];
    const int tile_3 = 2;
    float act_in_4[32];
    const int tile_4 = 3;
    float act_in_5[32];
    const int tile_5 = 4;
    float act_in_6[32];
    const int tile_6 = 5;
    float act_in_7[32];
    const int tile_7 = 6;
    float act_in_8[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        act_in[i * 4] = 0.0f;
        act_in[(i * 4) + 1] = 0.0f;
        act_in[(i * 4) + 2] = 0.0f;
        act_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(0) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_2[i * 4] = 0.0f;
        act_in_2[(i * 4) + 1] = 0.0f;
        act_in_2[(i * 4) + 2] = 0.0f;
        act_in_2[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(1) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_3[i * 4] = 0.0f;
        act_in_3[(i * 4) + 1] = 0.0f;
        act_in_3[(i * 4) + 2] = 0.0f;
        act_in_3[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(2) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_4[i * 4] = 0.0f;
        act_in_4[(i * 4) + 1] = 0.0f;
        act_in_4[(i * 4) + 2] = 0.0f;
        act_in_4[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(3) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_5[i * 4] = 0.0f;
        act_in_5[(i * 4) + 1] = 0.0f;
        act_in_5[(i * 4) + 2] = 0.0f;
        act_in_5[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(4) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_6[i * 4] = 0.0f;
        act_in_6[(i * 4) + 1] = 0.0f;
        act_in_6[(i * 4) + 2] = 0.0f;
        act_in_6[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(5) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_7[i * 4] = 0.0f;
        act_in_7[(i * 4) + 1] = 0.0f;
        act_in_7[(i * 4) + 2] = 0.0f;
        act_in_7[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(6) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
        act_in_8[i * 4] = 0.0f;
        act_in_8[(i * 4) + 1] = 0.0f;
        act_in_8[(i * 4) + 2] = 0.0f;
        act_in_8[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 128)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(7) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int tile_8 = 7;
    if ((thread_2 & 24) == 0) {
        tile0[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked = tile0[(team * 8) + tw_checked(tile, 8, faults, 0)];
    const int rounded = (int)min(picked, 2147483647u);
    const int index = tw_checked(rounded, 128, faults, 1);
    const int index_2 = tw_checked(rounded, 128, faults, 2);
    const int index_3 = tw_checked(rounded, 128, faults, 3);
    float tile_9[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_9[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_9[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked[(i * 4) + i_14] = (word >> ((unsigned int)((shift + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_10[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_10[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_10[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide[i], tile_9[(i >> 2) & 7], tile_10[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_2 = fma(act_in[i], fma_x, total_2);
        }
    }
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((thread_2 & 24) == 0) {
        tile1[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float product_2 = total_2 * tile1[(team * 8) + tw_checked(tile, 8, faults, 4)];
    if ((thread_2 & 24) == 0) {
        tile2[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_3 = tile2[(team * 8) + tw_checked(tile_2, 8, faults, 0)];
    const int rounded_2 = (int)min(picked_3, 2147483647u);
    const int index_4 = tw_checked(rounded_2, 128, faults, 1);
    const int index_5 = tw_checked(rounded_2, 128, faults, 2);
    const int index_6 = tw_checked(rounded_2, 128, faults, 3);
    float tile_11[8];
    unsigned int unpacked_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_11[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_11[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_2, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_2 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_2, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_2 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_2[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_2[(i * 4) + i_14] = (word_2 >> ((unsigned int)((shift_2 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_2[i] = (float)(unpacked_2[i]);
    }
    float tile_12[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_12[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_12[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_2, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_2 = fma(wide_2[i], tile_11[(i >> 2) & 7], tile_12[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_3 = fma(act_in_2[i], fma_x_2, total_3);
        }
    }
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 1);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 2);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 4);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 8);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 16);
    if ((thread_2 & 24) == 0) {
        tile3[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_4 = tile3[(team * 8) + tw_checked(tile_2, 8, faults, 4)];
    const float fma_x_3 = fma(total_3, picked_4, product_2);
    if ((thread_2 & 24) == 0) {
        tile4[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_5 = tile4[(team * 8) + tw_checked(tile_3, 8, faults, 0)];
    const int rounded_3 = (int)min(picked_5, 2147483647u);
    const int index_7 = tw_checked(rounded_3, 128, faults, 1);
    const int index_8 = tw_checked(rounded_3, 128, faults, 2);
    const int index_9 = tw_checked(rounded_3, 128, faults, 3);
    float tile_13[8];
    unsigned int unpacked_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_13[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_13[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_3, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_3 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_3, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_3 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_3[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_3[(i * 4) + i_14] = (word_3 >> ((unsigned int)((shift_3 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_3[i] = (float)(unpacked_3[i]);
    }
    float tile_14[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_14[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_14[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_3, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_4 = fma(wide_3[i], tile_13[(i >> 2) & 7], tile_14[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_4 = fma(act_in_3[i], fma_x_4, total_4);
        }
    }
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 1);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 2);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 4);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 8);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 16);
    if ((thread_2 & 24) == 0) {
        tile5[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_6 = tile5[(team * 8) + tw_checked(tile_3, 8, faults, 4)];
    const float fma_x_5 = fma(total_4, picked_6, fma_x_3);
    if ((thread_2 & 24) == 0) {
        tile6[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_7 = tile6[(team * 8) + tw_checked(tile_4, 8, faults, 0)];
    const int rounded_4 = (int)min(picked_7, 2147483647u);
    const int index_10 = tw_checked(rounded_4, 128, faults, 1);
    const int index_11 = tw_checked(rounded_4, 128, faults, 2);
    const int index_12 = tw_checked(rounded_4, 128, faults, 3);
    float tile_15[8];
    unsigned int unpacked_4[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_15[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_15[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_4, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_4 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_4, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_4 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_4[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_4[(i * 4) + i_14] = (word_4 >> ((unsigned int)((shift_4 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_4[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_4[i] = (float)(unpacked_4[i]);
    }
    float tile_16[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_16[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_16[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_4, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_6 = fma(wide_4[i], tile_15[(i >> 2) & 7], tile_16[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_5 = fma(act_in_4[i], fma_x_6, total_5);
        }
    }
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 1);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 2);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 4);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 8);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 16);
    if ((thread_2 & 24) == 0) {
        tile7[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_8 = tile7[(team * 8) + tw_checked(tile_4, 8, faults, 4)];
    const float fma_x_7 = fma(total_5, picked_8, fma_x_5);
    if ((thread_2 & 24) == 0) {
        tile8[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_9 = tile8[(team * 8) + tw_checked(tile_5, 8, faults, 0)];
    const int rounded_5 = (int)min(picked_9, 2147483647u);
    const int index_13 = tw_checked(rounded_5, 128, faults, 1);
    const int index_14 = tw_checked(rounded_5, 128, faults, 2);
    const int index_15 = tw_checked(rounded_5, 128, faults, 3);
    float tile_17[8];
    unsigned int unpacked_5[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_17[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_17[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_5, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_5 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_5, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_5 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_5[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_5[(i * 4) + i_14] = (word_5 >> ((unsigned int)((shift_5 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_5[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_5[i] = (float)(unpacked_5[i]);
    }
    float tile_18[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_18[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_18[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_5, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_8 = fma(wide_5[i], tile_17[(i >> 2) & 7], tile_18[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_6 = fma(act_in_5[i], fma_x_8, total_6);
        }
    }
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 1);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 2);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 4);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 8);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 16);
    if ((thread_2 & 24) == 0) {
        tile9[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_10 = tile9[(team * 8) + tw_checked(tile_5, 8, faults, 4)];
    const float fma_x_9 = fma(total_6, picked_10, fma_x_7);
    if ((thread_2 & 24) == 0) {
        tile10[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_11 = tile10[(team * 8) + tw_checked(tile_6, 8, faults, 0)];
    const int rounded_6 = (int)min(picked_11, 2147483647u);
    const int index_16 = tw_checked(rounded_6, 128, faults, 1);
    const int index_17 = tw_checked(rounded_6, 128, faults, 2);
    const int index_18 = tw_checked(rounded_6, 128, faults, 3);
    float tile_19[8];
    unsigned int unpacked_6[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_19[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_19[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_6, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_6 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_6, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_6 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_6[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_6[(i * 4) + i_14] = (word_6 >> ((unsigned int)((shift_6 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_6[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_6[i] = (float)(unpacked_6[i]);
    }
    float tile_20[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_20[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_20[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_6, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_10 = fma(wide_6[i], tile_19[(i >> 2) & 7], tile_20[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_7 = fma(act_in_6[i], fma_x_10, total_7);
        }
    }
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 1);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 2);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 4);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 8);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 16);
    if ((thread_2 & 24) == 0) {
        tile11[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_12 = tile11[(team * 8) + tw_checked(tile_6, 8, faults, 4)];
    const float fma_x_11 = fma(total_7, picked_12, fma_x_9);
    if ((thread_2 & 24) == 0) {
        tile12[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_13 = tile12[(team * 8) + tw_checked(tile_7, 8, faults, 0)];
    const int rounded_7 = (int)min(picked_13, 2147483647u);
    const int index_19 = tw_checked(rounded_7, 128, faults, 1);
    const int index_20 = tw_checked(rounded_7, 128, faults, 2);
    const int index_21 = tw_checked(rounded_7, 128, faults, 3);
    float tile_21[8];
    unsigned int unpacked_7[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_21[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_21[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_7, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_7 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_7, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_7 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_7[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_7[(i * 4) + i_14] = (word_7 >> ((unsigned int)((shift_7 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_7[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_7[i] = (float)(unpacked_7[i]);
    }
    float tile_22[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_22[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_22[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_7, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_12 = fma(wide_7[i], tile_21[(i >> 2) & 7], tile_22[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_8 = fma(act_in_7[i], fma_x_12, total_8);
        }
    }
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 1);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 2);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 4);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 8);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 16);
    if ((thread_2 & 24) == 0) {
        tile13[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_14 = tile13[(team * 8) + tw_checked(tile_7, 8, faults, 4)];
    const float fma_x_13 = fma(total_8, picked_14, fma_x_11);
    if ((thread_2 & 24) == 0) {
        tile14[(team * 8) + at_3] = top_index;
    }
    __syncwarp();
    const unsigned int picked_15 = tile14[(team * 8) + tw_checked(tile_8, 8, faults, 0)];
    const int rounded_8 = (int)min(picked_15, 2147483647u);
    const int index_22 = tw_checked(rounded_8, 128, faults, 1);
    const int index_23 = tw_checked(rounded_8, 128, faults, 2);
    const int index_24 = tw_checked(rounded_8, 128, faults, 3);
    float tile_23[8];
    unsigned int unpacked_8[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_23[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_23[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_8, 128, faults, 1)) * arguments.scales_stride0) + ((long long)(program_2) * arguments.scales_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const unsigned int word_8 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_8, 128, faults, 2)) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
        const int shift_8 = ((at + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_14 = 0; i_14 < 4; i_14++) {
            unpacked_8[(i * 4) + i_14] = 0u;
            if ((at + ((((i * 4) + i_14) & 3) + (((((i * 4) + i_14) >> 2) & 7) * 128))) < (64 * arguments.groups)) {
                unpacked_8[(i * 4) + i_14] = (word_8 >> ((unsigned int)((shift_8 + (i_14 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_8[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_8[i] = (float)(unpacked_8[i]);
    }
    float tile_24[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_24[i] = 0.0f;
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_24[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_8, 128, faults, 3)) * arguments.biases_stride0) + ((long long)(program_2) * arguments.biases_stride1)) + (long long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_9 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_14 = fma(wide_8[i], tile_23[(i >> 2) & 7], tile_24[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_9 = fma(act_in_8[i], fma_x_14, total_9);
        }
    }
    total_9 = total_9 + __shfl_xor_sync(0xffffffffu, total_9, 1);
    total_9 = total_9 + __shfl_xor_sync(0xffffffffu, total_9, 2);
    total_9 = total_9 + __shfl_xor_sync(0xffffffffu, total_9, 4);
    total_9 = total_9 + __shfl_xor_sync(0xffffffffu, total_9, 8);
    total_9 = total_9 + __shfl_xor_sync(0xffffffffu, total_9, 16);
    if ((thread_2 & 24) == 0) {
        tile15[(team * 8) + at_3] = quotient;
    }
    __syncwarp();
    const float picked_16 = tile15[(team * 8) + tw_checked(tile_8, 8, faults, 4)];
    const float added = residual_in + fma(total_9, picked_16, fma_x_13);
    if ((program < arguments.columns) && ((thread_2 & 31) == 0)) {
        y[((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)(program_2)] = added;
    }
}
