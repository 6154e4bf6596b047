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
    const int at_3 = (int)thread_index_in_threadgroup >> 5;
    const int product = (int)threadgroup_position_in_grid.x * 2048;
    const int product_2 = (int)threadgroup_position_in_grid.x * 16;
    char x_in[32];
    float tile[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        x_in[i * 4] = 0;
        x_in[(i * 4) + 1] = 0;
        x_in[(i * 4) + 2] = 0;
        x_in[(i * 4) + 3] = 0;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            {
                union { uint all; char lane[4]; } vector;
                vector.all = *(const device uint*)(x + (long)((product + (at + ((((i * 4) >> 2) & 7) * 256)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        tile[i] = ((product_2 + (at_3 + ((i & 7) * 2))) < arguments.blocks) ? scales[(long)((product_2 + (at_3 + ((i & 7) * 2))))] : 0.0f;
    }
    float product_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = (float)(x_in[i]) * tile[(i >> 2) & 7];
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((product + (at + ((((i * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = product_3[i * 4];
            out[1] = product_3[(i * 4) + 1];
            out[2] = product_3[(i * 4) + 2];
            out[3] = product_3[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (long)((product + (at + ((((i * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
