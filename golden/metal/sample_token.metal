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
    threadgroup float* partial12 = (decltype(partial12))(shared_memory + 0);
    threadgroup float* partial13 = (decltype(partial13))(shared_memory + 0);
    threadgroup float* partial14 = (decltype(partial14))(shared_memory + 0);
    threadgroup float* partial15 = (decltype(partial15))(shared_memory + 0);
    threadgroup float* partial16 = (decltype(partial16))(shared_memory + 0);
    threadgroup float* partial17 = (decltype(partial17))(shared_memory + 0);
    threadgroup float* partial18 = (decltype(partial18))(shared_memory + 0);
    threadgroup float* partial19 = (decltype(partial19))(shared_memory + 0);
    threadgroup float* partial20 = (decltype(partial20))(shared_memory + 0);
    threadgroup float* partial21 = (decltype(partial21))(shared_memory + 0);
    threadgroup float* partial22 = (decltype(partial22))(shared_memory + 0);
    threadgroup float* total23 = (decltype(total23))(shared_memory + 0);
    threadgroup float* partial24 = (decltype(partial24))(shared_memory + 2);
    threadgroup uint* partial25 = (decltype(partial25))(shared_memory + 0);
    threadgroup float* partial26 = (decltype(partial26))(shared_memory + 2);
    threadgroup float* total27 = (decltype(total27))(shared_memory + 0);
    threadgroup float* total28 = (decltype(total28))(shared_memory + 0);
    threadgroup float* partial29 = (decltype(partial29))(shared_memory + 2);
    threadgroup uint* partial30 = (decltype(partial30))(shared_memory + 0);
    threadgroup uchar* partial31 = (decltype(partial31))(shared_memory + 2);
    threadgroup float* partial32 = (decltype(partial32))(shared_memory + 0);
    threadgroup uint* partial33 = (decltype(partial33))(shared_memory + 2);
    threadgroup int* partial34 = (decltype(partial34))(shared_memory + 0);
    threadgroup int* partial35 = (decltype(partial35))(shared_memory + 2);
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
    const float wide_2 = (float)(top_k_in);
    const bool and_11 = and_10 && test_4;
    int v = -2147483647 - 1;
    const int chosen_11 = and_11 ? 2147483647 : (-2147483647 - 1);
    int v_2 = chosen_11;
    float v_3 = 0.0f;
    const int chosen_12 = and_11 ? 17 : 0;
    float tile_9[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        tile_9[i] = 0.0f;
    }
    for (int j = 0; j < chosen_12; j += 1) {
        const int tile_10 = v;
        const int tile_11 = v_2;
        const int added = (tile_10 >> 1) + (tile_11 >> 1);
        const int and_12 = tile_10 & tile_11;
        const int added_2 = added + (and_12 & 1);
        const int tile_12 = v;
        const int shr_4 = tile_12 >> 1;
        const int shr_5 = added_2 >> 1;
        const int added_3 = shr_4 + shr_5;
        const int and_14 = tile_12 & added_2;
        const int added_4 = added_3 + (and_14 & 1);
        const int tile_13 = v_2;
        const int added_5 = shr_5 + (tile_13 >> 1);
        const int and_16 = added_2 & tile_13;
        const int added_6 = added_5 + (and_16 & 1);
        float v_4[4];
        float v_5[4];
        float v_6[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            v_4[i] = tile_9[i];
            v_5[i] = tile_9[i];
            v_6[i] = tile_9[i];
        }
        for (int j_2 = 0; j_2 < arguments.parts; j_2 += 1) {
            const int product_7 = j_2 * 1024;
            float logits_in[4];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                logits_in[i] = -INFINITY;
            }
            if ((product_7 + at) < arguments.vocabulary) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_7 + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
                }
            }
            uchar seen_in[4];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                seen_in[i] = 0;
            }
            if ((product_7 + at) < arguments.vocabulary) {
                {
                    union { uint all; uchar lane[4]; } vector;
                    vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_7 + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) seen_in[l] = vector.lane[l];
                }
            }
            const float penalty_in = penalty[(long)((int)threadgroup_position_in_grid.x)];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int rounded_6 = (int)(seen_in[i]);
                const bool test_20 = rounded_6 > 0;
                const bool test_21 = logits_in[i] >= 0.0f;
                const float quotient = logits_in[i] / penalty_in;
                const float product_8 = logits_in[i] * penalty_in;
                const float chosen_13 = test_21 ? quotient : product_8;
                const float chosen_14 = test_20 ? chosen_13 : logits_in[i];
                const float smaller = tw_min((chosen_14 - chosen_2), 0.0f);
                const bool test_22 = smaller > (-INFINITY);
                const float product_9 = smaller * chosen;
                const float exp_x_3 = precise::exp(product_9);
                const float chosen_15 = test_22 ? exp_x_3 : 0.0f;
                const bool test_23 = chosen_14 != 0.0f;
                const float chosen_16 = test_23 ? chosen_14 : 0.0f;
                const int tile_14 = as_type<int>(chosen_16);
                const bool test_24 = tile_14 >= 0;
                const int xor_ = tile_14 ^ 2147483647;
                const int chosen_17 = test_24 ? tile_14 : xor_;
                const bool test_25 = chosen_15 >= 0.0f;
                const float chosen_18 = test_25 ? 1.0f : 0.0f;
                const bool test_26 = chosen_17 > added_4;
                const float added_7 = v_4[i] + (test_26 ? chosen_18 : 0.0f);
                v_4[i] = added_7;
                const bool test_27 = chosen_17 > added_2;
                const float added_8 = v_5[i] + (test_27 ? chosen_18 : 0.0f);
                v_5[i] = added_8;
                const bool test_28 = chosen_17 > added_6;
                const float added_9 = v_6[i] + (test_28 ? chosen_18 : 0.0f);
                v_6[i] = added_9;
            }
        }
        float total_7 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_7 = total_7 + v_4[i];
        }
        total_7 = total_7 + simd_shuffle_xor(total_7, 1);
        total_7 = total_7 + simd_shuffle_xor(total_7, 2);
        total_7 = total_7 + simd_shuffle_xor(total_7, 4);
        total_7 = total_7 + simd_shuffle_xor(total_7, 8);
        total_7 = total_7 + simd_shuffle_xor(total_7, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial12[(int)simdgroup_index_in_threadgroup] = total_7;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_7 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_7 = total_7 + partial12[i];
        }
        float total_8 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_8 = total_8 + v_5[i];
        }
        total_8 = total_8 + simd_shuffle_xor(total_8, 1);
        total_8 = total_8 + simd_shuffle_xor(total_8, 2);
        total_8 = total_8 + simd_shuffle_xor(total_8, 4);
        total_8 = total_8 + simd_shuffle_xor(total_8, 8);
        total_8 = total_8 + simd_shuffle_xor(total_8, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial13[(int)simdgroup_index_in_threadgroup] = total_8;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_8 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_8 = total_8 + partial13[i];
        }
        float total_9 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_9 = total_9 + v_6[i];
        }
        total_9 = total_9 + simd_shuffle_xor(total_9, 1);
        total_9 = total_9 + simd_shuffle_xor(total_9, 2);
        total_9 = total_9 + simd_shuffle_xor(total_9, 4);
        total_9 = total_9 + simd_shuffle_xor(total_9, 8);
        total_9 = total_9 + simd_shuffle_xor(total_9, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial14[(int)simdgroup_index_in_threadgroup] = total_9;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_9 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_9 = total_9 + partial14[i];
        }
        const bool test_29 = total_7 >= wide_2;
        const bool test_30 = total_8 >= wide_2;
        const bool test_31 = total_9 >= wide_2;
        const float tile_24 = v_3;
        const float chosen_22 = test_29 ? total_8 : total_7;
        const float chosen_23 = test_30 ? total_9 : chosen_22;
        const float chosen_24 = test_31 ? tile_24 : chosen_23;
        const int tile_25 = v_2;
        const int chosen_25 = test_29 ? added_2 : added_4;
        const int chosen_26 = test_30 ? added_6 : chosen_25;
        const int chosen_27 = test_31 ? tile_25 : chosen_26;
        const int tile_26 = v;
        const int chosen_28 = test_29 ? added_4 : tile_26;
        const int chosen_29 = test_30 ? added_2 : chosen_28;
        const int chosen_30 = test_31 ? added_6 : chosen_29;
        v = chosen_30;
        v_2 = chosen_27;
        v_3 = chosen_24;
    }
    const int tile_27 = v_2;
    const float difference_4 = wide_2 - v_3;
    float v_7 = 0.0f;
    const int chosen_31 = and_11 ? arguments.parts : 0;
    for (int j_3 = 0; j_3 < chosen_31; j_3 += 1) {
        const int product_10 = j_3 * 1024;
        float logits_in_2[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            logits_in_2[i] = -INFINITY;
        }
        if ((product_10 + at) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_10 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_2[l] = vector.lane[l];
            }
        }
        uchar seen_in_2[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            seen_in_2[i] = 0;
        }
        if ((product_10 + at) < arguments.vocabulary) {
            {
                union { uint all; uchar lane[4]; } vector;
                vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_10 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) seen_in_2[l] = vector.lane[l];
            }
        }
        const float penalty_in_2 = penalty[(long)((int)threadgroup_position_in_grid.x)];
        const float tile_30 = v_7;
        float total_10 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const int rounded_7 = (int)(seen_in_2[i]);
            const bool test_32 = rounded_7 > 0;
            const bool test_33 = logits_in_2[i] >= 0.0f;
            const float quotient_2 = logits_in_2[i] / penalty_in_2;
            const float product_11 = logits_in_2[i] * penalty_in_2;
            const float chosen_32 = test_33 ? quotient_2 : product_11;
            const float chosen_33 = test_32 ? chosen_32 : logits_in_2[i];
            const float smaller_2 = tw_min((chosen_33 - chosen_2), 0.0f);
            const bool test_34 = smaller_2 > (-INFINITY);
            const float product_12 = smaller_2 * chosen;
            const float exp_x_4 = precise::exp(product_12);
            const float chosen_34 = test_34 ? exp_x_4 : 0.0f;
            const bool test_35 = chosen_33 != 0.0f;
            const float chosen_35 = test_35 ? chosen_33 : 0.0f;
            const int tile_29 = as_type<int>(chosen_35);
            const bool test_36 = tile_29 >= 0;
            const int xor_2 = tile_29 ^ 2147483647;
            const int chosen_36 = test_36 ? tile_29 : xor_2;
            const bool test_37 = chosen_36 > tile_27;
            total_10 = total_10 + (test_37 ? chosen_34 : 0.0f);
        }
        total_10 = total_10 + simd_shuffle_xor(total_10, 1);
        total_10 = total_10 + simd_shuffle_xor(total_10, 2);
        total_10 = total_10 + simd_shuffle_xor(total_10, 4);
        total_10 = total_10 + simd_shuffle_xor(total_10, 8);
        total_10 = total_10 + simd_shuffle_xor(total_10, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial15[(int)simdgroup_index_in_threadgroup] = total_10;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_10 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_10 = total_10 + partial15[i];
        }
        const float added_10 = tile_30 + total_10;
        v_7 = added_10;
    }
    const float tile_32 = v_7;
    const bool test_38 = tile_27 >= 0;
    const int xor_3 = tile_27 ^ 2147483647;
    const int chosen_38 = test_38 ? tile_27 : xor_3;
    const float smaller_3 = tw_min((as_type<float>(chosen_38) - chosen_2), 0.0f);
    const bool test_39 = smaller_3 > (-INFINITY);
    const float product_13 = smaller_3 * chosen;
    const float exp_x_5 = precise::exp(product_13);
    const float added_11 = tile_32 + (difference_4 * (test_39 ? exp_x_5 : 0.0f));
    const float product_15 = top_p_in * (and_11 ? added_11 : total);
    const bool test_40 = top_p_in < 1.0f;
    const bool and_18 = and_10 && test_40;
    int v_8 = -2147483647 - 1;
    const int chosen_41 = and_18 ? 2147483647 : (-2147483647 - 1);
    int v_9 = chosen_41;
    float v_10 = 0.0f;
    const int chosen_42 = and_18 ? 17 : 0;
    for (int j_4 = 0; j_4 < chosen_42; j_4 += 1) {
        const int tile_34 = v_8;
        const int tile_35 = v_9;
        const int added_12 = (tile_34 >> 1) + (tile_35 >> 1);
        const int and_19 = tile_34 & tile_35;
        const int added_13 = added_12 + (and_19 & 1);
        const int tile_36 = v_8;
        const int shr_9 = tile_36 >> 1;
        const int shr_10 = added_13 >> 1;
        const int added_14 = shr_9 + shr_10;
        const int and_21 = tile_36 & added_13;
        const int added_15 = added_14 + (and_21 & 1);
        const int tile_37 = v_9;
        const int added_16 = shr_10 + (tile_37 >> 1);
        const int and_23 = added_13 & tile_37;
        const int added_17 = added_16 + (and_23 & 1);
        float v_11[4];
        float v_12[4];
        float v_13[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            v_11[i] = tile_9[i];
            v_12[i] = tile_9[i];
            v_13[i] = tile_9[i];
        }
        for (int j_5 = 0; j_5 < arguments.parts; j_5 += 1) {
            const int product_16 = j_5 * 1024;
            float logits_in_3[4];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                logits_in_3[i] = -INFINITY;
            }
            if ((product_16 + at) < arguments.vocabulary) {
                {
                    union { uint4 all; float lane[4]; } vector;
                    vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_16 + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) logits_in_3[l] = vector.lane[l];
                }
            }
            uchar seen_in_3[4];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                seen_in_3[i] = 0;
            }
            if ((product_16 + at) < arguments.vocabulary) {
                {
                    union { uint all; uchar lane[4]; } vector;
                    vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_16 + at))));
                    _Pragma("unroll")
                    for (int l = 0; l < 4; l++) seen_in_3[l] = vector.lane[l];
                }
            }
            const float penalty_in_3 = penalty[(long)((int)threadgroup_position_in_grid.x)];
            _Pragma("unroll")
            for (int i = 0; i < 4; i++) {
                const int rounded_8 = (int)(seen_in_3[i]);
                const bool test_41 = rounded_8 > 0;
                const bool test_42 = logits_in_3[i] >= 0.0f;
                const float quotient_3 = logits_in_3[i] / penalty_in_3;
                const float product_17 = logits_in_3[i] * penalty_in_3;
                const float chosen_43 = test_42 ? quotient_3 : product_17;
                const float chosen_44 = test_41 ? chosen_43 : logits_in_3[i];
                const float smaller_4 = tw_min((chosen_44 - chosen_2), 0.0f);
                const bool test_43 = smaller_4 > (-INFINITY);
                const float product_18 = smaller_4 * chosen;
                const float exp_x_6 = precise::exp(product_18);
                const float chosen_45 = test_43 ? exp_x_6 : 0.0f;
                const bool test_44 = chosen_44 != 0.0f;
                const float chosen_46 = test_44 ? chosen_44 : 0.0f;
                const int tile_38 = as_type<int>(chosen_46);
                const bool test_45 = tile_38 >= 0;
                const int xor_4 = tile_38 ^ 2147483647;
                const int chosen_47 = test_45 ? tile_38 : xor_4;
                const bool test_46 = chosen_47 > added_15;
                const float added_18 = v_11[i] + (test_46 ? chosen_45 : 0.0f);
                v_11[i] = added_18;
                const bool test_47 = chosen_47 > added_13;
                const float added_19 = v_12[i] + (test_47 ? chosen_45 : 0.0f);
                v_12[i] = added_19;
                const bool test_48 = chosen_47 > added_17;
                const float added_20 = v_13[i] + (test_48 ? chosen_45 : 0.0f);
                v_13[i] = added_20;
            }
        }
        float total_11 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_11 = total_11 + v_11[i];
        }
        total_11 = total_11 + simd_shuffle_xor(total_11, 1);
        total_11 = total_11 + simd_shuffle_xor(total_11, 2);
        total_11 = total_11 + simd_shuffle_xor(total_11, 4);
        total_11 = total_11 + simd_shuffle_xor(total_11, 8);
        total_11 = total_11 + simd_shuffle_xor(total_11, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial16[(int)simdgroup_index_in_threadgroup] = total_11;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_11 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_11 = total_11 + partial16[i];
        }
        float total_12 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_12 = total_12 + v_12[i];
        }
        total_12 = total_12 + simd_shuffle_xor(total_12, 1);
        total_12 = total_12 + simd_shuffle_xor(total_12, 2);
        total_12 = total_12 + simd_shuffle_xor(total_12, 4);
        total_12 = total_12 + simd_shuffle_xor(total_12, 8);
        total_12 = total_12 + simd_shuffle_xor(total_12, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial17[(int)simdgroup_index_in_threadgroup] = total_12;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_12 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_12 = total_12 + partial17[i];
        }
        float total_13 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_13 = total_13 + v_13[i];
        }
        total_13 = total_13 + simd_shuffle_xor(total_13, 1);
        total_13 = total_13 + simd_shuffle_xor(total_13, 2);
        total_13 = total_13 + simd_shuffle_xor(total_13, 4);
        total_13 = total_13 + simd_shuffle_xor(total_13, 8);
        total_13 = total_13 + simd_shuffle_xor(total_13, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial18[(int)simdgroup_index_in_threadgroup] = total_13;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_13 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_13 = total_13 + partial18[i];
        }
        const bool test_49 = total_11 >= product_15;
        const bool test_50 = total_12 >= product_15;
        const bool test_51 = total_13 >= product_15;
        const float tile_48 = v_10;
        const float chosen_51 = test_49 ? total_12 : total_11;
        const float chosen_52 = test_50 ? total_13 : chosen_51;
        const float chosen_53 = test_51 ? tile_48 : chosen_52;
        const int tile_49 = v_9;
        const int chosen_54 = test_49 ? added_13 : added_15;
        const int chosen_55 = test_50 ? added_17 : chosen_54;
        const int chosen_56 = test_51 ? tile_49 : chosen_55;
        const int tile_50 = v_8;
        const int chosen_57 = test_49 ? added_15 : tile_50;
        const int chosen_58 = test_50 ? added_13 : chosen_57;
        const int chosen_59 = test_51 ? added_17 : chosen_58;
        v_8 = chosen_59;
        v_9 = chosen_56;
        v_10 = chosen_53;
    }
    const int tile_51 = v_9;
    const float difference_8 = product_15 - v_10;
    const bool test_52 = tile_51 >= 0;
    const int xor_5 = tile_51 ^ 2147483647;
    const int chosen_60 = test_52 ? tile_51 : xor_5;
    const float smaller_5 = tw_min((as_type<float>(chosen_60) - chosen_2), 0.0f);
    const bool test_53 = smaller_5 > (-INFINITY);
    const float product_19 = smaller_5 * chosen;
    const float exp_x_7 = precise::exp(product_19);
    const float chosen_61 = test_53 ? exp_x_7 : 0.0f;
    const float quotient_4 = difference_8 / chosen_61;
    const float larger = tw_max(ceil(quotient_4), 1.0f);
    const int larger_2 = max(tile_27, tile_51);
    const bool test_54 = tile_27 == tile_51;
    const float smaller_6 = tw_min(difference_4, larger);
    const bool test_55 = tile_51 > tile_27;
    const float chosen_62 = test_55 ? larger : difference_4;
    const float chosen_63 = test_54 ? smaller_6 : chosen_62;
    const float chosen_64 = and_10 ? min_p_in : 0.0f;
    const int chosen_65 = and_10 ? arguments.parts : 0;
    const bool test_56 = larger_2 >= 0;
    const int xor_6 = larger_2 ^ 2147483647;
    const int chosen_66 = test_56 ? larger_2 : xor_6;
    const float smaller_7 = tw_min((as_type<float>(chosen_66) - chosen_2), 0.0f);
    const bool test_57 = smaller_7 > (-INFINITY);
    const float product_20 = smaller_7 * chosen;
    const float exp_x_8 = precise::exp(product_20);
    const float chosen_67 = test_57 ? exp_x_8 : 0.0f;
    float v_14 = 0.0f;
    float v_15 = 0.0f;
    for (int j_6 = 0; j_6 < chosen_65; j_6 += 1) {
        const int product_21 = j_6 * 1024;
        float logits_in_4[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            logits_in_4[i] = -INFINITY;
        }
        if ((product_21 + at) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_21 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_4[l] = vector.lane[l];
            }
        }
        uchar seen_in_4[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            seen_in_4[i] = 0;
        }
        if ((product_21 + at) < arguments.vocabulary) {
            {
                union { uint all; uchar lane[4]; } vector;
                vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_21 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) seen_in_4[l] = vector.lane[l];
            }
        }
        const float penalty_in_4 = penalty[(long)((int)threadgroup_position_in_grid.x)];
        float chosen_74[4];
        float total_14 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const int rounded_9 = (int)(seen_in_4[i]);
            const bool test_58 = rounded_9 > 0;
            const bool test_59 = logits_in_4[i] >= 0.0f;
            const float quotient_5 = logits_in_4[i] / penalty_in_4;
            const float product_22 = logits_in_4[i] * penalty_in_4;
            const float chosen_68 = test_59 ? quotient_5 : product_22;
            const float chosen_69 = test_58 ? chosen_68 : logits_in_4[i];
            const float smaller_8 = tw_min((chosen_69 - chosen_2), 0.0f);
            const bool test_60 = smaller_8 > (-INFINITY);
            const float product_23 = smaller_8 * chosen;
            const float exp_x_9 = precise::exp(product_23);
            const float chosen_70 = test_60 ? exp_x_9 : 0.0f;
            const bool test_61 = chosen_69 != 0.0f;
            const float chosen_71 = test_61 ? chosen_69 : 0.0f;
            const int tile_55 = as_type<int>(chosen_71);
            const bool test_62 = tile_55 >= 0;
            const int xor_7 = tile_55 ^ 2147483647;
            const int chosen_72 = test_62 ? tile_55 : xor_7;
            const bool test_63 = chosen_70 >= chosen_64;
            const bool test_64 = chosen_72 > larger_2;
            const bool and_25 = test_64 && test_63;
            const float chosen_73 = and_25 ? chosen_70 : 0.0f;
            const bool test_65 = chosen_72 == larger_2;
            const bool and_26 = test_65 && test_63;
            chosen_74[i] = and_26 ? 1.0f : 0.0f;
            total_14 = total_14 + chosen_73;
        }
        total_14 = total_14 + simd_shuffle_xor(total_14, 1);
        total_14 = total_14 + simd_shuffle_xor(total_14, 2);
        total_14 = total_14 + simd_shuffle_xor(total_14, 4);
        total_14 = total_14 + simd_shuffle_xor(total_14, 8);
        total_14 = total_14 + simd_shuffle_xor(total_14, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial19[(int)simdgroup_index_in_threadgroup] = total_14;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_14 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_14 = total_14 + partial19[i];
        }
        float total_15 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_15 = total_15 + chosen_74[i];
        }
        total_15 = total_15 + simd_shuffle_xor(total_15, 1);
        total_15 = total_15 + simd_shuffle_xor(total_15, 2);
        total_15 = total_15 + simd_shuffle_xor(total_15, 4);
        total_15 = total_15 + simd_shuffle_xor(total_15, 8);
        total_15 = total_15 + simd_shuffle_xor(total_15, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial20[(int)simdgroup_index_in_threadgroup] = total_15;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_15 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_15 = total_15 + partial20[i];
        }
        const float added_21 = v_14 + total_14;
        v_14 = added_21;
        const float added_22 = v_15 + total_15;
        v_15 = added_22;
    }
    const float tile_60 = v_14;
    const float tile_61 = v_15;
    const bool test_66 = tile_61 > 0.0f;
    const float product_24 = tw_min(tile_61, chosen_63) * chosen_67;
    const float product_25 = product_5 * (tile_60 + (test_66 ? product_24 : 0.0f));
    float v_16 = 0.0f;
    float v_17 = 0.0f;
    int v_18 = -1;
    float v_19 = 0.0f;
    float v_20 = 0.0f;
    for (int j_7 = 0; j_7 < chosen_65; j_7 += 1) {
        const int product_26 = j_7 * 1024;
        float logits_in_5[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            logits_in_5[i] = -INFINITY;
        }
        if ((product_26 + at) < arguments.vocabulary) {
            {
                union { uint4 all; float lane[4]; } vector;
                vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((product_26 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) logits_in_5[l] = vector.lane[l];
            }
        }
        uchar seen_in_5[4];
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            seen_in_5[i] = 0;
        }
        if ((product_26 + at) < arguments.vocabulary) {
            {
                union { uint all; uchar lane[4]; } vector;
                vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((product_26 + at))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) seen_in_5[l] = vector.lane[l];
            }
        }
        const float penalty_in_5 = penalty[(long)((int)threadgroup_position_in_grid.x)];
        float chosen_82[4];
        float total_16 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            const int rounded_10 = (int)(seen_in_5[i]);
            const bool test_67 = rounded_10 > 0;
            const bool test_68 = logits_in_5[i] >= 0.0f;
            const float quotient_6 = logits_in_5[i] / penalty_in_5;
            const float product_27 = logits_in_5[i] * penalty_in_5;
            const float chosen_76 = test_68 ? quotient_6 : product_27;
            const float chosen_77 = test_67 ? chosen_76 : logits_in_5[i];
            const float smaller_10 = tw_min((chosen_77 - chosen_2), 0.0f);
            const bool test_69 = smaller_10 > (-INFINITY);
            const float product_28 = smaller_10 * chosen;
            const float exp_x_10 = precise::exp(product_28);
            const float chosen_78 = test_69 ? exp_x_10 : 0.0f;
            const bool test_70 = chosen_77 != 0.0f;
            const float chosen_79 = test_70 ? chosen_77 : 0.0f;
            const int tile_62 = as_type<int>(chosen_79);
            const bool test_71 = tile_62 >= 0;
            const int xor_8 = tile_62 ^ 2147483647;
            const int chosen_80 = test_71 ? tile_62 : xor_8;
            const bool test_72 = chosen_78 >= chosen_64;
            const bool test_73 = chosen_80 > larger_2;
            const bool and_27 = test_73 && test_72;
            const float chosen_81 = and_27 ? chosen_78 : 0.0f;
            const bool test_74 = chosen_80 == larger_2;
            const bool and_28 = test_74 && test_72;
            chosen_82[i] = and_28 ? 1.0f : 0.0f;
            total_16 = total_16 + chosen_81;
        }
        total_16 = total_16 + simd_shuffle_xor(total_16, 1);
        total_16 = total_16 + simd_shuffle_xor(total_16, 2);
        total_16 = total_16 + simd_shuffle_xor(total_16, 4);
        total_16 = total_16 + simd_shuffle_xor(total_16, 8);
        total_16 = total_16 + simd_shuffle_xor(total_16, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial21[(int)simdgroup_index_in_threadgroup] = total_16;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_16 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_16 = total_16 + partial21[i];
        }
        float total_17 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 4; i++) {
            total_17 = total_17 + chosen_82[i];
        }
        total_17 = total_17 + simd_shuffle_xor(total_17, 1);
        total_17 = total_17 + simd_shuffle_xor(total_17, 2);
        total_17 = total_17 + simd_shuffle_xor(total_17, 4);
        total_17 = total_17 + simd_shuffle_xor(total_17, 8);
        total_17 = total_17 + simd_shuffle_xor(total_17, 16);
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 0) {
            partial22[(int)simdgroup_index_in_threadgroup] = total_17;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        total_17 = 0.0f;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            total_17 = total_17 + partial22[i];
        }
        const float tile_65 = v_16;
        const float tile_66 = v_17;
        const bool test_75 = tile_66 > 0.0f;
        const float product_29 = tw_min(tile_66, chosen_63) * chosen_67;
        const float added_24 = tile_65 + (test_75 ? product_29 : 0.0f);
        const float added_25 = v_16 + total_16;
        const float added_26 = v_17 + total_17;
        const bool test_76 = added_26 > 0.0f;
        const float product_30 = tw_min(added_26, chosen_63) * chosen_67;
        const float added_27 = added_25 + (test_76 ? product_30 : 0.0f);
        const int tile_69 = v_18;
        const bool test_77 = tile_69 < 0;
        const bool test_78 = added_27 > product_25;
        const bool and_29 = test_77 && test_78;
        const float difference_13 = product_25 - added_24;
        const float tile_70 = v_19;
        const float chosen_85 = and_29 ? difference_13 : tile_70;
        v_19 = chosen_85;
        const float difference_14 = chosen_63 - v_17;
        const float tile_72 = v_20;
        const float chosen_86 = and_29 ? difference_14 : tile_72;
        v_20 = chosen_86;
        const int tile_73 = v_18;
        const int chosen_87 = and_29 ? j_7 : tile_73;
        v_18 = chosen_87;
        const float added_28 = v_16 + total_16;
        v_16 = added_28;
        const float added_29 = v_17 + total_17;
        v_17 = added_29;
    }
    const int tile_76 = v_18;
    const float tile_77 = v_19;
    const float tile_78 = v_20;
    const float product_31 = product_5 * total;
    const float penalty_in_6 = penalty[(long)((int)threadgroup_position_in_grid.x)];
    float running_5;
    float carry_3 = 0.0f;
    float sum_3 = 0.0f;
    sum_3 = sum_3 + ((at_2 < arguments.parts) ? product_2 : 0.0f);
    running_5 = sum_3;
    const int lane_3 = (int)thread_index_in_simdgroup & 31;
    float running_6 = sum_3;
    const float other_118 = simd_shuffle_up(running_6, 1);
    running_6 = (lane_3 >= 1) ? (other_118 + running_6) : running_6;
    const float other_119 = simd_shuffle_up(running_6, 2);
    running_6 = (lane_3 >= 2) ? (other_119 + running_6) : running_6;
    const float other_120 = simd_shuffle_up(running_6, 4);
    running_6 = (lane_3 >= 4) ? (other_120 + running_6) : running_6;
    const float other_121 = simd_shuffle_up(running_6, 8);
    running_6 = (lane_3 >= 8) ? (other_121 + running_6) : running_6;
    const float other_122 = simd_shuffle_up(running_6, 16);
    running_6 = (lane_3 >= 16) ? (other_122 + running_6) : running_6;
    const float other_123 = simd_shuffle_up(running_6, 1);
    const float below_3 = (lane_3 >= 1) ? other_123 : 0.0f;
    const float total_18 = simd_shuffle(running_6, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        total23[(int)simdgroup_index_in_threadgroup] = total_18;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_3 = 0.0f;
    float all_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_3 = total23[i];
        base_3 = (i < (int)simdgroup_index_in_threadgroup) ? (base_3 + part_3) : base_3;
        all_3 = all_3 + part_3;
    }
    running_5 = (carry_3 + (base_3 + below_3)) + running_5;
    carry_3 = carry_3 + all_3;
    const bool test_79 = running_5 > product_31;
    const bool test_80 = product_2 > 0.0f;
    const bool and_30 = test_79 && test_80;
    const float chosen_88 = and_30 ? 1.0f : 0.0f;
    float greatest_3 = -INFINITY;
    if (at_2 < arguments.parts) {
        greatest_3 = tw_max(greatest_3, chosen_88);
    }
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 1));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 2));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 4));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 8));
    greatest_3 = tw_max(greatest_3, simd_shuffle_xor(greatest_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial24[(int)simdgroup_index_in_threadgroup] = greatest_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_3 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_3 = tw_max(greatest_3, partial24[i]);
    }
    const bool test_81 = chosen_88 == greatest_3;
    const bool is_nan_x_2 = chosen_88 != chosen_88;
    const bool or_5 = test_81 || is_nan_x_2;
    const uint rounded_11 = (uint)(at_2);
    const uint chosen_89 = or_5 ? rounded_11 : 4294967295u;
    uint least_2 = 4294967295u;
    if (at_2 < arguments.parts) {
        least_2 = min(least_2, chosen_89);
    }
    least_2 = min(least_2, simd_shuffle_xor(least_2, 1));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 2));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 4));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 8));
    least_2 = min(least_2, simd_shuffle_xor(least_2, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial25[(int)simdgroup_index_in_threadgroup] = least_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_2 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_2 = min(least_2, partial25[i]);
    }
    const int rounded_12 = (int)min(least_2, 2147483647u);
    const bool test_82 = at_2 < rounded_12;
    const float chosen_90 = test_82 ? product_2 : 0.0f;
    float total_19 = 0.0f;
    if (at_2 < arguments.parts) {
        total_19 = total_19 + chosen_90;
    }
    total_19 = total_19 + simd_shuffle_xor(total_19, 1);
    total_19 = total_19 + simd_shuffle_xor(total_19, 2);
    total_19 = total_19 + simd_shuffle_xor(total_19, 4);
    total_19 = total_19 + simd_shuffle_xor(total_19, 8);
    total_19 = total_19 + simd_shuffle_xor(total_19, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial26[(int)simdgroup_index_in_threadgroup] = total_19;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_19 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        total_19 = total_19 + partial26[i];
    }
    const float difference_15 = product_31 - total_19;
    const int larger_3 = max(tile_76, 0);
    const int chosen_91 = and_10 ? larger_3 : rounded_12;
    const float chosen_92 = and_10 ? tile_77 : difference_15;
    const int product_32 = chosen_91 * 1024;
    const int index_2 = tw_checked(product_32, 2147483647, faults, 1);
    float logits_in_6[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        logits_in_6[i] = -INFINITY;
    }
    if ((index_2 + at) < arguments.vocabulary) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const device uint4*)(logits + (((long)((int)threadgroup_position_in_grid.x) * arguments.logits_stride0) + (long)((index_2 + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) logits_in_6[l] = vector.lane[l];
        }
    }
    const int index_3 = tw_checked(product_32, 2147483647, faults, 2);
    uchar seen_in_6[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        seen_in_6[i] = 0;
    }
    if ((index_3 + at) < arguments.vocabulary) {
        {
            union { uint all; uchar lane[4]; } vector;
            vector.all = *(const device uint*)(seen + (((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)((index_3 + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) seen_in_6[l] = vector.lane[l];
        }
    }
    float chosen_94[4];
    float chosen_95[4];
    int chosen_97[4];
    bool test_88[4];
    float running_7[4];
    float carry_4 = 0.0f;
    float sum_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const int rounded_13 = (int)(seen_in_6[i]);
        const bool test_83 = rounded_13 > 0;
        const bool test_84 = logits_in_6[i] >= 0.0f;
        const float quotient_7 = logits_in_6[i] / penalty_in_6;
        const float product_33 = logits_in_6[i] * penalty_in_6;
        const float chosen_93 = test_84 ? quotient_7 : product_33;
        chosen_94[i] = test_83 ? chosen_93 : logits_in_6[i];
        const float smaller_13 = tw_min((chosen_94[i] - chosen_2), 0.0f);
        const bool test_85 = smaller_13 > (-INFINITY);
        const float product_34 = smaller_13 * chosen;
        const float exp_x_11 = precise::exp(product_34);
        chosen_95[i] = test_85 ? exp_x_11 : 0.0f;
        const bool test_86 = chosen_94[i] != 0.0f;
        const float chosen_96 = test_86 ? chosen_94[i] : 0.0f;
        const int tile_81 = as_type<int>(chosen_96);
        const bool test_87 = tile_81 >= 0;
        const int xor_9 = tile_81 ^ 2147483647;
        chosen_97[i] = test_87 ? tile_81 : xor_9;
        test_88[i] = chosen_97[i] == larger_2;
        const float chosen_98 = test_88[i] ? 1.0f : 0.0f;
        const float x_5 = chosen_98;
        running_7[i] = sum_4;
        sum_4 = sum_4 + x_5;
    }
    const int lane_4 = (int)thread_index_in_simdgroup & 31;
    float running_8 = sum_4;
    const float other_139 = simd_shuffle_up(running_8, 1);
    running_8 = (lane_4 >= 1) ? (other_139 + running_8) : running_8;
    const float other_140 = simd_shuffle_up(running_8, 2);
    running_8 = (lane_4 >= 2) ? (other_140 + running_8) : running_8;
    const float other_141 = simd_shuffle_up(running_8, 4);
    running_8 = (lane_4 >= 4) ? (other_141 + running_8) : running_8;
    const float other_142 = simd_shuffle_up(running_8, 8);
    running_8 = (lane_4 >= 8) ? (other_142 + running_8) : running_8;
    const float other_143 = simd_shuffle_up(running_8, 16);
    running_8 = (lane_4 >= 16) ? (other_143 + running_8) : running_8;
    const float other_144 = simd_shuffle_up(running_8, 1);
    const float below_4 = (lane_4 >= 1) ? other_144 : 0.0f;
    const float total_20 = simd_shuffle(running_8, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        total27[(int)simdgroup_index_in_threadgroup] = total_20;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_4 = 0.0f;
    float all_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_4 = total27[i];
        base_4 = (i < (int)simdgroup_index_in_threadgroup) ? (base_4 + part_4) : base_4;
        all_4 = all_4 + part_4;
    }
    const float before_4 = carry_4 + (base_4 + below_4);
    carry_4 = carry_4 + all_4;
    float chosen_99[4];
    float running_9[4];
    float carry_5 = 0.0f;
    float sum_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        running_7[i] = before_4 + running_7[i];
        const bool test_89 = chosen_97[i] > larger_2;
        const bool test_90 = running_7[i] < tile_78;
        const bool and_31 = test_88[i] && test_90;
        const bool or_6 = test_89 || and_31;
        const bool test_91 = chosen_95[i] >= chosen_64;
        const bool and_32 = or_6 && test_91;
        chosen_99[i] = and_32 ? chosen_95[i] : 0.0f;
        sum_5 = sum_5 + chosen_99[i];
        running_9[i] = sum_5;
    }
    const int lane_5 = (int)thread_index_in_simdgroup & 31;
    float running_10 = sum_5;
    const float other_145 = simd_shuffle_up(running_10, 1);
    running_10 = (lane_5 >= 1) ? (other_145 + running_10) : running_10;
    const float other_146 = simd_shuffle_up(running_10, 2);
    running_10 = (lane_5 >= 2) ? (other_146 + running_10) : running_10;
    const float other_147 = simd_shuffle_up(running_10, 4);
    running_10 = (lane_5 >= 4) ? (other_147 + running_10) : running_10;
    const float other_148 = simd_shuffle_up(running_10, 8);
    running_10 = (lane_5 >= 8) ? (other_148 + running_10) : running_10;
    const float other_149 = simd_shuffle_up(running_10, 16);
    running_10 = (lane_5 >= 16) ? (other_149 + running_10) : running_10;
    const float other_150 = simd_shuffle_up(running_10, 1);
    const float below_5 = (lane_5 >= 1) ? other_150 : 0.0f;
    const float total_21 = simd_shuffle(running_10, thread_index_in_simdgroup | 31);
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    if ((int)thread_index_in_simdgroup == 0) {
        total28[(int)simdgroup_index_in_threadgroup] = total_21;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    float base_5 = 0.0f;
    float all_5 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_5 = total28[i];
        base_5 = (i < (int)simdgroup_index_in_threadgroup) ? (base_5 + part_5) : base_5;
        all_5 = all_5 + part_5;
    }
    const float before_5 = carry_5 + (base_5 + below_5);
    carry_5 = carry_5 + all_5;
    bool and_33[4];
    float chosen_100[4];
    float greatest_4 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        running_9[i] = before_5 + running_9[i];
        const bool test_92 = running_9[i] > chosen_92;
        const bool test_93 = chosen_99[i] > 0.0f;
        and_33[i] = test_92 && test_93;
        chosen_100[i] = and_33[i] ? 1.0f : 0.0f;
        greatest_4 = tw_max(greatest_4, chosen_100[i]);
    }
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 1));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 2));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 4));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 8));
    greatest_4 = tw_max(greatest_4, simd_shuffle_xor(greatest_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial29[(int)simdgroup_index_in_threadgroup] = greatest_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_4 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_4 = tw_max(greatest_4, partial29[i]);
    }
    uint rounded_14[4];
    uint least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_94 = chosen_100[i] == greatest_4;
        const bool is_nan_x_3 = chosen_100[i] != chosen_100[i];
        const bool or_7 = test_94 || is_nan_x_3;
        rounded_14[i] = (uint)((at + (i & 3)));
        least_3 = min(least_3, (or_7 ? rounded_14[i] : 4294967295u));
    }
    least_3 = min(least_3, simd_shuffle_xor(least_3, 1));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 2));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 4));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 8));
    least_3 = min(least_3, simd_shuffle_xor(least_3, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial30[(int)simdgroup_index_in_threadgroup] = least_3;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_3 = min(least_3, partial30[i]);
    }
    bool reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        reduced_2 = reduced_2 || and_33[i];
    }
    const bool other_161 = simd_shuffle_xor((int)(reduced_2), 1);
    reduced_2 = reduced_2 || other_161;
    const bool other_162 = simd_shuffle_xor((int)(reduced_2), 2);
    reduced_2 = reduced_2 || other_162;
    const bool other_163 = simd_shuffle_xor((int)(reduced_2), 4);
    reduced_2 = reduced_2 || other_163;
    const bool other_164 = simd_shuffle_xor((int)(reduced_2), 8);
    reduced_2 = reduced_2 || other_164;
    const bool other_165 = simd_shuffle_xor((int)(reduced_2), 16);
    reduced_2 = reduced_2 || other_165;
    if ((int)thread_index_in_simdgroup == 0) {
        partial31[(int)simdgroup_index_in_threadgroup] = reduced_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        reduced_2 = reduced_2 || (partial31[i] != 0);
    }
    float greatest_5 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        greatest_5 = tw_max(greatest_5, chosen_94[i]);
    }
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 1));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 2));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 4));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 8));
    greatest_5 = tw_max(greatest_5, simd_shuffle_xor(greatest_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial32[(int)simdgroup_index_in_threadgroup] = greatest_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    greatest_5 = -INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_5 = tw_max(greatest_5, partial32[i]);
    }
    uint least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_95 = chosen_94[i] == greatest_5;
        const bool is_nan_x_4 = chosen_94[i] != chosen_94[i];
        const bool or_8 = test_95 || is_nan_x_4;
        least_4 = min(least_4, (or_8 ? rounded_14[i] : 4294967295u));
    }
    least_4 = min(least_4, simd_shuffle_xor(least_4, 1));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 2));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 4));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 8));
    least_4 = min(least_4, simd_shuffle_xor(least_4, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial33[(int)simdgroup_index_in_threadgroup] = least_4;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_4 = min(least_4, partial33[i]);
    }
    const uint chosen_103 = reduced_2 ? least_3 : least_4;
    const int smaller_14 = min(((int)min(chosen_103, 2147483647u) + product_32), (arguments.vocabulary - 1));
    const uint rounded_16 = (unsigned int)max(smaller_14, 0);
    int least_5 = 2147483647;
    least_5 = min(least_5, at_4);
    least_5 = min(least_5, simd_shuffle_xor(least_5, 1));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 2));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 4));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 8));
    least_5 = min(least_5, simd_shuffle_xor(least_5, 16));
    if ((int)thread_index_in_simdgroup == 0) {
        partial34[(int)simdgroup_index_in_threadgroup] = least_5;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    least_5 = 2147483647;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least_5 = min(least_5, partial34[((int)simdgroup_index_in_threadgroup & 6) + i]);
    }
    const bool test_96 = at_4 == least_5;
    const int chosen_104 = test_96 ? rounded_5 : 0;
    int total_22 = 0;
    total_22 = total_22 + chosen_104;
    total_22 = total_22 + simd_shuffle_xor(total_22, 1);
    total_22 = total_22 + simd_shuffle_xor(total_22, 2);
    total_22 = total_22 + simd_shuffle_xor(total_22, 4);
    total_22 = total_22 + simd_shuffle_xor(total_22, 8);
    total_22 = total_22 + simd_shuffle_xor(total_22, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial35[(int)simdgroup_index_in_threadgroup] = total_22;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_22 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_22 = total_22 + partial35[((int)simdgroup_index_in_threadgroup & 6) + i];
    }
    const int index_4 = tw_checked(total_22, (64 * arguments.parts), faults, 0);
    const uint tokens_in_2 = tokens[((long)((int)threadgroup_position_in_grid.x) * arguments.tokens_stride0) + (long)(index_4)];
    const bool test_97 = tile_76 < 0;
    const bool and_34 = and_10 && test_97;
    const uint chosen_105 = and_34 ? tokens_in_2 : rounded_16;
    const bool or_9 = and_7 || and_10;
    const uint chosen_106 = or_9 ? chosen_105 : tokens_in;
    const bool not_x_4 = !and_10;
    const bool and_35 = and_8 && not_x_4;
    const bool or_10 = not_x_2 || and_35;
    const uint chosen_107 = or_10 ? tokens_in_2 : chosen_106;
    const uint chosen_108 = test_2 ? chosen_107 : 4294967295u;
    const bool test_98 = lens_in > 0;
    if (test_98) {
        const int index_5 = tw_checked(lens_in, arguments.max_len, faults, 3);
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            history[((long)((int)threadgroup_position_in_grid.x) * arguments.history_stride0) + (long)(index_5)] = chosen_108;
        }
        const int rounded_17 = (int)min(chosen_107, 2147483647u);
        const int index_6 = tw_checked(rounded_17, arguments.vocabulary, faults, 4);
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            seen[((long)((int)threadgroup_position_in_grid.x) * arguments.seen_stride0) + (long)(index_6)] = 1;
        }
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            ids[(long)((int)threadgroup_position_in_grid.x)] = chosen_107;
        }
        const int added_31 = positions_in + 1;
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            positions[(long)((int)threadgroup_position_in_grid.x)] = added_31;
        }
        const int added_32 = lens_in + 1;
        if (((int)thread_index_in_threadgroup & 255) == 0) {
            lens[(long)((int)threadgroup_position_in_grid.x)] = added_32;
        }
    }
}
