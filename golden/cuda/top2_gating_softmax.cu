// top2_gating_softmax, f32, tokens = 4096

struct top2_gating_softmax_arguments {
    long long x_stride0;
    long long weights_stride0;
    long long indices_stride0;
    int tokens;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_top2_gating_softmax(const float* __restrict__ x, float* weights, unsigned int* indices, const top2_gating_softmax_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.tokens + (-1)));
    const int at = thread_2 & 7;
    const int at_3 = thread_2 & 1;
    const float x_in = x[((long long)(program_2) * arguments.x_stride0) + (long long)(at)];
    float top;
    unsigned int top_index;
    const float x_2 = x_in;
    const int key = (x_2 != x_2) ? 2147483647 : (__float_as_int(x_2) ^ ((__float_as_int(x_2) >> 31) & 2147483647));
    int own;
    unsigned int own_at;
    int won;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    const int x_3 = (key == (-1)) ? 0 : key;
    const unsigned int at_2 = ((unsigned int)(at) + (unsigned int)(at)) | ((key == (-1)) ? 1u : 0u);
    if (x_3 > own) {
        own = x_3;
        own_at = at_2;
    }
    for (int round = 0; round < 2; round += 1) {
        won = own;
        won_at = own_at;
        const int other = __shfl_xor_sync(0xffffffffu, won, 1);
        const unsigned int other_2 = __shfl_xor_sync(0xffffffffu, won_at, 1);
        const bool better = (other > won) || ((other == won) && (other_2 < won_at));
        const int value = better ? other : won;
        const unsigned int position = better ? other_2 : won_at;
        won = value;
        won_at = position;
        const int other_3 = __shfl_xor_sync(0xffffffffu, won, 2);
        const unsigned int other_4 = __shfl_xor_sync(0xffffffffu, won_at, 2);
        const bool better_2 = (other_3 > won) || ((other_3 == won) && (other_4 < won_at));
        const int value_2 = better_2 ? other_3 : won;
        const unsigned int position_2 = better_2 ? other_4 : won_at;
        won = value_2;
        won_at = position_2;
        const int other_5 = __shfl_xor_sync(0xffffffffu, won, 4);
        const unsigned int other_6 = __shfl_xor_sync(0xffffffffu, won_at, 4);
        const bool better_3 = (other_5 > won) || ((other_5 == won) && (other_6 < won_at));
        const int value_3 = better_3 ? other_5 : won;
        const unsigned int position_3 = better_3 ? other_6 : won_at;
        won = value_3;
        won_at = position_3;
        if (at_3 == round) {
            top = __int_as_float(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            const int x_4 = (key == (-1)) ? 0 : key;
            const unsigned int at_4 = ((unsigned int)(at) + (unsigned int)(at)) | ((key == (-1)) ? 1u : 0u);
            if ((x_4 > own) && ((won > x_4) || ((won == x_4) && (won_at < at_4)))) {
                own = x_4;
                own_at = at_4;
            }
        }
    }
    float greatest = -TW_INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    const float difference = top - greatest;
    const float exp_x = expf(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    const float quotient = exp_x / total;
    if ((program < arguments.tokens) && ((thread_2 & 30) == 0)) {
        weights[((long long)(program_2) * arguments.weights_stride0) + (long long)(at_3)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 30) == 0)) {
        indices[((long long)(program_2) * arguments.indices_stride0) + (long long)(at_3)] = top_index;
    }
}
