// dequantize_blockwise, f32, blocks = 131072

struct dequantize_blockwise_arguments {
    int blocks;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_dequantize_blockwise(
    const device char* x [[buffer(0)]],
    const device float* scales [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant dequantize_blockwise_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    const int product = (int)threadgroup_position_in_grid.x * 2048;
    const int product_2 = (int)threadgroup_position_in_grid.x * 16;
    float tile_3[32];
    _Pragma("unroll")
    for (int i_3 = 0; i_3 < 32; i_3++) {
        tile_3[i_3] = (float)((((product + ((((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) & 127))) < (128 * arguments.blocks)) ? x[(long)((product + ((((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) & 127))))] : 0)) * (((product_2 + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7)) < arguments.blocks) ? scales[(long)((product_2 + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7)))] : 0.0f);
    }
    _Pragma("unroll")
    for (int i_3 = 0; i_3 < 8; i_3++) {
        if ((product + (at + ((((i_3 * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = tile_3[i_3 * 4];
            out[1] = tile_3[(i_3 * 4) + 1];
            out[2] = tile_3[(i_3 * 4) + 2];
            out[3] = tile_3[(i_3 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (long)((product + (at + ((((i_3 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
