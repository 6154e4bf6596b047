// mish, f32, n = 16777216

struct mish_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_mish(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant mish_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_17 = 0; i_17 < 4; i_17++) {
        x_in[i_17] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_17 = 0; i_17 < 4; i_17++) {
        const float smaller = tw_min(x_in[i_17], 20.0f);
        const float exp_x = precise::exp(smaller);
        const float added = exp_x + 2.0f;
        const float product = exp_x * added;
        const float fma_x = fma(exp_x, added, 2.0f);
        product_2[i_17] = x_in[i_17] * (product / fma_x);
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
