// dequantize_blockwise, f32, blocks = 131072

struct dequantize_blockwise_arguments {
    int blocks;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_blockwise(const signed char* __restrict__ x, const float* __restrict__ scales, float* y, const dequantize_blockwise_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    const int at_3 = (int)threadIdx.x >> 5;
    const int product = (int)blockIdx.x * 2048;
    const int product_2 = (int)blockIdx.x * 16;
    signed char x_in[32];
    float tile[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        x_in[i * 4] = 0;
        x_in[(i * 4) + 1] = 0;
        x_in[(i * 4) + 2] = 0;
        x_in[(i * 4) + 3] = 0;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            {
                union { unsigned int all; signed char lane[4]; } vector;
                vector.all = *(const unsigned int*)(x + (long long)((product + (at + ((((i * 4) >> 2) & 7) * 256)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        tile[i] = ((product_2 + (at_3 + ((i & 7) * 2))) < arguments.blocks) ? scales[(long long)((product_2 + (at_3 + ((i & 7) * 2))))] : 0.0f;
    }
    float product_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = (float)(x_in[i]) * tile[(i >> 2) & 7];
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if ((product + (at + ((((i * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = product_3[i * 4];
            out[1] = product_3[(i * 4) + 1];
            out[2] = product_3[(i * 4) + 2];
            out[3] = product_3[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (long long)((product + (at + ((((i * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
