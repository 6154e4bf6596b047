// topk, f32, rows = 16384, cols = 1024

struct topk_arguments {
    long long x_stride0;
    long long values_stride0;
    long long indices_stride0;
    int rows;
    int cols;
};

extern "C" __global__ void __launch_bounds__(128) tw_kernel_topk(const float* __restrict__ x, float* values, unsigned int* indices, const topk_arguments arguments) {
    __shared__ __align__(16) char shared_memory[1024];
    float* candidate0 = (float*)(shared_memory + 0);
    unsigned int* candidate_at1 = (unsigned int*)(shared_memory + 512);
    const int thread_2 = (int)threadIdx.x & 31;
    const int team = (int)threadIdx.x >> 5;
    const int program = ((int)blockIdx.x * 4) + team;
    const int program_2 = min(program, (arguments.rows + (-1)));
    const int at = thread_2 * 4;
    const int at_3 = thread_2 & 7;
    float x_in[32];
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        {
            union { uint4 all; float lane[4]; } vector;
            vector.all = *(const uint4*)(x + (((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((i * 4) >> 2) & 7) * 128)))));
            _Pragma("unroll")
            for (int l = 0; l < 4; l++) x_in[(i * 4) + l] = vector.lane[l];
        }
    }
    float top;
    unsigned int top_index;
    float greatest = -TW_INFINITY;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        greatest = tw_max(greatest, x_in[i]);
    }
    int mine = (((greatest != greatest) ? 2147483647 : (__float_as_int(greatest) ^ ((__float_as_int(greatest) >> 31) & 2147483647))) & (-32)) | (int)(threadIdx.x & 31);
    int best;
    _Pragma("unroll")
    for (int i = 0; i < 8; i++) {
        best = mine;
        best = __reduce_max_sync(0xffffffffu, best);
        if (mine == best) {
            mine = -2147483647 - 1;
        }
    }
    const float bound = __int_as_float(((best & (-32)) ^ (((best & (-32)) >> 31) & 2147483647)));
    int count = 0;
    int marks = 0;
    _Pragma("unroll")
    for (int i = 0; i < 32; i++) {
        if (!(x_in[i] < bound)) {
            marks = marks | (1 << (i & 31));
        }
    }
    const int ones = marks - ((marks >> 1) & 1431655765);
    const int ones_2 = (ones & 858993459) + ((ones >> 2) & 858993459);
    const int ones_3 = (ones_2 & 252645135) + ((ones_2 >> 4) & 252645135);
    count = count + (((ones_3 * 16843009) >> 24) & 255);
    int place = count;
    const int other = __shfl_up_sync(0xffffffffu, place, 1);
    if ((int)(threadIdx.x & 31) >= 1) {
        place = place + other;
    }
    const int other_2 = __shfl_up_sync(0xffffffffu, place, 2);
    if ((int)(threadIdx.x & 31) >= 2) {
        place = place + other_2;
    }
    const int other_3 = __shfl_up_sync(0xffffffffu, place, 4);
    if ((int)(threadIdx.x & 31) >= 4) {
        place = place + other_3;
    }
    const int other_4 = __shfl_up_sync(0xffffffffu, place, 8);
    if ((int)(threadIdx.x & 31) >= 8) {
        place = place + other_4;
    }
    const int other_5 = __shfl_up_sync(0xffffffffu, place, 16);
    if ((int)(threadIdx.x & 31) >= 16) {
        place = place + other_5;
    }
    const int candidates = __shfl_sync(0xffffffffu, place, (threadIdx.x & 31) | 31);
    place = place - count;
    if (candidates <= 32) {
        for (int n = 0; n < count; n += 1) {
            const int word = marks;
            const int first = 0;
            const int lowest = word & (0 - word);
            const int register_2 = first + ((__float_as_int((float)((unsigned int)(lowest))) >> 23) + (-127));
            marks = marks ^ lowest;
            const float x_2 = x[((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((register_2 & 3) + (((register_2 >> 2) & 7) * 128))))];
            candidate0[(team * 32) + place] = x_2;
            candidate_at1[(team * 32) + place] = (unsigned int)((at + ((register_2 & 3) + (((register_2 >> 2) & 7) * 128))));
            place = place + 1;
        }
        __syncwarp();
        int own;
        unsigned int own_at;
        own = -2147483647 - 1;
        own_at = 4294967295u;
        if ((int)(threadIdx.x & 31) < candidates) {
            const float x_3 = candidate0[(team * 32) + (int)(threadIdx.x & 31)];
            const int key = (x_3 != x_3) ? 2147483647 : (__float_as_int(x_3) ^ ((__float_as_int(x_3) >> 31) & 2147483647));
            const unsigned int at_2 = candidate_at1[(team * 32) + (int)(threadIdx.x & 31)];
            own = (key == (-1)) ? 0 : key;
            own_at = (at_2 + at_2) | ((key == (-1)) ? 1u : 0u);
        }
        _Pragma("unroll")
        for (int i = 0; i < 8; i++) {
            int won;
            unsigned int won_at;
            won = own;
            won = __reduce_max_sync(0xffffffffu, won);
            won_at = (own == won) ? own_at : 4294967295u;
            won_at = __reduce_min_sync(0xffffffffu, won_at);
            if (at_3 == i) {
                top = __int_as_float(((won - (int)((won_at & 1u))) ^ (((won - (int)((won_at & 1u))) >> 31) & 2147483647)));
                top_index = won_at >> 1u;
            }
            if (own_at == won_at) {
                own = -2147483647 - 1;
            }
        }
    }
    if (!(candidates <= 32)) {
        int own_2;
        unsigned int own_at_2;
        int won_2;
        unsigned int won_at_2;
        own_2 = -2147483647 - 1;
        own_at_2 = 4294967295u;
        for (int k = 0; k < 4; k += 1) {
            _Pragma("unroll")
            for (int i = 0; i < 8; i++) {
                const float x_4 = x[((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128))))];
                const int key_2 = (x_4 != x_4) ? 2147483647 : (__float_as_int(x_4) ^ ((__float_as_int(x_4) >> 31) & 2147483647));
                const int x_5 = (key_2 == (-1)) ? 0 : key_2;
                const unsigned int at_4 = ((unsigned int)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128)))) + (unsigned int)((at + ((((k * 8) + i) & 3) + (((((k * 8) + i) >> 2) & 7) * 128))))) | ((key_2 == (-1)) ? 1u : 0u);
                if (x_5 > own_2) {
                    own_2 = x_5;
                    own_at_2 = at_4;
                }
            }
        }
        for (int round_3 = 0; round_3 < 8; round_3 += 1) {
            won_2 = own_2;
            won_at_2 = own_at_2;
            won_2 = __reduce_max_sync(0xffffffffu, won_2);
            won_at_2 = (own_2 == won_2) ? own_at_2 : 4294967295u;
            won_at_2 = __reduce_min_sync(0xffffffffu, won_at_2);
            if (at_3 == round_3) {
                top = __int_as_float(((won_2 - (int)((won_at_2 & 1u))) ^ (((won_2 - (int)((won_at_2 & 1u))) >> 31) & 2147483647)));
                top_index = won_at_2 >> 1u;
            }
            if (own_at_2 == won_at_2) {
                own_2 = -2147483647 - 1;
                own_at_2 = 4294967295u;
                for (int k_2 = 0; k_2 < 4; k_2 += 1) {
                    _Pragma("unroll")
                    for (int i = 0; i < 8; i++) {
                        const float x_6 = x[((long long)(program_2) * arguments.x_stride0) + (long long)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128))))];
                        const int key_3 = (x_6 != x_6) ? 2147483647 : (__float_as_int(x_6) ^ ((__float_as_int(x_6) >> 31) & 2147483647));
                        const int x_7 = (key_3 == (-1)) ? 0 : key_3;
                        const unsigned int at_5 = ((unsigned int)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128)))) + (unsigned int)((at + ((((k_2 * 8) + i) & 3) + (((((k_2 * 8) + i) >> 2) & 7) * 128))))) | ((key_3 == (-1)) ? 1u : 0u);
                        if ((x_7 > own_2) && ((won_2 > x_7) || ((won_2 == x_7) && (won_at_2 < at_5)))) {
                            own_2 = x_7;
                            own_at_2 = at_5;
                        }
                    }
                }
            }
        }
    }
    if ((program < arguments.rows) && ((thread_2 & 24) == 0)) {
        values[((long long)(program_2) * arguments.values_stride0) + (long long)(at_3)] = top;
    }
    if ((program < arguments.rows) && ((thread_2 & 24) == 0)) {
        indices[((long long)(program_2) * arguments.indices_stride0) + (long long)(at_3)] = top_index;
    }
}
