"""Look-alikes by rule: a text with one word changed so that the old answer would be wrong.

Every rule names what it changes. `altered(text)` gives all (rule, new text) that apply; each must be refused by the cache
when an answer to `text` is there, and the other way round.
"""

import re

NUMBERS = {"one": "four", "two": "five", "three": "seven", "four": "nine", "five": "two", "six": "three", "seven": "four",
           "eight": "three", "nine": "six", "ten": "three", "twenty": "fifty", "couple": "dozen"}  # fmt: skip
NEXT_DAY = {"monday": "thursday", "tuesday": "saturday", "wednesday": "sunday", "thursday": "monday", "friday": "tuesday",
            "saturday": "wednesday", "sunday": "friday"}  # fmt: skip
MONTHS = {"january": "june", "february": "october", "march": "november", "april": "september", "june": "january",
          "july": "december", "august": "february", "september": "april", "october": "july", "november": "march",
          "december": "august"}  # fmt: skip
DATES = {"yesterday": "tomorrow", "tomorrow": "yesterday", "today": "yesterday", "tonight": "tomorrow night",
         "last week": "next week", "this week": "last week", "next week": "last week", "this month": "last month",
         "last month": "this month", "this year": "last year", "last year": "this year", "last night": "tomorrow night",
         "this morning": "yesterday morning", "this weekend": "last weekend", "my week": "my year", "the week": "the month",
         "my day": "my month", "the past week": "the past year", "weekly": "yearly", "last few days": "last few years"}  # fmt: skip
PEOPLE = {"mum": "dad", "mom": "dad", "mother": "father", "dad": "mum", "father": "mother", "sister": "brother",
          "brother": "sister", "wife": "sister", "husband": "father", "girlfriend": "mother", "boyfriend": "boss", "boss": "neighbour",
          "manager": "landlord", "friend": "cousin", "friends": "parents", "parents": "children", "son": "daughter",
          "daughter": "son", "kids": "parents", "children": "neighbours", "grandma": "grandad", "grandmother": "grandfather",
          "partner": "colleague", "colleague": "therapist", "coworker": "sister", "therapist": "mother", "teacher": "coach",
          "roommate": "cousin", "flatmate": "uncle", "aunt": "nephew", "uncle": "niece", "dog": "cat", "cat": "dog",
          "him": "her", "his": "her", "he": "she", "she": "he"}  # fmt: skip
OPPOSITES = {"better": "worse", "worse": "better", "best": "worst", "worst": "best", "more": "less", "less": "more",
             "start": "stop", "stop": "start", "starting": "stopping", "begin": "finish", "happy": "sad", "sad": "happy",
             "proud": "ashamed", "calm": "anxious", "anxious": "calm", "love": "hate", "hate": "love", "before": "after",
             "after": "before", "first": "last", "morning": "evening", "evening": "morning", "early": "late", "late": "early",
             "always": "never", "never": "always", "everything": "nothing", "remember": "forget", "forget": "remember",
             "gain": "lose", "lose": "gain", "easy": "hard", "hard": "easy", "good": "bad", "bad": "good",
             "positive": "negative", "negative": "positive", "longer": "shorter", "shorter": "longer", "long": "short",
             "short": "long", "strengths": "weaknesses", "wins": "failures", "highs": "lows", "save": "spend",
             "saving": "spending", "stay": "leave", "keep": "quit", "grateful": "resentful", "tired": "rested"}  # fmt: skip
MODALITY = {"should i": "can i", "can i": "must i", "could i": "should i", "have to": "want to", "need to": "want to",
            "want to": "have to", "must": "might", "might": "must", "i should": "i want to"}  # fmt: skip
NEGATION = {"i can't": "i can", "i cant": "i can", "i can": "i can't", "i don't": "i", "i dont": "i", "i feel": "i don't feel",
            "do i": "don't i", "did i": "didn't i", "am i": "am i not", "i am": "i am not", "i'm": "i'm not", "im": "im not",
            "is it": "isn't it", "i want": "i don't want", "i like": "i don't like", "i was": "i wasn't", "i have": "i have not",
            "with": "without", "i did": "i didn't", "i didn't": "i did"}  # fmt: skip
QUESTION = {"why": "when", "when": "why", "how often": "why", "how many": "which", "how long": "why", "where": "when",
            "who": "why", "how do i": "why do i", "how can i": "why can i", "how to": "when to"}  # fmt: skip
TASK = {"summarise": "rewrite", "summarize": "rewrite", "sum up": "rewrite", "recap": "plan", "list": "compare",
        "ask me": "advise me", "summary": "list", "advice": "a summary", "tips": "questions", "give me a prompt": "give me a summary",
        "a question": "a summary", "continue": "summarise"}  # fmt: skip
SCOPE = {"this entry": "this whole year", "all my": "none of my", "everything": "only the good parts", "whole": "first half of the",
         "all": "half", "at work": "at home", "at home": "at work", "every": "one"}  # fmt: skip
NAMES = ["Ana", "Ben", "Maya", "Tom", "Priya", "Leo", "Sara", "Sam", "Nina", "Omar", "Lena", "Jonas", "Mia", "Alex", "Julia", "Mark",
         "Elena", "Paul", "Rosa", "David", "Lucy", "Marco", "Emma", "Daniel", "Sofia", "Jonah", "Clara", "Kai", "Ines", "Noah"]  # fmt: skip
PLACES = {"berlin": "bern", "paris": "prague", "london": "lisbon", "rome": "riga", "lisbon": "london", "vienna": "venice"}

TABLES = {"number": NUMBERS, "date": NEXT_DAY | MONTHS | DATES, "person": PEOPLE, "opposite": OPPOSITES, "modality": MODALITY,
          "negation": NEGATION, "question": QUESTION, "task": TASK, "scope": SCOPE, "entity": PLACES}  # fmt: skip


def like(old, new):
    """`new` with the capital letter of `old`."""
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def swap(text, rule, old, new):
    """`text` with `old` changed to `new` as `rule` does it; the same text where it does not occur."""
    pattern = re.compile(rf"(?<![\w'’.:]){re.escape(old)}(?![\w'’:])" if old.isdigit() else rf"(?<![\w'’]){re.escape(old)}(?![\w'’])", re.IGNORECASE)
    # A negation is put in once; everything else is changed wherever it stands.
    return pattern.sub(lambda m: like(m.group(), new), text, count=1 if rule == "negation" else 0)


def changes(text):
    """All (rule, old word, new word) that apply to `text`."""
    found = []
    for rule, table in TABLES.items():
        for old, new in table.items():
            if re.search(rf"(?<![\w'’]){re.escape(old)}(?![\w'’])", text, re.IGNORECASE):
                found.append((rule, old, new))
    for match in re.finditer(r"(?<![\w.:])(\d{1,2})(?![\w:])", text):
        found.append(("number", match.group(), str(int(match.group()) * 2 + 1)))
    for name in NAMES:
        if re.search(rf"\b{name}\b", text):
            found.append(("entity", name, NAMES[(NAMES.index(name) + 7) % len(NAMES)]))
    return found


def altered(text):
    """All (rule, text) that one change makes of `text`."""
    found = [(rule, swap(text, rule, old, new)) for rule, old, new in changes(text)]
    return [(rule, new) for rule, new in found if new.casefold() != text.casefold()]


# What may be changed in both texts of a paraphrase without parting them.
BOTH = {"number", "date", "person", "opposite", "entity"}


def altered_both(a, b):
    """All (rule, a, b) with the same word changed in both texts, wherever both hold it."""
    shared = {c for c in changes(a) if c[0] in BOTH} & set(changes(b))
    return [(rule, swap(a, rule, old, new), swap(b, rule, old, new)) for rule, old, new in sorted(shared)]
