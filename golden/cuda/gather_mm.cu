// gather_mm, f32, tokens = 1, experts = 64, columns = 768, depth = 1024

struct gather_mm_arguments {
    long long x_stride0;
    long long indices_stride0;
    long long w_stride0;
    long long w_stride1;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int depth;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_gather_mm(const float* __restrict__ x, const unsigned int* __restrict__ indices, const float* __restrict__ w, float* y, const gather_mm_arguments arguments, uint4* faults) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.columns + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.z) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const unsigned int indices_in = indices[((long long)((int)blockIdx.z) * arguments.indices_stride0) + (long long)((int)blockIdx.y)];
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    float w_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(w + ((((long long)(index) * arguments.w_stride0) + ((long long)(program_2) * arguments.w_stride1)) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = fma(x_in[i], w_in[i], total);
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((program < arguments.columns) && ((thread_2 & 31) == 0)) {
        y[(((long long)((int)blockIdx.z) * arguments.y_stride0) + ((long long)((int)blockIdx.y) * arguments.y_stride1)) + (long long)(program_2)] = total;
    }
}
