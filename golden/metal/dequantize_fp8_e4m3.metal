// dequantize_fp8_e4m3, f32, n = 16777216

struct dequantize_fp8_e4m3_arguments {
    int n;
    float scale;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_dequantize_fp8_e4m3(
    const device uchar* x [[buffer(0)]],
    device float* y [[buffer(1)]],
    constant dequantize_fp8_e4m3_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    uchar x_in[4];
    _Pragma("unroll")
    for (int i_39 = 0; i_39 < 4; i_39++) {
        x_in[i_39] = 0;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint all; uchar lane[4]; } vector;
            vector.all = *(const device uint*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product[4];
    _Pragma("unroll")
    for (int i_39 = 0; i_39 < 4; i_39++) {
        const uint rounded = (uint)(x_in[i_39]);
        const uint and_ = rounded & 127u;
        const uint shl = and_ << 20u;
        const uint added = shl + 1006632960u;
        const bool test = shl >= 133169152u;
        const uint or_ = added | 2139095040u;
        const uint chosen = test ? or_ : added;
        const uint added_2 = shl + 1015021568u;
        const float difference = as_type<float>(added_2) - 0.015625f;
        const bool test_2 = shl < 8388608u;
        const uint tile_2 = as_type<uint>(difference);
        const uint chosen_2 = test_2 ? tile_2 : chosen;
        const uint and_2 = rounded & 128u;
        const uint shl_2 = and_2 << 24u;
        const uint or_2 = chosen_2 | shl_2;
        product[i_39] = as_type<float>(or_2) * arguments.scale;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
