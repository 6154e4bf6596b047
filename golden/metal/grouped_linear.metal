// grouped_linear, f32, blocks = 64, experts = 16, columns = 768, depth = 2048

struct grouped_linear_arguments {
    long x_stride0;
    long w_stride0;
    long w_stride1;
    long y_stride0;
    int blocks;
    int depth;
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_grouped_linear(
    const device float* x [[buffer(0)]],
    const device uint* owners [[buffer(1)]],
    const device float* w [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant grouped_linear_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = ((((int)thread_index_in_threadgroup >> 1) & 3) + ((((int)thread_index_in_threadgroup >> 4) & 1) * 4)) + (((int)thread_index_in_threadgroup >> 6) * 32);
    const int at_2 = ((((int)thread_index_in_threadgroup & 1) * 2) + ((((int)thread_index_in_threadgroup >> 3) & 1) * 4)) + ((((int)thread_index_in_threadgroup >> 5) & 1) * 64);
    const int row = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int column = (((int)thread_index_in_simdgroup & 1) * 2) + ((((int)thread_index_in_simdgroup >> 3) & 1) * 4);
    const int product = (int)threadgroup_position_in_grid.x * 128;
    const uint owners_in = owners[(long)((int)threadgroup_position_in_grid.y)];
    const int rounded = (int)min(owners_in, 2147483647u);
    const bool test = rounded < arguments.experts;
    const int chosen = test ? arguments.depth : 0;
    const int smaller = min(rounded, (arguments.experts - 1));
    const int product_2 = (int)threadgroup_position_in_grid.y * 64;
    float v[64];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    for (int j = 0; j < chosen; j += 64) {
        float added[64];
        _Pragma("unroll")
        for (int i = 0; i < 64; i++) {
            const float tile_2 = v[i];
            added[i] = tile_2;
        }
        const int index = tw_checked(smaller, arguments.experts, faults, 0);
        for (int k = 0; k < 8; k += 1) {
            float a[8];
            float b[16];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_6 = 0; i_6 < 2; i_6++) {
                    a[(i * 2) + i_6] = (((product_2 + (at + ((((i * 16) >> 4) & 3) * 8))) < (64 * arguments.blocks)) && ((j + (((k * 8) + column) + i_6)) < arguments.depth)) ? x[((long)((product_2 + (at + ((((i * 16) >> 4) & 3) * 8)))) * arguments.x_stride0) + (long)((j + (((k * 8) + column) + i_6)))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                _Pragma("unroll")
                for (int i_6 = 0; i_6 < 2; i_6++) {
                    b[(i * 2) + i_6] = (((product + (at_2 + ((((i * 2) + i_6) & 1) + (((((i * 2) + i_6) >> 1) & 7) * 8)))) < arguments.columns) && ((j + ((k * 8) + row)) < arguments.depth)) ? w[(((long)(index) * arguments.w_stride0) + ((long)((product + (at_2 + ((((i * 2) + i_6) & 1) + (((((i * 2) + i_6) >> 1) & 7) * 8))))) * arguments.w_stride1)) + (long)((j + ((k * 8) + row)))] : 0.0f;
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_6 = 0; i_6 < 8; i_6++) {
                    tw_multiply_f32(added + (((i * 8) + i_6) * 2), a + (i * 2), b + (i_6 * 2));
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
