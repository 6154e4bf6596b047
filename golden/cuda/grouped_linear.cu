// grouped_linear, f32, blocks = 64, experts = 16, columns = 768, depth = 2048

struct grouped_linear_arguments {
    long long x_stride0;
    long long w_stride0;
    long long w_stride1;
    long long y_stride0;
    int blocks;
    int depth;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_grouped_linear(const float* __restrict__ x, const unsigned int* __restrict__ owners, const float* __restrict__ w, float* y, const grouped_linear_arguments arguments, uint4* faults) {
    extern __shared__ __align__(16) char shared_memory[];
    float* operand0 = (float*)(shared_memory + 0);
    float* operand1 = (float*)(shared_memory + 32768);
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.x * 128;
    const unsigned int owners_in = owners[(long long)((int)blockIdx.y)];
    const int rounded = (int)min(owners_in, 2147483647u);
    const bool test = rounded < arguments.experts;
    const int chosen = test ? arguments.depth : 0;
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
            tw_copy_async<16>(operand0 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 3) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) & 31))), x + (((long long)((product_2 + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long long)((next + at_2))), ((product_2 + (at + ((((i * 4) >> 2) & 3) * 16))) < (64 * arguments.blocks)) && ((next + at_2) < arguments.depth));
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tw_copy_async<16>(operand1 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 16)) ^ ((at + ((((i * 4) >> 2) & 7) * 16)) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at + ((((i * 4) >> 2) & 7) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 16)) ^ ((at + ((((i * 4) >> 2) & 7) * 16)) >> 2)) & 7) * 4)) & 31))), w + ((((long long)(tw_checked(smaller, arguments.experts, faults, 0)) * arguments.w_stride0) + ((long long)((product + (at + ((((i * 4) >> 2) & 7) * 16)))) * arguments.w_stride1)) + (long long)((next + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 16))) < arguments.columns) && ((next + at_2) < arguments.depth));
        }
    }
    tw_copy_commit();
    for (int j = first; j < end; j += 64) {
        tw_copy_wait<0>();
        __syncthreads();
        const int next_2 = j + 64;
        if (next_2 < end) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tw_copy_async<16>(operand0 + ((free * 4096) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 3) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 3) * 16)) ^ ((at + ((((i * 4) >> 2) & 3) * 16)) >> 2)) & 7) * 4)) & 31)))), x + (((long long)((product_2 + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long long)((next_2 + at_2))), ((product_2 + (at + ((((i * 4) >> 2) & 3) * 16))) < (64 * arguments.blocks)) && ((next_2 + at_2) < arguments.depth));
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                tw_copy_async<16>(operand1 + ((free * 8192) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 16)) ^ ((at + ((((i * 4) >> 2) & 7) * 16)) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at + ((((i * 4) >> 2) & 7) * 16)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 16)) ^ ((at + ((((i * 4) >> 2) & 7) * 16)) >> 2)) & 7) * 4)) & 31)))), w + ((((long long)(tw_checked(smaller, arguments.experts, faults, 0)) * arguments.w_stride0) + ((long long)((product + (at + ((((i * 4) >> 2) & 7) * 16)))) * arguments.w_stride1)) + (long long)((next_2 + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 16))) < arguments.columns) && ((next_2 + at_2) < arguments.depth));
            }
        }
        tw_copy_commit();
        float added[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float tile_2 = v[i];
            added[i] = tile_2;
        }
        for (int k = 0; k < 16; k += 1) {
            float a[16];
            float b[32];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_10 = 0; i_10 < 4; i_10++) {
                    a[(i * 4) + i_10] = operand0[(slot * 4096) + ((((((k * 4) + i_10) ^ ((((at + ((((i * 8) >> 3) & 3) * 16)) ^ ((at + ((((i * 8) >> 3) & 3) * 16)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 8) >> 3) & 3) * 16)) * 32) + ((((k * 4) + i_10) ^ ((((at + ((((i * 8) >> 3) & 3) * 16)) ^ ((at + ((((i * 8) >> 3) & 3) * 16)) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_10 = 0; i_10 < 4; i_10++) {
                    b[(i * 4) + i_10] = operand1[(slot * 8192) + ((((((k * 4) + i_10) ^ ((((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ ((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) * 32) + ((((k * 4) + i_10) ^ ((((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ ((at_2 + ((i & 3) + (((i >> 2) & 1) * 64))) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_10 = 0; i_10 < 4; i_10++) {
                    _Pragma("unroll")
                    for (int i_15 = 0; i_15 < 8; i_15++) {
                        added[(i_10 * 8) + i_15] = fma(a[(i_10 * 4) + i], b[(i_15 * 4) + i], added[(i_10 * 8) + i_15]);
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
