// softmax_cross_entropy, f32, rows = 4096, classes = 32000

struct softmax_cross_entropy_arguments {
    long logits_stride0;
    int rows;
    int classes;
    int ignore_index;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_softmax_cross_entropy(
    const device float* logits [[buffer(0)]],
    const device int* target [[buffer(1)]],
    device float* loss [[buffer(2)]],
    constant softmax_cross_entropy_arguments& arguments [[buffer(3)]],
    device uint* faults [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[32];
    threadgroup float partial1[32];
    const int at = (int)thread_index_in_threadgroup * 4;
    const int target_in = target[(long)((int)threadgroup_position_in_grid.x)];
    const bool test = target_in != arguments.ignore_index;
    float total[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float tile = -INFINITY;
        total[i] = tile;
    }
    const int added = arguments.classes + 8191;
    const int quotient = added / 8192;
    for (int j = 0; j < quotient; j += 1) {
        const int product = j * 8192;
        bool test_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int added_2 = (int)(((uint)((at + ((i & 3) + (((i >> 2) & 1) * 4096)))) + (uint)(product)));
            test_2[i] = added_2 < arguments.classes;
        }
        float logits_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            logits_in[i * 4] = 0.0f;
            logits_in[(i * 4) + 1] = 0.0f;
            logits_in[(i * 4) + 2] = 0.0f;
            logits_in[(i * 4) + 3] = 0.0f;
            if ((product + (at + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product + (at + ((((i * 4) >> 2) & 1) * 4096))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float larger = tw_max(total[i], (test_2[i] ? logits_in[i] : (-INFINITY)));
            total[i] = larger;
        }
    }
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest = tw_max(greatest, total[i]);
    }
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = greatest;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, partial0[i]);
    }
    const float abs_x = fabs(greatest);
    const bool test_3 = abs_x < INFINITY;
    const float chosen_2 = test_3 ? greatest : 0.0f;
    float total_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float tile_4 = 0.0f;
        total_2[i] = tile_4;
    }
    for (int j_2 = 0; j_2 < quotient; j_2 += 1) {
        const int product_2 = j_2 * 8192;
        bool test_4[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const int added_3 = (int)(((uint)((at + ((i & 3) + (((i >> 2) & 1) * 4096)))) + (uint)(product_2)));
            test_4[i] = added_3 < arguments.classes;
        }
        float logits_in_2[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            logits_in_2[i * 4] = 0.0f;
            logits_in_2[(i * 4) + 1] = 0.0f;
            logits_in_2[(i * 4) + 2] = 0.0f;
            logits_in_2[(i * 4) + 3] = 0.0f;
            if ((product_2 + (at + ((((i * 4) >> 2) & 1) * 4096))) < arguments.classes) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_2 + (at + ((((i * 4) >> 2) & 1) * 4096))))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) logits_in_2[(i * 4) + l] = vector.lane[l];
                }
            }
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float difference = logits_in_2[i] - chosen_2;
            const float exp_x = precise::exp(difference);
            const float added_4 = total_2[i] + (test_4[i] ? exp_x : 0.0f);
            total_2[i] = added_4;
        }
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total_3 = total_3 + total_2[i];
    }
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = total_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total_3 = total_3 + partial1[i];
    }
    const float added_5 = precise::log(total_3) + chosen_2;
    const int chosen_4 = test ? target_in : 0;
    const float difference_2 = added_5 - logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)(tw_checked(chosen_4, arguments.classes, faults, 0))];
    const float chosen_5 = test ? difference_2 : 0.0f;
    if (((int)thread_index_in_threadgroup & 1023) == 0) {
        loss[(long)((int)threadgroup_position_in_grid.x)] = chosen_5;
    }
}
