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
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + ((int)thread_index_in_threadgroup >> 5);
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    const uint index_in = index[(long)(program_2)];
    const int rounded = (int)min(index_in, 2147483647u);
    const int index_2 = tw_checked(rounded, arguments.entries, faults, 0);
    float source_in[32];
    float other_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(source + (((long)(index_2) * arguments.source_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) source_in[(i * 4) + l] = vector.lane[l];
        }
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(other + (((long)(program_2) * arguments.other_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) other_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float added[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        added[i] = source_in[i] + other_in[i];
    }
    if (program < arguments.rows) {
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            float out[4];
            out[0] = added[i * 4];
            out[1] = added[(i * 4) + 1];
            out[2] = added[(i * 4) + 2];
            out[3] = added[(i * 4) + 3];
            {
                union { uint4 all; float lane[4]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (((long)(program_2) * arguments.y_stride0) + (long)((at + ((((i * 4) >> 2) & 7) * 128))))) = vector.all;
            }
        }
    }
}
