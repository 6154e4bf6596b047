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
    x_in[0] = 0;
    x_in[1] = 0;
    x_in[2] = 0;
    x_in[3] = 0;
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
    for (int i = 0; i < 4; i++) {
        const uint rounded = (uint)(x_in[i]);
        const uint and_ = rounded & 127u;
        const uint shr = and_ >> (3u & 31);
        const uint and_2 = rounded & 7u;
        const bool test = and_ == 127u;
        const uint added = shr + 120u;
        const uint chosen = test ? 255u : added;
        const uint shl = chosen << (23u & 31);
        const uint shl_2 = and_2 << (20u & 31);
        const uint or_ = shl | shl_2;
        const float product = (float)(and_2) * 0.001953125f;
        const bool test_2 = shr == 0u;
        const float tile = as_type<float>(or_);
        const float chosen_2 = test_2 ? product : tile;
        const bool test_3 = rounded >= 128u;
        const float neg_x = -chosen_2;
        product_2[i] = (test_3 ? neg_x : chosen_2) * arguments.scale;
    }
    if ((((int)threadgroup_position_in_grid.x * 1024) + at) < arguments.n) {
        float out[4];
        out[0] = product_2[0];
        out[1] = product_2[1];
        out[2] = product_2[2];
        out[3] = product_2[3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 1024) + at))) = vector.all;
        }
    }
}
