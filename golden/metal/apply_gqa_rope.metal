// apply_gqa_rope, f32, tokens = 2048, heads = 32, length = 2048, half = 64

struct apply_gqa_rope_arguments {
    long x_stride0;
    long x_stride1;
    long cos__stride0;
    long sin__stride0;
    long y_stride0;
    long y_stride1;
    int tokens;
    int heads;
    int half_;
    int length;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_apply_gqa_rope(
    const device float* x [[buffer(0)]],
    const device float* cos_ [[buffer(1)]],
    const device float* sin_ [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant apply_gqa_rope_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup >> 4;
    const int at_2 = ((int)thread_index_in_threadgroup & 15) * 4;
    const int rem = arguments.length == 0 ? 0 : (int)threadgroup_position_in_grid.x % arguments.length;
    float x_in[8];
    float x_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.x_stride1)) + (long)((0 + at_2))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.x_stride1)) + (long)((arguments.half_ + at_2))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    const int index = tw_checked(rem, arguments.length, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(cos_ + (((long)(index) * arguments.cos__stride0) + (long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(rem, arguments.length, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(sin_ + (((long)(index_2) * arguments.sin__stride0) + (long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
    }
    float fma_x[8];
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product = x_in_2[i] * sin_in[i & 3];
        const float neg_x = -product;
        fma_x[i] = fma(x_in[i], cos_in[i & 3], neg_x);
        const float product_2 = x_in_2[i] * cos_in[i & 3];
        fma_x_2[i] = fma(x_in[i], sin_in[i & 3], product_2);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.y_stride1)) + (long)((0 + at_2)))) = vector.all;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_2[4];
        out_2[0] = fma_x_2[i * 4];
        out_2[1] = fma_x_2[(i * 4) + 1];
        out_2[2] = fma_x_2[(i * 4) + 2];
        out_2[3] = fma_x_2[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + ((long)((at + ((((i * 4) >> 2) & 1) * 16))) * arguments.y_stride1)) + (long)((arguments.half_ + at_2)))) = vector.all;
        }
    }
}
