// scatter_add, f32, count = 16384, entries = 4096, cols = 1024

struct scatter_add_arguments {
    long updates_stride0;
    long y_stride0;
    int count;
    int cols;
    int entries;
};

[[kernel, max_total_threads_per_threadgroup(32)]]
void tw_kernel_scatter_add(
    const device uint* index [[buffer(0)]],
    const device float* updates [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant scatter_add_arguments& arguments [[buffer(3)]],
    device uint* faults [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    const int larger = max((arguments.entries - 1), 0);
    const int added = (larger / 1024) + 1;
    const int product = (int)threadgroup_position_in_grid.x * added;
    const int added_2 = product + added;
    const int smaller = min(added_2, arguments.entries);
    const int product_2 = (int)threadgroup_position_in_grid.y * 256;
    for (int j = product; j < smaller; j += 1) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                float out[4];
                _Pragma("unroll")
                for (int i_73 = 0; i_73 < 4; i_73++) {
                    out[i_73] = 0.0f;
                }
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(device uint4*)(y + (((long)(j) * arguments.y_stride0) + (long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                }
            }
        }
    }
    for (int j_2 = 0; j_2 < arguments.count; j_2 += 256) {
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        uint index_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            index_in[i * 4] = 0u;
            index_in[(i * 4) + 1] = 0u;
            index_in[(i * 4) + 2] = 0u;
            index_in[(i * 4) + 3] = 0u;
            if ((j_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.count) {
                {
                    union { uint4 all; uint lane[4]; } vector;
                    vector.all = *(const device uint4*)(index + (long)((j_2 + (at + ((((i * 4) >> 2) & 1) * 128)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) index_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        int chosen[8];
        int total = 0;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int larger_2 = max(min((int)min(index_in[i], 2147483647u), larger), 0);
            const bool test = larger_2 >= product;
            const bool test_2 = larger_2 < added_2;
            const bool and_ = test && test_2;
            const int added_3 = (int)(((uint)((at + ((i & 3) + (((i >> 2) & 1) * 128)))) + (uint)(j_2)));
            const bool test_3 = (int)(((uint)((at + (((((i >> 2) * 4) >> 2) & 1) * 128))) + (uint)(j_2))) < arguments.count;
            const bool and_2 = and_ && test_3;
            chosen[i] = and_2 ? added_3 : 2147483647;
            total = total + (int)(and_2);
        }
        total = total + simd_shuffle_xor(total, 1);
        total = total + simd_shuffle_xor(total, 2);
        total = total + simd_shuffle_xor(total, 4);
        total = total + simd_shuffle_xor(total, 8);
        total = total + simd_shuffle_xor(total, 16);
        int at_2 = -1;
        for (int j_3 = 0; j_3 < total; j_3 += 1) {
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            const int tile = at_2;
            int least = 2147483647;
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                const bool test_4 = chosen[i] > tile;
                least = min(least, (test_4 ? chosen[i] : 2147483647));
            }
            least = min(least, simd_shuffle_xor(least, 1));
            least = min(least, simd_shuffle_xor(least, 2));
            least = min(least, simd_shuffle_xor(least, 4));
            least = min(least, simd_shuffle_xor(least, 8));
            least = min(least, simd_shuffle_xor(least, 16));
            at_2 = least;
            const int tile_2 = at_2;
            const int index_2 = tw_checked(tile_2, arguments.count, faults, 0);
            const uint index_in_2 = index[(long)(index_2)];
            const int rounded_3 = (int)min(index_in_2, 2147483647u);
            const int index_3 = tw_checked(tile_2, arguments.count, faults, 1);
            float updates_in[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                updates_in[i * 4] = 0.0f;
                updates_in[(i * 4) + 1] = 0.0f;
                updates_in[(i * 4) + 2] = 0.0f;
                updates_in[(i * 4) + 3] = 0.0f;
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const device uint4*)(updates + (((long)(index_3) * arguments.updates_stride0) + (long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) updates_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            const int index_4 = tw_checked(rounded_3, arguments.entries, faults, 2);
            float y_in[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                y_in[i * 4] = 0.0f;
                y_in[(i * 4) + 1] = 0.0f;
                y_in[(i * 4) + 2] = 0.0f;
                y_in[(i * 4) + 3] = 0.0f;
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const device uint4*)(y + (((long)(index_4) * arguments.y_stride0) + (long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            float added_4[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                added_4[i] = y_in[i] + updates_in[i];
            }
            const int index_5 = tw_checked(rounded_3, arguments.entries, faults, 2);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    float out_2[4];
                    out_2[0] = added_4[i * 4];
                    out_2[1] = added_4[(i * 4) + 1];
                    out_2[2] = added_4[(i * 4) + 2];
                    out_2[3] = added_4[(i * 4) + 3];
                    {
                        union { uint4 all; float lane[4]; } vector;
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                        *(device uint4*)(y + (((long)(index_5) * arguments.y_stride0) + (long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                    }
                }
            }
        }
    }
}
