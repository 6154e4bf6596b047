// paged_attention, f32, batch = 4, kv_heads = 8, pages = 300, table = 64

struct paged_attention_arguments {
    long q_stride0;
    long q_stride1;
    long keys_stride0;
    long keys_stride1;
    long keys_stride2;
    long values_stride0;
    long values_stride1;
    long values_stride2;
    long tables_stride0;
    long out_stride0;
    long out_stride1;
    int batch;
    int kv_heads;
    int pages;
    int table;
    float scale;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_paged_attention(
    const device float* q [[buffer(0)]],
    const device float* keys [[buffer(1)]],
    const device float* values [[buffer(2)]],
    const device int* tables [[buffer(3)]],
    const device int* lens [[buffer(4)]],
    device float* out [[buffer(5)]],
    constant paged_attention_arguments& arguments [[buffer(6)]],
    device uint* faults [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[640];
    threadgroup float* tile0 = (decltype(tile0))(shared_memory + 0);
    threadgroup float* tile1 = (decltype(tile1))(shared_memory + 128);
    threadgroup float* tile2 = (decltype(tile2))(shared_memory + 0);
    threadgroup float* tile3 = (decltype(tile3))(shared_memory + 0);
    threadgroup float* tile4 = (decltype(tile4))(shared_memory + 0);
    threadgroup float* tile5 = (decltype(tile5))(shared_memory + 0);
    threadgroup float* tile6 = (decltype(tile6))(shared_memory + 16);
    const int at = (int)thread_index_in_threadgroup >> 5;
    const int at_2 = ((int)thread_index_in_threadgroup & 31) * 4;
    const int at_3 = ((int)thread_index_in_threadgroup & 3) * 4;
    const int at_4 = (int)thread_index_in_threadgroup >> 2;
    const int at_5 = ((int)thread_index_in_threadgroup >> 4) & 3;
    const int at_6 = (int)thread_index_in_threadgroup & 15;
    const int product = (int)threadgroup_position_in_grid.x * 4;
    const int smaller = min(lens[(long)((int)threadgroup_position_in_grid.y)], (16 * arguments.table));
    float q_in[4];
    _Pragma("unroll")
    for (int i_89 = 0; i_89 < 4; i_89++) {
        q_in[i_89] = 0.0f;
    }
    if ((product + at) < (4 * arguments.kv_heads)) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(q + ((((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + at)) * arguments.q_stride1)) + (long)(at_2)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) q_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    const float tile = -INFINITY;
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
        const int tables_in = tables[((long)((int)threadgroup_position_in_grid.y) * arguments.tables_stride0) + (long)(index)];
        const int index_2 = tw_checked(tables_in, arguments.pages, faults, 1);
        float tile_4[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile_4[i_89] = keys[((((long)(tw_checked(tables_in, arguments.pages, faults, 1)) * arguments.keys_stride0) + ((long)((at_3 + (i_89 & 3))) * arguments.keys_stride1)) + ((long)((int)threadgroup_position_in_grid.x) * arguments.keys_stride2)) + (long)((at_4 + (((i_89 >> 2) & 3) * 32)))];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            tile0[(at * 128) + (at_2 + (i_89 & 3))] = product_2[i_89];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile1[((at_4 + (((i_89 >> 2) & 3) * 32)) * 16) + (at_3 + (i_89 & 3))] = tile_4[i_89];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products = 0.0f;
        for (int k = 0; k < 128; k += 1) {
            products = fma(tile0[(at_5 * 128) + k], tile1[(k * 16) + at_6], products);
        }
        bool tile_5[4];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            tile_5[i_89] = (int)(((uint)((at + ((i_89 & 3) * 4))) + (uint)(j))) < smaller;
        }
        const int index_3 = tw_checked(tables_in, arguments.pages, faults, 2);
        float values_in[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(values + (((((long)(index_3) * arguments.values_stride0) + ((long)((at + ((((i_89 * 4) >> 2) & 3) * 4))) * arguments.values_stride1)) + ((long)((int)threadgroup_position_in_grid.x) * arguments.values_stride2)) + (long)(at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) values_in[(i_89 * 4) + l] = vector.lane[l];
            }
        }
        float chosen[16];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            chosen[i_89] = tile_5[(i_89 >> 2) & 3] ? values_in[i_89] : 0.0f;
        }
        const float chosen_2 = ((int)(((uint)(at_6) + (uint)(j))) < smaller) ? products : (-INFINITY);
        const float tile_6 = v;
        float greatest = -INFINITY;
        greatest = tw_max(greatest, chosen_2);
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
        greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 79) == 0) {
            tile2[at_5] = greatest;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float larger = tw_max(tile_6, tile2[at]);
        const bool test_2 = larger == (-INFINITY);
        const float chosen_3 = test_2 ? 0.0f : larger;
        const float difference = tile_6 - chosen_3;
        const float exp_x = precise::exp(difference);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 31) == 0) {
            tile3[at] = chosen_3;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float difference_2 = chosen_2 - tile3[at_5];
        const float exp_x_2 = precise::exp(difference_2);
        const float tile_7 = v_2;
        float total = 0.0f;
        total = total + exp_x_2;
        total = total + simd_shuffle_xor(total, 1);
        total = total + simd_shuffle_xor(total, 2);
        total = total + simd_shuffle_xor(total, 4);
        total = total + simd_shuffle_xor(total, 8);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 79) == 0) {
            tile4[at_5] = total;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const float total_2 = tile4[at];
        const float fma_x = fma(tile_7, exp_x, total_2);
        v_2 = fma_x;
        float product_3[4];
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 4; i_89++) {
            product_3[i_89] = v_3[i_89] * exp_x;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 64) == 0) {
            tile5[(at_5 * 16) + at_6] = exp_x_2;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i_89 = 0; i_89 < 16; i_89++) {
            tile6[((at + (((i_89 >> 2) & 3) * 4)) * 128) + (at_2 + (i_89 & 3))] = chosen[i_89];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(out + ((((long)((int)threadgroup_position_in_grid.y) * arguments.out_stride0) + ((long)((product + at)) * arguments.out_stride1)) + (long)(at_2))) = vector.all;
        }
    }
}
