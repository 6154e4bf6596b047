// grouped_quantized_linear, f32, blocks = 64, experts = 16, columns = 768, groups = 32

struct grouped_quantized_linear_arguments {
    long x_stride0;
    long w_stride0;
    long w_stride1;
    long scales_stride0;
    long scales_stride1;
    long biases_stride0;
    long biases_stride1;
    long y_stride0;
    int blocks;
    int groups;
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_grouped_quantized_linear(
    const device float* x [[buffer(0)]],
    const device uint* owners [[buffer(1)]],
    const device uint* w [[buffer(2)]],
    const device float* scales [[buffer(3)]],
    const device float* biases [[buffer(4)]],
    device float* y [[buffer(5)]],
    constant grouped_quantized_linear_arguments& arguments [[buffer(6)]],
    device uint* faults [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float operand0[8192];
    const int at = ((((int)thread_index_in_threadgroup >> 1) & 3) + ((((int)thread_index_in_threadgroup >> 4) & 1) * 4)) + (((int)thread_index_in_threadgroup >> 6) * 32);
    const int at_2 = ((((int)thread_index_in_threadgroup & 1) * 2) + ((((int)thread_index_in_threadgroup >> 3) & 1) * 4)) + ((((int)thread_index_in_threadgroup >> 5) & 1) * 64);
    const int at_4 = (int)thread_index_in_threadgroup >> 4;
    const int at_6 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int row = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int column = (((int)thread_index_in_simdgroup & 1) * 2) + ((((int)thread_index_in_simdgroup >> 3) & 1) * 4);
    const int product = (int)threadgroup_position_in_grid.x * 128;
    const uint owners_in = owners[(long)((int)threadgroup_position_in_grid.y)];
    const int rounded = (int)min(owners_in, 2147483647u);
    const bool test = rounded < arguments.experts;
    const int chosen = test ? arguments.groups : 0;
    const int smaller = min(rounded, (arguments.experts - 1));
    const int product_2 = (int)threadgroup_position_in_grid.y * 64;
    float v[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    for (int j = 0; j < chosen; j += 1) {
        const int product_3 = j * 8;
        const int index = tw_checked(smaller, arguments.experts, faults, 0);
        float tile_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile_2[i] = (((product + (at_4 + ((i & 15) * 8))) < arguments.columns) && (j < arguments.groups)) ? scales[(((long)(tw_checked(smaller, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long)((product + (at_4 + ((i & 15) * 8)))) * arguments.scales_stride1)) + (long)(j)] : 0.0f;
        }
        const int index_2 = tw_checked(smaller, arguments.experts, faults, 1);
        uint unpacked[64];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            const uint word = (((product + (at_4 + ((((i * 4) >> 2) & 15) * 8))) < arguments.columns) && ((product_3 + ((at_6 * 4) >> 5)) < (8 * arguments.groups))) ? w[(((long)(tw_checked(smaller, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long)((product + (at_4 + ((((i * 4) >> 2) & 15) * 8)))) * arguments.w_stride1)) + (long)((product_3 + ((at_6 * 4) >> 5)))] : 0u;
            const int shift = (at_6 * 4) & 31;
            _Pragma("unroll")
            for (int i_7 = 0; i_7 < 4; i_7++) {
                unpacked[(i * 4) + i_7] = (word >> ((uint)((shift + (i_7 * 4))) & 31)) & 15u;
            }
        }
        float wide[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            wide[i] = (float)(unpacked[i]);
        }
        const int index_3 = tw_checked(smaller, arguments.experts, faults, 2);
        float tile_3[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            tile_3[i] = (((product + (at_4 + ((i & 15) * 8))) < arguments.columns) && (j < arguments.groups)) ? biases[(((long)(tw_checked(smaller, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long)((product + (at_4 + ((i & 15) * 8)))) * arguments.biases_stride1)) + (long)(j)] : 0.0f;
        }
        float fma_x[64];
        const int product_4 = j * 64;
        float tile_4[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            fma_x[i] = fma(wide[i], tile_2[(i >> 2) & 15], tile_3[(i >> 2) & 15]);
            tile_4[i] = v[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            operand0[((((at_6 + (i & 3)) ^ ((((at_4 + (((i >> 2) & 15) * 8)) ^ ((at_4 + (((i >> 2) & 15) * 8)) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at_4 + (((i >> 2) & 15) * 8)) * 32) + (((at_6 + (i & 3)) ^ ((((at_4 + (((i >> 2) & 15) * 8)) ^ ((at_4 + (((i >> 2) & 15) * 8)) >> 2)) & 7) * 4)) & 31))] = fma_x[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float added[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            added[i] = tile_4[i];
        }
        for (int k = 0; k < 8; k += 1) {
            float a[8];
            float b[16];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 2; i_7++) {
                    a[(i * 2) + i_7] = (((product_2 + (at + ((((i * 16) >> 4) & 3) * 8))) < (64 * arguments.blocks)) && ((product_4 + (((k * 8) + column) + i_7)) < (64 * arguments.groups))) ? x[((long)((product_2 + (at + ((((i * 16) >> 4) & 3) * 8)))) * arguments.x_stride0) + (long)((product_4 + (((k * 8) + column) + i_7)))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 2; i_7++) {
                    b[(i * 2) + i_7] = operand0[(((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_7) & 1) + (((((i * 2) + i_7) >> 1) & 7) * 8))) ^ ((at_2 + ((((i * 2) + i_7) & 1) + (((((i * 2) + i_7) >> 1) & 7) * 8))) >> 2)) & 7) * 4)) >> 5) * 4096) + (((at_2 + ((((i * 2) + i_7) & 1) + (((((i * 2) + i_7) >> 1) & 7) * 8))) * 32) + ((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_7) & 1) + (((((i * 2) + i_7) >> 1) & 7) * 8))) ^ ((at_2 + ((((i * 2) + i_7) & 1) + (((((i * 2) + i_7) >> 1) & 7) * 8))) >> 2)) & 7) * 4)) & 31))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_7 = 0; i_7 < 8; i_7++) {
                    tw_multiply_f32(added + (((i * 8) + i_7) * 2), a + (i * 2), b + (i_7 * 2));
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            v[i] = added[i];
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        if (((product_2 + (at + ((((i * 2) >> 4) & 3) * 8))) < (64 * arguments.blocks)) && ((product + (at_2 + ((((i * 2) >> 1) & 7) * 8))) < arguments.columns)) {
            float out[2];
            out[0] = v[i * 2];
            out[1] = v[(i * 2) + 1];
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = out[l];
                *(device uint2*)(y + (((long)((product_2 + (at + ((((i * 2) >> 4) & 3) * 8)))) * arguments.y_stride0) + (long)((product + (at_2 + ((((i * 2) >> 1) & 7) * 8)))))) = vector.all;
            }
        }
    }
}
