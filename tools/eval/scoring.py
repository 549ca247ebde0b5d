"""Scores of answers in the form of `companion analyze` against labelled rows, and the table of them."""

import numpy as np

from label_names import SENTIMENTS, THEMES
from scores import sentiment_scores, theme_scores


def probabilities_of(answer):
    """In the order of `SENTIMENTS`. Of one that gives the likeliest alone, the rest goes to the others, by the sign of the valence."""
    given = answer.get("probabilities")
    if isinstance(given, dict):
        return np.array([given[name] for name in SENTIMENTS])
    if given is not None:
        return given
    rest, lean = (1 - answer["confidence"]) / 2, 0.01 * np.sign(answer["valence"])
    p = np.array([rest * (1 + lean), rest, rest * (1 - lean)])
    p[SENTIMENTS.index(answer["sentiment"])] = answer["confidence"]
    return p


def scores_of(rows, answers):
    """Everything that the rows' labels allow to be scored. An answer without `themes` is not scored on them."""
    out = {"texts": len(rows)}
    pairs = [(r, a) for r, a in zip(rows, answers) if "error" not in a]
    out["refused"] = len(rows) - len(pairs)
    mood = [(r, a) for r, a in pairs if r.sentiment is not None]
    if mood:
        out["sentiment"] = sentiment_scores([r.sentiment for r, _ in mood], [probabilities_of(a) for _, a in mood])
        sure = [SENTIMENTS[r.sentiment] == a["sentiment"] for r, a in mood if not a.get("unsure")]
        out["sentiment"]["unsure_share"] = round(1 - len(sure) / len(mood), 4)
        out["sentiment"]["accuracy_when_sure"] = round(float(np.mean(sure)), 4) if sure else None
    felt = [(r.valence, a["valence"]) for r, a in pairs if r.valence is not None]
    if len(felt) > 20 and np.std(felt, axis=0).min() > 0:
        out["valence_correlation"] = round(float(np.corrcoef(np.array(felt).T)[0, 1]), 4)
    about = [(r, a) for r, a in pairs if r.themes and "themes" in a]
    if about:
        truth = [[r.themes.get(t, (0, 0))[0] > 0 for t in THEMES] for r, _ in about]
        guess = [[t in {theme["name"] for theme in a["themes"]} for t in THEMES] for _, a in about]
        out["themes"] = theme_scores(truth, guess)
    torn = [(r.mixed, bool(a.get("mixed"))) for r, a in pairs if r.mixed is not None and "mixed" in a]
    if any(m for m, _ in torn):
        out["mixed"] = {
            "n": sum(m for m, _ in torn),
            "hits": sum(m and g for m, g in torn),
            "said": sum(g for _, g in torn),
        }
    return out


def evidence_scores(entries, texts, answers):
    """How often the named sentence is one that the label names; only claims that the label makes too."""
    hits = {"sentiment": [], "themes": []}
    for entry, text, answer in zip(entries, texts, answers):
        for item in answer.get("evidence", []):
            wanted = entry["evidence"].get(item["claim"])
            if not wanted or (item["claim"] == "sentiment" and answer["sentiment"] != entry["sentiment"]):
                continue
            quote = item.get("quote") or text.encode()[item["start"] : item["end"]].decode(errors="ignore")
            right = any(quote.strip() in w or w in quote for w in wanted)
            hits["sentiment" if item["claim"] == "sentiment" else "themes"].append(right)
    return {k: {"n": len(v), "right": round(float(np.mean(v)), 4)} for k, v in hits.items() if v}


HEAD = [
    "set", "analyser", "n", "accuracy [95 %]", "macro-F1 [95 %]", "polarity", "ECE", "unsure", "valence r",
    "themes micro-F1 [95 %]", "label found", "mixed found, said", "evidence: mood, themes",
]  # fmt: skip


def with_interval(score, key):
    """`0.912 [0.880, 0.941]`"""
    low, high = score[f"{key}_interval"]
    return f"{score[key]:.3f} [{low:.3f}, {high:.3f}]"


def row_of(name, who, r):
    """One line of the table."""
    s, t, m, e = (r.get(k) or {} for k in ("sentiment", "themes", "mixed", "evidence"))
    return [
        name,
        who,
        str(r["texts"]),
        with_interval(s, "accuracy") if s else "",
        with_interval(s, "macro_f1") if s else "",
        f"{s['polarity_accuracy']:.3f}" if "polarity_accuracy" in s else "",
        f"{s['ece']:.3f}" if s else "",
        f"{s['unsure_share']:.0%}" if s else "",
        f"{r['valence_correlation']:.3f}" if "valence_correlation" in r else "",
        with_interval(t, "micro_f1") if t else "",
        f"{t['label_among_returned']:.3f}" if t.get("label_among_returned") is not None else "",
        f"{m['hits']} of {m['n']}, {m['said']}" if m else "",
        ", ".join(f"{e[k]['right']:.3f}" for k in ("sentiment", "themes") if k in e),
    ]


def markdown(result):
    """One row for each set and analyser."""
    rows = [row_of(name, who, r) for name, part in result.items() for who, r in part.items()]
    lines = [HEAD, ["---", "---"] + ["---:"] * (len(HEAD) - 2)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
