"""Address spaces and types of the emitted MSL, checked by Clang as C++ for OpenCL (crates/target-metal/host/spaces.h).

Usage: metal_spaces.py TILEWRIGHT

A C++ compiler that builds the text for the host knows no address spaces; Metal refuses a pointer into another one, a
pointer into none, and threadgroup memory that is not declared by the kernel itself. Checks every kernel of the catalog in
every dtype, its gradient, and what `emit --mlx` prints under the signature that MLX writes for it. Needs the package
libclang.
"""
import pathlib, re, sys
import mlx_calls
from clang import cindex

STDLIB = (pathlib.Path(__file__).parent / "../crates/target-metal/host/spaces.h").read_text()
FLAGS = [
    "-x", "cl", "-cl-std=clc++2021", "-cl-no-stdinc", "-cl-single-precision-constant",
    "-target", "spir64-unknown-unknown", "-I.", "-Wno-unknown-attributes",
]
# The first line of the helpers, which stand before each program.
HELPERS = "// Helpers of Tilewright's MSL."
# Clang's number of the space of a pointer that names none.
GENERIC = 5
POINTERS = (cindex.TypeKind.POINTER, cindex.TypeKind.LVALUEREFERENCE)


def faults(text):
    """What is wrong with a text, in words."""
    kernel = text.replace("[[kernel]]", "__kernel")
    kernel = re.sub(r"\[\[kernel, max_total_threads_per_threadgroup\(\d+\)\]\]", "__kernel", kernel)
    # A vector is made by a call in MSL, and by a cast in OpenCL.
    kernel = re.sub(r"\b((?:float|half|u?int|u?long|u?short|u?char)[234])\(", r"(\1)(", kernel)
    files = [("kernel.cl", kernel), ("./metal_stdlib", STDLIB)]
    unit = cindex.Index.create().parse("kernel.cl", args=FLAGS, unsaved_files=files)
    lines = text.split("\n")
    found = []
    for diagnostic in unit.diagnostics:
        if diagnostic.severity >= cindex.Diagnostic.Error:
            line = diagnostic.location.line
            found.append(f"{diagnostic.spelling}: {lines[line - 1].strip() if line <= len(lines) else ''}")

    def walk(cursor):
        kind = cursor.type.kind
        if kind in POINTERS and (cursor.kind.is_declaration() or cursor.kind == cindex.CursorKind.CSTYLE_CAST_EXPR):
            if cursor.type.get_pointee().get_address_space() == GENERIC:
                found.append(f"a pointer into no address space: {lines[cursor.location.line - 1].strip()}")
        for child in cursor.get_children():
            walk(child)

    for cursor in unit.cursor.get_children():
        if cursor.location.file and cursor.location.file.name == "kernel.cl":
            walk(cursor)
    return found


# MLX's names.
DTYPES = {
    "float32": "float", "float16": "float16_t", "bfloat16": "bfloat16_t", "int32": "int", "uint32": "uint",
    "int8": "int8_t", "uint8": "uint8_t", "bool_": "bool",
}


def signed(call):
    """The text that MLX compiles for a call."""
    parameters = []
    for own, array in zip(call.input_names, call.inputs):
        # MLX passes what has fewer than 8 elements in constant memory.
        space = "constant" if array.size < 8 else "device"
        parameters.append(f"const {space} {DTYPES[array.dtype]}* {own}")
        if f"{own}_shape" in call.source:
            parameters.append(f"const constant int* {own}_shape")
    parameters += [f"device {DTYPES[array.dtype]}* {own}" for own, array in zip(call.output_names, call.outputs)]
    if "threadgroup_position_in_grid" in call.source:
        parameters.append("uint3 threadgroup_position_in_grid")
    for attribute in ("thread_index_in_threadgroup", "thread_index_in_simdgroup", "simdgroup_index_in_threadgroup"):
        parameters += [f"uint {attribute}"] if attribute in call.source else []
    return f"{call.header}\n[[kernel]] void custom_kernel_{call.name}({', '.join(parameters)}) {{\n{call.source}\n}}\n"


def check(job):
    _, kernel, dtype = job
    name = kernel["name"]
    found, checked = [], 0
    text = mlx_calls.emit(job, "--target", "metal", "--grad") or mlx_calls.emit(job, "--target", "metal") or ""
    for part in text.split(HELPERS)[1:]:
        checked += 1
        found += [f"{name} {dtype}: {fault}" for fault in faults(HELPERS + part)]
    for words, arguments in mlx_calls.cases(kernel, dtype):
        python = mlx_calls.emit(job, "--target", "metal", "--mlx", *words)
        if python is None:
            continue
        checked += 1
        try:
            text = signed(mlx_calls.call_of(python, name, arguments))
            found += [f"{name} {dtype} for MLX: {fault}" for fault in faults(text)]
        except ValueError as error:
            found.append(f"{name} {dtype} for MLX: {error}")
    if dtype in (None, *kernel["dtypes"][:1]):
        calls, wrong = mlx_calls.gradient_calls(job, *next(mlx_calls.cases(kernel, dtype)), "metal")
        checked += len(calls)
        found += wrong
        for call in calls:
            found += [f"{call.name} {dtype} for MLX: {fault}" for fault in faults(signed(call))]
    return checked, found


def main():
    # A pointer into another space, one into none, and memory of a group that a block declares: found, or nothing is proven.
    head = "#include <metal_stdlib>\n[[kernel]] void f(const device float* x, device float* y) {\n"
    for line in ("y[0] = *(const constant float*)x;", "const float* p = x; y[0] = *p;", "{ threadgroup float a[4]; y[0] = a[0]; }", "thread float* p = y;"):
        if not faults(head + line + "\n}\n"):
            sys.exit(f"nothing is found wrong with {line}")
    right = faults(head + "threadgroup float a[4]; a[0] = *(const device float*)x; y[0] = a[0];\n}\n")
    if right:
        sys.exit(f"what is right is refused: {right}")
    mlx_calls.report(check, sys.argv[1])


if __name__ == "__main__":
    main()
