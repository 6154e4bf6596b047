// quantized_matmul, f32, rows = 512, columns = 2048, groups = 32

struct quantized_matmul_arguments {
    long long x_stride0;
    long long w_stride0;
    long long scales_stride0;
    long long biases_stride0;
    long long y_stride0;
    int rows;
    int groups;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_quantized_matmul(const float* __restrict__ x, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, float* y, const quantized_matmul_arguments arguments) {
    __shared__ __align__(16) char shared_memory[49152];
    float* operand0 = (float*)(shared_memory + 0);
    float* operand1 = (float*)(shared_memory + 32768);
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.y * 64;
    const int product_2 = (int)blockIdx.x * 64;
    float v[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    const int first = 0;
    const int end = arguments.groups;
    int slot = 0;
    int free = 1;
    const int next = first;
    if (next < end) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tw_copy_async<16>(operand0 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))), x + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long long)(((next * 64) + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && (((next * 64) + at_2) < (64 * arguments.groups)));
        }
    }
    tw_copy_commit();
    for (int j = first; j < end; j += 1) {
        tw_copy_wait<0>();
        __syncthreads();
        const int next_2 = j + 1;
        if (next_2 < end) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                tw_copy_async<16>(operand0 + ((free * 4096) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))), x + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long long)(((next_2 * 64) + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && (((next_2 * 64) + at_2) < (64 * arguments.groups)));
            }
        }
        tw_copy_commit();
        const int product_4 = j * 8;
        float scales_in[8];
        unsigned int unpacked[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            scales_in[i] = 0.0f;
            if ((product_2 + (at + ((i & 7) * 8))) < arguments.columns) {
                scales_in[i] = scales[((long long)((product_2 + (at + ((i & 7) * 8)))) * arguments.scales_stride0) + (long long)(j)];
            }
            const unsigned int word = (((product_2 + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.columns) && ((product_4 + ((at_2 * 4) >> 5)) < (8 * arguments.groups))) ? w[((long long)((product_2 + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.w_stride0) + (long long)((product_4 + ((at_2 * 4) >> 5)))] : 0u;
            const int shift = (at_2 * 4) & 31;
            _Pragma("unroll")
            for (int i_7 = 0; i_7 < 4; i_7++) {
                unpacked[(i * 4) + i_7] = (word >> ((unsigned int)((shift + (i_7 * 4))) & 31)) & 15u;
            }
        }
        float wide[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            wide[i] = (float)(unpacked[i]);
        }
        float biases_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            biases_in[i] = 0.0f;
            if ((product_2 + (at + ((i & 7) * 8))) < arguments.columns) {
                biases_in[i] = biases[((long long)((product_2 + (at + ((i & 7) * 8)))) * arguments.biases_stride0) + (long long)(j)];
            }
        }
        float fma_x[32];
        float tile_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            fma_x[i] = fma(wide[i], scales_in[(i >> 2) & 7], biases_in[(i >> 2) & 7]);
            tile_2[i] = v[i];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            operand1[((((at_2 + (i & 3)) ^ ((((at + (((i >> 2) & 7) * 8)) ^ ((at + (((i >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + (((i >> 2) & 7) * 8)) * 32) + (((at_2 + (i & 3)) ^ ((((at + (((i >> 2) & 7) * 8)) ^ ((at + (((i >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))] = fma_x[i];
        }
        __syncthreads();
        float added[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            added[i] = tile_2[i];
        }
        for (int k = 0; k < 16; k += 1) {
            float a[32];
            float b[16];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 4; i_7++) {
                    a[(i * 4) + i_7] = operand0[(slot * 4096) + ((((((k * 4) + i_7) ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((((k * 4) + i_7) ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 4; i_7++) {
                    b[(i * 4) + i_7] = operand1[(((((k * 4) + i_7) ^ ((((at_2 + (i & 3)) ^ ((at_2 + (i & 3)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_2 + (i & 3)) * 32) + ((((k * 4) + i_7) ^ ((((at_2 + (i & 3)) ^ ((at_2 + (i & 3)) >> 2)) & 7) * 4)) & 31))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 8; i_7++) {
                    _Pragma("unroll")
                    for (int i_20 = 0; i_20 < 4; i_20++) {
                        added[(i_7 * 4) + i_20] = fma(a[(i_7 * 4) + i], b[(i_20 * 4) + i], added[(i_7 * 4) + i_20]);
                    }
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            v[i] = added[i];
        }
        free = slot;
        slot = ((slot + 1) == 2) ? 0 : (slot + 1);
    }
    __syncthreads();
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((product_2 + at_2) < arguments.columns)) {
            float out[4];
            out[0] = v[i * 4];
            out[1] = v[(i * 4) + 1];
            out[2] = v[(i * 4) + 2];
            out[3] = v[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long long)((product_2 + at_2)))) = vector.all;
            }
        }
    }
}
