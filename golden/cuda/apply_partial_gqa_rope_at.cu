// apply_partial_gqa_rope_at, f32, tokens = 2048, heads = 32, length = 2048

struct apply_partial_gqa_rope_at_arguments {
    long long x_stride0;
    long long x_stride1;
    long long cos_stride0;
    long long sin_stride0;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int heads;
    int length;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_apply_partial_gqa_rope_at(const float* __restrict__ x, const int* __restrict__ positions, const float* __restrict__ cos, const float* __restrict__ sin, float* y, const apply_partial_gqa_rope_at_arguments arguments, uint4* faults) {
    const int at = ((int)threadIdx.x & 15) * 4;
    const int at_2 = (int)threadIdx.x >> 4;
    const int at_3 = (int)threadIdx.x >> 3;
    const int at_4 = ((int)threadIdx.x & 7) * 4;
    const int positions_in = positions[(long long)((int)blockIdx.x)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    float cos_in[4];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        cos_in[i_31] = 0.0f;
    }
    if (at < 48) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(cos + (((long long)(index) * arguments.cos_stride0) + (long long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
        }
    }
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    float sin_in[4];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        sin_in[i_31] = 0.0f;
    }
    if (at < 48) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(sin + (((long long)(index_2) * arguments.sin_stride0) + (long long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
        }
    }
    float x_in[32];
    float x_in_2[32];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        x_in[i_31 * 4] = 0.0f;
        x_in[(i_31 * 4) + 1] = 0.0f;
        x_in[(i_31 * 4) + 2] = 0.0f;
        x_in[(i_31 * 4) + 3] = 0.0f;
        if (at < 48) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.x_stride1)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i_31 * 4) + l] = vector.lane[l];
            }
        }
        x_in_2[i_31 * 4] = 0.0f;
        x_in_2[(i_31 * 4) + 1] = 0.0f;
        x_in_2[(i_31 * 4) + 2] = 0.0f;
        x_in_2[(i_31 * 4) + 3] = 0.0f;
        if (at < 48) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.x_stride1)) + (long long)((48 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i_31 * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x[32];
    float fma_x_2[32];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 32; i_31++) {
        const float product = x_in_2[i_31] * sin_in[i_31 & 3];
        const float neg_x = -product;
        fma_x[i_31] = fma(x_in[i_31], cos_in[i_31 & 3], neg_x);
        const float product_2 = x_in_2[i_31] * cos_in[i_31 & 3];
        fma_x_2[i_31] = fma(x_in[i_31], sin_in[i_31 & 3], product_2);
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        if (at < 48) {
            float out[4];
            out[0] = fma_x[i_31 * 4];
            out[1] = fma_x[(i_31 * 4) + 1];
            out[2] = fma_x[(i_31 * 4) + 2];
            out[3] = fma_x[(i_31 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.y_stride1)) + (long long)(at))) = vector.all;
            }
        }
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        if (at < 48) {
            float out_2[4];
            out_2[0] = fma_x_2[i_31 * 4];
            out_2[1] = fma_x_2[(i_31 * 4) + 1];
            out_2[2] = fma_x_2[(i_31 * 4) + 2];
            out_2[3] = fma_x_2[(i_31 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.y_stride1)) + (long long)((48 + at)))) = vector.all;
            }
        }
    }
    float x_in_3[16];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at_3 + ((((i_31 * 4) >> 2) & 3) * 8))) * arguments.x_stride1)) + (long long)((96 + at_4))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in_3[(i_31 * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        float out_3[4];
        out_3[0] = x_in_3[i_31 * 4];
        out_3[1] = x_in_3[(i_31 * 4) + 1];
        out_3[2] = x_in_3[(i_31 * 4) + 2];
        out_3[3] = x_in_3[(i_31 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_3[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at_3 + ((((i_31 * 4) >> 2) & 3) * 8))) * arguments.y_stride1)) + (long long)((96 + at_4)))) = vector.all;
        }
    }
}
