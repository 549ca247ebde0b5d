"""What can be put side by side: the product's binary, its parts in PyTorch, and the baselines.

Each is a function of (texts, rows) to answers in the form of `companion analyze`.
"""

import json
import os
import pathlib
import sys

TRAIN = pathlib.Path(__file__).resolve().parents[1] / "train"
sys.path[:0] = [str(TRAIN), str(TRAIN / "adapter")]

from companion_cli import analyze  # noqa: E402
from label_names import SENTIMENTS  # noqa: E402

ROOT = TRAIN.parents[1]
ASSETS = ROOT / "crates/assistant/assets"


def companion(binary, home=None):
    """The binary, with the home (and so the encoder) that its configuration names."""
    known = {}  # the plain and the hard entries are among all of them: nothing is read twice

    def answers(texts, _rows):
        if home:
            os.environ["COMPANION_HOME"] = home
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, analyze(binary, new) if new else []))
        return [known[text] for text in texts]

    return answers


def first_heads(model_dir, assets=ASSETS, cache=ROOT / "target/train-cache"):
    """The heads on frozen sentence embeddings, by `heads_rule.py`."""
    from frozen import embed_fast
    from heads_rule import analyse
    from labelled_sets import sentences
    from safetensors.numpy import load_file

    tensors, meta = load_file(assets / "heads.safetensors"), json.loads((assets / "heads.json").read_text())

    def answers(texts, _rows):
        split = [sentences(text) for text in texts]
        flat = [s for parts in split for s in parts]
        vectors = embed_fast(model_dir, flat + list(texts), cache)
        out, at = [], 0
        for number, parts in enumerate(split):
            a = analyse(tensors, meta, parts, vectors[at : at + len(parts)], vectors[len(flat) + number])
            at += len(parts)
            a["themes"] = [{"name": n, "probability": p} for n, p in zip(meta["themes"], a["themes"]) if p >= 0.5]
            a["evidence"] = [{"claim": c, "quote": parts[i]} for c, i in a["evidence"].items()]
            out.append(a)
        return out

    return answers


def adapter(model_dir, trained, meta=ASSETS / "adapter.json"):
    """The adapted encoder in PyTorch, rounded as it is shipped."""
    from apply import answer_of
    from export import load_adapter
    from predict import predict
    from units import Item, open_tokenizer

    base, model, _ = load_adapter(trained, model_dir)
    rule, tokenizer = json.loads(meta.read_text()), open_tokenizer(model_dir)

    def answers(texts, _rows):
        items = [Item(tokenizer, text) for text in texts]
        return [answer_of(out, item.units, rule) for out, item in zip(predict(base, model, items), items)]

    return answers


def vader(texts, _rows):
    """VADER with its author's cut-offs; its compound score is the valence."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    judge, out = SentimentIntensityAnalyzer(), []
    for text in texts:
        v = judge.polarity_scores(text)["compound"]
        mood = "positive" if v >= 0.05 else "negative" if v <= -0.05 else "neutral"
        out.append({"sentiment": mood, "confidence": 0.34 + 0.66 * abs(v), "valence": v})
    return out


def majority(_texts, rows):
    """The most frequent sentiment of these very rows, for every one of them."""
    known = [r.sentiment for r in rows if r.sentiment is not None]
    mood = SENTIMENTS[max(set(known), key=known.count)] if known else "neutral"
    return [{"sentiment": mood, "confidence": 1.0, "valence": 0.0} for _ in rows]
