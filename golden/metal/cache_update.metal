// cache_update, f32, tokens = 512, kv_heads = 8, head_dim = 128, batch = 1, max_len = 1024

struct cache_update_arguments {
    long k_stride0;
    long k_stride1;
    long v_stride0;
    long v_stride1;
    long k_cache_stride0;
    long k_cache_stride1;
    long k_cache_stride2;
    long v_cache_stride0;
    long v_cache_stride1;
    long v_cache_stride2;
    int tokens;
    int kv_heads;
    int head_dim;
    int batch;
    int max_len;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_cache_update(
    const device float* k [[buffer(0)]],
    const device float* v [[buffer(1)]],
    const device int* slots [[buffer(2)]],
    const device int* positions [[buffer(3)]],
    device float* k_cache [[buffer(4)]],
    device float* v_cache [[buffer(5)]],
    constant cache_update_arguments& arguments [[buffer(6)]],
    device uint* faults [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.kv_heads + (-1)));
    const int at = thread_2 * 4;
    const int slots_in = slots[(long)((int)threadgroup_position_in_grid.y)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.y)];
    float k_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(k + ((((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)(program_2) * arguments.k_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in[l] = vector.lane[l];
    }
    float v_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(v + ((((long)((int)threadgroup_position_in_grid.y) * arguments.v_stride0) + ((long)(program_2) * arguments.v_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) v_in[l] = vector.lane[l];
    }
    const int index = tw_checked(slots_in, arguments.batch, faults, 0);
    const int index_2 = tw_checked(positions_in, arguments.max_len, faults, 1);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = k_in[l];
            *(device uint4*)(k_cache + (((((long)(index) * arguments.k_cache_stride0) + ((long)(program_2) * arguments.k_cache_stride1)) + ((long)(index_2) * arguments.k_cache_stride2)) + (long)(at))) = vector.all;
        }
    }
    const int index_3 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = v_in[l];
            *(device uint4*)(v_cache + (((((long)(index_3) * arguments.v_cache_stride0) + ((long)(program_2) * arguments.v_cache_stride1)) + ((long)(index_4) * arguments.v_cache_stride2)) + (long)(at))) = vector.all;
        }
    }
}
