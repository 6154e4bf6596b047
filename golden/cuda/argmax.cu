// argmax, f32, rows = 16384, cols = 1024

struct argmax_arguments {
    long long x_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_argmax(const float* __restrict__ x, unsigned int* y, const argmax_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, x_in[i]);
    }
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
    unsigned int least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const bool test = x_in[i] == greatest;
        const bool is_nan_x = x_in[i] != x_in[i];
        const bool or_ = test || is_nan_x;
        const unsigned int rounded = (unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128))));
        least = min(least, (or_ ? rounded : 4294967295u));
    }
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 1));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 2));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 4));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 8));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 16));
    const bool test_2 = least == 4294967295u;
    const unsigned int chosen_2 = test_2 ? 0u : least;
    if ((program < arguments.rows) && ((thread_2 & 31) == 0)) {
        y[(long long)(program_2)] = chosen_2;
    }
}
