// layernorm_residual, f32, rows = 16384, cols = 1024

struct layernorm_residual_arguments {
    long x_stride0;
    long residual_stride0;
    long y_stride0;
    long sum_stride0;
    int rows;
    int cols;
    float eps;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_layernorm_residual(
    const device float* x [[buffer(0)]],
    const device float* residual [[buffer(1)]],
    const device float* weight [[buffer(2)]],
    const device float* bias [[buffer(3)]],
    device float* y [[buffer(4)]],
    device float* sum [[buffer(5)]],
    constant layernorm_residual_arguments& arguments [[buffer(6)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float partial0[2];
    threadgroup float partial1[8];
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[16];
    float residual_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(residual + (((long)((int)threadgroup_position_in_grid.x) * arguments.residual_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) residual_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[16];
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        added[i] = x_in[i] + residual_in[i];
        total = total + added[i];
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total = total + partial0[i];
    }
    const float wide = (float)(arguments.cols);
    const float quotient = total / wide;
    float difference[16];
    float squares[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        difference[i] = added[i] - quotient;
        const float product = difference[i] * difference[i];
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
    float total_2;
    if ((int)thread_index_in_simdgroup == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial1[(i * 2) + (int)simdgroup_index_in_threadgroup] = squares[i * 4];
        }
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = fma(total_2, 1.0f, fma(partial1[i * 2], 1.0f, partial1[(i * 2) + 1]));
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x = precise::rsqrt(added_2);
    float product_2[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        product_2[i] = difference[i] * rsqrt_x;
    }
    float weight_in[16];
    float bias_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(weight + (long)((at + ((((i * 4) >> 2) & 3) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) weight_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(bias + (long)((at + ((((i * 4) >> 2) & 3) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) bias_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        fma_x[i] = fma(product_2[i], weight_in[i], bias_in[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
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
        out_2[0] = added[i * 4];
        out_2[1] = added[(i * 4) + 1];
        out_2[2] = added[(i * 4) + 2];
        out_2[3] = added[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(device uint4*)(sum + (((long)((int)threadgroup_position_in_grid.x) * arguments.sum_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
        }
    }
}
