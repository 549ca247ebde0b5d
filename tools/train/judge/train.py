#!/usr/bin/env python3
"""Train the judge of pairs.

    python tools/train/judge/train.py --model-dir DIR --pairs data/cache-pairs/author-{a,b,d,e,f,h,i,j,k,m}.jsonl \\
        [--mock ../shared/data/pairs/gptcache_mock.jsonl] [--epochs 5] [--from target/judge.pt] [--out target/judge.pt]

One cluster in five of these authors is never trained on: it shows how training goes, and `calibrate.py` chooses thresholds on it.
The author who is the test (`author-c.jsonl`) is never given here. Each epoch reads other pairs of the same clusters. The rate
rises over the first half epoch, stays, and falls in a line over the last `--fall` of the steps; `--fall 0` is for a run that another one
goes on from (`--from`), with more authors, say.
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
from torch.nn import functional as F  # noqa: E402

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
    """A line about how well the held-out pairs are told apart."""
    labels = np.array([p.label for p in pairs])
    wrong = {}
    _, served, _, n = served_at(logits, labels, bound=False)
    cut5, served5, _, _ = served_at(logits, labels, most=0.05, bound=False)
    for p, z in zip(pairs, logits):
        if not p.label and z > cut5:
            wrong[p.why] = wrong.get(p.why, 0) + 1
    worst = dict(sorted(wrong.items(), key=lambda item: -item[1])[:6])
    return f"auc {area(logits, labels):.4f}, served {served:.3f} at 1 %, {served5:.3f} at 5 %, {labels.sum()} + {n} pairs; above the 5 % cut most: {worst}"


def loss_of(logits, labels, smooth=0.02, rank=0.5):
    """Cross-entropy, and a term that wants every paraphrase above the look-alikes that stand highest in the batch.

    What counts is how many paraphrases stand above the worst one per cent of the others, so the highest weigh most.
    """
    loss = F.binary_cross_entropy_with_logits(logits, labels * (1 - 2 * smooth) + smooth)
    good, bad = logits[labels > 0.5], logits[labels < 0.5]
    if len(good) and len(bad):
        weight = torch.softmax(bad.detach(), 0)
        loss = loss + rank * (F.softplus(bad[None] - good[:, None]) * weight).sum(1).mean()
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--pairs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--watch-author", type=pathlib.Path, help="an author who is only looked at, never trained on")
    parser.add_argument("--mock", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--fall", type=float, default=0.6)
    parser.add_argument("--minutes", type=float, help="instead of a number of epochs: as many as fit, the rate falling by the clock")
    parser.add_argument("--from", dest="start", type=pathlib.Path)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--first-layer", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch-tokens", type=int, default=2500)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--watch", type=int, default=2500, help="held-out pairs that are looked at after each second epoch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parents[2] / "target/judge.pt")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = rng_of(args.seed)
    began = time.time()
    spent = lambda: f"{time.time() - began:.0f} s, {time.process_time():.0f} s of CPU"  # noqa: E731

    clusters = [c for path in args.pairs for c in load(path)]
    train = [c for c in clusters if not c.held]
    held = [c for c in clusters if c.held]
    mock = mock_pairs(args.mock, rng) if args.mock else []
    texts = Texts(args.model_dir, [t for c in clusters for t in c.same])
    cross = neighbours(train, texts.vectors)
    watched = {"held-out clusters": dev_pairs(held, neighbours(held, texts.vectors))}
    if args.watch_author:
        watched["held-out author"] = dev_pairs(load(args.watch_author), [])
    for name, pairs in watched.items():
        rng.shuffle(pairs)
        watched[name] = pairs = pairs[: args.watch]
        texts.add(args.model_dir, [t for p in pairs for t in (p.a, p.b)])
        plain = np.array([float(texts.vectors[p.a] @ texts.vectors[p.b]) for p in pairs])
        print(f"{name}, plain cosine: {describe(plain, pairs)}", flush=True)

    judge = Judge(load_file(str(args.model_dir / "model.safetensors")), args.first_layer, args.rank, args.hidden, args.dropout).in_bf16()
    past = []
    if args.start:
        stored = torch.load(args.start, weights_only=False)
        judge.load_state_dict(stored["raw"])
        past = stored["trained_on"]
    mean = torch.optim.swa_utils.AveragedModel(judge, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995))
    inside = [p for p in judge.layers.parameters() if p.requires_grad]
    head = [*judge.hidden.parameters(), *judge.out.parameters()]
    optimizer = torch.optim.AdamW(inside + head, lr=args.rate, weight_decay=args.decay)
    print(f"{len(train)} clusters train, {len(held)} are held out; {sum(p.numel() for p in inside)} + {sum(p.numel() for p in head)} parameters; {spent()}", flush=True)

    done, at, number, pairs_read = 0, 0.0, 0, 0
    loop = time.time()
    while number < (1000 if args.minutes else args.epochs) and at < 1:
        number += 1
        pairs = training_pairs(train, cross, rng) + mock
        texts.add(args.model_dir, [t for p in pairs for t in (p.a, p.b)])
        groups = batches(texts, pairs, args.batch_tokens, rng)
        steps = len(groups) * args.epochs
        judge.train()
        total = 0.0
        for step, group in enumerate(groups):
            at = (number - 1 + step / len(groups)) / args.epochs
            if args.minutes:
                at = (time.time() - loop) / (60 * args.minutes)
                if at >= 1:
                    break
            rate = args.rate * min(1.0, (done + 1) / (len(groups) / 2), (1 - at) / args.fall if args.fall else 1.0)
            for part in optimizer.param_groups:
                part["lr"] = rate
            labels = torch.tensor([float(pairs[i].label) for i in group])
            loss = loss_of(judge(**texts.batch([pairs[i] for i in group])), labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(inside + head, 1.0)
            optimizer.step()
            mean.update_parameters(judge)
            done += 1
            pairs_read += len(group)
            total += float(loss.detach()) / len(groups)
            if done % 100 == 0:
                print(f"  step {done} of about {steps}, {spent()}", flush=True)
        print(f"epoch {number}: {len(pairs)} pairs, loss {total:.3f}, rate {rate:.1e}; {spent()}", flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        now = {"authors": sorted({c.author for c in train}), "clusters": len(train), "pairs_read": pairs_read, "epochs": number}
        torch.save({"trained_on": [*past, now], "state": mean.module.state_dict(), "raw": judge.state_dict(), "config": judge.config, "epoch": number}, args.out)
        if number % 2 == 0 or number == args.epochs or at >= 1:
            for name, pairs in watched.items():
                print(f"  {name}: {describe(judge_all(mean.module, texts, pairs), pairs)}", flush=True)


if __name__ == "__main__":
    main()
