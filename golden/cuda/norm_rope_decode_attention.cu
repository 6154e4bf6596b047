// norm_rope_decode_attention, f32, batch = 1, kv_heads = 8, max_len = 1024, length = 1024

struct norm_rope_decode_attention_arguments {
    long long q_stride0;
    long long q_stride1;
    long long k_stride0;
    long long k_stride1;
    long long v_stride0;
    long long v_stride1;
    long long cos_stride0;
    long long sin_stride0;
    long long k_cache_stride0;
    long long k_cache_stride1;
    long long k_cache_stride2;
    long long v_cache_stride0;
    long long v_cache_stride1;
    long long v_cache_stride2;
    long long out_stride0;
    long long out_stride1;
    int batch;
    int kv_heads;
    int length;
    int max_len;
    float scale;
    int window;
    float eps;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_norm_rope_decode_attention(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v, const float* __restrict__ q_weight, const float* __restrict__ k_weight, const float* __restrict__ cos, const float* __restrict__ sin, const int* __restrict__ positions, const int* __restrict__ lens, float* k_cache, float* v_cache, float* out, const norm_rope_decode_attention_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[34816];
    float* partial0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 64);
    float* tile2 = (float*)(shared_memory + 80);
    float* tile3 = (float*)(shared_memory + 1104);
    float* partial4 = (float*)(shared_memory + 0);
    float* tile5 = (float*)(shared_memory + 0);
    float* tile6 = (float*)(shared_memory + 2048);
    float* partial7 = (float*)(shared_memory + 0);
    float* tile8 = (float*)(shared_memory + 0);
    float* tile9 = (float*)(shared_memory + 0);
    float* partial10 = (float*)(shared_memory + 0);
    float* tile11 = (float*)(shared_memory + 0);
    float* tile12 = (float*)(shared_memory + 0);
    float* tile13 = (float*)(shared_memory + 1024);
    const int at = (int)threadIdx.x & 63;
    const int at_2 = (int)threadIdx.x >> 7;
    const int at_3 = (int)threadIdx.x & 127;
    const int at_4 = ((int)threadIdx.x >> 6) & 3;
    const int at_5 = (int)threadIdx.x >> 5;
    const int at_6 = ((int)threadIdx.x & 31) * 4;
    const int at_7 = (int)threadIdx.x >> 4;
    const int at_8 = ((int)threadIdx.x & 15) * 4;
    const int positions_in = positions[(long long)((int)blockIdx.y)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    const float cos_in = cos[((long long)(index) * arguments.cos_stride0) + (long long)(at)];
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    const float sin_in = sin[((long long)(index_2) * arguments.sin_stride0) + (long long)(at)];
    const int product = (int)blockIdx.x * 4;
    float q_in = 0.0f;
    if ((product + at_2) < (4 * arguments.kv_heads)) {
        q_in = q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_2)) * arguments.q_stride1)) + (long long)(at_3)];
    }
    float total = 0.0f;
    total = fma(q_in, q_in, total);
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
    for (int i = 0; i < 4; i++) {
        total = total + partial0[((int)(threadIdx.x >> 5) & 12) + i];
    }
    const float wide = (float)(128);
    const float quotient = total / wide;
    float q_in_2 = 0.0f;
    if ((product + at_4) < (4 * arguments.kv_heads)) {
        q_in_2 = q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_4)) * arguments.q_stride1)) + (long long)(at)];
    }
    const float added = quotient + arguments.eps;
    const float rsqrt_x = rsqrtf(added);
    if (((int)threadIdx.x & 127) == 0) {
        tile1[at_2] = rsqrt_x;
    }
    __syncthreads();
    const float rsqrt_x_2 = tile1[at_4];
    const float product_4 = (q_in_2 * rsqrt_x_2) * q_weight[(long long)(at)];
    float q_in_3 = 0.0f;
    if ((product + at_4) < (4 * arguments.kv_heads)) {
        q_in_3 = q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_4)) * arguments.q_stride1)) + (long long)((64 + at))];
    }
    const float product_6 = (q_in_3 * rsqrt_x_2) * q_weight[(long long)((64 + at))];
    const float product_7 = product_6 * sin_in;
    const float neg_x = -product_7;
    const float fma_x = fma(product_4, cos_in, neg_x);
    const float product_8 = product_6 * cos_in;
    const float fma_x_2 = fma(product_4, sin_in, product_8);
    if (((int)threadIdx.x & 256) == 0) {
        tile2[(at_4 * 64) + at] = fma_x;
    }
    if (((int)threadIdx.x & 256) == 0) {
        tile3[(at_4 * 64) + at] = fma_x_2;
    }
    __syncthreads();
    const float tile = (at_3 < 64) ? tile2[(at_2 * 64) + at_3] : tile3[(at_2 * 64) + (at_3 - 64)];
    const float k_in = k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)(at_3)];
    float total_2 = 0.0f;
    total_2 = fma(k_in, k_in, total_2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial4[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial4[((int)(threadIdx.x >> 5) & 12) + i];
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x_3 = rsqrtf(added_2);
    const float tile_2 = (at_3 < 64) ? fma(((k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)(at_3)] * rsqrt_x_3) * k_weight[(long long)(at_3)]), cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)(at_3)], (-(((k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((64 + at_3))] * rsqrt_x_3) * k_weight[(long long)((64 + at_3))]) * sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)(at_3)]))) : fma(((k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((at_3 - 64))] * rsqrt_x_3) * k_weight[(long long)((at_3 - 64))]), sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)((at_3 - 64))], (((k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((64 + (at_3 - 64)))] * rsqrt_x_3) * k_weight[(long long)((64 + (at_3 - 64)))]) * cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)((at_3 - 64))]));
    const int index_3 = tw_checked(positions_in, arguments.max_len, faults, 2);
    if (((int)threadIdx.x & 384) == 0) {
        k_cache[((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.k_cache_stride1)) + ((long long)(index_3) * arguments.k_cache_stride2)) + (long long)(at_3)] = tile_2;
    }
    const float v_in = v[(((long long)((int)blockIdx.y) * arguments.v_stride0) + ((long long)((int)blockIdx.x) * arguments.v_stride1)) + (long long)(at_3)];
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (((int)threadIdx.x & 384) == 0) {
        v_cache[((((long long)((int)blockIdx.y) * arguments.v_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.v_cache_stride1)) + ((long long)(index_4) * arguments.v_cache_stride2)) + (long long)(at_3)] = v_in;
    }
    const int smaller = min(lens[(long long)((int)blockIdx.y)], arguments.max_len);
    const float product_16 = tile * arguments.scale;
    const float tile_3 = -TW_INFINITY;
    float v_2 = tile_3;
    const float tile_4 = 0.0f;
    float v_3 = tile_4;
    const float tile_5 = 0.0f;
    float v_4 = tile_5;
    const int larger = max((smaller - arguments.window), 0);
    const int product_17 = (larger / 64) * 64;
    for (int j = product_17; j < smaller; j += 64) {
        const int added_3 = (int)(((unsigned int)(at) + (unsigned int)(j)));
        const bool test = added_3 >= larger;
        const bool test_2 = added_3 < smaller;
        const bool and_ = test && test_2;
        __syncthreads();
        float tile_6[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile_6[i] = ((j + (at_8 + (i & 3))) < arguments.max_len) ? k_cache[((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.k_cache_stride1)) + ((long long)((j + (at_8 + (i & 3)))) * arguments.k_cache_stride2)) + (long long)((at_7 + (((i >> 2) & 3) * 32)))] : 0.0f;
        }
        __syncthreads();
        tile5[(at_2 * 128) + at_3] = product_16;
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile6[((at_7 + (((i >> 2) & 3) * 32)) * 64) + (at_8 + (i & 3))] = tile_6[i];
        }
        __syncthreads();
        float products = 0.0f;
        for (int k_2 = 0; k_2 < 128; k_2 += 1) {
            products = fma(tile5[(at_4 * 128) + k_2], tile6[(k_2 * 64) + at], products);
        }
        bool tile_7[4];
        float v_cache_in[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            tile_7[i] = ((int)(((unsigned int)((at_5 + ((i & 3) * 16))) + (unsigned int)(j))) >= larger) && ((int)(((unsigned int)((at_5 + ((i & 3) * 16))) + (unsigned int)(j))) < smaller);
            v_cache_in[i * 4] = 0.0f;
            v_cache_in[(i * 4) + 1] = 0.0f;
            v_cache_in[(i * 4) + 2] = 0.0f;
            v_cache_in[(i * 4) + 3] = 0.0f;
            if ((j + (at_5 + ((((i * 4) >> 2) & 3) * 16))) < arguments.max_len) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(v_cache + (((((long long)((int)blockIdx.y) * arguments.v_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.v_cache_stride1)) + ((long long)((j + (at_5 + ((((i * 4) >> 2) & 3) * 16)))) * arguments.v_cache_stride2)) + (long long)(at_6)));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) v_cache_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float chosen[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            chosen[i] = tile_7[(i >> 2) & 3] ? v_cache_in[i] : 0.0f;
        }
        const float chosen_2 = and_ ? products : (-TW_INFINITY);
        const float tile_8 = v_2;
        float greatest = -TW_INFINITY;
        greatest = tw_max(greatest, chosen_2);
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 0) {
            partial7[(int)(threadIdx.x >> 5)] = greatest;
        }
        __syncthreads();
        greatest = -TW_INFINITY;
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            greatest = tw_max(greatest, partial7[((int)(threadIdx.x >> 5) & 14) + i]);
        }
        __syncthreads();
        if (((int)threadIdx.x & 319) == 0) {
            tile8[at_4] = greatest;
        }
        __syncthreads();
        const float larger_2 = tw_max(tile_8, tile8[at_2]);
        const bool test_3 = larger_2 == (-TW_INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_8 - chosen_3;
        const float exp_x = expf(difference_2);
        __syncthreads();
        if (((int)threadIdx.x & 127) == 0) {
            tile9[at_2] = chosen_3;
        }
        __syncthreads();
        const float difference_3 = chosen_2 - tile9[at_4];
        const float exp_x_2 = expf(difference_3);
        const float tile_9 = v_3;
        float total_3 = 0.0f;
        total_3 = total_3 + exp_x_2;
        total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 1);
        total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 2);
        total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 4);
        total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 8);
        total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 16);
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 0) {
            partial10[(int)(threadIdx.x >> 5)] = total_3;
        }
        __syncthreads();
        total_3 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total_3 = total_3 + partial10[((int)(threadIdx.x >> 5) & 14) + i];
        }
        __syncthreads();
        if (((int)threadIdx.x & 319) == 0) {
            tile11[at_4] = total_3;
        }
        __syncthreads();
        const float total_4 = tile11[at_2];
        const float fma_x_5 = fma(tile_9, exp_x, total_4);
        v_3 = fma_x_5;
        const float product_18 = v_4 * exp_x;
        __syncthreads();
        if (((int)threadIdx.x & 256) == 0) {
            tile12[(at_4 * 64) + at] = exp_x_2;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile13[((at_5 + (((i >> 2) & 3) * 16)) * 128) + (at_6 + (i & 3))] = chosen[i];
        }
        __syncthreads();
        float products_2 = 0.0f;
        for (int k_3 = 0; k_3 < 64; k_3 += 1) {
            products_2 = fma(tile12[(at_2 * 64) + k_3], tile13[(k_3 * 128) + at_3], products_2);
        }
        const float added_4 = product_18 + products_2;
        v_4 = added_4;
        v_2 = larger_2;
    }
    const float tile_11 = v_3;
    const bool test_4 = tile_11 == 0.0f;
    const float tile_12 = v_4;
    const float quotient_4 = tile_12 / tile_11;
    const float chosen_5 = test_4 ? 0.0f : quotient_4;
    if ((product + at_2) < (4 * arguments.kv_heads)) {
        out[(((long long)((int)blockIdx.y) * arguments.out_stride0) + ((long long)((product + at_2)) * arguments.out_stride1)) + (long long)(at_3)] = chosen_5;
    }
}
