// gather_qmm_combine_residual, f32, tokens = 1, experts = 128, columns = 2048, groups = 12

struct gather_qmm_combine_residual_arguments {
    long long act_stride0;
    long long act_stride1;
    long long w_stride0;
    long long w_stride1;
    long long scales_stride0;
    long long scales_stride1;
    long long biases_stride0;
    long long biases_stride1;
    long long gate_stride0;
    long long indices_stride0;
    long long residual_stride0;
    long long y_stride0;
    int tokens;
    int groups;
    int experts;
    int columns;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_gather_qmm_combine_residual(const float* __restrict__ act, const unsigned int* __restrict__ w, const float* __restrict__ scales, const float* __restrict__ biases, const float* __restrict__ gate, const unsigned int* __restrict__ indices, const float* __restrict__ residual, float* y, const gather_qmm_combine_residual_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[32];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 16);
    float* partial2 = (float*)(shared_memory + 0);
    float* partial3 = (float*)(shared_memory + 16);
    float* partial4 = (float*)(shared_memory + 0);
    float* partial5 = (float*)(shared_memory + 16);
    float* partial6 = (float*)(shared_memory + 0);
    float* partial7 = (float*)(shared_memory + 16);
    const int at = (int)threadIdx.x * 4;
    const int at_4 = (int)threadIdx.x >> 4;
    const unsigned int indices_in = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(0)];
    const int rounded = (int)min(indices_in, 2147483647u);
    float act_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in[i * 4] = 0.0f;
        act_in[(i * 4) + 1] = 0.0f;
        act_in[(i * 4) + 2] = 0.0f;
        act_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(0) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    const float gate_in = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(0)];
    const float residual_in = residual[((long long)((int)blockIdx.y) * arguments.residual_stride0) + (long long)((int)blockIdx.x)];
    float tile[2];
    unsigned int unpacked[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked[(i * 4) + i_4] = (word >> ((unsigned int)((shift + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide[i] = (float)(unpacked[i]);
    }
    float tile_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_2[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_2[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x = fma(wide[i], tile[(i >> 2) & 1], tile_2[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total = fma(act_in[i], fma_x, total);
        }
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[i];
    }
    const float product_2 = total * gate_in;
    const unsigned int indices_in_2 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(1)];
    const int rounded_2 = (int)min(indices_in_2, 2147483647u);
    float act_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_2[i * 4] = 0.0f;
        act_in_2[(i * 4) + 1] = 0.0f;
        act_in_2[(i * 4) + 2] = 0.0f;
        act_in_2[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(1) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_4 = tw_checked(rounded_2, arguments.experts, faults, 0);
    const int index_5 = tw_checked(rounded_2, arguments.experts, faults, 1);
    const int index_6 = tw_checked(rounded_2, arguments.experts, faults, 2);
    const float gate_in_2 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(1)];
    float tile_3[2];
    unsigned int unpacked_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_3[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_3[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_2, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_2 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_2, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_2 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_2[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_2[(i * 4) + i_4] = (word_2 >> ((unsigned int)((shift_2 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_2[i] = (float)(unpacked_2[i]);
    }
    float tile_4[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_4[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_4[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_2, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_2 = fma(wide_2[i], tile_3[(i >> 2) & 1], tile_4[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_2 = fma(act_in_2[i], fma_x_2, total_2);
        }
    }
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial1[i];
    }
    const float fma_x_3 = fma(total_2, gate_in_2, product_2);
    const unsigned int indices_in_3 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(2)];
    const int rounded_3 = (int)min(indices_in_3, 2147483647u);
    float act_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_3[i * 4] = 0.0f;
        act_in_3[(i * 4) + 1] = 0.0f;
        act_in_3[(i * 4) + 2] = 0.0f;
        act_in_3[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(2) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_7 = tw_checked(rounded_3, arguments.experts, faults, 0);
    const int index_8 = tw_checked(rounded_3, arguments.experts, faults, 1);
    const int index_9 = tw_checked(rounded_3, arguments.experts, faults, 2);
    const float gate_in_3 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(2)];
    float tile_5[2];
    unsigned int unpacked_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_5[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_5[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_3, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_3 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_3, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_3 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_3[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_3[(i * 4) + i_4] = (word_3 >> ((unsigned int)((shift_3 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_3[i] = (float)(unpacked_3[i]);
    }
    float tile_6[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_6[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_6[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_3, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_4 = fma(wide_3[i], tile_5[(i >> 2) & 1], tile_6[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_3 = fma(act_in_3[i], fma_x_4, total_3);
        }
    }
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 1);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 2);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 4);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 8);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial2[(int)(threadIdx.x >> 5)] = total_3;
    }
    __syncthreads();
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_3 = total_3 + partial2[i];
    }
    const float fma_x_5 = fma(total_3, gate_in_3, fma_x_3);
    const unsigned int indices_in_4 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(3)];
    const int rounded_4 = (int)min(indices_in_4, 2147483647u);
    float act_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_4[i * 4] = 0.0f;
        act_in_4[(i * 4) + 1] = 0.0f;
        act_in_4[(i * 4) + 2] = 0.0f;
        act_in_4[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(3) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_10 = tw_checked(rounded_4, arguments.experts, faults, 0);
    const int index_11 = tw_checked(rounded_4, arguments.experts, faults, 1);
    const int index_12 = tw_checked(rounded_4, arguments.experts, faults, 2);
    const float gate_in_4 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(3)];
    float tile_7[2];
    unsigned int unpacked_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_7[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_7[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_4, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_4 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_4, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_4 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_4[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_4[(i * 4) + i_4] = (word_4 >> ((unsigned int)((shift_4 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_4[i] = (float)(unpacked_4[i]);
    }
    float tile_8[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_8[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_8[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_4, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_6 = fma(wide_4[i], tile_7[(i >> 2) & 1], tile_8[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_4 = fma(act_in_4[i], fma_x_6, total_4);
        }
    }
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 1);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 2);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 4);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 8);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial3[(int)(threadIdx.x >> 5)] = total_4;
    }
    __syncthreads();
    total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_4 = total_4 + partial3[i];
    }
    const float fma_x_7 = fma(total_4, gate_in_4, fma_x_5);
    const unsigned int indices_in_5 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(4)];
    const int rounded_5 = (int)min(indices_in_5, 2147483647u);
    float act_in_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_5[i * 4] = 0.0f;
        act_in_5[(i * 4) + 1] = 0.0f;
        act_in_5[(i * 4) + 2] = 0.0f;
        act_in_5[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(4) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_13 = tw_checked(rounded_5, arguments.experts, faults, 0);
    const int index_14 = tw_checked(rounded_5, arguments.experts, faults, 1);
    const int index_15 = tw_checked(rounded_5, arguments.experts, faults, 2);
    const float gate_in_5 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(4)];
    float tile_9[2];
    unsigned int unpacked_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_9[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_9[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_5, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_5 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_5, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_5 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_5[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_5[(i * 4) + i_4] = (word_5 >> ((unsigned int)((shift_5 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_5[i] = (float)(unpacked_5[i]);
    }
    float tile_10[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_10[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_10[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_5, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_8 = fma(wide_5[i], tile_9[(i >> 2) & 1], tile_10[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_5 = fma(act_in_5[i], fma_x_8, total_5);
        }
    }
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 1);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 2);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 4);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 8);
    total_5 = total_5 + __shfl_xor_sync(0xffffffffu, total_5, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial4[(int)(threadIdx.x >> 5)] = total_5;
    }
    __syncthreads();
    total_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_5 = total_5 + partial4[i];
    }
    const float fma_x_9 = fma(total_5, gate_in_5, fma_x_7);
    const unsigned int indices_in_6 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(5)];
    const int rounded_6 = (int)min(indices_in_6, 2147483647u);
    float act_in_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_6[i * 4] = 0.0f;
        act_in_6[(i * 4) + 1] = 0.0f;
        act_in_6[(i * 4) + 2] = 0.0f;
        act_in_6[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(5) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_16 = tw_checked(rounded_6, arguments.experts, faults, 0);
    const int index_17 = tw_checked(rounded_6, arguments.experts, faults, 1);
    const int index_18 = tw_checked(rounded_6, arguments.experts, faults, 2);
    const float gate_in_6 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(5)];
    float tile_11[2];
    unsigned int unpacked_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_11[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_11[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_6, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_6 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_6, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_6 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_6[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_6[(i * 4) + i_4] = (word_6 >> ((unsigned int)((shift_6 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_6[i] = (float)(unpacked_6[i]);
    }
    float tile_12[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_12[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_12[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_6, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_10 = fma(wide_6[i], tile_11[(i >> 2) & 1], tile_12[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_6 = fma(act_in_6[i], fma_x_10, total_6);
        }
    }
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 1);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 2);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 4);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 8);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial5[(int)(threadIdx.x >> 5)] = total_6;
    }
    __syncthreads();
    total_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_6 = total_6 + partial5[i];
    }
    const float fma_x_11 = fma(total_6, gate_in_6, fma_x_9);
    const unsigned int indices_in_7 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(6)];
    const int rounded_7 = (int)min(indices_in_7, 2147483647u);
    float act_in_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_7[i * 4] = 0.0f;
        act_in_7[(i * 4) + 1] = 0.0f;
        act_in_7[(i * 4) + 2] = 0.0f;
        act_in_7[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(6) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_19 = tw_checked(rounded_7, arguments.experts, faults, 0);
    const int index_20 = tw_checked(rounded_7, arguments.experts, faults, 1);
    const int index_21 = tw_checked(rounded_7, arguments.experts, faults, 2);
    const float gate_in_7 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(6)];
    float tile_13[2];
    unsigned int unpacked_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_13[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_13[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_7, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_7 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_7, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_7 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_7[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_7[(i * 4) + i_4] = (word_7 >> ((unsigned int)((shift_7 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_7[i] = (float)(unpacked_7[i]);
    }
    float tile_14[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_14[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_14[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_7, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_12 = fma(wide_7[i], tile_13[(i >> 2) & 1], tile_14[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_7 = fma(act_in_7[i], fma_x_12, total_7);
        }
    }
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 1);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 2);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 4);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 8);
    total_7 = total_7 + __shfl_xor_sync(0xffffffffu, total_7, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial6[(int)(threadIdx.x >> 5)] = total_7;
    }
    __syncthreads();
    total_7 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_7 = total_7 + partial6[i];
    }
    const float fma_x_13 = fma(total_7, gate_in_7, fma_x_11);
    const unsigned int indices_in_8 = indices[((long long)((int)blockIdx.y) * arguments.indices_stride0) + (long long)(7)];
    const int rounded_8 = (int)min(indices_in_8, 2147483647u);
    float act_in_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        act_in_8[i * 4] = 0.0f;
        act_in_8[(i * 4) + 1] = 0.0f;
        act_in_8[(i * 4) + 2] = 0.0f;
        act_in_8[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 1) * 512)) < (64 * arguments.groups)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(act + ((((long long)((int)blockIdx.y) * arguments.act_stride0) + ((long long)(7) * arguments.act_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 512)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) act_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_22 = tw_checked(rounded_8, arguments.experts, faults, 0);
    const int index_23 = tw_checked(rounded_8, arguments.experts, faults, 1);
    const int index_24 = tw_checked(rounded_8, arguments.experts, faults, 2);
    const float gate_in_8 = gate[((long long)((int)blockIdx.y) * arguments.gate_stride0) + (long long)(7)];
    float tile_15[2];
    unsigned int unpacked_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_15[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_15[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? scales[(((long long)(tw_checked(rounded_8, arguments.experts, faults, 0)) * arguments.scales_stride0) + ((long long)((int)blockIdx.x) * arguments.scales_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
        const unsigned int word_8 = ((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5) < (8 * arguments.groups)) ? w[(((long long)(tw_checked(rounded_8, arguments.experts, faults, 1)) * arguments.w_stride0) + ((long long)((int)blockIdx.x) * arguments.w_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 1) * 512)) * 4) >> 5))] : 0u;
        const int shift_8 = ((at + ((((i * 4) >> 2) & 1) * 512)) * 4) & 31;
        _Pragma("unroll")
        for (int i_4 = 0; i_4 < 4; i_4++) {
            unpacked_8[(i * 4) + i_4] = 0u;
            if ((at + ((((i * 4) + i_4) & 3) + (((((i * 4) + i_4) >> 2) & 1) * 512))) < (64 * arguments.groups)) {
                unpacked_8[(i * 4) + i_4] = (word_8 >> ((unsigned int)((shift_8 + (i_4 * 4))) & 31)) & 15u;
            }
        }
    }
    float wide_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        wide_8[i] = (float)(unpacked_8[i]);
    }
    float tile_16[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        tile_16[i] = 0.0f;
        if ((at_4 + ((i & 1) * 8)) < arguments.groups) {
            tile_16[i] = ((at_4 + ((i & 1) * 8)) < arguments.groups) ? biases[(((long long)(tw_checked(rounded_8, arguments.experts, faults, 2)) * arguments.biases_stride0) + ((long long)((int)blockIdx.x) * arguments.biases_stride1)) + (long long)((at_4 + ((i & 1) * 8)))] : 0.0f;
        }
    }
    float total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_14 = fma(wide_8[i], tile_15[(i >> 2) & 1], tile_16[(i >> 2) & 1]);
        if ((at + ((i & 3) + (((i >> 2) & 1) * 512))) < (64 * arguments.groups)) {
            total_8 = fma(act_in_8[i], fma_x_14, total_8);
        }
    }
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 1);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 2);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 4);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 8);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial7[(int)(threadIdx.x >> 5)] = total_8;
    }
    __syncthreads();
    total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_8 = total_8 + partial7[i];
    }
    const float added = residual_in + fma(total_8, gate_in_8, fma_x_13);
    if (((int)threadIdx.x & 127) == 0) {
        y[((long long)((int)blockIdx.y) * arguments.y_stride0) + (long long)((int)blockIdx.x)] = added;
    }
}
