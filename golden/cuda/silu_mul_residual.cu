// silu_mul_residual, f32, n = 16777216

struct silu_mul_residual_arguments {
    int n;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_silu_mul_residual(const float* __restrict__ gate, const float* __restrict__ up, const float* __restrict__ residual, float* y, const silu_mul_residual_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float gate_in[4];
    gate_in[0] = 0.0f;
    gate_in[1] = 0.0f;
    gate_in[2] = 0.0f;
    gate_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(gate + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[l] = vector.lane[l];
        }
    }
    float up_in[4];
    up_in[0] = 0.0f;
    up_in[1] = 0.0f;
    up_in[2] = 0.0f;
    up_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(up + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        product_2[i] = (gate_in[i] * tw_sigmoid(gate_in[i])) * up_in[i];
    }
    float residual_in[4];
    residual_in[0] = 0.0f;
    residual_in[1] = 0.0f;
    residual_in[2] = 0.0f;
    residual_in[3] = 0.0f;
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(residual + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) residual_in[l] = vector.lane[l];
        }
    }
    float added[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        added[i] = product_2[i] + residual_in[i];
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
