// qkv_rope_cache, f32, tokens = 512, kv_heads = 8, batch = 1, max_len = 1024, length = 1024

struct qkv_rope_cache_arguments {
    long q_stride0;
    long q_stride1;
    long k_stride0;
    long k_stride1;
    long v_stride0;
    long v_stride1;
    long cos__stride0;
    long sin__stride0;
    long k_cache_stride0;
    long k_cache_stride1;
    long k_cache_stride2;
    long v_cache_stride0;
    long v_cache_stride1;
    long v_cache_stride2;
    long q_out_stride0;
    long q_out_stride1;
    int tokens;
    int kv_heads;
    int length;
    int batch;
    int max_len;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_qkv_rope_cache(
    const device float* q [[buffer(0)]],
    const device float* k [[buffer(1)]],
    const device float* v [[buffer(2)]],
    const device float* cos_ [[buffer(3)]],
    const device float* sin_ [[buffer(4)]],
    const device int* slots [[buffer(5)]],
    const device int* positions [[buffer(6)]],
    device float* k_cache [[buffer(7)]],
    device float* v_cache [[buffer(8)]],
    device float* q_out [[buffer(9)]],
    constant qkv_rope_cache_arguments& arguments [[buffer(10)]],
    device uint* faults [[buffer(11)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.kv_heads + (-1)));
    const int at = (thread_2 & 15) * 4;
    const int at_2 = thread_2 >> 4;
    const int at_3 = thread_2 * 4;
    const int slots_in = slots[(long)((int)threadgroup_position_in_grid.y)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.y)];
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
    const int product = program_2 * 4;
    float q_in[8];
    float q_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        q_in[i * 4] = 0.0f;
        q_in[(i * 4) + 1] = 0.0f;
        q_in[(i * 4) + 2] = 0.0f;
        q_in[(i * 4) + 3] = 0.0f;
        if ((product + (at_2 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(q + ((((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in[(i * 4) + l] = vector.lane[l];
            }
        }
        q_in_2[i * 4] = 0.0f;
        q_in_2[(i * 4) + 1] = 0.0f;
        q_in_2[(i * 4) + 2] = 0.0f;
        q_in_2[(i * 4) + 3] = 0.0f;
        if ((product + (at_2 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(q + ((((long)((int)threadgroup_position_in_grid.y) * arguments.q_stride0) + ((long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long)((64 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float k_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(k + ((((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)(program_2) * arguments.k_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in[l] = vector.lane[l];
    }
    float k_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(k + ((((long)((int)threadgroup_position_in_grid.y) * arguments.k_stride0) + ((long)(program_2) * arguments.k_stride1)) + (long)((64 + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in_2[l] = vector.lane[l];
    }
    float v_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(v + ((((long)((int)threadgroup_position_in_grid.y) * arguments.v_stride0) + ((long)(program_2) * arguments.v_stride1)) + (long)(at_3)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) v_in[l] = vector.lane[l];
    }
    float fma_x[8];
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_2 = q_in_2[i] * sin_in[i & 3];
        const float neg_x = -product_2;
        fma_x[i] = fma(q_in[i], cos_in[i & 3], neg_x);
        const float product_3 = q_in_2[i] * cos_in[i & 3];
        fma_x_2[i] = fma(q_in[i], sin_in[i & 3], product_3);
    }
    if (program < arguments.kv_heads) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at_2 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
                float out[4];
                out[0] = fma_x[i * 4];
                out[1] = fma_x[(i * 4) + 1];
                out[2] = fma_x[(i * 4) + 2];
                out[3] = fma_x[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(device uint4*)(q_out + ((((long)((int)threadgroup_position_in_grid.y) * arguments.q_out_stride0) + ((long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long)(at))) = vector.all;
                }
            }
        }
    }
    if (program < arguments.kv_heads) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at_2 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
                float out_2[4];
                out_2[0] = fma_x_2[i * 4];
                out_2[1] = fma_x_2[(i * 4) + 1];
                out_2[2] = fma_x_2[(i * 4) + 2];
                out_2[3] = fma_x_2[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(device uint4*)(q_out + ((((long)((int)threadgroup_position_in_grid.y) * arguments.q_out_stride0) + ((long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long)((64 + at)))) = vector.all;
                }
            }
        }
    }
    float fma_x_3[4];
    float fma_x_4[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float product_4 = k_in_2[i] * sin_in[i];
        const float neg_x_2 = -product_4;
        fma_x_3[i] = fma(k_in[i], cos_in[i], neg_x_2);
        const float product_5 = k_in_2[i] * cos_in[i];
        fma_x_4[i] = fma(k_in[i], sin_in[i], product_5);
    }
    const int index_3 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_3[l];
            *(device uint4*)(k_cache + (((((long)(index_3) * arguments.k_cache_stride0) + ((long)(program_2) * arguments.k_cache_stride1)) + ((long)(index_4) * arguments.k_cache_stride2)) + (long)(at))) = vector.all;
        }
    }
    const int index_5 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_6 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_4[l];
            *(device uint4*)(k_cache + (((((long)(index_5) * arguments.k_cache_stride0) + ((long)(program_2) * arguments.k_cache_stride1)) + ((long)(index_6) * arguments.k_cache_stride2)) + (long)((64 + at)))) = vector.all;
        }
    }
    const int index_7 = tw_checked(slots_in, arguments.batch, faults, 4);
    const int index_8 = tw_checked(positions_in, arguments.max_len, faults, 5);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = v_in[l];
            *(device uint4*)(v_cache + (((((long)(index_7) * arguments.v_cache_stride0) + ((long)(program_2) * arguments.v_cache_stride1)) + ((long)(index_8) * arguments.v_cache_stride2)) + (long)(at_3))) = vector.all;
        }
    }
}
