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
    const int blocks = quotient;
    const int whole = arguments.slots / 8192;
    for (int j = 0; j < whole; j += 1) {
        const int product = j * 8192;
        unsigned int indices_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; unsigned int lane[4]; } vector;
                vector.all = *(const uint4*)(indices + (long long)((product + (at + ((((i * 4) >> 2) & 1) * 4096)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) indices_in[(i * 4) + l] = vector.lane[l];
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int smaller = min((int)min(indices_in[i], 2147483647u), difference);
            const bool test = smaller == (int)blockIdx.x;
            const int rounded_2 = (int)(test);
            const int tile_2 = total[i];
            const int added_3 = (int)(((unsigned int)(tile_2) + (unsigned int)(rounded_2)));
            total[i] = added_3;
        }
    }
    for (int j_2 = whole; j_2 < blocks; j_2 += 1) {
        const int product_2 = j_2 * 8192;
        bool test_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            test_2[i] = (int)(((unsigned int)((at + (((((i >> 2) * 4) >> 2) & 1) * 4096))) + (unsigned int)(product_2))) < arguments.slots;
        }
        unsigned int indices_in_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; unsigned int lane[4]; } vector;
                vector.all = *(const uint4*)(indices + (long long)((product_2 + min((at + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.slots + (-4)) - product_2)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) indices_in_2[(i * 4) + l] = vector.lane[l];
            }
            if (!((product_2 + (at + ((((i * 4) >> 2) & 1) * 4096))) < arguments.slots)) {
                indices_in_2[i * 4] = 0u;
                indices_in_2[(i * 4) + 1] = 0u;
                indices_in_2[(i * 4) + 2] = 0u;
                indices_in_2[(i * 4) + 3] = 0u;
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int smaller_2 = min((int)min(indices_in_2[i], 2147483647u), difference);
            const bool test_3 = smaller_2 == (int)blockIdx.x;
            const int rounded_4 = (int)(test_3);
            const int chosen_2 = test_2[i] ? rounded_4 : 0;
            const int tile_3 = total[i];
            const int added_5 = (int)(((unsigned int)(tile_3) + (unsigned int)(chosen_2)));
            total[i] = added_5;
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
    const unsigned int rounded_5 = (unsigned int)max(total_2, 0);
    if (((int)threadIdx.x & 1023) == 0) {
        counts[(long long)((int)blockIdx.x)] = rounded_5;
    }
}
