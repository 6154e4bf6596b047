// swiglu2, f32, n = 16777216

struct swiglu2_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_swiglu2(const float* __restrict__ gate, const float* __restrict__ up, float* y, const swiglu2_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float gate_in[4];
    _Pragma("unroll")
    for (int i_10 = 0; i_10 < 4; i_10++) {
        gate_in[i_10] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(gate + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[l] = vector.lane[l];
        }
    }
    float up_in[4];
    _Pragma("unroll")
    for (int i_10 = 0; i_10 < 4; i_10++) {
        up_in[i_10] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(up + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_10 = 0; i_10 < 4; i_10++) {
        product_2[i_10] = (gate_in[i_10] * tw_sigmoid(gate_in[i_10])) * up_in[i_10];
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
