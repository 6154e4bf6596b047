// elu, f32, n = 16777216

struct elu_arguments {
    int n;
    float alpha;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_elu(const float* __restrict__ x, float* y, const elu_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        x_in[i_13] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float chosen_2[4];
    _Pragma("unroll")
    for (int i_13 = 0; i_13 < 4; i_13++) {
        const bool test = x_in[i_13] > 0.0f;
        const float chosen = test ? 0.0f : x_in[i_13];
        const float product = expm1f(chosen) * arguments.alpha;
        chosen_2[i_13] = test ? x_in[i_13] : product;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen_2[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
