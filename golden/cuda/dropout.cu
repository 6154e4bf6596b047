// dropout, f32, n = 16777216

struct dropout_arguments {
    int n;
    float p;
    unsigned int seed;
    unsigned int offset;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dropout(const float* __restrict__ x, float* y, const dropout_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        x_in[i_21] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    unsigned int rounded[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        rounded[i_21] = (unsigned int)((((int)blockIdx.x * 1024) + (at + (i_21 & 3))));
    }
    unsigned int random[4];
    {
        const tw_words words = tw_philox_block(rounded[0], arguments.seed, arguments.offset);
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) random[l] = words.word[l];
    }
    const float product = arguments.p * 16777216.0f;
    const float ceil_x = ceilf(product);
    const unsigned int rounded_2 = tw_to_u32(ceil_x);
    const bool is_nan_x = arguments.p != arguments.p;
    const unsigned int chosen = is_nan_x ? 4294967295u : rounded_2;
    const float difference = 1.0f - arguments.p;
    const float recip_x = 1.0f / difference;
    float chosen_2[4];
    _Pragma("unroll")
    for (int i_21 = 0; i_21 < 4; i_21++) {
        const unsigned int shr = random[i_21] >> 8u;
        const bool test = shr >= chosen;
        const float product_2 = x_in[i_21] * recip_x;
        chosen_2[i_21] = test ? product_2 : 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = chosen_2[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
