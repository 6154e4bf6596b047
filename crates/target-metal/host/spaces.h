// The Metal names that kernels use, for Clang as a compiler of C++ for OpenCL: it knows Metal's address spaces under other
// names and is as strict about them. Types only; what they do is in `metal_stdlib`. What is absent here is refused.
#ifndef TILEWRIGHT_SPACES
#define TILEWRIGHT_SPACES
#pragma OPENCL EXTENSION __cl_clang_non_portable_kernel_param_types : enable
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#define device __global
#define threadgroup __local
#define thread __private
#define constant __constant

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef ulong size_t;
typedef signed char int8_t;
typedef uchar uint8_t;
typedef long int64_t;
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

// A number of bfloat becomes a float by itself, and a float one only by a cast.
struct bfloat {
    ushort bits;
    bfloat() = default;
    explicit bfloat(float);
    explicit bfloat(int);
    operator float() const;
    operator float() const constant;
};
typedef bfloat bfloat16_t;
typedef half float16_t;

#define TW_VECTORS(T) \
    typedef T T##2 __attribute__((ext_vector_type(2))); \
    typedef T T##3 __attribute__((ext_vector_type(3))); \
    typedef T T##4 __attribute__((ext_vector_type(4)));
TW_VECTORS(char)
TW_VECTORS(uchar)
TW_VECTORS(short)
TW_VECTORS(ushort)
TW_VECTORS(int)
TW_VECTORS(uint)
TW_VECTORS(long)
TW_VECTORS(ulong)
TW_VECTORS(half)
TW_VECTORS(float)

template <typename To, typename From> To as_type(From x) { return __builtin_astype(x, To); }

namespace metal {

#define TW_MATH_OF(name) float name(float); half name(half);
#define TW_MATH \
    TW_MATH_OF(exp) TW_MATH_OF(exp2) TW_MATH_OF(log) TW_MATH_OF(log2) TW_MATH_OF(sin) TW_MATH_OF(cos) TW_MATH_OF(tan) \
    TW_MATH_OF(asin) TW_MATH_OF(acos) TW_MATH_OF(atan) TW_MATH_OF(sinh) TW_MATH_OF(cosh) TW_MATH_OF(tanh) \
    TW_MATH_OF(asinh) TW_MATH_OF(acosh) TW_MATH_OF(atanh) TW_MATH_OF(sqrt) TW_MATH_OF(rsqrt) TW_MATH_OF(floor) \
    TW_MATH_OF(ceil) TW_MATH_OF(rint) TW_MATH_OF(round) TW_MATH_OF(trunc) TW_MATH_OF(fabs) \
    float pow(float, float); float fmod(float, float); float atan2(float, float); float divide(float, float); \
    float fmin(float, float); float fmax(float, float);
TW_MATH
namespace precise { TW_MATH }
namespace fast { TW_MATH }
float fma(float, float, float);
float copysign(float, float);
float ldexp(float, int);
bool isnan(float);
bool isinf(float);
template <typename T> T select(T, T, bool);
#define TW_ORDER(T) T max(T, T); T min(T, T); T clamp(T, T, T);
TW_ORDER(char)
TW_ORDER(uchar)
TW_ORDER(short)
TW_ORDER(ushort)
TW_ORDER(int)
TW_ORDER(uint)
TW_ORDER(long)
TW_ORDER(ulong)
TW_ORDER(half)
TW_ORDER(float)
int abs(int);
float abs(float);
uint mulhi(uint, uint);
int mulhi(int, int);
uint popcount(uint);
uint clz(uint);
uint ctz(uint);

enum class mem_flags { mem_none, mem_device, mem_threadgroup };
mem_flags operator|(mem_flags, mem_flags);
void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);

// What a simdgroup exchanges: no bool, nothing of 64 bits but vectors.
#define TW_EXCHANGED(T) \
    T simd_shuffle(T, ushort); T simd_shuffle_xor(T, ushort); T simd_shuffle_up(T, ushort); T simd_shuffle_down(T, ushort); \
    T simd_broadcast(T, ushort); T simd_sum(T); T simd_max(T); T simd_min(T);
TW_EXCHANGED(char)
TW_EXCHANGED(uchar)
TW_EXCHANGED(short)
TW_EXCHANGED(ushort)
TW_EXCHANGED(int)
TW_EXCHANGED(uint)
TW_EXCHANGED(half)
TW_EXCHANGED(float)

template <typename T, int rows, int columns> struct simdgroup_matrix {
    typedef T pair __attribute__((ext_vector_type(2)));
    pair own;
    thread pair& thread_elements() thread { return own; }
};
template <typename T, typename A, typename B, typename C>
void simdgroup_multiply_accumulate(
    thread simdgroup_matrix<T, 8, 8>&, simdgroup_matrix<A, 8, 8>, simdgroup_matrix<B, 8, 8>, simdgroup_matrix<C, 8, 8>);
template <typename T, int rows, int columns> simdgroup_matrix<T, rows, columns> make_filled_simdgroup_matrix(T);
#define TW_MATRICES(space) \
    template <typename T> \
    void simdgroup_load(thread simdgroup_matrix<T, 8, 8>&, const space T*, ulong = 8, ulong2 = 0, bool = false); \
    template <typename T> void simdgroup_store(simdgroup_matrix<T, 8, 8>, space T*, ulong = 8, ulong2 = 0, bool = false);
TW_MATRICES(device)
TW_MATRICES(threadgroup)

enum memory_order { memory_order_relaxed };
template <typename T> struct atomic { T value; };
// OpenCL has types of these names.
typedef atomic<int> tw_atomic_int;
typedef atomic<uint> tw_atomic_uint;
typedef atomic<float> tw_atomic_float;
#define atomic_int tw_atomic_int
#define atomic_uint tw_atomic_uint
#define atomic_float tw_atomic_float
#define TW_ATOMIC(space) \
    template <typename T> T atomic_fetch_add_explicit(space atomic<T>*, T, memory_order); \
    template <typename T> T atomic_fetch_max_explicit(space atomic<T>*, T, memory_order); \
    template <typename T> T atomic_fetch_min_explicit(space atomic<T>*, T, memory_order); \
    template <typename T> void atomic_store_explicit(space atomic<T>*, T, memory_order); \
    template <typename T> T atomic_load_explicit(const space atomic<T>*, memory_order); \
    template <typename T> \
    bool atomic_compare_exchange_weak_explicit(space atomic<T>*, thread T*, T, memory_order, memory_order);
TW_ATOMIC(device)
TW_ATOMIC(threadgroup)

} // namespace metal
#endif
