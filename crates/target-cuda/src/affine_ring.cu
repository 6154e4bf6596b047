// Products of one row by groups that stay: each takes all that its multiprocessor is to do, and its weights go through a ring in
// shared memory, of which every warp has slots to itself. So much is under way from the first instruction on that memory is
// busy while the row is made ready, which MAKERS of its warps do once for all of its columns.
//
// For products in a graph whose columns and weights of each are many: on an H100 a model of 8 billion weights makes 536.7 tokens a
// second, and 514.6 by tw_affine_row; one of 1 billion would make 2098 instead of 2196. That the ring begins at a multiple of 128
// bytes matters: 508 to 511 of the 8 billion where it did not. In a program of their own the four products of a layer take 41.8 us
// (36.2 by bytes); tried and slower there: the same warps do both and ask for all of the ring at once (45.2), rings so small that
// two kernels run beside each other (51.7). Alone, with cold caches, such groups are slower than tw_affine_row (25 and 27 us for
// 14336x4096 and 4096x14336, as first tried, instead of 20.2 and 23.7), as reading alone is by such copies (19.8 instead of 16.8):
// what is launched by itself does without.
//
// Tried and slower on an H200 (622 tokens a second of 8 billion weights so): the products between one attention and the next as one
// launch, whose groups meet at counters in memory while their rings ask for the next product's weights, 440; 514 two at a time; 409 and
// 422 with 3 and 2 slots; 361 to 391 with fewer slots under way until groups meet, when the others are asked for one by one. A slot
// by bulk copies of 256 bytes, which complete at an mbarrier: 537, and 357 in one launch.
//
// A warp's slots are its own: wait_group shows a lane its copies, and __syncwarp orders them before the other lanes' reads, as
// PTX has it.

// A copy of `size` bytes of WIDTH; zeros for the others.
template <int WIDTH> __device__ __forceinline__ void tw_copy_some(void* to, const void* from, int size) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(to);
    if (WIDTH == 16) asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(size) : "memory");
    else asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from), "n"(WIDTH), "r"(size) : "memory");
}

// The rounds that a warp has under way: of each of 16 columns the weights of STEPS steps, then their scales, then their biases.
template <int BITS, int GROUP, int STEPS, int SLOTS> struct tw_ring {
    static constexpr int GROUPS = tw_affine_shape<GROUP>::GROUPS;
    static constexpr int SPAN = STEPS * 16 * BITS;                             // bytes of a column
    static constexpr int PITCH = SPAN + (BITS == 8 ? 16 : 64);                 // so that the lanes of a load meet no bank twice
    static constexpr int SCALES = STEPS * GROUPS * 2;                         // bytes of a column
    static constexpr int SLOT = 16 * PITCH + 32 * SCALES;
    static constexpr int WORDS = GROUPS == 1 ? STEPS / 2 : STEPS;               // of scales that a lane needs of a column
    char* slots;

    // Asks for a round of the columns from the first of `of` on, past the last of `columns` for that one again.
    __device__ __forceinline__ void fetch(int slot, const tw_affine& of, int round, int groups, int columns, int lane) const {
        constexpr int EACH = SPAN / 16, TOGETHER = 32 / EACH, WIDTH = SCALES < 16 ? SCALES : 16;
        const int left = groups - round * (STEPS * GROUPS), part = lane % EACH, own = lane & 15;
        const bool whole = columns >= 16 && left >= STEPS * GROUPS;
        char* to = slots + slot * SLOT + lane / EACH * PITCH + part * 16;
        const int apart = (int)of.w_stride * 4;
        const char* from = (const char*)of.w + round * SPAN + part * 16;
        if (whole) {
            from += lane / EACH * apart;
            _Pragma("unroll") for (int i = 0; i < 16; i += TOGETHER) tw_copy_async<16>(to + i * PITCH, from + i * apart, true);
        } else {
            _Pragma("unroll 1") for (int i = 0; i < 16; i += TOGETHER)
                tw_copy_async<16>(to + i * PITCH, from + min(i + lane / EACH, columns - 1) * apart, part * 128 < left * GROUP * BITS);
        }
        to = slots + slot * SLOT + 16 * PITCH + lane * SCALES;
        const int column = whole ? own : min(own, columns - 1);
        from = (const char*)(lane < 16 ? of.scales + column * (int)of.scales_stride : of.biases + column * (int)of.biases_stride) + round * SCALES;
        _Pragma("unroll") for (int i = 0; i < SCALES; i += WIDTH) tw_copy_some<WIDTH>(to + i, from + i, whole ? WIDTH : max(0, min(WIDTH, left * 2 - i)));
    }

    // The scales of a column that a lane needs.
    static __device__ __forceinline__ void words(unsigned int (&to)[WORDS], const char* p, int t) {
        if (GROUPS == 4) {
            _Pragma("unroll") for (int s = 0; s < STEPS; s++) to[s] = *(const unsigned int*)(p + s * 8 + (t & 2) * 2);
        } else if (WORDS == 4) {
            const uint4 v = *(const uint4*)p;
            to[0] = v.x, to[1 % WORDS] = v.y, to[2 % WORDS] = v.z, to[3 % WORDS] = v.w;
        } else {
            const uint2 v = *(const uint2*)p;
            to[0] = v.x, to[1 % WORDS] = v.y;
        }
    }
};

// As tw_affine_row, through a ring at `room`: all blocks of columns of all products, one after the other, and of each its rounds.
// `row[zeros]` and the three after it are zeros; behind them the makers meet.
template <int BITS, int GROUP, bool BF16, int PRODUCTS, int BLOCKS, int MAKERS, int WARPS, int STEPS, int SLOTS, int UNITS, class Operands, class Begin, class Make>
__device__ __forceinline__ void tw_affine_ring(float* result, int apart, float* partial, unsigned int* room, unsigned int* row, int zeros, const float* row_sums, const Operands& operands, int groups, int columns, const Begin& begin, const Make& make) {
    typedef tw_ring<BITS, GROUP, STEPS, SLOTS> Ring;
    constexpr int GROUPS = tw_affine_shape<GROUP>::GROUPS, WORDS = Ring::WORDS;
    int warp, lane;
    asm volatile("mov.u32 %0, %1;" : "=r"(warp) : "r"(threadIdx.x >> 5));
    asm volatile("mov.u32 %0, %1;" : "=r"(lane) : "r"(threadIdx.x & 31));
    const int g = lane >> 2, t = lane & 3;
    const int rounds = (groups + GROUPS * STEPS - 1) / (GROUPS * STEPS);
    const int blocks = BLOCKS == 1 ? 1 : min(BLOCKS, (columns + 15) >> 4), all = PRODUCTS / BLOCKS * blocks;
    const bool makes = warp < MAKERS;
    warp -= MAKERS;
    const Ring ring = {(char*)room + warp * (SLOTS * Ring::SLOT)};
    // Where the next round is that a warp asks for, and the next that it takes: a block of columns of all products', its round.
    int next = 0, next_round = warp;
    const auto forward = [&](int& block, int& round) {
        while (round >= rounds && block < all) round -= rounds, block++;
    };
    const auto fetch = [&](int slot) {
        forward(next, next_round);
        if (next < all) {
            const int product = PRODUCTS == BLOCKS ? 0 : next / blocks, first = (next - product * blocks) * 16;
            tw_affine of = operands(product);
            of.w += first * of.w_stride, of.scales += first * of.scales_stride, of.biases += first * of.biases_stride;
            ring.fetch(slot, of, next_round, groups, columns - first, lane);
        }
        next_round += WARPS;
        tw_copy_commit();
    };
    if (threadIdx.x == 0) tw_meeting(row + zeros + TW_ZEROS, MAKERS * 32);
    __syncthreads();
    if (makes) {
        if (threadIdx.x < TW_ZEROS) row[zeros + threadIdx.x] = 0u;
        begin();
        make();
    } else {
        // One after the other has come: what the row is made of does not wait behind them all.
        _Pragma("unroll 1") for (int i = 0; i < SLOTS; i++) {
            fetch(i);
            if (i + 1 < SLOTS) tw_copy_wait<0>();
        }
        tw_wait();
    }
    __syncthreads();
    tw_row_step<BITS, GROUP, BF16, true> step;
    step.start(lane, zeros);
    const int units = (groups + 2 * GROUPS - 1) / (2 * GROUPS);
    int block = makes ? all : 0, round = warp, slot = 0;
    _Pragma("unroll 1") for (forward(block, round); block < all; forward(block, round)) {
        tw_copy_wait<SLOTS - 1>();
        __syncwarp();
        const char* from = ring.slots + slot * Ring::SLOT;
        const int product = PRODUCTS == BLOCKS ? 0 : block / blocks;
        float* own = partial + ((block + product * (BLOCKS - blocks)) * UNITS + round * (STEPS / 2)) * 16;
        unsigned int scales[2][WORDS], biases[2][WORDS];
        _Pragma("unroll") for (int i = 0; i < 2; i++) {
            const char* p = from + 16 * Ring::PITCH + (g + 8 * i) * Ring::SCALES;
            Ring::words(scales[i], p, t);
            Ring::words(biases[i], p + 16 * Ring::SCALES, t);
        }
        _Pragma("unroll") for (int s = 0; s < STEPS; s++) {
            unsigned int w[2][BITS];
            _Pragma("unroll") for (int i = 0; i < 2; i++)
                _Pragma("unroll") for (int j = 0; j < BITS; j += 4) {
                    const uint4 v = *(const uint4*)(from + (g + 8 * i) * Ring::PITCH + (s * 4 + t) * (BITS * 4) + j * 4);
                    w[i][j] = v.x, w[i][j + 1] = v.y, w[i][j + 2] = v.z, w[i][j + 3] = v.w;
                }
            step.take(w, row, row_sums, round * STEPS + s, scales, biases, s);
            if (s % 2 == 1) step.keep(own + s / 2 * 16, true);
        }
        // What it has taken is free for what comes.
        __syncwarp();
        fetch(slot);
        slot = slot + 1 == SLOTS ? 0 : slot + 1;
        round += WARPS;
    }
    __syncthreads();
    tw_row_sums<PRODUCTS, BLOCKS, MAKERS + WARPS, UNITS>(result, apart, partial, units, blocks);
}
