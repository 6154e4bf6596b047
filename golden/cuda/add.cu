// add, f32, n = 16777216

struct add_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_add(const float* __restrict__ a, const float* __restrict__ b, float* y, const add_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float a_in[4];
    a_in[0] = 0.0f;
    a_in[1] = 0.0f;
    a_in[2] = 0.0f;
    a_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(a + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) a_in[l] = vector.lane[l];
        }
    }
    float b_in[4];
    b_in[0] = 0.0f;
    b_in[1] = 0.0f;
    b_in[2] = 0.0f;
    b_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[l] = vector.lane[l];
        }
    }
    float added[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        added[i] = a_in[i] + b_in[i];
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        float out[4];
        out[0] = added[0];
        out[1] = added[1];
        out[2] = added[2];
        out[3] = added[3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
