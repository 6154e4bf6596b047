// dequantize_silu_int8, f32, n = 16777216

struct dequantize_silu_int8_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dequantize_silu_int8(const signed char* __restrict__ x, float* y, const dequantize_silu_int8_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    signed char x_in[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        x_in[i_11] = 0;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { unsigned int all; signed char lane[4]; } vector;
            vector.all = *(const unsigned int*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        const float product = (float)(x_in[i_11]) * arguments.scale;
        product_2[i_11] = product * tw_sigmoid(product);
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
