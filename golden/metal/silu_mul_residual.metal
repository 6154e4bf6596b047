// silu_mul_residual, f32, n = 16777216

struct silu_mul_residual_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_silu_mul_residual(
    const device float* gate [[buffer(0)]],
    const device float* up [[buffer(1)]],
    const device float* residual [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant silu_mul_residual_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float gate_in[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        gate_in[i_11] = 0.0f;
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
    for (int i_11 = 0; i_11 < 4; i_11++) {
        up_in[i_11] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(up + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float residual_in[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        residual_in[i_11] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(residual + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) residual_in[l] = vector.lane[l];
        }
    }
    float fma_x[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        const float product = gate_in[i_11] * tw_sigmoid(gate_in[i_11]);
        fma_x[i_11] = fma(product, up_in[i_11], residual_in[i_11]);
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
