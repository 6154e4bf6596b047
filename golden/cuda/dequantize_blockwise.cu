// dequantize_blockwise, f32, blocks = 131072

struct dequantize_blockwise_arguments {
    int blocks;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_blockwise(const signed char* __restrict__ x, const float* __restrict__ scales, float* y, const dequantize_blockwise_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    const int product = (int)blockIdx.x * 2048;
    const int product_2 = (int)blockIdx.x * 16;
    float tile_3[32];
    _Pragma("unroll")
    for (int i_3 = 0; i_3 < 32; i_3++) {
        tile_3[i_3] = (float)((((product + ((((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) & 127))) < (128 * arguments.blocks)) ? x[(long long)((product + ((((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7) * 128) + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) & 127))))] : 0)) * (((product_2 + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7)) < arguments.blocks) ? scales[(long long)((product_2 + ((at + ((i_3 & 3) + (((i_3 >> 2) & 7) * 256))) >> 7)))] : 0.0f);
    }
    _Pragma("unroll")
    for (int i_3 = 0; i_3 < 8; i_3++) {
        if ((product + (at + ((((i_3 * 4) >> 2) & 7) * 256))) < (128 * arguments.blocks)) {
            float out[4];
            out[0] = tile_3[i_3 * 4];
            out[1] = tile_3[(i_3 * 4) + 1];
            out[2] = tile_3[(i_3 * 4) + 2];
            out[3] = tile_3[(i_3 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (long long)((product + (at + ((((i_3 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
