// dequantize_blockwise_int4, f32, blocks = 131072

struct dequantize_blockwise_int4_arguments {
    int blocks;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_blockwise_int4(const unsigned char* __restrict__ x, const float* __restrict__ scales, float* y, const dequantize_blockwise_int4_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    const int at_3 = (int)threadIdx.x >> 5;
    const int product = (int)blockIdx.x * 1024;
    const int product_2 = (int)blockIdx.x * 16;
    const int product_3 = (int)blockIdx.x * 2048;
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 16; i_2++) {
        const unsigned char word = ((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)) < (64 * arguments.blocks)) ? x[(long long)((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)))] : 0;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 2; i_3++) {
            unpacked[(i_2 * 2) + i_3] = ((unsigned int)(word) >> ((unsigned int)((i_3 * 4)) & 31)) & 15u;
        }
    }
    float tile[8];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8; i_2++) {
        tile[i_2] = ((product_2 + (at_3 + ((i_2 & 7) * 2))) < arguments.blocks) ? scales[(long long)((product_2 + (at_3 + ((i_2 & 7) * 2))))] : 0.0f;
    }
    float product_4[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32; i_2++) {
        product_4[i_2] = (float)(unpacked[i_2]) * tile[(i_2 >> 2) & 7];
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8; i_2++) {
        if ((product_3 + (at + ((((i_2 * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = product_4[i_2 * 4];
            out[1] = product_4[(i_2 * 4) + 1];
            out[2] = product_4[(i_2 * 4) + 2];
            out[3] = product_4[(i_2 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (long long)((product_3 + (at + ((((i_2 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
