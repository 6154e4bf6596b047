// dropout, f32, n = 16777216

struct dropout_arguments {
    int n;
    float p;
    uint seed;
    uint offset;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_dropout(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant dropout_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    uint rounded[4];
    float x_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        rounded[i] = (uint)((((int)threadgroup_position_in_grid.x * 1024) + (at + (i & 3))));
        x_in[i] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const uint random = tw_philox(rounded[i], arguments.seed, arguments.offset);
        const uint shr = random >> 8u;
        const float product = (float)(shr) * 5.9604645e-8f;
        const bool test = product >= arguments.p;
        const float product_2 = x_in[i] * recip_x;
        chosen[i] = test ? product_2 : 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
