// top2_gating_softmax, f32, tokens = 4096

struct top2_gating_softmax_arguments {
    long x_stride0;
    long weights_stride0;
    long indices_stride0;
    int tokens;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_top2_gating_softmax(
    const device float* x [[buffer(0)]],
    device float* weights [[buffer(1)]],
    device uint* indices [[buffer(2)]],
    constant top2_gating_softmax_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.tokens + (-1)));
    const int at = thread_2 & 7;
    const int at_3 = thread_2 & 1;
    const float x_in = x[((long)(program_2) * arguments.x_stride0) + (long)(at)];
    float top;
    uint top_index;
    const float x_2 = x_in;
    const int key = (x_2 != x_2) ? 2147483647 : (as_type<int>(x_2) ^ ((as_type<int>(x_2) >> 31) & 2147483647));
    int own;
    uint own_at;
    int won;
    uint won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    const int x_3 = (key == (-1)) ? 0 : key;
    const uint at_2 = ((uint)(at) + (uint)(at)) | ((key == (-1)) ? 1u : 0u);
    if (x_3 > own) {
        own = x_3;
        own_at = at_2;
    }
    for (int round = 0; round < 2; round += 1) {
        won = own;
        won_at = own_at;
        const int other = simd_shuffle_xor(won, 1);
        const uint other_2 = simd_shuffle_xor(won_at, 1);
        const bool better = (other > won) || ((other == won) && (other_2 < won_at));
        const int value = better ? other : won;
        const uint position = better ? other_2 : won_at;
        won = value;
        won_at = position;
        const int other_3 = simd_shuffle_xor(won, 2);
        const uint other_4 = simd_shuffle_xor(won_at, 2);
        const bool better_2 = (other_3 > won) || ((other_3 == won) && (other_4 < won_at));
        const int value_2 = better_2 ? other_3 : won;
        const uint position_2 = better_2 ? other_4 : won_at;
        won = value_2;
        won_at = position_2;
        const int other_5 = simd_shuffle_xor(won, 4);
        const uint other_6 = simd_shuffle_xor(won_at, 4);
        const bool better_3 = (other_5 > won) || ((other_5 == won) && (other_6 < won_at));
        const int value_3 = better_3 ? other_5 : won;
        const uint position_3 = better_3 ? other_6 : won_at;
        won = value_3;
        won_at = position_3;
        if (at_3 == round) {
            top = as_type<float>(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            const int x_4 = (key == (-1)) ? 0 : key;
            const uint at_4 = ((uint)(at) + (uint)(at)) | ((key == (-1)) ? 1u : 0u);
            if ((x_4 > own) && ((won > x_4) || ((won == x_4) && (won_at < at_4)))) {
                own = x_4;
                own_at = at_4;
            }
        }
    }
    float greatest = -INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    const float difference = top - greatest;
    const float exp_x = precise::exp(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + simd_shuffle_xor(total, 1);
    const float quotient = exp_x / total;
    if ((program < arguments.tokens) && ((thread_2 & 30) == 0)) {
        weights[((long)(program_2) * arguments.weights_stride0) + (long)(at_3)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 30) == 0)) {
        indices[((long)(program_2) * arguments.indices_stride0) + (long)(at_3)] = top_index;
    }
}
