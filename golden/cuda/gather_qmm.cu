// gather_qmm, f32, tokens = 1, experts = 128, columns = 768, groups = 32

struct gather_qmm_arguments {
    long long x_stride0;
    long long indices_stride0;
    long long w_stride0;
    long long w_stride1;
    long long scales_stride0;
    long long scales_stride1;
    long long biases_stride0;
    long long biases_stride1;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int groups;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_gather_qmm(const float* __restrict__ x, const unsigned int* __restrict__ indices, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, float* y, const gather_qmm_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[8];
    float* partial0 = (float*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    const int at_3 = (int)threadIdx.x >> 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.z) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const unsigned int indices_in = indices[((long long)((int)blockIdx.z) * arguments.indices_stride0) + (long long)((int)blockIdx.y)];
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    float tile[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = scales[(((long long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
        const unsigned int word = w[(((long long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = (word >> ((unsigned int)((shift + (i_4 * 4))) & 31)) & 15u;
        }
    }
    float wide[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = biases[(((long long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        total = fma(x_in[i], fma_x, total);
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
    if (((int)threadIdx.x & 63) == 0) {
        y[(((long long)((int)blockIdx.z) * arguments.y_stride0) + ((long long)((int)blockIdx.y) * arguments.y_stride1)) + (long long)((int)blockIdx.x)] = total;
    }
}
