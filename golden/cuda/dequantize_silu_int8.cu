// dequantize_silu_int8, f32, n = 16777216

struct dequantize_silu_int8_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dequantize_silu_int8(const signed char* __restrict__ x, float* y, const dequantize_silu_int8_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    signed char x_in[4];
    x_in[0] = 0;
    x_in[1] = 0;
    x_in[2] = 0;
    x_in[3] = 0;
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
    for (int i = 0; i < 4; i++) {
        const float product = (float)(x_in[i]) * arguments.scale;
        product_2[i] = product * tw_sigmoid(product);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        float out[4];
        out[0] = product_2[0];
        out[1] = product_2[1];
        out[2] = product_2[2];
        out[3] = product_2[3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
