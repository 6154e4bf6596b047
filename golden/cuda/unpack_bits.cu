// unpack_bits, f32, bytes = 8388608

struct unpack_bits_arguments {
    int bytes;
};

extern "C" __global__ void __launch_bounds__(1024) tw_kernel_unpack_bits(const unsigned char* __restrict__ x, unsigned char* y, const unpack_bits_arguments arguments) {
    const int at = (int)threadIdx.x * 16;
    unsigned char rounded[65536];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 65536; i_2++) {
        const unsigned int unpacked = ((unsigned int)(x[(long long)(((at + ((i_2 & 15) + (((i_2 >> 4) & 4095) * 16384))) >> 3))]) >> ((unsigned int)(((at + ((i_2 & 15) + (((i_2 >> 4) & 4095) * 16384))) & 7)) & 31)) & 1u;
        rounded[i_2] = tw_u32_to_u8(unpacked);
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 4096; i_2++) {
        unsigned char out[16];
        out[0] = rounded[i_2 * 16];
        out[1] = rounded[(i_2 * 16) + 1];
        out[2] = rounded[(i_2 * 16) + 2];
        out[3] = rounded[(i_2 * 16) + 3];
        out[4] = rounded[(i_2 * 16) + 4];
        out[5] = rounded[(i_2 * 16) + 5];
        out[6] = rounded[(i_2 * 16) + 6];
        out[7] = rounded[(i_2 * 16) + 7];
        out[8] = rounded[(i_2 * 16) + 8];
        out[9] = rounded[(i_2 * 16) + 9];
        out[10] = rounded[(i_2 * 16) + 10];
        out[11] = rounded[(i_2 * 16) + 11];
        out[12] = rounded[(i_2 * 16) + 12];
        out[13] = rounded[(i_2 * 16) + 13];
        out[14] = rounded[(i_2 * 16) + 14];
        out[15] = rounded[(i_2 * 16) + 15];
        {
            union { uint4 all; unsigned char lane[16]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 16; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (long long)((at + ((((i_2 * 16) >> 4) & 4095) * 16384)))) = vector.all;
        }
    }
}
