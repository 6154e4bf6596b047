// gather_add, f32, entries = 16384, rows = 16384, cols = 1024

struct gather_add_arguments {
    long source_stride0;
    long other_stride0;
    long y_stride0;
    int entries;
    int cols;
    int rows;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_gather_add(
    const device float* source [[buffer(0)]],
    const device uint* index [[buffer(1)]],
    const device float* other [[buffer(2)]],
    device float* y [[buffer(3)]],
    constant gather_add_arguments& arguments [[buffer(4)]],
    device uint* faults [[buffer(5)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 4;
    const uint index_in = index[(long)((int)threadgroup_position_in_grid.x)];
    const int rounded = (int)min(index_in, 2147483647u);
    const int index_2 = tw_checked(rounded, arguments.entries, faults, 0);
    float source_in[8];
    float other_in[8];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(source + (((long)(index_2) * arguments.source_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) source_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(other + (((long)((int)threadgroup_position_in_grid.x) * arguments.other_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) other_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[8];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        added[i] = source_in[i] + other_in[i];
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        float out[4];
        out[0] = added[i * 4];
        out[1] = added[(i * 4) + 1];
        out[2] = added[(i * 4) + 2];
        out[3] = added[(i * 4) + 3];
        {
            union { uint4 all; float lane[4]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (((long)((int)threadgroup_position_in_grid.x) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 1) * 512))))) = vector.all;
        }
    }
}
