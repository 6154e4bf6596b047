// scale_mask_softmax, f32, rows = 16384, cols = 1024

struct scale_mask_softmax_arguments {
    long x_stride0;
    long mask_stride0;
    long y_stride0;
    int rows;
    int cols;
    float scale;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_scale_mask_softmax(
    const device float* x [[buffer(0)]],
    const device uchar* mask [[buffer(1)]],
    device float* y [[buffer(2)]],
    constant scale_mask_softmax_arguments& arguments [[buffer(3)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    float x_in[32];
    bool mask_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(x + (((long)(program_2) * arguments.x_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint all; uchar lane[4]; } vector;
            vector.all = *(const device uint*)(mask + (((long)(program_2) * arguments.mask_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) mask_in[(i * 4) + l] = (vector.lane[l] != 0);
        }
    }
    float chosen[32];
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float product = x_in[i] * arguments.scale;
        chosen[i] = mask_in[i] ? product : (-INFINITY);
        greatest = tw_max(greatest, chosen[i]);
    }
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    const bool test = greatest == (-INFINITY);
    const float chosen_2 = test ? 0.0f : greatest;
    float exp_x[32];
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float difference = chosen[i] - chosen_2;
        exp_x[i] = precise::exp(difference);
        total = total + exp_x[i];
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    const bool test_2 = total == 0.0f;
    const float chosen_3 = test_2 ? 1.0f : total;
    float quotient[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        quotient[i] = exp_x[i] / chosen_3;
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = quotient[i * 4];
            out[1] = quotient[(i * 4) + 1];
            out[2] = quotient[(i * 4) + 2];
            out[3] = quotient[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
