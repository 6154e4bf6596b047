// sandwich_norm, f32, rows = 16384, cols = 1024

struct sandwich_norm_arguments {
    long long x_stride0;
    long long inner_stride0;
    long long y_stride0;
    long long sum_stride0;
    int rows;
    int cols;
    float inner_eps;
    float eps;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_sandwich_norm(const float* __restrict__ x, const float* __restrict__ inner, const float* __restrict__ inner_weight, const float* __restrict__ weight, float* y, float* sum, const sandwich_norm_arguments arguments) {
    __shared__ __align__(16) char shared_memory[64];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 32);
    const int at = (int)threadIdx.x * 4;
    float inner_in[16];
    float x_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(inner + (((long long)((int)blockIdx.x) * arguments.inner_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) inner_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))));
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
    float total;
    if ((int)(threadIdx.x & 31) == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial0[(i * 2) + (int)(threadIdx.x >> 5)] = squares[i * 4];
        }
    }
    __syncthreads();
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = __fadd_rn(total, __fadd_rn(partial0[i * 2], partial0[(i * 2) + 1]));
    }
    const float wide = (float)(arguments.cols);
    const float added = (total / wide) + arguments.inner_eps;
    const float rsqrt_x = rsqrtf(added);
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
            vector.all = *(const uint4*)(inner_weight + (long long)((at + ((((i * 4) >> 2) & 3) * 256))));
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
        squares_2[i * 2] = __fadd_rn(squares_2[i * 2], squares_2[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], squares_2[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], __shfl_xor_sync(0xffffffffu, squares_2[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], __shfl_xor_sync(0xffffffffu, squares_2[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], __shfl_xor_sync(0xffffffffu, squares_2[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], __shfl_xor_sync(0xffffffffu, squares_2[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares_2[i * 4] = __fadd_rn(squares_2[i * 4], __shfl_xor_sync(0xffffffffu, squares_2[i * 4], 16));
    }
    float total_2;
    if ((int)(threadIdx.x & 31) == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial1[(i * 2) + (int)(threadIdx.x >> 5)] = squares_2[i * 4];
        }
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = __fadd_rn(total_2, __fadd_rn(partial1[i * 2], partial1[(i * 2) + 1]));
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x_2 = rsqrtf(added_2);
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
            vector.all = *(const uint4*)(weight + (long long)((at + ((((i * 4) >> 2) & 3) * 256))));
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
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
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
            *(uint4*)(sum + (((long long)((int)blockIdx.x) * arguments.sum_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
        }
    }
}
