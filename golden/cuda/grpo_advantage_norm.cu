// grpo_advantage_norm, f32, groups = 65536, members = 16

struct grpo_advantage_norm_arguments {
    long long rewards_stride0;
    long long y_stride0;
    int groups;
    int members;
    float eps;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_grpo_advantage_norm(const float* __restrict__ rewards, float* y, const grpo_advantage_norm_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 8) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.groups + (-1)));
    const int at = thread_2 & 15;
    const float rewards_in = rewards[((long long)(program_2) * arguments.rewards_stride0) + (long long)(at)];
    float total = 0.0f;
    total = total + rewards_in;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    const float wide = (float)(arguments.members);
    const float difference = rewards_in - (total / wide);
    const float product = difference * difference;
    float squares = product;
    squares = __fadd_rn(squares, __shfl_xor_sync(0xffffffffu, squares, 1));
    squares = __fadd_rn(squares, __shfl_xor_sync(0xffffffffu, squares, 2));
    squares = __fadd_rn(squares, __shfl_xor_sync(0xffffffffu, squares, 4));
    squares = __fadd_rn(squares, __shfl_xor_sync(0xffffffffu, squares, 8));
    float total_2 = 0.0f;
    total_2 = __fadd_rn(total_2, squares);
    const float added = (total_2 / wide) + arguments.eps;
    const float product_2 = difference * rsqrtf(added);
    if ((program < arguments.groups) && ((thread_2 & 16) == 0)) {
        y[((long long)(program_2) * arguments.y_stride0) + (long long)(at)] = product_2;
    }
}
