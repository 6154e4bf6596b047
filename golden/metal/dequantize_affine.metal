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
    float tile_4[32];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 32; i_8++) {
        tile_4[i_8] = ((float)(((w[((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride0) + (long)(((((((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6) * 64) + ((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) & 63)) * 4) >> 5))] >> ((uint)(((((((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6) * 64) + ((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) & 63)) * 4) & 31)) & 31)) & 15u)) * scales[((long)((int)threadgroup_position_in_grid.x) * arguments.scales_stride0) + (long)(((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6))]) + biases[((long)((int)threadgroup_position_in_grid.x) * arguments.biases_stride0) + (long)(((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6))];
    }
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 8; i_8++) {
        float out[4];
        out[0] = tile_4[i_8 * 4];
        out[1] = tile_4[(i_8 * 4) + 1];
        out[2] = tile_4[(i_8 * 4) + 2];
        out[3] = tile_4[(i_8 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + (long)((at_2 + ((((i_8 * 4) >> 2) & 7) * 512))))) = vector.all;
        }
    }
}
