// log, f32, n = 16777216

struct log_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_log(const float* __restrict__ x, float* y, const log_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 4; i_5++) {
        x_in[i_5] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float log_x[4];
    _Pragma("unroll")
    for (int i_5 = 0; i_5 < 4; i_5++) {
        log_x[i_5] = logf(x_in[i_5]);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = log_x[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
