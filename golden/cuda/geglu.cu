// geglu, f32, rows = 16384, cols = 1024

struct geglu_arguments {
    long long x_stride0;
    long long y_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_geglu(const float* __restrict__ x, float* y, const geglu_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float x_in[8];
    float x_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((0 + (at + ((((i * 4) >> 2) & 1) * 512)))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(x + (((long long)((int)blockIdx.x) * arguments.x_stride0) + (long long)((arguments.cols + (at + ((((i * 4) >> 2) & 1) * 512)))))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    float product_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product = x_in[i] * x_in[i];
        const float product_2 = x_in[i] * fma(0.071354814f, product, 1.5957692f);
        product_4[i] = (x_in[i] * tw_sigmoid(product_2)) * x_in_2[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = product_4[i * 4];
        out[1] = product_4[(i * 4) + 1];
        out[2] = product_4[(i * 4) + 2];
        out[3] = product_4[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + (((long long)((int)blockIdx.x) * arguments.y_stride0) + (long long)((at + ((((i * 4) >> 2) & 1) * 512))))) = vector.all;
        }
    }
}
