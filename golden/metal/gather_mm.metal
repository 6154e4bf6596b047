// gather_mm, f32, tokens = 1, experts = 64, columns = 768, depth = 1024

struct gather_mm_arguments {
    long x_stride0;
    long indices_stride0;
    long w_stride0;
    long w_stride1;
    long y_stride0;
    long y_stride1;
    int tokens;
    int depth;
    int experts;
    int columns;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_gather_mm(
    const device float* x [[buffer(0)]],
    const device uint* indices [[buffer(1)]],
    const device float* w [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant gather_mm_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.columns + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.z) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const uint indices_in = indices[((long)((int)threadgroup_position_in_grid.z) * arguments.indices_stride0) + (long)((int)threadgroup_position_in_grid.y)];
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    float w_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + ((((long)(index) * arguments.w_stride0) + ((long)(program_2) * arguments.w_stride1)) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
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
    if ((program < arguments.columns) && ((thread_2 & 31) == 0)) {
        y[(((long)((int)threadgroup_position_in_grid.z) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride1)) + (long)(program_2)] = total;
    }
}
