// gather_dequantize_affine, f32, entries = 32768, rows = 512, groups = 16

struct gather_dequantize_affine_arguments {
    long w_stride0;
    long scales_stride0;
    long biases_stride0;
    long y_stride0;
    int entries;
    int groups;
    int rows;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_gather_dequantize_affine(
    const device uint* w [[buffer(0)]],
    const device float* scales [[buffer(1)]],
    const device float* biases [[buffer(2)]],
    const device uint* index [[buffer(3)]],
    device float* y [[buffer(4)]],
    constant gather_dequantize_affine_arguments& arguments [[buffer(5)]],
    device uint* faults [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at_2 = thread_2 * 4;
    const int at_3 = thread_2 >> 4;
    const uint index_in = index[(long)(program_2)];
    const int rounded = (int)min(index_in, 2147483647u);
    const int index_2 = tw_checked(rounded, arguments.entries, faults, 0);
    const int index_3 = tw_checked(rounded, arguments.entries, faults, 1);
    const int index_4 = tw_checked(rounded, arguments.entries, faults, 2);
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[((long)(tw_checked(rounded, arguments.entries, faults, 0)) * arguments.scales_stride0) + (long)((at_3 + ((i & 7) * 2)))];
        const uint word = w[((long)(tw_checked(rounded, arguments.entries, faults, 1)) * arguments.w_stride0) + (long)((((at_2 + ((((i * 4) >> 2) & 7) * 128)) * 4) >> 5))];
        const int shift = ((at_2 + ((((i * 4) >> 2) & 7) * 128)) * 4) & 31;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 4; i_3++) {
            unpacked[(i * 4) + i_3] = (word >> ((uint)((shift + (i_3 * 4))) & 31)) & 15u;
        }
    }
    float wide[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = biases[((long)(tw_checked(rounded, arguments.entries, faults, 2)) * arguments.biases_stride0) + (long)((at_3 + ((i & 7) * 2)))];
    }
    float fma_x[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        fma_x[i] = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = fma_x[i * 4];
            out[1] = fma_x[(i * 4) + 1];
            out[2] = fma_x[(i * 4) + 2];
            out[3] = fma_x[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((at_2 + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
