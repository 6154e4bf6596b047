// next_token_of_parts, f32, batch = 1, parts = 128, max_len = 1024

struct next_token_of_parts_arguments {
    long greatest_stride0;
    long position_stride0;
    long history_stride0;
    int batch;
    int parts;
    int max_len;
    int width;
};

[[kernel, max_total_threads_per_threadgroup(32)]]
void tw_kernel_next_token_of_parts(
    const device float* greatest [[buffer(0)]],
    const device uint* position [[buffer(1)]],
    device uint* history [[buffer(2)]],
    device uint* ids [[buffer(3)]],
    device int* positions [[buffer(4)]],
    device int* lens [[buffer(5)]],
    constant next_token_of_parts_arguments& arguments [[buffer(6)]],
    device uint* faults [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float greatest_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(greatest + (((long)((int)threadgroup_position_in_grid.x) * arguments.greatest_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) greatest_in[l] = vector.lane[l];
    }
    float greatest_2 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        greatest_2 = tw_max(greatest_2, greatest_in[i]);
    }
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 1));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 2));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 4));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 8));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 16));
    uint least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test = greatest_in[i] == greatest_2;
        const bool is_nan_x = greatest_in[i] != greatest_in[i];
        const bool or_ = test || is_nan_x;
        const uint rounded = (uint)((at + (i & 3)));
        least = min(least, (or_ ? rounded : 4294967295u));
    }
    least = min(least, simd_shuffle_xor(least, 1));
    least = min(least, simd_shuffle_xor(least, 2));
    least = min(least, simd_shuffle_xor(least, 4));
    least = min(least, simd_shuffle_xor(least, 8));
    least = min(least, simd_shuffle_xor(least, 16));
    const bool test_2 = least == 4294967295u;
    const uint chosen_2 = test_2 ? 0u : least;
    const int rounded_2 = (int)min(chosen_2, 2147483647u);
    const int index = tw_checked(rounded_2, arguments.parts, faults, 0);
    const uint position_in = position[((long)((int)threadgroup_position_in_grid.x) * arguments.position_stride0) + (long)(index)];
    const int added = (rounded_2 * arguments.width) + (int)min(position_in, 2147483647u);
    const uint rounded_4 = (unsigned int)max(added, 0);
    const int index_2 = tw_checked(rounded_2, arguments.parts, faults, 1);
    const float greatest_in_2 = greatest[((long)((int)threadgroup_position_in_grid.x) * arguments.greatest_stride0) + (long)(index_2)];
    const int lens_in = lens[(long)((int)threadgroup_position_in_grid.x)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.x)];
    const float abs_x = fabs(greatest_in_2);
    const bool test_3 = abs_x < INFINITY;
    const uint chosen_3 = test_3 ? rounded_4 : 4294967295u;
    const bool test_4 = lens_in > 0;
    if (test_4) {
        const int index_3 = tw_checked(lens_in, arguments.max_len, faults, 2);
        if (((int)thread_index_in_threadgroup & 31) == 0) {
            history[((long)((int)threadgroup_position_in_grid.x) * arguments.history_stride0) + (long)(index_3)] = chosen_3;
        }
        if (((int)thread_index_in_threadgroup & 31) == 0) {
            ids[(long)((int)threadgroup_position_in_grid.x)] = rounded_4;
        }
        const int added_2 = positions_in + 1;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 31) == 0) {
            positions[(long)((int)threadgroup_position_in_grid.x)] = added_2;
        }
        const int added_3 = lens_in + 1;
        if (((int)thread_index_in_threadgroup & 31) == 0) {
            lens[(long)((int)threadgroup_position_in_grid.x)] = added_3;
        }
    }
}
