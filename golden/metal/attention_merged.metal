// attention_merged, f32, batch = 1, kv_heads = 8, queries = 1024, length = 1024

struct attention_merged_arguments {
    long q_stride0;
    long q_stride1;
    long q_stride2;
    long keys_stride0;
    long keys_stride1;
    long keys_stride2;
    long values_stride0;
    long values_stride1;
    long values_stride2;
    long out_stride0;
    long out_stride1;
    long out_stride2;
    int batch;
    int kv_heads;
    int queries;
    int length;
    float scale;
    int window;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_attention_merged(
    const device float* q [[buffer(0)]],
    const device float* keys [[buffer(1)]],
    const device float* values [[buffer(2)]],
    device float* out [[buffer(3)]],
    constant attention_merged_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = ((((int)thread_index_in_threadgroup >> 1) & 3) + ((((int)thread_index_in_threadgroup >> 4) & 1) * 4)) + (((int)thread_index_in_threadgroup >> 5) * 16);
    const int at_2 = (((int)thread_index_in_threadgroup & 1) * 2) + ((((int)thread_index_in_threadgroup >> 3) & 1) * 4);
    const int row = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int column = (((int)thread_index_in_simdgroup & 1) * 2) + ((((int)thread_index_in_simdgroup >> 3) & 1) * 4);
    const int row_2 = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int product = (int)threadgroup_position_in_grid.x * 64;
    const int quotient = (int)threadgroup_position_in_grid.y / 4;
    float v[2];
    float v_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float tile = -INFINITY;
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
    int tile_4[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_4[i] = (int)(((uint)((int)(((uint)((at + ((i & 1) * 8))) + (uint)(product)))) + (uint)(difference)));
    }
    for (int j = product_2; j < smaller_2; j += 64) {
        float products[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            products[i] = 0.0f;
        }
        const int index = tw_checked(quotient, arguments.kv_heads, faults, 0);
        for (int k = 0; k < 16; k += 1) {
            float a[4];
            float b[16];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                _Pragma("unroll")
                for (int i_12 = 0; i_12 < 2; i_12++) {
                    a[(i * 2) + i_12] = ((product + (at + ((((i * 16) >> 4) & 1) * 8))) < arguments.queries) ? q[((((long)((int)threadgroup_position_in_grid.z) * arguments.q_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride1)) + ((long)((product + (at + ((((i * 16) >> 4) & 1) * 8)))) * arguments.q_stride2)) + (long)((((k * 8) + column) + i_12))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_12 = 0; i_12 < 2; i_12++) {
                    b[(i * 2) + i_12] = ((j + (at_2 + ((((i * 2) + i_12) & 1) + (((((i * 2) + i_12) >> 1) & 7) * 8)))) < arguments.length) ? keys[((((long)((int)threadgroup_position_in_grid.z) * arguments.keys_stride0) + ((long)(index) * arguments.keys_stride1)) + ((long)((j + (at_2 + ((((i * 2) + i_12) & 1) + (((((i * 2) + i_12) >> 1) & 7) * 8))))) * arguments.keys_stride2)) + (long)(((k * 8) + row))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                _Pragma("unroll")
                for (int i_12 = 0; i_12 < 8; i_12++) {
                    tw_multiply_f32(products + (((i * 8) + i_12) * 2), a + (i * 2), b + (i_12 * 2));
                }
            }
        }
        float product_3[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_3[i] = products[i] * arguments.scale;
        }
        int added_6[16];
        bool test[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            added_6[i] = (int)(((uint)((at_2 + ((i & 1) + (((i >> 1) & 7) * 8)))) + (uint)(j)));
            test[i] = (int)(((uint)((at_2 + (((((i >> 1) * 2) >> 1) & 7) * 8))) + (uint)(j))) < arguments.length;
        }
        float chosen[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const bool test_2 = added_6[i & 15] <= tile_4[(i >> 4) & 1];
            const bool and_ = test[i & 15] && test_2;
            const int difference_3 = (int)(((uint)(tile_4[(i >> 4) & 1]) - (uint)(added_6[i & 15])));
            const bool test_3 = difference_3 < smaller;
            const bool and_2 = and_ && test_3;
            chosen[i] = and_2 ? product_3[i] : (-INFINITY);
        }
        float tile_5[2];
        float greatest[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            tile_5[i] = v[i];
            greatest[i] = -INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            greatest[(i >> 4) & 1] = tw_max(greatest[(i >> 4) & 1], chosen[i]);
        }
        float larger_2[2];
        float chosen_2[2];
        float exp_x[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            greatest[i] = tw_max(greatest[i], simd_shuffle_xor(greatest[i], 1));
            greatest[i] = tw_max(greatest[i], simd_shuffle_xor(greatest[i], 8));
            larger_2[i] = tw_max(tile_5[i], greatest[i]);
            const bool test_4 = larger_2[i] == (-INFINITY);
            chosen_2[i] = test_4 ? 0.0f : larger_2[i];
            const float difference_4 = tile_5[i] - chosen_2[i];
            exp_x[i] = precise::exp(difference_4);
        }
        float exp_x_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float difference_5 = chosen[i] - chosen_2[(i >> 4) & 1];
            exp_x_2[i] = precise::exp(difference_5);
        }
        float tile_6[2];
        float total[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            tile_6[i] = v_2[i];
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            total[(i >> 4) & 1] = total[(i >> 4) & 1] + exp_x_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total[i] = total[i] + simd_shuffle_xor(total[i], 1);
            total[i] = total[i] + simd_shuffle_xor(total[i], 8);
            const float fma_x = fma(tile_6[i], exp_x[i], total[i]);
            v_2[i] = fma_x;
        }
        float added_7[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            const float product_4 = v_3[i] * exp_x[(i >> 5) & 1];
            added_7[i] = product_4;
        }
        const int index_2 = tw_checked(quotient, arguments.kv_heads, faults, 1);
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float a_2[4];
            float b_2[32];
            _Pragma("unroll")
            for (int i_12 = 0; i_12 < 2; i_12++) {
                _Pragma("unroll")
                for (int i_49 = 0; i_49 < 2; i_49++) {
                    a_2[(i_12 * 2) + i_49] = exp_x_2[((i_12 * 16) + (i * 2)) + i_49];
                }
            }
            _Pragma("unroll")
            for (int i_12 = 0; i_12 < 16; i_12++) {
                _Pragma("unroll")
                for (int i_49 = 0; i_49 < 2; i_49++) {
                    b_2[(i_12 * 2) + i_49] = ((j + ((i * 8) + row_2)) < arguments.length) ? values[((((long)((int)threadgroup_position_in_grid.z) * arguments.values_stride0) + ((long)(index_2) * arguments.values_stride1)) + ((long)((j + ((i * 8) + row_2))) * arguments.values_stride2)) + (long)((at_2 + ((((i_12 * 2) + i_49) & 1) + (((((i_12 * 2) + i_49) >> 1) & 15) * 8))))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i_12 = 0; i_12 < 2; i_12++) {
                _Pragma("unroll")
                for (int i_49 = 0; i_49 < 16; i_49++) {
                    tw_multiply_f32(added_7 + (((i_12 * 16) + i_49) * 2), a_2 + (i_12 * 2), b_2 + (i_49 * 2));
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            v_3[i] = added_7[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            v[i] = larger_2[i];
        }
    }
    bool test_5[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        test_5[i] = v_2[i] == 0.0f;
    }
    float chosen_3[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float quotient_3 = v_3[i] / v_2[(i >> 5) & 1];
        chosen_3[i] = test_5[(i >> 5) & 1] ? 0.0f : quotient_3;
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        if ((product + (at + ((((i * 2) >> 5) & 1) * 8))) < arguments.queries) {
            float out_2[2];
            out_2[0] = chosen_3[i * 2];
            out_2[1] = chosen_3[(i * 2) + 1];
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = out_2[l];
                *(device uint2*)(out + (((((long)((int)threadgroup_position_in_grid.z) * arguments.out_stride0) + ((long)((product + (at + ((((i * 2) >> 5) & 1) * 8)))) * arguments.out_stride1)) + ((long)((int)threadgroup_position_in_grid.y) * arguments.out_stride2)) + (long)((at_2 + ((((i * 2) >> 1) & 15) * 8))))) = vector.all;
            }
        }
    }
}
