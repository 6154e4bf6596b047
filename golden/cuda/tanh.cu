// tanh, f32, n = 16777216

struct tanh_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_tanh(const float* __restrict__ x, float* y, const tanh_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    x_in[0] = 0.0f;
    x_in[1] = 0.0f;
    x_in[2] = 0.0f;
    x_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float tanh_x[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        tanh_x[i] = tanhf(x_in[i]);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        float out[4];
        out[0] = tanh_x[0];
        out[1] = tanh_x[1];
        out[2] = tanh_x[2];
        out[3] = tanh_x[3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
