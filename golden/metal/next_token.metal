// next_token, f32, batch = 1, vocabulary = 151936, max_len = 1024

struct next_token_arguments {
    long logits_stride0;
    long history_stride0;
    int batch;
    int vocabulary;
    int max_len;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_next_token(
    const device float* logits [[buffer(0)]],
    device uint* history [[buffer(1)]],
    device uint* ids [[buffer(2)]],
    device int* positions [[buffer(3)]],
    device int* lens [[buffer(4)]],
    constant next_token_arguments& arguments [[buffer(5)]],
    device uint* faults [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[32];
    threadgroup uint partial1[32];
    const int at = (int)thread_index_in_threadgroup * 4;
    float logits_in[256];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        logits_in[i * 4] = 0.0f;
        logits_in[(i * 4) + 1] = 0.0f;
        logits_in[(i * 4) + 2] = 0.0f;
        logits_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 63) * 4096)) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((at + ((((i * 4) >> 2) & 63) * 4096)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 256; i++) {
        if ((at + ((i & 3) + (((i >> 2) & 63) * 4096))) < arguments.vocabulary) {
            greatest = tw_max(greatest, logits_in[i]);
        }
    }
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = greatest;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, partial0[i]);
    }
    uint least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 256; i++) {
        const bool test = logits_in[i] == greatest;
        const bool is_nan_x = logits_in[i] != logits_in[i];
        const bool or_ = test || is_nan_x;
        const uint rounded = (uint)((at + ((i & 3) + (((i >> 2) & 63) * 4096))));
        const uint chosen = or_ ? rounded : 4294967295u;
        if ((at + ((i & 3) + (((i >> 2) & 63) * 4096))) < arguments.vocabulary) {
            least = min(least, chosen);
        }
    }
    least = min(least, simd_shuffle_xor(least, 1));
    least = min(least, simd_shuffle_xor(least, 2));
    least = min(least, simd_shuffle_xor(least, 4));
    least = min(least, simd_shuffle_xor(least, 8));
    least = min(least, simd_shuffle_xor(least, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = least;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        least = min(least, partial1[i]);
    }
    const bool test_2 = least == 4294967295u;
    const uint chosen_2 = test_2 ? 0u : least;
    const int rounded_2 = (int)min(chosen_2, 2147483647u);
    const int index = tw_checked(rounded_2, arguments.vocabulary, faults, 0);
    const float logits_in_2 = logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)(index)];
    const int lens_in = lens[(long)((int)threadgroup_position_in_grid.x)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.x)];
    const float abs_x = fabs(logits_in_2);
    const bool test_3 = abs_x < INFINITY;
    const uint chosen_3 = test_3 ? chosen_2 : 4294967295u;
    const bool test_4 = lens_in > 0;
    if (test_4) {
        const int index_2 = tw_checked(lens_in, arguments.max_len, faults, 1);
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            history[((long)((int)threadgroup_position_in_grid.x) * arguments.history_stride0) + (long)(index_2)] = chosen_3;
        }
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            ids[(long)((int)threadgroup_position_in_grid.x)] = chosen_2;
        }
        const int added = positions_in + 1;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            positions[(long)((int)threadgroup_position_in_grid.x)] = added;
        }
        const int added_2 = lens_in + 1;
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            lens[(long)((int)threadgroup_position_in_grid.x)] = added_2;
        }
    }
}
