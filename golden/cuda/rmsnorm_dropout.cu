// rmsnorm_dropout, f32, rows = 16384, cols = 1024

struct rmsnorm_dropout_arguments {
    long long x_stride0;
    long long y_stride0;
    int rows;
    int cols;
    float p;
    unsigned int seed;
    unsigned int offset;
    float eps;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_rmsnorm_dropout(const float* __restrict__ x, const float* __restrict__ weight, float* y, const rmsnorm_dropout_arguments arguments) {
    const int thread_2 = (int)threadIdx.x & 31;
    const int program = ((int)blockIdx.x * 4) + ((int)threadIdx.x >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))));
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
        product_2[i] = x_in[i] * rsqrt_x;
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
    float product_3[32];
    const unsigned int product_4 = (unsigned int)max(program_2, 0) * (unsigned int)(arguments.cols);
    unsigned int added_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        product_3[i] = product_2[i] * weight_in[i];
        added_2[i] = product_4 + (unsigned int)((at + ((i & 3) + (((i >> 2) & 7) * 128))));
    }
    unsigned int random[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            const tw_words words = tw_philox_block(added_2[i * 4], arguments.seed, arguments.offset);
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) random[(i * 4) + l] = words.word[l];
        }
    }
    const float product_5 = arguments.p * 16777216.0f;
    const float ceil_x = ceilf(product_5);
    const unsigned int rounded_4 = tw_to_u32(ceil_x);
    const bool is_nan_x = arguments.p != arguments.p;
    const unsigned int chosen = is_nan_x ? 4294967295u : rounded_4;
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen_2[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const unsigned int shr = random[i] >> 8u;
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
                *(uint4*)(y + (((long long)(program_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
