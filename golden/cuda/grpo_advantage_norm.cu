// grpo_advantage_norm, f32, groups = 65536, members = 16

struct grpo_advantage_norm_arguments {
    long long rewards_stride0;
    long long y_stride0;
    int groups;
    int members;
    float eps;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_grpo_advantage_norm(const float* __restrict__ rewards, float* y, const grpo_advantage_norm_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 3;
    const int program = ((int)blockIdx.x * 64) + ((int)threadIdx.x >> 2);
    const int program_2 = min(program, (arguments.groups + (-1)));
    const int at = thread_2 * 4;
    float rewards_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(rewards + (((long long)(program_2) * arguments.rewards_stride0) + (long long)(at)));
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
        sums[i * 2] = __fadd_rn(sums[i * 2], sums[(i * 2) + 1]);
    }
    sums[0] = __fadd_rn(sums[0], sums[2]);
    sums[0] = __fadd_rn(sums[0], __shfl_xor_sync(0xffffffffu, sums[0], 1));
    sums[0] = __fadd_rn(sums[0], __shfl_xor_sync(0xffffffffu, sums[0], 2));
    float total = 0.0f;
    total = __fadd_rn(total, sums[0]);
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
        squares[i * 2] = __fadd_rn(squares[i * 2], squares[(i * 2) + 1]);
    }
    squares[0] = __fadd_rn(squares[0], squares[2]);
    squares[0] = __fadd_rn(squares[0], __shfl_xor_sync(0xffffffffu, squares[0], 1));
    squares[0] = __fadd_rn(squares[0], __shfl_xor_sync(0xffffffffu, squares[0], 2));
    float total_2 = 0.0f;
    total_2 = __fadd_rn(total_2, squares[0]);
    const float added = (total_2 / wide) + arguments.eps;
    const float rsqrt_x = rsqrtf(added);
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
            *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)(at))) = vector.all;
        }
    }
}
