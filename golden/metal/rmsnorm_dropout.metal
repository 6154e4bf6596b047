// rmsnorm_dropout, f32, rows = 16384, cols = 1024

struct rmsnorm_dropout_arguments {
    long x_stride0;
    long y_stride0;
    int rows;
    int cols;
    float p;
    uint seed;
    uint offset;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_rmsnorm_dropout(
    const device float* x [[buffer(0)]],
    const device float* weight [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant rmsnorm_dropout_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float squares[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product = x_in[i] * x_in[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 2] = fma(squares[i * 2], 1.0f, squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 16));
    }
    float total;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 8] = fma(squares[i * 8], 1.0f, squares[(i * 8) + 4]);
    }
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = fma(total, 1.0f, squares[i * 8]);
    }
    const float wide = (float)(arguments.cols);
    const float added = (total / wide) + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added);
    float product_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_2[i] = x_in[i] * rsqrt_x;
    }
    float weight_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(weight + (long)((at + ((((i * 4) >> 2) & 7) * 128))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) weight_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_3[32];
    const uint product_4 = (unsigned int)max(program_2, 0) * (uint)(arguments.cols);
    uint added_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = product_2[i] * weight_in[i];
        added_2[i] = product_4 + (uint)((at + ((i & 3) + (((i >> 2) & 7) * 128))));
    }
    uint random[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            const tw_words words = tw_philox_block(added_2[i * 4], arguments.seed, arguments.offset);
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) random[(i * 4) + l] = words.word[l];
        }
    }
    const float product_5 = arguments.p * 16777216.0f;
    const float ceil_x = ceil(product_5);
    const uint rounded_4 = tw_to_u32(ceil_x);
    const bool is_nan_x = arguments.p != arguments.p;
    const uint chosen = is_nan_x ? 4294967295u : rounded_4;
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const uint shr = random[i] >> 8u;
        const bool test = shr >= chosen;
        const float product_6 = product_3[i] * recip_x;
        chosen_2[i] = test ? product_6 : 0.0f;
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = chosen_2[i * 4];
            out[1] = chosen_2[(i * 4) + 1];
            out[2] = chosen_2[(i * 4) + 2];
            out[3] = chosen_2[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
