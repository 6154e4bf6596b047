// grpo_advantage_norm, f32, groups = 65536, members = 16

struct grpo_advantage_norm_arguments {
    long rewards_stride0;
    long y_stride0;
    int groups;
    int members;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_grpo_advantage_norm(
    const device float* rewards [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant grpo_advantage_norm_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 8) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.groups + (-1)));
    const int at = thread_2 & 15;
    const float rewards_in = rewards[((long)(program_2) * arguments.rewards_stride0) + (long)(at)];
    float total = 0.0f;
    total = total + rewards_in;
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    const float wide = (float)(arguments.members);
    const float difference = rewards_in - (total / wide);
    const float product = difference * difference;
    float squares = product;
    squares = fma(squares, 1.0f, simd_shuffle_xor(squares, 1));
    squares = fma(squares, 1.0f, simd_shuffle_xor(squares, 2));
    squares = fma(squares, 1.0f, simd_shuffle_xor(squares, 4));
    squares = fma(squares, 1.0f, simd_shuffle_xor(squares, 8));
    float total_2 = 0.0f;
    total_2 = fma(total_2, 1.0f, squares);
    const float added = (total_2 / wide) + arguments.eps;
    const float product_2 = difference * precise::rsqrt(added);
    if ((program < arguments.groups) && ((thread_2 & 16) == 0)) {
        y[((long)(program_2) * arguments.y_stride0) + (long)(at)] = product_2;
    }
}
