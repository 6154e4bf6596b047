// next_token_of_parts, f32, batch = 1, parts = 128, max_len = 1024

struct next_token_of_parts_arguments {
    long long greatest_stride0;
    long long position_stride0;
    long long history_stride0;
    int batch;
    int parts;
    int max_len;
    int width;
};

extern "C" __global__ void __launch_bounds__(32) tw_kernel_next_token_of_parts(const float* __restrict__ greatest, const unsigned int* __restrict__ position, unsigned int* history, unsigned int* ids, int* positions, int* lens, const next_token_of_parts_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    float greatest_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(greatest + (((long long)((int)blockIdx.x) * arguments.greatest_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) greatest_in[l] = vector.lane[l];
    }
    float greatest_2 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        greatest_2 = tw_max(greatest_2, greatest_in[i]);
    }
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 1));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 2));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 4));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 8));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 16));
    unsigned int least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test = greatest_in[i] == greatest_2;
        const bool is_nan_x = greatest_in[i] != greatest_in[i];
        const bool or_ = test || is_nan_x;
        const unsigned int rounded = (unsigned int)((at + (i & 3)));
        least = min(least, (or_ ? rounded : 4294967295u));
    }
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 1));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 2));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 4));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 8));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 16));
    const bool test_2 = least == 4294967295u;
    const unsigned int chosen_2 = test_2 ? 0u : least;
    const int rounded_2 = (int)min(chosen_2, 2147483647u);
    const int index = tw_checked(rounded_2, arguments.parts, faults, 0);
    const unsigned int position_in = position[((long long)((int)blockIdx.x) * arguments.position_stride0) + (long long)(index)];
    const int added = (rounded_2 * arguments.width) + (int)min(position_in, 2147483647u);
    const unsigned int rounded_4 = (unsigned int)max(added, 0);
    const int index_2 = tw_checked(rounded_2, arguments.parts, faults, 1);
    const float greatest_in_2 = greatest[((long long)((int)blockIdx.x) * arguments.greatest_stride0) + (long long)(index_2)];
    const int lens_in = lens[(long long)((int)blockIdx.x)];
    const int positions_in = positions[(long long)((int)blockIdx.x)];
    const float abs_x = fabsf(greatest_in_2);
    const bool test_3 = abs_x < TW_INFINITY;
    const unsigned int chosen_3 = test_3 ? rounded_4 : 4294967295u;
    const bool test_4 = lens_in > 0;
    if (test_4) {
        const int index_3 = tw_checked(lens_in, arguments.max_len, faults, 2);
        if (((int)threadIdx.x & 31) == 0) {
            history[((long long)((int)blockIdx.x) * arguments.history_stride0) + (long long)(index_3)] = chosen_3;
        }
        if (((int)threadIdx.x & 31) == 0) {
            ids[(long long)((int)blockIdx.x)] = rounded_4;
        }
        const int added_2 = positions_in + 1;
        __syncthreads();
        if (((int)threadIdx.x & 31) == 0) {
            positions[(long long)((int)blockIdx.x)] = added_2;
        }
        const int added_3 = lens_in + 1;
        if (((int)threadIdx.x & 31) == 0) {
            lens[(long long)((int)blockIdx.x)] = added_3;
        }
    }
}
