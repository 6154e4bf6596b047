// resize_bilinear, f32, batch = 4, height = 480, width = 640, channels = 3, out_height = 224, out_width = 224

struct resize_bilinear_arguments {
    long x_stride0;
    long x_stride1;
    long x_stride2;
    long y_stride0;
    long y_stride1;
    long y_stride2;
    int batch;
    int height;
    int width;
    int channels;
    int out_height;
    int out_width;
};

[[kernel, max_total_threads_per_threadgroup(64)]]
void tw_kernel_resize_bilinear(
    const device float* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant resize_bilinear_arguments& arguments [[buffer(2)]],
    device uint* faults [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at_2 = (int)thread_index_in_threadgroup;
    const int larger = max((((((int)threadgroup_position_in_grid.x * 2) + 1) * arguments.height) - arguments.out_height), 0);
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
            x_in[i_8] = x[((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(index) * arguments.x_stride1)) + ((long)(tw_checked(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((uint)((int)(((uint)((int)(((uint)((int)(((uint)((at_2 + (((i_8 >> 2) & 3) * 64))) * (uint)(2)))) + (uint)(1)))) * (uint)(arguments.width)))) - (uint)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long)((i_8 & 3))];
        }
    }
    const int index_2 = tw_checked(smaller_2, arguments.height, faults, 0);
    float x_in_2[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_2[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_2[i_8] = x[((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(index_2) * arguments.x_stride1)) + ((long)(tw_checked(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((uint)((int)(((uint)((int)(((uint)((int)(((uint)((at_2 + (((i_8 >> 2) & 3) * 64))) * (uint)(2)))) + (uint)(1)))) * (uint)(arguments.width)))) - (uint)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long)((i_8 & 3))];
        }
    }
    const int index_3 = tw_checked(smaller, arguments.height, faults, 0);
    float x_in_3[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_3[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_3[i_8] = x[((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(index_3) * arguments.x_stride1)) + ((long)(tw_checked(min((int)(((uint)(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((uint)((int)(((uint)((int)(((uint)((int)(((uint)((at_2 + (((i_8 >> 2) & 3) * 64))) * (uint)(2)))) + (uint)(1)))) * (uint)(arguments.width)))) - (uint)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4)) + (uint)(1))), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long)((i_8 & 3))];
        }
    }
    const int index_4 = tw_checked(smaller_2, arguments.height, faults, 0);
    float x_in_4[16];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 16; i_8++) {
        x_in_4[i_8] = 0.0f;
        if (((at_2 + (((i_8 >> 2) & 3) * 64)) < arguments.out_width) && ((i_8 & 3) < arguments.channels)) {
            x_in_4[i_8] = x[((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)(index_4) * arguments.x_stride1)) + ((long)(tw_checked(min((int)(((uint)(min(((2 * arguments.out_width) == 0 ? 0 : max((int)(((uint)((int)(((uint)((int)(((uint)((int)(((uint)((at_2 + (((i_8 >> 2) & 3) * 64))) * (uint)(2)))) + (uint)(1)))) * (uint)(arguments.width)))) - (uint)(arguments.out_width))), 0) / (2 * arguments.out_width)), difference_4)) + (uint)(1))), difference_4), arguments.width, faults, 1)) * arguments.x_stride2)) + (long)((i_8 & 3))];
        }
    }
    const float wide_4 = (float)((2 * arguments.out_width));
    float tile[4];
    float difference_5[4];
    _Pragma("unroll")
    for (int i_8 = 0; i_8 < 4; i_8++) {
        tile[i_8] = 0.0f;
        if ((at_2 + ((i_8 & 3) * 64)) < arguments.out_width) {
            tile[i_8] = (float)(((2 * arguments.out_width) == 0 ? 0 : max((int)(((uint)((int)(((uint)((int)(((uint)((int)(((uint)((at_2 + ((i_8 & 3) * 64))) * (uint)(2)))) + (uint)(1)))) * (uint)(arguments.width)))) - (uint)(arguments.out_width))), 0) % (2 * arguments.out_width))) / wide_4;
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
            y[((((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride1)) + ((long)((at_2 + (((i_8 >> 2) & 3) * 64))) * arguments.y_stride2)) + (long)((i_8 & 3))] = fma_x_3;
        }
    }
}
