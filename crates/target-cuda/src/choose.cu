// The experts of a token by the first warp of a group, for which the others wait.

// The K greatest of EXPERTS logits, descending, the lower position first of equal ones; with NORMALIZE, their softmax, else
// their part in that of all; no weights where nobody WEIGHS, which wait for the exponentials. What is read may have been made while this multiprocessor ran the launch before: the first
// cache may not know of it.
template <bool BF16, int EXPERTS, int K, bool NORMALIZE, bool WEIGHS>
__device__ __forceinline__ void tw_choose(unsigned int* positions, float* weights, const unsigned short* logits) {
    if (threadIdx.x < 32) {
        constexpr int EACH = (EXPERTS + 31) / 32;
        constexpr unsigned int INFINITE = BF16 ? 0x7f80u : 0x7c00u;
        const int lane = threadIdx.x;
        unsigned short halves[EACH];
        _Pragma("unroll") for (int i = 0; i < EACH; i++) {
            const int at = lane * EACH + i;
            halves[i] = 0;
            if (at < EXPERTS) asm volatile("ld.global.cg.u16 %0, [%1];" : "=h"(halves[i]) : "l"(logits + at) : "memory");
        }
        // A key of the order of its logit and, turned, of its position; NaN is the greatest, and there is one zero.
        unsigned int keys[EACH];
        _Pragma("unroll") for (int i = 0; i < EACH; i++) {
            unsigned int half = halves[i];
            half = half == 0x8000u ? 0u : (half & 0x7fffu) > INFINITE ? 0x7fffu : half;
            half = half & 0x8000u ? ~half & 0xffffu : half | 0x8000u;
            keys[i] = lane * EACH + i < EXPERTS ? half << 16 | (0xffffu - (unsigned int)(lane * EACH + i)) : 0u;
        }
        unsigned int own = 0u;
        _Pragma("unroll") for (int round = 0; round < K; round++) {
            unsigned int best = 0u;
            _Pragma("unroll") for (int i = 0; i < EACH; i++) best = max(best, keys[i]);
            best = __reduce_max_sync(0xffffffffu, best);
            if (lane == round) own = best;
            _Pragma("unroll") for (int i = 0; i < EACH; i++) keys[i] = keys[i] == best ? 0u : keys[i];
        }
        if (lane < K) positions[lane] = 0xffffu - (own & 0xffffu);
        if (WEIGHS) {
            const auto logit = [&](unsigned int key) {
                const unsigned int half = key >> 16;
                return tw_half<BF16>((unsigned short)(half & 0x8000u ? half & 0x7fffu : ~half));
            };
            const float greatest = __shfl_sync(0xffffffffu, logit(own), 0);
            const float weight = lane < K ? expf(logit(own) - greatest) : 0.0f;
            float total = 0.0f;
            if (NORMALIZE) {
                total = weight;
            } else {
                _Pragma("unroll") for (int i = 0; i < EACH; i++)
                    if (lane * EACH + i < EXPERTS) total += expf(tw_half<BF16>(halves[i]) - greatest);
            }
            _Pragma("unroll") for (int by = 1; by < 32; by *= 2) total += __shfl_xor_sync(0xffffffffu, total, by);
            if (lane < K) weights[lane] = weight / total;
        }
    }
    __syncthreads();
}
