// gather_qmm_combine_residual, f32, tokens = 1, experts = 128, columns = 2048, groups = 12

struct gather_qmm_combine_residual_arguments {
    long act_stride0;
    long act_stride1;
    long w_stride0;
    long w_stride1;
    long scales_stride0;
    long scales_stride1;
    long biases_stride0;
    long biases_stride1;
    long gate_stride0;
    long indices_stride0;
    long residual_stride0;
    long y_stride0;
    int tokens;
    int groups;
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_gather_qmm_combine_residual(
    const device float* act [[buffer(0)]],
    const device uint* w [[buffer(1)]],
    const device float* scales [[buffer(2)]],
    const device float* biases [[buffer(3)]],
    const device float* gate [[buffer(4)]],
    const device uint* indices [[buffer(5)]],
    const device float* residual [[buffer(6)]],
    device float* y [[buffer(7)]],
    constant gather_qmm_combine_residual_arguments& arguments [[buffer(8)]],
    device uint* faults [[buffer(9)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[2];
    threadgroup float* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup float* partial1 = (decltype(partial1))(shared_memory + 1);
    threadgroup float* partial2 = (decltype(partial2))(shared_memory + 0);
    threadgroup float* partial3 = (decltype(partial3))(shared_memory + 1);
    threadgroup float* partial4 = (decltype(partial4))(shared_memory + 0);
    threadgroup float* partial5 = (decltype(partial5))(shared_memory + 1);
    threadgroup float* partial6 = (decltype(partial6))(shared_memory + 0);
    threadgroup float* partial7 = (decltype(partial7))(shared_memory + 1);
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_4 = (int)thread_index_in_threadgroup >> 4;
    const uint indices_in = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(0)];
    const int rounded = (int)min(indices_in, 2147483647u);
    float act_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in[i * 4] = 0.0f;
        act_in[(i * 4) + 1] = 0.0f;
        act_in[(i * 4) + 2] = 0.0f;
        act_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(0) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    const float gate_in = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(0)];
    const float residual_in = residual[((long)((int)threadgroup_position_in_grid.y) * arguments.residual_stride0) + (long)((int)threadgroup_position_in_grid.x)];
    float tile[2];
    uint unpacked[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked[(i * 4) + i_4] = (word >> ((uint)((shift + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_2[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_2[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 1], tile_2[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total = fma(act_in[i], fma_x, total);
        }
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[i];
    }
    const float product_2 = total * gate_in;
    const uint indices_in_2 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(1)];
    const int rounded_2 = (int)min(indices_in_2, 2147483647u);
    float act_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_2[i * 4] = 0.0f;
        act_in_2[(i * 4) + 1] = 0.0f;
        act_in_2[(i * 4) + 2] = 0.0f;
        act_in_2[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(1) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_4 = tw_checked(rounded_2, arguments.experts, faults, 0);
    const int index_5 = tw_checked(rounded_2, arguments.experts, faults, 1);
    const int index_6 = tw_checked(rounded_2, arguments.experts, faults, 2);
    const float gate_in_2 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(1)];
    float tile_3[2];
    uint unpacked_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_3[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_3[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_2, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_2 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_2, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_2 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_2[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_2[(i * 4) + i_4] = (word_2 >> ((uint)((shift_2 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_2[i] = (float)(unpacked_2[i]);
    }
    float tile_4[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_4[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_4[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_2, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_2 = fma(wide_2[i], tile_3[(i >> 2) & 1], tile_4[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_2 = fma(act_in_2[i], fma_x_2, total_2);
        }
    }
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial1[i];
    }
    const float fma_x_3 = fma(total_2, gate_in_2, product_2);
    const uint indices_in_3 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(2)];
    const int rounded_3 = (int)min(indices_in_3, 2147483647u);
    float act_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_3[i * 4] = 0.0f;
        act_in_3[(i * 4) + 1] = 0.0f;
        act_in_3[(i * 4) + 2] = 0.0f;
        act_in_3[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(2) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_7 = tw_checked(rounded_3, arguments.experts, faults, 0);
    const int index_8 = tw_checked(rounded_3, arguments.experts, faults, 1);
    const int index_9 = tw_checked(rounded_3, arguments.experts, faults, 2);
    const float gate_in_3 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(2)];
    float tile_5[2];
    uint unpacked_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_5[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_5[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_3, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_3 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_3, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_3 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_3[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_3[(i * 4) + i_4] = (word_3 >> ((uint)((shift_3 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_3[i] = (float)(unpacked_3[i]);
    }
    float tile_6[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_6[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_6[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_3, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_4 = fma(wide_3[i], tile_5[(i >> 2) & 1], tile_6[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_3 = fma(act_in_3[i], fma_x_4, total_3);
        }
    }
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial2[(int)simdgroup_index_in_threadgroup] = total_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_3 = total_3 + partial2[i];
    }
    const float fma_x_5 = fma(total_3, gate_in_3, fma_x_3);
    const uint indices_in_4 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(3)];
    const int rounded_4 = (int)min(indices_in_4, 2147483647u);
    float act_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_4[i * 4] = 0.0f;
        act_in_4[(i * 4) + 1] = 0.0f;
        act_in_4[(i * 4) + 2] = 0.0f;
        act_in_4[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(3) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_10 = tw_checked(rounded_4, arguments.experts, faults, 0);
    const int index_11 = tw_checked(rounded_4, arguments.experts, faults, 1);
    const int index_12 = tw_checked(rounded_4, arguments.experts, faults, 2);
    const float gate_in_4 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(3)];
    float tile_7[2];
    uint unpacked_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_7[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_7[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_4, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_4 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_4, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_4 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_4[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_4[(i * 4) + i_4] = (word_4 >> ((uint)((shift_4 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_4[i] = (float)(unpacked_4[i]);
    }
    float tile_8[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_8[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_8[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_4, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_6 = fma(wide_4[i], tile_7[(i >> 2) & 1], tile_8[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_4 = fma(act_in_4[i], fma_x_6, total_4);
        }
    }
    total_4 = total_4 + simd_shuffle_xor(total_4, 1);
    total_4 = total_4 + simd_shuffle_xor(total_4, 2);
    total_4 = total_4 + simd_shuffle_xor(total_4, 4);
    total_4 = total_4 + simd_shuffle_xor(total_4, 8);
    total_4 = total_4 + simd_shuffle_xor(total_4, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial3[(int)simdgroup_index_in_threadgroup] = total_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_4 = total_4 + partial3[i];
    }
    const float fma_x_7 = fma(total_4, gate_in_4, fma_x_5);
    const uint indices_in_5 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(4)];
    const int rounded_5 = (int)min(indices_in_5, 2147483647u);
    float act_in_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_5[i * 4] = 0.0f;
        act_in_5[(i * 4) + 1] = 0.0f;
        act_in_5[(i * 4) + 2] = 0.0f;
        act_in_5[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(4) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_13 = tw_checked(rounded_5, arguments.experts, faults, 0);
    const int index_14 = tw_checked(rounded_5, arguments.experts, faults, 1);
    const int index_15 = tw_checked(rounded_5, arguments.experts, faults, 2);
    const float gate_in_5 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(4)];
    float tile_9[2];
    uint unpacked_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_9[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_9[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_5, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_5 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_5, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_5 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_5[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_5[(i * 4) + i_4] = (word_5 >> ((uint)((shift_5 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_5[i] = (float)(unpacked_5[i]);
    }
    float tile_10[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_10[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_10[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_5, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_8 = fma(wide_5[i], tile_9[(i >> 2) & 1], tile_10[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_5 = fma(act_in_5[i], fma_x_8, total_5);
        }
    }
    total_5 = total_5 + simd_shuffle_xor(total_5, 1);
    total_5 = total_5 + simd_shuffle_xor(total_5, 2);
    total_5 = total_5 + simd_shuffle_xor(total_5, 4);
    total_5 = total_5 + simd_shuffle_xor(total_5, 8);
    total_5 = total_5 + simd_shuffle_xor(total_5, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial4[(int)simdgroup_index_in_threadgroup] = total_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_5 = total_5 + partial4[i];
    }
    const float fma_x_9 = fma(total_5, gate_in_5, fma_x_7);
    const uint indices_in_6 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(5)];
    const int rounded_6 = (int)min(indices_in_6, 2147483647u);
    float act_in_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_6[i * 4] = 0.0f;
        act_in_6[(i * 4) + 1] = 0.0f;
        act_in_6[(i * 4) + 2] = 0.0f;
        act_in_6[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(5) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_16 = tw_checked(rounded_6, arguments.experts, faults, 0);
    const int index_17 = tw_checked(rounded_6, arguments.experts, faults, 1);
    const int index_18 = tw_checked(rounded_6, arguments.experts, faults, 2);
    const float gate_in_6 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(5)];
    float tile_11[2];
    uint unpacked_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_11[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_11[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_6, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_6 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_6, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_6 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_6[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_6[(i * 4) + i_4] = (word_6 >> ((uint)((shift_6 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_6[i] = (float)(unpacked_6[i]);
    }
    float tile_12[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_12[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_12[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_6, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_10 = fma(wide_6[i], tile_11[(i >> 2) & 1], tile_12[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_6 = fma(act_in_6[i], fma_x_10, total_6);
        }
    }
    total_6 = total_6 + simd_shuffle_xor(total_6, 1);
    total_6 = total_6 + simd_shuffle_xor(total_6, 2);
    total_6 = total_6 + simd_shuffle_xor(total_6, 4);
    total_6 = total_6 + simd_shuffle_xor(total_6, 8);
    total_6 = total_6 + simd_shuffle_xor(total_6, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial5[(int)simdgroup_index_in_threadgroup] = total_6;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_6 = total_6 + partial5[i];
    }
    const float fma_x_11 = fma(total_6, gate_in_6, fma_x_9);
    const uint indices_in_7 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(6)];
    const int rounded_7 = (int)min(indices_in_7, 2147483647u);
    float act_in_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_7[i * 4] = 0.0f;
        act_in_7[(i * 4) + 1] = 0.0f;
        act_in_7[(i * 4) + 2] = 0.0f;
        act_in_7[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(6) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_19 = tw_checked(rounded_7, arguments.experts, faults, 0);
    const int index_20 = tw_checked(rounded_7, arguments.experts, faults, 1);
    const int index_21 = tw_checked(rounded_7, arguments.experts, faults, 2);
    const float gate_in_7 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(6)];
    float tile_13[2];
    uint unpacked_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_13[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_13[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_7, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_7 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_7, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_7 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_7[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_7[(i * 4) + i_4] = (word_7 >> ((uint)((shift_7 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_7[i] = (float)(unpacked_7[i]);
    }
    float tile_14[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_14[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_14[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_7, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_12 = fma(wide_7[i], tile_13[(i >> 2) & 1], tile_14[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_7 = fma(act_in_7[i], fma_x_12, total_7);
        }
    }
    total_7 = total_7 + simd_shuffle_xor(total_7, 1);
    total_7 = total_7 + simd_shuffle_xor(total_7, 2);
    total_7 = total_7 + simd_shuffle_xor(total_7, 4);
    total_7 = total_7 + simd_shuffle_xor(total_7, 8);
    total_7 = total_7 + simd_shuffle_xor(total_7, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial6[(int)simdgroup_index_in_threadgroup] = total_7;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_7 = total_7 + partial6[i];
    }
    const float fma_x_13 = fma(total_7, gate_in_7, fma_x_11);
    const uint indices_in_8 = indices[((long)((int)threadgroup_position_in_grid.y) * arguments.indices_stride0) + (long)(7)];
    const int rounded_8 = (int)min(indices_in_8, 2147483647u);
    float act_in_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_8[i * 4] = 0.0f;
        act_in_8[(i * 4) + 1] = 0.0f;
        act_in_8[(i * 4) + 2] = 0.0f;
        act_in_8[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(act + ((((long)((int)threadgroup_position_in_grid.y) * arguments.act_stride0) + ((long)(7) * arguments.act_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_22 = tw_checked(rounded_8, arguments.experts, faults, 0);
    const int index_23 = tw_checked(rounded_8, arguments.experts, faults, 1);
    const int index_24 = tw_checked(rounded_8, arguments.experts, faults, 2);
    const float gate_in_8 = gate[((long)((int)threadgroup_position_in_grid.y) * arguments.gate_stride0) + (long)(7)];
    float tile_15[2];
    uint unpacked_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_15[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_15[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long)(tw_checked(rounded_8, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const uint word_8 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long)(tw_checked(rounded_8, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_8 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_8[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_8[(i * 4) + i_4] = (word_8 >> ((uint)((shift_8 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_8[i] = (float)(unpacked_8[i]);
    }
    float tile_16[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_16[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_16[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long)(tw_checked(rounded_8, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_14 = fma(wide_8[i], tile_15[(i >> 2) & 1], tile_16[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_8 = fma(act_in_8[i], fma_x_14, total_8);
        }
    }
    total_8 = total_8 + simd_shuffle_xor(total_8, 1);
    total_8 = total_8 + simd_shuffle_xor(total_8, 2);
    total_8 = total_8 + simd_shuffle_xor(total_8, 4);
    total_8 = total_8 + simd_shuffle_xor(total_8, 8);
    total_8 = total_8 + simd_shuffle_xor(total_8, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial7[(int)simdgroup_index_in_threadgroup] = total_8;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_8 = total_8 + partial7[i];
    }
    const float added = residual_in + fma(total_8, gate_in_8, fma_x_13);
    if (((int)thread_index_in_threadgroup & 127) == 0) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)((int)threadgroup_position_in_grid.x)] = added;
    }
}
