"""The fixture that holds the Rust heads to `heads_rule.py`: texts with explicit sentences, their vectors, the answers."""

import json

from frozen import embed
from heads_rule import analyse

# Each entry is the list of its sentences; written for this project.
ENTRIES = [
    ["Slept nine hours and woke up glad."],
    ["Nothing to report today."],
    ["My boss shouted at me in front of everyone, and I went and cried in the toilets."],
    ["The meeting was awful.", "I felt stupid and small.", "But tonight my sister rang, we laughed for an hour, and I'm happy."],
    ["Up at seven.", "Train, office, train.", "Soup for supper."],
    ["The kitten is asleep on my arm, and I would rather not move ever again."],
    ["Walked up to the moor.", "Curlews everywhere, wind, no one else."],
    ["I'm proud of the children.", "I'm also exhausted and I resent every single dish in this house."],
    ["Paid the rent and the gas; eleven euros left until Friday.", "I lie awake doing sums."],
    ["We landed in Porto at noon!", "Grilled fish, tiles, the river, my love beside me."],
    ["The laptop ate my notes."],
    ["Ten kilometres this morning, in the rain, without stopping once."],
    ["Mass at ten.", "I lit a candle for Grandpa and missed him."],
    ["Great, just great."],
    ["Exam results came: I passed!", "I passed, I passed, I passed."],
    ["She doesn't love me any more.", "She said it kindly.", "I keep washing the same cup."],
    ["Painted the kitchen, hung the shelf, oiled the door."],
    ["I can't sleep.", "I can't think.", "I'm so afraid of tomorrow's operation."],
    ["Wrote three pages of the novel; they may even be good."],
    ["Today I said no for the first time, and nobody died.", "I think I'm learning."],
    ["今日は雨だったので、家で本を読みました。"],
    ["Heute war ein guter Tag."],
]


def write_fixture(folder, tensors, meta, model_dir):
    """Write `heads_expected.json` (all entries) and `heads_reference.json` (five, with the vectors they start from)."""
    folder.mkdir(parents=True, exist_ok=True)
    expected = []
    for sentences in ENTRIES:
        text = " ".join(sentences)
        vectors = embed(model_dir, sentences + [text])
        answer = analyse(tensors, meta, sentences, vectors[:-1], vectors[-1])
        expected.append(({"text": text, "sentences": sentences}, vectors, answer))
    rows = [head | answer for head, _, answer in expected]
    (folder / "heads_expected.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    with_vectors = [
        head | {"entry": shorten(vectors[-1]), "vectors": [shorten(v) for v in vectors[:-1]]} | answer
        for head, vectors, answer in expected[2:8]
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in with_vectors)
    (folder / "heads_reference.json").write_text(f"[\n{lines}\n]\n")


def shorten(vector):
    """f32 with the seven digits that it has, so that the file stays small."""
    return [float(f"{float(v):.7g}") for v in vector]
