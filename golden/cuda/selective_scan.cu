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
    float* total2 = (float*)(shared_memory + 0);
    float* total3 = (float*)(shared_memory + 32);
    float* total4 = (float*)(shared_memory + 0);
    float* total5 = (float*)(shared_memory + 32);
    float* total6 = (float*)(shared_memory + 0);
    float* total7 = (float*)(shared_memory + 32);
    float* total8 = (float*)(shared_memory + 0);
    float* total9 = (float*)(shared_memory + 32);
    float* total10 = (float*)(shared_memory + 0);
    float* total11 = (float*)(shared_memory + 32);
    float* total12 = (float*)(shared_memory + 0);
    float* total13 = (float*)(shared_memory + 32);
    float* total14 = (float*)(shared_memory + 0);
    float* total15 = (float*)(shared_memory + 32);
    float* total16 = (float*)(shared_memory + 0);
    float* total17 = (float*)(shared_memory + 32);
    float* total18 = (float*)(shared_memory + 0);
    float* total19 = (float*)(shared_memory + 32);
    float* total20 = (float*)(shared_memory + 0);
    float* total21 = (float*)(shared_memory + 32);
    float* total22 = (float*)(shared_memory + 0);
    float* total23 = (float*)(shared_memory + 32);
    float* total24 = (float*)(shared_memory + 0);
    float* total25 = (float*)(shared_memory + 32);
    float* total26 = (float*)(shared_memory + 0);
    float* total27 = (float*)(shared_memory + 32);
    float* total28 = (float*)(shared_memory + 0);
    float* total29 = (float*)(shared_memory + 32);
    float* total30 = (float*)(shared_memory + 0);
    float* total31 = (float*)(shared_memory + 32);
    float* total32 = (float*)(shared_memory + 0);
    float* total33 = (float*)(shared_memory + 32);
    float* total34 = (float*)(shared_memory + 0);
    float* total35 = (float*)(shared_memory + 32);
    float* total36 = (float*)(shared_memory + 0);
    float* total37 = (float*)(shared_memory + 32);
    float* total38 = (float*)(shared_memory + 0);
    float* total39 = (float*)(shared_memory + 32);
    float* total40 = (float*)(shared_memory + 0);
    float* total41 = (float*)(shared_memory + 32);
    float* total42 = (float*)(shared_memory + 0);
    float* total43 = (float*)(shared_memory + 32);
    float* total44 = (float*)(shared_memory + 0);
    float* total45 = (float*)(shared_memory + 32);
    float* total46 = (float*)(shared_memory + 0);
    float* total47 = (float*)(shared_memory + 32);
    float* total48 = (float*)(shared_memory + 0);
    float* total49 = (float*)(shared_memory + 32);
    float* total50 = (float*)(shared_memory + 0);
    float* total51 = (float*)(shared_memory + 32);
    float* total52 = (float*)(shared_memory + 0);
    float* total53 = (float*)(shared_memory + 32);
    float* total54 = (float*)(shared_memory + 0);
    float* total55 = (float*)(shared_memory + 32);
    float* total56 = (float*)(shared_memory + 0);
    float* total57 = (float*)(shared_memory + 32);
    float* total58 = (float*)(shared_memory + 0);
    float* total59 = (float*)(shared_memory + 32);
    float* total60 = (float*)(shared_memory + 0);
    float* total61 = (float*)(shared_memory + 32);
    float* total62 = (float*)(shared_memory + 0);
    float* total63 = (float*)(shared_memory + 32);
    const int at = (int)threadIdx.x * 4;
    float x_in[8];
    float delta_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + ((((long long)((int)blockIdx.y) * arguments.x_stride0) + ((long long)((int)blockIdx.x) * arguments.x_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(delta + ((((long long)((int)blockIdx.y) * arguments.delta_stride0) + ((long long)((int)blockIdx.x) * arguments.delta_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) delta_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const float bias_in = bias[(long long)((int)blockIdx.x)];
    const float d_in = d[(long long)((int)blockIdx.x)];
    float softplus_x[8];
    float product[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float added = delta_in[i] + bias_in;
        softplus_x[i] = tw_softplus(added);
        product[i] = softplus_x[i] * x_in[i];
    }
    const float a_in = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(0)];
    float b_in[8];
    float c_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(0) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(0) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x[8];
    float product_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_2 = softplus_x[i] * a_in;
        exp_x[i] = expf(product_2);
        product_3[i] = product[i] * b_in[i];
    }
    float running[8];
    float running_2[8];
    float carry;
    float carry_2;
    float sum;
    float sum_2;
    const float next = exp_x[0];
    const float next_2 = product_3[0];
    sum = next;
    sum_2 = next_2;
    running[0] = sum;
    running_2[0] = sum_2;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_2 = sum * exp_x[i + 1];
        const float c_4 = (sum_2 * exp_x[i + 1]) + product_3[i + 1];
        const float next_3 = c_2;
        const float next_4 = c_4;
        sum = next_3;
        sum_2 = next_4;
        running[i + 1] = sum;
        running_2[i + 1] = sum_2;
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
    const float total = __shfl_sync(0xffffffffu, running_3, (threadIdx.x & 31) | 31);
    const float total_2 = __shfl_sync(0xffffffffu, running_4, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total0[(int)(threadIdx.x >> 5)] = total;
        total1[(int)(threadIdx.x >> 5)] = total_2;
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
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own = running[i];
        const float own_2 = running_2[i];
        const float c_29 = before * own;
        const float c_31 = (before_2 * own) + own_2;
        running[i] = ((lane_ >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_29 : own;
        running_2[i] = ((lane_ >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_31 : own_2;
    }
    const float next_25 = all_;
    const float next_26 = all_2;
    carry = next_25;
    carry_2 = next_26;
    const float next_27 = exp_x[4];
    const float next_28 = product_3[4];
    sum = next_27;
    sum_2 = next_28;
    running[4] = sum;
    running_2[4] = sum_2;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_32 = sum * exp_x[4 + (i + 1)];
        const float c_34 = (sum_2 * exp_x[4 + (i + 1)]) + product_3[4 + (i + 1)];
        const float next_29 = c_32;
        const float next_30 = c_34;
        sum = next_29;
        sum_2 = next_30;
        running[4 + (i + 1)] = sum;
        running_2[4 + (i + 1)] = sum_2;
    }
    const int lane_2 = (int)(threadIdx.x & 31) & 31;
    float running_5;
    float running_6;
    const float next_31 = sum;
    const float next_32 = sum_2;
    running_5 = next_31;
    running_6 = next_32;
    const float other_11 = __shfl_up_sync(0xffffffffu, running_5, 1);
    const float other_12 = __shfl_up_sync(0xffffffffu, running_6, 1);
    const float c_35 = other_11 * running_5;
    const float c_37 = (other_12 * running_5) + running_6;
    const float next_33 = (lane_2 >= 1) ? c_35 : running_5;
    const float next_34 = (lane_2 >= 1) ? c_37 : running_6;
    running_5 = next_33;
    running_6 = next_34;
    const float other_13 = __shfl_up_sync(0xffffffffu, running_5, 2);
    const float other_14 = __shfl_up_sync(0xffffffffu, running_6, 2);
    const float c_38 = other_13 * running_5;
    const float c_40 = (other_14 * running_5) + running_6;
    const float next_35 = (lane_2 >= 2) ? c_38 : running_5;
    const float next_36 = (lane_2 >= 2) ? c_40 : running_6;
    running_5 = next_35;
    running_6 = next_36;
    const float other_15 = __shfl_up_sync(0xffffffffu, running_5, 4);
    const float other_16 = __shfl_up_sync(0xffffffffu, running_6, 4);
    const float c_41 = other_15 * running_5;
    const float c_43 = (other_16 * running_5) + running_6;
    const float next_37 = (lane_2 >= 4) ? c_41 : running_5;
    const float next_38 = (lane_2 >= 4) ? c_43 : running_6;
    running_5 = next_37;
    running_6 = next_38;
    const float other_17 = __shfl_up_sync(0xffffffffu, running_5, 8);
    const float other_18 = __shfl_up_sync(0xffffffffu, running_6, 8);
    const float c_44 = other_17 * running_5;
    const float c_46 = (other_18 * running_5) + running_6;
    const float next_39 = (lane_2 >= 8) ? c_44 : running_5;
    const float next_40 = (lane_2 >= 8) ? c_46 : running_6;
    running_5 = next_39;
    running_6 = next_40;
    const float other_19 = __shfl_up_sync(0xffffffffu, running_5, 16);
    const float other_20 = __shfl_up_sync(0xffffffffu, running_6, 16);
    const float c_47 = other_19 * running_5;
    const float c_49 = (other_20 * running_5) + running_6;
    const float next_41 = (lane_2 >= 16) ? c_47 : running_5;
    const float next_42 = (lane_2 >= 16) ? c_49 : running_6;
    running_5 = next_41;
    running_6 = next_42;
    const float below_3 = __shfl_up_sync(0xffffffffu, running_5, 1);
    const float below_4 = __shfl_up_sync(0xffffffffu, running_6, 1);
    const float total_3 = __shfl_sync(0xffffffffu, running_5, (threadIdx.x & 31) | 31);
    const float total_4 = __shfl_sync(0xffffffffu, running_6, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total2[(int)(threadIdx.x >> 5)] = total_3;
        total3[(int)(threadIdx.x >> 5)] = total_4;
    }
    __syncthreads();
    const float part_5 = total2[0];
    const float part_6 = total3[0];
    float base_3;
    float base_4;
    const float next_43 = part_5;
    const float next_44 = part_6;
    base_3 = next_43;
    base_4 = next_44;
    float all_3;
    float all_4;
    const float next_45 = part_5;
    const float next_46 = part_6;
    all_3 = next_45;
    all_4 = next_46;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_7 = total2[i + 1];
        const float part_8 = total3[i + 1];
        const float c_50 = base_3 * part_7;
        const float c_52 = (base_4 * part_7) + part_8;
        const float next_47 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_50 : base_3;
        const float next_48 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_52 : base_4;
        base_3 = next_47;
        base_4 = next_48;
        const float c_53 = all_3 * part_7;
        const float c_55 = (all_4 * part_7) + part_8;
        const float next_49 = c_53;
        const float next_50 = c_55;
        all_3 = next_49;
        all_4 = next_50;
    }
    const float c_56 = base_3 * below_3;
    const float c_58 = (base_4 * below_3) + below_4;
    const float c_59 = carry * (((int)(threadIdx.x >> 5) > 0) ? ((lane_2 >= 1) ? c_56 : base_3) : below_3);
    const float c_61 = (carry_2 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_2 >= 1) ? c_56 : base_3) : below_3)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_2 >= 1) ? c_58 : base_4) : below_4);
    const float before_3 = ((lane_2 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_59 : carry;
    const float before_4 = ((lane_2 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_61 : carry_2;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_3 = running[4 + i];
        const float own_4 = running_2[4 + i];
        const float c_62 = before_3 * own_3;
        const float c_64 = (before_4 * own_3) + own_4;
        running[4 + i] = c_62;
        running_2[4 + i] = c_64;
    }
    const float c_65 = carry * all_3;
    const float c_67 = (carry_2 * all_3) + all_4;
    const float next_51 = c_65;
    const float next_52 = c_67;
    carry = next_51;
    carry_2 = next_52;
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_4 = running_2[i] * c_in[i];
        fma_x[i] = fma(x_in[i], d_in, product_4);
    }
    const float a_in_2 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(1)];
    float b_in_2[8];
    float c_in_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(1) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_2[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(1) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_2[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_2[8];
    float product_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_5 = softplus_x[i] * a_in_2;
        exp_x_2[i] = expf(product_5);
        product_6[i] = product[i] * b_in_2[i];
    }
    float running_7[8];
    float running_8[8];
    float carry_3;
    float carry_4;
    float sum_3;
    float sum_4;
    const float next_53 = exp_x_2[0];
    const float next_54 = product_6[0];
    sum_3 = next_53;
    sum_4 = next_54;
    running_7[0] = sum_3;
    running_8[0] = sum_4;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_68 = sum_3 * exp_x_2[i + 1];
        const float c_70 = (sum_4 * exp_x_2[i + 1]) + product_6[i + 1];
        const float next_55 = c_68;
        const float next_56 = c_70;
        sum_3 = next_55;
        sum_4 = next_56;
        running_7[i + 1] = sum_3;
        running_8[i + 1] = sum_4;
    }
    const int lane_3 = (int)(threadIdx.x & 31) & 31;
    float running_9;
    float running_10;
    const float next_57 = sum_3;
    const float next_58 = sum_4;
    running_9 = next_57;
    running_10 = next_58;
    const float other_21 = __shfl_up_sync(0xffffffffu, running_9, 1);
    const float other_22 = __shfl_up_sync(0xffffffffu, running_10, 1);
    const float c_71 = other_21 * running_9;
    const float c_73 = (other_22 * running_9) + running_10;
    const float next_59 = (lane_3 >= 1) ? c_71 : running_9;
    const float next_60 = (lane_3 >= 1) ? c_73 : running_10;
    running_9 = next_59;
    running_10 = next_60;
    const float other_23 = __shfl_up_sync(0xffffffffu, running_9, 2);
    const float other_24 = __shfl_up_sync(0xffffffffu, running_10, 2);
    const float c_74 = other_23 * running_9;
    const float c_76 = (other_24 * running_9) + running_10;
    const float next_61 = (lane_3 >= 2) ? c_74 : running_9;
    const float next_62 = (lane_3 >= 2) ? c_76 : running_10;
    running_9 = next_61;
    running_10 = next_62;
    const float other_25 = __shfl_up_sync(0xffffffffu, running_9, 4);
    const float other_26 = __shfl_up_sync(0xffffffffu, running_10, 4);
    const float c_77 = other_25 * running_9;
    const float c_79 = (other_26 * running_9) + running_10;
    const float next_63 = (lane_3 >= 4) ? c_77 : running_9;
    const float next_64 = (lane_3 >= 4) ? c_79 : running_10;
    running_9 = next_63;
    running_10 = next_64;
    const float other_27 = __shfl_up_sync(0xffffffffu, running_9, 8);
    const float other_28 = __shfl_up_sync(0xffffffffu, running_10, 8);
    const float c_80 = other_27 * running_9;
    const float c_82 = (other_28 * running_9) + running_10;
    const float next_65 = (lane_3 >= 8) ? c_80 : running_9;
    const float next_66 = (lane_3 >= 8) ? c_82 : running_10;
    running_9 = next_65;
    running_10 = next_66;
    const float other_29 = __shfl_up_sync(0xffffffffu, running_9, 16);
    const float other_30 = __shfl_up_sync(0xffffffffu, running_10, 16);
    const float c_83 = other_29 * running_9;
    const float c_85 = (other_30 * running_9) + running_10;
    const float next_67 = (lane_3 >= 16) ? c_83 : running_9;
    const float next_68 = (lane_3 >= 16) ? c_85 : running_10;
    running_9 = next_67;
    running_10 = next_68;
    const float below_5 = __shfl_up_sync(0xffffffffu, running_9, 1);
    const float below_6 = __shfl_up_sync(0xffffffffu, running_10, 1);
    const float total_5 = __shfl_sync(0xffffffffu, running_9, (threadIdx.x & 31) | 31);
    const float total_6 = __shfl_sync(0xffffffffu, running_10, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total4[(int)(threadIdx.x >> 5)] = total_5;
        total5[(int)(threadIdx.x >> 5)] = total_6;
    }
    __syncthreads();
    const float part_9 = total4[0];
    const float part_10 = total5[0];
    float base_5;
    float base_6;
    const float next_69 = part_9;
    const float next_70 = part_10;
    base_5 = next_69;
    base_6 = next_70;
    float all_5;
    float all_6;
    const float next_71 = part_9;
    const float next_72 = part_10;
    all_5 = next_71;
    all_6 = next_72;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_11 = total4[i + 1];
        const float part_12 = total5[i + 1];
        const float c_86 = base_5 * part_11;
        const float c_88 = (base_6 * part_11) + part_12;
        const float next_73 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_86 : base_5;
        const float next_74 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_88 : base_6;
        base_5 = next_73;
        base_6 = next_74;
        const float c_89 = all_5 * part_11;
        const float c_91 = (all_6 * part_11) + part_12;
        const float next_75 = c_89;
        const float next_76 = c_91;
        all_5 = next_75;
        all_6 = next_76;
    }
    const float c_92 = base_5 * below_5;
    const float c_94 = (base_6 * below_5) + below_6;
    const float before_5 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_3 >= 1) ? c_92 : base_5) : below_5;
    const float before_6 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_3 >= 1) ? c_94 : base_6) : below_6;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_5 = running_7[i];
        const float own_6 = running_8[i];
        const float c_95 = before_5 * own_5;
        const float c_97 = (before_6 * own_5) + own_6;
        running_7[i] = ((lane_3 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_95 : own_5;
        running_8[i] = ((lane_3 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_97 : own_6;
    }
    const float next_77 = all_5;
    const float next_78 = all_6;
    carry_3 = next_77;
    carry_4 = next_78;
    const float next_79 = exp_x_2[4];
    const float next_80 = product_6[4];
    sum_3 = next_79;
    sum_4 = next_80;
    running_7[4] = sum_3;
    running_8[4] = sum_4;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_98 = sum_3 * exp_x_2[4 + (i + 1)];
        const float c_100 = (sum_4 * exp_x_2[4 + (i + 1)]) + product_6[4 + (i + 1)];
        const float next_81 = c_98;
        const float next_82 = c_100;
        sum_3 = next_81;
        sum_4 = next_82;
        running_7[4 + (i + 1)] = sum_3;
        running_8[4 + (i + 1)] = sum_4;
    }
    const int lane_4 = (int)(threadIdx.x & 31) & 31;
    float running_11;
    float running_12;
    const float next_83 = sum_3;
    const float next_84 = sum_4;
    running_11 = next_83;
    running_12 = next_84;
    const float other_31 = __shfl_up_sync(0xffffffffu, running_11, 1);
    const float other_32 = __shfl_up_sync(0xffffffffu, running_12, 1);
    const float c_101 = other_31 * running_11;
    const float c_103 = (other_32 * running_11) + running_12;
    const float next_85 = (lane_4 >= 1) ? c_101 : running_11;
    const float next_86 = (lane_4 >= 1) ? c_103 : running_12;
    running_11 = next_85;
    running_12 = next_86;
    const float other_33 = __shfl_up_sync(0xffffffffu, running_11, 2);
    const float other_34 = __shfl_up_sync(0xffffffffu, running_12, 2);
    const float c_104 = other_33 * running_11;
    const float c_106 = (other_34 * running_11) + running_12;
    const float next_87 = (lane_4 >= 2) ? c_104 : running_11;
    const float next_88 = (lane_4 >= 2) ? c_106 : running_12;
    running_11 = next_87;
    running_12 = next_88;
    const float other_35 = __shfl_up_sync(0xffffffffu, running_11, 4);
    const float other_36 = __shfl_up_sync(0xffffffffu, running_12, 4);
    const float c_107 = other_35 * running_11;
    const float c_109 = (other_36 * running_11) + running_12;
    const float next_89 = (lane_4 >= 4) ? c_107 : running_11;
    const float next_90 = (lane_4 >= 4) ? c_109 : running_12;
    running_11 = next_89;
    running_12 = next_90;
    const float other_37 = __shfl_up_sync(0xffffffffu, running_11, 8);
    const float other_38 = __shfl_up_sync(0xffffffffu, running_12, 8);
    const float c_110 = other_37 * running_11;
    const float c_112 = (other_38 * running_11) + running_12;
    const float next_91 = (lane_4 >= 8) ? c_110 : running_11;
    const float next_92 = (lane_4 >= 8) ? c_112 : running_12;
    running_11 = next_91;
    running_12 = next_92;
    const float other_39 = __shfl_up_sync(0xffffffffu, running_11, 16);
    const float other_40 = __shfl_up_sync(0xffffffffu, running_12, 16);
    const float c_113 = other_39 * running_11;
    const float c_115 = (other_40 * running_11) + running_12;
    const float next_93 = (lane_4 >= 16) ? c_113 : running_11;
    const float next_94 = (lane_4 >= 16) ? c_115 : running_12;
    running_11 = next_93;
    running_12 = next_94;
    const float below_7 = __shfl_up_sync(0xffffffffu, running_11, 1);
    const float below_8 = __shfl_up_sync(0xffffffffu, running_12, 1);
    const float total_7 = __shfl_sync(0xffffffffu, running_11, (threadIdx.x & 31) | 31);
    const float total_8 = __shfl_sync(0xffffffffu, running_12, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total6[(int)(threadIdx.x >> 5)] = total_7;
        total7[(int)(threadIdx.x >> 5)] = total_8;
    }
    __syncthreads();
    const float part_13 = total6[0];
    const float part_14 = total7[0];
    float base_7;
    float base_8;
    const float next_95 = part_13;
    const float next_96 = part_14;
    base_7 = next_95;
    base_8 = next_96;
    float all_7;
    float all_8;
    const float next_97 = part_13;
    const float next_98 = part_14;
    all_7 = next_97;
    all_8 = next_98;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_15 = total6[i + 1];
        const float part_16 = total7[i + 1];
        const float c_116 = base_7 * part_15;
        const float c_118 = (base_8 * part_15) + part_16;
        const float next_99 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_116 : base_7;
        const float next_100 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_118 : base_8;
        base_7 = next_99;
        base_8 = next_100;
        const float c_119 = all_7 * part_15;
        const float c_121 = (all_8 * part_15) + part_16;
        const float next_101 = c_119;
        const float next_102 = c_121;
        all_7 = next_101;
        all_8 = next_102;
    }
    const float c_122 = base_7 * below_7;
    const float c_124 = (base_8 * below_7) + below_8;
    const float c_125 = carry_3 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_4 >= 1) ? c_122 : base_7) : below_7);
    const float c_127 = (carry_4 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_4 >= 1) ? c_122 : base_7) : below_7)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_4 >= 1) ? c_124 : base_8) : below_8);
    const float before_7 = ((lane_4 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_125 : carry_3;
    const float before_8 = ((lane_4 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_127 : carry_4;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_7 = running_7[4 + i];
        const float own_8 = running_8[4 + i];
        const float c_128 = before_7 * own_7;
        const float c_130 = (before_8 * own_7) + own_8;
        running_7[4 + i] = c_128;
        running_8[4 + i] = c_130;
    }
    const float c_131 = carry_3 * all_7;
    const float c_133 = (carry_4 * all_7) + all_8;
    const float next_103 = c_131;
    const float next_104 = c_133;
    carry_3 = next_103;
    carry_4 = next_104;
    float fma_x_2[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_2[i] = fma(running_8[i], c_in_2[i], fma_x[i]);
    }
    const float a_in_3 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(2)];
    float b_in_3[8];
    float c_in_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(2) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_3[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(2) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_3[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_3[8];
    float product_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_7 = softplus_x[i] * a_in_3;
        exp_x_3[i] = expf(product_7);
        product_8[i] = product[i] * b_in_3[i];
    }
    float running_13[8];
    float running_14[8];
    float carry_5;
    float carry_6;
    float sum_5;
    float sum_6;
    const float next_105 = exp_x_3[0];
    const float next_106 = product_8[0];
    sum_5 = next_105;
    sum_6 = next_106;
    running_13[0] = sum_5;
    running_14[0] = sum_6;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_134 = sum_5 * exp_x_3[i + 1];
        const float c_136 = (sum_6 * exp_x_3[i + 1]) + product_8[i + 1];
        const float next_107 = c_134;
        const float next_108 = c_136;
        sum_5 = next_107;
        sum_6 = next_108;
        running_13[i + 1] = sum_5;
        running_14[i + 1] = sum_6;
    }
    const int lane_5 = (int)(threadIdx.x & 31) & 31;
    float running_15;
    float running_16;
    const float next_109 = sum_5;
    const float next_110 = sum_6;
    running_15 = next_109;
    running_16 = next_110;
    const float other_41 = __shfl_up_sync(0xffffffffu, running_15, 1);
    const float other_42 = __shfl_up_sync(0xffffffffu, running_16, 1);
    const float c_137 = other_41 * running_15;
    const float c_139 = (other_42 * running_15) + running_16;
    const float next_111 = (lane_5 >= 1) ? c_137 : running_15;
    const float next_112 = (lane_5 >= 1) ? c_139 : running_16;
    running_15 = next_111;
    running_16 = next_112;
    const float other_43 = __shfl_up_sync(0xffffffffu, running_15, 2);
    const float other_44 = __shfl_up_sync(0xffffffffu, running_16, 2);
    const float c_140 = other_43 * running_15;
    const float c_142 = (other_44 * running_15) + running_16;
    const float next_113 = (lane_5 >= 2) ? c_140 : running_15;
    const float next_114 = (lane_5 >= 2) ? c_142 : running_16;
    running_15 = next_113;
    running_16 = next_114;
    const float other_45 = __shfl_up_sync(0xffffffffu, running_15, 4);
    const float other_46 = __shfl_up_sync(0xffffffffu, running_16, 4);
    const float c_143 = other_45 * running_15;
    const float c_145 = (other_46 * running_15) + running_16;
    const float next_115 = (lane_5 >= 4) ? c_143 : running_15;
    const float next_116 = (lane_5 >= 4) ? c_145 : running_16;
    running_15 = next_115;
    running_16 = next_116;
    const float other_47 = __shfl_up_sync(0xffffffffu, running_15, 8);
    const float other_48 = __shfl_up_sync(0xffffffffu, running_16, 8);
    const float c_146 = other_47 * running_15;
    const float c_148 = (other_48 * running_15) + running_16;
    const float next_117 = (lane_5 >= 8) ? c_146 : running_15;
    const float next_118 = (lane_5 >= 8) ? c_148 : running_16;
    running_15 = next_117;
    running_16 = next_118;
    const float other_49 = __shfl_up_sync(0xffffffffu, running_15, 16);
    const float other_50 = __shfl_up_sync(0xffffffffu, running_16, 16);
    const float c_149 = other_49 * running_15;
    const float c_151 = (other_50 * running_15) + running_16;
    const float next_119 = (lane_5 >= 16) ? c_149 : running_15;
    const float next_120 = (lane_5 >= 16) ? c_151 : running_16;
    running_15 = next_119;
    running_16 = next_120;
    const float below_9 = __shfl_up_sync(0xffffffffu, running_15, 1);
    const float below_10 = __shfl_up_sync(0xffffffffu, running_16, 1);
    const float total_9 = __shfl_sync(0xffffffffu, running_15, (threadIdx.x & 31) | 31);
    const float total_10 = __shfl_sync(0xffffffffu, running_16, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total8[(int)(threadIdx.x >> 5)] = total_9;
        total9[(int)(threadIdx.x >> 5)] = total_10;
    }
    __syncthreads();
    const float part_17 = total8[0];
    const float part_18 = total9[0];
    float base_9;
    float base_10;
    const float next_121 = part_17;
    const float next_122 = part_18;
    base_9 = next_121;
    base_10 = next_122;
    float all_9;
    float all_10;
    const float next_123 = part_17;
    const float next_124 = part_18;
    all_9 = next_123;
    all_10 = next_124;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_19 = total8[i + 1];
        const float part_20 = total9[i + 1];
        const float c_152 = base_9 * part_19;
        const float c_154 = (base_10 * part_19) + part_20;
        const float next_125 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_152 : base_9;
        const float next_126 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_154 : base_10;
        base_9 = next_125;
        base_10 = next_126;
        const float c_155 = all_9 * part_19;
        const float c_157 = (all_10 * part_19) + part_20;
        const float next_127 = c_155;
        const float next_128 = c_157;
        all_9 = next_127;
        all_10 = next_128;
    }
    const float c_158 = base_9 * below_9;
    const float c_160 = (base_10 * below_9) + below_10;
    const float before_9 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_5 >= 1) ? c_158 : base_9) : below_9;
    const float before_10 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_5 >= 1) ? c_160 : base_10) : below_10;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_9 = running_13[i];
        const float own_10 = running_14[i];
        const float c_161 = before_9 * own_9;
        const float c_163 = (before_10 * own_9) + own_10;
        running_13[i] = ((lane_5 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_161 : own_9;
        running_14[i] = ((lane_5 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_163 : own_10;
    }
    const float next_129 = all_9;
    const float next_130 = all_10;
    carry_5 = next_129;
    carry_6 = next_130;
    const float next_131 = exp_x_3[4];
    const float next_132 = product_8[4];
    sum_5 = next_131;
    sum_6 = next_132;
    running_13[4] = sum_5;
    running_14[4] = sum_6;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_164 = sum_5 * exp_x_3[4 + (i + 1)];
        const float c_166 = (sum_6 * exp_x_3[4 + (i + 1)]) + product_8[4 + (i + 1)];
        const float next_133 = c_164;
        const float next_134 = c_166;
        sum_5 = next_133;
        sum_6 = next_134;
        running_13[4 + (i + 1)] = sum_5;
        running_14[4 + (i + 1)] = sum_6;
    }
    const int lane_6 = (int)(threadIdx.x & 31) & 31;
    float running_17;
    float running_18;
    const float next_135 = sum_5;
    const float next_136 = sum_6;
    running_17 = next_135;
    running_18 = next_136;
    const float other_51 = __shfl_up_sync(0xffffffffu, running_17, 1);
    const float other_52 = __shfl_up_sync(0xffffffffu, running_18, 1);
    const float c_167 = other_51 * running_17;
    const float c_169 = (other_52 * running_17) + running_18;
    const float next_137 = (lane_6 >= 1) ? c_167 : running_17;
    const float next_138 = (lane_6 >= 1) ? c_169 : running_18;
    running_17 = next_137;
    running_18 = next_138;
    const float other_53 = __shfl_up_sync(0xffffffffu, running_17, 2);
    const float other_54 = __shfl_up_sync(0xffffffffu, running_18, 2);
    const float c_170 = other_53 * running_17;
    const float c_172 = (other_54 * running_17) + running_18;
    const float next_139 = (lane_6 >= 2) ? c_170 : running_17;
    const float next_140 = (lane_6 >= 2) ? c_172 : running_18;
    running_17 = next_139;
    running_18 = next_140;
    const float other_55 = __shfl_up_sync(0xffffffffu, running_17, 4);
    const float other_56 = __shfl_up_sync(0xffffffffu, running_18, 4);
    const float c_173 = other_55 * running_17;
    const float c_175 = (other_56 * running_17) + running_18;
    const float next_141 = (lane_6 >= 4) ? c_173 : running_17;
    const float next_142 = (lane_6 >= 4) ? c_175 : running_18;
    running_17 = next_141;
    running_18 = next_142;
    const float other_57 = __shfl_up_sync(0xffffffffu, running_17, 8);
    const float other_58 = __shfl_up_sync(0xffffffffu, running_18, 8);
    const float c_176 = other_57 * running_17;
    const float c_178 = (other_58 * running_17) + running_18;
    const float next_143 = (lane_6 >= 8) ? c_176 : running_17;
    const float next_144 = (lane_6 >= 8) ? c_178 : running_18;
    running_17 = next_143;
    running_18 = next_144;
    const float other_59 = __shfl_up_sync(0xffffffffu, running_17, 16);
    const float other_60 = __shfl_up_sync(0xffffffffu, running_18, 16);
    const float c_179 = other_59 * running_17;
    const float c_181 = (other_60 * running_17) + running_18;
    const float next_145 = (lane_6 >= 16) ? c_179 : running_17;
    const float next_146 = (lane_6 >= 16) ? c_181 : running_18;
    running_17 = next_145;
    running_18 = next_146;
    const float below_11 = __shfl_up_sync(0xffffffffu, running_17, 1);
    const float below_12 = __shfl_up_sync(0xffffffffu, running_18, 1);
    const float total_11 = __shfl_sync(0xffffffffu, running_17, (threadIdx.x & 31) | 31);
    const float total_12 = __shfl_sync(0xffffffffu, running_18, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total10[(int)(threadIdx.x >> 5)] = total_11;
        total11[(int)(threadIdx.x >> 5)] = total_12;
    }
    __syncthreads();
    const float part_21 = total10[0];
    const float part_22 = total11[0];
    float base_11;
    float base_12;
    const float next_147 = part_21;
    const float next_148 = part_22;
    base_11 = next_147;
    base_12 = next_148;
    float all_11;
    float all_12;
    const float next_149 = part_21;
    const float next_150 = part_22;
    all_11 = next_149;
    all_12 = next_150;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_23 = total10[i + 1];
        const float part_24 = total11[i + 1];
        const float c_182 = base_11 * part_23;
        const float c_184 = (base_12 * part_23) + part_24;
        const float next_151 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_182 : base_11;
        const float next_152 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_184 : base_12;
        base_11 = next_151;
        base_12 = next_152;
        const float c_185 = all_11 * part_23;
        const float c_187 = (all_12 * part_23) + part_24;
        const float next_153 = c_185;
        const float next_154 = c_187;
        all_11 = next_153;
        all_12 = next_154;
    }
    const float c_188 = base_11 * below_11;
    const float c_190 = (base_12 * below_11) + below_12;
    const float c_191 = carry_5 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_6 >= 1) ? c_188 : base_11) : below_11);
    const float c_193 = (carry_6 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_6 >= 1) ? c_188 : base_11) : below_11)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_6 >= 1) ? c_190 : base_12) : below_12);
    const float before_11 = ((lane_6 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_191 : carry_5;
    const float before_12 = ((lane_6 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_193 : carry_6;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_11 = running_13[4 + i];
        const float own_12 = running_14[4 + i];
        const float c_194 = before_11 * own_11;
        const float c_196 = (before_12 * own_11) + own_12;
        running_13[4 + i] = c_194;
        running_14[4 + i] = c_196;
    }
    const float c_197 = carry_5 * all_11;
    const float c_199 = (carry_6 * all_11) + all_12;
    const float next_155 = c_197;
    const float next_156 = c_199;
    carry_5 = next_155;
    carry_6 = next_156;
    float fma_x_3[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_3[i] = fma(running_14[i], c_in_3[i], fma_x_2[i]);
    }
    const float a_in_4 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(3)];
    float b_in_4[8];
    float c_in_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(3) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_4[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(3) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_4[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_4[8];
    float product_10[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_9 = softplus_x[i] * a_in_4;
        exp_x_4[i] = expf(product_9);
        product_10[i] = product[i] * b_in_4[i];
    }
    float running_19[8];
    float running_20[8];
    float carry_7;
    float carry_8;
    float sum_7;
    float sum_8;
    const float next_157 = exp_x_4[0];
    const float next_158 = product_10[0];
    sum_7 = next_157;
    sum_8 = next_158;
    running_19[0] = sum_7;
    running_20[0] = sum_8;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_200 = sum_7 * exp_x_4[i + 1];
        const float c_202 = (sum_8 * exp_x_4[i + 1]) + product_10[i + 1];
        const float next_159 = c_200;
        const float next_160 = c_202;
        sum_7 = next_159;
        sum_8 = next_160;
        running_19[i + 1] = sum_7;
        running_20[i + 1] = sum_8;
    }
    const int lane_7 = (int)(threadIdx.x & 31) & 31;
    float running_21;
    float running_22;
    const float next_161 = sum_7;
    const float next_162 = sum_8;
    running_21 = next_161;
    running_22 = next_162;
    const float other_61 = __shfl_up_sync(0xffffffffu, running_21, 1);
    const float other_62 = __shfl_up_sync(0xffffffffu, running_22, 1);
    const float c_203 = other_61 * running_21;
    const float c_205 = (other_62 * running_21) + running_22;
    const float next_163 = (lane_7 >= 1) ? c_203 : running_21;
    const float next_164 = (lane_7 >= 1) ? c_205 : running_22;
    running_21 = next_163;
    running_22 = next_164;
    const float other_63 = __shfl_up_sync(0xffffffffu, running_21, 2);
    const float other_64 = __shfl_up_sync(0xffffffffu, running_22, 2);
    const float c_206 = other_63 * running_21;
    const float c_208 = (other_64 * running_21) + running_22;
    const float next_165 = (lane_7 >= 2) ? c_206 : running_21;
    const float next_166 = (lane_7 >= 2) ? c_208 : running_22;
    running_21 = next_165;
    running_22 = next_166;
    const float other_65 = __shfl_up_sync(0xffffffffu, running_21, 4);
    const float other_66 = __shfl_up_sync(0xffffffffu, running_22, 4);
    const float c_209 = other_65 * running_21;
    const float c_211 = (other_66 * running_21) + running_22;
    const float next_167 = (lane_7 >= 4) ? c_209 : running_21;
    const float next_168 = (lane_7 >= 4) ? c_211 : running_22;
    running_21 = next_167;
    running_22 = next_168;
    const float other_67 = __shfl_up_sync(0xffffffffu, running_21, 8);
    const float other_68 = __shfl_up_sync(0xffffffffu, running_22, 8);
    const float c_212 = other_67 * running_21;
    const float c_214 = (other_68 * running_21) + running_22;
    const float next_169 = (lane_7 >= 8) ? c_212 : running_21;
    const float next_170 = (lane_7 >= 8) ? c_214 : running_22;
    running_21 = next_169;
    running_22 = next_170;
    const float other_69 = __shfl_up_sync(0xffffffffu, running_21, 16);
    const float other_70 = __shfl_up_sync(0xffffffffu, running_22, 16);
    const float c_215 = other_69 * running_21;
    const float c_217 = (other_70 * running_21) + running_22;
    const float next_171 = (lane_7 >= 16) ? c_215 : running_21;
    const float next_172 = (lane_7 >= 16) ? c_217 : running_22;
    running_21 = next_171;
    running_22 = next_172;
    const float below_13 = __shfl_up_sync(0xffffffffu, running_21, 1);
    const float below_14 = __shfl_up_sync(0xffffffffu, running_22, 1);
    const float total_13 = __shfl_sync(0xffffffffu, running_21, (threadIdx.x & 31) | 31);
    const float total_14 = __shfl_sync(0xffffffffu, running_22, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total12[(int)(threadIdx.x >> 5)] = total_13;
        total13[(int)(threadIdx.x >> 5)] = total_14;
    }
    __syncthreads();
    const float part_25 = total12[0];
    const float part_26 = total13[0];
    float base_13;
    float base_14;
    const float next_173 = part_25;
    const float next_174 = part_26;
    base_13 = next_173;
    base_14 = next_174;
    float all_13;
    float all_14;
    const float next_175 = part_25;
    const float next_176 = part_26;
    all_13 = next_175;
    all_14 = next_176;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_27 = total12[i + 1];
        const float part_28 = total13[i + 1];
        const float c_218 = base_13 * part_27;
        const float c_220 = (base_14 * part_27) + part_28;
        const float next_177 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_218 : base_13;
        const float next_178 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_220 : base_14;
        base_13 = next_177;
        base_14 = next_178;
        const float c_221 = all_13 * part_27;
        const float c_223 = (all_14 * part_27) + part_28;
        const float next_179 = c_221;
        const float next_180 = c_223;
        all_13 = next_179;
        all_14 = next_180;
    }
    const float c_224 = base_13 * below_13;
    const float c_226 = (base_14 * below_13) + below_14;
    const float before_13 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_7 >= 1) ? c_224 : base_13) : below_13;
    const float before_14 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_7 >= 1) ? c_226 : base_14) : below_14;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_13 = running_19[i];
        const float own_14 = running_20[i];
        const float c_227 = before_13 * own_13;
        const float c_229 = (before_14 * own_13) + own_14;
        running_19[i] = ((lane_7 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_227 : own_13;
        running_20[i] = ((lane_7 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_229 : own_14;
    }
    const float next_181 = all_13;
    const float next_182 = all_14;
    carry_7 = next_181;
    carry_8 = next_182;
    const float next_183 = exp_x_4[4];
    const float next_184 = product_10[4];
    sum_7 = next_183;
    sum_8 = next_184;
    running_19[4] = sum_7;
    running_20[4] = sum_8;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_230 = sum_7 * exp_x_4[4 + (i + 1)];
        const float c_232 = (sum_8 * exp_x_4[4 + (i + 1)]) + product_10[4 + (i + 1)];
        const float next_185 = c_230;
        const float next_186 = c_232;
        sum_7 = next_185;
        sum_8 = next_186;
        running_19[4 + (i + 1)] = sum_7;
        running_20[4 + (i + 1)] = sum_8;
    }
    const int lane_8 = (int)(threadIdx.x & 31) & 31;
    float running_23;
    float running_24;
    const float next_187 = sum_7;
    const float next_188 = sum_8;
    running_23 = next_187;
    running_24 = next_188;
    const float other_71 = __shfl_up_sync(0xffffffffu, running_23, 1);
    const float other_72 = __shfl_up_sync(0xffffffffu, running_24, 1);
    const float c_233 = other_71 * running_23;
    const float c_235 = (other_72 * running_23) + running_24;
    const float next_189 = (lane_8 >= 1) ? c_233 : running_23;
    const float next_190 = (lane_8 >= 1) ? c_235 : running_24;
    running_23 = next_189;
    running_24 = next_190;
    const float other_73 = __shfl_up_sync(0xffffffffu, running_23, 2);
    const float other_74 = __shfl_up_sync(0xffffffffu, running_24, 2);
    const float c_236 = other_73 * running_23;
    const float c_238 = (other_74 * running_23) + running_24;
    const float next_191 = (lane_8 >= 2) ? c_236 : running_23;
    const float next_192 = (lane_8 >= 2) ? c_238 : running_24;
    running_23 = next_191;
    running_24 = next_192;
    const float other_75 = __shfl_up_sync(0xffffffffu, running_23, 4);
    const float other_76 = __shfl_up_sync(0xffffffffu, running_24, 4);
    const float c_239 = other_75 * running_23;
    const float c_241 = (other_76 * running_23) + running_24;
    const float next_193 = (lane_8 >= 4) ? c_239 : running_23;
    const float next_194 = (lane_8 >= 4) ? c_241 : running_24;
    running_23 = next_193;
    running_24 = next_194;
    const float other_77 = __shfl_up_sync(0xffffffffu, running_23, 8);
    const float other_78 = __shfl_up_sync(0xffffffffu, running_24, 8);
    const float c_242 = other_77 * running_23;
    const float c_244 = (other_78 * running_23) + running_24;
    const float next_195 = (lane_8 >= 8) ? c_242 : running_23;
    const float next_196 = (lane_8 >= 8) ? c_244 : running_24;
    running_23 = next_195;
    running_24 = next_196;
    const float other_79 = __shfl_up_sync(0xffffffffu, running_23, 16);
    const float other_80 = __shfl_up_sync(0xffffffffu, running_24, 16);
    const float c_245 = other_79 * running_23;
    const float c_247 = (other_80 * running_23) + running_24;
    const float next_197 = (lane_8 >= 16) ? c_245 : running_23;
    const float next_198 = (lane_8 >= 16) ? c_247 : running_24;
    running_23 = next_197;
    running_24 = next_198;
    const float below_15 = __shfl_up_sync(0xffffffffu, running_23, 1);
    const float below_16 = __shfl_up_sync(0xffffffffu, running_24, 1);
    const float total_15 = __shfl_sync(0xffffffffu, running_23, (threadIdx.x & 31) | 31);
    const float total_16 = __shfl_sync(0xffffffffu, running_24, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total14[(int)(threadIdx.x >> 5)] = total_15;
        total15[(int)(threadIdx.x >> 5)] = total_16;
    }
    __syncthreads();
    const float part_29 = total14[0];
    const float part_30 = total15[0];
    float base_15;
    float base_16;
    const float next_199 = part_29;
    const float next_200 = part_30;
    base_15 = next_199;
    base_16 = next_200;
    float all_15;
    float all_16;
    const float next_201 = part_29;
    const float next_202 = part_30;
    all_15 = next_201;
    all_16 = next_202;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_31 = total14[i + 1];
        const float part_32 = total15[i + 1];
        const float c_248 = base_15 * part_31;
        const float c_250 = (base_16 * part_31) + part_32;
        const float next_203 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_248 : base_15;
        const float next_204 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_250 : base_16;
        base_15 = next_203;
        base_16 = next_204;
        const float c_251 = all_15 * part_31;
        const float c_253 = (all_16 * part_31) + part_32;
        const float next_205 = c_251;
        const float next_206 = c_253;
        all_15 = next_205;
        all_16 = next_206;
    }
    const float c_254 = base_15 * below_15;
    const float c_256 = (base_16 * below_15) + below_16;
    const float c_257 = carry_7 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_8 >= 1) ? c_254 : base_15) : below_15);
    const float c_259 = (carry_8 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_8 >= 1) ? c_254 : base_15) : below_15)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_8 >= 1) ? c_256 : base_16) : below_16);
    const float before_15 = ((lane_8 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_257 : carry_7;
    const float before_16 = ((lane_8 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_259 : carry_8;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_15 = running_19[4 + i];
        const float own_16 = running_20[4 + i];
        const float c_260 = before_15 * own_15;
        const float c_262 = (before_16 * own_15) + own_16;
        running_19[4 + i] = c_260;
        running_20[4 + i] = c_262;
    }
    const float c_263 = carry_7 * all_15;
    const float c_265 = (carry_8 * all_15) + all_16;
    const float next_207 = c_263;
    const float next_208 = c_265;
    carry_7 = next_207;
    carry_8 = next_208;
    float fma_x_4[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_4[i] = fma(running_20[i], c_in_4[i], fma_x_3[i]);
    }
    const float a_in_5 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(4)];
    float b_in_5[8];
    float c_in_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(4) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_5[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(4) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_5[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_5[8];
    float product_12[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_11 = softplus_x[i] * a_in_5;
        exp_x_5[i] = expf(product_11);
        product_12[i] = product[i] * b_in_5[i];
    }
    float running_25[8];
    float running_26[8];
    float carry_9;
    float carry_10;
    float sum_9;
    float sum_10;
    const float next_209 = exp_x_5[0];
    const float next_210 = product_12[0];
    sum_9 = next_209;
    sum_10 = next_210;
    running_25[0] = sum_9;
    running_26[0] = sum_10;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_266 = sum_9 * exp_x_5[i + 1];
        const float c_268 = (sum_10 * exp_x_5[i + 1]) + product_12[i + 1];
        const float next_211 = c_266;
        const float next_212 = c_268;
        sum_9 = next_211;
        sum_10 = next_212;
        running_25[i + 1] = sum_9;
        running_26[i + 1] = sum_10;
    }
    const int lane_9 = (int)(threadIdx.x & 31) & 31;
    float running_27;
    float running_28;
    const float next_213 = sum_9;
    const float next_214 = sum_10;
    running_27 = next_213;
    running_28 = next_214;
    const float other_81 = __shfl_up_sync(0xffffffffu, running_27, 1);
    const float other_82 = __shfl_up_sync(0xffffffffu, running_28, 1);
    const float c_269 = other_81 * running_27;
    const float c_271 = (other_82 * running_27) + running_28;
    const float next_215 = (lane_9 >= 1) ? c_269 : running_27;
    const float next_216 = (lane_9 >= 1) ? c_271 : running_28;
    running_27 = next_215;
    running_28 = next_216;
    const float other_83 = __shfl_up_sync(0xffffffffu, running_27, 2);
    const float other_84 = __shfl_up_sync(0xffffffffu, running_28, 2);
    const float c_272 = other_83 * running_27;
    const float c_274 = (other_84 * running_27) + running_28;
    const float next_217 = (lane_9 >= 2) ? c_272 : running_27;
    const float next_218 = (lane_9 >= 2) ? c_274 : running_28;
    running_27 = next_217;
    running_28 = next_218;
    const float other_85 = __shfl_up_sync(0xffffffffu, running_27, 4);
    const float other_86 = __shfl_up_sync(0xffffffffu, running_28, 4);
    const float c_275 = other_85 * running_27;
    const float c_277 = (other_86 * running_27) + running_28;
    const float next_219 = (lane_9 >= 4) ? c_275 : running_27;
    const float next_220 = (lane_9 >= 4) ? c_277 : running_28;
    running_27 = next_219;
    running_28 = next_220;
    const float other_87 = __shfl_up_sync(0xffffffffu, running_27, 8);
    const float other_88 = __shfl_up_sync(0xffffffffu, running_28, 8);
    const float c_278 = other_87 * running_27;
    const float c_280 = (other_88 * running_27) + running_28;
    const float next_221 = (lane_9 >= 8) ? c_278 : running_27;
    const float next_222 = (lane_9 >= 8) ? c_280 : running_28;
    running_27 = next_221;
    running_28 = next_222;
    const float other_89 = __shfl_up_sync(0xffffffffu, running_27, 16);
    const float other_90 = __shfl_up_sync(0xffffffffu, running_28, 16);
    const float c_281 = other_89 * running_27;
    const float c_283 = (other_90 * running_27) + running_28;
    const float next_223 = (lane_9 >= 16) ? c_281 : running_27;
    const float next_224 = (lane_9 >= 16) ? c_283 : running_28;
    running_27 = next_223;
    running_28 = next_224;
    const float below_17 = __shfl_up_sync(0xffffffffu, running_27, 1);
    const float below_18 = __shfl_up_sync(0xffffffffu, running_28, 1);
    const float total_17 = __shfl_sync(0xffffffffu, running_27, (threadIdx.x & 31) | 31);
    const float total_18 = __shfl_sync(0xffffffffu, running_28, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total16[(int)(threadIdx.x >> 5)] = total_17;
        total17[(int)(threadIdx.x >> 5)] = total_18;
    }
    __syncthreads();
    const float part_33 = total16[0];
    const float part_34 = total17[0];
    float base_17;
    float base_18;
    const float next_225 = part_33;
    const float next_226 = part_34;
    base_17 = next_225;
    base_18 = next_226;
    float all_17;
    float all_18;
    const float next_227 = part_33;
    const float next_228 = part_34;
    all_17 = next_227;
    all_18 = next_228;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_35 = total16[i + 1];
        const float part_36 = total17[i + 1];
        const float c_284 = base_17 * part_35;
        const float c_286 = (base_18 * part_35) + part_36;
        const float next_229 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_284 : base_17;
        const float next_230 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_286 : base_18;
        base_17 = next_229;
        base_18 = next_230;
        const float c_287 = all_17 * part_35;
        const float c_289 = (all_18 * part_35) + part_36;
        const float next_231 = c_287;
        const float next_232 = c_289;
        all_17 = next_231;
        all_18 = next_232;
    }
    const float c_290 = base_17 * below_17;
    const float c_292 = (base_18 * below_17) + below_18;
    const float before_17 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_9 >= 1) ? c_290 : base_17) : below_17;
    const float before_18 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_9 >= 1) ? c_292 : base_18) : below_18;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_17 = running_25[i];
        const float own_18 = running_26[i];
        const float c_293 = before_17 * own_17;
        const float c_295 = (before_18 * own_17) + own_18;
        running_25[i] = ((lane_9 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_293 : own_17;
        running_26[i] = ((lane_9 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_295 : own_18;
    }
    const float next_233 = all_17;
    const float next_234 = all_18;
    carry_9 = next_233;
    carry_10 = next_234;
    const float next_235 = exp_x_5[4];
    const float next_236 = product_12[4];
    sum_9 = next_235;
    sum_10 = next_236;
    running_25[4] = sum_9;
    running_26[4] = sum_10;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_296 = sum_9 * exp_x_5[4 + (i + 1)];
        const float c_298 = (sum_10 * exp_x_5[4 + (i + 1)]) + product_12[4 + (i + 1)];
        const float next_237 = c_296;
        const float next_238 = c_298;
        sum_9 = next_237;
        sum_10 = next_238;
        running_25[4 + (i + 1)] = sum_9;
        running_26[4 + (i + 1)] = sum_10;
    }
    const int lane_10 = (int)(threadIdx.x & 31) & 31;
    float running_29;
    float running_30;
    const float next_239 = sum_9;
    const float next_240 = sum_10;
    running_29 = next_239;
    running_30 = next_240;
    const float other_91 = __shfl_up_sync(0xffffffffu, running_29, 1);
    const float other_92 = __shfl_up_sync(0xffffffffu, running_30, 1);
    const float c_299 = other_91 * running_29;
    const float c_301 = (other_92 * running_29) + running_30;
    const float next_241 = (lane_10 >= 1) ? c_299 : running_29;
    const float next_242 = (lane_10 >= 1) ? c_301 : running_30;
    running_29 = next_241;
    running_30 = next_242;
    const float other_93 = __shfl_up_sync(0xffffffffu, running_29, 2);
    const float other_94 = __shfl_up_sync(0xffffffffu, running_30, 2);
    const float c_302 = other_93 * running_29;
    const float c_304 = (other_94 * running_29) + running_30;
    const float next_243 = (lane_10 >= 2) ? c_302 : running_29;
    const float next_244 = (lane_10 >= 2) ? c_304 : running_30;
    running_29 = next_243;
    running_30 = next_244;
    const float other_95 = __shfl_up_sync(0xffffffffu, running_29, 4);
    const float other_96 = __shfl_up_sync(0xffffffffu, running_30, 4);
    const float c_305 = other_95 * running_29;
    const float c_307 = (other_96 * running_29) + running_30;
    const float next_245 = (lane_10 >= 4) ? c_305 : running_29;
    const float next_246 = (lane_10 >= 4) ? c_307 : running_30;
    running_29 = next_245;
    running_30 = next_246;
    const float other_97 = __shfl_up_sync(0xffffffffu, running_29, 8);
    const float other_98 = __shfl_up_sync(0xffffffffu, running_30, 8);
    const float c_308 = other_97 * running_29;
    const float c_310 = (other_98 * running_29) + running_30;
    const float next_247 = (lane_10 >= 8) ? c_308 : running_29;
    const float next_248 = (lane_10 >= 8) ? c_310 : running_30;
    running_29 = next_247;
    running_30 = next_248;
    const float other_99 = __shfl_up_sync(0xffffffffu, running_29, 16);
    const float other_100 = __shfl_up_sync(0xffffffffu, running_30, 16);
    const float c_311 = other_99 * running_29;
    const float c_313 = (other_100 * running_29) + running_30;
    const float next_249 = (lane_10 >= 16) ? c_311 : running_29;
    const float next_250 = (lane_10 >= 16) ? c_313 : running_30;
    running_29 = next_249;
    running_30 = next_250;
    const float below_19 = __shfl_up_sync(0xffffffffu, running_29, 1);
    const float below_20 = __shfl_up_sync(0xffffffffu, running_30, 1);
    const float total_19 = __shfl_sync(0xffffffffu, running_29, (threadIdx.x & 31) | 31);
    const float total_20 = __shfl_sync(0xffffffffu, running_30, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total18[(int)(threadIdx.x >> 5)] = total_19;
        total19[(int)(threadIdx.x >> 5)] = total_20;
    }
    __syncthreads();
    const float part_37 = total18[0];
    const float part_38 = total19[0];
    float base_19;
    float base_20;
    const float next_251 = part_37;
    const float next_252 = part_38;
    base_19 = next_251;
    base_20 = next_252;
    float all_19;
    float all_20;
    const float next_253 = part_37;
    const float next_254 = part_38;
    all_19 = next_253;
    all_20 = next_254;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_39 = total18[i + 1];
        const float part_40 = total19[i + 1];
        const float c_314 = base_19 * part_39;
        const float c_316 = (base_20 * part_39) + part_40;
        const float next_255 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_314 : base_19;
        const float next_256 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_316 : base_20;
        base_19 = next_255;
        base_20 = next_256;
        const float c_317 = all_19 * part_39;
        const float c_319 = (all_20 * part_39) + part_40;
        const float next_257 = c_317;
        const float next_258 = c_319;
        all_19 = next_257;
        all_20 = next_258;
    }
    const float c_320 = base_19 * below_19;
    const float c_322 = (base_20 * below_19) + below_20;
    const float c_323 = carry_9 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_10 >= 1) ? c_320 : base_19) : below_19);
    const float c_325 = (carry_10 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_10 >= 1) ? c_320 : base_19) : below_19)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_10 >= 1) ? c_322 : base_20) : below_20);
    const float before_19 = ((lane_10 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_323 : carry_9;
    const float before_20 = ((lane_10 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_325 : carry_10;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_19 = running_25[4 + i];
        const float own_20 = running_26[4 + i];
        const float c_326 = before_19 * own_19;
        const float c_328 = (before_20 * own_19) + own_20;
        running_25[4 + i] = c_326;
        running_26[4 + i] = c_328;
    }
    const float c_329 = carry_9 * all_19;
    const float c_331 = (carry_10 * all_19) + all_20;
    const float next_259 = c_329;
    const float next_260 = c_331;
    carry_9 = next_259;
    carry_10 = next_260;
    float fma_x_5[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_5[i] = fma(running_26[i], c_in_5[i], fma_x_4[i]);
    }
    const float a_in_6 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(5)];
    float b_in_6[8];
    float c_in_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(5) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_6[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(5) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_6[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_6[8];
    float product_14[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_13 = softplus_x[i] * a_in_6;
        exp_x_6[i] = expf(product_13);
        product_14[i] = product[i] * b_in_6[i];
    }
    float running_31[8];
    float running_32[8];
    float carry_11;
    float carry_12;
    float sum_11;
    float sum_12;
    const float next_261 = exp_x_6[0];
    const float next_262 = product_14[0];
    sum_11 = next_261;
    sum_12 = next_262;
    running_31[0] = sum_11;
    running_32[0] = sum_12;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_332 = sum_11 * exp_x_6[i + 1];
        const float c_334 = (sum_12 * exp_x_6[i + 1]) + product_14[i + 1];
        const float next_263 = c_332;
        const float next_264 = c_334;
        sum_11 = next_263;
        sum_12 = next_264;
        running_31[i + 1] = sum_11;
        running_32[i + 1] = sum_12;
    }
    const int lane_11 = (int)(threadIdx.x & 31) & 31;
    float running_33;
    float running_34;
    const float next_265 = sum_11;
    const float next_266 = sum_12;
    running_33 = next_265;
    running_34 = next_266;
    const float other_101 = __shfl_up_sync(0xffffffffu, running_33, 1);
    const float other_102 = __shfl_up_sync(0xffffffffu, running_34, 1);
    const float c_335 = other_101 * running_33;
    const float c_337 = (other_102 * running_33) + running_34;
    const float next_267 = (lane_11 >= 1) ? c_335 : running_33;
    const float next_268 = (lane_11 >= 1) ? c_337 : running_34;
    running_33 = next_267;
    running_34 = next_268;
    const float other_103 = __shfl_up_sync(0xffffffffu, running_33, 2);
    const float other_104 = __shfl_up_sync(0xffffffffu, running_34, 2);
    const float c_338 = other_103 * running_33;
    const float c_340 = (other_104 * running_33) + running_34;
    const float next_269 = (lane_11 >= 2) ? c_338 : running_33;
    const float next_270 = (lane_11 >= 2) ? c_340 : running_34;
    running_33 = next_269;
    running_34 = next_270;
    const float other_105 = __shfl_up_sync(0xffffffffu, running_33, 4);
    const float other_106 = __shfl_up_sync(0xffffffffu, running_34, 4);
    const float c_341 = other_105 * running_33;
    const float c_343 = (other_106 * running_33) + running_34;
    const float next_271 = (lane_11 >= 4) ? c_341 : running_33;
    const float next_272 = (lane_11 >= 4) ? c_343 : running_34;
    running_33 = next_271;
    running_34 = next_272;
    const float other_107 = __shfl_up_sync(0xffffffffu, running_33, 8);
    const float other_108 = __shfl_up_sync(0xffffffffu, running_34, 8);
    const float c_344 = other_107 * running_33;
    const float c_346 = (other_108 * running_33) + running_34;
    const float next_273 = (lane_11 >= 8) ? c_344 : running_33;
    const float next_274 = (lane_11 >= 8) ? c_346 : running_34;
    running_33 = next_273;
    running_34 = next_274;
    const float other_109 = __shfl_up_sync(0xffffffffu, running_33, 16);
    const float other_110 = __shfl_up_sync(0xffffffffu, running_34, 16);
    const float c_347 = other_109 * running_33;
    const float c_349 = (other_110 * running_33) + running_34;
    const float next_275 = (lane_11 >= 16) ? c_347 : running_33;
    const float next_276 = (lane_11 >= 16) ? c_349 : running_34;
    running_33 = next_275;
    running_34 = next_276;
    const float below_21 = __shfl_up_sync(0xffffffffu, running_33, 1);
    const float below_22 = __shfl_up_sync(0xffffffffu, running_34, 1);
    const float total_21 = __shfl_sync(0xffffffffu, running_33, (threadIdx.x & 31) | 31);
    const float total_22 = __shfl_sync(0xffffffffu, running_34, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total20[(int)(threadIdx.x >> 5)] = total_21;
        total21[(int)(threadIdx.x >> 5)] = total_22;
    }
    __syncthreads();
    const float part_41 = total20[0];
    const float part_42 = total21[0];
    float base_21;
    float base_22;
    const float next_277 = part_41;
    const float next_278 = part_42;
    base_21 = next_277;
    base_22 = next_278;
    float all_21;
    float all_22;
    const float next_279 = part_41;
    const float next_280 = part_42;
    all_21 = next_279;
    all_22 = next_280;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_43 = total20[i + 1];
        const float part_44 = total21[i + 1];
        const float c_350 = base_21 * part_43;
        const float c_352 = (base_22 * part_43) + part_44;
        const float next_281 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_350 : base_21;
        const float next_282 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_352 : base_22;
        base_21 = next_281;
        base_22 = next_282;
        const float c_353 = all_21 * part_43;
        const float c_355 = (all_22 * part_43) + part_44;
        const float next_283 = c_353;
        const float next_284 = c_355;
        all_21 = next_283;
        all_22 = next_284;
    }
    const float c_356 = base_21 * below_21;
    const float c_358 = (base_22 * below_21) + below_22;
    const float before_21 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_11 >= 1) ? c_356 : base_21) : below_21;
    const float before_22 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_11 >= 1) ? c_358 : base_22) : below_22;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_21 = running_31[i];
        const float own_22 = running_32[i];
        const float c_359 = before_21 * own_21;
        const float c_361 = (before_22 * own_21) + own_22;
        running_31[i] = ((lane_11 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_359 : own_21;
        running_32[i] = ((lane_11 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_361 : own_22;
    }
    const float next_285 = all_21;
    const float next_286 = all_22;
    carry_11 = next_285;
    carry_12 = next_286;
    const float next_287 = exp_x_6[4];
    const float next_288 = product_14[4];
    sum_11 = next_287;
    sum_12 = next_288;
    running_31[4] = sum_11;
    running_32[4] = sum_12;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_362 = sum_11 * exp_x_6[4 + (i + 1)];
        const float c_364 = (sum_12 * exp_x_6[4 + (i + 1)]) + product_14[4 + (i + 1)];
        const float next_289 = c_362;
        const float next_290 = c_364;
        sum_11 = next_289;
        sum_12 = next_290;
        running_31[4 + (i + 1)] = sum_11;
        running_32[4 + (i + 1)] = sum_12;
    }
    const int lane_12 = (int)(threadIdx.x & 31) & 31;
    float running_35;
    float running_36;
    const float next_291 = sum_11;
    const float next_292 = sum_12;
    running_35 = next_291;
    running_36 = next_292;
    const float other_111 = __shfl_up_sync(0xffffffffu, running_35, 1);
    const float other_112 = __shfl_up_sync(0xffffffffu, running_36, 1);
    const float c_365 = other_111 * running_35;
    const float c_367 = (other_112 * running_35) + running_36;
    const float next_293 = (lane_12 >= 1) ? c_365 : running_35;
    const float next_294 = (lane_12 >= 1) ? c_367 : running_36;
    running_35 = next_293;
    running_36 = next_294;
    const float other_113 = __shfl_up_sync(0xffffffffu, running_35, 2);
    const float other_114 = __shfl_up_sync(0xffffffffu, running_36, 2);
    const float c_368 = other_113 * running_35;
    const float c_370 = (other_114 * running_35) + running_36;
    const float next_295 = (lane_12 >= 2) ? c_368 : running_35;
    const float next_296 = (lane_12 >= 2) ? c_370 : running_36;
    running_35 = next_295;
    running_36 = next_296;
    const float other_115 = __shfl_up_sync(0xffffffffu, running_35, 4);
    const float other_116 = __shfl_up_sync(0xffffffffu, running_36, 4);
    const float c_371 = other_115 * running_35;
    const float c_373 = (other_116 * running_35) + running_36;
    const float next_297 = (lane_12 >= 4) ? c_371 : running_35;
    const float next_298 = (lane_12 >= 4) ? c_373 : running_36;
    running_35 = next_297;
    running_36 = next_298;
    const float other_117 = __shfl_up_sync(0xffffffffu, running_35, 8);
    const float other_118 = __shfl_up_sync(0xffffffffu, running_36, 8);
    const float c_374 = other_117 * running_35;
    const float c_376 = (other_118 * running_35) + running_36;
    const float next_299 = (lane_12 >= 8) ? c_374 : running_35;
    const float next_300 = (lane_12 >= 8) ? c_376 : running_36;
    running_35 = next_299;
    running_36 = next_300;
    const float other_119 = __shfl_up_sync(0xffffffffu, running_35, 16);
    const float other_120 = __shfl_up_sync(0xffffffffu, running_36, 16);
    const float c_377 = other_119 * running_35;
    const float c_379 = (other_120 * running_35) + running_36;
    const float next_301 = (lane_12 >= 16) ? c_377 : running_35;
    const float next_302 = (lane_12 >= 16) ? c_379 : running_36;
    running_35 = next_301;
    running_36 = next_302;
    const float below_23 = __shfl_up_sync(0xffffffffu, running_35, 1);
    const float below_24 = __shfl_up_sync(0xffffffffu, running_36, 1);
    const float total_23 = __shfl_sync(0xffffffffu, running_35, (threadIdx.x & 31) | 31);
    const float total_24 = __shfl_sync(0xffffffffu, running_36, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total22[(int)(threadIdx.x >> 5)] = total_23;
        total23[(int)(threadIdx.x >> 5)] = total_24;
    }
    __syncthreads();
    const float part_45 = total22[0];
    const float part_46 = total23[0];
    float base_23;
    float base_24;
    const float next_303 = part_45;
    const float next_304 = part_46;
    base_23 = next_303;
    base_24 = next_304;
    float all_23;
    float all_24;
    const float next_305 = part_45;
    const float next_306 = part_46;
    all_23 = next_305;
    all_24 = next_306;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_47 = total22[i + 1];
        const float part_48 = total23[i + 1];
        const float c_380 = base_23 * part_47;
        const float c_382 = (base_24 * part_47) + part_48;
        const float next_307 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_380 : base_23;
        const float next_308 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_382 : base_24;
        base_23 = next_307;
        base_24 = next_308;
        const float c_383 = all_23 * part_47;
        const float c_385 = (all_24 * part_47) + part_48;
        const float next_309 = c_383;
        const float next_310 = c_385;
        all_23 = next_309;
        all_24 = next_310;
    }
    const float c_386 = base_23 * below_23;
    const float c_388 = (base_24 * below_23) + below_24;
    const float c_389 = carry_11 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_12 >= 1) ? c_386 : base_23) : below_23);
    const float c_391 = (carry_12 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_12 >= 1) ? c_386 : base_23) : below_23)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_12 >= 1) ? c_388 : base_24) : below_24);
    const float before_23 = ((lane_12 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_389 : carry_11;
    const float before_24 = ((lane_12 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_391 : carry_12;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_23 = running_31[4 + i];
        const float own_24 = running_32[4 + i];
        const float c_392 = before_23 * own_23;
        const float c_394 = (before_24 * own_23) + own_24;
        running_31[4 + i] = c_392;
        running_32[4 + i] = c_394;
    }
    const float c_395 = carry_11 * all_23;
    const float c_397 = (carry_12 * all_23) + all_24;
    const float next_311 = c_395;
    const float next_312 = c_397;
    carry_11 = next_311;
    carry_12 = next_312;
    float fma_x_6[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_6[i] = fma(running_32[i], c_in_6[i], fma_x_5[i]);
    }
    const float a_in_7 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(6)];
    float b_in_7[8];
    float c_in_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(6) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_7[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(6) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_7[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_7[8];
    float product_16[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_15 = softplus_x[i] * a_in_7;
        exp_x_7[i] = expf(product_15);
        product_16[i] = product[i] * b_in_7[i];
    }
    float running_37[8];
    float running_38[8];
    float carry_13;
    float carry_14;
    float sum_13;
    float sum_14;
    const float next_313 = exp_x_7[0];
    const float next_314 = product_16[0];
    sum_13 = next_313;
    sum_14 = next_314;
    running_37[0] = sum_13;
    running_38[0] = sum_14;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_398 = sum_13 * exp_x_7[i + 1];
        const float c_400 = (sum_14 * exp_x_7[i + 1]) + product_16[i + 1];
        const float next_315 = c_398;
        const float next_316 = c_400;
        sum_13 = next_315;
        sum_14 = next_316;
        running_37[i + 1] = sum_13;
        running_38[i + 1] = sum_14;
    }
    const int lane_13 = (int)(threadIdx.x & 31) & 31;
    float running_39;
    float running_40;
    const float next_317 = sum_13;
    const float next_318 = sum_14;
    running_39 = next_317;
    running_40 = next_318;
    const float other_121 = __shfl_up_sync(0xffffffffu, running_39, 1);
    const float other_122 = __shfl_up_sync(0xffffffffu, running_40, 1);
    const float c_401 = other_121 * running_39;
    const float c_403 = (other_122 * running_39) + running_40;
    const float next_319 = (lane_13 >= 1) ? c_401 : running_39;
    const float next_320 = (lane_13 >= 1) ? c_403 : running_40;
    running_39 = next_319;
    running_40 = next_320;
    const float other_123 = __shfl_up_sync(0xffffffffu, running_39, 2);
    const float other_124 = __shfl_up_sync(0xffffffffu, running_40, 2);
    const float c_404 = other_123 * running_39;
    const float c_406 = (other_124 * running_39) + running_40;
    const float next_321 = (lane_13 >= 2) ? c_404 : running_39;
    const float next_322 = (lane_13 >= 2) ? c_406 : running_40;
    running_39 = next_321;
    running_40 = next_322;
    const float other_125 = __shfl_up_sync(0xffffffffu, running_39, 4);
    const float other_126 = __shfl_up_sync(0xffffffffu, running_40, 4);
    const float c_407 = other_125 * running_39;
    const float c_409 = (other_126 * running_39) + running_40;
    const float next_323 = (lane_13 >= 4) ? c_407 : running_39;
    const float next_324 = (lane_13 >= 4) ? c_409 : running_40;
    running_39 = next_323;
    running_40 = next_324;
    const float other_127 = __shfl_up_sync(0xffffffffu, running_39, 8);
    const float other_128 = __shfl_up_sync(0xffffffffu, running_40, 8);
    const float c_410 = other_127 * running_39;
    const float c_412 = (other_128 * running_39) + running_40;
    const float next_325 = (lane_13 >= 8) ? c_410 : running_39;
    const float next_326 = (lane_13 >= 8) ? c_412 : running_40;
    running_39 = next_325;
    running_40 = next_326;
    const float other_129 = __shfl_up_sync(0xffffffffu, running_39, 16);
    const float other_130 = __shfl_up_sync(0xffffffffu, running_40, 16);
    const float c_413 = other_129 * running_39;
    const float c_415 = (other_130 * running_39) + running_40;
    const float next_327 = (lane_13 >= 16) ? c_413 : running_39;
    const float next_328 = (lane_13 >= 16) ? c_415 : running_40;
    running_39 = next_327;
    running_40 = next_328;
    const float below_25 = __shfl_up_sync(0xffffffffu, running_39, 1);
    const float below_26 = __shfl_up_sync(0xffffffffu, running_40, 1);
    const float total_25 = __shfl_sync(0xffffffffu, running_39, (threadIdx.x & 31) | 31);
    const float total_26 = __shfl_sync(0xffffffffu, running_40, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total24[(int)(threadIdx.x >> 5)] = total_25;
        total25[(int)(threadIdx.x >> 5)] = total_26;
    }
    __syncthreads();
    const float part_49 = total24[0];
    const float part_50 = total25[0];
    float base_25;
    float base_26;
    const float next_329 = part_49;
    const float next_330 = part_50;
    base_25 = next_329;
    base_26 = next_330;
    float all_25;
    float all_26;
    const float next_331 = part_49;
    const float next_332 = part_50;
    all_25 = next_331;
    all_26 = next_332;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_51 = total24[i + 1];
        const float part_52 = total25[i + 1];
        const float c_416 = base_25 * part_51;
        const float c_418 = (base_26 * part_51) + part_52;
        const float next_333 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_416 : base_25;
        const float next_334 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_418 : base_26;
        base_25 = next_333;
        base_26 = next_334;
        const float c_419 = all_25 * part_51;
        const float c_421 = (all_26 * part_51) + part_52;
        const float next_335 = c_419;
        const float next_336 = c_421;
        all_25 = next_335;
        all_26 = next_336;
    }
    const float c_422 = base_25 * below_25;
    const float c_424 = (base_26 * below_25) + below_26;
    const float before_25 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_13 >= 1) ? c_422 : base_25) : below_25;
    const float before_26 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_13 >= 1) ? c_424 : base_26) : below_26;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_25 = running_37[i];
        const float own_26 = running_38[i];
        const float c_425 = before_25 * own_25;
        const float c_427 = (before_26 * own_25) + own_26;
        running_37[i] = ((lane_13 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_425 : own_25;
        running_38[i] = ((lane_13 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_427 : own_26;
    }
    const float next_337 = all_25;
    const float next_338 = all_26;
    carry_13 = next_337;
    carry_14 = next_338;
    const float next_339 = exp_x_7[4];
    const float next_340 = product_16[4];
    sum_13 = next_339;
    sum_14 = next_340;
    running_37[4] = sum_13;
    running_38[4] = sum_14;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_428 = sum_13 * exp_x_7[4 + (i + 1)];
        const float c_430 = (sum_14 * exp_x_7[4 + (i + 1)]) + product_16[4 + (i + 1)];
        const float next_341 = c_428;
        const float next_342 = c_430;
        sum_13 = next_341;
        sum_14 = next_342;
        running_37[4 + (i + 1)] = sum_13;
        running_38[4 + (i + 1)] = sum_14;
    }
    const int lane_14 = (int)(threadIdx.x & 31) & 31;
    float running_41;
    float running_42;
    const float next_343 = sum_13;
    const float next_344 = sum_14;
    running_41 = next_343;
    running_42 = next_344;
    const float other_131 = __shfl_up_sync(0xffffffffu, running_41, 1);
    const float other_132 = __shfl_up_sync(0xffffffffu, running_42, 1);
    const float c_431 = other_131 * running_41;
    const float c_433 = (other_132 * running_41) + running_42;
    const float next_345 = (lane_14 >= 1) ? c_431 : running_41;
    const float next_346 = (lane_14 >= 1) ? c_433 : running_42;
    running_41 = next_345;
    running_42 = next_346;
    const float other_133 = __shfl_up_sync(0xffffffffu, running_41, 2);
    const float other_134 = __shfl_up_sync(0xffffffffu, running_42, 2);
    const float c_434 = other_133 * running_41;
    const float c_436 = (other_134 * running_41) + running_42;
    const float next_347 = (lane_14 >= 2) ? c_434 : running_41;
    const float next_348 = (lane_14 >= 2) ? c_436 : running_42;
    running_41 = next_347;
    running_42 = next_348;
    const float other_135 = __shfl_up_sync(0xffffffffu, running_41, 4);
    const float other_136 = __shfl_up_sync(0xffffffffu, running_42, 4);
    const float c_437 = other_135 * running_41;
    const float c_439 = (other_136 * running_41) + running_42;
    const float next_349 = (lane_14 >= 4) ? c_437 : running_41;
    const float next_350 = (lane_14 >= 4) ? c_439 : running_42;
    running_41 = next_349;
    running_42 = next_350;
    const float other_137 = __shfl_up_sync(0xffffffffu, running_41, 8);
    const float other_138 = __shfl_up_sync(0xffffffffu, running_42, 8);
    const float c_440 = other_137 * running_41;
    const float c_442 = (other_138 * running_41) + running_42;
    const float next_351 = (lane_14 >= 8) ? c_440 : running_41;
    const float next_352 = (lane_14 >= 8) ? c_442 : running_42;
    running_41 = next_351;
    running_42 = next_352;
    const float other_139 = __shfl_up_sync(0xffffffffu, running_41, 16);
    const float other_140 = __shfl_up_sync(0xffffffffu, running_42, 16);
    const float c_443 = other_139 * running_41;
    const float c_445 = (other_140 * running_41) + running_42;
    const float next_353 = (lane_14 >= 16) ? c_443 : running_41;
    const float next_354 = (lane_14 >= 16) ? c_445 : running_42;
    running_41 = next_353;
    running_42 = next_354;
    const float below_27 = __shfl_up_sync(0xffffffffu, running_41, 1);
    const float below_28 = __shfl_up_sync(0xffffffffu, running_42, 1);
    const float total_27 = __shfl_sync(0xffffffffu, running_41, (threadIdx.x & 31) | 31);
    const float total_28 = __shfl_sync(0xffffffffu, running_42, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total26[(int)(threadIdx.x >> 5)] = total_27;
        total27[(int)(threadIdx.x >> 5)] = total_28;
    }
    __syncthreads();
    const float part_53 = total26[0];
    const float part_54 = total27[0];
    float base_27;
    float base_28;
    const float next_355 = part_53;
    const float next_356 = part_54;
    base_27 = next_355;
    base_28 = next_356;
    float all_27;
    float all_28;
    const float next_357 = part_53;
    const float next_358 = part_54;
    all_27 = next_357;
    all_28 = next_358;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_55 = total26[i + 1];
        const float part_56 = total27[i + 1];
        const float c_446 = base_27 * part_55;
        const float c_448 = (base_28 * part_55) + part_56;
        const float next_359 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_446 : base_27;
        const float next_360 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_448 : base_28;
        base_27 = next_359;
        base_28 = next_360;
        const float c_449 = all_27 * part_55;
        const float c_451 = (all_28 * part_55) + part_56;
        const float next_361 = c_449;
        const float next_362 = c_451;
        all_27 = next_361;
        all_28 = next_362;
    }
    const float c_452 = base_27 * below_27;
    const float c_454 = (base_28 * below_27) + below_28;
    const float c_455 = carry_13 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_14 >= 1) ? c_452 : base_27) : below_27);
    const float c_457 = (carry_14 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_14 >= 1) ? c_452 : base_27) : below_27)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_14 >= 1) ? c_454 : base_28) : below_28);
    const float before_27 = ((lane_14 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_455 : carry_13;
    const float before_28 = ((lane_14 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_457 : carry_14;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_27 = running_37[4 + i];
        const float own_28 = running_38[4 + i];
        const float c_458 = before_27 * own_27;
        const float c_460 = (before_28 * own_27) + own_28;
        running_37[4 + i] = c_458;
        running_38[4 + i] = c_460;
    }
    const float c_461 = carry_13 * all_27;
    const float c_463 = (carry_14 * all_27) + all_28;
    const float next_363 = c_461;
    const float next_364 = c_463;
    carry_13 = next_363;
    carry_14 = next_364;
    float fma_x_7[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_7[i] = fma(running_38[i], c_in_7[i], fma_x_6[i]);
    }
    const float a_in_8 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(7)];
    float b_in_8[8];
    float c_in_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(7) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_8[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(7) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_8[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_8[8];
    float product_18[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_17 = softplus_x[i] * a_in_8;
        exp_x_8[i] = expf(product_17);
        product_18[i] = product[i] * b_in_8[i];
    }
    float running_43[8];
    float running_44[8];
    float carry_15;
    float carry_16;
    float sum_15;
    float sum_16;
    const float next_365 = exp_x_8[0];
    const float next_366 = product_18[0];
    sum_15 = next_365;
    sum_16 = next_366;
    running_43[0] = sum_15;
    running_44[0] = sum_16;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_464 = sum_15 * exp_x_8[i + 1];
        const float c_466 = (sum_16 * exp_x_8[i + 1]) + product_18[i + 1];
        const float next_367 = c_464;
        const float next_368 = c_466;
        sum_15 = next_367;
        sum_16 = next_368;
        running_43[i + 1] = sum_15;
        running_44[i + 1] = sum_16;
    }
    const int lane_15 = (int)(threadIdx.x & 31) & 31;
    float running_45;
    float running_46;
    const float next_369 = sum_15;
    const float next_370 = sum_16;
    running_45 = next_369;
    running_46 = next_370;
    const float other_141 = __shfl_up_sync(0xffffffffu, running_45, 1);
    const float other_142 = __shfl_up_sync(0xffffffffu, running_46, 1);
    const float c_467 = other_141 * running_45;
    const float c_469 = (other_142 * running_45) + running_46;
    const float next_371 = (lane_15 >= 1) ? c_467 : running_45;
    const float next_372 = (lane_15 >= 1) ? c_469 : running_46;
    running_45 = next_371;
    running_46 = next_372;
    const float other_143 = __shfl_up_sync(0xffffffffu, running_45, 2);
    const float other_144 = __shfl_up_sync(0xffffffffu, running_46, 2);
    const float c_470 = other_143 * running_45;
    const float c_472 = (other_144 * running_45) + running_46;
    const float next_373 = (lane_15 >= 2) ? c_470 : running_45;
    const float next_374 = (lane_15 >= 2) ? c_472 : running_46;
    running_45 = next_373;
    running_46 = next_374;
    const float other_145 = __shfl_up_sync(0xffffffffu, running_45, 4);
    const float other_146 = __shfl_up_sync(0xffffffffu, running_46, 4);
    const float c_473 = other_145 * running_45;
    const float c_475 = (other_146 * running_45) + running_46;
    const float next_375 = (lane_15 >= 4) ? c_473 : running_45;
    const float next_376 = (lane_15 >= 4) ? c_475 : running_46;
    running_45 = next_375;
    running_46 = next_376;
    const float other_147 = __shfl_up_sync(0xffffffffu, running_45, 8);
    const float other_148 = __shfl_up_sync(0xffffffffu, running_46, 8);
    const float c_476 = other_147 * running_45;
    const float c_478 = (other_148 * running_45) + running_46;
    const float next_377 = (lane_15 >= 8) ? c_476 : running_45;
    const float next_378 = (lane_15 >= 8) ? c_478 : running_46;
    running_45 = next_377;
    running_46 = next_378;
    const float other_149 = __shfl_up_sync(0xffffffffu, running_45, 16);
    const float other_150 = __shfl_up_sync(0xffffffffu, running_46, 16);
    const float c_479 = other_149 * running_45;
    const float c_481 = (other_150 * running_45) + running_46;
    const float next_379 = (lane_15 >= 16) ? c_479 : running_45;
    const float next_380 = (lane_15 >= 16) ? c_481 : running_46;
    running_45 = next_379;
    running_46 = next_380;
    const float below_29 = __shfl_up_sync(0xffffffffu, running_45, 1);
    const float below_30 = __shfl_up_sync(0xffffffffu, running_46, 1);
    const float total_29 = __shfl_sync(0xffffffffu, running_45, (threadIdx.x & 31) | 31);
    const float total_30 = __shfl_sync(0xffffffffu, running_46, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total28[(int)(threadIdx.x >> 5)] = total_29;
        total29[(int)(threadIdx.x >> 5)] = total_30;
    }
    __syncthreads();
    const float part_57 = total28[0];
    const float part_58 = total29[0];
    float base_29;
    float base_30;
    const float next_381 = part_57;
    const float next_382 = part_58;
    base_29 = next_381;
    base_30 = next_382;
    float all_29;
    float all_30;
    const float next_383 = part_57;
    const float next_384 = part_58;
    all_29 = next_383;
    all_30 = next_384;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_59 = total28[i + 1];
        const float part_60 = total29[i + 1];
        const float c_482 = base_29 * part_59;
        const float c_484 = (base_30 * part_59) + part_60;
        const float next_385 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_482 : base_29;
        const float next_386 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_484 : base_30;
        base_29 = next_385;
        base_30 = next_386;
        const float c_485 = all_29 * part_59;
        const float c_487 = (all_30 * part_59) + part_60;
        const float next_387 = c_485;
        const float next_388 = c_487;
        all_29 = next_387;
        all_30 = next_388;
    }
    const float c_488 = base_29 * below_29;
    const float c_490 = (base_30 * below_29) + below_30;
    const float before_29 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_15 >= 1) ? c_488 : base_29) : below_29;
    const float before_30 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_15 >= 1) ? c_490 : base_30) : below_30;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_29 = running_43[i];
        const float own_30 = running_44[i];
        const float c_491 = before_29 * own_29;
        const float c_493 = (before_30 * own_29) + own_30;
        running_43[i] = ((lane_15 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_491 : own_29;
        running_44[i] = ((lane_15 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_493 : own_30;
    }
    const float next_389 = all_29;
    const float next_390 = all_30;
    carry_15 = next_389;
    carry_16 = next_390;
    const float next_391 = exp_x_8[4];
    const float next_392 = product_18[4];
    sum_15 = next_391;
    sum_16 = next_392;
    running_43[4] = sum_15;
    running_44[4] = sum_16;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_494 = sum_15 * exp_x_8[4 + (i + 1)];
        const float c_496 = (sum_16 * exp_x_8[4 + (i + 1)]) + product_18[4 + (i + 1)];
        const float next_393 = c_494;
        const float next_394 = c_496;
        sum_15 = next_393;
        sum_16 = next_394;
        running_43[4 + (i + 1)] = sum_15;
        running_44[4 + (i + 1)] = sum_16;
    }
    const int lane_16 = (int)(threadIdx.x & 31) & 31;
    float running_47;
    float running_48;
    const float next_395 = sum_15;
    const float next_396 = sum_16;
    running_47 = next_395;
    running_48 = next_396;
    const float other_151 = __shfl_up_sync(0xffffffffu, running_47, 1);
    const float other_152 = __shfl_up_sync(0xffffffffu, running_48, 1);
    const float c_497 = other_151 * running_47;
    const float c_499 = (other_152 * running_47) + running_48;
    const float next_397 = (lane_16 >= 1) ? c_497 : running_47;
    const float next_398 = (lane_16 >= 1) ? c_499 : running_48;
    running_47 = next_397;
    running_48 = next_398;
    const float other_153 = __shfl_up_sync(0xffffffffu, running_47, 2);
    const float other_154 = __shfl_up_sync(0xffffffffu, running_48, 2);
    const float c_500 = other_153 * running_47;
    const float c_502 = (other_154 * running_47) + running_48;
    const float next_399 = (lane_16 >= 2) ? c_500 : running_47;
    const float next_400 = (lane_16 >= 2) ? c_502 : running_48;
    running_47 = next_399;
    running_48 = next_400;
    const float other_155 = __shfl_up_sync(0xffffffffu, running_47, 4);
    const float other_156 = __shfl_up_sync(0xffffffffu, running_48, 4);
    const float c_503 = other_155 * running_47;
    const float c_505 = (other_156 * running_47) + running_48;
    const float next_401 = (lane_16 >= 4) ? c_503 : running_47;
    const float next_402 = (lane_16 >= 4) ? c_505 : running_48;
    running_47 = next_401;
    running_48 = next_402;
    const float other_157 = __shfl_up_sync(0xffffffffu, running_47, 8);
    const float other_158 = __shfl_up_sync(0xffffffffu, running_48, 8);
    const float c_506 = other_157 * running_47;
    const float c_508 = (other_158 * running_47) + running_48;
    const float next_403 = (lane_16 >= 8) ? c_506 : running_47;
    const float next_404 = (lane_16 >= 8) ? c_508 : running_48;
    running_47 = next_403;
    running_48 = next_404;
    const float other_159 = __shfl_up_sync(0xffffffffu, running_47, 16);
    const float other_160 = __shfl_up_sync(0xffffffffu, running_48, 16);
    const float c_509 = other_159 * running_47;
    const float c_511 = (other_160 * running_47) + running_48;
    const float next_405 = (lane_16 >= 16) ? c_509 : running_47;
    const float next_406 = (lane_16 >= 16) ? c_511 : running_48;
    running_47 = next_405;
    running_48 = next_406;
    const float below_31 = __shfl_up_sync(0xffffffffu, running_47, 1);
    const float below_32 = __shfl_up_sync(0xffffffffu, running_48, 1);
    const float total_31 = __shfl_sync(0xffffffffu, running_47, (threadIdx.x & 31) | 31);
    const float total_32 = __shfl_sync(0xffffffffu, running_48, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total30[(int)(threadIdx.x >> 5)] = total_31;
        total31[(int)(threadIdx.x >> 5)] = total_32;
    }
    __syncthreads();
    const float part_61 = total30[0];
    const float part_62 = total31[0];
    float base_31;
    float base_32;
    const float next_407 = part_61;
    const float next_408 = part_62;
    base_31 = next_407;
    base_32 = next_408;
    float all_31;
    float all_32;
    const float next_409 = part_61;
    const float next_410 = part_62;
    all_31 = next_409;
    all_32 = next_410;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_63 = total30[i + 1];
        const float part_64 = total31[i + 1];
        const float c_512 = base_31 * part_63;
        const float c_514 = (base_32 * part_63) + part_64;
        const float next_411 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_512 : base_31;
        const float next_412 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_514 : base_32;
        base_31 = next_411;
        base_32 = next_412;
        const float c_515 = all_31 * part_63;
        const float c_517 = (all_32 * part_63) + part_64;
        const float next_413 = c_515;
        const float next_414 = c_517;
        all_31 = next_413;
        all_32 = next_414;
    }
    const float c_518 = base_31 * below_31;
    const float c_520 = (base_32 * below_31) + below_32;
    const float c_521 = carry_15 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_16 >= 1) ? c_518 : base_31) : below_31);
    const float c_523 = (carry_16 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_16 >= 1) ? c_518 : base_31) : below_31)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_16 >= 1) ? c_520 : base_32) : below_32);
    const float before_31 = ((lane_16 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_521 : carry_15;
    const float before_32 = ((lane_16 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_523 : carry_16;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_31 = running_43[4 + i];
        const float own_32 = running_44[4 + i];
        const float c_524 = before_31 * own_31;
        const float c_526 = (before_32 * own_31) + own_32;
        running_43[4 + i] = c_524;
        running_44[4 + i] = c_526;
    }
    const float c_527 = carry_15 * all_31;
    const float c_529 = (carry_16 * all_31) + all_32;
    const float next_415 = c_527;
    const float next_416 = c_529;
    carry_15 = next_415;
    carry_16 = next_416;
    float fma_x_8[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_8[i] = fma(running_44[i], c_in_8[i], fma_x_7[i]);
    }
    const float a_in_9 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(8)];
    float b_in_9[8];
    float c_in_9[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(8) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_9[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(8) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_9[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_9[8];
    float product_20[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_19 = softplus_x[i] * a_in_9;
        exp_x_9[i] = expf(product_19);
        product_20[i] = product[i] * b_in_9[i];
    }
    float running_49[8];
    float running_50[8];
    float carry_17;
    float carry_18;
    float sum_17;
    float sum_18;
    const float next_417 = exp_x_9[0];
    const float next_418 = product_20[0];
    sum_17 = next_417;
    sum_18 = next_418;
    running_49[0] = sum_17;
    running_50[0] = sum_18;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_530 = sum_17 * exp_x_9[i + 1];
        const float c_532 = (sum_18 * exp_x_9[i + 1]) + product_20[i + 1];
        const float next_419 = c_530;
        const float next_420 = c_532;
        sum_17 = next_419;
        sum_18 = next_420;
        running_49[i + 1] = sum_17;
        running_50[i + 1] = sum_18;
    }
    const int lane_17 = (int)(threadIdx.x & 31) & 31;
    float running_51;
    float running_52;
    const float next_421 = sum_17;
    const float next_422 = sum_18;
    running_51 = next_421;
    running_52 = next_422;
    const float other_161 = __shfl_up_sync(0xffffffffu, running_51, 1);
    const float other_162 = __shfl_up_sync(0xffffffffu, running_52, 1);
    const float c_533 = other_161 * running_51;
    const float c_535 = (other_162 * running_51) + running_52;
    const float next_423 = (lane_17 >= 1) ? c_533 : running_51;
    const float next_424 = (lane_17 >= 1) ? c_535 : running_52;
    running_51 = next_423;
    running_52 = next_424;
    const float other_163 = __shfl_up_sync(0xffffffffu, running_51, 2);
    const float other_164 = __shfl_up_sync(0xffffffffu, running_52, 2);
    const float c_536 = other_163 * running_51;
    const float c_538 = (other_164 * running_51) + running_52;
    const float next_425 = (lane_17 >= 2) ? c_536 : running_51;
    const float next_426 = (lane_17 >= 2) ? c_538 : running_52;
    running_51 = next_425;
    running_52 = next_426;
    const float other_165 = __shfl_up_sync(0xffffffffu, running_51, 4);
    const float other_166 = __shfl_up_sync(0xffffffffu, running_52, 4);
    const float c_539 = other_165 * running_51;
    const float c_541 = (other_166 * running_51) + running_52;
    const float next_427 = (lane_17 >= 4) ? c_539 : running_51;
    const float next_428 = (lane_17 >= 4) ? c_541 : running_52;
    running_51 = next_427;
    running_52 = next_428;
    const float other_167 = __shfl_up_sync(0xffffffffu, running_51, 8);
    const float other_168 = __shfl_up_sync(0xffffffffu, running_52, 8);
    const float c_542 = other_167 * running_51;
    const float c_544 = (other_168 * running_51) + running_52;
    const float next_429 = (lane_17 >= 8) ? c_542 : running_51;
    const float next_430 = (lane_17 >= 8) ? c_544 : running_52;
    running_51 = next_429;
    running_52 = next_430;
    const float other_169 = __shfl_up_sync(0xffffffffu, running_51, 16);
    const float other_170 = __shfl_up_sync(0xffffffffu, running_52, 16);
    const float c_545 = other_169 * running_51;
    const float c_547 = (other_170 * running_51) + running_52;
    const float next_431 = (lane_17 >= 16) ? c_545 : running_51;
    const float next_432 = (lane_17 >= 16) ? c_547 : running_52;
    running_51 = next_431;
    running_52 = next_432;
    const float below_33 = __shfl_up_sync(0xffffffffu, running_51, 1);
    const float below_34 = __shfl_up_sync(0xffffffffu, running_52, 1);
    const float total_33 = __shfl_sync(0xffffffffu, running_51, (threadIdx.x & 31) | 31);
    const float total_34 = __shfl_sync(0xffffffffu, running_52, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total32[(int)(threadIdx.x >> 5)] = total_33;
        total33[(int)(threadIdx.x >> 5)] = total_34;
    }
    __syncthreads();
    const float part_65 = total32[0];
    const float part_66 = total33[0];
    float base_33;
    float base_34;
    const float next_433 = part_65;
    const float next_434 = part_66;
    base_33 = next_433;
    base_34 = next_434;
    float all_33;
    float all_34;
    const float next_435 = part_65;
    const float next_436 = part_66;
    all_33 = next_435;
    all_34 = next_436;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_67 = total32[i + 1];
        const float part_68 = total33[i + 1];
        const float c_548 = base_33 * part_67;
        const float c_550 = (base_34 * part_67) + part_68;
        const float next_437 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_548 : base_33;
        const float next_438 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_550 : base_34;
        base_33 = next_437;
        base_34 = next_438;
        const float c_551 = all_33 * part_67;
        const float c_553 = (all_34 * part_67) + part_68;
        const float next_439 = c_551;
        const float next_440 = c_553;
        all_33 = next_439;
        all_34 = next_440;
    }
    const float c_554 = base_33 * below_33;
    const float c_556 = (base_34 * below_33) + below_34;
    const float before_33 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_17 >= 1) ? c_554 : base_33) : below_33;
    const float before_34 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_17 >= 1) ? c_556 : base_34) : below_34;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_33 = running_49[i];
        const float own_34 = running_50[i];
        const float c_557 = before_33 * own_33;
        const float c_559 = (before_34 * own_33) + own_34;
        running_49[i] = ((lane_17 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_557 : own_33;
        running_50[i] = ((lane_17 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_559 : own_34;
    }
    const float next_441 = all_33;
    const float next_442 = all_34;
    carry_17 = next_441;
    carry_18 = next_442;
    const float next_443 = exp_x_9[4];
    const float next_444 = product_20[4];
    sum_17 = next_443;
    sum_18 = next_444;
    running_49[4] = sum_17;
    running_50[4] = sum_18;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_560 = sum_17 * exp_x_9[4 + (i + 1)];
        const float c_562 = (sum_18 * exp_x_9[4 + (i + 1)]) + product_20[4 + (i + 1)];
        const float next_445 = c_560;
        const float next_446 = c_562;
        sum_17 = next_445;
        sum_18 = next_446;
        running_49[4 + (i + 1)] = sum_17;
        running_50[4 + (i + 1)] = sum_18;
    }
    const int lane_18 = (int)(threadIdx.x & 31) & 31;
    float running_53;
    float running_54;
    const float next_447 = sum_17;
    const float next_448 = sum_18;
    running_53 = next_447;
    running_54 = next_448;
    const float other_171 = __shfl_up_sync(0xffffffffu, running_53, 1);
    const float other_172 = __shfl_up_sync(0xffffffffu, running_54, 1);
    const float c_563 = other_171 * running_53;
    const float c_565 = (other_172 * running_53) + running_54;
    const float next_449 = (lane_18 >= 1) ? c_563 : running_53;
    const float next_450 = (lane_18 >= 1) ? c_565 : running_54;
    running_53 = next_449;
    running_54 = next_450;
    const float other_173 = __shfl_up_sync(0xffffffffu, running_53, 2);
    const float other_174 = __shfl_up_sync(0xffffffffu, running_54, 2);
    const float c_566 = other_173 * running_53;
    const float c_568 = (other_174 * running_53) + running_54;
    const float next_451 = (lane_18 >= 2) ? c_566 : running_53;
    const float next_452 = (lane_18 >= 2) ? c_568 : running_54;
    running_53 = next_451;
    running_54 = next_452;
    const float other_175 = __shfl_up_sync(0xffffffffu, running_53, 4);
    const float other_176 = __shfl_up_sync(0xffffffffu, running_54, 4);
    const float c_569 = other_175 * running_53;
    const float c_571 = (other_176 * running_53) + running_54;
    const float next_453 = (lane_18 >= 4) ? c_569 : running_53;
    const float next_454 = (lane_18 >= 4) ? c_571 : running_54;
    running_53 = next_453;
    running_54 = next_454;
    const float other_177 = __shfl_up_sync(0xffffffffu, running_53, 8);
    const float other_178 = __shfl_up_sync(0xffffffffu, running_54, 8);
    const float c_572 = other_177 * running_53;
    const float c_574 = (other_178 * running_53) + running_54;
    const float next_455 = (lane_18 >= 8) ? c_572 : running_53;
    const float next_456 = (lane_18 >= 8) ? c_574 : running_54;
    running_53 = next_455;
    running_54 = next_456;
    const float other_179 = __shfl_up_sync(0xffffffffu, running_53, 16);
    const float other_180 = __shfl_up_sync(0xffffffffu, running_54, 16);
    const float c_575 = other_179 * running_53;
    const float c_577 = (other_180 * running_53) + running_54;
    const float next_457 = (lane_18 >= 16) ? c_575 : running_53;
    const float next_458 = (lane_18 >= 16) ? c_577 : running_54;
    running_53 = next_457;
    running_54 = next_458;
    const float below_35 = __shfl_up_sync(0xffffffffu, running_53, 1);
    const float below_36 = __shfl_up_sync(0xffffffffu, running_54, 1);
    const float total_35 = __shfl_sync(0xffffffffu, running_53, (threadIdx.x & 31) | 31);
    const float total_36 = __shfl_sync(0xffffffffu, running_54, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total34[(int)(threadIdx.x >> 5)] = total_35;
        total35[(int)(threadIdx.x >> 5)] = total_36;
    }
    __syncthreads();
    const float part_69 = total34[0];
    const float part_70 = total35[0];
    float base_35;
    float base_36;
    const float next_459 = part_69;
    const float next_460 = part_70;
    base_35 = next_459;
    base_36 = next_460;
    float all_35;
    float all_36;
    const float next_461 = part_69;
    const float next_462 = part_70;
    all_35 = next_461;
    all_36 = next_462;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_71 = total34[i + 1];
        const float part_72 = total35[i + 1];
        const float c_578 = base_35 * part_71;
        const float c_580 = (base_36 * part_71) + part_72;
        const float next_463 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_578 : base_35;
        const float next_464 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_580 : base_36;
        base_35 = next_463;
        base_36 = next_464;
        const float c_581 = all_35 * part_71;
        const float c_583 = (all_36 * part_71) + part_72;
        const float next_465 = c_581;
        const float next_466 = c_583;
        all_35 = next_465;
        all_36 = next_466;
    }
    const float c_584 = base_35 * below_35;
    const float c_586 = (base_36 * below_35) + below_36;
    const float c_587 = carry_17 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_18 >= 1) ? c_584 : base_35) : below_35);
    const float c_589 = (carry_18 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_18 >= 1) ? c_584 : base_35) : below_35)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_18 >= 1) ? c_586 : base_36) : below_36);
    const float before_35 = ((lane_18 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_587 : carry_17;
    const float before_36 = ((lane_18 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_589 : carry_18;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_35 = running_49[4 + i];
        const float own_36 = running_50[4 + i];
        const float c_590 = before_35 * own_35;
        const float c_592 = (before_36 * own_35) + own_36;
        running_49[4 + i] = c_590;
        running_50[4 + i] = c_592;
    }
    const float c_593 = carry_17 * all_35;
    const float c_595 = (carry_18 * all_35) + all_36;
    const float next_467 = c_593;
    const float next_468 = c_595;
    carry_17 = next_467;
    carry_18 = next_468;
    float fma_x_9[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_9[i] = fma(running_50[i], c_in_9[i], fma_x_8[i]);
    }
    const float a_in_10 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(9)];
    float b_in_10[8];
    float c_in_10[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(9) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_10[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(9) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_10[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_10[8];
    float product_22[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_21 = softplus_x[i] * a_in_10;
        exp_x_10[i] = expf(product_21);
        product_22[i] = product[i] * b_in_10[i];
    }
    float running_55[8];
    float running_56[8];
    float carry_19;
    float carry_20;
    float sum_19;
    float sum_20;
    const float next_469 = exp_x_10[0];
    const float next_470 = product_22[0];
    sum_19 = next_469;
    sum_20 = next_470;
    running_55[0] = sum_19;
    running_56[0] = sum_20;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_596 = sum_19 * exp_x_10[i + 1];
        const float c_598 = (sum_20 * exp_x_10[i + 1]) + product_22[i + 1];
        const float next_471 = c_596;
        const float next_472 = c_598;
        sum_19 = next_471;
        sum_20 = next_472;
        running_55[i + 1] = sum_19;
        running_56[i + 1] = sum_20;
    }
    const int lane_19 = (int)(threadIdx.x & 31) & 31;
    float running_57;
    float running_58;
    const float next_473 = sum_19;
    const float next_474 = sum_20;
    running_57 = next_473;
    running_58 = next_474;
    const float other_181 = __shfl_up_sync(0xffffffffu, running_57, 1);
    const float other_182 = __shfl_up_sync(0xffffffffu, running_58, 1);
    const float c_599 = other_181 * running_57;
    const float c_601 = (other_182 * running_57) + running_58;
    const float next_475 = (lane_19 >= 1) ? c_599 : running_57;
    const float next_476 = (lane_19 >= 1) ? c_601 : running_58;
    running_57 = next_475;
    running_58 = next_476;
    const float other_183 = __shfl_up_sync(0xffffffffu, running_57, 2);
    const float other_184 = __shfl_up_sync(0xffffffffu, running_58, 2);
    const float c_602 = other_183 * running_57;
    const float c_604 = (other_184 * running_57) + running_58;
    const float next_477 = (lane_19 >= 2) ? c_602 : running_57;
    const float next_478 = (lane_19 >= 2) ? c_604 : running_58;
    running_57 = next_477;
    running_58 = next_478;
    const float other_185 = __shfl_up_sync(0xffffffffu, running_57, 4);
    const float other_186 = __shfl_up_sync(0xffffffffu, running_58, 4);
    const float c_605 = other_185 * running_57;
    const float c_607 = (other_186 * running_57) + running_58;
    const float next_479 = (lane_19 >= 4) ? c_605 : running_57;
    const float next_480 = (lane_19 >= 4) ? c_607 : running_58;
    running_57 = next_479;
    running_58 = next_480;
    const float other_187 = __shfl_up_sync(0xffffffffu, running_57, 8);
    const float other_188 = __shfl_up_sync(0xffffffffu, running_58, 8);
    const float c_608 = other_187 * running_57;
    const float c_610 = (other_188 * running_57) + running_58;
    const float next_481 = (lane_19 >= 8) ? c_608 : running_57;
    const float next_482 = (lane_19 >= 8) ? c_610 : running_58;
    running_57 = next_481;
    running_58 = next_482;
    const float other_189 = __shfl_up_sync(0xffffffffu, running_57, 16);
    const float other_190 = __shfl_up_sync(0xffffffffu, running_58, 16);
    const float c_611 = other_189 * running_57;
    const float c_613 = (other_190 * running_57) + running_58;
    const float next_483 = (lane_19 >= 16) ? c_611 : running_57;
    const float next_484 = (lane_19 >= 16) ? c_613 : running_58;
    running_57 = next_483;
    running_58 = next_484;
    const float below_37 = __shfl_up_sync(0xffffffffu, running_57, 1);
    const float below_38 = __shfl_up_sync(0xffffffffu, running_58, 1);
    const float total_37 = __shfl_sync(0xffffffffu, running_57, (threadIdx.x & 31) | 31);
    const float total_38 = __shfl_sync(0xffffffffu, running_58, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total36[(int)(threadIdx.x >> 5)] = total_37;
        total37[(int)(threadIdx.x >> 5)] = total_38;
    }
    __syncthreads();
    const float part_73 = total36[0];
    const float part_74 = total37[0];
    float base_37;
    float base_38;
    const float next_485 = part_73;
    const float next_486 = part_74;
    base_37 = next_485;
    base_38 = next_486;
    float all_37;
    float all_38;
    const float next_487 = part_73;
    const float next_488 = part_74;
    all_37 = next_487;
    all_38 = next_488;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_75 = total36[i + 1];
        const float part_76 = total37[i + 1];
        const float c_614 = base_37 * part_75;
        const float c_616 = (base_38 * part_75) + part_76;
        const float next_489 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_614 : base_37;
        const float next_490 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_616 : base_38;
        base_37 = next_489;
        base_38 = next_490;
        const float c_617 = all_37 * part_75;
        const float c_619 = (all_38 * part_75) + part_76;
        const float next_491 = c_617;
        const float next_492 = c_619;
        all_37 = next_491;
        all_38 = next_492;
    }
    const float c_620 = base_37 * below_37;
    const float c_622 = (base_38 * below_37) + below_38;
    const float before_37 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_19 >= 1) ? c_620 : base_37) : below_37;
    const float before_38 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_19 >= 1) ? c_622 : base_38) : below_38;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_37 = running_55[i];
        const float own_38 = running_56[i];
        const float c_623 = before_37 * own_37;
        const float c_625 = (before_38 * own_37) + own_38;
        running_55[i] = ((lane_19 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_623 : own_37;
        running_56[i] = ((lane_19 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_625 : own_38;
    }
    const float next_493 = all_37;
    const float next_494 = all_38;
    carry_19 = next_493;
    carry_20 = next_494;
    const float next_495 = exp_x_10[4];
    const float next_496 = product_22[4];
    sum_19 = next_495;
    sum_20 = next_496;
    running_55[4] = sum_19;
    running_56[4] = sum_20;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_626 = sum_19 * exp_x_10[4 + (i + 1)];
        const float c_628 = (sum_20 * exp_x_10[4 + (i + 1)]) + product_22[4 + (i + 1)];
        const float next_497 = c_626;
        const float next_498 = c_628;
        sum_19 = next_497;
        sum_20 = next_498;
        running_55[4 + (i + 1)] = sum_19;
        running_56[4 + (i + 1)] = sum_20;
    }
    const int lane_20 = (int)(threadIdx.x & 31) & 31;
    float running_59;
    float running_60;
    const float next_499 = sum_19;
    const float next_500 = sum_20;
    running_59 = next_499;
    running_60 = next_500;
    const float other_191 = __shfl_up_sync(0xffffffffu, running_59, 1);
    const float other_192 = __shfl_up_sync(0xffffffffu, running_60, 1);
    const float c_629 = other_191 * running_59;
    const float c_631 = (other_192 * running_59) + running_60;
    const float next_501 = (lane_20 >= 1) ? c_629 : running_59;
    const float next_502 = (lane_20 >= 1) ? c_631 : running_60;
    running_59 = next_501;
    running_60 = next_502;
    const float other_193 = __shfl_up_sync(0xffffffffu, running_59, 2);
    const float other_194 = __shfl_up_sync(0xffffffffu, running_60, 2);
    const float c_632 = other_193 * running_59;
    const float c_634 = (other_194 * running_59) + running_60;
    const float next_503 = (lane_20 >= 2) ? c_632 : running_59;
    const float next_504 = (lane_20 >= 2) ? c_634 : running_60;
    running_59 = next_503;
    running_60 = next_504;
    const float other_195 = __shfl_up_sync(0xffffffffu, running_59, 4);
    const float other_196 = __shfl_up_sync(0xffffffffu, running_60, 4);
    const float c_635 = other_195 * running_59;
    const float c_637 = (other_196 * running_59) + running_60;
    const float next_505 = (lane_20 >= 4) ? c_635 : running_59;
    const float next_506 = (lane_20 >= 4) ? c_637 : running_60;
    running_59 = next_505;
    running_60 = next_506;
    const float other_197 = __shfl_up_sync(0xffffffffu, running_59, 8);
    const float other_198 = __shfl_up_sync(0xffffffffu, running_60, 8);
    const float c_638 = other_197 * running_59;
    const float c_640 = (other_198 * running_59) + running_60;
    const float next_507 = (lane_20 >= 8) ? c_638 : running_59;
    const float next_508 = (lane_20 >= 8) ? c_640 : running_60;
    running_59 = next_507;
    running_60 = next_508;
    const float other_199 = __shfl_up_sync(0xffffffffu, running_59, 16);
    const float other_200 = __shfl_up_sync(0xffffffffu, running_60, 16);
    const float c_641 = other_199 * running_59;
    const float c_643 = (other_200 * running_59) + running_60;
    const float next_509 = (lane_20 >= 16) ? c_641 : running_59;
    const float next_510 = (lane_20 >= 16) ? c_643 : running_60;
    running_59 = next_509;
    running_60 = next_510;
    const float below_39 = __shfl_up_sync(0xffffffffu, running_59, 1);
    const float below_40 = __shfl_up_sync(0xffffffffu, running_60, 1);
    const float total_39 = __shfl_sync(0xffffffffu, running_59, (threadIdx.x & 31) | 31);
    const float total_40 = __shfl_sync(0xffffffffu, running_60, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total38[(int)(threadIdx.x >> 5)] = total_39;
        total39[(int)(threadIdx.x >> 5)] = total_40;
    }
    __syncthreads();
    const float part_77 = total38[0];
    const float part_78 = total39[0];
    float base_39;
    float base_40;
    const float next_511 = part_77;
    const float next_512 = part_78;
    base_39 = next_511;
    base_40 = next_512;
    float all_39;
    float all_40;
    const float next_513 = part_77;
    const float next_514 = part_78;
    all_39 = next_513;
    all_40 = next_514;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_79 = total38[i + 1];
        const float part_80 = total39[i + 1];
        const float c_644 = base_39 * part_79;
        const float c_646 = (base_40 * part_79) + part_80;
        const float next_515 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_644 : base_39;
        const float next_516 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_646 : base_40;
        base_39 = next_515;
        base_40 = next_516;
        const float c_647 = all_39 * part_79;
        const float c_649 = (all_40 * part_79) + part_80;
        const float next_517 = c_647;
        const float next_518 = c_649;
        all_39 = next_517;
        all_40 = next_518;
    }
    const float c_650 = base_39 * below_39;
    const float c_652 = (base_40 * below_39) + below_40;
    const float c_653 = carry_19 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_20 >= 1) ? c_650 : base_39) : below_39);
    const float c_655 = (carry_20 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_20 >= 1) ? c_650 : base_39) : below_39)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_20 >= 1) ? c_652 : base_40) : below_40);
    const float before_39 = ((lane_20 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_653 : carry_19;
    const float before_40 = ((lane_20 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_655 : carry_20;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_39 = running_55[4 + i];
        const float own_40 = running_56[4 + i];
        const float c_656 = before_39 * own_39;
        const float c_658 = (before_40 * own_39) + own_40;
        running_55[4 + i] = c_656;
        running_56[4 + i] = c_658;
    }
    const float c_659 = carry_19 * all_39;
    const float c_661 = (carry_20 * all_39) + all_40;
    const float next_519 = c_659;
    const float next_520 = c_661;
    carry_19 = next_519;
    carry_20 = next_520;
    float fma_x_10[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_10[i] = fma(running_56[i], c_in_10[i], fma_x_9[i]);
    }
    const float a_in_11 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(10)];
    float b_in_11[8];
    float c_in_11[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(10) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_11[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(10) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_11[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_11[8];
    float product_24[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_23 = softplus_x[i] * a_in_11;
        exp_x_11[i] = expf(product_23);
        product_24[i] = product[i] * b_in_11[i];
    }
    float running_61[8];
    float running_62[8];
    float carry_21;
    float carry_22;
    float sum_21;
    float sum_22;
    const float next_521 = exp_x_11[0];
    const float next_522 = product_24[0];
    sum_21 = next_521;
    sum_22 = next_522;
    running_61[0] = sum_21;
    running_62[0] = sum_22;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_662 = sum_21 * exp_x_11[i + 1];
        const float c_664 = (sum_22 * exp_x_11[i + 1]) + product_24[i + 1];
        const float next_523 = c_662;
        const float next_524 = c_664;
        sum_21 = next_523;
        sum_22 = next_524;
        running_61[i + 1] = sum_21;
        running_62[i + 1] = sum_22;
    }
    const int lane_21 = (int)(threadIdx.x & 31) & 31;
    float running_63;
    float running_64;
    const float next_525 = sum_21;
    const float next_526 = sum_22;
    running_63 = next_525;
    running_64 = next_526;
    const float other_201 = __shfl_up_sync(0xffffffffu, running_63, 1);
    const float other_202 = __shfl_up_sync(0xffffffffu, running_64, 1);
    const float c_665 = other_201 * running_63;
    const float c_667 = (other_202 * running_63) + running_64;
    const float next_527 = (lane_21 >= 1) ? c_665 : running_63;
    const float next_528 = (lane_21 >= 1) ? c_667 : running_64;
    running_63 = next_527;
    running_64 = next_528;
    const float other_203 = __shfl_up_sync(0xffffffffu, running_63, 2);
    const float other_204 = __shfl_up_sync(0xffffffffu, running_64, 2);
    const float c_668 = other_203 * running_63;
    const float c_670 = (other_204 * running_63) + running_64;
    const float next_529 = (lane_21 >= 2) ? c_668 : running_63;
    const float next_530 = (lane_21 >= 2) ? c_670 : running_64;
    running_63 = next_529;
    running_64 = next_530;
    const float other_205 = __shfl_up_sync(0xffffffffu, running_63, 4);
    const float other_206 = __shfl_up_sync(0xffffffffu, running_64, 4);
    const float c_671 = other_205 * running_63;
    const float c_673 = (other_206 * running_63) + running_64;
    const float next_531 = (lane_21 >= 4) ? c_671 : running_63;
    const float next_532 = (lane_21 >= 4) ? c_673 : running_64;
    running_63 = next_531;
    running_64 = next_532;
    const float other_207 = __shfl_up_sync(0xffffffffu, running_63, 8);
    const float other_208 = __shfl_up_sync(0xffffffffu, running_64, 8);
    const float c_674 = other_207 * running_63;
    const float c_676 = (other_208 * running_63) + running_64;
    const float next_533 = (lane_21 >= 8) ? c_674 : running_63;
    const float next_534 = (lane_21 >= 8) ? c_676 : running_64;
    running_63 = next_533;
    running_64 = next_534;
    const float other_209 = __shfl_up_sync(0xffffffffu, running_63, 16);
    const float other_210 = __shfl_up_sync(0xffffffffu, running_64, 16);
    const float c_677 = other_209 * running_63;
    const float c_679 = (other_210 * running_63) + running_64;
    const float next_535 = (lane_21 >= 16) ? c_677 : running_63;
    const float next_536 = (lane_21 >= 16) ? c_679 : running_64;
    running_63 = next_535;
    running_64 = next_536;
    const float below_41 = __shfl_up_sync(0xffffffffu, running_63, 1);
    const float below_42 = __shfl_up_sync(0xffffffffu, running_64, 1);
    const float total_41 = __shfl_sync(0xffffffffu, running_63, (threadIdx.x & 31) | 31);
    const float total_42 = __shfl_sync(0xffffffffu, running_64, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total40[(int)(threadIdx.x >> 5)] = total_41;
        total41[(int)(threadIdx.x >> 5)] = total_42;
    }
    __syncthreads();
    const float part_81 = total40[0];
    const float part_82 = total41[0];
    float base_41;
    float base_42;
    const float next_537 = part_81;
    const float next_538 = part_82;
    base_41 = next_537;
    base_42 = next_538;
    float all_41;
    float all_42;
    const float next_539 = part_81;
    const float next_540 = part_82;
    all_41 = next_539;
    all_42 = next_540;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_83 = total40[i + 1];
        const float part_84 = total41[i + 1];
        const float c_680 = base_41 * part_83;
        const float c_682 = (base_42 * part_83) + part_84;
        const float next_541 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_680 : base_41;
        const float next_542 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_682 : base_42;
        base_41 = next_541;
        base_42 = next_542;
        const float c_683 = all_41 * part_83;
        const float c_685 = (all_42 * part_83) + part_84;
        const float next_543 = c_683;
        const float next_544 = c_685;
        all_41 = next_543;
        all_42 = next_544;
    }
    const float c_686 = base_41 * below_41;
    const float c_688 = (base_42 * below_41) + below_42;
    const float before_41 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_21 >= 1) ? c_686 : base_41) : below_41;
    const float before_42 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_21 >= 1) ? c_688 : base_42) : below_42;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_41 = running_61[i];
        const float own_42 = running_62[i];
        const float c_689 = before_41 * own_41;
        const float c_691 = (before_42 * own_41) + own_42;
        running_61[i] = ((lane_21 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_689 : own_41;
        running_62[i] = ((lane_21 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_691 : own_42;
    }
    const float next_545 = all_41;
    const float next_546 = all_42;
    carry_21 = next_545;
    carry_22 = next_546;
    const float next_547 = exp_x_11[4];
    const float next_548 = product_24[4];
    sum_21 = next_547;
    sum_22 = next_548;
    running_61[4] = sum_21;
    running_62[4] = sum_22;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_692 = sum_21 * exp_x_11[4 + (i + 1)];
        const float c_694 = (sum_22 * exp_x_11[4 + (i + 1)]) + product_24[4 + (i + 1)];
        const float next_549 = c_692;
        const float next_550 = c_694;
        sum_21 = next_549;
        sum_22 = next_550;
        running_61[4 + (i + 1)] = sum_21;
        running_62[4 + (i + 1)] = sum_22;
    }
    const int lane_22 = (int)(threadIdx.x & 31) & 31;
    float running_65;
    float running_66;
    const float next_551 = sum_21;
    const float next_552 = sum_22;
    running_65 = next_551;
    running_66 = next_552;
    const float other_211 = __shfl_up_sync(0xffffffffu, running_65, 1);
    const float other_212 = __shfl_up_sync(0xffffffffu, running_66, 1);
    const float c_695 = other_211 * running_65;
    const float c_697 = (other_212 * running_65) + running_66;
    const float next_553 = (lane_22 >= 1) ? c_695 : running_65;
    const float next_554 = (lane_22 >= 1) ? c_697 : running_66;
    running_65 = next_553;
    running_66 = next_554;
    const float other_213 = __shfl_up_sync(0xffffffffu, running_65, 2);
    const float other_214 = __shfl_up_sync(0xffffffffu, running_66, 2);
    const float c_698 = other_213 * running_65;
    const float c_700 = (other_214 * running_65) + running_66;
    const float next_555 = (lane_22 >= 2) ? c_698 : running_65;
    const float next_556 = (lane_22 >= 2) ? c_700 : running_66;
    running_65 = next_555;
    running_66 = next_556;
    const float other_215 = __shfl_up_sync(0xffffffffu, running_65, 4);
    const float other_216 = __shfl_up_sync(0xffffffffu, running_66, 4);
    const float c_701 = other_215 * running_65;
    const float c_703 = (other_216 * running_65) + running_66;
    const float next_557 = (lane_22 >= 4) ? c_701 : running_65;
    const float next_558 = (lane_22 >= 4) ? c_703 : running_66;
    running_65 = next_557;
    running_66 = next_558;
    const float other_217 = __shfl_up_sync(0xffffffffu, running_65, 8);
    const float other_218 = __shfl_up_sync(0xffffffffu, running_66, 8);
    const float c_704 = other_217 * running_65;
    const float c_706 = (other_218 * running_65) + running_66;
    const float next_559 = (lane_22 >= 8) ? c_704 : running_65;
    const float next_560 = (lane_22 >= 8) ? c_706 : running_66;
    running_65 = next_559;
    running_66 = next_560;
    const float other_219 = __shfl_up_sync(0xffffffffu, running_65, 16);
    const float other_220 = __shfl_up_sync(0xffffffffu, running_66, 16);
    const float c_707 = other_219 * running_65;
    const float c_709 = (other_220 * running_65) + running_66;
    const float next_561 = (lane_22 >= 16) ? c_707 : running_65;
    const float next_562 = (lane_22 >= 16) ? c_709 : running_66;
    running_65 = next_561;
    running_66 = next_562;
    const float below_43 = __shfl_up_sync(0xffffffffu, running_65, 1);
    const float below_44 = __shfl_up_sync(0xffffffffu, running_66, 1);
    const float total_43 = __shfl_sync(0xffffffffu, running_65, (threadIdx.x & 31) | 31);
    const float total_44 = __shfl_sync(0xffffffffu, running_66, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total42[(int)(threadIdx.x >> 5)] = total_43;
        total43[(int)(threadIdx.x >> 5)] = total_44;
    }
    __syncthreads();
    const float part_85 = total42[0];
    const float part_86 = total43[0];
    float base_43;
    float base_44;
    const float next_563 = part_85;
    const float next_564 = part_86;
    base_43 = next_563;
    base_44 = next_564;
    float all_43;
    float all_44;
    const float next_565 = part_85;
    const float next_566 = part_86;
    all_43 = next_565;
    all_44 = next_566;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_87 = total42[i + 1];
        const float part_88 = total43[i + 1];
        const float c_710 = base_43 * part_87;
        const float c_712 = (base_44 * part_87) + part_88;
        const float next_567 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_710 : base_43;
        const float next_568 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_712 : base_44;
        base_43 = next_567;
        base_44 = next_568;
        const float c_713 = all_43 * part_87;
        const float c_715 = (all_44 * part_87) + part_88;
        const float next_569 = c_713;
        const float next_570 = c_715;
        all_43 = next_569;
        all_44 = next_570;
    }
    const float c_716 = base_43 * below_43;
    const float c_718 = (base_44 * below_43) + below_44;
    const float c_719 = carry_21 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_22 >= 1) ? c_716 : base_43) : below_43);
    const float c_721 = (carry_22 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_22 >= 1) ? c_716 : base_43) : below_43)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_22 >= 1) ? c_718 : base_44) : below_44);
    const float before_43 = ((lane_22 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_719 : carry_21;
    const float before_44 = ((lane_22 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_721 : carry_22;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_43 = running_61[4 + i];
        const float own_44 = running_62[4 + i];
        const float c_722 = before_43 * own_43;
        const float c_724 = (before_44 * own_43) + own_44;
        running_61[4 + i] = c_722;
        running_62[4 + i] = c_724;
    }
    const float c_725 = carry_21 * all_43;
    const float c_727 = (carry_22 * all_43) + all_44;
    const float next_571 = c_725;
    const float next_572 = c_727;
    carry_21 = next_571;
    carry_22 = next_572;
    float fma_x_11[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_11[i] = fma(running_62[i], c_in_11[i], fma_x_10[i]);
    }
    const float a_in_12 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(11)];
    float b_in_12[8];
    float c_in_12[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(11) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_12[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(11) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_12[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_12[8];
    float product_26[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_25 = softplus_x[i] * a_in_12;
        exp_x_12[i] = expf(product_25);
        product_26[i] = product[i] * b_in_12[i];
    }
    float running_67[8];
    float running_68[8];
    float carry_23;
    float carry_24;
    float sum_23;
    float sum_24;
    const float next_573 = exp_x_12[0];
    const float next_574 = product_26[0];
    sum_23 = next_573;
    sum_24 = next_574;
    running_67[0] = sum_23;
    running_68[0] = sum_24;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_728 = sum_23 * exp_x_12[i + 1];
        const float c_730 = (sum_24 * exp_x_12[i + 1]) + product_26[i + 1];
        const float next_575 = c_728;
        const float next_576 = c_730;
        sum_23 = next_575;
        sum_24 = next_576;
        running_67[i + 1] = sum_23;
        running_68[i + 1] = sum_24;
    }
    const int lane_23 = (int)(threadIdx.x & 31) & 31;
    float running_69;
    float running_70;
    const float next_577 = sum_23;
    const float next_578 = sum_24;
    running_69 = next_577;
    running_70 = next_578;
    const float other_221 = __shfl_up_sync(0xffffffffu, running_69, 1);
    const float other_222 = __shfl_up_sync(0xffffffffu, running_70, 1);
    const float c_731 = other_221 * running_69;
    const float c_733 = (other_222 * running_69) + running_70;
    const float next_579 = (lane_23 >= 1) ? c_731 : running_69;
    const float next_580 = (lane_23 >= 1) ? c_733 : running_70;
    running_69 = next_579;
    running_70 = next_580;
    const float other_223 = __shfl_up_sync(0xffffffffu, running_69, 2);
    const float other_224 = __shfl_up_sync(0xffffffffu, running_70, 2);
    const float c_734 = other_223 * running_69;
    const float c_736 = (other_224 * running_69) + running_70;
    const float next_581 = (lane_23 >= 2) ? c_734 : running_69;
    const float next_582 = (lane_23 >= 2) ? c_736 : running_70;
    running_69 = next_581;
    running_70 = next_582;
    const float other_225 = __shfl_up_sync(0xffffffffu, running_69, 4);
    const float other_226 = __shfl_up_sync(0xffffffffu, running_70, 4);
    const float c_737 = other_225 * running_69;
    const float c_739 = (other_226 * running_69) + running_70;
    const float next_583 = (lane_23 >= 4) ? c_737 : running_69;
    const float next_584 = (lane_23 >= 4) ? c_739 : running_70;
    running_69 = next_583;
    running_70 = next_584;
    const float other_227 = __shfl_up_sync(0xffffffffu, running_69, 8);
    const float other_228 = __shfl_up_sync(0xffffffffu, running_70, 8);
    const float c_740 = other_227 * running_69;
    const float c_742 = (other_228 * running_69) + running_70;
    const float next_585 = (lane_23 >= 8) ? c_740 : running_69;
    const float next_586 = (lane_23 >= 8) ? c_742 : running_70;
    running_69 = next_585;
    running_70 = next_586;
    const float other_229 = __shfl_up_sync(0xffffffffu, running_69, 16);
    const float other_230 = __shfl_up_sync(0xffffffffu, running_70, 16);
    const float c_743 = other_229 * running_69;
    const float c_745 = (other_230 * running_69) + running_70;
    const float next_587 = (lane_23 >= 16) ? c_743 : running_69;
    const float next_588 = (lane_23 >= 16) ? c_745 : running_70;
    running_69 = next_587;
    running_70 = next_588;
    const float below_45 = __shfl_up_sync(0xffffffffu, running_69, 1);
    const float below_46 = __shfl_up_sync(0xffffffffu, running_70, 1);
    const float total_45 = __shfl_sync(0xffffffffu, running_69, (threadIdx.x & 31) | 31);
    const float total_46 = __shfl_sync(0xffffffffu, running_70, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total44[(int)(threadIdx.x >> 5)] = total_45;
        total45[(int)(threadIdx.x >> 5)] = total_46;
    }
    __syncthreads();
    const float part_89 = total44[0];
    const float part_90 = total45[0];
    float base_45;
    float base_46;
    const float next_589 = part_89;
    const float next_590 = part_90;
    base_45 = next_589;
    base_46 = next_590;
    float all_45;
    float all_46;
    const float next_591 = part_89;
    const float next_592 = part_90;
    all_45 = next_591;
    all_46 = next_592;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_91 = total44[i + 1];
        const float part_92 = total45[i + 1];
        const float c_746 = base_45 * part_91;
        const float c_748 = (base_46 * part_91) + part_92;
        const float next_593 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_746 : base_45;
        const float next_594 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_748 : base_46;
        base_45 = next_593;
        base_46 = next_594;
        const float c_749 = all_45 * part_91;
        const float c_751 = (all_46 * part_91) + part_92;
        const float next_595 = c_749;
        const float next_596 = c_751;
        all_45 = next_595;
        all_46 = next_596;
    }
    const float c_752 = base_45 * below_45;
    const float c_754 = (base_46 * below_45) + below_46;
    const float before_45 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_23 >= 1) ? c_752 : base_45) : below_45;
    const float before_46 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_23 >= 1) ? c_754 : base_46) : below_46;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_45 = running_67[i];
        const float own_46 = running_68[i];
        const float c_755 = before_45 * own_45;
        const float c_757 = (before_46 * own_45) + own_46;
        running_67[i] = ((lane_23 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_755 : own_45;
        running_68[i] = ((lane_23 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_757 : own_46;
    }
    const float next_597 = all_45;
    const float next_598 = all_46;
    carry_23 = next_597;
    carry_24 = next_598;
    const float next_599 = exp_x_12[4];
    const float next_600 = product_26[4];
    sum_23 = next_599;
    sum_24 = next_600;
    running_67[4] = sum_23;
    running_68[4] = sum_24;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_758 = sum_23 * exp_x_12[4 + (i + 1)];
        const float c_760 = (sum_24 * exp_x_12[4 + (i + 1)]) + product_26[4 + (i + 1)];
        const float next_601 = c_758;
        const float next_602 = c_760;
        sum_23 = next_601;
        sum_24 = next_602;
        running_67[4 + (i + 1)] = sum_23;
        running_68[4 + (i + 1)] = sum_24;
    }
    const int lane_24 = (int)(threadIdx.x & 31) & 31;
    float running_71;
    float running_72;
    const float next_603 = sum_23;
    const float next_604 = sum_24;
    running_71 = next_603;
    running_72 = next_604;
    const float other_231 = __shfl_up_sync(0xffffffffu, running_71, 1);
    const float other_232 = __shfl_up_sync(0xffffffffu, running_72, 1);
    const float c_761 = other_231 * running_71;
    const float c_763 = (other_232 * running_71) + running_72;
    const float next_605 = (lane_24 >= 1) ? c_761 : running_71;
    const float next_606 = (lane_24 >= 1) ? c_763 : running_72;
    running_71 = next_605;
    running_72 = next_606;
    const float other_233 = __shfl_up_sync(0xffffffffu, running_71, 2);
    const float other_234 = __shfl_up_sync(0xffffffffu, running_72, 2);
    const float c_764 = other_233 * running_71;
    const float c_766 = (other_234 * running_71) + running_72;
    const float next_607 = (lane_24 >= 2) ? c_764 : running_71;
    const float next_608 = (lane_24 >= 2) ? c_766 : running_72;
    running_71 = next_607;
    running_72 = next_608;
    const float other_235 = __shfl_up_sync(0xffffffffu, running_71, 4);
    const float other_236 = __shfl_up_sync(0xffffffffu, running_72, 4);
    const float c_767 = other_235 * running_71;
    const float c_769 = (other_236 * running_71) + running_72;
    const float next_609 = (lane_24 >= 4) ? c_767 : running_71;
    const float next_610 = (lane_24 >= 4) ? c_769 : running_72;
    running_71 = next_609;
    running_72 = next_610;
    const float other_237 = __shfl_up_sync(0xffffffffu, running_71, 8);
    const float other_238 = __shfl_up_sync(0xffffffffu, running_72, 8);
    const float c_770 = other_237 * running_71;
    const float c_772 = (other_238 * running_71) + running_72;
    const float next_611 = (lane_24 >= 8) ? c_770 : running_71;
    const float next_612 = (lane_24 >= 8) ? c_772 : running_72;
    running_71 = next_611;
    running_72 = next_612;
    const float other_239 = __shfl_up_sync(0xffffffffu, running_71, 16);
    const float other_240 = __shfl_up_sync(0xffffffffu, running_72, 16);
    const float c_773 = other_239 * running_71;
    const float c_775 = (other_240 * running_71) + running_72;
    const float next_613 = (lane_24 >= 16) ? c_773 : running_71;
    const float next_614 = (lane_24 >= 16) ? c_775 : running_72;
    running_71 = next_613;
    running_72 = next_614;
    const float below_47 = __shfl_up_sync(0xffffffffu, running_71, 1);
    const float below_48 = __shfl_up_sync(0xffffffffu, running_72, 1);
    const float total_47 = __shfl_sync(0xffffffffu, running_71, (threadIdx.x & 31) | 31);
    const float total_48 = __shfl_sync(0xffffffffu, running_72, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total46[(int)(threadIdx.x >> 5)] = total_47;
        total47[(int)(threadIdx.x >> 5)] = total_48;
    }
    __syncthreads();
    const float part_93 = total46[0];
    const float part_94 = total47[0];
    float base_47;
    float base_48;
    const float next_615 = part_93;
    const float next_616 = part_94;
    base_47 = next_615;
    base_48 = next_616;
    float all_47;
    float all_48;
    const float next_617 = part_93;
    const float next_618 = part_94;
    all_47 = next_617;
    all_48 = next_618;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_95 = total46[i + 1];
        const float part_96 = total47[i + 1];
        const float c_776 = base_47 * part_95;
        const float c_778 = (base_48 * part_95) + part_96;
        const float next_619 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_776 : base_47;
        const float next_620 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_778 : base_48;
        base_47 = next_619;
        base_48 = next_620;
        const float c_779 = all_47 * part_95;
        const float c_781 = (all_48 * part_95) + part_96;
        const float next_621 = c_779;
        const float next_622 = c_781;
        all_47 = next_621;
        all_48 = next_622;
    }
    const float c_782 = base_47 * below_47;
    const float c_784 = (base_48 * below_47) + below_48;
    const float c_785 = carry_23 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_24 >= 1) ? c_782 : base_47) : below_47);
    const float c_787 = (carry_24 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_24 >= 1) ? c_782 : base_47) : below_47)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_24 >= 1) ? c_784 : base_48) : below_48);
    const float before_47 = ((lane_24 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_785 : carry_23;
    const float before_48 = ((lane_24 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_787 : carry_24;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_47 = running_67[4 + i];
        const float own_48 = running_68[4 + i];
        const float c_788 = before_47 * own_47;
        const float c_790 = (before_48 * own_47) + own_48;
        running_67[4 + i] = c_788;
        running_68[4 + i] = c_790;
    }
    const float c_791 = carry_23 * all_47;
    const float c_793 = (carry_24 * all_47) + all_48;
    const float next_623 = c_791;
    const float next_624 = c_793;
    carry_23 = next_623;
    carry_24 = next_624;
    float fma_x_12[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_12[i] = fma(running_68[i], c_in_12[i], fma_x_11[i]);
    }
    const float a_in_13 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(12)];
    float b_in_13[8];
    float c_in_13[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(12) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_13[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(12) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_13[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_13[8];
    float product_28[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_27 = softplus_x[i] * a_in_13;
        exp_x_13[i] = expf(product_27);
        product_28[i] = product[i] * b_in_13[i];
    }
    float running_73[8];
    float running_74[8];
    float carry_25;
    float carry_26;
    float sum_25;
    float sum_26;
    const float next_625 = exp_x_13[0];
    const float next_626 = product_28[0];
    sum_25 = next_625;
    sum_26 = next_626;
    running_73[0] = sum_25;
    running_74[0] = sum_26;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_794 = sum_25 * exp_x_13[i + 1];
        const float c_796 = (sum_26 * exp_x_13[i + 1]) + product_28[i + 1];
        const float next_627 = c_794;
        const float next_628 = c_796;
        sum_25 = next_627;
        sum_26 = next_628;
        running_73[i + 1] = sum_25;
        running_74[i + 1] = sum_26;
    }
    const int lane_25 = (int)(threadIdx.x & 31) & 31;
    float running_75;
    float running_76;
    const float next_629 = sum_25;
    const float next_630 = sum_26;
    running_75 = next_629;
    running_76 = next_630;
    const float other_241 = __shfl_up_sync(0xffffffffu, running_75, 1);
    const float other_242 = __shfl_up_sync(0xffffffffu, running_76, 1);
    const float c_797 = other_241 * running_75;
    const float c_799 = (other_242 * running_75) + running_76;
    const float next_631 = (lane_25 >= 1) ? c_797 : running_75;
    const float next_632 = (lane_25 >= 1) ? c_799 : running_76;
    running_75 = next_631;
    running_76 = next_632;
    const float other_243 = __shfl_up_sync(0xffffffffu, running_75, 2);
    const float other_244 = __shfl_up_sync(0xffffffffu, running_76, 2);
    const float c_800 = other_243 * running_75;
    const float c_802 = (other_244 * running_75) + running_76;
    const float next_633 = (lane_25 >= 2) ? c_800 : running_75;
    const float next_634 = (lane_25 >= 2) ? c_802 : running_76;
    running_75 = next_633;
    running_76 = next_634;
    const float other_245 = __shfl_up_sync(0xffffffffu, running_75, 4);
    const float other_246 = __shfl_up_sync(0xffffffffu, running_76, 4);
    const float c_803 = other_245 * running_75;
    const float c_805 = (other_246 * running_75) + running_76;
    const float next_635 = (lane_25 >= 4) ? c_803 : running_75;
    const float next_636 = (lane_25 >= 4) ? c_805 : running_76;
    running_75 = next_635;
    running_76 = next_636;
    const float other_247 = __shfl_up_sync(0xffffffffu, running_75, 8);
    const float other_248 = __shfl_up_sync(0xffffffffu, running_76, 8);
    const float c_806 = other_247 * running_75;
    const float c_808 = (other_248 * running_75) + running_76;
    const float next_637 = (lane_25 >= 8) ? c_806 : running_75;
    const float next_638 = (lane_25 >= 8) ? c_808 : running_76;
    running_75 = next_637;
    running_76 = next_638;
    const float other_249 = __shfl_up_sync(0xffffffffu, running_75, 16);
    const float other_250 = __shfl_up_sync(0xffffffffu, running_76, 16);
    const float c_809 = other_249 * running_75;
    const float c_811 = (other_250 * running_75) + running_76;
    const float next_639 = (lane_25 >= 16) ? c_809 : running_75;
    const float next_640 = (lane_25 >= 16) ? c_811 : running_76;
    running_75 = next_639;
    running_76 = next_640;
    const float below_49 = __shfl_up_sync(0xffffffffu, running_75, 1);
    const float below_50 = __shfl_up_sync(0xffffffffu, running_76, 1);
    const float total_49 = __shfl_sync(0xffffffffu, running_75, (threadIdx.x & 31) | 31);
    const float total_50 = __shfl_sync(0xffffffffu, running_76, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total48[(int)(threadIdx.x >> 5)] = total_49;
        total49[(int)(threadIdx.x >> 5)] = total_50;
    }
    __syncthreads();
    const float part_97 = total48[0];
    const float part_98 = total49[0];
    float base_49;
    float base_50;
    const float next_641 = part_97;
    const float next_642 = part_98;
    base_49 = next_641;
    base_50 = next_642;
    float all_49;
    float all_50;
    const float next_643 = part_97;
    const float next_644 = part_98;
    all_49 = next_643;
    all_50 = next_644;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_99 = total48[i + 1];
        const float part_100 = total49[i + 1];
        const float c_812 = base_49 * part_99;
        const float c_814 = (base_50 * part_99) + part_100;
        const float next_645 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_812 : base_49;
        const float next_646 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_814 : base_50;
        base_49 = next_645;
        base_50 = next_646;
        const float c_815 = all_49 * part_99;
        const float c_817 = (all_50 * part_99) + part_100;
        const float next_647 = c_815;
        const float next_648 = c_817;
        all_49 = next_647;
        all_50 = next_648;
    }
    const float c_818 = base_49 * below_49;
    const float c_820 = (base_50 * below_49) + below_50;
    const float before_49 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_25 >= 1) ? c_818 : base_49) : below_49;
    const float before_50 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_25 >= 1) ? c_820 : base_50) : below_50;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_49 = running_73[i];
        const float own_50 = running_74[i];
        const float c_821 = before_49 * own_49;
        const float c_823 = (before_50 * own_49) + own_50;
        running_73[i] = ((lane_25 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_821 : own_49;
        running_74[i] = ((lane_25 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_823 : own_50;
    }
    const float next_649 = all_49;
    const float next_650 = all_50;
    carry_25 = next_649;
    carry_26 = next_650;
    const float next_651 = exp_x_13[4];
    const float next_652 = product_28[4];
    sum_25 = next_651;
    sum_26 = next_652;
    running_73[4] = sum_25;
    running_74[4] = sum_26;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_824 = sum_25 * exp_x_13[4 + (i + 1)];
        const float c_826 = (sum_26 * exp_x_13[4 + (i + 1)]) + product_28[4 + (i + 1)];
        const float next_653 = c_824;
        const float next_654 = c_826;
        sum_25 = next_653;
        sum_26 = next_654;
        running_73[4 + (i + 1)] = sum_25;
        running_74[4 + (i + 1)] = sum_26;
    }
    const int lane_26 = (int)(threadIdx.x & 31) & 31;
    float running_77;
    float running_78;
    const float next_655 = sum_25;
    const float next_656 = sum_26;
    running_77 = next_655;
    running_78 = next_656;
    const float other_251 = __shfl_up_sync(0xffffffffu, running_77, 1);
    const float other_252 = __shfl_up_sync(0xffffffffu, running_78, 1);
    const float c_827 = other_251 * running_77;
    const float c_829 = (other_252 * running_77) + running_78;
    const float next_657 = (lane_26 >= 1) ? c_827 : running_77;
    const float next_658 = (lane_26 >= 1) ? c_829 : running_78;
    running_77 = next_657;
    running_78 = next_658;
    const float other_253 = __shfl_up_sync(0xffffffffu, running_77, 2);
    const float other_254 = __shfl_up_sync(0xffffffffu, running_78, 2);
    const float c_830 = other_253 * running_77;
    const float c_832 = (other_254 * running_77) + running_78;
    const float next_659 = (lane_26 >= 2) ? c_830 : running_77;
    const float next_660 = (lane_26 >= 2) ? c_832 : running_78;
    running_77 = next_659;
    running_78 = next_660;
    const float other_255 = __shfl_up_sync(0xffffffffu, running_77, 4);
    const float other_256 = __shfl_up_sync(0xffffffffu, running_78, 4);
    const float c_833 = other_255 * running_77;
    const float c_835 = (other_256 * running_77) + running_78;
    const float next_661 = (lane_26 >= 4) ? c_833 : running_77;
    const float next_662 = (lane_26 >= 4) ? c_835 : running_78;
    running_77 = next_661;
    running_78 = next_662;
    const float other_257 = __shfl_up_sync(0xffffffffu, running_77, 8);
    const float other_258 = __shfl_up_sync(0xffffffffu, running_78, 8);
    const float c_836 = other_257 * running_77;
    const float c_838 = (other_258 * running_77) + running_78;
    const float next_663 = (lane_26 >= 8) ? c_836 : running_77;
    const float next_664 = (lane_26 >= 8) ? c_838 : running_78;
    running_77 = next_663;
    running_78 = next_664;
    const float other_259 = __shfl_up_sync(0xffffffffu, running_77, 16);
    const float other_260 = __shfl_up_sync(0xffffffffu, running_78, 16);
    const float c_839 = other_259 * running_77;
    const float c_841 = (other_260 * running_77) + running_78;
    const float next_665 = (lane_26 >= 16) ? c_839 : running_77;
    const float next_666 = (lane_26 >= 16) ? c_841 : running_78;
    running_77 = next_665;
    running_78 = next_666;
    const float below_51 = __shfl_up_sync(0xffffffffu, running_77, 1);
    const float below_52 = __shfl_up_sync(0xffffffffu, running_78, 1);
    const float total_51 = __shfl_sync(0xffffffffu, running_77, (threadIdx.x & 31) | 31);
    const float total_52 = __shfl_sync(0xffffffffu, running_78, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total50[(int)(threadIdx.x >> 5)] = total_51;
        total51[(int)(threadIdx.x >> 5)] = total_52;
    }
    __syncthreads();
    const float part_101 = total50[0];
    const float part_102 = total51[0];
    float base_51;
    float base_52;
    const float next_667 = part_101;
    const float next_668 = part_102;
    base_51 = next_667;
    base_52 = next_668;
    float all_51;
    float all_52;
    const float next_669 = part_101;
    const float next_670 = part_102;
    all_51 = next_669;
    all_52 = next_670;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_103 = total50[i + 1];
        const float part_104 = total51[i + 1];
        const float c_842 = base_51 * part_103;
        const float c_844 = (base_52 * part_103) + part_104;
        const float next_671 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_842 : base_51;
        const float next_672 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_844 : base_52;
        base_51 = next_671;
        base_52 = next_672;
        const float c_845 = all_51 * part_103;
        const float c_847 = (all_52 * part_103) + part_104;
        const float next_673 = c_845;
        const float next_674 = c_847;
        all_51 = next_673;
        all_52 = next_674;
    }
    const float c_848 = base_51 * below_51;
    const float c_850 = (base_52 * below_51) + below_52;
    const float c_851 = carry_25 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_26 >= 1) ? c_848 : base_51) : below_51);
    const float c_853 = (carry_26 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_26 >= 1) ? c_848 : base_51) : below_51)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_26 >= 1) ? c_850 : base_52) : below_52);
    const float before_51 = ((lane_26 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_851 : carry_25;
    const float before_52 = ((lane_26 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_853 : carry_26;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_51 = running_73[4 + i];
        const float own_52 = running_74[4 + i];
        const float c_854 = before_51 * own_51;
        const float c_856 = (before_52 * own_51) + own_52;
        running_73[4 + i] = c_854;
        running_74[4 + i] = c_856;
    }
    const float c_857 = carry_25 * all_51;
    const float c_859 = (carry_26 * all_51) + all_52;
    const float next_675 = c_857;
    const float next_676 = c_859;
    carry_25 = next_675;
    carry_26 = next_676;
    float fma_x_13[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_13[i] = fma(running_74[i], c_in_13[i], fma_x_12[i]);
    }
    const float a_in_14 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(13)];
    float b_in_14[8];
    float c_in_14[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(13) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_14[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(13) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_14[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_14[8];
    float product_30[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_29 = softplus_x[i] * a_in_14;
        exp_x_14[i] = expf(product_29);
        product_30[i] = product[i] * b_in_14[i];
    }
    float running_79[8];
    float running_80[8];
    float carry_27;
    float carry_28;
    float sum_27;
    float sum_28;
    const float next_677 = exp_x_14[0];
    const float next_678 = product_30[0];
    sum_27 = next_677;
    sum_28 = next_678;
    running_79[0] = sum_27;
    running_80[0] = sum_28;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_860 = sum_27 * exp_x_14[i + 1];
        const float c_862 = (sum_28 * exp_x_14[i + 1]) + product_30[i + 1];
        const float next_679 = c_860;
        const float next_680 = c_862;
        sum_27 = next_679;
        sum_28 = next_680;
        running_79[i + 1] = sum_27;
        running_80[i + 1] = sum_28;
    }
    const int lane_27 = (int)(threadIdx.x & 31) & 31;
    float running_81;
    float running_82;
    const float next_681 = sum_27;
    const float next_682 = sum_28;
    running_81 = next_681;
    running_82 = next_682;
    const float other_261 = __shfl_up_sync(0xffffffffu, running_81, 1);
    const float other_262 = __shfl_up_sync(0xffffffffu, running_82, 1);
    const float c_863 = other_261 * running_81;
    const float c_865 = (other_262 * running_81) + running_82;
    const float next_683 = (lane_27 >= 1) ? c_863 : running_81;
    const float next_684 = (lane_27 >= 1) ? c_865 : running_82;
    running_81 = next_683;
    running_82 = next_684;
    const float other_263 = __shfl_up_sync(0xffffffffu, running_81, 2);
    const float other_264 = __shfl_up_sync(0xffffffffu, running_82, 2);
    const float c_866 = other_263 * running_81;
    const float c_868 = (other_264 * running_81) + running_82;
    const float next_685 = (lane_27 >= 2) ? c_866 : running_81;
    const float next_686 = (lane_27 >= 2) ? c_868 : running_82;
    running_81 = next_685;
    running_82 = next_686;
    const float other_265 = __shfl_up_sync(0xffffffffu, running_81, 4);
    const float other_266 = __shfl_up_sync(0xffffffffu, running_82, 4);
    const float c_869 = other_265 * running_81;
    const float c_871 = (other_266 * running_81) + running_82;
    const float next_687 = (lane_27 >= 4) ? c_869 : running_81;
    const float next_688 = (lane_27 >= 4) ? c_871 : running_82;
    running_81 = next_687;
    running_82 = next_688;
    const float other_267 = __shfl_up_sync(0xffffffffu, running_81, 8);
    const float other_268 = __shfl_up_sync(0xffffffffu, running_82, 8);
    const float c_872 = other_267 * running_81;
    const float c_874 = (other_268 * running_81) + running_82;
    const float next_689 = (lane_27 >= 8) ? c_872 : running_81;
    const float next_690 = (lane_27 >= 8) ? c_874 : running_82;
    running_81 = next_689;
    running_82 = next_690;
    const float other_269 = __shfl_up_sync(0xffffffffu, running_81, 16);
    const float other_270 = __shfl_up_sync(0xffffffffu, running_82, 16);
    const float c_875 = other_269 * running_81;
    const float c_877 = (other_270 * running_81) + running_82;
    const float next_691 = (lane_27 >= 16) ? c_875 : running_81;
    const float next_692 = (lane_27 >= 16) ? c_877 : running_82;
    running_81 = next_691;
    running_82 = next_692;
    const float below_53 = __shfl_up_sync(0xffffffffu, running_81, 1);
    const float below_54 = __shfl_up_sync(0xffffffffu, running_82, 1);
    const float total_53 = __shfl_sync(0xffffffffu, running_81, (threadIdx.x & 31) | 31);
    const float total_54 = __shfl_sync(0xffffffffu, running_82, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total52[(int)(threadIdx.x >> 5)] = total_53;
        total53[(int)(threadIdx.x >> 5)] = total_54;
    }
    __syncthreads();
    const float part_105 = total52[0];
    const float part_106 = total53[0];
    float base_53;
    float base_54;
    const float next_693 = part_105;
    const float next_694 = part_106;
    base_53 = next_693;
    base_54 = next_694;
    float all_53;
    float all_54;
    const float next_695 = part_105;
    const float next_696 = part_106;
    all_53 = next_695;
    all_54 = next_696;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_107 = total52[i + 1];
        const float part_108 = total53[i + 1];
        const float c_878 = base_53 * part_107;
        const float c_880 = (base_54 * part_107) + part_108;
        const float next_697 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_878 : base_53;
        const float next_698 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_880 : base_54;
        base_53 = next_697;
        base_54 = next_698;
        const float c_881 = all_53 * part_107;
        const float c_883 = (all_54 * part_107) + part_108;
        const float next_699 = c_881;
        const float next_700 = c_883;
        all_53 = next_699;
        all_54 = next_700;
    }
    const float c_884 = base_53 * below_53;
    const float c_886 = (base_54 * below_53) + below_54;
    const float before_53 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_27 >= 1) ? c_884 : base_53) : below_53;
    const float before_54 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_27 >= 1) ? c_886 : base_54) : below_54;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_53 = running_79[i];
        const float own_54 = running_80[i];
        const float c_887 = before_53 * own_53;
        const float c_889 = (before_54 * own_53) + own_54;
        running_79[i] = ((lane_27 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_887 : own_53;
        running_80[i] = ((lane_27 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_889 : own_54;
    }
    const float next_701 = all_53;
    const float next_702 = all_54;
    carry_27 = next_701;
    carry_28 = next_702;
    const float next_703 = exp_x_14[4];
    const float next_704 = product_30[4];
    sum_27 = next_703;
    sum_28 = next_704;
    running_79[4] = sum_27;
    running_80[4] = sum_28;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_890 = sum_27 * exp_x_14[4 + (i + 1)];
        const float c_892 = (sum_28 * exp_x_14[4 + (i + 1)]) + product_30[4 + (i + 1)];
        const float next_705 = c_890;
        const float next_706 = c_892;
        sum_27 = next_705;
        sum_28 = next_706;
        running_79[4 + (i + 1)] = sum_27;
        running_80[4 + (i + 1)] = sum_28;
    }
    const int lane_28 = (int)(threadIdx.x & 31) & 31;
    float running_83;
    float running_84;
    const float next_707 = sum_27;
    const float next_708 = sum_28;
    running_83 = next_707;
    running_84 = next_708;
    const float other_271 = __shfl_up_sync(0xffffffffu, running_83, 1);
    const float other_272 = __shfl_up_sync(0xffffffffu, running_84, 1);
    const float c_893 = other_271 * running_83;
    const float c_895 = (other_272 * running_83) + running_84;
    const float next_709 = (lane_28 >= 1) ? c_893 : running_83;
    const float next_710 = (lane_28 >= 1) ? c_895 : running_84;
    running_83 = next_709;
    running_84 = next_710;
    const float other_273 = __shfl_up_sync(0xffffffffu, running_83, 2);
    const float other_274 = __shfl_up_sync(0xffffffffu, running_84, 2);
    const float c_896 = other_273 * running_83;
    const float c_898 = (other_274 * running_83) + running_84;
    const float next_711 = (lane_28 >= 2) ? c_896 : running_83;
    const float next_712 = (lane_28 >= 2) ? c_898 : running_84;
    running_83 = next_711;
    running_84 = next_712;
    const float other_275 = __shfl_up_sync(0xffffffffu, running_83, 4);
    const float other_276 = __shfl_up_sync(0xffffffffu, running_84, 4);
    const float c_899 = other_275 * running_83;
    const float c_901 = (other_276 * running_83) + running_84;
    const float next_713 = (lane_28 >= 4) ? c_899 : running_83;
    const float next_714 = (lane_28 >= 4) ? c_901 : running_84;
    running_83 = next_713;
    running_84 = next_714;
    const float other_277 = __shfl_up_sync(0xffffffffu, running_83, 8);
    const float other_278 = __shfl_up_sync(0xffffffffu, running_84, 8);
    const float c_902 = other_277 * running_83;
    const float c_904 = (other_278 * running_83) + running_84;
    const float next_715 = (lane_28 >= 8) ? c_902 : running_83;
    const float next_716 = (lane_28 >= 8) ? c_904 : running_84;
    running_83 = next_715;
    running_84 = next_716;
    const float other_279 = __shfl_up_sync(0xffffffffu, running_83, 16);
    const float other_280 = __shfl_up_sync(0xffffffffu, running_84, 16);
    const float c_905 = other_279 * running_83;
    const float c_907 = (other_280 * running_83) + running_84;
    const float next_717 = (lane_28 >= 16) ? c_905 : running_83;
    const float next_718 = (lane_28 >= 16) ? c_907 : running_84;
    running_83 = next_717;
    running_84 = next_718;
    const float below_55 = __shfl_up_sync(0xffffffffu, running_83, 1);
    const float below_56 = __shfl_up_sync(0xffffffffu, running_84, 1);
    const float total_55 = __shfl_sync(0xffffffffu, running_83, (threadIdx.x & 31) | 31);
    const float total_56 = __shfl_sync(0xffffffffu, running_84, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total54[(int)(threadIdx.x >> 5)] = total_55;
        total55[(int)(threadIdx.x >> 5)] = total_56;
    }
    __syncthreads();
    const float part_109 = total54[0];
    const float part_110 = total55[0];
    float base_55;
    float base_56;
    const float next_719 = part_109;
    const float next_720 = part_110;
    base_55 = next_719;
    base_56 = next_720;
    float all_55;
    float all_56;
    const float next_721 = part_109;
    const float next_722 = part_110;
    all_55 = next_721;
    all_56 = next_722;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_111 = total54[i + 1];
        const float part_112 = total55[i + 1];
        const float c_908 = base_55 * part_111;
        const float c_910 = (base_56 * part_111) + part_112;
        const float next_723 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_908 : base_55;
        const float next_724 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_910 : base_56;
        base_55 = next_723;
        base_56 = next_724;
        const float c_911 = all_55 * part_111;
        const float c_913 = (all_56 * part_111) + part_112;
        const float next_725 = c_911;
        const float next_726 = c_913;
        all_55 = next_725;
        all_56 = next_726;
    }
    const float c_914 = base_55 * below_55;
    const float c_916 = (base_56 * below_55) + below_56;
    const float c_917 = carry_27 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_28 >= 1) ? c_914 : base_55) : below_55);
    const float c_919 = (carry_28 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_28 >= 1) ? c_914 : base_55) : below_55)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_28 >= 1) ? c_916 : base_56) : below_56);
    const float before_55 = ((lane_28 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_917 : carry_27;
    const float before_56 = ((lane_28 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_919 : carry_28;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_55 = running_79[4 + i];
        const float own_56 = running_80[4 + i];
        const float c_920 = before_55 * own_55;
        const float c_922 = (before_56 * own_55) + own_56;
        running_79[4 + i] = c_920;
        running_80[4 + i] = c_922;
    }
    const float c_923 = carry_27 * all_55;
    const float c_925 = (carry_28 * all_55) + all_56;
    const float next_727 = c_923;
    const float next_728 = c_925;
    carry_27 = next_727;
    carry_28 = next_728;
    float fma_x_14[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_14[i] = fma(running_80[i], c_in_14[i], fma_x_13[i]);
    }
    const float a_in_15 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(14)];
    float b_in_15[8];
    float c_in_15[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(14) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_15[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(14) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_15[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_15[8];
    float product_32[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_31 = softplus_x[i] * a_in_15;
        exp_x_15[i] = expf(product_31);
        product_32[i] = product[i] * b_in_15[i];
    }
    float running_85[8];
    float running_86[8];
    float carry_29;
    float carry_30;
    float sum_29;
    float sum_30;
    const float next_729 = exp_x_15[0];
    const float next_730 = product_32[0];
    sum_29 = next_729;
    sum_30 = next_730;
    running_85[0] = sum_29;
    running_86[0] = sum_30;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_926 = sum_29 * exp_x_15[i + 1];
        const float c_928 = (sum_30 * exp_x_15[i + 1]) + product_32[i + 1];
        const float next_731 = c_926;
        const float next_732 = c_928;
        sum_29 = next_731;
        sum_30 = next_732;
        running_85[i + 1] = sum_29;
        running_86[i + 1] = sum_30;
    }
    const int lane_29 = (int)(threadIdx.x & 31) & 31;
    float running_87;
    float running_88;
    const float next_733 = sum_29;
    const float next_734 = sum_30;
    running_87 = next_733;
    running_88 = next_734;
    const float other_281 = __shfl_up_sync(0xffffffffu, running_87, 1);
    const float other_282 = __shfl_up_sync(0xffffffffu, running_88, 1);
    const float c_929 = other_281 * running_87;
    const float c_931 = (other_282 * running_87) + running_88;
    const float next_735 = (lane_29 >= 1) ? c_929 : running_87;
    const float next_736 = (lane_29 >= 1) ? c_931 : running_88;
    running_87 = next_735;
    running_88 = next_736;
    const float other_283 = __shfl_up_sync(0xffffffffu, running_87, 2);
    const float other_284 = __shfl_up_sync(0xffffffffu, running_88, 2);
    const float c_932 = other_283 * running_87;
    const float c_934 = (other_284 * running_87) + running_88;
    const float next_737 = (lane_29 >= 2) ? c_932 : running_87;
    const float next_738 = (lane_29 >= 2) ? c_934 : running_88;
    running_87 = next_737;
    running_88 = next_738;
    const float other_285 = __shfl_up_sync(0xffffffffu, running_87, 4);
    const float other_286 = __shfl_up_sync(0xffffffffu, running_88, 4);
    const float c_935 = other_285 * running_87;
    const float c_937 = (other_286 * running_87) + running_88;
    const float next_739 = (lane_29 >= 4) ? c_935 : running_87;
    const float next_740 = (lane_29 >= 4) ? c_937 : running_88;
    running_87 = next_739;
    running_88 = next_740;
    const float other_287 = __shfl_up_sync(0xffffffffu, running_87, 8);
    const float other_288 = __shfl_up_sync(0xffffffffu, running_88, 8);
    const float c_938 = other_287 * running_87;
    const float c_940 = (other_288 * running_87) + running_88;
    const float next_741 = (lane_29 >= 8) ? c_938 : running_87;
    const float next_742 = (lane_29 >= 8) ? c_940 : running_88;
    running_87 = next_741;
    running_88 = next_742;
    const float other_289 = __shfl_up_sync(0xffffffffu, running_87, 16);
    const float other_290 = __shfl_up_sync(0xffffffffu, running_88, 16);
    const float c_941 = other_289 * running_87;
    const float c_943 = (other_290 * running_87) + running_88;
    const float next_743 = (lane_29 >= 16) ? c_941 : running_87;
    const float next_744 = (lane_29 >= 16) ? c_943 : running_88;
    running_87 = next_743;
    running_88 = next_744;
    const float below_57 = __shfl_up_sync(0xffffffffu, running_87, 1);
    const float below_58 = __shfl_up_sync(0xffffffffu, running_88, 1);
    const float total_57 = __shfl_sync(0xffffffffu, running_87, (threadIdx.x & 31) | 31);
    const float total_58 = __shfl_sync(0xffffffffu, running_88, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total56[(int)(threadIdx.x >> 5)] = total_57;
        total57[(int)(threadIdx.x >> 5)] = total_58;
    }
    __syncthreads();
    const float part_113 = total56[0];
    const float part_114 = total57[0];
    float base_57;
    float base_58;
    const float next_745 = part_113;
    const float next_746 = part_114;
    base_57 = next_745;
    base_58 = next_746;
    float all_57;
    float all_58;
    const float next_747 = part_113;
    const float next_748 = part_114;
    all_57 = next_747;
    all_58 = next_748;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_115 = total56[i + 1];
        const float part_116 = total57[i + 1];
        const float c_944 = base_57 * part_115;
        const float c_946 = (base_58 * part_115) + part_116;
        const float next_749 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_944 : base_57;
        const float next_750 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_946 : base_58;
        base_57 = next_749;
        base_58 = next_750;
        const float c_947 = all_57 * part_115;
        const float c_949 = (all_58 * part_115) + part_116;
        const float next_751 = c_947;
        const float next_752 = c_949;
        all_57 = next_751;
        all_58 = next_752;
    }
    const float c_950 = base_57 * below_57;
    const float c_952 = (base_58 * below_57) + below_58;
    const float before_57 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_29 >= 1) ? c_950 : base_57) : below_57;
    const float before_58 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_29 >= 1) ? c_952 : base_58) : below_58;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_57 = running_85[i];
        const float own_58 = running_86[i];
        const float c_953 = before_57 * own_57;
        const float c_955 = (before_58 * own_57) + own_58;
        running_85[i] = ((lane_29 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_953 : own_57;
        running_86[i] = ((lane_29 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_955 : own_58;
    }
    const float next_753 = all_57;
    const float next_754 = all_58;
    carry_29 = next_753;
    carry_30 = next_754;
    const float next_755 = exp_x_15[4];
    const float next_756 = product_32[4];
    sum_29 = next_755;
    sum_30 = next_756;
    running_85[4] = sum_29;
    running_86[4] = sum_30;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_956 = sum_29 * exp_x_15[4 + (i + 1)];
        const float c_958 = (sum_30 * exp_x_15[4 + (i + 1)]) + product_32[4 + (i + 1)];
        const float next_757 = c_956;
        const float next_758 = c_958;
        sum_29 = next_757;
        sum_30 = next_758;
        running_85[4 + (i + 1)] = sum_29;
        running_86[4 + (i + 1)] = sum_30;
    }
    const int lane_30 = (int)(threadIdx.x & 31) & 31;
    float running_89;
    float running_90;
    const float next_759 = sum_29;
    const float next_760 = sum_30;
    running_89 = next_759;
    running_90 = next_760;
    const float other_291 = __shfl_up_sync(0xffffffffu, running_89, 1);
    const float other_292 = __shfl_up_sync(0xffffffffu, running_90, 1);
    const float c_959 = other_291 * running_89;
    const float c_961 = (other_292 * running_89) + running_90;
    const float next_761 = (lane_30 >= 1) ? c_959 : running_89;
    const float next_762 = (lane_30 >= 1) ? c_961 : running_90;
    running_89 = next_761;
    running_90 = next_762;
    const float other_293 = __shfl_up_sync(0xffffffffu, running_89, 2);
    const float other_294 = __shfl_up_sync(0xffffffffu, running_90, 2);
    const float c_962 = other_293 * running_89;
    const float c_964 = (other_294 * running_89) + running_90;
    const float next_763 = (lane_30 >= 2) ? c_962 : running_89;
    const float next_764 = (lane_30 >= 2) ? c_964 : running_90;
    running_89 = next_763;
    running_90 = next_764;
    const float other_295 = __shfl_up_sync(0xffffffffu, running_89, 4);
    const float other_296 = __shfl_up_sync(0xffffffffu, running_90, 4);
    const float c_965 = other_295 * running_89;
    const float c_967 = (other_296 * running_89) + running_90;
    const float next_765 = (lane_30 >= 4) ? c_965 : running_89;
    const float next_766 = (lane_30 >= 4) ? c_967 : running_90;
    running_89 = next_765;
    running_90 = next_766;
    const float other_297 = __shfl_up_sync(0xffffffffu, running_89, 8);
    const float other_298 = __shfl_up_sync(0xffffffffu, running_90, 8);
    const float c_968 = other_297 * running_89;
    const float c_970 = (other_298 * running_89) + running_90;
    const float next_767 = (lane_30 >= 8) ? c_968 : running_89;
    const float next_768 = (lane_30 >= 8) ? c_970 : running_90;
    running_89 = next_767;
    running_90 = next_768;
    const float other_299 = __shfl_up_sync(0xffffffffu, running_89, 16);
    const float other_300 = __shfl_up_sync(0xffffffffu, running_90, 16);
    const float c_971 = other_299 * running_89;
    const float c_973 = (other_300 * running_89) + running_90;
    const float next_769 = (lane_30 >= 16) ? c_971 : running_89;
    const float next_770 = (lane_30 >= 16) ? c_973 : running_90;
    running_89 = next_769;
    running_90 = next_770;
    const float below_59 = __shfl_up_sync(0xffffffffu, running_89, 1);
    const float below_60 = __shfl_up_sync(0xffffffffu, running_90, 1);
    const float total_59 = __shfl_sync(0xffffffffu, running_89, (threadIdx.x & 31) | 31);
    const float total_60 = __shfl_sync(0xffffffffu, running_90, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total58[(int)(threadIdx.x >> 5)] = total_59;
        total59[(int)(threadIdx.x >> 5)] = total_60;
    }
    __syncthreads();
    const float part_117 = total58[0];
    const float part_118 = total59[0];
    float base_59;
    float base_60;
    const float next_771 = part_117;
    const float next_772 = part_118;
    base_59 = next_771;
    base_60 = next_772;
    float all_59;
    float all_60;
    const float next_773 = part_117;
    const float next_774 = part_118;
    all_59 = next_773;
    all_60 = next_774;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_119 = total58[i + 1];
        const float part_120 = total59[i + 1];
        const float c_974 = base_59 * part_119;
        const float c_976 = (base_60 * part_119) + part_120;
        const float next_775 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_974 : base_59;
        const float next_776 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_976 : base_60;
        base_59 = next_775;
        base_60 = next_776;
        const float c_977 = all_59 * part_119;
        const float c_979 = (all_60 * part_119) + part_120;
        const float next_777 = c_977;
        const float next_778 = c_979;
        all_59 = next_777;
        all_60 = next_778;
    }
    const float c_980 = base_59 * below_59;
    const float c_982 = (base_60 * below_59) + below_60;
    const float c_983 = carry_29 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_30 >= 1) ? c_980 : base_59) : below_59);
    const float c_985 = (carry_30 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_30 >= 1) ? c_980 : base_59) : below_59)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_30 >= 1) ? c_982 : base_60) : below_60);
    const float before_59 = ((lane_30 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_983 : carry_29;
    const float before_60 = ((lane_30 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_985 : carry_30;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_59 = running_85[4 + i];
        const float own_60 = running_86[4 + i];
        const float c_986 = before_59 * own_59;
        const float c_988 = (before_60 * own_59) + own_60;
        running_85[4 + i] = c_986;
        running_86[4 + i] = c_988;
    }
    const float c_989 = carry_29 * all_59;
    const float c_991 = (carry_30 * all_59) + all_60;
    const float next_779 = c_989;
    const float next_780 = c_991;
    carry_29 = next_779;
    carry_30 = next_780;
    float fma_x_15[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_15[i] = fma(running_86[i], c_in_15[i], fma_x_14[i]);
    }
    const float a_in_16 = a[((long long)((int)blockIdx.x) * arguments.a_stride0) + (long long)(15)];
    float b_in_16[8];
    float c_in_16[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(b + ((((long long)((int)blockIdx.y) * arguments.b_stride0) + ((long long)(15) * arguments.b_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in_16[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(c + ((((long long)((int)blockIdx.y) * arguments.c_stride0) + ((long long)(15) * arguments.c_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in_16[(i * 4) + l] = vector.lane[l];
        }
    }
    float exp_x_16[8];
    float product_34[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float product_33 = softplus_x[i] * a_in_16;
        exp_x_16[i] = expf(product_33);
        product_34[i] = product[i] * b_in_16[i];
    }
    float running_91[8];
    float running_92[8];
    float carry_31;
    float carry_32;
    float sum_31;
    float sum_32;
    const float next_781 = exp_x_16[0];
    const float next_782 = product_34[0];
    sum_31 = next_781;
    sum_32 = next_782;
    running_91[0] = sum_31;
    running_92[0] = sum_32;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_992 = sum_31 * exp_x_16[i + 1];
        const float c_994 = (sum_32 * exp_x_16[i + 1]) + product_34[i + 1];
        const float next_783 = c_992;
        const float next_784 = c_994;
        sum_31 = next_783;
        sum_32 = next_784;
        running_91[i + 1] = sum_31;
        running_92[i + 1] = sum_32;
    }
    const int lane_31 = (int)(threadIdx.x & 31) & 31;
    float running_93;
    float running_94;
    const float next_785 = sum_31;
    const float next_786 = sum_32;
    running_93 = next_785;
    running_94 = next_786;
    const float other_301 = __shfl_up_sync(0xffffffffu, running_93, 1);
    const float other_302 = __shfl_up_sync(0xffffffffu, running_94, 1);
    const float c_995 = other_301 * running_93;
    const float c_997 = (other_302 * running_93) + running_94;
    const float next_787 = (lane_31 >= 1) ? c_995 : running_93;
    const float next_788 = (lane_31 >= 1) ? c_997 : running_94;
    running_93 = next_787;
    running_94 = next_788;
    const float other_303 = __shfl_up_sync(0xffffffffu, running_93, 2);
    const float other_304 = __shfl_up_sync(0xffffffffu, running_94, 2);
    const float c_998 = other_303 * running_93;
    const float c_1000 = (other_304 * running_93) + running_94;
    const float next_789 = (lane_31 >= 2) ? c_998 : running_93;
    const float next_790 = (lane_31 >= 2) ? c_1000 : running_94;
    running_93 = next_789;
    running_94 = next_790;
    const float other_305 = __shfl_up_sync(0xffffffffu, running_93, 4);
    const float other_306 = __shfl_up_sync(0xffffffffu, running_94, 4);
    const float c_1001 = other_305 * running_93;
    const float c_1003 = (other_306 * running_93) + running_94;
    const float next_791 = (lane_31 >= 4) ? c_1001 : running_93;
    const float next_792 = (lane_31 >= 4) ? c_1003 : running_94;
    running_93 = next_791;
    running_94 = next_792;
    const float other_307 = __shfl_up_sync(0xffffffffu, running_93, 8);
    const float other_308 = __shfl_up_sync(0xffffffffu, running_94, 8);
    const float c_1004 = other_307 * running_93;
    const float c_1006 = (other_308 * running_93) + running_94;
    const float next_793 = (lane_31 >= 8) ? c_1004 : running_93;
    const float next_794 = (lane_31 >= 8) ? c_1006 : running_94;
    running_93 = next_793;
    running_94 = next_794;
    const float other_309 = __shfl_up_sync(0xffffffffu, running_93, 16);
    const float other_310 = __shfl_up_sync(0xffffffffu, running_94, 16);
    const float c_1007 = other_309 * running_93;
    const float c_1009 = (other_310 * running_93) + running_94;
    const float next_795 = (lane_31 >= 16) ? c_1007 : running_93;
    const float next_796 = (lane_31 >= 16) ? c_1009 : running_94;
    running_93 = next_795;
    running_94 = next_796;
    const float below_61 = __shfl_up_sync(0xffffffffu, running_93, 1);
    const float below_62 = __shfl_up_sync(0xffffffffu, running_94, 1);
    const float total_61 = __shfl_sync(0xffffffffu, running_93, (threadIdx.x & 31) | 31);
    const float total_62 = __shfl_sync(0xffffffffu, running_94, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total60[(int)(threadIdx.x >> 5)] = total_61;
        total61[(int)(threadIdx.x >> 5)] = total_62;
    }
    __syncthreads();
    const float part_121 = total60[0];
    const float part_122 = total61[0];
    float base_61;
    float base_62;
    const float next_797 = part_121;
    const float next_798 = part_122;
    base_61 = next_797;
    base_62 = next_798;
    float all_61;
    float all_62;
    const float next_799 = part_121;
    const float next_800 = part_122;
    all_61 = next_799;
    all_62 = next_800;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_123 = total60[i + 1];
        const float part_124 = total61[i + 1];
        const float c_1010 = base_61 * part_123;
        const float c_1012 = (base_62 * part_123) + part_124;
        const float next_801 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_1010 : base_61;
        const float next_802 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_1012 : base_62;
        base_61 = next_801;
        base_62 = next_802;
        const float c_1013 = all_61 * part_123;
        const float c_1015 = (all_62 * part_123) + part_124;
        const float next_803 = c_1013;
        const float next_804 = c_1015;
        all_61 = next_803;
        all_62 = next_804;
    }
    const float c_1016 = base_61 * below_61;
    const float c_1018 = (base_62 * below_61) + below_62;
    const float before_61 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_31 >= 1) ? c_1016 : base_61) : below_61;
    const float before_62 = ((int)(threadIdx.x >> 5) > 0) ? ((lane_31 >= 1) ? c_1018 : base_62) : below_62;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_61 = running_91[i];
        const float own_62 = running_92[i];
        const float c_1019 = before_61 * own_61;
        const float c_1021 = (before_62 * own_61) + own_62;
        running_91[i] = ((lane_31 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_1019 : own_61;
        running_92[i] = ((lane_31 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_1021 : own_62;
    }
    const float next_805 = all_61;
    const float next_806 = all_62;
    carry_31 = next_805;
    carry_32 = next_806;
    const float next_807 = exp_x_16[4];
    const float next_808 = product_34[4];
    sum_31 = next_807;
    sum_32 = next_808;
    running_91[4] = sum_31;
    running_92[4] = sum_32;
    _Pragma("unroll")
    for (int i = 0; i < 3; i++) {
        const float c_1022 = sum_31 * exp_x_16[4 + (i + 1)];
        const float c_1024 = (sum_32 * exp_x_16[4 + (i + 1)]) + product_34[4 + (i + 1)];
        const float next_809 = c_1022;
        const float next_810 = c_1024;
        sum_31 = next_809;
        sum_32 = next_810;
        running_91[4 + (i + 1)] = sum_31;
        running_92[4 + (i + 1)] = sum_32;
    }
    const int lane_32 = (int)(threadIdx.x & 31) & 31;
    float running_95;
    float running_96;
    const float next_811 = sum_31;
    const float next_812 = sum_32;
    running_95 = next_811;
    running_96 = next_812;
    const float other_311 = __shfl_up_sync(0xffffffffu, running_95, 1);
    const float other_312 = __shfl_up_sync(0xffffffffu, running_96, 1);
    const float c_1025 = other_311 * running_95;
    const float c_1027 = (other_312 * running_95) + running_96;
    const float next_813 = (lane_32 >= 1) ? c_1025 : running_95;
    const float next_814 = (lane_32 >= 1) ? c_1027 : running_96;
    running_95 = next_813;
    running_96 = next_814;
    const float other_313 = __shfl_up_sync(0xffffffffu, running_95, 2);
    const float other_314 = __shfl_up_sync(0xffffffffu, running_96, 2);
    const float c_1028 = other_313 * running_95;
    const float c_1030 = (other_314 * running_95) + running_96;
    const float next_815 = (lane_32 >= 2) ? c_1028 : running_95;
    const float next_816 = (lane_32 >= 2) ? c_1030 : running_96;
    running_95 = next_815;
    running_96 = next_816;
    const float other_315 = __shfl_up_sync(0xffffffffu, running_95, 4);
    const float other_316 = __shfl_up_sync(0xffffffffu, running_96, 4);
    const float c_1031 = other_315 * running_95;
    const float c_1033 = (other_316 * running_95) + running_96;
    const float next_817 = (lane_32 >= 4) ? c_1031 : running_95;
    const float next_818 = (lane_32 >= 4) ? c_1033 : running_96;
    running_95 = next_817;
    running_96 = next_818;
    const float other_317 = __shfl_up_sync(0xffffffffu, running_95, 8);
    const float other_318 = __shfl_up_sync(0xffffffffu, running_96, 8);
    const float c_1034 = other_317 * running_95;
    const float c_1036 = (other_318 * running_95) + running_96;
    const float next_819 = (lane_32 >= 8) ? c_1034 : running_95;
    const float next_820 = (lane_32 >= 8) ? c_1036 : running_96;
    running_95 = next_819;
    running_96 = next_820;
    const float other_319 = __shfl_up_sync(0xffffffffu, running_95, 16);
    const float other_320 = __shfl_up_sync(0xffffffffu, running_96, 16);
    const float c_1037 = other_319 * running_95;
    const float c_1039 = (other_320 * running_95) + running_96;
    const float next_821 = (lane_32 >= 16) ? c_1037 : running_95;
    const float next_822 = (lane_32 >= 16) ? c_1039 : running_96;
    running_95 = next_821;
    running_96 = next_822;
    const float below_63 = __shfl_up_sync(0xffffffffu, running_95, 1);
    const float below_64 = __shfl_up_sync(0xffffffffu, running_96, 1);
    const float total_63 = __shfl_sync(0xffffffffu, running_95, (threadIdx.x & 31) | 31);
    const float total_64 = __shfl_sync(0xffffffffu, running_96, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total62[(int)(threadIdx.x >> 5)] = total_63;
        total63[(int)(threadIdx.x >> 5)] = total_64;
    }
    __syncthreads();
    const float part_125 = total62[0];
    const float part_126 = total63[0];
    float base_63;
    float base_64;
    const float next_823 = part_125;
    const float next_824 = part_126;
    base_63 = next_823;
    base_64 = next_824;
    float all_63;
    float all_64;
    const float next_825 = part_125;
    const float next_826 = part_126;
    all_63 = next_825;
    all_64 = next_826;
    _Pragma("unroll")
    for (int i = 0; i < 7; i++) {
        const float part_127 = total62[i + 1];
        const float part_128 = total63[i + 1];
        const float c_1040 = base_63 * part_127;
        const float c_1042 = (base_64 * part_127) + part_128;
        const float next_827 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_1040 : base_63;
        const float next_828 = ((i + 1) < (int)(threadIdx.x >> 5)) ? c_1042 : base_64;
        base_63 = next_827;
        base_64 = next_828;
        const float c_1043 = all_63 * part_127;
        const float c_1045 = (all_64 * part_127) + part_128;
        const float next_829 = c_1043;
        const float next_830 = c_1045;
        all_63 = next_829;
        all_64 = next_830;
    }
    const float c_1046 = base_63 * below_63;
    const float c_1048 = (base_64 * below_63) + below_64;
    const float c_1049 = carry_31 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_32 >= 1) ? c_1046 : base_63) : below_63);
    const float c_1051 = (carry_32 * (((int)(threadIdx.x >> 5) > 0) ? ((lane_32 >= 1) ? c_1046 : base_63) : below_63)) + (((int)(threadIdx.x >> 5) > 0) ? ((lane_32 >= 1) ? c_1048 : base_64) : below_64);
    const float before_63 = ((lane_32 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_1049 : carry_31;
    const float before_64 = ((lane_32 >= 1) || ((int)(threadIdx.x >> 5) > 0)) ? c_1051 : carry_32;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float own_63 = running_91[4 + i];
        const float own_64 = running_92[4 + i];
        const float c_1052 = before_63 * own_63;
        const float c_1054 = (before_64 * own_63) + own_64;
        running_91[4 + i] = c_1052;
        running_92[4 + i] = c_1054;
    }
    const float c_1055 = carry_31 * all_63;
    const float c_1057 = (carry_32 * all_63) + all_64;
    const float next_831 = c_1055;
    const float next_832 = c_1057;
    carry_31 = next_831;
    carry_32 = next_832;
    float fma_x_16[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x_16[i] = fma(running_92[i], c_in_16[i], fma_x_15[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x_16[i * 4];
        out[1] = fma_x_16[(i * 4) + 1];
        out[2] = fma_x_16[(i * 4) + 2];
        out[3] = fma_x_16[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(uint4*)(y + ((((long long)((int)blockIdx.y) * arguments.y_stride0) + ((long long)((int)blockIdx.x) * arguments.y_stride1)) + (long long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
