// layernorm_residual, f32, rows = 16384, cols = 1024

struct layernorm_residual_arguments {
    long long x_stride0;
    long long residual_stride0;
    long long y_stride0;
    long long sum_stride0;
    int rows;
    int cols;
    float eps;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_layernorm_residual(const float* __restrict__ x, const float* __restrict__ residual, const float* __restrict__ weight, const float* __restrict__ bias, float* y, float* sum, const layernorm_residual_arguments arguments) {
    __shared__ __align__(16) char shared_memory[48];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 16);
    const int at = (int)threadIdx.x * 4;
    float x_in[16];
    float residual_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(residual + (((long long)((int)blockIdx.x) * arguments.residual_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))));
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
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial0[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
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
    float total_2;
    if ((int)(threadIdx.x & 31) == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            partial1[(i * 2) + (int)(threadIdx.x >> 5)] = squares[i * 4];
        }
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = __fadd_rn(total_2, __fadd_rn(partial1[i * 2], partial1[(i * 2) + 1]));
    }
    const float added_2 = (total_2 / wide) + arguments.eps;
    const float rsqrt_x = rsqrtf(added_2);
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
            vector.all = *(const uint4*)(weight + (long long)((at + ((((i * 4) >> 2) & 3) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) weight_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(bias + (long long)((at + ((((i * 4) >> 2) & 3) * 256))));
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
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
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
            *(uint4*)(sum + (((long long)((int)blockIdx.x) * arguments.sum_stride0) + (long long)((at + ((((i * 4) >> 2) & 3) * 256))))) = vector.all;
        }
    }
}
