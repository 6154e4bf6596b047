"""The catalog's kernels as Python for MLX (`tilewright emit --mlx`), run by MLX and compared with `tilewright run`.

Usage: mlx_kernels.py TILEWRIGHT [--target cuda|metal] [--kernels NAME,NAME] [--dtypes f32,bf16] [--most ELEMENTS] [--grad]

Every case of every kernel in every dtype: the text emitted for the case's shapes, and the text emitted for no shapes in
particular, which has to give the same or to refuse these sizes. With --grad the functions of the gradient, called one after the
other, for outputs' gradients drawn at random. Needs mlx on the GPU (`mlx[cuda12]`, or a Mac) and numpy.
"""
import argparse, json, pathlib, re, subprocess, sys, tempfile
import numpy
import mlx.core as mx

NUMBERS = {"f32": numpy.float32, "f16": numpy.float16, "i32": numpy.int32, "u32": numpy.uint32, "i8": numpy.int8, "u8": numpy.uint8, "bool": numpy.bool_, "bf16": numpy.uint16}
NAMES = {"f32": "F32", "f16": "F16", "bf16": "BF16", "i32": "I32", "u32": "U32", "i8": "I8", "u8": "U8", "bool": "BOOL"}
# Of the greatest magnitude of an output; sums of some thousand elements are added in another order.
TOLERANCE = {"f32": 1e-4, "f16": 4e-3, "bf16": 3e-2}


def write(path, tensors):
    header, at = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": NAMES[dtype], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in tensors.values():
            file.write(array.tobytes())


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    dtypes = {name: dtype for dtype, name in NAMES.items()}
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        dtype = dtypes[entry["dtype"]]
        array = numpy.frombuffer(data[8 + length + first:8 + length + end], NUMBERS[dtype]).reshape(entry["shape"])
        tensors[name] = (dtype, array)
    return tensors


def wide(dtype, array):
    """As f64."""
    return (array.astype(numpy.uint32) << 16).view(numpy.float32).astype(numpy.float64) if dtype == "bf16" else array.astype(numpy.float64)


def to_mlx(dtype, array):
    made = mx.array(array)
    return made.view(mx.bfloat16) if dtype == "bf16" else made


def of_mlx(array):
    dtype = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int32": "i32", "uint32": "u32", "int8": "i8", "uint8": "u8", "bool": "bool"}[str(array.dtype).split(".")[-1]]
    return dtype, numpy.array(array.view(mx.uint16) if dtype == "bf16" else array)


def extent(text, sizes):
    """Such as `bits*group/32*groups`."""
    value = 1
    for part in text.replace("/", "*/").split("*"):
        value = value // int(part[1:]) if part.startswith("/") else value * (int(part) if part.isdigit() else sizes[part])
    return value


def fill(dtype, shape, sizes, random, narrower):
    if dtype == "bool":
        return random.random(shape) < 0.7
    if dtype in ("u8", "i8"):
        return random.integers(0, 100, shape).astype(NUMBERS[dtype])
    if dtype in ("i32", "u32"):
        # Indices of any axis.
        return random.integers(0, max(1, min(sizes.values())), shape).astype(NUMBERS[dtype])
    # Narrow normal deviates: recurrences stay in range.
    values = random.standard_normal(shape).astype(numpy.float32) / narrower
    return (values.view(numpy.uint32) >> 16).astype(numpy.uint16) if dtype == "bf16" else values.astype(NUMBERS[dtype])


def same(found, expected, tolerance, terms=1e-6):
    """What is wrong with a tensor; `terms` is how great the numbers are that cancel in it."""
    (dtype, a), (other, b) = found, expected
    if dtype != other or a.shape != b.shape:
        return f"{dtype} {a.shape}, not {other} {b.shape}"
    a, b = wide(dtype, a), wide(other, b)
    finite = numpy.isfinite(b)
    if not numpy.array_equal(a[~finite], b[~finite], equal_nan=True):
        return "other NaN or infinities"
    a, b = a[finite], b[finite]
    error = numpy.abs(a - b).max(initial=0.0) / numpy.abs(b).max(initial=terms)
    limit = tolerance if dtype in TOLERANCE else 0.0
    return None if error <= limit else f"off by {error:.1e} of the greatest"


def functions_of(text):
    """The functions of an emitted text in order, with the names of what each gives."""
    outputs = [json.loads(names) for names in re.findall(r"^    output_names=(\[.*\]),$", text, re.M)]
    return list(zip(re.findall(r"^def (\w+)\(", text, re.M), outputs))


def call(function, outputs, values):
    """Adds what a function gives to the `values` that it takes its arguments from; says whether it met a stray index."""
    def value(parameter):
        # A number of blocks of an axis, such as rows_64; rows_parts are those, but at most 512.
        axis, _, block = parameter.rpartition("_")
        if parameter in values: return values[parameter]
        return min(-(-values[axis] // 64), 512) if block == "parts" else -(-values[axis] // int(block))

    result = function(**{p: value(p) for p in function.__code__.co_varnames[:function.__code__.co_argcount]})
    result = list(result) if isinstance(result, tuple) else [result]
    mx.eval(*result)
    given = dict(zip(outputs, result, strict=True))
    faults = given.pop("faults_array", None)
    values.update(given)
    return faults is not None and int(faults[0]) != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tilewright")
    parser.add_argument("--target", default="cuda", choices=["cuda", "metal"])
    parser.add_argument("--kernels", default="")
    parser.add_argument("--dtypes", default="f32,f16,bf16")
    parser.add_argument("--most", type=int, default=300_000, help="elements of the largest tensor of a case")
    parser.add_argument("--grad", action="store_true", help="gradients instead of the kernels themselves")
    arguments = parser.parse_args()
    binary, folder = arguments.tilewright, pathlib.Path(tempfile.mkdtemp())

    def tilewright(*words):
        return subprocess.run([binary, *words], capture_output=True, text=True)

    wanted = set(filter(None, arguments.kernels.split(",")))
    agreed = refused = 0
    failures, skipped = [], {}

    def fail(what):
        # At once, so that a run that is cut off has said it.
        failures.append(what)
        print("FAILED", what, flush=True)

    for kernel in json.loads(tilewright("kernels", "--json").stdout):
        name = kernel["name"]
        if wanted and name not in wanted:
            continue
        tensors = [p for p in kernel["inputs"] if p["kind"] == "tensor"]
        scalars = [p for p in kernel["inputs"] if p["kind"] == "scalar"]
        if any(p["in_place"] for p in tensors + kernel["outputs"]):
            skipped[name] = "changes a tensor in place"
            continue
        if arguments.grad and not kernel["gradient"]["available"]:
            skipped[name] = "has no gradient"
            continue
        # Where no input tells T, `run` takes the first.
        generic = any(p["dtype"] == "T" for p in tensors)
        for case in kernel["cases"]:
            sizes = {**kernel["constants"], **case["constants"], **case["sizes"]}
            shapes = {p["name"]: [extent(e, sizes) for e in p["shape"]] for p in tensors + kernel["outputs"]}
            elements = [int(numpy.prod(shape)) for shape in shapes.values()]
            if min(elements) == 0 or max(elements) > arguments.most:
                continue
            for dtype in kernel["dtypes"] if generic else kernel["dtypes"][:1] or [None]:
                if generic and dtype not in arguments.dtypes.split(","):
                    continue
                random = numpy.random.default_rng(len(name) + max(elements))
                own = lambda p: dtype if p["dtype"] == "T" else p["dtype"]
                grad = ["--grad"] if arguments.grad else []
                narrower = 4 if grad else 2
                inputs = {p["name"]: (own(p), fill(own(p), shapes[p["name"]], sizes, random, narrower)) for p in tensors}
                numbers = {p["name"]: case["scalars"].get(p["name"], p["default"]) for p in scalars}
                numbers = {n: 1 if value is None else value for n, value in numbers.items()}
                settings = []
                for n, value in {**kernel["constants"], **case["constants"], **case["sizes"], **numbers}.items():
                    settings += ["--set", f"{n}={value}"]
                where = f"{name} {dtype or ''} {' '.join(f'{n}={value}' for n, value in sizes.items())}"
                if grad:
                    floats = [p for p in kernel["outputs"] if own(p) in TOLERANCE]
                    inputs.update({f"d_{p['name']}": (own(p), fill(own(p), shapes[p["name"]], sizes, random, narrower)) for p in floats})
                write(folder / "in.safetensors", inputs)
                run = tilewright("run", name, *grad, "--in", str(folder / "in.safetensors"), "--out", str(folder / "out.safetensors"), *settings)
                if run.returncode:
                    fail(f"{where}: tilewright run: {run.stderr.strip()}")
                    continue
                expected = read(folder / "out.safetensors")
                constants = [f"{n}={value}" for n, value in {**kernel["constants"], **case["constants"]}.items()]
                emit = ["emit", name, "--target", arguments.target, "--mlx", *grad] + (["--dtype", dtype] if dtype else [])
                emit += [word for setting in constants for word in ("--set", setting)]
                told = [word for n, shape in shapes.items() if n in inputs for word in ("--shape", f"{n}={'x'.join(map(str, shape))}")]
                told += [word for n, value in case["sizes"].items() for word in ("--set", f"{n}={value}")]
                for exact in (True, False):
                    text = tilewright(*emit, *(told if exact else []))
                    if text.returncode:
                        skipped.setdefault(name, text.stderr.strip().splitlines()[0])
                        continue
                    scope = {}
                    try:
                        exec(text.stdout, scope)
                        values = {**sizes, **numbers, **{n: to_mlx(*tensor) for n, tensor in inputs.items()}}
                        functions = functions_of(text.stdout)
                        stray = [call(scope[own], outputs, values) for own, outputs in functions[1 if grad else 0:]]
                        wanted_outputs = [n for n in expected if n.startswith("d_") and n not in inputs or not grad]
                        # A norm of one element has a gradient of nearly nothing: the outputs' gradients cancel in it.
                        given = [numpy.abs(wide(*inputs[f"d_{p['name']}"])).max() for p in floats] if grad else []
                        terms = max(given, default=1e-6)
                        wrong = "an index was outside its axis" if any(stray) else None
                        for output in wanted_outputs:
                            fault = "is given by no function" if output not in values else same(of_mlx(values[output]), expected[output], TOLERANCE.get(dtype, 1e-4), terms)
                            wrong = wrong or (fault and f"{output} {fault}")
                        if wrong or not wanted_outputs:
                            fail(f"{where}{'' if exact else ', emitted for no shapes'}: {wrong or 'nothing to compare'}")
                        else:
                            agreed += 1
                    except ValueError as error:
                        if exact or "emit another" not in str(error):
                            fail(f"{where}: {error}")
                        else:
                            refused += 1
                    except Exception as error:
                        fail(f"{where}{'' if exact else ', emitted for no shapes'}: {type(error).__name__}: {str(error)[:300]}")
    for name, why in skipped.items():
        print("skipped", name, why)
    print(f"{agreed} calls agree, {refused} were refused for their sizes, {len(failures)} failed, {len(skipped)} kernels skipped")
    sys.exit(bool(failures))


main()
