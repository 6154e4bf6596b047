// dequantize_fp8_e4m3, f32, n = 16777216

struct dequantize_fp8_e4m3_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_dequantize_fp8_e4m3(const unsigned char* __restrict__ x, float* y, const dequantize_fp8_e4m3_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    unsigned char x_in[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        x_in[i_41] = 0;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { unsigned int all; unsigned char lane[4]; } vector;
            vector.all = *(const unsigned int*)(x + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        const unsigned int rounded = (unsigned int)(x_in[i_41]);
        const unsigned int and_ = rounded & 127u;
        const unsigned int shr = and_ >> 3u;
        const unsigned int and_2 = rounded & 7u;
        const bool test = and_ == 127u;
        const unsigned int added = shr + 120u;
        const unsigned int chosen = test ? 255u : added;
        const unsigned int shl = chosen << 23u;
        const unsigned int shl_2 = and_2 << 20u;
        const unsigned int or_ = shl | shl_2;
        const float product = (float)(and_2) * 0.001953125f;
        const bool test_2 = shr == 0u;
        const float tile = __uint_as_float(or_);
        const float chosen_2 = test_2 ? product : tile;
        const bool test_3 = rounded >= 128u;
        const float neg_x = -chosen_2;
        product_2[i_41] = (test_3 ? neg_x : chosen_2) * arguments.scale;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
