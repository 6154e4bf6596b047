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
    const int thread_2 = (int)thread_index_in_threadgroup & 3;
    const int program = ((int)threadgroup_position_in_grid.x * 64) + ((int)thread_index_in_threadgroup >> 2);
    const int program_2 = min(program, (arguments.groups + (-1)));
    const int at = thread_2 * 4;
    float rewards_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(rewards + (((long)(program_2) * arguments.rewards_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) rewards_in[l] = vector.lane[l];
    }
    float sums[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        sums[i] = rewards_in[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        sums[i * 2] = fma(sums[i * 2], 1.0f, sums[(i * 2) + 1]);
    }
    sums[0] = fma(sums[0], 1.0f, sums[2]);
    sums[0] = fma(sums[0], 1.0f, simd_shuffle_xor(sums[0], 1));
    sums[0] = fma(sums[0], 1.0f, simd_shuffle_xor(sums[0], 2));
    float total = 0.0f;
    total = fma(total, 1.0f, sums[0]);
    const float wide = (float)(arguments.members);
    const float quotient = total / wide;
    float difference[4];
    float squares[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        difference[i] = rewards_in[i] - quotient;
        const float product = difference[i] * difference[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        squares[i * 2] = fma(squares[i * 2], 1.0f, squares[(i * 2) + 1]);
    }
    squares[0] = fma(squares[0], 1.0f, squares[2]);
    squares[0] = fma(squares[0], 1.0f, simd_shuffle_xor(squares[0], 1));
    squares[0] = fma(squares[0], 1.0f, simd_shuffle_xor(squares[0], 2));
    float total_2 = 0.0f;
    total_2 = fma(total_2, 1.0f, squares[0]);
    const float added = (total_2 / wide) + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added);
    float product_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        product_2[i] = difference[i] * rsqrt_x;
    }
    if (program < arguments.groups) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)(at))) = vector.all;
        }
    }
}
