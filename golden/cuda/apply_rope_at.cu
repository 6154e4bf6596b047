// apply_rope_at, f32, rows = 65536, length = 2048, half = 64

struct apply_rope_at_arguments {
    long long x_stride0;
    long long cos_stride0;
    long long sin_stride0;
    long long y_stride0;
    int rows;
    int half;
    int length;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_apply_rope_at(const float* __restrict__ x, const int* __restrict__ positions, const float* __restrict__ cos, const float* __restrict__ sin, float* y, const apply_rope_at_arguments arguments, uint4* faults) {
    const int thread_2 = (int)threadIdx.x & 15;
    const int program = ((int)blockIdx.x * 16) + ((int)threadIdx.x >> 4);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    const int positions_in = positions[(long long)(program_2)];
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((0 + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    float x_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((arguments.half + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in_2[l] = vector.lane[l];
    }
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(cos + (((long long)(index) * arguments.cos_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(sin + (((long long)(index_2) * arguments.sin_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
    }
    float fma_x[4];
    float fma_x_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float product = x_in_2[i] * sin_in[i];
        const float neg_x = -product;
        fma_x[i] = fma(x_in[i], cos_in[i], neg_x);
        const float product_2 = x_in_2[i] * cos_in[i];
        fma_x_2[i] = fma(x_in[i], sin_in[i], product_2);
    }
    if (program < arguments.rows) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x[l];
            *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((0 + at)))) = vector.all;
        }
    }
    if (program < arguments.rows) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_2[l];
            *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((arguments.half + at)))) = vector.all;
        }
    }
}
