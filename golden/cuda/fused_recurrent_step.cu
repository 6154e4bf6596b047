// fused_recurrent_step, f32, rows = 16384, cols = 1024

struct fused_recurrent_step_arguments {
    long long h_stride0;
    long long gate_stride0;
    long long y_stride0;
    int rows;
    int cols;
    float alpha;
    float eps;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_fused_recurrent_step(const float* __restrict__ h, const float* __restrict__ weight, const float* __restrict__ gate, float* y, const fused_recurrent_step_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float h_in[32];
    float gate_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(h + (((long long)(program_2) * arguments.h_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) h_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(gate + (((long long)(program_2) * arguments.gate_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) gate_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float squares[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product = h_in[i] * h_in[i];
        squares[i] = product;
    }
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        squares[i * 2] = __fadd_rn(squares[i * 2], squares[(i * 2) + 1]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], squares[(i * 4) + 2]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 1));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 2));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 4));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 8));
    }
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        squares[i * 4] = __fadd_rn(squares[i * 4], __shfl_xor_sync(0xffffffffu, squares[i * 4], 16));
    }
    float total;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        squares[i * 8] = __fadd_rn(squares[i * 8], squares[(i * 8) + 4]);
    }
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = __fadd_rn(total, squares[i * 8]);
    }
    const float wide = (float)(arguments.cols);
    const float added = (total / wide) + arguments.eps;
    const float rsqrt_x = rsqrtf(added);
    float product_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_2[i] = h_in[i] * rsqrt_x;
    }
    float weight_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(weight + (long long)((at + ((((i * 4) >> 2) & 7) * 128))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) weight_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float fma_x[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product_3 = product_2[i] * weight_in[i];
        const float product_5 = arguments.alpha * (product_3 * tw_sigmoid(product_3));
        fma_x[i] = fma(product_5, gate_in[i], h_in[i]);
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = fma_x[i * 4];
            out[1] = fma_x[(i * 4) + 1];
            out[2] = fma_x[(i * 4) + 2];
            out[3] = fma_x[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
