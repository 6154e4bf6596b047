// causal_conv1d, f32, batch = 8, time = 2048, channels = 2048

struct causal_conv1d_arguments {
    long long x_stride0;
    long long x_stride1;
    long long w_stride0;
    long long y_stride0;
    long long y_stride1;
    int batch;
    int time;
    int channels;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_causal_conv1d(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ bias, float* y, const causal_conv1d_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float bias_in[8];
    const int added = (int)blockIdx.x + (-3);
    float x_in[8];
    float x_in_2[8];
    float w_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(bias + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if ((added >= 0) && (added < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = tw_read_passing((const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added) * arguments.x_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        x_in_2[i * 4] = 0.0f;
        x_in_2[(i * 4) + 1] = 0.0f;
        x_in_2[(i * 4) + 2] = 0.0f;
        x_in_2[(i * 4) + 3] = 0.0f;
        if ((int)blockIdx.x < arguments.time) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = tw_read_passing((const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(w + (((long long)(0) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x[i] = fma(x_in[i], w_in[i], bias_in[i]);
    }
    const int added_2 = (int)blockIdx.x + (-2);
    float x_in_3[8];
    float w_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        x_in_3[i * 4] = 0.0f;
        x_in_3[(i * 4) + 1] = 0.0f;
        x_in_3[(i * 4) + 2] = 0.0f;
        x_in_3[(i * 4) + 3] = 0.0f;
        if ((added_2 >= 0) && (added_2 < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = tw_read_passing((const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added_2) * arguments.x_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(w + (((long long)(1) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(x_in_3[i], w_in_2[i], fma_x[i]);
    }
    const int added_3 = (int)blockIdx.x + (-1);
    float x_in_4[8];
    float w_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        x_in_4[i * 4] = 0.0f;
        x_in_4[(i * 4) + 1] = 0.0f;
        x_in_4[(i * 4) + 2] = 0.0f;
        x_in_4[(i * 4) + 3] = 0.0f;
        if ((added_3 >= 0) && (added_3 < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = tw_read_passing((const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(added_3) * arguments.x_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(w + (((long long)(2) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_3[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_3[i] = fma(x_in_4[i], w_in_3[i], fma_x_2[i]);
    }
    float w_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(w + (((long long)(3) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_4[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_4[i] = fma(x_in_2[i], w_in_4[i], fma_x_3[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x_4[i * 4];
        out[1] = fma_x_4[(i * 4) + 1];
        out[2] = fma_x_4[(i * 4) + 2];
        out[3] = fma_x_4[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
