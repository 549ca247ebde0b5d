"""Labelled text as rows of one form, for training and for measuring.

Only the sets in `CLEAR` (licence stated and permissive, see the data's own README) and this project's own sentences may
train what is shipped. Rows are put into ten folds by a hash of their text, so that the same text is on the same side in
every script: folds 0 and 1 are for testing, the others for training.
"""

import gzip
import hashlib
import json
import pathlib
import re
from dataclasses import dataclass, field

from label_names import EMOTION_OF_SET, SENTIMENTS, THEME_OF_SET, THEMES, VALENCE_OF_EMOTION

CLEAR = ["lemotif", "sad", "goemotions", "emobank"]
TEST_FOLDS = (0, 1)
OWN = pathlib.Path(__file__).with_name("own_theme_sentences.jsonl")

SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\s*\n+\s*")


@dataclass
class Row:
    """One labelled text; what a set does not say is None."""

    text: str
    source: str
    sentiment: int | None = None  # index into SENTIMENTS
    valence: float | None = None  # -1 to 1
    mixed: bool | None = None
    themes: dict[str, tuple[float, float]] = field(default_factory=dict)  # name -> (target 0/1, weight)
    emotions: list[str] | None = None
    evidence: dict[str, list[str]] | None = None  # "sentiment" or a theme -> sentences that say so
    hard: bool = False
    fold: int = 0


def fold_of(text):
    """The fold, 0 to 9, of a text; case, spaces and punctuation do not move it."""
    letters = "".join(c for c in text.lower() if c.isalnum())
    return hashlib.sha256(letters.encode()).digest()[0] * 10 // 256


def sentences(text):
    """A plain splitter for training; the product's own, in `engine::text`, knows more cases."""
    parts = [part.strip() for part in SENTENCE_END.split(text)]
    return [part for part in parts if any(c.isalnum() for c in part)] or [text.strip()]


def read(folder, name):
    """The raw objects of one set, whichever way it is packed."""
    path = pathlib.Path(folder) / f"{name}.jsonl"
    if path.exists():
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    with gzip.open(f"{path}.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def row_of(name, item):
    """One raw object as a Row, with what the set honestly says and no more."""
    row = Row(item["text"], name, fold=fold_of(item["text"]))
    mood = item.get("sentiment")
    row.mixed = mood == "mixed" if mood else None
    if mood in SENTIMENTS:
        row.sentiment = SENTIMENTS.index(mood)
    words = item.get("emotions") or (item["labels"] if name in ("goemotions", "lemotif") else [])
    known = [VALENCE_OF_EMOTION[word] for word in words if word in VALENCE_OF_EMOTION]
    if name == "emobank":
        row.valence = max(-1.0, min(1.0, (item["valence"] - 3.0) / 1.5))
    elif known:
        row.valence = sum(known) / len(known)
        row.emotions = sorted({EMOTION_OF_SET[word] for word in words if word in EMOTION_OF_SET})
    if item.get("themes") is not None and name in ("lemotif", "sad", "claff_happydb"):
        present = {THEME_OF_SET[theme] for theme in item["themes"] if theme in THEME_OF_SET}
        second = THEME_OF_SET.get({"Social Relationships": "friends"}.get(item.get("second_label"), ""), None)
        # One label a text is asked for, so the absence of the others is only a hint: a low weight.
        for theme in THEMES:
            if theme in present:
                row.themes[theme] = (1.0, 1.0)
            elif theme != second:
                row.themes[theme] = (0.0, 0.25)
    return row


def load_set(folder, name):
    """All rows of one public set."""
    return [row_of(name, item) for item in read(folder, name)]


def load_own():
    """This project's own theme sentences: every theme of a sentence is labelled, so absence counts in full."""
    rows = []
    for line in OWN.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        row = Row(item["text"], "own", SENTIMENTS.index(item["sentiment"]), mixed=False, fold=fold_of(item["text"]))
        row.valence = {"positive": 0.55, "neutral": 0.0, "negative": -0.55}[item["sentiment"]]
        row.themes = {theme: (float(theme in item["themes"]), 1.0) for theme in THEMES}
        rows.append(row)
    return rows


def load_clear(folder, goemotions_limit=14000):
    """The training sets. GoEmotions is cut to its first-person comments, which are nearer to a journal."""
    rows = load_own() + load_set(folder, "lemotif") + load_set(folder, "sad") + load_set(folder, "emobank")
    own_voice = [item for item in read(folder, "goemotions") if item["first_person"] and item["sentiment"]]
    own_voice.sort(key=lambda item: hashlib.sha256(item["text"].encode()).digest())
    return rows + [row_of("goemotions", item) for item in own_voice[:goemotions_limit]]
