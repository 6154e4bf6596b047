// softmax_cross_entropy_grad, f32, rows = 4096, classes = 32000

struct softmax_cross_entropy_grad_arguments {
    long long logits_stride0;
    long long dlogits_stride0;
    int rows;
    int classes;
    float scale;
    int ignore_index;
};

extern "C" __global__ void __launch_bounds__(1024, 2) tw_kernel_softmax_cross_entropy_grad(const float* __restrict__ logits, const int* __restrict__ target, float* loss, float* dlogits, const softmax_cross_entropy_grad_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[256];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 128);
    const int at_2 = (int)threadIdx.x * 4;
    const int target_in = target[(long long)((int)blockIdx.x)];
    const bool test = target_in != arguments.ignore_index;
    float total[2];
    float exponentials[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float tile = -TW_INFINITY;
        total[i] = tile;
        const float tile_2 = 0.0f;
        exponentials[i] = tile_2;
    }
    const int added = arguments.classes + 8191;
    const int quotient = added / 8192;
    for (int j = 0; j < quotient; j += 1) {
        const int product = j * 8192;
        bool test_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            test_2[i] = (int)(((unsigned int)((at_2 + (((((i >> 2) * 4) >> 2) & 1) * 4096))) + (unsigned int)(product))) < arguments.classes;
        }
        float logits_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = tw_read_passing((const uint4*)(logits + (((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)((product + min((at_2 + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.classes + (-4)) - product)))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
            if (!((product + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes)) {
                logits_in[i * 4] = 0.0f;
                logits_in[(i * 4) + 1] = 0.0f;
                logits_in[(i * 4) + 2] = 0.0f;
                logits_in[(i * 4) + 3] = 0.0f;
            }
        }
        float chosen[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            chosen[i] = test_2[i] ? logits_in[i] : (-TW_INFINITY);
        }
        float tile_3[2];
        float greatest[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            tile_3[i] = total[i];
            greatest[i] = -TW_INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            greatest[(i >> 2) & 1] = tw_max(greatest[(i >> 2) & 1], chosen[i]);
        }
        float chosen_2[2];
        float exp2_x[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            const float larger = tw_max(tile_3[i], greatest[i]);
            total[i] = larger;
            const float abs_x = fabsf(larger);
            const bool test_3 = abs_x < TW_INFINITY;
            chosen_2[i] = test_3 ? larger : 0.0f;
            const float product_2 = (tile_3[i] - chosen_2[i]) * 1.442695f;
            exp2_x[i] = tw_flushed_exp2(product_2);
        }
        float exp2_x_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float product_3 = (chosen[i] - chosen_2[(i >> 2) & 1]) * 1.442695f;
            exp2_x_2[i] = tw_flushed_exp2(product_3);
        }
        float tile_4[2];
        float total_2[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            tile_4[i] = exponentials[i];
            total_2[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_2[(i >> 2) & 1] = total_2[(i >> 2) & 1] + exp2_x_2[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            const float fma_x = fma(tile_4[i], exp2_x[i], total_2[i]);
            exponentials[i] = fma_x;
        }
    }
    float greatest_2 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest_2 = tw_max(greatest_2, total[i]);
    }
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 1));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 2));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 4));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 8));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = greatest_2;
    }
    __syncthreads();
    greatest_2 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest_2 = tw_max(greatest_2, partial0[i]);
    }
    const float abs_x_2 = fabsf(greatest_2);
    const bool test_4 = abs_x_2 < TW_INFINITY;
    const float chosen_3 = test_4 ? greatest_2 : 0.0f;
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float difference_3 = total[i] - chosen_3;
        const float exp_x = expf(difference_3);
        total_3 = fma(exponentials[i], exp_x, total_3);
    }
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 1);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 2);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 4);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 8);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = total_3;
    }
    __syncthreads();
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_3 = total_3 + partial1[i];
    }
    const float added_3 = logf(total_3) + chosen_3;
    const int chosen_4 = test ? target_in : 0;
    const float difference_4 = added_3 - logits[((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)(tw_checked(chosen_4, arguments.classes, faults, 0))];
    const float chosen_5 = test ? difference_4 : 0.0f;
    if (((int)threadIdx.x & 1023) == 0) {
        loss[(long long)((int)blockIdx.x)] = chosen_5;
    }
    for (int j_2 = 0; j_2 < quotient; j_2 += 1) {
        const int product_5 = max(((quotient - 1) - j_2), 0) * 8192;
        bool test_5[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int added_4 = (int)(((unsigned int)((at_2 + ((i & 3) + (((i >> 2) & 1) * 4096)))) + (unsigned int)(product_5)));
            test_5[i] = added_4 == target_in;
        }
        float logits_in_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = __ldcs((const uint4*)(logits + (((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)((min(product_5, arguments.classes) + min((at_2 + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.classes + (-4)) - min(product_5, arguments.classes))))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_3[(i * 4) + l] = vector.lane[l];
            }
            if (!((min(product_5, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes)) {
                logits_in_3[i * 4] = 0.0f;
                logits_in_3[(i * 4) + 1] = 0.0f;
                logits_in_3[(i * 4) + 2] = 0.0f;
                logits_in_3[(i * 4) + 3] = 0.0f;
            }
        }
        float chosen_7[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float difference_7 = logits_in_3[i] - chosen_3;
            const float exp_x_2 = expf(difference_7);
            const float quotient_2 = exp_x_2 / total_3;
            const float difference_8 = quotient_2 - 1.0f;
            const float product_6 = (test_5[i] ? difference_8 : quotient_2) * arguments.scale;
            chosen_7[i] = test ? product_6 : 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((min(product_5, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes) {
                float out[4];
                out[0] = chosen_7[i * 4];
                out[1] = chosen_7[(i * 4) + 1];
                out[2] = chosen_7[(i * 4) + 2];
                out[3] = chosen_7[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    __stcs((uint4*)(dlogits + (((long long)((int)blockIdx.x) * arguments.dlogits_stride0) + (long long)((min(product_5, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096)))))), vector.all);
                }
            }
        }
    }
}
