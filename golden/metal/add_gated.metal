// add_gated, f32, rows = 16384, cols = 1024

struct add_gated_arguments {
    long a_stride0;
    long b_stride0;
    long y_stride0;
    int rows;
    int cols;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_add_gated(
    const device float* a [[buffer(0)]],
    const device float* b [[buffer(1)]],
    const device float* gate [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant add_gated_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    float a_in[8];
    float b_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(a + (((long)((int)threadgroup_position_in_grid.x) * arguments.a_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) a_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(b + (((long)((int)threadgroup_position_in_grid.x) * arguments.b_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) b_in[(i * 4) + l] = vector.lane[l];
        }
    }
    const float gate_in = gate[(long)((int)threadgroup_position_in_grid.x)];
    const float sigmoid_x = tw_sigmoid(gate_in);
    float fma_x[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        fma_x[i] = fma(b_in[i], sigmoid_x, a_in[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = fma_x[i * 4];
        out[1] = fma_x[(i * 4) + 1];
        out[2] = fma_x[(i * 4) + 2];
        out[3] = fma_x[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512))))) = vector.all;
        }
    }
}
