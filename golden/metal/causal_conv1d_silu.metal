// causal_conv1d_silu, f32, batch = 8, time = 2048, channels = 2048

struct causal_conv1d_silu_arguments {
    long x_stride0;
    long x_stride1;
    long w_stride0;
    long y_stride0;
    long y_stride1;
    int batch;
    int time;
    int channels;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_causal_conv1d_silu(
    const device float* x [[buffer(0)]],
    const device float* w [[buffer(1)]],
    const device float* bias [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant causal_conv1d_silu_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float bias_in[8];
    const int added = (int)threadgroup_position_in_grid.x + (-3);
    float x_in[8];
    float x_in_2[8];
    float w_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bias + (long)((at + ((((i * 4) >> 2) & 1) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
        x_in[i * 4] = 0.0f;
        x_in[(i * 4) + 1] = 0.0f;
        x_in[(i * 4) + 2] = 0.0f;
        x_in[(i * 4) + 3] = 0.0f;
        if ((added >= 0) && (added < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added) * arguments.x_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
            }
        }
        x_in_2[i * 4] = 0.0f;
        x_in_2[(i * 4) + 1] = 0.0f;
        x_in_2[(i * 4) + 2] = 0.0f;
        x_in_2[(i * 4) + 3] = 0.0f;
        if ((int)threadgroup_position_in_grid.x < arguments.time) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
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
        fma_x[i] = fma(x_in[i], w_in[i], bias_in[i]);
    }
    const int added_2 = (int)threadgroup_position_in_grid.x + (-2);
    float x_in_3[8];
    float w_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        x_in_3[i * 4] = 0.0f;
        x_in_3[(i * 4) + 1] = 0.0f;
        x_in_3[(i * 4) + 2] = 0.0f;
        x_in_3[(i * 4) + 3] = 0.0f;
        if ((added_2 >= 0) && (added_2 < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added_2) * arguments.x_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)(1) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(x_in_3[i], w_in_2[i], fma_x[i]);
    }
    const int added_3 = (int)threadgroup_position_in_grid.x + (-1);
    float x_in_4[8];
    float w_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        x_in_4[i * 4] = 0.0f;
        x_in_4[(i * 4) + 1] = 0.0f;
        x_in_4[(i * 4) + 2] = 0.0f;
        x_in_4[(i * 4) + 3] = 0.0f;
        if ((added_3 >= 0) && (added_3 < arguments.time)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(added_3) * arguments.x_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_4[(i * 4) + l] = vector.lane[l];
            }
        }
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
        fma_x_3[i] = fma(x_in_4[i], w_in_3[i], fma_x_2[i]);
    }
    float w_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(w + (((long)(3) * arguments.w_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) w_in_4[(i * 4) + l] = vector.lane[l];
        }
    }
    float product[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float fma_x_4 = fma(x_in_2[i], w_in_4[i], fma_x_3[i]);
        product[i] = fma_x_4 * tw_sigmoid(fma_x_4);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = product[i * 4];
        out[1] = product[(i * 4) + 1];
        out[2] = product[(i * 4) + 2];
        out[3] = product[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride1)) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
