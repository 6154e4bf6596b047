// gather_qmm_swiglu, f32, tokens = 1, experts = 128, columns = 768, groups = 32

struct gather_qmm_swiglu_arguments {
    long x_stride0;
    long indices_stride0;
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
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_gather_qmm_swiglu(
    const device float* x [[buffer(0)]],
    const device uint* indices [[buffer(1)]],
    const device uint* gate [[buffer(2)]],
    const device float* gate_scales [[buffer(3)]],
    const device float* gate_biases [[buffer(4)]],
    const device uint* up [[buffer(5)]],
    const device float* up_scales [[buffer(6)]],
    const device float* up_biases [[buffer(7)]],
    device float* y [[buffer(8)]],
    constant gather_qmm_swiglu_arguments& arguments [[buffer(9)]],
    device uint* faults [[buffer(10)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[2];
    threadgroup float partial1[2];
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.z) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const uint indices_in = indices[((long)((int)threadgroup_position_in_grid.z) * arguments.indices_stride0) + (long)((int)threadgroup_position_in_grid.y)];
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    const int index_4 = tw_checked(rounded, arguments.experts, faults, 3);
    const int index_5 = tw_checked(rounded, arguments.experts, faults, 4);
    const int index_6 = tw_checked(rounded, arguments.experts, faults, 5);
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = gate_scales[(((long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.gate_scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_scales_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
        const uint word = gate[(((long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.gate_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = (word >> ((uint)((shift + (i_4 * 4))) & 31)) & 15u;
        }
    }
    float wide[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = gate_biases[(((long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.gate_biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_biases_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        total = fma(x_in[i], fma_x, total);
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
    for (int i = 0; i < 2; i++) {
        total = total + partial0[i];
    }
    float tile_3[8];
    uint unpacked_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_3[i] = up_scales[(((long)(tw_checked(rounded, arguments.experts, faults, 3)) * arguments.up_scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_scales_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
        const uint word_2 = up[(((long)(tw_checked(rounded, arguments.experts, faults, 4)) * arguments.up_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift_2 = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_2[(i * 4) + i_4] = (word_2 >> ((uint)((shift_2 + (i_4 * 4))) & 31)) & 15u;
        }
    }
    float wide_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_2[i] = (float)(unpacked_2[i]);
    }
    float tile_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_4[i] = up_biases[(((long)(tw_checked(rounded, arguments.experts, faults, 5)) * arguments.up_biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_biases_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_2 = fma(wide_2[i], tile_3[(i >> 2) & 7], tile_4[(i >> 2) & 7]);
        total_2 = fma(x_in[i], fma_x_2, total_2);
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
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial1[i];
    }
    const float product_4 = (total * tw_sigmoid(total)) * total_2;
    if (((int)thread_index_in_threadgroup & 63) == 0) {
        y[(((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + (long)((int)threadgroup_position_in_grid.x)] = product_4;
    }
}
