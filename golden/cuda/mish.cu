// mish, f32, n = 16777216

struct mish_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_mish(const float* __restrict__ x, float* y, const mish_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_17 = 0; i_17 < 4; i_17++) {
        x_in[i_17] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_17 = 0; i_17 < 4; i_17++) {
        const float smaller = tw_min(x_in[i_17], 20.0f);
        const float exp_x = expf(smaller);
        const float added = exp_x + 2.0f;
        const float product = exp_x * added;
        const float fma_x = fma(exp_x, added, 2.0f);
        product_2[i_17] = x_in[i_17] * (product / fma_x);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
