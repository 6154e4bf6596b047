// selective_scan, f32, batch = 1, channels = 2048, time = 2048

struct selective_scan_arguments {
    long x_stride0;
    long x_stride1;
    long delta_stride0;
    long delta_stride1;
    long a_stride0;
    long b_stride0;
    long b_stride1;
    long c_stride0;
    long c_stride1;
    long y_stride0;
    long y_stride1;
    int batch;
    int channels;
    int time;
};

[[kernel, max_total_threads_per_threadgroup(512)]]
void tw_kernel_selective_scan(
    const device float* x [[buffer(0)]],
    const device float* delta [[buffer(1)]],
    const device float* a [[buffer(2)]],
    const device float* b [[buffer(3)]],
    const device float* c [[buffer(4)]],
    const device float* d [[buffer(5)]],
    const device float* bias [[buffer(6)]],
    device float* y [[buffer(7)]],
    constant selective_scan_arguments& arguments [[buffer(8)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup float total0[16];
    threadgroup float total1[16];
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(x + ((((long)((int)threadgroup_position_in_grid.y) * arguments.x_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
    }
    float delta_in[4];
    {
        union { uint4 all; float lane[4]; } vector;
        vector.all = *(const device uint4*)(delta + ((((long)((int)threadgroup_position_in_grid.y) * arguments.delta_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.delta_stride1)) + (long)(at)));
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) delta_in[l] = vector.lane[l];
    }
    const float bias_in = bias[(long)((int)threadgroup_position_in_grid.x)];
    const float d_in = d[(long)((int)threadgroup_position_in_grid.x)];
    float softplus_x[4];
    float product[4];
    float total[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const float added = delta_in[i] + bias_in;
        softplus_x[i] = tw_softplus(added);
        product[i] = softplus_x[i] * x_in[i];
        const float tile = 0.0f;
        total[i] = tile;
    }
    for (int j = 0; j < 16; j += 1) {
        const float a_in = a[((long)((int)threadgroup_position_in_grid.x) * arguments.a_stride0) + (long)(j)];
        float b_in[4];
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(b + ((((long)((int)threadgroup_position_in_grid.y) * arguments.b_stride0) + ((long)(j) * arguments.b_stride1)) + (long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[l] = vector.lane[l];
        }
        float c_in[4];
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(c + ((((long)((int)threadgroup_position_in_grid.y) * arguments.c_stride0) + ((long)(j) * arguments.c_stride1)) + (long)(at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) c_in[l] = vector.lane[l];
        }
        float exp_x[4];
        float product_3[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float product_2 = a_in * softplus_x[i];
            exp_x[i] = precise::exp(product_2);
            product_3[i] = b_in[i] * product[i];
        }
        float running_2[4];
        float sum;
        float sum_2;
        const float next = exp_x[0];
        const float next_2 = product_3[0];
        sum = next;
        sum_2 = next_2;
        _Pragma("unroll")
        for (int i = 0; i < 3; i++) {
            const float c_2 = sum * exp_x[i + 1];
            const float c_4 = (sum_2 * exp_x[i + 1]) + product_3[i + 1];
            const float next_3 = c_2;
            const float next_4 = c_4;
            sum = next_3;
            sum_2 = next_4;
        }
        const int lane_ = (int)thread_index_in_simdgroup & 31;
        float running_3;
        float running_4;
        const float next_5 = sum;
        const float next_6 = sum_2;
        running_3 = next_5;
        running_4 = next_6;
        const float other = simd_shuffle_up(running_3, 1);
        const float other_2 = simd_shuffle_up(running_4, 1);
        const float c_5 = other * running_3;
        const float c_7 = (other_2 * running_3) + running_4;
        const float next_7 = (lane_ >= 1) ? c_5 : running_3;
        const float next_8 = (lane_ >= 1) ? c_7 : running_4;
        running_3 = next_7;
        running_4 = next_8;
        const float other_3 = simd_shuffle_up(running_3, 2);
        const float other_4 = simd_shuffle_up(running_4, 2);
        const float c_8 = other_3 * running_3;
        const float c_10 = (other_4 * running_3) + running_4;
        const float next_9 = (lane_ >= 2) ? c_8 : running_3;
        const float next_10 = (lane_ >= 2) ? c_10 : running_4;
        running_3 = next_9;
        running_4 = next_10;
        const float other_5 = simd_shuffle_up(running_3, 4);
        const float other_6 = simd_shuffle_up(running_4, 4);
        const float c_11 = other_5 * running_3;
        const float c_13 = (other_6 * running_3) + running_4;
        const float next_11 = (lane_ >= 4) ? c_11 : running_3;
        const float next_12 = (lane_ >= 4) ? c_13 : running_4;
        running_3 = next_11;
        running_4 = next_12;
        const float other_7 = simd_shuffle_up(running_3, 8);
        const float other_8 = simd_shuffle_up(running_4, 8);
        const float c_14 = other_7 * running_3;
        const float c_16 = (other_8 * running_3) + running_4;
        const float next_13 = (lane_ >= 8) ? c_14 : running_3;
        const float next_14 = (lane_ >= 8) ? c_16 : running_4;
        running_3 = next_13;
        running_4 = next_14;
        const float other_9 = simd_shuffle_up(running_3, 16);
        const float other_10 = simd_shuffle_up(running_4, 16);
        const float c_17 = other_9 * running_3;
        const float c_19 = (other_10 * running_3) + running_4;
        const float next_15 = (lane_ >= 16) ? c_17 : running_3;
        const float next_16 = (lane_ >= 16) ? c_19 : running_4;
        running_3 = next_15;
        running_4 = next_16;
        const float below = simd_shuffle_up(running_3, 1);
        const float below_2 = simd_shuffle_up(running_4, 1);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 31) {
            total0[(int)simdgroup_index_in_threadgroup] = running_3;
            total1[(int)simdgroup_index_in_threadgroup] = running_4;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        const int k = (lane_ & 15) - (16 - (int)simdgroup_index_in_threadgroup);
        const float part = total0[max(k, 0)];
        const float part_2 = total1[max(k, 0)];
        float base;
        float base_2;
        const float next_17 = part;
        const float next_18 = part_2;
        base = next_17;
        base_2 = next_18;
        const float other_11 = simd_shuffle_up(base, 1);
        const float other_12 = simd_shuffle_up(base_2, 1);
        const float c_20 = other_11 * base;
        const float c_22 = (other_12 * base) + base_2;
        const float next_19 = (k >= 1) ? c_20 : base;
        const float next_20 = (k >= 1) ? c_22 : base_2;
        base = next_19;
        base_2 = next_20;
        const float other_13 = simd_shuffle_up(base, 2);
        const float other_14 = simd_shuffle_up(base_2, 2);
        const float c_23 = other_13 * base;
        const float c_25 = (other_14 * base) + base_2;
        const float next_21 = (k >= 2) ? c_23 : base;
        const float next_22 = (k >= 2) ? c_25 : base_2;
        base = next_21;
        base_2 = next_22;
        const float other_15 = simd_shuffle_up(base, 4);
        const float other_16 = simd_shuffle_up(base_2, 4);
        const float c_26 = other_15 * base;
        const float c_28 = (other_16 * base) + base_2;
        const float next_23 = (k >= 4) ? c_26 : base;
        const float next_24 = (k >= 4) ? c_28 : base_2;
        base = next_23;
        base_2 = next_24;
        const float other_17 = simd_shuffle_up(base, 8);
        const float other_18 = simd_shuffle_up(base_2, 8);
        const float c_29 = other_17 * base;
        const float c_31 = (other_18 * base) + base_2;
        const float next_25 = (k >= 8) ? c_29 : base;
        const float next_26 = (k >= 8) ? c_31 : base_2;
        base = next_25;
        base_2 = next_26;
        const float base_3 = simd_shuffle(base, thread_index_in_simdgroup | 15);
        const float base_4 = simd_shuffle(base_2, thread_index_in_simdgroup | 15);
        const float c_32 = base_3 * below;
        const float c_34 = (base_4 * below) + below_2;
        const float before = ((int)simdgroup_index_in_threadgroup > 0) ? ((lane_ >= 1) ? c_32 : base_3) : below;
        const float before_2 = ((int)simdgroup_index_in_threadgroup > 0) ? ((lane_ >= 1) ? c_34 : base_4) : below_2;
        const float own = exp_x[0];
        const float own_2 = product_3[0];
        const float c_35 = before * own;
        const float c_37 = (before_2 * own) + own_2;
        const float next_27 = ((lane_ >= 1) || ((int)simdgroup_index_in_threadgroup > 0)) ? c_35 : own;
        const float next_28 = ((lane_ >= 1) || ((int)simdgroup_index_in_threadgroup > 0)) ? c_37 : own_2;
        sum = next_27;
        sum_2 = next_28;
        running_2[0] = sum_2;
        _Pragma("unroll")
        for (int i = 0; i < 3; i++) {
            const float c_38 = sum * exp_x[i + 1];
            const float c_40 = (sum_2 * exp_x[i + 1]) + product_3[i + 1];
            const float next_29 = c_38;
            const float next_30 = c_40;
            sum = next_29;
            sum_2 = next_30;
            running_2[i + 1] = sum_2;
        }
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const float tile_2 = total[i];
            const float fma_x = fma(running_2[i], c_in[i], tile_2);
            total[i] = fma_x;
        }
    }
    float fma_x_2[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        fma_x_2[i] = fma(x_in[i], d_in, total[i]);
    }
    {
        union { uint4 all; float lane[4]; } vector;
        _Pragma("unroll")
        for (int l = 0; l < 4; l++) vector.lane[l] = fma_x_2[l];
        *(device uint4*)(y + ((((long)((int)threadgroup_position_in_grid.y) * arguments.y_stride0) + ((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride1)) + (long)(at))) = vector.all;
    }
}
