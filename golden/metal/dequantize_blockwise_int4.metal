// dequantize_blockwise_int4, f32, blocks = 131072

struct dequantize_blockwise_int4_arguments {
    int blocks;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_dequantize_blockwise_int4(
    const device uchar* x [[buffer(0)]],
    const device float* scales [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant dequantize_blockwise_int4_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 5;
    const int product = (int)threadgroup_position_in_grid.x * 1024;
    const int product_2 = (int)threadgroup_position_in_grid.x * 16;
    const int product_3 = (int)threadgroup_position_in_grid.x * 2048;
    uint unpacked[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 16; i_2++) {
        const uchar word = ((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)) < (64 * arguments.blocks)) ? x[(long)((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)))] : 0;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 2; i_3++) {
            unpacked[(i_2 * 2) + i_3] = ((uint)(word) >> ((uint)((i_3 * 4)) & 31)) & 15u;
        }
    }
    float tile[8];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8; i_2++) {
        tile[i_2] = ((product_2 + (at_3 + ((i_2 & 7) * 2))) < arguments.blocks) ? scales[(long)((product_2 + (at_3 + ((i_2 & 7) * 2))))] : 0.0f;
    }
    float product_4[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32; i_2++) {
        product_4[i_2] = (float)(unpacked[i_2]) * tile[(i_2 >> 2) & 7];
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8; i_2++) {
        if ((product_3 + (at + ((((i_2 * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = product_4[i_2 * 4];
            out[1] = product_4[(i_2 * 4) + 1];
            out[2] = product_4[(i_2 * 4) + 2];
            out[3] = product_4[(i_2 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (long)((product_3 + (at + ((((i_2 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
