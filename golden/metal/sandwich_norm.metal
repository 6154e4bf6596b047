// sandwich_norm, f32, rows = 16384, cols = 1024

struct sandwich_norm_arguments {
    long x_stride0;
    long inner_stride0;
    long y_stride0;
    long sum_stride0;
    int rows;
    int cols;
    float inner_eps;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_sandwich_norm(
    const device float* x [[buffer(0)]],
    const device float* inner [[buffer(1)]],
    const device float* inner_weight [[buffer(2)]],
    const device float* weight [[buffer(3)]],
    device float* y [[buffer(4)]],
    device float* sum [[buffer(5)]],
    constant sandwich_norm_arguments& arguments [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[8];
    threadgroup float partial1[8];
    const int at = (int)thread_index_in_threadgroup * 4;
    float inner_in[16];
    float x_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(inner + (((long)((int)threadgroup_position_in_grid.x) * arguments.inner_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) inner_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float squares[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float product = inner_in[i] * inner_in[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 2] = fma(squares[i * 2], 1.0f, squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 4] = fma(squares[i * 4], 1.0f, simd_shuffle_xor(squares[i * 4], 16));
    }
    float total;
    if ((int)thread_index_in_simdgroup == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial0[(i * 2) + (int)simdgroup_index_in_threadgroup] = squares[i * 4];
        }
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = fma(total, 1.0f, fma(partial0[i * 2], 1.0f, partial0[(i * 2) + 1]));
    }
    const float wide = (float)(arguments.cols);
    const float added = (total / wide) + arguments.inner_eps;
    const float rsqrt_x = precise::rsqrt(added);
    float product_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        product_2[i] = inner_in[i] * rsqrt_x;
    }
    float inner_weight_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(inner_weight + (long)((at + ((((i * 4) >> 2) & 3) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) inner_weight_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x[16];
    float squares_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x[i] = fma(product_2[i], inner_weight_in[i], x_in[i]);
        const float product_3 = fma_x[i] * fma_x[i];
        squares_2[i] = product_3;
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares_2[i * 2] = fma(squares_2[i * 2], 1.0f, squares_2[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, squares_2[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, simd_shuffle_xor(squares_2[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, simd_shuffle_xor(squares_2[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, simd_shuffle_xor(squares_2[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, simd_shuffle_xor(squares_2[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = fma(squares_2[i * 4], 1.0f, simd_shuffle_xor(squares_2[i * 4], 16));
    }
    float total_2;
    if ((int)thread_index_in_simdgroup == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial1[(i * 2) + (int)simdgroup_index_in_threadgroup] = squares_2[i * 4];
        }
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = fma(total_2, 1.0f, fma(partial1[i * 2], 1.0f, partial1[(i * 2) + 1]));
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x_2 = precise::rsqrt(added_2);
    float product_4[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        product_4[i] = fma_x[i] * rsqrt_x_2;
    }
    float weight_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(weight + (long)((at + ((((i * 4) >> 2) & 3) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) weight_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_5[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        product_5[i] = product_4[i] * weight_in[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float out[4];
        out[0] = product_5[i * 4];
        out[1] = product_5[(i * 4) + 1];
        out[2] = product_5[(i * 4) + 2];
        out[3] = product_5[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
        }
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float out_2[4];
        out_2[0] = fma_x[i * 4];
        out_2[1] = fma_x[(i * 4) + 1];
        out_2[2] = fma_x[(i * 4) + 2];
        out_2[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(device uint4*)(sum + (((long)((int)threadgroup_position_in_grid.x) * arguments.sum_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
        }
    }
}
