// quantized_matvec_residual, f32, rows = 1, columns = 4096, groups = 224

struct quantized_matvec_residual_arguments {
    long long x_stride0;
    long long w_stride0;
    long long scales_stride0;
    long long biases_stride0;
    long long residual_stride0;
    long long y_stride0;
    int rows;
    int groups;
    int columns;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_quantized_matvec_residual(const float* __restrict__ x, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, const float* __restrict__ residual, float* y, const quantized_matvec_residual_arguments arguments) {
    __shared__ __align__(16) char shared_memory[64];
    float* partial0 = (float*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    const int at_3 = (int)threadIdx.x >> 4;
    float x_in[32];
    const float residual_in = residual[((long long)((int)blockIdx.y) * arguments.residual_stride0) + (long long)((int)blockIdx.x)];
    float tile[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 7) * 2048)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.y) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 2048)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        tile[i] = 0.0f;
        if ((at_3 + ((i & 7) * 32)) < arguments.groups) {
            tile[i] = ((at_3 + ((i & 7) * 32)) < arguments.groups) ? scales[((long long)((int)blockIdx.x) * arguments.scales_stride0) + (long long)((at_3 + ((i & 7) * 32)))] : 0.0f;
        }
        const unsigned int word = ((((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) >> 5) < (8 * arguments.groups)) ? w[((long long)((int)blockIdx.x) * arguments.w_stride0) + (long long)((((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) >> 5))] : 0u;
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 2048)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 7) * 2048))) < (64 * arguments.groups)) {
                unpacked[(i * 4) + i_4] = (word >> ((unsigned int)((shift + (i_4 * 4))) & 31)) & 15u;
            }
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
        tile_2[i] = 0.0f;
        if ((at_3 + ((i & 7) * 32)) < arguments.groups) {
            tile_2[i] = ((at_3 + ((i & 7) * 32)) < arguments.groups) ? biases[((long long)((int)blockIdx.x) * arguments.biases_stride0) + (long long)((at_3 + ((i & 7) * 32)))] : 0.0f;
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        if ((at + ((i & 3) + (((i >> 2) & 7) * 2048))) < (64 * arguments.groups)) {
            total = fma(x_in[i], fma_x, total);
        }
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        total = total + partial0[i];
    }
    const float added = residual_in + total;
    if (((int)threadIdx.x & 511) == 0) {
        y[((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)((int)blockIdx.x)] = added;
    }
}
