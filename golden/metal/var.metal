// var, f32, rows = 16384, cols = 1024

struct var_arguments {
    long x_stride0;
    int rows;
    int cols;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_var(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant var_arguments& arguments [[buffer(2)]],
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
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        total = total + x_in[i];
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    const float wide = (float)(arguments.cols);
    const float quotient = total / wide;
    float squares[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float difference = x_in[i] - quotient;
        const float product = difference * difference;
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
    float total_2;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 8] = fma(squares[i * 8], 1.0f, squares[(i * 8) + 4]);
    }
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = fma(total_2, 1.0f, squares[i * 8]);
    }
    const float quotient_2 = total_2 / wide;
    if ((program < arguments.rows) && ((thread_2 & 31) == 0)) {
        y[(long)(program_2)] = quotient_2;
    }
}
