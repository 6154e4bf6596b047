// add, f32, n = 16777216

struct add_arguments {
    int n;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_add(
    const device float* a [[buffer(0)]],
    const device float* b [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant add_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float a_in[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        a_in[i_6] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(a + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) a_in[l] = vector.lane[l];
        }
    }
    float b_in[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        b_in[i_6] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(b + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[l] = vector.lane[l];
        }
    }
    float added[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        added[i_6] = a_in[i_6] + b_in[i_6];
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = added[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
