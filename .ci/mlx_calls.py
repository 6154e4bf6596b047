"""What the functions that `tilewright emit --mlx` prints ask of MLX, without MLX."""
import concurrent.futures, json, re, subprocess, sys, types


class Array:
    """As much of an MLX array as a function of `emit --mlx` asks for."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), dtype

    ndim = property(lambda self: len(self.shape))

    @property
    def size(self):
        size = 1
        for axis in self.shape:
            size *= axis
        return size

    def astype(self, dtype):
        return Array(self.shape, dtype)

    def reshape(self, *shape):
        shape = shape[0] if shape and isinstance(shape[0], tuple) else shape
        rest = 1
        for axis in shape:
            rest *= axis if axis != -1 else 1
        return Array([self.size // rest if axis == -1 else axis for axis in shape], self.dtype)


def call_of(python, name, arguments):
    """What MLX is told when the function of `python` is called with `arguments`."""
    return calls_of(python, {name: arguments})[0]


def calls_of(python, arguments):
    """The same of several functions of one text, by their names."""
    calls = []

    def kernel(**made):
        def call(inputs, template, grid, threadgroup, output_shapes, output_dtypes, init_value=None):
            outputs = [Array(shape, dtype) for shape, dtype in zip(output_shapes, output_dtypes)]
            calls.append(types.SimpleNamespace(**made, inputs=inputs, outputs=outputs, threadgroup=threadgroup, init_value=init_value))
            return outputs

        return call

    core = types.ModuleType("mlx.core")
    for dtype in ("float32", "float16", "bfloat16", "int32", "uint32", "int8", "uint8", "bool_"):
        setattr(core, dtype, dtype)
    core.array = lambda values, dtype: Array([len(values)], dtype)
    core.fast = types.SimpleNamespace(metal_kernel=kernel, cuda_kernel=kernel)
    package = types.ModuleType("mlx")
    package.core = core
    sys.modules["mlx"], sys.modules["mlx.core"] = package, core
    scope = {}
    exec(python, scope)
    for name, own in arguments.items():
        function = scope[name]
        wanted = function.__code__.co_varnames[:function.__code__.co_argcount]
        function(**{parameter: value for parameter, value in own.items() if parameter in wanted})
    return calls


def extent(text, sizes):
    """The value of an extent such as `bits*group/32*groups`."""
    value = 1
    for part in text.replace("/", "*/").split("*"):
        value = value // int(part[1:]) if part[0] == "/" else value * (int(part) if part.isdigit() else sizes[part])
    return value


def cases(kernel, dtype):
    """Two cases of a kernel, the smallest and the last: the words of `emit` that tell its shapes, and what the function gets."""
    smallest = min(kernel["cases"], key=lambda case: sum(case["sizes"].values()) if min(case["sizes"].values()) else 1e9)
    for case in [smallest, kernel["cases"][-1]]:
        constants = {**kernel["constants"], **case["constants"]}
        sizes = {**constants, **case["sizes"]}
        words, arguments = [], {**sizes}
        for parameter in kernel["inputs"]:
            own = parameter["name"]
            if parameter["kind"] == "tensor":
                shape = [extent(axis, sizes) for axis in parameter["shape"]]
                arguments[own] = Array(shape, SPELLED[dtype if parameter["dtype"] == "T" else parameter["dtype"]])
                words += ["--shape", f"{own}={'x'.join(map(str, shape))}"]
            else:
                arguments[own] = 1
        for own, value in sizes.items():
            words += ["--set", f"{own}={value}"]
        yield words, arguments


SPELLED = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i32": "int32", "u32": "uint32", "i8": "int8", "u8": "uint8", "bool": "bool_"}


def gradient(job, words, arguments):
    """What each program of a kernel's gradient is called with, by its name; those that fill with zeros are none of MLX's."""
    listed = emit(job, "--grad", *words) or ""
    sizes = {name: value for name, value in arguments.items() if isinstance(value, int)}
    for dims in re.findall(r"^dims (.*)$", listed, re.M):
        for dim in re.split(r", (?!\d)", dims):
            rule = re.fullmatch(r"(\w+) = ceil\((\w+) / (\w+)(?:, (\d+))?\)", dim)
            if rule and rule[1] not in sizes and rule[2] in sizes:
                by = sizes[rule[3]] if rule[3] in sizes else int(rule[3])
                parts = -(-sizes[rule[2]] // by) if by else 0
                sizes[rule[1]] = min(parts, int(rule[4] or parts))
    # What a program makes is what a later one gets, which may take several of its axes as one.
    programs, made = {}, {}
    for name, parameters in re.findall(r"^kernel (\w+)\((.*)\)$", listed, re.M)[1:]:
        own = dict(sizes)
        for parameter, access, dtype, shape in re.findall(r"(\w+): (in|out|inout|scalar) (\w+)(?:\[([^\]]*)\])?", parameters):
            if access == "scalar":
                own[parameter] = arguments.get(parameter, 1)
            elif parameter in made:
                own[parameter] = made[parameter]
            else:
                axes = [extent(axis.lstrip("*"), sizes) for axis in shape.split(", ") if axis]
                made[parameter] = own[parameter] = Array(axes, SPELLED[dtype])
        programs[name] = own
    return programs


def gradient_calls(job, words, arguments, target):
    """The calls of a kernel's gradient, and what is wrong with them: none where `emit` refuses the kernel or its gradient."""
    python = emit(job, "--target", target, "--mlx", "--grad", *words)
    if python is None:
        return [], []
    programs = gradient(job, words, arguments)
    name = job[1]["name"]
    functions = re.findall(r"^def (\w+)\(", python, re.M)[1:]
    found = [f"{name}: {lost} is not among its gradient's functions" for lost in programs if lost not in functions and "_grad_zero_" not in lost]
    try:
        calls = calls_of(python, {function: programs[function] for function in functions})
    except (KeyError, TypeError, ValueError) as error:
        return [], found + [f"{name}'s gradient: {error!r}"]
    return calls, found


def jobs(binary):
    """Every kernel of the catalog in every dtype."""
    listed = subprocess.run([binary, "kernels", "--json"], capture_output=True, text=True, check=True)
    for kernel in json.loads(listed.stdout):
        generic = any(p["dtype"] == "T" for p in kernel["inputs"] + kernel["outputs"])
        for dtype in kernel["dtypes"] if generic else [None]:
            yield binary, kernel, dtype


def emit(job, *words):
    """What `tilewright emit` prints, or nothing where it refuses."""
    binary, kernel, dtype = job
    typed = ["--dtype", dtype] if dtype else []
    done = subprocess.run([binary, "emit", kernel["name"], *typed, *words], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def report(check, binary):
    """Ends with what `check` of each job counts and finds."""
    checked, found = 0, []
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for count, own in pool.map(check, jobs(binary)):
            checked += count
            found += own
    for fault in found:
        print(fault)
    print(f"{checked} texts, {len(found)} faults")
    sys.exit(bool(found))
