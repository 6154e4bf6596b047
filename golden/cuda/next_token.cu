// next_token, f32, batch = 1, vocabulary = 151936, max_len = 1024

struct next_token_arguments {
    long long logits_stride0;
    long long history_stride0;
    int batch;
    int vocabulary;
    int max_len;
};

extern "C" __global__ void __launch_bounds__(1024) tw_kernel_next_token(const float* __restrict__ logits, unsigned int* history, unsigned int* ids, int* positions, int* lens, const next_token_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[256];
    float* partial0 = (float*)(shared_memory + 0);
    unsigned int* partial1 = (unsigned int*)(shared_memory + 128);
    const int at = (int)threadIdx.x * 4;
    float logits_in[256];
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        logits_in[i * 4] = 0.0f;
        logits_in[(i * 4) + 1] = 0.0f;
        logits_in[(i * 4) + 2] = 0.0f;
        logits_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 63) * 4096)) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(logits + (((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)((at + ((((i * 4) >> 2) & 63) * 4096)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 256; i++) {
        if ((at + ((i & 3) + (((i >> 2) & 63) * 4096))) < arguments.vocabulary) {
            greatest = tw_max(greatest, logits_in[i]);
        }
    }
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = greatest;
    }
    __syncthreads();
    greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, partial0[i]);
    }
    unsigned int least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 256; i++) {
        const bool test = logits_in[i] == greatest;
        const bool is_nan_x = logits_in[i] != logits_in[i];
        const bool or_ = test || is_nan_x;
        const unsigned int rounded = (unsigned int)((at + ((i & 3) + (((i >> 2) & 63) * 4096))));
        const unsigned int chosen = or_ ? rounded : 4294967295u;
        if ((at + ((i & 3) + (((i >> 2) & 63) * 4096))) < arguments.vocabulary) {
            least = min(least, chosen);
        }
    }
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 1));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 2));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 4));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 8));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = least;
    }
    __syncthreads();
    least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        least = min(least, partial1[i]);
    }
    const bool test_2 = least == 4294967295u;
    const unsigned int chosen_2 = test_2 ? 0u : least;
    const int rounded_2 = (int)min(chosen_2, 2147483647u);
    const int index = tw_checked(rounded_2, arguments.vocabulary, faults, 0);
    const float logits_in_2 = logits[((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)(index)];
    const int lens_in = lens[(long long)((int)blockIdx.x)];
    const int positions_in = positions[(long long)((int)blockIdx.x)];
    const float abs_x = fabsf(logits_in_2);
    const bool test_3 = abs_x < TW_INFINITY;
    const unsigned int chosen_3 = test_3 ? chosen_2 : 4294967295u;
    const bool test_4 = lens_in > 0;
    if (test_4) {
        const int index_2 = tw_checked(lens_in, arguments.max_len, faults, 1);
        if (((int)threadIdx.x & 1023) == 0) {
            history[((long long)((int)blockIdx.x) * arguments.history_stride0) + (long long)(index_2)] = chosen_3;
        }
        if (((int)threadIdx.x & 1023) == 0) {
            ids[(long long)((int)blockIdx.x)] = chosen_2;
        }
        const int added = positions_in + 1;
        __syncthreads();
        if (((int)threadIdx.x & 1023) == 0) {
            positions[(long long)((int)blockIdx.x)] = added;
        }
        const int added_2 = lens_in + 1;
        if (((int)threadIdx.x & 1023) == 0) {
            lens[(long long)((int)blockIdx.x)] = added_2;
        }
    }
}
