// attention_merged, f32, batch = 1, kv_heads = 8, queries = 1024, length = 1024

struct attention_merged_arguments {
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
    int window;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_attention_merged(const float* __restrict__ q, const float* __restrict__ keys, const float* __restrict__ values, float* out, const attention_merged_arguments arguments, uint4* faults) {
    extern __shared__ __align__(16) char shared_memory[];
    float* operand0 = (float*)(shared_memory + 0);
    float* operand1 = (float*)(shared_memory + 32768);
    float* operand2 = (float*)(shared_memory + 98304);
    float* operand3 = (float*)(shared_memory + 163840);
    const int at = (int)threadIdx.x >> 5;
    const int at_2 = ((int)threadIdx.x & 31) * 4;
    const int at_3 = (int)threadIdx.x >> 4;
    const int at_4 = ((int)threadIdx.x & 15) * 4;
    const int product = (int)blockIdx.x * 64;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tw_copy_async<16>(operand0 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 15) * 4)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) & 31))), q + (((((long long)((int)blockIdx.z) * arguments.q_stride0) + ((long long)((int)blockIdx.y) * arguments.q_stride1)) + ((long long)((product + (at + ((((i * 4) >> 2) & 15) * 4)))) * arguments.q_stride2)) + (long long)(at_2)), (product + (at + ((((i * 4) >> 2) & 15) * 4))) < arguments.queries);
    }
    tw_copy_commit();
    tw_copy_wait<0>();
    __syncthreads();
    const int quotient = (int)blockIdx.y / 4;
    float v[8];
    float v_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float tile = -TW_INFINITY;
        v[i] = tile;
        const float tile_2 = 0.0f;
        v_2[i] = tile_2;
    }
    float v_3[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float tile_3 = 0.0f;
        v_3[i] = tile_3;
    }
    const int difference = arguments.length - arguments.queries;
    const int added = product + difference;
    const int smaller = min(arguments.window, 1073741824);
    const int larger = max(((added - smaller) + 1), 0);
    const int product_2 = (larger / 64) * 64;
    const int smaller_2 = min(arguments.length, (added + 64));
    int tile_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_4[i] = (int)(((unsigned int)((int)(((unsigned int)((at_3 + ((i & 7) * 8))) + (unsigned int)(product)))) + (unsigned int)(difference)));
    }
    const int first = product_2;
    const int end = smaller_2;
    int slot = 0;
    int free = 1;
    const int next = first;
    if (next < end) {
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tw_copy_async<16>(operand1 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 15) * 4)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) & 31))), keys + (((((long long)((int)blockIdx.z) * arguments.keys_stride0) + ((long long)(tw_checked(quotient, arguments.kv_heads, faults, 0)) * arguments.keys_stride1)) + ((long long)((next + (at + ((((i * 4) >> 2) & 15) * 4)))) * arguments.keys_stride2)) + (long long)(at_2)), (next + (at + ((((i * 4) >> 2) & 15) * 4))) < arguments.length);
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tw_copy_async<16>(operand2 + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 15) * 4)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) & 31))), values + (((((long long)((int)blockIdx.z) * arguments.values_stride0) + ((long long)(tw_checked(quotient, arguments.kv_heads, faults, 1)) * arguments.values_stride1)) + ((long long)((next + (at + ((((i * 4) >> 2) & 15) * 4)))) * arguments.values_stride2)) + (long long)(at_2)), (next + (at + ((((i * 4) >> 2) & 15) * 4))) < arguments.length);
        }
    }
    tw_copy_commit();
    for (int j = first; j < end; j += 64) {
        tw_copy_wait<0>();
        __syncthreads();
        const int next_2 = j + 64;
        if (next_2 < end) {
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tw_copy_async<16>(operand1 + ((free * 8192) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 15) * 4)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) & 31)))), keys + (((((long long)((int)blockIdx.z) * arguments.keys_stride0) + ((long long)(tw_checked(quotient, arguments.kv_heads, faults, 0)) * arguments.keys_stride1)) + ((long long)((next_2 + (at + ((((i * 4) >> 2) & 15) * 4)))) * arguments.keys_stride2)) + (long long)(at_2)), (next_2 + (at + ((((i * 4) >> 2) & 15) * 4))) < arguments.length);
            }
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tw_copy_async<16>(operand2 + ((free * 8192) + ((((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 4) >> 2) & 15) * 4)) * 32) + ((at_2 ^ ((((at + ((((i * 4) >> 2) & 15) * 4)) ^ ((at + ((((i * 4) >> 2) & 15) * 4)) >> 2)) & 7) * 4)) & 31)))), values + (((((long long)((int)blockIdx.z) * arguments.values_stride0) + ((long long)(tw_checked(quotient, arguments.kv_heads, faults, 1)) * arguments.values_stride1)) + ((long long)((next_2 + (at + ((((i * 4) >> 2) & 15) * 4)))) * arguments.values_stride2)) + (long long)(at_2)), (next_2 + (at + ((((i * 4) >> 2) & 15) * 4))) < arguments.length);
            }
        }
        tw_copy_commit();
        float products[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            products[i] = 0.0f;
        }
        for (int k = 0; k < 32; k += 1) {
            float a[32];
            float b[16];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_17 = 0; i_17 < 4; i_17++) {
                    a[(i * 4) + i_17] = operand0[(((((k * 4) + i_17) ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((((k * 4) + i_17) ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_17 = 0; i_17 < 4; i_17++) {
                    b[(i * 4) + i_17] = operand1[(slot * 8192) + ((((((k * 4) + i_17) ^ ((((at_4 + (i & 3)) ^ ((at_4 + (i & 3)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_4 + (i & 3)) * 32) + ((((k * 4) + i_17) ^ ((((at_4 + (i & 3)) ^ ((at_4 + (i & 3)) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_17 = 0; i_17 < 8; i_17++) {
                    _Pragma("unroll")
                    for (int i_22 = 0; i_22 < 4; i_22++) {
                        products[(i_17 * 4) + i_22] = fma(a[(i_17 * 4) + i], b[(i_22 * 4) + i], products[(i_17 * 4) + i_22]);
                    }
                }
            }
        }
        float product_3[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_3[i] = products[i] * arguments.scale;
        }
        int added_6[4];
        bool test[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            added_6[i] = (int)(((unsigned int)((at_4 + (i & 3))) + (unsigned int)(j)));
            test[i] = (int)(((unsigned int)(at_4) + (unsigned int)(j))) < arguments.length;
        }
        float chosen[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const bool test_2 = added_6[i & 3] <= tile_4[(i >> 2) & 7];
            const bool and_ = test[i & 3] && test_2;
            const int difference_3 = (int)(((unsigned int)(tile_4[(i >> 2) & 7]) - (unsigned int)(added_6[i & 3])));
            const bool test_3 = difference_3 < smaller;
            const bool and_2 = and_ && test_3;
            chosen[i] = and_2 ? product_3[i] : (-TW_INFINITY);
        }
        float tile_5[8];
        float greatest[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tile_5[i] = v[i];
            greatest[i] = -TW_INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            greatest[(i >> 2) & 7] = tw_max(greatest[(i >> 2) & 7], chosen[i]);
        }
        float larger_2[8];
        float chosen_2[8];
        float exp_x[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 1));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 2));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 4));
            greatest[i] = tw_max(greatest[i], __shfl_xor_sync(0xffffffffu, greatest[i], 8));
            larger_2[i] = tw_max(tile_5[i], greatest[i]);
            const bool test_4 = larger_2[i] == (-TW_INFINITY);
            chosen_2[i] = test_4 ? 0.0f : larger_2[i];
            const float difference_4 = tile_5[i] - chosen_2[i];
            exp_x[i] = expf(difference_4);
        }
        float exp_x_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float difference_5 = chosen[i] - chosen_2[(i >> 2) & 7];
            exp_x_2[i] = expf(difference_5);
        }
        float tile_6[8];
        float total[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            tile_6[i] = v_2[i];
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            total[(i >> 2) & 7] = total[(i >> 2) & 7] + exp_x_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 1);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 2);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 4);
            total[i] = total[i] + __shfl_xor_sync(0xffffffffu, total[i], 8);
            const float fma_x = fma(tile_6[i], exp_x[i], total[i]);
            v_2[i] = fma_x;
        }
        float product_4[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            product_4[i] = v_3[i] * exp_x[(i >> 3) & 7];
        }
        __syncthreads();
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            operand3[((((at_4 + (i & 3)) ^ ((((at_3 + (((i >> 2) & 7) * 8)) ^ ((at_3 + (((i >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + (((i >> 2) & 7) * 8)) * 32) + (((at_4 + (i & 3)) ^ ((((at_3 + (((i >> 2) & 7) * 8)) ^ ((at_3 + (((i >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31))] = exp_x_2[i];
        }
        __syncthreads();
        float added_7[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            added_7[i] = product_4[i];
        }
        for (int k_2 = 0; k_2 < 16; k_2 += 1) {
            float a_2[32];
            float b_2[32];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_17 = 0; i_17 < 4; i_17++) {
                    a_2[(i * 4) + i_17] = operand3[(((((k_2 * 4) + i_17) ^ ((((at_3 + ((((i * 8) >> 3) & 7) * 8)) ^ ((at_3 + ((((i * 8) >> 3) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 8) >> 3) & 7) * 8)) * 32) + ((((k_2 * 4) + i_17) ^ ((((at_3 + ((((i * 8) >> 3) & 7) * 8)) ^ ((at_3 + ((((i * 8) >> 3) & 7) * 8)) >> 2)) & 7) * 4)) & 31))];
                    b_2[(i * 4) + i_17] = operand2[(slot * 8192) + (((((at_4 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ (((((k_2 * 4) + i_17) ^ (((k_2 * 4) + i_17) >> 2)) & 7) * 4)) >> 5) * 2048) + ((((k_2 * 4) + i_17) * 32) + (((at_4 + ((i & 3) + (((i >> 2) & 1) * 64))) ^ (((((k_2 * 4) + i_17) ^ (((k_2 * 4) + i_17) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_17 = 0; i_17 < 8; i_17++) {
                    _Pragma("unroll")
                    for (int i_22 = 0; i_22 < 8; i_22++) {
                        added_7[(i_17 * 8) + i_22] = fma(a_2[(i_17 * 4) + i], b_2[(i_22 * 4) + i], added_7[(i_17 * 8) + i_22]);
                    }
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            v_3[i] = added_7[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            v[i] = larger_2[i];
        }
        free = slot;
        slot = ((slot + 1) == 2) ? 0 : (slot + 1);
    }
    __syncthreads();
    bool test_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        test_5[i] = v_2[i] == 0.0f;
    }
    float chosen_3[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float quotient_3 = v_3[i] / v_2[(i >> 3) & 7];
        chosen_3[i] = test_5[(i >> 3) & 7] ? 0.0f : quotient_3;
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        if ((product + (at_3 + ((((i * 4) >> 3) & 7) * 8))) < arguments.queries) {
            float out_2[4];
            out_2[0] = chosen_3[i * 4];
            out_2[1] = chosen_3[(i * 4) + 1];
            out_2[2] = chosen_3[(i * 4) + 2];
            out_2[3] = chosen_3[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                *(uint4*)(out + (((((long long)((int)blockIdx.z) * arguments.out_stride0) + ((long long)((product + (at_3 + ((((i * 4) >> 3) & 7) * 8)))) * arguments.out_stride1)) + ((long long)((int)blockIdx.y) * arguments.out_stride2)) + (long long)((at_4 + ((((i * 4) >> 2) & 1) * 64))))) = vector.all;
            }
        }
    }
}
