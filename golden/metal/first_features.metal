// first_features, f32, tokens = 2048, heads = 16, head_dim = 192

struct first_features_arguments {
    long x_stride0;
    long x_stride1;
    long y_stride0;
    long y_stride1;
    int tokens;
    int heads;
    int head_dim;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_first_features(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant first_features_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup >> 5;
    const int at_2 = ((int)thread_index_in_threadgroup & 31) * 4;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if (at_2 < arguments.head_dim) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 8))) * arguments.x_stride1)) + (long)(at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = x_in[i * 4];
        out[1] = x_in[(i * 4) + 1];
        out[2] = x_in[(i * 4) + 2];
        out[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 8))) * arguments.y_stride1)) + (long)(at_2))) = vector.all;
        }
    }
}
