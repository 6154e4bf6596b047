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
    threadgroup float tile0[4096];
    threadgroup float tile1[4096];
    const int at = (int)thread_index_in_threadgroup >> 4;
    const int at_2 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int product = (int)threadgroup_position_in_grid.y * 64;
    const int product_2 = (int)threadgroup_position_in_grid.x * 64;
    float v[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    for (int j = 0; j < arguments.groups; j += 1) {
        const int product_3 = j * 64;
        const int product_4 = j * 8;
        float x_in[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            x_in[i * 4] = 0.0f;
            x_in[(i * 4) + 1] = 0.0f;
            x_in[(i * 4) + 2] = 0.0f;
            x_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((product_3 + at_2) < (64 * arguments.groups))) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(x + (((long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long)((product_3 + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float tile_6[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile_6[i] = ((float)(((((((product_2 + (at_2 + (i & 3))) < arguments.columns) && ((product_4 + (((at + (((i >> 2) & 7) * 8)) * 4) >> 5)) < (8 * arguments.groups))) ? w[((long)((product_2 + (at_2 + (i & 3)))) * arguments.w_stride0) + (long)((product_4 + (((at + (((i >> 2) & 7) * 8)) * 4) >> 5)))] : 0u) >> ((uint)((((at + (((i >> 2) & 7) * 8)) * 4) & 31)) & 31)) & 15u)) * ((((product_2 + (at_2 + (i & 3))) < arguments.columns) && (j < arguments.groups)) ? scales[((long)((product_2 + (at_2 + (i & 3)))) * arguments.scales_stride0) + (long)(j)] : 0.0f)) + ((((product_2 + (at_2 + (i & 3))) < arguments.columns) && (j < arguments.groups)) ? biases[((long)((product_2 + (at_2 + (i & 3)))) * arguments.biases_stride0) + (long)(j)] : 0.0f);
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile0[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = x_in[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile1[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = tile_6[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float products[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            products[i] = 0.0f;
        }
        for (int k = 0; k < 64; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                products[i] = fma(tile0[((at + (((i >> 2) & 7) * 8)) * 64) + k], tile1[(k * 64) + (at_2 + (i & 3))], products[i]);
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            const float added_2 = v[i] + products[i];
            v[i] = added_2;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((product_2 + at_2) < arguments.columns)) {
            float out[4];
            out[0] = v[i * 4];
            out[1] = v[(i * 4) + 1];
            out[2] = v[(i * 4) + 2];
            out[3] = v[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long)((product_2 + at_2)))) = vector.all;
            }
        }
    }
}
