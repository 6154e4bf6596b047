// rope_decode_attention, f32, batch = 1, kv_heads = 8, max_len = 1024, length = 1024

struct rope_decode_attention_arguments {
    long q_stride0;
    long q_stride1;
    long k_stride0;
    long k_stride1;
    long v_stride0;
    long v_stride1;
    long cos__stride0;
    long sin__stride0;
    long k_cache_stride0;
    long k_cache_stride1;
    long k_cache_stride2;
    long v_cache_stride0;
    long v_cache_stride1;
    long v_cache_stride2;
    long out_stride0;
    long out_stride1;
    int batch;
    int kv_heads;
    int length;
    int max_len;
    float scale;
    int window;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_rope_decode_attention(
    const device float* q [[buffer(0)]],
    const device float* k [[buffer(1)]],
    const device float* v [[buffer(2)]],
    const device float* cos_ [[buffer(3)]],
    const device float* sin_ [[buffer(4)]],
    const device int* positions [[buffer(5)]],
    const device int* lens [[buffer(6)]],
    device float* k_cache [[buffer(7)]],
    device float* v_cache [[buffer(8)]],
    device float* out [[buffer(9)]],
    constant rope_decode_attention_arguments& arguments [[buffer(10)]],
    device uint* faults [[buffer(11)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[128];
    threadgroup float* tile0 = (decltype(tile0))(shared_memory + 0);
    threadgroup float* partial1 = (decltype(partial1))(shared_memory + 0);
    threadgroup float* partial2 = (decltype(partial2))(shared_memory + 0);
    threadgroup float* tile3 = (decltype(tile3))(shared_memory + 0);
    threadgroup float* tile4 = (decltype(tile4))(shared_memory + 0);
    threadgroup float* tile5 = (decltype(tile5))(shared_memory + 64);
    threadgroup uchar* tile6 = (decltype(tile6))(shared_memory + 0);
    const int at = (int)thread_index_in_threadgroup & 63;
    const int at_2 = ((int)thread_index_in_threadgroup >> 6) & 3;
    const int at_3 = (int)thread_index_in_threadgroup >> 7;
    const int at_4 = (int)thread_index_in_threadgroup & 127;
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.y)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    const int product = (int)threadgroup_position_in_grid.x * 4;
    const float tile = (at_4 < 64) ? fma((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_3)) * arguments.q_stride1)) + (long)(at_4)] : 0.0f), cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)(at_4)], (-((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_3)) * arguments.q_stride1)) + (long)((64 + at_4))] : 0.0f) * sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)(at_4)]))) : fma((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_3)) * arguments.q_stride1)) + (long)((at_4 - 64))] : 0.0f), sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)((at_4 - 64))], ((((product + at_3) < (4 * arguments.kv_heads)) ? q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_3)) * arguments.q_stride1)) + (long)((64 + (at_4 - 64)))] : 0.0f) * cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)((at_4 - 64))]));
    const float tile_2 = (at_4 < 64) ? fma(k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)(at_4)], cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)(at_4)], (-(k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((64 + at_4))] * sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)(at_4)]))) : fma(k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((at_4 - 64))], sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)((at_4 - 64))], (k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((64 + (at_4 - 64)))] * cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)((at_4 - 64))]));
    const int index_3 = tw_checked(positions_in, arguments.max_len, faults, 2);
    if (((int)thread_index_in_threadgroup & 384) == 0) {
        k_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.k_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_cache_stride1)) + ((long)(index_3) * arguments.k_cache_stride2)) + (long)(at_4)] = tile_2;
    }
    const float v_in = v[(((long)((int)threadgroup_position_in_grid.y) * arguments.v_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_stride1)) + (long)(at_4)];
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (((int)thread_index_in_threadgroup & 384) == 0) {
        v_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.v_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_cache_stride1)) + ((long)(index_4) * arguments.v_cache_stride2)) + (long)(at_4)] = v_in;
    }
    const int smaller = min(lens[(long)((int)threadgroup_position_in_grid.y)], arguments.max_len);
    const float product_6 = tile * arguments.scale;
    const float tile_3 = -INFINITY;
    float v_2 = tile_3;
    const float tile_4 = 0.0f;
    float v_3 = tile_4;
    const float tile_5 = 0.0f;
    float v_4 = tile_5;
    const int larger = max((smaller - arguments.window), 0);
    const int product_7 = (larger / 64) * 64;
    for (int j = product_7; j < smaller; j += 64) {
        const int added = (int)(((uint)(at) + (uint)(j)));
        const bool test = added >= larger;
        const bool test_2 = added < smaller;
        const bool and_ = test && test_2;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        tile0[(at_3 * 128) + at_4] = product_6;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products = 0.0f;
        for (int k_2 = 0; k_2 < 128; k_2 += 1) {
            products = fma(tile0[(at_2 * 128) + k_2], (((j + at) < arguments.max_len) ? k_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.k_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_cache_stride1)) + ((long)((j + at)) * arguments.k_cache_stride2)) + (long)(k_2)] : 0.0f), products);
        }
        const float chosen_2 = and_ ? products : (-INFINITY);
        const float tile_8 = v_2;
        float greatest = -INFINITY;
        greatest = tw_max(greatest, chosen_2);
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial1[(int)simdgroup_index_in_threadgroup] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        greatest = -INFINITY;
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 2; i_6++) {
            greatest = tw_max(greatest, partial1[((int)simdgroup_index_in_threadgroup & 14) + i_6]);
        }
        const float larger_2 = tw_max(tile_8, greatest);
        const bool test_3 = larger_2 == (-INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_8 - chosen_3;
        const float exp_x = precise::exp(difference_2);
        const float difference_3 = chosen_2 - chosen_3;
        const float exp_x_2 = precise::exp(difference_3);
        const float tile_9 = v_3;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + simd_shuffle_xor(total, 1);
        total = total + simd_shuffle_xor(total, 2);
        total = total + simd_shuffle_xor(total, 4);
        total = total + simd_shuffle_xor(total, 8);
        total = total + simd_shuffle_xor(total, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial2[(int)simdgroup_index_in_threadgroup] = total;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total = 0.0f;
        _Pragma("unroll")
        for (int i_6 = 0; i_6 < 2; i_6++) {
            total = total + partial2[((int)simdgroup_index_in_threadgroup & 14) + i_6];
        }
        const float fma_x_5 = fma(tile_9, exp_x, total);
        v_3 = fma_x_5;
        const float tile_10 = v_4;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 319) == 0) {
            tile3[at_2] = exp_x;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float product_8 = tile_10 * tile3[at_3];
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 256) == 0) {
            tile4[(at_2 * 64) + at] = exp_x_2;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products_2 = 0.0f;
        for (int k_3 = 0; k_3 < 64; k_3 += 1) {
            products_2 = fma(tile4[(at_3 * 64) + k_3], ((((int)(((uint)(k_3) + (uint)(j))) >= larger) && ((int)(((uint)(k_3) + (uint)(j))) < smaller)) ? (((j + k_3) < arguments.max_len) ? v_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.v_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_cache_stride1)) + ((long)((j + k_3)) * arguments.v_cache_stride2)) + (long)(at_4)] : 0.0f) : 0.0f), products_2);
        }
        const float added_2 = product_8 + products_2;
        v_4 = added_2;
        v_2 = larger_2;
    }
    const float tile_11 = v_3;
    const bool test_4 = tile_11 == 0.0f;
    const float tile_12 = v_4;
    if (((int)thread_index_in_threadgroup & 319) == 0) {
        tile5[at_2] = tile_11;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile_13 = tile5[at_3];
    const float quotient_2 = tile_12 / tile_13;
    if (((int)thread_index_in_threadgroup & 319) == 0) {
        tile6[at_2] = test_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const bool test_5 = tile6[at_3] != 0;
    const float chosen_4 = test_5 ? 0.0f : quotient_2;
    if ((product + at_3) < (4 * arguments.kv_heads)) {
        out[(((long)((int)threadgroup_position_in_grid.y) * arguments.out_stride0) + ((long)((product + at_3)) * arguments.out_stride1)) + (long)(at_4)] = chosen_4;
    }
}
