// masked_softmax, f32, rows = 16384, cols = 1024

struct masked_softmax_arguments {
    long long x_stride0;
    long long mask_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_masked_softmax(const float* __restrict__ x, const unsigned char* __restrict__ mask, float* y, const masked_softmax_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    bool mask_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { unsigned int all; unsigned char lane[4]; } vector;
            vector.all = *(const unsigned int*)(mask + (((long long)(program_2) * arguments.mask_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) mask_in[(i * 4) + l] = (vector.lane[l] != 0);
        }
    }
    float chosen[32];
    float greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        chosen[i] = mask_in[i] ? x_in[i] : (-TW_INFINITY);
        greatest = tw_max(greatest, chosen[i]);
    }
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
    const bool test = greatest == (-TW_INFINITY);
    const float chosen_2 = test ? 0.0f : greatest;
    float exp_x[32];
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float difference = chosen[i] - chosen_2;
        exp_x[i] = expf(difference);
        total = total + exp_x[i];
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    const bool test_2 = total == 0.0f;
    const float chosen_3 = test_2 ? 1.0f : total;
    float quotient[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        quotient[i] = exp_x[i] / chosen_3;
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = quotient[i * 4];
            out[1] = quotient[(i * 4) + 1];
            out[2] = quotient[(i * 4) + 2];
            out[3] = quotient[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
