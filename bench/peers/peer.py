"""What every encoder peer does alike: the arguments, the work, the timing, the JSON.

A peer module gives a class with `name`, `version`, `prepare` (not timed), `load(model_dir, threads)` and `embed(texts) -> f32 [n, 384]`,
L2-normalised, order kept; tokenization counts. `main` either measures `--runs` rounds and prints a record (`record.py`), or, with
`--serve`, stays loaded and answers every line on stdin with one round, so that peers can be interleaved.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import record

HERE = pathlib.Path(__file__).parent
BULK_BATCH = 32  # what a peer is given at once in bulk; sentence-transformers' own default
PACKAGES = ["sentence-transformers", "transformers", "torch", "onnx", "onnxruntime", "tokenizers", "numpy"]
TEXTS = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))


def percentile(values, share):
    """Linear interpolation between the neighbours, as numpy does."""
    values = sorted(values)
    at = share * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def times_ms(work, count):
    """`count` wall times of `work()` in milliseconds, after two that do not count."""
    work(), work()
    out = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        out.append((time.perf_counter() - began) * 1000)
    return out


def rate(peer, texts, at_least_s):
    """Texts a second over all of `texts`, repeated for at least `at_least_s`."""
    done, began = 0, time.perf_counter()
    while True:
        for at in range(0, len(texts), BULK_BATCH):
            peer.embed(texts[at : at + BULK_BATCH])
        done += len(texts)
        spent = time.perf_counter() - began
        if spent >= at_least_s:
            return done / spent


def one_round(peer, short_runs, long_runs, bulk_s):
    """One round of all the work; raw times are kept, so that rounds can be pooled."""
    return {
        "short_ms": times_ms(lambda: peer.embed([TEXTS["short"]]), short_runs),
        "long_ms": times_ms(lambda: peer.embed([TEXTS["long"]]), long_runs),
        "bulk_short_texts_s": rate(peer, sorted(TEXTS["bulk_short"], key=len), bulk_s),
        "bulk_long_texts_s": rate(peer, sorted(TEXTS["bulk_long"], key=len), bulk_s),
    }


def summary(rounds):
    """The figures of several rounds: times pooled, rates as the median of the rounds."""
    out = {}
    for kind in ("short", "long"):
        values = [ms for r in rounds for ms in r[f"{kind}_ms"]]
        out[kind] = {"p50_ms": percentile(values, 0.5), "p95_ms": percentile(values, 0.95), "n": len(values)}
    for kind in ("bulk_short_texts_s", "bulk_long_texts_s"):
        out[kind] = percentile([r[kind] for r in rounds], 0.5)
    return out


FIGURES = [
    ("9-token sentence, ms", ("short", "p50_ms"), False),
    ("200 words, ms", ("long", "p50_ms"), False),
    ("short texts a second", ("bulk_short_texts_s",), True),
    ("200-word texts a second", ("bulk_long_texts_s",), True),
]
WORK = {"kind": "encoder", "batch": BULK_BATCH}


def field(round_, path):
    for key in path:
        round_ = round_[key]
    return round_


def figures(rounds):
    """What is told of rounds that `summary` summed up one by one."""
    return {name: record.figure([field(r, path) for r in rounds], more) for name, path, more in FIGURES}


def work(threads):
    return WORK | {"title": f"the encoder, {threads} threads"}


def cosine_to_reference(peer, model_dir):
    """Mean and first percentile of the cosine to f32 sentence-transformers over all texts of `texts.json`."""
    import numpy as np

    texts = [TEXTS["short"], TEXTS["long"]] + TEXTS["bulk_short"] + TEXTS["bulk_long"]
    cache = pathlib.Path(model_dir) / "peer_reference.npy"
    if cache.exists() and np.load(cache).shape[0] == len(texts):
        reference = np.load(cache)
    else:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(model_dir), device="cpu")
        reference = model.encode(texts, normalize_embeddings=True)
        try:
            np.save(cache, reference)
        except OSError:
            pass  # a read-only model folder: computed again next time
    ours = np.concatenate([peer.embed([text]) for text in texts])
    cosine = (ours * reference).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(reference, axis=1)
    return {"mean": float(cosine.mean()), "p1": float(np.percentile(cosine, 1)), "n": len(texts)}


def main(peer_class):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-dir", required=True, help="the upstream MiniLM files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--short-runs", type=int, default=100)
    parser.add_argument("--long-runs", type=int, default=30)
    parser.add_argument("--bulk-seconds", type=float, default=1.0)
    parser.add_argument("--serve", action="store_true", help="one round for every line on stdin")
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"

    began = time.perf_counter()
    peer = peer_class()
    peer.import_libraries()
    import_ms = (time.perf_counter() - began) * 1000
    peer.prepare(args.model_dir, args.threads)
    imported = time.perf_counter()
    peer.load(args.model_dir, args.threads)
    peer.embed([TEXTS["short"]])
    loaded = time.perf_counter()
    about = {
        "peer": peer.name,
        "version": peer.version(),
        "threads": args.threads,
        "load_ms": (loaded - imported) * 1000,
        "import_ms": import_ms,
    } | peer.about()

    def round_now():
        return one_round(peer, args.short_runs, args.long_runs, args.bulk_seconds)

    if args.serve:
        about["cosine_to_f32"] = cosine_to_reference(peer, args.model_dir)
        print(json.dumps(about), flush=True)
        for _ in sys.stdin:
            print(json.dumps(round_now()), flush=True)
        return
    rounds = [summary([round_now()]) for _ in range(args.runs)]
    about["cosine_to_f32"] = cosine_to_reference(peer, args.model_dir)
    one = record.contestant(about.pop("peer"), about.pop("version"), figures(rounds), **about, rounds=rounds)
    record.tell(record.record(work(args.threads), [one], args.threads, PACKAGES))
