// paged_attention, f32, batch = 4, kv_heads = 8, pages = 300, table = 64

struct paged_attention_arguments {
    long long q_stride0;
    long long q_stride1;
    long long keys_stride0;
    long long keys_stride1;
    long long keys_stride2;
    long long values_stride0;
    long long values_stride1;
    long long values_stride2;
    long long tables_stride0;
    long long out_stride0;
    long long out_stride1;
    int batch;
    int kv_heads;
    int pages;
    int table;
    float scale;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_paged_attention(const float* __restrict__ q, const float* __restrict__ keys, const float* __restrict__ values, const int* __restrict__ tables, const int* __restrict__ lens, float* out, const paged_attention_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[10240];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 2048);
    float* tile2 = (float*)(shared_memory + 0);
    float* tile3 = (float*)(shared_memory + 0);
    float* tile4 = (float*)(shared_memory + 0);
    float* tile5 = (float*)(shared_memory + 0);
    float* tile6 = (float*)(shared_memory + 256);
    const int at = (int)threadIdx.x >> 5;
    const int at_2 = ((int)threadIdx.x & 31) * 4;
    const int at_3 = ((int)threadIdx.x & 3) * 4;
    const int at_4 = (int)threadIdx.x >> 2;
    const int at_5 = ((int)threadIdx.x >> 4) & 3;
    const int at_6 = (int)threadIdx.x & 15;
    const int product = (int)blockIdx.x * 4;
    const int smaller = min(lens[(long long)((int)blockIdx.y)], (16 * arguments.table));
    float q_in[4];
    _Pragma("unroll")
    for (int i_89 = 0; i_89 < 4; i_89++) {
        q_in[i_89] = 0.0f;
    }
    if ((product + at) < (4 * arguments.kv_heads)) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + at)) * arguments.q_stride1)) + (long long)(at_2)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) q_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    const float tile = -TW_INFINITY;
    float v = tile;
    const float tile_2 = 0.0f;
    float v_2 = tile_2;
    float v_3[4];
    _Pragma("unroll")
    for (int i_89 = 0; i_89 < 4; i_89++) {
        product_2[i_89] = q_in[i_89] * arguments.scale;
        const float tile_3 = 0.0f;
        v_3[i_89] = tile_3;
    }
    for (int j = 0; j < smaller; j += 16) {
        const int quotient = j / 16;
        const int index = tw_checked(quotient, arguments.table, faults, 0);
        const int tables_in = tables[((long long)((int)blockIdx.y) * arguments.tables_stride0) + (long long)(index)];
        const int index_2 = tw_checked(tables_in, arguments.pages, faults, 1);
        float tile_4[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile_4[i_89] = keys[((((long long)(tw_checked(tables_in, arguments.pages, faults, 1)) * arguments.keys_stride0) + ((long long)((at_3 + (i_89 & 3))) * arguments.keys_stride1)) + ((long long)((int)blockIdx.x) * arguments.keys_stride2)) + (long long)((at_4 + (((i_89 >> 2) & 3) * 32)))];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            tile0[(at * 128) + (at_2 + (i_89 & 3))] = product_2[i_89];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile1[((at_4 + (((i_89 >> 2) & 3) * 32)) * 16) + (at_3 + (i_89 & 3))] = tile_4[i_89];
        }
        __syncthreads();
        float products = 0.0f;
        for (int k = 0; k < 128; k += 1) {
            products = fma(tile0[(at_5 * 128) + k], tile1[(k * 16) + at_6], products);
        }
        bool tile_5[4];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            tile_5[i_89] = (int)(((unsigned int)((at + ((i_89 & 3) * 4))) + (unsigned int)(j))) < smaller;
        }
        const int index_3 = tw_checked(tables_in, arguments.pages, faults, 2);
        float values_in[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(values + (((((long long)(index_3) * arguments.values_stride0) + ((long long)((at + ((((i_89 * 4) >> 2) & 3) * 4))) * arguments.values_stride1)) + ((long long)((int)blockIdx.x) * arguments.values_stride2)) + (long long)(at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) values_in[(i_89 * 4) + l] = vector.lane[l];
            }
        }
        float chosen[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            chosen[i_89] = tile_5[(i_89 >> 2) & 3] ? values_in[i_89] : 0.0f;
        }
        const float chosen_2 = ((int)(((unsigned int)(at_6) + (unsigned int)(j))) < smaller) ? products : (-TW_INFINITY);
        const float tile_6 = v;
        float greatest = -TW_INFINITY;
        greatest = tw_max(greatest, chosen_2);
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
        greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
        __syncthreads();
        if (((int)threadIdx.x & 79) == 0) {
            tile2[at_5] = greatest;
        }
        __syncthreads();
        const float larger = tw_max(tile_6, tile2[at]);
        const bool test_2 = larger == (-TW_INFINITY);
        const float chosen_3 = test_2 ? 0.0f : larger;
        const float difference = tile_6 - chosen_3;
        const float exp_x = expf(difference);
        __syncthreads();
        if (((int)threadIdx.x & 31) == 0) {
            tile3[at] = chosen_3;
        }
        __syncthreads();
        const float difference_2 = chosen_2 - tile3[at_5];
        const float exp_x_2 = expf(difference_2);
        const float tile_7 = v_2;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + __shfl_xor_sync(0xffffffffu, total, 1);
        total = total + __shfl_xor_sync(0xffffffffu, total, 2);
        total = total + __shfl_xor_sync(0xffffffffu, total, 4);
        total = total + __shfl_xor_sync(0xffffffffu, total, 8);
        __syncthreads();
        if (((int)threadIdx.x & 79) == 0) {
            tile4[at_5] = total;
        }
        __syncthreads();
        const float total_2 = tile4[at];
        const float fma_x = fma(tile_7, exp_x, total_2);
        v_2 = fma_x;
        float product_3[4];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            product_3[i_89] = v_3[i_89] * exp_x;
        }
        __syncthreads();
        if (((int)threadIdx.x & 64) == 0) {
            tile5[(at_5 * 16) + at_6] = exp_x_2;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile6[((at + (((i_89 >> 2) & 3) * 4)) * 128) + (at_2 + (i_89 & 3))] = chosen[i_89];
        }
        __syncthreads();
        float products_2[4];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            products_2[i_89] = 0.0f;
        }
        for (int k_2 = 0; k_2 < 16; k_2 += 1) {
            _Pragma("unroll")
            for (int i_89 = 0; i_89 < 4; i_89++) {
                products_2[i_89] = fma(tile5[(at * 16) + k_2], tile6[(k_2 * 128) + (at_2 + (i_89 & 3))], products_2[i_89]);
            }
        }
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            const float added_2 = product_3[i_89] + products_2[i_89];
            v_3[i_89] = added_2;
        }
        v = larger;
    }
    const float tile_9 = v_2;
    const bool test_3 = tile_9 == 0.0f;
    float chosen_5[4];
    _Pragma("unroll")
    for (int i_89 = 0; i_89 < 4; i_89++) {
        const float quotient_2 = v_3[i_89] / tile_9;
        chosen_5[i_89] = test_3 ? 0.0f : quotient_2;
    }
    if ((product + at) < (4 * arguments.kv_heads)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen_5[l];
            *(uint4*)(out + ((((long long)((int)blockIdx.y) * arguments.out_stride0) + ((long long)((product + at)) * arguments.out_stride1)) + (long long)(at_2))) = vector.all;
        }
    }
}
