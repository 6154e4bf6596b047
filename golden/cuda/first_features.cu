// first_features, f32, tokens = 2048, heads = 16, head_dim = 192

struct first_features_arguments {
    long long x_stride0;
    long long x_stride1;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int heads;
    int head_dim;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_first_features(const float* __restrict__ x, float* y, const first_features_arguments arguments) {
    const int at = (int)threadIdx.x >> 5;
    const int at_2 = ((int)threadIdx.x & 31) * 4;
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
                vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.x) * arguments.x_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 8))) * arguments.x_stride1)) + (long long)(at_2)));
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
            *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((at + ((((i * 4) >> 2) & 1) * 8))) * arguments.y_stride1)) + (long long)(at_2))) = vector.all;
        }
    }
}
