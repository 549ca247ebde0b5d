"""The text that companion-tiny reads: diaries in the public domain, entries of our own, and talk about the latter.

A document is a list of (text, weight) pieces: what an assistant says weighs more in the loss than what it is asked
about, because there is so little of it. One document in HELD_OUT_EVERY is never trained on.
"""

import gzip
import json
import random

HELD_OUT_EVERY = 25
ANSWER_WEIGHT = 6.0
END = "<|endoftext|>"
SYSTEM = "You are Companion, a private journal that reads what is written and answers in few words."
SENTIMENT = [
    "How does the writer feel? Answer with one word: positive, neutral or negative.",
    "What is the mood of this entry: positive, neutral or negative?",
    "Say in one word how I felt: positive, neutral or negative.",
]
THEMES = [
    "What is this entry about? Name its themes.",
    "Which themes are in this entry?",
    "What did I write about? Answer with a list of themes.",
]
EMOTIONS = [
    "Which emotions are in this entry?",
    "Name the emotions that I felt.",
    "What did the writer feel? Name the emotions.",
]
EVIDENCE = [
    "Which sentence shows best how the writer feels? Copy it.",
    "Quote the sentence that says how I felt.",
    "Copy the one sentence of this entry that carries the mood.",
]


def chat(messages):
    """The pieces of a dialogue, as the chat template writes them; `messages` are (role, text)."""
    pieces = []
    for role, text in messages:
        said = f"<|im_start|>{role}\n", f"{text}<|im_end|>"
        pieces += [(said[0], 1.0), (said[1], ANSWER_WEIGHT if role == "assistant" else 1.0), ("\n", 1.0)]
    return pieces


def prompt(entry, question):
    """What is asked about an entry, up to where the assistant speaks."""
    return [("system", SYSTEM), ("user", f"{entry}\n\n{question}")]


def answers(entry):
    """Every question that the labels of an entry answer: (wordings, answer)."""
    asked = [(SENTIMENT, entry["sentiment"])]
    asked.append((THEMES, ", ".join(entry["themes"]) or "an ordinary day"))
    asked.append((EMOTIONS, ", ".join(entry["emotions"]) or "none in particular"))
    if entry["evidence"].get("sentiment"):
        asked.append((EVIDENCE, entry["evidence"]["sentiment"][0]))
    return asked


def dialogues(entries, seed, per_entry):
    """`per_entry` dialogues on each entry; half of them are about its sentiment."""
    draw = random.Random(seed)
    for entry in entries:
        asked = answers(entry)
        for turn in range(per_entry):
            wordings, answer = asked[0] if (turn + seed) % 2 == 0 else draw.choice(asked[1:])
            yield chat(prompt(entry["text"], draw.choice(wordings)) + [("assistant", answer)])


def diaries(folder):
    """The days of both diaries."""
    with gzip.open(folder / "pepys.jsonl.gz", "rt", encoding="utf-8") as lines:
        days = [json.loads(line)["text"] for line in lines]
    with open(folder / "barbellion.jsonl", encoding="utf-8") as lines:
        return days + [json.loads(line)["text"] for line in lines]


def entries(paths):
    """Entries in the form of data/GUIDE.md."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            found += [json.loads(line) for line in lines if line.strip()]
    return found


def split(documents):
    """(to train on, held out)."""
    held = documents[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    return [d for at, d in enumerate(documents) if (at + 1) % HELD_OUT_EVERY], held
