// dropout, f32, n = 16777216

struct dropout_arguments {
    int n;
    float p;
    uint seed;
    uint offset;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_dropout(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant dropout_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        x_in[i_21] = 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    uint rounded[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        rounded[i_21] = (uint)((((int)threadgroup_position_in_grid.x * 1024) + (at + (i_21 & 3))));
    }
    uint random[4];
    {
        const tw_words words = tw_philox_block(rounded[0], arguments.seed, arguments.offset);
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) random[l] = words.word[l];
    }
    const float product = arguments.p * 16777216.0f;
    const float ceil_x = ceil(product);
    const uint rounded_2 = tw_to_u32(ceil_x);
    const bool is_nan_x = arguments.p != arguments.p;
    const uint chosen = is_nan_x ? 4294967295u : rounded_2;
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen_2[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        const uint shr = random[i_21] >> 8u;
        const bool test = shr >= chosen;
        const float product_2 = x_in[i_21] * recip_x;
        chosen_2[i_21] = test ? product_2 : 0.0f;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen_2[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
