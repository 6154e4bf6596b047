// merge_heads, f32, batch = 1, heads = 32, tokens = 2048, head_dim = 128

struct merge_heads_arguments {
    long x_stride0;
    long x_stride1;
    long x_stride2;
    long y_stride0;
    long y_stride1;
    long y_stride2;
    int batch;
    int heads;
    int tokens;
    int head_dim;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_merge_heads(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant merge_heads_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 8) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.heads + (-1)));
    const int at = thread_2 * 4;
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.z) * arguments.x_stride0) + ((long)(program_2) * arguments.x_stride1)) + ((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride2)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    if (program < arguments.heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = x_in[l];
            *(device uint4*)(y + (((((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + ((long)(program_2) * arguments.y_stride2)) + (long)(at))) = vector.all;
        }
    }
}
