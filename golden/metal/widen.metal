// widen, f32, n = 16777216

struct widen_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_widen(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant widen_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_3 = 0; i_3 < 4; i_3++) {
        x_in[i_3] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = x_in[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
