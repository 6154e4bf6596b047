// apply_rope_at, f32, rows = 65536, length = 2048, half = 64

struct apply_rope_at_arguments {
    long x_stride0;
    long cos__stride0;
    long sin__stride0;
    long y_stride0;
    int rows;
    int half_;
    int length;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_apply_rope_at(
    const device float* x [[buffer(0)]],
    const device int* positions [[buffer(1)]],
    const device float* cos_ [[buffer(2)]],
    const device float* sin_ [[buffer(3)]],
    device float* y [[buffer(4)]],
    constant apply_rope_at_arguments& arguments [[buffer(5)]],
    device uint* faults [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 15;
    const int program = ((int)threadgroup_position_in_grid.x * 16) + ((int)thread_index_in_threadgroup >> 4);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    const int positions_in = positions[(long)(program_2)];
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((0 + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    float x_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((arguments.half_ + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in_2[l] = vector.lane[l];
    }
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(cos_ + (((long)(index) * arguments.cos__stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(sin_ + (((long)(index_2) * arguments.sin__stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
    }
    float fma_x[4];
    float fma_x_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float product = x_in_2[i] * sin_in[i];
        const float neg_x = -product;
        fma_x[i] = fma(x_in[i], cos_in[i], neg_x);
        const float product_2 = x_in_2[i] * cos_in[i];
        fma_x_2[i] = fma(x_in[i], sin_in[i], product_2);
    }
    if (program < arguments.rows) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x[l];
            *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((0 + at)))) = vector.all;
        }
    }
    if (program < arguments.rows) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_2[l];
            *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((arguments.half_ + at)))) = vector.all;
        }
    }
}
