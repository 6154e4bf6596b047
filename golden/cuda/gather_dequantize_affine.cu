// gather_dequantize_affine, f32, entries = 32768, rows = 512, groups = 16

struct gather_dequantize_affine_arguments {
    long long w_stride0;
    long long scales_stride0;
    long long biases_stride0;
    long long y_stride0;
    int entries;
    int groups;
    int rows;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_gather_dequantize_affine(const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, const unsigned int* __restrict__ index, float* y, const gather_dequantize_affine_arguments arguments, uint4* faults) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at_2 = thread_2 * 4;
    const int at_3 = thread_2 >> 4;
    const unsigned int index_in = index[(long long)(program_2)];
    const int rounded = (int)min(index_in, 2147483647u);
    const int index_2 = tw_checked(rounded, arguments.entries, faults, 0);
    const int index_3 = tw_checked(rounded, arguments.entries, faults, 1);
    const int index_4 = tw_checked(rounded, arguments.entries, faults, 2);
    float tile[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[((long long)(tw_checked(rounded, arguments.entries, faults, 0)) * arguments.scales_stride0) + (long long)((at_3 + ((i & 7) * 2)))];
        const unsigned int word = w[((long long)(tw_checked(rounded, arguments.entries, faults, 1)) * arguments.w_stride0) + (long long)((((at_2 + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))];
        const int shift = ((at_2 + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
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
        tile_2[i] = biases[((long long)(tw_checked(rounded, arguments.entries, faults, 2)) * arguments.biases_stride0) + (long long)((at_3 + ((i & 7) * 2)))];
    }
    float fma_x[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        fma_x[i] = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
    }
    if (program < arguments.rows) {
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
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at_2 + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
