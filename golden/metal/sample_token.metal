// sample_token, f32, batch = 1, vocabulary = 151936, parts = 149, max_len = 1024

struct sample_token_arguments {
    long logits_stride0;
    long values_stride0;
    long tokens_stride0;
    long masses_stride0;
    long seen_stride0;
    long history_stride0;
    int batch;
    int vocabulary;
    int parts;
    int max_len;
};

[[kernel, max_total_threads_per_threadgroup(1024)]]
void tw_kernel_sample_token(
    const device float* logits [[buffer(0)]],
    const device float* values [[buffer(1)]],
    const device uint* tokens [[buffer(2)]],
    const device float* masses [[buffer(3)]],
    const device float* temperature [[buffer(4)]],
    const device int* top_k [[buffer(5)]],
    const device float* top_p [[buffer(6)]],
    const device float* min_p [[buffer(7)]],
    const device float* penalty [[buffer(8)]],
    const device uint* seed [[buffer(9)]],
    device uchar* seen [[buffer(10)]],
    device uint* history [[buffer(11)]],
    device uint* ids [[buffer(12)]],
    device int* positions [[buffer(13)]],
    device int* lens [[buffer(14)]],
    constant sample_token_arguments& arguments [[buffer(15)]],
    device uint* faults [[buffer(16)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[72];
    threadgroup int* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup int* partial1 = (decltype(partial1))(shared_memory + 0);
    threadgroup int* partial2 = (decltype(partial2))(shared_memory + 0);
    threadgroup int* partial3 = (decltype(partial3))(shared_memory + 8);
    threadgroup int* counts4 = (decltype(counts4))(shared_memory + 16);
    threadgroup int* taken5 = (decltype(taken5))(shared_memory + 0);
    threadgroup uint* taken_at6 = (decltype(taken_at6))(shared_memory + 24);
    threadgroup int* ordered7 = (decltype(ordered7))(shared_memory + 40);
    threadgroup uint* ordered_at8 = (decltype(ordered_at8))(shared_memory + 56);
    threadgroup float* partial9 = (decltype(partial9))(shared_memory + 0);
    threadgroup float* partial10 = (decltype(partial10))(shared_memory + 8);
    threadgroup float* partial11 = (decltype(partial11))(shared_memory + 0);
    threadgroup float* total12 = (decltype(total12))(shared_memory + 0);
    threadgroup float* partial13 = (decltype(partial13))(shared_memory + 1);
    threadgroup float* total14 = (decltype(total14))(shared_memory + 0);
    threadgroup float* partial15 = (decltype(partial15))(shared_memory + 1);
    threadgroup uint* partial16 = (decltype(partial16))(shared_memory + 9);
    threadgroup int* partial17 = (decltype(partial17))(shared_memory + 0);
    threadgroup uchar* partial18 = (decltype(partial18))(shared_memory + 8);
    threadgroup float* partial19 = (decltype(partial19))(shared_memory + 0);
    threadgroup float* partial20 = (decltype(partial20))(shared_memory + 0);
    threadgroup float* partial21 = (decltype(partial21))(shared_memory + 0);
    threadgroup float* partial22 = (decltype(partial22))(shared_memory + 0);
    threadgroup float* partial23 = (decltype(partial23))(shared_memory + 0);
    threadgroup float* partial24 = (decltype(partial24))(shared_memory + 0);
    threadgroup float* total25 = (decltype(total25))(shared_memory + 0);
    threadgroup float* partial26 = (decltype(partial26))(shared_memory + 2);
    threadgroup uint* partial27 = (decltype(partial27))(shared_memory + 10);
    threadgroup float* partial28 = (decltype(partial28))(shared_memory + 0);
    threadgroup float* total29 = (decltype(total29))(shared_memory + 0);
    threadgroup float* total30 = (decltype(total30))(shared_memory + 0);
    threadgroup float* partial31 = (decltype(partial31))(shared_memory + 8);
    threadgroup uint* partial32 = (decltype(partial32))(shared_memory + 0);
    threadgroup uchar* partial33 = (decltype(partial33))(shared_memory + 8);
    threadgroup float* partial34 = (decltype(partial34))(shared_memory + 0);
    threadgroup uint* partial35 = (decltype(partial35))(shared_memory + 8);
    threadgroup int* partial36 = (decltype(partial36))(shared_memory + 0);
    threadgroup int* partial37 = (decltype(partial37))(shared_memory + 8);
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_2 = (int)thread_index_in_threadgroup & 255;
    const int at_3 = (int)thread_index_in_threadgroup & 63;
    const int at_4 = (int)thread_index_in_threadgroup;
    const int lens_in = lens[(long)((int)threadgroup_position_in_grid.x)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.x)];
    const float temperature_in = temperature[(long)((int)threadgroup_position_in_grid.x)];
    const bool test = temperature_in > 0.0f;
    const float recip_x = 1.0f / temperature_in;
    const float chosen = test ? recip_x : 0.0f;
    const int top_k_in = top_k[(long)((int)threadgroup_position_in_grid.x)];
    const float top_p_in = top_p[(long)((int)threadgroup_position_in_grid.x)];
    const float min_p_in = min_p[(long)((int)threadgroup_position_in_grid.x)];
    float values_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        values_in[i * 4] = 0.0f;
        values_in[(i * 4) + 1] = 0.0f;
        values_in[(i * 4) + 2] = 0.0f;
        values_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 3) * 4096)) < (64 * arguments.parts)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(values + (((long)((int)threadgroup_position_in_grid.x) * arguments.values_stride0) + (long)((at + ((((i * 4) >> 2) & 3) * 4096)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) values_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float masses_in = 0.0f;
    if (at_2 < arguments.parts) {
        masses_in = masses[((long)((int)threadgroup_position_in_grid.x) * arguments.masses_stride0) + (long)(at_2)];
    }
    const uint seed_in = seed[(long)((int)threadgroup_position_in_grid.x)];
    int key[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const float x = values_in[i];
        key[i] = ((at + ((i & 3) + (((i >> 2) & 3) * 4096))) < (64 * arguments.parts)) ? ((((x != x) ? 2147483647 : (as_type<int>(x) ^ ((as_type<int>(x) >> 31) & 2147483647))) == (-1)) ? 0 : ((x != x) ? 2147483647 : (as_type<int>(x) ^ ((as_type<int>(x) >> 31) & 2147483647)))) : (-2147483647 - 1);
    }
    int least = -2147483647 - 1;
    for (int bit = 0; bit < 32; bit += 1) {
        const int with_bit = least ^ (1 << ((31 - bit) & 31));
        int count = 0;
        _Pragma("unroll")
        for (int i = 0; i < 16; i++) {
            count = count + ((key[i] >= with_bit) ? 1 : 0);
        }
        count = count + simd_shuffle_xor(count, 1);
        count = count + simd_shuffle_xor(count, 2);
        count = count + simd_shuffle_xor(count, 4);
        count = count + simd_shuffle_xor(count, 8);
        count = count + simd_shuffle_xor(count, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial0[(int)simdgroup_index_in_threadgroup] = count;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        count = 0;
        _Pragma("unroll")
        for (int i = 0; i < 32; i++) {
            count = count + partial0[i];
        }
        if (count >= 64) {
            least = with_bit;
        }
    }
    int count_2 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        count_2 = count_2 + ((key[i] > least) ? 1 : 0);
    }
    count_2 = count_2 + simd_shuffle_xor(count_2, 1);
    count_2 = count_2 + simd_shuffle_xor(count_2, 2);
    count_2 = count_2 + simd_shuffle_xor(count_2, 4);
    count_2 = count_2 + simd_shuffle_xor(count_2, 8);
    count_2 = count_2 + simd_shuffle_xor(count_2, 16);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = count_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    count_2 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        count_2 = count_2 + partial1[i];
    }
    const int missing = 64 - count_2;
    int count_3 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        count_3 = count_3 + ((key[i] == least) ? 1 : 0);
    }
    count_3 = count_3 + simd_shuffle_xor(count_3, 1);
    count_3 = count_3 + simd_shuffle_xor(count_3, 2);
    count_3 = count_3 + simd_shuffle_xor(count_3, 4);
    count_3 = count_3 + simd_shuffle_xor(count_3, 8);
    count_3 = count_3 + simd_shuffle_xor(count_3, 16);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        partial2[(int)simdgroup_index_in_threadgroup] = count_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    count_3 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        count_3 = count_3 + partial2[i];
    }
    int end = 2147483647;
    if (count_3 > missing) {
        int position = 0;
        for (int bit_2 = 0; bit_2 < 14; bit_2 += 1) {
            const int with_bit_2 = position ^ (1 << ((13 - bit_2) & 31));
            int count_4 = 0;
            _Pragma("unroll")
            for (int i = 0; i < 16; i++) {
                count_4 = count_4 + (((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 3) * 4096))) < with_bit_2)) ? 1 : 0);
            }
            count_4 = count_4 + simd_shuffle_xor(count_4, 1);
            count_4 = count_4 + simd_shuffle_xor(count_4, 2);
            count_4 = count_4 + simd_shuffle_xor(count_4, 4);
            count_4 = count_4 + simd_shuffle_xor(count_4, 8);
            count_4 = count_4 + simd_shuffle_xor(count_4, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial3[(int)simdgroup_index_in_threadgroup] = count_4;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            count_4 = 0;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                count_4 = count_4 + partial3[i];
            }
            if (count_4 < missing) {
                position = with_bit_2;
            }
        }
        end = position;
    }
    int count_5 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        count_5 = count_5 + ((((at + ((i & 3) + (((i >> 2) & 3) * 4096))) < (64 * arguments.parts)) && ((key[i] > least) || ((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 3) * 4096))) <= end)))) ? 1 : 0);
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
    const int all_ = simd_shuffle(place, thread_index_in_simdgroup | 31);
    if ((int)thread_index_in_simdgroup == 0) {
        counts4[(int)simdgroup_index_in_threadgroup] = all_;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        place = place + ((i < (int)simdgroup_index_in_threadgroup) ? counts4[i] : 0);
    }
    place = place - count_5;
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        if (((at + ((i & 3) + (((i >> 2) & 3) * 4096))) < (64 * arguments.parts)) && ((key[i] > least) || ((key[i] == least) && ((at + ((i & 3) + (((i >> 2) & 3) * 4096))) <= end)))) {
            const float x_2 = values_in[i];
            const int x_3 = (x_2 != x_2) ? 2147483647 : (as_type<int>(x_2) ^ ((as_type<int>(x_2) >> 31) & 2147483647));
            taken5[place] = (x_3 == (-1)) ? 0 : x_3;
            taken_at6[place] = ((uint)((at + ((i & 3) + (((i >> 2) & 3) * 4096)))) + (uint)((at + ((i & 3) + (((i >> 2) & 3) * 4096))))) | ((x_3 == (-1)) ? 1u : 0u);
            place = place + 1;
        }
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    for (int n = (int)thread_index_in_threadgroup; n < 64; n += 1024) {
        const int own = taken5[n];
        const uint own_at = taken_at6[n];
        int rank = 0;
        for (int other_26 = 0; other_26 < 64; other_26 += 1) {
            const int x_4 = taken5[other_26];
            rank = rank + (((x_4 > own) || ((x_4 == own) && (taken_at6[other_26] < own_at))) ? 1 : 0);
        }
        ordered7[rank] = own;
        ordered_at8[rank] = own_at;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    const float top = as_type<float>(((ordered7[min(at_3, 63)] - (int)((ordered_at8[min(at_3, 63)] & 1u))) ^ (((ordered7[min(at_3, 63)] - (int)((ordered_at8[min(at_3, 63)] & 1u))) >> 31) & 2147483647)));
    const uint top_index = ordered_at8[min(at_3, 63)] >> 1u;
    float greatest = -INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial9[(int)simdgroup_index_in_threadgroup] = greatest;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest = tw_max(greatest, partial9[((int)simdgroup_index_in_threadgroup & 30) + i]);
    }
    const float abs_x = fabs(greatest);
    const bool test_2 = abs_x < INFINITY;
    const float chosen_2 = test_2 ? greatest : 0.0f;
    float values_in_2 = 0.0f;
    if (at_2 < arguments.parts) {
        values_in_2 = values[((long)((int)threadgroup_position_in_grid.x) * arguments.values_stride0) + (long)((at_2 * 64))];
    }
    const float difference = values_in_2 - chosen_2;
    const bool test_3 = difference > (-INFINITY);
    const float product = difference * chosen;
    const float exp_x = precise::exp(product);
    const float chosen_3 = test_3 ? exp_x : 0.0f;
    const float product_2 = chosen_3 * masses_in;
    float total = 0.0f;
    if (at_2 < arguments.parts) {
        total = fma(chosen_3, masses_in, total);
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial10[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total = total + partial10[((int)simdgroup_index_in_threadgroup & 24) + i];
    }
    const bool test_4 = top_k_in > 0;
    const bool test_5 = top_k_in <= 64;
    const bool and_ = test_4 && test_5;
    const bool not_x = !and_;
    const bool test_6 = at_3 < top_k_in;
    const bool or_ = not_x || test_6;
    const float difference_2 = top - chosen_2;
    const bool test_7 = difference_2 > (-INFINITY);
    const float product_3 = difference_2 * chosen;
    const float exp_x_2 = precise::exp(product_3);
    const float chosen_4 = test_7 ? exp_x_2 : 0.0f;
    const float chosen_5 = or_ ? chosen_4 : 0.0f;
    float total_2 = 0.0f;
    total_2 = total_2 + chosen_5;
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial11[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial11[((int)simdgroup_index_in_threadgroup & 30) + i];
    }
    const float chosen_6 = and_ ? total_2 : total;
    float running;
    float carry = 0.0f;
    float sum = 0.0f;
    const float x_5 = chosen_5;
    running = sum;
    sum = sum + x_5;
    const int lane_ = (int)thread_index_in_simdgroup & 31;
    float running_2 = sum;
    const float other_42 = simd_shuffle_up(running_2, 1);
    running_2 = (lane_ >= 1) ? (other_42 + running_2) : running_2;
    const float other_43 = simd_shuffle_up(running_2, 2);
    running_2 = (lane_ >= 2) ? (other_43 + running_2) : running_2;
    const float other_44 = simd_shuffle_up(running_2, 4);
    running_2 = (lane_ >= 4) ? (other_44 + running_2) : running_2;
    const float other_45 = simd_shuffle_up(running_2, 8);
    running_2 = (lane_ >= 8) ? (other_45 + running_2) : running_2;
    const float other_46 = simd_shuffle_up(running_2, 16);
    running_2 = (lane_ >= 16) ? (other_46 + running_2) : running_2;
    const float other_47 = simd_shuffle_up(running_2, 1);
    const float below = (lane_ >= 1) ? other_47 : 0.0f;
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if (((int)thread_index_in_threadgroup & 991) == 31) {
        total12[(int)simdgroup_index_in_threadgroup & 1] = running_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base = 0.0f;
    float all_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part = total12[i];
        base = (i < ((int)simdgroup_index_in_threadgroup & 1)) ? (base + part) : base;
        all_2 = all_2 + part;
    }
    running = (carry + (base + below)) + running;
    carry = carry + all_2;
    const bool test_8 = top_p_in >= 1.0f;
    const float product_4 = top_p_in * chosen_6;
    const bool test_9 = running < product_4;
    const bool or_2 = test_8 || test_9;
    const bool test_10 = chosen_5 >= min_p_in;
    const bool and_2 = or_2 && test_10;
    const float chosen_7 = and_2 ? chosen_5 : 0.0f;
    const uint rounded = (uint)(0);
    const uint rounded_2 = (unsigned int)max(lens_in, 0);
    const uint random = tw_philox(rounded, seed_in, rounded_2);
    const uint shr = random >> 8u;
    const float product_5 = (float)(shr) * 5.9604645e-8f;
    float total_3 = 0.0f;
    total_3 = total_3 + chosen_7;
    total_3 = total_3 + simd_shuffle_xor(total_3, 1);
    total_3 = total_3 + simd_shuffle_xor(total_3, 2);
    total_3 = total_3 + simd_shuffle_xor(total_3, 4);
    total_3 = total_3 + simd_shuffle_xor(total_3, 8);
    total_3 = total_3 + simd_shuffle_xor(total_3, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial13[(int)simdgroup_index_in_threadgroup] = total_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_3 = total_3 + partial13[((int)simdgroup_index_in_threadgroup & 30) + i];
    }
    const float product_6 = product_5 * total_3;
    float running_3;
    float carry_2 = 0.0f;
    float sum_2 = 0.0f;
    sum_2 = sum_2 + chosen_7;
    running_3 = sum_2;
    const int lane_2 = (int)thread_index_in_simdgroup & 31;
    float running_4 = sum_2;
    const float other_53 = simd_shuffle_up(running_4, 1);
    running_4 = (lane_2 >= 1) ? (other_53 + running_4) : running_4;
    const float other_54 = simd_shuffle_up(running_4, 2);
    running_4 = (lane_2 >= 2) ? (other_54 + running_4) : running_4;
    const float other_55 = simd_shuffle_up(running_4, 4);
    running_4 = (lane_2 >= 4) ? (other_55 + running_4) : running_4;
    const float other_56 = simd_shuffle_up(running_4, 8);
    running_4 = (lane_2 >= 8) ? (other_56 + running_4) : running_4;
    const float other_57 = simd_shuffle_up(running_4, 16);
    running_4 = (lane_2 >= 16) ? (other_57 + running_4) : running_4;
    const float other_58 = simd_shuffle_up(running_4, 1);
    const float below_2 = (lane_2 >= 1) ? other_58 : 0.0f;
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if (((int)thread_index_in_threadgroup & 991) == 31) {
        total14[(int)simdgroup_index_in_threadgroup & 1] = running_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_2 = 0.0f;
    float all_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part_2 = total14[i];
        base_2 = (i < ((int)simdgroup_index_in_threadgroup & 1)) ? (base_2 + part_2) : base_2;
        all_3 = all_3 + part_2;
    }
    running_3 = (carry_2 + (base_2 + below_2)) + running_3;
    carry_2 = carry_2 + all_3;
    const bool test_11 = running_3 > product_6;
    const bool test_12 = chosen_7 > 0.0f;
    const bool and_3 = test_11 && test_12;
    const float chosen_8 = and_3 ? 1.0f : 0.0f;
    float greatest_2 = -INFINITY;
    greatest_2 = tw_max(greatest_2, chosen_8);
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 1));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 2));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 4));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 8));
    greatest_2 = tw_max(greatest_2, simd_shuffle_xor(greatest_2, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial15[(int)simdgroup_index_in_threadgroup] = greatest_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_2 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest_2 = tw_max(greatest_2, partial15[((int)simdgroup_index_in_threadgroup & 30) + i]);
    }
    const bool test_13 = chosen_8 == greatest_2;
    const bool is_nan_x = chosen_8 != chosen_8;
    const bool or_3 = test_13 || is_nan_x;
    const uint rounded_3 = (uint)(at_3);
    const uint chosen_9 = or_3 ? rounded_3 : 4294967295u;
    uint least_2 = 4294967295u;
    least_2 = min(least_2, chosen_9);
    least_2 = min(least_2, simd_shuffle_xor(least_2, 1));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 2));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 4));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 8));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial16[(int)simdgroup_index_in_threadgroup] = least_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_2 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least_2 = min(least_2, partial16[((int)simdgroup_index_in_threadgroup & 30) + i]);
    }
    const int rounded_4 = (int)min(least_2, 2147483647u);
    const bool test_14 = at_3 == rounded_4;
    const int rounded_5 = (int)min(top_index, 2147483647u);
    const int chosen_10 = test_14 ? rounded_5 : 0;
    int total_4 = 0;
    total_4 = total_4 + chosen_10;
    total_4 = total_4 + simd_shuffle_xor(total_4, 1);
    total_4 = total_4 + simd_shuffle_xor(total_4, 2);
    total_4 = total_4 + simd_shuffle_xor(total_4, 4);
    total_4 = total_4 + simd_shuffle_xor(total_4, 8);
    total_4 = total_4 + simd_shuffle_xor(total_4, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial17[(int)simdgroup_index_in_threadgroup] = total_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_4 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_4 = total_4 + partial17[((int)simdgroup_index_in_threadgroup & 30) + i];
    }
    const int index = tw_checked(total_4, (64 * arguments.parts), faults, 0);
    const uint tokens_in = tokens[((long)((int)threadgroup_position_in_grid.x) * arguments.tokens_stride0) + (long)(index)];
    const bool test_15 = at_3 >= 63;
    const bool and_4 = test_15 && test_12;
    bool reduced = false;
    reduced = reduced || and_4;
    const bool other_74 = simd_shuffle_xor((int)(reduced), 1);
    reduced = reduced || other_74;
    const bool other_75 = simd_shuffle_xor((int)(reduced), 2);
    reduced = reduced || other_75;
    const bool other_76 = simd_shuffle_xor((int)(reduced), 4);
    reduced = reduced || other_76;
    const bool other_77 = simd_shuffle_xor((int)(reduced), 8);
    reduced = reduced || other_77;
    const bool other_78 = simd_shuffle_xor((int)(reduced), 16);
    reduced = reduced || other_78;
    if ((int)thread_index_in_simdgroup == 0) {
        partial18[(int)simdgroup_index_in_threadgroup] = reduced;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    reduced = false;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        reduced = reduced || (partial18[((int)simdgroup_index_in_threadgroup & 30) + i] != 0);
    }
    const bool and_5 = reduced && not_x;
    const bool test_16 = top_k_in > 64;
    const bool or_4 = and_5 || test_16;
    const bool test_17 = top_k_in <= 0;
    const bool and_6 = test_17 && test_8;
    const bool test_18 = min_p_in <= 0.0f;
    const bool and_7 = and_6 && test_18;
    const bool test_19 = chosen > 0.0f;
    const bool not_x_2 = !test_19;
    const bool not_x_3 = !and_7;
    const bool and_8 = or_4 && not_x_3;
    const bool and_9 = and_8 && test_19;
    const bool and_10 = and_9 && test_2;
    const bool and_11 = and_10 && test_4;
    const bool test_20 = top_p_in < 1.0f;
    const bool and_12 = and_10 && test_20;
    int v = -2147483647 - 1;
    float v_2 = 0.0f;
    float v_3 = total;
    int v_4 = -2147483647 - 1;
    float v_5 = 0.0f;
    const int chosen_11 = and_11 ? 1 : 0;
    const int chosen_12 = and_12 ? 2 : chosen_11;
    const int chosen_13 = and_11 ? 0 : 1;
    const float wide_2 = (float)(top_k_in);
    const float tile = 0.0f;
    for (int j = chosen_13; j < chosen_12; j += 1) {
        const bool test_21 = j == 0;
        const float product_7 = top_p_in * v_3;
        const float chosen_14 = test_21 ? wide_2 : product_7;
        int v_6 = -2147483647 - 1;
        int v_7 = 2147483647;
        float v_8 = 0.0f;
        for (int j_2 = 0; j_2 < 17; j_2 += 1) {
            const int tile_3 = v_6;
            const int tile_4 = v_7;
            const int added = (tile_3 >> 1) + (tile_4 >> 1);
            const int and_13 = tile_3 & tile_4;
            const int added_2 = added + (and_13 & 1);
            const int tile_5 = v_6;
            const int shr_4 = tile_5 >> 1;
            const int shr_5 = added_2 >> 1;
            const int added_3 = shr_4 + shr_5;
            const int and_15 = tile_5 & added_2;
            const int added_4 = added_3 + (and_15 & 1);
            const int tile_6 = v_7;
            const int added_5 = shr_5 + (tile_6 >> 1);
            const int and_17 = added_2 & tile_6;
            const int added_6 = added_5 + (and_17 & 1);
            float v_9 = tile;
            float v_10 = tile;
            float v_11 = tile;
            for (int j_3 = 0; j_3 < arguments.parts; j_3 += 1) {
                const int product_8 = j_3 * 1024;
                float logits_in = -INFINITY;
                if ((product_8 + at_4) < arguments.vocabulary) {
                    logits_in = logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_8 + at_4))];
                }
                uchar seen_in = 0;
                if ((product_8 + at_4) < arguments.vocabulary) {
                    seen_in = seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_8 + at_4))];
                }
                const float penalty_in = penalty[(long)((int)threadgroup_position_in_grid.x)];
                const int rounded_6 = (int)(seen_in);
                const bool test_22 = rounded_6 > 0;
                const bool test_23 = logits_in >= 0.0f;
                const float quotient = logits_in / penalty_in;
                const float product_9 = logits_in * penalty_in;
                const float chosen_15 = test_23 ? quotient : product_9;
                const float chosen_16 = test_22 ? chosen_15 : logits_in;
                const float smaller = tw_min((chosen_16 - chosen_2), 0.0f);
                const bool test_24 = smaller > (-INFINITY);
                const float product_10 = smaller * chosen;
                const float exp_x_3 = precise::exp(product_10);
                const float chosen_17 = test_24 ? exp_x_3 : 0.0f;
                const bool test_25 = chosen_16 != 0.0f;
                const float chosen_18 = test_25 ? chosen_16 : 0.0f;
                const int tile_7 = as_type<int>(chosen_18);
                const bool test_26 = tile_7 >= 0;
                const int xor_ = tile_7 ^ 2147483647;
                const int chosen_19 = test_26 ? tile_7 : xor_;
                const float chosen_20 = test_21 ? 1.0f : chosen_17;
                const bool test_27 = chosen_19 > added_4;
                const float added_7 = v_9 + (test_27 ? chosen_20 : 0.0f);
                v_9 = added_7;
                const bool test_28 = chosen_19 > added_2;
                const float added_8 = v_10 + (test_28 ? chosen_20 : 0.0f);
                v_10 = added_8;
                const bool test_29 = chosen_19 > added_6;
                const float added_9 = v_11 + (test_29 ? chosen_20 : 0.0f);
                v_11 = added_9;
            }
            const float tile_11 = v_9;
            float total_5 = 0.0f;
            total_5 = total_5 + tile_11;
            total_5 = total_5 + simd_shuffle_xor(total_5, 1);
            total_5 = total_5 + simd_shuffle_xor(total_5, 2);
            total_5 = total_5 + simd_shuffle_xor(total_5, 4);
            total_5 = total_5 + simd_shuffle_xor(total_5, 8);
            total_5 = total_5 + simd_shuffle_xor(total_5, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial19[(int)simdgroup_index_in_threadgroup] = total_5;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_5 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_5 = total_5 + partial19[i];
            }
            const float tile_12 = v_10;
            float total_6 = 0.0f;
            total_6 = total_6 + tile_12;
            total_6 = total_6 + simd_shuffle_xor(total_6, 1);
            total_6 = total_6 + simd_shuffle_xor(total_6, 2);
            total_6 = total_6 + simd_shuffle_xor(total_6, 4);
            total_6 = total_6 + simd_shuffle_xor(total_6, 8);
            total_6 = total_6 + simd_shuffle_xor(total_6, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial20[(int)simdgroup_index_in_threadgroup] = total_6;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_6 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_6 = total_6 + partial20[i];
            }
            const float tile_13 = v_11;
            float total_7 = 0.0f;
            total_7 = total_7 + tile_13;
            total_7 = total_7 + simd_shuffle_xor(total_7, 1);
            total_7 = total_7 + simd_shuffle_xor(total_7, 2);
            total_7 = total_7 + simd_shuffle_xor(total_7, 4);
            total_7 = total_7 + simd_shuffle_xor(total_7, 8);
            total_7 = total_7 + simd_shuffle_xor(total_7, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial21[(int)simdgroup_index_in_threadgroup] = total_7;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_7 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_7 = total_7 + partial21[i];
            }
            const bool test_30 = total_5 >= chosen_14;
            const bool test_31 = total_6 >= chosen_14;
            const bool test_32 = total_7 >= chosen_14;
            const float tile_14 = v_8;
            const float chosen_24 = test_30 ? total_6 : total_5;
            const float chosen_25 = test_31 ? total_7 : chosen_24;
            const float chosen_26 = test_32 ? tile_14 : chosen_25;
            const int tile_15 = v_7;
            const int chosen_27 = test_30 ? added_2 : added_4;
            const int chosen_28 = test_31 ? added_6 : chosen_27;
            const int chosen_29 = test_32 ? tile_15 : chosen_28;
            const int tile_16 = v_6;
            const int chosen_30 = test_30 ? added_4 : tile_16;
            const int chosen_31 = test_31 ? added_2 : chosen_30;
            const int chosen_32 = test_32 ? added_6 : chosen_31;
            v_6 = chosen_32;
            v_7 = chosen_29;
            v_8 = chosen_26;
        }
        const int tile_17 = v_7;
        const float tile_18 = v_8;
        float v_12 = 0.0f;
        const int chosen_33 = test_21 ? arguments.parts : 0;
        for (int j_4 = 0; j_4 < chosen_33; j_4 += 1) {
            const int product_11 = j_4 * 1024;
            float logits_in_2 = -INFINITY;
            if ((product_11 + at_4) < arguments.vocabulary) {
                logits_in_2 = logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_11 + at_4))];
            }
            uchar seen_in_2 = 0;
            if ((product_11 + at_4) < arguments.vocabulary) {
                seen_in_2 = seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_11 + at_4))];
            }
            const float penalty_in_2 = penalty[(long)((int)threadgroup_position_in_grid.x)];
            const int rounded_7 = (int)(seen_in_2);
            const bool test_33 = rounded_7 > 0;
            const bool test_34 = logits_in_2 >= 0.0f;
            const float quotient_2 = logits_in_2 / penalty_in_2;
            const float product_12 = logits_in_2 * penalty_in_2;
            const float chosen_34 = test_34 ? quotient_2 : product_12;
            const float chosen_35 = test_33 ? chosen_34 : logits_in_2;
            const float smaller_2 = tw_min((chosen_35 - chosen_2), 0.0f);
            const bool test_35 = smaller_2 > (-INFINITY);
            const float product_13 = smaller_2 * chosen;
            const float exp_x_4 = precise::exp(product_13);
            const float chosen_36 = test_35 ? exp_x_4 : 0.0f;
            const bool test_36 = chosen_35 != 0.0f;
            const float chosen_37 = test_36 ? chosen_35 : 0.0f;
            const int tile_19 = as_type<int>(chosen_37);
            const bool test_37 = tile_19 >= 0;
            const int xor_2 = tile_19 ^ 2147483647;
            const int chosen_38 = test_37 ? tile_19 : xor_2;
            const bool test_38 = chosen_38 > tile_17;
            const float chosen_39 = test_38 ? chosen_36 : 0.0f;
            const float tile_20 = v_12;
            float total_8 = 0.0f;
            total_8 = total_8 + chosen_39;
            total_8 = total_8 + simd_shuffle_xor(total_8, 1);
            total_8 = total_8 + simd_shuffle_xor(total_8, 2);
            total_8 = total_8 + simd_shuffle_xor(total_8, 4);
            total_8 = total_8 + simd_shuffle_xor(total_8, 8);
            total_8 = total_8 + simd_shuffle_xor(total_8, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial22[(int)simdgroup_index_in_threadgroup] = total_8;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_8 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_8 = total_8 + partial22[i];
            }
            const float added_10 = tile_20 + total_8;
            v_12 = added_10;
        }
        const float difference_5 = chosen_14 - tile_18;
        const bool test_39 = tile_17 >= 0;
        const int xor_3 = tile_17 ^ 2147483647;
        const int chosen_40 = test_39 ? tile_17 : xor_3;
        const float smaller_3 = tw_min((as_type<float>(chosen_40) - chosen_2), 0.0f);
        const bool test_40 = smaller_3 > (-INFINITY);
        const float product_14 = smaller_3 * chosen;
        const float exp_x_5 = precise::exp(product_14);
        const float chosen_41 = test_40 ? exp_x_5 : 0.0f;
        const int tile_22 = v;
        const int chosen_42 = test_21 ? tile_17 : tile_22;
        v = chosen_42;
        const float tile_23 = v_2;
        const float chosen_43 = test_21 ? difference_5 : tile_23;
        v_2 = chosen_43;
        const float tile_24 = v_12;
        const float fma_x = fma(difference_5, chosen_41, tile_24);
        const float tile_25 = v_3;
        const float chosen_44 = test_21 ? fma_x : tile_25;
        v_3 = chosen_44;
        const int tile_26 = v_4;
        const int chosen_45 = test_21 ? tile_26 : tile_17;
        v_4 = chosen_45;
        const float quotient_3 = difference_5 / chosen_41;
        const float larger = tw_max(ceil(quotient_3), 1.0f);
        v_5 = larger;
    }
    const int tile_27 = v;
    const int tile_28 = v_4;
    const float smaller_4 = tw_min(v_2, v_5);
    const bool test_41 = tile_28 > tile_27;
    const float tile_31 = v_5;
    const float tile_32 = v_2;
    const float chosen_46 = test_41 ? tile_31 : tile_32;
    const int larger_2 = max(tile_27, tile_28);
    const bool test_42 = tile_27 == tile_28;
    const float chosen_47 = test_42 ? smaller_4 : chosen_46;
    const float chosen_48 = and_10 ? min_p_in : 0.0f;
    const bool test_43 = larger_2 >= 0;
    const int xor_4 = larger_2 ^ 2147483647;
    const int chosen_49 = test_43 ? larger_2 : xor_4;
    const float smaller_5 = tw_min((as_type<float>(chosen_49) - chosen_2), 0.0f);
    const bool test_44 = smaller_5 > (-INFINITY);
    const float product_15 = smaller_5 * chosen;
    const float exp_x_6 = precise::exp(product_15);
    const float chosen_50 = test_44 ? exp_x_6 : 0.0f;
    int v_13 = -1;
    float v_14 = 0.0f;
    float v_15 = 0.0f;
    float v_16 = INFINITY;
    const int chosen_51 = and_10 ? 2 : 0;
    for (int j_5 = 0; j_5 < chosen_51; j_5 += 1) {
        float v_17 = 0.0f;
        float v_18 = 0.0f;
        for (int j_6 = 0; j_6 < arguments.parts; j_6 += 1) {
            const int product_16 = j_6 * 1024;
            float logits_in_3 = -INFINITY;
            if ((product_16 + at_4) < arguments.vocabulary) {
                logits_in_3 = logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_16 + at_4))];
            }
            uchar seen_in_3 = 0;
            if ((product_16 + at_4) < arguments.vocabulary) {
                seen_in_3 = seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_16 + at_4))];
            }
            const float penalty_in_3 = penalty[(long)((int)threadgroup_position_in_grid.x)];
            const int rounded_8 = (int)(seen_in_3);
            const bool test_45 = rounded_8 > 0;
            const bool test_46 = logits_in_3 >= 0.0f;
            const float quotient_4 = logits_in_3 / penalty_in_3;
            const float product_17 = logits_in_3 * penalty_in_3;
            const float chosen_52 = test_46 ? quotient_4 : product_17;
            const float chosen_53 = test_45 ? chosen_52 : logits_in_3;
            const float smaller_6 = tw_min((chosen_53 - chosen_2), 0.0f);
            const bool test_47 = smaller_6 > (-INFINITY);
            const float product_18 = smaller_6 * chosen;
            const float exp_x_7 = precise::exp(product_18);
            const float chosen_54 = test_47 ? exp_x_7 : 0.0f;
            const bool test_48 = chosen_53 != 0.0f;
            const float chosen_55 = test_48 ? chosen_53 : 0.0f;
            const int tile_34 = as_type<int>(chosen_55);
            const bool test_49 = tile_34 >= 0;
            const int xor_5 = tile_34 ^ 2147483647;
            const int chosen_56 = test_49 ? tile_34 : xor_5;
            const bool test_50 = chosen_54 >= chosen_48;
            const bool test_51 = chosen_56 > larger_2;
            const bool and_19 = test_51 && test_50;
            const float chosen_57 = and_19 ? chosen_54 : 0.0f;
            const bool test_52 = chosen_56 == larger_2;
            const bool and_20 = test_52 && test_50;
            const float chosen_58 = and_20 ? 1.0f : 0.0f;
            float total_9 = 0.0f;
            total_9 = total_9 + chosen_57;
            total_9 = total_9 + simd_shuffle_xor(total_9, 1);
            total_9 = total_9 + simd_shuffle_xor(total_9, 2);
            total_9 = total_9 + simd_shuffle_xor(total_9, 4);
            total_9 = total_9 + simd_shuffle_xor(total_9, 8);
            total_9 = total_9 + simd_shuffle_xor(total_9, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial23[(int)simdgroup_index_in_threadgroup] = total_9;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_9 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_9 = total_9 + partial23[i];
            }
            float total_10 = 0.0f;
            total_10 = total_10 + chosen_58;
            total_10 = total_10 + simd_shuffle_xor(total_10, 1);
            total_10 = total_10 + simd_shuffle_xor(total_10, 2);
            total_10 = total_10 + simd_shuffle_xor(total_10, 4);
            total_10 = total_10 + simd_shuffle_xor(total_10, 8);
            total_10 = total_10 + simd_shuffle_xor(total_10, 16);
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            if ((int)thread_index_in_simdgroup == 0) {
                partial24[(int)simdgroup_index_in_threadgroup] = total_10;
            }
            threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
            total_10 = 0.0f;
            _Pragma("unroll")
            for (int i = 0; i < 32; i++) {
                total_10 = total_10 + partial24[i];
            }
            const float tile_35 = v_17;
            const float tile_36 = v_18;
            const bool test_53 = tile_36 > 0.0f;
            const float product_19 = tw_min(tile_36, chosen_47) * chosen_50;
            const float added_11 = tile_35 + (test_53 ? product_19 : 0.0f);
            const float added_12 = v_17 + total_9;
            const float added_13 = v_18 + total_10;
            const bool test_54 = added_13 > 0.0f;
            const float product_20 = tw_min(added_13, chosen_47) * chosen_50;
            const float added_14 = added_12 + (test_54 ? product_20 : 0.0f);
            const int tile_39 = v_13;
            const bool test_55 = tile_39 < 0;
            const float tile_40 = v_16;
            const bool test_56 = added_14 > tile_40;
            const bool and_21 = test_55 && test_56;
            const float difference_9 = v_16 - added_11;
            const float tile_42 = v_14;
            const float chosen_61 = and_21 ? difference_9 : tile_42;
            v_14 = chosen_61;
            const float difference_10 = chosen_47 - v_18;
            const float tile_44 = v_15;
            const float chosen_62 = and_21 ? difference_10 : tile_44;
            v_15 = chosen_62;
            const int tile_45 = v_13;
            const int chosen_63 = and_21 ? j_6 : tile_45;
            v_13 = chosen_63;
            const float added_15 = v_17 + total_9;
            v_17 = added_15;
            const float added_16 = v_18 + total_10;
            v_18 = added_16;
        }
        const float tile_48 = v_17;
        const float tile_49 = v_18;
        const bool test_57 = tile_49 > 0.0f;
        const float product_21 = tw_min(tile_49, chosen_47) * chosen_50;
        const float product_22 = product_5 * (tile_48 + (test_57 ? product_21 : 0.0f));
        v_16 = product_22;
    }
    const int tile_50 = v_13;
    const float tile_51 = v_14;
    const float tile_52 = v_15;
    const float product_23 = product_5 * total;
    const float penalty_in_4 = penalty[(long)((int)threadgroup_position_in_grid.x)];
    float running_5;
    float carry_3 = 0.0f;
    float sum_3 = 0.0f;
    sum_3 = sum_3 + ((at_2 < arguments.parts) ? product_2 : 0.0f);
    running_5 = sum_3;
    const int lane_3 = (int)thread_index_in_simdgroup & 31;
    float running_6 = sum_3;
    const float other_109 = simd_shuffle_up(running_6, 1);
    running_6 = (lane_3 >= 1) ? (other_109 + running_6) : running_6;
    const float other_110 = simd_shuffle_up(running_6, 2);
    running_6 = (lane_3 >= 2) ? (other_110 + running_6) : running_6;
    const float other_111 = simd_shuffle_up(running_6, 4);
    running_6 = (lane_3 >= 4) ? (other_111 + running_6) : running_6;
    const float other_112 = simd_shuffle_up(running_6, 8);
    running_6 = (lane_3 >= 8) ? (other_112 + running_6) : running_6;
    const float other_113 = simd_shuffle_up(running_6, 16);
    running_6 = (lane_3 >= 16) ? (other_113 + running_6) : running_6;
    const float other_114 = simd_shuffle_up(running_6, 1);
    const float below_3 = (lane_3 >= 1) ? other_114 : 0.0f;
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if (((int)thread_index_in_threadgroup & 799) == 31) {
        total25[(int)simdgroup_index_in_threadgroup & 7] = running_6;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_3 = 0.0f;
    float all_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_3 = total25[i];
        base_3 = (i < ((int)simdgroup_index_in_threadgroup & 7)) ? (base_3 + part_3) : base_3;
        all_4 = all_4 + part_3;
    }
    running_5 = (carry_3 + (base_3 + below_3)) + running_5;
    carry_3 = carry_3 + all_4;
    const bool test_58 = running_5 > product_23;
    const bool test_59 = product_2 > 0.0f;
    const bool and_22 = test_58 && test_59;
    const float chosen_65 = and_22 ? 1.0f : 0.0f;
    float greatest_3 = -INFINITY;
    if (at_2 < arguments.parts) {
        greatest_3 = tw_max(greatest_3, chosen_65);
    }
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 1));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 2));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 4));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 8));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial26[(int)simdgroup_index_in_threadgroup] = greatest_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_3 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_3 = tw_max(greatest_3, partial26[((int)simdgroup_index_in_threadgroup & 24) + i]);
    }
    const bool test_60 = chosen_65 == greatest_3;
    const bool is_nan_x_2 = chosen_65 != chosen_65;
    const bool or_5 = test_60 || is_nan_x_2;
    const uint rounded_9 = (uint)(at_2);
    const uint chosen_66 = or_5 ? rounded_9 : 4294967295u;
    uint least_3 = 4294967295u;
    if (at_2 < arguments.parts) {
        least_3 = min(least_3, chosen_66);
    }
    least_3 = min(least_3, simd_shuffle_xor(least_3, 1));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 2));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 4));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 8));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial27[(int)simdgroup_index_in_threadgroup] = least_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_3 = min(least_3, partial27[((int)simdgroup_index_in_threadgroup & 24) + i]);
    }
    const bool test_61 = least_3 == 4294967295u;
    const uint chosen_67 = test_61 ? 0u : least_3;
    const int rounded_10 = (int)min(chosen_67, 2147483647u);
    const bool test_62 = at_2 < rounded_10;
    const float chosen_68 = test_62 ? product_2 : 0.0f;
    float total_11 = 0.0f;
    if (at_2 < arguments.parts) {
        total_11 = total_11 + chosen_68;
    }
    total_11 = total_11 + simd_shuffle_xor(total_11, 1);
    total_11 = total_11 + simd_shuffle_xor(total_11, 2);
    total_11 = total_11 + simd_shuffle_xor(total_11, 4);
    total_11 = total_11 + simd_shuffle_xor(total_11, 8);
    total_11 = total_11 + simd_shuffle_xor(total_11, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial28[(int)simdgroup_index_in_threadgroup] = total_11;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_11 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total_11 = total_11 + partial28[((int)simdgroup_index_in_threadgroup & 24) + i];
    }
    const float difference_11 = product_23 - total_11;
    const int larger_3 = max(tile_50, 0);
    const int chosen_69 = and_10 ? larger_3 : rounded_10;
    const float chosen_70 = and_10 ? tile_51 : difference_11;
    const int product_24 = chosen_69 * 1024;
    float logits_in_4 = -INFINITY;
    if (((min(product_24, arguments.vocabulary) + at_4) >= 0) && ((min(product_24, arguments.vocabulary) + at_4) < arguments.vocabulary)) {
        logits_in_4 = logits[((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((min(product_24, arguments.vocabulary) + at_4))];
    }
    uchar seen_in_4 = 0;
    if (((min(product_24, arguments.vocabulary) + at_4) >= 0) && ((min(product_24, arguments.vocabulary) + at_4) < arguments.vocabulary)) {
        seen_in_4 = seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((min(product_24, arguments.vocabulary) + at_4))];
    }
    const int rounded_11 = (int)(seen_in_4);
    const bool test_63 = rounded_11 > 0;
    const bool test_64 = logits_in_4 >= 0.0f;
    const float quotient_5 = logits_in_4 / penalty_in_4;
    const float product_25 = logits_in_4 * penalty_in_4;
    const float chosen_71 = test_64 ? quotient_5 : product_25;
    const float chosen_72 = test_63 ? chosen_71 : logits_in_4;
    const float smaller_10 = tw_min((chosen_72 - chosen_2), 0.0f);
    const bool test_65 = smaller_10 > (-INFINITY);
    const float product_26 = smaller_10 * chosen;
    const float exp_x_8 = precise::exp(product_26);
    const float chosen_73 = test_65 ? exp_x_8 : 0.0f;
    const bool test_66 = chosen_72 != 0.0f;
    const float chosen_74 = test_66 ? chosen_72 : 0.0f;
    const int tile_53 = as_type<int>(chosen_74);
    const bool test_67 = tile_53 >= 0;
    const int xor_6 = tile_53 ^ 2147483647;
    const int chosen_75 = test_67 ? tile_53 : xor_6;
    const bool test_68 = chosen_75 == larger_2;
    const float chosen_76 = test_68 ? 1.0f : 0.0f;
    float running_7;
    float carry_4 = 0.0f;
    float sum_4 = 0.0f;
    const float x_8 = chosen_76;
    running_7 = sum_4;
    sum_4 = sum_4 + x_8;
    const int lane_4 = (int)thread_index_in_simdgroup & 31;
    float running_8 = sum_4;
    const float other_130 = simd_shuffle_up(running_8, 1);
    running_8 = (lane_4 >= 1) ? (other_130 + running_8) : running_8;
    const float other_131 = simd_shuffle_up(running_8, 2);
    running_8 = (lane_4 >= 2) ? (other_131 + running_8) : running_8;
    const float other_132 = simd_shuffle_up(running_8, 4);
    running_8 = (lane_4 >= 4) ? (other_132 + running_8) : running_8;
    const float other_133 = simd_shuffle_up(running_8, 8);
    running_8 = (lane_4 >= 8) ? (other_133 + running_8) : running_8;
    const float other_134 = simd_shuffle_up(running_8, 16);
    running_8 = (lane_4 >= 16) ? (other_134 + running_8) : running_8;
    const float other_135 = simd_shuffle_up(running_8, 1);
    const float below_4 = (lane_4 >= 1) ? other_135 : 0.0f;
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 31) {
        total29[(int)simdgroup_index_in_threadgroup] = running_8;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_4 = 0.0f;
    float all_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float part_4 = total29[i];
        base_4 = (i < (int)simdgroup_index_in_threadgroup) ? (base_4 + part_4) : base_4;
        all_5 = all_5 + part_4;
    }
    running_7 = (carry_4 + (base_4 + below_4)) + running_7;
    carry_4 = carry_4 + all_5;
    const bool test_69 = chosen_75 > larger_2;
    const bool test_70 = running_7 < tile_52;
    const bool and_23 = test_68 && test_70;
    const bool or_6 = test_69 || and_23;
    const bool test_71 = chosen_73 >= chosen_48;
    const bool and_24 = or_6 && test_71;
    const float chosen_77 = and_24 ? chosen_73 : 0.0f;
    float running_9;
    float carry_5 = 0.0f;
    float sum_5 = 0.0f;
    sum_5 = sum_5 + chosen_77;
    running_9 = sum_5;
    const int lane_5 = (int)thread_index_in_simdgroup & 31;
    float running_10 = sum_5;
    const float other_136 = simd_shuffle_up(running_10, 1);
    running_10 = (lane_5 >= 1) ? (other_136 + running_10) : running_10;
    const float other_137 = simd_shuffle_up(running_10, 2);
    running_10 = (lane_5 >= 2) ? (other_137 + running_10) : running_10;
    const float other_138 = simd_shuffle_up(running_10, 4);
    running_10 = (lane_5 >= 4) ? (other_138 + running_10) : running_10;
    const float other_139 = simd_shuffle_up(running_10, 8);
    running_10 = (lane_5 >= 8) ? (other_139 + running_10) : running_10;
    const float other_140 = simd_shuffle_up(running_10, 16);
    running_10 = (lane_5 >= 16) ? (other_140 + running_10) : running_10;
    const float other_141 = simd_shuffle_up(running_10, 1);
    const float below_5 = (lane_5 >= 1) ? other_141 : 0.0f;
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 31) {
        total30[(int)simdgroup_index_in_threadgroup] = running_10;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_5 = 0.0f;
    float all_6 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const float part_5 = total30[i];
        base_5 = (i < (int)simdgroup_index_in_threadgroup) ? (base_5 + part_5) : base_5;
        all_6 = all_6 + part_5;
    }
    running_9 = (carry_5 + (base_5 + below_5)) + running_9;
    carry_5 = carry_5 + all_6;
    const bool test_72 = running_9 > chosen_70;
    const bool test_73 = chosen_77 > 0.0f;
    const bool and_25 = test_72 && test_73;
    const float chosen_78 = and_25 ? 1.0f : 0.0f;
    float greatest_4 = -INFINITY;
    greatest_4 = tw_max(greatest_4, chosen_78);
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 1));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 2));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 4));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 8));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial31[(int)simdgroup_index_in_threadgroup] = greatest_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_4 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest_4 = tw_max(greatest_4, partial31[i]);
    }
    const bool test_74 = chosen_78 == greatest_4;
    const bool is_nan_x_3 = chosen_78 != chosen_78;
    const bool or_7 = test_74 || is_nan_x_3;
    const uint rounded_12 = (uint)(at_4);
    const uint chosen_79 = or_7 ? rounded_12 : 4294967295u;
    uint least_4 = 4294967295u;
    least_4 = min(least_4, chosen_79);
    least_4 = min(least_4, simd_shuffle_xor(least_4, 1));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 2));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 4));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 8));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial32[(int)simdgroup_index_in_threadgroup] = least_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        least_4 = min(least_4, partial32[i]);
    }
    bool reduced_2 = false;
    reduced_2 = reduced_2 || and_25;
    const bool other_152 = simd_shuffle_xor((int)(reduced_2), 1);
    reduced_2 = reduced_2 || other_152;
    const bool other_153 = simd_shuffle_xor((int)(reduced_2), 2);
    reduced_2 = reduced_2 || other_153;
    const bool other_154 = simd_shuffle_xor((int)(reduced_2), 4);
    reduced_2 = reduced_2 || other_154;
    const bool other_155 = simd_shuffle_xor((int)(reduced_2), 8);
    reduced_2 = reduced_2 || other_155;
    const bool other_156 = simd_shuffle_xor((int)(reduced_2), 16);
    reduced_2 = reduced_2 || other_156;
    if ((int)thread_index_in_simdgroup == 0) {
        partial33[(int)simdgroup_index_in_threadgroup] = reduced_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        reduced_2 = reduced_2 || (partial33[i] != 0);
    }
    float greatest_5 = -INFINITY;
    greatest_5 = tw_max(greatest_5, chosen_72);
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 1));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 2));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 4));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 8));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial34[(int)simdgroup_index_in_threadgroup] = greatest_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_5 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest_5 = tw_max(greatest_5, partial34[i]);
    }
    const bool test_75 = chosen_72 == greatest_5;
    const bool is_nan_x_4 = chosen_72 != chosen_72;
    const bool or_8 = test_75 || is_nan_x_4;
    const uint chosen_80 = or_8 ? rounded_12 : 4294967295u;
    uint least_5 = 4294967295u;
    least_5 = min(least_5, chosen_80);
    least_5 = min(least_5, simd_shuffle_xor(least_5, 1));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 2));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 4));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 8));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial35[(int)simdgroup_index_in_threadgroup] = least_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_5 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        least_5 = min(least_5, partial35[i]);
    }
    const uint chosen_81 = reduced_2 ? least_4 : least_5;
    const int smaller_11 = min(((int)min(chosen_81, 2147483647u) + product_24), (arguments.vocabulary - 1));
    const uint rounded_14 = (unsigned int)max(smaller_11, 0);
    int least_6 = 2147483647;
    least_6 = min(least_6, at_3);
    least_6 = min(least_6, simd_shuffle_xor(least_6, 1));
    least_6 = min(least_6, simd_shuffle_xor(least_6, 2));
    least_6 = min(least_6, simd_shuffle_xor(least_6, 4));
    least_6 = min(least_6, simd_shuffle_xor(least_6, 8));
    least_6 = min(least_6, simd_shuffle_xor(least_6, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial36[(int)simdgroup_index_in_threadgroup] = least_6;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_6 = 2147483647;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least_6 = min(least_6, partial36[((int)simdgroup_index_in_threadgroup & 30) + i]);
    }
    const bool test_76 = at_3 == least_6;
    const int chosen_82 = test_76 ? rounded_5 : 0;
    int total_12 = 0;
    total_12 = total_12 + chosen_82;
    total_12 = total_12 + simd_shuffle_xor(total_12, 1);
    total_12 = total_12 + simd_shuffle_xor(total_12, 2);
    total_12 = total_12 + simd_shuffle_xor(total_12, 4);
    total_12 = total_12 + simd_shuffle_xor(total_12, 8);
    total_12 = total_12 + simd_shuffle_xor(total_12, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial37[(int)simdgroup_index_in_threadgroup] = total_12;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_12 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_12 = total_12 + partial37[((int)simdgroup_index_in_threadgroup & 30) + i];
    }
    const int index_2 = tw_checked(total_12, (64 * arguments.parts), faults, 0);
    const uint tokens_in_2 = tokens[((long)((int)threadgroup_position_in_grid.x) * arguments.tokens_stride0) + (long)(index_2)];
    const bool test_77 = tile_50 < 0;
    const bool and_26 = and_10 && test_77;
    const uint chosen_83 = and_26 ? tokens_in_2 : rounded_14;
    const bool or_9 = and_7 || and_10;
    const uint chosen_84 = or_9 ? chosen_83 : tokens_in;
    const bool not_x_4 = !and_10;
    const bool and_27 = and_8 && not_x_4;
    const bool or_10 = not_x_2 || and_27;
    const uint chosen_85 = or_10 ? tokens_in_2 : chosen_84;
    const uint chosen_86 = test_2 ? chosen_85 : 4294967295u;
    const bool test_78 = lens_in > 0;
    if (test_78) {
        const int index_3 = tw_checked(lens_in, arguments.max_len, faults, 1);
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            history[((long)((int)threadgroup_position_in_grid.x) * arguments.history_stride0) + (long)(index_3)] = chosen_86;
        }
        const int rounded_15 = (int)min(chosen_85, 2147483647u);
        const int index_4 = tw_checked(rounded_15, arguments.vocabulary, faults, 2);
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)(index_4)] = 1;
        }
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            ids[(long)((int)threadgroup_position_in_grid.x)] = chosen_85;
        }
        const int added_19 = positions_in + 1;
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            positions[(long)((int)threadgroup_position_in_grid.x)] = added_19;
        }
        const int added_20 = lens_in + 1;
        if (((int)thread_index_in_threadgroup & 1023) == 0) {
            lens[(long)((int)threadgroup_position_in_grid.x)] = added_20;
        }
    }
}
