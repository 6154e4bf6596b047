// gelu, f32, n = 16777216

struct gelu_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_gelu(const float* __restrict__ x, float* y, const gelu_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        x_in[i_13] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_3[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        const float product = 0.5f * x_in[i_13];
        const float product_2 = x_in[i_13] * 0.70710677f;
        product_3[i_13] = product * (erff(product_2) + 1.0f);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_3[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
