// What a built kernel gives to threads.cc.
#ifndef TILEWRIGHT_HOST_THREADS
#define TILEWRIGHT_HOST_THREADS

// Where a thread is, in the words of Metal's attributes.
struct TwPlace {
    unsigned int threadgroup_position_in_grid[3], thread_position_in_threadgroup[3], thread_position_in_grid[3];
    unsigned int threadgroups_per_grid[3], threads_per_threadgroup[3], threads_per_grid[3];
    unsigned int thread_index_in_threadgroup, thread_index_in_simdgroup, simdgroup_index_in_threadgroup;
    unsigned int simdgroups_per_threadgroup;
    // By other names, and those of four neighbours.
    unsigned int dispatch_threads_per_threadgroup[3], grid_size[3], grid_origin[3];
    unsigned int dispatch_simdgroups_per_threadgroup, threads_per_simdgroup, thread_execution_width;
    unsigned int thread_index_in_quadgroup, quadgroup_index_in_threadgroup, quadgroups_per_threadgroup;
    unsigned int dispatch_quadgroups_per_threadgroup;
};
// A buffer as the pointer, or the reference, that a kernel declares.
struct TwPointer {
    void* address;
    template <typename T> operator T*() const { return (T*)address; }
};
struct TwReference {
    void* address;
    template <typename T> operator T&() const { return *(T*)address; }
};

// Runs one thread of the kernel.
void tw_host_enter(const TwPlace& place, void* const* buffers);
// The kernel's threadgroup memory.
extern char* const tw_host_shared_begin;
extern char* const tw_host_shared_end;

#endif
