// The part of cooperative groups that counts threads.
namespace cooperative_groups {
struct TwGrid {
    __device__ __forceinline__ unsigned long long thread_rank() const {
        const unsigned long long block = (blockIdx.z * (unsigned long long)gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        const unsigned int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        return block * (blockDim.x * blockDim.y * blockDim.z) + thread;
    }
};
struct TwBlock {
    __device__ __forceinline__ unsigned int thread_rank() const {
        return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    }
    __device__ __forceinline__ void sync() const { __syncthreads(); }
};
__device__ __forceinline__ TwGrid this_grid() { return TwGrid(); }
__device__ __forceinline__ TwBlock this_thread_block() { return TwBlock(); }
}  // namespace cooperative_groups
