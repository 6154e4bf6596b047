// resize_bilinear, f32, batch = 4, height = 480, width = 640, channels = 3, out_height = 224, out_width = 224

struct resize_bilinear_arguments {
    long long x_stride0;
    long long x_stride1;
    long long x_stride2;
    long long y_stride0;
    long long y_stride1;
    long long y_stride2;
    int batch;
    int height;
    int width;
    int channels;
    int out_height;
    int out_width;
};

extern "C" __global__ void __launch_bounds__(64) tw_kernel_resize_bilinear(const float* __restrict__ x, float* y, const resize_bilinear_arguments arguments, uint4* faults) {
    const int at_2 = (int)threadIdx.x;
    const int larger = max((((((int)blockIdx.x * 2) + 1) * arguments.height) - arguments.out_height), 0);
    const int difference_2 = arguments.height - 1;
    const int smaller = min(((2 * arguments.out_height) == 0 ? 0 : larger / (2 * arguments.out_height)), difference_2);
    const int smaller_2 = min((smaller + 1), difference_2);
    const int rem = (2 * arguments.out_height) == 0 ? 0 : larger % (2 * arguments.out_height);
    const float wide = (float)(rem);
    const float wide_2 = (float)((2 * arguments.out_height));
    const float quotient_2 = wide / wide_2;
    const int difference_4 = arguments.width - 1;
    const int index = tw_checked(smaller, arguments.height, faults, 0);
    float x_in[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in[i_8] = x[((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index) * arguments.x_stride1)) + ((long long)(tw_checked(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_2 + (((i_8 >> 2) & 3) * 64))) * (unsigned int)(2)))) + (unsigned int)(1)))) * (unsigned int)(arguments.width)))) - (unsigned int)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)((i_8 & 3))];
        }
    }
    const int index_2 = tw_checked(smaller_2, arguments.height, faults, 0);
    float x_in_2[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_2[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_2[i_8] = x[((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_2) * arguments.x_stride1)) + ((long long)(tw_checked(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_2 + (((i_8 >> 2) & 3) * 64))) * (unsigned int)(2)))) + (unsigned int)(1)))) * (unsigned int)(arguments.width)))) - (unsigned int)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)((i_8 & 3))];
        }
    }
    const int index_3 = tw_checked(smaller, arguments.height, faults, 0);
    float x_in_3[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_3[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_3[i_8] = x[((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_3) * arguments.x_stride1)) + ((long long)(tw_checked(min((int)(((unsigned int)(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_2 + (((i_8 >> 2) & 3) * 64))) * (unsigned int)(2)))) + (unsigned int)(1)))) * (unsigned int)(arguments.width)))) - (unsigned int)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4)) + (unsigned int)(1))), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)((i_8 & 3))];
        }
    }
    const int index_4 = tw_checked(smaller_2, arguments.height, faults, 0);
    float x_in_4[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_4[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_4[i_8] = x[((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)(index_4) * arguments.x_stride1)) + ((long long)(tw_checked(min((int)(((unsigned int)(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_2 + (((i_8 >> 2) & 3) * 64))) * (unsigned int)(2)))) + (unsigned int)(1)))) * (unsigned int)(arguments.width)))) - (unsigned int)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4)) + (unsigned int)(1))), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long long)((i_8 & 3))];
        }
    }
    const float wide_4 = (float)((2 * arguments.out_width));
    float tile[4];
    float difference_5[4];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 4; i_8++) {
        tile[i_8] = 0.0f;
        if ((at_2 + ((i_8 & 3) * 64)) < arguments.out_width) {
            tile[i_8] = (float)(((2 * arguments.out_width) == 0 ? 0 : max((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((int)(((unsigned int)((at_2 + ((i_8 & 3) * 64))) * (unsigned int)(2)))) + (unsigned int)(1)))) * (unsigned int)(arguments.width)))) - (unsigned int)(arguments.out_width))), 0) % (2 * arguments.out_width))) / wide_4;
        }
        difference_5[i_8] = 1.0f - tile[i_8];
    }
    const float difference_6 = 1.0f - quotient_2;
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        const float product_5 = x_in_3[i_8] * tile[(i_8 >> 2) & 3];
        const float fma_x = fma(x_in[i_8], difference_5[(i_8 >> 2) & 3], product_5);
        const float product_6 = x_in_4[i_8] * tile[(i_8 >> 2) & 3];
        const float product_7 = fma(x_in_2[i_8], difference_5[(i_8 >> 2) & 3], product_6) * quotient_2;
        const float fma_x_3 = fma(fma_x, difference_6, product_7);
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            y[((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + ((long long)((at_2 + (((i_8 >> 2) & 3) * 64))) * arguments.y_stride2)) + (long long)((i_8 & 3))] = fma_x_3;
        }
    }
}
