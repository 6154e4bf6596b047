// qkv_norm_rope_cache, f32, tokens = 512, kv_heads = 8, batch = 1, max_len = 1024, length = 1024

struct qkv_norm_rope_cache_arguments {
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
    int tokens;
    int kv_heads;
    int length;
    int batch;
    int max_len;
    float eps;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_qkv_norm_rope_cache(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v, const float* __restrict__ q_weight, const float* __restrict__ k_weight, const float* __restrict__ cos, const float* __restrict__ sin, const int* __restrict__ slots, const int* __restrict__ positions, float* k_cache, float* v_cache, float* q_out, const qkv_norm_rope_cache_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[64];
    float* tile0 = (float*)(shared_memory + 0);
    const int thread_2 = (int)threadIdx.x & 31;
    const int team = (int)threadIdx.x >> 5;
    const int program = ((int)blockIdx.x * 4) + team;
    const int program_2 = min(program, (arguments.kv_heads + (-1)));
    const int at = (thread_2 & 15) * 4;
    const int at_2 = thread_2 * 4;
    const int at_3 = thread_2 >> 4;
    const int slots_in = slots[(long long)((int)blockIdx.y)];
    const int positions_in = positions[(long long)((int)blockIdx.y)];
    const int index = tw_checked(positions_in, arguments.length, faults, 0);
    float cos_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(cos + (((long long)(index) * arguments.cos_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) cos_in[l] = vector.lane[l];
    }
    const int index_2 = tw_checked(positions_in, arguments.length, faults, 1);
    float sin_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(sin + (((long long)(index_2) * arguments.sin_stride0) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) sin_in[l] = vector.lane[l];
    }
    const int product = program_2 * 4;
    float q_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        q_in[i * 4] = 0.0f;
        q_in[(i * 4) + 1] = 0.0f;
        q_in[(i * 4) + 2] = 0.0f;
        q_in[(i * 4) + 3] = 0.0f;
        if ((product + (((i * 4) >> 2) & 3)) < (4 * arguments.kv_heads)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + (((i * 4) >> 2) & 3))) * arguments.q_stride1)) + (long long)(at_2)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float k_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in[l] = vector.lane[l];
    }
    float v_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(v + ((((long long)((int)blockIdx.y) * arguments.v_stride0) + ((long long)(program_2) * arguments.v_stride1)) + (long long)(at_2)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) v_in[l] = vector.lane[l];
    }
    float squares[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float product_2 = q_in[i] * q_in[i];
        squares[i] = product_2;
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 2] = __fadd_rn(squares[i * 2], squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 16));
    }
    const float wide = (float)(128);
    float quotient[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float total = 0.0f;
        total = __fadd_rn(total, squares[i * 4]);
        quotient[i] = total / wide;
    }
    float q_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        q_in_2[i * 4] = 0.0f;
        q_in_2[(i * 4) + 1] = 0.0f;
        q_in_2[(i * 4) + 2] = 0.0f;
        q_in_2[(i * 4) + 3] = 0.0f;
        if ((product + (at_3 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + (at_3 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long long)(at)));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in_2[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float k_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in_2[l] = vector.lane[l];
    }
    float rsqrt_x[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float added = quotient[i] + arguments.eps;
        rsqrt_x[i] = rsqrtf(added);
    }
    if ((thread_2 & 31) == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            tile0[(team * 4) + (i & 3)] = rsqrt_x[i];
        }
    }
    __syncwarp();
    float rsqrt_x_2[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        rsqrt_x_2[i] = tile0[(team * 4) + (at_3 + ((i & 1) * 2))];
    }
    float product_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product_3[i] = q_in_2[i] * rsqrt_x_2[(i >> 2) & 1];
    }
    float q_weight_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(q_weight + (long long)(at));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) q_weight_in[l] = vector.lane[l];
    }
    float product_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product_4[i] = product_3[i] * q_weight_in[i & 3];
    }
    float q_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        q_in_3[i * 4] = 0.0f;
        q_in_3[(i * 4) + 1] = 0.0f;
        q_in_3[(i * 4) + 2] = 0.0f;
        q_in_3[(i * 4) + 3] = 0.0f;
        if ((product + (at_3 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(q + ((((long long)((int)blockIdx.y) * arguments.q_stride0) + ((long long)((product + (at_3 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_stride1)) + (long long)((64 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) q_in_3[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float k_in_3[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k + ((((long long)((int)blockIdx.y) * arguments.k_stride0) + ((long long)(program_2) * arguments.k_stride1)) + (long long)((64 + at))));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_in_3[l] = vector.lane[l];
    }
    float product_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product_5[i] = q_in_3[i] * rsqrt_x_2[(i >> 2) & 1];
    }
    float q_weight_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(q_weight + (long long)((64 + at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) q_weight_in_2[l] = vector.lane[l];
    }
    float fma_x[8];
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_6 = product_5[i] * q_weight_in_2[i & 3];
        const float product_7 = product_6 * sin_in[i & 3];
        const float neg_x = -product_7;
        fma_x[i] = fma(product_4[i], cos_in[i & 3], neg_x);
        const float product_8 = product_6 * cos_in[i & 3];
        fma_x_2[i] = fma(product_4[i], sin_in[i & 3], product_8);
    }
    if (program < arguments.kv_heads) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at_3 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
                float out[4];
                out[0] = fma_x[i * 4];
                out[1] = fma_x[(i * 4) + 1];
                out[2] = fma_x[(i * 4) + 2];
                out[3] = fma_x[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                    *(uint4*)(q_out + ((((long long)((int)blockIdx.y) * arguments.q_out_stride0) + ((long long)((product + (at_3 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long long)(at))) = vector.all;
                }
            }
        }
    }
    if (program < arguments.kv_heads) {
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            if ((product + (at_3 + ((((i * 4) >> 2) & 1) * 2))) < (4 * arguments.kv_heads)) {
                float out_2[4];
                out_2[0] = fma_x_2[i * 4];
                out_2[1] = fma_x_2[(i * 4) + 1];
                out_2[2] = fma_x_2[(i * 4) + 2];
                out_2[3] = fma_x_2[(i * 4) + 3];
                {
                    union { uint4 all; float lane[4]; } vector;
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
                    *(uint4*)(q_out + ((((long long)((int)blockIdx.y) * arguments.q_out_stride0) + ((long long)((product + (at_3 + ((((i * 4) >> 2) & 1) * 2)))) * arguments.q_out_stride1)) + (long long)((64 + at)))) = vector.all;
                }
            }
        }
    }
    float squares_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float product_9 = k_in[i] * k_in[i];
        squares_2[i] = product_9;
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        squares_2[i * 2] = __fadd_rn(squares_2[i * 2], squares_2[(i * 2) + 1]);
    }
    squares_2[0] = __fadd_rn(squares_2[0], squares_2[2]);
    squares_2[0] = __fadd_rn(squares_2[0], __shfl_xor_sync(0xffffffffu, squares_2[0], 1));
    squares_2[0] = __fadd_rn(squares_2[0], __shfl_xor_sync(0xffffffffu, squares_2[0], 2));
    squares_2[0] = __fadd_rn(squares_2[0], __shfl_xor_sync(0xffffffffu, squares_2[0], 4));
    squares_2[0] = __fadd_rn(squares_2[0], __shfl_xor_sync(0xffffffffu, squares_2[0], 8));
    squares_2[0] = __fadd_rn(squares_2[0], __shfl_xor_sync(0xffffffffu, squares_2[0], 16));
    float total_2 = 0.0f;
    total_2 = __fadd_rn(total_2, squares_2[0]);
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x_3 = rsqrtf(added_2);
    float product_10[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        product_10[i] = k_in_2[i] * rsqrt_x_3;
    }
    float k_weight_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k_weight + (long long)(at));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_weight_in[l] = vector.lane[l];
    }
    float product_11[4];
    float product_12[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        product_11[i] = product_10[i] * k_weight_in[i];
        product_12[i] = k_in_3[i] * rsqrt_x_3;
    }
    float k_weight_in_2[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const uint4*)(k_weight + (long long)((64 + at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) k_weight_in_2[l] = vector.lane[l];
    }
    float fma_x_3[4];
    float fma_x_4[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float product_13 = product_12[i] * k_weight_in_2[i];
        const float product_14 = product_13 * sin_in[i];
        const float neg_x_2 = -product_14;
        fma_x_3[i] = fma(product_11[i], cos_in[i], neg_x_2);
        const float product_15 = product_13 * cos_in[i];
        fma_x_4[i] = fma(product_11[i], sin_in[i], product_15);
    }
    const int index_3 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_4 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_3[l];
            *(uint4*)(k_cache + (((((long long)(index_3) * arguments.k_cache_stride0) + ((long long)(program_2) * arguments.k_cache_stride1)) + ((long long)(index_4) * arguments.k_cache_stride2)) + (long long)(at))) = vector.all;
        }
    }
    const int index_5 = tw_checked(slots_in, arguments.batch, faults, 2);
    const int index_6 = tw_checked(positions_in, arguments.max_len, faults, 3);
    if ((program < arguments.kv_heads) && ((thread_2 & 16) == 0)) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_4[l];
            *(uint4*)(k_cache + (((((long long)(index_5) * arguments.k_cache_stride0) + ((long long)(program_2) * arguments.k_cache_stride1)) + ((long long)(index_6) * arguments.k_cache_stride2)) + (long long)((64 + at)))) = vector.all;
        }
    }
    const int index_7 = tw_checked(slots_in, arguments.batch, faults, 4);
    const int index_8 = tw_checked(positions_in, arguments.max_len, faults, 5);
    if (program < arguments.kv_heads) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = v_in[l];
            *(uint4*)(v_cache + (((((long long)(index_7) * arguments.v_cache_stride0) + ((long long)(program_2) * arguments.v_cache_stride1)) + ((long long)(index_8) * arguments.v_cache_stride2)) + (long long)(at_2))) = vector.all;
        }
    }
}
