"""Journal entries written for this project, in the form of data/GUIDE.md."""

import json

from label_names import EMOTIONS, SENTIMENTS, THEMES
from labelled_sets import Row, fold_of


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
