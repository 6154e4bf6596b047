// geglu2, f32, n = 16777216

struct geglu2_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_geglu2(const float* __restrict__ gate, const float* __restrict__ up, float* y, const geglu2_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float gate_in[4];
    _Pragma("unroll")
    for (int i_16 = 0; i_16 < 4; i_16++) {
        gate_in[i_16] = 0.0f;
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
    for (int i_16 = 0; i_16 < 4; i_16++) {
        up_in[i_16] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(up + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float product_4[4];
    _Pragma("unroll")
    for (int i_16 = 0; i_16 < 4; i_16++) {
        const float product = gate_in[i_16] * gate_in[i_16];
        const float product_2 = gate_in[i_16] * fma(0.071354814f, product, 1.5957692f);
        product_4[i_16] = (gate_in[i_16] * tw_sigmoid(product_2)) * up_in[i_16];
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_4[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
