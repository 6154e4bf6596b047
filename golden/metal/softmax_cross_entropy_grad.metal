// softmax_cross_entropy_grad, f32, rows = 4096, classes = 32000

struct softmax_cross_entropy_grad_arguments {
    long logits_stride0;
    long dlogits_stride0;
    int rows;
    int classes;
    float scale;
    int ignore_index;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_softmax_cross_entropy_grad(
    const device float* logits [[buffer(0)]],
    const device int* target [[buffer(1)]],
    device float* loss [[buffer(2)]],
    device float* dlogits [[buffer(3)]],
    constant softmax_cross_entropy_grad_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[32];
    threadgroup float partial1[32];
    const int at_2 = (int)thread_index_in_threadgroup * 4;
    const int target_in = target[(long)((int)threadgroup_position_in_grid.x)];
    const bool test = target_in != arguments.ignore_index;
    float total[2];
    float exponentials[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float tile = -INFINITY;
        total[i] = tile;
        const float tile_2 = 0.0f;
        exponentials[i] = tile_2;
    }
    const int added = arguments.classes + 8191;
    const int quotient = added / 8192;
    const int blocks = quotient;
    const int whole = arguments.classes / 8192;
    for (int j = 0; j < whole; j += 1) {
        const int product = j * 8192;
        float logits_in[8];
        float tile_3[2];
        float greatest[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 4096))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
            tile_3[i] = total[i];
            greatest[i] = -INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            greatest[(i >> 2) & 1] = tw_max(greatest[(i >> 2) & 1], logits_in[i]);
        }
        float chosen[2];
        float exp2_x[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            const float larger = tw_max(tile_3[i], greatest[i]);
            total[i] = larger;
            const float abs_x = fabs(larger);
            const bool test_2 = abs_x < INFINITY;
            chosen[i] = test_2 ? larger : 0.0f;
            const float product_2 = (tile_3[i] - chosen[i]) * 1.442695f;
            exp2_x[i] = precise::exp2(product_2);
        }
        float exp2_x_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float product_3 = (logits_in[i] - chosen[(i >> 2) & 1]) * 1.442695f;
            exp2_x_2[i] = precise::exp2(product_3);
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
    for (int j_2 = whole; j_2 < blocks; j_2 += 1) {
        const int product_4 = j_2 * 8192;
        float logits_in_2[8];
        float tile_5[2];
        float greatest_2[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_4 + min((at_2 + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.classes + (-4)) - product_4))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_2[(i * 4) + l] = vector.lane[l];
            }
            if (!((product_4 + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes)) {
                logits_in_2[i * 4] = -INFINITY;
                logits_in_2[(i * 4) + 1] = -INFINITY;
                logits_in_2[(i * 4) + 2] = -INFINITY;
                logits_in_2[(i * 4) + 3] = -INFINITY;
            }
            tile_5[i] = total[i];
            greatest_2[i] = -INFINITY;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            greatest_2[(i >> 2) & 1] = tw_max(greatest_2[(i >> 2) & 1], logits_in_2[i]);
        }
        float chosen_2[2];
        float exp2_x_3[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            const float larger_2 = tw_max(tile_5[i], greatest_2[i]);
            total[i] = larger_2;
            const float abs_x_2 = fabs(larger_2);
            const bool test_3 = abs_x_2 < INFINITY;
            chosen_2[i] = test_3 ? larger_2 : 0.0f;
            const float product_5 = (tile_5[i] - chosen_2[i]) * 1.442695f;
            exp2_x_3[i] = precise::exp2(product_5);
        }
        float exp2_x_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float product_6 = (logits_in_2[i] - chosen_2[(i >> 2) & 1]) * 1.442695f;
            exp2_x_4[i] = precise::exp2(product_6);
        }
        float tile_6[2];
        float total_3[2];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            tile_6[i] = exponentials[i];
            total_3[i] = 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_3[(i >> 2) & 1] = total_3[(i >> 2) & 1] + exp2_x_4[i];
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            const float fma_x_2 = fma(tile_6[i], exp2_x_3[i], total_3[i]);
            exponentials[i] = fma_x_2;
        }
    }
    float greatest_3 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest_3 = tw_max(greatest_3, total[i]);
    }
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 1));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 2));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 4));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 8));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = greatest_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_3 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest_3 = tw_max(greatest_3, partial0[i]);
    }
    const float abs_x_3 = fabs(greatest_3);
    const bool test_4 = abs_x_3 < INFINITY;
    const float chosen_3 = test_4 ? greatest_3 : 0.0f;
    float total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float difference_5 = total[i] - chosen_3;
        const float exp_x = precise::exp(difference_5);
        total_4 = fma(exponentials[i], exp_x, total_4);
    }
    total_4 = total_4 + simd_shuffle_xor(total_4, 1);
    total_4 = total_4 + simd_shuffle_xor(total_4, 2);
    total_4 = total_4 + simd_shuffle_xor(total_4, 4);
    total_4 = total_4 + simd_shuffle_xor(total_4, 8);
    total_4 = total_4 + simd_shuffle_xor(total_4, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = total_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_4 = total_4 + partial1[i];
    }
    const float added_2 = precise::log(total_4) + chosen_3;
    const int chosen_4 = test ? target_in : 0;
    const float difference_6 = added_2 - logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)(tw_checked(chosen_4, arguments.classes, faults, 0))];
    const float chosen_5 = test ? difference_6 : 0.0f;
    if (((int)thread_index_in_threadgroup & 1023) == 0) {
        loss[(long)((int)threadgroup_position_in_grid.x)] = chosen_5;
    }
    const float quotient_2 = arguments.scale / total_4;
    const int blocks_2 = quotient;
    const int left = blocks_2 - (arguments.classes / 8192);
    for (int j_3 = 0; j_3 < left; j_3 += 1) {
        const int product_8 = max(((quotient - 1) - j_3), 0) * 8192;
        bool test_5[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            test_5[i] = (int)(((uint)(target_in) - (uint)((int)(((uint)((at_2 + (((((i >> 2) * 4) >> 2) & 1) * 4096))) + (uint)(product_8)))))) == (i & 3);
        }
        float logits_in_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((min(product_8, arguments.classes) + min((at_2 + ((((i * 4) >> 2) & 1) * 4096)), ((arguments.classes + (-4)) - min(product_8, arguments.classes)))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_4[(i * 4) + l] = vector.lane[l];
            }
            if (!((min(product_8, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes)) {
                logits_in_4[i * 4] = 0.0f;
                logits_in_4[(i * 4) + 1] = 0.0f;
                logits_in_4[(i * 4) + 2] = 0.0f;
                logits_in_4[(i * 4) + 3] = 0.0f;
            }
        }
        float chosen_7[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float difference_9 = logits_in_4[i] - chosen_3;
            const float product_9 = precise::exp(difference_9) * quotient_2;
            const float difference_10 = product_9 - arguments.scale;
            const float chosen_6 = test_5[i] ? difference_10 : product_9;
            chosen_7[i] = test ? chosen_6 : 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((min(product_8, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes) {
                float out[4];
                out[0] = chosen_7[i * 4];
                out[1] = chosen_7[(i * 4) + 1];
                out[2] = chosen_7[(i * 4) + 2];
                out[3] = chosen_7[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(device uint4*)(dlogits + (((long)((int)threadgroup_position_in_grid.x) * arguments.dlogits_stride0) + (long)((min(product_8, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096)))))) = vector.all;
                }
            }
        }
    }
    for (int j_4 = left; j_4 < blocks_2; j_4 += 1) {
        const int product_10 = max(((quotient - 1) - j_4), 0) * 8192;
        bool test_6[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            test_6[i] = (int)(((uint)(target_in) - (uint)((int)(((uint)((at_2 + (((((i >> 2) * 4) >> 2) & 1) * 4096))) + (uint)(product_10)))))) == (i & 3);
        }
        float logits_in_5[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((min(product_10, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
        float chosen_9[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float difference_13 = logits_in_5[i] - chosen_3;
            const float product_11 = precise::exp(difference_13) * quotient_2;
            const float difference_14 = product_11 - arguments.scale;
            const float chosen_8 = test_6[i] ? difference_14 : product_11;
            chosen_9[i] = test ? chosen_8 : 0.0f;
        }
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            float out_2[4];
            out_2[0] = chosen_9[i * 4];
            out_2[1] = chosen_9[(i * 4) + 1];
            out_2[2] = chosen_9[(i * 4) + 2];
            out_2[3] = chosen_9[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                *(device uint4*)(dlogits + (((long)((int)threadgroup_position_in_grid.x) * arguments.dlogits_stride0) + (long)((min(product_10, arguments.classes) + (at_2 + ((((i * 4) >> 2) & 1) * 4096)))))) = vector.all;
            }
        }
    }
}
