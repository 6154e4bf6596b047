// quantized_matvec_residual, f32, rows = 1, columns = 4096, groups = 224

struct quantized_matvec_residual_arguments {
    long x_stride0;
    long w_stride0;
    long scales_stride0;
    long biases_stride0;
    long residual_stride0;
    long y_stride0;
    int rows;
    int groups;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_quantized_matvec_residual(
    const device float* x [[buffer(0)]],
    const device uint* w [[buffer(1)]],
    const device float* scales [[buffer(2)]],
    const device float* biases [[buffer(3)]],
    const device float* residual [[buffer(4)]],
    device float* y [[buffer(5)]],
    constant quantized_matvec_residual_arguments& arguments [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[16];
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    float x_in[32];
    const float residual_in = residual[((long)((int)threadgroup_position_in_grid.y) * arguments.residual_stride0) + (long)((int)threadgroup_position_in_grid.x)];
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 2048)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 2048)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        tile[i] = 0.0f;
        if ((at_3 + ((i & 7) * 32)) < arguments.groups) {
            tile[i] = ((at_3 + ((i & 7) * 32)) < arguments.groups) ? scales[((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride0) + (long)((at_3 + ((i & 7) * 32)))] : 0.0f;
        }
        const uint word = ((((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) >> 5) < (8 * arguments.groups)) ? w[((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride0) + (long)((((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) >> 5))] : 0u;
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 7) * 2048))) < (64 * arguments.groups)) {
                unpacked[(i * 4) + i_4] = (word >> ((uint)((shift + (i_4 * 4))) & 31)) & 15u;
            }
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
        tile_2[i] = 0.0f;
        if ((at_3 + ((i & 7) * 32)) < arguments.groups) {
            tile_2[i] = ((at_3 + ((i & 7) * 32)) < arguments.groups) ? biases[((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride0) + (long)((at_3 + ((i & 7) * 32)))] : 0.0f;
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 2048))) < (64 * arguments.groups)) {
            total = fma(x_in[i], fma_x, total);
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
    for (int i = 0; i < 16; i++) {
        total = total + partial0[i];
    }
    const float added = residual_in + total;
    if (((int)thread_index_in_threadgroup & 511) == 0) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)((int)threadgroup_position_in_grid.x)] = added;
    }
}
