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
    for (int j = 0; j < arguments.depth; j += 64) {
        float x_in[32];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            x_in[i * 4] = 0.0f;
            x_in[(i * 4) + 1] = 0.0f;
            x_in[(i * 4) + 2] = 0.0f;
            x_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((j + at_2) < arguments.depth)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(x + (((long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.x_stride0) + (long)((j + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float tile_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile_2[i] = (((product_2 + (at_2 + (i & 3))) < arguments.columns) && ((j + (at + (((i >> 2) & 7) * 8))) < arguments.depth)) ? w[((long)((product_2 + (at_2 + (i & 3)))) * arguments.w_stride0) + (long)((j + (at + (((i >> 2) & 7) * 8))))] : 0.0f;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile0[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = x_in[i];
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            tile1[((at + (((i >> 2) & 7) * 8)) * 64) + (at_2 + (i & 3))] = tile_2[i];
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
            const float added = v[i] + products[i];
            v[i] = added;
        }
    }
    float bias_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        bias_in[i] = 0.0f;
    }
    if ((product_2 + at_2) < arguments.columns) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bias + (long)((product_2 + at_2)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[l] = vector.lane[l];
        }
    }
    float product_6[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float added_2 = v[i] + bias_in[i & 3];
        const float product_5 = added_2 * ((0.071354814f * (added_2 * added_2)) + 1.5957692f);
        product_6[i] = added_2 * tw_sigmoid(product_5);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        if (((product + (at + ((((i * 4) >> 2) & 7) * 8))) < arguments.rows) && ((product_2 + at_2) < arguments.columns)) {
            float out[4];
            out[0] = product_6[i * 4];
            out[1] = product_6[(i * 4) + 1];
            out[2] = product_6[(i * 4) + 2];
            out[3] = product_6[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)((product + (at + ((((i * 4) >> 2) & 7) * 8)))) * arguments.y_stride0) + (long)((product_2 + at_2)))) = vector.all;
            }
        }
    }
}
