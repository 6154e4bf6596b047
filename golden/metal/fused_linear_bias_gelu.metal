// fused_linear_bias_gelu, f32, rows = 1024, depth = 1024, columns = 1024

struct fused_linear_bias_gelu_arguments {
    long x_stride0;
    long w_stride0;
    long y_stride0;
    int rows;
    int depth;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_fused_linear_bias_gelu(
    const device float* x [[buffer(0)]],
    const device float* w [[buffer(1)]],
    const device float* bias [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant fused_linear_bias_gelu_arguments& arguments [[buffer(4)]],
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
    const int end = arguments.depth;
    int slot = 0;
    int free = 0;
    for (int j = first; j < end; j += 64) {
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const int next = j;
        if (next < end) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = (((product + (at_3 + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((next + at_4) < arguments.depth)) ? *(const device uint4*)(x + (((long)((product + (at_3 + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long)((next + at_4)))) : uint4(0);
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) (operand0 + ((free * 4096) + ((((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))))[l] = vector.lane[l];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = (((product_2 + (at_3 + ((((i * 4) >> 2) & 7) * 8))) < arguments.columns) && ((next + at_4) < arguments.depth)) ? *(const device uint4*)(w + (((long)((product_2 + (at_3 + ((((i * 4) >> 2) & 7) * 8)))) * arguments.w_stride0) + (long)((next + at_4)))) : uint4(0);
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) (operand1 + ((free * 4096) + ((((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))))[l] = vector.lane[l];
                }
            }
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float added[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float tile_2 = v[i];
            added[i] = tile_2;
        }
        for (int k = 0; k < 8; k += 1) {
            float a[8];
            float b[8];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_8 = 0; i_8 < 2; i_8++) {
                    a[(i * 2) + i_8] = operand0[(slot * 4096) + (((((((k * 8) + column) + i_8) ^ ((((at + ((((i * 8) >> 3) & 3) * 8)) ^ ((at + ((((i * 8) >> 3) & 3) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 8) >> 3) & 3) * 8)) * 32) + (((((k * 8) + column) + i_8) ^ ((((at + ((((i * 8) >> 3) & 3) * 8)) ^ ((at + ((((i * 8) >> 3) & 3) * 8)) >> 2)) & 7) * 4)) & 31)))];
                    b[(i * 2) + i_8] = operand1[(slot * 4096) + ((((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_8) & 1) + (((((i * 2) + i_8) >> 1) & 3) * 8))) ^ ((at_2 + ((((i * 2) + i_8) & 1) + (((((i * 2) + i_8) >> 1) & 3) * 8))) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_2 + ((((i * 2) + i_8) & 1) + (((((i * 2) + i_8) >> 1) & 3) * 8))) * 32) + ((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_8) & 1) + (((((i * 2) + i_8) >> 1) & 3) * 8))) ^ ((at_2 + ((((i * 2) + i_8) & 1) + (((((i * 2) + i_8) >> 1) & 3) * 8))) >> 2)) & 7) * 4)) & 31)))];
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                _Pragma("unroll")
                for (int i_8 = 0; i_8 < 4; i_8++) {
                    tw_multiply_f32(added + (((i * 4) + i_8) * 2), a + (i * 2), b + (i_8 * 2));
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
    float bias_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        bias_in[i * 2] = 0.0f;
        bias_in[(i * 2) + 1] = 0.0f;
        if ((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8))) < arguments.columns) {
            {
                union { uint2 all; float lane[2]; } vector;
                vector.all = *(const device uint2*)(bias + (long)((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8)))));
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) bias_in[(i * 2) + l] = vector.lane[l];
            }
        }
    }
    float product_5[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float added_2 = v[i] + bias_in[i & 7];
        const float product_3 = added_2 * added_2;
        const float product_4 = added_2 * fma(0.071354814f, product_3, 1.5957692f);
        product_5[i] = added_2 * tw_sigmoid(product_4);
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        if (((product + (at + ((((i * 2) >> 3) & 3) * 8))) < arguments.rows) && ((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8))) < arguments.columns)) {
            float out[2];
            out[0] = product_5[i * 2];
            out[1] = product_5[(i * 2) + 1];
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = out[l];
                *(device uint2*)(y + (((long)((product + (at + ((((i * 2) >> 3) & 3) * 8)))) * arguments.y_stride0) + (long)((product_2 + (at_2 + ((((i * 2) >> 1) & 3) * 8)))))) = vector.all;
            }
        }
    }
}
