// norm_gather_qmm_swiglu, f32, tokens = 1, experts = 128, columns = 768, groups = 32

struct norm_gather_qmm_swiglu_arguments {
    long long x_stride0;
    long long indices_stride0;
    long long gate_stride0;
    long long gate_stride1;
    long long gate_scales_stride0;
    long long gate_scales_stride1;
    long long gate_biases_stride0;
    long long gate_biases_stride1;
    long long up_stride0;
    long long up_stride1;
    long long up_scales_stride0;
    long long up_scales_stride1;
    long long up_biases_stride0;
    long long up_biases_stride1;
    long long y_stride0;
    long long y_stride1;
    int tokens;
    int groups;
    int experts;
    int columns;
    float eps;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_norm_gather_qmm_swiglu(const float* __restrict__ x, const float* __restrict__ norm, const unsigned int* __restrict__ indices, const unsigned int* __restrict__ gate, const float* __restrict__ gate_scales, const float* __restrict__ gate_biases, const unsigned int* __restrict__ up, const float* __restrict__ up_scales, const float* __restrict__ up_biases, float* y, const norm_gather_qmm_swiglu_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[72];
    float* partial0 = (float*)(shared_memory + 0);
    float* partial1 = (float*)(shared_memory + 64);
    float* partial2 = (float*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    const int at_3 = (int)threadIdx.x >> 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.z) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 256)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const unsigned int indices_in = indices[((long long)((int)blockIdx.z) * arguments.indices_stride0) + (long long)((int)blockIdx.y)];
    float squares[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product = x_in[i] * x_in[i];
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
    if ((int)(threadIdx.x & 31) == 0) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            partial0[(i * 2) + (int)(threadIdx.x >> 5)] = squares[i * 4];
        }
    }
    __syncthreads();
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total = __fadd_rn(total, __fadd_rn(partial0[i * 2], partial0[(i * 2) + 1]));
    }
    const float wide = (float)((64 * arguments.groups));
    const float added = (total / wide) + arguments.eps;
    const float rsqrt_x = rsqrtf(added);
    float product_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_2[i] = x_in[i] * rsqrt_x;
    }
    float norm_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(norm + (long long)((at + ((((i * 4) >> 2) & 7) * 256))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) norm_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = product_2[i] * norm_in[i];
    }
    const int rounded = (int)min(indices_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.experts, faults, 0);
    const int index_2 = tw_checked(rounded, arguments.experts, faults, 1);
    const int index_3 = tw_checked(rounded, arguments.experts, faults, 2);
    const int index_4 = tw_checked(rounded, arguments.experts, faults, 3);
    const int index_5 = tw_checked(rounded, arguments.experts, faults, 4);
    const int index_6 = tw_checked(rounded, arguments.experts, faults, 5);
    float tile[8];
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile[i] = gate_scales[(((long long)(tw_checked(rounded, arguments.experts, faults, 0)) * arguments.gate_scales_stride0) + ((long long)((int)blockIdx.x) * arguments.gate_scales_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
        const unsigned int word = gate[(((long long)(tw_checked(rounded, arguments.experts, faults, 1)) * arguments.gate_stride0) + ((long long)((int)blockIdx.x) * arguments.gate_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_18 = 0; i_18 < 4; i_18++) {
            unpacked[(i * 4) + i_18] = (word >> ((unsigned int)((shift + (i_18 * 4))) & 31)) & 15u;
        }
    }
    float wide_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_2[i] = (float)(unpacked[i]);
    }
    float tile_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_2[i] = gate_biases[(((long long)(tw_checked(rounded, arguments.experts, faults, 2)) * arguments.gate_biases_stride0) + ((long long)((int)blockIdx.x) * arguments.gate_biases_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
    }
    float total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x = fma(wide_2[i], tile[(i >> 2) & 7], tile_2[(i >> 2) & 7]);
        total_2 = fma(product_3[i], fma_x, total_2);
    }
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial1[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial1[i];
    }
    float tile_3[8];
    unsigned int unpacked_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_3[i] = up_scales[(((long long)(tw_checked(rounded, arguments.experts, faults, 3)) * arguments.up_scales_stride0) + ((long long)((int)blockIdx.x) * arguments.up_scales_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
        const unsigned int word_2 = up[(((long long)(tw_checked(rounded, arguments.experts, faults, 4)) * arguments.up_stride0) + ((long long)((int)blockIdx.x) * arguments.up_stride1)) + (long long)((((at + ((((i * 4) >> 2) & 7) * 256)) * 4) >> 5))];
        const int shift_2 = ((at + ((((i * 4) >> 2) & 7) * 256)) * 4) & 31;
        _Pragma("unroll")
        for (int i_18 = 0; i_18 < 4; i_18++) {
            unpacked_2[(i * 4) + i_18] = (word_2 >> ((unsigned int)((shift_2 + (i_18 * 4))) & 31)) & 15u;
        }
    }
    float wide_3[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        wide_3[i] = (float)(unpacked_2[i]);
    }
    float tile_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        tile_4[i] = up_biases[(((long long)(tw_checked(rounded, arguments.experts, faults, 5)) * arguments.up_biases_stride0) + ((long long)((int)blockIdx.x) * arguments.up_biases_stride1)) + (long long)((at_3 + ((i & 7) * 4)))];
    }
    float total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float fma_x_2 = fma(wide_3[i], tile_3[(i >> 2) & 7], tile_4[(i >> 2) & 7]);
        total_3 = fma(product_3[i], fma_x_2, total_3);
    }
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 1);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 2);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 4);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 8);
    total_3 = total_3 + __shfl_xor_sync(0xffffffffu, total_3, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial2[(int)(threadIdx.x >> 5)] = total_3;
    }
    __syncthreads();
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_3 = total_3 + partial2[i];
    }
    const float product_7 = (total_2 * tw_sigmoid(total_2)) * total_3;
    if (((int)threadIdx.x & 63) == 0) {
        y[(((long long)((int)blockIdx.z) * arguments.y_stride0) + ((long long)((int)blockIdx.y) * arguments.y_stride1)) + (long long)((int)blockIdx.x)] = product_7;
    }
}
