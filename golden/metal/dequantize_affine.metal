// dequantize_affine, f32, rows = 4096, groups = 64

struct dequantize_affine_arguments {
    long w_stride0;
    long scales_stride0;
    long biases_stride0;
    long y_stride0;
    int rows;
    int groups;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_dequantize_affine(
    const device uint* w [[buffer(0)]],
    const device float* scales [[buffer(1)]],
    const device float* biases [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant dequantize_affine_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at_2 = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride0) + (long)((at_3 + ((i & 7) * 8)))];
        const uint word = w[((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride0) + (long)((((at_2 + ((((i * 4) >> 2) & 7) * 512)) * 4) >> 5))];
        const int shift = ((at_2 + ((((i * 4) >> 2) & 7) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 4; i_3++) {
            unpacked[(i * 4) + i_3] = (word >> ((uint)((shift + (i_3 * 4))) & 31)) & 15u;
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
        tile_2[i] = biases[((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride0) + (long)((at_3 + ((i & 7) * 8)))];
    }
    float fma_x[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        fma_x[i] = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + (long)((at_2 + ((((i * 4) >> 2) & 7) * 512))))) = vector.all;
        }
    }
}
