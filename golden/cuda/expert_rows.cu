// expert_rows, f32, slots = 4096, experts = 128, blocks = 8192

struct expert_rows_arguments {
    int slots;
    int experts;
    int blocks;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_expert_rows(const unsigned int* __restrict__ indices, const unsigned int* __restrict__ counts, unsigned int* rows, unsigned int* owners, const expert_rows_arguments arguments) {
    __shared__ __align__(16) char shared_memory[64];
    int* partial0 = (int*)(shared_memory + 0);
    int* partial1 = (int*)(shared_memory + 32);
    int* total2 = (int*)(shared_memory + 0);
    const int at = (int)threadIdx.x & 127;
    const int at_2 = (int)threadIdx.x * 4;
    const unsigned int counts_in = counts[(long long)(at)];
    const int rounded = (int)min(counts_in, 2147483647u);
    const int added = (int)(((unsigned int)(rounded) + (unsigned int)(63)));
    const int quotient = added / 64;
    const bool test = at < (int)blockIdx.x;
    const int chosen = test ? quotient : 0;
    int total = 0;
    total = total + chosen;
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
    total = 0;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[((int)(threadIdx.x >> 5) & 4) + i];
    }
    const bool test_2 = at == (int)blockIdx.x;
    const int chosen_2 = test_2 ? quotient : 0;
    int total_2 = 0;
    total_2 = total_2 + chosen_2;
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0;
    const int difference = arguments.experts - 1;
    unsigned int indices_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial1[((int)(threadIdx.x >> 5) & 4) + i];
        {
            union { uint4 all; unsigned int lane[4]; } vector;
            vector.all = *(const uint4*)(indices + (long long)((at_2 + ((((i * 4) >> 2) & 3) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) indices_in[(i * 4) + l] = vector.lane[l];
        }
    }
    bool test_3[16];
    int rounded_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const int smaller = min((int)min(indices_in[i], 2147483647u), difference);
        test_3[i] = smaller == (int)blockIdx.x;
        rounded_3[i] = (int)(test_3[i]);
    }
    int running[16];
    int carry = 0;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        int sum = 0;
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 4; i_9++) {
            sum = sum + rounded_3[(i * 4) + i_9];
            running[(i * 4) + i_9] = sum;
        }
        const int lane_ = (int)(threadIdx.x & 31) & 31;
        int running_2 = sum;
        const int other_11 = __shfl_up_sync(0xffffffffu, running_2, 1);
        running_2 = (lane_ >= 1) ? (other_11 + running_2) : running_2;
        const int other_12 = __shfl_up_sync(0xffffffffu, running_2, 2);
        running_2 = (lane_ >= 2) ? (other_12 + running_2) : running_2;
        const int other_13 = __shfl_up_sync(0xffffffffu, running_2, 4);
        running_2 = (lane_ >= 4) ? (other_13 + running_2) : running_2;
        const int other_14 = __shfl_up_sync(0xffffffffu, running_2, 8);
        running_2 = (lane_ >= 8) ? (other_14 + running_2) : running_2;
        const int other_15 = __shfl_up_sync(0xffffffffu, running_2, 16);
        running_2 = (lane_ >= 16) ? (other_15 + running_2) : running_2;
        const int other_16 = __shfl_up_sync(0xffffffffu, running_2, 1);
        const int below = (lane_ >= 1) ? other_16 : 0;
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 31) {
            total2[(int)(threadIdx.x >> 5)] = running_2;
        }
        __syncthreads();
        int base = 0;
        int all_ = 0;
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 8; i_9++) {
            const int part = total2[i_9];
            base = (i_9 < (int)(threadIdx.x >> 5)) ? (base + part) : base;
            all_ = all_ + part;
        }
        const int before = carry + (base + below);
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 4; i_9++) {
            running[(i * 4) + i_9] = before + running[(i * 4) + i_9];
        }
        carry = carry + all_;
    }
    const int product = (int)(((unsigned int)(total) * (unsigned int)(64)));
    const int difference_2 = (int)(((unsigned int)(product) - (unsigned int)(1)));
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const int added_2 = (int)(((unsigned int)(running[i]) + (unsigned int)(difference_2)));
        const unsigned int rounded_4 = (unsigned int)max(added_2, 0);
        if (test_3[i]) {
            rows[(long long)((at_2 + ((i & 3) + (((i >> 2) & 3) * 1024))))] = rounded_4;
        }
    }
    const bool test_4 = (int)blockIdx.x == difference;
    const int added_3 = (int)(((unsigned int)(total) + (unsigned int)(total_2)));
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const bool test_5 = (at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))) >= total;
        const bool test_6 = (at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))) < added_3;
        const bool or_ = test_6 || test_4;
        const bool and_ = test_5 && or_;
        const int chosen_3 = test_6 ? (int)blockIdx.x : arguments.experts;
        const unsigned int rounded_5 = (unsigned int)max(chosen_3, 0);
        if (and_) {
            owners[(long long)((at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))))] = rounded_5;
        }
    }
}
