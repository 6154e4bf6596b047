// moe_dispatch, f32, tokens = 512, cols = 2048

struct moe_dispatch_arguments {
    long x_stride0;
    long y_stride0;
    long y_stride1;
    int tokens;
    int cols;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_moe_dispatch(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant moe_dispatch_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        float out[4];
        out[0] = x_in[(i * 4) & 7];
        out[1] = x_in[((i * 4) + 1) & 7];
        out[2] = x_in[((i * 4) + 2) & 7];
        out[3] = x_in[((i * 4) + 3) & 7];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((((i * 4) >> 3) & 7)) * arguments.y_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
