// What routines on tensor cores share.

// Adds the product of two fragments of half floats, two in a word.
template <bool BF16> __device__ __forceinline__ void tw_mma(float (&c)[4], const unsigned int (&a)[4], unsigned int b0, unsigned int b1) {
    if (BF16)
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <bool BF16> __device__ __forceinline__ float tw_half(unsigned short x) { return BF16 ? tw_from_bf16(x) : tw_from_f16(x); }

// Waits for the kernel ahead in a graph, and lets the one behind start. Launches outside of graphs wait by themselves.
__device__ __forceinline__ void tw_wait() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
// The same address, of which the compiler cannot know before the wait.
__device__ __forceinline__ const unsigned short* tw_after_wait(const unsigned short* p) {
    asm volatile("" : "+l"(p)::"memory");
    return p;
}

// Brings what is needed later into the first cache, without waiting for it.
__device__ __forceinline__ void tw_touch(const void* p) {
    unsigned int x;
    asm volatile("ld.global.u8 %0, [%1];" : "=r"(x) : "l"(p));
}

// Weights are read once and not kept in the first cache.
__device__ __forceinline__ uint4 tw_stream(const uint4* p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}
__device__ __forceinline__ uint2 tw_stream(const uint2* p) {
    uint2 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(p));
    return v;
}
__device__ __forceinline__ unsigned int tw_stream(const unsigned int* p) {
    unsigned int v;
    asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(p));
    return v;
}

