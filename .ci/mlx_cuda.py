"""The CUDA C that `tilewright emit --mlx` prints, compiled by NVRTC under the signature that MLX writes for it.

Usage: mlx_cuda.py TILEWRIGHT LIBNVRTC

Every kernel of the catalog in every dtype for the shapes of its last case, and in the first for its smallest, there with its
gradient.
"""
import ctypes, sys
import mlx_calls

# What MLX declares before a kernel, as far as ours have a use for it.
HEAD = """
struct Shape { int axes[8]; __device__ int operator[](int i) const { return axes[i]; } };
struct __half { unsigned short bits; };
struct __nv_bfloat16 { unsigned short bits; };
typedef unsigned int uint32_t;
typedef signed char int8_t;
typedef unsigned char uint8_t;
"""
DTYPES = {
    "float32": "float", "float16": "__half", "bfloat16": "__nv_bfloat16", "int32": "int", "uint32": "uint32_t",
    "int8": "int8_t", "uint8": "uint8_t", "bool_": "bool",
}
LIBRARY = sys.argv[2]


def signed(call):
    """The text that MLX compiles for a call."""
    parameters = []
    for own, array in zip(call.input_names, call.inputs):
        parameters.append(f"const {DTYPES[array.dtype]}* {own}")
        if f"{own}_shape" in call.source:
            parameters.append(f"const __grid_constant__ Shape {own}_shape")
    parameters += [f"{DTYPES[array.dtype]}* {own}" for own, array in zip(call.output_names, call.outputs)]
    return f"{HEAD}{call.header}\nextern \"C\" __global__ void custom_kernel_{call.name}({', '.join(parameters)}) {{\n{call.source}\n}}\n"


def fault_of(call):
    """What is wrong with the text that MLX compiles for a call."""
    said, assembly = compiled(signed(call))
    threads = call.threadgroup[0] * call.threadgroup[1] * call.threadgroup[2]
    # A thread takes 255 of the 65536 registers of a multiprocessor at most.
    if said is None and threads > 256 and f".maxntid {threads}" not in assembly:
        return f"a group of {threads} threads may find too few registers"
    return said


def compiled(text):
    """What NVRTC says of a text that it does not take, and what it makes of it."""
    nvrtc = ctypes.CDLL(LIBRARY)
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    options = [b"--gpu-architecture=sm_90", b"--std=c++17", b"--device-as-default-execution-space"]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    assembly = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, assembly)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode() if failed else None, assembly.value.decode()


def check(job):
    _, kernel, dtype = job
    name = kernel["name"]
    found, checked = [], 0
    cases = list(mlx_calls.cases(kernel, dtype))
    for words, arguments in cases if dtype in (None, *kernel["dtypes"][:1]) else cases[1:]:
        python = mlx_calls.emit(job, "--target", "cuda", "--mlx", *words)
        if python is None:
            continue
        checked += 1
        try:
            call = mlx_calls.call_of(python, name, arguments)
        except ValueError as error:
            found.append(f"{name} {dtype}: {error}")
            continue
        if ("extern __shared__" in call.source) != hasattr(call, "shared_memory"):
            found.append(f"{name} {dtype}: shared memory is not asked for as the text has it")
        fault = fault_of(call)
        if fault:
            found.append(f"{name} {dtype}: {fault}")
    if dtype in (None, *kernel["dtypes"][:1]):
        calls, faults = mlx_calls.gradient_calls(job, *cases[0], "cuda")
        checked += len(calls)
        found += faults
        for call in calls:
            fault = fault_of(call)
            if fault:
                found.append(f"{call.name} {dtype}: {fault}")
    return checked, found


def main():
    mlx_calls.report(check, sys.argv[1])


if __name__ == "__main__":
    main()
