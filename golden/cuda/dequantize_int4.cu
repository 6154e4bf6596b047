// dequantize_int4, f32, n = 16777216

struct dequantize_int4_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(1024) tw_kernel_dequantize_int4(const unsigned char* __restrict__ x, float* y, const dequantize_int4_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float product[32768];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32768; i_2++) {
        const unsigned int unpacked = ((unsigned int)(x[(long long)((((at + ((i_2 & 3) + (((i_2 >> 2) & 8191) * 4096))) * 4) >> 3))]) >> ((unsigned int)((((at + ((i_2 & 3) + (((i_2 >> 2) & 8191) * 4096))) * 4) & 7)) & 31)) & 15u;
        product[i_2] = (float)(unpacked) * arguments.scale;
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8192; i_2++) {
        float out[4];
        out[0] = product[i_2 * 4];
        out[1] = product[(i_2 * 4) + 1];
        out[2] = product[(i_2 * 4) + 2];
        out[3] = product[(i_2 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((at + ((((i_2 * 4) >> 2) & 8191) * 4096)))) = vector.all;
        }
    }
}
