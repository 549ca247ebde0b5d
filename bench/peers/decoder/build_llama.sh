#!/usr/bin/env bash
# Builds llama.cpp's own bench programs for this very CPU, from the source that llama-cpp-python's sdist on PyPI carries.
#   bash bench/peers/decoder/build_llama.sh DIR    leaves DIR/bin/llama-bench, llama-batched-bench, llama-quantize, llama-perplexity, llama-server
# LLAMA_FLAGS stands in for -DGGML_NATIVE=ON. On a virtual machine that lends AMX, a build of gcc 12 died of an illegal instruction
# (tilezero): with such a compiler AMX is left out there, and all else is kept.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
python=${PYTHON:-python3}
version=0.3.36
[ -x "$dir/bin/llama-server" ] && exit 0
cd "$dir"
if [ -z "${LLAMA_FLAGS:-}" ] && grep -q amx_tile /proc/cpuinfo && [ "$(cc -dumpversion | cut -d. -f1)" -lt 13 ]; then
  LLAMA_FLAGS="-DGGML_NATIVE=OFF -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON -DGGML_AVX512_VBMI=ON -DGGML_AVX512_BF16=ON -DGGML_AVX_VNNI=ON -DGGML_BMI2=ON"
fi
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: "llama-cpp-python==$version"
tar xzf llama_cpp_python-$version.tar.gz
cmake -S llama_cpp_python-$version/vendor/llama.cpp -B build -G Ninja -DCMAKE_BUILD_TYPE=Release ${LLAMA_FLAGS:--DGGML_NATIVE=ON} \
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF
cmake --build build --target llama-bench llama-batched-bench llama-quantize llama-perplexity llama-server
mkdir -p bin && cp build/bin/* bin/
