// quantized_matmul, f32, rows = 512, columns = 2048, groups = 32

struct quantized_matmul_arguments {
    long x_stride0;
    long w_stride0;
    long scales_stride0;
    long biases_stride0;
    long y_stride0;
    int rows;
    int groups;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_quantized_matmul(
    const device float* x [[buffer(0)]],
    const device uint* w [[buffer(1)]],
    const device float* scales [[buffer(2)]],
    const device float* biases [[buffer(3)]],
    device float* y [[buffer(4)]],
    constant quantized_matmul_arguments& arguments [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float operand0[4096];
    threadgroup float operand1[4096];
    const int at = ((((int)thread_index_in_threadgroup >> 1) & 3) + ((((int)thread_index_in_threadgroup >> 4) & 1) * 4)) + (((int)thread_index_in_threadgroup >> 6) * 32);
    const int at_2 = ((((int)thread_index_in_threadgroup & 1) * 2) + ((((int)thread_index_in_threadgroup >> 3) & 1) * 4)) + ((((int)thread_index_in_threadgroup >> 5) & 1) * 32);
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    const int at_4 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int row = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int column = (((int)thread_index_in_simdgroup & 1) * 2) + ((((int)thread_index_in_simdgroup >> 3) & 1) * 4);
    const int product = (int)threadgroup_position_in_grid.y * 64;
    const int product_2 = (int)threadgroup_position_in_grid.x * 64;
    float v[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    const int first = 0;
    const int end = arguments.groups;
    int slot = 0;
    int free = 0;
    for (int j = first; j < end; j += 1) {
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const int next = j;
        if (next < end) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = (((product + (at_3 + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && (((next * 64) + at_4) < (64 * arguments.groups))) ? *(const device uint4*)(x + (((long)((product + (at_3 + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long)(((next * 64) + at_4)))) : uint4(0);
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) (operand0 + ((free * 4096) + ((((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))))[l] = vector.lane[l];
                }
            }
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const int product_4 = j * 8;
        float tile_5[32];
        float tile_6[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile_5[i] = fma((float)(((((((product_2 + (at + (((i >> 3) & 3) * 8))) < arguments.columns) && ((product_4 + (((at_2 + ((i & 1) + (((i >> 1) & 3) * 8))) * 4) >> 5)) < (8 * arguments.groups))) ? w[((long)((product_2 + (at + (((i >> 3) & 3) * 8)))) * arguments.w_stride0) + (long)((product_4 + (((at_2 + ((i & 1) + (((i >> 1) & 3) * 8))) * 4) >> 5)))] : 0u) >> ((uint)((((at_2 + ((i & 1) + (((i >> 1) & 3) * 8))) * 4) & 31)) & 31)) & 15u)), (((product_2 + (at + (((i >> 3) & 3) * 8))) < arguments.columns) ? scales[((long)((product_2 + (at + (((i >> 3) & 3) * 8)))) * arguments.scales_stride0) + (long)(j)] : 0.0f), (((product_2 + (at + (((i >> 3) & 3) * 8))) < arguments.columns) ? biases[((long)((product_2 + (at + (((i >> 3) & 3) * 8)))) * arguments.biases_stride0) + (long)(j)] : 0.0f));
            tile_6[i] = v[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            operand1[((((at_2 + ((i & 1) + (((i >> 1) & 3) * 8))) ^ ((((at + (((i >> 3) & 3) * 8)) ^ ((at + (((i >> 3) & 3) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + (((i >> 3) & 3) * 8)) * 32) + (((at_2 + ((i & 1) + (((i >> 1) & 3) * 8))) ^ ((((at + (((i >> 3) & 3) * 8)) ^ ((at + (((i >> 3) & 3) * 8)) >> 2)) & 7) * 4)) & 31))] = tile_5[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float added[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            added[i] = tile_6[i];
        }
        for (int k = 0; k < 8; k += 1) {
            float a[8];
            float b[8];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_18 = 0; i_18 < 2; i_18++) {
                    a[(i * 2) + i_18] = operand0[(slot * 4096) + (((((((k * 8) + column) + i_18) ^ ((((at + ((((i * 8) >> 3) & 3) * 8)) ^ ((at + ((((i * 8) >> 3) & 3) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 8) >> 3) & 3) * 8)) * 32) + (((((k * 8) + column) + i_18) ^ ((((at + ((((i * 8) >> 3) & 3) * 8)) ^ ((at + ((((i * 8) >> 3) & 3) * 8)) >> 2)) & 7) * 4)) & 31)))];
                    b[(i * 2) + i_18] = operand1[(((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_18) & 1) + (((((i * 2) + i_18) >> 1) & 3) * 8))) ^ ((at_2 + ((((i * 2) + i_18) & 1) + (((((i * 2) + i_18) >> 1) & 3) * 8))) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_2 + ((((i * 2) + i_18) & 1) + (((((i * 2) + i_18) >> 1) & 3) * 8))) * 32) + ((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_18) & 1) + (((((i * 2) + i_18) >> 1) & 3) * 8))) ^ ((at_2 + ((((i * 2) + i_18) & 1) + (((((i * 2) + i_18) >> 1) & 3) * 8))) >> 2)) & 7) * 4)) & 31))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_18 = 0; i_18 < 4; i_18++) {
                    tw_multiply_f32(added + (((i * 4) + i_18) * 2), a + (i * 2), b + (i_18 * 2));
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            v[i] = added[i];
        }
        free = slot;
        slot = ((slot + 1) == 1) ? 0 : (slot + 1);
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        if (((product + (at + ((((i * 2) >> 3) & 3) * 8))) < arguments.rows) && ((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8))) < arguments.columns)) {
            float out[2];
            out[0] = v[i * 2];
            out[1] = v[(i * 2) + 1];
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = out[l];
                *(device uint2*)(y + (((long)((product + (at + ((((i * 2) >> 3) & 3) * 8)))) * arguments.y_stride0) + (long)((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8)))))) = vector.all;
            }
        }
    }
}
