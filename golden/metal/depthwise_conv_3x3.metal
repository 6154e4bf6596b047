// depthwise_conv_3x3, f32, batch = 4, height = 112, width = 112, channels = 64

struct depthwise_conv_3x3_arguments {
    long x_stride0;
    long x_stride1;
    long x_stride2;
    long w_stride0;
    long w_stride1;
    long y_stride0;
    long y_stride1;
    long y_stride2;
    int batch;
    int height;
    int width;
    int channels;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_depthwise_conv_3x3(
    const device float* x [[buffer(0)]],
    const device float* w [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant depthwise_conv_3x3_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = ((int)thread_index_in_threadgroup & 15) * 4;
    const int at_2 = (int)thread_index_in_threadgroup >> 4;
    const int added = (int)threadgroup_position_in_grid.x + (-1);
    float w_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(0) * arguments.w_stride0) + ((long)(0) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in[l] = vector.lane[l];
    }
    float x_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((added >= 0) && (added < arguments.height)) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added) * arguments.x_stride1)) + ((long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x[i] = fma(x_in[i], w_in[i & 3], 0.0f);
    }
    float w_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(0) * arguments.w_stride0) + ((long)(1) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_2[l] = vector.lane[l];
    }
    float x_in_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_2[i * 4] = 0.0f;
        x_in_2[(i * 4) + 1] = 0.0f;
        x_in_2[(i * 4) + 2] = 0.0f;
        x_in_2[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added >= 0) && (added < arguments.height))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added) * arguments.x_stride1)) + ((long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_2[i] = fma(x_in_2[i], w_in_2[i & 3], fma_x[i]);
    }
    float w_in_3[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(0) * arguments.w_stride0) + ((long)(2) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_3[l] = vector.lane[l];
    }
    float x_in_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_3[i * 4] = 0.0f;
        x_in_3[(i * 4) + 1] = 0.0f;
        x_in_3[(i * 4) + 2] = 0.0f;
        x_in_3[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((added >= 0) && (added < arguments.height)) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added) * arguments.x_stride1)) + ((long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_3[i] = fma(x_in_3[i], w_in_3[i & 3], fma_x_2[i]);
    }
    float w_in_4[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(1) * arguments.w_stride0) + ((long)(0) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_4[l] = vector.lane[l];
    }
    float x_in_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_4[i * 4] = 0.0f;
        x_in_4[(i * 4) + 1] = 0.0f;
        x_in_4[(i * 4) + 2] = 0.0f;
        x_in_4[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((int)threadgroup_position_in_grid.x < arguments.height) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride1)) + ((long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_4[i] = fma(x_in_4[i], w_in_4[i & 3], fma_x_3[i]);
    }
    float w_in_5[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(1) * arguments.w_stride0) + ((long)(1) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_5[l] = vector.lane[l];
    }
    float x_in_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_5[i * 4] = 0.0f;
        x_in_5[(i * 4) + 1] = 0.0f;
        x_in_5[(i * 4) + 2] = 0.0f;
        x_in_5[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((int)threadgroup_position_in_grid.x < arguments.height)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride1)) + ((long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_5[i] = fma(x_in_5[i], w_in_5[i & 3], fma_x_4[i]);
    }
    float w_in_6[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(1) * arguments.w_stride0) + ((long)(2) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_6[l] = vector.lane[l];
    }
    float x_in_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_6[i * 4] = 0.0f;
        x_in_6[(i * 4) + 1] = 0.0f;
        x_in_6[(i * 4) + 2] = 0.0f;
        x_in_6[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (((int)threadgroup_position_in_grid.x < arguments.height) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride1)) + ((long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_6[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_6[i] = fma(x_in_6[i], w_in_6[i & 3], fma_x_5[i]);
    }
    const int added_2 = (int)threadgroup_position_in_grid.x + 1;
    float w_in_7[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(2) * arguments.w_stride0) + ((long)(0) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_7[l] = vector.lane[l];
    }
    float x_in_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_7[i * 4] = 0.0f;
        x_in_7[(i * 4) + 1] = 0.0f;
        x_in_7[(i * 4) + 2] = 0.0f;
        x_in_7[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added_2 < arguments.height) && (((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32))) >= 0))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added_2) * arguments.x_stride1)) + ((long)(((-1) + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_7[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_7[i] = fma(x_in_7[i], w_in_7[i & 3], fma_x_6[i]);
    }
    float w_in_8[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(2) * arguments.w_stride0) + ((long)(1) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_8[l] = vector.lane[l];
    }
    float x_in_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_8[i * 4] = 0.0f;
        x_in_8[(i * 4) + 1] = 0.0f;
        x_in_8[(i * 4) + 2] = 0.0f;
        x_in_8[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && (added_2 < arguments.height)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added_2) * arguments.x_stride1)) + ((long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_8[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_8[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_8[i] = fma(x_in_8[i], w_in_8[i & 3], fma_x_7[i]);
    }
    float w_in_9[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(w + ((((long)(2) * arguments.w_stride0) + ((long)(2) * arguments.w_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) w_in_9[l] = vector.lane[l];
    }
    float x_in_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        x_in_9[i * 4] = 0.0f;
        x_in_9[(i * 4) + 1] = 0.0f;
        x_in_9[(i * 4) + 2] = 0.0f;
        x_in_9[(i * 4) + 3] = 0.0f;
        if (((at_2 + ((((i * 4) >> 2) & 3) * 32)) < arguments.width) && ((added_2 < arguments.height) && ((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32))) < arguments.width))) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + (((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added_2) * arguments.x_stride1)) + ((long)((1 + (at_2 + ((((i * 4) >> 2) & 3) * 32)))) * arguments.x_stride2)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_9[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x_9[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x_9[i] = fma(x_in_9[i], w_in_9[i & 3], fma_x_8[i]);
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
                *(device uint4*)(y + (((((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride1)) + ((long)((at_2 + ((((i * 4) >> 2) & 3) * 32))) * arguments.y_stride2)) + (long)(at))) = vector.all;
            }
        }
    }
}
