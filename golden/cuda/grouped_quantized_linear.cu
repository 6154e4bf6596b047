// grouped_quantized_linear, f32, blocks = 64, experts = 16, columns = 768, groups = 32

struct grouped_quantized_linear_arguments {
    long long x_stride0;
    long long w_stride0;
    long long w_stride1;
    long long scales_stride0;
    long long scales_stride1;
    long long biases_stride0;
    long long biases_stride1;
    long long y_stride0;
    int blocks;
    int groups;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_grouped_quantized_linear(const float* __restrict__ x, const unsigned int* __restrict__ owners, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, float* y, const grouped_quantized_linear_arguments arguments, uint4* faults) {
    extern __shared__ __align__(16) char shared_memory[];
    float* operand0 = (float*)(shared_memory + 0);
    float* operand1 = (float*)(shared_memory + 32768);
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.x * 128;
    const unsigned int owners_in = owners[(long long)((int)blockIdx.y)];
    const int rounded = (int)min(owners_in, 2147483647u);
    const bool test = rounded < arguments.experts;
    const int chosen = test ? arguments.groups : 0;
    const int smaller = min(rounded, (arguments.experts - 1));
    const int product_2 = (int)blockIdx.y * 64;
    float v[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    const int first = 0;
    const int end = chosen;
    int slot = 0;
    int free = 1;
    const int next = first;
    if (next < end) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            tw_copy_async<16>(operand0 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 3) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) & 31))), x + (((long long)((product_2 + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long long)(((next * 64) + at_2))), ((product_2 + (at + ((((i * 4) >> 2) & 3) * 16))) < (64 * arguments.blocks)) && (((next * 64) + at_2) < (64 * arguments.groups)));
        }
    }
    tw_copy_commit();
    for (int j = first; j < end; j += 1) {
        tw_copy_wait<0>();
        __syncthreads();
        const int next_2 = j + 1;
        if (next_2 < end) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tw_copy_async<16>(operand0 + ((free * 4096) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 3) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) & 31)))), x + (((long long)((product_2 + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long long)(((next_2 * 64) + at_2))), ((product_2 + (at + ((((i * 4) >> 2) & 3) * 16))) < (64 * arguments.blocks)) && (((next_2 * 64) + at_2) < (64 * arguments.groups)));
            }
        }
        tw_copy_commit();
        const int product_3 = j * 8;
        const int index = tw_checked(smaller, arguments.experts, faults, 0);
        float tile_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tile_2[i] = (((product + (at + ((i & 7) * 16))) < arguments.columns) && (j < arguments.groups)) ? scales[(((long long)(tw_checked(smaller, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((product + (at + ((i & 7) * 16)))) * arguments.scales_stride1)) + (long long)(j)] : 0.0f;
        }
        const int index_2 = tw_checked(smaller, arguments.experts, faults, 1);
        unsigned int unpacked[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const unsigned int word = (((product + (at + ((((i * 4) >> 2) & 7) * 16))) < arguments.columns) && ((product_3 + ((at_2 * 4) >> 5)) < (8 * arguments.groups))) ? w[(((long long)(tw_checked(smaller, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((product + (at + ((((i * 4) >> 2) & 7) * 16)))) * arguments.w_stride1)) + (long long)((product_3 + ((at_2 * 4) >> 5)))] : 0u;
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
        const int index_3 = tw_checked(smaller, arguments.experts, faults, 2);
        float tile_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tile_3[i] = (((product + (at + ((i & 7) * 16))) < arguments.columns) && (j < arguments.groups)) ? biases[(((long long)(tw_checked(smaller, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((product + (at + ((i & 7) * 16)))) * arguments.biases_stride1)) + (long long)(j)] : 0.0f;
        }
        float fma_x[32];
        float tile_4[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            fma_x[i] = fma(wide[i], tile_2[(i >> 2) & 7], tile_3[(i >> 2) & 7]);
            tile_4[i] = v[i];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            operand1[((((at_2 + (i & 3)) ^ ((((at + (((i >> 2) & 7) * 16)) ^ ((at + (((i >> 2) & 7) * 16)) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at + (((i >> 2) & 7) * 16)) * 32) + (((at_2 + (i & 3)) ^ ((((at + (((i >> 2) & 7) * 16)) ^ ((at + (((i >> 2) & 7) * 16)) >> 2)) & 7) * 4)) & 31))] = fma_x[i];
        }
        __syncthreads();
        float added[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            added[i] = tile_4[i];
        }
        for (int k = 0; k < 16; k += 1) {
            float a[16];
            float b[32];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 4; i_7++) {
                    a[(i * 4) + i_7] = operand0[(slot * 4096) + ((((((k * 4) + i_7) ^ ((((at + ((((i * 8) >> 3) & 3) * 16)) ^ ((at + ((((i * 8) >> 3) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 8) >> 3) & 3) * 16)) * 32) + ((((k * 4) + i_7) ^ ((((at + ((((i * 8) >> 3) & 3) * 16)) ^ ((at + ((((i * 8) >> 3) & 3) * 16)) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 4; i_7++) {
                    b[(i * 4) + i_7] = operand1[(((((k * 4) + i_7) ^ ((((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ ((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) * 32) + ((((k * 4) + i_7) ^ ((((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ ((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) >> 2)) & 7) * 4)) & 31))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 4; i_7++) {
                    _Pragma("unroll")
                    for (int i_20 = 0; i_20 < 8; i_20++) {
                        added[(i_7 * 8) + i_20] = fma(a[(i_7 * 4) + i], b[(i_20 * 4) + i], added[(i_7 * 8) + i_20]);
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
        if (((product_2 + (at + ((((i * 4) >> 3) & 3) * 16))) < (64 * arguments.blocks)) && ((product + (at_2 + ((((i * 4) >> 2) & 1) * 64))) < arguments.columns)) {
            float out[4];
            out[0] = v[i * 4];
            out[1] = v[(i * 4) + 1];
            out[2] = v[(i * 4) + 2];
            out[3] = v[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)((product_2 + (at + ((((i * 4) >> 3) & 3) * 16)))) * arguments.y_stride0) + (long long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 64)))))) = vector.all;
            }
        }
    }
}
