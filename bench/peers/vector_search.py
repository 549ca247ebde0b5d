#!/usr/bin/env python3
"""The search alone: the best eight of so many vectors of 384 components by cosine, with numpy, faiss-cpu, usearch and hnswlib.

    python bench/peers/vector_search.py [--sizes 100 10000 1000000] [--threads 1]

The same work as `companion benchmark --cache` does under "search alone": exact, one query at a time. Prints one JSON line a library and
size, times in milliseconds. usearch is asked for an exact search as well. hnswlib only has its graph (M 16, ef 64), which answers faster and may
miss: its recall@8 against the exact answer stands beside it. Building that graph of a million takes long, so it is asked up to 100,000.
"""

import argparse
import json
import os
import statistics
import time
from importlib.metadata import version

GRAPH = 100_000  # the largest graph that is built

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000, 1_000_000])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--dim", type=int, default=384)
args = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import faiss  # noqa: E402
import hnswlib  # noqa: E402
import numpy as np  # noqa: E402
import usearch  # noqa: E402
from usearch.index import MetricKind, search  # noqa: E402

faiss.omp_set_num_threads(args.threads)
rng = np.random.default_rng(7)


def timed(run, rounds):
    samples = []
    for i in range(rounds + 2):
        begun = time.perf_counter()
        run(i)
        samples.append((time.perf_counter() - begun) * 1e3)
    return sorted(samples[2:])


def report(peer, version, size, samples, **more):
    print(json.dumps({"peer": peer, "version": version, "vectors": size, "threads": args.threads, "n": len(samples),
                      "p50_ms": round(statistics.median(samples), 4), "min_ms": round(samples[0], 4), "max_ms": round(samples[-1], 4), **more}), flush=True)  # fmt: skip


for size in args.sizes:
    base = rng.standard_normal((size, args.dim), dtype=np.float32)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    rounds = 25 if size > 100_000 else 101
    queries = rng.standard_normal((rounds + 2, args.dim), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    best = min(8, size)

    def with_numpy(i):
        scores = base @ queries[i]
        top = np.argpartition(-scores, best - 1)[:best]
        return top[np.argsort(-scores[top])]

    index = faiss.IndexFlatIP(args.dim)
    index.add(base)
    report("numpy", np.__version__, size, timed(with_numpy, rounds))
    report("faiss-cpu", faiss.__version__, size, timed(lambda i: index.search(queries[i : i + 1], best), rounds))
    report("usearch", usearch.__version__, size, timed(lambda i: search(base, queries[i], best, MetricKind.Cos, exact=True, threads=args.threads), rounds))
    if size <= GRAPH:
        graph = hnswlib.Index("cosine", args.dim)
        graph.init_index(size, M=16, ef_construction=200)
        graph.add_items(base, num_threads=2)
        graph.set_ef(64)
        graph.set_num_threads(args.threads)
        hits = [len(set(graph.knn_query(q, best)[0][0]) & set(with_numpy(i))) / best for i, q in enumerate(queries)]
        samples = timed(lambda i: graph.knn_query(queries[i], best), rounds)
        report("hnswlib", version("hnswlib"), size, samples, recall_at_8=round(statistics.mean(hits), 4))
    expected = with_numpy(0)
    assert expected[0] == index.search(queries[:1], best)[1][0][0]
