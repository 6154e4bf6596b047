#!/usr/bin/env bash
# compute-sanitizer over the whole catalog on an NVIDIA GPU: memcheck finds accesses outside memory, racecheck races in
# shared memory. Every kernel runs its cases with small tensors, and its gradient; a kernel that takes too long is told.
#
#   measure/cuda_sanitize.sh [tilewright] [seconds a kernel] [kernel...]
#
# Exit status 1 when a tool found something or did not finish.
set -uo pipefail
program=${1:-target/release/tilewright} seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not installed; it comes with the CUDA toolkit" >&2; exit 2; }
if [ $# -eq 0 ]; then
    mapfile -t kernels < <("$program" kernels --json | python3 -c '
import json, sys
print("\n".join(row["name"] for row in json.load(sys.stdin)))')
else
    kernels=("$@")
fi
results=$(mktemp -d)
export program seconds results
# Elements of the largest tensor: racecheck follows every access to shared memory.
check() {
    local tool=$1 kernel=$2 limit=$3 log=$results/$1.$2 status=0
    # One launch after the other: where the host runs ahead, racecheck often ends with an error of its own, that it
    # failed to track a launch. What it looks at, shared memory, is each launch's own.
    CUDA_LAUNCH_BLOCKING=$([ "$tool" = racecheck ] && echo 1 || echo 0) \
        timeout "$seconds" compute-sanitizer --tool "$tool" --error-exitcode 9 \
            "$program" test "$kernel" --device cuda --limit "$limit" >"$log" 2>&1 || status=$?
    case $status in
        0) echo clean >"$log.state" ;;
        124) echo "not finished in $seconds s" >"$log.state" ;;
        *) echo "exit status $status" >"$log.state" ;;
    esac
}
export -f check
for tool in memcheck:20000 racecheck:5000; do
    printf '%s\n' "${kernels[@]}" |
        xargs -P "${JOBS:-$(nproc)}" -I '{}' bash -c "check ${tool%:*} '{}' ${tool#*:}"
done
bad=0
for tool in memcheck racecheck; do
    clean=0
    for kernel in "${kernels[@]}"; do
        state=$(cat "$results/$tool.$kernel.state")
        if [ "$state" = clean ]; then
            clean=$((clean + 1))
            continue
        fi
        bad=1
        echo "$tool $kernel: $state"
        grep -m 12 -E '=========|FAIL|fail|panicked' "$results/$tool.$kernel" || tail -n 5 "$results/$tool.$kernel"
    done
    echo "$tool: $clean of ${#kernels[@]} kernels are clean"
done
rm -r "$results"
exit $bad
