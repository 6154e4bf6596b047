// sample_candidates, f32, batch = 1, vocabulary = 151936, parts = 149

struct sample_candidates_arguments {
    long logits_stride0;
    long seen_stride0;
    long values_stride0;
    long tokens_stride0;
    long masses_stride0;
    int batch;
    int vocabulary;
    int parts;
};

[[kernel, max_total_threads_per_threadgroup(128)]]
void tw_kernel_sample_candidates(
    const device float* logits [[buffer(0)]],
    const device uchar* seen [[buffer(1)]],
    const device float* penalty [[buffer(2)]],
    const device float* temperature [[buffer(3)]],
    device float* values [[buffer(4)]],
    device uint* tokens [[buffer(5)]],
    device float* masses [[buffer(6)]],
    constant sample_candidates_arguments& arguments [[buffer(7)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup int taken0[256];
    threadgroup uint taken_at1[256];
    threadgroup int ordered2[256];
    threadgroup uint ordered_at3[256];
    const int thread_2 = (int)thread_index_in_threadgroup & 31;
    const int team = (int)thread_index_in_threadgroup >> 5;
    const int program = ((int)threadgroup_position_in_grid.x * 4) + team;
    const int program_2 = min(program, (arguments.parts + (-1)));
    const int at = thread_2 * 4;
    const int at_2 = thread_2 * 2;
    const int product = program_2 * 1024;
    float logits_in[32];
    uchar seen_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        logits_in[i * 4] = -INFINITY;
        logits_in[(i * 4) + 1] = -INFINITY;
        logits_in[(i * 4) + 2] = -INFINITY;
        logits_in[(i * 4) + 3] = -INFINITY;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 128))) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.y) * arguments.logits_stride0) + (long)((product + (at + ((((i * 4) >> 2) & 7) * 128))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in[(i * 4) + l] = vector.lane[l];
            }
        }
        seen_in[i * 4] = 0;
        seen_in[(i * 4) + 1] = 0;
        seen_in[(i * 4) + 2] = 0;
        seen_in[(i * 4) + 3] = 0;
        if ((product + (at + ((((i * 4) >> 2) & 7) * 128))) < arguments.vocabulary) {
            {
                union { uint all; uchar lane[4]; } vector;
                vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.y) * arguments.seen_stride0) + (long)((product + (at + ((((i * 4) >> 2) & 7) * 128))))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) seen_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    const float penalty_in = penalty[(long)((int)threadgroup_position_in_grid.y)];
    const float temperature_in = temperature[(long)((int)threadgroup_position_in_grid.y)];
    float chosen_2[32];
    float top[2];
    uint top_index[2];
    int key[32];
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const int rounded = (int)(seen_in[i]);
        const bool test = rounded > 0;
        const bool test_2 = logits_in[i] >= 0.0f;
        const float quotient = logits_in[i] / penalty_in;
        const float product_2 = logits_in[i] * penalty_in;
        const float chosen = test_2 ? quotient : product_2;
        chosen_2[i] = test ? chosen : logits_in[i];
        const float x = chosen_2[i];
        key[i] = (((x != x) ? 2147483647 : (as_type<int>(x) ^ ((as_type<int>(x) >> 31) & 2147483647))) == (-1)) ? 0 : ((x != x) ? 2147483647 : (as_type<int>(x) ^ ((as_type<int>(x) >> 31) & 2147483647)));
    }
    int least = -2147483647 - 1;
    for (int bit = 0; bit < 32; bit += 1) {
        const int with_bit = least ^ (1 << ((31 - bit) & 31));
        int count = 0;
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            count = count + ((key[i] >= with_bit) ? 1 : 0);
        }
        count = count + simd_shuffle_xor(count, 1);
        count = count + simd_shuffle_xor(count, 2);
        count = count + simd_shuffle_xor(count, 4);
        count = count + simd_shuffle_xor(count, 8);
        count = count + simd_shuffle_xor(count, 16);
        if (count >= 64) {
            least = with_bit;
        }
    }
    int count_2 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        count_2 = count_2 + ((key[i] > least) ? 1 : 0);
    }
    count_2 = count_2 + simd_shuffle_xor(count_2, 1);
    count_2 = count_2 + simd_shuffle_xor(count_2, 2);
    count_2 = count_2 + simd_shuffle_xor(count_2, 4);
    count_2 = count_2 + simd_shuffle_xor(count_2, 8);
    count_2 = count_2 + simd_shuffle_xor(count_2, 16);
    const int missing = 64 - count_2;
    int count_3 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        count_3 = count_3 + ((key[i] == least) ? 1 : 0);
    }
    count_3 = count_3 + simd_shuffle_xor(count_3, 1);
    count_3 = count_3 + simd_shuffle_xor(count_3, 2);
    count_3 = count_3 + simd_shuffle_xor(count_3, 4);
    count_3 = count_3 + simd_shuffle_xor(count_3, 8);
    count_3 = count_3 + simd_shuffle_xor(count_3, 16);
    int end = 2147483647;
    if (count_3 > missing) {
        int position = 0;
        for (int bit_2 = 0; bit_2 < 10; bit_2 += 1) {
            const int with_bit_2 = position ^ (1 << ((9 - bit_2) & 31));
            int count_4 = 0;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                count_4 = count_4 + (((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 7) * 128))) < with_bit_2)) ? 1 : 0);
            }
            count_4 = count_4 + simd_shuffle_xor(count_4, 1);
            count_4 = count_4 + simd_shuffle_xor(count_4, 2);
            count_4 = count_4 + simd_shuffle_xor(count_4, 4);
            count_4 = count_4 + simd_shuffle_xor(count_4, 8);
            count_4 = count_4 + simd_shuffle_xor(count_4, 16);
            if (count_4 < missing) {
                position = with_bit_2;
            }
        }
        end = position;
    }
    int count_5 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        count_5 = count_5 + (((key[i] > least) || ((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 7) * 128))) <= end))) ? 1 : 0);
    }
    int place = count_5;
    const int other_21 = simd_shuffle_up(place, 1);
    if ((int)thread_index_in_simdgroup >= 1) {
        place = place + other_21;
    }
    const int other_22 = simd_shuffle_up(place, 2);
    if ((int)thread_index_in_simdgroup >= 2) {
        place = place + other_22;
    }
    const int other_23 = simd_shuffle_up(place, 4);
    if ((int)thread_index_in_simdgroup >= 4) {
        place = place + other_23;
    }
    const int other_24 = simd_shuffle_up(place, 8);
    if ((int)thread_index_in_simdgroup >= 8) {
        place = place + other_24;
    }
    const int other_25 = simd_shuffle_up(place, 16);
    if ((int)thread_index_in_simdgroup >= 16) {
        place = place + other_25;
    }
    place = place - count_5;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        if ((key[i] > least) || ((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 7) * 128))) <= end))) {
            const float x_2 = chosen_2[i];
            const int x_3 = (x_2 != x_2) ? 2147483647 : (as_type<int>(x_2) ^ ((as_type<int>(x_2) >> 31) & 2147483647));
            taken0[(team * 64) + place] = (x_3 == (-1)) ? 0 : x_3;
            taken_at1[(team * 64) + place] = ((uint)((at + ((i & 3) + (((i >> 2) & 7) * 128)))) + (uint)((at + ((i & 3) + (((i >> 2) & 7) * 128))))) | ((x_3 == (-1)) ? 1u : 0u);
            place = place + 1;
        }
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    for (int n = thread_2; n < 64; n += 32) {
        const int own = taken0[(team * 64) + n];
        const uint own_at = taken_at1[(team * 64) + n];
        int rank = 0;
        for (int other_26 = 0; other_26 < 64; other_26 += 1) {
            const int x_4 = taken0[(team * 64) + other_26];
            rank = rank + (((x_4 > own) || ((x_4 == own) && (taken_at1[(team * 64) + other_26] < own_at))) ? 1 : 0);
        }
        ordered2[(team * 64) + rank] = own;
        ordered_at3[(team * 64) + rank] = own_at;
    }
    simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        top[i] = as_type<float>(((ordered2[(team * 64) + min((at_2 + (i & 1)), 63)] - (int)((ordered_at3[(team * 64) + min((at_2 + (i & 1)), 63)] & 1u))) ^ (((ordered2[(team * 64) + min((at_2 + (i & 1)), 63)] - (int)((ordered_at3[(team * 64) + min((at_2 + (i & 1)), 63)] & 1u))) >> 31) & 2147483647)));
        top_index[i] = ordered_at3[(team * 64) + min((at_2 + (i & 1)), 63)] >> 1u;
    }
    float greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, chosen_2[i]);
    }
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    const float abs_x = fabs(greatest);
    const bool test_3 = abs_x < INFINITY;
    const float chosen_3 = test_3 ? greatest : 0.0f;
    const bool test_4 = temperature_in > 0.0f;
    const float recip_x = 1.0f / temperature_in;
    const float chosen_4 = test_4 ? recip_x : 0.0f;
    float total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float difference = chosen_2[i] - chosen_3;
        const bool test_5 = difference > (-INFINITY);
        const float product_3 = difference * chosen_4;
        const float exp_x = precise::exp(product_3);
        total = total + (test_5 ? exp_x : 0.0f);
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    const int product_4 = program_2 * 64;
    if (program < arguments.parts) {
        if ((product_4 + at_2) < (64 * arguments.parts)) {
            {
                union { uint2 all; float lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = top[l];
                *(device uint2*)(values + (((long)((int)threadgroup_position_in_grid.y) * arguments.values_stride0) + (long)((product_4 + at_2)))) = vector.all;
            }
        }
    }
    const uint rounded_2 = (unsigned int)max(product, 0);
    uint added[2];
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        added[i] = top_index[i] + rounded_2;
    }
    if (program < arguments.parts) {
        if ((product_4 + at_2) < (64 * arguments.parts)) {
            {
                union { uint2 all; uint lane[2]; } vector;
                _Pragma("unroll")
                for (int l = 0; l < 2; l++) vector.lane[l] = added[l];
                *(device uint2*)(tokens + (((long)((int)threadgroup_position_in_grid.y) * arguments.tokens_stride0) + (long)((product_4 + at_2)))) = vector.all;
            }
        }
    }
    if ((program < arguments.parts) && ((thread_2 & 31) == 0)) {
        masses[((long)((int)threadgroup_position_in_grid.y) * arguments.masses_stride0) + (long)(program_2)] = total;
    }
}
