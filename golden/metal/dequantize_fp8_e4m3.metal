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
    for (int i_41 = 0; i_41 < 4; i_41++) {
        x_in[i_41] = 0;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint all; uchar lane[4]; } vector;
            vector.all = *(const device uint*)(x + (long)((((int)threadgroup_position_in_grid.x * 1024) + at)));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[l] = vector.lane[l];
        }
    }
    float product_2[4];
    _Pragma("unroll")
    for (int i_41 = 0; i_41 < 4; i_41++) {
        const uint rounded = (uint)(x_in[i_41]);
        const uint and_ = rounded & 127u;
        const uint shr = and_ >> 3u;
        const uint and_2 = rounded & 7u;
        const bool test = and_ == 127u;
        const uint added = shr + 120u;
        const uint chosen = test ? 255u : added;
        const uint shl = chosen << 23u;
        const uint shl_2 = and_2 << 20u;
        const uint or_ = shl | shl_2;
        const float product = (float)(and_2) * 0.001953125f;
        const bool test_2 = shr == 0u;
        const float tile = as_type<float>(or_);
        const float chosen_2 = test_2 ? product : tile;
        const bool test_3 = rounded >= 128u;
        const float neg_x = -chosen_2;
        product_2[i_41] = (test_3 ? neg_x : chosen_2) * arguments.scale;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = product_2[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
