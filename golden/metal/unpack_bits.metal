// unpack_bits, f32, bytes = 8388608

struct unpack_bits_arguments {
    int bytes;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_unpack_bits(
    const device uchar* x [[buffer(0)]],
    device uchar* y [[buffer(1)]],
    constant unpack_bits_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at_2 = (int)thread_index_in_threadgroup * 16;
    const int product = (int)threadgroup_position_in_grid.x * 1024;
    const int product_2 = (int)threadgroup_position_in_grid.x * 8192;
    uint unpacked[32];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const uchar word = ((product + ((at_2 + (((i * 8) & 15) + ((((i * 8) >> 4) & 1) * 4096))) >> 3)) < arguments.bytes) ? x[(long)((product + ((at_2 + (((i * 8) & 15) + ((((i * 8) >> 4) & 1) * 4096))) >> 3)))] : 0;
        _Pragma("unroll")
        for (int i_2 = 0; i_2 < 8; i_2++) {
            unpacked[(i * 8) + i_2] = ((uint)(word) >> ((uint)(i_2) & 31)) & 1u;
        }
    }
    uchar rounded[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        rounded[i] = tw_u32_to_u8(unpacked[i]);
    }
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        if ((product_2 + (at_2 + ((((i * 16) >> 4) & 1) * 4096))) < (8 * arguments.bytes)) {
            uchar out[16];
            out[0] = rounded[i * 16];
            out[1] = rounded[(i * 16) + 1];
            out[2] = rounded[(i * 16) + 2];
            out[3] = rounded[(i * 16) + 3];
            out[4] = rounded[(i * 16) + 4];
            out[5] = rounded[(i * 16) + 5];
            out[6] = rounded[(i * 16) + 6];
            out[7] = rounded[(i * 16) + 7];
            out[8] = rounded[(i * 16) + 8];
            out[9] = rounded[(i * 16) + 9];
            out[10] = rounded[(i * 16) + 10];
            out[11] = rounded[(i * 16) + 11];
            out[12] = rounded[(i * 16) + 12];
            out[13] = rounded[(i * 16) + 13];
            out[14] = rounded[(i * 16) + 14];
            out[15] = rounded[(i * 16) + 15];
            {
                union { uint4 all; uchar lane[16]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 16; l++) vector.lane[l] = out[l];
                *(device uint4*)(y + (long)((product_2 + (at_2 + ((((i * 16) >> 4) & 1) * 4096))))) = vector.all;
            }
        }
    }
}
