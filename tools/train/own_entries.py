"""Journal entries written for this project, in the form of data/GUIDE.md."""

import json

from label_names import EMOTIONS, SENTIMENTS, THEMES
from labelled_sets import Row, fold_of

DEV_VOICES = (1,)  # folds of voices that no training sees: for choosing an epoch and for calibration


def load_entries(path):
    """One JSON-lines file as (raw entries, rows). Every theme is labelled, so absence counts in full."""
    entries = [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]
    rows = []
    for entry in entries:
        row = Row(entry["text"], "journal", SENTIMENTS.index(entry["sentiment"]), entry["valence"], bool(entry["mixed"]))
        row.themes = {theme: (float(theme in entry["themes"]), 1.0) for theme in THEMES}
        row.emotions = [word for word in entry["emotions"] if word in EMOTIONS]
        row.evidence, row.hard = entry["evidence"], bool(entry["hard"])
        row.fold = fold_of(entry["voice"])  # by voice: a voice is never on both sides
        rows.append(row)
    return entries, rows


def evidence_rows(entries, rows):
    """The named sentences of plain entries as short texts of their own; of hard ones only what they say of themes.

    A sentence that was named for one theme may well be about another of its entry's: those count as unknown.
    """
    out = []
    for entry, whole in zip(entries, rows):
        named = {}
        for claim, quotes in entry["evidence"].items():
            for quote in quotes:
                named.setdefault(quote, set()).add(claim)
        for quote, claims in named.items():
            if quote == entry["text"] or len(quote.split()) < 4:
                continue
            row = Row(quote, "evidence", fold=whole.fold)
            if "sentiment" in claims and not entry["hard"]:
                row.sentiment, row.valence = whole.sentiment, whole.valence
            for theme in THEMES:
                if theme in claims:
                    row.themes[theme] = (1.0, 1.0)
                elif theme not in entry["themes"]:
                    row.themes[theme] = (0.0, 1.0)
            out.append(row)
    return out
