// dequantize_blockwise_int4, f32, blocks = 131072

struct dequantize_blockwise_int4_arguments {
    int blocks;
};

extern "C" __global__ void __launch_bounds__(1024) tw_kernel_dequantize_blockwise_int4(const unsigned char* __restrict__ x, const float* __restrict__ scales, float* y, const dequantize_blockwise_int4_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float tile_3[16384];
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 16384; i_5++) {
        tile_3[i_5] = (float)((((unsigned int)(x[(long long)(((((((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) & 127)) * 4) >> 3))]) >> ((unsigned int)(((((((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7) * 128) + ((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) & 127)) * 4) & 7)) & 31)) & 15u)) * scales[(long long)(((at + ((i_5 & 3) + (((i_5 >> 2) & 4095) * 4096))) >> 7))];
    }
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 4096; i_5++) {
        float out[4];
        out[0] = tile_3[i_5 * 4];
        out[1] = tile_3[(i_5 * 4) + 1];
        out[2] = tile_3[(i_5 * 4) + 2];
        out[3] = tile_3[(i_5 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((at + ((((i_5 * 4) >> 2) & 4095) * 4096)))) = vector.all;
        }
    }
}
