#!/usr/bin/env python3
"""The search alone: the best eight of so many vectors of 384 components by cosine, ours beside numpy, faiss-cpu, usearch and hnswlib.

    python bench/peers/vector_search.py [--companion target/release/examples/search] [--sizes 100 10000 1000000] [--threads 1] [--json FILE]

The same vectors and queries for all, one query at a time, in interleaved rounds of several queries, of which a figure takes each
round's median. Ours reads signed bytes (that is how the cache keeps vectors), the others floats; recall@8 against the exact answer
stands beside every figure. numpy, faiss-cpu and usearch are asked for an exact search as well. hnswlib only has its graph (M 16, ef
64), which answers faster and may miss; building that graph of a million takes long, so it is asked up to 100,000.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

GRAPH = 100_000  # the largest graph that is built
BEST = 8
PACKAGES = ["numpy", "faiss-cpu", "usearch", "hnswlib"]

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--companion", help="our search, of `cargo build --release --example search`")
parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000, 1_000_000])
parser.add_argument("--threads", type=int, default=1, help="of the libraries; ours has one")
parser.add_argument("--dim", type=int, default=384)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--json", type=pathlib.Path, help="the record goes here instead of onto standard output")
args = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import faiss  # noqa: E402
import hnswlib  # noqa: E402
import numpy as np  # noqa: E402
import record  # noqa: E402
from turns import Served, take_turns  # noqa: E402
from usearch.index import MetricKind, search  # noqa: E402

faiss.omp_set_num_threads(args.threads)


class Library:
    """A library in this process: `find(query)` gives the places of the best."""

    ours = False

    def __init__(self, name, find):
        self.name, self.version = name, record.versions([name]).get(name, "")
        self.find, self.medians, self.recalls = find, [], []

    def ask(self, queries):
        times, found = [], []
        for query in queries:
            began = time.perf_counter()
            places = self.find(query)
            times.append((time.perf_counter() - began) * 1e3)
            found.append(places)
        return times, found

    def round(self, number):
        queries, exact = ROUNDS[number]
        self.ask(queries[:2])  # does not count
        times, found = self.ask(queries)
        self.medians.append(statistics.median(times))
        self.recalls += [len(set(map(int, places)) & set(right)) / len(right) for places, right in zip(found, exact)]

    def close(self):
        """Nothing stays behind."""


class Companion(Library):
    """`Vectors` of the semantic cache, in a program of its own."""

    ours = True

    def __init__(self, file):
        super().__init__("Companion", None)
        self.served = Served([args.companion, file, str(args.dim)])
        self.version = self.served.about["version"]

    def ask(self, queries):
        said = self.served.ask(json.dumps([query.tolist() for query in queries]))
        return said["ms"], said["found"]

    def close(self):
        self.served.close()


def unit(rng, count):
    vectors = rng.standard_normal((count, args.dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def contestants_of(base, file):
    best = min(BEST, len(base))

    def with_numpy(query):
        scores = base @ query
        top = np.argpartition(-scores, best - 1)[:best]
        return top[np.argsort(-scores[top])]

    index = faiss.IndexFlatIP(args.dim)
    index.add(base)
    found = [Companion(file)] if args.companion else []
    found += [
        Library("numpy", with_numpy),
        Library("faiss-cpu", lambda query: index.search(query[None], best)[1][0]),
        Library("usearch", lambda query: search(base, query, best, MetricKind.Cos, exact=True, threads=args.threads).keys),
    ]
    if len(base) <= GRAPH:
        graph = hnswlib.Index("cosine", args.dim)
        graph.init_index(len(base), M=16, ef_construction=200)
        graph.add_items(base, num_threads=2)
        graph.set_ef(64)
        graph.set_num_threads(args.threads)
        found.append(Library("hnswlib", lambda query: graph.knn_query(query, best)[0][0]))
    return found, with_numpy


rng, told, notes = np.random.default_rng(7), {}, []
with tempfile.TemporaryDirectory() as folder:
    for size in args.sizes:
        base, file = unit(rng, size), f"{folder}/vectors"
        base.tofile(file)
        contestants, exact = contestants_of(base, file)
        ROUNDS = []
        for _ in range(args.rounds):
            queries = unit(rng, 5 if size > GRAPH else 21)
            ROUNDS.append((queries, [exact(query).tolist() for query in queries]))
        take_turns(contestants, args.rounds)
        for c in contestants:
            recall = statistics.mean(c.recalls)
            figure = record.figure(c.medians, False, f"recall@{BEST} {recall:.3f}") | {"recall": recall}
            told.setdefault(c.name, record.contestant(c.name, c.version, {}, c.ours))["figures"][f"{size} vectors, ms"] = figure
        if size > GRAPH:
            notes.append(f"hnswlib is left out at {size} vectors: building its graph takes longer than all the rest")
work = {"kind": "search", "title": f"the best {BEST} of so many vectors of {args.dim} components, one query at a time"}
record.tell(record.record(work, list(told.values()), args.threads, PACKAGES, notes), args.json)
