// depthwise_conv_3x3, f32, batch = 4, height = 112, width = 112, channels = 64

struct depthwise_conv_3x3_arguments {
    long long x_stride0;
    long long x_stride1;
    long long x_stride2;
    long long w_stride0;
    long long w_stride1;
    long long y_stride0;
    long long y_stride1;
    long long y_stride2;
    int batch;
    int height;
    int width;
    int channels;
};

extern "C" __global__ void __launch_bounds__(512) tw_kernel_depthwise_conv_3x3(const float* __restrict__ x, const float* __restrict__ w, float* y, const depthwise_conv_3x3_arguments arguments, uint4* faults) {
    const int at_2 = (int)threadIdx.x >> 4;
    const int at_3 = ((int)threadIdx.x & 15) * 4;
    const int difference = (int)blockIdx.x - 1;
    const bool test = difference >= 0;
    const bool test_2 = difference < arguments.height;
    const bool and_ = test && test_2;
    bool tile[4];
    bool and_3[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        tile[i] = false;
        if ((at_2 + ((i & 3) * 32)) < arguments.width) {
            tile[i] = ((int)(((unsigned int)((at_2 + ((i & 3) * 32))) - (unsigned int)(1))) >= 0) && ((int)(((unsigned int)((at_2 + ((i & 3) * 32))) - (unsigned int)(1))) < arguments.width);
        }
        and_3[i] = and_ && tile[i];
    }
    const int larger = max(difference, 0);
    const int difference_3 = arguments.height - 1;
    const int smaller = min(larger, difference_3);
    const int difference_4 = arguments.width - 1;
    const int index = tw_checked(smaller, arguments.height, faults, 0);
    float x_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float w_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in[l] = vector.lane[l];
    }
    float fma_x[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen = and_3[(i >> 2) & 3] ? x_in[i] : 0.0f;
        fma_x[i] = fma(chosen, w_in[i & 3], 0.0f);
    }
    bool tile_2[4];
    bool and_5[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        tile_2[i] = false;
        if ((at_2 + ((i & 3) * 32)) < arguments.width) {
            tile_2[i] = ((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((i & 3) * 32))) + (unsigned int)(1)))) - (unsigned int)(1))) >= 0) && ((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((i & 3) * 32))) + (unsigned int)(1)))) - (unsigned int)(1))) < arguments.width);
        }
        and_5[i] = and_ && tile_2[i];
    }
    const int index_2 = tw_checked(smaller, arguments.height, faults, 0);
    float x_in_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_2[i * 4] = 0.0f;
        x_in_2[(i * 4) + 1] = 0.0f;
        x_in_2[(i * 4) + 2] = 0.0f;
        x_in_2[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_2) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(1)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float w_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_2[l] = vector.lane[l];
    }
    float fma_x_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_2 = and_5[(i >> 2) & 3] ? x_in_2[i] : 0.0f;
        fma_x_2[i] = fma(chosen_2, w_in_2[i & 3], fma_x[i]);
    }
    bool tile_3[4];
    bool and_7[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        tile_3[i] = false;
        if ((at_2 + ((i & 3) * 32)) < arguments.width) {
            tile_3[i] = ((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((i & 3) * 32))) + (unsigned int)(2)))) - (unsigned int)(1))) >= 0) && ((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((i & 3) * 32))) + (unsigned int)(2)))) - (unsigned int)(1))) < arguments.width);
        }
        and_7[i] = and_ && tile_3[i];
    }
    const int index_3 = tw_checked(smaller, arguments.height, faults, 0);
    float x_in_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_3[i * 4] = 0.0f;
        x_in_3[(i * 4) + 1] = 0.0f;
        x_in_3[(i * 4) + 2] = 0.0f;
        x_in_3[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_3) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(2)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float w_in_3[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(0) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_3[l] = vector.lane[l];
    }
    float fma_x_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_3 = and_7[(i >> 2) & 3] ? x_in_3[i] : 0.0f;
        fma_x_3[i] = fma(chosen_3, w_in_3[i & 3], fma_x_2[i]);
    }
    const int difference_7 = ((int)blockIdx.x + 1) - 1;
    const bool test_9 = difference_7 >= 0;
    const bool test_10 = difference_7 < arguments.height;
    const bool and_8 = test_9 && test_10;
    bool and_9[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_9[i] = and_8 && tile[i];
    }
    const int smaller_5 = min(max(difference_7, 0), difference_3);
    const int index_4 = tw_checked(smaller_5, arguments.height, faults, 0);
    float x_in_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_4[i * 4] = 0.0f;
        x_in_4[(i * 4) + 1] = 0.0f;
        x_in_4[(i * 4) + 2] = 0.0f;
        x_in_4[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_4) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float w_in_4[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_4[l] = vector.lane[l];
    }
    const int index_5 = tw_checked(smaller_5, arguments.height, faults, 0);
    float x_in_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_5[i * 4] = 0.0f;
        x_in_5[(i * 4) + 1] = 0.0f;
        x_in_5[(i * 4) + 2] = 0.0f;
        x_in_5[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_5) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(1)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_6 = tw_checked(smaller_5, arguments.height, faults, 0);
    float x_in_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_6[i * 4] = 0.0f;
        x_in_6[(i * 4) + 1] = 0.0f;
        x_in_6[(i * 4) + 2] = 0.0f;
        x_in_6[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_6) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(2)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_4 = and_9[(i >> 2) & 3] ? x_in_4[i] : 0.0f;
        fma_x_4[i] = fma(chosen_4, w_in_4[i & 3], fma_x_3[i]);
    }
    bool and_10[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_10[i] = and_8 && tile_2[i];
    }
    float w_in_5[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_5[l] = vector.lane[l];
    }
    float fma_x_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_5 = and_10[(i >> 2) & 3] ? x_in_5[i] : 0.0f;
        fma_x_5[i] = fma(chosen_5, w_in_5[i & 3], fma_x_4[i]);
    }
    bool and_11[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_11[i] = and_8 && tile_3[i];
    }
    float w_in_6[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(1) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_6[l] = vector.lane[l];
    }
    float fma_x_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_6 = and_11[(i >> 2) & 3] ? x_in_6[i] : 0.0f;
        fma_x_6[i] = fma(chosen_6, w_in_6[i & 3], fma_x_5[i]);
    }
    const int difference_8 = ((int)blockIdx.x + 2) - 1;
    const bool test_11 = difference_8 >= 0;
    const bool test_12 = difference_8 < arguments.height;
    const bool and_12 = test_11 && test_12;
    bool and_13[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_13[i] = and_12 && tile[i];
    }
    const int smaller_6 = min(max(difference_8, 0), difference_3);
    const int index_7 = tw_checked(smaller_6, arguments.height, faults, 0);
    float x_in_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_7[i * 4] = 0.0f;
        x_in_7[(i * 4) + 1] = 0.0f;
        x_in_7[(i * 4) + 2] = 0.0f;
        x_in_7[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_7) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float w_in_7[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(0) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_7[l] = vector.lane[l];
    }
    const int index_8 = tw_checked(smaller_6, arguments.height, faults, 0);
    float x_in_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_8[i * 4] = 0.0f;
        x_in_8[(i * 4) + 1] = 0.0f;
        x_in_8[(i * 4) + 2] = 0.0f;
        x_in_8[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_8) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(1)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const int index_9 = tw_checked(smaller_6, arguments.height, faults, 0);
    float x_in_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_9[i * 4] = 0.0f;
        x_in_9[(i * 4) + 1] = 0.0f;
        x_in_9[(i * 4) + 2] = 0.0f;
        x_in_9[(i * 4) + 3] = 0.0f;
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(x + (((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_9) * arguments.x_stride1)) + ((long long)(tw_checked(min(max((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((((i * 4) >> 2) & 3) * 32))) + (unsigned int)(2)))) - (unsigned int)(1))), 0), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)(at_3)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_9[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_7 = and_13[(i >> 2) & 3] ? x_in_7[i] : 0.0f;
        fma_x_7[i] = fma(chosen_7, w_in_7[i & 3], fma_x_6[i]);
    }
    bool and_14[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_14[i] = and_12 && tile_2[i];
    }
    float w_in_8[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(1) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_8[l] = vector.lane[l];
    }
    float fma_x_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_8 = and_14[(i >> 2) & 3] ? x_in_8[i] : 0.0f;
        fma_x_8[i] = fma(chosen_8, w_in_8[i & 3], fma_x_7[i]);
    }
    bool and_15[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        and_15[i] = and_12 && tile_3[i];
    }
    float w_in_9[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(w + ((((long long)(2) * arguments.w_stride0) + ((long long)(2) * arguments.w_stride1)) + (long long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_9[l] = vector.lane[l];
    }
    float fma_x_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float chosen_9 = and_15[(i >> 2) & 3] ? x_in_9[i] : 0.0f;
        fma_x_9[i] = fma(chosen_9, w_in_9[i & 3], fma_x_8[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        if ((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) {
            float out[4];
            out[0] = fma_x_9[i * 4];
            out[1] = fma_x_9[(i * 4) + 1];
            out[2] = fma_x_9[(i * 4) + 2];
            out[3] = fma_x_9[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + ((long long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.y_stride2)) + (long long)(at_3))) = vector.all;
            }
        }
    }
}
