// dequantize_blockwise_int4, f32, blocks = 131072

struct dequantize_blockwise_int4_arguments {
    int blocks;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
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
    float tile_3[16384];
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 16384; i_5++) {
        tile_3[i_5] = (float)((((uint)(x[(long)(((((((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) & 127)) * 4) >> 3))]) >> ((uint)(((((((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) & 127)) * 4) & 7)) & 31)) & 15u)) * scales[(long)(((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7))];
    }
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 4096; i_5++) {
        float out[4];
        out[0] = tile_3[i_5 * 4];
        out[1] = tile_3[(i_5 * 4) + 1];
        out[2] = tile_3[(i_5 * 4) + 2];
        out[3] = tile_3[(i_5 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (long)((at + ((((i_5 * 4) >> 2) & 4095) * 4096)))) = vector.all;
        }
    }
}
