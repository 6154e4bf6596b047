// gelu_tanh, f32, n = 16777216

struct gelu_tanh_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_gelu_tanh(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant gelu_tanh_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        x_in[i_13] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_3[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        const float product = x_in[i_13] * x_in[i_13];
        const float product_2 = x_in[i_13] * fma(0.071354814f, product, 1.5957692f);
        product_3[i_13] = x_in[i_13] * tw_sigmoid(product_2);
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_3[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
