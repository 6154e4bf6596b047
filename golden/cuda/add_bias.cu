// add_bias, f32, rows = 16384, cols = 1024

struct add_bias_arguments {
    long long x_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_add_bias(const float* __restrict__ x, const float* __restrict__ bias, float* y, const add_bias_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    float bias_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(bias + (long long)((at + ((((i * 4) >> 2) & 7) * 128))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        added[i] = x_in[i] + bias_in[i];
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = added[i * 4];
            out[1] = added[(i * 4) + 1];
            out[2] = added[(i * 4) + 2];
            out[3] = added[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
