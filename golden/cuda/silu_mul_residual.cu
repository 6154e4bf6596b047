// silu_mul_residual, f32, n = 16777216

struct silu_mul_residual_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_silu_mul_residual(const float* __restrict__ gate, const float* __restrict__ up, const float* __restrict__ residual, float* y, const silu_mul_residual_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float gate_in[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        gate_in[i_11] = 0.0f;
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
    for (int i_11 = 0; i_11 < 4; i_11++) {
        up_in[i_11] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(up + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float residual_in[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        residual_in[i_11] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(residual + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) residual_in[l] = vector.lane[l];
        }
    }
    float fma_x[4];
    _Pragma("unroll")
    for (int i_11 = 0; i_11 < 4; i_11++) {
        const float product = gate_in[i_11] * tw_sigmoid(gate_in[i_11]);
        fma_x[i_11] = fma(product, up_in[i_11], residual_in[i_11]);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
