// decode_attention_softcap, f32, batch = 1, kv_heads = 8, max_len = 4096

struct decode_attention_softcap_arguments {
    long q_stride0;
    long q_stride1;
    long keys_stride0;
    long keys_stride1;
    long keys_stride2;
    long values_stride0;
    long values_stride1;
    long values_stride2;
    long out_stride0;
    long out_stride1;
    int batch;
    int kv_heads;
    int max_len;
    float scale;
    float softcap;
    int window;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_decode_attention_softcap(
    const device float* q [[buffer(0)]],
    const device float* keys [[buffer(1)]],
    const device float* values [[buffer(2)]],
    const device int* lens [[buffer(3)]],
    device float* out [[buffer(4)]],
    constant decode_attention_softcap_arguments& arguments [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[192];
    threadgroup float* tile0 = (decltype(tile0))(shared_memory + 0);
    threadgroup float* partial1 = (decltype(partial1))(shared_memory + 128);
    threadgroup float* tile2 = (decltype(tile2))(shared_memory + 0);
    threadgroup float* tile3 = (decltype(tile3))(shared_memory + 1);
    threadgroup float* partial4 = (decltype(partial4))(shared_memory + 2);
    threadgroup float* tile5 = (decltype(tile5))(shared_memory + 0);
    threadgroup float* tile6 = (decltype(tile6))(shared_memory + 128);
    const int at = (int)thread_index_in_threadgroup >> 7;
    const int at_2 = (int)thread_index_in_threadgroup & 127;
    const int at_7 = ((int)thread_index_in_threadgroup >> 6) & 3;
    const int at_8 = (int)thread_index_in_threadgroup & 63;
    const int product = (int)threadgroup_position_in_grid.x * 4;
    float q_in = 0.0f;
    if ((product + at) < (4 * arguments.kv_heads)) {
        q_in = q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at)) * arguments.q_stride1)) + (long)(at_2)];
    }
    const int smaller = min(lens[(long)((int)threadgroup_position_in_grid.y)], arguments.max_len);
    const float product_2 = q_in * arguments.scale;
    const float tile = -INFINITY;
    float v = tile;
    const float tile_2 = 0.0f;
    float v_2 = tile_2;
    const float tile_3 = 0.0f;
    float v_3 = tile_3;
    const int larger = max((smaller - arguments.window), 0);
    const int product_3 = (larger / 64) * 64;
    for (int j = product_3; j < smaller; j += 64) {
        tile0[(at * 128) + at_2] = product_2;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products = 0.0f;
        for (int k = 0; k < 128; k += 1) {
            products = fma(tile0[(at_7 * 128) + k], (((j + at_8) < arguments.max_len) ? keys[((((long)((int)threadgroup_position_in_grid.y) * arguments.keys_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.keys_stride1)) + ((long)((j + at_8)) * arguments.keys_stride2)) + (long)(k)] : 0.0f), products);
        }
        const float quotient_2 = products / arguments.softcap;
        const float product_4 = precise::tanh(quotient_2) * arguments.softcap;
        const float chosen_2 = (((int)(((uint)(at_8) + (uint)(j))) >= larger) && ((int)(((uint)(at_8) + (uint)(j))) < smaller)) ? product_4 : (-INFINITY);
        const float tile_6 = v;
        float greatest = -INFINITY;
        greatest = tw_max(greatest, chosen_2);
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
        if ((int)thread_index_in_simdgroup == 0) {
            partial1[(int)simdgroup_index_in_threadgroup] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        greatest = -INFINITY;
        _Pragma("unroll")
        for (int i_10 = 0; i_10 < 2; i_10++) {
            greatest = tw_max(greatest, partial1[((int)simdgroup_index_in_threadgroup & 14) + i_10]);
        }
        if (((int)thread_index_in_threadgroup & 319) == 0) {
            tile2[at_7] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float larger_2 = tw_max(tile_6, tile2[at]);
        const bool test_3 = larger_2 == (-INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_6 - chosen_3;
        const float exp_x = precise::exp(difference_2);
        if (((int)thread_index_in_threadgroup & 127) == 0) {
            tile3[at] = chosen_3;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float difference_3 = chosen_2 - tile3[at_7];
        const float exp_x_2 = precise::exp(difference_3);
        const float tile_7 = v_2;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + simd_shuffle_xor(total, 1);
        total = total + simd_shuffle_xor(total, 2);
        total = total + simd_shuffle_xor(total, 4);
        total = total + simd_shuffle_xor(total, 8);
        total = total + simd_shuffle_xor(total, 16);
        if ((int)thread_index_in_simdgroup == 0) {
            partial4[(int)simdgroup_index_in_threadgroup] = total;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total = 0.0f;
        _Pragma("unroll")
        for (int i_10 = 0; i_10 < 2; i_10++) {
            total = total + partial4[((int)simdgroup_index_in_threadgroup & 14) + i_10];
        }
        if (((int)thread_index_in_threadgroup & 319) == 0) {
            tile5[at_7] = total;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float total_2 = tile5[at];
        const float fma_x = fma(tile_7, exp_x, total_2);
        v_2 = fma_x;
        const float product_5 = v_3 * exp_x;
        if (((int)thread_index_in_threadgroup & 256) == 0) {
            tile6[(at_7 * 64) + at_8] = exp_x_2;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products_2 = 0.0f;
        for (int k_2 = 0; k_2 < 64; k_2 += 1) {
            products_2 = fma(tile6[(at * 64) + k_2], ((((int)(((uint)(k_2) + (uint)(j))) >= larger) && ((int)(((uint)(k_2) + (uint)(j))) < smaller)) ? (((j + k_2) < arguments.max_len) ? values[((((long)((int)threadgroup_position_in_grid.y) * arguments.values_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.values_stride1)) + ((long)((j + k_2)) * arguments.values_stride2)) + (long)(at_2)] : 0.0f) : 0.0f), products_2);
        }
        const float added_2 = product_5 + products_2;
        v_3 = added_2;
        v = larger_2;
    }
    const float tile_9 = v_2;
    const bool test_4 = tile_9 == 0.0f;
    const float tile_10 = v_3;
    const float quotient_3 = tile_10 / tile_9;
    const float chosen_5 = test_4 ? 0.0f : quotient_3;
    if ((product + at) < (4 * arguments.kv_heads)) {
        out[(((long)((int)threadgroup_position_in_grid.y) * arguments.out_stride0) + ((long)((product + at)) * arguments.out_stride1)) + (long)(at_2)] = chosen_5;
    }
}
