// matvec, f32, rows = 1, depth = 4096, columns = 4096

struct matvec_arguments {
    long x_stride0;
    long w_stride0;
    long y_stride0;
    int rows;
    int depth;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_matvec(
    const device float* x [[buffer(0)]],
    const device float* w [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant matvec_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[4];
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[32];
    float w_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)((int)threadgroup_position_in_grid.x) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = fma(x_in[i], w_in[i], total);
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[i];
    }
    if (((int)thread_index_in_threadgroup & 127) == 0) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)((int)threadgroup_position_in_grid.x)] = total;
    }
}
