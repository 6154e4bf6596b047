// rope_and_cache_update, f32, batch = 4, kv_heads = 8, max_len = 1024, half = 64

struct rope_and_cache_update_arguments {
    long long q_stride0;
    long long q_stride1;
    long long k_stride0;
    long long k_stride1;
    long long v_stride0;
    long long v_stride1;
    long long cos_stride0;
    long long sin_stride0;
    long long k_cache_stride0;
    long long k_cache_stride1;
    long long k_cache_stride2;
    long long v_cache_stride0;
    long long v_cache_stride1;
    long long v_cache_stride2;
    long long q_out_stride0;
    long long q_out_stride1;
    int batch;
    int kv_heads;
    int half;
    int max_len;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_rope_and_cache_update(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v, const float* __restrict__ cos, const float* __restrict__ sin, const int* __restrict__ offsets, float* k_cache, float* v_cache, float* q_out, const rope_and_cache_update_arguments arguments, uint4* faults) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.kv_heads + (-1)));
    const int at = (thread_2 & 15) * 4;
    const int at_2 = thread_2 >> 4;
    const int at_3 = thread_2 * 4;
    const int offsets_in = offsets[(long long)((int)blockIdx.y)];
    const int index = tw_checked(offsets_in, arguments.max_len, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(cos + (((long long)(index) * arguments.cos_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(offsets_in, arguments.max_len, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(sin + (((long long)(index_2) * arguments.sin_stride0) + (long long)(at)));
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
                vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long long)((0 + at))));
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
                vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long long)((arguments.half + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float k_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)((0 + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in[l] = vector.lane[l];
    }
    float k_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)((arguments.half + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in_2[l] = vector.lane[l];
    }
    float v_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(v + ((((long long)((int)blockIdx.y) * arguments.v_stride0) + ((long long)(program_2) * arguments.v_stride1)) + (long long)(at_3)));
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
                    *(uint4*)(q_out + ((((long long)((int)blockIdx.y) * arguments.q_out_stride0) + ((long long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long long)((0 + at)))) = vector.all;
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
                    *(uint4*)(q_out + ((((long long)((int)blockIdx.y) * arguments.q_out_stride0) + ((long long)((product + (at_2 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long long)((arguments.half + at)))) = vector.all;
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
    const int index_3 = tw_checked(offsets_in, arguments.max_len, faults, 2);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_3[l];
            *(uint4*)(k_cache + (((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)(program_2) * arguments.k_cache_stride1)) + ((long long)(index_3) * arguments.k_cache_stride2)) + (long long)((0 + at)))) = vector.all;
        }
    }
    const int index_4 = tw_checked(offsets_in, arguments.max_len, faults, 2);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_4[l];
            *(uint4*)(k_cache + (((((long long)((int)blockIdx.y) * arguments.k_cache_stride0) + ((long long)(program_2) * arguments.k_cache_stride1)) + ((long long)(index_4) * arguments.k_cache_stride2)) + (long long)((arguments.half + at)))) = vector.all;
        }
    }
    const int index_5 = tw_checked(offsets_in, arguments.max_len, faults, 3);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = v_in[l];
            *(uint4*)(v_cache + (((((long long)((int)blockIdx.y) * arguments.v_cache_stride0) + ((long long)(program_2) * arguments.v_cache_stride1)) + ((long long)(index_5) * arguments.v_cache_stride2)) + (long long)(at_3))) = vector.all;
        }
    }
}
