// expert_counts, f32, slots = 32768, experts = 128

struct expert_counts_arguments {
    int slots;
    int experts;
};

extern "C" __global__ void __launch_bounds__(1024, 2) tw_kernel_expert_counts(const unsigned int* __restrict__ indices, unsigned int* counts, const expert_counts_arguments arguments) {
    __shared__ __align__(16) char shared_memory[128];
    int* partial0 = (int*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    const int difference = arguments.experts - 1;
    int total[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const int tile = 0;
        total[i] = tile;
    }
    const int added = arguments.slots + 8191;
    const int quotient = added / 8192;
    for (int j = 0; j < quotient; j += 1) {
        const int product = j * 8192;
        bool test[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            test[i] = (int)(((unsigned int)((at + (((((i >> 2) * 4) >> 2) & 1) * 4096))) + (unsigned int)(product))) < arguments.slots;
        }
        unsigned int indices_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; unsigned int lane[4]; } vector;
                vector.all = *(const uint4*)(indices + (long long)((product + min((at + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.slots + (-4)) - product)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) indices_in[(i * 4) + l] = vector.lane[l];
            }
            if (!((product + (at + ((((i * 4) >> 2) & 1) * 4096))) < arguments.slots)) {
                indices_in[i * 4] = 0u;
                indices_in[(i * 4) + 1] = 0u;
                indices_in[(i * 4) + 2] = 0u;
                indices_in[(i * 4) + 3] = 0u;
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int smaller = min((int)min(indices_in[i], 2147483647u), difference);
            const bool test_2 = smaller == (int)blockIdx.x;
            const int rounded_2 = (int)(test_2);
            const int chosen = test[i] ? rounded_2 : 0;
            const int tile_2 = total[i];
            const int added_3 = (int)(((unsigned int)(tile_2) + (unsigned int)(chosen)));
            total[i] = added_3;
        }
    }
    int total_2 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total_2 = total_2 + total[i];
    }
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_2 = total_2 + partial0[i];
    }
    const unsigned int rounded_3 = (unsigned int)max(total_2, 0);
    if (((int)threadIdx.x & 1023) == 0) {
        counts[(long long)((int)blockIdx.x)] = rounded_3;
    }
}
