// attention_merged_softcap, f32, batch = 1, kv_heads = 8, queries = 1024, length = 1024

struct attention_merged_softcap_arguments {
    long long q_stride0;
    long long q_stride1;
    long long q_stride2;
    long long keys_stride0;
    long long keys_stride1;
    long long keys_stride2;
    long long values_stride0;
    long long values_stride1;
    long long values_stride2;
    long long out_stride0;
    long long out_stride1;
    long long out_stride2;
    int batch;
    int kv_heads;
    int queries;
    int length;
    float scale;
    float softcap;
    int window;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_attention_merged_softcap(const float* __restrict__ q, const float* __restrict__ keys, const float* __restrict__ values, float* out, const attention_merged_softcap_arguments arguments, uint4* faults) {
    extern __shared__ __align__(16) char shared_memory[];
    float* tile0 = (float*)(shared_memory + 0);
    float* tile1 = (float*)(shared_memory + 32768);
    float* tile2 = (float*)(shared_memory + 0);
    float* tile3 = (float*)(shared_memory + 0);
    float* tile4 = (float*)(shared_memory + 0);
    float* tile5 = (float*)(shared_memory + 0);
    float* tile6 = (float*)(shared_memory + 16384);
    const int at = (int)threadIdx.x >> 5;
    const int at_2 = ((int)threadIdx.x & 31) * 4;
    const int at_3 = ((int)threadIdx.x & 15) * 4;
    const int at_4 = (int)threadIdx.x >> 4;
    const int product = (int)blockIdx.x * 64;
    float q_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        q_in[i * 4] = 0.0f;
        q_in[(i * 4) + 1] = 0.0f;
        q_in[(i * 4) + 2] = 0.0f;
        q_in[(i * 4) + 3] = 0.0f;
        if ((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.queries) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(q + (((((long long)((int)blockIdx.z) * arguments.q_stride0) + ((long long)((int)blockIdx.y) * arguments.q_stride1)) + ((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.q_stride2)) + (long long)(at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float product_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        product_2[i] = q_in[i] * arguments.scale;
    }
    const int quotient = (int)blockIdx.y / 4;
    float v[4];
    float v_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float tile = -TW_INFINITY;
        v[i] = tile;
        const float tile_2 = 0.0f;
        v_2[i] = tile_2;
    }
    float v_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float tile_3 = 0.0f;
        v_3[i] = tile_3;
    }
    const int difference = arguments.length - arguments.queries;
    const int added = product + difference;
    const int smaller = min(arguments.window, 1073741824);
    const int larger = max(((added - smaller) + 1), 0);
    const int product_3 = (larger / 64) * 64;
    const int smaller_2 = min(arguments.length, (added + 64));
    for (int j = product_3; j < smaller_2; j += 64) {
        const int index = tw_checked(quotient, arguments.kv_heads, faults, 0);
        const int index_2 = tw_checked(j, 2147483647, faults, 1);
        float tile_5[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile_5[i] = ((tw_checked(j, 2147483647, faults, 1) + (at_3 + (i & 3))) < arguments.length) ? keys[((((long long)((int)blockIdx.z) * arguments.keys_stride0) + ((long long)(tw_checked(quotient, arguments.kv_heads, faults, 0)) * arguments.keys_stride1)) + ((long long)((tw_checked(j, 2147483647, faults, 1) + (at_3 + (i & 3)))) * arguments.keys_stride2)) + (long long)((at_4 + (((i >> 2) & 3) * 32)))] : 0.0f;
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile0[((at + (((i >> 2) & 3) * 16)) * 128) + (at_2 + (i & 3))] = product_2[i];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile1[((at_4 + (((i >> 2) & 3) * 32)) * 64) + (at_3 + (i & 3))] = tile_5[i];
        }
        __syncthreads();
        float products[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            products[i] = 0.0f;
        }
        for (int k = 0; k < 128; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                products[i] = fma(tile0[((at_4 + (((i >> 2) & 1) * 32)) * 128) + k], tile1[(k * 64) + (at_3 + (i & 3))], products[i]);
            }
        }
        float product_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float quotient_3 = products[i] / arguments.softcap;
            product_4[i] = tanhf(quotient_3) * arguments.softcap;
        }
        int added_6[4];
        bool test[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            added_6[i] = (int)(((unsigned int)((at_3 + (i & 3))) + (unsigned int)(j)));
            test[i] = added_6[i] < arguments.length;
        }
        float chosen[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const bool test_2 = added_6[i & 3] <= (int)(((unsigned int)((int)(((unsigned int)((at_4 + (((i >> 2) & 1) * 32))) + (unsigned int)(product)))) + (unsigned int)(difference)));
            const bool and_ = test[i & 3] && test_2;
            const int difference_3 = (int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_4 + (((i >> 2) & 1) * 32))) + (unsigned int)(product)))) + (unsigned int)(difference)))) - (unsigned int)(added_6[i & 3])));
            const bool test_3 = difference_3 < smaller;
            const bool and_2 = and_ && test_3;
            chosen[i] = and_2 ? product_4[i] : (-TW_INFINITY);
        }
        const int index_3 = tw_checked(quotient, arguments.kv_heads, faults, 2);
        const int index_4 = tw_checked(j, 2147483647, faults, 3);
        float values_in[16];
        float tile_6[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            values_in[i * 4] = 0.0f;
            values_in[(i * 4) + 1] = 0.0f;
            values_in[(i * 4) + 2] = 0.0f;
            values_in[(i * 4) + 3] = 0.0f;
            if ((index_4 + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.length) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(values + (((((long long)((int)blockIdx.z) * arguments.values_stride0) + ((long long)(index_3) * arguments.values_stride1)) + ((long long)((index_4 + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.values_stride2)) + (long long)(at_2)));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) values_in[(i * 4) + l] = vector.lane[l];
                }
            }
            tile_6[i] = v[i];
        }
        float greatest[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            greatest[i] = -TW_INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            greatest[(i >> 2) & 1] = tw_max(greatest[(i >> 2) & 1], chosen[i]);
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 1));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 2));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 4));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 8));
        }
        __syncthreads();
        if (((int)threadIdx.x & 15) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                tile2[at_4 + ((i & 1) * 32)] = greatest[i];
            }
        }
        __syncthreads();
        float larger_2[4];
        float chosen_2[4];
        float exp_x[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            larger_2[i] = tw_max(tile_6[i], tile2[at + ((i & 3) * 16)]);
            const bool test_4 = larger_2[i] == (-TW_INFINITY);
            chosen_2[i] = test_4 ? 0.0f : larger_2[i];
            const float difference_4 = tile_6[i] - chosen_2[i];
            exp_x[i] = expf(difference_4);
        }
        __syncthreads();
        if (((int)threadIdx.x & 31) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                tile3[at + ((i & 3) * 16)] = chosen_2[i];
            }
        }
        __syncthreads();
        float chosen_3[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            chosen_3[i] = tile3[at_4 + ((i & 1) * 32)];
        }
        float exp_x_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float difference_5 = chosen[i] - chosen_3[(i >> 2) & 1];
            exp_x_2[i] = expf(difference_5);
        }
        float product_5[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            product_5[i] = v_2[i] * exp_x[i];
        }
        float total[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total[(i >> 2) & 1] = total[(i >> 2) & 1] + exp_x_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 1);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 2);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 4);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 8);
        }
        __syncthreads();
        if (((int)threadIdx.x & 15) == 0) {
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                tile4[at_4 + ((i & 1) * 32)] = total[i];
            }
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float added_7 = product_5[i] + tile4[at + ((i & 3) * 16)];
            v_2[i] = added_7;
        }
        float product_6[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_6[i] = v_3[i] * exp_x[(i >> 2) & 3];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tile5[((at_4 + (((i >> 2) & 1) * 32)) * 64) + (at_3 + (i & 3))] = exp_x_2[i];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile6[((at + (((i >> 2) & 3) * 16)) * 128) + (at_2 + (i & 3))] = values_in[i];
        }
        __syncthreads();
        float products_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            products_2[i] = 0.0f;
        }
        for (int k_2 = 0; k_2 < 64; k_2 += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                products_2[i] = fma(tile5[((at + (((i >> 2) & 3) * 16)) * 64) + k_2], tile6[(k_2 * 128) + (at_2 + (i & 3))], products_2[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            const float added_8 = product_6[i] + products_2[i];
            v_3[i] = added_8;
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            v[i] = larger_2[i];
        }
    }
    bool test_5[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        test_5[i] = v_2[i] > 0.0f;
    }
    float chosen_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float quotient_4 = v_3[i] / v_2[(i >> 2) & 3];
        chosen_4[i] = test_5[(i >> 2) & 3] ? quotient_4 : 0.0f;
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        if ((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.queries) {
            float out_2[4];
            out_2[0] = chosen_4[i * 4];
            out_2[1] = chosen_4[(i * 4) + 1];
            out_2[2] = chosen_4[(i * 4) + 2];
            out_2[3] = chosen_4[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                *(uint4*)(out + (((((long long)((int)blockIdx.z) * arguments.out_stride0) + ((long long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.out_stride1)) + ((long long)((int)blockIdx.y) * arguments.out_stride2)) + (long long)(at_2))) = vector.all;
            }
        }
    }
}
