// topk, f32, rows = 16384, cols = 1024

struct topk_arguments {
    long x_stride0;
    long values_stride0;
    long indices_stride0;
    int rows;
    int cols;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_topk(
    const device float* x [[buffer(0)]],
    device float* values [[buffer(1)]],
    device uint* indices [[buffer(2)]],
    constant topk_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float candidate0[128];
    threadgroup uint candidate_at1[128];
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int team = (int)thread_index_in_threadgroup >> 5;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + team;
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float top;
    uint top_index;
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, x_in[i]);
    }
    int mine = (((greatest != greatest) ? 2147483647 : (as_type<int>(greatest) ^ ((as_type<int>(greatest) >> 31) & 2147483647))) & (-32)) | (int)thread_index_in_simdgroup;
    int best;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        best = mine;
        best = simd_max(best);
        if (mine == best) {
            mine = -2147483647 - 1;
        }
    }
    const float bound = as_type<float>(((best & (-32)) ^ (((best & (-32)) >> 31) & 2147483647)));
    int count = 0;
    int marks = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        if (!(x_in[i] < bound)) {
            marks = marks | (1 << (i & 31));
        }
    }
    const int ones = marks - ((marks >> 1) & 1431655765);
    const int ones_2 = (ones & 858993459) + ((ones >> 2) & 858993459);
    const int ones_3 = (ones_2 & 252645135) + ((ones_2 >> 4) & 252645135);
    count = count + (((ones_3 * 16843009) >> 24) & 255);
    int place = count;
    const int other = simd_shuffle_up(place, 1);
    if ((int)thread_index_in_simdgroup >= 1) {
        place = place + other;
    }
    const int other_2 = simd_shuffle_up(place, 2);
    if ((int)thread_index_in_simdgroup >= 2) {
        place = place + other_2;
    }
    const int other_3 = simd_shuffle_up(place, 4);
    if ((int)thread_index_in_simdgroup >= 4) {
        place = place + other_3;
    }
    const int other_4 = simd_shuffle_up(place, 8);
    if ((int)thread_index_in_simdgroup >= 8) {
        place = place + other_4;
    }
    const int other_5 = simd_shuffle_up(place, 16);
    if ((int)thread_index_in_simdgroup >= 16) {
        place = place + other_5;
    }
    const int candidates = simd_shuffle(place, thread_index_in_simdgroup | 31);
    place = place - count;
    if (candidates <= 32) {
        for (int n = 0; n < count; n += 1) {
            const int word = marks;
            const int first = 0;
            const int lowest = word & (0 - word);
            const int register_2 = first + ((as_type<int>((float)((uint)(lowest))) >> 23) + (-127));
            marks = marks ^ lowest;
            const float x_2 = x[((long)(program_2) * arguments.x_stride0) + (long)((at + ((register_2 & 3) + (((register_2 >> 2) & 7) * 128))))];
            candidate0[(team * 32) + place] = x_2;
            candidate_at1[(team * 32) + place] = (uint)((at + ((register_2 & 3) + (((register_2 >> 2) & 7) * 128))));
            place = place + 1;
        }
        simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        int own;
        uint own_at;
        own = -2147483647 - 1;
        own_at = 4294967295u;
        if ((int)thread_index_in_simdgroup < candidates) {
            const float x_3 = candidate0[(team * 32) + (int)thread_index_in_simdgroup];
            const int key = (x_3 != x_3) ? 2147483647 : (as_type<int>(x_3) ^ ((as_type<int>(x_3) >> 31) & 2147483647));
            const uint at_2 = candidate_at1[(team * 32) + (int)thread_index_in_simdgroup];
            own = (key == (-1)) ? 0 : key;
            own_at = (at_2 + at_2) | ((key == (-1)) ? 1u : 0u);
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            int won;
            uint won_at;
            won = own;
            won = simd_max(won);
            won_at = (own == won) ? own_at : 4294967295u;
            won_at = simd_min(won_at);
            if (at_3 == i) {
                top = as_type<float>(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
                top_index = won_at >> 1u;
            }
            if (own_at == won_at) {
                own = -2147483647 - 1;
            }
        }
    }
    if (!(candidates <= 32)) {
        int own_2;
        uint own_at_2;
        int won_2;
        uint won_at_2;
        own_2 = -2147483647 - 1;
        own_at_2 = 4294967295u;
        for (int k = 0; k < 4; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                const float x_4 = x[((long)(program_2) * arguments.x_stride0) + (long)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128))))];
                const int key_2 = (x_4 != x_4) ? 2147483647 : (as_type<int>(x_4) ^ ((as_type<int>(x_4) >> 31) & 2147483647));
                const int x_5 = (key_2 == (-1)) ? 0 : key_2;
                const uint at_4 = ((uint)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128)))) + (uint)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128))))) | ((key_2 == (-1)) ? 1u : 0u);
                if (x_5 > own_2) {
                    own_2 = x_5;
                    own_at_2 = at_4;
                }
            }
        }
        for (int round_3 = 0; round_3 < 8; round_3 += 1) {
            won_2 = own_2;
            won_at_2 = own_at_2;
            won_2 = simd_max(won_2);
            won_at_2 = (own_2 == won_2) ? own_at_2 : 4294967295u;
            won_at_2 = simd_min(won_at_2);
            if (at_3 == round_3) {
                top = as_type<float>(((won_2 - (int)((won_at_2 & 1u))) ^ (((won_2 - (int)((won_at_2 & 1u))) >> 31) & 2147483647)));
                top_index = won_at_2 >> 1u;
            }
            if (own_at_2 == won_at_2) {
                own_2 = -2147483647 - 1;
                own_at_2 = 4294967295u;
                for (int k_2 = 0; k_2 < 4; k_2 += 1) {
                    _Pragma("unroll")
                    for (int i = 0; i < 8; i++) {
                        const float x_6 = x[((long)(program_2) * arguments.x_stride0) + (long)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128))))];
                        const int key_3 = (x_6 != x_6) ? 2147483647 : (as_type<int>(x_6) ^ ((as_type<int>(x_6) >> 31) & 2147483647));
                        const int x_7 = (key_3 == (-1)) ? 0 : key_3;
                        const uint at_5 = ((uint)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128)))) + (uint)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128))))) | ((key_3 == (-1)) ? 1u : 0u);
                        if ((x_7 > own_2) && ((won_2 > x_7) || ((won_2 == x_7) && (won_at_2 < at_5)))) {
                            own_2 = x_7;
                            own_at_2 = at_5;
                        }
                    }
                }
            }
        }
    }
    if ((program < arguments.rows) && ((thread_2 & 24) == 0)) {
        values[((long)(program_2) * arguments.values_stride0) + (long)(at_3)] = top;
    }
    if ((program < arguments.rows) && ((thread_2 & 24) == 0)) {
        indices[((long)(program_2) * arguments.indices_stride0) + (long)(at_3)] = top_index;
    }
}
