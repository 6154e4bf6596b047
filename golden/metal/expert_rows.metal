// expert_rows, f32, slots = 4096, experts = 128, blocks = 8192

struct expert_rows_arguments {
    int slots;
    int experts;
    int blocks;
};

[[kernel, max_total_threads_per_threadgroup(256)]]
void tw_kernel_expert_rows(
    const device uint* indices [[buffer(0)]],
    const device uint* counts [[buffer(1)]],
    device uint* rows [[buffer(2)]],
    device uint* owners [[buffer(3)]],
    constant expert_rows_arguments& arguments [[buffer(4)]],
    uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
    uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
    uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
    uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]) {
    threadgroup uint4 shared_memory[4];
    threadgroup int* partial0 = (decltype(partial0))(shared_memory + 0);
    threadgroup int* partial1 = (decltype(partial1))(shared_memory + 2);
    threadgroup int* total2 = (decltype(total2))(shared_memory + 0);
    const int at = (int)thread_index_in_threadgroup & 127;
    const int at_2 = (int)thread_index_in_threadgroup * 4;
    const uint counts_in = counts[(long)(at)];
    const int rounded = (int)min(counts_in, 2147483647u);
    const int added = (int)(((uint)(rounded) + (uint)(63)));
    const int quotient = added / 64;
    const bool test = at < (int)threadgroup_position_in_grid.x;
    const int chosen = test ? quotient : 0;
    int total = 0;
    total = total + chosen;
    total = total + simd_shuffle_xor(total, 1);
    total = total + simd_shuffle_xor(total, 2);
    total = total + simd_shuffle_xor(total, 4);
    total = total + simd_shuffle_xor(total, 8);
    total = total + simd_shuffle_xor(total, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial0[(int)simdgroup_index_in_threadgroup] = total;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total = 0;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total = total + partial0[((int)simdgroup_index_in_threadgroup & 4) + i];
    }
    const bool test_2 = at == (int)threadgroup_position_in_grid.x;
    const int chosen_2 = test_2 ? quotient : 0;
    int total_2 = 0;
    total_2 = total_2 + chosen_2;
    total_2 = total_2 + simd_shuffle_xor(total_2, 1);
    total_2 = total_2 + simd_shuffle_xor(total_2, 2);
    total_2 = total_2 + simd_shuffle_xor(total_2, 4);
    total_2 = total_2 + simd_shuffle_xor(total_2, 8);
    total_2 = total_2 + simd_shuffle_xor(total_2, 16);
    if ((int)thread_index_in_simdgroup == 0) {
        partial1[(int)simdgroup_index_in_threadgroup] = total_2;
    }
    threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
    total_2 = 0;
    const int difference = arguments.experts - 1;
    uint indices_in[16];
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        total_2 = total_2 + partial1[((int)simdgroup_index_in_threadgroup & 4) + i];
        {
            union { uint4 all; uint lane[4]; } vector;
            vector.all = *(const device uint4*)(indices + (long)((at_2 + ((((i * 4) >> 2) & 3) * 1024))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) indices_in[(i * 4) + l] = vector.lane[l];
        }
    }
    bool test_3[16];
    int rounded_3[16];
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const int smaller = min((int)min(indices_in[i], 2147483647u), difference);
        test_3[i] = smaller == (int)threadgroup_position_in_grid.x;
        rounded_3[i] = (int)(test_3[i]);
    }
    int running[16];
    int carry = 0;
    _Pragma("unroll")
    for (int i = 0; i < 4; i++) {
        int sum = 0;
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 4; i_9++) {
            sum = sum + rounded_3[(i * 4) + i_9];
            running[(i * 4) + i_9] = sum;
        }
        const int lane_ = (int)thread_index_in_simdgroup & 31;
        int running_2 = sum;
        const int other_11 = simd_shuffle_up(running_2, 1);
        running_2 = (lane_ >= 1) ? (other_11 + running_2) : running_2;
        const int other_12 = simd_shuffle_up(running_2, 2);
        running_2 = (lane_ >= 2) ? (other_12 + running_2) : running_2;
        const int other_13 = simd_shuffle_up(running_2, 4);
        running_2 = (lane_ >= 4) ? (other_13 + running_2) : running_2;
        const int other_14 = simd_shuffle_up(running_2, 8);
        running_2 = (lane_ >= 8) ? (other_14 + running_2) : running_2;
        const int other_15 = simd_shuffle_up(running_2, 16);
        running_2 = (lane_ >= 16) ? (other_15 + running_2) : running_2;
        const int other_16 = simd_shuffle_up(running_2, 1);
        const int below = (lane_ >= 1) ? other_16 : 0;
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        if ((int)thread_index_in_simdgroup == 31) {
            total2[(int)simdgroup_index_in_threadgroup] = running_2;
        }
        threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
        int base = 0;
        int all_ = 0;
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 8; i_9++) {
            const int part = total2[i_9];
            base = (i_9 < (int)simdgroup_index_in_threadgroup) ? (base + part) : base;
            all_ = all_ + part;
        }
        const int before = carry + (base + below);
        _Pragma("unroll")
        for (int i_9 = 0; i_9 < 4; i_9++) {
            running[(i * 4) + i_9] = before + running[(i * 4) + i_9];
        }
        carry = carry + all_;
    }
    const int product = (int)(((uint)(total) * (uint)(64)));
    const int difference_2 = (int)(((uint)(product) - (uint)(1)));
    _Pragma("unroll")
    for (int i = 0; i < 16; i++) {
        const int added_2 = (int)(((uint)(running[i]) + (uint)(difference_2)));
        const uint rounded_4 = (unsigned int)max(added_2, 0);
        if (test_3[i]) {
            rows[(long)((at_2 + ((i & 3) + (((i >> 2) & 3) * 1024))))] = rounded_4;
        }
    }
    const bool test_4 = (int)threadgroup_position_in_grid.x == difference;
    const int added_3 = (int)(((uint)(total) + (uint)(total_2)));
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        const bool test_5 = (at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))) >= total;
        const bool test_6 = (at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))) < added_3;
        const bool or_ = test_6 || test_4;
        const bool and_ = test_5 && or_;
        const int chosen_3 = test_6 ? (int)threadgroup_position_in_grid.x : arguments.experts;
        const uint rounded_5 = (unsigned int)max(chosen_3, 0);
        if (and_) {
            owners[(long)((at_2 + ((i & 3) + (((i >> 2) & 7) * 1024))))] = rounded_5;
        }
    }
}
