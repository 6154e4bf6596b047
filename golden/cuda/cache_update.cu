// cache_update, f32, tokens = 512, kv_heads = 8, head_dim = 128, batch = 1, max_len = 1024

struct cache_update_arguments {
    long long k_stride0;
    long long k_stride1;
    long long v_stride0;
    long long v_stride1;
    long long k_cache_stride0;
    long long k_cache_stride1;
    long long k_cache_stride2;
    long long v_cache_stride0;
    long long v_cache_stride1;
    long long v_cache_stride2;
    int tokens;
    int kv_heads;
    int head_dim;
    int batch;
    int max_len;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_cache_update(const float* __restrict__ k, const float* __restrict__ v, const int* __restrict__ slots, const int* __restrict__ positions, float* k_cache, float* v_cache, const cache_update_arguments arguments, uint4* faults) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.kv_heads + (-1)));
    const int at = thread_2 * 4;
    const int slots_in = slots[(long long)((int)blockIdx.y)];
    const int positions_in = positions[(long long)((int)blockIdx.y)];
    float k_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in[l] = vector.lane[l];
    }
    float v_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(v + ((((long long)((int)blockIdx.y) * arguments.v_stride0) + ((long long)(program_2) * arguments.v_stride1)) + (long long)(at)));
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
            *(uint4*)(k_cache + (((((long long)(index) * arguments.k_cache_stride0) + ((long long)(program_2) * arguments.k_cache_stride1)) + ((long long)(index_2) * arguments.k_cache_stride2)) + (long long)(at))) = vector.all;
        }
    }
    const int index_3 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = v_in[l];
            *(uint4*)(v_cache + (((((long long)(index_3) * arguments.v_cache_stride0) + ((long long)(program_2) * arguments.v_cache_stride1)) + ((long long)(index_4) * arguments.v_cache_stride2)) + (long long)(at))) = vector.all;
        }
    }
}
