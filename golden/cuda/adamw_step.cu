// adamw_step, f32, n = 16777216

struct adamw_step_arguments {
    int n;
    float lr;
    float step;
    float beta1;
    float beta2;
    float eps;
    float weight_decay;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_adamw_step(float* p, const float* __restrict__ g, float* m, float* v, const adamw_step_arguments arguments) {
    const int at = (int)threadIdx.x * 4;
    float p_in[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        p_in[i_41] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(p + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) p_in[l] = vector.lane[l];
        }
    }
    float g_in[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        g_in[i_41] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = tw_read_passing((const uint4*)(g + (long long)((((int)blockIdx.x * 1024) + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) g_in[l] = vector.lane[l];
        }
    }
    float m_in[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        m_in[i_41] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(m + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) m_in[l] = vector.lane[l];
        }
    }
    const float difference = 1.0f - arguments.beta1;
    float fma_x[4];
    float v_in[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        const float product = g_in[i_41] * difference;
        fma_x[i_41] = fma(m_in[i_41], arguments.beta1, product);
        v_in[i_41] = 0.0f;
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(v + (long long)((((int)blockIdx.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) v_in[l] = vector.lane[l];
        }
    }
    const float difference_2 = 1.0f - arguments.beta2;
    float fma_x_2[4];
    const float product_4 = logf(arguments.beta2) * arguments.step;
    const float expm1_x = expm1f(product_4);
    const float neg_x = -expm1_x;
    const float rsqrt_x = rsqrtf(neg_x);
    const float product_5 = logf(arguments.beta1) * arguments.step;
    const float expm1_x_2 = expm1f(product_5);
    const float quotient = arguments.lr / expm1_x_2;
    const float difference_3 = 1.0f - (arguments.lr * arguments.weight_decay);
    float fma_x_4[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        const float product_3 = (g_in[i_41] * g_in[i_41]) * difference_2;
        fma_x_2[i_41] = fma(v_in[i_41], arguments.beta2, product_3);
        const float sqrt_x = sqrtf(fma_x_2[i_41]);
        const float fma_x_3 = fma(sqrt_x, rsqrt_x, arguments.eps);
        const float product_6 = fma_x[i_41] * quotient;
        const float quotient_2 = product_6 / fma_x_3;
        fma_x_4[i_41] = fma(p_in[i_41], difference_3, quotient_2);
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_4[l];
            *(uint4*)(p + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x[l];
            *(uint4*)(m + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
    if ((((int)blockIdx.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_2[l];
            *(uint4*)(v + (long long)((((int)blockIdx.x * 1024) + at))) = vector.all;
        }
    }
}
