// dequantize_blockwise_int4, f32, blocks = 131072

struct dequantize_blockwise_int4_arguments {
    int blocks;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_blockwise_int4(const unsigned char* __restrict__ x, const float* __restrict__ scales, float* y, const dequantize_blockwise_int4_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    const int product = (int)blockIdx.x * 1024;
    const int product_2 = (int)blockIdx.x * 16;
    const int product_3 = (int)blockIdx.x * 2048;
    float tile_3[32];
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 32; i_5++) {
        tile_3[i_5] = (float)((((unsigned int)((((product + ((((((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) & 127)) * 4) >> 3)) < (64 * arguments.blocks)) ? x[(long long)((product + ((((((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) & 127)) * 4) >> 3)))] : 0)) >> ((unsigned int)(((((((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) & 127)) * 4) & 7)) & 31)) & 15u)) * (((product_2 + ((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) >> 7)) < arguments.blocks) ? scales[(long long)((product_2 + ((at + ((i_5 & 3) + (((i_5 >> 2) & 7) * 256))) >> 7)))] : 0.0f);
    }
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 8; i_5++) {
        if ((product_3 + (at + ((((i_5 * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = tile_3[i_5 * 4];
            out[1] = tile_3[(i_5 * 4) + 1];
            out[2] = tile_3[(i_5 * 4) + 2];
            out[3] = tile_3[(i_5 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (long long)((product_3 + (at + ((((i_5 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
