// geglu2, f32, n = 16777216

struct geglu2_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_geglu2(
    const device float* gate [[buffer(0)]],
    const device float* up [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant geglu2_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float gate_in[4];
    _Pragma("unroll")
    for (int i_16 = 0; i_16 < 4; i_16++) {
        gate_in[i_16] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(gate + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[l] = vector.lane[l];
        }
    }
    float up_in[4];
    _Pragma("unroll")
    for (int i_16 = 0; i_16 < 4; i_16++) {
        up_in[i_16] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(up + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float product_4[4];
    _Pragma("unroll")
    for (int i_16 = 0; i_16 < 4; i_16++) {
        const float product = gate_in[i_16] * gate_in[i_16];
        const float product_2 = gate_in[i_16] * fma(0.071354814f, product, 1.5957692f);
        product_4[i_16] = (gate_in[i_16] * tw_sigmoid(product_2)) * up_in[i_16];
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_4[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
