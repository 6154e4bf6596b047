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
    const int at_3 = (int)threadIdx.x >> 4;
    float tile[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[((long long)((int)blockIdx.x) * arguments.scales_stride0) + (long long)((at_3 + ((i & 7) * 8)))];
        const unsigned int word = w[((long long)((int)blockIdx.x) * arguments.w_stride0) + (long long)((((at_2 + ((((i * 4) >> 2) & 7) * 512)) * 4) >> 5))];
        const int shift = ((at_2 + ((((i * 4) >> 2) & 7) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 4; i_3++) {
            unpacked[(i * 4) + i_3] = (word >> ((unsigned int)((shift + (i_3 * 4))) & 31)) & 15u;
        }
    }
    float wide[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = biases[((long long)((int)blockIdx.x) * arguments.biases_stride0) + (long long)((at_3 + ((i & 7) * 8)))];
    }
    float fma_x[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        fma_x[i] = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at_2 + ((((i * 4) >> 2) & 7) * 512))))) = vector.all;
        }
    }
}
