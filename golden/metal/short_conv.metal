// short_conv, f32, batch = 8, time = 2048, channels = 2048

struct short_conv_arguments {
    long bcx_stride0;
    long bcx_stride1;
    long w_stride0;
    long y_stride0;
    long y_stride1;
    int batch;
    int time;
    int channels;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_short_conv(
    const device float* bcx [[buffer(0)]],
    const device float* w [[buffer(1)]],
    const device float* bias [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant short_conv_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float bias_in[8];
    const int difference = (int)threadgroup_position_in_grid.x - 2;
    float bcx_in[8];
    float bcx_in_2[8];
    float bcx_in_3[8];
    float bcx_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bias + (long)((at + ((((i * 4) >> 2) & 1) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
        bcx_in[i * 4] = 0.0f;
        bcx_in[(i * 4) + 1] = 0.0f;
        bcx_in[(i * 4) + 2] = 0.0f;
        bcx_in[(i * 4) + 3] = 0.0f;
        if ((min(difference, arguments.time) >= 0) && (min(difference, arguments.time) < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)(min(difference, arguments.time)) * arguments.bcx_stride1)) + (long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.bcx_stride1)) + (long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bcx_in_2[(i * 4) + l] = vector.lane[l];
        }
        bcx_in_3[i * 4] = 0.0f;
        bcx_in_3[(i * 4) + 1] = 0.0f;
        bcx_in_3[(i * 4) + 2] = 0.0f;
        bcx_in_3[(i * 4) + 3] = 0.0f;
        if ((min(difference, arguments.time) >= 0) && (min(difference, arguments.time) < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)(min(difference, arguments.time)) * arguments.bcx_stride1)) + (long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.bcx_stride1)) + (long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bcx_in_4[(i * 4) + l] = vector.lane[l];
        }
    }
    float product[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product[i] = bcx_in[i] * bcx_in_3[i];
    }
    float w_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)(0) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x[i] = fma(product[i], w_in[i], bias_in[i]);
    }
    const int difference_2 = (int)threadgroup_position_in_grid.x - 1;
    float bcx_in_5[8];
    float bcx_in_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        bcx_in_5[i * 4] = 0.0f;
        bcx_in_5[(i * 4) + 1] = 0.0f;
        bcx_in_5[(i * 4) + 2] = 0.0f;
        bcx_in_5[(i * 4) + 3] = 0.0f;
        if ((min(difference_2, arguments.time) >= 0) && (min(difference_2, arguments.time) < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)(min(difference_2, arguments.time)) * arguments.bcx_stride1)) + (long)((0 + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_5[(i * 4) + l] = vector.lane[l];
            }
        }
        bcx_in_6[i * 4] = 0.0f;
        bcx_in_6[(i * 4) + 1] = 0.0f;
        bcx_in_6[(i * 4) + 2] = 0.0f;
        bcx_in_6[(i * 4) + 3] = 0.0f;
        if ((min(difference_2, arguments.time) >= 0) && (min(difference_2, arguments.time) < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)(min(difference_2, arguments.time)) * arguments.bcx_stride1)) + (long)(((2 * arguments.channels) + (at + ((((i * 4) >> 2) & 1) * 1024))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) bcx_in_6[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float product_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product_2[i] = bcx_in_5[i] * bcx_in_6[i];
    }
    float w_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)(1) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_2[8];
    float product_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(product_2[i], w_in_2[i], fma_x[i]);
        product_3[i] = bcx_in_2[i] * bcx_in_4[i];
    }
    float w_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)(2) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_3[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_3[i] = fma(product_3[i], w_in_3[i], fma_x_2[i]);
    }
    float bcx_in_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bcx + ((((long)((int)threadgroup_position_in_grid.y) * arguments.bcx_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.bcx_stride1)) + (long)((arguments.channels + (at + ((((i * 4) >> 2) & 1) * 1024))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bcx_in_7[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product_4[i] = bcx_in_7[i] * fma_x_3[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = product_4[i * 4];
        out[1] = product_4[(i * 4) + 1];
        out[2] = product_4[(i * 4) + 2];
        out[3] = product_4[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
