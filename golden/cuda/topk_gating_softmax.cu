// topk_gating_softmax, f32, tokens = 4096

struct topk_gating_softmax_arguments {
    long long x_stride0;
    long long weights_stride0;
    long long indices_stride0;
    int tokens;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_topk_gating_softmax(const float* __restrict__ x, float* weights, unsigned int* indices, const topk_gating_softmax_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.tokens + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    float top;
    unsigned int top_index;
    int key[4];
    int own;
    unsigned int own_at;
    int won;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float x_2 = x_in[i];
        key[i] = (x_2 != x_2) ? 2147483647 : (__float_as_int(x_2) ^ ((__float_as_int(x_2) >> 31) & 2147483647));
        const int x_3 = (key[i] == (-1)) ? 0 : key[i];
        const unsigned int at_2 = ((unsigned int)((at + (i & 3))) + (unsigned int)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
        if (x_3 > own) {
            own = x_3;
            own_at = at_2;
        }
    }
    for (int round = 0; round < 8; round += 1) {
        won = own;
        won_at = own_at;
        won = __reduce_max_sync(0xffffffffu, won);
        won_at = (own == won) ? own_at : 4294967295u;
        won_at = __reduce_min_sync(0xffffffffu, won_at);
        if (at_3 == round) {
            top = __int_as_float(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
            top_index = won_at >> 1u;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int x_4 = (key[i] == (-1)) ? 0 : key[i];
                const unsigned int at_4 = ((unsigned int)((at + (i & 3))) + (unsigned int)((at + (i & 3)))) | ((key[i] == (-1)) ? 1u : 0u);
                if ((x_4 > own) && ((won > x_4) || ((won == x_4) && (won_at < at_4)))) {
                    own = x_4;
                    own_at = at_4;
                }
            }
        }
    }
    float greatest = -TW_INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    const float difference = top - greatest;
    const float exp_x = expf(difference);
    float total = 0.0f;
    total = total + exp_x;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    const float quotient = exp_x / total;
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        weights[((long long)(program_2) * arguments.weights_stride0) + (long long)(at_3)] = quotient;
    }
    if ((program < arguments.tokens) && ((thread_2 & 24) == 0)) {
        indices[((long long)(program_2) * arguments.indices_stride0) + (long long)(at_3)] = top_index;
    }
}
