// merge_heads, f32, batch = 1, heads = 32, tokens = 2048, head_dim = 128

struct merge_heads_arguments {
    long long x_stride0;
    long long x_stride1;
    long long x_stride2;
    long long y_stride0;
    long long y_stride1;
    long long y_stride2;
    int batch;
    int heads;
    int tokens;
    int head_dim;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_merge_heads(const float* __restrict__ x, float* y, const merge_heads_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 8) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.heads + (-1)));
    const int at = thread_2 * 4;
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.z) * arguments.x_stride0) + ((long long)(program_2) * arguments.x_stride1)) + ((long long)((int)blockIdx.y) * arguments.x_stride2)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    if (program < arguments.heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = x_in[l];
            *(uint4*)(y + (((((long long)((int)blockIdx.z) * arguments.y_stride0) + ((long long)((int)blockIdx.y) * arguments.y_stride1)) + ((long long)(program_2) * arguments.y_stride2)) + (long long)(at))) = vector.all;
        }
    }
}
