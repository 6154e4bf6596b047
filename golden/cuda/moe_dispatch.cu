// moe_dispatch, f32, tokens = 512, cols = 2048

struct moe_dispatch_arguments {
    long long x_stride0;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int cols;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_moe_dispatch(const float* __restrict__ x, float* y, const moe_dispatch_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        float out[4];
        out[0] = x_in[(i * 4) & 7];
        out[1] = x_in[((i * 4) + 1) & 7];
        out[2] = x_in[((i * 4) + 2) & 7];
        out[3] = x_in[((i * 4) + 3) & 7];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.x) * arguments.y_stride0) + ((long long)((((i * 4) >> 3) & 7)) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
