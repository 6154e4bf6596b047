// decode_attention, f32, batch = 1, kv_heads = 8, max_len = 4096

struct decode_attention_arguments {
    long long q_stride0;
    long long q_stride1;
    long long keys_stride0;
    long long keys_stride1;
    long long keys_stride2;
    long long values_stride0;
    long long values_stride1;
    long long values_stride2;
    long long out_stride0;
    long long out_stride1;
    int batch;
    int kv_heads;
    int max_len;
    float scale;
    int window;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_decode_attention(const float* __restrict__ q, const float* __restrict__ keys, const float* __restrict__ values, const int* __restrict__ lens, float* out, const decode_attention_arguments arguments) {
    __shared__ __align__(16) char shared_memory[34816];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 2048);
    float* partial2 = (float*)(shared_memory + 0);
    float* tile3 = (float*)(shared_memory + 0);
    float* tile4 = (float*)(shared_memory + 0);
    float* partial5 = (float*)(shared_memory + 0);
    float* tile6 = (float*)(shared_memory + 0);
    float* tile7 = (float*)(shared_memory + 0);
    float* tile8 = (float*)(shared_memory + 1024);
    const int at = (int)threadIdx.x >> 7;
    const int at_2 = (int)threadIdx.x & 127;
    const int at_3 = ((int)threadIdx.x & 15) * 4;
    const int at_4 = (int)threadIdx.x >> 5;
    const int at_5 = ((int)threadIdx.x & 31) * 4;
    const int at_6 = (int)threadIdx.x >> 4;
    const int at_7 = ((int)threadIdx.x >> 6) & 3;
    const int at_8 = (int)threadIdx.x & 63;
    const int product = (int)blockIdx.x * 4;
    float q_in = 0.0f;
    if ((product + at) < (4 * arguments.kv_heads)) {
        q_in = q[(((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at)) * arguments.q_stride1)) + (long long)(at_2)];
    }
    const int smaller = min(lens[(long long)((int)blockIdx.y)], arguments.max_len);
    const float product_2 = q_in * arguments.scale;
    const float tile = -TW_INFINITY;
    float v = tile;
    const float tile_2 = 0.0f;
    float v_2 = tile_2;
    const float tile_3 = 0.0f;
    float v_3 = tile_3;
    const int larger = max((smaller - arguments.window), 0);
    const int product_3 = (larger / 64) * 64;
    for (int j = product_3; j < smaller; j += 64) {
        float tile_4[16];
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 16; i_6++) {
            tile_4[i_6] = ((j + (at_3 + (i_6 & 3))) < arguments.max_len) ? keys[((((long long)((int)blockIdx.y) * arguments.keys_stride0) + ((long long)((int)blockIdx.x) * arguments.keys_stride1)) + ((long long)((j + (at_3 + (i_6 & 3)))) * arguments.keys_stride2)) + (long long)((at_6 + (((i_6 >> 2) & 3) * 32)))] : 0.0f;
        }
        __syncthreads();
        tile0[(at * 128) + at_2] = product_2;
        __syncthreads();
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 16; i_6++) {
            tile1[((at_6 + (((i_6 >> 2) & 3) * 32)) * 64) + (at_3 + (i_6 & 3))] = tile_4[i_6];
        }
        __syncthreads();
        float products = 0.0f;
        for (int k = 0; k < 128; k += 1) {
            products = fma(tile0[(at_7 * 128) + k], tile1[(k * 64) + at_8], products);
        }
        bool tile_5[4];
        float values_in[16];
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 4; i_6++) {
            tile_5[i_6] = ((int)(((unsigned int)((at_4 + ((i_6 & 3) * 16))) + (unsigned int)(j))) >= larger) && ((int)(((unsigned int)((at_4 + ((i_6 & 3) * 16))) + (unsigned int)(j))) < smaller);
            values_in[i_6 * 4] = 0.0f;
            values_in[(i_6 * 4) + 1] = 0.0f;
            values_in[(i_6 * 4) + 2] = 0.0f;
            values_in[(i_6 * 4) + 3] = 0.0f;
            if ((j + (at_4 + ((((i_6 * 4) >> 2) & 3) * 16))) < arguments.max_len) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(values + (((((long long)((int)blockIdx.y) * arguments.values_stride0) + ((long long)((int)blockIdx.x) * arguments.values_stride1)) + ((long long)((j + (at_4 + ((((i_6 * 4) >> 2) & 3) * 16)))) * arguments.values_stride2)) + (long long)(at_5)));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) values_in[(i_6 * 4) + l] = vector.lane[l];
                }
            }
        }
        float chosen[16];
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 16; i_6++) {
            chosen[i_6] = tile_5[(i_6 >> 2) & 3] ? values_in[i_6] : 0.0f;
        }
        const float chosen_2 = (((int)(((unsigned int)(at_8) + (unsigned int)(j))) >= larger) && ((int)(((unsigned int)(at_8) + (unsigned int)(j))) < smaller)) ? products : (-TW_INFINITY);
        const float tile_6 = v;
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
        for (int i_6 = 0; i_6 < 2; i_6++) {
            greatest = tw_max(greatest, partial2[((int)(threadIdx.x >> 5) & 14) + i_6]);
        }
        __syncthreads();
        if (((int)threadIdx.x & 319) == 0) {
            tile3[at_7] = greatest;
        }
        __syncthreads();
        const float larger_2 = tw_max(tile_6, tile3[at]);
        const bool test_3 = larger_2 == (-TW_INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_6 - chosen_3;
        const float exp_x = expf(difference_2);
        __syncthreads();
        if (((int)threadIdx.x & 127) == 0) {
            tile4[at] = chosen_3;
        }
        __syncthreads();
        const float difference_3 = chosen_2 - tile4[at_7];
        const float exp_x_2 = expf(difference_3);
        const float tile_7 = v_2;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + __shfl_xor_sync(0xffffffffu, total, 1);
        total = total + __shfl_xor_sync(0xffffffffu, total, 2);
        total = total + __shfl_xor_sync(0xffffffffu, total, 4);
        total = total + __shfl_xor_sync(0xffffffffu, total, 8);
        total = total + __shfl_xor_sync(0xffffffffu, total, 16);
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 0) {
            partial5[(int)(threadIdx.x >> 5)] = total;
        }
        __syncthreads();
        total = 0.0f;
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 2; i_6++) {
            total = total + partial5[((int)(threadIdx.x >> 5) & 14) + i_6];
        }
        __syncthreads();
        if (((int)threadIdx.x & 319) == 0) {
            tile6[at_7] = total;
        }
        __syncthreads();
        const float total_2 = tile6[at];
        const float fma_x = fma(tile_7, exp_x, total_2);
        v_2 = fma_x;
        const float product_4 = v_3 * exp_x;
        __syncthreads();
        if (((int)threadIdx.x & 256) == 0) {
            tile7[(at_7 * 64) + at_8] = exp_x_2;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 16; i_6++) {
            tile8[((at_4 + (((i_6 >> 2) & 3) * 16)) * 128) + (at_5 + (i_6 & 3))] = chosen[i_6];
        }
        __syncthreads();
        float products_2 = 0.0f;
        for (int k_2 = 0; k_2 < 64; k_2 += 1) {
            products_2 = fma(tile7[(at * 64) + k_2], tile8[(k_2 * 128) + at_2], products_2);
        }
        const float added_2 = product_4 + products_2;
        v_3 = added_2;
        v = larger_2;
    }
    const float tile_9 = v_2;
    const bool test_4 = tile_9 == 0.0f;
    const float tile_10 = v_3;
    const float quotient_2 = tile_10 / tile_9;
    const float chosen_5 = test_4 ? 0.0f : quotient_2;
    if ((product + at) < (4 * arguments.kv_heads)) {
        out[(((long long)((int)blockIdx.y) * arguments.out_stride0) + ((long long)((product + at)) * arguments.out_stride1)) + (long long)(at_2)] = chosen_5;
    }
}
