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
    const int larger = max((arguments.entries - 1), 0);
    const int added = (larger / 1024) + 1;
    const int product = (int)blockIdx.x * added;
    const int added_2 = product + added;
    const int smaller = min(added_2, arguments.entries);
    const int product_2 = (int)blockIdx.y * 256;
    for (int j = product; j < smaller; j += 1) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                float out[4];
                _Pragma("unroll")
                for (int i_73 = 0; i_73 < 4; i_73++) {
                    out[i_73] = 0.0f;
                }
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(uint4*)(y + (((long long)(j) * arguments.y_stride0) + (long long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                }
            }
        }
    }
    for (int j_2 = 0; j_2 < arguments.count; j_2 += 256) {
        __syncthreads();
        unsigned int index_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            index_in[i * 4] = 0u;
            index_in[(i * 4) + 1] = 0u;
            index_in[(i * 4) + 2] = 0u;
            index_in[(i * 4) + 3] = 0u;
            if ((j_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.count) {
                {
                    union { uint4 all; unsigned int lane[4]; } vector;
                    vector.all = *(const uint4*)(index + (long long)((j_2 + (at + ((((i * 4) >> 2) & 1) * 128)))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) index_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        int chosen[8];
        int total = 0;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int larger_2 = max(min((int)min(index_in[i], 2147483647u), larger), 0);
            const bool test = larger_2 >= product;
            const bool test_2 = larger_2 < added_2;
            const bool and_ = test && test_2;
            const int added_3 = (int)(((unsigned int)((at + ((i & 3) + (((i >> 2) & 1) * 128)))) + (unsigned int)(j_2)));
            const bool test_3 = (int)(((unsigned int)((at + (((((i >> 2) * 4) >> 2) & 1) * 128))) + (unsigned int)(j_2))) < arguments.count;
            const bool and_2 = and_ && test_3;
            chosen[i] = and_2 ? added_3 : 2147483647;
            total = total + (int)(and_2);
        }
        total = total + __shfl_xor_sync(0xffffffffu, total, 1);
        total = total + __shfl_xor_sync(0xffffffffu, total, 2);
        total = total + __shfl_xor_sync(0xffffffffu, total, 4);
        total = total + __shfl_xor_sync(0xffffffffu, total, 8);
        total = total + __shfl_xor_sync(0xffffffffu, total, 16);
        int at_2 = -1;
        for (int j_3 = 0; j_3 < total; j_3 += 1) {
            __syncthreads();
            const int tile = at_2;
            int least = 2147483647;
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                const bool test_4 = chosen[i] > tile;
                least = min(least, (test_4 ? chosen[i] : 2147483647));
            }
            least = min(least, __shfl_xor_sync(0xffffffffu, least, 1));
            least = min(least, __shfl_xor_sync(0xffffffffu, least, 2));
            least = min(least, __shfl_xor_sync(0xffffffffu, least, 4));
            least = min(least, __shfl_xor_sync(0xffffffffu, least, 8));
            least = min(least, __shfl_xor_sync(0xffffffffu, least, 16));
            at_2 = least;
            const int tile_2 = at_2;
            const int index_2 = tw_checked(tile_2, arguments.count, faults, 0);
            const unsigned int index_in_2 = index[(long long)(index_2)];
            const int rounded_3 = (int)min(index_in_2, 2147483647u);
            const int index_3 = tw_checked(tile_2, arguments.count, faults, 1);
            float updates_in[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                updates_in[i * 4] = 0.0f;
                updates_in[(i * 4) + 1] = 0.0f;
                updates_in[(i * 4) + 2] = 0.0f;
                updates_in[(i * 4) + 3] = 0.0f;
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const uint4*)(updates + (((long long)(index_3) * arguments.updates_stride0) + (long long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) updates_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            const int index_4 = tw_checked(rounded_3, arguments.entries, faults, 2);
            float y_in[8];
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                y_in[i * 4] = 0.0f;
                y_in[(i * 4) + 1] = 0.0f;
                y_in[(i * 4) + 2] = 0.0f;
                y_in[(i * 4) + 3] = 0.0f;
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    {
                        union { uint4 all; float lane[4]; } vector;
                        vector.all = *(const uint4*)(y + (((long long)(index_4) * arguments.y_stride0) + (long long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))))));
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) y_in[(i * 4) + l] = vector.lane[l];
                    }
                }
            }
            float added_4[8];
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                added_4[i] = y_in[i] + updates_in[i];
            }
            const int index_5 = tw_checked(rounded_3, arguments.entries, faults, 2);
            _Pragma("unroll")
            for (int i = 0; i < 2; i++) {
                if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 128))) < arguments.cols) {
                    float out_2[4];
                    out_2[0] = added_4[i * 4];
                    out_2[1] = added_4[(i * 4) + 1];
                    out_2[2] = added_4[(i * 4) + 2];
                    out_2[3] = added_4[(i * 4) + 3];
                    {
                        union { uint4 all; float lane[4]; } vector;
                        _Pragma("unroll")
                        for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                        *(uint4*)(y + (((long long)(index_5) * arguments.y_stride0) + (long long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 128)))))) = vector.all;
                    }
                }
            }
        }
    }
}
