// sample_token, f32, batch = 1, vocabulary = 151936, parts = 149, max_len = 1024

struct sample_token_arguments {
    long long logits_stride0;
    long long values_stride0;
    long long tokens_stride0;
    long long masses_stride0;
    long long seen_stride0;
    long long history_stride0;
    int batch;
    int vocabulary;
    int parts;
    int max_len;
};

extern "C" __global__ void __launch_bounds__(256) tw_kernel_sample_token(const float* __restrict__ logits, const float* __restrict__ values, const unsigned int* __restrict__ tokens, const float* __restrict__ masses, const float* __restrict__ temperature, const int* __restrict__ top_k, const float* __restrict__ top_p, const float* __restrict__ min_p, const float* __restrict__ penalty, const unsigned int* __restrict__ seed, unsigned char* seen, unsigned int* history, unsigned int* ids, int* positions, int* lens, const sample_token_arguments arguments, uint4* faults) {
    __shared__ __align__(16) char shared_memory[96];
    int* partial0 = (int*)(shared_memory + 0);
    unsigned int* partial1 = (unsigned int*)(shared_memory + 32);
    float* partial2 = (float*)(shared_memory + 64);
    float* partial3 = (float*)(shared_memory + 0);
    float* partial4 = (float*)(shared_memory + 32);
    float* total5 = (float*)(shared_memory + 0);
    float* partial6 = (float*)(shared_memory + 16);
    float* total7 = (float*)(shared_memory + 0);
    float* partial8 = (float*)(shared_memory + 16);
    unsigned int* partial9 = (unsigned int*)(shared_memory + 48);
    int* partial10 = (int*)(shared_memory + 0);
    unsigned char* partial11 = (unsigned char*)(shared_memory + 32);
    float* total12 = (float*)(shared_memory + 0);
    float* partial13 = (float*)(shared_memory + 32);
    unsigned int* partial14 = (unsigned int*)(shared_memory + 0);
    float* partial15 = (float*)(shared_memory + 32);
    float* total16 = (float*)(shared_memory + 0);
    float* partial17 = (float*)(shared_memory + 32);
    unsigned int* partial18 = (unsigned int*)(shared_memory + 0);
    unsigned char* partial19 = (unsigned char*)(shared_memory + 32);
    float* partial20 = (float*)(shared_memory + 0);
    unsigned int* partial21 = (unsigned int*)(shared_memory + 32);
    int* partial22 = (int*)(shared_memory + 0);
    int* partial23 = (int*)(shared_memory + 32);
    const int at = (int)threadIdx.x * 4;
    const int at_2 = (int)threadIdx.x;
    const int at_4 = (int)threadIdx.x & 63;
    const int lens_in = lens[(long long)((int)blockIdx.x)];
    const int positions_in = positions[(long long)((int)blockIdx.x)];
    const float temperature_in = temperature[(long long)((int)blockIdx.x)];
    const bool test = temperature_in > 0.0f;
    const float recip_x = 1.0f / temperature_in;
    const float chosen = test ? recip_x : 0.0f;
    const int top_k_in = top_k[(long long)((int)blockIdx.x)];
    const float top_p_in = top_p[(long long)((int)blockIdx.x)];
    const float min_p_in = min_p[(long long)((int)blockIdx.x)];
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
                vector.all = *(const uint4*)(values + (((long long)((int)blockIdx.x) * arguments.values_stride0) + (long long)((at + ((((i * 4) >> 2) & 15) * 1024)))));
                _Pragma("unroll")
                for (int l = 0; l < 4; l++) values_in[(i * 4) + l] = vector.lane[l];
            }
        }
    }
    float masses_in = 0.0f;
    if (at_2 < arguments.parts) {
        masses_in = masses[((long long)((int)blockIdx.x) * arguments.masses_stride0) + (long long)(at_2)];
    }
    const unsigned int seed_in = seed[(long long)((int)blockIdx.x)];
    const float penalty_in = penalty[(long long)((int)blockIdx.x)];
    float top;
    unsigned int top_index;
    int key[64];
    int own;
    unsigned int own_at;
    int won;
    unsigned int won_at;
    own = -2147483647 - 1;
    own_at = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 64; i++) {
        const float x = values_in[i];
        key[i] = ((at + ((i & 3) + (((i >> 2) & 15) * 1024))) < (64 * arguments.parts)) ? ((x != x) ? 2147483647 : (__float_as_int(((x == 0.0f) ? 0.0f : x)) ^ ((__float_as_int(((x == 0.0f) ? 0.0f : x)) >> 31) & 2147483647))) : (-2147483647 - 1);
        const unsigned int at_3 = (unsigned int)((at + ((i & 3) + (((i >> 2) & 15) * 1024))));
        if (key[i] > own) {
            own = key[i];
            own_at = at_3;
        }
    }
    for (int round = 0; round < 64; round += 1) {
        won = own;
        won_at = own_at;
        const int other = __shfl_xor_sync(0xffffffffu, won, 1);
        const unsigned int other_2 = __shfl_xor_sync(0xffffffffu, won_at, 1);
        const bool better = (other > won) || ((other == won) && (other_2 < won_at));
        const int value = better ? other : won;
        const unsigned int position = better ? other_2 : won_at;
        won = value;
        won_at = position;
        const int other_3 = __shfl_xor_sync(0xffffffffu, won, 2);
        const unsigned int other_4 = __shfl_xor_sync(0xffffffffu, won_at, 2);
        const bool better_2 = (other_3 > won) || ((other_3 == won) && (other_4 < won_at));
        const int value_2 = better_2 ? other_3 : won;
        const unsigned int position_2 = better_2 ? other_4 : won_at;
        won = value_2;
        won_at = position_2;
        const int other_5 = __shfl_xor_sync(0xffffffffu, won, 4);
        const unsigned int other_6 = __shfl_xor_sync(0xffffffffu, won_at, 4);
        const bool better_3 = (other_5 > won) || ((other_5 == won) && (other_6 < won_at));
        const int value_3 = better_3 ? other_5 : won;
        const unsigned int position_3 = better_3 ? other_6 : won_at;
        won = value_3;
        won_at = position_3;
        const int other_7 = __shfl_xor_sync(0xffffffffu, won, 8);
        const unsigned int other_8 = __shfl_xor_sync(0xffffffffu, won_at, 8);
        const bool better_4 = (other_7 > won) || ((other_7 == won) && (other_8 < won_at));
        const int value_4 = better_4 ? other_7 : won;
        const unsigned int position_4 = better_4 ? other_8 : won_at;
        won = value_4;
        won_at = position_4;
        const int other_9 = __shfl_xor_sync(0xffffffffu, won, 16);
        const unsigned int other_10 = __shfl_xor_sync(0xffffffffu, won_at, 16);
        const bool better_5 = (other_9 > won) || ((other_9 == won) && (other_10 < won_at));
        const int value_5 = better_5 ? other_9 : won;
        const unsigned int position_5 = better_5 ? other_10 : won_at;
        won = value_5;
        won_at = position_5;
        __syncthreads();
        if ((int)(threadIdx.x & 31) == 0) {
            partial0[(int)(threadIdx.x >> 5)] = won;
            partial1[(int)(threadIdx.x >> 5)] = won_at;
        }
        __syncthreads();
        won = -2147483647 - 1;
        won_at = 4294967295u;
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            const bool better_6 = (partial0[i] > won) || ((partial0[i] == won) && (partial1[i] < won_at));
            const int value_6 = better_6 ? partial0[i] : won;
            const unsigned int position_6 = better_6 ? partial1[i] : won_at;
            won = value_6;
            won_at = position_6;
        }
        if (at_4 == round) {
            top = __int_as_float((won ^ ((won >> 31) & 2147483647)));
            top_index = won_at;
        }
        if (own_at == won_at) {
            own = -2147483647 - 1;
            own_at = 4294967295u;
            _Pragma("unroll")
            for (int i = 0; i < 64; i++) {
                const unsigned int at_5 = (unsigned int)((at + ((i & 3) + (((i >> 2) & 15) * 1024))));
                if ((key[i] > own) && ((won > key[i]) || ((won == key[i]) && (won_at < at_5)))) {
                    own = key[i];
                    own_at = at_5;
                }
            }
        }
    }
    float greatest = -TW_INFINITY;
    greatest = tw_max(greatest, top);
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 1));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 2));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 4));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 8));
    greatest = tw_max(greatest, __shfl_xor_sync(0xffffffffu, greatest, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial2[(int)(threadIdx.x >> 5)] = greatest;
    }
    __syncthreads();
    greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest = tw_max(greatest, partial2[((int)(threadIdx.x >> 5) & 6) + i]);
    }
    const float abs_x = fabsf(greatest);
    const bool test_2 = abs_x < TW_INFINITY;
    const float chosen_2 = test_2 ? greatest : 0.0f;
    float values_in_2 = 0.0f;
    if (at_2 < arguments.parts) {
        values_in_2 = values[((long long)((int)blockIdx.x) * arguments.values_stride0) + (long long)((at_2 * 64))];
    }
    const float difference = values_in_2 - chosen_2;
    const bool test_3 = difference > (-TW_INFINITY);
    const float product = difference * chosen;
    const float exp_x = expf(product);
    const float product_2 = (test_3 ? exp_x : 0.0f) * masses_in;
    float total = 0.0f;
    if (at_2 < arguments.parts) {
        total = total + product_2;
    }
    total = total + __shfl_xor_sync(0xffffffffu, total, 1);
    total = total + __shfl_xor_sync(0xffffffffu, total, 2);
    total = total + __shfl_xor_sync(0xffffffffu, total, 4);
    total = total + __shfl_xor_sync(0xffffffffu, total, 8);
    total = total + __shfl_xor_sync(0xffffffffu, total, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial3[(int)(threadIdx.x >> 5)] = total;
    }
    __syncthreads();
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
    const bool test_7 = difference_2 > (-TW_INFINITY);
    const float product_3 = difference_2 * chosen;
    const float exp_x_2 = expf(product_3);
    const float chosen_4 = test_7 ? exp_x_2 : 0.0f;
    const float chosen_5 = or_ ? chosen_4 : 0.0f;
    float total_2 = 0.0f;
    total_2 = total_2 + chosen_5;
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 1);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 2);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 4);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 8);
    total_2 = total_2 + __shfl_xor_sync(0xffffffffu, total_2, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial4[(int)(threadIdx.x >> 5)] = total_2;
    }
    __syncthreads();
    total_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_2 = total_2 + partial4[((int)(threadIdx.x >> 5) & 6) + i];
    }
    const float chosen_6 = and_ ? total_2 : total;
    float running;
    float carry = 0.0f;
    float sum = 0.0f;
    const float x_2 = chosen_5;
    running = sum;
    sum = sum + x_2;
    const int lane_ = (int)(threadIdx.x & 31) & 31;
    float running_2 = sum;
    const float other_26 = __shfl_up_sync(0xffffffffu, running_2, 1);
    running_2 = (lane_ >= 1) ? (other_26 + running_2) : running_2;
    const float other_27 = __shfl_up_sync(0xffffffffu, running_2, 2);
    running_2 = (lane_ >= 2) ? (other_27 + running_2) : running_2;
    const float other_28 = __shfl_up_sync(0xffffffffu, running_2, 4);
    running_2 = (lane_ >= 4) ? (other_28 + running_2) : running_2;
    const float other_29 = __shfl_up_sync(0xffffffffu, running_2, 8);
    running_2 = (lane_ >= 8) ? (other_29 + running_2) : running_2;
    const float other_30 = __shfl_up_sync(0xffffffffu, running_2, 16);
    running_2 = (lane_ >= 16) ? (other_30 + running_2) : running_2;
    const float other_31 = __shfl_up_sync(0xffffffffu, running_2, 1);
    const float below = (lane_ >= 1) ? other_31 : 0.0f;
    const float total_3 = __shfl_sync(0xffffffffu, running_2, (threadIdx.x & 31) | 31);
    __syncthreads();
    if (((int)threadIdx.x & 223) == 0) {
        total5[(int)(threadIdx.x >> 5) & 1] = total_3;
    }
    __syncthreads();
    float base = 0.0f;
    float all_ = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part = total5[i];
        base = (i < ((int)(threadIdx.x >> 5) & 1)) ? (base + part) : base;
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
    const unsigned int rounded = (unsigned int)(0);
    const unsigned int rounded_2 = (unsigned int)max(lens_in, 0);
    const unsigned int random = tw_philox(rounded, seed_in, rounded_2);
    const unsigned int shr = random >> 8u;
    const float product_5 = (float)(shr) * 5.9604645e-8f;
    float total_4 = 0.0f;
    total_4 = total_4 + chosen_7;
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 1);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 2);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 4);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 8);
    total_4 = total_4 + __shfl_xor_sync(0xffffffffu, total_4, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial6[(int)(threadIdx.x >> 5)] = total_4;
    }
    __syncthreads();
    total_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_4 = total_4 + partial6[((int)(threadIdx.x >> 5) & 6) + i];
    }
    const float product_6 = product_5 * total_4;
    float running_3;
    float carry_2 = 0.0f;
    float sum_2 = 0.0f;
    sum_2 = sum_2 + chosen_7;
    running_3 = sum_2;
    const int lane_2 = (int)(threadIdx.x & 31) & 31;
    float running_4 = sum_2;
    const float other_37 = __shfl_up_sync(0xffffffffu, running_4, 1);
    running_4 = (lane_2 >= 1) ? (other_37 + running_4) : running_4;
    const float other_38 = __shfl_up_sync(0xffffffffu, running_4, 2);
    running_4 = (lane_2 >= 2) ? (other_38 + running_4) : running_4;
    const float other_39 = __shfl_up_sync(0xffffffffu, running_4, 4);
    running_4 = (lane_2 >= 4) ? (other_39 + running_4) : running_4;
    const float other_40 = __shfl_up_sync(0xffffffffu, running_4, 8);
    running_4 = (lane_2 >= 8) ? (other_40 + running_4) : running_4;
    const float other_41 = __shfl_up_sync(0xffffffffu, running_4, 16);
    running_4 = (lane_2 >= 16) ? (other_41 + running_4) : running_4;
    const float other_42 = __shfl_up_sync(0xffffffffu, running_4, 1);
    const float below_2 = (lane_2 >= 1) ? other_42 : 0.0f;
    const float total_5 = __shfl_sync(0xffffffffu, running_4, (threadIdx.x & 31) | 31);
    __syncthreads();
    if (((int)threadIdx.x & 223) == 0) {
        total7[(int)(threadIdx.x >> 5) & 1] = total_5;
    }
    __syncthreads();
    float base_2 = 0.0f;
    float all_2 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        const float part_2 = total7[i];
        base_2 = (i < ((int)(threadIdx.x >> 5) & 1)) ? (base_2 + part_2) : base_2;
        all_2 = all_2 + part_2;
    }
    running_3 = (carry_2 + (base_2 + below_2)) + running_3;
    carry_2 = carry_2 + all_2;
    const bool test_11 = running_3 > product_6;
    const bool test_12 = chosen_7 > 0.0f;
    const bool and_3 = test_11 && test_12;
    const float chosen_8 = and_3 ? 1.0f : 0.0f;
    float greatest_2 = -TW_INFINITY;
    greatest_2 = tw_max(greatest_2, chosen_8);
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 1));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 2));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 4));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 8));
    greatest_2 = tw_max(greatest_2, __shfl_xor_sync(0xffffffffu, greatest_2, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial8[(int)(threadIdx.x >> 5)] = greatest_2;
    }
    __syncthreads();
    greatest_2 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        greatest_2 = tw_max(greatest_2, partial8[((int)(threadIdx.x >> 5) & 6) + i]);
    }
    const bool test_13 = chosen_8 == greatest_2;
    const bool is_nan_x = chosen_8 != chosen_8;
    const bool or_3 = test_13 || is_nan_x;
    const unsigned int rounded_3 = (unsigned int)(at_4);
    const unsigned int chosen_9 = or_3 ? rounded_3 : 4294967295u;
    unsigned int least = 4294967295u;
    least = min(least, chosen_9);
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 1));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 2));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 4));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 8));
    least = min(least, __shfl_xor_sync(0xffffffffu, least, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial9[(int)(threadIdx.x >> 5)] = least;
    }
    __syncthreads();
    least = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least = min(least, partial9[((int)(threadIdx.x >> 5) & 6) + i]);
    }
    const int rounded_4 = (int)min(least, 2147483647u);
    const bool test_14 = at_4 == rounded_4;
    const int rounded_5 = (int)min(top_index, 2147483647u);
    const int chosen_10 = test_14 ? rounded_5 : 0;
    int total_6 = 0;
    total_6 = total_6 + chosen_10;
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 1);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 2);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 4);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 8);
    total_6 = total_6 + __shfl_xor_sync(0xffffffffu, total_6, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial10[(int)(threadIdx.x >> 5)] = total_6;
    }
    __syncthreads();
    total_6 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_6 = total_6 + partial10[((int)(threadIdx.x >> 5) & 6) + i];
    }
    const int index = tw_checked(total_6, (64 * arguments.parts), faults, 0);
    const unsigned int tokens_in = tokens[((long long)((int)blockIdx.x) * arguments.tokens_stride0) + (long long)(index)];
    const bool test_15 = at_4 >= 63;
    const bool and_4 = test_15 && test_12;
    bool reduced = false;
    reduced = reduced || and_4;
    const bool other_58 = __shfl_xor_sync(0xffffffffu, (int)reduced, 1);
    reduced = reduced || other_58;
    const bool other_59 = __shfl_xor_sync(0xffffffffu, (int)reduced, 2);
    reduced = reduced || other_59;
    const bool other_60 = __shfl_xor_sync(0xffffffffu, (int)reduced, 4);
    reduced = reduced || other_60;
    const bool other_61 = __shfl_xor_sync(0xffffffffu, (int)reduced, 8);
    reduced = reduced || other_61;
    const bool other_62 = __shfl_xor_sync(0xffffffffu, (int)reduced, 16);
    reduced = reduced || other_62;
    if ((int)(threadIdx.x & 31) == 0) {
        partial11[(int)(threadIdx.x >> 5)] = reduced;
    }
    __syncthreads();
    reduced = false;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        reduced = reduced || (partial11[((int)(threadIdx.x >> 5) & 6) + i] != 0);
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
    const int lane_3 = (int)(threadIdx.x & 31) & 31;
    float running_6 = sum_3;
    const float other_63 = __shfl_up_sync(0xffffffffu, running_6, 1);
    running_6 = (lane_3 >= 1) ? (other_63 + running_6) : running_6;
    const float other_64 = __shfl_up_sync(0xffffffffu, running_6, 2);
    running_6 = (lane_3 >= 2) ? (other_64 + running_6) : running_6;
    const float other_65 = __shfl_up_sync(0xffffffffu, running_6, 4);
    running_6 = (lane_3 >= 4) ? (other_65 + running_6) : running_6;
    const float other_66 = __shfl_up_sync(0xffffffffu, running_6, 8);
    running_6 = (lane_3 >= 8) ? (other_66 + running_6) : running_6;
    const float other_67 = __shfl_up_sync(0xffffffffu, running_6, 16);
    running_6 = (lane_3 >= 16) ? (other_67 + running_6) : running_6;
    const float other_68 = __shfl_up_sync(0xffffffffu, running_6, 1);
    const float below_3 = (lane_3 >= 1) ? other_68 : 0.0f;
    const float total_7 = __shfl_sync(0xffffffffu, running_6, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total12[(int)(threadIdx.x >> 5)] = total_7;
    }
    __syncthreads();
    float base_3 = 0.0f;
    float all_3 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_3 = total12[i];
        base_3 = (i < (int)(threadIdx.x >> 5)) ? (base_3 + part_3) : base_3;
        all_3 = all_3 + part_3;
    }
    running_5 = (carry_3 + (base_3 + below_3)) + running_5;
    carry_3 = carry_3 + all_3;
    const bool test_17 = running_5 > product_7;
    const bool test_18 = product_2 > 0.0f;
    const bool and_6 = test_17 && test_18;
    const float chosen_11 = and_6 ? 1.0f : 0.0f;
    float greatest_3 = -TW_INFINITY;
    if (at_2 < arguments.parts) {
        greatest_3 = tw_max(greatest_3, chosen_11);
    }
    greatest_3 = tw_max(greatest_3, __shfl_xor_sync(0xffffffffu, greatest_3, 1));
    greatest_3 = tw_max(greatest_3, __shfl_xor_sync(0xffffffffu, greatest_3, 2));
    greatest_3 = tw_max(greatest_3, __shfl_xor_sync(0xffffffffu, greatest_3, 4));
    greatest_3 = tw_max(greatest_3, __shfl_xor_sync(0xffffffffu, greatest_3, 8));
    greatest_3 = tw_max(greatest_3, __shfl_xor_sync(0xffffffffu, greatest_3, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial13[(int)(threadIdx.x >> 5)] = greatest_3;
    }
    __syncthreads();
    greatest_3 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_3 = tw_max(greatest_3, partial13[i]);
    }
    const bool test_19 = chosen_11 == greatest_3;
    const bool is_nan_x_2 = chosen_11 != chosen_11;
    const bool or_5 = test_19 || is_nan_x_2;
    const unsigned int rounded_6 = (unsigned int)(at_2);
    const unsigned int chosen_12 = or_5 ? rounded_6 : 4294967295u;
    unsigned int least_2 = 4294967295u;
    if (at_2 < arguments.parts) {
        least_2 = min(least_2, chosen_12);
    }
    least_2 = min(least_2, __shfl_xor_sync(0xffffffffu, least_2, 1));
    least_2 = min(least_2, __shfl_xor_sync(0xffffffffu, least_2, 2));
    least_2 = min(least_2, __shfl_xor_sync(0xffffffffu, least_2, 4));
    least_2 = min(least_2, __shfl_xor_sync(0xffffffffu, least_2, 8));
    least_2 = min(least_2, __shfl_xor_sync(0xffffffffu, least_2, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial14[(int)(threadIdx.x >> 5)] = least_2;
    }
    __syncthreads();
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
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 1);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 2);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 4);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 8);
    total_8 = total_8 + __shfl_xor_sync(0xffffffffu, total_8, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial15[(int)(threadIdx.x >> 5)] = total_8;
    }
    __syncthreads();
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
        logits_in[i] = -TW_INFINITY;
    }
    if ((index_2 + at) < arguments.vocabulary) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(logits + (((long long)((int)blockIdx.x) * arguments.logits_stride0) + (long long)((index_2 + at))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) logits_in[l] = vector.lane[l];
        }
    }
    const int index_3 = tw_checked(product_8, 2147483647, faults, 2);
    unsigned char seen_in[4];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        seen_in[i] = 0;
    }
    if ((index_3 + at) < arguments.vocabulary) {
        {
            union { unsigned int all; unsigned char lane[4]; } vector;
            vector.all = *(const unsigned int*)(seen + (((long long)((int)blockIdx.x) * arguments.seen_stride0) + (long long)((index_3 + at))));
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
        const bool test_23 = smaller > (-TW_INFINITY);
        const float product_10 = smaller * chosen;
        const float exp_x_3 = expf(product_10);
        chosen_16[i] = test_23 ? exp_x_3 : 0.0f;
        sum_4 = sum_4 + chosen_16[i];
        running_7[i] = sum_4;
    }
    const int lane_4 = (int)(threadIdx.x & 31) & 31;
    float running_8 = sum_4;
    const float other_84 = __shfl_up_sync(0xffffffffu, running_8, 1);
    running_8 = (lane_4 >= 1) ? (other_84 + running_8) : running_8;
    const float other_85 = __shfl_up_sync(0xffffffffu, running_8, 2);
    running_8 = (lane_4 >= 2) ? (other_85 + running_8) : running_8;
    const float other_86 = __shfl_up_sync(0xffffffffu, running_8, 4);
    running_8 = (lane_4 >= 4) ? (other_86 + running_8) : running_8;
    const float other_87 = __shfl_up_sync(0xffffffffu, running_8, 8);
    running_8 = (lane_4 >= 8) ? (other_87 + running_8) : running_8;
    const float other_88 = __shfl_up_sync(0xffffffffu, running_8, 16);
    running_8 = (lane_4 >= 16) ? (other_88 + running_8) : running_8;
    const float other_89 = __shfl_up_sync(0xffffffffu, running_8, 1);
    const float below_4 = (lane_4 >= 1) ? other_89 : 0.0f;
    const float total_9 = __shfl_sync(0xffffffffu, running_8, (threadIdx.x & 31) | 31);
    __syncthreads();
    if ((int)(threadIdx.x & 31) == 0) {
        total16[(int)(threadIdx.x >> 5)] = total_9;
    }
    __syncthreads();
    float base_4 = 0.0f;
    float all_4 = 0.0f;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        const float part_4 = total16[i];
        base_4 = (i < (int)(threadIdx.x >> 5)) ? (base_4 + part_4) : base_4;
        all_4 = all_4 + part_4;
    }
    const float before_4 = carry_4 + (base_4 + below_4);
    carry_4 = carry_4 + all_4;
    bool and_7[4];
    float chosen_17[4];
    float greatest_4 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        running_7[i] = before_4 + running_7[i];
        const bool test_24 = running_7[i] > difference_3;
        const bool test_25 = chosen_16[i] > 0.0f;
        and_7[i] = test_24 && test_25;
        chosen_17[i] = and_7[i] ? 1.0f : 0.0f;
        greatest_4 = tw_max(greatest_4, chosen_17[i]);
    }
    greatest_4 = tw_max(greatest_4, __shfl_xor_sync(0xffffffffu, greatest_4, 1));
    greatest_4 = tw_max(greatest_4, __shfl_xor_sync(0xffffffffu, greatest_4, 2));
    greatest_4 = tw_max(greatest_4, __shfl_xor_sync(0xffffffffu, greatest_4, 4));
    greatest_4 = tw_max(greatest_4, __shfl_xor_sync(0xffffffffu, greatest_4, 8));
    greatest_4 = tw_max(greatest_4, __shfl_xor_sync(0xffffffffu, greatest_4, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial17[(int)(threadIdx.x >> 5)] = greatest_4;
    }
    __syncthreads();
    greatest_4 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_4 = tw_max(greatest_4, partial17[i]);
    }
    unsigned int rounded_9[4];
    unsigned int least_3 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_26 = chosen_17[i] == greatest_4;
        const bool is_nan_x_3 = chosen_17[i] != chosen_17[i];
        const bool or_6 = test_26 || is_nan_x_3;
        rounded_9[i] = (unsigned int)((at + (i & 3)));
        least_3 = min(least_3, (or_6 ? rounded_9[i] : 4294967295u));
    }
    least_3 = min(least_3, __shfl_xor_sync(0xffffffffu, least_3, 1));
    least_3 = min(least_3, __shfl_xor_sync(0xffffffffu, least_3, 2));
    least_3 = min(least_3, __shfl_xor_sync(0xffffffffu, least_3, 4));
    least_3 = min(least_3, __shfl_xor_sync(0xffffffffu, least_3, 8));
    least_3 = min(least_3, __shfl_xor_sync(0xffffffffu, least_3, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial18[(int)(threadIdx.x >> 5)] = least_3;
    }
    __syncthreads();
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
    const bool other_100 = __shfl_xor_sync(0xffffffffu, (int)reduced_2, 1);
    reduced_2 = reduced_2 || other_100;
    const bool other_101 = __shfl_xor_sync(0xffffffffu, (int)reduced_2, 2);
    reduced_2 = reduced_2 || other_101;
    const bool other_102 = __shfl_xor_sync(0xffffffffu, (int)reduced_2, 4);
    reduced_2 = reduced_2 || other_102;
    const bool other_103 = __shfl_xor_sync(0xffffffffu, (int)reduced_2, 8);
    reduced_2 = reduced_2 || other_103;
    const bool other_104 = __shfl_xor_sync(0xffffffffu, (int)reduced_2, 16);
    reduced_2 = reduced_2 || other_104;
    if ((int)(threadIdx.x & 31) == 0) {
        partial19[(int)(threadIdx.x >> 5)] = reduced_2;
    }
    __syncthreads();
    reduced_2 = false;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        reduced_2 = reduced_2 || (partial19[i] != 0);
    }
    float greatest_5 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        greatest_5 = tw_max(greatest_5, chosen_15[i]);
    }
    greatest_5 = tw_max(greatest_5, __shfl_xor_sync(0xffffffffu, greatest_5, 1));
    greatest_5 = tw_max(greatest_5, __shfl_xor_sync(0xffffffffu, greatest_5, 2));
    greatest_5 = tw_max(greatest_5, __shfl_xor_sync(0xffffffffu, greatest_5, 4));
    greatest_5 = tw_max(greatest_5, __shfl_xor_sync(0xffffffffu, greatest_5, 8));
    greatest_5 = tw_max(greatest_5, __shfl_xor_sync(0xffffffffu, greatest_5, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial20[(int)(threadIdx.x >> 5)] = greatest_5;
    }
    __syncthreads();
    greatest_5 = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        greatest_5 = tw_max(greatest_5, partial20[i]);
    }
    unsigned int least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        const bool test_27 = chosen_15[i] == greatest_5;
        const bool is_nan_x_4 = chosen_15[i] != chosen_15[i];
        const bool or_7 = test_27 || is_nan_x_4;
        least_4 = min(least_4, (or_7 ? rounded_9[i] : 4294967295u));
    }
    least_4 = min(least_4, __shfl_xor_sync(0xffffffffu, least_4, 1));
    least_4 = min(least_4, __shfl_xor_sync(0xffffffffu, least_4, 2));
    least_4 = min(least_4, __shfl_xor_sync(0xffffffffu, least_4, 4));
    least_4 = min(least_4, __shfl_xor_sync(0xffffffffu, least_4, 8));
    least_4 = min(least_4, __shfl_xor_sync(0xffffffffu, least_4, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial21[(int)(threadIdx.x >> 5)] = least_4;
    }
    __syncthreads();
    least_4 = 4294967295u;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        least_4 = min(least_4, partial21[i]);
    }
    const unsigned int chosen_20 = reduced_2 ? least_3 : least_4;
    const int smaller_2 = min(((int)min(chosen_20, 2147483647u) + product_8), (arguments.vocabulary - 1));
    const unsigned int rounded_11 = (unsigned int)max(smaller_2, 0);
    const bool test_28 = top_k_in <= 0;
    const bool and_8 = test_28 && test_8;
    const bool test_29 = min_p_in <= 0.0f;
    const bool and_9 = and_8 && test_29;
    const bool test_30 = chosen > 0.0f;
    const bool not_x_2 = !test_30;
    int least_5 = 2147483647;
    least_5 = min(least_5, at_4);
    least_5 = min(least_5, __shfl_xor_sync(0xffffffffu, least_5, 1));
    least_5 = min(least_5, __shfl_xor_sync(0xffffffffu, least_5, 2));
    least_5 = min(least_5, __shfl_xor_sync(0xffffffffu, least_5, 4));
    least_5 = min(least_5, __shfl_xor_sync(0xffffffffu, least_5, 8));
    least_5 = min(least_5, __shfl_xor_sync(0xffffffffu, least_5, 16));
    if ((int)(threadIdx.x & 31) == 0) {
        partial22[(int)(threadIdx.x >> 5)] = least_5;
    }
    __syncthreads();
    least_5 = 2147483647;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        least_5 = min(least_5, partial22[((int)(threadIdx.x >> 5) & 6) + i]);
    }
    const bool test_31 = at_4 == least_5;
    const int chosen_21 = test_31 ? rounded_5 : 0;
    int total_10 = 0;
    total_10 = total_10 + chosen_21;
    total_10 = total_10 + __shfl_xor_sync(0xffffffffu, total_10, 1);
    total_10 = total_10 + __shfl_xor_sync(0xffffffffu, total_10, 2);
    total_10 = total_10 + __shfl_xor_sync(0xffffffffu, total_10, 4);
    total_10 = total_10 + __shfl_xor_sync(0xffffffffu, total_10, 8);
    total_10 = total_10 + __shfl_xor_sync(0xffffffffu, total_10, 16);
    if ((int)(threadIdx.x & 31) == 0) {
        partial23[(int)(threadIdx.x >> 5)] = total_10;
    }
    __syncthreads();
    total_10 = 0;
    _Pragma("unroll")
    for (int i = 0; i < 2; i++) {
        total_10 = total_10 + partial23[((int)(threadIdx.x >> 5) & 6) + i];
    }
    const int index_4 = tw_checked(total_10, (64 * arguments.parts), faults, 0);
    const unsigned int tokens_in_2 = tokens[((long long)((int)blockIdx.x) * arguments.tokens_stride0) + (long long)(index_4)];
    const bool not_x_3 = !and_9;
    const bool and_10 = or_4 && not_x_3;
    const bool or_8 = not_x_2 || and_10;
    const unsigned int chosen_22 = and_9 ? rounded_11 : tokens_in;
    const unsigned int chosen_23 = or_8 ? tokens_in_2 : chosen_22;
    const bool and_11 = and_10 && test_30;
    const bool and_12 = and_11 && test_2;
    const unsigned int chosen_24 = and_12 ? 4294967294u : chosen_23;
    const unsigned int chosen_25 = test_2 ? chosen_24 : 4294967295u;
    const bool test_32 = lens_in > 0;
    if (test_32) {
        const int index_5 = tw_checked(lens_in, arguments.max_len, faults, 3);
        if (((int)threadIdx.x & 255) == 0) {
            history[((long long)((int)blockIdx.x) * arguments.history_stride0) + (long long)(index_5)] = chosen_25;
        }
    }
    const bool not_x_4 = !and_12;
    const bool and_13 = test_32 && not_x_4;
    if (and_13) {
        const int rounded_12 = (int)min(chosen_23, 2147483647u);
        const int index_6 = tw_checked(rounded_12, arguments.vocabulary, faults, 4);
        if (((int)threadIdx.x & 255) == 0) {
            seen[((long long)((int)blockIdx.x) * arguments.seen_stride0) + (long long)(index_6)] = 1;
        }
        if (((int)threadIdx.x & 255) == 0) {
            ids[(long long)((int)blockIdx.x)] = chosen_23;
        }
        const int added_2 = positions_in + 1;
        if (((int)threadIdx.x & 255) == 0) {
            positions[(long long)((int)blockIdx.x)] = added_2;
        }
        const int added_3 = lens_in + 1;
        if (((int)threadIdx.x & 255) == 0) {
            lens[(long long)((int)blockIdx.x)] = added_3;
        }
    }
}
