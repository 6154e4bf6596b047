// moe_dispatch_rows, f32, tokens = 512, places = 4096, cols = 2048

struct moe_dispatch_rows_arguments {
    long x_stride0;
    long rows_stride0;
    long y_stride0;
    int tokens;
    int cols;
    int places;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_moe_dispatch_rows(
    const device float* x [[buffer(0)]],
    const device uint* rows [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant moe_dispatch_rows_arguments& arguments [[buffer(3)]],
    device uint* faults [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float x_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)((int)threadgroup_position_in_grid.x) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const uint rows_in = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(0)];
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
            *(device uint4*)(y + (((long)(index) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_2 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(1)];
    const int rounded_2 = (int)min(rows_in_2, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_2) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_3 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(2)];
    const int rounded_3 = (int)min(rows_in_3, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_3) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_4 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(3)];
    const int rounded_4 = (int)min(rows_in_4, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_4) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_5 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(4)];
    const int rounded_5 = (int)min(rows_in_5, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_5) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_6 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(5)];
    const int rounded_6 = (int)min(rows_in_6, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_6) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_7 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(6)];
    const int rounded_7 = (int)min(rows_in_7, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_7) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
    const uint rows_in_8 = rows[((long)((int)threadgroup_position_in_grid.x) * arguments.rows_stride0) + (long)(7)];
    const int rounded_8 = (int)min(rows_in_8, 2147483647u);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
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
            *(device uint4*)(y + (((long)(index_8) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 1024))))) = vector.all;
        }
    }
}
