// dequantize_affine, f32, rows = 4096, groups = 64

struct dequantize_affine_arguments {
    long long w_stride0;
    long long scales_stride0;
    long long biases_stride0;
    long long y_stride0;
    int rows;
    int groups;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_dequantize_affine(const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, float* y, const dequantize_affine_arguments arguments) {
    const int at_2 = (int)threadIdx.x * 4;
    float tile_4[32];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 32; i_8++) {
        tile_4[i_8] = ((float)(((w[((long long)((int)blockIdx.x) * arguments.w_stride0) + (long long)(((((((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6) * 64) + ((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) & 63)) * 4) >> 5))] >> ((unsigned int)(((((((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6) * 64) + ((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) & 63)) * 4) & 31)) & 31)) & 15u)) * scales[((long long)((int)blockIdx.x) * arguments.scales_stride0) + (long long)(((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6))]) + biases[((long long)((int)blockIdx.x) * arguments.biases_stride0) + (long long)(((at_2 + ((i_8 & 3) + (((i_8 >> 2) & 7) * 512))) >> 6))];
    }
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 8; i_8++) {
        float out[4];
        out[0] = tile_4[i_8 * 4];
        out[1] = tile_4[(i_8 * 4) + 1];
        out[2] = tile_4[(i_8 * 4) + 2];
        out[3] = tile_4[(i_8 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at_2 + ((((i_8 * 4) >> 2) & 7) * 512))))) = vector.all;
        }
    }
}
