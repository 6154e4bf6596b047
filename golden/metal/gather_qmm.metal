// gather_qmm, f32, tokens = 1, experts = 128, columns = 768, groups = 32

struct gather_qmm_arguments {
    long x_stride0;
    long indices_stride0;
    long w_stride0;
    long w_stride1;
    long scales_stride0;
    long scales_stride1;
    long biases_stride0;
    long biases_stride1;
    long y_stride0;
    long y_stride1;
    int tokens;
    int groups;
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_gather_qmm(
    const device float* x [[buffer(0)]],
    const device uint* indices [[buffer(1)]],
    const device uint* w [[buffer(2)]],
    const device float* scales [[buffer(3)]],
    const device float* biases [[buffer(4)]],
    device float* y [[buffer(5)]],
    constant gather_qmm_arguments& arguments [[buffer(6)]],
    device uint* faults [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[2];
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
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[(((long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
        const uint word = w[(((long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
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
        tile_2[i] = biases[(((long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
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
    if (((int)thread_index_in_threadgroup & 63) == 0) {
        y[(((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + (long)((int)threadgroup_position_in_grid.x)] = total;
    }
}
