#!/usr/bin/env python3
"""Time Tilewright and its peers on the same CPU operations, in one sitting.

    python measure/cpu_compare.py TILEWRIGHT [--python V/bin/python] [--out rows.tsv] [--fresh]
                                  [--engines torch,torch_compile,mlx,numpy] [--only softmax,sum] [--rounds 1]

Runs `TILEWRIGHT bench`, then `measure/peers_ops.py` for each engine, then ours once more, and prints for each
operation ours, the best peer and the ratio, with the geometric mean of the ratios at the end. With `--rounds` both sides
take so many turns, and medians are compared: what else a host does moves its memory's bandwidth by a factor of two from
one minute to the next. Our outputs are preallocated; the peers get a malloc that keeps its memory and asks for huge pages. With `--fresh` both sides are as a
newcomer finds them: outputs made by each call, and no setting of any malloc. `--out` writes rows as record/README.md
describes.
"""
import argparse, json, math, os, platform, statistics, subprocess, sys, tempfile, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from quiet import wait_quiet

# Our kernel, the peers' operation, and the case in words.
OPS = [
    ("swiglu", "swiglu"), ("geglu", "geglu"), ("dropout", "dropout"), ("topk", "topk"), ("gather_add", "gather_add"),
    ("softmax", "softmax"), ("rmsnorm", "rmsnorm"), ("rmsnorm_residual", "rmsnorm_residual"), ("layernorm", "layernorm"),
    ("sum", "sum"), ("cumsum", "cumsum"), ("argmax", "argmax"), ("mish", "mish"),
    ("softmax_cross_entropy_grad", "cross_entropy_fwd_bwd"), ("adamw_step", "adamw"), ("topk_gating_softmax", "moe_gating"),
]
TUNED = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776:"
                      "glibc.malloc.top_pad=268435456",
}

ap = argparse.ArgumentParser()
ap.add_argument("tilewright")
ap.add_argument("--python", default=sys.executable)
ap.add_argument("--engines", default="torch,torch_compile,mlx,numpy")
ap.add_argument("--only", default="")
ap.add_argument("--budget", default="0.5")
ap.add_argument("--fresh", action="store_true")
ap.add_argument("--out", default="")
ap.add_argument("--rounds", type=int, default=1)
A = ap.parse_args()


def ours(kernels):
    """The benchmark rows of kernels by name. A kernel's first case is the one that the peers run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        fresh = ["--fresh"] if A.fresh else []
        subprocess.run([A.tilewright, "bench", *kernels, *fresh, "--json", str(path)], check=True, stdout=subprocess.DEVNULL)
        rows = {}
        for row in json.loads(path.read_text()): rows.setdefault(row["kernel"], row)
        return rows


def environment():
    """What the peers run in."""
    plain = {k: v for k, v in os.environ.items() if k not in TUNED and k != "LD_PRELOAD" and not k.startswith("MALLOC_")}
    return plain if A.fresh else {**plain, **TUNED}


def peers(ops):
    """Medians in ms by operation and engine."""
    found = {}
    for engine in A.engines.split(","):
        command = [A.python, str(HERE / "peers_ops.py"), "--engine", engine, "--only", ",".join(ops), "--budget", A.budget]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if done.returncode:  # an engine that is not installed is no slow one
            last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
            sys.exit(f"{engine} cannot run: {last}\ninstall it, or leave it out of --engines")
        for line in done.stdout.splitlines():
            row = json.loads(line)
            if "median_ms" in row: found.setdefault(row["op"], {})[engine] = row["median_ms"]
    return found


def best(rounds, op):
    """The engine whose median over the rounds is the least, and that median; None where none ran the operation."""
    times = {}
    for found in rounds:
        for engine, ms in found.get(op, {}).items(): times.setdefault(engine, []).append(ms)
    return min(((statistics.median(ms), engine) for engine, ms in times.items()), default=None)


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"): return line.split(":", 1)[1].strip()
    return platform.processor()


commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip()
threads = len(os.sched_getaffinity(0))
command = "python measure/cpu_compare.py target/release/tilewright" + (" --fresh" if A.fresh else "") \
    + (f" --rounds {A.rounds}" if A.rounds > 1 else "")
chosen = [(k, o) for k, o in OPS if not A.only or k in A.only.split(",") or o in A.only.split(",")]
wait_quiet(20)
turns, rounds = [ours([k for k, _ in chosen])], []
for _ in range(A.rounds):
    rounds.append(peers([o for _, o in chosen]))
    turns.append(ours([k for k, _ in chosen]))
rows, logs = [], []
print(f"{'kernel':28} {'ms':>9} {'GB/s':>7} {'of copy':>8} {'peer ms':>9}  {'peer':14} {'ratio':>6}")
for kernel, op in chosen:
    own = sorted((turn[kernel] for turn in turns), key=lambda row: row["ms"])
    mine = own[0] if A.rounds == 1 else own[len(own) // 2]
    peer = best(rounds, op)
    ratio = mine["ms"] / peer[0] if peer else None
    if ratio: logs.append(math.log(ratio))
    # Each round's own, where there are several: the better of our turns before and after it.
    apart = []
    for number, found in enumerate(rounds if A.rounds > 1 else []):
        theirs = best([found], op)
        if theirs: apart.append(min(turn[kernel]["ms"] for turn in turns[number:number + 2]) / theirs[0])
    print(f"{kernel:28} {mine['ms']:9.3f} {mine['gigabytes_per_second']:7.1f} {mine['share_of_copy'] * 100:7.0f}% "
          + (f"{peer[0]:9.3f}  {peer[1]:14} {ratio:6.2f}" if peer else f"{'-':>9}  {'-':14} {'-':>6}")
          + "".join(f" {one:5.2f}" for one in apart))
    note = f"{A.rounds} rounds: {', '.join(f'{one:.2f}' for one in apart)}" if apart else "-"
    rows.append([datetime.date.today().isoformat(), f"{cpu()}, {threads} threads", commit, command, kernel,
                 f"{mine['case']} {mine['dtype']}", mine["outputs"], f"{mine['ms']:.3f}", f"{mine['spread'] * 100:.0f}",
                 f"{mine['gigabytes_per_second']:.1f}", f"{mine['share_of_copy'] * 100:.0f}",
                 peer[1] if peer else "-", f"{peer[0]:.3f}" if peer else "-", f"{ratio:.2f}" if ratio else "-", note])
if logs: print(f"geometric mean of the ratios: {math.exp(sum(logs) / len(logs)):.3f}")
if A.out:
    new = not os.path.exists(A.out)
    with open(A.out, "a") as file:
        if new:
            file.write("date machine commit command subject case setting ms spread gbs share peer peer_ms ratio note".replace(" ", "\t") + "\n")
        for row in rows: file.write("\t".join(row) + "\n")
