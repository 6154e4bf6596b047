// What stands before a body written for `mx.fast.cuda_kernel`. NVRTC brings no headers, so the names that such bodies use
// are spelled here; a kernel whose header includes the toolkit's own gets those instead.
#define inf __int_as_float(0x7f800000)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;

// Up to 8 numbers by value: shapes and strides.
template <typename T>
struct TwEight {
    T held[8];
    __device__ __forceinline__ const T& operator[](int i) const { return held[i]; }
    __device__ __forceinline__ const T* data() const { return held; }
};
typedef TwEight<int> Shape;
typedef TwEight<int64_t> Strides;

// The way from an element's number to its place.
template <typename Index = int64_t>
__device__ __forceinline__ Index elem_to_loc(Index number, const int* shape, const int64_t* strides, int ndim) {
    Index place = 0;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        place += number % shape[axis] * (Index)strides[axis];
        number /= shape[axis];
    }
    return place;
}
