// moe_dispatch_rows, f32, tokens = 512, places = 4096, cols = 2048

struct moe_dispatch_rows_arguments {
    long long x_stride0;
    long long rows_stride0;
    long long y_stride0;
    int tokens;
    int cols;
    int places;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_moe_dispatch_rows(const float* __restrict__ x, const unsigned int* __restrict__ rows, float* y, const moe_dispatch_rows_arguments arguments, uint4* faults) {
    const int at = (int)threadIdx.x * 4;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const unsigned int rows_in = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(0)];
    const int rounded = (int)min(rows_in, 2147483647u);
    const int index = tw_checked(rounded, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = x_in[i * 4];
        out[1] = x_in[(i * 4) + 1];
        out[2] = x_in[(i * 4) + 2];
        out[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)(index) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_2 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(1)];
    const int rounded_2 = (int)min(rows_in_2, 2147483647u);
    __syncthreads();
    const int index_2 = tw_checked(rounded_2, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_2[4];
        out_2[0] = x_in[i * 4];
        out_2[1] = x_in[(i * 4) + 1];
        out_2[2] = x_in[(i * 4) + 2];
        out_2[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_2[l];
            *(uint4*)(y + (((long long)(index_2) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_3 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(2)];
    const int rounded_3 = (int)min(rows_in_3, 2147483647u);
    __syncthreads();
    const int index_3 = tw_checked(rounded_3, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_3[4];
        out_3[0] = x_in[i * 4];
        out_3[1] = x_in[(i * 4) + 1];
        out_3[2] = x_in[(i * 4) + 2];
        out_3[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_3[l];
            *(uint4*)(y + (((long long)(index_3) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_4 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(3)];
    const int rounded_4 = (int)min(rows_in_4, 2147483647u);
    __syncthreads();
    const int index_4 = tw_checked(rounded_4, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_4[4];
        out_4[0] = x_in[i * 4];
        out_4[1] = x_in[(i * 4) + 1];
        out_4[2] = x_in[(i * 4) + 2];
        out_4[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_4[l];
            *(uint4*)(y + (((long long)(index_4) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_5 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(4)];
    const int rounded_5 = (int)min(rows_in_5, 2147483647u);
    __syncthreads();
    const int index_5 = tw_checked(rounded_5, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_5[4];
        out_5[0] = x_in[i * 4];
        out_5[1] = x_in[(i * 4) + 1];
        out_5[2] = x_in[(i * 4) + 2];
        out_5[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_5[l];
            *(uint4*)(y + (((long long)(index_5) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_6 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(5)];
    const int rounded_6 = (int)min(rows_in_6, 2147483647u);
    __syncthreads();
    const int index_6 = tw_checked(rounded_6, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_6[4];
        out_6[0] = x_in[i * 4];
        out_6[1] = x_in[(i * 4) + 1];
        out_6[2] = x_in[(i * 4) + 2];
        out_6[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_6[l];
            *(uint4*)(y + (((long long)(index_6) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_7 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(6)];
    const int rounded_7 = (int)min(rows_in_7, 2147483647u);
    __syncthreads();
    const int index_7 = tw_checked(rounded_7, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_7[4];
        out_7[0] = x_in[i * 4];
        out_7[1] = x_in[(i * 4) + 1];
        out_7[2] = x_in[(i * 4) + 2];
        out_7[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_7[l];
            *(uint4*)(y + (((long long)(index_7) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const unsigned int rows_in_8 = rows[((long long)((int)blockIdx.x) * arguments.rows_stride0) + (long long)(7)];
    const int rounded_8 = (int)min(rows_in_8, 2147483647u);
    __syncthreads();
    const int index_8 = tw_checked(rounded_8, arguments.places, faults, 0);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out_8[4];
        out_8[0] = x_in[i * 4];
        out_8[1] = x_in[(i * 4) + 1];
        out_8[2] = x_in[(i * 4) + 2];
        out_8[3] = x_in[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out_8[l];
            *(uint4*)(y + (((long long)(index_8) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
