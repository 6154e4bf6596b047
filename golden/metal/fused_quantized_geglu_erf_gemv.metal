// fused_quantized_geglu_erf_gemv, f32, rows = 1, columns = 14336, groups = 64

struct fused_quantized_geglu_erf_gemv_arguments {
    long x_stride0;
    long gate_stride0;
    long gate_scales_stride0;
    long gate_biases_stride0;
    long up_stride0;
    long up_scales_stride0;
    long up_biases_stride0;
    long y_stride0;
    int rows;
    int groups;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_fused_quantized_geglu_erf_gemv(
    const device float* x [[buffer(0)]],
    const device uint* gate [[buffer(1)]],
    const device float* gate_scales [[buffer(2)]],
    const device float* gate_biases [[buffer(3)]],
    const device uint* up [[buffer(4)]],
    const device float* up_scales [[buffer(5)]],
    const device float* up_biases [[buffer(6)]],
    device float* y [[buffer(7)]],
    constant fused_quantized_geglu_erf_gemv_arguments& arguments [[buffer(8)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[4];
    threadgroup float partial1[4];
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    float x_in[32];
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        tile[i] = gate_scales[((long)((int)threadgroup_position_in_grid.x) * arguments.gate_scales_stride0) + (long)((at_3 + ((i & 7) * 8)))];
        const uint word = gate[((long)((int)threadgroup_position_in_grid.x) * arguments.gate_stride0) + (long)((((at + ((((i * 4) >> 2) & 7) * 512)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 512)) * 4) & 31;
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
        tile_2[i] = gate_biases[((long)((int)threadgroup_position_in_grid.x) * arguments.gate_biases_stride0) + (long)((at_3 + ((i & 7) * 8)))];
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
    for (int i = 0; i < 4; i++) {
        total = total + partial0[i];
    }
    float tile_3[8];
    uint unpacked_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_3[i] = up_scales[((long)((int)threadgroup_position_in_grid.x) * arguments.up_scales_stride0) + (long)((at_3 + ((i & 7) * 8)))];
        const uint word_2 = up[((long)((int)threadgroup_position_in_grid.x) * arguments.up_stride0) + (long)((((at + ((((i * 4) >> 2) & 7) * 512)) * 4) >> 5))];
        const int shift_2 = ((at + ((((i * 4) >> 2) & 7) * 512)) * 4) & 31;
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
        tile_4[i] = up_biases[((long)((int)threadgroup_position_in_grid.x) * arguments.up_biases_stride0) + (long)((at_3 + ((i & 7) * 8)))];
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
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial1[i];
    }
    const float product_3 = 0.5f * total;
    const float product_4 = total * 0.70710677f;
    const float product_6 = (product_3 * (tw_erf(product_4) + 1.0f)) * total_2;
    if (((int)thread_index_in_threadgroup & 127) == 0) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)((int)threadgroup_position_in_grid.x)] = product_6;
    }
}
