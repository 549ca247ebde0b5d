#!/usr/bin/env python3
"""Train the judge of pairs.

    python tools/train/judge/train.py --model-dir DIR --pairs data/cache-pairs/author-a.jsonl data/cache-pairs/author-b.jsonl \\
        [--mock ../shared/data/pairs/gptcache_mock.jsonl] [--epochs 6] [--out target/judge.pt]

One cluster in five of these authors is never trained on and chooses the epoch; `export.py` calibrates on it. The author
who is the test (`author-c.jsonl`) is never given here.
"""

import argparse
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapter"), str(HERE.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from clusters import load, look_alikes, mock_pairs, neighbours, paraphrases, rng_of, training_pairs  # noqa: E402
from judge import Judge  # noqa: E402
from reading import Texts, batches, judge_all  # noqa: E402
from scoring import area, served_at  # noqa: E402


def dev_pairs(clusters, cross):
    pairs = list(cross)
    for c in clusters:
        pairs += paraphrases(c) + look_alikes(c)
    return pairs


def describe(logits, pairs):
    """A line about how well the held-out pairs are told apart, and the figure that chooses the epoch."""
    labels = np.array([p.label for p in pairs])
    wrong = {}
    _, served, _, n = served_at(logits, labels)
    cut5, served5, _, _ = served_at(logits, labels, most=0.05, bound=False)
    for p, z in zip(pairs, logits):
        if not p.label and z > cut5:
            wrong[p.why] = wrong.get(p.why, 0) + 1
    auc = area(logits, labels)
    line = f"auc {auc:.4f}, served {served:.3f} within 1 % (bound), {served5:.3f} at 5 %, {labels.sum()} + {n} pairs; above the 5 % cut: {wrong}"
    return line, auc + served5


def prepared(judge, texts, pairs, tokens, rng):
    """Batches with what the layers below the trained ones make of them, and their labels."""
    ready = []
    for group in batches(texts, pairs, tokens, rng):
        batch = texts.batch([pairs[i] for i in group])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            batch["x"] = judge.below(batch["ids"], batch["second"], batch["mask"]).bfloat16()
        ready.append((batch, torch.tensor([float(pairs[i].label) for i in group])))
    return ready


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--pairs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--mock", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--first-layer", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch-tokens", type=int, default=2000)
    parser.add_argument("--negatives", type=int, default=11)
    parser.add_argument("--rule", type=int, default=5)
    parser.add_argument("--keep-pairs", type=int, default=2, help="epochs that read the same pairs")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--watch", type=int, default=1500, help="held-out pairs that are looked at after each epoch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parents[2] / "target/judge.pt")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = rng_of(args.seed)
    began = time.time()

    clusters = [c for path in args.pairs for c in load(path)]
    train = [c for c in clusters if not c.held]
    held = [c for c in clusters if c.held]
    mock = mock_pairs(args.mock, rng) if args.mock else []
    texts = Texts(args.model_dir, [t for c in clusters for t in c.same])
    pairs = training_pairs(train, neighbours(train, texts.vectors), rng, negatives=args.negatives, rule=args.rule) + mock
    dev = dev_pairs(held, neighbours(held, texts.vectors))
    rng.shuffle(dev)
    dev = dev[: args.watch]
    texts.add(args.model_dir, [t for p in pairs + dev for t in (p.a, p.b)])
    print(f"{len(train)} clusters and {len(pairs)} pairs train, {len(held)} clusters held out, {len(dev)} of their pairs watched; {time.time() - began:.0f} s", flush=True)
    plain = np.array([float(texts.vectors[p.a] @ texts.vectors[p.b]) for p in dev])
    print("plain cosine:", describe(plain, dev)[0], flush=True)

    judge = Judge(load_file(str(args.model_dir / "model.safetensors")), args.first_layer, args.rank, args.hidden, args.dropout)
    inside = [p for p in judge.layers.parameters() if p.requires_grad]
    head = [*judge.hidden.parameters(), *judge.out.parameters()]
    print(f"{sum(p.numel() for p in inside)} parameters in the layers, {sum(p.numel() for p in head)} in the head", flush=True)
    optimizer = torch.optim.AdamW([{"params": inside}, {"params": head}], lr=args.rate, weight_decay=args.decay)
    ready = prepared(judge, texts, pairs, args.batch_tokens, rng)
    print(f"{len(ready)} batches ready; {time.time() - began:.0f} s, {time.process_time():.0f} s of CPU", flush=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [args.rate, args.rate], total_steps=args.epochs * (len(ready) + 12), pct_start=0.1)
    mean = torch.optim.swa_utils.AveragedModel(judge, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
    best = -1.0
    for number in range(1, args.epochs + 1):
        if number > 1 and number % args.keep_pairs == 1:
            # Other pairs of the same clusters: there are many more than one epoch can read.
            cross = neighbours(train, texts.vectors)
            pairs = training_pairs(train, cross, rng, negatives=args.negatives, rule=args.rule) + mock
            texts.add(args.model_dir, [t for p in pairs for t in (p.a, p.b)])
            ready = prepared(judge, texts, pairs, args.batch_tokens, rng)
        judge.train()
        rng.shuffle(ready)
        total = 0.0
        for step, (batch, labels) in enumerate(ready):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = judge(**batch).float()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels * 0.96 + 0.02)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(inside + head, 1.0)
            optimizer.step()
            schedule.step()
            mean.update_parameters(judge)
            total += float(loss.detach()) / len(ready)
            if step % 50 == 49:
                print(f"  step {step + 1} of {len(ready)}, {time.time() - began:.0f} s", flush=True)
        line, mark = describe(judge_all(mean.module, texts, dev), dev)
        print(f"epoch {number}: loss {total:.3f}, {line}; {time.time() - began:.0f} s, {time.process_time():.0f} s of CPU", flush=True)
        if mark > best:
            best = mark
            args.out.parent.mkdir(parents=True, exist_ok=True)
            trained_on = [{"authors": sorted({c.author for c in train}), "clusters": len(train), "pairs": len(pairs)}]
            torch.save({"trained_on": trained_on, "state": mean.module.state_dict(), "config": judge.config, "epoch": number, "line": line}, args.out)
    print(f"kept the best of {args.epochs} epochs in {args.out}", flush=True)


if __name__ == "__main__":
    main()
