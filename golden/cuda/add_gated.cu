// add_gated, f32, rows = 16384, cols = 1024

struct add_gated_arguments {
    long long a_stride0;
    long long b_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_add_gated(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ gate, float* y, const add_gated_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float a_in[8];
    float b_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(a + (((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) a_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(b + (((long long)((int)blockIdx.x) * arguments.b_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const float gate_in = gate[(long long)((int)blockIdx.x)];
    const float sigmoid_x = tw_sigmoid(gate_in);
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x[i] = fma(b_in[i], sigmoid_x, a_in[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))) = vector.all;
        }
    }
}
