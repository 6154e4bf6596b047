#!/usr/bin/env python3
"""Time Tilewright and PyTorch on the same operations of one NVIDIA GPU, in one sitting.

    python measure/cuda_compare.py TILEWRIGHT [--out rows.tsv] [--only softmax,topk] [--grad]

For each operation: our kernel through `TILEWRIGHT bench --device cuda`, and the faster of eager PyTorch, torch.compile
and Liger's Triton kernels (where installed). Both are timed by CUDA events around one call, after a copy of 256 MiB that
flushes the caches and leaves them as dirty for the one as for the other, and the median is taken. Prints ours, the best peer, the ratio, and the share that the fewest bytes have of the
copy bandwidth measured beside them. `--grad` compares the automatic backward instead. `--out` writes rows as
record/README.md describes.
"""
import argparse, datetime, json, math, os, subprocess, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ap = argparse.ArgumentParser()
ap.add_argument("tilewright")
ap.add_argument("--out", default="")
ap.add_argument("--only", default="")
ap.add_argument("--grad", action="store_true")
ap.add_argument("--rows", type=int, default=65536)
ap.add_argument("--cols", type=int, default=2048)
A = ap.parse_args()

import torch, torch.nn.functional as F
try:
    from liger_kernel.ops.swiglu import LigerSiLUMulFunction
    from liger_kernel.ops.rms_norm import LigerRMSNormFunction
    from liger_kernel.ops.cross_entropy import LigerCrossEntropyFunction
    LIGER = True
except ImportError:
    LIGER = False

N, D = A.rows, A.cols
dev = "cuda"
torch.manual_seed(0)


FROM = torch.zeros(1 << 28, device=dev, dtype=torch.uint8)
TO = torch.zeros_like(FROM)


def median(call, runs=100):
    """Milliseconds of one call as `tilewright bench` times its own: cold caches, all calls queued before the first ends."""
    for _ in range(3): call()
    marks = []
    for _ in range(runs):
        TO.copy_(FROM)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record(); call(); end.record()
        marks.append((start, end))
    torch.cuda.synchronize()
    return sorted(start.elapsed_time(end) for start, end in marks)[runs // 2]


def compiled(f): return torch.compile(f, mode="max-autotune-no-cudagraphs", dynamic=False)


def randn(*shape, dtype): return torch.randn(*shape, device=dev, dtype=dtype)


def forward(dtype):
    """Our kernel, its settings, and the peers' engines, an operation at a time, so that memory is freed between."""
    rows = {"rows": N, "cols": D}
    both = lambda f, *a: {"torch": lambda: f(*a), "torch_compile": (lambda c: lambda: c(*a))(compiled(f))}
    x = randn(N, D, dtype=dtype)
    w, b = randn(D, dtype=dtype), randn(D, dtype=dtype)
    mish = lambda z: z * torch.tanh(F.softplus(z))
    yield "mish", {"n": N * D}, {**both(mish, x), "torch_fused": lambda: F.mish(x)}
    yield "softmax", rows, both(lambda z: torch.softmax(z, -1), x)
    liger = {"liger": lambda: LigerRMSNormFunction.apply(x, w, 1e-6, 0.0, "llama", False)} if LIGER else {}
    yield "rmsnorm", rows, {**both(lambda z: F.rms_norm(z, (D,), w, 1e-6), x), **liger}
    yield "layernorm", rows, both(lambda z: F.layer_norm(z, (D,), w, b), x)
    yield "sum", rows, both(lambda z: z.sum(-1), x)
    yield "argmax", rows, both(lambda z: z.argmax(-1), x)
    yield "cumsum", rows, both(lambda z: z.cumsum(-1), x)
    yield "dropout", {"n": N * D}, both(lambda z: F.dropout(z, 0.1, True), x)
    yield "topk", {**rows, "k": 8}, {"torch": lambda: torch.topk(x, 8, -1)}
    r = randn(N, D, dtype=dtype)
    yield "rmsnorm_residual", rows, both(lambda z, q: ((h := z + q), F.rms_norm(h, (D,), w, 1e-6)), x, r)
    source = randn(50000, D, dtype=dtype); index = torch.randint(0, 50000, (N,), device=dev)
    yield "gather_add", {**rows, "entries": 50000}, both(lambda q, i, o: q[i] + o, source, index, x)
    del r, source
    x2 = randn(N, 2 * D, dtype=dtype)
    liger = {}
    if LIGER:
        gate, up = x2[:, :D].contiguous(), x2[:, D:].contiguous()
        liger = {"liger": lambda: LigerSiLUMulFunction.apply(gate, up)}
    yield "swiglu", rows, {**both(lambda z: F.silu(z[:, :D]) * z[:, D:], x2), **liger}


def special(dtype):
    """Operations at sizes of their own."""
    if dtype == torch.bfloat16:
        for tokens in (16384, 1):
            logits = randn(tokens, 128, dtype=dtype)
            def gate(z):
                p = torch.softmax(z.float(), -1)
                v, i = torch.topk(p, 8, -1)
                return v / v.sum(-1, keepdim=True), i
            yield "topk_gating_softmax", {"tokens": tokens}, {"torch": lambda: gate(logits), "torch_compile": (lambda c: lambda: c(logits))(compiled(gate))}
        experts = randn(16384, 8, 2048, dtype=dtype); weights = torch.rand(16384, 8, device=dev, dtype=dtype)
        combine = lambda a, q: (a * q[..., None]).sum(1)
        c = compiled(combine)
        yield "moe_combine", {"tokens": 16384, "cols": 2048}, {"torch": lambda: combine(experts, weights), "torch_compile": lambda: c(experts, weights)}
        del experts
        logits = randn(8192, 128256, dtype=dtype).requires_grad_(); target = torch.randint(0, 128256, (8192,), device=dev)
        loss = lambda z, t: F.cross_entropy(z.float(), t)
        lc = compiled(loss)
        engines = {"torch": lambda: torch.autograd.grad(loss(logits, target), logits),
                   "torch_compile": lambda: torch.autograd.grad(lc(logits, target), logits)}
        if LIGER:
            # Liger overwrites its input, so it works on a copy, which is part of its time.
            def copied():
                z = logits.detach().clone().requires_grad_()
                out = LigerCrossEntropyFunction.apply(z, target, None, -100)
                return torch.autograd.grad(out[0] if isinstance(out, tuple) else out, z)
            engines["liger_with_clone"] = copied
        yield "softmax_cross_entropy_grad", {"rows": 8192, "classes": 128256}, engines
        del logits
        for length in (1024, 8192, 32768):
            q = randn(1, 32, 1, 128, dtype=dtype); k = randn(1, 8, length, 128, dtype=dtype); v = torch.randn_like(k)
            yield "decode_attention", {"max_len": length}, {"torch": lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True)}
        for depth, columns in ((4096, 14336), (14336, 4096)):
            packed = torch._convert_weight_to_int4pack(torch.randint(0, 255, (columns, depth // 2), device=dev, dtype=torch.uint8), 8)
            scales = randn(depth // 64, columns, 2, dtype=dtype); one = randn(1, depth, dtype=dtype)
            yield "quantized_matvec", {"columns": columns, "groups": depth // 64}, {"torch_int4": lambda: torch._weight_int4pack_mm(one, packed, 64, scales)}
        a, b = randn(8192, 8192, dtype=dtype), randn(8192, 8192, dtype=dtype)
        yield "matmul", {"rows": 8192, "depth": 8192, "columns": 8192}, {"torch": lambda: a @ b}
    else:
        p = randn(1 << 28, dtype=dtype).requires_grad_(); p.grad = torch.randn_like(p)
        fused = torch.optim.AdamW([p], lr=1e-3, fused=True); each = torch.optim.AdamW([p], lr=1e-3, foreach=True)
        yield "adamw_step", {"n": 1 << 28}, {"torch_fused": lambda: fused.step(), "torch_foreach": lambda: each.step()}


def backward(dtype):
    """The same through autograd: only the backward is timed."""
    rows = {"rows": N, "cols": D}
    x, dy = randn(N, D, dtype=dtype).requires_grad_(), randn(N, D, dtype=dtype)
    w, b = randn(D, dtype=dtype).requires_grad_(), randn(D, dtype=dtype).requires_grad_()
    def engines(f, *leaves):
        out = {}
        for name, g in (("torch", f), ("torch_compile", compiled(f))):
            y = g(*leaves)
            out[name] = (lambda y: lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True))(y)
        return out
    yield "mish", {"n": N * D}, {**engines(lambda z: z * torch.tanh(F.softplus(z)), x), "torch_fused": engines(F.mish, x)["torch"]}
    yield "softmax", rows, engines(lambda z: torch.softmax(z, -1), x)
    yield "rmsnorm", rows, engines(lambda z, w: F.rms_norm(z, (D,), w, 1e-6), x, w)
    yield "layernorm", rows, engines(lambda z, w, b: F.layer_norm(z, (D,), w, b), x, w, b)
    yield "cumsum", rows, engines(lambda z: z.cumsum(-1), x)
    del x
    x2 = randn(N, 2 * D, dtype=dtype).requires_grad_()
    yield "swiglu", rows, engines(lambda z: F.silu(z[:, :D]) * z[:, D:], x2)


def ours(kernel, settings, dtype):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [A.tilewright, "bench", kernel, "--device", "cuda", "--dtype", dtype, "--json", str(path)]
        for name, value in settings.items(): command += ["--set", f"{name}={value}"]
        if A.grad: command.append("--grad")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode: return None, done.stderr.strip().splitlines()[0][:150] if done.stderr.strip() else "failed"
        return json.loads(path.read_text())[0], None


def gpu_copy():
    x = torch.empty(1 << 28, device=dev); y = torch.empty_like(x)
    return 2 * x.numel() * 4 / median(lambda: y.copy_(x), 50) / 1e6


name = torch.cuda.get_device_name()
copy = gpu_copy()
commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip() or os.environ.get("COMMIT", "-")
print(f"{name}, torch {torch.__version__}, copy {copy:.0f} GB/s, liger {'yes' if LIGER else 'no'}")
print(f"{'kernel':28} {'dtype':5} {'ms':>9} {'of copy':>8} {'peer ms':>9}  {'peer':14} {'peer/ours':>9}")
lines, logs = [], []
for tag, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
    for source in ((backward,) if A.grad else (forward, special)):
        for kernel, settings, engines in source(dtype):
            if A.only and kernel not in A.only.split(","): continue
            best = None
            for engine, call in engines.items():
                try:
                    ms = median(call)
                    if best is None or ms < best[1]: best = (engine, ms)
                except Exception as error: print("!", kernel, engine, str(error)[:100])
            torch.cuda.empty_cache()
            row, wrong = ours(kernel, settings, tag)
            case = " ".join(f"{n}={v}" for n, v in settings.items())
            if row is None:
                print(f"{kernel:28} {tag:5} {wrong}", flush=True)
                continue
            share = row["bytes"] / row["ms"] / 1e6 / copy
            ahead = best[1] / row["ms"] if best else None
            if ahead: logs.append(math.log(ahead))
            print(f"{kernel:28} {tag:5} {row['ms']:9.4f} {share * 100:7.0f}% "
                  + (f"{best[1]:9.4f}  {best[0]:14} {ahead:9.2f}" if best else "") + f"  {case}", flush=True)
            command = "python measure/cuda_compare.py target/release/tilewright" + (" --grad" if A.grad else "")
            lines.append([datetime.date.today().isoformat(), name, commit, command, row["kernel"], f"{case} {tag}", "cold caches",
                          f"{row['ms']:.4f}", f"{row['spread'] * 100:.0f}", f"{row['bytes'] / row['ms'] / 1e6:.0f}", f"{share * 100:.0f}",
                          best[0] if best else "-", f"{best[1]:.4f}" if best else "-", f"{1 / ahead:.2f}" if ahead else "-", f"copy {copy:.0f} GB/s"])
if logs: print(f"geometric mean of peer over ours: {math.exp(sum(logs) / len(logs)):.3f}")
if A.out:
    new = not os.path.exists(A.out)
    with open(A.out, "a") as file:
        if new: file.write("date machine commit command subject case setting ms spread gbs share peer peer_ms ratio note".replace(" ", "\t") + "\n")
        for line in lines: file.write("\t".join(line) + "\n")
