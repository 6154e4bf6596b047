// fused_geglu_erf_gemv, f32, rows = 1, columns = 8192, depth = 2048

struct fused_geglu_erf_gemv_arguments {
    long long x_stride0;
    long long gate_stride0;
    long long up_stride0;
    long long y_stride0;
    int rows;
    int depth;
    int columns;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_fused_geglu_erf_gemv(const float* __restrict__ x, const float* __restrict__ gate, const float* __restrict__ up, float* y, const fused_geglu_erf_gemv_arguments arguments) {
    __shared__ __align__(16) char shared_memory[24];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 16);
    const int at = (int)threadIdx.x * 4;
    float x_in[32];
    float gate_in[32];
    float up_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.y) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(gate + (((long long)((int)blockIdx.x) * arguments.gate_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(up + (((long long)((int)blockIdx.x) * arguments.up_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) up_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = fma(x_in[i], gate_in[i], total);
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total = total + partial0[i];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_2 = fma(x_in[i], up_in[i], total_2);
    }
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial1[i];
    }
    const float product_3 = 0.5f * total;
    const float product_4 = total * 0.70710677f;
    const float product_6 = (product_3 * (erff(product_4) + 1.0f)) * total_2;
    if (((int)threadIdx.x & 63) == 0) {
        y[((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)((int)blockIdx.x)] = product_6;
    }
}
