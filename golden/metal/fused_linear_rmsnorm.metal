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

[[kernel, max_total_threads_per_threadgroup(128)]]
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
    threadgroup float operand0[4096];
    threadgroup float operand1[4096];
    const int at = ((((int)thread_index_in_threadgroup >> 1) & 3) + ((((int)thread_index_in_threadgroup >> 4) & 1) * 4)) + (((int)thread_index_in_threadgroup >> 5) * 16);
    const int at_2 = (((int)thread_index_in_threadgroup & 1) * 2) + ((((int)thread_index_in_threadgroup >> 3) & 1) * 4);
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    const int at_4 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int row = ((((int)thread_index_in_simdgroup >> 1) & 1) + ((((int)thread_index_in_simdgroup >> 2) & 1) * 2)) + ((((int)thread_index_in_simdgroup >> 4) & 1) * 4);
    const int column = (((int)thread_index_in_simdgroup & 1) * 2) + ((((int)thread_index_in_simdgroup >> 3) & 1) * 4);
    const int product = (int)threadgroup_position_in_grid.x * 64;
    float v[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float tile = 0.0f;
        v[i] = tile;
    }
    float tile_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        tile_2[i] = 0.0f;
    }
    for (int j = 0; j < arguments.columns; j += 64) {
        float v_2[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            v_2[i] = tile_2[i];
        }
        const int first = 0;
        const int end = arguments.depth;
        int slot = 0;
        int free = 0;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        for (int j_2 = first; j_2 < end; j_2 += 64) {
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            const int next = j_2;
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
                        vector.all = (((j + (at_3 + ((((i * 4) >> 2) & 7) * 8))) < arguments.columns) && ((next + at_4) < arguments.depth)) ? *(const device uint4*)(w + (((long)((j + (at_3 + ((((i * 4) >> 2) & 7) * 8)))) * arguments.w_stride0) + (long)((next + at_4)))) : uint4(0);
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) (operand1 + ((free * 4096) + ((((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_3 + ((((i * 4) >> 2) & 7) * 8)) * 32) + ((at_4 ^ ((((at_3 + ((((i * 4) >> 2) & 7) * 8)) ^ ((at_3 + ((((i * 4) >> 2) & 7) * 8)) >> 2)) & 7) * 4)) & 31)))))[l] = vector.lane[l];
                    }
                }
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            float added[32];
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                const float tile_3 = v_2[i];
                added[i] = tile_3;
            }
            for (int k = 0; k < 8; k += 1) {
                float a[4];
                float b[16];
                _Pragma("unroll")
                for (int i = 0; i < 2; i++) {
                    _Pragma("unroll")
                    for (int i_10 = 0; i_10 < 2; i_10++) {
                        a[(i * 2) + i_10] = operand0[(slot * 4096) + (((((((k * 8) + column) + i_10) ^ ((((at + ((((i * 16) >> 4) & 1) * 8)) ^ ((at + ((((i * 16) >> 4) & 1) * 8)) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at + ((((i * 16) >> 4) & 1) * 8)) * 32) + (((((k * 8) + column) + i_10) ^ ((((at + ((((i * 16) >> 4) & 1) * 8)) ^ ((at + ((((i * 16) >> 4) & 1) * 8)) >> 2)) & 7) * 4)) & 31)))];
                    }
                }
                _Pragma("unroll")
                for (int i = 0; i < 8; i++) {
                    _Pragma("unroll")
                    for (int i_10 = 0; i_10 < 2; i_10++) {
                        b[(i * 2) + i_10] = operand1[(slot * 4096) + ((((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_10) & 1) + (((((i * 2) + i_10) >> 1) & 7) * 8))) ^ ((at_2 + ((((i * 2) + i_10) & 1) + (((((i * 2) + i_10) >> 1) & 7) * 8))) >> 2)) & 7) * 4)) >> 5) * 2048) + (((at_2 + ((((i * 2) + i_10) & 1) + (((((i * 2) + i_10) >> 1) & 7) * 8))) * 32) + ((((k * 8) + row) ^ ((((at_2 + ((((i * 2) + i_10) & 1) + (((((i * 2) + i_10) >> 1) & 7) * 8))) ^ ((at_2 + ((((i * 2) + i_10) & 1) + (((((i * 2) + i_10) >> 1) & 7) * 8))) >> 2)) & 7) * 4)) & 31)))];
                    }
                }
                _Pragma("unroll")
                for (int i = 0; i < 2; i++) {
                    _Pragma("unroll")
                    for (int i_10 = 0; i_10 < 8; i_10++) {
                        tw_multiply_f32(added + (((i * 8) + i_10) * 2), a + (i * 2), b + (i_10 * 2));
                    }
                }
            }
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                v_2[i] = added[i];
            }
            free = slot;
            slot = ((slot + 1) == 1) ? 0 : (slot + 1);
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float total[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            total[(i >> 4) & 1] = fma(v_2[i], v_2[i], total[(i >> 4) & 1]);
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            total[i] = total[i] + simd_shuffle_xor(total[i], 1);
            total[i] = total[i] + simd_shuffle_xor(total[i], 8);
            const float added_2 = v[i] + total[i];
            v[i] = added_2;
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            if (((product + (at + ((((i * 2) >> 4) & 1) * 8))) < arguments.rows) && ((j + (at_2 + ((((i * 2) >> 1) & 7) * 8))) < arguments.columns)) {
                float out[2];
                out[0] = v_2[i * 2];
                out[1] = v_2[(i * 2) + 1];
                {
                    union { uint2 all; float lane[2]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 2; l++) vector.lane[l] = out[l];
                    *(device uint2*)(y + (((long)((product + (at + ((((i * 2) >> 4) & 1) * 8)))) * arguments.y_stride0) + (long)((j + (at_2 + ((((i * 2) >> 1) & 7) * 8)))))) = vector.all;
                }
            }
        }
    }
    const float wide = (float)(arguments.columns);
    float rsqrt_x[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float added_3 = (v[i] / wide) + arguments.eps;
        rsqrt_x[i] = precise::rsqrt(added_3);
    }
    for (int j_3 = 0; j_3 < arguments.columns; j_3 += 64) {
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        float y_in[32];
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            y_in[i * 2] = 0.0f;
            y_in[(i * 2) + 1] = 0.0f;
            if (((product + (at + ((((i * 2) >> 4) & 1) * 8))) < arguments.rows) && ((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8))) < arguments.columns)) {
                {
                    union { uint2 all; float lane[2]; } vector;
                    vector.all = *(const device uint2*)(y + (((long)((product + (at + ((((i * 2) >> 4) & 1) * 8)))) * arguments.y_stride0) + (long)((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 2; l++) y_in[(i * 2) + l] = vector.lane[l];
                }
            }
        }
        float product_3[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_3[i] = y_in[i] * rsqrt_x[(i >> 4) & 1];
        }
        float gamma_in[16];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            gamma_in[i * 2] = 0.0f;
            gamma_in[(i * 2) + 1] = 0.0f;
            if ((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8))) < arguments.columns) {
                {
                    union { uint2 all; float lane[2]; } vector;
                    vector.all = *(const device uint2*)(gamma + (long)((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 2; l++) gamma_in[(i * 2) + l] = vector.lane[l];
                }
            }
        }
        float product_4[32];
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            product_4[i] = product_3[i] * gamma_in[i & 15];
        }
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            if (((product + (at + ((((i * 2) >> 4) & 1) * 8))) < arguments.rows) && ((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8))) < arguments.columns)) {
                float out_2[2];
                out_2[0] = product_4[i * 2];
                out_2[1] = product_4[(i * 2) + 1];
                {
                    union { uint2 all; float lane[2]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 2; l++) vector.lane[l] = out_2[l];
                    *(device uint2*)(y + (((long)((product + (at + ((((i * 2) >> 4) & 1) * 8)))) * arguments.y_stride0) + (long)((j_3 + (at_2 + ((((i * 2) >> 1) & 7) * 8)))))) = vector.all;
                }
            }
        }
    }
}
