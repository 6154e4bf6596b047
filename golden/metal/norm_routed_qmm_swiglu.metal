// norm_routed_qmm_swiglu, f32, tokens = 1, columns = 768, groups = 32

struct norm_routed_qmm_swiglu_arguments {
    long x_stride0;
    long logits_stride0;
    long gate_stride0;
    long gate_stride1;
    long gate_scales_stride0;
    long gate_scales_stride1;
    long gate_biases_stride0;
    long gate_biases_stride1;
    long up_stride0;
    long up_stride1;
    long up_scales_stride0;
    long up_scales_stride1;
    long up_biases_stride0;
    long up_biases_stride1;
    long y_stride0;
    long y_stride1;
    int tokens;
    int groups;
    int columns;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_norm_routed_qmm_swiglu(
    const device float* x [[buffer(0)]],
    const device float* norm [[buffer(1)]],
    const device float* logits [[buffer(2)]],
    const device uint* gate [[buffer(3)]],
    const device float* gate_scales [[buffer(4)]],
    const device float* gate_biases [[buffer(5)]],
    const device uint* up [[buffer(6)]],
    const device float* up_scales [[buffer(7)]],
    const device float* up_biases [[buffer(8)]],
    device float* y [[buffer(9)]],
    constant norm_routed_qmm_swiglu_arguments& arguments [[buffer(10)]],
    device uint* faults [[buffer(11)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint tile0[32];
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int team = (int)thread_index_in_threadgroup >> 5;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + team;
    const int program_2 = min(program, (arguments.columns + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    const int at_6 = thread_2 >> 4;
    float x_in[64];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.z) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 15) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float logits_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.z) * arguments.logits_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
    }
    float squares[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float product = x_in[i] * x_in[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        squares[i * 2] = fma(squares[i * 2], 1.0f, squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 16));
    }
    float total;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 8] = fma(squares[i * 8], 1.0f, squares[(i * 8) + 4]);
    }
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total = fma(total, 1.0f, squares[i * 8]);
    }
    const float wide = (float)((64 * arguments.groups));
    const float added = (total / wide) + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added);
    float product_2[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        product_2[i] = x_in[i] * rsqrt_x;
    }
    float norm_in[64];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(norm + (long)((at + ((((i * 4) >> 2) & 15) * 128))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) norm_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_3[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        product_3[i] = product_2[i] * norm_in[i];
    }
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
        const float x_2 = logits_in[i];
        key[i] = (x_2 != x_2) ? 2147483647 : (as_type<int>(x_2) ^ ((as_type<int>(x_2) >> 31) & 2147483647));
        const int x_3 = (key[i] == (-1)) ? 0 : key[i];
        const uint at_2 = ((uint)((at + (i & 3))) + (uint)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
        if (x_3 > own) {
            own = x_3;
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
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int x_4 = (key[i] == (-1)) ? 0 : key[i];
                const uint at_4 = ((uint)((at + (i & 3))) + (uint)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
                if ((x_4 > own) && ((won > x_4) || ((won == x_4) && (won_at < at_4)))) {
                    own = x_4;
                    own_at = at_4;
                }
            }
        }
    }
    const int tile = (int)threadgroup_position_in_grid.y;
    if ((thread_2 & 24) == 0) {
        tile0[(team * 8) + at_3] = top_index;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const uint picked = tile0[(team * 8) + tw_checked(tile, 8, faults, 0)];
    const int rounded = (int)min(picked, 2147483647u);
    const int index = tw_checked(rounded, 128, faults, 1);
    const int index_2 = tw_checked(rounded, 128, faults, 2);
    const int index_3 = tw_checked(rounded, 128, faults, 3);
    const int index_4 = tw_checked(rounded, 128, faults, 4);
    const int index_5 = tw_checked(rounded, 128, faults, 5);
    const int index_6 = tw_checked(rounded, 128, faults, 6);
    float tile_2[16];
    uint unpacked[64];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_2[i] = gate_scales[(((long)(tw_checked(rounded, 128, faults, 1)) * arguments.gate_scales_stride0) + ((long)(program_2) * arguments.gate_scales_stride1)) + (long)((at_6 + ((i & 15) * 2)))];
        const uint word = gate[(((long)(tw_checked(rounded, 128, faults, 2)) * arguments.gate_stride0) + ((long)(program_2) * arguments.gate_stride1)) + (long)((((at + ((((i * 4) >> 2) & 15) * 128)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 15) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_23 = 0; i_23 < 4; i_23++) {
            unpacked[(i * 4) + i_23] = (word >> ((uint)((shift + (i_23 * 4))) & 31)) & 15u;
        }
    }
    float wide_2[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        wide_2[i] = (float)(unpacked[i]);
    }
    float tile_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_3[i] = gate_biases[(((long)(tw_checked(rounded, 128, faults, 3)) * arguments.gate_biases_stride0) + ((long)(program_2) * arguments.gate_biases_stride1)) + (long)((at_6 + ((i & 15) * 2)))];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float fma_x = fma(wide_2[i], tile_2[(i >> 2) & 15], tile_3[(i >> 2) & 15]);
        total_2 = fma(product_3[i], fma_x, total_2);
    }
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    float tile_4[16];
    uint unpacked_2[64];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_4[i] = up_scales[(((long)(tw_checked(rounded, 128, faults, 4)) * arguments.up_scales_stride0) + ((long)(program_2) * arguments.up_scales_stride1)) + (long)((at_6 + ((i & 15) * 2)))];
        const uint word_2 = up[(((long)(tw_checked(rounded, 128, faults, 5)) * arguments.up_stride0) + ((long)(program_2) * arguments.up_stride1)) + (long)((((at + ((((i * 4) >> 2) & 15) * 128)) * 4) >> 5))];
        const int shift_2 = ((at + ((((i * 4) >> 2) & 15) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_23 = 0; i_23 < 4; i_23++) {
            unpacked_2[(i * 4) + i_23] = (word_2 >> ((uint)((shift_2 + (i_23 * 4))) & 31)) & 15u;
        }
    }
    float wide_3[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        wide_3[i] = (float)(unpacked_2[i]);
    }
    float tile_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_5[i] = up_biases[(((long)(tw_checked(rounded, 128, faults, 6)) * arguments.up_biases_stride0) + ((long)(program_2) * arguments.up_biases_stride1)) + (long)((at_6 + ((i & 15) * 2)))];
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float fma_x_2 = fma(wide_3[i], tile_4[(i >> 2) & 15], tile_5[(i >> 2) & 15]);
        total_3 = fma(product_3[i], fma_x_2, total_3);
    }
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    const float product_7 = (total_2 * tw_sigmoid(total_2)) * total_3;
    if ((program < arguments.columns) && ((thread_2 & 31) == 0)) {
        y[(((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + (long)(program_2)] = product_7;
    }
}
