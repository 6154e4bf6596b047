// Copies a tensor between two layouts: element i in row-major order, each side with strides of its own.
struct View {
    long long extents[8];
    long long from[8];
    long long to[8];
    int rank;
    int size;
};

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
