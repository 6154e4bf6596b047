// topk_gating_softmax, f32, tokens = 4096

struct topk_gating_softmax_arguments {
    long x_stride0;
    long weights_stride0;
    long indices_stride0;
    int tokens;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_topk_gating_softmax(
    const device float* x [[buffer(0)]],
    device float* weights [[buffer(1)]],
    device uint* indices [[buffer(2)]],
    constant topk_gating_softmax_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.tokens + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    float top;
    uint top_index;
    int key[4];
    int own;
    uint own_at;
    int won;
    uint won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float x_2 = x_in[i];
        key[i] = (x_2 != x_2) ? 2147483647 : (as_type<int>(x_2) ^ ((as_type<int>(x_2) >> 31) & 2147483647));
        const int x_3 = (key[i] == (-1)) ? 0 : key[i];
        const uint at_2 = ((uint)((at + (i & 3))) + (uint)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
        if (x_3 > own) {
            own = x_3;
            own_at = at_2;
        }
    }
    for (int round = 0; round < 8; round += 1) {
        won = own;
        won_at = own_at;
        won = simd_max(won);
        won_at = (own == won) ? own_at : 4294967295u;
        won_at = simd_min(won_at);
        if (at_3 == round) {
            top = as_type<float>(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int x_4 = (key[i] == (-1)) ? 0 : key[i];
                const uint at_4 = ((uint)((at + (i & 3))) + (uint)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
                if ((x_4 > own) && ((won > x_4) || ((won == x_4) && (won_at < at_4)))) {
                    own = x_4;
                    own_at = at_4;
                }
            }
        }
    }
    float greatest = -INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    const float difference = top - greatest;
    const float exp_x = precise::exp(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    const float quotient = exp_x / total;
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        weights[((long)(program_2) * arguments.weights_stride0) + (long)(at_3)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        indices[((long)(program_2) * arguments.indices_stride0) + (long)(at_3)] = top_index;
    }
}
