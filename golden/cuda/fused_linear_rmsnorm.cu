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

extern "C" __global__ void __launch_bounds__(256) tw_kernel_fused_linear_rmsnorm(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ gamma, float* y, const fused_linear_rmsnorm_arguments arguments) {
    __shared__ __align__(16) char shared_memory[32768];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 16384);
    const int at = (int)threadIdx.x >> 4;
    const int at_2 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.x * 64;
    float v[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    float tile_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_2[i] = 0.0f;
    }
    for (int j = 0; j < arguments.columns; j += 64) {
        float v_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            v_2[i] = tile_2[i];
        }
        for (int j_2 = 0; j_2 < arguments.depth; j_2 += 64) {
            float x_in[16];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                x_in[i * 4] = 0.0f;
                x_in[(i * 4) + 1] = 0.0f;
                x_in[(i * 4) + 2] = 0.0f;
                x_in[(i * 4) + 3] = 0.0f;
                if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_2 + at_2) < arguments.depth)) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const uint4*)(x + (((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long long)((j_2 + at_2))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            float tile_3[16];
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile_3[i] = (((j + (at_2 + (i & 3))) < arguments.columns) && ((j_2 + (at + (((i >> 2) & 3) * 16))) < arguments.depth)) ? w[((long long)((j + (at_2 + (i & 3)))) * arguments.w_stride0) + (long long)((j_2 + (at + (((i >> 2) & 3) * 16))))] : 0.0f;
            }
            __syncthreads();
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile0[((at + (((i >> 2) & 3) * 16)) * 64) + (at_2 + (i & 3))] = x_in[i];
            }
            __syncthreads();
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile1[((at + (((i >> 2) & 3) * 16)) * 64) + (at_2 + (i & 3))] = tile_3[i];
            }
            __syncthreads();
            float products[16];
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                products[i] = 0.0f;
            }
            for (int k = 0; k < 64; k += 1) {
                _Pragma("unroll")
                for (int i = 0; i < 16; i++) {
                    products[i] = fma(tile0[((at + (((i >> 2) & 3) * 16)) * 64) + k], tile1[(k * 64) + (at_2 + (i & 3))], products[i]);
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                const float added = v_2[i] + products[i];
                v_2[i] = added;
            }
        }
        float product_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_2[i] = v_2[i] * v_2[i];
        }
        float total[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            total[(i >> 2) & 3] = total[(i >> 2) & 3] + product_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 1);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 2);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 4);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 8);
            const float added_2 = v[i] + total[i];
            v[i] = added_2;
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j + at_2) < arguments.columns)) {
                float out[4];
                out[0] = v_2[i * 4];
                out[1] = v_2[(i * 4) + 1];
                out[2] = v_2[(i * 4) + 2];
                out[3] = v_2[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long long)((j + at_2)))) = vector.all;
                }
            }
        }
    }
    const float wide = (float)(arguments.columns);
    float rsqrt_x[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float added_3 = (v[i] / wide) + arguments.eps;
        rsqrt_x[i] = rsqrtf(added_3);
    }
    for (int j_3 = 0; j_3 < arguments.columns; j_3 += 64) {
        __syncthreads();
        float y_in[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            y_in[i * 4] = 0.0f;
            y_in[(i * 4) + 1] = 0.0f;
            y_in[(i * 4) + 2] = 0.0f;
            y_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long long)((j_3 + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float product_3[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_3[i] = y_in[i] * rsqrt_x[(i >> 2) & 3];
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
        float product_4[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_4[i] = product_3[i] * gamma_in[i & 3];
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                float out_2[4];
                out_2[0] = product_4[i * 4];
                out_2[1] = product_4[(i * 4) + 1];
                out_2[2] = product_4[(i * 4) + 2];
                out_2[3] = product_4[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(uint4*)(y + (((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long long)((j_3 + at_2)))) = vector.all;
                }
            }
        }
    }
}
