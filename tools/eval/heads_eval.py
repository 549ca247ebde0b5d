#!/usr/bin/env python3
"""Accuracy of `companion analyze` over labelled sets, as Markdown and JSON.

    python tools/eval/heads_eval.py --companion target/release/companion --data ../shared/data/labelled \\
        [--sets lemotif isear ...] [--own data/journal-200.jsonl ...] [--limit 1500] [--json FILE] [--baselines]

A set that took part in training is scored on its held-out folds only (0 and 1 of ten); the others on a spread of all rows.
`--own` files are in the form of data/GUIDE.md; they are also scored apart for `hard` entries, and for evidence.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "train"))

from companion_cli import analyze  # noqa: E402
from label_names import SENTIMENTS, THEMES  # noqa: E402
from labelled_sets import CLEAR, TEST_FOLDS, load_set  # noqa: E402
from own_entries import load_entries  # noqa: E402
from scores import sentiment_scores, theme_scores  # noqa: E402

SETS = ["lemotif", "isear", "empathetic_dialogues", "covidet", "carer_emotion", "goemotions", "emobank", "claff_happydb", "sad"]


def spread(rows, limit):
    """At most `limit` rows, evenly from all."""
    return rows[:: max(1, -(-len(rows) // limit))]


def probabilities_of(answer):
    """The product prints the likeliest and its probability; the rest goes to the others, by the sign of the valence."""
    rest, lean = (1 - answer["confidence"]) / 2, 0.01 * np.sign(answer["valence"])
    p = np.array([rest * (1 + lean), rest, rest * (1 - lean)])
    p[SENTIMENTS.index(answer["sentiment"])] = answer["confidence"]
    return answer.get("probabilities", p)


def scores_of(rows, answers):
    """Everything that the rows' labels allow to be scored."""
    out = {"texts": len(rows)}
    pairs = [(r, a) for r, a in zip(rows, answers) if "error" not in a]
    out["refused"] = len(rows) - len(pairs)
    mood = [(r, a) for r, a in pairs if r.sentiment is not None]
    if mood:
        out["sentiment"] = sentiment_scores([r.sentiment for r, _ in mood], [probabilities_of(a) for _, a in mood])
        sure = [(r, a) for r, a in mood if not a.get("unsure")]
        out["sentiment"]["unsure_share"] = round(1 - len(sure) / len(mood), 4)
        if sure:
            right = [SENTIMENTS[r.sentiment] == a["sentiment"] for r, a in sure]
            out["sentiment"]["accuracy_when_sure"] = round(float(np.mean(right)), 4)
    felt = [(r.valence, a["valence"]) for r, a in pairs if r.valence is not None]
    if len(felt) > 20 and np.std(felt, axis=0).min() > 0:
        out["valence_correlation"] = round(float(np.corrcoef(np.array(felt).T)[0, 1]), 4)
    about = [(r, a) for r, a in pairs if r.themes]
    if about:
        truth = [[r.themes.get(t, (0, 0))[0] > 0 for t in THEMES] for r, _ in about]
        guess = [[t in {theme["name"] for theme in a["themes"]} for t in THEMES] for _, a in about]
        out["themes"] = theme_scores(truth, guess)
    torn = [(r.mixed, bool(a.get("mixed"))) for r, a in pairs if r.mixed is not None]
    if any(m for m, _ in torn):
        hits = sum(m and g for m, g in torn)
        out["mixed"] = {"n": sum(m for m, _ in torn), "hits": hits, "said": sum(g for _, g in torn)}
    return out


def evidence_scores(entries, texts, answers):
    """How often the named sentence is one that the label names, for the sentiment and for each theme found."""
    hits = {"sentiment": [], "themes": []}
    for entry, text, answer in zip(entries, texts, answers):
        for item in answer.get("evidence", []):
            wanted = entry["evidence"].get(item["claim"])
            if not wanted:
                continue
            start = item["start"] if isinstance(item.get("start"), int) else -1
            quote = item.get("quote") or text.encode()[start : item["end"]].decode(errors="ignore")
            right = any(quote.strip() in w or w in quote for w in wanted)
            hits["sentiment" if item["claim"] == "sentiment" else "themes"].append(right)
    return {k: {"n": len(v), "right": round(float(np.mean(v)), 4)} for k, v in hits.items() if v}


def vader_answers(texts):
    """VADER with its author's cut-offs, in the form of the product's answers."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    judge, out = SentimentIntensityAnalyzer(), []
    for text in texts:
        v = judge.polarity_scores(text)["compound"]
        mood = "positive" if v >= 0.05 else "negative" if v <= -0.05 else "neutral"
        out.append({"sentiment": mood, "confidence": 0.34 + 0.66 * abs(v), "valence": v, "themes": []})
    return out


def majority_answers(rows):
    """The most frequent sentiment of these rows for every one of them."""
    known = [r.sentiment for r in rows if r.sentiment is not None]
    mood = SENTIMENTS[max(set(known), key=known.count)] if known else "neutral"
    return [{"sentiment": mood, "confidence": 1.0, "valence": 0.0, "themes": []} for _ in rows]


def markdown(result):
    """One row a set and analyser."""
    head = "| set | analyser | n | accuracy [95 %] | macro-F1 [95 %] | polarity | ECE | valence r | themes micro-F1 | label found | mixed |"
    lines = [head, "| --- | --- |" + " ---: |" * 9]
    for name, part in result.items():
        for who, r in part.items():
            if "sentiment" not in r and "themes" not in r:
                continue
            s, t, m = r.get("sentiment"), r.get("themes"), r.get("mixed")

            def with_interval(score, key):
                low, high = score[f"{key}_interval"]
                return f"{score[key]:.3f} [{low:.3f}, {high:.3f}]"

            cells = [name, who, str(r["texts"])]
            cells += [with_interval(s, "accuracy"), with_interval(s, "macro_f1")] if s else ["", ""]
            cells += [f"{s['polarity_accuracy']:.3f}" if s and "polarity_accuracy" in s else "", f"{s['ece']:.3f}" if s else ""]
            cells += [f"{r['valence_correlation']:.3f}" if "valence_correlation" in r else ""]
            cells += [with_interval(t, "micro_f1") if t else "", f"{t['label_among_returned']:.3f}" if t and t["label_among_returned"] is not None else ""]
            cells += [f"{m['hits']} of {m['n']}, said {m['said']}" if m else ""]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", default="target/release/companion")
    parser.add_argument("--analyze-args", default="", help="more arguments for `companion analyze`, separated by spaces")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--own", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=1500, help="texts of each set")
    parser.add_argument("--baselines", action="store_true", help="VADER and the majority beside it")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything here")
    args = parser.parse_args()

    jobs = []
    for name in args.sets if args.data else []:
        rows = load_set(args.data, name)
        if name in CLEAR:
            rows = [row for row in rows if row.fold in TEST_FOLDS]
        jobs.append((name, spread(rows, args.limit), None))
    for path in args.own:
        entries, rows = load_entries(path)
        jobs.append((path.stem, rows, entries))
        for label, want in (("plain", False), ("hard", True)):
            some = [i for i, e in enumerate(entries) if bool(e["hard"]) == want]
            if some:
                jobs.append((f"{path.stem}, {label}", [rows[i] for i in some], [entries[i] for i in some]))

    result = {}
    for name, rows, entries in jobs:
        texts = [row.text for row in rows]
        answers = analyze(args.companion, texts, args.analyze_args.split())
        result[name] = {"companion": scores_of(rows, answers)}
        if entries:
            result[name]["companion"]["evidence"] = evidence_scores(entries, texts, answers)
        if args.baselines:
            result[name]["VADER"] = scores_of(rows, vader_answers(texts))
            result[name]["majority"] = scores_of(rows, majority_answers(rows))
        for part in result[name].values():
            if part.get("themes") and not part["themes"]["recall"]:
                del part["themes"]  # an analyser that names no themes is not scored on them
    print(markdown(result))
    for name, part in result.items():
        if part["companion"].get("evidence"):
            print(f"evidence, {name}: {part['companion']['evidence']}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
