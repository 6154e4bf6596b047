#!/usr/bin/env bash
# llama.cpp beside `tilewright bench-model` on random weights of one architecture, in turns, on one machine.
#
#   measure/llama/compare.sh SOURCES DEVICE [THREADS] [MODEL...]
#
# SOURCES: a checkout of llama.cpp (or vendor/llama.cpp of llama-cpp-python's sdist). DEVICE: cpu or cuda. Builds
# llama.cpp for this machine once, below target/llama; needs cmake, ninja, a C++ compiler (nvcc for cuda) and Python
# with the `gguf` package. TILEWRIGHT names the program (target/release/tilewright), PYTHON the interpreter.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
sources=$(cd "$1" && pwd) device=$2 threads=${3:-$(nproc)}
shift $(($# < 3 ? $# : 3))
here=$(cd "$(dirname "$0")" && pwd)
program=${TILEWRIGHT:-target/release/tilewright} python=${PYTHON:-python3}
models=("$@")
[ ${#models[@]} -gt 0 ] || models=(qwen3-0.6b)
work=target/llama/$device
mkdir -p "$work"
options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_OPENMP=OFF -DLLAMA_CURL=OFF)
for part in COMMON TESTS EXAMPLES TOOLS SERVER APP; do options+=("-DLLAMA_BUILD_$part=OFF"); done
libraries=()
if [ "$device" = cuda ]; then
    # Keys and values stay f16, so the other kinds of flash attention need not be compiled.
    options+=(-DGGML_CUDA=ON -DGGML_CUDA_GRAPHS=ON -DGGML_CUDA_NCCL=OFF -DCMAKE_CUDA_ARCHITECTURES=native -DGGML_CUDA_FA_QUANTS=f16-f16)
    toolkit=${CUDA_HOME:-/usr/local/cuda}
    libraries=(-L"$toolkit/lib64" -L"$toolkit/lib64/stubs" -Wl,-rpath,"$toolkit/lib64" -lcudart -lcublas -lcublasLt -lcuda)
fi
[ -e "$work/build/build.ninja" ] || cmake -G Ninja -S "$sources" -B "$work/build" "${options[@]}" >"$work/cmake.log" 2>&1
ninja -C "$work/build" llama >"$work/ninja.log" || { tail -n 20 "$work/ninja.log" >&2; exit 1; }
mapfile -t archives < <(find "$work/build" -name '*.a')
"${CXX:-c++}" -O2 -std=c++17 -I"$sources/include" -I"$sources/ggml/include" "$here/peer.cpp" -o "$work/peer" \
    -Wl,--start-group "${archives[@]}" -Wl,--end-group "${libraries[@]}" -lpthread -ldl -lm
decode=128
[ "$device" = cuda ] || decode=64
for model in "${models[@]}"; do
    file=$work/$model.gguf
    if [ ! -e "$file" ]; then
        "$python" "$here/random_gguf.py" "$model" "$file.part"
        mv "$file.part" "$file"
    fi
    for round in 1 2 3; do
        echo "== $model, round $round: llama.cpp"
        "$work/peer" "$file" "$device" "$threads" 1
        echo "== $model, round $round: tilewright"
        for prompt in 512 1; do
            "$program" bench-model --synthetic "$model" --prompt $prompt --decode $decode --runs 1 --device "$device" \
                --patch default | grep -E '^(prefill|decode)' | sed "s/^/prompt $prompt: /"
        done
    done
done
