// depthwise_conv_3x3, f32, batch = 4, height = 112, width = 112, channels = 64

struct depthwise_conv_3x3_arguments {
    long long x_stride0;
    long long x_stride1;
    long long x_stride2;
    long long w_stride0;
    long long w_stride1;
    long long y_stride0;
    long long y_stride1;
    long long y_stride2;
    int batch;
    int height;
    int width;
    int channels;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_depthwise_conv_3x3(const float* __restrict__ x, const float* __restrict__ w, float* y, const depthwise_conv_3x3_arguments arguments) {
    const int at = ((int)threadIdx.x & 15) * 4;
    const int at_2 = (int)threadIdx.x >> 4;
    const int added = (int)blockIdx.x + (-1);
    float w_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in[l] = vector.lane[l];
    }
    float x_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((added >= 0) && (added < arguments.height)) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added) * arguments.x_stride1)) + ((long long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x[i] = fma(x_in[i], w_in[i & 3], 0.0f);
    }
    float w_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_2[l] = vector.lane[l];
    }
    float x_in_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_2[i * 4] = 0.0f;
        x_in_2[(i * 4) + 1] = 0.0f;
        x_in_2[(i * 4) + 2] = 0.0f;
        x_in_2[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added >= 0) && (added < arguments.height))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added) * arguments.x_stride1)) + ((long long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_2[i] = fma(x_in_2[i], w_in_2[i & 3], fma_x[i]);
    }
    float w_in_3[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_3[l] = vector.lane[l];
    }
    float x_in_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_3[i * 4] = 0.0f;
        x_in_3[(i * 4) + 1] = 0.0f;
        x_in_3[(i * 4) + 2] = 0.0f;
        x_in_3[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((added >= 0) && (added < arguments.height)) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added) * arguments.x_stride1)) + ((long long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_3[i] = fma(x_in_3[i], w_in_3[i & 3], fma_x_2[i]);
    }
    float w_in_4[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_4[l] = vector.lane[l];
    }
    float x_in_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_4[i * 4] = 0.0f;
        x_in_4[(i * 4) + 1] = 0.0f;
        x_in_4[(i * 4) + 2] = 0.0f;
        x_in_4[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((int)blockIdx.x < arguments.height) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + ((long long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_4[i] = fma(x_in_4[i], w_in_4[i & 3], fma_x_3[i]);
    }
    float w_in_5[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_5[l] = vector.lane[l];
    }
    float x_in_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_5[i * 4] = 0.0f;
        x_in_5[(i * 4) + 1] = 0.0f;
        x_in_5[(i * 4) + 2] = 0.0f;
        x_in_5[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((int)blockIdx.x < arguments.height)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + ((long long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_5[i] = fma(x_in_5[i], w_in_5[i & 3], fma_x_4[i]);
    }
    float w_in_6[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_6[l] = vector.lane[l];
    }
    float x_in_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_6[i * 4] = 0.0f;
        x_in_6[(i * 4) + 1] = 0.0f;
        x_in_6[(i * 4) + 2] = 0.0f;
        x_in_6[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((int)blockIdx.x < arguments.height) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + ((long long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_6[i] = fma(x_in_6[i], w_in_6[i & 3], fma_x_5[i]);
    }
    const int added_2 = (int)blockIdx.x + 1;
    float w_in_7[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_7[l] = vector.lane[l];
    }
    float x_in_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_7[i * 4] = 0.0f;
        x_in_7[(i * 4) + 1] = 0.0f;
        x_in_7[(i * 4) + 2] = 0.0f;
        x_in_7[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added_2 < arguments.height) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added_2) * arguments.x_stride1)) + ((long long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_7[i] = fma(x_in_7[i], w_in_7[i & 3], fma_x_6[i]);
    }
    float w_in_8[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_8[l] = vector.lane[l];
    }
    float x_in_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_8[i * 4] = 0.0f;
        x_in_8[(i * 4) + 1] = 0.0f;
        x_in_8[(i * 4) + 2] = 0.0f;
        x_in_8[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (added_2 < arguments.height)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added_2) * arguments.x_stride1)) + ((long long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_8[i] = fma(x_in_8[i], w_in_8[i & 3], fma_x_7[i]);
    }
    float w_in_9[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_9[l] = vector.lane[l];
    }
    float x_in_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_9[i * 4] = 0.0f;
        x_in_9[(i * 4) + 1] = 0.0f;
        x_in_9[(i * 4) + 2] = 0.0f;
        x_in_9[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added_2 < arguments.height) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added_2) * arguments.x_stride1)) + ((long long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_9[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_9[i] = fma(x_in_9[i], w_in_9[i & 3], fma_x_8[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            float out[4];
            out[0] = fma_x_9[i * 4];
            out[1] = fma_x_9[(i * 4) + 1];
            out[2] = fma_x_9[(i * 4) + 2];
            out[3] = fma_x_9[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + ((long long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.y_stride2)) + (long long)(at))) = vector.all;
            }
        }
    }
}
