#!/usr/bin/env python3
"""Train the adapted encoder: low-rank additions, several heads, sentences read in context.

    python tools/train/adapter/train.py --model-dir DIR --data ../shared/data/labelled \\
        --entries data/journal-train/train-*.jsonl [--epochs 5] [--from FILE] [--out target/adapter.pt]

Our entries are split by voice: the voices of fold 1 of ten are for choosing the epoch and for calibration, never trained on.
Of the clear sets folds 0 and 1 of ten are never trained on. `model.py` says what is computed.
"""

import argparse
import pathlib
import math
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch  # noqa: E402

from labelled_sets import TEST_FOLDS, load_clear, load_set  # noqa: E402
from model import Adapter, Base  # noqa: E402
from own_entries import DEV_VOICES, evidence_rows, load_entries  # noqa: E402
from predict import predict, quick_scores  # noqa: E402
from targets import LATE, PER_EPOCH, Targets, loss_of  # noqa: E402
from units import Item, batch_of, batches, open_tokenizer  # noqa: E402

WATCHED = ["isear", "empathetic_dialogues", "covidet", "carer_emotion"]  # measured only, never trained on


class Set:
    """Rows with their items and targets."""

    def __init__(self, rows, tokenizer):
        self.rows = rows
        self.items = [Item(tokenizer, row.text) for row in rows]
        self.targets = [Targets(row, item) for row, item in zip(rows, self.items)]

    def score(self, base, adapter):
        return quick_scores(predict(base, adapter, self.items), self.rows, self.targets)

    def varied(self, i, rng):
        """Item and targets of row `i`, half the time without some of the sentences that no label names.

        There are two thousand entries, and a network that has seen one ten times knows it by any of its sentences.
        """
        item, targets = self.items[i], self.targets[i]
        share = rng.choice([0.0, 0.0, 0.15, 0.3]) * (0.5 if targets.turn else 1.0)
        dropped = {u for u in targets.droppable() if rng.random() < share}
        if not dropped or len(dropped) == len(item.units):
            return item, targets
        return item.without(dropped), targets.without(dropped)


def load(args, tokenizer):
    """The training set, and the sets that are only looked at."""
    own, named = [], []
    for path in args.entries:
        entries, rows = load_entries(path)
        own += rows
        named += evidence_rows(entries, rows)
    clear = load_clear(args.data, args.goemotions)
    train = [r for r in own + named if r.fold not in DEV_VOICES]
    train += [r for r in clear if r.fold not in TEST_FOLDS]
    dev = {
        "journal": [r for r in own if r.fold in DEV_VOICES],
        "lemotif": [r for r in clear if r.source == "lemotif" and r.fold in TEST_FOLDS],
    }
    for name in WATCHED:
        dev[name] = load_set(args.data, name)[:: args.watch_every]
    return Set(train, tokenizer), {name: Set(rows, tokenizer) for name, rows in dev.items() if rows}


def epoch_order(rows, rng, share=1.0):
    """All of our entries and lemotif, and a fresh sample of the large sets, `share` of `PER_EPOCH`."""
    by_source = {}
    for i, row in enumerate(rows):
        by_source.setdefault(row.source, []).append(i)
    order = []
    for source, indices in by_source.items():
        limit = math.ceil(share * PER_EPOCH[source]) if source in PER_EPOCH else len(indices)
        order += rng.sample(indices, min(limit, len(indices)))
    rng.shuffle(order)
    return order


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--entries", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--from", dest="start", type=pathlib.Path, help="what a run left: goes on from there, all epochs as the later half of a run")
    parser.add_argument("--first-layer", type=int, default=0)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--batch-tokens", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--hidden-share", type=float, default=0.05, help="pieces that [MASK] stands for in training")
    parser.add_argument("--goemotions", type=int, default=14000)
    parser.add_argument("--watch-every", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parents[2] / "target/adapter.pt")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)

    began = time.time()
    tokenizer = open_tokenizer(args.model_dir)
    train, dev = load(args, tokenizer)
    base = Base(str(args.model_dir / "model.safetensors"), args.first_layer)
    print(f"{len(train.rows)} rows, {sum(i.tokens for i in train.items)} tokens: {time.time() - began:.0f} s", flush=True)

    adapter = Adapter(base.weights, args.first_layer, args.rank)
    if args.start:
        adapter.load_state_dict(torch.load(args.start)["state"])
    adapter.in_bf16()
    inside = [p for p in adapter.layers.parameters() if p.requires_grad]
    heads = [p for name, p in adapter.named_parameters() if not name.startswith("layers.")]
    print(f"{sum(p.numel() for p in inside)} parameters in the layers, {sum(p.numel() for p in heads)} in the heads", flush=True)
    optimizer = torch.optim.AdamW([{"params": inside}, {"params": heads, "lr": 3 * args.rate}], lr=args.rate, weight_decay=0.02, fused=True)
    shares = [1.0 if 2 * (epoch + 1) <= args.epochs and not args.start else LATE for epoch in range(args.epochs)]
    plans = [batches(train.items, epoch_order(train.rows, rng, share), args.batch_tokens) for share in shares]
    steps = sum(len(plan) for plan in plans)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [args.rate, 3 * args.rate], total_steps=steps, pct_start=0.08)
    # What is kept is the running mean of the weights: steadier than any one step of a small, mixed training set.
    mean = torch.optim.swa_utils.AveragedModel(adapter, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.96))
    best = -1.0
    for epoch, plan in enumerate(plans):
        adapter.train()
        rng.shuffle(plan)
        total = {}
        for step, group in enumerate(plan):
            items, targets = zip(*(train.varied(i, rng) for i in group))
            batch = batch_of(base, items, args.hidden_share)
            out = adapter(**batch)
            loss, parts = loss_of(out, targets, batch["entry_of"])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 4 == 3:
                mean.update_parameters(adapter)
            for k, v in parts.items():
                total[k] = total.get(k, 0.0) + v / len(plan)
            if step % 50 == 49:
                print(f"  step {step + 1} of {len(plan)}, {time.time() - began:.0f} s", flush=True)
        print(f"epoch {epoch + 1}: loss {({k: round(v, 3) for k, v in total.items()})}, {time.time() - began:.0f} s", flush=True)
        shown = {name: part.score(base, mean.module) for name, part in dev.items()}
        for name, line in shown.items():
            print(f"  {name:22}", line, flush=True)
        line = shown.get("journal", shown["lemotif"])
        mark = line["acc"] + 0.5 * line["valence"] + 0.5 * line.get("themes", 0) + 0.25 * shown["lemotif"]["polar"]
        if mark > best:
            best = mark
            args.out.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"state": mean.module.state_dict(), "config": adapter.config, "epoch": epoch + 1, "dev": shown}, args.out)
    print(f"kept the best of {args.epochs} epochs in {args.out}", flush=True)


if __name__ == "__main__":
    main()
