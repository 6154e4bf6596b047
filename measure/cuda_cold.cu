// What the bench's clock shows at least for one row times 4-bit weights, of which 33 MB are read and next to nothing is computed:
// the caches are flushed by a copy, as `tilewright bench` flushes them, and two events stand around the launch.
//
//   nvcc -O3 -std=c++17 -arch=sm_90 measure/cuda_cold.cu -o cold && ./cold
//
// plain: threads read 16 bytes at a time, some of them under way; flat: a group a multiprocessor brings its share to shared memory
// by bulk copies; ring: the same by cp.async, each warp 16 columns of 256 bytes at a time, as their product takes them. `copied` is
// after the flush, whose written lines go back to memory meanwhile; `read` after another 256 MB have been read, so that no cache
// holds anything to be written back.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
#include <string>
#include <vector>

static void check(cudaError_t error) {
    if (error == cudaSuccess) return;
    printf("%s\n", cudaGetErrorString(error));
    exit(1);
}

// Columns of 4-bit weights, and their scales and biases, each contiguous.
struct Weights {
    const char *w, *scales, *biases;
    int row, scale_row, columns; // bytes of a column of each
};

extern __shared__ __align__(128) char shared[];

__device__ __forceinline__ unsigned address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }
__device__ __forceinline__ uint4 stream(const char* p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}
__device__ __forceinline__ void take(unsigned& sum, uint4 v) { sum ^= v.x ^ v.y ^ v.z ^ v.w; }
__device__ __forceinline__ void copy_async(void* to, const char* from) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(address(to)), "l"(from) : "memory");
}

__global__ void empty(unsigned* out) {
    if (blockIdx.x == 1u << 30) out[0] = shared[out[1]];
}

// Byte `at` of all, weights first.
__device__ __forceinline__ const char* place(const Weights& of, long long at) {
    const long long w = (long long)of.columns * of.row, scales = (long long)of.columns * of.scale_row;
    return at < w ? of.w + at : at < w + scales ? of.scales + (at - w) : of.biases + (at - w - scales);
}
__host__ __device__ long long bytes_of(const Weights& of) { return (long long)of.columns * (of.row + 2 * of.scale_row); }

template <int UNROLL> __global__ void plain(Weights of, unsigned* out) {
    unsigned sum = 0;
    const long long all = bytes_of(of) / 16;
    for (long long i = blockIdx.x * (long long)blockDim.x * UNROLL + threadIdx.x; i < all; i += (long long)gridDim.x * blockDim.x * UNROLL) {
        uint4 v[UNROLL];
        _Pragma("unroll") for (int j = 0; j < UNROLL; j++) v[j] = i + j * blockDim.x < all ? stream(place(of, (i + j * blockDim.x) * 16)) : make_uint4(0, 0, 0, 0);
        _Pragma("unroll") for (int j = 0; j < UNROLL; j++) take(sum, v[j]);
    }
    if (sum == 0x1234567) out[0] = sum;
}

// STAGES stages of STAGE bytes under way; the last one of all is read twice in part.
template <int STAGE, int STAGES> __global__ void flat(Weights of, unsigned* out) {
    __shared__ unsigned long long come[STAGES], free[STAGES];
    const long long w = (long long)of.columns * of.row, all = bytes_of(of);
    const int stages = (int)((all + STAGE - 1) / STAGE);
    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(address(come + i)) : "memory");
            asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(address(free + i)), "r"(blockDim.x / 32) : "memory");
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    const auto wait = [](unsigned long long* barrier, int phase) {
        unsigned done = 0;
        while (!done) asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }" : "=r"(done) : "r"(address(barrier)), "r"(phase) : "memory");
    };
    const auto fetch = [&](int slot, int stage) {
        // A stage that crosses from one tensor to the next is read from where the weights end.
        const long long at = (long long)stage * STAGE;
        const bool within = at + STAGE <= w || (at >= w && (at - w) / ((all - w) / 2) == (at + STAGE - 1 - w) / ((all - w) / 2) && at + STAGE <= all);
        const char* from = within ? place(of, at) : of.w + w - STAGE;
        asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(address(come + slot)), "r"(STAGE) : "memory");
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(address(shared + slot * STAGE)), "l"(from), "r"(STAGE), "r"(address(come + slot)) : "memory");
    };
    if (threadIdx.x == 0)
        for (int i = 0; i < STAGES && blockIdx.x + i * gridDim.x < stages; i++) fetch(i, blockIdx.x + i * gridDim.x);
    __syncthreads();
    unsigned sum = 0;
    int turn = 0;
    for (int stage = blockIdx.x; stage < stages; stage += gridDim.x, turn++) {
        const int slot = turn % STAGES, phase = turn / STAGES & 1;
        wait(come + slot, phase);
        for (int i = threadIdx.x * 16; i < STAGE; i += blockDim.x * 16) take(sum, *(const uint4*)(shared + slot * STAGE + i));
        __syncwarp();
        if (threadIdx.x % 32 == 0) asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(address(free + slot)) : "memory");
        if (threadIdx.x == 0 && stage + STAGES * gridDim.x < stages) {
            wait(free + slot, phase);
            fetch(slot, stage + STAGES * gridDim.x);
        }
    }
    if (sum == 0x1234567) out[0] = sum;
}

template <int WARPS, int SLOTS> struct Ring {
    static constexpr int SPAN = 256, PITCH = SPAN + 64, SLOT = 16 * PITCH + 512, BYTES = WARPS * SLOTS * SLOT;
};
template <int WARPS, int SLOTS> __global__ void __launch_bounds__(WARPS * 32) ring(Weights of, unsigned* out) {
    typedef Ring<WARPS, SLOTS> R;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, slices = of.row / R::SPAN, blocks = of.columns / 16;
    const int own = (blocks - (int)blockIdx.x + (int)gridDim.x - 1) / (int)gridDim.x * slices;
    char* slots = shared + warp * SLOTS * R::SLOT;
    const auto fetch = [&](int slot, int item) {
        if (item < own) {
            const int column = (blockIdx.x + item / slices * gridDim.x) * 16, slice = item % slices;
            char* to = slots + slot * R::SLOT;
            const char* from = of.w + (long long)column * of.row + slice * R::SPAN;
            _Pragma("unroll") for (int i = lane; i < R::SPAN; i += 32) copy_async(to + i / 16 * R::PITCH + i % 16 * 16, from + (long long)(i / 16) * of.row + i % 16 * 16);
            copy_async(to + 16 * R::PITCH + lane * 16, (lane < 16 ? of.scales : of.biases) + (long long)(column + lane % 16) * of.scale_row + slice * 16);
        }
        asm volatile("cp.async.commit_group;" ::: "memory");
    };
    _Pragma("unroll") for (int i = 0; i < SLOTS; i++) fetch(i, warp + i * WARPS);
    unsigned sum = 0;
    int slot = 0;
    for (int item = warp; item < own; item += WARPS) {
        asm volatile("cp.async.wait_group %0;" ::"n"(SLOTS - 1) : "memory");
        __syncwarp();
        const char* from = slots + slot * R::SLOT;
        _Pragma("unroll") for (int i = 0; i < 16; i += 8)
            _Pragma("unroll") for (int j = 0; j < R::SPAN; j += 64) take(sum, *(const uint4*)(from + (i + lane / 4) * R::PITCH + j + lane % 4 * 16));
        take(sum, *(const uint4*)(from + 16 * R::PITCH + lane * 16));
        __syncwarp();
        fetch(slot, item + SLOTS * WARPS);
        slot = slot + 1 == SLOTS ? 0 : slot + 1;
    }
    if (sum == 0x1234567) out[0] = sum;
}

static const size_t FLUSH = 256 << 20;
static char *from, *to;
static unsigned* out;

template <class Launch> static float cold(bool read, const Launch& launch) {
    static cudaEvent_t start, end;
    if (!start) check(cudaEventCreate(&start)), check(cudaEventCreate(&end));
    std::vector<float> times;
    for (int i = 0; i < 25; i++) {
        check(cudaMemcpyAsync(to, from, FLUSH, cudaMemcpyDeviceToDevice));
        if (read) plain<4><<<264, 512>>>(Weights{from, from, from, 4096, 16, (int)(FLUSH / 4096)}, out);
        cudaEventRecord(start);
        launch();
        cudaEventRecord(end);
        check(cudaEventSynchronize(end));
        float ms;
        cudaEventElapsedTime(&ms, start, end);
        times.push_back(ms * 1e3f);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}
template <class Launch> static void show(const std::string& name, const Launch& launch) {
    launch();
    check(cudaDeviceSynchronize());
    printf("%-44s copied %6.2f  read %6.2f us\n", name.c_str(), cold(false, launch), cold(true, launch));
}
template <class Kernel> static void room(Kernel kernel, int bytes) { check(cudaFuncSetAttribute((const void*)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes)); }
template <int UNROLL> static void show_plain(const Weights& of, int groups, int threads) {
    show("plain " + std::to_string(groups) + " x " + std::to_string(threads) + ", " + std::to_string(UNROLL) + " under way", [=] { plain<UNROLL><<<groups, threads>>>(of, out); });
}
template <int STAGE, int STAGES> static void show_flat(const Weights& of) {
    room(flat<STAGE, STAGES>, STAGE * STAGES);
    show("flat " + std::to_string(STAGES) + " stages of " + std::to_string(STAGE), [=] { flat<STAGE, STAGES><<<132, 256, STAGE * STAGES>>>(of, out); });
}
template <int WARPS, int SLOTS> static void show_ring(const Weights& of) {
    const int bytes = Ring<WARPS, SLOTS>::BYTES;
    room(ring<WARPS, SLOTS>, bytes);
    show("ring " + std::to_string(WARPS) + " warps, " + std::to_string(SLOTS) + " slots", [=] { ring<WARPS, SLOTS><<<132, WARPS * 32, bytes>>>(of, out); });
}

int main() {
    for (char** p : {&from, &to}) check(cudaMalloc(p, FLUSH)), check(cudaMemset(*p, 0, FLUSH));
    check(cudaMalloc(&out, 64));
    check(cudaMemset(out, 0, 64));
    show("nothing", [] {});
    room(empty, 220 << 10);
    for (int threads : {128, 512}) show("empty 132 x " + std::to_string(threads), [=] { empty<<<132, threads>>>(out); });
    show("empty 132 x 512, 220 KB of shared memory", [] { empty<<<132, 512, 220 << 10>>>(out); });
    for (int depth : {4096, 14336}) {
        Weights of{nullptr, nullptr, nullptr, depth / 2, depth / 32, depth == 4096 ? 14336 : 4096};
        const size_t w = (size_t)of.columns * of.row, scales = (size_t)of.columns * of.scale_row;
        char* memory;
        check(cudaMalloc(&memory, w + 2 * scales));
        check(cudaMemset(memory, 1, w + 2 * scales));
        of.w = memory, of.scales = memory + w, of.biases = memory + w + scales;
        printf("%d columns of %d: %.1f MB\n", of.columns, depth, bytes_of(of) / 1e6);
        show_plain<2>(of, 132, 1024);
        show_plain<4>(of, 264, 512);
        show_plain<8>(of, 264, 512);
        show_plain<8>(of, 2112, 128);
        show_flat<4096, 48>(of);
        show_flat<16384, 12>(of);
        show_flat<32768, 6>(of);
        show_ring<8, 2>(of);
        show_ring<8, 4>(of);
        show_ring<16, 2>(of);
        check(cudaFree(memory));
    }
}
