// Copies a tensor between two layouts, each side with strides of its own.
struct View {
    long long extents[8];
    long long from[8];
    long long to[8];
    int rank;
    int size;
    // Neighbours along the first lie together where they come from, along the second where they go.
    int read;
    int write;
};

// Element i in row-major order.
extern "C" __global__ void __launch_bounds__(256) tw_copy(
    const unsigned char* __restrict__ from, unsigned char* __restrict__ to, const long long count, const View view
) {
    for (long long i = blockIdx.x * 256LL + threadIdx.x; i < count; i += gridDim.x * 256LL) {
        long long rest = i, a = 0, b = 0;
        for (int axis = view.rank - 1; axis >= 0; axis--) {
            const long long at = rest % view.extents[axis];
            rest /= view.extents[axis];
            a += at * view.from[axis];
            b += at * view.to[axis];
        }
        if (view.size == 4) ((unsigned int*)to)[b] = ((const unsigned int*)from)[a];
        else if (view.size == 2) ((unsigned short*)to)[b] = ((const unsigned short*)from)[a];
        else to[b] = from[a];
    }
}

// Squares of two axes, turned in shared memory, so that neighbours are read and written together.
template <typename T> __device__ __forceinline__ void turn(const T* __restrict__ from, T* to, long long count, const View& view) {
    __shared__ T square[64][64 + 4 / sizeof(T)];
    const long long wide = view.extents[view.write], high = view.extents[view.read];
    const long long squares_wide = (wide + 63) / 64, squares_high = (high + 63) / 64;
    const int near = threadIdx.x & 63, first = threadIdx.x >> 6;
    for (long long i = blockIdx.x; i < count; i += gridDim.x) {
        long long rest = i, a = 0, b = 0;
        const long long column = rest % squares_wide * 64;
        rest /= squares_wide;
        const long long row = rest % squares_high * 64;
        rest /= squares_high;
        for (int axis = view.rank - 1; axis >= 0; axis--) {
            if (axis == view.read || axis == view.write) continue;
            const long long at = rest % view.extents[axis];
            rest /= view.extents[axis];
            a += at * view.from[axis];
            b += at * view.to[axis];
        }
        _Pragma("unroll") for (int far = 0; far < 64; far += 4) {
            const long long x = column + first + far, y = row + near;
            if (x < wide && y < high) square[first + far][near] = from[a + y * view.from[view.read] + x * view.from[view.write]];
        }
        __syncthreads();
        _Pragma("unroll") for (int far = 0; far < 64; far += 4) {
            const long long x = column + near, y = row + first + far;
            if (x < wide && y < high) to[b + y * view.to[view.read] + x * view.to[view.write]] = square[near][first + far];
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(256) tw_turn(
    const unsigned char* __restrict__ from, unsigned char* __restrict__ to, const long long count, const View view
) {
    if (view.size == 4) turn((const unsigned int*)from, (unsigned int*)to, count, view);
    else if (view.size == 2) turn((const unsigned short*)from, (unsigned short*)to, count, view);
    else turn(from, to, count, view);
}
