// Groups of a cluster: all of them wait, and a write to the same place in the shared memory of each.
__device__ __forceinline__ void tw_cluster_barrier() {
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
template <int groups, typename T, typename U> __device__ __forceinline__ void tw_store_in_cluster(T* to, U value) {
    const unsigned int address = (unsigned int)__cvta_generic_to_shared(to);
    const T stored = (T)value;
    unsigned int word = 0;
    if (sizeof(T) == 4) word = *(const unsigned int*)&stored;
    else if (sizeof(T) == 2) word = *(const unsigned short*)&stored;
    else word = *(const unsigned char*)&stored;
    _Pragma("unroll") for (int group = 0; group < groups; group++) {
        unsigned int there;
        asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(group));
        if (sizeof(T) == 4) asm volatile("st.shared::cluster.b32 [%0], %1;" ::"r"(there), "r"(word) : "memory");
        else if (sizeof(T) == 2) asm volatile("st.shared::cluster.b16 [%0], %1;" ::"r"(there), "h"((unsigned short)word) : "memory");
        else asm volatile("st.shared::cluster.b8 [%0], %1;" ::"r"(there), "r"(word) : "memory");
    }
}
