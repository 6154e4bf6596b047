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

[[kernel, max_total_threads_per_threadgroup(256)]]
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
    threadgroup uint4 shared_memory[6];
    threadgroup int* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup uint* partial1 = (decltype(partial1))(shared_memory + 2);
    threadgroup float* partial2 = (decltype(partial2))(shared_memory + 4);
    threadgroup float* partial3 = (decltype(partial3))(shared_memory + 0);
    threadgroup float* partial4 = (decltype(partial4))(shared_memory + 2);
    threadgroup float* total5 = (decltype(total5))(shared_memory + 0);
    threadgroup float* partial6 = (decltype(partial6))(shared_memory + 1);
    threadgroup float* total7 = (decltype(total7))(shared_memory + 0);
    threadgroup float* partial8 = (decltype(partial8))(shared_memory + 1);
    threadgroup uint* partial9 = (decltype(partial9))(shared_memory + 3);
    threadgroup int* partial10 = (decltype(partial10))(shared_memory + 0);
    threadgroup uchar* partial11 = (decltype(partial11))(shared_memory + 2);
    threadgroup float* total12 = (decltype(total12))(shared_memory + 0);
    threadgroup float* partial13 = (decltype(partial13))(shared_memory + 2);
    threadgroup uint* partial14 = (decltype(partial14))(shared_memory + 0);
    threadgroup float* partial15 = (decltype(partial15))(shared_memory + 2);
    threadgroup float* total16 = (decltype(total16))(shared_memory + 0);
    threadgroup float* partial17 = (decltype(partial17))(shared_memory + 2);
    threadgroup uint* partial18 = (decltype(partial18))(shared_memory + 0);
    threadgroup uchar* partial19 = (decltype(partial19))(shared_memory + 2);
    threadgroup float* partial20 = (decltype(partial20))(shared_memory + 0);
    threadgroup uint* partial21 = (decltype(partial21))(shared_memory + 2);
    threadgroup int* partial22 = (decltype(partial22))(shared_memory + 0);
    threadgroup int* partial23 = (decltype(partial23))(shared_memory + 2);
    const int at = (int)thread_index_in_threadgroup * 4;
    const int at_2 = (int)thread_index_in_threadgroup;
    const int at_4 = (int)thread_index_in_threadgroup & 63;
    const int lens_in = lens[(long)((int)threadgroup_position_in_grid.x)];
    const int positions_in = positions[(long)((int)threadgroup_position_in_grid.x)];
    const float temperature_in = temperature[(long)((int)threadgroup_position_in_grid.x)];
    const bool test = temperature_in > 0.0f;
    const float recip_x = 1.0f / temperature_in;
    const float chosen = test ? recip_x : 0.0f;
    const int top_k_in = top_k[(long)((int)threadgroup_position_in_grid.x)];
    const float top_p_in = top_p[(long)((int)threadgroup_position_in_grid.x)];
    const float min_p_in = min_p[(long)((int)threadgroup_position_in_grid.x)];
    float values_in[64];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        values_in[i * 4] = 0.0f;
        values_in[(i * 4) + 1] = 0.0f;
        values_in[(i * 4) + 2] = 0.0f;
        values_in[(i * 4) + 3] = 0.0f;
        if ((at + ((((i * 4) >> 2) & 15) * 1024)) < (64 * arguments.parts)) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(values + (((long)((int)threadgroup_position_in_grid.x) * arguments.values_stride0) + (long)((at + ((((i * 4) >> 2) & 15) * 1024)))));
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
    const float penalty_in = penalty[(long)((int)threadgroup_position_in_grid.x)];
    float top;
    uint top_index;
    int key[64];
    int own;
    uint own_at;
    int won;
    uint won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float x = values_in[i];
        key[i] = ((at + ((i & 3) + (((i >> 2) & 15) * 1024))) < (64 * arguments.parts)) ? ((x != x) ? 2147483647 : (as_type<int>(((x == 0.0f) ? 0.0f : x)) ^ ((as_type<int>(((x == 0.0f) ? 0.0f : x)) >> 31) & 2147483647))) : (-2147483647 - 1);
        const uint at_3 = (uint)((at + ((i & 3) + (((i >> 2) & 15) * 1024))));
        if (key[i] > own) {
            own = key[i];
            own_at = at_3;
        }
    }
    for (int round = 0; round < 64; round += 1) {
        won = own;
        won_at = own_at;
        const int other = simd_shuffle_xor(won, 1);
        const uint other_2 = simd_shuffle_xor(won_at, 1);
        const bool better = (other > won) || ((other == won) && (other_2 < won_at));
        const int value = better ? other : won;
        const uint position = better ? other_2 : won_at;
        won = value;
        won_at = position;
        const int other_3 = simd_shuffle_xor(won, 2);
        const uint other_4 = simd_shuffle_xor(won_at, 2);
        const bool better_2 = (other_3 > won) || ((other_3 == won) && (other_4 < won_at));
        const int value_2 = better_2 ? other_3 : won;
        const uint position_2 = better_2 ? other_4 : won_at;
        won = value_2;
        won_at = position_2;
        const int other_5 = simd_shuffle_xor(won, 4);
        const uint other_6 = simd_shuffle_xor(won_at, 4);
        const bool better_3 = (other_5 > won) || ((other_5 == won) && (other_6 < won_at));
        const int value_3 = better_3 ? other_5 : won;
        const uint position_3 = better_3 ? other_6 : won_at;
        won = value_3;
        won_at = position_3;
        const int other_7 = simd_shuffle_xor(won, 8);
        const uint other_8 = simd_shuffle_xor(won_at, 8);
        const bool better_4 = (other_7 > won) || ((other_7 == won) && (other_8 < won_at));
        const int value_4 = better_4 ? other_7 : won;
        const uint position_4 = better_4 ? other_8 : won_at;
        won = value_4;
        won_at = position_4;
        const int other_9 = simd_shuffle_xor(won, 16);
        const uint other_10 = simd_shuffle_xor(won_at, 16);
        const bool better_5 = (other_9 > won) || ((other_9 == won) && (other_10 < won_at));
        const int value_5 = better_5 ? other_9 : won;
        const uint position_5 = better_5 ? other_10 : won_at;
        won = value_5;
        won_at = position_5;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial0[(int)simdgroup_index_in_threadgroup] = won;
            partial1[(int)simdgroup_index_in_threadgroup] = won_at;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        won = -2147483647 - 1;
        won_at = 4294967295u;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const bool better_6 = (partial0[i] > won) || ((partial0[i] == won) && (partial1[i] < won_at));
            const int value_6 = better_6 ? partial0[i] : won;
            const uint position_6 = better_6 ? partial1[i] : won_at;
            won = value_6;
            won_at = position_6;
        }
        if (at_4 == round) {
            top = as_type<float>((won ^ ((won >> 31) & 2147483647)));
            top_index = won_at;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 64; i++) {
                const uint at_5 = (uint)((at + ((i & 3) + (((i >> 2) & 15) * 1024))));
                if ((key[i] > own) && ((won > key[i]) || ((won == key[i]) && (won_at < at_5)))) {
                    own = key[i];
                    own_at = at_5;
                }
            }
        }
    }
    float greatest = -INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 1));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 2));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 4));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 8));
    greatest = tw_max(greatest, simd_shuffle_xor(greatest, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial2[(int)simdgroup_index_in_threadgroup] = greatest;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest = tw_max(greatest, partial2[((int)simdgroup_index_in_threadgroup & 6) + i]);
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
    const float product_2 = (test_3 ? exp_x : 0.0f) * masses_in;
    float total = 0.0f;
    if (at_2 < arguments.parts) {
        total = total + product_2;
    }
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial3[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total = total + partial3[i];
    }
    const bool test_4 = top_k_in > 0;
    const bool test_5 = top_k_in <= 64;
    const bool and_ = test_4 && test_5;
    const bool not_x = !and_;
    const bool test_6 = at_4 < top_k_in;
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
        partial4[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial4[((int)simdgroup_index_in_threadgroup & 6) + i];
    }
    const float chosen_6 = and_ ? total_2 : total;
    float running;
    float carry = 0.0f;
    float sum = 0.0f;
    const float x_2 = chosen_5;
    running = sum;
    sum = sum + x_2;
    const int lane_ = (int)thread_index_in_simdgroup & 31;
    float running_2 = sum;
    const float other_26 = simd_shuffle_up(running_2, 1);
    running_2 = (lane_ >= 1) ? (other_26 + running_2) : running_2;
    const float other_27 = simd_shuffle_up(running_2, 2);
    running_2 = (lane_ >= 2) ? (other_27 + running_2) : running_2;
    const float other_28 = simd_shuffle_up(running_2, 4);
    running_2 = (lane_ >= 4) ? (other_28 + running_2) : running_2;
    const float other_29 = simd_shuffle_up(running_2, 8);
    running_2 = (lane_ >= 8) ? (other_29 + running_2) : running_2;
    const float other_30 = simd_shuffle_up(running_2, 16);
    running_2 = (lane_ >= 16) ? (other_30 + running_2) : running_2;
    const float other_31 = simd_shuffle_up(running_2, 1);
    const float below = (lane_ >= 1) ? other_31 : 0.0f;
    const float total_3 = simd_shuffle(running_2, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if (((int)thread_index_in_threadgroup & 223) == 0) {
        total5[(int)simdgroup_index_in_threadgroup & 1] = total_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base = 0.0f;
    float all_ = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part = total5[i];
        base = (i < ((int)simdgroup_index_in_threadgroup & 1)) ? (base + part) : base;
        all_ = all_ + part;
    }
    running = (carry + (base + below)) + running;
    carry = carry + all_;
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
    float total_4 = 0.0f;
    total_4 = total_4 + chosen_7;
    total_4 = total_4 + simd_shuffle_xor(total_4, 1);
    total_4 = total_4 + simd_shuffle_xor(total_4, 2);
    total_4 = total_4 + simd_shuffle_xor(total_4, 4);
    total_4 = total_4 + simd_shuffle_xor(total_4, 8);
    total_4 = total_4 + simd_shuffle_xor(total_4, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial6[(int)simdgroup_index_in_threadgroup] = total_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_4 = total_4 + partial6[((int)simdgroup_index_in_threadgroup & 6) + i];
    }
    const float product_6 = product_5 * total_4;
    float running_3;
    float carry_2 = 0.0f;
    float sum_2 = 0.0f;
    sum_2 = sum_2 + chosen_7;
    running_3 = sum_2;
    const int lane_2 = (int)thread_index_in_simdgroup & 31;
    float running_4 = sum_2;
    const float other_37 = simd_shuffle_up(running_4, 1);
    running_4 = (lane_2 >= 1) ? (other_37 + running_4) : running_4;
    const float other_38 = simd_shuffle_up(running_4, 2);
    running_4 = (lane_2 >= 2) ? (other_38 + running_4) : running_4;
    const float other_39 = simd_shuffle_up(running_4, 4);
    running_4 = (lane_2 >= 4) ? (other_39 + running_4) : running_4;
    const float other_40 = simd_shuffle_up(running_4, 8);
    running_4 = (lane_2 >= 8) ? (other_40 + running_4) : running_4;
    const float other_41 = simd_shuffle_up(running_4, 16);
    running_4 = (lane_2 >= 16) ? (other_41 + running_4) : running_4;
    const float other_42 = simd_shuffle_up(running_4, 1);
    const float below_2 = (lane_2 >= 1) ? other_42 : 0.0f;
    const float total_5 = simd_shuffle(running_4, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if (((int)thread_index_in_threadgroup & 223) == 0) {
        total7[(int)simdgroup_index_in_threadgroup & 1] = total_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_2 = 0.0f;
    float all_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part_2 = total7[i];
        base_2 = (i < ((int)simdgroup_index_in_threadgroup & 1)) ? (base_2 + part_2) : base_2;
        all_2 = all_2 + part_2;
    }
    running_3 = (carry_2 + (base_2 + below_2)) + running_3;
    carry_2 = carry_2 + all_2;
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
        partial8[(int)simdgroup_index_in_threadgroup] = greatest_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_2 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest_2 = tw_max(greatest_2, partial8[((int)simdgroup_index_in_threadgroup & 6) + i]);
    }
    const bool test_13 = chosen_8 == greatest_2;
    const bool is_nan_x = chosen_8 != chosen_8;
    const bool or_3 = test_13 || is_nan_x;
    const uint rounded_3 = (uint)(at_4);
    const uint chosen_9 = or_3 ? rounded_3 : 4294967295u;
    uint least = 4294967295u;
    least = min(least, chosen_9);
    least = min(least, simd_shuffle_xor(least, 1));
    least = min(least, simd_shuffle_xor(least, 2));
    least = min(least, simd_shuffle_xor(least, 4));
    least = min(least, simd_shuffle_xor(least, 8));
    least = min(least, simd_shuffle_xor(least, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial9[(int)simdgroup_index_in_threadgroup] = least;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least = min(least, partial9[((int)simdgroup_index_in_threadgroup & 6) + i]);
    }
    const int rounded_4 = (int)min(least, 2147483647u);
    const bool test_14 = at_4 == rounded_4;
    const int rounded_5 = (int)min(top_index, 2147483647u);
    const int chosen_10 = test_14 ? rounded_5 : 0;
    int total_6 = 0;
    total_6 = total_6 + chosen_10;
    total_6 = total_6 + simd_shuffle_xor(total_6, 1);
    total_6 = total_6 + simd_shuffle_xor(total_6, 2);
    total_6 = total_6 + simd_shuffle_xor(total_6, 4);
    total_6 = total_6 + simd_shuffle_xor(total_6, 8);
    total_6 = total_6 + simd_shuffle_xor(total_6, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial10[(int)simdgroup_index_in_threadgroup] = total_6;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_6 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_6 = total_6 + partial10[((int)simdgroup_index_in_threadgroup & 6) + i];
    }
    const int index = tw_checked(total_6, (64 * arguments.parts), faults, 0);
    const uint tokens_in = tokens[((long)((int)threadgroup_position_in_grid.x) * arguments.tokens_stride0) + (long)(index)];
    const bool test_15 = at_4 >= 63;
    const bool and_4 = test_15 && test_12;
    bool reduced = false;
    reduced = reduced || and_4;
    const bool other_58 = simd_shuffle_xor((int)(reduced), 1);
    reduced = reduced || other_58;
    const bool other_59 = simd_shuffle_xor((int)(reduced), 2);
    reduced = reduced || other_59;
    const bool other_60 = simd_shuffle_xor((int)(reduced), 4);
    reduced = reduced || other_60;
    const bool other_61 = simd_shuffle_xor((int)(reduced), 8);
    reduced = reduced || other_61;
    const bool other_62 = simd_shuffle_xor((int)(reduced), 16);
    reduced = reduced || other_62;
    if ((int)thread_index_in_simdgroup == 0) {
        partial11[(int)simdgroup_index_in_threadgroup] = reduced;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    reduced = false;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        reduced = reduced || (partial11[((int)simdgroup_index_in_threadgroup & 6) + i] != 0);
    }
    const bool and_5 = reduced && not_x;
    const bool test_16 = top_k_in > 64;
    const bool or_4 = and_5 || test_16;
    const float product_7 = product_5 * total;
    float running_5;
    float carry_3 = 0.0f;
    float sum_3 = 0.0f;
    sum_3 = sum_3 + ((at_2 < arguments.parts) ? product_2 : 0.0f);
    running_5 = sum_3;
    const int lane_3 = (int)thread_index_in_simdgroup & 31;
    float running_6 = sum_3;
    const float other_63 = simd_shuffle_up(running_6, 1);
    running_6 = (lane_3 >= 1) ? (other_63 + running_6) : running_6;
    const float other_64 = simd_shuffle_up(running_6, 2);
    running_6 = (lane_3 >= 2) ? (other_64 + running_6) : running_6;
    const float other_65 = simd_shuffle_up(running_6, 4);
    running_6 = (lane_3 >= 4) ? (other_65 + running_6) : running_6;
    const float other_66 = simd_shuffle_up(running_6, 8);
    running_6 = (lane_3 >= 8) ? (other_66 + running_6) : running_6;
    const float other_67 = simd_shuffle_up(running_6, 16);
    running_6 = (lane_3 >= 16) ? (other_67 + running_6) : running_6;
    const float other_68 = simd_shuffle_up(running_6, 1);
    const float below_3 = (lane_3 >= 1) ? other_68 : 0.0f;
    const float total_7 = simd_shuffle(running_6, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        total12[(int)simdgroup_index_in_threadgroup] = total_7;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_3 = 0.0f;
    float all_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_3 = total12[i];
        base_3 = (i < (int)simdgroup_index_in_threadgroup) ? (base_3 + part_3) : base_3;
        all_3 = all_3 + part_3;
    }
    running_5 = (carry_3 + (base_3 + below_3)) + running_5;
    carry_3 = carry_3 + all_3;
    const bool test_17 = running_5 > product_7;
    const bool test_18 = product_2 > 0.0f;
    const bool and_6 = test_17 && test_18;
    const float chosen_11 = and_6 ? 1.0f : 0.0f;
    float greatest_3 = -INFINITY;
    if (at_2 < arguments.parts) {
        greatest_3 = tw_max(greatest_3, chosen_11);
    }
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 1));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 2));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 4));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 8));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial13[(int)simdgroup_index_in_threadgroup] = greatest_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_3 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_3 = tw_max(greatest_3, partial13[i]);
    }
    const bool test_19 = chosen_11 == greatest_3;
    const bool is_nan_x_2 = chosen_11 != chosen_11;
    const bool or_5 = test_19 || is_nan_x_2;
    const uint rounded_6 = (uint)(at_2);
    const uint chosen_12 = or_5 ? rounded_6 : 4294967295u;
    uint least_2 = 4294967295u;
    if (at_2 < arguments.parts) {
        least_2 = min(least_2, chosen_12);
    }
    least_2 = min(least_2, simd_shuffle_xor(least_2, 1));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 2));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 4));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 8));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial14[(int)simdgroup_index_in_threadgroup] = least_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_2 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_2 = min(least_2, partial14[i]);
    }
    const int rounded_7 = (int)min(least_2, 2147483647u);
    const bool test_20 = at_2 < rounded_7;
    const float chosen_13 = test_20 ? product_2 : 0.0f;
    float total_8 = 0.0f;
    if (at_2 < arguments.parts) {
        total_8 = total_8 + chosen_13;
    }
    total_8 = total_8 + simd_shuffle_xor(total_8, 1);
    total_8 = total_8 + simd_shuffle_xor(total_8, 2);
    total_8 = total_8 + simd_shuffle_xor(total_8, 4);
    total_8 = total_8 + simd_shuffle_xor(total_8, 8);
    total_8 = total_8 + simd_shuffle_xor(total_8, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial15[(int)simdgroup_index_in_threadgroup] = total_8;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_8 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total_8 = total_8 + partial15[i];
    }
    const float difference_3 = product_7 - total_8;
    const int product_8 = rounded_7 * 1024;
    const int index_2 = tw_checked(product_8, 2147483647, faults, 1);
    float logits_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        logits_in[i] = -INFINITY;
    }
    if ((index_2 + at) < arguments.vocabulary) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((index_2 + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
        }
    }
    const int index_3 = tw_checked(product_8, 2147483647, faults, 2);
    uchar seen_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        seen_in[i] = 0;
    }
    if ((index_3 + at) < arguments.vocabulary) {
        {
            union { uint all; uchar lane[4]; } vector;
            vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((index_3 + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) seen_in[l] = vector.lane[l];
        }
    }
    float chosen_15[4];
    float chosen_16[4];
    float running_7[4];
    float carry_4 = 0.0f;
    float sum_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const int rounded_8 = (int)(seen_in[i]);
        const bool test_21 = rounded_8 > 0;
        const bool test_22 = logits_in[i] >= 0.0f;
        const float quotient = logits_in[i] / penalty_in;
        const float product_9 = logits_in[i] * penalty_in;
        const float chosen_14 = test_22 ? quotient : product_9;
        chosen_15[i] = test_21 ? chosen_14 : logits_in[i];
        const float smaller = tw_min((chosen_15[i] - chosen_2), 0.0f);
        const bool test_23 = smaller > (-INFINITY);
        const float product_10 = smaller * chosen;
        const float exp_x_3 = precise::exp(product_10);
        chosen_16[i] = test_23 ? exp_x_3 : 0.0f;
        sum_4 = sum_4 + chosen_16[i];
        running_7[i] = sum_4;
    }
    const int lane_4 = (int)thread_index_in_simdgroup & 31;
    float running_8 = sum_4;
    const float other_84 = simd_shuffle_up(running_8, 1);
    running_8 = (lane_4 >= 1) ? (other_84 + running_8) : running_8;
    const float other_85 = simd_shuffle_up(running_8, 2);
    running_8 = (lane_4 >= 2) ? (other_85 + running_8) : running_8;
    const float other_86 = simd_shuffle_up(running_8, 4);
    running_8 = (lane_4 >= 4) ? (other_86 + running_8) : running_8;
    const float other_87 = simd_shuffle_up(running_8, 8);
    running_8 = (lane_4 >= 8) ? (other_87 + running_8) : running_8;
    const float other_88 = simd_shuffle_up(running_8, 16);
    running_8 = (lane_4 >= 16) ? (other_88 + running_8) : running_8;
    const float other_89 = simd_shuffle_up(running_8, 1);
    const float below_4 = (lane_4 >= 1) ? other_89 : 0.0f;
    const float total_9 = simd_shuffle(running_8, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        total16[(int)simdgroup_index_in_threadgroup] = total_9;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_4 = 0.0f;
    float all_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_4 = total16[i];
        base_4 = (i < (int)simdgroup_index_in_threadgroup) ? (base_4 + part_4) : base_4;
        all_4 = all_4 + part_4;
    }
    const float before_4 = carry_4 + (base_4 + below_4);
    carry_4 = carry_4 + all_4;
    bool and_7[4];
    float chosen_17[4];
    float greatest_4 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        running_7[i] = before_4 + running_7[i];
        const bool test_24 = running_7[i] > difference_3;
        const bool test_25 = chosen_16[i] > 0.0f;
        and_7[i] = test_24 && test_25;
        chosen_17[i] = and_7[i] ? 1.0f : 0.0f;
        greatest_4 = tw_max(greatest_4, chosen_17[i]);
    }
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 1));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 2));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 4));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 8));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial17[(int)simdgroup_index_in_threadgroup] = greatest_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_4 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_4 = tw_max(greatest_4, partial17[i]);
    }
    uint rounded_9[4];
    uint least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_26 = chosen_17[i] == greatest_4;
        const bool is_nan_x_3 = chosen_17[i] != chosen_17[i];
        const bool or_6 = test_26 || is_nan_x_3;
        rounded_9[i] = (uint)((at + (i & 3)));
        least_3 = min(least_3, (or_6 ? rounded_9[i] : 4294967295u));
    }
    least_3 = min(least_3, simd_shuffle_xor(least_3, 1));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 2));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 4));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 8));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial18[(int)simdgroup_index_in_threadgroup] = least_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_3 = min(least_3, partial18[i]);
    }
    bool reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        reduced_2 = reduced_2 || and_7[i];
    }
    const bool other_100 = simd_shuffle_xor((int)(reduced_2), 1);
    reduced_2 = reduced_2 || other_100;
    const bool other_101 = simd_shuffle_xor((int)(reduced_2), 2);
    reduced_2 = reduced_2 || other_101;
    const bool other_102 = simd_shuffle_xor((int)(reduced_2), 4);
    reduced_2 = reduced_2 || other_102;
    const bool other_103 = simd_shuffle_xor((int)(reduced_2), 8);
    reduced_2 = reduced_2 || other_103;
    const bool other_104 = simd_shuffle_xor((int)(reduced_2), 16);
    reduced_2 = reduced_2 || other_104;
    if ((int)thread_index_in_simdgroup == 0) {
        partial19[(int)simdgroup_index_in_threadgroup] = reduced_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        reduced_2 = reduced_2 || (partial19[i] != 0);
    }
    float greatest_5 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        greatest_5 = tw_max(greatest_5, chosen_15[i]);
    }
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 1));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 2));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 4));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 8));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial20[(int)simdgroup_index_in_threadgroup] = greatest_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_5 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_5 = tw_max(greatest_5, partial20[i]);
    }
    uint least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_27 = chosen_15[i] == greatest_5;
        const bool is_nan_x_4 = chosen_15[i] != chosen_15[i];
        const bool or_7 = test_27 || is_nan_x_4;
        least_4 = min(least_4, (or_7 ? rounded_9[i] : 4294967295u));
    }
    least_4 = min(least_4, simd_shuffle_xor(least_4, 1));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 2));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 4));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 8));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial21[(int)simdgroup_index_in_threadgroup] = least_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_4 = min(least_4, partial21[i]);
    }
    const uint chosen_20 = reduced_2 ? least_3 : least_4;
    const int smaller_2 = min(((int)min(chosen_20, 2147483647u) + product_8), (arguments.vocabulary - 1));
    const uint rounded_11 = (unsigned int)max(smaller_2, 0);
    const bool test_28 = top_k_in <= 0;
    const bool and_8 = test_28 && test_8;
    const bool test_29 = min_p_in <= 0.0f;
    const bool and_9 = and_8 && test_29;
    const bool test_30 = chosen > 0.0f;
    const bool not_x_2 = !test_30;
    int least_5 = 2147483647;
    least_5 = min(least_5, at_4);
    least_5 = min(least_5, simd_shuffle_xor(least_5, 1));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 2));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 4));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 8));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial22[(int)simdgroup_index_in_threadgroup] = least_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_5 = 2147483647;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least_5 = min(least_5, partial22[((int)simdgroup_index_in_threadgroup & 6) + i]);
    }
    const bool test_31 = at_4 == least_5;
    const int chosen_21 = test_31 ? rounded_5 : 0;
    int total_10 = 0;
    total_10 = total_10 + chosen_21;
    total_10 = total_10 + simd_shuffle_xor(total_10, 1);
    total_10 = total_10 + simd_shuffle_xor(total_10, 2);
    total_10 = total_10 + simd_shuffle_xor(total_10, 4);
    total_10 = total_10 + simd_shuffle_xor(total_10, 8);
    total_10 = total_10 + simd_shuffle_xor(total_10, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial23[(int)simdgroup_index_in_threadgroup] = total_10;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_10 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_10 = total_10 + partial23[((int)simdgroup_index_in_threadgroup & 6) + i];
    }
    const int index_4 = tw_checked(total_10, (64 * arguments.parts), faults, 0);
    const uint tokens_in_2 = tokens[((long)((int)threadgroup_position_in_grid.x) * arguments.tokens_stride0) + (long)(index_4)];
    const bool not_x_3 = !and_9;
    const bool and_10 = or_4 && not_x_3;
    const bool or_8 = not_x_2 || and_10;
    const uint chosen_22 = and_9 ? rounded_11 : tokens_in;
    const uint chosen_23 = or_8 ? tokens_in_2 : chosen_22;
    const bool and_11 = and_10 && test_30;
    const bool and_12 = and_11 && test_2;
    const uint chosen_24 = and_12 ? 4294967294u : chosen_23;
    const uint chosen_25 = test_2 ? chosen_24 : 4294967295u;
    const bool test_32 = lens_in > 0;
    if (test_32) {
        const int index_5 = tw_checked(lens_in, arguments.max_len, faults, 3);
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            history[((long)((int)threadgroup_position_in_grid.x) * arguments.history_stride0) + (long)(index_5)] = chosen_25;
        }
    }
    const bool not_x_4 = !and_12;
    const bool and_13 = test_32 && not_x_4;
    if (and_13) {
        const int rounded_12 = (int)min(chosen_23, 2147483647u);
        const int index_6 = tw_checked(rounded_12, arguments.vocabulary, faults, 4);
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)(index_6)] = 1;
        }
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            ids[(long)((int)threadgroup_position_in_grid.x)] = chosen_23;
        }
        const int added_2 = positions_in + 1;
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            positions[(long)((int)threadgroup_position_in_grid.x)] = added_2;
        }
        const int added_3 = lens_in + 1;
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            lens[(long)((int)threadgroup_position_in_grid.x)] = added_3;
        }
    }
}
