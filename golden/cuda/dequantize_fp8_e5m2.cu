// dequantize_fp8_e5m2, f32, n = 16777216

struct dequantize_fp8_e5m2_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dequantize_fp8_e5m2(const unsigned char* __restrict__ x, float* y, const dequantize_fp8_e5m2_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    unsigned char x_in[4];
    _Pragma("unroll")
    for (int i_39 = 0; i_39 < 4; i_39++) {
        x_in[i_39] = 0;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { unsigned int all; unsigned char lane[4]; } vector;
            vector.all = *(const unsigned int*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product[4];
    _Pragma("unroll")
    for (int i_39 = 0; i_39 < 4; i_39++) {
        const unsigned int rounded = (unsigned int)(x_in[i_39]);
        const unsigned int and_ = rounded & 127u;
        const unsigned int shl = and_ << 21u;
        const unsigned int added = shl + 939524096u;
        const bool test = shl >= 260046848u;
        const unsigned int or_ = added | 2139095040u;
        const unsigned int chosen = test ? or_ : added;
        const unsigned int added_2 = shl + 947912704u;
        const float difference = __uint_as_float(added_2) - 6.1035156e-5f;
        const bool test_2 = shl < 8388608u;
        const unsigned int tile_2 = __float_as_uint(difference);
        const unsigned int chosen_2 = test_2 ? tile_2 : chosen;
        const unsigned int and_2 = rounded & 128u;
        const unsigned int shl_2 = and_2 << 24u;
        const unsigned int or_2 = chosen_2 | shl_2;
        product[i_39] = __uint_as_float(or_2) * arguments.scale;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
