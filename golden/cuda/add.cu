// add, f32, n = 16777216

struct add_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_add(const float* __restrict__ a, const float* __restrict__ b, float* y, const add_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float a_in[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        a_in[i_6] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(a + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) a_in[l] = vector.lane[l];
        }
    }
    float b_in[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        b_in[i_6] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(b + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[l] = vector.lane[l];
        }
    }
    float added[4];
    _Pragma("unroll")
    for (int i_6 = 0; i_6 < 4; i_6++) {
        added[i_6] = a_in[i_6] + b_in[i_6];
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = added[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
