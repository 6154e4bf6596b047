// pack_bits, f32, bytes = 8388608

struct pack_bits_arguments {
    int bytes;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_pack_bits(const unsigned char* __restrict__ x, unsigned char* y, const pack_bits_arguments arguments) {
    const int at = (int)threadIdx.x * 16;
    unsigned char or_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        unsigned char x_in = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in = x[(long long)(((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8))];
        }
        const bool test = x_in != 0;
        const unsigned char rounded = (unsigned char)(test);
        unsigned char x_in_2 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_2 = x[(long long)((1 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_2 = x_in_2 != 0;
        const unsigned char rounded_2 = (unsigned char)(test_2);
        const unsigned char shl = (unsigned char)((rounded_2 << 1));
        const unsigned char or_ = rounded | shl;
        unsigned char x_in_3 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_3 = x[(long long)((2 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_3 = x_in_3 != 0;
        const unsigned char rounded_3 = (unsigned char)(test_3);
        const unsigned char shl_2 = (unsigned char)((rounded_3 << 2));
        const unsigned char or_2 = or_ | shl_2;
        unsigned char x_in_4 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_4 = x[(long long)((3 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_4 = x_in_4 != 0;
        const unsigned char rounded_4 = (unsigned char)(test_4);
        const unsigned char shl_3 = (unsigned char)((rounded_4 << 3));
        const unsigned char or_3 = or_2 | shl_3;
        unsigned char x_in_5 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_5 = x[(long long)((4 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_5 = x_in_5 != 0;
        const unsigned char rounded_5 = (unsigned char)(test_5);
        const unsigned char shl_4 = (unsigned char)((rounded_5 << 4));
        const unsigned char or_4 = or_3 | shl_4;
        unsigned char x_in_6 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_6 = x[(long long)((5 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_6 = x_in_6 != 0;
        const unsigned char rounded_6 = (unsigned char)(test_6);
        const unsigned char shl_5 = (unsigned char)((rounded_6 << 5));
        const unsigned char or_5 = or_4 | shl_5;
        unsigned char x_in_7 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_7 = x[(long long)((6 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_7 = x_in_7 != 0;
        const unsigned char rounded_7 = (unsigned char)(test_7);
        const unsigned char shl_6 = (unsigned char)((rounded_7 << 6));
        const unsigned char or_6 = or_5 | shl_6;
        unsigned char x_in_8 = 0;
        if ((((int)blockIdx.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_8 = x[(long long)((7 + ((((int)blockIdx.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_8 = x_in_8 != 0;
        const unsigned char rounded_8 = (unsigned char)(test_8);
        const unsigned char shl_7 = (unsigned char)((rounded_8 << 7));
        or_7[i] = or_6 | shl_7;
    }
    if ((((int)blockIdx.x * 4096) + at) < arguments.bytes) {
        {
            union { uint4 all; unsigned char lane[16]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 16; l++) vector.lane[l] = or_7[l];
            *(uint4*)(y + (long long)((((int)blockIdx.x * 4096) + at))) = vector.all;
        }
    }
}
