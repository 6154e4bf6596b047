// argmax, f32, rows = 16384, cols = 1024

struct argmax_arguments {
    long x_stride0;
    int rows;
    int cols;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_argmax(
    const device float* x [[buffer(0)]],
    device uint* y [[buffer(1)]],
    constant argmax_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, x_in[i]);
    }
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    uint least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const bool test = x_in[i] == greatest;
        const bool is_nan_x = x_in[i] != x_in[i];
        const bool or_ = test || is_nan_x;
        const uint rounded = (uint)((at + ((i & 3) + (((i >> 2) & 7) * 128))));
        least = min(least, (or_ ? rounded : 4294967295u));
    }
    least = min(least, simd_shuffle_xor(least, 1));
    least = min(least, simd_shuffle_xor(least, 2));
    least = min(least, simd_shuffle_xor(least, 4));
    least = min(least, simd_shuffle_xor(least, 8));
    least = min(least, simd_shuffle_xor(least, 16));
    const bool test_2 = least == 4294967295u;
    const uint chosen_2 = test_2 ? 0u : least;
    if ((program < arguments.rows) && ((thread_2 & 31) == 0)) {
        y[(long)(program_2)] = chosen_2;
    }
}
