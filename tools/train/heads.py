#!/usr/bin/env python3
"""Train the first heads: sentiment, valence and themes on the encoder's frozen sentence embeddings.

    python tools/train/heads.py --model-dir DIR --data ../shared/data/labelled

Writes `crates/assistant/assets/heads.safetensors` and `heads.json`, and the fixture that the Rust test reads. Trains only
on the clear sets and on sentences of our own. Folds 0 and 1 of ten are never trained on: the report is about them.
Pooling, temperature, theme offsets, and the `mixed` and `unsure` rules are fitted on out-of-fold predictions of the rest.
`heads_rule.py` says what the heads compute.
"""

import argparse
import json
import pathlib
import time
from importlib.metadata import version

import numpy as np
import torch
from safetensors.numpy import save_file

from frozen import embed_fast
from heads_fixture import write_fixture
from heads_rule import analyse, softmax, weights_of
from label_names import SENTIMENTS, THEMES
from labelled_sets import CLEAR, TEST_FOLDS, load_clear, sentences
from scores import sentiment_scores, theme_scores

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "crates/assistant/assets"
HEADS = {"sentiment": 3, "valence": 1, "themes": len(THEMES)}
# Share of each set in the sentiment loss: lemotif is the one that reads like a journal.
SET_SHARE = {"lemotif": 0.35, "goemotions": 0.27, "emobank": 0.13, "sad": 0.10, "own": 0.15}
MOOD_POOLINGS = [{"entry": e, "length_power": p, "last_boost": b} for e in (0.0, 0.3, 0.6) for p in (0.0, 0.5, 1.0) for b in (0.0, 0.5, 1.0)]  # fmt: skip
THEME_POOLINGS = [{"entry": e, "sharpness": k} for e in (0.0, 0.3, 0.6) for k in (0.2, 0.5, 1.0, 3.0)]
STEPS, DECAY = 300, 2e-5
START = {
    "sentiment": {"entry": 0.3, "length_power": 0.5, "last_boost": 0.5},
    "valence": {"entry": 0.3, "length_power": 0.5, "last_boost": 0.5},
    "themes": {"entry": 0.3, "sharpness": 1.0},
}


class Entries:
    """Rows with the vectors of their sentences, ready for pooling in one go."""

    def __init__(self, rows, model_dir, cache_dir):
        self.rows = rows
        self.split = [sentences(row.text) for row in rows]
        flat = [s for parts in self.split for s in parts]
        texts = flat + [row.text for row in rows]
        x = torch.from_numpy(embed_fast(model_dir, texts, cache_dir))
        self.x, self.whole = x[: len(flat)], x[len(flat) :]  # [sentences, 384], [rows, 384]
        self.owner = torch.tensor([i for i, parts in enumerate(self.split) for _ in parts])
        self.fold = np.array([row.fold for row in rows])
        self.source = np.array([row.source for row in rows])
        self.sentiment = np.array([-1 if row.sentiment is None else row.sentiment for row in rows])
        self.valence = np.array([np.nan if row.valence is None else row.valence for row in rows])
        self.mixed = np.array([bool(row.mixed) for row in rows])
        pair = np.array([[row.themes.get(t, (0.0, 0.0)) for t in THEMES] for row in rows])
        self.theme, self.theme_weight = pair[..., 0], pair[..., 1]  # [rows, 20] each
        self.start = np.concatenate([[0], np.cumsum([len(parts) for parts in self.split])])
        self.count = torch.tensor([len(parts) for parts in self.split]).float()
        self.weights = {}

    def sentence_weights(self, rule):
        """The pooling weight of every sentence, f32 [sentences, 1]."""
        key = (rule["length_power"], rule["last_boost"])
        if key not in self.weights:
            flat = np.concatenate([weights_of(parts, rule) for parts in self.split])
            self.weights[key] = torch.from_numpy(flat).float()[:, None]
        return self.weights[key]

    def pool(self, w_out, b_out, pooling):
        """Heads W [24, 384], b [24] to the pooled logits [rows, 24] (3 sentiment, 1 valence, 20 themes)."""
        each, whole = self.x @ w_out.T + b_out, self.whole @ w_out.T + b_out
        return self.pool_logits(each, whole, pooling)

    def pool_logits(self, each, whole, pooling):
        """Logits of sentences [sentences, 24] and of whole entries [rows, 24], pooled by `heads_rule`."""
        out = []
        for head, at in (("sentiment", slice(0, 3)), ("valence", slice(3, 4))):
            rule = pooling[head]
            mean = torch.zeros(len(whole), at.stop - at.start)
            mean = mean.index_add(0, self.owner, each[:, at] * self.sentence_weights(rule))
            out.append(rule["entry"] * whole[:, at] + (1 - rule["entry"]) * mean)
        rule = pooling["themes"]
        z = rule["sharpness"] * each[:, 4:]
        top = torch.full((len(whole), z.shape[1]), -1e9).scatter_reduce(0, self.owner[:, None].expand_as(z), z.detach(), "amax")
        total = torch.zeros_like(top).index_add(0, self.owner, torch.exp(z - top[self.owner]))
        soft_max = (torch.log(total) + top - torch.log(self.count)[:, None]) / rule["sharpness"]
        out.append(rule["entry"] * whole[:, 4:] + (1 - rule["entry"]) * soft_max)
        return torch.cat(out, dim=1)

    def only(self, keep):
        """The entries of the bool mask `keep`, as a view of its own."""
        part = object.__new__(Entries)
        at = np.flatnonzero(keep)
        rows = torch.from_numpy(keep)
        chosen = rows[self.owner]
        part.rows, part.split = [self.rows[i] for i in at], [self.split[i] for i in at]
        part.x, part.whole = self.x[chosen], self.whole[rows]
        part.owner = (torch.cumsum(rows.long(), 0) - 1)[self.owner[chosen]]
        part.count, part.weights = self.count[rows], {}
        for name in ("fold", "source", "sentiment", "valence", "mixed", "theme", "theme_weight"):
            setattr(part, name, getattr(self, name)[at])
        return part


def loss_weights(data):
    """Sentiment weight of each row: every set its share, the three classes alike in sum."""
    weight = np.zeros(len(data.rows))
    for name, share in SET_SHARE.items():
        here = (data.source == name) & (data.sentiment >= 0)
        counts = np.bincount(data.sentiment[here], minlength=3)
        scale = np.array([1 / max(1, c) ** 0.5 for c in counts])  # half-way to balance inside a set
        weight[here] = scale[data.sentiment[here]]
        weight[here] *= share / max(1e-9, weight[here].sum())
    for c in range(3):
        here = data.sentiment == c
        weight[here] /= 3 * max(1e-9, weight[here].sum())
    return torch.from_numpy(weight).float()


def fit(data, pooling, steps=STEPS, decay=DECAY):
    """Train the three heads on all of `data`; returns W [24, 384] and b [24], f32."""
    torch.manual_seed(1)
    w_out = torch.zeros(24, 384, requires_grad=True)
    b_out = torch.zeros(24, requires_grad=True)
    optimizer = torch.optim.Adam([w_out, b_out], lr=0.2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 0.005)
    mood_weight = loss_weights(data)
    mood = torch.from_numpy(np.maximum(data.sentiment, 0))
    has_valence = torch.from_numpy(~np.isnan(data.valence)).float()
    for name, share in SET_SHARE.items():
        here = torch.from_numpy(data.source == name)
        has_valence[here] *= share / max(1.0, float(has_valence[here].sum()))
    valence = torch.from_numpy(np.nan_to_num(data.valence)).float()
    theme = torch.from_numpy(data.theme).float()
    theme_weight = torch.from_numpy(data.theme_weight).float()
    # A theme's few positives weigh as much as a quarter of its many negatives.
    positive, negative = (theme * theme_weight).sum(0), ((1 - theme) * theme_weight).sum(0)
    theme_weight = theme_weight * torch.where(theme > 0, (0.25 * negative / positive.clamp(min=1)).clamp(1, 20), 1.0)
    theme_weight = theme_weight / theme_weight.sum(0, keepdim=True).clamp(min=1e-9)
    for _ in range(steps):
        optimizer.zero_grad()
        z = data.pool(w_out, b_out, pooling)
        loss = (mood_weight * torch.nn.functional.cross_entropy(z[:, :3], mood, reduction="none")).sum()
        loss = loss + 2 * (has_valence * (torch.tanh(z[:, 3]) - valence) ** 2).sum()
        bce = torch.nn.functional.binary_cross_entropy_with_logits(z[:, 4:], theme, reduction="none")
        loss = loss + (theme_weight * bce).sum() / len(THEMES) + decay * (w_out**2).sum()
        loss.backward()
        optimizer.step()
        schedule.step()
    return w_out.detach(), b_out.detach()


def out_of_fold(data, pooling, parts=4):
    """Logits of sentences and of whole entries, from heads that have not seen the row."""
    each, whole = torch.zeros(len(data.x), 24), torch.zeros(len(data.rows), 24)
    for part in range(parts):
        held = data.fold % parts == part
        w_out, b_out = fit(data.only(~held), pooling)
        rows = torch.from_numpy(held)
        each[rows[data.owner]] = data.x[rows[data.owner]] @ w_out.T + b_out
        whole[rows] = data.whole[rows] @ w_out.T + b_out
    return each, whole


def choose_pooling(data, each, whole):
    """The pooling of best out-of-fold accuracy on lemotif: of the mood for sentiment, of the topic for themes."""
    mood = (data.source == "lemotif") & (data.sentiment >= 0)
    topic = (data.source == "lemotif") & (data.theme.sum(1) == 1)
    moods, topics = [], []
    for rule in MOOD_POOLINGS:
        z = data.pool_logits(each, whole, START | {"sentiment": rule}).numpy()[mood, :3]
        p = softmax(z)[np.arange(mood.sum()), data.sentiment[mood]]
        polar = (z[:, 0] >= z[:, 2]) == (data.sentiment[mood] == 0)
        moods.append((float(polar.mean()), float((z.argmax(1) == data.sentiment[mood]).mean()), float(p.mean()), rule))
    for rule in THEME_POOLINGS:
        z = data.pool_logits(each, whole, START | {"themes": rule}).numpy()[topic, 4:]
        topics.append((float((z.argmax(1) == data.theme[topic].argmax(1)).mean()), rule))
    best, topic_best = max(moods, key=lambda m: m[0] + m[1]), max(topics, key=lambda t: t[0])
    print(f"out of fold on lemotif: polarity {best[0]:.4f}, three classes {best[1]:.4f}, topic {topic_best[0]:.4f}")
    return {"sentiment": best[3], "valence": best[3], "themes": topic_best[1]}


def temperature_of(data, z):
    """The temperature of least negative log-likelihood, sets weighing alike, on out-of-fold logits."""
    best = (np.inf, 1.0)
    for t in np.exp(np.linspace(np.log(0.3), np.log(4), 80)):
        losses = []
        for name in ("lemotif", "goemotions", "emobank", "own"):
            here = (data.source == name) & (data.sentiment >= 0)
            p = softmax(z[here, :3] / t)
            losses.append(-np.log(p[np.arange(len(p)), data.sentiment[here]] + 1e-9).mean())
        best = min(best, (float(np.mean(losses)), float(t)))
    return best[1]


def cuts_of(data, z):
    """For each theme the logit of best F1; a false alarm where absence is only a hint counts half."""
    offsets = []
    for t in range(len(THEMES)):
        here = data.theme_weight[:, t] > 0
        logit, target = z[here, 4 + t], data.theme[here, t] > 0
        cost = np.where(data.theme_weight[here, t] < 1, 0.5, 1.0)
        grid = np.unique(np.quantile(logit, np.linspace(0.5, 0.999, 200)))

        def f1(cut):
            said = logit >= cut
            hits = (said & target).sum()
            return 2 * hits / max(1e-9, 2 * hits + (cost * (said & ~target)).sum() + (~said & target).sum())

        scores = np.array([f1(cut) for cut in grid])
        near = grid[scores >= scores.max() - 0.005]
        offsets.append(float(np.median(near)))
    return offsets


def mixed_rule_of(data, each, pooled, temperature):
    """The thresholds of the `mixed` rule with the best F1 on lemotif, out of fold."""
    here = np.flatnonzero(data.source == "lemotif")
    p_each = softmax(each[:, :3] / temperature)
    turn = np.array([min(p_each[data.start[i] : data.start[i + 1], k].max() for k in (0, 2)) for i in here])
    p = softmax(pooled[here, :3] / temperature)
    best = (-1.0, None)
    for pos in np.arange(0.2, 0.5, 0.05):
        for neg in np.arange(0.2, 0.5, 0.05):
            for pole in np.arange(0.6, 1.0, 0.05):
                said = ((p[:, 0] >= pos) & (p[:, 2] >= neg)) | (turn >= pole)
                f1 = 2 * (said & data.mixed[here]).sum() / max(1, said.sum() + data.mixed[here].sum())
                names = ("positive_above", "negative_above", "sentence_pole")
                best = max(best, (float(f1), dict(zip(names, (round(float(v), 2) for v in (pos, neg, pole))))), key=lambda b: b[0])
    return best[1], best[0]


def unsure_of(data, pooled, temperature):
    """The confidence below which fewer than six in ten are right, on lemotif and our own sentences."""
    here = np.isin(data.source, ["lemotif", "own"]) & (data.sentiment >= 0)
    p = softmax(pooled[here, :3] / temperature)
    right, confidence = p.argmax(1) == data.sentiment[here], p.max(1)
    cuts = [c for c in np.arange(0.36, 0.62, 0.02) if (confidence < c).sum() >= 15 and right[confidence < c].mean() < 0.6]
    return round(float(max(cuts, default=0.4)), 2)


def report_on(data, outputs, test):
    """Scores on the held-out folds, set by set."""
    report = {}
    for name in ["own"] + CLEAR:
        here = np.flatnonzero(test & (data.source == name))
        part = report[name] = {}
        mood = [i for i in here if data.sentiment[i] >= 0]
        part["sentiment"] = sentiment_scores(data.sentiment[mood], [outputs[i]["probabilities"] for i in mood])
        felt = [i for i in here if not np.isnan(data.valence[i])]
        if len(felt) > 30:
            said = [outputs[i]["valence"] for i in felt]
            part["valence_correlation"] = round(float(np.corrcoef(data.valence[felt], said)[0, 1]), 4)
        about = [i for i in here if data.theme_weight[i].any()]
        if about:
            guess = np.array([outputs[i]["themes"] for i in about]) >= 0.5
            part["themes"] = theme_scores(data.theme[about] > 0, guess)
        if name == "lemotif":
            said, true = np.array([outputs[i]["mixed"] for i in here]), data.mixed[here]
            part["mixed"] = {"n": int(true.sum()), "hits": int((said & true).sum()), "false_alarms": int((said & ~true).sum())}
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=pathlib.Path, required=True, help="the upstream MiniLM files")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the labelled sets")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "target/train-cache")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    began = time.time()
    data = Entries(load_clear(args.data), args.model_dir, args.cache)
    test = np.isin(data.fold, TEST_FOLDS)
    train = data.only(~test)
    train.start = np.concatenate([[0], np.cumsum([len(parts) for parts in train.split])])
    pooling = choose_pooling(train, *out_of_fold(train, START))
    each, whole = out_of_fold(train, pooling)
    pooled = train.pool_logits(each, whole, pooling).numpy().astype(np.float64)
    temperature = temperature_of(train, pooled)
    mixed_rule, mixed_f1 = mixed_rule_of(train, each.numpy(), pooled, temperature)
    meta = {
        "version": 1,
        "encoder": "minilm",
        "dim": 384,
        "rule": "tools/train/heads_rule.py",
        "sentiment": SENTIMENTS,
        "sentiment_temperature": round(temperature, 4),
        "themes": THEMES,
        "theme_scale": [1.0] * len(THEMES),
        "theme_offset": [round(-cut, 4) for cut in cuts_of(train, pooled)],
        "valence_scale": 1.0,
        "pooling": pooling,
        "unsure_below": unsure_of(train, pooled, temperature),
        "mixed": mixed_rule,
    }

    w_out, b_out = (t.numpy() for t in fit(train, pooling))
    tensors, at = {}, 0
    for name, size in HEADS.items():
        tensors[f"{name}.w"] = np.ascontiguousarray(w_out[at : at + size])
        tensors[f"{name}.b"] = np.ascontiguousarray(b_out[at : at + size])
        at += size
    x, entry = data.x.numpy(), data.whole.numpy()
    spans = [slice(data.start[i], data.start[i + 1]) for i in range(len(data.rows))]
    outputs = {i: analyse(tensors, meta, data.split[i], x[spans[i]], entry[i]) for i in np.flatnonzero(test)}
    meta["trained_on"] = [
        {"set": name, "texts": int((train.source == name).sum())} for name in ["own"] + CLEAR
    ]
    meta["report"] = {
        "texts": "folds 0 and 1 of ten, never trained on",
        "interval": "95 %, percentile bootstrap",
        "out_of_fold_mixed_f1_lemotif": round(mixed_f1, 4),
        "sets": report_on(data, outputs, test),
    }
    meta["made_with"] = {name: version(name) for name in ("torch", "sentence-transformers", "numpy")}
    ASSETS.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(ASSETS / "heads.safetensors"))
    (ASSETS / "heads.safetensors").chmod(0o644)
    (ASSETS / "heads.json").write_text(json.dumps(meta, indent=1) + "\n")
    write_fixture(ROOT / "crates/assistant/tests/fixtures", tensors, meta, args.model_dir)
    for name, part in meta["report"]["sets"].items():
        print(name, json.dumps(part))
    print({k: meta[k] for k in ("pooling", "sentiment_temperature", "mixed", "unsure_below")}, f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
