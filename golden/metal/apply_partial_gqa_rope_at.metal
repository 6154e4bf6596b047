// apply_partial_gqa_rope_at, f32, tokens = 2048, heads = 32, length = 2048

struct apply_partial_gqa_rope_at_arguments {
    long x_stride0;
    long x_stride1;
    long cos__stride0;
    long sin__stride0;
    long y_stride0;
    long y_stride1;
    int tokens;
    int heads;
    int length;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_apply_partial_gqa_rope_at(
    const device float* x [[buffer(0)]],
    const device int* positions [[buffer(1)]],
    const device float* cos_ [[buffer(2)]],
    const device float* sin_ [[buffer(3)]],
    device float* y [[buffer(4)]],
    constant apply_partial_gqa_rope_at_arguments& arguments [[buffer(5)]],
    device uint* faults [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = ((int)thread_index_in_threadgroup & 15) * 4;
    const int at_2 = (int)thread_index_in_threadgroup >> 4;
    const int at_3 = (int)thread_index_in_threadgroup >> 3;
    const int at_4 = ((int)thread_index_in_threadgroup & 7) * 4;
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.x)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    float cos_in[4];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        cos_in[i_31] = 0.0f;
    }
    if (at < 48) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(cos_ + (((long)(index) * arguments.cos__stride0) + (long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
        }
    }
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    float sin_in[4];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        sin_in[i_31] = 0.0f;
    }
    if (at < 48) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(sin_ + (((long)(index_2) * arguments.sin__stride0) + (long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
        }
    }
    float x_in[32];
    float x_in_2[32];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        x_in[i_31 * 4] = 0.0f;
        x_in[(i_31 * 4) + 1] = 0.0f;
        x_in[(i_31 * 4) + 2] = 0.0f;
        x_in[(i_31 * 4) + 3] = 0.0f;
        if (at < 48) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.x_stride1)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in[(i_31 * 4) + l] = vector.lane[l];
            }
        }
        x_in_2[i_31 * 4] = 0.0f;
        x_in_2[(i_31 * 4) + 1] = 0.0f;
        x_in_2[(i_31 * 4) + 2] = 0.0f;
        x_in_2[(i_31 * 4) + 3] = 0.0f;
        if (at < 48) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.x_stride1)) + (long)((48 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) x_in_2[(i_31 * 4) + l] = vector.lane[l];
            }
        }
    }
    float fma_x[32];
    float fma_x_2[32];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 32; i_31++) {
        const float product = x_in_2[i_31] * sin_in[i_31 & 3];
        const float neg_x = -product;
        fma_x[i_31] = fma(x_in[i_31], cos_in[i_31 & 3], neg_x);
        const float product_2 = x_in_2[i_31] * cos_in[i_31 & 3];
        fma_x_2[i_31] = fma(x_in[i_31], sin_in[i_31 & 3], product_2);
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        if (at < 48) {
            float out[4];
            out[0] = fma_x[i_31 * 4];
            out[1] = fma_x[(i_31 * 4) + 1];
            out[2] = fma_x[(i_31 * 4) + 2];
            out[3] = fma_x[(i_31 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.y_stride1)) + (long)(at))) = vector.all;
            }
        }
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 8; i_31++) {
        if (at < 48) {
            float out_2[4];
            out_2[0] = fma_x_2[i_31 * 4];
            out_2[1] = fma_x_2[(i_31 * 4) + 1];
            out_2[2] = fma_x_2[(i_31 * 4) + 2];
            out_2[3] = fma_x_2[(i_31 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at_2 + ((((i_31 * 4) >> 2) & 7) * 4))) * arguments.y_stride1)) + (long)((48 + at)))) = vector.all;
            }
        }
    }
    float x_in_3[16];
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at_3 + ((((i_31 * 4) >> 2) & 3) * 8))) * arguments.x_stride1)) + (long)((96 + at_4))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in_3[(i_31 * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i_31 = 0; i_31 < 4; i_31++) {
        float out_3[4];
        out_3[0] = x_in_3[i_31 * 4];
        out_3[1] = x_in_3[(i_31 * 4) + 1];
        out_3[2] = x_in_3[(i_31 * 4) + 2];
        out_3[3] = x_in_3[(i_31 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_3[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at_3 + ((((i_31 * 4) >> 2) & 3) * 8))) * arguments.y_stride1)) + (long)((96 + at_4)))) = vector.all;
        }
    }
}
