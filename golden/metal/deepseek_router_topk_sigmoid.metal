// deepseek_router_topk_sigmoid, f32, tokens = 4096

struct deepseek_router_topk_sigmoid_arguments {
    long x_stride0;
    long weights_stride0;
    long indices_stride0;
    int tokens;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_deepseek_router_topk_sigmoid(
    const device float* x [[buffer(0)]],
    const device float* bias [[buffer(1)]],
    device float* weights [[buffer(2)]],
    device uint* indices [[buffer(3)]],
    constant deepseek_router_topk_sigmoid_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float tile0[1024];
    threadgroup float best1[64];
    threadgroup uint best2[64];
    threadgroup float tile3[32];
    threadgroup uchar tile4[32];
    threadgroup float candidate5[128];
    threadgroup uint candidate_at6[128];
    threadgroup float tile7[1024];
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int team = (int)thread_index_in_threadgroup >> 5;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + team;
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
            vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float sigmoid_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        sigmoid_x[i] = tw_sigmoid(x_in[i]);
    }
    float bias_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bias + (long)((at + ((((i * 4) >> 2) & 1) * 128))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        added[i] = sigmoid_x[i] + bias_in[i];
        tile0[(team * 256) + (((at_2 + (((i >> 2) & 1) * 4)) * 32) + (at_3 + (i & 3)))] = added[i];
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const int lines = 8;
    for (int line = thread_2; line < lines; line += 32) {
        const int first = line * 32;
        float best;
        uint best_2;
        float won;
        uint won_2;
        for (int round = 0; round < 2; round += 1) {
            best = -INFINITY;
            best_2 = 4294967295u;
            for (int k = 0; k < 32; k += 1) {
                const float x_2 = tile0[(team * 256) + (first + k)];
                const uint at_4 = (uint)(k);
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
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float top = best1[(team * 16) + ((at_5 * 2) + at_6)];
    float total = 0.0f;
    total = total + top;
    total = total + simd_shuffle_xor(total, 1);
    if ((thread_2 & 17) == 0) {
        tile3[(team * 8) + at_5] = total;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile = tile3[(team * 8) + at_7];
    uint top_index;
    const float x_3 = tile;
    const int key = (x_3 != x_3) ? 2147483647 : (as_type<int>(x_3) ^ ((as_type<int>(x_3) >> 31) & 2147483647));
    int own;
    uint own_at;
    int won_3;
    uint won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    const int x_4 = (key == (-1)) ? 0 : key;
    const uint at_8 = ((uint)(at_7) + (uint)(at_7)) | ((key == (-1)) ? 1u : 0u);
    if (x_4 > own) {
        own = x_4;
        own_at = at_8;
    }
    for (int round_2 = 0; round_2 < 4; round_2 += 1) {
        won_3 = own;
        won_at = own_at;
        const int other_2 = simd_shuffle_xor(won_3, 1);
        const uint other_3 = simd_shuffle_xor(won_at, 1);
        const bool better = (other_2 > won_3) || ((other_2 == won_3) && (other_3 < won_at));
        const int value = better ? other_2 : won_3;
        const uint position = better ? other_3 : won_at;
        won_3 = value;
        won_at = position;
        const int other_4 = simd_shuffle_xor(won_3, 2);
        const uint other_5 = simd_shuffle_xor(won_at, 2);
        const bool better_2 = (other_4 > won_3) || ((other_4 == won_3) && (other_5 < won_at));
        const int value_2 = better_2 ? other_4 : won_3;
        const uint position_2 = better_2 ? other_5 : won_at;
        won_3 = value_2;
        won_at = position_2;
        const int other_6 = simd_shuffle_xor(won_3, 4);
        const uint other_7 = simd_shuffle_xor(won_at, 4);
        const bool better_3 = (other_6 > won_3) || ((other_6 == won_3) && (other_7 < won_at));
        const int value_3 = better_3 ? other_6 : won_3;
        const uint position_3 = better_3 ? other_7 : won_at;
        won_3 = value_3;
        won_at = position_3;
        if (at_9 == round_2) {
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            const int x_5 = (key == (-1)) ? 0 : key;
            const uint at_10 = ((uint)(at_7) + (uint)(at_7)) | ((key == (-1)) ? 1u : 0u);
            if ((x_5 > own) && ((won_3 > x_5) || ((won_3 == x_5) && (won_at < at_10)))) {
                own = x_5;
                own_at = at_10;
            }
        }
    }
    const bool test = (uint)(at_11) == top_index;
    bool reduced = false;
    reduced = reduced || test;
    const bool other_8 = simd_shuffle_xor((int)(reduced), 1);
    reduced = reduced || other_8;
    const bool other_9 = simd_shuffle_xor((int)(reduced), 2);
    reduced = reduced || other_9;
    if ((thread_2 & 3) == 0) {
        tile4[(team * 8) + at_11] = reduced;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    bool reduced_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        reduced_2[i] = tile4[(team * 8) + (at_2 + ((i & 1) * 4))] != 0;
    }
    float chosen[8];
    uint top_index_2;
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        chosen[i] = reduced_2[(i >> 2) & 1] ? added[i] : 0.0f;
        greatest = tw_max(greatest, chosen[i]);
    }
    int mine = (((greatest != greatest) ? 2147483647 : (as_type<int>(greatest) ^ ((as_type<int>(greatest) >> 31) & 2147483647))) & (-32)) | (int)thread_index_in_simdgroup;
    int best_3;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        best_3 = mine;
        best_3 = simd_max(best_3);
        if (mine == best_3) {
            mine = -2147483647 - 1;
        }
    }
    const float bound = as_type<float>(((best_3 & (-32)) ^ (((best_3 & (-32)) >> 31) & 2147483647)));
    int count = 0;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        count = count + ((!(chosen[i] < bound)) ? 1 : 0);
    }
    int place = count;
    const int other_10 = simd_shuffle_up(place, 1);
    if ((int)thread_index_in_simdgroup >= 1) {
        place = place + other_10;
    }
    const int other_11 = simd_shuffle_up(place, 2);
    if ((int)thread_index_in_simdgroup >= 2) {
        place = place + other_11;
    }
    const int other_12 = simd_shuffle_up(place, 4);
    if ((int)thread_index_in_simdgroup >= 4) {
        place = place + other_12;
    }
    const int other_13 = simd_shuffle_up(place, 8);
    if ((int)thread_index_in_simdgroup >= 8) {
        place = place + other_13;
    }
    const int other_14 = simd_shuffle_up(place, 16);
    if ((int)thread_index_in_simdgroup >= 16) {
        place = place + other_14;
    }
    const int candidates = simd_shuffle(place, thread_index_in_simdgroup | 31);
    place = place - count;
    if (candidates <= 32) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            if (!(chosen[i] < bound)) {
                candidate5[(team * 32) + place] = chosen[i];
                candidate_at6[(team * 32) + place] = (uint)((at + ((i & 3) + (((i >> 2) & 1) * 128))));
                place = place + 1;
            }
        }
        simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        int own_2;
        uint own_at_2;
        own_2 = -2147483647 - 1;
        own_at_2 = 4294967295u;
        if ((int)thread_index_in_simdgroup < candidates) {
            const float x_6 = candidate5[(team * 32) + (int)thread_index_in_simdgroup];
            const int key_2 = (x_6 != x_6) ? 2147483647 : (as_type<int>(x_6) ^ ((as_type<int>(x_6) >> 31) & 2147483647));
            const uint at_12 = candidate_at6[(team * 32) + (int)thread_index_in_simdgroup];
            own_2 = (key_2 == (-1)) ? 0 : key_2;
            own_at_2 = (at_12 + at_12) | ((key_2 == (-1)) ? 1u : 0u);
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            int won_4;
            uint won_at_2;
            won_4 = own_2;
            won_4 = simd_max(won_4);
            won_at_2 = (own_2 == won_4) ? own_at_2 : 4294967295u;
            won_at_2 = simd_min(won_at_2);
            if (at_7 == i) {
                top_index_2 = won_at_2 >> 1u;
            }
            if (own_at_2 == won_at_2) {
                own_2 = -2147483647 - 1;
            }
        }
    }
    if (!(candidates <= 32)) {
        int key_3[8];
        int own_3;
        uint own_at_3;
        int won_5;
        uint won_at_3;
        own_3 = -2147483647 - 1;
        own_at_3 = 4294967295u;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float x_7 = chosen[i];
            key_3[i] = (x_7 != x_7) ? 2147483647 : (as_type<int>(x_7) ^ ((as_type<int>(x_7) >> 31) & 2147483647));
            const int x_8 = (key_3[i] == (-1)) ? 0 : key_3[i];
            const uint at_13 = ((uint)((at + ((i & 3) + (((i >> 2) & 1) * 128)))) + (uint)((at + ((i & 3) + (((i >> 2) & 1) * 128))))) | ((key_3[i] == (-1)) ? 1u : 0u);
            if (x_8 > own_3) {
                own_3 = x_8;
                own_at_3 = at_13;
            }
        }
        for (int round_5 = 0; round_5 < 8; round_5 += 1) {
            won_5 = own_3;
            won_at_3 = own_at_3;
            won_5 = simd_max(won_5);
            won_at_3 = (own_3 == won_5) ? own_at_3 : 4294967295u;
            won_at_3 = simd_min(won_at_3);
            if (at_7 == round_5) {
                top_index_2 = won_at_3 >> 1u;
            }
            if (own_at_3 == won_at_3) {
                own_3 = -2147483647 - 1;
                own_at_3 = 4294967295u;
                _Pragma("unroll")
                for (int i = 0; i < 8; i++) {
                    const int x_9 = (key_3[i] == (-1)) ? 0 : key_3[i];
                    const uint at_14 = ((uint)((at + ((i & 3) + (((i >> 2) & 1) * 128)))) + (uint)((at + ((i & 3) + (((i >> 2) & 1) * 128))))) | ((key_3[i] == (-1)) ? 1u : 0u);
                    if ((x_9 > own_3) && ((won_5 > x_9) || ((won_5 == x_9) && (won_at_3 < at_14)))) {
                        own_3 = x_9;
                        own_at_3 = at_14;
                    }
                }
            }
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile7[(team * 256) + (at + ((i & 3) + (((i >> 2) & 1) * 128)))] = sigmoid_x[i];
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float picked = tile7[(team * 256) + tw_checked((int)(top_index_2), 256, faults, 0)];
    float total_2 = 0.0f;
    total_2 = total_2 + picked;
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    const float added_2 = total_2 + arguments.eps;
    const float quotient = picked / added_2;
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        weights[((long)(program_2) * arguments.weights_stride0) + (long)(at_7)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        indices[((long)(program_2) * arguments.indices_stride0) + (long)(at_7)] = top_index_2;
    }
}
