// fused_linear_rmsnorm, f32, rows = 1024, depth = 1024, columns = 1024

struct fused_linear_rmsnorm_arguments {
    long long x_stride0;
    long long w_stride0;
    long long y_stride0;
    int rows;
    int depth;
    int columns;
    float eps;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_fused_linear_rmsnorm(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ gamma, float* y, const fused_linear_rmsnorm_arguments arguments) {
    extern __shared__ __align__(16) char shared_memory[];
    float* operand0 = (float*)(shared_memory + 0);
    float* operand1 = (float*)(shared_memory + 32768);
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.x * 64;
    float v[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    float tile_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        tile_2[i] = 0.0f;
    }
    for (int j = 0; j < arguments.columns; j += 64) {
        float v_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            v_2[i] = tile_2[i];
        }
        const int first = 0;
        const int end = arguments.depth;
        int slot = 0;
        int free = 1;
        __syncthreads();
        const int next = first;
        if (next < end) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                tw_copy_async<16>(operand0 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))), x + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long long)((next + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((next + at_2) < arguments.depth));
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                tw_copy_async<16>(operand1 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))), w + (((long long)((j + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.w_stride0) + (long long)((next + at_2))), ((j + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.columns) && ((next + at_2) < arguments.depth));
            }
        }
        tw_copy_commit();
        for (int j_2 = first; j_2 < end; j_2 += 64) {
            tw_copy_wait<0>();
            __syncthreads();
            const int next_2 = j_2 + 64;
            if (next_2 < end) {
                _Pragma("unroll")
                for (int i = 0; i < 8; i++) {
                    tw_copy_async<16>(operand0 + ((free * 4096) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))), x + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long long)((next_2 + at_2))), ((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((next_2 + at_2) < arguments.depth));
                }
                _Pragma("unroll")
                for (int i = 0; i < 8; i++) {
                    tw_copy_async<16>(operand1 + ((free * 4096) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))), w + (((long long)((j + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.w_stride0) + (long long)((next_2 + at_2))), ((j + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.columns) && ((next_2 + at_2) < arguments.depth));
                }
            }
            tw_copy_commit();
            float added[32];
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                const float tile_3 = v_2[i];
                added[i] = tile_3;
            }
            for (int k = 0; k < 16; k += 1) {
                float a[32];
                float b[16];
                _Pragma("unroll")
                for (int i = 0; i < 8; i++) {
                    _Pragma("unroll")
                    for (int i_12 = 0; i_12 < 4; i_12++) {
                        a[(i * 4) + i_12] = operand0[(slot * 4096) + ((((((k * 4) + i_12) ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((((k * 4) + i_12) ^ ((((at + ((((i * 4) >> 2) & 7) * 8)) ^ ((at + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))];
                    }
                }
                _Pragma("unroll")
                for (int i = 0; i < 4; i++) {
                    _Pragma("unroll")
                    for (int i_12 = 0; i_12 < 4; i_12++) {
                        b[(i * 4) + i_12] = operand1[(slot * 4096) + ((((((k * 4) + i_12) ^ ((((at_2 + (i & 3)) ^ ((at_2 + (i & 3)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_2 + (i & 3)) * 32) + ((((k * 4) + i_12) ^ ((((at_2 + (i & 3)) ^ ((at_2 + (i & 3)) >> 2)) & 7) * 4)) & 31)))];
                    }
                }
                _Pragma("unroll")
                for (int i = 0; i < 4; i++) {
                    _Pragma("unroll")
                    for (int i_12 = 0; i_12 < 8; i_12++) {
                        _Pragma("unroll")
                        for (int i_17 = 0; i_17 < 4; i_17++) {
                            added[(i_12 * 4) + i_17] = fma(a[(i_12 * 4) + i], b[(i_17 * 4) + i], added[(i_12 * 4) + i_17]);
                        }
                    }
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                v_2[i] = added[i];
            }
            free = slot;
            slot = ((slot + 1) == 2) ? 0 : (slot + 1);
        }
        __syncthreads();
        float squares[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float product_2 = v_2[i] * v_2[i];
            squares[i] = product_2;
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            squares[i * 2] = __fadd_rn(squares[i * 2], squares[(i * 2) + 1]);
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            squares[i * 4] = __fadd_rn(squares[i * 4], squares[(i * 4) + 2]);
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 1));
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 2));
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 4));
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 8));
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float total = 0.0f;
            total = __fadd_rn(total, squares[i * 4]);
            const float added_2 = v[i] + total;
            v[i] = added_2;
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((j + at_2) < arguments.columns)) {
                float out[4];
                out[0] = v_2[i * 4];
                out[1] = v_2[(i * 4) + 1];
                out[2] = v_2[(i * 4) + 2];
                out[3] = v_2[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long long)((j + at_2)))) = vector.all;
                }
            }
        }
    }
    const float wide = (float)(arguments.columns);
    float rsqrt_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float added_3 = (v[i] / wide) + arguments.eps;
        rsqrt_x[i] = rsqrtf(added_3);
    }
    for (int j_3 = 0; j_3 < arguments.columns; j_3 += 64) {
        __syncthreads();
        float y_in[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            y_in[i * 4] = 0.0f;
            y_in[(i * 4) + 1] = 0.0f;
            y_in[(i * 4) + 2] = 0.0f;
            y_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long long)((j_3 + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float product_3[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_3[i] = y_in[i] * rsqrt_x[(i >> 2) & 7];
        }
        float gamma_in[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            gamma_in[i] = 0.0f;
        }
        if ((j_3 + at_2) < arguments.columns) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(gamma + (long long)((j_3 + at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) gamma_in[l] = vector.lane[l];
            }
        }
        float product_4[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_4[i] = product_3[i] * gamma_in[i & 3];
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                float out_2[4];
                out_2[0] = product_4[i * 4];
                out_2[1] = product_4[(i * 4) + 1];
                out_2[2] = product_4[(i * 4) + 2];
                out_2[3] = product_4[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long long)((j_3 + at_2)))) = vector.all;
                }
            }
        }
    }
}
