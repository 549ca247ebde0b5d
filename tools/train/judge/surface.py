"""What may change about how a text is typed without changing what it asks: case, punctuation, slips, greetings.

Used on both sides of training pairs of either label, so that the judge learns to look through it. Nothing here touches a
number, a name, a negation or a word of time.
"""

import re

SHORT = {"you": "u", "your": "ur", "are": "r", "please": "pls", "because": "bc", "about": "abt", "people": "ppl", "and": "n",
         "with": "w", "something": "smth", "though": "tho", "really": "rly", "feeling": "feelin", "going to": "gonna",
         "want to": "wanna", "thanks": "thx", "what is": "whats", "i am": "im", "i have": "ive", "okay": "ok"}  # fmt: skip
BEFORE = ["hey, ", "hi! ", "ok so ", "ok, ", "quick one: ", "question: ", "so, ", "um ", "hello there. ", "right, ", "please: ",
          "just wondering, ", "been thinking. ", "dear journal, ", "tell me, ", "listen, "]  # fmt: skip
AFTER = [" please", " pls", " thanks", " thank you", " thx", " cheers", " :)", " if you would", "...", "??", " hm"]
# A slip inside one of these might change what is asked.
FIRM = {"never", "without", "nothing", "nobody", "three", "seven", "eight", "twenty", "before", "after", "should", "could", "would",
        "better", "worse", "today", "tomorrow", "yesterday", "tonight", "month", "weeks", "start", "sister", "brother", "mother",
        "father", "until", "since", "cannot", "wasnt", "didnt", "hardly", "where", "which", "whether"}  # fmt: skip


def slip(word, rng):
    """One letter dropped, doubled, or swapped with the next; the first and the last letter stay."""
    at = rng.randrange(1, len(word) - 2)
    how = rng.random()
    if how < 0.4:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if how < 0.8:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


def retyped(text, rng):
    """`text` as somebody else, or a hurried thumb, might have typed it."""
    if rng.random() < 0.5:
        text = text.lower()
    if rng.random() < 0.3:
        text = re.sub(r"[.!?;]+(?=\s|$)|,(?=\s)", "", text)
    if rng.random() < 0.3:
        text = text.replace("'", "").replace("\u2019", "")
    if rng.random() < 0.3:
        for old, new in SHORT.items():
            if rng.random() < 0.6:
                text = re.sub(rf"(?<![\w'])(?:{old})(?![\w'])", new, text, flags=re.IGNORECASE)
    if rng.random() < 0.35:
        words = text.split(" ")
        long = [i for i, w in enumerate(words) if len(w) > 4 and w.isalpha() and w.islower() and w not in FIRM]
        for i in rng.sample(long, min(len(long), 1 + len(words) // 12)):
            words[i] = slip(words[i], rng)
        text = " ".join(words)
    if rng.random() < 0.15:
        text = rng.choice(BEFORE) + text
    if rng.random() < 0.15:
        text = text.rstrip(".?! ") + rng.choice(AFTER)
    return text
