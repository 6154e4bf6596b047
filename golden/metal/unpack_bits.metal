// unpack_bits, f32, bytes = 8388608

struct unpack_bits_arguments {
    int bytes;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_unpack_bits(
    const device uchar* x [[buffer(0)]],
    device uchar* y [[buffer(1)]],
    constant unpack_bits_arguments& arguments [[buffer(2)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    const int at = (int)thread_index_in_threadgroup * 16;
    uchar rounded[65536];
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 65536; i_2++) {
        const uint unpacked = ((uint)(x[(long)(((at + ((i_2 & 15) + (((i_2 >> 4) & 4095) * 16384))) >> 3))]) >> ((uint)(((at + ((i_2 & 15) + (((i_2 >> 4) & 4095) * 16384))) & 7)) & 31)) & 1u;
        rounded[i_2] = tw_u32_to_u8(unpacked);
    }
    _Pragma("unroll")
    for (int i_2 = 0; i_2 < 4096; i_2++) {
        uchar out[16];
        out[0] = rounded[i_2 * 16];
        out[1] = rounded[(i_2 * 16) + 1];
        out[2] = rounded[(i_2 * 16) + 2];
        out[3] = rounded[(i_2 * 16) + 3];
        out[4] = rounded[(i_2 * 16) + 4];
        out[5] = rounded[(i_2 * 16) + 5];
        out[6] = rounded[(i_2 * 16) + 6];
        out[7] = rounded[(i_2 * 16) + 7];
        out[8] = rounded[(i_2 * 16) + 8];
        out[9] = rounded[(i_2 * 16) + 9];
        out[10] = rounded[(i_2 * 16) + 10];
        out[11] = rounded[(i_2 * 16) + 11];
        out[12] = rounded[(i_2 * 16) + 12];
        out[13] = rounded[(i_2 * 16) + 13];
        out[14] = rounded[(i_2 * 16) + 14];
        out[15] = rounded[(i_2 * 16) + 15];
        {
            union { uint4 all; uchar lane[16]; } vector;
            _Pragma("unroll")
            for (int l = 0; l < 16; l++) vector.lane[l] = out[l];
            *(device uint4*)(y + (long)((at + ((((i_2 * 16) >> 4) & 4095) * 16384)))) = vector.all;
        }
    }
}
