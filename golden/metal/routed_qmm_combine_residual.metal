// routed_qmm_combine_residual, f32, tokens = 1, columns = 2048, groups = 12

struct routed_qmm_combine_residual_arguments {
    long act_stride0;
    long act_stride1;
    long w_stride0;
    long w_stride1;
    long scales_stride0;
    long scales_stride1;
    long biases_stride0;
    long biases_stride1;
    long logits_stride0;
    long residual_stride0;
    long y_stride0;
    int tokens;
    int groups;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_routed_qmm_combine_residual(
    const device float* act [[buffer(0)]],
    const device uint* w [[buffer(1)]],
    const device float* scales [[buffer(2)]],
    const device float* biases [[buffer(3)]],
    const device float* logits [[buffer(4)]],
    const device float* residual [[buffer(5)]],
    device float* y [[buffer(6)]],
    constant routed_qmm_combine_residual_arguments& arguments [[buffer(7)]],
    device uint* faults [[buffer(8)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint tile0[32];
    threadgroup uint tile1[4];
    threadgroup float tile2[32];
    threadgroup float tile3[4];
    threadgroup uint tile4[32];
    threadgroup uint tile5[4];
    threadgroup float tile6[32];
    threadgroup float tile7[4];
    threadgroup uint tile8[32];
    threadgroup uint tile9[4];
    threadgroup float tile10[32];
    threadgroup float tile11[4];
    threadgroup uint tile12[32];
    threadgroup uint tile13[4];
    threadgroup float tile14[32];
    threadgroup float tile15[4];
    threadgroup uint tile16[32];
    threadgroup uint tile17[4];
    threadgroup float tile18[32];
    threadgroup float tile19[4];
    threadgroup uint tile20[32];
    threadgroup uint tile21[4];
    threadgroup float tile22[32];
    threadgroup float tile23[4];
    threadgroup uint tile24[32];
    threadgroup uint tile25[4];
    threadgroup float tile26[32];
    threadgroup float tile27[4];
    threadgroup uint tile28[32];
    threadgroup uint tile29[4];
    threadgroup float tile30[32];
    threadgroup float tile31[4];
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int team = (int)thread_index_in_threadgroup >> 5;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + team;
    const int program_2 = min(program, (arguments.columns + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    const int at_6 = thread_2 >> 4;
    const int at_7 = (thread_2 & 15) * 4;
    float logits_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.y) * arguments.logits_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
    }
    const float residual_in = residual[((long)((int)threadgroup_position_in_grid.y) * arguments.residual_stride0) + (long)(program_2)];
    float top;
    uint top_index;
    int key[4];
    int own;
    uint own_at;
    int won;
    uint won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float x = logits_in[i];
        key[i] = (x != x) ? 2147483647 : (as_type<int>(((x == 0.0f) ? 0.0f : x)) ^ ((as_type<int>(((x == 0.0f) ? 0.0f : x)) >> 31) & 2147483647));
        const uint at_2 = (uint)((at + (i & 3)));
        if (key[i] > own) {
            own = key[i];
            own_at = at_2;
        }
    }
    for (int round = 0; round < 8; round += 1) {
        won = own;
        won_at = own_at;
        won = simd_max(won);
        won_at = (own == won) ? own_at : 4294967295u;
        won_at = simd_min(won_at);
        if (at_3 == round) {
            top = as_type<float>((won ^ ((won >> 31) & 2147483647)));
            top_index = won_at;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const uint at_4 = (uint)((at + (i & 3)));
                if ((key[i] > own) && ((won > key[i]) || ((won == key[i]) && (won_at < at_4)))) {
                    own = key[i];
                    own_at = at_4;
                }
            }
        }
    }
    float greatest = -INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    const float difference = top - greatest;
    const float exp_x = precise::exp(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(0) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(1) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(2) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(3) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(4) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(5) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(6) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(7) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int tile_8 = 7;
    if ((thread_2 & 24) == 0) {
        tile0[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked = tile0[(team * 8) + tw_checked(tile, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile1[team] = picked;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_9 = tile1[team];
    const int rounded = (int)min(tile_9, 2147483647u);
    const int index = tw_checked(rounded, 128, faults, 1);
    const int index_2 = tw_checked(rounded, 128, faults, 2);
    const int index_3 = tw_checked(rounded, 128, faults, 3);
    float tile_10[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_10[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_11;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_11 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_12[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_12[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_13 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_13 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_2 = act_in[i] * tile_13;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_2 = total_2 + product_2;
        }
    }
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((thread_2 & 24) == 0) {
        tile2[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_2 = tile2[(team * 8) + tw_checked(tile, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile3[team] = picked_2;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float product_3 = total_2 * tile3[team];
    if ((thread_2 & 24) == 0) {
        tile4[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_3 = tile4[(team * 8) + tw_checked(tile_2, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile5[team] = picked_3;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_15 = tile5[team];
    const int rounded_2 = (int)min(tile_15, 2147483647u);
    const int index_4 = tw_checked(rounded_2, 128, faults, 1);
    const int index_5 = tw_checked(rounded_2, 128, faults, 2);
    const int index_6 = tw_checked(rounded_2, 128, faults, 3);
    float tile_16[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_16[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_2, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_2 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_2, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_17;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_17 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_2, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_18[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_18[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_2, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_19 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_19 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_2, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_2, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_2, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_5 = act_in_2[i] * tile_19;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_3 = total_3 + product_5;
        }
    }
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    if ((thread_2 & 24) == 0) {
        tile6[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_4 = tile6[(team * 8) + tw_checked(tile_2, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile7[team] = picked_4;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_20 = tile7[team];
    const float fma_x = fma(total_3, tile_20, product_3);
    if ((thread_2 & 24) == 0) {
        tile8[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_5 = tile8[(team * 8) + tw_checked(tile_3, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile9[team] = picked_5;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_21 = tile9[team];
    const int rounded_3 = (int)min(tile_21, 2147483647u);
    const int index_7 = tw_checked(rounded_3, 128, faults, 1);
    const int index_8 = tw_checked(rounded_3, 128, faults, 2);
    const int index_9 = tw_checked(rounded_3, 128, faults, 3);
    float tile_22[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_22[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_3, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_3 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_3, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_23;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_23 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_3, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_24[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_24[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_3, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_25 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_25 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_3, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_3, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_3, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_7 = act_in_3[i] * tile_25;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_4 = total_4 + product_7;
        }
    }
    total_4 = total_4 + simd_shuffle_xor(total_4, 1);
    total_4 = total_4 + simd_shuffle_xor(total_4, 2);
    total_4 = total_4 + simd_shuffle_xor(total_4, 4);
    total_4 = total_4 + simd_shuffle_xor(total_4, 8);
    total_4 = total_4 + simd_shuffle_xor(total_4, 16);
    if ((thread_2 & 24) == 0) {
        tile10[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_6 = tile10[(team * 8) + tw_checked(tile_3, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile11[team] = picked_6;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_26 = tile11[team];
    const float fma_x_2 = fma(total_4, tile_26, fma_x);
    if ((thread_2 & 24) == 0) {
        tile12[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_7 = tile12[(team * 8) + tw_checked(tile_4, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile13[team] = picked_7;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_27 = tile13[team];
    const int rounded_4 = (int)min(tile_27, 2147483647u);
    const int index_10 = tw_checked(rounded_4, 128, faults, 1);
    const int index_11 = tw_checked(rounded_4, 128, faults, 2);
    const int index_12 = tw_checked(rounded_4, 128, faults, 3);
    float tile_28[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_28[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_4, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_4 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_4, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_29;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_29 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_4, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_30[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_30[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_4, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_31 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_31 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_4, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_4, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_4, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_9 = act_in_4[i] * tile_31;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_5 = total_5 + product_9;
        }
    }
    total_5 = total_5 + simd_shuffle_xor(total_5, 1);
    total_5 = total_5 + simd_shuffle_xor(total_5, 2);
    total_5 = total_5 + simd_shuffle_xor(total_5, 4);
    total_5 = total_5 + simd_shuffle_xor(total_5, 8);
    total_5 = total_5 + simd_shuffle_xor(total_5, 16);
    if ((thread_2 & 24) == 0) {
        tile14[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_8 = tile14[(team * 8) + tw_checked(tile_4, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile15[team] = picked_8;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_32 = tile15[team];
    const float fma_x_3 = fma(total_5, tile_32, fma_x_2);
    if ((thread_2 & 24) == 0) {
        tile16[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_9 = tile16[(team * 8) + tw_checked(tile_5, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile17[team] = picked_9;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_33 = tile17[team];
    const int rounded_5 = (int)min(tile_33, 2147483647u);
    const int index_13 = tw_checked(rounded_5, 128, faults, 1);
    const int index_14 = tw_checked(rounded_5, 128, faults, 2);
    const int index_15 = tw_checked(rounded_5, 128, faults, 3);
    float tile_34[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_34[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_5, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_5 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_5, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_35;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_35 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_5, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_36[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_36[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_5, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_37 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_37 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_5, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_5, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_5, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_11 = act_in_5[i] * tile_37;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_6 = total_6 + product_11;
        }
    }
    total_6 = total_6 + simd_shuffle_xor(total_6, 1);
    total_6 = total_6 + simd_shuffle_xor(total_6, 2);
    total_6 = total_6 + simd_shuffle_xor(total_6, 4);
    total_6 = total_6 + simd_shuffle_xor(total_6, 8);
    total_6 = total_6 + simd_shuffle_xor(total_6, 16);
    if ((thread_2 & 24) == 0) {
        tile18[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_10 = tile18[(team * 8) + tw_checked(tile_5, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile19[team] = picked_10;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_38 = tile19[team];
    const float fma_x_4 = fma(total_6, tile_38, fma_x_3);
    if ((thread_2 & 24) == 0) {
        tile20[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_11 = tile20[(team * 8) + tw_checked(tile_6, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile21[team] = picked_11;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_39 = tile21[team];
    const int rounded_6 = (int)min(tile_39, 2147483647u);
    const int index_16 = tw_checked(rounded_6, 128, faults, 1);
    const int index_17 = tw_checked(rounded_6, 128, faults, 2);
    const int index_18 = tw_checked(rounded_6, 128, faults, 3);
    float tile_40[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_40[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_6, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_6 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_6, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_41;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_41 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_6, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_42[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_42[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_6, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_43 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_43 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_6, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_6, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_6, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_13 = act_in_6[i] * tile_43;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_7 = total_7 + product_13;
        }
    }
    total_7 = total_7 + simd_shuffle_xor(total_7, 1);
    total_7 = total_7 + simd_shuffle_xor(total_7, 2);
    total_7 = total_7 + simd_shuffle_xor(total_7, 4);
    total_7 = total_7 + simd_shuffle_xor(total_7, 8);
    total_7 = total_7 + simd_shuffle_xor(total_7, 16);
    if ((thread_2 & 24) == 0) {
        tile22[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_12 = tile22[(team * 8) + tw_checked(tile_6, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile23[team] = picked_12;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_44 = tile23[team];
    const float fma_x_5 = fma(total_7, tile_44, fma_x_4);
    if ((thread_2 & 24) == 0) {
        tile24[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_13 = tile24[(team * 8) + tw_checked(tile_7, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile25[team] = picked_13;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_45 = tile25[team];
    const int rounded_7 = (int)min(tile_45, 2147483647u);
    const int index_19 = tw_checked(rounded_7, 128, faults, 1);
    const int index_20 = tw_checked(rounded_7, 128, faults, 2);
    const int index_21 = tw_checked(rounded_7, 128, faults, 3);
    float tile_46[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_46[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_7, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_7 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_7, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_47;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_47 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_7, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_48[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_48[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_7, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_49 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_49 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_7, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_7, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_7, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_15 = act_in_7[i] * tile_49;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_8 = total_8 + product_15;
        }
    }
    total_8 = total_8 + simd_shuffle_xor(total_8, 1);
    total_8 = total_8 + simd_shuffle_xor(total_8, 2);
    total_8 = total_8 + simd_shuffle_xor(total_8, 4);
    total_8 = total_8 + simd_shuffle_xor(total_8, 8);
    total_8 = total_8 + simd_shuffle_xor(total_8, 16);
    if ((thread_2 & 24) == 0) {
        tile26[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_14 = tile26[(team * 8) + tw_checked(tile_7, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile27[team] = picked_14;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_50 = tile27[team];
    const float fma_x_6 = fma(total_8, tile_50, fma_x_5);
    if ((thread_2 & 24) == 0) {
        tile28[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked_15 = tile28[(team * 8) + tw_checked(tile_8, 8, faults, 0)];
    if ((thread_2 & 31) == 0) {
        tile29[team] = picked_15;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint tile_51 = tile29[team];
    const int rounded_8 = (int)min(tile_51, 2147483647u);
    const int index_22 = tw_checked(rounded_8, 128, faults, 1);
    const int index_23 = tw_checked(rounded_8, 128, faults, 2);
    const int index_24 = tw_checked(rounded_8, 128, faults, 3);
    float tile_52[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_52[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_8, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
        const uint word_8 = ((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_8, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))] : 0u;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_53;
        if ((at_6 + (((i >> 2) & 7) * 2)) < arguments.groups) {
            tile_53 = (float)((((((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_8, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) >> 5))] : 0u) >> ((uint)((((((at_6 + (((i >> 2) & 7) * 2)) * 64) + (at_7 + (i & 3))) * 4) & 31)) & 31)) & 15u));
        }
    }
    float tile_54[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((at_6 + ((i & 7) * 2)) < arguments.groups) {
            tile_54[i] = ((at_6 + ((i & 7) * 2)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_8, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)((at_6 + ((i & 7) * 2)))] : 0.0f;
        }
    }
    float total_9 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        float tile_55 = 0.0f;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            tile_55 = ((float)(((((((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_8, 128, faults, 2)) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) >> 5))] : 0u) >> ((uint)(((((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) * 64) + ((at + ((i & 3) + (((i >> 2) & 7) * 128))) & 63)) * 4) & 31)) & 31)) & 15u)) * ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? scales[(((long)(tw_checked(rounded_8, 128, faults, 1)) * arguments.scales_stride0) + ((long)(program_2) * arguments.scales_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f)) + ((((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6) < arguments.groups) ? biases[(((long)(tw_checked(rounded_8, 128, faults, 3)) * arguments.biases_stride0) + ((long)(program_2) * arguments.biases_stride1)) + (long)(((at + ((i & 3) + (((i >> 2) & 7) * 128))) >> 6))] : 0.0f);
        }
        const float product_17 = act_in_8[i] * tile_55;
        if ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < (64 * arguments.groups)) {
            total_9 = total_9 + product_17;
        }
    }
    total_9 = total_9 + simd_shuffle_xor(total_9, 1);
    total_9 = total_9 + simd_shuffle_xor(total_9, 2);
    total_9 = total_9 + simd_shuffle_xor(total_9, 4);
    total_9 = total_9 + simd_shuffle_xor(total_9, 8);
    total_9 = total_9 + simd_shuffle_xor(total_9, 16);
    if ((thread_2 & 24) == 0) {
        tile30[(team * 8) + at_3] = quotient;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked_16 = tile30[(team * 8) + tw_checked(tile_8, 8, faults, 4)];
    if ((thread_2 & 31) == 0) {
        tile31[team] = picked_16;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_56 = tile31[team];
    const float added_9 = residual_in + fma(total_9, tile_56, fma_x_6);
    if ((program < arguments.columns) && ((thread_2 & 31) == 0)) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)(program_2)] = added_9;
    }
}
