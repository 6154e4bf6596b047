// cumsum, f32, rows = 16384, cols = 1024

struct cumsum_arguments {
    long long x_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_cumsum(const float* __restrict__ x, float* y, const cumsum_arguments arguments) {
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
    float running[32];
    float carry = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        float sum = 0.0f;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 4; i_3++) {
            sum = sum + x_in[(i * 4) + i_3];
            running[(i * 4) + i_3] = sum;
        }
        const int lane_ = (int)(threadIdx.x & 31) & 31;
        float running_2 = sum;
        const float other = __shfl_up_sync(0xffffffffu, running_2, 1);
        running_2 = (lane_ >= 1) ? (other + running_2) : running_2;
        const float other_2 = __shfl_up_sync(0xffffffffu, running_2, 2);
        running_2 = (lane_ >= 2) ? (other_2 + running_2) : running_2;
        const float other_3 = __shfl_up_sync(0xffffffffu, running_2, 4);
        running_2 = (lane_ >= 4) ? (other_3 + running_2) : running_2;
        const float other_4 = __shfl_up_sync(0xffffffffu, running_2, 8);
        running_2 = (lane_ >= 8) ? (other_4 + running_2) : running_2;
        const float other_5 = __shfl_up_sync(0xffffffffu, running_2, 16);
        running_2 = (lane_ >= 16) ? (other_5 + running_2) : running_2;
        const float other_6 = __shfl_up_sync(0xffffffffu, running_2, 1);
        const float below = (lane_ >= 1) ? other_6 : 0.0f;
        const float total = __shfl_sync(0xffffffffu, running_2, (threadIdx.x & 31) | 31);
        const float before = carry + below;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 4; i_3++) {
            running[(i * 4) + i_3] = before + running[(i * 4) + i_3];
        }
        carry = carry + total;
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = running[i * 4];
            out[1] = running[(i * 4) + 1];
            out[2] = running[(i * 4) + 2];
            out[3] = running[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
