// dequantize_int8, f32, n = 16777216

struct dequantize_int8_arguments {
    int n;
    float scale;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_dequantize_int8(
    const device char* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant dequantize_int8_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    char x_in[4];
    _Pragma("unroll")
    for (int i_7 = 0; i_7 < 4; i_7++) {
        x_in[i_7] = 0;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint all; char lane[4]; } vector;
            vector.all = *(const device uint*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product[4];
    _Pragma("unroll")
    for (int i_7 = 0; i_7 < 4; i_7++) {
        product[i_7] = (float)(x_in[i_7]) * arguments.scale;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
