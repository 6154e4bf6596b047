// fused_linear_rmsnorm, f32, rows = 1024, depth = 1024, columns = 1024

struct fused_linear_rmsnorm_arguments {
    long x_stride0;
    long w_stride0;
    long y_stride0;
    int rows;
    int depth;
    int columns;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_fused_linear_rmsnorm(
    const device float* x [[buffer(0)]],
    const device float* w [[buffer(1)]],
    const device float* gamma [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant fused_linear_rmsnorm_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float tile0[4096];
    threadgroup float tile1[4096];
    const int at = (int)thread_index_in_threadgroup >> 4;
    const int at_2 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int product = (int)threadgroup_position_in_grid.x * 64;
    float v[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    float tile_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        tile_2[i] = 0.0f;
    }
    for (int j = 0; j < arguments.columns; j += 64) {
        float v_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            v_2[i] = tile_2[i];
        }
        for (int j_2 = 0; j_2 < arguments.depth; j_2 += 64) {
            float x_in[16];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                x_in[i * 4] = 0.0f;
                x_in[(i * 4) + 1] = 0.0f;
                x_in[(i * 4) + 2] = 0.0f;
                x_in[(i * 4) + 3] = 0.0f;
                if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_2 + at_2) < arguments.depth)) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const device uint4*)(x + (((long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.x_stride0) + (long)((j_2 + at_2))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            float tile_3[16];
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile_3[i] = (((j + (at_2 + (i & 3))) < arguments.columns) && ((j_2 + (at + (((i >> 2) & 3) * 16))) < arguments.depth)) ? w[((long)((j + (at_2 + (i & 3)))) * arguments.w_stride0) + (long)((j_2 + (at + (((i >> 2) & 3) * 16))))] : 0.0f;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile0[((at + (((i >> 2) & 3) * 16)) * 64) + (at_2 + (i & 3))] = x_in[i];
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                tile1[((at + (((i >> 2) & 3) * 16)) * 64) + (at_2 + (i & 3))] = tile_3[i];
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            float products[16];
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                products[i] = 0.0f;
            }
            for (int k = 0; k < 64; k += 1) {
                _Pragma("unroll")
                for (int i = 0; i < 16; i++) {
                    products[i] = fma(tile0[((at + (((i >> 2) & 3) * 16)) * 64) + k], tile1[(k * 64) + (at_2 + (i & 3))], products[i]);
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                const float added = v_2[i] + products[i];
                v_2[i] = added;
            }
        }
        float product_2[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_2[i] = v_2[i] * v_2[i];
        }
        float total[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            total[(i >> 2) & 3] = total[(i >> 2) & 3] + product_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total[i] = total[i] + simd_shuffle_xor(total[i], 1);
            total[i] = total[i] + simd_shuffle_xor(total[i], 2);
            total[i] = total[i] + simd_shuffle_xor(total[i], 4);
            total[i] = total[i] + simd_shuffle_xor(total[i], 8);
            const float added_2 = v[i] + total[i];
            v[i] = added_2;
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j + at_2) < arguments.columns)) {
                float out[4];
                out[0] = v_2[i * 4];
                out[1] = v_2[(i * 4) + 1];
                out[2] = v_2[(i * 4) + 2];
                out[3] = v_2[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(device uint4*)(y + (((long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long)((j + at_2)))) = vector.all;
                }
            }
        }
    }
    const float wide = (float)(arguments.columns);
    float rsqrt_x[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float added_3 = (v[i] / wide) + arguments.eps;
        rsqrt_x[i] = precise::rsqrt(added_3);
    }
    for (int j_3 = 0; j_3 < arguments.columns; j_3 += 64) {
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float y_in[16];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            y_in[i * 4] = 0.0f;
            y_in[(i * 4) + 1] = 0.0f;
            y_in[(i * 4) + 2] = 0.0f;
            y_in[(i * 4) + 3] = 0.0f;
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(y + (((long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long)((j_3 + at_2))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float product_3[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_3[i] = y_in[i] * rsqrt_x[(i >> 2) & 3];
        }
        float gamma_in[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            gamma_in[i] = 0.0f;
        }
        if ((j_3 + at_2) < arguments.columns) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(gamma + (long)((j_3 + at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) gamma_in[l] = vector.lane[l];
            }
        }
        float product_4[16];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            product_4[i] = product_3[i] * gamma_in[i & 3];
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            if (((product + (at + ((((i * 4) >> 2) & 3) * 16))) < arguments.rows) && ((j_3 + at_2) < arguments.columns)) {
                float out_2[4];
                out_2[0] = product_4[i * 4];
                out_2[1] = product_4[(i * 4) + 1];
                out_2[2] = product_4[(i * 4) + 2];
                out_2[3] = product_4[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(device uint4*)(y + (((long)((product + (at + ((((i * 4) >> 2) & 3) * 16)))) * arguments.y_stride0) + (long)((j_3 + at_2)))) = vector.all;
                }
            }
        }
    }
}
