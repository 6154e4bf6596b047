// dequantize_int4, f32, n = 16777216

struct dequantize_int4_arguments {
    int n;
    float scale;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_dequantize_int4(
    const device uchar* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant dequantize_int4_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float product[32768];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 32768; i_2++) {
        const uint unpacked = ((uint)(x[(long)((((at + ((i_2 & 3) + (((i_2 >> 2) & 8191) * 4096))) * 4) >> 3))]) >> ((uint)((((at + ((i_2 & 3) + (((i_2 >> 2) & 8191) * 4096))) * 4) & 7)) & 31)) & 15u;
        product[i_2] = (float)(unpacked) * arguments.scale;
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 8192; i_2++) {
        float out[4];
        out[0] = product[i_2 * 4];
        out[1] = product[(i_2 * 4) + 1];
        out[2] = product[(i_2 * 4) + 2];
        out[3] = product[(i_2 * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (long)((at + ((((i_2 * 4) >> 2) & 8191) * 4096)))) = vector.all;
        }
    }
}
