// fused_geglu_erf_gemv, f32, rows = 1, columns = 8192, depth = 2048

struct fused_geglu_erf_gemv_arguments {
    long x_stride0;
    long gate_stride0;
    long up_stride0;
    long y_stride0;
    int rows;
    int depth;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_fused_geglu_erf_gemv(
    const device float* x [[buffer(0)]],
    const device float* gate [[buffer(1)]],
    const device float* up [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant fused_geglu_erf_gemv_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[2];
    threadgroup float partial1[2];
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[32];
    float gate_in[32];
    float up_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(gate + (((long)((int)threadgroup_position_in_grid.x) * arguments.gate_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(up + (((long)((int)threadgroup_position_in_grid.x) * arguments.up_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = fma(x_in[i], gate_in[i], total);
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
    for (int i = 0; i < 2; i++) {
        total = total + partial0[i];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_2 = fma(x_in[i], up_in[i], total_2);
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
    const float product_3 = 0.5f * total;
    const float product_4 = total * 0.70710677f;
    const float product_6 = (product_3 * (tw_erf(product_4) + 1.0f)) * total_2;
    if (((int)thread_index_in_threadgroup & 63) == 0) {
        y[((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + (long)((int)threadgroup_position_in_grid.x)] = product_6;
    }
}
