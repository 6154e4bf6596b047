// gelu_tanh, f32, n = 16777216

struct gelu_tanh_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_gelu_tanh(const float* __restrict__ x, float* y, const gelu_tanh_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_15 = 0; i_15 < 4; i_15++) {
        x_in[i_15] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_4[4];
    _Pragma("unroll")
    for (int i_15 = 0; i_15 < 4; i_15++) {
        const float product_3 = x_in[i_15] * ((0.071354814f * (x_in[i_15] * x_in[i_15])) + 1.5957692f);
        product_4[i_15] = x_in[i_15] * tw_sigmoid(product_3);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_4[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
