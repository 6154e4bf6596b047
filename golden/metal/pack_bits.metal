// pack_bits, f32, bytes = 8388608

struct pack_bits_arguments {
    int bytes;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_pack_bits(
    const device uchar* x [[buffer(0)]],
    device uchar* y [[buffer(1)]],
    constant pack_bits_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 16;
    uchar or_7[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        uchar x_in = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in = x[(long)(((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8))];
        }
        const bool test = x_in != 0;
        const uchar rounded = (uchar)(test);
        uchar x_in_2 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_2 = x[(long)((1 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_2 = x_in_2 != 0;
        const uchar rounded_2 = (uchar)(test_2);
        const uchar shl = (uchar)((rounded_2 << 1));
        const uchar or_ = rounded | shl;
        uchar x_in_3 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_3 = x[(long)((2 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_3 = x_in_3 != 0;
        const uchar rounded_3 = (uchar)(test_3);
        const uchar shl_2 = (uchar)((rounded_3 << 2));
        const uchar or_2 = or_ | shl_2;
        uchar x_in_4 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_4 = x[(long)((3 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_4 = x_in_4 != 0;
        const uchar rounded_4 = (uchar)(test_4);
        const uchar shl_3 = (uchar)((rounded_4 << 3));
        const uchar or_3 = or_2 | shl_3;
        uchar x_in_5 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_5 = x[(long)((4 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_5 = x_in_5 != 0;
        const uchar rounded_5 = (uchar)(test_5);
        const uchar shl_4 = (uchar)((rounded_5 << 4));
        const uchar or_4 = or_3 | shl_4;
        uchar x_in_6 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_6 = x[(long)((5 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_6 = x_in_6 != 0;
        const uchar rounded_6 = (uchar)(test_6);
        const uchar shl_5 = (uchar)((rounded_6 << 5));
        const uchar or_5 = or_4 | shl_5;
        uchar x_in_7 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_7 = x[(long)((6 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_7 = x_in_7 != 0;
        const uchar rounded_7 = (uchar)(test_7);
        const uchar shl_6 = (uchar)((rounded_7 << 6));
        const uchar or_6 = or_5 | shl_6;
        uchar x_in_8 = 0;
        if ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) < arguments.bytes) {
            x_in_8 = x[(long)((7 + ((((int)threadgroup_position_in_grid.x * 4096) + (at + (i & 15))) * 8)))];
        }
        const bool test_8 = x_in_8 != 0;
        const uchar rounded_8 = (uchar)(test_8);
        const uchar shl_7 = (uchar)((rounded_8 << 7));
        or_7[i] = or_6 | shl_7;
    }
    if ((((int)threadgroup_position_in_grid.x * 4096) + at) < arguments.bytes) {
        {
            union { uint4 all; uchar lane[16]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 16; l++) vector.lane[l] = or_7[l];
            *(device uint4*)(y + (long)((((int)threadgroup_position_in_grid.x * 4096) + at))) = vector.all;
        }
    }
}
