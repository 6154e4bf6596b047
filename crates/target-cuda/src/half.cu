// The half types: 16-bit words in memory, f32 in arithmetic.
#define TW_HALF(Name, to_float, from_float)                                                                    \
    struct Name {                                                                                              \
        unsigned short bits;                                                                                   \
        Name() = default;                                                                                      \
        __device__ __forceinline__ Name(float x) { asm(from_float : "=h"(bits) : "f"(x)); }                    \
        __device__ __forceinline__ operator float() const {                                                    \
            float y;                                                                                           \
            asm(to_float : "=f"(y) : "h"(bits));                                                               \
            return y;                                                                                          \
        }                                                                                                      \
        __device__ __forceinline__ Name& operator+=(float x) { return *this = Name((float)*this + x); }        \
        __device__ __forceinline__ Name& operator-=(float x) { return *this = Name((float)*this - x); }        \
        __device__ __forceinline__ Name& operator*=(float x) { return *this = Name((float)*this * x); }        \
        __device__ __forceinline__ Name& operator/=(float x) { return *this = Name((float)*this / x); }        \
    };
TW_HALF(__half, "cvt.f32.f16 %0, %1;", "cvt.rn.f16.f32 %0, %1;")
TW_HALF(__nv_bfloat16, "{ mov.b32 %0, {0, %1}; }", "cvt.rn.bf16.f32 %0, %1;")
typedef __half half;
typedef __nv_bfloat16 nv_bfloat16;
__device__ __forceinline__ float __half2float(__half x) { return x; }
__device__ __forceinline__ __half __float2half(float x) { return x; }
__device__ __forceinline__ float __bfloat162float(__nv_bfloat16 x) { return x; }
__device__ __forceinline__ __nv_bfloat16 __float2bfloat16(float x) { return x; }
