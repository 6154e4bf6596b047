// linear, f32, rows = 1024, depth = 1024, columns = 1024

struct linear_arguments {
    long long x_stride0;
    long long w_stride0;
    long long y_stride0;
    int rows;
    int depth;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_linear(const float* __restrict__ x, const float* __restrict__ w, float* y, const linear_arguments arguments) {
    __shared__ __align__(16) char shared_memory[32768];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 16384);
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
    for (int j = 0; j < arguments.depth; j += 64) {
        float x_in[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            x_in[i * 4] = 0.0f;
            x_in[(i * 4) + 1] = 0.0f;
            x_in[(i * 4) + 2] = 0.0f;
            x_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((j + at_2) < arguments.depth)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(x + (((long long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long long)((j + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float tile_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile_2[i] = (((product_2 + (at_2 + (i & 3))) < arguments.columns) && ((j + (at + (((i >> 2) & 7) * 8))) < arguments.depth)) ? w[((long long)((product_2 + (at_2 + (i & 3)))) * arguments.w_stride0) + (long long)((j + (at + (((i >> 2) & 7) * 8))))] : 0.0f;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile0[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = x_in[i];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile1[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = tile_2[i];
        }
        __syncthreads();
        float products[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            products[i] = 0.0f;
        }
        for (int k = 0; k < 64; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                products[i] = fma(tile0[((at + (((i >> 2) & 7) * 8)) * 64) + k], tile1[(k * 64) + (at_2 + (i & 3))], products[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float added = v[i] + products[i];
            v[i] = added;
        }
    }
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
