// apply_gqa_rope, f32, tokens = 2048, heads = 32, length = 2048, half = 64

struct apply_gqa_rope_arguments {
    long long x_stride0;
    long long x_stride1;
    long long cos_stride0;
    long long sin_stride0;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int heads;
    int half;
    int length;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_apply_gqa_rope(const float* __restrict__ x, const float* __restrict__ cos, const float* __restrict__ sin, float* y, const apply_gqa_rope_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int rem = arguments.length == 0 ? 0 : (int)blockIdx.x % arguments.length;
    float x_in[8];
    float x_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.x_stride1)) + (long long)((0 + at_2))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.x_stride1)) + (long long)((arguments.half + at_2))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    const int index = tw_checked(rem, arguments.length, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(cos + (((long long)(index) * arguments.cos_stride0) + (long long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(rem, arguments.length, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(sin + (((long long)(index_2) * arguments.sin_stride0) + (long long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
    }
    float fma_x[8];
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product = x_in_2[i] * sin_in[i & 3];
        const float neg_x = -product;
        fma_x[i] = fma(x_in[i], cos_in[i & 3], neg_x);
        const float product_2 = x_in_2[i] * cos_in[i & 3];
        fma_x_2[i] = fma(x_in[i], sin_in[i & 3], product_2);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.y_stride1)) + (long long)((0 + at_2)))) = vector.all;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_2[4];
        out_2[0] = fma_x_2[i * 4];
        out_2[1] = fma_x_2[(i * 4) + 1];
        out_2[2] = fma_x_2[(i * 4) + 2];
        out_2[3] = fma_x_2[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.y_stride1)) + (long long)((arguments.half + at_2)))) = vector.all;
        }
    }
}
