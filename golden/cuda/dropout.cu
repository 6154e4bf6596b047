// dropout, f32, n = 16777216

struct dropout_arguments {
    int n;
    float p;
    unsigned int seed;
    unsigned int offset;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dropout(const float* __restrict__ x, float* y, const dropout_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    unsigned int rounded[4];
    float x_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        rounded[i] = (unsigned int)((((int)blockIdx.x * 1024) + (at + (i & 3))));
        x_in[i] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const unsigned int random = tw_philox(rounded[i], arguments.seed, arguments.offset);
        const unsigned int shr = random >> 8u;
        const float product = (float)(shr) * 5.9604645e-8f;
        const bool test = product >= arguments.p;
        const float product_2 = x_in[i] * recip_x;
        chosen[i] = test ? product_2 : 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
