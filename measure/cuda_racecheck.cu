// What compute-sanitizer's racecheck makes of a group some of whose warps meet while others copy: the same kernel, whose only
// difference is how the first warps meet before all do at __syncthreads. None of them has a race.
//
//   nvcc -O3 -std=c++17 -arch=sm_90 measure/cuda_racecheck.cu -o meetings
//   for k in none some_at_a_barrier others_arrive at_an_mbarrier; do compute-sanitizer --tool racecheck ./meetings $k; done
//
// On an H100 with compute-sanitizer 2025.3.1 all give the same sums; of `others_arrive` (bar.arrive by those that do not wait)
// races are told, between what is stored to `row` before __syncthreads and read after it, which no order of the threads allows;
// none of the others. With bar.sync by some of its warps tw_affine_ring got such reports too (17 places of its norm, reads of
// copies behind wait_group and __syncwarp), though not this small kernel; with an mbarrier it has none.
#include <cstdio>
#include <cstdlib>
#include <cstring>

constexpr int MAKERS = 4, WARPS = 4, SLOTS = 3, ROUNDS = 16, THREADS = (MAKERS + WARPS) * 32;
enum Meet { NONE, SOME, ARRIVE, MBARRIER };

__device__ unsigned int at(const void* p) { return (unsigned int)__cvta_generic_to_shared(p); }

template <Meet MEET> __global__ void __launch_bounds__(THREADS) meetings(const uint4* in, unsigned int* out) {
    __shared__ uint4 room[WARPS * SLOTS * 32];
    __shared__ unsigned int row[MAKERS * 32], total[MAKERS];
    __shared__ unsigned long long barrier;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    uint4* own = room + (warp - MAKERS) * SLOTS * 32;
    int next = 0;
    const auto fetch = [&](int slot) {
        if (next < ROUNDS) {
            const uint4* from = in + (next * WARPS + warp - MAKERS) * 32 + lane;
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at(own + slot * 32 + lane)), "l"(from) : "memory");
        }
        next++;
        asm volatile("cp.async.commit_group;" ::: "memory");
    };
    if (MEET == MBARRIER) {
        if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at(&barrier)), "n"(MAKERS * 32) : "memory");
        __syncthreads();
    }
    if (warp < MAKERS) {
        unsigned int sum = threadIdx.x;
        for (int by = 1; by < 32; by *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
        if (MEET != NONE) {
            if (lane == 0) total[warp] = sum;
            if (MEET == SOME) asm volatile("bar.sync 1, %0;" ::"n"(MAKERS * 32) : "memory");
            if (MEET == ARRIVE) asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");
            if (MEET == MBARRIER) {
                asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared.b64 state, [%0];\n}" ::"r"(at(&barrier)) : "memory");
                unsigned int met = 0;
                while (!met) asm volatile("{\n.reg .pred met;\nmbarrier.test_wait.parity.shared.b64 met, [%1], 0;\nselp.u32 %0, 1, 0, met;\n}" : "=r"(met) : "r"(at(&barrier)) : "memory");
            }
            sum = 0;
            for (int i = 0; i < MAKERS; i++) sum += total[i];
        } else {
            // The same for all.
            sum = MAKERS * 32 * (MAKERS * 32 - 1) / 2;
        }
        row[threadIdx.x] = sum;
    } else {
        if (MEET == ARRIVE) asm volatile("bar.arrive 1, %0;" ::"n"(THREADS) : "memory");
        for (int i = 0; i < SLOTS; i++) fetch(i);
    }
    __syncthreads();
    if (warp < MAKERS) return;
    unsigned int sum = 0;
    for (int round = 0, slot = 0; round < ROUNDS; round++) {
        asm volatile("cp.async.wait_group %0;" ::"n"(SLOTS - 1) : "memory");
        __syncwarp();
        const uint4 v = own[slot * 32 + (lane ^ 5)];
        sum += (v.x ^ v.y ^ v.z ^ v.w) * row[(round + lane) % (MAKERS * 32)];
        __syncwarp();
        fetch(slot);
        slot = slot + 1 == SLOTS ? 0 : slot + 1;
    }
    out[(warp - MAKERS) * 32 + lane] = sum;
}

int main(int count, char** words) {
    constexpr int PARTS = ROUNDS * WARPS * 32;
    static uint4 host[PARTS];
    for (unsigned int i = 0; i < PARTS; i++) host[i] = make_uint4(i * 2654435761u, i * 40503u, i ^ 77u, ~i);
    unsigned int *out, own[WARPS * 32], sum = 0;
    uint4* in;
    cudaMalloc(&in, sizeof host);
    cudaMalloc(&out, sizeof own);
    cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
    const char* name = count > 1 ? words[1] : "none";
    if (!strcmp(name, "none")) meetings<NONE><<<1, THREADS>>>(in, out);
    else if (!strcmp(name, "some_at_a_barrier")) meetings<SOME><<<1, THREADS>>>(in, out);
    else if (!strcmp(name, "others_arrive")) meetings<ARRIVE><<<1, THREADS>>>(in, out);
    else if (!strcmp(name, "at_an_mbarrier")) meetings<MBARRIER><<<1, THREADS>>>(in, out);
    else return printf("no meeting %s\n", name), 2;
    const cudaError_t error = cudaDeviceSynchronize();
    cudaMemcpy(own, out, sizeof own, cudaMemcpyDeviceToHost);
    for (unsigned int one : own) sum = sum * 31 + one;
    printf("%s: %s, %08x\n", name, cudaGetErrorString(error), sum);
    return error != cudaSuccess;
}
