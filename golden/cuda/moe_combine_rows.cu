// moe_combine_rows, f32, tokens = 512, places = 4096, cols = 2048

struct moe_combine_rows_arguments {
    long long rows_stride0;
    long long weights_stride0;
    long long experts_stride0;
    long long y_stride0;
    int tokens;
    int places;
    int cols;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_moe_combine_rows(const unsigned int* __restrict__ rows, const float* __restrict__ weights, const float* __restrict__ experts, float* y, const moe_combine_rows_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    const unsigned int rows_in = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(0)];
    const int rounded = (int)min(rows_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.places, faults, 0);
    float experts_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(0)];
    float product[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        product[i] = experts_in[i] * weights_in;
    }
    const unsigned int rows_in_2 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(1)];
    const int rounded_2 = (int)min(rows_in_2, 2147483647u);
    const int index_2 = tw_checked(rounded_2, arguments.places, faults, 0);
    float experts_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_2) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_2 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(1)];
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x[i] = fma(experts_in_2[i], weights_in_2, product[i]);
    }
    const unsigned int rows_in_3 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(2)];
    const int rounded_3 = (int)min(rows_in_3, 2147483647u);
    const int index_3 = tw_checked(rounded_3, arguments.places, faults, 0);
    float experts_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_3) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_3[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_3 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(2)];
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(experts_in_3[i], weights_in_3, fma_x[i]);
    }
    const unsigned int rows_in_4 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(3)];
    const int rounded_4 = (int)min(rows_in_4, 2147483647u);
    const int index_4 = tw_checked(rounded_4, arguments.places, faults, 0);
    float experts_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_4) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_4[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_4 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(3)];
    float fma_x_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_3[i] = fma(experts_in_4[i], weights_in_4, fma_x_2[i]);
    }
    const unsigned int rows_in_5 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(4)];
    const int rounded_5 = (int)min(rows_in_5, 2147483647u);
    const int index_5 = tw_checked(rounded_5, arguments.places, faults, 0);
    float experts_in_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_5) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_5[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_5 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(4)];
    float fma_x_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_4[i] = fma(experts_in_5[i], weights_in_5, fma_x_3[i]);
    }
    const unsigned int rows_in_6 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(5)];
    const int rounded_6 = (int)min(rows_in_6, 2147483647u);
    const int index_6 = tw_checked(rounded_6, arguments.places, faults, 0);
    float experts_in_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_6) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_6[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_6 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(5)];
    float fma_x_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_5[i] = fma(experts_in_6[i], weights_in_6, fma_x_4[i]);
    }
    const unsigned int rows_in_7 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(6)];
    const int rounded_7 = (int)min(rows_in_7, 2147483647u);
    const int index_7 = tw_checked(rounded_7, arguments.places, faults, 0);
    float experts_in_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_7) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_7[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_7 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(6)];
    float fma_x_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_6[i] = fma(experts_in_7[i], weights_in_7, fma_x_5[i]);
    }
    const unsigned int rows_in_8 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(7)];
    const int rounded_8 = (int)min(rows_in_8, 2147483647u);
    const int index_8 = tw_checked(rounded_8, arguments.places, faults, 0);
    float experts_in_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(experts + (((long long)(index_8) * arguments.experts_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) experts_in_8[(i * 4) + l] = vector.lane[l];
        }
    }
    const float weights_in_8 = weights[((long long)((int)blockIdx.x) * arguments.weights_stride0) + (long long)(7)];
    float fma_x_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_7[i] = fma(experts_in_8[i], weights_in_8, fma_x_6[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x_7[i * 4];
        out[1] = fma_x_7[(i * 4) + 1];
        out[2] = fma_x_7[(i * 4) + 2];
        out[3] = fma_x_7[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
