// dequantize_int4, f32, n = 16777216

struct dequantize_int4_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_int4(const unsigned char* __restrict__ x, float* y, const dequantize_int4_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    const int product = (int)blockIdx.x * 1024;
    const int product_2 = (int)blockIdx.x * 2048;
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 16; i_2++) {
        const unsigned char word = ((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)) < arguments.n) ? x[(long long)((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)))] : 0;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 2; i_3++) {
            unpacked[(i_2 * 2) + i_3] = ((unsigned int)(word) >> ((unsigned int)((i_3 * 4)) & 31)) & 15u;
        }
    }
    float product_3[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32; i_2++) {
        product_3[i_2] = (float)(unpacked[i_2]) * arguments.scale;
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8; i_2++) {
        if ((product_2 + (at + ((((i_2 * 4) >> 2) & 7) * 256))) < (2 * arguments.n)) {
            float out[4];
            out[0] = product_3[i_2 * 4];
            out[1] = product_3[(i_2 * 4) + 1];
            out[2] = product_3[(i_2 * 4) + 2];
            out[3] = product_3[(i_2 * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(uint4*)(y + (long long)((product_2 + (at + ((((i_2 * 4) >> 2) & 7) * 256))))) = vector.all;
            }
        }
    }
}
