// norm_rope_decode_attention, f32, batch = 1, kv_heads = 8, max_len = 1024, length = 1024

struct norm_rope_decode_attention_arguments {
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
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_norm_rope_decode_attention(
    const device float* q [[buffer(0)]],
    const device float* k [[buffer(1)]],
    const device float* v [[buffer(2)]],
    const device float* q_weight [[buffer(3)]],
    const device float* k_weight [[buffer(4)]],
    const device float* cos_ [[buffer(5)]],
    const device float* sin_ [[buffer(6)]],
    const device int* positions [[buffer(7)]],
    const device int* lens [[buffer(8)]],
    device float* k_cache [[buffer(9)]],
    device float* v_cache [[buffer(10)]],
    device float* out [[buffer(11)]],
    constant norm_rope_decode_attention_arguments& arguments [[buffer(12)]],
    device uint* faults [[buffer(13)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[133];
    threadgroup float* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup float* tile1 = (decltype(tile1))(shared_memory + 4);
    threadgroup float* tile2 = (decltype(tile2))(shared_memory + 5);
    threadgroup float* tile3 = (decltype(tile3))(shared_memory + 69);
    threadgroup float* partial4 = (decltype(partial4))(shared_memory + 0);
    threadgroup float* tile5 = (decltype(tile5))(shared_memory + 0);
    threadgroup float* partial6 = (decltype(partial6))(shared_memory + 0);
    threadgroup float* tile7 = (decltype(tile7))(shared_memory + 0);
    threadgroup float* tile8 = (decltype(tile8))(shared_memory + 0);
    threadgroup float* partial9 = (decltype(partial9))(shared_memory + 0);
    threadgroup float* tile10 = (decltype(tile10))(shared_memory + 0);
    threadgroup float* tile11 = (decltype(tile11))(shared_memory + 0);
    const int at = (int)thread_index_in_threadgroup & 63;
    const int at_2 = (int)thread_index_in_threadgroup >> 7;
    const int at_3 = (int)thread_index_in_threadgroup & 127;
    const int at_4 = ((int)thread_index_in_threadgroup >> 6) & 3;
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.y)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    const float cos_in = cos_[((long)(index) * arguments.cos__stride0) + (long)(at)];
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    const float sin_in = sin_[((long)(index_2) * arguments.sin__stride0) + (long)(at)];
    const int product = (int)threadgroup_position_in_grid.x * 4;
    float q_in = 0.0f;
    if ((product + at_2) < (4 * arguments.kv_heads)) {
        q_in = q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_2)) * arguments.q_stride1)) + (long)(at_3)];
    }
    float total = 0.0f;
    total = fma(q_in, q_in, total);
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[((int)simdgroup_index_in_threadgroup & 12) + i];
    }
    const float wide = (float)(128);
    const float quotient = total / wide;
    float q_in_2 = 0.0f;
    if ((product + at_4) < (4 * arguments.kv_heads)) {
        q_in_2 = q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_4)) * arguments.q_stride1)) + (long)(at)];
    }
    const float added = quotient + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added);
    if (((int)thread_index_in_threadgroup & 127) == 0) {
        tile1[at_2] = rsqrt_x;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float rsqrt_x_2 = tile1[at_4];
    const float product_4 = (q_in_2 * rsqrt_x_2) * q_weight[(long)(at)];
    float q_in_3 = 0.0f;
    if ((product + at_4) < (4 * arguments.kv_heads)) {
        q_in_3 = q[(((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at_4)) * arguments.q_stride1)) + (long)((64 + at))];
    }
    const float product_6 = (q_in_3 * rsqrt_x_2) * q_weight[(long)((64 + at))];
    const float product_7 = product_6 * sin_in;
    const float neg_x = -product_7;
    const float fma_x = fma(product_4, cos_in, neg_x);
    const float product_8 = product_6 * cos_in;
    const float fma_x_2 = fma(product_4, sin_in, product_8);
    if (((int)thread_index_in_threadgroup & 256) == 0) {
        tile2[(at_4 * 64) + at] = fma_x;
    }
    if (((int)thread_index_in_threadgroup & 256) == 0) {
        tile3[(at_4 * 64) + at] = fma_x_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float tile = (at_3 < 64) ? tile2[(at_2 * 64) + at_3] : tile3[(at_2 * 64) + (at_3 - 64)];
    const float k_in = k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)(at_3)];
    float total_2 = 0.0f;
    total_2 = fma(k_in, k_in, total_2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial4[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial4[((int)simdgroup_index_in_threadgroup & 12) + i];
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x_3 = precise::rsqrt(added_2);
    const float tile_2 = (at_3 < 64) ? fma(((k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)(at_3)] * rsqrt_x_3) * k_weight[(long)(at_3)]), cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)(at_3)], (-(((k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((64 + at_3))] * rsqrt_x_3) * k_weight[(long)((64 + at_3))]) * sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)(at_3)]))) : fma(((k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((at_3 - 64))] * rsqrt_x_3) * k_weight[(long)((at_3 - 64))]), sin_[((long)(tw_checked(positions_in, arguments.length, faults, 1)) * arguments.sin__stride0) + (long)((at_3 - 64))], (((k[(((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride1)) + (long)((64 + (at_3 - 64)))] * rsqrt_x_3) * k_weight[(long)((64 + (at_3 - 64)))]) * cos_[((long)(tw_checked(positions_in, arguments.length, faults, 0)) * arguments.cos__stride0) + (long)((at_3 - 64))]));
    const int index_3 = tw_checked(positions_in, arguments.max_len, faults, 2);
    if (((int)thread_index_in_threadgroup & 384) == 0) {
        k_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.k_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_cache_stride1)) + ((long)(index_3) * arguments.k_cache_stride2)) + (long)(at_3)] = tile_2;
    }
    const float v_in = v[(((long)((int)threadgroup_position_in_grid.y) * arguments.v_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_stride1)) + (long)(at_3)];
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if (((int)thread_index_in_threadgroup & 384) == 0) {
        v_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.v_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_cache_stride1)) + ((long)(index_4) * arguments.v_cache_stride2)) + (long)(at_3)] = v_in;
    }
    const int smaller = min(lens[(long)((int)threadgroup_position_in_grid.y)], arguments.max_len);
    const float product_16 = tile * arguments.scale;
    const float tile_3 = -INFINITY;
    float v_2 = tile_3;
    const float tile_4 = 0.0f;
    float v_3 = tile_4;
    const float tile_5 = 0.0f;
    float v_4 = tile_5;
    const int larger = max((smaller - arguments.window), 0);
    const int product_17 = (larger / 64) * 64;
    for (int j = product_17; j < smaller; j += 64) {
        const int added_3 = (int)(((uint)(at) + (uint)(j)));
        const bool test = added_3 >= larger;
        const bool test_2 = added_3 < smaller;
        const bool and_ = test && test_2;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        tile5[(at_2 * 128) + at_3] = product_16;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products = 0.0f;
        for (int k_2 = 0; k_2 < 128; k_2 += 1) {
            products = fma(tile5[(at_4 * 128) + k_2], (((j + at) < arguments.max_len) ? k_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.k_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.k_cache_stride1)) + ((long)((j + at)) * arguments.k_cache_stride2)) + (long)(k_2)] : 0.0f), products);
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
            partial6[(int)simdgroup_index_in_threadgroup] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        greatest = -INFINITY;
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            greatest = tw_max(greatest, partial6[((int)simdgroup_index_in_threadgroup & 14) + i]);
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 319) == 0) {
            tile7[at_4] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float larger_2 = tw_max(tile_8, tile7[at_2]);
        const bool test_3 = larger_2 == (-INFINITY);
        const float chosen_3 = test_3 ? 0.0f : larger_2;
        const float difference_2 = tile_8 - chosen_3;
        const float exp_x = precise::exp(difference_2);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 127) == 0) {
            tile8[at_2] = chosen_3;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float difference_3 = chosen_2 - tile8[at_4];
        const float exp_x_2 = precise::exp(difference_3);
        const float tile_9 = v_3;
        float total_3 = 0.0f;
        total_3 = total_3 + exp_x_2;
        total_3 = total_3 + simd_shuffle_xor(total_3, 1);
        total_3 = total_3 + simd_shuffle_xor(total_3, 2);
        total_3 = total_3 + simd_shuffle_xor(total_3, 4);
        total_3 = total_3 + simd_shuffle_xor(total_3, 8);
        total_3 = total_3 + simd_shuffle_xor(total_3, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial9[(int)simdgroup_index_in_threadgroup] = total_3;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_3 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total_3 = total_3 + partial9[((int)simdgroup_index_in_threadgroup & 14) + i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 319) == 0) {
            tile10[at_4] = total_3;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float total_4 = tile10[at_2];
        const float fma_x_5 = fma(tile_9, exp_x, total_4);
        v_3 = fma_x_5;
        const float product_18 = v_4 * exp_x;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 256) == 0) {
            tile11[(at_4 * 64) + at] = exp_x_2;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products_2 = 0.0f;
        for (int k_3 = 0; k_3 < 64; k_3 += 1) {
            products_2 = fma(tile11[(at_2 * 64) + k_3], ((((int)(((uint)(k_3) + (uint)(j))) >= larger) && ((int)(((uint)(k_3) + (uint)(j))) < smaller)) ? (((j + k_3) < arguments.max_len) ? v_cache[((((long)((int)threadgroup_position_in_grid.y) * arguments.v_cache_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.v_cache_stride1)) + ((long)((j + k_3)) * arguments.v_cache_stride2)) + (long)(at_3)] : 0.0f) : 0.0f), products_2);
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
        out[(((long)((int)threadgroup_position_in_grid.y) * arguments.out_stride0) + ((long)((product + at_2)) * arguments.out_stride1)) + (long)(at_3)] = chosen_5;
    }
}
