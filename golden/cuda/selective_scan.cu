// selective_scan, f32, batch = 1, channels = 2048, time = 2048

struct selective_scan_arguments {
    long long x_stride0;
    long long x_stride1;
    long long delta_stride0;
    long long delta_stride1;
    long long a_stride0;
    long long b_stride0;
    long long b_stride1;
    long long c_stride0;
    long long c_stride1;
    long long y_stride0;
    long long y_stride1;
    int batch;
    int channels;
    int time;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_selective_scan(const float* __restrict__ x, const float* __restrict__ delta, const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ c, const float* __restrict__ d, const float* __restrict__ bias, float* y, const selective_scan_arguments arguments) {
    __shared__ __align__(16) char shared_memory[64];
    float* total0 = (float*)(shared_memory + 0);
    float* total1 = (float*)(shared_memory + 32);
    const int at = (int)threadIdx.x * 8;
    float x_in[8];
    float delta_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + (long long)((at + ((i * 4) & 7)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(delta + ((((long long)((int)blockIdx.y) * arguments.delta_stride0) + ((long long)((int)blockIdx.x) * arguments.delta_stride1)) + (long long)((at + ((i * 4) & 7)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) delta_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const float bias_in = bias[(long long)((int)blockIdx.x)];
    const float d_in = d[(long long)((int)blockIdx.x)];
    float softplus_x[8];
    float product[8];
    float total[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float added = delta_in[i] + bias_in;
        softplus_x[i] = tw_softplus(added);
        product[i] = softplus_x[i] * x_in[i];
        const float tile = 0.0f;
        total[i] = tile;
    }
    for (int j = 0; j < 16; j += 1) {
        const float a_in = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(j)];
        float b_in[8];
        float c_in[8];
        _Pragma("unroll")
        for (int i = 0; i < 2; i++) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(j) * arguments.b_stride1)) + (long long)((at + ((i * 4) & 7)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) b_in[(i * 4) + l] = vector.lane[l];
            }
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(j) * arguments.c_stride1)) + (long long)((at + ((i * 4) & 7)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) c_in[(i * 4) + l] = vector.lane[l];
            }
        }
        float exp_x[8];
        float product_3[8];
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float product_2 = a_in * softplus_x[i];
            exp_x[i] = expf(product_2);
            product_3[i] = b_in[i] * product[i];
        }
        float running_2[8];
        float sum;
        float sum_2;
        const float next = exp_x[0];
        const float next_2 = product_3[0];
        sum = next;
        sum_2 = next_2;
        _Pragma("unroll")
        for (int i = 0; i < 7; i++) {
            const float c_2 = sum * exp_x[i + 1];
            const float c_4 = (sum_2 * exp_x[i + 1]) + product_3[i + 1];
            const float next_3 = c_2;
            const float next_4 = c_4;
            sum = next_3;
            sum_2 = next_4;
        }
        const int lane_ = (int)(threadIdx.x & 31) & 31;
        float running_3;
        float running_4;
        const float next_5 = sum;
        const float next_6 = sum_2;
        running_3 = next_5;
        running_4 = next_6;
        const float other = __shfl_up_sync(0xffffffffu, running_3, 1);
        const float other_2 = __shfl_up_sync(0xffffffffu, running_4, 1);
        const float c_5 = other * running_3;
        const float c_7 = (other_2 * running_3) + running_4;
        const float next_7 = (lane_ >= 1) ? c_5 : running_3;
        const float next_8 = (lane_ >= 1) ? c_7 : running_4;
        running_3 = next_7;
        running_4 = next_8;
        const float other_3 = __shfl_up_sync(0xffffffffu, running_3, 2);
        const float other_4 = __shfl_up_sync(0xffffffffu, running_4, 2);
        const float c_8 = other_3 * running_3;
        const float c_10 = (other_4 * running_3) + running_4;
        const float next_9 = (lane_ >= 2) ? c_8 : running_3;
        const float next_10 = (lane_ >= 2) ? c_10 : running_4;
        running_3 = next_9;
        running_4 = next_10;
        const float other_5 = __shfl_up_sync(0xffffffffu, running_3, 4);
        const float other_6 = __shfl_up_sync(0xffffffffu, running_4, 4);
        const float c_11 = other_5 * running_3;
        const float c_13 = (other_6 * running_3) + running_4;
        const float next_11 = (lane_ >= 4) ? c_11 : running_3;
        const float next_12 = (lane_ >= 4) ? c_13 : running_4;
        running_3 = next_11;
        running_4 = next_12;
        const float other_7 = __shfl_up_sync(0xffffffffu, running_3, 8);
        const float other_8 = __shfl_up_sync(0xffffffffu, running_4, 8);
        const float c_14 = other_7 * running_3;
        const float c_16 = (other_8 * running_3) + running_4;
        const float next_13 = (lane_ >= 8) ? c_14 : running_3;
        const float next_14 = (lane_ >= 8) ? c_16 : running_4;
        running_3 = next_13;
        running_4 = next_14;
        const float other_9 = __shfl_up_sync(0xffffffffu, running_3, 16);
        const float other_10 = __shfl_up_sync(0xffffffffu, running_4, 16);
        const float c_17 = other_9 * running_3;
        const float c_19 = (other_10 * running_3) + running_4;
        const float next_15 = (lane_ >= 16) ? c_17 : running_3;
        const float next_16 = (lane_ >= 16) ? c_19 : running_4;
        running_3 = next_15;
        running_4 = next_16;
        const float below = __shfl_up_sync(0xffffffffu, running_3, 1);
        const float below_2 = __shfl_up_sync(0xffffffffu, running_4, 1);
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 31) {
            total0[(int)(threadIdx.x >> 5)] = running_3;
            total1[(int)(threadIdx.x >> 5)] = running_4;
        }
        __syncthreads();
        const float part = total0[0];
        const float part_2 = total1[0];
        float base;
        float base_2;
        const float next_17 = part;
        const float next_18 = part_2;
        base = next_17;
        base_2 = next_18;
        float all_;
        float all_2;
        const float next_19 = part;
        const float next_20 = part_2;
        all_ = next_19;
        all_2 = next_20;
        _Pragma("unroll")
        for (int i = 0; i < 7; i++) {
            const float part_3 = total0[i + 1];
            const float part_4 = total1[i + 1];
            const float c_20 = base * part_3;
            const float c_22 = (base_2 * part_3) + part_4;
            const float next_21 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_20 : base;
            const float next_22 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_22 : base_2;
            base = next_21;
            base_2 = next_22;
            const float c_23 = all_ * part_3;
            const float c_25 = (all_2 * part_3) + part_4;
            const float next_23 = c_23;
            const float next_24 = c_25;
            all_ = next_23;
            all_2 = next_24;
        }
        const float c_26 = base * below;
        const float c_28 = (base_2 * below) + below_2;
        const float before = ((int)(threadIdx.x >> 5) > 0) ? ((lane_ >= 1) ? c_26 : base) : below;
        const float before_2 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_ >= 1) ? c_28 : base_2) : below_2;
        const float own = exp_x[0];
        const float own_2 = product_3[0];
        const float c_29 = before * own;
        const float c_31 = (before_2 * own) + own_2;
        const float next_25 = ((lane_ >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_29 : own;
        const float next_26 = ((lane_ >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_31 : own_2;
        sum = next_25;
        sum_2 = next_26;
        running_2[0] = sum_2;
        _Pragma("unroll")
        for (int i = 0; i < 7; i++) {
            const float c_32 = sum * exp_x[i + 1];
            const float c_34 = (sum_2 * exp_x[i + 1]) + product_3[i + 1];
            const float next_27 = c_32;
            const float next_28 = c_34;
            sum = next_27;
            sum_2 = next_28;
            running_2[i + 1] = sum_2;
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const float tile_2 = total[i];
            const float fma_x = fma(running_2[i], c_in[i], tile_2);
            total[i] = fma_x;
        }
    }
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(x_in[i], d_in, total[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x_2[i * 4];
        out[1] = fma_x_2[(i * 4) + 1];
        out[2] = fma_x_2[(i * 4) + 2];
        out[3] = fma_x_2[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + (long long)((at + ((i * 4) & 7))))) = vector.all;
        }
    }
}
