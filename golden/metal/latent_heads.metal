// latent_heads, f32, tokens = 2048, heads = 16

struct latent_heads_arguments {
    long kv_stride0;
    long kv_stride1;
    long turning_stride0;
    long k_stride0;
    long k_stride1;
    long v_stride0;
    long v_stride1;
    int tokens;
    int heads;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_latent_heads(
    const device float* kv [[buffer(0)]],
    const device float* turning [[buffer(1)]],
    device float* k [[buffer(2)]],
    device float* v [[buffer(3)]],
    constant latent_heads_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = ((int)thread_index_in_threadgroup & 15) * 4;
    const int at_2 = (int)thread_index_in_threadgroup >> 5;
    const int at_3 = ((int)thread_index_in_threadgroup & 31) * 4;
    const int at_4 = (int)thread_index_in_threadgroup >> 4;
    float turning_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(turning + (((long)((int)threadgroup_position_in_grid.x) * arguments.turning_stride0) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) turning_in[l] = vector.lane[l];
    }
    float kv_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(kv + ((((long)((int)threadgroup_position_in_grid.x) * arguments.kv_stride0) + ((long)((at_2 + ((((i * 4) >> 2) & 7) * 2))) * arguments.kv_stride1)) + (long)(at_3)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) kv_in[(i * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float out[4];
        out[0] = turning_in[0];
        out[1] = turning_in[((i * 4) + 1) & 3];
        out[2] = turning_in[((i * 4) + 2) & 3];
        out[3] = turning_in[((i * 4) + 3) & 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(k + ((((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride0) + ((long)((at_4 + ((((i * 4) >> 2) & 3) * 4))) * arguments.k_stride1)) + (long)(at))) = vector.all;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        float out_2[4];
        out_2[0] = kv_in[i * 4];
        out_2[1] = kv_in[(i * 4) + 1];
        out_2[2] = kv_in[(i * 4) + 2];
        out_2[3] = kv_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(device uint4*)(k + ((((long)((int)threadgroup_position_in_grid.x) * arguments.k_stride0) + ((long)((at_2 + ((((i * 4) >> 2) & 7) * 2))) * arguments.k_stride1)) + (long)((64 + at_3)))) = vector.all;
        }
    }
    float kv_in_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(kv + ((((long)((int)threadgroup_position_in_grid.x) * arguments.kv_stride0) + ((long)((at_2 + ((((i * 4) >> 2) & 7) * 2))) * arguments.kv_stride1)) + (long)((128 + at_3))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) kv_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        float out_3[4];
        out_3[0] = kv_in_2[i * 4];
        out_3[1] = kv_in_2[(i * 4) + 1];
        out_3[2] = kv_in_2[(i * 4) + 2];
        out_3[3] = kv_in_2[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_3[l];
            *(device uint4*)(v + ((((long)((int)threadgroup_position_in_grid.x) * arguments.v_stride0) + ((long)((at_2 + ((((i * 4) >> 2) & 7) * 2))) * arguments.v_stride1)) + (long)(at_3))) = vector.all;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float out_4[4];
        _Pragma("unroll")
        for (int i_17 = 0; i_17 < 4; i_17++) {
            out_4[i_17] = 0.0f;
        }
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_4[l];
            *(device uint4*)(v + ((((long)((int)threadgroup_position_in_grid.x) * arguments.v_stride0) + ((long)((at_4 + ((((i * 4) >> 2) & 3) * 4))) * arguments.v_stride1)) + (long)((128 + at)))) = vector.all;
        }
    }
}
