// rope_decode_attention, f32, batch = 1, kv_heads = 8, max_len = 1024, length = 1024

struct rope_decode_attention_arguments {
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
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_rope_decode_attention(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v, const float* __restrict__ cos, const float* __restrict__ sin, const int* __restrict__ positions, const int* __restrict__ lens, float* k_cache, float* v_cache, float* out, const rope_decode_attention_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[34816];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 2048);
    float* partial2 = (float*)(shared_memory + 0);
    float* partial3 = (float*)(shared_memory + 0);
    float* tile4 = (float*)(shared_memory + 0);
    float* tile5 = (float*)(shared_memory + 0);
    float* tile6 = (float*)(shared_memory + 1024);
    float* tile7 = (float*)(shared_memory + 33792);
    unsigned char* tile8 = (unsigned char*)(shared_memory + 0);
    const int at = (int)threadIdx.x & 63;
    const int at_2 = ((int)threadIdx.x >> 6) & 3;
    const int at_3 = (int)threadIdx.x >> 7;
    const int at_4 = (int)threadIdx.x & 127;
    const int at_5 = (int)threadIdx.x >> 5;
    const int at_6 = ((int)threadIdx.x & 31) * 4;
    const int at_7 = (int)threadIdx.x >> 4;
    const int at_8 = ((int)threadIdx.x & 15) * 4;
    const int positions_in = positions[(long long)((int)blockIdx.y)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    const int product = (int)blockIdx.x * 4;
    const float tile = (at_4 < 64) ? fma((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_3)) * arguments.q_stride1)) + (long long)(at_4)] : 0.0f), cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)(at_4)], (-((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_3)) * arguments.q_stride1)) + (long long)((64 + at_4))] : 0.0f) * sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)(at_4)]))) : fma((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_3)) * arguments.q_stride1)) + (long long)((at_4 - 64))] : 0.0f), sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)((at_4 - 64))], ((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at_3)) * arguments.q_stride1)) + (long long)((64 + (at_4 - 64)))] : 0.0f) * cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)((at_4 - 64))]));
    const float tile_2 = (at_4 < 64) ? fma(k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)(at_4)], cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)(at_4)], (-(k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((64 + at_4))] * sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)(at_4)]))) : fma(k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((at_4 - 64))], sin[((long long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin_stride0) + (long long)((at_4 - 64))], (k[(((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)((int)blockIdx.x) * arguments.k_stride1)) + (long long)((64 + (at_4 - 64)))] * cos[((long long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos_stride0) + (long long)((at_4 - 64))]));
    const int index_3 = tw_checked(positions_in, arguments.max_len, faults, 2);
    if (((int)threadIdx.x & 384) == 0) {
        k_cache[((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.k_cache_stride1)) + ((long long)(index_3) * arguments.k_cache_stride2)) + (long long)(at_4)] = tile_2;
    }
    const float v_in = v[(((long long)((int)blockIdx.y) * arguments.v_stride0) + ((long long)((int)blockIdx.x) * arguments.v_stride1)) + (long long)(at_4)];
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (((int)threadIdx.x & 384) == 0) {
        v_cache[((((long long)((int)blockIdx.y) * arguments.v_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.v_cache_stride1)) + ((long long)(index_4) * arguments.v_cache_stride2)) + (long long)(at_4)] = v_in;
    }
    const int smaller = min(lens[(long long)((int)blockIdx.y)], arguments.max_len);
    const float product_6 = tile * arguments.scale;
    const float tile_3 = -TW_INFINITY;
    float v_2 = tile_3;
    const float tile_4 = 0.0f;
    float v_3 = tile_4;
    const float tile_5 = 0.0f;
    float v_4 = tile_5;
    const int larger = max((smaller - arguments.window), 0);
    const int product_7 = (larger / 64) * 64;
    for (int j = product_7; j < smaller; j += 64) {
        const int added = (int)(((unsigned int)(at) + (unsigned int)(j)));
        const bool test = added >= larger;
        const bool test_2 = added < smaller;
        const bool and_ = test && test_2;
        __syncthreads();
        float tile_6[16];
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 16; i_2++) {
            tile_6[i_2] = ((j + (at_8 + (i_2 & 3))) < arguments.max_len) ? k_cache[((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.k_cache_stride1)) + ((long long)((j + (at_8 + (i_2 & 3)))) * arguments.k_cache_stride2)) + (long long)((at_7 + (((i_2 >> 2) & 3) * 32)))] : 0.0f;
        }
        __syncthreads();
        tile0[(at_3 * 128) + at_4] = product_6;
        __syncthreads();
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 16; i_2++) {
            tile1[((at_7 + (((i_2 >> 2) & 3) * 32)) * 64) + (at_8 + (i_2 & 3))] = tile_6[i_2];
        }
        __syncthreads();
        float products = 0.0f;
        for (int k_2 = 0; k_2 < 128; k_2 += 1) {
            products = fma(tile0[(at_2 * 128) + k_2], tile1[(k_2 * 64) + at], products);
        }
        bool tile_7[4];
        float v_cache_in[16];
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 4; i_2++) {
            tile_7[i_2] = ((int)(((unsigned int)((at_5 + ((i_2 & 3) * 16))) + (unsigned int)(j))) >= larger) && ((int)(((unsigned int)((at_5 + ((i_2 & 3) * 16))) + (unsigned int)(j))) < smaller);
            v_cache_in[i_2 * 4] = 0.0f;
            v_cache_in[(i_2 * 4) + 1] = 0.0f;
            v_cache_in[(i_2 * 4) + 2] = 0.0f;
            v_cache_in[(i_2 * 4) + 3] = 0.0f;
            if ((j + (at_5 + ((((i_2 * 4) >> 2) & 3) * 16))) < arguments.max_len) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(v_cache + (((((long long)((int)blockIdx.y) * arguments.v_cache_stride0) + ((long long)((int)blockIdx.x) * arguments.v_cache_stride1)) + ((long long)((j + (at_5 + ((((i_2 * 4) >> 2) & 3) * 16)))) * arguments.v_cache_stride2)) + (long long)(at_6)));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) v_cache_in[(i_2 * 4) + l] = vector.lane[l];
                }
            }
        }
        float chosen[16];
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 16; i_2++) {
            chosen[i_2] = tile_7[(i_2 >> 2) & 3] ? v_cache_in[i_2] : 0.0f;
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
            partial2[(int)(threadIdx.x >> 5)] = greatest;
        }
        __syncthreads();
        greatest = -TW_INFINITY;
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 2; i_2++) {
            greatest = tw_max(greatest, partial2[((int)(threadIdx.x >> 5) & 14) + i_2]);
        }
        const float larger_2 = tw_max(tile_8, greatest);
        const bool test_3 = larger_2 == (-TW_INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_8 - chosen_3;
        const float exp_x = expf(difference_2);
        const float difference_3 = chosen_2 - chosen_3;
        const float exp_x_2 = expf(difference_3);
        const float tile_9 = v_3;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + __shfl_xor_sync(0xffffffffu, total, 1);
        total = total + __shfl_xor_sync(0xffffffffu, total, 2);
        total = total + __shfl_xor_sync(0xffffffffu, total, 4);
        total = total + __shfl_xor_sync(0xffffffffu, total, 8);
        total = total + __shfl_xor_sync(0xffffffffu, total, 16);
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 0) {
            partial3[(int)(threadIdx.x >> 5)] = total;
        }
        __syncthreads();
        total = 0.0f;
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 2; i_2++) {
            total = total + partial3[((int)(threadIdx.x >> 5) & 14) + i_2];
        }
        const float fma_x_5 = fma(tile_9, exp_x, total);
        v_3 = fma_x_5;
        const float tile_10 = v_4;
        __syncthreads();
        if (((int)threadIdx.x & 319) == 0) {
            tile4[at_2] = exp_x;
        }
        __syncthreads();
        const float product_8 = tile_10 * tile4[at_3];
        __syncthreads();
        if (((int)threadIdx.x & 256) == 0) {
            tile5[(at_2 * 64) + at] = exp_x_2;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 16; i_2++) {
            tile6[((at_5 + (((i_2 >> 2) & 3) * 16)) * 128) + (at_6 + (i_2 & 3))] = chosen[i_2];
        }
        __syncthreads();
        float products_2 = 0.0f;
        for (int k_3 = 0; k_3 < 64; k_3 += 1) {
            products_2 = fma(tile5[(at_3 * 64) + k_3], tile6[(k_3 * 128) + at_4], products_2);
        }
        const float added_2 = product_8 + products_2;
        v_4 = added_2;
        v_2 = larger_2;
    }
    const float tile_11 = v_3;
    const bool test_4 = tile_11 == 0.0f;
    const float tile_12 = v_4;
    if (((int)threadIdx.x & 319) == 0) {
        tile7[at_2] = tile_11;
    }
    __syncthreads();
    const float tile_13 = tile7[at_3];
    const float quotient_2 = tile_12 / tile_13;
    if (((int)threadIdx.x & 319) == 0) {
        tile8[at_2] = test_4;
    }
    __syncthreads();
    const bool test_5 = tile8[at_3] != 0;
    const float chosen_4 = test_5 ? 0.0f : quotient_2;
    if ((product + at_3) < (4 * arguments.kv_heads)) {
        out[(((long long)((int)blockIdx.y) * arguments.out_stride0) + ((long long)((product + at_3)) * arguments.out_stride1)) + (long long)(at_4)] = chosen_4;
    }
}
