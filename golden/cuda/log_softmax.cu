// log_softmax, f32, rows = 16384, cols = 1024

struct log_softmax_arguments {
    long long x_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_log_softmax(const float* __restrict__ x, float* y, const log_softmax_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))));
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
    float difference[32];
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        difference[i] = x_in[i] - greatest;
        total = total + expf(difference[i]);
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    const float log_x = logf(total);
    float difference_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        difference_2[i] = difference[i] - log_x;
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = difference_2[i * 4];
            out[1] = difference_2[(i * 4) + 1];
            out[2] = difference_2[(i * 4) + 2];
            out[3] = difference_2[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
