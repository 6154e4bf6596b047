// scatter_add, f32, count = 16384, entries = 4096, cols = 1024

struct scatter_add_arguments {
    long long updates_stride0;
    long long y_stride0;
    int count;
    int cols;
    int entries;
};

extern "C" __global__ void __launch_bounds__(32) tw_kernel_scatter_add(const unsigned int* __restrict__ index, const float* __restrict__ updates, float* y, const scatter_add_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    const int product = (int)blockIdx.x * 256;
    for (int j = 0; j < arguments.entries; j += 1) {
        const int index_2 = tw_checked(j, arguments.entries, faults, 0);
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                float out[4];
                _Pragma("unroll")
                for (int i_21 = 0; i_21 < 4; i_21++) {
                    out[i_21] = 0.0f;
                }
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(uint4*)(y + (((long long)(index_2) * arguments.y_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                }
            }
        }
    }
    for (int j_2 = 0; j_2 < arguments.count; j_2 += 1) {
        __syncthreads();
        const int index_3 = tw_checked(j_2, arguments.count, faults, 1);
        const unsigned int index_in = index[(long long)(index_3)];
        const int rounded = (int)min(index_in, 2147483647u);
        const int index_4 = tw_checked(j_2, arguments.count, faults, 2);
        float updates_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            updates_in[i * 4] = 0.0f;
            updates_in[(i * 4) + 1] = 0.0f;
            updates_in[(i * 4) + 2] = 0.0f;
            updates_in[(i * 4) + 3] = 0.0f;
            if ((product + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(updates + (((long long)(index_4) * arguments.updates_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 1) * 128))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) updates_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        const int index_5 = tw_checked(rounded, arguments.entries, faults, 0);
        float y_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            y_in[i * 4] = 0.0f;
            y_in[(i * 4) + 1] = 0.0f;
            y_in[(i * 4) + 2] = 0.0f;
            y_in[(i * 4) + 3] = 0.0f;
            if ((product + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const uint4*)(y + (((long long)(index_5) * arguments.y_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 1) * 128))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        float added[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            added[i] = y_in[i] + updates_in[i];
        }
        const int index_6 = tw_checked(rounded, arguments.entries, faults, 0);
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                float out_2[4];
                out_2[0] = added[i * 4];
                out_2[1] = added[(i * 4) + 1];
                out_2[2] = added[(i * 4) + 2];
                out_2[3] = added[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(uint4*)(y + (((long long)(index_6) * arguments.y_stride0) + (long long)((product + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                }
            }
        }
    }
}
