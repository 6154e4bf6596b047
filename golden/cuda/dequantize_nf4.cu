// dequantize_nf4, f32, n = 16777216

struct dequantize_nf4_arguments {
    int n;
    float scale;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_dequantize_nf4(const unsigned char* __restrict__ x, float* y, const dequantize_nf4_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[64];
    float* table0 = (float*)(shared_memory + 0);
    const int at = (int)threadIdx.x * 4;
    const int product = (int)blockIdx.x * 1024;
    const int product_2 = (int)blockIdx.x * 2048;
    const float tile = -1.0f;
    const float tile_2 = -0.6961928f;
    const float tile_4 = -0.52507305f;
    const float tile_6 = -0.3949175f;
    const float tile_8 = -0.28444138f;
    const float tile_10 = -0.18477343f;
    const float tile_12 = -0.091050036f;
    const float tile_14 = 0.0f;
    const float tile_16 = 0.0795803f;
    const float tile_18 = 0.1609302f;
    const float tile_20 = 0.2461123f;
    const float tile_22 = 0.33791524f;
    const float tile_24 = 0.44070983f;
    const float tile_26 = 0.562617f;
    const float tile_28 = 0.72295684f;
    const float tile_30 = 1.0f;
    unsigned int unpacked[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 16; i_2++) {
        const unsigned char word = ((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)) < arguments.n) ? x[(long long)((product + (((at + (((i_2 * 2) & 3) + ((((i_2 * 2) >> 2) & 7) * 256))) * 4) >> 3)))] : 0;
        _Pragma("unroll")
        for (int i_3 = 0; i_3 < 2; i_3++) {
            unpacked[(i_2 * 2) + i_3] = ((unsigned int)(word) >> ((unsigned int)((i_3 * 4)) & 31)) & 15u;
        }
    }
    if ((int)threadIdx.x < 16) {
        const bool odd = ((int)threadIdx.x & 1) != 0;
        const float entry = odd ? tile_2 : tile;
        const float entry_2 = odd ? tile_6 : tile_4;
        const float entry_3 = odd ? tile_10 : tile_8;
        const float entry_4 = odd ? tile_14 : tile_12;
        const float entry_5 = odd ? tile_18 : tile_16;
        const float entry_6 = odd ? tile_22 : tile_20;
        const float entry_7 = odd ? tile_26 : tile_24;
        const float entry_8 = odd ? tile_30 : tile_28;
        const bool odd_2 = ((int)threadIdx.x & 2) != 0;
        const float entry_9 = odd_2 ? entry_2 : entry;
        const float entry_10 = odd_2 ? entry_4 : entry_3;
        const float entry_11 = odd_2 ? entry_6 : entry_5;
        const float entry_12 = odd_2 ? entry_8 : entry_7;
        const bool odd_3 = ((int)threadIdx.x & 4) != 0;
        const float entry_13 = odd_3 ? entry_10 : entry_9;
        const float entry_14 = odd_3 ? entry_12 : entry_11;
        const bool odd_4 = ((int)threadIdx.x & 8) != 0;
        const float entry_15 = odd_4 ? entry_14 : entry_13;
        table0[(int)threadIdx.x] = entry_15;
    }
    __syncthreads();
    float product_3[32];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32; i_2++) {
        const int index = tw_checked((int)(unpacked[i_2]), 16, faults, 0);
        product_3[i_2] = table0[index] * arguments.scale;
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
