// matvec, f32, rows = 1, depth = 4096, columns = 4096

struct matvec_arguments {
    long long x_stride0;
    long long w_stride0;
    long long y_stride0;
    int rows;
    int depth;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_matvec(const float* __restrict__ x, const float* __restrict__ w, float* y, const matvec_arguments arguments) {
    __shared__ __align__(16) char shared_memory[16];
    float* partial0 = (float*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    float x_in[32];
    float w_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.y) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(w + (((long long)((int)blockIdx.x) * arguments.w_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = fma(x_in[i], w_in[i], total);
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
    for (int i = 0; i < 4; i++) {
        total = total + partial0[i];
    }
    if (((int)threadIdx.x & 127) == 0) {
        y[((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)((int)blockIdx.x)] = total;
    }
}
