#!/usr/bin/env python3
"""A week of entries on llama.cpp's server: the work of `companion benchmark --batch`, with its slots and with one.

    python bench/peers/llama_server_batch.py --model MODEL.gguf --server DIR/bin/llama-server --threads 2 [--companion target/release/companion]

7 entries of 265 tokens after 200 shared ones, 60 tokens out, greedy. "together": a server with --slots slots (continuous
batching is on by default) is asked for all at once; "one after the other": one slot, one request at a time. The prompt
cache is on in both, and the shared tokens are read before the clock starts. The tokens are numbers, so that any model
file of the shape will do. `--server` is llama.cpp's own `llama-server`. Without one, the same work is done through
llama-cpp-python's low-level batch interface (`llama_decode` over several sequences): the engine itself without HTTP, which
is the faster of the two. With `--companion`, it does its week in turn with the peer's, round by round. Prints a record (`record.py`).
"""

import argparse
import json
import pathlib
import random
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import record

LLAMA = "0.3.36"  # of llama-cpp-python, whose sdist decoder/build_llama.sh builds
ENTRIES, SHARED, NEW, OUT = 7, 200, 265, 60


def prompts(vocabulary):
    chance = random.Random(7)
    token = lambda: chance.randrange(1000, vocabulary - 1000)
    shared = [token() for _ in range(SHARED)]
    return shared, [shared + [token() for _ in range(NEW)] for _ in range(ENTRIES)]


class Server:
    """llama-server with some slots."""

    def __init__(self, args, slots):
        context = slots * (SHARED + NEW + OUT + 32)
        self.url = f"http://127.0.0.1:{args.port}"
        command = [args.server, "-m", args.model, "-np", str(slots), "-c", str(context), "-t", str(args.threads)]
        command += ["-tb", str(args.threads), "--port", str(args.port), "--no-webui"]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/health").read()
                return
            except OSError:
                if self.child.poll() is not None:
                    break
                time.sleep(0.1)
        self.close()
        raise SystemExit("llama-server does not answer")

    def ask(self, tokens, count, slot=-1):
        body = {"prompt": tokens, "n_predict": count, "temperature": 0, "cache_prompt": True, "ignore_eos": True, "id_slot": slot}
        body["return_tokens"] = True
        request = urllib.request.Request(f"{self.url}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"})
        tokens = json.load(urllib.request.urlopen(request)).get("tokens", [])
        if count > 1 and len(tokens) != count:
            raise SystemExit(f"the server wrote {len(tokens)} tokens of {count}")
        return tokens

    def close(self):
        self.child.kill()
        self.child.wait()


def our_week(args):
    """The week of one run of `companion benchmark --batch`."""
    command = [args.companion, "benchmark", "--batch", "-m", args.companion_model, "--threads", str(args.threads)]
    said = subprocess.run([*command, "--batch-runs", "1", "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)["week"]


def with_server(args, shared, texts):
    alone, together, ours = [], [], []
    for number in range(args.runs):
        if args.companion and number % 2 == 0:
            ours.append(our_week(args))
        server = Server(args, 1)
        server.ask(shared, 1)
        began = time.perf_counter()
        for text in texts:
            server.ask(text, OUT)
        alone.append(time.perf_counter() - began)
        server.close()
        server = Server(args, args.slots)
        # Each slot has a cache of its own.
        for slot in range(args.slots):
            server.ask(shared, 1, slot)
        began = time.perf_counter()
        # A list: what one of them raises is raised here.
        with ThreadPoolExecutor(len(texts)) as pool:
            list(pool.map(server.ask, texts, [OUT] * len(texts), range(len(texts))))
        together.append(time.perf_counter() - began)
        server.close()
        if args.companion and number % 2:
            ours.append(our_week(args))
    return alone, together, ours


class Library:
    """llama.cpp through its C interface: sequences over one cache."""

    def __init__(self, args):
        import llama_cpp
        import numpy

        self.c, self.numpy = llama_cpp, numpy
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(args.model.encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot read {args.model}")
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = (ENTRIES + 1) * (SHARED + NEW + OUT + 32)
        options.n_seq_max = ENTRIES + 1
        options.n_batch = options.n_ubatch = 512
        options.n_threads = options.n_threads_batch = args.threads
        if hasattr(options, "kv_unified"):
            options.kv_unified = True  # one cache, so that the shared tokens are read once for all
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)
        self.memory = llama_cpp.llama_get_memory(self.context)

    def decode(self, rows):
        """rows: (sequence, position, token, wants logits); gives the likeliest token of those that want one."""
        found = {}
        for at in range(0, len(rows), 512):
            part = rows[at : at + 512]
            self.batch.n_tokens = len(part)
            for i, (sequence, position, token, wants) in enumerate(part):
                self.batch.token[i], self.batch.pos[i] = token, position
                self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
                self.batch.logits[i] = wants
            if self.c.llama_decode(self.context, self.batch) != 0:
                raise SystemExit("llama_decode failed")
            for i, (sequence, _, _, wants) in enumerate(part):
                if wants:
                    logits = self.c.llama_get_logits_ith(self.context, i)
                    row = self.numpy.ctypeslib.as_array(logits, shape=(self.vocabulary,))
                    found[sequence] = int(row.argmax())
        return found

    def start(self, shared):
        self.c.llama_memory_clear(self.memory, True)
        self.decode([(ENTRIES, i, token, False) for i, token in enumerate(shared)])

    def write(self, texts, sequences):
        for sequence in sequences:
            self.c.llama_memory_seq_cp(self.memory, ENTRIES, sequence, 0, SHARED)
        rows = []
        for text, sequence in zip(texts, sequences):
            rows += [(sequence, i, text[i], i + 1 == len(text)) for i in range(SHARED, len(text))]
        found = self.decode(rows)
        out = {sequence: [token] for sequence, token in found.items()}
        for step in range(OUT - 1):
            rows = [(sequence, len(texts[0]) + step, out[sequence][-1], True) for sequence in sequences]
            for sequence, token in self.decode(rows).items():
                out[sequence].append(token)
        return [out[sequence] for sequence in sequences]


def with_library(args):
    library = Library(args)
    shared, texts = prompts(library.vocabulary)
    alone, together = [], []
    for run in range(args.runs + 1):
        library.start(shared)
        began = time.perf_counter()
        for i, text in enumerate(texts):
            library.write([text], [i])
        alone.append(time.perf_counter() - began)
        library.start(shared)
        began = time.perf_counter()
        library.write(texts, list(range(ENTRIES)))
        together.append(time.perf_counter() - began)
    # The first run warms up.
    return alone[1:], together[1:], []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--server", help="llama.cpp's llama-server; without it, llama-cpp-python")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--companion", help="our program, in turn with the server; its models lie in COMPANION_HOME")
    parser.add_argument("--companion-model", default="qwen2.5-1.5b-int8-synth")
    parser.add_argument("--json", type=pathlib.Path, help="the record goes here instead of onto standard output")
    args = parser.parse_args()
    if args.companion and not args.server:
        parser.error("--companion goes with --server")
    if args.server:
        alone, together, ours = with_server(args, *prompts(151_936))
    else:
        alone, together, ours = with_library(args)
    seconds = lambda key: [week[key] for week in ours]
    model = args.model.rsplit("/", 1)[-1]
    contestants = []
    if ours:
        figures = told(seconds("sequential_s"), seconds("batched_s"))
        equal = all(week["outputs_equal"] for week in ours)
        contestants = [record.contestant(f"Companion {args.companion_model}", companion_version(args), figures, True, outputs_equal=equal, runs=ours)]
    name = "llama-server" if args.server else "llama.cpp (llama-cpp-python)"
    contestants.append(record.contestant(f"{name} {model}", LLAMA, told(alone, together), slots=args.slots))
    shape = model.rpartition("-")[0]
    work = {"kind": "week", "title": f"a week of {ENTRIES} entries, {shape}, {args.threads} threads", "shape": shape}
    work |= {"entries": ENTRIES, "shared_tokens": SHARED, "entry_tokens": NEW, "reply_tokens": OUT}
    record.tell(record.record(work, contestants, args.threads, ["llama-cpp-python"]), args.json)


def told(alone, together):
    return {"one by one, s": record.figure(alone, False), "together, s": record.figure(together, False)}


def companion_version(args):
    said = subprocess.run([args.companion, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return said.stdout.split()[-1]


if __name__ == "__main__":
    main()
