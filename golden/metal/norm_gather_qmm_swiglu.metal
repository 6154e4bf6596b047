// norm_gather_qmm_swiglu, f32, tokens = 1, experts = 128, columns = 768, groups = 32

struct norm_gather_qmm_swiglu_arguments {
    long x_stride0;
    long indices_stride0;
    long gate_stride0;
    long gate_stride1;
    long gate_scales_stride0;
    long gate_scales_stride1;
    long gate_biases_stride0;
    long gate_biases_stride1;
    long up_stride0;
    long up_stride1;
    long up_scales_stride0;
    long up_scales_stride1;
    long up_biases_stride0;
    long up_biases_stride1;
    long y_stride0;
    long y_stride1;
    int tokens;
    int groups;
    int experts;
    int columns;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_norm_gather_qmm_swiglu(
    const device float* x [[buffer(0)]],
    const device float* norm [[buffer(1)]],
    const device uint* indices [[buffer(2)]],
    const device uint* gate [[buffer(3)]],
    const device float* gate_scales [[buffer(4)]],
    const device float* gate_biases [[buffer(5)]],
    const device uint* up [[buffer(6)]],
    const device float* up_scales [[buffer(7)]],
    const device float* up_biases [[buffer(8)]],
    device float* y [[buffer(9)]],
    constant norm_gather_qmm_swiglu_arguments& arguments [[buffer(10)]],
    device uint* faults [[buffer(11)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[5];
    threadgroup float* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup float* partial1 = (decltype(partial1))(shared_memory + 4);
    threadgroup float* partial2 = (decltype(partial2))(shared_memory + 0);
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.z) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const uint indices_in = indices[((long)((int)threadgroup_position_in_grid.z) * arguments.indices_stride0) + (long)((int)threadgroup_position_in_grid.y)];
    float squares[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product = x_in[i] * x_in[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 2] = fma(squares[i * 2], 1.0f, squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 16));
    }
    float total;
    if ((int)thread_index_in_simdgroup == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            partial0[(i * 2) + (int)simdgroup_index_in_threadgroup] = squares[i * 4];
        }
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total = fma(total, 1.0f, fma(partial0[i * 2], 1.0f, partial0[(i * 2) + 1]));
    }
    const float wide = (float)((64 * arguments.groups));
    const float added = (total / wide) + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added);
    float product_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_2[i] = x_in[i] * rsqrt_x;
    }
    float norm_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(norm + (long)((at + ((((i * 4) >> 2) & 7) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) norm_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = product_2[i] * norm_in[i];
    }
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    const int index_4 = tw_checked(rounded, arguments.experts, faults, 3);
    const int index_5 = tw_checked(rounded, arguments.experts, faults, 4);
    const int index_6 = tw_checked(rounded, arguments.experts, faults, 5);
    float tile[8];
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = gate_scales[(((long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.gate_scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_scales_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
        const uint word = gate[(((long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.gate_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_18 = 0; i_18 < 4; i_18++) {
            unpacked[(i * 4) + i_18] = (word >> ((uint)((shift + (i_18 * 4))) & 31)) & 15u;
        }
    }
    float wide_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_2[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = gate_biases[(((long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.gate_biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.gate_biases_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide_2[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        total_2 = fma(product_3[i], fma_x, total_2);
    }
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial1[i];
    }
    float tile_3[8];
    uint unpacked_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_3[i] = up_scales[(((long)(tw_checked(rounded, arguments.experts, faults, 3)) * arguments.up_scales_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_scales_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
        const uint word_2 = up[(((long)(tw_checked(rounded, arguments.experts, faults, 4)) * arguments.up_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_stride1)) + (long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift_2 = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_18 = 0; i_18 < 4; i_18++) {
            unpacked_2[(i * 4) + i_18] = (word_2 >> ((uint)((shift_2 + (i_18 * 4))) & 31)) & 15u;
        }
    }
    float wide_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_3[i] = (float)(unpacked_2[i]);
    }
    float tile_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_4[i] = up_biases[(((long)(tw_checked(rounded, arguments.experts, faults, 5)) * arguments.up_biases_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.up_biases_stride1)) + (long)((at_3 + ((i & 7) * 4)))];
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_2 = fma(wide_3[i], tile_3[(i >> 2) & 7], tile_4[(i >> 2) & 7]);
        total_3 = fma(product_3[i], fma_x_2, total_3);
    }
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial2[(int)simdgroup_index_in_threadgroup] = total_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_3 = total_3 + partial2[i];
    }
    const float product_7 = (total_2 * tw_sigmoid(total_2)) * total_3;
    if (((int)thread_index_in_threadgroup & 63) == 0) {
        y[(((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + (long)((int)threadgroup_position_in_grid.x)] = product_7;
    }
}
