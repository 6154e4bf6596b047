// Runs a kernel that was built for the host: every thread of a group is a fiber with a stack of its own, groups run one
// after the other. The compiler calls `__tsan_read4` and its like before every access to memory (-fsanitize=thread), which
// this file answers itself: it finds accesses outside every buffer, and two threads that touch one byte, one of them
// writing, with nothing between them that orders memory.
//
// One process is one launch. Standard input: the launch, as `Launch` reads it. Standard output: a byte 0 and the written
// buffers, or a byte 1 and what went wrong, in words.

#include "threads.h"
#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t STACK = 256 << 10;
constexpr uint32_t LANES = 32, QUAD = 4, MOST_THREADS = 1024, MOST_BUFFERS = 31, MOST_SHARED = 32 << 10;
constexpr uint32_t NOBODY = 0, DEVICE = 1, THREADGROUP = 2;

// One access: who, and between which barriers. Numbers of threads count over all groups, from 1, in steps of 1024 a group;
// numbers of intervals count over all groups, so that no two groups share one.
struct Visit {
    uint32_t thread = NOBODY, interval = 0, subgroup_interval = 0;
    uint32_t group() const { return (thread - 1) / MOST_THREADS; }
    uint32_t subgroup() const { return (thread - 1) / LANES; }
    // True when nothing orders the two. Nothing orders the groups of a launch.
    bool beside(const Visit& other) const {
        if (thread == NOBODY || other.thread == NOBODY || thread == other.thread) return false;
        if (group() != other.group()) return true;
        if (interval != other.interval) return false;
        return subgroup() != other.subgroup() || subgroup_interval == other.subgroup_interval;
    }
};

// What is known of one granule, which is an element of its buffer: its last writer, and up to two readers since then that nothing orders; of more readers, two of
// different groups or subgroups are kept, since whoever races with one of the others races with one of these.
struct Mark {
    Visit writer, reader, other_reader;
    bool atomic = false;
};

struct Buffer {
    std::string name;
    bool written = false, faults = false;
    size_t size = 0, granule = 1;
    char* memory = nullptr;
    char* address = nullptr;
    std::vector<Mark> marks;
};

enum class State { READY, BARRIER, SUBGROUP_BARRIER, EXCHANGE, DONE };

struct Fiber {
    jmp_buf resume;
    bool started = false;
    State state = State::READY;
    uint32_t detail = 0;
    TwPlace place;
};

struct Subgroup {
    // Intervals that order device memory and threadgroup memory.
    uint32_t device = 0, shared = 0;
    // Two sets: a lane may still read the last one while others fill the next.
    unsigned long lanes[2][LANES];
    uint32_t active[2] = {0, 0};
    int set = 0;
};

std::vector<Buffer> buffers;
std::vector<void*> addresses;
std::vector<Mark> shared_marks;
size_t shared_granule = 1;
std::vector<Fiber> fibers;
std::vector<Subgroup> subgroups;
uint32_t grid[3], group_size[3], group[3], group_number, running, live;
uint32_t device_interval = 0, shared_interval = 0;
char* stacks;
char *stack_low, *stack_high;
jmp_buf scheduler;
bool failed = false;
char fault[1024];

[[noreturn]] void fail(const char* format, ...) {
    va_list list;
    va_start(list, format);
    const int head = snprintf(fault, sizeof fault, "group %u,%u,%u: ", group[0], group[1], group[2]);
    vsnprintf(fault + head, sizeof fault - head, format, list);
    va_end(list);
    failed = true;
    _longjmp(scheduler, 1);
}

size_t shared_size() { return tw_host_shared_end - tw_host_shared_begin; }

uint32_t within_group(uint32_t thread) { return (thread - 1) % MOST_THREADS; }

[[noreturn]] void race(const Visit& mine, const Visit& other, const char* what, size_t byte) {
    if (mine.group() != other.group())
        fail("race: byte %zu of %s is touched by this group and another of the same launch", byte, what);
    fail("race: byte %zu of %s is touched by threads %u and %u with no barrier between", byte, what,
        within_group(mine.thread), within_group(other.thread));
}

void touch(Mark& mark, const Visit& visit, bool write, bool atomic, const char* what, size_t byte) {
    if (mark.writer.beside(visit) && !(atomic && mark.atomic)) race(visit, mark.writer, what, byte);
    if (write) {
        if (mark.reader.beside(visit)) race(visit, mark.reader, what, byte);
        if (mark.other_reader.beside(visit)) race(visit, mark.other_reader, what, byte);
        mark.writer = visit;
        mark.atomic = atomic;
    } else if (!mark.reader.beside(visit)) {
        mark.reader = visit;
    } else if (!mark.other_reader.beside(visit) || mark.other_reader.subgroup() == mark.reader.subgroup()) {
        mark.other_reader = visit;
    }
}

void access(const void* at, size_t size, bool write, bool atomic = false) {
    const char* address = (const char*)at;
    if (address >= stack_low && address < stack_high) return;
    const uint32_t thread = group_number * MOST_THREADS + running + 1;
    if (address >= tw_host_shared_begin && address + size <= tw_host_shared_end) {
        const Visit visit{thread, shared_interval, subgroups[running / LANES].shared};
        const size_t first = (address - tw_host_shared_begin) / shared_granule;
        const size_t last = (address + size - 1 - tw_host_shared_begin) / shared_granule;
        for (size_t i = first; i <= last; i++)
            touch(shared_marks[i], visit, write, atomic, "threadgroup memory", i * shared_granule);
        return;
    }
    for (Buffer& buffer : buffers) {
        if (address < buffer.address || address >= buffer.address + buffer.size) continue;
        if (address + size > buffer.address + buffer.size) break;
        if (write && !buffer.written) fail("writes %s, which it may only read", buffer.name.c_str());
        if (buffer.marks.empty()) return;
        const Visit visit{thread, device_interval, subgroups[running / LANES].device};
        const size_t first = (address - buffer.address) / buffer.granule;
        const size_t last = (address + size - 1 - buffer.address) / buffer.granule;
        for (size_t i = first; i <= last; i++)
            touch(buffer.marks[i], visit, write, atomic, buffer.name.c_str(), i * buffer.granule);
        return;
    }
    // The image's own constants may be read, and the compiler notes in a byte of it that a static array is set up.
    extern const char image_begin[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
    extern const char image_end[] __asm__("_end") __attribute__((visibility("hidden")));
    if ((!write || size == 1) && address >= image_begin && address < image_end) return;
    const char* verb = write ? "writes" : "reads";
    const Buffer* near = nullptr;
    for (const Buffer& buffer : buffers)
        if (address >= buffer.memory && address < buffer.address + buffer.size + 4096) near = &buffer;
    if (near != nullptr)
        fail("thread %u %s %zu bytes at byte %td of %s, which has %zu", running, verb, size, address - near->address,
            near->name.c_str(), near->size);
    fail("thread %u %s %zu bytes outside every buffer and array", running, verb, size);
}

void to_scheduler(State state, uint32_t detail) {
    Fiber& fiber = fibers[running];
    fiber.state = state;
    fiber.detail = detail;
    if (_setjmp(fiber.resume) == 0) _longjmp(scheduler, 1);
}

void fiber_main() {
    tw_host_enter(fibers[running].place, addresses.data());
    fibers[running].state = State::DONE;
    _longjmp(scheduler, 1);
}

// Runs a fiber until it waits.
void run(uint32_t thread) {
    running = thread;
    stack_low = stacks + (size_t)thread * STACK;
    stack_high = stack_low + STACK;
    if (_setjmp(scheduler) != 0) return;
    Fiber& fiber = fibers[thread];
    if (fiber.started) _longjmp(fiber.resume, 1);
    fiber.started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_low;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    setcontext(&context);
}

const char* words(const Fiber& fiber) {
    switch (fiber.state) {
    case State::BARRIER: return "waits at a barrier";
    case State::SUBGROUP_BARRIER: return "waits at a subgroup's barrier";
    case State::EXCHANGE: return "waits at an operation of its subgroup";
    case State::DONE: return "has ended";
    case State::READY: break;
    }
    return "runs";
}

// True when all of these threads wait at one place; those that have ended count at no barrier, but may miss an exchange.
bool together(uint32_t first, uint32_t end) {
    const Fiber* one = nullptr;
    bool ended = false;
    for (uint32_t i = first; i < end; i++) {
        const Fiber& fiber = fibers[i];
        if (fiber.state == State::READY) return false;
        if (fiber.state == State::DONE) {
            ended = true;
        } else if (one == nullptr) {
            one = &fiber;
        } else if (one->state != fiber.state || one->detail != fiber.detail) {
            return false;
        }
    }
    return one != nullptr && !(ended && one->state != State::EXCHANGE);
}

void release(uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++)
        if (fibers[i].state != State::DONE) fibers[i].state = State::READY;
}

// Lets waiting threads go on that all wait for each other; false when there are none.
bool release_all() {
    if (together(0, live) && fibers[0].state == State::BARRIER) {
        if (fibers[0].detail & DEVICE) device_interval++;
        if (fibers[0].detail & THREADGROUP) shared_interval++;
        release(0, live);
        return true;
    }
    bool any = false;
    for (uint32_t first = 0; first < live; first += LANES) {
        const uint32_t end = first + LANES < live ? first + LANES : live;
        if (!together(first, end)) continue;
        Subgroup& subgroup = subgroups[first / LANES];
        const Fiber* waiting = nullptr;
        for (uint32_t i = first; i < end; i++)
            if (fibers[i].state != State::DONE) waiting = &fibers[i];
        if (waiting->state == State::BARRIER) continue;
        if (waiting->state == State::SUBGROUP_BARRIER) {
            if (waiting->detail & DEVICE) subgroup.device++;
            if (waiting->detail & THREADGROUP) subgroup.shared++;
        } else {
            subgroup.set ^= 1;
            subgroup.active[subgroup.set ^ 1] = 0;
        }
        release(first, end);
        any = true;
    }
    return any;
}

// Threadgroup memory holds anything before it is written: NaN in every float type. What is not zero from the start are
// the addresses of arrays in it, which stay.
void poison_shared() {
    static const std::vector<uint64_t> initial(
        (const uint64_t*)tw_host_shared_begin, (const uint64_t*)tw_host_shared_begin + shared_size() / 8);
    for (size_t i = 0; i < initial.size(); i++) {
        const uint64_t word = initial[i] != 0 ? initial[i] : ~(uint64_t)0;
        memcpy(tw_host_shared_begin + 8 * i, &word, 8);
    }
    for (size_t i = initial.size() * 8; i < shared_size(); i++) tw_host_shared_begin[i] = (char)0xff;
}

void run_group() {
    uint32_t actual[3];
    live = 1;
    for (int axis = 0; axis < 3; axis++) {
        const uint32_t left = grid[axis] - group[axis] * group_size[axis];
        actual[axis] = left < group_size[axis] ? left : group_size[axis];
        live *= actual[axis];
    }
    device_interval++;
    shared_interval++;
    poison_shared();
    shared_marks.assign(shared_size() / shared_granule + 1, Mark{});
    subgroups.assign((live + LANES - 1) / LANES, Subgroup{});
    for (uint32_t i = 0; i < live; i++) {
        Fiber& fiber = fibers[i];
        fiber.started = false;
        fiber.state = State::READY;
        TwPlace& place = fiber.place;
        const uint32_t at[3] = {i % actual[0], i / actual[0] % actual[1], i / actual[0] / actual[1]};
        for (int axis = 0; axis < 3; axis++) {
            place.threadgroup_position_in_grid[axis] = group[axis];
            place.thread_position_in_threadgroup[axis] = at[axis];
            place.thread_position_in_grid[axis] = group[axis] * group_size[axis] + at[axis];
            place.threadgroups_per_grid[axis] = (grid[axis] + group_size[axis] - 1) / group_size[axis];
            place.threads_per_threadgroup[axis] = actual[axis];
            place.threads_per_grid[axis] = place.grid_size[axis] = grid[axis];
            place.dispatch_threads_per_threadgroup[axis] = group_size[axis];
            place.grid_origin[axis] = 0;
        }
        place.thread_index_in_threadgroup = i;
        place.thread_index_in_simdgroup = i % LANES;
        place.simdgroup_index_in_threadgroup = i / LANES;
        place.simdgroups_per_threadgroup = (live + LANES - 1) / LANES;
        place.thread_index_in_quadgroup = i % QUAD;
        place.quadgroup_index_in_threadgroup = i / QUAD;
        place.quadgroups_per_threadgroup = (live + QUAD - 1) / QUAD;
        const uint32_t whole = group_size[0] * group_size[1] * group_size[2];
        place.dispatch_simdgroups_per_threadgroup = (whole + LANES - 1) / LANES;
        place.dispatch_quadgroups_per_threadgroup = (whole + QUAD - 1) / QUAD;
        place.threads_per_simdgroup = place.thread_execution_width = LANES;
    }
    for (;;) {
        bool ended = true;
        for (uint32_t i = 0; i < live && !failed; i++) {
            if (fibers[i].state == State::READY) run(i);
            ended &= fibers[i].state == State::DONE;
        }
        if (failed || ended) return;
        if (!release_all()) {
            // Some wait for what others never reach.
            uint32_t one = 0;
            while (fibers[one].state == State::DONE) one++;
            for (uint32_t i = 0; i < live; i++) {
                const bool same = fibers[i].state == fibers[one].state && fibers[i].detail == fibers[one].detail;
                if (i == one || same) continue;
                if (_setjmp(scheduler) == 0)
                    fail("thread %u %s that thread %u does not reach: it %s", one, words(fibers[one]), i, words(fibers[i]));
                return;
            }
            snprintf(fault, sizeof fault, "the threads wait for each other");
            failed = true;
            return;
        }
    }
}

[[noreturn]] void malformed() {
    fprintf(stderr, "the launch on standard input is cut short\n");
    exit(2);
}

void read_exactly(void* into, size_t size) {
    if (size > 0 && fread(into, 1, size, stdin) != size) malformed();
}

uint32_t read_word() {
    uint32_t word;
    read_exactly(&word, 4);
    return word;
}

// The launch: threads along each axis of the grid; threads along each axis of a group; bytes of the smallest element of
// threadgroup memory; the number of buffers; then for each its name's length and its name, 1 if it may be written and 2 if
// it is where faults are noted, bytes of an element, how far its first byte lies past a multiple of 64, how far the byte that
// the kernel is given lies past that, its size in bytes, its bytes.
void read_launch() {
    for (uint32_t& axis : grid) axis = read_word();
    for (uint32_t& axis : group_size) axis = read_word();
    shared_granule = read_word();
    buffers.resize(read_word());
    for (Buffer& buffer : buffers) {
        buffer.name.resize(read_word());
        read_exactly(&buffer.name[0], buffer.name.size());
        const uint32_t flags = read_word();
        buffer.granule = read_word();
        if (buffer.granule == 0 || shared_granule == 0) malformed();
        const uint32_t shift = read_word();
        const uint32_t origin = read_word();
        buffer.written = flags & 1;
        buffer.faults = flags & 2;
        buffer.size = read_word();
        buffer.memory = (char*)aligned_alloc(64, (buffer.size + shift + 127) / 64 * 64);
        if (buffer.memory == nullptr) malformed();
        buffer.address = buffer.memory + shift;
        read_exactly(buffer.address, buffer.size);
        if (buffer.written && !buffer.faults) buffer.marks.resize(buffer.size / buffer.granule + 1);
        if (origin > buffer.size) malformed();
        addresses.push_back(buffer.address + origin);
    }
}

void check_limits() {
    const uint64_t threads = (uint64_t)group_size[0] * group_size[1] * group_size[2];
    size_t shared = shared_size();
    for (size_t i = 0; i < shared_size() / 8; i++) {
        uint64_t word;
        memcpy(&word, tw_host_shared_begin + 8 * i, 8);
        if (word != 0) shared -= 8;
    }
    // Where places in one array have names, these are pointers in the same section, and compilers begin the array after
    // them at a multiple of 32. (Emitted text was held to the exact limit before.)
    if (shared != shared_size()) shared -= shared % 32;
    const char* what = nullptr;
    uint64_t need = 0, have = 0;
    if (threads > MOST_THREADS || threads == 0) what = "threads a group", need = threads, have = MOST_THREADS;
    if (buffers.size() > MOST_BUFFERS) what = "buffers", need = buffers.size(), have = MOST_BUFFERS;
    if (shared > MOST_SHARED) what = "bytes of threadgroup memory", need = shared, have = MOST_SHARED;
    if (what == nullptr) return;
    snprintf(fault, sizeof fault, "needs %llu %s, Metal has %llu", (unsigned long long)need, what, (unsigned long long)have);
    failed = true;
}

} // namespace

// What the header calls.

extern "C" {

void tw_host_barrier(unsigned subgroup, unsigned flags) {
    to_scheduler(subgroup ? State::SUBGROUP_BARRIER : State::BARRIER, flags);
}

unsigned tw_host_exchange(unsigned long bits, unsigned operation, unsigned long* lanes) {
    Subgroup& subgroup = subgroups[running / LANES];
    const int set = subgroup.set ^ 1;
    subgroup.lanes[set][running % LANES] = bits;
    subgroup.active[set] |= 1u << running % LANES;
    to_scheduler(State::EXCHANGE, operation);
    memcpy(lanes, subgroup.lanes[set], sizeof subgroup.lanes[set]);
    return subgroup.active[set];
}

unsigned tw_host_lane() { return running % LANES; }

void tw_host_atomic(const void* address, unsigned long size) { access(address, size, true, true); }

void tw_host_fault(const char* what) { fail("thread %u: %s", running, what); }

// What the compiler calls.

#define TW_ACCESS(size) \
    void __tsan_read##size(void* at) { access(at, size, false); } \
    void __tsan_write##size(void* at) { access(at, size, true); } \
    void __tsan_unaligned_read##size(void* at) { access(at, size, false); } \
    void __tsan_unaligned_write##size(void* at) { access(at, size, true); }
TW_ACCESS(1)
TW_ACCESS(2)
TW_ACCESS(4)
TW_ACCESS(8)
TW_ACCESS(16)
void __tsan_read_range(void* at, unsigned long size) { access(at, size, false); }
void __tsan_write_range(void* at, unsigned long size) { access(at, size, true); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void) {}
void __tsan_init(void) {}

struct Location {
    const char* file;
    unsigned line, column;
};
void __ubsan_handle_out_of_bounds(Location* at, unsigned long index) {
    fail("thread %u: index %ld is outside its array, line %u", running, (long)index, at->line);
}
void __ubsan_handle_type_mismatch_v1(Location* at, unsigned long) {
    fail("thread %u: an access that is not aligned, line %u", running, at->line);
}
void __ubsan_handle_float_cast_overflow(Location* at, unsigned long) {
    fail("thread %u: a float beyond its integer type, line %u", running, at->line);
}
void __ubsan_handle_divrem_overflow(Location* at, unsigned long, unsigned long) {
    fail("thread %u: an integer division without a result, line %u", running, at->line);
}

} // extern "C"

int main() {
    read_launch();
    check_limits();
    fibers.resize(MOST_THREADS);
    stacks = (char*)mmap(nullptr, STACK * MOST_THREADS, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) malformed();
    uint32_t count[3];
    for (int axis = 0; axis < 3; axis++)
        count[axis] = group_size[axis] ? (grid[axis] + group_size[axis] - 1) / group_size[axis] : 0;
    for (group[2] = 0; group[2] < count[2] && !failed; group[2]++)
        for (group[1] = 0; group[1] < count[1] && !failed; group[1]++)
            for (group[0] = 0; group[0] < count[0] && !failed; group[0]++, group_number++) run_group();
    const char status = failed;
    fwrite(&status, 1, 1, stdout);
    if (failed) fwrite(fault, 1, strlen(fault), stdout);
    for (const Buffer& buffer : buffers)
        if (!failed && buffer.written) fwrite(buffer.address, 1, buffer.size, stdout);
    fflush(stdout);
    _exit(0);
}
