#!/usr/bin/env bash
# Builds llama.cpp's own bench programs for this very CPU, from the source that llama-cpp-python's sdist on PyPI carries.
#   bash bench/peers/decoder/build_llama.sh DIR
# leaves llama-bench, llama-batched-bench, llama-quantize, llama-perplexity and llama-server in DIR/bin, with all that this CPU has
# (AMX included), and in DIR/bin-avx2 with AVX2, FMA, F16C and BMI2 alone. Only libggml-cpu differs between the two.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
python=${PYTHON:-python3}
version=0.3.36
[ -e "$dir/built-$version" ] && exit 0
cd "$dir"
rm -rf bin bin-avx2 build build-native
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: "llama-cpp-python==$version"
tar xzf llama_cpp_python-$version.tar.gz
configure() {
  cmake -S llama_cpp_python-$version/vendor/llama.cpp -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_BUILD_RPATH_USE_ORIGIN=ON \
    -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF "${@:2}"
}
configure build -DGGML_NATIVE=OFF
cmake --build build --target llama-bench llama-batched-bench llama-quantize llama-perplexity llama-server
configure build-native -DGGML_NATIVE=ON "-DCMAKE_CXX_FLAGS=-include $here/tile_config.h"
cmake --build build-native --target ggml-cpu
cp -a build/bin bin-avx2
cp -a build/bin bin
cp -a build-native/bin/libggml-cpu.* bin/
touch "built-$version"
